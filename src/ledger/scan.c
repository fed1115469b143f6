// See scan.h. A scan has two questions for each row, the first cheap and asked of all:
//
//   SRC, DST --> table in L1 or L2, one bit found by the number's low bits --> maybe: few rows
//                     (scan_avx512.c, scan_avx2.c, or below)                       |
//                                                          exact bitmap <----------+--> hits
//
// Why low bits and no hash: local ids are ranks in an order of hashes already, and output numbers
// are dense, so that members that lie side by side (the outputs of one transaction) get different
// bits. A collision costs a second question, never an answer, so there is nothing to attack.
//
// Rows are taken DP_CHUNK bytes of a column at a time: that is what one checksum covers. A chunk
// that is read for the first time is hashed, and scanned while it is still in the cache.
#include "ledger/scan.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "ledger/scan_private.h"

enum {
	BLOCK_PAIRS = DP_CHUNK / 4,   // rows asked at once
	BLOCK_NUMBERS = DP_CHUNK / 8, // inputs asked at once
	PIECE = 1 << 17,      // rows that one thread takes: a millisecond's scan at the most
	SMALL_BITS_MIN = 17,  // 16 KiB: half of the smallest first-level cache there is
	SMALL_BITS_NEAR = 20, // 128 KiB: within the second-level cache
	SMALL_BITS_MAX = 28   // 32 MiB
};
#define HITS_MAX ((uint64_t)1 << DP_TXROW_BITS)

//- levels ----------------------------------------------------------------------------------------

// Chosen once; a test or bench may lower it between scans. Atomic because several threads may ask
// first: they all find the same.
static _Atomic int level_now = -1;

dp_scan_level dp_scan_level_best(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f")) return DP_SCAN_AVX512;
	if (__builtin_cpu_supports("avx2")) return DP_SCAN_AVX2;
#endif
	return DP_SCAN_PLAIN;
}

void dp_scan_level_set(dp_scan_level level)
{
	DP_CHECK(level <= dp_scan_level_best());
	atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

const char *dp_scan_level_name(dp_scan_level level)
{
	switch (level) {
	case DP_SCAN_PLAIN: return "plain";
	case DP_SCAN_AVX2: return "AVX2";
	case DP_SCAN_AVX512: return "AVX-512";
	}
	DP_CHECK(false);
}

#if defined(__x86_64__)
static dp_scan_level level_get(void)
{
	int level = atomic_load_explicit(&level_now, memory_order_relaxed);
	if (__builtin_expect(level < 0, 0)) {
		level = (int)dp_scan_level_best();
		atomic_store_explicit(&level_now, level, memory_order_relaxed);
	}
	return (dp_scan_level)level;
}
#endif

static dp_scan_pairs_loop pairs_loop(void)
{
#if defined(__x86_64__)
	if (level_get() == DP_SCAN_AVX512) return dp_scan_pairs_avx512;
	if (level_get() == DP_SCAN_AVX2) return dp_scan_pairs_avx2;
#endif
	return dp_scan_pairs_plain;
}

static dp_scan_numbers_loop numbers_loop(void)
{
#if defined(__x86_64__)
	if (level_get() == DP_SCAN_AVX512) return dp_scan_numbers_avx512;
	if (level_get() == DP_SCAN_AVX2) return dp_scan_numbers_avx2;
#endif
	return dp_scan_numbers_plain;
}

//- the set ---------------------------------------------------------------------------------------

static inline uint32_t bit_of(const uint32_t *words, uint32_t n)
{
	return words[n >> 5] >> (n & 31) & 1;
}

static uint32_t bits_for(uint64_t items, uint32_t bits_min)
{
	uint32_t bits = bits_min;
	while (bits < SMALL_BITS_MAX && (uint64_t)1 << bits < items) bits++;
	return bits;
}

// Sizes, as measured (bench_scan.c): with a bit in 32 set few rows are asked a second time, and up
// to 2^20 bits the table stays in the second-level cache beside the columns; beyond that a smaller
// table is worth more than fewer maybes.
static uint32_t small_bits_for(uint64_t members)
{
	uint32_t roomy = bits_for(members * 32, SMALL_BITS_MIN);
	uint32_t tight = bits_for(members * 16, SMALL_BITS_MIN);
	if (roomy <= SMALL_BITS_NEAR) return roomy;
	return tight > SMALL_BITS_NEAR ? tight : SMALL_BITS_NEAR;
}

dp_code dp_scan_set_init(dp_scan_set *set, uint64_t id_count, uint64_t members_max, dp_fault *fault)
{
	DP_CHECK(set != NULL);
	DP_CHECK(id_count <= DP_ADDRESS_IDS_MAX);
	dp_scan_set s = {0};
	uint64_t many = members_max > UINT32_MAX ? UINT32_MAX : members_max;
	s.small_bits = small_bits_for(many);
	if (id_count > 0) {
		s.bit_count = id_count + 1;
		uint32_t whole = bits_for(s.bit_count, 5);
		// The table may as well hold every id when that is not larger, and is exact then.
		if ((uint64_t)1 << whole >= s.bit_count && whole <= s.small_bits)
			s.small_bits = whole;
		if ((uint64_t)1 << s.small_bits < s.bit_count) {
			s.bits = dp_alloc((s.bit_count + 31) / 32 * 4);
			if (s.bits == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		}
	}
	s.small = dp_alloc(((size_t)1 << s.small_bits) / 8);
	if (s.small == NULL) {
		dp_free(s.bits);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	*set = s;
	return DP_OK;
}

void dp_scan_set_done(dp_scan_set *set)
{
	DP_CHECK(set != NULL);
	dp_free(set->small);
	dp_free(set->bits);
	*set = (dp_scan_set){0};
}

void dp_scan_set_clear(dp_scan_set *set)
{
	DP_CHECK(set->small != NULL);
	memset(set->small, 0, ((size_t)1 << set->small_bits) / 8);
	if (set->bits != NULL) memset(set->bits, 0, (set->bit_count + 31) / 32 * 4);
	set->members = 0;
}

void dp_scan_set_add(dp_scan_set *set, uint64_t number)
{
	DP_CHECK(set->small != NULL);
	DP_CHECK(set->bit_count == 0 ? number < DP_SPENT_FOREIGN : number < set->bit_count);
	uint32_t low = (uint32_t)(number & (((uint64_t)1 << set->small_bits) - 1));
	set->small[low >> 5] |= 1u << (low & 31);
	if (set->bits != NULL) set->bits[number >> 5] |= 1u << (number & 31);
	set->members++;
}

//- loops -----------------------------------------------------------------------------------------

// Every row is written and only hits are kept: no branch that could be guessed wrongly.
uint64_t dp_scan_pairs_plain(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                             uint32_t base, const uint32_t *table, uint32_t bits)
{
	DP_CHECK(bits >= 5 && bits <= 31);
	const uint32_t mask = (1u << bits) - 1;
	uint64_t count = 0, i = 0;
	for (; i + 4 <= n; i += 4) {
		uint32_t hit[4];
		for (int k = 0; k < 4; k++)
			hit[k] = bit_of(table, src[i + (unsigned)k] & mask) |
			         bit_of(table, dst[i + (unsigned)k] & mask);
		if ((hit[0] | hit[1] | hit[2] | hit[3]) == 0) continue;
		for (unsigned k = 0; k < 4; k++) {
			out[count] = base + (uint32_t)i + k;
			count += hit[k];
		}
	}
	for (; i < n; i++) {
		out[count] = base + (uint32_t)i;
		count += bit_of(table, src[i] & mask) | bit_of(table, dst[i] & mask);
	}
	return count;
}

uint64_t dp_scan_numbers_plain(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                               const uint32_t *table, uint32_t bits)
{
	DP_CHECK(bits >= 5 && bits <= 31);
	const uint32_t mask = (1u << bits) - 1;
	uint64_t count = 0, i = 0;
	for (; i + 4 <= n; i += 4) {
		uint32_t hit[4];
		for (unsigned k = 0; k < 4; k++)
			hit[k] = bit_of(table, (uint32_t)number[i + k] & mask);
		if ((hit[0] | hit[1] | hit[2] | hit[3]) == 0) continue;
		for (unsigned k = 0; k < 4; k++) {
			out[count] = base + (uint32_t)i + k;
			count += hit[k];
		}
	}
	for (; i < n; i++) {
		out[count] = base + (uint32_t)i;
		count += bit_of(table, (uint32_t)number[i] & mask);
	}
	return count;
}

// The exact question: is the id in the ledger's range (a hostile column may hold any), and set?
static inline uint32_t is_member(const dp_scan_set *set, uint32_t id)
{
	if (id >= set->bit_count) return 0;
	// Without the exact bitmap the table holds every id.
	return bit_of(set->bits != NULL ? set->bits : set->small, id);
}

static uint64_t pairs_block(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                            uint32_t base, const dp_scan_set *set, dp_scan_pairs_loop loop)
{
	uint64_t maybe = loop(out, src, dst, n, base, set->small, set->small_bits), count = 0;
	for (uint64_t k = 0; k < maybe; k++) {
		uint32_t row = out[k], i = row - base;
		out[count] = row;
		count += is_member(set, src[i]) | is_member(set, dst[i]);
	}
	return count;
}

static uint64_t numbers_block(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                              const dp_scan_set *set, dp_scan_numbers_loop loop)
{
	uint64_t maybe = loop(out, number, n, base, set->small, set->small_bits), count = 0;
	for (uint64_t k = 0; k < maybe; k++) {
		// The loop has written `maybe` rows: each that it counts was written before.
		uint32_t row = out[k]; // NOLINT(clang-analyzer-core.uninitialized.Assign): so
		out[count] = row;
		count += number[row - base] < DP_SPENT_FOREIGN;
	}
	return count;
}

uint64_t dp_scan_pairs(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                       uint32_t base, const dp_scan_set *set)
{
	DP_CHECK(set->bit_count > 0 && set->small != NULL);
	DP_CHECK(n <= HITS_MAX);
	dp_scan_pairs_loop loop = pairs_loop();
	uint64_t count = 0, size;
	for (uint64_t i = 0; i < n; i += size) {
		size = n - i < BLOCK_PAIRS ? n - i : BLOCK_PAIRS;
		count +=
		    pairs_block(out + count, src + i, dst + i, size, base + (uint32_t)i, set, loop);
	}
	return count;
}

uint64_t dp_scan_numbers(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                         const dp_scan_set *set)
{
	DP_CHECK(set->bit_count == 0 && set->small != NULL);
	DP_CHECK(n <= HITS_MAX);
	dp_scan_numbers_loop loop = numbers_loop();
	uint64_t count = 0, size;
	for (uint64_t i = 0; i < n; i += size) {
		size = n - i < BLOCK_NUMBERS ? n - i : BLOCK_NUMBERS;
		count +=
		    numbers_block(out + count, number + i, size, base + (uint32_t)i, set, loop);
	}
	return count;
}

//- segments --------------------------------------------------------------------------------------

void dp_scan_hits_done(dp_scan_hits *h)
{
	DP_CHECK(h != NULL);
	dp_free(h->row);
	*h = (dp_scan_hits){0};
}

static dp_code append_hits(dp_scan_hits *io_hits, const uint32_t *row, uint64_t count,
                           dp_fault *fault)
{
	if (count == 0) return DP_OK;
	void *rows = io_hits->row;
	dp_code code =
	    dp_grow(&rows, &io_hits->cap, sizeof *row, io_hits->count + count, HITS_MAX, fault);
	if (code != DP_OK) return code;
	io_hits->row = rows;
	memcpy(io_hits->row + io_hits->count, row, count * sizeof *row);
	io_hits->count += count;
	return DP_OK;
}

typedef struct scan_piece {
	dp_scan_hits hits;
	dp_code code;
	bool damaged;
	dp_section_id section; // where it is damaged
	uint64_t index;
} scan_piece;

typedef struct scan_job {
	dp_segment *segment;
	const dp_scan_set *set;
	uint64_t first, end;
	scan_piece *piece;
} scan_job;

// A span of a column, checked; notes where it is damaged.
static const void *span(scan_job *job, scan_piece *p, dp_section_id id, uint64_t first, uint64_t n)
{
	const void *at = dp_segment_span_slow(job->segment, id, first, n);
	if (at == NULL) {
		p->damaged = true;
		p->section = id;
		p->index = first;
	}
	return at;
}

static void scan_one_piece(void *context, uint64_t number)
{
	scan_job *job = context;
	scan_piece *p = &job->piece[number];
	bool utxo = job->segment->utxo;
	uint64_t block = utxo ? BLOCK_NUMBERS : BLOCK_PAIRS, n;
	uint64_t at = job->first + number * PIECE;
	uint64_t end = job->end - at < PIECE ? job->end : at + PIECE;
	uint32_t hit[BLOCK_PAIRS];
	DP_CHECK(at < end);
	dp_segment_fetch(job->segment, utxo ? DP_SEC_SPENT : DP_SEC_SRC, at, end - at);
	if (!utxo) dp_segment_fetch(job->segment, DP_SEC_DST, at, end - at);
	for (; at < end; at += n) {
		n = end - at < block ? end - at : block;
		uint64_t count;
		if (utxo) {
			const uint64_t *spent = span(job, p, DP_SEC_SPENT, at, n);
			if (spent == NULL) return;
			count =
			    numbers_block(hit, spent, n, (uint32_t)at, job->set, numbers_loop());
		} else {
			const uint32_t *src = span(job, p, DP_SEC_SRC, at, n);
			if (src == NULL) return;
			const uint32_t *dst = span(job, p, DP_SEC_DST, at, n);
			if (dst == NULL) return;
			count = pairs_block(hit, src, dst, n, (uint32_t)at, job->set, pairs_loop());
		}
		p->code = append_hits(&p->hits, hit, count, NULL);
		if (p->code != DP_OK) return;
	}
}

// The first piece that failed says what is wrong, so that the message does not hang on chance.
static dp_code join_pieces(scan_job *job, dp_scan_hits *io_hits, uint64_t pieces, dp_fault *fault)
{
	uint64_t total = 0;
	for (uint64_t i = 0; i < pieces; i++) {
		const scan_piece *p = &job->piece[i];
		if (p->damaged) return dp_segment_fault(job->segment, p->section, p->index, fault);
		if (p->code != DP_OK) return dp_fail(fault, p->code, "out of memory");
		total += p->hits.count;
	}
	void *rows = io_hits->row;
	DP_TRY(dp_grow(&rows, &io_hits->cap, sizeof *io_hits->row, io_hits->count + total, HITS_MAX,
	               fault));
	io_hits->row = rows;
	for (uint64_t i = 0; i < pieces; i++)
		DP_TRY(
		    append_hits(io_hits, job->piece[i].hits.row, job->piece[i].hits.count, fault));
	return DP_OK;
}

dp_code dp_scan_segment(dp_segment *s, dp_scan_hits *io_hits, const dp_scan_set *set,
                        uint64_t first, uint64_t end, uint32_t threads, dp_fault *fault)
{
	DP_CHECK(s != NULL && io_hits != NULL && set != NULL);
	DP_CHECK(first <= end && end <= (s->utxo ? s->head.input_count : s->head.row_count));
	if (set->members == 0 || first == end) return DP_OK;
	DP_CHECK(s->utxo == (set->bit_count == 0));
	uint64_t pieces = (end - first + PIECE - 1) / PIECE;
	scan_job job = {.segment = s, .set = set, .first = first, .end = end};
	job.piece = dp_alloc(pieces * sizeof *job.piece);
	if (job.piece == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_team_run(threads, pieces, scan_one_piece, &job);
	dp_code code = join_pieces(&job, io_hits, pieces, fault);
	for (uint64_t i = 0; i < pieces; i++) dp_scan_hits_done(&job.piece[i].hits);
	dp_free(job.piece);
	return code;
}

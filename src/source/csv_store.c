// See csv_store.h.
//
// The body of a row, in the machine's own byte order (it never leaves this process):
//
//   offset  size  what
//        0     4  line
//        4     2  file
//        6     1  kind (dp_mv_kind)
//        7     1  flags (DP_MVF_*)
//        8     8  time
//       16    32  transaction id
//       48     2  asset
//       50     1  bit 0 failed, bit 1 has a time
//       51     1  a: bytes of the amount that follow
//       52     2  kind and length f of `from`
//       54     2  kind and length t of `to`
//       56     a  amount, little-endian, without its leading zeros
//        +     f  from
//        +     t  to
//        +    36  the spent outpoint, when kind is DP_MV_INPUT
//        +    36  contract and symbol, when the asset is none
//
// Sorting is a natural merge sort (Knuth, The Art of Computer Programming 3, 5.2.4): the runs that
// are already there are found and merged pairwise. Exports are mostly a few long runs (sorted, or
// sorted files one after another), for which this is one or two passes; a shuffled file costs the
// usual n log n on 24-byte keys. It is stable, which is what keeps file order inside a block.
#include "source/csv_store.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	HEAD_SIZE = 56,
	TAIL_SIZE = 36,
	BODY_MAX = HEAD_SIZE + 32 + 32 + 32 + TAIL_SIZE,
	CHUNK_MIN = 4 << 10,
	CHUNK_MAX = 1 << 20,
	// What a row is reckoned to take: a key, its place in the sort's scratch, and a body of
	// 112 bytes, which is what a transfer between two accounts needs.
	ROW_RECKONED = 160,
	RUN_MIN = 16, // shorter runs are made this long by insertion
};

_Static_assert(sizeof(dp_csv_key) == 24, "reckoned so in ROW_RECKONED");
_Static_assert(sizeof(dp_outpoint) == TAIL_SIZE, "copied as it lies");

void dp_csv_store_init(dp_csv_store *s, uint64_t memory_max)
{
	DP_CHECK(s != NULL);
	*s = (dp_csv_store){.sorted = true};
	s->key_max = memory_max / ROW_RECKONED + 1;
	uint64_t body_bytes = memory_max - memory_max / ROW_RECKONED * 2 * sizeof(dp_csv_key);
	uint64_t size = body_bytes / 16;
	if (size < CHUNK_MIN) size = CHUNK_MIN;
	if (size > CHUNK_MAX) size = CHUNK_MAX;
	s->chunk_size = (uint32_t)size;
	s->chunk_max = body_bytes / size > 0 ? body_bytes / size : 1;
	DP_CHECK(s->chunk_size >= BODY_MAX);
}

void dp_csv_store_done(dp_csv_store *s)
{
	DP_CHECK(s != NULL);
	for (uint64_t i = 0; i < s->chunk_count; i++) dp_free(s->chunk[i]);
	dp_free(s->chunk);
	dp_free(s->key);
	*s = (dp_csv_store){.sorted = true};
}

void dp_csv_store_clear(dp_csv_store *s)
{
	DP_CHECK(s != NULL);
	s->chunk_at = 0;
	s->chunk_used = 0;
	s->key_count = 0;
	s->sorted = true;
}

// ---- Packing. ----------------------------------------------------------------------------------

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
	if (n > 0) memcpy(p, bytes, n);
	return p + n;
}

static size_t pack(uint8_t out[BODY_MAX], const dp_csv_row *row)
{
	const dp_movement *mv = &row->mv;
	uint8_t amount[32];
	for (int i = 0; i < 32; i++) amount[i] = (uint8_t)(mv->amount.w[i / 8] >> (i % 8 * 8));
	uint8_t amount_size = 32;
	while (amount_size > 0 && amount[amount_size - 1] == 0) amount_size--;
	DP_CHECK(mv->from.len <= 32 && mv->to.len <= 32);
	uint8_t small[8] = {
	    (uint8_t)(mv->asset.v & 0xff),
	    (uint8_t)(mv->asset.v >> 8),
	    (uint8_t)((row->failed ? 1 : 0) | (row->has_time ? 2 : 0)),
	    amount_size,
	    mv->from.kind,
	    mv->from.len,
	    mv->to.kind,
	    mv->to.len,
	};
	uint8_t *p = out;
	p = put(p, &mv->source_line, 4);
	p = put(p, &row->file, 2);
	p = put(p, &mv->kind, 1);
	p = put(p, &mv->flags, 1);
	p = put(p, &row->time, 8);
	p = put(p, row->tx, 32);
	p = put(p, small, sizeof small);
	p = put(p, amount, amount_size);
	p = put(p, mv->from.bytes, mv->from.len);
	p = put(p, mv->to.bytes, mv->to.len);
	if (mv->kind == DP_MV_INPUT) {
		p = put(p, &mv->spent, sizeof mv->spent);
	} else if (mv->asset.v == 0) {
		p = put(p, mv->noise.contract, sizeof mv->noise.contract);
		p = put(p, mv->noise.symbol, sizeof mv->noise.symbol);
	}
	DP_CHECK(p <= out + BODY_MAX);
	return (size_t)(p - out);
}

static const uint8_t *body_of(const dp_csv_store *s, const dp_csv_key *key)
{
	DP_CHECK(key->at >> 32 < s->chunk_count);
	return s->chunk[key->at >> 32] + (uint32_t)key->at;
}

void dp_csv_store_prefetch(const dp_csv_store *s, const dp_csv_key *key)
{
	DP_CHECK(s != NULL && key != NULL);
	const uint8_t *p = body_of(s, key);
	__builtin_prefetch(p);
	__builtin_prefetch(p + 64);
}

dp_csv_glance dp_csv_store_glance(const dp_csv_store *s, const dp_csv_key *key)
{
	const uint8_t *p = body_of(s, key);
	dp_csv_glance g = {.tx = p + 16, .kind = p[6]};
	memcpy(&g.line, p, 4);
	memcpy(&g.file, p + 4, 2);
	memcpy(&g.time, p + 8, 8);
	g.failed = (p[50] & 1) != 0;
	g.has_time = (p[50] & 2) != 0;
	return g;
}

void dp_csv_store_movement(const dp_csv_store *s, const dp_csv_key *key, dp_movement *ret_mv)
{
	DP_CHECK(ret_mv != NULL);
	const uint8_t *p = body_of(s, key);
	memcpy(&ret_mv->source_line, p, 4);
	ret_mv->kind = p[6];
	ret_mv->flags = p[7];
	ret_mv->asset.v = (uint16_t)(p[48] | p[49] << 8);
	ret_mv->from.kind = p[52];
	ret_mv->from.len = p[53];
	ret_mv->to.kind = p[54];
	ret_mv->to.len = p[55];
	uint8_t amount_size = p[51];
	DP_CHECK(amount_size <= 32 && p[53] <= 32 && p[55] <= 32);
	p += HEAD_SIZE;
	for (uint32_t i = 0; i < amount_size; i++)
		ret_mv->amount.w[i / 8] |= (uint64_t)p[i] << (i % 8 * 8);
	p += amount_size;
	memcpy(ret_mv->from.bytes, p, ret_mv->from.len);
	p += ret_mv->from.len;
	memcpy(ret_mv->to.bytes, p, ret_mv->to.len);
	p += ret_mv->to.len;
	if (ret_mv->kind == DP_MV_INPUT) {
		memcpy(&ret_mv->spent, p, sizeof ret_mv->spent);
	} else if (ret_mv->asset.v == 0) {
		memcpy(ret_mv->noise.contract, p, sizeof ret_mv->noise.contract);
		memcpy(ret_mv->noise.symbol, p + sizeof ret_mv->noise.contract,
		       sizeof ret_mv->noise.symbol);
	}
}

dp_csv_row dp_csv_store_row(const dp_csv_store *s, const dp_csv_key *key)
{
	DP_CHECK(s != NULL && key != NULL);
	dp_csv_glance g = dp_csv_store_glance(s, key);
	dp_csv_row row = {.block = key->block, .index = key->index, .time = g.time, .file = g.file};
	row.has_time = g.has_time;
	row.failed = g.failed;
	memcpy(row.tx, g.tx, 32);
	dp_csv_store_movement(s, key, &row.mv);
	return row;
}

// ---- Adding. -----------------------------------------------------------------------------------

// Makes sure that `size` bytes fit in the chunk at chunk_at. *ret_fits false: the memory is full.
static dp_code make_room(dp_csv_store *s, bool *ret_fits, size_t size, dp_fault *fault)
{
	*ret_fits = true;
	if (s->chunk_at < s->chunk_count && s->chunk_size - s->chunk_used >= size) return DP_OK;
	uint64_t next = s->chunk_at < s->chunk_count ? s->chunk_at + 1 : s->chunk_at;
	if (next == s->chunk_count) {
		if (s->chunk_count == s->chunk_max) {
			*ret_fits = false;
			return DP_OK;
		}
		DP_TRY(dp_grow((void **)&s->chunk, &s->chunk_cap, sizeof *s->chunk,
		               s->chunk_count + 1, s->chunk_max, fault));
		uint8_t *fresh = dp_realloc(NULL, s->chunk_size); // needs no zeroing
		if (fresh == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for rows");
		s->chunk[s->chunk_count++] = fresh;
	}
	s->chunk_at = next;
	s->chunk_used = 0;
	return DP_OK;
}

static bool key_less(const dp_csv_key *a, const dp_csv_key *b)
{
	return a->block != b->block ? a->block < b->block : a->index < b->index;
}

dp_code dp_csv_store_add(dp_csv_store *s, bool *ret_added, const dp_csv_row *row, dp_fault *fault)
{
	DP_CHECK(s != NULL && row != NULL);
	uint8_t body[BODY_MAX];
	size_t size = pack(body, row);
	bool fits = s->key_count < s->key_max;
	if (fits && s->key_count == s->key_cap)
		DP_TRY(dp_grow((void **)&s->key, &s->key_cap, sizeof *s->key, s->key_count + 1,
		               s->key_max, fault));
	if (fits) DP_TRY(make_room(s, &fits, size, fault));
	*ret_added = fits;
	if (!fits) return DP_OK;
	memcpy(s->chunk[s->chunk_at] + s->chunk_used, body, size);
	dp_csv_key *key = &s->key[s->key_count];
	*key = (dp_csv_key){row->block, row->index, s->chunk_at << 32 | s->chunk_used};
	s->chunk_used += (uint32_t)size;
	if (s->key_count > 0 && key_less(key, key - 1)) s->sorted = false;
	s->key_count++;
	return DP_OK;
}

// ---- Sorting. ----------------------------------------------------------------------------------

// Where the run that begins at `a` ends. A run shorter than RUN_MIN is lengthened by insertion.
static uint64_t run_end(dp_csv_key *key, uint64_t a, uint64_t n)
{
	uint64_t end = a + 1;
	while (end < n && !key_less(&key[end], &key[end - 1])) end++;
	while (end < n && end - a < RUN_MIN) {
		dp_csv_key x = key[end];
		uint64_t i = end;
		for (; i > a && key_less(&x, &key[i - 1]); i--) key[i] = key[i - 1];
		key[i] = x;
		end++;
	}
	return end;
}

// Merges from[a,m) and from[m,b) into to[a,b). Equal keys: the left one first.
static void merge(const dp_csv_key *from, dp_csv_key *to, uint64_t a, uint64_t m, uint64_t b)
{
	uint64_t l = a, r = m;
	for (uint64_t i = a; i < b; i++) {
		bool right = l == m || (r < b && key_less(&from[r], &from[l]));
		to[i] = from[right ? r++ : l++];
	}
}

dp_code dp_csv_store_sort(dp_csv_store *s, dp_fault *fault)
{
	DP_CHECK(s != NULL);
	if (s->sorted) return DP_OK;
	uint64_t n = s->key_count;
	DP_CHECK(n >= 2);
	uint64_t *run = NULL; // where each run begins, and n behind the last
	uint64_t run_cap = 0, run_count = 0;
	dp_csv_key *scratch = dp_realloc(NULL, n * sizeof *scratch);
	dp_code code =
	    scratch == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory for sorting") : DP_OK;
	for (uint64_t a = 0; code == DP_OK && a < n; a = run_end(s->key, a, n)) {
		code = dp_grow((void **)&run, &run_cap, sizeof *run, run_count + 2, n / RUN_MIN + 3,
		               fault);
		if (code == DP_OK) run[run_count++] = a;
	}
	if (code != DP_OK) {
		dp_free(scratch);
		dp_free(run);
		return code;
	}
	DP_CHECK(scratch != NULL && run_count >= 1);
	run[run_count] = n;
	// Neighbours are merged pairwise from one array into the other until one run is left. An
	// odd run at the end is merged with nothing, which copies it.
	dp_csv_key *from = s->key, *to = scratch;
	while (run_count > 1) {
		uint64_t merged = 0;
		for (uint64_t i = 0; i < run_count; i += 2) {
			uint64_t m = run[i + 1];
			uint64_t b = i + 2 <= run_count ? run[i + 2] : m;
			merge(from, to, run[i], m, b);
			run[merged++] = run[i];
		}
		run[merged] = n;
		run_count = merged;
		dp_csv_key *t = from;
		from = to;
		to = t;
	}
	// The sorted keys may have ended in either array; the other is given back.
	if (from != s->key) s->key_cap = n;
	s->key = from;
	dp_free(to);
	dp_free(run);
	s->sorted = true;
	return DP_OK;
}

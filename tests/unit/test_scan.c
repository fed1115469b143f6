// ledger/scan.h against the plainest scan there is, and each level against the others: random sets
// (empty, sparse, dense, full), every size around the width of a vector, every alignment; ids that
// no set can hold; segments in pieces on several threads, whole, damaged, and without memory.
//
// Covers: ledger/scan.c ledger/scan_avx2.c ledger/scan_avx512.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ledger/scan.h"

enum { N = 5000, IDS = 300000, OUTPUTS = 1 << 30 };

static uint64_t seed = 1;

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t draw(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static dp_scan_set new_set(uint64_t ids, uint64_t members)
{
	dp_scan_set set;
	assert_int_equal(dp_scan_set_init(&set, ids, members, NULL), DP_OK);
	return set;
}

//- account rows ----------------------------------------------------------------------------------

// Each level must find exactly these.
static void check_pairs(const uint32_t *src, const uint32_t *dst, uint64_t n, const uint8_t *member,
                        const dp_scan_set *set)
{
	static uint32_t got[N], want[N];
	uint64_t count = 0;
	for (uint64_t i = 0; i < n; i++)
		if ((src[i] <= IDS && member[src[i]]) || (dst[i] <= IDS && member[dst[i]]))
			want[count++] = 77 + (uint32_t)i;
	for (int level = DP_SCAN_PLAIN; level <= (int)dp_scan_level_best(); level++) {
		dp_scan_level_set((dp_scan_level)level);
		memset(got, 0xee, sizeof got);
		assert_true(dp_scan_pairs(got, src, dst, n, 77, set) == count);
		if (count > 0) assert_memory_equal(got, want, count * sizeof *got);
		// It may use n places, and not one more.
		for (uint64_t i = n; i < N; i++) assert_int_equal(got[i], 0xeeeeeeee);
	}
}

static void all_levels_find_the_same_account_rows(void **state)
{
	(void)state;
	static const uint64_t members[] = {0, 1, 30, 3000, 100000, IDS};
	static uint32_t src[N], dst[N];
	static uint8_t member[IDS + 1];
	for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
		// With one expected member the table is small; with all it holds every id.
		for (uint64_t expected = 1; expected <= IDS; expected += IDS - 1) {
			dp_scan_set set = new_set(IDS, expected);
			memset(member, 0, sizeof member);
			for (uint64_t i = 0; i < members[k]; i++) {
				uint64_t id = members[k] == IDS ? 1 + i : 1 + draw() % IDS;
				member[id] = 1;
				dp_scan_set_add(&set, id);
			}
			for (uint64_t i = 0; i < N; i++) {
				src[i] = (uint32_t)(draw() % (IDS + 1));
				dst[i] = (uint32_t)(draw() % (IDS + 1));
				// What a hostile column may hold: ids that there are not.
				if (draw() % 16 == 0) src[i] = (uint32_t)draw();
				if (draw() % 16 == 0) dst[i] = IDS + 1 + (uint32_t)(draw() % 9);
			}
			for (uint64_t n = 0; n <= 70; n++)
				check_pairs(src + n % 17, dst + n % 5, n, member, &set);
			check_pairs(src, dst, N, member, &set);
			check_pairs(src + 3, dst + 1, N - 3, member, &set);
			dp_scan_set_clear(&set);
			assert_true(set.members == 0);
			memset(member, 0, sizeof member);
			check_pairs(src, dst, N, member, &set);
			dp_scan_set_done(&set);
		}
	}
}

//- coins -----------------------------------------------------------------------------------------

// No member may be missed; all levels say the same; what is foreign is never a hit.
static void check_numbers(const uint64_t *number, uint64_t n, const uint8_t *member,
                          const dp_scan_set *set)
{
	static uint32_t got[N], first[N];
	uint64_t count_first = 0;
	for (int level = DP_SCAN_PLAIN; level <= (int)dp_scan_level_best(); level++) {
		dp_scan_level_set((dp_scan_level)level);
		memset(got, 0xee, sizeof got);
		uint64_t count = dp_scan_numbers(got, number, n, 5, set), at = 0;
		assert_true(count <= n);
		for (uint64_t i = 0; i < n; i++) {
			bool hit = at < count && got[at] == 5 + i;
			if (hit) at++;
			if (number[i] >= DP_SPENT_FOREIGN)
				assert_false(hit);
			else if (member[i])
				assert_true(hit);
		}
		assert_true(at == count);
		for (uint64_t i = n; i < N; i++) assert_int_equal(got[i], 0xeeeeeeee);
		if (level == DP_SCAN_PLAIN) {
			memcpy(first, got, sizeof got);
			count_first = count;
		}
		assert_true(count == count_first);
		if (count > 0) assert_memory_equal(got, first, count * sizeof *got);
	}
	// A set that few are in leaves most out.
	if (set->members < 10) assert_true(count_first <= n / 50 + set->members);
}

static void all_levels_find_the_same_inputs(void **state)
{
	(void)state;
	static uint64_t number[N];
	static uint8_t member[N];
	// One row in so many spends a member; UINT64_MAX: none.
	static const uint64_t rarity[] = {1, 2, 50, 1000, UINT64_MAX};
	for (size_t k = 0; k < sizeof rarity / sizeof rarity[0]; k++) {
		dp_scan_set set = new_set(0, 100);
		memset(member, 0, sizeof member);
		for (uint64_t i = 0; i < N; i++) {
			number[i] = draw() % 7 == 0 ? DP_SPENT_FOREIGN | i : draw() % OUTPUTS;
			if (number[i] >= DP_SPENT_FOREIGN || draw() % rarity[k] != 0) continue;
			member[i] = 1;
			dp_scan_set_add(&set, number[i]);
		}
		for (uint64_t n = 0; n <= 70; n++)
			check_numbers(number + n % 13, n, member + n % 13, &set);
		check_numbers(number, N, member, &set);
		check_numbers(number + 1, N - 1, member + 1, &set);
		dp_scan_set_done(&set);
	}
}

//- segments --------------------------------------------------------------------------------------

enum { ROWS = 300001, CHUNKS = 2 * ROWS * 4 / DP_CHUNK + 3 };

// A segment that has what a scan reads and nothing else. DST begins amid a chunk.
typedef struct bare {
	dp_segment s;
	_Alignas(64) uint8_t data[(size_t)CHUNKS * DP_CHUNK];
	uint64_t check[CHUNKS];
	_Atomic uint64_t checked[CHUNKS / 64 + 1];
} bare;

static void set_section(bare *b, dp_section_id id, uint64_t offset, uint32_t width, uint64_t count)
{
	b->s.head.section[id] = (dp_section_entry){.offset = DP_SEGMENT_HEADER_SIZE + offset,
	                                           .stored = count * width,
	                                           .count = count,
	                                           .width = width};
	b->s.sec[id].offset = offset;
	b->s.sec[id].size = count * width;
	b->s.sec[id].base = b->data + offset;
}

static void make_bare(bare *b, bool utxo)
{
	memset(b, 0, sizeof *b);
	b->s.utxo = utxo;
	b->s.data = b->data;
	b->s.check = b->check;
	b->s.checked = b->checked;
	b->s.head.data_size = sizeof b->data;
	b->s.head.row_count = ROWS;
	b->s.head.input_count = utxo ? ROWS : 0;
	assert_int_equal(pthread_mutex_init(&b->s.unpacking, NULL), 0);
	uint32_t *id = (uint32_t *)(void *)b->data;
	uint64_t *number = (uint64_t *)(void *)b->data;
	for (uint64_t i = 0; i < sizeof b->data / 8; i++) {
		if (utxo) {
			number[i] = draw() % OUTPUTS;
		} else {
			id[2 * i] = (uint32_t)(draw() % (IDS + 1));
			id[2 * i + 1] = (uint32_t)(draw() % (IDS + 1));
		}
	}
	if (utxo) {
		set_section(b, DP_SEC_SPENT, 64, 8, ROWS);
	} else {
		set_section(b, DP_SEC_SRC, 64, 4, ROWS);
		set_section(b, DP_SEC_DST, 64 + (ROWS * 4 + 63) / 64 * 64, 4, ROWS);
	}
	for (uint64_t k = 0; k < CHUNKS; k++)
		b->check[k] = XXH3_64bits(b->data + k * DP_CHUNK, DP_CHUNK);
}

static void scan_of_a_segment_is_that_of_its_columns(void **state)
{
	(void)state;
	static bare b;
	static uint32_t want[ROWS];
	for (int utxo = 0; utxo < 2; utxo++) {
		make_bare(&b, utxo == 1);
		dp_scan_set set = new_set(utxo ? 0 : IDS, 500);
		for (int i = 0; i < 500; i++) dp_scan_set_add(&set, 1 + draw() % IDS);
		const uint8_t *at = b.data + 64;
		const uint32_t *src = (const uint32_t *)(const void *)at;
		const uint32_t *dst = (const uint32_t *)b.s.sec[DP_SEC_DST].base;
		const uint64_t *spent = (const uint64_t *)(const void *)at;
		static const uint64_t range[][2] = {{0, ROWS},    {1, ROWS},        {0, 0},
		                                    {ROWS, ROWS}, {131071, 131074}, {77, 4097}};
		for (uint32_t threads = 0; threads <= 5; threads++)
			for (size_t k = 0; k < sizeof range / sizeof range[0]; k++) {
				uint64_t first = range[k][0], n = range[k][1] - first;
				memset((void *)b.checked, 0, sizeof b.checked);
				uint64_t count = utxo
				                     ? dp_scan_numbers(want, spent + first, n,
				                                       (uint32_t)first, &set)
				                     : dp_scan_pairs(want, src + first, dst + first,
				                                     n, (uint32_t)first, &set);
				dp_scan_hits hits = {0};
				for (int twice = 0; twice < 2; twice++)
					assert_int_equal(dp_scan_segment(&b.s, &hits, &set, first,
					                                 first + n, threads, NULL),
					                 DP_OK);
				// The second scan's hits stand behind the first one's.
				assert_true(hits.count == 2 * count);
				if (count > 0) {
					assert_memory_equal(hits.row, want, count * 4);
					assert_memory_equal(hits.row + count, want, count * 4);
				}
				dp_scan_hits_done(&hits);
			}
		dp_scan_set_done(&set);
	}
}

static void damage_is_found_where_it_is(void **state)
{
	(void)state;
	static bare b;
	make_bare(&b, false);
	dp_scan_set set = new_set(IDS, 1);
	dp_fault fault;
	dp_scan_hits hits = {0};
	uint64_t last = b.s.sec[DP_SEC_DST].offset + ROWS * 4 - 1;
	b.data[last] ^= 1;
	// An empty set reads nothing, so it finds nothing either.
	assert_int_equal(dp_scan_segment(&b.s, &hits, &set, 0, ROWS, 2, &fault), DP_OK);
	dp_scan_set_add(&set, IDS);
	assert_int_equal(dp_scan_segment(&b.s, &hits, &set, 0, ROWS / 2, 2, &fault), DP_OK);
	assert_int_equal(dp_scan_segment(&b.s, &hits, &set, 0, ROWS, 2, &fault), DP_BAD_BYTES);
	b.data[last] ^= 1;
	assert_int_equal(dp_scan_segment(&b.s, &hits, &set, 0, ROWS, 2, &fault), DP_OK);
	dp_scan_hits_done(&hits);
	dp_scan_set_done(&set);
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	static bare b;
	make_bare(&b, false);
	int64_t live = dp_mem_live();
	int failed = 0;
	for (int64_t allowed = 0;; allowed++) {
		dp_scan_set set = {0};
		dp_scan_hits hits = {0};
		dp_fault fault;
		dp_mem_fail_after(allowed);
		dp_code code = dp_scan_set_init(&set, IDS, 1, &fault);
		if (code == DP_OK) {
			for (uint64_t id = 1; id <= IDS; id += 9) dp_scan_set_add(&set, id);
			code = dp_scan_segment(&b.s, &hits, &set, 0, ROWS, 2, &fault);
		}
		dp_mem_fail_after(-1);
		dp_scan_hits_done(&hits);
		dp_scan_set_done(&set);
		assert_true(dp_mem_live() == live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		failed++;
	}
	assert_true(failed > 3);
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_string_equal(dp_scan_level_name(DP_SCAN_PLAIN), "plain");
	assert_string_equal(dp_scan_level_name(DP_SCAN_AVX2), "AVX2");
	assert_string_equal(dp_scan_level_name(DP_SCAN_AVX512), "AVX-512");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_levels_find_the_same_account_rows),
	    cmocka_unit_test(all_levels_find_the_same_inputs),
	    cmocka_unit_test(scan_of_a_segment_is_that_of_its_columns),
	    cmocka_unit_test(damage_is_found_where_it_is),
	    cmocka_unit_test(each_allocation_may_fail),
	    cmocka_unit_test(levels_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// entity/cluster.h at its edges: ledgers without blocks or with coinbases only, files that are
// damaged in every place, memory that is out, options that cannot be, readers and writers. (What
// clusters are is checked against a model in tests/property/test_cluster.c.)
//
// Covers: entity/cluster.c entity/cluster_file.c entity/cluster_undo.c entity/cluster_ask.c
// Covers: entity/cluster_number.c entity/cluster_walk.c entity/cluster_change.c
// Covers: entity/cluster_account.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

#include "base/mem.h"
#include "entity/cluster.h"
#include "ledger/writer.h"
#include "support/folder.h"
#include "support/growth.h"

enum { BLOCKS = 60, UNIT_ROWS = 60, HEAD_SIZE = 136 };

static char folder[T_PATH_MAX], file[2 * T_PATH_MAX];

static int make_folder(void **state)
{
	(void)state;
	t_folder_make(folder);
	snprintf(file, sizeof file, "%s/bitcoin/clusters", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	t_folder_remove(folder);
	return 0;
}

static void write_ledger(bool utxo, uint32_t blocks, bool coinbases_only)
{
	t_growth g = {0};
	dp_fault fault;
	dp_writer *w;
	dp_writer_options o = {.threads = 1, .unit_rows = UNIT_ROWS, .final_blocks = 4};
	t_growth_make(&g, utxo, 3, BLOCKS, BLOCKS, 0);
	assert_int_equal(dp_writer_open(&w, folder, g.chain, &o, &fault), DP_OK);
	for (uint32_t i = 0; i < blocks; i++) {
		dp_block *b = &g.block[i];
		if (coinbases_only && b->tx_count > 1) {
			b->tx_count = 1;
			b->mv_count = b->tx[0].mv_count;
			b->note_count = 0;
		}
		assert_int_equal(dp_writer_append(w, b, 0, false, &fault), DP_OK);
	}
	assert_int_equal(dp_writer_commit(w, true, &fault), DP_OK);
	dp_writer_close(w);
	t_growth_done(&g);
}

static dp_ledger *open_ledger(void)
{
	dp_ledger *l;
	dp_fault fault;
	assert_int_equal(dp_ledger_open(&l, folder, NULL, &fault), DP_OK);
	return l;
}

static dp_cluster_totals totals_of(dp_ledger *l, bool readonly)
{
	dp_cluster *c;
	dp_cluster_totals t;
	dp_fault fault = {0};
	dp_code code = dp_cluster_open(&c, l, NULL, readonly, &fault);
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	dp_cluster_totals_get(c, &t);
	dp_cluster_close(c);
	return t;
}

static void test_a_ledger_without_blocks_has_no_clusters(void **state)
{
	(void)state;
	write_ledger(true, 0, false);
	dp_ledger *l = open_ledger();
	for (int round = 0; round < 2; round++) {
		dp_cluster_totals t = totals_of(l, false);
		assert_int_equal(t.addresses, 0);
		assert_int_equal(t.clusters, 0);
	}
	dp_ledger_close(l);
}

static void test_coinbases_join_nothing_but_keys(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, true);
	dp_ledger *l = open_ledger();
	dp_cluster_totals t = totals_of(l, false);
	assert_true(t.addresses > 0);
	assert_int_equal(t.unions, 0);
	dp_ledger_close(l);
}

static void test_options_that_cannot_be_are_refused(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, false);
	dp_ledger *l = open_ledger();
	static const uint32_t change[] = {1u << DP_H_CHANGE_LOCKTIME, 1u << DP_H_CHANGE_FIXED_FEE,
	                                  1u << DP_H_COMMON_INPUT, 1u << 31};
	for (uint32_t i = 0; i < 4; i++) {
		dp_cluster *c;
		dp_fault fault;
		dp_cluster_options o = {.change = change[i]};
		assert_int_equal(dp_cluster_open(&c, l, &o, false, &fault), DP_BAD_CASE);
	}
	dp_ledger_close(l);
}

static void test_readers_need_a_file_and_writers_are_alone(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, false);
	dp_ledger *l = open_ledger();
	dp_cluster *c, *other;
	dp_fault fault;
	assert_int_equal(dp_cluster_open(&c, l, NULL, true, &fault), DP_NOT_FOUND);
	assert_int_equal(dp_cluster_open(&c, l, NULL, false, &fault), DP_OK);
	assert_int_equal(dp_cluster_open(&other, l, NULL, false, &fault), DP_BUSY);
	assert_int_equal(dp_cluster_open(&other, l, NULL, true, &fault), DP_OK);
	bool changed;
	uint8_t id[32] = {1};
	assert_int_equal(dp_cluster_undo(other, &changed, id, true, &fault), DP_BAD_CASE);
	assert_int_equal(dp_cluster_undo(c, &changed, id, true, &fault), DP_NOT_FOUND);
	dp_addr nobody = {.kind = DP_ADDR_P2WPKH, .len = 20, .bytes = {9, 9, 9}}, name;
	uint64_t size;
	assert_int_equal(dp_cluster_of(c, &name, &size, &nobody, &fault), DP_NOT_FOUND);
	dp_cluster_close(other);
	dp_cluster_close(c);
	dp_ledger_close(l);
}

static uint8_t *read_file(size_t *ret_size)
{
	FILE *f = fopen(file, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*ret_size = (size_t)ftell(f);
	rewind(f);
	uint8_t *bytes = malloc(*ret_size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_size, f), *ret_size);
	fclose(f);
	return bytes;
}

static void write_file(const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(file, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void undo_one(dp_ledger *l)
{
	dp_cluster *c;
	dp_fault fault;
	bool changed;
	uint8_t id[32];
	assert_int_equal(dp_ledger_txid(l, id, 100, &fault), DP_OK);
	assert_int_equal(dp_cluster_open(&c, l, NULL, false, &fault), DP_OK);
	assert_int_equal(dp_cluster_undo(c, &changed, id, true, &fault), DP_OK);
	dp_cluster_close(c);
}

// Every byte flipped, and cut anywhere: never taken for good, made again byte for byte. What was
// undone survives unless the head itself is damaged.
static void test_a_damaged_file_is_made_again(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, false);
	dp_ledger *l = open_ledger();
	(void)totals_of(l, false);
	undo_one(l);
	dp_cluster_totals want = totals_of(l, false);
	assert_int_equal(want.undone, 1);
	size_t size, again_size;
	uint8_t *bytes = read_file(&size);
	size_t head_end = HEAD_SIZE + 88 * (size_t)bytes[80] + 32 * (size_t)bytes[88];
	assert_true(bytes[80] > 0 && bytes[81] == 0 && bytes[88] == 1);
	for (size_t at = 0; at < size; at += 1 + at / 40) {
		bool is_cut = at % 3 == 0;
		dp_cluster *c;
		dp_fault fault;
		bytes[at] ^= 0x10;
		write_file(bytes, is_cut ? at : size);
		bytes[at] ^= 0x10;
		dp_code code = dp_cluster_open(&c, l, NULL, true, &fault);
		assert_true(code == DP_BAD_BYTES || code == DP_BAD_CASE);
		if (code == DP_BAD_CASE) continue; // a version that is newer is left alone
		assert_int_equal(dp_cluster_open(&c, l, NULL, false, &fault), DP_OK);
		assert_non_null(strstr(dp_cluster_notice(c), "damaged"));
		dp_cluster_totals t;
		dp_cluster_totals_get(c, &t);
		dp_cluster_close(c);
		assert_int_equal(t.undone, at >= head_end);
		if (t.undone != 1) continue;
		assert_int_equal(t.unions, want.unions);
		uint8_t *again = read_file(&again_size);
		assert_int_equal(again_size, size);
		assert_memory_equal(again, bytes, size);
		free(again);
	}
	free(bytes);
	dp_ledger_close(l);
}

// A file by the rules of another program: what a person said holds, what that program found does
// not, and nobody is told of damage.
static void test_other_rules_make_all_again(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, false);
	dp_ledger *l = open_ledger();
	(void)totals_of(l, false);
	undo_one(l);
	dp_cluster_totals want = totals_of(l, false);
	size_t size, again_size;
	uint8_t *bytes = read_file(&size), *other = read_file(&size);
	size_t rows = 88 * (size_t)bytes[80] + 32 * (size_t)bytes[88], sum = HEAD_SIZE + rows;
	uint8_t rules = bytes[10];
	assert_true(want.unions > 0 && rules > 0 && bytes[11] == 0);
	other[10]++;
	// All clusters of one address, as if its rules had joined nothing.
	uint64_t n;
	memcpy(&n, other + 96, sizeof n);
	for (size_t i = 0; i < n; i++) {
		uint32_t alone = 0x80000001u, none = UINT32_MAX;
		size_t column = size - 16 - 14 * (size_t)n;
		memcpy(other + column + 4 * i, &alone, 4);
		memcpy(other + column + 4 * (size_t)n + 4 * i, &none, 4);
	}
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(other + sum, size - sum - 16));
	memcpy(other + size - 16, check.digest, 16);
	memmove(bytes, other, 120); // head and rows without the checksum between them
	memmove(bytes + 120, other + HEAD_SIZE, rows);
	XXH128_canonicalFromHash(&check, XXH3_128bits(bytes, 120 + rows));
	memcpy(other + 120, check.digest, 16);
	free(bytes);
	for (int round = 0; round < 2; round++) { // only read, then made again
		write_file(other, size);
		dp_cluster *c;
		dp_cluster_totals t;
		dp_fault fault;
		assert_int_equal(dp_cluster_open(&c, l, NULL, round == 0, &fault), DP_OK);
		assert_string_equal(dp_cluster_notice(c), "");
		dp_cluster_totals_get(c, &t);
		assert_int_equal(t.unions, want.unions);
		assert_int_equal(t.undone, 1);
		dp_cluster_close(c);
	}
	bytes = read_file(&again_size);
	assert_int_equal(again_size, size);
	assert_int_equal(bytes[10], rules);
	free(bytes);
	free(other);
	dp_ledger_close(l);
}

static void test_memory_that_is_out_is_told(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, false);
	dp_ledger *l = open_ledger();
	int64_t live = dp_mem_live();
	dp_cluster_options o = {.change = 1u << DP_H_CHANGE_OPTIMAL, .threads = 1};
	for (int64_t n = 0;; n++) {
		dp_cluster *c;
		dp_fault fault;
		if (n == 40) (void)totals_of(l, false); // with a file, too
		dp_mem_fail_after(n);
		dp_code code = dp_cluster_open(&c, l, n % 2 == 0 ? NULL : &o, false, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_cluster_close(c);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK && n > 80) break;
	}
	dp_ledger_close(l);
}

static void test_a_full_disk_leaves_the_old_file(void **state)
{
	(void)state;
	write_ledger(true, BLOCKS, false);
	dp_ledger *l = open_ledger();
	dp_cluster *c;
	dp_fault fault;
	for (int64_t n = 0; n < 4000; n += 500) {
		dp_file_fail_after(n);
		assert_int_equal(dp_cluster_open(&c, l, NULL, false, &fault), DP_IO);
		dp_file_fail_after(-1);
		assert_int_not_equal(access(file, F_OK), 0);
	}
	(void)totals_of(l, false);
	assert_int_equal(access(file, F_OK), 0);
	dp_ledger_close(l);
}

static void test_accounts_without_exchanges_have_few_pairs(void **state)
{
	(void)state;
	write_ledger(false, BLOCKS, false);
	dp_ledger *l = open_ledger();
	dp_cluster *c;
	dp_fault fault;
	dp_cluster_options o = {.change = 1u << DP_H_CHANGE_OPTIMAL};
	dp_cluster_totals t = totals_of(l, false);
	assert_int_equal(t.unions + t.clusters, t.addresses);
	assert_int_equal(dp_cluster_open(&c, l, &o, false, &fault), DP_BAD_CASE);
	assert_int_equal(dp_cluster_open(&c, l, NULL, true, &fault), DP_OK);
	bool changed;
	uint8_t id[32] = {1};
	assert_int_equal(dp_cluster_undo(c, &changed, id, true, &fault), DP_BAD_CASE);
	dp_cluster_close(c);
	dp_ledger_close(l);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FOLDER(test_a_ledger_without_blocks_has_no_clusters),
	    WITH_FOLDER(test_coinbases_join_nothing_but_keys),
	    WITH_FOLDER(test_options_that_cannot_be_are_refused),
	    WITH_FOLDER(test_readers_need_a_file_and_writers_are_alone),
	    WITH_FOLDER(test_a_damaged_file_is_made_again),
	    WITH_FOLDER(test_other_rules_make_all_again),
	    WITH_FOLDER(test_memory_that_is_out_is_told),
	    WITH_FOLDER(test_a_full_disk_leaves_the_old_file),
	    WITH_FOLDER(test_accounts_without_exchanges_have_few_pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

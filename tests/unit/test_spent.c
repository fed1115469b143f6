// Which transaction spent an output: entries that prove themselves, files that change in place.
// Covers: ledger/spent.c
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ledger/spent.h"

static char path[100];
static dp_fault fault;

static int name_file(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/dyepack-spent-%ld", (long)getpid());
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static void make_file(uint64_t outputs)
{
	assert_int_equal(dp_spent_create(path, 1, 8, 500, outputs, &fault), DP_OK);
}

static void entries_come_back(void **state)
{
	(void)state;
	const uint64_t numbers[] = {0, 1, 77, 1 << 20, ((uint64_t)1 << 46) - 1};
	for (int kind = DP_UNSPENT; kind <= DP_BURIED; kind++) {
		for (int i = 0; i < 25; i++) {
			uint64_t output_no = numbers[i / 5], tx_no = numbers[i % 5], got_tx;
			dp_spent_kind got;
			uint64_t e = dp_spent_entry(output_no, (dp_spent_kind)kind, tx_no);
			assert_true(dp_spent_read(e, output_no, &got, &got_tx));
			assert_int_equal(got, kind);
			assert_int_equal(got_tx, kind == DP_UNSPENT ? 0 : tx_no);
			assert_false(dp_spent_read(e, output_no + 1, &got, &got_tx));
		}
	}
}

// A bit of the hash is told for certain, one of the content unless two hashes agree in 16 bits: of
// 48 * 20000 flips about 15 may pass.
static void flipped_bits_are_told(void **state)
{
	(void)state;
	uint32_t passed = 0;
	for (uint64_t n = 0; n < 20000; n++) {
		uint64_t output_no = n * 31 + 7;
		dp_spent_kind kind = (dp_spent_kind)(n % 3);
		uint64_t e = dp_spent_entry(output_no, kind, n * 1001), tx_no;
		for (uint32_t bit = 0; bit < 64; bit++) {
			bool read = dp_spent_read(e ^ (uint64_t)1 << bit, output_no, &kind, &tx_no);
			if (bit >= 48) assert_false(read);
			passed += read;
		}
	}
	assert_true(passed < 40);
}

static void what_is_set_is_read_by_others_at_once(void **state)
{
	(void)state;
	make_file(20000);
	dp_spent w, r;
	assert_int_equal(dp_spent_open(&w, path, true, 500, 20000, &fault), DP_OK);
	assert_int_equal(dp_spent_open(&r, path, false, 500, 20000, &fault), DP_OK);
	dp_spent_kind kind;
	uint64_t tx_no;
	for (uint64_t no = 500; no < 20500; no++) {
		assert_int_equal(dp_spent_get(&r, &kind, &tx_no, no, &fault), DP_OK);
		assert_int_equal(kind, DP_UNSPENT);
	}
	dp_spent_set(&w, 500, DP_SPENT, 9);
	dp_spent_set(&w, 20499, DP_BURIED, 10);
	dp_spent_prefetch(&r, 500);
	dp_spent_prefetch(&r, 0);
	assert_int_equal(dp_spent_get(&r, &kind, &tx_no, 500, &fault), DP_OK);
	assert_int_equal(kind, DP_SPENT);
	assert_int_equal(tx_no, 9);
	assert_int_equal(dp_spent_get(&r, &kind, &tx_no, 20499, &fault), DP_OK);
	assert_int_equal(kind, DP_BURIED);
	assert_int_equal(tx_no, 10);
	dp_spent_set(&w, 500, DP_UNSPENT, 0);
	assert_int_equal(dp_spent_get(&r, &kind, &tx_no, 500, &fault), DP_OK);
	assert_int_equal(kind, DP_UNSPENT);
	assert_int_equal(dp_spent_sync(&w, &fault), DP_OK);
	assert_int_equal(dp_spent_get(&r, &kind, &tx_no, 499, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_spent_get(&r, &kind, &tx_no, 20500, &fault), DP_BAD_BYTES);
	dp_spent_close(&w);
	dp_spent_close(&r);
	dp_spent_close(&r); // twice is harmless
}

static void poke(off_t at, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

static void expect(dp_code want, uint64_t first, uint64_t count, const char *word)
{
	dp_spent s;
	memset(&fault, 0, sizeof fault);
	assert_int_equal(dp_spent_open(&s, path, false, first, count, &fault), want);
	if (strstr(fault.text, word) == NULL) fail_msg("\"%s\" is not told: %s", word, fault.text);
}

static void damaged_files_are_told(void **state)
{
	(void)state;
	(void)unlink(path);
	expect(DP_NOT_FOUND, 0, 0, "");
	make_file(10);
	expect(DP_BAD_BYTES, 500, 11, "another segment");
	expect(DP_BAD_BYTES, 501, 10, "another segment");
	for (off_t at = 0; at < 64; at++) {
		make_file(10);
		uint8_t wrong = 0xee;
		poke(at, &wrong, 1);
		expect(DP_BAD_BYTES, 500, 10, "dyepack ledger verify");
	}
	make_file(10);
	poke(144, "x", 1);
	expect(DP_BAD_BYTES, 500, 10, "size");
	assert_int_equal(truncate(path, 40), 0);
	expect(DP_BAD_BYTES, 500, 10, "header");
	make_file(10);
	poke(64 + 3 * 8 + 7, "\x55", 1); // of the hash
	dp_spent s;
	dp_spent_kind kind;
	uint64_t tx_no;
	assert_int_equal(dp_spent_open(&s, path, false, 500, 10, &fault), DP_OK);
	assert_int_equal(dp_spent_get(&s, &kind, &tx_no, 502, &fault), DP_OK);
	dp_code code = dp_spent_get(&s, &kind, &tx_no, 503, &fault);
	if (code == DP_OK) fail_msg("the byte was that by chance: change the test");
	assert_int_equal(code, DP_BAD_BYTES);
	assert_int_equal(fault.offset, 64 + 3 * 8);
	assert_string_equal(fault.file, path);
	dp_spent_close(&s);
}

static void a_full_disk_leaves_no_file(void **state)
{
	(void)state;
	(void)unlink(path);
	for (int64_t n = 0; n < 64 + 80; n += 13) {
		dp_file_fail_after(n);
		dp_code code = dp_spent_create(path, 1, 8, 500, 10, &fault);
		dp_file_fail_after(-1);
		assert_int_equal(code, DP_IO);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void without_memory_nothing_is_left(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_spent s;
	dp_mem_fail_after(0);
	assert_int_equal(dp_spent_create(path, 1, 8, 500, 10, &fault), DP_NO_MEMORY);
	assert_int_equal(dp_spent_in_memory(&s, 500, 10, &fault), DP_NO_MEMORY);
	dp_mem_fail_after(-1);
	assert_int_equal(dp_spent_in_memory(&s, 500, 0, &fault), DP_OK);
	dp_spent_close(&s);
	assert_int_equal(dp_spent_in_memory(&s, 500, 10, &fault), DP_OK);
	dp_spent_set(&s, 509, DP_SPENT, 3);
	assert_int_equal(dp_spent_sync(&s, &fault), DP_OK);
	dp_spent_close(&s);
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries_come_back),
	    cmocka_unit_test(flipped_bits_are_told),
	    cmocka_unit_test(what_is_set_is_read_by_others_at_once),
	    cmocka_unit_test(damaged_files_are_told),
	    cmocka_unit_test(a_full_disk_leaves_no_file),
	    cmocka_unit_test(without_memory_nothing_is_left),
	};
	return cmocka_run_group_tests(tests, name_file, remove_file);
}

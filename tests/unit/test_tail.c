// tail.h: what was appended is read again up to the first record that is not whole, wherever the
// file was cut; damage in the middle is told apart from a writer at work; a tail of another chain,
// another unit or another order is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ledger/tail.h"

enum { RECORDS = 6, UNIT = 72 };

static const dp_chain *chain_named(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	assert_non_null(chain);
	return chain;
}

typedef struct block_plan {
	uint64_t height;
	uint8_t hash, prev;
} block_plan;

// A block with as many transactions as its height says: sizes differ, and with them the zeros.
static void put_block(dp_bytes_out *out, const dp_chain *chain, block_plan plan)
{
	dp_fault fault;
	dp_block_builder b = {0};
	const dp_block *block;
	dp_bytes_out payload = {0};
	dp_builder_start(&b, chain, plan.height, 1000);
	memset(b.block.hash, plan.hash, 32);
	memset(b.block.prev, plan.prev, 32);
	for (uint64_t t = 0; t < plan.height; t++) {
		dp_tx *tx;
		assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	}
	assert_int_equal(dp_builder_finish(&b, &block, &fault), DP_OK);
	assert_int_equal(dp_record_put(&payload, block, 0, 0, &fault), DP_OK);
	assert_int_equal(dp_tail_frame(out, payload.bytes, payload.size, &fault), DP_OK);
	dp_bytes_out_done(&payload);
	dp_builder_done(&b);
}

// Six blocks; *ret_ends: where the beginning and each record end.
static void make_tail(dp_bytes_out *out, uint64_t ret_ends[RECORDS + 1])
{
	dp_fault fault;
	const dp_chain *chain = chain_named("ethereum");
	assert_int_equal(dp_tail_begin(out, chain, UNIT, &fault), DP_OK);
	ret_ends[0] = out->size;
	for (uint8_t i = 1; i <= RECORDS; i++) {
		put_block(out, chain, (block_plan){i, i, (uint8_t)(i - 1)});
		ret_ends[i] = out->size;
	}
}

static dp_code parse(dp_tail *t, const dp_bytes_out *out, uint64_t size, dp_fault *fault)
{
	return dp_tail_parse(t, out->bytes, size, chain_named("ethereum"), UNIT, fault);
}

static void records_come_back_in_order(void **state)
{
	(void)state;
	uint64_t ends[RECORDS + 1];
	dp_bytes_out out = {0};
	dp_tail t;
	dp_fault fault;
	make_tail(&out, ends);
	assert_int_equal(ends[0], 64);
	assert_int_equal(parse(&t, &out, out.size, &fault), DP_OK);
	assert_int_equal(t.count, RECORDS);
	assert_true(t.valid == out.size && !t.owns_bytes);
	for (uint64_t i = 0; i < RECORDS; i++) {
		assert_int_equal(t.record[i].head.height, i + 1);
		assert_int_equal(t.record[i].offset, ends[i] + 24);
		assert_int_equal(t.record[i].size, 104 + 34 * (i + 1));
		assert_int_equal(ends[i] % 8, 0);
	}
	dp_tail_done(&t);
	dp_bytes_out_done(&out);
}

static void a_cut_tail_ends_with_its_last_whole_record(void **state)
{
	(void)state;
	uint64_t ends[RECORDS + 1];
	dp_bytes_out out = {0};
	dp_fault fault;
	make_tail(&out, ends);
	for (uint64_t n = 0; n <= out.size; n++) {
		dp_tail t;
		uint8_t *copy = dp_alloc(n + 1); // exactly n bytes would be one too few for n = 0
		memcpy(copy, out.bytes, n);
		assert_int_equal(dp_tail_parse(&t, copy, n, chain_named("ethereum"), UNIT, &fault),
		                 DP_OK);
		uint64_t whole = 0;
		while (whole < RECORDS && ends[whole + 1] <= n) whole++;
		assert_int_equal(t.count, whole);
		assert_int_equal(t.valid, n < 64 ? 0 : ends[whole]);
		dp_tail_done(&t);
		// The machine crashed: the file is longer, with zeros.
		uint8_t *longer = dp_alloc(out.size + 100);
		memcpy(longer, out.bytes, n);
		assert_int_equal(dp_tail_parse(&t, longer, out.size + 100, chain_named("ethereum"),
		                               UNIT, &fault),
		                 DP_OK);
		assert_true(t.count >= whole && t.count <= whole + 1); // what was cut may be zeros
		dp_tail_done(&t);
		dp_free(longer);
		dp_free(copy);
	}
	dp_bytes_out_done(&out);
}

static void damage_in_the_middle_is_not_an_end(void **state)
{
	(void)state;
	uint64_t ends[RECORDS + 1];
	dp_bytes_out out = {0};
	dp_fault fault;
	dp_tail t;
	make_tail(&out, ends);
	for (uint64_t bit = 0; bit < out.size * 8; bit++) {
		uint64_t at = bit / 8, record = 0;
		while (at >= ends[record]) record++;
		out.bytes[at] ^= (uint8_t)(1 << bit % 8);
		dp_code code = parse(&t, &out, out.size, &fault);
		if (record == RECORDS) { // the last: nothing whole is behind it
			assert_int_equal(code, DP_OK);
			assert_int_equal(t.count, RECORDS - 1);
			assert_int_equal(t.valid, ends[RECORDS - 1]);
			dp_tail_done(&t);
		} else {
			assert_int_equal(code, DP_BAD_BYTES);
			assert_true(fault.has_offset);
			if (record > 0) assert_int_equal(fault.offset, ends[record - 1]);
		}
		out.bytes[at] ^= (uint8_t)(1 << bit % 8);
	}
	// Two in a row, and one that was never written.
	out.bytes[ends[1] + 30] ^= 1;
	out.bytes[ends[2] + 30] ^= 1;
	assert_int_equal(parse(&t, &out, out.size, &fault), DP_BAD_BYTES);
	memset(out.bytes + ends[1], 0, ends[3] - ends[1]);
	assert_int_equal(parse(&t, &out, out.size, &fault), DP_BAD_BYTES);
	assert_int_equal(fault.offset, ends[1]);
	dp_bytes_out_done(&out);
}

// A record whose contents are themselves a record (a thief may choose some bytes), cut: its frame
// tells how long it is, so nothing in it is taken for a record behind it.
static void a_record_in_a_record_is_not_one(void **state)
{
	(void)state;
	const dp_chain *chain = chain_named("ethereum");
	dp_fault fault;
	dp_bytes_out inner = {0}, payload = {0}, out = {0};
	put_block(&inner, chain, (block_plan){9, 9, 8});
	assert_int_equal(dp_bytes_out_room(&payload, 104 + inner.size + 100, &fault), DP_OK);
	memset(payload.bytes, 1, 104 + inner.size + 100);
	memcpy(payload.bytes + 104, inner.bytes, inner.size);
	assert_int_equal(dp_tail_begin(&out, chain, UNIT, &fault), DP_OK);
	assert_int_equal(dp_tail_frame(&out, payload.bytes, 104 + inner.size + 100, &fault), DP_OK);
	dp_tail t;
	assert_int_equal(parse(&t, &out, out.size - 40, &fault), DP_OK);
	assert_true(t.count == 0 && t.valid == 64);
	dp_tail_done(&t);
	dp_bytes_out_done(&inner);
	dp_bytes_out_done(&payload);
	dp_bytes_out_done(&out);
}

static void what_does_not_follow_is_refused(void **state)
{
	(void)state;
	static const struct {
		block_plan first, second;
		const char *fault; // NULL: right
	} rows[] = {
	    {{5, 1, 0}, {6, 2, 1}, NULL},
	    {{5, 1, 0}, {6, 2, 0}, NULL}, // the source had no hash of the block before
	    {{5, 1, 0}, {8, 2, 7}, NULL}, // and here not that block
	    {{5, 1, 0}, {6, 2, 9}, "does not follow"},
	    {{5, 1, 0}, {5, 2, 1}, "stands behind"},
	    {{5, 1, 0}, {4, 2, 1}, "stands behind"},
	};
	const dp_chain *chain = chain_named("ethereum");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		dp_bytes_out out = {0};
		dp_tail t;
		dp_fault fault;
		assert_int_equal(dp_tail_begin(&out, chain, UNIT, &fault), DP_OK);
		put_block(&out, chain, rows[i].first);
		put_block(&out, chain, rows[i].second);
		dp_code code = parse(&t, &out, out.size, &fault);
		if (rows[i].fault == NULL) {
			assert_int_equal(code, DP_OK);
			assert_int_equal(t.count, 2);
			dp_tail_done(&t);
		} else {
			assert_int_equal(code, DP_BAD_BYTES);
			assert_non_null(strstr(fault.text, rows[i].fault));
		}
		dp_bytes_out_done(&out);
	}
}

static void another_tail_is_refused(void **state)
{
	(void)state;
	const dp_chain *chain = chain_named("ethereum");
	dp_bytes_out out = {0};
	dp_tail t;
	dp_fault fault;
	assert_int_equal(dp_tail_begin(&out, chain, UNIT, &fault), DP_OK);
	assert_int_equal(dp_tail_parse(&t, out.bytes, 64, chain_named("bsc"), UNIT, &fault),
	                 DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "another chain than bsc"));
	assert_int_equal(dp_tail_parse(&t, out.bytes, 64, chain, UNIT + 1, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "unit 72"));
	uint8_t other[80];
	memset(other, 'x', sizeof other);
	assert_int_equal(dp_tail_parse(&t, other, 80, chain, UNIT, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_tail_parse(&t, other, 8, chain, UNIT, &fault), DP_BAD_BYTES);
	dp_bytes_out_done(&out);
}

static void a_file_is_read_and_one_that_is_not_there_is_empty(void **state)
{
	(void)state;
	char folder[] = "/tmp/dyepack-tail-XXXXXX", path[DP_PATH_MAX];
	uint64_t ends[RECORDS + 1];
	const dp_chain *chain = chain_named("ethereum");
	dp_bytes_out out = {0};
	dp_fault fault;
	dp_file_log log;
	dp_tail t;
	int64_t live = dp_mem_live();
	assert_non_null(mkdtemp(folder));
	assert_int_equal(dp_path_join(path, folder, "00000072.tail", &fault), DP_OK);
	assert_int_equal(dp_tail_read(&t, path, chain, UNIT, &fault), DP_OK);
	assert_true(t.count == 0 && t.valid == 0);
	dp_tail_done(&t);
	make_tail(&out, ends);
	assert_int_equal(dp_log_open(&log, path, 0, &fault), DP_OK);
	assert_int_equal(dp_log_append(&log, out.bytes, out.size - 3, &fault), DP_OK);
	dp_log_close(&log);
	for (int64_t n = 0;; n++) { // and memory may run out
		dp_mem_fail_after(n);
		dp_code code = dp_tail_read(&t, path, chain, UNIT, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
	assert_int_equal(t.count, RECORDS - 1);
	assert_true(t.owns_bytes && t.valid == ends[RECORDS - 1]);
	assert_memory_equal(t.bytes, out.bytes, t.valid);
	dp_tail_done(&t);
	// An appender goes on behind what is valid.
	assert_int_equal(dp_log_open(&log, path, ends[RECORDS - 1], &fault), DP_OK);
	assert_int_equal(dp_log_append(&log, out.bytes + log.size, out.size - log.size, &fault),
	                 DP_OK);
	out.bytes[100] ^= 1;
	dp_log_close(&log);
	assert_int_equal(dp_tail_read(&t, path, chain, UNIT, &fault), DP_OK);
	assert_int_equal(t.count, RECORDS);
	dp_tail_done(&t);
	assert_int_equal(dp_tail_read(&t, path, chain_named("base"), UNIT, &fault), DP_BAD_BYTES);
	assert_string_equal(fault.file, path);
	dp_bytes_out_done(&out);
	assert_int_equal(dp_mem_live(), live);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_come_back_in_order),
	    cmocka_unit_test(a_cut_tail_ends_with_its_last_whole_record),
	    cmocka_unit_test(damage_in_the_middle_is_not_an_end),
	    cmocka_unit_test(a_record_in_a_record_is_not_one),
	    cmocka_unit_test(what_does_not_follow_is_refused),
	    cmocka_unit_test(another_tail_is_refused),
	    cmocka_unit_test(a_file_is_read_and_one_that_is_not_there_is_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

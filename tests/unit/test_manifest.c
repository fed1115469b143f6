// manifest.h: what is printed is parsed again to the same, nothing else is accepted, and what is
// wrong is told with its line and column.
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
#include "codec/hex.h"
#include "ledger/manifest.h"

static const dp_chain *chain_named(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	assert_non_null(chain);
	return chain;
}

static const dp_manifest_segment plan[] = {
    {0, 64, 0, 173204, 173205, 3901881, 16777901, 7000000, 9777901, {1, 0xab}},
    {64, 8, 173205, 190000, 16000, 500000, 2097200, 1000000, 1097200, {2}},
    {72, 1, 190010, 190010, 1, 300000, 300001, 0, 300001, {3}},
};

static void fill(dp_manifest *m, bool utxo)
{
	dp_fault fault;
	*m = (dp_manifest){.chain = chain_named(utxo ? "bitcoin" : "ethereum")};
	for (size_t i = 0; i < 3; i++) {
		dp_manifest_segment s = plan[i];
		if (!utxo) s.inputs = s.outputs = 0;
		assert_int_equal(dp_manifest_add(m, &s, &fault), DP_OK);
	}
}

static void what_is_printed_is_parsed_again(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int utxo = 0; utxo < 2; utxo++) {
		dp_manifest m, back;
		dp_fault fault;
		char *text, *again;
		size_t n, n_again;
		fill(&m, utxo);
		assert_int_equal(dp_manifest_print(&m, &text, &n, &fault), DP_OK);
		if (dp_manifest_parse(&back, text, n, &fault) != DP_OK)
			fail_msg("%u:%u %s", fault.line, fault.column, fault.text);
		assert_true(back.chain == m.chain && back.count == 3);
		assert_memory_equal(back.segment, m.segment, sizeof plan);
		assert_int_equal(dp_manifest_units(&back), 73);
		assert_int_equal(dp_manifest_print(&back, &again, &n_again, &fault), DP_OK);
		assert_int_equal(n, n_again);
		assert_memory_equal(text, again, n);
		dp_free(text);
		dp_free(again);
		dp_manifest_done(&m);
		dp_manifest_done(&back);
	}
	assert_int_equal(dp_mem_live(), live);
}

static void the_text_is_the_one_of_the_header(void **state)
{
	(void)state;
	static const char expected[] =
	    "dyepack ledger 2\n"
	    "chain bip122:000000000019d6689c085ae165831e93\n"
	    "segment 0 64 heights 0 173204 blocks 173205 txs 3901881 rows 16777901 "
	    "inputs 7000000 outputs 9777901 header 01ab0000000000000000000000000000\n";
	dp_manifest m;
	dp_fault fault;
	char *text;
	size_t n;
	fill(&m, true);
	m.count = 1;
	assert_int_equal(dp_manifest_print(&m, &text, &n, &fault), DP_OK);
	assert_int_equal(n, sizeof expected - 1 + 6 + 32 + 1);
	assert_memory_equal(text, expected, sizeof expected - 1);
	assert_memory_equal(text + sizeof expected - 1, "check ", 6);
	assert_int_equal(text[n - 1], '\n');
	dp_free(text);
	dp_manifest_done(&m);
}

static void a_changed_or_cut_manifest_is_refused(void **state)
{
	(void)state;
	dp_manifest m, back;
	dp_fault fault;
	char *text;
	size_t n;
	fill(&m, true);
	assert_int_equal(dp_manifest_print(&m, &text, &n, &fault), DP_OK);
	dp_manifest_done(&m);
	int64_t live = dp_mem_live();
	for (size_t i = 0; i < n; i++) {
		char *copy = dp_alloc(i + 1);
		memcpy(copy, text, i);
		assert_int_equal(dp_manifest_parse(&back, copy, i, &fault), DP_BAD_BYTES);
		assert_true(fault.line >= 1 && fault.column >= 1);
		dp_free(copy);
		for (int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			assert_int_equal(dp_manifest_parse(&back, text, n, &fault), DP_BAD_BYTES);
			assert_true(fault.line >= 1 && fault.column >= 1 && fault.text[0] != 0);
			text[i] ^= (char)(1 << bit);
		}
	}
	assert_int_equal(dp_mem_live(), live);
	dp_free(text);
}

// `body` with a right checksum.
static dp_code parse_checked(const char *body, dp_fault *fault)
{
	char hex[33];
	size_t cap = strlen(body) + 64;
	char *text = malloc(cap);
	assert_non_null(text);
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(body, strlen(body)));
	dp_hex_encode(hex, check.digest, 16);
	int n = snprintf(text, cap, "%scheck %s\n", body, hex);
	dp_manifest m;
	dp_code code = dp_manifest_parse(&m, text, (size_t)n, fault);
	if (code == DP_OK) dp_manifest_done(&m);
	free(text);
	return code;
}

#define TOP "dyepack ledger 2\nchain eip155:1\n"
#define UTXO "dyepack ledger 2\nchain bip122:000000000019d6689c085ae165831e93\n"
#define HEX " header 000102030405060708090a0b0c0d0e0f\n"
#define ONE "segment 0 1 heights 5 9 blocks 5 txs 1 rows 1 inputs 0 outputs 0" HEX

static void each_rule_has_its_fault(void **state)
{
	(void)state;
	static const struct {
		const char *body, *fault;
		uint32_t line, column;
	} rows[] = {
	    {"dyepack ledger 3\nanything at all\n", "format 3, this dyepack reads 2: use a newer",
	     1, 16},
	    {"dyepack ledger 01\n", "begins with 0", 1, 16},
	    {"dyepack\n", "\"dyepack ledger \" is expected", 1, 1},
	    {"dyepack ledger 2\nchain eip155:999999\n", "knows no chain \"eip155:999999\"", 2, 7},
	    {"dyepack ledger 2\nchain ethereum\n", "knows no chain", 2, 7},
	    {TOP "segment 0 2 heights 5 9 blocks 5 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "not 1, 8 or 64", 3, 1},
	    {TOP "segment 1 1 heights 5 9 blocks 5 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "where the one before it ends", 3, 1},
	    {TOP ONE "segment 1 8 heights 10 19 blocks 5 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "multiple of its number", 4, 1},
	    {TOP ONE "segment 1 1 heights 9 19 blocks 5 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "has already", 4, 1},
	    {TOP "segment 0 1 heights 9 5 blocks 5 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "below its first", 3, 1},
	    {TOP "segment 0 1 heights 5 9 blocks 6 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "more blocks than heights", 3, 1},
	    {TOP "segment 0 1 heights 5 9 blocks 0 txs 1 rows 1 inputs 0 outputs 0" HEX,
	     "has no blocks", 3, 1},
	    {TOP "segment 0 1 heights 5 9 blocks 5 txs 1 rows 1 inputs 1 outputs 0" HEX,
	     "does not know", 3, 1},
	    {UTXO "segment 0 1 heights 5 9 blocks 5 txs 1 rows 1 inputs 1 outputs 1" HEX,
	     "another number of rows", 3, 1},
	    {TOP "segment 0 1 heights 5 9 blocks 5 txs 1073741824 rows 1 inputs 0 outputs 0" HEX,
	     "more than a segment can have", 3, 1},
	    {TOP "segment 0 1 heights 5 9 blocks 5 txs 1 rows 1073741824 inputs 0 outputs 0" HEX,
	     "more than a segment can have", 3, 1},
	    {TOP "segment 0 1 heights 0 1073741823 blocks 1073741824 txs 1 rows 1 inputs 0 "
	         "outputs 0" HEX,
	     "more than a segment can have", 3, 1},
	    {UTXO "segment 0 1 heights 0 9 blocks 10 txs 10 rows 4294967297 inputs 0 "
	          "outputs 4294967297" HEX,
	     "more than a segment can have", 3, 1},
	    {UTXO "segment 0 1 heights 0 9 blocks 10 txs 10 rows 0 inputs 1 "
	          "outputs 18446744073709551615" HEX,
	     "more than a segment can have", 3, 1},
	    {UTXO "segment 0 1 heights 0 9 blocks 10 txs 10 rows 0 inputs 18446744073709551615 "
	          "outputs 1" HEX,
	     "more than a segment can have", 3, 1},
	    {TOP "segment 0 1 heights 5 18446744073709551616 blocks 5", "too large", 3, 23},
	    {TOP "segment 0 1  heights 5 9", "\" heights \" is expected", 3, 12},
	    {TOP "segment 0 1 heights 5 09 blocks 5", "begins with 0", 3, 23},
	    {TOP "segment 0 1 heights 5 9 blocks 5 txs 1 rows 1 inputs 0 outputs 0 header "
	         "000102030405060708090A0b0c0d0e0f\n",
	     "lower case", 3, 73},
	    {TOP "segment 0 1 heights 5 9 blocks 5 txs 1 rows 1 inputs 0 outputs 0 header "
	         "000102030405060708090a0b0c0d0e0f0\n",
	     "end of the line", 3, 105},
	    {TOP "\n", "\"check \" is expected", 3, 1},
	};
	dp_fault fault;
	assert_int_equal(parse_checked(TOP, &fault), DP_OK);
	assert_int_equal(parse_checked(TOP ONE, &fault), DP_OK);
	// The format before notes were kept.
	assert_int_equal(parse_checked("dyepack ledger 1\nchain eip155:1\n" ONE, &fault), DP_OK);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(parse_checked(rows[i].body, &fault), DP_BAD_BYTES);
		if (strstr(fault.text, rows[i].fault) == NULL || fault.line != rows[i].line ||
		    fault.column != rows[i].column)
			fail_msg("row %zu: %u:%u: %s", i, fault.line, fault.column, fault.text);
	}
}

static void adding_keeps_the_rules(void **state)
{
	(void)state;
	dp_manifest m;
	dp_fault fault;
	fill(&m, true);
	dp_manifest_segment s = plan[2];
	assert_int_equal(dp_manifest_add(&m, &s, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "segment 72 1 does not begin"));
	s.unit_first = 73;
	s.height_first = s.height_last = 190011;
	s.txs = UINT64_C(1) << 30;
	assert_int_equal(dp_manifest_add(&m, &s, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "than a segment can have"));
	s.txs = (UINT64_C(1) << 30) - 1;
	assert_int_equal(dp_manifest_add(&m, &s, &fault), DP_OK);
	dp_manifest_done(&m);
}

// 2^16 segments of 2^30 - 1 leave room for 2^16 - 1 more, below 2^46.
static void sums_are_bounded_as_the_segments_are(void **state)
{
	(void)state;
	enum { FULL = 1 << 16, LINE = 160 };
	static const char *const more[] = {"txs 65536 rows 65535 inputs 0 outputs 65535",
	                                   "txs 65535 rows 65536 inputs 0 outputs 65536",
	                                   "txs 65535 rows 65535 inputs 0 outputs 65535"};
	dp_fault fault;
	size_t cap = (size_t)(FULL + 3) * LINE, at = 0;
	char *text = malloc(cap);
	assert_non_null(text);
	at += (size_t)snprintf(text, cap, "%s", UTXO);
	for (int i = 0; i < FULL; i++)
		at += (size_t)snprintf(text + at, cap - at,
		                       "segment %d 1 heights %d %d blocks 1 txs 1073741823 "
		                       "rows 1073741823 inputs 0 outputs 1073741823%s",
		                       i, i, i, HEX);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(text + at, cap - at, "segment %d 1 heights %d %d blocks 1 %s%s",
		               FULL, FULL, FULL, more[i], HEX);
		dp_code code = parse_checked(text, &fault);
		assert_int_equal(code, i < 2 ? DP_BAD_BYTES : DP_OK);
		if (i == 2) break;
		assert_non_null(strstr(fault.text, "brings the sum"));
		assert_true(fault.line == FULL + 3 && fault.column == 1);
	}
	free(text);
}

static void the_file_is_replaced_whole(void **state)
{
	(void)state;
	char folder[] = "/tmp/dyepack-manifest-XXXXXX", path[DP_PATH_MAX];
	dp_manifest m, back;
	dp_fault fault;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(dp_manifest_read(&back, folder, &fault), DP_NOT_FOUND);
	fill(&m, false);
	assert_int_equal(dp_manifest_write(&m, folder, &fault), DP_OK);
	m.count = 2;
	dp_file_fail_after(50); // the disk is full
	assert_int_equal(dp_manifest_write(&m, folder, &fault), DP_IO);
	dp_file_fail_after(-1);
	assert_int_equal(dp_manifest_read(&back, folder, &fault), DP_OK);
	assert_int_equal(back.count, 3);
	dp_manifest_done(&back);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) { // and memory may run out
		dp_mem_fail_after(n);
		dp_code code = dp_manifest_write(&m, folder, &fault);
		if (code == DP_OK) code = dp_manifest_read(&back, folder, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), live);
	}
	assert_int_equal(back.count, 2);
	dp_manifest_done(&back);
	dp_manifest_done(&m);
	assert_int_equal(dp_path_join(path, folder, "manifest", &fault), DP_OK);
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	assert_true(fputs("more", f) >= 0 && fclose(f) == 0);
	assert_int_equal(dp_manifest_read(&back, folder, &fault), DP_BAD_BYTES);
	assert_string_equal(fault.file, path);
	assert_non_null(strstr(fault.text, "nothing may follow"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0); // no temporary file is left
}

static void files_have_their_names(void **state)
{
	(void)state;
	char name[DP_LEDGER_NAME_MAX];
	dp_segment_name(name, 64, 8, "seg");
	assert_string_equal(name, "00000064-08.seg");
	dp_segment_name(name, 0, 64, "spent");
	assert_string_equal(name, "00000000-64.spent");
	dp_tail_name(name, 72);
	assert_string_equal(name, "00000072.tail");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_printed_is_parsed_again),
	    cmocka_unit_test(the_text_is_the_one_of_the_header),
	    cmocka_unit_test(a_changed_or_cut_manifest_is_refused),
	    cmocka_unit_test(each_rule_has_its_fault),
	    cmocka_unit_test(adding_keeps_the_rules),
	    cmocka_unit_test(sums_are_bounded_as_the_segments_are),
	    cmocka_unit_test(the_file_is_replaced_whole),
	    cmocka_unit_test(files_have_their_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

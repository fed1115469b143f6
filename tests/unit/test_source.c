// Choosing a kind of source from what stands on the command line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "source/source.h"
#include "source/source_kinds.h"

static char folder[] = "/tmp/dyepack-source-XXXXXX", file[80], odd[80];
static const char genesis[] = "tests/data/bitcoin/genesis.blk";
static const char table[] = "block,time,tx,from,to,asset,amount\n";

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL) return 1;
	snprintf(file, sizeof file, "%s/f", folder);
	snprintf(odd, sizeof odd, "%s/http:x", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	unlink(odd);
	return rmdir(folder);
}

static dp_code open_paths(const char *const *paths, uint32_t count, const char **ret_kind,
                          dp_fault *fault)
{
	dp_source *s = NULL;
	memset(fault, 0, sizeof *fault);
	dp_code code = dp_source_open(&s, paths, count, NULL, fault);
	*ret_kind = code == DP_OK ? s->kind->name : "";
	if (code == DP_OK) dp_source_close(s);
	if (code != DP_OK) assert_true(fault->text[0] != 0);
	return code;
}

static void assert_fault(const char *path, dp_code code, const char *why)
{
	const char *kind;
	dp_fault fault;
	assert_int_equal(open_paths(&path, 1, &kind, &fault), code);
	if (strstr(fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, why);
}

static void blocks_are_known_by_name_and_by_their_bytes(void **state)
{
	(void)state;
	const char *kind, *paths[] = {genesis}, *renamed[] = {file};
	dp_fault fault;
	size_t n;
	assert_int_equal(open_paths(paths, 1, &kind, &fault), DP_OK);
	assert_string_equal(kind, "blk");
	uint8_t *b = mk_load(genesis, &n);
	mk_save(file, b, n); // a bare block under no name that tells
	free(b);
	assert_int_equal(open_paths(renamed, 1, &kind, &fault), DP_OK);
	assert_string_equal(kind, "blk");
	b = mk_load("tests/data/bitcoin/mainnet-1-5.dat", &n);
	mk_save(file, b, n);
	free(b);
	assert_int_equal(open_paths(renamed, 1, &kind, &fault), DP_OK);
	assert_string_equal(kind, "blk");
}

static void tables_are_known_by_their_header(void **state)
{
	(void)state;
	mk_save(file, table, sizeof table - 1);
	for (size_t i = 0; dp_source_kinds[i] != NULL; i++) {
		const dp_source_kind *k = dp_source_kinds[i];
		int sure = k->recognise(file, (const uint8_t *)table, sizeof table - 1, false);
		assert_int_equal(sure > 0, k == &dp_source_csv);
		assert_non_null(k->summary);
		assert_non_null(k->looks_like);
		assert_non_null(k->gives);
	}
}

static void a_prefix_names_the_kind(void **state)
{
	(void)state;
	char prefixed[128];
	const char *kind, *paths[] = {prefixed};
	dp_fault fault;
	snprintf(prefixed, sizeof prefixed, "blk:%s", genesis);
	assert_int_equal(open_paths(paths, 1, &kind, &fault), DP_OK);
	assert_string_equal(kind, "blk");
	assert_fault("blk:", DP_BAD_CASE, "names no file");
	assert_fault("blk:/nonexistent", DP_NOT_FOUND, "No such file");
	assert_fault("zip:/nonexistent", DP_BAD_CASE, "the kinds are: blk, evm-rpc, bitcoin-rpc,");
	assert_fault("csv:http://node:8332", DP_BAD_CASE, "is to be followed by a file or folder");
	assert_fault("evm-rpc:/tmp", DP_BAD_CASE, "is to be followed by an address");
	assert_fault("etl:/nonexistent", DP_NOT_FOUND, "no such file or folder");
	// What is there under that very name needs no prefix.
	size_t n;
	uint8_t *b = mk_load(genesis, &n);
	mk_save(odd, b, n);
	free(b);
	paths[0] = odd;
	assert_int_equal(open_paths(paths, 1, &kind, &fault), DP_OK);
}

// Neither what is recognised wrongly nor what is mistyped repeats a password.
static void an_address_that_nothing_can_be_told_from_is_refused_without_its_secrets(void **state)
{
	(void)state;
	static const char *const wrong[] = {
	    "http://user:hunter2@node.example:9/v3/hunter2?key=hunter2",
	    "csv:http://user:hunter2@node.example:9/",
	    "htp://user:hunter2@node.example:8545/",
	    "evm-rpc:htp://user:hunter2@node.example:8545/",
	    "csv:wss://user:hunter2@node.example:8545/",
	    "blk:htp://user:hunter2@node.example:8545/",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const char *kind;
		dp_fault fault = {0};
		char told[1000];
		assert_int_equal(open_paths(&wrong[i], 1, &kind, &fault), DP_BAD_CASE);
		dp_fault_format(&fault, told, sizeof told);
		assert_null(strstr(told, "hunter2"));
	}
}

static void what_nobody_knows_is_told_with_what_was_looked_for(void **state)
{
	(void)state;
	const char *kind;
	dp_fault fault;
	mk_save(file, "hello\n", 6);
	assert_fault(file, DP_BAD_CASE, "(blk, evm-rpc, bitcoin-rpc");
	assert_fault(file, DP_BAD_CASE, "eth-etl, etherscan, csv: ");
	mk_save(file, "", 0);
	assert_fault(file, DP_BAD_CASE, "of no kind we know");
	assert_fault(folder, DP_BAD_CASE, "of no kind we know");
	assert_fault("/nonexistent", DP_NOT_FOUND, "no such file");
	assert_int_equal(open_paths(NULL, 0, &kind, &fault), DP_BAD_CASE);
	const char *paths[] = {genesis, file};
	mk_save(file, table, sizeof table - 1);
	assert_int_equal(open_paths(paths, 2, &kind, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "all must be of one kind"));
	assert_string_equal(fault.file, file);
}

static void the_source_counts_what_it_gives(void **state)
{
	(void)state;
	const char *path = "tests/data/bitcoin/mainnet-1-5.dat";
	dp_source *s;
	const dp_block *b;
	assert_int_equal(dp_source_open(&s, &path, 1, NULL, NULL), DP_OK);
	while (dp_source_next(s, &b, NULL) == DP_OK) assert_int_equal(s->stats.blocks, b->height);
	assert_int_equal(s->stats.txs, 5);
	assert_int_equal(s->stats.movements, 5);
	dp_source_close(s);
	dp_source_close(NULL);
}

static void a_failed_allocation_is_told_and_nothing_is_lost(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		const char *kind, *path = genesis;
		dp_fault fault;
		dp_mem_fail_after(n);
		dp_code code = open_paths(&path, 1, &kind, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_are_known_by_name_and_by_their_bytes),
	    cmocka_unit_test(tables_are_known_by_their_header),
	    cmocka_unit_test(a_prefix_names_the_kind),
	    cmocka_unit_test(
	        an_address_that_nothing_can_be_told_from_is_refused_without_its_secrets),
	    cmocka_unit_test(what_nobody_knows_is_told_with_what_was_looked_for),
	    cmocka_unit_test(the_source_counts_what_it_gives),
	    cmocka_unit_test(a_failed_allocation_is_told_and_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

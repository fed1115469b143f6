// evm_proof.h: real blocks are proven, whatever digit of theirs is changed is found, tries equal a
// slow and general one, and forms of other chains are told apart from lies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "source/evm_proof.h"

enum { RECEIPTS_MAX = 256 };

//- reading ---------------------------------------------------------------------------------------

// NULL when there is no such file. Freed with free.
static char *slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL) return NULL;
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long n = ftell(f);
	assert_true(n >= 0);
	rewind(f);
	char *text = malloc((size_t)n + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)n, f), (size_t)n);
	text[n] = 0;
	fclose(f);
	return text;
}

static char *recorded(const char *name)
{
	char path[200];
	snprintf(path, sizeof path, "tests/data/%s", name);
	char *text = slurp(path);
	assert_non_null(text);
	return text;
}

static dp_json *parse(const char *text)
{
	dp_json *doc = NULL;
	dp_fault fault;
	assert_int_equal(dp_json_parse(&doc, text, strlen(text), &fault), DP_OK);
	return doc;
}

static dp_evm_proof proof;

static dp_code prove_block(bool *ret_proven, const char *text, dp_fault *fault)
{
	dp_json *block = parse(text);
	dp_code code = dp_evm_proof_block(&proof, ret_proven, block, fault);
	dp_json_free(block);
	return code;
}

static dp_code prove_receipts(bool *ret_proven, const char *block_text, const char *text,
                              dp_fault *fault)
{
	const dp_json *list[RECEIPTS_MAX];
	uint32_t count = 0;
	dp_json *block = parse(block_text), *receipts = parse(text);
	for (const dp_json *r = dp_json_first(receipts); r != NULL; r = dp_json_next(r)) {
		assert_true(count < RECEIPTS_MAX);
		list[count++] = r;
	}
	dp_code code = dp_evm_proof_receipts(&proof, ret_proven, block, list, count, fault);
	dp_json_free(block);
	dp_json_free(receipts);
	return code;
}

static void expect_block(const char *text, bool proven)
{
	dp_fault fault = {0};
	bool is = !proven;
	if (prove_block(&is, text, &fault) != DP_OK) fail_msg("%s", fault.text);
	assert_int_equal(is, proven);
}

static void expect_bad_block(const char *text, const char *why)
{
	dp_fault fault = {0};
	bool proven = false;
	assert_int_equal(prove_block(&proven, text, &fault), DP_BAD_BYTES);
	if (strcmp(fault.text, why) != 0) fail_msg("\"%s\" is not \"%s\"", fault.text, why);
	assert_false(proven);
}

// The text with the first `from` behind `after` made `to`. Freed with free.
static char *changed(const char *text, const char *after, const char *from, const char *to)
{
	const char *at = strstr(text, after);
	assert_non_null(at);
	at = strstr(at, from);
	assert_non_null(at);
	size_t before = (size_t)(at - text), size = strlen(text) + strlen(to) + 1;
	char *out = malloc(size);
	assert_non_null(out);
	int n = snprintf(out, size, "%.*s%s%s", (int)before, text, to, at + strlen(from));
	assert_true(n > 0 && (size_t)n < size);
	return out;
}

//- real blocks -----------------------------------------------------------------------------------

static void blocks_of_the_main_chain_are_proven(void **state)
{
	(void)state;
	static const char *const names[] = {"ethereum/46147.json", "ethereum/15537393.json"};
	for (size_t i = 0; i < 2; i++) {
		char *text = recorded(names[i]);
		expect_block(text, true);
		free(text);
	}
}

// Legacy transactions with and without chain ids, types 1, 2 and 3, the Merge, withdrawals, blobs.
static void shared_blocks_are_proven(void **state)
{
	(void)state;
	static const char *const names[] = {"46147",    "930196",   "11743952", "12459406",
	                                    "15537393", "15537394", "19426586", "19934116"};
	const char *shared = getenv("DYEPACK_SHARED");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/data/ethereum/blocks/%s.json",
		         shared == NULL ? "../shared" : shared, names[i]);
		char *text = slurp(path);
		if (text == NULL) {
			printf("skipped: there is no %s (set DYEPACK_SHARED)\n", path);
			skip();
		}
		expect_block(text, true);
		free(text);
	}
}

static const char *const node_blocks[][2] = {
    {"evm/block-1.json", "evm/receipts-1.json"},
    {"evm/block-2.json", "evm/receipts-2.json"},
    {"evm/block-empty.json", "evm/receipts-empty.json"},
};

static void a_recorded_nodes_blocks_and_receipts_are_proven(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *block = recorded(node_blocks[i][0]), *receipts = recorded(node_blocks[i][1]);
		dp_fault fault = {0};
		bool proven = false;
		expect_block(block, true);
		if (prove_receipts(&proven, block, receipts, &fault) != DP_OK)
			fail_msg("%s", fault.text);
		assert_true(proven);
		free(block);
		free(receipts);
	}
}

//- any digit -------------------------------------------------------------------------------------

// The key that the value at text[at] belongs to: the last string before it that has a colon behind.
static void key_of(char ret_key[40], const char *text, size_t at)
{
	const char *p = text + at;
	while (!(p[0] == '"' && p[1] == ':')) p--;
	const char *end = p;
	do p--;
	while (*p != '"');
	assert_true(end - p < 40);
	memcpy(ret_key, p + 1, (size_t)(end - p - 1));
	ret_key[end - p - 1] = 0;
}

static bool in_list(const char *const *list, const char *key)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, key) == 0) return true;
	return false;
}

// Changes each digit of each quantity and hash in turn and expects that it is noticed, if the key
// is not in `free_keys`. `block` is NULL when the text is a block itself.
static uint32_t change_every_digit(char *text, const char *block, const char *const *free_keys)
{
	uint32_t count = 0;
	for (char *quote = strstr(text, "\"0x"); quote != NULL; quote = strstr(quote + 1, "\"0x")) {
		char key[40];
		key_of(key, text, (size_t)(quote - text) - 1);
		if (in_list(free_keys, key)) continue;
		for (char *p = quote + 3; *p != '"'; p++) {
			bool proven = false;
			dp_fault fault;
			char old = *p;
			*p = old == '9' ? 'a' : old == 'f' ? '0' : (char)(old + 1);
			dp_code code = block == NULL ? prove_block(&proven, text, &fault)
			                             : prove_receipts(&proven, block, text, &fault);
			if (code == DP_OK && proven)
				fail_msg("%s: digit %d is not proven", key, (int)(p - quote) - 3);
			*p = old;
			count++;
		}
	}
	return count;
}

static void a_changed_digit_of_a_block_is_found(void **state)
{
	(void)state;
	// Senders are the node's word; a price stands beside the two values that make it; v is
	// said a second time.
	static const char *const legacy[] = {"blockHash", "blockNumber",     "transactionIndex",
	                                     "from",      "totalDifficulty", "size",
	                                     NULL};
	static const char *const typed[] = {
	    "blockHash", "blockNumber", "transactionIndex", "from", "totalDifficulty", "size",
	    "gasPrice",  "v",           "blockTimestamp",   NULL};
	// A legacy transaction signs its chain within v, and has the field for information.
	static const char *const mixed[] = {"blockHash",
	                                    "blockNumber",
	                                    "transactionIndex",
	                                    "from",
	                                    "totalDifficulty",
	                                    "size",
	                                    "gasPrice",
	                                    "v",
	                                    "blockTimestamp",
	                                    "chainId",
	                                    NULL};
	static const struct {
		const char *name;
		const char *const *keys;
		uint32_t least;
	} files[] = {{"ethereum/46147.json", legacy, 1000},
	             {"ethereum/15537393.json", typed, 1800},
	             {"evm/block-1.json", mixed, 2000},
	             {"evm/block-2.json", typed, 2500}};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char *text = recorded(files[i].name);
		uint32_t count = change_every_digit(text, NULL, files[i].keys);
		assert_true(count > files[i].least);
		free(text);
	}
}

static void a_changed_digit_of_a_receipt_is_found(void **state)
{
	(void)state;
	static const char *const keys[] = {
	    "blockHash",    "blockNumber", "transactionIndex", "from", "to",
	    "blobGasPrice", "logIndex",    "blockTimestamp",   NULL};
	for (size_t i = 0; i < 2; i++) {
		char *block = recorded(node_blocks[i][0]), *text = recorded(node_blocks[i][1]);
		// A log repeats its transaction; what stands in it is not looked at.
		for (char *p = strstr(text, "\"address\""); p != NULL;
		     p = strstr(p, "\"address\"")) {
			p = strstr(p, "\"transactionHash\"");
			memcpy(p + 1, "blockHash\" ,      ", 16);
			p[16] = ' ';
			memcpy(p, "\"blockHash\"       ", 17);
		}
		assert_true(change_every_digit(text, block, keys) > 2000);
		free(block);
		free(text);
	}
}

//- what a liar would do --------------------------------------------------------------------------

static void lies_are_named(void **state)
{
	(void)state;
	char *text = recorded("ethereum/15537393.json"), *made;
	made = changed(text, "{", "0x1c9c380", "0x1c9c381");
	expect_bad_block(made, "block 15537393: its header does not have the hash that it states");
	free(made);
	made = changed(text, "\"value\"", "0x1a316cd46b2199eb4", "0x1a316cd46b2199eb5");
	expect_bad_block(made,
	                 "block 15537393, transaction 0: its fields do not have the hash that "
	                 "it states");
	free(made);
	made = changed(text, "\"value\"", "0x1a316cd46b2199eb4", "12");
	expect_bad_block(made, "block 15537393, transaction 0: \"value\" is not a hexadecimal "
	                       "quantity");
	free(made);
	made = changed(text, "\"value\"", "\"value\"", "\"worth\"");
	expect_block(made, false); // a key that we do not know: perhaps another chain's form
	free(made);
	made = changed(text, "\"uncles\":[", "[", "[\"0x00\"");
	expect_bad_block(
	    made, "block 15537393: its list of uncles is not the one that its header states");
	free(made);
	made = changed(text, "\"uncles\":[]", "[]", "[],\"withdrawals\":[{\"index\":\"0x1\"}]");
	expect_bad_block(made, "block 15537393: it has withdrawals, but its header has no root of "
	                       "any");
	free(made);
	expect_bad_block("{\"number\":\"0x1\"}", "block 1: \"hash\" is not a hash");
	expect_bad_block("[]", "a block without a \"number\" that can be read");
	free(text);
}

static void a_left_out_transaction_is_found(void **state)
{
	(void)state;
	char *text = recorded("evm/block-2.json");
	char *list = strstr(text, "\"transactions\":[{"), *second = strstr(list, "},{");
	list += strlen("\"transactions\":[");
	memmove(list, second + 2, strlen(second + 2) + 1);
	expect_bad_block(text,
	                 "block 2: its transactions do not have the root that its header states");
	free(text);
	text = recorded("evm/block-2.json");
	char *receipts = recorded("evm/receipts-1.json");
	dp_fault fault = {0};
	bool proven = false;
	assert_int_equal(prove_receipts(&proven, text, "[]", &fault), DP_BAD_BYTES);
	assert_string_equal(fault.text,
	                    "block 2: it does not have one receipt for each transaction");
	assert_int_equal(prove_receipts(&proven, text, receipts, &fault), DP_BAD_BYTES);
	assert_int_equal(prove_receipts(&proven, text, "[1,2,3,4,5]", &fault), DP_BAD_BYTES);
	assert_string_equal(fault.text, "block 2, receipt 0: \"status\" is missing");
	free(text);
	free(receipts);
}

static void forms_of_other_chains_are_not_proven(void **state)
{
	(void)state;
	char *text = recorded("evm/block-1.json"), *receipts = recorded("evm/receipts-1.json");
	dp_fault fault = {0};
	bool proven = true;
	// A header with a field more: its hash cannot come out.
	char *made = changed(text, "{", "{", "{\"blockExtraData\":\"0x\",");
	expect_block(made, true); // a key alone means nothing
	free(made);
	made = changed(text, "\"gasLimit\"", "\"gasLimit\":\"0x",
	               "\"extDataHash\":\"0x00\",\"gasLimit\":\"0x1");
	expect_block(made, false);
	assert_string_equal(proof.doubt,
	                    "block 1: its header does not have the hash that it states; and it has "
	                    "the field \"extDataHash\", which we do not know: if a new fork added "
	                    "it, dyepack must be taught it");
	free(made);
	// A transaction type of a rollup.
	made = changed(text, "\"type\":\"0x1\"", "0x1", "0x7e");
	expect_block(made, false);
	assert_int_equal(prove_receipts(&proven, made, receipts, &fault), DP_OK);
	assert_false(proven);
	assert_string_equal(proof.doubt,
	                    "block 1, receipt 0: its transaction has a form that we do not know");
	free(made);
	// It does not excuse a lie in another transaction.
	made = changed(text, "\"type\":\"0x1\"", "0x1", "0x7e");
	char *lie = changed(made, "0xde0b6b3a7640000", "0xde0b6b3a7640000", "0xde0b6b3a7640001");
	dp_code code = prove_block(&proven, lie, &fault);
	assert_int_equal(code, DP_BAD_BYTES);
	free(lie);
	free(made);
	free(text);
	free(receipts);
}

// Where every form is known, one made-up key must not turn a lie into what is believed.
static void where_every_form_is_known_no_key_excuses(void **state)
{
	(void)state;
	char *text = recorded("ethereum/15537393.json"), *made, *lie;
	proof.is_strict = true;
	made = changed(text, "{", "{", "{\"added\":\"0x\",");
	expect_block(made, true); // the hashes come out: it is nothing
	lie = changed(made, "{", "0x1c9c380", "0x1c9c381");
	expect_bad_block(lie, "block 15537393: its header does not have the hash that it states; "
	                      "and it has the field \"added\", which we do not know: if a new fork "
	                      "added it, dyepack must be taught it");
	free(lie);
	free(made);
	made = changed(text, "\"value\"", "0x1a316cd46b2199eb4", "0x1a316cd46b2199eb5");
	lie = changed(made, "\"value\"", "\"value\"", "\"a\\u001b\\\"b\":\"0x\",\"value\"");
	expect_bad_block(lie, "block 15537393, transaction 0: its fields do not have the hash that "
	                      "it states; and it has the field \"a??b\", which we do not know: if "
	                      "a new fork added it, dyepack must be taught it");
	free(lie);
	free(made);
	free(text);
	text = recorded("evm/block-1.json");
	made = changed(text, "\"type\":\"0x1\"", "0x1", "0x7e");
	expect_bad_block(made, "block 1, transaction 0: \"type\" 0x7e is one that we do not know: "
	                       "if a new fork added it, dyepack must be taught it");
	free(made);
	free(text);
	proof.is_strict = false;
}

// The first transaction without its signature: {"r":"0x1234"} becomes {"r":"0x0","raw":"0x1234"}.
static char *unsigned_of(const char *text)
{
	char *without_r = changed(text, "\"r\":\"", "\"r\":", "\"r\":\"0x0\",\"raw\":");
	char *without = changed(without_r, "\"s\":\"", "\"s\":", "\"s\":\"0x0\",\"raw\":");
	free(without_r);
	return without;
}

// Development nodes take transactions in anybody's name, without a signature. The root of the
// transactions covers these, too; so nothing else can be passed off as one.
static void a_transaction_that_nobody_signed_must_stand_in_the_root(void **state)
{
	(void)state;
	char *text = recorded("evm/block-unsigned.json"), *lie;
	expect_block(text, false); // other chains put such behind their blocks, and in no root
	proof.is_strict = true;
	expect_block(text, false);
	assert_string_equal(proof.doubt, "block 2, transaction 0: nobody has signed it: only "
	                                 "development nodes make such");
	lie = changed(text, "\"value\"", "\"0x5\"", "\"0x6\"");
	expect_bad_block(lie,
	                 "block 2: its transactions do not have the root that its header states");
	free(lie);
	free(text);
	text = recorded("evm/block-1.json");
	lie = unsigned_of(text);
	expect_bad_block(lie,
	                 "block 1: its transactions do not have the root that its header states");
	proof.is_strict = false;
	expect_block(lie, false);
	free(lie);
	free(text);
}

// Nodes that did not keep state roots of old give a status in their place, which proves nothing;
// where roots are given they must be right.
static void receipts_from_before_byzantium_need_state_roots(void **state)
{
	(void)state;
	char *text = recorded("evm/block-1.json"), *receipts = recorded("evm/receipts-1.json");
	char *old = changed(text, "\"timestamp\":", "\"timestamp\":\"0x",
	                    "\"timestamp\":\"0x1\",\"ignored\":\"0x");
	char *wrong = changed(receipts, "\"status\"", "0x1", "0x0");
	char *rooted = changed(wrong, "{", "{",
	                       "{\"root\":\"0x0000000000000000000000000000000000000000000000000000"
	                       "000000000000\",");
	char *empty = changed(wrong, "{", "{", "{\"root\":\"0x\",");
	dp_fault fault = {0};
	bool proven = true;
	assert_int_equal(prove_receipts(&proven, text, wrong, &fault), DP_BAD_BYTES);
	assert_int_equal(prove_receipts(&proven, old, wrong, &fault), DP_OK);
	assert_false(proven);
	assert_int_equal(prove_receipts(&proven, old, empty, &fault), DP_OK);
	assert_false(proven);
	assert_int_equal(prove_receipts(&proven, old, rooted, &fault), DP_BAD_BYTES);
	assert_string_equal(fault.text,
	                    "block 1: its receipts do not have the root that its header states");
	free(empty);
	free(rooted);
	free(wrong);
	free(old);
	free(text);
	free(receipts);
}

static void a_left_out_list_of_withdrawals_is_empty(void **state)
{
	(void)state;
	char *text = recorded("evm/block-empty.json");
	char *made = changed(text, "\"withdrawals\"", "\"withdrawals\":[]", "\"withdrawals\":null");
	expect_block(made, true);
	free(made);
	made = changed(text, "\"withdrawals\"", "[]",
	               "[{\"index\":\"0x0\",\"validatorIndex\":\"0x1\",\"address\":"
	               "\"0x7d92ad7e1b6ae22c6a43283af3856028cd3d856a\",\"amount\":\"0x1\"}]");
	expect_bad_block(made,
	                 "block 4: its withdrawals do not have the root that its header states");
	free(made);
	free(text);
}

//- tries -----------------------------------------------------------------------------------------

// A slow and general trie after the Yellow Paper's appendix D: any keys, sorted by nothing, one
// pass over all of them for each node.
typedef struct pair {
	uint8_t nibble[10];
	uint32_t size;
	const uint8_t *value;
	uint32_t value_size;
} pair;

static void slow_node(dp_rlp *out, const pair *list, uint32_t count, uint32_t depth, bool root)
{
	dp_rlp r = {0};
	uint8_t path[6], hash[32];
	uint32_t common = list[0].size - depth, n = 1;
	for (uint32_t i = 1; i < count; i++) {
		uint32_t c = 0;
		while (c < common && list[i].nibble[depth + c] == list[0].nibble[depth + c]) c++;
		common = c;
	}
	dp_rlp_list(&r);
	if (count == 1 || common > 0) {
		path[0] = (uint8_t)((count == 1 ? 0x20 : 0) | (common % 2 == 1 ? 0x10 : 0));
		uint32_t i = depth;
		if (common % 2 == 1) path[0] |= list[0].nibble[i++];
		for (; i < depth + common; i += 2)
			path[n++] = (uint8_t)(list[0].nibble[i] << 4 | list[0].nibble[i + 1]);
		dp_rlp_bytes(&r, path, n);
		if (count == 1)
			dp_rlp_bytes(&r, list[0].value, list[0].value_size);
		else
			slow_node(&r, list, count, depth + common, false);
	} else {
		pair *some = malloc(count * sizeof *some);
		assert_non_null(some);
		for (uint8_t digit = 0; digit < 16; digit++) {
			uint32_t some_count = 0;
			for (uint32_t i = 0; i < count; i++)
				if (list[i].nibble[depth] == digit) some[some_count++] = list[i];
			if (some_count == 0)
				dp_rlp_bytes(&r, NULL, 0);
			else
				slow_node(&r, some, some_count, depth + 1, false);
		}
		dp_rlp_bytes(&r, NULL, 0);
		free(some);
	}
	dp_rlp_list_end(&r);
	assert_int_equal(r.code, DP_OK);
	dp_keccak256(hash, r.bytes, r.size);
	if (root)
		dp_rlp_raw(out, hash, 32);
	else if (r.size < 32)
		dp_rlp_raw(out, r.bytes, r.size);
	else
		dp_rlp_bytes(out, hash, 32);
	dp_rlp_done(&r);
}

static void slow_root(uint8_t ret_root[32], const uint8_t *const *item, const uint32_t *size,
                      uint32_t count)
{
	pair *list = malloc(count * sizeof *list);
	dp_rlp key = {0}, out = {0};
	assert_non_null(list);
	for (uint32_t i = 0; i < count; i++) {
		dp_rlp_clear(&key);
		dp_rlp_u64(&key, i);
		list[i] = (pair){.value = item[i], .value_size = size[i]};
		for (uint32_t j = 0; j < key.size; j++) {
			list[i].nibble[list[i].size++] = key.bytes[j] >> 4;
			list[i].nibble[list[i].size++] = key.bytes[j] & 15;
		}
	}
	slow_node(&out, list, count, 0, true);
	memcpy(ret_root, out.bytes, 32);
	dp_rlp_done(&key);
	dp_rlp_done(&out);
	free(list);
}

static void tries_equal_slow_ones(void **state)
{
	(void)state;
	enum { MOST = 600 };
	static uint8_t data[MOST * 40];
	static const uint8_t *item[MOST];
	static uint32_t size[MOST];
	uint8_t fast[32], slow[32];
	for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 + i / 251);
	for (uint32_t small = 0; small < 2; small++) {
		for (uint32_t i = 0; i < MOST; i++) {
			item[i] = data + (size_t)i * 40;
			// Small items make nodes that stand in their parents.
			size[i] = 1 + i % (small == 1 ? 5 : 39);
		}
		for (uint32_t count = 1; count <= MOST; count += count < 300 ? 1 : 43) {
			dp_fault fault;
			assert_int_equal(dp_evm_trie_root(&proof, fast, item, size, count, &fault),
			                 DP_OK);
			slow_root(slow, item, size, count);
			assert_memory_equal(fast, slow, 32);
		}
	}
}

static void the_empty_trie_has_its_known_root(void **state)
{
	(void)state;
	uint8_t root[32];
	char text[65];
	dp_fault fault;
	assert_int_equal(dp_evm_trie_root(&proof, root, NULL, NULL, 0, &fault), DP_OK);
	dp_hex_encode(text, root, 32);
	assert_string_equal(text,
	                    "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
}

static void memory_that_runs_out_is_reported(void **state)
{
	(void)state;
	char *block_text = recorded("evm/block-2.json"), *text = recorded("evm/receipts-2.json");
	dp_json *block = parse(block_text), *receipts = parse(text);
	const dp_json *list[5];
	uint32_t count = 0;
	for (const dp_json *r = dp_json_first(receipts); r != NULL; r = dp_json_next(r))
		list[count++] = r;
	int64_t live = dp_mem_live(), n = 0;
	for (dp_code code = DP_NO_MEMORY; code != DP_OK; n++) {
		dp_evm_proof own = {0};
		dp_fault fault = {0};
		bool proven = false, block_proven;
		dp_mem_fail_after(n);
		code = dp_evm_proof_block(&own, &block_proven, block, &fault);
		if (code == DP_OK)
			code = dp_evm_proof_receipts(&own, &proven, block, list, count, &fault);
		dp_mem_fail_after(-1);
		dp_evm_proof_done(&own);
		assert_true(dp_mem_live() == live);
		assert_int_equal(code, code == DP_OK ? DP_OK : DP_NO_MEMORY);
		assert_int_equal(fault.code, code);
		assert_int_equal(proven, code == DP_OK);
		assert_true(n < 1000);
	}
	assert_true(n > 5);
	dp_json_free(block);
	dp_json_free(receipts);
	free(block_text);
	free(text);
}

static int give_back(void **state)
{
	(void)state;
	dp_evm_proof_done(&proof);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_of_the_main_chain_are_proven),
	    cmocka_unit_test(shared_blocks_are_proven),
	    cmocka_unit_test(a_recorded_nodes_blocks_and_receipts_are_proven),
	    cmocka_unit_test(a_changed_digit_of_a_block_is_found),
	    cmocka_unit_test(a_changed_digit_of_a_receipt_is_found),
	    cmocka_unit_test(lies_are_named),
	    cmocka_unit_test(a_left_out_transaction_is_found),
	    cmocka_unit_test(forms_of_other_chains_are_not_proven),
	    cmocka_unit_test(where_every_form_is_known_no_key_excuses),
	    cmocka_unit_test(a_transaction_that_nobody_signed_must_stand_in_the_root),
	    cmocka_unit_test(receipts_from_before_byzantium_need_state_roots),
	    cmocka_unit_test(a_left_out_list_of_withdrawals_is_empty),
	    cmocka_unit_test(tries_equal_slow_ones),
	    cmocka_unit_test(the_empty_trie_has_its_known_root),
	    cmocka_unit_test(memory_that_runs_out_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, give_back);
}

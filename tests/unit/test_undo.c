// Undo data: Bitcoin Core's own vectors for amounts, a vector made by hand for every kind of
// script, and real spent outputs packed by a slow and obvious encoder and read back. The encoder
// works on keys with GMP's mpz_*, not with the arithmetic under test.
// Covers: chain/undo.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "chain/undo.h"
#include "codec/json.h"
#include "codec/script.h"
#include "codec/input.h"

static const char genesis_key[] =
    "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
    "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f";
#define GENESIS_X "678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"

static const dp_chain *chain_of(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	assert_non_null(chain);
	return chain;
}

//- the encoder -----------------------------------------------------------------------------------

typedef struct packed {
	uint8_t *b;
	size_t n, cap;
} packed;

static void put(packed *k, const void *p, size_t n)
{
	if (k->n + n > k->cap) {
		k->cap = 2 * (k->n + n);
		k->b = realloc(k->b, k->cap);
		assert_non_null(k->b);
	}
	if (n > 0) memcpy(k->b + k->n, p, n);
	k->n += n;
}

static void put_byte(packed *k, unsigned v)
{
	uint8_t b = (uint8_t)v;
	put(k, &b, 1);
}

static void put_varint(packed *k, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;
	for (;; v = (v >> 7) - 1) {
		b[n] = (uint8_t)((v & 0x7f) | (n > 0 ? 0x80 : 0));
		n++;
		if (v < 128) break;
	}
	while (n > 0) put(k, &b[--n], 1);
}

static void put_count(packed *k, uint64_t v)
{
	uint8_t b[9];
	put(k, b, dp_varint_write(b, v));
}

static uint64_t compress_amount(uint64_t v)
{
	uint64_t e = 0;
	if (v == 0) return 0;
	for (; v % 10 == 0 && e < 9; e++) v /= 10;
	if (e == 9) return 1 + (v - 1) * 10 + 9;
	return 1 + (v / 10 * 9 + v % 10 - 1) * 10 + e;
}

// Is y^2 = x^3 + 7 for this key of 65 bytes?
static bool on_curve(const uint8_t *key)
{
	mpz_t p, x, y, t;
	mpz_init_set_str(p, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f", 16);
	mpz_inits(x, y, t, NULL);
	mpz_import(x, 32, 1, 1, 1, 0, key + 1);
	mpz_import(y, 32, 1, 1, 1, 0, key + 33);
	bool fits = mpz_cmp(x, p) < 0 && mpz_cmp(y, p) < 0;
	mpz_powm_ui(t, x, 3, p);
	mpz_add_ui(t, t, 7);
	mpz_submul(t, y, y);
	bool is_on = fits && mpz_divisible_p(t, p);
	mpz_clears(p, x, y, t, NULL);
	return is_on;
}

static void put_script(packed *k, const uint8_t *s, size_t n)
{
	dp_script_info info = dp_script_classify(s, n);
	if (info.class == DP_SCRIPT_P2PKH || info.class == DP_SCRIPT_P2SH) {
		put_byte(k, info.class == DP_SCRIPT_P2PKH ? 0 : 1);
		put(k, info.data, 20);
	} else if (info.class == DP_SCRIPT_P2PK && info.data_size == 33) {
		put(k, info.data, 33);
	} else if (info.class == DP_SCRIPT_P2PK && info.data[0] == 4 && on_curve(info.data)) {
		put_byte(k, 4 | (info.data[64] & 1u));
		put(k, info.data + 1, 32);
	} else {
		put_varint(k, n + 6);
		put(k, s, n);
	}
}

static void put_coin(packed *k, uint64_t height, uint64_t value, const uint8_t *script, size_t n)
{
	put_varint(k, height * 2);
	if (height > 0) put_byte(k, 0);
	put_varint(k, compress_amount(value));
	put_script(k, script, n);
}

//- one coin --------------------------------------------------------------------------------------

// Undo data of one transaction with one input: height 1, version 0, `amount` packed, the script's
// packed form in hex.
static size_t one_coin(uint8_t out[512], uint64_t amount, const char *script)
{
	packed k = {0};
	put(&k, "\x01\x01\x02\x00", 4);
	put_varint(&k, amount);
	size_t n = strlen(script) / 2;
	assert_true(k.n + n <= 512);
	memcpy(out, k.b, k.n);
	assert_true(dp_hex_decode(out + k.n, n, script));
	n += k.n;
	free(k.b);
	return n;
}

static void assert_from(const char *chain, const char *compressed, const char *script)
{
	uint8_t bytes[512], full[512];
	dp_undo undo = {0};
	dp_fault fault;
	size_t n = one_coin(bytes, 50, compressed), full_size = strlen(script) / 2;
	if (dp_undo_decode(&undo, chain_of(chain), bytes, n, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(undo.coin_count, 1);
	assert_int_equal(undo.tx_count, 1);
	assert_int_equal(undo.tx_coins[0], 1);
	assert_int_equal(undo.coin[0].value, 5000000000);
	assert_true(dp_hex_decode(full, full_size, script));
	dp_addr right = dp_addr_from_script(full, full_size);
	assert_true(dp_addr_eq(&undo.coin[0].from, &right));
	dp_undo_done(&undo);
}

static void every_kind_of_script_gives_the_address_of_the_full_one(void **state)
{
	(void)state;
#define H20 "000102030405060708090a0b0c0d0e0f10111213"
#define H32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	assert_from("bitcoin", "00" H20, "76a914" H20 "88ac");
	assert_from("bitcoin", "01" H20, "a914" H20 "87");
	assert_from("bitcoin", "02" GENESIS_X, "2102" GENESIS_X "ac");
	assert_from("bitcoin", "03" GENESIS_X, "2103" GENESIS_X "ac");
	assert_from("bitcoin", "1c0014" H20, "0014" H20);
	assert_from("bitcoin", "280020" H32, "0020" H32);
	assert_from("bitcoin", "285120" H32, "5120" H32);
	assert_from("bitcoin", "285220" H32, "5220" H32);    // a witness of the future
	assert_from("bitcoin", "28" H32 "0087", H32 "0087"); // of that length, and no witness
	assert_from("bitcoin", "06", "");                    // an empty script
	assert_from("bitcoin", "0751", "51");                // OP_TRUE
	assert_from("bitcoin", "1f76a914" H20 "88ac", "76a914" H20 "88ac"); // needlessly in full
	assert_from("bitcoin",
	            "2b5121"
	            "02" GENESIS_X "51ae",
	            "512102" GENESIS_X "51ae");
	char full[200];
	snprintf(full, sizeof full, "41%sac", genesis_key);
	assert_from("bitcoin", "05" GENESIS_X, full); // y of the genesis key is odd
	// The other root, p minus that y, is the even one.
	assert_from("bitcoin", "04" GENESIS_X,
	            "4104" GENESIS_X
	            "b60943c0b310c73b0caafb1ae13eed21a3c7b20845f472a875b38fd3940eded0"
	            "ac");
}

// Core: DecompressScript fails, and the coin is read with an empty script.
static void a_key_off_the_curve_is_an_empty_script(void **state)
{
	(void)state;
	// 5^3 + 7 = 132 is no square modulo p; the second and third are p and above.
	static const char *const off[] = {
	    "0000000000000000000000000000000000000000000000000000000000000005",
	    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
		for (int kind = 4; kind <= 5; kind++) {
			char packed_script[80];
			snprintf(packed_script, sizeof packed_script, "%02x%s", kind, off[i]);
			assert_from("bitcoin", packed_script, "");
		}
}

static void amounts_are_those_of_bitcoin_core(void **state)
{
	(void)state;
	// src/test/compress_tests.cpp, compress_amounts
	static const struct {
		uint64_t value, code;
	} known[] = {
	    {0, 0},         {1, 1},           {1000000, 7},
	    {100000000, 9}, {5000000000, 50}, {2100000000000000, 21000000},
	};
	uint8_t b[512];
	dp_undo undo = {0};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		assert_int_equal(compress_amount(known[i].value), known[i].code);
		size_t n = one_coin(b, known[i].code, "06");
		assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), b, n, NULL), DP_OK);
		assert_int_equal(undo.coin[0].value, known[i].value);
	}
	// Every packed number up to a bound names one value, and packing that gives it back.
	for (uint64_t code = 0; code < 100000; code++) {
		size_t n = one_coin(b, code, "06");
		assert_int_equal(dp_undo_decode(&undo, chain_of("dogecoin"), b, n, NULL), DP_OK);
		assert_int_equal(compress_amount(undo.coin[0].value), code);
	}
	// All of Dogecoin's range: an output may be worth 10^18 base units.
	size_t n = one_coin(b, compress_amount(UINT64_C(1000000000000000000)), "06");
	assert_int_equal(dp_undo_decode(&undo, chain_of("dogecoin"), b, n, NULL), DP_OK);
	assert_true(undo.coin[0].value == UINT64_C(1000000000000000000));
	dp_undo_done(&undo);
}

//- real coins ------------------------------------------------------------------------------------

// Packs the coins in transactions of one to seven inputs, with heights of every length, and reads
// them back.
typedef struct real {
	packed k;
	dp_spent_coin *coin;
	size_t count;
} real;

static void add_real(real *r, uint64_t value, const uint8_t *script, size_t n)
{
	if ((r->count & (r->count - 1)) == 0)
		r->coin = realloc(r->coin, (2 * r->count + 1) * sizeof *r->coin);
	assert_non_null(r->coin);
	r->coin[r->count].value = value;
	r->coin[r->count].from = dp_addr_from_script(script, n);
	put_coin(&r->k, (uint64_t)1 << r->count % 24, value, script, n);
	r->count++;
}

static void check_real(real *r)
{
	dp_undo undo = {0};
	dp_fault fault;
	packed all = {0};
	assert_true(r->count > 0);
	// One transaction holds them all; an empty one before and after.
	put_count(&all, 3);
	put_count(&all, 0);
	put_count(&all, r->count);
	put(&all, r->k.b, r->k.n);
	put_count(&all, 0);
	for (int round = 0; round < 2; round++) {
		if (dp_undo_decode(&undo, chain_of("bitcoin"), all.b, all.n, &fault) != DP_OK)
			fail_msg("%s at %d", fault.text, (int)fault.offset);
		assert_int_equal(undo.coin_count, r->count);
		assert_int_equal(undo.tx_count, 3);
		assert_int_equal(undo.tx_coins[1], r->count);
		for (size_t i = 0; i < r->count; i++) {
			assert_int_equal(undo.coin[i].value, r->coin[i].value);
			assert_true(dp_addr_eq(&undo.coin[i].from, &r->coin[i].from));
		}
	}
	dp_undo_done(&undo);
	free(all.b);
	free(r->k.b);
	free(r->coin);
	*r = (real){0};
}

static void the_coins_of_block_866342_come_back(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-866342.spent.json.zst")) skip();
	dp_input *in;
	uint8_t *text, script[20000];
	size_t size;
	dp_json *doc;
	real r = {0};
	assert_int_equal(dp_input_open(&in, path, NULL), DP_OK);
	assert_int_equal(dp_input_read_all(in, &text, &size, 32 << 20, NULL), DP_OK);
	dp_input_close(in);
	assert_int_equal(dp_json_parse(&doc, (const char *)text, size, NULL), DP_OK);
	for (const dp_json *e = dp_json_first(doc); e != NULL; e = dp_json_next(e)) {
		const dp_json *out = dp_json_get(e, "txout");
		const char *hex = dp_json_text(dp_json_get(out, "script_pubkey"));
		uint64_t value;
		size_t n = strlen(hex) / 2;
		assert_true(n <= sizeof script && dp_hex_decode(script, n, hex));
		assert_true(dp_json_u64(dp_json_get(out, "value"), &value));
		add_real(&r, value, script, n);
	}
	assert_int_equal(r.count, 7972);
	check_real(&r);
	dp_json_free(doc);
	dp_free(text);
}

static void the_coins_of_two_testnet_blocks_come_back(void **state)
{
	(void)state;
	static const char *const names[] = {"testnet3-928848.undo.bcoin",
	                                    "testnet3-928849.undo.bcoin"};
	for (int i = 0; i < 2; i++) {
		char path[4096];
		size_t n;
		if (!mk_shared(path, names[i])) skip();
		uint8_t *bytes = mk_load(path, &n);
		dp_bytes b = dp_bytes_of(bytes, n);
		real r = {0};
		while (b.at < n) {
			uint64_t value = dp_bytes_u64le(&b), size = dp_bytes_varint(&b);
			const uint8_t *script = dp_bytes_take(&b, (size_t)size);
			assert_false(b.failed);
			add_real(&r, value, script, (size_t)size);
		}
		check_real(&r);
		free(bytes);
	}
}

// Every coinbase of the first weeks pays an uncompressed key: 255 square roots with known answers.
static void the_keys_of_the_first_blocks_are_uncompressed(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-1-255.dat")) skip();
	size_t n, keys = 0;
	uint8_t *b = mk_load(path, &n);
	real r = {0};
	for (size_t at = 0; at + 67 <= n; at++) {
		if (b[at] != 65 || b[at + 1] != 4 || b[at + 66] != 0xac) continue;
		if (!on_curve(b + at + 1)) continue;
		add_real(&r, 5000000000, b + at, 67);
		keys++;
	}
	assert_true(keys >= 255);
	check_real(&r);
	free(b);
}

//- what is wrong ---------------------------------------------------------------------------------

static void assert_refused(const char *chain, const char *hex, const char *why, uint64_t offset)
{
	uint8_t b[512];
	dp_undo undo = {0};
	dp_fault fault;
	size_t n = strlen(hex) / 2;
	assert_true(dp_hex_decode(b, n, hex));
	assert_int_equal(dp_undo_decode(&undo, chain_of(chain), b, n, &fault), DP_BAD_BYTES);
	if (strstr(fault.text, why) == NULL) fail_msg("\"%s\": not \"%s\"", fault.text, why);
	assert_true(fault.has_offset);
	assert_int_equal(fault.offset, offset);
	assert_int_equal(undo.coin_count, 0);
	assert_int_equal(undo.tx_count, 0);
	dp_undo_done(&undo);
}

static void wrong_undo_data_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("bitcoin", "", "runs past the end", 0);
	assert_refused("bitcoin", "01", "counts more than the rest can hold", 0);
	assert_refused("bitcoin", "fd0100", "shortest form", 0);
	assert_refused("bitcoin", "feffff0000", "shortest form", 0);
	assert_refused("bitcoin", "ffffffffffffffffff", "counts more", 0);
	assert_refused("bitcoin", "01010200", "input 0: counts more", 1);
	assert_refused("bitcoin", "0103020000060200000602", "transaction 1, input 2: a number", 11);
	assert_refused("bitcoin", "010102000000", "input 0: runs past the end", 6);
	assert_refused("bitcoin", "0101020000060a", "bytes follow", 6);
	// A number of 65 bits and more.
	assert_refused("bitcoin", "0101ffffffffffffffffffff00", "more than 64 bits", 2);
	assert_refused("bitcoin", "0101feffffffffffffffff7f0006", "more than 64 bits", 2);
	// 21,000,000 BTC and a satoshi; an amount that would wrap 64 bits.
	packed k = {0};
	char hex[64];
	put(&k, "\x01\x01\x02\x00", 4);
	put_varint(&k, compress_amount(2100000000000001));
	put_byte(&k, 6);
	dp_hex_encode(hex, k.b, k.n);
	assert_refused("bitcoin", hex, "worth more than there can be", 2);
	k.n = 4;
	put_varint(&k, UINT64_MAX - 5);
	put_byte(&k, 6);
	dp_hex_encode(hex, k.b, k.n);
	assert_refused("dogecoin", hex, "worth more than there can be", 2);
	free(k.b);
}

// No growth without a bound: counts that the bytes could hold but no block could.
static void more_than_a_block_can_hold_is_refused(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	static const struct {
		uint64_t txs, inputs;
		const char *why;
	} bad[] = {{70000, 0, "more transactions than a block can hold"},
	           {1, MANY, "more inputs than a block can hold"}};
	for (size_t i = 0; i < 2; i++) {
		packed k = {0};
		dp_undo undo = {0};
		dp_fault fault;
		put_count(&k, bad[i].txs);
		if (bad[i].inputs > 0) put_count(&k, bad[i].inputs);
		for (int n = 0; n < MANY; n++) put(&k, "\x00\x00\x06", 3);
		assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), k.b, k.n, &fault),
		                 DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, bad[i].why));
		assert_int_equal(undo.coin_cap, 0); // before anything was sized by it
		free(k.b);
		dp_undo_done(&undo);
	}
}

static void undo_data_cut_anywhere_is_refused(void **state)
{
	(void)state;
	packed k = {0};
	dp_undo undo = {0};
	uint8_t script[25] = {0x76, 0xa9, 20, [23] = 0x88, 0xac}, other[300] = {0};
	put_count(&k, 2);
	put_count(&k, 2);
	put_coin(&k, 800000, 123456789, script, sizeof script);
	put_coin(&k, 0, 1, other, sizeof other);
	put_count(&k, 1);
	put_coin(&k, 5, 0, NULL, 0);
	for (size_t cut = 0; cut < k.n; cut++) {
		uint8_t *copy = malloc(cut + 1); // so that a sanitizer sees a read past the end
		assert_non_null(copy);
		memcpy(copy, k.b, cut);
		assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), copy, cut, NULL),
		                 DP_BAD_BYTES);
		free(copy);
	}
	assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), k.b, k.n, NULL), DP_OK);
	assert_int_equal(undo.coin_count, 3);
	assert_int_equal(undo.tx_coins[1], 1);
	free(k.b);
	dp_undo_done(&undo);
}

static void a_block_of_a_coinbase_alone_has_no_coins(void **state)
{
	(void)state;
	dp_undo undo = {0};
	uint8_t zero = 0;
	assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), &zero, 1, NULL), DP_OK);
	assert_int_equal(undo.tx_count, 0);
	assert_int_equal(undo.coin_count, 0);
	dp_undo_done(&undo);
}

static void litecoin_may_append_its_mimblewimble_part(void **state)
{
	(void)state;
	dp_undo undo = {0};
	static const uint8_t b[] = {1, 1, 2, 0, 0, 6, 0xaa, 0xbb};
	assert_int_equal(dp_undo_decode(&undo, chain_of("litecoin"), b, sizeof b, NULL), DP_OK);
	assert_int_equal(undo.coin_count, 1);
	assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), b, sizeof b, NULL),
	                 DP_BAD_BYTES);
	dp_undo_done(&undo);
}

// A P2PKH behind a token prefix (an amount of 1 of a category) is that P2PKH on Bitcoin Cash.
static void tokens_do_not_hide_whose_a_coin_was(void **state)
{
	(void)state;
	// 35 bytes of prefix, 25 of script, and the six kinds: 66.
	static const char packed_script[] = "42ef" H32 "1001"
	                                    "76a914" H20 "88ac";
	uint8_t b[512], full[100];
	dp_undo undo = {0};
	size_t n = one_coin(b, 1, packed_script);
	assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin-cash"), b, n, NULL), DP_OK);
	assert_int_equal(undo.coin[0].from.kind, DP_ADDR_P2PKH);
	assert_true(dp_hex_decode(full, 20, H20));
	assert_memory_equal(undo.coin[0].from.bytes, full, 20);
	assert_int_equal(dp_undo_decode(&undo, chain_of("bitcoin"), b, n, NULL), DP_OK);
	assert_int_equal(undo.coin[0].from.kind, DP_ADDR_SCRIPT);
	dp_undo_done(&undo);
}

static void the_checksum_names_the_parent(void **state)
{
	(void)state;
	uint8_t all[40], parent[32], checksum[32];
	for (size_t i = 0; i < sizeof all; i++) all[i] = (uint8_t)i;
	memcpy(parent, all, 32);
	dp_sha256d(checksum, all, sizeof all);
	assert_true(dp_undo_belongs(all + 32, 8, checksum, parent));
	assert_false(dp_undo_belongs(all + 32, 7, checksum, parent));
	checksum[31] ^= 1;
	assert_false(dp_undo_belongs(all + 32, 8, checksum, parent));
	checksum[31] ^= 1;
	parent[0] ^= 1;
	assert_false(dp_undo_belongs(all + 32, 8, checksum, parent));
	dp_sha256d(checksum, all, 32);
	assert_true(dp_undo_belongs(NULL, 0, checksum, all));
}

static void memory_that_runs_out_is_said(void **state)
{
	(void)state;
	static const uint8_t b[] = {1, 1, 2, 0, 0, 6};
	for (int64_t n = 0; n < 3; n++) {
		dp_undo undo = {0};
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		dp_code code = dp_undo_decode(&undo, chain_of("bitcoin"), b, sizeof b, NULL);
		dp_mem_fail_after(-1);
		assert_int_equal(code, n < 2 ? DP_NO_MEMORY : DP_OK);
		dp_undo_done(&undo);
		assert_int_equal(dp_mem_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_of_script_gives_the_address_of_the_full_one),
	    cmocka_unit_test(a_key_off_the_curve_is_an_empty_script),
	    cmocka_unit_test(amounts_are_those_of_bitcoin_core),
	    cmocka_unit_test(the_coins_of_block_866342_come_back),
	    cmocka_unit_test(the_coins_of_two_testnet_blocks_come_back),
	    cmocka_unit_test(the_keys_of_the_first_blocks_are_uncompressed),
	    cmocka_unit_test(wrong_undo_data_is_refused_with_its_place),
	    cmocka_unit_test(more_than_a_block_can_hold_is_refused),
	    cmocka_unit_test(undo_data_cut_anywhere_is_refused),
	    cmocka_unit_test(a_block_of_a_coinbase_alone_has_no_coins),
	    cmocka_unit_test(litecoin_may_append_its_mimblewimble_part),
	    cmocka_unit_test(tokens_do_not_hide_whose_a_coin_was),
	    cmocka_unit_test(the_checksum_names_the_parent),
	    cmocka_unit_test(memory_that_runs_out_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Bitcoin blocks: real ones against facts that anyone can look up, and wrong ones of every kind.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "chain/bitcoin.h"

typedef struct fixture {
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_info info;
	dp_fault fault;
	const dp_block *block;
} fixture;

static const dp_chain *chain_of(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	assert_non_null(chain);
	return chain;
}

static dp_code decode_on(fixture *f, const char *name, const uint8_t *bytes, size_t size)
{
	const dp_chain *chain = chain_of(name);
	memset(&f->fault, 0, sizeof f->fault);
	dp_code code =
	    dp_bitcoin_decode(&f->info, &f->decoder, &f->builder, chain, 7, bytes, size, &f->fault);
	if (code != DP_OK) {
		assert_true(f->fault.text[0] != 0); // a fault always says why
		assert_null(strchr(f->fault.text, '\n'));
		return code;
	}
	return dp_builder_finish(&f->builder, &f->block, &f->fault);
}

static dp_code decode(fixture *f, const uint8_t *bytes, size_t size)
{
	return decode_on(f, "bitcoin", bytes, size);
}

static void done(fixture *f)
{
	dp_bitcoin_decoder_done(&f->decoder);
	dp_builder_done(&f->builder);
}

static void assert_hash(const uint8_t hash[32], const char *printed)
{
	assert_memory_equal(hash, mk_txid_of(printed), 32);
}

static void assert_refused_on(fixture *f, const char *name, const mk_bytes *m, const char *why)
{
	assert_int_equal(decode_on(f, name, m->b, m->n), DP_BAD_BYTES);
	if (strstr(f->fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f->fault.text, why);
	assert_true(f->fault.has_offset);
	assert_true(f->fault.offset <= m->n);
}

static void assert_refused(fixture *f, const mk_bytes *m, const char *why)
{
	assert_refused_on(f, "bitcoin", m, why);
}

//- real blocks -----------------------------------------------------------------------------------

static void the_first_block_of_all_decodes(void **state)
{
	(void)state;
	fixture f = {0};
	size_t n;
	uint8_t *b = mk_load("tests/data/bitcoin/genesis.blk", &n);
	assert_non_null(b);
	assert_int_equal(decode(&f, b, n), DP_OK);
	assert_hash(f.block->hash,
	            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
	assert_int_equal(f.block->tx_count, 1);
	assert_hash(f.block->tx[0].id,
	            "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b");
	assert_int_equal(f.block->tx[0].flags, DP_TXF_COINBASE);
	assert_int_equal(f.block->mv_count, 1); // a coinbase has no input row
	assert_int_equal(f.block->mv[0].kind, DP_MV_OUTPUT);
	assert_int_equal(f.block->mv[0].to.kind, DP_ADDR_P2PK);
	assert_true(dp_u256_eq(f.block->mv[0].amount, dp_u256_of(5000000000)));
	assert_int_equal(f.block->time, 1231006505);
	assert_int_equal(f.block->height, 7); // what the caller says
	assert_false(f.info.has_height);      // version 1 states none
	char text[DP_ADDR_TEXT_MAX];
	dp_addr_format(text, &f.block->mv[0].to, f.block->chain);
	assert_string_equal(text, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
	free(b);
	done(&f);
}

// Block 170: the first payment from one person to another.
static void the_first_payment_has_its_txid_and_coins(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-1-255.dat")) skip();
	fixture f = {0};
	size_t n, at = 0;
	uint8_t *b = mk_load(path, &n);
	for (int height = 1; height < 170; height++) at += 8 + (size_t)(b[at + 4] | b[at + 5] << 8);
	size_t size = (size_t)(b[at + 4] | b[at + 5] << 8);
	assert_int_equal(decode(&f, b + at + 8, size), DP_OK);
	assert_hash(f.block->hash,
	            "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee");
	const dp_tx *tx = &f.block->tx[1];
	assert_hash(tx->id, "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
	assert_int_equal(tx->mv_count, 3);
	const dp_movement *mv = &f.block->mv[tx->mv_first];
	assert_int_equal(mv[0].kind, DP_MV_INPUT);
	assert_int_equal(mv[0].flags, DP_MVF_VALUE_UNKNOWN);
	assert_hash(mv[0].spent.txid,
	            "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9");
	assert_int_equal(mv[0].spent.vout, 0);
	assert_true(dp_u256_eq(mv[1].amount, dp_u256_of(1000000000)));
	assert_true(dp_u256_eq(mv[2].amount, dp_u256_of(4000000000)));
	assert_int_equal(f.info.input_count, 1);
	free(b);
	done(&f);
}

static void blocks_of_every_age_verify(void **state)
{
	(void)state;
	static const struct {
		const char *name, *hash;
		uint64_t height, coinbase;
		uint32_t txs, inputs;
		bool has_witness;
	} known[] = {
	    {"mainnet-866342.blk",
	     "000000000000000000014ce9ba7c6760053c3c82ce6ab43d60afb101d3c8f1f1", 866342, 317526183,
	     4864, 7972, true},
	    {"testnet3-928848.blk",
	     "00000000000001dc1c2cbd9c2419e9fd396449be12176b3b7c78c2784eb2f5e7", 928848, 350976510,
	     676, 11215, true},
	    {"testnet3-928849.blk",
	     "000000000000008d5be88d271df4ef8559ed54d6fd9e2705a3ba9ba376d8997d", 928849, 345636194,
	     993, 8594, true},
	};
	fixture f = {0};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		char path[4096];
		size_t n;
		if (!mk_shared(path, known[i].name)) skip();
		uint8_t *b = mk_load(path, &n);
		assert_int_equal(decode(&f, b, n), DP_OK);
		assert_hash(f.block->hash, known[i].hash);
		assert_true(f.info.has_height);
		assert_int_equal(f.info.height, known[i].height);
		assert_int_equal(f.info.coinbase_value, known[i].coinbase);
		assert_int_equal(f.info.input_count, known[i].inputs);
		assert_int_equal(f.block->tx_count, known[i].txs);
		assert_int_equal(f.info.has_witness, known[i].has_witness);
		uint64_t height;
		assert_true(dp_chain_height(&height, chain_of("bitcoin"), b, n));
		assert_int_equal(height, known[i].height);
		free(b);
	}
	done(&f);
}

// 300025 is from before segregated witness: no commitment, no witness.
static void a_block_without_witness_verifies(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-300025.blk")) skip();
	fixture f = {0};
	size_t n;
	uint8_t *b = mk_load(path, &n);
	assert_int_equal(decode(&f, b, n), DP_OK);
	assert_int_equal(f.info.height, 300025);
	assert_false(f.info.has_witness);
	assert_int_equal(f.block->tx_count, 461);
	free(b);
	done(&f);
}

static void every_transaction_is_found_by_its_id(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-300025.blk")) skip();
	fixture f = {0};
	size_t n;
	uint32_t at;
	uint8_t *b = mk_load(path, &n), other[32] = {1};
	assert_int_equal(decode(&f, b, n), DP_OK);
	for (uint32_t i = 0; i < f.block->tx_count; i++) {
		assert_true(dp_bitcoin_find_tx(&f.decoder, &at, f.block->tx[i].id));
		assert_int_equal(at, i);
	}
	assert_false(dp_bitcoin_find_tx(&f.decoder, &at, other));
	assert_int_not_equal(decode(&f, b, n - 1), DP_OK);
	uint8_t id[32];
	memcpy(id, f.builder.block.tx[0].id, 32);
	assert_false(dp_bitcoin_find_tx(&f.decoder, &at, id)); // nothing after a fault
	free(b);
	done(&f);
}

//- damage ----------------------------------------------------------------------------------------

static void a_block_cut_anywhere_is_refused(void **state)
{
	(void)state;
	fixture f = {0};
	size_t n;
	uint8_t *b = mk_load("tests/data/bitcoin/reorg-blk_3A.dat", &n);
	assert_non_null(b);
	for (size_t cut = 0; cut < n - 8; cut++)
		assert_int_equal(decode(&f, b + 8, cut), DP_BAD_BYTES);
	assert_int_equal(decode(&f, b + 8, n - 8), DP_OK);
	free(b);
	char path[4096];
	if (mk_shared(path, "mainnet-866342.blk")) {
		b = mk_load(path, &n);
		for (size_t cut = 0; cut < n; cut += 39989)
			assert_int_equal(decode(&f, b, cut), DP_BAD_BYTES);
		free(b);
	}
	done(&f);
}

// Whatever is changed in the transactions shows in a hash. Only in the header are there bits (all
// but the merkle root's) that make another block, with another hash.
static void flip_and_decode(fixture *f, uint8_t *b, size_t n, size_t at, int bit,
                            const uint8_t hash[32])
{
	b[at] ^= (uint8_t)(1 << bit);
	dp_code code = decode(f, b, n);
	if (at < 36 || (at >= 68 && at < 80)) {
		assert_int_equal(code, DP_OK);
		assert_memory_not_equal(f->block->hash, hash, 32);
	} else {
		assert_int_equal(code, DP_BAD_BYTES);
	}
	b[at] ^= (uint8_t)(1 << bit);
}

static void no_flipped_bit_goes_unnoticed(void **state)
{
	(void)state;
	fixture f = {0};
	size_t n;
	uint8_t *b = mk_load("tests/data/bitcoin/reorg-blk_3A.dat", &n), hash[32];
	assert_non_null(b);
	dp_sha256d(hash, b + 8, 80);
	for (size_t at = 0; at < n - 8; at++)
		for (int bit = 0; bit < 8; bit++) flip_and_decode(&f, b + 8, n - 8, at, bit, hash);
	free(b);
	char path[4096];
	if (mk_shared(path, "mainnet-866342.blk")) {
		b = mk_load(path, &n);
		dp_sha256d(hash, b, 80);
		for (size_t at = 0; at < n; at += 7919)
			flip_and_decode(&f, b, n, at, (int)(at % 8), hash);
		free(b);
	}
	done(&f);
}

//- made wrong on purpose -------------------------------------------------------------------------

static const mk_out fifty = {5000000000, NULL};
static uint8_t coin_a[32] = {0xa}, coin_b[32] = {0xb}, ignored[32];

static void start(mk_block *b)
{
	memset(b, 0, sizeof *b);
	mk_coinbase(b, 7, 0, &fifty, 1);
}

static void a_made_block_is_right_to_begin_with(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	start(&b);
	mk_in in = {coin_a, 3};
	mk_spend(&b, &in, 1, &fifty, 1);
	mk_finish(&m, ignored, &b);
	assert_int_equal(decode(&f, m.b, m.n), DP_OK);
	assert_int_equal(f.info.height, 7);
	assert_int_equal(f.block->mv[1].spent.vout, 3);
	done(&f);
}

static void a_wrong_merkle_root_is_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	start(&b);
	mk_finish(&m, ignored, &b);
	m.b[40] ^= 1;
	assert_refused(&f, &m, "do not match the merkle root");
	done(&f);
}

static void repeated_transactions_are_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	mk_in in_a = {coin_a, 0}, in_b = {coin_b, 0};
	start(&b);
	mk_spend(&b, &in_a, 1, &fifty, 1);
	mk_spend(&b, &in_b, 1, &fifty, 1);
	uint8_t root[32], root_longer[32];
	mk_merkle(root, &b, false);
	mk_spend(&b, &in_b, 1, &fifty, 1); // the last one again: the root does not change
	mk_merkle(root_longer, &b, false);
	assert_memory_equal(root, root_longer, 32);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "CVE-2012-2459");
	// Not neighbours: the root is another, the transaction is still there twice.
	start(&b);
	mk_spend(&b, &in_a, 1, &fifty, 1);
	mk_spend(&b, &in_b, 1, &fifty, 1);
	mk_spend(&b, &in_a, 1, &fifty, 1);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "transaction 3: is in this block twice");
	done(&f);
}

static void a_coin_spent_twice_in_a_block_is_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	mk_in twice[2] = {{coin_a, 1}, {coin_a, 1}};
	start(&b);
	mk_spend(&b, twice, 2, &fifty, 1);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "transaction 1, input 1: spends a coin that this block spends");
	mk_out other = {1, NULL};
	start(&b);
	mk_spend(&b, twice, 1, &fifty, 1);
	mk_spend(&b, twice, 1, &other, 1);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "transaction 2, input 0: spends a coin that this block spends");
	done(&f);
}

static void amounts_beyond_all_money_are_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	mk_in in = {coin_a, 0};
	mk_out all = {DP_BITCOIN_MONEY_MAX, NULL}, more = {DP_BITCOIN_MONEY_MAX + 1, NULL};
	mk_out negative = {UINT64_MAX, NULL}, two[2] = {all, {1, NULL}};
	start(&b);
	mk_spend(&b, &in, 1, &all, 1);
	mk_finish(&m, ignored, &b);
	assert_int_equal(decode(&f, m.b, m.n), DP_OK);
	const struct {
		const mk_out *outs;
		size_t count;
		const char *why;
	} bad[] = {{&more, 1, "output 0: is worth more"},
	           {&negative, 1, "output 0: is worth more"},
	           {two, 2, "output 1: makes the outputs worth more"}};
	for (size_t i = 0; i < 3; i++) {
		start(&b);
		mk_spend(&b, &in, 1, bad[i].outs, bad[i].count);
		mk_finish(&m, ignored, &b);
		assert_refused(&f, &m, bad[i].why);
	}
	done(&f);
}

static void coinbases_out_of_place_are_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	start(&b);
	mk_coinbase(&b, 8, 1, &fifty, 1);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "transaction 1, input 0: a coinbase may only be the first");
	memset(&b, 0, sizeof b);
	mk_in in = {coin_a, 0};
	mk_spend(&b, &in, 1, &fifty, 1);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "the first transaction is no coinbase");
	memset(&b, 0, sizeof b);
	mk_in two[2] = {{coin_a, 0}, {coin_b, 0}};
	mk_spend(&b, two, 2, &fifty, 1);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "the coinbase must have one input");
	done(&f);
}

static void transactions_without_inputs_or_outputs_are_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	mk_in in = {coin_a, 0};
	start(&b);
	mk_spend(&b, &in, 1, NULL, 0);
	mk_finish(&m, ignored, &b);
	// Padded, so that the rest is long enough for a transaction.
	mk_put(&m, ignored, 32);
	assert_refused(&f, &m, "transaction 1: has no outputs");
	start(&b);
	mk_spend(&b, &in, 0, &fifty, 1);
	mk_finish(&m, ignored, &b);
	mk_put(&m, ignored, 32);
	assert_refused(&f, &m, "transaction 1: has no inputs");
	memset(&b, 0, sizeof b);
	mk_finish(&m, ignored, &b);
	assert_refused(&f, &m, "has no transactions");
	done(&f);
}

// Puts `bytes` where the block's transaction count stands.
static void counts_beyond_the_bytes_are_refused(void **state)
{
	(void)state;
	static const char *const counts[] = {"fdffff", "feffffff7f", "ffffffffffffffff7f",
	                                     "ffffffffffffffffff"};
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	for (size_t i = 0; i < 4; i++) {
		for (int where = 0; where < 3; where++) {
			mk_bytes bad = {.n = 0};
			// The count of transactions, of inputs, of outputs.
			static const size_t place[] = {80, 85, 136};
			start(&b);
			mk_finish(&m, ignored, &b);
			assert_int_equal(m.b[place[where]], 1);
			mk_put(&bad, m.b, place[where]);
			mk_hex(&bad, counts[i]);
			mk_put(&bad, m.b + place[where] + 1, m.n - place[where] - 1);
			mk_put(&bad, ignored, 32);
			assert_refused(&f, &bad, "counts more items than the rest");
			assert_true(f.decoder.job_cap < 1000); // nothing was sized by it
		}
	}
	done(&f);
}

static void longer_forms_of_a_count_are_refused(void **state)
{
	(void)state;
	static const char *const ones[] = {"fd0100", "fe01000000", "ff0100000000000000"};
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	start(&b);
	mk_finish(&m, ignored, &b);
	for (size_t i = 0; i < 3; i++) {
		mk_bytes bad = {.n = 0};
		mk_put(&bad, m.b, 80);
		mk_hex(&bad, ones[i]);
		mk_put(&bad, m.b + 81, m.n - 81);
		assert_refused(&f, &bad, "shortest form");
		assert_int_equal(f.fault.offset, 80);
	}
	done(&f);
}

static void bytes_after_the_block_are_refused(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	fixture f = {0};
	start(&b);
	mk_finish(&m, ignored, &b);
	mk_int(&m, 0, 1);
	assert_refused(&f, &m, "bytes follow the last transaction");
	done(&f);
}

//- witness ---------------------------------------------------------------------------------------

enum witness_fault { W_RIGHT, W_CHANGED, W_NO_COMMITMENT, W_NO_RESERVED, W_EMPTY };

static void make_witness_block(mk_bytes *m, enum witness_fault fault)
{
	static mk_block b;
	static const uint8_t reserved[32];
	memset(&b, 0, sizeof b);
	mk_in in = {coin_a, 0}, in_b = {coin_b, 0};
	mk_coinbase(&b, 7, 0, &fifty, 1);
	mk_tx *spend = mk_spend(&b, &in, 1, &fifty, 1);
	mk_spend(&b, &in_b, 1, &fifty, 1); // one without a witness among them
	mk_witness(spend, (const uint8_t *)"signature", 9);
	char script[77];
	mk_commitment(script, &b);
	mk_out outs[2] = {fifty, {0, fault == W_NO_COMMITMENT ? NULL : script}};
	size_t count = b.tx_count;
	b.tx_count = 0;
	mk_tx *coinbase = mk_coinbase(&b, 7, 0, outs, 2);
	b.tx_count = count;
	if (fault != W_NO_RESERVED) mk_witness(coinbase, reserved, 32);
	if (fault == W_CHANGED) mk_witness(spend, (const uint8_t *)"Signature", 9);
	mk_finish(m, ignored, &b);
	if (fault != W_EMPTY) return;
	// The first transaction's witness: count 1, length 32, zeros. Made a count of 0.
	size_t at = 81 + coinbase->full.n - 4 - 34;
	assert_int_equal(m->b[at], 1);
	m->b[at] = 0;
	memmove(m->b + at + 1, m->b + at + 34, m->n - at - 34);
	m->n -= 33;
}

static void witnesses_are_held_against_their_commitment(void **state)
{
	(void)state;
	mk_bytes m;
	fixture f = {0};
	make_witness_block(&m, W_RIGHT);
	assert_int_equal(decode(&f, m.b, m.n), DP_OK);
	assert_true(f.info.has_witness);
	make_witness_block(&m, W_CHANGED);
	assert_refused(&f, &m, "the witnesses do not match");
	make_witness_block(&m, W_NO_COMMITMENT);
	assert_refused(&f, &m, "no commitment");
	make_witness_block(&m, W_NO_RESERVED);
	assert_refused(&f, &m, "one item of 32 bytes");
	make_witness_block(&m, W_EMPTY);
	assert_refused(&f, &m, "transaction 0: is marked as having a witness and has none");
	done(&f);
}

//- work, heights, subsidy ------------------------------------------------------------------------

static void work_is_that_of_the_target_when_it_was_met(void **state)
{
	(void)state;
	size_t n;
	uint8_t *b = mk_load("tests/data/bitcoin/genesis.blk", &n);
	assert_non_null(b);
	dp_bitcoin_header h;
	dp_bitcoin_header_decode(&h, b);
	// 2^256 / (0xffff * 2^208 + 1), the work every list of blocks shows for block 0.
	assert_true(dp_u256_eq(dp_bitcoin_work(&h), dp_u256_of(UINT64_C(0x100010001))));
	h.hash[31] = 1; // no longer below the target
	assert_true(dp_u256_eq(dp_bitcoin_work(&h), dp_u256_of(1)));
	memset(h.hash, 0, 32);
	static const uint32_t malformed[] = {0,          0x1d80ffff, 0x21000001,
	                                     0xff123456, 0x01003456, 0x1d000000};
	for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
		h.bits = malformed[i];
		assert_true(dp_u256_eq(dp_bitcoin_work(&h), dp_u256_of(1)));
	}
	h.bits = 0x207fffff; // regtest: every second hash will do
	assert_true(dp_u256_eq(dp_bitcoin_work(&h), dp_u256_of(2)));
	h.bits = 0x03000001; // target 1: 2^255
	assert_true(dp_bitcoin_work(&h).w[3] == UINT64_C(1) << 63);
	free(b);
}

static void a_height_is_read_in_every_form_of_push(void **state)
{
	(void)state;
	static const struct {
		const char *script; // 2 bytes at least
		bool is_known;
		uint64_t height;
	} known[] = {{"5100", true, 1},          {"6000", true, 16},
	             {"0111", true, 17},         {"02ff7f", true, 32767},
	             {"03a6380d", true, 866470}, {"0000", false, 0},
	             {"03a638", false, 0},       {"0181", false, 0},
	             {"4c01ff", false, 0},       {"05ffffffff7f", true, UINT64_C(0x7fffffffff)}};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		mk_bytes m = {.n = 0};
		uint64_t height = 77;
		mk_int(&m, 2, 4);
		mk_put(&m, (uint8_t[76]){0}, 76);
		mk_int(&m, 1, 1); // one transaction
		mk_int(&m, 1, 4); // version
		mk_int(&m, 1, 1); // one input
		mk_put(&m, (uint8_t[32]){0}, 32);
		mk_int(&m, 0xffffffff, 4);
		mk_int(&m, strlen(known[i].script) / 2, 1);
		mk_hex(&m, known[i].script);
		assert_int_equal(dp_chain_height(&height, chain_of("bitcoin"), m.b, m.n),
		                 known[i].is_known);
		assert_int_equal(height, known[i].is_known ? known[i].height : 77);
		for (size_t cut = 0; cut < m.n; cut++)
			assert_false(dp_chain_height(&height, chain_of("bitcoin"), m.b, cut));
		m.b[0] = 1; // version 1 has no such rule
		assert_false(dp_chain_height(&height, chain_of("bitcoin"), m.b, m.n));
	}
}

//- other chains ----------------------------------------------------------------------------------

// The ids of the block's transactions, in order, against those in the file beside it.
static void assert_txids(const fixture *f, const char *path)
{
	size_t n;
	uint8_t *text = mk_load(path, &n);
	assert_non_null(text);
	assert_int_equal(n, 65 * (size_t)f->block->tx_count);
	for (uint32_t i = 0; i < f->block->tx_count; i++) {
		char printed[65] = {0};
		memcpy(printed, text + 65 * (size_t)i, 64);
		assert_hash(f->block->tx[i].id, printed);
	}
	free(text);
}

static void a_litecoin_block_with_a_mimblewimble_part_decodes(void **state)
{
	(void)state;
	fixture f = {0};
	size_t n;
	uint64_t height;
	uint8_t *b = mk_load("tests/data/bitcoin-like/litecoin-2265985.blk", &n);
	assert_non_null(b);
	assert_int_equal(decode_on(&f, "litecoin", b, n), DP_OK);
	assert_hash(f.block->hash,
	            "9bacbef81b42f777fabc19d08bceddb56d219fd4585f85946cb27470c6f4f596");
	assert_int_equal(f.block->tx_count, 58);
	assert_txids(&f, "tests/data/bitcoin-like/litecoin-2265985.txids");
	assert_true(f.info.has_witness); // so that the commitment was verified, HogEx and all
	assert_true(f.info.has_height);
	assert_int_equal(f.info.height, 2265985);
	assert_true(dp_chain_height(&height, chain_of("litecoin"), b, n));
	assert_int_equal(height, 2265985);
	assert_null(dp_bitcoin_order(&f.decoder));
	// The HogEx spends what the one before held, and what this block pays in; it pays to a
	// witness of version 8 with 32 bytes, which is named by its script.
	const dp_tx *hogex = &f.block->tx[57];
	const dp_movement *mv = &f.block->mv[hogex->mv_first];
	assert_int_equal(mv->kind, DP_MV_INPUT);
	while (mv->kind == DP_MV_INPUT) mv++;
	assert_int_equal(mv->to.kind, DP_ADDR_SCRIPT);
	// Cut or changed anywhere before that part, it is refused; behind, it is not looked at.
	assert_int_equal(decode_on(&f, "bitcoin", b, n), DP_BAD_BYTES);
	size_t part = n;
	while (decode_on(&f, "litecoin", b, part) == DP_OK) part--;
	assert_true(part < n - 180); // the part's header alone has as many bytes
	for (size_t cut = 0; cut < part; cut += 37)
		assert_int_equal(decode_on(&f, "litecoin", b, cut), DP_BAD_BYTES);
	for (size_t at = 81; at < part; at += 13) {
		b[at] ^= 4;
		assert_int_equal(decode_on(&f, "litecoin", b, n), DP_BAD_BYTES);
		b[at] ^= 4;
	}
	assert_int_equal(decode_on(&f, "litecoin", b, n), DP_OK);
	free(b);
	done(&f);
}

static void a_dogecoin_block_with_a_merge_mining_proof_decodes(void **state)
{
	(void)state;
	fixture f = {0};
	size_t n;
	uint64_t height;
	uint8_t *b = mk_load("tests/data/bitcoin-like/dogecoin-371337.blk", &n);
	assert_non_null(b);
	assert_int_equal(decode_on(&f, "dogecoin", b, n), DP_OK);
	assert_hash(f.block->hash,
	            "60323982f9c5ff1b5a954eac9dc1269352835f47c2c5222691d80f0d50dcf053");
	assert_int_equal(f.block->tx_count, 6);
	assert_txids(&f, "tests/data/bitcoin-like/dogecoin-371337.txids");
	assert_int_equal(f.block->time, 1410464577);
	// 62,500 DOGE after three halvings, and 2.0 DOGE of fees.
	assert_int_equal(dp_chain_subsidy(chain_of("dogecoin"), 371337), 6250000000000);
	assert_int_equal(f.info.coinbase_value, 6250200000000);
	char text[DP_ADDR_TEXT_MAX];
	const dp_tx *tx = &f.block->tx[1];
	dp_addr_format(text, &f.block->mv[tx->mv_first + 1].to, f.block->chain);
	assert_int_equal(text[0], 'D');
	// Version 2 of Dogecoin need not state its height, and so what it states is not believed.
	assert_false(f.info.has_height);
	assert_false(dp_chain_height(&height, chain_of("dogecoin"), b, n));
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(decode_on(&f, "dogecoin", b, cut), DP_BAD_BYTES);
	// Without the field of its chain the proof is taken for transactions.
	assert_int_equal(decode(&f, b, n), DP_BAD_BYTES);
	b[0] = 4; // version 4 states it
	assert_true(dp_chain_height(&height, chain_of("dogecoin"), b, n));
	assert_int_equal(height, 371337);
	for (size_t cut = 0; cut < 700; cut++) // it reads on from behind the proof
		(void)dp_chain_height(&height, chain_of("dogecoin"), b, cut);
	free(b);
	done(&f);
}

// A proof made by hand: the other chain's coinbase has a witness, and both branches have hashes.
static void merge_mining_proofs_may_have_every_form(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m, proof, whole;
	fixture f = {0};
	uint8_t item[40] = {7};
	memset(&b, 0, sizeof b);
	mk_tx *other = mk_coinbase(&b, 9, 1, &fifty, 1);
	mk_witness(other, item, sizeof item);
	proof.n = 0;
	mk_put(&proof, other->full.b, other->full.n);
	mk_put(&proof, (uint8_t[32]){1}, 32);
	mk_int(&proof, 2, 1);
	mk_put(&proof, (uint8_t[64]){2}, 64);
	mk_int(&proof, 1, 4);
	mk_int(&proof, 1, 1);
	mk_put(&proof, (uint8_t[32]){3}, 32);
	mk_int(&proof, 0, 4);
	mk_put(&proof, (uint8_t[80]){4}, 80);
	memset(&b, 0, sizeof b);
	b.version = 0x00620104;
	mk_coinbase(&b, 400000, 1, &fifty, 1);
	mk_finish(&m, ignored, &b);
	whole.n = 0;
	mk_put(&whole, m.b, 80);
	mk_put(&whole, proof.b, proof.n);
	mk_put(&whole, m.b + 80, m.n - 80);
	assert_int_equal(decode_on(&f, "dogecoin", whole.b, whole.n), DP_OK);
	assert_memory_equal(f.block->hash, ignored, 32);
	assert_int_equal(f.block->tx_count, 1);
	assert_true(f.info.has_height);
	assert_int_equal(f.info.height, 400000);
	for (size_t cut = 0; cut < whole.n; cut++)
		assert_int_equal(decode_on(&f, "dogecoin", whole.b, cut), DP_BAD_BYTES);
	whole.n = 80 + 30;
	assert_refused_on(&f, "dogecoin", &whole, "merge-mining proof: ");
	// On Bitcoin that bit of the version means nothing.
	assert_int_equal(decode(&f, m.b, m.n), DP_OK);
	assert_int_equal(f.info.height, 400000);
	done(&f);
}

// Turns a made transaction into a HogEx: flag 8 behind the version, a byte before the lock time.
static void make_hogex(mk_tx *t, uint8_t flag, uint8_t own)
{
	t->full.n = 0;
	mk_put(&t->full, t->plain.b, 4);
	mk_int(&t->full, 0, 1);
	mk_int(&t->full, flag, 1);
	mk_put(&t->full, t->plain.b + 4, t->plain.n - 8);
	mk_int(&t->full, own, 1);
	mk_int(&t->full, 0, 4);
}

static void a_hogex_is_known_by_its_flag_and_its_place(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m;
	fixture f = {0};
	mk_in in = {coin_a, 0}, in_b = {coin_b, 0};
	start(&b);
	mk_spend(&b, &in, 1, &fifty, 1);
	mk_tx *last = mk_spend(&b, &in_b, 1, &fifty, 1);
	make_hogex(last, 8, 0);
	mk_finish(&m, ignored, &b);
	size_t n = m.n;
	assert_refused_on(&f, "litecoin", &m, "runs past the end"); // the byte behind it is missing
	mk_int(&m, 0, 1);
	assert_int_equal(decode_on(&f, "litecoin", m.b, m.n), DP_OK); // there is no part
	assert_int_equal(f.block->tx_count, 3);
	assert_memory_equal(f.block->tx[2].id, last->txid, 32);
	mk_int(&m, 7, 1);
	assert_refused_on(&f, "litecoin", &m, "bytes follow");
	m.b[n] = 1;
	assert_int_equal(decode_on(&f, "litecoin", m.b, m.n), DP_OK); // a part of one byte
	m.b[n] = 2;
	assert_refused_on(&f, "litecoin", &m, "MimbleWimble part behind the transactions is");
	m.n = n + 1;
	m.b[n] = 1;
	assert_refused_on(&f, "litecoin", &m, "MimbleWimble part behind the transactions is");
	m.b[n] = 0;
	assert_refused(&f, &m, "transaction 2: has no inputs or an unknown flag"); // on Bitcoin
	make_hogex(last, 9, 0);
	mk_finish(&m, ignored, &b);
	assert_refused_on(&f, "litecoin", &m, "unknown flag");
	make_hogex(last, 8, 1);
	mk_finish(&m, ignored, &b);
	mk_int(&m, 0, 1);
	assert_refused_on(&f, "litecoin", &m, "carries MimbleWimble data of its own");
	last->full.n = 0;
	make_hogex(&b.tx[1], 8, 0);
	mk_finish(&m, ignored, &b);
	assert_refused_on(&f, "litecoin", &m, "and is not the last transaction");
	done(&f);
}

static void the_first_hogex_spends_nothing(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m;
	fixture f = {0};
	mk_out nothing = {0, "5820"
	                     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"};
	start(&b);
	make_hogex(mk_spend(&b, NULL, 0, &nothing, 1), 8, 0);
	mk_finish(&m, ignored, &b);
	mk_hex(&m, "01ffff");
	assert_int_equal(decode_on(&f, "litecoin", m.b, m.n), DP_OK);
	assert_int_equal(f.block->tx_count, 2);
	assert_int_equal(f.block->tx[1].mv_count, 1);
	done(&f);
}

//- transactions in any order ---------------------------------------------------------------------

enum { CHAIN_TXS = 12 };

// A block of transactions 1 to 11 after its coinbase, each of which spends its predecessor's first
// output and, from the fourth on, the second output of the one three before.
static void make_chain(mk_block *b)
{
	mk_out two[2] = {{1000, NULL}, {500, NULL}};
	start(b);
	for (uint32_t i = 1; i < CHAIN_TXS; i++) {
		mk_in in[2] = {{i == 1 ? coin_a : b->tx[i - 1].txid, 0}, {NULL, 1}};
		if (i > 3) in[1].txid = b->tx[i - 3].txid;
		two[0].value = 1000 + i;
		mk_spend(b, in, i > 3 ? 2 : 1, two, 2);
	}
}

static void assert_chain_in_order(const fixture *f)
{
	uint32_t at;
	for (uint32_t i = 1; i < f->block->tx_count; i++) {
		const dp_tx *tx = &f->block->tx[i];
		assert_true(dp_bitcoin_find_tx(&f->decoder, &at, tx->id));
		assert_int_equal(at, i);
		for (uint32_t k = 0; k < tx->mv_count; k++) {
			const dp_movement *mv = &f->block->mv[tx->mv_first + k];
			if (mv->kind == DP_MV_INPUT &&
			    dp_bitcoin_find_tx(&f->decoder, &at, mv->spent.txid))
				assert_true(at < i);
		}
	}
}

static void bitcoin_cash_may_have_transactions_in_any_order(void **state)
{
	(void)state;
	static mk_block b, mixed;
	static mk_bytes m;
	fixture f = {0};
	make_chain(&b);
	mk_finish(&m, ignored, &b);
	assert_int_equal(decode_on(&f, "bitcoin-cash", m.b, m.n), DP_OK);
	assert_null(dp_bitcoin_order(&f.decoder)); // as they stand
	uint32_t seed = 1;
	for (int round = 0; round < 200; round++) {
		uint32_t place[CHAIN_TXS];
		mixed = b;
		for (uint32_t i = 0; i < CHAIN_TXS; i++) place[i] = i;
		for (uint32_t i = CHAIN_TXS - 1; i > 1; i--) {
			seed = seed * 1664525 + 1013904223;
			uint32_t k = round == 0 ? (i + 1) / 2 : 1 + (seed >> 16) % i;
			uint32_t t = place[i];
			place[i] = place[k];
			place[k] = t;
		}
		if (round == 0) // all backwards
			for (uint32_t i = 1; i < CHAIN_TXS; i++) place[i] = CHAIN_TXS - i;
		for (uint32_t i = 0; i < CHAIN_TXS; i++) mixed.tx[i] = b.tx[place[i]];
		mk_finish(&m, ignored, &mixed);
		assert_int_equal(decode_on(&f, "bitcoin-cash", m.b, m.n), DP_OK);
		assert_chain_in_order(&f);
		const uint32_t *order = dp_bitcoin_order(&f.decoder);
		for (uint32_t i = 0; i < CHAIN_TXS; i++) {
			// Each hangs on the one before, so that only one order is right.
			assert_memory_equal(f.block->tx[i].id, b.tx[i].txid, 32);
			if (order != NULL) assert_int_equal(place[order[i]], i);
			const dp_tx *tx = &f.block->tx[i];
			if (i > 0) assert_int_equal(tx->mv_count, i > 3 ? 4 : 3);
		}
		if (order == NULL)
			for (uint32_t i = 0; i < CHAIN_TXS; i++) assert_int_equal(place[i], i);
		// The same block on Bitcoin is given as it stands, and refused by who settles it.
		assert_int_equal(decode(&f, m.b, m.n), DP_OK);
		assert_null(dp_bitcoin_order(&f.decoder));
	}
	done(&f);
}

// Those that nobody waits for stay where they are.
static void putting_in_order_is_stable(void **state)
{
	(void)state;
	static mk_block b, mixed;
	static mk_bytes m;
	fixture f = {0};
	start(&b);
	for (uint32_t i = 1; i < 9; i++) {
		mk_in in = {i == 8 ? b.tx[7].txid : coin_a, i};
		mk_out out = {i, NULL};
		mk_spend(&b, &in, 1, &out, 1);
	}
	// 8 stands second and spends 7: right is 7 and 8 in its place, and the others as before.
	static const uint32_t place[9] = {0, 1, 8, 2, 3, 4, 5, 6, 7};
	static const uint32_t right[9] = {0, 1, 7, 8, 2, 3, 4, 5, 6};
	mixed = b;
	for (uint32_t i = 0; i < 9; i++) mixed.tx[i] = b.tx[place[i]];
	mk_finish(&m, ignored, &mixed);
	assert_int_equal(decode_on(&f, "bitcoin-cash", m.b, m.n), DP_OK);
	for (uint32_t i = 0; i < 9; i++)
		assert_memory_equal(f.block->tx[i].id, b.tx[right[i]].txid, 32);
	assert_int_equal(dp_bitcoin_order(&f.decoder)[2], 8);
	assert_int_equal(dp_bitcoin_order(&f.decoder)[3], 2);
	done(&f);
}

static void running_out_of_memory_while_ordering_loses_nothing(void **state)
{
	(void)state;
	static mk_block b, mixed;
	static mk_bytes m;
	make_chain(&b);
	mixed = b;
	for (uint32_t i = 1; i < CHAIN_TXS; i++) mixed.tx[i] = b.tx[CHAIN_TXS - i];
	mk_finish(&m, ignored, &mixed);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		fixture f = {0};
		dp_mem_fail_after(n);
		dp_code code = decode_on(&f, "bitcoin-cash", m.b, m.n);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		done(&f);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_true(n < 100);
	}
}

static void tokens_are_no_part_of_an_outputs_script(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m;
	fixture f = {0};
	mk_in in = {coin_a, 0};
	mk_out outs[2] = {{1000, "ef"
	                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	                         "1001"
	                         "a914000102030405060708090a0b0c0d0e0f1011121387"},
	                  {1000, "ef"
	                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	                         "1000"
	                         "a914000102030405060708090a0b0c0d0e0f1011121387"}};
	start(&b);
	mk_spend(&b, &in, 1, outs, 2);
	mk_finish(&m, ignored, &b);
	assert_int_equal(decode_on(&f, "bitcoin-cash", m.b, m.n), DP_OK);
	const dp_movement *mv = &f.block->mv[f.block->tx[1].mv_first];
	assert_int_equal(mv[1].to.kind, DP_ADDR_P2SH);
	assert_int_equal(mv[2].to.kind, DP_ADDR_SCRIPT); // an amount of 0 makes no prefix
	assert_int_equal(decode(&f, m.b, m.n), DP_OK);
	mv = &f.block->mv[f.block->tx[1].mv_first];
	assert_int_equal(mv[1].to.kind, DP_ADDR_SCRIPT);
	done(&f);
}

static void chains_without_witnesses_refuse_them(void **state)
{
	(void)state;
	static mk_bytes m;
	fixture f = {0};
	make_witness_block(&m, W_RIGHT);
	assert_int_equal(decode_on(&f, "litecoin", m.b, m.n), DP_OK);
	assert_refused_on(&f, "bitcoin-cash", &m, "has no inputs or an unknown flag");
	assert_refused_on(&f, "dogecoin", &m, "has no inputs or an unknown flag");
	done(&f);
}

static void amounts_and_sizes_have_each_chains_bounds(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m;
	fixture f = {0};
	mk_in in = {coin_a, 0};
	// The most of a Dogecoin transaction is 10^10 DOGE; two such outputs are too much.
	mk_out two[2] = {{UINT64_C(1000000000000000000), NULL}, {1, NULL}};
	start(&b);
	mk_spend(&b, &in, 1, two, 1);
	mk_finish(&m, ignored, &b);
	assert_int_equal(decode_on(&f, "dogecoin", m.b, m.n), DP_OK);
	assert_refused_on(&f, "litecoin", &m, "output 0: is worth more");
	start(&b);
	mk_spend(&b, &in, 1, two, 2);
	mk_finish(&m, ignored, &b);
	assert_refused_on(&f, "dogecoin", &m, "output 1: makes the outputs worth more");
	// A block of five million bytes, one output's script of them, is one on Bitcoin Cash alone.
	enum { BIG = 5000000 };
	start(&b);
	mk_finish(&m, ignored, &b);
	size_t coinbase = m.n - 81, script = BIG - m.n - 64;
	uint8_t *big = calloc(1, BIG), pair[64], *p;
	assert_non_null(big);
	memcpy(big, m.b, m.n);
	big[80] = 2;
	p = big + m.n;
	p[0] = 2, p[4] = 1, p[5] = 9, p[46] = 1; // an input of coin 9..., an output of nothing
	p[55] = 254;
	for (int i = 0; i < 4; i++) p[56 + i] = (uint8_t)(script >> (8 * i));
	p[60] = 0x6a;
	dp_sha256d(pair, m.b + 81, coinbase);
	dp_sha256d(pair + 32, p, BIG - m.n);
	dp_sha256d(big + 36, pair, 64);
	if (decode_on(&f, "bitcoin-cash", big, BIG) != DP_OK) fail_msg("%s", f.fault.text);
	assert_int_equal(f.block->tx_count, 2);
	assert_int_equal(decode(&f, big, BIG), DP_BAD_BYTES);
	assert_non_null(strstr(f.fault.text, "at most 4000000 bytes"));
	free(big);
	done(&f);
}

static void claimed_work_is_believed_where_the_hash_is_another(void **state)
{
	(void)state;
	dp_bitcoin_header h = {.bits = 0x1d00ffff};
	memset(h.hash, 0xff, sizeof h.hash); // meets no target
	assert_true(dp_u256_eq(dp_chain_work(chain_of("bitcoin"), &h), dp_u256_of(1)));
	dp_u256 claimed = dp_u256_of(UINT64_C(0x100010001));
	assert_true(dp_u256_eq(dp_chain_work(chain_of("litecoin"), &h), claimed));
	assert_true(dp_u256_eq(dp_chain_work(chain_of("dogecoin"), &h), claimed));
	h.bits = 0x1d80ffff; // negative: no target at all
	assert_true(dp_u256_eq(dp_chain_work(chain_of("dogecoin"), &h), dp_u256_of(1)));
	memset(h.hash, 0, sizeof h.hash);
	h.bits = 0x1d00ffff;
	assert_true(dp_u256_eq(dp_chain_work(chain_of("bitcoin-cash"), &h), claimed));
}

//- memory ----------------------------------------------------------------------------------------

static void a_failed_allocation_is_told_and_nothing_is_lost(void **state)
{
	(void)state;
	mk_bytes m;
	make_witness_block(&m, W_RIGHT);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		fixture f = {0};
		dp_mem_fail_after(n);
		dp_code code = decode(&f, m.b, m.n);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		done(&f);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_true(n < 100);
	}
}

//- notes -----------------------------------------------------------------------------------------

static void outputs_that_could_be_memos_are_notes(void **state)
{
	(void)state;
	static const struct {
		const char *script, *says; // NULL: no note
	} cases[] = {
	    {"6a076f75743a61623a", "out:ab:"},
	    {"6a4c076f75743a61623a", "out:ab:"},
	    {"6a4d07006f75743a61623a", "out:ab:"},
	    {"6a4e070000006f75743a61623a", "out:ab:"},
	    {"6a046f75743a0361623a", "out:ab:"},   // two pushes
	    {"6a00046f75743a0361623a", "out:ab:"}, // OP_0 pushes nothing
	    {"6a0a636f6e736f6c69646174", NULL},    // cut word
	    {"6a0b636f6e736f6c6964617465", "consolidate"},
	    {"6a086f75743a61623a", NULL}, // breaks off
	    {"6a4c", NULL},
	    {"6a4d07", NULL},
	    {"6a4effffffff6f75743a61623a", NULL},
	    {"6a51046f75743a", NULL}, // another operation
	    {"6a", NULL},
	    {"076f75743a61623a", NULL}, // no OP_RETURN
	    {"6a0568656c6c6f", NULL},   // no memo
	    {"6a24aa21a9ed", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		static mk_block b;
		static mk_bytes m;
		fixture f = {0};
		start(&b);
		mk_in in = {coin_a, 1};
		mk_out out[3] = {{1, NULL}, {0, cases[i].script}, {2, NULL}};
		mk_spend(&b, &in, 1, out, 3);
		mk_finish(&m, ignored, &b);
		assert_int_equal(decode(&f, m.b, m.n), DP_OK);
		assert_int_equal(f.block->note_count, cases[i].says != NULL);
		if (cases[i].says != NULL) {
			const dp_note *n = f.block->note;
			assert_int_equal(n->kind, DP_NOTE_OUTPUT);
			assert_int_equal(n->tx, 1);
			assert_int_equal(n->at, 1);
			assert_int_equal(n->data_size, strlen(cases[i].says));
			assert_int_equal(n->full_size, n->data_size);
			assert_memory_equal(dp_note_data(f.block, n), cases[i].says, n->data_size);
		}
		done(&f);
	}
}

// Eight transactions that hang on one another and stand backwards; each says its own number, some
// nothing, some twice. `b` has them in the right order.
static void make_talkers(mk_block *b, mk_bytes *m)
{
	static mk_block mixed;
	char script[40];
	start(b);
	for (uint32_t i = 1; i < 9; i++) {
		mk_in in = {i == 1 ? coin_a : b->tx[i - 1].txid, 0};
		(void)snprintf(script, sizeof script, "6a056f75743a3%u", i);
		mk_out out[3] = {{1, NULL}, {0, script}, {0, script}};
		mk_spend(b, &in, 1, out, i % 4 == 0 ? 1 : i % 4);
	}
	mixed = *b;
	for (uint32_t i = 1; i < 9; i++) mixed.tx[i] = b->tx[9 - i];
	mk_finish(m, ignored, &mixed);
}

static void notes_move_with_their_transactions(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m;
	fixture f = {0};
	make_talkers(&b, &m);
	for (int round = 0; round < 3; round++) { // the arrays change places each time
		assert_int_equal(decode_on(&f, "bitcoin-cash", m.b, m.n), DP_OK);
		assert_non_null(dp_bitcoin_order(&f.decoder));
		uint32_t seen = 0;
		for (uint32_t i = 0; i < 9; i++) {
			uint32_t first, count;
			dp_block_notes(f.block, &first, &count, i);
			assert_memory_equal(f.block->tx[i].id, b.tx[i].txid, 32);
			assert_int_equal(count, i % 4 > 1 ? i % 4 - 1 : 0);
			for (uint32_t k = 0; k < count; k++) {
				const dp_note *n = &f.block->note[first + k];
				assert_int_equal(dp_note_data(f.block, n)[4], '0' + i);
				assert_int_equal(n->at, k + 1);
			}
			seen += count;
		}
		assert_int_equal(seen, f.block->note_count);
		assert_int_equal(seen, 6);
	}
	done(&f);
}

static void running_out_of_memory_while_notes_move_loses_nothing(void **state)
{
	(void)state;
	static mk_block b;
	static mk_bytes m;
	make_talkers(&b, &m);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		fixture f = {0};
		dp_mem_fail_after(n);
		dp_code code = decode_on(&f, "bitcoin-cash", m.b, m.n);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		done(&f);
		assert_true(dp_mem_live() == live);
		if (code == DP_OK) break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_block_of_all_decodes),
	    cmocka_unit_test(the_first_payment_has_its_txid_and_coins),
	    cmocka_unit_test(blocks_of_every_age_verify),
	    cmocka_unit_test(a_block_without_witness_verifies),
	    cmocka_unit_test(every_transaction_is_found_by_its_id),
	    cmocka_unit_test(a_block_cut_anywhere_is_refused),
	    cmocka_unit_test(no_flipped_bit_goes_unnoticed),
	    cmocka_unit_test(a_made_block_is_right_to_begin_with),
	    cmocka_unit_test(a_wrong_merkle_root_is_refused),
	    cmocka_unit_test(repeated_transactions_are_refused),
	    cmocka_unit_test(a_coin_spent_twice_in_a_block_is_refused),
	    cmocka_unit_test(amounts_beyond_all_money_are_refused),
	    cmocka_unit_test(coinbases_out_of_place_are_refused),
	    cmocka_unit_test(transactions_without_inputs_or_outputs_are_refused),
	    cmocka_unit_test(counts_beyond_the_bytes_are_refused),
	    cmocka_unit_test(longer_forms_of_a_count_are_refused),
	    cmocka_unit_test(bytes_after_the_block_are_refused),
	    cmocka_unit_test(witnesses_are_held_against_their_commitment),
	    cmocka_unit_test(work_is_that_of_the_target_when_it_was_met),
	    cmocka_unit_test(a_height_is_read_in_every_form_of_push),
	    cmocka_unit_test(a_litecoin_block_with_a_mimblewimble_part_decodes),
	    cmocka_unit_test(a_dogecoin_block_with_a_merge_mining_proof_decodes),
	    cmocka_unit_test(merge_mining_proofs_may_have_every_form),
	    cmocka_unit_test(a_hogex_is_known_by_its_flag_and_its_place),
	    cmocka_unit_test(the_first_hogex_spends_nothing),
	    cmocka_unit_test(bitcoin_cash_may_have_transactions_in_any_order),
	    cmocka_unit_test(putting_in_order_is_stable),
	    cmocka_unit_test(running_out_of_memory_while_ordering_loses_nothing),
	    cmocka_unit_test(tokens_are_no_part_of_an_outputs_script),
	    cmocka_unit_test(chains_without_witnesses_refuse_them),
	    cmocka_unit_test(amounts_and_sizes_have_each_chains_bounds),
	    cmocka_unit_test(claimed_work_is_believed_where_the_hash_is_another),
	    cmocka_unit_test(a_failed_allocation_is_told_and_nothing_is_lost),
	    cmocka_unit_test(outputs_that_could_be_memos_are_notes),
	    cmocka_unit_test(notes_move_with_their_transactions),
	    cmocka_unit_test(running_out_of_memory_while_notes_move_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static dp_code decode(fixture *f, const uint8_t *bytes, size_t size)
{
	const dp_chain *chain = dp_chain_find("bitcoin", 7);
	assert_non_null(chain);
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

static void done(fixture *f)
{
	dp_bitcoin_decoder_done(&f->decoder);
	dp_builder_done(&f->builder);
}

static void assert_hash(const uint8_t hash[32], const char *printed)
{
	assert_memory_equal(hash, mk_txid_of(printed), 32);
}

static void assert_refused(fixture *f, const mk_bytes *m, const char *why)
{
	assert_int_equal(decode(f, m->b, m->n), DP_BAD_BYTES);
	if (strstr(f->fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f->fault.text, why);
	assert_true(f->fault.has_offset);
	assert_true(f->fault.offset <= m->n);
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
		assert_true(dp_bitcoin_height(&height, b, n));
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

static void the_subsidy_halves(void **state)
{
	(void)state;
	assert_int_equal(dp_bitcoin_subsidy(0), 5000000000);
	assert_int_equal(dp_bitcoin_subsidy(209999), 5000000000);
	assert_int_equal(dp_bitcoin_subsidy(210000), 2500000000);
	assert_int_equal(dp_bitcoin_subsidy(866342), 312500000);
	assert_int_equal(dp_bitcoin_subsidy(6929999), 1);
	assert_int_equal(dp_bitcoin_subsidy(6930000), 0);
	assert_int_equal(dp_bitcoin_subsidy(UINT64_MAX), 0);
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
		assert_int_equal(dp_bitcoin_height(&height, m.b, m.n), known[i].is_known);
		assert_int_equal(height, known[i].is_known ? known[i].height : 77);
		for (size_t cut = 0; cut < m.n; cut++)
			assert_false(dp_bitcoin_height(&height, m.b, cut));
		m.b[0] = 1; // version 1 has no such rule
		assert_false(dp_bitcoin_height(&height, m.b, m.n));
	}
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
	    cmocka_unit_test(the_subsidy_halves),
	    cmocka_unit_test(a_height_is_read_in_every_form_of_push),
	    cmocka_unit_test(a_failed_allocation_is_told_and_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

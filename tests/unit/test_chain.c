// chain.h: the names and constants of every chain, held against what can be computed.
//
// A bip122 name is the beginning of the genesis block's hash, so the genesis headers are hashed
// here. Header fields: Bitcoin Core src/kernel/chainparams.cpp (mainnet, testnet3, signet and
// regtest), btcsuite/btcd chaincfg/genesis.go for simnet, BIP 94 for testnet4,
// litecoin-project/litecoin src/chainparams.cpp, and Dogecoin's time 1386325540, nonce 99943, bits
// 0x1e0ffff0 and merkle root 5b2a3f53f605d62c... Litecoin and Dogecoin mine with scrypt, but name
// their blocks by SHA-256d. Signet's magic is the beginning of SHA-256d over its challenge script
// with its length before it. Subsidies: Bitcoin Core src/validation.cpp, dogecoin/dogecoin
// src/dogecoin.cpp.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chain/chain.h"
#include "codec/caip.h"
#include "codec/hash.h"
#include "codec/hex.h"

static const dp_chain *find(const char *text)
{
	return dp_chain_find(text, strlen(text));
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static void bip122_names_begin_with_the_genesis_hash(void **state)
{
	(void)state;
	static const char satoshi[] =
	    "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
	static const struct {
		const char *chain, *merkle; // the root as people print it
		uint32_t time, bits, nonce;
	} genesis[] = {
	    {"bitcoin", satoshi, 1231006505, 0x1d00ffff, 2083236893},
	    {"testnet3", satoshi, 1296688602, 0x1d00ffff, 414098458},
	    {"testnet4", "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e",
	     1714777860, 0x1d00ffff, 393743547},
	    {"signet", satoshi, 1598918400, 0x1e0377ae, 52613770},
	    {"regtest", satoshi, 1296688602, 0x207fffff, 2},
	    {"simnet", satoshi, 1401292357, 0x207fffff, 2},
	    {"litecoin", "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9",
	     1317972665, 0x1e0ffff0, 2084524493},
	    {"dogecoin", "5b2a3f53f605d62c53e62932dac6925e3d74afa5a4b459745c36d42d0ed26a69",
	     1386325540, 0x1e0ffff0, 99943},
	};
	for (size_t i = 0; i < sizeof genesis / sizeof genesis[0]; i++) {
		uint8_t header[80] = {1}, root[32], hash[32], shown[16];
		assert_true(dp_hex_decode(root, 32, genesis[i].merkle));
		for (size_t j = 0; j < 32; j++) header[36 + j] = root[31 - j];
		put_u32(header + 68, genesis[i].time);
		put_u32(header + 72, genesis[i].bits);
		put_u32(header + 76, genesis[i].nonce);
		dp_sha256d(hash, header, sizeof header);
		for (size_t j = 0; j < 16; j++) shown[j] = hash[31 - j];
		char name[40] = "bip122:";
		dp_hex_encode(name + 7, shown, 16);
		assert_string_equal(find(genesis[i].chain)->caip2, name);
	}
}

static void signets_magic_is_computed_from_its_challenge(void **state)
{
	(void)state;
	static const char challenge[] = "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f"
	                                "2d1e086be430210359ef5021964fe22d"
	                                "6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae";
	uint8_t bytes[72], hash[32];
	bytes[0] = 71;
	assert_int_equal(strlen(challenge), 142);
	assert_true(dp_hex_decode(bytes + 1, 71, challenge));
	dp_sha256d(hash, bytes, sizeof bytes);
	uint32_t magic = 0;
	for (int i = 3; i >= 0; i--) magic = magic << 8 | hash[i];
	assert_int_equal(find("signet")->magic, magic);
}

static void every_chain_is_found_by_both_names(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < dp_chain_count(); id++) {
		const dp_chain *c = dp_chain_at(id);
		dp_caip name;
		assert_int_equal(c->id, id);
		assert_ptr_equal(find(c->caip2), c);
		assert_ptr_equal(find(c->name), c);
		assert_true(dp_caip2_split(&name, c->caip2, strlen(c->caip2)));
		assert_true(c->native[0] != 0);
		if (c->kind == DP_CHAIN_ACCOUNT) assert_memory_equal(c->caip2, "eip155:", 7);
		if (c->kind == DP_CHAIN_UTXO) assert_memory_equal(c->caip2, "bip122:", 7);
	}
	assert_ptr_equal(find("Ethereum"), find("eip155:1"));
	assert_ptr_equal(find("BITCOIN"), find("bitcoin"));
	assert_ptr_equal(find("bip122:00000000001a91e3dace36e2be3bf030"), find("dogecoin"));
	assert_null(find("EIP155:1")); // CAIP-2 compares case-sensitively
	assert_null(find(""));
	assert_null(find("eip155:"));
	assert_null(find("ethereu"));
	assert_null(find("ethereum "));
}

static void the_magic_of_a_block_file_names_its_chain(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[4];
		const char *chain;
	} magics[] = {
	    {{0xf9, 0xbe, 0xb4, 0xd9}, "bitcoin"},  {{0x0b, 0x11, 0x09, 0x07}, "testnet3"},
	    {{0x1c, 0x16, 0x3f, 0x28}, "testnet4"}, {{0x0a, 0x03, 0xcf, 0x40}, "signet"},
	    {{0xfa, 0xbf, 0xb5, 0xda}, "regtest"},  {{0xfb, 0xc0, 0xb6, 0xdb}, "litecoin"},
	    {{0xc0, 0xc0, 0xc0, 0xc0}, "dogecoin"}, {{0x16, 0x1c, 0x14, 0x12}, "simnet"},
	};
	for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
		const uint8_t *b = magics[i].bytes;
		uint32_t magic = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
		                 (uint32_t)b[3] << 24;
		assert_ptr_equal(dp_chain_by_magic(magic), find(magics[i].chain));
	}
	assert_null(dp_chain_by_magic(0)); // which account chains have
	assert_null(dp_chain_by_magic(0x12345678));
	assert_true(dp_chain_same_magic(find("bitcoin"), find("bitcoin-cash")));
	assert_false(dp_chain_same_magic(find("bitcoin"), find("litecoin")));
	assert_false(dp_chain_same_magic(find("ethereum"), find("bsc"))); // they have none
}

static void every_utxo_chain_has_its_bounds(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < dp_chain_count(); id++) {
		const dp_chain *c = dp_chain_at(id);
		bool is_utxo = c->kind == DP_CHAIN_UTXO;
		assert_int_equal(c->block_size_max >= 4000000, is_utxo);
		assert_true(c->block_size_max <= DP_CHAIN_BLOCK_SIZE_MAX);
		assert_int_equal(c->money_max > 0, is_utxo);
		// Two amounts that are each allowed can be added without a wrap.
		assert_true(c->money_max <= UINT64_MAX / 2);
		if (is_utxo) assert_true(c->p2pkh != c->p2sh);
		if (!is_utxo) assert_true(c->hrp == NULL && c->cashaddr == NULL);
		// No subsidy in all of the chain's life passes what there can be.
		uint64_t most = is_utxo ? dp_chain_subsidy(c, 0) : 0;
		assert_true(most <= c->money_max);
	}
}

// BIP34Height of each chain's chainparams.cpp.
static void the_height_is_demanded_from_where_each_chain_says(void **state)
{
	(void)state;
	assert_int_equal(find("bitcoin")->bip34_height, 227931);
	assert_int_equal(find("bitcoin-cash")->bip34_height, 227931); // one chain until 2017
	assert_int_equal(find("testnet3")->bip34_height, 21111);
	assert_int_equal(find("litecoin")->bip34_height, 710000);
	assert_int_equal(find("dogecoin")->bip34_height, 1034383);
	assert_int_equal(find("regtest")->bip34_height, 0);
}

static void subsidies_fall_as_each_chain_says(void **state)
{
	(void)state;
	static const struct {
		const char *chain;
		uint64_t height, subsidy;
	} known[] = {
	    {"bitcoin", 0, 5000000000},
	    {"bitcoin", 209999, 5000000000},
	    {"bitcoin", 210000, 2500000000},
	    {"bitcoin", 866342, 312500000},
	    {"bitcoin", 6929999, 1},
	    {"bitcoin", 6930000, 0},
	    {"bitcoin", UINT64_MAX, 0},
	    {"regtest", 149, 5000000000},
	    {"regtest", 150, 2500000000},
	    {"regtest", 10000, 0},
	    {"litecoin", 839999, 5000000000},
	    {"litecoin", 840000, 2500000000},
	    {"litecoin", 2265985, 1250000000},
	    {"bitcoin-cash", 630000, 625000000},
	    {"dogecoin", 0, 100000000000000},
	    {"dogecoin", 99999, 100000000000000},
	    {"dogecoin", 100000, 50000000000000},
	    {"dogecoin", 144999, 50000000000000},
	    {"dogecoin", 145000, 25000000000000},
	    {"dogecoin", 200000, 12500000000000},
	    {"dogecoin", 371337, 6250000000000},
	    {"dogecoin", 599999, 1562500000000},
	    {"dogecoin", 600000, 1000000000000},
	    {"dogecoin", UINT64_MAX, 1000000000000},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		assert_true(dp_chain_subsidy(find(known[i].chain), known[i].height) ==
		            known[i].subsidy);
	// All of Bitcoin's coins: 20,999,999.9769 BTC.
	uint64_t all = 0;
	for (uint64_t h = 0; h < 6930000; h += 210000)
		all += 210000 * dp_chain_subsidy(find("bitcoin"), h);
	assert_int_equal(all, 2099999997690000);
	assert_true(all <= find("bitcoin")->money_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bip122_names_begin_with_the_genesis_hash),
	    cmocka_unit_test(signets_magic_is_computed_from_its_challenge),
	    cmocka_unit_test(every_chain_is_found_by_both_names),
	    cmocka_unit_test(the_magic_of_a_block_file_names_its_chain),
	    cmocka_unit_test(every_utxo_chain_has_its_bounds),
	    cmocka_unit_test(the_height_is_demanded_from_where_each_chain_says),
	    cmocka_unit_test(subsidies_fall_as_each_chain_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The table of chains, see chain.h.
//
// A CAIP-2 name in the namespace bip122 is the first 32 hex digits of the genesis block's hash
// (CAIP-4); for a chain that split off it is the hash of the first block of its own, which for
// Bitcoin Cash is block 478559. The tests hash the genesis headers and compare. In the namespace
// eip155 it is the chain id of EIP-155, as listed in ethereum-lists/chains.
//
// Sources of magic, base58 versions and human-readable part:
//   bitcoin, testnet3, signet, regtest   bitcoin/bitcoin src/kernel/chainparams.cpp @0083e01
//   testnet4                             the same file, later: magic 1c163f28, other values as
//                                        testnet3; genesis 00000000da84f2ba... (BIP 94)
//   litecoin                             litecoin-project/litecoin src/chainparams.cpp @17f16ce
//                                        (PUBKEY 48, SCRIPT 5, SCRIPT2 50; 5 is the old form, read
//                                        but no longer written)
//   dogecoin                             dogecoin/dogecoin src/chainparams.cpp: PUBKEY 30, SCRIPT
//                                        22, magic c0c0c0c0, genesis 1a91e3da...; no segregated
//                                        witness is active there
//   bitcoin-cash                         Bitcoin-ABC/bitcoin-abc src/kernel/chainparams.cpp
//                                        (diskMagic is Bitcoin's); fork block as in Electron Cash
//   simnet                               btcsuite/btcd chaincfg/params.go SimNetParams, wire SimNet
//   anvil                                the chain id that anvil and hardhat take by themselves
// The magic is the four bytes as they stand in a block file, read as a little-endian number.
//
// What a block may hold:
//   block_size_max   Bitcoin Core src/consensus/consensus.h MAX_BLOCK_SERIALIZED_SIZE 4,000,000;
//                    Dogecoin's file has the same. Litecoin adds the MimbleWimble part, which
//                    src/libmw/include/mw/consensus/Weight.h holds under 21,800,195 bytes. Bitcoin
//                    Cash had 32,000,000 from 2018; since May 2024 the limit follows use and at
//                    most doubles in a year (CHIP-2023-04 ABLA), so three years of doubling are
//                    allowed for, where the node's own end is 2,000,000,000 (bitcoin-cash-node
//                    src/consensus/consensus.h). Nobody's blocks have come near 32 MB since.
//   money_max        MAX_MONEY of each chain's amount.h. Dogecoin has no last coin: its figure
//                    bounds one transaction, not the supply.
//   halving_blocks   nSubsidyHalvingInterval of each chainparams.cpp
//   bip34_height     BIP34Height of the same. Regtest's was changed between versions of Core, so
//                    that none is demanded; Dogecoin's is that of its version 3, for version 2
//                    never bound it (comment beside the constant there).
//   any_order        Bitcoin Cash sorts transactions by id since 15 November 2018 (CTOR)
#include "chain/chain.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"

#define UTXO DP_CHAIN_UTXO
#define ACCOUNT DP_CHAIN_ACCOUNT
#define COIN UINT64_C(100000000)

enum { BITCOIN_BLOCK_SIZE_MAX = 4000000, LITECOIN_BLOCK_SIZE_MAX = 4000000 + 21800195 };
_Static_assert((int)LITECOIN_BLOCK_SIZE_MAX <= (int)DP_CHAIN_BLOCK_SIZE_MAX, "a bound of all");

static const dp_chain chains[] = {
    {.id = 0,
     .caip2 = "bip122:000000000019d6689c085ae165831e93",
     .name = "bitcoin",
     .kind = UTXO,
     .native = "BTC",
     .magic = 0xd9b4bef9,
     .p2pkh = 0x00,
     .p2sh = 0x05,
     .hrp = "bc",
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .halving_blocks = 210000,
     .bip34_height = 227931},
    {.id = 1,
     .caip2 = "bip122:000000000933ea01ad0ee984209779ba",
     .name = "testnet3",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0x0709110b,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "tb",
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .halving_blocks = 210000,
     .bip34_height = 21111},
    {.id = 2,
     .caip2 = "bip122:00000000da84f2bafbbc53dee25a72ae",
     .name = "testnet4",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0x283f161c,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "tb",
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .halving_blocks = 210000,
     .bip34_height = 1},
    {.id = 3,
     .caip2 = "bip122:00000008819873e925422c1ff0f99f7c",
     .name = "signet",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0x40cf030a,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "tb",
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .halving_blocks = 210000,
     .bip34_height = 1},
    {.id = 4,
     .caip2 = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328",
     .name = "regtest",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0xdab5bffa,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "bcrt",
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .halving_blocks = 150},
    {.id = 5,
     .caip2 = "bip122:12a765e31ffd4059bada1e25190f6e98",
     .name = "litecoin",
     .kind = UTXO,
     .native = "LTC",
     .magic = 0xdbb6c0fb,
     .p2pkh = 0x30,
     .p2sh = 0x32,
     .p2sh_old = 0x05,
     .hrp = "ltc",
     .block_size_max = LITECOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(84000000) * COIN,
     .has_mweb = true,
     .is_scrypt = true,
     .halving_blocks = 840000,
     .bip34_height = 710000},
    {.id = 6,
     .caip2 = "bip122:1a91e3dace36e2be3bf030a65679fe82",
     .name = "dogecoin",
     .kind = UTXO,
     .native = "DOGE",
     .magic = 0xc0c0c0c0,
     .p2pkh = 0x1e,
     .p2sh = 0x16,
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(10000000000) * COIN,
     .has_auxpow = true,
     .is_scrypt = true,
     .bip34_height = 1034383},
    {.id = 7,
     .caip2 = "bip122:000000000000000000651ef99cb9fcbe",
     .name = "bitcoin-cash",
     .kind = UTXO,
     .native = "BCH",
     .magic = 0xd9b4bef9,
     .p2pkh = 0x00,
     .p2sh = 0x05,
     .cashaddr = "bitcoincash",
     .block_size_max = DP_CHAIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .any_order = true,
     .halving_blocks = 210000,
     .bip34_height = 227931},
    {.id = 8, .caip2 = "eip155:1", .name = "ethereum", .kind = ACCOUNT, .native = "ETH"},
    {.id = 9, .caip2 = "eip155:56", .name = "bsc", .kind = ACCOUNT, .native = "BNB"},
    {.id = 10, .caip2 = "eip155:137", .name = "polygon", .kind = ACCOUNT, .native = "POL"},
    {.id = 11, .caip2 = "eip155:42161", .name = "arbitrum", .kind = ACCOUNT, .native = "ETH"},
    {.id = 12, .caip2 = "eip155:10", .name = "optimism", .kind = ACCOUNT, .native = "ETH"},
    {.id = 13, .caip2 = "eip155:8453", .name = "base", .kind = ACCOUNT, .native = "ETH"},
    {.id = 14, .caip2 = "eip155:43114", .name = "avalanche", .kind = ACCOUNT, .native = "AVAX"},
    {.id = 15, .caip2 = "eip155:11155111", .name = "sepolia", .kind = ACCOUNT, .native = "ETH"},
    {.id = 16, .caip2 = "eip155:31337", .name = "anvil", .kind = ACCOUNT, .native = "ETH"},
    {.id = 17,
     .caip2 = "bip122:683e86bd5c6d110d91b94b97137ba6bf",
     .name = "simnet",
     .kind = UTXO,
     .native = "sBTC",
     .magic = 0x12141c16,
     .p2pkh = 0x3f,
     .p2sh = 0x7b,
     .hrp = "sb",
     .block_size_max = BITCOIN_BLOCK_SIZE_MAX,
     .money_max = UINT64_C(21000000) * COIN,
     .halving_blocks = 210000},
};

enum { CHAIN_COUNT = sizeof chains / sizeof chains[0] };

const dp_chain *dp_chain_find(const char *text, size_t n)
{
	DP_CHECK(text != NULL || n == 0);
	for (size_t i = 0; i < CHAIN_COUNT; i++) {
		const dp_chain *c = &chains[i];
		// CAIP-2 compares case-sensitively; short names are for people.
		if (strlen(c->caip2) == n && memcmp(c->caip2, text, n) == 0) return c;
		if (strlen(c->name) == n && strncasecmp(c->name, text, n) == 0) return c;
	}
	// ShapeShift and KeepKey pad Dogecoin's genesis hash with ten zeros, which is no hash of
	// anything; files with that name exist, and it can mean nothing else.
	static const char doge_padded[] = "bip122:00000000001a91e3dace36e2be3bf030";
	if (n == sizeof doge_padded - 1 && memcmp(text, doge_padded, n) == 0)
		return dp_chain_find("dogecoin", 8);
	return NULL;
}

const dp_chain *dp_chain_at(uint16_t id)
{
	DP_CHECK(id < CHAIN_COUNT);
	DP_CHECK(chains[id].id == id);
	return &chains[id];
}

uint16_t dp_chain_count(void)
{
	return CHAIN_COUNT;
}

const dp_chain *dp_chain_by_magic(uint32_t magic)
{
	for (size_t i = 0; i < CHAIN_COUNT; i++)
		if (chains[i].kind == DP_CHAIN_UTXO && chains[i].magic == magic) return &chains[i];
	return NULL;
}

bool dp_chain_same_magic(const dp_chain *a, const dp_chain *b)
{
	DP_CHECK(a != NULL && b != NULL);
	return a->kind == DP_CHAIN_UTXO && b->kind == DP_CHAIN_UTXO && a->magic == b->magic;
}

// dogecoin/dogecoin src/dogecoin.cpp, GetDogecoinBlockSubsidy: before block 145,000 the reward is
// drawn by a Mersenne Twister seeded from the previous hash, 1 to 1,000,000 coins halved each
// 100,000 blocks; then 500,000 halved in the same way; from block 600,000 on 10,000 for ever.
static uint64_t dogecoin_subsidy(uint64_t height)
{
	uint64_t halvings = height / 100000;
	if (height < 145000) return UINT64_C(1000000) * COIN >> halvings;
	if (height < 600000) return UINT64_C(500000) * COIN >> halvings;
	return UINT64_C(10000) * COIN;
}

uint64_t dp_chain_subsidy(const dp_chain *chain, uint64_t height)
{
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	if (chain->halving_blocks == 0) return dogecoin_subsidy(height);
	uint64_t halvings = height / chain->halving_blocks;
	// A shift by 64 or more would mean nothing in C; the last satoshi goes at the 33rd halving.
	return halvings >= 64 ? 0 : 50 * COIN >> halvings;
}

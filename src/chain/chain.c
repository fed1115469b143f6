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
// The magic is the four bytes as they stand in a block file, read as a little-endian number.
#include "chain/chain.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"

#define UTXO DP_CHAIN_UTXO
#define ACCOUNT DP_CHAIN_ACCOUNT

static const dp_chain chains[] = {
    {.id = 0,
     .caip2 = "bip122:000000000019d6689c085ae165831e93",
     .name = "bitcoin",
     .kind = UTXO,
     .native = "BTC",
     .magic = 0xd9b4bef9,
     .p2pkh = 0x00,
     .p2sh = 0x05,
     .hrp = "bc"},
    {.id = 1,
     .caip2 = "bip122:000000000933ea01ad0ee984209779ba",
     .name = "testnet3",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0x0709110b,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "tb"},
    {.id = 2,
     .caip2 = "bip122:00000000da84f2bafbbc53dee25a72ae",
     .name = "testnet4",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0x283f161c,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "tb"},
    {.id = 3,
     .caip2 = "bip122:00000008819873e925422c1ff0f99f7c",
     .name = "signet",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0x40cf030a,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "tb"},
    {.id = 4,
     .caip2 = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328",
     .name = "regtest",
     .kind = UTXO,
     .native = "tBTC",
     .magic = 0xdab5bffa,
     .p2pkh = 0x6f,
     .p2sh = 0xc4,
     .hrp = "bcrt"},
    {.id = 5,
     .caip2 = "bip122:12a765e31ffd4059bada1e25190f6e98",
     .name = "litecoin",
     .kind = UTXO,
     .native = "LTC",
     .magic = 0xdbb6c0fb,
     .p2pkh = 0x30,
     .p2sh = 0x32,
     .p2sh_old = 0x05,
     .hrp = "ltc"},
    {.id = 6,
     .caip2 = "bip122:1a91e3dace36e2be3bf030a65679fe82",
     .name = "dogecoin",
     .kind = UTXO,
     .native = "DOGE",
     .magic = 0xc0c0c0c0,
     .p2pkh = 0x1e,
     .p2sh = 0x16},
    {.id = 7,
     .caip2 = "bip122:000000000000000000651ef99cb9fcbe",
     .name = "bitcoin-cash",
     .kind = UTXO,
     .native = "BCH",
     .magic = 0xd9b4bef9,
     .p2pkh = 0x00,
     .p2sh = 0x05},
    {.id = 8, .caip2 = "eip155:1", .name = "ethereum", .kind = ACCOUNT, .native = "ETH"},
    {.id = 9, .caip2 = "eip155:56", .name = "bsc", .kind = ACCOUNT, .native = "BNB"},
    {.id = 10, .caip2 = "eip155:137", .name = "polygon", .kind = ACCOUNT, .native = "POL"},
    {.id = 11, .caip2 = "eip155:42161", .name = "arbitrum", .kind = ACCOUNT, .native = "ETH"},
    {.id = 12, .caip2 = "eip155:10", .name = "optimism", .kind = ACCOUNT, .native = "ETH"},
    {.id = 13, .caip2 = "eip155:8453", .name = "base", .kind = ACCOUNT, .native = "ETH"},
    {.id = 14, .caip2 = "eip155:43114", .name = "avalanche", .kind = ACCOUNT, .native = "AVAX"},
    {.id = 15, .caip2 = "eip155:11155111", .name = "sepolia", .kind = ACCOUNT, .native = "ETH"},
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

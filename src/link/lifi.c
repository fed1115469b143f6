// Li.Fi, an aggregator: takes a token, perhaps swaps it, and hands it to a bridge. Its event says
// which bridge, the receiver and the other chain; it proves nothing about what comes out there.
//
//   user --> Li.Fi --> swap --> Li.Fi --> bridge      LiFiTransferStarted("across", .., to, 8453)
//                                                     FundsDeposited(..)   the bridge's own event
//
// For a bridge that is read here, the event is an ABOUT leg: leg.c adds what it says to the
// bridge's own leg. For any other bridge it is a way out without a key, into whoever took just that
// amount of that token from Li.Fi in this transaction: nothing will come out under a name we know,
// but the money has left, and what Li.Fi gives back as dust of the swap is not what was bought.
//
// The bridge's name is a text of whoever calls Li.Fi, and nobody checks it. So who took the money
// is kept beside a name that is read here as well: leg.c makes it a way out where the bridge that
// was named logged nothing.
//
// Receivers that are no EVM address are given as 0x11f111f1... and in another event: not stated.
//
// Read in: DefiLlama's adapters for Li.Fi (event, BridgeData, the Diamond's address, one on all our
// chains) and an adapter that counts by Li.Fi's names of bridges; names that it does not have
// (oftWrapper, polymercctp, portal, chainflip, maya) are unverified.
#include "link/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

// LiFiTransferStarted((bytes32,string,string,address,address,address,uint256,uint256,bool,bool))
static const uint8_t started[32] = {
    0xcb, 0xa6, 0x9f, 0x43, 0x79, 0x2f, 0x9f, 0x39, 0x93, 0x47, 0x22, 0x25, 0x05, 0x21, 0x3b, 0x55,
    0xaf, 0x8e, 0x0b, 0x0b, 0x54, 0xb8, 0x93, 0x08, 0x5c, 0x2e, 0x27, 0xec, 0xbe, 0x16, 0x44, 0xf1};

#define DIAMOND "0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE"
static const dp_log_place diamonds[] = {
    {"ethereum", DIAMOND, 0},  {"bsc", DIAMOND, 0},      {"polygon", DIAMOND, 0},
    {"arbitrum", DIAMOND, 0},  {"optimism", DIAMOND, 0}, {"base", DIAMOND, 0},
    {"avalanche", DIAMOND, 0},
};
enum { DIAMOND_COUNT = sizeof diamonds / sizeof *diamonds };

// Li.Fi's names of bridges, as they begin: versions are counted at their end ("acrossV4"). The
// first that fits counts. `is_whole`: nothing may follow.
static const struct {
	const char *name;
	bool is_whole;
	const char *protocol;
} bridges[] = {
    {"across", false, "across"},       {"stargateV2", false, "layerzero"},
    {"stargate", true, "stargate1"},   {"oftWrapper", true, "layerzero"},
    {"cbridge", false, "cbridge"},     {"celerim", false, "cbridge"},
    {"celercircle", false, "cctp"},    {"circle", true, "cctp"},
    {"polymercctp", false, "cctp2"},   {"debridge", false, "debridge"},
    {"thorswap", false, "thorchain"},  {"thorchain", false, "thorchain"},
    {"chainflip", false, "chainflip"}, {"wormhole", true, "wormhole"},
    {"portal", true, "wormhole"},      {"maya", true, "maya"},
};
enum { BRIDGE_COUNT = sizeof bridges / sizeof *bridges };

static const char not_ours[] = "not Li.Fi's contract";
static const char bad_data[] = "its data are not the event's";
static const char no_bridge[] = "a bridge that is not read here, and nobody took that amount";

typedef struct started_event {
	const uint8_t *bridge, *token, *to;
	size_t bridge_size;
	dp_u256 amount;
	uint64_t chain;
	uint8_t id[32];
} started_event;

static bool read_started(started_event *ret_event, const dp_block *b, uint32_t n)
{
	size_t size, seen;
	started_event e = {0};
	// Both texts are the caller's, at any length; of the bridge's name the beginning counts.
	dp_abi a = dp_log_data_cut(b, n, 1, 1);
	dp_abi t = dp_abi_tuple(&a, 10);
	const uint8_t *id = dp_abi_word(&t);
	e.bridge = dp_abi_bytes_cut(&t, &size, &e.bridge_size);
	(void)dp_abi_bytes_cut(&t, &size, &seen); // integrator
	(void)dp_abi_address(&t);                 // referrer
	e.token = dp_abi_address(&t);
	e.to = dp_abi_address(&t);
	e.amount = dp_abi_u256(&t);
	e.chain = dp_abi_u64(&t);
	(void)dp_abi_bool(&t); // swaps before
	(void)dp_abi_bool(&t); // calls behind
	dp_abi_end(&a, &t);
	if (!dp_abi_ok(&a)) return false;
	memcpy(e.id, id, 32);
	*ret_event = e;
	return true;
}

static const char *protocol_of(const started_event *e)
{
	for (size_t i = 0; i < BRIDGE_COUNT; i++) {
		size_t size = strlen(bridges[i].name);
		if (e->bridge_size < size || (bridges[i].is_whole && e->bridge_size != size))
			continue;
		if (strncasecmp((const char *)e->bridge, bridges[i].name, size) == 0)
			return bridges[i].protocol;
	}
	return NULL;
}

// Who took just that much of it from Li.Fi.
static bool find_taker(dp_addr *ret_taker, const dp_block *b, uint32_t n, const dp_leg *leg)
{
	const dp_tx *tx = &b->tx[b->note[n].tx];
	dp_addr self = dp_link_addr(b->note[n].place);
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		if (mv->asset.v == 0 || mv->asset.v != leg->asset.v || mv->kind == DP_MV_FEE)
			continue;
		if ((mv->flags & DP_MVF_FAILED) != 0 || !dp_addr_eq(&mv->from, &self)) continue;
		if (!dp_u256_eq(mv->amount, leg->amount)) continue;
		*ret_taker = mv->to; // kind NONE: burnt
		return true;
	}
	return false;
}

static void fill_text(dp_leg *leg, const started_event *e)
{
	int size = e->bridge_size < 40 ? (int)e->bridge_size : 40;
	char name[41] = "";
	// It is shown to people: nothing but plain letters, digits and signs.
	for (int i = 0; i < size; i++)
		name[i] = e->bridge[i] >= 0x20 && e->bridge[i] < 0x7f ? (char)e->bridge[i] : '?';
	(void)snprintf(leg->text, sizeof leg->text, "Li.Fi by %s", name);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	static const uint8_t elsewhere[4] = {0x11, 0xf1, 0x11, 0xf1};
	const dp_protocol *self = &dp_protocol_lifi;
	if (!dp_log_is(b, n, started)) return 0;
	if (dp_log_at(diamonds, DIAMOND_COUNT, b->chain, b->note[n].place) == NULL)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_ABOUT, not_ours);
	started_event e;
	if (!read_started(&e, b, n)) return dp_log_refuse(ret_leg, self, n, DP_LEG_ABOUT, bad_data);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_ABOUT);
	leg.about = protocol_of(&e);
	leg.asset = dp_link_asset(b->chain, e.token);
	leg.amount = e.amount;
	if (memcmp(e.to, elsewhere, sizeof elsewhere) != 0) leg.to = dp_link_addr(e.to);
	leg.other = dp_link_evm_chain(e.chain);
	leg.other_number = e.chain;
	memcpy(leg.ref, e.id, 32);
	leg.ref_size = 32;
	fill_text(&leg, &e);
	leg.place_count = find_taker(&leg.place[0], b, n, &leg) ? 1 : 0;
	if (leg.about == NULL) {
		leg.side = DP_LEG_OUT;
		if (leg.place_count == 0)
			return dp_log_refuse(ret_leg, self, n, DP_LEG_ABOUT, no_bridge);
	}
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

const dp_protocol dp_protocol_lifi = {
    .name = "lifi",
    .title = "Li.Fi",
    .proves = "nothing by itself: names receiver, chain and bridge, whose own key then counts",
    .data = "LiFiTransferStarted: Ethereum, BSC, Polygon, Arbitrum, Optimism, Base, Avalanche",
    .source = "DefiLlama's adapters for Li.Fi",
    .is_deterministic = false,
    .decode = decode,
};

// Wormhole's token bridge (Portal): tokens are locked on their own chain, or burnt where they are
// wrapped, and come out of the token bridge of another chain.
//
//   out  core         LogMessagePublished(token bridge, sequence, .., payload, ..)
//   in   token bridge TransferRedeemed(chain, that chain's token bridge, sequence)
//
// The key is (chain, emitter, sequence), which both sides log. The core carries messages of
// everybody: only those whose sender is the token bridge are transfers, and of those payload 1
// (transfer) and 3 (transfer with a message for a contract). The payload is packed:
//
//   id 1 | amount 32 | token 32 | token's chain 2 | to 32 | to chain 2 | fee or sender 32 | ...
//
// Amounts in it have at most eight decimals (Bridge.sol, normalizeAmount); what is lost by that
// stays with the sender. The redeeming event has no amount and no receiver: they are read off the
// movement that the token bridge makes in the same transaction. Of several redemptions in one, each
// has the payment of its own place in the row; where there are not as many of both, the leg is
// refused.
//
// Read in: wormhole-foundation/wormhole, sdk/js/src/utils/consts.ts @005c649 (contracts and chain
// numbers); the watcher of its dashboard (both topics, with the files that define the events). From
// memory, unverified: the packed payloads (BridgeStructs.sol) and the eight decimals (Bridge.sol).
#include "link/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

// LogMessagePublished(address,uint64,uint32,bytes,uint8)
static const uint8_t published[32] = {
    0x6e, 0xb2, 0x24, 0xfb, 0x00, 0x1e, 0xd2, 0x10, 0xe3, 0x79, 0xb3, 0x35, 0xe3, 0x5e, 0xfe, 0x88,
    0x67, 0x2a, 0x8c, 0xe9, 0x35, 0xd9, 0x81, 0xa6, 0x89, 0x6b, 0x27, 0xff, 0xdf, 0x52, 0xa3, 0xb2};
// TransferRedeemed(uint16,bytes32,uint64)
static const uint8_t redeemed[32] = {
    0xca, 0xf2, 0x80, 0xc8, 0xcf, 0xeb, 0xa1, 0x44, 0xda, 0x67, 0x23, 0x0d, 0x9b, 0x00, 0x9c, 0x8f,
    0x86, 0x8a, 0x75, 0xba, 0xc9, 0xa5, 0x28, 0xfa, 0x04, 0x74, 0xbe, 0x1b, 0xa3, 0x17, 0xc1, 0x69};

enum { CORE = 1, BRIDGE };
static const dp_log_place contracts[] = {
    {"ethereum", "0x98f3c9e6E3fAce36bAAd05FE09d375Ef1464288B", CORE},
    {"ethereum", "0x3ee18B2214AFF97000D974cf647E7C347E8fa585", BRIDGE},
    {"bsc", "0x98f3c9e6E3fAce36bAAd05FE09d375Ef1464288B", CORE},
    {"bsc", "0xB6F6D86a8f9879A9c87f643768d9efc38c1Da6E7", BRIDGE},
    {"polygon", "0x7A4B5a56256163F07b2C80A7cA55aBE66c4ec4d7", CORE},
    {"polygon", "0x5a58505a96D1dbf8dF91cB21B54419FC36e93fdE", BRIDGE},
    {"avalanche", "0x54a8e5f9c4CbA08F9943965859F6c34eAF03E26c", CORE},
    {"avalanche", "0x0e082F06FF657D94310cB8cE8B0D9a04541d8052", BRIDGE},
    {"arbitrum", "0xa5f208e072434bC67592E4C49C1B991BA79BCA46", CORE},
    {"arbitrum", "0x0b2402144Bb366A632D14B83F244D2e0e21bD39c", BRIDGE},
    {"optimism", "0xEe91C335eab126dF5fDB3797EA9d6aD93aeC9722", CORE},
    {"optimism", "0x1D68124e65faFC907325e3EDbF8c4d84499DAa8b", BRIDGE},
    {"base", "0xbebdb6C8ddC678FfA9f8748f85C815C556Dd8ac6", CORE},
    {"base", "0x8d2de8d2f73F1F4cAB472AC9A881C9b123C79627", BRIDGE},
};
enum { CONTRACT_COUNT = sizeof contracts / sizeof *contracts };

static const dp_log_number chains[] = {
    {2, "ethereum"},  {4, "bsc"},       {5, "polygon"}, {6, "avalanche"},
    {23, "arbitrum"}, {24, "optimism"}, {30, "base"},
};
enum { CHAIN_COUNT = sizeof chains / sizeof *chains };

enum { PAYLOAD_TRANSFER = 1, PAYLOAD_WITH_MESSAGE = 3, PAYLOAD_MIN = 133, DECIMALS_MAX = 8 };

static const char not_core[] = "not Wormhole's core contract";
static const char not_bridge[] = "not one of Wormhole's token bridges";
static const char bad_data[] = "its data are not the event's";
static const char bad_payload[] = "its payload is no transfer";
static const char bad_sender[] = "its emitter is not that chain's token bridge";
static const char no_movement[] = "no movement out of the token bridge goes with it for certain";

static bool is_contract(const dp_chain *chain, const uint8_t contract[20], uint32_t role)
{
	const dp_log_place *p = dp_log_at(contracts, CONTRACT_COUNT, chain, contract);
	return p != NULL && p->role == role;
}

static void make_key(dp_leg *leg, uint64_t chain, const uint8_t emitter[32], uint64_t sequence)
{
	uint8_t bytes[42];
	bytes[0] = (uint8_t)(chain >> 8);
	bytes[1] = (uint8_t)chain;
	memcpy(bytes + 2, emitter, 32);
	for (int i = 0; i < 8; i++) bytes[34 + i] = (uint8_t)(sequence >> (56 - 8 * i));
	dp_link_key(leg->key, "wormhole", bytes, sizeof bytes);
	leg->has_key = true;
	if (leg->text[0] == '\0')
		(void)snprintf(leg->text, sizeof leg->text,
		               "sequence %" PRIu64 " of chain %" PRIu64, sequence, chain);
}

//- out -------------------------------------------------------------------------------------------

// Base units out of the payload's at most eight decimals; false when there is no room for them.
static bool to_local(dp_u256 *io_amount, dp_asset asset)
{
	if (asset.v == 0) return true;
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	for (uint32_t i = DECIMALS_MAX; i < decimals; i++)
		if (dp_u256_mul_over(io_amount, *io_amount, dp_u256_of(10))) return false;
	return true;
}

// The token's own chain is this one: its contract stands in the payload. Else it is a wrapped copy
// whose address the payload does not have: what was burnt in this transaction says it, when it is
// on the list.
static dp_asset asset_of(const dp_block *b, uint32_t n, const uint8_t *p, uint64_t here)
{
	if ((uint64_t)(p[65] << 8 | p[66]) == here) {
		dp_addr token = dp_log_addr(p + 33);
		return token.kind == DP_ADDR_NONE ? DP_ASSET_NONE
		                                  : dp_link_asset(b->chain, token.bytes);
	}
	const dp_tx *tx = &b->tx[b->note[n].tx];
	dp_u256 normal = dp_u256_from_be(p + 1, 32);
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		dp_u256 amount = normal;
		if (mv->kind == DP_MV_TOKEN && mv->to.kind == DP_ADDR_NONE && mv->asset.v != 0 &&
		    to_local(&amount, mv->asset) && dp_u256_eq(amount, mv->amount))
			return mv->asset;
	}
	return DP_ASSET_NONE;
}

static uint32_t decode_published(dp_leg *ret_leg, const dp_block *b, uint32_t n)
{
	const dp_protocol *self = &dp_protocol_wormhole;
	size_t size, seen;
	uint64_t here;
	uint8_t sender[20];
	if (!is_contract(b->chain, b->note[n].place, CORE))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, not_core);
	dp_abi a = dp_log_data_cut(b, n, 2, 4);
	uint64_t sequence = dp_abi_u64(&a);
	(void)dp_abi_u32(&a);
	// Behind a transfer with a message stands what its sender likes, at any length.
	const uint8_t *p = dp_abi_bytes_cut(&a, &size, &seen);
	(void)dp_abi_u64(&a); // how final it must be
	// Messages of other contracts are nobody's business here, whole or not.
	if (b->note[n].topic_count < 2 || !dp_abi_word_address(sender, b->note[n].topic[1]) ||
	    !is_contract(b->chain, sender, BRIDGE))
		return 0;
	if (!dp_abi_ok(&a)) return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	// The bridge also attests tokens (2) and is governed by messages.
	if (seen < 1 || (p[0] != PAYLOAD_TRANSFER && p[0] != PAYLOAD_WITH_MESSAGE)) return 0;
	if (seen < PAYLOAD_MIN || (p[0] == PAYLOAD_TRANSFER && size != PAYLOAD_MIN))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_payload);
	DP_CHECK(dp_log_number_of(&here, chains, CHAIN_COUNT, b->chain));
	dp_leg leg = dp_log_leg(self, n, DP_LEG_OUT);
	leg.asset = asset_of(b, n, p, here);
	leg.amount = dp_u256_from_be(p + 1, 32);
	leg.least = leg.amount;
	if (!to_local(&leg.amount, leg.asset))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_payload);
	leg.place[0] = dp_link_addr(sender);
	leg.place_count = 2; // kind NONE: a wrapped token is burnt
	dp_log_to(&leg, p + 67);
	leg.other_number = (uint64_t)(p[99] << 8 | p[100]);
	leg.other = dp_log_chain(chains, CHAIN_COUNT, leg.other_number);
	// A relayer's fee is taken out of it on the other side.
	dp_u256 fee = p[0] == PAYLOAD_TRANSFER ? dp_u256_from_be(p + 101, 32) : DP_U256_ZERO;
	leg.has_least = leg.asset.v != 0 && !dp_u256_sub_over(&leg.least, leg.least, fee);
	if (leg.has_least) {
		uint32_t decimals = dp_asset_info_of(leg.asset)->decimals;
		leg.least_decimals = (uint8_t)(decimals < DECIMALS_MAX ? decimals : DECIMALS_MAX);
	}
	make_key(&leg, here, b->note[n].topic[1], sequence);
	dp_log_coins(&leg, b, n);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

//- in --------------------------------------------------------------------------------------------

// Is this movement a payment out of the token bridge (is_minted: out of nothing)?
static bool is_payment(const dp_movement *mv, const dp_addr *bridge, bool is_minted)
{
	if (mv->asset.v == 0 || (mv->flags & DP_MVF_FAILED) != 0) return false;
	if (mv->kind == DP_MV_FEE || mv->kind == DP_MV_REWARD) return false;
	if (mv->to.kind == DP_ADDR_NONE || dp_addr_eq(&mv->to, bridge)) return false;
	if (is_minted) return mv->kind == DP_MV_TOKEN && mv->from.kind == DP_ADDR_NONE;
	return dp_addr_eq(&mv->from, bridge);
}

typedef struct payments {
	const dp_movement *largest, *wanted;
	uint32_t count;
	bool is_mixed; // several assets
	bool is_split; // coins and tokens: their order among each other is not known
} payments;

// What the bridge pays in this transaction, and which of it is the `nth`. Where it pays out of its
// own, what else is minted there is somebody else's (`both`: either counts).
static payments find_payments(const dp_block *b, uint32_t n, uint32_t nth, bool both)
{
	payments p = {0};
	const dp_tx *tx = &b->tx[b->note[n].tx];
	dp_addr bridge = dp_link_addr(b->note[n].place);
	bool has_own = false;
	for (uint32_t i = 0; i < tx->mv_count; i++)
		has_own |= is_payment(&b->mv[tx->mv_first + i], &bridge, false);
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		bool own = is_payment(mv, &bridge, false);
		bool minted = (both || !has_own) && is_payment(mv, &bridge, true);
		if (!own && !minted) continue;
		if (p.largest != NULL) {
			p.is_mixed |= p.largest->asset.v != mv->asset.v;
			p.is_split |= (p.largest->kind == DP_MV_TOKEN) != (mv->kind == DP_MV_TOKEN);
		}
		if (p.largest == NULL || dp_u256_lt(p.largest->amount, mv->amount)) p.largest = mv;
		if (p.count++ == nth) p.wanted = mv;
	}
	return p;
}

// The payment of the redemption that note n tells of. One alone in its transaction: what leaves the
// bridge, of two (a relayer has his share) the larger. Several: the bridge pays each before the
// next is redeemed, so the n-th payment belongs to the n-th redemption when there are as many.
static bool find_payment(const dp_movement **ret_mv, const dp_block *b, uint32_t n)
{
	uint32_t first, count, redemptions = 0, nth = 0;
	dp_block_notes(b, &first, &count, b->note[n].tx);
	for (uint32_t i = first; i < first + count; i++) {
		if (!dp_log_is(b, i, redeemed) ||
		    memcmp(b->note[i].place, b->note[n].place, 20) != 0)
			continue;
		if (i == n) nth = redemptions;
		redemptions++;
	}
	payments p = find_payments(b, n, nth, false);
	if (redemptions == 1) {
		*ret_mv = p.largest;
		return !p.is_mixed && (p.count == 1 || p.count == 2);
	}
	if (p.count != redemptions) p = find_payments(b, n, nth, true);
	*ret_mv = p.wanted;
	return p.count == redemptions && !p.is_split;
}

static uint32_t decode_redeemed(dp_leg *ret_leg, const dp_block *b, uint32_t n)
{
	const dp_protocol *self = &dp_protocol_wormhole;
	const dp_movement *mv = NULL;
	uint64_t chain, sequence;
	const dp_note *note = &b->note[n];
	if (!is_contract(b->chain, note->place, BRIDGE))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, not_bridge);
	dp_abi a = dp_log_data(b, n, 4, 0);
	if (!dp_abi_ok(&a) || !dp_abi_word_u64(&chain, note->topic[1]) || chain > UINT16_MAX ||
	    !dp_abi_word_u64(&sequence, note->topic[3]))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.other = dp_log_chain(chains, CHAIN_COUNT, chain);
	leg.other_number = chain;
	uint8_t emitter[20];
	if (leg.other != NULL && (!dp_abi_word_address(emitter, note->topic[2]) ||
	                          !is_contract(leg.other, emitter, BRIDGE)))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_sender);
	if (!find_payment(&mv, b, n) || mv == NULL)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, no_movement);
	leg.asset = mv->asset;
	leg.amount = mv->amount;
	leg.to = mv->to;
	leg.place[0] = mv->from; // kind NONE: minted
	leg.place_count = 1;
	make_key(&leg, chain, note->topic[2], sequence);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	if (dp_log_is(b, n, published)) return decode_published(ret_leg, b, n);
	return dp_log_is(b, n, redeemed) ? decode_redeemed(ret_leg, b, n) : 0;
}

const dp_protocol dp_protocol_wormhole = {
    .name = "wormhole",
    .title = "Wormhole token bridge (Portal)",
    .proves = "chain, emitter and sequence of the message, which both sides log",
    .data = "LogMessagePublished with payload 1 or 3; TransferRedeemed: Ethereum, BSC, Polygon, "
            "Avalanche, Arbitrum, Optimism, Base",
    .source = "wormhole-foundation/wormhole, sdk/js/src/utils/consts.ts and its dashboard",
    .is_deterministic = true,
    .decode = decode,
};

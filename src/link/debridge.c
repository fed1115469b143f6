// deBridge DLN: an order is made on one chain, and a taker fulfils it on another.
//
//   out  DlnSource       CreatedOrder(order, id, affiliate fee, .., percent fee, ..)
//   in   DlnDestination  FulfilledOrder(order, id, [paid,] taker, ..)
//   back DlnSource       ClaimedOrderCancel(id, beneficiary, amount, token)
//
// The key is the order's id, the hash of the order, which both contracts compute themselves. The
// taker pays with his own money: whoever pays is right. The order's giveAmount is what is left of
// what was given after the percent fee and the affiliate's (DlnSource.sol: `_order.giveAmount -=
// percentFee + affiliateAmount`), so both are added again: all of it goes in. The affiliate's fee
// is packed: address 20, amount 32. The fixed fee is in coins and not part of it; where coins
// are given, it goes in with them.
//
// Since February 2026 FulfilledOrder has the amount paid as a word more. Before it, the order's
// takeAmount is what was paid, unless the taker was allowed less by a patch.
//
// An order that nobody has filled is cancelled over there by whom the order names for it, who also
// says who gets what was given: anybody, so that the order does not tell. CreatedOrder had no
// metadata until September 2023.
//
// Addresses are bytes of any length, 20 on EVM chains: others go into the leg's text. Chain numbers
// are EIP-155's; ledgers without one have numbers of deBridge's own (7565164 is Solana).
//
// Read in: copies of DlnSource.sol (fees); l2beat, interop/plugins/debridge-dln.ts @116d214 (the
// order and both events); DefiLlama/bridges-server, adapters/debridgedln @22fec05 (addresses, one
// on all EVM chains, and the form of 2026).
#include "link/log.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

// CreatedOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,bytes,bytes,
//     bytes,bytes,bytes),bytes32,bytes,uint256,uint256,uint32,bytes)
static const uint8_t created[32] = {
    0xfc, 0x87, 0x03, 0xfd, 0x57, 0x38, 0x0f, 0x9d, 0xd2, 0x34, 0xa8, 0x9d, 0xce, 0x51, 0x33, 0x37,
    0x82, 0xd4, 0x9c, 0x59, 0x02, 0xf3, 0x07, 0xb0, 0x2f, 0x03, 0xe0, 0x14, 0xd1, 0x8f, 0xe4, 0x71};
// FulfilledOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,bytes,bytes,
//     bytes,bytes,bytes),bytes32,address,address)
static const uint8_t fulfilled[32] = {
    0xd2, 0x81, 0xee, 0x92, 0xba, 0xb1, 0x44, 0x60, 0x41, 0x58, 0x24, 0x80, 0xd2, 0xc0, 0xa9, 0xdc,
    0x91, 0xf8, 0x55, 0x38, 0x6b, 0xb2, 0x7e, 0xa2, 0x95, 0xfa, 0xac, 0x1e, 0x99, 0x2f, 0x7f, 0xe4};
// FulfilledOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,bytes,bytes,
//     bytes,bytes,bytes),bytes32,uint256,address,address)
static const uint8_t fulfilled_paid[32] = {
    0xc1, 0x64, 0xac, 0xa3, 0x7b, 0x98, 0x05, 0xa1, 0xc9, 0x02, 0x7b, 0x6f, 0x32, 0x26, 0x0a, 0x06,
    0x97, 0x23, 0xa8, 0x29, 0x26, 0xf6, 0xe9, 0xec, 0xe4, 0x92, 0x6e, 0x4d, 0xd3, 0xea, 0x8e, 0xcf};

// CreatedOrder as it was without the metadata
static const uint8_t created_first[32] = {
    0x47, 0xef, 0x43, 0xa3, 0x79, 0x91, 0x13, 0x43, 0xa1, 0xcc, 0x75, 0x26, 0x17, 0xbe, 0x70, 0x96,
    0xd6, 0x78, 0xfe, 0xac, 0x64, 0x60, 0x0f, 0x0f, 0x94, 0xe6, 0x30, 0x62, 0x72, 0x27, 0x35, 0xaf};
// ClaimedOrderCancel(bytes32,address,uint256,address)
static const uint8_t cancelled[32] = {
    0x7d, 0x7d, 0x1c, 0x5b, 0x3e, 0xad, 0xbe, 0x27, 0x5c, 0xeb, 0x35, 0x8e, 0x65, 0xcd, 0x57, 0x41,
    0x0b, 0x35, 0x99, 0x71, 0x87, 0x25, 0x8d, 0xba, 0xaa, 0xe4, 0x2a, 0xb6, 0xe1, 0x40, 0x5f, 0xd8};

enum { SOURCE = 1, DESTINATION };
#define DLN_SOURCE "0xeF4fB24aD0916217251F553c0596F8Edc630EB66"
#define DLN_DESTINATION "0xE7351Fd770A37282b91D153Ee690B63579D6dd7f"

static const dp_log_place contracts[] = {
    {"ethereum", DLN_SOURCE, SOURCE},  {"ethereum", DLN_DESTINATION, DESTINATION},
    {"bsc", DLN_SOURCE, SOURCE},       {"bsc", DLN_DESTINATION, DESTINATION},
    {"polygon", DLN_SOURCE, SOURCE},   {"polygon", DLN_DESTINATION, DESTINATION},
    {"arbitrum", DLN_SOURCE, SOURCE},  {"arbitrum", DLN_DESTINATION, DESTINATION},
    {"optimism", DLN_SOURCE, SOURCE},  {"optimism", DLN_DESTINATION, DESTINATION},
    {"base", DLN_SOURCE, SOURCE},      {"base", DLN_DESTINATION, DESTINATION},
    {"avalanche", DLN_SOURCE, SOURCE}, {"avalanche", DLN_DESTINATION, DESTINATION},
};
enum { CONTRACT_COUNT = sizeof contracts / sizeof *contracts };

static const char not_ours[] = "not one of deBridge's contracts";
static const char bad_data[] = "its data are not the event's";
static const char bad_chain[] = "its order is not of this chain";

typedef struct span {
	const uint8_t *bytes;
	size_t size, seen;
} span;

typedef struct order {
	uint64_t give_chain, take_chain;
	span give_token, take_token, receiver;
	dp_u256 give, take;
	uint8_t id[32];
} order;

static span read_span(dp_abi *a)
{
	span s = {0};
	s.bytes = dp_abi_bytes(a, &s.size);
	s.seen = s.size;
	return s;
}

// What the maker may write at any length: a call over there, metadata. Seen or not is the same.
static span read_long(dp_abi *a)
{
	span s = {0};
	s.bytes = dp_abi_bytes_cut(a, &s.size, &s.seen);
	return s;
}

// The order, the first value of both events, and its id behind it.
static order read_order(dp_abi *a)
{
	order o = {0};
	dp_abi t = dp_abi_tuple(a, 14);
	(void)dp_abi_u64(&t); // nonce
	(void)read_span(&t);  // maker
	o.give_chain = dp_abi_u64(&t);
	o.give_token = read_span(&t);
	o.give = dp_abi_u256(&t);
	o.take_chain = dp_abi_u64(&t);
	o.take_token = read_span(&t);
	o.take = dp_abi_u256(&t);
	o.receiver = read_span(&t);
	for (int i = 0; i < 5; i++) (void)read_long(&t); // who may change it, take it; a call
	dp_abi_end(a, &t);
	const uint8_t *id = dp_abi_word(a);
	if (id != NULL) memcpy(o.id, id, 32);
	return o;
}

static void fill_receiver(dp_leg *leg, span receiver)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t word[32] = {0};
	if (receiver.size == 20) {
		leg->to = dp_link_addr(receiver.bytes);
		return;
	}
	if (receiver.size == 32) {
		memcpy(word, receiver.bytes, 32);
		dp_log_to(leg, word);
		// Thirty-two bytes are no EVM address, whatever they look like.
		leg->to = (dp_addr){0};
		return;
	}
	size_t at = (size_t)snprintf(leg->text, sizeof leg->text, "to ");
	for (size_t i = 0; i < receiver.size && at + 3 < sizeof leg->text; i++) {
		leg->text[at++] = hex[receiver.bytes[i] >> 4];
		leg->text[at++] = hex[receiver.bytes[i] & 15];
	}
	leg->text[at] = '\0';
}

static void make_key(dp_leg *leg, const order *o)
{
	dp_link_key(leg->key, "debridge", o->id, 32);
	leg->has_key = true;
	memcpy(leg->ref, o->id, 32);
	leg->ref_size = 32;
}

static uint32_t decode_created(dp_leg *ret_leg, const dp_block *b, uint32_t n, bool has_metadata)
{
	const dp_protocol *self = &dp_protocol_debridge;
	uint64_t here = dp_log_evm_number(b->chain);
	dp_abi a = dp_log_data_cut(b, n, 1, has_metadata ? 7 : 6);
	order o = read_order(&a);
	span affiliate = read_long(&a);
	dp_u256 fixed = dp_abi_u256(&a);
	dp_u256 whole = dp_abi_u256(&a);
	(void)dp_abi_u32(&a);
	if (has_metadata) (void)read_long(&a);
	bool is_over = dp_u256_add_over(&whole, whole, o.give);
	if (affiliate.size == 52 && affiliate.seen == 52)
		is_over |=
		    dp_u256_add_over(&whole, whole, dp_u256_from_be(affiliate.bytes + 20, 32));
	if (!dp_abi_ok(&a) || is_over || o.give_token.size != 20)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	if (o.give_chain != here) return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_chain);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_OUT);
	leg.asset = dp_link_asset(b->chain, o.give_token.bytes);
	// The fixed fee is in coins: where coins are given, both go in as one payment.
	if (leg.asset.v != 0 && leg.asset.v == dp_asset_native(b->chain).v &&
	    dp_u256_add_over(&whole, whole, fixed))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	// Behind a call too long to be seen stands a fee that is not known: all that was paid.
	leg.all_of_it = affiliate.seen < affiliate.size;
	if (!leg.all_of_it) leg.amount = whole;
	leg.place[0] = dp_link_addr(b->note[n].place);
	leg.place_count = 1;
	fill_receiver(&leg, o.receiver);
	leg.other = dp_link_evm_chain(o.take_chain);
	leg.other_number = o.take_chain;
	if (leg.other != NULL && o.take_token.size == 20)
		leg.other_asset = dp_link_asset(leg.other, o.take_token.bytes);
	if (leg.other_asset.v != 0) {
		leg.has_least = true;
		leg.least = o.take;
		leg.least_decimals = (uint8_t)dp_asset_info_of(leg.other_asset)->decimals;
	}
	make_key(&leg, &o);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode_fulfilled(dp_leg *ret_leg, const dp_block *b, uint32_t n, bool has_paid)
{
	const dp_protocol *self = &dp_protocol_debridge;
	dp_abi a = dp_log_data_cut(b, n, 1, has_paid ? 5 : 4);
	order o = read_order(&a);
	dp_u256 paid = has_paid ? dp_abi_u256(&a) : o.take;
	(void)dp_abi_address(&a); // taker
	(void)dp_abi_address(&a);
	if (!dp_abi_ok(&a) || o.take_token.size != 20 || o.receiver.size != 20)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	if (o.take_chain != dp_log_evm_number(b->chain))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_chain);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.asset = dp_link_asset(b->chain, o.take_token.bytes);
	leg.amount = paid;
	leg.to = dp_link_addr(o.receiver.bytes);
	leg.other = dp_link_evm_chain(o.give_chain);
	leg.other_number = o.give_chain;
	make_key(&leg, &o);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode_cancelled(dp_leg *ret_leg, const dp_block *b, uint32_t n)
{
	const dp_protocol *self = &dp_protocol_debridge;
	order o = {0};
	dp_abi a = dp_log_data(b, n, 1, 4);
	const uint8_t *id = dp_abi_word(&a), *to = dp_abi_address(&a);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.amount = dp_abi_u256(&a);
	const uint8_t *token = dp_abi_address(&a);
	if (!dp_abi_ok(&a)) return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	memcpy(o.id, id, 32);
	leg.asset = dp_link_asset(b->chain, token);
	leg.is_refund = leg.is_bound = true;
	leg.place[0] = dp_link_addr(b->note[n].place);
	leg.place_count = 1;
	leg.to = dp_link_addr(to);
	leg.other = b->chain;
	make_key(&leg, &o);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	bool is_first = dp_log_is(b, n, created_first), is_back = dp_log_is(b, n, cancelled);
	bool is_out = is_first || dp_log_is(b, n, created);
	bool has_paid = dp_log_is(b, n, fulfilled_paid);
	if (!is_out && !is_back && !has_paid && !dp_log_is(b, n, fulfilled)) return 0;
	const dp_log_place *p = dp_log_at(contracts, CONTRACT_COUNT, b->chain, b->note[n].place);
	if (p == NULL || p->role != (is_out || is_back ? SOURCE : DESTINATION))
		return dp_log_refuse(ret_leg, &dp_protocol_debridge, n,
		                     is_out ? DP_LEG_OUT : DP_LEG_IN, not_ours);
	if (is_back) return decode_cancelled(ret_leg, b, n);
	return is_out ? decode_created(ret_leg, b, n, !is_first)
	              : decode_fulfilled(ret_leg, b, n, has_paid);
}

const dp_protocol dp_protocol_debridge = {
    .name = "debridge",
    .title = "deBridge DLN",
    .proves = "the order's id, which both contracts compute from the order",
    .data = "CreatedOrder, FulfilledOrder (two forms each), ClaimedOrderCancel: Ethereum, BSC, "
            "Polygon, Arbitrum, Optimism, Base, Avalanche",
    .source = "DlnSource.sol; l2beat, plugins/debridge-dln.ts; DefiLlama/bridges-server",
    .is_deterministic = true,
    .decode = decode,
};

// LayerZero v2: omnichain tokens (OFT; USDT0 is one) and Stargate v2's pools.
//
//   send     EndpointV2: PacketSent(packet, ..)            what really goes out, and whose it is
//            token:      OFTSent(guid, there, from, sent, received)
//   receive  token:      OFTReceived(guid, from where, to, amount)
//            EndpointV2: PacketDelivered((from where, sender, nonce), receiver)
//
// Anybody can log OFTSent. What cannot be forged is the endpoint's own event beside it: the guid is
// the hash of the packet's nonce, both chains, sender and receiver, and the endpoint only takes a
// packet from its sender. So the guid is computed again from the endpoint's event, and the
// packet's sender (its receiver, on the other side) must be the contract that logged the token's
// event. A contract of a thief passes that with a token of his own, and moves nothing by it: his
// token is on no list.
//
// An OFT burns and mints, or is an adapter that locks a token; which one its event does not say,
// so both are named as who may take it. Which token an adapter handles is in a table.
//
// Stargate v2 sends by TokenMessaging for all its pools. A `taxi` is a packet of its own; a `bus`
// takes passengers until it is driven by somebody else in another transaction, and then all
// passengers arrive under one guid, while OFTSent had none. The receiving side cannot tell the two
// apart. So the key is what both sides have: the two chains, the pool's asset, receiver and amount;
// of two that are alike in all of these the older one counts, which nobody could tell from the
// other anyway.
//
// Read in: stargate-protocol/stargate-v2, TokenMessaging.sol, Bus.sol, TaxiCodec.sol; l2beat,
// interop/plugins/layerzero (events, packet, guid) and stargate.ts @025a324 (pools, endpoint ids);
// lifinance/contracts, config/stargateV2.json @016d59b (endpoints, TokenMessaging); Across's
// list of OFT messengers, which names docs.usdt0.to (USDT0). From memory, unverified: where the
// receiver stands in an OFT's message (OFTMsgCodec) and a passenger's 43 bytes (BusCodec).
#include "link/log.h"

#include <string.h>

#include "base/check.h"
#include "codec/hash.h"

// OFTSent(bytes32,uint32,address,uint256,uint256)
static const uint8_t sent[32] = {0x85, 0x49, 0x6b, 0x76, 0x0a, 0x4b, 0x7f, 0x8d, 0x66, 0x38, 0x4b,
                                 0x9d, 0xf2, 0x1b, 0x38, 0x1f, 0x5d, 0x1b, 0x1e, 0x79, 0xf2, 0x29,
                                 0xa4, 0x7a, 0xaf, 0x4c, 0x23, 0x2e, 0xdc, 0x2f, 0xe5, 0x9a};
// OFTReceived(bytes32,uint32,address,uint256)
static const uint8_t received[32] = {
    0xef, 0xed, 0x6d, 0x35, 0x00, 0x54, 0x6b, 0x29, 0x53, 0x3b, 0x12, 0x8a, 0x29, 0xe3, 0xa9, 0x4d,
    0x70, 0x78, 0x87, 0x27, 0xf0, 0x50, 0x75, 0x05, 0xac, 0x12, 0xea, 0xf2, 0xe5, 0x78, 0xfd, 0x9c};
// PacketSent(bytes,bytes,address)
static const uint8_t packet_sent[32] = {
    0x1a, 0xb7, 0x00, 0xd4, 0xce, 0xd0, 0xc0, 0x05, 0xb1, 0x64, 0xc0, 0xf7, 0x89, 0xfd, 0x09, 0xfc,
    0xbb, 0x01, 0x56, 0xd4, 0xc2, 0x04, 0x1b, 0x8a, 0x3b, 0xfb, 0xcd, 0x96, 0x1c, 0xd1, 0x56, 0x7f};
// PacketDelivered((uint32,bytes32,uint64),address)
static const uint8_t packet_delivered[32] = {
    0x3c, 0xd5, 0xe4, 0x8f, 0x97, 0x30, 0xb1, 0x29, 0xdc, 0x75, 0x50, 0xf0, 0xfc, 0xea, 0x9c, 0x76,
    0x7b, 0x7b, 0xe3, 0x78, 0x37, 0xcd, 0x10, 0xe5, 0x5e, 0xb3, 0x5f, 0x73, 0x4f, 0x4b, 0xca, 0x04};
// BusRode(uint32,uint72,uint80,bytes)
static const uint8_t bus_rode[32] = {
    0x15, 0x95, 0x5c, 0x5a, 0x4c, 0xc6, 0x1b, 0x8f, 0xbb, 0x05, 0x30, 0x1b, 0xce, 0x47, 0xfd, 0x31,
    0xc0, 0xe6, 0xf9, 0x35, 0xe1, 0xab, 0x97, 0xfd, 0xac, 0x9b, 0x13, 0x4c, 0x88, 0x7b, 0xb0, 0x74};

#define ENDPOINT "0x1a44076050125825900e736c501f859c50fE728c"

enum { MESSAGING = 1 };
static const dp_log_place endpoints[] = {
    {"ethereum", ENDPOINT, 0},  {"bsc", ENDPOINT, 0},      {"polygon", ENDPOINT, 0},
    {"arbitrum", ENDPOINT, 0},  {"optimism", ENDPOINT, 0}, {"base", ENDPOINT, 0},
    {"avalanche", ENDPOINT, 0},
};
static const dp_log_place messaging[] = {
    {"ethereum", "0x6d6620eFa72948C5f68A3C8646d58C00d3f4A980", MESSAGING},
    {"bsc", "0x6E3d884C96d640526F273C61dfcF08915eBd7e2B", MESSAGING},
    {"polygon", "0x6CE9bf8CDaB780416AD1fd87b318A077D2f50EaC", MESSAGING},
    {"arbitrum", "0x19cFCE47eD54a88614648DC3f19A5980097007dD", MESSAGING},
    {"optimism", "0xF1fCb4CBd57B67d683972A59B6a7b1e2E8Bf27E6", MESSAGING},
    {"base", "0x5634c4a5FEd09819E3c46D86A965Dd9447d86e47", MESSAGING},
    {"avalanche", "0x17E450Be3Ba9557F2378E20d64AD417E59Ef9A34", MESSAGING},
};
static const dp_log_number eids[] = {
    {30101, "ethereum"}, {30102, "bsc"},      {30106, "avalanche"}, {30109, "polygon"},
    {30110, "arbitrum"}, {30111, "optimism"}, {30184, "base"},
};
#define COUNT(list) (sizeof(list) / sizeof *(list))

// Contracts whose event is about another token than themselves. `role` is Stargate's asset, the
// same on every chain; 0 for an adapter of one token.
enum { OFT = 0, USDC = 1, USDT = 2, ETHER = 13 };
typedef struct holder {
	dp_log_place place;
	const char *token; // "": the chain's own coin
} holder;

static const holder holders[] = {
    {{"ethereum", "0x77b2043768d28E9C9aB44E1aBfC95944bcE57931", ETHER}, ""},
    {{"ethereum", "0xc026395860Db2d07ee33e05fE50ed7bD583189C7", USDC}, "USDC"},
    {{"ethereum", "0x933597a323Eb81cAe705C5bC29985172fd5A3973", USDT}, "USDT"},
    {{"arbitrum", "0xA45B5130f36CDcA45667738e2a258AB09f4A5f7F", ETHER}, ""},
    {{"arbitrum", "0xe8CDF27AcD73a434D661C84887215F7598e7d0d3", USDC}, "USDC"},
    {{"arbitrum", "0xcE8CcA271Ebc0533920C83d39F417ED6A0abB7D0", USDT}, "USDT"},
    {{"base", "0xdc181Bd607330aeeBEF6ea62e03e5e1Fb4B6F7C7", ETHER}, ""},
    {{"base", "0x27a16dc786820B16E5c9028b75B99F6f604b5d26", USDC}, "USDC"},
    {{"optimism", "0xe8CDF27AcD73a434D661C84887215F7598e7d0d3", ETHER}, ""},
    {{"optimism", "0xcE8CcA271Ebc0533920C83d39F417ED6A0abB7D0", USDC}, "USDC"},
    {{"optimism", "0x19cFCE47eD54a88614648DC3f19A5980097007dD", USDT}, "USDT"},
    {{"polygon", "0x9Aa02D4Fae7F58b8E8f34c66E756cC734DAc7fe4", USDC}, "USDC"},
    {{"polygon", "0xd47b03ee6d86Cf251ee7860FB2ACf9f91B9fD4d7", USDT}, "USDT"},
    {{"bsc", "0x962Bd449E630b0d928f308Ce63f1A21F02576057", USDC}, "USDC"},
    {{"bsc", "0x138EB30f73BC423c6455C53df6D89CB01d9eBc63", USDT}, "USDT"},
    {{"avalanche", "0x5634c4a5FEd09819E3c46D86A965Dd9447d86e47", USDC}, "USDC"},
    {{"avalanche", "0x12dC9256Acc9895B076f6638D628382881e62CeE", USDT}, "USDT"},
    {{"ethereum", "0x6C96dE32CEa08842dcc4058c14d3aaAD7Fa41dee", OFT}, "USDT"},
    {{"arbitrum", "0x14E4A1B13bf7F943c8ff7C51fb60FA964A298D92", OFT}, "USDT"},
    {{"polygon", "0x6BA10300f0DC58B7a1e4c0e41f5daBb7D7829e13", OFT}, "USDT"},
};

static const char bad_data[] = "its data are not the event's";
static const char no_packet[] = "the endpoint logs no packet of this contract with this guid";
static const char no_seat[] = "no seat in a bus with its amount stands before it";
static const char not_here[] = "LayerZero's endpoint is not known on this chain";
static const char bad_dust[] = "its amount is not one that Stargate sends";

enum {
	REACH = 64, // notes before and behind that are looked at
	SHARED_DECIMALS = 6,
	PACKET_HEAD = 113, // version, nonce, from, sender, to, receiver, guid
	OFT_MESSAGE_MIN = 40,
	TAXI_MESSAGE_MIN = 43,
	PASSENGER_SIZE = 43
};

//- the endpoint's events -------------------------------------------------------------------------

static void put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;
	for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
	return v;
}

static bool is_endpoint(const dp_block *b, uint32_t n)
{
	return dp_log_at(endpoints, COUNT(endpoints), b->chain, b->note[n].place) != NULL;
}

// nonce 8, from 4, sender 32, to 4, receiver 32: as they stand in a packet behind its version.
enum { PATH_SIZE = 80 };

static bool is_of(const uint8_t word[32], const uint8_t contract[20])
{
	uint8_t own[20];
	return dp_abi_word_address(own, word) && memcmp(own, contract, sizeof own) == 0;
}

// The message of a packet that `sender` sent here under this guid; NULL: that is no such packet.
static const uint8_t *packet_message(size_t *ret_size, uint32_t *ret_to, const dp_block *b,
                                     uint32_t at, const uint8_t guid[32], const uint8_t sender[20])
{
	size_t size, whole;
	uint64_t here;
	uint8_t hash[32];
	if (!dp_log_is(b, at, packet_sent) || !is_endpoint(b, at)) return NULL;
	// A call that is to follow may make it longer than what is kept of a log.
	dp_abi a = dp_log_data_cut(b, at, 1, 3);
	const uint8_t *p = dp_abi_bytes_cut(&a, &whole, &size);
	if (!dp_abi_ok(&a) || size < PACKET_HEAD || p[0] != 1) return NULL;
	dp_keccak256(hash, p + 1, PATH_SIZE);
	if (memcmp(hash, guid, 32) != 0 || memcmp(p + 81, guid, 32) != 0) return NULL;
	if (!dp_log_number_of(&here, eids, COUNT(eids), b->chain) || get(p + 9, 4) != here)
		return NULL;
	if (!is_of(p + 13, sender)) return NULL;
	*ret_to = (uint32_t)get(p + 45, 4);
	*ret_size = size - PACKET_HEAD;
	return p + PACKET_HEAD;
}

// Did the endpoint deliver a packet with this guid from chain `from` to `receiver`?
static bool is_delivery(const dp_block *b, uint32_t at, const uint8_t guid[32], uint32_t from,
                        const uint8_t receiver[20])
{
	uint64_t here;
	uint8_t path[PATH_SIZE] = {0}, hash[32];
	if (!dp_log_is(b, at, packet_delivered) || !is_endpoint(b, at)) return false;
	dp_abi a = dp_log_data(b, at, 1, 4);
	uint32_t origin = dp_abi_u32(&a);
	const uint8_t *sender = dp_abi_word(&a);
	uint64_t nonce = dp_abi_u64(&a);
	const uint8_t *to = dp_abi_address(&a);
	if (!dp_abi_ok(&a) || origin != from || memcmp(to, receiver, 20) != 0) return false;
	if (!dp_log_number_of(&here, eids, COUNT(eids), b->chain)) return false;
	put(path, nonce, 8);
	put(path + 8, origin, 4);
	memcpy(path + 12, sender, 32);
	put(path + 44, here, 4);
	memcpy(path + 60, receiver, 20);
	dp_keccak256(hash, path, sizeof path);
	return memcmp(hash, guid, 32) == 0;
}

// The k-th neighbour of note n, nearest first: -1, +1, -2, +2, ...; false when it is not of the
// same transaction.
static bool neighbour(uint32_t *ret_at, const dp_block *b, uint32_t n, uint32_t k)
{
	uint32_t step = k / 2 + 1;
	if (k % 2 == 0 ? step > n : step >= b->note_count - n) return false;
	*ret_at = k % 2 == 0 ? n - step : n + step;
	return b->note[*ret_at].tx == b->note[n].tx;
}

//- what the token's event is about ---------------------------------------------------------------

static const holder *holder_of(const dp_block *b, uint32_t n)
{
	for (size_t i = 0; i < COUNT(holders); i++)
		if (dp_log_at(&holders[i].place, 1, b->chain, b->note[n].place) != NULL)
			return &holders[i];
	return NULL;
}

static dp_asset asset_of(const dp_block *b, uint32_t n, const holder *h)
{
	if (h == NULL) return dp_asset_by_contract(b->chain, b->note[n].place);
	if (h->token[0] == '\0') return dp_asset_native(b->chain);
	return dp_asset_by_symbol(b->chain, h->token, strlen(h->token));
}

// Who sends or receives packets for the contract that logged note n.
static bool messenger_of(uint8_t ret_contract[20], const dp_block *b, uint32_t n, const holder *h)
{
	if (h == NULL || h->place.role == OFT) {
		memcpy(ret_contract, b->note[n].place, 20);
		return true;
	}
	const dp_log_place *p = dp_log_with(messaging, COUNT(messaging), b->chain, MESSAGING);
	if (p == NULL) return false;
	dp_log_place_bytes(ret_contract, p);
	return true;
}

static void fill_places(dp_leg *leg, const dp_block *b, uint32_t n, const holder *h)
{
	leg->place[0] = dp_link_addr(b->note[n].place);
	leg->place_count = 1;
	// An adapter or the token itself: locked there, or burnt (kind NONE).
	if (h == NULL || h->place.role == OFT) leg->place_count = 2;
}

// In what Stargate counts by, everywhere six digits; false when it is not a whole number of it.
static bool to_shared(uint64_t *ret_shared, dp_asset asset, dp_u256 amount)
{
	dp_u256 q, r, unit = dp_u256_of(1);
	if (asset.v == 0) return false;
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	if (decimals < SHARED_DECIMALS) return false;
	for (uint32_t i = SHARED_DECIMALS; i < decimals; i++)
		if (dp_u256_mul_over(&unit, unit, dp_u256_of(10))) return false;
	dp_u256_div(&q, &r, amount, unit);
	if (!dp_u256_is_zero(r) || !dp_u256_fits64(q)) return false;
	*ret_shared = q.w[0];
	return true;
}

static void key_stargate(dp_leg *leg, uint64_t from, uint64_t to, uint32_t asset,
                         const uint8_t receiver[32], uint64_t shared)
{
	uint8_t bytes[50];
	put(bytes, from, 4);
	put(bytes + 4, to, 4);
	put(bytes + 8, asset, 2);
	memcpy(bytes + 10, receiver, 32);
	put(bytes + 42, shared, 8);
	dp_link_key(leg->key, "layerzero-stargate", bytes, sizeof bytes);
	leg->has_key = leg->has_time_key = true;
}

static void key_guid(dp_leg *leg, const uint8_t guid[32])
{
	dp_link_key(leg->key, "layerzero", guid, 32);
	leg->has_key = true;
}

//- out -------------------------------------------------------------------------------------------

typedef struct sending {
	const uint8_t *guid;
	uint32_t to; // endpoint id
	dp_u256 sent, received;
	uint64_t shared; // Stargate: `received` in six digits
	const holder *holder;
	uint8_t messenger[20];
} sending;

// The receiver's word out of the seat that was taken last before; NULL: none.
static const uint8_t *seat_receiver(const dp_block *b, uint32_t n, const sending *s)
{
	for (uint32_t i = 1; i <= REACH && i <= n; i++) {
		size_t size;
		uint32_t at = n - i;
		if (b->note[at].tx != b->note[n].tx) return NULL;
		if (!dp_log_is(b, at, bus_rode) || memcmp(b->note[at].place, s->messenger, 20) != 0)
			continue;
		dp_abi a = dp_log_data(b, at, 1, 4);
		uint32_t to = dp_abi_u32(&a);
		dp_abi_skip(&a, 2); // ticket, fare
		const uint8_t *p = dp_abi_bytes(&a, &size);
		if (!dp_abi_ok(&a) || size != PASSENGER_SIZE) return NULL;
		return to == s->to && get(p + 34, 8) == s->shared ? p + 2 : NULL;
	}
	return NULL;
}

// The receiver's word out of the packet that goes with it; NULL: none.
static const uint8_t *packet_receiver(const dp_block *b, uint32_t n, const sending *s)
{
	bool is_taxi = s->holder != NULL && s->holder->place.role != OFT;
	for (uint32_t k = 0; k < 2 * REACH; k++) {
		size_t size;
		uint32_t at, to;
		if (!neighbour(&at, b, n, k)) continue;
		const uint8_t *m = packet_message(&size, &to, b, at, s->guid, s->messenger);
		if (m == NULL || to != s->to) continue;
		if (!is_taxi) return size >= OFT_MESSAGE_MIN ? m : NULL;
		bool is_same = size >= TAXI_MESSAGE_MIN && m[0] == 1 && get(m + 35, 8) == s->shared;
		return is_same ? m + 3 : NULL;
	}
	return NULL;
}

static uint32_t decode_sent(dp_leg *ret_leg, const dp_block *b, uint32_t n, uint64_t here)
{
	static const uint8_t none[32];
	const dp_protocol *self = &dp_protocol_layerzero;
	sending s = {.holder = holder_of(b, n)};
	dp_abi a = dp_log_data(b, n, 3, 3);
	s.to = dp_abi_u32(&a);
	s.sent = dp_abi_u256(&a);
	s.received = dp_abi_u256(&a);
	s.guid = b->note[n].topic[1];
	if (!dp_abi_ok(&a) || !messenger_of(s.messenger, b, n, s.holder))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_OUT);
	leg.asset = asset_of(b, n, s.holder);
	leg.amount = s.sent;
	bool is_pool = s.holder != NULL && s.holder->place.role != OFT;
	if (is_pool && !to_shared(&s.shared, leg.asset, s.received))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_dust);
	bool is_bus = is_pool && memcmp(s.guid, none, 32) == 0;
	const uint8_t *to = is_bus ? seat_receiver(b, n, &s) : packet_receiver(b, n, &s);
	if (to == NULL)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, is_bus ? no_seat : no_packet);
	fill_places(&leg, b, n, s.holder);
	dp_log_to(&leg, to);
	leg.other = dp_log_chain(eids, COUNT(eids), s.to);
	leg.other_number = s.to;
	if (leg.asset.v != 0) {
		leg.has_least = true;
		leg.least = s.received;
		leg.least_decimals = (uint8_t)dp_asset_info_of(leg.asset)->decimals;
	}
	if (is_pool)
		key_stargate(&leg, here, s.to, s.holder->place.role, to, s.shared);
	else
		key_guid(&leg, s.guid);
	memcpy(leg.ref, s.guid, 32);
	leg.ref_size = is_bus ? 0 : 32;
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

//- in --------------------------------------------------------------------------------------------

static uint32_t decode_received(dp_leg *ret_leg, const dp_block *b, uint32_t n, uint64_t here)
{
	const dp_protocol *self = &dp_protocol_layerzero;
	uint8_t messenger[20];
	uint64_t shared = 0;
	const holder *h = holder_of(b, n);
	dp_abi a = dp_log_data(b, n, 3, 2);
	uint32_t from = dp_abi_u32(&a);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.amount = dp_abi_u256(&a);
	const uint8_t *guid = b->note[n].topic[1], *to = b->note[n].topic[2];
	if (!dp_abi_ok(&a) || !messenger_of(messenger, b, n, h))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	leg.to = dp_log_addr(to);
	if (leg.to.kind == DP_ADDR_NONE)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	bool is_delivered = false;
	for (uint32_t k = 0; k < 2 * REACH && !is_delivered; k++) {
		uint32_t at;
		is_delivered = neighbour(&at, b, n, k) && is_delivery(b, at, guid, from, messenger);
	}
	if (!is_delivered) return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, no_packet);
	leg.asset = asset_of(b, n, h);
	fill_places(&leg, b, n, h);
	leg.other = dp_log_chain(eids, COUNT(eids), from);
	leg.other_number = from;
	if (h == NULL || h->place.role == OFT)
		key_guid(&leg, guid);
	else if (to_shared(&shared, leg.asset, leg.amount))
		key_stargate(&leg, from, here, h->place.role, to, shared);
	else
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_dust);
	memcpy(leg.ref, guid, 32);
	leg.ref_size = 32;
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	uint64_t here;
	bool is_out = dp_log_is(b, n, sent);
	if (!is_out && !dp_log_is(b, n, received)) return 0;
	if (!dp_log_number_of(&here, eids, COUNT(eids), b->chain))
		return dp_log_refuse(ret_leg, &dp_protocol_layerzero, n,
		                     is_out ? DP_LEG_OUT : DP_LEG_IN, not_here);
	return is_out ? decode_sent(ret_leg, b, n, here) : decode_received(ret_leg, b, n, here);
}

const dp_protocol dp_protocol_layerzero = {
    .name = "layerzero",
    .title = "LayerZero (OFT, USDT0, Stargate v2)",
    .proves = "the packet's guid, computed again from the endpoint's own event; for Stargate's "
              "pools chains, asset, receiver and amount, of two alike the older one",
    .data = "OFTSent with PacketSent or BusRode; OFTReceived with PacketDelivered: Ethereum, BSC, "
            "Polygon, Arbitrum, Optimism, Base, Avalanche",
    .source = "l2beat, plugins/layerzero; stargate-protocol/stargate-v2; lifinance/contracts",
    .is_deterministic = true,
    .decode = decode,
};

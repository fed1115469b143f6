// Stargate v1, over LayerZero v1: pools of one asset each, on two chains.
//
//   out  pool    Swap(chain 110, pool, from, amount, reward, fees ..)
//        library Packet(nonce, chain 101, bridge, chain 110, bridge there, payload)
//   in   library PacketReceived(chain 101, bridge there, this bridge, nonce, ..)
//        pool    SwapRemote(to, amount, ..)
//
// The pool's event has no number; the library's event right behind it (right before it, on the
// other side) has chain, bridge and nonce, which LayerZero gives once to every pair of contracts.
// Swap's amount is without the fees; what entered the pool is the sum (Pool.sol: s.amount is the
// amount less equilibrium, protocol and liquidity fee), and what comes out is amount plus reward.
// Pools count in shared decimals: 6 for stablecoins, 18 for ether.
//
// Ether goes through a vault that wraps it for the pool and unwraps it for who is paid; both may be
// who takes or pays.
//
// Messages that were stored because the receiver failed are paid later without a packet: refused,
// as nothing says what they are. The same for the library that replaced this one at the end
// (sendUln301), whose events these are not.
//
// Read in: copies of Stargate's Pool.sol and of UltraLightNodeV2.sol (what is emitted, and in what
// order); DefiLlama/bridges-server, adapters/stargate @05f6857 (pools, vaults, events);
// l2beat/lz-monitoring, discovery configs (libraries, bridges), and lists of others that agree.
// From memory, unverified: the order of the payload's arguments (Bridge.sol), and BSC's bridge,
// whose checksum is right but which no list at hand has.
#include "link/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

// Swap(uint16,uint256,address,uint256,uint256,uint256,uint256,uint256)
static const uint8_t swap[32] = {0x34, 0x66, 0x0f, 0xc8, 0xaf, 0x30, 0x44, 0x64, 0x52, 0x9f, 0x48,
                                 0xa7, 0x78, 0xe0, 0x3d, 0x03, 0xe4, 0xd3, 0x4b, 0xcd, 0x5f, 0x9b,
                                 0x6f, 0x0c, 0xfb, 0xf3, 0xcd, 0x23, 0x8c, 0x64, 0x2f, 0x7f};
// SwapRemote(address,uint256,uint256,uint256)
static const uint8_t swap_remote[32] = {
    0xfb, 0x2b, 0x59, 0x23, 0x67, 0x45, 0x2f, 0x1c, 0x43, 0x76, 0x75, 0xbe, 0xd4, 0x7f, 0x5e, 0x1e,
    0x6c, 0x25, 0x18, 0x8c, 0x17, 0xd7, 0xba, 0x01, 0xa1, 0x2e, 0xb0, 0x30, 0xbc, 0x41, 0xcc, 0xef};
// Packet(bytes)
static const uint8_t packet[32] = {0xe9, 0xbd, 0xed, 0x5f, 0x24, 0xa4, 0x16, 0x8e, 0x4f, 0x3b, 0xf4,
                                   0x4e, 0x00, 0x29, 0x8c, 0x99, 0x3b, 0x22, 0x37, 0x6a, 0xad, 0x8c,
                                   0x58, 0xc7, 0xdd, 0xa9, 0x71, 0x8a, 0x54, 0xcb, 0xea, 0x82};
// PacketReceived(uint16,bytes,address,uint64,bytes32)
static const uint8_t packet_received[32] = {
    0x2b, 0xd2, 0xd8, 0xa8, 0x4b, 0x74, 0x84, 0x39, 0xfd, 0x50, 0xd7, 0x9a, 0x49, 0x50, 0x2b, 0x4e,
    0xb5, 0xfa, 0xa2, 0x5b, 0x86, 0x4d, 0xa6, 0xa9, 0xab, 0x5c, 0x15, 0x07, 0x04, 0xbe, 0x9a, 0x4d};

enum { LIBRARY = 1, BRIDGE, VAULT };
#define LIBRARY_MOST "0x4D73AdB72bC3DD368966edD0f0b2148401A178E2"

static const dp_log_place contracts[] = {
    {"ethereum", LIBRARY_MOST, LIBRARY},
    {"ethereum", "0x296F55F8Fb28E498B858d0BcDA06D955B2Cb3f97", BRIDGE},
    {"ethereum", "0x72E2F4830b9E45d52F80aC08CB2bEC0FeF72eD9c", VAULT},
    {"bsc", LIBRARY_MOST, LIBRARY},
    {"bsc", "0x6694340fc020c5E6B96567843da2df01b2CE1eb6", BRIDGE},
    {"polygon", LIBRARY_MOST, LIBRARY},
    {"polygon", "0x9d1B1669c73b033DFe47ae5a0164Ab96df25B944", BRIDGE},
    {"avalanche", LIBRARY_MOST, LIBRARY},
    {"avalanche", "0x9d1B1669c73b033DFe47ae5a0164Ab96df25B944", BRIDGE},
    {"arbitrum", LIBRARY_MOST, LIBRARY},
    {"arbitrum", "0x352d8275AAE3e0c2404d9f68f6cEE084B5bEB3DD", BRIDGE},
    {"arbitrum", "0x82CbeCF39bEe528B5476FE6d1550af59a9dB6Fc0", VAULT},
    {"optimism", LIBRARY_MOST, LIBRARY},
    {"optimism", "0x701a95707A0290AC8B90b3719e8EE5b210360883", BRIDGE},
    {"optimism", "0xb69c8CBCD90A39D8D3d3ccf0a3E968511C3856A0", VAULT},
    {"base", "0x38dE71124f7a447a01D67945a51eDcE9FF491251", LIBRARY},
    {"base", "0xAF54BE5B6eEc24d6BFACf1cce4eaF680A8239398", BRIDGE},
};
static const dp_log_number chains[] = {
    {101, "ethereum"}, {102, "bsc"},      {106, "avalanche"}, {109, "polygon"},
    {110, "arbitrum"}, {111, "optimism"}, {184, "base"},
};
#define COUNT(list) (sizeof(list) / sizeof *(list))

typedef struct pool {
	dp_log_place place;
	const char *token; // symbol; "": the chain's own coin
} pool;

static const pool pools[] = {
    {{"ethereum", "0x101816545F6bd2b1076434B54383a1E633390A2E", 0}, ""},
    {{"ethereum", "0xdf0770dF86a8034b3EFEf0A1Bb3c889B8332FF56", 0}, "USDC"},
    {{"ethereum", "0x38EA452219524Bb87e18dE1C24D3bB59510BD783", 0}, "USDT"},
    {{"ethereum", "0x0Faf1d2d3CED330824de3B8200fc8dc6E397850d", 0}, "DAI"},
    {{"ethereum", "0xfA0F307783AC21C39E939ACFF795e27b650F6e68", 0}, "FRAX"},
    {{"ethereum", "0xE8F55368C82D38bbbbDb5533e7F56AfC2E978CC2", 0}, "LUSD"},
    {{"polygon", "0x1205f31718499dBf1fCa446663B532Ef87481fe1", 0}, "USDC.e"},
    {{"polygon", "0x29e38769f23701A2e4A8Ef0492e19dA4604Be62c", 0}, "USDT"},
    {{"polygon", "0x1c272232Df0bb6225dA87f4dEcD9d37c32f63Eea", 0}, "DAI"},
    {{"bsc", "0x9aA83081AA06AF7208Dcc7A4cB72C94d057D2cda", 0}, "USDT"},
    {{"bsc", "0x98a5737749490856b401DB5Dc27F522fC314A4e1", 0}, "BUSD"},
    {{"avalanche", "0x1205f31718499dBf1fCa446663B532Ef87481fe1", 0}, "USDC"},
    {{"avalanche", "0x29e38769f23701A2e4A8Ef0492e19dA4604Be62c", 0}, "USDT"},
    {{"avalanche", "0x1c272232Df0bb6225dA87f4dEcD9d37c32f63Eea", 0}, "FRAX"},
    {{"arbitrum", "0x915A55e36A01285A14f05dE6e81ED9cE89772f8e", 0}, ""},
    {{"arbitrum", "0x892785f33CdeE22A30AEF750F285E18c18040c3e", 0}, "USDC.e"},
    {{"arbitrum", "0xB6CfcF89a7B22988bfC96632aC2A9D6daB60d641", 0}, "USDT"},
    {{"optimism", "0xd22363e3762cA7339569F3d33EADe20127D5F98C", 0}, ""},
    {{"optimism", "0xDecC0c09c3B5f6e92EF4184125D5648a66E35298", 0}, "USDC.e"},
    {{"optimism", "0x165137624F1f692e69659f944BF69DE02874ee27", 0}, "DAI"},
};

enum { REACH = 32, PACKET_HEAD = 52, SHARED_STABLE = 6, SHARED_ETHER = 18 };

static const char not_ours[] = "not one of Stargate's pools";
static const char bad_data[] = "its data are not the event's";
static const char no_packet[] = "no packet of Stargate's bridge goes with it";

static const pool *pool_of(const dp_block *b, uint32_t n)
{
	for (size_t i = 0; i < COUNT(pools); i++)
		if (dp_log_at(&pools[i].place, 1, b->chain, b->note[n].place) != NULL)
			return &pools[i];
	return NULL;
}

static dp_asset asset_of(const dp_block *b, const pool *p)
{
	if (p->token[0] == '\0') return dp_asset_native(b->chain);
	return dp_asset_by_symbol(b->chain, p->token, strlen(p->token));
}

static uint32_t shared_decimals(const pool *p)
{
	return p->token[0] == '\0' ? SHARED_ETHER : SHARED_STABLE;
}

// Base units out of shared ones; false when it does not fit, or nothing is known of the token.
static bool to_local(dp_u256 *io_amount, dp_asset asset, const pool *p)
{
	if (asset.v == 0) return true; // nobody will add it to anything
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	for (uint32_t i = shared_decimals(p); i < decimals; i++)
		if (dp_u256_mul_over(io_amount, *io_amount, dp_u256_of(10))) return false;
	return decimals >= shared_decimals(p);
}

static bool is_contract(const dp_chain *chain, const uint8_t contract[20], uint32_t role)
{
	const dp_log_place *p = dp_log_at(contracts, COUNT(contracts), chain, contract);
	return p != NULL && p->role == role;
}

static void fill_places(dp_leg *leg, const dp_block *b, uint32_t n, const pool *p)
{
	leg->place[leg->place_count++] = dp_link_addr(b->note[n].place);
	const dp_log_place *vault =
	    dp_log_with(contracts, COUNT(contracts), b->chain, (uint32_t)VAULT);
	if (p->token[0] != '\0' || vault == NULL) return;
	uint8_t bytes[20];
	dp_log_place_bytes(bytes, vault);
	leg->place[leg->place_count++] = dp_link_addr(bytes);
}

// LayerZero's path and number of a packet: what both sides log.
typedef struct path {
	uint16_t from, to;
	uint64_t nonce;
	uint8_t sender[20], receiver[20];
} path;

static void make_key(dp_leg *leg, const path *p)
{
	uint8_t bytes[52];
	bytes[0] = (uint8_t)(p->from >> 8);
	bytes[1] = (uint8_t)p->from;
	bytes[2] = (uint8_t)(p->to >> 8);
	bytes[3] = (uint8_t)p->to;
	memcpy(bytes + 4, p->sender, 20);
	memcpy(bytes + 24, p->receiver, 20);
	for (int i = 0; i < 8; i++) bytes[44 + i] = (uint8_t)(p->nonce >> (56 - 8 * i));
	dp_link_key(leg->key, "stargate1", bytes, sizeof bytes);
	leg->has_key = true;
	if (leg->text[0] == '\0')
		(void)snprintf(leg->text, sizeof leg->text, "nonce %" PRIu64 " of chain %u",
		               p->nonce, (unsigned)p->from);
}

//- out -------------------------------------------------------------------------------------------

typedef struct swap_event {
	uint16_t to;
	dp_u256 pool, amount, reward, whole;
} swap_event;

static bool read_swap(swap_event *ret_swap, const dp_block *b, uint32_t n)
{
	bool is_over = false;
	dp_abi a = dp_log_data(b, n, 1, 8);
	swap_event s = {.to = dp_abi_u16(&a), .pool = dp_abi_u256(&a)};
	(void)dp_abi_address(&a);
	s.amount = s.whole = dp_abi_u256(&a);
	s.reward = dp_abi_u256(&a);
	for (int i = 0; i < 3; i++) is_over |= dp_u256_add_over(&s.whole, s.whole, dp_abi_u256(&a));
	is_over |= dp_u256_add_over(&s.reward, s.reward, s.amount);
	if (is_over || !dp_abi_ok(&a)) return false;
	*ret_swap = s;
	return true;
}

// nonce 8, from 2, sender 20, to 2, receiver 20, payload; and the payload's own arguments, of which
// the 13th is who shall be paid. NULL: not the packet of this swap.
static const uint8_t *read_packet(path *ret_path, const dp_block *b, uint32_t at,
                                  const swap_event *s)
{
	size_t size, whole, to_size;
	if (!dp_log_is(b, at, packet) || !is_contract(b->chain, b->note[at].place, LIBRARY))
		return NULL;
	// A call that is to follow may make it longer than what is kept of a log.
	dp_abi a = dp_log_data_cut(b, at, 1, 1);
	const uint8_t *p = dp_abi_bytes_cut(&a, &whole, &size);
	if (!dp_abi_ok(&a) || size < PACKET_HEAD) return NULL;
	path t = {.from = (uint16_t)(p[8] << 8 | p[9]), .to = (uint16_t)(p[30] << 8 | p[31])};
	for (int i = 0; i < 8; i++) t.nonce = t.nonce << 8 | p[i];
	memcpy(t.sender, p + 10, 20);
	memcpy(t.receiver, p + 32, 20);
	if (!is_contract(b->chain, t.sender, BRIDGE) || t.to != s->to) return NULL;
	dp_abi m = dp_abi_of(p + PACKET_HEAD, size - PACKET_HEAD, 14);
	bool is_swap = dp_abi_u64(&m) == 1;
	dp_abi_skip(&m, 1); // pool here
	bool is_same = dp_u256_eq(dp_abi_u256(&m), s->pool);
	dp_abi_skip(&m, 3); // gas, credits
	is_same &= dp_u256_eq(dp_abi_u256(&m), s->amount);
	dp_abi_skip(&m, 5); // fees again
	const uint8_t *to = dp_abi_bytes(&m, &to_size);
	if (!dp_abi_ok(&m) || !is_swap || !is_same || to_size != 20) return NULL;
	*ret_path = t;
	return to;
}

static uint32_t decode_swap(dp_leg *ret_leg, const dp_block *b, uint32_t n, const pool *p)
{
	const dp_protocol *self = &dp_protocol_stargate1;
	swap_event s;
	path t = {0};
	uint64_t here = 0;
	const uint8_t *to = NULL;
	if (!read_swap(&s, b, n)) return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	for (uint32_t at = n + 1; at < b->note_count && at - n <= REACH && to == NULL; at++) {
		// The next swap's packets are not this one's.
		if (b->note[at].tx != b->note[n].tx || dp_log_is(b, at, swap)) break;
		to = read_packet(&t, b, at, &s);
	}
	(void)dp_log_number_of(&here, chains, COUNT(chains), b->chain);
	if (to == NULL || t.from != here)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, no_packet);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_OUT);
	leg.asset = asset_of(b, p);
	leg.amount = s.whole;
	if (!to_local(&leg.amount, leg.asset, p))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	fill_places(&leg, b, n, p);
	leg.to = dp_link_addr(to);
	leg.other = dp_log_chain(chains, COUNT(chains), s.to);
	leg.other_number = s.to;
	leg.has_least = true;
	leg.least = s.reward;
	leg.least_decimals = (uint8_t)shared_decimals(p);
	make_key(&leg, &t);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

//- in --------------------------------------------------------------------------------------------

static bool read_received(path *ret_path, const dp_block *b, uint32_t at, uint64_t here)
{
	size_t size;
	uint64_t from;
	path t = {.to = (uint16_t)here};
	dp_abi a = dp_log_data(b, at, 3, 3);
	const uint8_t *sender = dp_abi_bytes(&a, &size);
	t.nonce = dp_abi_u64(&a);
	// Twenty bytes, or (in later libraries) both contracts one behind the other.
	if (!dp_abi_ok(&a) || (size != 20 && size != 40)) return false;
	if (!dp_abi_word_u64(&from, b->note[at].topic[1]) || from > UINT16_MAX) return false;
	if (!dp_abi_word_address(t.receiver, b->note[at].topic[2])) return false;
	if (!is_contract(b->chain, t.receiver, BRIDGE)) return false;
	const dp_chain *chain = dp_log_chain(chains, COUNT(chains), from);
	if (chain != NULL && !is_contract(chain, sender, BRIDGE)) return false;
	memcpy(t.sender, sender, 20);
	t.from = (uint16_t)from;
	*ret_path = t;
	return true;
}

static uint32_t decode_remote(dp_leg *ret_leg, const dp_block *b, uint32_t n, const pool *p)
{
	const dp_protocol *self = &dp_protocol_stargate1;
	path t;
	uint64_t here = 0;
	bool is_found = false;
	dp_abi a = dp_log_data(b, n, 1, 4);
	const uint8_t *to = dp_abi_address(&a);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.amount = dp_abi_u256(&a);
	leg.asset = asset_of(b, p);
	if (!dp_abi_ok(&a) || !to_local(&leg.amount, leg.asset, p))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	(void)dp_log_number_of(&here, chains, COUNT(chains), b->chain);
	for (uint32_t i = 1; i <= REACH && i <= n && !is_found; i++) {
		// One packet pays one: an earlier payment took the packet before it.
		if (b->note[n - i].tx != b->note[n].tx || dp_log_is(b, n - i, swap_remote)) break;
		is_found = dp_log_is(b, n - i, packet_received) &&
		           is_contract(b->chain, b->note[n - i].place, LIBRARY) &&
		           read_received(&t, b, n - i, here);
	}
	if (!is_found) return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, no_packet);
	leg.to = dp_link_addr(to);
	fill_places(&leg, b, n, p);
	leg.other = dp_log_chain(chains, COUNT(chains), t.from);
	leg.other_number = t.from;
	make_key(&leg, &t);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	bool is_out = dp_log_is(b, n, swap);
	if (!is_out && !dp_log_is(b, n, swap_remote)) return 0;
	const pool *p = pool_of(b, n);
	if (p == NULL)
		return dp_log_refuse(ret_leg, &dp_protocol_stargate1, n,
		                     is_out ? DP_LEG_OUT : DP_LEG_IN, not_ours);
	return is_out ? decode_swap(ret_leg, b, n, p) : decode_remote(ret_leg, b, n, p);
}

const dp_protocol dp_protocol_stargate1 = {
    .name = "stargate1",
    .title = "Stargate v1 (LayerZero v1)",
    .proves = "LayerZero's chains, bridges and nonce, which the libraries of both sides log",
    .data = "Swap with Packet; PacketReceived with SwapRemote: Ethereum, BSC, Avalanche, Polygon, "
            "Arbitrum, Optimism",
    .source = "Pool.sol, UltraLightNodeV2.sol; DefiLlama/bridges-server, adapters/stargate; "
              "l2beat/lz-monitoring",
    .is_deterministic = true,
    .decode = decode,
};

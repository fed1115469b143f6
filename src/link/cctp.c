// Circle's Cross-Chain Transfer Protocol: USDC (and EURC) is burnt here and minted there. Nobody
// holds it between: the way out is burnt, the way in is minted.
//
//   v1  DepositForBurn(nonce 7, .., domain 6, ..)     TokenMessenger of domain 0
//       MintAndWithdraw(to, amount, USDC)             TokenMessenger of domain 6, and behind it
//       MessageReceived(.., domain 0, nonce 7, ..)    MessageTransmitter
//
//   v2  the nonce is given out by Circle, off the chain: the burning event does not know it.
//       What both sides have is the message's body: token, receiver, amount, sender, highest fee,
//       hook. The executed fee and the last block are filled in on the way and are left out. Two
//       bodies can be alike to the last byte; then the oldest one that is still open counts, and
//       as they are worth the same and go to the same address, no other choice would be better.
//
// MessageSent is not needed: DepositForBurn repeats all that goes into the message. Messages of
// others pass through the same transmitter; the mint right before MessageReceived, by the
// TokenMessenger and over the body's receiver and amount, says that this one moves money.
//
// Read in: l2beat, interop/plugins/cctp/cctp-v1.plugin.ts and cctp-v2.plugin.ts (events, layout of
// message and body, what is filled in on the way); DefiLlama/bridges-server, adapters/circle
// @5a99741 (messengers, from developers.circle.com); lists of others that agree (transmitters).
// That DepositForBurn's depositor is the body's sender is from memory of TokenMessenger.sol.
#include "link/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

// DepositForBurn(uint64,address,uint256,address,bytes32,uint32,bytes32,bytes32)
static const uint8_t burnt_v1[32] = {
    0x2f, 0xa9, 0xca, 0x89, 0x49, 0x82, 0x93, 0x01, 0x90, 0x72, 0x7e, 0x75, 0x50, 0x0a, 0x97, 0xd8,
    0xdc, 0x50, 0x02, 0x33, 0xa5, 0x06, 0x5e, 0x0f, 0x31, 0x26, 0xc4, 0x8f, 0xbe, 0x03, 0x43, 0xc0};
// MessageReceived(address,uint32,uint64,bytes32,bytes)
static const uint8_t received_v1[32] = {
    0x58, 0x20, 0x0b, 0x4c, 0x34, 0xae, 0x05, 0xee, 0x81, 0x6d, 0x71, 0x00, 0x53, 0xff, 0xf3, 0xfb,
    0x75, 0xaf, 0x43, 0x95, 0x91, 0x5d, 0x3d, 0x2a, 0x77, 0x1b, 0x24, 0xaa, 0x10, 0xe3, 0xcc, 0x5d};
// MintAndWithdraw(address,uint256,address)
static const uint8_t minted_v1[32] = {
    0x1b, 0x2a, 0x7f, 0xf0, 0x80, 0xb8, 0xcb, 0x6f, 0xf4, 0x36, 0xce, 0x03, 0x72, 0xe3, 0x99, 0x69,
    0x2b, 0xbf, 0xb6, 0xd4, 0xae, 0x57, 0x66, 0xfd, 0x8d, 0x58, 0xa7, 0xb8, 0xcc, 0x61, 0x42, 0xe6};
// DepositForBurn(address,uint256,address,bytes32,uint32,bytes32,bytes32,uint256,uint32,bytes)
static const uint8_t burnt_v2[32] = {
    0x0c, 0x8c, 0x1c, 0xbd, 0xc5, 0x19, 0x06, 0x13, 0xeb, 0xd4, 0x85, 0x51, 0x1d, 0x4e, 0x28, 0x12,
    0xcf, 0xa4, 0x5e, 0xec, 0xb7, 0x9d, 0x84, 0x58, 0x93, 0x33, 0x1f, 0xed, 0xad, 0x51, 0x30, 0xa5};
// MessageReceived(address,uint32,bytes32,bytes32,uint32,bytes)
static const uint8_t received_v2[32] = {
    0xff, 0x48, 0xc1, 0x3e, 0xda, 0x96, 0xb1, 0xcc, 0xea, 0xcc, 0x6b, 0x9e, 0xde, 0xed, 0xc9, 0xe9,
    0xdb, 0x9d, 0x62, 0x26, 0xaf, 0xbc, 0x30, 0x14, 0x6b, 0x72, 0x0c, 0x19, 0xd3, 0xad, 0xdb, 0x1c};
// MintAndWithdraw(address,uint256,address,uint256)
static const uint8_t minted_v2[32] = {
    0x50, 0xc5, 0x5e, 0x91, 0x51, 0x34, 0xd4, 0x57, 0xde, 0xbf, 0xa5, 0x8e, 0xb6, 0xf4, 0x34, 0x29,
    0x56, 0xf8, 0xb0, 0x61, 0x6d, 0x51, 0xa8, 0x9a, 0x36, 0x59, 0x36, 0x01, 0x78, 0xe1, 0xab, 0x63};

enum { MESSENGER_V1 = 1, TRANSMITTER_V1, MESSENGER_V2, TRANSMITTER_V2 };
#define MESSENGER2 "0x28b5a0e9C621a5BadaA536219b3a228C8168cf5d"
#define TRANSMITTER2 "0x81D40F21F12A8F0E3252Bccb954D722d4c464B64"

static const dp_log_place contracts[] = {
    {"ethereum", "0xBd3fa81B58Ba92a82136038B25aDec7066af3155", MESSENGER_V1},
    {"ethereum", "0x0a992d191DEeC32aFe36203Ad87D7d289a738F81", TRANSMITTER_V1},
    {"avalanche", "0x6B25532e1060CE10cc3B0A99e5683b91BFDe6982", MESSENGER_V1},
    {"avalanche", "0x8186359aF5F57FbB40c6b14A588d2A59C0C29880", TRANSMITTER_V1},
    {"optimism", "0x2B4069517957735bE00ceE0fadAE88a26365528f", MESSENGER_V1},
    {"optimism", "0x4D41f22c5a0e5c74090899E5a8Fb597a8842b3e8", TRANSMITTER_V1},
    {"arbitrum", "0x19330d10D9Cc8751218eaf51E8885D058642E08A", MESSENGER_V1},
    {"arbitrum", "0xC30362313FBBA5cf9163F0bb16a0e01f01A896ca", TRANSMITTER_V1},
    {"base", "0x1682Ae6375C4E4A97e4B583BC394c861A46D8962", MESSENGER_V1},
    {"base", "0xAD09780d193884d503182aD4588450C416D6F9D4", TRANSMITTER_V1},
    {"polygon", "0x9daF8c91AEFAE50b9c0E69629D3F6Ca40cA3B3FE", MESSENGER_V1},
    {"polygon", "0xF3be9355363857F3e001be68856A2f96b4C39Ba9", TRANSMITTER_V1},
    {"ethereum", MESSENGER2, MESSENGER_V2},
    {"ethereum", TRANSMITTER2, TRANSMITTER_V2},
    {"avalanche", MESSENGER2, MESSENGER_V2},
    {"avalanche", TRANSMITTER2, TRANSMITTER_V2},
    {"optimism", MESSENGER2, MESSENGER_V2},
    {"optimism", TRANSMITTER2, TRANSMITTER_V2},
    {"arbitrum", MESSENGER2, MESSENGER_V2},
    {"arbitrum", TRANSMITTER2, TRANSMITTER_V2},
    {"base", MESSENGER2, MESSENGER_V2},
    {"base", TRANSMITTER2, TRANSMITTER_V2},
    {"polygon", MESSENGER2, MESSENGER_V2},
    {"polygon", TRANSMITTER2, TRANSMITTER_V2},
};
enum { CONTRACT_COUNT = sizeof contracts / sizeof *contracts };

static const dp_log_number domains[] = {
    {0, "ethereum"}, {1, "avalanche"}, {2, "optimism"},
    {3, "arbitrum"}, {6, "base"},      {7, "polygon"},
};
enum { DOMAIN_COUNT = sizeof domains / sizeof *domains };

static const char not_ours[] = "not one of CCTP's contracts";
static const char bad_data[] = "its data are not the event's";
static const char no_mint[] = "no mint over its receiver and amount stands before it";

static bool is_contract(const dp_block *b, uint32_t n, uint32_t role)
{
	const dp_log_place *p = dp_log_at(contracts, CONTRACT_COUNT, b->chain, b->note[n].place);
	return p != NULL && p->role == role;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

// The burn message. `version` is not kept: only one was ever used by each protocol.
typedef struct body {
	const uint8_t *token, *to, *sender; // words
	dp_u256 amount, max_fee;
	const uint8_t *hook;
	size_t hook_size, hook_seen;
} body;

// The bytes behind the message's head: packed, without offsets.
static bool read_body(body *ret_body, const uint8_t *bytes, size_t size, size_t seen, bool is_v2)
{
	enum { V1_SIZE = 4 + 4 * 32, V2_SIZE = 4 + 7 * 32 };
	if (is_v2 ? seen < V2_SIZE : (size != V1_SIZE || seen != size)) return false;
	body m = {.token = bytes + 4, .to = bytes + 36, .sender = bytes + 100};
	m.amount = dp_u256_from_be(bytes + 68, 32);
	if (is_v2) {
		m.max_fee = dp_u256_from_be(bytes + 132, 32);
		m.hook = bytes + V2_SIZE;
		m.hook_size = size - V2_SIZE;
		m.hook_seen = seen - V2_SIZE;
	}
	*ret_body = m;
	return true;
}

//- keys ------------------------------------------------------------------------------------------

static void key_v1(dp_leg *leg, uint64_t domain, uint64_t nonce)
{
	uint8_t bytes[12];
	put_u32(bytes, (uint32_t)domain);
	put_u32(bytes + 4, (uint32_t)(nonce >> 32));
	put_u32(bytes + 8, (uint32_t)nonce);
	dp_link_key(leg->key, "cctp", bytes, sizeof bytes);
	leg->has_key = true;
	if (leg->text[0] == '\0')
		(void)snprintf(leg->text, sizeof leg->text, "nonce %" PRIu64 " of domain %" PRIu64,
		               nonce, domain);
}

// A hook may be longer than what is kept of a log. Both sides' logs keep so much of it at least
// (the burn has 8 words before it, the reception 4 words and 228 bytes); the rest counts by its
// length alone, which is in the key as well.
enum { HOOK_MAX = 3072 };
_Static_assert((int)HOOK_MAX <= (int)DP_NOTE_DATA_MAX - 4 * 32 - 228, "so much is on both sides");

static void key_v2(dp_leg *leg, uint64_t from, uint64_t to, const body *m)
{
	enum { HEAD = 8 + 5 * 32 + 8 };
	uint8_t bytes[HEAD + HOOK_MAX];
	size_t hook = m->hook_size < HOOK_MAX ? m->hook_size : HOOK_MAX;
	DP_CHECK(hook <= m->hook_seen);
	put_u32(bytes, (uint32_t)from);
	put_u32(bytes + 4, (uint32_t)to);
	memcpy(bytes + 8, m->token, 32);
	memcpy(bytes + 40, m->to, 32);
	dp_u256_to_be(bytes + 72, m->amount);
	memcpy(bytes + 104, m->sender, 32);
	dp_u256_to_be(bytes + 136, m->max_fee);
	put_u32(bytes + HEAD - 8, (uint32_t)((uint64_t)m->hook_size >> 32));
	put_u32(bytes + HEAD - 4, (uint32_t)m->hook_size);
	if (hook > 0) memcpy(bytes + HEAD, m->hook, hook);
	dp_link_key(leg->key, "cctp2", bytes, HEAD + hook);
	leg->has_key = leg->has_time_key = true;
}

//- out -------------------------------------------------------------------------------------------

static bool read_burn(body *ret_body, uint32_t *ret_domain, const dp_block *b, uint32_t n,
                      bool is_v2)
{
	dp_abi a = dp_log_data_cut(b, n, 4, is_v2 ? 7 : 5);
	const dp_note *note = &b->note[n];
	body m = {.token = note->topic[is_v2 ? 1 : 2], .sender = note->topic[is_v2 ? 2 : 3]};
	m.amount = dp_abi_u256(&a);
	m.to = dp_abi_word(&a);
	*ret_domain = dp_abi_u32(&a);
	dp_abi_skip(&a, 2); // the messenger there, and who may call it
	if (is_v2) {
		m.max_fee = dp_abi_u256(&a);
		m.hook = dp_abi_bytes_cut(&a, &m.hook_size, &m.hook_seen);
	}
	if (!dp_abi_ok(&a) || dp_log_addr(m.token).kind == DP_ADDR_NONE) return false;
	if (m.hook_seen < m.hook_size && m.hook_seen < HOOK_MAX) return false;
	*ret_body = m;
	return dp_log_addr(m.sender).kind != DP_ADDR_NONE;
}

static uint32_t decode_burn(dp_leg *ret_leg, const dp_protocol *self, const dp_block *b, uint32_t n,
                            bool is_v2)
{
	body m;
	uint32_t domain;
	uint64_t here, nonce = 0;
	if (!is_contract(b, n, is_v2 ? MESSENGER_V2 : MESSENGER_V1))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, not_ours);
	bool is_read = read_burn(&m, &domain, b, n, is_v2) &&
	               (is_v2 || dp_abi_word_u64(&nonce, b->note[n].topic[1]));
	if (!is_read) return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	DP_CHECK(dp_log_number_of(&here, domains, DOMAIN_COUNT, b->chain));
	dp_leg leg = dp_log_leg(self, n, DP_LEG_OUT);
	leg.asset = dp_link_asset(b->chain, dp_log_addr(m.token).bytes);
	leg.amount = m.amount;
	leg.place_count = 1; // kind NONE: burnt
	dp_log_to(&leg, m.to);
	leg.other = dp_log_chain(domains, DOMAIN_COUNT, domain);
	leg.other_number = domain;
	if (leg.asset.v != 0 && !dp_u256_sub_over(&leg.least, m.amount, m.max_fee)) {
		leg.has_least = true;
		leg.least_decimals = (uint8_t)dp_asset_info_of(leg.asset)->decimals;
	}
	if (is_v2)
		key_v2(&leg, here, domain, &m);
	else
		key_v1(&leg, here, nonce);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

//- in --------------------------------------------------------------------------------------------

typedef struct mint {
	dp_u256 amount;
	dp_addr to, token;
} mint;

static bool read_mint(mint *ret_mint, const dp_block *b, uint32_t n, const body *m, bool is_v2)
{
	dp_abi a = dp_log_data(b, n, 3, is_v2 ? 2 : 1);
	mint t = {.amount = dp_abi_u256(&a)};
	dp_u256 fee = is_v2 ? dp_abi_u256(&a) : DP_U256_ZERO, whole;
	t.to = dp_log_addr(b->note[n].topic[1]);
	t.token = dp_log_addr(b->note[n].topic[2]);
	if (!dp_abi_ok(&a) || t.to.kind == DP_ADDR_NONE || t.token.kind == DP_ADDR_NONE ||
	    memcmp(b->note[n].topic[1], m->to, 32) != 0)
		return false;
	if (dp_u256_add_over(&whole, t.amount, fee) || !dp_u256_eq(whole, m->amount)) return false;
	*ret_mint = t;
	return true;
}

// The mint that belongs to the message received at `n`: the nearest before it, and not before
// another message's reception, to which earlier ones belong.
static bool find_mint(mint *ret_mint, const dp_block *b, uint32_t n, const body *m, bool is_v2)
{
	enum { REACH = 32 };
	for (uint32_t i = 1; i <= REACH && i <= n; i++) {
		uint32_t at = n - i;
		if (b->note[at].tx != b->note[n].tx) return false;
		if (dp_log_is(b, at, is_v2 ? received_v2 : received_v1) &&
		    is_contract(b, at, is_v2 ? TRANSMITTER_V2 : TRANSMITTER_V1))
			return false;
		if (!dp_log_is(b, at, is_v2 ? minted_v2 : minted_v1) ||
		    !is_contract(b, at, is_v2 ? MESSENGER_V2 : MESSENGER_V1))
			continue;
		if (read_mint(ret_mint, b, at, m, is_v2)) return true;
	}
	return false;
}

// Is the message's sender the TokenMessenger of the domain it comes from? Of a domain that we do
// not know nothing can be said, and the mint decides.
static bool is_messenger(uint32_t domain, const uint8_t sender[32], bool is_v2)
{
	uint8_t own[20];
	const dp_chain *chain = dp_log_chain(domains, DOMAIN_COUNT, domain);
	dp_addr a = dp_log_addr(sender);
	if (chain == NULL) return true;
	const dp_log_place *p =
	    dp_log_with(contracts, CONTRACT_COUNT, chain, is_v2 ? MESSENGER_V2 : MESSENGER_V1);
	DP_CHECK(p != NULL);
	dp_log_place_bytes(own, p);
	return a.kind == DP_ADDR_EVM && memcmp(a.bytes, own, sizeof own) == 0;
}

static uint32_t decode_received(dp_leg *ret_leg, const dp_protocol *self, const dp_block *b,
                                uint32_t n, bool is_v2)
{
	body m;
	mint t;
	size_t size = 0, seen = 0;
	uint64_t here, nonce = 0;
	if (!is_contract(b, n, is_v2 ? TRANSMITTER_V2 : TRANSMITTER_V1))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, not_ours);
	dp_abi a = dp_log_data_cut(b, n, is_v2 ? 4 : 3, 3);
	uint32_t domain = dp_abi_u32(&a);
	const uint8_t *sender = dp_abi_word(&a);
	const uint8_t *bytes = dp_abi_bytes_cut(&a, &size, &seen);
	if (!dp_abi_ok(&a) || (!is_v2 && !dp_abi_word_u64(&nonce, b->note[n].topic[2])))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	// Somebody else's message: a body of another form, or from another sender.
	if (!is_messenger(domain, sender, is_v2) || !read_body(&m, bytes, size, seen, is_v2))
		return 0;
	if (m.hook_seen < m.hook_size && m.hook_seen < HOOK_MAX)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	if (!find_mint(&t, b, n, &m, is_v2))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, no_mint);
	DP_CHECK(dp_log_number_of(&here, domains, DOMAIN_COUNT, b->chain));
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.asset = dp_link_asset(b->chain, t.token.bytes);
	leg.amount = t.amount;
	leg.place_count = 1; // kind NONE: minted
	leg.to = t.to;
	leg.other = dp_log_chain(domains, DOMAIN_COUNT, domain);
	leg.other_number = domain;
	// Whoever burnt may name another receiver until it is minted (replaceDepositForBurn of v1,
	// under the same nonce), and Circle signs the last word.
	leg.is_bound = !is_v2;
	if (is_v2)
		key_v2(&leg, domain, here, &m);
	else
		key_v1(&leg, domain, nonce);
	if (is_v2) {
		memcpy(leg.ref, b->note[n].topic[2], 32); // the nonce that Circle gave it
		leg.ref_size = 32;
	}
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode_v1(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	if (dp_log_is(b, n, burnt_v1)) return decode_burn(ret_leg, &dp_protocol_cctp, b, n, false);
	if (!dp_log_is(b, n, received_v1)) return 0;
	return decode_received(ret_leg, &dp_protocol_cctp, b, n, false);
}

static uint32_t decode_v2(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	if (dp_log_is(b, n, burnt_v2)) return decode_burn(ret_leg, &dp_protocol_cctp2, b, n, true);
	if (!dp_log_is(b, n, received_v2)) return 0;
	return decode_received(ret_leg, &dp_protocol_cctp2, b, n, true);
}

#define ON "Ethereum, Avalanche, Optimism, Arbitrum, Base, Polygon"

const dp_protocol dp_protocol_cctp = {
    .name = "cctp",
    .title = "Circle CCTP v1",
    .proves = "source domain and nonce, which the burn and the received message log",
    .data = "DepositForBurn; MessageReceived with MintAndWithdraw: " ON,
    .source = "l2beat, plugins/cctp; DefiLlama/bridges-server, adapters/circle",
    .is_deterministic = true,
    .decode = decode_v1,
};

const dp_protocol dp_protocol_cctp2 = {
    .name = "cctp2",
    .title = "Circle CCTP v2",
    .proves = "the message's body without what Circle fills in; of two alike the older one",
    .data = "DepositForBurn; MessageReceived with MintAndWithdraw: " ON,
    .source = "l2beat, plugins/cctp; DefiLlama/bridges-server, adapters/circle",
    .is_deterministic = true,
    .decode = decode_v2,
};

// Railgun: one contract a chain that takes any token in any amount, lets it change hands unseen
// inside, and pays it out again. What goes in is gone from sight; what comes out is read for leads
// (link/leads.h), never as taint.
//
//   since March 2023    Shield(uint256 tree, uint256 start, (bytes32 npk, (uint8 type, address
//                       token, uint256 id) token, uint120 value)[], (bytes32[3], bytes32)[],
//                       uint256[] fees)
//   before              the same without fees
//   first version       GeneratedCommitmentBatch(uint256 tree, uint256 start, (uint256 npk, the
//                       token, uint120 value)[], uint256[2][])
//   on the way out      Unshield(address to, token, uint256 amount, uint256 fee), in the first
//                       version called Withdraw
//
// All are without indexed arguments. `value` is what stays inside; Railgun's fee goes to its
// treasury by a transfer of its own, so it is no part of a leg. Ether is wrapped on the way in by
// another contract (RelayAdapt): what arrives here is WETH.
//
// Sources: Railgun-Privacy/contract, contracts/logic/RailgunLogic.sol and RailgunSmartWallet.sol
// (their history has all three forms); the topics as scanned by Railgun-Community/engine; addresses
// of the proxies in Railgun-Community's contract-constants.ts, and Arbitrum's in DefiLlama's
// dimension adapter.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hash.h"
#include "link/leg.h"
#include "link/log.h"
#include "link/mixer.h"

enum {
	WORD = 32,
	NOTE_WORDS = 5,   // npk, type, token, id, value
	NOTES_MAX = 1000, // commitments in an event; a cut note holds far fewer
	VALUE_BYTES = 15  // uint120
};

static const struct {
	const char *chain, *address;
} proxies[] = {
    {"ethereum", "0xFA7093CDD9EE6932B4eb2c9e1cde7CE00B1FA4b9"},
    {"arbitrum", "0xFA7093CDD9EE6932B4eb2c9e1cde7CE00B1FA4b9"},
    {"bsc", "0x590162bf4b50F6576a459B75309eE21D92178A10"},
    {"polygon", "0x19B620929f97b7b990801496c3b361CA5dEf8C71"},
};
enum { PROXY_COUNT = sizeof proxies / sizeof *proxies };

typedef enum event { SHIELD, SHIELD_OLD, SHIELD_FIRST, UNSHIELD, WITHDRAW, EVENT_COUNT } event;
static const char *const texts[EVENT_COUNT] = {
    "Shield(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[],(bytes32[3],bytes32)[],"
    "uint256[])",
    "Shield(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[],(bytes32[3],bytes32)[])",
    "GeneratedCommitmentBatch(uint256,uint256,(uint256,(uint8,address,uint256),uint120)[],"
    "uint256[2][])",
    "Unshield(address,(uint8,address,uint256),uint256,uint256)",
    "Withdraw(address,(uint8,address,uint256),uint256,uint256)",
};
static uint8_t topics[EVENT_COUNT][32];
static struct {
	const dp_chain *chain;
	uint8_t contract[20];
} proxy[PROXY_COUNT];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
	for (int i = 0; i < EVENT_COUNT; i++) dp_keccak256(topics[i], texts[i], strlen(texts[i]));
	for (int i = 0; i < PROXY_COUNT; i++) {
		dp_addr a;
		proxy[i].chain = dp_chain_find(proxies[i].chain, strlen(proxies[i].chain));
		DP_CHECK(proxy[i].chain != NULL);
		DP_CHECK(dp_addr_parse(&a, proxies[i].address, strlen(proxies[i].address),
		                       proxy[i].chain, NULL) == DP_OK);
		memcpy(proxy[i].contract, a.bytes, 20);
	}
}

static event event_of(const dp_note *n)
{
	DP_CHECK(pthread_once(&tables_once, fill_tables) == 0);
	if (n->kind != DP_NOTE_LOG || n->topic_count != 1) return EVENT_COUNT;
	event e = SHIELD;
	while (e < EVENT_COUNT && memcmp(n->topic[0], topics[e], 32) != 0) e++;
	return e;
}

static bool is_railgun(const dp_chain *chain, const uint8_t contract[20])
{
	for (int i = 0; i < PROXY_COUNT; i++)
		if (proxy[i].chain == chain && memcmp(proxy[i].contract, contract, 20) == 0)
			return true;
	return false;
}

// A word as a count or an offset; UINT32_MAX when it is larger than any here.
static uint32_t word_number(const uint8_t *word)
{
	dp_u256 v = dp_u256_from_be(word, WORD);
	return !dp_u256_fits64(v) || v.w[0] >= UINT32_MAX ? UINT32_MAX : (uint32_t)v.w[0];
}

// Type, token, id: the listed token in it. False: malformed. *ret_asset NONE: not a listed token.
static bool read_token(dp_asset *ret_asset, const dp_chain *chain, const uint8_t *word)
{
	static const uint8_t zero[WORD];
	uint32_t type = word_number(word);
	if (type > 2 || memcmp(word + WORD, zero, 12) != 0) return false;
	*ret_asset = DP_ASSET_NONE; // an NFT is none, whatever its contract
	if (type == 0) *ret_asset = dp_asset_by_contract(chain, word + WORD + 12);
	return true;
}

// The commitments of a shield, summed by token in order of first appearance. The reason why not in
// *ret_wrong. What is not on the asset list is left out.
static uint32_t read_shield(dp_asset asset[DP_LEGS_MAX], dp_u256 amount[DP_LEGS_MAX],
                            const char **ret_wrong, const dp_block *b, const dp_note *n, event e)
{
	const uint8_t *data = dp_note_data(b, n);
	uint32_t head = e == SHIELD ? 5 * WORD : 4 * WORD, size = n->data_size, kinds = 0;
	*ret_wrong = "its arguments are not the event's";
	if (size < head) return 0;
	uint32_t at = word_number(data + 2 * (size_t)WORD);
	if (at < head || at % WORD != 0 || at > size - WORD) {
		if (n->full_size > size) *ret_wrong = "too long to be seen whole";
		return 0;
	}
	uint32_t count = word_number(data + at);
	if (count > NOTES_MAX) return 0;
	const uint8_t *word = data + at + WORD;
	if (count > (size - at - WORD) / (NOTE_WORDS * WORD)) {
		if (n->full_size > size) *ret_wrong = "too long to be seen whole";
		return 0;
	}
	for (uint32_t i = 0; i < count; i++, word += (size_t)NOTE_WORDS * WORD) {
		dp_asset a;
		if (!read_token(&a, b->chain, word + WORD)) return 0;
		dp_u256 value = dp_u256_from_be(word + (size_t)4 * WORD, WORD);
		if ((value.w[1] >> 56) != 0 || (value.w[2] | value.w[3]) != 0) return 0;
		if (a.v == 0 || dp_u256_is_zero(value)) continue;
		uint32_t k = 0;
		while (k < kinds && asset[k].v != a.v) k++;
		if (k == DP_LEGS_MAX) continue;
		if (k == kinds) amount[kinds] = DP_U256_ZERO;
		if (k == kinds) asset[kinds++] = a;
		amount[k] = dp_u256_add(amount[k], value); // a thousand times 120 bits
	}
	*ret_wrong = NULL;
	return kinds;
}

// Receiver, token, amount, fee: six words.
static bool read_unshield(dp_mixer_event *io_event, const dp_block *b, const dp_note *n)
{
	static const uint8_t zero[WORD];
	const uint8_t *word = dp_note_data(b, n);
	if (n->data_size != 6 * WORD || n->full_size != 6 * WORD) return false;
	if (memcmp(word, zero, 12) != 0) return false;
	if (!read_token(&io_event->asset, b->chain, word + WORD)) return false;
	memcpy(io_event->address, word + 12, 20);
	io_event->amount = dp_u256_from_be(word + (size_t)4 * WORD, WORD);
	// Who sent it is a broadcaster of Railgun's, or the owner himself: the log does not say.
	io_event->is_relayed = memcmp(io_event->sender, io_event->address, 20) != 0;
	return io_event->asset.v != 0;
}

uint32_t dp_railgun_events(dp_mixer_event ret_event[DP_MIXER_EVENTS_MAX], const dp_block *b,
                           uint32_t at)
{
	const dp_note *n = &b->note[at];
	event what = event_of(n);
	if (what == EVENT_COUNT || !is_railgun(b->chain, n->place)) return 0;
	dp_mixer_event e;
	dp_mixer_event_start(&e, b, at);
	if (what == UNSHIELD || what == WITHDRAW) {
		e.kind = DP_MIXER_WITHDRAWAL;
		if (!read_unshield(&e, b, n)) return 0;
		ret_event[0] = e;
		return 1;
	}
	dp_asset asset[DP_LEGS_MAX];
	dp_u256 amount[DP_LEGS_MAX];
	const char *wrong;
	_Static_assert((int)DP_LEGS_MAX <= (int)DP_MIXER_EVENTS_MAX, "one event a token");
	uint32_t count = read_shield(asset, amount, &wrong, b, n, what);
	e.kind = DP_MIXER_DEPOSIT;
	memcpy(e.address, e.sender, 20);
	for (uint32_t i = 0; i < count; i++) {
		e.asset = asset[i];
		e.amount = amount[i];
		ret_event[i] = e;
	}
	return count;
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t at)
{
	DP_CHECK(at < b->note_count);
	const dp_note *n = &b->note[at];
	event what = event_of(n);
	if (what > SHIELD_FIRST || b->chain->kind != DP_CHAIN_ACCOUNT) return 0;
	dp_leg leg = {.protocol = &dp_protocol_railgun,
	              .side = DP_LEG_OUT,
	              .store = DP_STORE_MIXER,
	              .note = at,
	              .place_count = 1};
	leg.place[0] = dp_link_addr(n->place);
	dp_asset asset[DP_LEGS_MAX];
	dp_u256 amount[DP_LEGS_MAX];
	uint32_t count = 0;
	if (!is_railgun(b->chain, n->place))
		leg.refused = "not Railgun's contract";
	else
		count = read_shield(asset, amount, &leg.refused, b, n, what);
	if (leg.refused != NULL) {
		ret_leg[0] = leg;
		return 1;
	}
	leg.is_proven = true;
	for (uint32_t i = 0; i < count; i++) {
		// A rebasing token moves in shares here, and the log counts in coins: whatever
		// of it reached the contract.
		dp_asset share = dp_asset_shares(asset[i]);
		leg.asset = share.v != 0 ? share : asset[i];
		leg.all_of_it = share.v != 0;
		leg.amount = share.v != 0 ? DP_U256_ZERO : amount[i];
		(void)snprintf(leg.text, sizeof leg.text, "shield of %s",
		               dp_asset_info_of(asset[i])->symbol);
		ret_leg[i] = leg;
	}
	return dp_log_legs(ret_leg, count);
}

const dp_protocol dp_protocol_railgun = {
    .name = "railgun",
    .title = "Railgun",
    .proves = "that the money went in; nothing proves where it comes out",
    .data = "Shield, GeneratedCommitmentBatch, Unshield and Withdraw logs of its contracts on "
            "Ethereum, BNB Smart Chain, Polygon and Arbitrum",
    .source = "Railgun-Privacy/contract RailgunLogic.sol, RailgunSmartWallet.sol; "
              "Railgun-Community contract-constants.ts",
    .is_deterministic = false,
    .decode = decode,
};

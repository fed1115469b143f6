// Freezes: the issuer of a token stops an address, lets it go again, or destroys what it holds.
//
// What a listed asset's own contract says counts, and nothing else: anybody can log the same event
// from a contract of his own to make us believe that money is stopped (chain/asset.h says which
// contracts are listed). Every event here names one address, and by it and the contract the
// unfreezing finds the freezing: the key is both.
//
//   contract family            freezes              releases               destroys
//   Tether, first contract     AddedBlackList       RemovedBlackList       DestroyedBlackFunds
//   Tether, since 2020         BlockPlaced          BlockReleased          DestroyedBlockedFunds
//   Circle's FiatToken         Blacklisted          UnBlacklisted          -
//   TrueCurrency (TUSD)        Blacklisted(a, yes)  Blacklisted(a, no)     -
//   Paxos, until 2024          AddressFrozen        AddressUnfrozen        FrozenAddressWiped
//   Paxos, since               FreezeAddress        UnfreezeAddress        FrozenAddressWiped
//
// Sources: Tether's TetherToken at 0xdAC17F958D2ee523a2206206994597C13D831ec7 and tether.to's
// TetherToken with WithBlockedList; Circle's stablecoin-evm, Blacklistable.sol; trusttoken's
// contracts-pre22, TrueCurrency.sol; paxosglobal's pyusd-contract, PYUSDImplementation.sol, and
// paxos-token-contracts, PaxosTokenV2.sol.
//
// Destroying looks different in the movements: Tether's first contract logs no Transfer, all others
// burn with one. So a DESTROYED leg says what is no longer at the address or under its freeze's
// key, at most `amount`; a movement of the same transaction may have taken it already.
//
// Paxos' wiping states no amount in its event: all of it. Contracts of one family declared the
// address now indexed, now not, and the topic is the same; both are read.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hash.h"
#include "link/leg.h"
#include "link/log.h"

typedef enum deed { FREEZES = 1, RELEASES, DESTROYS, DESTROYS_ALL, SWITCHES } deed;

typedef struct row {
	const char *event;
	deed deed;
	uint32_t args; // the address, and an amount or a yes or no behind it
	uint8_t topic[32];
} row;

static row rows[] = {
    {"AddedBlackList(address)", FREEZES, 1, {0}},
    {"RemovedBlackList(address)", RELEASES, 1, {0}},
    {"DestroyedBlackFunds(address,uint256)", DESTROYS, 2, {0}},
    {"BlockPlaced(address)", FREEZES, 1, {0}},
    {"BlockReleased(address)", RELEASES, 1, {0}},
    {"DestroyedBlockedFunds(address,uint256)", DESTROYS, 2, {0}},
    {"Blacklisted(address)", FREEZES, 1, {0}},
    {"UnBlacklisted(address)", RELEASES, 1, {0}},
    {"Blacklisted(address,bool)", SWITCHES, 2, {0}},
    {"AddressFrozen(address)", FREEZES, 1, {0}},
    {"AddressUnfrozen(address)", RELEASES, 1, {0}},
    {"FreezeAddress(address)", FREEZES, 1, {0}},
    {"UnfreezeAddress(address)", RELEASES, 1, {0}},
    {"FrozenAddressWiped(address)", DESTROYS_ALL, 1, {0}},
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };
static pthread_once_t rows_once = PTHREAD_ONCE_INIT;

// The topic of an event is the Keccak-256 of its text: written once, it cannot disagree.
static void fill_rows(void)
{
	for (int i = 0; i < ROW_COUNT; i++)
		dp_keccak256(rows[i].topic, rows[i].event, strlen(rows[i].event));
}

static const row *find_row(const uint8_t topic[32])
{
	DP_CHECK(pthread_once(&rows_once, fill_rows) == 0);
	for (int i = 0; i < ROW_COUNT; i++)
		if (memcmp(rows[i].topic, topic, 32) == 0) return &rows[i];
	return NULL;
}

// The event's arguments as words, indexed ones first as the log has them. False: not its form.
static bool read_args(const uint8_t *ret_word[2], const row *r, const dp_block *b, const dp_note *n)
{
	uint32_t count = 0;
	if (n->data_size != n->full_size || n->data_size % 32 != 0) return false;
	if ((n->topic_count - 1u) + n->data_size / 32 != r->args) return false;
	for (uint32_t i = 1; i < n->topic_count; i++) ret_word[count++] = n->topic[i];
	for (uint32_t i = 0; i < n->data_size / 32; i++)
		ret_word[count++] = dp_note_data(b, n) + (size_t)32 * i;
	DP_CHECK(count == r->args);
	return true;
}

// Why the words cannot be what the event says, or NULL.
static const char *wrong_args(const row *r, const uint8_t *const word[2])
{
	static const uint8_t zero[32];
	DP_CHECK(word[0] != NULL && (r->deed != SWITCHES || word[1] != NULL));
	if (memcmp(word[0], zero, 12) != 0) return "its first argument is no address";
	if (memcmp(word[0] + 12, zero, 20) == 0) return "it names no address";
	if (r->deed == SWITCHES && (memcmp(word[1], zero, 31) != 0 || word[1][31] > 1))
		return "its second argument is neither yes nor no";
	return NULL;
}

static void fill_leg(dp_leg *leg, const row *r, const dp_note *n, const uint8_t *const word[2])
{
	deed what = r->deed;
	if (what == SWITCHES) what = word[1][31] == 1 ? FREEZES : RELEASES;
	uint8_t both[40];
	memcpy(both, n->place, 20);
	memcpy(both + 20, word[0] + 12, 20);
	dp_link_key(leg->key, "freeze", both, sizeof both);
	leg->has_key = true;
	leg->is_proven = true;
	leg->side = what == RELEASES ? DP_LEG_IN : DP_LEG_OUT;
	leg->store = what == FREEZES || what == RELEASES ? DP_STORE_FROZEN : DP_STORE_DESTROYED;
	leg->place[0] = dp_link_addr(word[0] + 12);
	leg->place_count = 1;
	if (what == RELEASES) leg->to = leg->place[0];
	leg->all_of_it = what != DESTROYS;
	if (what == DESTROYS) leg->amount = dp_u256_from_be(word[1], 32);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t at)
{
	DP_CHECK(at < b->note_count);
	const dp_note *n = &b->note[at];
	if (n->kind != DP_NOTE_LOG || n->topic_count == 0) return 0;
	const row *r = find_row(n->topic[0]);
	if (r == NULL || b->chain->kind != DP_CHAIN_ACCOUNT) return 0;
	dp_leg leg = {.protocol = &dp_protocol_freeze, .note = at, .side = DP_LEG_OUT};
	const uint8_t *word[2] = {0};
	leg.store = DP_STORE_FROZEN;
	leg.asset = dp_asset_by_contract(b->chain, n->place);
	size_t size = strcspn(r->event, "(");
	(void)snprintf(leg.text, sizeof leg.text, "%s %.*s",
	               leg.asset.v == 0 ? "?" : dp_asset_info_of(leg.asset)->symbol, (int)size,
	               r->event);
	if (leg.asset.v == 0)
		leg.refused = "not the contract of a listed asset";
	else if (!read_args(word, r, b, n))
		leg.refused = "its arguments are not the event's";
	else
		leg.refused = wrong_args(r, word);
	if (leg.refused == NULL) fill_leg(&leg, r, n, word);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

const dp_protocol dp_protocol_freeze = {
    .name = "freeze",
    .title = "Freezes by issuers",
    .proves = "the token's own contract names the address; releasing names the same one",
    .data = "logs of listed tokens: AddedBlackList, BlockPlaced, Blacklisted, AddressFrozen, "
            "FreezeAddress, what takes each back, and DestroyedBlackFunds, "
            "DestroyedBlockedFunds, FrozenAddressWiped",
    .source = "contracts of Tether, Circle (stablecoin-evm), Paxos (paxos-token-contracts, "
              "pyusd-contract) and TrueCurrency",
    .is_deterministic = true,
    .decode = decode,
};

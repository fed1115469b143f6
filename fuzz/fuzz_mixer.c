// Logs of mixers and issuers from hostile bytes, and leads among the events that come of them.
// Invariants: a leg is refused with a reason or proven, never both; only freezes have keys; legs
// and events of one note say the same; leads list events that there are, deposits of the case
// before withdrawals; a second run gives the same.
//
// One byte chooses the event, one the contract, one how many words are topics (low bits), whether
// the case paid and whether a new transaction begins, one how many words there are; then each word
// is two bytes: what it begins with (zeros, an address of few, 0xff) and its last byte.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "link/leads.h"
#include "link/leg.h"
#include "../tests/support/notes_maker.h"

static const char *const texts[] = {
    "Deposit(bytes32,uint32,uint256)",
    "Withdrawal(address,bytes32,address,uint256)",
    "Shield(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[],(bytes32[3],bytes32)[],"
    "uint256[])",
    "Shield(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[],(bytes32[3],bytes32)[])",
    "GeneratedCommitmentBatch(uint256,uint256,(uint256,(uint8,address,uint256),uint120)[],"
    "uint256[2][])",
    "Unshield(address,(uint8,address,uint256),uint256,uint256)",
    "Withdraw(address,(uint8,address,uint256),uint256,uint256)",
    "AddedBlackList(address)",
    "RemovedBlackList(address)",
    "DestroyedBlackFunds(address,uint256)",
    "Blacklisted(address)",
    "Blacklisted(address,bool)",
    "FrozenAddressWiped(address)",
    "Nothing()",
};
static const char *const places[] = {
    "0x12d66f87a04a9e220743712ce6d9bb1b5616b8fc", "0x47ce0c6ed5b0ce3d3a51fdb1c52dc66a7c3c2936",
    "0xa160cdab225685da1d56aa342ad8841c3b53f291", "0xfa7093cdd9ee6932b4eb2c9e1cde7ce00b1fa4b9",
    "0xdac17f958d2ee523a2206206994597c13d831ec7", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
    "0x6c3ea9036406852006290770bedfcaba0e23a0e8", "0x00000000000000000000000000000000000000ee",
};
enum { TEXTS = sizeof texts / sizeof *texts, PLACES = sizeof places / sizeof *places };
enum { NOTES_MAX = 200, WORDS_MAX = 40 };

static dp_mixer_event event[NOTES_MAX * DP_MIXER_EVENTS_MAX];

static nm_word word_of(uint8_t how, uint8_t last)
{
	nm_word w = nm_number(last);
	if (how % 8 == 1) w = nm_address(places[last % PLACES]);
	if (how % 8 == 2) w = nm_number((uint64_t)last * 32);
	if (how % 8 == 3) memset(w.b, 0xff, 31);
	if (how % 8 == 4) w.b[31 - how / 8] = last;
	return w;
}

// Notes, in transactions of a block each.
static const dp_block *block_of(dp_block_builder *b, uint8_t *case_of, const uint8_t *data,
                                size_t size)
{
	uint32_t notes = 0;
	nm_start(b, "ethereum", 5, 100);
	for (size_t at = 0; at + 4 <= size && notes < NOTES_MAX;) {
		const uint8_t *h = data + at;
		nm_word word[WORDS_MAX];
		uint32_t words = h[3] % WORDS_MAX, topics = h[2] % 4, n = 0;
		at += 4;
		if (notes == 0 || (h[2] & 8) != 0) {
			nm_tx(b, notes);
			nm_gas(b, 1000000000u + h[2] / 32, places[h[2] % PLACES]);
			case_of[b->block.note_count - 1] = 0;
		}
		for (; n < words && at + 2 <= size; at += 2)
			word[n++] = word_of(data[at], data[at + 1]);
		if (topics > n) topics = n;
		dp_note *note =
		    nm_log(b, places[h[1] % PLACES], texts[h[0] % TEXTS], word, topics, n);
		if (h[1] == 0xff) note->full_size++;
		case_of[b->block.note_count - 1] = (h[2] & 16) != 0;
		notes++;
	}
	return nm_finish(b);
}

static void check_leg(const dp_leg *leg, const dp_protocol *protocol, uint32_t note)
{
	DP_CHECK(leg->protocol == protocol && leg->note == note);
	DP_CHECK(leg->is_proven == (leg->refused == NULL));
	DP_CHECK(memchr(leg->text, '\0', sizeof leg->text) != NULL);
	if (leg->refused != NULL) {
		DP_CHECK(!leg->has_key && dp_u256_is_zero(leg->amount));
		return;
	}
	DP_CHECK(leg->has_key == (protocol == &dp_protocol_freeze));
	DP_CHECK(leg->place_count == 1 && leg->place[0].kind == DP_ADDR_EVM);
	DP_CHECK(leg->asset.v != 0 && leg->amount.w[3] >> 56 == 0);
	DP_CHECK(leg->side == DP_LEG_OUT || leg->store == DP_STORE_FROZEN);
}

static uint32_t check_note(const dp_block *b, uint32_t n, dp_mixer_event *ret_event)
{
	static const dp_protocol *const protocols[] = {&dp_protocol_freeze, &dp_protocol_tornado,
	                                               &dp_protocol_railgun};
	uint32_t into = 0, events = dp_mixer_events_of_note(ret_event, b, n), deposits = 0;
	for (int p = 0; p < 3; p++) {
		dp_leg leg[DP_LEGS_MAX];
		uint32_t count = protocols[p]->decode(leg, b, n);
		DP_CHECK(count <= DP_LEGS_MAX);
		for (uint32_t i = 0; i < count; i++) {
			check_leg(&leg[i], protocols[p], n);
			into += leg[i].refused == NULL && leg[i].store == DP_STORE_MIXER;
		}
	}
	for (uint32_t i = 0; i < events; i++) deposits += ret_event[i].kind == DP_MIXER_DEPOSIT;
	DP_CHECK(deposits == into && (deposits == 0 || deposits == events));
	return events;
}

static void check_lead(const dp_leads *l, const dp_lead *d, uint32_t count)
{
	uint32_t last = 0, first = UINT32_MAX;
	DP_CHECK(d->kind < DP_LEAD_KIND_COUNT && d->confidence >= 1 && d->confidence <= 100);
	DP_CHECK(d->listed_in >= 1 && d->listed_in <= d->deposits && d->set >= 1);
	DP_CHECK(d->listed_out >= 1 && d->listed_out <= d->withdrawals);
	DP_CHECK(d->text[0] != '\0' && memchr(d->text, '\0', sizeof d->text) != NULL);
	for (uint32_t i = 0; i < d->listed_in; i++) {
		uint32_t e = l->event[d->deposit + i];
		DP_CHECK(e < count && event[e].is_case && event[e].kind == DP_MIXER_DEPOSIT);
		if (e < first) first = e;
	}
	for (uint32_t i = 0; i < d->listed_out; i++) {
		uint32_t e = l->event[d->withdrawal + i];
		DP_CHECK(e < count && event[e].kind == DP_MIXER_WITHDRAWAL);
		if (e > last) last = e;
	}
	DP_CHECK(first < last);
}

static void find(uint32_t count)
{
	dp_leads a, b;
	dp_lead_link link[2] = {{{0}, {0}}, {{0}, {0}}};
	dp_leads_options o = dp_leads_options_default();
	o.burst_min = 2;
	for (uint32_t i = 0; i < 2 && i < count; i++) {
		memcpy(link[i].a, event[i].address, 20);
		memcpy(link[i].b, event[count - 1 - i].address, 20);
	}
	DP_CHECK(dp_leads_find(&a, event, count, link, 2, &o, NULL) == DP_OK);
	DP_CHECK(dp_leads_find(&b, event, count, link, 2, &o, NULL) == DP_OK);
	DP_CHECK(a.count == b.count && !a.is_cut);
	for (uint32_t i = 0; i < a.count; i++) {
		check_lead(&a, &a.lead[i], count);
		DP_CHECK(memcmp(&a.lead[i], &b.lead[i], sizeof *a.lead) == 0);
	}
	dp_leads_done(&a);
	dp_leads_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static dp_block_builder builder;
	static uint8_t case_of[2 * NOTES_MAX + 1];
	const dp_block *b = block_of(&builder, case_of, data, size);
	uint32_t count = 0;
	for (uint32_t n = 0; n < b->note_count; n++) {
		uint32_t more = check_note(b, n, event + count);
		for (uint32_t i = count; i < count + more; i++) {
			event[i].is_case = event[i].kind == DP_MIXER_DEPOSIT && case_of[n];
			event[i].height = n;
			event[i].time = 60 * (int64_t)n;
		}
		count += more;
	}
	find(count);
	return 0;
}

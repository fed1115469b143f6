// Finds what two sides share: uses are sorted by address, uses of one address and one case are put
// together, and each pair of cases that meet at an address is judged once.
//
// The weights are judgement, in the order in which published attributions lean on such things: a
// key that both used is nearly proof; who paid the first gas, where money is gathered and which
// customer's account got it are choices of one hand, but may be a hired hand's; money that met in
// one wallet has been the strongest published evidence for Lazarus, and is weaker here because the
// wallet may be a service's that nobody has named yet.
#include "technique/overlap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "technique/flow_file.h"

enum { MILLI = 1000, EVM_TEXT = 42 };
// Cases at one address are compared each with each: where thousands meet thousands (nobody's cases
// do), it ends here and says how many were left out.
#define PAIRS_MAX ((uint64_t)1 << 28)

static const dp_overlap_row rows[DP_OVERLAP_KIND_COUNT] = {
    [DP_OVERLAP_WALLET] = {"shared-wallet", "the wallet of both", 950,
                           "One key signed in both. Keys can be sold or stolen, which is rare."},
    [DP_OVERLAP_GAS] = {"same-gas-funder", "paid the first gas in both", 800,
                        "A new wallet cannot move until somebody who knows of it pays its gas; a "
                        "paymaster or an unnamed service might."},
    [DP_OVERLAP_GATHERING] = {"same-gathering", "both gather in it", 800,
                              "Whoever gathers money can spend it; it may be one launderer whom "
                              "two thieves hired."},
    [DP_OVERLAP_DEPOSIT] = {"same-deposit-address", "both pay into this customer's account", 750,
                            "One customer got both; he may be a trader who buys from anybody."},
    [DP_OVERLAP_COMINGLED] = {"co-mingling", "money of both met in it and was spent on", 700,
                              "Strong if it is a wallet; worth nothing if it is a service that "
                              "nobody has named."},
    [DP_OVERLAP_EXPOSURE] = {"exposure", "one paid the other's; that shares no control", 0,
                             "Anybody can pay anybody."},
};

const dp_overlap_row *dp_overlap_rows(uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	*ret_count = DP_OVERLAP_KIND_COUNT;
	return rows;
}

//- addresses -------------------------------------------------------------------------------------

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_evm(const char *text)
{
	if (strlen(text) != EVM_TEXT || text[0] != '0' || lower(text[1]) != 'x') return false;
	return strspn(text + 2, "0123456789abcdefABCDEF") == EVM_TEXT - 2;
}

// One use, with the side it stands on.
typedef struct entry {
	const dp_use *use;
	uint32_t index;
	bool theirs, evm;
} entry;

static int compare_evm(const char *a, const char *b)
{
	for (int i = 0; i < EVM_TEXT; i++)
		if (lower(a[i]) != lower(b[i])) return lower(a[i]) < lower(b[i]) ? -1 : 1;
	return 0;
}

static int compare_addresses(const entry *x, const entry *y)
{
	if (x->evm != y->evm) return x->evm ? -1 : 1;
	return x->evm ? compare_evm(x->use->address, y->use->address)
	              : strcmp(x->use->address, y->use->address);
}

// By address, then side, then whose, then chain unless it does not matter, then as they were given.
static int by_address(const void *a, const void *b)
{
	const entry *x = a, *y = b;
	int order = compare_addresses(x, y);
	if (order != 0) return order;
	if (x->theirs != y->theirs) return x->theirs ? 1 : -1;
	order = strcmp(x->use->whose, y->use->whose);
	if (order != 0) return order;
	if (!x->evm) order = strcmp(x->use->chain, y->use->chain);
	if (order != 0) return order;
	return x->index < y->index ? -1 : x->index > y->index;
}

//- judging ---------------------------------------------------------------------------------------

// What one case did with one address, all its uses together.
typedef struct side {
	const entry *first; // [first, end) are of one whose
	const entry *end;
	uint32_t use, is, share_ppm;
	bool was_said, said_before; // somebody's word; some of it before the other's theft
} side;

static side side_of(const entry *first, const entry *end)
{
	side s = {.first = first, .end = first + 1};
	while (s.end < end && s.end->theirs == first->theirs &&
	       strcmp(s.end->use->whose, first->use->whose) == 0 &&
	       (first->evm || strcmp(s.end->use->chain, first->use->chain) == 0))
		s.end++;
	for (const entry *e = s.first; e < s.end; e++) {
		s.use |= e->use->use;
		s.is |= e->use->is;
		bool is_word = (e->use->use & DP_USE_CLAIMED) != 0;
		s.was_said |= is_word;
		s.said_before |= is_word && !e->use->said_after;
		if (e->use->share_ppm > s.share_ppm) s.share_ppm = e->use->share_ppm;
	}
	return s;
}

static bool begins(const side *s)
{
	return (s->use & (DP_USE_ROOT | DP_USE_CLAIMED)) != 0;
}

// Did enough of the case's money pass it, that nobody would have given it away?
static bool passes(const side *s)
{
	if ((s->use & DP_USE_ROOT) != 0) return true;
	return (s->use & DP_USE_SPENDS) != 0 &&
	       (s->share_ppm == 0 || s->share_ppm >= DP_OVERLAP_SHARE_MIN);
}

// Does it hold the address by the case's own doing or by somebody's word? That money was paid to it
// is neither.
static bool controls(const side *s)
{
	return begins(s) || passes(s) || (s->use & (DP_USE_GATHERS | DP_USE_FUNDS_GAS)) != 0;
}

static bool is_paid(const side *s)
{
	return (s->use & (DP_USE_RECEIVES | DP_USE_SPENDS)) != 0;
}

static bool both(const side *a, const side *b, uint32_t use)
{
	return (a->use & use) != 0 && (b->use & use) != 0;
}

static bool is_on_word(const side *s)
{
	return (s->use & DP_USE_CLAIMED) != 0 && (s->use & DP_USE_ROOT) == 0;
}

// Which kinds a pair is, as a set.
static uint32_t kinds_of(const side *a, const side *b)
{
	uint32_t is = a->is | b->is, kinds = 0;
	if ((is & DP_USE_SERVICE) != 0) return 0; // sharing a service is sharing a bus
	if (both(a, b, DP_USE_DEPOSIT)) return 1u << DP_OVERLAP_DEPOSIT;
	// An address that is a customer's at a service is the service's to spend from.
	if (((a->use | b->use) & DP_USE_DEPOSIT) != 0) return 0;
	bool contract = (is & DP_USE_CONTRACT) != 0;
	if (begins(a) && begins(b) && !contract) kinds |= 1u << DP_OVERLAP_WALLET;
	if (both(a, b, DP_USE_FUNDS_GAS) || ((a->use & DP_USE_FUNDS_GAS) != 0 && begins(b)) ||
	    ((b->use & DP_USE_FUNDS_GAS) != 0 && begins(a)))
		kinds |= 1u << DP_OVERLAP_GAS;
	if (both(a, b, DP_USE_GATHERS) && !contract) kinds |= 1u << DP_OVERLAP_GATHERING;
	bool met = (passes(a) && (passes(b) || begins(b))) || (passes(b) && begins(a));
	if (met && !contract && kinds == 0) kinds |= 1u << DP_OVERLAP_COMINGLED;
	if (kinds == 0 && ((is_paid(a) && controls(b)) || (is_paid(b) && controls(a))))
		kinds |= 1u << DP_OVERLAP_EXPOSURE;
	return kinds;
}

static uint32_t weight_of(dp_overlap_kind kind, const side *a, const side *b, bool by_word)
{
	uint32_t weight = rows[kind].weight;
	if (by_word) weight = weight * 3 / 4;
	bool unknown = (a->share_ppm == 0 && !begins(a)) || (b->share_ppm == 0 && !begins(b));
	if (kind == DP_OVERLAP_COMINGLED && unknown) weight /= 2;
	return weight;
}

//- finding ---------------------------------------------------------------------------------------

typedef struct search {
	dp_overlaps *found;
	uint64_t cap;
	uint64_t pairs; // judged so far
	uint32_t rest;  // thousandths: product of 1000 - weight over addresses
} search;

// Addresses that are not EVM's are keys on their own chain only (the same hash may be shown in two
// spellings, and be nobody's on the other chain).
static bool chains_fit(const side *a, const side *b)
{
	if (a->first->evm) return true;
	const char *x = a->first->use->chain, *y = b->first->use->chain;
	return x[0] == 0 || y[0] == 0 || strcmp(x, y) == 0;
}

static dp_code judge(search *s, const side *a, const side *b, uint32_t *io_heaviest,
                     dp_fault *fault)
{
	DP_CHECK(a->use != 0 && b->use != 0);
	if (strcmp(a->first->use->whose, b->first->use->whose) == 0 || !chains_fit(a, b))
		return DP_OK;
	uint32_t kinds = kinds_of(a, b);
	for (uint32_t k = 0; k < DP_OVERLAP_KIND_COUNT; k++) {
		if ((kinds & 1u << k) == 0) continue;
		if (s->found->count == DP_OVERLAP_FOUND_MAX) {
			s->found->left_out++;
			continue;
		}
		dp_overlap o = {
		    .kind = (dp_overlap_kind)k, .mine = a->first->index, .theirs = b->first->index};
		o.by_claim = is_on_word(a) || is_on_word(b);
		o.may_be_itself = is_on_word(b) && b->was_said && !b->said_before;
		o.weight = o.may_be_itself ? 0 : weight_of(o.kind, a, b, o.by_claim);
		o.other_chain = strcmp(a->first->use->chain, b->first->use->chain) != 0;
		if (o.weight > *io_heaviest) *io_heaviest = o.weight;
		DP_TRY(dp_grow((void **)&s->found->item, &s->cap, sizeof o,
		               (uint64_t)s->found->count + 1, DP_OVERLAP_FOUND_MAX, fault));
		s->found->item[s->found->count++] = o;
	}
	return DP_OK;
}

// All uses of one address: each of my cases with each of theirs.
static dp_code judge_address(search *s, const entry *first, const entry *end, dp_fault *fault)
{
	const entry *split = first;
	while (split < end && !split->theirs) split++;
	uint32_t heaviest = 0;
	for (side a = {.end = first}; a.end < split;) {
		a = side_of(a.end, split);
		for (side b = {.end = split}; b.end < end;) {
			if (s->found->count == DP_OVERLAP_FOUND_MAX || s->pairs == PAIRS_MAX) {
				s->found->left_out += (uint64_t)(end - b.end);
				break;
			}
			b = side_of(b.end, end);
			s->pairs++;
			if (a.use != 0 && b.use != 0) DP_TRY(judge(s, &a, &b, &heaviest, fault));
		}
	}
	s->rest = s->rest * (MILLI - heaviest) / MILLI;
	return DP_OK;
}

static int by_weight(const void *a, const void *b)
{
	const dp_overlap *x = a, *y = b;
	if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
	if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
	if (x->mine != y->mine) return x->mine < y->mine ? -1 : 1;
	return x->theirs < y->theirs ? -1 : x->theirs > y->theirs;
}

static void enter(entry *at, const dp_use *use, uint32_t count, bool theirs)
{
	for (uint32_t i = 0; i < count; i++) {
		DP_CHECK(use[i].address != NULL && use[i].chain != NULL && use[i].whose != NULL);
		at[i] = (entry){
		    .use = &use[i], .index = i, .theirs = theirs, .evm = is_evm(use[i].address)};
	}
}

static dp_code search_all(search *s, entry *e, uint32_t count, dp_fault *fault)
{
	if (count > 0) qsort(e, count, sizeof *e, by_address);
	for (uint32_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && compare_addresses(&e[i], &e[end]) == 0; end++) {}
		DP_TRY(judge_address(s, e + i, e + end, fault));
	}
	if (s->found->count > 0)
		qsort(s->found->item, s->found->count, sizeof *s->found->item, by_weight);
	s->found->weight = MILLI - s->rest;
	return DP_OK;
}

dp_code dp_overlap_find(dp_overlaps *ret_found, const dp_use *mine, uint32_t mine_count,
                        const dp_use *theirs, uint32_t theirs_count, dp_fault *fault)
{
	DP_CHECK(ret_found != NULL);
	if (mine_count > DP_OVERLAP_USES_MAX || theirs_count > DP_OVERLAP_USES_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d addresses to compare",
		               DP_OVERLAP_USES_MAX);
	uint32_t count = mine_count + theirs_count;
	entry *e = dp_alloc(((size_t)count + 1) * sizeof *e);
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for comparing addresses");
	enter(e, mine, mine_count, false);
	enter(e + mine_count, theirs, theirs_count, true);
	dp_overlaps found = {0};
	search s = {.found = &found, .rest = MILLI};
	dp_code code = search_all(&s, e, count, fault);
	dp_free(e);
	if (code != DP_OK) {
		dp_overlaps_done(&found);
		return code;
	}
	*ret_found = found;
	return DP_OK;
}

void dp_overlaps_done(dp_overlaps *found)
{
	dp_free(found->item);
	*found = (dp_overlaps){0};
}

//- words -----------------------------------------------------------------------------------------

static size_t format_side(char *out, size_t size, const dp_use *use)
{
	bool said = use->says != NULL && use->says[0] != 0;
	bool is_later = said && use->said_after;
	int n =
	    snprintf(out, size, "%s%s%s%s%s%s%s%s", use->whose, use->chain[0] != 0 ? " on " : "",
	             use->chain, said ? " by the word of " : "", said ? use->says : "",
	             is_later ? ", which came after this theft" : "",
	             is_later && use->said != NULL && use->said[0] != 0 ? " on " : "",
	             is_later && use->said != NULL ? use->said : "");
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

size_t dp_overlap_format(char *out, size_t size, const dp_overlap *o, const dp_use *mine,
                         const dp_use *theirs)
{
	DP_CHECK(size > 0 && (unsigned)o->kind < DP_OVERLAP_KIND_COUNT);
	const dp_use *my = &mine[o->mine], *their = &theirs[o->theirs];
	bool pays_mine = (my->use & DP_USE_FUNDS_GAS) != 0;
	bool pays_theirs = (their->use & DP_USE_FUNDS_GAS) != 0;
	char a[300], b[300];
	int n;
	format_side(a, sizeof a, my);
	format_side(b, sizeof b, their);
	if (o->kind != DP_OVERLAP_GAS || (pays_mine && pays_theirs))
		n = snprintf(out, size, "%s: %s (%s, %s)", my->address, rows[o->kind].words, a, b);
	else
		n = snprintf(out, size,
		             "%s: paid the first gas in one (%s) and is the other's own (%s)",
		             my->address, pays_mine ? a : b, pays_mine ? b : a);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

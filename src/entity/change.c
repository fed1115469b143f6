// The change heuristics, see change.h. Each is written as its authors have it; where two sources
// give one rule different names (address_reuse, direct_change) both are there.
#include "entity/change.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	POWER_OF_TEN = 1000000, // six digits: 0.01 coins
	ROUND_THOUSAND = 1000,  // one_time: what ends in three zeros was typed by somebody
	ONE_TIME_OUTPUTS_MIN = 2,
	ONE_TIME_OUTPUTS_MAX = 10,
	CHAIN_INPUTS = 1,
	CHAIN_OUTPUTS = 2,
	COINJOIN_INPUTS_MIN = 2, // BlockSci's isCoinjoin
	COINJOIN_OUTPUTS_MIN = 3,
	DUST = 546,
	DUST_OTHER = 2730
};
#define NONE UINT32_MAX

// What is asked of a transaction as a whole, counted once: whoever makes one chooses how many
// inputs and outputs it has, and counting for each output anew would take as long as their product.
typedef struct facts {
	uint64_t least; // input
	bool is_one_kind;
	bool is_peeling;
	uint32_t legacy, one_time; // the only output that these keep
} facts;

void dp_change_done(dp_change *t)
{
	dp_free(t->in);
	dp_free(t->out);
	dp_free(t->sorted);
	*t = (dp_change){0};
}

uint32_t dp_change_all(void)
{
	uint32_t all = 0;
	for (uint32_t h = DP_H_CHANGE_ADDRESS_TYPE; h <= DP_H_CHANGE_DIRECT; h++) all |= 1u << h;
	return all;
}

uint32_t dp_change_unanswerable(void)
{
	return 1u << DP_H_CHANGE_LOCKTIME | 1u << DP_H_CHANGE_FIXED_FEE;
}

uint32_t dp_change_future(void)
{
	return 1u << DP_H_CHANGE_PEELING | 1u << DP_H_CHANGE_ONE_TIME;
}

//- of the whole transaction ----------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

// BlockSci's isCoinjoin (tx_identification.cpp): half of the outputs, rounded up, are of one value,
// exactly so many and no dust, and as many addresses pay. Outputs that nobody can spend count.
static bool is_blocksci_coinjoin(const dp_change *t, const uint64_t *value)
{
	uint32_t half = (t->out_count + 1) / 2, most = 0;
	bool is = false;
	if (t->in_count < COINJOIN_INPUTS_MIN || t->out_count < COINJOIN_OUTPUTS_MIN) return false;
	if (t->sorted_count < half) return false;
	for (uint32_t i = 0, end; i < t->out_count; i = end) {
		for (end = i + 1; end < t->out_count && value[end] == value[i];) end++;
		if (end - i > most) most = end - i;
		is = is || (end - i == half && value[i] != DUST && value[i] != DUST_OTHER);
	}
	return is && most == half;
}

dp_code dp_change_note(dp_change *t, uint32_t heuristics, dp_fault *fault)
{
	DP_CHECK(t != NULL && t->in_count > 0);
	uint32_t asks = 1u << DP_H_CHANGE_REUSE | 1u << DP_H_CHANGE_DIRECT;
	bool is_legacy = (heuristics >> DP_H_CHANGE_LEGACY & 1) != 0;
	t->sorted_count = 0;
	t->is_coinjoin = false;
	if ((heuristics & asks) == 0 && !is_legacy) return DP_OK;
	uint64_t most = (uint64_t)t->in_count + t->out_count;
	void *items = t->sorted;
	DP_TRY(dp_grow(&items, &t->sorted_cap, sizeof *t->sorted, most, UINT32_MAX, fault));
	t->sorted = items;
	for (uint32_t i = 0; i < t->in_count; i++) t->sorted[i] = t->in[i].number;
	qsort(t->sorted, t->in_count, sizeof *t->sorted, by_value);
	for (uint32_t i = 0; i < t->in_count; i++)
		if (i == 0 || t->sorted[i] != t->sorted[t->sorted_count - 1])
			t->sorted[t->sorted_count++] = t->sorted[i];
	if (!is_legacy) return DP_OK;
	uint64_t *value = t->sorted + t->in_count;
	for (uint32_t i = 0; i < t->out_count; i++) value[i] = t->out[i].value;
	if (t->out_count > 0) qsort(value, t->out_count, sizeof *value, by_value);
	t->is_coinjoin = is_blocksci_coinjoin(t, value);
	return DP_OK;
}

static uint64_t least_input(const dp_change *t)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < t->in_count; i++)
		if (t->in[i].value < least) least = t->in[i].value;
	return least;
}

static bool is_one_kind(const dp_change *t)
{
	for (uint32_t i = 1; i < t->in_count; i++)
		if (t->in[i].kind != t->in[0].kind) return false;
	return true;
}

// A peeling chain: one input and two outputs, and a neighbour that looks so, too. A spender that
// looks so is a chain by this one's looking so.
static bool is_peeling(const dp_change *t)
{
	if (t->in_count != CHAIN_INPUTS || t->out_count != CHAIN_OUTPUTS) return false;
	bool is_chain = t->input_from_chain;
	for (uint32_t i = 0; i < t->out_count; i++)
		is_chain = is_chain || t->out[i].fate == DP_FATE_SPENT_BY_CHAIN;
	return is_chain;
}

// Exactly one output is both new and smaller than each input (Meiklejohn et al. 2013 and after).
static uint32_t legacy_output(const dp_change *t, uint64_t least)
{
	uint32_t spendable = 0, candidates = 0, only = NONE;
	if (t->is_coinjoin) return NONE;
	for (uint32_t i = 0; i < t->out_count; i++) {
		if (t->out[i].kind == DP_ADDR_NULLDATA) continue;
		spendable++;
		if (t->out[i].value >= least || !t->out[i].is_fresh) continue;
		candidates++;
		only = i;
	}
	return spendable > 1 && candidates == 1 ? only : NONE;
}

static bool is_one_time(const dp_change *t, const facts *f, uint32_t o)
{
	const dp_change_end *e = &t->out[o];
	uint32_t times = 0;
	if (e->number == UINT32_MAX || !e->is_fresh || !e->is_only) return false;
	for (uint32_t i = 0; i < t->out_count; i++) times += t->out[i].number == e->number;
	return times == 1 && f->is_one_kind && e->kind == t->in[0].kind &&
	       e->value % ROUND_THOUSAND != 0 && e->value < f->least;
}

static uint32_t one_time_output(const dp_change *t, const facts *f)
{
	uint32_t candidates = 0, only = NONE;
	if (t->out_count < ONE_TIME_OUTPUTS_MIN || t->out_count > ONE_TIME_OUTPUTS_MAX) return NONE;
	for (uint32_t i = 0; i < t->out_count; i++) {
		if (!is_one_time(t, f, i)) continue;
		candidates++;
		only = i;
	}
	return candidates == 1 ? only : NONE;
}

static facts facts_of(const dp_change *t)
{
	facts f = {
	    .least = least_input(t), .is_one_kind = is_one_kind(t), .is_peeling = is_peeling(t)};
	f.legacy = legacy_output(t, f.least);
	f.one_time = one_time_output(t, &f);
	return f;
}

//- of an output ----------------------------------------------------------------------------------

// Who pays to an address that it spends from keeps the money. GraphSense calls it direct change.
static bool keeps_reuse(const dp_change *t, uint32_t o)
{
	uint64_t number = t->out[o].number;
	if (number == UINT32_MAX) return false;
	if (t->sorted_count > 0)
		return bsearch(&number, t->sorted, t->sorted_count, sizeof number, by_value) !=
		       NULL;
	for (uint32_t i = 0; i < t->in_count; i++)
		if (t->in[i].number == number) return true;
	return false;
}

static bool keeps(dp_heuristic h, const dp_change *t, const facts *f, uint32_t o)
{
	const dp_change_end *e = &t->out[o];
	if (e->kind == DP_ADDR_NULLDATA) return false;
	switch (h) {
	// All inputs are of one type, and the output is of that: wallets mostly keep to theirs.
	case DP_H_CHANGE_ADDRESS_TYPE: return f->is_one_kind && e->kind == t->in[0].kind;
	// Change as large as an input would have made that input needless.
	case DP_H_CHANGE_OPTIMAL: return e->value < f->least;
	// People pay round sums; what is left over is not round.
	case DP_H_CHANGE_POWER_OF_TEN: return e->value % POWER_OF_TEN != 0;
	// Clients make a new address for their change.
	case DP_H_CHANGE_CLIENT: return e->is_fresh;
	// The change goes on in the chain, or lies still.
	case DP_H_CHANGE_PEELING: return f->is_peeling && e->fate != DP_FATE_SPENT;
	case DP_H_CHANGE_LEGACY: return f->legacy == o;
	case DP_H_CHANGE_REUSE:
	case DP_H_CHANGE_DIRECT: return keeps_reuse(t, o);
	case DP_H_CHANGE_ONE_TIME: return f->one_time == o;
	default: break;
	}
	DP_CHECK((dp_change_unanswerable() >> h & 1) != 0); // refused before it comes to this
	return false;
}

bool dp_change_keeps(dp_heuristic h, const dp_change *t, uint32_t o)
{
	DP_CHECK(t != NULL && t->in_count > 0 && o < t->out_count);
	facts f = facts_of(t);
	return keeps(h, t, &f, o);
}

uint32_t dp_change_only(const dp_change *t, uint32_t heuristics)
{
	uint32_t only = NONE;
	DP_CHECK(heuristics != 0 && (heuristics & ~dp_change_all()) == 0);
	facts f = facts_of(t);
	for (uint32_t o = 0; o < t->out_count; o++) {
		bool kept = true;
		for (uint32_t left = heuristics; kept && left != 0; left &= left - 1)
			kept = keeps((dp_heuristic)__builtin_ctz(left), t, &f, o);
		if (!kept) continue;
		if (only != NONE) return NONE;
		only = o;
	}
	return only;
}

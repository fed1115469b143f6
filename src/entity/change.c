// The change heuristics, see change.h. Each is written as its authors have it; where two sources
// give one rule different names (address_reuse, direct_change) both are there.
#include "entity/change.h"

#include "base/check.h"
#include "base/mem.h"

enum {
	POWER_OF_TEN = 1000000, // six digits: 0.01 coins
	ROUND_THOUSAND = 1000,  // one_time: what ends in three zeros was typed by somebody
	ONE_TIME_OUTPUTS_MIN = 2,
	ONE_TIME_OUTPUTS_MAX = 10,
	CHAIN_INPUTS = 1,
	CHAIN_OUTPUTS = 2
};

void dp_change_done(dp_change *t)
{
	dp_free(t->in);
	dp_free(t->out);
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

static uint64_t least_input(const dp_change *t)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < t->in_count; i++)
		if (t->in[i].value < least) least = t->in[i].value;
	return least;
}

// All inputs are of one type, and the output is of that: wallets mostly keep to theirs.
static bool keeps_address_type(const dp_change *t, uint32_t o)
{
	for (uint32_t i = 1; i < t->in_count; i++)
		if (t->in[i].kind != t->in[0].kind) return false;
	return t->out[o].kind == t->in[0].kind;
}

// Change as large as an input would have made that input needless.
static bool keeps_optimal(const dp_change *t, uint32_t o)
{
	return t->out[o].value < least_input(t);
}

// People pay round sums; what is left over is not round.
static bool keeps_power_of_ten(const dp_change *t, uint32_t o)
{
	return t->out[o].value % POWER_OF_TEN != 0;
}

// Clients make a new address for their change.
static bool keeps_client(const dp_change *t, uint32_t o)
{
	return t->out[o].is_fresh;
}

static bool looks_like_chain(const dp_change *t)
{
	return t->in_count == CHAIN_INPUTS && t->out_count == CHAIN_OUTPUTS;
}

// A peeling chain: one input and two outputs, and a neighbour that looks so, too. The change goes
// on in the chain, or lies still. A spender that looks so is a chain by this one's looking so.
static bool keeps_peeling(const dp_change *t, uint32_t o)
{
	if (!looks_like_chain(t)) return false;
	bool is_chain = t->input_from_chain;
	for (uint32_t i = 0; i < t->out_count; i++)
		is_chain = is_chain || t->out[i].fate == DP_FATE_SPENT_BY_CHAIN;
	return is_chain && t->out[o].fate != DP_FATE_SPENT;
}

// Exactly one output is both new and smaller than each input (Meiklejohn et al. 2013 and after).
static bool keeps_legacy(const dp_change *t, uint32_t o)
{
	uint32_t spendable = 0, candidates = 0;
	uint64_t least = least_input(t);
	if (t->is_coinjoin) return false;
	for (uint32_t i = 0; i < t->out_count; i++) {
		if (t->out[i].kind == DP_ADDR_NULLDATA) continue;
		spendable++;
		candidates += t->out[i].value < least && t->out[i].is_fresh;
	}
	return spendable > 1 && candidates == 1 && t->out[o].value < least && t->out[o].is_fresh;
}

// Who pays to an address that it spends from keeps the money. GraphSense calls it direct change.
static bool keeps_reuse(const dp_change *t, uint32_t o)
{
	for (uint32_t i = 0; i < t->in_count; i++)
		if (t->in[i].number != UINT32_MAX && t->in[i].number == t->out[o].number)
			return true;
	return false;
}

static bool is_one_time(const dp_change *t, uint32_t o)
{
	const dp_change_end *e = &t->out[o];
	uint32_t times = 0;
	if (e->number == UINT32_MAX || !e->is_fresh || !e->is_only) return false;
	for (uint32_t i = 0; i < t->out_count; i++) times += t->out[i].number == e->number;
	return times == 1 && keeps_address_type(t, o) && e->value % ROUND_THOUSAND != 0 &&
	       keeps_optimal(t, o);
}

static bool keeps_one_time(const dp_change *t, uint32_t o)
{
	uint32_t candidates = 0;
	if (t->out_count < ONE_TIME_OUTPUTS_MIN || t->out_count > ONE_TIME_OUTPUTS_MAX)
		return false;
	if (!is_one_time(t, o)) return false;
	for (uint32_t i = 0; i < t->out_count; i++) candidates += is_one_time(t, i);
	return candidates == 1;
}

bool dp_change_keeps(dp_heuristic h, const dp_change *t, uint32_t o)
{
	DP_CHECK(t != NULL && t->in_count > 0 && o < t->out_count);
	if (t->out[o].kind == DP_ADDR_NULLDATA) return false;
	switch (h) {
	case DP_H_CHANGE_ADDRESS_TYPE: return keeps_address_type(t, o);
	case DP_H_CHANGE_OPTIMAL: return keeps_optimal(t, o);
	case DP_H_CHANGE_POWER_OF_TEN: return keeps_power_of_ten(t, o);
	case DP_H_CHANGE_CLIENT: return keeps_client(t, o);
	case DP_H_CHANGE_PEELING: return keeps_peeling(t, o);
	case DP_H_CHANGE_LEGACY: return keeps_legacy(t, o);
	case DP_H_CHANGE_REUSE:
	case DP_H_CHANGE_DIRECT: return keeps_reuse(t, o);
	case DP_H_CHANGE_ONE_TIME: return keeps_one_time(t, o);
	default: break;
	}
	DP_CHECK((dp_change_unanswerable() >> h & 1) != 0); // refused before it comes to this
	return false;
}

uint32_t dp_change_only(const dp_change *t, uint32_t heuristics)
{
	uint32_t only = UINT32_MAX;
	DP_CHECK(heuristics != 0 && (heuristics & ~dp_change_all()) == 0);
	for (uint32_t o = 0; o < t->out_count; o++) {
		bool kept = true;
		for (uint32_t left = heuristics; kept && left != 0; left &= left - 1)
			kept = dp_change_keeps((dp_heuristic)__builtin_ctz(left), t, o);
		if (!kept) continue;
		if (only != UINT32_MAX) return UINT32_MAX;
		only = o;
	}
	return only;
}

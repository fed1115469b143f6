// JoinMarket and other CoinJoins of equal outputs, where no coordinator is.
//
// A taker pays makers for taking part: everybody gets one output of the amount that the taker chose
// and, what is left of his inputs, as change. A maker answers with exactly two addresses, his
// output and his change (joinmarket README, "COINJOIN PROTOCOL"); only the taker can be without
// change, when he sweeps a mixdepth. So n take part with n equal outputs and n or n - 1 others.
//
// Nothing else marks it. Published rules are therefore weak, and nobody has true answers:
// GraphSense's (graphsense-lib heuristics_service.py) gives it 49 of 100; BlockSci's isCoinjoin
// (tx_identification.cpp) counts the equal outputs exactly; Dumplings has an "other CoinJoin"
// (Scanner.cs), of which CRJOIN throws some out (coinjoin-analysis cj_structs.py). The verdict
// takes the protocol's own accounts, see dp_cj_joinmarket_protocol.
#include "base/check.h"
#include "shape/coinjoin_private.h"

enum {
	DUST = 2730,      // never an amount that is joined
	DUST_OTHER = 546, // BlockSci's other one
	PARTICIPANTS_MIN = 3,
	LARGE_ROUND = 50, // inputs from which GraphSense asks for more
	INPUTS_EACH_MAX = 20,
	CRJOIN_RATIO_MAX = 4,
	CRJOIN_SIDE_MAX = 100,
	DUMPLINGS_SLACK = 10000,
	CONFIDENCE = 49,
	FEE_MIN = 10000, // a maker may be paid the greater of this and a hundredth of the amount;
	FEE_SHARE = 100, // what takers accept by default is a tenth of that
	STONEWALL_MIN = 5000,
};

#define KIND(k) (1u << DP_ADDR_##k)

const char *dp_cj_joinmarket(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	uint64_t d;
	uint32_t n = dp_cj_mode_in(&d, f, DUST + 1, UINT64_MAX);
	if (n < PARTICIPANTS_MIN) return "fewer than 3 equal outputs above 2730";
	if (2 * (uint64_t)n < s->out_count) return "fewer than half of the outputs are equal";
	if (f->in_distinct < n) return "fewer addresses pay than take part";
	if (f->out_distinct != s->out_count) return "two outputs to one address";
	if (n == s->out_count) return "no change at all";
	if (s->in_count >= LARGE_ROUND) {
		if (s->in_count > (uint64_t)INPUTS_EACH_MAX * n)
			return "more than 20 inputs a participant";
		if (10 * (uint64_t)s->out_count < 17 * (uint64_t)n)
			return "fewer than 1.7 outputs a participant";
	}
	*ret_found = (dp_cj_found){d, n, CONFIDENCE};
	return NULL;
}

const char *dp_cj_blocksci(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	if (s->in_count < 2) return "fewer than 2 inputs";
	if (s->out_count < 3) return "fewer than 3 outputs";
	uint32_t n = (s->out_count + 1) / 2;
	if (f->in_distinct < n) return "fewer addresses pay than take part";
	if (f->mode_count != n) return "not exactly half of the outputs are equal";
	if (f->mode == DUST_OTHER || f->mode == DUST) return "the equal outputs are dust";
	*ret_found = (dp_cj_found){f->mode, n, CONFIDENCE};
	return NULL;
}

// The greatest value among the outputs that are not the mode; 0 when there is none.
static uint64_t other_max(const dp_cj_facts *f)
{
	uint32_t n = f->shape->out_count;
	uint64_t top = f->value[n - 1];
	if (top != f->mode) return top;
	return f->mode_count < n ? f->value[n - 1 - f->mode_count] : 0;
}

const char *dp_cj_dumplings(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	uint64_t n = f->mode_count, in = s->in_count, out = s->out_count;
	if (f->repeated_count != 1) return "not exactly one value occurs more than once";
	if (2 * n != out && 2 * n != out + 1) return "not exactly half of the outputs are equal";
	if (f->out_distinct < n || f->in_distinct < n) return "fewer addresses than participants";
	if ((dp_u128)f->in_max + DUMPLINGS_SLACK > (dp_u128)f->mode + other_max(f))
		return "an input is greater than what anyone takes";
	// What CRJOIN throws out.
	if (in > CRJOIN_RATIO_MAX * out || out > CRJOIN_RATIO_MAX * in)
		return "four times as many ends on one side";
	if (in > CRJOIN_SIDE_MAX || out > CRJOIN_SIDE_MAX) return "more than 100 on one side";
	if (s->nulldata_count > 0) return "an OP_RETURN";
	// One script more than 34 % of all: the greatest share is among the inputs, as outputs
	// with a shared address are rarer than that here; counted on both sides together it is at
	// least this.
	if (100 * (uint64_t)f->in_top > 34 * (in + out)) return "one address too often";
	*ret_found = (dp_cj_found){f->mode, f->mode_count, CONFIDENCE};
	return NULL;
}

// ---- do the accounts add up? ----------------------------------------------------------------

// Dealing out inputs is bin covering, which nobody can solve quickly in general; what honest
// wallets make is small. So the search ends after so many steps, and what it has not decided by
// then counts as adding up, as do larger rounds, where some dealing fits nearly always by chance.
enum { DEAL_INPUTS_MAX = 48, DEAL_STEPS_MAX = 10000 };

typedef struct deal {
	uint64_t input[DEAL_INPUTS_MAX];    // descending
	uint64_t rest[DEAL_INPUTS_MAX + 1]; // rest[i]: the sum of input[i] and all after it
	uint64_t need[DEAL_INPUTS_MAX]; // what a participant's inputs still have to pay; 0 = paid
	uint64_t need_all;
	uint32_t inputs, participants, steps;
} deal;

static void put_down(uint64_t *list, uint32_t count, uint64_t value)
{
	uint32_t at = count;
	for (; at > 0 && list[at - 1] < value; at--) list[at] = list[at - 1];
	list[at] = value;
}

// Deals input `at` and those after it. Calls itself once an input, so at most DEAL_INPUTS_MAX deep.
static bool deal_out(deal *x, uint32_t at)
{
	if (x->need_all == 0) return true;
	if (x->need_all > x->rest[at]) return false;
	if (++x->steps > DEAL_STEPS_MAX) return true;
	DP_CHECK(at < x->inputs);
	for (uint32_t i = 0; i < x->participants; i++) {
		uint64_t need = x->need[i], pays = x->input[at];
		if (need == 0) continue;
		bool is_tried = false; // somebody before needs just as much
		for (uint32_t k = 0; k < i && !is_tried; k++) is_tried = x->need[k] == need;
		if (is_tried) continue;
		if (pays > need) pays = need;
		x->need[i] -= pays;
		x->need_all -= pays;
		if (deal_out(x, at + 1)) return true;
		x->need[i] += pays;
		x->need_all += pays;
	}
	return false;
}

static bool adds_up(const dp_cj_facts *f, uint64_t d, uint32_t n)
{
	const dp_shape *s = f->shape;
	if (s->in_count > DEAL_INPUTS_MAX || n > DEAL_INPUTS_MAX) return true;
	if (f->out_sum >> 62 != 0 || f->in_max >> 56 != 0) return false; // no chain has so much
	deal x = {.inputs = s->in_count, .participants = n};
	for (uint32_t i = 0; i < s->in_count; i++) put_down(x.input, i, s->in[i].value);
	for (uint32_t i = s->in_count; i-- > 0;) x.rest[i] = x.rest[i + 1] + x.input[i];
	uint64_t fee = d / FEE_SHARE > FEE_MIN ? d / FEE_SHARE : FEE_MIN;
	uint32_t who = 0;
	for (uint32_t i = 0; i < s->out_count; i++) {
		if (f->value[i] == d) continue;
		DP_CHECK(who < n);
		uint64_t takes = d + f->value[i];
		put_down(x.need, who++, takes > fee ? takes - fee : 0);
	}
	// Who has no change swept, and pays the fees of all.
	if (who < n) put_down(x.need, who++, d);
	DP_CHECK(who == n);
	for (uint32_t i = 0; i < n; i++) x.need_all += x.need[i];
	return deal_out(&x, 0);
}

// What JoinMarket's own code can make: GraphSense's rule, and beyond it
// - n equal outputs and n or n - 1 of change, as told above;
// - one kind of address: makers and taker must offer the same (the pit's order types are "swrel",
//   "sw0rel" and the old "rel": P2SH, P2WPKH, P2PKH, never two at once; support.py). The taker may
//   send to any address, so one output can be of another kind;
// - no OP_RETURN: the wallet makes none, and Tx0, which has one, looks much like this. (It is no
//   proof: a maker asks only that his own two outputs are there, verify_unsigned_tx in maker.py. A
//   taker who changes his program can add outputs as he likes, and what he makes gets no verdict;
//   clusters leave it out nevertheless, coinjoin_may.c.)
// - accounts that add up: every participant's inputs pay for his output and his change. A maker
//   may take a little more than he brought, which is what he is paid. So the inputs can be dealt
//   out so that each gets what he takes, less a fee; BlockSci's isCoinjoinExtra asks the same.
const char *dp_cj_joinmarket_protocol(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	dp_cj_found found;
	const char *no = dp_cj_joinmarket(&found, f);
	if (no != NULL) return no;
	const dp_shape *s = f->shape;
	uint64_t n = found.participants, out = s->out_count;
	if (2 * n != out && 2 * n != out + 1) return "not exactly half of the outputs are equal";
	if (s->nulldata_count > 0) return "an OP_RETURN";
	uint32_t kind = f->in_kinds;
	if (kind != KIND(P2PKH) && kind != KIND(P2SH) && kind != KIND(P2WPKH))
		return "inputs are not of one kind that the wallet has";
	uint32_t strange = 0;
	for (uint32_t i = 0; i < s->out_count; i++)
		if ((1u << s->out[i].addr.kind & kind) == 0) strange++;
	if (strange > 1) return "more than one output is of another kind than the inputs";
	if (!adds_up(f, found.denomination, found.participants))
		return "the inputs cannot be dealt out to pay for equal outputs and change";
	*ret_found = found;
	return NULL;
}

// Samourai's Stonewall: one owner's payment that is made to look like two people's. GraphSense uses
// the shape as a veto: 3 or 4 outputs, one value exactly twice, the others all different.
bool dp_cj_is_stonewall(const dp_cj_facts *f)
{
	DP_CHECK(f != NULL);
	const dp_shape *s = f->shape;
	if (s->out_count != 3 && s->out_count != 4) return false;
	if (s->in_count < 2 || f->out_distinct != s->out_count) return false;
	// Of 3 or 4 values one occurs twice, and no other more than once.
	if (f->repeated_count != 1 || f->mode_count != 2) return false;
	return f->mode >= STONEWALL_MIN;
}

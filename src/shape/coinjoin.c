// The verdict: every rule is asked, the protocols' own decide in the order of how much each one
// demands, and a veto has the last word.
//
//   Whirlpool -> Wasabi 2 -> Wasabi 1 -> JoinMarket -> (veto: Stonewall) -> Tx0 -> none
//
// GraphSense's other veto, an input of an exchange, needs to know names; a shape has none, and who
// asks this with names at hand has to do that himself.
#include "shape/coinjoin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "shape/coinjoin_private.h"

const char *dp_coinjoin_name(dp_coinjoin_kind kind)
{
	static const char *const name[DP_CJ_KIND_COUNT] = {
	    [DP_CJ_NONE] = "none",       [DP_CJ_WHIRLPOOL] = "whirlpool",
	    [DP_CJ_WASABI2] = "wasabi2", [DP_CJ_WHIRLPOOL_TX0] = "whirlpool-tx0",
	    [DP_CJ_WASABI1] = "wasabi1", [DP_CJ_JOINMARKET] = "joinmarket",
	};
	DP_CHECK(kind < DP_CJ_KIND_COUNT && name[kind] != NULL);
	return name[kind];
}

static const struct {
	const char *name;
	dp_cj_rule ask;
} rules[DP_CJR_COUNT] = {
    [DP_CJR_WHIRLPOOL] = {"whirlpool:graphsense", dp_cj_whirlpool},
    [DP_CJR_WHIRLPOOL_CRJOIN] = {"whirlpool:crjoin", dp_cj_whirlpool_crjoin},
    [DP_CJR_TX0] = {"whirlpool-tx0:graphsense", dp_cj_tx0},
    [DP_CJR_WASABI2] = {"wasabi2:graphsense", dp_cj_wasabi2},
    [DP_CJR_WASABI2_WALLET] = {"wasabi2:wallet", dp_cj_wasabi2_wallet},
    [DP_CJR_WASABI10] = {"wasabi1.0:graphsense", dp_cj_wasabi10},
    [DP_CJR_WASABI11] = {"wasabi1.1:graphsense", dp_cj_wasabi11},
    [DP_CJR_WASABI1_CRJOIN] = {"wasabi1:crjoin", dp_cj_wasabi1_crjoin},
    [DP_CJR_JOINMARKET] = {"joinmarket:graphsense", dp_cj_joinmarket},
    [DP_CJR_BLOCKSCI] = {"coinjoin:blocksci", dp_cj_blocksci},
    [DP_CJR_DUMPLINGS] = {"other:dumplings", dp_cj_dumplings},
    [DP_CJR_WASABI1_DUMPLINGS] = {"wasabi1:dumplings", dp_cj_wasabi1_dumplings},
    [DP_CJR_WHIRLPOOL_PROTOCOL] = {"whirlpool:protocol", dp_cj_whirlpool_protocol},
    [DP_CJR_TX0_PROTOCOL] = {"whirlpool-tx0:protocol", dp_cj_tx0_protocol},
    [DP_CJR_WASABI2_PROTOCOL] = {"wasabi2:protocol", dp_cj_wasabi2_protocol},
    [DP_CJR_WASABI1_PROTOCOL] = {"wasabi1:protocol", dp_cj_wasabi1_protocol},
    [DP_CJR_JOINMARKET_PROTOCOL] = {"joinmarket:protocol", dp_cj_joinmarket_protocol},
};

// What gives the verdict, in this order.
static const struct {
	uint8_t kind, rule;
} deciding[] = {
    {DP_CJ_WHIRLPOOL, DP_CJR_WHIRLPOOL_PROTOCOL},
    {DP_CJ_WASABI2, DP_CJR_WASABI2_PROTOCOL},
    {DP_CJ_WASABI1, DP_CJR_WASABI1_PROTOCOL},
    {DP_CJ_JOINMARKET, DP_CJR_JOINMARKET_PROTOCOL},
};
enum { DECIDING = sizeof deciding / sizeof deciding[0] };

const char *dp_coinjoin_rule_name(dp_coinjoin_rule rule)
{
	DP_CHECK(rule < DP_CJR_COUNT && rules[rule].name != NULL);
	return rules[rule].name;
}

// Fewer inputs or outputs than this no deciding rule accepts: 3 participants bring 3 inputs, and
// take 3 equal outputs and at least 2 others. (Proven over all small shapes by the property test.)
enum { IN_MIN = 3, OUT_MIN = 5 };
_Static_assert(OUT_MIN >= (int)DP_CJ_MAY_OUT_MIN, "what is one may be one");

static bool is_too_small(const dp_shape *shape)
{
	return shape->in_count < IN_MIN || shape->out_count < OUT_MIN;
}

// Does no deciding rule accept, whatever the addresses? All but Wasabi 2 want three equal outputs,
// and it wants three values that occur twice.
static bool is_settled_by_values(const dp_cj_facts *f)
{
	return f->mode_count < 3 && f->repeated_count < 3;
}

// Whether anything can be said at all. A coinbase has nobody's inputs; of one whose inputs are not
// known, half of every rule could not be asked, and a guess would join or part people.
static bool is_judged(const dp_shape *shape)
{
	DP_CHECK(shape->in_count <= DP_SHAPE_ENDS_MAX && shape->out_count <= DP_SHAPE_ENDS_MAX);
	return !shape->is_coinbase && shape->inputs_known && shape->in_count > 0 &&
	       shape->out_count > 0;
}

// Does a protocol's rule accept, and no veto overrule it?
static dp_code is_accepted(dp_shaper *s, bool *ret_is, dp_cj_facts *f, dp_fault *fault)
{
	bool is = false;
	if (!is_too_small(f->shape) && !is_settled_by_values(f)) {
		DP_TRY(dp_cj_facts_addresses(s, f, fault));
		dp_cj_found found;
		for (uint32_t i = 0; i < DECIDING && !is; i++)
			is = rules[deciding[i].rule].ask(&found, f) == NULL;
		is = is && !dp_cj_is_stonewall(f);
	}
	*ret_is = is;
	return DP_OK;
}

dp_code dp_coinjoin_is(dp_shaper *s, bool *ret_is, const dp_shape *shape, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_is != NULL && shape != NULL);
	bool is = false;
	if (is_judged(shape) && !is_too_small(shape)) {
		dp_cj_facts f;
		DP_TRY(dp_cj_facts_values(s, &f, shape, fault));
		DP_TRY(is_accepted(s, &is, &f, fault));
	}
	*ret_is = is;
	return DP_OK;
}

dp_code dp_coinjoin_may(dp_shaper *s, bool *ret_may, const dp_shape *shape, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_may != NULL && shape != NULL);
	bool may = false;
	if (is_judged(shape) && shape->in_count >= IN_MIN &&
	    shape->out_count >= DP_CJ_MAY_OUT_MIN) {
		dp_cj_facts f;
		DP_TRY(dp_cj_facts_values(s, &f, shape, fault));
		// Nothing equal: no protocol, and no amount that two took.
		if (f.repeated_count > 0) DP_TRY(is_accepted(s, &may, &f, fault));
		if (f.repeated_count > 0 && !may) may = dp_cj_may_be_joint(&f);
	}
	*ret_may = may;
	return DP_OK;
}

// Of a transaction that is none, the rule which it is nearest to: its reason is worth telling.
static dp_coinjoin_rule nearest_rule(const dp_cj_facts *f)
{
	const dp_shape *s = f->shape;
	if (s->in_count == s->out_count && f->mode_count == s->out_count)
		return DP_CJR_WHIRLPOOL_PROTOCOL;
	if (s->in_count >= 10 && f->repeated_count >= 3) return DP_CJR_WASABI2_PROTOCOL;
	if (f->mode_count >= 3 && f->mode >= 8000000 && f->mode <= 12000000)
		return DP_CJR_WASABI1_PROTOCOL;
	return DP_CJR_JOINMARKET_PROTOCOL;
}

static void tell(dp_coinjoin *v, const char *why)
{
	(void)snprintf(v->why, sizeof v->why, "%s", why);
}

static void tell_counts(dp_coinjoin *v, const dp_cj_facts *f, const char *verdict, const char *no)
{
	const dp_shape *s = f->shape;
	(void)snprintf(v->why, sizeof v->why,
	               "%s: %" PRIu32 " inputs of %" PRIu32 " addresses, %" PRIu32
	               " outputs to %" PRIu32 ", %" PRIu32 " of %" PRIu64 " sat%s%s",
	               verdict, s->in_count, f->in_distinct, s->out_count, f->out_distinct,
	               f->mode_count, f->mode, no == NULL ? "" : "; ", no == NULL ? "" : no);
}

// The first protocol's rule that accepts, in their order. A Stonewall's shape overrules all of them
// but not Tx0, which is one owner's just as well and whose change makes that shape now and then.
static void decide(dp_coinjoin *v, const dp_cj_facts *f, const dp_cj_found *found,
                   const char *const *no)
{
	uint32_t coinjoins = (1u << DP_CJR_COUNT) - 1;
	coinjoins &= ~(1u << DP_CJR_TX0 | 1u << DP_CJR_TX0_PROTOCOL);
	bool is_vetoed = dp_cj_is_stonewall(f);
	v->vetoed = is_vetoed && (v->accepted & coinjoins) != 0;
	for (uint32_t i = 0; i < DECIDING && v->kind == DP_CJ_NONE && !is_vetoed; i++) {
		if (no[deciding[i].rule] != NULL) continue;
		v->kind = deciding[i].kind;
		v->rule = deciding[i].rule;
	}
	if (v->kind == DP_CJ_NONE && no[DP_CJR_TX0_PROTOCOL] == NULL) {
		v->kind = DP_CJ_WHIRLPOOL_TX0;
		v->rule = DP_CJR_TX0_PROTOCOL;
	}
	if (v->kind != DP_CJ_NONE) {
		v->denomination = found[v->rule].denomination;
		v->participants = found[v->rule].participants;
		v->confidence = found[v->rule].confidence;
		tell_counts(v, f, dp_coinjoin_name(v->kind), NULL);
	} else if (v->vetoed) {
		tell_counts(v, f, "none", "the shape of a Stonewall, which is one owner's");
	} else {
		tell_counts(v, f, "none", no[nearest_rule(f)]);
	}
}

dp_code dp_coinjoin_judge(dp_shaper *s, dp_coinjoin *ret_verdict, const dp_shape *shape,
                          dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_verdict != NULL && shape != NULL);
	dp_coinjoin v = {.kind = DP_CJ_NONE};
	if (shape->is_coinbase) {
		tell(&v, "none: a coinbase");
	} else if (!shape->inputs_known) {
		tell(&v, "none: values or addresses of inputs are not known, so nothing is said");
	} else if (!is_judged(shape)) {
		tell(&v, "none: nothing on one side");
	} else {
		dp_cj_facts f;
		dp_cj_found found[DP_CJR_COUNT] = {0};
		const char *no[DP_CJR_COUNT];
		DP_TRY(dp_cj_facts_values(s, &f, shape, fault));
		DP_TRY(dp_cj_facts_addresses(s, &f, fault));
		for (uint32_t i = 0; i < DP_CJR_COUNT; i++) {
			no[i] = rules[i].ask(&found[i], &f);
			if (no[i] == NULL) v.accepted |= 1u << i;
		}
		decide(&v, &f, found, no);
	}
	*ret_verdict = v;
	return DP_OK;
}

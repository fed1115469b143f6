// Collecting facts and holding them against the rules, see verdict.h. Printing is in
// verdict_write.c.
#include "screen/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const char *const flag_names[] = {
    "sanctioned",   "was-sanctioned", "later-sanctioned", "thief",    "service",  "tainted-now",
    "tainted-ever", "arrival",        "lookalike",        "inferred", "same-key", "tagged"};
enum { FLAG_COUNT = sizeof flag_names / sizeof *flag_names };
_Static_assert(DP_SF_TAGGED == 1 << (FLAG_COUNT - 1), "a name for each flag");

const char *dp_flag_name(uint32_t bit)
{
	return bit < FLAG_COUNT ? flag_names[bit] : NULL;
}

const char *dp_flags_text(char out[DP_FLAGS_TEXT_MAX], uint32_t flags, const char *sep)
{
	size_t at = 0;
	out[0] = 0;
	for (uint32_t i = 0; i < FLAG_COUNT; i++) {
		if ((flags >> i & 1) == 0) continue;
		size_t gap = at > 0 ? strlen(sep) : 0, n = strlen(flag_names[i]);
		DP_CHECK(at + gap + n < DP_FLAGS_TEXT_MAX);
		memcpy(out + at, sep, gap);
		memcpy(out + at + gap, flag_names[i], n + 1);
		at += gap + n;
	}
	return out;
}

typedef struct adder {
	dp_verdict *v;
	dp_code code;
	dp_fault *fault;
} adder;

static void add_fact(void *context, const dp_screen_fact *fact)
{
	adder *a = context;
	if (a->code == DP_OK) a->code = dp_verdict_add(a->v, fact, a->fault);
}

dp_code dp_verdict_add(dp_verdict *v, const dp_screen_fact *fact, dp_fault *fault)
{
	void *items = v->fact;
	DP_TRY(dp_grow(&items, &v->fact_cap, sizeof *v->fact, (uint64_t)v->fact_count + 1,
	               DP_VERDICT_FACTS_MAX, fault));
	v->fact = items;
	v->fact[v->fact_count++] = *fact;
	v->flags |= dp_fact_flags(fact);
	return DP_OK;
}

// An address of a network that is not known is written as that of the chain it can be one of.
static const dp_chain *chain_of(const dp_addr *addr, const dp_network *network)
{
	if (network != NULL && network->chain != NULL) return network->chain;
	if (addr->kind == DP_ADDR_EVM) return dp_chain_find("ethereum", 8);
	return dp_chain_find("bitcoin", 7);
}

dp_code dp_verdict_start(dp_verdict *v, const dp_screener *s, const dp_addr *addr,
                         const dp_network *network, int64_t at, dp_fault *fault)
{
	DP_CHECK(v != NULL && s != NULL && addr != NULL);
	*v = (dp_verdict){.screener = s, .addr = *addr, .network = network, .at = at};
	v->chain = chain_of(addr, network);
	DP_CHECK(v->chain != NULL);
	dp_place place = {.network = network != NULL ? network->id : 0, .addr = *addr};
	if (addr->kind == DP_ADDR_P2PK) place.addr.kind = DP_ADDR_P2PKH;
	_Static_assert((int)DP_PLACE_TEXT_MAX >= (int)DP_ADDR_TEXT_MAX, "room for either");
	if (network != NULL || addr->kind >= DP_ADDR_KIND_COUNT)
		dp_place_format(v->text, &place);
	else
		dp_addr_format(v->text, addr, v->chain);
	adder a = {.v = v, .fault = fault};
	dp_screener_facts(s, addr, network, at, add_fact, &a);
	if (a.code != DP_OK) dp_verdict_done(v);
	return a.code;
}

static dp_code add_reason(dp_verdict *v, const dp_rule *rule, uint32_t fact, dp_fault *fault)
{
	char text[DP_REASON_TEXT_MAX];
	void *items = v->reason;
	DP_TRY(dp_grow(&items, &v->reason_cap, sizeof *v->reason, (uint64_t)v->reason_count + 1,
	               DP_VERDICT_REASONS_MAX, fault));
	v->reason = items;
	size_t n =
	    dp_rule_reason(rule, text, &v->fact[fact], dp_screener_tags(v->screener), v->chain);
	dp_reason *r = &v->reason[v->reason_count];
	*r = (dp_reason){rule, fact, dp_arena_text(&v->arena, text, n)};
	if (r->text == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	v->reason_count++;
	return DP_OK;
}

// Rules stand in one array, so their order is that of their places.
static int by_weight(const void *a, const void *b)
{
	const dp_reason *x = a, *y = b;
	if (x->rule->level != y->rule->level) return x->rule->level > y->rule->level ? -1 : 1;
	if (x->rule != y->rule) return x->rule < y->rule ? -1 : 1;
	return (x->fact > y->fact) - (x->fact < y->fact);
}

dp_code dp_verdict_finish(dp_verdict *v, dp_fault *fault)
{
	const dp_rules *rules = dp_screener_rules(v->screener);
	const dp_tags *tags = dp_screener_tags(v->screener);
	DP_CHECK(v->reason_count == 0);
	for (uint32_t f = 0; f < v->fact_count; f++)
		for (uint32_t r = 0; r < rules->count; r++)
			if (dp_rule_matches(&rules->rule[r], &v->fact[f], tags))
				DP_TRY(add_reason(v, &rules->rule[r], f, fault));
	if (v->reason_count > 0) {
		qsort(v->reason, v->reason_count, sizeof *v->reason, by_weight);
		v->level = (dp_risk_level)v->reason[0].rule->level;
	}
	return DP_OK;
}

void dp_verdict_done(dp_verdict *v)
{
	dp_free(v->fact);
	dp_free(v->reason);
	dp_arena_done(&v->arena);
	*v = (dp_verdict){0};
}

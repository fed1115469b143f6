// Structuring: payments just below the amount from which questions are asked.
//
//   9,400   9,100   8,800   9,700   9,250   below 10,000 dollars, to one place, within a week
//
// The limits are those of the Travel Rule (1,000 dollars, FATF), of wires (3,000, United States)
// and of reports of cash (10,000); a service's own limit can be set instead. A payment counts when
// its worth lies between `near` of the limit and the limit. Worth is a range (prices are not known
// to the cent): all of the range must lie there, so what cannot be told does not count.
//
// In a case all stolen money belongs to one side, so payments to one receiver are put together
// whoever sends them. On a ledger only those of one sender are: a shop whose goods cost 950 dollars
// has no structuring customers.
//
// State: the parts (parts.h), and the newest part of each of three limits as of each payment.
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/parts.h"
#include "technique/typologies.h"

enum { K, LIMIT, NEAR, WITHIN };
enum { PARTS, FACT_LIMIT, SPAN, SENDERS, SERVICE };
enum { LIMITS = 3, SENDERS_LOOK = 256, GOOD_PARTS = 15 };

typedef struct state {
	dp_part part;
	dp_edge head[LIMITS];
} state;

static const int64_t usual[LIMITS] = {100000, 300000, 1000000}; // cents

static const state *at(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static int64_t limit_of(const dp_look *look, uint32_t band)
{
	return look->param[LIMIT] != 0 ? look->param[LIMIT] : usual[band];
}

// Below which limit the payment just stays; LIMITS: none.
static uint32_t band_of(const dp_look *look, const dp_transfer *t)
{
	if (t->worth_low == 0 || t->worth_high == DP_WORTH_NONE || t->src == t->dst ||
	    (t->kind != DP_TR_MOVE && t->kind != DP_TR_SERVICE) || (t->flags & DP_TRF_CHANGE))
		return LIMITS;
	uint32_t bands = look->param[LIMIT] != 0 ? 1 : LIMITS;
	for (uint32_t b = 0; b < bands; b++) {
		uint64_t limit = (uint64_t)limit_of(look, b);
		if (t->worth_high < limit && dp_is_share(t->worth_low, limit, look->param[NEAR]))
			return b;
	}
	return LIMITS;
}

static dp_edge before_of(const dp_look *look, dp_edge e)
{
	return look->is_case ? dp_graph_before_in(look->graph, e)
	                     : dp_graph_before_pair(look->graph, e);
}

// Different ones among the newest parts.
static dp_code count_senders(const dp_look *look, uint32_t *ret_senders, const dp_edge *part,
                             uint32_t count, dp_fault *fault)
{
	uint32_t senders = 0;
	DP_TRY(dp_look_begin_marks(look, fault));
	for (uint32_t i = 0; i < count && i < SENDERS_LOOK; i++) {
		uint32_t *seen = dp_look_mark(look, dp_graph_edge(look->graph, part[i])->src);
		senders += *seen == 0;
		*seen = 1;
	}
	*ret_senders = senders;
	return DP_OK;
}

static uint32_t score_of(const dp_claim *c)
{
	return 350 + dp_score_of(c->fact[PARTS], GOOD_PARTS, 400) +
	       (c->fact[SERVICE] != 0 ? 150U : 0U) + (c->fact[SPAN] <= 86400 ? 100U : 0U);
}

static dp_code judge(const dp_look *look, dp_edge e, dp_part *io_part, uint32_t band,
                     dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	dp_window w = dp_part_window(look, e, look->param[WITHIN]);
	DP_CHECK(w.count >= 1 && w.first <= e);
	if (w.count < look->param[K]) return DP_OK;
	dp_edge *list = dp_look_scratch(look);
	bool is_old = io_part->burst != 0;
	uint32_t count = dp_part_list(look, list, e, &w, is_old ? SENDERS_LOOK : DP_EVIDENCE_MAX),
	         senders = 1;
	if (look->is_case) DP_TRY(count_senders(look, &senders, list, count, fault));
	io_part->burst = w.first;
	dp_claim c = {.anchor = look->is_case ? t->dst : t->src,
	              .key = w.first,
	              .loot = w.loot,
	              .edge = list,
	              .edge_count = is_old ? 1 : count};
	c.fact[PARTS] = w.count;
	c.fact[FACT_LIMIT] = limit_of(look, band);
	c.fact[SPAN] = w.span_s;
	c.fact[SENDERS] = senders;
	c.fact[SERVICE] = t->kind == DP_TR_SERVICE;
	c.score = score_of(&c);
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	state *s = edge_state;
	dp_edge before = before_of(look, e);
	if (before != 0) {
		for (uint32_t b = 0; b < LIMITS; b++) s->head[b] = at(look, before)->head[b];
		if (at(look, before)->part.number > 0)
			s->head[band_of(look, dp_graph_edge(look->graph, before))] = before;
	}
	uint32_t band = band_of(look, t);
	if (band == LIMITS) return DP_OK;
	dp_part_join(look, &s->part, e, s->head[band], look->param[WITHIN]);
	return judge(look, e, &s->part, band, fault);
}

const dp_typology dp_typology_structuring = {
    .name = "structuring",
    .title = "Structuring",
    .text = "Payments to one place that each stay just below an amount from which questions are "
            "asked.",
    .aadapt = {"ADT3004.001", "ADT3004.002"},
    .param =
        {
            [K] = {"k", DP_UNIT_COUNT, 5, 2, 1000, "Payments."},
            [LIMIT] = {"limit", DP_UNIT_CENTS, 0, 0, 10000000000,
                       "The amount they stay below; 0: any of 1,000, 3,000 and 10,000 dollars."},
            [NEAR] = {"near", DP_UNIT_PPM, 800000, 100000, 999999,
                      "Share of the limit that they reach at the least."},
            [WITHIN] = {"within", DP_UNIT_SECONDS, 604800, 0, 31536000,
                        "Time from the first to the last."},
        },
    .fact =
        {
            [PARTS] = {"k", DP_UNIT_COUNT, "Payments."},
            [FACT_LIMIT] = {"limit", DP_UNIT_CENTS, "The amount they stay below."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first to the last."},
            [SENDERS] = {"senders", DP_UNIT_COUNT, "Wallets that sent the newest 256 of them."},
            [SERVICE] = {"service", DP_UNIT_FLAG, "The receiver is a service."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};

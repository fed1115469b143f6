// Automation: payments by the clock.
//
//   |--421 s--|--418 s--|--430 s--|--415 s--| ...      Harmony 2022: 100 ETH every 6 to 8 minutes
//
// A wallet pays by the clock when the gaps between its payments are nearly equal: over `gaps` of
// them in a row the coefficient of variation (standard deviation by mean) is below `spread`. Where
// all payments are of the same amount the larger `fixed-spread` is enough: 26 times 100 ETH within
// an hour (WazirX 2024) is no chance, even when a person pressed the button. Payments that happen
// by chance, independent of each other, have a coefficient of 1.
//
// All in integers: with n gaps, S1 their sum and S2 the sum of their squares, the coefficient is
// below c when (n S2 - S1^2) < c^2 S1^2. Several transfers of one transaction are one payment.
//
// Cheap first: no value of n is further from their mean than sqrt(n - 1) standard deviations (P. A.
// Samuelson, "How deviant can you be?", 1968), so of two neighbouring gaps in such a row none can
// be more than so many times the other (seven times by default). The gaps in a row of which that is
// true are counted on the edges, and only when there are enough of them the row is gone through.
#include "base/check.h"
#include "technique/amounts.h"
#include "technique/typologies.h"

enum { GAPS, SPREAD, FIXED_SPREAD };
enum { ROW, MEAN, WORST, FIXED, AMOUNT, SPAN };
enum { LOOK_PER_GAP = 8, GOOD_GAPS = 30, LOOT_SHIFT = 12 };

typedef struct state {
	uint32_t gap;        // since the payment before, seconds, at most 2^32 - 1
	uint32_t calm, same; // neighbouring gaps, and amounts, in a row that fit
	dp_edge run;         // first edge of the row that was claimed; 0: none
	uint32_t payments, worst, loot, is_fixed; // of that row
} state;

typedef struct row {
	dp_edge first;
	uint32_t count;              // of payments, in the list
	unsigned __int128 s1_2, top; // S1 squared; n S2 - S1 squared, times 10^12
} row;

static uint32_t root_up(uint64_t n) // the least r with r * r >= n, for small n
{
	uint32_t r = 0;
	while ((uint64_t)r * r < n) r++;
	return r;
}

// The largest r with r * r <= n.
static uint64_t root_down(unsigned __int128 n)
{
	uint64_t r = 0;
	for (uint64_t bit = UINT64_C(1) << 62; bit != 0; bit >>= 1)
		if ((unsigned __int128)(r | bit) * (r | bit) <= n) r |= bit;
	return r;
}

// Can the two be neighbours in a row?
static bool is_calm(const dp_look *look, uint32_t a, uint32_t b)
{
	int64_t most = (int64_t)root_up((uint64_t)look->param[GAPS] - 1) * look->param[SPREAD];
	uint32_t less = a < b ? a : b, more = a < b ? b : a;
	if (most >= DP_PPM) return true;
	return (uint64_t)more * (uint64_t)(DP_PPM - most) <
	       (uint64_t)less * (uint64_t)(DP_PPM + most);
}

static uint32_t gap_of(int64_t from, int64_t to)
{
	int64_t gap = to - from;
	return gap > UINT32_MAX ? UINT32_MAX : (uint32_t)gap;
}

// The coefficient of the last `n` gaps, and their payments newest first; false: not so many, too
// many transfers within them, or all at once.
static bool measure(const dp_look *look, row *ret_row, dp_edge *ret_list, dp_edge e)
{
	const dp_graph *g = look->graph;
	uint32_t n = (uint32_t)look->param[GAPS], count = 1, steps = 0;
	unsigned __int128 s1 = 0, s2 = 0;
	const dp_transfer *later = dp_graph_edge(g, e);
	ret_list[0] = e;
	for (dp_edge p = dp_graph_before_out(g, e); p != 0 && count <= n;
	     p = dp_graph_before_out(g, p)) {
		const dp_transfer *t = dp_graph_edge(g, p);
		if (++steps > n * LOOK_PER_GAP) return false;
		if (t->tx == later->tx) {
			ret_list[count - 1] = p; // its first transfer stands for a transaction
			continue;
		}
		uint64_t gap = gap_of(t->time, later->time);
		s1 += gap;
		s2 += (unsigned __int128)gap * gap;
		ret_list[count++] = p;
		later = t;
	}
	if (count <= n || s1 == 0) return false;
	// At most 1,000 gaps of 32 bits: 84 bits, and 40 more for the millionths squared.
	*ret_row = (row){.first = ret_list[n],
	                 .count = count,
	                 .s1_2 = s1 * s1,
	                 .top = (n * s2 - s1 * s1) * DP_PPM * DP_PPM};
	return true;
}

// The limit that holds for payments of which the last ones are the same amount, or not.
static int64_t limit_of(const dp_look *look, bool is_fixed)
{
	int64_t usual = look->param[SPREAD], fixed = look->param[FIXED_SPREAD];
	return is_fixed && fixed > usual ? fixed : usual;
}

static bool is_below(const row *r, int64_t limit)
{
	unsigned __int128 c = (unsigned __int128)limit;
	return r->top < c * c * r->s1_2;
}

static uint32_t score_of(const dp_look *look, const dp_claim *c)
{
	int64_t limit = limit_of(look, c->fact[FIXED] != 0);
	return 300 + dp_score_of(limit - c->fact[WORST], limit, 300) +
	       dp_score_of(c->fact[ROW], GOOD_GAPS, 250) + (c->fact[FIXED] != 0 ? 150U : 0U);
}

static dp_code claim_row(const dp_look *look, dp_edge e, const state *s, const dp_edge *list,
                         uint32_t count, dp_fault *fault)
{
	const dp_transfer *t = dp_graph_edge(look->graph, e);
	DP_CHECK(s->run != 0 && s->payments >= 2);
	dp_claim c = {.anchor = t->src,
	              .key = s->run,
	              .loot = dp_loot_of((uint64_t)s->loot << LOOT_SHIFT),
	              .edge = list,
	              .edge_count = count};
	c.fact[ROW] = (int64_t)s->payments - 1;
	c.fact[SPAN] = t->time - dp_graph_edge(look->graph, s->run)->time;
	c.fact[MEAN] = c.fact[SPAN] / c.fact[ROW];
	c.fact[WORST] = s->worst;
	c.fact[FIXED] = s->is_fixed;
	if (s->is_fixed) c.fact[AMOUNT] = t->amount > INT64_MAX ? INT64_MAX : (int64_t)t->amount;
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

static uint32_t loot_of(const dp_look *look, dp_edge e)
{
	return (uint32_t)(dp_loot_of(dp_graph_edge(look->graph, e)->loot) >> LOOT_SHIFT);
}

// A row of enough payments by the clock ends with `e`: a new one, or a longer one.
static dp_code go_on(const dp_look *look, dp_edge e, state *io_state, const row *r,
                     const state *before, dp_fault *fault)
{
	dp_edge *list = dp_look_scratch(look);
	uint64_t spread = root_down(r->top / r->s1_2);
	bool is_fixed = io_state->same >= (uint32_t)look->param[GAPS];
	bool is_old = before->run != 0 && before->run >= dp_graph_first(look->graph);
	io_state->worst = spread > UINT32_MAX ? UINT32_MAX : (uint32_t)spread;
	io_state->is_fixed = is_fixed;
	io_state->run = r->first;
	io_state->payments = r->count;
	for (uint32_t i = 0; !is_old && i < r->count; i++) {
		uint32_t loot = loot_of(look, list[i]);
		if (__builtin_add_overflow(io_state->loot, loot, &io_state->loot))
			io_state->loot = UINT32_MAX;
	}
	if (is_old) {
		io_state->run = before->run;
		io_state->payments = before->payments + 1;
		io_state->is_fixed = is_fixed && before->is_fixed;
		if (before->worst > io_state->worst) io_state->worst = before->worst;
		if (__builtin_add_overflow(before->loot, loot_of(look, e), &io_state->loot))
			io_state->loot = UINT32_MAX;
	}
	return claim_row(look, e, io_state, list, is_old ? 1 : r->count, fault);
}

// Another transfer of the payment that was looked at already.
static dp_code join(const dp_look *look, dp_edge e, state *io_state, dp_fault *fault)
{
	if (io_state->run == 0 || io_state->run < dp_graph_first(look->graph)) return DP_OK;
	if (__builtin_add_overflow(io_state->loot, loot_of(look, e), &io_state->loot))
		io_state->loot = UINT32_MAX;
	return claim_row(look, e, io_state, &e, 1, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	state *s = edge_state;
	dp_edge p = dp_graph_before_out(g, e);
	if (p == 0 || dp_graph_node_at(g, t->src)->role != DP_NODE_WALLET) return DP_OK;
	const dp_transfer *earlier = dp_graph_edge(g, p);
	const state *before = dp_look_state(look, p);
	if (earlier->tx == t->tx) {
		*s = *before;
		return join(look, e, s, fault);
	}
	s->gap = gap_of(earlier->time, t->time);
	bool has_before = dp_graph_before_out(g, p) != 0;
	s->calm = has_before && is_calm(look, before->gap, s->gap) ? before->calm + 1 : 0;
	bool is_same = earlier->amount == t->amount && earlier->asset == t->asset;
	s->same = is_same ? before->same + 1 : 0;
	uint32_t gaps = (uint32_t)look->param[GAPS];
	bool is_fixed = s->same >= gaps;
	if (!is_fixed && s->calm + 1 < gaps) return DP_OK;
	row r;
	if (!measure(look, &r, dp_look_scratch(look), e)) return DP_OK;
	if (!is_below(&r, limit_of(look, is_fixed))) return DP_OK;
	return go_on(look, e, s, &r, before, fault);
}

const dp_typology dp_typology_automation = {
    .name = "automation",
    .title = "Automation by the clock",
    .text = "A wallet pays at nearly equal intervals, or the same amount again and again on a "
            "schedule: a program, not a person.",
    .aadapt = {"ADT3028.003"},
    .param =
        {
            [GAPS] = {"gaps", DP_UNIT_COUNT, 10, 3, 1000, "Gaps in a row."},
            [SPREAD] = {"spread", DP_UNIT_PPM, 250000, 1, 1000000,
                        "The coefficient of variation of the gaps is below this."},
            [FIXED_SPREAD] = {"fixed-spread", DP_UNIT_PPM, 600000, 0, 1000000,
                              "The same where all payments are of one amount; 0: no difference."},
        },
    .fact =
        {
            [ROW] = {"gaps", DP_UNIT_COUNT, "Gaps in the row."},
            [MEAN] = {"gap", DP_UNIT_SECONDS, "Mean gap."},
            [WORST] = {"spread", DP_UNIT_PPM, "The largest coefficient of variation in the row."},
            [FIXED] = {"fixed-amount", DP_UNIT_FLAG, "All payments are of one amount."},
            [AMOUNT] = {"amount", DP_UNIT_COUNT, "That amount, in base units; else 0."},
            [SPAN] = {"span", DP_UNIT_SECONDS, "From the first payment to the last."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
};

// Sequential drain: the wallets of one split are emptied one after the other, in the order in
// which they were filled, one or two at a time.
//
// A step of the laundering of state thieves: a script or a team works through a list. Bybit's
// 49 wallets of 10,000 ETH were emptied so from 22 February to 9 March 2025. Owners who know
// nothing of each other would empty theirs in any order: of 40 in random order the longest stretch
// in order is about 13 (two square roots, Logan and Shepp 1977, Vershik and Kerov 1977), while a
// list gives 40. `in-order` is that longest stretch: the most wallets whose order of filling is
// that of emptying, so one that was left out for a while costs one, not all.
//
//   split      payments of one wallet within `within` of the first, in one asset
//   emptied    of the largest payment that a wallet got, `emptied` has gone on
//   at once    how many are between their first payment and being emptied at the same time
//
// Every out-edge carries the splitter's burst and the drainer's sum on, so that the moment in
// which a wallet is emptied is seen at once; only then the split is walked.
#include "technique/typology_exits.h"

#include <stdlib.h>

enum {
	SPEND = 1 << DP_TR_MOVE | 1 << DP_TR_COSPEND | 1 << DP_TR_SERVICE | 1 << DP_TR_SWAP |
	        1 << DP_TR_BRIDGE_OUT | 1 << DP_TR_MIXER | 1 << DP_TR_COINJOIN | 1 << DP_TR_BURN,
	MEMBERS_MAX = 1024,   // more than that is no split but a payroll,
	MEMBERS_LEDGER = 128, // where everybody is looked at, and not thieves alone
	FUNDERS_MAX = 8,      // payments looked at for the largest; of a case more,
	FUNDERS_CASE = 64,    // because dust may have been put over it
	SPENDS_MAX = 64,      // of a member, back to the one that emptied it
	ASSETS_MAX = 8,       // other assets' payments between two of the same
	WALK_MAX = 256        // on a whole ledger, back to a burst
};
enum { P_WALLETS, P_WITHIN, P_EMPTIED, P_ORDERED, P_AT_ONCE };
enum { F_RECIPIENTS, F_DRAINED, F_IN_ORDER, F_ORDERED, F_AT_ONCE };
enum { EMPTIES = 1, IS_EMPTY = 2, CLAIMED = 4 }; // by this edge; by one of this payer's; said

typedef struct drain {
	dp_edge burst;          // the first payment of the burst that this one belongs to
	uint32_t rank;          // payments of the burst up to this one
	dp_edge split, started; // what is being emptied, and since which edge
	uint32_t out_low, out_high;
	uint32_t flags;
} drain;

typedef struct member {
	dp_edge filled, started, emptied; // 0: not yet
	uint32_t node;
} member;

typedef struct order {
	uint32_t drained, in_order, at_once;
	uint64_t parts;
	bool was_said;
} order;

static const drain *drain_of(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static uint64_t out_of(const drain *s)
{
	return (uint64_t)s->out_high << 32 | s->out_low;
}

static void set_out(drain *s, uint64_t out)
{
	s->out_low = (uint32_t)out;
	s->out_high = (uint32_t)(out >> 32);
}

//- as of each edge -------------------------------------------------------------------------------

static void carry_burst(const dp_look *look, drain *s, dp_edge e, const drain *p)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	if (p != NULL) {
		s->burst = p->burst;
		s->rank = p->rank;
	}
	if (t->kind != DP_TR_MOVE || t->src == t->dst) return;
	bool goes_on =
	    s->burst != 0 && dp_graph_kept(g, s->burst) != 0 &&
	    dp_exits_within(dp_graph_edge(g, s->burst)->time, t->time, look->param[P_WITHIN]);
	s->burst = goes_on ? s->burst : e;
	s->rank = goes_on ? s->rank + 1 : 1;
}

// The largest payment of this asset that the payer of `e` got, the newest of equal ones. Where he
// was emptying one already only a larger one that came since takes its place.
static dp_edge find_split(const dp_look *look, dp_edge e, const drain *p, dp_edge before)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge best = p == NULL ? 0 : p->split;
	if (best != 0 && dp_graph_kept(g, best) == 0) best = 0;
	if (best != 0 && dp_graph_edge(g, best)->asset != t->asset) best = 0;
	dp_edge since = best == 0 ? 0 : before, i = dp_graph_in(g, t->src);
	uint32_t most = look->is_case ? FUNDERS_CASE : FUNDERS_MAX;
	uint64_t size = best == 0 ? 0 : dp_graph_edge(g, best)->amount;
	for (uint32_t n = 0; i > since && n < most; n++, i = dp_graph_before_in(g, i)) {
		const dp_transfer *o = dp_graph_edge(g, i);
		if (o->kind != DP_TR_MOVE || o->asset != t->asset || o->src == o->dst) continue;
		if (o->amount <= size) continue;
		best = i;
		size = o->amount;
	}
	return best;
}

// Does this payment empty the payer?
static bool carry_drain(const dp_look *look, drain *s, dp_edge e, const drain *p, dp_edge before)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	s->split = find_split(look, e, p, before);
	if (s->split == 0) return false;
	bool goes_on = p != NULL && p->split == s->split;
	s->started = goes_on ? p->started : e;
	set_out(s, dp_add_sat(goes_on ? out_of(p) : 0, t->amount));
	s->flags = goes_on ? p->flags & IS_EMPTY : 0;
	if (s->flags != 0) return false;
	uint64_t filled = dp_graph_edge(g, s->split)->amount;
	if (dp_exits_ppm(out_of(s), filled) < look->param[P_EMPTIED]) return false;
	s->flags = EMPTIES | IS_EMPTY;
	return true;
}

// The payer's last one of the same asset: what he does with others does not count here.
static dp_edge before_of_asset(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	uint32_t asset = dp_graph_edge(g, e)->asset;
	dp_edge p = dp_graph_before_out(g, e);
	for (uint32_t n = 0; p != 0 && n < ASSETS_MAX; n++, p = dp_graph_before_out(g, p))
		if (dp_graph_edge(g, p)->asset == asset) return p;
	return 0;
}

//- a split and what became of it -----------------------------------------------------------------

// The payment that emptied a member of this burst, after it was filled. Wallets of a split pay a
// few times each; where they are busy ones, DP_LOOK_MAX payments of all of them are enough.
static void find_emptied(const dp_look *look, member *m, uint32_t splitter, dp_edge burst,
                         uint32_t *io_looked)
{
	const dp_graph *g = look->graph;
	dp_edge x = dp_graph_out(g, m->node);
	for (uint32_t n = 0; x > m->filled && n < SPENDS_MAX; n++, x = dp_graph_before_out(g, x)) {
		if ((*io_looked)++ >= DP_LOOK_MAX) return;
		const drain *s = drain_of(look, x);
		if ((s->flags & EMPTIES) == 0 || dp_graph_kept(g, s->split) == 0) continue;
		if (dp_graph_edge(g, s->split)->src != splitter) continue;
		if (drain_of(look, s->split)->burst != burst) continue;
		m->started = s->started;
		m->emptied = x;
		return;
	}
}

static int compare_filled(const void *a, const void *b)
{
	dp_edge x = ((const member *)a)->filled, y = ((const member *)b)->filled;
	return x < y ? -1 : x > y;
}

static uint32_t members_max(const dp_look *look)
{
	return look->is_case ? MEMBERS_MAX : MEMBERS_LEDGER;
}

// Those that were paid in the burst of `split`, in the order in which they were first. 0: there are
// too many, or it is too far back among the wallet's payments.
static dp_code find_members(const dp_look *look, uint32_t *ret_count, member list[MEMBERS_MAX],
                            dp_edge split, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *s = dp_graph_edge(g, split);
	dp_edge burst = drain_of(look, split)->burst;
	uint32_t count = 0, n = 0, most = look->is_case ? DP_LOOK_MAX : WALK_MAX;
	bool is_inside = false;
	*ret_count = 0;
	DP_TRY(dp_look_begin_marks(look, fault));
	dp_edge o = dp_graph_out(g, s->src);
	for (; o != 0 && o >= burst; o = dp_graph_before_out(g, o)) {
		if (++n > most) return DP_OK;
		// Bursts follow one another: of a later one all is later, on to where it began; and
		// of this one is all that is older, down to its first.
		if (!is_inside) {
			const drain *d = drain_of(look, o);
			is_inside = d->burst == burst;
			if (is_inside && d->rank > members_max(look) * 2) return DP_OK;
			if (d->burst > burst) o = d->burst;
			if (!is_inside) continue;
		}
		const dp_transfer *t = dp_graph_edge(g, o);
		if (t->kind != DP_TR_MOVE || t->asset != s->asset || t->src == t->dst) continue;
		uint32_t *mark = dp_look_mark(look, t->dst);
		if (*mark == 0) {
			if (count == members_max(look)) return DP_OK;
			list[count++] = (member){.node = t->dst};
			*mark = count;
			__builtin_prefetch(dp_graph_node_at(g, t->dst));
		}
		list[*mark - 1].filled = o; // walked backwards: the last one seen is the first
	}
	qsort(list, count, sizeof *list, compare_filled);
	*ret_count = count;
	return DP_OK;
}

// The longest rising stretch, by the lengths' least ends (patience sorting, Fredman 1975).
static uint32_t longest_rising(const dp_edge *value, uint32_t n)
{
	dp_edge end[MEMBERS_MAX];
	uint32_t length = 0;
	DP_CHECK(n <= MEMBERS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t low = 0, high = length;
		while (low < high) {
			uint32_t mid = low + (high - low) / 2;
			if (end[mid] < value[i])
				low = mid + 1;
			else
				high = mid;
		}
		end[low] = value[i];
		if (low == length) length++;
	}
	return length;
}

// Whether so many have paid anybody at all: most that ask are the first of their split, and need no
// more than this.
static bool have_paid(const dp_look *look, const member *list, uint32_t count)
{
	const dp_graph *g = look->graph;
	int64_t paid = 0;
	for (uint32_t i = 0; i < count; i++) {
		const dp_node *n = dp_graph_node_at(g, list[i].node);
		if (n->out_count == 0) continue;
		__builtin_prefetch(dp_graph_edge(g, n->last_out));
		__builtin_prefetch(drain_of(look, n->last_out));
		paid++;
	}
	return paid >= look->param[P_WALLETS];
}

static int compare_edges(const void *a, const void *b)
{
	dp_edge x = *(const dp_edge *)a, y = *(const dp_edge *)b;
	return x < y ? -1 : x > y;
}

static uint32_t most_at_once(dp_edge *start, dp_edge *end, uint32_t n)
{
	uint32_t most = 0, over = 0;
	qsort(start, n, sizeof *start, compare_edges);
	qsort(end, n, sizeof *end, compare_edges);
	for (uint32_t i = 0; i < n; i++) {
		while (over < i && end[over] < start[i]) over++;
		if (i + 1 - over > most) most = i + 1 - over;
	}
	return most;
}

static order order_of(const dp_look *look, member *list, uint32_t count, dp_edge split)
{
	const dp_graph *g = look->graph;
	dp_edge start[MEMBERS_MAX], end[MEMBERS_MAX];
	order r = {.drained = 0};
	uint32_t looked = 0;
	for (uint32_t i = 0; i < count; i++) {
		find_emptied(look, &list[i], dp_graph_edge(g, split)->src,
		             drain_of(look, split)->burst, &looked);
		if (list[i].emptied == 0) continue;
		start[r.drained] = list[i].started;
		end[r.drained++] = list[i].emptied;
		r.parts += dp_exits_parts(dp_graph_edge(g, list[i].filled)->loot);
		r.was_said |= (drain_of(look, list[i].emptied)->flags & CLAIMED) != 0;
	}
	r.in_order = longest_rising(end, r.drained);
	r.at_once = most_at_once(start, end, r.drained);
	return r;
}

static dp_code claim(const dp_look *look, const order *r, const member *m, uint32_t count,
                     bool is_good, dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_edge split = drain_of(look, e)->split, *list = dp_look_scratch(look);
	uint32_t n = 0;
	list[n++] = split;
	list[n++] = e;
	for (uint32_t i = 0; i < count && !r->was_said; i++) {
		if (m[i].emptied == 0) continue;
		list[n++] = m[i].filled;
		list[n++] = m[i].emptied;
	}
	DP_CHECK(n <= DP_EVIDENCE_MAX);
	int64_t ordered = dp_exits_ppm(r->in_order, count);
	uint32_t score = 300 + dp_exits_score(dp_exits_ppm(r->in_order, r->drained), 300) +
	                 dp_exits_score(ordered, 200) + (r->at_once <= 2 ? 200 : 0);
	dp_claim c = {
	    .anchor = dp_graph_edge(g, split)->src,
	    .key = drain_of(look, split)->burst,
	    .score = is_good ? score : score / 2, // it was, until others came out of order
	    .loot = dp_exits_loot(r->parts),
	    .fact = {[F_RECIPIENTS] = count,
	             [F_DRAINED] = r->drained,
	             [F_IN_ORDER] = r->in_order,
	             [F_ORDERED] = ordered,
	             [F_AT_ONCE] = r->at_once},
	    .edge = list,
	    .edge_count = n,
	};
	return dp_look_claim(look, &c, fault);
}

static dp_code judge(const dp_look *look, drain *s, dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const int64_t *p = look->param;
	uint32_t splitter = dp_graph_edge(g, s->split)->src, role;
	role = dp_graph_node_at(g, splitter)->role;
	if (role != DP_NODE_WALLET && role != DP_NODE_VICTIM) return DP_OK;
	if (dp_graph_node_at(g, splitter)->out_count < p[P_WALLETS]) return DP_OK;
	// A hub's newest payment says at once how large its burst is, and a split's how small.
	const drain *newest = drain_of(look, dp_graph_out(g, splitter));
	bool is_ours = newest->burst == drain_of(look, s->split)->burst;
	if (newest->rank > members_max(look) * 2) return DP_OK;
	if (is_ours && newest->rank < p[P_WALLETS]) return DP_OK;
	member list[MEMBERS_MAX];
	uint32_t count;
	DP_TRY(find_members(look, &count, list, s->split, fault));
	if (count < p[P_WALLETS] || !have_paid(look, list, count)) return DP_OK;
	order r = order_of(look, list, count, s->split);
	bool is_good = r.drained >= p[P_WALLETS] && r.at_once <= p[P_AT_ONCE] &&
	               dp_exits_ppm(r.in_order, r.drained) >= p[P_ORDERED];
	if (!is_good && !r.was_said) return DP_OK;
	s->flags |= CLAIMED;
	return claim(look, &r, list, count, is_good, e, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	drain *s = state;
	dp_edge before = dp_graph_before_out(g, e);
	carry_burst(look, s, e, before == 0 ? NULL : drain_of(look, before));
	before = before == 0 ? 0 : before_of_asset(look, e);
	const drain *p = before == 0 ? NULL : drain_of(look, before);
	// What changes hands with himself has not left, unless as another asset.
	bool is_spend =
	    dp_exits_is(t, SPEND) && t->amount > 0 && (t->src != t->dst || t->kind == DP_TR_SWAP);
	if (is_spend) return carry_drain(look, s, e, p, before) ? judge(look, s, e, fault) : DP_OK;
	if (p == NULL) return DP_OK;
	s->split = p->split;
	s->started = p->started;
	set_out(s, out_of(p));
	s->flags = p->flags & IS_EMPTY;
	return DP_OK;
}

const dp_typology dp_typology_sequential_drain = {
    .name = "sequential-drain",
    .title = "Emptied one after the other",
    .text = "The wallets of one split are emptied in the order in which they were filled, one or "
            "two at a time, as somebody works through a list (AADAPT ADT3028.003).",
    .aadapt = {"ADT3028.003"},
    .param = {[P_WALLETS] = {"wallets", DP_UNIT_COUNT, 5, 3, MEMBERS_MAX,
                             "emptied ones of one split at least"},
              [P_WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 1, 2592000,
                            "a split lasts at most so long"},
              [P_EMPTIED] = {"emptied", DP_UNIT_PPM, 900000, 100000, 1000000,
                             "of what a wallet got, gone on"},
              [P_ORDERED] = {"ordered", DP_UNIT_PPM, 700000, 0, 1000000,
                             "of the emptied ones, in the order of filling"},
              [P_AT_ONCE] = {"at-once", DP_UNIT_COUNT, 2, 1, MEMBERS_MAX,
                             "being emptied at the same time at most"}},
    .fact = {[F_RECIPIENTS] = {"recipients", DP_UNIT_COUNT, "wallets of the split"},
             [F_DRAINED] = {"drained", DP_UNIT_COUNT, "of these, emptied"},
             [F_IN_ORDER] = {"in-order", DP_UNIT_COUNT, "of these, in the order of filling"},
             [F_ORDERED] = {"ordered", DP_UNIT_PPM, "in order, of all wallets of the split"},
             [F_AT_ONCE] = {"at-once", DP_UNIT_COUNT, "most that were being emptied together"}},
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(drain),
    .feed = feed,
};

// Mules: several deposit addresses at services, fed by the same upstream within one window.
//
// A deposit address at an exchange belongs to one identified customer. Whoever fills several of
// them in a day has other people's accounts at his hands: mules (MITRE AADAPT ADT3028.004 "Money
// Mules"), most clearly where the service is the same, which gives nobody two.
//
//   upstream --> deposit 1               directly, or over one wallet in between:
//   upstream --> wallet --> deposit 2    the wallet's upstream is the one who paid it most of
//   upstream --> wallet --> deposit 3    that asset, so that dust from elsewhere changes nothing
//
// An upstream is a wallet; what a service pays out are its customers' own withdrawals. One with
// more than HUB_MAX payments in the window (HUB_LEDGER where everybody's payments are looked at) is
// a hub, not a person with a list of mules, and is left alone. A finding is one stretch of time: it
// goes on as long as each deposit sees `accounts` in the window before it; its facts are those of
// its widest moment.
#include "technique/typology_exits.h"

enum { HUB_MAX = 512, HUB_LEDGER = 64, HUB_EVER = 4096, FUNDERS_MAX = 8 };
enum { P_ACCOUNTS, P_WITHIN };
enum { F_ACCOUNTS, F_SERVICES, F_DIRECT };

// Of a stretch as of one of its deposits. first 0: not enough accounts in the window.
typedef struct stretch {
	dp_edge first;
	uint32_t most, parts; // accounts; of the loot
} stretch;

typedef struct mule {
	stretch own, upstream; // of the payer, and of who paid him
	dp_edge funded;        // the edge that tells who that is
} mule;

// One look at an upstream.
typedef struct under {
	uint32_t accounts, direct, wallets, venues, edges; // wallets: in between, with deposits
	uint64_t parts;
	dp_edge oldest, previous; // deposits counted; the newest before the one that is fed
	bool is_hub;
} under;

enum { MARK_ACCOUNT = 1, MARK_PASSED = 2 };

static const mule *mule_of(const dp_look *look, dp_edge e)
{
	return dp_look_state(look, e);
}

static bool is_wallet(const dp_graph *g, uint32_t node)
{
	return dp_graph_node_at(g, node)->role == DP_NODE_WALLET;
}

// The edge by which the payer of `e` got most of this asset within the window; 0: none.
static dp_edge main_funder(const dp_look *look, dp_edge e)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge best = 0, i = dp_graph_in(g, t->src);
	for (uint32_t n = 0; i != 0 && n < FUNDERS_MAX; n++, i = dp_graph_before_in(g, i)) {
		const dp_transfer *o = dp_graph_edge(g, i);
		if (!dp_exits_within(o->time, t->time, look->param[P_WITHIN])) break;
		if (o->kind != DP_TR_MOVE || o->asset != t->asset || o->src == o->dst) continue;
		if (!is_wallet(g, o->src)) continue;
		if (best == 0 || o->amount > dp_graph_edge(g, best)->amount) best = i;
	}
	return best;
}

static void count(const dp_look *look, under *u, dp_edge *list, dp_edge d, dp_edge e)
{
	const dp_transfer *t = dp_graph_edge(look->graph, d);
	uint32_t *mark = dp_look_mark(look, t->dst);
	if ((*mark & MARK_ACCOUNT) == 0) u->accounts++;
	*mark |= MARK_ACCOUNT;
	u->venues |= (uint32_t)1 << t->venue % 32;
	u->parts += dp_exits_parts(t->loot);
	if (u->oldest == 0 || d < u->oldest) u->oldest = d;
	if (d != e && d > u->previous) u->previous = d;
	if (u->edges + 2 > DP_EVIDENCE_MAX) return;
	list[u->edges++] = d;
	if (mule_of(look, d)->funded != 0) list[u->edges++] = mule_of(look, d)->funded;
}

// Deposits of the window that hang on a wallet in between; false: too many edges.
static bool count_passed(const dp_look *look, under *u, dp_edge *list, dp_edge in, dp_edge e,
                         uint32_t *io_left)
{
	const dp_graph *g = look->graph;
	uint32_t upstream = dp_graph_edge(g, in)->src, node = dp_graph_edge(g, in)->dst;
	int64_t now = dp_graph_edge(g, e)->time;
	uint32_t *mark = dp_look_mark(look, node);
	if ((*mark & MARK_PASSED) != 0) return true;
	*mark |= MARK_PASSED;
	bool has_any = false;
	for (dp_edge d = dp_graph_out(g, node); d != 0; d = dp_graph_before_out(g, d)) {
		const dp_transfer *t = dp_graph_edge(g, d);
		if ((*io_left)-- == 0) return false;
		if (!dp_exits_within(t->time, now, look->param[P_WITHIN])) break;
		if (t->kind != DP_TR_SERVICE) continue;
		dp_edge funded = mule_of(look, d)->funded;
		if (funded == 0 || dp_graph_kept(g, funded) == 0) continue;
		if (dp_graph_edge(g, funded)->src != upstream) continue;
		count(look, u, list, d, e);
		has_any = true;
	}
	u->wallets += has_any;
	return true;
}

static dp_code look_under(const dp_look *look, under *ret_under, dp_edge *list, uint32_t upstream,
                          dp_edge e, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	int64_t now = dp_graph_edge(g, e)->time;
	under u = {.oldest = 0};
	uint32_t left = look->is_case ? HUB_MAX : HUB_LEDGER;
	*ret_under = (under){.is_hub = true};
	// Nothing is rolled back on a ledger, so what a node ever did does not hang on the way.
	if (!look->is_case && dp_graph_node_at(g, upstream)->out_count > HUB_EVER) return DP_OK;
	DP_TRY(dp_look_begin_marks(look, fault));
	dp_edge o = dp_graph_out(g, upstream);
	for (; o != 0 && !u.is_hub; o = dp_graph_before_out(g, o)) {
		const dp_transfer *t = dp_graph_edge(g, o);
		if (left-- == 0) {
			u.is_hub = true;
			break;
		}
		if (!dp_exits_within(t->time, now, look->param[P_WITHIN])) break;
		if (t->kind == DP_TR_SERVICE) {
			u.direct++;
			count(look, &u, list, o, e);
		} else if (t->kind == DP_TR_MOVE && t->dst != upstream && is_wallet(g, t->dst)) {
			u.is_hub = !count_passed(look, &u, list, o, e, &left);
		}
	}
	*ret_under = u;
	return DP_OK;
}

static dp_code consider(const dp_look *look, stretch *s, uint32_t upstream, dp_edge e,
                        dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge *list = dp_look_scratch(look);
	under u;
	DP_TRY(look_under(look, &u, list, upstream, e, fault));
	if (u.is_hub || u.accounts < look->param[P_ACCOUNTS]) return DP_OK;
	// Over one wallet alone they are that wallet's.
	if (u.direct == 0 && u.wallets < 2) return DP_OK;
	stretch was = {.first = 0};
	if (u.previous != 0)
		was = dp_graph_edge(g, u.previous)->src == upstream
		          ? mule_of(look, u.previous)->own
		          : mule_of(look, u.previous)->upstream;
	bool goes_on = was.first != 0;
	s->first = goes_on ? was.first : u.oldest;
	s->most = was.most > u.accounts ? was.most : u.accounts;
	s->parts =
	    goes_on ? dp_exits_add(was.parts, dp_exits_parts(t->loot)) : dp_exits_add(0, u.parts);
	dp_edge latest[2] = {e, mule_of(look, e)->funded};
	uint32_t services = (uint32_t)__builtin_popcount(u.venues);
	dp_claim c = {
	    .anchor = upstream,
	    .key = s->first,
	    .score = 500 + (s->most < 10 ? s->most : 10) * 30 + (services < u.accounts ? 200 : 0),
	    .loot = dp_exits_loot(s->parts),
	    .fact = {[F_ACCOUNTS] = s->most, [F_SERVICES] = services, [F_DIRECT] = u.direct},
	    .edge = goes_on ? latest : list,
	    .edge_count = goes_on ? (latest[1] != 0 ? 2 : 1) : u.edges,
	};
	return dp_look_claim(look, &c, fault);
}

static dp_code feed(const dp_look *look, dp_edge e, void *state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	if (t->src == t->dst || !is_wallet(g, t->src)) return DP_OK;
	mule *s = state;
	s->funded = main_funder(look, e);
	uint32_t upstream = s->funded == 0 ? 0 : dp_graph_edge(g, s->funded)->src;
	// A single payment cannot be two ways to several accounts.
	if (dp_graph_node_at(g, t->src)->out_count > 1)
		DP_TRY(consider(look, &s->own, t->src, e, fault));
	if (upstream != 0 && dp_graph_node_at(g, upstream)->out_count > 1)
		DP_TRY(consider(look, &s->upstream, upstream, e, fault));
	return DP_OK;
}

const dp_typology dp_typology_mules = {
    .name = "mules",
    .title = "Mule accounts",
    .text = "Several deposit addresses at services are fed by one upstream within one window, "
            "directly or over one wallet each (AADAPT ADT3028.004).",
    .aadapt = {"ADT3028.004"},
    .param = {[P_ACCOUNTS] = {"accounts", DP_UNIT_COUNT, 3, 2, 256, "deposit addresses at least"},
              [P_WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 60, 2592000, "the window"}},
    .fact = {[F_ACCOUNTS] = {"accounts", DP_UNIT_COUNT, "different deposit addresses, at most"},
             [F_SERVICES] = {"services", DP_UNIT_COUNT,
                             "different services in the last window, exact up to 32"},
             [F_DIRECT] = {"direct", DP_UNIT_COUNT,
                           "deposits of the last window without a wallet in between"}},
    .kinds = 1 << DP_TR_SERVICE,
    .edge_bytes = sizeof(mule),
    .feed = feed,
};

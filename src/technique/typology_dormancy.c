// Dormancy: money lies still for long, and then most of it moves at once.
//
// Documented: HTX and HECO, November 2023 to March 2024; WannaCry, ten weeks; Bitfinex, five years.
// Thieves wait for watchers to tire; who holds for years and pays in parts is somebody else.
//
//   receipts ...      payments      |<------ asleep ------->| e   payments until `within`
//   ------------------------------------------------------------------------------------> time
//                     the last one                            wake-up: the first one after it
//
// What sleeps is what was received at least `asleep` before the wake-up and not spent: dust that
// strangers send to a known address does not wake it, and does not count. It is a shape when
// `share` of it moves within `within` of the wake-up. In a case it is counted in loot, else in the
// asset of the wake-up. Exchanging in the wallet counts as waking up, not as moving.
//
// In a case `finish` tells of the wallets that are still asleep; on a ledger that is nearly
// everyone.
//
// State on an edge: the wake-up that it belongs to, what slept, what has moved.
#include <string.h>

#include "base/check.h"
#include "technique/amounts.h"
#include "technique/purse.h"
#include "technique/typologies.h"

enum { ASLEEP, WITHIN, SHARE };
enum { AWAKE, SLEPT, MOVED, WOKE_IN };

typedef struct state {
	uint64_t slept_amount, moved;
	dp_edge wake;
	uint32_t slept_s, claimed, unused;
} state;

static state read_state(const dp_look *look, dp_edge e)
{
	state s; // states are only aligned to four bytes
	memcpy(&s, dp_look_state(look, e), sizeof s);
	return s;
}

// What has slept in a wallet up to `now`, since when; nothing where it is a hub.
static uint64_t sleeping(const dp_look *look, uint32_t node, uint32_t asset, int64_t now,
                         dp_edge before, dp_purse *ret_purse)
{
	dp_purse_ask ask = {.node = node,
	                    .asset = asset,
	                    .before = before,
	                    .in_time_max = now - look->param[ASLEEP],
	                    .look_max = DP_LOOK_MAX};
	if (!dp_purse_of(look, ret_purse, &ask) || ret_purse->in_last == 0) return 0;
	return dp_purse_left(look, ret_purse);
}

// Since the last payment, or since the last of what sleeps came, whichever is later.
static int64_t slept_for(const dp_graph *g, const dp_purse *p, dp_edge paid, int64_t now)
{
	int64_t since = dp_graph_edge(g, p->in_last)->time;
	if (paid != 0 && dp_graph_edge(g, paid)->time > since) since = dp_graph_edge(g, paid)->time;
	return now - since;
}

// A payment after a long rest.
static bool wake_up(const dp_look *look, state *ret_state, dp_edge e, dp_edge paid)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_purse p;
	uint64_t left = sleeping(look, t->src, t->asset, t->time, e, &p);
	if (left == 0) return false;
	int64_t slept = slept_for(g, &p, paid, t->time);
	*ret_state = (state){.slept_amount = left,
	                     .moved = dp_purse_worth(look, t, t->asset),
	                     .wake = e,
	                     .slept_s = slept > UINT32_MAX ? UINT32_MAX : (uint32_t)slept};
	return true;
}

static uint32_t score_of(const dp_look *look, const dp_claim *c)
{
	// Four months, as after HTX, is as clear as it gets.
	int64_t more = c->fact[SLEPT] - look->param[ASLEEP];
	uint32_t score = 400 + dp_score_of(more, 3 * look->param[ASLEEP] + 1, 300);
	if (c->fact[AWAKE] == 0) return score;
	return score + dp_score_of(c->fact[MOVED], DP_PPM, 200) +
	       dp_score_of(look->param[WITHIN] - c->fact[WOKE_IN], look->param[WITHIN] + 1, 100);
}

static dp_code claim_wake(const dp_look *look, dp_edge e, state *io_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	dp_edge *list = dp_look_scratch(look);
	uint32_t n = 0;
	DP_CHECK(io_state->wake <= e);
	for (dp_edge o = e; o != 0 && o >= io_state->wake && n < DP_EVIDENCE_MAX;
	     o = dp_graph_before_out(g, o)) {
		list[n++] = o;
		if (io_state->claimed) break;
	}
	io_state->claimed = 1;
	uint64_t loot =
	    io_state->moved < io_state->slept_amount ? io_state->moved : io_state->slept_amount;
	dp_claim c = {.anchor = t->src,
	              .key = io_state->wake,
	              .loot = look->is_case ? dp_loot_of(loot) : 0,
	              .edge = list,
	              .edge_count = n};
	int64_t moved = dp_ppm_of(io_state->moved, io_state->slept_amount);
	c.fact[AWAKE] = 1;
	c.fact[SLEPT] = io_state->slept_s;
	c.fact[MOVED] = moved > DP_PPM ? DP_PPM : moved;
	c.fact[WOKE_IN] = t->time - dp_graph_edge(g, io_state->wake)->time;
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

// Does the payment belong to a waking that the one before belongs to?
static bool go_on(const dp_look *look, state *ret_state, const dp_transfer *t, dp_edge paid)
{
	state s = read_state(look, paid);
	if (s.wake == 0 || s.wake < dp_graph_first(look->graph)) return false;
	const dp_transfer *wake = dp_graph_edge(look->graph, s.wake);
	if (t->time - wake->time > look->param[WITHIN]) return false;
	s.moved = dp_add_sat(s.moved, dp_purse_worth(look, t, wake->asset));
	*ret_state = s;
	return true;
}

static dp_code feed(const dp_look *look, dp_edge e, void *edge_state, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	const dp_transfer *t = dp_graph_edge(g, e);
	const dp_node *n = dp_graph_node_at(g, t->src);
	if (n->role != DP_NODE_WALLET) return DP_OK;
	// All receipts that are kept are as late as the first edge of the node.
	if (t->time - n->first_time < look->param[ASLEEP]) return DP_OK;
	dp_edge paid = dp_graph_before_out(g, e);
	state s;
	if (paid != 0 && t->time - dp_graph_edge(g, paid)->time < look->param[ASLEEP]) {
		if (!go_on(look, &s, t, paid)) return DP_OK;
	} else if (!wake_up(look, &s, e, paid)) {
		return DP_OK;
	}
	dp_code code = DP_OK;
	if (s.moved > 0 && dp_is_share(s.moved, s.slept_amount, look->param[SHARE]))
		code = claim_wake(look, e, &s, fault);
	memcpy(edge_state, &s, sizeof s);
	return code;
}

static dp_code tell_asleep(const dp_look *look, uint32_t node, int64_t now, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	dp_edge paid = dp_graph_out(g, node);
	if (paid != 0 && now - dp_graph_edge(g, paid)->time < look->param[ASLEEP]) return DP_OK;
	dp_purse p;
	uint64_t left = sleeping(look, node, 0, now, UINT32_MAX, &p);
	if (left == 0) return DP_OK;
	dp_edge *list = dp_look_scratch(look);
	uint32_t count = 0;
	for (dp_edge i = p.in_last; i != 0 && count < DP_EVIDENCE_MAX; i = dp_graph_before_in(g, i))
		if (dp_graph_edge(g, i)->loot > 0) list[count++] = i;
	dp_claim c = {.anchor = node,
	              .key = p.in_last,
	              .loot = dp_loot_of(left),
	              .edge = list,
	              .edge_count = count};
	c.fact[SLEPT] = slept_for(g, &p, paid, now);
	c.score = score_of(look, &c);
	return dp_look_claim(look, &c, fault);
}

static dp_code finish(const dp_look *look, int64_t now, dp_fault *fault)
{
	const dp_graph *g = look->graph;
	if (!look->is_case) return DP_OK;
	// Each wallet at its newest receipt: in the order of time, which is the same however the
	// nodes came to be numbered.
	for (dp_edge e = dp_graph_first(g); e <= dp_graph_last(g); e++) {
		uint32_t v = dp_graph_edge(g, e)->dst;
		if (dp_graph_in(g, v) == e && dp_graph_node_at(g, v)->role == DP_NODE_WALLET)
			DP_TRY(tell_asleep(look, v, now, fault));
	}
	return DP_OK;
}

const dp_typology dp_typology_dormancy = {
    .name = "dormancy",
    .title = "Dormancy",
    .text = "Money lies unmoved for a month or longer, and then most of it moves within a day; or "
            "it lies there still.",
    .aadapt = {"ADT3028.001"},
    .param =
        {
            [ASLEEP] = {"asleep", DP_UNIT_SECONDS, 2592000, 3600, 315360000,
                        "How long it lay unmoved at the least."},
            [WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 0, 31536000,
                        "Time from waking up in which it moves."},
            [SHARE] = {"share", DP_UNIT_PPM, 500000, 10000, 1000000,
                       "Share of what slept that moves at the least."},
        },
    .fact =
        {
            [AWAKE] = {"awake", DP_UNIT_FLAG, "It has woken up; else it sleeps still."},
            [SLEPT] = {"asleep", DP_UNIT_SECONDS, "How long it lay unmoved."},
            [MOVED] = {"moved", DP_UNIT_PPM, "Share of what slept that has moved."},
            [WOKE_IN] = {"span", DP_UNIT_SECONDS, "From waking up to the latest payment."},
        },
    .kinds = DP_KINDS_ALL,
    .edge_bytes = sizeof(state),
    .feed = feed,
    .finish = finish,
};

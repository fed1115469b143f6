// Running the tests inside a technique's file; see judge.h.
//
// A test's movements become transfers as a casebook's would: names are nodes, and the loot goes
// with the money in proportion (haircut), asset by asset, from what the theft brought. A swap
// gives its loot to what came out; a bridge hands out, first in first out, what was paid into it.
// It is small and plain on purpose: what it feeds is only as clever as the lines of the test.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "shape/safe.h"
#include "technique/judge_private.h"

enum { PURSES_MAX = 1 << 16, UNITS_PER = 1000000000 };

// What somebody has of an asset. Of a bridge: what was paid in and has not come out.
typedef struct purse {
	uint64_t who, asset; // hashes
	uint64_t amount, loot;
	uint32_t node, hop; // of `asset` 0: the node itself
	uint32_t next;      // bridge: parts are a queue of purses; 0: none
} purse;

typedef struct runner {
	const dp_tech_test *test;
	dp_mine *mine;
	purse *purse;
	uint32_t *slot;
	uint32_t purse_count, slot_count;
	uint64_t stolen_worth, stolen_amount;
	bool has_worth;
	dp_fault *fault;
} runner;

static uint64_t hash_of(const char *text, size_t n, uint64_t number, bool has_number)
{
	uint64_t h = 14695981039346656037u; // FNV-1a
	for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)text[i]) * 1099511628211u;
	if (has_number) h = (h ^ (number + 1)) * 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	h ^= h >> 32;
	return h == 0 ? 1 : h;
}

static dp_code purse_of(runner *r, purse **ret_purse, uint64_t who, uint64_t asset)
{
	uint32_t mask = r->slot_count - 1, at = (uint32_t)(who ^ asset * 31) & mask;
	for (; r->slot[at] != 0; at = (at + 1) & mask) {
		purse *p = &r->purse[r->slot[at] - 1];
		if (p->who == who && p->asset == asset) {
			*ret_purse = p;
			return DP_OK;
		}
	}
	if (r->purse_count == PURSES_MAX)
		return dp_fail_at(r->fault, DP_LIMIT, r->test->line, r->test->column,
		                  "the test has too many names and assets");
	*ret_purse = &r->purse[r->purse_count++];
	**ret_purse = (purse){.who = who, .asset = asset};
	r->slot[at] = r->purse_count;
	return DP_OK;
}

static uint64_t part_of(uint64_t whole, uint64_t amount, uint64_t of)
{
	if (of == 0) return 0;
	if (amount >= of) return whole;
	return (uint64_t)((unsigned __int128)whole * amount / of);
}

//- what assets are -------------------------------------------------------------------------------

static uint8_t flags_of_asset(const char *asset)
{
	static const struct {
		const char *name;
		uint8_t flags;
	} rows[] = {{"eth", DP_TRF_NATIVE},
	            {"bnb", DP_TRF_NATIVE},
	            {"trx", DP_TRF_NATIVE},
	            {"sol", DP_TRF_NATIVE},
	            {"btc", DP_TRF_NATIVE | DP_TRF_COINS},
	            {"ltc", DP_TRF_NATIVE | DP_TRF_COINS},
	            {"usdt", DP_TRF_STABLE | DP_TRF_FREEZABLE},
	            {"usdc", DP_TRF_STABLE | DP_TRF_FREEZABLE},
	            {"dai", DP_TRF_STABLE}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, asset) == 0) return rows[i].flags;
	return 0;
}

static uint32_t asset_number(const char *asset)
{
	return (uint32_t)hash_of(asset, strlen(asset), 0, false) | 1;
}

//- one transfer ----------------------------------------------------------------------------------

// A member of a movement's range, in the order of time.
typedef struct member {
	int64_t time;
	uint32_t move, at;
} member;

static dp_node_role role_of(const dp_test_move *m, bool is_to)
{
	if (m->kind == DP_TR_THEFT) return is_to ? DP_NODE_WALLET : DP_NODE_VICTIM;
	if (m->kind == DP_TR_TAKEOVER) return DP_NODE_VICTIM;
	if (m->kind == DP_TR_BRIDGE_IN) return is_to ? DP_NODE_WALLET : DP_NODE_BRIDGE;
	if (!is_to) return DP_NODE_WALLET;
	if (m->kind == DP_TR_SERVICE) return DP_NODE_SERVICE;
	if (m->kind == DP_TR_MIXER) return DP_NODE_MIXER;
	if (m->kind == DP_TR_BRIDGE_OUT) return DP_NODE_BRIDGE;
	if (m->kind == DP_TR_BURN) return DP_NODE_BURN;
	return DP_NODE_WALLET;
}

// The node of a name; *ret_purse of asset 0 is its own record.
static dp_code node_of(runner *r, const dp_test_move *m, uint32_t at, bool is_to, purse **ret_self,
                       bool *ret_is_new)
{
	bool has_range = is_to ? m->to_range : m->from_range;
	const char *name = is_to ? m->to : m->from;
	uint32_t first = is_to ? m->to_first : m->from_first;
	uint64_t who = hash_of(name, strlen(name), (uint64_t)first + at, has_range);
	DP_TRY(purse_of(r, ret_self, who, 0));
	*ret_is_new = (*ret_self)->node == DP_NODE_NONE;
	return dp_mine_node(r->mine, &(*ret_self)->node, who, role_of(m, is_to), r->fault);
}

static uint64_t stolen_part(const runner *r, const dp_test_move *m)
{
	if (r->has_worth) return part_of(DP_LOOT_WHOLE, m->worth, r->stolen_worth);
	return part_of(DP_LOOT_WHOLE, m->amount, r->stolen_amount);
}

// A bridge keeps what was paid in, in whatever asset, in the order of payment.
static dp_code into_bridge(runner *r, purse *bridge, uint64_t loot)
{
	uint32_t last = (uint32_t)(bridge - r->purse);
	while (r->purse[last].next != 0) last = r->purse[last].next;
	if (r->purse_count == PURSES_MAX)
		return dp_fail_at(r->fault, DP_LIMIT, r->test->line, r->test->column,
		                  "the test has too many payments into bridges");
	r->purse[r->purse_count] = (purse){.loot = loot};
	r->purse[last].next = r->purse_count++;
	return DP_OK;
}

static uint64_t out_of_bridge(runner *r, purse *bridge)
{
	if (bridge->next == 0) return 0;
	purse *part = &r->purse[bridge->next];
	bridge->next = part->next;
	return part->loot;
}

static dp_code move_loot(runner *r, const dp_test_move *m, purse *from, purse *to,
                         uint64_t *ret_loot)
{
	purse *mine, *theirs;
	uint64_t asset = hash_of(m->asset, strlen(m->asset), 1, true), loot;
	uint64_t from_who = from->who, to_who = to->who;
	if (m->kind == DP_TR_THEFT) {
		loot = stolen_part(r, m);
	} else if (m->kind == DP_TR_BRIDGE_IN) {
		loot = out_of_bridge(r, from);
	} else {
		DP_TRY(purse_of(r, &mine, from_who, asset));
		uint64_t amount = m->amount < mine->amount ? m->amount : mine->amount;
		loot = part_of(mine->loot, amount, mine->amount);
		mine->amount -= amount;
		mine->loot -= loot;
	}
	*ret_loot = loot;
	if (m->kind == DP_TR_BRIDGE_OUT) return into_bridge(r, to, loot);
	if (m->kind == DP_TR_SWAP) asset = hash_of(m->out_asset, strlen(m->out_asset), 1, true);
	DP_TRY(purse_of(r, &theirs, to_who, asset));
	uint64_t amount = m->kind == DP_TR_SWAP ? m->out_amount : m->amount;
	if (__builtin_add_overflow(theirs->amount, amount, &theirs->amount))
		theirs->amount = UINT64_MAX;
	theirs->loot += loot;
	return DP_OK;
}

static dp_code feed_one(runner *r, const member *x)
{
	const dp_test_move *m = &r->test->move[x->move];
	purse *from, *to;
	bool is_new;
	dp_edge edge;
	DP_TRY(node_of(r, m, x->at, false, &from, &is_new));
	DP_TRY(node_of(r, m, x->at, true, &to, &is_new));
	uint32_t hop = m->kind == DP_TR_THEFT ? 0 : from->hop + 1;
	if (is_new || hop < to->hop) to->hop = hop;
	bool is_known = m->worth != DP_WORTH_NONE && (r->test->knows & DP_KNOWS_PRICES) != 0;
	dp_transfer t = {
	    .src = from->node,
	    .dst = to->node,
	    .tx = (uint32_t)dp_graph_last(dp_mine_graph(r->mine)) + 1,
	    .asset = asset_number(m->asset),
	    .time = x->time,
	    .amount = m->amount,
	    .worth_low = is_known ? m->worth : 0,
	    .worth_high = is_known ? m->worth : DP_WORTH_NONE,
	    .ref = x->move,
	    .kind = m->kind,
	    .flags = flags_of_asset(m->asset),
	    .hop = (uint16_t)(hop > UINT16_MAX ? UINT16_MAX : hop),
	    .venue = m->venue == NULL ? 0 : asset_number(m->venue),
	};
	if (is_new && !m->is_old) t.flags |= DP_TRF_FRESH;
	if (m->kind == DP_TR_SWAP && (flags_of_asset(m->out_asset) & DP_TRF_NATIVE) != 0)
		t.flags |= DP_TRF_TO_NATIVE;
	if (m->kind == DP_TR_TAKEOVER) t.venue = DP_SAFE_SCORE_MAX;
	DP_TRY(move_loot(r, m, from, to, &t.loot));
	return dp_mine_feed(r->mine, &edge, &t, r->fault);
}

//- all of them -----------------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
	const member *x = a, *y = b;
	if (x->time != y->time) return x->time < y->time ? -1 : 1;
	if (x->move != y->move) return x->move < y->move ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static uint64_t add_times(uint64_t sum, uint64_t one, uint32_t count)
{
	uint64_t all;
	if (__builtin_mul_overflow(one, (uint64_t)count, &all) ||
	    __builtin_add_overflow(sum, all, &sum))
		return UINT64_MAX;
	return sum;
}

static void sum_thefts(runner *r)
{
	r->has_worth = true;
	for (uint32_t i = 0; i < r->test->move_count; i++) {
		const dp_test_move *m = &r->test->move[i];
		if (m->kind != DP_TR_THEFT) continue;
		r->stolen_amount = add_times(r->stolen_amount, m->amount, m->count);
		r->has_worth = r->has_worth && m->worth != DP_WORTH_NONE;
		if (r->has_worth) r->stolen_worth = add_times(r->stolen_worth, m->worth, m->count);
	}
}

static dp_code feed_all(runner *r)
{
	const dp_tech_test *t = r->test;
	member *list = dp_alloc(t->transfer_count * sizeof *list);
	uint32_t n = 0;
	if (list == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < t->move_count; i++)
		for (uint32_t k = 0; k < t->move[i].count; k++)
			list[n++] = (member){
			    t->theft + t->move[i].time + t->move[i].step * (int64_t)k, i, k};
	DP_CHECK(n == t->transfer_count);
	qsort(list, n, sizeof *list, compare);
	sum_thefts(r);
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < n && code == DP_OK; i++) code = feed_one(r, &list[i]);
	int64_t last = list[n - 1].time;
	dp_free(list);
	DP_TRY(code);
	return dp_mine_finish(r->mine, t->now > 0 ? t->theft + t->now : last, r->fault);
}

static dp_code fill(runner *r)
{
	r->slot_count = 2 * PURSES_MAX;
	r->purse = dp_alloc(PURSES_MAX * sizeof *r->purse);
	r->slot = dp_alloc(r->slot_count * sizeof *r->slot);
	dp_code code = DP_OK;
	if (r->purse == NULL || r->slot == NULL)
		code = dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	// Purse 0 is nobody's, so that 0 can mean none in a queue.
	r->purse_count = 1;
	if (code == DP_OK) code = feed_all(r);
	dp_free(r->purse);
	dp_free(r->slot);
	return code;
}

//- judging ---------------------------------------------------------------------------------------

static dp_code instances_of(const dp_technique *t, dp_instance *ret_instance, uint32_t *ret_count,
                            dp_fault *fault)
{
	dp_technique copy = *t;
	dp_technique_set set = {.technique = &copy, .count = 1};
	uint64_t end;
	return dp_judge_instances(&set, 0, &end, ret_instance, ret_count, fault);
}

// What a test says of shared infrastructure is made up as one overlap of each kind with a case that
// was attributed to the rule's first actor.
static uint32_t make_overlaps(const dp_tech_test *test, dp_overlap ret_item[DP_OVERLAP_KIND_COUNT])
{
	const dp_overlap_row *row = dp_overlap_rows(&(uint32_t){0});
	uint32_t n = 0;
	for (uint32_t k = 0; k < DP_OVERLAP_KIND_COUNT; k++)
		if ((test->overlap_kinds >> k & 1) != 0)
			ret_item[n++] =
			    (dp_overlap){.kind = (dp_overlap_kind)k, .weight = row[k].weight};
	return n;
}

static dp_code judge(const dp_technique *t, const dp_judge_input *input, dp_likeness *ret_likeness,
                     dp_fault *fault)
{
	dp_judge *j;
	DP_TRY(dp_judge_new(&j, input, fault));
	dp_judge_technique(j, ret_likeness, t);
	dp_judge_free(j);
	return DP_OK;
}

static dp_code judge_moves(const dp_technique *t, const dp_tech_test *test, dp_mine *mine,
                           dp_likeness *ret_likeness, dp_fault *fault)
{
	dp_fingerprint print;
	dp_overlap item[DP_OVERLAP_KIND_COUNT];
	dp_overlaps overlaps = {.item = item, .count = make_overlaps(test, item)};
	const dp_use use = {
	    .whose = "an earlier case", .address = "", .chain = "", .actor = "", .says = ""};
	dp_attribution whose = {.incident = use.whose,
	                        .claimant = "the test",
	                        .date = "",
	                        .reference = "",
	                        .actor = "somebody"};
	const dp_graph *g = dp_mine_graph(mine);
	int64_t last = dp_graph_edge(g, dp_graph_last(g))->time;
	int64_t now = test->now > 0 ? test->theft + test->now : last;
	bool knows_theft = (test->knows & DP_KNOWS_THEFT) != 0;
	if (t->actor_count > 0) whose.actor = t->actor[0].name;
	DP_TRY(dp_fingerprint_of(&print, g,
	                         &(dp_fingerprint_options){.theft_time = test->theft,
	                                                   .has_theft_time = knows_theft,
	                                                   .now = now},
	                         fault));
	return judge(t,
	             &(dp_judge_input){.mine = mine,
	                               .print = &print,
	                               .overlaps = &overlaps,
	                               .their_uses = &use,
	                               .attribution = &whose,
	                               .attribution_count = 1,
	                               .has_theft_time = knows_theft,
	                               .theft_time = test->theft,
	                               .now = now,
	                               .has_loot = true,
	                               .knows = test->knows},
	             ret_likeness, fault);
}

static dp_code run_moves(const dp_technique *t, const dp_tech_test *test, dp_likeness *ret_likeness,
                         dp_fault *fault)
{
	dp_instance instance[DP_INSTANCES_MAX];
	runner r = {.test = test, .fault = fault};
	dp_mine_options o = {
	    .instance = instance, .is_case = true, .edges_max = test->transfer_count};
	DP_TRY(instances_of(t, instance, &o.instance_count, fault));
	if (o.edges_max < 16) o.edges_max = 16;
	DP_TRY(dp_mine_new(&r.mine, &o, fault));
	dp_code code = fill(&r);
	if (code == DP_OK) code = judge_moves(t, test, r.mine, ret_likeness, fault);
	dp_mine_free(r.mine);
	return code;
}

static dp_code run_source(const dp_technique *t, const dp_tech_test *test,
                          const dp_test_source *source, dp_likeness *ret_likeness, dp_fault *fault)
{
	dp_instance instance[DP_INSTANCES_MAX];
	dp_judge_input input = {0};
	uint32_t count;
	if (source == NULL) return dp_fail(fault, DP_NOT_FOUND, "nobody gives the flow");
	DP_TRY(instances_of(t, instance, &count, fault));
	DP_TRY(source->open(source->context, &input, test, t, instance, count, fault));
	dp_code code = judge(t, &input, ret_likeness, fault);
	source->close(source->context, &input);
	return code;
}

static bool compare_with(const dp_tech_test *test, const dp_likeness *l, char why[DP_WHY_TEXT_MAX])
{
	if (l->value < (uint32_t)test->likeness.min || l->value > (uint32_t)test->likeness.max) {
		(void)snprintf(
		    why, DP_WHY_TEXT_MAX, "likeness %u.%03u, and wanted from %u.%03u to %u.%03u",
		    l->value / 1000, l->value % 1000, (uint32_t)test->likeness.min / 1000,
		    (uint32_t)test->likeness.min % 1000, (uint32_t)test->likeness.max / 1000,
		    (uint32_t)test->likeness.max % 1000);
		return false;
	}
	for (uint32_t i = 0; i < l->step_count; i++) {
		const dp_step_judged *s = &l->step[i];
		bool is_seen = s->is_known && s->value >= DP_STEP_SEEN_MIN;
		bool is_wanted = (test->seen >> i & 1) != 0,
		     is_not = (test->not_seen >> i & 1) != 0;
		if (!(is_wanted && !is_seen) && !(is_not && is_seen)) continue;
		(void)snprintf(why, DP_WHY_TEXT_MAX, "the step '%s' is %s (%.60s)",
		               l->technique->step[i].id, dp_step_state_name(s->state), s->why);
		return false;
	}
	return true;
}

dp_code dp_technique_test(const dp_technique *t, uint32_t test, const dp_test_source *source,
                          dp_test_verdict *ret_verdict, dp_likeness *ret_likeness,
                          char ret_why[DP_WHY_TEXT_MAX], dp_fault *fault)
{
	dp_fault own = {0};
	DP_CHECK(test < t->test_count);
	const dp_tech_test *x = &t->test[test];
	dp_code code = x->move != NULL ? run_moves(t, x, ret_likeness, &own)
	                               : run_source(t, x, source, ret_likeness, &own);
	ret_why[0] = 0;
	if (code == DP_NOT_FOUND && x->move == NULL) {
		(void)snprintf(ret_why, DP_WHY_TEXT_MAX, "%.150s", own.text);
		*ret_verdict = DP_TEST_SKIPPED;
		return DP_OK;
	}
	if (code != DP_OK) {
		if (fault != NULL) *fault = own;
		return code;
	}
	*ret_verdict = compare_with(x, ret_likeness, ret_why) ? DP_TEST_PASSED : DP_TEST_FAILED;
	return DP_OK;
}

// The JSON form of ranking.h: one object. All numbers are whole: loot in parts of `loot_whole`, the
// walk in parts of `walk_whole`; the sum behind a score, which may be beyond what programs that
// read numbers as doubles can tell, is a text.
#include <stdio.h>

#include "base/check.h"
#include "codec/json.h"
#include "codec/time.h"
#include "report/ranking.h"

static void text(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	dp_json_string(o, value);
}

static void number(dp_json_out *o, const char *key, uint64_t value)
{
	dp_json_key(o, key);
	dp_json_uint(o, value);
}

static void when(dp_json_out *o, const char *key, int64_t time)
{
	char buffer[DP_TIME_TEXT_MAX];
	dp_time_format(buffer, time);
	text(o, key, buffer);
}

static const char *role_name(uint32_t role)
{
	static const char *const name[] = {
	    [DP_NODE_WALLET] = "wallet", [DP_NODE_VICTIM] = "victim", [DP_NODE_SERVICE] = "service",
	    [DP_NODE_MIXER] = "mixer",   [DP_NODE_BRIDGE] = "bridge", [DP_NODE_VENUE] = "venue",
	    [DP_NODE_BURN] = "burn"};
	DP_CHECK(role < sizeof name / sizeof *name);
	return name[role];
}

static void who(dp_json_out *o, const dp_ranking_place *p)
{
	text(o, "address", p->address);
	dp_json_key(o, "exact");
	dp_json_boolean(o, p->is_exact);
	text(o, "role", role_name(p->role));
	dp_json_key(o, "source");
	dp_json_boolean(o, p->is_source);
	text(o, "label", p->label);
	text(o, "by", p->by);
	number(o, "arrived", p->arrived);
	number(o, "passed", p->passed);
	number(o, "kept", p->kept);
	dp_json_key(o, "hop");
	if (p->has_hop)
		dp_json_uint(o, p->hop);
	else
		dp_json_null(o);
	when(o, "first_seen", p->first_time);
}

static void place(dp_json_out *o, const dp_ranking_place *p)
{
	dp_json_object(o);
	number(o, "walk", (uint64_t)p->p);
	number(o, "walk_place", p->walk_first);
	number(o, "walk_place_last", p->walk_last);
	number(o, "taint_place", p->taint_first);
	number(o, "taint_place_last", p->taint_last);
	who(o, p);
	dp_json_object_end(o);
}

static void places(dp_json_out *o, const char *key, const dp_ranking_place *p, uint32_t count)
{
	dp_json_key(o, key);
	dp_json_array(o);
	for (uint32_t i = 0; i < count; i++) place(o, &p[i]);
	dp_json_array_end(o);
}

//- the middle ------------------------------------------------------------------------------------

static void score(dp_json_out *o, int64_t sum, uint32_t size)
{
	char buffer[32];
	(void)snprintf(buffer, sizeof buffer, "%lld", (long long)sum);
	number(o, "score", size == 0 || sum < 0 ? 0 : (uint64_t)sum / size);
	text(o, "score_sum", buffer);
	number(o, "members", size);
}

static void block(dp_json_out *o, const dp_middle *m, const dp_middle_block *b)
{
	dp_json_object(o);
	score(o, b->sum, b->member_count);
	number(o, "in", b->in);
	number(o, "out", b->out);
	dp_json_key(o, "layers");
	dp_json_array(o);
	uint32_t at = b->member_first;
	for (uint32_t l = 0; l <= m->layers + 1; l++) {
		dp_json_array(o);
		for (uint32_t i = 0; i < b->count[l]; i++, at++) {
			dp_json_object(o);
			number(o, "in_block", m->member[at].in);
			number(o, "out_block", m->member[at].out);
			who(o, &m->member[at].who);
			dp_json_object_end(o);
		}
		dp_json_array_end(o);
	}
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void middle_json(dp_json_out *o, const dp_middle *m)
{
	dp_json_object(o);
	number(o, "sources", m->sources);
	number(o, "sources_of_split", m->split);
	number(o, "ends", m->sinks);
	number(o, "others", m->between);
	number(o, "alpha", DP_SCOPE_ALPHA);
	number(o, "middle_layers", m->layers);
	dp_json_key(o, "tried");
	dp_json_array(o);
	for (uint32_t l = 1; l <= DP_SCOPE_MIDDLE_MAX; l++) {
		if (m->options.layers == 0 ? l > DP_MIDDLE_TRIED_MAX : l != m->layers) continue;
		dp_json_object(o);
		number(o, "middle_layers", l);
		score(o, m->tried_sum[l], m->tried_size[l]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_key(o, "blocks");
	dp_json_array(o);
	for (uint32_t i = 0; i < m->block_count; i++) block(o, m, &m->block[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

dp_code dp_ranking_json(const dp_ranking *r, const dp_middle *middle, const dp_ranking_input *input,
                        const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(r != NULL && input != NULL && w != NULL);
	dp_json_out out = {.write = w->write, .context = w->context, .fault = fault}, *o = &out;
	dp_json_object(o);
	text(o, "case", input->subject);
	text(o, "from", input->from);
	when(o, "now", input->now);
	number(o, "loot_whole", DP_LOOT_WHOLE);
	number(o, "walk_whole", (uint64_t)r->whole);
	number(o, "sources", r->sources);
	number(o, "holders", r->holders);
	number(o, "ranked", r->ranked);
	number(o, "transfers", r->transfers);
	number(o, "transfers_of_unknown_worth", r->unknown);
	places(o, "ranking", r->place, r->place_count);
	places(o, "higher_in_walk", r->higher, r->higher_count);
	places(o, "lower_in_walk", r->lower, r->lower_count);
	dp_json_key(o, "middle");
	if (middle == NULL)
		dp_json_null(o);
	else
		middle_json(o, middle);
	dp_json_object_end(o);
	return dp_json_finish(o);
}

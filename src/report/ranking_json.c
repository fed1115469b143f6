// The JSON form of ranking.h: one object. All numbers are whole: loot in parts of `loot_whole`, the
// walk in parts of `walk_whole`; the sum behind a score, which may be beyond what programs that
// read numbers as doubles can tell, is a text.
#include <stdio.h>

#include "base/check.h"
#include "codec/json.h"
#include "codec/time.h"
#include "report/ranking.h"

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
	dp_json_put_string(o, "address", p->address);
	dp_json_key(o, "exact");
	dp_json_boolean(o, p->is_exact);
	dp_json_put_string(o, "role", role_name(p->role));
	dp_json_key(o, "source");
	dp_json_boolean(o, p->is_source);
	dp_json_put_string(o, "label", p->label);
	dp_json_put_string(o, "by", p->by);
	dp_json_put_uint(o, "arrived", p->arrived);
	dp_json_put_uint(o, "passed", p->passed);
	dp_json_put_uint(o, "kept", p->kept);
	dp_json_key(o, "hop");
	if (p->has_hop)
		dp_json_uint(o, p->hop);
	else
		dp_json_null(o);
	dp_json_put_time(o, "first_seen", p->first_time);
}

static void place(dp_json_out *o, const dp_ranking_place *p)
{
	dp_json_object(o);
	dp_json_put_uint(o, "walk", (uint64_t)p->p);
	dp_json_put_uint(o, "walk_place", p->walk_first);
	dp_json_put_uint(o, "walk_place_last", p->walk_last);
	dp_json_put_uint(o, "taint_place", p->taint_first);
	dp_json_put_uint(o, "taint_place_last", p->taint_last);
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
	dp_json_put_uint(o, "score", size == 0 || sum < 0 ? 0 : (uint64_t)sum / size);
	dp_json_put_string(o, "score_sum", buffer);
	dp_json_put_uint(o, "members", size);
}

static void block(dp_json_out *o, const dp_middle *m, const dp_middle_block *b)
{
	dp_json_object(o);
	score(o, b->sum, b->member_count);
	dp_json_put_uint(o, "in", b->in);
	dp_json_put_uint(o, "out", b->out);
	dp_json_key(o, "layers");
	dp_json_array(o);
	uint32_t at = b->member_first;
	for (uint32_t l = 0; l <= m->layers + 1; l++) {
		dp_json_array(o);
		for (uint32_t i = 0; i < b->count[l]; i++, at++) {
			dp_json_object(o);
			dp_json_put_uint(o, "in_block", m->member[at].in);
			dp_json_put_uint(o, "out_block", m->member[at].out);
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
	dp_json_put_uint(o, "sources", m->sources);
	dp_json_put_uint(o, "sources_of_split", m->split);
	dp_json_put_uint(o, "ends", m->sinks);
	dp_json_put_uint(o, "others", m->between);
	dp_json_put_uint(o, "alpha", DP_SCOPE_ALPHA);
	dp_json_put_uint(o, "middle_layers", m->layers);
	dp_json_key(o, "tried");
	dp_json_array(o);
	for (uint32_t l = 1; l <= DP_SCOPE_MIDDLE_MAX; l++) {
		if (m->options.layers == 0 ? l > DP_MIDDLE_TRIED_MAX : l != m->layers) continue;
		dp_json_object(o);
		dp_json_put_uint(o, "middle_layers", l);
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
	dp_json_put_string(o, "case", input->subject);
	dp_json_put_string(o, "from", input->from);
	dp_json_put_time(o, "now", input->now);
	dp_json_put_uint(o, "loot_whole", DP_LOOT_WHOLE);
	dp_json_put_uint(o, "walk_whole", (uint64_t)r->whole);
	dp_json_put_uint(o, "sources", r->sources);
	dp_json_put_uint(o, "holders", r->holders);
	dp_json_put_uint(o, "ranked", r->ranked);
	dp_json_put_uint(o, "transfers", r->transfers);
	dp_json_put_uint(o, "transfers_of_unknown_worth", r->unknown);
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

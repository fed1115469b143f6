// The text form of ranking.h: a table of the walk with taint beside it, where the two differ most,
// and the blocks of the hidden middle. Shares are cut, never rounded up.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "report/private.h"
#include "report/ranking_private.h"

// "12.34%" of the loot; "<0.01%" is not nothing.
static const char *percent(char out[32], uint64_t parts)
{
	uint64_t of = ranking_cut(parts);
	if (of == 0 && parts > RANKING_NOISE)
		(void)snprintf(out, 32, "<0.01%%");
	else
		(void)snprintf(out, 32, "%llu.%02llu%%", (unsigned long long)(of / 100),
		               (unsigned long long)(of % 100));
	return out;
}

// "0.1634" of all walks.
static const char *share(char out[32], int64_t p, int64_t whole)
{
	uint64_t of = (uint64_t)p * 10000 / (uint64_t)whole;
	(void)snprintf(out, 32, "%llu.%04llu", (unsigned long long)(of / 10000),
	               (unsigned long long)(of % 10000));
	return out;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *role_name(uint32_t role)
{
	static const char *const name[] = {
	    [DP_NODE_WALLET] = "",          [DP_NODE_VICTIM] = "the victim",
	    [DP_NODE_SERVICE] = "service",  [DP_NODE_MIXER] = "mixer",
	    [DP_NODE_BRIDGE] = "bridge",    [DP_NODE_VENUE] = "swap venue",
	    [DP_NODE_BURN] = "burn address"};
	DP_CHECK(role < sizeof name / sizeof *name);
	return name[role];
}

// "a wallet of the theft", "service 'Binance' (by the case file)": what there is to say, or "".
enum { WHAT_MAX = 2 * DP_REPORT_LABEL_MAX + 128 };
static const char *what(char out[WHAT_MAX], const dp_ranking_place *p)
{
	const char *role = p->is_source ? "a wallet of the theft" : role_name(p->role);
	bool has_label = p->label[0] != 0;
	(void)snprintf(out, WHAT_MAX, "%s%s%s%s%s%s%s%s%s", role,
	               role[0] != 0 && has_label ? " " : "", has_label ? "'" : "",
	               has_label ? p->label : "", has_label ? "'" : "", p->by[0] != 0 ? " (" : "",
	               p->by, p->by[0] != 0 ? ")" : "",
	               p->is_exact || p->address[0] == 0 ? "" : ", one of its addresses");
	return out;
}

static const char *address(const dp_ranking_place *p)
{
	return p->address[0] != 0 ? p->address : "(no address is known)";
}

//- the walk --------------------------------------------------------------------------------------

static void show_title(dp_out *o, const dp_ranking *r, const dp_ranking_input *input)
{
	char when[DP_TIME_TEXT_MAX];
	dp_time_format(when, input->now);
	dp_out_printf(o, "%s: who holds it, by a second opinion\n", input->subject);
	dp_out_printf(o, "from %s, known up to %s\n", input->from, when);
	dp_out_printf(o,
	              "A random walk along %llu transfer%s, begun alike at %u wallet%s that the "
	              "theft paid.\n",
	              (unsigned long long)(r->transfers - r->unknown),
	              plural(r->transfers - r->unknown), r->sources, plural(r->sources));
	dp_out_text(o, "It knows no law and proves nothing: it ranks. Beside it stands what taint "
	               "says, in\nparts of the loot: how much ever arrived, how much was not "
	               "passed on.\n");
	if (r->unknown > 0)
		dp_out_printf(
		    o,
		    "%llu more transfer%s not in the walk: nobody knows the worth. Shares "
		    "may be far off.\n",
		    (unsigned long long)r->unknown, r->unknown == 1 ? " is" : "s are");
	dp_out_text(o, "\n");
}

static void show_place(dp_out *o, const dp_ranking *r, const dp_ranking_place *p)
{
	char walk[32], arrived[32], kept[32], hop[16] = "?", when[DP_TIME_TEXT_MAX];
	char line[WHAT_MAX];
	if (p->has_hop) (void)snprintf(hop, sizeof hop, "%u", p->hop);
	dp_time_format(when, p->first_time);
	dp_out_printf(o, "%4u  %s %8s %7s  %3s  %s  %s\n", p->walk_first,
	              share(walk, p->p, r->whole), percent(arrived, p->arrived),
	              percent(kept, p->kept), hop, when, address(p));
	if (what(line, p)[0] != 0) dp_out_printf(o, "      %s\n", line);
}

static void show_range(dp_out *o, const char *whose, uint32_t first, uint32_t last)
{
	dp_out_printf(o, "%s %u", whose, first);
	if (last > first) dp_out_printf(o, " to %u", last);
}

static void show_differing(dp_out *o, const dp_ranking_place *p)
{
	char arrived[32], kept[32], line[WHAT_MAX];
	dp_out_printf(o, "  %s", address(p));
	if (what(line, p)[0] != 0) dp_out_printf(o, "  %s", line);
	dp_out_text(o, "\n     ");
	show_range(o, " place in the walk", p->walk_first, p->walk_last);
	show_range(o, "; by what arrived", p->taint_first, p->taint_last);
	dp_out_printf(o, " (%s, kept %s)\n", percent(arrived, p->arrived), percent(kept, p->kept));
}

static void show_walk(dp_out *o, const dp_ranking *r)
{
	if (r->place_count == 0) {
		dp_out_text(o, "Nobody: there is no transfer to walk along.\n");
		return;
	}
	dp_out_text(o, "   #    walk  arrived    kept  hop  first seen            who\n");
	for (uint32_t i = 0; i < r->place_count; i++) show_place(o, r, &r->place[i]);
	if (r->ranked > r->place_count)
		dp_out_printf(o, "      and %u more (--top)\n", r->ranked - r->place_count);
	if (r->kept_nothing > 0)
		dp_out_printf(o,
		              "%u of these %u kept nothing: walks also end where money only passed "
		              "through.\n",
		              r->kept_nothing, r->place_count);
	dp_out_text(o, "\n");
	if (r->higher_count + r->lower_count == 0) {
		dp_out_text(o, "The two put nobody in very different places.\n");
		return;
	}
	dp_out_printf(o, "Where the two differ most (places among %u)\n", r->holders);
	if (r->higher_count > 0)
		dp_out_text(o, " far higher in the walk, where a small payment counts nearly as "
		               "much as a large one:\n");
	for (uint32_t i = 0; i < r->higher_count; i++) show_differing(o, &r->higher[i]);
	if (r->lower_count > 0)
		dp_out_text(o, " far lower in the walk, which loses itself on long and wide "
		               "ways:\n");
	for (uint32_t i = 0; i < r->lower_count; i++) show_differing(o, &r->lower[i]);
}

//- the middle ------------------------------------------------------------------------------------

static const char *score(char out[32], int64_t sum, uint32_t size)
{
	uint64_t of = size == 0 || sum < 0 ? 0 : (uint64_t)sum / size / (DP_LOOT_WHOLE / 1000000);
	(void)snprintf(out, 32, "%llu.%06llu", (unsigned long long)(of / 1000000),
	               (unsigned long long)(of % 1000000));
	return out;
}

static void show_layer(dp_out *o, const dp_middle *m, const dp_middle_block *b, uint32_t layer)
{
	uint32_t at = b->member_first, shown = 0;
	for (uint32_t l = 0; l < layer; l++) at += b->count[l];
	for (; shown < b->count[layer] && shown < DP_MIDDLE_MEMBERS_SHOWN; shown++) {
		const dp_middle_member *p = &m->member[at + shown];
		char in[32] = "", out[32] = "", line[WHAT_MAX];
		if (layer > 0) percent(in, p->in);
		if (layer <= m->layers) percent(out, p->out);
		dp_out_printf(o, "      %7s  %7s  %s", in, out, address(&p->who));
		if (layer > 0 && what(line, &p->who)[0] != 0) dp_out_printf(o, "  %s", line);
		dp_out_text(o, "\n");
	}
	if (b->count[layer] > shown)
		dp_out_printf(o, "                        and %u more\n", b->count[layer] - shown);
}

static void show_block(dp_out *o, const dp_middle *m, uint32_t no)
{
	const dp_middle_block *b = &m->block[no];
	char text[32], in[32], out[32];
	dp_out_printf(o, "\n%u. score %s: %s of the loot went in, %s came out at its end\n", no + 1,
	              score(text, b->sum, b->member_count), percent(in, b->in),
	              percent(out, b->out));
	dp_out_printf(o, "  %u source%s\n           in      out\n", b->count[0],
	              plural(b->count[0]));
	show_layer(o, m, b, 0);
	for (uint32_t l = 1; l <= m->layers; l++) {
		dp_out_text(o, "  the middle");
		if (m->layers > 1) dp_out_printf(o, ", layer %u", l);
		dp_out_printf(o, ": %u wallet%s\n", b->count[l], plural(b->count[l]));
		show_layer(o, m, b, l);
	}
	dp_out_printf(o, "  %u end%s\n", b->count[m->layers + 1], plural(b->count[m->layers + 1]));
	show_layer(o, m, b, m->layers + 1);
}

static void show_tried(dp_out *o, const dp_middle *m)
{
	if (m->options.layers != 0) {
		dp_out_printf(o, "with %u middle layer%s, as you asked\n", m->layers,
		              plural(m->layers));
		return;
	}
	dp_out_text(o, "best score by number of middle layers:");
	for (uint32_t l = 1; l <= DP_MIDDLE_TRIED_MAX; l++) {
		char text[32];
		dp_out_printf(o, "%s %u %s", l > 1 ? "," : "", l,
		              m->tried_size[l] == 0
		                  ? "none"
		                  : score(text, m->tried_sum[l], m->tried_size[l]));
	}
	if (m->block_count > 0) dp_out_printf(o, "; told: %u", m->layers);
	dp_out_text(o, "\n");
}

static void show_middle(dp_out *o, const dp_middle *m)
{
	dp_out_text(
	    o, "\nThe hidden middle: where most passes through the fewest, and least stays\n"
	       "The score is no probability: the loot that passes through, less four times what "
	       "stays, for\neach address. The search is greedy, and any busy go-between looks "
	       "like this.\n");
	dp_out_printf(o, "from %u source%s: wallets of the theft", m->sources, plural(m->sources));
	if (m->split > 0) dp_out_printf(o, ", and %u that an equal split paid", m->split);
	dp_out_printf(o,
	              "\nto %u end%s: services, mixers, bridges, wallets that pay nobody on\n"
	              "through any of %u other%s\n",
	              m->sinks, plural(m->sinks), m->between, plural(m->between));
	show_tried(o, m);
	if (m->block_count == 0)
		dp_out_text(o, "\nNone was found: no group of so many layers passes on nearly all "
		               "that it gets.\n");
	for (uint32_t i = 0; i < m->block_count; i++) show_block(o, m, i);
}

dp_code dp_ranking_text(const dp_ranking *r, const dp_middle *middle, const dp_ranking_input *input,
                        const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(r != NULL && input != NULL && w != NULL);
	dp_out out = {w, fault, DP_OK}, *o = &out;
	show_title(o, r, input);
	show_walk(o, r);
	if (middle != NULL) show_middle(o, middle);
	return o->code;
}

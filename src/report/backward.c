// Printing what backward following found, see backward.h. Text is one screen: what was asked,
// what it comes from by kind, the largest origins, and what not to believe. JSON has everything,
// with the movements as evidence; CSV is the list of origins.
#include "report/backward.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "chain/gap.h"
#include "codec/json.h"
#include "codec/time.h"
#include "report/private.h"

enum { LARGEST_MAX = 6, ASSUMPTION_MAX = 600, LINE_MAX_COLUMNS = 98, SHARE_TEXT_MAX = 32 };

static const char *policy_name(const dp_backward *b)
{
	return b->is_haircut ? "haircut" : "fifo";
}

// The tag by which an origin is a service.
static const dp_tag_record *tag_of(const dp_origin *o, const dp_backward_about *about)
{
	dp_tag_stop stop;
	DP_CHECK(about->tags != NULL);
	bool found = dp_tags_stop(about->tags, &stop, &o->addr, dp_network_of(about->chain));
	return found ? stop.tag : NULL;
}

// What a person called the address of a service; "" where nobody did.
static const char *service_name(char out[DP_REPORT_LABEL_MAX], const dp_origin *o,
                                const dp_backward_about *about)
{
	if (o->stop == DP_BACKWARD_NO_INDEX) return "";
	if (o->stop == DP_BACKWARD_TAGGED) {
		const dp_tag_record *tag = tag_of(o, about);
		if (tag == NULL) return "";
		return dp_report_label(out, dp_tags_text(about->tags, tag->label),
		                       (tag->flags & DP_TAGF_INFERRED) != 0);
	}
	DP_CHECK(o->stop < about->stop_count);
	const char *name = about->stop[o->stop].name;
	return name != NULL ? name : "";
}

static const char *service_by(const dp_origin *o, const dp_backward_about *about)
{
	if (o->stop == DP_BACKWARD_NO_INDEX) return "";
	if (o->stop == DP_BACKWARD_TAGGED) {
		const dp_tag_record *tag = tag_of(o, about);
		return tag != NULL ? dp_tags_text(about->tags, tag->source) : "";
	}
	DP_CHECK(o->stop < about->stop_count);
	const char *by = about->stop[o->stop].by;
	return by != NULL ? by : "";
}

// "" is nobody.
static const char *address_text(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain)
{
	out[0] = 0;
	if (a->kind != DP_ADDR_NONE) dp_addr_format(out, a, chain);
	return out;
}

static const char *tx_text(char out[DP_TXID_TEXT_MAX], const dp_origin *o, const dp_chain *chain)
{
	out[0] = 0;
	if (o->tx_no != DP_BACKWARD_NO_TX) dp_txid_format(out, o->txid, chain);
	return out;
}

// Of the holder's units, in tenths of a percent, cut.
static const char *share_text(char out[SHARE_TEXT_MAX], dp_u256 units, dp_u256 all)
{
	out[0] = 0;
	if (dp_u256_is_zero(all)) return out;
	uint64_t tenths = dp_u256_mul_div(units, dp_u256_of(1000), all).w[0];
	if (tenths == 0 && !dp_u256_is_zero(units)) return "<0.1 %";
	(void)snprintf(out, SHARE_TEXT_MAX, "%llu.%llu %%", (unsigned long long)(tenths / 10),
	               (unsigned long long)(tenths % 10));
	return out;
}

//- what is assumed -------------------------------------------------------------------------------

// Calls `say` for each assumption.
typedef void (*say_text)(void *context, const char *text);

static void say_limits(const dp_backward *b, const dp_backward_about *about, say_text say,
                       void *context)
{
	char text[ASSUMPTION_MAX];
	if (b->is_steps_cut) {
		(void)snprintf(text, sizeof text,
		               "the limit of steps was reached after %llu: what is left is cut; "
		               "--max-steps raises it",
		               (unsigned long long)b->shares);
		say(context, text);
	}
	if (b->is_memory_cut)
		say(context, "the limit of memory was reached: what did not fit is cut");
	if (b->count[DP_ORIGIN_HUB] == 0) return;
	(void)snprintf(text, sizeof text,
	               "addresses with more than %u movements are taken for services that nobody "
	               "named (--hub-limit)",
	               about->hub_limit);
	say(context, text);
}

static void say_assumptions(const dp_backward *b, const dp_backward_about *about, say_text say,
                            void *context)
{
	char text[ASSUMPTION_MAX];
	const dp_ledger_totals *t = &about->totals;
	if (!t->from_beginning && t->blocks > 0) {
		(void)snprintf(text, sizeof text,
		               "the ledger begins with block %llu: what was there before has no "
		               "origin in it",
		               (unsigned long long)t->height_first);
		say(context, text);
	}
	for (uint32_t i = 0; i < 64; i++) {
		uint64_t gap = t->gaps & (uint64_t)1 << i;
		const char *words = gap == 0 ? NULL : dp_gap_text(gap);
		if (words != NULL) say(context, words);
	}
	if (b->assumed > 0) {
		(void)snprintf(text, sizeof text,
		               "%llu inputs of unknown value were taken to be as large as their "
		               "transaction's outputs need",
		               (unsigned long long)b->assumed);
		say(context, text);
	}
	say_limits(b, about, say, context);
}

//- text ------------------------------------------------------------------------------------------

static void title(dp_out *o, const dp_backward *b, const dp_backward_about *about)
{
	char amount[DP_AMOUNT_TEXT_MAX], when[DP_TIME_TEXT_MAX];
	dp_out_printf(o, "Where %s %s of %s came from\n",
	              dp_amount_text(amount, b->units, b->asset), dp_asset_symbol(b->asset),
	              about->holder);
	if (about->in != NULL) dp_out_printf(o, "what arrived in %s\n", about->in);
	dp_out_printf(o, "%s, policy %s, backward", b->chain->name, policy_name(b));
	if (about->has_moment) {
		dp_time_format(when, about->time);
		dp_out_printf(o, " from block %llu, %s\n", (unsigned long long)about->height, when);
	} else {
		dp_out_text(o, ", before the first block\n");
	}
}

static void kinds(dp_out *o, const dp_backward *b)
{
	static const char *const meaning[DP_ORIGIN_KIND_COUNT] = {
	    [DP_ORIGIN_COINBASE] = "made by blocks",
	    [DP_ORIGIN_MINT] = "paid by nobody: mints, rewards",
	    [DP_ORIGIN_SERVICE] = "paid on by services",
	    [DP_ORIGIN_BEFORE] = "there before the ledger, or unseen",
	    [DP_ORIGIN_HUB] = "paid on by unlabelled hubs",
	    [DP_ORIGIN_CUT] = "not followed further"};
	dp_out_text(o, "\nBY KIND\n");
	for (int i = 0; i < DP_ORIGIN_KIND_COUNT; i++) {
		char amount[DP_AMOUNT_TEXT_MAX], share[SHARE_TEXT_MAX];
		if (b->count[i] == 0) continue;
		dp_out_printf(o, "  %32s %-6s %8s  %-8s  %s (%u)\n",
		              dp_amount_text(amount, b->sum[i], b->asset),
		              dp_asset_symbol(b->asset), share_text(share, b->sum[i], b->units),
		              dp_origin_name((dp_origin_kind)i), meaning[i], b->count[i]);
	}
	if (b->origin_count == 0) dp_out_text(o, "  the holder has nothing at that moment\n");
	dp_out_text(o, "  the books add up to the last unit\n");
}

static void largest(dp_out *o, const dp_backward *b, const dp_backward_about *about)
{
	if (b->origin_count == 0) return;
	dp_out_text(o, "\nLARGEST ORIGINS\n");
	for (uint32_t i = 0; i < b->origin_count && i < LARGEST_MAX; i++) {
		const dp_origin *x = &b->origin[i];
		char amount[DP_AMOUNT_TEXT_MAX], share[SHARE_TEXT_MAX], address[DP_ADDR_TEXT_MAX];
		char tx[DP_TXID_TEXT_MAX], when[DP_TIME_TEXT_MAX];
		char label[DP_REPORT_LABEL_MAX];
		const char *name = service_name(label, x, about);
		dp_out_printf(o, "  %22s %-6s %8s  %s%s%s %s\n",
		              dp_amount_short(amount, x->units, b->asset, 8),
		              dp_asset_symbol(b->asset), share_text(share, x->units, b->units),
		              dp_origin_name((dp_origin_kind)x->kind), name[0] != 0 ? " " : "",
		              name, address_text(address, &x->addr, b->chain));
		if (x->tx_no == DP_BACKWARD_NO_TX) {
			dp_out_printf(o, "  %31s several, too many to list\n", "");
			continue;
		}
		dp_time_format(when, x->time);
		dp_out_printf(o, "  %20s in %s\n", "", tx_text(tx, x, b->chain));
		dp_out_printf(o, "  %20s block %llu, %s, %u hop%s away\n", "",
		              (unsigned long long)x->height, when, x->hops,
		              x->hops == 1 ? "" : "s");
	}
	if (b->origin_count > LARGEST_MAX)
		dp_out_printf(o, "  ... %u in all: see --format csv or json\n", b->origin_count);
}

struct wrapping {
	dp_out *out;
	bool any;
};

// In lines of at most 98 columns.
static void say_wrapped(void *context, const char *text)
{
	struct wrapping *w = context;
	if (!w->any) dp_out_text(w->out, "\nASSUMED\n");
	w->any = true;
	const char *before = "  - ";
	size_t width = LINE_MAX_COLUMNS - strlen(before);
	while (*text != 0) {
		size_t n = strlen(text), take = n;
		if (n > width) {
			take = width;
			while (take > width / 2 && text[take] != ' ') take--;
		}
		dp_out_printf(w->out, "%s%.*s\n", before, (int)take, text);
		before = "    ";
		text += take;
		while (*text == ' ') text++;
	}
}

dp_code dp_report_backward_text(const dp_backward *b, const dp_backward_about *about,
                                const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(b != NULL && about != NULL && w != NULL);
	dp_out o = {.w = w, .fault = fault};
	struct wrapping wrapping = {.out = &o};
	title(&o, b, about);
	kinds(&o, b);
	largest(&o, b, about);
	say_assumptions(b, about, say_wrapped, &wrapping);
	return o.code;
}

//- JSON ------------------------------------------------------------------------------------------

static void key_amount(dp_json_out *o, const char *key, dp_u256 v)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, v, 0);
	dp_json_key(o, key);
	dp_json_string(o, text);
}

static void key_text(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	if (value == NULL || value[0] == 0)
		dp_json_null(o);
	else
		dp_json_string(o, value);
}

static void key_number(dp_json_out *o, const char *key, uint64_t v, bool is_known)
{
	dp_json_key(o, key);
	if (is_known)
		dp_json_uint(o, v);
	else
		dp_json_null(o);
}

static void key_time(dp_json_out *o, const char *key, int64_t time, bool is_known)
{
	char text[DP_TIME_TEXT_MAX] = "";
	if (is_known) dp_time_format(text, time);
	key_text(o, key, text);
}

static void head(dp_json_out *o, const dp_backward *b, const dp_backward_about *about)
{
	char caip[DP_ASSET_TEXT_MAX];
	key_text(o, "direction", "backward");
	key_text(o, "chain", b->chain->caip2);
	key_text(o, "policy", policy_name(b));
	key_text(o, "holder", about->holder);
	key_text(o, "in", about->in);
	key_text(o, "asset", dp_asset_caip(caip, b->asset));
	key_text(o, "symbol", dp_asset_symbol(b->asset));
	key_amount(o, "amount", b->units);
	key_number(o, "height", about->height, about->has_moment);
	key_time(o, "time", about->time, about->has_moment);
	dp_json_key(o, "ledger");
	dp_json_object(o);
	key_number(o, "first", about->totals.height_first, about->totals.blocks > 0);
	key_number(o, "last", about->totals.height_last, about->totals.blocks > 0);
	dp_json_key(o, "from_beginning");
	dp_json_boolean(o, about->totals.from_beginning);
	dp_json_object_end(o);
}

static void origins(dp_json_out *o, const dp_backward *b, const dp_backward_about *about)
{
	dp_json_key(o, "kinds");
	dp_json_object(o);
	for (int i = 0; i < DP_ORIGIN_KIND_COUNT; i++)
		key_amount(o, dp_origin_name((dp_origin_kind)i), b->sum[i]);
	dp_json_object_end(o);
	dp_json_key(o, "sources");
	dp_json_array(o);
	for (uint32_t i = 0; i < b->origin_count; i++) {
		const dp_origin *x = &b->origin[i];
		char address[DP_ADDR_TEXT_MAX], tx[DP_TXID_TEXT_MAX], label[DP_REPORT_LABEL_MAX];
		bool is_one = x->tx_no != DP_BACKWARD_NO_TX;
		dp_json_object(o);
		key_text(o, "kind", dp_origin_name((dp_origin_kind)x->kind));
		key_text(o, "address", address_text(address, &x->addr, b->chain));
		if (x->kind == DP_ORIGIN_SERVICE) {
			key_text(o, "service", service_name(label, x, about));
			key_text(o, "by", service_by(x, about));
		}
		key_amount(o, "amount", x->units);
		key_number(o, "hops", x->hops, true);
		key_number(o, "height", x->height, is_one);
		key_time(o, "time", x->time, is_one);
		key_text(o, "tx", tx_text(tx, x, b->chain));
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

// Movements by their place in the transaction, from 0; of UTXO chains inputs first, then outputs.
static void steps(dp_json_out *o, const dp_backward *b)
{
	dp_json_key(o, "steps");
	dp_json_array(o);
	for (uint32_t i = 0; i < b->step_count; i++) {
		const dp_backward_step *s = &b->step[i];
		char address[DP_ADDR_TEXT_MAX], tx[DP_TXID_TEXT_MAX];
		dp_txid_format(tx, s->txid, b->chain);
		dp_json_object(o);
		key_text(o, "tx", tx);
		key_number(o, "movement", s->place, s->place != DP_BACKWARD_NO_INDEX);
		if (b->chain->kind == DP_CHAIN_UTXO)
			key_number(o, "output", s->to_place, s->to_place != DP_BACKWARD_NO_INDEX);
		key_text(o, "from", address_text(address, &s->from, b->chain));
		key_text(o, "to", address_text(address, &s->to, b->chain));
		key_amount(o, "amount", s->units);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	key_number(o, "steps_total", b->step_total, true);
	dp_json_key(o, "steps_complete");
	dp_json_boolean(o, b->step_total == b->step_count);
}

static void say_json(void *context, const char *text)
{
	dp_json_string(context, text);
}

dp_code dp_report_backward_json(const dp_backward *b, const dp_backward_about *about,
                                const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(b != NULL && about != NULL && w != NULL);
	dp_json_out o = {
	    .write = w->write, .context = w->context, .fault = fault, .compact_depth = 3};
	dp_json_object(&o);
	head(&o, b, about);
	origins(&o, b, about);
	dp_json_key(&o, "complete");
	dp_json_boolean(&o, !b->is_steps_cut && !b->is_memory_cut);
	dp_json_key(&o, "conserved"); // dp_backward_run asserts it
	dp_json_boolean(&o, true);
	dp_json_key(&o, "assumptions");
	dp_json_array(&o);
	say_assumptions(b, about, say_json, &o);
	dp_json_array_end(&o);
	steps(&o, b);
	dp_json_object_end(&o);
	return dp_json_finish(&o);
}

//- CSV -------------------------------------------------------------------------------------------

// As csv.c has it: quoted where it must be, and no formula for a spreadsheet.
static void field(dp_out *o, const char *text, bool last)
{
	bool is_formula = text[0] != 0 && strchr("=+-@", text[0]) != NULL;
	bool is_quoted = is_formula || strpbrk(text, ",\"\r\n") != NULL;
	if (is_quoted) dp_out_text(o, is_formula ? "\"'" : "\"");
	for (const char *p = text; is_quoted && *p != 0; p++) {
		char c[2] = {*p, 0};
		dp_out_text(o, *p == '"' ? "\"\"" : c);
	}
	if (is_quoted)
		dp_out_text(o, "\"");
	else
		dp_out_text(o, text);
	dp_out_text(o, last ? "\n" : ",");
}

dp_code dp_report_backward_csv(const dp_backward *b, const dp_backward_about *about,
                               const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(b != NULL && about != NULL && w != NULL);
	dp_out o = {.w = w, .fault = fault};
	char caip[DP_ASSET_TEXT_MAX];
	dp_asset_caip(caip, b->asset);
	dp_out_text(&o, "holder,kind,name,address,asset,symbol,amount,amount_base,hops,height,time,"
	                "tx\n");
	for (uint32_t i = 0; i < b->origin_count; i++) {
		const dp_origin *x = &b->origin[i];
		char address[DP_ADDR_TEXT_MAX], tx[DP_TXID_TEXT_MAX], amount[DP_U256_DEC_MAX];
		char height[24] = "", when[DP_TIME_TEXT_MAX] = "", label[DP_REPORT_LABEL_MAX];
		if (x->tx_no != DP_BACKWARD_NO_TX) {
			(void)snprintf(height, sizeof height, "%llu",
			               (unsigned long long)x->height);
			dp_time_format(when, x->time);
		}
		field(&o, about->holder, false);
		field(&o, dp_origin_name((dp_origin_kind)x->kind), false);
		field(&o, service_name(label, x, about), false);
		field(&o, address_text(address, &x->addr, b->chain), false);
		field(&o, caip, false);
		field(&o, dp_asset_symbol(b->asset), false);
		dp_u256_format(amount, x->units, dp_asset_info_of(b->asset)->decimals);
		field(&o, amount, false);
		dp_u256_format(amount, x->units, 0);
		field(&o, amount, false);
		dp_out_printf(&o, "%u,", x->hops);
		field(&o, height, false);
		field(&o, when, false);
		field(&o, tx_text(tx, x, b->chain), true);
	}
	return o.code;
}

// Printing verdicts, see verdict.h: for people, as JSON, as CSV. Text that strangers wrote (labels,
// sources) does not get out of its line, its string or its field.
#include "screen/verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "chain/block.h"
#include "codec/time.h"

enum { LINE_MAX_BYTES = 1200, REASONS_SHOWN_MAX = 40 };

// Keeps the first error; later calls do nothing.
typedef struct writer {
	const dp_screen_sink *sink;
	dp_fault *fault;
	dp_code code;
} writer;

static void put(writer *w, const char *text)
{
	if (w->code == DP_OK)
		w->code = w->sink->write(w->sink->context, text, strlen(text), w->fault);
}

static void say(writer *w, const char *format, ...) DP_PRINTF(2, 3);
static void say(writer *w, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	DP_CHECK(n >= 0);
	// What a list's author wrote may hold anything; lines end where we end them.
	// In UTF-8 the control characters from 0x80 to 0x9f have 0xc2 before them.
	for (unsigned char *p = (unsigned char *)line; *p != 0; p++) {
		if ((*p < 0x20 && (*p != '\n' || p[1] != 0)) || *p == 0x7f) *p = ' ';
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) p[0] = p[1] = ' ';
	}
	if ((size_t)n >= sizeof line) line[sizeof line - 2] = '\n';
	put(w, line);
}

static const char *chain_name(const dp_verdict *v)
{
	if (v->network == NULL) return "";
	return v->network->chain != NULL ? v->network->chain->name : v->network->name;
}

static const char *words_of(const dp_verdict *v, uint32_t text)
{
	return dp_tags_text(dp_screener_tags(v->screener), text);
}

//- for people ------------------------------------------------------------------------------------

static void say_tag(writer *w, const dp_verdict *v, const dp_screen_fact *f)
{
	const dp_tag_record *t = f->tag;
	char first[DP_DAY_TEXT_MAX], last[DP_DAY_TEXT_MAX], gone[DP_DAY_TEXT_MAX];
	const char *actor = words_of(v, t->actor), *program = words_of(v, t->program);
	const char *source = words_of(v, t->source);
	dp_day_text(first, t->first_seen);
	dp_day_text(last, t->last_seen);
	dp_day_text(gone, t->gone);
	say(w, "            list %.120s%s%s%s%s%s%s, confidence %u%s%s\n", words_of(v, t->list),
	    first[0] != 0 ? ", seen " : "", first,
	    last[0] != 0 && strcmp(first, last) != 0 ? " to " : "",
	    strcmp(first, last) != 0 ? last : "", gone[0] != 0 ? ", gone " : "", gone,
	    t->confidence,
	    f->match == DP_MATCH_SAME_KEY ? ", said of the same key on another chain" : "",
	    (t->flags & DP_TAGF_INFERRED) != 0 ? ", inferred" : "");
	if (actor[0] != 0 || program[0] != 0)
		say(w, "            %s%.80s%s%s%.80s\n", actor[0] != 0 ? "actor " : "", actor,
		    actor[0] != 0 && program[0] != 0 ? ", " : "", program[0] != 0 ? "program " : "",
		    program);
	if (source[0] != 0) say(w, "            source %.400s\n", source);
}

static void say_taint(writer *w, const dp_verdict *v, const dp_screen_fact *f)
{
	char time[DP_TIME_TEXT_MAX] = "", tx[DP_TXID_TEXT_MAX] = "", coins[DP_COINS_TEXT_MAX];
	char share[DP_SHARE_TEXT_MAX];
	if (f->since != DP_NO_DATE) dp_time_format(time, f->since);
	if (f->has_tx) dp_txid_format(tx, f->tx, v->chain);
	say(w, "            since %s%s%s\n", time, tx[0] != 0 ? ", transaction " : "", tx);
	if (f->share > 0)
		say(w, "            that is %s of the %s it is known to hold\n",
		    dp_share_text(share, f->share), dp_asset_info_of(f->asset)->symbol);
	if (f->stolen.v != f->asset.v || !dp_u256_eq(f->units, f->origin))
		say(w, "            standing for %s of what was stolen\n",
		    dp_coins_text(coins, f->origin, f->stolen));
	say(w, "            casebook %.400s\n", f->casebook);
}

static void say_reason(writer *w, const dp_verdict *v, const dp_reason *r)
{
	const dp_screen_fact *f = &v->fact[r->fact];
	say(w, "  %-8s  %s  [%s]\n", dp_risk_level_name((dp_risk_level)r->rule->level), r->text,
	    r->rule->id);
	if (f->kind == DP_FACT_TAINT)
		say_taint(w, v, f);
	else if (f->tag != NULL)
		say_tag(w, v, f);
	if (f->is_uncertain) put(w, "            at least: not all of it could be followed\n");
}

static void say_head(writer *w, const dp_verdict *v)
{
	char time[DP_TIME_TEXT_MAX], flags[DP_FLAGS_TEXT_MAX], level[16];
	const char *name = dp_risk_level_name(v->level);
	size_t n = strlen(name);
	for (size_t i = 0; i <= n; i++)
		level[i] = name[i] >= 'a' ? (char)(name[i] - 'a' + 'A') : name[i];
	say(w, "%s%s%s\n", v->text, chain_name(v)[0] != 0 ? " on " : "", chain_name(v));
	dp_flags_text(flags, v->flags, ", ");
	if (v->at != DP_AT_LATEST) dp_time_format(time, v->at);
	say(w, "%s%s%s%s%s%s\n", level, flags[0] != 0 ? ": " : "", flags,
	    v->at != DP_AT_LATEST ? " (as of " : "", v->at != DP_AT_LATEST ? time : "",
	    v->at != DP_AT_LATEST ? ")" : "");
}

static void say_ledger(writer *w, const dp_verdict *v)
{
	const dp_verdict_ledger *l = &v->ledger;
	char text[DP_ADDR_TEXT_MAX];
	if (l->has_cluster) {
		dp_addr_format(text, &l->cluster_name, v->chain);
		say(w, "  cluster   %s: %" PRIu64 " addresses, %" PRIu64 " with tags (inferred)\n",
		    text, l->cluster_size, l->cluster_tagged);
	}
	for (const char *const *p = l->limit; p != NULL && *p != NULL; p++)
		say(w, "  note      %s\n", *p);
}

dp_code dp_verdict_text(const dp_verdict *v, const dp_screen_sink *sink, dp_fault *fault)
{
	writer w = {sink, fault, DP_OK};
	say_head(&w, v);
	uint32_t shown = v->reason_count < REASONS_SHOWN_MAX ? v->reason_count : REASONS_SHOWN_MAX;
	for (uint32_t i = 0; i < shown; i++) say_reason(&w, v, &v->reason[i]);
	if (shown < v->reason_count)
		say(&w, "  and %u more reasons (--format json shows all)\n",
		    v->reason_count - shown);
	if (v->fact_count == 0)
		say(&w, "  nothing is known of it, by %" PRIu64 " tags and %u cases\n",
		    dp_tags_count(dp_screener_tags(v->screener)),
		    dp_held_case_count(dp_screener_held(v->screener)));
	// Tags that no rule speaks of still say who it is.
	for (uint32_t f = 0; f < v->fact_count && v->reason_count == 0; f++) {
		char line[DP_TAG_LINE_MAX];
		if (v->fact[f].tag == NULL) continue;
		dp_tags_line(dp_screener_tags(v->screener), line, v->fact[f].tag);
		say(&w, "  known as  %s\n", line);
	}
	say_ledger(&w, v);
	return w.code;
}

dp_code dp_verdict_lines(const dp_verdict *v, const dp_screen_sink *sink, dp_fault *fault)
{
	writer w = {sink, fault, DP_OK};
	for (uint32_t i = 0; i < v->reason_count; i++) {
		const dp_reason *r = &v->reason[i];
		const dp_screen_fact *f = &v->fact[r->fact];
		const char *source = f->kind == DP_FACT_TAINT ? f->casebook
		                     : f->tag != NULL         ? words_of(v, f->tag->source)
		                                              : "";
		say(&w, "%s: %s [%s]%s%.400s\n", dp_risk_level_name((dp_risk_level)r->rule->level),
		    r->text, r->rule->id, source[0] != 0 ? " " : "", source);
	}
	return w.code;
}

//- JSON ------------------------------------------------------------------------------------------

static void json_text(dp_json_out *o, const char *key, const char *text)
{
	if (text[0] == 0) return;
	dp_json_key(o, key);
	dp_json_string(o, text);
}

static void json_amount(dp_json_out *o, const char *key, dp_u256 units)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, units, 0);
	dp_json_key(o, key);
	dp_json_string(o, text);
}

static void json_number(dp_json_out *o, const char *key, uint64_t number)
{
	dp_json_key(o, key);
	dp_json_uint(o, number);
}

static void json_tag(const dp_verdict *v, dp_json_out *o, const dp_screen_fact *f)
{
	static const char *const dated[] = {
	    [DP_DATE_ON] = "on", [DP_DATE_GONE] = "gone", [DP_DATE_LATER] = "later"};
	const dp_tag_record *t = f->tag;
	char day[DP_DAY_TEXT_MAX];
	json_text(o, "label", words_of(v, t->label));
	json_text(o, "list", words_of(v, t->list));
	json_text(o, "source", words_of(v, t->source));
	json_text(o, "category", words_of(v, t->category));
	json_text(o, "abuse", words_of(v, t->abuse));
	json_text(o, "actor", words_of(v, t->actor));
	json_text(o, "program", words_of(v, t->program));
	json_number(o, "confidence", t->confidence);
	DP_CHECK(f->dated == DP_DATE_ON || f->dated == DP_DATE_GONE || f->dated == DP_DATE_LATER);
	json_text(o, "dated", dated[f->dated]);
	json_text(o, "first_seen", dp_day_text(day, t->first_seen));
	json_text(o, "last_seen", dp_day_text(day, t->last_seen));
	json_text(o, "gone", dp_day_text(day, t->gone));
	if (f->kind == DP_FACT_TAG)
		json_text(o, "match", f->match == DP_MATCH_SAME_KEY ? "same-key" : "exact");
}

static void json_money(const dp_verdict *v, dp_json_out *o, const dp_screen_fact *f)
{
	char text[DP_ASSET_TEXT_MAX];
	_Static_assert((int)DP_ASSET_TEXT_MAX >= (int)DP_TXID_TEXT_MAX, "room for either");
	const char *held = f->taint == DP_TAINT_NOW       ? "now"
	                   : f->taint == DP_TAINT_EVER    ? "ever"
	                   : f->taint == DP_TAINT_ARRIVAL ? "arrival"
	                   : f->taint == DP_TAINT_REACH   ? "reach"
	                                                  : "";
	json_text(o, "held", held);
	if (f->kind == DP_FACT_EXPOSURE)
		json_text(o, "side", f->side == DP_SIDE_SENT ? "sent" : "received");
	json_text(o, "case", f->incident);
	json_text(o, "policy", f->policy);
	if (f->asset.v != 0) {
		dp_asset_caip19(text, f->asset);
		json_text(o, "asset", text);
	}
	json_amount(o, "amount", f->units);
	if (f->kind == DP_FACT_TAINT) json_amount(o, "origin", f->origin);
	if (f->kind == DP_FACT_TAINT && f->stolen.v != 0) {
		dp_asset_caip19(text, f->stolen);
		json_text(o, "origin_asset", text);
	}
	if (f->share > 0 || f->kind == DP_FACT_EXPOSURE) json_number(o, "share_ppm", f->share);
	if (f->hops != DP_HOPS_NONE) json_number(o, "hops", f->hops);
	if (f->since != DP_NO_DATE) {
		dp_time_format(text, f->since);
		json_text(o, "since", text);
	}
	if (f->has_tx) {
		dp_txid_format(text, f->tx, v->chain);
		json_text(o, "tx", text);
	}
	json_text(o, "casebook", f->casebook);
}

static void json_fact(const dp_verdict *v, dp_json_out *o, const dp_screen_fact *f)
{
	char text[DP_ADDR_TEXT_MAX];
	json_text(o, "kind", dp_fact_kind_name((dp_fact_kind)f->kind));
	if (f->kind != DP_FACT_TAINT)
		json_text(o, "class", dp_risk_class_name((dp_risk_class)f->risk));
	bool other = f->kind == DP_FACT_LOOKALIKE || f->kind == DP_FACT_EXPOSURE || f->is_cluster;
	if (other && f->place.kind != DP_ADDR_NONE && f->place.kind < DP_ADDR_KIND_COUNT) {
		dp_addr_format(text, &f->place, v->chain);
		json_text(o, "place", text);
	}
	if (f->is_cluster) json_text(o, "cluster", "same");
	if (f->tag != NULL) json_tag(v, o, f);
	if (f->kind == DP_FACT_TAINT || f->kind == DP_FACT_EXPOSURE) json_money(v, o, f);
	if (f->kind == DP_FACT_LOOKALIKE) {
		json_number(o, "leading", f->leading);
		json_number(o, "trailing", f->trailing);
		// A JSON number above 2^53 may be rounded by who reads it.
		json_amount(o, "chance", dp_u256_of(f->chance));
		json_text(o, "case", f->incident);
	}
	dp_json_key(o, "inferred");
	dp_json_boolean(o, f->is_inferred);
	if (!f->is_uncertain) return;
	dp_json_key(o, "at_least");
	dp_json_boolean(o, true);
}

static void json_ledger(const dp_verdict *v, dp_json_out *o)
{
	const dp_verdict_ledger *l = &v->ledger;
	char text[DP_ADDR_TEXT_MAX];
	if (l->has_cluster) {
		dp_json_key(o, "cluster");
		dp_json_object(o);
		dp_addr_format(text, &l->cluster_name, v->chain);
		json_text(o, "name", text);
		json_number(o, "addresses", l->cluster_size);
		json_number(o, "tagged", l->cluster_tagged);
		dp_json_object_end(o);
	}
	if (l->limit == NULL) return;
	dp_json_key(o, "notes");
	dp_json_array(o);
	for (const char *const *p = l->limit; *p != NULL; p++) dp_json_string(o, *p);
	dp_json_array_end(o);
}

static void json_facts(const dp_verdict *v, dp_json_out *o)
{
	dp_json_key(o, "reasons");
	dp_json_array(o);
	for (uint32_t i = 0; i < v->reason_count; i++) {
		const dp_reason *r = &v->reason[i];
		dp_json_object(o);
		json_text(o, "rule", r->rule->id);
		json_text(o, "level", dp_risk_level_name((dp_risk_level)r->rule->level));
		json_text(o, "reason", r->text);
		json_fact(v, o, &v->fact[r->fact]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	// What no rule speaks of is told all the same.
	dp_json_key(o, "other");
	dp_json_array(o);
	for (uint32_t f = 0; f < v->fact_count; f++) {
		bool used = false;
		for (uint32_t i = 0; i < v->reason_count && !used; i++)
			used = v->reason[i].fact == f;
		if (used) continue;
		dp_json_object(o);
		json_fact(v, o, &v->fact[f]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

void dp_verdict_json(const dp_verdict *v, dp_json_out *o, const char *input, const char *where)
{
	char time[DP_TIME_TEXT_MAX];
	dp_json_object(o);
	if (input != NULL) json_text(o, "input", input);
	if (where != NULL) json_text(o, "where", where);
	json_text(o, "address", v->text);
	json_text(o, "chain", chain_name(v));
	if (v->at != DP_AT_LATEST) {
		dp_time_format(time, v->at);
		json_text(o, "at", time);
	}
	json_text(o, "level", dp_risk_level_name(v->level));
	dp_json_key(o, "flags");
	dp_json_array(o);
	for (uint32_t i = 0; dp_flag_name(i) != NULL; i++)
		if ((v->flags >> i & 1) != 0) dp_json_string(o, dp_flag_name(i));
	dp_json_array_end(o);
	json_facts(v, o);
	json_ledger(v, o);
	dp_json_object_end(o);
}

//- CSV -------------------------------------------------------------------------------------------

// RFC 4180; a field that a spreadsheet would take for a formula gets an apostrophe before it.
static void csv_field(writer *w, const char *text, bool is_last)
{
	char out[2 * DP_REASON_TEXT_MAX + 8];
	size_t at = 0;
	out[at++] = '"';
	if (text[0] != 0 && strchr("=+-@", text[0]) != NULL) out[at++] = '\'';
	for (const char *p = text; *p != 0 && at + 6 < sizeof out; p++) {
		if (*p == '"') out[at++] = '"';
		out[at++] = (unsigned char)*p < 0x20 ? ' ' : *p;
	}
	out[at++] = '"';
	out[at++] = is_last ? '\n' : ',';
	out[at] = 0;
	// Empty fields need no quotes.
	if (at == 3) put(w, is_last ? "\n" : ",");
	if (at > 3) put(w, out);
}

static void csv_row(writer *w, const dp_verdict *v, const char *input, const dp_reason *r)
{
	char number[DP_U256_DEC_MAX] = "", flags[DP_FLAGS_TEXT_MAX], day[DP_DAY_TEXT_MAX];
	const dp_screen_fact *f = r != NULL ? &v->fact[r->fact] : NULL;
	const dp_tag_record *t = f != NULL ? f->tag : NULL;
	csv_field(w, input != NULL ? input : v->text, false);
	csv_field(w, v->text, false);
	csv_field(w, chain_name(v), false);
	csv_field(w, dp_risk_level_name(v->level), false);
	csv_field(w, dp_flags_text(flags, v->flags, " "), false);
	csv_field(w, r != NULL ? r->rule->id : "", false);
	csv_field(w, r != NULL ? dp_risk_level_name((dp_risk_level)r->rule->level) : "", false);
	csv_field(w, r != NULL ? r->text : "", false);
	csv_field(w, f != NULL ? dp_fact_kind_name((dp_fact_kind)f->kind) : "", false);
	csv_field(w, t != NULL ? words_of(v, t->label) : "", false);
	csv_field(w, t != NULL ? words_of(v, t->list) : "", false);
	csv_field(w, t != NULL ? words_of(v, t->source) : "", false);
	if (t != NULL) (void)snprintf(number, sizeof number, "%u", t->confidence);
	csv_field(w, number, false);
	csv_field(w, t != NULL ? dp_day_text(day, t->first_seen) : "", false);
	csv_field(w, t != NULL ? dp_day_text(day, t->gone) : "", false);
	csv_field(w, f != NULL ? f->incident : "", false);
	number[0] = 0;
	if (f != NULL && f->hops != DP_HOPS_NONE)
		(void)snprintf(number, sizeof number, "%u", f->hops);
	csv_field(w, number, false);
	number[0] = 0;
	bool is_money = f != NULL && (f->kind == DP_FACT_TAINT || f->kind == DP_FACT_EXPOSURE);
	if (is_money) dp_u256_format(number, f->units, 0);
	csv_field(w, number, false);
	csv_field(w, is_money && f->asset.v != 0 ? dp_asset_info_of(f->asset)->symbol : "", true);
}

dp_code dp_verdict_csv(const dp_verdict *v, const char *input, const dp_screen_sink *sink,
                       dp_fault *fault)
{
	writer w = {sink, fault, DP_OK};
	if (v->reason_count == 0) csv_row(&w, v, input, NULL);
	for (uint32_t i = 0; i < v->reason_count; i++) csv_row(&w, v, input, &v->reason[i]);
	return w.code;
}

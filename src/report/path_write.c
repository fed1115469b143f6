// A path as text for a person (100 columns, every id in full), JSON and CSV for programs. See
// path.h.
//
// Text lists the steps in the order of the ledger, put together by transaction. Amounts in it are
// whole coins, exact; JSON and CSV carry base units beside them, for whoever checks the sums.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/json.h"
#include "codec/time.h"
#include "link/leg.h"
#include "report/path.h"
#include "report/private.h"

enum { COLUMNS_MAX = 100, PIECE_MAX = 1024 }; // a piece: what one print takes at most

// How parts were matched: said with every result, for a share is not a proof of identity.
static const char *method_of(const dp_policy *policy)
{
	if (policy->shape == DP_SHAPE_QUEUE) return "exact";
	return policy->shape == DP_SHAPE_BAG ? "pro rata" : "reach";
}

static const char *method_text(const dp_policy *policy)
{
	if (policy == &dp_policy_lifo)
		return "Parts are exact in units of the theft: the newest unit in is the first "
		       "out. "
		       "Units of another asset, behind a swap, go by proportion.";
	if (policy->shape == DP_SHAPE_QUEUE)
		return "Parts are exact in units of the theft: the first unit in is the first out. "
		       "Units of another asset, behind a swap, go by proportion.";
	if (policy->shape == DP_SHAPE_BAG)
		return "Parts are pro rata: this policy mixes a theft's units in a pool, and what "
		       "leaves takes from all that is there in proportion.";
	return "No parts: poison marks whatever was touched. These are all movements through which "
	       "the "
	       "mark can have come, not amounts.";
}

//- text ------------------------------------------------------------------------------------------

// Words from case files, folded at the margin. What would steer a terminal is shown as "?".
static void folded(dp_out *o, const char *text, size_t indent)
{
	size_t column = indent;
	bool first = true;
	while (*text != 0) {
		size_t n = strcspn(text, " \n\t");
		if (n > 0 && !first && column + 1 + n > COLUMNS_MAX) {
			dp_out_printf(o, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		if (n > 0 && !first) {
			dp_out_text(o, " ");
			column++;
		}
		for (size_t i = 0; i < n; i += PIECE_MAX)
			dp_out_printf(o, "%.*s", (int)(n - i < PIECE_MAX ? n - i : PIECE_MAX),
			              text + i);
		column += n;
		first = first && n == 0;
		text += n;
		text += strspn(text, " \n\t");
	}
	dp_out_text(o, "\n");
}

static const char *amount_text(char out[DP_AMOUNT_TEXT_MAX + 32], dp_u256 units, dp_asset asset)
{
	char plain[DP_AMOUNT_TEXT_MAX];
	dp_amount_text(plain, units, asset);
	(void)snprintf(out, DP_AMOUNT_TEXT_MAX + 32, "%s %s", plain, dp_asset_symbol(asset));
	return out;
}

static void text_end(dp_out *o, const char *label, const dp_path_end *e)
{
	dp_out_printf(o, "          %-5s ", label);
	switch (e->kind) {
	case DP_PATH_THEFT: dp_out_text(o, "the theft\n"); return;
	case DP_PATH_TX: dp_out_text(o, "this transaction\n"); return;
	case DP_PATH_LINK: dp_out_text(o, "a link\n"); return;
	case DP_PATH_CROSSING:
		dp_out_printf(o, "%s\n", e->name[0] != 0 ? e->name : "an accepted link");
		return;
	case DP_PATH_BUCKET: folded(o, e->name, 16); break;
	case DP_PATH_HOLDER: break;
	}
	bool more = e->kind == DP_PATH_BUCKET;
	if (e->address[0] != 0) dp_out_printf(o, "%*s%s\n", more ? 16 : 0, "", e->address);
	more |= e->address[0] != 0;
	if (e->outpoint[0] != 0)
		dp_out_printf(o, "%*scoin %s\n", more ? 16 : 0, "", e->outpoint);
	else if (e->kind == DP_PATH_HOLDER && e->address[0] == 0)
		dp_out_text(o, "(no address)\n");
}

static void text_amounts(dp_out *o, const dp_path *p, const dp_path_stolen *st,
                         const dp_path_step *s)
{
	char a[DP_AMOUNT_TEXT_MAX + 32];
	if (!p->policy->conserving) {
		dp_out_text(o, "reach\n");
		return;
	}
	dp_out_text(o, amount_text(a, s->units, s->asset));
	if (!dp_u256_eq(s->units, s->units_all))
		dp_out_printf(o, "\n          of    %s", amount_text(a, s->units_all, s->asset));
	// After a swap the units are others, the debt is the same.
	if (s->asset.v != st->asset.v || !dp_u256_eq(s->units, s->origin))
		dp_out_printf(o, "\n          being %s of the theft",
		              amount_text(a, s->origin, st->asset));
	dp_out_text(o, "\n");
}

// It rests on a person's word: no protocol speaks for it.
static bool is_claimed(const dp_path_step *s)
{
	return s->protocol[0] == 0 &&
	       (s->from.kind == DP_PATH_CROSSING || s->to.kind == DP_PATH_CROSSING) &&
	       (strcmp(s->via, "bridge-out") == 0 || strcmp(s->via, "bridge-in") == 0);
}

static void text_other(dp_out *o, const dp_path_step *s)
{
	char when[DP_TIME_TEXT_MAX];
	if (s->from.kind != DP_PATH_CROSSING && s->to.kind != DP_PATH_CROSSING) return;
	if (s->key[0] != 0) dp_out_printf(o, "          key   %s\n", s->key);
	if (s->other_tx[0] == 0) return;
	dp_time_format(when, s->other_time);
	dp_out_printf(o, "          %s %s block %llu, %s\n                %s\n",
	              s->from.kind == DP_PATH_CROSSING ? "went in on" : "came out on",
	              s->other != NULL ? s->other->name : "another chain",
	              (unsigned long long)s->other_height, when, s->other_tx);
}

// What the step goes through, with the transaction of its other side.
static void text_via(dp_out *o, const dp_path_step *s)
{
	if (s->via[0] == 0) return;
	if (is_claimed(s)) {
		// The casebook keeps the beginning of the words with the link.
		bool is_cut = strlen(s->text) + 4 > DP_LEG_TEXT_MAX;
		dp_out_text(o, "          by an accepted link: claimed, not on the ledger\n");
		if (s->text[0] != 0) dp_out_text(o, "          word  ");
		if (s->text[0] != 0) folded(o, s->text, 16);
		if (is_cut) dp_out_text(o, "                .. (in full: dyepack link list)\n");
		text_other(o, s);
		return;
	}
	dp_out_printf(o, "          by %s", s->via);
	if (s->title[0] != 0) dp_out_printf(o, ", %s", s->title);
	if (s->text[0] != 0) dp_out_printf(o, ", %s", s->text);
	dp_out_text(o, "\n");
	text_other(o, s);
}

static void text_step(dp_out *o, const dp_path *p, const dp_path_stolen *st, uint32_t i)
{
	const dp_path_step *s = &st->step[i];
	bool same = i > 0 && s->height == s[-1].height && strcmp(s->tx, s[-1].tx) == 0;
	char when[DP_TIME_TEXT_MAX], hop[16] = "-";
	if (!same) {
		dp_time_format(when, s->time);
		dp_out_printf(o, "\n%s%sblock %llu  %s\n", p->chain_count > 1 ? s->chain->name : "",
		              p->chain_count > 1 ? " " : "", (unsigned long long)s->height, when);
		if (s->tx[0] != 0)
			dp_out_printf(o, "tx    %s\n", s->tx);
		else
			dp_out_text(o, "      (placed by the case file, in no transaction)\n");
	}
	if (s->hop != DP_NO_INDEX) (void)snprintf(hop, sizeof hop, "%u", s->hop);
	dp_out_printf(o, "%7u.  hop %s%s\n          moved ", i + 1, hop,
	              s->arrives ? ", arrives" : "");
	text_amounts(o, p, st, s);
	text_end(o, "from", &s->from);
	text_end(o, "to", &s->to);
	text_via(o, s);
	if (s->link_by[0] == 0) return;
	dp_out_printf(o,
	              "          via link: claimed, not on the ledger\n"
	              "                from %s\n                to   %s\n"
	              "                by   ",
	              s->link_from, s->link_to);
	folded(o, s->link_by, 21);
}

static void text_line(dp_out *o, const char *label, dp_u256 units, dp_asset asset, const char *more)
{
	char a[DP_AMOUNT_TEXT_MAX + 32];
	dp_out_printf(o, "  %-13s %s%s\n", label, amount_text(a, units, asset), more);
}

static void text_stolen(dp_out *o, const dp_path *p, const dp_path_stolen *st)
{
	bool amounts = p->policy->conserving;
	dp_out_printf(o, "\nSTOLEN %s\n", dp_asset_symbol(st->asset));
	if (amounts) text_line(o, "arrived", st->arrived, st->asset, " of the theft");
	if (!dp_u256_is_zero(st->again))
		text_line(o, "came again", st->again, st->asset, ", not counted twice");
	if (amounts) text_line(o, "still there", st->held, st->asset, "");
	if (!dp_u256_is_zero(st->stopped))
		text_line(o, "stopped here", st->stopped, st->asset, ", following ends here");
	for (uint32_t i = 0; i < st->sum_count; i++) {
		const dp_path_sum *sum = &st->sum[i];
		char a[DP_AMOUNT_TEXT_MAX + 32], b[DP_AMOUNT_TEXT_MAX + 32];
		if (amounts)
			dp_out_printf(o,
			              "  as %-10s in %u movement%s of %s\n                now %s\n",
			              dp_asset_symbol(sum->asset), sum->movements,
			              sum->movements == 1 ? "" : "s",
			              amount_text(a, sum->arrived, sum->asset),
			              amount_text(b, sum->held, sum->asset));
		else
			dp_out_printf(o, "  as %-10s in %u movement%s\n",
			              dp_asset_symbol(sum->asset), sum->movements,
			              sum->movements == 1 ? "" : "s");
	}
	if (st->thin > 0)
		dp_out_printf(o,
		              "  %u of the arrivals stand for less than one unit of the theft; "
		              "their way is not shown\n",
		              st->thin);
	for (uint32_t i = 0; i < st->step_count; i++) text_step(o, p, st, i);
}

dp_code dp_path_text(const dp_path *p, const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(p != NULL && p->stolen_count > 0);
	dp_out o = {.w = w, .fault = fault};
	char when[DP_TIME_TEXT_MAX];
	dp_time_format(when, p->time);
	dp_out_printf(&o, "How stolen money got to\n  %s\n", p->holder);
	dp_out_text(&o, "in the case ");
	folded(&o, p->incident, 12);
	if (p->title[0] != 0) {
		dp_out_text(&o, "  ");
		folded(&o, p->title, 2);
	}
	dp_out_printf(&o, "%s, policy %s, followed to block %llu, %s\n", p->chain->name,
	              p->policy->name, (unsigned long long)p->height, when);
	folded(&o, method_text(p->policy), 0);
	for (uint32_t i = 0; i < p->stolen_count; i++) text_stolen(&o, p, &p->stolen[i]);
	return o.code;
}

//- JSON ------------------------------------------------------------------------------------------

static void json_text(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	if (value[0] == 0)
		dp_json_null(o);
	else
		dp_json_string(o, value);
}

static void json_time(dp_json_out *o, int64_t t)
{
	char when[DP_TIME_TEXT_MAX];
	dp_time_format(when, t);
	json_text(o, "time", when);
}

static void json_asset(dp_json_out *o, dp_asset asset)
{
	char caip[DP_ASSET_TEXT_MAX];
	json_text(o, "asset", dp_asset_caip(caip, asset));
	json_text(o, "symbol", dp_asset_symbol(asset));
}

// "KEY": whole coins, "KEY_base": base units; null where the policy knows no amounts.
static void json_amount(dp_json_out *o, const char *key, dp_u256 v, dp_asset asset, bool known)
{
	char text[DP_U256_DEC_MAX], key_base[40];
	(void)snprintf(key_base, sizeof key_base, "%s_base", key);
	dp_u256_format(text, v, dp_asset_info_of(asset)->decimals);
	json_text(o, key, known ? text : "");
	dp_u256_format(text, v, 0);
	json_text(o, key_base, known ? text : "");
}

static const char *kind_text(dp_path_end_kind kind)
{
	static const char *const names[] = {"theft", "holder",   "transaction",
	                                    "link",  "crossing", "bucket"};
	DP_CHECK(kind <= DP_PATH_BUCKET);
	return names[kind];
}

static void json_end(dp_json_out *o, const char *key, const dp_path_end *e)
{
	dp_json_key(o, key);
	dp_json_object(o);
	json_text(o, "kind", kind_text(e->kind));
	if (e->name[0] != 0) json_text(o, "name", e->name);
	if (e->address[0] != 0) json_text(o, "address", e->address);
	if (e->outpoint[0] != 0) json_text(o, "outpoint", e->outpoint);
	dp_json_object_end(o);
}

static void json_via(dp_json_out *o, const dp_path_step *s)
{
	dp_json_key(o, "via");
	dp_json_object(o);
	json_text(o, "kind", s->via);
	json_text(o, "protocol", s->protocol);
	json_text(o, "key", s->key);
	json_text(o, "ref", s->ref);
	json_text(o, "text", s->text);
	json_text(o, "other_chain", s->other != NULL ? s->other->caip2 : "");
	json_text(o, "other_tx", s->other_tx);
	if (s->other_tx[0] != 0) {
		char when[DP_TIME_TEXT_MAX];
		dp_time_format(when, s->other_time);
		dp_json_key(o, "other_height");
		dp_json_uint(o, s->other_height);
		json_text(o, "other_time", when);
	}
	dp_json_object_end(o);
}

static void json_step(dp_json_out *o, const dp_path *p, const dp_path_stolen *st,
                      const dp_path_step *s)
{
	bool amounts = p->policy->conserving;
	dp_json_object(o);
	dp_json_key(o, "height");
	dp_json_uint(o, s->height);
	json_time(o, s->time);
	json_text(o, "tx", s->tx);
	dp_json_key(o, "hop");
	if (s->hop == DP_NO_INDEX)
		dp_json_null(o);
	else
		dp_json_uint(o, s->hop);
	json_end(o, "from", &s->from);
	json_end(o, "to", &s->to);
	dp_json_key(o, "arrives");
	dp_json_boolean(o, s->arrives);
	json_asset(o, s->asset);
	json_amount(o, "amount", s->units, s->asset, amounts);
	json_amount(o, "movement", s->units_all, s->asset, amounts);
	json_amount(o, "origin", s->origin, st->asset, amounts);
	json_text(o, "chain", s->chain->caip2);
	if (s->via[0] != 0) json_via(o, s);
	if (s->link_by[0] != 0) {
		dp_json_key(o, "link");
		dp_json_object(o);
		json_text(o, "from", s->link_from);
		json_text(o, "to", s->link_to);
		json_text(o, "by", s->link_by);
		dp_json_object_end(o);
	}
	dp_json_object_end(o);
}

static void json_stolen(dp_json_out *o, const dp_path *p, const dp_path_stolen *st)
{
	bool amounts = p->policy->conserving;
	dp_json_object(o);
	json_asset(o, st->asset);
	json_amount(o, "arrived", st->arrived, st->asset, amounts);
	json_amount(o, "again", st->again, st->asset, amounts);
	json_amount(o, "held", st->held, st->asset, amounts);
	json_amount(o, "stopped", st->stopped, st->asset, amounts);
	dp_json_key(o, "thin");
	dp_json_uint(o, st->thin);
	dp_json_key(o, "as");
	dp_json_array(o);
	for (uint32_t i = 0; i < st->sum_count; i++) {
		const dp_path_sum *sum = &st->sum[i];
		dp_json_object(o);
		json_asset(o, sum->asset);
		dp_json_key(o, "movements");
		dp_json_uint(o, sum->movements);
		json_amount(o, "arrived", sum->arrived, sum->asset, amounts);
		json_amount(o, "held", sum->held, sum->asset, amounts);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_key(o, "steps");
	dp_json_array(o);
	for (uint32_t i = 0; i < st->step_count; i++) json_step(o, p, st, &st->step[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

dp_code dp_path_json(const dp_path *p, const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(p != NULL && p->stolen_count > 0);
	dp_json_out o = {.write = w->write, .context = w->context, .fault = fault};
	dp_json_object(&o);
	json_text(&o, "case", p->incident);
	json_text(&o, "title", p->title);
	json_text(&o, "chain", p->chain->caip2);
	json_text(&o, "policy", p->policy->name);
	json_text(&o, "parts", method_of(p->policy));
	dp_json_key(&o, "height");
	dp_json_uint(&o, p->height);
	json_time(&o, p->time);
	json_text(&o, "holder", p->holder);
	dp_json_key(&o, "stolen");
	dp_json_array(&o);
	for (uint32_t i = 0; i < p->stolen_count; i++) json_stolen(&o, p, &p->stolen[i]);
	dp_json_array_end(&o);
	dp_json_object_end(&o);
	return dp_json_finish(&o);
}

//- CSV -------------------------------------------------------------------------------------------

// Quoted where it must be; a leading "=", "+", "-" or "@" would be a formula to a spreadsheet.
static void csv_field(dp_out *o, const char *text)
{
	bool formula = text[0] != 0 && strchr("=+-@", text[0]) != NULL;
	if (!formula && strpbrk(text, ",\"\r\n") == NULL) {
		dp_out_text(o, text);
		return;
	}
	dp_out_text(o, formula ? "\"'" : "\"");
	for (const char *c = text; *c != 0; c++) {
		char one[2] = {*c, 0};
		dp_out_text(o, *c == '"' ? "\"\"" : one);
	}
	dp_out_text(o, "\"");
}

static void csv_next(dp_out *o, const char *text)
{
	dp_out_text(o, ",");
	csv_field(o, text);
}

static void csv_amount(dp_out *o, dp_u256 v, dp_asset asset, bool known)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, v, dp_asset_info_of(asset)->decimals);
	csv_next(o, known ? text : "");
	dp_u256_format(text, v, 0);
	csv_next(o, known ? text : "");
}

static void csv_end(dp_out *o, const dp_path_end *e)
{
	csv_next(o, e->name[0] != 0 ? e->name : kind_text(e->kind));
	csv_next(o, e->address);
	csv_next(o, e->outpoint);
}

static void csv_step(dp_out *o, const dp_path *p, const dp_path_stolen *st, uint32_t i)
{
	const dp_path_step *s = &st->step[i];
	char text[DP_TIME_TEXT_MAX], caip[DP_ASSET_TEXT_MAX];
	bool amounts = p->policy->conserving;
	csv_field(o, p->incident);
	csv_next(o, dp_asset_caip(caip, st->asset));
	dp_out_printf(o, ",%u,", i + 1);
	if (s->hop != DP_NO_INDEX) dp_out_printf(o, "%u", s->hop);
	dp_out_printf(o, ",%llu", (unsigned long long)s->height);
	dp_time_format(text, s->time);
	csv_next(o, text);
	csv_next(o, s->tx);
	csv_end(o, &s->from);
	csv_end(o, &s->to);
	csv_next(o, s->arrives ? "yes" : "no");
	csv_next(o, dp_asset_caip(caip, s->asset));
	csv_next(o, dp_asset_symbol(s->asset));
	csv_amount(o, s->units, s->asset, amounts);
	csv_amount(o, s->units_all, s->asset, amounts);
	csv_amount(o, s->origin, st->asset, amounts);
	csv_next(o, method_of(p->policy));
	csv_next(o, s->link_by);
	csv_next(o, s->chain->caip2);
	csv_next(o, s->via);
	csv_next(o, s->protocol);
	csv_next(o, s->key);
	csv_next(o, s->other_tx);
	dp_out_text(o, "\n");
}

dp_code dp_path_csv(const dp_path *p, const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(p != NULL && p->stolen_count > 0);
	dp_out o = {.w = w, .fault = fault};
	dp_out_text(&o, "case,stolen_asset,step,hop,height,time,tx,from,from_address,from_outpoint,"
	                "to,to_address,to_outpoint,arrives,asset,symbol,amount,amount_base,"
	                "movement,movement_base,origin,origin_base,parts,link_by,"
	                "chain,via,protocol,key,other_tx\n");
	for (uint32_t i = 0; i < p->stolen_count; i++)
		for (uint32_t k = 0; k < p->stolen[i].step_count; k++)
			csv_step(&o, p, &p->stolen[i], k);
	return o.code;
}

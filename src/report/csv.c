// The CSV result: one row for every holder and every arrival, then one for every bucket total, with
// amounts both in whole coins and in base units.
#include <string.h>

#include "codec/time.h"
#include "report/private.h"

// Names come from case files, addresses from ledgers: quoted where they must be. A leading
// "=", "+", "-" or "@" would be a formula to a spreadsheet, so it gets an apostrophe.
static void field(dp_out *o, const char *text, bool last)
{
	bool formula = text[0] != 0 && strchr("=+-@", text[0]) != NULL;
	if (formula || strpbrk(text, ",\"\r\n") != NULL) {
		dp_out_text(o, formula ? "\"'" : "\"");
		for (const char *p = text; *p != 0; p++) {
			char c[2] = {*p, 0};
			dp_out_text(o, *p == '"' ? "\"\"" : c);
		}
		dp_out_text(o, "\"");
	} else {
		dp_out_text(o, text);
	}
	dp_out_text(o, last ? "\n" : ",");
}

static void amounts(dp_out *o, dp_u256 v, dp_asset asset)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, v, dp_asset_info_of(asset)->decimals);
	field(o, text, false);
	dp_u256_format(text, v, 0);
	field(o, text, false);
}

static void number(dp_out *o, uint64_t v)
{
	dp_out_printf(o, "%llu,", (unsigned long long)v);
}

static void when(dp_out *o, int64_t t)
{
	char text[DP_TIME_TEXT_MAX];
	dp_time_format(text, t);
	field(o, text, false);
}

dp_code dp_report_csv(const dp_result *r, const dp_sink *w, bool header, dp_fault *fault)
{
	dp_out o = {.w = w, .fault = fault};
	char caip[DP_ASSET_TEXT_MAX];
	if (header)
		dp_out_text(&o, "case,bucket,name,address,outpoint,asset,symbol,amount,amount_base,"
		                "origin_asset,origin,origin_base,hop,height,time,tx\n");
	for (uint32_t i = 0; i < r->holder_count; i++) {
		const dp_result_holder *h = &r->holder[i];
		dp_asset stolen = r->stolen[h->stolen].asset;
		field(&o, r->c.incident, false);
		dp_out_text(&o, "held,,");
		field(&o, h->address, false);
		field(&o, h->outpoint, false);
		field(&o, dp_asset_caip(caip, h->asset), false);
		field(&o, dp_asset_symbol(h->asset), false);
		amounts(&o, h->units, h->asset);
		field(&o, dp_asset_caip(caip, stolen), false);
		amounts(&o, h->origin, stolen);
		number(&o, h->hop);
		number(&o, h->since_height);
		when(&o, h->since_time);
		field(&o, h->since_tx, true);
	}
	for (uint32_t i = 0; i < r->arrival_count; i++) {
		const dp_result_arrival *a = &r->arrival[i];
		dp_asset stolen = r->stolen[a->stolen].asset;
		field(&o, r->c.incident, false);
		field(&o, dp_bucket_name((dp_bucket)a->bucket), false);
		field(&o, a->service, false);
		field(&o, a->address, false);
		dp_out_text(&o, ",");
		field(&o, dp_asset_caip(caip, a->asset), false);
		field(&o, dp_asset_symbol(a->asset), false);
		amounts(&o, a->units, a->asset);
		field(&o, dp_asset_caip(caip, stolen), false);
		amounts(&o, a->origin, stolen);
		number(&o, a->hop);
		number(&o, a->height);
		when(&o, a->time);
		field(&o, a->tx, true);
	}
	for (uint32_t i = 0; i < r->stolen_count; i++)
		for (int b = 0; b < DP_BUCKET_COUNT; b++) {
			const dp_result_stolen *t = &r->stolen[i];
			if (dp_u256_is_zero(t->bucket[b])) continue;
			field(&o, r->c.incident, false);
			dp_out_printf(&o, "total:%s,,,,,,,,", dp_bucket_name((dp_bucket)b));
			field(&o, dp_asset_caip(caip, t->asset), false);
			amounts(&o, t->bucket[b], t->asset);
			dp_out_text(&o, ",,,\n");
		}
	return o.code;
}

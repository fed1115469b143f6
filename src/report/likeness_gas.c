// What likeness.h says of shared infrastructure that needs more than a row of technique/overlap.h:
// who paid the gas of whom, which ledgers were asked, and how far that reaches. Silence of a ledger
// that begins too late must not look like an answer (I-8), so what was not known is counted, too.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "chain/gap.h"
#include "codec/json.h"
#include "codec/time.h"
#include "report/likeness_private.h"

static void put(char *out, size_t size, size_t *io_used, const char *format, ...) DP_PRINTF(4, 5);

static void put(char *out, size_t size, size_t *io_used, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out + *io_used, size - *io_used, format, args);
	va_end(args);
	if (n > 0) *io_used += (size_t)n < size - *io_used ? (size_t)n : size - *io_used - 1;
}

//- who was asked ---------------------------------------------------------------------------------

const char *dp_payer_kind_text(dp_payer_kind kind)
{
	static const char *const texts[] = {"a person", "a service or a protocol",
	                                    "a hub of many transactions"};
	DP_CHECK((unsigned)kind <= DP_PAYER_HUB);
	return texts[kind];
}

const char *dp_gas_caveat(char out[DP_GAS_CAVEAT_MAX], const dp_gas_report *gas, uint32_t ledger)
{
	const dp_witness_ledger *l = dp_witness_at(gas->witness, ledger);
	size_t used = 0;
	out[0] = 0;
	if (gas->present[ledger] == 0)
		put(out, DP_GAS_CAVEAT_MAX, &used, "none of the wallets has part in it");
	char when[DP_TIME_TEXT_MAX];
	dp_time_format(when, l->time_first);
	if (!l->from_beginning)
		put(out, DP_GAS_CAVEAT_MAX, &used,
		    "%sit begins at block %llu (%s): who paid before is not known",
		    used > 0 ? "; " : "", (unsigned long long)l->height_first, when);
	for (int bit = 0; bit < 3; bit++) {
		static const uint64_t gaps[] = {DP_GAP_PARTIAL, DP_GAP_TRACES, DP_GAP_FEES};
		const char *text = dp_gap_text(gaps[bit]);
		if ((l->gaps & gaps[bit]) != 0 && text != NULL)
			put(out, DP_GAS_CAVEAT_MAX, &used, "%s%s", used > 0 ? "; " : "", text);
	}
	return out;
}

static void case_text(dp_out *o, const dp_gas_of_case *c)
{
	char line[800];
	size_t used = 0;
	put(line, sizeof line, &used, "%.200s: asked for %llu of %llu wallets", c->incident,
	    (unsigned long long)c->asked, (unsigned long long)c->wallets);
	if (c->asked < c->wallets)
		put(line, sizeof line, &used, " (where it began, gathering ones, then the first)");
	const struct {
		uint64_t count;
		const char *text;
	} part[] = {{c->paid, "paid from outside the case"},
	            {c->own, "by the case's own money"},
	            {c->nobody, "by a contract or a block"},
	            {c->too_late, "spent before the ledger shows who paid"},
	            {c->unknown, "paid no fee that is known"},
	            {c->absent, "not in the ledgers"}};
	const char *comma = ": ";
	for (uint32_t i = 0; i < sizeof part / sizeof part[0]; i++) {
		if (part[i].count == 0) continue;
		put(line, sizeof line, &used, "%s%llu %s", comma, (unsigned long long)part[i].count,
		    part[i].text);
		comma = ", ";
	}
	if (c->light > 0)
		put(line, sizeof line, &used,
		    "; of %llu payers %llu count too little (a gift to a wallet in sight, or "
		    "wallets "
		    "of less than a hundredth of the loot)",
		    (unsigned long long)c->payers, (unsigned long long)c->light);
	dp_out_wrapped(o, 2, line);
}

void dp_likeness_gas_text(dp_out *o, const dp_gas_report *gas)
{
	char line[800], caveat[DP_GAS_CAVEAT_MAX];
	dp_out_text(o, "Who paid the first gas\n");
	for (uint32_t i = 0; i < gas->case_count; i++) case_text(o, &gas->of_case[i]);
	for (uint32_t i = 0; i < dp_witness_count(gas->witness); i++) {
		const dp_witness_ledger *l = dp_witness_at(gas->witness, i);
		if (dp_gas_caveat(caveat, gas, i)[0] == 0) continue;
		(void)snprintf(line, sizeof line, "ledger %.200s, %s: %s", l->folder,
		               l->chain->name, caveat);
		dp_out_wrapped(o, 2, line);
	}
	for (uint32_t i = 0; i < gas->dropped_shown; i++) {
		const dp_gas_dropped *d = &gas->dropped[i];
		(void)snprintf(line, sizeof line,
		               "not counted: %s, shared with %.200s, is %s: it pays for anybody",
		               d->address, d->with, dp_payer_kind_text(d->kind));
		dp_out_wrapped(o, 2, line);
	}
	if (gas->dropped_count > gas->dropped_shown)
		dp_out_printf(o, "  and %llu more like that\n",
		              (unsigned long long)(gas->dropped_count - gas->dropped_shown));
	if (gas->deposits_left_out > 0)
		dp_out_printf(o, "  %llu addresses in common were not asked for deposits\n",
		              (unsigned long long)gas->deposits_left_out);
	dp_out_text(o, "\n");
}

//- for programs ----------------------------------------------------------------------------------

static void ledger_json(dp_json_out *o, const dp_gas_report *gas, uint32_t no)
{
	const dp_witness_ledger *l = dp_witness_at(gas->witness, no);
	char caveat[DP_GAS_CAVEAT_MAX];
	dp_json_object(o);
	dp_json_put_string(o, "folder", l->folder);
	dp_json_put_string(o, "chain", l->chain->name);
	dp_json_put_uint(o, "height_first", l->height_first);
	dp_json_put_time(o, "time_first", l->time_first);
	dp_json_put_boolean(o, "from_beginning", l->from_beginning);
	dp_json_put_uint(o, "wallets", gas->present[no]);
	dp_json_put_string(o, "caveat", dp_gas_caveat(caveat, gas, no));
	dp_json_object_end(o);
}

static void case_json(dp_json_out *o, const dp_gas_of_case *c)
{
	dp_json_object(o);
	dp_json_put_string(o, "case", c->incident);
	dp_json_put_uint(o, "wallets", c->wallets);
	dp_json_put_uint(o, "asked", c->asked);
	dp_json_put_uint(o, "left_out", c->wallets - c->asked);
	dp_json_put_uint(o, "paid_from_outside", c->paid);
	dp_json_put_uint(o, "paid_by_own_money", c->own);
	dp_json_put_uint(o, "paid_by_nobody", c->nobody);
	dp_json_put_uint(o, "ledger_too_late", c->too_late);
	dp_json_put_uint(o, "unknown", c->unknown);
	dp_json_put_uint(o, "not_in_ledgers", c->absent);
	dp_json_put_uint(o, "payers", c->payers);
	dp_json_put_uint(o, "payers_too_light", c->light);
	dp_json_object_end(o);
}

void dp_likeness_gas_json(dp_json_out *o, const dp_gas_report *gas)
{
	dp_json_key(o, "first_gas");
	if (gas == NULL) {
		dp_json_null(o);
		return;
	}
	dp_json_object(o);
	dp_json_key(o, "ledgers");
	dp_json_array(o);
	for (uint32_t i = 0; i < dp_witness_count(gas->witness); i++) ledger_json(o, gas, i);
	dp_json_array_end(o);
	dp_json_key(o, "cases");
	dp_json_array(o);
	for (uint32_t i = 0; i < gas->case_count; i++) case_json(o, &gas->of_case[i]);
	dp_json_array_end(o);
	dp_json_key(o, "not_counted");
	dp_json_array(o);
	for (uint32_t i = 0; i < gas->dropped_shown; i++) {
		dp_json_object(o);
		dp_json_put_string(o, "address", gas->dropped[i].address);
		dp_json_put_string(o, "with", gas->dropped[i].with);
		dp_json_put_string(o, "is", dp_payer_kind_text(gas->dropped[i].kind));
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_put_uint(o, "not_counted_count", gas->dropped_count);
	dp_json_put_uint(o, "deposits_left_out", gas->deposits_left_out);
	dp_json_object_end(o);
}

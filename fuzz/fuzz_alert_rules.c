// Fuzzing the reader of alerting rules: whatever stands in a file is either refused with a place or
// gives rules whose every part is as their readers expect it, and that can be asked anything.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alert/rules.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sink(const dp_sink_config *s)
{
	DP_CHECK(s->name[0] != 0 && strlen(s->name) < DP_SINK_NAME_MAX);
	DP_CHECK(s->timeout_ms >= 100 && s->timeout_ms <= 600000 && s->give_up_ms >= 1000);
	bool is_http = s->kind <= DP_SINK_TELEGRAM;
	DP_CHECK(s->kind >= DP_SINK_WEBHOOK && s->kind <= DP_SINK_MAIL);
	DP_CHECK(is_http == (s->url != NULL));
	bool has_list = s->kind == DP_SINK_COMMAND || s->kind == DP_SINK_MAIL;
	DP_CHECK(has_list == (s->list_count > 0));
	for (uint32_t i = 0; i < s->list_count; i++) DP_CHECK(s->list[i][0] != 0);
	DP_CHECK((s->kind == DP_SINK_TELEGRAM) == (s->chat != NULL));
	DP_CHECK((s->kind == DP_SINK_FILE || s->kind == DP_SINK_MAIL) == (s->path != NULL));
}

static void check_rule(const dp_alert_rule *r, const char *text)
{
	DP_CHECK(r->name[0] != 0 && r->severity[0] != 0 && dp_when_name(r->when)[0] != '?');
	DP_CHECK(r->route.sink_count <= DP_ALERT_SINKS_MAX && r->route.group_ms >= 0);
	DP_CHECK((r->route.burst > 0) == (r->route.burst_ms > 0));
	DP_CHECK((r->when == DP_WHEN_WAKE) == (r->dormant_s > 0));
	DP_CHECK((r->when == DP_WHEN_WATCHED) == (r->address_count > 0));
	(void)dp_alert_rule_wants_case(r, text);
	(void)dp_alert_rule_wants_kind(r, "swap");
	(void)dp_alert_rule_wants_category(r, text);
	(void)dp_alert_rule_wants_service(r, text, "binance");
	for (uint32_t i = 0; i < r->min_count; i++) {
		DP_CHECK(dp_alert_rule_wants_amount(r, r->min[i].asset, r->min[i].units));
		DP_CHECK(!dp_alert_rule_wants_amount(r, r->min[i].asset, DP_U256_ZERO));
	}
	for (uint32_t i = 0; i < r->case_count; i++) (void)dp_alert_rule_matches(r->cases[i], text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_alert_rules r;
	dp_fault fault = {0};
	char text[64] = {0};
	// Secrets are looked for where there are none.
	dp_code code =
	    dp_alert_rules_parse(&r, (const char *)data, size, "/nonexistent/dyepack", &fault);
	if (code != DP_OK) {
		DP_CHECK(fault.code != DP_OK && fault.text[0] != 0);
		return 0;
	}
	memcpy(text, data, size < sizeof text - 1 ? size : sizeof text - 1);
	for (uint32_t i = 0; i < r.sink_count; i++) check_sink(&r.sink[i]);
	for (uint32_t i = 0; i < r.rule_count; i++) check_rule(&r.rule[i], text);
	dp_alert_rules_done(&r);
	return 0;
}

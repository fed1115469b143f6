// Fuzzing the reader of risk.yaml: whatever stands in it is either refused with a place or gives
// rules that can be held against every kind of fact, and say why.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "screen/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_rules r;
	dp_fault fault = {0};
	char out[DP_REASON_TEXT_MAX];
	if (dp_rules_parse(&r, (const char *)data, size, &fault) != DP_OK) {
		DP_CHECK(fault.code != DP_OK && fault.text[0] != 0);
		return 0;
	}
	for (uint32_t i = 0; i < r.count; i++)
		for (uint8_t kind = 0; kind < DP_FACT_KIND_COUNT; kind++) {
			dp_screen_fact f = {.kind = kind,
			                    .units = {{size, size, size, size}},
			                    .asset = dp_asset_native(dp_chain_find("bitcoin", 7)),
			                    .incident = "heist",
			                    .policy = "fifo",
			                    .casebook = "",
			                    .since = (int64_t)size,
			                    .has_tx = true};
			(void)dp_rule_matches(&r.rule[i], &f, NULL);
			size_t n =
			    dp_rule_reason(&r.rule[i], out, &f, NULL, dp_chain_find("bitcoin", 7));
			DP_CHECK(n == strlen(out) && memchr(out, '\n', n) == NULL);
		}
	dp_rules_done(&r);
	return 0;
}

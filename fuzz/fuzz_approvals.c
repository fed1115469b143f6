// Approvals from hostile bytes (entity/approvals.h). Invariant: every row that comes out is whole,
// that is, owner and spender are addresses or nobody; and reading twice gives the same.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "entity/approvals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	dp_approvals a = {0}, b = {0};
	dp_fault fault = {0};
	dp_code first = dp_approvals_parse(&a, (const char *)data, size, chain, &fault);
	dp_code second = dp_approvals_parse(&b, (const char *)data, size, chain, &fault);
	DP_CHECK(first == second && a.count == b.count);
	for (uint64_t i = 0; i < a.count; i++) {
		uint8_t kind = a.item[i].owner.kind;
		DP_CHECK(kind == DP_ADDR_EVM || kind == DP_ADDR_NONE);
		DP_CHECK(dp_addr_eq(&a.item[i].owner, &b.item[i].owner));
		DP_CHECK(dp_addr_eq(&a.item[i].spender, &b.item[i].spender));
		DP_CHECK(a.item[i].height == b.item[i].height);
	}
	dp_approvals_done(&a);
	dp_approvals_done(&b);
	return 0;
}

// Memos from hostile bytes: the first byte chooses the grammar and the chain. Invariants: no crash;
// what is no memo says why, at a place within it; what is printed is read as the same kind and
// printed as the same text; a number fits what was printed of it.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "link/memo.h"

static void print_twice(const dp_memo *m, int of, const dp_chain *seen_on)
{
	char first[DP_MEMO_SHOWN_MAX], second[DP_MEMO_SHOWN_MAX];
	dp_memo again;
	size_t n = dp_memo_print(first, m);
	DP_CHECK(n == strlen(first) && (n == 0) == (m->kind == DP_MEMO_NONE));
	// A memo of both grammars is printed in the words of one.
	if (n == 0 || n > DP_MEMO_MAX || of == DP_MEMO_OF_BOTH) return;
	dp_memo_read(&again, (const uint8_t *)first, n, of, seen_on);
	DP_CHECK(again.kind == m->kind && (again.wrong == NULL) == (m->wrong == NULL));
	DP_CHECK(dp_addr_eq(&again.to, &m->to) && again.asset.v == m->asset.v);
	DP_CHECK(dp_u256_eq(again.limit, m->limit));
	dp_memo_print(second, &again);
	DP_CHECK(strcmp(first, second) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	int of = 1 + data[0] % 3;
	uint16_t chain = (uint16_t)(data[0] / 3 % (dp_chain_count() + 1));
	const dp_chain *seen_on = chain == dp_chain_count() ? NULL : dp_chain_at(chain);
	dp_memo m;
	dp_memo_read(&m, data + 1, size - 1, of, seen_on);
	DP_CHECK(m.kind != DP_MEMO_NONE || m.wrong != NULL);
	DP_CHECK(m.wrong == NULL || m.wrong_at <= size);
	DP_CHECK(m.unsure == NULL || m.unsure_at <= size);
	DP_CHECK(m.to.kind == DP_ADDR_NONE || m.kind == DP_MEMO_SWAP);
	print_twice(&m, of, seen_on);
	dp_u256 number;
	if (size <= DP_MEMO_MAX) (void)dp_memo_number(&number, (const char *)data + 1, size - 1);
	return 0;
}

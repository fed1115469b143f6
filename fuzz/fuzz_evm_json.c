// A node's answers from hostile bytes: a document {block, receipts, calls, parity} as recordings in
// tests/data/evm hold it. Whatever it says, each part decodes or is refused with a fault that
// names a block, and what decoded gives rows or a fault: never an abort, and no row without an end.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/evm_json.h"
#include "check_notes.h"

enum { RECEIPTS_MAX = 1000 };

static void check(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	DP_CHECK(code == DP_BAD_BYTES && fault->code == code);
	DP_CHECK(strncmp(fault->text, "block ", 6) == 0 && strchr(fault->text, '\n') == NULL);
}

static dp_code read_receipts(dp_evm_block *b, const dp_json *list, dp_fault *fault)
{
	const dp_json *receipt[RECEIPTS_MAX];
	uint32_t count = 0;
	const dp_json *i = dp_json_first(list);
	for (; i != NULL && count < RECEIPTS_MAX; i = dp_json_next(i)) receipt[count++] = i;
	return dp_evm_json_receipts(b, receipt, count, fault);
}

static void check_rows(dp_evm_block *b, dp_fault *fault)
{
	dp_block_builder builder = {0};
	const dp_block *k;
	uint64_t gaps = 0;
	dp_code code = dp_evm_build(&builder, &k, &gaps, b, fault);
	check(code, fault);
	for (uint32_t i = 0; code == DP_OK && i < k->mv_count; i++) {
		const dp_movement *mv = &k->mv[i];
		DP_CHECK(mv->from.kind != DP_ADDR_NONE || mv->to.kind != DP_ADDR_NONE);
		DP_CHECK(mv->asset.v != 0 || mv->kind == DP_MV_TOKEN);
		DP_CHECK(mv->kind != DP_MV_REWARD || mv->from.kind == DP_ADDR_NONE);
	}
	if (code == DP_OK) check_notes(k);
	dp_builder_done(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const chains[] = {"ethereum", "base", "bsc", "arbitrum"};
	dp_json *doc = NULL;
	dp_fault fault = {.code = DP_OK};
	if (dp_json_parse(&doc, (const char *)data, size, &fault) != DP_OK) return 0;
	const char *name = chains[size % 4];
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	const dp_json *block = dp_json_get(doc, "block");
	uint64_t height = 0, uncle_height[1];
	uint8_t miner[1][20];
	dp_evm_block b = {0};
	if (!dp_evm_json_u64(&height, dp_json_get(block, "number"))) height = 7;
	dp_code code = dp_evm_json_block(&b, chain, height, block, &fault);
	check(code, &fault);
	if (code == DP_OK) {
		bool uncle = dp_evm_json_uncle(miner[0], uncle_height, block, NULL) == DP_OK;
		if (uncle) uncle_height[0] -= height > 2;
		if (dp_evm_json_pays_reward(block))
			check(dp_evm_add_rewards(&b, (const uint8_t(*)[20])(const void *)miner,
			                         uncle_height, uncle ? 1 : 0, &fault),
			      &fault);
		check_rows(&b, &fault);
		// Rows are only made of parts that were read whole.
		code = read_receipts(&b, dp_json_get(doc, "receipts"), &fault);
		check(code, &fault);
		if (code == DP_OK) check_rows(&b, &fault);
	}
	if (code == DP_OK) {
		code = dp_evm_json_calls(&b, dp_json_get(doc, "calls"), &fault);
		check(code, &fault);
		if (code == DP_OK) check_rows(&b, &fault);
		if (dp_evm_json_parity(&b, dp_json_get(doc, "parity"), &fault) == DP_OK)
			check_rows(&b, &fault);
	}
	dp_evm_done(&b);
	dp_json_free(doc);
	return 0;
}

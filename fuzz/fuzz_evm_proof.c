// Blocks and receipts of a hostile node. Input: a JSON array of a block and, if it likes, its
// receipts. Invariants: the answer is one of three codes, a fault has a text, and what is proven
// once is proven twice with the same buffers.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
#include "source/evm_proof.h"

enum { RECEIPTS_MAX = 1000 };

static dp_code prove(dp_evm_proof *proof, bool *ret_proven, const dp_json *block,
                     const dp_json *receipts)
{
	const dp_json *list[RECEIPTS_MAX];
	uint32_t count = 0;
	dp_fault fault = {.code = DP_OK};
	dp_code code = dp_evm_proof_block(proof, ret_proven, block, &fault);
	if (code == DP_OK && *ret_proven && dp_json_is_array(receipts)) {
		for (const dp_json *r = dp_json_first(receipts); r != NULL && count < RECEIPTS_MAX;
		     r = dp_json_next(r))
			list[count++] = r;
		code = dp_evm_proof_receipts(proof, ret_proven, block, list, count, &fault);
	}
	DP_CHECK(code == DP_OK || code == DP_BAD_BYTES);
	DP_CHECK(code == DP_OK || fault.text[0] != 0);
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_json *doc = NULL;
	dp_evm_proof proof = {0};
	bool first = false, second = false;
	if (dp_json_parse(&doc, (const char *)data, size, NULL) != DP_OK) return 0;
	const dp_json *block = dp_json_is_array(doc) ? dp_json_first(doc) : NULL;
	// Strict or not is decided by the chain; here the input's size does it.
	proof.is_strict = size % 2 == 1;
	if (block != NULL) {
		dp_code code = prove(&proof, &first, block, dp_json_next(block));
		DP_CHECK(prove(&proof, &second, block, dp_json_next(block)) == code);
		DP_CHECK(first == second);
		DP_CHECK(code != DP_OK || first || proof.doubt[0] != 0);
	}
	dp_evm_proof_done(&proof);
	dp_json_free(doc);
	return 0;
}

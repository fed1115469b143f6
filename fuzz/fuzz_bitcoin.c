// Fuzzes the decoder of blocks, of Bitcoin and of every chain that shares its form.
//
// Strategy: the first byte picks the chain, the others are a block. Almost every change breaks the
// merkle root, behind which nothing would ever be reached; so a block that fails there is given the
// root that the decoder computed and decoded again. The seeds are real blocks, made ones with a
// witness, with a HogEx and with transactions against the order of spending, small enough to be cut
// and joined.
//
// Invariants: no crash, no read out of bounds; a block that decodes has one row for each input and
// output, amounts in range, and its transactions can be found by their ids; where transactions may
// stand in any order, whoever spends comes after whom it spends from, and the order given is a
// permutation; decoding it again gives the same; no allocation is left over.
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
		DP_CHECK(dp_u256_fits64(mv->amount) && mv->amount.w[0] <= b->chain->money_max);
	}
}

static void check_order(const dp_bitcoin_decoder *d, const dp_block *b)
{
	const uint32_t *order = dp_bitcoin_order(d);
	uint32_t at;
	DP_CHECK(order == NULL || b->chain->any_order);
	for (uint32_t t = 0; t < b->tx_count; t++) {
		const dp_tx *tx = &b->tx[t];
		// Each place once; blocks of a fuzzer are small.
		for (uint32_t o = 0; order != NULL && o < t; o++) DP_CHECK(order[o] != order[t]);
		DP_CHECK(order == NULL || order[t] < b->tx_count);
		for (uint32_t i = 0; b->chain->any_order && i < tx->mv_count; i++) {
			const dp_movement *mv = &b->mv[tx->mv_first + i];
			if (mv->kind != DP_MV_INPUT) break;
			DP_CHECK(!dp_bitcoin_find_tx(d, &at, mv->spent.txid) || at < t);
		}
	}
}

// Notes name an output of their transaction, in order, and could be memos.
static void check_notes(const dp_block *block)
{
	for (uint32_t i = 0; i < block->note_count; i++) {
		const dp_note *n = &block->note[i];
		uint32_t first, count;
		DP_CHECK(n->kind == DP_NOTE_OUTPUT && n->tx < block->tx_count);
		DP_CHECK(n->at < block->tx[n->tx].mv_count);
		DP_CHECK(dp_memo_maybe(dp_note_data(block, n), n->data_size));
		dp_block_notes(block, &first, &count, n->tx);
		DP_CHECK(i >= first && i - first < count);
		DP_CHECK(i == first || n->at > block->note[i - 1].at);
	}
}

// Decodes; true when the only thing wrong that was found is the merkle root.
static bool decode(dp_bitcoin_decoder *d, dp_block_builder *builder, const dp_chain *chain,
                   const uint8_t *data, size_t size)
{
	dp_bitcoin_info info;
	dp_fault fault;
	const dp_block *block;
	if (dp_bitcoin_decode(&info, d, builder, chain, 1, data, size, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0 && fault.has_offset && fault.offset <= size);
		return fault.offset == 36 && size >= DP_BITCOIN_BLOCK_SIZE_MIN;
	}
	DP_CHECK(dp_builder_finish(builder, &block, &fault) == DP_OK);
	check_block(d, block);
	check_notes(block);
	check_order(d, block);
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"bitcoin", "litecoin", "dogecoin", "bitcoin-cash"};
	if (size == 0) return 0;
	const char *name = names[data[0] % (sizeof names / sizeof names[0])];
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	data++;
	size--;
	int64_t live = dp_mem_live();
	dp_bitcoin_decoder decoder = {.seed = 1};
	dp_block_builder builder = {0};
	uint64_t height;
	(void)dp_chain_height(&height, chain, data, size);
	if (decode(&decoder, &builder, chain, data, size)) {
		uint8_t *mended = dp_alloc(size);
		DP_CHECK(mended != NULL);
		memcpy(mended, data, size);
		memcpy(mended + 36, decoder.node, 32); // the root, after folding
		(void)decode(&decoder, &builder, chain, mended, size);
		dp_free(mended);
	}
	(void)decode(&decoder, &builder, chain, data, size); // buffers that were used before
	dp_bitcoin_decoder_done(&decoder);
	dp_builder_done(&builder);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

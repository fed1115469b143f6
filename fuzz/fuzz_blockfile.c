// Fuzzes block files from memory: framing, the index of headers, the choice of a chain, and the
// values of coins; and, by the first byte, the two forms of companion files.
//
// Strategy: seeds are chains of tiny blocks: cutting and joining them makes branches, gaps and
// missing parents. A mutated byte in a block breaks its merkle root or its child's link, which
// hides all that lies behind; so after the first byte 'm' the blocks are mended before they are
// read: each gets the root of its transactions and the one before as its parent. After 'v' and
// four bytes of a length come blocks to be mended so, and behind them an undo file whose checksums
// are made right: record after record for block after block from the second on. Memory is limited
// so that a run cannot be slow.
//
// Invariants: no crash, no hang; heights never fall; what a block without unknown inputs pays out
// it takes in; an error ends the source, and nothing is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "codec/hash.h"
#include "source/blockfile.h"
#include "source/companion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_blocks(const uint8_t *data, size_t size, const uint8_t *undo, size_t undo_size)
{
	dp_source *s;
	dp_fault fault;
	const dp_block *b;
	dp_code code;
	uint64_t height_min = 0;
	dp_source_options options = {
	    .memory_max = 16 << 20, .has_height_start = true, .height_start = 5, .threads = 1};
	if (dp_blockfile_open_bytes(&s, data, size, undo, undo_size, &options, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0);
		return;
	}
	while ((code = dp_source_next(s, &b, &fault)) == DP_OK) {
		DP_CHECK(b->height >= height_min);
		height_min = b->height + 1;
	}
	DP_CHECK(code == DP_END || fault.text[0] != 0);
	DP_CHECK(s->stats.bytes_read <= s->stats.bytes_total && s->stats.bytes_total <= size);
	dp_source_close(s);
}

// Makes a chain of the blocks in `data`, in place.
static void mend(uint8_t *data, size_t size)
{
	dp_bitcoin_decoder d = {.seed = 1};
	dp_block_builder builder = {0};
	dp_bitcoin_info info;
	dp_fault fault;
	const dp_chain *chain = dp_chain_find("bitcoin", strlen("bitcoin"));
	dp_bitcoin_header last = {0};
	for (size_t at = 0; size - at > 8;) {
		uint32_t n;
		memcpy(&n, data + at + 4, sizeof n);
		at += 8;
		if (n < DP_BITCOIN_BLOCK_SIZE_MIN || n > size - at) break;
		memcpy(data + at + 4, last.hash, 32);
		dp_code code =
		    dp_bitcoin_decode(&info, &d, &builder, chain, 1, data + at, n, &fault);
		if (code != DP_OK && fault.offset == 36) memcpy(data + at + 36, d.node, 32);
		dp_bitcoin_header_decode(&last, data + at);
		at += n;
	}
	dp_bitcoin_decoder_done(&d);
	dp_builder_done(&builder);
}

// Gives the records of `undo` the checksums of the blocks from the second on.
static void mend_undo(uint8_t *undo, size_t undo_size, const uint8_t *blocks, size_t size)
{
	size_t block = 0;
	for (size_t at = 0; undo_size - at > 8;) {
		uint32_t n, block_size;
		memcpy(&n, undo + at + 4, sizeof n);
		at += 8;
		if (size - block < 8) return;
		memcpy(&block_size, blocks + block + 4, sizeof block_size);
		if (block_size > size - block - 8) return;
		block += 8 + (size_t)block_size;
		if (size - block < 44 || undo_size - at < 32 || n > undo_size - at - 32) return;
		dp_sha256d_state s;
		dp_sha256d_init(&s);
		dp_sha256d_update(&s, blocks + block + 12, 32); // of its header: the parent
		dp_sha256d_update(&s, undo + at, n);
		dp_sha256d_final(&s, undo + at + n);
		at += n + (size_t)32;
	}
}

static void read_mended(const uint8_t *data, size_t size, size_t block_size)
{
	if (block_size == 0) return;
	DP_CHECK(block_size <= size);
	uint8_t *mended = dp_alloc(size);
	DP_CHECK(mended != NULL);
	memcpy(mended, data, size);
	mend(mended, block_size);
	uint8_t *undo = mended + block_size;
	mend_undo(undo, size - block_size, mended, block_size);
	read_blocks(mended, block_size, size == block_size ? NULL : undo, size - block_size);
	dp_free(mended);
}

static void read_with_undo(const uint8_t *data, size_t size)
{
	uint32_t block_size;
	if (size < sizeof block_size) return;
	memcpy(&block_size, data, sizeof block_size);
	size -= sizeof block_size;
	read_mended(data + sizeof block_size, size, block_size < size ? block_size : size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t live = dp_mem_live();
	dp_companion spent = {0};
	dp_fault fault;
	if (size == 0) return 0;
	dp_code code = DP_OK;
	if (data[0] == '[' || data[0] == '{')
		code = dp_companion_parse_json(&spent, (const char *)data, size, &fault);
	else if (data[0] == 'u')
		code = dp_companion_parse_bcoin(&spent, data + 1, size - 1, &fault);
	else if (data[0] == 'm')
		read_mended(data + 1, size - 1, size - 1);
	else if (data[0] == 'v')
		read_with_undo(data + 1, size - 1);
	else
		read_blocks(data, size, NULL, 0);
	DP_CHECK(code == DP_OK || fault.text[0] != 0);
	dp_companion_done(&spent);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

// Fuzzes the tail of a ledger and the records in it.
//
// Strategy: the first byte picks the chain and the way. Either the rest is a tail file as it is; or
// it is the payload of one record, which is framed here, because no mutation finds its checksum.
//
// Invariants: no crash, no read out of bounds; what is refused has its offset; the records that are
// taken, begun and framed again, are the bytes that were valid; a record that gives a block is
// written again as the same bytes, and that block's digest is the same when it is read once more;
// counting by the walk finds what the head says; no allocation is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/digest.h"
#include "ledger/tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNIT = 72 };

static dp_block_builder first, second;

static void check_record(const uint8_t *payload, size_t size, const dp_chain *chain)
{
	dp_fault fault;
	const dp_block *block, *back;
	dp_code code = dp_record_get(&first, &block, payload, size, chain, &fault);
	if (code != DP_OK) {
		DP_CHECK(fault.text[0] != 0);
		DP_CHECK(code == DP_BAD_CASE || (fault.has_offset && fault.offset <= size));
		return;
	}
	dp_record_head head;
	dp_bytes_out out = {0};
	uint8_t digest[32], again[32];
	uint32_t noise = 0;
	DP_CHECK(dp_record_head_get(&head, payload, size, &fault) == DP_OK);
	DP_CHECK(head.tx_count == block->tx_count && head.mv_count == block->mv_count);
	for (uint32_t i = 0; i < block->mv_count; i++) noise += block->mv[i].asset.v == 0;
	DP_CHECK(head.noise_count == noise);
	DP_CHECK(dp_record_put(&out, block, head.gaps, head.flags & DP_LEDGER_BLOCK_BEGINS,
	                       &fault) == DP_OK);
	DP_CHECK(out.size == size && memcmp(out.bytes, payload, size) == 0);
	DP_CHECK(dp_record_get(&second, &back, out.bytes, out.size, chain, &fault) == DP_OK);
	dp_block_digest(digest, block);
	dp_block_digest(again, back);
	DP_CHECK(memcmp(digest, again, 32) == 0);
	dp_bytes_out_done(&out);
}

static void check_tail(const uint8_t *bytes, size_t size, const dp_chain *chain)
{
	dp_tail t;
	dp_fault fault;
	if (dp_tail_parse(&t, bytes, size, chain, UNIT, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0 && fault.has_offset && fault.offset <= size);
		return;
	}
	dp_bytes_out out = {0};
	DP_CHECK(t.valid <= size && (t.valid > 0 || t.count == 0));
	if (t.valid > 0) DP_CHECK(dp_tail_begin(&out, chain, UNIT, &fault) == DP_OK);
	for (uint64_t i = 0; i < t.count; i++) {
		const dp_tail_record *r = &t.record[i];
		DP_CHECK(i == 0 || r->head.height > t.record[i - 1].head.height);
		DP_CHECK(dp_tail_frame(&out, bytes + r->offset, r->size, &fault) == DP_OK);
		check_record(bytes + r->offset, r->size, chain);
	}
	DP_CHECK(out.size == t.valid);
	// The beginning of an older version is read, and a new one is written.
	uint64_t same = t.is_old ? 64 : 0;
	DP_CHECK(t.valid == 0 || memcmp(out.bytes + same, bytes + same, t.valid - same) == 0);
	dp_bytes_out_done(&out);
	dp_tail_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	int64_t live = dp_mem_live();
	const char *name = data[0] & 1 ? "bitcoin" : "ethereum";
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	bool is_payload = (data[0] & 2) != 0;
	data++;
	size--;
	if (!is_payload) {
		check_tail(data, size, chain);
	} else {
		check_record(data, size, chain);
		dp_bytes_out out = {0};
		dp_fault fault;
		DP_CHECK(dp_tail_begin(&out, chain, UNIT, &fault) == DP_OK);
		if (size >= sizeof(dp_record_head))
			DP_CHECK(dp_tail_frame(&out, data, size, &fault) == DP_OK);
		check_tail(out.bytes, out.size, chain);
		dp_bytes_out_done(&out);
	}
	dp_builder_done(&first);
	dp_builder_done(&second);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

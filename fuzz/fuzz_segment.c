// Fuzzes the segment reader behind its checksums.
//
// Strategy: the input is a segment, its header cut to the bytes that mean something (the rest of
// the 4096 are zero) and its list of checksums left out: both are put in here, right ones, so that
// mutations reach the parser. Every accessor is then called over everything that the header claims,
// and a little beyond. Invariants: no crash, no read out of bounds; what postings, look-ups and
// rows give is in range; blocks that are put together are well-formed (the builder aborts
// otherwise); a fault has a file and a text; no allocation is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EACH_MAX = 300 }; // of each kind of question

static void fail_well(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK || code == DP_NOT_FOUND) return;
	DP_CHECK(code == DP_BAD_BYTES || code == DP_BAD_CASE);
	DP_CHECK(fault->text[0] != 0 && fault->file[0] != 0);
}

static void ask_addresses(dp_segment *s)
{
	dp_fault fault = {0};
	for (uint32_t id = 0; id < s->head.address_count + 2 && id < EACH_MAX; id++) {
		dp_addr a;
		const uint32_t *list;
		uint32_t found, count;
		dp_code code = dp_segment_addr(s, &a, id, &fault);
		fail_well(code, &fault);
		if (code == DP_OK && a.kind != DP_ADDR_NONE) {
			char text[DP_ADDR_TEXT_MAX];
			DP_CHECK(dp_addr_format(text, &a, s->chain) < sizeof text);
			code = dp_segment_find_addr(s, &found, &a, dp_addr_key(&a), &fault);
			fail_well(code, &fault);
			DP_CHECK(code != DP_OK || found <= s->head.address_count);
		}
		code = dp_segment_postings(s, &list, &count, id, &fault);
		fail_well(code, &fault);
		if (code != DP_OK) continue;
		for (uint32_t i = 0; i < count; i++)
			DP_CHECK(list[i] < s->head.tx_count && (i == 0 || list[i - 1] < list[i]));
	}
}

static void ask_transactions(dp_segment *s)
{
	dp_fault fault = {0};
	dp_block_builder b = {0};
	for (uint32_t tx = 0; tx < s->head.tx_count + 2 && tx < EACH_MAX; tx++) {
		uint32_t found = 0;
		dp_tx_rows rows;
		const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
		if (id != NULL) {
			dp_code code = dp_segment_find_tx(s, &found, id, UINT32_MAX, &fault);
			fail_well(code, &fault);
			DP_CHECK(code != DP_OK || found < s->head.tx_count);
		}
		dp_code code = dp_segment_tx_rows(s, &rows, tx, &fault);
		fail_well(code, &fault);
		DP_CHECK(code != DP_OK ||
		         (uint64_t)rows.row_first + rows.row_count <= s->head.row_count);
		code = dp_segment_block_of_tx(s, &found, tx, &fault);
		fail_well(code, &fault);
		if (code != DP_OK) continue;
		dp_builder_start(&b, s->chain, 1, 1);
		dp_tx *with_notes;
		DP_CHECK(dp_builder_tx(&b, &with_notes, &fault) == DP_OK);
		fail_well(dp_segment_append_notes(s, &b, tx, &fault), &fault);
		DP_CHECK(dp_builder_finish_tx(&b, &fault) == DP_OK);
		if (s->utxo) continue;
		dp_builder_start(&b, s->chain, 1, 1);
		code = dp_segment_append_account_tx(s, &b, tx, found, &fault);
		fail_well(code, &fault);
		if (code == DP_OK) DP_CHECK(dp_builder_finish_tx(&b, &fault) == DP_OK);
	}
	dp_builder_done(&b);
}

static void ask_blocks_and_outputs(dp_segment *s)
{
	dp_fault fault = {0};
	for (uint64_t k = 0; k < dp_segment_note_txs(s) + 2 && k < EACH_MAX; k++) {
		uint32_t tx;
		bool leads;
		dp_code code = dp_segment_note_tx(s, &tx, &leads, k, &fault);
		fail_well(code, &fault);
		DP_CHECK(code != DP_OK || tx < s->head.tx_count);
	}
	for (uint64_t k = 0; k < s->head.block_count + 2 && k < EACH_MAX; k++) {
		dp_ledger_block_row row;
		uint64_t at;
		dp_code code = dp_segment_block_row(s, &row, k, &fault);
		fail_well(code, &fault);
		if (code != DP_OK) continue;
		code = dp_segment_block_at_height(s, &at, row.height, &fault);
		fail_well(code, &fault);
		DP_CHECK(code != DP_OK || at <= s->head.block_count);
	}
	for (uint32_t o = 0; o < s->head.output_count + 2 && o < EACH_MAX; o++) {
		dp_addr a;
		dp_u256 amount;
		uint32_t tx;
		fail_well(dp_segment_output(s, &a, &amount, o, &fault), &fault);
		dp_code code = dp_segment_tx_of_output(s, &tx, o, &fault);
		fail_well(code, &fault);
		DP_CHECK(code != DP_OK || tx < s->head.tx_count);
	}
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		uint64_t count = s->head.section[id].count;
		if (count > 0 && dp_segment_span_slow(s, (dp_section_id)id, 0, count) == NULL)
			fail_well(dp_segment_fault(s, (dp_section_id)id, 0, &fault), &fault);
	}
}

// The whole file of what the fuzzer gave: header, data, and checksums that are right.
static uint8_t *sealed(const uint8_t *data, size_t size, uint64_t *ret_size)
{
	dp_segment_header h;
	memcpy(&h, data, sizeof h);
	data += sizeof h;
	size -= sizeof h;
	// The data's size is what is there, unless the header says something else on purpose.
	uint64_t data_size = (size + DP_SECTION_ALIGN - 1) / DP_SECTION_ALIGN * DP_SECTION_ALIGN;
	uint64_t chunks = (data_size + DP_CHUNK - 1) / DP_CHUNK;
	uint8_t *image = dp_alloc(DP_SEGMENT_HEADER_SIZE + data_size + 8 * chunks);
	if (image == NULL) return NULL;
	uint8_t *to = image + DP_SEGMENT_HEADER_SIZE;
	if (size > 0) memcpy(to, data, size);
	for (uint64_t c = 0; c < chunks; c++) {
		uint64_t left = data_size - c * DP_CHUNK;
		uint64_t check = XXH3_64bits(to + c * DP_CHUNK, left < DP_CHUNK ? left : DP_CHUNK);
		memcpy(to + data_size + 8 * c, &check, 8);
	}
	XXH128_canonical_t list;
	XXH128_canonicalFromHash(&list, XXH3_128bits(to + data_size, 8 * chunks));
	memcpy(h.chunks_check, list.digest, sizeof list.digest);
	memcpy(image, &h, sizeof h);
	*ret_size = DP_SEGMENT_HEADER_SIZE + data_size + 8 * chunks;
	return image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < sizeof(dp_segment_header)) return 0;
	int64_t live = dp_mem_live();
	uint64_t image_size;
	uint8_t *image = sealed(data, size, &image_size);
	if (image == NULL) return 0;
	dp_segment_header h;
	memcpy(&h, data, sizeof h);
	const char *name = h.chain_kind == DP_CHAIN_UTXO ? "bitcoin" : "ethereum";
	dp_segment *s;
	dp_fault fault = {0};
	dp_code code =
	    dp_segment_of_image(&s, image, image_size, dp_chain_find(name, strlen(name)), &fault);
	fail_well(code, &fault);
	if (code == DP_OK) {
		ask_addresses(s);
		ask_transactions(s);
		ask_blocks_and_outputs(s);
		dp_segment_close(s);
	}
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

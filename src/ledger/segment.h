// A segment, open: a file that is mapped, or an image in memory (the tail). Everything in it is
// checked when it is first touched; every number read from it is bounded before it is used, for a
// checksum says that bytes are as they were written, not that who wrote them meant well.
//
// Safe for many threads: nothing changes but bits that say "checked" and sections that were packed
// and are unpacked on first use (under a lock).
#ifndef DP_LEDGER_SEGMENT_H
#define DP_LEDGER_SEGMENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "chain/block.h"
#include "ledger/file.h"
#include "ledger/filter.h"
#include "ledger/format.h"

typedef struct dp_segment {
	const dp_chain *chain;
	bool utxo;
	dp_segment_header head;
	char path[DP_PATH_MAX]; // for messages; "the tail" for an image
	dp_map map;
	uint8_t *image;            // owned, instead of a map
	const uint8_t *data;       // the file's or image's bytes from offset 4096
	const uint64_t *check;     // of chunks; itself checked on opening
	_Atomic uint64_t *checked; // a bit a chunk
	struct {
		const uint8_t *_Atomic base; // NULL: packed, not unpacked yet
		bool packed;
		uint64_t offset, size; // in data; size unpacked
	} sec[DP_SEC_COUNT];
	pthread_mutex_t unpacking;
	dp_asset *class_asset; // by class: resolved once
	uint8_t *class_kind, *class_flags;
	uint32_t class_count;
	const dp_ledger_group *group; // copied, checked on opening
	uint32_t group_count;
	// A bit for each DP_ORDERED_RUN postings that lie in one address's list and are known to
	// rise with the next: long lists are looked through once, not whenever they are asked for.
	_Atomic uint64_t *ordered;
	// Names of noise (first..end-1) whose contract is on the asset list by now.
	struct dp_segment_listed {
		uint32_t first, end;
	} * listed;
	uint32_t listed_count;
	_Atomic uint32_t note_hint; // in NOTETX, where notes were looked for last
} dp_segment;

enum { DP_ORDERED_RUN = 4096 };

// Checks header, list of checksums, sizes and the small sections (BLOCK's ends, GROUP, CLASSES).
// When `header_check` is given (from a manifest) the header must have it. DP_BAD_CASE when rows
// were taken for noise on import whose contract is on the asset list by now: following them from
// here would differ from following them from their source. Looked for on opening where that costs
// little, else when such a row is appended.
DP_MUST dp_code dp_segment_open(dp_segment **ret_segment, const char *path, const dp_chain *chain,
                                const uint8_t header_check[16], dp_fault *fault);
// Takes the image over (also on failure).
DP_MUST dp_code dp_segment_of_image(dp_segment **ret_segment, uint8_t *image, uint64_t size,
                                    const dp_chain *chain, dp_fault *fault);
void dp_segment_close(dp_segment *s); // NULL is fine

//- reading columns -------------------------------------------------------------------------------

// Item `index` .. `index + count - 1` of a section, checked; NULL when damaged (then
// dp_segment_fault makes the message) or out of range. Quick when checked before.
const void *dp_segment_span_slow(dp_segment *s, dp_section_id id, uint64_t index, uint64_t count);
dp_code dp_segment_fault(dp_segment *s, dp_section_id id, uint64_t index, dp_fault *fault);

static inline bool dp_segment_chunk_checked(const dp_segment *s, uint64_t chunk)
{
	return (atomic_load_explicit(&s->checked[chunk >> 6], memory_order_acquire) >>
	            (chunk & 63) &
	        1) != 0;
}

static inline const void *dp_segment_at(dp_segment *s, dp_section_id id, uint64_t index)
{
	uint64_t width = s->head.section[id].width;
	uint64_t offset = s->sec[id].offset + index * width;
	if (__builtin_expect(!s->sec[id].packed && index < s->head.section[id].count, 1)) {
		uint64_t first = offset / DP_CHUNK, last = (offset + width - 1) / DP_CHUNK;
		if (__builtin_expect(dp_segment_chunk_checked(s, first) &&
		                         (first == last || dp_segment_chunk_checked(s, last)),
		                     1))
			return s->data + offset;
	}
	return dp_segment_span_slow(s, id, index, 1);
}

// For one u32 or u64; false when damaged.
static inline bool dp_segment_u32(dp_segment *s, dp_section_id id, uint64_t index, uint32_t *ret)
{
	const void *p = dp_segment_at(s, id, index);
	if (__builtin_expect(p != NULL, 1)) memcpy(ret, p, sizeof *ret);
	return p != NULL;
}
static inline bool dp_segment_u64(dp_segment *s, dp_section_id id, uint64_t index, uint64_t *ret)
{
	const void *p = dp_segment_at(s, id, index);
	if (__builtin_expect(p != NULL, 1)) memcpy(ret, p, sizeof *ret);
	return p != NULL;
}
// Asks the disk for all of these that were not checked yet, in one request; for those who will read
// them all. Does nothing for a packed section.
void dp_segment_fetch(const dp_segment *s, dp_section_id id, uint64_t index, uint64_t count);
void dp_segment_prefetch(const dp_segment *s, dp_section_id id, uint64_t index);

//- addresses and postings ------------------------------------------------------------------------

// The local id of an address, 0 when the segment does not have it. `key` is dp_addr_key of it.
// Reads one line of the filter and, if that says maybe, a bucket and the addresses in it.
DP_MUST dp_code dp_segment_find_addr(dp_segment *s, uint32_t *ret_id, const dp_addr *addr,
                                     uint64_t key, dp_fault *fault);
// Fetches what dp_segment_find_addr reads first, so that many segments can be asked at once.
void dp_segment_prefetch_addr(const dp_segment *s, uint64_t key);
// Id 0 gives nobody.
DP_MUST dp_code dp_segment_addr(dp_segment *s, dp_addr *ret_addr, uint32_t id, dp_fault *fault);

// Local numbers of the transactions that an address has part in, rising. The array is in the
// segment. Checked to rise and to lie in range.
DP_MUST dp_code dp_segment_postings(dp_segment *s, const uint32_t **ret_tx, uint32_t *ret_count,
                                    uint32_t id, dp_fault *fault);

//- transactions ----------------------------------------------------------------------------------

// The last transaction (local number) with this id before local number `before` (UINT32_MAX: all);
// DP_NOT_FOUND without a message.
DP_MUST dp_code dp_segment_find_tx(dp_segment *s, uint32_t *ret_tx, const uint8_t id[32],
                                   uint32_t before, dp_fault *fault);
// The block (local number) that a local transaction is in.
DP_MUST dp_code dp_segment_block_of_tx(dp_segment *s, uint32_t *ret_block, uint32_t tx,
                                       dp_fault *fault);
DP_MUST dp_code dp_segment_block_row(dp_segment *s, dp_ledger_block_row *ret_row, uint64_t block,
                                     dp_fault *fault); // up to and including block_count: the end
// The first block (local) at or above a height, or at or after a time; block_count when none is.
DP_MUST dp_code dp_segment_block_at_height(dp_segment *s, uint64_t *ret_block, uint64_t height,
                                           dp_fault *fault);

typedef struct dp_tx_rows {
	uint32_t flags;                      // DP_TXF_*
	uint32_t row_first, row_count;       // account: rows; UTXO: inputs and outputs together
	uint32_t input_first, input_count;   // UTXO
	uint32_t output_first, output_count; // UTXO
} dp_tx_rows;
DP_MUST dp_code dp_segment_tx_rows(dp_segment *s, dp_tx_rows *ret_rows, uint32_t tx,
                                   dp_fault *fault);
// The transaction that a local output belongs to.
DP_MUST dp_code dp_segment_tx_of_output(dp_segment *s, uint32_t *ret_tx, uint32_t output,
                                        dp_fault *fault);
DP_MUST dp_code dp_segment_amount(dp_segment *s, dp_u256 *ret_amount, uint64_t word,
                                  dp_fault *fault);

// Fetches what reading a transaction's rows touches first: its id, and where its rows begin.
void dp_segment_prefetch_tx(const dp_segment *s, uint32_t tx);
// The second and third step on account chains, each some time after the one before: the rows, and
// the addresses that they name with the beginnings of their postings.
void dp_segment_prefetch_rows(dp_segment *s, uint32_t tx);
void dp_segment_prefetch_names(dp_segment *s, uint32_t tx);
// Appends an account chain's transaction to a block that is being built: its rows as the source
// gave them, `no` and `mv_no` counted in its block (block.h). Keys are left to the caller
// (dp_builder_finish_tx or dp_builder_finish).
DP_MUST dp_code dp_segment_append_account_tx(dp_segment *s, dp_block_builder *b, uint32_t tx,
                                             uint32_t block, dp_fault *fault);
// The output of a local number: who is paid and how much.
DP_MUST dp_code dp_segment_output(dp_segment *s, dp_addr *ret_addr, dp_u256 *ret_amount,
                                  uint32_t output, dp_fault *fault);

//- notes -----------------------------------------------------------------------------------------

// What is not known of its blocks: DP_GAP_*. A segment of the old version has no notes.
uint64_t dp_segment_gaps(const dp_segment *s);
// How many transactions have notes, and the `index`-th of them: its local number, and whether one
// of its notes leads who follows money (note_cell.h).
static inline uint64_t dp_segment_note_txs(const dp_segment *s)
{
	return s->head.section[DP_SEC_NOTETX].count;
}
DP_MUST dp_code dp_segment_note_tx(dp_segment *s, uint32_t *ret_tx, bool *ret_leads, uint64_t index,
                                   dp_fault *fault);
// Appends the notes of a local transaction, if it has any, to the one appended last to a block.
DP_MUST dp_code dp_segment_append_notes_slow(dp_segment *s, dp_block_builder *b, uint32_t tx,
                                             dp_fault *fault);
static inline dp_code dp_segment_append_notes(dp_segment *s, dp_block_builder *b, uint32_t tx,
                                              dp_fault *fault)
{
	if (__builtin_expect(dp_segment_note_txs(s) == 0, 1)) return DP_OK;
	return dp_segment_append_notes_slow(s, b, tx, fault);
}

#endif

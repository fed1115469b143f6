// What the files of the verifier share (verify.h):
//
//   verify.c          goes through the ledger: manifest, files, what joins segments, the tail
//   verify_segment.c  a segment by itself: checksums, blocks, transactions, addresses
//   verify_notes.c    a segment by itself: notes
//   verify_rows.c     a segment by itself: movements, amounts, postings
//   verify_spent.c    who spends what, through all segments, and the .spent files
#ifndef DP_LEDGER_VERIFY_PRIVATE_H
#define DP_LEDGER_VERIFY_PRIVATE_H

#include "base/check.h"
#include "base/mem.h"
#include "ledger/verify.h"

//- one segment -----------------------------------------------------------------------------------

// All columns of a segment whose checksums are right. Empty sections have a pointer, too, to what
// must not be read.
typedef struct dp_view {
	dp_segment *s;
	const void *at[DP_SEC_COUNT];
} dp_view;

static inline uint64_t dp_view_count(const dp_view *v, dp_section_id id)
{
	return v->s->head.section[id].count;
}

// Where a transaction's rows begin, without its flags.
static inline uint32_t dp_view_first(uint32_t word)
{
	return word & ((1u << DP_TXROW_BITS) - 1);
}

// "item 7 of SRC names no address", with its place in the file.
dp_code dp_view_bad(const dp_view *v, dp_section_id id, uint64_t index, dp_fault *fault,
                    const char *format, ...) DP_PRINTF(5, 6);

// Everything that a segment says by itself. DP_BAD_BYTES is a fault of the segment (DP_BAD_CASE one
// of its reader), anything else one of this process.
DP_MUST dp_code dp_verify_segment(dp_segment *s, dp_fault *fault);
DP_MUST dp_code dp_verify_notes(const dp_view *v, dp_fault *fault);
DP_MUST dp_code dp_verify_rows(const dp_view *v, dp_fault *fault); // after all else
// Gives back what was unpacked of a segment. No other thread may be reading it.
void dp_verify_forget_unpacked(dp_segment *s);

//- the whole -------------------------------------------------------------------------------------

// The numbers with which a segment begins.
typedef struct dp_verify_first {
	uint64_t block, tx, row, input, output;
} dp_verify_first;

typedef struct dp_verifier {
	const dp_chain *chain;
	const char *ledger;       // the folder of all chains
	char folder[DP_PATH_MAX]; // of the chain
	dp_manifest manifest;
	dp_segment **segment; // as the manifest has them; NULL: cannot be opened
	dp_fault *open_fault; // why not
	dp_spent *spent;      // UTXO; entry NULL: cannot be opened
	dp_fault *spent_fault;
	dp_verify_first *first; // by the manifest's counts, and one more: the ends
	bool *broken;           // a fault of the segment itself was found
	dp_verify_result result;
	uint64_t bytes_total;
	void (*found)(void *context, const dp_verify_fault *fault);
	void (*progress)(void *context, uint64_t bytes, uint64_t total);
	void *context;
} dp_verifier;

void dp_verifier_found(dp_verifier *v, uint64_t segment, bool only_spent, const dp_fault *fault);
void dp_verifier_progress(dp_verifier *v, uint64_t bytes);
// Does the manifest still say what it said when the files were opened?
DP_MUST dp_code dp_verifier_is_current(const dp_verifier *v, bool *ret_current, dp_fault *fault);
DP_MUST dp_code dp_verify_spends(dp_verifier *v, dp_fault *fault);

#endif

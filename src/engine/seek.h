// Following through a ledger: only the blocks and transactions that may matter are read, and the
// result is byte for byte that of applying every block (I-1).
//
// Why that is so. What the engine does with a transaction hangs on holders that the transaction
// names, and on seeds and links that wait for it; so a transaction that names none of them may be
// left out, and a block without any may be passed over (dp_engine_pass). Here, a segment at a time,
// a bitmap over its transactions says which to look at. It is filled in one of two ways:
//
//   seek   from the index: the postings of each followed address; the spender of each followed coin
//   scan   from the columns: every row, or input, whose address, or coin, is in the set
//
// and, whichever it was, from the index for holders that taint reaches within the segment. Bits too
// many cost time, never an answer. Which way is cheaper is known exactly before a segment is begun,
// for the number of postings is in the index; `auto` takes it.
#ifndef DP_ENGINE_SEEK_H
#define DP_ENGINE_SEEK_H

#include "engine/engine.h"
#include "ledger/ledger.h"

typedef enum dp_plan { DP_PLAN_AUTO = 0, DP_PLAN_SCAN, DP_PLAN_SEEK } dp_plan;

typedef struct dp_seek_options {
	dp_plan plan;
	uint32_t threads; // for scanning; 0 = one a processor
	uint64_t block_first,
	    block_end; // numbers of the ledger's blocks to follow: first, and behind
	// The last blocks are all applied, whether anything happens in them or not, so that as many
	// can be rolled back: as many as the engine keeps undo records of, and one.
	uint32_t whole_last;
	// Each block that is passed over, in order: its header, partial (block.h). May be NULL.
	dp_code (*passed)(void *context, const dp_block *header, dp_fault *fault);
	void *context;
} dp_seek_options;

typedef struct dp_seek_stats {
	uint64_t segments_sought, segments_scanned, segments_untouched;
	uint64_t blocks_applied, blocks_passed;
	uint64_t txs;        // given to the engine
	uint64_t candidates; // looked at
} dp_seek_stats;

typedef struct dp_seek dp_seek;

// The engine may be fresh, or be where it stopped right before block_first. Its options: account
// chains want `seen` = dp_seek_opening with the ledger as context.
DP_MUST dp_code dp_seek_new(dp_seek **ret_seek, dp_ledger *ledger, dp_engine *engine,
                            const dp_seek_options *options, dp_fault *fault);
// Goes to the next block in which something may happen, and applies it: dp_engine_events speaks of
// *ret_block, which is partial and stays until the next call. DP_END behind the last.
DP_MUST dp_code dp_seek_next(dp_seek *s, const dp_block **ret_block, dp_fault *fault);
void dp_seek_free(dp_seek *s); // NULL is fine
dp_seek_stats dp_seek_stats_get(const dp_seek *s);

// For dp_engine_options.seen: the ledger's rows before that place.
DP_MUST dp_code dp_seek_opening(void *ledger, dp_u256 *ret_amount, const dp_addr *addr,
                                dp_asset asset, uint64_t height, uint32_t tx_no, uint32_t mv_no,
                                dp_fault *fault);

// "auto", "scan", "seek"; false when it is none of them.
bool dp_plan_find(const char *name, dp_plan *ret_plan);

#endif

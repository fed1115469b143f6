// The exchange, as engines use it. Private to this room; see exchange.h for what it is.
#ifndef DP_ENGINE_EXCHANGE_INNER_H
#define DP_ENGINE_EXCHANGE_INNER_H

#include "engine/exchange.h"
#include "engine/private.h"

// A landing may be stamped so much earlier than its exit: miners' clocks (Bitcoin allows two
// hours).
enum { DP_CLOCK_SKEW_S = 7200, DP_EXCHANGE_CHAINS_MAX = 256 };

dp_crossing *dp_exchange_get(dp_exchange *x, const uint8_t key[32]);
// Makes a crossing, which must not be there yet. Landings of other chains that were read already
// ask for a rewind.
DP_MUST dp_code dp_exchange_make(dp_exchange *x, dp_crossing **ret_crossing, const uint8_t key[32],
                                 const dp_place_at *in, dp_fault *fault);
// The crossing changed: it is told to the casebook.
void dp_exchange_touched(dp_exchange *x, dp_crossing *c);
// More went in. Landings of other chains that were read already ask for a rewind.
DP_MUST dp_code dp_exchange_grew(dp_exchange *x, const dp_crossing *c, const dp_place_at *in,
                                 dp_fault *fault);
// A change is undone that was not the last: another chain has changed it since. All chains that it
// touched go back to before it was made.
void dp_exchange_tear(dp_exchange *x, dp_crossing *c);
// Its exit is undone. What came out elsewhere must be undone as well.
DP_MUST dp_code dp_exchange_undo_make(dp_exchange *x, const uint8_t key[32], uint64_t serial,
                                      dp_fault *fault);

// Something came out under a key. Confirms a claim that it bears out, if there is one.
DP_MUST dp_code dp_exchange_landed(dp_exchange *x, const uint8_t key[32], const dp_place_at *at,
                                   bool (*bears_out)(const void *context, const dp_leg *claim),
                                   const void *context, dp_fault *fault);
// Money of the case went where somebody says that this key leads. Does a landing confirm it?
DP_MUST dp_code dp_exchange_claimed(dp_exchange *x, const uint8_t key[32], const dp_place_at *at,
                                    const dp_leg *leg, dp_fault *fault);
void dp_exchange_disbelieve(dp_exchange *x, const uint8_t key[32], const dp_place_at *landing);
bool dp_exchange_believes(const dp_exchange *x, const uint8_t key[32]);
// The key has caused DP_REWINDS_MAX rewinds: nothing comes out under it any more.
bool dp_exchange_is_worn_out(const dp_exchange *x, const uint8_t key[32]);
bool dp_exchange_has_worn_out(const dp_exchange *x); // any
// A chain was rolled back to `height`; `any` false: to before its first block.
void dp_exchange_rolled_back(dp_exchange *x, const dp_chain *chain, bool any, uint64_t height);
// A chain begins anew: crossings that went in or came out there are gone.
DP_MUST dp_code dp_exchange_forget(dp_exchange *x, const dp_chain *chain, dp_fault *fault);
// A chain has come to the end of block `height`.
DP_MUST dp_code dp_exchange_reached(dp_exchange *x, const dp_chain *chain, uint64_t height,
                                    dp_fault *fault);

// What undoing a block does not take back by itself: claims that were believed, and who is asked to
// go back. Kept before a block is supposed (dp_engine_suppose) and put back behind it.
typedef struct dp_exchange_mark {
	void *beliefs; // a copy; NULL where there are none
	uint64_t serial;
	uint32_t belief_count, gone_count;
	bool beliefs_changed;
	struct {
		uint64_t height;
		bool is_wanted;
	} rewind[DP_EXCHANGE_CHAINS_MAX];
} dp_exchange_mark;
DP_MUST dp_code dp_exchange_keep(const dp_exchange *x, dp_exchange_mark *ret_mark, dp_fault *fault);
void dp_exchange_back(dp_exchange *x, dp_exchange_mark *mark); // and frees the mark

// A crossing as bytes, for undo records.
DP_MUST dp_code dp_crossing_write(const dp_crossing *c, dp_buffer *b, dp_fault *fault);
DP_MUST dp_code dp_crossing_read(dp_crossing *c, const uint8_t *bytes, size_t size,
                                 dp_fault *fault);
void dp_crossing_done(dp_crossing *c);

#endif

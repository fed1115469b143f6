// Typologies in a case's flow on one chain, as its blocks come: what each block completed.
//
// A mine (technique/mine.h) that is fed with the case's rows after every block that brought some,
// and taken back with it. What cannot be taken back that far is made anew out of the casebook, so
// what it says of a block hangs on the blocks up to that one and on nothing else (I-1). That is
// also why it is of one chain: in which order the blocks of several came, nobody can say
// afterwards.
#ifndef DP_REPORT_CASE_SHAPES_H
#define DP_REPORT_CASE_SHAPES_H

#include "report/case_feed.h"

typedef struct dp_case_shapes dp_case_shapes;

typedef struct dp_case_shape {
	const dp_typology *typology;
	uint32_t tx; // index in the block: of the transfer that completed it
	dp_asset asset;
	dp_u256 units; // of that transfer
	dp_addr
	    address; // whose shape it is; who paid that transfer where the block does not name him
} dp_case_shape;

// The texts and the casebook must outlive it. Nothing is read yet.
DP_MUST dp_code dp_case_shapes_new(dp_case_shapes **ret_shapes, dp_casebook *cb,
                                   const char *incident, const dp_chain *chain,
                                   const dp_typology *const *typology, uint32_t count,
                                   dp_fault *fault);
void dp_case_shapes_free(dp_case_shapes *s); // NULL is fine

// After `block` was recorded: what it completed, valid until the next call.
DP_MUST dp_code dp_case_shapes_look(dp_case_shapes *s, const dp_case_shape **ret_list,
                                    uint32_t *ret_count, const dp_block *block, dp_fault *fault);
// Blocks above `height` were taken back (`all`: every one), and their rows are gone.
void dp_case_shapes_undone(dp_case_shapes *s, uint64_t height, bool all);

#endif

// The node of a simulated world, as a source: what it says is the world's branch, when it is well.
// When it is not it fails, works without an end, lies and forgets. Its chances are its own, so that
// what it says hangs on the questions it was asked and nothing else.
//
// A lie is a block that cannot be what it claims (another's height, another chain's block, one that
// stands on nothing) or a false branch behind a block that was given: such a branch is the world's
// too, so that whoever followed it can be compared with it.
#ifndef S_NODE_H
#define S_NODE_H

#include "sim/world.h"
#include "source/source.h"

typedef struct s_node {
	s_world *world;
	t_rng rng;
	int chain;
	// Of 1,000 questions so many get this answer.
	uint32_t fails, works, lies, forgets;
	uint32_t reorganises; // between a question and its answer
	uint32_t grows;       // the same, by a block
	uint32_t opened, questions;
} s_node;

void s_node_make(s_node *n, s_world *w, int chain, uint64_t seed);
void s_node_well(s_node *n);
void s_node_sick(s_node *n); // by chance
DP_MUST dp_code s_node_open(s_node *n, dp_source **ret_source, const dp_source_begin *begin,
                            dp_fault *fault);
// What pools held, as the node says it; and so everybody else (I-1).
dp_code s_opening(bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset);

#endif

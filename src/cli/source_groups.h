// Sources of several chains on one command line: which path is of which chain. Paths of one chain
// are opened together, as one source.
//
//   bitcoin=http://10.0.0.5:9332   says so itself
//   ledger:DIR                     as many chains as the ledger has
//   http://127.0.0.1:8545, DIR     by what its kind can be of, and what chains the cases name;
//                                  where that leaves several, a node is asked
//
// Where only one chain is named and all paths are of one kind, they are of that chain, and whether
// that is so is found out on opening.
#ifndef DP_CLI_SOURCE_GROUPS_H
#define DP_CLI_SOURCE_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/chain.h"
#include "engine/case.h"
#include "source/source.h"

typedef struct dp_source_group {
	const dp_chain *chain;
	const char **path; // owned; the texts are the caller's
	uint32_t count;
} dp_source_group;

enum { DP_SOURCE_GROUPS_MAX = DP_CASE_CHAINS_MAX };

typedef struct dp_source_groups {
	dp_source_group group[DP_SOURCE_GROUPS_MAX]; // of different chains: the first that is named
	uint32_t count;                              // first, then in the order of the chain table
} dp_source_groups;

// `named`: the chains that the cases name, in order (none: there is no case yet). `options` is how
// a node is asked.
DP_MUST dp_code dp_source_groups_find(dp_source_groups *ret_groups, const char *const *paths,
                                      uint32_t path_count, const dp_chain *const *named,
                                      uint32_t named_count, const dp_source_options *options,
                                      dp_fault *fault);
void dp_source_groups_done(dp_source_groups *g); // NULL is fine

#endif

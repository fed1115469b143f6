// Clusters of a UTXO ledger: addresses under one control, by who signs together.
//
// Common-input ownership: who spends two coins in one transaction has the keys of both, unless it
// is a CoinJoin (shape/coinjoin.h), which is left out. Change heuristics are options, off by
// default: BlockSci's authors warn against any of them alone, and so do we. Each union keeps its
// heuristic and transaction, the earliest that made it; a verdict that turns out wrong can be
// undone (dp_cluster_undo), and what results is what clustering without that transaction would
// have given.
//
// A bare key (P2PK) and the hash of the same key (P2PKH) are one from where the later of them first
// appears: that is certain, and needs no option. Inputs whose address is not known join nothing;
// scripts without an address form are holders like any other; OP_RETURN is nobody. A transaction
// with inputs that are not known cannot be told from a CoinJoin when it has three inputs and four
// outputs or more: it is left out as one.
//
// Clusters live beside the ledger's segments, in one file for each choice of options, that is a
// function of the ledger's sealed blocks, the options and what was undone alone, in whatever steps
// it was brought up to date (property-tested). It is brought up to date from where it stands; after
// a reorganisation from before that. The tail is added in memory on opening. Heuristics that ask
// what became of an output (peeling, one-time) can change their mind when the ledger grows: with
// those everything is made anew on opening, and the file only says what was undone.
//
// An address has a number: its place in the order of first appearance in the ledger. A cluster's
// name is the address of its smallest number.
//
// Memory: 14 bytes an address (forest.h) and 4 for each segment that has it: its number, by the
// segment's own. bench_cluster's 20 million transactions have 17.5 million addresses, each in 1.25
// segments: 19.0 bytes, so 100 million would take 1.9e9 bytes (1.77 GiB); in 1.8 segments each they
// would take 2 GiB. While walking 32 MiB more, for the numbers of the newest outputs; while looking
// addresses up a few MiB a thread, before the forest is there. At most DP_FOREST_MAX addresses.
#ifndef DP_ENTITY_CLUSTER_H
#define DP_ENTITY_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "ledger/ledger.h"
#include "tag/index.h"

// Why two addresses are one. Stored: the numbers stay. 2.x are the domain notes' sections.
typedef enum dp_heuristic {
	DP_H_COMMON_INPUT = 0,
	// change, BlockSci (2.2): the one output that none of those chosen rules out
	DP_H_CHANGE_ADDRESS_TYPE,
	DP_H_CHANGE_OPTIMAL,
	DP_H_CHANGE_POWER_OF_TEN,
	DP_H_CHANGE_CLIENT, // client_change_address_behavior
	DP_H_CHANGE_PEELING,
	DP_H_CHANGE_LOCKTIME,
	DP_H_CHANGE_FIXED_FEE,
	DP_H_CHANGE_LEGACY,
	DP_H_CHANGE_REUSE,
	// change, GraphSense (2.3)
	DP_H_CHANGE_ONE_TIME,
	DP_H_CHANGE_DIRECT,
	// of an account chain (2.5), entity/account.h
	DP_H_DEPOSIT_REUSE,
	DP_H_AIRDROP,
	DP_H_AUTHORISATION,
	DP_H_SAME_KEY, // the bare key of P2PK, and its hash: one key, so one owner
	DP_H_COUNT
} dp_heuristic;
const char *dp_heuristic_name(dp_heuristic h); // "common-input", "change:optimal", ...
bool dp_heuristic_find(dp_heuristic *ret_heuristic, const char *name, size_t n);

typedef struct dp_cluster dp_cluster;

typedef struct dp_cluster_options {
	uint32_t change; // bit per dp_heuristic of change, intersected: an output that all of them
	                 // keep, if it is the only one; 0 = none
	                 // (locktime and fixed-fee cannot be told from a ledger: DP_BAD_CASE)
	bool joins_coinjoins; // as if there were none: to show what leaving them out is worth
	const dp_tags *tags;  // account chains: who is an exchange; may be NULL
	uint32_t threads;     // 0 = one a processor
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *context; // progress: of transactions; NULL is fine
} dp_cluster_options;

// Opens the ledger's clusters and brings them up to date with it. The ledger stays the caller's and
// must outlive them. `readonly`: what is missing is added in memory, nothing is written;
// DP_NOT_FOUND when there is no file, DP_BAD_BYTES when it is damaged. Otherwise a damaged file is
// made again, which dp_cluster_notice tells. DP_BUSY while another process has them open for
// writing.
//
// Account chains: pairs of accounts (entity/account.h) through the same forest, in memory; nothing
// is kept, so nothing can be undone, and `readonly` is the same.
DP_MUST dp_code dp_cluster_open(dp_cluster **ret_cluster, dp_ledger *ledger,
                                const dp_cluster_options *options, bool readonly, dp_fault *fault);
void dp_cluster_close(dp_cluster *c); // NULL is fine
// What a person should know about how they were opened, in one line; "" when there is nothing.
const char *dp_cluster_notice(const dp_cluster *c);

typedef struct dp_cluster_totals {
	uint64_t addresses, clusters, clusters_many; // with more than one address
	uint64_t largest;
	uint64_t txs, unions, coinjoins, undone;
	uint64_t memory, bytes; // in memory, on disk
	uint64_t height_last;
} dp_cluster_totals;
void dp_cluster_totals_get(const dp_cluster *c, dp_cluster_totals *ret_totals);

// The cluster of an address: its name and size. DP_NOT_FOUND: the ledger has no such address.
DP_MUST dp_code dp_cluster_of(dp_cluster *c, dp_addr *ret_name, uint64_t *ret_size,
                              const dp_addr *addr, dp_fault *fault);
// The same for all of a cluster and for no other, until one is undone: to sort by, without the time
// that names take.
DP_MUST dp_code dp_cluster_key(dp_cluster *c, uint32_t *ret_key, uint64_t *ret_size,
                               const dp_addr *addr, dp_fault *fault);
// Its members, in order of number. `visit` returns anything but DP_OK to stop.
DP_MUST dp_code dp_cluster_members(dp_cluster *c, const dp_addr *addr,
                                   dp_code (*visit)(void *context, const dp_addr *member,
                                                    dp_fault *fault),
                                   void *context, dp_fault *fault);
// The greatest clusters first, equal ones in order of their names' numbers, at most `max`.
enum { DP_CLUSTER_LARGEST_MAX = 10000 };
DP_MUST dp_code dp_cluster_largest(dp_cluster *c, uint32_t max,
                                   dp_code (*visit)(void *context, const dp_addr *name,
                                                    uint64_t size, dp_fault *fault),
                                   void *context, dp_fault *fault);

// Why two addresses are one: the unions between them, each with its transaction.
typedef struct dp_cluster_reason {
	dp_addr a, b;
	uint8_t heuristic;
	uint64_t tx_no;
	uint8_t txid[32];
	uint64_t height;
} dp_cluster_reason;
DP_MUST dp_code dp_cluster_why(dp_cluster *c, const dp_addr *a, const dp_addr *b,
                               dp_code (*visit)(void *context, const dp_cluster_reason *reason,
                                                dp_fault *fault),
                               void *context, dp_fault *fault);

// Members in order of number, without the address itself, each with the union that leads from it
// towards the address (its `b` is not filled: it may be any member).
DP_MUST dp_code dp_cluster_reasons(dp_cluster *c, const dp_addr *addr,
                                   dp_code (*visit)(void *context, const dp_cluster_reason *reason,
                                                    dp_fault *fault),
                                   void *context, dp_fault *fault);

// A transaction that joined nothing after all: what was joined from there on is taken apart and
// made again without it. Kept in the clusters' file; *ret_changed false when that was so already.
// Undoing that (`undone` false) restores what was. DP_NOT_FOUND: the ledger has no such transaction
// (one that was undone and is gone since can still be restored).
DP_MUST dp_code dp_cluster_undo(dp_cluster *c, bool *ret_changed, const uint8_t txid[32],
                                bool undone, dp_fault *fault);

#endif

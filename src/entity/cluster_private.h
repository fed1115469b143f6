// What the files of the clusters share; nobody else includes this.
//
//   cluster.c           opening, bringing up to date, closing, totals
//   cluster_number.c    numbers of addresses, segment by segment
//   cluster_merge.c     which addresses of many segments are one
//   cluster_walk.c      transactions, and what they join
//   cluster_change.c    the change heuristics' view of a transaction (change.h has the rules)
//   cluster_ask.c       whose cluster, members, reasons
//   cluster_undo.c      what joined nothing after all
//   cluster_file.c      the file
//   cluster_account.c   pairs of accounts
#ifndef DP_ENTITY_CLUSTER_PRIVATE_H
#define DP_ENTITY_CLUSTER_PRIVATE_H

#include "entity/change.h"
#include "entity/cluster.h"
#include "entity/forest.h"
#include "shape/coinjoin.h"

// In place of an address's number: nobody (id 0, OP_RETURN); not given one yet; that of an address
// in a segment before, of those that were looked up together: its id behind that one's `link_first`
// (dp_cluster_merge; gone when the segment's turn to be numbered comes).
#define DP_NUMBER_NOBODY UINT32_MAX
#define DP_NUMBER_OPEN (UINT32_MAX - 1)
#define DP_NUMBER_LINK 0x80000000u

enum { DP_CLUSTER_UNDONE_MAX = 1 << 16, DP_CLUSTER_NOTICE_MAX = 240 };

// A segment of the ledger, or the tail.
typedef struct dp_cluster_segment {
	dp_segment *segment;
	uint32_t *number;           // by local id; [0] is nobody. NULL: not looked up yet
	bool is_numbered;           // false: some are links or not given yet
	uint32_t link_segment;      // the first that was looked up together with it
	uint32_t link_first;        // ids of those between
	uint64_t ids;               // how many: the addresses and nobody
	uint32_t number_end;        // numbers given up to its end
	uint32_t number_first;      // and before it
	uint64_t block_end, tx_end; // through the chain
	uint64_t coinjoins;         // left out up to its end
	uint8_t digest[16];         // of all blocks up to its end (cluster_file.c)
} dp_cluster_segment;

// An input on its way to a number.
typedef struct dp_cluster_input {
	uint32_t segment;    // of the output that it spends; of a foreign one: its own
	uint32_t output;     // local number there; of a foreign one: row of FOREIGN
	uint32_t id, number; // of the address
	bool is_foreign;
} dp_cluster_input;

typedef struct dp_cluster_accounts dp_cluster_accounts;

// The numbers of the newest outputs, whichever segment they are in: most coins are spent soon. It
// saves the two reads behind each other that lead from an output to its number.
typedef struct dp_cluster_recent {
	uint32_t *number;    // by output (through the chain), modulo size
	uint64_t size;       // a power of two; 0: none are kept
	uint64_t first, end; // outputs that were kept since it was begun
} dp_cluster_recent;

// Whoever gets a number as `id` has the key of `other`.
typedef struct dp_cluster_same_key {
	uint32_t id;
	uint32_t other; // an id of the same segment, or a number
	bool is_number;
} dp_cluster_same_key;

// Giving numbers to a segment's addresses, in the order of its rows.
typedef struct dp_cluster_naming {
	struct dp_cluster *c;
	dp_cluster_segment *s;
	uint32_t index;
	uint32_t next;      // number
	uint32_t end;       // the number behind the segment's last
	uint64_t at;        // outputs (local numbers) before it were looked at
	const uint32_t *to; // OUTADDR; NULL when it has none
	dp_cluster_same_key *pair;
	uint64_t pair_count, pair_cap;
	dp_forest_edge *edge; // one key, two addresses, of those that got their number
	uint64_t edge_count, edge_cap;
} dp_cluster_naming;

struct dp_cluster {
	dp_ledger *ledger;
	dp_cluster_options options;
	bool readonly, needs_future;
	int lock_fd;
	char path[DP_PATH_MAX];
	char notice[DP_CLUSTER_NOTICE_MAX];
	dp_cluster_segment *segment;
	uint32_t count, sealed; // with and without the tail
	dp_forest *forest;
	uint64_t tx_done; // transactions that the forest has
	uint64_t coinjoins;
	uint8_t (*undone)[32]; // ids, in order
	uint64_t undone_count, undone_cap;
	uint64_t *undone_tx; // numbers of those that the ledger has, in order
	uint64_t undone_tx_count;
	uint64_t bytes; // of the file
	// work
	dp_cluster_recent recent;
	dp_shaper shaper;
	dp_shape_end *end;
	uint64_t end_cap;
	dp_change change;
	dp_cluster_accounts *accounts; // of an account chain, instead of segments
};

//- cluster_number.c ------------------------------------------------------------------------------

// Finds out which addresses of segments first .. end-1 are new, for as many of them at once as can
// be; at least the first has a table of numbers then. Those before it must have their numbers.
DP_MUST dp_code dp_cluster_look_up(dp_cluster *c, uint32_t first, uint32_t end, dp_fault *fault);
// Gives numbers to the addresses of a segment that was looked up.
DP_MUST dp_code dp_cluster_number(dp_cluster *c, uint32_t index, dp_fault *fault);
// The same in steps: outputs before `end`, with their numbers put into c->recent, and at last all.
// Where inputs name addresses as well (FOREIGN) the beginning does it all. Also for a segment that
// is numbered: then it only fills c->recent. Edges are left in n->edge for the caller to join.
DP_MUST dp_code dp_cluster_naming_begin(dp_cluster_naming *n, dp_cluster *c, uint32_t index,
                                        dp_fault *fault);
DP_MUST dp_code dp_cluster_naming_outputs(dp_cluster_naming *n, uint64_t end, dp_fault *fault);
DP_MUST dp_code dp_cluster_naming_finish(dp_cluster_naming *n, dp_fault *fault);
void dp_cluster_naming_done(dp_cluster_naming *n); // also in the middle
// The number of an address; DP_NOT_FOUND, without a message, when it has none.
DP_MUST dp_code dp_cluster_find(dp_cluster *c, uint32_t *ret_number, const dp_addr *addr,
                                dp_fault *fault);
// The addresses of numbers, which rise.
DP_MUST dp_code dp_cluster_addresses(dp_cluster *c, dp_addr *ret_addr, const uint32_t *number,
                                     uint32_t count, dp_fault *fault);

//- cluster_merge.c -------------------------------------------------------------------------------

// For segments first .. end-1, whose numbers are open but for nobody's: fills in the numbers of
// addresses that segments before have, and links to those that they have of each other. *ret_done
// false: forged keys; what was filled in is to be forgotten.
DP_MUST dp_code dp_cluster_merge(dp_cluster *c, bool *ret_done, uint32_t first, uint32_t end,
                                 dp_fault *fault);

//- cluster_walk.c --------------------------------------------------------------------------------

// Joins what the transactions tx_first .. (through the chain) of a segment join, after giving its
// addresses their numbers where they have none. `counts`: adds the CoinJoins that were left out to
// c->coinjoins.
DP_MUST dp_code dp_cluster_walk(dp_cluster *c, uint32_t index, uint64_t tx_first, bool counts,
                                dp_fault *fault);

//- cluster_change.c ------------------------------------------------------------------------------

// A transaction, with its inputs located. *ret_output is the number of the address that its change
// goes to, DP_NUMBER_NOBODY when no output or several are left.
DP_MUST dp_code dp_cluster_change(dp_cluster *c, uint32_t *ret_number, uint32_t index,
                                  const dp_tx_rows *rows, const dp_cluster_input *input,
                                  uint32_t next_number, dp_fault *fault);

//- cluster_undo.c --------------------------------------------------------------------------------

// Finds the numbers of the transactions that were undone.
DP_MUST dp_code dp_cluster_resolve_undone(dp_cluster *c, dp_fault *fault);

//- cluster_file.c --------------------------------------------------------------------------------

// What a file says, as far as it holds for this ledger.
typedef struct dp_cluster_loaded {
	uint32_t segments;   // of the ledger that it covers wholly
	uint64_t tx_done;    // transactions that it covers
	uint32_t number_end; // and addresses
	uint64_t coinjoins;
	bool is_same; // it says all that there is to say: no need to write it
} dp_cluster_loaded;
// Fills digests, undone transactions, and as far as the file reaches forest and numbers.
// DP_NOT_FOUND: there is none; DP_BAD_BYTES: damaged, what was undone may be known nevertheless.
// Digests are filled in any case.
DP_MUST dp_code dp_cluster_load(dp_cluster *c, dp_cluster_loaded *ret, dp_fault *fault);
// What the forest holds must be that of the sealed segments.
DP_MUST dp_code dp_cluster_save(dp_cluster *c, dp_fault *fault);

//- cluster.c -------------------------------------------------------------------------------------

// Walks over all segments from first .. end-1, from a transaction on.
DP_MUST dp_code dp_cluster_extend(dp_cluster *c, uint32_t first, uint32_t end, uint64_t tx_first,
                                  bool counts, dp_fault *fault);

//- cluster_account.c -----------------------------------------------------------------------------

DP_MUST dp_code dp_cluster_accounts_open(dp_cluster *c, dp_fault *fault);
void dp_cluster_accounts_close(dp_cluster_accounts *a);
DP_MUST dp_code dp_cluster_accounts_find(const dp_cluster_accounts *a, uint32_t *ret_number,
                                         const dp_addr *addr);
dp_addr dp_cluster_accounts_address(const dp_cluster_accounts *a, uint32_t number);
uint64_t dp_cluster_accounts_memory(const dp_cluster_accounts *a);

#endif

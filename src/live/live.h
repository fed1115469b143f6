// Live: many cases over several chains, followed at the tip for as long as one wants.
//
//   docket ---> sets of cases ("companies"): one engine a chain, one exchange, one casebook
//                     |
//   node ---> feed ---+--> company 1     at the tip: every block is read once and given to all
//             (one    +--> company 2
//             a chain)
//   node ---------------> company 3      behind: by a connection of its own, until it is level
//
// A company that is behind (new, gone back for another chain's sake, or parted from the chain)
// reads alone and holds up nobody. The first one that finds its source at the end gives that source
// to the chain as its feed; others join where they stand on the same block.
//
// All that one block changes is one transaction of the casebook: state, position, alerts (I-4).
// When a write fails, or somebody else has changed what is followed, what is in memory is thrown
// away and loaded from the file.
//
// What can go wrong with a node makes its chain wait, never another: it is asked again after 0.5 s,
// doubling to 30 s, or to 2 s where something is only not there yet (a node that has fewer blocks,
// a theft that is in no block). Of many that are behind, some read while the others wait for their
// turn. A chain that parted from what was followed deeper than can be undone stands
// still with a word, and is looked at again once a minute.
//
// One thread, no waiting but for a node's answer: the caller asks for one step after the other.
#ifndef DP_LIVE_LIVE_H
#define DP_LIVE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/advice.h"
#include "alert/rules.h"
#include "base/fault.h"
#include "casebook/casebook.h"
#include "ledger/ledger.h"
#include "source/source.h"
#include "tag/index.h"

enum {
	DP_LIVE_CHAINS_MAX = DP_CASE_CHAINS_MAX,
	DP_LIVE_COMPANIES_MAX = 1 << 16,
	DP_LIVE_CASES_MAX = 1 << 14, // of one company
};

typedef struct dp_live dp_live;

// What happened, for logs. Texts are valid during the call; without secrets. Unused ones are NULL.
typedef enum dp_live_what {
	DP_SAID_CASE = 1,      // a case is followed: `text` "added", "loaded", "anew", "stopped"
	DP_SAID_SOURCE,        // `text`: "opened", "lost", with `why`
	DP_SAID_CAUGHT_UP,     // a company is at the tip of `chain`
	DP_SAID_REORG,         // blocks `from`..`to` of `chain` undone, for `incident`'s company
	DP_SAID_REWIND,        // the same for the sake of what came from another chain
	DP_SAID_CHAIN_STOPPED, // `why`; looked at again now and then
	DP_SAID_ALERT,         // `text`: the rule, `why`: what; `state`
	DP_SAID_CASEBOOK,      // a write failed, or somebody else changed it: loaded again, `why`
	DP_SAID_WAITING,       // something is not there yet: `why`
	DP_SAID_BLOCK          // `chain`, `to`: a block at the tip was followed
} dp_live_what;
typedef struct dp_live_word {
	dp_live_what what;
	bool is_trouble;
	const dp_chain *chain;
	const char *incident, *text, *why, *state, *tx;
	uint64_t from, to;
	dp_code
	    code; // of a fault: retry (BUSY, IO), wait for a person (BAD_CASE), give up (BAD_BYTES)
} dp_live_word;

typedef struct dp_live_options {
	const char *casebook;         // path
	const dp_chain *const *chain; // those with a source
	uint32_t chain_count;
	const dp_tags *tags;         // may be NULL
	const dp_alert_rules *rules; // may be NULL: no alerts
	const dp_advice *advice;     // may be NULL
	bool wants_pending, assume_clean;
	uint32_t poll_ms; // look for a new block at least so often; 0 = 1,000
	void *context;
	// A new connection to the chain's node, begun as told. `open` is asked again after
	// failures.
	dp_code (*open)(void *context, dp_source **ret_source, const dp_chain *chain,
	                const dp_source_begin *begin, dp_fault *fault);
	// Can a source that `open` gave be asked at once? One that is opened aside cannot, at first
	// (source/aside.h). NULL: always.
	bool (*is_ready)(dp_source *source);
	// Has the chain a node? Without one it is followed to the end of its ledger, which is
	// opened again now and then to see whether it has grown. NULL: all have.
	bool (*has_node)(void *context, const dp_chain *chain);
	// The ledger in which the chain's older blocks are, as a source (for hash_at) and by
	// itself; *ret_at: the number of its block at which `begin` begins. *ret_source NULL: there
	// is none. May be NULL.
	dp_code (*open_ledger)(void *context, dp_source **ret_source, dp_ledger **ret_ledger,
	                       uint64_t *ret_at, const dp_chain *chain,
	                       const dp_source_begin *begin, dp_fault *fault);
	// Clocks; NULL: the system's. `wall_ms` may jump, `mono_ms` never goes back.
	int64_t (*wall_ms)(void *context);
	int64_t (*mono_ms)(void *context);
	void (*said)(void *context, const dp_live_word *word); // may be NULL
	void (*raised)(void *context);  // there is something new in the outbox. May be NULL
	bool (*stopped)(void *context); // wants to stop: between blocks. May be NULL
} dp_live_options;

// Opens the casebook, makes it if it is not there, and enters what it has followed into the docket.
// Options are copied; what they point to must stay.
DP_MUST dp_code dp_live_new(dp_live **ret_live, const dp_live_options *options, dp_fault *fault);
// What was not committed is dropped, and comes again next time. NULL is fine.
void dp_live_free(dp_live *l);

// Does what is to be done now, for at most some tens of milliseconds beside nodes' answers.
// *ret_wait_ms: nothing more to do for so long, unless something is heard of; 0: go on at once.
// Fails only where going on makes no sense (no memory, a casebook that cannot be opened).
DP_MUST dp_code dp_live_step(dp_live *l, int64_t *ret_wait_ms, dp_fault *fault);
// Commits what is followed so far: before stopping.
DP_MUST dp_code dp_live_save(dp_live *l, dp_fault *fault);

// Other tags from here on: what is in memory is loaded again with them. A company of which they say
// something else of a place that stolen money went to is followed anew. The old ones may be freed.
DP_MUST dp_code dp_live_tags(dp_live *l, const dp_tags *tags, dp_fault *fault);

// A head told of a new block, or of a transaction that waits (heads.h): looked at in the next step.
void dp_live_hint(dp_live *l, const dp_chain *chain);
void dp_live_offer(dp_live *l, const dp_chain *chain, const uint8_t *bytes, size_t size);
// Heads bring all transactions of a chain that wait (or do not any more).
void dp_live_heads(dp_live *l, const dp_chain *chain, bool bring_all);

// Where the chain's node says that it tells of new blocks; "" where it does not (source.h).
const char *dp_live_heads_url(const dp_live *l, const dp_chain *chain);

// All companies that can go on are at the tip of their chains and nothing is left to do: --once.
bool dp_live_is_level(const dp_live *l);

typedef struct dp_live_chain_stats {
	const dp_chain *chain;
	uint64_t height, tip; // of the feed; of the node, as it last said
	int64_t time;         // of the feed's block
	uint64_t blocks, movements, reorgs, reorg_blocks, polls, errors;
	uint64_t holders; // live, of all companies
	bool has_feed;
	uint32_t behind, stopped; // companies
	uint32_t absent;          // companies of whose theft the node knows nothing (yet)
	uint32_t failing;         // companies whose source has failed several times in a row
	uint64_t block_ns_last;   // from the node's answer to the commit, of a block with alerts
} dp_live_chain_stats;
typedef struct dp_live_stats {
	uint32_t chain_count, companies, cases;
	uint32_t broken; // companies that cannot be followed as they stand
	dp_live_chain_stats chain[DP_LIVE_CHAINS_MAX];
	uint64_t alerts, commits, reloads;
	uint64_t errors[3]; // retry, wait for a person, give up
} dp_live_stats;
void dp_live_stats_get(const dp_live *l, dp_live_stats *ret_stats);
// The casebook's connection, for reading.
dp_casebook *dp_live_casebook(dp_live *l);

// The engine of an incident's company on a chain, for tests; NULL.
const dp_engine *dp_live_engine(const dp_live *l, const char *incident, const dp_chain *chain);

#endif

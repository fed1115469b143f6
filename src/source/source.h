// Sources: where blocks come from. Each kind is one file and one row in the table (source.c).
//
// A source yields blocks of one chain in order. It is opened on paths or URLs (or "-"), gives
// blocks until DP_END, and is closed. It owns the block it gave until the next call. Several paths
// of one kind may be opened together as one source (their rows are merged).
//
// Heights rise, with one exception: a source that reads a live chain (DP_CAN_REORGANISE) steps
// back when the chain reorganises under it. The block it then gives has a height that was given
// before, and `prev` names the block below it that still stands; whoever follows undoes what is
// above that block first.
//
// Secrets. A path may hold a password or a key ("http://user:word@host", ".../v3/KEY"). No source
// puts it into a fault, a notice or a block: messages name what dp_url_show leaves of it.
#ifndef DP_SOURCE_SOURCE_H
#define DP_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"
#include "chain/gap.h"

typedef struct dp_source dp_source;

// What the caller is told and asked while a source waits for somebody else. Both may be NULL.
typedef struct dp_source_watch {
	void *context;
	// One line without a newline: "node:8545 is busy (HTTP 429): trying again in 2 s".
	void (*notice)(void *context, const char *text);
	bool (*stopped)(void *context); // the user wants to stop: give up waiting with DP_BUSY
} dp_source_watch;

// Where to begin, for sources that can begin anywhere; the others begin where their data does. The
// source begins with the earliest block that any of these names, or earlier: more blocks are no
// harm, fewer would be. Nothing named: at the beginning.
typedef struct dp_source_begin {
	// The caller has followed up to this block and will go on behind it (seek): nothing else
	// counts then, for a node may have forgotten what lies before. Sources without seek ignore
	// it.
	bool has_followed;
	uint64_t followed;
	bool has_height, has_time, has_tx_time;
	uint64_t height;
	int64_t time;            // unix seconds: the first block at or after it
	const uint8_t (*tx)[32]; // transactions, as in dp_tx.id
	uint32_t tx_count;
	int64_t tx_time; // when the first of them happened: counts where one cannot be looked up
} dp_source_begin;

typedef struct dp_source_options {
	const dp_chain *chain; // the chain expected; NULL = what the source says, else its default
	const char *map;       // movements CSV: "column=header,..." or NULL
	uint64_t memory_max;   // bytes for sorting, look-ups and answers; 0 = default (4 GiB)
	uint64_t height_start; // of the first block, where the source cannot tell it
	bool has_height_start;
	dp_source_begin begin;
	uint64_t height_max; // the last block wanted, where has_height_max; else all there are:
	bool has_height_max; // of a node, up to its tip when it is asked for the last time
	const char *login;   // "user:password" for a node, or NULL
	const char *cookie;  // path of a node's cookie file, or NULL
	uint32_t in_flight;  // requests to a node at a time; 0 = default (8)
	uint32_t tries;      // how often a request to a node is sent; 0 = default (8)
	uint32_t timeout_s;  // of a node that says nothing at all; 0 = default (120)
	uint32_t threads;    // that decode ahead; 0 = as many as there are processors, 1 = none
	// A node's newest blocks are taken only when so many stand on one another, the block itself
	// counted: 1 (or 0) is the tip itself.
	uint32_t confirmations;
	// UTXO: the caller joins inputs to the outputs that they spend (a ledger). Values of coins
	// need not be looked up in the blocks before, and where no coin can be older than what the
	// caller has (it has every block before, or the source begins with the chain), not at all.
	bool joins_inputs, has_all_before;
	dp_source_watch watch;
} dp_source_options;

typedef struct dp_source_stats {
	uint64_t bytes_read, bytes_total; // of input; total 0 = not known (stdin, a node)
	uint64_t blocks, txs, movements;
	uint64_t height_first, height_last; // to be read, as far as known; last 0 = not known
	uint64_t noise;                     // movements of unlisted assets
	uint64_t values_unknown;            // inputs whose value no source could give
	uint64_t blocks_stale;              // of branches that lost: left out
	uint64_t records_cut;               // at the end of a file that is still being written
	uint64_t reordered;                 // rows that had to be moved into order
	uint64_t requests, retries;         // to a node
} dp_source_stats;

// What became of a transaction that waited for a block.
typedef enum dp_waiting {
	DP_WAITING_UNKNOWN = 0, // cannot be told
	DP_WAITING_YES,         // still waits, or is in a block that is still to be given
	DP_WAITING_IN_BLOCK,    // is in a block that was given
	DP_WAITING_GONE         // the node knows it no more: dropped or replaced
} dp_waiting;

// What a kind of source can give. Printed by `dyepack list sources`.
typedef enum dp_source_can {
	DP_CAN_PREVOUTS = 1,    // UTXO: what inputs are worth, without reading earlier blocks
	DP_CAN_TRACES = 2,      // account: transfers by contracts
	DP_CAN_OPENINGS = 4,    // account: balances at a block
	DP_CAN_BEGIN = 8,       // begins at any block
	DP_CAN_REORGANISE = 16, // gives a live chain, and steps back with it
	DP_CAN_MEMPOOL = 32,    // transactions that wait for a block
	DP_CAN_HEADS = 64       // tells of new blocks by itself
} dp_source_can;

typedef struct dp_source_kind {
	const char *name;       // "csv"
	const char *summary;    // one line for `dyepack list sources`
	const char *looks_like; // what on the command line is recognised as this
	const char *gives;      // what it can and cannot give, in words
	uint32_t can;           // DP_CAN_*
	// Could `path` (its first bytes in `head`) be of this kind? 0 = no, higher = surer. A URL
	// has neither head nor folder; it is of the kind that takes URLs for the chain's kind, and
	// where no chain is named these are asked (by the port, say).
	int (*recognise)(const char *path, const uint8_t *head, size_t head_size, bool is_folder);
	bool takes_urls;
	dp_chain_kind url_kind; // of chains that its URLs give
	dp_code (*open)(dp_source **ret_source, const char *const *paths, uint32_t path_count,
	                const dp_source_options *options, dp_fault *fault);
} dp_source_kind;

// Every kind, ended by NULL.
extern const dp_source_kind *const dp_source_kinds[];

// What a source file fills in: first member of its own struct.
struct dp_source {
	const dp_source_kind *kind;
	const dp_chain *chain;
	dp_source_stats stats;
	// `next` or `pending` said DP_END only because the answer is not there yet (aside.h).
	bool is_working;
	bool opening_known_zero; // it starts at the chain's beginning, where all have nothing
	uint64_t gaps;           // DP_GAP_*; may grow while blocks are read
	// DP_OK and a block, DP_END, or an error. After an error the source only closes.
	dp_code (*next)(dp_source *s, const dp_block **ret_block, dp_fault *fault);
	void (*close)(dp_source *s);
	// The rest may be NULL: the source cannot.
	//
	// What `addr` held of `asset` when block `height` ended. *ret_known false when it cannot
	// say (a node that has thrown away old state).
	dp_code (*opening)(dp_source *s, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
	                   dp_asset asset, uint64_t height, dp_fault *fault);
	// The hash of the block that now stands at `height` (as in dp_block.hash), and going on
	// from a height: for resuming where a casebook stopped. *ret_known false when there is
	// none.
	dp_code (*hash_at)(dp_source *s, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
	                   dp_fault *fault);
	dp_code (*seek)(dp_source *s, uint64_t height, dp_fault *fault);
	// Transactions that wait for a block, each once, as a block of that one transaction with
	// the height behind the tip and no hash; DP_END: no more now. Values of inputs are known or
	// 0. What a head brought (heads.h) is offered first; without heads the node's mempool is
	// asked. A transaction that makes no sense is left out. Failures of the node are DP_IO.
	dp_code (*pending)(dp_source *s, const dp_block **ret_block, dp_fault *fault);
	// A DP_HEADS_TX event's bytes: kept (at most 4,096, 16 MiB) until `pending` is asked.
	void (*offer)(dp_source *s, const uint8_t *bytes, size_t size);
	// `pending` need not ask the node for its mempool: heads bring all.
	bool has_heads;
	dp_code (*waiting)(dp_source *s, dp_waiting *ret_waiting, const uint8_t tx[32],
	                   dp_fault *fault);
	// Account chains: what contract `to` answers to `data` now (eth_call); *ret_known false: it
	// refused, or answered no 32-byte words. At most 32 bytes are given.
	dp_code (*ask_contract)(dp_source *s, bool *ret_known, uint8_t ret_word[32],
	                        const uint8_t to[20], const uint8_t *data, size_t size,
	                        dp_fault *fault);
	// Addresses at which the node tells of new blocks by itself (heads.h), as far as it says;
	// "" where none. Bitcoin: getzmqnotifications.
	const char *heads_url;
};

// "traces", "prevouts", ... for one of DP_CAN_*.
const char *dp_source_can_text(uint32_t can);

// What kind a path is of, without opening it for good: DP_BAD_CASE when that cannot be told.
DP_MUST dp_code dp_source_kind_of(const dp_source_kind **ret_kind, const char *path,
                                  dp_fault *fault);
// Recognises the kind from prefix ("csv:x"), URL, name and first bytes; all paths must be of one
// kind.
DP_MUST dp_code dp_source_open(dp_source **ret_source, const char *const *paths,
                               uint32_t path_count, const dp_source_options *options,
                               dp_fault *fault);
DP_MUST dp_code dp_source_next(dp_source *s, const dp_block **ret_block, dp_fault *fault);
void dp_source_close(dp_source *s); // NULL is fine

// Is this a URL (http, https)? Such a path is never looked for on disk.
bool dp_url_is(const char *path);
// What may be shown of a path: a URL without user, password, query and all of its path ("..." in
// their place), any other path as it is. Returns the length; out is terminated.
enum { DP_URL_SHOWN_MAX = 240 };
size_t dp_url_show(char out[DP_URL_SHOWN_MAX], const char *path);

#endif

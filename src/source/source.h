// Sources: where blocks come from. Each kind is one file and one row in the table (source.c).
//
// A source yields blocks of one chain in order (heights never fall). It is opened on a path (or
// "-"), gives blocks until DP_END, and is closed. It owns the block it gave until the next call.
// Several paths of one kind may be opened together as one source (their rows are merged).
#ifndef DP_SOURCE_SOURCE_H
#define DP_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"

typedef struct dp_source dp_source;

typedef struct dp_source_options {
	const dp_chain *chain; // the chain expected; NULL = what the source says, else its default
	const char *map;       // movements CSV: "column=header,..." or NULL
	uint64_t memory_max;   // bytes for sorting and look-ups; 0 = default (4 GiB)
	uint64_t height_start; // of the first block, where the source cannot tell it
	bool has_height_start;
} dp_source_options;

typedef struct dp_source_stats {
	uint64_t bytes_read, bytes_total; // of input; total 0 = not known (stdin)
	uint64_t blocks, txs, movements;
	uint64_t noise;          // movements of unlisted assets
	uint64_t values_unknown; // inputs whose value no source could give
	uint64_t blocks_stale;   // of branches that lost: left out
	uint64_t records_cut;    // at the end of a file that is still being written
	uint64_t reordered;      // rows that had to be moved into order
} dp_source_stats;

typedef struct dp_source_kind {
	const char *name;       // "csv"
	const char *summary;    // one line for `dyepack list sources`
	const char *looks_like; // what on the command line is recognised as this
	const char *gives;      // what it can and cannot give
	// Could `path` (its first bytes in `head`) be of this kind? 0 = no, higher = surer.
	int (*recognise)(const char *path, const uint8_t *head, size_t head_size, bool is_folder);
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
	bool opening_known_zero; // the source starts at the chain's beginning
	// DP_OK and a block, DP_END, or an error. After an error the source only closes.
	dp_code (*next)(dp_source *s, const dp_block **ret_block, dp_fault *fault);
	void (*close)(dp_source *s);
};

// Recognises the kind from prefix ("csv:x"), name and first bytes; all paths must be of one kind.
DP_MUST dp_code dp_source_open(dp_source **ret_source, const char *const *paths,
                               uint32_t path_count, const dp_source_options *options,
                               dp_fault *fault);
DP_MUST dp_code dp_source_next(dp_source *s, const dp_block **ret_block, dp_fault *fault);
void dp_source_close(dp_source *s); // NULL is fine

#endif

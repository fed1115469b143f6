// A verified flow as people publish it: a list of transfers that somebody went through by hand.
//
//   folder/edges.csv      Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD
//   folder/sources.csv    one address a line: where the stolen money starts from
//   folder/terminals.csv  one address a line: where it was given up or cashed
//
// or, as edges, a movements file (block,time,tx,index,kind,from,to,asset,contract,amount,status,
// ...), of which the rows of kind "native", status "ok" and an amount above 0 are taken: those of
// one asset, told in coins. Columns are found by name, in any order, more of them are fine.
//
// Read whole (limits below), sorted by block, then the row's place in the file, then fed. Dollars
// are decimals with the noise of binary fractions (347.55300000000005): they are cut (never
// rounded) to millionths as `amount` and to cents as worth; `cut` counts the rows where digits
// beyond the sixth were dropped, and nothing else is lost. Signs, exponents and words are refused.
//
// Fed as
//   - for each source a DP_TR_THEFT from a made-up victim, before the first transfer that it pays,
//     of what it pays out in all beyond what it receives in the flow. Where it receives as much
//     as it pays, 0 (it still is a source)
//   - each transfer, its kind by the class of its terminal (dp_flow_class), its hop the least
//     number of transfers from a source in time, its loot what its spender had: spenders pay with
//     stolen and other money alike, in proportion (haircut), what a source is given counting whole
//     and money from nowhere being clean
#ifndef DP_TECHNIQUE_FLOW_FILE_H
#define DP_TECHNIQUE_FLOW_FILE_H

#include <stddef.h>

#include "technique/mine.h"

enum {
	DP_FLOW_EDGES_MAX = 1 << 20,
	DP_FLOW_ADDRESSES_MAX = 1 << 20, // in a list of sources or terminals
	DP_FLOW_TEXT_MAX = 128           // bytes of an address, hash, label or asset
};

typedef struct dp_flow dp_flow;

typedef struct dp_flow_options {
	// Movements: dollars (in cents) that a whole coin was worth at least and at most, all the
	// time. Both 0: not known.
	uint64_t coin_low, coin_high;
} dp_flow_options;

// What a label says about a terminal. Words are looked for at word beginnings, case does not
// matter; the first row of the table that has one decides. A terminal without any known word stays
// a wallet that keeps what it got: nobody said that it is a service. Labels of addresses that are
// no terminals are shown and decide nothing (a customer's deposit address is no end, it pays on).
typedef struct dp_flow_class {
	const char *word;      // "tornado"
	const char *venue;     // "Tornado Cash"; all words of a venue are one dp_transfer.venue
	dp_node_role role;     // DP_NODE_WALLET: the thief's own
	dp_transfer_kind kind; // of transfers to it
} dp_flow_class;
const dp_flow_class *dp_flow_classes(uint32_t *ret_count);
const dp_flow_class *dp_flow_classify(const char *label, size_t n); // NULL: no word known

typedef struct dp_flow_edge {
	int64_t time;
	uint64_t block, line;           // of the file
	uint64_t amount;                // millionths of a dollar; movements: billionths of a coin
	uint64_t worth_low, worth_high; // cents; 0 and DP_WORTH_NONE: not known
	uint64_t loot;
	uint32_t tx;       // its number: from 1, rising
	uint32_t src, dst; // party numbers, from 0
	uint16_t hop;
} dp_flow_edge;

typedef struct dp_flow_party {
	const char *address; // lower case where it is an EVM address, as written otherwise
	const char *label;   // the first that a row gave him; ""
	uint64_t key;        // of the graph's node
	bool is_source, is_terminal;
	const dp_flow_class *class; // of terminals; NULL: not known
} dp_flow_party;

// Reads a folder, or the three files (NULL or "": none). In a folder sources and terminals may be
// missing. No source at all is DP_BAD_CASE when feeding, not when reading.
DP_MUST dp_code dp_flow_open(dp_flow **ret_flow, const char *folder, const dp_flow_options *options,
                             dp_fault *fault);
DP_MUST dp_code dp_flow_read(dp_flow **ret_flow, const char *edges, const char *sources,
                             const char *terminals, const dp_flow_options *options,
                             dp_fault *fault);
// The same from memory; faults name "edges", "sources", "terminals".
typedef struct dp_flow_text {
	const char *text;
	size_t size;
} dp_flow_text;
DP_MUST dp_code dp_flow_parse(dp_flow **ret_flow, dp_flow_text edges, dp_flow_text sources,
                              dp_flow_text terminals, const dp_flow_options *options,
                              dp_fault *fault);
void dp_flow_free(dp_flow *f);

// Names one more source or terminal; DP_NOT_FOUND: the address is in no edge.
DP_MUST dp_code dp_flow_mark_source(dp_flow *f, const char *address, dp_fault *fault);
DP_MUST dp_code dp_flow_mark_terminal(dp_flow *f, const char *address, dp_fault *fault);

// Tells the roles and feeds all. The transfers' `ref` is the number of the edge (dp_flow_edge_at);
// UINT64_MAX for a theft.
DP_MUST dp_code dp_flow_feed(dp_flow *f, dp_mine *mine, dp_fault *fault);
// The same into a graph alone, for a fingerprint.
DP_MUST dp_code dp_flow_fill(dp_flow *f, dp_graph *graph, dp_fault *fault);
// Nodes of the terminals that stay wallets (the thief's own, or nobody knows whose), for
// dp_fingerprint_options; at most `max` are written, the number of all comes back.
uint32_t dp_flow_own_ends(const dp_flow *f, const dp_graph *graph, uint32_t *ret_nodes,
                          uint32_t max);

// In the order of feeding.
uint32_t dp_flow_edge_count(const dp_flow *f);
const dp_flow_edge *dp_flow_edge_at(const dp_flow *f, uint32_t edge);
const char *dp_flow_tx_text(const dp_flow *f, uint32_t edge); // the transaction's hash, as written
uint32_t dp_flow_party_count(const dp_flow *f);
const dp_flow_party *dp_flow_party_at(const dp_flow *f, uint32_t party);
uint32_t dp_flow_party_find(const dp_flow *f, const char *address); // UINT32_MAX: none
uint32_t dp_flow_edges_needed(const dp_flow *f);   // of a mine or graph that holds it whole
uint64_t dp_flow_cut(const dp_flow *f);            // rows that lost digits
uint64_t dp_flow_sources_listed(const dp_flow *f); // by lists, whether a row has them or not
// The asset whose coins the amounts are ("": not told); NULL: they are dollars.
const char *dp_flow_asset(const dp_flow *f);
uint64_t dp_flow_skipped(const dp_flow *f); // rows of movements that were not taken

#endif

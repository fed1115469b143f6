// The inside of watch.h, for the files of this room only.
//
//   watch.c         which rules want which finds
//   watch_find.c    what an engine's events amount to
//   watch_facts.c   the facts of an alert, as JSON, and a line for people
#ifndef DP_ALERT_WATCH_PRIVATE_H
#define DP_ALERT_WATCH_PRIVATE_H

#include "alert/watch.h"
#include "chain/address.h"

// A holder that is new in the block: only of such the events tell how far they are from the theft.
typedef struct held {
	bool is_known, is_coin;
	uint16_t hop;
	dp_outpoint coin;
} held;

// Something that happened to a case in a transaction; what is alike in one transaction is one find.
typedef struct find {
	uint8_t when; // dp_when
	bool has_stolen, is_note, is_shape;
	bool is_about;          // `to` took nothing: what happened is about it alone
	uint32_t case_index;    // DP_NO_INDEX: of no case (a watched address)
	uint32_t tx, mv;        // of the first event
	dp_asset asset, stolen; // what moved, what it stands for
	held holder;
	dp_addr to;   // who is it about: the receiver; the sender where something wakes
	dp_addr from; // kind NONE: not known
	// Of these two; NULL: the block's. The other side of a bridge is on another chain.
	const dp_chain *to_chain, *from_chain;
	uint32_t stop;        // as in dp_event
	uint32_t link;        // 1 + index of the dp_link_record; 0: none
	const char *kind;     // of links, findings, freezes; else ""
	const char *protocol; // "" where none
	int64_t dormant_s;
	dp_party party; // the holder it is about; 0: none
	dp_u256 units, origin;
} find;

enum { FINDS_MAX = 1 << 22 };

typedef struct finds {
	find *item;
	uint64_t cap;
	uint32_t count;
} finds;

// Which service is it, in words. Texts are of tags and cases.
typedef struct place {
	const char *label, *actor, *category, *source;
	uint32_t confidence;
	bool is_known;
} place;

typedef struct text {
	char *bytes;
	uint64_t cap, size;
} text;

struct dp_watch {
	dp_watch_options options;
	uint32_t wanted;   // bits of dp_when that any rule names
	uint32_t pending;  // ... also of what is pending
	int64_t dormant_s; // the least of the rules'
	finds finds;
	text facts;
	// Watched addresses, sorted, for a search by halves; `filter` says mostly no at once.
	struct watched {
		dp_addr addr;
		const dp_chain *chain; // NULL: any
	} * watched;
	uint32_t watched_count;
	uint8_t *filter;                            // a bit for each of 2^16 sums of addresses
	sqlite3 *db;                                // whose statements these are
	sqlite3_stmt *last_in, *last_out;           // when did this holder take and pay last?
	sqlite3_stmt *of_holder, *of_address, *who; // whose colours has it had, and where is it?
	dp_party still_party;                       // the last one asked for, and its answer
	int64_t still_s;
	uint32_t asked; // contracts asked in this block
};

static inline const dp_chain *dp_find_to_chain(const find *f, const dp_watch_view *v)
{
	return f->to_chain != NULL ? f->to_chain : v->block->chain;
}

static inline const dp_chain *dp_find_from_chain(const find *f, const dp_watch_view *v)
{
	return f->from_chain != NULL ? f->from_chain : v->block->chain;
}

//- watch_find.c

// Into w->finds, in an order that hangs on nothing but the block.
DP_MUST dp_code dp_watch_find(dp_watch *w, const dp_watch_view *v, dp_fault *fault);
void dp_watch_find_done(dp_watch *w); // its statements
bool dp_watch_is_watched(const dp_watch *w, const dp_addr *addr, const dp_chain *chain);

//- watch_facts.c

place dp_watch_place(const dp_watch *w, const dp_watch_view *v, const find *f);
// w->facts is the JSON of a find. `ret_line` is for people.
enum { LINE_MAX_BYTES = 300 };
DP_MUST dp_code dp_watch_facts(dp_watch *w, char ret_line[LINE_MAX_BYTES], const dp_watch_view *v,
                               const find *f, const place *p, dp_fault *fault);
// "12.5 ETH"
enum { SHOWN_MAX = DP_U256_DEC_MAX + 24 };
void dp_watch_shown(char ret_shown[SHOWN_MAX], dp_u256 units, dp_asset asset);

#endif

// What the files of the case feed share (report/case_feed.h): case_feed_load.c reads what is asked
// for once, case_feed_side.c says what an end of a row is, case_feed.c makes transfers of rows.
#ifndef DP_REPORT_CASE_FEED_PRIVATE_H
#define DP_REPORT_CASE_FEED_PRIVATE_H

#include "casebook/sql.h"
#include "report/case_feed.h"
#include "technique/intake.h"
#include "technique/money.h"

enum {
	DP_FEED_RUNS_MAX = 64,
	DP_FEED_ASSETS_KEPT = 8 // texts of assets that were read last
};
// A transfer's row is one of `note`, not of `flow`.
#define DP_FEED_REF_OF_NOTE ((uint64_t)1 << 62)

typedef struct dp_feed_holder {
	uint64_t key;
	uint16_t hop;
	bool had; // something clean, before taint came: not a fresh wallet
} dp_feed_holder;

// A stolen asset: what one of its units is of the loot.
typedef struct dp_feed_colour {
	bool is_mine;
	uint64_t asset;  // hash of its name: the same in all runs of the case
	uint64_t weight; // its share of DP_LOOT_WHOLE
	dp_u256 stolen;
} dp_feed_colour;

// One end of a transaction of coins, or of a swap.
typedef struct dp_feed_side {
	int64_t party;
	uint64_t key;
	uint16_t hop;
	uint8_t role, kind;
	dp_asset asset;
	uint64_t amount, loot, ref;
	uint32_t venue;
	bool is_fresh, to_native;
} dp_feed_side;

// Where the rows of a run had come to before a height, for going back.
typedef struct dp_feed_mark {
	uint64_t height;
	int64_t seq;  // the last row below
	dp_edge edge; // the first one of it
} dp_feed_mark;

// A note that says that a Safe was given to foreign code: the victim's, before the last theft.
typedef struct dp_feed_takeover {
	uint64_t height, ref;
	int64_t time;
	uint32_t score;
} dp_feed_takeover;

typedef struct dp_feed_row {
	int64_t seq, time, tx_index, mv_index, src, dst, colour, link, stop;
	uint64_t height;
	dp_asset asset;
	dp_u256 units, origin;
} dp_feed_row;

typedef struct dp_feed_run {
	int64_t id;
	const dp_chain *chain;
	sqlite3_stmt *rows;
	bool has_row, is_at_end;
	dp_feed_row row;
	int64_t seq;       // of the last row that was taken
	int64_t theft_seq; // of the last theft that was counted into the loot
	dp_feed_holder *holder;
	uint64_t holder_cap;
	uint32_t holder_count;
	// By link of the case files, over all of them: does it give a chain's own coin?
	bool *to_native;
	uint64_t to_native_cap;
	uint32_t link_count;
	dp_feed_colour *colour;
	uint64_t colour_cap;
	uint32_t colour_count;
	dp_feed_mark *mark;
	uint64_t mark_cap;
	uint32_t mark_count;
	uint64_t *victim; // keys of the addresses that the case file says are the victim's
	uint64_t victim_cap;
	uint32_t victim_count;
	dp_feed_takeover *takeover;
	uint64_t takeover_cap;
	uint32_t takeover_count, takeover_at;                    // those before are told
	char asset_text[DP_FEED_ASSETS_KEPT][DP_ASSET_TEXT_MAX]; // texts that were read last
	dp_asset asset_last[DP_FEED_ASSETS_KEPT];
	uint32_t asset_next;
} dp_feed_run;

// A movement from one party to another, until it is known that no more parcels of it follow.
typedef struct dp_feed_step {
	bool is_there;
	dp_feed_side src, dst;
	int64_t mv_index;
	uint8_t kind;
} dp_feed_step;

struct dp_case_feed {
	dp_casebook *cb;
	sqlite3 *db;
	dp_mine *mine;
	dp_intake *intake;
	char *incident;
	dp_feed_run run[DP_FEED_RUNS_MAX];
	uint32_t run_count;
	sqlite3_stmt *service, *passage, *evidence, *address;
	dp_feed_side *in, *out; // of the transaction that is being read
	uint64_t in_cap, out_cap;
	uint32_t in_count, out_count;
	uint8_t star_kind; // of the link that they name; 0: none
	dp_feed_step step;
	uint32_t tx; // number of the last transaction
	const dp_feed_run *tx_run;
	uint64_t tx_height;
	dp_edge edge_begun, put; // the first of this feeding, and how many since
	int64_t tx_index, tx_time, theft_time, link_kind_of; // row of `link` that link_* are of
	uint8_t link_kind;
	uint32_t link_venue;
	uint64_t link_node;
	bool has_links, lacks_prices, has_coins;
	dp_money_price price;
	// Movement and service that were looked up last.
	char row_text[3][DP_ADDR_TEXT_MAX]; // dp_case_row's
	char address_last[128];
	uint32_t venue_last;
};

// The runs of the case; of one chain alone unless `only` is NULL.
DP_MUST dp_code dp_feed_load_runs(dp_case_feed *f, const dp_chain *only, dp_fault *fault);
// What the loot is: colours, what was stolen of each, what it weighs; links of the case files.
DP_MUST dp_code dp_feed_weigh(dp_case_feed *f, dp_fault *fault);
// Notes of Safes taken over that are the victim's.
DP_MUST dp_code dp_feed_load_takeovers(dp_case_feed *f, dp_feed_run *r, dp_fault *fault);
// Holders behind the last that is known, and who held something before.
DP_MUST dp_code dp_feed_load_holders(dp_case_feed *f, dp_feed_run *r, dp_fault *fault);
DP_MUST dp_code dp_feed_load_openings(dp_case_feed *f, dp_feed_run *r, dp_fault *fault);
// The time, the asset in a column.
DP_MUST dp_code dp_feed_time_at(int64_t *ret_time, sqlite3_stmt *s, int column, dp_fault *fault);
DP_MUST dp_code dp_feed_asset_at(dp_feed_run *r, dp_asset *ret_asset, sqlite3_stmt *s, int column,
                                 dp_fault *fault);
// The share of the loot that so much of a colour is.
uint64_t dp_feed_loot_of(const dp_feed_colour *c, dp_u256 origin);
// What link a row names: its kind, who runs it; into f->link_*.
DP_MUST dp_code dp_feed_look_at_link(dp_case_feed *f, int64_t link, dp_fault *fault);
// One end of a row. kind: what a transfer to (or from) it is; DP_TR_KIND_COUNT: none at all.
DP_MUST dp_code dp_feed_look_at_side(dp_case_feed *f, dp_feed_run *r, dp_feed_side *ret_side,
                                     const dp_feed_row *w, int64_t party, bool is_dst,
                                     dp_fault *fault);

#endif

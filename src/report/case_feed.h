// A case's flow, out of its casebook, into a mine (technique/mine.h): the rows of `flow` in the
// order of their time, all chains of the case together, as transfers between addresses.
//
// The same reader serves a report on a case (all rows, once) and whoever follows (after each block,
// the rows that are new): there is one way only to turn rows into transfers.
//
//   row                         transfer
//   holder -> holder            move; or what the link says that it names
//   theft -> ...                theft, from the victim
//   ... -> service, mixer, ...  of that kind, to the address; its owner is the venue
//   inputs -> tx -> outputs     a star (transfer.h): coins, and swaps
//   ... -> crossing -> ...      bridge-out to, bridge-in from a node of the protocol
//   fee, dust                   none
//   note: a Safe was given      takeover, where the theft came from that Safe later, or the case
//     to foreign code             file says that it is the victim's
//
// Rows of one movement that differ in parcels are one transfer.
#ifndef DP_REPORT_CASE_FEED_H
#define DP_REPORT_CASE_FEED_H

#include "casebook/casebook.h"
#include "technique/mine.h"

typedef struct dp_case_feed dp_case_feed;

// Of an incident of the casebook; DP_NOT_FOUND: it holds no such one. `chain` NULL: all its chains;
// of one alone the loot is what was stolen there. `mine` must outlive it.
DP_MUST dp_code dp_case_feed_new(dp_case_feed **ret_feed, dp_casebook *cb, const char *incident,
                                 const dp_chain *chain, dp_mine *mine, dp_fault *fault);
void dp_case_feed_free(dp_case_feed *feed); // NULL is fine

// Feeds what the casebook has and was not fed yet. *ret_fed: how many transfers. DP_NOT_FOUND: a
// theft came that was not there when the feed was made, so shares of the loot are others now: begin
// anew with another mine.
DP_MUST dp_code dp_case_feed_more(dp_case_feed *feed, uint64_t *ret_fed, dp_fault *fault);
// Rows of `chain` above `height` were deleted. DP_NOT_FOUND: the mine cannot go back so far, or
// other chains' rows came in between: begin anew with another mine.
DP_MUST dp_code dp_case_feed_rollback(dp_case_feed *feed, const dp_chain *chain, uint64_t height,
                                      dp_fault *fault);

// Of the first row out of the theft, and of the last block of any chain; 0: nothing yet.
int64_t dp_case_feed_theft_time(const dp_case_feed *feed);
int64_t dp_case_feed_now(const dp_case_feed *feed);
bool dp_case_feed_has_links(const dp_case_feed *feed); // it was followed through swaps and bridges
// DP_KNOWS_* (technique/rule.h) that its transfers do not tell: prices where one of them has none,
// coins where no chain of coins was followed, calls where no takeover is in it.
uint32_t dp_case_feed_unknown(const dp_case_feed *feed);

// What dp_transfer.ref speaks of: a row of `flow`, or a note. Texts are valid until the next call.
typedef struct dp_case_row {
	const dp_chain *chain;
	const char *tx, *from, *to; // "" where there is none
	uint64_t height;
	int64_t time;
	dp_asset asset;
	dp_u256 units;
} dp_case_row;
DP_MUST dp_code dp_case_feed_row(dp_case_feed *feed, dp_case_row *ret_row, uint64_t ref,
                                 dp_fault *fault);

// "10,000 ETH"
void dp_case_row_amount(char out[128], const dp_case_row *row);

#endif

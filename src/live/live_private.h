// The inside of live.h, for the files of this room only.
//
//   live.c        the step: what is to be done now, commits, statistics
//   live_load.c   companies out of the docket and the casebook
//   live_lane.c   one company on one chain: blocks, reorganisations, rewinds
//   live_alone.c  a lane that reads by itself: begin, resume, join the feed
//   live_feed.c   one source for all that are at the tip; transactions that wait
//   live_judge.c  what became of those, and of what nobody here knows any more
//   live_shapes.c typologies that somebody wants to be told of
#ifndef DP_LIVE_LIVE_PRIVATE_H
#define DP_LIVE_LIVE_PRIVATE_H

#include "alert/watch.h"
#include "casebook/decision.h"
#include "casebook/docket.h"
#include "casebook/outbox.h"
#include "engine/exchange.h"
#include "casebook/sql.h"
#include "engine/seek.h"
#include "live/live.h"
#include "report/case_shapes.h"

enum {
	DELAY_FIRST_MS = 500,
	DELAY_MAX_MS = 30000,
	WORKING_MS = 1000,       // a source that works aside says so itself when it is ready
	STOPPED_MS = 60000,      // a chain that stands still is looked at again
	DOCKET_MS = 200,         // the docket is looked at so often
	HOLD_MS = 200,           // a transaction of the casebook is open at the longest
	CHECKPOINT_MS = 30000,   // blocks that brought nothing are kept in memory at the longest
	SLICE_MS = 40,           // of a lane that reads alone, in one step
	PATIENT_MS = 2000,       // a chain whose source says nothing for so long is not waited for
	BUSY_MAX_MS = 2000,      // what is not there yet is asked for at least so often
	HINTED_MS = 1000,        // a node that failed is asked again, when a head tells of a block
	FAILING_COUNT = 4,       // times in a row
	READING_MAX = 64,        // lanes that read alone: each has a connection and a thread
	READING_WAIT_MS = 50,    // one that has to wait for its turn looks again
	ASKS_MS = 1000,          // ... and loses its place, if it does not
	READING_TURN_MS = 30000, // a lane reads at the longest while others wait
	PENDING_MAX = 256,       // transactions that wait, in one step
	WAITING_ASK_MS = 5000,   // what became of them is asked so often
	WAITING_AGAIN_MS = 1000, // ... and when it is over with one, once more
	SAYINGS_MAX = 256,       // what a node said of so many is kept until then
	REWIND_UNDO = 4096,      // blocks that can be undone where several chains are followed
};

typedef struct company company;
typedef struct lane lane;
typedef struct feed feed;

// Where trouble has been, and when to try again.
typedef struct delay {
	int64_t until_ms; // mono; 0: now
	int64_t next_ms;  // the next delay
	int64_t since_ms; // mono: the last trouble
	uint32_t count;   // in a row
	bool is_told;
	char why[DP_FAULT_TEXT_MAX]; // as last told
} delay;

typedef enum lane_state { LANE_ALONE = 1, LANE_WITH_FEED, LANE_STOPPED } lane_state;

// One company on one chain.
struct lane {
	company *of;
	feed *feed; // of its chain, whether it is with it or not
	dp_engine *engine;
	dp_engine_options options;
	lane_state state;
	dp_source *source; // of its own; NULL: none open
	bool is_begun;     // ... and brought to where it goes on
	// Older blocks are read from a ledger: it, the source that owns it, and the way through it.
	dp_source *ledger_source;
	dp_ledger *ledger;
	dp_seek *seek;
	bool ledger_is_done;
	bool is_level;      // alone and at the end: there is no feed to join
	int64_t first_time; // of the first block followed, in this process
	bool is_past;       // began anew: what it reads is long known
	bool is_shaken;     // blocks were undone, and alerts with them are in doubt
	bool is_absent;     // the node knows no block with the theft (yet)
	bool has_facts, facts_changed;
	dp_run_facts facts;
	int64_t works_until_ms; // its source works aside; looked at again then at the latest
	int64_t works_since_ms; // since when it has; 0: it does not
	int64_t waits_since_ms; // for its turn to read; 0: it does not
	int64_t asked_ms;       // when it last wanted to, and in which step
	uint64_t asked_step;
	int64_t reads_since_ms; // since when it has its turn
	delay delay;
	dp_case_shapes **shapes; // by case; NULL: not wanted, or not yet
};

// Cases that are followed together.
struct company {
	dp_live *live;
	int64_t group;
	dp_case **cases;
	bool *stopped; // by case: no alerts
	uint32_t count;
	const dp_policy *policy;
	bool no_links;
	int64_t decisions_seen;
	dp_exchange *exchange;
	dp_casebook *book;
	dp_decisions decisions;
	lane lane[DP_LIVE_CHAINS_MAX]; // by number of the feed
	uint8_t (*seed_tx)[32];
	bool has_rows;  // in the open transaction
	bool is_dirty;  // is further than the casebook
	bool is_broken; // cannot be followed; said so once
};

// What a node said of a transaction, until it has said so again.
struct word {
	bool is_there;
	uint8_t tx[32];
	dp_waiting state;
	uint64_t looks, reorgs; // of the feed, then
};

struct feed {
	const dp_chain *chain;
	uint32_t no;
	dp_source *source; // NULL: nobody is at the tip
	uint64_t height;   // of the last block given to all
	uint8_t hash[32];
	int64_t time;
	bool is_at_end;     // the last look found nothing new
	bool is_working;    // its source is looking (aside.h)
	bool pending_works; // for transactions that wait
	bool hinted, heads_bring_all;
	int64_t look_ms;    // mono: look again
	int64_t pending_ms; // mono: look for transactions that wait again
	int64_t asked_ms;   // mono: when it was last asked what became of those
	uint64_t looks;     // that found the end
	struct word word[SAYINGS_MAX];
	uint32_t word_next;
	bool has_doubt;   // of watched addresses
	int64_t judge_ms; // mono: not before
	delay delay;
	dp_live_chain_stats stats;
};

struct dp_live {
	dp_live_options options;
	dp_casebook *book; // the first of the file; no company's own
	dp_watch *watch;
	feed feed[DP_LIVE_CHAINS_MAX];
	company **company;
	uint32_t company_count;
	uint64_t company_cap;
	bool is_loaded;
	bool book_failed;      // a write failed: throw away and load
	bool book_was_changed; // by somebody else
	delay delay;           // of the casebook
	int64_t docket_version;
	int64_t docket_ms; // mono: look again
	int64_t write_ms;  // mono: since when a transaction is open
	int64_t keep_ms;   // mono: of the last checkpoint
	uint32_t raised;   // alerts in the open transaction
	uint32_t reading;  // lanes that have something of their own open, as of this step
	uint32_t queued;   // lanes that wait for their turn to
	int64_t turn_ms;   // mono: who has waited since then or longer may
	uint64_t steps;
	uint64_t worked;                                // counts up with everything that was done
	dp_source *asking;                              // whom contracts are asked of just now
	const dp_typology *typology[DP_TYPOLOGIES_MAX]; // that any rule names
	uint32_t typology_count;
	dp_watch_shape *shape; // of the block that is looked at
	uint64_t shape_cap;
	uint32_t shape_count;
	dp_live_stats stats;
};

//- live.c

int64_t dp_live_mono(const dp_live *l);
int64_t dp_live_wall(const dp_live *l);
void dp_live_say(dp_live *l, dp_live_word word);
// Counts a fault by what one does next, and says it when it is another one than before.
void dp_live_trouble(dp_live *l, delay *d, dp_live_word word, const dp_fault *fault);
bool dp_live_delayed(const dp_live *l, const delay *d);
void dp_live_fine(delay *d);
// Marks a failure of the casebook, and passes the code on.
dp_code dp_live_book(dp_live *l, dp_code code);
// Begins a transaction unless there is one, and notes when.
DP_MUST dp_code dp_live_write(dp_live *l, dp_fault *fault);
DP_MUST dp_code dp_live_keep(dp_live *l, bool is_checkpoint, dp_fault *fault);

//- live_load.c

DP_MUST dp_code dp_live_sync(dp_live *l, dp_fault *fault);
void dp_live_drop_all(dp_live *l);

//- live_shapes.c

// After a block was recorded: what it completed is in l->shape.
DP_MUST dp_code dp_lane_shapes(lane *n, const dp_block *block, dp_fault *fault);
void dp_lane_shapes_undone(lane *n); // after blocks were taken back
void dp_lane_shapes_done(lane *n);

//- live_lane.c

// A block of this lane's source, or of the feed. DP_BAD_BYTES: it does not stand on the last one.
DP_MUST dp_code dp_lane_take(lane *n, const dp_block *block, dp_source *from, dp_fault *fault);
// What seek has applied or passed over out of a ledger.
DP_MUST dp_code dp_lane_sought(lane *n, const dp_block *block, dp_fault *fault);
// Undoes what is above `height` (`to_nothing`: all), tells the casebook and the outbox.
DP_MUST dp_code dp_lane_undo(lane *n, uint64_t height, bool to_nothing, bool is_rewind,
                             dp_fault *fault);
// As the exchange wishes, until it has no wish left.
DP_MUST dp_code dp_company_rewind(company *c, dp_fault *fault);
// What is still in doubt does not hold: the lane is at the tip, or (`only_gone`) what is not there
// any more is not there any more.
DP_MUST dp_code dp_lane_settle(lane *n, bool only_gone, dp_fault *fault);
void dp_lane_close(lane *n); // what it reads from
void dp_lane_alone(lane *n); // it reads by itself from here on

//- live_alone.c

DP_MUST dp_code dp_company_step(company *c, dp_fault *fault);
// It is known when the theft was: chains on which nothing was stolen can begin, too.
void dp_company_began(company *c);

//- live_feed.c

DP_MUST dp_code dp_feed_step(dp_live *l, feed *f, dp_fault *fault);
DP_MUST dp_code dp_feed_pending(dp_live *l, feed *f, dp_fault *fault);
void dp_feed_close(feed *f);

//- live_judge.c

DP_MUST dp_code dp_feed_withdraw_gone(dp_live *l, feed *f, dp_fault *fault);
DP_MUST dp_code dp_feed_judge(dp_live *l, feed *f, dp_fault *fault);
// Whoever knew the blocks that watched addresses were told of may not be there any more.
DP_MUST dp_code dp_watched_doubt(dp_live *l, dp_fault *fault);

#endif

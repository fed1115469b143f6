// Alerts and what is still to be told of them: tables of the casebook, written in the transaction
// of the block that caused them (I-4). Nothing is sent from here; src/alert/courier.h does that.
//
//   alert     what somebody asked to be told: one row for each, for ever. `id` is made of what
//             happened and nothing else (dp_alert_id), so that the same find in a block that was
//             applied again, after a crash or on another branch, is the same alert
//   history   every state an alert was in: revision, state, when, why, and its facts as they were.
//             What is told is always a revision
//   message   what a sink is to be told, once: one or several revisions. Kept for ever, too
//   telling   which revisions a message tells, in order
//
// Messages are `waiting`, then `begun` (the courier has opened it: it takes nothing in any more),
// then `sent` or `dead`. What may be told together has one sink, rule, incident and group: its key.
// An alert keeps the group of its first revision, so all that one sink hears of one alert has
// one key, and messages of one key are due in the order in which they were made.
//
//   grouping   the newest message of the key takes a revision in while it is waiting, due in the
//              future and not full. Otherwise a new one is made, due in `group_ms`
//   throttle   a new message is due no earlier than `burst_ms` after the burst-th last of its key
//              was: so never more than `burst` of a key go out within `burst_ms`, and nothing is
//              held longer than that. (Counted by when they are due, not by when they were made:
//              one that was held would leave the window before it was sent.) What does not fit
//              into a full message goes into another one beside it, at the same time
//   clocks     a message that was made later than now shows that the clock was set back. How long
//              it and those before it have waited cannot be known: all of them are due, and none
//              of them counts for the throttle. A clock set forward only makes things due
//
// Corrections go to the sinks that have a message of a former revision, however far that got: a
// dead one may have been taken, and only the answer was lost. A former revision that has not been
// sent yet still goes out, in the same message or in one before: a sink's account of an alert has
// no gaps in its revisions, so that a receiver can tell a revision that is lost from one that was
// never meant for it, and who asks later why nothing was frozen finds that it was pending.
//
// States. PENDING: seen in a transaction that waits for a block. CONFIRMED: in a block of the chain
// as it is followed. WITHDRAWN: what was told does not hold (replaced, dropped, reorganised away,
// computed anew); it may hold again later. A change of state, or of what the facts say, is a new
// revision. Revisions rise by one from 1; receivers drop what they have by (id, revision).
//
// A reorganisation only shakes alerts first: those that the new branch brings again are left as
// they are, the others are withdrawn when the chain has been followed to its tip again.
//
// All times here are milliseconds of the wall clock since 1970 and given by the caller; `time` of
// an alert is the block's, in seconds. The caller has a write transaction open wherever rows
// change.
#ifndef DP_CASEBOOK_OUTBOX_H
#define DP_CASEBOOK_OUTBOX_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"

#define DP_OUTBOX_SCHEMA                                                                           \
	"create table alert(id text primary key, incident text not null, rule text not null,"      \
	" kind text not null, severity text not null, state text not null, revision integer not"   \
	" null, chain text not null, height integer, time integer not null, tx text, subject text" \
	" not null, grp text not null, digest blob not null, facts text not null, raised integer"  \
	" not null, shaken integer not null default 0, acked integer, acked_by text,"              \
	" group_ms integer not null, burst integer not null, burst_ms integer not null) without"   \
	" rowid;"                                                                                  \
	"create index alert_place on alert(chain, height);"                                        \
	"create index alert_tx on alert(tx);"                                                      \
	"create index alert_raised on alert(raised);"                                              \
	"create index alert_shaken on alert(shaken) where shaken>0;"                               \
	"create index alert_state on alert(state);"                                                \
	"create table history(id text not null, revision integer not null, state text not null,"   \
	" at integer not null, why text not null, height integer, facts text not null,"            \
	" primary key(id, revision)) without rowid;"                                               \
	"create table message(seq integer primary key autoincrement, sink text not null,"          \
	" rule text not null, grp text not null, state text not null, made integer not null,"      \
	" due integer not null, tries integer not null default 0, first_try integer,"              \
	" tried integer, next_try integer, done integer, error text,"                              \
	" count integer not null default 0);"                                                      \
	"create index message_state on message(state);"                                            \
	"create index message_waiting on message(sink) where done is null;"                        \
	"create index message_made on message(sink, made) where done is null;"                     \
	"create index message_group on message(sink, rule, grp);"                                  \
	"create table telling(message integer not null, place integer not null, id text not null," \
	" revision integer not null, primary key(message, place)) without rowid;"                  \
	"create index telling_alert on telling(id);"

enum {
	DP_ALERT_ID_MAX = 34,    // 32 hex digits and the terminator, rounded
	DP_ALERT_SINKS_MAX = 32, // of one rule
	DP_SINK_NAME_MAX = 64,   // bytes of a sink's name with its terminator
	// Revisions in a message; more begin another one. As many as a message shows
	// (alert/body.h), so that no revision is told as a mere number.
	DP_MESSAGE_ALERTS_MAX = 100,
};

typedef enum dp_alert_state {
	DP_ALERT_PENDING = 1,
	DP_ALERT_CONFIRMED,
	DP_ALERT_WITHDRAWN
} dp_alert_state;
const char *dp_alert_state_name(dp_alert_state state); // "pending", "confirmed", "withdrawn"

typedef struct dp_alert {
	char id[DP_ALERT_ID_MAX];
	const char *incident; // "" for a watched address of no case
	const char *rule, *kind, *severity;
	dp_alert_state state;
	uint32_t revision; // read only: as stored
	const char *chain; // CAIP-2
	bool has_height;   // not while pending
	uint64_t height;
	int64_t time;
	const char *tx;      // as people write it; NULL or "": none
	const char *subject; // who it is about: an address, an outpoint, a service
	const char *group;   // what may be told together: incident, rule and this are equal. Stored
	                     // with the first revision, and kept
	const char *facts;   // a JSON object, on one line: what a message shows
	const char
	    *essence; // what makes another revision when it changes (amounts, assets, parties)
} dp_alert;

// 32 hex digits of SHA-256 over the parts, each with its length: incident, rule, kind, chain, tx,
// subject and asset. `asset` may be "".
void dp_alert_id(char ret_id[DP_ALERT_ID_MAX], const dp_alert *a, const char *asset);

// How a rule wants its alerts told.
typedef struct dp_alert_route {
	const char *sink[DP_ALERT_SINKS_MAX];
	uint32_t sink_count;
	int64_t group_ms; // alerts within so long of the first are told in one message; 0 = each
	uint32_t burst;   // throttle: at most so many messages of one key (0: any number) ...
	int64_t burst_ms; // ... within so long; further alerts are told together when it is over
} dp_alert_route;

// Keeps the statements of raising compiled on this connection, which makes it three times as fast;
// everything works without, too. dp_outbox_release before sqlite3_close (NULL is fine).
DP_MUST dp_code dp_outbox_prepare(sqlite3 *db, dp_fault *fault);
void dp_outbox_release(sqlite3 *db);

// Raises an alert that holds now: a new one, one that was pending or withdrawn, or one that is
// known: then nothing happens unless it is shaken, and if so, it is not any more, and its height,
// time, transaction and facts are those of now. *ret_told: is there a new revision?
// An alert that is confirmed is not made pending again: then nothing is changed at all, and if it
// is shaken, it stays so. Sinks are the route's; how it is grouped is kept for corrections.
DP_MUST dp_code dp_outbox_raise(sqlite3 *db, bool *ret_told, const dp_alert *a,
                                const dp_alert_route *route, int64_t now_ms, dp_fault *fault);

// Blocks of `chain` above `height` were taken back: the confirmed alerts of these cases (those of
// casebook run `run`; 0: watched addresses of no case) from there are in doubt.
// `height` -1: all of the chain.
DP_MUST dp_code dp_outbox_shake(sqlite3 *db, int64_t run, const char *chain, int64_t height,
                                dp_fault *fault);
// What is told of this case stays as it is, whatever was shaken: it is followed no more.
DP_MUST dp_code dp_outbox_spare(sqlite3 *db, const char *incident, dp_fault *fault);
// A case is computed anew on every chain.
DP_MUST dp_code dp_outbox_shake_case(sqlite3 *db, const char *incident, dp_fault *fault);
// Alerts of watched addresses are nobody's case: somebody else may have followed their blocks than
// whoever follows the chain now. Those of the newest `blocks` blocks of `chain` are to be compared
// with the chain.
DP_MUST dp_code dp_outbox_doubt(sqlite3 *db, const char *chain, uint64_t blocks, dp_fault *fault);
// One of them that is shaken or to be compared.
typedef struct dp_outbox_doubtful {
	char id[DP_ALERT_ID_MAX];
	bool is_gone; // its block was taken back; else that is what has to be found out
	uint64_t height;
	const char *tx, *facts; // valid during the call
} dp_outbox_doubtful;
DP_MUST dp_code dp_outbox_doubtful_visit(sqlite3 *db, const char *chain, uint32_t max,
                                         dp_code (*visit)(void *context,
                                                          const dp_outbox_doubtful *d,
                                                          dp_fault *fault),
                                         void *context, dp_fault *fault);
// It holds: it is in doubt no more. `is_gone`: its block does not stand, so that it is shaken.
DP_MUST dp_code dp_outbox_judged(sqlite3 *db, const char *id, bool is_gone, dp_fault *fault);
// The chain has been followed to its tip again: what is still shaken of the cases of `run` (0: as
// above) on `chain` is withdrawn, with `why` ("reorganised away"), told to the sinks that were told
// before. *ret_count: how many.
// `only_gone`: not what is only computed anew (dp_outbox_shake_case), for it may still be found.
DP_MUST dp_code dp_outbox_settle(sqlite3 *db, uint32_t *ret_count, int64_t run, const char *chain,
                                 bool only_gone, const char *why, int64_t now_ms, dp_fault *fault);
// The same of what is pending, of the cases that are followed: nothing is left that could move.
DP_MUST dp_code dp_outbox_settle_pending(sqlite3 *db, uint32_t *ret_count, int64_t run,
                                         const char *chain, const char *why, int64_t now_ms,
                                         dp_fault *fault);
// One alert does not hold ("replaced by 0x...", "dropped from the mempool"). DP_OK also when it is
// withdrawn already; DP_NOT_FOUND when there is no such alert.
DP_MUST dp_code dp_outbox_withdraw(sqlite3 *db, const char *id, const char *why, int64_t now_ms,
                                   dp_fault *fault);

//- for people ------------------------------------------------------------------------------------

typedef struct dp_alert_row {
	dp_alert alert;
	int64_t raised_ms, acked_ms; // acked_ms 0: nobody did
	const char *acked_by;
	uint32_t waiting, sent, dead; // messages that tell of it
} dp_alert_row;

typedef struct dp_alert_filter {
	const char *incident, *rule, *kind, *state, *chain; // NULL: any
	bool not_acked;
	int64_t since_ms; // raised at or after; 0: any
	uint32_t limit;   // the newest so many; 0 = all
} dp_alert_filter;

// Newest first. Texts are valid during the call of `visit`.
DP_MUST dp_code dp_outbox_visit(sqlite3 *db, const dp_alert_filter *filter,
                                dp_code (*visit)(void *context, const dp_alert_row *row,
                                                 dp_fault *fault),
                                void *context, dp_fault *fault);

typedef struct dp_alert_revision {
	uint32_t revision;
	const char *state, *why, *facts;
	int64_t at_ms;
} dp_alert_revision;
typedef struct dp_alert_message {
	int64_t seq;
	const char *sink, *state, *error;
	uint32_t revision, tries;
	int64_t made_ms, due_ms, done_ms;
} dp_alert_message;
// Everything of one alert; its id may be shortened to 6 digits or more where that names one.
// DP_NOT_FOUND, or DP_BAD_CASE where it names several.
DP_MUST dp_code dp_outbox_find(sqlite3 *db, char ret_id[DP_ALERT_ID_MAX], const char *id,
                               dp_fault *fault);
DP_MUST dp_code
dp_outbox_history(sqlite3 *db, const char *id,
                  dp_code (*revision)(void *context, const dp_alert_revision *r, dp_fault *fault),
                  dp_code (*message)(void *context, const dp_alert_message *m, dp_fault *fault),
                  void *context, dp_fault *fault);
// Tells the newest revision once more, to `sink` or (NULL) to all that were told; dead messages of
// it are not revived, a new one is made.
DP_MUST dp_code dp_outbox_resend(sqlite3 *db, uint32_t *ret_messages, const char *id,
                                 const char *sink, int64_t now_ms, dp_fault *fault);
DP_MUST dp_code dp_outbox_ack(sqlite3 *db, const char *id, const char *who, int64_t now_ms,
                              dp_fault *fault);

//- for the courier -------------------------------------------------------------------------------

typedef struct dp_outbox_due {
	int64_t seq;
	uint32_t tries;
	int64_t made_ms, first_try_ms; // 0: not tried yet
	char sink[DP_SINK_NAME_MAX];
} dp_outbox_due;
// The oldest message of `sink` that is due now and was not tried in vain until later; DP_END: none.
// *ret_wait_ms: then, how long until the next one may be (at most a minute). A time far in the
// future (the clock was set back) counts as due.
DP_MUST dp_code dp_outbox_next(sqlite3 *db, dp_outbox_due *ret_due, int64_t *ret_wait_ms,
                               const char *sink, int64_t now_ms, dp_fault *fault);
// The revisions of a message, in order of raising: facts, state, why. Also closes it: nothing is
// added to a message that was begun to be sent. State, revision, height and facts of row->alert are
// those of the revision, not of the newest one. A message that was closed already is only read.
DP_MUST dp_code dp_outbox_open(sqlite3 *db, int64_t seq,
                               dp_code (*visit)(void *context, const dp_alert_row *row,
                                                const dp_alert_revision *revision, dp_fault *fault),
                               void *context, dp_fault *fault);
typedef enum dp_outbox_outcome {
	DP_OUTBOX_SENT,
	DP_OUTBOX_FAILED,
	DP_OUTBOX_DEAD
} dp_outbox_outcome;
// What became of it. FAILED: tried again at `next_ms`. The caller has a transaction open. What is
// sent or dead stays so.
DP_MUST dp_code dp_outbox_done(sqlite3 *db, int64_t seq, dp_outbox_outcome outcome,
                               const char *error, int64_t next_ms, int64_t now_ms, dp_fault *fault);
typedef struct dp_outbox_counts {
	uint64_t waiting, sent, dead, alerts, pending, withdrawn;
	int64_t oldest_ms; // of those that wait; 0: none
} dp_outbox_counts;
DP_MUST dp_code dp_outbox_count(sqlite3 *db, dp_outbox_counts *ret_counts, dp_fault *fault);

#endif

// Links that nothing proves, as a casebook keeps them: candidates found by amount and time
// (`dyepack link find`), and what people decided about them (`dyepack link accept`, `reject`), with
// their words and the time. A candidate taints nothing; a decision does, from the next trace on.
//
// Both are kept by incident, not by run: they outlive a run that is begun anew. Decisions are never
// changed or taken out, only followed by others: the last one of a link counts, and the file shows
// who thought what when.
//
// A link stands for what one movement brought to a service, and what one movement of the service
// paid out. Its id is made of both sides' transactions, addresses, assets and amounts and nothing
// else, so that the same find in another casebook, or years later, has the same id.
#ifndef DP_CASEBOOK_DECISION_H
#define DP_CASEBOOK_DECISION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "engine/case.h"

#define DP_DECISION_SCHEMA                                                                         \
	"create table candidate(incident text not null, id text not null, found integer not null," \
	" rank integer not null, count integer not null, verdict text not null, reason text"       \
	" not null, confidence integer not null, alternatives integer not null, rivals integer"    \
	" not null, relation text not null, gap_bps integer, delay integer, model text not null,"  \
	" service text not null, chain text not null, tx text not null, height integer not null,"  \
	" time integer not null, payer text not null, place text not null, asset text not null,"   \
	" amount text not null, to_chain text, to_tx text, to_height integer, to_time integer,"    \
	" to_place text, to_address text, to_asset text, to_amount text,"                          \
	" primary key(incident, id)) without rowid;"                                               \
	"create table decision(seq integer primary key, incident text not null, id text not null," \
	" verdict text not null, words text not null, time integer not null);"                     \
	"create index decision_link on decision(incident, id);"

enum { DP_LINK_ID_MAX = 20, DP_DECISIONS_MAX = 1 << 16, DP_DECISION_WORDS_MAX = 2000 };

// One side of a link. Account chains: `from` paid `to` (a UTXO transaction has several payers: kind
// NONE). Of the way in `to` is the service's place, of the way out `from` is.
typedef struct dp_link_side {
	const dp_chain *chain; // NULL: there is no such side
	uint8_t tx[32];
	uint64_t height;
	int64_t time;
	dp_addr from, to;
	dp_asset asset;
	dp_u256 amount; // all that the movement brought, clean units too
} dp_link_side;

typedef struct dp_candidate {
	char id[DP_LINK_ID_MAX];
	dp_link_side in, out;  // out.chain NULL: nothing was found for `in`
	uint32_t rank;         // from 1; 0: nothing was found
	uint32_t count;        // candidates of this deposit that were ranked
	uint32_t alternatives; // other payments in the window and in the band
	uint32_t rivals;       // other deposits that would explain this payment
	uint8_t confidence;    // 0..100
	bool has_gap;
	uint64_t gap_bps;
	int64_t delay;
	const char *verdict;  // "best", "ranked", "refused", "none"
	const char *relation; // "exact", "converted", "unknown", or ""
	const char *model, *service, *reason;
} dp_candidate;

// "L" and 14 hex digits of Keccak-256 over both sides; of one side where there is no other.
void dp_candidate_id(char ret_id[DP_LINK_ID_MAX], const dp_link_side *in, const dp_link_side *out);

// Replaces what an earlier search found for the same deposit, except what somebody decided about.
// The caller has a transaction open.
DP_MUST dp_code dp_candidates_forget(sqlite3 *db, const char *incident, const dp_link_side *in,
                                     dp_fault *fault);
DP_MUST dp_code dp_candidate_store(sqlite3 *db, const char *incident, const dp_candidate *c,
                                   int64_t found, dp_fault *fault);

// All candidates of a case in order of deposit and rank, each with the last decision about it.
// Texts are valid during the call.
typedef struct dp_decided {
	bool is_decided, is_accepted;
	const char *words; // "" when nothing was decided
	int64_t time;
} dp_decided;
DP_MUST dp_code dp_candidates_visit(sqlite3 *db, const char *incident,
                                    dp_code (*visit)(void *context, const dp_candidate *c,
                                                     const dp_decided *decided, dp_fault *fault),
                                    void *context, dp_fault *fault);
// Every decision of a case, oldest first: what was thought, and when.
DP_MUST dp_code dp_decisions_visit(sqlite3 *db, const char *incident,
                                   dp_code (*visit)(void *context, const char *id, bool is_accepted,
                                                    const char *words, int64_t time,
                                                    dp_fault *fault),
                                   void *context, dp_fault *fault);
// One candidate and its last decision; DP_NOT_FOUND says which ids there are to choose from. Texts
// of the candidate are in `io_arena`.
DP_MUST dp_code dp_candidate_find(sqlite3 *db, dp_candidate *ret_candidate, dp_decided *ret_decided,
                                  dp_arena *io_arena, const char *incident, const char *id,
                                  dp_fault *fault);

// Writes down what somebody decided. DP_BAD_CASE: another link of the same deposit, or of the same
// payment, is accepted already (one payment is not two people's), or it says what is decided.
DP_MUST dp_code dp_decision_store(sqlite3 *db, const char *incident, const char *id,
                                  bool is_accepted, const char *words, int64_t time,
                                  dp_fault *fault);

// The accepted links of a case as the engine wants them (dp_engine_options.decision), in the order
// in which they were accepted. Zero-initialise; loading adds to what is there, so that the cases of
// a company are loaded one after the other, in the order of their files.
typedef struct dp_decisions {
	dp_link_claim *claim;
	uint32_t count;
	uint64_t cap;
	dp_arena arena; // owns their texts and transactions
} dp_decisions;
DP_MUST dp_code dp_decisions_load(dp_decisions *io_decisions, sqlite3 *db, const char *incident,
                                  dp_fault *fault);
void dp_decisions_done(dp_decisions *d); // NULL is fine

#endif

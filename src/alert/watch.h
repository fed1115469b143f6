// The watch: which events of a block somebody asked to be told of.
//
// Looks at what the engine says of the block just applied (or supposed, for transactions that
// wait), adds up what belongs together (one transaction, one case, one receiver, one asset), and
// raises an alert for each rule that wants it. What an alert is about, and so its id, hangs on the
// transaction and nothing that a reorganisation changes.
#ifndef DP_ALERT_WATCH_H
#define DP_ALERT_WATCH_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "alert/advice.h"
#include "alert/rules.h"
#include "base/fault.h"
#include "engine/engine.h"
#include "tag/index.h"

typedef struct dp_watch dp_watch;

typedef struct dp_watch_options {
	const dp_alert_rules *rules;
	const dp_tags *tags;     // may be NULL
	const dp_advice *advice; // may be NULL
	void *context;
	// As in struct dp_source; for whether an issuer has frozen an address. May be NULL.
	dp_code (*ask_contract)(void *context, bool *ret_known, uint8_t ret_word[32],
	                        const dp_chain *chain, const uint8_t to[20], const uint8_t *data,
	                        size_t size, dp_fault *fault);
	// A new revision of an alert, for logs; `line` is for people.
	void (*told)(void *context, const dp_alert *alert, const char *line);
} dp_watch_options;

DP_MUST dp_code dp_watch_new(dp_watch **ret_watch, const dp_watch_options *options,
                             dp_fault *fault);
void dp_watch_free(dp_watch *w);                      // NULL is fine
void dp_watch_tags(dp_watch *w, const dp_tags *tags); // other ones from here on

typedef struct dp_watch_view {
	const dp_engine *engine; // its last block is `block`, or it supposes it
	const dp_block *block;
	sqlite3 *db; // of the casebook, in a write transaction
	int64_t run; // of the engine
	bool is_pending;
	bool wants_watched;      // also movements of watched addresses that no case touches
	bool only_known_watched; // ... where an alert of them is there already: blocks long known
	bool (*is_muted)(void *context, const char *incident); // stopped cases; may be NULL
	void *context;
	int64_t now_ms;
} dp_watch_view;

// Is a watched address in the block? Without it, and without events, there is nothing to look at.
bool dp_watch_touches(const dp_watch *w, const dp_block *block);
// *io_raised is counted up with every new revision. Statements on `db` are kept until another one
// comes, or the watch is freed: do that before the casebook is closed.
DP_MUST dp_code dp_watch_block(dp_watch *w, uint32_t *io_raised, const dp_watch_view *view,
                               dp_fault *fault);

#endif

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
#include "technique/typology.h"

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

// A typology that a transfer of the block completed (technique/mine.h), found by who looks for
// them.
typedef struct dp_watch_shape {
	const char *typology; // its name
	uint32_t case_index;  // dp_engine_case
	uint32_t tx, mv;      // index in the block; mv may be DP_NO_INDEX
	dp_asset asset;
	dp_u256 units;   // of that transfer
	dp_addr address; // whose shape it is
} dp_watch_shape;

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
	const dp_watch_shape *shape;
	uint32_t shape_count;
} dp_watch_view;

// Which typologies any rule names, with their defaults, each once: to be looked for. Of rules that
// name no kinds of findings they are not told: they cost, and are many.
uint32_t dp_watch_typologies(const dp_alert_rules *rules,
                             const dp_typology *ret_typology[DP_TYPOLOGIES_MAX]);

// Is a watched address in the block? Without it, and without events, there is nothing to look at.
bool dp_watch_touches(const dp_watch *w, const dp_block *block);
// *io_raised is counted up with every new revision. Statements on `db` are kept until another one
// comes, or the watch is freed: do that before the casebook is closed.
DP_MUST dp_code dp_watch_block(dp_watch *w, uint32_t *io_raised, const dp_watch_view *view,
                               dp_fault *fault);

#endif

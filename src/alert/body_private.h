// What the files of message bodies share: the revisions of one message, copied out of the casebook
// and bounded, and the text for people that is made of them. Nobody else includes this.
#ifndef DP_ALERT_BODY_PRIVATE_H
#define DP_ALERT_BODY_PRIVATE_H

#include <stdbool.h>

#include "alert/body.h"
#include "base/mem.h"
#include "codec/json.h"

enum {
	DP_BODY_FACTS_MAX = 64 << 10, // bytes of the facts of one alert; longer ones are left out
	DP_BODY_FIELD_MAX = 1024,     // bytes of any other text of an alert
	DP_BODY_JSON_MAX = 1 << 20,   // bytes of JSON after which no further alert is begun
	DP_BODY_FACTS_DEPTH_MAX = 16, // of what stands in facts; deeper is null
};

// One revision. All texts are in the message's arena and never NULL.
typedef struct dp_body_item {
	const char *id, *incident, *rule, *kind, *severity, *state, *why, *chain, *tx, *subject;
	const char *facts; // "" where there are too many
	uint64_t facts_size;
	uint32_t revision;
	bool has_height;
	uint64_t height;
	int64_t time;
	// What was told before; "" and 0 for the first revision.
	const char *was_state, *was_facts;
	int64_t was_at_ms;
} dp_body_item;

typedef struct dp_body_message {
	int64_t seq;
	dp_body_item item[DP_BODY_ALERTS_MAX];
	uint32_t count;
	uint64_t more; // revisions beyond those
	dp_arena arena;
} dp_body_message;

// Text that grows up to a maximum and then stops at the end of a character.
typedef struct dp_body_text {
	char *out; // terminated
	size_t size, max;
	bool is_full; // something did not fit
	bool is_slack, is_chat;
} dp_body_text;

// Writes the text of the whole message, at most `t->max` bytes.
DP_MUST dp_code dp_body_people(dp_body_text *t, const dp_body_message *m, dp_fault *fault);
// "high arrival: 12.5 ETH of x at Binance (+3 more)".
DP_MUST dp_code dp_body_headline(dp_body_text *t, const dp_body_message *m, dp_fault *fault);

#endif

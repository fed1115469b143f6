// What a message looks like: one JSON object for machines, a few lines of text for people, and the
// bodies that Slack's and Telegram's webhooks take. Made of the revisions of one message.
//
// JSON: {"message": 12, "alerts": [{"id", "revision", "state", "why", "incident", "rule", "kind",
// "severity", "chain", "height", "time", "tx", "subject", "facts": {...}}, ...], "more": 0}
// Amounts in facts are strings of base units. `more`: revisions beyond the first 100, which
// `dyepack alerts list` shows.
//
// Text: a headline ("ARRIVAL  12.5 ETH of bybit-2025-02 at Binance (exchange)"), then who, where,
// which transaction, what to do. Addresses, labels and symbols are other people's text: control
// characters are replaced, Slack's and Telegram's marks are escaped, lengths are bounded.
#ifndef DP_ALERT_BODY_H
#define DP_ALERT_BODY_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "casebook/outbox.h"

enum { DP_BODY_ALERTS_MAX = 100, DP_BODY_TEXT_MAX = 3500 };

typedef enum dp_body_form {
	DP_BODY_JSON = 1,
	DP_BODY_TEXT,
	DP_BODY_SLACK,   // {"text": ...}
	DP_BODY_TELEGRAM // {"chat_id": ..., "text": ..., "disable_web_page_preview": true}
} dp_body_form;

// *ret_text: dp_free. `chat` for Telegram, else NULL. Closes the message, see
// dp_outbox_open: in a write transaction, unless it was closed before.
DP_MUST dp_code dp_body_make(char **ret_text, size_t *ret_size, sqlite3 *db, int64_t message,
                             dp_body_form form, const char *chat, dp_fault *fault);
// One line for a subject, a log, a terminal: "high arrival: 12.5 ETH of x at Binance (+3 more)".
enum { DP_BODY_LINE_MAX = 200 };
DP_MUST dp_code dp_body_line(char ret_line[DP_BODY_LINE_MAX], sqlite3 *db, int64_t message,
                             dp_fault *fault);

// What `facts` of an alert hold, by kind (all optional but amount and asset; strings): amount (base
// units), shown ("12.5 ETH", for people), asset (CAIP-19), symbol, origin (base units of what was
// stolen), stolen (CAIP-19), origin_shown, from, to, address, holder (the coin, "txid:vout", of a
// receiver that is one) and hop (number: transactions from the theft; of a receiver that is new),
// block (hash of the one it is in), service: {label, actor, category, source, confidence}, link:
// {kind, protocol, key, to_chain (or from_chain, where it comes out here), to_address, confidence},
// dormant_s, finding, direction (of a watched address: "in" or "out"), frozen (true or false, where
// the chain says whether the issuer has stopped it), todo: ["..."] (lines for people: whom to call,
// what they need, how long there is).

#endif

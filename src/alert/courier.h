// The courier: takes messages out of the outbox and brings them to their sinks, in a thread of its
// own with a connection of its own to the casebook, so that a slow sink holds up neither the
// following of blocks nor another sink.
//
// At least once: a message is marked as sent only after the sink took it; when the program dies in
// between it is brought again, with the same id and revision. Each sink has one message in flight
// and its own delays: after a failure 1 s, doubling to 10 minutes, with some chance in it; given up
// (`dead`) when `give_up_ms` have passed since the first try. Messages of one sink go out in order,
// but for those that wait for another try.
//
// Webhook: POST, application/json, the body of alert/body.h, and the headers
//   X-Dyepack-Message    number of the message; the same for every try
//   X-Dyepack-Timestamp  unix seconds of this try
//   X-Dyepack-Signature  "v1=" and hex HMAC-SHA-256, with the sink's secret, of the timestamp's
//                        digits, a full stop and the body; absent without a secret
// Any answer of 200 to 299 is taken. Redirects are not followed: they are failures, named as such.
// 410 (Gone) gives up at once. The answer's body is read up to 64 KiB and thrown away. Certificates
// are checked; no proxy from the environment. Secrets are in no message, error or log.
//
// Command and sendmail: started without a shell; the body on standard input, DYEPACK_ALERT_* in its
// environment (id, incident, rule, kind, severity, state) and nothing else of ours but PATH; killed
// with its group when its time is over; exit status 0 is taken. File: one line of JSON each,
// appended with one write and synced; opened anew each time, so that it may be rotated.
#ifndef DP_ALERT_COURIER_H
#define DP_ALERT_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/rules.h"
#include "base/fault.h"

typedef struct dp_courier dp_courier;

typedef struct dp_courier_options {
	const char *casebook;             // path
	const dp_alert_rules *rules;      // must outlive the courier
	const char *search_path;          // PATH of commands; NULL: the system's folders
	int64_t (*now_ms)(void *context); // wall clock; NULL: the system's
	void *context;
	// Called in the courier's thread, one line without secrets: "desk: HTTP 500: trying again
	// in 4 s"; `sink` is the name that it begins with. May be NULL.
	void (*notice)(void *context, const char *sink, const char *text);
} dp_courier_options;

typedef struct dp_courier_stats {
	uint64_t sent, failed, dead; // tries
	uint64_t latency_ms_max,
	    latency_ms_last; // from raising to taken, of messages without group
} dp_courier_stats;

DP_MUST dp_code dp_courier_start(dp_courier **ret_courier, const dp_courier_options *options,
                                 dp_fault *fault);
// There is something new in the outbox: look at once (else it looks every second).
void dp_courier_wake(dp_courier *c);
// Stops within a second: a try in flight is broken off (and made again next time), children are
// killed. NULL is fine.
void dp_courier_stop(dp_courier *c);
// Waits until nothing is due any more or `timeout_ms` have passed; for --once. True: all is told.
bool dp_courier_drain(dp_courier *c, int64_t timeout_ms);
dp_courier_stats dp_courier_stats_of(dp_courier *c);

#endif

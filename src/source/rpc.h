// JSON-RPC 2.0 (and Bitcoin's 1.0) over HTTP: calls in, parsed answers out, in any order.
//
// Calls that are started one after the other and not yet sent travel together as one batch, at
// most `batch_max` of them. An endpoint that refuses batches, finds one too large, or whose answer
// to one passes the answer limit gets it in halves, down to single calls, and smaller batches
// from then on. Answers are matched by id; one that is missing, doubled or unknown is a fault.
//
// An error that the node itself answers is no fault of ours: dp_rpc_wait then gives DP_OK and an
// answer without result; its code and text say why. Errors that mean "too many requests" (by code
// or by words, see rpc_match.c) are retried as HTTP 429 is. Text from a node is cut to 200
// bytes, control characters replaced; one that repeats the URL's path or the login is left out.
//
// An answer that is no JSON (a proxy's page, a text that breaks off) is asked for again like a
// dropped connection, and is DP_BAD_BYTES with its place after as many tries.
#ifndef DP_SOURCE_RPC_H
#define DP_SOURCE_RPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "codec/json.h"
#include "source/http.h"
#include "source/source.h"

typedef struct dp_rpc dp_rpc;

enum { DP_RPC_TEXT_MAX = 200 };

typedef struct dp_rpc_answer {
	const dp_json *result; // NULL: an error. JSON null is a result
	int64_t error_code;    // of the node: -32601 no such method, -32602 bad arguments, ...
	char error[DP_RPC_TEXT_MAX + 4];
	uint64_t size; // bytes of JSON it came in, its share of a batch
	void *shared;  // private: the document that several answers may share
} dp_rpc_answer;

typedef struct dp_rpc_options {
	const char *login; // "user:password" or NULL
	// Path of a file that holds one, read again when it is refused (a node writes another at
	// each start); or NULL. It counts where `login` is NULL, before a login in the URL.
	const char *cookie;
	uint32_t in_flight;  // HTTP requests at a time; 0 = 8
	uint32_t batch_max;  // calls in a request; 0 = 100, 1 = never batch
	uint64_t answer_max; // bytes of one HTTP answer; 0 = 256 MiB
	// As in dp_http_options; 0 = its defaults.
	uint32_t tries_max, timeout_s, delay_first_ms, delay_max_ms, delay_told_max_ms;
	dp_source_watch watch;
} dp_rpc_options;

DP_MUST dp_code dp_rpc_open(dp_rpc **ret_rpc, const char *url, const dp_rpc_options *options,
                            dp_fault *fault);
void dp_rpc_close(dp_rpc *r);             // NULL is fine
const char *dp_rpc_name(const dp_rpc *r); // "host:port"

// Queues a call; `params` is the JSON text of its arguments, an array ("[]").
DP_MUST dp_code dp_rpc_start(dp_rpc *r, uint64_t *ret_ticket, const char *method,
                             const char *params, dp_fault *fault);
// Sends what is queued as batches: without it, they go when somebody waits or a batch is full.
DP_MUST dp_code dp_rpc_flush(dp_rpc *r, dp_fault *fault);
// Waits for one answer. Release it with dp_rpc_answer_done; it stays valid until then whatever
// else is called. Faults name the endpoint (as their `file`) and the method.
DP_MUST dp_code dp_rpc_wait(dp_rpc *r, uint64_t ticket, dp_rpc_answer *ret_answer, dp_fault *fault);
void dp_rpc_drop(dp_rpc *r, uint64_t ticket);
void dp_rpc_answer_done(dp_rpc_answer *answer);
DP_MUST dp_code dp_rpc_run(dp_rpc *r, dp_fault *fault); // see dp_http_run

// One call and its answer.
DP_MUST dp_code dp_rpc_call(dp_rpc *r, dp_rpc_answer *ret_answer, const char *method,
                            const char *params, dp_fault *fault);
// A fault for an answer that is an error where we needed a result.
dp_code dp_rpc_fail(const dp_rpc *r, const dp_rpc_answer *answer, const char *method,
                    dp_fault *fault);

dp_http_stats dp_rpc_stats(const dp_rpc *r);

#endif

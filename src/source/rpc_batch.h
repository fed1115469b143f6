// Batches of JSON-RPC calls: private to rpc.c and rpc_batch.c.
#ifndef DP_SOURCE_RPC_BATCH_H
#define DP_SOURCE_RPC_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/http_private.h"
#include "source/rpc_private.h"
#include "source/ticket.h"

// A parsed answer, held by every result in it that somebody still uses.
typedef struct dp_rpc_doc {
	dp_json *json;
	uint64_t holders;
} dp_rpc_doc;

typedef struct dp_rpc_batch dp_rpc_batch;

typedef struct dp_rpc_call_state {
	dp_rpc_slot slot;    // its id is the call's ticket
	dp_rpc_batch *batch; // where it is on its way; NULL: queued or done
	dp_rpc_doc *doc;     // of slot.result; one hold
	uint64_t size;
	uint32_t tries; // answers that were busy or unreadable, in a row
	bool is_done, is_dropped;
	dp_code code;    // when done
	dp_fault *fault; // of a code that is not DP_OK; NULL where there was no memory for it
	size_t params_size;
	const char *params;
	char method[]; // and the parameters behind it
} dp_rpc_call_state;

struct dp_rpc_batch {
	dp_rpc_batch *before, *next; // all that are on their way
	uint64_t ticket;             // of the HTTP request
	uint32_t count, wanted;      // calls, and those not dropped
	uint32_t login_version;
	dp_rpc_call_state *calls[]; // ids rise
};

struct dp_rpc {
	dp_http *http;
	uint32_t batch_max, tries_max; // batch_max shrinks when the endpoint shows how
	dp_tickets calls;              // all but the dropped ones
	uint64_t id_last;
	dp_rpc_call_state **queue; // as many as the first batch_max
	uint32_t queued;
	dp_rpc_batch *batches;
	char *cookie, *cookie_login;
	uint32_t login_version;
};

void dp_rpc_free_call(dp_rpc_call_state *c);
void dp_rpc_release(dp_rpc_doc *doc); // one hold less; NULL is fine
// Sends all that is queued. What cannot be sent is done, with the reason.
void dp_rpc_send_queue(dp_rpc *r);
// Waits for a batch's answer and gives every call of it its due. The batch is gone afterwards.
void dp_rpc_collect(dp_rpc *r, dp_rpc_batch *b);
void dp_rpc_drop_batch(dp_rpc *r, dp_rpc_batch *b); // with its calls, all of them dropped
// Has the cookie file changed since it was read? Then it is the login from now on.
DP_MUST dp_code dp_rpc_reread_cookie(dp_rpc *r, bool *ret_is_new, dp_fault *fault);

#endif

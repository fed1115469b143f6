// Sending calls in batches and settling what comes back, see rpc.h and rpc.c.
//
// A batch that is refused goes again in two halves, and no later batch is larger than the half:
//
//   100 --refused--> 50 + 50 --refused--> 25 + 25 + 25 + 25 ...
//
// down to single calls, which need no array and which every endpoint takes. Sizes never grow again:
// an endpoint's limit is a setting, not a mood.
#include "source/rpc_batch.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { FRAME_SIZE = 80 }; // bytes of JSON around a call's method and parameters, at most

void dp_rpc_release(dp_rpc_doc *doc)
{
	if (doc == NULL) return;
	DP_CHECK(doc->holders > 0);
	if (--doc->holders > 0) return;
	dp_json_free(doc->json);
	dp_free(doc);
}

void dp_rpc_free_call(dp_rpc_call_state *c)
{
	DP_CHECK(c != NULL);
	dp_rpc_release(c->doc);
	dp_free(c->fault);
	dp_free(c);
}

static void end_call(dp_rpc_call_state *c)
{
	DP_CHECK(!c->is_done);
	c->batch = NULL;
	c->is_done = true;
	if (c->is_dropped) dp_rpc_free_call(c);
}

static void fail_call(dp_rpc_call_state *c, const dp_fault *why)
{
	DP_CHECK(why->code != DP_OK);
	c->code = why->code;
	if (!c->is_dropped) c->fault = dp_alloc(sizeof *c->fault);
	if (c->fault != NULL)
		(void)dp_fail(c->fault, why->code, "%s (asked for %.60s)", why->text, c->method);
	if (c->fault != NULL && why->file[0] != 0) dp_fault_file(c->fault, why->file);
	end_call(c);
}

static void fail_calls(dp_rpc_call_state **calls, uint32_t count, const dp_fault *why)
{
	for (uint32_t i = 0; i < count; i++) fail_call(calls[i], why);
}

//- sending ---------------------------------------------------------------------------------------

static dp_code write_body(char **ret_body, size_t *ret_size, const dp_rpc_batch *b, dp_fault *fault)
{
	size_t cap = 3, n = 0;
	for (uint32_t i = 0; i < b->count; i++)
		cap += FRAME_SIZE + strlen(b->calls[i]->method) + b->calls[i]->params_size;
	char *body = dp_alloc(cap);
	if (body == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (b->count > 1) body[n++] = '[';
	for (uint32_t i = 0; i < b->count; i++) {
		const dp_rpc_call_state *c = b->calls[i];
		int head =
		    snprintf(body + n, cap - n,
		             "%s{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\",\"params\":",
		             i > 0 ? "," : "", (unsigned long long)c->slot.id, c->method);
		DP_CHECK(head > 0 && (size_t)head + c->params_size + 3 <= cap - n);
		n += (size_t)head;
		memcpy(body + n, c->params, c->params_size);
		n += c->params_size;
		body[n++] = '}';
	}
	if (b->count > 1) body[n++] = ']';
	*ret_body = body;
	*ret_size = n;
	return DP_OK;
}

static void link_batch(dp_rpc *r, dp_rpc_batch *b)
{
	b->login_version = r->login_version;
	b->next = r->batches;
	if (b->next != NULL) b->next->before = b;
	r->batches = b;
	for (uint32_t i = 0; i < b->count; i++) {
		b->calls[i]->batch = b;
		b->wanted += !b->calls[i]->is_dropped;
	}
}

static void unlink_batch(dp_rpc *r, dp_rpc_batch *b)
{
	*(b->before != NULL ? &b->before->next : &r->batches) = b->next;
	if (b->next != NULL) b->next->before = b->before;
}

static dp_code send_batch(dp_rpc *r, dp_rpc_call_state **calls, uint32_t count, dp_fault *fault)
{
	DP_CHECK(count > 0);
	dp_rpc_batch *b = dp_alloc(sizeof *b + count * sizeof(dp_rpc_call_state *));
	if (b == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	b->count = count;
	memcpy(b->calls, calls, count * sizeof *calls);
	char *body = NULL;
	size_t size = 0;
	dp_code code = write_body(&body, &size, b, fault);
	if (code == DP_OK) code = dp_http_post(r->http, &b->ticket, body, size, fault);
	dp_free(body);
	if (code != DP_OK) {
		dp_free(b);
		return code;
	}
	link_batch(r, b);
	return DP_OK;
}

// Sends calls in batches of at most `most`; leaves out those that were dropped meanwhile.
static void send_calls(dp_rpc *r, dp_rpc_call_state **calls, uint32_t count, uint32_t most)
{
	DP_CHECK(most > 0);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_call_state *c = calls[i];
		c->batch = NULL;
		c->slot.fate = DP_RPC_MISSING;
		if (c->is_dropped)
			dp_rpc_free_call(c);
		else
			calls[kept++] = c;
	}
	for (uint32_t i = 0; i < kept; i += most) {
		uint32_t n = kept - i < most ? kept - i : most;
		dp_fault why;
		if (send_batch(r, calls + i, n, &why) != DP_OK) fail_calls(calls + i, n, &why);
	}
}

void dp_rpc_send_queue(dp_rpc *r)
{
	uint32_t queued = r->queued;
	r->queued = 0;
	if (queued > 0) send_calls(r, r->queue, queued, r->batch_max);
}

//- settling --------------------------------------------------------------------------------------

static void learn_batch(dp_rpc *r, uint32_t half)
{
	if (half < r->batch_max) r->batch_max = half;
}

static void halve(dp_rpc *r, dp_rpc_call_state **calls, uint32_t count, uint32_t was)
{
	DP_CHECK(was > 1 && count <= was);
	uint32_t half = (was + 1) / 2;
	learn_batch(r, half);
	send_calls(r, calls, count, half);
}

// Sends calls again after a pause, but for those that were tried often enough.
static void send_later(dp_rpc *r, dp_rpc_call_state **calls, uint32_t count, const dp_fault *why)
{
	uint32_t kept = 0, tries = 0;
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_call_state *c = calls[i];
		c->tries++;
		if (c->tries >= r->tries_max) {
			fail_call(c, why);
			continue;
		}
		if (c->tries > tries) tries = c->tries;
		calls[kept++] = c;
	}
	if (kept == 0) return;
	char what[sizeof why->text + 128];
	(void)snprintf(what, sizeof what, "%.120s %s", dp_rpc_name(r), why->text);
	dp_http_pause(r->http, tries, 0, what);
	send_calls(r, calls, kept, r->batch_max);
}

static void hide_secret(const dp_rpc *r, dp_rpc_slot *slot)
{
	if (slot->error[0] == 0 || !dp_http_tells_secret(r->http, slot->error)) return;
	dp_rpc_copy_text(slot->error, "(its words repeat a part of the URL or of the login)");
}

static void answer_call(dp_rpc_call_state *c, dp_rpc_doc *doc, uint64_t size)
{
	c->size = size;
	c->code = DP_OK;
	if (c->slot.fate == DP_RPC_RESULT) {
		c->doc = doc;
		doc->holders++;
	}
	end_call(c);
}

// Every call by its fate. Calls that go again are moved together at the front of b->calls.
static void settle_calls(dp_rpc *r, dp_rpc_batch *b, dp_rpc_doc *doc, uint64_t size)
{
	uint32_t refused = 0, busy = 0;
	dp_fault why;
	for (uint32_t i = 0; i < b->count; i++) {
		dp_rpc_call_state *c = b->calls[i];
		hide_secret(r, &c->slot);
		refused += c->slot.fate == DP_RPC_REFUSED;
		if (c->slot.fate != DP_RPC_BUSY) continue;
		busy++;
		(void)dp_fail(&why, DP_IO, "is busy (%s)", c->slot.error);
		dp_fault_file(&why, dp_rpc_name(r));
	}
	dp_rpc_call_state **again = b->calls;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < b->count; i++) {
		dp_rpc_call_state *c = b->calls[i];
		if (c->slot.fate == DP_RPC_RESULT || c->slot.fate == DP_RPC_ERROR)
			answer_call(c, doc, size / b->count);
		else
			again[kept++] = c;
	}
	DP_CHECK(kept == refused + busy);
	// Both at once is rare: then all of them wait, and go in halves.
	if (refused > 0) learn_batch(r, (b->count + 1) / 2);
	if (busy > 0)
		send_later(r, again, kept, &why);
	else if (refused > 0)
		halve(r, again, kept, b->count);
}

// An answer that is no JSON, or not the answer to what was asked.
static void settle_nonsense(dp_rpc *r, dp_rpc_batch *b, uint32_t status, const dp_fault *parse)
{
	dp_fault why;
	bool is_refusal = status == 413 || status == 400;
	if (b->count > 1 && (is_refusal || parse->code == DP_LIMIT)) {
		halve(r, b->calls, b->count, b->count);
	} else if (status >= 300) {
		(void)dp_fail(&why, DP_IO, "answered HTTP %u", status);
		dp_fault_file(&why, dp_rpc_name(r));
		fail_calls(b->calls, b->count, &why);
	} else if (parse->code != DP_BAD_BYTES) {
		(void)dp_fail(&why, parse->code, "%s", parse->text);
		dp_fault_file(&why, dp_rpc_name(r));
		fail_calls(b->calls, b->count, &why);
	} else {
		(void)dp_fail(&why, DP_BAD_BYTES,
		              "answered something that is not JSON to %.60s "
		              "(line %u, column %u): %.120s",
		              b->calls[0]->method, parse->line, parse->column, parse->text);
		dp_fault_file(&why, dp_rpc_name(r));
		send_later(r, b->calls, b->count, &why);
	}
}

static dp_code match_calls(dp_rpc_batch *b, const dp_json *json, dp_fault *fault)
{
	dp_rpc_slot **slots = dp_alloc(b->count * sizeof *slots);
	if (slots == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < b->count; i++) {
		slots[i] = &b->calls[i]->slot;
		slots[i]->error[0] = 0;
	}
	dp_code code = dp_rpc_match(slots, b->count, json, fault);
	dp_free(slots);
	return code;
}

static void settle_body(dp_rpc *r, dp_rpc_batch *b, const char *body, size_t size, uint32_t status)
{
	dp_fault why = {0};
	dp_json *json = NULL;
	if (dp_json_parse(&json, body, size, &why) != DP_OK) {
		settle_nonsense(r, b, status, &why);
		return;
	}
	dp_rpc_doc *doc = dp_alloc(sizeof *doc);
	dp_code code = DP_OK;
	if (doc == NULL) code = dp_fail(&why, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) code = match_calls(b, json, &why);
	if (code == DP_OK) {
		*doc = (dp_rpc_doc){json, 1};
		settle_calls(r, b, doc, size);
		dp_rpc_release(doc);
		return;
	}
	dp_free(doc);
	dp_json_free(json);
	if (code == DP_BAD_BYTES && status >= 300) {
		settle_nonsense(r, b, status, &why);
	} else {
		char text[sizeof why.text];
		memcpy(text, why.text, sizeof text);
		(void)dp_fail(&why, code, "gave %.200s", text);
		dp_fault_file(&why, dp_rpc_name(r));
		fail_calls(b->calls, b->count, &why);
	}
}

// Refused for its login: when the node's cookie has changed since, the batch goes again with it.
static bool log_in_again(dp_rpc *r, dp_rpc_batch *b)
{
	bool is_new = false;
	if (dp_http_status_failed(r->http) != 401 || r->cookie == NULL) return false;
	if (dp_rpc_reread_cookie(r, &is_new, NULL) != DP_OK) return false;
	if (b->login_version == r->login_version) return false;
	send_calls(r, b->calls, b->count, b->count);
	return true;
}

void dp_rpc_collect(dp_rpc *r, dp_rpc_batch *b)
{
	DP_CHECK(r != NULL && b != NULL);
	char *body = NULL;
	size_t size = 0;
	uint32_t status = 0;
	dp_fault why = {0};
	dp_code code = dp_http_wait(r->http, b->ticket, &body, &size, &status, &why);
	unlink_batch(r, b);
	if (code == DP_OK)
		settle_body(r, b, body, size, status);
	else if (code == DP_LIMIT && b->count > 1)
		halve(r, b->calls, b->count, b->count);
	else if (code != DP_IO || !log_in_again(r, b))
		fail_calls(b->calls, b->count, &why);
	dp_free(body);
	dp_free(b);
}

void dp_rpc_drop_batch(dp_rpc *r, dp_rpc_batch *b)
{
	DP_CHECK(b->wanted == 0);
	dp_http_drop(r->http, b->ticket);
	unlink_batch(r, b);
	for (uint32_t i = 0; i < b->count; i++) dp_rpc_free_call(b->calls[i]);
	dp_free(b);
}

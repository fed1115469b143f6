// See rpc.h.
//
// A call is queued until somebody waits or a batch is full, sent as part of a batch (one HTTP
// request, a list of calls), and done when its answer was matched or has failed. Only a wait
// collects and parses, one batch at a time; all calls of the batch are then done, or on their way
// again in new batches (rpc_batch.c).
#include "source/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/rpc_batch.h"

enum { COOKIE_MAX = 4096, BATCH_DEFAULT = 100, BATCH_MAX = 10000, TRIES_DEFAULT = 8 };

//- opening ---------------------------------------------------------------------------------------

// The first line of the cookie file into `out`.
static dp_code read_cookie(char out[COOKIE_MAX], const char *path, dp_fault *fault)
{
	dp_code code = DP_OK;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) n = read(fd, out, COOKIE_MAX - 1);
	if (n < 0)
		code = dp_fail(fault, errno == ENOENT ? DP_NOT_FOUND : DP_IO,
		               "cannot read the cookie file: %s; is the node running?",
		               strerror(errno));
	if (fd >= 0) (void)close(fd);
	if (code == DP_OK) {
		out[n] = 0;
		out[strcspn(out, "\r\n")] = 0;
		if (strchr(out, ':') == NULL)
			code =
			    dp_fail(fault, DP_BAD_CASE, "the cookie file holds no user:password");
	}
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, path);
	return code;
}

dp_code dp_rpc_reread_cookie(dp_rpc *r, bool *ret_is_new, dp_fault *fault)
{
	char cookie[COOKIE_MAX];
	if (r->cookie == NULL) {
		*ret_is_new = false;
		return DP_OK;
	}
	DP_TRY(read_cookie(cookie, r->cookie, fault));
	bool is_new = r->cookie_login == NULL || strcmp(cookie, r->cookie_login) != 0;
	dp_code code = DP_OK;
	if (is_new) {
		char *copy = dp_alloc(strlen(cookie) + 1);
		if (copy == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
		if (copy != NULL) {
			memcpy(copy, cookie, strlen(cookie));
			dp_http_free_secret(r->cookie_login);
			r->cookie_login = copy;
			r->login_version++;
			code = dp_http_login(r->http, copy, fault);
		}
	}
	explicit_bzero(cookie, sizeof cookie);
	if (code == DP_OK) *ret_is_new = is_new;
	return code;
}

static dp_code open_cookie(dp_rpc *r, const dp_rpc_options *o, dp_fault *fault)
{
	if (o->cookie == NULL || o->login != NULL) return DP_OK;
	size_t size = strlen(o->cookie) + 1;
	r->cookie = dp_alloc(size);
	if (r->cookie == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(r->cookie, o->cookie, size);
	bool is_new;
	return dp_rpc_reread_cookie(r, &is_new, fault);
}

dp_code dp_rpc_open(dp_rpc **ret_rpc, const char *url, const dp_rpc_options *options,
                    dp_fault *fault)
{
	DP_CHECK(ret_rpc != NULL && url != NULL);
	const dp_rpc_options none = {0}, *o = options != NULL ? options : &none;
	if (o->batch_max > BATCH_MAX)
		return dp_fail(fault, DP_BAD_CASE, "at most %d calls in a batch", BATCH_MAX);
	dp_rpc *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->batch_max = o->batch_max == 0 ? BATCH_DEFAULT : o->batch_max;
	r->tries_max = o->tries_max == 0 ? TRIES_DEFAULT : o->tries_max;
	dp_http_options http = {.in_flight = o->in_flight,
	                        .tries_max = r->tries_max,
	                        .answer_max = o->answer_max,
	                        .timeout_s = o->timeout_s,
	                        .delay_first_ms = o->delay_first_ms,
	                        .delay_max_ms = o->delay_max_ms,
	                        .delay_told_max_ms = o->delay_told_max_ms,
	                        .bodies_of_errors = true,
	                        .login = o->login,
	                        .watch = o->watch};
	r->queue = dp_alloc(r->batch_max * sizeof *r->queue);
	dp_code code = DP_OK;
	if (r->queue == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) code = dp_http_open(&r->http, url, &http, fault);
	if (code == DP_OK) code = open_cookie(r, o, fault);
	if (code != DP_OK) {
		dp_rpc_close(r);
		return code;
	}
	*ret_rpc = r;
	return DP_OK;
}

void dp_rpc_close(dp_rpc *r)
{
	if (r == NULL) return;
	DP_CHECK(r->queue != NULL || r->queued == 0);
	// Dropped calls are in no table any more, only in the queue or in their batch.
	for (uint32_t i = 0; i < r->queued; i++)
		if (r->queue[i]->is_dropped) dp_rpc_free_call(r->queue[i]);
	for (dp_rpc_batch *b = r->batches, *next; b != NULL; b = next) {
		next = b->next;
		for (uint32_t i = 0; i < b->count; i++)
			if (b->calls[i]->is_dropped) dp_rpc_free_call(b->calls[i]);
		dp_free(b);
	}
	for (uint64_t i = 0; i < r->calls.cap; i++)
		if (r->calls.row[i].item != NULL) dp_rpc_free_call(r->calls.row[i].item);
	dp_tickets_done(&r->calls);
	dp_http_close(r->http);
	dp_http_free_secret(r->cookie_login);
	dp_free(r->cookie);
	dp_free(r->queue);
	dp_free(r);
}

const char *dp_rpc_name(const dp_rpc *r)
{
	DP_CHECK(r != NULL);
	return dp_http_name(r->http);
}

//- calls -----------------------------------------------------------------------------------------

static dp_code make_call(dp_rpc_call_state **ret_call, uint64_t id, const char *method,
                         const char *params, dp_fault *fault)
{
	DP_CHECK(method[0] != 0 && strpbrk(method, "\"\\") == NULL);
	DP_CHECK(params[0] == '[');
	size_t method_size = strlen(method) + 1, params_size = strlen(params) + 1;
	dp_rpc_call_state *c = dp_alloc(sizeof *c + method_size + params_size);
	if (c == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	c->slot.id = id;
	c->params = c->method + method_size;
	c->params_size = params_size - 1;
	memcpy(c->method, method, method_size);
	memcpy(c->method + method_size, params, params_size);
	*ret_call = c;
	return DP_OK;
}

dp_code dp_rpc_start(dp_rpc *r, uint64_t *ret_ticket, const char *method, const char *params,
                     dp_fault *fault)
{
	DP_CHECK(r != NULL && ret_ticket != NULL && method != NULL && params != NULL);
	// The batch may have been learnt to be smaller than what is queued by now.
	if (r->queued >= r->batch_max) DP_TRY(dp_rpc_flush(r, fault));
	dp_rpc_call_state *c = NULL;
	DP_TRY(make_call(&c, r->id_last + 1, method, params, fault));
	dp_code code = dp_tickets_put(&r->calls, c->slot.id, c, fault);
	if (code != DP_OK) {
		dp_rpc_free_call(c);
		return code;
	}
	r->id_last = c->slot.id;
	r->queue[r->queued++] = c;
	*ret_ticket = c->slot.id;
	// A failure to send is the calls', and told when they are waited for.
	if (r->queued >= r->batch_max) dp_rpc_send_queue(r);
	return DP_OK;
}

dp_code dp_rpc_flush(dp_rpc *r, dp_fault *fault)
{
	DP_CHECK(r != NULL);
	dp_rpc_send_queue(r);
	return dp_http_run(r->http, fault);
}

dp_code dp_rpc_wait(dp_rpc *r, uint64_t ticket, dp_rpc_answer *ret_answer, dp_fault *fault)
{
	DP_CHECK(r != NULL && ret_answer != NULL);
	dp_rpc_call_state *c = dp_tickets_get(&r->calls, ticket);
	DP_CHECK(c != NULL); // a ticket is waited for once
	while (!c->is_done) {
		if (c->batch == NULL)
			dp_rpc_send_queue(r);
		else
			dp_rpc_collect(r, c->batch);
	}
	dp_code code = c->code;
	if (code == DP_OK) {
		*ret_answer = (dp_rpc_answer){.result = c->slot.result,
		                              .error_code = c->slot.error_code,
		                              .size = c->size,
		                              .shared = c->doc};
		memcpy(ret_answer->error, c->slot.error, sizeof ret_answer->error);
		c->doc = NULL; // the answer's reference now
	} else if (c->fault != NULL) {
		if (fault != NULL) *fault = *c->fault;
	} else {
		code = dp_fail(fault, c->code, "out of memory");
	}
	(void)dp_tickets_take(&r->calls, ticket);
	dp_rpc_free_call(c);
	return code;
}

void dp_rpc_drop(dp_rpc *r, uint64_t ticket)
{
	DP_CHECK(r != NULL);
	dp_rpc_call_state *c = dp_tickets_take(&r->calls, ticket);
	DP_CHECK(c != NULL);
	c->is_dropped = true;
	if (c->is_done) {
		dp_rpc_free_call(c);
	} else if (c->batch != NULL) {
		dp_rpc_batch *b = c->batch;
		DP_CHECK(b->wanted > 0);
		b->wanted--;
		if (b->wanted == 0) dp_rpc_drop_batch(r, b);
	}
}

void dp_rpc_answer_done(dp_rpc_answer *answer)
{
	DP_CHECK(answer != NULL);
	dp_rpc_release(answer->shared);
	answer->shared = NULL;
	answer->result = NULL;
}

dp_code dp_rpc_run(dp_rpc *r, dp_fault *fault)
{
	DP_CHECK(r != NULL);
	return dp_http_run(r->http, fault);
}

dp_code dp_rpc_call(dp_rpc *r, dp_rpc_answer *ret_answer, const char *method, const char *params,
                    dp_fault *fault)
{
	uint64_t ticket;
	DP_TRY(dp_rpc_start(r, &ticket, method, params, fault));
	return dp_rpc_wait(r, ticket, ret_answer, fault);
}

dp_code dp_rpc_fail(const dp_rpc *r, const dp_rpc_answer *answer, const char *method,
                    dp_fault *fault)
{
	DP_CHECK(r != NULL && answer != NULL && method != NULL);
	(void)dp_fail(fault, DP_IO, "answered an error to %.60s: %s (code %lld)", method,
	              answer->error, (long long)answer->error_code);
	dp_fault_file(fault, dp_rpc_name(r));
	return DP_IO;
}

dp_http_stats dp_rpc_stats(const dp_rpc *r)
{
	DP_CHECK(r != NULL);
	return dp_http_stats_of(r->http);
}

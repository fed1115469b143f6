// See ledger_node.h. HTTP/1.1 as far as our client and the peers speak it: POST with a
// Content-Length, connections that stay open. One thread a connection.
#include "bench/ledger_node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"

enum { REQUEST_MAX = 1 << 20, CALLS_MAX = 128, HEAD_MAX = 160, WORDS_MAX = 200 };
enum { NO_SUCH_METHOD = -32601 }; // of JSON-RPC 2.0

//- texts -----------------------------------------------------------------------------------------

void ln_put(ln_text *t, const char *text)
{
	lb_put(&t->bytes, text, strlen(text));
}

void ln_print(ln_text *t, const char *format, ...)
{
	char text[1000];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	DP_CHECK(n >= 0 && (size_t)n < sizeof text);
	lb_put(&t->bytes, text, (size_t)n);
}

void ln_put_hex(ln_text *t, const uint8_t *bytes, size_t n)
{
	char text[2 * 64 + 1];
	for (size_t i = 0; i < n; i += 64) {
		size_t some = n - i < 64 ? n - i : 64;
		dp_hex_encode(text, bytes + i, some);
		lb_put(&t->bytes, text, 2 * some);
	}
}

void ln_gap_at(ln_text *t, uint32_t field, size_t at, size_t size)
{
	DP_CHECK(field < LN_FIELDS_MAX && size < LN_VALUE_SIZE && at + size <= t->bytes.n);
	if (t->gap_count == t->gap_cap) {
		t->gap_cap = 2 * t->gap_cap + 64;
		void *grown = dp_realloc(t->gap, t->gap_cap * sizeof *t->gap);
		DP_CHECK(grown != NULL);
		t->gap = grown;
	}
	t->gap[t->gap_count++] = (ln_gap){at, field, (uint32_t)size};
}

void ln_put_gap(ln_text *t, uint32_t field, size_t size)
{
	static const char zeros[LN_VALUE_SIZE] = {0};
	size_t at = t->bytes.n;
	lb_put(&t->bytes, zeros, size);
	ln_gap_at(t, field, at, size);
}

// Real answers of nodes hold nothing that would have to be escaped.
void ln_put_json(ln_text *t, const dp_json *v)
{
	bool b, is_list = dp_json_is_array(v);
	if (is_list || dp_json_is_object(v)) {
		ln_put(t, is_list ? "[" : "{");
		for (const dp_json *i = dp_json_first(v); i != NULL; i = dp_json_next(i)) {
			if (i != dp_json_first(v)) ln_put(t, ",");
			if (!is_list) {
				ln_put(t, "\"");
				ln_put(t, dp_json_name(i));
				ln_put(t, "\":");
			}
			ln_put_json(t, i);
		}
		ln_put(t, is_list ? "]" : "}");
	} else if (dp_json_text(v) != NULL) {
		ln_put(t, "\"");
		ln_put(t, dp_json_text(v));
		ln_put(t, "\"");
	} else if (dp_json_number(v) != NULL) {
		ln_put(t, dp_json_number(v));
	} else {
		ln_put(t, !dp_json_bool(v, &b) ? "null" : b ? "true" : "false");
	}
}

void ln_text_done(ln_text *t)
{
	lb_done(&t->bytes);
	dp_free(t->gap);
	*t = (ln_text){0};
}

void ln_fill(char *to, const ln_text *t, const ln_values *v)
{
	memcpy(to, t->bytes.b, t->bytes.n);
	for (size_t i = 0; i < t->gap_count; i++) {
		const ln_gap *g = &t->gap[i];
		memcpy(to + g->at, v->field[g->field], g->size);
	}
}

//- one connection --------------------------------------------------------------------------------

typedef struct connection {
	const ln_node *node;
	int fd;
	size_t have;
	char in[REQUEST_MAX + 1];
	ln_reply reply[CALLS_MAX];
	unsigned long long id[CALLS_MAX];
	uint32_t count;
	bool is_batch;
	char *out;
	size_t out_cap;
} connection;

// Reads one request; returns where its body begins and its size, or NULL at the end.
static char *read_request(connection *c, size_t *ret_size)
{
	for (;;) {
		c->in[c->have] = 0;
		char *end = strstr(c->in, "\r\n\r\n");
		if (end != NULL) {
			const char *length = strcasestr(c->in, "content-length:");
			// Somebody who asks for something else than an answer: a WebSocket, say.
			if (length == NULL || length > end) return NULL;
			size_t size = strtoul(length + 15, NULL, 10);
			DP_CHECK((size_t)(end + 4 - c->in) + size <= REQUEST_MAX);
			*ret_size = size;
			if ((size_t)(c->in + c->have - (end + 4)) >= size) return end + 4;
		}
		ssize_t n = read(c->fd, c->in + c->have, REQUEST_MAX - c->have);
		if (n <= 0) return NULL;
		c->have += (size_t)n;
	}
}

// The end of a JSON array that begins at p; texts in it hold no brackets.
static char *end_of_array(char *p)
{
	int depth = 0;
	DP_CHECK(*p == '[');
	for (;; p++) {
		DP_CHECK(*p != 0);
		depth += (*p == '[') - (*p == ']');
		if (depth == 0) return p + 1;
	}
}

// Requests are written by programs that we know: "id" (a number) stands before "method" before
// "params".
static void read_calls(connection *c, char *body, size_t size)
{
	char *p = body, *end = body + size, kept = *end;
	*end = 0;
	c->count = 0;
	c->is_batch = *p == '[';
	while ((p = strstr(p, "\"id\":")) != NULL) {
		DP_CHECK(c->count < CALLS_MAX);
		c->id[c->count] = strtoull(p + 5, NULL, 10);
		char *method = strstr(p, "\"method\":\"");
		DP_CHECK(method != NULL);
		method += 10;
		char *method_end = strchr(method, '"'), *params = strstr(method, "\"params\":");
		DP_CHECK(method_end != NULL && params != NULL);
		params += 9;
		char *params_end = end_of_array(params), after = *params_end;
		*method_end = *params_end = 0;
		ln_reply *r = &c->reply[c->count++];
		r->text = NULL;
		r->words = NULL;
		r->code = NO_SUCH_METHOD;
		c->node->answer(c->node, r, method, params);
		*params_end = after;
		p = params_end;
	}
	*end = kept;
}

static void make_room(connection *c)
{
	size_t need = HEAD_MAX + 2;
	for (uint32_t i = 0; i < c->count; i++) {
		const ln_reply *r = &c->reply[i];
		need += WORDS_MAX + (r->text != NULL    ? r->text->bytes.n
		                     : r->words != NULL ? strlen(r->words)
		                                        : 0);
	}
	if (need <= c->out_cap) return;
	free(c->out);
	c->out_cap = need + need / 2;
	c->out = malloc(c->out_cap);
	DP_CHECK(c->out != NULL);
}

static size_t put_words(const connection *c, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Returns where the next words go.
static size_t put_words(const connection *c, size_t at, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(c->out + at, c->out_cap - at, format, args);
	va_end(args);
	DP_CHECK(n >= 0 && (size_t)n < c->out_cap - at);
	return at + (size_t)n;
}

// One answer of a batch, or the only one; returns where the next goes.
static size_t put_answer(const connection *c, size_t at, uint32_t i)
{
	const ln_reply *r = &c->reply[i];
	bool is_error = r->text == NULL && r->words == NULL;
	at = put_words(c, at, "%s{\"jsonrpc\":\"2.0\",\"id\":%llu,\"%s\":", i > 0 ? "," : "",
	               c->id[i], is_error ? "error" : "result");
	if (is_error) return put_words(c, at, "{\"code\":%d,\"message\":\"no\"}}", r->code);
	if (r->text == NULL) return put_words(c, at, "%s}", r->words);
	ln_fill(c->out + at, r->text, r->values);
	return put_words(c, at + r->text->bytes.n, "}");
}

// The head is written right before the answers, when their length is known.
static void write_answers(connection *c)
{
	char head[HEAD_MAX];
	make_room(c);
	size_t end = HEAD_MAX;
	if (c->is_batch) c->out[end++] = '[';
	for (uint32_t i = 0; i < c->count; i++) end = put_answer(c, end, i);
	if (c->is_batch) c->out[end++] = ']';
	int size = snprintf(head, sizeof head,
	                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	                    "Content-Length: %zu\r\n\r\n",
	                    end - HEAD_MAX);
	DP_CHECK(size > 0 && size < HEAD_MAX);
	size_t at = HEAD_MAX - (size_t)size;
	memcpy(c->out + at, head, (size_t)size);
	while (at < end) {
		ssize_t sent = send(c->fd, c->out + at, end - at, MSG_NOSIGNAL);
		if (sent <= 0) return;
		at += (size_t)sent;
	}
}

static void *serve_connection(void *context)
{
	connection *c = context;
	size_t size;
	for (char *body; (body = read_request(c, &size)) != NULL;) {
		read_calls(c, body, size);
		write_answers(c);
		size_t used = (size_t)(body + size - c->in);
		memmove(c->in, c->in + used, c->have - used);
		c->have -= used;
	}
	close(c->fd);
	free(c->out);
	free(c);
	return NULL;
}

//- the process -----------------------------------------------------------------------------------

static void accept_all(const ln_node *n, int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL), on = 1;
		if (fd < 0) continue;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		connection *c = calloc(1, sizeof *c);
		pthread_t thread;
		DP_CHECK(c != NULL);
		c->node = n;
		c->fd = fd;
		DP_CHECK(pthread_create(&thread, NULL, serve_connection, c) == 0);
		pthread_detach(thread);
	}
}

void ln_serve(ln_node *n)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof a;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	DP_CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&a, sizeof a) == 0);
	DP_CHECK(listen(listener, 64) == 0);
	DP_CHECK(getsockname(listener, (struct sockaddr *)&a, &size) == 0);
	n->port = ntohs(a.sin_port);
	fflush(NULL);
	n->pid = fork();
	DP_CHECK(n->pid >= 0);
	if (n->pid == 0) {
		// A benchmark that dies must not leave its node behind.
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		accept_all(n, listener);
		_exit(1);
	}
	close(listener);
}

void ln_stop(ln_node *n)
{
	DP_CHECK(n->pid > 0);
	(void)kill(n->pid, SIGKILL);
	(void)waitpid(n->pid, NULL, 0);
	n->pid = 0;
}

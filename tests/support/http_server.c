// See http_server.h.
#include "support/http_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, HEAD_MAX = 64 << 10 };

typedef struct connection {
	t_http *server;
	pthread_t thread;
	int fd;
	uint32_t number;
	char *bytes; // received and not used up
	size_t size, cap;
} connection;

struct t_http {
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	bool stops;
	t_http_handler *handler;
	void *context;
	uint32_t requests, connections, busy, at_once;
	connection *connection[CONNECTIONS_MAX];
};

// A test that cannot get a socket cannot go on.
static void must(bool fine, const char *what)
{
	if (fine) return;
	perror(what);
	abort();
}

static bool is_stopping(t_http *s)
{
	return __atomic_load_n(&s->stops, __ATOMIC_ACQUIRE);
}

static void sleep_ms(t_http *s, uint32_t ms)
{
	for (uint32_t slept = 0; slept < ms && !is_stopping(s); slept += 5)
		usleep((ms - slept < 5 ? ms - slept : 5) * 1000);
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent <= 0) return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool receive_more(connection *c)
{
	if (c->size + 1 >= c->cap) {
		c->cap = c->cap == 0 ? 16 << 10 : c->cap * 2;
		c->bytes = realloc(c->bytes, c->cap);
		must(c->bytes != NULL, "realloc");
	}
	ssize_t n = recv(c->fd, c->bytes + c->size, c->cap - c->size - 1, 0);
	if (n <= 0) return false;
	c->size += (size_t)n;
	c->bytes[c->size] = 0;
	return true;
}

static bool send_body(connection *c, const t_http_reply *r, size_t size)
{
	if (r->drip_ms > 0) {
		for (size_t i = 0; i < size && !is_stopping(c->server); i++) {
			if (!send_all(c->fd, r->body + i, 1)) return false;
			sleep_ms(c->server, r->drip_ms);
		}
		return true;
	}
	if (!r->is_chunked) return send_all(c->fd, r->body, size);
	// Two chunks, so that the client must put them together.
	char line[32];
	for (size_t at = 0, n = size / 2; at < size; at += n, n = size - at) {
		if (n == 0) n = size - at;
		int k = snprintf(line, sizeof line, "%zx\r\n", n);
		if (!send_all(c->fd, line, (size_t)k) || !send_all(c->fd, r->body + at, n) ||
		    !send_all(c->fd, "\r\n", 2))
			return false;
	}
	return r->has_cut || send_all(c->fd, "0\r\n\r\n", 5);
}

// False: the connection ends.
static bool reply(connection *c, const t_http_reply *r)
{
	sleep_ms(c->server, r->delay_ms);
	if (r->is_dropped || is_stopping(c->server)) return false;
	if (r->is_raw) {
		(void)send_all(c->fd, r->body, r->body_size);
		return false;
	}
	char head[4096], length[64] = "Transfer-Encoding: chunked\r\n";
	if (!r->is_chunked)
		snprintf(length, sizeof length, "Content-Length: %llu\r\n",
		         (unsigned long long)(r->has_announced ? r->announced : r->body_size));
	int n = snprintf(
	    head, sizeof head, "HTTP/1.1 %u Said\r\n%s%s%s\r\n", r->status == 0 ? 200 : r->status,
	    length, r->headers == NULL ? "" : r->headers, r->closes ? "Connection: close\r\n" : "");
	must(n > 0 && (size_t)n < sizeof head, "head");
	size_t size = r->has_cut && r->cut_after < r->body_size ? r->cut_after : r->body_size;
	return send_all(c->fd, head, (size_t)n) && send_body(c, r, size) && !r->has_cut &&
	       !r->closes;
}

static bool answer(connection *c, char *head, const char *body, size_t body_size)
{
	t_http *s = c->server;
	char path[1024] = "";
	(void)sscanf(head, "POST %1023s", path);
	t_http_request q = {.path = path,
	                    .head = head,
	                    .body = body,
	                    .body_size = body_size,
	                    .connection = c->number};
	t_http_reply r = {0};
	pthread_mutex_lock(&s->lock);
	q.number = s->requests++;
	if (++s->busy > s->at_once) s->at_once = s->busy;
	s->handler(s->context, &q, &r);
	pthread_mutex_unlock(&s->lock);
	// Counted off before the last byte leaves, or the client's next request would seem to
	// overlap.
	sleep_ms(s, r.delay_ms);
	r.delay_ms = 0;
	pthread_mutex_lock(&s->lock);
	s->busy--;
	pthread_mutex_unlock(&s->lock);
	bool goes_on = reply(c, &r);
	if (r.is_owned) free(r.body);
	return goes_on;
}

static bool serve_one(connection *c)
{
	char *end;
	while (c->size == 0 || (end = strstr(c->bytes, "\r\n\r\n")) == NULL) {
		// A TLS client's greeting: plain servers answer it in words, and close.
		if (c->size > 0 && c->bytes[0] == 0x16) {
			static const char no[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
			(void)send_all(c->fd, no, sizeof no - 1);
			return false;
		}
		if (c->size > HEAD_MAX || !receive_more(c)) return false;
	}
	size_t head_size = (size_t)(end - c->bytes) + 4, body_size = 0;
	const char *length = strcasestr(c->bytes, "content-length:");
	if (length != NULL && length < end) body_size = strtoul(length + 15, NULL, 10);
	while (c->size < head_size + body_size)
		if (!receive_more(c)) return false;
	char *head = strndup(c->bytes, head_size), *body = strndup(c->bytes + head_size, body_size);
	must(head != NULL && body != NULL, "strndup");
	c->size -= head_size + body_size;
	memmove(c->bytes, c->bytes + head_size + body_size, c->size + 1);
	bool goes_on = answer(c, head, body, body_size);
	free(head);
	free(body);
	return goes_on;
}

static void *serve(void *context)
{
	connection *c = context;
	while (!is_stopping(c->server) && serve_one(c)) {}
	(void)shutdown(c->fd, SHUT_WR);
	// What is still unread would make the kernel reset the connection, and eat the answer.
	char rest[4096];
	struct timeval soon = {.tv_usec = 20000};
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	while (!is_stopping(c->server) && recv(c->fd, rest, sizeof rest, 0) > 0) {}
	pthread_mutex_lock(&c->server->lock);
	close(c->fd);
	c->fd = -1;
	pthread_mutex_unlock(&c->server->lock);
	free(c->bytes);
	c->bytes = NULL;
	return NULL;
}

static void *accept_all(void *context)
{
	t_http *s = context;
	while (!is_stopping(s)) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		if (poll(&p, 1, 20) <= 0) continue;
		int fd = accept(s->fd, NULL, NULL);
		if (fd < 0) continue;
		int on = 1; // head and body leave in two pieces: neither is to wait for the other
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		must(s->connections < CONNECTIONS_MAX, "too many connections");
		connection *c = calloc(1, sizeof *c);
		must(c != NULL, "calloc");
		*c = (connection){.server = s, .fd = fd, .number = s->connections};
		pthread_mutex_lock(&s->lock);
		s->connection[s->connections++] = c;
		pthread_mutex_unlock(&s->lock);
		must(pthread_create(&c->thread, NULL, serve, c) == 0, "pthread_create");
	}
	return NULL;
}

t_http *t_http_start(t_http_handler *handler, void *context)
{
	t_http *s = calloc(1, sizeof *s);
	must(s != NULL, "calloc");
	s->handler = handler;
	s->context = context;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->fd >= 0, "socket");
	struct sockaddr_in at = {.sin_family = AF_INET};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t size = sizeof at;
	must(bind(s->fd, (struct sockaddr *)&at, size) == 0, "bind");
	must(listen(s->fd, 128) == 0, "listen");
	must(getsockname(s->fd, (struct sockaddr *)&at, &size) == 0, "getsockname");
	s->port = ntohs(at.sin_port);
	must(pthread_create(&s->thread, NULL, accept_all, s) == 0, "pthread_create");
	return s;
}

void t_http_stop(t_http *s)
{
	__atomic_store_n(&s->stops, true, __ATOMIC_RELEASE);
	pthread_join(s->thread, NULL);
	for (uint32_t i = 0; i < s->connections; i++) {
		connection *c = s->connection[i];
		pthread_mutex_lock(&s->lock);
		if (c->fd >= 0) shutdown(c->fd, SHUT_RDWR);
		pthread_mutex_unlock(&s->lock);
		pthread_join(c->thread, NULL);
		free(c);
	}
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint16_t t_http_port(const t_http *s)
{
	return s->port;
}

static uint32_t counted(t_http *s, const uint32_t *count)
{
	pthread_mutex_lock(&s->lock);
	uint32_t n = *count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

uint32_t t_http_requests(t_http *s)
{
	return counted(s, &s->requests);
}

uint32_t t_http_connections(t_http *s)
{
	return counted(s, &s->connections);
}

uint32_t t_http_at_once(t_http *s)
{
	return counted(s, &s->at_once);
}

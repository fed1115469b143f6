// See metrics.h. Here: the port, and who may hold it for how long.
//
// libmicrohttpd reads requests and writes answers, in its own thread. Its timeout counts from the
// last byte, so that a client which sends one byte every second could keep a connection for ever;
// so a second thread looks after the visitors: each has a deadline from the moment it was accepted,
// after which its socket is shut down under it. The library is told to use poll(): with epoll,
// which it uses edge-triggered, it takes a short read for "nothing more there" and misses the end.
//
// The listening socket is made here, so that a port that is taken is told with the system's words,
// and so that the rule "loopback only" stands in front of the bind.
#include "live/metrics_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

enum { REQUEST_BYTES_MAX = 4096, BACKLOG = 16, DEADLINE_MS = 5000, REAP_MS = 250, HOST_MAX = 64 };

typedef struct visitor {
	int fd; // -1: free
	int64_t since_ns;
} visitor;

struct dp_metrics_server {
	dp_metrics *metrics;
	struct MHD_Daemon *daemon;
	pthread_t reaper;
	bool has_reaper;
	uint32_t deadline_ms;
	uint16_t port;
	// Over what follows. A visitor's place is given up before its descriptor is closed, so that
	// none is shut down that is somebody else's already.
	pthread_mutex_t lock;
	pthread_cond_t changed; // somebody came, or it is time to stop
	bool is_stopping;
	uint32_t count;
	visitor visitors[DP_METRIC_CONNECTIONS_MAX];
};

//- answers -----------------------------------------------------------------------------------

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, char *text, size_t size,
                              bool is_owned)
{
	struct MHD_Response *r =
	    is_owned ? MHD_create_response_from_buffer_with_free_callback(size, text, dp_free)
	             : MHD_create_response_from_buffer(size, text, MHD_RESPMEM_PERSISTENT);
	if (r == NULL) {
		if (is_owned) dp_free(text);
		return MHD_NO; // out of memory: the connection is closed
	}
	// A header that does not fit is no reason not to answer; Allow is a courtesy.
	const char *type =
	    is_owned ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8";
	(void)MHD_add_response_header(r, "Content-Type", type);
	(void)MHD_add_response_header(r, "Connection", "close");
	(void)MHD_add_response_header(r, "Cache-Control", "no-store");
	(void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(r, "Allow", "GET, HEAD");
	enum MHD_Result done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result answer_line(struct MHD_Connection *c, unsigned status, const char *line)
{
	return answer(c, status, (char *)(uintptr_t)line, strlen(line), false);
}

static enum MHD_Result answer_metrics(dp_metrics *m, struct MHD_Connection *c)
{
	char *text;
	size_t size;
	if (dp_metrics_text(m, &text, &size, NULL) != DP_OK)
		return answer_line(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	return answer(c, MHD_HTTP_OK, text, size, true);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *io_upload_size, void **io_request)
{
	static char seen;
	dp_metrics_server *s = context;
	(void)version, (void)upload;
	DP_CHECK(s != NULL && s->metrics != NULL);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_line(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (*io_request == NULL) { // the headers are here; the answer is given when all is read
		*io_request = &seen;
		return MHD_YES;
	}
	if (*io_upload_size > 0) return MHD_NO; // nobody sends a body with these
	if (strcmp(url, "/metrics") == 0) return answer_metrics(s->metrics, c);
	if (strcmp(url, "/healthz") == 0) {
		if (dp_metrics_age_ns(s->metrics) < s->metrics->stale_ns)
			return answer_line(c, MHD_HTTP_OK, "ok\n");
		return answer_line(c, MHD_HTTP_SERVICE_UNAVAILABLE,
		                   "no step for too long: see dyepack_step_age_seconds\n");
	}
	return answer_line(c, MHD_HTTP_NOT_FOUND, "only /metrics and /healthz\n");
}

//- visitors ----------------------------------------------------------------------------------

static void enter(dp_metrics_server *s, struct MHD_Connection *c, void **io_visitor)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	DP_CHECK(info != NULL && info->connect_fd >= 0);
	uint32_t i = 0;
	while (i < DP_METRIC_CONNECTIONS_MAX && s->visitors[i].fd >= 0) i++;
	DP_CHECK(i < DP_METRIC_CONNECTIONS_MAX); // the library was told of the same maximum
	s->visitors[i] = (visitor){info->connect_fd, dp_metrics_now_ns()};
	*io_visitor = &s->visitors[i];
	if (s->count++ == 0) DP_CHECK(pthread_cond_signal(&s->changed) == 0);
}

static void notice(void *context, struct MHD_Connection *c, void **io_visitor,
                   enum MHD_ConnectionNotificationCode what)
{
	dp_metrics_server *s = context;
	DP_CHECK(pthread_mutex_lock(&s->lock) == 0);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		enter(s, c, io_visitor);
	} else {
		visitor *gone = *io_visitor;
		DP_CHECK(gone != NULL && gone->fd >= 0 && s->count > 0);
		gone->fd = -1;
		s->count--;
	}
	DP_CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

// Shuts down who was here for too long: the library finds the socket at its end and closes it. The
// caller holds the lock.
static void shut_late(dp_metrics_server *s)
{
	int64_t before = dp_metrics_now_ns() - s->deadline_ms * INT64_C(1000000);
	for (uint32_t i = 0; i < DP_METRIC_CONNECTIONS_MAX; i++)
		if (s->visitors[i].fd >= 0 && s->visitors[i].since_ns < before)
			(void)shutdown(s->visitors[i].fd, SHUT_RDWR); // or the peer was faster
}

static void *look_after(void *argument)
{
	dp_metrics_server *s = argument;
	DP_CHECK(pthread_mutex_lock(&s->lock) == 0);
	while (!s->is_stopping) {
		if (s->count == 0) { // sleeps until somebody comes
			DP_CHECK(pthread_cond_wait(&s->changed, &s->lock) == 0);
			continue;
		}
		shut_late(s);
		int64_t until_ns = dp_metrics_now_ns() + REAP_MS * INT64_C(1000000);
		struct timespec until = {.tv_sec = until_ns / 1000000000,
		                         .tv_nsec = until_ns % 1000000000};
		int waited = pthread_cond_timedwait(&s->changed, &s->lock, &until);
		DP_CHECK(waited == 0 || waited == ETIMEDOUT);
	}
	DP_CHECK(pthread_mutex_unlock(&s->lock) == 0);
	return NULL;
}

//- the port ----------------------------------------------------------------------------------

typedef union place {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} place;

static dp_code bad_address(const char *address, const char *why, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_CASE,
	               "--metrics %.80s: %s; give a number and a port, such as 127.0.0.1:9464",
	               address, why);
}

// "127.0.0.1:9464", "[::1]:9464", "localhost:9464". Names are not looked up: what they stand for
// may change, and this decides who can connect.
static dp_code parse_address(place *ret_place, bool *ret_loopback, const char *address,
                             dp_fault *fault)
{
	const char *colon = strrchr(address, ':');
	if (colon == NULL) return bad_address(address, "no port", fault);
	uint32_t port = 0;
	for (const char *p = colon + 1; *p != 0; p++) {
		if (*p < '0' || *p > '9' || p - colon > 5)
			return bad_address(address, "the port is no number up to 65535", fault);
		port = port * 10 + (uint32_t)(*p - '0');
	}
	if (colon[1] == 0 || port > UINT16_MAX)
		return bad_address(address, "the port is no number up to 65535", fault);
	size_t n = (size_t)(colon - address);
	bool is_six = n >= 2 && address[0] == '[' && address[n - 1] == ']';
	char host[HOST_MAX];
	if (is_six) address++, n -= 2;
	if (n >= sizeof host) return bad_address(address, "too long", fault);
	memcpy(host, address, n);
	host[n] = 0;
	if (!is_six && strcmp(host, "localhost") == 0) memcpy(host, "127.0.0.1", 10);
	place where = {0};
	if (is_six) {
		where.v6.sin6_family = AF_INET6;
		where.v6.sin6_port = htons((uint16_t)port);
		if (inet_pton(AF_INET6, host, &where.v6.sin6_addr) != 1)
			return bad_address(address, "no IPv6 address in the brackets", fault);
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&where.v6.sin6_addr);
	} else {
		where.v4.sin_family = AF_INET;
		where.v4.sin_port = htons((uint16_t)port);
		if (inet_pton(AF_INET, host, &where.v4.sin_addr) != 1)
			return bad_address(address, "no IPv4 address before the colon", fault);
		*ret_loopback = ntohl(where.v4.sin_addr.s_addr) >> 24 == 127;
	}
	*ret_place = where;
	return DP_OK;
}

static dp_code listen_at(int *ret_fd, uint16_t *ret_port, const dp_metrics_options *options,
                         dp_fault *fault)
{
	place where = {0}, got = {0};
	bool is_loopback = false;
	DP_TRY(parse_address(&where, &is_loopback, options->address, fault));
	if (!is_loopback && !options->is_public)
		return dp_fail(fault, DP_BAD_CASE,
		               "--metrics %.80s: other machines could read this, and there is no "
		               "password; use 127.0.0.1, or add --metrics-public if it is meant",
		               options->address);
	socklen_t size = where.any.sa_family == AF_INET ? sizeof where.v4 : sizeof where.v6;
	int on = 1, fd;
	fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	// Address reuse: a port whose last owner was killed a moment ago is free.
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    (where.any.sa_family == AF_INET ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
	    bind(fd, &where.any, size) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, &got.any, &size) == 0) {
		*ret_fd = fd;
		*ret_port =
		    ntohs(where.any.sa_family == AF_INET ? got.v4.sin_port : got.v6.sin6_port);
		return DP_OK;
	}
	int error = errno;
	if (fd >= 0) (void)close(fd);
	return dp_fail(fault, DP_IO, "--metrics %.80s: %s; %s", options->address, strerror(error),
	               error == EADDRINUSE ? "stop who has that port, or take another"
	                                   : "take another address or port");
}

//- life --------------------------------------------------------------------------------------

static dp_metrics_server *assemble(dp_metrics *m, const dp_metrics_options *options)
{
	dp_metrics_server *s = dp_alloc(sizeof *s);
	if (s == NULL) return NULL;
	s->metrics = m;
	s->deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_MS;
	for (uint32_t i = 0; i < DP_METRIC_CONNECTIONS_MAX; i++) s->visitors[i].fd = -1;
	pthread_condattr_t monotonic; // deadlines do not move when the clock is set
	DP_CHECK(pthread_condattr_init(&monotonic) == 0);
	DP_CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	DP_CHECK(pthread_cond_init(&s->changed, &monotonic) == 0);
	DP_CHECK(pthread_condattr_destroy(&monotonic) == 0);
	DP_CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
	return s;
}

static void dismantle(dp_metrics_server *s)
{
	if (s->has_reaper) {
		DP_CHECK(pthread_mutex_lock(&s->lock) == 0);
		s->is_stopping = true;
		DP_CHECK(pthread_cond_signal(&s->changed) == 0);
		DP_CHECK(pthread_mutex_unlock(&s->lock) == 0);
		DP_CHECK(pthread_join(s->reaper, NULL) == 0);
	}
	if (s->daemon != NULL) MHD_stop_daemon(s->daemon); // closes the listening socket, too
	DP_CHECK(s->count == 0);
	DP_CHECK(pthread_cond_destroy(&s->changed) == 0);
	DP_CHECK(pthread_mutex_destroy(&s->lock) == 0);
	dp_free(s);
}

static bool start_threads(dp_metrics_server *s, int fd)
{
	// Signals are for the main thread: the program waits for them there.
	sigset_t all, before;
	DP_CHECK(sigfillset(&all) == 0);
	DP_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	s->has_reaper = pthread_create(&s->reaper, NULL, look_after, s) == 0;
	s->daemon = MHD_start_daemon(MHD_USE_POLL_INTERNALLY | MHD_USE_ITC, 0, NULL, NULL, handle,
	                             s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	                             (unsigned)DP_METRIC_CONNECTIONS_MAX,
	                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX,
	                             MHD_OPTION_CONNECTION_TIMEOUT, s->deadline_ms / 1000 + 1,
	                             MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
	                             notice, s, MHD_OPTION_END);
	DP_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	if (s->daemon == NULL) (void)close(fd); // else it is the library's
	return s->has_reaper && s->daemon != NULL;
}

dp_code dp_metrics_serve(dp_metrics_server **ret_server, dp_metrics *m,
                         const dp_metrics_options *options, dp_fault *fault)
{
	dp_metrics_server *s = assemble(m, options);
	if (s == NULL)
		return dp_fail(fault, DP_NO_MEMORY,
		               "no memory for metrics: free some and try again");
	int fd = -1;
	dp_code code = listen_at(&fd, &s->port, options, fault);
	if (code == DP_OK && !start_threads(s, fd))
		code = dp_fail(fault, DP_IO,
		               "--metrics %.80s: the system gives no thread or no files for it; "
		               "raise its limits or leave --metrics away",
		               options->address);
	if (code != DP_OK) {
		dismantle(s);
		return code;
	}
	*ret_server = s;
	return DP_OK;
}

void dp_metrics_serve_end(dp_metrics_server *s)
{
	DP_CHECK(s != NULL && s->has_reaper);
	dismantle(s);
}

uint16_t dp_metrics_serve_port(const dp_metrics_server *s)
{
	return s->port;
}

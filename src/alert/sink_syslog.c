// The system's log as a sink: one line, to the socket of the local daemon.
//
// Not by syslog(3), which keeps one connection for the whole process and blocks in its thread for
// as long as the daemon's queue is full. The line is that of RFC 3164 without its time, "<30>name[
// pid]: text": journald, rsyslog and busybox all put their own time where none is given, and so
// neither the locale nor the zone has a say.
#include "alert/sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/check.h"

static const char default_socket[] = "/dev/log";

static dp_code open_syslog(dp_sink *s, dp_fault *fault)
{
	const char *path = s->config.path == NULL ? default_socket : s->config.path;
	if (strlen(path) < sizeof((struct sockaddr_un *)0)->sun_path) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE, "sink %s: the socket's path is too long",
	               s->config.name);
}

static int priority_of(const char *severity)
{
	if (strcmp(severity, "critical") == 0) return LOG_CRIT;
	if (strcmp(severity, "high") == 0) return LOG_WARNING;
	return strcmp(severity, "medium") == 0 ? LOG_NOTICE : LOG_INFO;
}

// The daemon's queue is full: wait until it is not. False: the time is over.
static bool wait_for_room(const dp_sink *s, int fd, int64_t until_ms)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLOUT}, {.fd = s->stop_fd, .events = POLLIN}};
	int64_t left = until_ms - dp_sink_now_ms();
	if (left <= 0) return false;
	// A full queue of datagrams is not always told by poll: look again soon.
	(void)poll(p, 2, left < 20 ? (int)left : 20);
	if ((p[0].revents & POLLOUT) != 0) (void)poll(&p[1], 1, 2);
	return p[1].revents == 0;
}

static void send_line(dp_sink *s, dp_delivery *d, int fd, const char *line, size_t n)
{
	int64_t until_ms = dp_sink_now_ms() + s->config.timeout_ms;
	while (send(fd, line, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n) {
		if (errno == EINTR) continue;
		if (errno != EAGAIN && errno != ENOBUFS) {
			dp_delivery_fail(d, "the system's log: %s", strerror(errno));
			return;
		}
		if (wait_for_room(s, fd, until_ms)) continue;
		d->is_broken_off = dp_sink_stops(s);
		dp_delivery_fail(d, "the system's log takes no more lines");
		return;
	}
	d->is_taken = true;
}

static void send_syslog(dp_sink *s, dp_delivery *d, const dp_letter *letter)
{
	char line[DP_BODY_LINE_MAX + 64];
	int n = snprintf(line, sizeof line, "<%d>dyepack[%d]: %s",
	                 (s->config.facility & LOG_FACMASK) | priority_of(letter->severity),
	                 (int)getpid(), letter->line);
	DP_CHECK(n > 0 && (size_t)n < sizeof line);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *path = s->config.path == NULL ? default_socket : s->config.path;
	memcpy(at.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		dp_delivery_fail(d, "the system's log: %s", strerror(errno));
		d->is_unreachable = true;
	} else {
		send_line(s, d, fd, line, (size_t)n);
	}
	if (fd >= 0) (void)close(fd);
}

const dp_sink_ops dp_sink_syslog = {.open = open_syslog, .send = send_syslog};

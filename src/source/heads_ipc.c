// Heads over a node's Unix socket (geth.ipc, and what others call so): the conversation of
// heads_talk.c as JSON objects one behind the other, with or without line ends between them (geth
// ends each with one, others do not). So they are told apart by their brackets.
//
// A connect to a Unix socket never waits: it is made, refused, or the listener's queue is full,
// which is a failure like others and tried again later.
#include "source/heads_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

typedef struct ipc_link {
	dp_heads_talk talk;
	dp_heads_split split;
	int socket; // plus 1, so that zero is none
	char *message;
	uint64_t size, cap;
	char bytes[DP_HEADS_READ_SIZE];
} ipc_link;

static bool send_message(dp_heads *h, const char *text, size_t n)
{
	ipc_link *l = h->link;
	return dp_heads_out_put(&l->talk, text, n) && dp_heads_out_put(&l->talk, "\n", 1);
}

static dp_code connect_ipc(dp_heads *h, dp_fault *fault)
{
	(void)fault;
	ipc_link *l = h->link;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = strlen(h->secret_url);
	DP_CHECK(l->socket == 0 && n > 0 && n < sizeof to.sun_path);
	memcpy(to.sun_path, h->secret_url, n);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		dp_heads_break(h, "no socket can be made: %s", strerror(errno));
		return DP_OK;
	}
	l->socket = fd + 1;
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
		dp_heads_break(h, "cannot connect: %s", strerror(errno));
	else
		dp_heads_talk_begin(h, &l->talk, send_message);
	return DP_OK;
}

static void drop_ipc(dp_heads *h)
{
	ipc_link *l = h->link;
	if (l->socket != 0) (void)close(l->socket - 1);
	dp_free(l->message);
}

static void flush(dp_heads *h, ipc_link *l)
{
	dp_heads_talk *t = &l->talk;
	while (t->out_sent < t->out_size) {
		ssize_t n = send(l->socket - 1, t->out + t->out_sent, t->out_size - t->out_sent,
		                 MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			dp_heads_break(h, "the connection broke: %s", strerror(errno));
		if (n <= 0) return;
		t->out_sent += (size_t)n;
	}
}

static dp_code keep(ipc_link *l, const char *bytes, size_t n, dp_fault *fault)
{
	void *grown = l->message;
	DP_TRY(dp_grow(&grown, &l->cap, 1, l->size + n, DP_HEADS_MESSAGE_MAX, fault));
	l->message = grown;
	if (n > 0) memcpy(l->message + l->size, bytes, n);
	l->size += n;
	return DP_OK;
}

static dp_code hear(dp_heads *h, ipc_link *l, const char *bytes, size_t n, dp_fault *fault)
{
	for (size_t at = 0; at < n && !h->is_broken;) {
		size_t skip = 0, used = 0;
		dp_heads_cut cut = dp_heads_split_feed(&l->split, &skip, &used, bytes + at, n - at);
		DP_CHECK(skip <= used && used <= n - at);
		if (cut == DP_HEADS_CUT_BAD) {
			dp_heads_break(h, "sent what is no JSON object");
		} else if (used - skip > DP_HEADS_MESSAGE_MAX - l->size) {
			dp_heads_break(h, "sent a message of more than %d MiB",
			               DP_HEADS_MESSAGE_MAX >> 20);
		} else {
			DP_TRY(keep(l, bytes + at + skip, used - skip, fault));
		}
		at += used;
		if (h->is_broken || cut != DP_HEADS_CUT_END) continue;
		DP_TRY(dp_heads_talk_hear(h, &l->talk, send_message, l->message, (size_t)l->size,
		                          fault));
		l->size = 0;
	}
	return DP_OK;
}

static dp_code turn_ipc(dp_heads *h, dp_fault *fault)
{
	ipc_link *l = h->link;
	int64_t begun = dp_heads_now_ms();
	size_t sum = 0;
	flush(h, l);
	while (!h->is_broken) {
		if (sum >= DP_HEADS_TURN_BYTES || dp_heads_now_ms() - begun >= DP_HEADS_TURN_MS) {
			h->more = true;
			break;
		}
		ssize_t n = recv(l->socket - 1, l->bytes, sizeof l->bytes, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
		if (n < 0) dp_heads_break(h, "the connection broke: %s", strerror(errno));
		if (n == 0) dp_heads_break(h, "closed the connection");
		if (n <= 0) break;
		dp_heads_heard(h);
		sum += (size_t)n;
		DP_TRY(hear(h, l, l->bytes, (size_t)n, fault));
	}
	if (!h->is_broken) flush(h, l); // answers to what was just heard
	return DP_OK;
}

static void probe_ipc(dp_heads *h)
{
	ipc_link *l = h->link;
	dp_heads_talk_probe(h, send_message);
	if (!h->is_broken) flush(h, l);
}

static int fd_ipc(const dp_heads *h, bool *ret_write)
{
	const ipc_link *l = h->link;
	*ret_write = l->talk.out_sent < l->talk.out_size;
	return l->socket - 1;
}

const dp_heads_way dp_heads_ipc = {
    .link_size = sizeof(ipc_link),
    .connect = connect_ipc,
    .drop = drop_ipc,
    .turn = turn_ipc,
    .probe = probe_ipc,
    .fd = fd_ipc,
};

// Heads of a Bitcoin node's ZeroMQ publisher (Bitcoin Core, doc/zmq.md): messages of three parts,
// the topic, the body, and a counter.
//
//   topic       body                                   what is taken of it
//   hashblock   32 bytes                               look at the tip
//   rawblock    the block                              look at the tip
//   sequence    32 bytes, 'C' or 'D', ...              look at the tip (a block came or went)
//               32 bytes, 'A' or 'R', ...              nothing: the transaction itself comes as
//   rawtx       the transaction                        that, from the mempool and out of blocks
//   hashtx      32 bytes                               nothing
//
// A body of another size, a topic that only begins like one of these, more or fewer parts: left
// out. The counter is not looked at; what was lost is found by asking the node.
//
// libzmq would make a lost connection again by itself, but not after a peer broke the protocol (too
// large a message is such a case), and it tells nobody. So that is switched off: a monitor socket
// says how the connection is, whatever ends it is a dp_heads_break, and the next attempt has a new
// context. A publisher may rightly be silent for an hour; whether it lives is asked by ZMTP's own
// heartbeats.
//
// The descriptor of a socket is "edge-triggered": readable says that something changed, not that a
// message is there, and with messages left over it is not readable again. Hence sockets are read
// until they have nothing (ZMQ_EVENTS), or `more` is set. Both descriptors hang on one of epoll, so
// that the caller has one to wait for.
//
// What is held: libzmq keeps up to 4,096 messages that nobody took, then it drops new ones. With
// transactions of some hundred bytes that is little; the worst that a hostile publisher could do is
// that many of 16 MiB each. The publisher is the user's own node.
//
// Names are looked up by libzmq's thread, and the end of a context waits for that, up to half a
// minute with a name server that does not answer. So where it might, the context is ended on a
// thread of its own, which nobody waits for and which touches nothing else.
#include "source/heads_private.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include "base/check.h"

enum { WAITING_MAX = 4096, TOPIC_MAX = 16, HASH_SIZE = 32, BLOCK_SIZE_MIN = 81, TX_SIZE_MIN = 10 };

typedef struct zmq_link {
	void *context, *sub, *monitor;
	int epoll; // plus 1, so that zero is none
	uint32_t part;
	char topic[TOPIC_MAX];
	size_t topic_size;
} zmq_link;

static const char monitor_place[] = "inproc://monitor";

//- connecting ------------------------------------------------------------------------------------

static bool set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_options(const dp_heads *h, void *sub)
{
	int64_t max = DP_HEADS_FRAME_MAX;
	int silence = h->options.silence_ms < 1 << 22 ? (int)h->options.silence_ms : 1 << 22;
	int answer = silence < DP_HEADS_PROBE_MS ? silence : DP_HEADS_PROBE_MS;
	bool fine = zmq_setsockopt(sub, ZMQ_MAXMSGSIZE, &max, sizeof max) == 0;
	fine = fine && set_int(sub, ZMQ_RCVHWM, WAITING_MAX) && set_int(sub, ZMQ_LINGER, 0);
	fine = fine && set_int(sub, ZMQ_RECONNECT_IVL, -1) && set_int(sub, ZMQ_IPV6, 1);
	fine = fine && set_int(sub, ZMQ_CONNECT_TIMEOUT, DP_HEADS_CONNECT_MS);
	fine = fine && set_int(sub, ZMQ_HANDSHAKE_IVL, DP_HEADS_CONNECT_MS);
	fine = fine && set_int(sub, ZMQ_HEARTBEAT_IVL, silence);
	fine = fine && set_int(sub, ZMQ_HEARTBEAT_TIMEOUT, answer);
	static const char *const topics[] = {"hashblock", "rawblock", "sequence", "rawtx",
	                                     "hashtx"};
	size_t count = h->options.wants_pending ? 5 : 3;
	for (size_t i = 0; fine && i < count; i++)
		fine = zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topics[i], strlen(topics[i])) == 0;
	return fine;
}

static bool watch(int epoll, void *socket)
{
	int fd = -1;
	size_t size = sizeof fd;
	struct epoll_event event = {.events = EPOLLIN};
	return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 &&
	       epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool build(const dp_heads *h, zmq_link *l)
{
	const int events = ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED |
	                   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
	                   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
	l->context = zmq_ctx_new();
	if (l->context == NULL) return false;
	(void)zmq_ctx_set(l->context, ZMQ_MAX_SOCKETS, 8);
	l->sub = zmq_socket(l->context, ZMQ_SUB);
	l->monitor = zmq_socket(l->context, ZMQ_PAIR);
	if (l->sub == NULL || l->monitor == NULL || !set_options(h, l->sub)) return false;
	if (zmq_socket_monitor(l->sub, monitor_place, events) != 0) return false;
	if (!set_int(l->monitor, ZMQ_LINGER, 0)) return false;
	if (zmq_connect(l->monitor, monitor_place) != 0) return false;
	int fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0) return false;
	l->epoll = fd + 1;
	return watch(fd, l->sub) && watch(fd, l->monitor) &&
	       zmq_connect(l->sub, h->secret_url) == 0;
}

static dp_code connect_zmq(dp_heads *h, dp_fault *fault)
{
	(void)fault;
	zmq_link *l = h->link;
	DP_CHECK(l->context == NULL);
	if (!build(h, l)) dp_heads_break(h, "cannot connect: %s", zmq_strerror(zmq_errno()));
	return DP_OK;
}

static void *end_context(void *context)
{
	while (zmq_ctx_term(context) != 0 && zmq_errno() == EINTR) {}
	return NULL;
}

// May a name be looked up right now? "tcp://[::1]:1" and "tcp://127.0.0.1:1" hold none.
static bool may_look_up(const dp_heads *h)
{
	const char *place = h->secret_url;
	if (h->state == DP_HEADS_UP || strncmp(place, "tcp://", 6) != 0) return false;
	size_t n = strspn(place + 6, "0123456789.");
	return place[6] != '[' && place[6 + n] != ':';
}

static bool end_elsewhere(void *context)
{
	pthread_t thread;
	pthread_attr_t attr;
	if (pthread_attr_init(&attr) != 0) return false;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	bool is_started = pthread_create(&thread, &attr, end_context, context) == 0;
	(void)pthread_attr_destroy(&attr);
	return is_started;
}

static void drop_zmq(dp_heads *h)
{
	zmq_link *l = h->link;
	if (l->sub != NULL) (void)zmq_socket_monitor(l->sub, NULL, 0);
	if (l->monitor != NULL) (void)zmq_close(l->monitor);
	if (l->sub != NULL) (void)zmq_close(l->sub);
	if (l->epoll != 0) (void)close(l->epoll - 1);
	if (l->context == NULL || (may_look_up(h) && end_elsewhere(l->context))) return;
	(void)end_context(l->context);
}

//- reading ---------------------------------------------------------------------------------------

// Takes one part, where there is one. `msg` is initialised, and closed by the caller.
static bool take(void *socket, zmq_msg_t *msg)
{
	while (zmq_msg_recv(msg, socket, ZMQ_DONTWAIT) < 0)
		if (zmq_errno() != EINTR) return false;
	return true;
}

static void judge_event(dp_heads *h, uint32_t event)
{
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
		if (h->state == DP_HEADS_CONNECTING) dp_heads_risen(h);
		return;
	}
	bool is_failed = event != ZMQ_EVENT_CLOSED && event != ZMQ_EVENT_DISCONNECTED &&
	                 event != ZMQ_EVENT_CONNECT_RETRIED;
	if (is_failed)
		dp_heads_break(h, "speaks no ZeroMQ, or not to us");
	else if (h->state == DP_HEADS_UP)
		dp_heads_break(h, "the connection broke");
	else
		dp_heads_break(h, "takes no connection: is the node running, with -zmqpub...?");
}

// An event is two parts: its number (16 bits) with a value (32 bits), and the address.
static void hear_monitor(dp_heads *h, zmq_link *l)
{
	zmq_msg_t msg;
	(void)zmq_msg_init(&msg);
	while (!h->is_broken && take(l->monitor, &msg)) {
		uint16_t event = 0;
		bool is_first = zmq_msg_more(&msg) != 0;
		if (!is_first || zmq_msg_size(&msg) < sizeof event) continue;
		memcpy(&event, zmq_msg_data(&msg), sizeof event);
		judge_event(h, event);
	}
	(void)zmq_msg_close(&msg);
}

static bool is_topic(const zmq_link *l, const char *name)
{
	return l->topic_size == strlen(name) && memcmp(l->topic, name, l->topic_size) == 0;
}

static dp_code hear_body(dp_heads *h, const zmq_link *l, const uint8_t *body, size_t n,
                         dp_fault *fault)
{
	DP_CHECK(body != NULL || n == 0);
	bool is_block = (is_topic(l, "hashblock") && n == HASH_SIZE) ||
	                (is_topic(l, "rawblock") && n >= BLOCK_SIZE_MIN);
	if (is_topic(l, "sequence") && n > HASH_SIZE)
		is_block = body[HASH_SIZE] == 'C' || body[HASH_SIZE] == 'D';
	if (is_block) dp_heads_say_block(h);
	if (!is_topic(l, "rawtx") || n < TX_SIZE_MIN) return DP_OK;
	return dp_heads_say_tx(h, body, n, fault);
}

// One part of a message. Others than topic and body are passed over.
static dp_code hear_part(dp_heads *h, zmq_link *l, zmq_msg_t *msg, dp_fault *fault)
{
	const uint8_t *bytes = zmq_msg_data(msg);
	size_t n = zmq_msg_size(msg);
	uint32_t part = l->part;
	// A hostile message may have any number of parts: three are as good as all that follow.
	l->part = zmq_msg_more(msg) != 0 ? (part < 2 ? part + 1 : 2) : 0;
	if (part == 0) {
		l->topic_size = n < TOPIC_MAX ? n : 0;
		memcpy(l->topic, bytes, l->topic_size);
	}
	return part == 1 ? hear_body(h, l, bytes, n, fault) : DP_OK;
}

static bool has_more(void *socket)
{
	int events = 0;
	size_t size = sizeof events;
	return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 &&
	       ((uint32_t)events & ZMQ_POLLIN) != 0;
}

static dp_code turn_zmq(dp_heads *h, dp_fault *fault)
{
	zmq_link *l = h->link;
	int64_t begun = dp_heads_now_ms();
	size_t sum = 0;
	dp_code code = DP_OK;
	zmq_msg_t msg;
	DP_CHECK(l->sub != NULL && l->monitor != NULL);
	(void)zmq_msg_init(&msg);
	while (code == DP_OK && sum < DP_HEADS_TURN_BYTES &&
	       dp_heads_now_ms() - begun < DP_HEADS_TURN_MS && take(l->sub, &msg)) {
		sum += zmq_msg_size(&msg);
		code = hear_part(h, l, &msg, fault);
	}
	(void)zmq_msg_close(&msg);
	if (sum > 0) dp_heads_heard(h);
	// Last: what a connection brought before it broke is still taken.
	if (code == DP_OK) hear_monitor(h, l);
	if (!h->is_broken) h->more = has_more(l->sub) || has_more(l->monitor);
	return code;
}

static int fd_zmq(const dp_heads *h, bool *ret_write)
{
	const zmq_link *l = h->link;
	*ret_write = false;
	return l->epoll - 1;
}

const dp_heads_way dp_heads_zmq = {
    .link_size = sizeof(zmq_link),
    .connect = connect_zmq,
    .drop = drop_zmq,
    .turn = turn_zmq,
    .fd = fd_zmq,
};

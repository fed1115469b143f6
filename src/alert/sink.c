// What all sinks share: opening with everything copied, and a few words about time and errors. See
// sink.h.
//
// Copies, because a thread that hangs in the kernel (a disk that does not answer) is left behind
// when the courier stops, and whoever made the rules frees them then.
#include "alert/sink.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "codec/utf8.h"

static const dp_sink_ops *ops_of(dp_sink_kind kind)
{
	switch (kind) {
	case DP_SINK_WEBHOOK:
	case DP_SINK_SLACK:
	case DP_SINK_TELEGRAM: return &dp_sink_webhook;
	case DP_SINK_COMMAND: return &dp_sink_command;
	case DP_SINK_FILE: return &dp_sink_file;
	case DP_SINK_SYSLOG: return &dp_sink_syslog;
	case DP_SINK_MAIL: return &dp_sink_mail;
	}
	return NULL;
}

static dp_code copy(dp_arena *arena, const char **io_text, dp_fault *fault)
{
	if (*io_text == NULL) return DP_OK;
	*io_text = dp_arena_text(arena, *io_text, strlen(*io_text));
	return *io_text != NULL ? DP_OK : dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static dp_code copy_config(dp_sink *s, const dp_sink_config *config, dp_fault *fault)
{
	dp_sink_config *c = &s->config;
	*c = *config;
	DP_CHECK(c->name != NULL && c->list_count <= DP_RULE_LIST_MAX);
	const char **texts[] = {&c->name, &c->url,  &c->secret,     &c->chat,
	                        &c->path, &c->from, &s->search_path};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		DP_TRY(copy(&s->arena, texts[i], fault));
	// With a NULL behind the last, as programs are given their words.
	const char **list = dp_arena_alloc(&s->arena, (c->list_count + 1u) * sizeof *list);
	if (list == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < c->list_count; i++) {
		list[i] = config->list[i];
		DP_TRY(copy(&s->arena, &list[i], fault));
	}
	c->list = list;
	if (c->timeout_ms <= 0)
		c->timeout_ms =
		    c->kind == DP_SINK_COMMAND || c->kind == DP_SINK_MAIL ? 30000 : 10000;
	if (c->give_up_ms <= 0) c->give_up_ms = INT64_C(24) * 3600 * 1000;
	return DP_OK;
}

dp_code dp_sink_open(dp_sink **ret_sink, const dp_sink_config *config, const char *search_path,
                     int stop_fd, dp_fault *fault)
{
	DP_CHECK(ret_sink != NULL && config != NULL);
	const dp_sink_ops *ops = ops_of(config->kind);
	DP_CHECK(ops != NULL);
	dp_sink *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->stop_fd = stop_fd;
	s->search_path = search_path;
	dp_code code = copy_config(s, config, fault);
	if (code == DP_OK) {
		s->ops = ops;
		code = ops->open(s, fault);
	}
	if (code != DP_OK) {
		dp_sink_close(s);
		return code;
	}
	*ret_sink = s;
	return DP_OK;
}

void dp_sink_close(dp_sink *s)
{
	if (s == NULL) return;
	if (s->ops != NULL && s->ops->close != NULL) s->ops->close(s);
	dp_arena_done(&s->arena);
	dp_free(s);
}

int64_t dp_sink_now_ms(void)
{
	struct timespec now;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool dp_sink_stops(const dp_sink *s)
{
	struct pollfd p = {.fd = s->stop_fd, .events = POLLIN};
	return poll(&p, 1, 0) > 0;
}

void dp_delivery_fail(dp_delivery *d, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(d->error, sizeof d->error, format, args);
	va_end(args);
	DP_CHECK(n >= 0);
}

void dp_sink_said(char *out, size_t out_size, const char *text, size_t n)
{
	DP_CHECK(out_size > 8);
	size_t size = 0, at = 0;
	while (at < n && (unsigned char)text[at] <= ' ') at++;
	for (uint32_t count = 0; at < n && count < DP_SINK_SAID_MAX; count++) {
		size_t from = at;
		uint32_t c = dp_utf8_next(text, n, &at);
		if (c == '\n' || c == '\r') break;
		bool is_shown = c != DP_UTF8_BAD && dp_utf8_is_shown(c);
		size_t k = is_shown ? at - from : 1;
		if (k >= out_size - size) break;
		memcpy(out + size, is_shown ? text + from : " ", k);
		size += k;
	}
	out[size] = 0;
}

// The log of `follow` on stderr: one line an event, and on a terminal a status line below.
//
//   time=2026-03-01T12:00:00.123Z level=info event=reorg chain=ethereum from=21900123 to=21900120
//   {"time":"2026-03-01T12:00:00.123Z","level":"info","event":"reorg","chain":"ethereum",...}
//   ethereum 21,900,123 (+0, 3 s)  bitcoin 885,001 (+1, 41 s) · 3 cases · 12 alerts (1 waiting)
//
// An event is written with fields that are typed by what is given:
//
//   dp_log(log, DP_LOG_INFO, "reorg", DP_F("chain", name), DP_F("from", height), DP_F("to", to));
//
// What strangers wrote (a service's tag, a server's answer) can neither end a line, nor begin a
// field, nor turn or hide text on a terminal: everything of the kind is escaped, as in JSON.
//
// The same line again within a minute is not written but counted; when the minute is over (or other
// lines need the room) it is written once more with repeated=N. A reader that does not read (a
// stopped terminal, a full pipe) holds up the program for a moment at the most: lines are lost
// instead, and the next one that gets through is preceded by event=log-lost count=N.
//
// dp_log and dp_logger_notice may be called from any thread, the rest from the main thread. Nothing
// here fails: a log that cannot be written is no reason to stop. SIGPIPE should be ignored by the
// caller: a pipe whose reader is gone is not written to, but it may go between the two.
#ifndef DP_CLI_LOG_H
#define DP_CLI_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

enum {
	DP_LOG_LINE_MAX = 4096,  // with its newline; a pipe takes so many bytes whole (PIPE_BUF)
	DP_LOG_VALUE_MAX = 1024, // bytes of one value as given; more is cut
	DP_LOG_FIELDS_MAX = 32,
	DP_LOG_KEPT_MAX = 32, // different lines whose repetition is noticed
	DP_LOG_CHAINS_MAX = 16,
};

typedef enum dp_logger_level {
	DP_LOG_DEBUG = 1,
	DP_LOG_INFO,
	DP_LOG_WARN,
	DP_LOG_ERROR
} dp_logger_level;
// "debug", "info", "warn", "error"; false for any other word.
bool dp_logger_level_parse(dp_logger_level *ret_level, const char *text);

typedef enum dp_field_kind {
	DP_FIELD_NONE = 0, // left out; so is a text that is NULL
	DP_FIELD_TEXT,
	DP_FIELD_UINT,
	DP_FIELD_INT,
	DP_FIELD_BOOL,
	DP_FIELD_NS // seconds, out of nanoseconds: 1.25
} dp_field_kind;

typedef struct dp_field {
	const char *key; // ours: a-z, 0-9, _ and -
	dp_field_kind kind;
	union {
		const char *text;
		uint64_t u;
		int64_t i;
	};
} dp_field;

dp_field dp_field_text(const char *key, const char *value);
dp_field dp_field_uint(const char *key, uint64_t value);
dp_field dp_field_int(const char *key, int64_t value);
dp_field dp_field_bool(const char *key, bool value);
dp_field dp_field_ns(const char *key, int64_t ns);

// By the value's type; the constants true and false are ints in C17 and give 1 and 0. A type that
// is not here (floating point, above all) does not compile.
// clang-format off
#define DP_F(key, value) \
	_Generic((value), \
		char *: dp_field_text, \
		const char *: dp_field_text, \
		bool: dp_field_bool, \
		int: dp_field_int, \
		long: dp_field_int, \
		long long: dp_field_int, \
		unsigned: dp_field_uint, \
		unsigned long: dp_field_uint, \
		unsigned long long: dp_field_uint, \
		unsigned char: dp_field_uint, \
		unsigned short: dp_field_uint)(key, value)
// clang-format on

typedef struct dp_logger dp_logger;

typedef struct dp_logger_options {
	int fd; // usually 2; stays the caller's
	bool is_json;
	bool is_quiet;             // no status line, and nothing below DP_LOG_WARN
	dp_logger_level level_min; // 0: DP_LOG_INFO
	// For tests; NULL: the system's. Milliseconds since 1970, and monotonic nanoseconds.
	int64_t (*wall_ms)(void *context);
	int64_t (*mono_ns)(void *context);
	void *context;
} dp_logger_options;

DP_MUST dp_code dp_logger_open(dp_logger **ret_log, const dp_logger_options *options,
                               dp_fault *fault);
// Writes what is still counted, takes the status line away. NULL is fine.
void dp_logger_close(dp_logger *log);

#define dp_log(log, level, event, ...)                                                             \
	dp_logger_write(                                                                           \
	    log, level, event, (const dp_field[]){{.key = NULL}, ##__VA_ARGS__} + 1,               \
	    sizeof((const dp_field[]){{.key = NULL}, ##__VA_ARGS__}) / sizeof(dp_field) - 1)
void dp_logger_write(dp_logger *log, dp_logger_level level, const char *event,
                     const dp_field *fields, size_t count);
// A fault, with file and place where it has them, and further fields before it.
void dp_logger_fault(dp_logger *log, dp_logger_level level, const char *event, const char *chain,
                     const dp_fault *fault);
// The courier's notice (courier.h), `log` as its context: event=sink sink=desk text="...".
void dp_logger_notice(void *log, const char *sink, const char *text);

typedef struct dp_logger_chain {
	const char *name;
	uint64_t height;
	uint64_t lag_blocks;
	int64_t age_s; // of the last block; below 0: not known
	bool is_stopped;
} dp_logger_chain;

typedef struct dp_logger_status {
	dp_logger_chain chain[DP_LOG_CHAINS_MAX];
	uint32_t chain_count; // more than the maximum are shown as "+3 chains"
	uint64_t cases, holders, alerts, waiting;
} dp_logger_status;
// The status line becomes this; drawn at most four times a second, and only where stderr is a
// terminal that can (not TERM=dumb), with text lines, and not quiet. Texts are not kept.
void dp_logger_show(dp_logger *log, const dp_logger_status *status);
// Draws what is due, writes repetitions whose minute is over. Call it now and then, best at each
// turn of the main loop.
void dp_logger_tick(dp_logger *log);

#endif

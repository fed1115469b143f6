// Sinks: where messages are brought. One kind of sink, one file: sink_webhook.c (also Slack and
// Telegram), sink_command.c, sink_mail.c, sink_file.c, sink_syslog.c. For the courier only.
//
// A sink belongs to one thread. Sending may take as long as the sink's timeout and never longer; it
// is broken off at once when `stop_fd` becomes readable. Everything a sink says comes back as one
// line without secrets.
#ifndef DP_ALERT_SINK_H
#define DP_ALERT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/body.h"
#include "alert/rules.h"
#include "base/fault.h"
#include "base/mem.h"

enum {
	DP_SINK_ERROR_MAX = 240,
	DP_SINK_SAID_MAX = 100,          // characters repeated of what a sink says
	DP_SINK_ANSWER_MAX = 64 << 10,   // bytes read of an answer, and of its headers
	DP_SINK_WAIT_MAX_MS = 5 * 60000, // how long a sink may ask us to wait
	DP_LETTER_FIELD_MAX = 256,
};

// One message as it is sent.
typedef struct dp_letter {
	int64_t seq, now_ms; // wall clock
	const char *body;    // in the sink's form; "" for syslog
	size_t body_size;
	char line[DP_BODY_LINE_MAX];
	char
	    digest[33]; // hex, over ids and revisions: equal for every try, and in no other message
	// Of the first alert, without control characters.
	char id[DP_LETTER_FIELD_MAX], incident[DP_LETTER_FIELD_MAX], rule[DP_LETTER_FIELD_MAX];
	char kind[DP_LETTER_FIELD_MAX], severity[DP_LETTER_FIELD_MAX], state[DP_LETTER_FIELD_MAX];
} dp_letter;

// What became of a try. None of the flags: it failed, and may go better another time.
typedef struct dp_delivery {
	bool is_taken;
	bool is_refused;     // for ever: another try is of no use
	bool is_broken_off;  // we are to stop: as if it had not been tried
	bool is_unreachable; // nobody was there: nor will there be for the next message
	int64_t wait_ms;     // how long the sink asks us to wait; 0: it does not
	char error[DP_SINK_ERROR_MAX];
} dp_delivery;

typedef struct dp_sink dp_sink;
typedef struct dp_sink_ops {
	dp_body_form form; // 0: the line is enough
	dp_code (*open)(dp_sink *s, dp_fault *fault);
	void (*send)(dp_sink *s, dp_delivery *ret_delivery, const dp_letter *letter);
	void (*close)(dp_sink *s);
} dp_sink_ops;

struct dp_sink {
	dp_sink_config config; // a copy; its texts are in the arena
	const char *search_path;
	const dp_sink_ops *ops;
	int stop_fd;
	void *own; // of its kind
	dp_arena arena;
};

// Copies everything it keeps. DP_BAD_CASE for a sink that can never work.
DP_MUST dp_code dp_sink_open(dp_sink **ret_sink, const dp_sink_config *config,
                             const char *search_path, int stop_fd, dp_fault *fault);
void dp_sink_close(dp_sink *s); // NULL is fine

extern const dp_sink_ops dp_sink_webhook, dp_sink_command, dp_sink_mail, dp_sink_file,
    dp_sink_syslog;

//- for the files of sinks ------------------------------------------------------------------------

// Milliseconds of a clock that never steps.
int64_t dp_sink_now_ms(void);
// Is the courier to stop?
bool dp_sink_stops(const dp_sink *s);
// Sets the error of a failed try.
void dp_delivery_fail(dp_delivery *d, const char *format, ...) DP_PRINTF(2, 3);
// What a stranger said, fit for one line: control characters become blanks, at most
// DP_SINK_SAID_MAX characters of the first line that is not blank.
void dp_sink_said(char *out, size_t out_size, const char *text, size_t n);
// Runs a program with `input` on its standard input; see sink_command.c.
void dp_sink_run(dp_sink *s, dp_delivery *ret_delivery, const dp_letter *letter,
                 const char *const *words, const char *input, size_t input_size);

#endif

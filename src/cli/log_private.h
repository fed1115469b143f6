// Between log.c (who may write when) and log_text.c (what a line looks like): for these two only.
#ifndef DP_CLI_LOG_PRIVATE_H
#define DP_CLI_LOG_PRIVATE_H

#include "cli/log.h"

enum {
	// Of a line, what comes around its body: time, braces, repeated=N, the newline.
	DP_LOG_AROUND_MAX = 128,
	DP_LOG_BODY_MAX = DP_LOG_LINE_MAX - DP_LOG_AROUND_MAX,
	DP_LOG_STATUS_MAX = 2048, // bytes of a status line
};

// What makes two lines the same: all but the time.
typedef struct dp_log_body {
	size_t size;
	char bytes[DP_LOG_BODY_MAX];
} dp_log_body;

void dp_log_compose(dp_log_body *ret_body, bool is_json, dp_logger_level level, const char *event,
                    const dp_field *fields, size_t count);
// The whole line with its newline; `repeated` 0: not said. Returns its size.
size_t dp_log_line(char out[DP_LOG_LINE_MAX], bool is_json, int64_t wall_ms,
                   const dp_log_body *body, uint64_t repeated);

// The status line, of any width, and as much of it as `columns` take; both return the size.
size_t dp_log_status_text(char out[DP_LOG_STATUS_MAX], const dp_logger_status *status);
size_t dp_log_status_cut(char out[DP_LOG_STATUS_MAX], const char *text, size_t columns);

#endif

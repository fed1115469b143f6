// Reading what to screen line by line, see screen.h. Of a stream the answers must come out before
// the next question can be waited for, or a program that asks and waits would wait for ever; and in
// bulk nothing may be flushed line by line. So: flush when there is nothing to read right now.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/screen.h"

enum { BUFFER_SIZE = 1 << 16, LINE_BYTES_MAX = 4096 };

typedef struct lines {
	int file;
	char *buffer;
	size_t begin, end; // what was read and not yet given
	uint64_t line;
	bool is_skipping; // the rest of a line that was too long
	dp_code (*visit)(void *context, const dp_screen_ask *ask, dp_fault *fault);
	void *context;
	dp_fault *fault;
} lines;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static dp_code give(lines *l, const char *text, size_t n)
{
	l->line++;
	while (n > 0 && is_blank(text[0])) text++, n--;
	while (n > 0 && is_blank(text[n - 1])) n--;
	if (n == 0 || text[0] == '#') return DP_OK;
	dp_screen_ask ask = {text, n, l->line};
	return l->visit(l->context, &ask, l->fault);
}

static dp_code refill(lines *l, bool *ret_more)
{
	struct pollfd p = {.fd = l->file, .events = POLLIN};
	memmove(l->buffer, l->buffer + l->begin, l->end - l->begin);
	l->end -= l->begin;
	l->begin = 0;
	DP_CHECK(l->end < BUFFER_SIZE);
	if (poll(&p, 1, 0) == 0 && fflush(stdout) != 0)
		return dp_fail(l->fault, DP_IO, "cannot write the result: %s", strerror(errno));
	ssize_t n;
	do n = read(l->file, l->buffer + l->end, BUFFER_SIZE - l->end);
	while (n < 0 && errno == EINTR);
	if (n < 0) return dp_fail(l->fault, DP_IO, "cannot read: %s", strerror(errno));
	l->end += (size_t)n;
	*ret_more = n > 0;
	return DP_OK;
}

static dp_code give_lines(lines *l)
{
	char *newline;
	while ((newline = memchr(l->buffer + l->begin, '\n', l->end - l->begin)) != NULL) {
		const char *text = l->buffer + l->begin;
		size_t n = (size_t)(newline - text);
		l->begin += n + 1;
		if (!l->is_skipping) DP_TRY(give(l, text, n));
		l->is_skipping = false;
	}
	// Blanks before what is asked are none of it, however many there are.
	while (!l->is_skipping && l->begin < l->end && is_blank(l->buffer[l->begin])) l->begin++;
	// No address is so long: its beginning is answered, as what it is, and the rest left out.
	if (l->end - l->begin <= LINE_BYTES_MAX) return DP_OK;
	if (!l->is_skipping) DP_TRY(give(l, l->buffer + l->begin, LINE_BYTES_MAX));
	l->is_skipping = true;
	l->begin = l->end;
	return DP_OK;
}

static dp_code read_all(lines *l)
{
	bool more = true;
	while (more) {
		DP_TRY(refill(l, &more));
		DP_TRY(give_lines(l));
	}
	if (l->end > l->begin && !l->is_skipping)
		return give(l, l->buffer + l->begin, l->end - l->begin);
	return DP_OK;
}

dp_code dp_screen_lines(const char *path,
                        dp_code (*visit)(void *context, const dp_screen_ask *ask, dp_fault *fault),
                        void *context, dp_fault *fault)
{
	bool is_stdin = strcmp(path, "-") == 0;
	lines l = {.visit = visit, .context = context, .fault = fault};
	l.file = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (l.file < 0) {
		dp_code code = dp_fail(fault, DP_IO, "cannot open: %s", strerror(errno));
		dp_fault_file(fault, path);
		return code;
	}
	l.buffer = dp_alloc(BUFFER_SIZE);
	dp_code code =
	    l.buffer != NULL ? read_all(&l) : dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_free(l.buffer);
	if (!is_stdin) (void)close(l.file);
	return code;
}

// See progress.h.
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

int64_t dp_progress_now_ns(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void dp_progress_start(dp_progress *p, bool quiet)
{
	*p = (dp_progress){.quiet = quiet, .terminal = isatty(2) == 1};
	p->started_ns = dp_progress_now_ns();
	p->last_ns = p->started_ns;
}

static const char *rate_text(char out[32], double rate)
{
	if (rate >= 1e6)
		(void)snprintf(out, 32, "%.1f M", rate / 1e6);
	else if (rate >= 1e3)
		(void)snprintf(out, 32, "%.1f k", rate / 1e3);
	else
		(void)snprintf(out, 32, "%.0f ", rate);
	return out;
}

// Is it time to show something? Then *ret_seconds since the beginning.
static bool is_due(dp_progress *p, double *ret_seconds)
{
	if (p->quiet) return false;
	int64_t now = dp_progress_now_ns();
	if (now - p->last_ns < (p->terminal ? 200000000 : 5000000000)) return false;
	p->last_ns = now;
	p->shown = true;
	*ret_seconds = (double)(now - p->started_ns) / 1e9;
	return true;
}

void dp_progress_show_bytes(dp_progress *p, uint64_t done, uint64_t total)
{
	double seconds;
	if (total == 0 || done == 0 || !is_due(p, &seconds)) return;
	double share = (double)done / (double)total;
	(void)fprintf(stderr, "%s%.0f MB/s, %3.0f %%, %.0f s left%s", p->terminal ? "\r\033[K" : "",
	              (double)done / seconds / 1e6, share * 100, seconds / share - seconds,
	              p->terminal ? "" : "\n");
}

void dp_progress_show(dp_progress *p, uint64_t done, uint64_t total, uint64_t movements,
                      uint64_t height)
{
	double seconds;
	char rate[32];
	if (!is_due(p, &seconds)) return;
	rate_text(rate, (double)movements / seconds);
	char left[64] = "";
	char bar[24] = "";
	if (total > 0 && done > 0) {
		double share = (double)done / (double)total;
		double rest = seconds / share - seconds;
		(void)snprintf(left, sizeof left, ", %3.0f %%, %.0f s left", share * 100, rest);
		int filled = (int)(share * 20);
		for (int i = 0; i < 20; i++) bar[i] = i < filled ? '=' : ' ';
		bar[20] = 0;
	}
	if (p->terminal)
		(void)fprintf(stderr, "\r\033[K%s%s%sblock %llu, %smovements/s%s",
		              bar[0] ? "[" : "", bar, bar[0] ? "] " : "",
		              (unsigned long long)height, rate, left);
	else
		(void)fprintf(stderr, "block %llu, %smovements/s%s\n", (unsigned long long)height,
		              rate, left);
}

void dp_progress_end(dp_progress *p, const char *done, uint64_t blocks, uint64_t movements)
{
	if (p->quiet) return;
	if (p->terminal && p->shown) (void)fputs("\r\033[K", stderr);
	double seconds = (double)(dp_progress_now_ns() - p->started_ns) / 1e9;
	(void)fprintf(stderr, "%s %llu blocks, %llu movements in %.1f s\n", done,
	              (unsigned long long)blocks, (unsigned long long)movements, seconds);
}

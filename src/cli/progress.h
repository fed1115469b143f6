// Progress of long work on stderr: a bar on a terminal, now and then a line otherwise, silent with
// --quiet. Shows rate and time left. The only file with floating point: it shows, it never counts.
#ifndef DP_CLI_PROGRESS_H
#define DP_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dp_progress {
	bool quiet, terminal, shown;
	int64_t started_ns, last_ns;
} dp_progress;

void dp_progress_start(dp_progress *p, bool quiet);
// `done` of `total` bytes or blocks (total 0: not known); movements and the height reached so far.
void dp_progress_show(dp_progress *p, uint64_t done, uint64_t total, uint64_t movements,
                      uint64_t height);
// Where bytes are looked at and nothing is read out of them.
void dp_progress_show_bytes(dp_progress *p, uint64_t done, uint64_t total);
// `done`: "followed", "read".
void dp_progress_end(dp_progress *p, const char *done, uint64_t blocks, uint64_t movements);
int64_t dp_progress_now_ns(void); // monotonic

#endif

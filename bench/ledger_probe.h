// What the machine can do, measured in the same run as what we make of it; and folders of data that
// are dropped from memory, or removed.
#ifndef DP_BENCH_LEDGER_PROBE_H
#define DP_BENCH_LEDGER_PROBE_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_PATH = 4096 };

// Bytes a second that `threads` threads can read of `bytes` bytes in memory: eight bytes at a time
// added up, each thread its own part; the best of several rounds. As STREAM does it, but reading
// only. The same amount as what it is compared with, so that caches help both alike.
double lp_read_speed(uint64_t bytes, uint32_t threads);

// Makes the kernel forget the pages of every file of a folder and those below it: taken from this
// process (maps stay, and are read again when touched), then dropped from the page cache.
void lp_drop_pages(const char *folder);
// Seconds for one read of 4096 bytes at a random place of the folder's files, with none of their
// pages in memory: what the disk can do.
void lp_cold_reads(double *ret_seconds, uint32_t count, const char *folder);

uint64_t lp_folder_bytes(const char *folder); // of its files and those below
void lp_remove(const char *folder);           // with all that is in it; not there is fine

// The value below which `percent` of the numbers lie; sorts them.
double lp_percentile(double *numbers, uint32_t count, uint32_t percent);

// A line of the table: what, goal, result, whether it is met, and what stands beside it. `goal` 0:
// none is set.
__attribute__((format(printf, 6, 7))) void lp_line(const char *what, double goal, double result,
                                                   bool at_most, const char *unit,
                                                   const char *beside, ...);
void lp_head(const char *title);

#endif

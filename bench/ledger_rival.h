// Other people's programs, run beside ours in the same run on the same data. tools/run-bench builds
// them (bench/peers); one whose tool is missing is skipped by name.
#ifndef DP_BENCH_LEDGER_RIVAL_H
#define DP_BENCH_LEDGER_RIVAL_H

#include <stdbool.h>
#include <stdint.h>

// What a peer says of itself: bytes read, seconds of processor time (of all its threads) and of
// the clock, without its start.
typedef struct lr_result {
	double bytes, cpu_s, wall_s;
} lr_result;

// Runs `command`, a program of the build's folder "peers" or a script of bench/peers with its
// arguments. False when it is not there or cannot do it.
__attribute__((format(printf, 2, 3))) bool lr_run(lr_result *ret_result, const char *command, ...);

// Seconds of processor time of all threads of this program; of the clock; resident memory in
// megabytes: now, and the highest since the last call of lr_forget_peak.
double lr_cpu_s(void);
double lr_wall_s(void);
double lr_resident_mb(void);
double lr_peak_mb(void);
void lr_forget_peak(void);

// A folder of block files again, with the same blocks chained to the first block of the main chain
// of Bitcoin, for programs that read only chains that begin there: parents are made right again,
// nothing else.
void lr_rechain(const char *to, const char *from);

#endif

// A team of threads for one job of many pieces: dp_team_run returns when all pieces are done.
// Pieces are taken in order, each by whoever is free; what comes out must not hang on who that was.
#ifndef DP_BASE_TEAM_H
#define DP_BASE_TEAM_H

#include <stdint.h>

enum { DP_TEAM_MAX = 64 };

uint32_t dp_processors(void); // that may be used, 1..DP_TEAM_MAX

// Calls work(context, piece) for each piece 0..count-1, on at most `threads` threads (0: one a
// processor), the caller's among them. Threads that cannot be had are done without.
void dp_team_run(uint32_t threads, uint64_t count, void (*work)(void *context, uint64_t piece),
                 void *context);

#endif

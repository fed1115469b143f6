// Random worlds of three chains full of links (support/links_world.h): swaps, hops, deposits into
// bridges and what comes out of them, on time, too early, twice, to somebody else or in amounts
// that cannot be; refunds, freezes, positions, mixers. Two thefts.
#ifndef T_LINKS_CHANCE_H
#define T_LINKS_CHANCE_H

#include "support/links_world.h"

// A new world with its cases and `blocks` blocks; start it with lw_start, free it with lw_free.
// `torn`: the same key may come out on one chain and be paid back on the other. Then it depends on
// the order of reading which of them is believed.
lw_world *lw_by_chance(uint64_t seed, uint32_t blocks, bool torn);

#endif

// Short words for tests of typologies: one typology in a mine of its own, and what it found.
#ifndef TESTS_SUPPORT_MOVES_H
#define TESTS_SUPPORT_MOVES_H

#include "support/flow.h"

enum { T_DAY = 86400, T_HOUR = 3600, T_START = 1700000000 };
#define T_COIN ((uint64_t)1000000000) // amounts have nine decimals

// A mine of one typology with its defaults, of stolen money or of a ledger.
dp_mine *t_moves_mine(const dp_typology *typology, bool is_case);
// The same with one parameter set.
dp_mine *t_moves_mine_with(const dp_typology *typology, bool is_case, const char *param,
                           int64_t value);
// A transaction of coins: wallet `from` spends, `count` outputs; the last one ends it.
typedef struct t_output {
	uint32_t to;
	uint64_t amount;
} t_output;
void t_moves_coins(dp_mine *m, uint32_t tx, int64_t time, uint32_t from, const t_output *output,
                   uint32_t count);
// The only finding; fails when there is none, or another.
const dp_finding *t_moves_only(const dp_mine *m);
uint32_t t_moves_count(const dp_mine *m); // findings that stand
int64_t t_moves_fact(const dp_mine *m, const dp_finding *f, const char *name);

#endif

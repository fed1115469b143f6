// Random ledgers of both kinds, with the cases that are followed in them. Grown block by block
// from a copyable state, so that a fork is the same state grown on with other chances.
#ifndef T_CHANCE_H
#define T_CHANCE_H

#include "support/ledger.h"

enum { T_COINS_MAX = 400, T_CHANCE_CASES = 2 };

typedef struct t_grower {
	t_rng rng;
	bool utxo;
	uint64_t height;
	int64_t next_tx;
	bool notes; // set behind t_grower_start: some transactions carry some
	uint32_t coins;
	struct {
		int64_t tx, vout;
		uint64_t value;
	} coin[T_COINS_MAX];
} t_grower;

// Cases with seeds of all forms, services, openings, links of both forms, limits. They live in
// static memory and stay until the next call.
typedef struct t_chance_cases {
	dp_case cases[T_CHANCE_CASES];
	const dp_case *list[T_CHANCE_CASES];
	dp_stop stops[2];
} t_chance_cases;

void t_grower_start(t_grower *g, uint64_t seed, bool utxo);
void t_grow(t_grower *g, t_ledger *l); // appends one block
// The block that would come next, with something in it that cannot be (an amount near 2^256, a coin
// spent twice, more paid out than came in): it is refused if it touches what is followed.
void t_grow_wrong(t_grower *g, t_ledger *l);
void t_chance_cases_make(t_chance_cases *c, uint64_t seed, bool utxo);
void t_chance_cases_done(t_chance_cases *c);

#endif

// The peer the engine is measured against: a follower of taint on accounts as one writes it in an
// afternoon. A chained hash table by (address, asset), GMP's mpz for amounts, a linked list of
// parcels for fifo. It gives no events, keeps no books, checks nothing and cannot roll back: what
// it does is less than what the engine does, and the same where both do it (the sums of taint are
// compared).
#ifndef DP_BENCH_LEDGER_PEER_H
#define DP_BENCH_LEDGER_PEER_H

#include <stdbool.h>

#include "chain/block.h"

typedef struct dp_peer dp_peer;

dp_peer *dp_peer_new(bool fifo); // else haircut; aborts when memory is out
void dp_peer_free(dp_peer *p);
// Makes `amount` units of a pool tainted and adds them.
void dp_peer_seed(dp_peer *p, const dp_addr *addr, dp_asset asset, dp_u256 amount);
void dp_peer_apply(dp_peer *p, const dp_block *block);
// Tainted units of one asset in all pools.
dp_u256 dp_peer_tainted(const dp_peer *p, dp_asset asset);

#endif

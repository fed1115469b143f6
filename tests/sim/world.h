// What happens on the ledgers of a simulated world: chains as trees of blocks, of which one branch
// is the node's, and transactions that wait, come into blocks, are replaced or forgotten.
//
// Transactions are made by tests/support/links_world.h, so that they are what real protocols write;
// blocks are put together of them, so that the same transaction may stand in blocks of several
// branches, or in another order, or in none.
#ifndef S_WORLD_H
#define S_WORLD_H

#include "support/links_world.h"

enum {
	S_TXS_IN_BLOCK_MAX = 8,
	S_COINS_MAX = 160,
	S_ACTORS = 5,
	S_NONE = -1,
	S_POOL_MAX = 12, // transactions of one chain that wait
};

typedef struct s_coin {
	int64_t tx;
	uint32_t vout, owner;
	uint64_t value;
} s_coin;

typedef struct s_tx {
	int64_t id;
	dp_block_builder built; // a block of this one
	bool is_waiting;        // in the node's mempool
	bool is_shown;          // a source was told of it
	uint32_t block;         // scratch of who puts a block together
} s_tx;

typedef struct s_block {
	int32_t parent; // S_NONE: the first
	uint64_t height;
	int64_t time;
	dp_block_builder built;
	const dp_block *block;
	uint32_t tx[S_TXS_IN_BLOCK_MAX], tx_count;
	s_coin *coin; // unspent behind it; UTXO
	uint32_t coins;
} s_block;

typedef struct s_chain {
	int no; // LW_ETH, ...
	const dp_chain *chain;
	s_block *block;
	s_tx *tx;
	uint32_t blocks, txs;
	int32_t tip; // of the node's branch
	int64_t skew_s;
	uint32_t reorgs, deepest;
} s_chain;

// Something that goes into a bridge once and may come out, perhaps before.
typedef struct s_transit {
	int kind;
	int64_t id;
	uint32_t units, from, to;
	bool is_in, is_refunded;
	uint32_t outs;
} s_transit;

typedef struct s_world {
	t_rng rng;
	lw_world *lw; // where transactions are written
	s_chain chain[LW_CHAINS];
	bool has[LW_CHAINS];
	int64_t now_s; // chain time
	int64_t next_id;
	s_transit transit[64];
	uint32_t transits;
	bool links; // bridges, swaps, mixers, freezes
} s_world;

// With `ages` blocks behind each chain.
void s_world_make(s_world *w, uint64_t seed, const bool has[LW_CHAINS], bool links, uint32_t ages);
void s_world_done(s_world *w);

// A new block on the node's branch, of what waits and of new transactions.
void s_world_grow(s_world *w, int chain);
// Takes `depth` blocks back and puts as many or more (rarely fewer) in their place; most of their
// transactions come again. False: the chain is not so long.
bool s_world_reorganise(s_world *w, int chain, uint32_t depth);
// Another branch that the node is not on, behind a block of its own: for lies. Its first block.
int32_t s_world_lie(s_world *w, int chain, int32_t parent);
void s_world_offer(s_world *w, int chain);  // a new transaction waits
void s_world_forget(s_world *w, int chain); // one that waits is dropped
void s_world_forget_all(s_world *w, int chain);

int32_t s_block_at(const s_chain *c, uint64_t height); // on the node's branch; S_NONE
int32_t s_block_of(const s_chain *c, const uint8_t hash[32]);
int32_t s_ancestor(const s_chain *c, int32_t block, uint64_t height);
bool s_is_on_branch(const s_chain *c, int32_t block);
// The block of the node's branch in which a transaction is; S_NONE.
int32_t s_block_with(const s_chain *c, const uint8_t tx[32]);
const s_tx *s_tx_of(const s_chain *c, const uint8_t id[32]);

const char *s_actor(int chain, uint32_t i);
const char *s_service(int chain);
uint32_t s_below(s_world *w, uint32_t n);

// The file of a case whose thefts are of now or of some time ago, on chains that there are;
// `more` seeds are put to those that `old` has (NULL: a new case).
void s_case_write(s_world *w, char *out, size_t size, const char *incident, const char *policy,
                  const char *old);

#endif

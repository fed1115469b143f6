// What the tests of the engine share: ledgers written as tables, amounts compared whole, and the
// full state of an engine as bytes.
//
// Tests hold ledgers as plain rows (t_row) rather than as dp_block, so that one ledger can be cut
// into blocks, forked, replayed and spoiled in many ways. Addresses, transactions and assets are
// small numbers; what they become is fixed here. Test memory comes from malloc, never from
// dp_alloc, so that dp_mem_live counts the tested code only.
#ifndef T_LEDGER_H
#define T_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/block.h"
#include "engine/engine.h"

enum { T_NOBODY = -1, T_OUTSIDE = -1, T_NOISE = -1 };

typedef enum t_kind { T_MOVE, T_FEE, T_IN, T_OUT } t_kind;

typedef struct t_row {
	t_kind kind;
	int64_t from, to; // T_MOVE, T_FEE, T_OUT (to): addresses; T_IN: transaction, vout
	int asset;        // account: 0 ether, 1 stETH, 2 USDC; T_NOISE: not on the list
	uint8_t flags;    // DP_MVF_*
	dp_u256 amount;
} t_row;

typedef struct t_tx {
	int64_t id;
	uint32_t first, count; // rows
	uint64_t notes;        // 0: none; else the seed of its notes (notes.h)
} t_tx;

typedef struct t_block {
	uint64_t height;
	int64_t time;
	uint32_t first, count; // transactions
} t_block;

// Append only. Zero-initialise with `utxo` set; free with t_ledger_done.
typedef struct t_ledger {
	bool utxo;
	t_row *row;
	t_tx *tx;
	t_block *block;
	uint32_t rows, txs, blocks;
} t_ledger;

const dp_chain *t_chain(bool utxo);
dp_asset t_asset(bool utxo, int asset);
dp_addr t_addr(int64_t n); // an EVM-shaped address; T_NOBODY: nobody
int64_t t_addr_number(const dp_addr *a);
void t_txid(uint8_t ret_id[32], int64_t n);
dp_outpoint t_outpoint(int64_t tx, int64_t vout); // tx T_OUTSIDE: a coin nobody has seen made
// The inverse of t_outpoint, from a holder's identity.
void t_outpoint_numbers(const uint8_t id[36], int64_t *ret_tx, int64_t *ret_vout);

void t_begin_block(t_ledger *l, uint64_t height, int64_t time);
void t_begin_tx(t_ledger *l, int64_t id);
void t_add(t_ledger *l, t_row row);
void t_move(t_ledger *l, int64_t from, int64_t to, int asset, uint64_t amount);
void t_fee(t_ledger *l, int64_t from, int64_t to, uint64_t amount);
void t_in(t_ledger *l, int64_t tx, int64_t vout, uint64_t amount);
void t_out(t_ledger *l, int64_t to, uint64_t amount);
void t_add_notes(t_ledger *l, uint64_t seed); // to the last transaction
void t_clear(t_ledger *l);
void t_ledger_done(t_ledger *l);

// The block as the engine reads it; valid until the builder is used again.
const dp_block *t_build(dp_block_builder *b, const t_ledger *l, uint32_t block);
// Applies all blocks from `first` on, and fails the test unless each succeeds.
void t_apply_all(dp_engine *e, const t_ledger *l, uint32_t first);
dp_code t_apply(dp_engine *e, const t_ledger *l, uint32_t block, dp_fault *fault);

dp_u256 t_u256(const char *decimal);
void t_assert_u256(dp_u256 got, dp_u256 want, const char *file, int line);
#define assert_u256(got, want) t_assert_u256(got, want, __FILE__, __LINE__)
#define assert_u256_is(got, n) t_assert_u256(got, dp_u256_of(n), __FILE__, __LINE__)

// A case from YAML that must be right.
void t_case(dp_case *ret_case, const char *yaml);
dp_engine *t_engine(const char *policy, const dp_case *const *cases, uint32_t count,
                    bool track_openings, uint32_t undo_blocks);
dp_u256 t_bucket(const dp_engine *e, uint16_t colour, dp_bucket b);

// Books and every holder in one string of bytes: two engines with equal dumps are in one state.
// The caller frees *ret_bytes with free().
typedef struct t_bytes {
	uint8_t *bytes;
	size_t size;
} t_bytes;
t_bytes t_dump(dp_engine *e);
void t_bytes_done(t_bytes *b);
bool t_bytes_eq(const t_bytes *a, const t_bytes *b);
// A fresh engine loaded with all that `e` would save: books, holders, undo records.
dp_engine *t_reload(dp_engine *e, const dp_engine_options *options, const dp_case *const *cases,
                    uint32_t count);

// A small generator (splitmix64): the same on every machine, so that a seed is a test.
typedef struct t_rng {
	uint64_t s;
} t_rng;
uint64_t t_rand(t_rng *r);
uint32_t t_below(t_rng *r, uint32_t n); // 0 .. n-1

#endif

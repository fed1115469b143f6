// Block folders as a node keeps them, made for tests and measurements: blkNNNNN.dat, revNNNNN.dat
// and, if wanted, xor.dat. Undo data is encoded here by the letter of chain/undo.h, slowly and
// without the code that reads it.
//
// Two ways to get blocks: any serialised block with the undo data of its own making; or a real
// block that is repeated, each time with other coins spent, so that its transactions are new ones:
// the txids, the spends inside the block, merkle root, witness commitment, stated height and
// parent are made right again. Proof of work is not: such headers count as one hash each.
#ifndef DP_BENCH_LEDGER_BLOCKS_H
#define DP_BENCH_LEDGER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that grow. Zero-initialise; lb_done.
typedef struct lb_bytes {
	uint8_t *b;
	size_t n, cap;
} lb_bytes;

void lb_put(lb_bytes *m, const void *bytes, size_t n);
void lb_int(lb_bytes *m, uint64_t v, size_t n); // little-endian
void lb_compact(lb_bytes *m, uint64_t v);       // CompactSize
void lb_varint(lb_bytes *m, uint64_t v);        // VARINT of Core's serialize.h
void lb_done(lb_bytes *m);

// One coin of undo data. `code` is height * 2 + is_coinbase.
void lb_coin(lb_bytes *m, uint64_t code, uint64_t value, const uint8_t *script, size_t n);

//- repeated real blocks --------------------------------------------------------------------------

typedef struct lb_template lb_template;

// `spent_path`: NAME.spent.json[.zst] or NAME.undo.bcoin. Aborts on what it cannot read.
lb_template *lb_load(const char *block_path, const char *spent_path);
void lb_free(lb_template *t);
// The block again: with `salt` in the coins that it spends, unless that is 0, then its transactions
// are those of the original. Valid until the next call.
const lb_bytes *lb_repeat(lb_template *t, const uint8_t prev[32], uint32_t height, uint64_t salt);
const lb_bytes *lb_undo(const lb_template *t); // the same for every repetition
uint64_t lb_spent_sum(const lb_template *t);   // of all inputs
void lb_hash(uint8_t ret[32], const lb_bytes *block);

//- folders ---------------------------------------------------------------------------------------

// Writes blk and rev files side by side.
typedef struct lb_folder {
	const char *path;
	uint32_t magic;
	uint8_t xor_key[8]; // zeros: none, and no xor.dat is written
	uint64_t size_max;  // of a block file; 0: 128 MiB, a node's own
	uint32_t number;    // of the files written to
	uint64_t blk_at, rev_at;
} lb_folder;

void lb_begin(lb_folder *f); // writes xor.dat
// The next file of both kinds.
void lb_next_file(lb_folder *f);
void lb_write_block(lb_folder *f, const uint8_t *block, size_t n);
// Appends a record to the current rev file.
void lb_write_undo(lb_folder *f, const uint8_t *undo, size_t n, const uint8_t parent[32]);
void lb_reserve(lb_folder *f, size_t n); // zeros at the ends of both files, as nodes have them

#endif

// Real transactions as shapes, for the tests of CoinJoin recognition: from text files of one
// transaction a line, and from real blocks whose spent outputs stand beside them.
//
// A line, as crocs-muni's coinjoin-analysis writes it, packed with zstd or not:
//   txid:::blockhash:::index:::time:::inputs:::outputs
//   inputs   txid-vout-value+script+type joined by }{
//   outputs  value+script+type joined by }{
// Lines that begin with # are notes.
#ifndef T_SHAPES_H
#define T_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

#include "shape/coinjoin.h"

typedef struct t_real {
	char txid[65]; // as people print it
	int64_t time;
	const dp_shape *shape; // until `see` returns
} t_real;
typedef void (*t_see)(void *context, const t_real *tx);

// The path of a file of the shared collection: $DYEPACK_SHARED or ../shared, and `name`. Says so
// and returns false when it is not there.
bool t_shared(char path[4096], const char *name);

// Each shows all transactions of a file, in order, and returns how many. A file that is not as it
// should be ends the test.
uint64_t t_shapes_lines(const char *path, t_see see, void *context);
// A serialised block and the outputs that it spends, one for each input (`spent` NULL: not known).
uint64_t t_shapes_block(const char *path, const char *spent, uint64_t height, t_see see,
                        void *context);
// A block in JSON with the value and script of every input.
uint64_t t_shapes_prevouts(const char *path, t_see see, void *context);

#endif

// The slow twin of backward following. It never goes backward: it goes through a test's ledger
// from its beginning and sticks to every unit a note that says where it came from; whoever is asked
// about holds notes in the end, and these are the answer. For haircut, where units have no
// identity, it goes back through all rows one by one, without an index, and divides by the stated
// rule.
#ifndef T_ORIGINS_H
#define T_ORIGINS_H

#include "engine/backward.h"
#include "support/ledger.h"

typedef struct t_origin {
	uint8_t kind; // dp_origin_kind
	dp_addr addr;
	uint32_t tx; // its number in the ledger
	uint32_t hops;
	uint64_t units;
} t_origin;

typedef struct t_origins {
	t_origin *item;
	uint32_t count, cap;
} t_origins;
void t_origins_done(t_origins *o);
// One for each kind, address and transaction, as dp_backward has them.
void t_origins_merge(t_origins *o);
uint64_t t_origins_sum(const t_origins *o);

// Notes of all holders after the first `txs` transactions. `stop`: the number of an address at
// which following stops, or T_NOBODY. Amounts must fit 64 bits.
typedef struct t_notes {
	t_origins *coin;       // UTXO: by row of the ledger: an output's, while it is unspent
	t_origins pool[64][3]; // account: by address and asset
	uint32_t rows;
} t_notes;
void t_notes_make(t_notes *n, const t_ledger *l, uint32_t txs, int64_t stop);
void t_notes_done(t_notes *n);

// Haircut: of all that pool `addr` has of `asset` after the first `txs` transactions.
void t_haircut_pool(t_origins *o, const t_ledger *l, uint32_t txs, int64_t addr, int asset,
                    int64_t stop);
// Haircut: of output `vout` of transaction number `tx`.
void t_haircut_coin(t_origins *o, const t_ledger *l, uint32_t tx, uint32_t vout, int64_t stop);

// Does this row move units (account chains)?
bool t_row_counts(const t_row *r);
// UTXO: the row that made what an input spends; UINT32_MAX: no row did.
uint32_t t_row_of_coin(const t_ledger *l, const t_row *input);
uint32_t t_tx_of_row(const t_ledger *l, uint32_t row);
dp_addr t_paid(const t_row *output);

#endif

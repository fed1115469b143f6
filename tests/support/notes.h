// Random notes for tests (chain/note.h): all kinds, empty ones, cut ones, texts, encoded words;
// topics that the table has and topics that nobody reads. And whether two blocks have the same.
#ifndef T_NOTES_H
#define T_NOTES_H

#include "chain/block.h"
#include "support/ledger.h"

enum { T_NOTE_MAX = DP_NOTE_DATA_MAX + 200 };

// Fills all but tx and where the data stands; returns the size of the data, which may be more than
// is kept.
uint32_t t_note(t_rng *r, dp_note *ret_note, uint8_t data[T_NOTE_MAX]);
// Appends `count` of them to the transaction appended last.
void t_notes_append(dp_block_builder *b, t_rng *r, uint32_t count);
// The same to a block whose arrays are from malloc.
void t_notes_put(dp_block *b, t_rng *r, uint32_t count);
// Gives a block that has no notes one by which `safe` lets foreign code run in it, in a transaction
// of the block. What it points to must stay.
void t_takeover(dp_block *io_block, dp_note *ret_note, const dp_addr *safe, uint32_t tx);
// Fails the test unless the two transactions have the same notes, in order, byte for byte.
void t_notes_same_tx(const dp_block *got, uint32_t got_tx, const dp_block *want, uint32_t want_tx);
void t_notes_same(const dp_block *got, const dp_block *want); // of whole blocks

#endif

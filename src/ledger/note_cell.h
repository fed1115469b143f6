// One note (chain/note.h) as bytes: how records (record.c) and segments (format.h) keep it. The
// layout stands at the top of note_cell.c.
#ifndef DP_LEDGER_NOTE_CELL_H
#define DP_LEDGER_NOTE_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/note.h"

enum {
	DP_NOTE_NAME = 32, // bytes of a name: a first topic, or a place and 12 zeros
	DP_NOTE_PLACE = 0, // which name
	DP_NOTE_TOPIC,
	DP_NOTE_NAMES,
	// Byte, at, names, topics, two sizes, and data of which every word has one byte more.
	DP_NOTE_CELL_MAX = 1 + 5 + 20 + 32 + 3 * 33 + 2 * 5 + DP_NOTE_DATA_MAX / 32 * 33
};

// A note with its data beside it. The fields tx and data_at are not kept: who reads sets them.
typedef struct dp_note_cell {
	dp_note note;
	bool has_name[DP_NOTE_NAMES];
	uint32_t name[DP_NOTE_NAMES]; // where names stand in a list; else they are in `note`
	uint8_t data[DP_NOTE_DATA_MAX];
} dp_note_cell;

// Does it have a name of this kind? A place of zeros is none.
bool dp_note_has_name(const dp_note *n, int which);
// The name as 32 bytes.
void dp_note_name(uint8_t ret_name[DP_NOTE_NAME], const dp_note *n, int which);
// Puts a name where it belongs; false when it is none (a place has 12 zeros behind it and is not
// zero).
bool dp_note_set_name(dp_note *io_note, const uint8_t name[DP_NOTE_NAME], int which);

// Returns the bytes written. `name`: the numbers of its names in a list; NULL: names stand in line.
size_t dp_note_pack(uint8_t out[DP_NOTE_CELL_MAX], const dp_note *n, const uint8_t *data,
                    const uint32_t name[DP_NOTE_NAMES]);
// Where the bytes of the note end; NULL: they are not a note, or not as dp_note_pack writes it.
// `listed`: names are numbers, and what they stand for is for the caller to set.
const uint8_t *dp_note_unpack(dp_note_cell *ret_cell, const uint8_t *p, const uint8_t *end,
                              bool listed);

// Does whoever follows money read notes of this kind by themselves? The others say more about what
// is read anyhow (GAS, NOMINAL), or how a theft began (SAFE).
static inline bool dp_note_leads(uint8_t kind)
{
	return kind != DP_NOTE_GAS && kind != DP_NOTE_NOMINAL && kind != DP_NOTE_SAFE;
}

#endif

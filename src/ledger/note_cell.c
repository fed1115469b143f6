// A note as bytes, see note_cell.h:
//
//   1 byte   bits 0..2 kind (1 to 5), bits 3..5 number of topics (0 to 4), bit 6: a place follows
//            (else it is 20 zeros), bit 7: its data was cut
//   varint   at
//   place    if bit 6: in records 20 bytes; in segments varint, a number of NOTENAME
//   topics   the first: in records 32 bytes; in segments varint, a number of NOTENAME. The others
//            as words, below
//   varint   bytes of data, at most 4096
//   varint   if bit 7: how many bytes were cut off, not 0
//   data     as words of 32 bytes, the last one of what is left
//
// Varints are LEB128, as in record.c. A word: one byte n in bits 0..5, then n bytes. Bit 6 clear:
// they are the word's last n bytes and the others are zero; bit 6 set: its first. What the ABI
// encodes are words filled up with zeros: numbers and addresses in front, texts behind. This takes
// them away: a Deposit event of THORChain's router is 224 bytes of data, of which some 120 remain;
// text that is packed densely grows by a byte in 32. zstd over single notes would take more
// memory and time than it saves, and `dyepack ledger pack` packs the section whole.
//
// There is one way to write a note: of the two forms of a word the second is taken only when it is
// shorter, and a word of zeros is n = 0. The reader packs again what it unpacked and compares: that
// is 300 ns a note, and needs no second description of what is allowed.
#include "ledger/note_cell.h"

#include <string.h>

#include "base/check.h"

enum {
	KIND = 7,
	TOPICS_SHIFT = 3,
	TOPICS = 7,
	HAS_PLACE = 64,
	IS_CUT = 128,
	WORD = 32,
	KEPT = 63,
	KEPT_FIRST = 64, // zeros stand behind
	TOPICS_MAX = 4,
	PLACE_SIZE = 20
};

_Static_assert(DP_NOTE_KIND_COUNT <= KIND + 1, "a kind has three bits");

bool dp_note_has_name(const dp_note *n, int which)
{
	static const uint8_t zeros[PLACE_SIZE];
	DP_CHECK(n != NULL && which < DP_NOTE_NAMES);
	if (which == DP_NOTE_TOPIC) return n->topic_count > 0;
	return memcmp(n->place, zeros, PLACE_SIZE) != 0;
}

void dp_note_name(uint8_t ret_name[DP_NOTE_NAME], const dp_note *n, int which)
{
	DP_CHECK(dp_note_has_name(n, which));
	memset(ret_name, 0, DP_NOTE_NAME);
	if (which == DP_NOTE_TOPIC)
		memcpy(ret_name, n->topic[0], DP_NOTE_NAME);
	else
		memcpy(ret_name, n->place, PLACE_SIZE);
}

bool dp_note_set_name(dp_note *io_note, const uint8_t name[DP_NOTE_NAME], int which)
{
	static const uint8_t zeros[DP_NOTE_NAME];
	DP_CHECK(io_note != NULL && name != NULL);
	if (which == DP_NOTE_TOPIC) {
		memcpy(io_note->topic[0], name, DP_NOTE_NAME);
		return true;
	}
	if (memcmp(name + PLACE_SIZE, zeros, DP_NOTE_NAME - PLACE_SIZE) != 0) return false;
	memcpy(io_note->place, name, PLACE_SIZE);
	return dp_note_has_name(io_note, DP_NOTE_PLACE);
}

//- writing ---------------------------------------------------------------------------------------

static uint8_t *put_varint(uint8_t *p, uint32_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_word(uint8_t *p, const uint8_t *word, uint32_t size)
{
	uint32_t front = 0, behind = 0;
	DP_CHECK(size <= WORD);
	while (front < size && word[front] == 0) front++;
	if (front == size) {
		*p++ = 0;
		return p;
	}
	while (word[size - 1 - behind] == 0) behind++;
	bool first = behind > front;
	uint32_t kept = size - (first ? behind : front);
	*p++ = (uint8_t)(kept | (first ? KEPT_FIRST : 0));
	memcpy(p, first ? word : word + front, kept);
	return p + kept;
}

size_t dp_note_pack(uint8_t out[DP_NOTE_CELL_MAX], const dp_note *n, const uint8_t *data,
                    const uint32_t name[DP_NOTE_NAMES])
{
	DP_CHECK(n->kind >= DP_NOTE_LOG && n->kind < DP_NOTE_KIND_COUNT);
	DP_CHECK(n->topic_count <= TOPICS_MAX && n->data_size <= DP_NOTE_DATA_MAX);
	DP_CHECK(n->full_size >= n->data_size && (data != NULL || n->data_size == 0));
	bool place = dp_note_has_name(n, DP_NOTE_PLACE), cut = n->full_size > n->data_size;
	uint8_t *p = out;
	*p++ = (uint8_t)(n->kind | n->topic_count << TOPICS_SHIFT | (place ? HAS_PLACE : 0) |
	                 (cut ? IS_CUT : 0));
	p = put_varint(p, n->at);
	if (place && name != NULL) {
		p = put_varint(p, name[DP_NOTE_PLACE]);
	} else if (place) {
		memcpy(p, n->place, PLACE_SIZE);
		p += PLACE_SIZE;
	}
	if (n->topic_count > 0 && name != NULL) {
		p = put_varint(p, name[DP_NOTE_TOPIC]);
	} else if (n->topic_count > 0) {
		memcpy(p, n->topic[0], WORD);
		p += WORD;
	}
	for (uint32_t i = 1; i < n->topic_count; i++) p = put_word(p, n->topic[i], WORD);
	p = put_varint(p, n->data_size);
	if (cut) p = put_varint(p, n->full_size - n->data_size);
	for (uint32_t at = 0; at < n->data_size; at += WORD)
		p = put_word(p, data + at, n->data_size - at < WORD ? n->data_size - at : WORD);
	DP_CHECK(p <= out + DP_NOTE_CELL_MAX);
	return (size_t)(p - out);
}

//- reading ---------------------------------------------------------------------------------------

// All take_ functions return where they ended, or NULL.
static const uint8_t *take_varint(uint32_t *ret, const uint8_t *p, const uint8_t *end)
{
	uint32_t v = 0;
	for (unsigned shift = 0; shift < 35 && p != NULL && p < end; shift += 7) {
		uint8_t byte = *p++;
		if (shift == 28 && byte > 15) return NULL; // more than 32 bits
		v |= (uint32_t)(byte & 0x7f) << shift;
		if (byte >= 0x80) continue;
		*ret = v;
		return p;
	}
	return NULL;
}

static const uint8_t *take_bytes(uint8_t *ret, const uint8_t *p, const uint8_t *end, size_t n)
{
	if (p == NULL || (size_t)(end - p) < n) return NULL;
	memcpy(ret, p, n);
	return p + n;
}

static const uint8_t *take_word(uint8_t *ret, uint32_t size, const uint8_t *p, const uint8_t *end)
{
	if (p == NULL || p == end) return NULL;
	uint8_t head = *p++;
	uint32_t kept = head & KEPT;
	if (kept > size) return NULL;
	memset(ret, 0, size);
	return take_bytes((head & KEPT_FIRST) != 0 ? ret : ret + (size - kept), p, end, kept);
}

static const uint8_t *take_names(dp_note_cell *c, const uint8_t *p, const uint8_t *end, bool listed)
{
	uint8_t *const to[DP_NOTE_NAMES] = {c->note.place, c->note.topic[0]};
	static const uint8_t size[DP_NOTE_NAMES] = {PLACE_SIZE, WORD};
	for (int i = 0; i < DP_NOTE_NAMES; i++) {
		if (!c->has_name[i]) continue;
		p = listed ? take_varint(&c->name[i], p, end) : take_bytes(to[i], p, end, size[i]);
	}
	for (uint32_t i = 1; i < c->note.topic_count; i++)
		p = take_word(c->note.topic[i], WORD, p, end);
	return p;
}

static const uint8_t *take_data(dp_note_cell *c, const uint8_t *p, const uint8_t *end, bool cut)
{
	uint32_t size, more = 0;
	p = take_varint(&size, p, end);
	if (p == NULL || size > DP_NOTE_DATA_MAX) return NULL;
	if (cut) p = take_varint(&more, p, end);
	if (p == NULL || more > UINT32_MAX - size) return NULL;
	c->note.data_size = size;
	c->note.full_size = size + more;
	for (uint32_t at = 0; at < size && p != NULL; at += WORD)
		p = take_word(c->data + at, size - at < WORD ? size - at : WORD, p, end);
	return p;
}

// Is it what dp_note_pack would write?
static bool is_canonical(const dp_note_cell *c, const uint8_t *bytes, size_t n, bool listed)
{
	uint8_t again[DP_NOTE_CELL_MAX];
	dp_note note = c->note;
	// A name in a list is not known here. That there is a place is what counts.
	if (listed && c->has_name[DP_NOTE_PLACE]) memset(note.place, 1, PLACE_SIZE);
	size_t m = dp_note_pack(again, &note, c->data, listed ? c->name : NULL);
	return m == n && memcmp(again, bytes, n) == 0;
}

const uint8_t *dp_note_unpack(dp_note_cell *ret_cell, const uint8_t *p, const uint8_t *end,
                              bool listed)
{
	DP_CHECK(ret_cell != NULL && p != NULL && p <= end);
	if (p == end) return NULL;
	const uint8_t *begin = p;
	uint8_t head = *p++;
	dp_note *n = &ret_cell->note;
	memset(n, 0, sizeof *n);
	memset(ret_cell->name, 0, sizeof ret_cell->name);
	n->kind = head & KIND;
	n->topic_count = head >> TOPICS_SHIFT & TOPICS;
	if (n->kind < DP_NOTE_LOG || n->kind >= DP_NOTE_KIND_COUNT || n->topic_count > TOPICS_MAX)
		return NULL;
	ret_cell->has_name[DP_NOTE_PLACE] = (head & HAS_PLACE) != 0;
	ret_cell->has_name[DP_NOTE_TOPIC] = n->topic_count > 0;
	p = take_varint(&n->at, p, end);
	p = take_names(ret_cell, p, end, listed);
	p = take_data(ret_cell, p, end, (head & IS_CUT) != 0);
	if (p == NULL || !is_canonical(ret_cell, begin, (size_t)(p - begin), listed)) return NULL;
	return p;
}

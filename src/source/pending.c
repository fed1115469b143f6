// See pending.h.
//
// The set of seen ids is a ring of rows and a table of places in it with linear probing, half full
// at most. A row is taken out by moving later ones of its run back (Knuth, The Art of Computer
// Programming 3, 6.4, algorithm R), so that no marks of what was deleted pile up. Places depend on
// a seed, for ids are chosen by others.
#include "source/pending.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

enum { SLOTS = 2 * DP_SEEN_MAX };

typedef enum row_state { ROW_FREE = 0, ROW_WAITED, ROW_IN_BLOCK } row_state;

struct dp_seen_row {
	uint8_t id[32];
	uint64_t height; // of its block
	row_state state;
};

//- seen ------------------------------------------------------------------------------------------

static uint32_t home_of(const dp_seen *s, const uint8_t id[32])
{
	return (uint32_t)XXH3_64bits_withSeed(id, 32, s->seed) & (SLOTS - 1);
}

// The place of an id in the table, or the free one where it belongs.
static uint32_t find_slot(const dp_seen *s, const uint8_t id[32])
{
	DP_CHECK(s->slot != NULL);
	uint32_t at = home_of(s, id);
	for (;; at = (at + 1) & (SLOTS - 1)) {
		uint32_t row = s->slot[at];
		if (row == 0 || memcmp(s->row[row - 1].id, id, 32) == 0) return at;
	}
}

static struct dp_seen_row *find_row(const dp_seen *s, const uint8_t id[32])
{
	if (s->row == NULL) return NULL;
	uint32_t row = s->slot[find_slot(s, id)];
	return row == 0 ? NULL : &s->row[row - 1];
}

// Frees a row and its place. Every later one of the run moves back unless its home lies behind the
// hole, for else a search that starts at its home would end at the hole.
static void take_out(dp_seen *s, struct dp_seen_row *row)
{
	DP_CHECK(row->state != ROW_FREE);
	uint32_t hole = find_slot(s, row->id);
	DP_CHECK(s->slot[hole] != 0);
	row->state = ROW_FREE;
	for (uint32_t at = (hole + 1) & (SLOTS - 1); s->slot[at] != 0;
	     at = (at + 1) & (SLOTS - 1)) {
		uint32_t home = home_of(s, s->row[s->slot[at] - 1].id);
		uint32_t from_home = (at - home) & (SLOTS - 1),
		         from_hole = (at - hole) & (SLOTS - 1);
		if (from_home < from_hole) continue;
		s->slot[hole] = s->slot[at];
		hole = at;
	}
	s->slot[hole] = 0;
}

static dp_code make_tables(dp_seen *s, dp_fault *fault)
{
	if (s->row != NULL) return DP_OK;
	struct dp_seen_row *row = dp_alloc(DP_SEEN_MAX * sizeof *row);
	uint32_t *slot = dp_alloc(SLOTS * sizeof *slot);
	if (row == NULL || slot == NULL) {
		dp_free(row);
		dp_free(slot);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	s->row = row;
	s->slot = slot;
	return DP_OK;
}

static void put(dp_seen *s, const uint8_t id[32], row_state state, uint64_t height)
{
	struct dp_seen_row *row = find_row(s, id);
	if (row == NULL) {
		row = &s->row[s->next];
		if (row->state != ROW_FREE) take_out(s, row);
		memcpy(row->id, id, 32);
		s->slot[find_slot(s, id)] = s->next + 1;
		s->next = (s->next + 1) % DP_SEEN_MAX;
	}
	row->state = state;
	row->height = height;
}

bool dp_seen_has(const dp_seen *s, const uint8_t id[32])
{
	DP_CHECK(s != NULL && id != NULL);
	return find_row(s, id) != NULL;
}

dp_code dp_seen_add(dp_seen *s, const uint8_t id[32], dp_fault *fault)
{
	DP_CHECK(s != NULL && id != NULL);
	DP_TRY(make_tables(s, fault));
	if (find_row(s, id) == NULL) put(s, id, ROW_WAITED, 0);
	return DP_OK;
}

void dp_seen_forget(dp_seen *s, const uint8_t id[32])
{
	DP_CHECK(s != NULL && id != NULL);
	struct dp_seen_row *row = find_row(s, id);
	if (row != NULL) take_out(s, row);
}

void dp_seen_block(dp_seen *s, const dp_block *block)
{
	DP_CHECK(s != NULL && block != NULL);
	if (s->row == NULL) return;
	for (uint32_t i = 0; i < block->tx_count; i++)
		put(s, block->tx[i].id, ROW_IN_BLOCK, block->height);
}

bool dp_seen_in_block(const dp_seen *s, const uint8_t id[32])
{
	DP_CHECK(s != NULL && id != NULL);
	const struct dp_seen_row *row = find_row(s, id);
	return row != NULL && row->state == ROW_IN_BLOCK;
}

void dp_seen_undo(dp_seen *s, uint64_t height)
{
	DP_CHECK(s != NULL);
	for (uint32_t i = 0; s->row != NULL && i < DP_SEEN_MAX; i++) {
		struct dp_seen_row *row = &s->row[i];
		if (row->state == ROW_IN_BLOCK && row->height >= height) take_out(s, row);
	}
}

void dp_seen_done(dp_seen *s)
{
	DP_CHECK(s != NULL);
	dp_free(s->row);
	dp_free(s->slot);
	*s = (dp_seen){.seed = s->seed};
}

//- offers ----------------------------------------------------------------------------------------

struct dp_offer {
	uint8_t *bytes;
	size_t size;
};

bool dp_offers_take(dp_offers *o, uint8_t **ret_bytes, size_t *ret_size)
{
	DP_CHECK(o != NULL && ret_bytes != NULL && ret_size != NULL);
	if (o->count == 0) return false;
	const struct dp_offer *first = &o->offer[o->first];
	*ret_bytes = first->bytes;
	*ret_size = first->size;
	DP_CHECK(o->bytes >= first->size);
	o->bytes -= first->size;
	o->first = (o->first + 1) % DP_OFFERS_MAX;
	o->count--;
	return true;
}

void dp_offers_return(dp_offers *o, uint8_t *bytes, size_t size)
{
	uint8_t *oldest;
	size_t oldest_size;
	DP_CHECK(o != NULL && o->offer != NULL);
	DP_CHECK(bytes != NULL && size > 0 && size <= DP_OFFERS_BYTES_MAX);
	while (o->count == DP_OFFERS_MAX || size > DP_OFFERS_BYTES_MAX - o->bytes) {
		DP_CHECK(o->count > 0);
		if (dp_offers_take(o, &oldest, &oldest_size)) dp_free(oldest);
	}
	uint32_t at = (o->first + o->count) % DP_OFFERS_MAX;
	o->offer[at] = (struct dp_offer){.bytes = bytes, .size = size};
	o->bytes += size;
	o->count++;
}

void dp_offers_put(dp_offers *o, const uint8_t *bytes, size_t size)
{
	DP_CHECK(o != NULL && (bytes != NULL || size == 0));
	if (size == 0 || size > DP_OFFERS_BYTES_MAX) return;
	if (o->offer == NULL) o->offer = dp_alloc(DP_OFFERS_MAX * sizeof *o->offer);
	uint8_t *copy = o->offer == NULL ? NULL : dp_alloc(size);
	if (copy == NULL) return;
	memcpy(copy, bytes, size);
	dp_offers_return(o, copy, size);
}

void dp_offers_done(dp_offers *o)
{
	uint8_t *bytes;
	size_t size;
	DP_CHECK(o != NULL);
	while (dp_offers_take(o, &bytes, &size)) dp_free(bytes);
	dp_free(o->offer);
	*o = (dp_offers){0};
}

// See csv_table.h. Entries lie densely in one array in the order they were put; beside it an array
// of slots of eight bytes finds them: 32 bits of hash and the entry's number. Open addressing with
// linear probing, at most three quarters full. So growing moves small slots and never rehashes an
// entry, and a look-up of what is not there, which is the usual one, touches one slot.
//
// Removal shifts the following slots back (Knuth, The Art of Computer Programming 3, 6.4,
// Algorithm R), so that there are no tombstones and a long run of spent coins costs nothing later;
// the last entry moves into the place of the one removed.
#include "source/csv_table.h"

#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

enum { SLOTS_FIRST = 64, KEY_SIZE = 36 };

// More than any count_max needs; slots number entries with 32 bits.
static const uint64_t entries_max = (uint64_t)1 << 30;

// slot: hash << 32 | number of the entry + 1; 0 is free.
static uint32_t hash_of_slot(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

void dp_csv_table_init(dp_csv_table *t, uint32_t entry_size, uint64_t memory_max)
{
	DP_CHECK(t != NULL);
	DP_CHECK(entry_size >= sizeof(dp_csv_entry));
	*t = (dp_csv_table){.entry_size = entry_size};
	// At the worst moment of growing there are the old entries and one and a half times as
	// many new ones, and four slots an entry.
	t->count_max = memory_max / (entry_size * 5ULL / 2 + 32);
	if (t->count_max < SLOTS_FIRST) t->count_max = SLOTS_FIRST;
	if (t->count_max > entries_max / 2) t->count_max = entries_max / 2;
	// An address of this run: the answer never depends on it, only where slots lie.
	t->seed = (uint64_t)(uintptr_t)t;
}

void dp_csv_table_done(dp_csv_table *t)
{
	DP_CHECK(t != NULL);
	dp_free(t->slot);
	dp_free(t->entry);
	t->slot = NULL;
	t->entry = NULL;
	t->slot_count = t->count = t->cap = 0;
}

bool dp_csv_table_full(const dp_csv_table *t)
{
	DP_CHECK(t != NULL);
	return t->count >= t->count_max;
}

void dp_csv_table_clear(dp_csv_table *t)
{
	DP_CHECK(t != NULL);
	if (t->slot != NULL) memset(t->slot, 0, (size_t)t->slot_count * sizeof *t->slot);
	t->count = 0;
}

static dp_csv_entry *entry_at(const dp_csv_table *t, uint64_t i)
{
	return (dp_csv_entry *)(void *)(t->entry + i * t->entry_size);
}

static uint32_t hash_of(const dp_csv_table *t, const uint8_t id[32], uint32_t vout)
{
	uint8_t key[KEY_SIZE];
	memcpy(key, &vout, 4);
	memcpy(key + 4, id, 32);
	return (uint32_t)XXH3_64bits_withSeed(key, sizeof key, t->seed);
}

// The slot of the key, or the free slot where it would go.
static uint64_t probe(const dp_csv_table *t, uint32_t hash, const uint8_t id[32], uint32_t vout)
{
	DP_CHECK(t->slot_count > t->count);
	uint64_t mask = t->slot_count - 1;
	for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
		uint64_t slot = t->slot[i];
		if (slot == 0) return i;
		if (hash_of_slot(slot) != hash) continue;
		const dp_csv_entry *e = entry_at(t, (uint32_t)slot - 1);
		if (e->vout == vout && memcmp(e->id, id, 32) == 0) return i;
	}
}

void *dp_csv_table_find(dp_csv_table *t, const uint8_t id[32], uint32_t vout)
{
	DP_CHECK(t != NULL);
	if (t->count == 0) return NULL;
	uint64_t slot = t->slot[probe(t, hash_of(t, id, vout), id, vout)];
	return slot != 0 ? entry_at(t, (uint32_t)slot - 1) : NULL;
}

static dp_code enlarge(dp_csv_table *t, dp_fault *fault)
{
	uint64_t slots_new = t->slot_count == 0 ? SLOTS_FIRST : t->slot_count * 2;
	uint64_t *slot_new = dp_alloc((size_t)slots_new * sizeof *slot_new);
	if (slot_new == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for looking up transactions");
	for (uint64_t i = 0; i < t->slot_count; i++) {
		if (t->slot[i] == 0) continue;
		uint64_t k = hash_of_slot(t->slot[i]) & (slots_new - 1);
		while (slot_new[k] != 0) k = (k + 1) & (slots_new - 1);
		slot_new[k] = t->slot[i];
	}
	dp_free(t->slot);
	t->slot = slot_new;
	t->slot_count = slots_new;
	return DP_OK;
}

dp_code dp_csv_table_put(dp_csv_table *t, void **ret_entry, const uint8_t id[32], uint32_t vout,
                         dp_fault *fault)
{
	DP_CHECK(t != NULL && ret_entry != NULL);
	if (t->count + 1 > t->slot_count / 4 * 3) DP_TRY(enlarge(t, fault));
	DP_TRY(
	    dp_grow((void **)&t->entry, &t->cap, t->entry_size, t->count + 1, entries_max, fault));
	uint32_t hash = hash_of(t, id, vout);
	uint64_t at = probe(t, hash, id, vout);
	DP_CHECK(t->slot[at] == 0);
	dp_csv_entry *e = entry_at(t, t->count++);
	memset(e, 0, t->entry_size);
	e->vout = vout;
	memcpy(e->id, id, 32);
	t->slot[at] = (uint64_t)hash << 32 | (uint32_t)t->count;
	*ret_entry = e;
	return DP_OK;
}

// The slot that holds the entry of this number.
static uint64_t slot_of(const dp_csv_table *t, uint64_t number)
{
	DP_CHECK(number < t->count);
	const dp_csv_entry *e = entry_at(t, number);
	uint64_t at = probe(t, hash_of(t, e->id, e->vout), e->id, e->vout);
	DP_CHECK((uint32_t)t->slot[at] == number + 1);
	return at;
}

void dp_csv_table_remove(dp_csv_table *t, void *entry)
{
	DP_CHECK(t != NULL && entry != NULL);
	uint64_t mask = t->slot_count - 1;
	uint64_t number = (uint64_t)((uint8_t *)entry - t->entry) / t->entry_size;
	uint64_t hole = slot_of(t, number), last = t->count - 1;
	if (number != last) {
		uint64_t moved = slot_of(t, last);
		t->slot[moved] = (t->slot[moved] & ~(uint64_t)UINT32_MAX) | (number + 1);
		memcpy(entry, entry_at(t, last), t->entry_size);
	}
	for (uint64_t i = (hole + 1) & mask; t->slot[i] != 0; i = (i + 1) & mask) {
		// It may move back only if its home is not between the hole and where it stands.
		uint64_t home = hash_of_slot(t->slot[i]) & mask;
		if (((i - home) & mask) < ((i - hole) & mask)) continue;
		t->slot[hole] = t->slot[i];
		hole = i;
	}
	t->slot[hole] = 0;
	t->count--;
}

// See holders.h.
//
// Deletion uses backward shifting rather than tombstones: a table that lives for months must not
// fill up with the graves of spent coins. The filter cannot forget single keys; when it is full
// it is built anew from what is live.
#include "engine/holders.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/key.h"

enum { SLOTS_FIRST_BITS = 10, SLOTS_FIRST = 1 << SLOTS_FIRST_BITS };
enum { FILTER_WORDS_FIRST = 1024, FILTER_KEYS_PER_WORD = 2 };
// Lists of so few parcels keep their memory for the next holder: under a mixed stream holders
// turn from one parcel to a list and back all the time.
enum { CONTENT_KEPT_MAX = 4 };

dp_code dp_holders_init(dp_holders *h, bool utxo, dp_fault *fault)
{
	*h = (dp_holders){.utxo = utxo};
	h->slot = dp_alloc(SLOTS_FIRST * sizeof *h->slot);
	h->filter = dp_alloc(FILTER_WORDS_FIRST * sizeof *h->filter);
	if (h->slot == NULL || h->filter == NULL) {
		dp_holders_done(h);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	h->slot_count = SLOTS_FIRST;
	h->slot_shift = 32 - SLOTS_FIRST_BITS;
	h->filter_words = FILTER_WORDS_FIRST;
	return DP_OK;
}

void dp_holders_done(dp_holders *h)
{
	if (h == NULL) return;
	for (uint32_t i = 0; i < h->content_count; i++) dp_parcels_done(&h->content[i]);
	dp_free(h->content);
	dp_free(h->free_content);
	dp_free(h->record);
	dp_free(h->free_record);
	dp_free(h->slot);
	dp_free(h->filter);
	dp_free(h->watched);
	*h = (dp_holders){0};
}

uint64_t dp_holder_key(const dp_holders *h, const uint8_t id[36])
{
	if (!h->utxo) {
		// An address is bytes only, so it may lie anywhere.
		const void *bytes = id;
		return dp_addr_key(bytes);
	}
	uint32_t vout = (uint32_t)id[32] | (uint32_t)id[33] << 8 | (uint32_t)id[34] << 16 |
	                (uint32_t)id[35] << 24;
	return dp_outpoint_key_inline(id, vout);
}

//- filter ----------------------------------------------------------------------------------------

static void filter_set(dp_holders *h, uint64_t key)
{
	uint64_t mask = 1ull << (key & 63) | 1ull << (key >> 6 & 63) | 1ull << (key >> 12 & 63);
	h->filter[key >> 32 & (h->filter_words - 1)] |= mask;
	h->filter_keys++;
}

// Builds the filter anew from the live records and the watched keys, with room to grow: this is
// also when the keys of spent coins are forgotten.
static dp_code filter_rebuild(dp_holders *h, dp_fault *fault)
{
	uint64_t keys = (uint64_t)h->live + h->watched_count;
	uint64_t words = FILTER_WORDS_FIRST;
	while (words * FILTER_KEYS_PER_WORD < keys * 2) words *= 2;
	uint64_t *filter = dp_alloc(words * sizeof *filter);
	if (filter == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_free(h->filter);
	h->filter = filter;
	h->filter_words = words;
	h->filter_keys = 0;
	// In the order of records, not of slots: that is from end to end through memory.
	for (uint32_t i = 0; i < h->record_count; i++)
		if (h->record[i].form != DP_FORM_FREE)
			filter_set(h, dp_holder_key(h, h->record[i].id));
	for (uint32_t i = 0; i < h->watched_count; i++) filter_set(h, h->watched[i]);
	return DP_OK;
}

static dp_code filter_add(dp_holders *h, uint64_t key, dp_fault *fault)
{
	if (h->filter_keys >= h->filter_words * FILTER_KEYS_PER_WORD)
		DP_TRY(filter_rebuild(h, fault));
	filter_set(h, key);
	return DP_OK;
}

dp_code dp_holders_watch(dp_holders *h, uint64_t key, dp_fault *fault)
{
	DP_CHECK(key != 0);
	void *items = h->watched;
	DP_TRY(dp_grow(&items, &h->watched_cap, sizeof *h->watched, (uint64_t)h->watched_count + 1,
	               DP_HOLDERS_MAX, fault));
	h->watched = items;
	h->watched[h->watched_count++] = key;
	return filter_add(h, key, fault);
}

//- table -----------------------------------------------------------------------------------------

// The bits in which 8 (4) bytes of two identities differ.
static inline uint64_t unlike64(const uint8_t *a, const uint8_t *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x ^ y;
}

static inline uint64_t unlike32(const uint8_t *a, const uint8_t *b)
{
	uint32_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x ^ y;
}

static inline bool same_id(const uint8_t a[36], const uint8_t b[36])
{
	return (unlike64(a, b) | unlike64(a + 8, b + 8) | unlike64(a + 16, b + 16) |
	        unlike64(a + 24, b + 24) | unlike32(a + 32, b + 32)) == 0;
}

uint32_t dp_holders_find(const dp_holders *h, uint64_t key, const uint8_t id[36], dp_asset asset)
{
	DP_CHECK(h->slot_count > 0);
	uint32_t tag = dp_holder_tag(key, asset);
	for (uint64_t at = tag >> h->slot_shift;; at = (at + 1) & (h->slot_count - 1)) {
		struct dp_holder_slot s = h->slot[at];
		if (s.index == 0) return DP_HOLDER_NONE;
		if (s.tag != tag) continue;
		const dp_holder *r = &h->record[s.index - 1];
		if (r->asset.v == asset.v && same_id(r->id, id)) return s.index - 1;
	}
}

static void slot_put(dp_holders *h, struct dp_holder_slot entry)
{
	uint64_t at = entry.tag >> h->slot_shift;
	while (h->slot[at].index != 0) at = (at + 1) & (h->slot_count - 1);
	h->slot[at] = entry;
}

static dp_code slots_grow(dp_holders *h, dp_fault *fault)
{
	uint64_t count = h->slot_count;
	DP_CHECK(h->slot_shift > 0);
	struct dp_holder_slot *old = h->slot;
	struct dp_holder_slot *slot = dp_alloc(count * 2 * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	h->slot = slot;
	h->slot_count = count * 2;
	h->slot_shift--;
	for (uint64_t i = 0; i < count; i++)
		if (old[i].index != 0) slot_put(h, old[i]);
	dp_free(old);
	return DP_OK;
}

static dp_code link_record(dp_holders *h, uint32_t index, uint64_t key, dp_fault *fault)
{
	if ((uint64_t)(h->live + 1) * 4 > h->slot_count * 3) DP_TRY(slots_grow(h, fault));
	DP_TRY(filter_add(h, key, fault));
	uint32_t tag = dp_holder_tag(key, h->record[index].asset);
	slot_put(h, (struct dp_holder_slot){index + 1, tag});
	h->live++;
	return DP_OK;
}

static dp_code new_record(dp_holders *h, uint32_t *ret_index, dp_fault *fault)
{
	if (h->free_count > 0) {
		*ret_index = h->free_record[--h->free_count];
		return DP_OK;
	}
	void *records = h->record;
	DP_TRY(dp_grow(&records, &h->record_cap, sizeof *h->record, (uint64_t)h->record_count + 1,
	               DP_HOLDERS_MAX, fault));
	h->record = records;
	*ret_index = h->record_count++;
	return DP_OK;
}

dp_code dp_holders_add(dp_holders *h, uint32_t *ret_index, uint64_t key, const uint8_t id[36],
                       dp_asset asset, dp_fault *fault)
{
	uint32_t index;
	DP_TRY(new_record(h, &index, fault));
	dp_holder *r = &h->record[index];
	memset(r, 0, sizeof *r);
	memcpy(r->id, id, 36);
	r->asset = asset;
	r->form = DP_FORM_EMPTY;
	dp_code code = link_record(h, index, key, fault);
	if (code != DP_OK) {
		dp_holders_release(h, index);
		return code;
	}
	*ret_index = index;
	return DP_OK;
}

void dp_holders_unlink(dp_holders *h, uint32_t index, uint64_t key)
{
	uint64_t mask = h->slot_count - 1;
	uint64_t at = dp_holder_tag(key, h->record[index].asset) >> h->slot_shift;
	while (h->slot[at].index != index + 1) {
		DP_CHECK(h->slot[at].index != 0);
		at = (at + 1) & mask;
	}
	// Close the gap: a later slot moves here when its home is not behind the gap.
	for (uint64_t next = (at + 1) & mask; h->slot[next].index != 0; next = (next + 1) & mask) {
		uint64_t home = h->slot[next].tag >> h->slot_shift;
		if (((next - home) & mask) >= ((next - at) & mask)) {
			h->slot[at] = h->slot[next];
			at = next;
		}
	}
	h->slot[at] = (struct dp_holder_slot){0};
	DP_CHECK(h->live > 0);
	h->live--;
}

dp_code dp_holders_relink(dp_holders *h, uint32_t index, dp_fault *fault)
{
	DP_CHECK(index < h->record_count);
	return link_record(h, index, dp_holder_key(h, h->record[index].id), fault);
}

//- contents --------------------------------------------------------------------------------------

static void content_release(dp_holders *h, uint32_t list)
{
	if (h->content[list].cap > CONTENT_KEPT_MAX) dp_parcels_done(&h->content[list]);
	dp_parcels_clear(&h->content[list]);
	void *items = h->free_content;
	// When even this small list cannot grow the entry is merely not reused.
	if (dp_grow(&items, &h->free_content_cap, sizeof(uint32_t),
	            (uint64_t)h->free_content_count + 1, DP_HOLDERS_MAX, NULL) != DP_OK)
		return;
	h->free_content = items;
	h->free_content[h->free_content_count++] = list;
}

static dp_code content_new(dp_holders *h, uint32_t *ret_list, dp_fault *fault)
{
	if (h->free_content_count > 0) {
		*ret_list = h->free_content[--h->free_content_count];
		return DP_OK;
	}
	void *items = h->content;
	DP_TRY(dp_grow(&items, &h->content_cap, sizeof *h->content, (uint64_t)h->content_count + 1,
	               DP_HOLDERS_MAX, fault));
	h->content = items;
	h->content[h->content_count] = (dp_parcels){0};
	*ret_list = h->content_count++;
	return DP_OK;
}

void dp_holders_release(dp_holders *h, uint32_t index)
{
	dp_holder *r = &h->record[index];
	if (r->form == DP_FORM_LIST) content_release(h, r->list);
	r->form = DP_FORM_FREE;
	void *items = h->free_record;
	// Nearly always there is room; the call alone showed in the profile.
	if (h->free_count >= h->free_cap &&
	    dp_grow(&items, &h->free_cap, sizeof(uint32_t), (uint64_t)h->free_count + 1,
	            DP_HOLDERS_MAX, NULL) != DP_OK)
		return;
	h->free_record = items;
	h->free_record[h->free_count++] = index;
}

dp_code dp_holders_load(dp_holders *h, dp_parcels **ret_list, uint32_t index, dp_parcels *scratch,
                        dp_fault *fault)
{
	dp_holder *r = &h->record[index];
	DP_CHECK(r->form != DP_FORM_FREE);
	if (r->form == DP_FORM_LIST) {
		*ret_list = &h->content[r->list];
		return DP_OK;
	}
	dp_parcels_clear(scratch);
	if (r->form == DP_FORM_ONE) {
		dp_parcel one = {.colour = r->colour};
		one.units = dp_u256_of128(dp_holder_units(r));
		one.origin = one.units;
		DP_TRY(dp_parcels_push(scratch, &one, fault));
	}
	*ret_list = scratch;
	return DP_OK;
}

dp_code dp_holders_store(dp_holders *h, uint32_t index, dp_parcels *list, dp_fault *fault)
{
	dp_holder *r = &h->record[index];
	DP_CHECK(r->form != DP_FORM_FREE);
	const dp_parcel *one = list->count == 1 ? dp_parcels_at(list, 0) : NULL;
	if (list->count == 0 ||
	    (one != NULL && one->colour.v != 0 && dp_u256_eq(one->units, one->origin) &&
	     dp_u256_fits128(one->units))) {
		dp_parcel value = one != NULL ? *one : (dp_parcel){0};
		if (r->form == DP_FORM_LIST) content_release(h, r->list);
		r->form = one != NULL ? DP_FORM_ONE : DP_FORM_EMPTY;
		r->colour = value.colour;
		dp_holder_set_units(r, dp_u256_low128(value.units));
		return DP_OK;
	}
	if (r->form == DP_FORM_LIST) {
		DP_CHECK(list == &h->content[r->list]);
		return DP_OK;
	}
	uint32_t at;
	DP_TRY(content_new(h, &at, fault));
	dp_code code = dp_parcels_copy(&h->content[at], list, fault);
	if (code != DP_OK) {
		content_release(h, at);
		return code;
	}
	r->form = DP_FORM_LIST;
	r->colour = DP_CLEAN;
	dp_holder_set_units(r, 0);
	r->list = at;
	return DP_OK;
}

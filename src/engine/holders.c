// See holders.h.
//
// Deletion uses backward shifting rather than tombstones: a table that lives for months must not
// fill up with the graves of spent coins. The filter cannot forget single keys; when it is full
// it is built anew from what is live.
#include "engine/holders.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { SLOTS_FIRST = 1024, FILTER_WORDS_FIRST = 1024, FILTER_KEYS_PER_WORD = 2 };

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

void dp_holder_id_of_addr(uint8_t ret_id[36], const dp_addr *addr)
{
	_Static_assert(sizeof *addr == 34, "an address and two zeros make an id");
	memcpy(ret_id, addr, sizeof *addr);
	ret_id[34] = 0;
	ret_id[35] = 0;
}

void dp_holder_id_of_outpoint(uint8_t ret_id[36], const dp_outpoint *outpoint)
{
	memcpy(ret_id, outpoint->txid, 32);
	for (int i = 0; i < 4; i++) ret_id[32 + i] = (uint8_t)(outpoint->vout >> (8 * i));
}

uint64_t dp_holder_key(const dp_holders *h, const uint8_t id[36])
{
	if (!h->utxo) {
		dp_addr addr;
		memcpy(&addr, id, sizeof addr);
		return dp_addr_key(&addr);
	}
	dp_outpoint o;
	memcpy(o.txid, id, 32);
	o.vout = (uint32_t)id[32] | (uint32_t)id[33] << 8 | (uint32_t)id[34] << 16 |
	         (uint32_t)id[35] << 24;
	return dp_outpoint_key(&o);
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
	for (uint64_t i = 0; i < h->slot_count; i++)
		if (h->slot[i].index != 0)
			filter_set(h, dp_holder_key(h, h->record[h->slot[i].index - 1].id));
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

static uint64_t mixed_key_of(const dp_holders *h, const dp_holder *r)
{
	return dp_holder_mix(dp_holder_key(h, r->id), r->asset);
}

uint32_t dp_holders_find(const dp_holders *h, uint64_t key, const uint8_t id[36], dp_asset asset)
{
	DP_CHECK(h->slot_count > 0);
	uint64_t mixed = dp_holder_mix(key, asset);
	uint32_t tag = (uint32_t)(mixed >> 32);
	for (uint64_t at = mixed & (h->slot_count - 1);; at = (at + 1) & (h->slot_count - 1)) {
		struct dp_holder_slot s = h->slot[at];
		if (s.index == 0) return DP_HOLDER_NONE;
		if (s.tag != tag) continue;
		const dp_holder *r = &h->record[s.index - 1];
		if (r->asset.v == asset.v && memcmp(r->id, id, 36) == 0) return s.index - 1;
	}
}

static void slot_put(struct dp_holder_slot *slot, uint64_t slot_count, uint64_t mixed,
                     uint32_t index)
{
	uint64_t at = mixed & (slot_count - 1);
	while (slot[at].index != 0) at = (at + 1) & (slot_count - 1);
	slot[at] = (struct dp_holder_slot){index + 1, (uint32_t)(mixed >> 32)};
}

static dp_code slots_grow(dp_holders *h, dp_fault *fault)
{
	uint64_t count = h->slot_count * 2;
	struct dp_holder_slot *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < h->slot_count; i++) {
		uint32_t index = h->slot[i].index;
		if (index != 0)
			slot_put(slot, count, mixed_key_of(h, &h->record[index - 1]), index - 1);
	}
	dp_free(h->slot);
	h->slot = slot;
	h->slot_count = count;
	return DP_OK;
}

static dp_code link_record(dp_holders *h, uint32_t index, uint64_t key, dp_fault *fault)
{
	if ((uint64_t)(h->live + 1) * 4 > h->slot_count * 3) DP_TRY(slots_grow(h, fault));
	DP_TRY(filter_add(h, key, fault));
	slot_put(h->slot, h->slot_count, dp_holder_mix(key, h->record[index].asset), index);
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

void dp_holders_unlink(dp_holders *h, uint32_t index)
{
	uint64_t mask = h->slot_count - 1;
	uint64_t at = mixed_key_of(h, &h->record[index]) & mask;
	while (h->slot[at].index != index + 1) {
		DP_CHECK(h->slot[at].index != 0);
		at = (at + 1) & mask;
	}
	// Close the gap: a later slot moves here when its home is not behind the gap.
	for (uint64_t next = (at + 1) & mask; h->slot[next].index != 0; next = (next + 1) & mask) {
		const dp_holder *r = &h->record[h->slot[next].index - 1];
		uint64_t home = mixed_key_of(h, r) & mask;
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
	dp_parcels_done(&h->content[list]);
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
	DP_TRY(dp_grow(&items, &h->content_cap, sizeof *h->content,
	               (uint64_t)h->content_count + 1, DP_HOLDERS_MAX, fault));
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
	if (dp_grow(&items, &h->free_cap, sizeof(uint32_t), (uint64_t)h->free_count + 1,
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
	if (list->count == 0 || (one != NULL && one->colour.v != 0 &&
	                         dp_u256_eq(one->units, one->origin) &&
	                         dp_u256_fits128(one->units))) {
		dp_parcel value = one != NULL ? *one : (dp_parcel){0};
		if (r->form == DP_FORM_LIST) content_release(h, r->list);
		r->form = one != NULL ? DP_FORM_ONE : DP_FORM_EMPTY;
		r->list = 0;
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
	r->list = at;
	r->colour = DP_CLEAN;
	dp_holder_set_units(r, 0);
	return DP_OK;
}

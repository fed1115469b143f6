// The engine's state as bytes: for undo records and casebooks. Little-endian, amounts as one byte
// of length and that many bytes.
//
// Holder   u32 no, id[36], u16 asset, u16 hop, u32 moves, u8 hub and twice its mixes, u32 parcels,
//          then each parcel: u16 colour, units, origin
// Books    u32 magic 'DPB2', u64 list of assets (XXH3 of their CAIP-19 names), u32 last number,
//          u64 height, u64 blocks, u64 time, hash[32],
//          u32 colours, each: stolen, received, sent, the buckets
//          u32 seeds, each: u8 done, arrived
//          u32 links, each: u32 seen, u8 done, delivered, u32 parcels, each as above
//
// Assets are stored by number. A program with another list of assets would read them wrongly, so
// the list's fingerprint is stored and compared.
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "engine/exchange.h"
#include "engine/private.h"

enum { BOOKS_MAGIC = 0x32425044 };
enum { HOLDER_SIZE = 4 + 36 + 2 + 2 + 4 + 1 + 4, PARCEL_SIZE_MAX = 2 + 33 + 33 };

static uint64_t asset_fingerprint(void)
{
	uint64_t sum = 0;
	for (uint16_t i = 1; i <= dp_asset_count(); i++) {
		char name[DP_ASSET_TEXT_MAX];
		size_t n = dp_asset_caip19(name, (dp_asset){i});
		sum = XXH3_64bits_withSeed(name, n, sum);
	}
	return sum;
}

static dp_code parcel_write(dp_buffer *b, const dp_parcel *p, dp_fault *fault)
{
	DP_TRY(dp_buffer_u16(b, p->colour.v, fault));
	DP_TRY(dp_buffer_u256(b, p->units, fault));
	return dp_buffer_u256(b, p->origin, fault);
}

static dp_u256 amount_read(dp_bytes *r)
{
	dp_u256 v = DP_U256_ZERO;
	uint8_t n = dp_bytes_u8(r);
	if (n > 32) {
		r->failed = true;
		return v;
	}
	const uint8_t *p = dp_bytes_take(r, n);
	for (uint8_t i = 0; p != NULL && i < n; i++) v.w[i / 8] |= (uint64_t)p[i] << (8 * (i % 8));
	return v;
}

static dp_parcel parcel_read(dp_bytes *r)
{
	dp_parcel p = {0};
	p.colour.v = dp_bytes_u16le(r);
	p.units = amount_read(r);
	p.origin = amount_read(r);
	return p;
}

//- holders ---------------------------------------------------------------------------------------

// Writing into room that is there already.
static inline uint8_t *put_u16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof v);
	return p + sizeof v;
}

static inline uint8_t *put_u32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
	return p + sizeof v;
}

// Without a branch on whether there is a second limb: wei amounts have one as often as not, and a
// wrong guess costs more than all the rest of writing a holder.
static inline uint32_t bytes_used(dp_u256 v)
{
	uint32_t below = 0;
	uint64_t low = v.w[0], high = v.w[1];
	if (__builtin_expect(!dp_u256_fits128(v), 0)) {
		below = 16;
		low = v.w[2];
		high = v.w[3];
	}
	uint64_t use_high = (uint64_t)0 - (high != 0);
	uint64_t top = (high & use_high) | (low & ~use_high);
	uint32_t bits = 64 - (uint32_t)__builtin_clzll(top | 1);
	return below + (uint32_t)(use_high & 8) + (bits + 7) / 8 * (top != 0);
}

// All 32 bytes are written, those that count are kept: the next field goes over the rest.
static inline uint8_t *put_amount(uint8_t *p, dp_u256 v)
{
	uint32_t n = bytes_used(v);
	*p++ = (uint8_t)n;
	for (uint32_t i = 0; i < 4; i++) v.w[i] = htole64(v.w[i]);
	memcpy(p, v.w, sizeof v.w);
	return p + n;
}

// The same for an inline parcel.
static inline uint8_t *put_amount128(uint8_t *p, dp_u128 v)
{
	uint32_t n = bytes_used(dp_u256_of128(v));
	uint64_t low = htole64((uint64_t)v), high = htole64((uint64_t)(v >> 64));
	*p++ = (uint8_t)n;
	memcpy(p, &low, sizeof low);
	memcpy(p + sizeof low, &high, sizeof high);
	return p + n;
}

static dp_code parcels_write(dp_buffer *b, const dp_parcel *p, uint32_t count, dp_fault *fault)
{
	DP_TRY(dp_buffer_u32(b, count, fault));
	for (uint32_t i = 0; i < count; i++) DP_TRY(parcel_write(b, &p[i], fault));
	return DP_OK;
}

// The parcels of a record without copying a list; `one` is room for an inline parcel.
static const dp_parcel *parcels_of(const dp_engine *e, const dp_holder *r, dp_parcel *one,
                                   uint32_t *ret_count)
{
	*ret_count = 0;
	if (r->form == DP_FORM_LIST) {
		const dp_parcels *list = &e->holders.content[r->list];
		*ret_count = list->count;
		return dp_parcels_at(list, 0);
	}
	*one = (dp_parcel){.colour = r->colour};
	one->units = dp_u256_of128(dp_holder_units(r));
	one->origin = one->units;
	if (r->form == DP_FORM_ONE) *ret_count = 1;
	return one;
}

dp_code dp_holder_write(const dp_engine *e, dp_buffer *b, uint32_t index, dp_fault *fault)
{
	const dp_holder *r = &e->holders.record[index];
	const dp_parcels *list = r->form == DP_FORM_LIST ? &e->holders.content[r->list] : NULL;
	uint32_t count = list != NULL ? list->count : r->form == DP_FORM_ONE;
	DP_TRY(dp_buffer_room(b, 5 + HOLDER_SIZE + (size_t)count * PARCEL_SIZE_MAX + 32, fault));
	uint8_t *head = b->bytes + b->size;
	*head = 'O';
	uint8_t *p = put_u32(head + 5, r->no);
	memcpy(p, r->id, 36);
	p = put_u16(p + 36, r->asset.v);
	p = put_u16(p, r->hop);
	p = put_u32(p, r->moves);
	*p++ = (uint8_t)(((r->flags & DP_HOLDER_HUB) != 0) + 2 * dp_mixes_of(r));
	p = put_u32(p, count);
	if (r->form == DP_FORM_ONE) {
		p = put_u16(p, r->colour.v);
		p = put_amount128(p, dp_holder_units(r));
		p = put_amount128(p, dp_holder_units(r));
	}
	for (uint32_t i = 0; list != NULL && i < count; i++) {
		const dp_parcel *parcel = dp_parcels_at(list, i);
		p = put_u16(p, parcel->colour.v);
		p = put_amount(p, parcel->units);
		p = put_amount(p, parcel->origin);
	}
	(void)put_u32(head + 1, (uint32_t)(p - head - 5));
	b->size = (uint64_t)(p - b->bytes);
	DP_CHECK(b->size <= b->cap);
	return DP_OK;
}

static dp_code parcels_load(dp_engine *e, dp_parcels *list, dp_bytes *r, uint32_t count,
                            dp_fault *fault)
{
	dp_parcels_clear(list);
	for (uint32_t i = 0; i < count && !r->failed; i++) {
		dp_parcel p = parcel_read(r);
		if (r->failed) break;
		if (p.colour.v > e->colour_count || (p.colour.v == 0 && !dp_u256_is_zero(p.origin)))
			return dp_fail(fault, DP_BAD_BYTES, "a parcel has no right colour");
		// As they stood: neither joined nor, for poison's marks, dropped.
		dp_parcels single = {.item = &p, .count = 1, .cap = 1};
		if (list->count == 0) {
			DP_TRY(dp_parcels_copy(list, &single, fault));
			continue;
		}
		void *items = list->item;
		DP_TRY(dp_grow(&items, &list->cap, sizeof p, (uint64_t)list->count + 1,
		               2 * (uint64_t)DP_PARCELS_MAX, fault));
		list->item = items;
		list->item[list->first + list->count++] = p;
	}
	if (r->failed) return dp_fail(fault, DP_BAD_BYTES, "a stored state is cut short");
	return DP_OK;
}

// Bytes from a casebook may have been changed by anybody: what later code relies on is checked
// here, so that a damaged state is refused and never makes an assertion fail (I-7).
static bool content_is_sound(const dp_engine *e, const dp_parcels *list)
{
	dp_u256 total = DP_U256_ZERO;
	bool marks = e->policy->shape == DP_SHAPE_MARKS;
	for (uint32_t i = 0; i < list->count; i++) {
		const dp_parcel *p = dp_parcels_at(list, i);
		if (marks && i > 0) {
			const dp_u256 all = dp_parcels_at(list, 0)->units;
			if (!dp_u256_eq(p->units, all) || !dp_u256_eq(p->origin, all)) return false;
		} else if (dp_u256_add_over(&total, total, p->units)) {
			return false;
		}
		if (marks && i == 0 && p->colour.v != 0) return false;
		if (!marks && dp_u256_is_zero(p->units)) return false;
		if (e->policy->shape != DP_SHAPE_QUEUE && i > 0 &&
		    p->colour.v <= dp_parcels_at(list, i - 1)->colour.v)
			return false;
	}
	return dp_total_fits(total);
}

bool dp_engine_crossing_is_sound(const dp_engine *e, const dp_crossing *c)
{
	for (uint32_t i = 0; i < c->content_count; i++) {
		const dp_parcels *list = &c->content[i].parcels;
		if (c->content[i].asset.v == 0 || !content_is_sound(e, list)) return false;
		for (uint32_t k = 0; k < list->count; k++)
			if (dp_parcels_at(list, k)->colour.v > e->colour_count) return false;
	}
	return true;
}

// On account chains an identity is an address and two zeros; a coin's may be anything.
bool dp_id_is_sound(const dp_engine *e, const uint8_t id[36])
{
	if (e->utxo) return true;
	if (id[0] == DP_ADDR_NONE || id[0] >= DP_ADDR_KIND_COUNT || id[1] > 32) return false;
	for (int i = 2 + id[1]; i < 36; i++)
		if (id[i] != 0) return false;
	return true;
}

// Puts a holder (back) as stored, over the one of the same identity or as a new record.
dp_code dp_holder_read(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault)
{
	dp_bytes r = dp_bytes_of(bytes, size);
	uint32_t no = dp_bytes_u32le(&r);
	const uint8_t *id = dp_bytes_take(&r, 36);
	dp_asset asset = {dp_bytes_u16le(&r)};
	uint16_t hop = dp_bytes_u16le(&r);
	uint32_t moves = dp_bytes_u32le(&r);
	uint8_t marks = dp_bytes_u8(&r);
	bool hub = (marks & 1) != 0;
	uint32_t count = dp_bytes_u32le(&r);
	if (r.failed || no == 0 || no > e->last_no || asset.v == 0 || asset.v > dp_asset_count() ||
	    marks > 2 * DP_HOLDER_MIXES_MAX + 1 || count > DP_PARCELS_MAX || !dp_id_is_sound(e, id))
		return dp_fail(fault, DP_BAD_BYTES, "a stored holder is damaged");
	DP_TRY(parcels_load(e, &e->scratch_b, &r, count, fault));
	if (r.at != r.size || !content_is_sound(e, &e->scratch_b))
		return dp_fail(fault, DP_BAD_BYTES, "a stored holder is damaged");
	uint64_t key = dp_holder_key(&e->holders, id);
	uint32_t index = dp_holders_find(&e->holders, key, id, asset);
	if (index == DP_HOLDER_NONE)
		DP_TRY(dp_holders_add(&e->holders, &index, key, id, asset, fault));
	dp_holder *h = &e->holders.record[index];
	h->no = no;
	h->hop = hop;
	h->moves = moves;
	h->flags = (uint8_t)((hub ? DP_HOLDER_HUB : 0) | dp_mixes_flags(marks / 2));
	dp_note_changed(e, index);
	h->epoch = 0;
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	dp_parcels_clear(list);
	DP_TRY(dp_parcels_copy(list, &e->scratch_b, fault));
	return dp_holders_store(&e->holders, index, list, fault);
}

//- books -----------------------------------------------------------------------------------------

dp_code dp_books_write(const dp_engine *e, dp_buffer *b, dp_fault *fault)
{
	DP_TRY(dp_buffer_u32(b, BOOKS_MAGIC, fault));
	DP_TRY(dp_buffer_u64(b, e->asset_fingerprint, fault));
	DP_TRY(dp_buffer_u32(b, e->last_no, fault));
	DP_TRY(dp_buffer_u64(b, e->at.height, fault));
	DP_TRY(dp_buffer_u64(b, e->at.blocks, fault));
	DP_TRY(dp_buffer_u64(b, (uint64_t)e->at.time, fault));
	DP_TRY(dp_buffer_put(b, e->at.hash, 32, fault));
	DP_TRY(dp_buffer_u32(b, e->colour_count, fault));
	for (uint32_t i = 1; i <= e->colour_count; i++) {
		DP_TRY(dp_buffer_u256(b, e->colour[i].stolen, fault));
		DP_TRY(dp_buffer_u256(b, e->colour[i].received, fault));
		DP_TRY(dp_buffer_u256(b, e->colour[i].sent, fault));
		for (int k = 0; k < DP_BUCKET_COUNT; k++)
			DP_TRY(dp_buffer_u256(b, e->colour[i].bucket[k], fault));
	}
	DP_TRY(dp_buffer_u32(b, e->seed_count, fault));
	for (uint32_t i = 0; i < e->seed_count; i++) {
		DP_TRY(dp_buffer_u8(b, e->seed[i].done, fault));
		DP_TRY(dp_buffer_u256(b, e->seed[i].arrived, fault));
	}
	DP_TRY(dp_buffer_u32(b, e->link_count, fault));
	for (uint32_t i = 0; i < e->link_count; i++) {
		const dp_link_state *l = &e->link[i];
		DP_TRY(dp_buffer_u32(b, l->txs_seen, fault));
		DP_TRY(dp_buffer_u8(b, l->done, fault));
		DP_TRY(dp_buffer_u256(b, l->delivered, fault));
		DP_TRY(parcels_write(b, l->inside.count > 0 ? dp_parcels_at(&l->inside, 0) : NULL,
		                     l->inside.count, fault));
	}
	return DP_OK;
}

static dp_code books_head(dp_engine *e, dp_bytes *r, dp_fault *fault)
{
	if (dp_bytes_u32le(r) != BOOKS_MAGIC)
		return dp_fail(fault, DP_BAD_BYTES, "the stored state is not one of dyepack's");
	if (dp_bytes_u64le(r) != e->asset_fingerprint)
		return dp_fail(fault, DP_BAD_CASE,
		               "the casebook was made by a dyepack with another list of assets: "
		               "trace again into a new casebook");
	e->last_no = dp_bytes_u32le(r);
	e->at.height = dp_bytes_u64le(r);
	e->at.blocks = dp_bytes_u64le(r);
	e->at.time = (int64_t)dp_bytes_u64le(r);
	const uint8_t *hash = dp_bytes_take(r, 32);
	if (hash != NULL) memcpy(e->at.hash, hash, 32);
	return DP_OK;
}

dp_code dp_books_read(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault)
{
	static const char *const other = "the stored state belongs to another case";
	dp_bytes r = dp_bytes_of(bytes, size);
	DP_TRY(books_head(e, &r, fault));
	if (dp_bytes_u32le(&r) != e->colour_count) return dp_fail(fault, DP_BAD_BYTES, "%s", other);
	for (uint32_t i = 1; i <= e->colour_count; i++) {
		dp_colour_info *c = &e->colour[i];
		c->stolen = amount_read(&r);
		c->received = amount_read(&r);
		c->sent = amount_read(&r);
		dp_u256 sum = c->sent, all;
		for (int k = 0; k < DP_BUCKET_COUNT; k++) {
			e->colour[i].bucket[k] = amount_read(&r);
			if (dp_u256_add_over(&sum, sum, e->colour[i].bucket[k])) r.failed = true;
		}
		if (dp_u256_add_over(&all, c->stolen, c->received)) r.failed = true;
		if (!r.failed && e->policy->conserving && !dp_u256_eq(sum, all)) r.failed = true;
		if (!dp_total_fits(c->stolen) || !dp_total_fits(c->received)) r.failed = true;
	}
	if (dp_bytes_u32le(&r) != e->seed_count) return dp_fail(fault, DP_BAD_BYTES, "%s", other);
	e->seeds_waiting = 0;
	for (uint32_t i = 0; i < e->seed_count; i++) {
		e->seed[i].done = dp_bytes_u8(&r) != 0;
		e->seed[i].arrived = amount_read(&r);
		if (!dp_total_fits(e->seed[i].arrived) ||
		    (e->seed[i].seed->has_amount &&
		     dp_u256_lt(e->seed[i].seed->amount, e->seed[i].arrived)))
			r.failed = true;
		e->seeds_waiting += e->seed[i].done ? 0 : 1;
	}
	if (dp_bytes_u32le(&r) != e->link_count) return dp_fail(fault, DP_BAD_BYTES, "%s", other);
	for (uint32_t i = 0; i < e->link_count; i++) {
		dp_link_state *l = &e->link[i];
		l->txs_seen = dp_bytes_u32le(&r);
		l->done = dp_bytes_u8(&r) != 0;
		l->delivered = amount_read(&r);
		uint32_t count = dp_bytes_u32le(&r);
		if (count > DP_PARCELS_MAX) r.failed = true;
		DP_TRY(parcels_load(e, &l->inside, &r, r.failed ? 0 : count, fault));
		if (!content_is_sound(e, &l->inside) || dp_u256_lt(l->claim->amount, l->delivered))
			r.failed = true;
	}
	if (r.failed || r.at != r.size)
		return dp_fail(fault, DP_BAD_BYTES, "a stored state is damaged or cut short");
	return DP_OK;
}

void dp_state_init(dp_engine *e)
{
	e->asset_fingerprint = asset_fingerprint();
}

//- for casebooks ---------------------------------------------------------------------------------

dp_code dp_engine_books_save(const dp_engine *e, uint8_t **ret_bytes, size_t *ret_size,
                             dp_fault *fault)
{
	dp_buffer b = {0};
	dp_code code = dp_books_write(e, &b, fault);
	if (code != DP_OK) {
		dp_free(b.bytes);
		return code;
	}
	*ret_bytes = b.bytes;
	*ret_size = b.size;
	return DP_OK;
}

dp_code dp_engine_books_load(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault)
{
	DP_CHECK(e->at.blocks == 0);
	return dp_books_read(e, bytes, size, fault);
}

dp_code dp_engine_holder_load(dp_engine *e, const dp_holder_view *view, dp_fault *fault)
{
	dp_buffer b = {0};
	uint64_t most = HOLDER_SIZE + (uint64_t)view->parcel_count * PARCEL_SIZE_MAX;
	DP_TRY(dp_buffer_room(&b, most, fault)); // at once
	dp_code code = dp_buffer_u32(&b, view->no, fault);
	if (code == DP_OK) code = dp_buffer_put(&b, view->id, 36, fault);
	if (code == DP_OK) code = dp_buffer_u16(&b, view->asset.v, fault);
	if (code == DP_OK) code = dp_buffer_u16(&b, view->hop, fault);
	if (code == DP_OK) code = dp_buffer_u32(&b, view->moves, fault);
	if (code == DP_OK) code = dp_buffer_u8(&b, (uint8_t)(view->hub + 2 * view->mixes), fault);
	if (code == DP_OK) code = parcels_write(&b, view->parcel, view->parcel_count, fault);
	if (code == DP_OK) code = dp_holder_read(e, b.bytes, b.size, fault);
	dp_free(b.bytes);
	return code;
}

static dp_holder_view view_of(const dp_engine *e, const dp_holder *r, dp_parcel *one)
{
	dp_holder_view v = {.no = r->no, .id = r->id, .asset = r->asset, .hop = r->hop};
	v.moves = r->moves;
	v.hub = (r->flags & DP_HOLDER_HUB) != 0;
	v.mixes = dp_mixes_of(r);
	v.parcel = parcels_of(e, r, one, &v.parcel_count);
	return v;
}

static dp_code visit_gone(dp_engine *e,
                          dp_code (*visit)(void *, const dp_holder_view *, dp_fault *),
                          void *context, dp_fault *fault)
{
	for (uint64_t at = 0; at + 4 <= e->dirty.size; at += 4) {
		dp_bytes r = dp_bytes_of(e->dirty.bytes + at, 4);
		dp_holder_view v = {.no = dp_bytes_u32le(&r), .gone = true};
		DP_TRY(visit(context, &v, fault));
	}
	return DP_OK;
}

enum { CHANGED_FEW = 4096, CHANGED_SHARE = 8 };

void dp_note_changed(dp_engine *e, uint32_t index)
{
	dp_holder *r = &e->holders.record[index];
	DP_CHECK(index < e->holders.record_count);
	if ((r->flags & DP_HOLDER_DIRTY) != 0) return;
	r->flags |= DP_HOLDER_DIRTY;
	if (e->changed_many) return;
	// A list not much shorter than all records, or without memory, is not worth having.
	void *items = e->changed;
	bool is_many = e->changed_count >= CHANGED_FEW &&
	               e->changed_count >= e->holders.record_count / CHANGED_SHARE;
	e->changed_many =
	    is_many || dp_grow(&items, &e->changed_cap, sizeof *e->changed,
	                       (uint64_t)e->changed_count + 1, DP_HOLDERS_MAX, NULL) != DP_OK;
	e->changed = items;
	if (!e->changed_many) e->changed[e->changed_count++] = index;
}

static int by_index(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

// In the order of records, each once: one that was left and taken again is listed twice.
static dp_code visit_changed(dp_engine *e,
                             dp_code (*visit)(void *, const dp_holder_view *, dp_fault *),
                             void *context, dp_fault *fault)
{
	dp_parcel one;
	uint32_t count = e->changed_many ? e->holders.record_count : e->changed_count;
	if (!e->changed_many && count > 1) qsort(e->changed, count, sizeof *e->changed, by_index);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = e->changed_many ? i : e->changed[i];
		const dp_holder *r = &e->holders.record[index];
		bool is_again = !e->changed_many && i > 0 && index == e->changed[i - 1];
		if (is_again || r->form == DP_FORM_FREE || (r->flags & DP_HOLDER_DIRTY) == 0)
			continue;
		DP_CHECK(r->no > 0);
		dp_holder_view v = view_of(e, r, &one);
		DP_TRY(visit(context, &v, fault));
	}
	return DP_OK;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

dp_code dp_engine_visit(dp_engine *e, bool changed_only,
                        dp_code (*visit)(void *context, const dp_holder_view *view,
                                         dp_fault *fault),
                        void *context, dp_fault *fault)
{
	if (changed_only) {
		DP_TRY(visit_gone(e, visit, context, fault));
		return visit_changed(e, visit, context, fault);
	}
	uint64_t count = 0; // number in the high half, record in the low
	uint64_t *by_no = dp_alloc(((size_t)e->holders.live + 1) * sizeof *by_no);
	if (by_no == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	dp_parcel one;
	for (uint32_t i = 0; i < e->holders.record_count; i++) {
		const dp_holder *r = &e->holders.record[i];
		if (r->form == DP_FORM_FREE) continue;
		DP_CHECK(r->no > 0 && count < e->holders.live);
		by_no[count++] = (uint64_t)r->no << 32 | i;
	}
	if (count > 1) qsort(by_no, count, sizeof *by_no, by_number);
	for (uint64_t i = 0; i < count && code == DP_OK; i++) {
		dp_holder_view v = view_of(e, &e->holders.record[(uint32_t)by_no[i]], &one);
		code = visit(context, &v, fault);
	}
	dp_free(by_no);
	return code;
}

dp_code dp_engine_marks_visit(dp_engine *e,
                              dp_code (*visit)(void *context, const dp_mark_view *mark,
                                               dp_fault *fault),
                              void *context, dp_fault *fault)
{
	for (uint32_t i = e->marks.saved; i < e->marks.count; i++) {
		const dp_mark *m = &e->marks.item[i];
		dp_mark_view v = {.seq = i,
		                  .height = m->height,
		                  .kind = m->kind,
		                  .protocol = m->protocol,
		                  .asset = m->asset,
		                  .addr = &m->addr};
		DP_TRY(visit(context, &v, fault));
	}
	return DP_OK;
}

dp_code dp_engine_mark_load(dp_engine *e, const dp_mark_view *mark, dp_fault *fault)
{
	if (mark->kind < DP_MARK_VAULT || mark->kind > DP_MARK_RELEASED ||
	    mark->asset.v > dp_asset_count())
		return dp_fail(fault, DP_BAD_BYTES, "a stored vault is damaged");
	DP_TRY(dp_mark_add(&e->marks, (dp_mark_kind)mark->kind, mark->protocol, mark->asset,
	                   mark->addr, mark->height, fault));
	e->marks.saved = e->marks.count;
	return DP_OK;
}

void dp_engine_saved(dp_engine *e)
{
	e->dirty.size = 0;
	e->marks.saved = e->marks.count;
	uint32_t count = e->changed_many ? e->holders.record_count : e->changed_count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = e->changed_many ? i : e->changed[i];
		e->holders.record[index].flags &= (uint8_t)~DP_HOLDER_DIRTY;
	}
	e->changed_count = 0;
	e->changed_many = false;
}

dp_code dp_engine_undo_save(const dp_engine *e, uint32_t back, uint64_t *ret_height,
                            uint8_t **ret_bytes, size_t *ret_size, dp_fault *fault)
{
	if (back == 0 || back > e->undo_count)
		return dp_fail(fault, DP_NOT_FOUND, "no undo record that far back");
	uint32_t room = e->options.undo_blocks;
	const dp_undo *u = &e->undo[(e->undo_first + e->undo_count - back) % room];
	uint8_t *copy = dp_alloc(u->bytes.size + 1);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (u->bytes.size > 0) memcpy(copy, u->bytes.bytes, u->bytes.size);
	*ret_height = u->height;
	*ret_bytes = copy;
	*ret_size = u->bytes.size;
	return DP_OK;
}

dp_code dp_engine_undo_load(dp_engine *e, uint64_t height, const uint8_t *bytes, size_t size,
                            dp_fault *fault)
{
	e->now.bytes.size = 0;
	e->now.balance_log.size = 0;
	DP_TRY(dp_buffer_put(&e->now.bytes, bytes, size, fault));
	dp_block at = {.height = height};
	return dp_undo_commit(e, &at, fault);
}

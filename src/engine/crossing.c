// Crossings as bytes, for undo records and casebooks. Little-endian; amounts as in state.c; texts
// as one byte of length and the bytes; chains by their CAIP-2 name, "" for none.
//
//   u32 magic 'DPX1', key[32], u64 serial, u64 version
//   leg      protocol, u8 side, u8 store, u8 flags, ref[32], u8 ref size, text, u16 asset, amount,
//            u8 places, each 34 bytes, to, back (34 each), other chain, u64 its number,
//            u16 other asset, least, u8 its decimals
//   in       chain, u64 height, u64 time, tx[32]
//   from     34 bytes
//   content  u8 count, each: u16 asset, u32 parcels, each: u16 colour, units, origin
//   u32 hop, u8 mixes, u8 flags (1 open, 2 out), out as in, out_to (34), u16 asset, units
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "engine/exchange_inner.h"

enum { CROSSING_MAGIC = 0x31585044 };
enum { PROVEN = 1, REFUND = 2, KEY = 4, TIME_KEY = 8, ALL = 16, LEAST = 32, STAYS = 64 };
enum { OPEN = 1, OUT = 2 };

static dp_code put_text(dp_buffer *b, const char *text, dp_fault *fault)
{
	size_t n = strlen(text);
	DP_CHECK(n < 256);
	DP_TRY(dp_buffer_u8(b, (uint8_t)n, fault));
	return dp_buffer_put(b, text, n, fault);
}

static dp_code put_chain(dp_buffer *b, const dp_chain *chain, dp_fault *fault)
{
	return put_text(b, chain == NULL ? "" : chain->caip2, fault);
}

static dp_code put_addr(dp_buffer *b, const dp_addr *a, dp_fault *fault)
{
	return dp_buffer_put(b, a, sizeof *a, fault);
}

static dp_code put_place(dp_buffer *b, const dp_place_at *at, dp_fault *fault)
{
	DP_TRY(put_chain(b, at->chain, fault));
	DP_TRY(dp_buffer_u64(b, at->height, fault));
	DP_TRY(dp_buffer_u64(b, (uint64_t)at->time, fault));
	return dp_buffer_put(b, at->tx, 32, fault);
}

static dp_code put_leg(dp_buffer *b, const dp_leg *l, dp_fault *fault)
{
	unsigned flags = (l->is_proven ? PROVEN : 0u) | (l->is_refund ? REFUND : 0u) |
	                 (l->has_key ? KEY : 0u) | (l->has_time_key ? TIME_KEY : 0u) |
	                 (l->all_of_it ? ALL : 0u) | (l->has_least ? LEAST : 0u) |
	                 (l->stays_inside ? STAYS : 0u);
	DP_TRY(put_text(b, l->protocol == NULL ? "" : l->protocol->name, fault));
	DP_TRY(dp_buffer_u8(b, l->side, fault));
	DP_TRY(dp_buffer_u8(b, l->store, fault));
	DP_TRY(dp_buffer_u8(b, (uint8_t)flags, fault));
	DP_TRY(dp_buffer_put(b, l->ref, 32, fault));
	DP_TRY(dp_buffer_u8(b, l->ref_size, fault));
	DP_TRY(put_text(b, l->text, fault));
	DP_TRY(dp_buffer_u16(b, l->asset.v, fault));
	DP_TRY(dp_buffer_u256(b, l->amount, fault));
	DP_TRY(dp_buffer_u8(b, (uint8_t)l->place_count, fault));
	for (uint32_t i = 0; i < l->place_count; i++) DP_TRY(put_addr(b, &l->place[i], fault));
	DP_TRY(put_addr(b, &l->to, fault));
	DP_TRY(put_addr(b, &l->back, fault));
	DP_TRY(put_chain(b, l->other, fault));
	DP_TRY(dp_buffer_u64(b, l->other_number, fault));
	DP_TRY(dp_buffer_u16(b, l->other_asset.v, fault));
	DP_TRY(dp_buffer_u256(b, l->least, fault));
	return dp_buffer_u8(b, l->least_decimals, fault);
}

dp_code dp_crossing_write(const dp_crossing *c, dp_buffer *b, dp_fault *fault)
{
	DP_TRY(dp_buffer_u32(b, CROSSING_MAGIC, fault));
	DP_TRY(dp_buffer_put(b, c->key, 32, fault));
	DP_TRY(dp_buffer_u64(b, c->serial, fault));
	DP_TRY(dp_buffer_u64(b, c->version, fault));
	DP_TRY(put_leg(b, &c->leg, fault));
	DP_TRY(put_place(b, &c->in, fault));
	DP_TRY(put_addr(b, &c->from, fault));
	DP_TRY(dp_buffer_u8(b, (uint8_t)c->content_count, fault));
	for (uint32_t i = 0; i < c->content_count; i++) {
		const dp_parcels *p = &c->content[i].parcels;
		DP_TRY(dp_buffer_u16(b, c->content[i].asset.v, fault));
		DP_TRY(dp_buffer_u32(b, p->count, fault));
		for (uint32_t k = 0; k < p->count; k++) {
			DP_TRY(dp_buffer_u16(b, dp_parcels_at(p, k)->colour.v, fault));
			DP_TRY(dp_buffer_u256(b, dp_parcels_at(p, k)->units, fault));
			DP_TRY(dp_buffer_u256(b, dp_parcels_at(p, k)->origin, fault));
		}
	}
	DP_TRY(dp_buffer_u32(b, c->hop, fault));
	DP_TRY(dp_buffer_u8(b, c->mixes, fault));
	DP_TRY(dp_buffer_u8(b, (uint8_t)((c->is_open ? OPEN : 0) | (c->is_out ? OUT : 0)), fault));
	DP_TRY(put_place(b, &c->out, fault));
	DP_TRY(put_addr(b, &c->out_to, fault));
	DP_TRY(dp_buffer_u16(b, c->out_asset.v, fault));
	return dp_buffer_u256(b, c->out_units, fault);
}

//- reading ---------------------------------------------------------------------------------------

static dp_u256 get_amount(dp_bytes *r)
{
	dp_u256 v = DP_U256_ZERO;
	uint8_t n = dp_bytes_u8(r);
	const uint8_t *p = n > 32 ? NULL : dp_bytes_take(r, n);
	if (p == NULL && n > 0) r->failed = true;
	for (uint8_t i = 0; p != NULL && i < n; i++) v.w[i / 8] |= (uint64_t)p[i] << (8 * (i % 8));
	return v;
}

static void get_bytes(dp_bytes *r, void *out, size_t n)
{
	const uint8_t *p = dp_bytes_take(r, n);
	if (p != NULL) memcpy(out, p, n);
}

static dp_addr get_addr(dp_bytes *r)
{
	dp_addr a = {0};
	get_bytes(r, &a, sizeof a);
	if (a.kind >= DP_ADDR_KIND_COUNT || a.len > 32) r->failed = true;
	return a;
}

static dp_asset get_asset(dp_bytes *r)
{
	dp_asset a = {dp_bytes_u16le(r)};
	if (a.v > dp_asset_count()) r->failed = true;
	return a;
}

static void get_text(dp_bytes *r, char *out, size_t room)
{
	size_t n = dp_bytes_u8(r);
	const uint8_t *p = dp_bytes_take(r, n);
	if (p == NULL || n >= room) {
		r->failed = r->failed || n > 0;
		n = 0;
	}
	if (n > 0) memcpy(out, p, n);
	out[n] = 0;
}

static const dp_chain *get_chain(dp_bytes *r)
{
	char name[128];
	get_text(r, name, sizeof name);
	if (name[0] == 0) return NULL;
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	if (chain == NULL) r->failed = true;
	return chain;
}

static void get_place(dp_bytes *r, dp_place_at *at)
{
	at->chain = get_chain(r);
	at->height = dp_bytes_u64le(r);
	at->time = (int64_t)dp_bytes_u64le(r);
	get_bytes(r, at->tx, 32);
}

static void get_leg(dp_bytes *r, dp_leg *l)
{
	char name[64];
	get_text(r, name, sizeof name);
	l->protocol = name[0] == 0 ? NULL : dp_protocol_find(name);
	if (name[0] != 0 && l->protocol == NULL) r->failed = true;
	l->side = dp_bytes_u8(r);
	l->store = dp_bytes_u8(r);
	uint8_t flags = dp_bytes_u8(r);
	l->is_proven = (flags & PROVEN) != 0;
	l->is_refund = (flags & REFUND) != 0;
	l->has_key = (flags & KEY) != 0;
	l->has_time_key = (flags & TIME_KEY) != 0;
	l->all_of_it = (flags & ALL) != 0;
	l->has_least = (flags & LEAST) != 0;
	l->stays_inside = (flags & STAYS) != 0;
	get_bytes(r, l->ref, 32);
	l->ref_size = dp_bytes_u8(r);
	get_text(r, l->text, sizeof l->text);
	l->asset = get_asset(r);
	l->amount = get_amount(r);
	l->place_count = dp_bytes_u8(r);
	if (l->place_count > DP_LEG_PLACES_MAX || l->ref_size > 32 ||
	    l->store > DP_STORE_POSITION) {
		r->failed = true;
		return;
	}
	for (uint32_t i = 0; i < l->place_count; i++) l->place[i] = get_addr(r);
	l->to = get_addr(r);
	l->back = get_addr(r);
	l->other = get_chain(r);
	l->other_number = dp_bytes_u64le(r);
	l->other_asset = get_asset(r);
	l->least = get_amount(r);
	l->least_decimals = dp_bytes_u8(r);
}

static dp_code get_content(dp_bytes *r, dp_crossing *c, dp_fault *fault)
{
	c->content_count = dp_bytes_u8(r);
	if (c->content_count > DP_CONTENT_MAX) {
		c->content_count = 0;
		r->failed = true;
	}
	for (uint32_t i = 0; i < c->content_count && !r->failed; i++) {
		dp_parcels *p = &c->content[i].parcels;
		c->content[i].asset = get_asset(r);
		uint32_t count = dp_bytes_u32le(r);
		if (count > DP_PARCELS_MAX) r->failed = true;
		dp_parcels_clear(p);
		for (uint32_t k = 0; k < count && !r->failed; k++) {
			dp_parcel one = {.colour = {dp_bytes_u16le(r)}};
			one.units = get_amount(r);
			one.origin = get_amount(r);
			if (!dp_total_fits(one.units) || !dp_total_fits(one.origin) ||
			    (one.colour.v == 0 && !dp_u256_is_zero(one.origin))) {
				r->failed = true;
				break;
			}
			void *items = p->item;
			DP_TRY(dp_grow(&items, &p->cap, sizeof one,
			               (uint64_t)p->first + p->count + 1,
			               2 * (uint64_t)DP_PARCELS_MAX, fault));
			p->item = items;
			p->item[p->first + p->count++] = one;
		}
	}
	return DP_OK;
}

dp_code dp_crossing_read(dp_crossing *c, const uint8_t *bytes, size_t size, dp_fault *fault)
{
	dp_bytes r = dp_bytes_of(bytes, size);
	if (dp_bytes_u32le(&r) != CROSSING_MAGIC) r.failed = true;
	get_bytes(&r, c->key, 32);
	c->serial = dp_bytes_u64le(&r);
	c->version = dp_bytes_u64le(&r);
	get_leg(&r, &c->leg);
	get_place(&r, &c->in);
	c->from = get_addr(&r);
	DP_TRY(get_content(&r, c, fault));
	c->hop = dp_bytes_u32le(&r);
	c->mixes = dp_bytes_u8(&r);
	uint8_t flags = dp_bytes_u8(&r);
	c->is_open = (flags & OPEN) != 0;
	c->is_out = (flags & OUT) != 0;
	get_place(&r, &c->out);
	c->out_to = get_addr(&r);
	c->out_asset = get_asset(&r);
	c->out_units = get_amount(&r);
	if (r.failed || r.at != r.size || c->in.chain == NULL ||
	    (c->is_out && c->out.chain == NULL) || c->mixes > DP_HOLDER_MIXES_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "a stored crossing is damaged or cut short");
	return DP_OK;
}

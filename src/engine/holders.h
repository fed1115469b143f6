// The holders that carry (or once carried) taint: a hash table of fixed-size records, made for two
// things: telling in a few nanoseconds that a movement touches none of them, and keeping a holder
// with one parcel in less than 100 bytes. Private to this room.
//
//   filter      3 bits a key in one 64-bit word: "certainly not" for nearly all movements;
//               a word has 1 to 2 keys when the table grows: 4 to 8 bytes a holder
//   slots       {record index + 1, tag}, linear probing, at most 3/4 full: 11 to 21 bytes
//   records     72 bytes: identity, number, counters, and one parcel inline
//   contents    holders with more than one parcel, or with origin unlike units, have a list
//
// Filter and slots double, at different sizes: together with the record a holder takes at most
// 98.7 bytes, just after the slots have doubled.
//
// A slot's home is its tag's leading bits. So neither growing nor closing a gap needs the records:
// they would be a cache miss each (100 ns, a million times, when the table doubles).
//
// Records are not reused while a rollback could still need them (see undo.h).
#ifndef DP_ENGINE_HOLDERS_H
#define DP_ENGINE_HOLDERS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "chain/address.h"
#include "chain/asset.h"
#include "taint/policy.h"

typedef enum dp_holder_form {
	DP_FORM_FREE = 0, // the record is not in use
	DP_FORM_EMPTY,    // no parcels
	DP_FORM_ONE,      // one tainted parcel, origin equal to units, inline
	DP_FORM_LIST      // `list` is an index into contents
} dp_holder_form;

enum {
	DP_HOLDER_HUB = 1,     // an untagged hub: taint stopped here
	DP_HOLDER_DIRTY = 2,   // changed since the last save
	DP_HOLDER_MIX_ONE = 4, // from this bit on: CoinJoins that its first taint went through
	DP_HOLDER_MIXES_MAX = 15,
	DP_HOLDER_NONE = 0x7fffffff // "no such record"
};

typedef struct dp_holder {
	uint8_t id[36]; // outpoint (txid, vout) or address (kind, length, 32 bytes) and two zeros
	dp_asset asset;
	uint8_t form;     // dp_holder_form
	uint8_t flags;    // DP_HOLDER_*
	uint32_t no;      // number in order of creation, from 1: its name in events and casebook
	uint16_t hop;     // transactions from the theft to its first taint
	dp_colour colour; // form ONE
	uint32_t moves;   // movements since taint first arrived
	uint32_t epoch;   // block in which its pre-image was last saved
	union {
		uint32_t list;     // form LIST
		uint32_t units[4]; // form ONE: 128 bits, in words so that nothing is padded
	};
} dp_holder;

_Static_assert(sizeof(dp_holder) == 72, "a holder with one parcel must stay below 100 bytes");

typedef struct dp_holders {
	dp_holder *record;
	uint64_t record_cap;
	uint32_t record_count; // including free ones
	uint32_t live;         // in the table
	uint32_t *free_record; // indices of free records
	uint64_t free_cap;
	uint32_t free_count;
	struct dp_holder_slot *slot;
	uint64_t slot_count; // power of two
	uint32_t slot_shift; // tag >> slot_shift is the home
	uint64_t *filter;
	uint64_t filter_words; // power of two
	uint64_t filter_keys;  // keys set, gone ones included
	uint64_t *watched;     // keys in the filter that belong to no record
	uint64_t watched_cap;
	uint32_t watched_count;
	dp_parcels *content;
	uint64_t content_cap;
	uint32_t content_count;
	uint32_t *free_content;
	uint64_t free_content_cap;
	uint32_t free_content_count;
	bool utxo;
} dp_holders;

enum { DP_HOLDERS_MAX = 0x7ffffff0 };

DP_MUST dp_code dp_holders_init(dp_holders *h, bool utxo, dp_fault *fault);
void dp_holders_done(dp_holders *h);

static inline void dp_holder_id_of_addr(uint8_t ret_id[36], const dp_addr *addr)
{
	_Static_assert(sizeof *addr == 34, "an address and two zeros make an id");
	// In pieces that are read again as they were written: an 8-byte read of what two stores
	// wrote waits for both to reach the cache, which was half of the time of finding a holder.
	memcpy(ret_id, addr, 32);
	const uint8_t tail[4] = {addr->bytes[30], addr->bytes[31], 0, 0};
	memcpy(ret_id + 32, tail, sizeof tail);
}

static inline void dp_holder_id_of_outpoint(uint8_t ret_id[36], const dp_outpoint *outpoint)
{
	memcpy(ret_id, outpoint->txid, 32);
	uint32_t vout = htole32(outpoint->vout);
	memcpy(ret_id + 32, &vout, sizeof vout);
}

// The key that filter and block columns use for this identity.
uint64_t dp_holder_key(const dp_holders *h, const uint8_t id[36]);

// False: certainly no holder has this key. The hot loop of scan.
static inline bool dp_holders_maybe(const dp_holders *h, uint64_t key)
{
	uint64_t mask = 1ull << (key & 63) | 1ull << (key >> 6 & 63) | 1ull << (key >> 12 & 63);
	return (h->filter[key >> 32 & (h->filter_words - 1)] & mask) == mask;
}
// Adds a key to the filter that belongs to no record (a seed that is awaited).
DP_MUST dp_code dp_holders_watch(dp_holders *h, uint64_t key, dp_fault *fault);

// Record index, or DP_HOLDER_NONE.
uint32_t dp_holders_find(const dp_holders *h, uint64_t key, const uint8_t id[36], dp_asset asset);
// Fetching ahead, in steps some movements apart, since each needs what the one before brought.
static inline void dp_holders_fetch_filter(const dp_holders *h, uint64_t key);
static inline void dp_holders_fetch_slot(const dp_holders *h, uint64_t key, dp_asset asset);
static inline void dp_holders_fetch_record(const dp_holders *h, uint64_t key, dp_asset asset);
static inline void dp_holders_fetch_list(const dp_holders *h, uint64_t key, dp_asset asset);
static inline void dp_holders_fetch_parcels(const dp_holders *h, uint64_t key, dp_asset asset);

// A new record in form EMPTY. The identity must not be there yet.
DP_MUST dp_code dp_holders_add(dp_holders *h, uint32_t *ret_index, uint64_t key,
                               const uint8_t id[36], dp_asset asset, dp_fault *fault);
// Takes it out of the table. The record stays as it is until dp_holders_release.
void dp_holders_unlink(dp_holders *h, uint32_t index, uint64_t key);
// Puts an unlinked record back, as it was.
DP_MUST dp_code dp_holders_relink(dp_holders *h, uint32_t index, dp_fault *fault);
// Gives up an unlinked record.
void dp_holders_release(dp_holders *h, uint32_t index);

// The content as a list. Form LIST gives its own list; the others are written into `scratch`.
// Change the list, then give it to dp_holders_store, which packs it.
DP_MUST dp_code dp_holders_load(dp_holders *h, dp_parcels **ret_list, uint32_t index,
                                dp_parcels *scratch, dp_fault *fault);
DP_MUST dp_code dp_holders_store(dp_holders *h, uint32_t index, dp_parcels *list, dp_fault *fault);

static inline dp_u128 dp_holder_units(const dp_holder *r)
{
	return (dp_u128)r->units[3] << 96 | (dp_u128)r->units[2] << 64 |
	       (dp_u128)r->units[1] << 32 | r->units[0];
}

static inline void dp_holder_set_units(dp_holder *r, dp_u128 v)
{
	r->units[0] = (uint32_t)v;
	r->units[1] = (uint32_t)(v >> 32);
	r->units[2] = (uint32_t)(v >> 64);
	r->units[3] = (uint32_t)(v >> 96);
}

struct dp_holder_slot {
	uint32_t index; // record index + 1; 0 = empty
	uint32_t tag;   // high half of the mixed key
};

// Spreads (key, asset): pools of one address in several assets must not pile up.
static inline uint64_t dp_holder_mix(uint64_t key, dp_asset asset)
{
	uint64_t x = (key ^ (uint64_t)asset.v * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
	return x ^ x >> 32;
}

static inline uint32_t dp_holder_tag(uint64_t key, dp_asset asset)
{
	return (uint32_t)(dp_holder_mix(key, asset) >> 32);
}

// gcc 12 takes a function that only prefetches for one without effect and drops the calls; the
// empty volatile asm is an effect that costs nothing.
static inline void dp_fetch(const void *p)
{
	__builtin_prefetch(p);
	__asm__ volatile("");
}

static inline void dp_holders_fetch_filter(const dp_holders *h, uint64_t key)
{
	dp_fetch(&h->filter[key >> 32 & (h->filter_words - 1)]);
}

static inline void dp_holders_fetch_slot(const dp_holders *h, uint64_t key, dp_asset asset)
{
	dp_fetch(&h->slot[dp_holder_tag(key, asset) >> h->slot_shift]);
}

// Most records are found at their home or beside it; a guess that fails costs a fetch.
static inline const dp_holder *dp_holders_guess(const dp_holders *h, uint64_t key, dp_asset asset)
{
	uint32_t tag = dp_holder_tag(key, asset);
	uint64_t at = tag >> h->slot_shift;
	for (int i = 0; i < 4; i++, at = (at + 1) & (h->slot_count - 1)) {
		struct dp_holder_slot s = h->slot[at];
		if (s.index == 0) return NULL;
		if (s.tag == tag) return &h->record[s.index - 1];
	}
	return NULL;
}

static inline void dp_holders_fetch_record(const dp_holders *h, uint64_t key, dp_asset asset)
{
	const dp_holder *r = dp_holders_guess(h, key, asset);
	if (r == NULL) return;
	dp_fetch(r);
	dp_fetch((const char *)(r + 1) - 1);
}

static inline void dp_holders_fetch_list(const dp_holders *h, uint64_t key, dp_asset asset)
{
	const dp_holder *r = dp_holders_guess(h, key, asset);
	if (r != NULL && r->form == DP_FORM_LIST) dp_fetch(&h->content[r->list]);
}

static inline void dp_holders_fetch_parcels(const dp_holders *h, uint64_t key, dp_asset asset)
{
	const dp_holder *r = dp_holders_guess(h, key, asset);
	if (r == NULL || r->form != DP_FORM_LIST) return;
	const dp_parcels *list = &h->content[r->list];
	const char *first = (const char *)(list->item + list->first);
	dp_fetch(first);
	dp_fetch(first + 64);
	dp_fetch(first + 128);
}

#endif

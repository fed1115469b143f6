// See coin_map.h.
//
// 256 small tables by the first byte of the key, each with open addressing and linear probing, so
// that growing copies one part in 256 at a time: no long pause, and no moment in which the whole
// is held twice. A coin is taken out by moving its followers up (Knuth, TAOCP 3, 6.4, algorithm
// R), so that no marks of deletion pile up over the millions of coins that come and go.
//
//   entry, 56 bytes   lo 8, hi 8   the key
//                     meta 8       bit 63 used, bits 55..60 address length, 51..54 address kind,
//                                  0..50 value
//                     address 32
#include "source/coin_map.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

struct dp_coin_entry {
	uint64_t lo, hi, meta;
	uint8_t address[32];
};

enum { SHARD_CAP_MIN = 16, SHARD_CAP_MAX = 1 << 30, KIND_SHIFT = 51, LEN_SHIFT = 55 };
#define META_USED (UINT64_C(1) << 63)
_Static_assert(sizeof(struct dp_coin_entry) == 56, "no padding");
_Static_assert(DP_ADDR_KIND_COUNT <= 16, "four bits hold the kind");

dp_coin_key dp_coin_key_of(const dp_coin_map *map, const uint8_t txid[32], uint32_t vout)
{
	dp_outpoint o;
	_Static_assert(sizeof o == 36, "hashed as bytes");
	memcpy(o.txid, txid, 32);
	o.vout = vout;
	XXH128_hash_t h = XXH3_128bits_withSeed(&o, sizeof o, map->seed);
	return (dp_coin_key){h.low64, h.high64};
}

static struct dp_coin_shard *shard_of(const dp_coin_map *map, dp_coin_key key)
{
	return (struct dp_coin_shard *)&map->shard[key.hi >> 56];
}

void dp_coin_prefetch(const dp_coin_map *map, dp_coin_key key)
{
	const struct dp_coin_shard *s = shard_of(map, key);
	if (s->cap != 0) __builtin_prefetch(&s->entry[key.lo & (s->cap - 1)], 1);
}

// Where the key stands, or the free place where it belongs.
static uint32_t find(const struct dp_coin_shard *s, dp_coin_key key)
{
	DP_CHECK(s->cap > 0 && s->count < s->cap);
	uint32_t mask = s->cap - 1, at = (uint32_t)key.lo & mask;
	for (;; at = (at + 1) & mask) {
		const struct dp_coin_entry *e = &s->entry[at];
		if (e->meta == 0 || (e->lo == key.lo && e->hi == key.hi)) return at;
	}
}

static dp_code grow(dp_coin_map *map, struct dp_coin_shard *s, dp_fault *fault)
{
	uint32_t cap = s->cap == 0 ? SHARD_CAP_MIN : s->cap * 2;
	uint64_t more = (uint64_t)cap * sizeof *s->entry;
	if (s->cap >= SHARD_CAP_MAX || more > map->bytes_max || map->bytes > map->bytes_max - more)
		return dp_fail(fault, DP_LIMIT,
		               "remembering %llu unspent outputs takes more than the %llu MiB "
		               "allowed: allow more memory, or begin nearer the theft",
		               (unsigned long long)map->count,
		               (unsigned long long)(map->bytes_max >> 20));
	struct dp_coin_shard bigger = {.entry = dp_alloc(more), .cap = cap};
	if (bigger.entry == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for unspent outputs");
	for (uint32_t i = 0; i < s->cap; i++) {
		const struct dp_coin_entry *e = &s->entry[i];
		if (e->meta == 0) continue;
		bigger.entry[find(&bigger, (dp_coin_key){e->lo, e->hi})] = *e;
		bigger.count++;
	}
	DP_CHECK(bigger.count == s->count);
	map->bytes += more - (uint64_t)s->cap * sizeof *s->entry;
	dp_free(s->entry);
	*s = bigger;
	return DP_OK;
}

dp_code dp_coin_put(dp_coin_map *map, dp_coin_key key, uint64_t value, const dp_addr *to,
                    dp_fault *fault)
{
	DP_CHECK(map != NULL && to != NULL);
	DP_CHECK(value <= DP_COIN_VALUE_MAX);
	DP_CHECK(to->len <= 32 && to->kind < DP_ADDR_KIND_COUNT);
	struct dp_coin_shard *s = shard_of(map, key);
	// At most three quarters full: chains of neighbours stay short.
	if (s->count + 1 > s->cap - s->cap / 4) DP_TRY(grow(map, s, fault));
	struct dp_coin_entry *e = &s->entry[find(s, key)];
	if (e->meta == 0) {
		s->count++;
		map->count++;
	}
	e->lo = key.lo;
	e->hi = key.hi;
	e->meta =
	    META_USED | (uint64_t)to->len << LEN_SHIFT | (uint64_t)to->kind << KIND_SHIFT | value;
	memcpy(e->address, to->bytes, 32);
	return DP_OK;
}

// Frees the place `hole`, moving up those behind it that would no longer be found.
static void close_hole(struct dp_coin_shard *s, uint32_t hole)
{
	uint32_t mask = s->cap - 1;
	DP_CHECK(s->entry[hole].meta != 0);
	for (uint32_t at = (hole + 1) & mask; s->entry[at].meta != 0; at = (at + 1) & mask) {
		uint32_t home = (uint32_t)s->entry[at].lo & mask;
		// It may move when its home does not lie behind the hole.
		if (((at - home) & mask) < ((at - hole) & mask)) continue;
		s->entry[hole] = s->entry[at];
		hole = at;
	}
	s->entry[hole].meta = 0;
}

bool dp_coin_take(dp_coin_map *map, uint64_t *ret_value, dp_addr *ret_addr, dp_coin_key key)
{
	DP_CHECK(map != NULL && ret_value != NULL && ret_addr != NULL);
	struct dp_coin_shard *s = shard_of(map, key);
	if (s->count == 0) return false;
	uint32_t at = find(s, key);
	const struct dp_coin_entry *e = &s->entry[at];
	if (e->meta == 0) return false;
	*ret_value = e->meta & DP_COIN_VALUE_MAX;
	ret_addr->kind = (uint8_t)(e->meta >> KIND_SHIFT & 15);
	ret_addr->len = (uint8_t)(e->meta >> LEN_SHIFT & 63);
	memcpy(ret_addr->bytes, e->address, 32);
	close_hole(s, at);
	s->count--;
	map->count--;
	return true;
}

void dp_coin_map_done(dp_coin_map *map)
{
	DP_CHECK(map != NULL);
	for (size_t i = 0; i < DP_COIN_SHARDS; i++) dp_free(map->shard[i].entry);
	*map = (dp_coin_map){.seed = map->seed, .bytes_max = map->bytes_max};
}

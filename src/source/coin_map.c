// See coin_map.h.
//
// 256 small tables by the first byte of the key, each with open addressing and linear probing, so
// that growing copies one part in 256 at a time: no long pause, and no moment in which the whole
// is held twice. A coin is taken out by moving its followers up (Knuth, TAOCP 3, 6.4, algorithm
// R), so that no marks of deletion pile up over the millions of coins that come and go.
//
//   entry, 56 bytes   lo 8, hi 8   the key; the first byte of hi is the number of the table and
//                                  gives way to: bit 63 used, bit 62 address of 32 bytes,
//                                  bits 56..59 address kind
//                     value 8      all 64 bits: outputs of Dogecoin pass 2^51
//                     address 32   the last byte is the length where it is below 32
#include "source/coin_map.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

struct dp_coin_entry {
	uint64_t lo, hi, value;
	uint8_t address[32];
};

enum { SHARD_CAP_MIN = 16, SHARD_CAP_MAX = 1 << 30, KIND_SHIFT = 56, LENGTH_AT = 31 };
#define HI_USED (UINT64_C(1) << 63)
#define HI_IS_FULL (UINT64_C(1) << 62)
#define HI_KEY ((UINT64_C(1) << 56) - 1)
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

static inline bool is_used(const struct dp_coin_entry *e)
{
	return (e->hi & HI_USED) != 0;
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
		if (!is_used(e)) return at;
		if (e->lo == key.lo && ((e->hi ^ key.hi) & HI_KEY) == 0) return at;
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
		if (!is_used(e)) continue;
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
	DP_CHECK(to->len <= 32 && to->kind < DP_ADDR_KIND_COUNT);
	struct dp_coin_shard *s = shard_of(map, key);
	// At most three quarters full: chains of neighbours stay short.
	if (s->count + 1 > s->cap - s->cap / 4) DP_TRY(grow(map, s, fault));
	struct dp_coin_entry *e = &s->entry[find(s, key)];
	if (!is_used(e)) {
		s->count++;
		map->count++;
	}
	bool is_full = to->len == 32;
	e->lo = key.lo;
	e->hi = (key.hi & HI_KEY) | HI_USED | (is_full ? HI_IS_FULL : 0) |
	        (uint64_t)to->kind << KIND_SHIFT;
	e->value = value;
	memcpy(e->address, to->bytes, 32);
	if (!is_full) e->address[LENGTH_AT] = to->len;
	return DP_OK;
}

bool dp_coin_has(const dp_coin_map *map, dp_coin_key key)
{
	DP_CHECK(map != NULL);
	const struct dp_coin_shard *s = shard_of(map, key);
	return s->count > 0 && is_used(&s->entry[find(s, key)]);
}

// Frees the place `hole`, moving up those behind it that would no longer be found.
static void close_hole(struct dp_coin_shard *s, uint32_t hole)
{
	uint32_t mask = s->cap - 1;
	DP_CHECK(is_used(&s->entry[hole]));
	for (uint32_t at = (hole + 1) & mask; is_used(&s->entry[at]); at = (at + 1) & mask) {
		uint32_t home = (uint32_t)s->entry[at].lo & mask;
		// It may move when its home does not lie behind the hole.
		if (((at - home) & mask) < ((at - hole) & mask)) continue;
		s->entry[hole] = s->entry[at];
		hole = at;
	}
	s->entry[hole].hi = 0;
}

bool dp_coin_take(dp_coin_map *map, uint64_t *ret_value, dp_addr *ret_addr, dp_coin_key key)
{
	DP_CHECK(map != NULL && ret_value != NULL && ret_addr != NULL);
	struct dp_coin_shard *s = shard_of(map, key);
	if (s->count == 0) return false;
	uint32_t at = find(s, key);
	const struct dp_coin_entry *e = &s->entry[at];
	if (!is_used(e)) return false;
	bool is_full = (e->hi & HI_IS_FULL) != 0;
	*ret_value = e->value;
	ret_addr->kind = (uint8_t)(e->hi >> KIND_SHIFT & 15);
	memcpy(ret_addr->bytes, e->address, 32);
	ret_addr->len = is_full ? 32 : e->address[LENGTH_AT];
	if (!is_full) ret_addr->bytes[LENGTH_AT] = 0;
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

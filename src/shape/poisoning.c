// See poisoning.h: digits that addresses share, look-alikes among counterparties, and an index of
// originals.
//
// Among the counterparties of one node "first three and last three digits" is a relation that
// divides them into groups (chain/lookalike.h), so one sort finds them all. Ten thousand
// counterparties make three pairs by chance (n^2 / 2 / 16^6): whoever marks a larger node's should
// look at the values as well.
//
// Against a million originals from everywhere six digits would agree with every sixteenth address
// by chance, so eight must, three of them at each end: (5,3), (4,4) or (3,5) and what agrees in
// more. All of these begin with six digits, by which the originals are ordered:
//
//   bucket   u32: where the originals begin whose ends have these top bits; 2^bits + 1 of them
//   entry    u64: the first eight and the last eight digits of each. Telling how many digits agree
//            takes two counts of zeros; the whole address is read only where eight of eight do
//   addr     20 bytes and a number for each, read on a hit
//
// An address that looks like none of a million costs a line of `bucket` (4 MB) and about one of
// `entry` (8 MB). Originals with the same six digits are looked through one by one: there is one in
// sixteen million by chance, and as many as the list has forgeries of one address otherwise.
#include "shape/poisoning.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/lookalike.h"

enum {
	DIGITS = 40,
	ENDS_MIN = 3, // at each end
	ENDS_BITS = 24,
	BUCKET_BITS_MIN = 8
};
#define ORIGINALS_MAX ((uint64_t)1 << 30)

void dp_poisoning_shared(const dp_addr *a, const dp_addr *b, uint32_t *ret_leading,
                         uint32_t *ret_trailing)
{
	uint32_t leading = 0, trailing = 0;
	DP_CHECK(a != NULL && b != NULL);
	if (a->kind == DP_ADDR_EVM && b->kind == DP_ADDR_EVM) {
		uint32_t i = 0, j = 20;
		while (i < 20 && a->bytes[i] == b->bytes[i]) i++;
		while (j > 0 && a->bytes[j - 1] == b->bytes[j - 1]) j--;
		leading = 2 * i;
		trailing = 2 * (20 - j);
		if (i < 20) {
			// j > 0: the same byte stopped both, or different ones did.
			leading += (a->bytes[i] >> 4) == (b->bytes[i] >> 4);
			trailing += (a->bytes[j - 1] & 15) == (b->bytes[j - 1] & 15);
		}
	}
	DP_CHECK(leading <= DIGITS && trailing <= DIGITS);
	*ret_leading = leading;
	*ret_trailing = trailing;
}

bool dp_poisoning_alike(const dp_addr *a, const dp_addr *b)
{
	uint32_t leading, trailing;
	dp_poisoning_shared(a, b, &leading, &trailing);
	return leading < DIGITS && leading >= ENDS_MIN && trailing >= ENDS_MIN;
}

//- among the counterparties of one node ----------------------------------------------------------

struct ranked {
	const dp_counterparty *party;
	uint32_t ends;
};

// The original stands first in its group: the highest value, then the first to appear.
static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->ends != y->ends) return x->ends < y->ends ? -1 : 1;
	int c = dp_u256_cmp(y->party->value, x->party->value);
	if (c != 0) return c;
	if (x->party->first != y->party->first) return x->party->first < y->party->first ? -1 : 1;
	c = memcmp(&x->party->addr, &y->party->addr, sizeof x->party->addr);
	if (c != 0) return c;
	return x->party < y->party ? -1 : x->party > y->party;
}

dp_code dp_poisoning_mark(dp_counterparty *io_list, uint32_t count, dp_fault *fault)
{
	DP_CHECK(io_list != NULL || count == 0);
	for (uint32_t i = 0; i < count; i++) io_list[i].original = UINT32_MAX;
	if (count < 2) return DP_OK;
	struct ranked *rank = dp_alloc(count * sizeof *rank);
	if (rank == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < count; i++)
		rank[i] = (struct ranked){&io_list[i], dp_lookalike_ends(&io_list[i].addr)};
	qsort(rank, count, sizeof *rank, by_rank);
	for (uint32_t i = 1, first = 0; i < count; i++) {
		if (rank[i].ends != rank[first].ends) {
			first = i;
			continue;
		}
		// Ends 0: no EVM address, which looks like nothing. An address that stands in the
		// list twice is no forgery of itself.
		const dp_counterparty *original = rank[first].party;
		if (rank[i].ends != 0 && !dp_addr_eq(&original->addr, &rank[i].party->addr))
			io_list[rank[i].party - io_list].original = (uint32_t)(original - io_list);
	}
	dp_free(rank);
	return DP_OK;
}

//- originals -------------------------------------------------------------------------------------

struct original {
	uint8_t bytes[20];
	uint32_t number;
};

struct dp_originals {
	struct original *item; // sorted by ends, then bytes, then number, once finished
	uint64_t *entry;
	uint32_t *bucket;
	uint64_t count, cap;
	uint32_t bits;
	uint32_t digits_min;
	bool is_finished;
};

dp_code dp_originals_new(dp_originals **ret_originals, uint32_t digits_min, dp_fault *fault)
{
	DP_CHECK(ret_originals != NULL && digits_min >= DP_ALIKE_MIN && digits_min <= DIGITS);
	dp_originals *o = dp_alloc(sizeof *o);
	if (o == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	o->digits_min = digits_min;
	*ret_originals = o;
	return DP_OK;
}

void dp_originals_free(dp_originals *o)
{
	if (o == NULL) return;
	dp_free(o->item);
	dp_free(o->entry);
	dp_free(o->bucket);
	dp_free(o);
}

dp_code dp_originals_add(dp_originals *o, const dp_addr *addr, uint32_t number, dp_fault *fault)
{
	DP_CHECK(o != NULL && addr != NULL);
	DP_CHECK(!o->is_finished);
	if (addr->kind != DP_ADDR_EVM) return DP_OK;
	void *items = o->item;
	DP_TRY(dp_grow(&items, &o->cap, sizeof *o->item, o->count + 1, ORIGINALS_MAX, fault));
	o->item = items;
	memcpy(o->item[o->count].bytes, addr->bytes, sizeof o->item->bytes);
	o->item[o->count++].number = number;
	return DP_OK;
}

static uint32_t ends_of(const uint8_t bytes[20])
{
	uint32_t first = (uint32_t)bytes[0] << 4 | bytes[1] >> 4;
	uint32_t last = (uint32_t)(bytes[18] & 15) << 8 | bytes[19];
	return first << 12 | last;
}

// First eight digits above the last eight.
static uint64_t entry_of(const uint8_t bytes[20])
{
	uint32_t first, last;
	memcpy(&first, bytes, 4);
	memcpy(&last, bytes + 16, 4);
	return (uint64_t)__builtin_bswap32(first) << 32 | __builtin_bswap32(last);
}

static int by_ends(const void *a, const void *b)
{
	const struct original *x = a, *y = b;
	uint32_t ends_x = ends_of(x->bytes), ends_y = ends_of(y->bytes);
	if (ends_x != ends_y) return ends_x < ends_y ? -1 : 1;
	int c = memcmp(x->bytes, y->bytes, sizeof x->bytes);
	return c != 0 ? c : (x->number > y->number) - (x->number < y->number);
}

// One address once, under its smallest number.
static void drop_doubles(dp_originals *o)
{
	uint64_t kept = 0;
	for (uint64_t i = 0; i < o->count; i++) {
		const struct original *last = kept > 0 ? &o->item[kept - 1] : NULL;
		if (last != NULL && memcmp(last->bytes, o->item[i].bytes, sizeof last->bytes) == 0)
			continue;
		o->item[kept++] = o->item[i];
	}
	DP_CHECK(kept <= o->count);
	o->count = kept;
}

dp_code dp_originals_finish(dp_originals *o, dp_fault *fault)
{
	DP_CHECK(o != NULL && !o->is_finished);
	if (o->count > 0) qsort(o->item, o->count, sizeof *o->item, by_ends);
	drop_doubles(o);
	// About one original a bucket, and never more buckets than there are ends.
	uint32_t bits = BUCKET_BITS_MIN;
	while (bits < ENDS_BITS && ((uint64_t)1 << bits) < o->count) bits++;
	uint64_t buckets = (uint64_t)1 << bits;
	o->bucket = dp_alloc((buckets + 1) * sizeof *o->bucket);
	o->entry = dp_alloc((o->count + 1) * sizeof *o->entry);
	// What was made is freed with the index; it may be finished again.
	if (o->bucket == NULL || o->entry == NULL) {
		dp_free(o->bucket);
		dp_free(o->entry);
		o->bucket = NULL;
		o->entry = NULL;
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	for (uint64_t i = 0; i < o->count; i++) {
		o->entry[i] = entry_of(o->item[i].bytes);
		o->bucket[(ends_of(o->item[i].bytes) >> (ENDS_BITS - bits)) + 1]++;
	}
	for (uint64_t b = 0; b < buckets; b++) o->bucket[b + 1] += o->bucket[b];
	DP_CHECK(o->bucket[buckets] == o->count);
	o->bits = bits;
	o->is_finished = true;
	return DP_OK;
}

// A random address agrees with a given one in at least `digits` digits, three at each end: for each
// number of leading digits below digits - 3 exactly so many and the rest behind, or at least
// digits - 3 of them. 16^-digits * ((digits - 6) * 15/16 + 1); n originals make n times that (a
// bound; it is as good as exact while it is small).
static uint64_t chance_of(uint32_t digits, uint64_t count)
{
	DP_CHECK(digits >= DP_ALIKE_MIN && count > 0);
	uint32_t bits = 4 * (digits + 1);
	dp_u128 many = (dp_u128)count * (15 * (digits - 2 * ENDS_MIN) + 16);
	// many < 2^40: beyond 104 bits the answer does not fit 64.
	if (bits > 120) return UINT64_MAX;
	dp_u128 chance = ((dp_u128)1 << bits) / many;
	if (chance > UINT64_MAX) return UINT64_MAX;
	return chance == 0 ? 1 : (uint64_t)chance;
}

bool dp_originals_find(const dp_originals *o, dp_lookalike_hit *ret_hit, const dp_addr *addr)
{
	DP_CHECK(o != NULL && addr != NULL);
	DP_CHECK(o->is_finished);
	if (addr->kind != DP_ADDR_EVM || o->count == 0) return false;
	uint64_t entry = entry_of(addr->bytes);
	uint32_t bucket = ends_of(addr->bytes) >> (ENDS_BITS - o->bits);
	uint32_t best = 0;
	dp_lookalike_hit hit = {0};
	for (uint32_t i = o->bucket[bucket]; i < o->bucket[bucket + 1]; i++) {
		uint64_t differ = o->entry[i] ^ entry;
		uint32_t first = (uint32_t)(differ >> 32), last = (uint32_t)differ;
		uint32_t leading = first == 0 ? 8 : (uint32_t)__builtin_clz(first) / 4;
		uint32_t trailing = last == 0 ? 8 : (uint32_t)__builtin_ctz(last) / 4;
		if (leading < ENDS_MIN || trailing < ENDS_MIN || leading + trailing < o->digits_min)
			continue;
		if (leading == 8 || trailing == 8) {
			dp_addr original = {.kind = DP_ADDR_EVM, .len = 20};
			memcpy(original.bytes, o->item[i].bytes, 20);
			dp_poisoning_shared(&original, addr, &leading, &trailing);
			if (leading == DIGITS) return false; // it is one itself
		}
		bool is_better = leading + trailing > best ||
		                 (leading + trailing == best && o->item[i].number < hit.number);
		if (!is_better) continue;
		best = leading + trailing;
		hit = (dp_lookalike_hit){
		    .number = o->item[i].number, .leading = leading, .trailing = trailing};
	}
	if (best == 0) return false;
	hit.chance = chance_of(best, o->count);
	*ret_hit = hit;
	return true;
}

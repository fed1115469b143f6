// The builder's hash tables: addresses, and the few names of classes and noise.
//
// Open addressing with linear probing, at most three quarters full. A slot is eight bytes: the
// upper half of the hash and a number. A slot's place is the top bits of the hash, so a table is
// doubled by one pass from front to back over its slots, without looking at what they name.
//
// Hostile input. Anybody can pay any 20 bytes, and XXH3 without a seed lets them choose millions of
// addresses with one dp_addr_key (one of its products can be made zero). So slots are placed by
// XXH3 with a secret of the build's own: what cannot be foreseen cannot be aimed at. No result
// hangs on the order of slots, so equal blocks still give equal bytes.
#include "ledger/build_private.h"

enum { SLOT_BITS_MIN = 10, SLOT_BITS_MAX = 31 };

static uint64_t slot_of(uint64_t hash, uint32_t bits)
{
	return hash >> (64 - bits);
}

dp_code build_slots_grow(uint64_t **io_slot, uint32_t *io_bits, dp_fault *fault)
{
	DP_CHECK(io_slot != NULL && io_bits != NULL);
	uint32_t bits = *io_slot == NULL ? SLOT_BITS_MIN : *io_bits + 1;
	if (bits > SLOT_BITS_MAX)
		return dp_fail(fault, DP_LIMIT, "a segment holds at most %llu addresses",
		               (unsigned long long)BUILD_ADDRESSES_MAX);
	uint64_t *fresh = build_array(sizeof *fresh, (uint64_t)1 << bits);
	if (fresh == NULL) return build_no_memory(fault);
	uint64_t mask = ((uint64_t)1 << bits) - 1;
	uint64_t old_count = *io_slot == NULL ? 0 : (uint64_t)1 << *io_bits;
	for (uint64_t i = 0; i < old_count; i++) {
		uint64_t v = (*io_slot)[i];
		if (v == 0) continue;
		uint64_t at = slot_of(v, bits);
		while (fresh[at] != 0) at = (at + 1) & mask;
		fresh[at] = v;
	}
	dp_free(*io_slot);
	*io_slot = fresh;
	*io_bits = bits;
	return DP_OK;
}

//- addresses -------------------------------------------------------------------------------------

// Bytes that the address of a kind takes in a segment; those of no fixed length take 33.
static uint32_t width_of(uint32_t kind)
{
	switch (kind) {
	case DP_ADDR_P2WSH:
	case DP_ADDR_P2TR:
	case DP_ADDR_MULTISIG:
	case DP_ADDR_SCRIPT: return 32;
	case DP_ADDR_WITNESS:
	case DP_ADDR_NAME: return 33;
	case DP_ADDR_NONE:
	case DP_ADDR_NULLDATA: return 0;
	default: return 20;
	}
}

void build_addresses_init(build_addresses *k, uint32_t kind)
{
	DP_CHECK(k != NULL && kind < BUILD_KINDS);
	k->width = width_of(kind);
	k->stride = (uint32_t)sizeof(build_use) + ((k->width + 3) & ~3u);
	DP_CHECK(k->stride >= sizeof(build_use) + k->width);
}

dp_code build_addr_reserve(dp_build *b, uint64_t more, dp_fault *fault)
{
	DP_CHECK(b != NULL);
	while (b->slot == NULL || b->slots_used + more > ((uint64_t)3 << b->slot_bits) / 4)
		DP_TRY(build_slots_grow(&b->slot, &b->slot_bits, fault));
	DP_CHECK(b->slots_used + more < (uint64_t)1 << b->slot_bits);
	return DP_OK;
}

// Both kinds of the stored form, compared or written: the bytes, or the length before 32 of them.
static bool entry_is(const build_addresses *k, const uint8_t *stored, const dp_addr *a)
{
	if (k->width == 20) return memcmp(stored, a->bytes, 20) == 0;
	if (k->width == 33) return stored[0] == a->len && memcmp(stored + 1, a->bytes, 32) == 0;
	return memcmp(stored, a->bytes, k->width) == 0;
}

// Copied, not moved: entries are read all over, so they are worth large pages (build_array), and
// all the copying together is once what they are in the end.
static dp_code grow_entries(build_addresses *k, dp_fault *fault)
{
	uint64_t cap = k->cap < 64 ? 64 : k->cap + k->cap / 2;
	if (cap > BUILD_ADDRESSES_MAX) cap = BUILD_ADDRESSES_MAX;
	if (cap == k->cap)
		return dp_fail(fault, DP_LIMIT, "a segment holds at most %llu addresses of a kind",
		               (unsigned long long)BUILD_ADDRESSES_MAX);
	uint8_t *entries = build_array(k->stride, cap);
	if (entries == NULL) return build_no_memory(fault);
	if (k->count > 0) memcpy(entries, k->entries, (uint64_t)k->count * k->stride);
	dp_free(k->entries);
	k->entries = entries;
	k->cap = cap;
	return DP_OK;
}

static dp_code add_entry(dp_build *b, uint32_t *ret_index, const dp_addr *a, dp_fault *fault)
{
	build_addresses *k = &b->kind[a->kind];
	DP_CHECK(k->width == 33 || a->len == k->width);
	if (k->count == k->cap) DP_TRY(grow_entries(k, fault));
	uint8_t *entry = k->entries + (uint64_t)k->count * k->stride;
	uint8_t *stored = entry + sizeof(build_use);
	if (k->width == 33) *stored++ = a->len;
	memcpy(stored, a->bytes, k->width == 33 ? 32 : k->width);
	*ret_index = k->count++;
	return DP_OK;
}

dp_code build_addr_number(dp_build *b, uint32_t *ret_number, const dp_addr *a, uint64_t hash,
                          dp_fault *fault)
{
	if (a->kind == DP_ADDR_NONE) {
		*ret_number = 0;
		return DP_OK;
	}
	DP_CHECK(a->kind < BUILD_KINDS && b->slot != NULL);
	uint64_t mask = ((uint64_t)1 << b->slot_bits) - 1;
	uint64_t at = slot_of(hash, b->slot_bits);
	for (; b->slot[at] != 0; at = (at + 1) & mask) {
		uint64_t v = b->slot[at];
		if ((v ^ hash) >> 32 != 0) continue;
		uint32_t number = (uint32_t)v;
		if (number >> BUILD_INDEX_BITS != a->kind) continue;
		if (!entry_is(&b->kind[a->kind], build_entry(b, number) + sizeof(build_use), a))
			continue;
		*ret_number = number;
		return DP_OK;
	}
	uint32_t index;
	DP_TRY(add_entry(b, &index, a, fault));
	uint32_t number = (uint32_t)a->kind << BUILD_INDEX_BITS | index;
	b->slot[at] = (hash >> 32 << 32) | number;
	b->slots_used++;
	*ret_number = number;
	return DP_OK;
}

void build_addr_look(const dp_build *b, uint64_t hash)
{
	uint64_t at = slot_of(hash, b->slot_bits), v = b->slot[at];
	// The first slot of the row of neighbours is often the right one; where it is not, one or
	// two more lie on the same cache line.
	if (v != 0 && (v ^ hash) >> 32 != 0) {
		uint64_t mask = ((uint64_t)1 << b->slot_bits) - 1;
		v = b->slot[(at + 1) & mask];
	}
	if (v == 0) return;
	const uint8_t *entry = build_entry(b, (uint32_t)v);
	__builtin_prefetch(entry, 1);
	__builtin_prefetch(entry + 27, 1); // entries lie across lines
}

dp_addr build_addr_of(const dp_build *b, uint32_t kind, uint32_t index)
{
	DP_CHECK(kind < BUILD_KINDS);
	const build_addresses *k = &b->kind[kind];
	DP_CHECK(index < k->count);
	const uint8_t *stored = k->entries + (uint64_t)index * k->stride + sizeof(build_use);
	dp_addr a = {.kind = (uint8_t)kind, .len = (uint8_t)k->width};
	if (k->width == 20) { // most are; a length that is known needs no call
		memcpy(a.bytes, stored, 20);
	} else if (k->width == 33) {
		a.len = *stored++;
		memcpy(a.bytes, stored, 32);
	} else {
		memcpy(a.bytes, stored, k->width);
	}
	return a;
}

//- names -----------------------------------------------------------------------------------------

dp_code build_name_number(build_names *n, uint32_t *ret_number, const void *bytes, uint64_t secret,
                          dp_fault *fault)
{
	DP_CHECK(n != NULL && ret_number != NULL);
	DP_CHECK(n->width > 0 && n->count <= n->count_max);
	if (n->slot == NULL || n->count + 1 > ((uint64_t)3 << n->bits) / 4)
		DP_TRY(build_slots_grow(&n->slot, &n->bits, fault));
	uint64_t hash = XXH3_64bits_withSeed(bytes, n->width, secret);
	uint64_t mask = ((uint64_t)1 << n->bits) - 1, at = slot_of(hash, n->bits);
	for (; n->slot[at] != 0; at = (at + 1) & mask) {
		if ((n->slot[at] ^ hash) >> 32 != 0) continue;
		uint32_t number = (uint32_t)n->slot[at] - 1;
		if (memcmp(n->items.u8 + (uint64_t)number * n->width, bytes, n->width) != 0)
			continue;
		*ret_number = number;
		return DP_OK;
	}
	DP_TRY(build_reserve(&n->items, n->width, (uint64_t)n->count + 1, n->count_max, fault));
	memcpy(n->items.u8 + (uint64_t)n->count * n->width, bytes, n->width);
	n->slot[at] = (hash >> 32 << 32) | (n->count + 1);
	*ret_number = n->count++;
	return DP_OK;
}

static int name_compare(const void *context, uint32_t a, uint32_t b)
{
	const build_names *n = context;
	const uint8_t *items = n->items.u8;
	return memcmp(items + (uint64_t)a * n->width, items + (uint64_t)b * n->width, n->width);
}

dp_code build_names_sort(build_names *n, uint32_t **ret_new, dp_fault *fault)
{
	DP_CHECK(n != NULL && ret_new != NULL);
	uint64_t *items = build_array(sizeof *items, n->count);
	if (items == NULL) return build_no_memory(fault);
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t first;
		memcpy(&first, n->items.u8 + (uint64_t)i * n->width, 4);
		items[i] = (uint64_t)__builtin_bswap32(first) << 32 | i;
	}
	uint32_t *order;
	DP_TRY(build_order(&order, items, n->count, name_compare, n, fault));
	uint8_t *sorted = build_array(n->width, n->count);
	uint32_t *fresh = build_array(sizeof *fresh, n->count);
	if (sorted == NULL || fresh == NULL) {
		dp_free(order);
		dp_free(sorted);
		dp_free(fresh);
		return build_no_memory(fault);
	}
	for (uint32_t i = 0; i < n->count; i++) {
		DP_CHECK(order[i] < n->count);
		fresh[order[i]] = i;
		memcpy(sorted + (uint64_t)i * n->width, n->items.u8 + (uint64_t)order[i] * n->width,
		       n->width);
	}
	dp_free(order);
	dp_free(n->items.any);
	n->items.any = sorted;
	n->items.cap = n->count;
	*ret_new = fresh;
	return DP_OK;
}

void build_names_done(build_names *n)
{
	if (n == NULL) return;
	dp_free(n->items.any);
	dp_free(n->slot);
	*n = (build_names){0};
}

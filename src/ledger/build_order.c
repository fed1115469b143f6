// The builder's sorting. See build_private.h.
//
// What is sorted (keys of addresses, ids of transactions) is hashes: 32 bits nearly tell one from
// the other. So eight bytes are sorted, 32 bits of hash above 32 bits of number, by three passes of
// least-significant-digit radix sort with 11 bits each (2048 places to write to fit the caches, and
// its time hangs on nothing but the count), and only runs that agree in all 32 bits are looked at
// whole. Such runs are short unless somebody has ground them; long ones are heap sorted, which has
// no bad case and needs no memory.
#include "ledger/build_private.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, INSERTION_MAX = 16, RADIX_MIN = 256 };

typedef struct order {
	build_compare compare;
	const void *context;
} order;

static bool before(const order *o, uint64_t a, uint64_t b)
{
	if ((a ^ b) >> 32 != 0 || o->compare == NULL) return a < b;
	int c = o->compare(o->context, (uint32_t)a, (uint32_t)b);
	return c != 0 ? c < 0 : a < b;
}

static void insertion_sort(const order *o, uint64_t *items, uint64_t count)
{
	for (uint64_t i = 1; i < count; i++) {
		uint64_t x = items[i], j = i;
		for (; j > 0 && before(o, x, items[j - 1]); j--) items[j] = items[j - 1];
		items[j] = x;
	}
}

static void sift_down(const order *o, uint64_t *items, uint64_t root, uint64_t count)
{
	uint64_t x = items[root];
	for (uint64_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && before(o, items[child], items[child + 1])) child++;
		if (!before(o, x, items[child])) break;
		items[root] = items[child];
	}
	items[root] = x;
}

static void sort_run(const order *o, uint64_t *items, uint64_t count)
{
	DP_CHECK(o != NULL && items != NULL);
	if (count <= INSERTION_MAX) {
		insertion_sort(o, items, count);
		return;
	}
	for (uint64_t root = count / 2; root-- > 0;) sift_down(o, items, root, count);
	for (uint64_t end = count - 1; end > 0; end--) {
		uint64_t x = items[0];
		items[0] = items[end];
		items[end] = x;
		sift_down(o, items, 0, end);
	}
}

// One pass by DIGIT_BITS bits from `shift` on. Keeps the order of equal ones.
static void radix_pass(uint64_t *to, const uint64_t *from, uint64_t count, uint32_t shift)
{
	uint32_t place[DIGITS] = {0};
	DP_CHECK(shift >= 32 && count <= UINT32_MAX);
	for (uint64_t i = 0; i < count; i++) place[from[i] >> shift & (DIGITS - 1)]++;
	uint32_t sum = 0;
	for (uint32_t d = 0; d < DIGITS; d++) {
		uint32_t here = place[d];
		place[d] = sum;
		sum += here;
	}
	DP_CHECK(sum == count);
	for (uint64_t i = 0; i < count; i++) to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

static void sort_runs(const order *o, uint64_t *items, uint64_t count)
{
	for (uint64_t i = 0, end; i < count; i = end) {
		end = i + 1;
		while (end < count && (items[end] ^ items[i]) >> 32 == 0) end++;
		if (end - i > 1) sort_run(o, items + i, end - i);
	}
}

dp_code build_sort_items(uint64_t **io_items, uint64_t count, build_compare compare,
                         const void *context, dp_fault *fault)
{
	DP_CHECK(io_items != NULL && *io_items != NULL);
	order o = {.compare = compare, .context = context};
	uint64_t *items = *io_items;
	if (count < RADIX_MIN) {
		sort_run(&o, items, count);
		return DP_OK;
	}
	uint64_t *other = build_array(sizeof *other, count);
	if (other == NULL) return build_no_memory(fault);
	radix_pass(other, items, count, 32);
	radix_pass(items, other, count, 32 + DIGIT_BITS);
	radix_pass(other, items, count, 32 + 2 * DIGIT_BITS);
	dp_free(items);
	*io_items = other;
	if (compare != NULL) sort_runs(&o, other, count);
	return DP_OK;
}

uint32_t *build_numbers_of(uint64_t *items, uint64_t count)
{
	DP_CHECK(items != NULL);
	// The numbers go where the items were: number i never reaches an item still to come.
	uint8_t *bytes = (uint8_t *)items;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t number = (uint32_t)items[i];
		memcpy(bytes + 4 * i, &number, 4);
	}
	// Where the half that is free now cannot be given back, it is kept.
	void *smaller = dp_realloc(bytes, count == 0 ? 4 : 4 * count);
	return smaller != NULL ? smaller : (void *)bytes;
}

dp_code build_order(uint32_t **ret_numbers, uint64_t *items, uint64_t count, build_compare compare,
                    const void *context, dp_fault *fault)
{
	DP_CHECK(ret_numbers != NULL);
	dp_code code = build_sort_items(&items, count, compare, context, fault);
	if (code != DP_OK) {
		dp_free(items);
		return code;
	}
	*ret_numbers = build_numbers_of(items, count);
	return DP_OK;
}

// The fewest bits with which buckets hold `per_bucket` on average, or fewer.
uint32_t build_bits_for(uint64_t count, uint64_t per_bucket)
{
	DP_CHECK(per_bucket > 0 && count <= DP_ADDRESS_IDS_MAX);
	uint32_t bits = 0;
	while (bits < 30 && per_bucket << bits < count) bits++;
	return bits;
}

//- addresses -------------------------------------------------------------------------------------

typedef struct kind_context {
	const dp_build *b;
	uint32_t kind;
} kind_context;

// Equal in 32 bits: the whole key tells, and the bytes as stored where that is equal, too.
static int address_compare(const void *context, uint32_t x, uint32_t y)
{
	const kind_context *c = context;
	dp_addr first = build_addr_of(c->b, c->kind, x), second = build_addr_of(c->b, c->kind, y);
	uint64_t first_key = dp_addr_key_inline(&first), second_key = dp_addr_key_inline(&second);
	if (first_key != second_key) return first_key < second_key ? -1 : 1;
	if (first.len != second.len) return first.len < second.len ? -1 : 1;
	return memcmp(first.bytes, second.bytes, sizeof first.bytes);
}

dp_code build_order_addresses(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b != NULL);
	for (uint32_t kind = 1; kind < BUILD_KINDS; kind++) {
		build_addresses *k = &b->kind[kind];
		if (k->count == 0) continue;
		uint64_t *items = build_array(sizeof *items, k->count);
		if (items == NULL) return build_no_memory(fault);
		for (uint32_t i = 0; i < k->count; i++) {
			dp_addr a = build_addr_of(b, kind, i);
			items[i] = (dp_addr_key_inline(&a) >> 32 << 32) | i;
		}
		kind_context c = {.b = b, .kind = kind};
		DP_TRY(build_order(&k->order, items, k->count, address_compare, &c, fault));
	}
	return DP_OK;
}

//- transactions ----------------------------------------------------------------------------------

static uint32_t id_begin(const dp_build *b, uint64_t tx)
{
	uint32_t first;
	memcpy(&first, b->txid.u8 + 32 * tx, 4);
	return __builtin_bswap32(first);
}

static int tx_compare(const void *context, uint32_t x, uint32_t y)
{
	const dp_build *b = context;
	return memcmp(b->txid.u8 + 32 * (uint64_t)x, b->txid.u8 + 32 * (uint64_t)y, 32);
}

static uint64_t tx_bucket_of(const dp_build *b, uint32_t begin)
{
	return (uint64_t)begin >> (32 - b->tx_bits);
}

// Ids are entered into the filter all over it, so some ahead are fetched.
static void fill_tx_filter(dp_build *b)
{
	enum { AHEAD = 16 };
	uint64_t key[AHEAD] = {0};
	for (uint64_t i = 0; i < b->txs + AHEAD; i++) {
		uint64_t *slot = &key[i % AHEAD];
		if (i >= AHEAD) dp_filter_add(b->txfilter, b->txfilter_blocks, *slot);
		if (i >= b->txs) continue;
		*slot = dp_filter_txid_key(b->txid.u8 + 32 * i);
		__builtin_prefetch(b->txfilter + DP_FILTER_BLOCK *
		                                     dp_filter_block_of(*slot, b->txfilter_blocks),
		                   1);
	}
}

dp_code build_order_txs(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->txsort == NULL);
	b->tx_bits = build_bits_for(b->txs, b->utxo ? BUILD_BUCKET_COIN_TX : BUILD_BUCKET_TX);
	uint64_t buckets = (uint64_t)1 << b->tx_bits;
	b->txbucket = build_array(sizeof *b->txbucket, buckets + 1);
	b->txfilter_blocks = dp_filter_blocks(b->txs);
	b->txfilter = build_array(DP_FILTER_BLOCK, b->txfilter_blocks);
	uint64_t *items = build_array(sizeof *items, b->txs);
	if (b->txbucket == NULL || b->txfilter == NULL || items == NULL) {
		dp_free(items);
		return build_no_memory(fault);
	}
	for (uint64_t i = 0; i < b->txs; i++) items[i] = (uint64_t)id_begin(b, i) << 32 | i;
	fill_tx_filter(b);
	dp_code code = build_sort_items(&items, b->txs, tx_compare, b, fault);
	if (code != DP_OK) {
		dp_free(items);
		return code;
	}
	for (uint64_t i = 0; i < b->txs; i++)
		b->txbucket[tx_bucket_of(b, (uint32_t)(items[i] >> 32)) + 1]++;
	for (uint64_t i = 0; i < buckets; i++) b->txbucket[i + 1] += b->txbucket[i];
	DP_CHECK(b->txbucket[buckets] == b->txs);
	b->txsort = build_numbers_of(items, b->txs);
	return DP_OK;
}

bool build_find_tx(const dp_build *b, uint32_t *ret_tx, const uint8_t id[32])
{
	DP_CHECK(b != NULL && b->txsort != NULL);
	uint32_t begin;
	memcpy(&begin, id, 4);
	uint64_t bucket = tx_bucket_of(b, __builtin_bswap32(begin));
	uint32_t low = b->txbucket[bucket], end = b->txbucket[bucket + 1], high = end;
	uint32_t first = low;
	while (low < high) { // the first id behind the wanted one
		uint32_t middle = low + (high - low) / 2;
		if (memcmp(b->txid.u8 + 32 * (uint64_t)b->txsort[middle], id, 32) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	DP_CHECK(low >= first && low <= end);
	if (low == first) return false;
	uint32_t tx = b->txsort[low - 1];
	if (memcmp(b->txid.u8 + 32 * (uint64_t)tx, id, 32) != 0) return false;
	*ret_tx = tx;
	return true;
}

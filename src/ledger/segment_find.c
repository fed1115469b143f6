// Looking things up in a segment, see segment.h: addresses, postings, transactions, blocks.
//
// What most look-ups of a seek find is nothing: an address has part in few segments. Those end at
// the filter, with one cache line read. The others go on through a table of buckets, which the top
// bits of a hash index directly, so that two neighbouring entries bound the rows to search.
//
// Hashes can be forged: XXH3 is not keyed, and whoever pays for outputs can choose addresses with
// one key by the million. So a bucket is searched by key and then bytes, by halving, never through
// from end to end.
#include <string.h>

#include "base/check.h"
#include "ledger/segment.h"
#include "ledger/segment_inner.h"

// The top bits of a number; 0 bits of it are 0.
static inline uint64_t top_bits(uint64_t key, uint32_t bits)
{
	return bits == 0 ? 0 : key >> (64 - bits);
}

//- addresses -------------------------------------------------------------------------------------

// An address as ADDR has it: the bytes, behind their length where that varies.
typedef struct stored_addr {
	uint8_t bytes[33];
} stored_addr;

static stored_addr stored_of(const dp_addr *a, uint32_t width)
{
	stored_addr out = {{0}};
	bool varies = width == 33;
	if (varies) out.bytes[0] = a->len;
	memcpy(out.bytes + varies, a->bytes, sizeof a->bytes);
	return out;
}

// False when no such address is ever written: of a length that its kind does not have, a witness
// program of a version that there is not, or with something behind its end.
static bool addr_of(dp_addr *ret_addr, const uint8_t *stored, const dp_ledger_group *g)
{
	memset(ret_addr, 0, sizeof *ret_addr);
	ret_addr->kind = (uint8_t)g->kind;
	if (__builtin_expect(g->width == 20, 1)) {
		ret_addr->len = 20;
		memcpy(ret_addr->bytes, stored, 20);
		return true;
	}
	if (g->width != 33) {
		DP_CHECK(g->width == 0 || g->width == 32);
		ret_addr->len = (uint8_t)g->width;
		if (g->width > 0) memcpy(ret_addr->bytes, stored, 32);
		return true;
	}
	uint8_t len = stored[0], least = g->kind == DP_ADDR_WITNESS ? 3 : 1;
	if (len < least || len > 32) return false;
	ret_addr->len = len;
	memcpy(ret_addr->bytes, stored + 1, len);
	for (uint32_t i = len; i < 32; i++)
		if (stored[1 + i] != 0) return false;
	return g->kind != DP_ADDR_WITNESS || (stored[1] >= 1 && stored[1] <= 16);
}

static dp_code bad_addr(const dp_segment *s, uint64_t offset, dp_fault *fault)
{
	return dp_segment_bad_item(s, fault, DP_SEC_ADDR, offset, "begins no address");
}

static const dp_ledger_group *group_of_kind(const dp_segment *s, uint32_t kind)
{
	for (uint32_t i = 0; i < s->group_count; i++)
		if (s->group[i].kind == kind) return &s->group[i];
	return NULL;
}

void dp_segment_prefetch_addr(const dp_segment *s, uint64_t key)
{
	uint64_t blocks = s->head.section[DP_SEC_ADDRFILTER].count;
	dp_segment_prefetch(s, DP_SEC_ADDRFILTER, dp_filter_block_of(key, blocks));
}

// Where in the bucket lo..hi-1 (in the group) the first address stands that is not before the one
// sought, in the order of key, then bytes.
static dp_code lower_bound(dp_segment *s, uint32_t *io_lo, uint32_t *io_hi,
                           const dp_ledger_group *g, const uint8_t *want, uint64_t key,
                           dp_fault *fault)
{
	while (*io_lo < *io_hi) {
		uint32_t mid = *io_lo + (*io_hi - *io_lo) / 2;
		uint64_t offset = g->offset + (uint64_t)mid * g->width;
		const uint8_t *p = dp_segment_span(s, DP_SEC_ADDR, offset, g->width);
		if (p == NULL) return dp_segment_fault(s, DP_SEC_ADDR, offset, fault);
		dp_addr a;
		if (!addr_of(&a, p, g)) return bad_addr(s, offset, fault);
		uint64_t have = dp_addr_key(&a);
		if (have < key || (have == key && memcmp(p, want, g->width) < 0))
			*io_lo = mid + 1;
		else
			*io_hi = mid;
	}
	return DP_OK;
}

// Few are simply compared, without a hash of each.
enum { COMPARE_MAX = 16 };

static dp_code find_in_group(dp_segment *s, uint32_t *ret_id, const dp_ledger_group *g,
                             const dp_addr *addr, uint64_t key, dp_fault *fault)
{
	uint64_t bucket = g->bucket_first + top_bits(key, g->bits);
	const void *p = dp_segment_span(s, DP_SEC_ADDRBUCKET, bucket, 2);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_ADDRBUCKET, bucket, fault);
	uint32_t lo = dp_load32(p, 0), hi = dp_load32(p, 1);
	if (lo > hi || hi > g->count)
		return dp_segment_bad_item(s, fault, DP_SEC_ADDRBUCKET, bucket, "is out of order");
	stored_addr want = stored_of(addr, g->width);
	*ret_id = 0;
	if (hi - lo > COMPARE_MAX) {
		uint32_t end = hi;
		DP_TRY(lower_bound(s, &lo, &end, g, want.bytes, key, fault));
		if (lo < hi) hi = lo + 1;
	}
	if (lo == hi) return DP_OK;
	// Who finds an address reads its postings next.
	dp_segment_prefetch(s, DP_SEC_POSTFIRST, g->id_first + lo);
	uint64_t offset = g->offset + (uint64_t)lo * g->width;
	const uint8_t *at = dp_segment_span(s, DP_SEC_ADDR, offset, (uint64_t)(hi - lo) * g->width);
	if (at == NULL) return dp_segment_fault(s, DP_SEC_ADDR, offset, fault);
	for (uint32_t i = lo; i < hi; i++, at += g->width)
		if (memcmp(at, want.bytes, g->width) == 0) *ret_id = g->id_first + i;
	return DP_OK;
}

dp_code dp_segment_find_addr(dp_segment *s, uint32_t *ret_id, const dp_addr *addr, uint64_t key,
                             dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_id != NULL && addr != NULL);
	DP_CHECK(addr->kind < DP_ADDR_KIND_COUNT && addr->len <= sizeof addr->bytes);
	const dp_ledger_group *g = group_of_kind(s, addr->kind);
	// Nobody has an address of a length that the kind does not have.
	if (g == NULL || (g->width != 33 && addr->len != g->width)) {
		*ret_id = 0;
		return DP_OK;
	}
	// The bucket is fetched while the filter is read: when it is needed the wait is over.
	dp_segment_prefetch(s, DP_SEC_ADDRBUCKET, g->bucket_first + top_bits(key, g->bits));
	uint64_t block = dp_filter_block_of(key, s->head.section[DP_SEC_ADDRFILTER].count);
	const uint8_t *filter = dp_segment_at(s, DP_SEC_ADDRFILTER, block);
	if (filter == NULL) return dp_segment_fault(s, DP_SEC_ADDRFILTER, block, fault);
	if (!dp_filter_has(filter, key)) {
		*ret_id = 0;
		return DP_OK;
	}
	if (g->width > 0) return find_in_group(s, ret_id, g, addr, key, fault);
	*ret_id = g->id_first; // the only one of its kind: it has no bytes
	return DP_OK;
}

dp_code dp_segment_addr(dp_segment *s, dp_addr *ret_addr, uint32_t id, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_addr != NULL);
	if (id == 0) {
		memset(ret_addr, 0, sizeof *ret_addr);
		return DP_OK;
	}
	const dp_ledger_group *g = s->group, *end = g + s->group_count;
	while (g < end && id - g->id_first >= g->count) g++;
	if (g == end)
		return dp_segment_bad(s, fault, dp_segment_offset(s, DP_SEC_ADDR, 0),
		                      "address %u is named, but there are %llu", id,
		                      (unsigned long long)s->head.address_count);
	uint64_t offset = g->offset + (uint64_t)(id - g->id_first) * g->width;
	const uint8_t *p = NULL;
	if (g->width > 0) {
		p = dp_segment_span(s, DP_SEC_ADDR, offset, g->width);
		if (p == NULL) return dp_segment_fault(s, DP_SEC_ADDR, offset, fault);
	}
	dp_addr a;
	if (!addr_of(&a, p, g)) return bad_addr(s, offset, fault);
	*ret_addr = a;
	return DP_OK;
}

//- postings --------------------------------------------------------------------------------------

// Do n numbers rise? Without a branch an entry, which the compiler can do several at once.
static bool rises(const uint32_t *v, uint64_t n)
{
	uint32_t bad = 0;
	for (uint64_t i = 1; i < n; i++) bad |= v[i - 1] >= v[i];
	return bad == 0;
}

// Whether the list at first..end-1 of POST rises. The runs of DP_ORDERED_RUN entries that lie in it
// whole are looked through once: a hub's list of a million costs its reader what it reads.
static bool list_rises(dp_segment *s, const uint32_t *list, uint64_t first, uint64_t end)
{
	const uint64_t run = DP_ORDERED_RUN;
	uint64_t inner = (first + run - 1) / run * run;
	if (inner + run >= end) return rises(list, end - first);
	if (!rises(list, inner - first + 1)) return false;
	// Each whole run with the entry behind it, which is there: inner + run < end.
	for (; inner + run < end; inner += run) {
		uint64_t word = inner / run / 64, bit = (uint64_t)1 << (inner / run % 64);
		if (atomic_load_explicit(&s->ordered[word], memory_order_relaxed) & bit) continue;
		if (!rises(list + (inner - first), run + 1)) return false;
		atomic_fetch_or_explicit(&s->ordered[word], bit, memory_order_relaxed);
	}
	return rises(list + (inner - first), end - inner);
}

dp_code dp_segment_postings(dp_segment *s, const uint32_t **ret_tx, uint32_t *ret_count,
                            uint32_t id, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_tx != NULL && ret_count != NULL);
	if (id > s->head.address_count)
		return dp_segment_bad_item(s, fault, DP_SEC_POSTFIRST, id, "is asked for");
	const void *p = dp_segment_span(s, DP_SEC_POSTFIRST, id, 2);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_POSTFIRST, id, fault);
	uint32_t first = dp_load32(p, 0), end = dp_load32(p, 1);
	if (first > end || end > s->head.section[DP_SEC_POST].count)
		return dp_segment_bad_item(s, fault, DP_SEC_POSTFIRST, id, "is out of order");
	if (first == end) {
		*ret_tx = NULL;
		*ret_count = 0;
		return DP_OK;
	}
	const uint32_t *list = dp_segment_span(s, DP_SEC_POST, first, end - first);
	if (list == NULL) return dp_segment_fault(s, DP_SEC_POST, first, fault);
	if (!list_rises(s, list, first, end) || list[end - first - 1] >= s->head.tx_count)
		return dp_segment_bad_item(s, fault, DP_SEC_POST, first,
		                           "begins a list that does not rise");
	*ret_tx = list;
	*ret_count = end - first;
	return DP_OK;
}

//- transactions ----------------------------------------------------------------------------------

// The transaction at a place of TXSORT: its number, and its id.
static dp_code sorted_tx(dp_segment *s, uint32_t *ret_tx, const uint8_t **ret_id, uint64_t at,
                         dp_fault *fault)
{
	uint32_t tx = 0;
	if (!dp_segment_u32(s, DP_SEC_TXSORT, at, &tx))
		return dp_segment_fault(s, DP_SEC_TXSORT, at, fault);
	if (tx >= s->head.tx_count)
		return dp_segment_bad_item(s, fault, DP_SEC_TXSORT, at, "names no transaction");
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
	*ret_tx = tx;
	*ret_id = id;
	return DP_OK;
}

dp_code dp_segment_find_tx(dp_segment *s, uint32_t *ret_tx, const uint8_t id[32], uint32_t before,
                           dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_tx != NULL && id != NULL);
	uint64_t begins, key = dp_filter_txid_key(id);
	memcpy(&begins, id, sizeof begins);
	uint64_t bucket = top_bits(__builtin_bswap64(begins), s->head.tx_bits);
	dp_segment_prefetch(s, DP_SEC_TXBUCKET, bucket);
	uint64_t block = dp_filter_block_of(key, s->head.section[DP_SEC_TXFILTER].count);
	const uint8_t *filter = dp_segment_at(s, DP_SEC_TXFILTER, block);
	if (filter == NULL) return dp_segment_fault(s, DP_SEC_TXFILTER, block, fault);
	if (!dp_filter_has(filter, key)) return DP_NOT_FOUND;
	const void *p = dp_segment_span(s, DP_SEC_TXBUCKET, bucket, 2);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_TXBUCKET, bucket, fault);
	uint32_t first = dp_load32(p, 0), lo = first, hi = dp_load32(p, 1);
	if (lo > hi || hi > s->head.tx_count)
		return dp_segment_bad_item(s, fault, DP_SEC_TXBUCKET, bucket, "is out of order");
	// Halves down to the first that is not before (id, before): it is the one in front, or
	// there is none.
	uint32_t tx = 0;
	const uint8_t *have = id;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		DP_TRY(sorted_tx(s, &tx, &have, mid, fault));
		int order = memcmp(have, id, 32);
		if (order < 0 || (order == 0 && tx < before))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == first) return DP_NOT_FOUND;
	DP_TRY(sorted_tx(s, &tx, &have, lo - 1, fault));
	if (memcmp(have, id, 32) != 0 || tx >= before) return DP_NOT_FOUND;
	*ret_tx = tx;
	return DP_OK;
}

//- blocks ----------------------------------------------------------------------------------------

static dp_code block_row(dp_segment *s, const dp_ledger_block_row **ret_row, uint64_t block,
                         dp_fault *fault)
{
	const void *p = dp_segment_at(s, DP_SEC_BLOCK, block);
	if (p == NULL) {
		dp_code code = dp_segment_fault(s, DP_SEC_BLOCK, block, fault);
		DP_CHECK(code != DP_OK); // callers read the row on DP_OK
		return code;
	}
	*ret_row = p; // sections begin at multiples of 64 and the rows are 96 bytes: aligned
	return DP_OK;
}

dp_code dp_segment_block_row(dp_segment *s, dp_ledger_block_row *ret_row, uint64_t block,
                             dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_row != NULL);
	const dp_ledger_block_row *p, *next;
	DP_TRY(block_row(s, &p, block, fault));
	dp_ledger_block_row row = *p;
	bool fine = row.tx <= s->head.tx_count && row.row <= s->head.row_count;
	if (block < s->head.block_count) {
		DP_TRY(block_row(s, &next, block + 1, fault));
		fine = fine && row.tx <= next->tx && next->tx <= s->head.tx_count &&
		       row.row <= next->row && next->row <= s->head.row_count &&
		       row.noise <= next->row - row.row && row.height >= s->head.height_first &&
		       row.height <= s->head.height_last &&
		       (row.flags & ~(uint32_t)DP_LEDGER_BLOCK_BEGINS) == 0;
	}
	if (!fine) return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, block, "is out of order");
	*ret_row = row;
	return DP_OK;
}

// The last block lo..hi-1 that begins at or before a transaction. Blocks of one chain have like
// numbers of transactions, so the first guess is in proportion and the search widens from there
// by doubling: a few rows close together instead of one for each halving of all.
dp_code dp_segment_block_of_tx(dp_segment *s, uint32_t *ret_block, uint32_t tx, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_block != NULL);
	uint64_t blocks = s->head.block_count, txs = s->head.tx_count;
	if (tx >= txs) return dp_segment_bad_item(s, fault, DP_SEC_TXID, tx, "is asked for");
	const dp_ledger_block_row *row;
	uint64_t lo = tx * blocks / txs, hi = lo + 1, step = 1;
	DP_TRY(block_row(s, &row, lo, fault));
	if (row->tx > tx) {
		for (hi = lo; row->tx > tx && lo > 0; step *= 2) {
			hi = lo;
			lo = lo > step ? lo - step : 0;
			DP_TRY(block_row(s, &row, lo, fault));
		}
	} else {
		DP_TRY(block_row(s, &row, hi, fault));
		for (; row->tx <= tx && hi < blocks; step *= 2) {
			lo = hi;
			hi = blocks - hi > step ? hi + step : blocks;
			DP_TRY(block_row(s, &row, hi, fault));
		}
	}
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;
		DP_TRY(block_row(s, &row, mid, fault));
		if (row->tx <= tx)
			lo = mid;
		else
			hi = mid;
	}
	const dp_ledger_block_row *next;
	DP_TRY(block_row(s, &row, lo, fault));
	DP_TRY(block_row(s, &next, lo + 1, fault));
	if (row->tx > tx || next->tx <= tx)
		return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, lo, "is out of order");
	*ret_block = (uint32_t)lo;
	return DP_OK;
}

dp_code dp_segment_block_at_height(dp_segment *s, uint64_t *ret_block, uint64_t height,
                                   dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_block != NULL);
	uint64_t lo = 0, hi = s->head.block_count;
	const dp_ledger_block_row *row;
	if (height <= s->head.height_first || height > s->head.height_last) {
		*ret_block = height > s->head.height_last ? hi : 0;
		return DP_OK;
	}
	// Mostly no height is left out, and then the block's number is told by its height.
	uint64_t guess = height - s->head.height_first;
	if (guess < hi) {
		DP_TRY(block_row(s, &row, guess, fault));
		if (row->height == height) lo = hi = guess;
	}
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		DP_TRY(block_row(s, &row, mid, fault));
		if (row->height < height)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_block = lo;
	return DP_OK;
}

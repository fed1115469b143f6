// A segment by itself: its checksums, its blocks, its transactions and its addresses.
//
// The order matters. First every chunk is hashed, so that damage is called damage. Then each column
// is checked before another one is looked up through it: from then on an index that was checked
// may be used without another look. Nothing here is taken from the accessors of segment.h where it
// can be said plainly: a verifier that shared the reader's arithmetic would share its mistakes.
#include "ledger/verify_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chain/address.h"
#include "ledger/segment_inner.h"

dp_code dp_view_bad(const dp_view *v, dp_section_id id, uint64_t index, dp_fault *fault,
                    const char *format, ...)
{
	char what[DP_FAULT_TEXT_MAX - 80];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof what, format, args);
	va_end(args);
	dp_code code = dp_fail_offset(fault, DP_BAD_BYTES, dp_segment_offset(v->s, id, index),
	                              "item %llu of %s %s", (unsigned long long)index,
	                              dp_section_name(id), what);
	dp_fault_file(fault, v->s->path);
	return code;
}

void dp_verify_forget_unpacked(dp_segment *s)
{
	DP_CHECK(s != NULL);
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		if (!s->sec[id].packed) continue;
		const uint8_t *base = atomic_exchange(&s->sec[id].base, NULL);
		dp_free((void *)(uintptr_t)base);
	}
}

enum { AHEAD = 16 }; // transactions

//- columns ---------------------------------------------------------------------------------------

// Hashes every chunk, also those between and behind the sections.
static dp_code check_chunks(dp_segment *s, dp_fault *fault)
{
	DP_CHECK(s->head.data_size > 0);
	// Everything is read, in order: not what a segment is usually opened for.
	if (s->map.bytes != NULL) dp_map_advise(&s->map, 0, s->map.size, DP_MAP_SEQUENTIAL);
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		uint64_t count = s->head.section[id].count;
		if (count > 0 && dp_segment_span_slow(s, (dp_section_id)id, 0, count) == NULL)
			return dp_segment_fault(s, (dp_section_id)id, 0, fault);
	}
	// What no section holds is less than one alignment each time, so a chunk that was not
	// touched by now lies between sections of a segment that somebody made up.
	for (uint64_t chunk = 0; chunk * DP_CHUNK < s->head.data_size; chunk++)
		if (!dp_segment_chunk_checked(s, chunk)) {
			dp_code code = dp_fail_offset(fault, DP_BAD_BYTES,
			                              DP_SEGMENT_HEADER_SIZE + chunk * DP_CHUNK,
			                              "no section holds the bytes from here");
			dp_fault_file(fault, s->path);
			return code;
		}
	return DP_OK;
}

static dp_code view_of(dp_view *ret_view, dp_segment *s, dp_fault *fault)
{
	dp_view v = {.s = s};
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		uint64_t count = s->head.section[id].count;
		v.at[id] = s->data;
		if (count == 0) continue;
		v.at[id] = dp_segment_span_slow(s, (dp_section_id)id, 0, count);
		if (v.at[id] == NULL) return dp_segment_fault(s, (dp_section_id)id, 0, fault);
	}
	*ret_view = v;
	return DP_OK;
}

//- transactions ----------------------------------------------------------------------------------

// A column of firsts: begins at 0, never falls, ends at `end`. The flags stand in the top bits.
static dp_code check_firsts(const dp_view *v, dp_section_id id, uint64_t end, bool has_flags,
                            dp_fault *fault)
{
	const uint32_t *first = v->at[id];
	uint64_t count = dp_view_count(v, id);
	uint32_t last = 0;
	DP_CHECK(count > 0); // checked on opening
	for (uint64_t i = 0; i < count; i++) {
		uint32_t at = has_flags ? dp_view_first(first[i]) : first[i];
		if (at < last || at > end || (i == 0 && at != 0))
			return dp_view_bad(v, id, i, fault, "is out of order");
		last = at;
	}
	if (last != end)
		return dp_view_bad(v, id, count - 1, fault, "ends at %u of %llu", last,
		                   (unsigned long long)end);
	return DP_OK;
}

static dp_code check_outtx(const dp_view *v, dp_fault *fault)
{
	const uint32_t *outtx = v->at[DP_SEC_OUTTX], *txout = v->at[DP_SEC_TXOUT];
	uint64_t tx = 0;
	for (uint64_t i = 0; i < dp_view_count(v, DP_SEC_OUTTX); i++) {
		// TXOUT ends at the number of outputs, which is above 32 * i: the walk ends.
		while (txout[tx + 1] <= 32 * i) tx++;
		DP_CHECK(tx < v->s->head.tx_count);
		if (outtx[i] != tx)
			return dp_view_bad(v, DP_SEC_OUTTX, i, fault,
			                   "names transaction %u; output %llu is of %llu", outtx[i],
			                   32 * (unsigned long long)i, (unsigned long long)tx);
	}
	return DP_OK;
}

// The buckets of sorted keys: entry b is how many keys lie in buckets before b. Told key by key.
typedef struct bucket_walk {
	dp_section_id id;
	uint64_t first; // of its entries in the section
	uint32_t bits;
	uint64_t next; // the entry that is not yet known
} bucket_walk;

static dp_code walk_bucket(const dp_view *v, bucket_walk *w, uint64_t end, uint64_t keys_before,
                           dp_fault *fault)
{
	const uint32_t *bucket = v->at[w->id];
	DP_CHECK(w->first + end <= dp_view_count(v, w->id));
	for (; w->next < end; w->next++)
		if (bucket[w->first + w->next] != keys_before)
			return dp_view_bad(v, w->id, w->first + w->next, fault,
			                   "is %u, should be %llu", bucket[w->first + w->next],
			                   (unsigned long long)keys_before);
	return DP_OK;
}

static dp_code walk_key(const dp_view *v, bucket_walk *w, uint64_t key, uint64_t keys_before,
                        dp_fault *fault)
{
	uint64_t bucket = w->bits == 0 ? 0 : key >> (64 - w->bits);
	return walk_bucket(v, w, bucket + 1, keys_before, fault);
}

static dp_code walk_end(const dp_view *v, bucket_walk *w, uint64_t keys, dp_fault *fault)
{
	return walk_bucket(v, w, ((uint64_t)1 << w->bits) + 1, keys, fault);
}

static bool filter_says_yes(const dp_view *v, dp_section_id id, uint64_t key)
{
	const uint8_t *filter = v->at[id];
	uint64_t blocks = dp_view_count(v, id);
	DP_CHECK(blocks > 0);
	return dp_filter_has(filter + DP_FILTER_BLOCK * dp_filter_block_of(key, blocks), key);
}

static uint64_t first_bytes(const uint8_t id[32])
{
	uint64_t v;
	memcpy(&v, id, sizeof v);
	return __builtin_bswap64(v);
}

static dp_code check_txids(const dp_view *v, dp_fault *fault)
{
	const uint8_t *txid = v->at[DP_SEC_TXID], *before = NULL;
	const uint32_t *sorted = v->at[DP_SEC_TXSORT];
	uint64_t count = v->s->head.tx_count;
	bucket_walk w = {.id = DP_SEC_TXBUCKET, .bits = v->s->head.tx_bits};
	for (uint64_t i = 0; i < count; i++) {
		if (sorted[i] >= count)
			return dp_view_bad(v, DP_SEC_TXSORT, i, fault, "names no transaction");
		const uint8_t *id = txid + 32 * (uint64_t)sorted[i];
		// Sorted ids lie anywhere: they are fetched a little ahead.
		if (i + AHEAD < count && sorted[i + AHEAD] < count)
			__builtin_prefetch(txid + 32 * (uint64_t)sorted[i + AHEAD]);
		// Strictly rising by (id, number): so each number stands here once, and all do.
		int order = before == NULL ? -1 : memcmp(before, id, 32);
		if (order > 0 || (order == 0 && sorted[i - 1] >= sorted[i]))
			return dp_view_bad(v, DP_SEC_TXSORT, i, fault, "is out of order");
		if (!filter_says_yes(v, DP_SEC_TXFILTER, dp_filter_txid_key(id)))
			return dp_view_bad(v, DP_SEC_TXID, sorted[i], fault,
			                   "is denied by TXFILTER");
		DP_TRY(walk_key(v, &w, first_bytes(id), i, fault));
		before = id;
	}
	return walk_end(v, &w, count, fault);
}

static dp_code check_txs(const dp_view *v, dp_fault *fault)
{
	const dp_segment_header *h = &v->s->head;
	if (v->s->utxo) {
		DP_TRY(check_firsts(v, DP_SEC_TXIN, h->input_count, true, fault));
		DP_TRY(check_firsts(v, DP_SEC_TXOUT, h->output_count, false, fault));
		DP_TRY(check_outtx(v, fault));
	} else {
		DP_TRY(check_firsts(v, DP_SEC_TXROW, h->row_count, true, fault));
	}
	return check_txids(v, fault);
}

//- blocks ----------------------------------------------------------------------------------------

static uint64_t row_of_tx(const dp_view *v, uint64_t tx)
{
	const uint32_t *txrow = v->at[DP_SEC_TXROW], *txin = v->at[DP_SEC_TXIN];
	const uint32_t *txout = v->at[DP_SEC_TXOUT];
	return v->s->utxo ? (uint64_t)dp_view_first(txin[tx]) + txout[tx]
	                  : dp_view_first(txrow[tx]);
}

// Is the rule of a chain kept between neighbours? Blocks that are not, by height, are not asked:
// an export may leave blocks out.
static bool is_linked(const dp_ledger_block_row *before, const dp_ledger_block_row *row)
{
	static const uint8_t unknown[32];
	if (row->height - before->height != 1 || memcmp(row->prev, unknown, 32) == 0) return true;
	return memcmp(row->prev, before->hash, 32) == 0;
}

static dp_code check_blocks(const dp_view *v, dp_fault *fault)
{
	const dp_ledger_block_row *block = v->at[DP_SEC_BLOCK];
	const dp_segment_header *h = &v->s->head;
	for (uint64_t i = 0; i <= h->block_count; i++) {
		const dp_ledger_block_row *b = &block[i];
		if (b->tx > h->tx_count || (i > 0 && b->tx < b[-1].tx))
			return dp_view_bad(v, DP_SEC_BLOCK, i, fault,
			                   "has transactions that are out of order");
		if (b->row != row_of_tx(v, b->tx))
			return dp_view_bad(v, DP_SEC_BLOCK, i, fault,
			                   "does not begin where its first transaction does");
		if (i == h->block_count) break; // the end is no block
		if (i == 0) continue;
		if (b->height <= b[-1].height)
			return dp_view_bad(
			    v, DP_SEC_BLOCK, i, fault, "has height %llu and stands behind %llu",
			    (unsigned long long)b->height, (unsigned long long)b[-1].height);
		if (!is_linked(&b[-1], b))
			return dp_view_bad(v, DP_SEC_BLOCK, i, fault,
			                   "does not follow the block before it (height %llu)",
			                   (unsigned long long)b->height);
	}
	return DP_OK;
}

//- addresses -------------------------------------------------------------------------------------

// The address as it is stored; false when no writer stores one so.
static bool addr_of(dp_addr *ret_addr, const dp_ledger_group *g, const uint8_t *stored)
{
	dp_addr a = {.kind = (uint8_t)g->kind, .len = (uint8_t)g->width};
	if (g->width == 33) {
		static const uint8_t zeros[32];
		a.len = stored[0];
		if (a.len > 32 || memcmp(stored + 1 + a.len, zeros, 32u - a.len) != 0) return false;
		memcpy(a.bytes, stored + 1, 32);
	} else {
		memcpy(a.bytes, stored, g->width);
	}
	*ret_addr = a;
	return true;
}

static dp_code check_group(const dp_view *v, const dp_ledger_group *g, dp_fault *fault)
{
	const uint8_t *stored = (const uint8_t *)v->at[DP_SEC_ADDR] + g->offset;
	bucket_walk w = {.id = DP_SEC_ADDRBUCKET, .first = g->bucket_first, .bits = g->bits};
	uint64_t key_before = 0;
	DP_CHECK(g->width <= 33);
	for (uint64_t i = 0; i < g->count; i++, stored += g->width) {
		uint64_t at = g->offset + i * g->width;
		dp_addr a;
		if (!addr_of(&a, g, stored))
			return dp_view_bad(v, DP_SEC_ADDR, at, fault, "begins no address");
		uint64_t key = dp_addr_key(&a);
		if (i > 0 &&
		    (key < key_before ||
		     (key == key_before && memcmp(stored - g->width, stored, g->width) >= 0)))
			return dp_view_bad(v, DP_SEC_ADDR, at, fault,
			                   "begins an address that is out of order");
		if (!filter_says_yes(v, DP_SEC_ADDRFILTER, key))
			return dp_view_bad(v, DP_SEC_ADDR, at, fault,
			                   "begins an address that ADDRFILTER denies");
		DP_TRY(walk_key(v, &w, key, i, fault));
		key_before = key;
	}
	return walk_end(v, &w, g->count, fault);
}

static dp_code check_addresses(const dp_view *v, dp_fault *fault)
{
	const dp_ledger_group *group = v->at[DP_SEC_GROUP];
	uint64_t bytes = 0, buckets = 0;
	for (uint64_t i = 0; i < dp_view_count(v, DP_SEC_GROUP); i++) {
		if (group[i].offset != bytes || group[i].bucket_first != buckets)
			return dp_view_bad(v, DP_SEC_GROUP, i, fault,
			                   "does not begin where the one before it ends");
		DP_TRY(check_group(v, &group[i], fault));
		bytes += (uint64_t)group[i].count * group[i].width;
		buckets += ((uint64_t)1 << group[i].bits) + 1;
	}
	if (bytes != dp_view_count(v, DP_SEC_ADDR))
		return dp_view_bad(v, DP_SEC_ADDR, bytes, fault, "belongs to no group");
	if (buckets != dp_view_count(v, DP_SEC_ADDRBUCKET))
		return dp_view_bad(v, DP_SEC_ADDRBUCKET, buckets, fault, "belongs to no group");
	return DP_OK;
}

dp_code dp_verify_segment(dp_segment *s, dp_fault *fault)
{
	DP_CHECK(s != NULL && fault != NULL);
	dp_view v = {0};
	DP_TRY(check_chunks(s, fault));
	DP_TRY(view_of(&v, s, fault));
	DP_CHECK(v.s == s);
	DP_TRY(check_txs(&v, fault));
	DP_TRY(check_blocks(&v, fault));
	DP_TRY(check_addresses(&v, fault));
	DP_TRY(dp_verify_notes(&v, fault));
	return dp_verify_rows(&v, fault);
}

// See etl_store.h.
//
// A body, in the machine's own byte order (it never leaves this process):
//
//   size  what
//   8     block
//   4     line
//   4     file
//   4     which values follow, a bit each
//   4     size of extra
//   2     flags
//   1     sort
//   1     type of trace
//   ...   the values in the order of dp_etl_value: numbers of 8 bytes; amounts as one byte of
//         length and so many bytes, the least significant first; hashes of 32; addresses of 20
//   ...   extra
//
// Sorting is heapsort: in place, never worse than n log n whatever the file does, and the key
// (block, place) has no equals, so that it need not be stable.
#include "source/etl_store.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { HEAD_SIZE = 28, KEY_PART = 8 }; // an eighth of the memory for keys: a body has 100 bytes
enum {
	BODY_MAX = HEAD_SIZE + 8 * DP_ETL_NUMBERS + 33 * DP_ETL_AMOUNTS + 32 * DP_ETL_HASHES +
	           20 * DP_ETL_ADDRS
};

void dp_etl_store_init(dp_etl_store *s, uint64_t memory_max)
{
	DP_CHECK(s != NULL);
	if (memory_max < 4096) memory_max = 4096;
	*s = (dp_etl_store){0};
	s->key_max = memory_max / KEY_PART / sizeof *s->key;
	s->body_max = memory_max - memory_max / KEY_PART;
}

void dp_etl_store_done(dp_etl_store *s)
{
	if (s == NULL) return;
	dp_free(s->body);
	dp_free(s->key);
	*s = (dp_etl_store){0};
}

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
	if (n > 0) memcpy(p, bytes, n);
	return p + n;
}

static uint8_t *put_amount(uint8_t *p, const dp_u256 *amount)
{
	uint8_t n = 32;
	while (n > 0 && (uint8_t)(amount->w[(n - 1) / 8] >> ((n - 1) % 8 * 8)) == 0) n--;
	*p++ = n;
	for (uint8_t i = 0; i < n; i++) *p++ = (uint8_t)(amount->w[i / 8] >> (i % 8 * 8));
	return p;
}

// Without extra, which goes behind.
static size_t pack(uint8_t out[BODY_MAX], const dp_etl_row *row)
{
	uint8_t *p = put(out, &row->block, 8);
	p = put(p, &row->line, 4);
	p = put(p, &row->file, 4);
	p = put(p, &row->has, 4);
	p = put(p, &row->extra_size, 4);
	p = put(p, &row->flags, 2);
	*p++ = row->sort;
	*p++ = row->trace;
	DP_CHECK(p == out + HEAD_SIZE);
	for (uint32_t i = 0; i < DP_ETL_VALUE_COUNT; i++) {
		if ((row->has >> i & 1) == 0) continue;
		if (i < DP_ETL_AMOUNT)
			p = put(p, &row->number[i], 8);
		else if (i < DP_ETL_TX)
			p = put_amount(p, &row->amount[i - DP_ETL_AMOUNT]);
		else if (i < DP_ETL_FROM)
			p = put(p, row->hash[i - DP_ETL_TX], 32);
		else
			p = put(p, row->addr[i - DP_ETL_FROM], 20);
	}
	DP_CHECK(p <= out + BODY_MAX);
	return (size_t)(p - out);
}

static const uint8_t *take(const uint8_t *p, void *bytes, size_t n)
{
	memcpy(bytes, p, n);
	return p + n;
}

static const uint8_t *take_amount(const uint8_t *p, dp_u256 *amount)
{
	uint8_t n = *p++;
	DP_CHECK(n <= 32);
	for (uint8_t i = 0; i < n; i++) amount->w[i / 8] |= (uint64_t)*p++ << (i % 8 * 8);
	return p;
}

void dp_etl_store_get(const dp_etl_store *s, dp_etl_row *ret_row, uint64_t i)
{
	DP_CHECK(s != NULL && ret_row != NULL);
	DP_CHECK(i < s->key_count && s->key[i].at < s->body_size);
	const uint8_t *p = s->body + s->key[i].at;
	memset(ret_row, 0, sizeof *ret_row);
	p = take(p, &ret_row->block, 8);
	p = take(p, &ret_row->line, 4);
	p = take(p, &ret_row->file, 4);
	p = take(p, &ret_row->has, 4);
	p = take(p, &ret_row->extra_size, 4);
	p = take(p, &ret_row->flags, 2);
	ret_row->sort = *p++;
	ret_row->trace = *p++;
	for (uint32_t k = 0; k < DP_ETL_VALUE_COUNT; k++) {
		if ((ret_row->has >> k & 1) == 0) continue;
		if (k < DP_ETL_AMOUNT)
			p = take(p, &ret_row->number[k], 8);
		else if (k < DP_ETL_TX)
			p = take_amount(p, &ret_row->amount[k - DP_ETL_AMOUNT]);
		else if (k < DP_ETL_FROM)
			p = take(p, ret_row->hash[k - DP_ETL_TX], 32);
		else
			p = take(p, ret_row->addr[k - DP_ETL_FROM], 20);
	}
	ret_row->extra = p;
}

dp_code dp_etl_store_add(dp_etl_store *s, bool *ret_added, const dp_etl_row *row, dp_fault *fault)
{
	DP_CHECK(s != NULL && row != NULL);
	uint8_t body[BODY_MAX];
	size_t size = pack(body, row);
	uint64_t after = s->body_size + size + row->extra_size;
	*ret_added = s->key_count < s->key_max && after <= s->body_max;
	if (!*ret_added) return DP_OK;
	void *items = s->body;
	DP_TRY(dp_grow(&items, &s->body_cap, 1, after, s->body_max, fault));
	s->body = items;
	items = s->key;
	DP_TRY(dp_grow(&items, &s->key_cap, sizeof *s->key, s->key_count + 1, s->key_max, fault));
	s->key = items;
	s->key[s->key_count++] = (dp_etl_key){row->block, s->body_size};
	memcpy(s->body + s->body_size, body, size);
	if (row->extra_size > 0) memcpy(s->body + s->body_size + size, row->extra, row->extra_size);
	s->body_size = after;
	return DP_OK;
}

static bool less(const dp_etl_key *a, const dp_etl_key *b)
{
	return a->block != b->block ? a->block < b->block : a->at < b->at;
}

// Lets the key at `i` sink to where none below is greater.
static void sink(dp_etl_key *key, uint64_t i, uint64_t n)
{
	dp_etl_key x = key[i];
	for (uint64_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && less(&key[child], &key[child + 1])) child++;
		if (!less(&x, &key[child])) break;
		key[i] = key[child];
	}
	key[i] = x;
}

void dp_etl_store_sort(dp_etl_store *s)
{
	DP_CHECK(s != NULL);
	uint64_t n = s->key_count;
	for (uint64_t i = n / 2; i > 0; i--) sink(s->key, i - 1, n);
	for (uint64_t i = n; i > 1; i--) {
		dp_etl_key top = s->key[0];
		s->key[0] = s->key[i - 1];
		s->key[i - 1] = top;
		sink(s->key, 0, i - 1);
	}
	for (uint64_t i = 1; i < n; i++) DP_CHECK(less(&s->key[i - 1], &s->key[i]));
}

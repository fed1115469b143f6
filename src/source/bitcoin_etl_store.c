// See bitcoin_etl_store.h. A row lies in the body as the struct itself, then its inputs, its
// outputs and its memos; all four are of a size that keeps the next one aligned.
#include "source/bitcoin_etl_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

_Static_assert(sizeof(dp_btc_row) % 8 == 0, "aligned one after the other");
_Static_assert(sizeof(dp_btc_input) % 8 == 0, "aligned one after the other");
_Static_assert(sizeof(dp_btc_output) % 8 == 0, "aligned one after the other");
_Static_assert(sizeof(dp_btc_memo) % 8 == 0, "aligned one after the other");

static uint64_t size_of(const dp_btc_row *row)
{
	return sizeof *row + row->input_count * sizeof *row->input +
	       row->output_count * sizeof *row->output + row->memo_count * sizeof *row->memo;
}

static int compare_keys(const void *a, const void *b)
{
	const dp_btc_key *x = a, *y = b;
	if (x->block != y->block) return x->block < y->block ? -1 : 1;
	if (x->order != y->order) return x->order < y->order ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

dp_code dp_btc_store_add(dp_btc_store *s, bool *ret_added, const dp_btc_row *row, dp_fault *fault)
{
	DP_CHECK(s != NULL && row != NULL && s->bytes_max > 0);
	uint64_t size = size_of(row), body_max = s->bytes_max / 4 * 3;
	uint64_t key_max = s->bytes_max / 4 / sizeof *s->key;
	*ret_added = s->body_size + size <= body_max && s->key_count < key_max;
	if (!*ret_added) return DP_OK;
	DP_TRY(dp_grow((void **)&s->body, &s->body_cap, 1, s->body_size + size, body_max, fault));
	DP_TRY(dp_grow((void **)&s->key, &s->key_cap, sizeof *s->key, s->key_count + 1, key_max,
	               fault));
	bool is_block = (row->flags & DP_BTCF_BLOCK) != 0;
	bool has_index = (row->flags & DP_BTCF_HAS_INDEX) != 0;
	// Without an index all are alike, and what was added first comes first.
	dp_btc_key key = {.block = row->block,
	                  .order = is_block    ? 0
	                           : has_index ? (uint64_t)row->index + 1
	                                       : 1,
	                  .at = s->body_size};
	s->is_ordered =
	    s->key_count == 0 || (s->is_ordered && s->key[s->key_count - 1].block <= key.block);
	uint8_t *p = s->body + s->body_size;
	memcpy(p, row, sizeof *row);
	p += sizeof *row;
	if (row->input_count > 0) memcpy(p, row->input, row->input_count * sizeof *row->input);
	p += row->input_count * sizeof *row->input;
	if (row->output_count > 0) memcpy(p, row->output, row->output_count * sizeof *row->output);
	p += row->output_count * sizeof *row->output;
	if (row->memo_count > 0) memcpy(p, row->memo, row->memo_count * sizeof *row->memo);
	s->key[s->key_count++] = key;
	s->body_size += size;
	return DP_OK;
}

void dp_btc_store_sort(dp_btc_store *s)
{
	DP_CHECK(s != NULL);
	if (s->key_count > 1) qsort(s->key, s->key_count, sizeof *s->key, compare_keys);
}

void dp_btc_store_get(const dp_btc_store *s, dp_btc_row *ret_row, const dp_btc_key *key)
{
	DP_CHECK(s != NULL && key != NULL && key->at + sizeof *ret_row <= s->body_size);
	const uint8_t *p = s->body + key->at;
	memcpy(ret_row, p, sizeof *ret_row);
	p += sizeof *ret_row;
	DP_CHECK(key->at + size_of(ret_row) <= s->body_size);
	ret_row->input = (const dp_btc_input *)(const void *)p;
	p += ret_row->input_count * sizeof *ret_row->input;
	ret_row->output = (const dp_btc_output *)(const void *)p;
	p += ret_row->output_count * sizeof *ret_row->output;
	ret_row->memo = (const dp_btc_memo *)(const void *)p;
}

void dp_btc_store_drop(dp_btc_store *s, uint64_t count)
{
	DP_CHECK(s != NULL && count <= s->key_count);
	uint64_t from = s->body_size;
	DP_CHECK(s->is_ordered);
	// Keys of one block may stand in another order than their rows: the first row that stays.
	for (uint64_t i = count; i < s->key_count; i++)
		if (s->key[i].at < from) from = s->key[i].at;
	if (s->body_size > from) memmove(s->body, s->body + from, s->body_size - from);
	s->body_size -= from;
	s->key_count -= count;
	if (s->key_count > 0) memmove(s->key, s->key + count, s->key_count * sizeof *s->key);
	for (uint64_t i = 0; i < s->key_count; i++) s->key[i].at -= from;
}

void dp_btc_store_done(dp_btc_store *s)
{
	DP_CHECK(s != NULL);
	dp_free(s->body);
	dp_free(s->key);
	*s = (dp_btc_store){.bytes_max = s->bytes_max};
}

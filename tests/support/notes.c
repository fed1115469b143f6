// See notes.h.
#include "support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void random_bytes(t_rng *r, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) out[i] = (uint8_t)t_rand(r);
}

// As contracts encode: words with zeros before or behind, whole ones, empty ones; and a rest.
static uint32_t random_data(t_rng *r, uint8_t *out)
{
	uint32_t size = t_below(r, 9) * 32;
	if (t_below(r, 3) == 0) size = t_below(r, 300);
	if (t_below(r, 20) == 0) size = DP_NOTE_DATA_MAX - 2 + t_below(r, 150);
	memset(out, 0, size);
	for (uint32_t at = 0; at < size; at += 32) {
		uint32_t n = size - at < 32 ? size - at : 32;
		uint32_t from = t_below(r, n + 1), end = from + t_below(r, n - from + 1);
		random_bytes(r, out + at + from, end - from);
	}
	return size;
}

static void random_topics(t_rng *r, dp_note *n)
{
	uint32_t count;
	const dp_note_topic *known = dp_note_topics(&count);
	n->topic_count = (uint8_t)t_below(r, 5);
	for (uint32_t i = 0; i < n->topic_count; i++) {
		if (t_below(r, 2) == 0) n->topic[i][31] = (uint8_t)t_below(r, 7);
		if (t_below(r, 2) == 0) random_bytes(r, n->topic[i] + 12, 20);
	}
	if (n->topic_count > 0 && count > 0 && t_below(r, 3) > 0)
		memcpy(n->topic[0], known[t_below(r, count)].topic, 32);
}

uint32_t t_note(t_rng *r, dp_note *ret_note, uint8_t data[T_NOTE_MAX])
{
	static const char *const memos[] = {"=:BTC.BTC:bc1qexample:0/1/0", "::::", "OUT:00", "x"};
	memset(ret_note, 0, sizeof *ret_note);
	ret_note->kind = (uint8_t)(1 + t_below(r, DP_NOTE_KIND_COUNT - 1));
	ret_note->at = (uint32_t)(t_rand(r) >> (32 + t_below(r, 32)));
	if (t_below(r, 4) > 0) memset(ret_note->place, (int)t_below(r, 20), sizeof ret_note->place);
	if (t_below(r, 9) == 0) random_bytes(r, ret_note->place, sizeof ret_note->place);
	if (ret_note->kind == DP_NOTE_LOG) random_topics(r, ret_note);
	if (ret_note->kind == DP_NOTE_LOG || t_below(r, 4) == 0) return random_data(r, data);
	if (ret_note->kind == DP_NOTE_INPUT || ret_note->kind == DP_NOTE_OUTPUT) {
		const char *memo = memos[t_below(r, 4)];
		memcpy(data, memo, strlen(memo));
		return (uint32_t)strlen(memo);
	}
	memset(data, 0, 64);
	random_bytes(r, data + 24, 28);
	return ret_note->kind == DP_NOTE_GAS ? 52 : 32;
}

void t_takeover(dp_block *io_block, dp_note *ret_note, const dp_addr *safe, uint32_t tx)
{
	// execTransaction, a delegate call (chain/note.h) of the contract 0x0000...0000.
	static uint8_t call[DP_SAFE_HEAD_SIZE] = {0x6a, 0x76, 0x12, 0x02};
	call[4 + 4 * 32 - 1] = 1;
	assert_int_equal(io_block->note_count, 0);
	assert_int_equal(safe->kind, DP_ADDR_EVM);
	*ret_note = (dp_note){
	    .tx = tx, .kind = DP_NOTE_SAFE, .data_size = sizeof call, .full_size = sizeof call};
	memcpy(ret_note->place, safe->bytes, sizeof ret_note->place);
	io_block->note = ret_note;
	io_block->note_count = 1;
	io_block->note_bytes = call;
	io_block->note_bytes_size = sizeof call;
}

void t_notes_append(dp_block_builder *b, t_rng *r, uint32_t count)
{
	uint8_t data[T_NOTE_MAX];
	for (uint32_t i = 0; i < count; i++) {
		dp_note made, *n;
		dp_fault fault;
		uint32_t size = t_note(r, &made, data);
		assert_int_equal(dp_builder_note(b, &n, data, size, &fault), DP_OK);
		made.tx = n->tx;
		made.data_at = n->data_at;
		made.data_size = n->data_size;
		made.full_size = n->full_size;
		*n = made;
	}
}

void t_notes_put(dp_block *b, t_rng *r, uint32_t count)
{
	uint8_t data[T_NOTE_MAX];
	for (uint32_t i = 0; i < count; i++) {
		dp_note made;
		uint32_t size = t_note(r, &made, data);
		uint32_t kept = size < DP_NOTE_DATA_MAX ? size : DP_NOTE_DATA_MAX;
		b->note = realloc(b->note, (b->note_count + 1) * sizeof *b->note);
		b->note_bytes = realloc(b->note_bytes, b->note_bytes_size + kept + 1);
		assert_true(b->note != NULL && b->note_bytes != NULL);
		memcpy(b->note_bytes + b->note_bytes_size, data, kept);
		made.tx = b->tx_count - 1;
		made.data_at = b->note_bytes_size;
		made.data_size = kept;
		made.full_size = size;
		b->note_bytes_size += kept;
		b->note[b->note_count++] = made;
	}
}

void t_notes_same_tx(const dp_block *got, uint32_t got_tx, const dp_block *want, uint32_t want_tx)
{
	uint32_t a, b, count, want_count;
	dp_block_notes(got, &a, &count, got_tx);
	dp_block_notes(want, &b, &want_count, want_tx);
	assert_int_equal(count, want_count);
	for (uint32_t i = 0; i < count; i++) {
		const dp_note *x = &got->note[a + i], *y = &want->note[b + i];
		assert_int_equal(x->tx, got_tx);
		assert_int_equal(x->at, y->at);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->topic_count, y->topic_count);
		assert_memory_equal(x->place, y->place, sizeof x->place);
		assert_memory_equal(x->topic, y->topic, sizeof x->topic);
		assert_int_equal(x->full_size, y->full_size);
		assert_int_equal(x->data_size, y->data_size);
		if (x->data_size > 0)
			assert_memory_equal(dp_note_data(got, x), dp_note_data(want, y),
			                    x->data_size);
	}
}

void t_notes_same(const dp_block *got, const dp_block *want)
{
	assert_int_equal(got->tx_count, want->tx_count);
	assert_int_equal(got->note_count, want->note_count);
	for (uint32_t t = 0; t < got->tx_count; t++) t_notes_same_tx(got, t, want, t);
}

// note_cell.h: notes come back from their bytes as they were, the bytes are those that the layout
// gives, padding takes none, and no bytes but those of dp_note_pack are taken for a note.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/note_cell.h"
#include "support/notes.h"

// Unpacks an exact copy, so that the sanitizer sees whoever reads behind it.
static bool unpack(dp_note_cell *ret_cell, const uint8_t *bytes, size_t n, bool listed)
{
	uint8_t *copy = malloc(n + 1);
	assert_non_null(copy);
	memcpy(copy, bytes, n);
	const uint8_t *end = dp_note_unpack(ret_cell, copy, copy + n, listed);
	bool whole = end == copy + n;
	free(copy);
	return whole;
}

static void compare(const dp_note_cell *got, const dp_note *want, const uint8_t *data, bool listed)
{
	assert_int_equal(got->note.kind, want->kind);
	assert_int_equal(got->note.at, want->at);
	assert_int_equal(got->note.topic_count, want->topic_count);
	assert_int_equal(got->note.data_size, want->data_size);
	assert_int_equal(got->note.full_size, want->full_size);
	assert_memory_equal(got->data, data, want->data_size + (want->data_size == 0));
	uint32_t first = listed ? 1 : 0;
	for (uint32_t i = first; i < want->topic_count; i++)
		assert_memory_equal(got->note.topic[i], want->topic[i], 32);
	if (!listed) assert_memory_equal(got->note.place, want->place, 20);
}

static void a_note_comes_back_as_it_was(void **state)
{
	(void)state;
	t_rng r = {3};
	uint8_t data[T_NOTE_MAX], bytes[DP_NOTE_CELL_MAX];
	for (int i = 0; i < 20000; i++) {
		dp_note n;
		dp_note_cell cell;
		const uint32_t name[DP_NOTE_NAMES] = {t_below(&r, 300), t_below(&r, 70000)};
		data[0] = 0;
		n.data_size = 0;
		uint32_t size = t_note(&r, &n, data);
		n.full_size = size;
		n.data_size = size > DP_NOTE_DATA_MAX ? DP_NOTE_DATA_MAX : size;
		size_t in_line = dp_note_pack(bytes, &n, data, NULL);
		assert_true(in_line <= DP_NOTE_CELL_MAX && unpack(&cell, bytes, in_line, false));
		if (n.data_size > 0) compare(&cell, &n, data, false);
		size_t listed = dp_note_pack(bytes, &n, data, name);
		assert_true(listed <= in_line && unpack(&cell, bytes, listed, true));
		if (n.data_size > 0) compare(&cell, &n, data, true);
		for (int k = 0; k < DP_NOTE_NAMES; k++) {
			assert_int_equal(cell.has_name[k], dp_note_has_name(&n, k));
			if (cell.has_name[k]) assert_int_equal(cell.name[k], name[k]);
		}
		size_t cut = t_below(&r, (uint32_t)listed);
		assert_false(unpack(&cell, bytes, cut, true));
	}
}

// Byte by byte as the top of note_cell.c has it.
static void the_layout_is_the_one_that_is_written_down(void **state)
{
	(void)state;
	dp_note n = {
	    .kind = DP_NOTE_LOG, .topic_count = 2, .at = 300, .data_size = 70, .full_size = 71};
	uint8_t data[70] = {0}, bytes[DP_NOTE_CELL_MAX];
	memset(n.place, 0xaa, 20);
	memset(n.topic[0], 0xbb, 32);
	n.topic[1][31] = 9;
	data[30] = 1, data[31] = 2;                       // a number: zeros in front
	memcpy(data + 32, "=:BTC", 5);                    // a text: zeros behind
	memcpy(data + 64, "\x05\x00\x00\x00\x00\x06", 6); // neither
	const uint32_t name[DP_NOTE_NAMES] = {1, 200};
	static const uint8_t expected[] = {0xd1, 0xac, 0x02, 1,   0xc8, 1,   1, 9, 70, 1, 2, 1, 2,
	                                   0x45, '=',  ':',  'B', 'T',  'C', 6, 5, 0,  0, 0, 0, 6};
	size_t size = dp_note_pack(bytes, &n, data, name);
	assert_int_equal(size, sizeof expected);
	assert_memory_equal(bytes, expected, size);
	size = dp_note_pack(bytes, &n, data, NULL);
	assert_int_equal(size, sizeof expected - 3 + 20 + 32);
}

static void padding_takes_no_bytes(void **state)
{
	(void)state;
	dp_note n = {.kind = DP_NOTE_LOG, .data_size = 4096, .full_size = 4096};
	uint8_t data[4096] = {0}, bytes[DP_NOTE_CELL_MAX];
	assert_int_equal(dp_note_pack(bytes, &n, data, NULL), 1 + 1 + 2 + 128);
}

// One bit changed: no note, or another note of which these are the bytes.
static void other_bytes_are_refused_or_another_note(void **state)
{
	(void)state;
	t_rng r = {4};
	uint8_t data[T_NOTE_MAX], bytes[DP_NOTE_CELL_MAX], again[DP_NOTE_CELL_MAX];
	uint32_t refused = 0;
	for (int i = 0; i < 3000; i++) {
		dp_note n;
		dp_note_cell cell;
		uint32_t size = t_note(&r, &n, data);
		n.full_size = n.data_size = size > 200 ? 200 : size;
		size_t packed = dp_note_pack(bytes, &n, data, NULL);
		bytes[t_below(&r, (uint32_t)packed)] ^= (uint8_t)(1 << t_below(&r, 8));
		const uint8_t *end = dp_note_unpack(&cell, bytes, bytes + packed, false);
		refused += end == NULL;
		if (end == NULL) continue;
		size_t used = (size_t)(end - bytes);
		assert_int_equal(dp_note_pack(again, &cell.note, cell.data, NULL), used);
		assert_memory_equal(again, bytes, used);
	}
	assert_true(refused > 100);
	// A word in its longer form, a place of zeros, a kind that there is not, five topics.
	dp_note_cell cell;
	static const uint8_t longer[] = {1, 0, 32, 2, 0, 1}, zeros[22] = {0x41, 0};
	static const uint8_t kind[] = {DP_NOTE_KIND_COUNT, 0, 0}, topics[] = {1 | 5 << 3, 0, 0};
	assert_null(dp_note_unpack(&cell, longer, longer + sizeof longer, false));
	assert_null(dp_note_unpack(&cell, zeros, zeros + sizeof zeros, false));
	assert_null(dp_note_unpack(&cell, kind, kind + sizeof kind, false));
	assert_null(dp_note_unpack(&cell, topics, topics + sizeof topics, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_note_comes_back_as_it_was),
	    cmocka_unit_test(the_layout_is_the_one_that_is_written_down),
	    cmocka_unit_test(padding_takes_no_bytes),
	    cmocka_unit_test(other_bytes_are_refused_or_another_note),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

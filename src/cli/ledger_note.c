// What a transaction carries beside its movements (chain/note.h), for `dyepack ledger tx` and
// `block`. Nothing of it is believed or decoded here: the event's name is that of its first topic,
// whoever logged it, and text is shown as a stranger wrote it, with everything escaped that could
// leave its line or play with a terminal.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/ledger_command.h"
#include "codec/hex.h"

enum {
	WORD = 32,
	ESCAPED_MAX = 4 * DP_NOTE_DATA_MAX + 1,
	HEX_MAX = 2 * DP_NOTE_DATA_MAX + 3,
	ADDRESS = 20
};

static const char *const kind_names[DP_NOTE_KIND_COUNT] = {
    [DP_NOTE_LOG] = "log", [DP_NOTE_INPUT] = "input",     [DP_NOTE_OUTPUT] = "output",
    [DP_NOTE_GAS] = "gas", [DP_NOTE_NOMINAL] = "nominal", [DP_NOTE_SAFE] = "safe",
};

static const char *kind_name(const dp_note *n)
{
	DP_CHECK(n->kind < DP_NOTE_KIND_COUNT && kind_names[n->kind] != NULL);
	return kind_names[n->kind];
}

// Sorted by topic (note.h); NULL: nobody reads it.
static const dp_note_topic *topic_of(const dp_note *n)
{
	uint32_t count, low = 0;
	const dp_note_topic *row = dp_note_topics(&count);
	if (n->kind != DP_NOTE_LOG || n->topic_count == 0) return NULL;
	for (uint32_t high = count; low < high;) {
		uint32_t middle = low + (high - low) / 2;
		int order = memcmp(row[middle].topic, n->topic[0], WORD);
		if (order == 0) return &row[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool is_printable(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (bytes[i] < ' ' || bytes[i] > '~') return false;
	return n > 0;
}

// A text that the note carries; false: none. A memo is its whole data. What a log encodes as a
// string is a word with the length, then the bytes: the first such is taken, wherever it stands.
static bool find_text(const dp_note *n, const uint8_t *data, const uint8_t **ret_text,
                      uint32_t *ret_size)
{
	*ret_text = data;
	*ret_size = n->data_size;
	if (n->kind == DP_NOTE_INPUT || n->kind == DP_NOTE_OUTPUT) return n->data_size > 0;
	if (n->kind != DP_NOTE_LOG) return false;
	for (uint32_t at = 0; at + WORD < n->data_size; at += WORD) {
		static const uint8_t zeros[WORD - 2];
		uint32_t size = (uint32_t)data[at + 30] << 8 | data[at + 31];
		if (memcmp(data + at, zeros, sizeof zeros) != 0) continue;
		if (size > n->data_size - at - WORD || !is_printable(data + at + WORD, size))
			continue;
		*ret_text = data + at + WORD;
		*ret_size = size;
		return true;
	}
	return false;
}

static void escape(char out[ESCAPED_MAX], const uint8_t *bytes, uint32_t n)
{
	static const char digits[] = "0123456789abcdef";
	DP_CHECK(n <= DP_NOTE_DATA_MAX);
	for (uint32_t i = 0; i < n; i++) {
		if (bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '\\' && bytes[i] != '"') {
			*out++ = (char)bytes[i];
			continue;
		}
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = 0;
}

static const char *hex_of(char out[HEX_MAX], const uint8_t *bytes, uint32_t n)
{
	DP_CHECK(n <= DP_NOTE_DATA_MAX);
	memcpy(out, "0x", 3);
	dp_hex_encode(out + 2, bytes, n);
	out[2 + 2 * n] = 0;
	return out;
}

static bool place_of(char out[DP_ADDR_TEXT_MAX], const uint8_t place[ADDRESS],
                     const dp_chain *chain)
{
	static const uint8_t none[ADDRESS];
	dp_addr a = {.kind = DP_ADDR_EVM, .len = ADDRESS};
	if (memcmp(place, none, ADDRESS) == 0) return false;
	memcpy(a.bytes, place, ADDRESS);
	dp_cli_addr_text(out, &a, chain);
	return true;
}

//- text ------------------------------------------------------------------------------------------

// What the two kinds that explain others say: a number, and of GAS whose.
static void print_number(const dp_note *n, const uint8_t *data, const dp_chain *chain)
{
	char number[DP_U256_DEC_MAX], who[DP_ADDR_TEXT_MAX];
	if (n->data_size < WORD) return;
	dp_u256_format(number, dp_u256_from_be(data, WORD), 0);
	(void)printf(", %s", number);
	if (n->kind == DP_NOTE_GAS && n->data_size >= WORD + ADDRESS &&
	    place_of(who, data + WORD, chain))
		(void)printf(" a unit, paid by %s", who);
}

void dp_cli_note_text(const dp_block *b, const dp_note *n)
{
	DP_CHECK(b != NULL && n != NULL);
	const uint8_t *data = dp_note_data(b, n), *text;
	const dp_note_topic *topic = topic_of(n);
	char place[DP_ADDR_TEXT_MAX], hex[HEX_MAX], escaped[ESCAPED_MAX];
	uint32_t size;
	(void)printf("  %-8s", kind_name(n));
	if (topic != NULL)
		(void)printf(" %s (%s)", topic->event, topic->reader);
	else if (n->topic_count > 0)
		(void)printf(" event %s", hex_of(hex, n->topic[0], WORD));
	if (place_of(place, n->place, b->chain)) (void)printf(" at %s", place);
	if (n->kind == DP_NOTE_LOG) (void)printf(", number %u", n->at);
	if (n->kind == DP_NOTE_OUTPUT) (void)printf(" %u", n->at);
	if (n->kind == DP_NOTE_NOMINAL) (void)printf(" of movement %u", n->at);
	if (n->kind == DP_NOTE_GAS || n->kind == DP_NOTE_NOMINAL) print_number(n, data, b->chain);
	(void)printf(", %u bytes", n->full_size);
	if (n->full_size > n->data_size) (void)printf(", cut at %u", n->data_size);
	if (find_text(n, data, &text, &size)) {
		escape(escaped, text, size);
		(void)printf(", \"%s\"", escaped);
	}
	(void)putchar('\n');
}

//- JSON ------------------------------------------------------------------------------------------

static void json_bytes(dp_json_out *o, const uint8_t *bytes, uint32_t n)
{
	char hex[HEX_MAX];
	dp_json_string(o, hex_of(hex, bytes, n));
}

void dp_cli_note_json(dp_json_out *o, const dp_block *b, const dp_note *n)
{
	DP_CHECK(o != NULL && b != NULL && n != NULL);
	const uint8_t *data = dp_note_data(b, n), *text;
	const dp_note_topic *topic = topic_of(n);
	char place[DP_ADDR_TEXT_MAX], escaped[ESCAPED_MAX];
	uint32_t size;
	dp_json_object(o);
	dp_json_key(o, "kind");
	dp_json_string(o, kind_name(n));
	dp_json_key(o, "at");
	dp_json_uint(o, n->at);
	if (place_of(place, n->place, b->chain)) {
		dp_json_key(o, "place");
		dp_json_string(o, place);
	}
	if (topic != NULL) {
		dp_json_key(o, "event");
		dp_json_string(o, topic->event);
		dp_json_key(o, "reader");
		dp_json_string(o, topic->reader);
	}
	dp_json_key(o, "topics");
	dp_json_array(o);
	for (uint32_t i = 0; i < n->topic_count; i++) json_bytes(o, n->topic[i], WORD);
	dp_json_array_end(o);
	dp_json_key(o, "data");
	json_bytes(o, data, n->data_size);
	dp_json_key(o, "size");
	dp_json_uint(o, n->full_size);
	if (find_text(n, data, &text, &size)) {
		escape(escaped, text, size);
		dp_json_key(o, "memo");
		dp_json_string(o, escaped);
	}
	dp_json_object_end(o);
}

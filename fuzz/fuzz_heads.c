// What an EVM node says to a subscriber, from hostile bytes: objects one behind the other are
// split, checked, and heard as answers and news. The first byte says in what pieces they come.
// Invariants: no crash; the same events come out in pieces and at once; the check in place and the
// reader of codec/json.h agree on what is well-formed; a transaction that is handed on is JSON.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "source/heads_private.h"

enum { MESSAGE_MAX = 1 << 16 };

static bool keep_quiet(dp_heads *h, const char *text, size_t n)
{
	DP_CHECK(h != NULL && text != NULL && n > 0);
	return true;
}

// What the reader of JSON takes is well-formed to us, but for its depth and a byte order mark; and
// what is well-formed to us it takes, but for what it is stricter in (the escapes of strings).
static void check_against_json(const char *text, size_t n)
{
	dp_heads_span value;
	dp_json *doc = NULL;
	uint32_t depth = 0, deepest = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '{' || text[i] == '[') depth++;
		if ((text[i] == '}' || text[i] == ']') && depth > 0) depth--;
		if (depth > deepest) deepest = depth;
	}
	bool is_whole = dp_heads_json_whole(&value, text, n);
	dp_code code = dp_json_parse(&doc, text, n, NULL);
	bool is_strict = memchr(text, '\\', n) != NULL;
	for (size_t i = 0; i < n; i++) is_strict |= (text[i] & 0x80) != 0;
	bool has_mark = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
	if (code == DP_OK && deepest <= DP_HEADS_JSON_DEPTH_MAX && !has_mark) DP_CHECK(is_whole);
	if (is_whole && !is_strict) DP_CHECK(code == DP_OK);
	if (code == DP_OK) dp_json_free(doc);
}

static void take_events(dp_heads *h, dp_sha256d_state *hash)
{
	for (;;) {
		dp_heads_event e;
		h->turned_ms = dp_heads_now_ms() + 3600000; // nothing is connected here
		h->block_waits = h->block_waits || h->first == NULL;
		dp_code code = dp_heads_next(h, &e, NULL);
		DP_CHECK(code == DP_OK);
		if (e.kind == DP_HEADS_BLOCK && h->first == NULL) return;
		if (e.kind != DP_HEADS_TX) continue;
		dp_heads_span value;
		DP_CHECK(dp_heads_json_whole(&value, (const char *)e.bytes, e.size));
		DP_CHECK(e.bytes[0] == '{' || (e.bytes[0] == '"' && e.size == 68));
		dp_sha256d_update(hash, e.bytes, e.size);
	}
}

// Hears all in pieces of `step` bytes.
static void hear_all(uint8_t ret_digest[32], const char *data, size_t size, size_t step)
{
	static const dp_heads_options options = {.wants_pending = true};
	static char message[MESSAGE_MAX];
	static dp_heads_talk talk;
	dp_heads_split split = {0};
	dp_sha256d_state hash;
	dp_heads *h;
	size_t kept = 0;
	memset(&talk, 0, sizeof talk);
	dp_sha256d_init(&hash);
	if (size > MESSAGE_MAX || dp_heads_open(&h, "ipc:/x", &options, NULL) != DP_OK) return;
	h->state = DP_HEADS_CONNECTING;
	dp_heads_talk_begin(h, &talk, keep_quiet);
	for (size_t at = 0; at < size && !h->is_broken;) {
		size_t n = size - at < step ? size - at : step, skip = 0, used = 0;
		dp_heads_cut cut = dp_heads_split_feed(&split, &skip, &used, data + at, n);
		DP_CHECK(skip <= used && used <= n);
		if (cut == DP_HEADS_CUT_BAD) break;
		memcpy(message + kept, data + at + skip, used - skip);
		kept += used - skip;
		at += used;
		DP_CHECK(cut == DP_HEADS_CUT_END || used == n);
		if (cut != DP_HEADS_CUT_END) continue;
		DP_CHECK(message[0] == '{');
		if (step >= size) check_against_json(message, kept);
		dp_code code = dp_heads_talk_hear(h, &talk, keep_quiet, message, kept, NULL);
		DP_CHECK(code == DP_OK);
		kept = 0;
	}
	bool flags[2] = {h->is_broken, h->state == DP_HEADS_UP};
	h->told_lost = h->is_lost;
	take_events(h, &hash);
	dp_sha256d_update(&hash, flags, sizeof flags);
	dp_sha256d_final(&hash, ret_digest);
	dp_heads_close(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whole[32] = {0}, pieces[32] = {0};
	if (size < 2) return 0;
	check_against_json((const char *)data + 1, size - 1);
	hear_all(whole, (const char *)data + 1, size - 1, size);
	hear_all(pieces, (const char *)data + 1, size - 1, 1 + (size_t)data[0]);
	DP_CHECK(memcmp(whole, pieces, sizeof whole) == 0);
	return 0;
}

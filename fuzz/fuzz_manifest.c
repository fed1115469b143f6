// Fuzzes the manifest of a ledger.
//
// Strategy: the text as it is; and, because a changed text almost never has its checksum, once more
// with the right check line put behind its lines, so that what stands in them is reached.
//
// Invariants: no crash, no read out of bounds; what is refused has a line and a column; what is
// accepted is printed as the same bytes, its units follow one another from 0, its heights rise and
// its sums stay below what a .spent entry can name; no allocation is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "ledger/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rules(const dp_manifest *m)
{
	uint64_t unit = 0, txs = 0;
	for (uint64_t i = 0; i < m->count; i++) {
		const dp_manifest_segment *s = &m->segment[i];
		DP_CHECK(s->unit_first == unit && s->height_first <= s->height_last);
		DP_CHECK(i == 0 || s->height_first > m->segment[i - 1].height_last);
		unit += s->unit_count;
		txs += s->txs;
		DP_CHECK(txs < UINT64_C(1) << 47);
	}
	DP_CHECK(unit == dp_manifest_units(m));
}

static void parse(const char *text, size_t size)
{
	dp_manifest m;
	dp_fault fault;
	if (dp_manifest_parse(&m, text, size, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0 && fault.line >= 1 && fault.column >= 1);
		return;
	}
	char *again;
	size_t n;
	check_rules(&m);
	DP_CHECK(dp_manifest_print(&m, &again, &n, &fault) == DP_OK);
	// One of the version before is written anew as today's: its number and its checksum differ.
	static const char before[] = "dyepack ledger 1\n";
	enum { NUMBER_AT = sizeof before - 3, CHECK_LINE = 6 + 32 + 1 };
	bool is_old = size >= sizeof before - 1 && memcmp(text, before, sizeof before - 1) == 0;
	DP_CHECK(n == size && n > sizeof before + CHECK_LINE);
	DP_CHECK(memcmp(again, text, NUMBER_AT) == 0 &&
	         (is_old || again[NUMBER_AT] == text[NUMBER_AT]));
	size_t rest = NUMBER_AT + 1, end = is_old ? n - CHECK_LINE : n;
	DP_CHECK(memcmp(again + rest, text + rest, end - rest) == 0);
	dp_free(again);
	dp_manifest_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { CHECK_LINE = 6 + 32 + 1 };
	int64_t live = dp_mem_live();
	parse((const char *)data, size);
	// The lines: all up to a last one that begins like the check line.
	const uint8_t *last = size < 6 ? NULL : memmem(data, size, "\ncheck ", 7);
	size_t body = last == NULL ? size : (size_t)(last - data) + 1;
	char *text = dp_alloc(body + CHECK_LINE + 1);
	DP_CHECK(text != NULL);
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(data, body));
	if (body > 0) memcpy(text, data, body);
	memcpy(text + body, "check ", 6);
	dp_hex_encode(text + body + 6, check.digest, 16);
	text[body + CHECK_LINE - 1] = '\n';
	parse(text, body + CHECK_LINE);
	dp_free(text);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

// Movements CSV from hostile bytes. The first byte chooses the chain, whether unknown values are
// assumed, how much memory there is (little: streaming) and whether a map is given; the rest is the
// file, or two files where a byte 0x1e stands between them. What must hold: no crash, no leak, and
// of what comes out that heights rise and that every error says what is wrong.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/csv.h"

static dp_code drain(dp_source *s, dp_fault *fault)
{
	const dp_block *b;
	bool any = false;
	uint64_t height = 0;
	for (;;) {
		dp_code code = dp_source_next(s, &b, fault);
		if (code != DP_OK) return code;
		DP_CHECK(!any || b->height > height);
		DP_CHECK(b->tx_count > 0 && b->mv_count >= b->tx_count);
		any = true;
		height = b->height;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) return 0;
	uint8_t choice = data[0];
	const char *name = choice & 1 ? "bitcoin" : "ethereum";
	dp_source_options options = {
	    .chain = dp_chain_find(name, strlen(name)),
	    .memory_max = choice & 4 ? 1 : 64 << 20,
	    .map = choice & 8 ? "time=when,asset=:eth" : NULL,
	};
	const uint8_t *text = data + 1, *end = data + size;
	const uint8_t *cut = text < end ? memchr(text, 0x1e, (size_t)(end - text)) : NULL;
	dp_csv_bytes files[2] = {{"a.csv", text, (size_t)((cut != NULL ? cut : end) - text)}};
	if (cut != NULL) files[1] = (dp_csv_bytes){"b.csv", cut + 1, (size_t)(end - cut - 1)};
	dp_fault fault = {.code = DP_OK};
	dp_source *s;
	int64_t live = dp_mem_live();
	dp_code code = dp_csv_source_open_bytes(&s, files, cut != NULL ? 2 : 1, &options, &fault);
	if (code == DP_OK) {
		code = drain(s, &fault);
		dp_source_close(s);
	}
	DP_CHECK(code != DP_OK);
	DP_CHECK(code == DP_END || (fault.code == code && fault.text[0] != 0));
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

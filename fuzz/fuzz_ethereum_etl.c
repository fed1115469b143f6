// ethereum-etl exports from hostile bytes. The first byte chooses the chain, how much memory there
// is and whether the last file is a pipe; the rest is one file, or several where a byte 0x1e stands
// between them. What must hold: no crash, no leak, and of what comes out that heights rise and that
// every error says what is wrong.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/ethereum_etl.h"
#include "check_notes.h"

enum { FILES_MAX = 6 };

static dp_code drain(dp_source *s, dp_fault *fault)
{
	const dp_block *b;
	bool any = false;
	uint64_t height = 0;
	for (;;) {
		dp_code code = dp_source_next(s, &b, fault);
		if (code != DP_OK) return code;
		DP_CHECK(!any || b->height > height);
		check_notes(b);
		any = true;
		height = b->height;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const chains[] = {"ethereum", "optimism", "bsc", "sepolia"};
	if (size < 1) return 0;
	const char *chain = chains[data[0] & 3];
	dp_source_options options = {
	    .chain = dp_chain_find(chain, strlen(chain)),
	    .memory_max = (data[0] & 4) != 0 ? 1 : 64 << 20,
	};
	dp_eth_etl_bytes files[FILES_MAX];
	uint32_t count = 0;
	const uint8_t *at = data + 1, *end = data + size;
	while (at < end && count < FILES_MAX) {
		const uint8_t *cut = memchr(at, 0x1e, (size_t)(end - at));
		if (cut == NULL) cut = end;
		files[count++] = (dp_eth_etl_bytes){"fuzz", at, (size_t)(cut - at), false};
		at = cut + 1;
	}
	if (count > 0) files[count - 1].is_pipe = (data[0] & 8) != 0;
	dp_fault fault = {.code = DP_OK};
	dp_source *s;
	int64_t live = dp_mem_live();
	dp_code code = dp_eth_etl_open_bytes(&s, files, count, &options, &fault);
	if (code == DP_OK) {
		code = drain(s, &fault);
		dp_source_close(s);
	}
	DP_CHECK(code != DP_OK);
	DP_CHECK(code == DP_END || (fault.code == code && fault.text[0] != 0));
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

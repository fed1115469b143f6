// bitcoin-etl exports from hostile bytes. The first byte chooses the chain and how much memory
// there is (little: streaming); the rest is the file. What must hold: no crash, no leak; heights
// rise; every error says what is wrong.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/bitcoin_etl.h"

static dp_code drain(dp_source *s, dp_fault *fault)
{
	const dp_block *b;
	bool any = false;
	uint64_t height = 0;
	for (;;) {
		dp_code code = dp_source_next(s, &b, fault);
		if (code != DP_OK) return code;
		DP_CHECK(!any || b->height > height);
		DP_CHECK(b->tx_count > 0 && (b->tx[0].flags & DP_TXF_COINBASE) != 0);
		any = true;
		height = b->height;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) return 0;
	static const char *const names[] = {"bitcoin", "bitcoin-cash", "litecoin", "testnet3"};
	const char *name = names[data[0] & 3];
	dp_source_options options = {
	    .chain = dp_chain_find(name, strlen(name)),
	    .memory_max = data[0] & 4 ? 1 : 64 << 20,
	};
	dp_fault fault = {.code = DP_OK};
	dp_source *s;
	int64_t live = dp_mem_live();
	dp_code code = dp_bitcoin_etl_open_bytes(&s, data + 1, size - 1, &options, &fault);
	if (code == DP_OK) {
		code = drain(s, &fault);
		dp_source_close(s);
	}
	DP_CHECK(code != DP_OK);
	DP_CHECK(code == DP_END || (fault.code == code && fault.text[0] != 0));
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

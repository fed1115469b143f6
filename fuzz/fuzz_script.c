// Output scripts from hostile bytes. Invariants: the data of a template lies inside the script; the
// address of a script has a text on every chain, and on its own kind of chain that text reads as
// the same address (but for bare keys, which are shown as the address of their hash).
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "chain/address.h"
#include "chain/chain.h"
#include "codec/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_script_info info = dp_script_classify(data, size);
	if (info.data != NULL)
		DP_CHECK(info.data >= data && info.data + info.data_size <= data + size);
	DP_CHECK(info.version <= 16 && info.n <= 20 && info.m <= info.n);
	dp_addr a = dp_addr_from_script(data, size);
	DP_CHECK(a.kind != DP_ADDR_NONE && a.kind != DP_ADDR_EVM && a.kind != DP_ADDR_NAME);
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		const dp_chain *chain = dp_chain_at(i);
		char text[DP_ADDR_TEXT_MAX];
		dp_fault fault;
		dp_addr b;
		size_t n = dp_addr_format(text, &a, chain);
		DP_CHECK(n == strlen(text));
		if (chain->kind != DP_CHAIN_UTXO || a.kind == DP_ADDR_P2PK) continue;
		DP_CHECK(dp_addr_parse(&b, text, n, chain, &fault) == DP_OK);
		DP_CHECK(dp_addr_eq(&a, &b));
	}
	return 0;
}

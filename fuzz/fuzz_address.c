// Names from hostile text, on every chain: addresses, outpoints, transaction ids, assets and CAIP
// names. Invariant: what is accepted comes back equal from format and parse, and formats the same
// again.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/block.h"
#include "codec/caip.h"

static void try_address(const char *text, size_t size, const dp_chain *chain)
{
	dp_addr a, b;
	dp_fault fault;
	if (dp_addr_parse(&a, text, size, chain, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0);
		return;
	}
	char first[DP_ADDR_TEXT_MAX], second[DP_ADDR_TEXT_MAX];
	size_t n = dp_addr_format(first, &a, chain);
	DP_CHECK(n == strlen(first) && n < DP_ADDR_TEXT_MAX);
	DP_CHECK(dp_addr_parse(&b, first, n, chain, &fault) == DP_OK);
	DP_CHECK(dp_addr_eq(&a, &b) && dp_addr_key(&a) == dp_addr_key(&b));
	dp_addr_format(second, &b, chain);
	DP_CHECK(strcmp(first, second) == 0);
	for (size_t i = a.len; i < sizeof a.bytes; i++)
		DP_CHECK(a.bytes[i] == 0); // or comparing with memcmp would lie
}

static void try_asset(const char *text, size_t size, const dp_chain *chain)
{
	dp_asset a, b;
	dp_fault fault;
	if (dp_asset_parse(&a, chain, text, size, &fault) != DP_OK) return;
	char name[DP_ASSET_TEXT_MAX];
	size_t n = dp_asset_caip19(name, a);
	DP_CHECK(dp_asset_parse(&b, chain, name, n, &fault) == DP_OK && a.v == b.v);
}

static void try_ids(const char *text, size_t size, const dp_chain *chain)
{
	uint8_t id[32], again[32];
	dp_fault fault;
	char shown[DP_TXID_TEXT_MAX];
	if (dp_txid_parse(id, text, size, chain, &fault) == DP_OK) {
		size_t n = dp_txid_format(shown, id, chain);
		DP_CHECK(dp_txid_parse(again, shown, n, chain, &fault) == DP_OK);
		DP_CHECK(memcmp(id, again, 32) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		try_address(text, size, dp_chain_at(i));
		try_asset(text, size, dp_chain_at(i));
		try_ids(text, size, dp_chain_at(i));
	}
	dp_outpoint o, p;
	dp_fault fault;
	char shown[DP_OUTPOINT_TEXT_MAX];
	if (dp_outpoint_parse(&o, text, size, &fault) == DP_OK) {
		size_t n = dp_outpoint_format(shown, &o);
		DP_CHECK(dp_outpoint_parse(&p, shown, n, &fault) == DP_OK);
		DP_CHECK(memcmp(&o, &p, sizeof o) == 0);
	}
	dp_caip name;
	if (dp_caip2_split(&name, text, size)) DP_CHECK(name.chain.size == size);
	if (dp_caip10_split(&name, text, size))
		DP_CHECK(name.account.text + name.account.size == text + size);
	if (dp_caip19_split(&name, text, size)) DP_CHECK(name.asset_reference.size > 0);
	(void)dp_chain_find(text, size);
	return 0;
}

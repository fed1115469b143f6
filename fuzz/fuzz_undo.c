// Fuzzes undo data.
//
// Strategy: the first byte picks the chain, the others are undo data. Invariants: no crash, no read
// out of bounds; what decodes has as many coins as its transactions say, no coin is worth more than
// there can be, every address is well-formed with zeros behind it; decoding it again into used
// buffers gives the same; a fault has a place; no allocation is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/undo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const dp_undo *u, const dp_chain *chain)
{
	uint64_t sum = 0;
	for (uint64_t i = 0; i < u->tx_count; i++) sum += u->tx_coins[i];
	DP_CHECK(sum == u->coin_count);
	for (uint64_t i = 0; i < u->coin_count; i++) {
		const dp_spent_coin *c = &u->coin[i];
		DP_CHECK(c->value <= chain->money_max);
		DP_CHECK(c->from.kind != DP_ADDR_NONE && c->from.kind < DP_ADDR_KIND_COUNT);
		for (size_t k = c->from.len; k < sizeof c->from.bytes; k++)
			DP_CHECK(c->from.bytes[k] == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"bitcoin", "litecoin", "dogecoin", "bitcoin-cash"};
	if (size == 0) return 0;
	const char *name = names[data[0] % (sizeof names / sizeof names[0])];
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	int64_t live = dp_mem_live();
	dp_undo undo = {0}, again = {0};
	dp_fault fault;
	data++;
	size--;
	dp_code code = dp_undo_decode(&undo, chain, data, size, &fault);
	if (code == DP_OK) {
		check(&undo, chain);
		// A half of it first, so that the buffers have been used.
		code = dp_undo_decode(&again, chain, data, size / 2, NULL);
		DP_CHECK(code == DP_OK || code == DP_BAD_BYTES);
		DP_CHECK(dp_undo_decode(&again, chain, data, size, NULL) == DP_OK);
		DP_CHECK(again.coin_count == undo.coin_count && again.tx_count == undo.tx_count);
		for (uint64_t i = 0; i < undo.coin_count; i++) {
			DP_CHECK(again.coin[i].value == undo.coin[i].value);
			DP_CHECK(dp_addr_eq(&again.coin[i].from, &undo.coin[i].from));
		}
	} else {
		DP_CHECK(code == DP_BAD_BYTES && fault.text[0] != 0);
		DP_CHECK(fault.has_offset && fault.offset <= size);
		DP_CHECK(undo.coin_count == 0 && undo.tx_count == 0);
	}
	if (size >= 64) (void)dp_undo_belongs(data + 64, size - 64, data, data + 32);
	dp_undo_done(&undo);
	dp_undo_done(&again);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

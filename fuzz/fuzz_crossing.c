// Fuzzes crossings as casebooks keep them (engine/crossing.c) and what is seen in an exchange.
//
// Strategy: the input is split by length bytes (two each) into crossings that are loaded into one
// exchange; what is loaded is used: found by its key, saved again (which must give the same bytes),
// visited, forgotten. Behind a length of zero comes what was seen: kind, chain, height, key byte.
// Invariants: no crash, no read out of bounds; what is refused is DP_BAD_BYTES with a text; no
// allocation is left over.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dp_code on_crossing(void *context, const dp_crossing *c, dp_fault *fault)
{
	(void)context, (void)fault;
	DP_CHECK(c->in.chain != NULL && c->content_count <= DP_CONTENT_MAX);
	return DP_OK;
}

static dp_code on_gone(void *context, const uint8_t key[32], dp_fault *fault)
{
	(void)context, (void)key, (void)fault;
	return DP_OK;
}

static dp_code on_seen(void *context, const dp_seen *seen, dp_fault *fault)
{
	(void)context, (void)fault;
	DP_CHECK(seen->kind <= DP_SEEN_REWIND);
	return DP_OK;
}

static void load(dp_exchange *x, const uint8_t *bytes, size_t n)
{
	dp_fault fault = {0};
	uint64_t before = dp_exchange_count(x);
	dp_code code = dp_exchange_load(x, bytes, n, &fault);
	if (code != DP_OK) {
		DP_CHECK(code == DP_BAD_BYTES && fault.text[0] != 0);
		DP_CHECK(dp_exchange_count(x) == before);
		return;
	}
	DP_CHECK(dp_exchange_count(x) == before + 1);
	const dp_crossing *c = dp_exchange_at(x, before);
	DP_CHECK(dp_exchange_find(x, c->key) == c);
	uint8_t *again;
	size_t size;
	DP_CHECK(dp_crossing_save(c, &again, &size, NULL) == DP_OK);
	dp_exchange *other;
	DP_CHECK(dp_exchange_new(&other, NULL) == DP_OK);
	DP_CHECK(dp_exchange_load(other, again, size, NULL) == DP_OK);
	dp_exchange_free(other);
	dp_free(again);
}

static void see(dp_exchange *x, const uint8_t *p)
{
	dp_seen s = {.kind = p[0], .count = p[1]};
	dp_fault fault = {0};
	memset(s.key, p[3], 32);
	s.at.chain = p[2] < dp_chain_count() ? dp_chain_at(p[2]) : NULL;
	s.at.height = p[1];
	dp_code code = dp_exchange_load_seen(x, &s, &fault);
	DP_CHECK(code == DP_OK || (code == DP_BAD_BYTES && fault.text[0] != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const dp_exchange_visitor visitor = {NULL, on_crossing, on_gone, on_seen};
	int64_t live = dp_mem_live();
	dp_exchange *x;
	size_t at = 0;
	DP_CHECK(dp_exchange_new(&x, NULL) == DP_OK);
	while (at + 2 <= size) {
		size_t n = (size_t)data[at] | (size_t)data[at + 1] << 8;
		at += 2;
		if (n == 0) break;
		if (n > size - at) n = size - at;
		load(x, data + at, n);
		at += n;
	}
	for (; at + 4 <= size; at += 4) see(x, data + at);
	DP_CHECK(dp_exchange_visit(x, &visitor, NULL) == DP_OK);
	dp_exchange_saved(x);
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		uint64_t height;
		(void)dp_exchange_rewind(x, &height, dp_chain_at(i));
	}
	dp_exchange_free(x);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

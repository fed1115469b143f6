// Places from hostile text, on every network and on none: what is accepted comes back equal from
// format and parse, where it can be written at all, and has no bytes behind its end.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "tag/place.h"

static void try_place(const char *text, size_t size, const dp_network *network)
{
	dp_place p, q;
	dp_fault fault;
	fault.text[0] = 0;
	if (dp_place_parse(&p, text, size, network, &fault) != DP_OK) {
		DP_CHECK(fault.text[0] != 0);
		return;
	}
	DP_CHECK(network == NULL || p.network == network->id);
	DP_CHECK(p.addr.len <= sizeof p.addr.bytes && p.addr.kind != DP_ADDR_NONE);
	for (size_t i = p.addr.len; i < sizeof p.addr.bytes; i++)
		DP_CHECK(p.addr.bytes[i] == 0); // or comparing with memcmp would lie
	char out[DP_PLACE_TEXT_MAX];
	size_t n = dp_place_format(out, &p);
	DP_CHECK(n == strlen(out) && n < DP_PLACE_TEXT_MAX);
	if (n == 0) return;
	DP_CHECK(dp_place_parse(&q, out, n, dp_network_at(p.network), &fault) == DP_OK);
	DP_CHECK(q.network == p.network && dp_addr_eq(&p.addr, &q.addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	if (size > 400) return 0;
	try_place(text, size, NULL);
	for (uint16_t id = 1; id <= dp_network_count(); id++)
		try_place(text, size, dp_network_at(id));
	dp_place tx;
	char out[DP_PLACE_TEXT_MAX];
	if (dp_place_parse_tx(&tx, text, size, dp_network_at(1), NULL) == DP_OK)
		DP_CHECK(dp_place_format(out, &tx) == 64);
	(void)dp_network_find(text, size);
	(void)dp_network_is_asset(text, size);
	return 0;
}

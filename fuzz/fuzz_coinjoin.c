// Shapes from hostile bytes. Invariants: every shape gets a verdict, with a reason of one line; the
// quick answer is the full one's; turning both lists round changes nothing.
//
// Two bytes say how many inputs and outputs there are, one how many OP_RETURNs; then each end is
// four bytes: holder, kind, and two that choose a value, so that a fuzzer finds equal values and
// denominations easily. Values near the end of 64 bits come from an 0xff.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "shape/coinjoin.h"

enum { ENDS_MAX = 200 };

static const uint64_t known[] = {
    100000,   1000000,  5000000, 50000000, 2500000,   25000000,  10000000, 20000000,
    40000000, 10985000, 5004000, 5000,     4999,      6561,      8192,     19683,
    65536,    59049,    2730,    2731,     546,       50000,     175000,   100100,
    1005000,  1110000,  1110001, 9500000,  200000000, 137438953, 1,        0,
};

static dp_shape_end end_of(const uint8_t b[4])
{
	static const uint8_t kinds[] = {DP_ADDR_P2WPKH, DP_ADDR_P2TR,    DP_ADDR_P2SH,
	                                DP_ADDR_P2PKH,  DP_ADDR_P2WSH,   DP_ADDR_P2PK,
	                                DP_ADDR_SCRIPT, DP_ADDR_MULTISIG};
	dp_shape_end e = {.addr = {.kind = kinds[b[1] % 8], .len = 20}};
	e.addr.bytes[0] = b[0];
	e.addr.bytes[1] = b[1] / 8;
	e.value = known[b[2] % 32] + b[3];
	if (b[2] == 0xff) e.value = UINT64_MAX - b[3];
	return e;
}

static dp_coinjoin judge(dp_shaper *s, const dp_shape *shape)
{
	dp_coinjoin v;
	bool is, may;
	DP_CHECK(dp_coinjoin_judge(s, &v, shape, NULL) == DP_OK);
	DP_CHECK(dp_coinjoin_is(s, &is, shape, NULL) == DP_OK);
	DP_CHECK(dp_coinjoin_may(s, &may, shape, NULL) == DP_OK && (may || !is));
	DP_CHECK(is == (v.kind != DP_CJ_NONE && v.kind != DP_CJ_WHIRLPOOL_TX0));
	DP_CHECK(v.why[0] != '\0' && memchr(v.why, '\0', sizeof v.why) != NULL);
	DP_CHECK(v.confidence <= 100 && v.participants <= shape->in_count);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static dp_shape_end in[ENDS_MAX], out[ENDS_MAX], back[2][ENDS_MAX];
	static dp_shaper shaper;
	if (size < 3) return 0;
	uint32_t ins = data[0] % ENDS_MAX, outs = data[1] % ENDS_MAX, at = 3;
	dp_shape s = {.in = in, .out = out, .nulldata_count = data[2] % 4};
	s.is_coinbase = data[2] == 0xff;
	s.inputs_known = !s.is_coinbase && data[2] != 0xfe;
	for (; s.in_count < ins && at + 4 <= size; at += 4) in[s.in_count++] = end_of(data + at);
	for (; s.out_count < outs && at + 4 <= size; at += 4)
		out[s.out_count++] = end_of(data + at);
	dp_coinjoin a = judge(&shaper, &s);
	for (uint32_t i = 0; i < s.in_count; i++) back[0][i] = in[s.in_count - 1 - i];
	for (uint32_t i = 0; i < s.out_count; i++) back[1][i] = out[s.out_count - 1 - i];
	s.in = back[0];
	s.out = back[1];
	dp_coinjoin b = judge(&shaper, &s);
	DP_CHECK(a.kind == b.kind && a.accepted == b.accepted && strcmp(a.why, b.why) == 0);
	return 0;
}

// Shapes made by hand, for the tests and benchmarks of CoinJoin recognition: values and holders are
// written as numbers. A holder is a number; the same number is the same address.
#ifndef T_SHAPE_MAKER_H
#define T_SHAPE_MAKER_H

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "shape/coinjoin.h"

enum { SM_ENDS_MAX = 600, SM_OUT = 1 << 20 };

typedef struct sm_shape {
	dp_shape_end in[SM_ENDS_MAX], out[SM_ENDS_MAX];
	uint32_t ins, outs, nulldata;
	uint8_t kind; // of addresses added from here on; 0 = P2WPKH
} sm_shape;

static inline dp_addr sm_addr(uint8_t kind, uint32_t who)
{
	dp_addr a = {.kind = kind == 0 ? DP_ADDR_P2WPKH : kind, .len = 20};
	if (a.kind == DP_ADDR_P2TR || a.kind == DP_ADDR_P2WSH) a.len = 32;
	memcpy(a.bytes, &who, sizeof who);
	return a;
}

static inline void sm_in(sm_shape *s, uint64_t value, uint32_t who)
{
	DP_CHECK(s->ins < SM_ENDS_MAX);
	s->in[s->ins++] = (dp_shape_end){.value = value, .addr = sm_addr(s->kind, who)};
}

static inline void sm_out(sm_shape *s, uint64_t value, uint32_t who)
{
	DP_CHECK(s->outs < SM_ENDS_MAX);
	s->out[s->outs++] = (dp_shape_end){.value = value, .addr = sm_addr(s->kind, who)};
}

// n inputs (outputs) of one value, each to a holder of its own.
static inline void sm_ins(sm_shape *s, uint32_t n, uint64_t value)
{
	for (uint32_t i = 0; i < n; i++) sm_in(s, value, s->ins + 1);
}

static inline void sm_outs(sm_shape *s, uint32_t n, uint64_t value)
{
	for (uint32_t i = 0; i < n; i++) sm_out(s, value, SM_OUT + s->outs);
}

// n outputs of change, all of different values from `first` on.
static inline void sm_change(sm_shape *s, uint32_t n, uint64_t first)
{
	for (uint32_t i = 0; i < n; i++) sm_out(s, first + 1001 * i, SM_OUT + s->outs);
}

static inline dp_shape sm_of(const sm_shape *s)
{
	return (dp_shape){.in = s->in,
	                  .out = s->out,
	                  .in_count = s->ins,
	                  .out_count = s->outs,
	                  .nulldata_count = s->nulldata,
	                  .inputs_known = true};
}

#endif

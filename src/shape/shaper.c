// From rows of a block to a shape: who pays how much, and who gets how much.
//
// Which outputs count: every one that can be spent. GraphSense drops outputs without an address,
// by which it means OP_RETURN: bare keys and multisig have addresses there, and scripts of no known
// form get one made from their hash. We do the same with holders: only DP_ADDR_NULLDATA, which
// nobody can spend and so nobody took part for, is left out and counted.
#include "base/check.h"
#include "shape/coinjoin_private.h"

void dp_shaper_done(dp_shaper *s)
{
	DP_CHECK(s != NULL);
	dp_free(s->end);
	dp_free(s->number);
	dp_free(s->mark);
	*s = (dp_shaper){0};
}

static dp_code value_of(uint64_t *ret_value, const dp_movement *m, dp_fault *fault)
{
	if (!dp_u256_fits64(m->amount))
		return dp_fail(fault, DP_BAD_BYTES,
		               "an amount above 2^64 in a transaction of inputs and outputs: the "
		               "source is damaged");
	*ret_value = m->amount.w[0];
	return DP_OK;
}

dp_code dp_shape_of(dp_shaper *s, const dp_shape **ret_shape, const dp_block *block, uint32_t tx,
                    dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_shape != NULL && block != NULL);
	DP_CHECK(tx < block->tx_count);
	const dp_tx *t = &block->tx[tx];
	const dp_movement *mv = block->mv + t->mv_first;
	bool is_coinbase = (t->flags & DP_TXF_COINBASE) != 0;
	if (t->mv_count > DP_SHAPE_ENDS_MAX) {
		s->shape = (dp_shape){.is_coinbase = is_coinbase};
		*ret_shape = &s->shape;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&s->end, &s->end_cap, sizeof *s->end, t->mv_count + 1u,
	               DP_SHAPE_ENDS_MAX + 1, fault));
	dp_shape shape = {.is_coinbase = is_coinbase, .inputs_known = !is_coinbase};
	uint32_t n = 0;
	// Inputs come before outputs (chain/block.h), so one array holds both lists.
	for (uint32_t i = 0; i < t->mv_count; i++) {
		const dp_movement *m = &mv[i];
		dp_shape_end *e = &s->end[n];
		DP_TRY(value_of(&e->value, m, fault));
		if (m->kind == DP_MV_INPUT) {
			DP_CHECK(shape.out_count == 0 && shape.nulldata_count == 0);
			if ((m->flags & DP_MVF_VALUE_UNKNOWN) != 0 || m->from.kind == DP_ADDR_NONE)
				shape.inputs_known = false;
			e->addr = m->from;
			shape.in_count++;
			n++;
		} else if (m->kind == DP_MV_OUTPUT) {
			if (m->to.kind == DP_ADDR_NULLDATA) {
				shape.nulldata_count++;
				continue;
			}
			e->addr = m->to;
			shape.out_count++;
			n++;
		}
	}
	shape.in = s->end;
	shape.out = s->end + shape.in_count;
	s->shape = shape;
	*ret_shape = &s->shape;
	return DP_OK;
}

// Counting for the CoinJoin rules: sorted values, different addresses.
//
// Whoever sends a transaction chooses its values and, by grinding keys, the hashes of its
// addresses. So sorting is by heap, whose time no input can spoil, and hashes only order: two
// addresses are the same when all their bytes are.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "shape/coinjoin_private.h"

enum { SHORT = 24 }; // up to here inserting is faster than a heap

static void sink_number(uint64_t *v, uint64_t at, uint64_t n)
{
	uint64_t x = v[at];
	for (uint64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n && v[child] < v[child + 1]) child++;
		if (v[child] <= x) break;
		v[at] = v[child];
		at = child;
	}
	v[at] = x;
}

static void sort_numbers(uint64_t *v, uint64_t n)
{
	DP_CHECK(v != NULL);
	if (n <= SHORT) {
		for (uint64_t i = 1; i < n; i++) {
			uint64_t x = v[i], at = i;
			for (; at > 0 && v[at - 1] > x; at--) v[at] = v[at - 1];
			v[at] = x;
		}
		return;
	}
	for (uint64_t i = n / 2; i-- > 0;) sink_number(v, i, n);
	for (uint64_t i = n - 1; i > 0; i--) {
		uint64_t x = v[0];
		v[0] = v[i];
		v[i] = x;
		sink_number(v, 0, i);
	}
}

// By hash, and by all bytes where hashes agree, so that equal addresses stand together always.
static bool is_before(const dp_shape_end *end, dp_shape_mark a, dp_shape_mark b)
{
	if (a.key != b.key) return a.key < b.key;
	return memcmp(&end[a.at].addr, &end[b.at].addr, sizeof end->addr) < 0;
}

static void sink_mark(dp_shape_mark *v, uint64_t at, uint64_t n, const dp_shape_end *end)
{
	dp_shape_mark x = v[at];
	for (uint64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n && is_before(end, v[child], v[child + 1])) child++;
		if (!is_before(end, x, v[child])) break;
		v[at] = v[child];
		at = child;
	}
	v[at] = x;
}

static void sort_marks(dp_shape_mark *v, uint64_t n, const dp_shape_end *end)
{
	DP_CHECK(v != NULL && end != NULL);
	if (n <= SHORT) {
		for (uint64_t i = 1; i < n; i++) {
			dp_shape_mark x = v[i];
			uint64_t at = i;
			for (; at > 0 && is_before(end, x, v[at - 1]); at--) v[at] = v[at - 1];
			v[at] = x;
		}
		return;
	}
	for (uint64_t i = n / 2; i-- > 0;) sink_mark(v, i, n, end);
	for (uint64_t i = n - 1; i > 0; i--) {
		dp_shape_mark x = v[0];
		v[0] = v[i];
		v[i] = x;
		sink_mark(v, 0, i, end);
	}
}

// Different addresses in a list, and how often the most frequent one stands in it.
static uint32_t count_addresses(uint32_t *ret_top, dp_shape_mark *mark, const dp_shape_end *end,
                                uint32_t n)
{
	DP_CHECK(n > 0);
	for (uint32_t i = 0; i < n; i++)
		mark[i] = (dp_shape_mark){.key = dp_addr_key(&end[i].addr), .at = i};
	sort_marks(mark, n, end);
	uint32_t distinct = 1, run = 1, top = 1;
	for (uint32_t i = 1; i < n; i++) {
		bool is_same = mark[i].key == mark[i - 1].key &&
		               dp_addr_eq(&end[mark[i].at].addr, &end[mark[i - 1].at].addr);
		run = is_same ? run + 1 : 1;
		if (run > top) top = run;
		if (!is_same) distinct++;
	}
	*ret_top = top;
	return distinct;
}

dp_code dp_cj_facts_values(dp_shaper *s, dp_cj_facts *ret_facts, const dp_shape *shape,
                           dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_facts != NULL);
	DP_CHECK(shape->inputs_known && shape->in_count > 0 && shape->out_count > 0);
	DP_CHECK(shape->in_count <= DP_SHAPE_ENDS_MAX && shape->out_count <= DP_SHAPE_ENDS_MAX);
	uint32_t n = shape->out_count;
	DP_TRY(dp_grow((void **)&s->number, &s->number_cap, sizeof *s->number, n, DP_SHAPE_ENDS_MAX,
	               fault));
	dp_cj_facts f = {.shape = shape, .value = s->number};
	for (uint32_t i = 0; i < n; i++) s->number[i] = shape->out[i].value;
	sort_numbers(s->number, n);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && f.value[end] == f.value[i];) end++;
		uint32_t count = end - i;
		if (count >= f.mode_count) {
			f.mode = f.value[i];
			f.mode_count = count;
		}
		if (count == 1) f.single_count++;
		if (count > 1) f.repeated_count++;
		if (count > 1) f.repeated_outputs += count;
	}
	*ret_facts = f;
	return DP_OK;
}

dp_code dp_cj_facts_addresses(dp_shaper *s, dp_cj_facts *io_facts, dp_fault *fault)
{
	DP_CHECK(s != NULL && io_facts != NULL && io_facts->value == s->number);
	dp_cj_facts f = *io_facts;
	const dp_shape *shape = f.shape;
	uint32_t most = shape->in_count > shape->out_count ? shape->in_count : shape->out_count;
	DP_TRY(dp_grow((void **)&s->mark, &s->mark_cap, sizeof *s->mark, most, DP_SHAPE_ENDS_MAX,
	               fault));
	uint32_t out_top;
	f.in_distinct = count_addresses(&f.in_top, s->mark, shape->in, shape->in_count);
	f.out_distinct = count_addresses(&out_top, s->mark, shape->out, shape->out_count);
	f.in_min = UINT64_MAX;
	for (uint32_t i = 0; i < shape->in_count; i++) {
		uint64_t v = shape->in[i].value;
		if (v < f.in_min) f.in_min = v;
		if (v > f.in_max) f.in_max = v;
		f.in_kinds |= 1u << shape->in[i].addr.kind;
	}
	for (uint32_t i = 0; i < shape->out_count; i++) {
		f.out_sum += shape->out[i].value;
		f.out_kinds |= 1u << shape->out[i].addr.kind;
	}
	*io_facts = f;
	return DP_OK;
}

// How many outputs are worth less than `value`: the values are sorted.
static uint32_t count_below(const dp_cj_facts *f, uint64_t value)
{
	uint32_t low = 0, high = f->shape->out_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (f->value[middle] < value) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

uint32_t dp_cj_count_in(const dp_cj_facts *f, uint64_t low, uint64_t high)
{
	DP_CHECK(low <= high);
	uint32_t end = high == UINT64_MAX ? f->shape->out_count : count_below(f, high + 1);
	return end - count_below(f, low);
}

uint32_t dp_cj_mode_in(uint64_t *ret_value, const dp_cj_facts *f, uint64_t low, uint64_t high)
{
	DP_CHECK(ret_value != NULL && low <= high);
	uint32_t best = 0;
	uint64_t value = 0;
	uint32_t i = count_below(f, low);
	for (uint32_t end; i < f->shape->out_count && f->value[i] <= high; i = end) {
		for (end = i + 1; end < f->shape->out_count && f->value[end] == f->value[i];) end++;
		if (end - i >= best) {
			best = end - i;
			value = f->value[i];
		}
	}
	*ret_value = value;
	return best;
}

// Both readers behind yaml_stream.h over hostile bytes, side by side. Invariants: the same events
// with the same places and texts, or the same fault; places and depth in their bounds; texts
// without NUL. The first byte says how many bytes come at a time.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/yaml_stream.h"

typedef struct drip {
	dp_yaml_memory memory;
	size_t piece;
} drip;

static dp_code drip_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	drip *d = context;
	(void)fault;
	size_t n = d->memory.size - d->memory.at;
	if (n > size) n = size;
	if (n > d->piece) n = d->piece;
	if (n > 0) memcpy(buffer, d->memory.bytes + d->memory.at, n);
	d->memory.at += n;
	*ret_size = n;
	return DP_OK;
}

static dp_code drip_rewind(void *context, dp_fault *fault)
{
	(void)fault;
	((drip *)context)->memory.at = 0;
	return DP_OK;
}

static void check_event(const dp_yaml_event *e, int *io_depth, size_t size)
{
	bool is_end = e->kind == DP_YAML_EVENT_LIST_END || e->kind == DP_YAML_EVENT_MAP_END;
	bool is_open = e->kind == DP_YAML_EVENT_LIST || e->kind == DP_YAML_EVENT_MAP;
	*io_depth += is_open - is_end;
	DP_CHECK(*io_depth >= 0 && *io_depth <= DP_YAML_STREAM_DEPTH_MAX);
	DP_CHECK(is_end ? e->line == 0 : e->line >= 1 && e->line <= size + 1 && e->column >= 1);
	DP_CHECK(strlen(e->text) == e->size && e->size <= DP_YAML_STREAM_TEXT_MAX);
}

static void check_same(const dp_yaml_event *a, const dp_yaml_event *b)
{
	DP_CHECK(a->kind == b->kind && a->line == b->line && a->column == b->column);
	DP_CHECK(a->is_plain == b->is_plain && a->is_include == b->is_include);
	DP_CHECK(a->size == b->size && memcmp(a->text, b->text, a->size) == 0);
}

static bool is_fault(dp_code code)
{
	return code != DP_OK && code != DP_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	drip one = {{(const char *)data + 1, size - 1, 0}, 1 + (size_t)data[0] * 16}, two = one;
	dp_yaml_source fast_source = {drip_read, drip_rewind, &one};
	dp_yaml_source slow_source = {drip_read, NULL, &two};
	dp_yaml_stream *fast, *slow;
	dp_fault fault_fast = {.code = DP_OK}, fault_slow = {.code = DP_OK};
	dp_yaml_event a, b;
	int depth = 0;
	dp_code code_fast = dp_yaml_stream_open(&fast, &fast_source, NULL), code_slow;
	DP_CHECK(code_fast == DP_OK);
	code_slow = dp_yaml_stream_open(&slow, &slow_source, NULL);
	DP_CHECK(code_slow == DP_OK);
	do {
		code_fast = dp_yaml_stream_next(fast, &a, &fault_fast);
		if (!is_fault(code_slow)) code_slow = dp_yaml_stream_next(slow, &b, &fault_slow);
		if (code_fast == DP_OK) check_event(&a, &depth, size);
		if (code_fast == DP_OK && code_slow == DP_OK) check_same(&a, &b);
		// libyaml looks further ahead, and may see a fault earlier.
		DP_CHECK(code_fast == code_slow || (code_fast == DP_OK && is_fault(code_slow)));
	} while (code_fast == DP_OK);
	if (is_fault(code_fast)) {
		DP_CHECK(code_fast == DP_BAD_BYTES && fault_fast.line >= 1);
		DP_CHECK(fault_fast.line == fault_slow.line);
		DP_CHECK(fault_fast.column == fault_slow.column);
		DP_CHECK(strcmp(fault_fast.text, fault_slow.text) == 0);
	}
	dp_yaml_stream_close(fast);
	dp_yaml_stream_close(slow);
	return 0;
}

// JSON from hostile bytes. Invariants: faults have a place; what was read can be walked and
// written; what was written can be read again, and writing that again gives the same bytes (numbers
// are written as strings, so the first rewriting may differ from the input, the second may not).
// The writer knows 64 levels; what lies deeper is written as null.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"

enum { WRITE_DEPTH_MAX = 64 };

typedef struct sink {
	char *text;
	uint64_t size, cap;
} sink;

static dp_code sink_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	sink *s = context;
	void *items = s->text;
	DP_TRY(dp_grow(&items, &s->cap, 1, s->size + n, (uint64_t)1 << 30, fault));
	s->text = items;
	memcpy(s->text + s->size, text, n);
	s->size += n;
	return DP_OK;
}

static void write_value(dp_json_out *o, const dp_json *v)
{
	uint64_t u;
	bool b;
	bool array = dp_json_is_array(v);
	if (o->depth == WRITE_DEPTH_MAX) {
		dp_json_null(o);
	} else if (array || dp_json_is_object(v)) {
		(array ? dp_json_array : dp_json_object)(o);
		for (const dp_json *i = dp_json_first(v); i != NULL; i = dp_json_next(i)) {
			DP_CHECK(array == (dp_json_name(i) == NULL));
			if (!array) dp_json_key(o, dp_json_name(i));
			if (!array) DP_CHECK(dp_json_get(v, dp_json_name(i)) != NULL);
			write_value(o, i);
		}
		(array ? dp_json_array_end : dp_json_object_end)(o);
	} else if (dp_json_number(v) != NULL) {
		if (dp_json_u64(v, &u)) DP_CHECK(u <= (uint64_t)1 << 53);
		dp_json_string(o, dp_json_number(v));
	} else if (dp_json_text(v) != NULL) {
		DP_CHECK(strlen(dp_json_text(v)) == dp_json_text_size(v));
		dp_json_string(o, dp_json_text(v));
	} else if (dp_json_bool(v, &b)) {
		dp_json_boolean(o, b);
	} else {
		dp_json_null(o);
	}
}

static sink rewrite(const dp_json *doc, uint32_t compact_depth)
{
	sink s = {0};
	dp_json_out o = {.write = sink_write, .context = &s, .compact_depth = compact_depth};
	write_value(&o, doc);
	DP_CHECK(dp_json_finish(&o) == DP_OK);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_json *doc = NULL, *again = NULL;
	dp_fault fault = {.code = DP_OK};
	dp_code code = dp_json_parse(&doc, (const char *)data, size, &fault);
	if (code != DP_OK) {
		DP_CHECK(doc == NULL && code == DP_BAD_BYTES);
		DP_CHECK(fault.line >= 1 && fault.column >= 1 && fault.text[0] != 0);
		return 0;
	}
	uint32_t compact_depth = (uint32_t)(size % 4);
	sink first = rewrite(doc, compact_depth);
	DP_CHECK(dp_json_parse(&again, first.text, first.size, &fault) == DP_OK);
	sink second = rewrite(again, compact_depth);
	DP_CHECK(first.size == second.size && memcmp(first.text, second.text, first.size) == 0);
	dp_json_free(doc);
	dp_json_free(again);
	dp_free(first.text);
	dp_free(second.text);
	return 0;
}

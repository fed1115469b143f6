// A fingerprint from hostile JSON. Invariants: faults have a text; what was read is written and
// read again the same; every known value is one that its feature can have; the distance to itself
// begins at 0 and its parts stay within thousandths.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "technique/fingerprint.h"

typedef struct sink {
	char *text;
	uint64_t size, cap;
} sink;

static dp_code sink_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	sink *s = context;
	DP_TRY(dp_grow((void **)&s->text, &s->cap, 1, s->size + n, 1 << 20, fault));
	memcpy(s->text + s->size, text, n);
	s->size += n;
	return DP_OK;
}

static void check_values(const dp_fingerprint *f)
{
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	for (uint32_t i = 0; i < count; i++) {
		const dp_feature_value *v = &f->value[i];
		DP_CHECK(v->low >= 0 && v->low <= v->high && v->high <= DP_FEATURE_VALUE_MAX);
		DP_CHECK(v->known || (v->low == 0 && v->high == 0));
		DP_CHECK(feature[i].unit != DP_UNIT_PPM || v->high <= 1000000);
	}
}

static void check_distance(const dp_fingerprint *a, const dp_fingerprint *b)
{
	dp_distance d = dp_fingerprint_distance(a, b), e = dp_fingerprint_distance(b, a);
	DP_CHECK(memcmp(&d, &e, sizeof d) == 0);
	DP_CHECK(d.low <= d.middle && d.middle <= d.high && d.high <= 1000);
	uint32_t share = 0;
	for (uint32_t i = 0; i < d.part_count; i++) {
		DP_CHECK(d.part[i].low <= d.part[i].high && d.part[i].high <= 1000);
		share += d.part[i].share;
	}
	DP_CHECK(share <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_fingerprint f, again;
	const dp_fingerprint nothing = {0};
	dp_fault fault = {0};
	dp_code code = dp_fingerprint_parse(&f, (const char *)data, size, &fault);
	if (code != DP_OK) {
		DP_CHECK(code == DP_BAD_BYTES || code == DP_LIMIT);
		DP_CHECK(fault.text[0] != 0);
		return 0;
	}
	check_values(&f);
	check_distance(&f, &f);
	check_distance(&f, &nothing);
	DP_CHECK(dp_fingerprint_distance(&f, &f).low == 0);
	sink s = {0};
	dp_json_out out = {.write = sink_write, .context = &s};
	dp_fingerprint_write(&f, &out);
	DP_CHECK(dp_json_finish(&out) == DP_OK);
	DP_CHECK(dp_fingerprint_parse(&again, s.text, s.size, &fault) == DP_OK);
	DP_CHECK(memcmp(f.value, again.value, sizeof f.value) == 0);
	check_distance(&f, &again);
	dp_free(s.text);
	return 0;
}

// Fingerprints as JSON: incidents/<name>/fingerprint.json, and what `match` prints.
//
//   {
//     "format": "dyepack-fingerprint", "version": 1,
//     "incident": "harmony-2022-06", "title": "..", "attributed": "..", "source": "..",
//     "addresses": 469, "transfers": 3887, "from": "2023-01-13T20:34:11Z", "until": "..",
//     "features": {"hops-min": 3, "small-value": {"low": 400000, "high": 500000}, "wait": null, ..}
//   }
//
// Units are those of the table (seconds, millionths, cents, counts). Files come from anybody, so
// everything is checked: what no flow can have (a share above the whole, a histogram of more than
// all, low above high) is refused by name, because a distance to it would mean nothing.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "technique/fingerprint.h"

static const char format[] = "dyepack-fingerprint";
enum { WHOLE_PPM = 1000000, ROUNDING_PPM = 100 }; // each bar of a histogram is rounded by itself

//- out -------------------------------------------------------------------------------------------

static void write_text(dp_json_out *out, const char *key, const char *text)
{
	if (text[0] == 0) return;
	dp_json_key(out, key);
	dp_json_string(out, text);
}

static void write_value(dp_json_out *out, const dp_feature_value *v)
{
	if (!v->known) {
		dp_json_null(out);
	} else if (v->low == v->high) {
		dp_json_int(out, v->low);
	} else {
		dp_json_object(out);
		dp_json_key(out, "low");
		dp_json_int(out, v->low);
		dp_json_key(out, "high");
		dp_json_int(out, v->high);
		dp_json_object_end(out);
	}
}

void dp_fingerprint_write(const dp_fingerprint *f, dp_json_out *out)
{
	DP_CHECK(f != NULL && out != NULL);
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	char time[DP_TIME_TEXT_MAX];
	dp_json_object(out);
	dp_json_key(out, "format");
	dp_json_string(out, format);
	dp_json_key(out, "version");
	dp_json_uint(out, DP_FINGERPRINT_VERSION);
	write_text(out, "incident", f->incident);
	write_text(out, "title", f->title);
	write_text(out, "attributed", f->attributed);
	write_text(out, "source", f->source);
	dp_json_key(out, "addresses");
	dp_json_uint(out, f->addresses);
	dp_json_key(out, "transfers");
	dp_json_uint(out, f->transfers);
	dp_json_key(out, "from");
	dp_time_format(time, f->time_first);
	dp_json_string(out, time);
	dp_json_key(out, "until");
	dp_time_format(time, f->time_last);
	dp_json_string(out, time);
	dp_json_key(out, "features");
	dp_json_object(out);
	for (uint32_t i = 0; i < count; i++) {
		dp_json_key(out, feature[i].name);
		write_value(out, &f->value[i]);
	}
	dp_json_object_end(out);
	dp_json_object_end(out);
}

//- in --------------------------------------------------------------------------------------------

static dp_code bad(dp_fault *fault, const char *member, const char *what)
{
	return dp_fail(fault, DP_BAD_BYTES, "fingerprint: \"%.60s\" %s", member, what);
}

// Texts are for showing on one line: what would break or turn it is refused, and so are bytes that
// are no UTF-8, which the writer could not give back.
static bool is_shown(const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		uint32_t c = dp_utf8_next(text, n, &at);
		if (c == DP_UTF8_BAD || !dp_utf8_is_shown(c)) return false;
	}
	return true;
}

static dp_code read_text(char *out, size_t size, const dp_json *object, const char *key,
                         dp_fault *fault)
{
	const dp_json *v = dp_json_get(object, key);
	if (v == NULL) return DP_OK;
	const char *text = dp_json_text(v);
	if (text == NULL) return bad(fault, key, "must be a text");
	size_t n = dp_json_text_size(v);
	if (n >= size) return bad(fault, key, "is too long");
	if (!is_shown(text, n)) return bad(fault, key, "must be one line of plain UTF-8");
	memcpy(out, text, n);
	out[n] = 0;
	return DP_OK;
}

static dp_code read_count(uint64_t *out, const dp_json *object, const char *key, dp_fault *fault)
{
	const dp_json *v = dp_json_get(object, key);
	if (v == NULL) return DP_OK;
	if (!dp_json_u64(v, out) || *out > (uint64_t)DP_FEATURE_VALUE_MAX)
		return bad(fault, key, "must be a whole number from 0 to 2^53");
	return DP_OK;
}

static dp_code read_time(int64_t *out, const dp_json *object, const char *key, dp_fault *fault)
{
	const dp_json *v = dp_json_get(object, key);
	if (v == NULL) return DP_OK;
	const char *text = dp_json_text(v);
	if (text == NULL || !dp_time_parse(out, text, dp_json_text_size(v)))
		return bad(fault, key, "must be a time as 2025-02-21T14:16:11Z");
	return DP_OK;
}

static dp_code read_number(int64_t *out, const dp_json *v, const dp_feature *feature,
                           dp_fault *fault)
{
	uint64_t u;
	if (v == NULL || !dp_json_u64(v, &u) || u > (uint64_t)DP_FEATURE_VALUE_MAX)
		return bad(fault, feature->name, "must be a whole number from 0 to 2^53");
	if (feature->unit == DP_UNIT_PPM && u > WHOLE_PPM)
		return bad(fault, feature->name, "is a share in millionths: 1000000 at most");
	*out = (int64_t)u;
	return DP_OK;
}

static bool is_null(const dp_json *v)
{
	bool b;
	return !dp_json_is_object(v) && !dp_json_is_array(v) && dp_json_text(v) == NULL &&
	       dp_json_number(v) == NULL && !dp_json_bool(v, &b);
}

static dp_code read_value(dp_feature_value *out, const dp_json *v, const dp_feature *feature,
                          dp_fault *fault)
{
	dp_feature_value value = {.known = true};
	if (is_null(v)) {
		value.known = false;
	} else if (dp_json_is_object(v)) {
		DP_TRY(read_number(&value.low, dp_json_get(v, "low"), feature, fault));
		DP_TRY(read_number(&value.high, dp_json_get(v, "high"), feature, fault));
		if (value.low > value.high)
			return bad(fault, feature->name, "has its low end above its high end");
	} else {
		DP_TRY(read_number(&value.low, v, feature, fault));
		value.high = value.low;
	}
	*out = value;
	return DP_OK;
}

// The bars of a histogram are all known or none, and of one whole.
static dp_code check_bins(const dp_fingerprint *f, dp_fault *fault)
{
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	for (uint32_t i = 0, end; i < count; i = end) {
		int64_t sum = 0;
		uint32_t known = 0;
		for (end = i; end < count && strcmp(feature[end].group, feature[i].group) == 0;
		     end++) {
			sum += f->value[end].low;
			known += f->value[end].known;
		}
		if (feature[i].scale != DP_SCALE_BIN) continue;
		if (known != 0 && known != end - i)
			return bad(fault, feature[i].name,
			           "and its like: all must be known, or none");
		if (sum > WHOLE_PPM + ROUNDING_PPM)
			return bad(fault, feature[i].name,
			           "and its like add up to more than 1000000");
	}
	return DP_OK;
}

static dp_code read_head(dp_fingerprint *f, const dp_json *object, dp_fault *fault)
{
	const dp_json *name = dp_json_get(object, "format");
	const char *text = name == NULL ? NULL : dp_json_text(name);
	uint64_t version = 0;
	if (text == NULL || strcmp(text, format) != 0)
		return dp_fail(fault, DP_BAD_BYTES, "not a fingerprint: \"format\" must be \"%s\"",
		               format);
	DP_TRY(read_count(&version, object, "version", fault));
	if (version != DP_FINGERPRINT_VERSION)
		return dp_fail(
		    fault, DP_BAD_BYTES,
		    "fingerprint: \"version\" must be %d: make it again with this dyepack",
		    DP_FINGERPRINT_VERSION);
	DP_TRY(read_text(f->incident, sizeof f->incident, object, "incident", fault));
	DP_TRY(read_text(f->title, sizeof f->title, object, "title", fault));
	DP_TRY(read_text(f->attributed, sizeof f->attributed, object, "attributed", fault));
	DP_TRY(read_text(f->source, sizeof f->source, object, "source", fault));
	DP_TRY(read_count(&f->addresses, object, "addresses", fault));
	DP_TRY(read_count(&f->transfers, object, "transfers", fault));
	DP_TRY(read_time(&f->time_first, object, "from", fault));
	return read_time(&f->time_last, object, "until", fault);
}

dp_code dp_fingerprint_read(dp_fingerprint *ret_print, const dp_json *object, dp_fault *fault)
{
	DP_CHECK(ret_print != NULL && object != NULL);
	if (!dp_json_is_object(object))
		return dp_fail(fault, DP_BAD_BYTES, "not a fingerprint: must be a JSON object");
	dp_fingerprint f = {0};
	DP_TRY(read_head(&f, object, fault));
	const dp_json *features = dp_json_get(object, "features");
	if (features == NULL || !dp_json_is_object(features))
		return bad(fault, "features", "must be an object");
	bool seen[DP_FEATURES_MAX] = {false};
	for (const dp_json *v = dp_json_first(features); v != NULL; v = dp_json_next(v)) {
		const dp_feature *feature = dp_feature_find(dp_json_name(v));
		if (feature == NULL) return bad(fault, dp_json_name(v), "is no feature");
		uint32_t i = dp_feature_index(feature);
		if (seen[i]) return bad(fault, feature->name, "stands there twice");
		seen[i] = true;
		DP_TRY(read_value(&f.value[i], v, feature, fault));
	}
	DP_TRY(check_bins(&f, fault));
	*ret_print = f;
	return DP_OK;
}

dp_code dp_fingerprint_parse(dp_fingerprint *ret_print, const char *text, size_t n, dp_fault *fault)
{
	if (n > DP_FINGERPRINT_SIZE_MAX)
		return dp_fail(fault, DP_LIMIT, "a fingerprint has at most %d bytes, not %zu",
		               DP_FINGERPRINT_SIZE_MAX, n);
	dp_json *doc = NULL;
	DP_TRY(dp_json_parse(&doc, text, n, fault));
	dp_code code = dp_fingerprint_read(ret_print, doc, fault);
	dp_json_free(doc);
	return code;
}

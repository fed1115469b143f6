// Values of JSON-RPC, and members of objects that hold them. See evm_fields.h and evm_json.h.
//
// A quantity is "0x" and hexadecimal digits (Ethereum JSON-RPC, "Hex value encoding"). The
// specification forbids leading zeros and demands a digit; nodes keep the second rule but not
// always the first, so neither do we. Data has two digits a byte.
#include "source/evm_fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hex.h"
#include "source/evm_json.h"

//- values ----------------------------------------------------------------------------------------

static int digit_of(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	char lower = (char)(c | 0x20);
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// What follows "0x", or NULL.
static const char *digits_of(const dp_json *value)
{
	const char *text = value == NULL ? NULL : dp_json_text(value);
	if (text == NULL || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return NULL;
	return text + 2;
}

bool dp_evm_json_u256(dp_u256 *ret_value, const dp_json *value)
{
	DP_CHECK(ret_value != NULL);
	const char *p = digits_of(value);
	if (p == NULL || *p == 0) return false;
	while (*p == '0') p++;
	size_t n = strnlen(p, 65);
	if (n > 64) return false;
	dp_u256 v = DP_U256_ZERO;
	for (size_t i = 0; i < n; i++) {
		int digit = digit_of(p[i]);
		if (digit < 0) return false;
		size_t bit = 4 * (n - 1 - i); // digits do not straddle limbs
		v.w[bit / 64] |= (uint64_t)digit << (bit % 64);
	}
	*ret_value = v;
	return true;
}

bool dp_evm_json_u64(uint64_t *ret_value, const dp_json *value)
{
	DP_CHECK(ret_value != NULL);
	dp_u256 v = DP_U256_ZERO;
	if (!dp_evm_json_u256(&v, value) || !dp_u256_fits64(v)) return false;
	*ret_value = v.w[0];
	return true;
}

bool dp_evm_json_bytes(uint8_t *ret_bytes, size_t n, const dp_json *value)
{
	DP_CHECK(ret_bytes != NULL);
	DP_CHECK(n <= SIZE_MAX / 2 - 1);
	const char *p = digits_of(value);
	if (p == NULL || strnlen(p, 2 * n + 1) != 2 * n) return false;
	// A wrong digit may stand behind good ones, and outputs are written on success only. What
	// is read here is at most a hash; longer data is checked first.
	uint8_t bytes[64];
	if (n <= sizeof bytes) {
		if (!dp_hex_decode(bytes, n, p)) return false;
		memcpy(ret_bytes, bytes, n);
		return true;
	}
	for (size_t i = 0; i < 2 * n; i++)
		if (digit_of(p[i]) < 0) return false;
	return dp_hex_decode(ret_bytes, n, p);
}

//- places ----------------------------------------------------------------------------------------

dp_code dp_evm_bad(const dp_evm_place *at, const char *format, ...)
{
	DP_CHECK(at != NULL && format != NULL);
	char what[240], inner[60] = "", outer[60] = "";
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	DP_CHECK(at->inner == NULL || at->outer != NULL);
	if (at->outer != NULL)
		snprintf(outer, sizeof outer, ", %s %" PRIu64, at->outer, at->outer_index);
	if (at->inner != NULL)
		snprintf(inner, sizeof inner, ", %s %" PRIu64, at->inner, at->inner_index);
	return dp_fail(at->fault, DP_BAD_BYTES, "block %" PRIu64 "%s%s: %s", at->height, outer,
	               inner, what);
}

bool dp_evm_is_given(const dp_json *value)
{
	bool truth;
	return value != NULL &&
	       (dp_json_text(value) != NULL || dp_json_number(value) != NULL ||
	        dp_json_is_array(value) || dp_json_is_object(value) || dp_json_bool(value, &truth));
}

static dp_code missing_or(const dp_evm_place *at, const dp_json *value, const char *key,
                          const char *what)
{
	if (!dp_evm_is_given(value)) return dp_evm_bad(at, "\"%s\" is missing", key);
	return dp_evm_bad(at, "\"%s\" is not %s", key, what);
}

//- members ---------------------------------------------------------------------------------------

dp_code dp_evm_field_u64(const dp_evm_place *at, uint64_t *ret_value, const dp_json *object,
                         const char *key)
{
	DP_CHECK(at != NULL && key != NULL);
	const dp_json *value = dp_json_get(object, key);
	if (dp_evm_json_u64(ret_value, value)) return DP_OK;
	return missing_or(at, value, key, "a hexadecimal quantity of at most 64 bits");
}

dp_code dp_evm_field_u256(const dp_evm_place *at, dp_u256 *ret_value, const dp_json *object,
                          const char *key)
{
	DP_CHECK(at != NULL && key != NULL);
	const dp_json *value = dp_json_get(object, key);
	if (dp_evm_json_u256(ret_value, value)) return DP_OK;
	return missing_or(at, value, key, "a hexadecimal quantity of at most 256 bits");
}

dp_code dp_evm_field_bytes(const dp_evm_place *at, uint8_t *ret_bytes, size_t n,
                           const dp_json *object, const char *key)
{
	DP_CHECK(at != NULL && key != NULL);
	const dp_json *value = dp_json_get(object, key);
	if (dp_evm_json_bytes(ret_bytes, n, value)) return DP_OK;
	return missing_or(at, value, key,
	                  n == 20 ? "an address of 20 bytes" : "a hash of 32 bytes");
}

dp_code dp_evm_maybe_u64(const dp_evm_place *at, bool *ret_given, uint64_t *ret_value,
                         const dp_json *object, const char *key)
{
	bool given = dp_evm_is_given(dp_json_get(object, key));
	if (given) DP_TRY(dp_evm_field_u64(at, ret_value, object, key));
	*ret_given = given;
	return DP_OK;
}

dp_code dp_evm_maybe_u256(const dp_evm_place *at, bool *ret_given, dp_u256 *ret_value,
                          const dp_json *object, const char *key)
{
	bool given = dp_evm_is_given(dp_json_get(object, key));
	if (given) DP_TRY(dp_evm_field_u256(at, ret_value, object, key));
	*ret_given = given;
	return DP_OK;
}

dp_code dp_evm_maybe_bytes(const dp_evm_place *at, bool *ret_given, uint8_t *ret_bytes, size_t n,
                           const dp_json *object, const char *key)
{
	bool given = dp_evm_is_given(dp_json_get(object, key));
	if (given) DP_TRY(dp_evm_field_bytes(at, ret_bytes, n, object, key));
	*ret_given = given;
	return DP_OK;
}

// See u256.h. Multiply and divide are GMP's low-level mpn_* functions on four limbs: exact, proven
// and without allocation. Most amounts fit in 128 bits (the whole supply of ether is below 2^87
// wei), so the common shares are done in 64 and 128 bits and only the rest goes to GMP.
#include "base/u256.h"

#include <gmp.h>
#include <string.h>

#include "base/check.h"

_Static_assert(GMP_NUMB_BITS == 64, "mpn limbs must be 64 bits without nails");
_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t), "limb size");

dp_u256 dp_u256_add_long(dp_u256 a, dp_u256 b)
{
	dp_u256 sum;
	DP_INVARIANT("I-5", !dp_u256_add_over(&sum, a, b));
	return sum;
}

dp_u256 dp_u256_sub_long(dp_u256 a, dp_u256 b)
{
	dp_u256 diff;
	DP_INVARIANT("I-5", !dp_u256_sub_over(&diff, a, b));
	return diff;
}

// Limbs without leading zeros; 0 for zero.
static mp_size_t limbs(const uint64_t *w, mp_size_t n)
{
	while (n > 0 && w[n - 1] == 0) n--;
	return n;
}

// The 512-bit product; returns its length in limbs.
static mp_size_t multiply(mp_limb_t ret_product[8], dp_u256 a, dp_u256 b)
{
	mp_limb_t x[4], y[4];
	for (int i = 0; i < 4; i++) {
		x[i] = a.w[i];
		y[i] = b.w[i];
	}
	mp_size_t xn = limbs(a.w, 4), yn = limbs(b.w, 4);
	memset(ret_product, 0, 8 * sizeof(mp_limb_t));
	if (xn == 0 || yn == 0) return 0;
	// mpn_mul wants the longer operand first.
	if (xn >= yn)
		(void)mpn_mul(ret_product, x, xn, y, yn);
	else
		(void)mpn_mul(ret_product, y, yn, x, xn);
	mp_size_t n = xn + yn;
	while (n > 0 && ret_product[n - 1] == 0) n--;
	return n;
}

dp_u256 dp_u256_mul_div(dp_u256 a, dp_u256 b, dp_u256 d)
{
	DP_CHECK(!dp_u256_is_zero(d));
	// Shares of a whole are mostly all of it or none of it.
	if (dp_u256_eq(b, d)) return a;
	if (dp_u256_eq(a, d)) return b;
	if (dp_u256_fits64(a) && dp_u256_fits64(b)) {
		dp_u128 product = (dp_u128)a.w[0] * b.w[0];
		if (!dp_u256_fits128(d)) return DP_U256_ZERO;
		return dp_u256_of128(product / dp_u256_low128(d));
	}
	mp_limb_t product[8], quotient[8] = {0}, remainder[4], divisor[4];
	mp_size_t pn = multiply(product, a, b);
	mp_size_t dn = limbs(d.w, 4);
	if (pn < dn) return DP_U256_ZERO;
	for (int i = 0; i < 4; i++) divisor[i] = d.w[i];
	mpn_tdiv_qr(quotient, remainder, 0, product, pn, divisor, dn);
	mp_size_t qn = pn - dn + 1;
	for (mp_size_t i = 4; i < qn; i++) DP_INVARIANT("I-5", quotient[i] == 0);
	return (dp_u256){{quotient[0], quotient[1], quotient[2], quotient[3]}};
}

bool dp_u256_mul_over(dp_u256 *ret_product, dp_u256 a, dp_u256 b)
{
	DP_CHECK(ret_product != NULL);
	mp_limb_t product[8];
	mp_size_t n = multiply(product, a, b);
	*ret_product = (dp_u256){{product[0], product[1], product[2], product[3]}};
	return n > 4;
}

void dp_u256_div(dp_u256 *ret_q, dp_u256 *ret_r, dp_u256 a, dp_u256 d)
{
	DP_CHECK(!dp_u256_is_zero(d));
	mp_limb_t x[4], y[4], q[4] = {0}, r[4] = {0};
	for (int i = 0; i < 4; i++) {
		x[i] = a.w[i];
		y[i] = d.w[i];
	}
	mp_size_t xn = limbs(a.w, 4), yn = limbs(d.w, 4);
	if (xn < yn)
		memcpy(r, x, sizeof r);
	else
		mpn_tdiv_qr(q, r, 0, x, xn, y, yn);
	if (ret_q != NULL) *ret_q = (dp_u256){{q[0], q[1], q[2], q[3]}};
	if (ret_r != NULL) *ret_r = (dp_u256){{r[0], r[1], r[2], r[3]}};
}

dp_u256 dp_u256_from_be(const uint8_t *bytes, size_t n)
{
	DP_CHECK(bytes != NULL || n == 0);
	DP_CHECK(n <= 32);
	dp_u256 v = DP_U256_ZERO;
	for (size_t i = 0; i < n; i++) {
		size_t at = n - 1 - i; // from the low-order end
		v.w[i / 8] |= (uint64_t)bytes[at] << (8 * (i % 8));
	}
	return v;
}

void dp_u256_to_be(uint8_t ret_bytes[32], dp_u256 a)
{
	for (size_t i = 0; i < 32; i++) ret_bytes[31 - i] = (uint8_t)(a.w[i / 8] >> (8 * (i % 8)));
}

//- decimal text ----------------------------------------------------------------------------------

// *v = *v * 10 + digit; true on overflow.
static bool push_digit(dp_u256 *v, unsigned digit)
{
	dp_u128 carry = digit;
	for (int i = 0; i < 4; i++) {
		carry += (dp_u128)v->w[i] * 10;
		v->w[i] = (uint64_t)carry;
		carry >>= 64;
	}
	return carry != 0;
}

dp_code dp_u256_parse(dp_u256 *ret_value, const char *text, size_t n, uint32_t decimals,
                      dp_fault *fault)
{
	DP_CHECK(ret_value != NULL);
	DP_CHECK(text != NULL || n == 0);
	dp_u256 v = DP_U256_ZERO;
	bool point = false, any = false;
	uint32_t fraction = 0;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return dp_fail(fault, DP_BAD_BYTES,
			               "'%.*s' is not an amount: write digits with at most one "
			               "point, such as 1234.5",
			               (int)(n > 60 ? 60 : n), text);
		any = true;
		if (point && fraction == decimals) {
			if (c == '0') continue;
			return dp_fail(fault, DP_BAD_BYTES,
			               "'%.*s' has more than the %u decimals this asset has",
			               (int)(n > 60 ? 60 : n), text, decimals);
		}
		if (push_digit(&v, (unsigned)(c - '0'))) goto overflow;
		if (point) fraction++;
	}
	if (!any) return dp_fail(fault, DP_BAD_BYTES, "an amount is missing");
	for (; fraction < decimals; fraction++)
		if (push_digit(&v, 0)) goto overflow;
	*ret_value = v;
	return DP_OK;
overflow:
	return dp_fail(fault, DP_LIMIT, "'%.*s' does not fit into 256 bits of base units",
	               (int)(n > 60 ? 60 : n), text);
}

size_t dp_u256_format(char out[DP_U256_DEC_MAX], dp_u256 value, uint32_t decimals)
{
	DP_CHECK(out != NULL);
	DP_CHECK(decimals <= 77);
	char digits[80]; // least significant first
	size_t count = 0;
	while (!dp_u256_is_zero(value)) {
		// Nineteen digits at a time: 10^19 is the largest power of ten in a limb.
		dp_u256 rest;
		dp_u256_div(&value, &rest, value, dp_u256_of(10000000000000000000u));
		uint64_t part = rest.w[0];
		for (int i = 0; i < 19 && (part != 0 || !dp_u256_is_zero(value)); i++) {
			digits[count++] = (char)('0' + part % 10);
			part /= 10;
		}
	}
	while (count <= decimals) digits[count++] = '0'; // at least one digit before the point
	size_t low = 0;
	while (low < decimals && digits[low] == '0') low++; // no trailing zeros after the point
	size_t n = 0;
	for (size_t i = count; i > decimals; i--) out[n++] = digits[i - 1];
	if (low < decimals) {
		out[n++] = '.';
		for (size_t i = decimals; i > low; i--) out[n++] = digits[i - 1];
	}
	out[n] = 0;
	DP_CHECK(n < DP_U256_DEC_MAX);
	return n;
}

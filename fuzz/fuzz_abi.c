// ABI-encoded data from hostile bytes, read by a form that is part of the input. Invariants: what
// is given lies inside the data; two dynamic values never share a byte; after a failure everything
// is NULL or zero; counts are within their limit.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/abi.h"

typedef struct input {
	const uint8_t *form, *data;
	size_t form_size, size, at;
	const uint8_t *low; // end of what was given so far
} input;

static uint8_t next(input *in)
{
	return in->at < in->form_size ? in->form[in->at++] : 0xff;
}

static void inside(const input *in, const uint8_t *p, size_t n)
{
	DP_CHECK(p >= in->data && n <= in->size && p + n <= in->data + in->size);
}

static void read_some(input *in, dp_abi *a, int depth)
{
	for (uint8_t op = next(in); op != 0xff; op = next(in)) {
		bool was_failed = a->failed;
		size_t n = 0;
		const uint8_t *p = NULL;
		switch (op % 10) {
		case 0: p = dp_abi_word(a); break;
		case 1: DP_CHECK(dp_u256_is_zero(dp_abi_u256(a)) || !a->failed); break;
		case 2: DP_CHECK(dp_abi_u64(a) == 0 || !a->failed); break;
		case 3: DP_CHECK(dp_abi_u16(a) == 0 || !a->failed); break;
		case 4: DP_CHECK(!dp_abi_bool(a) || !a->failed); break;
		case 5: p = dp_abi_address(a); break;
		case 6: dp_abi_skip(a, op >> 5); break;
		case 7:
			p = dp_abi_bytes(a, &n);
			DP_CHECK(p != NULL || (a->failed && n == 0));
			if (p == NULL) break;
			inside(in, p, n);
			DP_CHECK(p >= in->low);
			in->low = p + n;
			break;
		default: {
			if (depth == 3) return;
			size_t words = 1 + (op >> 6);
			dp_abi inner =
			    op % 10 == 8 ? dp_abi_tuple(a, words) : dp_abi_array(a, &n, words, 20);
			DP_CHECK(n <= 20);
			read_some(in, &inner, depth + 1);
			dp_abi_end(a, &inner);
			break;
		}
		}
		if (p != NULL) inside(in, p, op % 10 == 5 ? 20 : op % 10 == 0 ? 32 : n);
		DP_CHECK(!was_failed || (a->failed && p == NULL));
		DP_CHECK(a->failed || (a->at <= a->head && a->tail <= a->size));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2) return 0;
	size_t form = data[0] % 32u, words = data[1] % 16u;
	if (form > size - 2) form = size - 2;
	input in = {.form = data + 2, .form_size = form};
	in.data = data + 2 + form;
	in.size = size - 2 - form;
	in.low = in.data;
	dp_abi a = dp_abi_of(in.data, in.size, words);
	DP_CHECK(dp_abi_ok(&a) == (words * 32 <= in.size));
	read_some(&in, &a, 0);
	return 0;
}

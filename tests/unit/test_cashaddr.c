// CashAddr against the vectors of its specification (bitcoincashorg/bitcoincash.org,
// spec/cashaddr.md) and of CashTokens (cashtokens/cashtokens, test-vectors/cashaddr.json), and
// against what must not pass.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "codec/cashaddr.h"
#include "codec/hex.h"

#define H20 "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9"
#define H24 "7adbf6c17084bc86c1706827b41a56f5ca32865925e946ea"
#define H28 "3a84f9cf51aae98a3bb3a78bf16a6183790b18719126325bfc0c075b"
#define H64                                                                                        \
	"d0f346310d5513d9e01e299978624ba883e6bda8f4c60883c10f28c2967e67ec"                         \
	"77ecc7eeeaeafc6da89fad72d11ac961e164678b868aeeec5f2c1da08884175b"

static const struct vector {
	uint8_t type;
	const char *hash, *text;
} vectors[] = {
    {0, H20, "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"},
    {2, H20, "bitcoincash:zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe"},
    {1, H20, "bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t"},
    {1, H20, "pref:pr6m7j9njldwwzlg9v7v53unlr4jkmx6ey65nvtks5"},
    {3, H20, "bchtest:rr6m7j9njldwwzlg9v7v53unlr4jkmx6eytyt3jytc"},
    {15, H20, "prefix:0r6m7j9njldwwzlg9v7v53unlr4jkmx6ey3qnjwsrf"},
    {0, "d85c2b71d0060b09c9886aeb815e50991dda124d",
     "bchreg:qrv9c2m36qrqkzwf3p4whq272zv3mksjf5ln6v9le5"},
    {0, "76a04053bda0a88bda5177b86a15c3b29f559873",
     "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
    {1, "011f28e473c95f4013d7d53ec5fbc3b42df8ed10",
     "bitcoincash:pqq3728yw0y47sqn6l2na30mcw6zm78dzq5ucqzc37"},
    {3, "011f28e473c95f4013d7d53ec5fbc3b42df8ed10",
     "bitcoincash:rqq3728yw0y47sqn6l2na30mcw6zm78dzqnkt7v7wd"},
    {0, H24, "bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0"},
    {15, H24, "prefix:09adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2p29kc2lp"},
    {0, H28, "bitcoincash:qgagf7w02x4wnz3mkwnchut2vxphjzccwxgjvvjmlsxqwkcw59jxxuz"},
    {1, "0000000000000000000000000000123456789000000000000000000000000000",
     "bitcoincash:pvqqqqqqqqqqqqqqqqqqqqqqzg69v7ysqqqqqqqqqqqqqqqqqqqqqpkp7fqn0"},
    {3, "0000000000000000000000000000123456789000000000000000000000000000",
     "bitcoincash:rvqqqqqqqqqqqqqqqqqqqqqqzg69v7ysqqqqqqqqqqqqqqqqqqqqqn9alsp2y"},
    {15, H64,
     "prefix:0lg0x333p4238k0qrc5ej7rzfw5g8e4a4r6vvzyrcy8j3s5k0en7calvclhw46hudk5flttj6ydvjc0pv3"
     "nchp52amk97tqa5zygg96ms92w6845"},
};
enum { VECTOR_COUNT = sizeof vectors / sizeof vectors[0] };

static void prefix_of(char out[DP_CASHADDR_PREFIX_MAX + 1], const char *text)
{
	size_t n = (size_t)(strchr(text, ':') - text);
	assert_true(n <= DP_CASHADDR_PREFIX_MAX);
	memcpy(out, text, n);
	out[n] = 0;
}

static void assert_reads(const struct vector *v, const char *prefix, const char *text)
{
	uint8_t type, hash[DP_CASHADDR_HASH_MAX], right[DP_CASHADDR_HASH_MAX];
	size_t size, n = strlen(v->hash) / 2;
	assert_true(dp_hex_decode(right, n, v->hash));
	assert_int_equal(dp_cashaddr_decode(&type, hash, &size, prefix, text, strlen(text)),
	                 DP_CASHADDR_OK);
	assert_int_equal(type, v->type);
	assert_int_equal(size, n);
	assert_memory_equal(hash, right, n);
}

static void published_vectors_read_and_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct vector *v = &vectors[i];
		char prefix[DP_CASHADDR_PREFIX_MAX + 1], out[DP_CASHADDR_TEXT_MAX], upper[200];
		uint8_t hash[DP_CASHADDR_HASH_MAX];
		size_t n = strlen(v->hash) / 2;
		prefix_of(prefix, v->text);
		assert_true(dp_hex_decode(hash, n, v->hash));
		assert_int_equal(dp_cashaddr_encode(out, prefix, v->type, hash, n),
		                 strlen(v->text));
		assert_string_equal(out, v->text);
		assert_reads(v, prefix, v->text);
		assert_reads(v, prefix, v->text + strlen(prefix) + 1); // the prefix may be left out
		for (size_t k = 0; k <= strlen(v->text); k++)
			upper[k] = (char)toupper((unsigned char)v->text[k]);
		assert_reads(v, prefix, upper);
		assert_reads(v, prefix, upper + strlen(prefix) + 1);
	}
}

static dp_cashaddr_result decode(const char *prefix, const char *text)
{
	uint8_t type = 99, hash[DP_CASHADDR_HASH_MAX];
	size_t size = 99;
	dp_cashaddr_result r = dp_cashaddr_decode(&type, hash, &size, prefix, text, strlen(text));
	if (r != DP_CASHADDR_OK) {
		assert_int_equal(type, 99);
		assert_int_equal(size, 99);
	}
	return r;
}

static void one_wrong_character_is_always_noticed(void **state)
{
	(void)state;
	static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	char text[DP_CASHADDR_TEXT_MAX];
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		char prefix[DP_CASHADDR_PREFIX_MAX + 1];
		prefix_of(prefix, vectors[i].text);
		size_t begin = strlen(prefix) + 1;
		memcpy(text, vectors[i].text, strlen(vectors[i].text) + 1);
		for (size_t at = begin; text[at] != 0; at++) {
			char was = text[at];
			for (size_t c = 0; c < 32; c++) {
				text[at] = charset[c];
				if (charset[c] != was)
					assert_int_equal(decode(prefix, text),
					                 DP_CASHADDR_CHECKSUM);
			}
			text[at] = was;
		}
	}
}

static void what_is_no_cashaddr_is_told_by_why(void **state)
{
	(void)state;
	static const char ours[] = "bitcoincash";
	assert_int_equal(decode(ours, ""), DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, ":"), DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, "bitcoincash:"), DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"), DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, "bitcoincash:Qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
	                 DP_CASHADDR_FORM); // mixed case
	assert_int_equal(decode(ours, "BITCOINCASH:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
	                 DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, ":qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
	                 DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, "bitcoincash::qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
	                 DP_CASHADDR_FORM);
	assert_int_equal(decode(ours, "bitcoincash:br6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
	                 DP_CASHADDR_FORM); // b is no symbol
	assert_int_equal(decode(ours, vectors[2].text), DP_CASHADDR_PREFIX);
	assert_int_equal(decode(ours, strchr(vectors[2].text, ':') + 1), DP_CASHADDR_CHECKSUM);
	assert_int_equal(decode(ours, "bitcoincas:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2"),
	                 DP_CASHADDR_PREFIX);
	char cut[DP_CASHADDR_TEXT_MAX];
	for (size_t n = 0; n < strlen(vectors[0].text); n++) {
		memcpy(cut, vectors[0].text, n);
		cut[n] = 0;
		assert_int_not_equal(decode(ours, cut), DP_CASHADDR_OK);
	}
	memset(cut, 'q', sizeof cut - 1);
	cut[sizeof cut - 1] = 0;
	assert_int_equal(decode(ours, cut), DP_CASHADDR_FORM); // too long
}

static void only_hashes_of_eight_sizes_have_an_address(void **state)
{
	(void)state;
	static const size_t sizes[] = {20, 24, 28, 32, 40, 48, 56, 64};
	uint8_t hash[80] = {1, 2, 3};
	char out[DP_CASHADDR_TEXT_MAX];
	size_t written = 0;
	for (size_t n = 0; n <= sizeof hash; n++)
		if (dp_cashaddr_encode(out, "p", 0, hash, n) > 0) {
			assert_int_equal(n, sizes[written++]);
			assert_int_equal(decode("p", out), DP_CASHADDR_OK);
		}
	assert_int_equal(written, 8);
	assert_int_equal(dp_cashaddr_encode(out, "p", 16, hash, 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_vectors_read_and_write),
	    cmocka_unit_test(one_wrong_character_is_always_noticed),
	    cmocka_unit_test(what_is_no_cashaddr_is_told_by_why),
	    cmocka_unit_test(only_hashes_of_eight_sizes_have_an_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

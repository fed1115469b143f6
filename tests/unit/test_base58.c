// base58.h against Bitcoin Core's src/test/data/key_io_valid.json (addresses and private keys, both
// are base58check), and the address of the genesis block's coinbase.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/base58.h"
#include "codec/hex.h"

static const struct {
	const char *text;
	uint8_t version;
	const char *payload;
} valid[] = {
    {"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", 0x00, "62e907b15cbf27d5425399ebf6f0fb50ebb88f18"},
    {"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", 0x00, "a31c06bd463e3923bc1aadbde48b16976c080717"},
    {"36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm", 0x05, "373b819a068f32b7a6b38b6b38729647cfde01c2"},
    {"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", 0x6f, "ce28b26c57472737f5c3561a1761185bd8589a43"},
    {"2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK", 0xc4, "ce0bba75891ff9ec60148d4bd4a09ee2dc5c9331"},
    {"mfhE6jAUwjUDNZhaX1PAsDTKfneQF2Nshc", 0x6f, "01f15a4cc063dae4f4d56b89bfbc8bcc9ae5387c"},
    {"5JuW2AMDYu4xVwRG9DZW18VbzQrGcd5RCgb99sS6ehJsNQXu5b9", 0x80,
     "8f8943bf956de595665c38ffff23827e17c10cdc1c27a028caae6c9810626198"},
    {"L5nJeqKmpHp4P7F8ZYyjwc5a7P4d8EabuGAzfGJk7yC1BJyzNaEd", 0x80,
     "ff778740f88ddcf102aeb81daee289c044c4a4571c4b6f287400f4b8e0b843f801"},
    {"92ZdE5HoLafywnTBbzPxbvRmp75pSfzvdU3XaZGh1cToipgdHVh", 0xef,
     "80c32d81e91bdea04cd7a3819b32275fc3298af4c7ec87eb0099527d041ced5c"},
};

static void encodes_and_decodes_cores_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
		uint8_t want[DP_BASE58CHECK_PAYLOAD_MAX], got[DP_BASE58CHECK_PAYLOAD_MAX], version;
		size_t n = strlen(valid[i].payload) / 2, size = 0;
		assert_true(dp_hex_decode(want, n, valid[i].payload));
		char text[DP_BASE58CHECK_TEXT_MAX];
		assert_int_equal(dp_base58check_encode(text, valid[i].version, want, n),
		                 strlen(valid[i].text));
		assert_string_equal(text, valid[i].text);
		assert_int_equal(dp_base58check_decode(&version, got, &size, text, strlen(text)),
		                 DP_BASE58_OK);
		assert_int_equal(version, valid[i].version);
		assert_int_equal(size, n);
		assert_memory_equal(got, want, n);
	}
}

static void any_change_of_one_character_is_noticed(void **state)
{
	(void)state;
	const char *text = valid[1].text;
	char changed[64];
	for (size_t i = 0; text[i] != 0; i++)
		for (int c = 1; c < 256; c++) {
			uint8_t version, payload[DP_BASE58CHECK_PAYLOAD_MAX];
			size_t size;
			if ((char)c == text[i]) continue;
			memcpy(changed, text, strlen(text) + 1);
			changed[i] = (char)c;
			assert_int_not_equal(
			    dp_base58check_decode(&version, payload, &size, changed, strlen(text)),
			    DP_BASE58_OK);
		}
}

static dp_base58_result decode(const char *text)
{
	uint8_t version, payload[DP_BASE58CHECK_PAYLOAD_MAX];
	size_t size;
	return dp_base58check_decode(&version, payload, &size, text, strlen(text));
}

static void says_which_mistake_it_is(void **state)
{
	(void)state;
	assert_int_equal(decode(""), DP_BASE58_LENGTH);
	assert_int_equal(decode("x"), DP_BASE58_LENGTH);
	assert_int_equal(decode("11111"), DP_BASE58_CHECKSUM);
	assert_int_equal(decode("1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2m0"), DP_BASE58_CHARACTER);
	assert_int_equal(decode("1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp"), DP_BASE58_CHECKSUM);
	char long_one[200];
	memset(long_one, '1', sizeof long_one);
	long_one[199] = 0;
	assert_int_equal(decode(long_one), DP_BASE58_LENGTH);
	long_one[99] = 0; // fits the buffer, yet decodes to too many bytes
	assert_int_equal(decode(long_one), DP_BASE58_LENGTH);
	memset(long_one, 'z', 99);
	assert_int_equal(decode(long_one), DP_BASE58_LENGTH);
}

static void every_size_round_trips(void **state)
{
	(void)state;
	uint8_t payload[DP_BASE58CHECK_PAYLOAD_MAX];
	for (int fill = 0; fill < 256; fill += 85)
		for (size_t n = 0; n <= DP_BASE58CHECK_PAYLOAD_MAX; n++) {
			memset(payload, fill, sizeof payload);
			char text[DP_BASE58CHECK_TEXT_MAX];
			uint8_t version, got[DP_BASE58CHECK_PAYLOAD_MAX];
			size_t size,
			    length = dp_base58check_encode(text, (uint8_t)fill, payload, n);
			assert_int_equal(dp_base58check_decode(&version, got, &size, text, length),
			                 DP_BASE58_OK);
			assert_int_equal(version, fill);
			assert_int_equal(size, n);
			if (n > 0) assert_memory_equal(got, payload, n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes_and_decodes_cores_vectors),
	    cmocka_unit_test(any_change_of_one_character_is_noticed),
	    cmocka_unit_test(says_which_mistake_it_is),
	    cmocka_unit_test(every_size_round_trips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

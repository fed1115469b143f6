// Safe takeovers: the call data by which Bybit's wallet was taken over, byte for byte from the
// ledger; ordinary delegate calls; batches that hide one; and call data that is cut, dirty or lies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bybit_takeover.h"
#include "chain/address.h"
#include "chain/ethereum.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "support/ledger.h"
#include "shape/safe.h"

#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define BYBIT "1db92e2eebc8e0c075a02bea49a2935bcd2dfcf4"

enum { MAX = 8192 };

typedef struct text {
	uint8_t p[MAX];
	size_t n;
} text;

static text bytes_of(const char *hex)
{
	text t = {.n = strlen(hex) / 2};
	assert_true(t.n <= MAX && dp_hex_decode(t.p, t.n, hex));
	return t;
}

// The whole transaction, and its call data.
static text bybit_tx(void)
{
	text t = {.n = BYBIT_TX_SIZE};
	bybit_takeover(t.p);
	return t;
}

static text bybit_call(void)
{
	text whole = bybit_tx(), t = {.n = BYBIT_CALL_SIZE};
	memcpy(t.p, whole.p + BYBIT_CALL_AT, t.n);
	return t;
}

static void add(text *t, const void *p, size_t n)
{
	assert_true(t->n + n <= MAX);
	if (n > 0) memcpy(t->p + t->n, p, n);
	t->n += n;
}

static void add_word(text *t, uint64_t v)
{
	uint8_t word[32] = {0};
	for (uint32_t i = 0; i < 8; i++) word[31 - i] = (uint8_t)(v >> 8 * i);
	add(t, word, 32);
}

static void add_address(text *t, const char *hex, bool is_packed)
{
	static const uint8_t zeros[12];
	text a = bytes_of(hex);
	if (!is_packed) add(t, zeros, sizeof zeros);
	add(t, a.p, 20);
}

// execTransaction(to, 0, data, operation, ...) with no signatures.
static text exec_of(const char *to, const text *data, uint32_t operation)
{
	text t = bytes_of("6a761202");
	add_address(&t, to, false);
	add_word(&t, 0);
	add_word(&t, 0x140);
	add_word(&t, operation);
	for (uint32_t i = 0; i < 5; i++) add_word(&t, 0);
	add_word(&t, 0x160 + (data->n + 31) / 32 * 32);
	add_word(&t, data->n);
	add(&t, data->p, data->n);
	t.n = 4 + 0x160 + (data->n + 31) / 32 * 32;
	add_word(&t, 0);
	return t;
}

static void add_packed(text *batch, uint8_t operation, const char *to, const text *data)
{
	add(batch, &operation, 1);
	add_address(batch, to, true);
	add_word(batch, 0);
	add_word(batch, data->n);
	add(batch, data->p, data->n);
}

static text multi_send(const text *batch)
{
	text t = bytes_of("8d80ff0a");
	add_word(&t, 32);
	add_word(&t, batch->n);
	add(&t, batch->p, batch->n);
	return t;
}

static bool judge(dp_safe_call *ret_call, const text *t)
{
	// A copy of its own, so that a sanitizer sees a read beyond.
	uint8_t *copy = malloc(t->n == 0 ? 1 : t->n);
	text safe = bytes_of(BYBIT);
	assert_non_null(copy);
	if (t->n > 0) memcpy(copy, t->p, t->n);
	bool is = dp_safe_takeover_of(ret_call, safe.p, copy, t->n);
	free(copy);
	return is;
}

#define MULTI_SEND "38869bf66a61cf6bdb996a6ae40d5853fd43b526"
#define SIGN_LIB "d53cd0ab83d845ac265be939c57f53ad838012c9"
#define EVIL "96221423681a6d52e184d440a8efcebb105c7242"

static void bybit_was_taken_over(void **state)
{
	(void)state;
	text whole = bybit_tx(), want, t = bybit_call();
	uint8_t hash[32];
	dp_keccak256(hash, whole.p, whole.n);
	want = bytes_of("46deef0f52e3a983b67abf4714448a41dd7ffd6d32d32da69d62081c68ad7882");
	assert_memory_equal(hash, want.p, 32);
	dp_safe_call c;
	assert_true(dp_safe_maybe(t.p, t.n));
	assert_true(judge(&c, &t));
	want = bytes_of(EVIL);
	assert_memory_equal(c.target, want.p, 20);
	want = bytes_of(BYBIT);
	assert_memory_equal(c.safe, want.p, 20);
	assert_true(dp_u256_is_zero(c.value));
	assert_true(c.has_selector && c.is_token_like && !c.is_batched);
	assert_int_equal(c.selector, 0xa9059cbb);
	assert_int_equal(c.score, 950);
}

// From a node's transaction to the verdict, by the block's note.
static void a_block_carries_it(void **state)
{
	(void)state;
	text t = bybit_call(), to = bytes_of(BYBIT);
	dp_evm_block b = {0};
	dp_block_builder builder = {0};
	const dp_block *block;
	dp_fault fault;
	uint64_t gaps = 0;
	dp_safe_call c;
	for (uint32_t failed = 0; failed < 2; failed++) {
		dp_evm_tx *tx;
		dp_evm_start(&b, dp_chain_find("ethereum", 8), 21895238, 1740147215);
		assert_int_equal(dp_evm_add_tx(&b, &tx, &fault), DP_OK);
		assert_int_equal(dp_evm_add_tx(&b, &tx, &fault), DP_OK);
		tx->has_to = true;
		memcpy(tx->to, to.p, 20);
		tx->status = failed ? DP_EVM_FAILED : DP_EVM_DONE;
		assert_int_equal(dp_evm_add_safe(&b, tx, t.p, 5, t.n, &fault), DP_OK);
		assert_int_equal(tx->safe_size, 0);
		assert_int_equal(dp_evm_add_safe(&b, tx, t.p, t.n, t.n, &fault), DP_OK);
		assert_int_equal(dp_evm_build(&builder, &block, &gaps, &b, &fault), DP_OK);
		assert_int_equal(block->note_count, failed ? 0 : 1);
		assert_false(dp_safe_takeover_in(&c, block, 0));
		assert_int_equal(dp_safe_takeover_in(&c, block, 1), !failed);
		if (failed) continue;
		assert_int_equal(block->note[0].kind, DP_NOTE_SAFE);
		assert_int_equal(block->note[0].data_size, t.n);
		assert_int_equal(block->note[0].full_size, t.n);
		assert_memory_equal(c.safe, to.p, 20);
		assert_int_equal(c.score, 950);
	}
	dp_builder_done(&builder);
	dp_evm_done(&b);
}

static void ordinary_calls_are_none(void **state)
{
	(void)state;
	text none = {.n = 0}, transfer = bytes_of("a9059cbb" W0 W0), t;
	dp_safe_call c;
	t = exec_of(EVIL, &transfer, 0); // a call, as from any wallet
	assert_false(dp_safe_maybe(t.p, t.n));
	assert_false(judge(&c, &t));
	t = exec_of(SIGN_LIB, &none, 1);
	assert_true(dp_safe_maybe(t.p, t.n));
	assert_false(judge(&c, &t));
	// A batch of ordinary calls, one of them to the same contract.
	text batch = {.n = 0};
	add_packed(&batch, 0, EVIL, &transfer);
	add_packed(&batch, 0, SIGN_LIB, &none);
	add_packed(&batch, 1, SIGN_LIB, &none);
	text many = multi_send(&batch);
	t = exec_of(MULTI_SEND, &many, 1);
	assert_false(judge(&c, &t));
}

static void foreign_code_is_suspicious_by_itself(void **state)
{
	(void)state;
	text none = {.n = 0}, other = bytes_of("12345678"), some = bytes_of("a9059cbb" W0), t;
	add_word(&some, 7);
	dp_safe_call c;
	t = exec_of(EVIL, &none, 1);
	assert_true(judge(&c, &t));
	assert_int_equal(c.score, 700);
	assert_false(c.has_selector);
	t = exec_of(EVIL, &other, 1);
	assert_true(judge(&c, &t));
	assert_int_equal(c.score, 700);
	assert_int_equal(c.selector, 0x12345678);
	t = exec_of(EVIL, &some, 1);
	assert_true(judge(&c, &t));
	assert_int_equal(c.score, 900);
}

static void a_batch_does_not_hide_it(void **state)
{
	(void)state;
	text none = {.n = 0}, transfer = bytes_of("a9059cbb" W0 W0), t;
	dp_safe_call c;
	for (uint32_t depth = 0; depth < 6; depth++) {
		text inner = transfer;
		const char *to = EVIL;
		for (uint32_t d = 0; d <= depth; d++) {
			text batch = {.n = 0};
			add_packed(&batch, 0, SIGN_LIB, &none);
			add_packed(&batch, 1, to, &inner);
			inner = multi_send(&batch);
			to = MULTI_SEND;
		}
		t = exec_of(MULTI_SEND, &inner, 1);
		assert_int_equal(judge(&c, &t), depth < 4);
		if (depth >= 4) continue;
		assert_int_equal(c.score, 950);
		assert_true(c.is_batched);
	}
}

// Old contracts do not look at the high bytes, so a byte there must not hide anything.
static void dirty_words_are_read_as_the_contract_reads_them(void **state)
{
	(void)state;
	text t = bybit_call();
	dp_safe_call c;
	memset(t.p + 4, 0xff, 12);
	memset(t.p + 4 + 96, 0xff, 31);
	assert_true(judge(&c, &t));
	assert_int_equal(c.score, 950);
}

static void cut_and_lying_call_data_breaks_nothing(void **state)
{
	(void)state;
	text whole = bybit_call(), none = {.n = 0}, batch = {.n = 0};
	add_packed(&batch, 0, SIGN_LIB, &none);
	add_packed(&batch, 1, EVIL, &none);
	text many = multi_send(&batch), packed = exec_of(MULTI_SEND, &many, 1), t;
	dp_safe_call c;
	for (size_t n = 0; n <= whole.n; n++) {
		t = whole;
		t.n = n;
		assert_int_equal(judge(&c, &t), n >= DP_SAFE_HEAD_SIZE);
	}
	for (size_t n = 0; n < packed.n; n++) {
		t = packed;
		t.n = n;
		(void)judge(&c, &t);
	}
	t_rng r = {.s = 11};
	for (uint32_t i = 0; i < 20000; i++) {
		t = t_below(&r, 2) == 0 ? whole : packed;
		for (uint32_t k = 0; k < 4; k++)
			t.p[4 + t_below(&r, (uint32_t)t.n - 4)] = (uint8_t)(t_below(&r, 2) * 255);
		if (judge(&c, &t)) assert_in_range(c.score, 700, DP_SAFE_SCORE_MAX);
	}
}

static void the_list_is_spelt_right(void **state)
{
	(void)state;
	uint32_t count;
	const dp_safe_contract *list = dp_safe_contracts(&count);
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	assert_non_null(chain);
	for (uint32_t i = 0; i < count; i++) {
		dp_addr a;
		dp_fault fault;
		// EIP-55: a wrong digit makes a wrong checksum.
		assert_int_equal(
		    dp_addr_parse(&a, list[i].address, strlen(list[i].address), chain, &fault),
		    DP_OK);
		assert_string_equal(dp_safe_genuine(a.bytes), list[i].role);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(list[i].address, list[k].address);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bybit_was_taken_over),
	    cmocka_unit_test(a_block_carries_it),
	    cmocka_unit_test(ordinary_calls_are_none),
	    cmocka_unit_test(foreign_code_is_suspicious_by_itself),
	    cmocka_unit_test(a_batch_does_not_hide_it),
	    cmocka_unit_test(dirty_words_are_read_as_the_contract_reads_them),
	    cmocka_unit_test(cut_and_lying_call_data_breaks_nothing),
	    cmocka_unit_test(the_list_is_spelt_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The transaction by which Bybit's wallet was taken over, for tests: 0x46deef0f... of 21 February
// 2025 as it was sent (tests/data/ethereum/README.md).
#ifndef DP_TESTS_UNIT_BYBIT_TAKEOVER_H
#define DP_TESTS_UNIT_BYBIT_TAKEOVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "codec/hex.h"

enum { BYBIT_TX_SIZE = 814, BYBIT_CALL_AT = 39, BYBIT_CALL_SIZE = 708 };

static inline void bybit_takeover(uint8_t ret_tx[BYBIT_TX_SIZE])
{
	char hex[2 * BYBIT_TX_SIZE + 1] = {0};
	FILE *f = fopen("tests/data/ethereum/bybit-takeover.hex", "r");
	assert_non_null(f);
	assert_int_equal(fread(hex, 1, 2 * BYBIT_TX_SIZE, f), 2 * BYBIT_TX_SIZE);
	assert_int_equal(fclose(f), 0);
	assert_true(dp_hex_decode(ret_tx, BYBIT_TX_SIZE, hex));
}

#endif

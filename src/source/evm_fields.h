// Members of a node's answers, with faults that say where. A private part of source/evm_json.c and
// source/evm_traces.c.
#ifndef DP_SOURCE_EVM_FIELDS_H
#define DP_SOURCE_EVM_FIELDS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "codec/json.h"

// "block 15000000, transaction 3, log 5: ..." Outer and inner thing may be NULL.
typedef struct dp_evm_place {
	uint64_t height;
	const char *outer, *inner;
	uint64_t outer_index, inner_index;
	dp_fault *fault;
} dp_evm_place;

dp_code dp_evm_bad(const dp_evm_place *at, const char *format, ...) DP_PRINTF(2, 3);

// Neither missing nor null.
bool dp_evm_is_given(const dp_json *value);

// A member that must be there.
DP_MUST dp_code dp_evm_field_u64(const dp_evm_place *at, uint64_t *ret_value, const dp_json *object,
                                 const char *key);
DP_MUST dp_code dp_evm_field_u256(const dp_evm_place *at, dp_u256 *ret_value, const dp_json *object,
                                  const char *key);
DP_MUST dp_code dp_evm_field_bytes(const dp_evm_place *at, uint8_t *ret_bytes, size_t n,
                                   const dp_json *object, const char *key);

// A member that may be missing or null: *ret_given says, and then the value is untouched.
DP_MUST dp_code dp_evm_maybe_u64(const dp_evm_place *at, bool *ret_given, uint64_t *ret_value,
                                 const dp_json *object, const char *key);
DP_MUST dp_code dp_evm_maybe_u256(const dp_evm_place *at, bool *ret_given, dp_u256 *ret_value,
                                  const dp_json *object, const char *key);
DP_MUST dp_code dp_evm_maybe_bytes(const dp_evm_place *at, bool *ret_given, uint8_t *ret_bytes,
                                   size_t n, const dp_json *object, const char *key);

#endif

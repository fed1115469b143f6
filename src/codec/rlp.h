// RLP, Ethereum's serialisation (Yellow Paper, appendix B): writing only, into a buffer that grows
// to a stated maximum. A list is begun, filled and ended; its length is put in front at the end.
#ifndef DP_CODEC_RLP_H
#define DP_CODEC_RLP_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"

enum { DP_RLP_DEPTH_MAX = 16 };
#define DP_RLP_SIZE_MAX (UINT64_C(256) << 20)

// Zero-initialise. Errors stick: `code` is the first, and what follows does nothing.
typedef struct dp_rlp {
	uint8_t *bytes; // dp_rlp_done frees
	uint64_t size, cap;
	uint64_t list_at[DP_RLP_DEPTH_MAX];
	uint32_t depth;
	dp_code code;
} dp_rlp;

void dp_rlp_clear(dp_rlp *r); // empty, keeps the memory
void dp_rlp_done(dp_rlp *r);
void dp_rlp_list(dp_rlp *r);
void dp_rlp_list_end(dp_rlp *r);
void dp_rlp_bytes(dp_rlp *r, const void *bytes, size_t n); // a string, as it is
// A string of n > 1 bytes that the caller writes to where this points; NULL after an error.
uint8_t *dp_rlp_string(dp_rlp *r, size_t n);
void dp_rlp_u64(dp_rlp *r, uint64_t v); // an integer: no leading zeros
void dp_rlp_u256(dp_rlp *r, dp_u256 v);
// Bytes that are RLP already, or a type byte before it.
void dp_rlp_raw(dp_rlp *r, const void *bytes, size_t n);

#endif

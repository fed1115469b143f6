// Hashes that ledgers use. SHA-256 and RIPEMD-160 are nettle's; Keccak-256 is ours, because
// Debian's libraries have only SHA3-256, which pads differently (0x06 where Keccak has 0x01).
#ifndef DP_CODEC_HASH_H
#define DP_CODEC_HASH_H
#include <stddef.h>
#include <stdint.h>

void dp_sha256(uint8_t ret[32], const void *data, size_t n);
void dp_sha1(uint8_t ret[20], const void *data, size_t n);    // for UUIDs of version 5 only
void dp_sha256d(uint8_t ret[32], const void *data, size_t n); // SHA-256 of SHA-256
void dp_ripemd160(uint8_t ret[20], const void *data, size_t n);
void dp_hash160(uint8_t ret[20], const void *data, size_t n); // RIPEMD-160 of SHA-256
void dp_keccak256(uint8_t ret[32], const void *data, size_t n);

// SHA-256d over several pieces, for transaction ids without their witness.
typedef struct dp_sha256d_state {
	_Alignas(16) uint8_t opaque[128];
} dp_sha256d_state;
void dp_sha256d_init(dp_sha256d_state *s);
void dp_sha256d_update(dp_sha256d_state *s, const void *data, size_t n);
void dp_sha256d_final(dp_sha256d_state *s, uint8_t ret[32]);
#endif

// Keccak-256 of many short messages in one call.
//
// A permutation of one state keeps a processor's vector units idle; four states side by side with
// AVX2, or eight with AVX-512, take little longer than one. Results are those of dp_keccak256
// (codec/hash.h), which is also what runs where the processor has neither.
#ifndef DP_CODEC_KECCAK_MANY_H
#define DP_CODEC_KECCAK_MANY_H
#include <stddef.h>
#include <stdint.h>

// With its padding a message has to fit one block.
enum { DP_KECCAK_MANY_SIZE_MAX = 135, DP_KECCAK_MANY_WIDTH_MAX = 8 };

// `count` messages of `size` bytes, one behind the other, into `count` hashes of 32 bytes. `ret`
// must not overlap `data`.
void dp_keccak256_many(uint8_t *ret, const uint8_t *data, size_t size, size_t count);

// For tests: with so many side by side (1, 4, 8); a width that the processor has not is 1.
void dp_keccak256_many_of(uint8_t *ret, const uint8_t *data, size_t size, size_t count,
                          unsigned width);
unsigned dp_keccak256_many_width(void); // of this processor
#endif

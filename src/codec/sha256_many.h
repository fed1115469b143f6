// SHA-256d of many messages in one call.
//
// Checking a block means thousands of short, independent hashes (transaction ids, merkle nodes).
// One message alone leaves a processor with SHA instructions half idle: each round waits for the
// one before. Two messages side by side fill the gaps, which a call for each message cannot do.
// Results are those of dp_sha256d (codec/hash.h), which is also what runs where the processor has
// no such instructions.
#ifndef DP_CODEC_SHA256_MANY_H
#define DP_CODEC_SHA256_MANY_H
#include <stddef.h>
#include <stdint.h>

// One message: head, then body, then tail, each possibly empty. Three pieces let a Bitcoin
// transaction be hashed without its witness where it stands, without a copy.
typedef struct dp_sha256d_job {
	const uint8_t *head, *body, *tail;
	size_t head_size, body_size, tail_size;
	uint8_t *ret; // 32 bytes; must not overlap any message
} dp_sha256d_job;

void dp_sha256d_many(const dp_sha256d_job *jobs, size_t count);

// `count` messages of 64 bytes, one after the other, into `count` hashes. `ret` may be `data`
// itself: a merkle tree is folded in place.
void dp_sha256d_64(uint8_t *ret, const uint8_t *data, size_t count);

// For tests: the plain path, whatever the processor can do.
void dp_sha256d_many_plain(const dp_sha256d_job *jobs, size_t count);
void dp_sha256d_64_plain(uint8_t *ret, const uint8_t *data, size_t count);
#endif

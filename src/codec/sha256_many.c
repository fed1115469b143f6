// See sha256_many.h.
//
// Why not nettle alone: nettle hashes one message at a time. A block of mainnet needs some 87,000
// compressions beside the 25,000 its bytes would need, at 37 ns each; two at a time they take
// little more than half. The compression function is FIPS 180-4's, written with the SHA
// extensions of x86 (Intel SDM, SHA256RNDS2, SHA256MSG1, SHA256MSG2); the register layout
// {A,B,E,F} and {C,D,G,H} is the one those instructions ask for. The tests compare every length
// around the block boundaries with nettle's result.
//
// A message is a stream of 64-byte blocks: those of the message with its padding, then one more
// for the hash of the hash. A lane walks one stream; when it ends the lane takes the next
// message, so that both lanes are busy until the messages run out.
#include "codec/sha256_many.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "codec/hash.h"

void dp_sha256d_many_plain(const dp_sha256d_job *jobs, size_t count)
{
	DP_CHECK(jobs != NULL || count == 0);
	for (size_t i = 0; i < count; i++) {
		const dp_sha256d_job *j = &jobs[i];
		DP_CHECK(j->ret != NULL);
		if (j->head_size == 0 && j->tail_size == 0) {
			dp_sha256d(j->ret, j->body, j->body_size);
			continue;
		}
		dp_sha256d_state s;
		dp_sha256d_init(&s);
		dp_sha256d_update(&s, j->head, j->head_size);
		dp_sha256d_update(&s, j->body, j->body_size);
		dp_sha256d_update(&s, j->tail, j->tail_size);
		dp_sha256d_final(&s, j->ret);
	}
}

void dp_sha256d_64_plain(uint8_t *ret, const uint8_t *data, size_t count)
{
	DP_CHECK((ret != NULL && data != NULL) || count == 0);
	for (size_t i = 0; i < count; i++) {
		uint8_t hash[32]; // the input may be where the output goes
		dp_sha256d(hash, data + 64 * i, 64);
		memcpy(ret + 32 * i, hash, 32);
	}
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define SHA_INLINE SHA_TARGET __attribute__((always_inline)) static inline

// FIPS 180-4, 4.2.2: the first 32 bits of the fraction of the cube roots of the first 64 primes.
static const _Alignas(16) uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// One message under way.
typedef struct sha_lane {
	__m128i abef, cdgh;
	const dp_sha256d_job *job; // NULL: the lane has nothing to do
	size_t block, block_count; // of the message with its padding; the hash's own block follows
	_Alignas(16) uint8_t buffer[64];
} sha_lane;

SHA_INLINE __m128i load_words(const uint8_t *p)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), swap);
}

// Four rounds with the message words `m`.
SHA_INLINE void four_rounds(__m128i *abef, __m128i *cdgh, __m128i m, int round)
{
	__m128i k = _mm_load_si128((const __m128i *)(const void *)&round_constant[round]);
	__m128i wk = _mm_add_epi32(m, k);
	*cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk);
	*abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

// The four message words sixteen rounds after those in m0.
SHA_INLINE __m128i next_words(__m128i m0, __m128i m1, __m128i m2, __m128i m3)
{
	__m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(m0, m1), _mm_alignr_epi8(m3, m2, 4));
	return _mm_sha256msg2_epu32(t, m3);
}

// Runs one block through each of two lanes, instruction by instruction in turn.
SHA_INLINE void compress_two(sha_lane *x, const uint8_t *xp, sha_lane *y, const uint8_t *yp)
{
	__m128i xa = x->abef, xc = x->cdgh, ya = y->abef, yc = y->cdgh;
	__m128i x0 = load_words(xp), x1 = load_words(xp + 16);
	__m128i x2 = load_words(xp + 32), x3 = load_words(xp + 48);
	__m128i y0 = load_words(yp), y1 = load_words(yp + 16);
	__m128i y2 = load_words(yp + 32), y3 = load_words(yp + 48);
	for (int round = 0; round < 48; round += 16) {
		four_rounds(&xa, &xc, x0, round);
		four_rounds(&ya, &yc, y0, round);
		x0 = next_words(x0, x1, x2, x3);
		y0 = next_words(y0, y1, y2, y3);
		four_rounds(&xa, &xc, x1, round + 4);
		four_rounds(&ya, &yc, y1, round + 4);
		x1 = next_words(x1, x2, x3, x0);
		y1 = next_words(y1, y2, y3, y0);
		four_rounds(&xa, &xc, x2, round + 8);
		four_rounds(&ya, &yc, y2, round + 8);
		x2 = next_words(x2, x3, x0, x1);
		y2 = next_words(y2, y3, y0, y1);
		four_rounds(&xa, &xc, x3, round + 12);
		four_rounds(&ya, &yc, y3, round + 12);
		x3 = next_words(x3, x0, x1, x2);
		y3 = next_words(y3, y0, y1, y2);
	}
	four_rounds(&xa, &xc, x0, 48);
	four_rounds(&ya, &yc, y0, 48);
	four_rounds(&xa, &xc, x1, 52);
	four_rounds(&ya, &yc, y1, 52);
	four_rounds(&xa, &xc, x2, 56);
	four_rounds(&ya, &yc, y2, 56);
	four_rounds(&xa, &xc, x3, 60);
	four_rounds(&ya, &yc, y3, 60);
	x->abef = _mm_add_epi32(x->abef, xa);
	x->cdgh = _mm_add_epi32(x->cdgh, xc);
	y->abef = _mm_add_epi32(y->abef, ya);
	y->cdgh = _mm_add_epi32(y->cdgh, yc);
}

// The initial hash value of FIPS 180-4, 5.3.3.
SHA_INLINE void lane_reset(sha_lane *l)
{
	l->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
	l->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
}

SHA_INLINE void lane_digest(const sha_lane *l, uint8_t *ret)
{
	const __m128i reverse = _mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL);
	__m128i dcba = _mm_unpackhi_epi64(l->cdgh, l->abef);
	__m128i hgfe = _mm_unpacklo_epi64(l->cdgh, l->abef);
	_mm_storeu_si128((__m128i *)(void *)ret, _mm_shuffle_epi8(dcba, reverse));
	_mm_storeu_si128((__m128i *)(void *)(ret + 16), _mm_shuffle_epi8(hgfe, reverse));
}

// What follows a message of 32 bytes in its only block: the bit, zeros, the length 256.
static void pad_after_hash(uint8_t buffer[64])
{
	memset(buffer + 32, 0, 32);
	buffer[32] = 0x80;
	buffer[62] = 0x01;
}

static size_t job_size(const dp_sha256d_job *j)
{
	return j->head_size + j->body_size + j->tail_size;
}

// Copies what of the piece [piece_at, piece_at + size) of the message falls into the 64 bytes
// from `from` on.
static void copy_piece(uint8_t buffer[64], size_t from, const uint8_t *piece, size_t piece_at,
                       size_t size)
{
	if (size == 0 || piece_at >= from + 64 || piece_at + size <= from) return;
	size_t begin = piece_at > from ? piece_at : from;
	size_t end = piece_at + size < from + 64 ? piece_at + size : from + 64;
	memcpy(buffer + (begin - from), piece + (begin - piece_at), end - begin);
}

// The lane's next 64 bytes: where they stand when whole in the body, else put together.
static const uint8_t *lane_bytes(sha_lane *l)
{
	const dp_sha256d_job *j = l->job;
	if (j == NULL || l->block == l->block_count) return l->buffer;
	size_t from = 64 * l->block, size = job_size(j);
	if (from >= j->head_size && from + 64 <= j->head_size + j->body_size)
		return j->body + (from - j->head_size);
	memset(l->buffer, 0, sizeof l->buffer);
	copy_piece(l->buffer, from, j->head, 0, j->head_size);
	copy_piece(l->buffer, from, j->body, j->head_size, j->body_size);
	copy_piece(l->buffer, from, j->tail, j->head_size + j->body_size, j->tail_size);
	if (size >= from && size < from + 64) l->buffer[size - from] = 0x80;
	if (l->block + 1 == l->block_count)
		for (size_t i = 0; i < 8; i++)
			l->buffer[63 - i] = (uint8_t)((uint64_t)size * 8 >> (8 * i));
	return l->buffer;
}

// After a block: on to the next, to the hash of the hash, or to the next message.
SHA_TARGET static void lane_advance(sha_lane *l, const dp_sha256d_job **next,
                                    const dp_sha256d_job *end)
{
	if (l->job != NULL && ++l->block < l->block_count) return;
	if (l->job != NULL && l->block == l->block_count) {
		lane_digest(l, l->buffer);
		pad_after_hash(l->buffer);
		lane_reset(l);
		return;
	}
	if (l->job != NULL) lane_digest(l, l->job->ret);
	l->job = *next < end ? (*next)++ : NULL;
	if (l->job == NULL) return;
	l->block = 0;
	l->block_count = (job_size(l->job) + 9 + 63) / 64;
	lane_reset(l);
}

SHA_TARGET static void many_sha(const dp_sha256d_job *jobs, size_t count)
{
	sha_lane x = {0}, y = {0};
	const dp_sha256d_job *next = jobs, *end = jobs + count;
	lane_advance(&x, &next, end);
	lane_advance(&y, &next, end);
	while (x.job != NULL || y.job != NULL) {
		const uint8_t *xp = lane_bytes(&x), *yp = lane_bytes(&y);
		compress_two(&x, xp, &y, yp);
		lane_advance(&x, &next, end);
		lane_advance(&y, &next, end);
	}
	DP_CHECK(next == end);
}

// Always two messages: both lanes have the same three blocks, so nothing has to be looked up.
SHA_TARGET static void two_of_64(uint8_t *ret_x, uint8_t *ret_y, const uint8_t *xp,
                                 const uint8_t *yp)
{
	static const _Alignas(16) uint8_t padding[64] = {[0] = 0x80, [62] = 0x02};
	sha_lane x, y;
	lane_reset(&x);
	lane_reset(&y);
	compress_two(&x, xp, &y, yp);
	compress_two(&x, padding, &y, padding);
	lane_digest(&x, x.buffer);
	lane_digest(&y, y.buffer);
	pad_after_hash(x.buffer);
	pad_after_hash(y.buffer);
	lane_reset(&x);
	lane_reset(&y);
	compress_two(&x, x.buffer, &y, y.buffer);
	lane_digest(&x, ret_x);
	lane_digest(&y, ret_y);
}

static void many_of_64(uint8_t *ret, const uint8_t *data, size_t count)
{
	size_t i = 0;
	for (; i + 2 <= count; i += 2)
		two_of_64(ret + 32 * i, ret + 32 * i + 32, data + 64 * i, data + 64 * i + 64);
	uint8_t spare[32];
	if (i < count) two_of_64(ret + 32 * i, spare, data + 64 * i, data + 64 * i);
}

// CPUID leaf 7, EBX bit 29: SHA extensions; leaf 1, ECX bits 9 and 19: SSSE3 and SSE4.1.
static bool has_sha(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
	if ((c & (1u << 9)) == 0 || (c & (1u << 19)) == 0) return false;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
	return (b & (1u << 29)) != 0;
}

// Asked once: CPUID takes longer than a hash. Threads may ask twice and get the same answer.
static bool use_sha(void)
{
	static int known; // 0 not asked, 1 no, 2 yes
	int k = __atomic_load_n(&known, __ATOMIC_RELAXED);
	if (k == 0) {
		k = has_sha() ? 2 : 1;
		__atomic_store_n(&known, k, __ATOMIC_RELAXED);
	}
	DP_CHECK(k == 1 || k == 2);
	return k == 2;
}

#else

static bool use_sha(void)
{
	return false;
}

#define many_sha dp_sha256d_many_plain
#define many_of_64 dp_sha256d_64_plain

#endif

void dp_sha256d_many(const dp_sha256d_job *jobs, size_t count)
{
	DP_CHECK(jobs != NULL || count == 0);
	if (count == 0) return;
	if (use_sha())
		many_sha(jobs, count);
	else
		dp_sha256d_many_plain(jobs, count);
}

void dp_sha256d_64(uint8_t *ret, const uint8_t *data, size_t count)
{
	DP_CHECK((ret != NULL && data != NULL) || count == 0);
	if (use_sha())
		many_of_64(ret, data, count);
	else
		dp_sha256d_64_plain(ret, data, count);
}

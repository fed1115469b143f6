// Hashes that ledgers use, see hash.h.
//
// SHA-256 and RIPEMD-160 are nettle's, called with a context on the stack: nettle picks the SHA
// instructions of the processor by itself, and its digest call leaves the context ready for the
// next message, which makes SHA-256d one initialisation and two digests.
//
// Keccak-256 is the sponge of Keccak with rate 1088 and capacity 512 bits, as submitted to NIST
// (Bertoni, Daemen, Peeters, Van Assche: "The Keccak reference", version 3.0, 2011): 24 rounds of
// theta, rho, pi, chi, iota over 5 x 5 lanes of 64 bits. Ethereum took it before FIPS 202 changed
// the padding: the byte after the message is 0x01, where SHA3-256 has 0x06. The round constants
// and rotation offsets below are those of the reference, section 1.2; the tests hold them against
// published digests.
#include "codec/hash.h"

#include <nettle/ripemd160.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/check.h"

//- SHA-256 and RIPEMD-160 ------------------------------------------------------------------------

void dp_sha256(uint8_t ret[32], const void *data, size_t n)
{
	DP_CHECK(ret != NULL);
	DP_CHECK(data != NULL || n == 0);
	struct sha256_ctx c;
	sha256_init(&c);
	sha256_update(&c, n, data);
	sha256_digest(&c, 32, ret);
}

void dp_sha256d(uint8_t ret[32], const void *data, size_t n)
{
	DP_CHECK(ret != NULL);
	DP_CHECK(data != NULL || n == 0);
	struct sha256_ctx c;
	sha256_init(&c);
	sha256_update(&c, n, data);
	sha256_digest(&c, 32, ret);
	sha256_update(&c, 32, ret);
	sha256_digest(&c, 32, ret);
}

void dp_ripemd160(uint8_t ret[20], const void *data, size_t n)
{
	DP_CHECK(ret != NULL);
	DP_CHECK(data != NULL || n == 0);
	struct ripemd160_ctx c;
	ripemd160_init(&c);
	ripemd160_update(&c, n, data);
	ripemd160_digest(&c, 20, ret);
}

void dp_hash160(uint8_t ret[20], const void *data, size_t n)
{
	uint8_t inner[32];
	dp_sha256(inner, data, n);
	dp_ripemd160(ret, inner, sizeof inner);
}

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(dp_sha256d_state),
               "the opaque state must hold nettle's context");
_Static_assert(_Alignof(struct sha256_ctx) <= _Alignof(dp_sha256d_state),
               "the opaque state must be aligned for nettle's context");

void dp_sha256d_init(dp_sha256d_state *s)
{
	DP_CHECK(s != NULL);
	sha256_init((struct sha256_ctx *)(void *)s->opaque);
}

void dp_sha256d_update(dp_sha256d_state *s, const void *data, size_t n)
{
	DP_CHECK(s != NULL);
	DP_CHECK(data != NULL || n == 0);
	sha256_update((struct sha256_ctx *)(void *)s->opaque, n, data);
}

void dp_sha256d_final(dp_sha256d_state *s, uint8_t ret[32])
{
	DP_CHECK(s != NULL);
	DP_CHECK(ret != NULL);
	struct sha256_ctx *c = (struct sha256_ctx *)(void *)s->opaque;
	sha256_digest(c, 32, ret);
	sha256_update(c, 32, ret);
	sha256_digest(c, 32, ret);
}

//- Keccak-256 ------------------------------------------------------------------------------------

enum { KECCAK_RATE = 136, KECCAK_LANES = 25, KECCAK_ROUNDS = 24 };

static const uint64_t keccak_iota[KECCAK_ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotl64(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

// Chi on one row of five lanes: each lane takes in the lane two further where the next is 0.
#define CHI(out, y, b)                                                                             \
	do {                                                                                       \
		(out)[(y) + 0] = (b)[0] ^ (~(b)[1] & (b)[2]);                                      \
		(out)[(y) + 1] = (b)[1] ^ (~(b)[2] & (b)[3]);                                      \
		(out)[(y) + 2] = (b)[2] ^ (~(b)[3] & (b)[4]);                                      \
		(out)[(y) + 3] = (b)[3] ^ (~(b)[4] & (b)[0]);                                      \
		(out)[(y) + 4] = (b)[4] ^ (~(b)[0] & (b)[1]);                                      \
	} while (0)

// One round from `a` into `e`. Rho and pi are written out: row y of the result gathers the lanes
// that pi brings there, each turned by its rho offset after theta's column sums went in.
static inline __attribute__((always_inline)) void keccak_round(uint64_t *restrict e,
                                                               const uint64_t *restrict a,
                                                               uint64_t iota)
{
	uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
	uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
	uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
	uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
	uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
	uint64_t d0 = c4 ^ rotl64(c1, 1), d1 = c0 ^ rotl64(c2, 1), d2 = c1 ^ rotl64(c3, 1);
	uint64_t d3 = c2 ^ rotl64(c4, 1), d4 = c3 ^ rotl64(c0, 1);

	uint64_t r0[5] = {a[0] ^ d0, rotl64(a[6] ^ d1, 44), rotl64(a[12] ^ d2, 43),
	                  rotl64(a[18] ^ d3, 21), rotl64(a[24] ^ d4, 14)};
	CHI(e, 0, r0);
	e[0] ^= iota;
	uint64_t r1[5] = {rotl64(a[3] ^ d3, 28), rotl64(a[9] ^ d4, 20), rotl64(a[10] ^ d0, 3),
	                  rotl64(a[16] ^ d1, 45), rotl64(a[22] ^ d2, 61)};
	CHI(e, 5, r1);
	uint64_t r2[5] = {rotl64(a[1] ^ d1, 1), rotl64(a[7] ^ d2, 6), rotl64(a[13] ^ d3, 25),
	                  rotl64(a[19] ^ d4, 8), rotl64(a[20] ^ d0, 18)};
	CHI(e, 10, r2);
	uint64_t r3[5] = {rotl64(a[4] ^ d4, 27), rotl64(a[5] ^ d0, 36), rotl64(a[11] ^ d1, 10),
	                  rotl64(a[17] ^ d2, 15), rotl64(a[23] ^ d3, 56)};
	CHI(e, 15, r3);
	uint64_t r4[5] = {rotl64(a[2] ^ d2, 62), rotl64(a[8] ^ d3, 55), rotl64(a[14] ^ d4, 39),
	                  rotl64(a[15] ^ d0, 41), rotl64(a[21] ^ d1, 2)};
	CHI(e, 20, r4);
}

static inline __attribute__((always_inline)) void permute(uint64_t a[KECCAK_LANES])
{
	uint64_t e[KECCAK_LANES];
	// Two rounds at a time, so that no lane is copied.
	for (int i = 0; i < KECCAK_ROUNDS; i += 2) {
		keccak_round(e, a, keccak_iota[i]);
		keccak_round(a, e, keccak_iota[i + 1]);
	}
}

// Chi is "and not", and theta and rho turn lanes: BMI1 has an instruction for the one, and BMI2's
// rotation leaves its source alone, which saves a copy for each. The same code compiled for a
// processor that has both is half as fast again (430 and 665 MB/s with gcc 12).
#if defined(__x86_64__)
__attribute__((target("bmi,bmi2"))) static void permute_bmi(uint64_t a[KECCAK_LANES])
{
	permute(a);
}
#endif

static void permute_plain(uint64_t a[KECCAK_LANES])
{
	permute(a);
}

static void keccak_permute(uint64_t a[KECCAK_LANES])
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
		permute_bmi(a);
		return;
	}
#endif
	permute_plain(a);
}

// Lanes are little-endian whatever the machine is.
static uint64_t load64le(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static void keccak_absorb(uint64_t a[KECCAK_LANES], const uint8_t block[KECCAK_RATE])
{
	for (size_t i = 0; i < KECCAK_RATE / 8; i++) a[i] ^= load64le(block + 8 * i);
	keccak_permute(a);
}

void dp_keccak256(uint8_t ret[32], const void *data, size_t n)
{
	DP_CHECK(ret != NULL);
	DP_CHECK(data != NULL || n == 0);
	const uint8_t *p = data;
	uint64_t a[KECCAK_LANES] = {0};
	for (; n >= KECCAK_RATE; n -= KECCAK_RATE, p += KECCAK_RATE) keccak_absorb(a, p);
	// The padding 10*1: a first 1 bit after the message, a last 1 bit at the end of the block;
	// both fall into one byte (0x81) when a single byte is left.
	uint8_t last[KECCAK_RATE] = {0};
	if (n > 0) memcpy(last, p, n);
	last[n] = 0x01;
	last[KECCAK_RATE - 1] |= 0x80;
	keccak_absorb(a, last);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 8; j++) ret[8 * i + j] = (uint8_t)(a[i] >> (8 * j));
}

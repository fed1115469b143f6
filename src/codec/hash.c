// Hashes that ledgers use, see hash.h.
//
// SHA-256 and RIPEMD-160 are nettle's, called with a context on the stack: nettle picks the SHA
// instructions of the processor by itself, and its digest call leaves the context ready for the
// next message, which makes SHA-256d one initialisation and two digests.
//
// Keccak-256 is the sponge of Keccak with rate 1088 and capacity 512 bits, as submitted to NIST
// (Bertoni, Daemen, Peeters, Van Assche: "The Keccak reference", version 3.0, 2011): 24 rounds of
// theta, rho, pi, chi, iota over 5 x 5 lanes of 64 bits. Ethereum took it before FIPS 202 changed
// the padding: the byte after the message is 0x01, where SHA3-256 has 0x06. The rounds are in
// keccak_round.h; the tests hold them against published digests.
#include "codec/hash.h"

#include <nettle/ripemd160.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/check.h"
#include "codec/keccak_round.h"

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

void dp_sha1(uint8_t ret[20], const void *data, size_t n)
{
	DP_CHECK(ret != NULL);
	DP_CHECK(data != NULL || n == 0);
	struct sha1_ctx c;
	sha1_init(&c);
	sha1_update(&c, n, data);
	sha1_digest(&c, 20, ret);
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

static inline __attribute__((always_inline)) void permute(uint64_t a[DP_KECCAK_LANES])
{
	uint64_t e[DP_KECCAK_LANES];
	// Two rounds at a time, so that no lane is copied.
	for (int i = 0; i < DP_KECCAK_ROUNDS; i += 2) {
		DP_KECCAK_ROUND(uint64_t, e, a, dp_keccak_iota[i]);
		DP_KECCAK_ROUND(uint64_t, a, e, dp_keccak_iota[i + 1]);
	}
}

// Chi is "and not", and theta and rho turn lanes: BMI1 has an instruction for the one, and BMI2's
// rotation leaves its source alone, which saves a copy for each. The same code compiled for a
// processor that has both is half as fast again (430 and 665 MB/s with gcc 12).
#if defined(__x86_64__)
__attribute__((target("bmi,bmi2"))) static void permute_bmi(uint64_t a[DP_KECCAK_LANES])
{
	permute(a);
}
#endif

static void permute_plain(uint64_t a[DP_KECCAK_LANES])
{
	permute(a);
}

static void keccak_permute(uint64_t a[DP_KECCAK_LANES])
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

static void keccak_absorb(uint64_t a[DP_KECCAK_LANES], const uint8_t block[DP_KECCAK_RATE])
{
	for (size_t i = 0; i < DP_KECCAK_RATE / 8; i++) a[i] ^= load64le(block + 8 * i);
	keccak_permute(a);
}

void dp_keccak256(uint8_t ret[32], const void *data, size_t n)
{
	DP_CHECK(ret != NULL);
	DP_CHECK(data != NULL || n == 0);
	const uint8_t *p = data;
	uint64_t a[DP_KECCAK_LANES] = {0};
	for (; n >= DP_KECCAK_RATE; n -= DP_KECCAK_RATE, p += DP_KECCAK_RATE) keccak_absorb(a, p);
	// The padding 10*1: a first 1 bit after the message, a last 1 bit at the end of the block;
	// both fall into one byte (0x81) when a single byte is left.
	uint8_t last[DP_KECCAK_RATE] = {0};
	if (n > 0) memcpy(last, p, n);
	last[n] = 0x01;
	last[DP_KECCAK_RATE - 1] |= 0x80;
	keccak_absorb(a, last);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 8; j++) ret[8 * i + j] = (uint8_t)(a[i] >> (8 * j));
}

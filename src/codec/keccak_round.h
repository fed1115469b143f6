// One round of Keccak-f[1600] for lanes of any type that has ^, &, ~, << and >>: a 64-bit number,
// or a vector of them, which is one state in each of its elements (hash.c, keccak_many.c).
//
// Theta, rho, pi, chi and iota of "The Keccak reference", version 3.0 (Bertoni, Daemen, Peeters,
// Van Assche, 2011), sections 1.2 and 2.3. Rho and pi are written out: row y of the result gathers
// the lanes that pi brings there, each turned by its rho offset after theta's column sums went in.
#ifndef DP_CODEC_KECCAK_ROUND_H
#define DP_CODEC_KECCAK_ROUND_H

#include <stdint.h>

enum { DP_KECCAK_RATE = 136, DP_KECCAK_LANES = 25, DP_KECCAK_ROUNDS = 24 };

static const uint64_t dp_keccak_iota[DP_KECCAK_ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

#define DP_KECCAK_TURN(v, n) ((v) << (n) | (v) >> (64 - (n)))

// Chi on one row of five lanes: each lane takes in the lane two further where the next is 0.
#define DP_KECCAK_CHI(out, y, b)                                                                   \
	do {                                                                                       \
		(out)[(y) + 0] = (b)[0] ^ (~(b)[1] & (b)[2]);                                      \
		(out)[(y) + 1] = (b)[1] ^ (~(b)[2] & (b)[3]);                                      \
		(out)[(y) + 2] = (b)[2] ^ (~(b)[3] & (b)[4]);                                      \
		(out)[(y) + 3] = (b)[3] ^ (~(b)[4] & (b)[0]);                                      \
		(out)[(y) + 4] = (b)[4] ^ (~(b)[0] & (b)[1]);                                      \
	} while (0)

// The column sum of theta, and one row of the result: `n0`..`n4` are the lanes, `t0`..`t4` their
// rho offsets; a lane's column is its number modulo 5.
#define DP_KECCAK_SUM(a, x) ((a)[x] ^ (a)[(x) + 5] ^ (a)[(x) + 10] ^ (a)[(x) + 15] ^ (a)[(x) + 20])
#define DP_KECCAK_LANE(a, d, n, t) DP_KECCAK_TURN((a)[n] ^ (d)[(n) % 5], t)
#define DP_KECCAK_ROW(lane, e, a, d, y, n0, t0, n1, t1, n2, t2, n3, t3, n4, t4)                    \
	do {                                                                                       \
		lane row[5] = {DP_KECCAK_LANE(a, d, n0, t0), DP_KECCAK_LANE(a, d, n1, t1),         \
		               DP_KECCAK_LANE(a, d, n2, t2), DP_KECCAK_LANE(a, d, n3, t3),         \
		               DP_KECCAK_LANE(a, d, n4, t4)};                                      \
		DP_KECCAK_CHI(e, y, row);                                                          \
	} while (0)

// From `a` into `e`, both 25 of `lane`.
#define DP_KECCAK_ROUND(lane, e, a, iota)                                                          \
	do {                                                                                       \
		lane c[5] = {DP_KECCAK_SUM(a, 0), DP_KECCAK_SUM(a, 1), DP_KECCAK_SUM(a, 2),        \
		             DP_KECCAK_SUM(a, 3), DP_KECCAK_SUM(a, 4)};                            \
		lane d[5] = {c[4] ^ DP_KECCAK_TURN(c[1], 1), c[0] ^ DP_KECCAK_TURN(c[2], 1),       \
		             c[1] ^ DP_KECCAK_TURN(c[3], 1), c[2] ^ DP_KECCAK_TURN(c[4], 1),       \
		             c[3] ^ DP_KECCAK_TURN(c[0], 1)};                                      \
		lane first = (a)[0] ^ d[0]; /* not turned at all */                                \
		lane row0[5] = {first, DP_KECCAK_LANE(a, d, 6, 44), DP_KECCAK_LANE(a, d, 12, 43),  \
		                DP_KECCAK_LANE(a, d, 18, 21), DP_KECCAK_LANE(a, d, 24, 14)};       \
		DP_KECCAK_CHI(e, 0, row0);                                                         \
		(e)[0] ^= (iota);                                                                  \
		DP_KECCAK_ROW(lane, e, a, d, 5, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);              \
		DP_KECCAK_ROW(lane, e, a, d, 10, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);               \
		DP_KECCAK_ROW(lane, e, a, d, 15, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);            \
		DP_KECCAK_ROW(lane, e, a, d, 20, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);             \
	} while (0)

#endif

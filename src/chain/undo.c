// See undo.h.
//
// Undo data is the cheapest place to learn what inputs are worth, so this is on the inner loop of
// everything that reads a node's block files: nothing is allocated for a coin, scripts are read
// where they stand, and the templates of nearly all coins are told by their first bytes.
//
// The one script that is not in the data is P2PK of an uncompressed key, of which only x and the
// parity of y are kept. y is a square root modulo p = 2^256 - 2^32 - 977, and since p is 3 modulo 4
// it is (x^3 + 7)^((p + 1) / 4) if there is one (SEC 1, 2.3.4; curve: SEC 2, secp256k1). The
// products are GMP's mpn_*; the remainder modulo p is found by folding, because 2^256 is
// 2^32 + 977 modulo p. That takes a few microseconds and no heap, where mpz_powm takes ten times as
// long.
//
// Sources: Bitcoin Core src/undo.h (TxInUndoFormatter), src/compressor.cpp (DecompressAmount,
// DecompressScript), src/serialize.h (ReadVarInt, ReadCompactSize).
#include "chain/undo.h"

#include <string.h>

#include <gmp.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/u256.h"
#include "codec/hash.h"

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "a number modulo p is four limbs");

enum {
	COIN_SIZE_MIN = 3, // code, amount and kind of script, a byte each
	TX_SIZE_MIN = 1,
	INPUT_BYTES_MIN = 41, // of an input in the block: no block has more inputs than it can hold
	TX_BYTES_MIN = 60,    // and of a transaction
	SCRIPT_KINDS = 6,     // lengths below are kinds
	LIMBS = 4,
};

//- square roots on the curve ---------------------------------------------------------------------

typedef struct field {
	mp_limb_t w[LIMBS]; // below 2^256, not always below p
} field;

#define FOLD ((mp_limb_t)0x1000003d1) // 2^256 modulo p
static const mp_limb_t prime[LIMBS] = {0xfffffffefffffc2f, ~(mp_limb_t)0, ~(mp_limb_t)0,
                                       ~(mp_limb_t)0};

// r = wide modulo p, up to a multiple of p. The first fold leaves at most 34 bits above the 256,
// the second a carry, the third nothing.
static void fold(field *r, const mp_limb_t wide[2 * LIMBS])
{
	mp_limb_t over = mpn_mul_1(r->w, wide + LIMBS, LIMBS, FOLD);
	over += mpn_add_n(r->w, r->w, wide, LIMBS);
	dp_u128 small = (dp_u128)over * FOLD;
	mp_limb_t add[2] = {(mp_limb_t)small, (mp_limb_t)(small >> 64)};
	while (mpn_add(r->w, r->w, LIMBS, add, 2) != 0) {
		add[0] = FOLD;
		add[1] = 0;
	}
}

static void multiply(field *r, const field *a, const field *b)
{
	mp_limb_t wide[2 * LIMBS];
	mpn_mul_n(wide, a->w, b->w, LIMBS);
	fold(r, wide);
}

// r = a^(2^n) * b
static void power(field *r, const field *a, unsigned n, const field *b)
{
	mp_limb_t wide[2 * LIMBS];
	field t = *a;
	for (unsigned i = 0; i < n; i++) {
		mpn_sqr(wide, t.w, LIMBS);
		fold(&t, wide);
	}
	multiply(r, &t, b);
}

static void reduce(field *a)
{
	if (mpn_cmp(a->w, prime, LIMBS) >= 0) mpn_sub_n(a->w, a->w, prime, LIMBS);
	DP_CHECK(mpn_cmp(a->w, prime, LIMBS) < 0); // 2^256 is less than two times p
}

// (p + 1) / 4 in binary is 223 ones, a zero, 22 ones, four zeros, two ones, two zeros. With
// xN = a to the power of N ones, xN+M is xN squared M times, times xM.
static void square_root(field *r, const field *a)
{
	static const field one = {{1, 0, 0, 0}};
	field x2, x3, x6, x9, x11, x22, x44, x88, t;
	power(&x2, a, 1, a);
	power(&x3, &x2, 1, a);
	power(&x6, &x3, 3, &x3);
	power(&x9, &x6, 3, &x3);
	power(&x11, &x9, 2, &x2);
	power(&x22, &x11, 11, &x11);
	power(&x44, &x22, 22, &x22);
	power(&x88, &x44, 44, &x44);
	power(&t, &x88, 88, &x88); // 176
	power(&t, &t, 44, &x44);   // 220
	power(&t, &t, 3, &x3);     // 223
	power(&t, &t, 23, &x22);
	power(&t, &t, 6, &x2);
	power(r, &t, 2, &one);
}

static void load_be(field *r, const uint8_t b[32])
{
	for (size_t i = 0; i < LIMBS; i++) {
		r->w[LIMBS - 1 - i] = 0;
		for (size_t k = 0; k < 8; k++)
			r->w[LIMBS - 1 - i] = r->w[LIMBS - 1 - i] << 8 | b[8 * i + k];
	}
}

// The 65 bytes of the uncompressed key with this x and this parity of y. False when no point of
// the curve has this x.
static bool uncompress_key(uint8_t ret_key[65], const uint8_t x_bytes[32], bool is_odd)
{
	static const mp_limb_t seven = 7;
	field x, square, y, check;
	load_be(&x, x_bytes);
	if (mpn_cmp(x.w, prime, LIMBS) >= 0) return false;
	power(&square, &x, 1, &x);
	if (mpn_add(square.w, square.w, LIMBS, &seven, 1) != 0)
		mpn_add_1(square.w, square.w, LIMBS, FOLD); // it wrapped: what is left is below 7
	square_root(&y, &square);
	multiply(&check, &y, &y);
	reduce(&y);
	reduce(&check);
	reduce(&square);
	if (mpn_cmp(check.w, square.w, LIMBS) != 0) return false;
	// There is no point with y = 0 (-7 is no cube), so that the other root is p - y.
	DP_CHECK(!mpn_zero_p(y.w, LIMBS));
	if (((y.w[0] & 1) != 0) != is_odd) mpn_sub_n(y.w, prime, y.w, LIMBS);
	ret_key[0] = 4;
	memcpy(ret_key + 1, x_bytes, 32);
	for (size_t i = 0; i < 32; i++)
		ret_key[33 + i] = (uint8_t)(y.w[LIMBS - 1 - i / 8] >> (56 - 8 * (i % 8)));
	return true;
}

//- reading ---------------------------------------------------------------------------------------

typedef struct cursor {
	const uint8_t *p;
	size_t size, at;
	uint64_t tx, item; // numbers for faults; transactions from 1, for the coinbase has no part
	const char *why;   // why the last read failed
	const dp_chain *chain;
	dp_undo *undo;
	uint64_t coin_max;
	dp_fault *fault;
} cursor;

__attribute__((cold, noinline)) static dp_code bad(const cursor *c, const char *why)
{
	DP_CHECK(why != NULL);
	DP_CHECK(c->at <= c->size);
	if (c->tx == 0) return dp_fail_offset(c->fault, DP_BAD_BYTES, c->at, "undo data: %s", why);
	return dp_fail_offset(c->fault, DP_BAD_BYTES, c->at,
	                      "undo data, transaction %llu, input %llu: %s",
	                      (unsigned long long)c->tx, (unsigned long long)c->item, why);
}

static inline bool take(cursor *c, uint64_t n, const uint8_t **ret_bytes)
{
	if (__builtin_expect(n > c->size - c->at, 0)) {
		c->why = "runs past the end";
		return false;
	}
	*ret_bytes = c->p + c->at;
	c->at += (size_t)n;
	return true;
}

// CompactSize, in its shortest form only, of things that take at least `item_size` bytes here.
static bool take_count(cursor *c, uint64_t item_size, uint64_t *ret_count)
{
	const uint8_t *p;
	size_t start = c->at, n = 0;
	DP_CHECK(item_size > 0);
	if (!take(c, 1, &p)) return false;
	uint64_t v = *p;
	if (v >= 253) {
		n = (size_t)2 << (v - 253);
		if (!take(c, n, &p)) return false;
		v = 0;
		for (size_t i = n; i > 0; i--) v = v << 8 | p[i - 1];
	}
	// Two bytes begin at 253, four at 2^16, eight at 2^32.
	uint64_t least = n == 0 ? 0 : n == 2 ? 253 : UINT64_C(1) << (4 * n);
	if (v < least || v > (c->size - c->at) / item_size) {
		c->at = start;
		c->why = v < least ? "a count is not written in its shortest form"
		                   : "counts more than the rest can hold";
		return false;
	}
	*ret_count = v;
	return true;
}

// VARINT: each byte has seven bits, and each that another follows adds 1, so that no number has
// two forms.
static bool take_long_varint(cursor *c, uint64_t *ret_value)
{
	uint64_t v = 0;
	DP_CHECK(c->at <= c->size);
	for (size_t at = c->at; at < c->size; at++) {
		uint8_t b = c->p[at];
		if (__builtin_expect(v > UINT64_MAX >> 7, 0)) break;
		v = v << 7 | (b & 0x7f);
		if ((b & 0x80) == 0) {
			c->at = at + 1;
			*ret_value = v;
			return true;
		}
		if (v == UINT64_MAX) break;
		v++;
	}
	c->why = "a number runs past the end or has more than 64 bits";
	return false;
}

// Most have one byte.
static inline bool take_varint(cursor *c, uint64_t *ret_value)
{
	if (c->at >= c->size || c->p[c->at] >= 0x80) return take_long_varint(c, ret_value);
	*ret_value = c->p[c->at++];
	return true;
}

// The inverse of Core's CompressAmount, which takes trailing zeros of the decimal form apart:
//   value = n * 10^e           d = last digit of n, 1 to 9; e is at most 9
//   code  = 1 + 10 * (9 * (n / 10) + d - 1) + e    when e < 9
//   code  = 1 + 10 * (n - 1) + 9                   when e = 9, where n has no last digit removed
// False when the value has more than 64 bits, which Core would let wrap.
static inline bool amount_of(uint64_t *ret_value, uint64_t code)
{
	static const uint64_t ten[10] = {1,      10,      100,      1000,      10000,
	                                 100000, 1000000, 10000000, 100000000, 1000000000};
	if (code == 0) {
		*ret_value = 0;
		return true;
	}
	uint64_t x = code - 1, e = x % 10, n;
	x /= 10;
	if (e < 9)
		n = x / 9 * 10 + x % 9 + 1;
	else
		n = x + 1;
	return !__builtin_mul_overflow(n, ten[e], ret_value);
}

//- coins -----------------------------------------------------------------------------------------

// Addresses are written where they will stay: a copy of 34 bytes just written waits for them.
static inline void set_hash(dp_addr *ret, dp_addr_kind kind, const uint8_t hash[20])
{
	ret->kind = (uint8_t)kind;
	ret->len = 20;
	memcpy(ret->bytes, hash, 20);
	memset(ret->bytes + 20, 0, 12);
}

static void set_key(dp_addr *ret, uint64_t kind, const uint8_t x[32])
{
	uint8_t key[65], hash[20];
	size_t n = 33;
	DP_CHECK(kind >= 2 && kind <= 5);
	if (kind <= 3) {
		key[0] = (uint8_t)kind;
		memcpy(key + 1, x, 32);
	} else if (uncompress_key(key, x, kind == 5)) {
		n = 65;
	} else {
		// Core never writes such a key. It reads one as an empty script, and so do we.
		*ret = dp_addr_from_script(NULL, 0);
		return;
	}
	dp_hash160(hash, key, n);
	set_hash(ret, DP_ADDR_P2PK, hash);
}

static inline bool read_script(cursor *c, dp_addr *ret_from)
{
	uint64_t size;
	const uint8_t *p;
	if (!take_varint(c, &size)) return false;
	if (__builtin_expect(size >= SCRIPT_KINDS, 1)) {
		if (!take(c, size - SCRIPT_KINDS, &p)) return false;
		dp_addr_of_output(ret_from, c->chain, p, (size_t)(size - SCRIPT_KINDS));
	} else if (size < 2) {
		if (!take(c, 20, &p)) return false;
		set_hash(ret_from, size == 0 ? DP_ADDR_P2PKH : DP_ADDR_P2SH, p);
	} else {
		if (!take(c, 32, &p)) return false;
		set_key(ret_from, size, p);
	}
	return true;
}

static inline dp_code read_coin(cursor *c, dp_spent_coin *ret_coin)
{
	uint64_t code, version, packed, value;
	size_t start = c->at;
	if (!take_varint(c, &code)) return bad(c, c->why);
	if (code >> 1 != 0 && !take_varint(c, &version)) return bad(c, c->why);
	if (!take_varint(c, &packed)) return bad(c, c->why);
	if (!amount_of(&value, packed) || value > c->chain->money_max) {
		c->at = start;
		return bad(c, "is worth more than there can be");
	}
	if (!read_script(c, &ret_coin->from)) return bad(c, c->why);
	ret_coin->value = value;
	return DP_OK;
}

static dp_code read_tx(cursor *c)
{
	uint64_t count;
	dp_undo *u = c->undo;
	c->item = 0;
	if (!take_count(c, COIN_SIZE_MIN, &count)) return bad(c, c->why);
	if (count > c->coin_max - u->coin_count) return bad(c, "more inputs than a block can hold");
	DP_TRY(dp_grow((void **)&u->coin, &u->coin_cap, sizeof *u->coin, u->coin_count + count,
	               c->coin_max, c->fault));
	for (; c->item < count; c->item++) DP_TRY(read_coin(c, &u->coin[u->coin_count + c->item]));
	u->coin_count += count;
	u->tx_coins[u->tx_count++] = (uint32_t)count;
	return DP_OK;
}

dp_code dp_undo_decode(dp_undo *undo, const dp_chain *chain, const uint8_t *bytes, size_t size,
                       dp_fault *fault)
{
	DP_CHECK(undo != NULL && (bytes != NULL || size == 0));
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	undo->coin_count = undo->tx_count = 0;
	if (size > DP_UNDO_SIZE_MAX)
		return dp_fail_offset(fault, DP_BAD_BYTES, DP_UNDO_SIZE_MAX,
		                      "undo data: has at most %d bytes, this has %zu",
		                      DP_UNDO_SIZE_MAX, size);
	cursor c = {.p = bytes, .size = size, .chain = chain, .undo = undo, .fault = fault};
	uint64_t count, tx_max = chain->block_size_max / TX_BYTES_MIN;
	c.coin_max = chain->block_size_max / INPUT_BYTES_MIN;
	if (!take_count(&c, TX_SIZE_MIN, &count)) return bad(&c, c.why);
	if (count > tx_max) return bad(&c, "more transactions than a block can hold");
	DP_TRY(dp_grow((void **)&undo->tx_coins, &undo->tx_cap, sizeof *undo->tx_coins, count,
	               tx_max, fault));
	for (c.tx = 1; c.tx <= count; c.tx++) {
		dp_code code = read_tx(&c);
		if (code != DP_OK) {
			undo->coin_count = undo->tx_count = 0;
			return code;
		}
	}
	c.tx = 0;
	if (c.at != size && !chain->has_mweb) {
		undo->coin_count = undo->tx_count = 0;
		return bad(&c, "bytes follow the last transaction");
	}
	DP_CHECK(undo->tx_count == count && undo->coin_count <= c.coin_max);
	return DP_OK;
}

bool dp_undo_belongs(const uint8_t *bytes, size_t size, const uint8_t checksum[32],
                     const uint8_t parent_hash[32])
{
	DP_CHECK(bytes != NULL || size == 0);
	DP_CHECK(checksum != NULL && parent_hash != NULL);
	uint8_t hash[32];
	dp_sha256d_state s;
	dp_sha256d_init(&s);
	dp_sha256d_update(&s, parent_hash, 32);
	dp_sha256d_update(&s, bytes, size);
	dp_sha256d_final(&s, hash);
	return memcmp(hash, checksum, sizeof hash) == 0;
}

void dp_undo_done(dp_undo *undo)
{
	DP_CHECK(undo != NULL);
	dp_free(undo->coin);
	dp_free(undo->tx_coins);
	*undo = (dp_undo){0};
}

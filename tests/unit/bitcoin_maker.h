// Makes small Bitcoin blocks for tests: right ones, and wrong ones that hash as they should, so
// that a test reaches the check it is about and not the merkle root's. Slow and obvious on purpose:
// its hashes go through dp_sha256d alone, not through the code under test.
#ifndef DP_TESTS_BITCOIN_MAKER_H
#define DP_TESTS_BITCOIN_MAKER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "chain/bitcoin.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "codec/hex.h"

enum { MK_TX_MAX = 24, MK_BYTES_MAX = 1 << 14 };

typedef struct mk_bytes {
	uint8_t b[MK_BYTES_MAX];
	size_t n;
} mk_bytes;

static inline void mk_put(mk_bytes *m, const void *p, size_t n)
{
	DP_CHECK(m->n + n <= sizeof m->b);
	if (n > 0) memcpy(m->b + m->n, p, n);
	m->n += n;
}

static inline void mk_int(mk_bytes *m, uint64_t v, size_t n)
{
	uint8_t b[8];
	for (size_t i = 0; i < 8; i++) b[i] = (uint8_t)(v >> (8 * i));
	mk_put(m, b, n);
}

static inline void mk_hex(mk_bytes *m, const char *hex)
{
	uint8_t b[512];
	size_t n = strlen(hex) / 2;
	DP_CHECK(n <= sizeof b && dp_hex_decode(b, n, hex));
	mk_put(m, b, n);
}

typedef struct mk_out {
	uint64_t value;
	const char *script; // hex; NULL: a P2WPKH of our own
} mk_out;

typedef struct mk_in {
	const uint8_t *txid;
	uint32_t vout;
} mk_in;

typedef struct mk_tx {
	mk_bytes plain, full; // without and with witness; `full` empty when there is none
	uint8_t txid[32];
} mk_tx;

typedef struct mk_block {
	uint8_t prev[32];
	int32_t version;
	uint32_t time, bits, nonce;
	mk_tx tx[MK_TX_MAX];
	size_t tx_count;
} mk_block;

static inline void mk_outputs(mk_bytes *m, const mk_out *outs, size_t count)
{
	mk_int(m, count, 1);
	for (size_t i = 0; i < count; i++) {
		const char *script = outs[i].script == NULL
		                         ? "00141111111111111111111111111111111111111111"
		                         : outs[i].script;
		mk_int(m, outs[i].value, 8);
		mk_int(m, strlen(script) / 2, 1);
		mk_hex(m, script);
	}
}

static inline void mk_finish_tx(mk_tx *t)
{
	dp_sha256d(t->txid, t->plain.b, t->plain.n);
}

// A coinbase stating `height`, with `extra` making its txid its own.
static inline mk_tx *mk_coinbase(mk_block *b, uint32_t height, uint32_t extra, const mk_out *outs,
                                 size_t count)
{
	static const uint8_t null[32];
	mk_tx *t = &b->tx[b->tx_count++];
	t->plain.n = t->full.n = 0;
	mk_int(&t->plain, 1, 4);
	mk_int(&t->plain, 1, 1);
	mk_put(&t->plain, null, 32);
	mk_int(&t->plain, 0xffffffff, 4);
	mk_int(&t->plain, 9, 1);
	mk_int(&t->plain, 4, 1); // four bytes of height
	mk_int(&t->plain, height, 4);
	mk_int(&t->plain, extra, 4);
	mk_int(&t->plain, 0xffffffff, 4);
	mk_outputs(&t->plain, outs, count);
	mk_int(&t->plain, 0, 4);
	mk_finish_tx(t);
	return t;
}

static inline mk_tx *mk_spend(mk_block *b, const mk_in *ins, size_t in_count, const mk_out *outs,
                              size_t count)
{
	DP_CHECK(b->tx_count < MK_TX_MAX);
	mk_tx *t = &b->tx[b->tx_count++];
	t->plain.n = t->full.n = 0;
	mk_int(&t->plain, 2, 4);
	mk_int(&t->plain, in_count, 1);
	for (size_t i = 0; i < in_count; i++) {
		mk_put(&t->plain, ins[i].txid, 32);
		mk_int(&t->plain, ins[i].vout, 4);
		mk_int(&t->plain, 0, 1);
		mk_int(&t->plain, 0xfffffffd, 4);
	}
	mk_outputs(&t->plain, outs, count);
	mk_int(&t->plain, 0, 4);
	mk_finish_tx(t);
	return t;
}

// Gives a transaction of one input a witness of one item.
static inline void mk_witness(mk_tx *t, const uint8_t *item, size_t n)
{
	t->full.n = 0;
	mk_put(&t->full, t->plain.b, 4);
	mk_hex(&t->full, "0001");
	mk_put(&t->full, t->plain.b + 4, t->plain.n - 8);
	mk_int(&t->full, 1, 1);
	mk_int(&t->full, n, 1);
	mk_put(&t->full, item, n);
	mk_int(&t->full, 0, 4);
}

static inline void mk_merkle(uint8_t ret[32], const mk_block *b, bool with_witness)
{
	uint8_t node[MK_TX_MAX + 1][32], pair[64];
	size_t n = b->tx_count;
	for (size_t i = 0; i < n; i++) {
		const mk_tx *t = &b->tx[i];
		memcpy(node[i], t->txid, 32);
		if (with_witness && t->full.n > 0) dp_sha256d(node[i], t->full.b, t->full.n);
	}
	if (with_witness) memset(node[0], 0, 32);
	while (n > 1) {
		if (n % 2 != 0) memcpy(node[n], node[n - 1], 32), n++;
		for (size_t i = 0; i < n / 2; i++) {
			memcpy(pair, node[2 * i], 32);
			memcpy(pair + 32, node[2 * i + 1], 32);
			dp_sha256d(node[i], pair, 64);
		}
		n /= 2;
	}
	memcpy(ret, node[0], 32);
}

// The hex of a commitment script for the block's witnesses with a reserved value of zeros; to be
// the only output of a coinbase made after the other transactions and put first.
static inline void mk_commitment(char script[77], const mk_block *b)
{
	uint8_t pair[64] = {0}, hash[32];
	mk_merkle(pair, b, true);
	dp_sha256d(hash, pair, 64);
	memcpy(script, "6a24aa21a9ed", 12);
	dp_hex_encode(script + 12, hash, 32);
}

// Serialises the block with a right merkle root; returns its hash.
static inline void mk_finish(mk_bytes *out, uint8_t ret_hash[32], const mk_block *b)
{
	uint8_t root[32];
	out->n = 0;
	mk_merkle(root, b, false);
	mk_int(out, (uint32_t)(b->version == 0 ? 2 : b->version), 4);
	mk_put(out, b->prev, 32);
	mk_put(out, root, 32);
	mk_int(out, b->time == 0 ? 1500000000 : b->time, 4);
	mk_int(out, b->bits == 0 ? 0x1d00ffff : b->bits, 4);
	mk_int(out, b->nonce, 4);
	dp_sha256d(ret_hash, out->b, 80);
	mk_int(out, b->tx_count, 1);
	for (size_t i = 0; i < b->tx_count; i++) {
		const mk_bytes *t = b->tx[i].full.n > 0 ? &b->tx[i].full : &b->tx[i].plain;
		mk_put(out, t->b, t->n);
	}
}

static inline const uint8_t *mk_txid_of(const char *printed)
{
	static uint8_t id[32];
	uint8_t shown[32];
	DP_CHECK(dp_hex_decode(shown, 32, printed));
	for (size_t i = 0; i < 32; i++) id[i] = shown[31 - i];
	return id;
}

//- files -----------------------------------------------------------------------------------------

// The whole file in memory, to be freed; NULL when it is not there.
static inline uint8_t *mk_load(const char *path, size_t *ret_size)
{
	*ret_size = 0;
	FILE *f = fopen(path, "rb");
	if (f == NULL) return NULL;
	struct stat st;
	DP_CHECK(fstat(fileno(f), &st) == 0 && st.st_size >= 0);
	uint8_t *b = malloc((size_t)st.st_size + 1);
	DP_CHECK(b != NULL && fread(b, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	fclose(f);
	*ret_size = (size_t)st.st_size;
	return b;
}

static inline void mk_save(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	DP_CHECK(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

// Path of a file of the shared data collection; says so and returns false when it is missing.
static inline bool mk_shared(char path[4096], const char *name)
{
	const char *shared = getenv("DYEPACK_SHARED");
	struct stat st;
	int n =
	    snprintf(path, 4096, "%s/data/bitcoin/%s", shared == NULL ? "../shared" : shared, name);
	DP_CHECK(n > 0 && n < 4096);
	if (stat(path, &st) == 0) return true;
	printf("SKIPPED: %s is missing (set DYEPACK_SHARED)\n", path);
	return false;
}

#endif

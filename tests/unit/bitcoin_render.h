// Renders raw Bitcoin blocks as others show them: as a node's answers, and as lines of an export of
// bitcoin-etl. So one block can be read in every way and must come out the same. Slow and obvious:
// it reads blocks by itself, not through the code under test.
#ifndef DP_TESTS_BITCOIN_RENDER_H
#define DP_TESTS_BITCOIN_RENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/address.h"
#include "chain/chain.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "codec/script.h"
#include "codec/input.h"

typedef struct rd_out {
	uint64_t value;
	const uint8_t *script;
	size_t n;
} rd_out;

typedef struct rd_in {
	const uint8_t *txid, *script;
	uint32_t vout, sequence;
	size_t n;
} rd_in;

typedef struct rd_tx {
	const uint8_t *p;
	size_t size, in_count, out_count;
	rd_in *in;
	rd_out *out;
	uint32_t version, lock_time;
	uint8_t txid[32];
} rd_tx;

typedef struct rd_block {
	const uint8_t *p;
	size_t size, tx_count, spent_count, input_count;
	uint64_t height;
	uint8_t hash[32];
	rd_tx *tx;
	rd_out *spent; // of each input, coinbase apart
} rd_block;

static inline void rd_read_tx(rd_tx *t, dp_bytes *b)
{
	size_t start = b->at;
	t->p = b->p + start;
	t->version = dp_bytes_u32le(b);
	bool has_witness = b->p[b->at] == 0;
	if (has_witness) (void)dp_bytes_take(b, 2);
	size_t body = b->at;
	t->in_count = (size_t)dp_bytes_varint(b);
	t->in = calloc(t->in_count, sizeof *t->in);
	for (size_t i = 0; i < t->in_count; i++) {
		t->in[i].txid = dp_bytes_take(b, 32);
		t->in[i].vout = dp_bytes_u32le(b);
		t->in[i].n = (size_t)dp_bytes_varint(b);
		t->in[i].script = dp_bytes_take(b, t->in[i].n);
		t->in[i].sequence = dp_bytes_u32le(b);
	}
	t->out_count = (size_t)dp_bytes_varint(b);
	t->out = calloc(t->out_count, sizeof *t->out);
	for (size_t i = 0; i < t->out_count; i++) {
		t->out[i].value = dp_bytes_u64le(b);
		t->out[i].n = (size_t)dp_bytes_varint(b);
		t->out[i].script = dp_bytes_take(b, t->out[i].n);
	}
	size_t end = b->at;
	for (size_t i = 0; has_witness && i < t->in_count; i++)
		for (uint64_t items = dp_bytes_varint(b); items > 0; items--)
			(void)dp_bytes_take(b, (size_t)dp_bytes_varint(b));
	t->lock_time = dp_bytes_u32le(b);
	DP_CHECK(!b->failed);
	t->size = b->at - start;
	dp_sha256d_state s;
	dp_sha256d_init(&s);
	dp_sha256d_update(&s, t->p, 4);
	dp_sha256d_update(&s, b->p + body, end - body);
	dp_sha256d_update(&s, b->p + b->at - 4, 4);
	dp_sha256d_final(&s, t->txid);
}

static inline void rd_read(rd_block *r, const uint8_t *p, size_t size, uint64_t height)
{
	dp_bytes b = dp_bytes_of(p, size);
	*r = (rd_block){.p = p, .size = size, .height = height};
	dp_sha256d(r->hash, dp_bytes_take(&b, 80), 80);
	r->tx_count = (size_t)dp_bytes_varint(&b);
	r->tx = calloc(r->tx_count, sizeof *r->tx);
	for (size_t i = 0; i < r->tx_count; i++) rd_read_tx(&r->tx[i], &b);
	for (size_t i = 1; i < r->tx_count; i++) r->input_count += r->tx[i].in_count;
	DP_CHECK(b.at == size);
	r->spent = calloc(r->input_count + 1, sizeof *r->spent);
}

static inline void rd_done(rd_block *r)
{
	for (size_t i = 0; i < r->tx_count; i++) {
		free(r->tx[i].in);
		free(r->tx[i].out);
	}
	free(r->tx);
	free(r->spent);
}

// The spent outputs from bcoin's undo file: value, script, one after the other.
static inline void rd_spent_bcoin(rd_block *r, const uint8_t *p, size_t size)
{
	dp_bytes b = dp_bytes_of(p, size);
	for (; b.at < size && !b.failed; r->spent_count++) {
		DP_CHECK(r->spent_count < r->input_count);
		rd_out *o = &r->spent[r->spent_count];
		o->value = dp_bytes_u64le(&b);
		o->n = (size_t)dp_bytes_varint(&b);
		o->script = dp_bytes_take(&b, o->n);
	}
	DP_CHECK(r->spent_count == r->input_count);
}

// The same from a companion in JSON, packed or not. The scripts live as long as the program.
static inline void rd_spent_json(rd_block *r, const char *path)
{
	dp_input *in;
	uint8_t *text;
	size_t size;
	dp_json *doc;
	DP_CHECK(dp_input_open(&in, path, NULL) == DP_OK);
	DP_CHECK(dp_input_read_all(in, &text, &size, 64 << 20, NULL) == DP_OK);
	dp_input_close(in);
	DP_CHECK(dp_json_parse(&doc, (const char *)text, size, NULL) == DP_OK);
	for (const dp_json *e = dp_json_first(doc); e != NULL; e = dp_json_next(e)) {
		DP_CHECK(r->spent_count < r->input_count);
		rd_out *o = &r->spent[r->spent_count++];
		const dp_json *out = dp_json_get(e, "txout");
		const char *hex = dp_json_text(dp_json_get(out, "script_pubkey"));
		static uint8_t scripts[1 << 22];
		static size_t used;
		o->n = strlen(hex) / 2;
		DP_CHECK(used + o->n <= sizeof scripts);
		o->script = scripts + used;
		DP_CHECK(dp_hex_decode(scripts + used, o->n, hex));
		DP_CHECK(dp_json_u64(dp_json_get(out, "value"), &o->value));
		used += o->n;
	}
	DP_CHECK(r->spent_count == r->input_count);
	dp_json_free(doc);
	dp_free(text);
}

static inline const rd_out *rd_find_out(const rd_block *r, const uint8_t txid[32], uint32_t vout)
{
	for (size_t i = 0; i < r->tx_count; i++)
		if (memcmp(r->tx[i].txid, txid, 32) == 0 && vout < r->tx[i].out_count)
			return &r->tx[i].out[vout];
	return NULL;
}

//- printing --------------------------------------------------------------------------------------

static inline void rd_hex(FILE *f, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		putc(digits[p[i] >> 4], f);
		putc(digits[p[i] & 15], f);
	}
}

static inline void rd_hash(FILE *f, const uint8_t h[32])
{
	for (size_t i = 32; i > 0; i--) rd_hex(f, h + i - 1, 1);
}

static inline uint32_t rd_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// `getblock` at verbosity 3, or 2 without prevouts; the fields that nobody reads are left out.
static inline void rd_full(FILE *f, const rd_block *r, bool has_prevouts)
{
	size_t at = 0;
	fprintf(f, "{\"hash\":\"");
	rd_hash(f, r->hash);
	fprintf(f, "\",\"confirmations\":1,\"height\":%llu,\"version\":%d,\"merkleroot\":\"",
	        (unsigned long long)r->height, (int32_t)rd_u32(r->p));
	rd_hash(f, r->p + 36);
	fprintf(f, "\",\"tx\":[");
	for (size_t i = 0; i < r->tx_count; i++) {
		const rd_tx *t = &r->tx[i];
		fprintf(f, "%s{\"txid\":\"", i == 0 ? "" : ",");
		rd_hash(f, t->txid);
		fprintf(f, "\",\"vin\":[");
		for (size_t k = 0; k < t->in_count; k++) {
			if (i == 0) {
				fprintf(f, "{\"coinbase\":\"\",\"sequence\":0}");
				continue;
			}
			const rd_out *o = &r->spent[at++];
			fprintf(f, "%s{\"vout\":%u", k == 0 ? "" : ",", t->in[k].vout);
			if (has_prevouts) {
				fprintf(f,
				        ",\"prevout\":{\"generated\":false,\"value\":%llu.%08llu,"
				        "\"scriptPubKey\":{\"asm\":\"x\",\"hex\":\"",
				        (unsigned long long)(o->value / 100000000),
				        (unsigned long long)(o->value % 100000000));
				rd_hex(f, o->script, o->n);
				fprintf(f, "\"}}");
			}
			fprintf(f, ",\"sequence\":%u}", t->in[k].sequence);
		}
		fprintf(f, "],\"vout\":[],\"hex\":\"");
		rd_hex(f, t->p, t->size);
		fprintf(f, "\"}");
	}
	fprintf(f, "],\"time\":%u,\"nonce\":%u,\"bits\":\"%08x\"", rd_u32(r->p + 68),
	        rd_u32(r->p + 76), rd_u32(r->p + 72));
	if (r->height > 0) {
		fprintf(f, ",\"previousblockhash\":\"");
		rd_hash(f, r->p + 4);
		putc('"', f);
	}
	putc('}', f);
}

//- bitcoin-etl -----------------------------------------------------------------------------------

// What a node calls the script, and the address that bitcoin-etl then writes. `is_old`: as nodes
// did that gave bare keys an address.
static inline void rd_address(FILE *f, const rd_out *o, const dp_chain *chain, bool is_old)
{
	static const char *const names[DP_ADDR_KIND_COUNT] = {
	    [DP_ADDR_P2PKH] = "pubkeyhash",
	    [DP_ADDR_P2SH] = "scripthash",
	    [DP_ADDR_P2WPKH] = "witness_v0_keyhash",
	    [DP_ADDR_P2WSH] = "witness_v0_scripthash",
	    [DP_ADDR_P2TR] = "witness_v1_taproot",
	    [DP_ADDR_WITNESS] = "witness_unknown",
	    [DP_ADDR_P2PK] = "pubkey"};
	dp_addr a = dp_addr_from_script(o->script, o->n);
	const char *name = names[a.kind];
	if (a.kind == DP_ADDR_P2PK && !is_old) name = NULL;
	char text[DP_ADDR_TEXT_MAX];
	if (name != NULL) {
		dp_addr_format(text, &a, chain);
		fprintf(f, "\"type\":\"%s\",\"addresses\":[\"%s\"]", name, text);
		return;
	}
	uint8_t hash[32];
	dp_sha256(hash, o->script, o->n);
	fprintf(f, "\"type\":\"nonstandard\",\"addresses\":[\"nonstandard");
	rd_hex(f, hash, 20);
	fprintf(f, "\"]");
}

typedef struct rd_etl {
	const dp_chain *chain;
	bool is_enriched, is_old, has_no_index;
} rd_etl;

static inline void rd_etl_block(FILE *f, const rd_block *r)
{
	fprintf(f, "{\"hash\": \"");
	rd_hash(f, r->hash);
	fprintf(f,
	        "\", \"size\": %zu, \"stripped_size\": 1, \"weight\": 1, \"number\": %llu, "
	        "\"version\": %d, \"merkle_root\": \"",
	        r->size, (unsigned long long)r->height, (int32_t)rd_u32(r->p));
	rd_hash(f, r->p + 36);
	fprintf(f,
	        "\", \"timestamp\": %u, \"nonce\": \"%x\", \"bits\": \"%08x\", "
	        "\"coinbase_param\": \"00\", \"transaction_count\": %zu}\n",
	        rd_u32(r->p + 68), rd_u32(r->p + 76), rd_u32(r->p + 72), r->tx_count);
}

static inline void rd_etl_tx(FILE *f, const rd_block *r, size_t i, size_t spent_at,
                             const rd_etl *how)
{
	const rd_tx *t = &r->tx[i];
	uint64_t in = 0, out = 0;
	fprintf(f, "{\"hash\": \"");
	rd_hash(f, t->txid);
	fprintf(f,
	        "\", \"size\": %zu, \"virtual_size\": 1, \"version\": %u, \"lock_time\": %u, "
	        "\"block_number\": %llu, \"block_hash\": \"",
	        t->size, t->version, t->lock_time, (unsigned long long)r->height);
	rd_hash(f, r->hash);
	fprintf(f, "\", \"block_timestamp\": %u, \"is_coinbase\": %s, ", rd_u32(r->p + 68),
	        i == 0 ? "true" : "false");
	if (!how->has_no_index) fprintf(f, "\"index\": %zu, ", i);
	fprintf(f, "\"inputs\": [");
	for (size_t k = 0; k < t->in_count && i > 0; k++) {
		const rd_out *o = &r->spent[spent_at + k];
		fprintf(f, "%s{\"index\": %zu, \"spent_transaction_hash\": \"", k == 0 ? "" : ", ",
		        k);
		rd_hash(f, t->in[k].txid);
		fprintf(f, "\", \"spent_output_index\": %u, \"script_hex\": \"", t->in[k].vout);
		rd_hex(f, t->in[k].script, t->in[k].n);
		fprintf(f, "\", \"sequence\": %u, ", t->in[k].sequence);
		if (how->is_enriched) {
			rd_address(f, o, how->chain, how->is_old);
			fprintf(f, ", \"value\": %llu}", (unsigned long long)o->value);
			in += o->value;
		} else {
			fprintf(f, "\"type\": null, \"addresses\": [], \"value\": null}");
		}
	}
	fprintf(f, "], \"outputs\": [");
	for (size_t k = 0; k < t->out_count; k++) {
		fprintf(f, "%s{\"index\": %zu, \"script_hex\": \"", k == 0 ? "" : ", ", k);
		rd_hex(f, t->out[k].script, t->out[k].n);
		fprintf(f, "\", ");
		rd_address(f, &t->out[k], how->chain, how->is_old);
		fprintf(f, ", \"value\": %llu}", (unsigned long long)t->out[k].value);
		out += t->out[k].value;
	}
	// Without values of inputs bitcoin-etl takes them for 0, also in the fee.
	long long fee = i == 0 ? 0 : (long long)in - (long long)out;
	fprintf(f,
	        "], \"input_count\": %zu, \"output_count\": %zu, \"input_value\": %llu, "
	        "\"output_value\": %llu, \"fee\": %lld}\n",
	        i == 0 ? 0 : t->in_count, t->out_count, (unsigned long long)in,
	        (unsigned long long)out, fee);
}

static inline void rd_etl_txs(FILE *f, const rd_block *r, const rd_etl *how)
{
	size_t at = 0;
	for (size_t i = 0; i < r->tx_count; i++) {
		rd_etl_tx(f, r, i, at, how);
		if (i > 0) at += r->tx[i].in_count;
	}
}

#endif

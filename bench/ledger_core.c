// See ledger_core.h. Fields and their order as Bitcoin Core's blockToJSON and TxToUniv write them
// (src/rpc/blockchain.cpp, src/core_write.cpp); what nobody reads (difficulty, checksums of
// descriptors) has the right length only.
#include "bench/ledger_core.h"

#include <inttypes.h>
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
#include "codec/input.h"

enum { HASH, PREV, ROOT, HEIGHT, HEIGHT_BYTES, PREV_BYTES, ROOT_BYTES }; // fields of ln_values
enum { HASH_SIZE = 64, HEIGHT_SIZE = 6, SPENT_MAX = 64 << 20, INPUTS_MAX = 20000 };
enum { SCRIPT_MAX = 10000, COINBASE_SCRIPT = 42, MARKER = 2 };
#define COIN 100000000

typedef struct maker {
	ln_text *out;
	const dp_chain *chain;
	dp_json *spent; // of all inputs, in order
	const dp_json *next;
} maker;

// A hash as it is shown: turned round.
static void put_hash(ln_text *t, const uint8_t hash[32])
{
	uint8_t shown[32];
	for (size_t i = 0; i < 32; i++) shown[i] = hash[31 - i];
	ln_put_hex(t, shown, 32);
}

//- scripts ---------------------------------------------------------------------------------------

static const char *type_of(const uint8_t *s, size_t n)
{
	if (n == 25 && s[0] == 0x76) return "pubkeyhash";
	if (n == 23 && s[0] == 0xa9) return "scripthash";
	if (n == 22 && s[0] == 0) return "witness_v0_keyhash";
	if (n == 34 && s[0] == 0) return "witness_v0_scripthash";
	if (n == 34 && s[0] == 0x51) return "witness_v1_taproot";
	return n > 0 && s[0] == 0x6a ? "nulldata" : "nonstandard";
}

// Words for a script: what is pushed in hexadecimal, with the operations of the usual forms.
static void put_asm(ln_text *t, const uint8_t *s, size_t n)
{
	const char *type = type_of(s, n);
	bool is_key = strcmp(type, "pubkeyhash") == 0, is_script = strcmp(type, "scripthash") == 0;
	size_t skip = is_key ? 3 : 2, tail = is_key ? 2 : is_script ? 1 : 0;
	ln_put(t, is_key      ? "OP_DUP OP_HASH160 "
	          : is_script ? "OP_HASH160 "
	          : n == 0    ? ""
	          : *s == 0   ? "0 "
	          : *s < 0x60 ? "1 "
	                      : "OP_RETURN ");
	if (n > skip + tail) ln_put_hex(t, s + skip, n - skip - tail);
	ln_put(t, is_key ? " OP_EQUALVERIFY OP_CHECKSIG" : is_script ? " OP_EQUAL" : "");
}

static void put_script(maker *m, const uint8_t *s, size_t n)
{
	ln_text *t = m->out;
	char address[DP_ADDR_TEXT_MAX];
	dp_addr a = dp_addr_from_script(s, n);
	bool has_address = strncmp(type_of(s, n), "n", 1) != 0;
	ln_put(t, "{\"asm\":\"");
	put_asm(t, s, n);
	if (has_address) (void)dp_addr_format(address, &a, m->chain);
	if (has_address)
		ln_print(t, "\",\"desc\":\"addr(%s)#qqqqqqqq\",\"hex\":\"", address);
	else
		ln_put(t, "\",\"desc\":\"raw()#qqqqqqqq\",\"hex\":\"");
	ln_put_hex(t, s, n);
	if (has_address) ln_print(t, "\",\"address\":\"%s", address);
	ln_print(t, "\",\"type\":\"%s\"}", type_of(s, n));
}

static void put_value(ln_text *t, uint64_t v)
{
	ln_print(t, "%" PRIu64 ".%08" PRIu64, v / COIN, v % COIN);
}

//- transactions ----------------------------------------------------------------------------------

typedef struct input {
	const uint8_t *prev, *script;
	size_t script_size;
	uint32_t vout, sequence;
} input;

static void put_prevout(maker *m)
{
	static uint8_t script[SCRIPT_MAX];
	uint64_t value = 0, height = 0;
	const dp_json *out = dp_json_get(m->next, "txout");
	const char *hex = dp_json_text(dp_json_get(out, "script_pubkey"));
	DP_CHECK(hex != NULL && dp_json_u64(dp_json_get(out, "value"), &value));
	(void)dp_json_u64(dp_json_get(m->next, "creation_height"), &height);
	size_t n = strlen(hex) / 2;
	DP_CHECK(n <= sizeof script && dp_hex_decode(script, n, hex));
	ln_print(m->out,
	         "\"prevout\":{\"generated\":false,\"height\":%" PRIu64 ",\"value\":", height);
	put_value(m->out, value);
	ln_put(m->out, ",\"scriptPubKey\":");
	put_script(m, script, n);
	ln_put(m->out, "},");
	m->next = dp_json_next(m->next);
}

static void put_witness(ln_text *t, dp_bytes *witness)
{
	uint64_t items = dp_bytes_varint(witness);
	ln_put(t, "\"txinwitness\":[");
	for (uint64_t i = 0; i < items; i++) {
		size_t n = (size_t)dp_bytes_varint(witness);
		const uint8_t *p = dp_bytes_take(witness, n);
		ln_put(t, i > 0 ? ",\"" : "\"");
		if (n > 0) ln_put_hex(t, p, n);
		ln_put(t, "\"");
	}
	ln_put(t, "],");
}

static void put_input(maker *m, const input *in, dp_bytes *witness, bool is_coinbase)
{
	ln_text *t = m->out;
	if (is_coinbase) {
		ln_put(t, "{\"coinbase\":\"");
		size_t at = t->bytes.n;
		ln_put_hex(t, in->script, in->script_size);
		ln_gap_at(t, HEIGHT_BYTES, at + 2, HEIGHT_SIZE); // behind the push
		ln_put(t, "\",");
	} else {
		ln_put(t, "{\"txid\":\"");
		put_hash(t, in->prev);
		ln_print(t, "\",\"vout\":%u,\"scriptSig\":{\"asm\":\"", in->vout);
		ln_put_hex(t, in->script, in->script_size);
		ln_put(t, "\",\"hex\":\"");
		ln_put_hex(t, in->script, in->script_size);
		ln_put(t, "\"},");
	}
	if (witness != NULL) put_witness(t, witness);
	if (!is_coinbase) put_prevout(m);
	ln_print(t, "\"sequence\":%u}", in->sequence);
}

static size_t read_inputs(input *ret_input, dp_bytes *b)
{
	size_t count = (size_t)dp_bytes_varint(b);
	DP_CHECK(count <= INPUTS_MAX);
	for (size_t i = 0; i < count; i++) {
		input *in = &ret_input[i];
		in->prev = dp_bytes_take(b, 32);
		in->vout = dp_bytes_u32le(b);
		in->script_size = (size_t)dp_bytes_varint(b);
		in->script = dp_bytes_take(b, in->script_size);
		in->sequence = dp_bytes_u32le(b);
	}
	return count;
}

static void put_outputs(maker *m, dp_bytes *b)
{
	uint64_t count = dp_bytes_varint(b);
	ln_put(m->out, "],\"vout\":[");
	for (uint64_t i = 0; i < count; i++) {
		uint64_t value = dp_bytes_u64le(b);
		size_t n = (size_t)dp_bytes_varint(b);
		const uint8_t *script = dp_bytes_take(b, n);
		ln_put(m->out, i > 0 ? ",{\"value\":" : "{\"value\":");
		put_value(m->out, value);
		ln_print(m->out, ",\"n\":%" PRIu64 ",\"scriptPubKey\":", i);
		put_script(m, script, n);
		ln_put(m->out, "}");
	}
	ln_put(m->out, "],");
}

// Where a transaction's parts stand.
typedef struct parts {
	size_t start, body, body_end, witness, end;
	bool has_witness;
} parts;

static void walk(parts *ret_parts, const dp_bytes *from, input *in)
{
	dp_bytes b = *from;
	parts p = {.start = b.at};
	(void)dp_bytes_take(&b, 4);
	p.has_witness = b.p[b.at] == 0;
	if (p.has_witness) (void)dp_bytes_take(&b, MARKER);
	p.body = b.at;
	size_t inputs = read_inputs(in, &b);
	for (uint64_t n = dp_bytes_varint(&b); n > 0; n--) {
		(void)dp_bytes_take(&b, 8);
		(void)dp_bytes_take(&b, (size_t)dp_bytes_varint(&b));
	}
	p.body_end = p.witness = b.at;
	for (size_t i = 0; i < inputs && p.has_witness; i++)
		for (uint64_t n = dp_bytes_varint(&b); n > 0; n--)
			(void)dp_bytes_take(&b, (size_t)dp_bytes_varint(&b));
	(void)dp_bytes_take(&b, 4);
	p.end = b.at;
	DP_CHECK(!b.failed);
	*ret_parts = p;
}

static void put_id(ln_text *t, const uint8_t *block, const parts *p)
{
	uint8_t hash[32];
	dp_sha256d_state s;
	dp_sha256d_init(&s);
	dp_sha256d_update(&s, block + p->start, 4);
	dp_sha256d_update(&s, block + p->body, p->body_end - p->body);
	dp_sha256d_update(&s, block + p->end - 4, 4);
	dp_sha256d_final(&s, hash);
	put_hash(t, hash);
}

static void put_ids(ln_text *t, const uint8_t *block, const parts *p)
{
	uint8_t hash[32];
	ln_put(t, "{\"txid\":\"");
	put_id(t, block, p);
	dp_sha256d(hash, block + p->start, p->end - p->start);
	ln_put(t, "\",\"hash\":\"");
	put_hash(t, hash);
	size_t size = p->end - p->start, weight = 3 * (p->body_end - p->body + 8) + size;
	ln_print(t, "\",\"version\":2,\"size\":%zu,\"vsize\":%zu,\"weight\":%zu,\"locktime\":0,",
	         size, (weight + 3) / 4, weight);
}

static void put_tx(maker *m, dp_bytes *b, bool is_first)
{
	static input in[INPUTS_MAX];
	parts p;
	ln_text *t = m->out;
	walk(&p, b, in);
	put_ids(t, b->p, &p);
	b->at = p.body;
	dp_bytes witness = *b;
	witness.at = p.witness;
	ln_put(t, "\"vin\":[");
	size_t inputs = read_inputs(in, b);
	for (size_t i = 0; i < inputs; i++) {
		if (i > 0) ln_put(t, ",");
		put_input(m, &in[i], p.has_witness ? &witness : NULL, is_first);
	}
	put_outputs(m, b);
	ln_print(t, "%s\"hex\":\"", is_first ? "" : "\"fee\":0.00001234,");
	size_t at = t->bytes.n;
	ln_put_hex(t, b->p + p.start, p.end - p.start);
	// version, marker and flag, a count, an outpoint, two lengths; then the height.
	if (is_first)
		ln_gap_at(t, HEIGHT_BYTES, at + 2 * (COINBASE_SCRIPT + MARKER + 1), HEIGHT_SIZE);
	ln_put(t, "\"}");
	b->at = p.end;
}

//- blocks ----------------------------------------------------------------------------------------

static void put_place(ln_text *t)
{
	ln_put(t, "{\"hash\":\"");
	ln_put_gap(t, HASH, HASH_SIZE);
	ln_put(t, "\",\"confirmations\":1,\"height\":");
	ln_put_gap(t, HEIGHT, HEIGHT_SIZE);
	ln_put(t, ",\"version\":");
}

static void make_full(maker *m, const lb_bytes *block)
{
	ln_text *t = m->out;
	dp_bytes b = dp_bytes_of(block->b, block->n);
	uint32_t version = dp_bytes_u32le(&b);
	b.at = 68;
	uint32_t time = dp_bytes_u32le(&b), bits = dp_bytes_u32le(&b), nonce = dp_bytes_u32le(&b);
	uint64_t count = dp_bytes_varint(&b);
	put_place(t);
	ln_print(t, "%d,\"versionHex\":\"%08x\",\"merkleroot\":\"", (int)version, version);
	ln_put_gap(t, ROOT, HASH_SIZE);
	ln_print(t, "\",\"time\":%u,\"mediantime\":%u,\"nonce\":%u,\"bits\":\"%08x\",", time, time,
	         nonce, bits);
	ln_print(t, "\"difficulty\":92049594548485.47,\"nTx\":%" PRIu64 ",\"previousblockhash\":\"",
	         count);
	ln_put_gap(t, PREV, HASH_SIZE);
	ln_print(t, "\",\"strippedsize\":%zu,\"size\":%zu,\"weight\":%zu,\"tx\":[", block->n / 2,
	         block->n, 2 * block->n);
	for (uint64_t i = 0; i < count; i++) {
		if (i > 0) ln_put(t, ",");
		put_tx(m, &b, i == 0);
	}
	ln_put(t, "]}");
	DP_CHECK(b.at == block->n && m->next == NULL);
}

static void make_raw(ln_text *t, const lb_bytes *block)
{
	dp_bytes b = dp_bytes_of(block->b, block->n);
	b.at = 80;
	(void)dp_bytes_varint(&b);
	ln_put(t, "\"");
	ln_put_hex(t, block->b, block->n);
	ln_put(t, "\"");
	ln_gap_at(t, PREV_BYTES, 1 + 2 * 4, HASH_SIZE);
	ln_gap_at(t, ROOT_BYTES, 1 + 2 * 36, HASH_SIZE);
	ln_gap_at(t, HEIGHT_BYTES, 1 + 2 * (b.at + COINBASE_SCRIPT + MARKER + 1), HEIGHT_SIZE);
}

//- exports --------------------------------------------------------------------------------------

// Script, type and addresses, as bitcoin-etl names them.
static void put_owner(maker *m, const uint8_t *s, size_t n, uint64_t value)
{
	ln_text *t = m->out;
	char address[DP_ADDR_TEXT_MAX] = "";
	dp_addr a = dp_addr_from_script(s, n);
	bool has_address = strncmp(type_of(s, n), "n", 1) != 0;
	if (has_address) (void)dp_addr_format(address, &a, m->chain);
	ln_print(t, "\"type\": \"%s\", \"addresses\": [", type_of(s, n));
	if (has_address) ln_print(t, "\"%s\"", address);
	ln_print(t, "], \"value\": %" PRIu64 "}", value);
}

static void put_scripts(ln_text *t, const uint8_t *s, size_t n)
{
	ln_put(t, "\"script_asm\": \"");
	put_asm(t, s, n);
	ln_put(t, "\", \"script_hex\": \"");
	ln_put_hex(t, s, n);
	ln_put(t, "\", ");
}

static void export_input(maker *m, const input *in, size_t index)
{
	static uint8_t script[SCRIPT_MAX];
	ln_text *t = m->out;
	uint64_t value = 0;
	ln_print(t, "%s{\"index\": %zu, \"spent_transaction_hash\": \"", index > 0 ? ", " : "",
	         index);
	put_hash(t, in->prev);
	ln_print(t, "\", \"spent_output_index\": %u, ", in->vout);
	put_scripts(t, in->script, in->script_size);
	ln_print(t, "\"sequence\": %u, \"required_signatures\": null, ", in->sequence);
	const dp_json *out = dp_json_get(m->next, "txout");
	const char *hex = dp_json_text(dp_json_get(out, "script_pubkey"));
	DP_CHECK(hex != NULL && dp_json_u64(dp_json_get(out, "value"), &value));
	size_t n = strlen(hex) / 2;
	DP_CHECK(n <= sizeof script && dp_hex_decode(script, n, hex));
	put_owner(m, script, n, value);
	m->next = dp_json_next(m->next);
}

static void export_outputs(maker *m, dp_bytes *b)
{
	ln_text *t = m->out;
	uint64_t count = dp_bytes_varint(b);
	ln_put(t, "], \"outputs\": [");
	for (uint64_t i = 0; i < count; i++) {
		uint64_t value = dp_bytes_u64le(b);
		size_t n = (size_t)dp_bytes_varint(b);
		const uint8_t *script = dp_bytes_take(b, n);
		ln_print(t, "%s{\"index\": %" PRIu64 ", ", i > 0 ? ", " : "", i);
		put_scripts(t, script, n);
		ln_put(t, "\"required_signatures\": null, ");
		put_owner(m, script, n, value);
	}
	ln_print(t, "], \"output_count\": %" PRIu64 "}\n", count);
}

void lc_put_export(ln_text *out, const lb_bytes *block, const dp_json *spent, uint32_t height)
{
	static input in[INPUTS_MAX];
	maker m = {.out = out, .chain = dp_chain_find("bitcoin", 7), .next = dp_json_first(spent)};
	dp_bytes b = dp_bytes_of(block->b, block->n);
	uint8_t hash[32];
	b.at = 68;
	uint32_t time = dp_bytes_u32le(&b);
	b.at = 80;
	dp_sha256d(hash, block->b, 80);
	uint64_t count = dp_bytes_varint(&b);
	for (uint64_t i = 0; i < count; i++) {
		parts p;
		walk(&p, &b, in);
		ln_put(out, "{\"hash\": \"");
		put_id(out, b.p, &p);
		dp_bytes at = {.p = b.p, .size = b.size, .at = p.start};
		ln_print(out, "\", \"version\": %u, ", dp_bytes_u32le(&at));
		at.at = p.end - 4;
		ln_print(out, "\"lock_time\": %u, \"block_number\": %u, \"block_hash\": \"",
		         dp_bytes_u32le(&at), height);
		put_hash(out, hash);
		ln_print(out,
		         "\", \"block_timestamp\": %u, \"is_coinbase\": %s, \"index\": %" PRIu64
		         ", \"inputs\": [",
		         time, i == 0 ? "true" : "false", i);
		b.at = p.body;
		size_t inputs = read_inputs(in, &b);
		for (size_t k = 0; k < inputs && i > 0; k++) export_input(&m, &in[k], k);
		export_outputs(&m, &b);
		b.at = p.end;
	}
	DP_CHECK(b.at == block->n && m.next == NULL);
}

//- the node --------------------------------------------------------------------------------------

static void answer(const ln_node *n, ln_reply *ret_reply, const char *method, const char *params)
{
	static const char first[] =
	    "\"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f\"";
	const lc_chain *c = (const lc_chain *)n;
	uint32_t last = LC_HEIGHT_FIRST + c->count - 1;
	char *buffer = ret_reply->buffer;
	ret_reply->words = NULL;
	if (strcmp(method, "getblockchaininfo") == 0) {
		(void)snprintf(buffer, sizeof ret_reply->buffer,
		               "{\"chain\":\"main\",\"blocks\":%u,\"headers\":%u,"
		               "\"initialblockdownload\":false,\"pruned\":false}",
		               last, last);
		ret_reply->words = buffer;
	} else if (strcmp(method, "getblockcount") == 0) {
		(void)snprintf(buffer, sizeof ret_reply->buffer, "%u", last);
		ret_reply->words = buffer;
	} else if (strcmp(method, "getblockhash") == 0) {
		uint64_t height = strtoull(params + 1, NULL, 10);
		bool is_ours = height >= LC_HEIGHT_FIRST && height <= last;
		(void)snprintf(buffer, sizeof ret_reply->buffer, "\"%s\"",
		               c->values[is_ours ? height - LC_HEIGHT_FIRST : 0].field[HASH]);
		ret_reply->words = height == 0 ? first : buffer;
	} else if (strcmp(method, "getblock") == 0) {
		char hash[HASH_SIZE + 1] = "";
		DP_CHECK(strlen(params) > HASH_SIZE + 3);
		memcpy(hash, params + 2, HASH_SIZE);
		bool is_full = params[HASH_SIZE + 4] == '3';
		if (is_full && c->is_raw) return;
		uint32_t i = 0;
		while (i < c->count && strcmp(c->values[i].field[HASH], hash) != 0) i++;
		DP_CHECK(i < c->count);
		ret_reply->text = is_full ? &c->full : &c->raw;
		ret_reply->values = &c->values[i];
	} else if (strcmp(method, "getrawtransaction") == 0) {
		ret_reply->code = -5; // a node without an index of transactions
	}
}

static void show(char *to, const uint8_t hash[32])
{
	uint8_t shown[32];
	for (size_t i = 0; i < 32; i++) shown[i] = hash[31 - i];
	dp_hex_encode(to, shown, 32);
}

static void make_values(lc_chain *c, lb_template *t, const uint8_t first_prev[32])
{
	uint8_t prev[32];
	memcpy(prev, first_prev, 32);
	for (uint32_t i = 0; i < c->count; i++) {
		uint32_t height = LC_HEIGHT_FIRST + i;
		ln_values *v = &c->values[i];
		uint8_t bytes[3] = {(uint8_t)height, (uint8_t)(height >> 8),
		                    (uint8_t)(height >> 16)};
		const lb_bytes *b = lb_repeat(t, prev, height, 0);
		show(v->field[PREV], prev);
		dp_hex_encode(v->field[PREV_BYTES], prev, 32);
		show(v->field[ROOT], b->b + 36);
		dp_hex_encode(v->field[ROOT_BYTES], b->b + 36, 32);
		dp_hex_encode(v->field[HEIGHT_BYTES], bytes, 3);
		(void)snprintf(v->field[HEIGHT], LN_VALUE_SIZE, "%u", height);
		lb_hash(prev, b);
		show(v->field[HASH], prev);
	}
}

void lc_make(lc_chain *c, const char *data, uint32_t count)
{
	char block_path[4096], spent_path[4096];
	static const uint8_t prev[32] = {0xee};
	uint8_t *bytes;
	size_t size;
	dp_input *in;
	int n = snprintf(block_path, sizeof block_path, "%s/mainnet-866342.blk", data);
	int k = snprintf(spent_path, sizeof spent_path, "%s/mainnet-866342.spent.json.zst", data);
	DP_CHECK(n > 0 && (size_t)n < sizeof block_path && k > 0 && (size_t)k < sizeof spent_path);
	lb_template *t = lb_load(block_path, spent_path);
	dp_code code = dp_input_open(&in, spent_path, NULL);
	DP_CHECK(code == DP_OK);
	code = dp_input_read_all(in, &bytes, &size, SPENT_MAX, NULL);
	DP_CHECK(code == DP_OK);
	dp_input_close(in);
	*c = (lc_chain){.node = {.answer = answer}, .count = count};
	maker m = {.out = &c->full, .chain = dp_chain_find("bitcoin", 7)};
	code = dp_json_parse(&m.spent, (const char *)bytes, size, NULL);
	DP_CHECK(code == DP_OK);
	m.next = dp_json_first(m.spent);
	const lb_bytes *block = lb_repeat(t, prev, LC_HEIGHT_FIRST, 0);
	make_full(&m, block);
	make_raw(&c->raw, block);
	dp_json_free(m.spent);
	dp_free(bytes);
	c->values = dp_alloc(count * sizeof *c->values);
	DP_CHECK(c->values != NULL);
	make_values(c, t, prev);
	lb_free(t);
}

void lc_done(lc_chain *c)
{
	ln_text_done(&c->full);
	ln_text_done(&c->raw);
	dp_free(c->values);
	*c = (lc_chain){0};
}

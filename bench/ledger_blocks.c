// See ledger_blocks.h. Sources of the formats: chain/bitcoin.c and chain/undo.h say where each is
// taken from; the amount is packed as CompressAmount of Bitcoin Core's src/compressor.cpp does.
#include "bench/ledger_blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "codec/input.h"

enum { FILE_SIZE_MAX = 128 << 20, INPUT_MAX = 64 << 20, NONE = -1, SCRIPT_MAX = 10000 };

//- bytes -----------------------------------------------------------------------------------------

void lb_put(lb_bytes *m, const void *bytes, size_t n)
{
	if (m->n + n > m->cap) {
		m->cap = 2 * (m->n + n);
		void *b = dp_realloc(m->b, m->cap);
		DP_CHECK(b != NULL);
		m->b = b;
	}
	if (n > 0) memcpy(m->b + m->n, bytes, n);
	m->n += n;
}

void lb_int(lb_bytes *m, uint64_t v, size_t n)
{
	uint8_t b[8];
	DP_CHECK(n <= sizeof b);
	for (size_t i = 0; i < n; i++) b[i] = (uint8_t)(v >> (8 * i));
	lb_put(m, b, n);
}

void lb_compact(lb_bytes *m, uint64_t v)
{
	uint8_t b[9];
	lb_put(m, b, dp_varint_write(b, v));
}

void lb_varint(lb_bytes *m, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;
	b[n++] = v & 0x7f;
	for (v >>= 7; v > 0; v >>= 7) {
		v--; // each byte but the last stands for one more than its bits
		b[n++] = (uint8_t)((v & 0x7f) | 0x80);
	}
	while (n > 0) lb_put(m, &b[--n], 1);
}

void lb_done(lb_bytes *m)
{
	dp_free(m->b);
	*m = (lb_bytes){0};
}

//- undo data -------------------------------------------------------------------------------------

static uint64_t pack_amount(uint64_t n)
{
	uint64_t e = 0;
	if (n == 0) return 0;
	for (; n % 10 == 0 && e < 9; e++) n /= 10;
	if (e == 9) return 1 + (n - 1) * 10 + 9;
	uint64_t d = n % 10;
	return 1 + (n / 10 * 9 + d - 1) * 10 + e;
}

// The six short forms, else the script itself.
static void put_script(lb_bytes *m, const uint8_t *s, size_t n)
{
	uint8_t kind;
	if (n == 25 && memcmp(s, "\x76\xa9\x14", 3) == 0 && s[23] == 0x88 && s[24] == 0xac) {
		kind = 0;
		lb_put(m, &kind, 1);
		lb_put(m, s + 3, 20);
	} else if (n == 23 && s[0] == 0xa9 && s[1] == 0x14 && s[22] == 0x87) {
		kind = 1;
		lb_put(m, &kind, 1);
		lb_put(m, s + 2, 20);
	} else if (n == 35 && s[0] == 33 && s[34] == 0xac && (s[1] == 2 || s[1] == 3)) {
		lb_put(m, s + 1, 33);
	} else if (n == 67 && s[0] == 65 && s[66] == 0xac && s[1] == 4) {
		kind = (uint8_t)(4 | (s[65] & 1)); // the parity of y
		lb_put(m, &kind, 1);
		lb_put(m, s + 2, 32);
	} else {
		lb_varint(m, n + 6);
		lb_put(m, s, n);
	}
}

void lb_coin(lb_bytes *m, uint64_t code, uint64_t value, const uint8_t *script, size_t n)
{
	lb_varint(m, code);
	if (code > 1) lb_varint(m, 0);
	lb_varint(m, pack_amount(value));
	put_script(m, script, n);
}

//- reading a block that is to be repeated --------------------------------------------------------

typedef struct coin {
	uint64_t value;
	size_t script, size; // in the block, or in `scripts`
	bool is_inner;
} coin;

typedef struct input {
	size_t at;   // of its txid in the block
	long maker;  // transaction of the same block, or NONE
	uint32_t tx; // it belongs to
	uint32_t vout;
} input;

typedef struct tx {
	size_t start, body, body_end, witness_end, end;
	size_t first_out; // in outs
	uint32_t out_count;
	bool has_witness;
	uint8_t txid[32];
} tx;

struct lb_template {
	lb_bytes block, again, undo, scripts, witness_root;
	tx *tx;
	input *in;
	coin *out;   // of every transaction
	coin *spent; // those given beside
	size_t tx_count, in_count, out_count, spent_count, tx_cap;
	size_t in_cap, out_cap, spent_cap;
	size_t commitment; // where it stands; 0 = none
	size_t height;     // of the coinbase's script, three bytes; 0 = none
	uint64_t spent_sum;
};

static void *grow(void *items, size_t *cap, size_t size, size_t count)
{
	if (count < *cap) return items;
	*cap = 2 * count + 64;
	void *grown = dp_realloc(items, *cap * size);
	DP_CHECK(grown != NULL);
	return grown;
}

static void read_inputs(lb_template *t, dp_bytes *b, uint32_t number)
{
	uint64_t count = dp_bytes_varint(b);
	for (uint64_t i = 0; i < count; i++) {
		size_t at = b->at;
		(void)dp_bytes_take(b, 32);
		uint32_t vout = dp_bytes_u32le(b);
		uint64_t size = dp_bytes_varint(b);
		bool states_height = number == 0 && size > 4 && b->p[b->at] == 3;
		if (states_height) t->height = b->at + 1;
		(void)dp_bytes_take(b, (size_t)size);
		(void)dp_bytes_take(b, 4);
		if (number == 0) continue;
		t->in = grow(t->in, &t->in_cap, sizeof *t->in, t->in_count);
		t->in[t->in_count++] = (input){.at = at, .maker = NONE, .tx = number, .vout = vout};
	}
}

static void read_outputs(lb_template *t, dp_bytes *b, tx *x, uint32_t number)
{
	x->first_out = t->out_count;
	x->out_count = (uint32_t)dp_bytes_varint(b);
	for (uint32_t i = 0; i < x->out_count; i++) {
		uint64_t value = dp_bytes_u64le(b), size = dp_bytes_varint(b);
		size_t at = b->at;
		const uint8_t *script = dp_bytes_take(b, (size_t)size);
		DP_CHECK(script != NULL);
		t->out = grow(t->out, &t->out_cap, sizeof *t->out, t->out_count);
		t->out[t->out_count++] = (coin){value, at, (size_t)size, true};
		if (number == 0 && size >= 38 && memcmp(script, "\x6a\x24\xaa\x21\xa9\xed", 6) == 0)
			t->commitment = at + 6;
	}
}

static void read_tx(lb_template *t, dp_bytes *b, uint32_t number)
{
	tx x = {.start = b->at};
	t->tx = grow(t->tx, &t->tx_cap, sizeof *t->tx, t->tx_count);
	(void)dp_bytes_take(b, 4);
	x.has_witness = b->p[b->at] == 0;
	if (x.has_witness) (void)dp_bytes_take(b, 2);
	x.body = b->at;
	size_t in_before = t->in_count;
	read_inputs(t, b, number);
	size_t inputs = number == 0 ? 1 : t->in_count - in_before;
	read_outputs(t, b, &x, number);
	x.body_end = b->at;
	for (size_t i = 0; i < inputs && x.has_witness; i++) {
		uint64_t items = dp_bytes_varint(b);
		for (uint64_t k = 0; k < items; k++)
			(void)dp_bytes_take(b, (size_t)dp_bytes_varint(b));
	}
	x.witness_end = b->at;
	(void)dp_bytes_take(b, 4);
	x.end = b->at;
	DP_CHECK(!b->failed);
	t->tx[t->tx_count++] = x;
}

// The txid, or with the witness the wtxid.
static void hash_tx(uint8_t ret[32], const uint8_t *block, const tx *x, bool with_witness)
{
	dp_sha256d_state s;
	dp_sha256d_init(&s);
	if (with_witness || !x->has_witness) {
		dp_sha256d_update(&s, block + x->start, x->end - x->start);
	} else {
		dp_sha256d_update(&s, block + x->start, 4);
		dp_sha256d_update(&s, block + x->body, x->body_end - x->body);
		dp_sha256d_update(&s, block + x->witness_end, 4);
	}
	dp_sha256d_final(&s, ret);
}

static const tx *sort_base;

static int compare_txids(const void *a, const void *b)
{
	return memcmp(sort_base[*(const long *)a].txid, sort_base[*(const long *)b].txid, 32);
}

// Joins inputs to the transactions of the block that made what they spend.
static void find_makers(lb_template *t)
{
	long *sorted = dp_alloc(t->tx_count * sizeof *sorted);
	DP_CHECK(sorted != NULL);
	for (size_t i = 0; i < t->tx_count; i++) sorted[i] = (long)i;
	sort_base = t->tx;
	qsort(sorted, t->tx_count, sizeof *sorted, compare_txids);
	for (size_t i = 0; i < t->in_count; i++) {
		size_t low = 0, high = t->tx_count;
		const uint8_t *wanted = t->block.b + t->in[i].at;
		while (low < high) {
			size_t middle = (low + high) / 2;
			int c = memcmp(t->tx[sorted[middle]].txid, wanted, 32);
			if (c == 0) t->in[i].maker = sorted[middle];
			if (c == 0) break;
			if (c < 0)
				low = middle + 1;
			else
				high = middle;
		}
	}
	dp_free(sorted);
}

//- what it spends --------------------------------------------------------------------------------

static void add_spent(lb_template *t, uint64_t value, const uint8_t *script, size_t n)
{
	t->spent = grow(t->spent, &t->spent_cap, sizeof *t->spent, t->spent_count);
	t->spent[t->spent_count++] = (coin){value, t->scripts.n, n, false};
	lb_put(&t->scripts, script, n);
}

static void read_spent(lb_template *t, const uint8_t *bytes, size_t size, bool is_json)
{
	static uint8_t script[SCRIPT_MAX];
	dp_json *doc = NULL;
	dp_bytes b = dp_bytes_of(bytes, size);
	while (!is_json && b.at < size) {
		uint64_t value = dp_bytes_u64le(&b), n = dp_bytes_varint(&b);
		const uint8_t *p = dp_bytes_take(&b, (size_t)n);
		DP_CHECK(p != NULL);
		add_spent(t, value, p, (size_t)n);
	}
	if (!is_json) return;
	DP_CHECK(dp_json_parse(&doc, (const char *)bytes, size, NULL) == DP_OK);
	for (const dp_json *e = dp_json_first(doc); e != NULL; e = dp_json_next(e)) {
		const dp_json *out = dp_json_get(e, "txout");
		uint64_t value = 0;
		if (out == NULL) out = e;
		const char *hex = dp_json_text(dp_json_get(out, "script_pubkey"));
		DP_CHECK(hex != NULL && dp_json_u64(dp_json_get(out, "value"), &value));
		size_t n = strlen(hex) / 2;
		DP_CHECK(n <= sizeof script && dp_hex_decode(script, n, hex));
		add_spent(t, value, script, n);
	}
	dp_json_free(doc);
}

// All inputs' coins, those of the block itself from its outputs, as undo data.
static void make_undo(lb_template *t)
{
	bool is_all = t->spent_count == t->in_count;
	size_t next = 0, i = 0;
	lb_compact(&t->undo, t->tx_count - 1);
	for (uint32_t number = 1; number < t->tx_count; number++) {
		size_t count = 0;
		while (i + count < t->in_count && t->in[i + count].tx == number) count++;
		lb_compact(&t->undo, count);
		for (size_t end = i + count; i < end; i++) {
			const input *in = &t->in[i];
			bool is_inner = in->maker != NONE;
			coin c = is_inner ? t->out[t->tx[in->maker].first_out + in->vout]
			                  : t->spent[next];
			next += is_all || !is_inner;
			const uint8_t *script = (is_inner ? t->block.b : t->scripts.b) + c.script;
			lb_coin(&t->undo, 2 * UINT64_C(500000), c.value, script, c.size);
			t->spent_sum += c.value;
		}
	}
	DP_CHECK(next == t->spent_count);
}

static void load(lb_bytes *m, const char *path)
{
	dp_input *in;
	uint8_t *bytes;
	size_t n;
	dp_code code = dp_input_open(&in, path, NULL);
	DP_CHECK(code == DP_OK);
	code = dp_input_read_all(in, &bytes, &n, INPUT_MAX, NULL);
	DP_CHECK(code == DP_OK);
	dp_input_close(in);
	*m = (lb_bytes){bytes, n, n};
}

lb_template *lb_load(const char *block_path, const char *spent_path)
{
	lb_template *t = dp_alloc(sizeof *t);
	DP_CHECK(t != NULL);
	load(&t->block, block_path);
	dp_bytes b = dp_bytes_of(t->block.b, t->block.n);
	(void)dp_bytes_take(&b, 80);
	uint64_t count = dp_bytes_varint(&b);
	for (uint32_t i = 0; i < count; i++) read_tx(t, &b, i);
	DP_CHECK(b.at == t->block.n);
	for (size_t i = 0; i < t->tx_count; i++)
		hash_tx(t->tx[i].txid, t->block.b, &t->tx[i], false);
	find_makers(t);
	lb_bytes spent = {0};
	load(&spent, spent_path);
	read_spent(t, spent.b, spent.n, strstr(spent_path, ".json") != NULL);
	lb_done(&spent);
	make_undo(t);
	return t;
}

void lb_free(lb_template *t)
{
	lb_done(&t->block);
	lb_done(&t->again);
	lb_done(&t->undo);
	lb_done(&t->scripts);
	lb_done(&t->witness_root);
	dp_free(t->tx);
	dp_free(t->in);
	dp_free(t->out);
	dp_free(t->spent);
	dp_free(t);
}

const lb_bytes *lb_undo(const lb_template *t)
{
	return &t->undo;
}

uint64_t lb_spent_sum(const lb_template *t)
{
	return t->spent_sum;
}

void lb_hash(uint8_t ret[32], const lb_bytes *block)
{
	DP_CHECK(block->n >= 80);
	dp_sha256d(ret, block->b, 80);
}

//- repeating -------------------------------------------------------------------------------------

static void fold(uint8_t ret[32], lb_bytes *nodes, size_t count)
{
	for (; count > 1; count /= 2) {
		if (count % 2 != 0) {
			memcpy(nodes->b + 32 * count, nodes->b + 32 * (count - 1), 32);
			count++;
		}
		for (size_t i = 0; i < count / 2; i++)
			dp_sha256d(nodes->b + 32 * i, nodes->b + 64 * i, 64);
	}
	memcpy(ret, nodes->b, 32);
}

// Other coins spent, and everything that follows from it.
static void rewrite(lb_template *t, uint8_t *p, uint64_t salt)
{
	size_t i = 0;
	for (uint32_t number = 1; number < t->tx_count; number++) {
		for (; i < t->in_count && t->in[i].tx == number; i++) {
			const input *in = &t->in[i];
			uint64_t word;
			memcpy(&word, p + in->at, sizeof word);
			word += salt;
			memcpy(p + in->at, &word, sizeof word);
			if (in->maker != NONE) memcpy(p + in->at, t->tx[in->maker].txid, 32);
		}
		hash_tx(t->tx[number].txid, p, &t->tx[number], false);
	}
}

static void commit(lb_template *t, uint8_t *p)
{
	static const uint8_t zero[32];
	uint8_t pair[64] = {0};
	if (t->commitment == 0) return;
	t->witness_root.n = 0;
	lb_put(&t->witness_root, zero, 32);
	for (size_t i = 1; i < t->tx_count; i++) {
		uint8_t hash[32];
		hash_tx(hash, p, &t->tx[i], true);
		lb_put(&t->witness_root, hash, 32);
	}
	lb_put(&t->witness_root, zero, 32); // room for one more
	fold(pair, &t->witness_root, t->tx_count);
	// The reserved value is the only item of the coinbase's witness.
	memcpy(pair + 32, p + t->tx[0].witness_end - 32, 32);
	dp_sha256d(p + t->commitment, pair, sizeof pair);
}

const lb_bytes *lb_repeat(lb_template *t, const uint8_t prev[32], uint32_t height, uint64_t salt)
{
	t->again.n = 0;
	lb_put(&t->again, t->block.b, t->block.n);
	uint8_t *p = t->again.b;
	memcpy(p + 4, prev, 32);
	if (t->height != 0)
		for (size_t i = 0; i < 3; i++) p[t->height + i] = (uint8_t)(height >> (8 * i));
	if (salt != 0) {
		rewrite(t, p, salt);
		commit(t, p);
	}
	hash_tx(t->tx[0].txid, p, &t->tx[0], false);
	lb_bytes *nodes = &t->witness_root;
	nodes->n = 0;
	for (size_t i = 0; i < t->tx_count; i++) lb_put(nodes, t->tx[i].txid, 32);
	lb_put(nodes, prev, 32); // room for one more
	fold(p + 36, nodes, t->tx_count);
	return &t->again;
}

//- folders ---------------------------------------------------------------------------------------

static void append(const lb_folder *f, const char *kind, uint64_t *io_at, const uint8_t *bytes,
                   size_t n, bool is_plain)
{
	char name[4096];
	uint8_t *turned = dp_alloc(n + 1);
	int k = snprintf(name, sizeof name, "%s/%s%05u.dat", f->path, kind, f->number);
	DP_CHECK(k > 0 && (size_t)k < sizeof name && turned != NULL);
	FILE *file = fopen(name, *io_at == 0 ? "wb" : "ab");
	DP_CHECK(file != NULL);
	for (size_t i = 0; i < n; i++)
		turned[i] = is_plain ? bytes[i] : bytes[i] ^ f->xor_key[(*io_at + i) % 8];
	DP_CHECK(fwrite(turned, 1, n, file) == n && fclose(file) == 0);
	*io_at += n;
	dp_free(turned);
}

void lb_begin(lb_folder *f)
{
	static const uint8_t none[8];
	char name[4096];
	if (f->size_max == 0) f->size_max = FILE_SIZE_MAX;
	if (memcmp(f->xor_key, none, 8) == 0) return;
	int k = snprintf(name, sizeof name, "%s/xor.dat", f->path);
	DP_CHECK(k > 0 && (size_t)k < sizeof name);
	FILE *file = fopen(name, "wb");
	DP_CHECK(file != NULL && fwrite(f->xor_key, 1, 8, file) == 8 && fclose(file) == 0);
}

void lb_next_file(lb_folder *f)
{
	f->number++;
	f->blk_at = f->rev_at = 0;
}

void lb_write_block(lb_folder *f, const uint8_t *block, size_t n)
{
	lb_bytes m = {0};
	if (f->blk_at > 0 && f->blk_at + n + 8 > f->size_max) lb_next_file(f);
	lb_int(&m, f->magic, 4);
	lb_int(&m, n, 4);
	lb_put(&m, block, n);
	append(f, "blk", &f->blk_at, m.b, m.n, false);
	lb_done(&m);
}

void lb_write_undo(lb_folder *f, const uint8_t *undo, size_t n, const uint8_t parent[32])
{
	lb_bytes m = {0};
	uint8_t hash[32];
	dp_sha256d_state s;
	dp_sha256d_init(&s);
	dp_sha256d_update(&s, parent, 32);
	dp_sha256d_update(&s, undo, n);
	dp_sha256d_final(&s, hash);
	lb_int(&m, f->magic, 4);
	lb_int(&m, n, 4);
	lb_put(&m, undo, n);
	lb_put(&m, hash, 32);
	append(f, "rev", &f->rev_at, m.b, m.n, false);
	lb_done(&m);
}

void lb_reserve(lb_folder *f, size_t n)
{
	uint8_t *zeros = dp_alloc(n);
	DP_CHECK(zeros != NULL);
	append(f, "blk", &f->blk_at, zeros, n, true);
	append(f, "rev", &f->rev_at, zeros, n, true);
	dp_free(zeros);
}

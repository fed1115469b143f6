// See ledger_evm.h. The forms of the answers are go-ethereum's; RLP, tries and blooms as in
// source/evm_proof.c, written here without it, but for the trie itself.
#include "bench/ledger_evm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/u256.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/rlp.h"
#include "source/evm_json.h"
#include "source/evm_proof.h"
#include "codec/input.h"

enum { HASH, PREV, NUMBER, TIME }; // fields of ln_values
enum { HASH_SIZE = 64, NUMBER_SIZE = 7, TIME_SIZE = 8, BLOOM = 256 };
enum { DATA_MAX = 64 << 20, TXS_MAX = 1000, FRAMES_MAX = 10000, LOGS_MAX = 10000 };
enum { FIRST_TIME = 0x65f2a000, FIRST_EXPORTED = 15000000, CELLS = 10 };

//- what is given to the transactions -------------------------------------------------------------

typedef struct frame {
	char from[43], to[43], value[40], type[16];
	bool failed;
	uint32_t depth, group;
} frame;

typedef struct stock {
	dp_json *log[LOGS_MAX];
	uint32_t log_group[LOGS_MAX];
	frame frame[FRAMES_MAX];
	uint32_t logs, frames, log_at, frame_at; // the next to be given away
	uint64_t chance;
} stock;

static char *load(size_t *ret_size, const char *folder, const char *name)
{
	char path[4096];
	dp_input *in;
	uint8_t *bytes;
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	dp_code code = dp_input_open(&in, path, NULL);
	DP_CHECK(code == DP_OK);
	code = dp_input_read_all(in, &bytes, ret_size, DATA_MAX, NULL);
	DP_CHECK(code == DP_OK);
	dp_input_close(in);
	bytes = dp_realloc(bytes, *ret_size + 1);
	DP_CHECK(bytes != NULL);
	bytes[*ret_size] = 0;
	return (char *)bytes;
}

static const char *text_of(const dp_json *object, const char *key)
{
	const dp_json *v = dp_json_get(object, key);
	return v == NULL ? NULL : dp_json_text(v);
}

static void copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from) + 1;
	DP_CHECK(n <= size);
	memcpy(to, from, n);
}

// JSON lines; logs of one transaction are one group.
static void load_logs(stock *s, const char *folder)
{
	size_t size;
	char *text = load(&size, folder, "mainnet-15000000-15000004/logs.json"), *rest = text;
	char last[70] = "";
	uint32_t group = 0;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (*line == 0) continue;
		dp_json *log;
		dp_code code = dp_json_parse(&log, line, strlen(line), NULL);
		DP_CHECK(code == DP_OK && s->logs < LOGS_MAX);
		const char *tx = text_of(log, "txHash");
		DP_CHECK(tx != NULL);
		group += strcmp(tx, last) != 0;
		copy(last, sizeof last, tx);
		s->log_group[s->logs] = group;
		s->log[s->logs++] = log;
	}
	dp_free(text);
}

// traces.csv: ...,blockId,call_HASH_0_2,index,from,to,value,status,callType,txHash
static void load_frames(stock *s, const char *folder)
{
	size_t size;
	char *text = load(&size, folder, "mainnet-15000000-15000004/traces.csv"), *rest = text;
	uint32_t group = 0;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		char *cell[CELLS] = {0};
		for (size_t i = 0; i < CELLS; i++) cell[i] = strsep(&line, ",");
		if (cell[CELLS - 1] == NULL || *cell[8] == 0) continue;
		if (strtol(cell[1], NULL, 10) < FIRST_EXPORTED) continue;
		frame *f = &s->frame[s->frames++];
		DP_CHECK(s->frames < FRAMES_MAX);
		const char *way = strchr(cell[2] + 5, '_');
		DP_CHECK(way != NULL);
		for (f->depth = way[1] != 0; *++way != 0;) f->depth += *way == '_';
		group += f->depth == 0;
		f->group = group;
		copy(f->from, sizeof f->from, cell[4]);
		copy(f->to, sizeof f->to, cell[5]);
		copy(f->value, sizeof f->value, cell[6]);
		f->failed = *cell[7] != '1';
		for (size_t i = 0; cell[8][i] != 0 && i < sizeof f->type - 1; i++)
			f->type[i] = (char)(cell[8][i] & ~0x20); // upper case
	}
	dp_free(text);
}

static uint64_t chance(stock *s)
{
	s->chance = s->chance * 6364136223846793005u + 1442695040888963407u;
	return s->chance >> 33;
}

//- receipts --------------------------------------------------------------------------------------

typedef struct maker {
	ln_text *block, *receipts, *calls;
	const dp_json *answer; // the real block
	stock *stock;
	dp_rlp items;
	dp_evm_proof proof;
	uint64_t at[TXS_MAX];
	uint32_t size[TXS_MAX];
	uint32_t count, logs;
	uint64_t gas;
	uint8_t bloom[BLOOM], receipt_root[32];
} maker;

static size_t bytes_of(uint8_t *to, size_t room, const char *hex)
{
	DP_CHECK(hex != NULL && hex[0] == '0' && hex[1] == 'x');
	size_t n = strlen(hex + 2) / 2;
	DP_CHECK(n <= room && dp_hex_decode(to, n, hex + 2));
	return n;
}

static dp_u256 number_of(const dp_json *object, const char *key)
{
	dp_u256 v = DP_U256_ZERO;
	bool is_there = dp_evm_json_u256(&v, dp_json_get(object, key));
	DP_CHECK(is_there || dp_json_get(object, key) == NULL);
	return v;
}

static void add_to_bloom(uint8_t bloom[BLOOM], const uint8_t *bytes, size_t n)
{
	uint8_t hash[32];
	dp_keccak256(hash, bytes, n);
	for (size_t i = 0; i < 6; i += 2) {
		uint32_t bit = ((uint32_t)hash[i] << 8 | hash[i + 1]) % (8 * BLOOM);
		bloom[BLOOM - 1 - bit / 8] |= (uint8_t)(1 << bit % 8);
	}
}

static void put_place(ln_text *t)
{
	ln_put(t, "\"blockHash\":\"0x");
	ln_put_gap(t, HASH, HASH_SIZE);
	ln_put(t, "\",\"blockNumber\":\"0x");
	ln_put_gap(t, NUMBER, NUMBER_SIZE);
	ln_put(t, "\"");
}

static void put_log(maker *m, uint8_t bloom[BLOOM], dp_rlp *r, const dp_json *log,
                    const dp_json *tx, uint32_t index)
{
	static uint8_t data[1 << 16];
	ln_text *t = m->receipts;
	const dp_json *topics = dp_json_get(log, "topics");
	size_t n = bytes_of(data, sizeof data, text_of(log, "address"));
	dp_rlp_list(r);
	dp_rlp_bytes(r, data, n);
	add_to_bloom(bloom, data, n);
	dp_rlp_list(r);
	for (const dp_json *i = dp_json_first(topics); i != NULL; i = dp_json_next(i)) {
		n = bytes_of(data, sizeof data, dp_json_text(i));
		dp_rlp_bytes(r, data, n);
		add_to_bloom(bloom, data, n);
	}
	dp_rlp_list_end(r);
	n = bytes_of(data, sizeof data, text_of(log, "data"));
	dp_rlp_bytes(r, data, n);
	dp_rlp_list_end(r);
	ln_print(t, "{\"address\":\"%s\",\"topics\":", text_of(log, "address"));
	ln_put_json(t, topics);
	ln_put(t, ",\"data\":\"");
	ln_put(t, text_of(log, "data"));
	ln_put(t, "\",");
	put_place(t);
	ln_print(t,
	         ",\"transactionHash\":\"%s\",\"transactionIndex\":\"0x%x\",\"logIndex\":\"0x%x\","
	         "\"removed\":false}",
	         text_of(tx, "hash"), index, m->logs++);
}

// The logs of the next transaction in stock.
static void put_logs(maker *m, uint8_t bloom[BLOOM], dp_rlp *r, const dp_json *tx, uint32_t index)
{
	stock *s = m->stock;
	bool is_call = strlen(text_of(tx, "input")) > 2, is_first = true;
	ln_put(m->receipts, "[");
	dp_rlp_list(r);
	for (uint32_t group = s->log_group[s->log_at]; is_call; is_first = false) {
		if (!is_first) ln_put(m->receipts, ",");
		put_log(m, bloom, r, s->log[s->log_at], tx, index);
		s->log_at = (s->log_at + 1) % s->logs;
		if (s->log_group[s->log_at] != group) break;
	}
	dp_rlp_list_end(r);
	ln_put(m->receipts, "]");
}

static dp_u256 price_of(const maker *m, const dp_json *tx, uint64_t type)
{
	if (type < 2) return number_of(tx, "gasPrice");
	dp_u256 price = number_of(m->answer, "baseFeePerGas");
	bool over = dp_u256_add_over(&price, price, number_of(tx, "maxPriorityFeePerGas"));
	DP_CHECK(!over);
	return dp_u256_min(price, number_of(tx, "maxFeePerGas"));
}

static void put_quantity(ln_text *t, const char *key, dp_u256 v)
{
	uint8_t be[32];
	char hex[65];
	const char *p = hex;
	dp_u256_to_be(be, v);
	dp_hex_encode(hex, be, 32);
	while (*p == '0' && p[1] != 0) p++;
	ln_print(t, "\"%s\":\"0x%s\",", key, p);
}

// The address of a contract: of the hash of its maker and nonce.
static void put_parties(ln_text *t, const dp_json *tx)
{
	uint8_t from[20], hash[32];
	dp_rlp r = {0};
	ln_print(t, "\"from\":\"%s\",", text_of(tx, "from"));
	if (text_of(tx, "to") != NULL) {
		ln_print(t, "\"to\":\"%s\",\"contractAddress\":null,", text_of(tx, "to"));
		return;
	}
	(void)bytes_of(from, sizeof from, text_of(tx, "from"));
	dp_rlp_list(&r);
	dp_rlp_bytes(&r, from, sizeof from);
	dp_rlp_u256(&r, number_of(tx, "nonce"));
	dp_rlp_list_end(&r);
	dp_keccak256(hash, r.bytes, r.size);
	dp_rlp_done(&r);
	ln_put(t, "\"to\":null,\"contractAddress\":\"0x");
	ln_put_hex(t, hash + 12, 20);
	ln_put(t, "\",");
}

static void put_receipt(maker *m, const dp_json *tx, uint32_t index)
{
	ln_text *t = m->receipts;
	dp_rlp *r = &m->items;
	uint8_t bloom[BLOOM] = {0};
	uint64_t type = 0, used = 21000 + 700 * (chance(m->stock) % 300);
	(void)dp_evm_json_u64(&type, dp_json_get(tx, "type"));
	uint8_t type_byte = (uint8_t)type;
	m->gas += used;
	m->at[index] = r->size;
	if (type > 0) dp_rlp_raw(r, &type_byte, 1);
	dp_rlp_list(r);
	dp_rlp_u64(r, 1);
	dp_rlp_u64(r, m->gas);
	dp_rlp_bytes(r, bloom, BLOOM);
	uint64_t bloom_end = r->size;
	ln_put(t, index > 0 ? ",{" : "{");
	put_place(t);
	ln_put(t, ",");
	put_parties(t, tx);
	put_quantity(t, "cumulativeGasUsed", dp_u256_of(m->gas));
	put_quantity(t, "effectiveGasPrice", price_of(m, tx, type));
	put_quantity(t, "gasUsed", dp_u256_of(used));
	ln_put(t, "\"logs\":");
	put_logs(m, bloom, r, tx, index);
	// Now that the bloom is known; ending the list moves all behind its head.
	DP_CHECK(r->code == DP_OK);
	memcpy(r->bytes + bloom_end - BLOOM, bloom, BLOOM);
	dp_rlp_list_end(r);
	DP_CHECK(r->code == DP_OK);
	m->size[index] = (uint32_t)(r->size - m->at[index]);
	for (size_t i = 0; i < BLOOM; i++) m->bloom[i] |= bloom[i];
	ln_put(t, ",\"logsBloom\":\"0x");
	ln_put_hex(t, bloom, BLOOM);
	ln_print(t,
	         "\",\"status\":\"0x1\",\"transactionHash\":\"%s\",\"transactionIndex\":\"0x%x\","
	         "\"type\":\"0x%x\"}",
	         text_of(tx, "hash"), index, (unsigned)type);
}

static void make_receipts(maker *m)
{
	const uint8_t *item[TXS_MAX];
	const dp_json *txs = dp_json_get(m->answer, "transactions");
	ln_put(m->receipts, "[");
	for (const dp_json *tx = dp_json_first(txs); tx != NULL; tx = dp_json_next(tx)) {
		DP_CHECK(m->count < TXS_MAX);
		put_receipt(m, tx, m->count++);
	}
	ln_put(m->receipts, "]");
	for (uint32_t i = 0; i < m->count; i++) item[i] = m->items.bytes + m->at[i];
	dp_code code = dp_evm_trie_root(&m->proof, m->receipt_root, item, m->size, m->count, NULL);
	DP_CHECK(code == DP_OK);
}

//- calls -----------------------------------------------------------------------------------------

// Arguments: a selector and some words, mostly small numbers and addresses.
static void put_arguments(maker *m)
{
	uint8_t word[32];
	uint64_t words = chance(m->stock) % 8;
	ln_put(m->calls, "0x");
	for (size_t i = 0; i < 4; i++) word[i] = (uint8_t)chance(m->stock);
	ln_put_hex(m->calls, word, 4);
	for (; words > 0; words--) {
		size_t filled = chance(m->stock) % 2 == 0 ? 20 : 8;
		memset(word, 0, sizeof word);
		for (size_t i = 32 - filled; i < 32; i++) word[i] = (uint8_t)chance(m->stock);
		ln_put_hex(m->calls, word, 32);
	}
}

static void put_child(maker *m, const frame *f)
{
	uint64_t gas = chance(m->stock) % 1000000;
	ln_print(m->calls,
	         "{\"from\":\"%s\",\"gas\":\"0x%" PRIx64 "\",\"gasUsed\":\"0x%" PRIx64 "\",",
	         f->from, gas, gas / 3);
	ln_print(m->calls, "\"to\":\"%s\",\"input\":\"", f->to);
	put_arguments(m);
	ln_put(m->calls, "\",\"output\":\"0x000000000000000000000000000000000000000000000000000000"
	                 "0000000001\",");
	if (f->failed) ln_put(m->calls, "\"error\":\"execution reverted\",");
	if (strcmp(f->type, "CALL") == 0)
		ln_print(m->calls, "\"value\":\"0x%llx\",", strtoull(f->value, NULL, 10));
	ln_print(m->calls, "\"type\":\"%s\"", f->type);
}

// What the next transaction in stock called, below the root.
static void put_children(maker *m)
{
	stock *s = m->stock;
	uint32_t open = 0, group = s->frame[s->frame_at].group;
	for (s->frame_at++; s->frame_at < s->frames; s->frame_at++) {
		const frame *f = &s->frame[s->frame_at];
		if (f->group != group) break;
		DP_CHECK(f->depth >= 1 && f->depth <= open + 1);
		if (f->depth == open + 1) {
			ln_put(m->calls, ",\"calls\":[");
		} else {
			for (; open > f->depth; open--) ln_put(m->calls, "}]");
			ln_put(m->calls, "},");
		}
		open = f->depth;
		put_child(m, f);
	}
	for (; open > 0; open--) ln_put(m->calls, "}]");
	if (s->frame_at == s->frames) s->frame_at = 0;
}

static void make_calls(maker *m)
{
	const dp_json *txs = dp_json_get(m->answer, "transactions");
	ln_put(m->calls, "[");
	for (const dp_json *tx = dp_json_first(txs); tx != NULL; tx = dp_json_next(tx)) {
		const char *to = text_of(tx, "to"), *input = text_of(tx, "input");
		if (tx != dp_json_first(txs)) ln_put(m->calls, ",");
		ln_print(m->calls, "{\"txHash\":\"%s\",\"result\":{\"from\":\"%s\",",
		         text_of(tx, "hash"), text_of(tx, "from"));
		ln_print(m->calls, "\"gas\":\"%s\",\"gasUsed\":\"0x5208\",", text_of(tx, "gas"));
		if (to != NULL) ln_print(m->calls, "\"to\":\"%s\",", to);
		ln_put(m->calls, "\"input\":\"");
		ln_put(m->calls, input);
		ln_print(m->calls, "\",\"value\":\"%s\",\"type\":\"%s\"", text_of(tx, "value"),
		         to != NULL ? "CALL" : "CREATE");
		if (strlen(input) > 2) put_children(m);
		ln_put(m->calls, "}}");
	}
	ln_put(m->calls, "]");
}

//- headers ---------------------------------------------------------------------------------------

// A header's fields in the order in which they are hashed; what a quantity is, is one.
static const struct {
	const char *name;
	bool is_quantity;
} header[] = {{"parentHash", false},
              {"sha3Uncles", false},
              {"miner", false},
              {"stateRoot", false},
              {"transactionsRoot", false},
              {"receiptsRoot", false},
              {"logsBloom", false},
              {"difficulty", true},
              {"number", true},
              {"gasLimit", true},
              {"gasUsed", true},
              {"timestamp", true},
              {"extraData", false},
              {"mixHash", false},
              {"nonce", false},
              {"baseFeePerGas", true},
              {"withdrawalsRoot", false},
              {"blobGasUsed", true},
              {"excessBlobGas", true},
              {"parentBeaconBlockRoot", false}};

// What a template's header has of its own: RLP before and after what each block puts in.
typedef struct pieces {
	uint8_t after_prev[1000], after_number[100], after_time[200];
	size_t sizes[3];
} pieces;

static void put_header_field(dp_rlp *r, const maker *m, const char *name, bool is_quantity)
{
	uint8_t bytes[BLOOM];
	if (dp_json_get(m->answer, name) == NULL) return;
	if (strcmp(name, "receiptsRoot") == 0)
		dp_rlp_bytes(r, m->receipt_root, 32);
	else if (strcmp(name, "logsBloom") == 0)
		dp_rlp_bytes(r, m->bloom, BLOOM);
	else if (strcmp(name, "difficulty") == 0)
		dp_rlp_u64(r, 0); // a block without rewards: uncles are not recorded
	else if (strcmp(name, "gasUsed") == 0)
		dp_rlp_u64(r, m->gas);
	else if (is_quantity)
		dp_rlp_u256(r, number_of(m->answer, name));
	else
		dp_rlp_bytes(r, bytes, bytes_of(bytes, sizeof bytes, text_of(m->answer, name)));
}

static void make_pieces(pieces *p, const maker *m)
{
	uint8_t *const to[3] = {p->after_prev, p->after_number, p->after_time};
	const size_t room[3] = {sizeof p->after_prev, sizeof p->after_number, sizeof p->after_time};
	const size_t first[4] = {1, 9, 12, sizeof header / sizeof *header + 1};
	for (size_t i = 0; i < 3; i++) {
		dp_rlp r = {0};
		for (size_t k = first[i]; k + 1 < first[i + 1]; k++)
			put_header_field(&r, m, header[k].name, header[k].is_quantity);
		DP_CHECK(r.code == DP_OK && r.size <= room[i]);
		p->sizes[i] = r.size;
		if (r.size > 0) memcpy(to[i], r.bytes, r.size);
		dp_rlp_done(&r);
	}
}

static void put_block_field(maker *m, const dp_json *f)
{
	ln_text *t = m->block;
	const char *name = dp_json_name(f);
	ln_print(t, "\"%s\":", name);
	if (strcmp(name, "hash") == 0 || strcmp(name, "blockHash") == 0) {
		ln_put(t, "\"0x");
		ln_put_gap(t, HASH, HASH_SIZE);
		ln_put(t, "\"");
	} else if (strcmp(name, "parentHash") == 0) {
		ln_put(t, "\"0x");
		ln_put_gap(t, PREV, HASH_SIZE);
		ln_put(t, "\"");
	} else if (strcmp(name, "number") == 0 || strcmp(name, "blockNumber") == 0) {
		ln_put(t, "\"0x");
		ln_put_gap(t, NUMBER, NUMBER_SIZE);
		ln_put(t, "\"");
	} else if (strcmp(name, "timestamp") == 0) {
		ln_put(t, "\"0x");
		ln_put_gap(t, TIME, TIME_SIZE);
		ln_put(t, "\"");
	} else if (strcmp(name, "receiptsRoot") == 0 || strcmp(name, "logsBloom") == 0) {
		bool is_root = *name == 'r';
		ln_put(t, "\"0x");
		ln_put_hex(t, is_root ? m->receipt_root : m->bloom, is_root ? 32 : BLOOM);
		ln_put(t, "\"");
	} else if (strcmp(name, "difficulty") == 0) {
		ln_put(t, "\"0x0\"");
	} else if (strcmp(name, "gasUsed") == 0) {
		ln_print(t, "\"0x%" PRIx64 "\"", m->gas);
	} else {
		ln_put_json(t, f);
	}
}

static void put_tx(maker *m, const dp_json *tx)
{
	ln_put(m->block, "{");
	for (const dp_json *f = dp_json_first(tx); f != NULL; f = dp_json_next(f)) {
		if (f != dp_json_first(tx)) ln_put(m->block, ",");
		bool is_place = strncmp(dp_json_name(f), "block", 5) == 0;
		if (is_place) {
			put_block_field(m, f);
			continue;
		}
		ln_print(m->block, "\"%s\":", dp_json_name(f));
		ln_put_json(m->block, f);
	}
	ln_put(m->block, "}");
}

static void make_block(maker *m)
{
	ln_put(m->block, "{");
	for (const dp_json *f = dp_json_first(m->answer); f != NULL; f = dp_json_next(f)) {
		if (f != dp_json_first(m->answer)) ln_put(m->block, ",");
		if (strcmp(dp_json_name(f), "transactions") != 0) {
			put_block_field(m, f);
			continue;
		}
		ln_put(m->block, "\"transactions\":[");
		for (const dp_json *tx = dp_json_first(f); tx != NULL; tx = dp_json_next(tx)) {
			if (tx != dp_json_first(f)) ln_put(m->block, ",");
			put_tx(m, tx);
		}
		ln_put(m->block, "]");
	}
	ln_put(m->block, "}");
}

//- the chain -------------------------------------------------------------------------------------

static void make_template(le_chain *c, pieces *ret_pieces, uint32_t which, const char *data,
                          stock *s)
{
	static const char *const names[LE_TEMPLATES] = {
	    "blocks/19426586.json", "blocks/12459406.json", "blocks/15537394.json",
	    "blocks/11743952.json"};
	size_t size;
	char *text = load(&size, data, names[which]);
	dp_json *doc;
	dp_code code = dp_json_parse(&doc, text, size, NULL);
	DP_CHECK(code == DP_OK);
	maker *m = dp_alloc(sizeof *m);
	DP_CHECK(m != NULL);
	m->answer = dp_json_get(doc, "result");
	if (m->answer == NULL) m->answer = doc;
	m->stock = s;
	m->block = &c->answer[which][LE_BLOCK];
	m->receipts = &c->answer[which][LE_RECEIPTS];
	m->calls = &c->answer[which][LE_CALLS];
	make_receipts(m);
	make_calls(m);
	make_block(m);
	make_pieces(ret_pieces, m);
	dp_rlp_done(&m->items);
	dp_evm_proof_done(&m->proof);
	dp_free(m);
	dp_json_free(doc);
	dp_free(text);
}

static void hash_header(uint8_t ret_hash[32], const pieces *p, const uint8_t prev[32],
                        uint64_t number, uint64_t time)
{
	dp_rlp r = {0};
	dp_rlp_list(&r);
	dp_rlp_bytes(&r, prev, 32);
	dp_rlp_raw(&r, p->after_prev, p->sizes[0]);
	dp_rlp_u64(&r, number);
	dp_rlp_raw(&r, p->after_number, p->sizes[1]);
	dp_rlp_u64(&r, time);
	dp_rlp_raw(&r, p->after_time, p->sizes[2]);
	dp_rlp_list_end(&r);
	DP_CHECK(r.code == DP_OK);
	dp_keccak256(ret_hash, r.bytes, r.size);
	dp_rlp_done(&r);
}

static void answer(const ln_node *n, ln_reply *ret_reply, const char *method, const char *params)
{
	static const struct {
		const char *method;
		int which;
	} known[] = {{"eth_getBlockByNumber", LE_BLOCK},
	             {"eth_getBlockReceipts", LE_RECEIPTS},
	             {"debug_traceBlockByNumber", LE_CALLS}};
	const le_chain *c = (const le_chain *)n;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(method, known[i].method) != 0) continue;
		uint64_t height = strtoull(params + 4, NULL, 16) - LE_HEIGHT_FIRST; // ["0x...
		ret_reply->words = "null";
		if (height < c->count)
			ret_reply->text = le_answer(c, &ret_reply->values, (uint32_t)height,
			                            (uint32_t)known[i].which);
		return;
	}
	if (strcmp(method, "eth_chainId") == 0) ret_reply->words = "\"0x1\"";
	if (strcmp(method, "eth_syncing") == 0) ret_reply->words = "false";
	if (strcmp(method, "eth_getBalance") == 0) ret_reply->words = "\"0x0\"";
	if (strcmp(method, "eth_blockNumber") == 0) {
		(void)snprintf(ret_reply->buffer, sizeof ret_reply->buffer, "\"0x%x\"",
		               LE_HEIGHT_FIRST + c->count - 1);
		ret_reply->words = ret_reply->buffer;
	}
}

void le_make(le_chain *c, const char *data, uint32_t count)
{
	pieces p[LE_TEMPLATES];
	uint8_t hash[32] = {0x7b};
	stock *s = dp_alloc(sizeof *s);
	DP_CHECK(s != NULL);
	load_logs(s, data);
	load_frames(s, data);
	*c = (le_chain){.node = {.answer = answer}, .count = count};
	for (uint32_t i = 0; i < LE_TEMPLATES; i++) make_template(c, &p[i], i, data, s);
	for (uint32_t i = 0; i < s->logs; i++) dp_json_free(s->log[i]);
	dp_free(s);
	c->values = dp_alloc(count * sizeof *c->values);
	DP_CHECK(c->values != NULL);
	for (uint32_t i = 0; i < count; i++) {
		ln_values *v = &c->values[i];
		uint64_t number = LE_HEIGHT_FIRST + i, time = FIRST_TIME + 12 * (uint64_t)i;
		dp_hex_encode(v->field[PREV], hash, 32);
		hash_header(hash, &p[i % LE_TEMPLATES], hash, number, time);
		dp_hex_encode(v->field[HASH], hash, 32);
		(void)snprintf(v->field[NUMBER], LN_VALUE_SIZE, "%07" PRIx64, number);
		(void)snprintf(v->field[TIME], LN_VALUE_SIZE, "%08" PRIx64, time);
	}
}

void le_done(le_chain *c)
{
	for (uint32_t i = 0; i < LE_TEMPLATES; i++)
		for (uint32_t k = 0; k < LE_ANSWERS; k++) ln_text_done(&c->answer[i][k]);
	dp_free(c->values);
	*c = (le_chain){0};
}

const ln_text *le_answer(const le_chain *c, const ln_values **ret_values, uint32_t block,
                         uint32_t which)
{
	DP_CHECK(block < c->count && which < LE_ANSWERS);
	*ret_values = &c->values[block];
	return &c->answer[block % LE_TEMPLATES][which];
}

uint64_t le_bytes(const le_chain *c, uint32_t block)
{
	const ln_text *t = c->answer[block % LE_TEMPLATES];
	return t[LE_BLOCK].bytes.n + t[LE_RECEIPTS].bytes.n + t[LE_CALLS].bytes.n;
}

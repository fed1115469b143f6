// See ledger_live.h. The forms of the answers are go-ethereum's (eth_getBlockByNumber,
// eth_getBlockReceipts, debug_traceBlockByNumber with callTracer); RLP as in EIP-1559 and EIP-2718,
// blooms as in the Yellow Paper, 4.3.1. Signatures are numbers: nobody recovers keys.
#include "bench/ledger_live.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "codec/hex.h"

enum { BLOOM = 256, TXS_MAX = 20000, LOGS_MAX = 3, BLOCK_S = 12, HASH_SALT = 0x5eed };
enum { KIND_THIEF = 1, KIND_HOLDER, KIND_CLEAN, KIND_NEW, KIND_MINER };

// An exchange's hot wallet, as everybody tags it.
const char ll_exchange[] = "0x28c6c06298d514db089934071355e5743bf21d60";
static const char usdt[] = "0xdac17f958d2ee523a2206206994597c13d831ec7";
static const char usdc[] = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
static const char router[] = "0x7a250d5630b4cf539739df2c5dacb4c659f2488d";
static const char transfer_topic[] =
    "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t draw(uint64_t *io_state)
{
	uint64_t z = (*io_state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void fill(uint8_t *to, size_t n, uint64_t kind, uint64_t number)
{
	uint64_t state = kind << 56 ^ number;
	for (size_t at = 0; at < n; at += 8) {
		uint64_t word = draw(&state);
		memcpy(to + at, &word, n - at < 8 ? n - at : 8);
	}
}

static void decode(uint8_t *to, size_t n, const char *hex)
{
	bool is_hex = dp_hex_decode(to, n, hex);
	DP_CHECK(is_hex);
}

//- the spreading ---------------------------------------------------------------------------------

static void thief(uint8_t ret[20], uint32_t c)
{
	fill(ret, 20, KIND_THIEF, c);
}

void ll_holder(uint8_t ret[20], uint32_t c, uint32_t i)
{
	fill(ret, 20, KIND_HOLDER, (uint64_t)c << 32 | i);
}

static void theft_tx(uint8_t ret[32], uint32_t c)
{
	fill(ret, 32, KIND_THIEF, (uint64_t)c << 1 | (uint64_t)1 << 40);
}

void ll_make(ll_world *w, uint32_t cases, uint32_t holders, int64_t time)
{
	uint64_t all = (uint64_t)cases * holders;
	*w = (ll_world){.cases = cases, .holders = holders};
	w->spread = (uint32_t)((all + LL_SPREAD - 1) / LL_SPREAD) + 1;
	w->time_first = time - (int64_t)BLOCK_S * (w->spread - 1);
}

size_t ll_yaml(char out[LL_YAML_MAX], const ll_world *w, uint32_t c)
{
	uint8_t who[20], tx[32];
	char who_hex[41], tx_hex[65];
	thief(who, c);
	theft_tx(tx, c);
	dp_hex_encode(who_hex, who, 20);
	dp_hex_encode(tx_hex, tx, 32);
	int n = snprintf(out, LL_YAML_MAX,
	                 "incident: live-%05u\ntitle: bench\nchain: eip155:1\nstolen:\n"
	                 "  - {address: \"0x%s\", asset: usdt, amount: \"%" PRIu64
	                 "\", tx: \"0x%s\"}\n",
	                 c, who_hex, (uint64_t)w->holders * (LL_SHARE / 1000000), tx_hex);
	DP_CHECK(n > 0 && n < LL_YAML_MAX);
	return (size_t)n;
}

void ll_hash(uint8_t ret_hash[32], uint32_t i)
{
	fill(ret_hash, 32, HASH_SALT, i);
}

static void add_payment(dp_block_builder *b, const uint8_t id[32], const uint8_t from[20],
                        const uint8_t to[20], dp_asset asset, uint64_t amount)
{
	dp_tx *tx;
	dp_movement *mv;
	dp_code code = dp_builder_tx(b, &tx, NULL);
	DP_CHECK(code == DP_OK);
	memcpy(tx->id, id, 32);
	code = dp_builder_movement(b, &mv, NULL);
	DP_CHECK(code == DP_OK);
	mv->kind = DP_MV_TOKEN;
	mv->asset = asset;
	mv->amount = dp_u256_of(amount);
	mv->from = mv->to = (dp_addr){.kind = DP_ADDR_EVM, .len = 20};
	memcpy(mv->from.bytes, from, 20);
	memcpy(mv->to.bytes, to, 20);
}

void ll_block(const dp_block **ret_block, dp_block_builder *b, const ll_world *w, uint32_t i)
{
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	dp_asset asset = dp_asset_by_symbol(chain, "usdt", 4);
	uint8_t from[20], to[20], id[32];
	DP_CHECK(chain != NULL && asset.v != 0 && i < w->spread);
	dp_builder_start(b, chain, (uint64_t)LL_HEIGHT_FIRST + i,
	                 w->time_first + (int64_t)BLOCK_S * i);
	for (uint32_t c = 0; i == 0 && c < w->cases; c++) {
		fill(from, 20, KIND_CLEAN, (uint64_t)c | (uint64_t)1 << 41);
		thief(to, c);
		theft_tx(id, c);
		add_payment(b, id, from, to, asset, (uint64_t)w->holders * LL_SHARE);
	}
	uint64_t all = (uint64_t)w->cases * w->holders, at = (uint64_t)(i - 1) * LL_SPREAD;
	for (uint64_t k = at; i > 0 && k < at + LL_SPREAD && k < all; k++) {
		uint32_t c = (uint32_t)(k / w->holders);
		thief(from, c);
		ll_holder(to, c, (uint32_t)(k % w->holders));
		fill(id, 32, KIND_HOLDER, k | (uint64_t)1 << 50);
		add_payment(b, id, from, to, asset, LL_SHARE);
	}
	ll_hash(b->block.hash, i);
	if (i > 0) ll_hash(b->block.prev, i - 1);
	dp_code code = dp_builder_finish(b, ret_block, NULL);
	DP_CHECK(code == DP_OK);
}

void ll_small(dp_block_builder *b, const ll_world *w, uint64_t salt, bool touches, bool arrives)
{
	dp_asset asset = dp_asset_by_symbol(b->block.chain, "usdt", 4);
	uint64_t state = salt;
	uint8_t from[20], to[20], id[32];
	for (uint32_t i = 0; i < 5; i++) {
		fill(from, 20, KIND_CLEAN, draw(&state));
		fill(to, 20, KIND_CLEAN, draw(&state));
		if (touches && i == 2)
			ll_holder(from, (uint32_t)(draw(&state) % w->cases),
			          (uint32_t)(draw(&state) % w->holders));
		if (arrives && i == 2) decode(to, 20, ll_exchange + 2);
		fill(id, 32, KIND_NEW, draw(&state));
		add_payment(b, id, from, to, asset, LL_PAYMENT);
	}
}

//- a transaction of a busy block -----------------------------------------------------------------

typedef struct log {
	const char *contract;
	uint8_t from[20], to[20];
	uint64_t amount;
} log;

typedef struct tx {
	uint32_t index;
	uint8_t hash[32], from[20], to[20], r[32], s[32], input[260];
	size_t input_size;
	uint64_t value, nonce;
	log log[LOGS_MAX];
	uint32_t logs;
	bool is_routed;
} tx;

static void put_quantity(ln_text *t, const char *key, uint64_t v)
{
	ln_print(t, "\"%s\":\"0x%" PRIx64 "\",", key, v);
}

static void put_bytes(ln_text *t, const char *key, const void *bytes, size_t n)
{
	ln_print(t, "\"%s\":\"0x", key);
	ln_put_hex(t, bytes, n);
	ln_put(t, "\",");
}

// transfer(address,uint256), with which tokens are paid.
static void call_transfer(tx *t, const char *token, uint64_t amount, const uint8_t to[20])
{
	static const uint8_t selector[4] = {0xa9, 0x05, 0x9c, 0xbb};
	decode(t->to, 20, token + 2);
	memset(t->input, 0, sizeof t->input);
	memcpy(t->input, selector, 4);
	memcpy(t->input + 16, to, 20);
	for (size_t i = 0; i < 8; i++) t->input[67 - i] = (uint8_t)(amount >> (8 * i));
	t->input_size = 68;
	t->log[0] = (log){.contract = token, .amount = amount};
	memcpy(t->log[0].from, t->from, 20);
	memcpy(t->log[0].to, to, 20);
	t->logs = 1;
}

// One that a router does in three payments, with calls below it.
static void call_router(tx *t, uint64_t *io_state)
{
	decode(t->to, 20, router + 2);
	for (size_t i = 0; i < sizeof t->input; i++) t->input[i] = (uint8_t)draw(io_state);
	t->input_size = sizeof t->input;
	t->logs = LOGS_MAX;
	t->is_routed = true;
	uint8_t who[LOGS_MAX + 1][20];
	memcpy(who[0], t->from, 20);
	memcpy(who[LOGS_MAX], t->from, 20);
	for (uint32_t i = 1; i < LOGS_MAX; i++) fill(who[i], 20, KIND_CLEAN, draw(io_state) % 5000);
	for (uint32_t i = 0; i < LOGS_MAX; i++) {
		t->log[i] =
		    (log){.contract = i == 1 ? usdc : usdt, .amount = draw(io_state) % 100000000};
		memcpy(t->log[i].from, who[i], 20);
		memcpy(t->log[i].to, who[i + 1], 20);
	}
}

// What transaction `index` of the block does. Of ten, seven pay tokens, two pay ether, and one
// goes through a router; those that touch a holder pay tokens.
static void choose(tx *t, const ll_busy *b, const ll_world *w, uint32_t index, uint64_t *io_state)
{
	uint32_t step = b->touching > 0 ? b->txs / b->touching : 0;
	uint32_t touch = step > 0 && index % step == 0 ? index / step : UINT32_MAX;
	uint8_t to[20];
	*t = (tx){.index = index, .nonce = draw(io_state) % 1000};
	fill(t->from, 20, KIND_CLEAN, draw(io_state) % 1000000);
	fill(t->r, 32, KIND_NEW, draw(io_state));
	fill(t->s, 32, KIND_NEW, draw(io_state));
	t->r[0] |= 1;
	t->s[0] = 1;
	fill(to, 20, KIND_CLEAN, draw(io_state) % 1000000);
	if (touch < b->touching) {
		ll_holder(t->from, (uint32_t)(draw(io_state) % w->cases),
		          (uint32_t)(draw(io_state) % w->holders));
		fill(to, 20, KIND_NEW, draw(io_state));
		if (touch < b->arrivals) decode(to, 20, ll_exchange + 2);
		call_transfer(t, usdt, LL_PAYMENT, to);
	} else if (index % 10 < 7) {
		call_transfer(t, index % 10 < 5 ? usdt : usdc, 1 + draw(io_state) % 100000000, to);
	} else if (index % 10 < 9) {
		memcpy(t->to, to, 20);
		t->value = 1 + draw(io_state) % 1000000000000000000u;
	} else {
		call_router(t, io_state);
	}
}

// EIP-1559's payload, behind its type byte.
static void put_tx_rlp(dp_rlp *r, const tx *t)
{
	static const uint8_t type = 2;
	dp_rlp_raw(r, &type, 1);
	dp_rlp_list(r);
	dp_rlp_u64(r, 1);
	dp_rlp_u64(r, t->nonce);
	dp_rlp_u64(r, 100000000);
	dp_rlp_u64(r, UINT64_C(60000000000));
	dp_rlp_u64(r, 250000);
	dp_rlp_bytes(r, t->to, 20);
	dp_rlp_u64(r, t->value);
	dp_rlp_bytes(r, t->input, t->input_size);
	dp_rlp_list(r);
	dp_rlp_list_end(r);
	dp_rlp_u64(r, 1);
	dp_rlp_bytes(r, t->r, 32);
	dp_rlp_bytes(r, t->s, 32);
	dp_rlp_list_end(r);
	DP_CHECK(r->code == DP_OK);
}

static void put_tx(ll_busy *b, const tx *t)
{
	ln_text *o = &b->answer[LL_BLOCK];
	ln_put(o, t->index > 0 ? ",{\"blockHash\":\"0x" : "{\"blockHash\":\"0x");
	ln_put_gap(o, 0, 64);
	ln_put(o, "\",");
	put_quantity(o, "blockNumber", b->number);
	put_bytes(o, "from", t->from, 20);
	put_quantity(o, "gas", 250000);
	put_quantity(o, "gasPrice", UINT64_C(30100000000));
	put_quantity(o, "maxFeePerGas", UINT64_C(60000000000));
	put_quantity(o, "maxPriorityFeePerGas", 100000000);
	put_bytes(o, "hash", t->hash, 32);
	put_bytes(o, "input", t->input, t->input_size);
	put_quantity(o, "nonce", t->nonce);
	put_bytes(o, "to", t->to, 20);
	put_quantity(o, "transactionIndex", t->index);
	put_quantity(o, "value", t->value);
	ln_put(o, "\"type\":\"0x2\",\"accessList\":[],\"chainId\":\"0x1\",\"v\":\"0x1\",");
	put_bytes(o, "r", t->r, 32);
	put_bytes(o, "s", t->s, 32);
	ln_put(o, "\"yParity\":\"0x1\"}");
}

//- its receipt -----------------------------------------------------------------------------------

static void add_to_bloom(uint8_t bloom[BLOOM], const uint8_t *bytes, size_t n)
{
	uint8_t hash[32];
	dp_keccak256(hash, bytes, n);
	for (size_t i = 0; i < 6; i += 2) {
		uint32_t bit = ((uint32_t)hash[i] << 8 | hash[i + 1]) % (8 * BLOOM);
		bloom[BLOOM - 1 - bit / 8] |= (uint8_t)(1 << bit % 8);
	}
}

static void log_words(uint8_t word[4][32], uint8_t contract[20], const log *l)
{
	memset(word, 0, 4 * 32);
	decode(contract, 20, l->contract + 2);
	decode(word[0], 32, transfer_topic);
	memcpy(word[1] + 12, l->from, 20);
	memcpy(word[2] + 12, l->to, 20);
	for (size_t i = 0; i < 8; i++) word[3][31 - i] = (uint8_t)(l->amount >> (8 * i));
}

static void put_log_rlp(dp_rlp *r, uint8_t bloom[BLOOM], const log *l)
{
	uint8_t word[4][32], contract[20];
	log_words(word, contract, l);
	add_to_bloom(bloom, contract, 20);
	dp_rlp_list(r);
	dp_rlp_bytes(r, contract, 20);
	dp_rlp_list(r);
	for (size_t i = 0; i < 3; i++) {
		add_to_bloom(bloom, word[i], 32);
		dp_rlp_bytes(r, word[i], 32);
	}
	dp_rlp_list_end(r);
	dp_rlp_bytes(r, word[3], 32);
	dp_rlp_list_end(r);
}

static void put_log(ll_busy *b, const tx *t, const log *l, uint32_t number)
{
	uint8_t word[4][32], contract[20];
	ln_text *o = &b->answer[LL_RECEIPTS];
	log_words(word, contract, l);
	ln_print(o, "{\"address\":\"%s\",\"topics\":[", l->contract);
	for (size_t i = 0; i < 3; i++) {
		ln_put(o, i > 0 ? ",\"0x" : "\"0x");
		ln_put_hex(o, word[i], 32);
		ln_put(o, "\"");
	}
	ln_put(o, "],");
	put_bytes(o, "data", word[3], 32);
	put_quantity(o, "blockNumber", b->number);
	put_bytes(o, "transactionHash", t->hash, 32);
	put_quantity(o, "transactionIndex", t->index);
	ln_put(o, "\"blockHash\":\"0x");
	ln_put_gap(o, 0, 64);
	ln_print(o, "\",\"logIndex\":\"0x%x\",\"removed\":false}", number);
}

static uint64_t gas_of(const tx *t)
{
	return t->logs == 0 ? 21000 : t->logs == 1 ? 46109 : 184523;
}

static void put_receipt(ll_busy *b, const tx *t, const uint8_t bloom[BLOOM], uint64_t gas,
                        uint32_t logs)
{
	ln_text *o = &b->answer[LL_RECEIPTS];
	ln_put(o, t->index > 0 ? ",{\"blockHash\":\"0x" : "{\"blockHash\":\"0x");
	ln_put_gap(o, 0, 64);
	ln_put(o, "\",");
	put_quantity(o, "blockNumber", b->number);
	ln_put(o, "\"contractAddress\":null,");
	put_quantity(o, "cumulativeGasUsed", gas);
	put_quantity(o, "effectiveGasPrice", UINT64_C(30100000000));
	put_bytes(o, "from", t->from, 20);
	put_quantity(o, "gasUsed", gas_of(t));
	ln_put(o, "\"logs\":[");
	for (uint32_t i = 0; i < t->logs; i++) {
		if (i > 0) ln_put(o, ",");
		put_log(b, t, &t->log[i], logs + i);
	}
	ln_put(o, "],");
	put_bytes(o, "logsBloom", bloom, BLOOM);
	ln_put(o, "\"status\":\"0x1\",");
	put_bytes(o, "to", t->to, 20);
	put_bytes(o, "transactionHash", t->hash, 32);
	ln_print(o, "\"transactionIndex\":\"0x%x\",\"type\":\"0x2\"}", t->index);
}

static void put_receipt_rlp(dp_rlp *r, uint8_t ret_bloom[BLOOM], const tx *t, uint64_t gas)
{
	static const uint8_t type = 2;
	dp_rlp_raw(r, &type, 1);
	dp_rlp_list(r);
	dp_rlp_u64(r, 1);
	dp_rlp_u64(r, gas);
	memset(ret_bloom, 0, BLOOM);
	dp_rlp_bytes(r, ret_bloom, BLOOM);
	uint64_t bloom_end = r->size;
	dp_rlp_list(r);
	for (uint32_t i = 0; i < t->logs; i++) put_log_rlp(r, ret_bloom, &t->log[i]);
	dp_rlp_list_end(r);
	// Now that it is known; ending the list moves all behind its head.
	DP_CHECK(r->code == DP_OK);
	memcpy(r->bytes + bloom_end - BLOOM, ret_bloom, BLOOM);
	dp_rlp_list_end(r);
	DP_CHECK(r->code == DP_OK);
}

//- its calls -------------------------------------------------------------------------------------

static void put_call(ln_text *o, const char *type, const uint8_t from[20], const uint8_t to[20],
                     const uint8_t *input, size_t size, uint64_t value)
{
	ln_put(o, "{");
	put_bytes(o, "from", from, 20);
	ln_put(o, "\"gas\":\"0x3d090\",\"gasUsed\":\"0xb41d\",");
	put_bytes(o, "to", to, 20);
	put_bytes(o, "input", input, size);
	if (strcmp(type, "STATICCALL") != 0) put_quantity(o, "value", value);
	ln_print(o, "\"type\":\"%s\"", type);
}

// A router asks for balances and has three tokens sent.
static void put_calls(ll_busy *b, const tx *t)
{
	ln_text *o = &b->answer[LL_CALLS];
	ln_put(o, t->index > 0 ? ",{\"txHash\":\"0x" : "{\"txHash\":\"0x");
	ln_put_hex(o, t->hash, 32);
	ln_put(o, "\",\"result\":");
	put_call(o, "CALL", t->from, t->to, t->input, t->input_size, t->value);
	for (uint32_t i = 0; t->is_routed && i < t->logs; i++) {
		uint8_t token[20];
		decode(token, 20, t->log[i].contract + 2);
		ln_put(o, i == 0 ? ",\"calls\":[" : ",");
		put_call(o, "CALL", t->to, token, t->input, 100, 0);
		ln_put(o, ",\"calls\":[");
		put_call(o, "STATICCALL", token, t->to, t->input, 36, 0);
		ln_put(o, "}]}");
	}
	ln_put(o, t->is_routed ? "]}}" : "}}");
}

//- the block -------------------------------------------------------------------------------------

typedef struct roots {
	uint8_t txs[32], receipts[32], withdrawals[32], bloom[BLOOM], miner[20], salt[32];
	uint64_t gas;
} roots;

static const char no_uncles[] = "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";

static void hash_header(ll_busy *b, const roots *h)
{
	dp_rlp r = {0};
	uint8_t uncles[32], nonce[8] = {0}, zeros[32] = {0};
	decode(uncles, 32, no_uncles);
	dp_rlp_list(&r);
	dp_rlp_bytes(&r, b->prev, 32);
	dp_rlp_bytes(&r, uncles, 32);
	dp_rlp_bytes(&r, h->miner, 20);
	dp_rlp_bytes(&r, h->salt, 32);
	dp_rlp_bytes(&r, h->txs, 32);
	dp_rlp_bytes(&r, h->receipts, 32);
	dp_rlp_bytes(&r, h->bloom, BLOOM);
	dp_rlp_u64(&r, 0);
	dp_rlp_u64(&r, b->number);
	dp_rlp_u64(&r, UINT64_C(150000000));
	dp_rlp_u64(&r, h->gas);
	dp_rlp_u64(&r, (uint64_t)b->time);
	dp_rlp_bytes(&r, "", 0);
	dp_rlp_bytes(&r, h->salt, 32);
	dp_rlp_bytes(&r, nonce, 8);
	dp_rlp_u64(&r, UINT64_C(30000000000));
	dp_rlp_bytes(&r, h->withdrawals, 32);
	dp_rlp_u64(&r, 0);
	dp_rlp_u64(&r, 0);
	dp_rlp_bytes(&r, zeros, 32);
	dp_rlp_list_end(&r);
	DP_CHECK(r.code == DP_OK);
	dp_keccak256(b->hash, r.bytes, r.size);
	dp_rlp_done(&r);
}

static void put_header(ll_busy *b, const roots *h)
{
	ln_text *o = &b->answer[LL_BLOCK];
	const uint8_t zeros[32] = {0};
	ln_put(o, "],\"baseFeePerGas\":\"0x6fc23ac00\",\"difficulty\":\"0x0\","
	          "\"extraData\":\"0x\",\"gasLimit\":\"0x8f0d180\",\"blobGasUsed\":\"0x0\","
	          "\"excessBlobGas\":\"0x0\",\"nonce\":\"0x0000000000000000\",\"uncles\":[],"
	          "\"withdrawals\":[],\"size\":\"0x1000\",");
	put_quantity(o, "gasUsed", h->gas);
	put_quantity(o, "number", b->number);
	put_quantity(o, "timestamp", (uint64_t)b->time);
	put_bytes(o, "logsBloom", h->bloom, BLOOM);
	put_bytes(o, "miner", h->miner, 20);
	put_bytes(o, "mixHash", h->salt, 32);
	put_bytes(o, "stateRoot", h->salt, 32);
	put_bytes(o, "parentBeaconBlockRoot", zeros, 32);
	put_bytes(o, "parentHash", b->prev, 32);
	put_bytes(o, "receiptsRoot", h->receipts, 32);
	put_bytes(o, "transactionsRoot", h->txs, 32);
	put_bytes(o, "withdrawalsRoot", h->withdrawals, 32);
	ln_print(o, "\"sha3Uncles\":\"0x%s\",\"hash\":\"0x", no_uncles);
	ln_put_gap(o, 0, 64);
	ln_put(o, "\"}");
}

static void find_root(ll_busy *b, uint8_t ret_root[32], const dp_rlp *items, const uint64_t *at,
                      uint32_t count)
{
	static const uint8_t *item[TXS_MAX];
	static uint32_t size[TXS_MAX];
	for (uint32_t i = 0; i < count; i++) {
		item[i] = items->bytes + at[i];
		size[i] = (uint32_t)(at[i + 1] - at[i]);
	}
	dp_code code = dp_evm_trie_root(&b->proof, ret_root, item, size, count, NULL);
	DP_CHECK(code == DP_OK);
}

// The block's own hash is known last: it goes into its gaps here, and the text has none left.
static void fill_hash(ln_text *t, const uint8_t hash[32])
{
	char hex[65];
	dp_hex_encode(hex, hash, 32);
	for (size_t i = 0; i < t->gap_count; i++) memcpy(t->bytes.b + t->gap[i].at, hex, 64);
	t->gap_count = 0;
}

void ll_json(ll_busy *b, const ll_world *w)
{
	static uint64_t tx_at[TXS_MAX + 1], receipt_at[TXS_MAX + 1];
	uint64_t state = b->seed * 0x2545f4914f6cdd1d;
	uint32_t logs = 0;
	roots h = {0};
	DP_CHECK(b->txs < TXS_MAX && b->touching <= b->txs);
	for (uint32_t i = 0; i < LL_ANSWERS; i++) b->answer[i].bytes.n = b->answer[i].gap_count = 0;
	dp_rlp_clear(&b->items[0]);
	dp_rlp_clear(&b->items[1]);
	fill(h.miner, 20, KIND_MINER, 1);
	fill(h.salt, 32, KIND_MINER, b->number);
	ln_put(&b->answer[LL_BLOCK], "{\"transactions\":[");
	ln_put(&b->answer[LL_RECEIPTS], "[");
	ln_put(&b->answer[LL_CALLS], "[");
	for (uint32_t i = 0; i < b->txs; i++) {
		tx t;
		uint8_t bloom[BLOOM];
		choose(&t, b, w, i, &state);
		tx_at[i] = b->items[0].size;
		put_tx_rlp(&b->items[0], &t);
		dp_keccak256(t.hash, b->items[0].bytes + tx_at[i], b->items[0].size - tx_at[i]);
		h.gas += gas_of(&t);
		receipt_at[i] = b->items[1].size;
		put_receipt_rlp(&b->items[1], bloom, &t, h.gas);
		for (size_t k = 0; k < BLOOM; k++) h.bloom[k] |= bloom[k];
		put_tx(b, &t);
		put_receipt(b, &t, bloom, h.gas, logs);
		put_calls(b, &t);
		logs += t.logs;
	}
	tx_at[b->txs] = b->items[0].size;
	receipt_at[b->txs] = b->items[1].size;
	find_root(b, h.txs, &b->items[0], tx_at, b->txs);
	find_root(b, h.receipts, &b->items[1], receipt_at, b->txs);
	find_root(b, h.withdrawals, &b->items[0], tx_at, 0);
	hash_header(b, &h);
	put_header(b, &h);
	ln_put(&b->answer[LL_RECEIPTS], "]");
	ln_put(&b->answer[LL_CALLS], "]");
	for (uint32_t i = 0; i < LL_ANSWERS; i++) fill_hash(&b->answer[i], b->hash);
}

void ll_busy_done(ll_busy *b)
{
	for (uint32_t i = 0; i < LL_ANSWERS; i++) ln_text_done(&b->answer[i]);
	dp_rlp_done(&b->items[0]);
	dp_rlp_done(&b->items[1]);
	dp_evm_proof_done(&b->proof);
}

// Blocks from a Bitcoin node: a server on loopback answers as nodes do, from a table that each test
// fills and spoils. The same blocks as from block files must come out.
// Covers: source/bitcoin_json.c source/bitcoin_node.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "bitcoin_render.h"
#include "chain/digest.h"
#include "codec/hex.h"
#include "source/bitcoin_json.h"
#include "source/blockfile.h"
#include "source/source_kinds.h"
#include "support/http_server.h"

//- a node that says what it is told --------------------------------------------------------------

enum { CALLS_MAX = 1024, BLOCKS_MAX = 300 };

typedef struct call {
	char *method, *params; // without blanks
	char *answer;          // members of the answer: "\"result\":..."
	char *trouble;         // given in its place as often as
	int troubles;
} call;

static struct {
	pthread_mutex_t lock;
	call call[CALLS_MAX];
	size_t count;
	char asked[1 << 16]; // methods, in order
} node = {.lock = PTHREAD_MUTEX_INITIALIZER};

// Transactions that were not told are answered as by a node without an index.
static bool is_without_index;

// What is told last counts. Takes `answer` over.
static void tell_owned(const char *method, const char *params, char *answer)
{
	pthread_mutex_lock(&node.lock);
	call *c = NULL;
	for (size_t i = 0; i < node.count && c == NULL; i++)
		if (strcmp(node.call[i].method, method) == 0 &&
		    strcmp(node.call[i].params, params) == 0)
			c = &node.call[i];
	if (c == NULL) {
		assert_true(node.count < CALLS_MAX);
		c = &node.call[node.count++];
		*c = (call){.method = strdup(method), .params = strdup(params)};
	}
	free(c->answer);
	c->answer = answer;
	pthread_mutex_unlock(&node.lock);
}

static void tell(const char *method, const char *params, const char *result)
{
	char *answer;
	assert_true(asprintf(&answer, "\"error\":null,\"result\":%s", result) > 0);
	tell_owned(method, params, answer);
}

static void tell_error(const char *method, const char *params, int code, const char *text)
{
	char *answer;
	assert_true(asprintf(&answer, "\"result\":null,\"error\":{\"code\":%d,\"message\":\"%s\"}",
	                     code, text) > 0);
	tell_owned(method, params, answer);
}

// The next `times` questions get this error, and then what was told.
static void tell_trouble(const char *method, const char *params, int times, int code,
                         const char *text)
{
	bool is_told = false;
	pthread_mutex_lock(&node.lock);
	for (size_t i = 0; i < node.count; i++) {
		call *c = &node.call[i];
		if (strcmp(c->method, method) != 0 || strcmp(c->params, params) != 0) continue;
		free(c->trouble);
		assert_true(asprintf(&c->trouble,
		                     "\"result\":null,\"error\":{\"code\":%d,\"message\":\"%s\"}",
		                     code, text) > 0);
		c->troubles = times;
		is_told = true;
	}
	pthread_mutex_unlock(&node.lock);
	assert_true(is_told);
}

// Replaces text in an answer that was told.
static void spoil(const char *method, const char *params, const char *from, const char *to)
{
	for (size_t i = 0; i < node.count; i++) {
		call *c = &node.call[i];
		if (strcmp(c->method, method) != 0 || strcmp(c->params, params) != 0) continue;
		char *p = strstr(c->answer, from), *answer;
		if (p == NULL) fail_msg("no %s in %.200s", from, c->answer);
		assert_true(asprintf(&answer, "%.*s%s%s", (int)(p - c->answer), c->answer, to,
		                     p + strlen(from)) > 0);
		tell_owned(method, params, answer);
		return;
	}
	fail_msg("no call %s %s", method, params);
}

// A request whose client has gone away may still be being answered.
static void forget_all(void)
{
	pthread_mutex_lock(&node.lock);
	for (size_t i = 0; i < node.count; i++) {
		free(node.call[i].method);
		free(node.call[i].params);
		free(node.call[i].answer);
		free(node.call[i].trouble);
	}
	node.count = 0;
	node.asked[0] = 0;
	pthread_mutex_unlock(&node.lock);
}

static call *find_call(const char *method, size_t n, const char *params, size_t m)
{
	for (size_t i = 0; i < node.count; i++)
		if (strlen(node.call[i].method) == n &&
		    memcmp(node.call[i].method, method, n) == 0 &&
		    strlen(node.call[i].params) == m && memcmp(node.call[i].params, params, m) == 0)
			return &node.call[i];
	return NULL;
}

// Answers each call of a request, which our client writes without blanks and with `params` last.
static void answer_all(void *context, const t_http_request *q, t_http_reply *io_reply)
{
	static const char id_key[] = "\"id\":", method_key[] = "\"method\":\"",
	                  params_key[] = "\"params\":";
	static const char no_height[] = "\"result\":null,\"error\":{\"code\":-8,\"message\":"
	                                "\"Block height out of range\"}";
	static const char no_tx[] = "\"result\":null,\"error\":{\"code\":-5,\"message\":"
	                            "\"No such mempool transaction. Use -txindex\"}";
	char *out;
	size_t size, count = 0;
	(void)context;
	pthread_mutex_lock(&node.lock);
	FILE *f = open_memstream(&out, &size);
	bool is_batch = q->body[0] == '[';
	if (is_batch) putc('[', f);
	for (const char *p = q->body; (p = strstr(p, id_key)) != NULL; count++) {
		unsigned long long id = strtoull(p + strlen(id_key), NULL, 10);
		const char *m = strstr(p, method_key) + strlen(method_key);
		size_t n = strcspn(m, "\"");
		p = strstr(m, params_key) + strlen(params_key);
		size_t k = strcspn(p, "]") + 1;
		call *c = find_call(m, n, p, k);
		bool is_trouble = c != NULL && c->troubles > 0;
		if (is_trouble) c->troubles--;
		size_t used = strlen(node.asked);
		if (used + n + k + 3 < sizeof node.asked)
			snprintf(node.asked + used, sizeof node.asked - used, "%.*s%.*s\n", (int)n,
			         m, (int)k, p);
		fprintf(f, "%s{\"id\":%llu,%s}", count == 0 ? "" : ",", id,
		        is_trouble         ? c->trouble
		        : c != NULL        ? c->answer
		        : is_without_index ? no_tx
		                           : no_height);
	}
	if (is_batch) putc(']', f);
	fclose(f);
	pthread_mutex_unlock(&node.lock);
	*io_reply = (t_http_reply){.body = out, .body_size = size, .is_owned = true};
}

static t_http *server;
static char url[64];

static int start(void **state)
{
	(void)state;
	server = t_http_start(answer_all, NULL);
	snprintf(url, sizeof url, "http://u:secret@127.0.0.1:%u/", t_http_port(server));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	t_http_stop(server);
	forget_all();
	return 0;
}

//- a regtest chain -------------------------------------------------------------------------------

// Heights 0 to LAST; from FORK + 1 on there is another branch, longer by one.
enum { LAST = 6, FORK = 3, SIDES = 2, HEIGHTS = LAST + 2 };
static mk_bytes made_bytes[SIDES][HEIGHTS];
static rd_block made[SIDES][HEIGHTS];

static const rd_block *made_at(int side, uint64_t height)
{
	return &made[height <= FORK ? 0 : side][height];
}

static void finish_made(int side, uint64_t h, mk_block *b)
{
	uint8_t hash[32];
	memcpy(b->prev, made_at(side, h - 1)->hash, 32);
	b->time = (uint32_t)(1600000000 + h * 600);
	b->bits = 0x207fffff;
	mk_finish(&made_bytes[side][h], hash, b);
	rd_block *r = &made[side][h];
	rd_read(r, made_bytes[side][h].b, made_bytes[side][h].n, h);
	for (size_t i = 1; i < r->tx_count; i++)
		for (size_t k = 0; k < r->tx[i].in_count; k++) {
			const rd_out *o = NULL;
			for (uint64_t from = 0; from <= h && o == NULL; from++)
				o = rd_find_out(made_at(side, from), r->tx[i].in[k].txid,
				                r->tx[i].in[k].vout);
			assert_non_null(o);
			r->spent[r->spent_count++] = *o;
		}
}

// Each block from 2 on spends the coinbase of the one before it, and its change within itself.
static void make_side(int side, uint64_t first, uint64_t last)
{
	static mk_block b;
	for (uint64_t h = first; h <= last; h++) {
		memset(&b, 0, sizeof b);
		mk_out reward[] = {{4000000000, NULL}, {1000000000, NULL}};
		mk_coinbase(&b, (uint32_t)h, (uint32_t)(77 + side), reward, 2);
		if (h > 1) {
			const rd_block *below = made_at(side, h - 1);
			mk_in in[] = {{below->tx[0].txid, 1}, {below->tx[0].txid, 0}};
			mk_out out[] = {{3000000000 + h, NULL}, {1999999000 - h, NULL}};
			mk_tx *t = mk_spend(&b, in, 2, out, 2);
			mk_in change[] = {{t->txid, 1}};
			mk_out rest[] = {{1, NULL}};
			mk_spend(&b, change, 1, rest, 1);
		}
		finish_made(side, h, &b);
	}
}

static int make_chain(void **state)
{
	(void)state;
	size_t n;
	uint8_t *genesis = mk_load("tests/data/bitcoin/genesis.blk", &n);
	assert_non_null(genesis);
	mk_bytes *g = &made_bytes[0][0];
	mk_put(g, genesis, n);
	free(genesis);
	// The regtest network's first block differs from Bitcoin's in time, target and nonce.
	mk_bytes tail = {.n = 0};
	mk_int(&tail, 1296688602, 4);
	mk_int(&tail, 0x207fffff, 4);
	mk_int(&tail, 2, 4);
	memcpy(g->b + 68, tail.b, 12);
	rd_read(&made[0][0], g->b, g->n, 0);
	make_side(0, 1, LAST);
	make_side(1, FORK + 1, LAST + 1);
	return 0;
}

static int free_chain(void **state)
{
	(void)state;
	for (int side = 0; side < SIDES; side++)
		for (size_t h = 0; h < HEIGHTS; h++) rd_done(&made[side][h]);
	return 0;
}

//- telling it ------------------------------------------------------------------------------------

typedef enum knows { KNOWS_PREVOUTS, KNOWS_NUMBERS, KNOWS_BOOLS } knows;

static char *text_of(void (*print)(FILE *f, const void *what), const void *what)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	print(f, what);
	fclose(f);
	return text;
}

static void print_raw(FILE *f, const void *what)
{
	const rd_block *r = what;
	putc('"', f);
	rd_hex(f, r->p, r->size);
	putc('"', f);
}

static void print_prevouts(FILE *f, const void *what)
{
	rd_full(f, what, true);
}

static void print_no_prevouts(FILE *f, const void *what)
{
	rd_full(f, what, false);
}

static void print_hash(FILE *f, const void *what)
{
	putc('"', f);
	rd_hash(f, what);
	putc('"', f);
}

static void tell_text(const char *method, const char *params, char *text)
{
	tell(method, params, text);
	free(text);
}

static void tell_txs(const rd_block *r, const char *hash)
{
	for (size_t i = 0; i < r->tx_count; i++) {
		char params[96], *text, id[65];
		size_t n;
		dp_bitcoin_hash_text(id, r->tx[i].txid);
		FILE *f = open_memstream(&text, &n);
		putc('"', f);
		rd_hex(f, r->tx[i].p, r->tx[i].size);
		putc('"', f);
		fclose(f);
		snprintf(params, sizeof params, "[\"%s\",0]", id);
		tell_text("getrawtransaction", params, text);
		assert_true(asprintf(&text, "{\"txid\":\"%s\",\"blockhash\":%s}", id, hash) > 0);
		snprintf(params, sizeof params, "[\"%s\",1]", id);
		tell_text("getrawtransaction", params, text);
	}
}

static void tell_block(const rd_block *r, knows what)
{
	char params[96], *hash = text_of(print_hash, r->hash), *text;
	snprintf(params, sizeof params, "[%llu]", (unsigned long long)r->height);
	tell("getblockhash", params, hash);
	snprintf(params, sizeof params, "[%s]", hash);
	assert_true(asprintf(&text, "{\"hash\":%s,\"height\":%llu,\"time\":%u}", hash,
	                     (unsigned long long)r->height, rd_u32(r->p + 68)) > 0);
	tell_text("getblockheader", params, text);
	snprintf(params, sizeof params, "[%s,3]", hash);
	if (what == KNOWS_BOOLS)
		tell_error("getblock", params, -1, "JSON value is not a boolean as expected");
	else
		tell_text("getblock", params,
		          text_of(what == KNOWS_PREVOUTS ? print_prevouts : print_no_prevouts, r));
	snprintf(params, sizeof params, "[%s,0]", hash);
	if (what == KNOWS_BOOLS)
		tell_error("getblock", params, -1, "JSON value is not a boolean as expected");
	else
		tell_text("getblock", params, text_of(print_raw, r));
	snprintf(params, sizeof params, "[%s,false]", hash);
	tell_text("getblock", params, text_of(print_raw, r));
	free(hash);
}

static void tell_tip(const char *chain, uint64_t tip, const char *more)
{
	char text[256];
	snprintf(text, sizeof text, "{\"chain\":\"%s\",\"blocks\":%llu,\"headers\":%llu%s}", chain,
	         (unsigned long long)tip, (unsigned long long)tip, more);
	tell("getblockchaininfo", "[]", text);
	snprintf(text, sizeof text, "%llu", (unsigned long long)tip);
	tell("getblockcount", "[]", text);
}

static void tell_side(int side, uint64_t tip, knows what, bool has_index)
{
	for (uint64_t h = 0; h <= tip; h++) {
		char *hash = text_of(print_hash, made_at(side, h)->hash);
		tell_block(made_at(side, h), what);
		if (has_index) tell_txs(made_at(side, h), hash);
		free(hash);
	}
	tell_tip("regtest", tip, "");
}

//- reading it ------------------------------------------------------------------------------------

typedef struct reading {
	dp_code code;
	dp_fault fault;
	size_t count;
	uint64_t height[BLOCKS_MAX];
	uint8_t digest[BLOCKS_MAX][32], hash[BLOCKS_MAX][32], prev[BLOCKS_MAX][32];
	dp_source_stats stats;
	char chain[32];
} reading;

static reading now;
static char notices[4096];

static void hear(void *context, const char *text)
{
	(void)context;
	size_t n = strlen(notices);
	snprintf(notices + n, sizeof notices - n, "%s\n", text);
}

static bool read_one(dp_source *s)
{
	const dp_block *b;
	now.code = dp_source_next(s, &b, &now.fault);
	now.stats = s->stats;
	if (now.code != DP_OK) return false;
	assert_true(now.count < BLOCKS_MAX);
	size_t i = now.count++;
	now.height[i] = b->height;
	memcpy(now.hash[i], b->hash, 32);
	memcpy(now.prev[i], b->prev, 32);
	dp_block_digest(now.digest[i], b);
	return true;
}

static dp_source *open_node(const dp_source_options *options)
{
	dp_source *s = NULL;
	const char *paths[] = {url};
	dp_source_options o = options == NULL ? (dp_source_options){0} : *options;
	o.watch.notice = hear;
	notices[0] = 0;
	now = (reading){0};
	now.code = dp_source_bitcoin_rpc.open(&s, paths, 1, &o, &now.fault);
	if (now.code == DP_OK) snprintf(now.chain, sizeof now.chain, "%s", s->chain->name);
	return s;
}

static const reading *read_node(const dp_source_options *options)
{
	int64_t live = dp_mem_live();
	dp_source *s = open_node(options);
	if (s != NULL) {
		while (read_one(s)) {}
		dp_source_close(s);
	}
	assert_int_equal(dp_mem_live(), live);
	assert_null(strstr(now.fault.text, "secret"));
	assert_null(strstr(notices, "secret"));
	return &now;
}

static void must_fail(const dp_source_options *options, dp_code code, const char *why)
{
	const reading *r = read_node(options);
	if (r->code != code || strstr(r->fault.text, why) == NULL)
		fail_msg("code %d, \"%s\" does not say \"%s\"", (int)r->code, r->fault.text, why);
	// The node is named once, as the place.
	assert_non_null(strstr(r->fault.file, "127.0.0.1:"));
	assert_null(strstr(r->fault.text, "127.0.0.1"));
}

static reading by_blockfile(uint64_t last)
{
	static uint8_t file[HEIGHTS * MK_BYTES_MAX];
	size_t n = 0;
	for (uint64_t h = 0; h <= last; h++) {
		const rd_block *r = made_at(0, h);
		uint32_t head[2] = {0xdab5bffa, (uint32_t)r->size};
		memcpy(file + n, head, 8);
		memcpy(file + n + 8, r->p, r->size);
		n += 8 + r->size;
	}
	dp_source *s;
	dp_source_options options = {.threads = 1};
	now = (reading){0};
	assert_int_equal(dp_blockfile_open_bytes(&s, file, n, NULL, 0, &options, &now.fault),
	                 DP_OK);
	while (read_one(s)) {}
	dp_source_close(s);
	assert_int_equal(now.code, DP_END);
	assert_int_equal(now.count, last + 1);
	return now;
}

// The blocks of `want` from the one at place `from` on.
static void assert_same(const reading *want, size_t from, const reading *got)
{
	if (got->code != DP_END) fail_msg("%s", got->fault.text);
	assert_int_equal(got->count, want->count - from);
	for (size_t i = 0; i < got->count; i++) {
		assert_int_equal(got->height[i], want->height[from + i]);
		assert_memory_equal(got->hash[i], want->hash[from + i], 32);
		assert_memory_equal(got->prev[i], want->prev[from + i], 32);
		assert_memory_equal(got->digest[i], want->digest[from + i], 32);
	}
}

//- tests: what comes out -------------------------------------------------------------------------

static void every_node_gives_the_blocks_of_the_block_file(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	for (int what = KNOWS_PREVOUTS; what <= KNOWS_BOOLS; what++)
		for (uint32_t in_flight = 1; in_flight < 20; in_flight += 6) {
			forget_all();
			tell_side(0, LAST, (knows)what, true);
			dp_source_options o = {.in_flight = in_flight};
			assert_same(&want, 0, read_node(&o));
			assert_string_equal(now.chain, "regtest");
			assert_int_equal(now.stats.values_unknown, 0);
			assert_int_equal(now.stats.height_last, LAST);
			assert_true(now.stats.requests > LAST && now.stats.bytes_read > 1000);
			// From the first block on no transaction need be asked for.
			assert_null(strstr(node.asked, "getrawtransaction"));
		}
}

static void values_come_from_the_index_when_blocks_before_were_not_read(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	dp_source_options o = {.begin = {.has_height = true, .height = 4}};
	for (int what = KNOWS_PREVOUTS; what <= KNOWS_BOOLS; what++) {
		forget_all();
		tell_side(0, LAST, (knows)what, true);
		assert_same(&want, 4, read_node(&o));
		assert_int_equal(now.stats.values_unknown, 0);
		// One transaction is missing, two inputs spend it: it is asked for once.
		const char *first = strstr(node.asked, "getrawtransaction");
		assert_int_equal(first != NULL, what != KNOWS_PREVOUTS);
		if (first != NULL) assert_null(strstr(first + 1, "getrawtransaction"));
	}
}

static void without_an_index_values_are_unknown_and_counted(void **state)
{
	(void)state;
	dp_source_options o = {.begin = {.has_height = true, .height = 4}};
	forget_all();
	tell_side(0, LAST, KNOWS_NUMBERS, false);
	char params[96], id[65];
	dp_bitcoin_hash_text(id, made_at(0, 3)->tx[0].txid);
	snprintf(params, sizeof params, "[\"%s\",0]", id);
	tell_error("getrawtransaction", params, -5, "No such mempool transaction. Use -txindex");
	assert_int_equal(read_node(&o)->code, DP_END);
	assert_int_equal(now.count, LAST - 3);
	assert_int_equal(now.stats.values_unknown, 2);
	assert_non_null(strstr(notices, "no transaction index"));
}

static void coins_are_forgotten_where_the_node_can_be_asked(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	dp_source_options o = {.memory_max = 40000, .in_flight = 1};
	forget_all();
	tell_side(0, LAST, KNOWS_NUMBERS, true);
	assert_same(&want, 0, read_node(&o));
	assert_int_equal(now.stats.values_unknown, 0);
	assert_non_null(strstr(node.asked, "getrawtransaction"));
	// Without an index the limit is the end.
	o.memory_max = 8000;
	forget_all();
	tell_side(0, LAST, KNOWS_NUMBERS, false);
	for (uint64_t h = 0; h <= LAST; h++) {
		char params[96], id[65];
		dp_bitcoin_hash_text(id, made_at(0, h)->tx[0].txid);
		snprintf(params, sizeof params, "[\"%s\",1]", id);
		tell_error("getrawtransaction", params, -5, "No such mempool transaction");
	}
	must_fail(&o, DP_LIMIT, "unspent outputs takes more than");
}

// A real block with what it spends; false, and said, where it is missing.
static bool load_real(rd_block *ret_block, const char *name, uint64_t height)
{
	char path[4096], undo[4096], file[64];
	size_t size, undo_size;
	snprintf(file, sizeof file, "%s.blk", name);
	bool is_main = height < 900000;
	if (!mk_shared(path, file)) return false;
	snprintf(file, sizeof file, "%s.%s", name, is_main ? "spent.json.zst" : "undo.bcoin");
	if (!mk_shared(undo, file)) return false;
	uint8_t *bytes = mk_load(path, &size);
	rd_read(ret_block, bytes, size, height);
	if (is_main) rd_spent_json(ret_block, undo);
	if (!is_main) {
		uint8_t *spent = mk_load(undo, &undo_size);
		rd_spent_bcoin(ret_block, spent, undo_size);
	}
	return true; // the bytes are kept: blocks point into them
}

static void real_blocks_are_those_of_the_block_file(void **state)
{
	(void)state;
	static const struct {
		const char *name, *chain, *said, *genesis;
		uint64_t height;
	} real[] = {
	    {"testnet3-928848", "testnet3", "test",
	     "\"000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943\"", 928848},
	    {"mainnet-866342", "bitcoin", "main",
	     "\"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f\"", 866342},
	};
	for (size_t i = 0; i < 2; i++) {
		static rd_block block[2];
		char path[4096], file[64];
		const char *paths[] = {path};
		if (!load_real(&block[i], real[i].name, real[i].height)) skip();
		snprintf(file, sizeof file, "%s.blk", real[i].name);
		if (!mk_shared(path, file)) skip();
		dp_source_options o = {.chain = dp_chain_find(real[i].chain, strlen(real[i].chain)),
		                       .has_height_start = true,
		                       .height_start = real[i].height,
		                       .threads = 1,
		                       .begin = {.has_height = true, .height = real[i].height}};
		dp_source *s;
		now = (reading){0};
		assert_int_equal(dp_source_blockfile.open(&s, paths, 1, &o, &now.fault), DP_OK);
		while (read_one(s)) {}
		dp_source_close(s);
		reading want = now;
		forget_all();
		tell("getblockhash", "[0]", real[i].genesis);
		tell("getblockhash", "[478559]",
		     "\"00000000000000000019f112ec0a9982926f1258cdcc558dd7c3b7e5dc7fa148\"");
		tell_block(&block[i], KNOWS_PREVOUTS);
		tell_tip(real[i].said, real[i].height, "");
		assert_same(&want, 0, read_node(&o));
		assert_int_equal(now.stats.values_unknown, 0);
	}
}

// Without prevouts and without an index: what the first of two neighbours makes, the second knows.
static void real_raw_blocks_are_those_of_the_block_file(void **state)
{
	(void)state;
	static rd_block block[2];
	static uint8_t file[4 << 20];
	size_t n = 0;
	if (!load_real(&block[0], "testnet3-928848", 928848)) skip();
	if (!load_real(&block[1], "testnet3-928849", 928849)) skip();
	forget_all();
	for (size_t i = 0; i < 2; i++) {
		uint32_t head[2] = {0x0709110b, (uint32_t)block[i].size};
		memcpy(file + n, head, 8);
		memcpy(file + n + 8, block[i].p, block[i].size);
		n += 8 + block[i].size;
		tell_block(&block[i], KNOWS_NUMBERS);
	}
	dp_source *s;
	dp_source_options o = {.has_height_start = true,
	                       .height_start = 928848,
	                       .threads = 1,
	                       .begin = {.has_height = true, .height = 928848}};
	now = (reading){0};
	assert_int_equal(dp_blockfile_open_bytes(&s, file, n, NULL, 0, &o, &now.fault), DP_OK);
	while (read_one(s)) {}
	dp_source_close(s);
	reading want = now;
	assert_int_equal(want.count, 2);
	tell("getblockhash", "[0]",
	     "\"000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943\"");
	tell_tip("test", 928849, "");
	// The first transactions asked for are not there: the node has no index.
	is_without_index = true;
	assert_same(&want, 0, read_node(&o));
	is_without_index = false;
	assert_true(want.stats.values_unknown > 100);
	assert_int_equal(now.stats.values_unknown, want.stats.values_unknown);
}

//- tests: where to begin -------------------------------------------------------------------------

static void it_begins_where_it_is_told(void **state)
{
	(void)state;
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	uint8_t tx[2][32], unknown[1][32] = {{1}};
	memcpy(tx[0], made_at(0, 5)->tx[1].txid, 32);
	memcpy(tx[1], made_at(0, 2)->tx[0].txid, 32);
	dp_source_options o = {.begin = {.tx = (const uint8_t(*)[32])tx, .tx_count = 2}};
	assert_int_equal(read_node(&o)->height[0], 2);
	o.begin.tx_count = 1;
	assert_int_equal(read_node(&o)->height[0], 5);
	// Two hours of slack: all our blocks lie within one.
	o.begin = (dp_source_begin){.has_time = true, .time = 1600000000 + 4 * 600 + 7200};
	assert_int_equal(read_node(&o)->height[0], 4);
	o.begin.time = 1600000000 + 4 * 600 + 7201;
	assert_int_equal(read_node(&o)->height[0], 5);
	o.begin.time = 0;
	assert_int_equal(read_node(&o)->height[0], 0);
	o.begin.time = 1700000000;
	assert_int_equal(read_node(&o)->count, 0);
	assert_int_equal(now.code, DP_END);
	o.begin.has_height = true;
	o.begin.height = 3;
	assert_int_equal(read_node(&o)->height[0], 3);
	// A transaction that the node does not know does not matter beside another beginning.
	char params[96], id[65];
	dp_bitcoin_hash_text(id, unknown[0]);
	snprintf(params, sizeof params, "[\"%s\",1]", id);
	tell_error("getrawtransaction", params, -5, "No such transaction");
	o.begin.tx = (const uint8_t(*)[32])unknown;
	o.begin.tx_count = 1;
	assert_int_equal(read_node(&o)->height[0], 3);
	o.begin.has_height = o.begin.has_time = false;
	must_fail(&o, DP_NOT_FOUND, "(txindex=1), the id is wrong, or it is in no block (yet)");
	must_fail(&o, DP_NOT_FOUND, "--from HEIGHT");
	o = (dp_source_options){.has_height_max = true, .height_max = 2};
	assert_int_equal(read_node(&o)->count, 3);
}

// Bitcoin Core keeps no index of transactions unless it is told to.
static void the_time_of_a_theft_counts_where_no_transaction_can_be_looked_up(void **state)
{
	(void)state;
	tell_side(0, LAST, KNOWS_PREVOUTS, false);
	is_without_index = true;
	uint8_t tx[1][32];
	memcpy(tx[0], made_at(0, 5)->tx[1].txid, 32);
	dp_source_options o = {.begin = {.tx = (const uint8_t(*)[32])tx,
	                                 .tx_count = 1,
	                                 .has_tx_time = true,
	                                 .tx_time = 1600000000 + 4 * 600 + 7200}};
	assert_int_equal(read_node(&o)->code, DP_END);
	assert_int_equal(now.height[0], 4);
	// Two hours of slack, and not a second less.
	o.begin.tx_time++;
	assert_int_equal(read_node(&o)->height[0], 5);
	// The earliest of all that is named counts.
	o.begin.has_height = true;
	o.begin.height = 2;
	assert_int_equal(read_node(&o)->height[0], 2);
	o.begin.height = 6;
	assert_int_equal(read_node(&o)->height[0], 5);
	is_without_index = false;
	// Where it can be looked up the time does not count.
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	o.begin.has_height = false;
	o.begin.tx_time = 0;
	assert_int_equal(read_node(&o)->height[0], 5);
}

static void whoever_goes_on_needs_only_what_comes_next(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	uint8_t tx[1][32] = {{1}};
	dp_source_options o = {.begin = {.has_followed = true,
	                                 .followed = 4,
	                                 .has_height = true,
	                                 .has_time = true,
	                                 .tx = (const uint8_t(*)[32])tx,
	                                 .tx_count = 1}};
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell_tip("regtest", LAST, ",\"pruned\":true,\"pruneheight\":5");
	dp_source *s = open_node(&o);
	if (s == NULL) fail_msg("%s", now.fault.text);
	assert_null(strstr(node.asked, "getrawtransaction"));
	assert_null(strstr(node.asked, "getblockheader"));
	assert_int_equal(s->seek(s, 5, &now.fault), DP_OK);
	while (read_one(s)) {}
	assert_same(&want, 5, &now);
	dp_source_close(s);
	// All is followed: nothing comes next, but the newest block may yet be another one.
	for (o.begin.followed = LAST; o.begin.followed < LAST + 3; o.begin.followed++) {
		s = open_node(&o);
		if (s == NULL) fail_msg("%s", now.fault.text);
		assert_int_equal(s->seek(s, LAST + 1, &now.fault), DP_OK);
		assert_false(read_one(s));
		assert_int_equal(now.code, DP_END);
		dp_source_close(s);
	}
	o.begin.followed = 3;
	must_fail(&o, DP_NOT_FOUND,
	          "is pruned: it has blocks from 5 on, and 4 is where the casebook goes on");
	// Nothing that was followed stands, so that nobody sought: blocks would be left out.
	o.begin.followed = 5;
	must_fail(&o, DP_NOT_FOUND, "trace into a new casebook");
}

static void it_resumes(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	uint8_t hash[32];
	bool is_known;
	for (int what = KNOWS_PREVOUTS; what <= KNOWS_NUMBERS; what++) {
		forget_all();
		tell_side(0, LAST, (knows)what, true);
		dp_source *s = open_node(NULL);
		assert_int_equal(s->hash_at(s, &is_known, hash, 4, &now.fault), DP_OK);
		assert_true(is_known);
		assert_memory_equal(hash, made_at(0, 4)->hash, 32);
		assert_int_equal(s->hash_at(s, &is_known, hash, 99, &now.fault), DP_OK);
		assert_false(is_known);
		assert_true(read_one(s));
		assert_int_equal(s->seek(s, 5, &now.fault), DP_OK);
		now.count = 0;
		while (read_one(s)) {}
		assert_same(&want, 5, &now);
		// Going back to what was read before.
		assert_int_equal(s->seek(s, 1, &now.fault), DP_OK);
		now.count = 0;
		while (read_one(s)) {}
		assert_same(&want, 1, &now);
		dp_source_close(s);
	}
}

//- tests: a chain that changes -------------------------------------------------------------------

static void more_blocks_are_given_when_they_come(void **state)
{
	(void)state;
	tell_side(0, 2, KNOWS_NUMBERS, true);
	dp_source *s = open_node(NULL);
	while (read_one(s)) {}
	assert_int_equal(now.count, 3);
	assert_false(read_one(s));
	assert_int_equal(now.code, DP_END);
	tell_side(0, 5, KNOWS_NUMBERS, true);
	while (read_one(s)) {}
	assert_int_equal(now.count, 6);
	dp_source_close(s);
}

static void a_reorganisation_is_stepped_back_over(void **state)
{
	(void)state;
	for (int what = KNOWS_PREVOUTS; what <= KNOWS_NUMBERS; what++)
		for (uint64_t stop = FORK + 1; stop <= LAST; stop++) {
			forget_all();
			tell_side(0, stop, (knows)what, true);
			dp_source *s = open_node(&(dp_source_options){.in_flight = 1});
			while (read_one(s)) {}
			assert_int_equal(now.code, DP_END);
			assert_int_equal(now.count, stop + 1);
			// The other branch wins, by as many blocks or more.
			tell_side(1, LAST + 1, (knows)what, true);
			while (read_one(s)) {}
			if (now.code != DP_END) fail_msg("%s", now.fault.text);
			assert_int_equal(now.height[stop + 1], FORK + 1);
			assert_memory_equal(now.prev[stop + 1], made_at(0, FORK)->hash, 32);
			assert_int_equal(now.count, stop + 1 + LAST + 1 - FORK);
			assert_memory_equal(now.hash[now.count - 1], made_at(1, LAST + 1)->hash,
			                    32);
			assert_int_equal(now.stats.values_unknown, 0);
			// The block that stands at a height now is told.
			uint8_t hash[32];
			bool is_known;
			assert_int_equal(s->hash_at(s, &is_known, hash, 5, &now.fault), DP_OK);
			assert_memory_equal(hash, made_at(1, 5)->hash, 32);
			dp_source_close(s);
		}
}

static void a_branch_that_is_shorter_for_a_while_is_stepped_back_over(void **state)
{
	(void)state;
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	dp_source *s = open_node(NULL);
	while (read_one(s)) {}
	tell_side(1, FORK + 1, KNOWS_PREVOUTS, true);
	for (uint64_t h = FORK + 2; h <= LAST; h++) {
		char params[32];
		snprintf(params, sizeof params, "[%llu]", (unsigned long long)h);
		tell_error("getblockhash", params, -8, "Block height out of range");
	}
	assert_true(read_one(s));
	assert_int_equal(now.height[now.count - 1], FORK + 1);
	assert_memory_equal(now.hash[now.count - 1], made_at(1, FORK + 1)->hash, 32);
	assert_false(read_one(s));
	assert_int_equal(now.code, DP_END);
	dp_source_close(s);
}

static void a_reorganisation_below_the_beginning_is_told(void **state)
{
	(void)state;
	dp_source_options o = {.begin = {.has_height = true, .height = 5}};
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	dp_source *s = open_node(&o);
	while (read_one(s)) {}
	assert_int_equal(now.count, 2);
	tell_side(1, LAST + 1, KNOWS_PREVOUTS, true);
	assert_false(read_one(s));
	assert_int_equal(now.code, DP_BAD_BYTES);
	assert_non_null(strstr(now.fault.text, "below block 5, with which this run began: "
	                                       "trace into a new casebook"));
	dp_source_close(s);
	// Whoever resumes has read what is below, and can step back over it.
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	s = open_node(&o);
	assert_int_equal(s->seek(s, 5, &now.fault), DP_OK);
	tell_side(1, LAST + 1, KNOWS_PREVOUTS, true);
	assert_true(read_one(s));
	assert_int_equal(now.height[0], FORK + 1);
	dp_source_close(s);
}

static void a_node_that_gives_two_chains_is_told(void **state)
{
	(void)state;
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	char *hash = text_of(print_hash, made_at(1, 5)->hash);
	tell_block(made_at(1, 5), KNOWS_PREVOUTS);
	must_fail(NULL, DP_IO, "one chain and then another at block 5: several nodes behind one");
	free(hash);
}

//- tests: nodes that are refused -----------------------------------------------------------------

static void other_chains_are_refused(void **state)
{
	(void)state;
	dp_source_options o = {.chain = dp_chain_find("bitcoin", 7)};
	tell_side(0, 2, KNOWS_PREVOUTS, true);
	must_fail(&o, DP_BAD_CASE, "is on regtest (it calls it \"regtest\") and bitcoin is wanted");
	tell("getblockhash", "[0]",
	     "\"783e86bd5c6d110d91b94b97137ba6bfe02dbbdb8e3dff722a669b5d69d77af6\"");
	tell_tip("sim\\nnet", 2, "");
	must_fail(NULL, DP_BAD_CASE, "not known here: it calls it \"sim?net\"");
	// Bitcoin Cash is told by its first own block.
	tell("getblockhash", "[0]",
	     "\"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f\"");
	tell("getblockhash", "[478559]",
	     "\"000000000000000000651ef99cb9fcbe0dadde1d424bd9f15ff20136191a5eec\"");
	tell_tip("main", 500000, "");
	must_fail(&o, DP_BAD_CASE, "is on bitcoin-cash");
}

static void a_signet_of_its_own_is_mentioned(void **state)
{
	(void)state;
	dp_source_options o = {.begin = {.has_height = true, .height = 1}};
	tell("getblockhash", "[0]",
	     "\"00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6\"");
	tell_tip("signet", 0, ",\"signet_challenge\":\"51\"");
	assert_int_equal(read_node(&o)->code, DP_END);
	assert_string_equal(now.chain, "signet");
	assert_non_null(strstr(notices, "on a signet of its own"));
}

static void nodes_that_lack_blocks_are_refused(void **state)
{
	(void)state;
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell("getblockchaininfo", "[]", "{\"chain\":\"regtest\",\"blocks\":6,\"headers\":900}");
	must_fail(NULL, DP_BUSY, "still syncing: block 6 of 900");
	// But what is wanted may be there already.
	dp_source_options o = {.has_height_max = true, .height_max = 5};
	assert_int_equal(read_node(&o)->code, DP_END);
	tell("getblockchaininfo", "[]",
	     "{\"chain\":\"regtest\",\"blocks\":6,\"headers\":6,\"pruned\":true,"
	     "\"pruneheight\":4}");
	must_fail(NULL, DP_NOT_FOUND, "is pruned: it has blocks from 4 on, and 0 is wanted");
	o.begin = (dp_source_begin){.has_height = true, .height = 4};
	assert_int_equal(read_node(&o)->code, DP_END);
	tell_error("getblockchaininfo", "[]", -32601, "Method not found");
	assert_true(read_node(NULL)->code != DP_OK);
	tell("getblockchaininfo", "[]", "[]");
	must_fail(NULL, DP_BAD_BYTES, "what it answers to getblockchaininfo");
	tell_tip("regtest", 6, ",\"initialblockdownload\":true");
	assert_int_equal(read_node(NULL)->code, DP_END); // a chain that nobody is ahead of
	tell("getblockhash", "[0]",
	     "\"000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943\"");
	must_fail(NULL, DP_BUSY, "still syncing");
}

//- tests: nodes in trouble ----------------------------------------------------------------------

static void a_node_that_is_starting_is_waited_for(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	dp_source_options o = {.tries = 3};
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell_trouble("getblockchaininfo", "[]", 1, -28, "Loading block index...");
	tell_trouble("getblockhash", "[3]", 1, -28, "Verifying blocks...");
	tell_trouble("getblockcount", "[]", 1, -28, "Rescanning...");
	assert_same(&want, 0, read_node(&o));
	assert_non_null(strstr(
	    notices, "the node is starting (Loading block index...): trying again in 0.25 s"));
	assert_non_null(strstr(notices, "(Verifying blocks...)"));
	assert_non_null(strstr(notices, "(Rescanning...)"));
	// But not for ever.
	o.tries = 2;
	tell_trouble("getblockchaininfo", "[]", 5, -28, "Loading block index...");
	must_fail(&o, DP_BUSY, "the node is starting (Loading block index...): try again later");
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell_trouble("getblockchaininfo", "[]", 0, 0, "");
	tell_trouble("getblockhash", "[3]", 5, -28, "Loading block index...");
	must_fail(&o, DP_BUSY, "the node is starting");
}

static bool is_enough(void *context)
{
	(void)context;
	return strstr(notices, "trying again") != NULL;
}

static void waiting_ends_when_the_user_wants(void **state)
{
	(void)state;
	dp_source_options o = {.watch = {.stopped = is_enough}};
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell_trouble("getblockchaininfo", "[]", 100, -28, "Loading block index...");
	assert_int_equal(read_node(&o)->code, DP_BUSY);
	assert_non_null(strstr(now.fault.text, "stopped while waiting"));
}

// One bad moment must not make it ask for less from then on.
static void only_errors_about_arguments_make_it_ask_in_another_way(void **state)
{
	(void)state;
	static const struct {
		int code;
		const char *text;
		bool is_other; // another way of asking helps
	} error[] = {
	    {-32603, "Undo data expected but can't be read. Disk corruption?", false},
	    {-28, "Loading block index...", false},
	    {-1, "Block not found on disk", false},
	    {-1, "Block not available (not fully downloaded)", false},
	    {-1, "JSON value is not a boolean as expected", true},
	    {-3, "Expected type bool, got number", true},
	    {-8, "Invalid verbosity value", true},
	    {-32602, "Invalid params", true},
	    {-32601, "Method not found", true},
	};
	reading want = by_blockfile(LAST);
	char params[96], raw[96];
	char *hash = text_of(print_hash, made_at(0, 4)->hash);
	snprintf(params, sizeof params, "[%s,3]", hash);
	snprintf(raw, sizeof raw, "[%s,0]", hash);
	for (size_t i = 0; i < sizeof error / sizeof error[0]; i++) {
		dp_source_options o = {.begin = {.has_height = true, .height = 4}, .tries = 2};
		forget_all();
		tell_side(0, LAST, KNOWS_PREVOUTS, true);
		tell_trouble("getblock", params, 1, error[i].code, error[i].text);
		assert_same(&want, 4, read_node(&o));
		assert_int_equal(strstr(node.asked, raw) != NULL, error[i].is_other);
		assert_int_equal(strstr(notices, "block 4: ") != NULL, !error[i].is_other);
		if (error[i].is_other) continue;
		// It does not pass: the node's own words.
		tell_error("getblock", params, error[i].code, error[i].text);
		assert_int_equal(read_node(&o)->code, DP_IO);
		assert_non_null(strstr(now.fault.text, error[i].text));
		// What is thrown away does not come back.
		notices[0] = 0;
		tell_error("getblock", params, -1, "Block not available (pruned data)");
		assert_int_equal(read_node(&o)->code, DP_IO);
		assert_null(strstr(notices, "trying again"));
	}
	free(hash);
}

//- tests: nodes that lie -------------------------------------------------------------------------

static void each_wrong_answer_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *why;
	} wrong[] = {
	    {"\"value\":10.0", "\"value\":-10.0", "`prevout.value`"},
	    {"\"value\":10.00000000", "\"value\":10.000000001", "`prevout.value`"},
	    {"\"value\":10.00000000", "\"value\":1.00000000", "pays out"},
	    {"\"value\":10.00000000", "\"value\":99999999999.0", "`prevout.value`"},
	    {"\"value\":10.00000000", "\"value\":22000000.0", "worth more than"},
	    {"\"scriptPubKey\":{", "\"x\":{", "`prevout.scriptPubKey.hex`"},
	    {"\"version\":2", "\"version\":3", "not the block"},
	    {"\"version\":2", "\"version\":\"2\"", "`version`"},
	    {"\"merkleroot\":\"", "\"merkleroot\":\"0", "`merkleroot`"},
	    {"\"time\":", "\"time\":-", "`time`"},
	    {"\"nonce\":", "\"nonce\":1.5,\"x\":", "`nonce`"},
	    {"\"bits\":\"20", "\"bits\":\"2", "`bits`"},
	    {"\"previousblockhash\":", "\"x\":", "not the block"},
	    {"\"hex\":\"02000000", "\"hex\":\"03000000", "merkle root"},
	    {"\"hex\":\"02000000", "\"hex\":\"zz000000", "hexadecimal"},
	    {"\"hex\":\"02000000", "\"hex\":\"02", "block 3: "},
	    {"\"tx\":[", "\"tx\":[5,", "`tx.hex`"},
	    {"\"tx\":[", "\"tx\":5,\"x\":[", "`tx`"},
	    {"\"vin\":[{\"vout\":1", "\"vin\":5,\"x\":[{\"vout\":1", "`vin`"},
	    {"\"vin\":[{\"vout\":1", "\"vin\":[],\"x\":[{\"vout\":1", "has 1 entries"},
	};
	char params[96];
	char *hash = text_of(print_hash, made_at(0, 3)->hash);
	// The blocks below are not read: there is nothing to compare with what it says of them.
	dp_source_options o = {.begin = {.has_height = true, .height = 3}};
	snprintf(params, sizeof params, "[%s,3]", hash);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		forget_all();
		tell_side(0, LAST, KNOWS_PREVOUTS, true);
		spoil("getblock", params, wrong[i].from, wrong[i].to);
		must_fail(&o, DP_BAD_BYTES, wrong[i].why);
		assert_non_null(strstr(now.fault.text, "block 3"));
		assert_int_equal(now.count, 0);
	}
	free(hash);
}

static void a_wrong_raw_block_or_transaction_is_told(void **state)
{
	(void)state;
	char block[96], tx[96], id[65];
	char *hash = text_of(print_hash, made_at(0, 4)->hash);
	snprintf(block, sizeof block, "[%s,0]", hash);
	dp_bitcoin_hash_text(id, made_at(0, 3)->tx[0].txid);
	snprintf(tx, sizeof tx, "[\"%s\",0]", id);
	dp_source_options o = {.begin = {.has_height = true, .height = 3}};
	tell_side(0, LAST, KNOWS_NUMBERS, true);
	tell("getblock", block, "\"\"");
	must_fail(&o, DP_BAD_BYTES, "block 4: ");
	tell("getblock", block, "7");
	must_fail(&o, DP_BAD_BYTES, "hexadecimal text was expected");
	tell_error("getblock", block, -1, "Block not available (pruned data)");
	assert_true(read_node(&o)->code != DP_END);
	assert_non_null(strstr(now.fault.text, "pruned data"));
	char *text = text_of(print_raw, made_at(0, 2));
	tell_text("getblock", block, text);
	must_fail(&o, DP_BAD_BYTES, "is not the block");
	// Transactions: another one, none, one without the output that is spent.
	o.begin.height = 4;
	tell_side(0, LAST, KNOWS_NUMBERS, true);
	spoil("getrawtransaction", tx, "010000000100", "020000000100");
	must_fail(&o, DP_BAD_BYTES, "the node gives another one");
	tell("getrawtransaction", tx, "\"0100\"");
	must_fail(&o, DP_BAD_BYTES, "is no transaction");
	tell_error("getrawtransaction", tx, -32603, "out of order");
	assert_true(read_node(&o)->code != DP_END);
	assert_non_null(strstr(now.fault.text, "out of order"));
	free(hash);
}

static void a_value_that_an_earlier_block_contradicts_is_told(void **state)
{
	(void)state;
	// Each block from 2 on spends coins of the one before it, wherever the run began.
	for (uint64_t h = 2; h <= LAST; h++)
		for (uint64_t from = 0; from < h; from++) {
			dp_source_options o = {.begin = {.has_height = true, .height = from}};
			char params[96];
			char *hash = text_of(print_hash, made_at(0, h)->hash);
			snprintf(params, sizeof params, "[%s,3]", hash);
			forget_all();
			tell_side(0, LAST, KNOWS_PREVOUTS, true);
			spoil("getblock", params, "\"value\":10.00000000", "\"value\":11.00000000");
			must_fail(&o, DP_BAD_BYTES,
			          "does not say what the block that made this coin says");
			assert_int_equal(now.count, h - from);
			free(hash);
		}
}

// Coins are remembered to compare only as long as there is room: none, a few, or all.
static void comparing_needs_no_memory_of_its_own(void **state)
{
	(void)state;
	reading want = by_blockfile(LAST);
	for (uint64_t memory = 40000; memory < 4000000; memory *= 3) {
		dp_source_options o = {.memory_max = memory};
		forget_all();
		tell_side(0, LAST, KNOWS_PREVOUTS, true);
		assert_same(&want, 0, read_node(&o));
		assert_null(strstr(node.asked, "getrawtransaction"));
	}
}

static void hashes_and_heights_that_are_none_are_told(void **state)
{
	(void)state;
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell("getblockhash", "[4]", "\"12\"");
	must_fail(NULL, DP_BAD_BYTES, "what it answers to getblockhash");
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	tell("getblockcount", "[]", "-1");
	must_fail(NULL, DP_BAD_BYTES, "what it answers to getblockcount");
	// A block that the node no longer has, again and again.
	tell_side(0, LAST, KNOWS_PREVOUTS, true);
	char params[96];
	char *hash = text_of(print_hash, made_at(0, 4)->hash);
	snprintf(params, sizeof params, "[%s,3]", hash);
	tell_error("getblock", params, -5, "Block not found");
	must_fail(NULL, DP_IO, "one chain and then another at block 4");
	free(hash);
}

static void memory_may_run_out(knows what)
{
	forget_all();
	tell_side(0, LAST, what, true);
	dp_source_options o = {.begin = {.has_height = true, .height = 4}, .in_flight = 2};
	const char *paths[] = {url};
	for (int64_t n = 0;; n++) {
		dp_source *s = NULL;
		const dp_block *b;
		dp_fault fault = {0};
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		dp_code code = dp_source_bitcoin_rpc.open(&s, paths, 1, &o, &fault);
		bool is_open = code == DP_OK;
		while (code == DP_OK) code = dp_source_next(s, &b, &fault);
		dp_mem_fail_after(-1);
		if (is_open) dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_END) break;
		if (code != DP_NO_MEMORY) fail_msg("%d: %s", (int)code, fault.text);
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	memory_may_run_out(KNOWS_PREVOUTS);
	memory_may_run_out(KNOWS_NUMBERS);
}

//- tests: the parts ------------------------------------------------------------------------------

static bool amount(const char *text, uint64_t *ret_units)
{
	dp_json *doc;
	if (dp_json_parse(&doc, text, strlen(text), NULL) != DP_OK) return false;
	bool is_good = dp_bitcoin_json_amount(ret_units, doc);
	dp_json_free(doc);
	return is_good;
}

static void amounts_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t units;
	} good[] = {
	    {"0", 0},
	    {"0.00000000", 0},
	    {"0.00000001", 1},
	    {"1e-08", 1},
	    {"1.5e-7", 15},
	    {"50", 5000000000},
	    {"50.00000000", 5000000000},
	    {"\"50.1\"", 5010000000},
	    {"20999999.97690000", 2099999997690000},
	    {"20999999.9769", 2099999997690000},
	    {"0.100000000000", 10000000},
	    {"2.1E+7", 2100000000000000},
	    {"0e50", 0},
	    {"92233720368.54775807", INT64_MAX},
	};
	static const char *const wrong[] = {"-1",
	                                    "-0.0",
	                                    "0.000000001",
	                                    "1e-9",
	                                    "92233720368.54775808",
	                                    "1e99",
	                                    "null",
	                                    "\"\"",
	                                    "true",
	                                    "\"1.2.3\"",
	                                    "[1]",
	                                    "\"1e\\u0031x\"",
	                                    "1e999999999",
	                                    "1.23456789012345678901234567890123456789012345"};
	uint64_t units;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		if (!amount(good[i].text, &units)) fail_msg("%s", good[i].text);
		assert_int_equal(units, good[i].units);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (amount(wrong[i], &units)) fail_msg("%s", wrong[i]);
}

// Bitcoin Cash: tokens stand before the script, and are no part of it.
static void tokens_are_no_part_of_a_script(void **state)
{
	(void)state;
	static const char script[] = "76a914000102030405060708090a0b0c0d0e0f1011121388ac";
	static const char tokens[] =
	    "ef00000000000000000000000000000000000000000000000000000000000000aa1001";
	const dp_chain *cash = dp_chain_find("bitcoin-cash", 12);
	char text[1024];
	uint8_t bytes[25];
	assert_true(dp_hex_decode(bytes, 25, script));
	dp_addr payee = dp_addr_from_script(bytes, 25);
	assert_int_equal(payee.kind, DP_ADDR_P2PKH);
	dp_bitcoin_answer a = {.chain = cash};
	dp_json *doc;
	// An output of one transaction.
	snprintf(text, sizeof text,
	         "\"0200000001%064d00000000"
	         "00"
	         "ffffffff01%s3c%s%s00000000\"",
	         0, "e803000000000000", tokens, script);
	assert_int_equal(dp_json_parse(&doc, text, strlen(text), NULL), DP_OK);
	assert_int_equal(dp_bitcoin_answer_hex(&a, doc, NULL), DP_OK);
	dp_json_free(doc);
	dp_bitcoin_outputs o;
	dp_spent_coin coin;
	assert_true(dp_bitcoin_outputs_of(&o, a.bytes, (size_t)a.size));
	o.chain = cash;
	assert_true(dp_bitcoin_outputs_next(&o, &coin));
	assert_true(dp_addr_eq(&coin.from, &payee));
	assert_int_equal(coin.value, 1000);
	// What an input of a block spends.
	snprintf(text, sizeof text,
	         "{\"version\":1,\"merkleroot\":\"%064d\",\"time\":1,\"bits\":\"207fffff\","
	         "\"nonce\":1,\"tx\":[{\"hex\":\"\",\"vin\":[]},{\"hex\":\"\",\"vin\":["
	         "{\"prevout\":{\"value\":1,\"scriptPubKey\":{\"hex\":\"%s%s\"}}}]}]}",
	         0, tokens, script);
	assert_int_equal(dp_json_parse(&doc, text, strlen(text), NULL), DP_OK);
	assert_int_equal(dp_bitcoin_answer_full(&a, doc, NULL), DP_OK);
	dp_json_free(doc);
	assert_int_equal(a.coin_count, 1);
	assert_true(dp_addr_eq(&a.coin[0].from, &payee));
	dp_bitcoin_answer_done(&a);
}

static void urls_of_bitcoin_nodes_are_recognised(void **state)
{
	(void)state;
	static const char *const good[] = {"http://127.0.0.1:8332", "http://u:p@node:18443/",
	                                   "https://x.example:8334/wallet?x#y",
	                                   "http://u:8545@h:22555"};
	static const char *const other[] = {
	    "http://127.0.0.1:8545", "http://127.0.0.1", "http://u:8332@host/",
	    "http://host/x:8332",    "x:8332",           "http://h:83320"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(dp_source_bitcoin_rpc.recognise(good[i], NULL, 0, false) > 0);
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		assert_int_equal(dp_source_bitcoin_rpc.recognise(other[i], NULL, 0, false), 0);
}

#define WITH_NODE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_NODE(every_node_gives_the_blocks_of_the_block_file),
	    WITH_NODE(values_come_from_the_index_when_blocks_before_were_not_read),
	    WITH_NODE(without_an_index_values_are_unknown_and_counted),
	    WITH_NODE(coins_are_forgotten_where_the_node_can_be_asked),
	    WITH_NODE(real_blocks_are_those_of_the_block_file),
	    WITH_NODE(real_raw_blocks_are_those_of_the_block_file),
	    WITH_NODE(it_begins_where_it_is_told),
	    WITH_NODE(the_time_of_a_theft_counts_where_no_transaction_can_be_looked_up),
	    WITH_NODE(whoever_goes_on_needs_only_what_comes_next),
	    WITH_NODE(it_resumes),
	    WITH_NODE(more_blocks_are_given_when_they_come),
	    WITH_NODE(a_reorganisation_is_stepped_back_over),
	    WITH_NODE(a_branch_that_is_shorter_for_a_while_is_stepped_back_over),
	    WITH_NODE(a_reorganisation_below_the_beginning_is_told),
	    WITH_NODE(a_node_that_gives_two_chains_is_told),
	    WITH_NODE(other_chains_are_refused),
	    WITH_NODE(a_signet_of_its_own_is_mentioned),
	    WITH_NODE(nodes_that_lack_blocks_are_refused),
	    WITH_NODE(a_node_that_is_starting_is_waited_for),
	    WITH_NODE(waiting_ends_when_the_user_wants),
	    WITH_NODE(only_errors_about_arguments_make_it_ask_in_another_way),
	    WITH_NODE(each_wrong_answer_is_told),
	    WITH_NODE(a_wrong_raw_block_or_transaction_is_told),
	    WITH_NODE(a_value_that_an_earlier_block_contradicts_is_told),
	    WITH_NODE(comparing_needs_no_memory_of_its_own),
	    WITH_NODE(hashes_and_heights_that_are_none_are_told),
	    WITH_NODE(memory_may_run_out_anywhere),
	    cmocka_unit_test(amounts_are_exact),
	    cmocka_unit_test(tokens_are_no_part_of_a_script),
	    cmocka_unit_test(urls_of_bitcoin_nodes_are_recognised),
	};
	return cmocka_run_group_tests(tests, make_chain, free_chain);
}

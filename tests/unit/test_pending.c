// Transactions that wait for a block, from nodes on loopback that say what a table tells them:
// given once, checked, with what is known of them; what makes no sense, never was or is in a block
// is not. And what a source at the tip asks: one request while nothing is new, as few as can be for
// a block.
// Covers: source/pending_bitcoin.c source/pending_evm.c source/bitcoin_zmq.c
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
#include "source/bitcoin_json.h"
#include "source/bitcoin_zmq.h"
#include "source/pending.h"
#include "source/pending_evm.h"
#include "source/source_kinds.h"
#include "support/http_server.h"

//- a node ----------------------------------------------------------------------------------------

enum { CALLS_MAX = 256, TEXT_MAX = 1 << 17 };

static struct {
	pthread_mutex_t lock;
	struct {
		char *method, *params, *answer;
	} call[CALLS_MAX];
	size_t count;
	char asked[TEXT_MAX];
	bool is_dead; // hangs up
} node = {.lock = PTHREAD_MUTEX_INITIALIZER};

// Read by the server's thread.
static void be_dead(bool is_dead)
{
	pthread_mutex_lock(&node.lock);
	node.is_dead = is_dead;
	pthread_mutex_unlock(&node.lock);
}

static t_http *server;
static char url[64];
static const char *node_default;

static void tell_members(const char *method, const char *params, char *answer)
{
	pthread_mutex_lock(&node.lock);
	size_t i = 0;
	while (i < node.count && (strcmp(node.call[i].method, method) != 0 ||
	                          strcmp(node.call[i].params, params) != 0))
		i++;
	assert_true(i < CALLS_MAX);
	if (i == node.count) {
		node.call[i].method = strdup(method);
		node.call[i].params = strdup(params);
		node.call[i].answer = NULL;
		node.count++;
	}
	free(node.call[i].answer);
	node.call[i].answer = answer;
	pthread_mutex_unlock(&node.lock);
}

// What is told last counts.
static void tell(const char *method, const char *params, const char *result)
{
	char *answer;
	assert_true(asprintf(&answer, "\"result\":%s", result) > 0);
	tell_members(method, params, answer);
}

static void tell_error(const char *method, const char *params, int code, const char *words)
{
	char *answer;
	assert_true(asprintf(&answer, "\"result\":null,\"error\":{\"code\":%d,\"message\":\"%s\"}",
	                     code, words) > 0);
	tell_members(method, params, answer);
}

static const char *find(const char *method, size_t n, const char *params, size_t m)
{
	for (size_t i = 0; i < node.count; i++)
		if (strlen(node.call[i].method) == n && strlen(node.call[i].params) == m &&
		    memcmp(node.call[i].method, method, n) == 0 &&
		    memcmp(node.call[i].params, params, m) == 0)
			return node.call[i].answer;
	return node_default;
}

// Our client writes without blanks, `params` last, and nothing of ours has a list in it.
static void answer_all(void *context, const t_http_request *q, t_http_reply *io_reply)
{
	static const char id_key[] = "\"id\":", method_key[] = "\"method\":\"",
	                  params_key[] = "\"params\":";
	char *out;
	size_t size, count = 0;
	(void)context;
	pthread_mutex_lock(&node.lock);
	FILE *f = open_memstream(&out, &size);
	if (q->body[0] == '[') putc('[', f);
	for (const char *p = q->body; (p = strstr(p, id_key)) != NULL; count++) {
		unsigned long long id = strtoull(p + strlen(id_key), NULL, 10);
		const char *m = strstr(p, method_key) + strlen(method_key);
		size_t n = strcspn(m, "\"");
		p = strstr(m, params_key) + strlen(params_key);
		size_t k = strcspn(p, "]") + 1, used = strlen(node.asked);
		snprintf(node.asked + used, sizeof node.asked - used, "%.*s%.*s\n", (int)n, m,
		         (int)k, p);
		fprintf(f, "%s{\"id\":%llu,%s}", count == 0 ? "" : ",", id, find(m, n, p, k));
	}
	if (q->body[0] == '[') putc(']', f);
	fclose(f);
	*io_reply = (t_http_reply){.body = out, .body_size = size, .is_owned = true};
	io_reply->is_dropped = node.is_dead;
	pthread_mutex_unlock(&node.lock);
}

static int start(void **state)
{
	(void)state;
	be_dead(false);
	server = t_http_start(answer_all, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", t_http_port(server));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	t_http_stop(server);
	for (size_t i = 0; i < node.count; i++) {
		free(node.call[i].method);
		free(node.call[i].params);
		free(node.call[i].answer);
	}
	node.count = 0;
	node.asked[0] = 0;
	return 0;
}

static uint32_t times_asked(const char *what)
{
	uint32_t n = 0;
	for (const char *p = node.asked; (p = strstr(p, what)) != NULL; p++) n++;
	return n;
}

static dp_source *open_source(const dp_source_kind *kind, dp_source_options options)
{
	dp_source *s = NULL;
	dp_fault fault = {0};
	const char *paths[] = {url};
	if (options.tries == 0) options.tries = 1;
	if (kind->open(&s, paths, 1, &options, &fault) != DP_OK) fail_msg("%s", fault.text);
	node.asked[0] = 0;
	return s;
}

// The next that waits; NULL: no more now.
static const dp_block *pending(dp_source *s)
{
	const dp_block *b;
	dp_fault fault = {0};
	dp_code code = s->pending(s, &b, &fault);
	if (code == DP_END) return NULL;
	if (code != DP_OK) fail_msg("%s", fault.text);
	static const uint8_t zero[32];
	assert_int_equal(b->tx_count, 1);
	assert_memory_equal(b->hash, zero, 32);
	assert_memory_equal(b->prev, zero, 32);
	return b;
}

static const dp_block *next(dp_source *s)
{
	const dp_block *b;
	dp_fault fault = {0};
	dp_code code = dp_source_next(s, &b, &fault);
	if (code == DP_END) return NULL;
	if (code != DP_OK) fail_msg("%s", fault.text);
	return b;
}

static dp_waiting waiting(dp_source *s, const uint8_t id[32])
{
	dp_waiting w = DP_WAITING_UNKNOWN;
	dp_fault fault = {0};
	if (s->waiting(s, &w, id, &fault) != DP_OK) fail_msg("%s", fault.text);
	return w;
}

//- what is shared --------------------------------------------------------------------------------

static const uint8_t *id_of(uint32_t n)
{
	static uint8_t id[32];
	memset(id, 0x5a, sizeof id);
	memcpy(id, &n, sizeof n);
	return id;
}

static void the_newest_ids_are_remembered_and_no_more(void **state)
{
	(void)state;
	enum { MANY = 3 * DP_SEEN_MAX + 17 };
	int64_t live = dp_mem_live();
	dp_seen s = {.seed = 7};
	assert_false(dp_seen_has(&s, id_of(1)));
	assert_int_equal(dp_mem_live(), live);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(dp_seen_add(&s, id_of(i), NULL), DP_OK);
		if (i % 3 == 0) dp_seen_forget(&s, id_of(i / 2)); // often gone already
		if (i % 5 == 0) assert_int_equal(dp_seen_add(&s, id_of(i), NULL), DP_OK);
	}
	assert_int_equal(dp_mem_live(), live + 2);
	for (uint32_t i = 0; i < MANY; i++) {
		bool is_new = i >= MANY - DP_SEEN_MAX, is_forgotten = 2 * i < MANY && i % 3 == 0;
		if (!is_new) assert_false(dp_seen_has(&s, id_of(i)));
		if (is_new && !is_forgotten) assert_true(dp_seen_has(&s, id_of(i)));
	}
	dp_seen_done(&s);
	assert_int_equal(dp_mem_live(), live);
}

// Against a list that is searched: the places in the table are few enough here to collide.
static void forgetting_loses_no_other_id(void **state)
{
	(void)state;
	enum { IDS = 3000, STEPS = 60000 };
	static bool has[IDS];
	dp_seen s = {.seed = 3};
	uint64_t x = 88172645463325252u;
	for (uint32_t step = 0; step < STEPS; step++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		uint32_t n = (uint32_t)(x % IDS);
		if ((x >> 40) % 2 == 0) {
			assert_int_equal(dp_seen_add(&s, id_of(n), NULL), DP_OK);
			has[n] = true;
		} else {
			dp_seen_forget(&s, id_of(n));
			has[n] = false;
		}
		// The ring turns: what is old by then goes, so it must not come round here.
		if (step % 1000 == 0)
			for (uint32_t i = 0; i < IDS; i++)
				assert_int_equal(dp_seen_has(&s, id_of(i)), has[i]);
	}
	dp_seen_done(&s);
}

static void blocks_that_are_undone_give_their_transactions_back(void **state)
{
	(void)state;
	dp_seen s = {.seed = 1};
	dp_tx tx[2] = {{.id = {1}}, {.id = {2}}};
	dp_block b = {.height = 10, .tx = tx, .tx_count = 2};
	dp_seen_block(&s, &b); // nobody asks for what waits: nothing is kept
	assert_null(s.row);
	assert_int_equal(dp_seen_add(&s, tx[0].id, NULL), DP_OK);
	assert_false(dp_seen_in_block(&s, tx[0].id));
	dp_seen_block(&s, &b);
	assert_true(dp_seen_in_block(&s, tx[0].id) && dp_seen_in_block(&s, tx[1].id));
	dp_seen_undo(&s, 11);
	assert_true(dp_seen_in_block(&s, tx[0].id));
	dp_seen_undo(&s, 10);
	assert_false(dp_seen_has(&s, tx[0].id) || dp_seen_has(&s, tx[1].id));
	dp_seen_done(&s);
}

static void offers_are_bounded_and_the_oldest_go(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_offers o = {.count = 0};
	uint8_t *bytes, *large = calloc(1, DP_OFFERS_BYTES_MAX + 1);
	size_t size;
	assert_false(dp_offers_take(&o, &bytes, &size));
	for (uint32_t i = 0; i < DP_OFFERS_MAX + 5; i++)
		dp_offers_put(&o, (const uint8_t *)&i, sizeof i);
	assert_int_equal(o.count, DP_OFFERS_MAX);
	assert_true(dp_offers_take(&o, &bytes, &size));
	assert_true(size == 4 && bytes[0] == 5);
	dp_free(bytes);
	dp_offers_put(&o, large, 0);
	dp_offers_put(&o, large, DP_OFFERS_BYTES_MAX + 1);
	assert_int_equal(o.count, DP_OFFERS_MAX - 1);
	dp_offers_put(&o, large, DP_OFFERS_BYTES_MAX);
	assert_int_equal(o.count, 1);
	assert_int_equal(o.bytes, DP_OFFERS_BYTES_MAX);
	dp_mem_fail_after(0);
	dp_offers_put(&o, large, 10); // no memory: dropped
	dp_mem_fail_after(-1);
	assert_int_equal(o.count, 1);
	dp_offers_done(&o);
	free(large);
	assert_int_equal(dp_mem_live(), live);
}

//- bitcoin: a transaction alone ------------------------------------------------------------------

static const char regtest_genesis[] =
    "\"0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206\"";
static const uint8_t coin_a[32] = {0xaa}, coin_b[32] = {0xbb};

static dp_code decode(const void *bytes, size_t size)
{
	dp_bitcoin_decoder d = {.seed = 1};
	dp_block_builder b = {.key_cap = 0};
	dp_fault fault = {0};
	dp_code code =
	    dp_bitcoin_decode_tx(&d, &b, dp_chain_find("regtest", 7), 5, 6, bytes, size, &fault);
	assert_true(code == DP_OK || fault.text[0] != 0);
	if (code == DP_OK) assert_true(b.block.height == 5 && b.block.time == 6);
	dp_bitcoin_decoder_done(&d);
	dp_builder_done(&b);
	return code;
}

static void a_transaction_alone_is_checked_as_one_of_a_block(void **state)
{
	(void)state;
	static mk_block b;
	memset(&b, 0, sizeof b);
	mk_in twice[] = {{coin_a, 1}, {coin_b, 1}, {coin_a, 1}};
	mk_out out[] = {{1000, NULL}, {2000, NULL}}, many[] = {{2100000000000000, NULL}, {1, NULL}};
	mk_tx *t = mk_spend(&b, twice, 2, out, 2);
	assert_int_equal(decode(t->plain.b, t->plain.n), DP_OK);
	for (size_t n = 0; n < t->plain.n; n++)
		assert_int_equal(decode(t->plain.b, n), DP_BAD_BYTES);
	assert_int_equal(decode(t->plain.b, t->plain.n + 1), DP_BAD_BYTES);
	mk_tx *w = mk_spend(&b, twice, 1, out, 2);
	mk_witness(w, coin_a, 32);
	assert_int_equal(decode(w->full.b, w->full.n), DP_OK);
	for (size_t n = 0; n < w->full.n; n++) assert_int_equal(decode(w->full.b, n), DP_BAD_BYTES);
	t = mk_spend(&b, twice, 3, out, 2); // one coin twice
	assert_int_equal(decode(t->plain.b, t->plain.n), DP_BAD_BYTES);
	t = mk_spend(&b, twice, 2, many, 2); // more than there is
	assert_int_equal(decode(t->plain.b, t->plain.n), DP_BAD_BYTES);
	t = mk_coinbase(&b, 7, 7, out, 1);
	assert_int_equal(decode(t->plain.b, t->plain.n), DP_BAD_BYTES);
}

//- bitcoin ---------------------------------------------------------------------------------------

static void params_of(char out[120], const uint8_t id[32], const char *rest)
{
	char text[DP_BITCOIN_HASH_TEXT];
	dp_bitcoin_hash_text(text, id);
	snprintf(out, 120, "[\"%s\",%s]", text, rest);
}

static void tell_tx(const char *method, const uint8_t id[32], const char *rest, const char *result)
{
	char params[120];
	params_of(params, id, rest);
	tell(method, params, result);
}

static void tell_raw(const mk_tx *t)
{
	static char text[2 * MK_BYTES_MAX + 3];
	text[0] = '"';
	dp_hex_encode(text + 1, t->plain.b, t->plain.n);
	snprintf(text + 1 + 2 * t->plain.n, 2, "\"");
	tell_tx("getrawtransaction", t->txid, "0", text);
}

static void tell_tip(uint64_t tip)
{
	char text[120];
	snprintf(text, sizeof text, "{\"chain\":\"regtest\",\"blocks\":%llu,\"headers\":%llu}",
	         (unsigned long long)tip, (unsigned long long)tip);
	tell("getblockchaininfo", "[]", text);
	snprintf(text, sizeof text, "%llu", (unsigned long long)tip);
	tell("getblockcount", "[]", text);
}

// A node whose tip is 100; what is not told is an error "no such thing".
static dp_source *open_bitcoin(dp_source_options options)
{
	node_default = "\"result\":null,\"error\":{\"code\":-5,\"message\":\"No such mempool "
	               "transaction. Use -txindex\"}";
	tell("getblockhash", "[0]", regtest_genesis);
	tell_tip(100);
	options.begin.has_followed = true;
	options.begin.followed = 100;
	return open_source(&dp_source_bitcoin_rpc, options);
}

static const char coin_text[] =
    "{\"value\":0.5,\"scriptPubKey\":{\"hex\":\"00142222222222222222222222222222222222222222\"}}";
static const char coin_bad[] = "{\"value\":-1,\"scriptPubKey\":{\"hex\":\"00\"}}";
static mk_block maker; // transactions of the tests; emptied by each

static void what_is_offered_is_given_once_with_what_the_node_knows(void **state)
{
	(void)state;
	memset(&maker, 0, sizeof maker);
	mk_out made[] = {{7, NULL}, {20000000, NULL}}, out[] = {{60000000, NULL}, {1000, NULL}};
	mk_in grand[] = {{coin_b, 9}};
	mk_tx *parent = mk_spend(&maker, grand, 1, made, 2);
	mk_in in[] = {{coin_a, 3}, {parent->txid, 1}, {coin_b, 0}};
	mk_tx *t = mk_spend(&maker, in, 3, out, 2);
	tell_raw(parent);
	tell_tx("gettxout", coin_a, "3,false", coin_text);
	tell_tx("gettxout", coin_b, "0,false", coin_bad);
	tell_tx("getrawtransaction", t->txid, "1", "{\"confirmations\":0}");
	dp_source *s = open_bitcoin((dp_source_options){0});
	s->has_heads = true;
	assert_null(pending(s));
	assert_string_equal(node.asked, "");
	s->offer(s, (const uint8_t *)"nonsense", 8);
	s->offer(s, t->plain.b, t->plain.n);
	s->offer(s, t->plain.b, t->plain.n);
	const dp_block *b = pending(s);
	assert_non_null(b);
	assert_int_equal(b->height, 101);
	assert_memory_equal(b->tx[0].id, t->txid, 32);
	assert_int_equal(b->mv_count, 5);
	assert_int_equal(b->mv[0].amount.w[0], 50000000);
	assert_int_equal(b->mv[0].from.bytes[0], 0x22);
	assert_int_equal(b->mv[0].flags, 0);
	assert_int_equal(b->mv[1].amount.w[0], 20000000);
	assert_int_equal(b->mv[1].from.bytes[0], 0x11);
	assert_int_equal(b->mv[2].flags, DP_MVF_VALUE_UNKNOWN);
	assert_int_equal(b->mv[2].amount.w[0], 0);
	assert_int_equal(b->mv[3].amount.w[0], 60000000);
	assert_true(b->src_key[0] != 0 && b->dst_key[3] != 0);
	assert_null(pending(s));
	s->offer(s, t->plain.b, t->plain.n);
	assert_null(pending(s));
	assert_int_equal(times_asked("getrawmempool"), 0);
	dp_source_close(s);
}

static void what_does_not_wait_or_makes_no_sense_is_left_out(void **state)
{
	(void)state;
	memset(&maker, 0, sizeof maker);
	mk_out out[] = {{50000001, NULL}}, less[] = {{50000000, NULL}};
	mk_in in[] = {{coin_a, 3}};
	mk_tx *more = mk_spend(&maker, in, 1, out, 1); // pays out more than it spends
	mk_tx *mined = mk_spend(&maker, in, 1, less, 1);
	mk_in other[] = {{coin_b, 3}};
	mk_tx *unheard = mk_spend(&maker, other, 1, less, 1);
	tell_tx("gettxout", coin_a, "3,false", coin_text);
	tell_tx("getrawtransaction", more->txid, "1", "{}");
	tell_tx("getrawtransaction", mined->txid, "1", "{\"blockhash\":\"00\"}");
	dp_source *s = open_bitcoin((dp_source_options){0});
	s->has_heads = true;
	mk_tx *all[] = {more, mined, unheard};
	for (size_t i = 0; i < 3; i++) s->offer(s, all[i]->plain.b, all[i]->plain.n);
	assert_null(pending(s));
	// What was not heard of comes after all.
	tell_tx("getrawtransaction", unheard->txid, "1", "{}");
	s->offer(s, unheard->plain.b, unheard->plain.n);
	assert_non_null(pending(s));
	dp_source_close(s);
}

static void tell_pool(mk_tx *const *tx, size_t count)
{
	char text[8192] = "[\"nonsense\",7", id[DP_BITCOIN_HASH_TEXT];
	size_t n = strlen(text);
	for (size_t i = 0; i < count; i++) {
		dp_bitcoin_hash_text(id, tx[i]->txid);
		n += (size_t)snprintf(text + n, sizeof text - n, ",\"%s\",\"%s\"", id, id);
	}
	snprintf(text + n, sizeof text - n, "]");
	tell("getrawmempool", "[]", text);
}

static void without_heads_the_mempool_is_listed_and_each_is_given_once(void **state)
{
	(void)state;
	memset(&maker, 0, sizeof maker);
	enum { COUNT = 12 };
	mk_tx *tx[COUNT];
	for (uint32_t i = 0; i < COUNT; i++) {
		mk_in in[] = {{coin_b, i}};
		mk_out out[] = {{1000 + i, NULL}};
		tx[i] = mk_spend(&maker, in, 1, out, 1);
		if (i != 3) tell_raw(tx[i]); // one is gone again
	}
	tell_tx("getrawtransaction", tx[4]->txid, "0", "\"00\"");
	dp_source *s = open_bitcoin((dp_source_options){0});
	tell_pool(tx, 8);
	bool given[COUNT] = {false};
	for (const dp_block *b; (b = pending(s)) != NULL;) {
		uint64_t i = b->mv[1].amount.w[0] - 1000;
		assert_true(i < 8 && !given[i]);
		given[i] = true;
	}
	for (uint32_t i = 0; i < 8; i++) assert_int_equal(given[i], i != 3 && i != 4);
	assert_int_equal(times_asked("getrawmempool"), 1);
	assert_null(pending(s));
	assert_int_equal(times_asked("getrawmempool"), 2);
	assert_int_equal(times_asked("\",0]"), 9); // and once for what all of them spend
	// What is offered goes first, and what came new follows.
	tell_tx("getrawtransaction", tx[9]->txid, "1", "{}");
	s->offer(s, tx[9]->plain.b, tx[9]->plain.n);
	tell_pool(tx + 2, COUNT - 2);
	assert_int_equal(pending(s)->mv[1].amount.w[0], 1009);
	uint32_t rest = 0;
	while (pending(s) != NULL) rest++;
	assert_int_equal(rest, 3);
	dp_source_close(s);
	// A node without a mempool.
	s = open_bitcoin((dp_source_options){0});
	tell_error("getrawmempool", "[]", -32601, "Method not found");
	assert_null(pending(s));
	dp_source_close(s);
}

static void a_node_that_fails_meanwhile_loses_nothing(void **state)
{
	(void)state;
	memset(&maker, 0, sizeof maker);
	mk_in in[] = {{coin_a, 3}, {coin_b, 1}};
	mk_out out[] = {{1, NULL}};
	mk_tx *offered = mk_spend(&maker, in, 1, out, 1),
	      *pooled = mk_spend(&maker, in + 1, 1, out, 1);
	tell_tx("gettxout", coin_a, "3,false", coin_text);
	tell_tx("getrawtransaction", offered->txid, "1", "{}");
	tell_raw(pooled);
	tell_pool(&pooled, 1);
	dp_source *s = open_bitcoin((dp_source_options){0});
	const dp_block *b;
	dp_fault fault = {0};
	s->offer(s, offered->plain.b, offered->plain.n);
	be_dead(true);
	for (int i = 0; i < 3; i++) assert_int_equal(s->pending(s, &b, &fault), DP_IO);
	dp_waiting w;
	assert_int_equal(s->waiting(s, &w, offered->txid, &fault), DP_IO);
	be_dead(false);
	assert_memory_equal(pending(s)->tx[0].id, offered->txid, 32);
	assert_memory_equal(pending(s)->tx[0].id, pooled->txid, 32);
	assert_null(pending(s));
	tell_error("getrawmempool", "[]", -1, "out of order");
	assert_int_equal(s->pending(s, &b, &fault), DP_IO);
	dp_source_close(s);
}

// Tells of a block at `height`; its transactions are those in `maker` from the coinbase on.
static void tell_block(uint64_t height, uint8_t ret_hash[32])
{
	static mk_bytes bytes;
	static char text[2 * MK_BYTES_MAX + 3];
	char params[120], hash[80], id[DP_BITCOIN_HASH_TEXT];
	mk_finish(&bytes, ret_hash, &maker);
	dp_bitcoin_hash_text(id, ret_hash);
	snprintf(params, sizeof params, "[%llu]", (unsigned long long)height);
	snprintf(hash, sizeof hash, "\"%s\"", id);
	tell("getblockhash", params, hash);
	params_of(params, ret_hash, "3");
	tell_error("getblock", params, -1, "not a bool");
	text[0] = '"';
	dp_hex_encode(text + 1, bytes.b, bytes.n);
	snprintf(text + 1 + 2 * bytes.n, 2, "\"");
	params_of(params, ret_hash, "0");
	tell("getblock", params, text);
}

// A block of one coinbase, and a payment where `value` is not 0.
static void make_block(uint64_t height, const uint8_t prev[32], uint32_t extra, uint64_t value)
{
	memset(&maker, 0, sizeof maker);
	memcpy(maker.prev, prev, 32);
	maker.bits = 0x207fffff;
	mk_out reward[] = {{1000, NULL}}, out[] = {{value, NULL}};
	mk_in in[] = {{coin_a, 3}};
	mk_coinbase(&maker, (uint32_t)height, extra, reward, 1);
	if (value > 0) mk_spend(&maker, in, 1, out, 1);
}

static void no_block(uint64_t height)
{
	char params[32];
	snprintf(params, sizeof params, "[%llu]", (unsigned long long)height);
	tell_error("getblockhash", params, -8, "Block height out of range");
}

static void what_a_block_had_does_not_wait_unless_that_is_undone(void **state)
{
	(void)state;
	uint8_t below[32] = {1}, hash[32], other[32];
	dp_source *s = open_bitcoin((dp_source_options){0});
	s->has_heads = true;
	tell("getblockhash", "[100]",
	     "\"0000000000000000000000000000000000000000000000000000000000"
	     "000001\"");
	memset(below, 0, 32);
	below[0] = 1;
	no_block(101);
	for (uint64_t h = 0; h < 100; h++) {
		char params[32];
		snprintf(params, sizeof params, "[%llu]", (unsigned long long)h);
		if (h > 0) tell("getblockhash", params, regtest_genesis);
	}
	assert_int_equal(s->seek(s, 101, NULL), DP_OK);
	assert_null(next(s));
	// Something must have waited before blocks are looked at.
	memset(&maker, 0, sizeof maker);
	mk_in first[] = {{coin_b, 1}};
	mk_out one[] = {{1, NULL}};
	mk_tx *t = mk_spend(&maker, first, 1, one, 1);
	tell_tx("getrawtransaction", t->txid, "1", "{}");
	s->offer(s, t->plain.b, t->plain.n);
	assert_non_null(pending(s));
	make_block(101, below, 1, 400);
	static mk_tx paid;
	paid = maker.tx[1];
	tell_block(101, hash);
	no_block(102);
	tell_tip(101);
	const dp_block *b = next(s);
	assert_int_equal(b->height, 101);
	assert_int_equal(waiting(s, paid.txid), DP_WAITING_IN_BLOCK);
	// Published again with the block; a node that is late calls it waiting still.
	tell_tx("getrawtransaction", paid.txid, "1", "{}");
	s->offer(s, paid.plain.b, paid.plain.n);
	assert_null(pending(s));
	assert_null(next(s));
	// Another block of the same height: the chain has not grown, and is noticed at once.
	make_block(101, below, 2, 0);
	tell_block(101, other);
	node.asked[0] = 0;
	b = next(s);
	assert_non_null(b);
	assert_int_equal(b->height, 101);
	assert_memory_equal(b->hash, other, 32);
	s->offer(s, paid.plain.b, paid.plain.n);
	b = pending(s);
	assert_non_null(b);
	assert_int_equal(b->height, 102);
	assert_int_equal(b->time, 1500000000);
	assert_int_equal(waiting(s, paid.txid), DP_WAITING_YES);
	// A node that is behind for a while is waited for.
	tell_tip(100);
	no_block(101);
	assert_null(next(s));
	tell_tip(101);
	tell_block(101, other);
	assert_null(next(s));
	dp_source_close(s);
}

static void at_the_tip_one_request_is_enough(void **state)
{
	(void)state;
	uint8_t below[32] = {1}, hash[32];
	dp_source *s = open_bitcoin((dp_source_options){0});
	assert_int_equal(s->seek(s, 101, NULL), DP_OK);
	no_block(101);
	uint32_t before = t_http_requests(server);
	for (int i = 0; i < 5; i++) assert_null(next(s));
	assert_int_equal(t_http_requests(server), before + 5);
	make_block(101, below, 1, 0);
	tell_block(101, hash);
	no_block(102);
	tell_tip(101);
	assert_int_equal(next(s)->height, 101); // the form is found out, once
	make_block(102, hash, 1, 0);
	tell_block(102, hash);
	no_block(103);
	tell_tip(102);
	before = t_http_requests(server);
	assert_int_equal(next(s)->height, 102);
	assert_int_equal(t_http_requests(server), before + 2);
	dp_source_close(s);
}

static void a_block_is_taken_when_enough_stand_on_it(void **state)
{
	(void)state;
	uint8_t hash[32] = {1}, is[32];
	bool known;
	tell_tip(100);
	dp_source *s = open_bitcoin((dp_source_options){.confirmations = 3});
	for (uint64_t h = 98; h <= 101; h++) {
		make_block(h, hash, 1, 0);
		tell_block(h, hash);
	}
	assert_int_equal(s->seek(s, 99, NULL), DP_OK);
	assert_null(next(s));
	assert_int_equal(s->hash_at(s, &known, is, 99, NULL), DP_OK);
	assert_false(known);
	assert_int_equal(s->hash_at(s, &known, is, 98, NULL), DP_OK);
	assert_true(known);
	tell_tip(101);
	assert_int_equal(s->hash_at(s, &known, is, 99, NULL), DP_OK);
	assert_true(known);
	assert_int_equal(next(s)->height, 99);
	assert_null(next(s));
	dp_source_close(s);
}

static void what_became_of_a_transaction_is_told_as_far_as_it_can_be(void **state)
{
	(void)state;
	static const struct {
		const char *tx; // NULL: the error
		int code;
		const char *words, *output;
		uint64_t tip;
		dp_waiting want;
	} t[] = {
	    {"{\"hex\":\"00\"}", 0, "", NULL, 100, DP_WAITING_YES},
	    {"{\"blockhash\":\"00\",\"confirmations\":101}", 0, "", NULL, 100, DP_WAITING_IN_BLOCK},
	    {NULL, -5, "No such mempool transaction. Use -txindex", "{\"confirmations\":101}", 100,
	     DP_WAITING_IN_BLOCK},
	    // In a block that was not given yet (none was), it waits.
	    {"{\"blockhash\":\"00\",\"confirmations\":1}", 0, "", NULL, 100, DP_WAITING_YES},
	    {NULL, -5, "No such mempool transaction. Use -txindex", "{\"confirmations\":1}", 100,
	     DP_WAITING_YES},
	    {NULL, -5, "No such mempool transaction. Use -txindex", "null", 100,
	     DP_WAITING_UNKNOWN},
	    {NULL, -5, "No such mempool or blockchain transaction", "null", 100, DP_WAITING_GONE},
	    {NULL, -5, "No information available about transaction", NULL, 100, DP_WAITING_GONE},
	    {NULL, -1, "out of order", NULL, 100, DP_WAITING_UNKNOWN},
	};
	dp_source *s = open_bitcoin((dp_source_options){0});
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char params[120];
		params_of(params, coin_a, "1");
		if (t[i].tx != NULL) tell("getrawtransaction", params, t[i].tx);
		if (t[i].tx == NULL) tell_error("getrawtransaction", params, t[i].code, t[i].words);
		params_of(params, coin_a, "0,false");
		if (t[i].output != NULL) tell("gettxout", params, t[i].output);
		if (t[i].output == NULL) tell_error("gettxout", params, -8, "what?");
		uint32_t before = t_http_requests(server);
		assert_int_equal(waiting(s, coin_a), t[i].want);
		assert_int_equal(t_http_requests(server), before + 1);
	}
	dp_source_close(s);
}

static void the_node_says_where_it_publishes(void **state)
{
	(void)state;
	static const struct {
		const char *answer, *host, *want;
	} t[] = {
	    {"[]", "127.0.0.1", ""},
	    {"7", "127.0.0.1", ""},
	    {"[7,{},{\"type\":7,\"address\":[]}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"tcp://127.0.0.1:28333\",\"hwm\":1000},"
	     "{\"type\":\"pubhashblock\",\"address\":\"tcp://127.0.0.1:28332\"}]",
	     "localhost", "zmq:tcp://127.0.0.1:28333"},
	    {"[{\"type\":\"pubhashblock\",\"address\":\"tcp://10.0.0.1:1\"},"
	     "{\"type\":\"pubhashblock\",\"address\":\"tcp://10.0.0.2:2\"},"
	     "{\"type\":\"pubrawtx\",\"address\":\"tcp://10.0.0.2:2\"}]",
	     "x", "zmq:tcp://10.0.0.2:2"},
	    {"[{\"type\":\"pubhashblock\",\"address\":\"tcp://*:28332\"}]", "node.example",
	     "zmq:tcp://node.example:28332"},
	    {"[{\"type\":\"pubhashblock\",\"address\":\"tcp://0.0.0.0:28332\"}]", "[::1]",
	     "zmq:tcp://[::1]:28332"},
	    {"[{\"type\":\"pubhashblock\",\"address\":\"tcp://[::]:9\"}]", "10.0.0.9",
	     "zmq:tcp://10.0.0.9:9"},
	    // Of another machine's loopback nothing can be heard.
	    {"[{\"type\":\"pubhashblock\",\"address\":\"tcp://127.0.0.1:28332\"}]", "10.0.0.9", ""},
	    {"[{\"type\":\"pubhashtx\",\"address\":\"tcp://127.0.0.1:28332\"}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"ipc:///tmp/x\"}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"tcp://a b:1\"}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"tcp://a:0\"}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"tcp://a:65536\"}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"tcp://a:1/../\"}]", "127.0.0.1", ""},
	    {"[{\"type\":\"pubrawtx\",\"address\":\"tcp://:1\"}]", "127.0.0.1", ""},
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char is[DP_BITCOIN_ZMQ_MAX];
		dp_json *doc;
		assert_int_equal(dp_json_parse(&doc, t[i].answer, strlen(t[i].answer), NULL),
		                 DP_OK);
		dp_bitcoin_zmq_choose(is, doc, t[i].host, strlen(t[i].host));
		assert_string_equal(is, t[i].want);
		dp_json_free(doc);
	}
	dp_source *s = open_bitcoin((dp_source_options){0});
	assert_string_equal(s->heads_url, "");
	dp_source_close(s);
	tell("getzmqnotifications", "[]", t[3].answer);
	s = open_bitcoin((dp_source_options){0});
	assert_string_equal(s->heads_url, t[3].want);
	dp_source_close(s);
}

static void bitcoin_survives_without_memory(void **state)
{
	(void)state;
	memset(&maker, 0, sizeof maker);
	mk_in in[] = {{coin_a, 3}, {coin_b, 1}};
	mk_out out[] = {{1, NULL}};
	mk_tx *offered = mk_spend(&maker, in, 2, out, 1),
	      *pooled = mk_spend(&maker, in + 1, 1, out, 1);
	tell_tx("gettxout", coin_a, "3,false", coin_text);
	tell_tx("getrawtransaction", offered->txid, "1", "{}");
	tell_raw(pooled);
	tell_pool(&pooled, 1);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_source *s = open_bitcoin((dp_source_options){.in_flight = 1});
		uint32_t given = 0;
		const dp_block *b;
		dp_fault fault;
		dp_waiting w;
		dp_mem_fail_after(n);
		s->offer(s, offered->plain.b, offered->plain.n);
		dp_code code;
		while ((code = s->pending(s, &b, &fault)) == DP_OK) given++;
		if (code == DP_END) code = s->waiting(s, &w, offered->txid, &fault);
		dp_mem_fail_after(-1);
		bool is_through = code == DP_OK && given == 2;
		// An offer that there was no memory for is lost; all else comes when there is.
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		while (pending(s) != NULL) given++;
		assert_true(given == 2 || (given == 1 && n < 2));
		dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (is_through) break;
		assert_true(n < 500);
	}
}

//- EVM -------------------------------------------------------------------------------------------

#define AA "0x00000000000000000000000000000000000000aa"
#define BB "0x00000000000000000000000000000000000000bb"
#define USDT "0x94b008aa00579c1307b0ef2c499ad98a8ce58e58"
#define HASH(x) "0x" x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x
#define WORD_AA "00000000000000000000000000000000000000000000000000000000000000aa"
#define WORD_BB "00000000000000000000000000000000000000000000000000000000000000bb"
#define WORD_5 "0000000000000000000000000000000000000000000000000000000000000005"
#define TX(hash, to, value, input, more)                                                           \
	"{\"hash\":\"" hash "\",\"from\":\"" AA "\",\"to\":" to ",\"value\":\"" value              \
	"\",\"input\":\"" input "\"" more "}"
#define PLAIN(x) TX(HASH(x), "\"" BB "\"", "0x7", "0x", "")

// A made-up block on a chain where that is believed, as in test_evm_rpc.c.
static void tell_evm_block(uint64_t height, uint32_t branch, uint32_t branch_below)
{
	char params[40], text[900];
	snprintf(
	    text, sizeof text,
	    "{\"number\":\"0x%llx\",\"hash\":\"0x%032x%032llx\",\"parentHash\":\"0x%032x%032llx\","
	    "\"timestamp\":\"0x%llx\",\"difficulty\":\"0x0\",\"madeUp\":\"0x1\",\"uncles\":[],"
	    "\"transactions\":[]}",
	    (unsigned long long)height, branch, (unsigned long long)height, branch_below,
	    (unsigned long long)height - 1, (unsigned long long)(1000 + height));
	snprintf(params, sizeof params, "[\"0x%llx\",true]", (unsigned long long)height);
	tell("eth_getBlockByNumber", params, text);
	snprintf(params, sizeof params, "[\"0x%llx\",false]", (unsigned long long)height);
	tell("eth_getBlockByNumber", params, text);
	snprintf(params, sizeof params, "[\"0x%llx\"]", (unsigned long long)height);
	tell("eth_getBlockReceipts", params, "[]");
	snprintf(params, sizeof params, "[\"0x%llx\",{\"tracer\":\"callTracer\"}]",
	         (unsigned long long)height);
	tell("debug_traceBlockByNumber", params, "[]");
}

static void tell_evm_tip(uint64_t tip)
{
	char text[40];
	snprintf(text, sizeof text, "\"0x%llx\"", (unsigned long long)tip);
	tell("eth_blockNumber", "[]", text);
}

static dp_source *open_evm(dp_source_options options)
{
	node_default = "\"result\":null";
	tell("eth_chainId", "[]", "\"0xa\"");
	tell("eth_syncing", "[]", "false");
	tell_evm_tip(32);
	for (uint64_t h = 28; h <= 32; h++) tell_evm_block(h, 0, 0);
	tell("eth_getBalance", "[\"0x0000000000000000000000000000000000000000\",\"0x1f\"]",
	     "\"0x0\"");
	options.begin = (dp_source_begin){.has_followed = true, .followed = 32};
	return open_source(&dp_source_evm_rpc, options);
}

static void offer_text(dp_source *s, const char *text)
{
	s->offer(s, (const uint8_t *)text, strlen(text));
}

static void a_head_names_a_transaction_and_the_node_tells_it(void **state)
{
	(void)state;
	tell("eth_getTransactionByHash", "[\"" HASH("01") "\"]", PLAIN("01"));
	tell("eth_getTransactionByHash", "[\"" HASH("02") "\"]",
	     TX(HASH("02"), "\"" BB "\"", "0x9", "0x", ",\"blockHash\":null,\"blockNumber\":null"));
	tell("eth_getTransactionByHash", "[\"" HASH("03") "\"]",
	     TX(HASH("03"), "\"" BB "\"", "0x9", "0x", ",\"blockHash\":\"" HASH("99") "\""));
	tell("eth_getTransactionByHash", "[\"" HASH("04") "\"]", PLAIN("05")); // another one
	dp_source *s = open_evm((dp_source_options){0});
	s->has_heads = true;
	assert_string_equal(s->heads_url, "");
	assert_null(pending(s));
	offer_text(s, "nonsense");
	offer_text(s, "{\"hash\":7}");
	offer_text(s, "\"0x01\"");
	offer_text(s, "\"" HASH("01") "\"");
	// What the object says does not count: the node says what it is.
	offer_text(s, TX(HASH("02"), "\"" AA "\"", "0xffffff", "0x", ""));
	offer_text(s, "\"" HASH("03") "\"");
	offer_text(s, "\"" HASH("04") "\"");
	offer_text(s, "\"" HASH("06") "\""); // never was
	offer_text(s, "\"" HASH("01") "\"");
	uint32_t before = t_http_requests(server);
	const dp_block *b = pending(s);
	assert_int_equal(b->height, 33);
	assert_int_equal(b->tx[0].id[0], 1);
	assert_int_equal(b->mv_count, 1); // no fee
	assert_int_equal(b->mv[0].kind, DP_MV_NATIVE);
	assert_int_equal(b->mv[0].amount.w[0], 7);
	assert_true(b->mv[0].from.bytes[19] == 0xaa && b->mv[0].to.bytes[19] == 0xbb);
	assert_int_equal(pending(s)->mv[0].amount.w[0], 9);
	assert_null(pending(s));
	assert_int_equal(t_http_requests(server), before + 1);
	offer_text(s, "\"" HASH("01") "\"");
	assert_null(pending(s));
	assert_int_equal(t_http_requests(server), before + 1);
	// Should it come back after it was dropped, it is given again.
	uint8_t id[32];
	memset(id, 1, sizeof id);
	assert_int_equal(waiting(s, id), DP_WAITING_YES);
	// In a block that is still to be given, it waits; in one that was, it does not.
	tell("eth_getTransactionByHash", "[\"" HASH("01") "\"]",
	     "{\"hash\":\"" HASH("01") "\",\"blockHash\":\"" HASH(
	         "77") "\",\"blockNumber\":\"0xfffff\"}");
	assert_int_equal(waiting(s, id), DP_WAITING_YES);
	tell("eth_getTransactionByHash", "[\"" HASH("01") "\"]",
	     "{\"hash\":\"" HASH("01") "\",\"blockHash\":\"" HASH(
	         "77") "\",\"blockNumber\":\"0x1\"}");
	assert_int_equal(waiting(s, id), DP_WAITING_IN_BLOCK);
	tell("eth_getTransactionByHash", "[\"" HASH("01") "\"]", "null");
	assert_int_equal(waiting(s, id), DP_WAITING_GONE);
	tell("eth_getTransactionByHash", "[\"" HASH("01") "\"]", PLAIN("01"));
	offer_text(s, "\"" HASH("01") "\"");
	assert_non_null(pending(s));
	dp_source_close(s);
}

static void read_one(const char *text, dp_code want, uint32_t rows, uint32_t tokens)
{
	dp_json *doc;
	dp_block_builder builder = {.key_cap = 0};
	dp_evm_block evm = {.chain = NULL};
	const dp_block *b = NULL;
	dp_fault fault = {0};
	assert_int_equal(dp_json_parse(&doc, text, strlen(text), NULL), DP_OK);
	dp_code code = dp_pending_evm_read(&builder, &b, &evm, dp_chain_find("optimism", 8), 5, 6,
	                                   doc, &fault);
	if (code != want) fail_msg("%d %s: %s", (int)code, fault.text, text);
	uint32_t found = 0;
	for (uint32_t i = 0; b != NULL && i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		if (mv->kind != DP_MV_TOKEN) continue;
		found++;
		assert_string_equal(dp_asset_info_of(mv->asset)->symbol, "USDT");
		assert_int_equal(mv->amount.w[0], 5);
		assert_int_equal(mv->to.bytes[19], 0xbb);
		assert_int_equal(mv->from.bytes[19], 0xaa);
	}
	if (want == DP_OK) assert_true(b->mv_count == rows && found == tokens);
	dp_builder_done(&builder);
	dp_evm_done(&evm);
	dp_json_free(doc);
}

static void calls_of_listed_tokens_are_their_transfers(void **state)
{
	(void)state;
	read_one(PLAIN("01"), DP_OK, 1, 0);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0", "0xa9059cbb" WORD_BB WORD_5, ""), DP_OK, 2,
	         1);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0", "0xa9059cbb" WORD_BB WORD_5 "77", ""), DP_OK,
	         2, 1);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0", "0x23b872dd" WORD_AA WORD_BB WORD_5, ""),
	         DP_OK, 2, 1);
	// Not listed; too short; no address; of nothing; another method.
	read_one(TX(HASH("01"), "\"" BB "\"", "0x0", "0xa9059cbb" WORD_BB WORD_5, ""), DP_OK, 1, 0);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0", "0x23b872dd" WORD_AA WORD_BB, ""), DP_OK, 1,
	         0);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0",
	            "0xa9059cbb"
	            "ff" WORD_BB WORD_5,
	            ""),
	         DP_OK, 1, 0);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0",
	            "0xa9059cbb" WORD_BB
	            "0000000000000000000000000000000000000000000000000000000000000000",
	            ""),
	         DP_OK, 1, 0);
	read_one(TX(HASH("01"), "\"" USDT "\"", "0x0", "0xa9059cbc" WORD_BB WORD_5, ""), DP_OK, 1,
	         0);
	read_one(TX(HASH("01"), "null", "0x0", "0xa9059cbb" WORD_BB WORD_5, ""), DP_OK, 1, 0);
	// Nonsense.
	read_one("[]", DP_BAD_BYTES, 0, 0);
	read_one("{}", DP_BAD_BYTES, 0, 0);
	read_one(TX("0x01", "\"" BB "\"", "0x0", "0x", ""), DP_BAD_BYTES, 0, 0);
	read_one(TX(HASH("01"), "7", "0x0", "0x", ""), DP_BAD_BYTES, 0, 0);
	read_one(TX(HASH("01"), "\"" BB "\"", "7", "0x", ""), DP_BAD_BYTES, 0, 0);
	read_one(TX(HASH("01"), "\"" BB "\"", "0x0", "0x1", ""), DP_BAD_BYTES, 0, 0);
	read_one(TX(HASH("01"), "\"" BB "\"", "0x0", "0xzz", ""), DP_BAD_BYTES, 0, 0);
	read_one(TX(HASH("01"), "\"" BB "\"", "0x0", "", ""), DP_BAD_BYTES, 0, 0);
}

static void without_heads_the_pending_block_or_the_pool_is_looked_at(void **state)
{
	(void)state;
	static const char params[] = "[\"pending\",true]";
	dp_source *s = open_evm((dp_source_options){0});
	tell("eth_getBlockByNumber", params,
	     "{\"number\":\"0x21\",\"transactions\":[" PLAIN("01") ",7,{}," PLAIN("02") "," PLAIN(
	         "01") ",\"" HASH("03") "\"]}");
	assert_int_equal(pending(s)->tx[0].id[0], 1);
	assert_int_equal(pending(s)->tx[0].id[0], 2);
	assert_null(pending(s));
	assert_int_equal(times_asked("pending"), 1);
	assert_int_equal(times_asked("txpool_content"), 0);
	assert_null(pending(s)); // asked anew, nothing new
	assert_int_equal(times_asked("pending"), 2);
	// The newest block in disguise: its transactions do not wait.
	tell("eth_getBlockByNumber", params,
	     "{\"number\":\"0x20\",\"transactions\":[" PLAIN("04") "]}");
	tell("txpool_content", "[]",
	     "{\"pending\":{\"" AA "\":{\"0\":" PLAIN("05") ",\"1\":" PLAIN(
	         "06") "},\"x\":7,\"y\":{},"
	               "\"" BB "\":{\"9\":" PLAIN("07") "}},\"queued\":{\"" AA
	                                                "\":{\"3\":" PLAIN("08") "}}}");
	for (uint8_t i = 5; i <= 7; i++) assert_int_equal(pending(s)->tx[0].id[0], i);
	assert_null(pending(s));
	// Neither is there: that is found out once.
	tell_error("eth_getBlockByNumber", params, -32602, "no pending block");
	tell_error("txpool_content", "[]", -32601, "no such method");
	assert_null(pending(s));
	node.asked[0] = 0;
	assert_null(pending(s));
	assert_string_equal(node.asked, "");
	dp_source_close(s);
}

static void contracts_answer_with_words(void **state)
{
	(void)state;
	static const char params[] = "[{\"to\":\"" USDT "\",\"data\":\"0x0102\"},\"latest\"]";
	static const uint8_t to[20] = {0x94, 0xb0, 0x08, 0xaa, 0x00, 0x57, 0x9c, 0x13, 0x07, 0xb0,
	                               0xef, 0x2c, 0x49, 0x9a, 0xd9, 0x8a, 0x8c, 0xe5, 0x8e, 0x58};
	static const uint8_t data[] = {1, 2};
	dp_source *s = open_evm((dp_source_options){0});
	bool known;
	uint8_t word[32];
	dp_fault fault = {0};
	tell("eth_call", params, "\"0x" WORD_BB "\"");
	assert_int_equal(s->ask_contract(s, &known, word, to, data, 2, &fault), DP_OK);
	assert_true(known && word[31] == 0xbb);
	tell("eth_call", params, "\"0x" WORD_AA WORD_BB "\"");
	assert_int_equal(s->ask_contract(s, &known, word, to, data, 2, &fault), DP_OK);
	assert_true(known && word[31] == 0xaa);
	const char *const none[] = {"\"0x\"", "\"0x01\"", "\"0x" WORD_AA "01\"",
	                            "\"0xzz" WORD_AA "\"", "\"\""};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		tell("eth_call", params, none[i]);
		assert_int_equal(s->ask_contract(s, &known, word, to, data, 2, &fault), DP_OK);
		assert_false(known);
		assert_int_equal(word[31], 0xaa);
	}
	tell_error("eth_call", params, 3, "execution reverted");
	assert_int_equal(s->ask_contract(s, &known, word, to, data, 2, &fault), DP_OK);
	assert_false(known);
	dp_source_close(s);
}

static void a_new_block_of_an_evm_chain_costs_one_request(void **state)
{
	(void)state;
	dp_source *s = open_evm((dp_source_options){0});
	assert_int_equal(s->seek(s, 33, NULL), DP_OK);
	uint32_t before = t_http_requests(server);
	for (int i = 0; i < 5; i++) assert_null(next(s));
	assert_int_equal(t_http_requests(server), before + 5);
	tell_evm_block(33, 0, 0);
	tell_evm_tip(33);
	assert_int_equal(next(s)->height, 33);
	assert_int_equal(t_http_requests(server), before + 6);
	assert_null(next(s));
	// Replaced at the same height: noticed by the next question.
	tell_evm_block(33, 1, 0);
	const dp_block *b = next(s);
	assert_non_null(b);
	assert_int_equal(b->height, 33);
	assert_int_equal(b->hash[15], 1);
	// Replaced by a shorter chain.
	tell_evm_tip(32);
	tell_evm_block(32, 2, 0);
	tell("eth_getBlockByNumber", "[\"0x21\",true]", "null");
	tell("eth_getBlockByNumber", "[\"0x21\",false]", "null");
	b = next(s);
	assert_non_null(b);
	assert_int_equal(b->height, 32);
	assert_int_equal(b->hash[15], 2);
	// A node that is behind is waited for.
	tell_evm_tip(31);
	tell("eth_getBlockByNumber", "[\"0x20\",false]", "null");
	for (int i = 0; i < 3; i++) assert_null(next(s));
	tell_evm_block(32, 2, 0);
	tell_evm_block(33, 2, 2);
	tell_evm_tip(33);
	assert_int_equal(next(s)->height, 33);
	dp_source_close(s);
}

// Asked for in haste, parts may be answered before and after the block came.
static void parts_that_were_answered_too_early_are_asked_for_again(void **state)
{
	(void)state;
	dp_source *s = open_evm((dp_source_options){0});
	assert_int_equal(s->seek(s, 33, NULL), DP_OK);
	tell_evm_block(33, 0, 0);
	tell("eth_getBlockByNumber", "[\"0x21\",true]", "null");
	tell_evm_tip(33);
	tell_error("debug_traceBlockByNumber", "[\"0x21\",{\"tracer\":\"callTracer\"}]", -32000,
	           "method not supported");
	// The node says that it is there and does not give it: it is waited for, and then refused.
	const dp_block *b;
	dp_fault fault = {0};
	assert_int_equal(dp_source_next(s, &b, &fault), DP_IO);
	dp_source_close(s);
	s = open_evm((dp_source_options){0});
	assert_int_equal(s->seek(s, 33, NULL), DP_OK);
	tell_evm_tip(33);
	tell_evm_block(33, 0, 0);
	tell("eth_getBlockReceipts", "[\"0x21\"]", "null"); // of an empty block nothing is needed
	assert_int_equal(next(s)->height, 33);
	assert_int_equal(times_asked("eth_getBlockReceipts[\"0x21\"]"), 2);
	dp_source_close(s);
}

static void confirmations_are_waited_for_on_evm_chains(void **state)
{
	(void)state;
	dp_source *s = open_evm((dp_source_options){.confirmations = 4});
	bool known;
	uint8_t hash[32];
	assert_int_equal(s->seek(s, 30, NULL), DP_OK);
	uint32_t before = t_http_requests(server);
	assert_null(next(s));
	assert_int_equal(t_http_requests(server), before + 1);
	assert_int_equal(s->hash_at(s, &known, hash, 30, NULL), DP_OK);
	assert_false(known);
	assert_int_equal(s->hash_at(s, &known, hash, 29, NULL), DP_OK);
	assert_true(known);
	tell_evm_tip(33);
	assert_int_equal(s->hash_at(s, &known, hash, 30, NULL), DP_OK);
	assert_true(known);
	assert_int_equal(next(s)->height, 30);
	assert_null(next(s));
	dp_source_close(s);
}

static void evm_survives_without_memory(void **state)
{
	(void)state;
	tell("eth_getTransactionByHash", "[\"" HASH("01") "\"]", PLAIN("01"));
	tell("eth_getBlockByNumber", "[\"pending\",true]",
	     "{\"number\":\"0x21\",\"transactions\":[" TX(HASH("02"), "\"" USDT "\"", "0x0",
	                                                  "0xa9059cbb" WORD_BB WORD_5, "") "]}");
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_source *s = open_evm((dp_source_options){.in_flight = 1});
		uint32_t given = 0;
		const dp_block *b;
		dp_fault fault;
		dp_waiting w;
		uint8_t id[32];
		memset(id, 1, sizeof id);
		dp_mem_fail_after(n);
		offer_text(s, "\"" HASH("01") "\"");
		dp_code code;
		while ((code = s->pending(s, &b, &fault)) == DP_OK) given++;
		if (code == DP_END) code = s->waiting(s, &w, id, &fault);
		dp_mem_fail_after(-1);
		bool is_through = code == DP_OK && given == 2;
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		while (pending(s) != NULL) {}
		dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (is_through) break;
		assert_true(n < 500);
	}
}

#define WITH_NODE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_ids_are_remembered_and_no_more),
	    cmocka_unit_test(forgetting_loses_no_other_id),
	    cmocka_unit_test(blocks_that_are_undone_give_their_transactions_back),
	    cmocka_unit_test(offers_are_bounded_and_the_oldest_go),
	    cmocka_unit_test(a_transaction_alone_is_checked_as_one_of_a_block),
	    WITH_NODE(what_is_offered_is_given_once_with_what_the_node_knows),
	    WITH_NODE(what_does_not_wait_or_makes_no_sense_is_left_out),
	    WITH_NODE(without_heads_the_mempool_is_listed_and_each_is_given_once),
	    WITH_NODE(a_node_that_fails_meanwhile_loses_nothing),
	    WITH_NODE(what_a_block_had_does_not_wait_unless_that_is_undone),
	    WITH_NODE(at_the_tip_one_request_is_enough),
	    WITH_NODE(a_block_is_taken_when_enough_stand_on_it),
	    WITH_NODE(what_became_of_a_transaction_is_told_as_far_as_it_can_be),
	    WITH_NODE(the_node_says_where_it_publishes),
	    WITH_NODE(bitcoin_survives_without_memory),
	    WITH_NODE(a_head_names_a_transaction_and_the_node_tells_it),
	    cmocka_unit_test(calls_of_listed_tokens_are_their_transfers),
	    WITH_NODE(without_heads_the_pending_block_or_the_pool_is_looked_at),
	    WITH_NODE(contracts_answer_with_words),
	    WITH_NODE(a_new_block_of_an_evm_chain_costs_one_request),
	    WITH_NODE(parts_that_were_answered_too_early_are_asked_for_again),
	    WITH_NODE(confirmations_are_waited_for_on_evm_chains),
	    WITH_NODE(evm_survives_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

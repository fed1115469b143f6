// link/thorchain.c: fifteen real transactions decode to what they did, and forged, odd and broken
// ones are refused with a reason or do no harm.
//
// The real ones come from ShapeShift's captures (tests/data/thorchain/README.md), which have no
// event logs: the tests make the event from the call's arguments as the router logs it. Those on
// Bitcoin go through the decoder of blocks. The same test runs over the larger file of the shared
// data where that is there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bitcoin_maker.h"
#include "chain/bitcoin.h"
#include "codec/json.h"
#include "link/leg.h"

#define DEPOSIT "ef519b7eb82aaf6ac376a6df2d793843ebfd593de5f1a0601d3cc6ab49ebb395"
#define TRANSFER_OUT "a9cd03aa3c1b4515114539cd53d22085129d495cb9e9f9af77864526240f1bf7"
#define OUT_AND_CALL "8e5841bcd195b858d53b38bcf91b38d47f3bc800469b6812d35451ab619c6f6c"
#define OUT_AND_CALL_PAYLOAD "f03f1deb9e64a6dc7d54571486f4ef1f94a3b4d85bc21ab19903f3475b0ab114"
#define OUT_AND_CALL_2 "de470d7c2e9c3282cad476e5ed6f05f74d68839c406573048f2dee22a8c452c7"
#define ALLOWANCE "05b90458f953d3fcb2d7fb25616a2fddeca749d0c47cc5c9832d0266b5346eea"
#define VAULT_TRANSFER "281daef48d91e5cd3d32db0784f6af69cd8d8d2e8c612a3568dca51ded51e08f"
#define ROUTER "0xd37bbe5744d730a1d98d8dc97c42f0ca46ad7146"
#define MAYA_ROUTER "0xe3985e6b61b814f7cdb188766562ba71b446b46d"
#define VAULT "0x72f4d09a23f8434bbbfea818e10a55517abc044b"
#define USER "0xceb660e7623e8f8312b3379df747c35f2217b595"
#define OTHER "0x5a8c5afbcc1a58ccbe17542957b587f46828b38e"
#define COINS "0x0000000000000000000000000000000000000000"
#define USDC "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
#define BTC_USER "bc1q6527vxxqjpq80la2l0sw7hay3lj6dz07zs6gzl"
#define TXID "EA7D80B3EB709319A6577AF6CF4DEFF67975D4F5A93CD8817E7FF04A048D1C5C"

//- blocks of one transaction ---------------------------------------------------------------------

static dp_block_builder builder;
static uint8_t encoded[DP_NOTE_DATA_MAX + 8192];
static size_t encoded_size;

static const dp_chain *on(const char *name)
{
	const dp_chain *c = dp_chain_find(name, strlen(name));
	assert_non_null(c);
	return c;
}

static dp_addr addr_on(const char *text, const dp_chain *chain)
{
	dp_addr a;
	dp_fault fault;
	if (dp_addr_parse(&a, text, strlen(text), chain, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	return a;
}

static dp_addr addr(const char *text)
{
	return addr_on(text, on("ethereum"));
}

static dp_u256 number(const char *text)
{
	dp_u256 v;
	dp_fault fault;
	assert_int_equal(dp_u256_parse(&v, text, strlen(text), 0, &fault), DP_OK);
	return v;
}

static void begin(const char *chain)
{
	dp_tx *tx;
	dp_builder_start(&builder, on(chain), 20000000, 1700000000);
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	for (int i = 0; i < 32; i++) tx->id[i] = (uint8_t)(i + 1);
}

static void move(dp_mv_kind kind, const char *from, const char *to, const char *token,
                 const char *amount)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = (uint8_t)kind;
	if (from != NULL) mv->from = addr(from);
	if (to != NULL) mv->to = addr(to);
	mv->amount = number(amount);
	mv->asset = token == NULL ? dp_asset_native(builder.block.chain)
	                          : dp_link_asset(builder.block.chain, addr(token).bytes);
}

static void word_addr(const char *text)
{
	memset(encoded + encoded_size, 0, 32);
	memcpy(encoded + encoded_size + 12, addr(text).bytes, 20);
	encoded_size += 32;
}

static void word(dp_u256 v)
{
	dp_u256_to_be(encoded + encoded_size, v);
	encoded_size += 32;
}

static void word_int(uint64_t v)
{
	word(dp_u256_of(v));
}

static void tail(const char *text)
{
	size_t n = strlen(text), room = (n + 31) / 32 * 32;
	word_int(n);
	memset(encoded + encoded_size, 0, room);
	memcpy(encoded + encoded_size, text, n);
	encoded_size += room;
}

static dp_note *note(dp_note_kind kind, const char *place, const void *data, size_t size)
{
	dp_note *n;
	assert_int_equal(dp_builder_note(&builder, &n, data, size, NULL), DP_OK);
	n->kind = (uint8_t)kind;
	if (place != NULL) memcpy(n->place, addr(place).bytes, 20);
	return n;
}

static void event(const char *router, const char *topic, const char *first, const char *second)
{
	dp_note *n = note(DP_NOTE_LOG, router, encoded, encoded_size);
	assert_true(dp_hex_decode(n->topic[0], 32, topic));
	n->topic_count = 1;
	const char *const more[] = {first, second};
	for (int i = 0; i < 2; i++)
		if (more[i] != NULL)
			memcpy(n->topic[n->topic_count++] + 12, addr(more[i]).bytes, 20);
}

static void deposit(const char *router, const char *vault, const char *token, const char *amount,
                    const char *memo)
{
	encoded_size = 0;
	word(number(amount));
	word_int(64);
	tail(memo);
	event(router, DEPOSIT, vault, token);
}

static void transfer_out(const char *router, const char *vault, const char *to, const char *token,
                         const char *amount, const char *memo)
{
	encoded_size = 0;
	word_addr(token);
	word(number(amount));
	word_int(96);
	tail(memo);
	event(router, TRANSFER_OUT, vault, to);
}

static void out_and_call(const char *router, const char *vault, const char *target,
                         const char *amount, const char *final, const char *to, const char *least,
                         const char *memo)
{
	encoded_size = 0;
	word_addr(target);
	word(number(amount));
	word_addr(final);
	word_addr(to);
	word(number(least));
	word_int(6 * 32);
	tail(memo);
	event(router, OUT_AND_CALL, vault, NULL);
}

static dp_leg leg[2 * DP_LEGS_MAX];

// Legs of all notes, by both rows.
static uint32_t decode(const dp_block *b)
{
	uint32_t count = 0;
	for (uint32_t n = 0; n < b->note_count; n++) {
		count += dp_protocol_thorchain.decode(leg + count, b, n);
		assert_true(count <= DP_LEGS_MAX);
		count += dp_protocol_maya.decode(leg + count, b, n);
		assert_true(count <= DP_LEGS_MAX);
	}
	return count;
}

static uint32_t decode_built(void)
{
	return decode(&builder.block);
}

static void assert_refused(uint32_t count, const char *why)
{
	assert_int_equal(count, 1);
	assert_non_null(leg[0].refused);
	if (strstr(leg[0].refused, why) == NULL) fail_msg("%s", leg[0].refused);
}

static void assert_key(const dp_leg *l, const char *txid)
{
	uint8_t id[32], key[32];
	assert_true(dp_hex_decode(id, 32, txid));
	dp_link_key(key, "thorchain", id, 32);
	assert_true(l->has_key);
	assert_memory_equal(l->key, key, 32);
	assert_memory_equal(l->ref, id, 32);
	assert_int_equal(l->ref_size, 32);
}

static void assert_addr(const dp_addr *got, const char *want, const dp_chain *chain)
{
	char text[DP_ADDR_TEXT_MAX] = "nobody";
	if (got->kind != DP_ADDR_NONE) dp_addr_format(text, got, chain);
	if (want == NULL ? got->kind != DP_ADDR_NONE : strcasecmp(text, want) != 0)
		fail_msg("%s, not %s", text, want == NULL ? "nobody" : want);
}

static void assert_amount(dp_u256 got, const char *want)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, got, 0);
	assert_string_equal(text, want);
}

//- real transactions -----------------------------------------------------------------------------

// What each of the fifteen did, by its number in the README: written down from the transfers that
// the source shows and from the memos' text, not from what the code says.
static const struct {
	const char *kind;
	dp_leg_side side;
	const char *asset, *amount; // "": not listed
	const char *vault;
	const char *other, *bought, *to, *least; // OUT: NULL where nothing is to be said
	bool inside, refund;
	const char *answers; // IN
} real[] = {
    {"deposit", DP_LEG_OUT, "ETH", "295040000000000000",
     "0x72f4d09a23f8434bbbfea818e10a55517abc044b", NULL, NULL, NULL, NULL, true, false, NULL},
    {"deposit_with_expiry", DP_LEG_OUT, "ETH", "1350000000000000000",
     "0xb2478c4e33889403f9b7ef73b01e07cd33395e08", "bitcoin", "BTC",
     "3GsSTWcQfbEpMQW4nJ6oPr1UhQZZCS74KD", "7415381", false, false, NULL},
    {"deposit", DP_LEG_OUT, "USDC", "16598881497", "0xfb43496982b951c36a27b2be21b3f7d5fa689ca9",
     NULL, NULL, NULL, NULL, true, false, NULL},
    {"deposit_with_expiry", DP_LEG_OUT, "USDT", "12000000",
     "0x64fc77c58122a7fb66659dc4d54d8cbb35eaff3b", NULL, NULL, NULL, NULL, false, false, NULL},
    {"aggregator_swap_in", DP_LEG_OUT, "ETH", "233387893881324379",
     "0x5c04b555e86507742455b280a4f6436cc43af314", "dogecoin", "DOGE",
     "D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga", "654517605534", false, false, NULL},
    {"outbound", DP_LEG_IN, "ETH", "1579727090000000000",
     "0xc42effb5968c2105feff5c2ed61135ff68736f10", NULL, NULL,
     "0x5a8c5afbcc1a58ccbe17542957b587f46828b38e", NULL, false, false,
     "8C859BA50BC2351797F52F954971E1C6BA1F0A77610AC197BD99C4EEC6A3692A"},
    {"outbound", DP_LEG_IN, "USDC", "47596471640", "0x2ab5a16737bd4449cc5c096598b3d2e32add0ef0",
     NULL, NULL, "0x5a8c5afbcc1a58ccbe17542957b587f46828b38e", NULL, false, false,
     "F3AC4E90AB5951AB9FEB1715B481422B904A40B0F6753CC844E326B1213CF70E"},
    {"outbound_and_call", DP_LEG_IN, "ETH", "514305630000000000",
     "0x64fc77c58122a7fb66659dc4d54d8cbb35eaff3b", NULL, NULL,
     "0x80ace046480e13b1dfcc5c7535c2d2d4da652fc6", NULL, false, false,
     "DC9C74908B12B8762E844AB1D143A3AC292D616D38AA5FCF7F8FF6702C21E9FB"},
    {"refund", DP_LEG_IN, "ETH", "6412730000000000", "0xbdd8cdb1158ba84de117c8670bb27b80376def1b",
     NULL, NULL, "0xfc0cc6e85dff3d75e3985e0cb83b090cfd498dd1", NULL, false, true,
     "851B4997CF8F9FBA806B3780E0C178CCB173AE78E3FD5056F7375B059B22BD3A"},
    {"refund", DP_LEG_IN, "", "65391780000000000", "0xb2478c4e33889403f9b7ef73b01e07cd33395e08",
     NULL, NULL, "0x9c2e658ffc8ea7fad00a4829bd4b554e8a716f73", NULL, false, true,
     "FEFB84289F49F1878A26A5DC7AA039F45C4D60AC216AACEF1082D99FFFBE3468"},
    {"swap_inbound", DP_LEG_OUT, "BTC", "781809", "bc1qgpa0uz3ph4076j4f3kjxgzzd6t5298sdtjvwc9",
     NULL, NULL, NULL, "3720700000", false, false, NULL},
    {"streaming_swap_inbound", DP_LEG_OUT, "BTC", "208300",
     "bc1qgpa0uz3ph4076j4f3kjxgzzd6t5298sdtjvwc9", "ethereum", "USDT",
     "0x6057d2D9f07e06FA0836a17a4e4F0044d8F02912", NULL, false, false, NULL},
    {"lp_deposit", DP_LEG_OUT, "BTC", "90000000", "bc1qyl7wjm2ldfezgnjk2c78adqlk7dvtm8sd7gn0q",
     NULL, NULL, NULL, NULL, true, false, NULL},
    {"outbound", DP_LEG_IN, "BTC", "0", "bc1qh7cjvuc3gtt3r4afm0zqvhvrpkfw0ahxrfwfgu", NULL, NULL,
     NULL, NULL, false, false, "B5FE4F2D310D32ADD3D70C1E806E224943A08E73AC89287AB374B6566C4605D8"},
    {"refund", DP_LEG_IN, "BTC", "0", "bc1qgpa0uz3ph4076j4f3kjxgzzd6t5298sdtjvwc9", NULL, NULL,
     NULL, NULL, false, true, "1A15D2C488FCA6FE4B50A930BDFCF320DAD6FCFF629B8D91310648E35FCEE967"},
};
enum { REAL_COUNT = sizeof real / sizeof *real };

static const char *text_of(const dp_json *object, const char *key)
{
	const dp_json *v = dp_json_get(object, key);
	const char *text = v == NULL ? NULL : dp_json_text(v);
	if (text == NULL) fail_msg("no %s", key);
	return text;
}

static void build_movements(const dp_json *t)
{
	const char *from = text_of(t, "from"), *to = text_of(t, "to");
	assert_true(dp_hex_decode(builder.block.tx[0].id, 32, text_of(t, "tx_hash") + 2));
	move(DP_MV_FEE, from, NULL, NULL, text_of(t, "fee"));
	if (strcmp(text_of(t, "value"), "0") != 0)
		move(DP_MV_NATIVE, from, to, NULL, text_of(t, "value"));
	const dp_json *x = dp_json_first(dp_json_get(t, "internal_txs"));
	for (; x != NULL; x = dp_json_next(x))
		move(DP_MV_INTERNAL, text_of(x, "from"), text_of(x, "to"), NULL,
		     text_of(x, "value"));
	x = dp_json_first(dp_json_get(t, "token_transfers"));
	for (; x != NULL; x = dp_json_next(x))
		move(DP_MV_TOKEN, text_of(x, "from"), text_of(x, "to"), text_of(x, "contract"),
		     text_of(x, "value"));
}

// Ether that went to the vault: what a router says it forwarded.
static const char *forwarded(const dp_json *t, const char *vault)
{
	const dp_json *x = dp_json_first(dp_json_get(t, "internal_txs"));
	for (; x != NULL; x = dp_json_next(x))
		if (strcmp(text_of(x, "to"), vault) == 0) return text_of(x, "value");
	fail_msg("nothing went to the vault");
	return NULL;
}

static const dp_block *build_ethereum(const dp_json *t)
{
	const dp_json *args = dp_json_get(t, "method_args");
	const char *kind = text_of(t, "kind"), *memo = text_of(t, "memo");
	const char *router = text_of(t, "to"), *from = text_of(t, "from");
	begin("ethereum");
	build_movements(t);
	if (strncmp(kind, "deposit", 7) == 0) {
		const char *vault = text_of(args, "vault"), *token = text_of(args, "asset");
		bool is_coins = strcmp(token, COINS) == 0;
		deposit(router, vault, token,
		        is_coins ? forwarded(t, vault) : text_of(args, "amount"), memo);
	} else if (strcmp(kind, "aggregator_swap_in") == 0) {
		const char *vault = text_of(args, "tc_vault");
		deposit(text_of(args, "tc_router"), vault, COINS, forwarded(t, vault), memo);
	} else if (strcmp(kind, "outbound_and_call") == 0) {
		out_and_call(router, from, text_of(args, "aggregator"), text_of(t, "value"),
		             text_of(args, "final_token"), text_of(args, "to"),
		             text_of(args, "amount_out_min"), memo);
	} else {
		transfer_out(router, from, text_of(args, "to"), text_of(args, "asset"),
		             text_of(args, "amount"), memo);
	}
	return &builder.block;
}

// Through the decoder of blocks: a block is made of a coinbase and the real transaction.
static const dp_block *build_bitcoin(const dp_json *t, dp_bitcoin_decoder *decoder)
{
	static mk_block block;
	static mk_bytes bytes;
	uint8_t hash[32], raw[4096];
	dp_bitcoin_info info;
	dp_fault fault;
	const char *hex = text_of(t, "non_witness_hex");
	memset(&block, 0, sizeof block);
	const mk_out reward = {.value = 1, .script = NULL};
	mk_coinbase(&block, 825000, 1, &reward, 1);
	mk_tx *tx = &block.tx[block.tx_count++];
	assert_true(strlen(hex) / 2 <= sizeof raw);
	assert_true(dp_hex_decode(raw, strlen(hex) / 2, hex));
	mk_put(&tx->plain, raw, strlen(hex) / 2);
	mk_finish_tx(tx);
	assert_memory_equal(tx->txid, mk_txid_of(text_of(t, "tx_hash")), 32);
	mk_finish(&bytes, hash, &block);
	if (dp_bitcoin_decode(&info, decoder, &builder, on("bitcoin"), 825000, bytes.b, bytes.n,
	                      &fault) != DP_OK)
		fail_msg("%s", fault.text);
	// What a source would fill in: whose coins were spent.
	dp_block *b = &builder.block;
	const dp_json *in = dp_json_first(dp_json_get(t, "vin"));
	for (uint32_t i = b->tx[1].mv_first; in != NULL; i++, in = dp_json_next(in)) {
		assert_int_equal(b->mv[i].kind, DP_MV_INPUT);
		b->mv[i].from = addr_on(text_of(in, "address"), b->chain);
		b->mv[i].amount = number(text_of(in, "value"));
		b->mv[i].flags = 0;
	}
	return b;
}

static void check_real(size_t i, const dp_json *t, const dp_block *b)
{
	uint32_t count = decode(b);
	bool is_bitcoin = b->chain->kind == DP_CHAIN_UTXO;
	assert_string_equal(text_of(t, "kind"), real[i].kind);
	if (count > 0 && leg[0].refused != NULL) fail_msg("%zu: %s", i + 1, leg[0].refused);
	assert_int_equal(count, is_bitcoin ? 1 : 2);
	const dp_leg *l = &leg[0];
	assert_ptr_equal(l->protocol, &dp_protocol_thorchain);
	assert_int_equal(l->side, real[i].side);
	assert_int_equal(l->is_proven, !is_bitcoin);
	assert_int_equal(l->is_refund, real[i].refund);
	assert_int_equal(l->stays_inside, real[i].inside);
	if (real[i].asset[0] == 0)
		assert_int_equal(l->asset.v, 0);
	else
		assert_string_equal(dp_asset_info_of(l->asset)->symbol, real[i].asset);
	assert_amount(l->amount, real[i].amount);
	assert_int_equal(l->all_of_it, is_bitcoin && l->side == DP_LEG_IN);
	assert_addr(&l->place[0], real[i].vault, b->chain);
	if (l->side == DP_LEG_OUT) {
		const char *id = text_of(t, "tx_hash");
		assert_key(l, id + (is_bitcoin ? 0 : 2));
		assert_ptr_equal(l->other, real[i].other == NULL ? NULL : on(real[i].other));
		assert_addr(&l->to, real[i].to, l->other);
		if (real[i].bought != NULL)
			assert_string_equal(dp_asset_info_of(l->other_asset)->symbol,
			                    real[i].bought);
		assert_int_equal(l->has_least, real[i].least != NULL);
		if (real[i].least != NULL) assert_amount(l->least, real[i].least);
		if (is_bitcoin) {
			const dp_json *in = dp_json_first(dp_json_get(t, "vin"));
			assert_addr(&l->back, text_of(in, "address"), b->chain);
		}
	} else {
		assert_key(l, real[i].answers);
		assert_addr(&l->to, real[i].to, b->chain);
	}
	if (!is_bitcoin) {
		assert_int_equal(leg[1].side, DP_LEG_VAULT);
		assert_addr(&leg[1].place[0], real[i].vault, b->chain);
	}
}

static void check_file(const char *path)
{
	size_t n;
	dp_json *doc;
	dp_fault fault;
	dp_bitcoin_decoder decoder = {0};
	char *text = (char *)mk_load(path, &n);
	assert_non_null(text);
	assert_int_equal(dp_json_parse(&doc, text, n, &fault), DP_OK);
	const dp_json *t = dp_json_first(dp_json_get(doc, "transactions"));
	size_t i = 0;
	for (; t != NULL && i < REAL_COUNT; i++, t = dp_json_next(t)) {
		bool is_bitcoin = strcmp(text_of(t, "chain"), "bitcoin") == 0;
		check_real(i, t, is_bitcoin ? build_bitcoin(t, &decoder) : build_ethereum(t));
	}
	assert_int_equal(i, REAL_COUNT);
	assert_null(t);
	dp_json_free(doc);
	dp_bitcoin_decoder_done(&decoder);
	free(text);
}

static void real_transactions_decode_to_what_they_did(void **state)
{
	(void)state;
	check_file("tests/data/thorchain/transactions.json");
}

static void the_shared_copy_of_them_does_too(void **state)
{
	(void)state;
	const char *shared = getenv("DYEPACK_SHARED");
	char path[4096];
	struct stat st;
	snprintf(path, sizeof path, "%s/data/thorchain/transactions.json",
	         shared == NULL ? "../shared" : shared);
	if (stat(path, &st) != 0) {
		print_message("skipped: %s is not there (DYEPACK_SHARED names its folder)\n", path);
		skip();
		return;
	}
	check_file(path);
}

//- routers ---------------------------------------------------------------------------------------

static void begin_deposit(const char *chain, const char *router, const char *memo)
{
	begin(chain);
	move(DP_MV_FEE, USER, NULL, NULL, "5");
	deposit(router, VAULT, COINS, "1000", memo);
}

static void only_known_routers_are_believed(void **state)
{
	(void)state;
	static const struct {
		const char *chain, *router;
		const dp_protocol *whose;
	} known[] = {
	    {"ethereum", "0x42a5ed456650a09dc10ebc6361a7480fdd61f27b", &dp_protocol_thorchain},
	    {"ethereum", "0xc145990e84155416144c532e31f89b840ca8c2ce", &dp_protocol_thorchain},
	    {"ethereum", "0x3624525075b88b24ecc29ce226b0cec1ffcb6976", &dp_protocol_thorchain},
	    {"ethereum", ROUTER, &dp_protocol_thorchain},
	    {"anvil", ROUTER, &dp_protocol_thorchain},
	    {"bsc", "0xb30ec53f98ff5947ede720d32ac2da7e52a5f56b", &dp_protocol_thorchain},
	    {"avalanche", "0x8f66c4ae756bebc49ec8b81966dd8bba9f127549", &dp_protocol_thorchain},
	    {"base", "0x00dc6100103bc402d490aee3f9a5560cbd91f1d4", &dp_protocol_thorchain},
	    {"base", "0x68208d99746b805a1ae41421950a47b711e35681", &dp_protocol_thorchain},
	    {"ethereum", MAYA_ROUTER, &dp_protocol_maya},
	    {"arbitrum", "0x700e97ef07219440487840dc472e7120a7ff11f4", &dp_protocol_maya},
	};
	uint8_t first[32] = {0};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		begin_deposit(known[i].chain, known[i].router, "=:b:" BTC_USER);
		assert_int_equal(decode_built(), 2);
		assert_null(leg[0].refused);
		assert_ptr_equal(leg[0].protocol, known[i].whose);
		assert_ptr_equal(leg[1].protocol, known[i].whose);
		assert_int_equal(leg[0].place_count, 2);
		assert_addr(&leg[0].place[1], known[i].router, on("ethereum"));
		// One transaction, one key, whoever's router it went through.
		if (i == 0) memcpy(first, leg[0].key, 32);
		assert_memory_equal(leg[0].key, first, 32);
	}
	static const struct {
		const char *chain, *router, *why;
	} strangers[] = {
	    {"ethereum", OTHER, "not a known router"},
	    {"bsc", ROUTER, "not a known router"}, // known, but on another chain
	    {"ethereum", "0xb11a1735c2e3bcc5fc8c1d147fb64629d3d0cac5", "stagenet"},
	    {"base", "0x0dc6108c9225ce93da589b4ce83c104b34693117", "stagenet"},
	    {"ethereum", "0x1f21d09c65bc8af92634dcd5a100b6d04f0c81c3", "Harbor"},
	};
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		begin_deposit(strangers[i].chain, strangers[i].router, "=:b:" BTC_USER);
		assert_refused(decode_built(), strangers[i].why);
		assert_int_equal(leg[0].side, DP_LEG_OUT);
		assert_false(leg[0].is_proven);
	}
	begin("ethereum");
	transfer_out(OTHER, VAULT, USER, COINS, "1", "OUT:" TXID);
	assert_refused(decode_built(), "not a known router");
	assert_int_equal(leg[0].side, DP_LEG_IN);
}

static void a_bad_memo_leaves_the_money_in_the_vault(void **state)
{
	(void)state;
	static const struct {
		const char *memo, *text;
	} list[] = {
	    {"=:b:bc1q6527vxxqjpq80la2l0sw7hay3lj6dz07zs6gzm", "checksum"},
	    {"=:MOON.MOON:x", "does not exist"},
	    {"=:b:odin", "THORName"},
	    {"=:GAIA.ATOM:cosmos1x", "not read here"},
	    {"hello", "no word"},
	    {"", "no word"},
	    {"=:b:", "names no receiver"},
	    {":::::::::::::::::", "no word"},
	    {"=:b:bc1q6527vxxqjpq80", "checksum"}, // cut: it began like an address
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		begin_deposit("ethereum", ROUTER, list[i].memo);
		uint32_t count = decode_built();
		if (count != 2 || leg[0].refused != NULL)
			fail_msg("%s: %u %s", list[i].memo, count, leg[0].refused);
		assert_true(leg[0].is_proven && leg[0].has_key && !leg[0].stays_inside);
		assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
		assert_amount(leg[0].amount, "1000");
		if (strstr(leg[0].text, list[i].text) == NULL)
			fail_msg("%s: %s", list[i].memo, leg[0].text);
	}
	// 300 bytes, and so many that the note was cut.
	static char memo[6001];
	for (size_t n = 300; n <= 6000; n += 5700) {
		memset(memo, ':', n);
		memo[n] = 0;
		begin_deposit("ethereum", ROUTER, memo);
		assert_int_equal(decode_built(), 2);
		assert_amount(leg[0].amount, "1000");
		assert_non_null(strstr(leg[0].text, "250 bytes"));
	}
}

static void deposits_that_buy_nothing_stay_inside(void **state)
{
	(void)state;
	static const char *const memos[] = {
	    "+:ETH.ETH:thor1x", "TRADE+:thor1x",    "-:ETH.ETH:10000",
	    "=:r:thor1x:1",     "=:BTC/BTC:thor1x", "bond:thor1x",
	    "$+:BTC.BTC:x",     "MIGRATE:5",        ("OUT:" TXID)};
	for (size_t i = 0; i < sizeof memos / sizeof *memos; i++) {
		begin_deposit("ethereum", ROUTER, memos[i]);
		assert_int_equal(decode_built(), 2);
		assert_true(leg[0].stays_inside);
		assert_int_equal(leg[0].side, DP_LEG_OUT);
		assert_int_equal(leg[0].to.kind, DP_ADDR_NONE);
	}
}

static void refunds_and_senders_are_named(void **state)
{
	(void)state;
	begin_deposit("ethereum", ROUTER, "=:b:" BTC_USER "/" OTHER);
	assert_int_equal(decode_built(), 2);
	assert_addr(&leg[0].back, OTHER, on("ethereum"));
	assert_addr(&leg[0].to, BTC_USER, on("bitcoin"));
	begin_deposit("ethereum", ROUTER, "=:s:");
	assert_int_equal(decode_built(), 2);
	assert_addr(&leg[0].to, USER, on("bsc"));
	assert_int_equal(leg[0].back.kind, DP_ADDR_NONE);
	assert_string_equal(leg[0].other->name, "bsc");
	// An aggregator makes something else of it: what arrives is not said.
	begin_deposit("ethereum", ROUTER, "=:AVAX.USDC:" OTHER ":5:::agg:abc:7");
	assert_int_equal(decode_built(), 2);
	assert_int_equal(leg[0].other_asset.v, 0);
	assert_false(leg[0].has_least);
	// The same letter on Maya's router is another chain.
	begin_deposit("ethereum", MAYA_ROUTER, "=:a:" OTHER);
	assert_int_equal(decode_built(), 2);
	assert_string_equal(leg[0].other->name, "arbitrum");
}

static void nobody_is_his_own_vault(void **state)
{
	(void)state;
	static const char why[] = "an address of the depositor's own";
	begin("ethereum");
	move(DP_MV_FEE, USER, NULL, NULL, "5");
	deposit(ROUTER, USER, COINS, "1000", "=:b:" BTC_USER);
	assert_refused(decode_built(), why);
	begin("ethereum");
	move(DP_MV_FEE, USER, NULL, NULL, "5");
	deposit(ROUTER, OTHER, COINS, "1000", "=:b:" BTC_USER "/" OTHER);
	assert_refused(decode_built(), why);
	begin("ethereum");
	move(DP_MV_FEE, USER, NULL, NULL, "5");
	deposit(ROUTER, OTHER, COINS, "1000", "=:s:" OTHER);
	assert_refused(decode_built(), why);
}

static void payments_name_what_they_answer(void **state)
{
	(void)state;
	begin("ethereum");
	transfer_out(ROUTER, VAULT, USER, USDC, "77", "out:0x" TXID);
	assert_int_equal(decode_built(), 2);
	assert_key(&leg[0], TXID);
	assert_int_equal(leg[0].place_count, 2);
	assert_string_equal(dp_asset_info_of(leg[0].asset)->symbol, "USDC");
	assert_int_equal(leg[1].side, DP_LEG_VAULT);
	begin("ethereum");
	transfer_out(ROUTER, VAULT, USER, COINS, "77", "thank you");
	assert_refused(decode_built(), "does not say what it answers");
	begin("ethereum");
	transfer_out(ROUTER, VAULT, USER, COINS, "77", "OUT:1234");
	assert_refused(decode_built(), "no transaction");
	begin("ethereum");
	transfer_out(ROUTER, VAULT, OTHER, COINS, "77", "MIGRATE:123");
	assert_int_equal(decode_built(), 1);
	assert_int_equal(leg[0].side, DP_LEG_VAULT);
	assert_addr(&leg[0].place[0], OTHER, on("ethereum"));
	// Amounts that nothing has.
	begin("ethereum");
	transfer_out(
	    ROUTER, VAULT, USER, COINS,
	    "115792089237316195423570985008687907853269984665640564039457584007913129639935",
	    "OUT:" TXID);
	assert_int_equal(decode_built(), 2);
	assert_non_null(leg[0].refused);
}

static void a_payment_that_bounced_is_none(void **state)
{
	(void)state;
	begin("ethereum");
	move(DP_MV_NATIVE, VAULT, ROUTER, NULL, "77");
	move(DP_MV_INTERNAL, ROUTER, VAULT, NULL, "77");
	transfer_out(ROUTER, VAULT, USER, COINS, "77", "OUT:" TXID);
	assert_refused(decode_built(), "went back to the vault");
	begin("ethereum");
	move(DP_MV_NATIVE, VAULT, ROUTER, NULL, "77");
	move(DP_MV_INTERNAL, ROUTER, USER, NULL, "77");
	transfer_out(ROUTER, VAULT, USER, COINS, "77", "OUT:" TXID);
	assert_int_equal(decode_built(), 2);
	assert_null(leg[0].refused);
	// Without internal transfers the event is all there is.
	begin("ethereum");
	move(DP_MV_NATIVE, VAULT, ROUTER, NULL, "77");
	transfer_out(ROUTER, VAULT, USER, COINS, "77", "OUT:" TXID);
	assert_int_equal(decode_built(), 2);
	assert_null(leg[0].refused);
}

static void calls_behind_a_payment_name_the_receiver(void **state)
{
	(void)state;
	begin("ethereum");
	out_and_call(ROUTER, VAULT, OTHER, "500", USDC, USER, "40", "OUT:" TXID);
	assert_int_equal(decode_built(), 2);
	assert_addr(&leg[0].to, USER, on("ethereum"));
	assert_string_equal(dp_asset_info_of(leg[0].asset)->symbol, "ETH");
	assert_string_equal(dp_asset_info_of(leg[0].other_asset)->symbol, "USDC");
	assert_amount(leg[0].amount, "500");
	assert_amount(leg[0].least, "40");
	assert_int_equal(leg[0].least_decimals, 6);
	// With payload and origin behind the memo; and of any asset.
	for (int any = 0; any < 2; any++) {
		begin("ethereum");
		encoded_size = 0;
		word_addr(OTHER);
		if (any) word_addr(USDC);
		word_int(500);
		word_addr(COINS);
		word_addr(USER);
		word_int(40);
		size_t head = (size_t)(any ? 9 : 8) * 32;
		word_int(head);
		word_int(head + 32 + 96); // memo: 68 bytes
		word_int(head + 32 + 96 + 64);
		tail("OUT:" TXID);
		tail("payload");
		tail("origin");
		event(ROUTER, any ? OUT_AND_CALL_2 : OUT_AND_CALL_PAYLOAD, VAULT, NULL);
		assert_int_equal(decode_built(), 2);
		assert_null(leg[0].refused);
		assert_addr(&leg[0].to, USER, on("ethereum"));
		assert_string_equal(dp_asset_info_of(leg[0].asset)->symbol, any ? "USDC" : "ETH");
		assert_string_equal(dp_asset_info_of(leg[0].other_asset)->symbol, "ETH");
	}
}

static void vaults_that_move_house_are_followed(void **state)
{
	(void)state;
	begin("ethereum");
	encoded_size = 0;
	word_addr(USDC);
	word_int(5);
	word_int(96);
	tail("MIGRATE:1");
	event(ROUTER, ALLOWANCE, VAULT, OTHER);
	event(MAYA_ROUTER, VAULT_TRANSFER, VAULT, OTHER);
	assert_int_equal(decode_built(), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(leg[i].side, DP_LEG_VAULT);
		assert_addr(&leg[i].place[0], OTHER, on("ethereum"));
	}
	assert_ptr_equal(leg[1].protocol, &dp_protocol_maya);
}

static void broken_events_are_refused(void **state)
{
	(void)state;
	begin_deposit("ethereum", ROUTER, "=:b:" BTC_USER);
	builder.block.note[0].topic_count = 2;
	assert_refused(decode_built(), "not those of a deposit");
	begin_deposit("ethereum", ROUTER, "=:b:" BTC_USER);
	builder.block.note[0].topic[1][0] = 1;
	assert_refused(decode_built(), "not those of a deposit");
	for (uint32_t size = 0; size < 128; size++) {
		begin_deposit("ethereum", ROUTER, "=:b:" BTC_USER);
		builder.block.note[0].data_size = builder.block.note[0].full_size = size;
		assert_refused(decode_built(), "not those of a deposit");
		begin("ethereum");
		transfer_out(ROUTER, VAULT, USER, COINS, "1", "OUT:" TXID);
		builder.block.note[0].data_size = builder.block.note[0].full_size = size;
		assert_refused(decode_built(), "not those of a payment");
		begin("ethereum");
		out_and_call(ROUTER, VAULT, OTHER, "500", USDC, USER, "40", "OUT:" TXID);
		builder.block.note[0].data_size = builder.block.note[0].full_size = size;
		assert_refused(decode_built(), "not those of a payment");
	}
	// The memo's place says it is somewhere else.
	begin_deposit("ethereum", ROUTER, "=:b:" BTC_USER);
	builder.block.note_bytes[63] = 32;
	assert_refused(decode_built(), "not those of a deposit");
}

//- without events --------------------------------------------------------------------------------

static uint32_t direct(const char *to, const char *memo, const char *value, bool with_token)
{
	begin("ethereum");
	move(DP_MV_FEE, USER, NULL, NULL, "5");
	if (value != NULL) move(DP_MV_NATIVE, USER, to, NULL, value);
	if (with_token) move(DP_MV_TOKEN, USER, to, USDC, "9");
	(void)note(DP_NOTE_INPUT, to, memo, strlen(memo));
	return decode_built();
}

static void direct_transfers_to_a_vault_are_claims(void **state)
{
	(void)state;
	assert_int_equal(direct(VAULT, "=:b:" BTC_USER ":0/1/0:dx:30", "1000", false), 1);
	assert_null(leg[0].refused);
	assert_false(leg[0].is_proven);
	assert_true(leg[0].has_key);
	assert_amount(leg[0].amount, "1000");
	assert_addr(&leg[0].place[0], VAULT, on("ethereum"));
	assert_addr(&leg[0].to, BTC_USER, on("bitcoin"));
	assert_refused(direct(VAULT, "=:b:" BTC_USER, NULL, true), "not credited");
	assert_int_equal(direct(VAULT, "=:b:" BTC_USER, NULL, false), 0);
	assert_int_equal(direct(VAULT, "=:b:" BTC_USER, "0", false), 0);
	assert_int_equal(direct(VAULT, "hello: world", "5", false), 0);
	assert_int_equal(direct(VAULT, "MIGRATE:1", "5", false), 0);
	assert_refused(direct(VAULT, "OUT:" TXID, "5", false), "did not come from a router");
	assert_refused(direct(USER, "=:b:" BTC_USER, "5", false), "depositor's own");
	// A failed transaction moved nothing.
	direct(VAULT, "=:b:" BTC_USER, "5", false);
	builder.block.tx[0].flags = DP_TXF_FAILED;
	assert_int_equal(decode_built(), 0);
	// A letter that only Maya can mean here is told by Maya's row.
	assert_int_equal(direct(VAULT, "=:d:XpESxaUmonkq8RaLLp46Brx2K39ggQe226", "5", false), 1);
	assert_ptr_equal(leg[0].protocol, &dp_protocol_maya);
}

static void utxo_output(const char *to, uint64_t value)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = DP_MV_OUTPUT;
	mv->asset = dp_asset_native(builder.block.chain);
	mv->amount = dp_u256_of(value);
	if (to != NULL)
		mv->to = addr_on(to, builder.block.chain);
	else
		mv->to.kind = DP_ADDR_NULLDATA;
}

#define BTC_VAULT "bc1qgpa0uz3ph4076j4f3kjxgzzd6t5298sdtjvwc9"
#define BTC_SENDER "bc1qhj86s3evc2y9wawecemntq8sp0c3mqmaagmqjd"

static void begin_coins(const char *chain, const char *sender, const char *vault, uint64_t value)
{
	dp_movement *mv;
	begin(chain);
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = DP_MV_INPUT;
	if (sender != NULL) mv->from = addr_on(sender, builder.block.chain);
	utxo_output(vault, value);
	utxo_output(NULL, 0);
}

static void push(const char *memo, uint32_t at)
{
	note(DP_NOTE_OUTPUT, NULL, memo, strlen(memo))->at = at;
}

static void coins_with_a_memo_are_claims(void **state)
{
	(void)state;
	begin_coins("bitcoin", BTC_SENDER, BTC_VAULT, 10000);
	push("=:e:" OTHER ":5", 1);
	assert_int_equal(decode_built(), 1);
	assert_null(leg[0].refused);
	assert_false(leg[0].is_proven);
	assert_addr(&leg[0].place[0], BTC_VAULT, on("bitcoin"));
	assert_addr(&leg[0].back, BTC_SENDER, on("bitcoin"));
	assert_addr(&leg[0].to, OTHER, on("ethereum"));
	// Memos write the id as people print it: the reverse of what is hashed.
	for (int i = 0; i < 32; i++) assert_int_equal(leg[0].ref[i], 32 - i);
	begin_coins("bitcoin", BTC_SENDER, BTC_VAULT, 9999);
	push("=:e:" OTHER, 1);
	assert_refused(decode_built(), "less than is looked at");
	begin_coins("bitcoin", BTC_SENDER, BTC_SENDER, 10000);
	push("=:e:" OTHER, 1);
	assert_refused(decode_built(), "pays its sender");
	begin_coins("bitcoin", BTC_SENDER, NULL, 0);
	push("=:e:" OTHER, 0);
	assert_refused(decode_built(), "no vault");
	begin_coins("bitcoin", BTC_SENDER, BTC_VAULT, 10000);
	for (int i = 0; i < 9; i++) utxo_output(BTC_SENDER, 1);
	push("=:e:" OTHER, 1);
	assert_refused(decode_built(), "ten outputs");
	begin_coins("bitcoin", NULL, BTC_VAULT, 10000);
	push("MIGRATE:55", 1);
	assert_int_equal(decode_built(), 0);
	begin_coins("bitcoin", NULL, BTC_VAULT, 10000);
	push("some words: of mine", 1);
	assert_int_equal(decode_built(), 0);
	begin_coins("bitcoin", NULL, BTC_VAULT, 10000);
	push("REFUND:" TXID, 1);
	assert_int_equal(decode_built(), 1);
	assert_true(leg[0].is_refund && leg[0].all_of_it && !leg[0].is_proven);
	assert_int_equal(leg[0].place_count, 0);
	assert_key(&leg[0], TXID);
	begin_coins("bitcoin", NULL, BTC_VAULT, 10000);
	push("OUT:xyz", 1);
	assert_refused(decode_built(), "no transaction");
	// Two memos: the first is the one that is read.
	begin_coins("bitcoin", NULL, BTC_VAULT, 10000);
	utxo_output(NULL, 0);
	push("=:e:" OTHER, 1);
	push("OUT:" TXID, 2);
	assert_int_equal(decode_built(), 1);
	assert_int_equal(leg[0].side, DP_LEG_OUT);
}

static void other_coins_work_alike(void **state)
{
	(void)state;
	begin_coins("dogecoin", NULL, "D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga", 999999);
	push("=:b:" BTC_USER, 1);
	assert_refused(decode_built(), "less than is looked at");
	begin_coins("dogecoin", NULL, "D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga", 1000000);
	push("=:b:" BTC_USER, 1);
	assert_int_equal(decode_built(), 1);
	assert_string_equal(dp_asset_info_of(leg[0].asset)->symbol, "DOGE");
	assert_addr(&leg[0].to, BTC_USER, on("bitcoin"));
}

static void both_sides_have_one_key(void **state)
{
	(void)state;
	uint8_t key[32];
	char memo[80], hex[65];
	begin_coins("bitcoin", BTC_SENDER, BTC_VAULT, 10000);
	push("=:e:" OTHER, 1);
	assert_int_equal(decode_built(), 1);
	memcpy(key, leg[0].key, 32);
	dp_hex_encode(hex, leg[0].ref, 32);
	snprintf(memo, sizeof memo, "OUT:%s", hex);
	static const char *const payers[] = {ROUTER, MAYA_ROUTER};
	for (int i = 0; i < 2; i++) {
		begin("ethereum");
		transfer_out(payers[i], VAULT, OTHER, COINS, "5", memo);
		assert_int_equal(decode_built(), 2);
		assert_memory_equal(leg[0].key, key, 32);
	}
}

static int tear_down(void **state)
{
	(void)state;
	dp_builder_done(&builder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(real_transactions_decode_to_what_they_did),
	    cmocka_unit_test(the_shared_copy_of_them_does_too),
	    cmocka_unit_test(only_known_routers_are_believed),
	    cmocka_unit_test(a_bad_memo_leaves_the_money_in_the_vault),
	    cmocka_unit_test(deposits_that_buy_nothing_stay_inside),
	    cmocka_unit_test(refunds_and_senders_are_named),
	    cmocka_unit_test(nobody_is_his_own_vault),
	    cmocka_unit_test(payments_name_what_they_answer),
	    cmocka_unit_test(a_payment_that_bounced_is_none),
	    cmocka_unit_test(calls_behind_a_payment_name_the_receiver),
	    cmocka_unit_test(vaults_that_move_house_are_followed),
	    cmocka_unit_test(broken_events_are_refused),
	    cmocka_unit_test(direct_transfers_to_a_vault_are_claims),
	    cmocka_unit_test(coins_with_a_memo_are_claims),
	    cmocka_unit_test(other_coins_work_alike),
	    cmocka_unit_test(both_sides_have_one_key),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}

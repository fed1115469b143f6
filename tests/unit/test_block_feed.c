// A ledger's movements as transfers: what is value and what is not, who is who, swaps, stars of
// coins, bridges and a Safe's takeover by real logs and call data; and that numbers can be asked
// back while the graph gives nodes' numbers again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "bybit_takeover.h"
#include "codec/hash.h"
#include "log_maker.h"
#include "real_logs.h"
#include "support/flow.h"
#include "support/folder.h"
#include "technique/block_feed.h"
#include "technique/money.h"

#define ETHER 1000000000ULL // as transfers have it

enum { START = 1740000000 };

static dp_block_builder b;
static dp_mine *mine;
static dp_block_feed *feed;
static dp_tags *tags;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static const dp_chain *chain_of(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static void open(uint32_t edges_max, int64_t window_s)
{
	dp_fault fault = {0};
	const dp_mine_options o = {.edges_max = edges_max, .window_s = window_s};
	must(dp_mine_new(&mine, &o, &fault), &fault);
	must(dp_block_feed_new(&feed, mine, tags, &fault), &fault);
}

static void close_all(void)
{
	dp_block_feed_free(feed);
	dp_mine_free(mine);
	dp_builder_done(&b);
	b = (dp_block_builder){0};
}

static dp_addr addr(uint32_t n)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	a.bytes[0] = 0x11;
	memcpy(a.bytes + 10, &n, sizeof n);
	return a;
}

static void begin(const char *chain, uint64_t height)
{
	dp_builder_start(&b, chain_of(chain), height, START + (int64_t)height * 12);
}

static void tx(uint8_t id, uint32_t flags)
{
	dp_tx *t;
	dp_fault fault = {0};
	must(dp_builder_tx(&b, &t, &fault), &fault);
	memset(t->id, id, sizeof t->id);
	t->flags = flags;
}

static dp_movement *move(dp_mv_kind kind, const char *symbol, dp_addr from, dp_addr to,
                         uint64_t amount)
{
	dp_movement *mv;
	dp_fault fault = {0};
	must(dp_builder_movement(&b, &mv, &fault), &fault);
	mv->kind = (uint8_t)kind;
	mv->from = from;
	mv->to = to;
	mv->asset = symbol == NULL ? DP_ASSET_NONE
	                           : dp_asset_by_symbol(b.block.chain, symbol, strlen(symbol));
	mv->amount = dp_u256_of128((dp_u128)amount * (kind == DP_MV_TOKEN ? 1 : 1000000000));
	return mv;
}

static void end(void)
{
	const dp_block *block;
	dp_fault fault = {0};
	must(dp_builder_finish(&b, &block, &fault), &fault);
	must(dp_block_feed_block(feed, block, &fault), &fault);
}

static const dp_transfer *edge(dp_edge e)
{
	assert_in_range(e, 1, dp_graph_last(dp_mine_graph(mine)));
	return dp_graph_edge(dp_mine_graph(mine), e);
}

static void is_from_to(const dp_transfer *t, dp_addr from, dp_addr to)
{
	assert_memory_equal(dp_block_feed_address(feed, t->src), &from, sizeof from);
	assert_memory_equal(dp_block_feed_address(feed, t->dst), &to, sizeof to);
}

static void only_value_is_a_transfer(void **state)
{
	(void)state;
	const dp_addr nobody = {0};
	open(64, 0);
	begin("ethereum", 7);
	tx(1, 0);
	move(DP_MV_NATIVE, "ETH", addr(1), addr(2), 3 * ETHER);
	move(DP_MV_FEE, "ETH", addr(1), addr(99), 5);
	tx(2, DP_TXF_FAILED);
	move(DP_MV_FEE, "ETH", addr(1), addr(99), 5);
	tx(3, 0);
	move(DP_MV_NATIVE, "ETH", addr(1), addr(2), 0);     // of nothing
	move(DP_MV_NATIVE, "ETH", addr(1), addr(1), ETHER); // to himself
	move(DP_MV_TOKEN, "USDC", nobody, addr(2), 1000);   // minted
	move(DP_MV_TOKEN, NULL, addr(1), addr(2), 1000);    // anybody's token
	move(DP_MV_REWARD, "ETH", nobody, addr(2), 1000);
	move(DP_MV_INTERNAL, "ETH", addr(3), addr(2), 1)->flags = DP_MVF_FAILED;
	tx(4, 0);
	move(DP_MV_INTERNAL, "ETH", addr(3), addr(2), 2 * ETHER);
	move(DP_MV_TOKEN, "USDC", addr(2), addr(4), 1000000);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 3);
	is_from_to(edge(1), addr(1), addr(2));
	assert_int_equal(edge(1)->amount, 3 * ETHER);
	assert_int_equal(edge(1)->flags, DP_TRF_NATIVE | DP_TRF_FRESH);
	assert_int_equal(edge(1)->kind, DP_TR_MOVE);
	assert_true(edge(1)->worth_low > 0 && edge(1)->worth_high != DP_WORTH_NONE);
	// The second receiver had been seen, the third had not; transactions are numbered where
	// something is in them.
	assert_int_equal(edge(2)->flags & DP_TRF_FRESH, 0);
	assert_int_equal(edge(3)->flags & DP_TRF_FRESH, DP_TRF_FRESH);
	assert_int_equal(edge(2)->tx, edge(3)->tx);
	assert_int_equal(edge(2)->tx, edge(1)->tx + 1);
	assert_int_equal(dp_block_feed_tx(feed, edge(3)->tx)->id[0], 4);
	assert_int_equal(dp_block_feed_tx(feed, edge(3)->tx)->height, 7);
	close_all();
}

static void sender_that_exchanges_is_a_swap(void **state)
{
	(void)state;
	open(64, 0);
	begin("ethereum", 1);
	tx(1, 0); // 5 ether for dollars, of which a router gives a bit of ether back
	move(DP_MV_FEE, "ETH", addr(1), addr(99), 5);
	move(DP_MV_NATIVE, "ETH", addr(1), addr(50), 5 * ETHER);
	move(DP_MV_INTERNAL, "ETH", addr(50), addr(51), 4 * ETHER);
	move(DP_MV_TOKEN, "USDC", addr(51), addr(1), 12000000);
	move(DP_MV_INTERNAL, "ETH", addr(50), addr(1), ETHER);
	tx(2, 0); // dollars for ether
	move(DP_MV_TOKEN, "USDC", addr(2), addr(51), 9000000);
	move(DP_MV_INTERNAL, "ETH", addr(51), addr(2), 3 * ETHER);
	tx(3, 0); // two for one: no swap, all is told as it is
	move(DP_MV_TOKEN, "USDC", addr(3), addr(51), 9000000);
	move(DP_MV_NATIVE, "ETH", addr(3), addr(51), ETHER);
	move(DP_MV_TOKEN, "USDT", addr(51), addr(3), 3000000);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 2 + 1 + 3);
	const dp_transfer *t = edge(1);
	assert_int_equal(t->kind, DP_TR_SWAP);
	is_from_to(t, addr(1), addr(1));
	assert_int_equal(t->amount, 4 * ETHER);
	assert_int_equal(t->flags & (DP_TRF_NATIVE | DP_TRF_TO_NATIVE), DP_TRF_NATIVE);
	const dp_feed_tx *f = dp_block_feed_tx(feed, t->tx);
	assert_int_equal(f->swap_amount, 12000000);
	assert_string_equal(dp_asset_info_of(f->swap_asset)->symbol, "USDC");
	// What the router did with it is nobody's swap.
	is_from_to(edge(2), addr(50), addr(51));
	assert_int_equal(edge(3)->kind, DP_TR_SWAP);
	assert_int_equal(edge(3)->flags & DP_TRF_TO_NATIVE, DP_TRF_TO_NATIVE);
	for (dp_edge e = 4; e <= 6; e++) assert_int_equal(edge(e)->kind, DP_TR_MOVE);
	assert_int_equal(dp_block_feed_tx(feed, edge(4)->tx)->swap_asset.v, 0);
	close_all();
}

static const char pack[] =
    "title: Test tags\ncreator: test\nlastmod: 2024-01-01\ncurrency: ETH\n"
    "source: https://example.org\nconfidence: service_data\ntags:\n"
    "- {address: '0x1111111111111111111111111111111111111101', label: A, category: exchange}\n"
    "- {address: '0x1111111111111111111111111111111111111102', label: B, category: defi_bridge}\n"
    "- {address: '0x1111111111111111111111111111111111111103', label: C, category: "
    "mixing_service}\n"
    "- {address: '0x1111111111111111111111111111111111111104', label: D, category: defi_dex}\n";

static dp_addr of_text(const char *text)
{
	dp_addr a;
	dp_fault fault = {0};
	must(dp_addr_parse(&a, text, strlen(text), chain_of("ethereum"), &fault), &fault);
	return a;
}

static void load_tags(void)
{
	char folder[T_PATH_MAX], path[T_PATH_MAX + 16];
	dp_fault fault = {0};
	t_folder_make(folder);
	(void)snprintf(path, sizeof path, "%s/pack.yaml", folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(pack, f) >= 0 && fclose(f) == 0);
	const char *paths[] = {path};
	const dp_tags_options o = {.path = paths, .path_count = 1, .no_builtin = true};
	must(dp_tags_load(&tags, &o, &fault), &fault);
	t_folder_remove(folder);
}

static void tags_and_lists_say_who_is_paid(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		uint8_t kind, role;
	} places[] = {
	    {"0x1111111111111111111111111111111111111101", DP_TR_SERVICE, DP_NODE_SERVICE},
	    {"0x1111111111111111111111111111111111111102", DP_TR_BRIDGE_OUT, DP_NODE_BRIDGE},
	    {"0x1111111111111111111111111111111111111103", DP_TR_MIXER, DP_NODE_MIXER},
	    {"0x1111111111111111111111111111111111111104", DP_TR_MOVE, DP_NODE_VENUE},
	    {"0xA160cdAB225685dA1d56aa342Ad8841c3b53f291", DP_TR_MIXER, DP_NODE_MIXER},
	    {"0x000000000000000000000000000000000000dEaD", DP_TR_BURN, DP_NODE_BURN},
	    {"0x0000000000000000000000000000000000000000", DP_TR_BURN, DP_NODE_BURN},
	    {"0x1111111111111111111111111111111111111105", DP_TR_MOVE, DP_NODE_WALLET},
	};
	enum { COUNT = sizeof places / sizeof *places };
	load_tags();
	open(64, 0);
	begin("ethereum", 1);
	for (uint32_t i = 0; i < COUNT; i++) {
		tx((uint8_t)(i + 1), 0);
		move(DP_MV_NATIVE, "ETH", addr(1), of_text(places[i].address), ETHER);
	}
	tx(40, 0);
	move(DP_MV_NATIVE, "ETH", of_text(places[1].address), addr(2), ETHER);
	end();
	for (uint32_t i = 0; i < COUNT; i++) {
		const dp_transfer *t = edge(i + 1);
		assert_int_equal(t->kind, places[i].kind);
		assert_int_equal(dp_graph_node_at(dp_mine_graph(mine), t->dst)->role,
		                 places[i].role);
		bool has_venue = i < 5;
		assert_int_equal(t->venue != 0, has_venue);
	}
	assert_int_equal(edge(COUNT + 1)->kind, DP_TR_BRIDGE_IN);
	assert_int_equal(edge(COUNT + 1)->venue, edge(2)->venue);
	close_all();
	dp_tags_free(tags);
	tags = NULL;
}

static dp_addr coin_addr(uint32_t n)
{
	dp_addr a = addr(n);
	a.kind = DP_ADDR_P2WPKH;
	return a;
}

static void input(uint32_t owner, uint64_t amount)
{
	dp_movement *mv = move(DP_MV_INPUT, "BTC", coin_addr(owner), (dp_addr){0}, 0);
	mv->amount = dp_u256_of(amount);
	mv->spent.txid[0] = (uint8_t)owner;
	mv->spent.vout = owner;
}

static void output(uint32_t owner, uint64_t amount)
{
	move(DP_MV_OUTPUT, "BTC", (dp_addr){0}, coin_addr(owner), 0)->amount = dp_u256_of(amount);
}

static void coins_are_a_star(void **state)
{
	(void)state;
	open(64, 0);
	begin("bitcoin", 100);
	tx(1, DP_TXF_COINBASE);
	output(9, 50);
	tx(2, 0);
	input(1, 100);
	input(2, 200);
	input(1, 300); // one's second coin is no other's
	output(3, 450);
	output(2, 149); // change to an owner of an input is the spender's
	move(DP_MV_OUTPUT, "BTC", (dp_addr){0}, (dp_addr){.kind = DP_ADDR_NULLDATA}, 0);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 3);
	is_from_to(edge(1), coin_addr(2), coin_addr(1));
	assert_int_equal(edge(1)->kind, DP_TR_COSPEND);
	assert_int_equal(edge(1)->amount, 200);
	is_from_to(edge(2), coin_addr(1), coin_addr(3));
	assert_int_equal(edge(2)->amount, 450);
	assert_int_equal(edge(2)->flags, DP_TRF_COINS | DP_TRF_NATIVE | DP_TRF_FRESH | DP_TRF_MORE);
	is_from_to(edge(3), coin_addr(1), coin_addr(1));
	assert_int_equal(edge(3)->flags, DP_TRF_COINS | DP_TRF_NATIVE | DP_TRF_CHANGE);
	close_all();
}

// A long stream through a small graph: whoever is asked for is who he is, whatever number he has.
static void numbers_are_given_again(void **state)
{
	(void)state;
	open(256, 600);
	for (uint32_t h = 1; h < 3000; h++) {
		begin("ethereum", h);
		for (uint32_t i = 0; i < 5; i++) {
			tx((uint8_t)(h + i), 0);
			move(DP_MV_NATIVE, "ETH", addr(h * 10 + i), addr(h * 10 + 7 - i),
			     (h + i) * 1000ULL);
		}
		end();
		const dp_graph *g = dp_mine_graph(mine);
		for (dp_edge e = dp_graph_first(g); e <= dp_graph_last(g); e++) {
			const dp_transfer *t = edge(e);
			uint32_t height = (e - 1) / 5 + 1, i = (e - 1) % 5;
			is_from_to(t, addr(height * 10 + i), addr(height * 10 + 7 - i));
			const dp_feed_tx *f = dp_block_feed_tx(feed, t->tx);
			assert_int_equal(f->height, height);
			assert_int_equal(f->id[0], (uint8_t)(height + i));
		}
	}
	assert_in_range(dp_block_feed_memory(feed), 1, 1 << 20);
	close_all();
}

//- bridges ---------------------------------------------------------------------------------------

// A log as test_real_logs.c has it: the first topic is a part of it, not computed.
static void real_log(const char *contract, const char *const *topics, const char *data)
{
	static uint8_t bytes[4096];
	dp_note *n;
	dp_fault fault = {0};
	size_t size = strlen(data) / 2;
	assert_true(size <= sizeof bytes && dp_hex_decode(bytes, size, data));
	must(dp_builder_note(&b, &n, bytes, size, &fault), &fault);
	n->kind = DP_NOTE_LOG;
	assert_true(dp_hex_decode(n->place, 20, contract + 2));
	for (; *topics != NULL; topics++) word_of(n->topic[n->topic_count++], *topics);
}

static uint32_t role_of(uint32_t node)
{
	return dp_graph_node_at(dp_mine_graph(mine), node)->role;
}

static const char across[] = "0x5c7bcd6e7de5423a257d81b442095a1a6ced35c5";
static const char depositor[] = "0x6b21bb0d79c543b13dee153700788d2c008633e5";
static const char *const deposit_topics[] = {
    "0x32ed1a409ef04c7b0227189c3a103dc5ac10e775a15b785dcc510201f7c25ad3", "0xa4b1", "0x3d67f8",
    depositor, NULL};
static const char relayer[] = "0x07ae8551be970cb1cca11dd7a11f47ae82e70e67";
static const char solver[] = "0xf70da97812cb96acdf810712aa562db8dfa3dbef";
static const char *const fill_topics[] = {
    "0x44b559f101f8fbcc8a0ea43fa91a05a729a5ea6e14a7c75aa750374690137208", "0x38", "0xbe087",
    relayer, NULL};

// Across 0x01456be6..: out through the pool, which is a bridge from then on, also for who pays it
// without a log. 0xee7641ad..: in, paid by a relayer, who is none.
static void across_out_and_in(void **state)
{
	(void)state;
	open(64, 0);
	begin("ethereum", 1);
	tx(1, 0);
	maker_move(&b, DP_MV_TOKEN, "USDT", 422866751, depositor, across);
	real_log(across, deposit_topics, across_deposit_data);
	tx(2, 0);
	maker_move(&b, DP_MV_TOKEN, "USDT", 5, relayer, solver);
	maker_move(&b, DP_MV_TOKEN, "USDC", 99970446325, relayer, solver);
	maker_move(&b, DP_MV_TOKEN, "USDC", 99970446324, depositor, solver);
	real_log(across, fill_topics, across_fill_data);
	tx(3, 0);
	maker_move(&b, DP_MV_TOKEN, "USDT", 7, relayer, across);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 5);
	assert_int_equal(edge(1)->kind, DP_TR_BRIDGE_OUT);
	is_from_to(edge(1), maker_addr(depositor), maker_addr(across));
	assert_int_equal(edge(1)->amount, 422866751);
	assert_int_equal(edge(1)->venue, dp_money_venue("across"));
	assert_int_equal(role_of(edge(1)->dst), DP_NODE_BRIDGE);
	assert_int_equal(role_of(edge(1)->src), DP_NODE_WALLET);
	// What is not the amount, or the asset, that the log tells of is somebody's own payment.
	assert_int_equal(edge(2)->kind, DP_TR_MOVE);
	assert_int_equal(edge(3)->kind, DP_TR_BRIDGE_IN);
	is_from_to(edge(3), maker_addr(relayer), maker_addr(solver));
	assert_int_equal(edge(3)->venue, edge(1)->venue);
	assert_int_equal(role_of(edge(3)->src), DP_NODE_WALLET);
	assert_int_equal(edge(4)->kind, DP_TR_MOVE);
	assert_int_equal(edge(5)->kind, DP_TR_BRIDGE_OUT);
	close_all();
}

// Anybody can write a log with the same words: only the protocol's own contract is believed.
static void a_log_of_somebody_else_makes_no_bridge(void **state)
{
	(void)state;
	open(64, 0);
	begin("ethereum", 1);
	tx(1, 0);
	maker_move(&b, DP_MV_TOKEN, "USDT", 422866751, depositor, solver);
	real_log(solver, deposit_topics, across_deposit_data);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 1);
	assert_int_equal(edge(1)->kind, DP_TR_MOVE);
	assert_int_equal(role_of(edge(1)->dst), DP_NODE_WALLET);
	close_all();
}

// 0x8fc90a6c..: 502 dollars to Solana. What the bridge's own contract pays later comes out of it.
static void wormhole_out_and_what_its_contract_pays(void **state)
{
	(void)state;
	static const char bridge[] = "0x3ee18b2214aff97000d974cf647e7c347e8fa585";
	static const char user[] = "0x5067c042e35881843f2b31dfc2db1f4f272ef48c";
	open(64, 0);
	begin("ethereum", 1);
	tx(1, 0);
	maker_move(&b, DP_MV_TOKEN, "USDC", 502000194, user, bridge);
	real_log(
	    "0x98f3c9e6e3face36baad05fe09d375ef1464288b",
	    (const char *[]){"0x6eb224fb001ed210e379b335e35efe88672a8ce935d981a6896b27ffdf52a3b2",
	                     bridge, NULL},
	    wormhole_data);
	end();
	begin("ethereum", 2);
	tx(2, 0);
	maker_move(&b, DP_MV_TOKEN, "USDC", 1000, bridge, user);
	end();
	assert_int_equal(edge(1)->kind, DP_TR_BRIDGE_OUT);
	assert_int_equal(edge(1)->venue, dp_money_venue("wormhole"));
	assert_int_equal(role_of(edge(1)->dst), DP_NODE_BRIDGE);
	assert_int_equal(edge(2)->kind, DP_TR_BRIDGE_IN);
	is_from_to(edge(2), maker_addr(bridge), maker_addr(user));
	close_all();
}

//- a Safe that is taken over ---------------------------------------------------------------------

static const char safe[] = "0x1db92e2eebc8e0c075a02bea49a2935bcd2dfcf4";
static const char signer[] = "0x0fa09c3a328792253f8dee7116848723b72a6d2e";
static const char thief[] = "0x47666fab8bd0ac7003bce3f5c3585383f09486e2";

// Every shape looks on.
static void open_with_all_shapes(void)
{
	static dp_instance all[DP_TYPOLOGIES_MAX];
	uint32_t count;
	dp_fault fault = {0};
	const dp_typology *const *table = dp_typologies(&count);
	for (uint32_t i = 0; i < count; i++) all[i] = dp_instance_of(table[i]);
	const dp_mine_options o = {
	    .instance = all, .instance_count = count, .edges_max = 64, .window_s = 1000000};
	must(dp_mine_new(&mine, &o, &fault), &fault);
	must(dp_block_feed_new(&feed, mine, tags, &fault), &fault);
}

static void named(const char *id, uint32_t flags)
{
	tx(0, flags);
	dp_tx *t = &b.block.tx[b.block.tx_count - 1];
	assert_true(dp_hex_decode(t->id, sizeof t->id, id));
}

// A call of a Safe, which brings no ether.
static void call_safe(const uint8_t *data, size_t size, const char *place)
{
	dp_note *n;
	dp_fault fault = {0};
	maker_move(&b, DP_MV_NATIVE, "ETH", 0, signer, place);
	maker_move(&b, DP_MV_FEE, "ETH", 2000000000, signer, NULL);
	must(dp_builder_note(&b, &n, data, size, &fault), &fault);
	n->kind = DP_NOTE_SAFE;
	assert_true(dp_hex_decode(n->place, 20, place + 2));
}

static void sweep(const char *id, dp_mv_kind kind, const char *symbol, const char *amount)
{
	named(id, 0);
	maker_move(&b, kind, symbol, 0, safe, thief);
	dp_movement *mv = &b.block.mv[b.block.mv_count - 1];
	assert_int_equal(dp_u256_parse(&mv->amount, amount, strlen(amount), 18, NULL), DP_OK);
}

// As it was sent, down to the last byte: the id is the hash of it.
static void bybit_tx(uint8_t ret_call[BYBIT_CALL_SIZE], char ret_id[65])
{
	uint8_t whole[BYBIT_TX_SIZE], hash[32];
	bybit_takeover(whole);
	dp_keccak256(hash, whole, sizeof whole);
	dp_hex_encode(ret_id, hash, sizeof hash);
	assert_string_equal(ret_id,
	                    "46deef0f52e3a983b67abf4714448a41dd7ffd6d32d32da69d62081c68ad7882");
	memcpy(ret_call, whole + BYBIT_CALL_AT, BYBIT_CALL_SIZE);
}

// Block 21895238, and 13 blocks later the ether; the tokens' blocks are not known here.
static void bybit_was_taken_over_and_emptied(void **state)
{
	(void)state;
	uint8_t call[BYBIT_CALL_SIZE];
	char id[65];
	bybit_tx(call, id);
	open_with_all_shapes();
	begin("ethereum", 21895238);
	named(id, 0);
	call_safe(call, sizeof call, safe);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 1);
	const dp_transfer *t = edge(1);
	is_from_to(t, maker_addr(safe), maker_addr(safe));
	assert_int_equal(t->kind, DP_TR_TAKEOVER);
	assert_int_equal(t->venue, 950);
	assert_int_equal(t->amount, 0);
	begin("ethereum", 21895251);
	sweep("b61413c495fdad6114a7aa863a00b2e3c28945979a10885b12b30316ea9f072c", DP_MV_INTERNAL,
	      "ETH", "401346.768858404671846374");
	sweep("a284a1bc4c7e0379c924c73fcea1067068635507254b03ebbbd3f4e222c1fae0", DP_MV_TOKEN,
	      "STETH", "90375.54791768");
	sweep("bcf316f5835362b7f1586215173cc8b294f5499c60c029a3de6318bf25ca7b20", DP_MV_TOKEN,
	      "METH", "8000");
	sweep("847b8403e8a4816a4de1e63db321705cdb6f998fb01ab58f653b863fda988647", DP_MV_TOKEN,
	      "CMETH", "15000");
	end();
	assert_int_equal(t_flow_count(mine, "safe-takeover"), 1);
	const dp_finding *f = t_flow_first(mine, "safe-takeover");
	assert_int_equal(f->fact[0], 1);       // takeovers
	assert_int_equal(f->fact[1], 4);       // payments since
	assert_int_equal(f->fact[2], 13 * 12); // seconds until the first
	assert_int_equal(f->fact[3], 950);
	assert_int_equal(f->score, 1000);
	assert_int_equal(f->evidence_count, 5);
	uint32_t own = 0;
	while (dp_mine_finding(mine, own) != f) own++;
	const dp_mine_edge *first = dp_mine_evidence(mine, own);
	assert_int_equal(first->edge, 1);
	assert_int_equal(dp_block_feed_tx(feed, first->tx)->height, 21895238);
	// No shape takes it for a payment, or for a theft.
	for (uint32_t i = 0; i < dp_mine_count(mine); i++) {
		const dp_mine_edge *e = dp_mine_evidence(mine, i);
		bool is_own = dp_mine_finding(mine, i) == f;
		for (uint32_t k = 0; k < dp_mine_finding(mine, i)->evidence_count; k++)
			assert_true(is_own || e[k].edge != 1);
	}
	assert_int_equal(t_flow_count(mine, "theft"), 0);
	close_all();
}

// The makers' own batch, a call that failed, one that is a plain call: nobody was taken over.
static void calls_of_a_safe_that_are_no_takeover(void **state)
{
	(void)state;
	uint8_t call[BYBIT_CALL_SIZE], other[BYBIT_CALL_SIZE];
	char id[65];
	bybit_tx(call, id);
	open_with_all_shapes();
	begin("ethereum", 1);
	named(id, DP_TXF_FAILED);
	call_safe(call, sizeof call, safe);
	memcpy(other, call, sizeof other);
	assert_true(dp_hex_decode(other + 16, 20, "38869bf66a61cf6bdb996a6ae40d5853fd43b526"));
	tx(2, 0); // the same, to MultiSend 1.4.1
	call_safe(other, sizeof other, safe);
	memcpy(other, call, sizeof other);
	other[4 + 4 * 32 - 1] = 0; // a call, not a delegate call
	tx(3, 0);
	call_safe(other, sizeof other, safe);
	tx(4, 0);
	maker_move(&b, DP_MV_NATIVE, "ETH", 5 * ETHER, safe, thief);
	end();
	assert_int_equal(dp_block_feed_transfers(feed), 1);
	assert_int_equal(t_flow_count(mine, "safe-takeover"), 0);
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_value_is_a_transfer),
	    cmocka_unit_test(sender_that_exchanges_is_a_swap),
	    cmocka_unit_test(tags_and_lists_say_who_is_paid),
	    cmocka_unit_test(coins_are_a_star),
	    cmocka_unit_test(numbers_are_given_again),
	    cmocka_unit_test(across_out_and_in),
	    cmocka_unit_test(a_log_of_somebody_else_makes_no_bridge),
	    cmocka_unit_test(wormhole_out_and_what_its_contract_pays),
	    cmocka_unit_test(bybit_was_taken_over_and_emptied),
	    cmocka_unit_test(calls_of_a_safe_that_are_no_takeover),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

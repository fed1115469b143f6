// Real logs, as nodes gave them: facts of public ledgers, word for word, against what the decoders
// make of them. The decoders' own tests are written by an encoder that knows the events from the
// same texts as the decoders; these are not.
//
// Read in: recorded answers of nodes in rotki/test-caching, cassettes/unit/decoders (Across
// 0x01456be6.. and 0xee7641ad.., CCTP 0x90128b29.. and 0xad6aa569.., a pair, CCTP 2 0x1ac8683e..
// and 0x2aeac6a7.., Li.Fi 0x647abf5d.., Uniswap 3 0x76c312fe..); a receipt that DRPC's
// documentation shows (Wormhole 0x8fc90a6c..); the tests of a Forta bot (Tornado Cash
// 0x0949113a..) and a reader's data of BSC (its pool of 100 BNB); a researcher's table of receipts
// (Tether 0x06abbfaa..).
// Covers: link/across.c link/cctp.c link/lifi.c link/wormhole.c link/tornado.c link/freeze.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/mixer.h"
#include "log_maker.h"
#include "real_logs.h"

static const char cctp_burn_data[] =
    "00000000000000000000000000000000000000000000000000000000fd83f5160000000000000000"
    "0000000075f3785b330aadba5db31535995568583ea8dea800000000000000000000000000000000"
    "0000000000000000000000000000000300000000000000000000000019330d10d9cc8751218eaf51"
    "e8885d058642e08a0000000000000000000000000000000000000000000000000000000000000000";
static const char cctp_mint_data[] =
    "00000000000000000000000000000000000000000000000000000000fd83f516";
static const char cctp_received_data[] =
    "00000000000000000000000000000000000000000000000000000000000000070000000000000000"
    "000000009daf8c91aefae50b9c0e69629d3f6ca40ca3b3fe00000000000000000000000000000000"
    "00000000000000000000000000000060000000000000000000000000000000000000000000000000"
    "0000000000000084000000000000000000000000000000003c499c542cef5e3811e1192ce70d8cc0"
    "3d5c335900000000000000000000000075f3785b330aadba5db31535995568583ea8dea800000000"
    "000000000000000000000000000000000000000000000000fd83f516000000000000000000000000"
    "75f3785b330aadba5db31535995568583ea8dea80000000000000000000000000000000000000000"
    "0000000000000000";
static const char cctp2_burn_data[] =
    "0000000000000000000000000000000000000000000000000000000008dde702256629c2f6bc9246"
    "6ae5a3eaa16d4fe7bd1b5db6a912df6d4c267385129fb53c00000000000000000000000000000000"
    "00000000000000000000000000000005a65fc81d0fefa8860cb3b83f089b0224be8a6687b7ae49f5"
    "94c0b9b4d7e938930000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000003a6c0000000000000000"
    "0000000000000000000000000000000000000000000000e000000000000000000000000000000000"
    "00000000000000000000000000000001000000000000000000000000000000000000000000000000"
    "0000000000000000";
static const char cctp2_mint_data[] =
    "00000000000000000000000000000000000000000000000000000000006eeb990000000000000000"
    "0000000000000000000000000000000000000000000002d7";
static const char cctp2_received_data[] =
    "0000000000000000000000000000000000000000000000000000000000000005a65fc81d0fefa886"
    "0cb3b83f089b0224be8a6687b7ae49f594c0b9b4d7e9389300000000000000000000000000000000"
    "00000000000000000000000000000060000000000000000000000000000000000000000000000000"
    "00000000000000e400000001c6fa7af3bedbad3a3d65f36aabc97431b1bbe4c2d2f6e0e47ca60203"
    "452f5d6100000000000000000000000034b741a3d0ef8c8ef6dd490c305c5c5ca20aca5900000000"
    "000000000000000000000000000000000000000000000000006eee70b95bd64419e9b62317e12190"
    "0eb4118d306c7df259f0b73673f67a75aff3440b0000000000000000000000000000000000000000"
    "0000000000000000000002d700000000000000000000000000000000000000000000000000000000"
    "000002d7000000000000000000000000000000000000000000000000000000000306cb7200000000"
    "000000000000000000000000000000000000000000000000";
static const char lifi_data[] =
    "00000000000000000000000000000000000000000000000000000000000000202ffe44cc7046926c"
    "69029503629564b1f4f98675ab149a4a4cc14f9911b6d67500000000000000000000000000000000"
    "00000000000000000000000000000140000000000000000000000000000000000000000000000000"
    "00000000000001800000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000af88d065e77c8cc2239327c5edb3a432268e58310000000000000000"
    "000000003ba6eb0e4327b96ade6d4f3b578724208a590cef00000000000000000000000000000000"
    "000000000000000000000000038d1e59000000000000000000000000000000000000000000000000"
    "00000000000000010000000000000000000000000000000000000000000000000000000000000001"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000f72656c61796465706f7369746f727900"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000f6a756d7065722e65786368616e67650000000000000000000000000000000000";
static const char tornado_data[] =
    "0000000000000000000000000d6df47d3ae23217daaf453b709e22dbd4b2c0011fe7033b101f01b7"
    "ac1bc8084ec0e3b118272fa391a0716e1e6b48e666e66a7d00000000000000000000000000000000"
    "000000000000000000afdbfcdc61c000";
static const char tornado_bsc_data[] =
    "0000000000000000000000000bd94b3745b8bb14230887eaf12a7e2664415dfb19bbdfdb3a46f331"
    "98cca8665a6a1716e621389bea480b77ab2780674ea9f6d000000000000000000000000000000000"
    "0000000000000000009243e599672000";
static const char collect_data[] =
    "000000000000000000000000c36442b4a4522e871399cd717abdd847ab11fe880000000000000000"
    "000000000000000000000000000000000000002e31a6184200000000000000000000000000000000"
    "00000000000000363afba8a37452b43d";
static const char destroyed_data[] =
    "000000000000000000000000532961b23a28a9e5a8b1769bdb3e8906fc7c7a010000000000000000"
    "000000000000000000000000000000000000002e90edd000";

static dp_block_builder b;
static dp_leg leg[16];

// Hexadecimal as nodes write it. The first topic is a part of it, not computed.
static void add(const char *contract, const char *const *topics, const char *data)
{
	static uint8_t bytes[4096];
	dp_note *n;
	size_t size = strlen(data) / 2;
	assert_true(size <= sizeof bytes && dp_hex_decode(bytes, size, data));
	assert_int_equal(dp_builder_note(&b, &n, bytes, size, NULL), DP_OK);
	n->kind = DP_NOTE_LOG;
	assert_true(dp_hex_decode(n->place, 20, contract + 2));
	for (; *topics != NULL; topics++) word_of(n->topic[n->topic_count++], *topics);
	assert_true(dp_note_topic_wanted(n->topic[0]));
}

static void decode(uint32_t count)
{
	bool cut;
	assert_int_equal(dp_legs_of_tx(leg, 16, &cut, &b.block, 0), count);
	assert_false(cut);
	for (uint32_t i = 0; i < count; i++) assert_null(leg[i].refused);
}

static void is_leg(const dp_leg *l, const char *protocol, dp_leg_side side, const char *symbol,
                   uint64_t amount, const char *to)
{
	assert_string_equal(l->protocol->name, protocol);
	assert_int_equal(l->side, side);
	assert_true(is_symbol(l->asset, symbol));
	assert_true(dp_u256_eq(l->amount, dp_u256_of(amount)));
	dp_addr a = maker_addr(to == NULL ? "0x00" : to);
	assert_true(to == NULL ? l->to.kind == DP_ADDR_NONE : dp_addr_eq(&l->to, &a));
}

static void across_in_both_directions(void **state)
{
	(void)state;
	static const char pool[] = "0x5c7bcd6e7de5423a257d81b442095a1a6ced35c5";
	static const char user[] = "0x6b21bb0d79c543b13dee153700788d2c008633e5";
	static const char solver[] = "0xf70da97812cb96acdf810712aa562db8dfa3dbef";
	maker_start(&b, "ethereum");
	add(pool,
	    (const char *[]){"0x32ed1a409ef04c7b0227189c3a103dc5ac10e775a15b785dcc510201f7c25ad3",
	                     "0xa4b1", "0x3d67f8", user, NULL},
	    across_deposit_data);
	decode(1);
	is_leg(leg, "across", DP_LEG_OUT, "USDT", 422866751, user);
	assert_string_equal(leg[0].other->name, "arbitrum");
	assert_true(is_symbol(leg[0].other_asset, "USDT"));
	assert_true(dp_u256_eq(leg[0].least, dp_u256_of(422820007)));
	assert_string_equal(leg[0].text, "deposit 4024312 of chain 1");
	// 100,000 USDC of 18 decimals on BSC, and what was paid for them on Ethereum.
	maker_start(&b, "ethereum");
	add(pool,
	    (const char *[]){"0x44b559f101f8fbcc8a0ea43fa91a05a729a5ea6e14a7c75aa750374690137208",
	                     "0x38", "0xbe087", "0x07ae8551be970cb1cca11dd7a11f47ae82e70e67", NULL},
	    across_fill_data);
	decode(1);
	is_leg(leg, "across", DP_LEG_IN, "USDC", 99970446325, solver);
	assert_string_equal(leg[0].other->name, "bsc");
}

static void cctp_from_polygon_to_arbitrum(void **state)
{
	(void)state;
	static const char who[] = "0x75f3785b330aadba5db31535995568583ea8dea8";
	uint8_t key[32];
	maker_start(&b, "polygon");
	add("0x9daf8c91aefae50b9c0e69629d3f6ca40ca3b3fe",
	    (const char *[]){"0x2fa9ca894982930190727e75500a97d8dc500233a5065e0f3126c48fbe0343c0",
	                     "0x019926", "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359", who, NULL},
	    cctp_burn_data);
	decode(1);
	is_leg(leg, "cctp", DP_LEG_OUT, "USDC", 4253283606, who);
	assert_string_equal(leg[0].other->name, "arbitrum");
	memcpy(key, leg[0].key, 32);
	maker_start(&b, "arbitrum");
	add("0x19330d10d9cc8751218eaf51e8885d058642e08a",
	    (const char *[]){"0x1b2a7ff080b8cb6ff436ce0372e399692bbfb6d4ae5766fd8d58a7b8cc6142e6",
	                     who, "0xaf88d065e77c8cc2239327c5edb3a432268e5831", NULL},
	    cctp_mint_data);
	add("0xc30362313fbba5cf9163f0bb16a0e01f01a896ca",
	    (const char *[]){"0x58200b4c34ae05ee816d710053fff3fb75af4395915d3d2a771b24aa10e3cc5d",
	                     who, "0x019926", NULL},
	    cctp_received_data);
	decode(1);
	is_leg(leg, "cctp", DP_LEG_IN, "USDC", 4253283606, who);
	assert_string_equal(leg[0].other->name, "polygon");
	assert_memory_equal(leg[0].key, key, 32);
}

// To Solana, with a hook of one byte; and from there, less a fee.
static void cctp2_to_solana_and_from_there(void **state)
{
	(void)state;
	maker_start(&b, "ethereum");
	add("0x28b5a0e9c621a5badaa536219b3a228c8168cf5d",
	    (const char *[]){"0x0c8c1cbdc5190613ebd485511d4e2812cfa45eecb79d845893331fedad5130a5",
	                     "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
	                     "0xd156ffb54871f4562744d6be5d6321b5bffca3b6", "0x03e8", NULL},
	    cctp2_burn_data);
	decode(1);
	is_leg(leg, "cctp2", DP_LEG_OUT, "USDC", 148760322, NULL);
	assert_true(dp_u256_eq(leg[0].least, dp_u256_of(148760322 - 14956)));
	assert_string_equal(leg[0].text,
	                    "to 256629c2f6bc92466ae5a3eaa16d4fe7bd1b5db6a912df6d4c267385129fb53c");
	static const char who[] = "0x34b741a3d0ef8c8ef6dd490c305c5c5ca20aca59";
	maker_start(&b, "base");
	add("0x28b5a0e9c621a5badaa536219b3a228c8168cf5d",
	    (const char *[]){"0x50c55e915134d457debfa58eb6f4342956f8b0616d51a89a3659360178e1ab63",
	                     who, "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", NULL},
	    cctp2_mint_data);
	add("0x81d40f21f12a8f0e3252bccb954d722d4c464b64",
	    (const char *[]){"0xff48c13eda96b1cceacc6b9edeedc9e9db9d6226afbc30146b720c19d3addb1c",
	                     "0x708704d33ace3dafbed28f150a56ce9d124b1ef8",
	                     "0xd25fe41da9c2a8241548e59c92d2b4cccd0ebc26c9d73f7a95393dcad33d31b4",
	                     "0x03e8", NULL},
	    cctp2_received_data);
	decode(1);
	is_leg(leg, "cctp2", DP_LEG_IN, "USDC", 7269273, who);
	assert_int_equal(leg[0].other_number, 5);
}

static void lifi_hands_it_to_a_bridge_that_is_not_read(void **state)
{
	(void)state;
	static const char diamond[] = "0x1231deb6f5749ef6ce6943a275a1d3e7486f4eae";
	static const char depository[] = "0x4cd00e387622c35bddb9b4c962c136462338bc31";
	dp_addr place = maker_addr(depository);
	maker_start(&b, "arbitrum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 17924, diamond,
	           "0x25d870f41c8a0419b48982b6fb58f56eadb4b79d"); // its fee
	maker_move(&b, DP_MV_TOKEN, "USDC", 59579993, diamond, depository);
	add(diamond,
	    (const char *[]){"0xcba69f43792f9f399347222505213b55af8e0b0b54b893085c2e27ecbe1644f1",
	                     NULL},
	    lifi_data);
	decode(1);
	is_leg(leg, "lifi", DP_LEG_OUT, "USDC", 59579993,
	       "0x3ba6eb0e4327b96ade6d4f3b578724208a590cef");
	assert_true(dp_addr_eq(&leg[0].place[0], &place));
	assert_string_equal(leg[0].other->name, "ethereum");
	assert_string_equal(leg[0].text, "Li.Fi by relaydepository");
}

static void wormhole_to_solana(void **state)
{
	(void)state;
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 502000194, "0x5067c042e35881843f2b31dfc2db1f4f272ef48c",
	           "0x3ee18b2214aff97000d974cf647e7c347e8fa585");
	add("0x98f3c9e6e3face36baad05fe09d375ef1464288b",
	    (const char *[]){"0x6eb224fb001ed210e379b335e35efe88672a8ce935d981a6896b27ffdf52a3b2",
	                     "0x3ee18b2214aff97000d974cf647e7c347e8fa585", NULL},
	    wormhole_data);
	decode(1);
	is_leg(leg, "wormhole", DP_LEG_OUT, "USDC", 502000194, NULL);
	assert_int_equal(leg[0].other_number, 1);
	assert_true(dp_u256_eq(leg[0].least, dp_u256_of(502000194 - 2000194)));
	assert_int_equal(leg[0].least_decimals, 6);
	assert_string_equal(leg[0].text,
	                    "to 67c46aa713cfe47608dd1c16f8a0325208df084c3cbebf9f366ad0eafc2653e4");
}

static void tornado_pays_out(void **state)
{
	(void)state;
	static const char topic[] =
	    "0xe9e508bad6d4c3227e881ca19068f099da81b5164dd6d62b2eaf1e8bc6c34931";
	dp_mixer_event e[DP_MIXER_EVENTS_MAX];
	dp_addr to = maker_addr("0x0d6df47d3ae23217daaf453b709e22dbd4b2c001");
	maker_start(&b, "ethereum");
	add("0x910cbd523d972eb0a6f4cae4618ad62622b39dbf",
	    (const char *[]){topic, "0x7d3bb46c78b0c4949639ce34896bfd875b97ad08", NULL},
	    tornado_data);
	assert_int_equal(dp_mixer_events_of_note(e, &b.block, 0), 1);
	assert_int_equal(e[0].kind, DP_MIXER_WITHDRAWAL);
	assert_memory_equal(e[0].address, to.bytes, 20);
	assert_true(dp_u256_eq(e[0].amount, dp_u256_of(10000000000000000000u)));
	decode(0); // what comes out is never a leg
	to = maker_addr("0x0bd94b3745b8bb14230887eaf12a7e2664415dfb");
	maker_start(&b, "bsc");
	add("0x1e34a77868e19a6647b1f2f47b51ed72dede95dd",
	    (const char *[]){topic, "0x134bb354793913f9e5dcfa52f12236e02a6438da", NULL},
	    tornado_bsc_data);
	assert_int_equal(dp_mixer_events_of_note(e, &b.block, 0), 1);
	assert_memory_equal(e[0].address, to.bytes, 20);
	assert_int_equal(e[0].asset.v, dp_asset_native(b.block.chain).v);
}

static void tether_destroys(void **state)
{
	(void)state;
	maker_start(&b, "ethereum");
	add("0xdac17f958d2ee523a2206206994597c13d831ec7",
	    (const char *[]){"0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6",
	                     NULL},
	    destroyed_data);
	decode(1);
	is_leg(leg, "freeze", DP_LEG_OUT, "USDT", 200000000000, NULL);
	dp_addr who = maker_addr("0x532961b23a28a9e5a8b1769bdb3e8906fc7c7a01");
	assert_int_equal(leg[0].store, DP_STORE_DESTROYED);
	assert_true(dp_addr_eq(&leg[0].place[0], &who));
}

// Collected by the manager itself, which unwraps the ether and passes both on.
static void uniswap_collects(void **state)
{
	(void)state;
	static const char pool[] = "0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8";
	static const char manager[] = "0xc36442b4a4522e871399cd717abdd847ab11fe88";
	dp_u256 ether;
	assert_int_equal(dp_u256_parse(&ether, "1000374356073654694973", 22, 0, NULL), DP_OK);
	maker_start(&b, "ethereum");
	maker_move(&b, DP_MV_TOKEN, "USDC", 198401464386, pool, manager);
	maker_move(&b, DP_MV_TOKEN, "WETH", 1, pool, manager);
	b.block.mv[1].amount = ether;
	add(manager,
	    (const char *[]){"0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01",
	                     "0x05efb3", NULL},
	    collect_data);
	decode(2);
	is_leg(&leg[0], "uniswap3", DP_LEG_IN, "USDC", 198401464386, manager);
	assert_true(is_symbol(leg[1].asset, "WETH") && dp_u256_eq(leg[1].amount, ether));
	assert_string_equal(leg[1].text, "position 389043");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(across_in_both_directions),
	    cmocka_unit_test(cctp_from_polygon_to_arbitrum),
	    cmocka_unit_test(cctp2_to_solana_and_from_there),
	    cmocka_unit_test(lifi_hands_it_to_a_bridge_that_is_not_read),
	    cmocka_unit_test(wormhole_to_solana),
	    cmocka_unit_test(tornado_pays_out),
	    cmocka_unit_test(tether_destroys),
	    cmocka_unit_test(uniswap_collects),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dp_builder_done(&b);
	return failed;
}

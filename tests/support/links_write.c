// Blocks of three chains with the rows and events of real protocols. See links_world.h.
//
// Contracts are the real ones, since nothing is believed that others log; events are written from
// their texts, which are those in chain/note.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/links_world.h"
#include "unit/log_maker.h"

#define ROUTER "0xD37BbE5744D730a1d98d8DC97c42F0Ca46aD7146"
#define VAULT "0x72f4d09a23f8434bbbfea818e10a55517abc044b"
#define TORNADO "0x910Cbd523D972eb0a6f4cAe4618aD62622b39DbF"
#define TETHER "0xdAC17F958D2ee523a2206206994597C13D831ec7"
#define POSITIONS "0xC36442b4a4522E871399CD717aBDD847Ab11FE88"
#define FUNDS_DEPOSITED                                                                            \
	"FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,uint32,"     \
	"bytes32,bytes32,bytes32,bytes)"
#define FILLED_RELAY                                                                               \
	"FilledRelay(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint32,uint32,"       \
	"bytes32,bytes32,bytes32,bytes32,bytes32,(bytes32,bytes32,uint256,uint8))"

static const char *const names[LW_CHAINS] = {"ethereum", "base", "bitcoin"};
static const char *const usdc[2] = {"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
                                    "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"};
static const char *const spoke[2] = {"0x5c7BCd6E7De5423a257D81B442095A1a6ced35C5",
                                     "0x09aea4b2242abC8bb4BB78D537A67a245A7bEC64"};

//- names -----------------------------------------------------------------------------------------

// Texts that live for some calls: a test writes several into one sentence.
static char *scratch(void)
{
	static char text[8][DP_ADDR_TEXT_MAX];
	static unsigned next;
	return text[next++ % 8];
}

dp_addr lw_addr(int chain, const char *name)
{
	dp_addr a = {.kind = chain == LW_BTC ? DP_ADDR_P2WPKH : DP_ADDR_EVM, .len = 20};
	if (strcmp(name, "nobody") == 0) return (dp_addr){0};
	if (strncmp(name, "0x", 2) == 0) return maker_addr(name);
	assert_true(strlen(name) <= 20);
	memcpy(a.bytes, name, strlen(name));
	return a;
}

const char *lw_hex(const char *name)
{
	dp_addr a = lw_addr(LW_ETH, name);
	char *text = scratch();
	(void)dp_addr_format(text, &a, dp_chain_find("ethereum", 8));
	return text;
}

const char *lw_bc1(const char *name)
{
	dp_addr a = lw_addr(LW_BTC, name);
	char *text = scratch();
	(void)dp_addr_format(text, &a, dp_chain_find("bitcoin", 7));
	return text;
}

const char *lw_txid(int chain, int64_t id)
{
	uint8_t bytes[32];
	char *text = scratch();
	t_txid(bytes, id);
	const char *name = names[chain];
	(void)dp_txid_format(text, bytes, dp_chain_find(name, strlen(name)));
	return chain == LW_BTC ? text : text + 2;
}

dp_asset lw_asset(int chain, const char *symbol)
{
	const char *name = names[chain];
	dp_asset a = dp_asset_by_symbol(dp_chain_find(name, strlen(name)), symbol, strlen(symbol));
	if (a.v == 0) fail_msg("no asset %s on %s", symbol, name);
	return a;
}

dp_u256 lw_amount(int chain, const char *symbol, const char *amount)
{
	dp_u256 v;
	uint32_t decimals = dp_asset_info_of(lw_asset(chain, symbol))->decimals;
	assert_int_equal(dp_u256_parse(&v, amount, strlen(amount), decimals, NULL), DP_OK);
	return v;
}

//- rows ------------------------------------------------------------------------------------------

static int chain_of(const lw_world *w)
{
	return (int)(w->on - w->side);
}

void lw_block(lw_world *w, int chain, int64_t minute)
{
	lw_side *s = &w->side[chain];
	assert_true(s->count < LW_BLOCKS_MAX);
	w->on = s;
	w->at = &s->builder[s->count];
	dp_builder_start(w->at, s->chain, LW_FIRST + s->count, LW_NOON + 60 * minute);
	w->at->block.hash[0] = (uint8_t)(s->count + 1);
	s->block[s->count] = &w->at->block;
	s->count++;
}

void lw_tx(lw_world *w, int64_t id)
{
	dp_tx *tx;
	assert_int_equal(dp_builder_tx(w->at, &tx, NULL), DP_OK);
	t_txid(tx->id, id);
}

static dp_movement *row(lw_world *w, dp_mv_kind kind, const char *symbol, const char *from,
                        const char *to)
{
	dp_movement *mv;
	int chain = chain_of(w);
	assert_int_equal(dp_builder_movement(w->at, &mv, NULL), DP_OK);
	mv->kind = (uint8_t)kind;
	mv->asset = lw_asset(chain, symbol);
	mv->from = lw_addr(chain, from);
	mv->to = lw_addr(chain, to);
	return mv;
}

void lw_move(lw_world *w, const char *symbol, const char *from, const char *to, const char *amount)
{
	bool native = strcmp(symbol, w->on->chain->native) == 0;
	dp_movement *mv = row(w, native ? DP_MV_NATIVE : DP_MV_TOKEN, symbol, from, to);
	mv->amount = lw_amount(chain_of(w), symbol, amount);
}

void lw_internal(lw_world *w, const char *from, const char *to, const char *amount)
{
	const char *symbol = w->on->chain->native;
	row(w, DP_MV_INTERNAL, symbol, from, to)->amount = lw_amount(chain_of(w), symbol, amount);
}

void lw_fee(lw_world *w, const char *from, const char *amount)
{
	const char *symbol = w->on->chain->native;
	row(w, DP_MV_FEE, symbol, from, "nobody")->amount = lw_amount(chain_of(w), symbol, amount);
}

void lw_in(lw_world *w, int64_t tx, uint32_t vout, const char *from, uint64_t satoshi)
{
	dp_movement *mv = row(w, DP_MV_INPUT, "BTC", from, "nobody");
	mv->amount = dp_u256_of(satoshi);
	t_txid(mv->spent.txid, tx);
	mv->spent.vout = vout;
}

void lw_out(lw_world *w, const char *to, uint64_t satoshi)
{
	row(w, DP_MV_OUTPUT, "BTC", "nobody", to)->amount = dp_u256_of(satoshi);
}

void lw_memo(lw_world *w, const char *memo)
{
	const dp_tx *tx = &w->at->block.tx[w->at->block.tx_count - 1];
	uint32_t vout = 0;
	for (uint32_t i = tx->mv_first; i < w->at->block.mv_count; i++)
		vout += w->at->block.mv[i].kind == DP_MV_OUTPUT;
	row(w, DP_MV_OUTPUT, "BTC", "nobody", "nobody")->to.kind = DP_ADDR_NULLDATA;
	dp_note *note;
	const uint8_t *bytes = (const uint8_t *)memo;
	assert_int_equal(dp_builder_note(w->at, &note, bytes, strlen(memo), NULL), DP_OK);
	note->kind = DP_NOTE_OUTPUT;
	note->at = vout;
}

//- events ----------------------------------------------------------------------------------------

// A number as a word: 0x and hexadecimal.
static const char *number(dp_u256 v)
{
	static char text[8][67];
	static unsigned next;
	char *out = text[next++ % 8];
	uint8_t bytes[32];
	dp_u256_to_be(bytes, v);
	(void)snprintf(out, 3, "0x");
	for (int i = 0; i < 32; i++) (void)snprintf(out + 2 + 2 * i, 3, "%02x", bytes[i]);
	return out;
}

static const char *word_of_name(const char *name)
{
	return strncmp(name, "0x", 2) == 0 ? name : lw_hex(name);
}

static const char *contract_of(const lw_world *w, const char *symbol)
{
	int chain = chain_of(w);
	const dp_asset_info *a = dp_asset_info_of(lw_asset(chain, symbol));
	if (!a->has_contract) return "0x0000000000000000000000000000000000000000";
	dp_addr at = dp_link_addr(a->contract);
	char *text = scratch();
	(void)dp_addr_format(text, &at, w->on->chain);
	return text;
}

void lw_event(lw_world *w, const char *contract, const char *event, const char *const *topics,
              const char *const *words)
{
	enc e = enc_of(0);
	for (; words != NULL && *words != NULL; words++) {
		e.words++;
		enc_hex(&e, *words);
	}
	(void)maker_log(w->at, contract, event, topics, &e);
}

//- THORChain -------------------------------------------------------------------------------------

void lw_thor_deposit(lw_world *w, const char *from, const char *symbol, const char *amount,
                     const char *memo)
{
	const char *topics[] = {VAULT, contract_of(w, symbol), NULL};
	enc e = enc_of(2);
	if (strcmp(symbol, w->on->chain->native) == 0) {
		lw_move(w, symbol, from, ROUTER, amount);
		lw_internal(w, ROUTER, VAULT, amount);
	} else {
		lw_move(w, symbol, from, VAULT, amount);
	}
	enc_u256(&e, lw_amount(chain_of(w), symbol, amount));
	enc_bytes(&e, memo, strlen(memo));
	(void)maker_log(w->at, ROUTER, "Deposit(address,address,uint256,string)", topics, &e);
}

void lw_thor_out(lw_world *w, const char *to, const char *symbol, const char *amount,
                 const char *memo)
{
	const char *topics[] = {VAULT, word_of_name(to), NULL};
	enc e = enc_of(3);
	if (strcmp(symbol, w->on->chain->native) == 0) {
		lw_move(w, symbol, VAULT, ROUTER, amount);
		lw_internal(w, ROUTER, to, amount);
	} else {
		lw_move(w, symbol, VAULT, to, amount);
	}
	enc_hex(&e, contract_of(w, symbol));
	enc_u256(&e, lw_amount(chain_of(w), symbol, amount));
	enc_bytes(&e, memo, strlen(memo));
	(void)maker_log(w->at, ROUTER, "TransferOut(address,address,address,uint256,string)",
	                topics, &e);
}

//- Across ----------------------------------------------------------------------------------------

void lw_across_deposit(lw_world *w, const char *from, const char *to, const char *amount,
                       uint64_t deposit)
{
	int here = chain_of(w), there = 1 - here;
	dp_u256 units = lw_amount(here, "USDC", amount), least;
	dp_u256_div(&least, NULL, units, dp_u256_of(100));
	least = dp_u256_sub(units, least);
	const char *topics[] = {number(dp_u256_of(there == LW_ETH ? 1 : 8453)),
	                        number(dp_u256_of(deposit)), word_of_name(from), NULL};
	lw_move(w, "USDC", from, spoke[here], amount);
	enc e = enc_of(10);
	enc_hex(&e, usdc[here]);
	enc_hex(&e, usdc[there]);
	enc_u256(&e, units);
	enc_u256(&e, least);
	enc_u(&e, LW_NOON);
	enc_u(&e, LW_NOON + 9999);
	enc_u(&e, 0);
	enc_hex(&e, word_of_name(to));
	enc_hex(&e, "0x00");
	enc_bytes(&e, "", 0);
	(void)maker_log(w->at, spoke[here], FUNDS_DEPOSITED, topics, &e);
}

void lw_across_fill(lw_world *w, const char *from, const char *to, const char *amount,
                    uint64_t deposit, const char *paid_to, const char *paid)
{
	int here = chain_of(w), there = 1 - here;
	dp_u256 units = lw_amount(there, "USDC", amount), least;
	dp_u256_div(&least, NULL, units, dp_u256_of(100));
	least = dp_u256_sub(units, least);
	const char *topics[] = {number(dp_u256_of(there == LW_ETH ? 1 : 8453)),
	                        number(dp_u256_of(deposit)), word_of_name("relayer"), NULL};
	lw_move(w, "USDC", "relayer", paid_to, paid);
	enc e = enc_of(15);
	enc_hex(&e, usdc[there]);
	enc_hex(&e, usdc[here]);
	enc_u256(&e, units);
	enc_u256(&e, least);
	enc_u(&e, 1);
	enc_u(&e, LW_NOON + 9999);
	enc_u(&e, 0);
	enc_hex(&e, "0x00");
	enc_hex(&e, word_of_name(from));
	enc_hex(&e, word_of_name(to));
	enc_u(&e, 0);
	enc_hex(&e, word_of_name(paid_to));
	enc_u(&e, 0);
	enc_u256(&e, lw_amount(here, "USDC", paid));
	enc_u(&e, 0);
	(void)maker_log(w->at, spoke[here], FILLED_RELAY, topics, &e);
}

//- mixers, issuers, positions --------------------------------------------------------------------

void lw_tornado(lw_world *w, const char *from)
{
	const char *topics[] = {"0xc0ffee", NULL};
	const char *words[] = {"0x05", "0x6700", NULL};
	lw_move(w, "ETH", from, TORNADO, "10");
	lw_event(w, TORNADO, "Deposit(bytes32,uint32,uint256)", topics, words);
}

// Whoever signs pays: a transaction has a row at least.
void lw_freeze(lw_world *w, const char *who)
{
	const char *words[] = {word_of_name(who), NULL};
	lw_fee(w, "issuer", "0.001");
	lw_event(w, TETHER, "AddedBlackList(address)", NULL, words);
}

void lw_release(lw_world *w, const char *who)
{
	const char *words[] = {word_of_name(who), NULL};
	lw_fee(w, "issuer", "0.001");
	lw_event(w, TETHER, "RemovedBlackList(address)", NULL, words);
}

void lw_destroy(lw_world *w, const char *who, const char *amount)
{
	const char *words[] = {word_of_name(who), number(lw_amount(LW_ETH, "USDT", amount)), NULL};
	lw_fee(w, "issuer", "0.001");
	lw_event(w, TETHER, "DestroyedBlackFunds(address,uint256)", NULL, words);
}

void lw_position_in(lw_world *w, const char *from, uint64_t id, const char *usdc_in,
                    const char *weth_in)
{
	const char *topics[] = {number(dp_u256_of(id)), NULL};
	const char *words[] = {"0x0309", number(lw_amount(LW_ETH, "USDC", usdc_in)),
	                       number(lw_amount(LW_ETH, "WETH", weth_in)), NULL};
	lw_move(w, "USDC", from, "pool3", usdc_in);
	lw_move(w, "WETH", from, "pool3", weth_in);
	lw_event(w, POSITIONS, "IncreaseLiquidity(uint256,uint128,uint256,uint256)", topics, words);
}

void lw_position_out(lw_world *w, const char *to, uint64_t id, const char *usdc_out,
                     const char *weth_out)
{
	const char *topics[] = {number(dp_u256_of(id)), NULL};
	const char *words[] = {word_of_name(to), number(lw_amount(LW_ETH, "USDC", usdc_out)),
	                       number(lw_amount(LW_ETH, "WETH", weth_out)), NULL};
	lw_move(w, "USDC", "pool3", to, usdc_out);
	lw_move(w, "WETH", "pool3", to, weth_out);
	lw_event(w, POSITIONS, "Collect(uint256,address,uint256,uint256)", topics, words);
}

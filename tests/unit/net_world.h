// Small worlds for tests of net flows: a transaction written in words, and its shares as text.
//
//   thief 10 ETH => thief 20000 USDC       exchanged
//   thief 0.1 ETH -> builder               stays
//
// Names are addresses; "@WETH" is the contract of that asset, "nobody" nobody. Rows are given in
// the order in which a block has them (chain/ethereum.h): native, internal, tokens, fee.
#ifndef NET_WORLD_H
#define NET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/block.h"
#include "link/net.h"

enum { TEXT_MAX = 1 << 16 };
static dp_block_builder builder;
static dp_net *net;
static const dp_chain *chain;
static const int64_t noon = 1740139200; // 2025-02-21 12:00

static inline dp_asset asset_of(const char *symbol)
{
	dp_asset a = dp_asset_by_symbol(chain, symbol, strlen(symbol));
	if (a.v == 0) fail_msg("no asset %s", symbol);
	return a;
}

static inline dp_addr addr_of(const char *name)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	if (strcmp(name, "nobody") == 0) return (dp_addr){0};
	if (name[0] == '@')
		memcpy(a.bytes, dp_asset_info_of(asset_of(name + 1))->contract, 20);
	else
		memcpy(a.bytes, name, strlen(name));
	return a;
}

static inline dp_u256 amount_of(const char *text, dp_asset asset)
{
	dp_u256 amount;
	assert_int_equal(
	    dp_u256_parse(&amount, text, strlen(text), dp_asset_info_of(asset)->decimals, NULL),
	    DP_OK);
	return amount;
}

static inline void begin_at(const char *on, int64_t time)
{
	dp_tx *tx;
	chain = dp_chain_find(on, strlen(on));
	dp_builder_start(&builder, chain, 21895238, time);
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	if (net == NULL) net = dp_net_new();
	assert_non_null(net);
}

static inline void begin(void)
{
	begin_at("ethereum", noon);
}

static inline dp_movement *row(int kind, const char *symbol, const char *from, const char *to,
                               const char *amount)
{
	dp_movement *mv;
	dp_asset asset = asset_of(symbol);
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = (uint8_t)kind;
	mv->asset = asset;
	mv->from = addr_of(from);
	mv->to = addr_of(to);
	mv->amount = amount_of(amount, asset);
	return mv;
}

static inline void native(const char *from, const char *to, const char *amount)
{
	(void)row(DP_MV_NATIVE, chain->native, from, to, amount);
}

static inline void internal(const char *from, const char *to, const char *amount)
{
	(void)row(DP_MV_INTERNAL, chain->native, from, to, amount);
}

static inline void token(const char *symbol, const char *from, const char *to, const char *amount)
{
	(void)row(DP_MV_TOKEN, symbol, from, to, amount);
}

static inline void fee(const char *from, const char *amount)
{
	(void)row(DP_MV_FEE, chain->native, from, "nobody", amount);
}

static inline const dp_block *finish(void)
{
	const dp_block *b;
	assert_int_equal(dp_builder_finish(&builder, &b, NULL), DP_OK);
	return b;
}

static inline bool needed(void)
{
	bool is_needed;
	assert_int_equal(dp_net_is_needed(net, &is_needed, finish(), 0, NULL), DP_OK);
	return is_needed;
}

// Back from an address to its name.
static inline void put_name(char *out, size_t size, const dp_addr *a)
{
	dp_asset token_of;
	if (a->kind == DP_ADDR_NONE) {
		(void)snprintf(out, size, "nobody");
		return;
	}
	token_of = dp_asset_by_contract(chain, a->bytes);
	if (token_of.v != 0)
		(void)snprintf(out, size, "@%s", dp_asset_info_of(token_of)->symbol);
	else
		(void)snprintf(out, size, "%.20s", (const char *)a->bytes);
}

static inline const char *share_text(const dp_net_share *s)
{
	static char line[400];
	char loser[32], gainer[32], units[DP_U256_DEC_MAX], gained[DP_U256_DEC_MAX];
	const dp_asset_info *asset = dp_asset_info_of(s->asset), *into = dp_asset_info_of(s->into);
	put_name(loser, sizeof loser, &s->loser);
	put_name(gainer, sizeof gainer, &s->gainer);
	(void)dp_u256_format(units, s->units, asset->decimals);
	(void)dp_u256_format(gained, s->gained, into->decimals);
	if (s->is_swap)
		(void)snprintf(line, sizeof line, "%s %s %s => %s %s %s%s\n", loser, units,
		               asset->symbol, gainer, gained, into->symbol,
		               s->is_equal_part ? " (equal)" : "");
	else
		(void)snprintf(line, sizeof line, "%s %s %s -> %s\n", loser, units, asset->symbol,
		               gainer);
	return line;
}

static inline int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

// All shares, sorted as text: expected ones are written in the same order.
static inline const char *shares(void)
{
	static char text[TEXT_MAX];
	const dp_net_share *share;
	uint32_t count;
	bool too_large;
	assert_int_equal(dp_net_shares(net, &share, &count, &too_large, finish(), 0, NULL), DP_OK);
	assert_false(too_large);
	char **lines = calloc(count + 1, sizeof *lines);
	assert_non_null(lines);
	for (uint32_t i = 0; i < count; i++) {
		lines[i] = strdup(share_text(&share[i]));
		if (i > 0) assert_true(share[i - 1].mv_out <= share[i].mv_out);
	}
	qsort(lines, count, sizeof *lines, by_text);
	size_t at = 0;
	text[0] = 0;
	for (uint32_t i = 0; i < count; i++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "%s", lines[i]);
		assert_true(at < sizeof text);
		free(lines[i]);
	}
	free(lines);
	return text;
}

// The first share of this loser that is (not) a swap, for its other fields.
static inline dp_net_share share_of(const char *loser, bool is_swap)
{
	const dp_net_share *share;
	uint32_t count;
	bool too_large;
	dp_addr who = addr_of(loser);
	assert_int_equal(dp_net_shares(net, &share, &count, &too_large, finish(), 0, NULL), DP_OK);
	for (uint32_t i = 0; i < count; i++)
		if (dp_addr_eq(&share[i].loser, &who) && share[i].is_swap == is_swap)
			return share[i];
	fail_msg("no share of %s", loser);
	return (dp_net_share){0};
}

static inline int end_world(void **state)
{
	(void)state;
	dp_net_free(net);
	dp_builder_done(&builder);
	net = NULL;
	return 0;
}

#endif

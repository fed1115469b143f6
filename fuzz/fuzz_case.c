// Case files from hostile bytes. What must hold: no crash, no leak; every refusal says what is
// wrong; what was accepted keeps the promises that the engine builds on (seeds that say what they
// are, amounts below the limit, links with assets and a source), and an engine can be made of it.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/engine.h"

static void check_named(const dp_case *c, const dp_chain *chain)
{
	uint32_t i = 0;
	while (i < c->named_count && c->named[i] != chain) i++;
	DP_CHECK(i < c->named_count);
}

// What waits over two chains needs both of its sides.
static void check_link(const dp_case *c, const dp_link_claim *l)
{
	check_named(c, l->chain);
	check_named(c, l->to_chain);
	bool coins = l->chain->kind == DP_CHAIN_UTXO;
	DP_CHECK(l->asset_count > 0 && l->asset_count <= DP_LINK_ASSETS_MAX);
	DP_CHECK(!dp_u256_is_zero(l->amount) && dp_units_fit(l->amount));
	DP_CHECK(l->by[0] != '\0');
	DP_CHECK(l->has_to_tx || (l->chain == l->to_chain && !coins));
	DP_CHECK(!l->has_to_tx || l->tx_count > 0);
	DP_CHECK(l->to.kind != DP_ADDR_NONE && (l->from.kind == DP_ADDR_NONE) == coins);
	DP_CHECK(!coins || l->through.kind != DP_ADDR_NONE);
	DP_CHECK(dp_asset_info_of(l->asset)->chain == l->to_chain);
	for (uint32_t i = 0; i < l->asset_count; i++)
		DP_CHECK(dp_asset_info_of(l->assets[i])->chain == l->chain);
}

static void check_seed(const dp_case *c, const dp_seed *s)
{
	bool utxo = s->chain->kind == DP_CHAIN_UTXO;
	check_named(c, s->chain);
	DP_CHECK(s->has_outpoint || s->has_addr);
	DP_CHECK(!s->has_outpoint || utxo);
	DP_CHECK(utxo || s->has_addr);
	DP_CHECK(s->has_amount || s->has_outpoint || s->has_tx);
	DP_CHECK(!s->has_amount || (!dp_u256_is_zero(s->amount) && dp_units_fit(s->amount)));
	DP_CHECK(s->asset.v != 0 && s->line > 0);
}

static void check_case(const dp_case *c)
{
	DP_CHECK(c->incident[0] != '\0' && c->chain != NULL && c->policy != NULL);
	DP_CHECK(c->seed_count > 0 && c->seed_count <= DP_CASE_SEEDS_MAX);
	for (uint32_t i = 0; i < c->seed_count; i++) check_seed(c, &c->seed[i]);
	DP_CHECK(c->named_count > 0 && c->named_count <= DP_CASE_CHAINS_MAX);
	DP_CHECK(c->named[0] == c->chain);
	for (uint32_t i = 0; i < c->link_count; i++) check_link(c, &c->link[i]);
	for (uint32_t i = 0; i < c->opening_count; i++)
		DP_CHECK(dp_units_fit(c->opening[i].amount));
	for (uint32_t i = 0; i < c->stop_count; i++) {
		check_named(c, c->stop[i].chain);
		DP_CHECK(c->stop[i].bucket < DP_BUCKET_COUNT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t live = dp_mem_live();
	dp_case c;
	dp_fault fault = {.code = DP_OK};
	dp_code code = dp_case_parse(&c, (const char *)data, size, &fault);
	if (code != DP_OK) {
		DP_CHECK(fault.code == code && fault.text[0] != '\0');
		DP_CHECK(dp_mem_live() == live);
		return 0;
	}
	check_case(&c);
	const dp_case *cases[] = {&c};
	for (uint32_t i = 0; i < c.named_count; i++) {
		dp_engine_options options = {
		    .policy = c.policy, .chain = c.named[i], .undo_blocks = 1};
		dp_engine *e;
		code = dp_engine_new(&e, &options, cases, 1, &fault);
		if (code == DP_OK) dp_engine_free(e);
		DP_CHECK(code == DP_OK || code == DP_LIMIT);
	}
	dp_case_done(&c);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

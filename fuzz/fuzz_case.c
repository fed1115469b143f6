// Case files from hostile bytes. What must hold: no crash, no leak; every refusal says what is
// wrong; what was accepted keeps the promises that the engine builds on (seeds that say what they
// are, amounts below the limit, links with assets and a source), and an engine can be made of it.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/engine.h"

static void check_seed(const dp_case *c, const dp_seed *s)
{
	bool utxo = c->chain->kind == DP_CHAIN_UTXO;
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
	for (uint32_t i = 0; i < c->link_count; i++) {
		const dp_link_claim *l = &c->link[i];
		DP_CHECK(l->asset_count > 0 && l->asset_count <= DP_LINK_ASSETS_MAX);
		DP_CHECK(!dp_u256_is_zero(l->amount) && dp_units_fit(l->amount));
		DP_CHECK(l->by[0] != '\0' && c->chain->kind == DP_CHAIN_ACCOUNT);
	}
	for (uint32_t i = 0; i < c->opening_count; i++)
		DP_CHECK(dp_units_fit(c->opening[i].amount));
	for (uint32_t i = 0; i < c->stop_count; i++)
		DP_CHECK(c->stop[i].bucket > DP_BUCKET_HELD && c->stop[i].bucket < DP_BUCKET_COUNT);
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
	dp_engine_options options = {.policy = c.policy, .chain = c.chain, .undo_blocks = 1};
	const dp_case *cases[] = {&c};
	dp_engine *e;
	code = dp_engine_new(&e, &options, cases, 1, &fault);
	if (code == DP_OK) dp_engine_free(e);
	DP_CHECK(code == DP_OK || code == DP_LIMIT);
	dp_case_done(&c);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

// See digest.h. Fields are hashed one by one: structs have padding. An asset is hashed as what the
// ledger calls it, its contract, or its name: its number changes with the list, and digests are
// kept in casebooks and ledgers.
#include "chain/digest.h"

#include <string.h>
#define XXH_STATIC_LINKING_ONLY // the state on the stack
#include <xxhash.h>

#include "base/check.h"

static void add_asset(XXH3_state_t *s, dp_asset asset)
{
	if (asset.v == 0) return;
	const dp_asset_info *info = dp_asset_info_of(asset);
	(void)XXH3_128bits_update(s, &info->has_contract, sizeof info->has_contract);
	if (info->has_contract) (void)XXH3_128bits_update(s, info->contract, sizeof info->contract);
	// A share has the contract of its token, and is told from it by its name.
	if (!info->has_contract || dp_asset_nominal(asset).v != 0)
		(void)XXH3_128bits_update(s, info->symbol, strlen(info->symbol));
}

// What an input spends says all there is to say: whose it was and what it is worth a source may
// know or not, as much memory as it has, and the block is the same.
static void add_movement(XXH3_state_t *s, const dp_movement *mv)
{
	(void)XXH3_128bits_update(s, &mv->kind, sizeof mv->kind);
	if (mv->kind == DP_MV_INPUT) {
		(void)XXH3_128bits_update(s, mv->spent.txid, sizeof mv->spent.txid);
		(void)XXH3_128bits_update(s, &mv->spent.vout, sizeof mv->spent.vout);
		return;
	}
	(void)XXH3_128bits_update(s, &mv->amount, sizeof mv->amount);
	add_asset(s, mv->asset);
	(void)XXH3_128bits_update(s, &mv->flags, sizeof mv->flags);
	(void)XXH3_128bits_update(s, &mv->from, sizeof mv->from);
	(void)XXH3_128bits_update(s, &mv->to, sizeof mv->to);
	if (mv->asset.v != 0) return;
	(void)XXH3_128bits_update(s, mv->noise.contract, sizeof mv->noise.contract);
	(void)XXH3_128bits_update(s, mv->noise.symbol, sizeof mv->noise.symbol);
}

void dp_block_digest(uint8_t ret_digest[32], const dp_block *block)
{
	DP_CHECK(block != NULL);
	XXH3_state_t state, *s = &state;
	memset(ret_digest, 0, 32);
	(void)XXH3_128bits_reset(s);
	(void)XXH3_128bits_update(s, &block->height, sizeof block->height);
	(void)XXH3_128bits_update(s, &block->time, sizeof block->time);
	for (uint32_t t = 0; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		(void)XXH3_128bits_update(s, tx->id, sizeof tx->id);
		for (uint32_t i = 0; i < tx->mv_count; i++)
			add_movement(s, &block->mv[tx->mv_first + i]);
	}
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(s));
	memcpy(ret_digest, canonical.digest, sizeof canonical.digest);
}

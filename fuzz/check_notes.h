// What every block that a source of EVM chains made must hold of its notes, for the fuzz targets of
// such sources.
#ifndef DP_FUZZ_CHECK_NOTES_H
#define DP_FUZZ_CHECK_NOTES_H

#include <stdint.h>

#include "base/check.h"
#include "chain/asset.h"
#include "chain/block.h"

static volatile uint32_t bytes_seen; // so that what notes carry is read

// Every note belongs to a transaction that was done, and holds what it says.
static void check_notes(const dp_block *k)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < k->note_count; i++) {
		const dp_note *n = &k->note[i];
		const dp_tx *tx = &k->tx[n->tx];
		DP_CHECK((tx->flags & (DP_TXF_FAILED | DP_TXF_COINBASE)) == 0);
		DP_CHECK(n->data_size == n->full_size || n->data_size == DP_NOTE_DATA_MAX);
		for (uint32_t b = 0; b < n->data_size; b++) sum += dp_note_data(k, n)[b];
		if (n->kind == DP_NOTE_LOG) DP_CHECK(dp_note_topic_wanted(n->topic[0]));
		if (n->kind != DP_NOTE_NOMINAL) continue;
		DP_CHECK(n->at < tx->mv_count);
		dp_asset asset = k->mv[tx->mv_first + n->at].asset;
		DP_CHECK(dp_asset_nominal(asset).v != 0);
	}
	bytes_seen = sum;
}

#endif

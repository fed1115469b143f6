// Safes that were given to foreign code (shape/safe.h), written down while a theft may follow.
//
// How a wallet was taken over is in call data of a transaction before the theft. Nobody is followed
// yet in that block, so nothing of it would be in the casebook: a note of kind 'safe-takeover'
// keeps it. Whose Safe matters is told by the theft, later; report/case_feed.c picks those.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/private.h"
#include "casebook/sql.h"
#include "shape/safe.h"

// Could somebody's Safe still become the one that was robbed? A theft of the cases has yet to come,
// or is in this block. Before that nobody says whose it will be, so everybody's count.
static bool is_before_theft(const dp_engine *e)
{
	uint32_t index, waiting, count;
	(void)dp_engine_pending_seed(e, &index, &waiting);
	if (waiting > 0) return true;
	const dp_event *ev = dp_engine_events(e, &count);
	for (uint32_t i = 0; i < count; i++)
		if (ev[i].kind == DP_EV_FLOW && ev[i].src == DP_PARTY_THEFT) return true;
	return false;
}

// The next note at or behind *io_at by which a Safe was given to foreign code. Whoever likes can
// send a Safe such a call: without its owners' signatures it fails.
static bool next_takeover(const dp_casebook *cb, const dp_block *b, dp_safe_call *ret_call,
                          uint32_t *io_at)
{
	if (cb->now->no_links || b->chain->kind != DP_CHAIN_ACCOUNT) return false;
	for (; *io_at < b->note_count; ++*io_at) {
		const dp_note *n = &b->note[*io_at];
		if (n->kind == DP_NOTE_SAFE && (b->tx[n->tx].flags & DP_TXF_FAILED) == 0 &&
		    dp_safe_takeover(ret_call, b, n))
			return true;
	}
	return false;
}

static void bind_evm(sqlite3_stmt *s, int column, const uint8_t address[20], const dp_chain *chain)
{
	char text[DP_ADDR_TEXT_MAX];
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, address, 20);
	dp_addr_format(text, &a, chain);
	dp_sql_text(s, column, text);
}

bool dp_takeovers_has(const dp_casebook *cb, const dp_engine *e, const dp_block *block)
{
	dp_safe_call call;
	uint32_t at = 0;
	return next_takeover(cb, block, &call, &at) && is_before_theft(e);
}

dp_code dp_takeovers_record(dp_casebook *cb, const dp_engine *e, const dp_block *block,
                            dp_fault *fault)
{
	dp_safe_call call;
	uint32_t at = 0;
	if (!dp_takeovers_has(cb, e, block)) return DP_OK;
	for (; next_takeover(cb, block, &call, &at); at++) {
		char text[16] = "", asset[DP_ASSET_TEXT_MAX];
		if (call.has_selector) (void)snprintf(text, sizeof text, "0x%08x", call.selector);
		sqlite3_stmt *s = cb->add_note;
		dp_sql_i64(s, 1, cb->now->run);
		dp_sql_u64(s, 2, block->height);
		dp_sql_i64(s, 3, block->time);
		dp_sql_text(s, 4, dp_casebook_tx(cb, block, block->note[at].tx));
		dp_sql_text(s, 5, "safe-takeover");
		dp_sql_i64(s, 6, 0);
		bind_evm(s, 7, call.safe, block->chain);
		bind_evm(s, 8, call.target, block->chain);
		dp_sql_text(s, 9, dp_casebook_asset(asset, dp_asset_native(block->chain)));
		dp_sql_amount(s, 10, dp_u256_of(call.score));
		dp_sql_text(s, 11, text);
		DP_TRY(dp_sql_done(cb->db, s, fault));
	}
	return DP_OK;
}

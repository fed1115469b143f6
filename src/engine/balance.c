// Balances of pools that carry no taint: when taint first arrives at one, what it had before is
// known from the same source. A plain open-addressing table; entries are never removed (a pool that
// became followed keeps its last balance, unused), so undoing is putting old values back.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/private.h"

struct dp_balance {
	dp_addr addr; // kind NONE: empty
	dp_asset asset;
	uint32_t reserved;
	dp_u256 amount;
};

enum {
	BALANCES_FIRST = 1024,
	LOG_ENTRY = sizeof(dp_addr) + sizeof(dp_asset) + sizeof(dp_u256) // as it was before
};
#define BALANCES_MAX ((uint64_t)1 << 31)

static uint64_t place_of(const dp_addr *addr, dp_asset asset)
{
	return dp_holder_mix(dp_addr_key(addr), asset);
}

// The entry, or the empty slot where it would be.
static struct dp_balance *look_up(const dp_balances *b, const dp_addr *addr, dp_asset asset)
{
	for (uint64_t at = place_of(addr, asset) & (b->cap - 1);; at = (at + 1) & (b->cap - 1)) {
		struct dp_balance *x = &b->item[at];
		if (x->addr.kind == DP_ADDR_NONE) return x;
		if (x->asset.v == asset.v && dp_addr_eq(&x->addr, addr)) return x;
	}
}

static dp_code grow(dp_balances *b, dp_fault *fault)
{
	uint64_t cap = b->cap == 0 ? BALANCES_FIRST : b->cap * 2;
	if (cap > BALANCES_MAX)
		return dp_fail(fault, DP_LIMIT, "more wallets than can be kept in memory");
	dp_balances bigger = {.cap = cap, .count = b->count};
	bigger.item = dp_alloc(cap * sizeof *bigger.item);
	if (bigger.item == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < b->cap; i++)
		if (b->item[i].addr.kind != DP_ADDR_NONE)
			*look_up(&bigger, &b->item[i].addr, b->item[i].asset) = b->item[i];
	dp_free(b->item);
	*b = bigger;
	return DP_OK;
}

void dp_balances_done(dp_balances *b)
{
	dp_free(b->item);
	*b = (dp_balances){0};
}

static dp_code change(dp_engine *e, const dp_addr *addr, dp_asset asset, dp_u256 amount, bool in,
                      dp_fault *fault)
{
	dp_balances *b = &e->balances;
	if ((b->count + 1) * 4 > b->cap * 3) DP_TRY(grow(b, fault));
	struct dp_balance *x = look_up(b, addr, asset);
	dp_buffer *log = &e->now.balance_log;
	uint8_t entry[LOG_ENTRY];
	memcpy(entry, addr, sizeof *addr);
	memcpy(entry + sizeof *addr, &asset, sizeof asset);
	memcpy(entry + sizeof *addr + sizeof asset, &x->amount, sizeof x->amount);
	DP_TRY(dp_buffer_put(log, entry, sizeof entry, fault));
	if (x->addr.kind == DP_ADDR_NONE) {
		x->addr = *addr;
		x->asset = asset;
		b->count++;
	}
	if (in) {
		dp_u256 sum;
		if (dp_u256_add_over(&sum, x->amount, amount) || !dp_total_fits(sum))
			return dp_fail(fault, DP_BAD_BYTES,
			               "the balance of a wallet grows to 2^254 base units: the "
			               "amounts of the source cannot be right");
		x->amount = sum;
	} else {
		// What leaves beyond what was seen had come in before the source began.
		x->amount = dp_u256_sub(x->amount, dp_u256_min(x->amount, amount));
	}
	return DP_OK;
}

dp_code dp_balance_note(dp_engine *e, const dp_movement *mv, bool from_known, bool to_known,
                        dp_fault *fault)
{
	DP_CHECK(mv->asset.v != 0);
	if (mv->from.kind != DP_ADDR_NONE && !from_known)
		DP_TRY(change(e, &mv->from, mv->asset, mv->amount, false, fault));
	if (mv->to.kind != DP_ADDR_NONE && !to_known)
		DP_TRY(change(e, &mv->to, mv->asset, mv->amount, true, fault));
	return DP_OK;
}

bool dp_balance_get(const dp_engine *e, dp_u256 *ret_balance, const dp_addr *addr, dp_asset asset)
{
	if (e->balances.cap == 0) return false;
	const struct dp_balance *x = look_up(&e->balances, addr, asset);
	if (x->addr.kind == DP_ADDR_NONE || dp_u256_is_zero(x->amount)) return false;
	*ret_balance = x->amount;
	return true;
}

dp_code dp_balances_undo(dp_engine *e, const dp_buffer *log, dp_fault *fault)
{
	if (log == NULL) return DP_OK;
	if (log->size % LOG_ENTRY != 0) return dp_fail(fault, DP_BAD_BYTES, "a log is damaged");
	for (uint64_t at = log->size; at > 0; at -= LOG_ENTRY) {
		const uint8_t *p = log->bytes + at - LOG_ENTRY;
		dp_addr addr;
		dp_asset asset;
		memcpy(&addr, p, sizeof addr);
		memcpy(&asset, p + sizeof addr, sizeof asset);
		struct dp_balance *x = look_up(&e->balances, &addr, asset);
		DP_CHECK(x->addr.kind != DP_ADDR_NONE);
		memcpy(&x->amount, p + sizeof addr + sizeof asset, sizeof x->amount);
	}
	return DP_OK;
}

// Rules 3 and 4 of net.h: which of the lots are exchanged, and by whom with whom.
//
//   thief --10 ETH--> pool --20,000 USDC--> friend         pool: lost and gained, a converter
//     \--0.1 ETH--> builder                               market {pool}: in 10 ETH, out 20,000 USDC
//
// First every party that lost and gained is asked whether it can have sold the one for the other.
// Converters that pay one another are joined to markets (union-find). Then each market is looked
// at: what comes into it from those who are no converters, what goes out to such, and which of that
// belongs together. When all is said a converter may be left with one side only; then it is none,
// and the markets are made anew. Converters only ever become fewer, so it ends.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/net_private.h"

enum { SINGLES_MAX = 64 };

//- who lost and gained what ----------------------------------------------------------------------

static dp_code index_lots(dp_net *n, dp_fault *fault)
{
	DP_TRY(NET_HOLD(n, loss_at, n->lot_count, fault));
	DP_TRY(NET_HOLD(n, gain_at, n->lot_count, fault));
	for (uint32_t i = 0; i < n->lot_count; i++) {
		n->party[n->lot[i].loser].loss_count++;
		n->party[n->lot[i].gainer].gain_count++;
	}
	uint32_t losses = 0, gains = 0;
	for (uint32_t p = 0; p < n->party_count; p++) {
		n->party[p].loss_first = losses;
		n->party[p].gain_first = gains;
		losses += n->party[p].loss_count;
		gains += n->party[p].gain_count;
		n->party[p].loss_count = n->party[p].gain_count = 0;
	}
	for (uint32_t i = 0; i < n->lot_count; i++) {
		net_party *loser = &n->party[n->lot[i].loser];
		net_party *gainer = &n->party[n->lot[i].gainer];
		n->loss_at[loser->loss_first + loser->loss_count++] = i;
		n->gain_at[gainer->gain_first + gainer->gain_count++] = i;
	}
	return DP_OK;
}

static dp_code add_item(dp_net *n, bool other, const net_lot *lot, dp_fault *fault)
{
	dp_worth_item item = {lot->asset, lot->units};
	if (other) {
		DP_TRY(NET_PUSH(n, item_other, DP_NET_WORK_MAX, fault));
		n->item_other[n->item_other_count++] = item;
	} else {
		DP_TRY(NET_PUSH(n, item, DP_NET_WORK_MAX, fault));
		n->item[n->item_count++] = item;
	}
	return DP_OK;
}

// Can the items have been given for the other items?
static dp_code compare(dp_net *n, dp_worth_verdict *ret_verdict, uint32_t divisor)
{
	// A value is worth some twenty passed-on lots of work.
	DP_TRY(net_spend(n, (n->item_count + n->item_other_count) * 20));
	*ret_verdict = dp_worth_compare_sums(n->item, n->item_count, n->item_other,
	                                     n->item_other_count, n->block->time, divisor);
	return DP_OK;
}

static inline bool is_absurd(dp_worth_verdict v)
{
	return v == DP_WORTH_TOO_LITTLE || v == DP_WORTH_TOO_MUCH;
}

//- converters ------------------------------------------------------------------------------------

// What one party lost (or gained), all of it or only what went to (came from) one other party.
static dp_code side_of(dp_net *n, const net_party *p, bool losses, uint32_t only, dp_fault *fault)
{
	const uint32_t *at = losses ? n->loss_at + p->loss_first : n->gain_at + p->gain_first;
	uint32_t count = losses ? p->loss_count : p->gain_count;
	if (losses)
		n->item_count = 0;
	else
		n->item_other_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const net_lot *lot = &n->lot[at[i]];
		uint32_t who = losses ? lot->gainer : lot->loser;
		if (only == NET_NOBODY || who == only) DP_TRY(add_item(n, !losses, lot, fault));
	}
	return DP_OK;
}

// Is there one single party on the side that is worth too much, such that what went to it (came
// from it) is plausible?
static dp_code find_single(dp_net *n, uint32_t *ret_only, const net_party *p, bool losses,
                           uint32_t divisor, dp_fault *fault)
{
	const uint32_t *at = losses ? n->loss_at + p->loss_first : n->gain_at + p->gain_first;
	uint32_t count = losses ? p->loss_count : p->gain_count;
	*ret_only = NET_NOBODY;
	DP_TRY(side_of(n, p, !losses, NET_NOBODY, fault));
	for (uint32_t i = 0; i < count && i < SINGLES_MAX; i++) {
		const net_lot *lot = &n->lot[at[i]];
		uint32_t who = losses ? lot->gainer : lot->loser;
		dp_worth_verdict verdict;
		DP_TRY(side_of(n, p, losses, who, fault));
		if ((losses ? n->item_count : n->item_other_count) == count) break; // all there are
		DP_TRY(compare(n, &verdict, divisor));
		if (verdict != DP_WORTH_PLAUSIBLE) continue;
		*ret_only = who;
		break;
	}
	return DP_OK;
}

// For what went to (came from) all others it is no converter.
static void give_away(dp_net *n, const net_party *p, bool losses, uint32_t except)
{
	const uint32_t *at = losses ? n->loss_at + p->loss_first : n->gain_at + p->gain_first;
	uint32_t count = losses ? p->loss_count : p->gain_count;
	for (uint32_t i = 0; i < count; i++) {
		net_lot *lot = &n->lot[at[i]];
		if ((losses ? lot->gainer : lot->loser) == except) continue;
		if (losses)
			lot->is_given = true;
		else
			lot->is_gotten = true;
	}
}

static dp_code ask_converter(dp_net *n, uint32_t party, dp_fault *fault)
{
	net_party *p = &n->party[party];
	p->is_converter = false;
	if (p->loss_count == 0 || p->gain_count == 0) return DP_OK;
	for (int round = 0; round < 2; round++) {
		uint32_t divisor = round == 0 ? 1 : DP_WORTH_SALE;
		dp_worth_verdict verdict;
		uint32_t only;
		DP_TRY(side_of(n, p, true, NET_NOBODY, fault));
		DP_TRY(side_of(n, p, false, NET_NOBODY, fault));
		DP_TRY(compare(n, &verdict, divisor));
		if (!is_absurd(verdict)) {
			p->is_converter = true;
			return DP_OK;
		}
		bool losses = verdict == DP_WORTH_TOO_LITTLE;
		DP_TRY(find_single(n, &only, p, losses, divisor, fault));
		if (only != NET_NOBODY) {
			p->is_converter = true;
			give_away(n, p, losses, only);
			return DP_OK;
		}
	}
	return DP_OK;
}

//- markets ---------------------------------------------------------------------------------------

uint32_t dp_net_market_of(dp_net *n, uint32_t party)
{
	while (n->party[party].parent != party) {
		uint32_t *parent = &n->party[party].parent;
		*parent = n->party[*parent].parent;
		party = *parent;
	}
	return party;
}

// Is the loser (the gainer) of this lot a converter for it?
static inline bool is_sold(const dp_net *n, const net_lot *lot)
{
	return n->party[lot->loser].is_converter && !lot->is_given;
}

static inline bool is_bought(const dp_net *n, const net_lot *lot)
{
	return n->party[lot->gainer].is_converter && !lot->is_gotten;
}

static int by_market(const void *a, const void *b)
{
	const net_edge *x = a, *y = b;
	if (x->market != y->market) return x->market < y->market ? -1 : 1;
	if (x->party != y->party) return x->party < y->party ? -1 : 1;
	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

// Joins converters that pay one another, and gathers what else comes in and goes out.
static dp_code join_markets(dp_net *n, dp_fault *fault)
{
	DP_TRY(net_spend(n, n->lot_count + n->party_count));
	for (uint32_t p = 0; p < n->party_count; p++) n->party[p].parent = p;
	n->edge_count = 0;
	for (uint32_t i = 0; i < n->lot_count; i++) {
		net_lot *lot = &n->lot[i];
		lot->is_exchanged = is_sold(n, lot) && is_bought(n, lot);
		if (!lot->is_exchanged) continue;
		uint32_t a = dp_net_market_of(n, lot->loser);
		uint32_t b = dp_net_market_of(n, lot->gainer);
		n->party[a > b ? a : b].parent = a > b ? b : a;
	}
	for (uint32_t i = 0; i < n->lot_count; i++) {
		const net_lot *lot = &n->lot[i];
		bool from = is_sold(n, lot), to = is_bought(n, lot);
		if (from == to) continue;
		DP_TRY(NET_PUSH(n, edge, DP_NET_WORK_MAX + 1, fault));
		n->edge[n->edge_count++] =
		    (net_edge){.market = dp_net_market_of(n, from ? lot->loser : lot->gainer),
		               .party = from ? lot->gainer : lot->loser,
		               .lot = i,
		               .is_in = to};
	}
	if (n->edge_count > 1) qsort(n->edge, n->edge_count, sizeof *n->edge, by_market);
	return DP_OK;
}

static void mark(dp_net *n, uint32_t first, uint32_t end, bool is_in, uint8_t was, uint8_t part)
{
	for (uint32_t i = first; i < end; i++) {
		net_edge *e = &n->edge[i];
		if (e->is_in != is_in || e->part != was) continue;
		e->part = part;
		n->lot[e->lot].is_exchanged = part != NET_STAYS;
	}
}

static dp_code gather(dp_net *n, uint32_t first, uint32_t end, uint8_t part, uint32_t *ret_in,
                      uint32_t *ret_out, dp_fault *fault)
{
	n->item_count = n->item_other_count = 0;
	for (uint32_t i = first; i < end; i++)
		if (n->edge[i].part == part)
			DP_TRY(add_item(n, !n->edge[i].is_in, &n->lot[n->edge[i].lot], fault));
	*ret_in = n->item_count;
	*ret_out = n->item_other_count;
	return DP_OK;
}

// One party's own: what it paid into this market, and what it got out of it. What those paid who
// got nothing worth it, and what those got who paid nothing, is marked as the rest.
static dp_code settle_own(dp_net *n, uint32_t first, uint32_t end, dp_fault *fault)
{
	uint32_t in, out;
	dp_worth_verdict verdict = DP_WORTH_UNKNOWN;
	DP_TRY(gather(n, first, end, NET_STAYS, &in, &out, fault));
	if (in > 0 && out > 0) DP_TRY(compare(n, &verdict, DP_WORTH_SALE));
	bool is_own = in > 0 && out > 0 && !is_absurd(verdict);
	if (in > 0) mark(n, first, end, true, NET_STAYS, is_own ? NET_OWN : NET_REST);
	if (is_own || in == 0) mark(n, first, end, false, NET_STAYS, is_own ? NET_OWN : NET_REST);
	return DP_OK;
}

//- the sender ------------------------------------------------------------------------------------

uint32_t dp_net_sender(const dp_net *n)
{
	const dp_tx *tx = &n->block->tx[n->tx];
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &n->block->mv[i];
		bool is_his = mv->kind == DP_MV_NATIVE || mv->kind == DP_MV_FEE;
		if (is_his && mv->from.kind != DP_ADDR_NONE)
			return dp_net_party(n, &mv->from, n->block->src_key[i]);
	}
	return NET_NOBODY;
}

// Does this converter pay the sender in this asset?
static bool pays_sender(const dp_net *n, uint32_t sender, uint32_t from, dp_asset asset)
{
	const net_party *p = &n->party[sender];
	for (uint32_t i = 0; i < p->gain_count; i++) {
		const net_lot *lot = &n->lot[n->gain_at[p->gain_first + i]];
		if (lot->is_exchanged && !lot->is_gotten && lot->loser == from &&
		    lot->asset.v == asset.v)
			return true;
	}
	return false;
}

// Nobody else paid in: what others got of the same kind from the same hand is the sender's too.
static dp_code settle_sender(dp_net *n, uint32_t first, uint32_t end, dp_fault *fault)
{
	uint32_t sender = dp_net_sender(n), sent = 0;
	if (sender == NET_NOBODY || !n->party[sender].is_converter ||
	    dp_net_market_of(n, sender) != n->edge[first].market)
		return DP_OK;
	const net_party *p = &n->party[sender];
	n->item_count = n->item_other_count = 0;
	DP_TRY(net_spend(n, p->loss_count + p->gain_count));
	for (uint32_t i = 0; i < p->loss_count; i++) {
		const net_lot *lot = &n->lot[n->loss_at[p->loss_first + i]];
		if (lot->is_exchanged && !lot->is_given) DP_TRY(add_item(n, false, lot, fault));
	}
	for (uint32_t i = 0; i < p->gain_count; i++) {
		const net_lot *lot = &n->lot[n->gain_at[p->gain_first + i]];
		if (lot->is_exchanged && !lot->is_gotten) DP_TRY(add_item(n, true, lot, fault));
	}
	for (uint32_t i = first; i < end; i++) {
		net_edge *e = &n->edge[i];
		const net_lot *lot = &n->lot[e->lot];
		if (e->part != NET_REST || e->is_in || lot->loser == sender) continue;
		DP_TRY(net_spend(n, p->gain_count));
		if (!pays_sender(n, sender, lot->loser, lot->asset)) continue;
		DP_TRY(add_item(n, true, lot, fault));
		e->part = NET_SENT;
		sent++;
	}
	dp_worth_verdict verdict;
	if (sent == 0) return DP_OK;
	DP_TRY(compare(n, &verdict, 1));
	mark(n, first, end, false, NET_SENT, is_absurd(verdict) ? NET_STAYS : NET_SENT);
	return DP_OK;
}

static dp_code settle_market(dp_net *n, uint32_t first, uint32_t end, dp_fault *fault)
{
	uint32_t in, out;
	for (uint32_t i = first, next; i < end; i = next) {
		for (next = i + 1; next < end && n->edge[next].party == n->edge[i].party;) next++;
		DP_TRY(settle_own(n, i, next, fault));
	}
	DP_TRY(gather(n, first, end, NET_REST, &in, &out, fault));
	bool is_paid = false;
	if (in > 0 && out > 0) {
		dp_worth_verdict verdict;
		DP_TRY(compare(n, &verdict, DP_WORTH_SALE));
		is_paid = !is_absurd(verdict);
	}
	if (is_paid) return DP_OK;
	// The lots of the rest stay; only the sender may have a claim on what came out.
	if (in == 0 && out > 0) DP_TRY(settle_sender(n, first, end, fault));
	mark(n, first, end, true, NET_REST, NET_STAYS);
	mark(n, first, end, false, NET_REST, NET_STAYS);
	return DP_OK;
}

//- until nothing changes -------------------------------------------------------------------------

// A converter that only sold or only bought is none: what it paid and got is looked at again as
// that of anybody else.
static bool drop_one_sided(dp_net *n)
{
	bool changed = false;
	for (uint32_t i = 0; i < n->party_count; i++) {
		net_party *p = &n->party[i];
		uint32_t sold = 0, bought = 0;
		if (!p->is_converter) continue;
		for (uint32_t k = 0; k < p->loss_count; k++) {
			const net_lot *lot = &n->lot[n->loss_at[p->loss_first + k]];
			sold += lot->is_exchanged && !lot->is_given;
		}
		for (uint32_t k = 0; k < p->gain_count; k++) {
			const net_lot *lot = &n->lot[n->gain_at[p->gain_first + k]];
			bought += lot->is_exchanged && !lot->is_gotten;
		}
		if (sold > 0 && bought > 0) continue;
		p->is_converter = false;
		changed = true;
	}
	return changed;
}

dp_code dp_net_markets(dp_net *n, dp_fault *fault)
{
	DP_TRY(index_lots(n, fault));
	for (uint32_t p = 0; p < n->party_count; p++) DP_TRY(ask_converter(n, p, fault));
	do {
		DP_TRY(join_markets(n, fault));
		for (uint32_t i = 0, end; i < n->edge_count; i = end) {
			for (end = i + 1; end < n->edge_count;) {
				if (n->edge[end].market != n->edge[i].market) break;
				end++;
			}
			DP_TRY(settle_market(n, i, end, fault));
		}
	} while (drop_one_sided(n));
	return DP_OK;
}

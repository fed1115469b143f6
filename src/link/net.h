// Net flows inside one transaction of an account chain: who lost what, who gained what for it.
//
// A swap is not a movement. Money goes from the thief to a router, to a pool, and something else
// comes out of the pool for the thief; or one contract does it for a hundred people at once (CoW,
// Fusion, UniswapX). What counts is what each party lost and gained in the whole transaction
// (domain.md 1.5, 4.4; design.md 4). The rules, in full:
//
// 1. Rows. Value rows of the transaction: no fees, nothing failed, no noise, no zero amounts,
//    nothing from somebody to himself. A row from nobody (mint) comes from the asset's contract, a
//    row to nobody (burn) goes to it; for native assets: nobody stays nobody. The rows of one
//    asset stand in the order in which they happened; how those of two assets lie between one
//    another is not known (native rows stand before token rows), and no rule uses it.
// 2. Lots. In each asset, an address passes on first what it received in this transaction, oldest
//    first, then what it had before. A lot remembers who had it before and the row by which it
//    left him. What comes back to that address is no flow. At the end lot (loser -> gainer, asset,
//    amount) says who paid whom, through any number of routers. An address that is both at the end
//    was paid after it had paid: what it got (in order of arrival, then of departure) takes the
//    place of what it gave (in order of departure, then of arrival), and it falls out of the
//    middle; address by address, in the order in which the rows of the asset name them, payer
//    first. So flash loans vanish, and in each asset everybody is loser or gainer or neither.
// 3. Converters. Who lost and gained (of different assets, then) sold the one for the other, where
//    that is not absurd (worth.h). Tried in this order: all that it lost for all that it gained,
//    within the bounds of the year; the same where of the side that is worth too much only what
//    went to (came from) one single party counts, each such party in turn, where the worth is
//    known; then both again with a factor of two to spare (a tenth, where units tell). For what
//    that leaves over (a tip, a present to a friend, liquidity) it is no converter. Where nobody
//    knows the worth it is believed. A pool, a wrapper, a filler and the user himself all are
//    converters.
//    Converters with lots between them, for which both are, form one market.
// 4. Exchange. What converters pay one another is exchanged: each one's losses of it for its own
//    gains of it. What the others pay into a market, and what it pays to others, is exchanged too:
//      - own: of somebody who paid in and got something out, one for the other where not absurd;
//      - the rest of those who paid in, together, for what came out to those who paid nothing in,
//        where the sums are not absurd (a swap to another recipient);
//      - where nobody else paid in: if the transaction's sender is a converter of the market, and
//        another converter pays to one who is none the same asset as to the sender, that counts
//        among the sender's gains where the sum is not absurd (he has part of it sent elsewhere).
//    All other lots stay: what the loser paid goes to the gainer as what it is. A converter that
//    is left with only losses or only gains of what is exchanged is none, and the rule is applied
//    again.
// 5. Sharing. Exchanged losses are split over exchanged gains: over the assets by worth where all
//    are known, else in equal parts, and within one asset by units; so are the gains over the
//    losses. Cumulative floor rule, in order of assets (their numbers), then of rows.
// WETH and ETH are assets like others: the wrapper is a converter.
// Every lot's units are in exactly one share; units of gained assets are handed out at most once.
#ifndef DP_LINK_NET_H
#define DP_LINK_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/block.h"

typedef struct dp_net_share {
	dp_addr loser;      // whose it was before the transaction; kind NONE: made from
	                    // nothing (also where the contract that mints it sold it)
	dp_asset asset;     // what it lost
	dp_u256 units;      // so much of that
	dp_addr gainer;     // who has, after the transaction, (kind NONE: it stays, and is burnt)
	dp_asset into;      // this asset (the same where it stays)
	dp_u256 gained;     // so much of it, for these units; 0: less than one unit
	uint32_t mv;        // last row by which it reached the gainer: index in the block
	uint32_t mv_out;    // first row by which it left the loser
	bool is_swap;       // into another asset, or back through a market
	dp_addr via;        // is_swap: who took it: a converter (the first), else the first of all
	uint32_t parts;     // is_swap: how many shares this loser's asset was swapped into; else 1
	bool is_equal_part; // split without knowing worth
} dp_net_share;

// Working memory, reused from call to call.
typedef struct dp_net dp_net;
dp_net *dp_net_new(void); // NULL: no memory
void dp_net_free(dp_net *n);

// Is there anything in this transaction that movement by movement could get wrong: somebody who was
// paid in one asset and paid in another, or who paid before it was paid (a flash loan, a refund)?
// False for nearly all transactions; a few tens of nanoseconds for those of few rows. Where it is
// false the shares are what the rows say. False for UTXO chains.
DP_MUST dp_code dp_net_is_needed(dp_net *n, bool *ret_needed, const dp_block *b, uint32_t tx,
                                 dp_fault *fault);
// The shares, sorted by mv_out, then mv: all losers. Valid until the next call. What is too large
// is not looked into: *ret_count 0 and *ret_too_large. That is more than DP_NET_ROWS_MAX value
// rows, more than DP_NET_SHARES_MAX shares, amounts of 2^238 base units or more, or rows made so
// that lots are passed on more than DP_NET_WORK_MAX times.
enum { DP_NET_ROWS_MAX = 1 << 16, DP_NET_SHARES_MAX = 1 << 15, DP_NET_WORK_MAX = 1 << 23 };
DP_MUST dp_code dp_net_shares(dp_net *n, const dp_net_share **ret_share, uint32_t *ret_count,
                              bool *ret_too_large, const dp_block *b, uint32_t tx, dp_fault *fault);

#endif

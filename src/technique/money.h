// What a transfer says of money: an amount that fits, what it was worth, what kind of asset it is.
// All feeds tell these alike (a case's, a ledger's), so that shapes and rules see one measure.
#ifndef DP_TECHNIQUE_MONEY_H
#define DP_TECHNIQUE_MONEY_H

#include "base/u256.h"
#include "chain/asset.h"
#include "technique/transfer.h"

enum { DP_MONEY_DECIMALS = 9 }; // of dp_transfer.amount at the most

// Base units cut to nine decimals; saturates.
uint64_t dp_money_cut(dp_asset asset, dp_u256 units);
// How many decimals the amount of a transfer has.
uint32_t dp_money_decimals(dp_asset asset);

// The price that was asked for last: transfers come in order of time, mostly of the same asset.
typedef struct dp_money_price {
	dp_asset asset;
	int64_t day;
	uint64_t low, high; // cents a whole coin
} dp_money_price;
// Fills in worth_low and worth_high, from amount and time.
void dp_money_worth(dp_money_price *io_price, dp_transfer *io_transfer, dp_asset asset);

// The DP_TRF_* that an asset gives its transfers.
uint8_t dp_money_flags(dp_asset asset, bool is_coins);

// The number of a venue: equal names, equal numbers.
uint32_t dp_money_venue(const char *name);

#endif

// Exposure: from which named places an address's money came and to which it went on, see ledger.h
// for how. Private to this room.
#ifndef DP_SCREEN_EXPOSURE_H
#define DP_SCREEN_EXPOSURE_H

#include "ledger/ledger.h"
#include "screen/rules.h"

enum {
	DP_EXPOSURE_HISTORY_MAX = 100000, // transactions of the address that are looked at
	DP_EXPOSURE_ARRIVALS = 200,       // followed, of one asset: those of the most units
	DP_EXPOSURE_PLACES_MAX = 1 << 20,
	DP_EXPOSURE_NOTE_MAX = 200,
	DP_EXPOSURE_NOTES_MAX = 16
};
#define DP_EXPOSURE_STEPS_MAX ((uint64_t)1000000)
#define DP_EXPOSURE_TXS_MAX ((uint64_t)1000000) // looked at while following forward

typedef struct dp_exposure_options {
	const dp_tags *tags;
	const dp_network *network;
	uint32_t hub_limit, arrivals_max;
	uint64_t steps_max;
	uint64_t block_end; // number of the first block that is not looked at
	uint64_t tx_end;    // its first transaction
	int64_t at;         // as of when tags are on their lists
} dp_exposure_options;

// Units of one asset that came from, or went on to, one tagged place. In order of side, asset,
// units descending, address.
typedef struct dp_exposure_row {
	uint8_t side; // DP_SIDE_*
	uint16_t hops;
	uint32_t share; // of all that came in
	dp_asset asset;
	dp_addr place;
	const dp_tag_record *tag; // its tag of the worst class
	dp_u256 units;
	bool is_uncertain; // not all that came in could be followed to its end
} dp_exposure_row;

typedef struct dp_exposure {
	dp_exposure_row *row;
	uint64_t row_cap;
	uint32_t row_count;
	char note[DP_EXPOSURE_NOTES_MAX][DP_EXPOSURE_NOTE_MAX];
	uint32_t note_count;
} dp_exposure;

DP_MUST dp_code dp_exposure_of(dp_exposure *ret_exposure, dp_ledger *l, const dp_addr *addr,
                               const dp_exposure_options *options, dp_fault *fault);
void dp_exposure_done(dp_exposure *e);

#endif

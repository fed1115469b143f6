// A case: an incident as it is known, and how we follow it. Read from a YAML file (design.md 8);
// every mistake in it is reported with line and column, and nothing in it is guessed.
#ifndef DP_ENGINE_CASE_H
#define DP_ENGINE_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/u256.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/chain.h"
#include "taint/policy.h"

// Where origin units can be, besides at holders. The order is fixed: casebooks store the numbers.
typedef enum dp_bucket {
	DP_BUCKET_HELD = 0, // at holders we follow
	DP_BUCKET_SERVICE,
	DP_BUCKET_MIXER,
	DP_BUCKET_UNRESOLVED, // inside a link that is not complete, or at an unlabelled hub
	DP_BUCKET_FEE,
	DP_BUCKET_BURNT,
	DP_BUCKET_DUST,
	DP_BUCKET_FROZEN,
	DP_BUCKET_RETURNED,
	DP_BUCKET_CONTESTED, // units an earlier theft had already stained
	DP_BUCKET_COUNT
} dp_bucket;

const char *dp_bucket_name(dp_bucket b); // "held", "service", ...

// Something stolen. UTXO chains: an outpoint, or a transaction and an address in it. Account
// chains: an address and an asset, with the transaction, or with the time or height at which the
// units were there.
typedef struct dp_seed {
	const dp_chain *chain; // the case's, unless the entry says another
	bool has_outpoint, has_addr, has_amount, has_tx, has_time, has_height;
	dp_outpoint outpoint;
	dp_addr addr;
	dp_asset asset;
	dp_u256 amount;
	uint8_t tx[32];
	int64_t time;
	uint64_t height;
	uint32_t line;
} dp_seed;

enum { DP_LINK_ASSETS_MAX = 16, DP_CASE_CHAINS_MAX = 32 };

// An accepted link: a continuation that a person vouches for. What leaves `from` in one of `assets`
// did not go to whom the ledger shows: it became `amount` of `asset` at `to`.
//  with `txs`   what leaves in exactly these transactions is gathered; when all have been seen it
//               becomes `amount` units at once, each parcel its share by the cumulative floor rule
//  without      one for one (in whole coins) as it leaves, until `amount` units were delivered
// Over two chains (`to_chain` another, or `to_tx` given): what leaves in `txs` waits in the
// exchange until transaction `to_tx` pays `amount` to `to`; both are then needed. On UTXO chains
// `from` is kind NONE and what the transactions pay to `through` is taken.
typedef struct dp_link_claim {
	const dp_chain *chain, *to_chain; // equal unless the entry says so
	bool has_to_tx;
	uint8_t to_tx[32];
	dp_addr through; // kind NONE: whoever it is paid to
	dp_addr from, to;
	dp_asset assets[DP_LINK_ASSETS_MAX];
	uint32_t asset_count;
	dp_asset asset;
	dp_u256 amount;
	uint8_t (*tx)[32];
	uint32_t tx_count;
	const char *by;
	uint32_t line;
} dp_link_claim;

typedef struct dp_opening {
	const dp_chain *chain;
	dp_addr addr;
	dp_asset asset;
	dp_u256 amount;
	const char *by;
} dp_opening;

// A place where taint stops: a service, a mixer, the victim. Or where it does not, whatever tags
// say (`follow`).
typedef struct dp_stop {
	const dp_chain *chain;
	dp_addr addr;
	uint8_t bucket; // dp_bucket; HELD: followed
	const char *name, *by;
} dp_stop;

typedef struct dp_case {
	const char *incident, *title;
	const dp_chain *chain; // of entries that name none
	const dp_policy *policy;
	// Every chain that a seed, link, opening or stop is of, the case's own first: sources of
	// others may be given too, for what bridges bring there.
	const dp_chain *named[DP_CASE_CHAINS_MAX];
	uint32_t named_count;
	bool destroyed_is_returned; // what an issuer destroys is counted as returned, not as burnt
	int64_t theft_time;         // earliest known time of a seed; INT64_MAX when none is known
	dp_u256 dust_limit;         // base units; 0 = off
	uint32_t hub_limit;         // movements; 0 = off
	dp_seed *seed;
	dp_link_claim *link;
	dp_opening *opening;
	dp_stop *stop;
	uint32_t seed_count, link_count, opening_count, stop_count;
	const char *yaml; // the file, byte for byte: part of the evidence
	size_t yaml_size;
	dp_arena arena; // owns everything above
} dp_case;

enum { DP_CASE_SEEDS_MAX = 1 << 20, DP_HUB_LIMIT_DEFAULT = 10000 };

// `ret_case` must stay where it is until dp_case_done. On failure it holds nothing.
DP_MUST dp_code dp_case_parse(dp_case *ret_case, const char *yaml, size_t size, dp_fault *fault);
void dp_case_done(dp_case *c);

#endif

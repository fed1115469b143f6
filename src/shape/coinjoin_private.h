// What the CoinJoin rules share: the counts that they are made of, taken once a transaction.
//
// All rules count the same few things: how often a value occurs among the outputs, how many
// different addresses there are, how many inputs one address has. The outputs' values are sorted
// once; then the most frequent one in any window is one walk.
#ifndef DP_SHAPE_COINJOIN_PRIVATE_H
#define DP_SHAPE_COINJOIN_PRIVATE_H

#include "base/u256.h"
#include "shape/coinjoin.h"

// An address on its way to be counted: its hash, and where it stands in the list.
typedef struct dp_shape_mark {
	uint64_t key;
	uint32_t at;
} dp_shape_mark;

typedef struct dp_cj_facts {
	const dp_shape *shape;
	const uint64_t *value;              // of the outputs, ascending; out_count of them
	uint32_t in_distinct, out_distinct; // addresses
	uint32_t in_top;                    // inputs of the address that has most
	uint64_t in_min, in_max;            // values of inputs
	dp_u128 out_sum;                    // hostile values can pass 64 bits
	uint32_t in_kinds, out_kinds;       // bit per dp_addr_kind
	uint64_t mode;                      // the most frequent value of an output, the greatest
	uint32_t mode_count;                // of those that are equally frequent
	uint32_t single_count;              // values that occur once
	uint32_t repeated_count;            // values that occur more than once
	uint32_t repeated_outputs;          // outputs with such a value
} dp_cj_facts;

// What a rule found when it accepted.
typedef struct dp_cj_found {
	uint64_t denomination;
	uint32_t participants;
	uint8_t confidence;
} dp_cj_found;

// A rule: NULL when it accepts, and then *ret_found is written; else why not, in a few words.
typedef const char *(*dp_cj_rule)(dp_cj_found *ret_found, const dp_cj_facts *f);

const char *dp_cj_whirlpool(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_whirlpool_crjoin(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_whirlpool_protocol(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_tx0(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_tx0_protocol(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi2(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi2_wallet(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi2_protocol(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi10(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi11(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi1_crjoin(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi1_dumplings(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_wasabi1_protocol(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_joinmarket(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_blocksci(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_dumplings(dp_cj_found *ret_found, const dp_cj_facts *f);
const char *dp_cj_joinmarket_protocol(dp_cj_found *ret_found, const dp_cj_facts *f);
bool dp_cj_is_stonewall(const dp_cj_facts *f);

// No rule: whether strangers could have signed together. Of the facts only the values are asked.
enum { DP_CJ_MAY_OUT_MIN = 4 }; // fewer outputs cannot be: two equal ones, two of change
bool dp_cj_may_be_joint(const dp_cj_facts *f);

// The facts of a shape whose inputs are known and which has at least one end on each side, in two
// steps, since the first settles nearly all transactions. They point into `s`.
DP_MUST dp_code dp_cj_facts_values(dp_shaper *s, dp_cj_facts *ret_facts, const dp_shape *shape,
                                   dp_fault *fault);
DP_MUST dp_code dp_cj_facts_addresses(dp_shaper *s, dp_cj_facts *io_facts, dp_fault *fault);

// The most frequent value of an output in [low, high], the greatest of those equally frequent.
// Returns how often it occurs, 0 when there is none; *ret_value is written then, too.
uint32_t dp_cj_mode_in(uint64_t *ret_value, const dp_cj_facts *f, uint64_t low, uint64_t high);
// How many outputs have a value in [low, high].
uint32_t dp_cj_count_in(const dp_cj_facts *f, uint64_t low, uint64_t high);

// Wasabi 2's standard denominations, ascending.
enum { DP_CJ_STANDARD_COUNT = 79 };
bool dp_cj_is_standard(uint64_t value);
uint32_t dp_cj_standard_list(uint64_t ret_list[DP_CJ_STANDARD_COUNT]);

#endif

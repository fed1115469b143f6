// The fingerprint of a case: what its flow looks like in numbers, so that two can be laid side by
// side without anybody having written a rule.
//
//   dp_graph + theft ---> dp_fingerprint_of ---> 60-odd named features, each low..high or unknown
//                                                   |                        |
//            incidents/<name>/fingerprint.json <--- dp_fingerprint_write     |
//            incidents/<name>/fingerprint.json ---> dp_fingerprint_read -----+--> distance
//
// The words of all features (figures measured by others on the flows of Harmony and LI.FI come out
// to the digit by these, tests/unit/test_fingerprint_incidents.c):
//
//   source    a node that a DP_TR_THEFT goes to
//   terminal  a node whose role is a service, mixer, bridge or burn, and those that the options
//             name (a thief's own last wallet). Their own payments are not looked at
//   victim    not part of the flow
//   middle    every other node: an address between theft and end
//   transfer  any edge but DP_TR_THEFT, DP_TR_COSPEND, one to the spender himself, and one that
//             a terminal or a victim pays. A co-spend counts for times and sums of its two nodes
//             only
//   weight    dollars as of then (the middle of the range), where every transfer has them; else
//             the share of the loot where every transfer has one; else the amount, where there is
//             one asset only; else unknown, and with it every feature that weighs
//   p50       of n values in order the one at ceil(n * 50 / 100) ("nearest rank": always a value
//             that occurred)
//
// Shares are in millionths of what they are a share of. No feature says who did it: five flows were
// measured in all, and what they have in common may be chance.
#ifndef DP_TECHNIQUE_FINGERPRINT_H
#define DP_TECHNIQUE_FINGERPRINT_H

#include "codec/json.h"
#include "technique/typology.h"

enum {
	DP_FEATURES_MAX = 96,
	DP_FINGERPRINT_NAME_MAX = 64,  // incident, with its terminator
	DP_FINGERPRINT_TEXT_MAX = 512, // title, source
	DP_FINGERPRINT_VERSION = 1,
	DP_FINGERPRINT_SIZE_MAX = 1 << 18 // bytes of a file
};
// Values saturate there: JSON numbers are exact up to it.
#define DP_FEATURE_VALUE_MAX ((int64_t)1 << 53)

// How far two values of a feature lie apart, in thousandths: 0 the same, 1000 nothing in common.
typedef enum dp_scale {
	DP_SCALE_RATIO = 0, // doubling or halving counts: |log2(a + 1) - log2(b + 1)| / span
	DP_SCALE_SHARE,     // millionths: |a - b| / span
	DP_SCALE_BIN        // one bar of a histogram: |a - b| / 2 of its group's whole
} dp_scale;

typedef struct dp_feature {
	const char *name; // "retention-p50"
	dp_unit unit;
	const char *text; // one sentence: what exactly is measured
	// Features of a group are one thing seen several times (the quartiles of one distribution,
	// the bars of one histogram) and share one weight. Rows of a group stand together.
	const char *group; // "retention", also a word to show
	uint32_t weight;   // of the group, the same in all its rows; 0: shown, not compared
	dp_scale scale;
	int64_t span; // ratio: doublings that are worth 1000, in thousandths; share: millionths
} dp_feature;

// The table, in the order in which it is shown and stored.
const dp_feature *dp_features(uint32_t *ret_count);
const dp_feature *dp_feature_find(const char *name);  // NULL: none
uint32_t dp_feature_index(const dp_feature *feature); // into dp_fingerprint.value

// low == high where it is exact; a range where dollars were one. Not known: 0, 0, false.
typedef struct dp_feature_value {
	int64_t low, high;
	bool known;
} dp_feature_value;

typedef struct dp_fingerprint {
	char incident[DP_FINGERPRINT_NAME_MAX];   // "harmony-2022-06", a case's name; "" none
	char title[DP_FINGERPRINT_TEXT_MAX];      // one line; "" none
	char source[DP_FINGERPRINT_TEXT_MAX];     // which data at which commit; "" none
	char attributed[DP_FINGERPRINT_TEXT_MAX]; // by whose word, when, to whom; "" nobody's
	uint64_t addresses, transfers;
	int64_t time_first, time_last; // of the transfers
	dp_feature_value value[DP_FEATURES_MAX];
} dp_fingerprint;

typedef struct dp_fingerprint_options {
	int64_t theft_time; // 0: that of the first DP_TR_THEFT
	// Whether the theft's time is known at all. A flow that begins months after the theft (out
	// of a mixer) has none of use: features that count from the theft are unknown then.
	bool has_theft_time;
	int64_t now; // what is later is left out, as if it had not happened; 0: nothing is
	const uint32_t *terminal; // nodes that are terminals beside those whose role says so
	uint32_t terminal_count;
} dp_fingerprint_options;

// `g` must hold the flow whole: a graph from which edges have expired is DP_BAD_CASE. Cost: about
// a sort of the edges. Names and texts stay "".
DP_MUST dp_code dp_fingerprint_of(dp_fingerprint *ret_print, const dp_graph *g,
                                  const dp_fingerprint_options *options, dp_fault *fault);
// The value of a feature by name; unknown when there is no such name.
dp_feature_value dp_fingerprint_value(const dp_fingerprint *f, const char *name);

// As the value of a key or the whole document: an object. Unknown features are null, ranges are
// {"low": .., "high": ..}.
void dp_fingerprint_write(const dp_fingerprint *f, dp_json_out *out);
// From a file of anybody's: unknown members of the object are skipped, unknown features, wrong
// types, values that no feature can have are DP_BAD_BYTES with the member's name; missing
// features are unknown.
DP_MUST dp_code dp_fingerprint_read(dp_fingerprint *ret_print, const dp_json *object,
                                    dp_fault *fault);
DP_MUST dp_code dp_fingerprint_parse(dp_fingerprint *ret_print, const char *text, size_t n,
                                     dp_fault *fault);

typedef enum dp_alike {
	DP_ALIKE_UNKNOWN = 0,
	DP_ALIKE_YES,
	DP_ALIKE_SOMEWHAT,
	DP_ALIKE_NO
} dp_alike;
const char *dp_alike_name(dp_alike alike); // "alike", "somewhat", "not alike", "unknown"
enum { DP_ALIKE_YES_MAX = 250, DP_ALIKE_NO_MIN = 600 }; // thousandths of `distance_high`, `_low`

// One group's part in the distance.
typedef struct dp_distance_part {
	uint32_t feature, feature_count; // its rows in the table
	uint32_t low, high;              // thousandths; unknown: 0 and 1000
	uint32_t known_ppm;              // of its features that both know
	uint32_t weight;
	// Thousandths of the whole distance that come from here; all add up to about 1000 (0 where
	// the distance is 0).
	uint32_t share;
	dp_alike alike;
} dp_distance_part;

typedef struct dp_distance {
	// 0: no feature tells them apart; 1000: nothing in common. `middle` is of what both know;
	// low and high are where it would lie if what is unknown were the same, or all different.
	uint32_t low, middle, high;
	uint32_t known_ppm; // of the weight
	uint32_t part_count;
	dp_distance_part part[DP_FEATURES_MAX];
} dp_distance;

// Symmetric; 0 of a fingerprint with itself where all is known and exact.
dp_distance dp_fingerprint_distance(const dp_fingerprint *a, const dp_fingerprint *b);

#endif

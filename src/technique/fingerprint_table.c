// The features of a fingerprint: one row each, and nothing else to be done for a new one but to
// measure it (fingerprint.c).
//
// Weights and spans are judgement, set by reason from the figures of four measured flows (Harmony,
// Atomic Wallet, a phishing of 2024, LI.FI) and from what FATF and Chainalysis wrote, before
// anything was compared; they are not fitted: with so few flows nothing could be fitted honestly.
//   - How quickly middles pass money on and how much value moves in transfers under 500,000 dollars
//     are what told attributed flows from others (86 and 88 % against 54 and 71; 61 and 66 %
//     against 11 and 36; Chainalysis saw the latter independently): weight 4 each, and spans
//     about as wide as these differences
//   - that middles pass on all they get is true of every laundering: weight 1
//   - where the money ended, pace, automation and equal parts are choices of the thief: 2
//   - the clock: hours of work are weak evidence, histograms of few transfers differ by chance: 1
//   - how large the theft was says nothing of who did it: shown, weight 0
#include <string.h>

#include "base/check.h"
#include "technique/fingerprint.h"

#define RATIO(name, unit, group, weight, doublings, text)                                          \
	{                                                                                          \
		name, DP_UNIT_##unit, text, group, weight, DP_SCALE_RATIO, (doublings)*1000        \
	}
#define SHARE(name, group, weight, percent, text)                                                  \
	{                                                                                          \
		name, DP_UNIT_PPM, text, group, weight, DP_SCALE_SHARE, (percent)*10000            \
	}
#define BIN(name, group, weight, text)                                                             \
	{                                                                                          \
		name, DP_UNIT_PPM, text, group, weight, DP_SCALE_BIN, 1000000                      \
	}
#define HOUR(hour) BIN("hour-" hour, "clock", 1, "Transactions in this hour of the day, UTC.")

static const dp_feature table[] = {
    RATIO("worth", CENTS, "size", 0, 4, "What the sources were given, in dollars."),
    RATIO("addresses", COUNT, "size", 0, 4, "Addresses in the flow, without the victim's."),
    RATIO("middles", COUNT, "size", 0, 4, "Addresses that are neither source nor terminal."),
    RATIO("span", SECONDS, "size", 0, 4, "From the first transfer to the last."),

    RATIO("hops-min", COUNT, "hops", 1, 2,
          "Least number of transfers, in time, from a source to the nearest terminal."),
    RATIO("hops-median", COUNT, "hops", 1, 2, "The same, of half the terminals at most."),
    RATIO("hops-max", COUNT, "hops", 1, 2, "The same, to the farthest terminal."),
    BIN("hop-1", "hop profile", 1, "Of the value at terminals: at those one hop from a source."),
    BIN("hop-2", "hop profile", 1, "At terminals two hops away."),
    BIN("hop-3", "hop profile", 1, "At terminals three hops away."),
    BIN("hop-4", "hop profile", 1, "At terminals four hops away."),
    BIN("hop-5", "hop profile", 1, "At terminals five hops away."),
    BIN("hop-6-8", "hop profile", 1, "At terminals six to eight hops away."),
    BIN("hop-9-more", "hop profile", 1, "At terminals nine hops away or more."),

    RATIO("retention-p10", SECONDS, "retention", 2, 4,
          "First payment out less first payment in, of middles that were paid first and paid "
          "then: a tenth took no longer."),
    RATIO("retention-p50", SECONDS, "retention", 2, 4, "The same: half took no longer."),
    RATIO("retention-p90", SECONDS, "retention", 2, 4, "The same: nine tenths took no longer."),
    SHARE("fast-middles", "fast middles", 4, 30, "Of these middles: began to pay within the hour."),
    RATIO("lifetime-p50", SECONDS, "lifetime", 1, 5,
          "Last payment out less first payment in: half of the middles lived no longer."),
    RATIO("lifetime-p90", SECONDS, "lifetime", 1, 5, "The same: nine tenths."),
    SHARE("pass-through", "pass-through", 1, 30,
          "Of middles that got and paid: paid 95 % to 105 % of what they got."),

    RATIO("out-degree-p50", COUNT, "out-degree", 1, 3,
          "Different addresses that a middle paid: half of them paid no more."),
    RATIO("out-degree-p90", COUNT, "out-degree", 1, 3, "The same: nine tenths."),
    RATIO("out-degree-max", COUNT, "out-degree", 1, 3, "The same: the most."),
    RATIO("transfer-p50", CENTS, "transfer", 1, 4, "What a transfer was worth: half, no more."),
    RATIO("transfer-p90", CENTS, "transfer", 1, 4, "The same: nine tenths."),
    SHARE("small-value", "small value", 4, 40,
          "Of the value of all transfers: in those of less than $500,000."),
    SHARE("split-equal", "equal parts", 2, 50,
          "Of the value of all transfers: in five or more of one spender in one asset that are "
          "equal within 0.1 %."),
    SHARE("split-gini", "uneven parts", 1, 40,
          "Gini coefficient of what a spender's transfers were worth (0: all equal), over spenders "
          "of five or more, by what they spent."),
    SHARE("round", "round amounts", 1, 50,
          "Of all transfers: amounts of three digits or fewer before zeros only."),

    BIN("still-share", "ends", 2, "Of the value at its ends: stayed where it was last seen."),
    BIN("service-share", "ends", 2, "At services: exchanges, custodial swappers."),
    BIN("swap-share", "ends", 2, "At venues that swap, where the flow was not followed further."),
    BIN("bridge-share", "ends", 2, "In bridges and their like, not seen to come out again."),
    BIN("mixer-share", "ends", 2, "In contract mixers and custodial ones."),
    BIN("coinjoin-share", "ends", 2, "In CoinJoins."),
    BIN("burn-share", "ends", 2, "Where nobody can spend it."),
    BIN("frozen-share", "ends", 2, "Stopped by the asset's issuer."),
    BIN("returned-share", "ends", 2, "Given back."),

    SHARE("regular", "automation", 2, 40,
          "Of all transactions: in runs of ten gaps of one spender that vary by less than a "
          "quarter of their mean (standard deviation)."),
    RATIO("wait", SECONDS, "wait", 1, 6,
          "From the theft to the first payment of a source to an address that is none."),
    RATIO("pace-50", SECONDS, "pace", 2, 4,
          "From that payment until half of all that sources paid to others had left them."),
    RATIO("pace-90", SECONDS, "pace", 2, 4, "The same: nine tenths."),
    RATIO("age-max", SECONDS, "age", 1, 4, "From the theft to the last transfer."),

    HOUR("00"),
    HOUR("01"),
    HOUR("02"),
    HOUR("03"),
    HOUR("04"),
    HOUR("05"),
    HOUR("06"),
    HOUR("07"),
    HOUR("08"),
    HOUR("09"),
    HOUR("10"),
    HOUR("11"),
    HOUR("12"),
    HOUR("13"),
    HOUR("14"),
    HOUR("15"),
    HOUR("16"),
    HOUR("17"),
    HOUR("18"),
    HOUR("19"),
    HOUR("20"),
    HOUR("21"),
    HOUR("22"),
    HOUR("23"),
    SHARE("office-east", "office hours", 0, 50,
          "Of all transactions: 00:00 to 09:59 UTC, which is 9 to 18 o'clock in UTC+9 or UTC+8. "
          "417,000 would be chance; weak evidence."),
};

_Static_assert(sizeof table / sizeof table[0] <= DP_FEATURES_MAX, "a fingerprint holds all rows");

const dp_feature *dp_features(uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	*ret_count = sizeof table / sizeof table[0];
	return table;
}

const dp_feature *dp_feature_find(const char *name)
{
	DP_CHECK(name != NULL);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, name) == 0) return &table[i];
	return NULL;
}

uint32_t dp_feature_index(const dp_feature *feature)
{
	DP_CHECK(feature >= table && feature < table + sizeof table / sizeof table[0]);
	return (uint32_t)(feature - table);
}

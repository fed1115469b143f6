// Fan-in: many wallets pay one within a short time, to gather what was scattered. One of the eight
// patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM, FanInTypology).
//
// In a case every step counted carries loot, so a share of taint is not asked for again. The one
// who is paid is a wallet: many deposits to a service are told by other typologies. fan.h has the
// rest.
#include "technique/fan.h"
#include "technique/typologies.h"

const dp_typology dp_typology_fan_in = {
    .name = "fan-in",
    .title = "Fan-in",
    .text = "Many different wallets pay one within a short time. AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[DP_FAN_K] = {"k", DP_UNIT_COUNT, 5, 2, DP_LOOK_MAX,
                            "Different payers that it takes."},
              [DP_FAN_WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 1, 366 * 86400,
                                 "The longest time in which they pay."},
              [DP_FAN_SPREAD] = {"spread", DP_UNIT_COUNT, 10, 0, DP_PPM,
                                 "Whole ledgers: amounts differ by this factor at the most; "
                                 "0: by any."},
              [DP_FAN_USUAL] = {"usual", DP_UNIT_COUNT, 3, 0, 1000,
                                "Whole ledgers: so many times what the wallet usually gets in "
                                "that time; 0: no matter."},
              [DP_FAN_HUB] = {"hub", DP_UNIT_COUNT, 128, 2, DP_HUB_MAX,
                              "Who is paid more often than this in two such times is a "
                              "service."}},
    .fact = {[DP_FAN_OTHERS] = {"payers", DP_UNIT_COUNT, "Most different ones in one window."},
             [DP_FAN_SPAN] = {"span", DP_UNIT_SECONDS, "From the first payment to the last."},
             [DP_FAN_STEPS] = {"transfers", DP_UNIT_COUNT, "In the last window."},
             [DP_FAN_EVEN] = {"evenness", DP_UNIT_PPM, "The smallest part over the largest."}},
    .kinds = DP_STEP_KINDS,
    .edge_bytes = sizeof(dp_fan_state),
    .feed = dp_fan_in_feed,
};

// Fan-out: one wallet pays many others within a short time, to make one trail into many. One of the
// eight patterns of AMLworld (Altman et al., arXiv 2306.16424) and AMLSim (IBM, FanOutTypology).
//
// In a case it must spread one inflow: what the window pays is at least `inflow` of what the newest
// transaction before it had brought. That keeps apart the wallet that pays one bill after the other
// out of a treasure. fan.h has the rest.
#include "technique/fan.h"
#include "technique/typologies.h"

const dp_typology dp_typology_fan_out = {
    .name = "fan-out",
    .title = "Fan-out",
    .text = "One wallet pays many different ones within a short time. AMLworld, AMLSim.",
    .aadapt = {"ADT3028.003"},
    .param = {[DP_FAN_K] = {"k", DP_UNIT_COUNT, 5, 2, DP_LOOK_MAX,
                            "Different recipients that it takes."},
              [DP_FAN_WITHIN] = {"within", DP_UNIT_SECONDS, 86400, 1, 366 * 86400,
                                 "The longest time in which they are paid."},
              [DP_FAN_SPREAD] = {"spread", DP_UNIT_COUNT, 10, 0, DP_PPM,
                                 "Whole ledgers: amounts differ by this factor at the most; "
                                 "0: by any."},
              [DP_FAN_USUAL] = {"usual", DP_UNIT_COUNT, 3, 0, 1000,
                                "Whole ledgers: so many times what the wallet usually pays in "
                                "that time; 0: no matter."},
              [DP_FAN_HUB] = {"hub", DP_UNIT_COUNT, 128, 2, DP_HUB_MAX,
                              "Who pays more often than this in two such times is a service."},
              [DP_FAN_INFLOW] = {"inflow", DP_UNIT_PPM, 800000, 0, DP_PPM,
                                 "Cases: what is paid is at least this share of what came in "
                                 "before."}},
    .fact = {[DP_FAN_OTHERS] = {"recipients", DP_UNIT_COUNT, "Most different ones in one window."},
             [DP_FAN_SPAN] = {"span", DP_UNIT_SECONDS, "From the first payment to the last."},
             [DP_FAN_STEPS] = {"transfers", DP_UNIT_COUNT, "In the last window."},
             [DP_FAN_EVEN] = {"evenness", DP_UNIT_PPM, "The smallest part over the largest."},
             [DP_FAN_OF_INFLOW] = {"of-inflow", DP_UNIT_PPM,
                                   "Cases: paid over what came in before; 0: not known."}},
    .kinds = DP_STEP_KINDS,
    .edge_bytes = sizeof(dp_fan_state),
    .feed = dp_fan_out_feed,
};

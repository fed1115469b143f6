// Where a chain must be read from for a set of cases: as much as the case files tell.
#ifndef DP_LIVE_BEGIN_H
#define DP_LIVE_BEGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "engine/case.h"
#include "source/source.h"

// Clocks of chains differ: what came out of a bridge may be dated before what went in, on Bitcoin
// by two hours.
enum { DP_CLOCKS_S = 7200 };

// The earliest theft on `chain`: a node need not be read from its beginning. Seeds that name a
// transaction are looked for by it, and by the time of the theft where the source cannot look
// transactions up. *ret_tx is what `ret_begin->tx` points to: dp_free. *ret_has_seeds: was anything
// stolen on this chain?
DP_MUST dp_code dp_begin_of_cases(dp_source_begin *ret_begin, uint8_t (**ret_tx)[32],
                                  bool *ret_has_seeds, dp_case *const *cases, uint32_t count,
                                  const dp_chain *chain, dp_fault *fault);
// The earlier of two times, where there is one.
void dp_take_earlier(bool *io_has, int64_t *io_time, int64_t time);

#endif

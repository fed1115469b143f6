// The docket of a casebook (casebook/docket.h), as the commands use it.
#ifndef DP_CLI_DOCKET_CASES_H
#define DP_CLI_DOCKET_CASES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "casebook/casebook.h"
#include "engine/case.h"

// Opens a casebook (makes it where it is not there) and enters case files, all in one group: they
// are followed together. With `may_be_there`, files that are entered already, byte for byte, are no
// mistake. *ret_named (room for DP_CASE_CHAINS_MAX; may be NULL) are the chains that the docket's
// cases name, in order; *ret_count of them.
DP_MUST dp_code dp_docket_enter(const char *casebook, const char *const *path, uint32_t count,
                                bool may_be_there, const dp_chain **ret_named, uint32_t *ret_count,
                                dp_fault *fault);

#endif

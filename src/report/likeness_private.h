// What the files of likeness.h share.
#ifndef DP_REPORT_LIKENESS_PRIVATE_H
#define DP_REPORT_LIKENESS_PRIVATE_H

#include "report/likeness.h"
#include "report/private.h"

// Words from column `indent` on, broken before the page's edge.
void dp_out_wrapped(dp_out *o, int indent, const char *text);
// Who was asked for the payers of first gas, what they said, and what is not known.
void dp_likeness_gas_text(dp_out *o, const dp_gas_report *gas);
void dp_likeness_gas_json(struct dp_json_out *o, const dp_gas_report *gas);

#endif

// What `dyepack match`, `technique` and `hunt` share: the rules, and a flow to hold against them.
#ifndef DP_CLI_MATCH_H
#define DP_CLI_MATCH_H

#include "cli/cli.h"
#include "cli/tags_option.h"
#include "report/case_uses.h"
#include "report/likeness.h"
#include "technique/flow_file.h"

// Rules: those that ship with the program unless left out, and those of these files and folders (of
// a folder every *.yaml and *.yml, in order of their names).
DP_MUST dp_code dp_cli_techniques(dp_technique_set *ret_set, const char *const *path,
                                  bool no_builtin, dp_fault *fault);
// One file more. On failure the set is as it was.
DP_MUST dp_code dp_cli_technique_add(dp_technique_set *io_set, const char *path, dp_fault *fault);
// Calls `visit` with a file, or with each rule of a folder, until one fails.
typedef dp_code dp_cli_technique_visit(void *context, const char *file, dp_fault *fault);
DP_MUST dp_code dp_cli_technique_files(const char *path, dp_cli_technique_visit *visit,
                                       void *context, dp_fault *fault);

// A flow, out of a casebook or of files, in a mine of its own.
typedef struct dp_cli_flow {
	dp_mine *mine;
	dp_casebook *cb;    // borrowed; NULL: out of files
	dp_case_feed *feed; // of the casebook
	dp_flow *flow;      // of files
	const char *subject;
	dp_fingerprint print;
	bool has_print;
	int64_t theft_time, now;
	bool has_theft_time;
	uint32_t knows;
} dp_cli_flow;

// `path`: the casebook's, for faults.
DP_MUST dp_code dp_cli_flow_of_case(dp_cli_flow *ret_flow, dp_casebook *cb, const char *path,
                                    const char *incident, const dp_instance *instance,
                                    uint32_t count, dp_fault *fault);
// `sources`, `terminals`: files, or NULL. The flow's own folder has its own.
DP_MUST dp_code dp_cli_flow_of_files(dp_cli_flow *ret_flow, const char *path, const char *sources,
                                     const char *terminals, const dp_instance *instance,
                                     uint32_t count, dp_fault *fault);
// Through to the end: what can only be said of the end, and the fingerprint.
DP_MUST dp_code dp_cli_flow_finish(dp_cli_flow *flow, dp_fault *fault);
void dp_cli_flow_done(dp_cli_flow *flow);
// dp_likeness_report.row; the context is the flow.
DP_MUST dp_code dp_cli_flow_row(void *context, dp_likeness_row *ret_row, uint64_t ref,
                                dp_fault *fault);
// What the judge is told of it, without overlaps.
dp_judge_input dp_cli_flow_input(const dp_cli_flow *flow);

#endif

// The parts of `dyepack screen`: what is asked (arguments, a list, a stream), what a ledger adds,
// and how answers are printed.
#ifndef DP_CLI_SCREEN_H
#define DP_CLI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "screen/ledger.h"
#include "screen/verdict.h"

typedef enum dp_screen_format {
	DP_SCREEN_TEXT = 0,
	DP_SCREEN_JSON,
	DP_SCREEN_JSONL,
	DP_SCREEN_CSV
} dp_screen_format;

// What is asked. `line` 0: on the command line.
typedef struct dp_screen_ask {
	const char *text;
	size_t size;
	uint64_t line;
} dp_screen_ask;

typedef struct dp_screen_run {
	dp_screen_format format;
	dp_screener *screener;
	const dp_network *network; // --chain; NULL
	int64_t at;
	dp_screen_ledger *ledger; // NULL without --ledger
	uint64_t counts[DP_RISK_LEVEL_COUNT], errors;
	uint64_t answers;
	dp_json_out json; // the whole, DP_SCREEN_JSON
} dp_screen_run;

// An answer for one line; errors in what is asked are answers too. A fault ends the run.
DP_MUST dp_code dp_screen_answer(dp_screen_run *r, const dp_screen_ask *ask, dp_fault *fault);
DP_MUST dp_code dp_screen_begin(dp_screen_run *r, dp_fault *fault);
DP_MUST dp_code dp_screen_end(dp_screen_run *r, dp_fault *fault);
// Is it the form of a transaction id?
bool dp_screen_is_tx(const dp_screen_ask *ask);

// Lines of a file or a stream (`path` "-": standard input): blanks around them left out, empty ones
// and those that begin with # passed over. What was answered is flushed before waiting for more.
DP_MUST dp_code dp_screen_lines(const char *path,
                                dp_code (*visit)(void *context, const dp_screen_ask *ask,
                                                 dp_fault *fault),
                                void *context, dp_fault *fault);

#endif

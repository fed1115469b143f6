// dyepack trace --backward: where a holder's units came from, out of a ledger.
#ifndef DP_CLI_BACKWARD_H
#define DP_CLI_BACKWARD_H

#include <stdbool.h>

// Is --backward among the arguments?
bool dp_cli_is_backward(int argc, char **argv);
int dp_cmd_backward(int argc, char **argv); // argv[0] is "trace"

#endif

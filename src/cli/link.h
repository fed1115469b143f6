// What the parts of `dyepack link` share: the search for payments that may belong to a deposit, and
// how links are printed.
#ifndef DP_CLI_LINK_H
#define DP_CLI_LINK_H

#include "casebook/casebook.h"
#include "casebook/decision.h"
#include "cli/ledger_command.h"
#include "cli/tags_option.h"
#include "link/match.h"

enum {
	DP_LINK_LEDGERS_MAX = 64,
	DP_LINK_PLACES_MAX = 1 << 20,   // addresses of one service on one chain
	DP_LINK_MOVES_MAX = 1 << 22,    // movements of a service that are looked at
	DP_LINK_DEPOSITS_MAX = 1 << 20, // arrivals of a case that are looked at
	DP_LINK_NAME_MAX = 200
};

// An arrival of the case, or what went into a bridge without a key.
typedef struct dp_link_deposit {
	dp_link_side side;
	dp_addr stated;                 // receiver that it names; kind NONE: none
	char service[DP_LINK_NAME_MAX]; // as it is shown: label, name in the case, protocol
	char actor[DP_LINK_NAME_MAX];   // or ""
	bool is_whole; // `amount` is all that was paid, not the stolen part of it alone
} dp_link_deposit;

// What a service paid, or was paid, each in one transaction to or from one address.
typedef struct dp_link_moves {
	dp_link_side *item;
	uint64_t count, cap;
} dp_link_moves;

typedef struct dp_link_find {
	// options
	const char *casebook, *incident, *service, *window, *model_name, *rate_text, *format_name;
	dp_cli_tags tags_from;
	dp_cli_format format;
	bool has_window;
	int64_t t_min, t_max;
	const dp_match_model *model; // NULL: by the service's name
	dp_match_rate rate;
	// open
	dp_casebook *book;
	dp_tags *tags;
	dp_ledger *ledger[DP_LINK_LEDGERS_MAX];
	uint32_t ledger_count;
	dp_block_builder builder;
	// found
	dp_link_deposit *deposit;
	uint64_t deposit_count, deposit_cap;
	uint64_t left_out; // arrivals at services that are no swappers, as far as we know
} dp_link_find;

// The deposits of the case at services that prove nothing: all, or those of `service`.
DP_MUST dp_code dp_link_deposits(dp_link_find *f, dp_fault *fault);
// Addresses of a deposit's service on a chain, by tags of the same actor or label (and the place
// itself on its own chain). Sorted, each once; dp_free it.
DP_MUST dp_code dp_link_places(const dp_link_find *f, dp_addr **ret_addr, uint32_t *ret_count,
                               const dp_link_deposit *d, const dp_chain *chain, dp_fault *fault);
// What these addresses paid to others (or were paid by others) in a span of time, both ends
// included. Adds to *io.
DP_MUST dp_code dp_link_gather(dp_link_find *f, dp_link_moves *io, dp_ledger *l,
                               const dp_addr *place, uint32_t place_count, bool is_in,
                               int64_t time_first, int64_t time_last, dp_fault *fault);
// The whole of what the deposit's payer paid its place in that transaction, where a ledger has it.
DP_MUST dp_code dp_link_whole(dp_link_find *f, dp_link_deposit *io_deposit, dp_fault *fault);

// argv[0] is the subcommand's full name, "link find".
int dp_cmd_link_find(int argc, char **argv);
int dp_cmd_link_list(int argc, char **argv);
int dp_cmd_link_accept(int argc, char **argv);
int dp_cmd_link_reject(int argc, char **argv);

// Is the case in the casebook, traced or at least with links found? DP_NOT_FOUND says what to do.
DP_MUST dp_code dp_link_case_there(dp_casebook *book, const char *incident, dp_fault *fault);
// Prints all links of a case: proven crossings, candidates, decisions.
DP_MUST dp_code dp_link_print(dp_casebook *book, const char *incident, dp_cli_format format,
                              dp_fault *fault);

#endif

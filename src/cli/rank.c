// dyepack rank: who holds the money, by a second opinion that knows no law, with what taint says
// beside it; and the hidden middle of the flow. It ranks and proves nothing (report/ranking.h).
#include <string.h>

#include "base/nearest.h"
#include "cli/match.h"
#include "report/ranking.h"

static const char usage[] =
    "Usage: dyepack rank CASEBOOK CASE [options]\n"
    "       dyepack rank FLOW [options]\n\n"
    "Ranks whom the stolen money of CASE (an incident's name) went to by a random walk along its\n"
    "transfers: a second opinion beside taint, which says what arrived and what was kept. "
    "--middle\n"
    "also looks for the group of wallets that most of it was passed through. FLOW is a folder "
    "with\n"
    "edges.csv, sources.csv and terminals.csv, or such a list of transfers itself.\n"
    "Neither opinion is evidence of anything.\n";

typedef struct rank {
	const char *top, *layers, *blocks, *format, *sources, *terminals;
	bool with_middle, after_split, is_json;
	const char *path, *incident; // incident NULL: a flow of files
	uint32_t top_count;
	dp_middle_options options;
	dp_casebook *cb;
	dp_cli_flow flow;
	dp_ranking ranking;
	dp_middle middle;
} rank;

static dp_code open_flow(rank *k, dp_fault *fault)
{
	dp_instance split = dp_instance_of(dp_typology_find("equal-split"));
	uint32_t count = k->after_split ? 1 : 0;
	if (k->incident == NULL)
		return dp_cli_flow_of_files(&k->flow, k->path, k->sources, k->terminals, &split,
		                            count, fault);
	DP_TRY(dp_casebook_open(&k->cb, k->path, false, fault));
	return dp_cli_flow_of_case(&k->flow, k->cb, k->path, k->incident, &split, count, fault);
}

static dp_code run(rank *k, dp_fault *fault)
{
	char from[512];
	DP_TRY(open_flow(k, fault));
	(void)snprintf(from, sizeof from, "%s%.400s", k->incident != NULL ? "casebook " : "",
	               k->path);
	const dp_ranking_input input = {.mine = k->flow.mine,
	                                .cb = k->cb,
	                                .feed = k->flow.feed,
	                                .flow = k->flow.flow,
	                                .subject = k->flow.subject,
	                                .from = from,
	                                .now = k->flow.now,
	                                .top = k->top_count};
	DP_TRY(dp_ranking_make(&k->ranking, &input, fault));
	if (k->with_middle) DP_TRY(dp_middle_make(&k->middle, &input, &k->options, fault));
	const dp_sink w = {dp_cli_write, stdout};
	const dp_middle *middle = k->with_middle ? &k->middle : NULL;
	if (k->is_json) return dp_ranking_json(&k->ranking, middle, &input, &w, fault);
	return dp_ranking_text(&k->ranking, middle, &input, &w, fault);
}

static void done(rank *k)
{
	dp_middle_done(&k->middle);
	dp_ranking_done(&k->ranking);
	dp_cli_flow_done(&k->flow);
	dp_casebook_close(k->cb);
}

// NULL: `otherwise`.
static bool read_number(uint32_t *ret_value, const char *given, uint32_t otherwise, uint32_t max)
{
	uint64_t value = otherwise;
	if (given != NULL && (!dp_cli_number(given, &value) || value < 1 || value > max))
		return false;
	*ret_value = (uint32_t)value;
	return true;
}

static int check_numbers(rank *k)
{
	if (!read_number(&k->top_count, k->top, 20, DP_RANKING_TOP_MAX))
		return dp_cli_misuse("rank", "--top is a number from 1 to %d, not '%s'",
		                     DP_RANKING_TOP_MAX, k->top);
	if (!read_number(&k->options.layers, k->layers, 0, DP_SCOPE_MIDDLE_MAX))
		return dp_cli_misuse("rank", "--layers is a number from 1 to %d, not '%s'",
		                     DP_SCOPE_MIDDLE_MAX, k->layers);
	if (!read_number(&k->options.blocks, k->blocks, 3, DP_SCOPE_BLOCKS_MAX))
		return dp_cli_misuse("rank", "--blocks is a number from 1 to %d, not '%s'",
		                     DP_SCOPE_BLOCKS_MAX, k->blocks);
	k->options.after_split = k->after_split;
	if (!k->with_middle && (k->layers != NULL || k->blocks != NULL || k->after_split))
		return dp_cli_misuse("rank", "--layers, --blocks and --after-split say how to look "
		                             "for the middle: add --middle");
	return DP_EXIT_DONE;
}

static int check(rank *k, int count, char **argv)
{
	static const char *const names[] = {"text", "json", NULL};
	k->is_json = strcmp(k->format, "json") == 0;
	if (!k->is_json && strcmp(k->format, "text") != 0) {
		const char *near = dp_nearest(k->format, strlen(k->format), names);
		return dp_cli_misuse("rank", "unknown format '%s'%s%s%s: it is text or json",
		                     k->format, near != NULL ? " (did you mean '" : "",
		                     near != NULL ? near : "", near != NULL ? "'?)" : "");
	}
	if (count < 1 || count > 2)
		return dp_cli_misuse("rank", "expected CASEBOOK and CASE, or FLOW");
	k->path = argv[1];
	k->incident = count == 2 ? argv[2] : NULL;
	if (count == 2 && (k->sources != NULL || k->terminals != NULL))
		return dp_cli_misuse("rank", "--sources and --terminals are for a FLOW: a case has "
		                             "its own");
	return check_numbers(k);
}

int dp_cmd_rank(int argc, char **argv)
{
	rank k = {.format = "text"};
	const dp_option options[] = {
	    {"top", "N", "how many to show (20)", NULL, &k.top},
	    {"middle", NULL, "look for the hidden middle, too", &k.with_middle, NULL},
	    {"layers", "N", "of how many layers the middle is (1 to 3 are tried)", NULL, &k.layers},
	    {"blocks", "N", "how many middles to look for, at most (3)", NULL, &k.blocks},
	    {"after-split", NULL, "the middle begins behind wallets that an equal split paid, too",
	     &k.after_split, NULL},
	    {"sources", "FILE", "FLOW: where the stolen money starts, an address a line", NULL,
	     &k.sources},
	    {"terminals", "FILE", "FLOW: where it ends", NULL, &k.terminals},
	    {"format", "text|json", "what to print (text)", NULL, &k.format},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check(&k, count, argv);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_code code = run(&k, &fault);
	done(&k);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

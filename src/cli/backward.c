// dyepack trace --backward: a holder, a ledger and perhaps case files in, origins out.
//
// A case file says where following stops (its services, mixers and the victim), which policy, and
// what a hub is; what it says was stolen is not looked at. A ledger is needed, for going backward
// means asking an index: a stream of blocks shows receivers only after their senders.
#include "cli/backward.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/tags_option.h"
#include "engine/backward.h"
#include "report/backward.h"

enum { CASES_MAX = 256, STOPS_MAX = 1 << 24 };

static const char usage[] =
    "Usage: dyepack trace --backward HOLDER [CASE.yaml...] ledger:DIR [options]\n\n"
    "Prints where a holder's units came from: coinbases and mints, services that a case file\n"
    "names, what was there before the ledger begins. HOLDER is a coin (txid:vout) or an address:\n"
    "then it is what the address has, or with --in what it got in one transaction.\n";

_Static_assert((int)DP_ADDR_TEXT_MAX >= (int)DP_OUTPOINT_TEXT_MAX, "either is a holder");

struct backward {
	// options
	bool is_backward, is_haircut;
	const char *policy, *asset, *at, *in, *hub_limit_text, *max_steps_text, *format_name;
	const char *chain_name;
	dp_cli_format format;
	// arguments
	const char *holder, *path;
	const char *case_path[CASES_MAX];
	dp_case *cases[CASES_MAX];
	uint32_t case_count;
	// work
	const dp_chain *chain;
	dp_ledger *ledger;
	dp_stop *stop; // of all cases
	dp_backward_options options;
	dp_backward_start start;
	dp_backward_about about;
	dp_cli_tags tag_files;
	dp_tags *tags;
	dp_backward *result;
	char holder_text[DP_ADDR_TEXT_MAX]; // as dyepack writes it
};

bool dp_cli_is_backward(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--backward") == 0) return true;
	return false;
}

//- what is on the command line -------------------------------------------------------------------

static bool is_case(const char *text)
{
	size_t n = strlen(text);
	return (n >= 5 && strcmp(text + n - 5, ".yaml") == 0) ||
	       (n >= 4 && strcmp(text + n - 4, ".yml") == 0);
}

static int sort_arguments(struct backward *k, int count, char **argv)
{
	int others = 0;
	for (int i = 1; i <= count; i++) {
		if (is_case(argv[i])) {
			if (k->case_count == CASES_MAX)
				return dp_cli_misuse("trace", "at most %d case files", CASES_MAX);
			k->case_path[k->case_count++] = argv[i];
			continue;
		}
		if (others == 0) k->holder = argv[i];
		if (others == 1) k->path = argv[i];
		others++;
	}
	if (others == 2) return DP_EXIT_DONE;
	return dp_cli_misuse("trace",
	                     "--backward wants a holder and a ledger "
	                     "(HOLDER ledger:DIR), got %d argument%s besides case files",
	                     others, others == 1 ? "" : "s");
}

static int read_number(uint64_t *ret_value, const char *text, const char *option, uint64_t max)
{
	if (text == NULL) return DP_EXIT_DONE;
	if (dp_cli_number(text, ret_value) && *ret_value <= max) return DP_EXIT_DONE;
	return dp_cli_misuse("trace", "--%s wants a number up to %llu, not '%s'", option,
	                     (unsigned long long)max, text);
}

static int check_words(struct backward *k)
{
	static const char *const policies[] = {"fifo", "haircut", NULL};
	if (k->policy != NULL && dp_policy_find(k->policy) == NULL) {
		const char *near = dp_nearest(k->policy, strlen(k->policy), policies);
		return dp_cli_misuse("trace", "unknown policy '%s'%s%s%s", k->policy,
		                     near != NULL ? ": did you mean '" : "",
		                     near != NULL ? near : "", near != NULL ? "'?" : "");
	}
	k->is_haircut = k->policy != NULL && strcmp(k->policy, "haircut") == 0;
	if (k->policy != NULL && !k->is_haircut && strcmp(k->policy, "fifo") != 0)
		return dp_cli_misuse("trace",
		                     "policy %s cannot be followed backward: it is fifo "
		                     "or haircut",
		                     k->policy);
	if (k->at != NULL && k->in != NULL)
		return dp_cli_misuse("trace", "--at and --in ask two different things: choose one");
	uint64_t hub_limit = DP_HUB_LIMIT_DEFAULT, steps = 0;
	int code = read_number(&hub_limit, k->hub_limit_text, "hub-limit", UINT32_MAX);
	if (code == DP_EXIT_DONE)
		code = read_number(&steps, k->max_steps_text, "max-steps", UINT64_MAX);
	if (code != DP_EXIT_DONE) return code;
	if (k->max_steps_text != NULL && steps == 0)
		return dp_cli_misuse("trace", "--max-steps must be at least 1");
	k->options.hub_limit = (uint32_t)hub_limit;
	k->options.steps_max = steps;
	code = dp_cli_ledger_format(&k->format, k->format_name, true, "trace");
	if (code != DP_EXIT_DONE) return code;
	return dp_cli_ledger_chain(&k->chain, k->chain_name, "trace");
}

//- case files ------------------------------------------------------------------------------------

static dp_code read_case(struct backward *k, uint32_t i, dp_fault *fault)
{
	dp_case *c;
	dp_code code;
	DP_TRY(dp_cli_read_case(&c, k->case_path[i], fault));
	k->cases[i] = c;
	if (k->chain == NULL) k->chain = c->chain;
	for (uint32_t n = 0; n < c->named_count; n++)
		if (c->named[n] == k->chain) return DP_OK;
	code = dp_fail(fault, DP_BAD_CASE, "is a case of %s, and %s is to be followed",
	               c->chain->name, k->chain->name);
	dp_fault_file(fault, k->case_path[i]);
	return code;
}

static dp_code read_cases(struct backward *k, dp_fault *fault)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < k->case_count; i++) {
		DP_TRY(read_case(k, i, fault));
		count += k->cases[i]->stop_count;
	}
	if (count > STOPS_MAX)
		return dp_fail(fault, DP_LIMIT, "the case files name more than %d services",
		               STOPS_MAX);
	k->stop = dp_alloc((count + 1) * sizeof *k->stop);
	if (k->stop == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint32_t n = 0;
	for (uint32_t i = 0; i < k->case_count; i++)
		for (uint32_t j = 0; j < k->cases[i]->stop_count; j++)
			if (k->cases[i]->stop[j].chain == k->chain)
				k->stop[n++] = k->cases[i]->stop[j];
	DP_CHECK(n <= count);
	k->options.stop = k->about.stop = k->stop;
	k->options.stop_count = k->about.stop_count = n;
	// What is on the command line goes before what the first case file says.
	if (k->case_count == 0) return DP_OK;
	if (k->hub_limit_text == NULL) k->options.hub_limit = k->cases[0]->hub_limit;
	if (k->policy == NULL) k->is_haircut = strcmp(k->cases[0]->policy->name, "haircut") == 0;
	return DP_OK;
}

//- what is asked ---------------------------------------------------------------------------------

static dp_code read_holder(struct backward *k, dp_fault *fault)
{
	dp_backward_start *s = &k->start;
	size_t n = strlen(k->holder);
	bool utxo = k->chain->kind == DP_CHAIN_UTXO;
	// A coin has its transaction's 64 digits before the colon; cash addresses have colons too.
	const char *colon = strchr(k->holder, ':');
	s->has_outpoint = utxo && colon != NULL && colon - k->holder == 64;
	if (!s->has_outpoint) {
		DP_TRY(dp_addr_parse(&s->addr[0], k->holder, n, k->chain, fault));
		s->addr_count = 1;
		// One text, two holders (chain/address.h).
		if (s->addr[0].kind == DP_ADDR_P2PKH) {
			s->addr[1] = s->addr[0];
			s->addr[1].kind = DP_ADDR_P2PK;
			s->addr_count = 2;
		}
		return DP_OK;
	}
	if (k->at != NULL || k->in != NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "--at and --in are for addresses: a coin came at one moment");
	return dp_outpoint_parse(&s->outpoint, k->holder, n, fault);
}

static dp_code read_moment(struct backward *k, dp_fault *fault)
{
	dp_backward_about *a = &k->about;
	uint64_t block_end, tx_no;
	dp_ledger_block_row row;
	DP_TRY(dp_cli_ledger_moment(k->ledger, &block_end, k->at, true, a->totals.blocks, fault));
	DP_TRY(dp_cli_ledger_tx_of_block(k->ledger, &k->start.tx_end, block_end, fault));
	if (k->start.has_in || k->start.has_outpoint) {
		const uint8_t *id = k->start.has_in ? k->start.in : k->start.outpoint.txid;
		dp_code code = dp_ledger_find_tx(k->ledger, &tx_no, id, UINT64_MAX, fault);
		if (code == DP_NOT_FOUND) return DP_OK; // dp_backward_run says so
		DP_TRY(code);
		DP_TRY(dp_ledger_block_of_tx(k->ledger, &block_end, tx_no, fault));
		block_end++;
	}
	a->has_moment = block_end > 0;
	if (!a->has_moment) return DP_OK;
	DP_TRY(dp_ledger_block_row_at(k->ledger, &row, block_end - 1, fault));
	a->height = row.height;
	a->time = row.time;
	return DP_OK;
}

static dp_code ask(struct backward *k, dp_fault *fault)
{
	dp_backward_start *s = &k->start;
	DP_TRY(read_cases(k, fault));
	if (dp_cli_tags_count(&k->tag_files) > 0)
		DP_TRY(dp_cli_tags_load(&k->tags, &k->tag_files, false, fault));
	k->options.tags = k->about.tags = k->tags;
	DP_TRY(dp_cli_ledger_open(&k->ledger, k->path, k->chain, fault));
	k->chain = dp_ledger_chain(k->ledger);
	dp_ledger_totals_get(k->ledger, &k->about.totals);
	DP_TRY(read_holder(k, fault));
	s->asset = dp_asset_native(k->chain);
	if (k->asset != NULL)
		DP_TRY(dp_asset_parse(&s->asset, k->chain, k->asset, strlen(k->asset), fault));
	if (k->chain->kind == DP_CHAIN_UTXO && s->asset.v != dp_asset_native(k->chain).v)
		return dp_fail(fault, DP_BAD_CASE, "%s has one asset only, its own",
		               k->chain->name);
	s->has_in = k->in != NULL;
	if (s->has_in) DP_TRY(dp_txid_parse(s->in, k->in, strlen(k->in), k->chain, fault));
	DP_TRY(read_moment(k, fault));
	k->options.is_haircut = k->is_haircut;
	if (s->has_outpoint)
		dp_outpoint_format(k->holder_text, &s->outpoint);
	else
		dp_addr_format(k->holder_text, &s->addr[0], k->chain);
	k->about.chain = k->chain;
	k->about.holder = k->holder_text;
	k->about.in = k->in;
	k->about.hub_limit = k->options.hub_limit;
	return dp_backward_run(&k->result, k->ledger, s, &k->options, fault);
}

static dp_code print(const struct backward *k, dp_fault *fault)
{
	dp_sink w = {dp_cli_write, stdout};
	if (k->format == DP_FORMAT_JSON)
		return dp_report_backward_json(k->result, &k->about, &w, fault);
	if (k->format == DP_FORMAT_CSV)
		return dp_report_backward_csv(k->result, &k->about, &w, fault);
	return dp_report_backward_text(k->result, &k->about, &w, fault);
}

static void close_all(struct backward *k)
{
	dp_backward_free(k->result);
	dp_ledger_close(k->ledger);
	dp_tags_free(k->tags);
	dp_free(k->stop);
	for (uint32_t i = 0; i < k->case_count; i++) {
		if (k->cases[i] != NULL) dp_case_done(k->cases[i]);
		dp_free(k->cases[i]);
	}
}

int dp_cmd_backward(int argc, char **argv)
{
	static struct backward k = {.format_name = "text"};
	const dp_option options[] = {
	    {"backward", NULL, "where a holder's units came from", &k.is_backward, NULL},
	    {"policy", "P", "fifo or haircut (default: the case file's, else fifo)", NULL,
	     &k.policy},
	    {"asset", "A", "what is followed (default: the chain's own coin)", NULL, &k.asset},
	    {"at", "HEIGHT|TIME", "what the address had then (default: at the ledger's end)", NULL,
	     &k.at},
	    {"in", "TXID", "what arrived at the address in this transaction", NULL, &k.in},
	    {"hub-limit", "N", "movements of an account that make it a hub (default 10000, 0: off)",
	     NULL, &k.hub_limit_text},
	    {"max-steps", "N", "give up after so many steps (default 1000000)", NULL,
	     &k.max_steps_text},
	    DP_CLI_TAGS_OPTION(&k.tag_files),
	    {"chain", "CHAIN", "where the ledger has several", NULL, &k.chain_name},
	    {"format", "F", "text, json, csv", NULL, &k.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = sort_arguments(&k, count, argv);
	if (exit_code == DP_EXIT_DONE) exit_code = check_words(&k);
	if (exit_code == DP_EXIT_DONE) {
		dp_fault fault = {0};
		dp_code code = ask(&k, &fault);
		if (code == DP_OK) code = print(&k, &fault);
		if (code != DP_OK) exit_code = dp_cli_fault(&fault);
	}
	close_all(&k);
	return exit_code;
}

// dyepack trace: cases and sources in, a result out.
//
// Sources may be of several chains. Each chain is a track: a source, an engine and a run of the
// casebook, all with the same cases and one exchange (engine/exchange.h), so that money that a
// bridge took from one chain is followed on the other.
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "casebook/casebook.h"
#include "casebook/decision.h"
#include "cli/backward.h"
#include "cli/cli.h"
#include "cli/ledger_source.h"
#include "cli/run.h"
#include "cli/source_groups.h"
#include "cli/source_options.h"
#include "cli/tags_option.h"
#include "engine/exchange.h"
#include "live/begin.h"
#include "report/result.h"
#include "source/source.h"

enum { CASES_MAX = 256 };

static const char usage[] =
    "Usage: dyepack trace CASE.yaml... SOURCE... [options]\n\n"
    "Follows what the case file says was stolen through the blocks of the sources, and prints "
    "where\n"
    "it is. Following ends at services: those of the case file, and with --tags those of tags.\n"
    "With --casebook the state is kept: run again on a longer source to go on.\n"
    "SOURCE is a node's address (http://127.0.0.1:8545), a folder of blkNNNNN.dat files, an "
    "export\n"
    "of bitcoin-etl, ethereum-etl or Etherscan, a movements CSV (or - for standard input), or "
    "bare\n"
    "block files; 'dyepack list sources' tells what is recognised and what each can give.\n"
    "Sources of several chains may be given together: money that a bridge took from one is\n"
    "followed on the other. Where a source does not tell its chain: CHAIN=SOURCE.\n"
    "What is followed through, and what proves it: 'dyepack list links'.\n"
    "The other way round, where money came from: 'dyepack trace --backward --help'.\n";

// One chain that is followed.
struct track {
	struct trace *trace;
	const dp_source_group *group;
	dp_source_options options; // for opening its source
	bool has_seeds;            // something was stolen here
	dp_engine_options engine_options;
	uint8_t (*seed_tx)[32]; // where the cases begin, for sources that can look it up
	char source_name[DP_URL_SHOWN_MAX];
};

struct trace {
	// options
	const char *policy, *casebook, *format, *plan_name;
	dp_plan plan;
	bool quiet, assume_clean, no_links;
	dp_cli_source from;
	dp_cli_tags tag_files;
	// input
	dp_case *cases[CASES_MAX];
	const char *case_path[CASES_MAX];
	uint32_t case_count;
	const char **source_path;
	uint32_t source_count;
	const dp_chain *named[DP_CASE_CHAINS_MAX]; // by the cases
	uint32_t named_count;
	// work
	const dp_policy *rule;
	dp_tags *tags; // NULL: none were given
	dp_source_groups groups;
	struct track track[DP_RUNS_MAX];
	dp_run run[DP_RUNS_MAX]; // of each track
	uint32_t track_count;
	dp_exchange *exchange;
	dp_casebook *book;
	dp_decisions decisions;
};

//- what is on the command line -------------------------------------------------------------------

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

static int sort_arguments(struct trace *t, int count, char **argv)
{
	t->source_path = dp_alloc(((size_t)count + 1) * sizeof *t->source_path);
	if (t->source_path == NULL) return dp_cli_misuse("trace", "out of memory");
	for (int i = 1; i <= count; i++) {
		if (!ends_with(argv[i], ".yaml") && !ends_with(argv[i], ".yml")) {
			t->source_path[t->source_count++] = argv[i];
			continue;
		}
		if (t->case_count == CASES_MAX)
			return dp_cli_misuse("trace", "at most %d case files", CASES_MAX);
		t->case_path[t->case_count++] = argv[i];
	}
	if (t->case_count == 0)
		return dp_cli_misuse("trace", "no case file: name one that ends in .yaml");
	if (t->source_count == 0)
		return dp_cli_misuse("trace",
		                     "no source: name a file or folder to read blocks from");
	return DP_EXIT_DONE;
}

static int check_words(struct trace *t)
{
	static const char *const formats[] = {"text", "json", "csv", "dot", "graphml", NULL};
	if (t->format == NULL) t->format = "text";
	bool known = false;
	for (int i = 0; formats[i] != NULL; i++) known |= strcmp(formats[i], t->format) == 0;
	if (!known) {
		const char *near = dp_nearest(t->format, strlen(t->format), formats);
		return dp_cli_misuse("trace", "unknown format '%s'%s%s%s", t->format,
		                     near != NULL ? ": did you mean '" : "",
		                     near != NULL ? near : "", near != NULL ? "'?" : "");
	}
	static const char *const plans[] = {"auto", "scan", "seek", NULL};
	if (t->plan_name != NULL && !dp_plan_find(t->plan_name, &t->plan)) {
		const char *near = dp_nearest(t->plan_name, strlen(t->plan_name), plans);
		return dp_cli_misuse("trace", "unknown plan '%s'%s%s%s", t->plan_name,
		                     near != NULL ? ": did you mean '" : "",
		                     near != NULL ? near : "", near != NULL ? "'?" : "");
	}
	if (t->policy != NULL) {
		t->rule = dp_policy_find(t->policy);
		const char *names[16];
		int n = 0;
		for (; n < 15 && dp_policies[n] != NULL; n++) names[n] = dp_policies[n]->name;
		names[n] = NULL;
		const char *near = dp_nearest(t->policy, strlen(t->policy), names);
		if (t->rule == NULL)
			return dp_cli_misuse("trace", "unknown policy '%s'%s%s%s", t->policy,
			                     near != NULL ? ": did you mean '" : "",
			                     near != NULL ? near : "", near != NULL ? "'?" : "");
	}
	return DP_EXIT_DONE;
}

//- opening everything ----------------------------------------------------------------------------

static dp_code note_named(struct trace *t, const dp_case *c, dp_fault *fault)
{
	for (uint32_t i = 0; i < c->named_count; i++) {
		uint32_t k = 0;
		while (k < t->named_count && t->named[k] != c->named[i]) k++;
		if (k < t->named_count) continue;
		if (k == DP_CASE_CHAINS_MAX)
			return dp_fail(fault, DP_BAD_CASE,
			               "the cases name more than %d chains: trace them apart",
			               DP_CASE_CHAINS_MAX);
		t->named[t->named_count++] = c->named[i];
	}
	return DP_OK;
}

static dp_code read_cases(struct trace *t, dp_fault *fault)
{
	for (uint32_t i = 0; i < t->case_count; i++) {
		dp_case *c;
		DP_TRY(dp_cli_read_case(&c, t->case_path[i], fault));
		t->cases[i] = c;
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(t->cases[j]->incident, c->incident) == 0)
				return dp_fail(fault, DP_BAD_CASE,
				               "two case files are of incident %s", c->incident);
		DP_TRY(note_named(t, c, fault));
		if (t->policy == NULL && c->policy != t->cases[0]->policy)
			return dp_fail(fault, DP_BAD_CASE,
			               "the cases name two policies: choose one with --policy");
	}
	if (t->rule == NULL) t->rule = t->cases[0]->policy;
	return DP_OK;
}

// A seed placed by time, in a run that begins later, would be placed at the wrong moment.
static dp_code check_from(const struct trace *t, const dp_source_begin *from,
                          const dp_source_begin *cases, dp_fault *fault)
{
	bool is_late = (cases->has_height && from->has_height && from->height > cases->height) ||
	               (cases->has_time && from->has_time && from->time > cases->time);
	if (!t->from.is_from_given || !is_late) return DP_OK;
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "something was stolen here before the block that --from names: "
	                       "leave --from out, or begin before the theft");
	dp_fault_file(fault, t->case_path[0]);
	return code;
}

//- tracks ----------------------------------------------------------------------------------------

// Whatever was stolen must be where we look, or nothing of it would ever be found.
static dp_code check_seeds(const struct trace *t, dp_fault *fault)
{
	for (uint32_t i = 0; i < t->case_count; i++)
		for (uint32_t n = 0; n < t->cases[i]->seed_count; n++) {
			const dp_seed *seed = &t->cases[i]->seed[n];
			uint32_t k = 0;
			while (k < t->groups.count && t->groups.group[k].chain != seed->chain) k++;
			if (k < t->groups.count) continue;
			dp_code code =
			    dp_fail_at(fault, DP_BAD_CASE, seed->line, 0,
			               "this was stolen on %s, and no source of %s is given: add "
			               "one (%s=SOURCE where it does not tell by itself)",
			               seed->chain->name, seed->chain->name, seed->chain->name);
			dp_fault_file(fault, t->case_path[i]);
			return code;
		}
	return DP_OK;
}

// Heights count the blocks of one chain.
static dp_code check_range(const struct trace *t, const dp_source_options *o, dp_fault *fault)
{
	if (t->groups.count == 1) return DP_OK;
	if ((t->from.is_from_given && o->begin.has_height) || o->has_height_max)
		return dp_fail(fault, DP_BAD_CASE,
		               "a height of --from or --until is one chain's, and sources of %u "
		               "chains are given: give a time, such as 2025-03-04T00:00:00Z",
		               t->groups.count);
	return DP_OK;
}

static void count_nodes(const struct trace *t, uint32_t *ret_nodes, uint32_t *ret_coins)
{
	*ret_nodes = *ret_coins = 0;
	for (uint32_t i = 0; i < t->groups.count; i++) {
		const dp_source_group *g = &t->groups.group[i];
		if (strstr(g->path[0], "://") == NULL) continue;
		*ret_nodes += 1;
		*ret_coins += g->chain->kind == DP_CHAIN_UTXO;
	}
}

// Whose is a login? The only node's; among several, the only one's of a chain of coins, for nodes
// of the other kind have their keys in their addresses. A password is never given to two.
static bool gets_login(const struct trace *t, const dp_source_group *g)
{
	uint32_t nodes, coins;
	count_nodes(t, &nodes, &coins);
	return nodes < 2 || (coins == 1 && g->chain->kind == DP_CHAIN_UTXO);
}

static dp_code check_login(const struct trace *t, dp_fault *fault)
{
	uint32_t nodes, coins;
	count_nodes(t, &nodes, &coins);
	bool is_asked = t->from.login != NULL || t->from.cookie != NULL;
	if (nodes < 2 || coins == 1 || !is_asked) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE,
	               "which of the nodes --login or --cookie is for cannot be told: write "
	               "user and password into the address, as in http://user:word@host:8332");
}

static bool can_begin(const dp_source *s)
{
	return (s->kind->can & DP_CAN_BEGIN) != 0;
}

static dp_code open_group(const struct track *k, dp_source **ret_source, const dp_source_options *o,
                          dp_fault *fault)
{
	dp_code code = dp_cli_source_open(ret_source, k->group->path, k->group->count, o, fault);
	if (code == DP_BAD_BYTES || code == DP_BAD_CASE) dp_fault_file(fault, k->source_name);
	return code;
}

static dp_code open_source(struct track *k, dp_run *r, dp_fault *fault)
{
	dp_code code = open_group(k, &r->source, &k->options, fault);
	if (code == DP_OK && k->trace->from.is_from_given && !can_begin(r->source)) {
		code = dp_fail(fault, DP_BAD_CASE,
		               "is read from its beginning: --from is for nodes and block folders");
		dp_fault_file(fault, k->source_name);
	}
	return code;
}

// For the run, when it has to go through its source again from the case's beginning.
static dp_code reopen_source(void *context, dp_source **ret_source, dp_fault *fault)
{
	const struct track *k = context;
	dp_source_options o = k->options;
	o.begin.has_followed = false;
	for (uint32_t i = 0; i < k->group->count; i++) {
		if (strcmp(k->group->path[i], "-") != 0) continue;
		return dp_fail(fault, DP_BAD_CASE,
		               "what came over from another chain needs blocks of standard input "
		               "once more, and it cannot be read again: write it to a file");
	}
	return open_group(k, ret_source, &o, fault);
}

static dp_code make_track(struct trace *t, uint32_t no, const dp_source_options *shared,
                          dp_fault *fault)
{
	struct track *k = &t->track[no];
	dp_source_options *o = &k->options;
	k->trace = t;
	k->group = &t->groups.group[no];
	*o = *shared;
	o->chain = k->group->chain;
	o->watch = dp_run_watch(t->quiet);
	if (!gets_login(t, k->group)) o->login = o->cookie = NULL;
	dp_source_begin begin;
	DP_TRY(dp_begin_of_cases(&begin, &k->seed_tx, &k->has_seeds, t->cases, t->case_count,
	                         o->chain, fault));
	DP_TRY(check_from(t, &o->begin, &begin, fault));
	if (!t->from.is_from_given) o->begin = begin;
	o->begin.has_followed =
	    t->casebook != NULL &&
	    dp_casebook_followed(t->casebook, t->cases[0]->incident, o->chain, &o->begin.followed);
	dp_url_show(k->source_name, k->group->path[0]);
	return DP_OK;
}

// When the first block of an opened source was made. It is kept for the run.
static dp_code first_time(dp_run *r, bool *ret_known, int64_t *ret_time, dp_fault *fault)
{
	dp_ledger *ledger = dp_ledger_source_ledger(r->source);
	dp_ledger_block_row row;
	*ret_known = false;
	if (ledger != NULL) {
		dp_ledger_totals totals;
		uint64_t at = dp_ledger_source_position(r->source);
		dp_ledger_totals_get(ledger, &totals);
		*ret_known = at < totals.blocks;
		if (!*ret_known) return DP_OK;
		DP_TRY(dp_ledger_block_row_at(ledger, &row, at, fault));
		*ret_time = row.time;
		return DP_OK;
	}
	if (r->held == NULL) {
		dp_code code = dp_source_next(r->source, &r->held, fault);
		if (code == DP_END || (code == DP_BUSY && dp_run_interrupted())) return DP_OK;
		DP_TRY(code);
	}
	*ret_known = true;
	*ret_time = r->held->time;
	return DP_OK;
}

// Money that a bridge brings to a chain comes there after the theft, wherever that was: so each
// chain is begun with the earliest of all. Where the case files do not tell when that was, the
// first blocks of those chains do on which something was stolen.
static dp_code open_together(struct trace *t, dp_fault *fault)
{
	int64_t theft = INT64_MAX;
	bool is_told = true, has_first = false;
	int64_t first = 0;
	for (uint32_t i = 0; i < t->case_count; i++) {
		is_told &= t->cases[i]->theft_time != INT64_MAX;
		if (t->cases[i]->theft_time < theft) theft = t->cases[i]->theft_time;
	}
	bool is_late = false; // are there tracks that wait for the first blocks of others?
	for (uint32_t i = 0; i < t->track_count; i++) {
		struct track *k = &t->track[i];
		dp_source_begin *b = &k->options.begin;
		bool free_to_begin = !t->from.is_from_given && !b->has_followed;
		if (free_to_begin && is_told)
			dp_take_earlier(&b->has_time, &b->time, theft - DP_CLOCKS_S);
		is_late |= free_to_begin && !is_told;
		if (is_told || k->has_seeds || !free_to_begin)
			DP_TRY(open_source(k, &t->run[i], fault));
	}
	if (!is_late) return DP_OK;
	for (uint32_t i = 0; i < t->track_count; i++) {
		bool known = false;
		int64_t time;
		if (t->run[i].source == NULL || t->track[i].options.begin.has_followed) continue;
		DP_TRY(first_time(&t->run[i], &known, &time, fault));
		if (known) dp_take_earlier(&has_first, &first, time);
	}
	for (uint32_t i = 0; i < t->track_count; i++) {
		struct track *k = &t->track[i];
		dp_run *r = &t->run[i];
		dp_source_begin *b = &k->options.begin;
		bool known = false;
		int64_t time = 0;
		if (b->has_followed || t->from.is_from_given) continue;
		if (r->source != NULL) DP_TRY(first_time(r, &known, &time, fault));
		if (r->source != NULL && (!known || time <= first || !can_begin(r->source)))
			continue;
		if (has_first) dp_take_earlier(&b->has_time, &b->time, first - DP_CLOCKS_S);
		dp_source_close(r->source);
		r->source = NULL;
		r->held = NULL;
		DP_TRY(open_source(k, r, fault));
	}
	return DP_OK;
}

static dp_code open_sources(struct trace *t, const dp_source_options *o, dp_fault *fault)
{
	DP_TRY(dp_source_groups_find(&t->groups, t->source_path, t->source_count, t->named,
	                             t->named_count, o, fault));
	DP_TRY(check_seeds(t, fault));
	DP_TRY(check_range(t, o, fault));
	DP_TRY(check_login(t, fault));
	for (uint32_t i = 0; i < t->groups.count; i++) DP_TRY(make_track(t, i, o, fault));
	t->track_count = t->groups.count;
	if (t->track_count > 1) return open_together(t, fault);
	return open_source(&t->track[0], &t->run[0], fault);
}

// What was followed cannot be told as of an earlier moment.
static dp_code check_until(const struct trace *t, const dp_run *r, dp_fault *fault)
{
	if (!r->resumed || dp_engine_blocks(r->engine) == 0) return DP_OK;
	if (dp_engine_height(r->engine) <= t->from.height_max &&
	    dp_engine_time(r->engine) <= t->from.time_max)
		return DP_OK;
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "has followed to block %llu already, and --until lies before it: "
	                       "'dyepack rollback' takes blocks back, or trace into a new casebook",
	                       (unsigned long long)dp_engine_height(r->engine));
	dp_fault_file(fault, t->casebook);
	return code;
}

static dp_code make_engine(struct trace *t, uint32_t no, dp_fault *fault)
{
	struct track *k = &t->track[no];
	dp_run *r = &t->run[no];
	bool accounts = k->group->chain->kind == DP_CHAIN_ACCOUNT;
	dp_ledger_totals totals = {0};
	r->ledger = dp_ledger_source_ledger(r->source);
	if (r->ledger != NULL) dp_ledger_totals_get(r->ledger, &totals);
	k->engine_options = (dp_engine_options){
	    .policy = t->rule,
	    .chain = k->group->chain,
	    // Whoever can be asked need not be watched from the first block on.
	    .track_openings = accounts && r->source->opening == NULL && r->ledger == NULL,
	    .opening = accounts && r->source->opening != NULL ? dp_run_opening : NULL,
	    .opening_context = r,
	    .seen = accounts && r->ledger != NULL ? dp_run_seen : NULL,
	    .seen_context = r,
	    .seen_is_all = totals.from_beginning,
	    .assume_clean = t->assume_clean,
	    .no_links = t->no_links,
	    .undo_blocks = t->track_count > 1 ? DP_RUN_UNDO_BLOCKS : DP_CASEBOOK_UNDO_BLOCKS,
	    .tags = t->tags,
	    .exchange = t->exchange,
	    .decision = t->decisions.claim,
	    .decision_count = t->decisions.count,
	};
	const dp_case *cases[CASES_MAX];
	for (uint32_t i = 0; i < t->case_count; i++) cases[i] = t->cases[i];
	return dp_engine_new(&r->engine, &k->engine_options, cases, t->case_count, fault);
}

static void fill_run(struct trace *t, uint32_t no)
{
	struct track *k = &t->track[no];
	dp_run *r = &t->run[no];
	r->chain = k->group->chain;
	r->book = t->book;
	r->source_name = k->source_name;
	r->casebook_path = t->casebook;
	r->cases = t->cases;
	r->case_path = t->case_path;
	r->case_count = t->case_count;
	r->quiet = t->quiet;
	r->assume_clean = t->assume_clean;
	r->height_max = t->from.height_max;
	r->time_max = t->from.time_max;
	r->plan = t->plan;
	r->threads = k->options.threads;
	r->reopen = reopen_source;
	r->reopen_context = k;
}

// A chain that the casebook has and nobody follows now: what bridges bring there waits.
static void note_waiting(const struct trace *t)
{
	uint64_t height;
	if (t->casebook == NULL || t->quiet) return;
	for (uint16_t id = 0; id < dp_chain_count(); id++) {
		const dp_chain *chain = dp_chain_at(id);
		bool is_followed = false;
		for (uint32_t i = 0; i < t->track_count; i++)
			is_followed |= t->run[i].chain == chain;
		if (is_followed ||
		    !dp_casebook_followed(t->casebook, t->cases[0]->incident, chain, &height))
			continue;
		(void)fprintf(stderr,
		              "note: the casebook follows this on %s, too, and no source of it is "
		              "given: what comes there is not followed for now\n",
		              chain->name);
	}
}

static dp_code begin_runs(struct trace *t, dp_fault *fault)
{
	for (uint32_t i = 0; i < t->track_count; i++) {
		DP_TRY(make_engine(t, i, fault));
		fill_run(t, i);
	}
	for (uint32_t i = 0; i < t->track_count; i++) {
		dp_code code =
		    dp_casebook_begin(t->book, t->run[i].engine, &t->track[i].engine_options,
		                      t->case_count, &t->run[i].resumed, fault);
		if (code != DP_OK)
			dp_fault_file(fault, t->casebook != NULL ? t->casebook : ":memory:");
		DP_TRY(code);
	}
	for (uint32_t i = 0; i < t->track_count; i++) DP_TRY(check_until(t, &t->run[i], fault));
	note_waiting(t);
	return DP_OK;
}

static dp_code open_all(struct trace *t, const dp_source_options *o, dp_fault *fault)
{
	DP_TRY(read_cases(t, fault));
	if (dp_cli_tags_count(&t->tag_files) > 0)
		DP_TRY(dp_cli_tags_load(&t->tags, &t->tag_files, t->quiet, fault));
	DP_TRY(open_sources(t, o, fault));
	DP_TRY(dp_exchange_new(&t->exchange, fault));
	const char *path = t->casebook != NULL ? t->casebook : ":memory:";
	DP_TRY(dp_casebook_open(&t->book, path, true, fault));
	for (uint32_t i = 0; i < t->case_count; i++)
		DP_TRY(dp_decisions_load(&t->decisions, dp_casebook_db(t->book),
		                         t->cases[i]->incident, fault));
	return begin_runs(t, fault);
}

//- the result ------------------------------------------------------------------------------------

static dp_code print_each(struct trace *t, dp_result *const *results, dp_fault *fault)
{
	dp_sink w = {dp_cli_write, stdout};
	if (strcmp(t->format, "json") == 0)
		return dp_report_json((const dp_result *const *)results, t->case_count, &w, fault);
	for (uint32_t i = 0; i < t->case_count; i++) {
		if (strcmp(t->format, "csv") == 0)
			DP_TRY(dp_report_csv(results[i], &w, i == 0, fault));
		else if (strcmp(t->format, "dot") == 0)
			DP_TRY(dp_report_dot(results[i], &w, fault));
		else if (strcmp(t->format, "graphml") == 0)
			DP_TRY(dp_report_graphml(results[i], &w, fault));
		else
			DP_TRY(dp_report_text(results[i], &w, fault));
	}
	return DP_OK;
}

static dp_code print_result(struct trace *t, dp_fault *fault)
{
	dp_result *results[CASES_MAX] = {NULL};
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < t->case_count && code == DP_OK; i++)
		code = dp_result_load(&results[i], t->book, t->cases[i]->incident, fault);
	if (code == DP_OK) code = print_each(t, results, fault);
	for (uint32_t i = 0; i < t->case_count; i++) dp_result_free(results[i]);
	return code;
}

static void close_all(struct trace *t)
{
	for (uint32_t i = 0; i < DP_RUNS_MAX; i++) {
		dp_run_done(&t->run[i]);
		dp_source_close(t->run[i].source);
	}
	dp_casebook_close(t->book);
	for (uint32_t i = 0; i < DP_RUNS_MAX; i++) {
		dp_engine_free(t->run[i].engine);
		dp_free(t->track[i].seed_tx);
	}
	dp_exchange_free(t->exchange);
	dp_decisions_done(&t->decisions);
	dp_source_groups_done(&t->groups);
	dp_tags_free(t->tags);
	for (uint32_t i = 0; i < t->case_count; i++) {
		dp_case_done(t->cases[i]);
		dp_free(t->cases[i]);
	}
	dp_free(t->source_path);
}

// The engine calls a case by its incident; whoever reads the fault wants the file.
static void name_file(const struct trace *t, dp_code code, dp_fault *fault)
{
	if (code != DP_BAD_CASE) return;
	for (uint32_t i = 0; i < t->case_count; i++) {
		if (strcmp(fault->file, t->cases[i]->incident) != 0) continue;
		fault->file[0] = 0;
		dp_fault_file(fault, t->case_path[i]);
		return;
	}
}

static int run(struct trace *t, dp_source_options *o)
{
	dp_fault fault = {0};
	dp_run_watch_signals(); // a node may be waited for from here on
	dp_code code = open_all(t, o, &fault);
	if (code == DP_OK) {
		code = dp_runs_follow(t->run, t->track_count, t->exchange, &fault);
		name_file(t, code, &fault);
	}
	if (code == DP_OK && dp_run_interrupted()) {
		(void)fprintf(stderr,
		              t->casebook != NULL
		                  ? "dyepack: interrupted; the casebook is saved: run the same "
		                    "command again to go on\n"
		                  : "dyepack: interrupted; with --casebook one can go on\n");
		return DP_EXIT_FAILED;
	}
	if (code == DP_OK) {
		code = print_result(t, &fault);
		// A result that cannot be computed comes from a damaged casebook.
		if (code == DP_BAD_BYTES && t->casebook != NULL) dp_fault_file(&fault, t->casebook);
	}
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_trace(int argc, char **argv)
{
	static struct trace t;
	if (dp_cli_is_backward(argc, argv)) return dp_cmd_backward(argc, argv);
	const dp_option options[] = {
	    {"policy", "P", "fifo, lifo, haircut, poison, tiho, tilo, seniority", NULL, &t.policy},
	    {"casebook", "FILE", "keep the state in this file, and go on from it", NULL,
	     &t.casebook},
	    DP_CLI_TAGS_OPTION(&t.tag_files),
	    {"format", "F", "text, json, csv, dot, graphml", NULL, &t.format},
	    {"plan", "PLAN", "how a ledger is read: auto, scan (columns), seek (index)", NULL,
	     &t.plan_name},
	    {"assume-clean", NULL, "go on where the value of a spent output is unknown",
	     &t.assume_clean, NULL},
	    {"no-links", NULL,
	     "follow every movement as it stands: not through swaps, bridges, mixers, freezes",
	     &t.no_links, NULL},
	    DP_CLI_SOURCE_OPTIONS(&t.from),
	    {"quiet", NULL, "no progress", &t.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_source_options o = {0};
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = sort_arguments(&t, count, argv);
	if (exit_code == DP_EXIT_DONE) exit_code = check_words(&t);
	if (exit_code == DP_EXIT_DONE) exit_code = dp_cli_source_read(&t.from, &o, "trace");
	if (exit_code == DP_EXIT_DONE) exit_code = run(&t, &o);
	close_all(&t);
	return exit_code;
}

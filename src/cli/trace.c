// dyepack trace: cases and sources in, a result out.
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "casebook/casebook.h"
#include "cli/backward.h"
#include "cli/cli.h"
#include "cli/ledger_source.h"
#include "cli/run.h"
#include "cli/source_options.h"
#include "cli/tags_option.h"
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
    "The other way round, where money came from: 'dyepack trace --backward --help'.\n";

struct trace {
	// options
	const char *policy, *casebook, *format, *plan_name;
	dp_plan plan;
	bool quiet, assume_clean;
	dp_cli_source from;
	dp_cli_tags tag_files;
	// input
	dp_case *cases[CASES_MAX];
	const char *case_path[CASES_MAX];
	uint32_t case_count;
	const char **source_path;
	uint32_t source_count;
	// work
	const dp_policy *rule;
	dp_engine_options engine_options;
	uint8_t (*seed_tx)[32]; // where the cases begin, for sources that can look it up
	dp_tags *tags;          // NULL: none were given
	dp_source *source;
	dp_engine *engine;
	dp_casebook *book;
	dp_run run;
	char source_name[DP_URL_SHOWN_MAX];
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
		if (c->chain != t->cases[0]->chain)
			return dp_fail(fault, DP_BAD_CASE,
			               "the cases are of two chains (%s and %s): trace them apart",
			               t->cases[0]->chain->name, c->chain->name);
		if (t->policy == NULL && c->policy != t->cases[0]->policy)
			return dp_fail(fault, DP_BAD_CASE,
			               "the cases name two policies: choose one with --policy");
	}
	if (t->rule == NULL) t->rule = t->cases[0]->policy;
	return DP_OK;
}

static void take_earlier(bool *io_has, int64_t *io_time, int64_t time)
{
	if (!*io_has || time < *io_time) *io_time = time;
	*io_has = true;
}

// Where the earliest theft is, as far as the case files tell: a node need not be read from its
// beginning. Seeds that name a transaction are looked for by it, and by the time of the theft where
// the source cannot look transactions up.
static dp_code begin_with_cases(struct trace *t, dp_source_begin *ret_begin, dp_fault *fault)
{
	uint64_t seeds = 0;
	bool is_time_missing = false;
	dp_source_begin b = {0};
	for (uint32_t i = 0; i < t->case_count; i++) {
		seeds += t->cases[i]->seed_count;
		for (uint32_t k = 0; k < t->cases[i]->link_count; k++)
			seeds += t->cases[i]->link[k].tx_count;
	}
	t->seed_tx = dp_alloc((seeds + 1) * sizeof *t->seed_tx);
	if (t->seed_tx == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < t->case_count; i++) {
		const dp_case *c = t->cases[i];
		for (uint32_t k = 0; k < c->seed_count; k++) {
			const dp_seed *seed = &c->seed[k];
			if (seed->has_tx || seed->has_outpoint) {
				memcpy(t->seed_tx[b.tx_count++],
				       seed->has_tx ? seed->tx : seed->outpoint.txid, 32);
				if (seed->has_time || c->theft_time != INT64_MAX)
					take_earlier(&b.has_tx_time, &b.tx_time,
					             seed->has_time ? seed->time : c->theft_time);
				else
					is_time_missing = true;
			} else if (seed->has_height) {
				if (!b.has_height || seed->height < b.height)
					b.height = seed->height;
				b.has_height = true;
			} else if (seed->has_time) {
				take_earlier(&b.has_time, &b.time, seed->time);
			}
		}
		// What went into a swap may have gone in before the theft. Where no time is known,
		// one that cannot be looked up would mean to begin with the chain.
		for (uint32_t k = 0; k < c->link_count && c->theft_time != INT64_MAX; k++)
			for (uint32_t n = 0; n < c->link[k].tx_count; n++) {
				memcpy(t->seed_tx[b.tx_count++], c->link[k].tx[n], 32);
				take_earlier(&b.has_tx_time, &b.tx_time, c->theft_time);
			}
	}
	// The time of some is not the time of the first.
	if (is_time_missing) b.has_tx_time = false;
	b.tx = (const uint8_t(*)[32])t->seed_tx;
	*ret_begin = b;
	return DP_OK;
}

// What the engine does not know of a wallet's past, the source is asked for.
static dp_code ask_source(void *context, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                          dp_asset asset, uint64_t height, dp_fault *fault)
{
	dp_source *s = context;
	return s->opening(s, ret_known, ret_amount, addr, asset, height, fault);
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

static dp_code open_source(struct trace *t, dp_source_options *o, dp_fault *fault)
{
	o->chain = t->cases[0]->chain;
	o->watch = dp_run_watch(t->quiet);
	dp_source_begin begin;
	DP_TRY(begin_with_cases(t, &begin, fault));
	if (!t->from.is_from_given) o->begin = begin;
	DP_TRY(check_from(t, &o->begin, &begin, fault));
	o->begin.has_followed =
	    t->casebook != NULL &&
	    dp_casebook_followed(t->casebook, t->cases[0]->incident, &o->begin.followed);
	dp_url_show(t->source_name, t->source_path[0]);
	dp_code opened = dp_cli_source_open(&t->source, t->source_path, t->source_count, o, fault);
	if (opened == DP_BAD_BYTES || opened == DP_BAD_CASE) dp_fault_file(fault, t->source_name);
	if (opened == DP_OK && t->from.is_from_given &&
	    (t->source->kind->can & DP_CAN_BEGIN) == 0) {
		opened =
		    dp_fail(fault, DP_BAD_CASE,
		            "is read from its beginning: --from is for nodes and block folders");
		dp_fault_file(fault, t->source_name);
	}
	return opened;
}

// What was followed cannot be told as of an earlier moment.
static dp_code check_until(const struct trace *t, dp_fault *fault)
{
	if (!t->run.resumed || dp_engine_blocks(t->engine) == 0) return DP_OK;
	if (dp_engine_height(t->engine) <= t->from.height_max &&
	    dp_engine_time(t->engine) <= t->from.time_max)
		return DP_OK;
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "has followed to block %llu already, and --until lies before it: "
	                       "'dyepack rollback' takes blocks back, or trace into a new casebook",
	                       (unsigned long long)dp_engine_height(t->engine));
	dp_fault_file(fault, t->casebook);
	return code;
}

static dp_code open_all(struct trace *t, dp_source_options *o, dp_fault *fault)
{
	DP_TRY(read_cases(t, fault));
	if (dp_cli_tags_count(&t->tag_files) > 0)
		DP_TRY(dp_cli_tags_load(&t->tags, &t->tag_files, t->quiet, fault));
	DP_TRY(open_source(t, o, fault));
	bool accounts = o->chain->kind == DP_CHAIN_ACCOUNT;
	dp_ledger *ledger = dp_ledger_source_ledger(t->source);
	dp_ledger_totals totals = {0};
	if (ledger != NULL) dp_ledger_totals_get(ledger, &totals);
	t->engine_options = (dp_engine_options){
	    .policy = t->rule,
	    .chain = o->chain,
	    // Whoever can be asked need not be watched from the first block on.
	    .track_openings = accounts && t->source->opening == NULL && ledger == NULL,
	    .opening = accounts && t->source->opening != NULL ? ask_source : NULL,
	    .opening_context = t->source,
	    .seen = accounts && ledger != NULL ? dp_seek_opening : NULL,
	    .seen_context = ledger,
	    .seen_is_all = totals.from_beginning,
	    .assume_clean = t->assume_clean,
	    .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS,
	    .tags = t->tags,
	};
	const dp_case *cases[CASES_MAX];
	for (uint32_t i = 0; i < t->case_count; i++) cases[i] = t->cases[i];
	DP_TRY(dp_engine_new(&t->engine, &t->engine_options, cases, t->case_count, fault));
	const char *path = t->casebook != NULL ? t->casebook : ":memory:";
	DP_TRY(dp_casebook_open(&t->book, path, true, fault));
	bool resumed = false;
	dp_code code = dp_casebook_begin(t->book, t->engine, &t->engine_options, t->case_count,
	                                 &resumed, fault);
	if (code != DP_OK) dp_fault_file(fault, path);
	t->run = (dp_run){.source = t->source,
	                  .engine = t->engine,
	                  .book = t->book,
	                  .source_name = t->source_name,
	                  .casebook_path = t->casebook,
	                  .cases = t->cases,
	                  .case_path = t->case_path,
	                  .case_count = t->case_count,
	                  .quiet = t->quiet,
	                  .resumed = resumed,
	                  .assume_clean = t->assume_clean,
	                  .height_max = t->from.height_max,
	                  .time_max = t->from.time_max,
	                  .ledger = ledger,
	                  .plan = t->plan,
	                  .threads = o->threads};
	return code == DP_OK ? check_until(t, fault) : code;
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
	dp_source_close(t->source);
	dp_casebook_close(t->book);
	dp_engine_free(t->engine);
	dp_tags_free(t->tags);
	for (uint32_t i = 0; i < t->case_count; i++) {
		dp_case_done(t->cases[i]);
		dp_free(t->cases[i]);
	}
	dp_free(t->source_path);
	dp_free(t->seed_tx);
}

// The engine calls a case by its incident; whoever reads the fault wants the file. What is wrong
// with a block is wrong with the source.
static void name_file(const struct trace *t, dp_code code, dp_fault *fault)
{
	if (code == DP_BAD_BYTES) dp_fault_file(fault, t->source_name);
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
		code = dp_run_follow(&t->run, &fault);
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

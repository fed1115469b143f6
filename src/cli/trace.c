// dyepack trace: cases and sources in, a result out.
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "casebook/casebook.h"
#include "chain/digest.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "codec/time.h"
#include "report/result.h"
#include "source/source.h"

enum { CASES_MAX = 256, CASE_FILE_MAX = 64 << 20, COMMIT_ROWS = 500000 };
#define COMMIT_NS ((int64_t)20 * 1000000000)

static const char usage[] =
    "Usage: dyepack trace CASE.yaml... SOURCE... [options]\n\n"
    "Follows what the case file says was stolen through the blocks of the sources, and prints "
    "where\n"
    "it is. With --casebook the state is kept: run again on a longer source to go on.\n"
    "SOURCE is a movements CSV (or - for standard input), a blkNNNNN.dat file or folder, or bare\n"
    "block files; 'dyepack list sources' tells what is recognised.\n";

struct trace {
	// options
	const char *policy, *until, *casebook, *format, *map, *start_height, *memory;
	bool quiet, assume_clean, utxo;
	// input
	dp_case *cases[CASES_MAX];
	const char *case_path[CASES_MAX];
	uint32_t case_count;
	const char **source_path;
	uint32_t source_count;
	// work
	const dp_policy *rule;
	dp_engine_options engine_options;
	dp_source *source;
	dp_engine *engine;
	dp_casebook *book;
	bool resumed;
	bool until_height;
	uint64_t height_max;
	int64_t time_max;
	dp_progress progress;
	int64_t committed_ns;
	uint64_t commit_rows; // a commit at the latest after so many
	uint64_t blocks, movements;
	// comparing a source with what was followed before
	bool comparing, chain_known, agrees;
	uint8_t chain[32]; // over the source's blocks so far
	uint64_t agrees_height, height_begins;
	bool first_seen;
	dp_run_facts facts;
	uint64_t read_movements, read_noise;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

// The first signal asks to stop behind the current block. A second one ends the program at once,
// for who waits for a pipe that says nothing or for a long file to be read in; the casebook is then
// as after kill -9, at its last commit (I-4).
static void watch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

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

static bool read_number(const char *text, uint64_t *ret_value)
{
	dp_u256 v;
	if (dp_u256_parse(&v, text, strlen(text), 0, NULL) != DP_OK || !dp_u256_fits64(v))
		return false;
	*ret_value = v.w[0];
	return true;
}

// For tests: commits more often than one would, so that there is something to kill it in.
static uint64_t commit_rows(void)
{
	const char *text = getenv("DYEPACK_COMMIT_ROWS");
	uint64_t rows = 0;
	bool given = text != NULL && read_number(text, &rows) && rows > 0;
	return given ? rows : COMMIT_ROWS;
}

static int check_numbers(struct trace *t, dp_source_options *o)
{
	t->height_max = UINT64_MAX;
	t->time_max = INT64_MAX;
	if (t->until != NULL && !read_number(t->until, &t->height_max)) {
		t->height_max = UINT64_MAX;
		if (!dp_time_parse(&t->time_max, t->until, strlen(t->until)))
			return dp_cli_misuse("trace", "--until takes a height or a time such as "
			                              "2025-03-04T00:00:00Z");
	}
	if (t->start_height != NULL) {
		o->has_height_start = true;
		if (!read_number(t->start_height, &o->height_start))
			return dp_cli_misuse("trace", "--start-height takes a block height");
	}
	if (t->memory != NULL) {
		if (!read_number(t->memory, &o->memory_max) || o->memory_max == 0 ||
		    o->memory_max > 1 << 20)
			return dp_cli_misuse("trace", "--memory takes a number of MiB");
		o->memory_max <<= 20;
	}
	o->map = t->map;
	return DP_EXIT_DONE;
}

//- opening everything ----------------------------------------------------------------------------

static dp_code read_cases(struct trace *t, dp_fault *fault)
{
	for (uint32_t i = 0; i < t->case_count; i++) {
		uint8_t *bytes;
		size_t size;
		DP_TRY(dp_cli_read_file(t->case_path[i], &bytes, &size, CASE_FILE_MAX, fault));
		dp_case *c = dp_alloc(sizeof *c);
		dp_code code = DP_OK;
		if (c == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
		if (code == DP_OK) code = dp_case_parse(c, (const char *)bytes, size, fault);
		dp_free(bytes);
		if (code != DP_OK) {
			dp_free(c);
			dp_fault_file(fault, t->case_path[i]);
			return code;
		}
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

static dp_code open_all(struct trace *t, dp_source_options *o, dp_fault *fault)
{
	DP_TRY(read_cases(t, fault));
	o->chain = t->cases[0]->chain;
	t->utxo = o->chain->kind == DP_CHAIN_UTXO;
	dp_code opened = dp_source_open(&t->source, t->source_path, t->source_count, o, fault);
	if (opened == DP_BAD_BYTES || opened == DP_BAD_CASE)
		dp_fault_file(fault, t->source_path[0]);
	DP_TRY(opened);
	t->engine_options = (dp_engine_options){
	    .policy = t->rule,
	    .chain = o->chain,
	    .track_openings = o->chain->kind == DP_CHAIN_ACCOUNT,
	    .assume_clean = t->assume_clean,
	    .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS,
	};
	const dp_case *cases[CASES_MAX];
	for (uint32_t i = 0; i < t->case_count; i++) cases[i] = t->cases[i];
	DP_TRY(dp_engine_new(&t->engine, &t->engine_options, cases, t->case_count, fault));
	const char *path = t->casebook != NULL ? t->casebook : ":memory:";
	DP_TRY(dp_casebook_open(&t->book, path, true, fault));
	dp_code code = dp_casebook_begin(t->book, t->engine, &t->engine_options, t->case_count,
	                                 &t->resumed, fault);
	if (code != DP_OK) dp_fault_file(fault, path);
	return code;
}

//- following -------------------------------------------------------------------------------------

// The first block tells whether this source begins where the casebook's first one did.
static void note_first(struct trace *t, const dp_block *b)
{
	t->first_seen = true;
	t->facts = (dp_run_facts){.height_first = b->height, .assume_clean = t->assume_clean};
	if (!t->resumed || !dp_casebook_facts_get(t->book, dp_casebook_run(t->book), &t->facts))
		return;
	if (b->height != t->facts.height_first && b->chain->kind == DP_CHAIN_ACCOUNT)
		t->facts.continued_without = true;
}

// What was read in all, for the report. A source that is read again from its beginning is counted
// anew.
static dp_code note_facts(struct trace *t, dp_fault *fault)
{
	if (!t->first_seen) return DP_OK;
	dp_run_facts facts = t->facts;
	uint64_t before_movements = facts.continued_without ? facts.movements : 0;
	uint64_t before_noise = facts.continued_without ? facts.noise : 0;
	facts.movements = before_movements + t->read_movements;
	facts.noise = before_noise + t->read_noise;
	return dp_casebook_facts(t->book, &facts, fault);
}

// The source begins at or before where the casebook ends: what of it does the casebook know? One
// that begins where the first one did is compared from its first block on; another one from the
// first block that the journal still has.
static void begin_compare(struct trace *t, const dp_block *b)
{
	static const uint8_t none[32];
	t->comparing = true;
	t->height_begins = b->height;
	memset(t->chain, 0, sizeof t->chain);
	t->chain_known = b->height == t->facts.height_first;
	dp_casebook_block before;
	if (t->chain_known || b->height == 0 ||
	    !dp_casebook_block_at(t->book, b->height - 1, &before))
		return;
	// Block files say what they follow; rows of a table are taken to go on where they begin.
	bool follows = memcmp(b->prev, none, 32) == 0 || memcmp(b->prev, before.hash, 32) == 0;
	if (!follows) return;
	memcpy(t->chain, before.chain, 32);
	t->chain_known = t->agrees = true;
	t->agrees_height = before.height;
}

static dp_code parted(const struct trace *t, const dp_block *b, dp_fault *fault)
{
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "block %llu does not follow what the casebook followed before it: "
	                       "the chain reorganised; give a source that reaches back to where "
	                       "they part",
	                       (unsigned long long)b->height);
	dp_fault_file(fault, t->source_path[0]);
	return code;
}

static dp_code too_deep(const struct trace *t, const dp_block *b, dp_fault *fault)
{
	char height[32];
	(void)snprintf(height, sizeof height, "%llu", (unsigned long long)b->height);
	dp_code code = dp_fail(fault, DP_BAD_CASE,
	                       "block %s of the source, or one before it, differs from what was "
	                       "followed, and only the last %d blocks can be undone: trace into a "
	                       "new casebook",
	                       height, DP_CASEBOOK_UNDO_BLOCKS);
	dp_fault_file(fault, t->source_path[0]);
	return code;
}

// Undoes every block behind the last one on which source and casebook agree.
static dp_code undo_differing(struct trace *t, const dp_block *b, dp_fault *fault)
{
	dp_casebook_block oldest;
	bool all = !t->agrees && dp_casebook_block_oldest(t->book, &oldest) && oldest.is_first;
	if (!t->agrees && t->height_begins > t->facts.height_first) return parted(t, b, fault);
	if (!t->agrees && !all) return too_deep(t, b, fault);
	while (dp_engine_blocks(t->engine) > 0 &&
	       (all || dp_engine_height(t->engine) > t->agrees_height)) {
		dp_code code = dp_engine_rollback(t->engine, fault);
		if (code == DP_NOT_FOUND) return too_deep(t, b, fault);
		DP_TRY(code);
	}
	t->comparing = false;
	if (!t->quiet)
		(void)fprintf(stderr,
		              "block %llu differs from the one followed before: undone to "
		              "block %llu\n",
		              (unsigned long long)b->height,
		              (unsigned long long)(all ? 0 : dp_engine_height(t->engine)));
	return dp_casebook_forget(t->book, t->engine, fault);
}

// A block of a height that the casebook is past: skipped when the source still says the same as
// before. When it does not, the chain has reorganised (or the export was corrected): what differs
// is undone, and the block is followed.
static dp_code known_block(struct trace *t, const dp_block *b, bool *ret_skip, dp_fault *fault)
{
	if (!t->comparing) begin_compare(t, b);
	if (t->chain_known) dp_casebook_chain(t->chain, b->height, b->hash);
	dp_casebook_block known;
	bool reached = dp_casebook_block_at(t->book, b->height, &known);
	bool same = reached && known.height == b->height;
	if (same && t->chain_known)
		same = memcmp(t->chain, known.chain, 32) == 0;
	else if (same)
		same = memcmp(b->hash, known.hash, 32) == 0;
	*ret_skip = same || !reached; // older than the journal: its chain will tell
	if (!*ret_skip) return undo_differing(t, b, fault);
	if (same) {
		memcpy(t->chain, known.chain, 32);
		t->chain_known = t->agrees = true;
		t->agrees_height = b->height;
	}
	return dp_engine_skip(t->engine, b, fault);
}

// The first block behind the casebook's last one must follow it.
static dp_code check_follows(const struct trace *t, const dp_block *b, dp_fault *fault)
{
	static const uint8_t none[32];
	if (!t->resumed || dp_engine_blocks(t->engine) == 0 ||
	    b->height != dp_engine_height(t->engine) + 1 || memcmp(b->prev, none, 32) == 0 ||
	    memcmp(b->prev, dp_engine_hash(t->engine), 32) == 0)
		return DP_OK;
	return parted(t, b, fault);
}

// Names the casebook in a fault of it.
static dp_code in_book(const struct trace *t, dp_code code, dp_fault *fault)
{
	if (code != DP_OK && t->casebook != NULL) dp_fault_file(fault, t->casebook);
	return code;
}

static dp_code follow_block(struct trace *t, const dp_block *source_block, dp_fault *fault)
{
	static const uint8_t none[32];
	dp_block b = *source_block;
	if (memcmp(b.hash, none, 32) == 0) dp_block_digest(b.hash, source_block);
	if (!t->first_seen) note_first(t, &b);
	t->read_movements += b.mv_count;
	for (uint32_t i = 0; !t->utxo && i < b.mv_count; i++) t->read_noise += b.mv[i].asset.v == 0;
	if (dp_engine_blocks(t->engine) > 0 && b.height <= dp_engine_height(t->engine) &&
	    t->resumed) {
		bool skip;
		DP_TRY(known_block(t, &b, &skip, fault));
		if (skip) return DP_OK;
	}
	DP_TRY(check_follows(t, &b, fault));
	DP_TRY(dp_engine_apply(t->engine, &b, fault));
	DP_TRY(in_book(t, dp_casebook_record(t->book, t->engine, &b, fault), fault));
	t->blocks++;
	t->movements += b.mv_count;
	int64_t now = dp_progress_now_ns();
	if (dp_casebook_rows_waiting(t->book) < t->commit_rows && now - t->committed_ns < COMMIT_NS)
		return DP_OK;
	t->committed_ns = now;
	DP_TRY(note_facts(t, fault));
	return in_book(t, dp_casebook_commit(t->book, t->engine, fault), fault);
}

static dp_code seeds_found(struct trace *t, dp_fault *fault)
{
	uint32_t count, index;
	const dp_seed *seed = dp_engine_pending_seed(t->engine, &index, &count);
	if (seed == NULL || interrupted) return DP_OK;
	const char *what = "time";
	char name[DP_OUTPOINT_TEXT_MAX + DP_TXID_TEXT_MAX] = "";
	if (seed->has_outpoint) {
		what = "output";
		dp_outpoint_format(name, &seed->outpoint);
	} else if (seed->has_tx) {
		what = "transaction";
		dp_txid_format(name, seed->tx, t->cases[0]->chain);
	} else if (seed->has_height) {
		what = "block";
		(void)snprintf(name, sizeof name, "%llu", (unsigned long long)seed->height);
	} else {
		dp_time_format(name, seed->time);
	}
	const dp_case *c = dp_engine_case(t->engine, index);
	for (uint32_t i = 0; i < t->case_count; i++)
		if (t->cases[i] == c) dp_fault_file(fault, t->case_path[i]);
	char file[DP_FAULT_FILE_MAX];
	(void)snprintf(file, sizeof file, "%s", fault->file);
	dp_code code = dp_fail_at(fault, DP_BAD_CASE, seed->line, 0,
	                          "the %s %s of this seed is not in the source (%u of the seeds "
	                          "not found): check it, or give a source that holds it",
	                          what, name, count);
	dp_fault_file(fault, file);
	return code;
}

// What of the source was not followed, and is no error.
static void note_left_out(const struct trace *t)
{
	const dp_source_stats *s = &t->source->stats;
	if (t->quiet) return;
	if (s->blocks_stale > 0)
		(void)fprintf(stderr, "left out: %llu blocks of branches that lost\n",
		              (unsigned long long)s->blocks_stale);
	if (s->records_cut > 0)
		(void)fprintf(stderr, "left out: the last block of the last file, which is not "
		                      "complete yet\n");
}

static dp_code follow(struct trace *t, dp_fault *fault)
{
	dp_progress_start(&t->progress, t->quiet);
	t->committed_ns = dp_progress_now_ns();
	t->commit_rows = commit_rows();
	while (!interrupted) {
		const dp_block *b;
		dp_code code = dp_source_next(t->source, &b, fault);
		if (code == DP_END) break;
		DP_TRY(code);
		if (b->height > t->height_max || b->time > t->time_max) break;
		DP_TRY(follow_block(t, b, fault));
		dp_progress_show(&t->progress, t->source->stats.bytes_read,
		                 t->source->stats.bytes_total, t->movements, b->height);
	}
	dp_progress_end(&t->progress, t->blocks, t->movements);
	note_left_out(t);
	DP_TRY(seeds_found(t, fault));
	DP_TRY(note_facts(t, fault));
	return in_book(t, dp_casebook_commit(t->book, t->engine, fault), fault);
}

//- the result ------------------------------------------------------------------------------------

static dp_code print_each(struct trace *t, dp_result *const *results, dp_fault *fault)
{
	dp_writer w = {dp_cli_write, stdout};
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
	for (uint32_t i = 0; i < t->case_count; i++) {
		dp_case_done(t->cases[i]);
		dp_free(t->cases[i]);
	}
	dp_free(t->source_path);
}

// The engine calls a case by its incident; whoever reads the fault wants the file. What is wrong
// with a block is wrong with the source.
static void name_file(const struct trace *t, dp_code code, dp_fault *fault)
{
	if (code == DP_BAD_BYTES) dp_fault_file(fault, t->source_path[0]);
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
	dp_code code = open_all(t, o, &fault);
	if (code == DP_OK) {
		watch_signals();
		code = follow(t, &fault);
		name_file(t, code, &fault);
	}
	if (code == DP_OK && interrupted) {
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
		if (code == DP_BAD_BYTES) code = in_book(t, code, &fault);
	}
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_trace(int argc, char **argv)
{
	static struct trace t;
	const dp_option options[] = {
	    {"policy", "P", "fifo, lifo, haircut, poison, tiho, tilo, seniority", NULL, &t.policy},
	    {"until", "HEIGHT|TIME", "stop after this block or time", NULL, &t.until},
	    {"casebook", "FILE", "keep the state in this file, and go on from it", NULL,
	     &t.casebook},
	    {"format", "F", "text, json, csv, dot, graphml", NULL, &t.format},
	    {"assume-clean", NULL, "go on where the value of a spent output is unknown",
	     &t.assume_clean, NULL},
	    {"map", "MAP", "CSV columns: block=Block,time=Timestamp,...", NULL, &t.map},
	    {"start-height", "N", "height of the first block, where the files cannot tell", NULL,
	     &t.start_height},
	    {"memory", "MIB", "memory for sorting and look-ups (default 4096)", NULL, &t.memory},
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
	if (exit_code == DP_EXIT_DONE) exit_code = check_numbers(&t, &o);
	if (exit_code == DP_EXIT_DONE) exit_code = run(&t, &o);
	close_all(&t);
	return exit_code;
}

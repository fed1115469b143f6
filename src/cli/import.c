// dyepack import: what a source says, kept in a ledger.
//
//   which chain? -- the ledger's end --> open the source there --> intake.c --> what came of it
//                                             |
//                              --repair: verify -> the broken segments, built again from the source
//
// The source is opened where the ledger ends. One that can be asked for a block's hash is begun
// there exactly; block files are begun a little before, so that they show whether the chain
// reorganised, and earlier still when they do not show where; whatever else there is is read from
// its beginning, and compared.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/intake.h"
#include "cli/ledger_common.h"
#include "cli/ledger_source.h"
#include "cli/run.h"
#include "cli/source_options.h"
#include "ledger/verify.h"

enum {
	BACK_FIRST = 144, // blocks that block files are begun before the ledger's end: a day's
	BACK_GROWTH = 16,
	BROKEN_MAX = 1 << 16,
};

static const char usage[] =
    "Usage: dyepack import SOURCE... --ledger DIR [options]\n\n"
    "Reads blocks of any source and keeps them in the ledger DIR, where later traces find them\n"
    "without reading them all again. Run again to go on: what is there already is left out, and\n"
    "what the chain took back is taken back. One folder holds any number of chains.\n";

struct import {
	// options
	const char *ledger, *chain_name, *again, *pack_below;
	bool quiet, repair, has_again;
	uint64_t again_height, pack_height;
	dp_cli_source from;
	dp_source_options options;
	const char *const *path;
	uint32_t path_count;
	char source_name[DP_URL_SHOWN_MAX];
	// what the ledger held
	const dp_chain *chain;
	bool has_blocks; // below what is to be imported again
	uint64_t height_last, height_first;
	bool from_beginning;
	// work
	uint64_t back; // how far behind the ledger's end a source is begun
	dp_source *source;
	dp_writer *writer;
	dp_intake intake;
	dp_verify_fault *broken; // segments to build again
	uint64_t broken_count, broken_cap;
	bool broken_lost; // no memory for one of them
	dp_progress progress;
};

//- where the ledger ends -------------------------------------------------------------------------

// What the ledger holds of a chain (NULL: of the only one it has). Nothing is a fine answer.
static dp_code look_at_ledger(struct import *m, const dp_chain *chain, dp_fault *fault)
{
	dp_ledger *l;
	dp_fault quiet;
	m->chain = chain;
	m->has_blocks = m->from_beginning = false;
	// What is to be imported again may be false, so that no ledger with it could be opened.
	dp_code code =
	    dp_ledger_open_below(&l, m->ledger, chain, m->has_again ? m->again_height : UINT64_MAX,
	                         chain == NULL ? &quiet : fault);
	// Several chains, and none is named: the source will tell.
	if (code == DP_NOT_FOUND || (code == DP_BAD_CASE && chain == NULL)) return DP_OK;
	// What is broken is to be mended: the source is read from where the first fault is.
	if (code != DP_OK && m->repair) return DP_OK;
	if (code != DP_OK && chain == NULL && fault != NULL) *fault = quiet;
	DP_TRY(code);
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	m->chain = dp_ledger_chain(l);
	m->height_first = totals.height_first;
	m->height_last = totals.height_last;
	m->from_beginning = totals.from_beginning;
	m->has_blocks = totals.blocks > 0 && !(m->has_again && m->again_height <= m->height_first);
	if (m->has_again && m->again_height <= m->height_last) m->height_last = m->again_height - 1;
	dp_ledger_close(l);
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

// Where the source is to begin, by what the ledger has.
static void choose_begin(const struct import *m, dp_source_options *o)
{
	*o = m->options;
	o->joins_inputs = true;
	o->has_all_before = m->has_blocks && m->from_beginning;
	if (!m->has_blocks) return;
	o->begin.has_followed = true;
	o->begin.followed = m->height_last;
	if (m->from.is_from_given) return;
	o->begin.has_height = true;
	o->begin.height = m->height_last > m->back ? m->height_last - m->back : 0;
}

static dp_code open_source(struct import *m, dp_fault *fault)
{
	dp_source_options o;
	choose_begin(m, &o);
	dp_code code = dp_cli_source_open(&m->source, m->path, m->path_count, &o, fault);
	if (code == DP_BAD_BYTES || code == DP_BAD_CASE) dp_fault_file(fault, m->source_name);
	return code;
}

// The ledger's only chain was a guess at what the source is of: where it was a wrong one the source
// is opened anew, if it was begun by that chain's end.
static dp_code check_guess(struct import *m, dp_fault *fault)
{
	const dp_chain *chain = m->source->chain;
	DP_CHECK(chain != NULL);
	if (chain == m->chain) return DP_OK;
	bool was_guessed = m->has_blocks;
	DP_TRY(look_at_ledger(m, chain, fault));
	if (!was_guessed && !m->has_blocks) return DP_OK;
	// Whoever is read from the beginning, whatever he was told, need not be opened again:
	// standard input could not be.
	if ((m->source->kind->can & DP_CAN_BEGIN) == 0) return DP_OK;
	dp_source_close(m->source);
	m->source = NULL;
	return open_source(m, fault);
}

static dp_code open_writer(struct import *m, dp_fault *fault)
{
	dp_writer_options w = dp_cli_writer_options(m->options.threads, m->options.memory_max);
	DP_TRY(dp_writer_open(&m->writer, m->ledger, m->source->chain, &w, fault));
	uint64_t last;
	uint8_t hash[32];
	if (!m->has_again || !dp_writer_last(m->writer, &last, hash) || last < m->again_height)
		return DP_OK;
	if (!m->has_blocks) return dp_writer_truncate_all(m->writer, fault);
	return dp_writer_truncate(m->writer, m->again_height - 1, fault);
}

static dp_code check_from(const struct import *m, dp_fault *fault)
{
	if (!m->from.is_from_given || (m->source->kind->can & DP_CAN_BEGIN) != 0 || !m->has_blocks)
		return DP_OK;
	dp_code code =
	    dp_fail(fault, DP_BAD_CASE,
	            "is read from its beginning: with a ledger that has blocks --from is for nodes "
	            "and block folders");
	dp_fault_file(fault, m->source_name);
	return code;
}

//- importing -------------------------------------------------------------------------------------

static void prepare_intake(struct import *m)
{
	const dp_source_begin *begin = &m->options.begin;
	bool by_us = m->has_blocks && !m->from.is_from_given && m->height_last > m->back;
	m->intake = (dp_intake){
	    .source = m->source,
	    .writer = m->writer,
	    .source_name = m->source_name,
	    .ledger_name = m->ledger,
	    .quiet = m->quiet,
	    .may_reach_back = by_us && (m->source->kind->can & DP_CAN_BEGIN) != 0,
	    .has_first = m->has_blocks,
	    .height_first = m->height_first,
	    .height_min = begin->has_height ? begin->height : 0,
	    .time_min = begin->has_time ? begin->time : INT64_MIN,
	    .height_max = m->from.height_max,
	    .time_max = m->from.time_max,
	    .commit_rows = dp_cli_variable("DYEPACK_COMMIT_ROWS"),
	};
}

static dp_code import_blocks(struct import *m, dp_fault *fault)
{
	for (;;) {
		prepare_intake(m);
		DP_TRY(dp_intake_run(&m->intake, fault));
		if (!m->intake.wants_earlier) return DP_OK;
		dp_source_close(m->source);
		m->source = NULL;
		m->back = m->back > UINT64_MAX / BACK_GROWTH ? UINT64_MAX : m->back * BACK_GROWTH;
		DP_TRY(open_source(m, fault));
	}
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_new(const struct import *m, const dp_chain *chain)
{
	const dp_intake *t = &m->intake;
	if (t->blocks > 0)
		(void)printf("imported %llu block%s of %s (%llu to %llu), %llu movement%s\n",
		             (unsigned long long)t->blocks, plural(t->blocks), chain->name,
		             (unsigned long long)t->new_first, (unsigned long long)t->new_last,
		             (unsigned long long)t->movements, plural(t->movements));
	else if (t->has_taken_back)
		(void)printf("blocks above %llu taken back, and nothing new\n",
		             (unsigned long long)t->taken_back);
	else
		(void)printf("nothing new: the ledger has all of it\n");
	if (t->before > 0)
		(void)printf("left out: %llu blocks that lie before the ledger's first, %llu: a "
		             "ledger grows at its end\n",
		             (unsigned long long)t->before, (unsigned long long)t->height_first);
}

static void print_end(const struct import *m)
{
	uint64_t last = 0, rows = dp_writer_rows(m->writer);
	uint8_t hash[32];
	char ratio[DP_CLI_RATIO_MAX];
	const dp_chain *chain = m->source->chain;
	const dp_source_stats *s = &m->source->stats;
	print_new(m, chain);
	uint64_t bytes = dp_cli_folder_bytes(m->ledger, chain);
	if (dp_writer_last(m->writer, &last, hash))
		(void)printf("%s has %llu block%s of %s, to %llu: %llu movement%s, %llu bytes (%s "
		             "a movement)\n",
		             m->ledger, (unsigned long long)dp_writer_blocks(m->writer),
		             plural(dp_writer_blocks(m->writer)), chain->name,
		             (unsigned long long)last, (unsigned long long)rows, plural(rows),
		             (unsigned long long)bytes, dp_cli_ratio(ratio, bytes, rows));
	if (m->quiet) return;
	if (s->blocks_stale > 0)
		(void)fprintf(stderr, "left out: %llu blocks of branches that lost\n",
		              (unsigned long long)s->blocks_stale);
	if (s->records_cut > 0)
		(void)fprintf(stderr, "left out: the last block of the last file, which is not "
		                      "complete yet\n");
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *text = dp_gap_text((uint64_t)1 << bit);
		if ((m->source->gaps >> bit & 1) != 0 && text != NULL)
			(void)fprintf(stderr, "%s\n", text);
	}
}

static dp_code pack(struct import *m, dp_fault *fault)
{
	uint64_t count = 0;
	if (m->pack_below == NULL || dp_run_interrupted()) return DP_OK;
	DP_TRY(dp_writer_pack(m->writer, m->pack_height, true, &count, fault));
	(void)printf("packed %llu segments below block %llu\n", (unsigned long long)count,
	             (unsigned long long)m->pack_height);
	return DP_OK;
}

// What was imported last is only joined to all before it when somebody reads it: blocks that cannot
// be right are to be noticed now, not by the next trace.
static dp_code check_readable(const struct import *m, dp_fault *fault)
{
	dp_ledger *l;
	DP_TRY(dp_ledger_open(&l, m->ledger, m->source->chain, fault));
	dp_ledger_close(l);
	return DP_OK;
}

static dp_code import_all(struct import *m, dp_fault *fault)
{
	const dp_chain *named = m->options.chain;
	m->back = BACK_FIRST;
	DP_TRY(look_at_ledger(m, named, fault));
	const dp_chain *guess = m->chain;
	dp_code code = open_source(m, fault);
	if ((code == DP_NOT_FOUND || code == DP_BAD_CASE) && named == NULL && guess != NULL) {
		// Told to begin at the end of a chain that may not be its own.
		m->chain = NULL;
		m->has_blocks = false;
		code = open_source(m, fault);
	}
	DP_TRY(code);
	DP_TRY(check_guess(m, fault));
	DP_TRY(check_from(m, fault));
	DP_TRY(open_writer(m, fault));
	DP_TRY(import_blocks(m, fault));
	DP_TRY(check_readable(m, fault));
	DP_TRY(pack(m, fault));
	print_end(m);
	return DP_OK;
}

//- mending ---------------------------------------------------------------------------------------

static void note_broken(void *context, const dp_verify_fault *found)
{
	struct import *m = context;
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64];
	dp_fault_format(&found->fault, text, sizeof text);
	if (!m->quiet) (void)fprintf(stderr, "broken: %s\n", text);
	dp_code code = dp_grow((void **)&m->broken, &m->broken_cap, sizeof *m->broken,
	                       m->broken_count + 1, BROKEN_MAX, NULL);
	if (code == DP_OK)
		m->broken[m->broken_count++] = *found;
	else
		m->broken_lost = true;
}

static void show_verify(void *context, uint64_t bytes, uint64_t total)
{
	struct import *m = context;
	dp_progress_show_bytes(&m->progress, bytes, total);
}

// The tail cannot be mended: what is behind the last segment is forgotten, to be imported again.
static dp_code drop_tail(const struct import *m, const dp_chain *chain, dp_fault *fault)
{
	char folder[DP_PATH_MAX], path[DP_PATH_MAX], name[DP_LEDGER_NAME_MAX];
	dp_manifest manifest;
	int lock;
	DP_TRY(dp_path_join(folder, m->ledger, chain->name, fault));
	DP_TRY(dp_path_join(path, folder, "lock", fault));
	DP_TRY(dp_file_lock(&lock, path, fault));
	dp_code code = dp_manifest_read(&manifest, folder, fault);
	if (code == DP_OK) {
		dp_tail_name(name, dp_manifest_units(&manifest));
		dp_manifest_done(&manifest);
		code = dp_path_join(path, folder, name, fault);
	}
	if (code == DP_OK) code = dp_file_remove(path, fault);
	(void)close(lock);
	return code;
}

// Gives one segment's blocks to the writer; *io_block is the next block of the source, if any.
static dp_code rebuild(struct import *m, const dp_verify_fault *is, const dp_block **io_block,
                       bool *io_is_first, dp_fault *fault)
{
	DP_TRY(dp_writer_repair_begin(m->writer, is->unit_first, fault));
	while (!dp_run_interrupted()) {
		const dp_block *source_block = *io_block;
		dp_code code = DP_OK;
		if (source_block == NULL) code = dp_source_next(m->source, &source_block, fault);
		if (code == DP_END) break;
		if (code != DP_OK) dp_fault_file(fault, m->source_name);
		DP_TRY(code);
		*io_block = source_block;
		if (source_block->height > is->height_last) break;
		dp_block b = *source_block;
		dp_intake_hash(b.hash, source_block);
		bool begins = *io_is_first && m->source->opening_known_zero;
		*io_is_first = false;
		*io_block = NULL;
		if (b.height >= is->height_first)
			DP_TRY(
			    dp_writer_repair_block(m->writer, &b, m->source->gaps, begins, fault));
		dp_progress_show(&m->progress, b.height, is->height_last,
		                 m->source->stats.movements, b.height);
	}
	if (dp_run_interrupted()) return dp_fail(fault, DP_BUSY, "interrupted");
	return dp_writer_repair_end(m->writer, fault);
}

// The source's blocks for all segments that must be built again, in one pass.
static dp_code rebuild_all(struct import *m, dp_fault *fault)
{
	const dp_block *block = NULL;
	bool is_first = true;
	for (uint64_t i = 0; i < m->broken_count; i++) {
		const dp_verify_fault *is = &m->broken[i];
		if (is->only_spent || is->unit_count == 0) continue;
		DP_TRY(rebuild(m, is, &block, &is_first, fault));
		(void)printf("built again: blocks %llu to %llu\n",
		             (unsigned long long)is->height_first,
		             (unsigned long long)is->height_last);
	}
	// What says who spent an output is made from the segments, so these come first.
	for (uint64_t i = 0; i < m->broken_count; i++) {
		const dp_verify_fault *is = &m->broken[i];
		if (is->unit_count == 0 || m->source->chain->kind != DP_CHAIN_UTXO) continue;
		DP_TRY(dp_writer_repair_spent(m->writer, is->unit_first, fault));
		if (is->only_spent)
			(void)printf(
			    "made again: which outputs of blocks %llu to %llu were spent\n",
			    (unsigned long long)is->height_first,
			    (unsigned long long)is->height_last);
	}
	return DP_OK;
}

static int by_height(const void *a, const void *b)
{
	const dp_verify_fault *x = a, *y = b;
	return (x->height_first > y->height_first) - (x->height_first < y->height_first);
}

// Opens the source where the first broken segment begins.
static dp_code open_for_repair(struct import *m, dp_fault *fault)
{
	dp_source_options o = m->options;
	uint64_t height = UINT64_MAX;
	for (uint64_t i = 0; i < m->broken_count; i++) {
		const dp_verify_fault *is = &m->broken[i];
		if (is->unit_count > 0 && !is->only_spent && is->height_first < height)
			height = is->height_first;
	}
	o.chain = m->chain;
	o.joins_inputs = true;
	// The chain's first block says that it is that only to who begins with it.
	o.begin = (dp_source_begin){.has_height = height > 1, .height = height};
	dp_code code = dp_cli_source_open(&m->source, m->path, m->path_count, &o, fault);
	if (code == DP_BAD_BYTES || code == DP_BAD_CASE) dp_fault_file(fault, m->source_name);
	return code;
}

static dp_code find_broken(struct import *m, dp_fault *fault)
{
	dp_verify_result result;
	dp_progress_start(&m->progress, m->quiet);
	DP_TRY(dp_ledger_verify(&result, m->ledger, m->chain, note_broken, show_verify, m, fault));
	dp_progress_end(&m->progress, "verified", result.blocks, result.rows);
	if (m->broken_lost) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (m->broken_count > 1) qsort(m->broken, m->broken_count, sizeof *m->broken, by_height);
	return DP_OK;
}

struct chains {
	const dp_chain *first;
	bool is_several;
};

static bool note_chain(void *context, const dp_chain *chain)
{
	struct chains *c = context;
	c->is_several = c->first != NULL;
	if (c->first == NULL) c->first = chain;
	return !c->is_several;
}

// Which chain's ledger to mend: the one that is named, else the only one.
static dp_code find_chain(struct import *m, dp_fault *fault)
{
	struct chains c = {0};
	m->chain = m->options.chain;
	if (m->chain != NULL) return DP_OK;
	DP_TRY(dp_ledger_chains(m->ledger, note_chain, &c, fault));
	dp_code code = DP_OK;
	if (c.first == NULL) code = dp_fail(fault, DP_NOT_FOUND, "no ledger is in this folder");
	if (c.is_several)
		code = dp_fail(fault, DP_BAD_CASE, "has several chains: name one with --chain");
	if (code != DP_OK) dp_fault_file(fault, m->ledger);
	m->chain = c.first;
	return code;
}

static dp_code repair(struct import *m, dp_fault *fault)
{
	DP_TRY(find_chain(m, fault));
	DP_TRY(find_broken(m, fault));
	if (m->broken_count == 0) {
		(void)printf("nothing is broken\n");
		return DP_OK;
	}
	for (uint64_t i = 0; i < m->broken_count; i++) {
		if (m->broken[i].unit_count > 0) continue;
		DP_TRY(drop_tail(m, m->chain, fault));
		(void)printf("forgotten: the blocks behind the last segment; import them again\n");
	}
	DP_TRY(open_for_repair(m, fault));
	DP_TRY(open_writer(m, fault));
	dp_progress_start(&m->progress, m->quiet);
	DP_TRY(rebuild_all(m, fault));
	dp_writer_close(m->writer);
	m->writer = NULL;
	m->broken_count = 0;
	DP_TRY(find_broken(m, fault));
	if (m->broken_count == 0) return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "%llu segments are still broken",
	               (unsigned long long)m->broken_count);
}

//- the command -----------------------------------------------------------------------------------

static int read_words(struct import *m, int count, char **argv)
{
	static const char name[] = "import";
	if (m->ledger == NULL || m->ledger[0] == 0)
		return dp_cli_misuse(name, "name the ledger's folder with --ledger DIR");
	m->ledger = dp_cli_ledger_folder(m->ledger);
	if (count == 0) return dp_cli_misuse(name, "no source: name a file, a folder or a node");
	m->path = (const char *const *)(argv + 1);
	m->path_count = (uint32_t)count;
	if (m->chain_name != NULL) {
		m->options.chain = dp_chain_find(m->chain_name, strlen(m->chain_name));
		if (m->options.chain == NULL)
			return dp_cli_misuse(name, "unknown chain '%s': 'dyepack list chains'",
			                     m->chain_name);
	}
	m->has_again = m->again != NULL;
	if (m->has_again && !dp_cli_number(m->again, &m->again_height))
		return dp_cli_misuse(name, "--again takes a block height");
	if (m->pack_below != NULL && !dp_cli_number(m->pack_below, &m->pack_height))
		return dp_cli_misuse(name, "--compress-below takes a block height");
	if (m->repair && (m->has_again || m->from.is_from_given))
		return dp_cli_misuse(name, "--repair finds out by itself what to import again");
	return DP_EXIT_DONE;
}

static int run(struct import *m)
{
	dp_fault fault = {0};
	m->options.watch = dp_run_watch(m->quiet);
	dp_url_show(m->source_name, m->path[0]);
	dp_run_watch_signals(); // a node may be waited for from here on
	dp_code code = m->repair ? repair(m, &fault) : import_all(m, &fault);
	dp_source_close(m->source);
	dp_writer_close(m->writer);
	dp_free(m->broken);
	if (code != DP_OK) return dp_cli_fault(&fault);
	if (!dp_run_interrupted()) return DP_EXIT_DONE;
	(void)fprintf(stderr, "dyepack: interrupted; what was imported is kept: run the same "
	                      "command again to go on\n");
	return DP_EXIT_FAILED;
}

int dp_cmd_import(int argc, char **argv)
{
	static struct import m;
	const dp_option options[] = {
	    {"ledger", "DIR", "the folder to keep it in; made when it is not there", NULL,
	     &m.ledger},
	    {"chain", "CHAIN", "bitcoin, ethereum, eip155:10, ... (default: the source tells)",
	     NULL, &m.chain_name},
	    {"again", "HEIGHT", "forget this block and all above it, and import them again", NULL,
	     &m.again},
	    {"repair", NULL, "find what is broken in the ledger, and build it again", &m.repair,
	     NULL},
	    {"compress-below", "HEIGHT", "afterwards pack the segments below this block", NULL,
	     &m.pack_below},
	    DP_CLI_SOURCE_OPTIONS(&m.from),
	    {"quiet", NULL, "no progress", &m.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = dp_cli_source_read(&m.from, &m.options, "import");
	if (exit_code == DP_EXIT_DONE) exit_code = read_words(&m, count, argv);
	return exit_code == DP_EXIT_DONE ? run(&m) : exit_code;
}

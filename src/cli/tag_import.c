// dyepack tag import: lists into a tag store, all of them or none.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/run.h"
#include "cli/tag_command.h"
#include "tag/taxonomy.h"

enum { USAGE_SIZE = 2048, CONCEPTS_MAX = 1024 };

struct job {
	const char *store_path, *kind, *network, *confidence, *date, *format_name;
	bool strict, verbose;
	dp_tag_defaults defaults;
	dp_cli_format format;
	dp_store *store;
	dp_cli_complaints complaints;
	dp_tag_sink sink; // the store's
	dp_json_out json;
	FILE *out; // what is printed when all is done, and not before
	// of the file that is being read
	char list[128], reader[32];
	int64_t list_date;
	uint64_t failed, passed_over; // files
};

//- what the store is given -----------------------------------------------------------------------

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	struct job *j = context;
	(void)dp_cli_plain(j->list, sizeof j->list, list->name);
	(void)dp_cli_plain(j->reader, sizeof j->reader, list->kind);
	j->list_date = list->date;
	return j->sink.list(j->sink.context, list, fault);
}

static dp_code on_tag(void *context, const dp_tag *tag, dp_fault *fault)
{
	struct job *j = context;
	if (dp_run_interrupted()) return dp_fail(fault, DP_BUSY, "interrupted");
	return j->sink.tag(j->sink.context, tag, fault);
}

static dp_code on_actor(void *context, const dp_actor *actor, dp_fault *fault)
{
	struct job *j = context;
	return j->sink.actor(j->sink.context, actor, fault);
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	struct job *j = context;
	return j->sink.complain(j->sink.context, what, is_warning, fault);
}

//- one file --------------------------------------------------------------------------------------

static void print_part(FILE *to, uint64_t count, const char *what)
{
	if (count > 0) (void)fprintf(to, ", %llu %s", (unsigned long long)count, what);
}

static void print_counts(FILE *to, const dp_store_counts *c)
{
	(void)fprintf(to, "%llu tag%s", (unsigned long long)c->tags, c->tags == 1 ? "" : "s");
	print_part(to, c->actors, c->actors == 1 ? "actor" : "actors");
	print_part(to, c->added, "new");
	print_part(to, c->again, "seen before");
	print_part(to, c->gone, "gone");
	print_part(to, c->duplicates, "twice");
	print_part(to, c->left_out, "left out");
	print_part(to, c->warnings, c->warnings == 1 ? "warning" : "warnings");
	print_part(to, c->contradictions, "contradicted");
	(void)fputc('\n', to);
}

static void json_counts(dp_json_out *o, const dp_store_counts *c, bool with_gone)
{
	dp_cli_json_count(o, "tags", c->tags);
	dp_cli_json_count(o, "actors", c->actors);
	dp_cli_json_count(o, "added", c->added);
	dp_cli_json_count(o, "again", c->again);
	if (with_gone) dp_cli_json_count(o, "gone", c->gone);
	dp_cli_json_count(o, "duplicates", c->duplicates);
	dp_cli_json_count(o, "left_out", c->left_out);
	dp_cli_json_count(o, "warnings", c->warnings);
	dp_cli_json_count(o, "contradictions", c->contradictions);
}

static void report_file(struct job *j, const char *file, const dp_store_counts *before)
{
	dp_store_counts c;
	char date[DP_CLI_DATE_MAX], plain[512];
	dp_store_so_far(j->store, &c);
	c.tags -= before->tags;
	c.actors -= before->actors;
	c.added -= before->added;
	c.again -= before->again;
	c.duplicates -= before->duplicates;
	c.left_out -= before->left_out;
	c.warnings -= before->warnings;
	c.contradictions -= before->contradictions;
	if (j->format != DP_FORMAT_JSON) {
		(void)fprintf(j->out, "%s: %s, \"%s\"", dp_cli_plain(plain, sizeof plain, file),
		              j->reader, j->list);
		if (j->list_date != DP_NO_DATE)
			(void)fprintf(j->out, " of %s", dp_cli_date(date, j->list_date));
		(void)fprintf(j->out, ": ");
		print_counts(j->out, &c);
		return;
	}
	dp_json_object(&j->json);
	dp_json_key(&j->json, "file");
	dp_json_string(&j->json, file);
	dp_json_key(&j->json, "kind");
	dp_json_string(&j->json, j->reader);
	dp_json_key(&j->json, "list");
	dp_json_string(&j->json, j->list);
	dp_cli_json_date(&j->json, "date", j->list_date);
	json_counts(&j->json, &c, false);
	dp_json_object_end(&j->json);
}

static void say_fault(const dp_fault *what, const char *end)
{
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64], plain[sizeof text];
	dp_fault_format(what, text, sizeof text);
	(void)fprintf(stderr, "dyepack: %s%s\n", dp_cli_plain(plain, sizeof plain, text), end);
}

static dp_code import_file(void *context, const char *file, bool in_folder, dp_fault *fault)
{
	struct job *j = context;
	dp_fault what = {0};
	dp_store_counts before;
	const dp_tag_reader *reader = j->kind != NULL ? dp_tag_reader_find(j->kind) : NULL;
	const dp_tag_sink sink = {on_list, on_tag, on_actor, on_complaint, j};
	dp_code code = reader != NULL ? DP_OK : dp_tag_recognise(&reader, file, &what);
	if (code != DP_OK && in_folder && dp_cli_is_of_file(code)) {
		// Licences and read-me files lie beside lists.
		say_fault(&what, "; passed over");
		j->passed_over++;
		return DP_OK;
	}
	bool is_begun = code == DP_OK;
	if (is_begun) {
		dp_store_so_far(j->store, &before);
		DP_TRY(dp_store_file(j->store, file, fault));
		code = dp_tag_read(file, reader->name, &j->defaults, &sink, &what);
		dp_cli_complaints_end_file(&j->complaints, file);
	}
	if (code == DP_OK) {
		report_file(j, file, &before);
		return DP_OK;
	}
	// Also when a file that it includes is not there; one that the user names must be.
	if (!dp_cli_is_of_file(code) && !(is_begun && code == DP_NOT_FOUND)) {
		if (fault != NULL) *fault = what;
		return code;
	}
	say_fault(&what, "; the file was left out");
	j->failed++;
	return is_begun ? dp_store_undo_file(j->store, fault) : DP_OK;
}

//- all of them -----------------------------------------------------------------------------------

static void report_all(struct job *j, const dp_store_counts *c)
{
	if (j->format == DP_FORMAT_JSON) {
		dp_json_array_end(&j->json);
		dp_cli_json_count(&j->json, "files_left_out", j->failed);
		json_counts(&j->json, c, true);
		dp_json_object_end(&j->json);
		return;
	}
	if (c->files == 1 && j->failed == 0 && c->gone == 0) return; // its line says it all
	(void)fprintf(j->out, "%llu file%s: ", (unsigned long long)c->files,
	              c->files == 1 ? "" : "s");
	print_counts(j->out, c);
}

// Half a list, another list under the same name, or one in other words looks like an issue that
// takes nearly all off its list; a sanctioned address must not seem delisted by a mistake.
static void doubt_gone(const dp_store_counts *c)
{
	if (c->gone == 0 || (c->gone <= c->tags && c->again > 0)) return;
	(void)fprintf(stderr,
	              "dyepack: %llu gone, %llu seen before: are these the right lists (--list), "
	              "whole, and in the same words? 'dyepack tag diff' shows what is gone\n",
	              (unsigned long long)c->gone, (unsigned long long)c->again);
}

static dp_code import_all(struct job *j, char **files, int count, dp_fault *fault)
{
	dp_store_counts counts;
	DP_TRY(dp_store_begin(j->store, (int64_t)time(NULL), fault));
	j->sink = dp_store_sink(j->store, dp_cli_complain, &j->complaints);
	if (j->format == DP_FORMAT_JSON) {
		dp_json_object(&j->json);
		dp_json_key(&j->json, "files");
		dp_json_array(&j->json);
	}
	for (int i = 0; i < count; i++) DP_TRY(dp_tag_walk(files[i], import_file, j, fault));
	if (j->strict && (j->failed > 0 || j->complaints.count > 0))
		return dp_fail(fault, DP_BAD_CASE,
		               "%llu complaint%s: with --strict nothing is imported",
		               (unsigned long long)(j->failed + j->complaints.count),
		               j->failed + j->complaints.count == 1 ? "" : "s");
	if (dp_run_interrupted()) return dp_fail(fault, DP_BUSY, "interrupted");
	dp_store_so_far(j->store, &counts);
	if (counts.files == 0)
		return dp_fail(fault, DP_BAD_BYTES, "no file could be read: nothing is imported");
	DP_TRY(dp_store_commit(j->store, &counts, fault));
	doubt_gone(&counts);
	report_all(j, &counts);
	return j->format == DP_FORMAT_JSON ? dp_json_finish(&j->json) : DP_OK;
}

// A store that this command made is taken away again when nothing came into it.
static void drop_store(const char *path)
{
	char side[4096];
	static const char *const ends[] = {"", "-wal", "-shm"};
	for (int i = 0; i < 3; i++) {
		int n = snprintf(side, sizeof side, "%s%s", path, ends[i]);
		if (n > 0 && (size_t)n < sizeof side) (void)unlink(side);
	}
}

static int run(struct job *j, char **files, int count)
{
	dp_fault fault = {0};
	bool was_there = access(j->store_path, F_OK) == 0;
	dp_run_watch_signals();
	j->complaints.max = j->verbose ? UINT64_MAX : 0;
	char *text = NULL;
	size_t size = 0;
	j->out = open_memstream(&text, &size);
	if (j->out == NULL) {
		(void)dp_fail(&fault, DP_NO_MEMORY, "out of memory");
		return dp_cli_fault(&fault);
	}
	j->json = (dp_json_out){.write = dp_cli_write, .context = j->out, .fault = &fault};
	dp_code code = dp_store_open(&j->store, j->store_path, true, false, &fault);
	bool is_open = code == DP_OK;
	if (is_open) code = import_all(j, files, count, &fault);
	dp_store_close(j->store);
	if (is_open && code != DP_OK && !was_there) drop_store(j->store_path);
	(void)fclose(j->out);
	if (code == DP_OK) (void)fwrite(text, 1, size, stdout);
	free(text);
	if (code == DP_BUSY && dp_run_interrupted()) {
		(void)fputs("dyepack: interrupted: nothing was imported\n", stderr);
		return DP_EXIT_FAILED;
	}
	if (code != DP_OK) return dp_cli_fault(&fault);
	return j->failed == 0 ? DP_EXIT_DONE : DP_EXIT_FAILED;
}

//- the command line ------------------------------------------------------------------------------

// A category that the user writes is a word of the taxonomy: a typing error would tag thousands.
static int check_concept(const char *text, const char *option, const char *command)
{
	const char *words[CONCEPTS_MAX + 1];
	uint16_t count = dp_concept_count();
	if (text == NULL || dp_concept_find(text, strlen(text)) != NULL) return DP_EXIT_DONE;
	if (count > CONCEPTS_MAX) count = CONCEPTS_MAX;
	for (uint16_t i = 0; i < count; i++) words[i] = dp_concept_at((uint16_t)(i + 1))->name;
	words[count] = NULL;
	const char *near = dp_nearest(text, strlen(text), words);
	return dp_cli_misuse(command, "--%s '%s' is not in the taxonomy%s%s%s", option, text,
	                     near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                     near != NULL ? "'?" : "");
}

static int check_kind(const char *kind, const char *command)
{
	const char *words[32];
	uint32_t count = dp_tag_reader_count();
	if (kind == NULL || dp_tag_reader_find(kind) != NULL) return DP_EXIT_DONE;
	DP_CHECK(count < 32);
	for (uint32_t i = 0; i < count; i++) words[i] = dp_tag_reader_at(i)->name;
	words[count] = NULL;
	const char *near = dp_nearest(kind, strlen(kind), words);
	return dp_cli_misuse(command, "unknown kind '%s'%s%s%s", kind,
	                     near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                     near != NULL ? "'?" : "");
}

static int read_defaults(struct job *j, const char *command)
{
	dp_tag_defaults *d = &j->defaults;
	uint8_t confidence;
	int exit_code = dp_cli_ledger_format(&j->format, j->format_name, false, command);
	if (exit_code == DP_EXIT_DONE) exit_code = check_kind(j->kind, command);
	if (exit_code == DP_EXIT_DONE) exit_code = check_concept(d->category, "category", command);
	if (exit_code == DP_EXIT_DONE) exit_code = check_concept(d->abuse, "abuse", command);
	d->date = DP_NO_DATE;
	if (exit_code == DP_EXIT_DONE)
		exit_code = dp_cli_tag_time(&d->date, j->date, "date", command);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	d->confidence = -1;
	if (j->confidence != NULL) {
		if (!dp_confidence_find(&confidence, j->confidence, strlen(j->confidence)))
			return dp_cli_misuse(
			    command, "--confidence is a number from 0 to 100 or a level such as "
			             "web_crawl");
		d->confidence = confidence;
	}
	if (j->network == NULL) return DP_EXIT_DONE;
	d->network = dp_network_find(j->network, strlen(j->network));
	if (d->network != NULL) return DP_EXIT_DONE;
	return dp_cli_misuse(command, "unknown network '%s'; such as BTC, ETH, TRX", j->network);
}

static void make_usage(char out[USAGE_SIZE])
{
	int n = snprintf(out, USAGE_SIZE,
	                 "Usage: dyepack tag import FILE... --tags STORE [options]\n\n"
	                 "Reads lists of addresses into a tag store. Files may be packed (gzip, "
	                 "zstd), and folders\nare read whole. All is one transaction; importing "
	                 "again changes nothing.\n\nKinds:\n");
	for (uint32_t i = 0; i < dp_tag_reader_count() && n > 0 && n < USAGE_SIZE; i++)
		n += snprintf(out + n, (size_t)(USAGE_SIZE - n), "  %-14s %s\n",
		              dp_tag_reader_at(i)->name, dp_tag_reader_at(i)->summary);
}

int dp_cmd_tag_import(int argc, char **argv)
{
	static struct job j;
	char usage[USAGE_SIZE];
	j.format_name = "text";
	dp_tag_defaults *d = &j.defaults;
	const dp_option options[] = {
	    {"tags", "STORE", "where to keep them; made when it is not there", NULL, &j.store_path},
	    {"kind", "KIND", "what the files are (default: their content tells)", NULL, &j.kind},
	    {"list", "NAME", "of which list they are an issue (default: the file tells)", NULL,
	     &d->list_name},
	    {"date", "DATE", "of the issue, where the file does not say it (default: now)", NULL,
	     &j.date},
	    {"network", "NETWORK", "for addresses that do not say it: BTC, ETH, TRX, ...", NULL,
	     &j.network},
	    {"category", "CATEGORY", "for tags that do not say it", NULL, &d->category},
	    {"abuse", "ABUSE", "for tags that do not say it", NULL, &d->abuse},
	    {"label", "LABEL", "for tags that do not say it", NULL, &d->label},
	    {"source", "SOURCE", "for tags that do not say it: an address on the web", NULL,
	     &d->source},
	    {"actor", "ACTOR", "for tags that do not say it", NULL, &d->actor},
	    {"confidence", "LEVEL", "for tags that do not say it: 0 to 100, or a level's name",
	     NULL, &j.confidence},
	    {"map", "FIELD=COLUMN", "CSV: which column is what; several with commas between", NULL,
	     &d->map},
	    {"strict", NULL, "import nothing when anything is wrong", &j.strict, NULL},
	    {"verbose", NULL, "every complaint, not the first 20 of a file", &j.verbose, NULL},
	    {"format", "FORMAT", "text or json", NULL, &j.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	make_usage(usage);
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count == 0) return dp_cli_misuse(argv[0], "name the files to import");
	if (j.store_path == NULL)
		return dp_cli_misuse(argv[0], "say where to keep the tags: --tags STORE");
	int exit_code = read_defaults(&j, argv[0]);
	return exit_code == DP_EXIT_DONE ? run(&j, argv + 1, count) : exit_code;
}

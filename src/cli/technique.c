// dyepack technique: rules that say how somebody launders. Which there are, whether one is right,
// whether it finds what its own tests say, and what it says in plain words.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/match.h"

enum { PATH_BYTES_MAX = 4096, WIDTH = 98, WORD_MAX = 256, LIST_INDENT = 25 };

//- list ------------------------------------------------------------------------------------------

static const char list_usage[] =
    "Usage: dyepack technique list [PATH...]\n\n"
    "Prints the techniques that ship with dyepack, and those of these files and folders.\n";

// Words behind what stands in `column`, broken before the edge; the column that they end in.
static int list_words(int column, const char *text)
{
	while (*text != 0) {
		int n = (int)strcspn(text, " ");
		if (column + 1 + n > WIDTH)
			column = printf("\n%*s", LIST_INDENT + 1, "") - 1 + printf("%.*s", n, text);
		else
			column += printf(" %.*s", n, text);
		text += n;
		text += strspn(text, " ");
	}
	return column;
}

static void print_technique(const dp_technique *t)
{
	int column = printf("%-*s", LIST_INDENT - 1, t->id);
	(void)list_words(column, t->title);
	column = printf("\n%*s%u steps, by", LIST_INDENT, "", t->step_count) - 1;
	column = list_words(column, t->author);
	column = list_words(column + printf(","), t->date);
	if (t->aadapt_count > 0) column += printf(";");
	for (uint32_t i = 0; i < t->aadapt_count; i++) column = list_words(column, t->aadapt[i]);
	(void)putchar('\n');
	for (uint32_t i = 0; i < t->actor_count; i++) {
		column = printf("%*sattributed to", LIST_INDENT, "");
		column = list_words(column, t->actor[i].name);
		column = list_words(column, "by");
		column = list_words(column, t->actor[i].claimant);
		(void)list_words(column + printf(","), t->actor[i].date);
		(void)putchar('\n');
	}
}

static int run_list(int argc, char **argv)
{
	const dp_option options[] = {{NULL, NULL, NULL, NULL, NULL}};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, list_usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	dp_fault fault = {0};
	dp_technique_set set;
	argv[count + 1] = NULL; // options are behind the names
	if (dp_cli_techniques(&set, (const char *const *)(argv + 1), false, &fault) != DP_OK)
		return dp_cli_fault(&fault);
	for (uint64_t i = 0; i < set.count; i++) print_technique(&set.technique[i]);
	dp_technique_set_done(&set);
	return DP_EXIT_DONE;
}

//- lint ------------------------------------------------------------------------------------------

static const char lint_usage[] = "Usage: dyepack technique lint PATH...\n\n"
                                 "Checks rules: files, or folders of them. Every file is looked "
                                 "at; the first mistake of each is\n"
                                 "told with its line and column. Ids must differ.\n";

typedef struct linter {
	dp_technique_set set;
	uint64_t bad;
} linter;

// A mistake in one file says nothing against the next, unless there is room for no more.
static dp_code lint_file(void *context, const char *path, dp_fault *fault)
{
	linter *l = context;
	dp_code code = dp_cli_technique_add(&l->set, path, fault);
	if (code == DP_NO_MEMORY || l->set.count == DP_TECHNIQUES_MAX) return code;
	if (code != DP_OK) {
		(void)dp_cli_fault(fault);
		l->bad++;
		*fault = (dp_fault){0};
		return DP_OK;
	}
	const dp_technique *t = &l->set.technique[l->set.count - 1];
	(void)printf("%s: %s: %u step%s, %u test%s\n", t->file, t->id, t->step_count,
	             t->step_count == 1 ? "" : "s", t->test_count, t->test_count == 1 ? "" : "s");
	return DP_OK;
}

static int run_lint(int argc, char **argv)
{
	const dp_option options[] = {{NULL, NULL, NULL, NULL, NULL}};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, lint_usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count == 0) return dp_cli_misuse("technique lint", "name a rule's file or folder");
	linter l = {0};
	for (int i = 1; i <= count; i++) {
		dp_fault fault = {0};
		if (dp_cli_technique_files(argv[i], lint_file, &l, &fault) == DP_OK) continue;
		(void)dp_cli_fault(&fault);
		l.bad++;
	}
	if (l.set.count > 0) {
		(void)printf("%llu right", (unsigned long long)l.set.count);
		if (l.bad > 0) (void)printf(", %llu wrong", (unsigned long long)l.bad);
		(void)putchar('\n');
	}
	dp_technique_set_done(&l.set);
	return l.bad == 0 ? DP_EXIT_DONE : DP_EXIT_FAILED;
}

//- explain ---------------------------------------------------------------------------------------

static const char explain_usage[] =
    "Usage: dyepack technique explain (ID|PATH)...\n\n"
    "Says in words what a technique looks for: each step with all its numbers, defaults too.\n";

// Descriptions and conditions are lines without end: they are broken where a terminal would break
// them; those of a list two columns further in than they began.
typedef struct wrapper {
	int indent, column, word; // word: bytes in `text`
	bool is_begun;            // there is a word in this line already
	bool is_cut;              // of a word too long for `text`, the beginning is out
	char text[WORD_MAX];
} wrapper;

static bool put_word(wrapper *w)
{
	if (w->word == 0) return true;
	if (w->is_cut) {
		w->is_cut = false;
	} else if (w->is_begun && w->column + 1 + w->word > WIDTH) {
		w->column = w->indent > 0 ? w->indent + 2 : 0;
		if (printf("\n%*s", w->column, "") < 0) return false;
	} else if (w->is_begun) {
		if (putchar(' ') == EOF) return false;
		w->column++;
	}
	bool is_out = fwrite(w->text, 1, (size_t)w->word, stdout) == (size_t)w->word;
	w->column += w->word;
	w->is_begun = true;
	w->word = 0;
	return is_out;
}

static bool put_letter(wrapper *w, char c)
{
	if (c == '\n') {
		bool is_out = put_word(w) && putchar('\n') != EOF;
		*w = (wrapper){0};
		return is_out;
	}
	if (c == ' ' && w->word == 0 && !w->is_begun) {
		w->indent++;
		w->column++;
		return putchar(' ') != EOF;
	}
	if (c == ' ') {
		bool is_out = put_word(w);
		w->is_cut = false;
		return is_out;
	}
	w->text[w->word++] = c;
	if (w->word < WORD_MAX) return true;
	bool is_out = put_word(w);
	w->is_cut = true;
	return is_out;
}

static dp_code write_wrapped(void *context, const char *text, size_t n, dp_fault *fault)
{
	for (size_t i = 0; i < n; i++)
		if (!put_letter(context, text[i]))
			return dp_fail(fault, DP_IO, "cannot write the result: %s",
			               strerror(errno));
	return DP_OK;
}

// A name of a shipped rule, or files.
static dp_code find_rules(dp_technique_set *ret_set, char **name, int count, uint64_t *ret_first,
                          dp_fault *fault)
{
	dp_technique_set set;
	struct stat st;
	*ret_first = 0;
	name[count] = NULL; // options are behind the names
	if (count == 1 && stat(name[0], &st) != 0) {
		DP_TRY(dp_cli_techniques(&set, NULL, false, fault));
		const dp_technique *t = dp_technique_find(&set, name[0]);
		if (t == NULL) {
			const char *near = dp_technique_nearest(&set, name[0]);
			dp_code code =
			    dp_fail(fault, DP_NOT_FOUND, "no technique and no file '%.200s'%s%s%s",
			            name[0], near != NULL ? ": did you mean '" : "",
			            near != NULL ? near : "", near != NULL ? "'?" : "");
			dp_technique_set_done(&set);
			return code;
		}
		*ret_first = (uint64_t)(t - set.technique);
	} else {
		DP_TRY(dp_cli_techniques(&set, (const char *const *)name, count > 0, fault));
	}
	*ret_set = set;
	return DP_OK;
}

// All rules of a file or folder, or a shipped one.
static dp_code explain(char *one, dp_fault *fault)
{
	char *name[2] = {one, NULL};
	dp_technique_set set;
	uint64_t first;
	struct stat st;
	DP_TRY(find_rules(&set, name, 1, &first, fault));
	uint64_t end = stat(one, &st) != 0 ? first + 1 : set.count;
	dp_code code = DP_OK;
	wrapper w = {0};
	for (uint64_t i = first; i < end && code == DP_OK; i++) {
		if (i > first) (void)putchar('\n');
		code = dp_technique_explain(&set.technique[i], write_wrapped, &w, fault);
	}
	dp_technique_set_done(&set);
	return code;
}

static int run_explain(int argc, char **argv)
{
	const dp_option options[] = {{NULL, NULL, NULL, NULL, NULL}};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, explain_usage, &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count == 0) return dp_cli_misuse("technique explain", "name a technique or its file");
	dp_fault fault = {0};
	dp_code code = DP_OK;
	for (int i = 1; i <= count && code == DP_OK; i++) {
		if (i > 1) (void)putchar('\n');
		code = explain(argv[i], &fault);
	}
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

//- test ------------------------------------------------------------------------------------------

static const char test_usage[] =
    "Usage: dyepack technique test [ID|PATH...] [options]\n\n"
    "Runs the tests that stand in the rules themselves (without a name: those that ship with\n"
    "dyepack). A test may name an incident: its flow is looked for in --casebook and as a folder "
    "of\n"
    "--flows (edges.csv, sources.csv, terminals.csv); where it is in neither, the test is "
    "skipped.\n";

typedef struct tester {
	const char *casebook_path, *flows;
	dp_casebook *cb;
	dp_cli_flow flow;
} tester;

// Whether a path could be made, and a file or folder is there: a stranger's rule is not to make
// anybody wait for a pipe or a terminal.
static bool is_there(char out[PATH_BYTES_MAX], const char *folder, size_t n, const char *name)
{
	struct stat st;
	int size =
	    snprintf(out, PATH_BYTES_MAX, "%.*s%s%s", (int)n, folder, n > 0 ? "/" : "", name);
	return size > 0 && size < PATH_BYTES_MAX && stat(out, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static dp_code open_test(void *context, dp_judge_input *ret_input, const dp_tech_test *test,
                         const dp_technique *t, const dp_instance *instance, uint32_t count,
                         dp_fault *fault)
{
	tester *s = context;
	char path[PATH_BYTES_MAX];
	const char *slash = strrchr(t->file, '/');
	size_t folder = slash == NULL ? 0 : (size_t)(slash - t->file);
	dp_code code;
	if (test->file != NULL && is_there(path, t->file, folder, test->file))
		code = dp_cli_flow_of_files(&s->flow, path, NULL, NULL, instance, count, fault);
	else if (test->incident != NULL && s->flows != NULL &&
	         is_there(path, s->flows, strlen(s->flows), test->incident))
		code = dp_cli_flow_of_files(&s->flow, path, NULL, NULL, instance, count, fault);
	else if (test->incident != NULL && s->cb != NULL)
		code = dp_cli_flow_of_case(&s->flow, s->cb, s->casebook_path, test->incident,
		                           instance, count, fault);
	else
		return dp_fail(fault, DP_NOT_FOUND, "the flow of '%.100s' is not here",
		               test->incident != NULL ? test->incident : test->file);
	DP_TRY(code);
	code = dp_cli_flow_finish(&s->flow, fault);
	if (code != DP_OK) {
		dp_cli_flow_done(&s->flow);
		return code;
	}
	*ret_input = dp_cli_flow_input(&s->flow);
	return DP_OK;
}

static void close_test(void *context, dp_judge_input *input)
{
	tester *s = context;
	(void)input;
	dp_cli_flow_done(&s->flow);
}

static dp_code run_tests(const dp_technique_set *set, uint64_t first, uint64_t end, tester *s,
                         uint32_t counts[3], dp_fault *fault)
{
	static const char *const words[] = {"passed", "FAILED", "skipped"};
	const dp_test_source source = {s, open_test, close_test};
	dp_likeness *l = dp_alloc(sizeof *l);
	if (l == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	for (uint64_t i = first; i < end && code == DP_OK; i++) {
		const dp_technique *t = &set->technique[i];
		for (uint32_t k = 0; k < t->test_count && code == DP_OK; k++) {
			dp_test_verdict verdict;
			char why[DP_WHY_TEXT_MAX];
			code = dp_technique_test(t, k, &source, &verdict, l, why, fault);
			if (code != DP_OK) break;
			counts[verdict]++;
			(void)printf("%s  %s: %s", words[verdict], t->id, t->test[k].name);
			if (verdict != DP_TEST_SKIPPED)
				(void)printf(" (likeness %u.%02u, %u.%02u to %u.%02u)",
				             l->value / 1000, l->value % 1000 / 10, l->low / 1000,
				             l->low % 1000 / 10, l->high / 1000,
				             l->high % 1000 / 10);
			if (verdict != DP_TEST_PASSED) (void)printf(": %s", why);
			(void)putchar('\n');
		}
	}
	dp_free(l);
	return code;
}

static int run_test(int argc, char **argv)
{
	tester s = {0};
	const dp_option options[] = {
	    {"casebook", "FILE", "incidents are cases of this casebook", NULL, &s.casebook_path},
	    {"flows", "DIR", "or folders in this one", NULL, &s.flows},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, test_usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	dp_fault fault = {0};
	dp_technique_set set;
	uint64_t first;
	struct stat st;
	if (find_rules(&set, argv + 1, count, &first, &fault) != DP_OK) return dp_cli_fault(&fault);
	uint64_t end = count == 1 && stat(argv[1], &st) != 0 ? first + 1 : set.count;
	uint32_t counts[3] = {0};
	dp_code code = DP_OK;
	if (s.casebook_path != NULL) code = dp_casebook_open(&s.cb, s.casebook_path, false, &fault);
	if (code == DP_OK) code = run_tests(&set, first, end, &s, counts, &fault);
	dp_casebook_close(s.cb);
	dp_technique_set_done(&set);
	if (code != DP_OK) return dp_cli_fault(&fault);
	(void)printf("%u passed, %u failed", counts[DP_TEST_PASSED], counts[DP_TEST_FAILED]);
	if (counts[DP_TEST_SKIPPED] > 0) (void)printf(", %u skipped", counts[DP_TEST_SKIPPED]);
	(void)putchar('\n');
	return counts[DP_TEST_FAILED] == 0 ? DP_EXIT_DONE : DP_EXIT_FAILED;
}

//- the command -----------------------------------------------------------------------------------

static const char usage[] =
    "Usage: dyepack technique COMMAND ...\n\n"
    "Techniques are rules that say how somebody launders ('dyepack match' compares a case with\n"
    "them). Commands:\n"
    "  list     those that are known\n"
    "  lint     is a rule right? The first mistake of each, with line and column\n"
    "  test     run the tests that stand in the rules\n"
    "  explain  what a rule looks for, in words\n";

int dp_cmd_technique(int argc, char **argv)
{
	static const dp_command table[] = {
	    {"list", NULL, run_list},       {"lint", NULL, run_lint}, {"test", NULL, run_test},
	    {"explain", NULL, run_explain}, {NULL, NULL, NULL},
	};
	return dp_cli_subcommand(argc, argv, "technique", table, usage,
	                         "dyepack technique explain split-and-hop");
}

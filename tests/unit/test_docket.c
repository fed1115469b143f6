// The docket: what is to be followed, in which groups, and that it is told of when that changes.
// Covers: casebook/docket.c cli/docket_cases.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "casebook/casebook.h"
#include "casebook/docket.h"
#include "cli/docket_cases.h"
#include "support/folder.h"
#include "support/rows.h"

enum { BOOKS = 8, COMPANY = 3, NOW = 1740147400 };

static dp_casebook *root;

static struct company {
	dp_casebook *book;
	dp_engine *engine;
	dp_case cases[COMPANY];
	uint32_t count;
} companies[BOOKS];
static uint32_t company_count;

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static int start(void **state)
{
	dp_fault fault = {0};
	(void)state;
	company_count = 0;
	must(dp_casebook_open(&root, ":memory:", true, &fault), &fault);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < company_count; i++) {
		dp_casebook_close(companies[i].book);
		dp_engine_free(companies[i].engine);
		for (uint32_t k = 0; k < companies[i].count; k++)
			dp_case_done(&companies[i].cases[k]);
	}
	dp_casebook_close(root);
	return 0;
}

static void write_case(char *out, size_t size, const char *incident)
{
	(void)snprintf(out, size,
	               "incident: %s\ntitle: T\nchain: ethereum\nstolen:\n"
	               "  - {address: '0x100000000000000000000000000000000000a000', amount: '1', "
	               "block: 102}\n",
	               incident);
}

// Traces cases together, as far as beginning goes; `names` is a list with spaces between.
static void trace(const char *names)
{
	struct company *c = &companies[company_count++];
	const dp_case *list[COMPANY];
	char name[40], yaml[300];
	dp_fault fault = {0};
	bool resumed;
	*c = (struct company){0};
	for (int used; sscanf(names, "%39s%n", name, &used) == 1; names += used) {
		write_case(yaml, sizeof yaml, name);
		t_case(&c->cases[c->count], yaml);
		list[c->count] = &c->cases[c->count];
		c->count++;
	}
	dp_engine_options o = {.policy = dp_policy_find("fifo"), .chain = t_chain(false)};
	must(dp_engine_new(&c->engine, &o, list, c->count, &fault), &fault);
	must(dp_casebook_beside(&c->book, root, &fault), &fault);
	must(dp_casebook_begin(c->book, c->engine, &o, c->count, &resumed, &fault), &fault);
	must(dp_casebook_save(c->book, &fault), &fault);
	must(dp_casebook_keep(c->book, &fault), &fault);
	assert_false(resumed);
}

static void adopt(void)
{
	dp_fault fault = {0};
	must(dp_docket_adopt(dp_casebook_db(root), NOW, &fault), &fault);
}

static int64_t version(void)
{
	int64_t v = -1;
	dp_fault fault = {0};
	must(dp_docket_version(dp_casebook_db(root), &v, &fault), &fault);
	return v;
}

static dp_code add(const char *incident, int64_t group, dp_fault *fault)
{
	char yaml[300];
	write_case(yaml, sizeof yaml, incident);
	dp_docket_entry e = {.incident = incident,
	                     .policy = "fifo",
	                     .group = group,
	                     .yaml = yaml,
	                     .yaml_size = strlen(yaml)};
	return dp_docket_add(dp_casebook_db(root), &e, NOW, fault);
}

static int64_t new_group(void)
{
	int64_t group = 0;
	dp_fault fault = {0};
	must(dp_docket_new_group(dp_casebook_db(root), &group, &fault), &fault);
	return group;
}

// "a+b c (d)": groups in order, with a space between; stopped ones in brackets.
struct listing {
	char text[400];
	int64_t group;
};

static dp_code list(void *context, const dp_docket_entry *e, dp_fault *fault)
{
	struct listing *l = context;
	size_t n = strlen(l->text);
	(void)fault;
	assert_true(e->group > 0 && e->yaml_size > 0);
	assert_string_equal(e->policy, "fifo");
	(void)snprintf(l->text + n, sizeof l->text - n, "%s%s%s%s",
	               n == 0                 ? ""
	               : l->group == e->group ? "+"
	                                      : " ",
	               e->is_stopped ? "(" : "", e->incident, e->is_stopped ? ")" : "");
	l->group = e->group;
	return DP_OK;
}

static void holds(const char *want)
{
	struct listing l = {0};
	dp_fault fault = {0};
	must(dp_docket_visit(dp_casebook_db(root), list, &l, &fault), &fault);
	assert_string_equal(l.text, want);
}

static int64_t group_of(const char *incident)
{
	char sql[120];
	(void)snprintf(sql, sizeof sql, "select grp from docket where incident='%s'", incident);
	return t_rows_number(dp_casebook_db(root), sql);
}

static void what_was_traced_together_is_adopted_together(void **state)
{
	(void)state;
	trace("zebra ant");
	trace("bee");
	trace("cow dog eel");
	int64_t before = version();
	adopt();
	holds("zebra+ant bee cow+dog+eel");
	assert_true(version() > before);
	// Once more: nothing is new, and nobody is told.
	before = version();
	t_bytes was = t_rows(dp_casebook_db(root), NULL);
	adopt();
	t_bytes is = t_rows(dp_casebook_db(root), NULL);
	assert_true(t_bytes_eq(&was, &is));
	t_bytes_done(&was);
	t_bytes_done(&is);
	assert_int_equal(version(), before);
}

static void no_two_groups_ever_collide(void **state)
{
	(void)state;
	dp_fault fault = {0};
	trace("a b");
	trace("c");
	adopt();
	int64_t g = new_group();
	must(add("d", g, &fault), &fault);
	must(add("e", g, &fault), &fault);
	must(add("f", new_group(), &fault), &fault);
	trace("g");
	trace("h i");
	adopt();
	must(add("j", new_group(), &fault), &fault);
	holds("a+b c d+e f g h+i j");
	trace("k");
	adopt();
	holds("a+b c d+e f g h+i j k");
}

static void companies_with_far_numbers_keep_apart(void **state)
{
	(void)state;
	trace("a");
	trace("b");
	trace("c");
	// As after resets: numbers of runs are not dense, and a company's need not be its run's.
	t_rows_run(dp_casebook_db(root), "update run set company=900 where company=2");
	t_rows_run(dp_casebook_db(root), "update run set company=7 where company=3");
	adopt();
	assert_true(group_of("a") != group_of("b") && group_of("b") != group_of("c") &&
	            group_of("a") != group_of("c"));
	assert_true(new_group() > group_of("b"));
}

// Entered alone, then traced with others before anybody followed it: they cannot be followed apart.
static void who_was_traced_with_a_known_case_joins_its_group(void **state)
{
	(void)state;
	dp_fault fault = {0};
	must(add("other", new_group(), &fault), &fault);
	must(add("b", new_group(), &fault), &fault);
	trace("a b c");
	trace("d");
	adopt();
	holds("other a+b+c d");
}

static void cases_are_added_changed_and_stopped(void **state)
{
	(void)state;
	dp_fault fault = {0};
	sqlite3 *db = dp_casebook_db(root);
	int64_t before = version();
	must(add("a", new_group(), &fault), &fault);
	must(add("b", new_group(), &fault), &fault);
	assert_true(version() > before);
	before = version();
	assert_int_equal(add("a", new_group(), &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "'a'"));
	assert_int_equal(version(), before);
	must(dp_docket_change(db, "a", "xyz", 3, NOW + 1, &fault), &fault);
	assert_true(version() > before);
	assert_int_equal(t_rows_number(db, "select count(*) from docket where incident='a' and "
	                                   "yaml=cast('xyz' as blob) and changed=1740147401"),
	                 1);
	before = version();
	must(dp_docket_stop(db, "b", true, NOW, &fault), &fault);
	assert_true(version() > before);
	holds("a (b)");
	must(dp_docket_stop(db, "b", false, NOW, &fault), &fault);
	holds("a b");
	before = version();
	assert_int_equal(dp_docket_stop(db, "zzz", true, NOW, &fault), DP_NOT_FOUND);
	assert_int_equal(dp_docket_change(db, "zzz", "x", 1, NOW, &fault), DP_NOT_FOUND);
	assert_int_equal(version(), before);
	must(dp_docket_touch(db, &fault), &fault);
	assert_int_equal(version(), before + 1);
}

static int64_t stopped_as(const char *incident)
{
	char sql[120];
	(void)snprintf(sql, sizeof sql, "select stopped from docket where incident='%s'", incident);
	return t_rows_number(dp_casebook_db(root), sql);
}

// Who was stopped while others of the group went on is not forgotten to have missed something.
static void who_missed_something_is_remembered(void **state)
{
	(void)state;
	dp_fault fault = {0};
	trace("a b");
	adopt();
	sqlite3 *db = dp_casebook_db(root);
	int64_t group = t_rows_number(db, "select grp from docket where incident='a'");
	must(dp_docket_stop(db, "a", true, NOW, &fault), &fault);
	assert_int_equal(stopped_as("a"), DP_DOCKET_STOPPED);
	must(dp_docket_stop(db, "a", false, NOW, &fault), &fault);
	assert_int_equal(stopped_as("a"), DP_DOCKET_FOLLOWED);
	must(dp_docket_stop(db, "a", true, NOW, &fault), &fault);
	int64_t before = version();
	must(dp_docket_pass(db, group + 1, &fault), &fault); // others
	assert_int_equal(stopped_as("a"), DP_DOCKET_STOPPED);
	must(dp_docket_pass(db, group, &fault), &fault);
	assert_int_equal(stopped_as("a"), DP_DOCKET_PASSED);
	assert_int_equal(stopped_as("b"), DP_DOCKET_FOLLOWED);
	assert_int_equal(version(), before);
	holds("(a)+b");
	must(dp_docket_stop(db, "a", false, NOW, &fault), &fault);
	assert_int_equal(stopped_as("a"), DP_DOCKET_RETURNED);
	holds("a+b");
	must(dp_docket_stop(db, "a", true, NOW, &fault), &fault);
	assert_int_equal(stopped_as("a"), DP_DOCKET_PASSED);
	must(dp_docket_stop(db, "a", false, NOW, &fault), &fault);
	before = version();
	must(dp_docket_caught_up(db, group, &fault), &fault);
	assert_int_equal(stopped_as("a"), DP_DOCKET_FOLLOWED);
	assert_int_equal(version(), before);
}

static void a_stopped_case_is_not_adopted_anew(void **state)
{
	(void)state;
	dp_fault fault = {0};
	trace("a b");
	adopt();
	must(dp_docket_stop(dp_casebook_db(root), "a", true, NOW, &fault), &fault);
	must(dp_docket_change(dp_casebook_db(root), "b", "xyz", 3, NOW, &fault), &fault);
	adopt();
	holds("(a)+b");
	assert_int_equal(t_rows_number(dp_casebook_db(root),
	                               "select length(yaml) from docket where incident='b'"),
	                 3);
}

struct heights {
	uint32_t count, with;
	uint64_t height;
};

static dp_code note_height(void *context, const char *chain, bool has_height, uint64_t height,
                           dp_fault *fault)
{
	struct heights *h = context;
	(void)fault;
	assert_string_equal(chain, "eip155:1");
	h->count++;
	h->with += has_height;
	if (has_height) h->height = height;
	return DP_OK;
}

static dp_code refuse(void *context, const char *chain, bool has_height, uint64_t height,
                      dp_fault *fault)
{
	(void)context, (void)chain, (void)has_height, (void)height;
	return dp_fail(fault, DP_LIMIT, "enough");
}

static void heights_are_those_of_the_case(void **state)
{
	(void)state;
	dp_fault fault = {0};
	struct heights h = {0};
	sqlite3 *db = dp_casebook_db(root);
	trace("a b");
	trace("c");
	must(dp_docket_heights(db, "b", note_height, &h, &fault), &fault);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.with, 0); // not a block yet
	t_rows_run(db, "update run set height=4611686018427387904 where company=1");
	must(dp_docket_heights(db, "b", note_height, &h, &fault), &fault);
	assert_int_equal(h.with, 1);
	assert_true(h.height == (uint64_t)1 << 62);
	h = (struct heights){0};
	must(dp_docket_heights(db, "nobody", note_height, &h, &fault), &fault);
	assert_int_equal(h.count, 0);
	assert_int_equal(dp_docket_heights(db, "a", refuse, &h, &fault), DP_LIMIT);
}

//- as commands use it ----------------------------------------------------------------------------

static char folder[T_PATH_MAX], path[BOOKS][T_PATH_MAX + 40], book_path[T_PATH_MAX + 40];

static const char *write_file(int at, const char *text)
{
	(void)snprintf(path[at], sizeof path[at], "%s/case%d.yaml", folder, at);
	FILE *f = fopen(path[at], "w");
	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path[at];
}

static dp_code enter(int first, int last, bool may_be_there, uint32_t *ret_chains, dp_fault *fault)
{
	const char *paths[BOOKS];
	const dp_chain *named[DP_CASE_CHAINS_MAX];
	uint32_t n = 0;
	for (int i = first; i <= last; i++) paths[n++] = path[i];
	return dp_docket_enter(book_path, paths, n, may_be_there, named, ret_chains, fault);
}

static void reopen(void)
{
	dp_fault fault = {0};
	dp_casebook_close(root);
	must(dp_casebook_open(&root, book_path, true, &fault), &fault);
}

static void files_are_entered_together_or_not_at_all(void **state)
{
	(void)state;
	char yaml[400];
	dp_fault fault = {0};
	uint32_t chains = 0;
	t_folder_make(folder);
	(void)snprintf(book_path, sizeof book_path, "%s/book", folder);
	static const char *const names[] = {"a", "b", "c", "a"};
	for (int i = 0; i < 4; i++) {
		write_case(yaml, sizeof yaml, names[i]);
		size_t n = strlen(yaml);
		if (i == 3) (void)snprintf(yaml + n, sizeof yaml - n, "notes: another file\n");
		(void)write_file(i, yaml);
	}
	int64_t live = dp_mem_live();
	must(enter(0, 1, false, &chains, &fault), &fault);
	assert_int_equal(chains, 1);
	reopen();
	holds("a+b");
	int64_t was = version();
	// One of them is there with another file: none is entered.
	assert_int_equal(enter(2, 3, true, &chains, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "another file"));
	assert_int_equal(enter(1, 2, false, &chains, &fault), DP_BAD_CASE);
	holds("a+b");
	assert_int_equal(version(), was);
	must(enter(1, 2, true, &chains, &fault), &fault);
	holds("a+b c");
	must(enter(0, 2, true, &chains, &fault), &fault);
	holds("a+b c");
	(void)write_file(4, "incident: [\n");
	assert_int_not_equal(enter(4, 4, false, &chains, &fault), DP_OK);
	assert_int_not_equal(fault.file[0], 0);
	(void)write_file(5, "incident: lifo-one\nchain: ethereum\npolicy: lifo\nstolen: [{address: "
	                    "'0x100000000000000000000000000000000000a000', amount: '1'}]\n");
	write_case(yaml, sizeof yaml, "d");
	(void)write_file(6, yaml);
	assert_int_equal(enter(5, 6, false, &chains, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "one policy"));
	holds("a+b c");
	dp_casebook_close(root);
	must(dp_casebook_open(&root, ":memory:", true, &fault), &fault);
	assert_int_equal(dp_mem_live(), live);
	t_folder_remove(folder);
}

static void without_memory_nothing_is_entered(void **state)
{
	(void)state;
	char yaml[400];
	dp_fault fault = {0};
	uint32_t chains;
	t_folder_make(folder);
	(void)snprintf(book_path, sizeof book_path, "%s/book", folder);
	write_case(yaml, sizeof yaml, "a");
	(void)write_file(0, yaml);
	dp_code code = DP_NO_MEMORY;
	for (int64_t n = 0; code != DP_OK; n++) {
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		code = enter(0, 0, true, &chains, &fault);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), live);
	}
	assert_int_equal(chains, 1);
	reopen();
	holds("a");
	t_folder_remove(folder);
}

#define T(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(what_was_traced_together_is_adopted_together),
	    T(no_two_groups_ever_collide),
	    T(companies_with_far_numbers_keep_apart),
	    T(who_was_traced_with_a_known_case_joins_its_group),
	    T(cases_are_added_changed_and_stopped),
	    T(who_missed_something_is_remembered),
	    T(a_stopped_case_is_not_adopted_anew),
	    T(heights_are_those_of_the_case),
	    T(files_are_entered_together_or_not_at_all),
	    T(without_memory_nothing_is_entered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

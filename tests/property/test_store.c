// The tag store keeps its promises whatever comes in which order: any permutation of importing the
// same issues gives the same tags with the same dates, which are those that the definition gives;
// importing again changes nothing; what is not committed never was; memory may run out anywhere.
// Covers: tag/store.c tag/store_import.c tag/store_texts.c tag/store_settle.c tag/store_read.c
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tag/store.h"

enum { LISTS = 2, ISSUES = 4, TAGS = 12, DAY = 86400, NOW = 900 * DAY };

// Which tags the issues hold: bit `tag` of has[list][issue].
typedef struct world {
	uint32_t has[LISTS][ISSUES];
} world;

static uint64_t seed_state;

static uint32_t chance(uint32_t below)
{
	seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed_state >> 33) % below;
}

static dp_tag tag_of(uint32_t number)
{
	static char address[8][43], label[8][24];
	static uint32_t at;
	at = (at + 1) % 8;
	(void)snprintf(address[at], sizeof address[at], "0x%040x", number / 2 + 1);
	(void)snprintf(label[at], sizeof label[at], "tag %u", number);
	dp_tag tag = {.text = address[at],
	              .label = label[at],
	              .source = "here",
	              .category = number % 3 == 0 ? "exchange" : "hack",
	              .abuse = "",
	              .actor = "",
	              .concepts = "",
	              .context = number % 5 == 0 ? "{\"a\": 1}" : "",
	              .program = "",
	              .confidence = 50,
	              .lastmod = DP_NO_DATE,
	              .line = number + 1};
	assert_int_equal(dp_place_parse(&tag.place, tag.text, strlen(tag.text), NULL, NULL), DP_OK);
	return tag;
}

static int64_t date_of(uint32_t issue)
{
	return (int64_t)(100 + 10 * issue) * DAY;
}

// One import of one issue, in two files, so that files of one date are one issue too.
static dp_code import_issue(dp_store *s, const world *w, uint32_t list, uint32_t issue,
                            dp_store_counts *ret_counts, dp_fault *fault)
{
	char name[16];
	(void)snprintf(name, sizeof name, "list %u", list);
	DP_TRY(dp_store_begin(s, NOW, fault));
	dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
	for (uint32_t half = 0; half < 2; half++) {
		DP_TRY(dp_store_file(s, half == 0 ? "/nowhere/a" : "/nowhere/b", fault));
		dp_tag_list l = {
		    .name = name, .creator = "", .kind = "test", .date = date_of(issue)};
		DP_TRY(sink.list(sink.context, &l, fault));
		for (uint32_t t = half; t < TAGS; t += 2) {
			if ((w->has[list][issue] >> t & 1) == 0) continue;
			dp_tag tag = tag_of(t);
			DP_TRY(sink.tag(sink.context, &tag, fault));
		}
	}
	return dp_store_commit(s, ret_counts, fault);
}

//- what it should be, and what it is -------------------------------------------------------------

typedef struct line {
	uint32_t list, tag;
	int64_t first, last, gone;
} line;

static uint32_t expected(line out[LISTS * TAGS], const world *w)
{
	uint32_t n = 0;
	for (uint32_t l = 0; l < LISTS; l++)
		for (uint32_t t = 0; t < TAGS; t++) {
			line row = {l, t, DP_NO_DATE, DP_NO_DATE, DP_NO_DATE};
			for (uint32_t i = 0; i < ISSUES; i++) {
				if (w->has[l][i] >> t & 1) {
					if (row.first == DP_NO_DATE) row.first = date_of(i);
					row.last = date_of(i);
					row.gone = DP_NO_DATE;
				} else if (row.last != DP_NO_DATE && row.gone == DP_NO_DATE) {
					row.gone = date_of(i);
				}
			}
			if (row.first != DP_NO_DATE) out[n++] = row;
		}
	return n;
}

typedef struct dump {
	line row[LISTS * TAGS + 1];
	uint32_t count;
} dump;

static dp_code take(void *context, const dp_stored_tag *tag, dp_fault *fault)
{
	dump *d = context;
	uint32_t number, list;
	(void)fault;
	assert_int_equal(sscanf(tag->tag.label, "tag %u", &number), 1);
	assert_int_equal(sscanf(tag->list, "list %u", &list), 1);
	dp_tag want = tag_of(number);
	assert_string_equal(tag->tag.text, want.text);
	assert_string_equal(tag->tag.category, want.category);
	assert_string_equal(tag->tag.context, want.context);
	assert_int_equal(tag->tag.confidence, 50);
	assert_true(d->count < LISTS * TAGS);
	d->row[d->count++] = (line){list, number, tag->first_seen, tag->last_seen, tag->gone};
	return DP_OK;
}

static int by_tag(const void *a, const void *b)
{
	const line *x = a, *y = b;
	return x->list != y->list ? (int)x->list - (int)y->list : (int)x->tag - (int)y->tag;
}

static void look(dump *ret_dump, dp_store *s)
{
	dp_fault fault = {0};
	memset(ret_dump, 0, sizeof *ret_dump);
	if (dp_store_visit(s, NULL, take, ret_dump, &fault) != DP_OK) fail_msg("%s", fault.text);
	qsort(ret_dump->row, ret_dump->count, sizeof(line), by_tag);
}

static void assert_is(dp_store *s, const world *w)
{
	line want[LISTS * TAGS];
	dump is;
	uint32_t n = expected(want, w);
	look(&is, s);
	assert_int_equal(is.count, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(is.row[i].list, want[i].list);
		assert_int_equal(is.row[i].tag, want[i].tag);
		assert_int_equal(is.row[i].first, want[i].first);
		assert_int_equal(is.row[i].last, want[i].last);
		assert_int_equal(is.row[i].gone, want[i].gone);
	}
}

static dp_store *fresh(void)
{
	dp_store *s;
	dp_fault fault = {0};
	if (dp_store_open(&s, ":memory:", true, false, &fault) != DP_OK) fail_msg("%s", fault.text);
	return s;
}

static void import_or_fail(dp_store *s, const world *w, uint32_t list, uint32_t issue,
                           dp_store_counts *ret_counts)
{
	dp_fault fault = {0};
	if (import_issue(s, w, list, issue, ret_counts, &fault) != DP_OK)
		fail_msg("%s", fault.text);
}

static void make_world(world *w, uint64_t seed)
{
	seed_state = seed;
	for (uint32_t l = 0; l < LISTS; l++)
		for (uint32_t i = 0; i < ISSUES; i++) w->has[l][i] = chance(1 << TAGS);
}

static void the_order_of_imports_does_not_matter(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		world w;
		uint32_t order[LISTS * ISSUES];
		make_world(&w, seed);
		for (uint32_t i = 0; i < LISTS * ISSUES; i++) order[i] = i;
		for (uint32_t i = LISTS * ISSUES - 1; i > 0; i--) {
			uint32_t k = chance(i + 1), was = order[i];
			order[i] = order[k];
			order[k] = was;
		}
		dp_store *s = fresh();
		for (uint32_t i = 0; i < LISTS * ISSUES; i++)
			import_or_fail(s, &w, order[i] / ISSUES, order[i] % ISSUES, NULL);
		assert_is(s, &w);
		dp_store_close(s);
	}
}

static void importing_again_changes_nothing(void **state)
{
	(void)state;
	world w;
	make_world(&w, 77);
	dp_store *s = fresh();
	for (uint32_t i = 0; i < ISSUES; i++) import_or_fail(s, &w, 0, i, NULL);
	for (uint32_t i = 0; i < ISSUES; i++) import_or_fail(s, &w, 1, i, NULL);
	for (uint32_t again = 0; again < LISTS * ISSUES; again++) {
		dp_store_counts counts;
		import_or_fail(s, &w, again / ISSUES, again % ISSUES, &counts);
		assert_int_equal(counts.added, 0);
		assert_int_equal(counts.gone, 0);
		assert_int_equal(counts.again, counts.tags);
	}
	assert_is(s, &w);
	dp_store_close(s);
}

//- crashes ---------------------------------------------------------------------------------------

static char path[64];

static int make_path(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof path, "/tmp/dyepack-store-%d", (int)getpid());
	return 0;
}

static int drop_path(void **state)
{
	char side[80];
	(void)state;
	(void)unlink(path);
	(void)snprintf(side, sizeof side, "%s-wal", path);
	(void)unlink(side);
	(void)snprintf(side, sizeof side, "%s-shm", path);
	(void)unlink(side);
	return 0;
}

// A child imports an issue and dies without a word after so many tags; 0: at the commit's door.
static void die_importing(const world *w, uint32_t issue, uint32_t tags)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dp_store *s;
		uint32_t given = 0;
		if (dp_store_open(&s, path, true, false, NULL) != DP_OK) _exit(2);
		if (dp_store_begin(s, NOW, NULL) != DP_OK) _exit(2);
		dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
		if (dp_store_file(s, "/nowhere/a", NULL) != DP_OK) _exit(2);
		dp_tag_list l = {
		    .name = "list 0", .creator = "", .kind = "", .date = date_of(issue)};
		if (sink.list(sink.context, &l, NULL) != DP_OK) _exit(2);
		for (uint32_t t = 0; t < TAGS; t++) {
			if ((w->has[0][issue] >> t & 1) == 0) continue;
			dp_tag tag = tag_of(t);
			if (sink.tag(sink.context, &tag, NULL) != DP_OK) _exit(2);
			if (++given == tags) break;
		}
		(void)kill(getpid(), SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void who_dies_while_importing_leaves_what_was(void **state)
{
	(void)state;
	world w = {0}, first;
	dp_store *s;
	dp_fault fault = {0};
	make_world(&w, 5);
	memset(w.has[1], 0, sizeof w.has[1]);
	first = w;
	if (dp_store_open(&s, path, true, false, &fault) != DP_OK) fail_msg("%s", fault.text);
	import_or_fail(s, &w, 0, 0, NULL);
	dp_store_close(s);
	for (uint32_t i = 1; i < ISSUES; i++) {
		// Only issue 0 counts, as if the others had never been.
		for (uint32_t tags = 0; tags < 5; tags++) die_importing(&w, i, tags);
	}
	if (dp_store_open(&s, path, false, true, &fault) != DP_OK) fail_msg("%s", fault.text);
	dump is;
	look(&is, s);
	uint32_t want = (uint32_t)__builtin_popcount(first.has[0][0]);
	assert_int_equal(is.count, want);
	for (uint32_t i = 0; i < want; i++) assert_true(is.row[i].gone == DP_NO_DATE);
	dp_store_close(s);
}

static void closing_without_a_commit_is_as_if_nothing_was(void **state)
{
	(void)state;
	world w;
	dp_store *s;
	dp_fault fault = {0};
	make_world(&w, 9);
	if (dp_store_open(&s, path, true, false, &fault) != DP_OK) fail_msg("%s", fault.text);
	assert_int_equal(dp_store_begin(s, NOW, &fault), DP_OK);
	dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
	dp_tag_list l = {.name = "x", .creator = "", .kind = "", .date = DP_NO_DATE};
	assert_int_equal(dp_store_file(s, "/nowhere", &fault), DP_OK);
	assert_int_equal(sink.list(sink.context, &l, &fault), DP_OK);
	dp_tag tag = tag_of(1);
	assert_int_equal(sink.tag(sink.context, &tag, &fault), DP_OK);
	dp_store_close(s);
	if (dp_store_open(&s, path, false, true, &fault) != DP_OK) fail_msg("%s", fault.text);
	dump is;
	look(&is, s);
	assert_int_equal(is.count, 0);
	dp_store_close(s);
}

//- memory ----------------------------------------------------------------------------------------

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	world w;
	make_world(&w, 3);
	for (int64_t n = 0;; n++) {
		int64_t live = dp_mem_live();
		dp_store *s = NULL;
		dp_fault fault = {0};
		dump is = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_store_open(&s, ":memory:", true, false, &fault);
		for (uint32_t i = 0; code == DP_OK && i < 2; i++)
			code = import_issue(s, &w, i, i, NULL, &fault);
		if (code == DP_OK) code = dp_store_visit(s, NULL, take, &is, &fault);
		dp_store_close(s);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) return;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(fault.code, DP_NO_MEMORY);
		assert_true(n < 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_order_of_imports_does_not_matter),
	    cmocka_unit_test(importing_again_changes_nothing),
	    cmocka_unit_test_setup_teardown(who_dies_while_importing_leaves_what_was, make_path,
	                                    drop_path),
	    cmocka_unit_test_setup_teardown(closing_without_a_commit_is_as_if_nothing_was,
	                                    make_path, drop_path),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

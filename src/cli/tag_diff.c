// dyepack tag diff: what came, went and changed between two lists, or between two dates of a store.
//
// Both sides go into one table of SQLite in memory, and three queries say what differs: a place of
// a list that only one side has came or went, one that both have with other words changed. Where
// each side is one list (two files of it), the lists' names do not count.
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/tag_command.h"

enum { TEXT_SIZE = 512 };

struct job {
	const char *list, *from_text, *to_text, *format_name;
	int64_t from, to;
	dp_cli_format format;
	sqlite3 *db;
	sqlite3_stmt *add;
	dp_json_out json;
	// of the side that is being read
	int side;
	int64_t at; // as of then; DP_NO_DATE: as of its last issue
};

static dp_code fail_sql(struct job *j, dp_fault *fault)
{
	if ((sqlite3_errcode(j->db) & 0xff) == SQLITE_NOMEM)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	return dp_fail(fault, DP_IO, "comparing: %s", sqlite3_errmsg(j->db));
}

static dp_code run_sql(struct job *j, const char *sql, dp_fault *fault)
{
	return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? DP_OK : fail_sql(j, fault);
}

//- the two sides ---------------------------------------------------------------------------------

// What a tag says, in one line.
static void say(char out[TEXT_SIZE], const dp_tag *t)
{
	char plain[TEXT_SIZE], actor[80] = "";
	if (t->actor[0] != 0) (void)snprintf(actor, sizeof actor, "actor %.60s", t->actor);
	const char *words[] = {t->category, t->abuse, actor, t->program, t->source};
	size_t n = (size_t)snprintf(plain, sizeof plain, "%.120s (", t->label);
	for (int i = 0; i < 5; i++)
		if (words[i][0] != 0)
			n += (size_t)snprintf(plain + n, sizeof plain - n, "%.60s, ", words[i]);
	DP_CHECK(n < sizeof plain);
	(void)snprintf(plain + n, sizeof plain - n, "confidence %u)", t->confidence);
	(void)dp_cli_plain(out, TEXT_SIZE, plain);
}

static dp_code take(void *context, const dp_stored_tag *t, dp_fault *fault)
{
	struct job *j = context;
	char what[TEXT_SIZE], list[TEXT_SIZE], place[DP_PLACE_TEXT_MAX + 1];
	bool is_on = j->at == DP_NO_DATE
	                 ? t->gone == DP_NO_DATE
	                 : t->first_seen <= j->at && (t->gone == DP_NO_DATE || t->gone > j->at);
	if (!is_on) return DP_OK;
	say(what, &t->tag);
	const char *network =
	    t->tag.place.network == 0 ? "" : dp_network_at(t->tag.place.network)->name;
	(void)sqlite3_bind_int(j->add, 1, j->side);
	(void)sqlite3_bind_text(j->add, 2, dp_cli_plain(list, sizeof list, t->list), -1,
	                        SQLITE_TRANSIENT);
	(void)sqlite3_bind_text(j->add, 3, network, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(j->add, 4, dp_cli_plain(place, sizeof place, t->tag.text), -1,
	                        SQLITE_TRANSIENT);
	(void)sqlite3_bind_text(j->add, 5, what, -1, SQLITE_TRANSIENT);
	int code = sqlite3_step(j->add);
	(void)sqlite3_reset(j->add);
	return code == SQLITE_DONE ? DP_OK : fail_sql(j, fault);
}

static dp_code take_side(struct job *j, int side, const char *path, int64_t at, dp_fault *fault)
{
	dp_store *s;
	dp_cli_complaints complaints = {.errors_only = true};
	DP_TRY(dp_cli_tag_open(&s, &path, 1, &complaints, fault));
	j->side = side;
	j->at = at;
	dp_code code = dp_store_visit(s, j->list, take, j, fault);
	dp_store_close(s);
	return code;
}

static dp_code take_sides(struct job *j, char **paths, int count, dp_fault *fault)
{
	if (sqlite3_open(":memory:", &j->db) != SQLITE_OK)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(
	    run_sql(j,
	            "create table t(side integer, list text, network text, place text, what text);"
	            "begin",
	            fault));
	if (sqlite3_prepare_v2(j->db, "insert into t values(?,?,?,?,?)", -1, &j->add, NULL) !=
	    SQLITE_OK)
		return fail_sql(j, fault);
	DP_TRY(take_side(j, 0, paths[0], count == 1 ? j->from : DP_NO_DATE, fault));
	DP_TRY(take_side(j, 1, paths[count - 1], count == 1 ? j->to : DP_NO_DATE, fault));
	DP_TRY(
	    run_sql(j,
	            "commit;"
	            "update t set list='' where (select count(distinct list) from t where side=0)"
	            "=1 and (select count(distinct list) from t where side=1)=1;"
	            "create index t_place on t(place, network, list, side)",
	            fault));
	return DP_OK;
}

//- what differs ----------------------------------------------------------------------------------

static const struct kind {
	const char *name;
	char sign;
	int side; // whose words are shown
	const char *where;
} kinds[] = {
    {"gone", '-', 0,
     "not exists(select 1 from t b where b.place=a.place and b.network=a.network and"
     " b.list=a.list and b.side=1)"},
    {"added", '+', 1,
     "not exists(select 1 from t b where b.place=a.place and b.network=a.network and"
     " b.list=a.list and b.side=0)"},
    // Words that only one side has, of places that both have: shown in pairs, old before new.
    {"changed", '~', -1,
     "exists(select 1 from t b where b.place=a.place and b.network=a.network and"
     " b.list=a.list and b.side<>a.side) and not exists(select 1 from t b where"
     " b.place=a.place and b.network=a.network and b.list=a.list and b.side<>a.side and"
     " b.what=a.what)"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void print_row(struct job *j, const struct kind *k, sqlite3_stmt *stmt)
{
	const char *text[4];
	for (int i = 0; i < 4; i++) text[i] = (const char *)sqlite3_column_text(stmt, i);
	bool is_old = sqlite3_column_int(stmt, 4) == 0;
	if (j->format != DP_FORMAT_JSON) {
		(void)printf("%c %-42s %-5s %s%s%s%s\n", k->sign, text[2], text[1],
		             k->side >= 0 ? ""
		             : is_old     ? "was "
		                          : "now ",
		             text[3], text[0][0] != 0 ? "  of " : "", text[0]);
		return;
	}
	dp_json_object(&j->json);
	dp_json_key(&j->json, "place");
	dp_json_string(&j->json, text[2]);
	dp_cli_json_text(&j->json, "network", text[1]);
	dp_cli_json_text(&j->json, "list", text[0]);
	dp_json_key(&j->json, k->side >= 0 ? "tag" : is_old ? "was" : "now");
	dp_json_string(&j->json, text[3]);
	dp_json_object_end(&j->json);
}

static dp_code print_kind(struct job *j, const struct kind *k, uint64_t *ret_places,
                          dp_fault *fault)
{
	char sql[1024], last[TEXT_SIZE] = "", place[TEXT_SIZE];
	sqlite3_stmt *stmt = NULL;
	int code;
	uint64_t places = 0;
	(void)snprintf(sql, sizeof sql,
	               "select distinct list, network, place, what, side from t a where %s%s "
	               "order by list, network, place, side, what",
	               k->side == 0   ? "side=0 and "
	               : k->side == 1 ? "side=1 and "
	                              : "",
	               k->where);
	if (sqlite3_prepare_v2(j->db, sql, -1, &stmt, NULL) != SQLITE_OK) return fail_sql(j, fault);
	if (j->format == DP_FORMAT_JSON) {
		dp_json_key(&j->json, k->name);
		dp_json_array(&j->json);
	}
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		(void)snprintf(place, sizeof place, "%.200s %.40s %.250s",
		               (const char *)sqlite3_column_text(stmt, 2),
		               (const char *)sqlite3_column_text(stmt, 1),
		               (const char *)sqlite3_column_text(stmt, 0));
		if (strcmp(place, last) != 0) places++;
		memcpy(last, place, sizeof last);
		print_row(j, k, stmt);
	}
	(void)sqlite3_finalize(stmt);
	if (j->format == DP_FORMAT_JSON) dp_json_array_end(&j->json);
	*ret_places = places;
	return code == SQLITE_DONE ? DP_OK : fail_sql(j, fault);
}

static dp_code print_all(struct job *j, dp_fault *fault)
{
	uint64_t places[KINDS];
	if (j->format == DP_FORMAT_JSON) dp_json_object(&j->json);
	for (int i = 0; i < KINDS; i++) DP_TRY(print_kind(j, &kinds[i], &places[i], fault));
	if (j->format == DP_FORMAT_JSON) {
		dp_json_object_end(&j->json);
		return dp_json_finish(&j->json);
	}
	(void)printf("%llu added, %llu gone, %llu changed\n", (unsigned long long)places[1],
	             (unsigned long long)places[0], (unsigned long long)places[2]);
	return DP_OK;
}

static int run(struct job *j, char **paths, int count)
{
	dp_fault fault = {0};
	j->json = dp_cli_json(&fault);
	dp_code code = take_sides(j, paths, count, &fault);
	if (code == DP_OK) code = print_all(j, &fault);
	(void)sqlite3_finalize(j->add);
	(void)sqlite3_close(j->db);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_tag_diff(int argc, char **argv)
{
	static const char usage[] =
	    "Usage: dyepack tag diff OLD NEW [options]\n"
	    "       dyepack tag diff STORE --from DATE [--to DATE] [options]\n\n"
	    "Says what was added (+), is gone (-) and has other words (~): between two stores, tag "
	    "files or\nfolders, or between two dates of one store.\n";
	static struct job j;
	j.format_name = "text";
	j.from = j.to = DP_NO_DATE;
	const dp_option options[] = {
	    {"from", "DATE", "as the lists were then", NULL, &j.from_text},
	    {"to", "DATE", "and as they were then (default: as they are)", NULL, &j.to_text},
	    {"list", "NAME", "this list only", NULL, &j.list},
	    {"format", "FORMAT", "text or json", NULL, &j.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1 && count != 2)
		return dp_cli_misuse(argv[0], "name two lists, or one store and --from DATE");
	if (count == 2 && (j.from_text != NULL || j.to_text != NULL))
		return dp_cli_misuse(argv[0], "--from and --to are for one store");
	if (count == 1 && j.from_text == NULL)
		return dp_cli_misuse(argv[0], "say since when: --from DATE");
	int exit_code = dp_cli_ledger_format(&j.format, j.format_name, false, argv[0]);
	if (exit_code == DP_EXIT_DONE)
		exit_code = dp_cli_tag_time(&j.from, j.from_text, "from", argv[0]);
	if (exit_code == DP_EXIT_DONE) exit_code = dp_cli_tag_time(&j.to, j.to_text, "to", argv[0]);
	return exit_code == DP_EXIT_DONE ? run(&j, argv + 1, count) : exit_code;
}

// dyepack case: which cases a casebook's follower is to follow. Changes are picked up by a running
// `dyepack follow` within a second, and by the next one otherwise.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/docket.h"
#include "cli/cli.h"
#include "cli/docket_cases.h"
#include "codec/json.h"
#include "codec/time.h"

static const char usage[] =
    "Usage: dyepack case COMMAND ...\n\n"
    "Which cases 'dyepack follow' is to follow in a casebook, also while it runs.\n\n"
    "Commands:\n"
    "  list CASEBOOK                     the cases, and how far each is followed\n"
    "  add CASEBOOK CASE.yaml...         follow these, together where they are several\n"
    "  seed CASEBOOK CASE SEED --by WORDS\n"
    "                                    something else was stolen, too: follow the case anew\n"
    "  stop CASEBOOK CASE                follow it no more; what is known of it stays\n"
    "  resume CASEBOOK CASE              follow it again\n"
    "  rescan CASEBOOK CASE              follow it anew from its beginning\n"
    "\n'dyepack case COMMAND --help' tells more.\n";

// Opens a casebook that is there, with a transaction in which it has a docket.
static dp_code open_book(dp_casebook **ret_book, const char *path, dp_fault *fault)
{
	DP_TRY(dp_casebook_open(ret_book, path, false, fault));
	DP_TRY(dp_casebook_write(*ret_book, fault));
	return dp_docket_adopt(dp_casebook_db(*ret_book), (int64_t)time(NULL), fault);
}

static int finish(dp_casebook *book, dp_code code, const char *path, dp_fault *fault)
{
	dp_casebook_close(book);
	if (code == DP_OK) return DP_EXIT_DONE;
	if (fault->file[0] == 0) dp_fault_file(fault, path);
	return dp_cli_fault(fault);
}

static const dp_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

//- add -------------------------------------------------------------------------------------------

static int cmd_add(int argc, char **argv)
{
	int count;
	bool help;
	dp_fault fault = {0};
	if (!dp_cli_options(argc, argv, no_options,
	                    "Usage: dyepack case add CASEBOOK CASE.yaml...\n\n"
	                    "Enters cases into a casebook, and makes the casebook where there is "
	                    "none. Those given in\n"
	                    "one command are followed together: where two claim one unit, the "
	                    "earlier theft keeps it.\n",
	                    &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count < 2) return dp_cli_misuse(argv[0], "expected CASEBOOK and CASE.yaml");
	dp_code code = dp_docket_enter(argv[1], (const char *const *)argv + 2, (uint32_t)count - 1,
	                               false, NULL, NULL, &fault);
	if (code != DP_OK) return dp_cli_fault(&fault);
	for (int i = 2; i <= count; i++) (void)printf("%s: entered\n", argv[i]);
	return DP_EXIT_DONE;
}

//- seed ------------------------------------------------------------------------------------------

struct seeding {
	const char *incident;
	char *yaml;
	size_t size;
	bool found;
};

static dp_code copy_yaml(void *context, const dp_docket_entry *e, dp_fault *fault)
{
	struct seeding *s = context;
	if (strcmp(e->incident, s->incident) != 0) return DP_OK;
	s->yaml = dp_alloc(e->yaml_size + 1);
	if (s->yaml == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(s->yaml, e->yaml, e->yaml_size);
	s->size = e->yaml_size;
	s->found = true;
	return DP_OK;
}

// The file as it was, with one entry more at its end.
static dp_code append_seed(char **ret_yaml, size_t *ret_size, const struct seeding *s,
                           const char *seed, const char *by, dp_fault *fault)
{
	char when[DP_TIME_TEXT_MAX];
	dp_time_format(when, (int64_t)time(NULL));
	if (strpbrk(seed, "\r\n") != NULL || strpbrk(by, "\r\n") != NULL)
		return dp_fail(fault, DP_BAD_CASE, "a seed and who adds it are one line each");
	bool has_added = strncmp(s->yaml, "added:", 6) == 0 || strstr(s->yaml, "\nadded:") != NULL;
	bool ends = s->size > 0 && s->yaml[s->size - 1] == '\n';
	size_t room = s->size + strlen(seed) + strlen(by) + 128;
	char *yaml = dp_alloc(room);
	if (yaml == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	int n = snprintf(yaml, room, "%s%s%s  # %s, by %s\n  - %s\n", s->yaml, ends ? "" : "\n",
	                 has_added ? "" : "added:\n", when, by, seed);
	DP_CHECK(n > 0 && (size_t)n < room);
	*ret_yaml = yaml;
	*ret_size = (size_t)n;
	return DP_OK;
}

static dp_code add_seed(dp_casebook *book, const char *incident, const char *seed, const char *by,
                        dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(book);
	struct seeding s = {.incident = incident};
	dp_case before, after;
	char *yaml = NULL;
	size_t size = 0;
	dp_code code = dp_docket_visit(db, copy_yaml, &s, fault);
	if (code == DP_OK && !s.found)
		code = dp_fail(fault, DP_NOT_FOUND, "no case '%.60s' in this casebook", incident);
	if (code == DP_OK) code = append_seed(&yaml, &size, &s, seed, by, fault);
	if (code == DP_OK) code = dp_case_parse(&before, s.yaml, s.size, fault);
	if (code == DP_OK) {
		code = dp_case_parse(&after, yaml, size, fault);
		if (code == DP_OK && after.seed_count != before.seed_count + 1)
			code = dp_fail(fault, DP_BAD_CASE,
			               "a seed is one entry, as under `stolen` in a case file: "
			               "'{outpoint: \"TXID:0\"}'");
		if (code == DP_OK) dp_case_done(&after);
		dp_case_done(&before);
	}
	if (code == DP_OK)
		code = dp_docket_change(db, incident, yaml, size, (int64_t)time(NULL), fault);
	dp_free(s.yaml);
	dp_free(yaml);
	return code;
}

static int cmd_seed(int argc, char **argv)
{
	const char *by = NULL;
	const dp_option options[] = {
	    {"by", "WORDS", "who says so, and where", NULL, &by},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	if (!dp_cli_options(
	        argc, argv, options,
	        "Usage: dyepack case seed CASEBOOK CASE SEED --by WORDS\n\n"
	        "Adds something stolen to a case. SEED is one entry as under `stolen` in a case "
	        "file:\n"
	        "  '{outpoint: \"TXID:0\"}'\n"
	        "  '{address: \"0x...\", asset: eth, amount: \"12.5\", tx: \"0x...\"}'\n"
	        "The case, and those followed with it, are followed anew from their beginning; "
	        "alerts\n"
	        "that hold as before are not told again.\n",
	        &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 3) return dp_cli_misuse(argv[0], "expected CASEBOOK, CASE and SEED");
	if (by == NULL || by[0] == 0)
		return dp_cli_misuse(argv[0], "say who says so: --by \"name: where\"");
	dp_code code = open_book(&book, argv[1], &fault);
	if (code == DP_OK) code = add_seed(book, argv[2], argv[3], by, &fault);
	if (code == DP_OK) code = dp_casebook_finish(book, &fault);
	if (code == DP_OK) (void)printf("%s: a seed was added\n", argv[2]);
	return finish(book, code, argv[1], &fault);
}

//- stop, resume, rescan --------------------------------------------------------------------------

static int change(int argc, char **argv, const char *change_usage,
                  dp_code (*act)(dp_casebook *book, const char *incident, dp_fault *fault),
                  const char *done)
{
	int count;
	bool help;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	if (!dp_cli_options(argc, argv, no_options, change_usage, &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 2) return dp_cli_misuse(argv[0], "expected CASEBOOK and CASE");
	dp_code code = open_book(&book, argv[1], &fault);
	if (code == DP_OK) code = act(book, argv[2], &fault);
	if (code == DP_OK) (void)printf("%s: %s\n", argv[2], done);
	return finish(book, code, argv[1], &fault);
}

static dp_code stop(dp_casebook *book, const char *incident, dp_fault *fault)
{
	DP_TRY(dp_docket_stop(dp_casebook_db(book), incident, true, (int64_t)time(NULL), fault));
	return dp_casebook_finish(book, fault);
}

static dp_code resume(dp_casebook *book, const char *incident, dp_fault *fault)
{
	DP_TRY(dp_docket_stop(dp_casebook_db(book), incident, false, (int64_t)time(NULL), fault));
	return dp_casebook_finish(book, fault);
}

// What was followed goes; the docket keeps the case, and whoever follows begins anew.
static dp_code rescan(dp_casebook *book, const char *incident, dp_fault *fault)
{
	struct seeding s = {.incident = incident};
	dp_code code = dp_docket_visit(dp_casebook_db(book), copy_yaml, &s, fault);
	dp_free(s.yaml);
	if (code == DP_OK && !s.found)
		code = dp_fail(fault, DP_NOT_FOUND, "no case '%.60s' in this casebook", incident);
	DP_TRY(code);
	DP_TRY(dp_docket_touch(dp_casebook_db(book), fault));
	DP_TRY(dp_casebook_finish(book, fault));
	code = dp_casebook_reset(book, incident, fault);
	return code == DP_NOT_FOUND ? DP_OK : code; // nothing was followed yet
}

static int cmd_stop(int argc, char **argv)
{
	return change(
	    argc, argv,
	    "Usage: dyepack case stop CASEBOOK CASE\n\n"
	    "Follows a case no more, and tells no more alerts of it. One that is followed "
	    "together with\n"
	    "others is only not told of any more.\n",
	    stop, "stopped");
}

static int cmd_resume(int argc, char **argv)
{
	return change(argc, argv,
	              "Usage: dyepack case resume CASEBOOK CASE\n\n"
	              "Follows a case again that was stopped, from where it was.\n",
	              resume, "resumed");
}

static int cmd_rescan(int argc, char **argv)
{
	return change(argc, argv,
	              "Usage: dyepack case rescan CASEBOOK CASE\n\n"
	              "Forgets what was followed of a case, and of those followed with it, so that "
	              "it is followed\n"
	              "anew from its beginning. Decisions and alerts stay; alerts that do not hold "
	              "any more are\n"
	              "withdrawn.\n",
	              rescan, "is followed anew");
}

//- list ------------------------------------------------------------------------------------------

struct listing {
	sqlite3 *db;
	dp_json_out *json; // NULL: text
};

static dp_code list_chain(void *context, const char *chain, bool has_height, uint64_t height,
                          dp_fault *fault)
{
	const struct listing *l = context;
	const dp_chain *c = dp_chain_find(chain, strlen(chain));
	const char *name = c != NULL ? c->name : chain;
	(void)fault;
	if (l->json != NULL) {
		dp_json_key(l->json, name);
		if (has_height)
			dp_json_uint(l->json, height);
		else
			dp_json_null(l->json);
		return DP_OK;
	}
	if (has_height)
		(void)printf("  %s %llu", name, (unsigned long long)height);
	else
		(void)printf("  %s -", name);
	return DP_OK;
}

static dp_code list_case(void *context, const dp_docket_entry *e, dp_fault *fault)
{
	const struct listing *l = context;
	if (l->json != NULL) {
		dp_json_object(l->json);
		dp_json_key(l->json, "case");
		dp_json_string(l->json, e->incident);
		dp_json_key(l->json, "group");
		dp_json_int(l->json, e->group);
		dp_json_key(l->json, "policy");
		dp_json_string(l->json, e->policy);
		dp_json_key(l->json, "stopped");
		dp_json_boolean(l->json, e->is_stopped);
		dp_json_key(l->json, "height");
		dp_json_object(l->json);
	} else {
		(void)printf("%-32s %-9s %s", e->incident, e->policy,
		             e->is_stopped ? "stopped " : "followed");
	}
	DP_TRY(dp_docket_heights(l->db, e->incident, list_chain, context, fault));
	if (l->json == NULL) {
		(void)printf("\n");
	} else {
		dp_json_object_end(l->json);
		dp_json_object_end(l->json);
	}
	return DP_OK;
}

static int cmd_list(int argc, char **argv)
{
	const char *format = "text";
	const dp_option options[] = {
	    {"format", "F", "text or json", NULL, &format},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	if (!dp_cli_options(
	        argc, argv, options,
	        "Usage: dyepack case list CASEBOOK [--format F]\n\n"
	        "The cases of a casebook: policy, whether each is followed, and how far "
	        "on each chain.\n",
	        &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1) return dp_cli_misuse(argv[0], "expected CASEBOOK");
	bool is_json = strcmp(format, "json") == 0;
	if (!is_json && strcmp(format, "text") != 0)
		return dp_cli_misuse(argv[0], "unknown format '%s'", format);
	dp_json_out o = {
	    .write = dp_cli_write, .context = stdout, .fault = &fault, .compact_depth = 2};
	dp_code code = open_book(&book, argv[1], &fault);
	struct listing l = {.db = book != NULL ? dp_casebook_db(book) : NULL,
	                    .json = is_json ? &o : NULL};
	if (code == DP_OK && is_json) dp_json_array(&o);
	if (code == DP_OK) code = dp_docket_visit(l.db, list_case, &l, &fault);
	if (code == DP_OK && is_json) {
		dp_json_array_end(&o);
		code = dp_json_finish(&o);
	}
	return finish(book, code, argv[1], &fault);
}

int dp_cmd_case(int argc, char **argv)
{
	static const dp_command commands[] = {
	    {"list", "", cmd_list}, {"add", "", cmd_add},       {"seed", "", cmd_seed},
	    {"stop", "", cmd_stop}, {"resume", "", cmd_resume}, {"rescan", "", cmd_rescan},
	    {NULL, NULL, NULL},
	};
	return dp_cli_subcommand(argc, argv, "case", commands, usage, "list CASEBOOK");
}

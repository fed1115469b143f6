// dyepack tag list: the lists of a store with their issues, or its tags.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/tag_command.h"
#include "cli/tags_option.h"
#include "tag/taxonomy.h"

enum { TEXT_SIZE = 512, CATEGORIES_MAX = 4096, NAME_WIDTH_MAX = 40 };

struct count {
	char *category;
	uint64_t tags, gone;
};

struct job {
	dp_cli_tags from;
	const char *category, *actor, *list, *network_text, *format_name;
	const dp_network *network;
	bool counts;
	dp_cli_format format;
	dp_json_out json;
	int name_width;
	char last_list[TEXT_SIZE];
	uint64_t lists, issues, tags, gone;
	struct count *count; // by category, in order of appearance
	uint64_t count_cap;
	uint32_t count_used;
};

//- lists -----------------------------------------------------------------------------------------

static dp_code measure(void *context, const dp_store_issue *issue, dp_fault *fault)
{
	struct job *j = context;
	int n = (int)strnlen(issue->list, NAME_WIDTH_MAX);
	(void)fault;
	if (n > j->name_width) j->name_width = n;
	return DP_OK;
}

static dp_code print_issue(void *context, const dp_store_issue *issue, dp_fault *fault)
{
	struct job *j = context;
	char name[NAME_WIDTH_MAX + 1], date[DP_CLI_DATE_MAX], kind[32], path[TEXT_SIZE];
	(void)fault;
	bool is_new = strcmp(j->last_list, issue->list) != 0;
	if (is_new) {
		j->lists++;
		(void)snprintf(j->last_list, sizeof j->last_list, "%s", issue->list);
	}
	j->issues++;
	if (j->format == DP_FORMAT_JSON) {
		dp_json_object(&j->json);
		dp_json_key(&j->json, "list");
		dp_json_string(&j->json, issue->list);
		dp_cli_json_date(&j->json, "issue", issue->date);
		dp_cli_json_text(&j->json, "kind", issue->kind);
		dp_cli_json_text(&j->json, "creator", issue->creator);
		dp_cli_json_count(&j->json, "files", issue->files);
		dp_cli_json_text(&j->json, "file", issue->path);
		dp_cli_json_date(&j->json, "imported", issue->imported);
		dp_cli_json_count(&j->json, "new", issue->tags);
		dp_cli_json_count(&j->json, "gone", issue->gone);
		dp_json_object_end(&j->json);
		return DP_OK;
	}
	(void)printf("%-*s  %-10s  %-13s %8llu %8llu  %s", j->name_width,
	             is_new ? dp_cli_plain(name, sizeof name, issue->list) : "",
	             dp_cli_date(date, issue->date), dp_cli_plain(kind, sizeof kind, issue->kind),
	             (unsigned long long)issue->tags, (unsigned long long)issue->gone,
	             dp_cli_plain(path, sizeof path, issue->path));
	if (issue->files > 1)
		(void)printf(" and %llu more", (unsigned long long)(issue->files - 1));
	(void)putchar('\n');
	return DP_OK;
}

static dp_code list_issues(struct job *j, dp_store *s, dp_fault *fault)
{
	j->name_width = 4;
	DP_TRY(dp_store_visit_issues(s, measure, j, fault));
	if (j->format == DP_FORMAT_JSON)
		dp_json_array(&j->json);
	else
		(void)printf("%-*s  %-10s  %-13s %8s %8s  %s\n", j->name_width, "list", "issue",
		             "kind", "new", "gone", "file");
	DP_TRY(dp_store_visit_issues(s, print_issue, j, fault));
	if (j->format == DP_FORMAT_JSON) {
		dp_json_array_end(&j->json);
		return dp_json_finish(&j->json);
	}
	uint64_t tags;
	uint32_t texts;
	dp_store_sizes(s, &tags, &texts);
	(void)printf("%llu list%s, %llu issue%s, %llu tag%s\n", (unsigned long long)j->lists,
	             j->lists == 1 ? "" : "s", (unsigned long long)j->issues,
	             j->issues == 1 ? "" : "s", (unsigned long long)tags, tags == 1 ? "" : "s");
	return DP_OK;
}

//- tags ------------------------------------------------------------------------------------------

static bool is_asked(const struct job *j, const dp_stored_tag *t)
{
	if (j->category != NULL && strcmp(j->category, t->tag.category) != 0 &&
	    strcmp(j->category, t->tag.abuse) != 0)
		return false;
	if (j->actor != NULL && strcmp(j->actor, t->tag.actor) != 0) return false;
	return j->network == NULL || j->network->id == t->tag.place.network;
}

static const char *network_name(const dp_tag *tag)
{
	return tag->place.network == 0 ? "" : dp_network_at(tag->place.network)->name;
}

static void print_text(const dp_stored_tag *t)
{
	char label[64], what[64], list[64], place[DP_PLACE_TEXT_MAX + 1], first[DP_CLI_DATE_MAX],
	    gone[DP_CLI_DATE_MAX];
	const char *category = t->tag.category[0] != 0 ? t->tag.category : t->tag.abuse;
	(void)printf("%-42s %-5s %3u  %-20s  %-28s  %s, %s",
	             dp_cli_plain(place, sizeof place, t->tag.text), network_name(&t->tag),
	             t->tag.confidence, dp_cli_plain(what, sizeof what, category),
	             dp_cli_plain(label, sizeof label, t->tag.label),
	             dp_cli_plain(list, sizeof list, t->list), dp_cli_date(first, t->first_seen));
	if (t->gone != DP_NO_DATE) (void)printf(", gone %s", dp_cli_date(gone, t->gone));
	(void)putchar('\n');
}

// A character of a cell; a blank for one that a terminal would obey (U+0080 to U+009F too, which
// are C2 and then the number).
static void put_plain(const char *text, const char *p)
{
	unsigned char c = (unsigned char)*p;
	bool is_c1 = p > text && (unsigned char)p[-1] == 0xc2 && c < 0xa0;
	(void)putchar(c < ' ' || c == 0x7f || is_c1 ? ' ' : c);
}

// A cell: quoted where it must be; nothing that a spreadsheet would compute or a terminal obey.
static void print_cell(const char *text, bool is_last)
{
	if (text[0] != 0 &&
	    (strpbrk(text, ",\"\n\r;\t") != NULL || strchr("=+-@", text[0]) != NULL)) {
		(void)putchar('"');
		if (strchr("=+-@", text[0]) != NULL) (void)putchar('\'');
		for (const char *p = text; *p != 0; p++) {
			if (*p == '"') (void)putchar('"');
			put_plain(text, p);
		}
		(void)putchar('"');
	} else {
		for (const char *p = text; *p != 0; p++) put_plain(text, p);
	}
	(void)putchar(is_last ? '\n' : ',');
}

static void print_csv(const dp_stored_tag *t)
{
	char confidence[8], first[DP_CLI_DATE_MAX], last[DP_CLI_DATE_MAX], gone[DP_CLI_DATE_MAX];
	char lastmod[DP_CLI_DATE_MAX];
	bool is_tx = t->tag.place.addr.kind == DP_PLACE_TX;
	(void)snprintf(confidence, sizeof confidence, "%u", t->tag.confidence);
	const char *cells[] = {is_tx ? "" : t->tag.text,
	                       is_tx ? t->tag.text : "",
	                       network_name(&t->tag),
	                       t->tag.label,
	                       t->tag.category,
	                       t->tag.abuse,
	                       t->tag.concepts,
	                       t->tag.actor,
	                       t->tag.program,
	                       confidence,
	                       t->tag.source,
	                       dp_cli_date(lastmod, t->tag.lastmod),
	                       t->list,
	                       dp_cli_date(first, t->first_seen),
	                       dp_cli_date(last, t->last_seen),
	                       dp_cli_date(gone, t->gone)};
	enum { CELLS = sizeof cells / sizeof *cells };
	for (int i = 0; i < CELLS; i++) print_cell(cells[i], i + 1 == CELLS);
}

static void print_json(dp_json_out *o, const dp_stored_tag *t)
{
	bool is_tx = t->tag.place.addr.kind == DP_PLACE_TX;
	dp_json_object(o);
	dp_json_key(o, is_tx ? "tx_hash" : "address");
	dp_json_string(o, t->tag.text);
	dp_cli_json_text(o, "network", network_name(&t->tag));
	dp_json_key(o, "label");
	dp_json_string(o, t->tag.label);
	dp_cli_json_text(o, "category", t->tag.category);
	dp_cli_json_text(o, "abuse", t->tag.abuse);
	dp_cli_json_text(o, "concepts", t->tag.concepts);
	dp_cli_json_text(o, "actor", t->tag.actor);
	dp_cli_json_text(o, "program", t->tag.program);
	dp_cli_json_count(o, "confidence", t->tag.confidence);
	dp_json_key(o, "source");
	dp_json_string(o, t->tag.source);
	dp_cli_json_text(o, "context", t->tag.context);
	if (t->tag.lastmod != DP_NO_DATE) dp_cli_json_date(o, "lastmod", t->tag.lastmod);
	dp_json_key(o, "list");
	dp_json_string(o, t->list);
	dp_cli_json_date(o, "first_seen", t->first_seen);
	dp_cli_json_date(o, "last_seen", t->last_seen);
	dp_cli_json_date(o, "gone", t->gone);
	dp_json_object_end(o);
}

static dp_code add_count(struct job *j, const dp_stored_tag *t, dp_fault *fault)
{
	const char *category = t->tag.category[0] != 0 ? t->tag.category : t->tag.abuse;
	uint32_t i = 0;
	while (i < j->count_used && strcmp(j->count[i].category, category) != 0) i++;
	if (i == j->count_used) {
		DP_TRY(dp_grow((void **)&j->count, &j->count_cap, sizeof *j->count, i + 1,
		               CATEGORIES_MAX, fault));
		j->count[i] = (struct count){.category = strdup(category)};
		if (j->count[i].category == NULL)
			return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		j->count_used++;
	}
	j->count[i].tags++;
	if (t->gone != DP_NO_DATE) j->count[i].gone++;
	return DP_OK;
}

static dp_code take_tag(void *context, const dp_stored_tag *t, dp_fault *fault)
{
	struct job *j = context;
	if (!is_asked(j, t)) return DP_OK;
	j->tags++;
	if (t->gone != DP_NO_DATE) j->gone++;
	if (j->counts) return add_count(j, t, fault);
	if (j->format == DP_FORMAT_JSON)
		print_json(&j->json, t);
	else if (j->format == DP_FORMAT_CSV)
		print_csv(t);
	else
		print_text(t);
	if (ferror(stdout) != 0) return dp_fail(fault, DP_IO, "the list could not be written");
	return DP_OK;
}

static int most_first(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	if (x->tags != y->tags) return x->tags < y->tags ? 1 : -1;
	return strcmp(x->category, y->category);
}

static void print_counts(struct job *j)
{
	char name[64];
	if (j->count_used > 1) qsort(j->count, j->count_used, sizeof *j->count, most_first);
	if (j->format == DP_FORMAT_CSV) (void)printf("category,tags,gone\n");
	if (j->format == DP_FORMAT_TEXT)
		(void)printf("%-28s %9s %9s\n", "category", "tags", "gone");
	for (uint32_t i = 0; i < j->count_used; i++) {
		const struct count *c = &j->count[i];
		if (j->format == DP_FORMAT_JSON) {
			dp_json_object(&j->json);
			dp_json_key(&j->json, "category");
			dp_json_string(&j->json, c->category);
			dp_cli_json_count(&j->json, "tags", c->tags);
			dp_cli_json_count(&j->json, "gone", c->gone);
			dp_json_object_end(&j->json);
		} else if (j->format == DP_FORMAT_CSV) {
			print_cell(c->category, false);
			(void)printf("%llu,%llu\n", (unsigned long long)c->tags,
			             (unsigned long long)c->gone);
		} else {
			(void)printf("%-28s %9llu %9llu\n",
			             c->category[0] != 0
			                 ? dp_cli_plain(name, sizeof name, c->category)
			                 : "(none)",
			             (unsigned long long)c->tags, (unsigned long long)c->gone);
		}
	}
}

static dp_code list_tags(struct job *j, dp_store *s, dp_fault *fault)
{
	if (j->format == DP_FORMAT_JSON) dp_json_array(&j->json);
	if (j->format == DP_FORMAT_CSV && !j->counts)
		(void)printf("address,tx_hash,network,label,category,abuse,concepts,actor,program,"
		             "confidence,source,lastmod,list,first_seen,last_seen,gone\n");
	DP_TRY(dp_store_visit(s, j->list, take_tag, j, fault));
	if (j->counts) print_counts(j);
	if (j->format == DP_FORMAT_JSON) {
		dp_json_array_end(&j->json);
		return dp_json_finish(&j->json);
	}
	if (j->format == DP_FORMAT_TEXT)
		(void)printf("%llu tag%s, %llu of them gone\n", (unsigned long long)j->tags,
		             j->tags == 1 ? "" : "s", (unsigned long long)j->gone);
	return DP_OK;
}

// None has this word: perhaps it is mistyped. Stores keep words outside the taxonomy, too, so that
// it is no misuse.
static void say_none(const struct job *j)
{
	if (j->tags > 0 || j->format != DP_FORMAT_TEXT) return;
	if (j->list != NULL)
		(void)fprintf(stderr,
		              "dyepack: no tag asked for is on a list '%s': 'dyepack tag list "
		              "--tags STORE' names the lists\n",
		              j->list);
	if (j->category != NULL && dp_concept_find(j->category, strlen(j->category)) == NULL)
		(void)fprintf(stderr,
		              "dyepack: no tag is of '%s', and the taxonomy has no such word\n",
		              j->category);
}

static int run(struct job *j)
{
	dp_fault fault = {0};
	dp_store *s;
	dp_cli_complaints complaints = {.errors_only = true};
	dp_code code =
	    dp_cli_tag_open(&s, j->from.path, dp_cli_tags_count(&j->from), &complaints, &fault);
	if (code != DP_OK) return dp_cli_fault(&fault);
	j->json = dp_cli_json(&fault);
	// CSV is a list of tags, always: what else would be imported again?
	bool is_tags = j->category != NULL || j->actor != NULL || j->list != NULL ||
	               j->network != NULL || j->counts || j->format == DP_FORMAT_CSV;
	code = is_tags ? list_tags(j, s, &fault) : list_issues(j, s, &fault);
	if (is_tags && code == DP_OK) say_none(j);
	dp_store_close(s);
	for (uint32_t i = 0; i < j->count_used; i++) free(j->count[i].category);
	dp_free(j->count);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_tag_list(int argc, char **argv)
{
	static const char usage[] = "Usage: dyepack tag list --tags STORE|FILE... [options]\n\n"
	                            "Prints the lists with their issues: what is new in each, and "
	                            "what is gone from it. With "
	                            "a\nfilter, or as CSV, the tags themselves.\n";
	static struct job j;
	j.format_name = "text";
	const dp_option options[] = {
	    DP_CLI_TAGS_OPTION(&j.from),
	    {"category", "CATEGORY", "tags of this category or abuse", NULL, &j.category},
	    {"actor", "ACTOR", "tags of this actor", NULL, &j.actor},
	    {"list", "NAME", "tags of this list", NULL, &j.list},
	    {"network", "NETWORK", "tags on this network", NULL, &j.network_text},
	    {"counts", NULL, "how many tags of each category, not the tags", &j.counts, NULL},
	    {"format", "FORMAT", "text, json or csv", NULL, &j.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 0 || dp_cli_tags_count(&j.from) == 0)
		return dp_cli_misuse(argv[0], "name a store or tag files: --tags STORE");
	if (j.network_text != NULL) {
		j.network = dp_network_find(j.network_text, strlen(j.network_text));
		if (j.network == NULL)
			return dp_cli_misuse(argv[0], "unknown network '%s'; such as BTC, ETH, TRX",
			                     j.network_text);
	}
	int exit_code = dp_cli_ledger_format(&j.format, j.format_name, true, argv[0]);
	return exit_code == DP_EXIT_DONE ? run(&j) : exit_code;
}

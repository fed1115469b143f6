// dyepack tag lookup: what is said about an address or a transaction, by whom, and since when.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/tag_command.h"
#include "cli/tags_option.h"
#include "codec/time.h"
#include "tag/index.h"

enum { LINE_SIZE = 512, TEXT_SIZE = 1024, DAY = 86400 };

struct job {
	dp_cli_tags from;
	const char *at_text, *format_name;
	int64_t at; // DP_NO_DATE: not asked
	dp_cli_format format;
	const dp_tags *tags;
	dp_json_out json;
	uint64_t wrong; // lines that are no address
	bool any;
};

//- one tag ---------------------------------------------------------------------------------------

static const char *day_text(char out[DP_CLI_DATE_MAX], uint32_t day)
{
	return dp_cli_date(out, day == 0 ? DP_NO_DATE : (int64_t)day * DAY);
}

static const char *text_of(const struct job *j, char out[TEXT_SIZE], uint32_t id)
{
	return dp_cli_plain(out, TEXT_SIZE, dp_tags_text(j->tags, id));
}

// "label  word, word": prints a line of the words that are given; nothing where none is.
static void print_line(const char *name, const char *const *word, int count)
{
	bool any = false;
	for (int i = 0; i < count; i++) {
		if (word[i][0] == 0) continue;
		if (any)
			(void)printf(", %s", word[i]);
		else
			(void)printf("    %-11s %s", name, word[i]);
		any = true;
	}
	if (any) (void)putchar('\n');
}

static void print_what(const struct job *j, const dp_tag_record *r)
{
	char category[TEXT_SIZE], abuse[TEXT_SIZE], concepts[TEXT_SIZE];
	const char *words[] = {text_of(j, category, r->category), text_of(j, abuse, r->abuse),
	                       text_of(j, concepts, r->concepts)};
	// GraphSense repeats category and abuse among the concepts.
	for (int i = 0; i < 2; i++)
		for (int k = i + 1; k < 3; k++)
			if (strcmp(words[i], words[k]) == 0) words[k] = "";
	print_line("is", words, 3);
}

// The level's name where it is certain: 100 may be `override` or `ownership`, 65 has none.
static const char *level_of(const dp_tag_record *r)
{
	return dp_confidence_is_one(r->confidence) ? dp_confidence_name(r->confidence) : "";
}

static void print_dates(const struct job *j, const dp_tag_record *r)
{
	char list[TEXT_SIZE], first[DP_CLI_DATE_MAX], last[DP_CLI_DATE_MAX], gone[DP_CLI_DATE_MAX];
	text_of(j, list, r->list);
	day_text(first, r->first_seen);
	day_text(last, r->last_seen);
	day_text(gone, r->gone);
	if ((r->flags & DP_TAGF_BUILTIN) != 0) {
		(void)printf("    %-11s comes with dyepack\n", "list");
		return;
	}
	(void)printf("    %-11s %s", "list", list);
	(void)printf(", %s", first);
	if (strcmp(first, last) != 0) (void)printf(" to %s", last);
	if (gone[0] != 0) (void)printf("; gone from the issue of %s", gone);
	(void)putchar('\n');
}

static const char *dated_text(const struct job *j, const dp_tag_record *r)
{
	switch (dp_tags_dated(r, j->at)) {
	case DP_DATED_ON: return "on its list";
	case DP_DATED_NOT_YET: return "not on its list yet, as far as the issues here tell";
	case DP_DATED_GONE: return "no longer on its list";
	}
	return "";
}

// Who the actor is, where an ActorPack was among the tags: whom to call.
static void print_actor(const struct job *j, const dp_tag_record *r)
{
	char text[TEXT_SIZE];
	const char *one[1] = {text_of(j, text, r->actor)};
	const dp_actor *a = dp_tags_actor(j->tags, dp_tags_text(j->tags, r->actor));
	print_line("actor", one, 1);
	if (a == NULL) return;
	(void)printf("    %-11s %s", "", dp_cli_plain(text, sizeof text, a->label));
	if (a->uri[0] != 0) (void)printf(", %s", dp_cli_plain(text, sizeof text, a->uri));
	if (a->jurisdictions[0] != 0)
		(void)printf(", under %s", dp_cli_plain(text, sizeof text, a->jurisdictions));
	(void)putchar('\n');
}

static void json_actor(struct job *j, const dp_tag_record *r)
{
	const dp_actor *a = dp_tags_actor(j->tags, dp_tags_text(j->tags, r->actor));
	dp_cli_json_text(&j->json, "actor", dp_tags_text(j->tags, r->actor));
	if (a == NULL) return;
	dp_cli_json_text(&j->json, "actor_label", a->label);
	dp_cli_json_text(&j->json, "actor_uri", a->uri);
	dp_cli_json_text(&j->json, "actor_jurisdictions", a->jurisdictions);
}

static void print_tag(const struct job *j, const dp_tag_record *r, const dp_network *network)
{
	char text[TEXT_SIZE], at[DP_TIME_TEXT_MAX];
	const char *one[1];
	(void)printf("  %s%s\n", text_of(j, text, r->label),
	             (r->flags & DP_TAGF_INFERRED) != 0 ? "  (inferred)" : "");
	if (dp_tags_match(r, network) != DP_MATCH_EXACT && r->network != 0)
		(void)printf("    %-11s said of the same key's address on %s\n", "same key",
		             dp_network_at(r->network)->name);
	print_what(j, r);
	print_actor(j, r);
	one[0] = text_of(j, text, r->program);
	print_line("program", one, 1);
	(void)printf("    %-11s %u%s%s\n", "confidence", r->confidence,
	             level_of(r)[0] != 0 ? " " : "", level_of(r));
	one[0] = text_of(j, text, r->source);
	print_line("source", one, 1);
	print_dates(j, r);
	if (j->at == DP_NO_DATE) return;
	dp_time_format(at, j->at);
	(void)printf("    %-11s %s\n", j->at % DAY == 0 ? (at[10] = 0, at) : at, dated_text(j, r));
}

static void json_day(dp_json_out *o, const char *key, uint32_t day)
{
	dp_cli_json_date(o, key, day == 0 ? DP_NO_DATE : (int64_t)day * DAY);
}

static void json_tag(struct job *j, const dp_tag_record *r, const dp_network *network)
{
	static const char *const dated[] = {"on", "not_yet", "gone"};
	dp_json_out *o = &j->json;
	bool is_exact = dp_tags_match(r, network) == DP_MATCH_EXACT || r->network == 0;
	dp_json_object(o);
	dp_json_key(o, "label");
	dp_json_string(o, dp_tags_text(j->tags, r->label));
	dp_cli_json_text(o, "category", dp_tags_text(j->tags, r->category));
	dp_cli_json_text(o, "abuse", dp_tags_text(j->tags, r->abuse));
	dp_cli_json_text(o, "concepts", dp_tags_text(j->tags, r->concepts));
	json_actor(j, r);
	dp_cli_json_text(o, "program", dp_tags_text(j->tags, r->program));
	dp_json_key(o, "confidence");
	dp_json_uint(o, r->confidence);
	dp_cli_json_text(o, "confidence_level", level_of(r));
	dp_json_key(o, "source");
	dp_json_string(o, dp_tags_text(j->tags, r->source));
	dp_json_key(o, "list");
	dp_json_string(o, dp_tags_text(j->tags, r->list));
	dp_cli_json_text(o, "network", r->network != 0 ? dp_network_at(r->network)->name : "");
	dp_json_key(o, "match");
	dp_json_string(o, is_exact ? "exact" : "same_key");
	json_day(o, "first_seen", r->first_seen);
	json_day(o, "last_seen", r->last_seen);
	json_day(o, "gone", r->gone);
	if (j->at != DP_NO_DATE) {
		dp_json_key(o, "then");
		dp_json_string(o, dated[dp_tags_dated(r, j->at)]);
	}
	dp_json_key(o, "inferred");
	dp_json_boolean(o, (r->flags & DP_TAGF_INFERRED) != 0);
	dp_json_key(o, "builtin");
	dp_json_boolean(o, (r->flags & DP_TAGF_BUILTIN) != 0);
	dp_json_object_end(o);
}

//- one address -----------------------------------------------------------------------------------

static dp_code parse(dp_place *ret_place, const char *text, dp_fault *fault)
{
	size_t n = strlen(text);
	dp_fault second;
	dp_code code = dp_place_parse(ret_place, text, n, NULL, fault);
	if (code == DP_BAD_BYTES && dp_place_parse_tx(ret_place, text, n, NULL, &second) == DP_OK)
		return DP_OK;
	return code;
}

static dp_code look_up(struct job *j, const char *text, dp_fault *fault)
{
	dp_place place;
	char plain[DP_PLACE_TEXT_MAX], number[24];
	uint32_t count = 0, shown = 0;
	DP_TRY(parse(&place, text, fault));
	const dp_network *network = place.network != 0 ? dp_network_at(place.network) : NULL;
	const dp_tag_record *r = dp_tags_find(j->tags, &place.addr, &count);
	bool is_tx = place.addr.kind == DP_PLACE_TX;
	for (uint32_t i = 0; i < count; i++)
		shown += network == NULL || dp_tags_match(&r[i], network) != DP_MATCH_NONE;
	if (dp_place_format(plain, &place) == 0) (void)dp_cli_plain(plain, sizeof plain, text);
	if (j->format == DP_FORMAT_JSON) {
		dp_json_object(&j->json);
		dp_json_key(&j->json, is_tx ? "tx_hash" : "address");
		dp_json_string(&j->json, plain);
		dp_cli_json_text(&j->json, "network", network != NULL ? network->name : "");
		dp_json_key(&j->json, "tags");
		dp_json_array(&j->json);
	} else {
		(void)snprintf(number, sizeof number, "%u tags", shown);
		(void)printf("%s%s%s%s: %s\n", j->any ? "\n" : "", plain,
		             network != NULL ? " on " : "", network != NULL ? network->name : "",
		             shown == 0   ? "no tags"
		             : shown == 1 ? "1 tag"
		                          : number);
		j->any = true;
	}
	for (uint32_t i = 0; i < count; i++) {
		const dp_network *n = network;
		if (n == NULL && r[i].network != 0) n = dp_network_at(r[i].network);
		if (n != NULL && dp_tags_match(&r[i], n) == DP_MATCH_NONE) continue;
		if (j->format == DP_FORMAT_JSON)
			json_tag(j, &r[i], n);
		else
			print_tag(j, &r[i], n);
	}
	if (j->format == DP_FORMAT_JSON) {
		dp_json_array_end(&j->json);
		dp_json_object_end(&j->json);
	}
	return DP_OK;
}

// Addresses from stdin, one a line. One that is none is told, and the others are answered.
static dp_code look_up_lines(struct job *j, dp_fault *fault)
{
	char line[LINE_SIZE];
	for (uint32_t number = 1; fgets(line, sizeof line, stdin) != NULL; number++) {
		size_t n = strlen(line);
		if (n + 1 == sizeof line && line[n - 1] != '\n')
			return dp_fail_at(fault, DP_BAD_CASE, number, 0, "no address is this long");
		while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL) line[--n] = 0;
		const char *text = line + strspn(line, " \t");
		if (*text == 0 || *text == '#') continue;
		dp_place place;
		dp_fault wrong = {0};
		if (parse(&place, text, &wrong) == DP_OK) {
			DP_TRY(look_up(j, text, fault));
			continue;
		}
		wrong.line = number;
		dp_fault_file(&wrong, "standard input");
		j->wrong++;
		(void)dp_cli_fault(&wrong);
	}
	return DP_OK;
}

static int run(struct job *j, char **texts, int count)
{
	dp_fault fault = {0};
	dp_tags *tags;
	dp_place place;
	// What is misspelt on the command line is said before anything is read.
	for (int i = 0; i < count; i++)
		if (strcmp(texts[i], "-") != 0 && parse(&place, texts[i], &fault) != DP_OK) {
			dp_cli_tags_hint(&fault, texts[i]);
			return dp_cli_fault(&fault);
		}
	dp_code code = dp_cli_tags_load(&tags, &j->from, false, &fault);
	if (code != DP_OK) return dp_cli_fault(&fault);
	j->tags = tags;
	j->json = dp_cli_json(&fault);
	if (j->format == DP_FORMAT_JSON) dp_json_array(&j->json);
	for (int i = 0; code == DP_OK && i < count; i++)
		code = strcmp(texts[i], "-") == 0 ? look_up_lines(j, &fault)
		                                  : look_up(j, texts[i], &fault);
	if (code == DP_OK && j->format == DP_FORMAT_JSON) {
		dp_json_array_end(&j->json);
		code = dp_json_finish(&j->json);
	}
	dp_tags_free(tags);
	if (code != DP_OK) return dp_cli_fault(&fault);
	return j->wrong == 0 ? DP_EXIT_DONE : DP_EXIT_FAILED;
}

int dp_cmd_tag_lookup(int argc, char **argv)
{
	static const char usage[] =
	    "Usage: dyepack tag lookup ADDRESS|TXID... [--tags FILE...] [options]\n\n"
	    "Says what is known about addresses and transactions: who says what, how sure, on "
	    "which "
	    "list\nand since when. '-' reads them from standard input, one a line. Without --tags, "
	    "what comes\nwith dyepack is asked.\n";
	static struct job j;
	j.format_name = "text";
	j.at = DP_NO_DATE;
	const dp_option options[] = {
	    DP_CLI_TAGS_OPTION(&j.from),
	    {"at", "TIME", "say also whether each tag was on its list then", NULL, &j.at_text},
	    {"format", "FORMAT", "text or json", NULL, &j.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count == 0) return dp_cli_misuse(argv[0], "name an address or a transaction");
	int exit_code = dp_cli_ledger_format(&j.format, j.format_name, false, argv[0]);
	if (exit_code == DP_EXIT_DONE) exit_code = dp_cli_tag_time(&j.at, j.at_text, "at", argv[0]);
	return exit_code == DP_EXIT_DONE ? run(&j, argv + 1, count) : exit_code;
}

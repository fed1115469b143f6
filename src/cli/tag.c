// dyepack tag: the table of its subcommands, and what they share (tag_command.h).
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/tag_command.h"
#include "codec/time.h"

static const char usage[] =
    "Usage: dyepack tag COMMAND ...\n\n"
    "Keeps what others say about addresses, with source, confidence and dates.\n\n"
    "Commands:\n"
    "  import FILE... --tags STORE   read lists into a tag store\n"
    "  lookup ADDRESS|TXID...        what is said about it, by whom, and since when\n"
    "  list --tags STORE             the lists of a store; its tags\n"
    "  diff OLD NEW                  what came, went and changed between two lists or dates\n"
    "\n'dyepack tag COMMAND --help' tells more.\n";

static const dp_command commands[] = {
    {"import", "", dp_cmd_tag_import},
    {"lookup", "", dp_cmd_tag_lookup},
    {"list", "", dp_cmd_tag_list},
    {"diff", "", dp_cmd_tag_diff},
    {NULL, NULL, NULL},
};

int dp_cmd_tag(int argc, char **argv)
{
	return dp_cli_subcommand(argc, argv, "tag", commands, usage, "lookup ADDRESS");
}

//- texts and dates -------------------------------------------------------------------------------

const char *dp_cli_plain(char *out, size_t out_size, const char *text)
{
	size_t n = 0;
	DP_CHECK(out_size > 0 && text != NULL);
	for (; text[n] != 0 && n + 1 < out_size; n++) {
		unsigned char c = (unsigned char)text[n];
		// U+0080 to U+009F are control characters too: C2 80 to C2 9F.
		bool is_c1 = n > 0 && (unsigned char)text[n - 1] == 0xc2 && c < 0xa0;
		out[n] = c < ' ' || c == 0x7f || is_c1 ? '?' : text[n];
	}
	// A character that was cut in two is left out whole.
	if (text[n] != 0)
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
	out[n] = 0;
	return out;
}

const char *dp_cli_date(char out[DP_CLI_DATE_MAX], int64_t date)
{
	char text[DP_TIME_TEXT_MAX];
	out[0] = 0;
	if (date == DP_NO_DATE || date < 0) return out;
	dp_time_format(text, date);
	(void)snprintf(out, DP_CLI_DATE_MAX, "%.10s", text);
	return out;
}

void dp_cli_json_date(dp_json_out *o, const char *key, int64_t date)
{
	char text[DP_TIME_TEXT_MAX];
	dp_json_key(o, key);
	if (date == DP_NO_DATE || date < 0) {
		dp_json_null(o);
		return;
	}
	dp_time_format(text, date);
	if (date % 86400 == 0) text[10] = 0; // a day, not a moment
	dp_json_string(o, text);
}

void dp_cli_json_text(dp_json_out *o, const char *key, const char *text)
{
	if (text[0] == 0) return;
	dp_json_key(o, key);
	dp_json_string(o, text);
}

void dp_cli_json_count(dp_json_out *o, const char *key, uint64_t count)
{
	dp_json_key(o, key);
	dp_json_uint(o, count);
}

int dp_cli_tag_time(int64_t *io_time, const char *text, const char *option, const char *command)
{
	if (text == NULL || dp_time_parse(io_time, text, strlen(text))) return DP_EXIT_DONE;
	return dp_cli_misuse(command, "--%s '%s' is no date such as 2024-09-27", option, text);
}

//- complaints ------------------------------------------------------------------------------------

dp_code dp_cli_complain(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	dp_cli_complaints *c = context;
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64], plain[sizeof text];
	(void)fault;
	if (is_warning && c->errors_only) return DP_OK;
	c->count++;
	if (is_warning)
		c->warnings++;
	else
		c->left_out++;
	if (++c->in_file > (c->max != 0 ? c->max : DP_CLI_COMPLAINTS_MAX)) return DP_OK;
	dp_fault_format(what, text, sizeof text);
	(void)fprintf(stderr, "dyepack: %s%s\n", dp_cli_plain(plain, sizeof plain, text),
	              is_warning ? "" : "; left out");
	return DP_OK;
}

void dp_cli_complaints_end_file(dp_cli_complaints *c, const char *file)
{
	uint64_t max = c->max != 0 ? c->max : DP_CLI_COMPLAINTS_MAX;
	if (c->in_file > max)
		(void)fprintf(stderr, "dyepack: %s: and %llu more\n", file,
		              (unsigned long long)(c->in_file - max));
	c->in_file = 0;
}

bool dp_cli_is_of_file(dp_code code)
{
	return code == DP_BAD_BYTES || code == DP_BAD_CASE || code == DP_LIMIT;
}

//- tags to look through --------------------------------------------------------------------------

struct opening {
	dp_store *store;
	dp_cli_complaints *complaints;
};

static dp_code open_file(void *context, const char *file, bool in_folder, dp_fault *fault)
{
	struct opening *o = context;
	dp_fault what = {0};
	const dp_tag_reader *reader;
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	dp_tag_sink sink = dp_store_sink(o->store, dp_cli_complain, o->complaints);
	dp_code code = dp_tag_recognise(&reader, file, &what);
	if (code != DP_OK && in_folder && dp_cli_is_of_file(code)) return DP_OK;
	if (code == DP_OK) code = dp_store_file(o->store, file, &what);
	if (code == DP_OK) {
		code = dp_tag_read(file, reader->name, &defaults, &sink, &what);
		dp_cli_complaints_end_file(o->complaints, file);
	}
	if (code == DP_OK) return DP_OK;
	if (fault != NULL) *fault = what;
	return code;
}

dp_code dp_cli_tag_open(dp_store **ret_store, const char *const *path, uint32_t count,
                        dp_cli_complaints *complaints, dp_fault *fault)
{
	struct opening o = {.complaints = complaints};
	DP_CHECK(count > 0);
	if (count == 1 && dp_store_is(path[0]))
		return dp_store_open(ret_store, path[0], false, true, fault);
	DP_TRY(dp_store_open(&o.store, ":memory:", true, false, fault));
	dp_code code = dp_store_begin(o.store, (int64_t)time(NULL), fault);
	for (uint32_t i = 0; code == DP_OK && i < count; i++)
		code = dp_tag_walk(path[i], open_file, &o, fault);
	if (code == DP_OK) code = dp_store_commit(o.store, NULL, fault);
	if (code != DP_OK) {
		dp_store_close(o.store);
		return code;
	}
	*ret_store = o.store;
	return DP_OK;
}

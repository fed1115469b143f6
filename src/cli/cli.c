// See cli.h.
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/u256.h"
#include "codec/input.h"

enum { OPTIONS_MAX = 40 };

// Whether somebody was told already that the result cannot be written: a full disk meets the
// command that writes, and the end of the program again.
static bool is_told;

int dp_cli_fault(const dp_fault *fault)
{
	is_told |= fault->code == DP_IO && ferror(stdout) != 0;
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64];
	dp_fault_format(fault, text, sizeof text);
	(void)fprintf(stderr, "dyepack: %s\n", text);
	return DP_EXIT_FAILED;
}

int dp_cli_misuse(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fprintf(stderr, "dyepack %s: ", command);
	(void)vfprintf(stderr, format, args);
	(void)fprintf(stderr, "\nTry 'dyepack %s --help'.\n", command);
	va_end(args);
	return DP_EXIT_MISUSE;
}

static void print_help(const dp_option *options, const char *usage)
{
	(void)fputs(usage, stdout);
	(void)fputs("\nOptions:\n", stdout);
	for (int i = 0; options[i].name != NULL; i++) {
		char left[64];
		(void)snprintf(left, sizeof left, "--%s%s%s", options[i].name,
		               options[i].value_name != NULL ? " " : "",
		               options[i].value_name != NULL ? options[i].value_name : "");
		(void)printf("  %-26s %s\n", left, options[i].help);
	}
	(void)printf("  %-26s %s\n", "--help", "this text");
}

static bool unknown_option(const char *command, const char *name, size_t n,
                           const dp_option *options)
{
	const char *names[OPTIONS_MAX + 2];
	int count = 0;
	for (; count < OPTIONS_MAX && options[count].name != NULL; count++)
		names[count] = options[count].name;
	names[count++] = "help";
	names[count] = NULL;
	const char *near = dp_nearest(name, n, names);
	(void)dp_cli_misuse(command, "unknown option --%.*s%s%s%s", (int)n, name,
	                    near != NULL ? ": did you mean --" : "", near != NULL ? near : "",
	                    near != NULL ? "?" : "");
	return false;
}

static bool may_repeat(const dp_option *o)
{
	size_t n = strlen(o->value_name);
	return n > 3 && strcmp(o->value_name + n - 3, "...") == 0;
}

static bool keep_value(const char *command, const dp_option *o, const char *value)
{
	int at = 0;
	while (may_repeat(o) && at < DP_CLI_REPEAT_MAX && o->value[at] != NULL) at++;
	if (at == DP_CLI_REPEAT_MAX) {
		(void)dp_cli_misuse(command, "--%s is given more than %d times: name a folder",
		                    o->name, DP_CLI_REPEAT_MAX);
		return false;
	}
	o->value[at] = value;
	return true;
}

static bool looks_like_option(const char *text)
{
	return text[0] == '-' && text[1] != 0;
}

// Reads one option at argv[at]; advances *at past its value, or values.
static bool read_option(int argc, char **argv, int *at, const dp_option *options,
                        bool has_positional)
{
	const char *name = argv[*at] + 2;
	size_t n = strcspn(name, "=");
	for (int i = 0; options[i].name != NULL; i++) {
		const dp_option *o = &options[i];
		if (strlen(o->name) != n || strncmp(o->name, name, n) != 0) continue;
		if (o->value_name == NULL) {
			if (name[n] == '=') {
				(void)dp_cli_misuse(argv[0], "--%s takes no value", o->name);
				return false;
			}
			*o->flag = true;
			return true;
		}
		if (name[n] == '=') return keep_value(argv[0], o, name + n + 1);
		if (*at + 1 >= argc) {
			(void)dp_cli_misuse(argv[0], "--%s needs a value: --%s %s", o->name,
			                    o->name, o->value_name);
			return false;
		}
		if (!keep_value(argv[0], o, argv[++*at])) return false;
		while (has_positional && may_repeat(o) && *at + 1 < argc &&
		       !looks_like_option(argv[*at + 1]))
			if (!keep_value(argv[0], o, argv[++*at])) return false;
		return true;
	}
	return unknown_option(argv[0], name, n, options);
}

bool dp_cli_options(int argc, char **argv, const dp_option *options, const char *usage,
                    int *ret_count, bool *ret_help)
{
	int kept = 1;
	bool only_positional = false;
	*ret_help = false;
	for (int i = 1; i < argc; i++) {
		if (only_positional || !looks_like_option(argv[i])) {
			argv[kept++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			only_positional = true;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(options, usage);
			*ret_help = true;
			return true;
		} else if (argv[i][1] != '-') {
			(void)dp_cli_misuse(argv[0],
			                    "unknown option %s: options are written in full, "
			                    "with two dashes",
			                    argv[i]);
			return false;
		} else if (!read_option(argc, argv, &i, options, kept > 1)) {
			return false;
		}
	}
	*ret_count = kept - 1;
	return true;
}

int dp_cli_subcommand(int argc, char **argv, const char *command, const dp_command *table,
                      const char *usage, const char *example)
{
	enum { TABLE_MAX = 16 };
	const char *names[TABLE_MAX + 1];
	int n = 0;
	if (argc < 2) return dp_cli_misuse(command, "name a command, such as %s", example);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		(void)fputs(usage, stdout);
		return DP_EXIT_DONE;
	}
	for (; table[n].name != NULL; n++) {
		DP_CHECK(n < TABLE_MAX);
		names[n] = table[n].name;
		if (strcmp(argv[1], names[n]) != 0) continue;
		char full[32];
		(void)snprintf(full, sizeof full, "%s %s", command, names[n]);
		argv[1] = full;
		return table[n].run(argc - 1, argv + 1);
	}
	names[n] = NULL;
	const char *near = dp_nearest(argv[1], strlen(argv[1]), names);
	return dp_cli_misuse(command, "unknown command '%s'%s%s%s", argv[1],
	                     near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                     near != NULL ? "'?" : "");
}

dp_code dp_cli_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	FILE *file = context;
	if (fwrite(text, 1, n, file) == n) return DP_OK;
	return dp_fail(fault, DP_IO, "cannot write the result: %s", strerror(errno));
}

int dp_cli_finish(int exit_code)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0) return exit_code;
	if (is_told) return DP_EXIT_FAILED;
	(void)fprintf(stderr, "dyepack: cannot write the result: %s\n", strerror(errno));
	return DP_EXIT_FAILED;
}

dp_code dp_cli_read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size, size_t size_max,
                         dp_fault *fault)
{
	dp_input *in;
	DP_TRY(dp_input_open(&in, path, fault));
	dp_code code = dp_input_read_all(in, ret_bytes, ret_size, size_max, fault);
	dp_input_close(in);
	if (code != DP_OK) dp_fault_file(fault, path);
	return code;
}

bool dp_cli_number(const char *text, uint64_t *ret_value)
{
	dp_u256 v;
	if (dp_u256_parse(&v, text, strlen(text), 0, NULL) != DP_OK || !dp_u256_fits64(v))
		return false;
	*ret_value = v.w[0];
	return true;
}

dp_code dp_cli_read_case(dp_case **ret_case, const char *path, dp_fault *fault)
{
	enum { CASE_FILE_MAX = 64 << 20 };
	uint8_t *bytes;
	size_t size;
	DP_CHECK(ret_case != NULL && path != NULL);
	DP_TRY(dp_cli_read_file(path, &bytes, &size, CASE_FILE_MAX, fault));
	dp_case *c = dp_alloc(sizeof *c);
	dp_code code = DP_OK;
	if (c == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) code = dp_case_parse(c, (const char *)bytes, size, fault);
	dp_free(bytes);
	if (code != DP_OK) {
		dp_free(c);
		dp_fault_file(fault, path);
		return code;
	}
	*ret_case = c;
	return DP_OK;
}

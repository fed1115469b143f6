// dyepack path: how did the money get here? The transactions from the theft to one holder, out of a
// casebook; nothing is traced anew.
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"
#include "report/path.h"

static const char usage[] =
    "Usage: dyepack path CASEBOOK CASE HOLDER [options]\n\n"
    "Prints the transactions by which stolen money of CASE (an incident's name) got to HOLDER, "
    "from\n"
    "the theft on, each with the part of it that ended there. HOLDER is an address (all its pools\n"
    "and coins) or, on UTXO chains, one coin as txid:vout.\n";

typedef dp_code (*writer_of)(const dp_path *path, const dp_sink *w, dp_fault *fault);

// What to print in, by name; NULL after saying what is wrong.
static writer_of find_format(const char *name)
{
	static const char *const names[] = {"text", "json", "csv", NULL};
	static const writer_of writers[] = {dp_path_text, dp_path_json, dp_path_csv};
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(name, names[i]) == 0) return writers[i];
	const char *near = dp_nearest(name, strlen(name), names);
	(void)dp_cli_misuse("path", "unknown format '%s'%s%s%s: it is text, json or csv", name,
	                    near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
	                    near != NULL ? "'?)" : "");
	return NULL;
}

static dp_code print_path(char **argv, writer_of write, dp_fault *fault)
{
	dp_casebook *cb;
	DP_TRY(dp_casebook_open(&cb, argv[1], false, fault));
	dp_path *path;
	dp_code code = dp_path_find(&path, cb, argv[2], argv[3], fault);
	dp_casebook_close(cb);
	if (code != DP_OK) {
		dp_fault_file(fault, argv[1]);
		return code;
	}
	const dp_sink w = {dp_cli_write, stdout};
	code = write(path, &w, fault);
	dp_path_free(path);
	return code;
}

int dp_cmd_path(int argc, char **argv)
{
	const char *format = "text";
	const dp_option options[] = {
	    {"format", "text|json|csv", "what to print (text)", NULL, &format},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 3)
		return dp_cli_misuse("path",
		                     "expected CASEBOOK, CASE and HOLDER, got %d argument%s", count,
		                     count == 1 ? "" : "s");
	writer_of write = find_format(format);
	if (write == NULL) return DP_EXIT_MISUSE;
	dp_fault fault = {0};
	if (print_path(argv, write, &fault) != DP_OK) return dp_cli_fault(&fault);
	return DP_EXIT_DONE;
}

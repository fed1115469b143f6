// See ledger_common.h.
#include "cli/ledger_common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "cli/cli.h"

uint64_t dp_cli_variable(const char *name)
{
	const char *text = getenv(name);
	uint64_t value = 0;
	DP_CHECK(name != NULL);
	return text != NULL && dp_cli_number(text, &value) ? value : 0;
}

dp_writer_options dp_cli_writer_options(uint32_t threads, uint64_t memory_max)
{
	uint64_t final_blocks = dp_cli_variable("DYEPACK_FINAL_BLOCKS");
	return (dp_writer_options){
	    .threads = threads,
	    .memory_max = memory_max,
	    .unit_rows = dp_cli_variable("DYEPACK_UNIT_ROWS"),
	    .final_blocks = final_blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)final_blocks,
	};
}

const char *dp_cli_ledger_folder(const char *path)
{
	static const char prefix[] = "ledger:";
	struct stat st;
	DP_CHECK(path != NULL);
	bool has_prefix = strncmp(path, prefix, strlen(prefix)) == 0;
	return has_prefix && stat(path, &st) != 0 ? path + strlen(prefix) : path;
}

struct sum {
	const char *folder;
	uint64_t bytes;
};

static void add_file(void *context, const char *name)
{
	struct sum *s = context;
	struct stat st;
	char path[DP_PATH_MAX];
	if (dp_path_join(path, s->folder, name, NULL) != DP_OK) return;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) s->bytes += (uint64_t)st.st_size;
}

uint64_t dp_cli_folder_bytes(const char *ledger, const dp_chain *chain)
{
	char folder[DP_PATH_MAX];
	DP_CHECK(ledger != NULL && chain != NULL);
	struct sum s = {.folder = folder};
	if (dp_path_join(folder, ledger, chain->name, NULL) != DP_OK) return 0;
	if (dp_folder_list(folder, add_file, &s, NULL) != DP_OK) return 0;
	return s.bytes;
}

const char *dp_cli_ratio(char out[DP_CLI_RATIO_MAX], uint64_t whole, uint64_t parts)
{
	if (parts == 0) parts = 1;
	uint64_t rest = whole % parts;
	uint64_t tenth = rest > UINT64_MAX / 10 ? 9 : rest * 10 / parts;
	(void)snprintf(out, DP_CLI_RATIO_MAX, "%llu.%llu", (unsigned long long)(whole / parts),
	               (unsigned long long)tenth);
	return out;
}

// dyepack rollback: undoes the last blocks of a case (and of those traced with it) in a casebook,
// for when a source was wrong or a chain reorganised. Tracing again goes on from there.
#include <string.h>

#include "base/mem.h"
#include "casebook/casebook.h"
#include "cli/cli.h"

enum { CASES_MAX = 256 };

static const char usage[] = "Usage: dyepack rollback CASEBOOK CASE HEIGHT\n\n"
                            "Undoes every block above HEIGHT. The last 128 blocks can be undone.\n";

struct company {
	dp_case *cases[CASES_MAX];
	uint32_t count;
};

static dp_code add_case(void *context, const char *yaml, size_t size, dp_fault *fault)
{
	struct company *c = context;
	if (c->count == CASES_MAX) return dp_fail(fault, DP_LIMIT, "too many cases");
	dp_case *one = dp_alloc(sizeof *one);
	if (one == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_case_parse(one, yaml, size, fault);
	if (code != DP_OK) {
		dp_free(one);
		return code;
	}
	c->cases[c->count++] = one;
	return DP_OK;
}

static dp_code undo_to(dp_casebook *book, dp_engine *e, uint64_t height, dp_fault *fault)
{
	uint64_t undone = 0;
	while (dp_engine_blocks(e) > 0 && dp_engine_height(e) > height) {
		dp_code code = dp_engine_rollback(e, fault);
		if (code == DP_NOT_FOUND)
			return dp_fail(
			    fault, DP_NOT_FOUND,
			    "block %llu is deeper than the %d blocks that can be undone: "
			    "nothing was changed",
			    (unsigned long long)height, DP_CASEBOOK_UNDO_BLOCKS);
		DP_TRY(code);
		undone++;
	}
	DP_TRY(dp_casebook_forget(book, e, fault));
	DP_TRY(dp_casebook_commit(book, e, fault));
	if (dp_engine_blocks(e) == 0)
		(void)printf("undid %llu blocks; no block is followed now\n",
		             (unsigned long long)undone);
	else
		(void)printf("undid %llu blocks; the last block is %llu now\n",
		             (unsigned long long)undone, (unsigned long long)dp_engine_height(e));
	return DP_OK;
}

static dp_code roll_back(dp_casebook *book, struct company *c, const char *incident,
                         uint64_t height, dp_fault *fault)
{
	const dp_policy *policy = NULL;
	DP_TRY(dp_casebook_company(book, incident, &policy, add_case, c, fault));
	dp_engine_options options = {.policy = policy,
	                             .chain = c->cases[0]->chain,
	                             .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS,
	                             .undo_only = true};
	const dp_case *cases[CASES_MAX];
	for (uint32_t i = 0; i < c->count; i++) cases[i] = c->cases[i];
	dp_engine *e;
	DP_TRY(dp_engine_new(&e, &options, cases, c->count, fault));
	bool resumed;
	dp_code code = dp_casebook_begin(book, e, &options, c->count, &resumed, fault);
	if (code == DP_OK) code = undo_to(book, e, height, fault);
	dp_engine_free(e);
	return code;
}

int dp_cmd_rollback(int argc, char **argv)
{
	static const dp_option options[] = {{NULL, NULL, NULL, NULL, NULL}};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 3) return dp_cli_misuse("rollback", "give a casebook, a case and a height");
	dp_u256 height;
	if (dp_u256_parse(&height, argv[3], strlen(argv[3]), 0, NULL) != DP_OK ||
	    !dp_u256_fits64(height))
		return dp_cli_misuse("rollback", "'%s' is no block height", argv[3]);
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	struct company c = {.count = 0};
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK) code = roll_back(book, &c, argv[2], height.w[0], &fault);
	if (code != DP_OK) dp_fault_file(&fault, argv[1]);
	dp_casebook_close(book);
	for (uint32_t i = 0; i < c.count; i++) {
		dp_case_done(c.cases[i]);
		dp_free(c.cases[i]);
	}
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

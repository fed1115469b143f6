// dyepack rollback: undoes the last blocks of a case (and of those traced with it) in a casebook,
// for when a source was wrong or a chain reorganised. Tracing again goes on from there.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/casebook.h"
#include "casebook/decision.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "engine/exchange.h"

enum { CASES_MAX = 256 };

static const char usage[] =
    "Usage: dyepack rollback CASEBOOK CASE HEIGHT [options]\n\n"
    "Undoes every block above HEIGHT. The last 128 blocks can be undone. Of a case that is "
    "followed "
    "on\n"
    "several chains --chain says whose blocks these are; on the others whatever came from them is\n"
    "undone, too.\n";

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

// A chain on which the cases are followed.
struct run {
	const dp_chain *chain;
	dp_engine *engine;
	uint64_t undone;
};

struct runs {
	struct run list[DP_CASE_CHAINS_MAX];
	uint32_t count;
	dp_exchange *exchange;
	dp_decisions decisions;
};

// Which chains there are, and which of them is meant.
static dp_code find_runs(struct runs *r, struct run **ret_meant, const char *path,
                         const char *incident, const dp_chain *wanted, dp_fault *fault)
{
	char names[160];
	size_t n = 0;
	uint64_t height;
	names[0] = 0;
	*ret_meant = NULL;
	for (uint16_t id = 0; id < dp_chain_count(); id++) {
		const dp_chain *chain = dp_chain_at(id);
		DP_CHECK(chain != NULL);
		if (r->count == DP_CASE_CHAINS_MAX ||
		    !dp_casebook_followed(path, incident, chain, &height))
			continue;
		r->list[r->count].chain = chain;
		if (chain == wanted || wanted == NULL) *ret_meant = &r->list[r->count];
		r->count++;
		if (n >= sizeof names) continue;
		int k =
		    snprintf(names + n, sizeof names - n, "%s%s", n == 0 ? "" : ", ", chain->name);
		n += k > 0 ? (size_t)k : 0;
	}
	if (wanted == NULL && r->count > 1)
		return dp_fail(fault, DP_BAD_CASE,
		               "follows case %.60s on several chains (%s): say with --chain which "
		               "one's height this is",
		               incident, names);
	if (wanted != NULL && *ret_meant == NULL)
		return dp_fail(fault, DP_NOT_FOUND, "does not follow case %.60s on %s%s%s",
		               incident, wanted->name, r->count > 0 ? ", but on " : "", names);
	return DP_OK;
}

static dp_code undo_above(dp_casebook *book, struct run *r, uint64_t height, bool is_meant,
                          dp_fault *fault)
{
	dp_engine *e = r->engine;
	while (dp_engine_blocks(e) > 0 && dp_engine_height(e) > height) {
		dp_code code = dp_engine_rollback(e, fault);
		if (code == DP_NOT_FOUND)
			return dp_fail(
			    fault, DP_NOT_FOUND,
			    "block %llu%s%s is deeper than the %d blocks that can be undone%s: "
			    "nothing was changed",
			    (unsigned long long)height, is_meant ? "" : " of ",
			    is_meant ? "" : r->chain->name, DP_CASEBOOK_UNDO_BLOCKS,
			    is_meant ? ""
			             : ", and what a bridge brought there hangs on these blocks");
		DP_TRY(code);
		r->undone++;
	}
	return dp_casebook_forget(book, e, fault);
}

// What is taken back on one chain may have gone on to others: there it is taken back, too.
static dp_code undo_to(dp_casebook *book, struct runs *all, struct run *meant, uint64_t height,
                       dp_fault *fault)
{
	DP_TRY(undo_above(book, meant, height, true, fault));
	for (uint32_t i = 0; i < all->count;) {
		struct run *r = &all->list[i];
		uint64_t from;
		bool wished = dp_exchange_rewind(all->exchange, &from, r->chain) &&
		              dp_engine_blocks(r->engine) > 0 &&
		              dp_engine_height(r->engine) >= from;
		// Nothing lies below block 0.
		if (wished && from == 0)
			return dp_fail(fault, DP_NOT_FOUND,
			               "what a bridge brought to block 0 of %s hangs on these "
			               "blocks: trace into a new casebook",
			               r->chain->name);
		if (wished) DP_TRY(undo_above(book, r, from - 1, r == meant, fault));
		i = wished ? 0 : i + 1;
	}
	return dp_casebook_commit(book, fault);
}

static void say_undone(const struct run *r, bool is_one)
{
	if (!is_one) (void)printf("%s: ", r->chain->name);
	if (dp_engine_blocks(r->engine) == 0)
		(void)printf("undid %llu block%s; no block is followed now\n",
		             (unsigned long long)r->undone, r->undone == 1 ? "" : "s");
	else
		(void)printf("undid %llu block%s; the last block is %llu now\n",
		             (unsigned long long)r->undone, r->undone == 1 ? "" : "s",
		             (unsigned long long)dp_engine_height(r->engine));
}

// Every chain's engine as it was when the casebook was written.
static dp_code load_runs(dp_casebook *book, struct runs *all, const struct company *c,
                         const dp_policy *policy, dp_fault *fault)
{
	const dp_case *cases[CASES_MAX];
	for (uint32_t i = 0; i < c->count; i++) {
		cases[i] = c->cases[i];
		DP_TRY(dp_decisions_load(&all->decisions, dp_casebook_db(book), cases[i]->incident,
		                         fault));
	}
	DP_TRY(dp_exchange_new(&all->exchange, fault));
	for (uint32_t i = 0; i < all->count; i++) {
		struct run *r = &all->list[i];
		bool resumed;
		dp_engine_options options = {.policy = policy,
		                             .chain = r->chain,
		                             .undo_blocks = DP_CASEBOOK_UNDO_BLOCKS,
		                             .undo_only = true,
		                             .exchange = all->exchange,
		                             .decision = all->decisions.claim,
		                             .decision_count = all->decisions.count};
		DP_TRY(dp_engine_new(&r->engine, &options, cases, c->count, fault));
		DP_TRY(dp_casebook_begin(book, r->engine, &options, c->count, &resumed, fault));
	}
	return DP_OK;
}

struct wish {
	const char *path, *incident;
	const dp_chain *chain; // NULL: the only one
	uint64_t height;
};

static dp_code roll_back(dp_casebook *book, struct company *c, struct runs *all,
                         const struct wish *w, dp_fault *fault)
{
	const dp_policy *policy = NULL;
	struct run *meant;
	DP_TRY(dp_casebook_company(book, w->incident, &policy, add_case, c, fault));
	DP_TRY(find_runs(all, &meant, w->path, w->incident, w->chain, fault));
	if (meant == NULL) { // begun, and no block followed yet
		meant = &all->list[all->count++];
		meant->chain = c->cases[0]->chain;
	}
	DP_TRY(load_runs(book, all, c, policy, fault));
	DP_TRY(undo_to(book, all, meant, w->height, fault));
	for (uint32_t i = 0; i < all->count; i++)
		if (&all->list[i] == meant || all->list[i].undone > 0)
			say_undone(&all->list[i], all->count == 1);
	return DP_OK;
}

static void close_all(dp_casebook *book, struct company *c, struct runs *all)
{
	dp_casebook_close(book);
	for (uint32_t i = 0; i < all->count; i++) dp_engine_free(all->list[i].engine);
	dp_exchange_free(all->exchange);
	dp_decisions_done(&all->decisions);
	for (uint32_t i = 0; i < c->count; i++) {
		dp_case_done(c->cases[i]);
		dp_free(c->cases[i]);
	}
}

int dp_cmd_rollback(int argc, char **argv)
{
	const char *chain_name = NULL;
	const dp_option options[] = {
	    {"chain", "CHAIN", "whose height this is, where several are followed", NULL,
	     &chain_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 3) return dp_cli_misuse("rollback", "give a casebook, a case and a height");
	struct wish w = {.path = argv[1], .incident = argv[2]};
	dp_u256 height;
	if (dp_u256_parse(&height, argv[3], strlen(argv[3]), 0, NULL) != DP_OK ||
	    !dp_u256_fits64(height))
		return dp_cli_misuse("rollback", "'%s' is no block height", argv[3]);
	w.height = height.w[0];
	int exit_code = dp_cli_ledger_chain(&w.chain, chain_name, "rollback");
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	struct company c = {.count = 0};
	static struct runs all;
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK) code = roll_back(book, &c, &all, &w, &fault);
	if (code != DP_OK) dp_fault_file(&fault, argv[1]);
	close_all(book, &c, &all);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

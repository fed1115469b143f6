// See docket_cases.h.
#include "cli/docket_cases.h"

#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/docket.h"
#include "cli/cli.h"

struct naming {
	const dp_chain **named;
	uint32_t count;
};

static void name_chain(struct naming *n, const dp_chain *chain)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->named[i] == chain) return;
	if (n->count < DP_CASE_CHAINS_MAX) n->named[n->count++] = chain;
}

static dp_code name_chains(void *context, const dp_docket_entry *e, dp_fault *fault)
{
	dp_case c;
	dp_fault why = {0};
	if (e->is_stopped) return DP_OK;
	dp_code code = dp_case_parse(&c, e->yaml, e->yaml_size, &why);
	if (code == DP_NO_MEMORY && fault != NULL) *fault = why;
	// What cannot be read is told by whoever follows it.
	if (code != DP_OK) return code == DP_NO_MEMORY ? code : DP_OK;
	for (uint32_t i = 0; i < c.named_count; i++) name_chain(context, c.named[i]);
	dp_case_done(&c);
	return DP_OK;
}

struct search {
	const dp_case *wanted;
	bool found, same;
};

static dp_code compare(void *context, const dp_docket_entry *e, dp_fault *fault)
{
	struct search *s = context;
	(void)fault;
	if (strcmp(e->incident, s->wanted->incident) != 0) return DP_OK;
	s->found = true;
	s->same = e->yaml_size == s->wanted->yaml_size &&
	          memcmp(e->yaml, s->wanted->yaml, e->yaml_size) == 0;
	return DP_OK;
}

static dp_code add_one(dp_casebook *book, const dp_case *c, int64_t *io_group, bool may_be_there,
                       int64_t now, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(book);
	struct search s = {.wanted = c};
	if (may_be_there) DP_TRY(dp_docket_visit(db, compare, &s, fault));
	if (s.found && s.same) return DP_OK;
	if (s.found)
		return dp_fail(fault, DP_BAD_CASE,
		               "this casebook has case '%s' with another file: 'dyepack case seed' "
		               "adds seeds to it",
		               c->incident);
	if (*io_group == 0) DP_TRY(dp_docket_new_group(db, io_group, fault));
	dp_docket_entry e = {.incident = c->incident,
	                     .policy = c->policy->name,
	                     .group = *io_group,
	                     .yaml = c->yaml,
	                     .yaml_size = c->yaml_size};
	return dp_docket_add(db, &e, now, fault);
}

static dp_code check_company(dp_case *const *cases, uint32_t count, dp_fault *fault)
{
	for (uint32_t i = 1; i < count; i++)
		if (cases[i]->policy != cases[0]->policy)
			return dp_fail(fault, DP_BAD_CASE,
			               "cases that are followed together have one policy: enter %s "
			               "by itself",
			               cases[i]->incident);
	return DP_OK;
}

static dp_code enter(dp_casebook *book, dp_case *const *cases, uint32_t count, bool may_be_there,
                     dp_fault *fault)
{
	int64_t now = (int64_t)time(NULL), group = 0;
	DP_TRY(check_company(cases, count, fault));
	DP_TRY(dp_casebook_write(book, fault));
	DP_TRY(dp_docket_adopt(dp_casebook_db(book), now, fault));
	for (uint32_t i = 0; i < count; i++)
		DP_TRY(add_one(book, cases[i], &group, may_be_there, now, fault));
	return dp_casebook_finish(book, fault);
}

dp_code dp_docket_enter(const char *casebook, const char *const *path, uint32_t count,
                        bool may_be_there, const dp_chain **ret_named, uint32_t *ret_count,
                        dp_fault *fault)
{
	dp_casebook *book = NULL;
	dp_case **cases = dp_alloc(((size_t)count + 1) * sizeof *cases);
	uint32_t read = 0;
	DP_CHECK(casebook != NULL);
	dp_code code = cases == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory") : DP_OK;
	for (; read < count && code == DP_OK; read++) {
		code = dp_cli_read_case(&cases[read], path[read], fault);
		if (code != DP_OK) break;
	}
	if (code == DP_OK) code = dp_casebook_open(&book, casebook, true, fault);
	if (code == DP_OK) {
		code = enter(book, cases, count, may_be_there, fault);
		if (code != DP_OK && fault->file[0] == 0) dp_fault_file(fault, casebook);
	}
	struct naming n = {.named = ret_named};
	if (code == DP_OK && ret_named != NULL)
		code = dp_docket_visit(dp_casebook_db(book), name_chains, &n, fault);
	if (code == DP_OK && ret_count != NULL) *ret_count = n.count;
	dp_casebook_close(book);
	for (uint32_t i = 0; i < read; i++) {
		dp_case_done(cases[i]);
		dp_free(cases[i]);
	}
	dp_free(cases);
	return code;
}

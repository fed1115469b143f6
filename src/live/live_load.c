// Companies out of the docket: what is wanted is compared with what is in memory and in the
// casebook.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "live/live_private.h"

// Everything but what it is of.
static void empty_company(company *c)
{
	for (uint32_t i = 0; i < DP_LIVE_CHAINS_MAX; i++) dp_lane_shapes_done(&c->lane[i]);
	// The casebook's part first: it looks at the engines no more then.
	dp_casebook_close(c->book);
	c->book = NULL;
	for (uint32_t i = 0; i < DP_LIVE_CHAINS_MAX; i++) {
		dp_lane_close(&c->lane[i]);
		dp_engine_free(c->lane[i].engine);
		c->lane[i] = (lane){0};
	}
	dp_exchange_free(c->exchange);
	c->exchange = NULL;
	dp_decisions_done(&c->decisions);
	c->has_rows = c->is_dirty = false;
}

static void free_company(company *c)
{
	if (c == NULL) return;
	empty_company(c);
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->cases[i] == NULL) continue;
		dp_case_done(c->cases[i]);
		dp_free(c->cases[i]);
	}
	dp_free(c->cases);
	dp_free(c->stopped);
	dp_free(c->seed_tx);
	dp_free(c);
}

void dp_live_drop_all(dp_live *l)
{
	for (uint32_t i = 0; i < l->company_count; i++) free_company(l->company[i]);
	l->company_count = 0;
	for (uint32_t i = 0; i < l->options.chain_count; i++) dp_feed_close(&l->feed[i]);
}

//- what the docket wants -------------------------------------------------------------------------

// A group of the docket, as far as it was read.
typedef struct wanted {
	int64_t group, decisions;
	const dp_policy *policy;
	bool no_links, all_stopped;
	bool passes;   // one that is stopped, while others of the group go on
	bool returned; // one that was, and is to be told of what it missed
	dp_case **cases;
	bool *stopped;
	uint64_t cap, stopped_cap;
	uint32_t count;
	bool is_broken;
	char incident[128];
	dp_fault why; // of what is broken
} wanted;

struct syncing {
	dp_live *live;
	wanted *want;
	uint64_t cap;
	uint32_t count;
};

static void drop_wanted(wanted *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		dp_case_done(w->cases[i]);
		dp_free(w->cases[i]);
	}
	dp_free(w->cases);
	dp_free(w->stopped);
	*w = (wanted){0};
}

static dp_code add_case(wanted *w, const dp_docket_entry *e, dp_fault *fault)
{
	void *cases = w->cases, *stopped = w->stopped;
	DP_TRY(dp_grow(&cases, &w->cap, sizeof *w->cases, (uint64_t)w->count + 1, DP_LIVE_CASES_MAX,
	               fault));
	w->cases = cases;
	DP_TRY(dp_grow(&stopped, &w->stopped_cap, sizeof *w->stopped, (uint64_t)w->count + 1,
	               DP_LIVE_CASES_MAX, fault));
	w->stopped = stopped;
	dp_case *c = dp_alloc(sizeof *c);
	if (c == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_case_parse(c, e->yaml, e->yaml_size, &w->why);
	if (code == DP_NO_MEMORY && fault != NULL) *fault = w->why;
	if (code != DP_OK) {
		dp_free(c);
		w->is_broken = true;
		return code == DP_NO_MEMORY ? code : DP_OK;
	}
	w->cases[w->count] = c;
	w->stopped[w->count++] = e->is_stopped;
	return DP_OK;
}

static dp_code want_entry(void *context, const dp_docket_entry *e, dp_fault *fault)
{
	struct syncing *s = context;
	wanted *w = s->count > 0 ? &s->want[s->count - 1] : NULL;
	if (w == NULL || w->group != e->group) {
		void *items = s->want;
		DP_TRY(dp_grow(&items, &s->cap, sizeof *s->want, (uint64_t)s->count + 1,
		               DP_LIVE_COMPANIES_MAX, fault));
		s->want = items;
		w = &s->want[s->count++];
		*w = (wanted){.group = e->group,
		              .no_links = e->no_links,
		              .all_stopped = true,
		              .policy = dp_policy_find(e->policy)};
		(void)snprintf(w->incident, sizeof w->incident, "%s", e->incident);
	}
	w->all_stopped &= e->is_stopped;
	w->passes |= e->is_stopped && !e->has_missed;
	w->returned |= !e->is_stopped && e->has_missed;
	if (e->decisions > w->decisions) w->decisions = e->decisions;
	return add_case(w, e, fault);
}

//- is it what is followed? -----------------------------------------------------------------------

static bool is_same(const company *c, const wanted *w)
{
	if (c->group != w->group || c->count != w->count || c->is_broken ||
	    c->decisions_seen != w->decisions)
		return false;
	for (uint32_t i = 0; i < c->count; i++)
		if (c->cases[i]->yaml_size != w->cases[i]->yaml_size ||
		    memcmp(c->cases[i]->yaml, w->cases[i]->yaml, c->cases[i]->yaml_size) != 0)
			return false;
	return true;
}

static company *find_company(dp_live *l, int64_t group, uint32_t *ret_at)
{
	for (uint32_t i = 0; i < l->company_count; i++)
		if (l->company[i]->group == group) {
			*ret_at = i;
			return l->company[i];
		}
	return NULL;
}

static void remove_company(dp_live *l, uint32_t at)
{
	free_company(l->company[at]);
	memmove(l->company + at, l->company + at + 1,
	        (l->company_count - at - 1) * sizeof(company *));
	l->company_count--;
}

//- making ----------------------------------------------------------------------------------------

static dp_code lane_opening(void *context, bool *ret_known, dp_u256 *ret_amount,
                            const dp_addr *addr, dp_asset asset, uint64_t height, dp_fault *fault)
{
	const lane *n = context;
	dp_source *s = n->source != NULL ? n->source : n->feed->source;
	*ret_known = false;
	// Out of a ledger its own rows tell (lane_seen).
	if (n->seek != NULL || s == NULL || s->opening == NULL) return DP_OK;
	return s->opening(s, ret_known, ret_amount, addr, asset, height, fault);
}

static dp_code lane_seen(void *context, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset,
                         uint64_t height, uint32_t tx_no, uint32_t mv_no, dp_fault *fault)
{
	const lane *n = context;
	*ret_amount = DP_U256_ZERO;
	if (n->ledger == NULL) return DP_OK;
	return dp_seek_opening(n->ledger, ret_amount, addr, asset, height, tx_no, mv_no, fault);
}

static dp_code make_lane(company *c, uint32_t no, dp_fault *fault)
{
	dp_live *l = c->live;
	lane *n = &c->lane[no];
	n->of = c;
	n->feed = &l->feed[no];
	n->state = LANE_ALONE;
	n->first_time = INT64_MAX;
	bool accounts = n->feed->chain->kind == DP_CHAIN_ACCOUNT;
	n->options = (dp_engine_options){
	    .policy = c->policy,
	    .chain = n->feed->chain,
	    .opening = accounts ? lane_opening : NULL,
	    .opening_context = n,
	    .seen = accounts ? lane_seen : NULL,
	    .seen_context = n,
	    .assume_clean = l->options.assume_clean,
	    .no_links = c->no_links,
	    .undo_blocks = l->options.chain_count > 1 ? REWIND_UNDO : DP_CASEBOOK_UNDO_BLOCKS,
	    .tags = l->options.tags,
	    .exchange = c->exchange,
	    .decision = c->decisions.claim,
	    .decision_count = c->decisions.count,
	};
	return dp_engine_new(&n->engine, &n->options, (const dp_case *const *)c->cases, c->count,
	                     fault);
}

// Everything stolen must be on a chain that has a source, or nothing of it would ever be found.
static dp_code check_chains(const company *c, dp_fault *fault)
{
	const dp_live *l = c->live;
	for (uint32_t i = 0; i < c->count; i++)
		for (uint32_t k = 0; k < c->cases[i]->seed_count; k++) {
			const dp_seed *seed = &c->cases[i]->seed[k];
			uint32_t n = 0;
			while (n < l->options.chain_count && l->feed[n].chain != seed->chain) n++;
			if (n < l->options.chain_count) continue;
			return dp_fail_at(fault, DP_BAD_CASE, seed->line, 0,
			                  "this was stolen on %s, and no source of %s is given",
			                  seed->chain->name, seed->chain->name);
		}
	return DP_OK;
}

// Are the cases in the casebook as they are wanted? *ret_there: some of them are.
static dp_code is_stored(const company *c, bool *ret_there, bool *ret_same, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(c->live->book);
	sqlite3_stmt *s;
	*ret_there = false;
	*ret_same = true;
	DP_TRY(
	    dp_sql_prepare(db, &s, "select yaml, run from cases where incident=? limit 1", fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < c->count && code == DP_OK; i++) {
		(void)sqlite3_reset(s);
		dp_sql_text(s, 1, c->cases[i]->incident);
		code = dp_sql_row(db, s, fault);
		if (code == DP_END) *ret_same = false;
		if (code == DP_OK) {
			*ret_there = true;
			*ret_same &= (size_t)sqlite3_column_bytes(s, 0) == c->cases[i]->yaml_size &&
			             memcmp(sqlite3_column_blob(s, 0), c->cases[i]->yaml,
			                    c->cases[i]->yaml_size) == 0;
		}
		if (code == DP_END) code = DP_OK;
	}
	(void)sqlite3_finalize(s);
	return code;
}

// What was followed of these cases is forgotten: it is followed anew, with other seeds or links.
static dp_code forget_stored(company *c, dp_fault *fault)
{
	dp_live *l = c->live;
	if (dp_casebook_is_writing(l->book)) DP_TRY(dp_live_keep(l, false, fault));
	for (uint32_t i = 0; i < c->count; i++) {
		dp_code code = dp_casebook_reset(c->book, c->cases[i]->incident, fault);
		if (code != DP_OK && code != DP_NOT_FOUND) return code;
	}
	return DP_OK;
}

static dp_code begin_lanes(company *c, dp_fault *fault)
{
	dp_live *l = c->live;
	DP_TRY(dp_live_write(l, fault));
	for (uint32_t i = 0; i < l->options.chain_count; i++) {
		lane *n = &c->lane[i];
		bool resumed;
		DP_TRY(
		    dp_casebook_begin(c->book, n->engine, &n->options, c->count, &resumed, fault));
		// Its position comes with its first block; a chain without one was not followed.
		n->is_past = dp_engine_blocks(n->engine) == 0;
		// What a run before this one undid may not have been settled yet.
		n->is_shaken = true;
		int64_t run = dp_casebook_run(c->book, n->feed->chain);
		// Of a run that was undone to nothing they tell of a first block that is gone.
		n->has_facts = dp_engine_blocks(n->engine) > 0 &&
		               dp_casebook_facts_get(c->book, run, &n->facts);
		if (dp_engine_blocks(n->engine) > 0) n->first_time = dp_engine_time(n->engine);
	}
	c->has_rows = true;
	return DP_OK;
}

// *ret_there: the casebook has followed it, and that was good enough so far.
static dp_code fill_company(company *c, const wanted *w, bool is_anew, bool *ret_there,
                            dp_fault *fault)
{
	dp_live *l = c->live;
	bool there, same;
	// If it fails, what is taken back is its own.
	if (dp_casebook_is_writing(l->book)) DP_TRY(dp_live_keep(l, false, fault));
	DP_TRY(check_chains(c, fault));
	for (uint32_t i = 0; i < c->count; i++) {
		dp_code read = dp_decisions_load(&c->decisions, dp_casebook_db(l->book),
		                                 c->cases[i]->incident, fault);
		// A disk that fails is no reason to give the case up for good.
		DP_TRY(read == DP_IO || read == DP_BUSY ? dp_live_book(l, read) : read);
	}
	DP_TRY(dp_live_book(l, dp_casebook_beside(&c->book, l->book, fault)));
	DP_TRY(dp_live_book(l, is_stored(c, &there, &same, fault)));
	if (there && (!same || is_anew)) {
		DP_TRY(dp_live_book(l, forget_stored(c, fault)));
		there = false;
	}
	*ret_there = there;
	DP_TRY(dp_exchange_new(&c->exchange, fault));
	for (uint32_t i = 0; i < l->options.chain_count; i++) DP_TRY(make_lane(c, i, fault));
	dp_code code = begin_lanes(c, fault);
	DP_TRY(code == DP_IO || code == DP_BUSY ? dp_live_book(l, code) : code);
	// With the same commit nothing is missed any more by those that came back.
	if (w->returned && !there)
		DP_TRY(
		    dp_live_book(l, dp_docket_caught_up(dp_casebook_db(l->book), w->group, fault)));
	for (uint32_t i = 0; i < c->count && !there; i++) {
		// What was told of it before has to be found again, or it does not hold. A case
		// that is stopped is told of no more, neither that it holds nor that it does not.
		if (c->stopped[i]) continue;
		DP_TRY(dp_live_book(l, dp_outbox_shake_case(dp_casebook_db(l->book),
		                                            c->cases[i]->incident, fault)));
		for (uint32_t k = 0; k < l->options.chain_count; k++) c->lane[k].is_shaken = true;
	}
	// What its bridges ask for is done before anything else; the first commit is its own.
	DP_TRY(dp_live_keep(l, false, fault));
	dp_live_say(l, (dp_live_word){.what = DP_SAID_CASE,
	                              .incident = w->incident,
	                              .text = there     ? "loaded"
	                                      : is_anew ? "anew"
	                                                : "added"});
	return dp_company_rewind(c, fault);
}

// Takes the cases of `w` over.
static dp_code make_company(dp_live *l, wanted *w, bool is_anew, dp_fault *fault)
{
	void *items = l->company;
	DP_TRY(dp_grow(&items, &l->company_cap, sizeof *l->company, (uint64_t)l->company_count + 1,
	               DP_LIVE_COMPANIES_MAX, fault));
	l->company = items;
	company *c = dp_alloc(sizeof *c);
	if (c == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*c = (company){.live = l,
	               .group = w->group,
	               .cases = w->cases,
	               .stopped = w->stopped,
	               .count = w->count,
	               .policy = w->policy,
	               .no_links = w->no_links,
	               .decisions_seen = w->decisions};
	w->cases = NULL;
	w->stopped = NULL;
	w->count = 0;
	l->company[l->company_count++] = c;
	dp_fault first = w->why;
	bool is_broken = w->is_broken || w->policy == NULL, there = false;
	dp_code code = is_broken ? DP_BAD_CASE : fill_company(c, w, is_anew, &there, &first);
	// It was followed with other tags, say. What it says now holds from its beginning on.
	if (code == DP_BAD_CASE && !l->book_failed && there && !is_anew) {
		if (dp_casebook_is_writing(l->book)) dp_casebook_undo(l->book);
		empty_company(c);
		code = fill_company(c, w, true, &there, &first);
	}
	if (code == DP_OK) return DP_OK;
	if (l->book_failed || code == DP_NO_MEMORY) {
		if (fault != NULL) *fault = first;
		return code;
	}
	// This company cannot be followed as it stands; the others can.
	if (dp_casebook_is_writing(l->book)) dp_casebook_undo(l->book);
	c->is_broken = true;
	c->has_rows = c->is_dirty = false;
	char why[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX];
	dp_fault_format(&first, why, sizeof why);
	l->stats.errors[1]++;
	dp_live_say(l, (dp_live_word){.what = DP_SAID_CASE,
	                              .is_trouble = true,
	                              .incident = w->incident,
	                              .text = "cannot be followed",
	                              .why = why,
	                              .code = code});
	return DP_OK;
}

//- comparing -------------------------------------------------------------------------------------

// From here on the group goes on without those that are stopped: written down before the first
// block that they miss.
static dp_code pass_over(dp_live *l, const wanted *w, dp_fault *fault)
{
	if (!w->passes) return DP_OK;
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	return dp_live_book(l, dp_docket_pass(dp_casebook_db(l->book), w->group, fault));
}

static dp_code sync_one(dp_live *l, wanted *w, dp_fault *fault)
{
	uint32_t at = 0;
	company *c = find_company(l, w->group, &at);
	if (w->all_stopped) {
		if (c == NULL) return DP_OK;
		DP_TRY(dp_live_save(l, fault));
		remove_company(l, at);
		dp_live_say(l, (dp_live_word){.what = DP_SAID_CASE,
		                              .incident = w->incident,
		                              .text = "stopped"});
		return dp_watched_doubt(l, fault);
	}
	if (c != NULL && !w->is_broken && !w->returned && is_same(c, w)) {
		memcpy(c->stopped, w->stopped, w->count * sizeof *w->stopped);
		return pass_over(l, w, fault);
	}
	bool is_anew = (c != NULL && !c->is_broken) || w->returned;
	if (c != NULL) {
		DP_TRY(dp_live_save(l, fault));
		remove_company(l, at);
		DP_TRY(dp_watched_doubt(l, fault));
	}
	l->worked++;
	DP_TRY(make_company(l, w, is_anew, fault));
	return pass_over(l, w, fault);
}

dp_code dp_live_sync(dp_live *l, dp_fault *fault)
{
	struct syncing s = {.live = l};
	sqlite3 *db = dp_casebook_db(l->book);
	int64_t version = 0;
	dp_code code = dp_live_book(l, dp_docket_version(db, &version, fault));
	if (code == DP_OK) code = dp_live_book(l, dp_docket_visit(db, want_entry, &s, fault));
	for (uint32_t i = 0; i < s.count && code == DP_OK; i++)
		code = sync_one(l, &s.want[i], fault);
	if (code == DP_OK) l->docket_version = version;
	for (uint32_t i = 0; i < s.count; i++) drop_wanted(&s.want[i]);
	dp_free(s.want);
	return code;
}

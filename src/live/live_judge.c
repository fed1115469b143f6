// What became of what was told: of transactions that waited for a block, and of watched addresses
// whose blocks nobody here knows any more. Both are asked of the node that gives the feed.
//
// A node's word about a transaction and what it gives as blocks are two answers, with time between
// them. So what it says is believed when it says so twice, with a look in between that came to the
// end: whatever it was that the node knew and we did not has been followed then.
#include <string.h>

#include "base/check.h"
#include "codec/json.h"
#include "live/live_private.h"

enum { ASKED_MAX = 64, LOOKED_AT_MAX = 1024, FORGOTTEN_MS = 24 * 3600 * 1000 };

// Has the node said the same of this transaction before the last look at its chain? Else it is
// noted.
static bool is_said_twice(feed *f, const uint8_t tx[32], dp_waiting state)
{
	struct word *w = NULL;
	for (uint32_t i = 0; i < SAYINGS_MAX && w == NULL; i++)
		if (f->word[i].is_there && memcmp(f->word[i].tx, tx, 32) == 0) w = &f->word[i];
	// What was undone since may have been what the node spoke of.
	bool is_same = w != NULL && w->state == state && w->reorgs == f->stats.reorgs;
	if (is_same && f->looks > w->looks) {
		w->is_there = false;
		return true;
	}
	if (is_same) return false;
	if (w == NULL) w = &f->word[f->word_next++ % SAYINGS_MAX];
	*w = (struct word){
	    .is_there = true, .state = state, .looks = f->looks, .reorgs = f->stats.reorgs};
	memcpy(w->tx, tx, 32);
	return false;
}

// Is the case told of what this feed brings? One that is stopped, or still reads by itself, has not
// had its say.
static bool is_with_feed(const dp_live *l, const feed *f, const char *incident)
{
	if (incident[0] == 0) return true; // a watched address
	for (uint32_t i = 0; i < l->company_count; i++) {
		const company *c = l->company[i];
		if (c->lane[f->no].state != LANE_WITH_FEED) continue;
		for (uint32_t k = 0; k < c->count; k++)
			if (strcmp(c->cases[k]->incident, incident) == 0) return !c->stopped[k];
	}
	return false;
}

//- transactions that wait ------------------------------------------------------------------------

struct waiting {
	char id[ASKED_MAX][DP_ALERT_ID_MAX];
	uint8_t tx[ASKED_MAX][32];
	int64_t raised_ms[ASKED_MAX];
	uint32_t count;
};

static dp_code read_waiting(dp_live *l, feed *f, struct waiting *ret, dp_fault *fault)
{
	sqlite3_stmt *s;
	sqlite3 *db = dp_casebook_db(l->book);
	ret->count = 0;
	// At most so many in one step; by and by each has its turn.
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select id, tx, raised, incident from alert where state='pending' "
	                      "and chain=? and tx is not null order by random() limit ?",
	                      fault));
	dp_sql_text(s, 1, f->chain->caip2);
	dp_sql_i64(s, 2, LOOKED_AT_MAX);
	dp_code code = DP_OK;
	while (ret->count < ASKED_MAX && (code = dp_sql_row(db, s, fault)) == DP_OK) {
		uint32_t i = ret->count;
		const char *id = dp_sql_get_text(s, 0), *tx = dp_sql_get_text(s, 1);
		if (strlen(id) >= DP_ALERT_ID_MAX ||
		    dp_txid_parse(ret->tx[i], tx, strlen(tx), f->chain, NULL) != DP_OK ||
		    !is_with_feed(l, f, dp_sql_get_text(s, 3)))
			continue;
		memcpy(ret->id[i], id, strlen(id) + 1);
		ret->raised_ms[i] = sqlite3_column_int64(s, 2);
		ret->count++;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code withdraw(dp_live *l, const char *id, const char *why, dp_fault *fault)
{
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	DP_TRY(dp_live_book(
	    l, dp_outbox_withdraw(dp_casebook_db(l->book), id, why, dp_live_wall(l), fault)));
	l->raised++;
	l->worked++;
	return DP_OK;
}

// A transaction that is in a block which we have followed, and whose alert is still pending, did
// not do what it announced.
dp_code dp_feed_withdraw_gone(dp_live *l, feed *f, dp_fault *fault)
{
	struct waiting w;
	DP_TRY(dp_live_book(l, read_waiting(l, f, &w, fault)));
	// Each is a question that is waited for: blocks, and other chains, are not to wait with it.
	int64_t end_ms = dp_live_mono(l) + SLICE_MS;
	dp_waiting state[ASKED_MAX] = {0};
	uint32_t asked = 0;
	// Several alerts tell of one transaction: first what the node says, and then what follows.
	for (; asked < w.count && dp_live_mono(l) < end_ms; asked++) {
		dp_fault ignored = {0};
		for (uint32_t k = 0; k < asked && state[asked] == DP_WAITING_UNKNOWN; k++)
			if (memcmp(w.tx[k], w.tx[asked], 32) == 0) state[asked] = state[k];
		if (state[asked] != DP_WAITING_UNKNOWN) continue;
		if (f->source->waiting(f->source, &state[asked], w.tx[asked], &ignored) != DP_OK)
			break;
		bool is_over =
		    state[asked] == DP_WAITING_GONE || state[asked] == DP_WAITING_IN_BLOCK;
		if (!is_over || is_said_twice(f, w.tx[asked], state[asked])) continue;
		f->asked_ms = dp_live_mono(l) - WAITING_ASK_MS + WAITING_AGAIN_MS;
		// Marks those that share the transaction as well.
		state[asked] = DP_WAITING_YES;
	}
	for (uint32_t i = 0; i < asked; i++) {
		const char *why = NULL;
		if (state[i] == DP_WAITING_GONE)
			why = "dropped or replaced: the node knows it no more";
		if (state[i] == DP_WAITING_IN_BLOCK)
			why = "is in a block, and did not do what it announced";
		if (state[i] == DP_WAITING_UNKNOWN &&
		    dp_live_wall(l) - w.raised_ms[i] > (int64_t)FORGOTTEN_MS)
			why = "not heard of for a day";
		if (why != NULL) DP_TRY(withdraw(l, w.id[i], why, fault));
	}
	return DP_OK;
}

//- watched addresses -----------------------------------------------------------------------------

// Whoever followed the blocks that watched addresses were told of may be gone.
dp_code dp_watched_doubt(dp_live *l, dp_fault *fault)
{
	if (l->watch == NULL) return DP_OK;
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	for (uint32_t i = 0; i < l->options.chain_count; i++) {
		feed *f = &l->feed[i];
		f->has_doubt = true;
		f->judge_ms = 0;
		DP_TRY(dp_live_book(l, dp_outbox_doubt(dp_casebook_db(l->book), f->chain->caip2,
		                                       REWIND_UNDO, fault)));
	}
	return DP_OK;
}

struct doubtful {
	struct doubt {
		dp_outbox_doubtful is;
		uint8_t tx[32], hash[32];
		bool has_tx, has_hash;
	} item[ASKED_MAX];
	uint32_t count;
	const dp_chain *chain;
};

static dp_code take_doubtful(void *context, const dp_outbox_doubtful *d, dp_fault *fault)
{
	struct doubtful *all = context;
	struct doubt *k = &all->item[all->count];
	dp_json *facts = NULL;
	(void)fault;
	DP_CHECK(all->count < ASKED_MAX);
	all->count++;
	*k = (struct doubt){.is = *d};
	k->is.tx = k->is.facts = NULL;
	k->has_tx = dp_txid_parse(k->tx, d->tx, strlen(d->tx), all->chain, NULL) == DP_OK;
	if (dp_json_parse(&facts, d->facts, strlen(d->facts), NULL) != DP_OK) return DP_OK;
	const char *hash = dp_json_text(dp_json_get(facts, "block"));
	k->has_hash =
	    hash != NULL && dp_txid_parse(k->hash, hash, strlen(hash), all->chain, NULL) == DP_OK;
	dp_json_free(facts);
	return DP_OK;
}

// Does the block stand in which it was told? Where that cannot be asked, it is not doubted.
static dp_code block_stands(feed *f, const struct doubt *d, bool *ret_stands, dp_fault *fault)
{
	bool known = false;
	uint8_t hash[32];
	*ret_stands = true;
	if (!d->has_hash || f->source->hash_at == NULL) return DP_OK;
	DP_TRY(f->source->hash_at(f->source, &known, hash, d->is.height, fault));
	*ret_stands = known && memcmp(hash, d->hash, 32) == 0;
	return DP_OK;
}

// Somebody is not at the tip but near it: he may still bring what is in doubt.
static bool is_still_read(const dp_live *l, const feed *f)
{
	for (uint32_t i = 0; i < l->company_count; i++) {
		const lane *n = &l->company[i]->lane[f->no];
		bool reads = n->engine != NULL && n->state == LANE_ALONE &&
		             dp_engine_blocks(n->engine) > 0 &&
		             dp_engine_height(n->engine) + REWIND_UNDO >= f->height;
		if (reads && !l->company[i]->is_broken) return true;
	}
	return false;
}

// *ret_is_done: no doubt is left. DP_IO and the like: the node did not answer.
static dp_code judge_one(dp_live *l, feed *f, struct doubt *d, bool *ret_is_done, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(l->book);
	dp_waiting state = DP_WAITING_UNKNOWN;
	bool stands = false;
	*ret_is_done = true;
	if (!d->is.is_gone) DP_TRY(block_stands(f, d, &stands, fault));
	if (!stands && f->source->waiting != NULL && d->has_tx)
		DP_TRY(f->source->waiting(f->source, &state, d->tx, fault));
	// In another block than the one that is gone, which nobody here has read. Had somebody,
	// it would not be in doubt.
	if (state == DP_WAITING_IN_BLOCK) {
		stands = is_said_twice(f, d->tx, state);
		if (!stands) *ret_is_done = false;
	}
	DP_TRY(dp_live_book(l, dp_live_write(l, fault)));
	if (stands) return dp_live_book(l, dp_outbox_judged(db, d->is.id, false, fault));
	if (state == DP_WAITING_IN_BLOCK)
		return dp_live_book(l, dp_outbox_judged(db, d->is.id, true, fault));
	return withdraw(l, d->is.id, "reorganised away", fault);
}

// The feed is at its end: what is still in doubt of watched addresses is judged.
dp_code dp_feed_judge(dp_live *l, feed *f, dp_fault *fault)
{
	struct doubtful all = {.chain = f->chain};
	int64_t now = dp_live_mono(l);
	if (!f->has_doubt || l->watch == NULL || now < f->judge_ms || is_still_read(l, f))
		return DP_OK;
	DP_TRY(dp_live_book(l, dp_outbox_doubtful_visit(dp_casebook_db(l->book), f->chain->caip2,
	                                                ASKED_MAX, take_doubtful, &all, fault)));
	bool is_over = all.count < ASKED_MAX;
	uint32_t i = 0;
	for (; i < all.count && dp_live_mono(l) < now + SLICE_MS; i++) {
		bool is_done = false;
		dp_fault first = {0};
		dp_code code = judge_one(l, f, &all.item[i], &is_done, &first);
		if (code != DP_OK && (l->book_failed || code == DP_NO_MEMORY)) {
			if (fault != NULL) *fault = first;
			return code;
		}
		is_over &= is_done && code == DP_OK;
		if (code != DP_OK) break; // the blocks' own questions will tell whether it is gone
	}
	f->has_doubt = !is_over || i < all.count;
	f->judge_ms = dp_live_mono(l) + WAITING_AGAIN_MS;
	return DP_OK;
}

// See decision.h.
//
// What is read from the file is checked like any other input: somebody may have edited it, and a
// link with a wrong address would lead a case astray.
#include "casebook/decision.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/docket.h"
#include "casebook/sql.h"
#include "chain/block.h"
#include "codec/hash.h"
#include "codec/hex.h"

//- ids -------------------------------------------------------------------------------------------

// All of it in text, as people write it: an id does not depend on how this program numbers chains
// and assets.
static void hash_side(char *io_text, size_t text_size, size_t *io_n, const dp_link_side *side)
{
	char tx[DP_TXID_TEXT_MAX], from[DP_ADDR_TEXT_MAX] = "", to[DP_ADDR_TEXT_MAX] = "";
	char asset[DP_ASSET_TEXT_MAX] = "", amount[DP_U256_DEC_MAX];
	dp_txid_format(tx, side->tx, side->chain);
	if (side->from.kind != DP_ADDR_NONE) dp_addr_format(from, &side->from, side->chain);
	if (side->to.kind != DP_ADDR_NONE) dp_addr_format(to, &side->to, side->chain);
	if (side->asset.v != 0) dp_asset_caip19(asset, side->asset);
	dp_u256_format(amount, side->amount, 0);
	int wrote = snprintf(io_text + *io_n, text_size - *io_n, "%s %s %s %s %s %s\n",
	                     side->chain->caip2, tx, from, to, asset, amount);
	DP_CHECK(wrote > 0 && (size_t)wrote < text_size - *io_n);
	*io_n += (size_t)wrote;
}

void dp_candidate_id(char ret_id[DP_LINK_ID_MAX], const dp_link_side *in, const dp_link_side *out)
{
	char text[2000];
	uint8_t digest[32];
	size_t n = 0;
	DP_CHECK(in->chain != NULL);
	hash_side(text, sizeof text, &n, in);
	if (out != NULL && out->chain != NULL) hash_side(text, sizeof text, &n, out);
	dp_keccak256(digest, text, n);
	ret_id[0] = 'L';
	dp_hex_encode(ret_id + 1, digest, 7);
	ret_id[15] = 0;
}

//- writing ---------------------------------------------------------------------------------------

static const char *addr_text(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain)
{
	out[0] = 0;
	if (a->kind != DP_ADDR_NONE) dp_addr_format(out, a, chain);
	return out;
}

static void bind_moment(sqlite3_stmt *s, int at, const dp_link_side *side)
{
	char tx[DP_TXID_TEXT_MAX];
	dp_txid_format(tx, side->tx, side->chain);
	dp_sql_text(s, at, side->chain->caip2);
	dp_sql_text(s, at + 1, tx);
	dp_sql_u64(s, at + 2, side->height);
	dp_sql_i64(s, at + 3, side->time);
}

// Columns of dp_link_side from parameter `at` on, eight of them.
static void bind_side(sqlite3_stmt *s, int at, const dp_link_side *side)
{
	char text[DP_ADDR_TEXT_MAX], asset[DP_ASSET_TEXT_MAX] = "";
	if (side->chain == NULL) return; // they stay NULL
	bind_moment(s, at, side);
	dp_sql_text(s, at + 4, addr_text(text, &side->from, side->chain));
	dp_sql_text(s, at + 5, addr_text(text, &side->to, side->chain));
	if (side->asset.v != 0) dp_asset_caip19(asset, side->asset);
	dp_sql_text(s, at + 6, asset);
	dp_sql_amount(s, at + 7, side->amount);
}

dp_code dp_candidates_forget(sqlite3 *db, const char *incident, const dp_link_side *in,
                             dp_fault *fault)
{
	sqlite3_stmt *s;
	char tx[DP_TXID_TEXT_MAX], place[DP_ADDR_TEXT_MAX], payer[DP_ADDR_TEXT_MAX];
	char asset[DP_ASSET_TEXT_MAX];
	DP_CHECK(db != NULL && in->chain != NULL);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "delete from candidate where incident=?1 and chain=?2 and tx=?3 and "
	                      "payer=?4 and place=?5 and asset=?6 and not exists(select 1 from "
	                      "decision where incident=?1 and id=candidate.id)",
	                      fault));
	dp_txid_format(tx, in->tx, in->chain);
	dp_asset_caip19(asset, in->asset);
	dp_sql_text(s, 1, incident);
	dp_sql_text(s, 2, in->chain->caip2);
	dp_sql_text(s, 3, tx);
	dp_sql_text(s, 4, addr_text(payer, &in->from, in->chain));
	dp_sql_text(s, 5, addr_text(place, &in->to, in->chain));
	dp_sql_text(s, 6, asset);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

dp_code dp_candidate_store(sqlite3 *db, const char *incident, const dp_candidate *c, int64_t found,
                           dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(db != NULL && c->in.chain != NULL);
	DP_CHECK((c->rank == 0) == (c->out.chain == NULL));
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "insert or replace into candidate(incident,id,found,rank,count,verdict,reason,"
	    "confidence,alternatives,rivals,relation,gap_bps,delay,model,service,chain,tx,height,"
	    "time,payer,place,asset,amount,to_chain,to_tx,to_height,to_time,to_place,to_address,"
	    "to_asset,to_amount) "
	    "values(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	    fault));
	dp_sql_text(s, 1, incident);
	dp_sql_text(s, 2, c->id);
	dp_sql_i64(s, 3, found);
	dp_sql_u64(s, 4, c->rank);
	dp_sql_u64(s, 5, c->count);
	dp_sql_text(s, 6, c->verdict);
	dp_sql_text(s, 7, c->reason);
	dp_sql_u64(s, 8, c->confidence);
	dp_sql_u64(s, 9, c->alternatives);
	dp_sql_u64(s, 10, c->rivals);
	dp_sql_text(s, 11, c->relation);
	if (c->has_gap) dp_sql_u64(s, 12, c->gap_bps);
	if (c->rank > 0) dp_sql_i64(s, 13, c->delay);
	dp_sql_text(s, 14, c->model);
	dp_sql_text(s, 15, c->service);
	bind_side(s, 16, &c->in);
	bind_side(s, 24, &c->out);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code;
}

//- reading ---------------------------------------------------------------------------------------

static dp_code damaged(dp_fault *fault, const char *what)
{
	return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: %s of a found link", what);
}

static dp_code read_addr(dp_addr *ret_addr, const char *text, const dp_chain *chain,
                         dp_fault *fault)
{
	*ret_addr = (dp_addr){0};
	if (text[0] == 0) return DP_OK;
	if (dp_addr_parse(ret_addr, text, strlen(text), chain, NULL) != DP_OK)
		return damaged(fault, "an address");
	return DP_OK;
}

// Eight columns from `at` on, as bind_side wrote them.
static dp_code read_side(sqlite3_stmt *s, int at, dp_link_side *ret_side, dp_fault *fault)
{
	dp_link_side side = {0};
	const char *chain = dp_sql_get_text(s, at);
	*ret_side = side;
	if (sqlite3_column_type(s, at) == SQLITE_NULL) return DP_OK;
	side.chain = dp_chain_find(chain, strlen(chain));
	if (side.chain == NULL) return damaged(fault, "the chain");
	const char *tx = dp_sql_get_text(s, at + 1);
	if (dp_txid_parse(side.tx, tx, strlen(tx), side.chain, NULL) != DP_OK)
		return damaged(fault, "a transaction");
	int64_t height = sqlite3_column_int64(s, at + 2);
	if (height < 0) return damaged(fault, "a height");
	side.height = (uint64_t)height;
	side.time = sqlite3_column_int64(s, at + 3);
	DP_TRY(read_addr(&side.from, dp_sql_get_text(s, at + 4), side.chain, fault));
	DP_TRY(read_addr(&side.to, dp_sql_get_text(s, at + 5), side.chain, fault));
	const char *asset = dp_sql_get_text(s, at + 6);
	if (dp_asset_parse(&side.asset, side.chain, asset, strlen(asset), NULL) != DP_OK)
		return damaged(fault, "an asset");
	DP_TRY(dp_sql_get_amount(s, at + 7, &side.amount, fault));
	*ret_side = side;
	return DP_OK;
}

#define CANDIDATE_COLUMNS                                                                          \
	"c.id,c.rank,c.count,c.verdict,c.reason,c.confidence,c.alternatives,c.rivals,c.relation,"  \
	"c.gap_bps,c.delay,c.model,c.service,c.chain,c.tx,c.height,c.time,c.payer,c.place,"        \
	"c.asset,c.amount,c.to_chain,c.to_tx,c.to_height,c.to_time,c.to_place,c.to_address,"       \
	"c.to_asset,c.to_amount,d.verdict,d.words,d.time"
// The last decision of each, where there is one.
#define CANDIDATE_TABLES                                                                           \
	"candidate c left join decision d on d.seq=(select max(seq) from decision where "          \
	"incident=c.incident and id=c.id)"

static bool fits32(int64_t v)
{
	return v >= 0 && v <= UINT32_MAX;
}

static dp_code read_row(sqlite3_stmt *s, dp_candidate *ret_candidate, dp_decided *ret_decided,
                        dp_fault *fault)
{
	dp_candidate c = {.verdict = dp_sql_get_text(s, 3), .reason = dp_sql_get_text(s, 4)};
	const char *id = dp_sql_get_text(s, 0);
	if (strlen(id) >= sizeof c.id) return damaged(fault, "the id");
	memcpy(c.id, id, strlen(id) + 1);
	int64_t number[] = {sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2),
	                    sqlite3_column_int64(s, 6), sqlite3_column_int64(s, 7)};
	for (size_t i = 0; i < sizeof number / sizeof *number; i++)
		if (!fits32(number[i])) return damaged(fault, "a number");
	c.rank = (uint32_t)number[0];
	c.count = (uint32_t)number[1];
	c.alternatives = (uint32_t)number[2];
	c.rivals = (uint32_t)number[3];
	int64_t confidence = sqlite3_column_int64(s, 5), gap = sqlite3_column_int64(s, 9);
	if (confidence < 0 || confidence > 100 || gap < 0) return damaged(fault, "a number");
	c.confidence = (uint8_t)confidence;
	c.relation = dp_sql_get_text(s, 8);
	c.has_gap = sqlite3_column_type(s, 9) != SQLITE_NULL;
	c.gap_bps = (uint64_t)gap;
	c.delay = sqlite3_column_int64(s, 10);
	c.model = dp_sql_get_text(s, 11);
	c.service = dp_sql_get_text(s, 12);
	DP_TRY(read_side(s, 13, &c.in, fault));
	DP_TRY(read_side(s, 21, &c.out, fault));
	if (c.in.chain == NULL || (c.out.chain == NULL) != (c.rank == 0))
		return damaged(fault, "a side");
	dp_decided d = {.words = dp_sql_get_text(s, 30), .time = sqlite3_column_int64(s, 31)};
	d.is_decided = sqlite3_column_type(s, 29) != SQLITE_NULL;
	d.is_accepted = d.is_decided && strcmp(dp_sql_get_text(s, 29), "accepted") == 0;
	*ret_candidate = c;
	*ret_decided = d;
	return DP_OK;
}

dp_code dp_candidates_visit(sqlite3 *db, const char *incident,
                            dp_code (*visit)(void *context, const dp_candidate *c,
                                             const dp_decided *decided, dp_fault *fault),
                            void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(db != NULL && visit != NULL);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select " CANDIDATE_COLUMNS " from " CANDIDATE_TABLES
	                      " where c.incident=? order by c.time, c.chain, c.tx, c.payer, "
	                      "c.place, c.asset, c.rank, c.id",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_candidate c;
		dp_decided d;
		code = read_row(s, &c, &d, fault);
		if (code == DP_OK) code = visit(context, &c, &d, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_decisions_visit(sqlite3 *db, const char *incident,
                           dp_code (*visit)(void *context, const char *id, bool is_accepted,
                                            const char *words, int64_t time, dp_fault *fault),
                           void *context, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(db != NULL && visit != NULL);
	DP_TRY(dp_sql_prepare(
	    db, &s, "select id,verdict,words,time from decision where incident=? order by seq",
	    fault));
	dp_sql_text(s, 1, incident);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		bool is_accepted = strcmp(dp_sql_get_text(s, 1), "accepted") == 0;
		code = visit(context, dp_sql_get_text(s, 0), is_accepted, dp_sql_get_text(s, 2),
		             sqlite3_column_int64(s, 3), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code keep(const char **io_text, dp_arena *arena, dp_fault *fault)
{
	const char *copy = dp_arena_text(arena, *io_text, strlen(*io_text));
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*io_text = copy;
	return DP_OK;
}

dp_code dp_candidate_find(sqlite3 *db, dp_candidate *ret_candidate, dp_decided *ret_decided,
                          dp_arena *io_arena, const char *incident, const char *id, dp_fault *fault)
{
	sqlite3_stmt *s;
	dp_candidate c;
	dp_decided d;
	DP_CHECK(db != NULL && id != NULL);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select " CANDIDATE_COLUMNS " from " CANDIDATE_TABLES
	                      " where c.incident=? and c.id=?",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_sql_text(s, 2, id);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_END)
		code = dp_fail(fault, DP_NOT_FOUND,
		               "case %.80s has no found link '%.40s': 'dyepack link list' prints "
		               "them, 'dyepack link find' looks for some",
		               incident, id);
	else if (code == DP_OK)
		code = read_row(s, &c, &d, fault);
	const char **text[] = {&c.verdict, &c.relation, &c.model, &c.service, &c.reason, &d.words};
	for (size_t i = 0; i < sizeof text / sizeof *text && code == DP_OK; i++)
		code = keep(text[i], io_arena, fault);
	(void)sqlite3_finalize(s);
	if (code != DP_OK) return code;
	*ret_candidate = c;
	*ret_decided = d;
	return DP_OK;
}

//- deciding --------------------------------------------------------------------------------------

// Is a link accepted that shares a side with this one? Of a deposit, of a payment: its movement.
static dp_code check_others(sqlite3 *db, const char *incident, const char *id, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "select c.id, c.chain=t.chain and c.tx=t.tx and c.payer=t.payer and c.place=t.place "
	    "and "
	    "c.asset=t.asset from candidate t, " CANDIDATE_TABLES
	    " where t.incident=?1 and t.id=?2 and c.incident=?1 and c.id<>?2 and "
	    "d.verdict='accepted' and ((c.chain=t.chain and c.tx=t.tx and c.payer=t.payer and "
	    "c.place=t.place and c.asset=t.asset) or (c.to_chain=t.to_chain and c.to_tx=t.to_tx "
	    "and "
	    "c.to_address=t.to_address and c.to_asset=t.to_asset)) limit 1",
	    fault));
	dp_sql_text(s, 1, incident);
	dp_sql_text(s, 2, id);
	dp_code code = dp_sql_row(db, s, fault);
	if (code == DP_OK)
		code = dp_fail(fault, DP_BAD_CASE,
		               "%s is accepted already, and it is of the same %s: reject it first",
		               dp_sql_get_text(s, 0),
		               sqlite3_column_int(s, 1) != 0 ? "deposit" : "payment");
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code check_decision(sqlite3 *db, const char *incident, const char *id, bool is_accepted,
                              dp_fault *fault)
{
	dp_candidate c;
	dp_decided d;
	dp_arena arena = {0};
	dp_code code = dp_candidate_find(db, &c, &d, &arena, incident, id, fault);
	dp_arena_done(&arena); // only what is no text is looked at below
	DP_TRY(code);
	if (d.is_decided && d.is_accepted == is_accepted)
		return dp_fail(fault, DP_BAD_CASE, "%s is %s already", id,
		               is_accepted ? "accepted" : "rejected");
	if (!is_accepted) return DP_OK;
	if (c.out.chain == NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "%s says that no payment was found: there is nothing to accept", id);
	return check_others(db, incident, id, fault);
}

dp_code dp_decision_store(sqlite3 *db, const char *incident, const char *id, bool is_accepted,
                          const char *words, int64_t time, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(db != NULL && words != NULL);
	size_t size = strlen(words);
	if (size == 0 || size > DP_DECISION_WORDS_MAX)
		return dp_fail(fault, DP_BAD_CASE,
		               "say who decides and why in 1 to %d bytes: another has to judge it "
		               "by these words",
		               DP_DECISION_WORDS_MAX);
	DP_TRY(check_decision(db, incident, id, is_accepted, fault));
	DP_TRY(dp_sql_prepare(
	    db, &s, "insert into decision(incident,id,verdict,words,time) values(?,?,?,?,?)",
	    fault));
	dp_sql_text(s, 1, incident);
	dp_sql_text(s, 2, id);
	dp_sql_text(s, 3, is_accepted ? "accepted" : "rejected");
	dp_sql_text(s, 4, words);
	dp_sql_i64(s, 5, time);
	dp_code code = dp_sql_done(db, s, fault);
	(void)sqlite3_finalize(s);
	return code == DP_OK ? dp_docket_touch(db, fault) : code; // who follows begins anew
}

//- for the engine --------------------------------------------------------------------------------

static dp_code make_claim(dp_link_claim *ret_claim, dp_arena *arena, const dp_candidate *c,
                          const char *words, dp_fault *fault)
{
	dp_link_claim l = {.chain = c->in.chain, .to_chain = c->out.chain, .has_to_tx = true};
	memcpy(l.to_tx, c->out.tx, 32);
	// Many pay a transaction of coins: there, what reached the service's place is taken.
	if (l.chain->kind == DP_CHAIN_ACCOUNT) l.from = c->in.from;
	l.through = c->in.to;
	l.to = c->out.to;
	l.assets[0] = c->in.asset;
	l.asset_count = 1;
	l.asset = c->out.asset;
	l.amount = c->out.amount;
	l.tx = dp_arena_alloc(arena, sizeof *l.tx);
	l.by = dp_arena_text(arena, words, strlen(words));
	if (l.tx == NULL || l.by == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(l.tx[0], c->in.tx, 32);
	l.tx_count = 1;
	*ret_claim = l;
	return DP_OK;
}

static dp_code add_claim(dp_decisions *io, const dp_candidate *c, const char *words,
                         dp_fault *fault)
{
	void *items = io->claim;
	if (c->out.chain == NULL) return damaged(fault, "the other side");
	DP_TRY(dp_grow(&items, &io->cap, sizeof *io->claim, (uint64_t)io->count + 1,
	               DP_DECISIONS_MAX, fault));
	io->claim = items;
	DP_TRY(make_claim(&io->claim[io->count], &io->arena, c, words, fault));
	io->count++;
	return DP_OK;
}

dp_code dp_decisions_load(dp_decisions *io_decisions, sqlite3 *db, const char *incident,
                          dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_CHECK(io_decisions != NULL && db != NULL);
	DP_TRY(dp_sql_prepare(db, &s,
	                      "select " CANDIDATE_COLUMNS " from " CANDIDATE_TABLES
	                      " where c.incident=? and d.verdict='accepted' order by d.seq",
	                      fault));
	dp_sql_text(s, 1, incident);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		dp_candidate c;
		dp_decided d;
		code = read_row(s, &c, &d, fault);
		if (code == DP_OK) code = add_claim(io_decisions, &c, d.words, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

void dp_decisions_done(dp_decisions *d)
{
	if (d == NULL) return;
	dp_free(d->claim);
	dp_arena_done(&d->arena);
	*d = (dp_decisions){0};
}

// See case_feed.h.
//
// A case may have a million rows, and a person waits: a row costs half a microsecond to come out of
// SQLite, so nothing is asked for row by row. Holders are read whole into a table by number first,
// and of the text columns only asset and the two amounts are looked at. The text of an asset is
// nearly always one of a few that came before.
#include "report/case_feed.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/service.h"
#include "casebook/sql.h"
#include "chain/gap.h"
#include "link/worth.h"
#include "report/private.h"
#include "technique/intake.h"
#include "technique/money.h"
#include "technique/rule.h"

enum {
	RUNS_MAX = 64,
	ASSETS_KEPT = 8,
	HOLDERS_MAX = 1 << 28,
	COLOURS_MAX = 1 << 20,
	SIDE_MAX = 1 << 20, // of one transaction
	BOOKMARKS_MAX = 1 << 20,
	VICTIMS_MAX = 1 << 16,
	// Of a case. Who calls a victim's contract can make it look like a takeover as often as he
	// likes, where the contract is no Safe: the first ones are enough.
	TAKEOVERS_MAX = 1024
};
// A transfer's row is one of `note`, not of `flow`.
#define REF_OF_NOTE ((uint64_t)1 << 62)

typedef struct holder {
	uint64_t key;
	uint16_t hop;
	bool had; // something clean, before taint came: not a fresh wallet
} holder;

// A stolen asset: what one of its units is of the loot.
typedef struct colour {
	bool is_mine;
	uint64_t asset;  // hash of its name: the same in all runs of the case
	uint64_t weight; // its share of DP_LOOT_WHOLE
	dp_u256 stolen;
} colour;

// One end of a transaction of coins, or of a swap.
typedef struct side {
	int64_t party;
	uint64_t key;
	uint16_t hop;
	uint8_t role, kind;
	dp_asset asset;
	uint64_t amount, loot, ref;
	uint32_t venue;
	bool is_fresh, to_native;
} side;

// Where the rows of a run had come to before a height, for going back.
typedef struct bookmark {
	uint64_t height;
	int64_t seq;  // the last row below
	dp_edge edge; // the first one of it
} bookmark;

// A note that says that a Safe was given to foreign code: the victim's, before the last theft.
typedef struct takeover {
	uint64_t height, ref;
	int64_t time;
	uint32_t score;
} takeover;

typedef struct row {
	int64_t seq, time, tx_index, mv_index, src, dst, colour, link, stop;
	uint64_t height;
	dp_asset asset;
	dp_u256 units, origin;
} row;

typedef struct run {
	int64_t id;
	const dp_chain *chain;
	sqlite3_stmt *rows;
	bool has_row, is_at_end;
	row row;
	int64_t seq;       // of the last row that was taken
	int64_t theft_seq; // of the last theft that was counted into the loot
	holder *holder;
	uint64_t holder_cap;
	uint32_t holder_count;
	// By link of the case files, over all of them: does it give a chain's own coin?
	bool *to_native;
	uint64_t to_native_cap;
	uint32_t link_count;
	colour *colour;
	uint64_t colour_cap;
	uint32_t colour_count;
	bookmark *mark;
	uint64_t mark_cap;
	uint32_t mark_count;
	uint64_t *victim; // keys of the addresses that the case file says are the victim's
	uint64_t victim_cap;
	uint32_t victim_count;
	takeover *takeover;
	uint64_t takeover_cap;
	uint32_t takeover_count, takeover_at;            // those before are told
	char asset_text[ASSETS_KEPT][DP_ASSET_TEXT_MAX]; // texts that were read last
	dp_asset asset_last[ASSETS_KEPT];
	uint32_t asset_next;
} run;

// A movement from one party to another, until it is known that no more parcels of it follow.
typedef struct step {
	bool is_there;
	side src, dst;
	int64_t mv_index;
	uint8_t kind;
} step;

struct dp_case_feed {
	dp_casebook *cb;
	sqlite3 *db;
	dp_mine *mine;
	dp_intake *intake;
	char *incident;
	run run[RUNS_MAX];
	uint32_t run_count;
	sqlite3_stmt *service, *passage, *evidence, *address;
	side *in, *out; // of the transaction that is being read
	uint64_t in_cap, out_cap;
	uint32_t in_count, out_count;
	uint8_t star_kind; // of the link that they name; 0: none
	step step;
	uint32_t tx; // number of the last transaction
	const run *tx_run;
	uint64_t tx_height;
	dp_edge edge_begun, put; // the first of this feeding, and how many since
	int64_t tx_index, tx_time, theft_time, link_kind_of; // row of `link` that link_* are of
	uint8_t link_kind;
	uint32_t link_venue;
	uint64_t link_node;
	bool has_links, lacks_prices, has_coins;
	dp_money_price price;
	// Movement and service that were looked up last.
	char row_text[3][DP_ADDR_TEXT_MAX]; // dp_case_row's
	char address_last[128];
	uint32_t venue_last;
};

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- the case --------------------------------------------------------------------------------------

static dp_code load_runs(dp_case_feed *f, const dp_chain *only, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s,
	    "select run.id, run.chain, run.no_links, run.gaps from cases join run on "
	    "run.id=cases.run where cases.incident=? order by run.id",
	    fault));
	dp_sql_text(s, 1, f->incident);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		if (f->run_count == RUNS_MAX) {
			code = dp_fail(fault, DP_LIMIT, "a case of more than %d chains", RUNS_MAX);
			break;
		}
		run *r = &f->run[f->run_count++];
		r->id = sqlite3_column_int64(s, 0);
		const char *chain = dp_sql_get_text(s, 1);
		r->chain = dp_chain_find(chain, strlen(chain));
		bool has_notes = (sqlite3_column_int64(s, 3) & DP_GAP_NOTES) == 0;
		f->has_links |= sqlite3_column_int64(s, 2) == 0 && has_notes;
		if (r->chain != NULL && only != NULL && r->chain != only) f->run_count--;
		if (r->chain != NULL) continue;
		code =
		    dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a chain '%.40s'", chain);
		break;
	}
	(void)sqlite3_finalize(s);
	if (code != DP_END) return code;
	if (f->run_count > 0) return DP_OK;
	return dp_fail(fault, DP_NOT_FOUND, "the casebook holds no case '%.100s'", f->incident);
}

static dp_code asset_at(run *r, dp_asset *ret_asset, sqlite3_stmt *s, int column, dp_fault *fault)
{
	const char *text = dp_sql_get_text(s, column);
	for (uint32_t i = 0; i < ASSETS_KEPT && text[0] != 0; i++) {
		if (strcmp(text, r->asset_text[i]) != 0) continue;
		*ret_asset = r->asset_last[i];
		return DP_OK;
	}
	size_t n = strlen(text);
	if (n >= DP_ASSET_TEXT_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: asset '%.40s'", text);
	DP_TRY(dp_asset_parse(ret_asset, r->chain, text, n, fault));
	uint32_t at = r->asset_next++ % ASSETS_KEPT;
	memcpy(r->asset_text[at], text, n + 1);
	r->asset_last[at] = *ret_asset;
	return DP_OK;
}

static dp_code load_colours(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s, "select colour, asset from colour where run=? and incident=?", fault));
	dp_sql_i64(s, 1, r->id);
	dp_sql_text(s, 2, f->incident);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(s, 0);
		if (no < 1 || no > COLOURS_MAX) {
			code = dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: colour %lld",
			               (long long)no);
			break;
		}
		uint32_t had = r->colour_count;
		if ((uint32_t)no >= had) {
			code = dp_grow((void **)&r->colour, &r->colour_cap, sizeof *r->colour,
			               (uint64_t)no + 1, COLOURS_MAX + 1, fault);
			if (code != DP_OK) break;
			r->colour_count = (uint32_t)no + 1;
			memset(r->colour + had, 0, (r->colour_count - had) * sizeof *r->colour);
		}
		r->colour[no].is_mine = true;
		const char *asset = dp_sql_get_text(s, 1);
		r->colour[no].asset = dp_node_key(asset, strlen(asset));
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code add_victims(const dp_case_feed *f, run *r, const dp_case *c, dp_fault *fault)
{
	if (strcmp(c->incident, f->incident) != 0) return DP_OK;
	for (uint32_t i = 0; i < c->stop_count; i++) {
		const dp_stop *stop = &c->stop[i];
		if (stop->bucket != DP_BUCKET_RETURNED || stop->chain != r->chain) continue;
		char text[DP_ADDR_TEXT_MAX];
		size_t n = dp_addr_format(text, &stop->addr, r->chain);
		DP_TRY(dp_grow((void **)&r->victim, &r->victim_cap, sizeof *r->victim,
		               (uint64_t)r->victim_count + 1, VICTIMS_MAX, fault));
		r->victim[r->victim_count++] = dp_node_key(text, n);
	}
	return DP_OK;
}

// Links are numbered over all case files of a run, in its order.
static dp_code add_links(const dp_case_feed *f, run *r, const void *yaml, size_t size,
                         dp_fault *fault)
{
	dp_case c;
	DP_TRY(dp_case_parse(&c, yaml, size, fault));
	dp_code code = add_victims(f, r, &c, fault);
	if (code == DP_OK)
		code = dp_grow((void **)&r->to_native, &r->to_native_cap, sizeof *r->to_native,
		               (uint64_t)r->link_count + c.link_count + 1, COLOURS_MAX, fault);
	for (uint32_t i = 0; i < c.link_count && code == DP_OK; i++)
		r->to_native[r->link_count++] =
		    dp_asset_info_of(c.link[i].asset)->class == DP_ASSET_NATIVE;
	dp_case_done(&c);
	return code;
}

static dp_code load_links(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s, "select yaml from cases where run=? order by position",
	                      fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		code = add_links(f, r, sqlite3_column_blob(s, 0),
		                 (size_t)sqlite3_column_bytes(s, 0), fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// What was stolen of each colour, and what that was worth: in a measure that only serves to share
// the loot out between several stolen assets. Where the worth of one is not known, all of them
// count alike.
typedef struct haul {
	dp_u256 weight_sum;
	uint32_t colours;
	bool is_unknown;
} haul;

static dp_code add_stolen(dp_case_feed *f, run *r, sqlite3_stmt *s, haul *io_haul, dp_fault *fault)
{
	int64_t no = sqlite3_column_int64(s, 0), time = sqlite3_column_int64(s, 3);
	if (no < 1 || no >= r->colour_count || !r->colour[no].is_mine) return DP_OK;
	dp_asset asset;
	dp_u256 units;
	DP_TRY(asset_at(r, &asset, s, 1, fault));
	DP_TRY(dp_sql_get_amount(s, 2, &units, fault));
	colour *c = &r->colour[no];
	if (dp_u256_is_zero(c->stolen)) io_haul->colours++;
	if (dp_u256_add_over(&c->stolen, c->stolen, units)) memset(&c->stolen, 255, 32);
	if (f->theft_time == 0 || time < f->theft_time) f->theft_time = time;
	if (sqlite3_column_int64(s, 4) > r->theft_seq) r->theft_seq = sqlite3_column_int64(s, 4);
	dp_u256 weight;
	if (!dp_worth_weight(&weight, asset, units, time))
		io_haul->is_unknown = true;
	else if (dp_u256_add_over(&io_haul->weight_sum, io_haul->weight_sum, weight))
		io_haul->is_unknown = true;
	return DP_OK;
}

static const char theft_sql[] =
    "select colour, asset, origin, time, seq from flow where run=? and src=-1 order by seq";

static dp_code weigh_run(dp_case_feed *f, run *r, const haul *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s, theft_sql, fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(s, 0);
		if (no < 1 || no >= r->colour_count || !r->colour[no].is_mine) continue;
		colour *c = &r->colour[no];
		if (l->is_unknown || dp_u256_is_zero(l->weight_sum)) {
			c->weight = DP_LOOT_WHOLE / (l->colours > 0 ? l->colours : 1);
			continue;
		}
		dp_asset asset;
		dp_u256 units, weight;
		code = asset_at(r, &asset, s, 1, fault);
		if (code == DP_OK) code = dp_sql_get_amount(s, 2, &units, fault);
		if (code != DP_OK) break;
		if (!dp_worth_weight(&weight, asset, units, sqlite3_column_int64(s, 3))) continue;
		c->weight += dp_u256_mul_div(dp_u256_of(DP_LOOT_WHOLE), weight, l->weight_sum).w[0];
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// What was stolen on one chain is the same loot on all that it went to.
static void share_weight(dp_case_feed *f, const colour *c)
{
	for (uint32_t k = 0; k < f->run_count; k++)
		for (uint32_t n = 1; n < f->run[k].colour_count; n++) {
			colour *d = &f->run[k].colour[n];
			if (!d->is_mine || d->asset != c->asset || !dp_u256_is_zero(d->stolen))
				continue;
			d->stolen = c->stolen;
			d->weight = c->weight;
		}
}

static void share_weights(dp_case_feed *f)
{
	for (uint32_t i = 0; i < f->run_count; i++)
		for (uint32_t no = 1; no < f->run[i].colour_count; no++) {
			const colour *c = &f->run[i].colour[no];
			if (c->is_mine && !dp_u256_is_zero(c->stolen)) share_weight(f, c);
		}
}

static dp_code weigh(dp_case_feed *f, dp_fault *fault)
{
	haul l = {0};
	for (uint32_t i = 0; i < f->run_count; i++) {
		run *r = &f->run[i];
		DP_TRY(load_colours(f, r, fault));
		DP_TRY(load_links(f, r, fault));
		sqlite3_stmt *s;
		DP_TRY(dp_sql_prepare(f->db, &s, theft_sql, fault));
		dp_sql_i64(s, 1, r->id);
		dp_code code;
		while ((code = dp_sql_row(f->db, s, fault)) == DP_OK)
			if ((code = add_stolen(f, r, s, &l, fault)) != DP_OK) break;
		(void)sqlite3_finalize(s);
		if (code != DP_END) return code;
	}
	for (uint32_t i = 0; i < f->run_count; i++) DP_TRY(weigh_run(f, &f->run[i], &l, fault));
	share_weights(f);
	return DP_OK;
}

//- how the victim was taken over -----------------------------------------------------------------

static dp_code add_takeover(run *r, sqlite3_stmt *s, dp_fault *fault)
{
	const char *safe = dp_sql_get_text(s, 4);
	uint64_t key = dp_node_key(safe, strlen(safe));
	bool is_victim = sqlite3_column_int(s, 5) != 0;
	for (uint32_t i = 0; i < r->victim_count && !is_victim; i++)
		is_victim = r->victim[i] == key;
	dp_u256 score;
	DP_TRY(dp_sql_get_amount(s, 3, &score, fault));
	if (!is_victim || r->takeover_count == TAKEOVERS_MAX) return DP_OK;
	DP_TRY(dp_grow((void **)&r->takeover, &r->takeover_cap, sizeof *r->takeover,
	               (uint64_t)r->takeover_count + 1, TAKEOVERS_MAX, fault));
	r->takeover[r->takeover_count++] =
	    (takeover){.ref = (uint64_t)sqlite3_column_int64(s, 0) | REF_OF_NOTE,
	               .height = (uint64_t)sqlite3_column_int64(s, 1),
	               .time = sqlite3_column_int64(s, 2),
	               .score = dp_u256_fits64(score) ? (uint32_t)score.w[0] : 0};
	return DP_OK;
}

// Whose Safe matters is known when something was stolen out of it, or by the case file. What comes
// behind the last theft led to none; and with another theft the feed is made anew, so these notes
// are read once only.
static dp_code load_takeovers(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s,
	    "with theft as (select height, src_address from flow where run=?1 and src=-1 and "
	    "colour in (select colour from colour where run=?1 and incident=?2)) "
	    "select seq, height, time, units, address, "
	    "address in (select src_address from theft where src_address is not null) "
	    "from note where run=?1 and kind='safe-takeover' and "
	    "height<=(select max(height) from theft) order by height, seq",
	    fault));
	dp_sql_i64(s, 1, r->id);
	dp_sql_text(s, 2, f->incident);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK)
		if ((code = add_takeover(r, s, fault)) != DP_OK) break;
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- holders ---------------------------------------------------------------------------------------

// Those behind the last that is known: numbers only rise.
static dp_code load_holders(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(
	    dp_sql_prepare(f->db, &s,
	                   "select no, address, outpoint, hop from holder where run=?1 and no>=?2"
	                   " order by no",
	                   fault));
	dp_sql_i64(s, 1, r->id);
	dp_sql_i64(s, 2, r->holder_count == 0 ? 1 : r->holder_count);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(s, 0);
		if (no < 1 || no > HOLDERS_MAX) {
			code = dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: holder %lld",
			               (long long)no);
			break;
		}
		code = dp_grow((void **)&r->holder, &r->holder_cap, sizeof *r->holder,
		               (uint64_t)no + 1, HOLDERS_MAX + 1, fault);
		if (code != DP_OK) break;
		while (r->holder_count <= no) r->holder[r->holder_count++] = (holder){0};
		const char *text = dp_sql_get_text(s, 1);
		if (text[0] == 0) text = dp_sql_get_text(s, 2);
		int64_t hop = sqlite3_column_int64(s, 3);
		r->holder[no] = (holder){.key = dp_node_key(text, strlen(text)),
		                         .hop = (uint16_t)(hop > UINT16_MAX ? UINT16_MAX : hop)};
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// Wallets that held something before.
static dp_code load_openings(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s,
	                      "select holder from note where run=? and kind in ('opening-stated',"
	                      "'opening-seen','opening-asked') and units<>'0'",
	                      fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(s, 0);
		if (no > 0 && no < r->holder_count) r->holder[no].had = true;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- rows ------------------------------------------------------------------------------------------

static dp_code open_rows(dp_case_feed *f, run *r, dp_fault *fault)
{
	DP_TRY(load_holders(f, r, fault));
	DP_TRY(load_openings(f, r, fault));
	// The plus keeps SQLite from going by its index of runs, and sorting what that gives.
	if (r->rows == NULL)
		DP_TRY(dp_sql_prepare(
		    f->db, &r->rows,
		    "select seq, time, tx_index, src, dst, colour, asset, units, "
		    "origin, link, stop, height, mv_index from flow where +run=?1 and seq>?2 "
		    "order by seq",
		    fault));
	(void)sqlite3_reset(r->rows);
	dp_sql_i64(r->rows, 1, r->id);
	dp_sql_i64(r->rows, 2, r->seq);
	r->has_row = r->is_at_end = false;
	return DP_OK;
}

// Whether a row makes no transfer: another case's, a fee, dust.
static bool is_skipped(const run *r, const row *w)
{
	return w->colour < 1 || w->colour >= r->colour_count || !r->colour[w->colour].is_mine ||
	       w->dst == dp_party_of_bucket(DP_BUCKET_FEE) ||
	       w->dst == dp_party_of_bucket(DP_BUCKET_DUST);
}

// An amount of base units: nearly all have no more than 38 digits, two words of 19.
static dp_code amount_at(dp_u256 *ret_amount, sqlite3_stmt *s, int column, dp_fault *fault)
{
	enum { WORD_DIGITS = 19 };
	const char *text = dp_sql_get_text(s, column);
	uint64_t word[2] = {0, 0}, scale = 1;
	uint32_t n = 0;
	for (; n < 2 * WORD_DIGITS && text[n] >= '0' && text[n] <= '9'; n++) {
		uint64_t *w = &word[n / WORD_DIGITS];
		*w = *w * 10 + (uint64_t)(text[n] - '0');
		if (n >= WORD_DIGITS) scale *= 10;
	}
	if (n == 0 || text[n] != 0) return dp_sql_get_amount(s, column, ret_amount, fault);
	dp_u128 v = (dp_u128)word[0] * scale + word[1];
	*ret_amount = (dp_u256){{(uint64_t)v, (uint64_t)(v >> 64), 0, 0}};
	return DP_OK;
}

// The next row of this case, into r->row.
static dp_code next_row(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s = r->rows;
	while (!r->has_row && !r->is_at_end) {
		dp_code code = dp_sql_row(f->db, s, fault);
		if (code == DP_END) {
			r->is_at_end = true;
			(void)sqlite3_reset(s);
			return DP_OK;
		}
		DP_TRY(code);
		row *w = &r->row;
		w->seq = sqlite3_column_int64(s, 0);
		w->dst = sqlite3_column_int64(s, 4);
		w->colour = sqlite3_column_int64(s, 5);
		if (is_skipped(r, w)) {
			r->seq = w->seq;
			continue;
		}
		w->time = sqlite3_column_int64(s, 1);
		w->tx_index = sqlite3_column_int64(s, 2);
		w->src = sqlite3_column_int64(s, 3);
		w->link = sqlite3_column_int64(s, 9);
		w->stop = sqlite3_column_int64(s, 10);
		w->height = (uint64_t)sqlite3_column_int64(s, 11);
		w->mv_index = sqlite3_column_int64(s, 12);
		DP_TRY(asset_at(r, &w->asset, s, 6, fault));
		DP_TRY(amount_at(&w->units, s, 7, fault));
		DP_TRY(amount_at(&w->origin, s, 8, fault));
		r->has_row = true;
	}
	return DP_OK;
}

//- what a row says -------------------------------------------------------------------------------

static uint64_t loot_of(const colour *c, dp_u256 origin)
{
	if (dp_u256_is_zero(c->stolen)) return 0;
	dp_u256 parts =
	    dp_u256_mul_div(dp_u256_min(origin, c->stolen), dp_u256_of(c->weight), c->stolen);
	return parts.w[0];
}

// What link the row names: its kind, who runs it.
static dp_code look_at_link(dp_case_feed *f, int64_t link, dp_fault *fault)
{
	if (f->link_kind_of == link) return DP_OK;
	sqlite3_stmt *s = f->passage;
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, link);
	f->link_kind_of = link;
	f->link_kind = 0;
	f->link_venue = 0;
	dp_code code = link == 0 ? DP_END : dp_sql_row(f->db, s, fault);
	if (code == DP_END) return DP_OK;
	DP_TRY(code);
	const char *kind = dp_sql_get_text(s, 0), *protocol = dp_sql_get_text(s, 1);
	for (int k = 1; k < DP_LINK_KIND_COUNT; k++)
		if (strcmp(kind, dp_link_kind_name((dp_link_kind)k)) == 0)
			f->link_kind = (uint8_t)k;
	if (protocol[0] == 0) protocol = kind;
	f->link_venue = dp_money_venue(protocol);
	f->link_node = dp_node_key(protocol, strlen(protocol));
	(void)sqlite3_reset(s);
	return DP_OK;
}

// Where a row that goes to a bucket goes: the movement's receiver, and who that is.
static dp_code look_at_place(dp_case_feed *f, const run *r, side *io_side, const row *w,
                             dp_fault *fault)
{
	sqlite3_stmt *s = f->address;
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, w->seq);
	DP_TRY(dp_sql_row(f->db, s, fault));
	const char *to = dp_sql_get_text(s, 0);
	size_t n = strlen(to);
	io_side->key = n == 0 ? dp_node_key("nobody", 6) : dp_node_key(to, n);
	if (n > 0 && n < sizeof f->address_last && strcmp(to, f->address_last) == 0) {
		io_side->venue = f->venue_last;
		(void)sqlite3_reset(s);
		return DP_OK;
	}
	sqlite3_stmt *v = f->service;
	(void)sqlite3_reset(v);
	dp_sql_i64(v, 1, r->id);
	dp_sql_text(v, 2, to);
	dp_code code = dp_sql_row(f->db, v, fault);
	io_side->venue = code == DP_OK ? dp_money_venue(dp_sql_get_text(v, 0)) : dp_money_venue(to);
	if (code == DP_END) code = DP_OK;
	if (n < sizeof f->address_last) {
		memcpy(f->address_last, to, n + 1);
		f->venue_last = io_side->venue;
	}
	(void)sqlite3_reset(s);
	(void)sqlite3_reset(v);
	return code;
}

// One end of a row. kind: what a transfer to (or from) it is; DP_TR_KIND_COUNT: none at all.
static dp_code look_at_side(dp_case_feed *f, run *r, side *ret_side, const row *w, int64_t party,
                            bool is_dst, dp_fault *fault)
{
	*ret_side = (side){.party = party, .asset = w->asset, .kind = DP_TR_MOVE};
	if (party > 0) {
		if (party >= r->holder_count)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the casebook is damaged: no holder %lld", (long long)party);
		const holder *h = &r->holder[party];
		ret_side->key = h->key;
		ret_side->hop = h->hop;
		ret_side->is_fresh = !h->had;
		return DP_OK;
	}
	static const uint8_t kinds[] = {DP_TR_SERVICE,    DP_TR_MIXER,    DP_TR_SWAP,
	                                DP_TR_KIND_COUNT, DP_TR_BURN,     DP_TR_KIND_COUNT,
	                                DP_TR_FROZEN,     DP_TR_RETURNED, DP_TR_MOVE};
	static const uint8_t roles[] = {
	    DP_NODE_SERVICE, DP_NODE_MIXER,  DP_NODE_VENUE, 0, DP_NODE_BURN, 0,
	    DP_NODE_WALLET,  DP_NODE_VICTIM, DP_NODE_WALLET};
	DP_TRY(look_at_link(f, w->link, fault));
	if (party == DP_PARTY_THEFT) {
		ret_side->kind = DP_TR_THEFT;
		ret_side->role = DP_NODE_VICTIM;
		ret_side->key = dp_node_key(f->incident, strlen(f->incident));
		return DP_OK;
	}
	if (party == DP_PARTY_CROSSING) {
		ret_side->kind = is_dst ? DP_TR_BRIDGE_OUT : DP_TR_BRIDGE_IN;
		ret_side->role = DP_NODE_BRIDGE;
		ret_side->venue = f->link_venue;
		ret_side->key = f->link_node ^ 1;
		return DP_OK;
	}
	int64_t bucket = -3 - party; // -3: service, -4: mixer, ...
	if (bucket < 0 || bucket > 8)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: party %lld",
		               (long long)party);
	ret_side->kind = kinds[bucket];
	ret_side->role = roles[bucket];
	if (ret_side->kind == DP_TR_KIND_COUNT) return DP_OK;
	// Unresolved: an unlabelled hub where it names no link of the case file.
	if (party == -5 && is_dst && w->stop < 0) {
		ret_side->kind = DP_TR_MOVE;
		ret_side->role = DP_NODE_WALLET;
	}
	if (!is_dst || (party == -5 && w->stop >= 0)) {
		// What a person vouches for is a swap where it goes in; what comes out of it moves
		// on.
		static const char person[] = "a person's word";
		ret_side->key = dp_node_key(person, sizeof person - 1);
		ret_side->venue = dp_money_venue(person);
		ret_side->to_native = is_dst && w->stop < r->link_count && r->to_native[w->stop];
		if (!is_dst && party == -5) ret_side->kind = DP_TR_MOVE;
		return DP_OK;
	}
	DP_TRY(look_at_place(f, r, ret_side, w, fault));
	if (ret_side->kind == DP_TR_MIXER && w->link != 0) ret_side->venue = f->link_venue;
	return DP_OK;
}

//- feeding ---------------------------------------------------------------------------------------

// One transfer: what `what` says of amount, loot and row.
static dp_code feed(dp_case_feed *f, const side *src, const side *dst, uint8_t kind, dp_asset asset,
                    const side *what, bool more, dp_fault *fault)
{
	dp_intake_item item = {.src_key = src->key,
	                       .dst_key = dst->key,
	                       .src_role = src->role,
	                       .dst_role = dst->role,
	                       .is_fresh = dst->is_fresh};
	dp_transfer *t = &item.transfer;
	*t = (dp_transfer){.tx = f->tx,
	                   .asset = asset.v,
	                   .time = f->tx_time,
	                   .amount = what->amount,
	                   .loot = what->loot > DP_LOOT_WHOLE ? DP_LOOT_WHOLE : what->loot,
	                   .ref = what->ref,
	                   .kind = kind,
	                   .flags = dp_money_flags(asset, f->tx_run->chain->kind == DP_CHAIN_UTXO),
	                   .hop = dst->hop,
	                   .venue = dst->venue != 0 ? dst->venue : src->venue};
	dp_money_worth(&f->price, t, asset);
	f->lacks_prices |= t->worth_high == DP_WORTH_NONE;
	f->has_coins |= (t->flags & DP_TRF_COINS) != 0 || kind == DP_TR_BRIDGE_IN;
	if (kind == DP_TR_SWAP &&
	    (dst->to_native || (dst->role != DP_NODE_VENUE &&
	                        dp_asset_info_of(dst->asset)->class == DP_ASSET_NATIVE)))
		t->flags |= DP_TRF_TO_NATIVE;
	if (more) t->flags |= DP_TRF_MORE;
	f->put++;
	return dp_intake_put(f->intake, &item, fault);
}

static dp_code add_side(side **io_list, uint64_t *io_cap, uint32_t *io_count, const side *s,
                        dp_fault *fault)
{
	for (uint32_t i = 0; i < *io_count && i < 64; i++) {
		side *old = &(*io_list)[i];
		if (old->party != s->party || old->key != s->key || old->asset.v != s->asset.v)
			continue;
		if (__builtin_add_overflow(old->amount, s->amount, &old->amount))
			old->amount = UINT64_MAX;
		old->loot += s->loot;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)io_list, io_cap, sizeof **io_list, (uint64_t)*io_count + 1,
	               SIDE_MAX, fault));
	(*io_list)[(*io_count)++] = *s;
	return DP_OK;
}

static dp_code flush_step(dp_case_feed *f, dp_fault *fault)
{
	if (!f->step.is_there) return DP_OK;
	f->step.is_there = false;
	const step *p = &f->step;
	return feed(f, &p->src, &p->dst, p->kind, p->dst.asset, &p->dst, false, fault);
}

// The transaction is complete: its star.
static dp_code flush(dp_case_feed *f, dp_fault *fault)
{
	DP_TRY(flush_step(f, fault));
	if (f->in_count == 0) {
		f->out_count = 0;
		return DP_OK;
	}
	const side *spender = &f->in[0];
	for (uint32_t i = 1; i < f->in_count; i++) {
		const side *s = &f->in[i];
		if (s->key == spender->key) continue;
		uint8_t kind = s->kind == DP_TR_MOVE ? DP_TR_COSPEND : s->kind;
		bool more = f->out_count > 0 || i + 1 < f->in_count;
		DP_TRY(feed(f, s, spender, kind, s->asset, s, more, fault));
	}
	for (uint32_t i = 0; i < f->out_count; i++) {
		const side *s = &f->out[i];
		uint8_t kind = spender->kind != DP_TR_MOVE ? spender->kind : s->kind;
		if (kind == DP_TR_MOVE && f->star_kind == DP_LINK_SWAP) kind = DP_TR_SWAP;
		if (kind == DP_TR_MOVE && f->star_kind == DP_LINK_COINJOIN) kind = DP_TR_COINJOIN;
		// Swaps are told by what went in, as far as one thing came out.
		side what = *s;
		if (kind == DP_TR_SWAP && f->out_count == 1) what.amount = spender->amount;
		dp_asset asset = kind == DP_TR_SWAP ? spender->asset : s->asset;
		DP_TRY(feed(f, spender, s, kind, asset, &what, i + 1 < f->out_count, fault));
	}
	f->in_count = f->out_count = 0;
	f->star_kind = 0;
	return DP_OK;
}

// Those that come before a row. It is a transaction of its own: nothing moved, from the victim to
// himself, so that it is no step of any shape but the one that asks for it.
static dp_code feed_takeovers(dp_case_feed *f, run *r, const row *w, dp_fault *fault)
{
	for (; r->takeover_at < r->takeover_count; r->takeover_at++) {
		const takeover *k = &r->takeover[r->takeover_at];
		if (k->height > w->height) break;
		DP_TRY(flush(f, fault));
		f->tx++;
		f->tx_run = NULL; // the row begins its own
		dp_asset asset = dp_asset_native(r->chain);
		uint64_t key = dp_node_key(f->incident, strlen(f->incident));
		dp_intake_item item = {.src_key = key,
		                       .dst_key = key,
		                       .src_role = DP_NODE_VICTIM,
		                       .dst_role = DP_NODE_VICTIM};
		item.transfer = (dp_transfer){.tx = f->tx,
		                              .asset = asset.v,
		                              .time = k->time,
		                              .ref = k->ref,
		                              .kind = DP_TR_TAKEOVER,
		                              .flags = dp_money_flags(asset, false),
		                              .venue = k->score};
		f->put++;
		DP_TRY(dp_intake_put(f->intake, &item, fault));
	}
	return DP_OK;
}

static dp_code begin_tx(dp_case_feed *f, run *r, const row *w, dp_fault *fault)
{
	if (f->tx_run == r && f->tx_height == w->height && f->tx_index == w->tx_index &&
	    w->tx_index >= 0)
		return DP_OK;
	DP_TRY(flush(f, fault));
	if (f->tx_run != r || f->tx_height != w->height || r->mark_count == 0) {
		DP_TRY(dp_grow((void **)&r->mark, &r->mark_cap, sizeof *r->mark,
		               (uint64_t)r->mark_count + 1, BOOKMARKS_MAX, fault));
		r->mark[r->mark_count++] =
		    (bookmark){.height = w->height,
		               .seq = r->seq,
		               .edge = f->edge_begun + f->put};
	}
	f->tx++;
	f->tx_run = r;
	f->tx_height = w->height;
	f->tx_index = w->tx_index;
	f->tx_time = w->time;
	return DP_OK;
}

// Another parcel of the movement before, or another movement.
static dp_code take_step(dp_case_feed *f, const side *src, const side *dst, int64_t mv_index,
                         dp_fault *fault)
{
	step *p = &f->step;
	if (p->is_there && p->mv_index == mv_index && p->src.party == src->party &&
	    p->dst.party == dst->party && p->dst.key == dst->key &&
	    p->dst.asset.v == dst->asset.v) {
		if (__builtin_add_overflow(p->dst.amount, dst->amount, &p->dst.amount))
			p->dst.amount = UINT64_MAX;
		p->dst.loot += dst->loot;
		return DP_OK;
	}
	DP_TRY(flush_step(f, fault));
	*p = (step){.is_there = true,
	            .src = *src,
	            .dst = *dst,
	            .mv_index = mv_index,
	            .kind = src->kind != DP_TR_MOVE ? src->kind : dst->kind};
	return DP_OK;
}

static dp_code take_row(dp_case_feed *f, run *r, dp_fault *fault)
{
	const row *w = &r->row;
	// Every share of the loot that was told so far is another one now.
	if (w->src == DP_PARTY_THEFT && w->seq > r->theft_seq)
		return dp_fail(fault, DP_NOT_FOUND, "more was stolen than was known");
	if (r->takeover_at < r->takeover_count) DP_TRY(feed_takeovers(f, r, w, fault));
	DP_TRY(begin_tx(f, r, w, fault));
	side src = {0}, dst = {0};
	if (w->dst != DP_PARTY_TX) DP_TRY(look_at_side(f, r, &dst, w, w->dst, true, fault));
	if (w->src != DP_PARTY_TX) DP_TRY(look_at_side(f, r, &src, w, w->src, false, fault));
	side *what = w->dst == DP_PARTY_TX ? &src : &dst;
	what->amount = dp_money_cut(w->asset, w->units);
	what->loot = loot_of(&r->colour[w->colour], w->origin);
	what->ref = (uint64_t)w->seq;
	r->seq = w->seq;
	r->has_row = false;
	// Fees and dust are no transfers.
	if (src.kind == DP_TR_KIND_COUNT || dst.kind == DP_TR_KIND_COUNT) return DP_OK;
	if (w->src != DP_PARTY_TX && w->dst != DP_PARTY_TX)
		return take_step(f, &src, &dst, w->mv_index, fault);
	DP_TRY(flush_step(f, fault));
	if (w->link != 0) {
		DP_TRY(look_at_link(f, w->link, fault));
		f->star_kind = f->link_kind;
	}
	if (w->dst == DP_PARTY_TX) return add_side(&f->in, &f->in_cap, &f->in_count, &src, fault);
	return add_side(&f->out, &f->out_cap, &f->out_count, &dst, fault);
}

// A statement that stands on a row holds the connection to the state of the file as of then: who
// follows with it would not see what others change.
static void rest(dp_case_feed *f)
{
	for (uint32_t i = 0; i < f->run_count; i++) (void)sqlite3_reset(f->run[i].rows);
	(void)sqlite3_reset(f->service);
	(void)sqlite3_reset(f->passage);
	(void)sqlite3_reset(f->address);
	(void)sqlite3_reset(f->evidence);
}

// Room in the mine for a case that is read at once.
static dp_code reserve(dp_case_feed *f, dp_fault *fault)
{
	uint64_t rows = 0, holders = 0;
	for (uint32_t i = 0; i < f->run_count; i++) {
		const run *r = &f->run[i];
		sqlite3_stmt *s;
		DP_TRY(dp_sql_prepare(f->db, &s, "select count(*) from flow where run=?", fault));
		dp_sql_i64(s, 1, r->id);
		dp_code code = dp_sql_row(f->db, s, fault);
		if (code == DP_OK) rows += (uint64_t)sqlite3_column_int64(s, 0);
		(void)sqlite3_finalize(s);
		DP_TRY(code);
		holders += r->holder_count;
	}
	return dp_mine_reserve(f->mine, rows, holders, fault);
}

static dp_code put_all(dp_case_feed *f, dp_fault *fault)
{
	for (uint32_t i = 0; i < f->run_count; i++) DP_TRY(open_rows(f, &f->run[i], fault));
	if (f->edge_begun == 1) DP_TRY(reserve(f, fault));
	for (;;) {
		run *next = NULL;
		for (uint32_t i = 0; i < f->run_count; i++) {
			run *r = &f->run[i];
			DP_TRY(next_row(f, r, fault));
			if (r->has_row && (next == NULL || r->row.time < next->row.time)) next = r;
		}
		if (next == NULL) break;
		DP_TRY(take_row(f, next, fault));
	}
	return flush(f, fault);
}

dp_code dp_case_feed_more(dp_case_feed *f, uint64_t *ret_fed, dp_fault *fault)
{
	dp_fault second;
	f->edge_begun = dp_graph_last(dp_mine_graph(f->mine)) + 1;
	f->put = 0;
	dp_code code = put_all(f, fault);
	dp_code end = dp_intake_end(f->intake, code == DP_OK ? fault : &second);
	rest(f);
	if (code == DP_OK) code = end;
	if (code == DP_OK) *ret_fed = f->put;
	return code;
}

// Numbers of rows that are gone will be given again, to rows of any run, and so will numbers of
// holders. What is left of this run bounds what was taken of it: more may have been passed over (of
// another case, fees) than the last transfer that is left.
static dp_code forget_numbers(dp_case_feed *f, run *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    f->db, &s, "select seq from flow where +run=? order by seq desc limit 1", fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code = dp_sql_row(f->db, s, fault);
	int64_t left = code == DP_OK ? sqlite3_column_int64(s, 0) : 0;
	if (left < r->seq) r->seq = left;
	(void)sqlite3_finalize(s);
	r->holder_count = 0;
	f->tx_run = NULL;
	f->link_kind_of = -1;
	return code == DP_END ? DP_OK : code;
}

static dp_code roll_back_run(dp_case_feed *f, run *r, uint64_t height, dp_fault *fault)
{
	uint32_t kept = r->mark_count;
	while (kept > 0 && r->mark[kept - 1].height > height) kept--;
	if (kept == r->mark_count) return forget_numbers(f, r, fault);
	bookmark back = r->mark[kept];
	if (back.seq < r->theft_seq) return dp_fail(fault, DP_NOT_FOUND, "a theft was taken back");
	for (uint32_t k = 0; k < f->run_count; k++) {
		const run *o = &f->run[k];
		if (o != r && o->mark_count > 0 && o->mark[o->mark_count - 1].edge > back.edge)
			return dp_fail(fault, DP_NOT_FOUND,
			               "other chains' transfers came in between");
	}
	DP_TRY(dp_mine_rollback(f->mine, back.edge, fault));
	r->mark_count = kept;
	r->seq = back.seq;
	return forget_numbers(f, r, fault);
}

dp_code dp_case_feed_rollback(dp_case_feed *f, const dp_chain *chain, uint64_t height,
                              dp_fault *fault)
{
	for (uint32_t i = 0; i < f->run_count; i++)
		if (f->run[i].chain == chain) DP_TRY(roll_back_run(f, &f->run[i], height, fault));
	return DP_OK;
}

//- the rest --------------------------------------------------------------------------------------

dp_code dp_case_feed_new(dp_case_feed **ret_feed, dp_casebook *cb, const char *incident,
                         const dp_chain *chain, dp_mine *mine, dp_fault *fault)
{
	DP_CHECK(cb != NULL && incident != NULL && mine != NULL);
	dp_case_feed *f = dp_alloc(sizeof *f);
	if (f == NULL) return no_memory(fault);
	f->cb = cb;
	f->db = dp_casebook_db(cb);
	f->mine = mine;
	f->link_kind_of = -1;
	f->incident = dp_alloc(strlen(incident) + 1);
	dp_code code = f->incident == NULL ? no_memory(fault) : DP_OK;
	if (code == DP_OK) {
		memcpy(f->incident, incident, strlen(incident) + 1);
		code = load_runs(f, chain, fault);
	}
	if (code == DP_OK) code = dp_intake_new(&f->intake, mine, fault);
	if (code == DP_OK) code = weigh(f, fault);
	for (uint32_t i = 0; i < f->run_count && code == DP_OK; i++)
		code = load_takeovers(f, &f->run[i], fault);
	if (code == DP_OK)
		code =
		    dp_sql_prepare(f->db, &f->service,
		                   "select iif(actor<>'', actor, label) from service where run=? "
		                   "and address=?",
		                   fault);
	if (code == DP_OK)
		code = dp_sql_prepare(f->db, &f->passage,
		                      "select kind, coalesce(protocol,'') from link where seq=?",
		                      fault);
	if (code == DP_OK)
		code = dp_sql_prepare(f->db, &f->address,
		                      "select coalesce(address,'') from flow where seq=?", fault);
	if (code == DP_OK)
		code = dp_sql_prepare(f->db, &f->evidence,
		                      "select run, coalesce(tx,''), coalesce(src_address,''), "
		                      "coalesce(address,''), height, time, asset, units from flow "
		                      "where seq=?",
		                      fault);
	if (code != DP_OK) {
		dp_case_feed_free(f);
		return code;
	}
	*ret_feed = f;
	return DP_OK;
}

void dp_case_feed_free(dp_case_feed *f)
{
	if (f == NULL) return;
	dp_intake_free(f->intake);
	for (uint32_t i = 0; i < f->run_count; i++) {
		run *r = &f->run[i];
		(void)sqlite3_finalize(r->rows);
		dp_free(r->holder);
		dp_free(r->colour);
		dp_free(r->to_native);
		dp_free(r->mark);
		dp_free(r->victim);
		dp_free(r->takeover);
	}
	(void)sqlite3_finalize(f->service);
	(void)sqlite3_finalize(f->passage);
	(void)sqlite3_finalize(f->address);
	(void)sqlite3_finalize(f->evidence);
	dp_free(f->in);
	dp_free(f->out);
	dp_free(f->incident);
	dp_free(f);
}

int64_t dp_case_feed_theft_time(const dp_case_feed *f)
{
	return f->theft_time;
}

int64_t dp_case_feed_now(const dp_case_feed *f)
{
	int64_t now = 0;
	sqlite3_stmt *s;
	dp_fault ignored;
	for (uint32_t i = 0; i < f->run_count; i++) {
		if (dp_sql_prepare(f->db, &s, "select coalesce(time,0) from run where id=?",
		                   &ignored) != DP_OK)
			return now;
		dp_sql_i64(s, 1, f->run[i].id);
		if (dp_sql_row(f->db, s, &ignored) == DP_OK && sqlite3_column_int64(s, 0) > now)
			now = sqlite3_column_int64(s, 0);
		(void)sqlite3_finalize(s);
	}
	return now;
}

bool dp_case_feed_has_links(const dp_case_feed *f)
{
	return f->has_links;
}

uint32_t dp_case_feed_unknown(const dp_case_feed *f)
{
	// A case that was followed on chains of accounts only has gone dark where it went to coins:
	// what it did there nobody can say.
	bool follows_coins = f->has_coins;
	for (uint32_t i = 0; i < f->run_count; i++)
		follows_coins |= f->run[i].chain->kind == DP_CHAIN_UTXO;
	// A case mostly begins with the theft, and what was called before it nobody has seen: that
	// there is no takeover in it proves nothing.
	bool has_calls = false;
	for (uint32_t i = 0; i < f->run_count; i++) has_calls |= f->run[i].takeover_count > 0;
	return (f->lacks_prices ? (uint32_t)DP_KNOWS_PRICES : 0) |
	       (has_calls ? 0 : (uint32_t)DP_KNOWS_CALLS) |
	       (follows_coins ? 0 : (uint32_t)DP_KNOWS_COINS);
}

void dp_case_row_amount(char out[128], const dp_case_row *r)
{
	char amount[DP_AMOUNT_TEXT_MAX];
	(void)snprintf(out, 128, "%s %s", dp_amount_text(amount, r->units, r->asset),
	               dp_asset_symbol(r->asset));
}

static dp_code read_row(dp_case_feed *f, dp_case_row *ret_row, sqlite3_stmt *s, dp_fault *fault)
{
	dp_case_row found = {.tx = f->row_text[0],
	                     .from = f->row_text[1],
	                     .to = f->row_text[2],
	                     .height = (uint64_t)sqlite3_column_int64(s, 4),
	                     .time = sqlite3_column_int64(s, 5)};
	for (int i = 0; i < 3; i++)
		(void)snprintf(f->row_text[i], sizeof f->row_text[i], "%s",
		               dp_sql_get_text(s, 1 + i));
	for (uint32_t i = 0; i < f->run_count; i++) {
		run *r = &f->run[i];
		if (r->id != sqlite3_column_int64(s, 0)) continue;
		found.chain = r->chain;
		DP_TRY(asset_at(r, &found.asset, s, 6, fault));
	}
	DP_TRY(dp_sql_get_amount(s, 7, &found.units, fault));
	*ret_row = found;
	return DP_OK;
}

static dp_code note_row(dp_case_feed *f, dp_case_row *ret_row, uint64_t ref, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s,
	                      "select run, coalesce(tx,''), coalesce(address,''), "
	                      "coalesce(counterparty,''), height, time, asset, '0' from note "
	                      "where seq=?",
	                      fault));
	dp_sql_u64(s, 1, ref & ~REF_OF_NOTE);
	dp_code code = dp_sql_row(f->db, s, fault);
	if (code == DP_OK) code = read_row(f, ret_row, s, fault);
	(void)sqlite3_finalize(s);
	return code == DP_END ? dp_fail(fault, DP_NOT_FOUND, "no such note") : code;
}

dp_code dp_case_feed_row(dp_case_feed *f, dp_case_row *ret_row, uint64_t ref, dp_fault *fault)
{
	if ((ref & REF_OF_NOTE) != 0) return note_row(f, ret_row, ref, fault);
	dp_sql_u64(f->evidence, 1, ref);
	dp_code code = dp_sql_row(f->db, f->evidence, fault);
	if (code == DP_OK) code = read_row(f, ret_row, f->evidence, fault);
	rest(f);
	return code == DP_END ? dp_fail(fault, DP_NOT_FOUND, "no such row") : code;
}

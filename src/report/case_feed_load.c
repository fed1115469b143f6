// See case_feed_private.h: what is read of a case before its rows, and of its holders whenever rows
// are.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/gap.h"
#include "link/worth.h"
#include "report/case_feed_private.h"
#include "report/private.h"

enum {
	HOLDERS_MAX = 1 << 28,
	COLOURS_MAX = 1 << 20,
	VICTIMS_MAX = 1 << 16,
	// Of a case. Who calls a victim's contract can make it look like a takeover as often as he
	// likes, where the contract is no Safe: the first ones are enough.
	TAKEOVERS_MAX = 1024
};

// Far enough from the ends that differences fit, whoever wrote the file.
dp_code dp_feed_time_at(int64_t *ret_time, sqlite3_stmt *s, int column, dp_fault *fault)
{
	int64_t time = sqlite3_column_int64(s, column), most = INT64_C(1) << 56;
	if (time < -most || time > most)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: time %lld",
		               (long long)time);
	*ret_time = time;
	return DP_OK;
}

//- the case --------------------------------------------------------------------------------------

dp_code dp_feed_load_runs(dp_case_feed *f, const dp_chain *only, dp_fault *fault)
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
		if (f->run_count == DP_FEED_RUNS_MAX) {
			code = dp_fail(fault, DP_LIMIT, "a case of more than %d chains",
			               DP_FEED_RUNS_MAX);
			break;
		}
		dp_feed_run *r = &f->run[f->run_count++];
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

dp_code dp_feed_asset_at(dp_feed_run *r, dp_asset *ret_asset, sqlite3_stmt *s, int column,
                         dp_fault *fault)
{
	const char *text = dp_sql_get_text(s, column);
	for (uint32_t i = 0; i < DP_FEED_ASSETS_KEPT && text[0] != 0; i++) {
		if (strcmp(text, r->asset_text[i]) != 0) continue;
		*ret_asset = r->asset_last[i];
		return DP_OK;
	}
	size_t n = strlen(text);
	if (n >= DP_ASSET_TEXT_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: asset '%.40s'", text);
	DP_TRY(dp_asset_parse(ret_asset, r->chain, text, n, fault));
	uint32_t at = r->asset_next++ % DP_FEED_ASSETS_KEPT;
	memcpy(r->asset_text[at], text, n + 1);
	r->asset_last[at] = *ret_asset;
	return DP_OK;
}

static dp_code load_colours(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
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

static dp_code add_victims(const dp_case_feed *f, dp_feed_run *r, const dp_case *c, dp_fault *fault)
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
static dp_code add_links(const dp_case_feed *f, dp_feed_run *r, const void *yaml, size_t size,
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

static dp_code load_links(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
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

static dp_code add_stolen(dp_case_feed *f, dp_feed_run *r, sqlite3_stmt *s, haul *io_haul,
                          dp_fault *fault)
{
	int64_t no = sqlite3_column_int64(s, 0), time;
	DP_TRY(dp_feed_time_at(&time, s, 3, fault));
	if (no < 1 || no >= r->colour_count || !r->colour[no].is_mine) return DP_OK;
	dp_asset asset;
	dp_u256 units;
	DP_TRY(dp_feed_asset_at(r, &asset, s, 1, fault));
	DP_TRY(dp_sql_get_amount(s, 2, &units, fault));
	dp_feed_colour *c = &r->colour[no];
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

static dp_code weigh_run(dp_case_feed *f, dp_feed_run *r, const haul *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s, theft_sql, fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code;
	while ((code = dp_sql_row(f->db, s, fault)) == DP_OK) {
		int64_t no = sqlite3_column_int64(s, 0);
		if (no < 1 || no >= r->colour_count || !r->colour[no].is_mine) continue;
		dp_feed_colour *c = &r->colour[no];
		if (l->is_unknown || dp_u256_is_zero(l->weight_sum)) {
			c->weight = DP_LOOT_WHOLE / (l->colours > 0 ? l->colours : 1);
			continue;
		}
		dp_asset asset;
		dp_u256 units, weight;
		code = dp_feed_asset_at(r, &asset, s, 1, fault);
		if (code == DP_OK) code = dp_sql_get_amount(s, 2, &units, fault);
		if (code != DP_OK) break;
		if (!dp_worth_weight(&weight, asset, units, sqlite3_column_int64(s, 3))) continue;
		c->weight += dp_u256_mul_div(dp_u256_of(DP_LOOT_WHOLE), weight, l->weight_sum).w[0];
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// What was stolen on one chain is the same loot on all that it went to.
static void share_weight(dp_case_feed *f, const dp_feed_colour *c)
{
	for (uint32_t k = 0; k < f->run_count; k++)
		for (uint32_t n = 1; n < f->run[k].colour_count; n++) {
			dp_feed_colour *d = &f->run[k].colour[n];
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
			const dp_feed_colour *c = &f->run[i].colour[no];
			if (c->is_mine && !dp_u256_is_zero(c->stolen)) share_weight(f, c);
		}
}

dp_code dp_feed_weigh(dp_case_feed *f, dp_fault *fault)
{
	haul l = {0};
	for (uint32_t i = 0; i < f->run_count; i++) {
		dp_feed_run *r = &f->run[i];
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

static dp_code add_takeover(dp_feed_run *r, sqlite3_stmt *s, dp_fault *fault)
{
	const char *safe = dp_sql_get_text(s, 4);
	uint64_t key = dp_node_key(safe, strlen(safe));
	bool is_victim = sqlite3_column_int(s, 5) != 0;
	for (uint32_t i = 0; i < r->victim_count && !is_victim; i++)
		is_victim = r->victim[i] == key;
	dp_u256 score;
	int64_t time;
	DP_TRY(dp_feed_time_at(&time, s, 2, fault));
	DP_TRY(dp_sql_get_amount(s, 3, &score, fault));
	if (!is_victim || r->takeover_count == TAKEOVERS_MAX) return DP_OK;
	DP_TRY(dp_grow((void **)&r->takeover, &r->takeover_cap, sizeof *r->takeover,
	               (uint64_t)r->takeover_count + 1, TAKEOVERS_MAX, fault));
	r->takeover[r->takeover_count++] =
	    (dp_feed_takeover){.ref = (uint64_t)sqlite3_column_int64(s, 0) | DP_FEED_REF_OF_NOTE,
	                       .height = (uint64_t)sqlite3_column_int64(s, 1),
	                       .time = time,
	                       .score = dp_u256_fits64(score) ? (uint32_t)score.w[0] : 0};
	return DP_OK;
}

// Whose Safe matters is known when something was stolen out of it, or by the case file. What comes
// behind the last theft led to none; and with another theft the feed is made anew, so these notes
// are read once only.
dp_code dp_feed_load_takeovers(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
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

// Numbers run on without gaps: where there is one, rows are missing. A few are let pass, for
// perhaps nobody asks for them; a table for the largest number that fits would not.
static dp_code check_gap(const dp_case_feed *f, const dp_feed_run *r, int64_t no, dp_fault *fault)
{
	// Only where the table has to grow: counting at each of many gaps would be slow.
	if (no >= 1 &&
	    ((uint64_t)no < r->holder_cap || (uint64_t)no <= (uint64_t)r->holder_count + 1))
		return DP_OK;
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(f->db, &s, "select count(*) from holder where run=?", fault));
	dp_sql_i64(s, 1, r->id);
	dp_code code = dp_sql_row(f->db, s, fault);
	int64_t count = code == DP_OK ? sqlite3_column_int64(s, 0) : 0;
	(void)sqlite3_finalize(s);
	DP_TRY(code);
	if (no >= 1 && no <= HOLDERS_MAX && no / 2 <= count) return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: holder %lld, of %lld",
	               (long long)no, (long long)count);
}

// Those behind the last that is known: numbers only rise.
dp_code dp_feed_load_holders(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
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
		if ((code = check_gap(f, r, no, fault)) != DP_OK) break;
		code = dp_grow((void **)&r->holder, &r->holder_cap, sizeof *r->holder,
		               (uint64_t)no + 1, HOLDERS_MAX + 1, fault);
		if (code != DP_OK) break;
		while (r->holder_count <= no) r->holder[r->holder_count++] = (dp_feed_holder){0};
		const char *text = dp_sql_get_text(s, 1);
		if (text[0] == 0) text = dp_sql_get_text(s, 2);
		int64_t hop = sqlite3_column_int64(s, 3);
		r->holder[no] =
		    (dp_feed_holder){.key = dp_node_key(text, strlen(text)),
		                     .hop = (uint16_t)(hop > UINT16_MAX ? UINT16_MAX : hop)};
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// Wallets that held something before.
dp_code dp_feed_load_openings(dp_case_feed *f, dp_feed_run *r, dp_fault *fault)
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

// Where links without a proof can begin: what a case brought to services, out of its casebook. See
// link.h.
//
// Every exchange pays somebody some amount in any hour. To look for a match there would find one,
// and mean nothing. So without --service only such services are looked at whose business it is to
// give back what was sent in another form: those with a model of their own (link/match.h), those
// that call themselves swappers or bridges, and bridges whose way in gave no key.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/sql.h"
#include "cli/cli.h"
#include "cli/link.h"

struct reader {
	dp_link_find *f;
	dp_case **cases;
	uint32_t case_count;
	uint64_t case_cap;
};

enum { CASES_MAX = 256 };

static dp_code damaged(dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: an arrival");
}

//- names -----------------------------------------------------------------------------------------

static void copy_name(char out[DP_LINK_NAME_MAX], const char *text)
{
	size_t n = strnlen(text, DP_LINK_NAME_MAX - 1);
	// Not in the middle of a character.
	while (text[n] != 0 && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
	memcpy(out, text, n);
	out[n] = 0;
}

static bool is_asked_for(const dp_link_find *f, const dp_link_deposit *d, const char *category)
{
	char place[DP_ADDR_TEXT_MAX];
	if (f->service != NULL) {
		dp_addr_format(place, &d->side.to, d->side.chain);
		return strcasestr(d->service, f->service) != NULL ||
		       strcasestr(d->actor, f->service) != NULL ||
		       strcasecmp(place, f->service) == 0;
	}
	if (dp_match_model_of(d->service, d->actor) != dp_match_models) return true;
	return strcasestr(d->service, "swap") != NULL || strcasestr(category, "swap") != NULL ||
	       strcasestr(d->service, "bridge") != NULL || strcasestr(category, "bridge") != NULL;
}

// What the case file calls a place, where it does.
static const char *stated_name(const struct reader *r, const dp_link_side *side)
{
	for (uint32_t i = 0; i < r->case_count; i++)
		for (uint32_t j = 0; j < r->cases[i]->stop_count; j++) {
			const dp_stop *s = &r->cases[i]->stop[j];
			if (s->chain == side->chain && dp_addr_eq(&s->addr, &side->to))
				return s->name;
		}
	return NULL;
}

static dp_code add_case(void *context, const char *yaml, size_t size, dp_fault *fault)
{
	struct reader *r = context;
	void *items = r->cases;
	DP_TRY(dp_grow(&items, &r->case_cap, sizeof *r->cases, (uint64_t)r->case_count + 1,
	               CASES_MAX, fault));
	r->cases = items;
	dp_case *one = dp_alloc(sizeof *one);
	if (one == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_case_parse(one, yaml, size, fault);
	if (code == DP_OK)
		r->cases[r->case_count++] = one;
	else
		dp_free(one);
	return code;
}

//- rows ------------------------------------------------------------------------------------------

static dp_code read_addr(dp_addr *ret_addr, const char *text, const dp_chain *chain,
                         dp_fault *fault)
{
	*ret_addr = (dp_addr){0};
	if (text[0] == 0) return DP_OK;
	return dp_addr_parse(ret_addr, text, strlen(text), chain, NULL) == DP_OK ? DP_OK
	                                                                         : damaged(fault);
}

// Columns: chain, tx, height, time, from, to, asset, units.
static dp_code read_side(sqlite3_stmt *s, dp_link_side *ret_side, dp_fault *fault)
{
	dp_link_side side = {0};
	const char *chain = dp_sql_get_text(s, 0), *tx = dp_sql_get_text(s, 1);
	const char *asset = dp_sql_get_text(s, 6);
	side.chain = dp_chain_find(chain, strlen(chain));
	if (side.chain == NULL) return damaged(fault);
	if (dp_txid_parse(side.tx, tx, strlen(tx), side.chain, NULL) != DP_OK)
		return damaged(fault);
	int64_t height = sqlite3_column_int64(s, 2);
	if (height < 0) return damaged(fault);
	side.height = (uint64_t)height;
	side.time = sqlite3_column_int64(s, 3);
	DP_TRY(read_addr(&side.from, dp_sql_get_text(s, 4), side.chain, fault));
	DP_TRY(read_addr(&side.to, dp_sql_get_text(s, 5), side.chain, fault));
	if (dp_asset_parse(&side.asset, side.chain, asset, strlen(asset), NULL) != DP_OK)
		return damaged(fault);
	DP_TRY(dp_sql_get_amount(s, 7, &side.amount, fault));
	*ret_side = side;
	return DP_OK;
}

static bool is_same_deposit(const dp_link_side *a, const dp_link_side *b)
{
	return a->chain == b->chain && memcmp(a->tx, b->tx, 32) == 0 && a->asset.v == b->asset.v &&
	       dp_addr_eq(&a->from, &b->from) && dp_addr_eq(&a->to, &b->to);
}

// Parcels of one payment stand in several rows: they are put together.
static dp_code add_deposit(dp_link_find *f, const dp_link_deposit *d, dp_fault *fault)
{
	for (uint64_t i = f->deposit_count; i-- > 0;) {
		dp_link_side *s = &f->deposit[i].side;
		if (s->chain != d->side.chain || memcmp(s->tx, d->side.tx, 32) != 0) break;
		if (!is_same_deposit(s, &d->side)) continue;
		return dp_u256_add_over(&s->amount, s->amount, d->side.amount) ? damaged(fault)
		                                                               : DP_OK;
	}
	void *items = f->deposit;
	DP_TRY(dp_grow(&items, &f->deposit_cap, sizeof *f->deposit, f->deposit_count + 1,
	               DP_LINK_DEPOSITS_MAX, fault));
	f->deposit = items;
	f->deposit[f->deposit_count++] = *d;
	return DP_OK;
}

static dp_code read_arrival(const struct reader *r, sqlite3_stmt *s, dp_fault *fault)
{
	dp_link_deposit d = {0};
	DP_TRY(read_side(s, &d.side, fault));
	const char *stated = stated_name(r, &d.side);
	copy_name(d.service, stated != NULL ? stated : dp_sql_get_text(s, 8));
	copy_name(d.actor, dp_sql_get_text(s, 9));
	if (is_asked_for(r->f, &d, dp_sql_get_text(s, 10))) return add_deposit(r->f, &d, fault);
	r->f->left_out++;
	return DP_OK;
}

static dp_code read_arrivals(struct reader *r, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    dp_casebook_db(r->f->book), &s,
	    "select run.chain, f.tx, f.height, f.time, coalesce(f.src_address,''), f.address, "
	    "f.asset, f.units, coalesce(v.label,''), coalesce(v.actor,''), coalesce(v.category,'') "
	    "from flow f join run on run.id=f.run join colour c on c.run=f.run and "
	    "c.colour=f.colour left join service v on v.run=f.run and v.address=f.address "
	    "where c.incident=? and f.dst=? and f.tx is not null and f.address is not null "
	    "order by f.time, run.chain, f.tx, f.seq",
	    fault));
	dp_sql_text(s, 1, r->f->incident);
	dp_sql_i64(s, 2, dp_party_of_bucket(DP_BUCKET_SERVICE));
	dp_code code;
	while ((code = dp_sql_row(dp_casebook_db(r->f->book), s, fault)) == DP_OK)
		if ((code = read_arrival(r, s, fault)) != DP_OK) break;
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// What went into a bridge that says nowhere which payment is its own. The stolen part is known.
static dp_code read_crossing(const struct reader *r, sqlite3_stmt *s, dp_fault *fault)
{
	dp_link_deposit d = {0};
	DP_TRY(read_side(s, &d.side, fault));
	copy_name(d.service, dp_sql_get_text(s, 8));
	copy_name(d.actor, dp_sql_get_text(s, 8));
	const char *chain = dp_sql_get_text(s, 9), *to = dp_sql_get_text(s, 10);
	const dp_chain *other = dp_chain_find(chain, strlen(chain));
	// A receiver that cannot be read is one that is not stated.
	if (other != NULL && dp_addr_parse(&d.stated, to, strlen(to), other, NULL) != DP_OK)
		d.stated = (dp_addr){0};
	return is_asked_for(r->f, &d, "bridge") ? add_deposit(r->f, &d, fault) : DP_OK;
}

static dp_code read_crossings(struct reader *r, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(r->f->book);
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    db, &s,
	    "select x.chain, x.tx, x.height, x.time, coalesce(x.address,''), '', x.asset, x.units, "
	    "x.protocol, coalesce(x.to_chain,''), coalesce(x.to_address,'') from crossing x where "
	    "x.company in (select company from run where id in (select run from colour where "
	    "incident=?)) and x.store='transit' and coalesce(x.key,'')='' and x.asset is not null "
	    "order by x.time, x.chain, x.tx",
	    fault));
	dp_sql_text(s, 1, r->f->incident);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK)
		if ((code = read_crossing(r, s, fault)) != DP_OK) break;
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_link_deposits(dp_link_find *f, dp_fault *fault)
{
	struct reader r = {.f = f};
	const dp_policy *policy;
	DP_CHECK(f->book != NULL && f->deposit_count == 0);
	dp_code code = dp_casebook_company(f->book, f->incident, &policy, add_case, &r, fault);
	if (code == DP_OK) code = read_arrivals(&r, fault);
	if (code == DP_OK) code = read_crossings(&r, fault);
	for (uint32_t i = 0; i < r.case_count; i++) {
		dp_case_done(r.cases[i]);
		dp_free(r.cases[i]);
	}
	dp_free(r.cases);
	return code;
}

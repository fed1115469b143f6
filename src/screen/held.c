// Stolen money by address, see held.h.
//
// Each casebook gives a list of small events (this holder got, gave, has so much), in the order of
// its flow table. All of them are sorted once by address, case and asset, and added up: what is
// kept does not hang on the order of casebooks, and needs one pass and no table of records.
//
// Amounts are 128 bits here: no asset that dyepack follows has more base units in all, and a
// casebook that says otherwise is refused.
#include "screen/held.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/pages.h"
#include "casebook/casebook.h"
#include "casebook/sql.h"
#include "chain/block.h"
#include "chain/key.h"
#include "taint/policy.h"

typedef enum event_kind { EV_IN = 0, EV_OUT, EV_HAS, EV_HAS_ALL } event_kind;

typedef struct held_event {
	uint32_t place, case_no;
	uint32_t seq; // order of appearance
	dp_asset stolen, asset;
	uint8_t kind;
	bool is_arrival, has_tx;
	uint16_t hops;
	int64_t time;
	dp_u128 units, origin;
	uint8_t tx[32];
} held_event;

// A colour of a run: which case, which stolen asset.
typedef struct held_colour {
	uint32_t case_no;
	dp_asset stolen;
} held_colour;

typedef struct held_holder {
	uint32_t place;
	dp_asset asset;
	uint16_t hops;
} held_holder;

typedef struct held_place {
	dp_addr addr;
	uint32_t first, count; // of its records
} held_place;

// Part of the key beside the place, so that only the right place is looked at.
typedef struct held_slot {
	uint32_t check, place; // place + 1; 0: empty
} held_slot;

struct dp_held {
	dp_held_case *cases;
	uint64_t case_cap;
	uint32_t case_count;
	held_place *place;
	uint64_t place_cap;
	uint32_t place_count;
	held_slot *slot;
	uint64_t slot_count; // a power of two
	// Thieves choose the addresses that casebooks hold, and XXH3 without a key has inputs of
	// which any number fall together.
	uint64_t seed;
	dp_held_record *record;
	uint32_t record_count;
	dp_held_point *point;
	uint32_t point_count;
	dp_arena arena; // texts
};

typedef struct loader {
	dp_held *h;
	sqlite3 *db;
	const char *path;
	dp_fault *fault;
	held_event *event;
	uint64_t event_cap;
	uint32_t event_count;
	// of the run that is being read
	uint32_t run; // counted over all casebooks
	const dp_chain *chain;
	bool is_conserving;
	held_colour *colour;
	uint64_t colour_cap;
	uint32_t colour_count;
	held_holder *holder; // by number
	uint64_t holder_cap;
	uint32_t holder_count;
} loader;

//- places ----------------------------------------------------------------------------------------

static uint64_t key_of(const dp_held *h, const dp_addr *addr)
{
	return XXH3_64bits_withSeed(addr, 2u + addr->len, h->seed);
}

static uint64_t home(const dp_held *h, uint64_t key)
{
	return key & (h->slot_count - 1);
}

static uint32_t check_of(uint64_t key)
{
	return (uint32_t)(key >> 32);
}

// The next slot from *io_at on that has this check, as place + 1; 0: none. *io_at is behind it.
static uint32_t next_place(const dp_held *h, uint64_t *io_at, uint32_t check)
{
	for (;;) {
		const held_slot *s = &h->slot[*io_at];
		*io_at = (*io_at + 1) & (h->slot_count - 1);
		// Ends: the table is never full.
		if (s->place == 0 || s->check == check) return s->place;
	}
}

static uint32_t find_place(const dp_held *h, const dp_addr *addr, uint64_t key)
{
	if (h->slot_count == 0) return UINT32_MAX;
	uint64_t at = home(h, key);
	uint32_t place;
	while ((place = next_place(h, &at, check_of(key))) != 0)
		if (dp_addr_eq(&h->place[place - 1].addr, addr)) return place - 1;
	return UINT32_MAX;
}

static void put_slot(dp_held *h, uint32_t place, uint64_t key)
{
	uint64_t at = home(h, key);
	while (h->slot[at].place != 0) at = (at + 1) & (h->slot_count - 1);
	h->slot[at] = (held_slot){.check = check_of(key), .place = place + 1};
}

static dp_code make_slots(dp_held *h, uint64_t count, dp_fault *fault)
{
	held_slot *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_pages_large(slot, count * sizeof *slot);
	dp_free(h->slot);
	h->slot = slot;
	h->slot_count = count;
	for (uint32_t i = 0; i < h->place_count; i++) put_slot(h, i, key_of(h, &h->place[i].addr));
	return DP_OK;
}

static dp_code add_place(loader *l, uint32_t *ret_place, const dp_addr *addr)
{
	dp_held *h = l->h;
	uint64_t key = key_of(h, addr);
	*ret_place = find_place(h, addr, key);
	if (*ret_place != UINT32_MAX) return DP_OK;
	void *items = h->place;
	DP_TRY(dp_grow(&items, &h->place_cap, sizeof *h->place, (uint64_t)h->place_count + 1,
	               DP_HELD_PLACES_MAX, l->fault));
	h->place = items;
	// At most half full, so that a miss ends soon.
	if (2 * ((uint64_t)h->place_count + 1) > h->slot_count)
		DP_TRY(make_slots(h, h->slot_count == 0 ? 1024 : 2 * h->slot_count, l->fault));
	h->place[h->place_count] = (held_place){.addr = *addr};
	*ret_place = h->place_count++;
	put_slot(h, *ret_place, key);
	return DP_OK;
}

//- one casebook ----------------------------------------------------------------------------------

static dp_code damaged(loader *l, const char *what)
{
	return dp_fail(l->fault, DP_BAD_BYTES, "the casebook is damaged: %s", what);
}

static dp_code keep_text(loader *l, const char **ret_text, const char *text)
{
	*ret_text = dp_arena_text(&l->h->arena, text, strlen(text));
	return *ret_text != NULL ? DP_OK : dp_fail(l->fault, DP_NO_MEMORY, "out of memory");
}

// Runs a query with the run's number and gives each row to `row`.
static dp_code each_row(loader *l, const char *sql, int64_t run,
                        dp_code (*row)(loader *l, sqlite3_stmt *s))
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s, sql, l->fault));
	if (sqlite3_bind_parameter_count(s) > 0) dp_sql_i64(s, 1, run);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, l->fault)) == DP_OK) {
		code = row(l, s);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code asset_of(loader *l, sqlite3_stmt *s, int column, dp_asset *ret_asset)
{
	const char *text = dp_sql_get_text(s, column);
	if (dp_asset_parse(ret_asset, l->chain, text, strlen(text), NULL) == DP_OK) return DP_OK;
	return damaged(l, "it names an asset that is not known");
}

static dp_code amount_of(loader *l, sqlite3_stmt *s, int column, dp_u128 *ret_amount)
{
	dp_u256 v = DP_U256_ZERO;
	DP_TRY(dp_sql_get_amount(s, column, &v, l->fault));
	if (!dp_u256_fits128(v)) return damaged(l, "an amount is greater than any asset has");
	*ret_amount = dp_u256_low128(v);
	return DP_OK;
}

static dp_code case_row(loader *l, sqlite3_stmt *s)
{
	dp_held *h = l->h;
	void *items = h->cases;
	DP_TRY(dp_grow(&items, &h->case_cap, sizeof *h->cases, (uint64_t)h->case_count + 1,
	               DP_HELD_CASES_MAX, l->fault));
	h->cases = items;
	dp_held_case *c = &h->cases[h->case_count];
	const char *chain = dp_sql_get_text(s, 3);
	const dp_policy *policy = dp_policy_find(dp_sql_get_text(s, 2));
	*c = (dp_held_case){.chain = dp_chain_find(chain, strlen(chain)),
	                    .time = sqlite3_column_int64(s, 5),
	                    .height = (uint64_t)sqlite3_column_int64(s, 4),
	                    .run = l->run,
	                    .casebook = l->path};
	if (c->chain == NULL || policy == NULL)
		return damaged(l, "it names a chain or policy that is not known");
	DP_TRY(keep_text(l, &c->incident, dp_sql_get_text(s, 0)));
	DP_TRY(keep_text(l, &c->title, dp_sql_get_text(s, 1)));
	c->policy = policy->name;
	l->chain = c->chain;
	l->is_conserving = c->is_conserving = policy->conserving;
	h->case_count++;
	return DP_OK;
}

static dp_code colour_row(loader *l, sqlite3_stmt *s)
{
	int64_t no = sqlite3_column_int64(s, 0);
	if (no < 1 || no > UINT16_MAX) return damaged(l, "a colour has no number");
	void *items = l->colour;
	DP_TRY(dp_grow(&items, &l->colour_cap, sizeof *l->colour, (uint64_t)no + 1, UINT16_MAX + 1,
	               l->fault));
	l->colour = items;
	for (; l->colour_count <= no; l->colour_count++)
		l->colour[l->colour_count] = (held_colour){.case_no = UINT32_MAX};
	held_colour *c = &l->colour[no];
	const char *incident = dp_sql_get_text(s, 1);
	// Cases of this run stand at the end of the list.
	for (uint32_t i = l->h->case_count; i-- > 0;)
		if (l->h->cases[i].casebook == l->path &&
		    strcmp(l->h->cases[i].incident, incident) == 0) {
			c->case_no = i;
			return asset_of(l, s, 2, &c->stolen);
		}
	return damaged(l, "a colour is of no case");
}

static dp_code holder_row(loader *l, sqlite3_stmt *s)
{
	int64_t no = sqlite3_column_int64(s, 0);
	const char *text = dp_sql_get_text(s, 1);
	dp_addr addr;
	if (no < 1 || no > INT32_MAX) return damaged(l, "a holder has no number");
	void *items = l->holder;
	DP_TRY(dp_grow(&items, &l->holder_cap, sizeof *l->holder, (uint64_t)no + 1, INT32_MAX,
	               l->fault));
	l->holder = items;
	for (; l->holder_count <= no; l->holder_count++)
		l->holder[l->holder_count] = (held_holder){.place = UINT32_MAX};
	held_holder *h = &l->holder[no];
	if (dp_addr_parse(&addr, text, strlen(text), l->chain, NULL) != DP_OK)
		return damaged(l, "a holder's address is none");
	int64_t hops = sqlite3_column_int64(s, 3);
	h->hops = hops < 0 || hops >= UINT16_MAX ? UINT16_MAX - 1 : (uint16_t)hops;
	DP_TRY(asset_of(l, s, 2, &h->asset));
	return add_place(l, &h->place, &addr);
}

static dp_code add_event(loader *l, const held_event *event)
{
	void *items = l->event;
	DP_TRY(dp_grow(&items, &l->event_cap, sizeof *l->event, (uint64_t)l->event_count + 1,
	               DP_HELD_EVENTS_MAX, l->fault));
	l->event = items;
	l->event[l->event_count] = *event;
	l->event[l->event_count].seq = l->event_count;
	l->event_count++;
	return DP_OK;
}

// The case and stolen asset of a row's colour; false: clean units.
static dp_code colour_of(loader *l, int64_t no, held_event *io_event, bool *ret_is)
{
	*ret_is = no != 0;
	if (no == 0) return DP_OK;
	if (no < 0 || no >= l->colour_count || l->colour[no].case_no == UINT32_MAX)
		return damaged(l, "a flow has a colour that is not there");
	io_event->case_no = l->colour[no].case_no;
	io_event->stolen = l->colour[no].stolen;
	return DP_OK;
}

static dp_code holder_of(loader *l, int64_t no, const held_holder **ret_holder)
{
	if (no >= l->holder_count || l->holder[no].place == UINT32_MAX)
		return damaged(l, "a holder is not there");
	*ret_holder = &l->holder[no];
	return DP_OK;
}

static dp_code add_arrival(loader *l, sqlite3_stmt *s, held_event *e, int64_t src)
{
	const char *text = dp_sql_get_text(s, 4);
	dp_addr addr;
	if (dp_addr_parse(&addr, text, strlen(text), l->chain, NULL) != DP_OK) return DP_OK;
	DP_TRY(asset_of(l, s, 8, &e->asset));
	DP_TRY(add_place(l, &e->place, &addr));
	// UTXO flows come out of the transaction: how far its inputs were is not in this row.
	e->hops =
	    src > 0 && src < l->holder_count ? (uint16_t)(l->holder[src].hops + 1) : UINT16_MAX;
	e->is_arrival = true;
	e->kind = EV_IN;
	return add_event(l, e);
}

// time, tx, src, dst, address, colour, units, origin, asset
static dp_code flow_row(loader *l, sqlite3_stmt *s)
{
	held_event e = {.time = sqlite3_column_int64(s, 0)};
	int64_t src = sqlite3_column_int64(s, 2), dst = sqlite3_column_int64(s, 3);
	const held_holder *holder = NULL;
	bool is_tainted = false;
	DP_TRY(colour_of(l, sqlite3_column_int64(s, 5), &e, &is_tainted));
	if (!is_tainted || src == dst) return DP_OK;
	DP_TRY(amount_of(l, s, 6, &e.units));
	DP_TRY(amount_of(l, s, 7, &e.origin));
	const char *tx = dp_sql_get_text(s, 1);
	e.has_tx = tx[0] != 0 && dp_txid_parse(e.tx, tx, strlen(tx), l->chain, NULL) == DP_OK;
	if (src > 0 && l->is_conserving) {
		DP_TRY(holder_of(l, src, &holder));
		e.kind = EV_OUT;
		e.place = holder->place;
		e.asset = holder->asset;
		e.hops = holder->hops;
		DP_TRY(add_event(l, &e));
	}
	if (dst == dp_party_of_bucket(DP_BUCKET_SERVICE) ||
	    dst == dp_party_of_bucket(DP_BUCKET_MIXER))
		return add_arrival(l, s, &e, src);
	if (dst <= 0) return DP_OK;
	DP_TRY(holder_of(l, dst, &holder));
	e.kind = EV_IN;
	e.place = holder->place;
	e.asset = holder->asset;
	e.hops = holder->hops;
	return add_event(l, &e);
}

// no, colour, units, origin: what is held now, clean units (colour 0) too.
static dp_code parcel_row(loader *l, sqlite3_stmt *s)
{
	held_event e = {.kind = EV_HAS, .time = INT64_MAX};
	const held_holder *holder = NULL;
	bool is_tainted = false;
	DP_TRY(holder_of(l, sqlite3_column_int64(s, 0), &holder));
	DP_TRY(colour_of(l, sqlite3_column_int64(s, 1), &e, &is_tainted));
	DP_TRY(amount_of(l, s, 2, &e.units));
	DP_TRY(amount_of(l, s, 3, &e.origin));
	e.place = holder->place;
	e.asset = holder->asset;
	e.hops = holder->hops;
	if (is_tainted) return add_event(l, &e);
	// Clean units beside stolen ones: of every case of this run that the holder has money of.
	e.kind = EV_HAS_ALL;
	e.case_no = UINT32_MAX;
	e.time = l->run;
	return add_event(l, &e);
}

static dp_code read_run(loader *l, int64_t run)
{
	l->colour_count = l->holder_count = 0;
	l->chain = NULL;
	l->run++;
	DP_TRY(each_row(l,
	                "select c.incident, c.title, r.policy, r.chain, ifnull(r.height,0), "
	                "ifnull(r.time,0) from cases c join run r on r.id=c.run where c.run=? "
	                "order by c.position",
	                run, case_row));
	if (l->chain == NULL) return DP_OK;
	DP_TRY(
	    each_row(l, "select colour, incident, asset from colour where run=?", run, colour_row));
	DP_TRY(each_row(l, "select no, address, asset, hop from holder where run=? order by no",
	                run, holder_row));
	DP_TRY(each_row(l,
	                "select time, tx, src, dst, address, colour, units, origin, asset from "
	                "flow where run=? order by seq",
	                run, flow_row));
	return each_row(l,
	                "select no, colour, units, origin from parcel where run=? order by no, pos",
	                run, parcel_row);
}

enum { RUNS_MAX = 100000 };

// The number that a query gives in its one row.
static dp_code number_of(loader *l, const char *sql, int *ret_number)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s, sql, l->fault));
	dp_code code = dp_sql_row(l->db, s, l->fault);
	*ret_number = code == DP_OK ? sqlite3_column_int(s, 0) : 0;
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code check_version(loader *l)
{
	int tables = 0, version = 0;
	DP_TRY(number_of(l,
	                 "select count(*) from sqlite_master where name in "
	                 "('meta','run','cases','colour','holder','parcel','flow')",
	                 &tables));
	if (tables != 7) return dp_fail(l->fault, DP_BAD_BYTES, "this is no casebook");
	DP_TRY(number_of(l, "select version from meta", &version));
	// What columns mean may differ in another format: amounts would be wrong, silently.
	if (version != DP_CASEBOOK_VERSION)
		return dp_fail(l->fault, DP_BAD_BYTES,
		               "the casebook has format %d, this dyepack reads format %d", version,
		               DP_CASEBOOK_VERSION);
	return DP_OK;
}

static dp_code read_casebook(loader *l)
{
	sqlite3_stmt *s;
	dp_code code;
	DP_TRY(check_version(l));
	DP_TRY(dp_sql_prepare(l->db, &s, "select id from run order by id", l->fault));
	for (uint32_t i = 0; (code = dp_sql_row(l->db, s, l->fault)) == DP_OK; i++) {
		code = i < RUNS_MAX ? read_run(l, sqlite3_column_int64(s, 0))
		                    : dp_fail(l->fault, DP_LIMIT, "more than 100000 runs");
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static dp_code open_casebook(loader *l, const char *path)
{
	DP_TRY(keep_text(l, &l->path, path));
	dp_code code = DP_OK;
	if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		code = l->db == NULL ? dp_fail(l->fault, DP_NO_MEMORY, "out of memory")
		                     : dp_fail(l->fault, DP_IO, "cannot open the casebook: %s",
		                               sqlite3_errmsg(l->db));
	if (code == DP_OK) {
		(void)sqlite3_busy_timeout(l->db, 5000);
		// All tables of one moment, whoever writes meanwhile.
		code = dp_sql_run(l->db, "begin", l->fault);
	}
	if (code == DP_OK) code = read_casebook(l);
	(void)sqlite3_close(l->db);
	l->db = NULL;
	if (code != DP_OK) dp_fault_file(l->fault, path);
	return code;
}

//- adding up -------------------------------------------------------------------------------------

// Kinds of assets by number do not spread over places, so sorting goes by what is asked: place.
static int by_record(const void *a, const void *b)
{
	const held_event *x = a, *y = b;
	if (x->place != y->place) return x->place < y->place ? -1 : 1;
	if (x->case_no != y->case_no) return x->case_no < y->case_no ? -1 : 1;
	if (x->stolen.v != y->stolen.v) return x->stolen.v < y->stolen.v ? -1 : 1;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	if (x->is_arrival != y->is_arrival) return x->is_arrival ? 1 : -1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static bool same_record(const held_event *x, const held_event *y)
{
	return x->place == y->place && x->case_no == y->case_no && x->stolen.v == y->stolen.v &&
	       x->asset.v == y->asset.v && x->is_arrival == y->is_arrival;
}

static void start_record(dp_held *h, const held_event *e)
{
	h->record[h->record_count++] = (dp_held_record){.case_no = e->case_no,
	                                                .point_first = h->point_count,
	                                                .stolen = e->stolen,
	                                                .asset = e->asset,
	                                                .hops = e->hops,
	                                                .is_arrival = e->is_arrival,
	                                                .since = e->time};
}

// A casebook in which more went out than came in is damaged; what is held is then nothing.
static dp_u128 less(dp_u128 a, dp_u128 b)
{
	return a > b ? a - b : 0;
}

static void add_to_record(dp_held *h, const held_event *e)
{
	dp_held_record *r = &h->record[h->record_count - 1];
	if (e->hops < r->hops) r->hops = e->hops;
	if (e->kind == EV_HAS) {
		r->units += e->units;
		r->origin += e->origin;
		return;
	}
	if (e->kind == EV_IN && r->last.most_units == 0) {
		r->since = e->time;
		r->has_tx = e->has_tx;
		memcpy(r->tx, e->tx, sizeof r->tx);
	}
	dp_held_point next = r->last; // zeros before the first
	if (e->kind == EV_IN) {
		next.units += e->units;
		next.origin += e->origin;
		if (next.units > next.most_units) {
			next.most_units = next.units;
			next.most_origin = next.origin;
		}
	} else {
		next.units = less(next.units, e->units);
		next.origin = less(next.origin, e->origin);
	}
	// Times go back a little at times; what counts is the order of blocks.
	next.time = r->has_last && r->last.time > e->time ? r->last.time : e->time;
	if (r->has_last && r->last.time != next.time) {
		h->point[h->point_count++] = r->last;
		r->point_count++;
	}
	r->last = next;
	r->has_last = true;
}

// Clean units were noted without a case: they belong to the same address and asset. Each run tells
// the whole of what is held: two runs over the same blocks tell the same money twice, so what one
// of them says is no part of what the other one calls all.
static void add_clean(dp_held *h, uint32_t place, const held_event *event, uint32_t count)
{
	for (uint32_t i = h->place[place].first; i < h->record_count; i++) {
		dp_held_record *r = &h->record[i];
		if (r->is_arrival) continue;
		for (uint32_t k = 0; k < count; k++) {
			uint32_t run = h->cases[r->case_no].run;
			bool clean = event[k].kind == EV_HAS_ALL && event[k].time == run;
			bool held = event[k].kind == EV_HAS &&
			            h->cases[event[k].case_no].run == run &&
			            h->cases[r->case_no].is_conserving;
			if ((clean || held) && event[k].asset.v == r->asset.v)
				r->all_units += event[k].units;
		}
	}
}

static dp_code add_up(loader *l)
{
	dp_held *h = l->h;
	uint64_t n = l->event_count;
	h->record = dp_alloc((n + 1) * sizeof *h->record);
	h->point = dp_alloc((n + 1) * sizeof *h->point);
	if (h->record == NULL || h->point == NULL)
		return dp_fail(l->fault, DP_NO_MEMORY, "out of memory");
	dp_pages_large(h->record, (n + 1) * sizeof *h->record);
	if (n > 0) qsort(l->event, n, sizeof *l->event, by_record);
	uint32_t i = 0;
	for (uint32_t place = 0; place < h->place_count; place++) {
		uint32_t begin = i;
		h->place[place].first = h->record_count;
		for (; i < n && l->event[i].place == place; i++) {
			const held_event *e = &l->event[i];
			if (e->case_no == UINT32_MAX) continue;
			if (i == begin || !same_record(e, e - 1)) start_record(h, e);
			add_to_record(h, e);
		}
		h->place[place].count = h->record_count - h->place[place].first;
		add_clean(h, place, l->event + begin, i - begin);
	}
	DP_CHECK(i == n);
	// What was set aside for the most there could be goes back.
	void *less_records = dp_realloc(h->record, (h->record_count + 1) * sizeof *h->record);
	if (less_records != NULL) h->record = less_records;
	void *less_points = dp_realloc(h->point, (h->point_count + 1) * sizeof *h->point);
	if (less_points != NULL) h->point = less_points;
	return DP_OK;
}

dp_code dp_held_load(dp_held **ret_held, const char *const *path, uint32_t count, dp_fault *fault)
{
	DP_CHECK(ret_held != NULL && (path != NULL || count == 0));
	dp_held *h = dp_alloc(sizeof *h);
	if (h == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	// Without the kernel's help the table still works, only a patient enemy could slow it.
	if (getrandom(&h->seed, sizeof h->seed, 0) != (ssize_t)sizeof h->seed)
		h->seed = 0x6479657061636b34;
	loader l = {.h = h, .fault = fault};
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < count && code == DP_OK; i++) code = open_casebook(&l, path[i]);
	if (code == DP_OK) code = add_up(&l);
	dp_free(l.event);
	dp_free(l.colour);
	dp_free(l.holder);
	if (code != DP_OK) {
		dp_held_free(h);
		return code;
	}
	*ret_held = h;
	return DP_OK;
}

void dp_held_free(dp_held *h)
{
	if (h == NULL) return;
	dp_free(h->cases);
	dp_free(h->place);
	dp_free(h->slot);
	dp_free(h->record);
	dp_free(h->point);
	dp_arena_done(&h->arena);
	dp_free(h);
}

//- asking ----------------------------------------------------------------------------------------

static const dp_held_record *records_of(const dp_held *h, uint32_t place, uint32_t *ret_count)
{
	*ret_count = place == UINT32_MAX ? 0 : h->place[place].count;
	return *ret_count > 0 ? &h->record[h->place[place].first] : NULL;
}

const dp_held_record *dp_held_find(const dp_held *h, const dp_addr *addr, uint32_t *ret_count)
{
	DP_CHECK(h != NULL && ret_count != NULL);
	return records_of(h, find_place(h, addr, key_of(h, addr)), ret_count);
}

// Places and records lie across lines of the cache: all of them are fetched.
static inline void fetch(const void *memory, size_t size)
{
	const uint8_t *p = memory;
	for (size_t i = 0; i < size; i += 64) __builtin_prefetch(p + i);
	__builtin_prefetch(p + size - 1);
}

void dp_held_ask(const dp_held *h, dp_held_question *ret_question, const dp_addr *addr)
{
	DP_CHECK(h != NULL && ret_question != NULL);
	uint64_t key = key_of(h, addr);
	*ret_question = (dp_held_question){.key = key, .place = UINT32_MAX};
	if (h->slot_count > 0) __builtin_prefetch(&h->slot[home(h, key)]);
}

void dp_held_ask_place(const dp_held *h, dp_held_question *io_question)
{
	DP_CHECK(h != NULL && io_question != NULL);
	if (h->slot_count == 0) return;
	uint64_t at = home(h, io_question->key);
	uint32_t place = next_place(h, &at, check_of(io_question->key));
	if (place == 0) return;
	io_question->place = place - 1;
	fetch(&h->place[place - 1], sizeof *h->place);
}

void dp_held_ask_records(const dp_held *h, dp_held_question *io_question, const dp_addr *addr)
{
	DP_CHECK(h != NULL && io_question != NULL);
	dp_held_question *q = io_question;
	if (q->place == UINT32_MAX) return;
	// Whose check is the same need not be the same address: then the long way.
	if (!dp_addr_eq(&h->place[q->place].addr, addr)) q->place = find_place(h, addr, q->key);
	q->record = records_of(h, q->place, &q->count);
	if (q->count > 0) fetch(q->record, sizeof *q->record);
}

bool dp_held_at(const dp_held *h, const dp_held_record *record, int64_t time,
                dp_held_point *ret_point)
{
	if (!record->has_last) return false;
	if (record->last.time <= time) {
		*ret_point = record->last;
		return true;
	}
	const dp_held_point *p = h->point + record->point_first;
	uint32_t low = 0, high = record->point_count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (p[mid].time <= time)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0) return false;
	*ret_point = p[low - 1];
	return true;
}

uint32_t dp_held_case_count(const dp_held *h)
{
	return h->case_count;
}

const dp_held_case *dp_held_case_at(const dp_held *h, uint32_t case_no)
{
	DP_CHECK(case_no < h->case_count);
	return &h->cases[case_no];
}

uint32_t dp_held_place_count(const dp_held *h)
{
	return h->place_count;
}

const dp_addr *dp_held_place(const dp_held *h, uint32_t index)
{
	DP_CHECK(index < h->place_count);
	return &h->place[index].addr;
}

uint64_t dp_held_memory(const dp_held *h)
{
	return h->case_cap * sizeof *h->cases + h->place_cap * sizeof *h->place +
	       h->slot_count * sizeof *h->slot +
	       ((uint64_t)h->record_count + 1) * sizeof *h->record +
	       ((uint64_t)h->point_count + 1) * sizeof *h->point;
}

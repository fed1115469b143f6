// How fast does a payment find its deposits? A million deposits of one asset wait; payments come
// one after the other. Two worlds:
//
//   day    the deposits lie over a day, the window is an hour: as at a large swapper
//   hour   all of them lie within the window, at one service: the worst there is
//
// Beside three peers on the same data in the same run: looking at every deposit in the window,
// which is what "candidates in the window" comes to without an index by amount (in order of time,
// binary search for the window's ends); SQLite in memory with an index on (service, asset, time);
// SQLite with an index on (service, asset, amount). And beside the machine: the time of as many
// reads of one line of the cache at random places as a payment has chunks and candidates to look
// at, which no structure of this kind can go below.
//
// Goal: 10,000 payments a second (asserted in the world `day`). All four find the same number of
// candidates (asserted). Each figure is the best of several rounds.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/match.h"

enum { DEPOSITS = 1000000, PAYMENTS = 20000, SLOW_PAYMENTS = 40, ROUNDS = 3, GOAL = 10000 };

static const int64_t BEGIN = 1740000000;

typedef struct world {
	const char *name;
	int64_t span; // seconds over which the deposits lie
	dp_match_deposit *deposit;
	dp_match_payment *payment;
	dp_match_model model;
} world;

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	fprintf(stderr, "bench_match: %s\n", fault->text);
	exit(1);
}

// splitmix64
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

// From 10^16 to 10^20 wei, as many in each power of ten: what people change.
static uint64_t wei(uint64_t number)
{
	uint64_t v = 10000000000000000u;
	for (uint64_t i = mix(number * 3) % 3; i > 0; i--) v *= 10;
	return v + mix(number * 3 + 1) % (v * 9);
}

static void make(world *w)
{
	dp_asset ether = dp_asset_native(dp_chain_find("ethereum", 8));
	w->deposit = dp_alloc(DEPOSITS * sizeof *w->deposit);
	w->payment = dp_alloc(PAYMENTS * sizeof *w->payment);
	DP_CHECK(w->deposit != NULL && w->payment != NULL);
	w->model = *dp_match_model_find("swapper");
	w->model.t_max = 3600;
	w->model.fee_max = 20000;
	w->model.fixed_cents = 0;
	for (uint64_t i = 0; i < DEPOSITS; i++)
		w->deposit[i] =
		    (dp_match_deposit){.no = i,
		                       .asset = ether,
		                       .amount = dp_u256_of(wei(i)),
		                       .time = BEGIN + (int64_t)(i * (uint64_t)w->span / DEPOSITS)};
	for (uint64_t i = 0; i < PAYMENTS; i++) {
		const dp_match_deposit *d = &w->deposit[mix(i) % DEPOSITS];
		uint64_t out = d->amount.w[0] - d->amount.w[0] / 200;
		w->payment[i] = (dp_match_payment){.no = i,
		                                   .asset = ether,
		                                   .amount = dp_u256_of(out),
		                                   .time = d->time + (int64_t)(mix(i * 7) % 1800)};
		// In the hour, behind all deposits: nobody's window is cut.
		if (w->span < 3600) w->payment[i].time = BEGIN + w->span;
	}
}

//- ours ------------------------------------------------------------------------------------------

static double ours(const world *w, dp_match *m, uint64_t *ret_found, uint32_t payments)
{
	double best = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t found = 0;
		double begin = now_s();
		for (uint32_t i = 0; i < payments; i++) {
			dp_match_result r;
			dp_match_ask(m, &r, &w->payment[i]);
			found += r.count;
		}
		double took = now_s() - begin;
		if (took < best) best = took;
		*ret_found = found;
	}
	return best / payments;
}

//- peers -----------------------------------------------------------------------------------------

// The window by binary search, then every deposit in it.
static double naive(const world *w, uint64_t *ret_found)
{
	uint64_t found = 0;
	double begin = now_s();
	for (uint32_t i = 0; i < SLOW_PAYMENTS; i++) {
		const dp_match_payment *p = &w->payment[i];
		uint64_t low = 0, high = DEPOSITS;
		dp_match_result r = {0};
		while (low < high) {
			uint64_t middle = low + (high - low) / 2;
			if (w->deposit[middle].time < p->time - w->model.t_max)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < DEPOSITS && w->deposit[low].time <= p->time; low++) {
			dp_match_score s;
			if (!dp_match_compare(&s, &w->model, NULL, &w->deposit[low], p)) continue;
			s.no = low;
			dp_match_add(&r, &s);
		}
		dp_match_judge(&r);
		found += r.count;
	}
	*ret_found = found;
	return (now_s() - begin) / SLOW_PAYMENTS;
}

static sqlite3 *load(const world *w, const char *index)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	char sql[200];
	DP_CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
	(void)snprintf(sql, sizeof sql,
	               "create table d(no integer primary key, service, asset, amount, time);"
	               "create index i on d(service, asset, %s); begin",
	               index);
	DP_CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	DP_CHECK(sqlite3_prepare_v2(db, "insert into d values(?,0,?,?,?)", -1, &s, NULL) ==
	         SQLITE_OK);
	for (uint64_t i = 0; i < DEPOSITS; i++) {
		const dp_match_deposit *d = &w->deposit[i];
		(void)sqlite3_bind_int64(s, 1, (sqlite3_int64)i);
		(void)sqlite3_bind_int(s, 2, d->asset.v);
		// Below 2^63, other than amounts in general: SQLite has no larger integers.
		(void)sqlite3_bind_int64(s, 3, (sqlite3_int64)(d->amount.w[0] >> 8));
		(void)sqlite3_bind_int64(s, 4, d->time);
		DP_CHECK(sqlite3_step(s) == SQLITE_DONE);
		(void)sqlite3_reset(s);
	}
	(void)sqlite3_finalize(s);
	DP_CHECK(sqlite3_exec(db, "commit; analyze", NULL, NULL, NULL) == SQLITE_OK);
	return db;
}

// The rows of the coarse band; the exact rule on each.
static double sqlite(const world *w, const char *index, uint64_t *ret_found)
{
	sqlite3 *db = load(w, index);
	sqlite3_stmt *s;
	uint64_t found = 0;
	DP_CHECK(sqlite3_prepare_v2(db,
	                            "select no from d where service=0 and asset=? and time between "
	                            "? and ? and amount between ? and ?",
	                            -1, &s, NULL) == SQLITE_OK);
	double begin = now_s();
	for (uint32_t i = 0; i < SLOW_PAYMENTS; i++) {
		const dp_match_payment *p = &w->payment[i];
		uint64_t out = p->amount.w[0];
		dp_match_result r = {0};
		(void)sqlite3_bind_int(s, 1, p->asset.v);
		(void)sqlite3_bind_int64(s, 2, p->time - w->model.t_max);
		(void)sqlite3_bind_int64(s, 3, p->time);
		(void)sqlite3_bind_int64(s, 4, (sqlite3_int64)(out >> 8));
		(void)sqlite3_bind_int64(s, 5, (sqlite3_int64)((out + out / 48 + 256) >> 8));
		while (sqlite3_step(s) == SQLITE_ROW) {
			dp_match_score score;
			int64_t no = sqlite3_column_int64(s, 0);
			if (!dp_match_compare(&score, &w->model, NULL, &w->deposit[no], p))
				continue;
			score.no = (uint64_t)no;
			dp_match_add(&r, &score);
		}
		(void)sqlite3_reset(s);
		dp_match_judge(&r);
		found += r.count;
	}
	double took = (now_s() - begin) / SLOW_PAYMENTS;
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(db);
	*ret_found = found;
	return took;
}

// Seconds for one read of a line at a random place of as much memory as the deposits take, many in
// flight at once, as the search has them.
static double line_s(void)
{
	enum { READS = 4000000 };
	size_t lines = DEPOSITS * sizeof(dp_match_deposit) / 64;
	uint64_t *memory = dp_alloc(lines * 64), sum = 0;
	double best = 1e9;
	DP_CHECK(memory != NULL);
	for (size_t i = 0; i < lines; i++) memory[i * 8] = i;
	for (int round = 0; round < ROUNDS; round++) {
		double begin = now_s();
		for (uint64_t i = 0; i < READS; i++) sum += memory[mix(i) % lines * 8];
		double took = (now_s() - begin) / READS;
		if (took < best) best = took;
	}
	if (sum == 1) printf(" "); // so that the reads are not thought away
	dp_free(memory);
	return best;
}

//- all -------------------------------------------------------------------------------------------

static void row(const char *what, double seconds, double mine)
{
	printf("  %-34s %10.1f us %12.0f payments/s   %8.1f times ours\n", what, seconds * 1e6,
	       1 / seconds, seconds / mine);
}

static void run(world *w)
{
	dp_match *m;
	dp_fault fault = {0};
	uint64_t all, few, other[3];
	make(w);
	must(dp_match_new(&m, &w->model, NULL, &fault), &fault);
	double begin = now_s();
	for (uint64_t i = 0; i < DEPOSITS; i++)
		must(dp_match_deposit_add(m, &w->deposit[i], &fault), &fault);
	double added = now_s() - begin;
	(void)ours(w, m, &few, SLOW_PAYMENTS);
	double mine = ours(w, m, &all, PAYMENTS);
	double times[3] = {naive(w, &other[0]), sqlite(w, "time", &other[1]),
	                   sqlite(w, "amount", &other[2])};
	for (int i = 0; i < 3; i++) DP_CHECK(other[i] == few);
	double in_window = w->span < 3600 ? DEPOSITS : (double)DEPOSITS * 3600 / (double)w->span;
	double touched = in_window / DP_MATCH_CHUNK * 6 + (double)all / PAYMENTS;
	printf("%s: %d deposits, %.0f in the window, %.0f candidates a payment\n", w->name,
	       DEPOSITS, in_window, (double)all / PAYMENTS);
	row("ours", mine, mine);
	row("every deposit in the window", times[0], mine);
	row("SQLite, index on time", times[1], mine);
	row("SQLite, index on amount", times[2], mine);
	row("the machine: reads of those lines", touched * line_s(), mine);
	printf("  %-34s %10.3f us %12.0f deposits/s\n", "adding", added / DEPOSITS * 1e6,
	       DEPOSITS / added);
	if (w->span > 3600 && 1 / mine < GOAL) {
		fprintf(stderr, "bench_match: fewer than %d payments a second\n", GOAL);
		exit(1);
	}
	dp_match_free(m);
	dp_free(w->deposit);
	dp_free(w->payment);
}

int main(void)
{
	world worlds[] = {{.name = "day", .span = 86400}, {.name = "hour", .span = 1800}};
	for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++) run(&worlds[i]);
	return 0;
}

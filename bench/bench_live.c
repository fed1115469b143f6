// How soon does somebody hear of it? A casebook on disk follows a chain at its tip: 1,000 thefts, a
// million holders of what was stolen, and busy blocks (bench/ledger_live.c) of 5,000 movements of
// which some dozens touch a holder and a few reach an exchange.
//
//   alert      from a block's JSON in memory to the alert in the outbox, committed on disk. The
//              functions are those of the source "evm-rpc" (parse, prove, decode, build), called
//              here without a connection; everything behind them is dp_live_step. By parts; all
//              cases in one company, and in 50
//   beside it  what the machine asks for the same: plain cJSON_Parse of the same text, and one
//              write and fsync of as many bytes as the commit wrote
//   apply      the engine alone, 10,000 thefts in one company
//   raise      alerts recorded in a second, where every movement of a block is worth one
//   restart    from nothing to "at the tip", with that casebook; and what it takes of memory:
//              `dyepack follow` itself, at a node of this program
//   month      216,000 blocks, of which every hundredth touches a holder: memory at both ends
//   catch-up   `dyepack follow --once` from a ledger, beside `dyepack trace`
//
// Figures of one run vary with what else the machine does: shares beside a limit were measured by
// turns with it. One argument or more (alert, companies, apply, raise, restart, month, catch-up):
// only these parts. LIVE_BLOCKS: how many blocks (300); LIVE_MONTH: of the month (216,000).
#ifdef DP_HAVE_CJSON
#include <cjson/cJSON.h>
#endif
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alert/advice.h"
#include "alert/rules.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "bench/ledger_live.h"
#include "bench/ledger_rival.h"
#include "casebook/docket.h"
#include "chain/ethereum.h"
#include "live/live.h"
#include "source/evm_json.h"
#include "source/evm_proof.h"

enum { BLOCKS_MAX = 300000, PATH_SIZE = 4096, RECEIPTS_MAX = 4000 };
enum { TXS = 1230, TOUCHING = 40, ARRIVALS = 4, MONTH = 216000 };

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool check(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fprintf(stderr, "bench: %s\n", fault->text);
	return code == DP_OK;
}

static char folder[PATH_SIZE / 2];

static const char *path_of(const char *name)
{
	static char path[2][PATH_SIZE];
	static int turn;
	turn = !turn;
	(void)snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	return path[turn];
}

//- the chain -------------------------------------------------------------------------------------

// What the sources give: the blocks of the spreading, then busy ones out of JSON, then small ones.
typedef struct world {
	ll_world ll;
	uint32_t tip;        // blocks that are there
	uint8_t (*hash)[32]; // of those behind the spreading
	ll_busy busy;        // the newest, where it is one
	bool is_busy;
	dp_block_builder small;
	const dp_block *block; // the newest, where it is no busy one
	int64_t time;          // of the newest
} world;

// When what happened, in seconds: of one block.
typedef struct marks {
	double begin, parsed, proven, built, applied, told, saving, saved;
	bool is_on;
} marks;

typedef struct setting {
	world *world;
	dp_live *live;
	marks marks;
	bool has_rules;
	uint32_t alerts;
	int64_t clock_ms; // the time as it is made up; 0: it is the machine's
} setting;

typedef struct tip_source {
	dp_source base; // first
	setting *set;
	uint32_t next;
	dp_evm_proof proof, receipt_proof;
	dp_evm_block evm;
	dp_block_builder builder;
} tip_source;

static void hash_of(const world *w, uint8_t ret_hash[32], uint32_t i)
{
	if (i < w->ll.spread)
		ll_hash(ret_hash, i);
	else
		memcpy(ret_hash, w->hash[i - w->ll.spread], 32);
}

//- from JSON to a block, as source/evm_rpc.c does it -------------------------------------------

static dp_json *parse(const ln_text *t)
{
	dp_json *doc;
	dp_fault fault;
	bool is_good =
	    check(dp_json_parse(&doc, (const char *)t->bytes.b, t->bytes.n, &fault), &fault);
	DP_CHECK(is_good);
	return doc;
}

typedef struct work {
	tip_source *s;
	dp_json *doc[LL_ANSWERS];
	const dp_json *receipt[RECEIPTS_MAX];
	uint32_t count;
	bool proven[2];
	dp_code code[3];
	dp_fault fault[3];
} work;

static void prove_piece(void *context, uint64_t piece)
{
	work *w = context;
	tip_source *s = w->s;
	if (piece == 0) {
		w->code[0] =
		    dp_evm_proof_receipts(&s->receipt_proof, &w->proven[0], w->doc[LL_BLOCK],
		                          w->receipt, w->count, &w->fault[0]);
		return;
	}
	w->code[1] = dp_evm_proof_block(&s->proof, &w->proven[1], w->doc[LL_BLOCK], &w->fault[1]);
	w->code[2] = dp_evm_json_receipts(&s->evm, w->receipt, w->count, &w->fault[2]);
}

// In the steps of evm_rpc.c, with as many threads.
static void decode(tip_source *s, const dp_block **ret_block)
{
	static work w;
	const ll_busy *b = &s->set->world->busy;
	marks *m = &s->set->marks;
	dp_fault fault;
	uint64_t gaps = 0;
	m->begin = now_s();
	w.s = s;
	for (uint32_t i = 0; i < LL_ANSWERS; i++) w.doc[i] = parse(&b->answer[i]);
	m->parsed = now_s();
	dp_code code =
	    dp_evm_json_block(&s->evm, s->base.chain, b->number, w.doc[LL_BLOCK], &fault);
	bool is_good = check(code, &fault);
	w.count = 0;
	for (const dp_json *r = dp_json_first(w.doc[LL_RECEIPTS]); r != NULL; r = dp_json_next(r))
		w.receipt[w.count++] = r;
	s->proof.is_strict = s->receipt_proof.is_strict = true;
	dp_team_run(2, 2, prove_piece, &w);
	for (uint32_t i = 0; i < 3; i++) is_good = check(w.code[i], &w.fault[i]) && is_good;
	DP_CHECK(is_good && w.proven[0] && w.proven[1]);
	m->proven = now_s();
	code = dp_evm_json_calls(&s->evm, w.doc[LL_CALLS], &fault);
	if (code == DP_OK) code = dp_evm_build(&s->builder, ret_block, &gaps, &s->evm, &fault);
	is_good = check(code, &fault);
	DP_CHECK(is_good);
	for (uint32_t i = 0; i < LL_ANSWERS; i++) dp_json_free(w.doc[i]);
	m->built = now_s();
	m->is_on = true;
	m->applied = m->saving = m->saved = 0;
}

//- a source --------------------------------------------------------------------------------------

static dp_code tip_next(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	tip_source *s = (tip_source *)base;
	world *w = s->set->world;
	(void)fault;
	if (s->next >= w->tip) return DP_END;
	if (s->next < w->ll.spread)
		ll_block(ret_block, &s->builder, &w->ll, s->next);
	else if (w->is_busy)
		decode(s, ret_block);
	else
		*ret_block = w->block;
	// Only the newest of those behind the spreading is kept.
	DP_CHECK(s->next < w->ll.spread || s->next + 1 == w->tip);
	s->next++;
	base->stats.height_last = LL_HEIGHT_FIRST + w->tip - 1;
	return DP_OK;
}

static void tip_close(dp_source *base)
{
	tip_source *s = (tip_source *)base;
	dp_evm_proof_done(&s->proof);
	dp_evm_proof_done(&s->receipt_proof);
	dp_evm_done(&s->evm);
	dp_builder_done(&s->builder);
	dp_free(s);
}

static dp_code tip_opening(dp_source *s, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                           dp_asset asset, uint64_t height, dp_fault *fault)
{
	(void)s, (void)addr, (void)asset, (void)height, (void)fault;
	*ret_known = true;
	*ret_amount = DP_U256_ZERO;
	return DP_OK;
}

static dp_code tip_hash_at(dp_source *base, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                           dp_fault *fault)
{
	const world *w = ((tip_source *)base)->set->world;
	(void)fault;
	*ret_known = height >= LL_HEIGHT_FIRST && height < LL_HEIGHT_FIRST + w->tip;
	if (*ret_known) hash_of(w, ret_hash, (uint32_t)(height - LL_HEIGHT_FIRST));
	return DP_OK;
}

static dp_code tip_seek(dp_source *base, uint64_t height, dp_fault *fault)
{
	(void)fault;
	DP_CHECK(height >= LL_HEIGHT_FIRST);
	((tip_source *)base)->next = (uint32_t)(height - LL_HEIGHT_FIRST);
	return DP_OK;
}

static dp_code open_tip(void *context, dp_source **ret_source, const dp_chain *chain,
                        const dp_source_begin *begin, dp_fault *fault)
{
	static const dp_source_kind kind = {.name = "bench"};
	tip_source *s = dp_alloc(sizeof *s);
	(void)begin, (void)fault;
	DP_CHECK(s != NULL);
	*s = (tip_source){.base = {.kind = &kind,
	                           .chain = chain,
	                           .next = tip_next,
	                           .close = tip_close,
	                           .opening = tip_opening,
	                           .hash_at = tip_hash_at,
	                           .seek = tip_seek},
	                  .set = context};
	*ret_source = &s->base;
	return DP_OK;
}

//- following -------------------------------------------------------------------------------------

static void said(void *context, const dp_live_word *word)
{
	setting *s = context;
	if (word->is_trouble)
		fprintf(stderr, "bench: %s: %s\n", word->text != NULL ? word->text : "",
		        word->why != NULL ? word->why : "");
	DP_CHECK(!word->is_trouble);
	s->alerts += word->what == DP_SAID_ALERT;
	if (word->what == DP_SAID_BLOCK && s->marks.is_on) s->marks.told = now_s();
}

static int64_t mono_ms(void *context)
{
	const setting *s = context;
	return s->clock_ms != 0 ? s->clock_ms : (int64_t)(now_s() * 1e3);
}

static void raised(void *context)
{
	setting *s = context;
	if (s->marks.is_on) s->marks.saved = now_s();
}

// The casebook's own statements show where one part ends and the next begins.
static int traced(unsigned kind, void *context, void *statement, void *sql)
{
	setting *s = context;
	const char *text = sql;
	(void)kind, (void)statement;
	if (!s->marks.is_on || text == NULL) return 0;
	if (s->marks.applied == 0 && strncmp(text, "begin", 5) == 0) s->marks.applied = now_s();
	if (strncmp(text, "commit", 6) == 0) s->marks.saving = now_s();
	return 0;
}

typedef struct parts {
	dp_tags *tags;
	dp_alert_rules rules;
	dp_advice *advice;
} parts;

static void make_parts(parts *p)
{
	dp_fault fault;
	FILE *f = fopen(path_of("tags.csv"), "w");
	DP_CHECK(f != NULL);
	fprintf(f, "address,label,category,actor,currency\n%s,Binance 14,exchange,binance,ETH\n",
	        ll_exchange);
	(void)fclose(f);
	const char *path = path_of("tags.csv");
	dp_tags_options o = {.path = &path, .path_count = 1, .now = time(NULL)};
	bool is_good = check(dp_tags_load(&p->tags, &o, &fault), &fault) &&
	               check(dp_alert_rules_default(&p->rules, NULL, NULL, &fault), &fault) &&
	               check(dp_advice_load(&p->advice, NULL, &fault), &fault);
	DP_CHECK(is_good);
}

// Enters all cases into a new casebook's docket, in so many groups.
static void enter_cases(const char *casebook, const ll_world *w, uint32_t groups)
{
	dp_casebook *cb;
	dp_fault fault;
	(void)unlink(casebook);
	bool is_good = check(dp_casebook_open(&cb, casebook, true, &fault), &fault) &&
	               check(dp_casebook_write(cb, &fault), &fault);
	for (uint32_t c = 0; c < w->cases && is_good; c++) {
		char yaml[LL_YAML_MAX], incident[32];
		size_t size = ll_yaml(yaml, w, c);
		(void)snprintf(incident, sizeof incident, "live-%05u", c);
		dp_docket_entry e = {.incident = incident,
		                     .policy = "fifo",
		                     .group = 1 + c / ((w->cases + groups - 1) / groups),
		                     .yaml = yaml,
		                     .yaml_size = size};
		is_good = check(dp_docket_add(dp_casebook_db(cb), &e, time(NULL), &fault), &fault);
	}
	is_good = is_good && check(dp_casebook_finish(cb, &fault), &fault);
	DP_CHECK(is_good);
	dp_casebook_close(cb);
}

static void open_live(setting *s, const char *casebook, const parts *p)
{
	static const dp_chain *chain[1];
	dp_fault fault;
	chain[0] = dp_chain_find("ethereum", 8);
	dp_live_options o = {.casebook = casebook,
	                     .chain = chain,
	                     .chain_count = 1,
	                     .tags = p->tags,
	                     .rules = s->has_rules ? &p->rules : NULL,
	                     .advice = p->advice,
	                     .poll_ms = 1,
	                     .context = s,
	                     .open = open_tip,
	                     .mono_ms = mono_ms,
	                     .said = said,
	                     .raised = raised};
	bool is_good = check(dp_live_new(&s->live, &o, &fault), &fault);
	DP_CHECK(is_good);
}

static void step(setting *s)
{
	int64_t wait;
	dp_fault fault;
	bool is_good = check(dp_live_step(s->live, &wait, &fault), &fault);
	DP_CHECK(is_good);
}

// Until all stand at the tip.
static void catch_up(setting *s)
{
	dp_live_stats stats;
	do {
		step(s);
		dp_live_stats_get(s->live, &stats);
	} while (!dp_live_is_level(s->live) ||
	         stats.chain[0].height + 1 != LL_HEIGHT_FIRST + (uint64_t)s->world->tip);
	DP_CHECK(stats.broken == 0 && stats.reloads == 0);
}

static void close_live(setting *s)
{
	dp_fault fault;
	bool is_good = check(dp_live_save(s->live, &fault), &fault);
	DP_CHECK(is_good);
	dp_live_free(s->live);
	s->live = NULL;
}

// A casebook in which the thefts were spread, without alerts.
static void make_casebook(setting *s, const char *casebook, const parts *p, uint32_t groups)
{
	s->world->tip = s->world->ll.spread;
	s->has_rules = false;
	enter_cases(casebook, &s->world->ll, groups);
	open_live(s, casebook, p);
	catch_up(s);
	dp_live_stats stats;
	dp_live_stats_get(s->live, &stats);
	DP_CHECK(stats.chain[0].holders >= (uint64_t)s->world->ll.cases * s->world->ll.holders);
	close_live(s);
}

static void make_world(world *w, uint32_t cases, uint32_t holders)
{
	*w = (world){0};
	ll_make(&w->ll, cases, holders, time(NULL) - 60);
	w->tip = w->ll.spread;
	w->time = time(NULL) - 60;
	w->hash = dp_alloc(BLOCKS_MAX * sizeof *w->hash);
	DP_CHECK(w->hash != NULL);
}

static void drop_world(world *w)
{
	ll_busy_done(&w->busy);
	dp_builder_done(&w->small);
	dp_free(w->hash);
}

// One more busy block, ready to be asked for.
static void mine_busy(world *w, uint32_t touching, uint32_t arrivals)
{
	ll_busy *b = &w->busy;
	int64_t now = time(NULL);
	w->time = now > w->time ? now : w->time;
	b->number = LL_HEIGHT_FIRST + (uint64_t)w->tip;
	b->time = w->time;
	b->txs = TXS;
	b->touching = touching;
	b->arrivals = arrivals;
	b->seed = w->tip;
	hash_of(w, b->prev, w->tip - 1);
	ll_json(b, &w->ll);
	DP_CHECK(w->tip - w->ll.spread < BLOCKS_MAX);
	memcpy(w->hash[w->tip - w->ll.spread], b->hash, 32);
	w->is_busy = true;
	w->tip++;
}

//- figures ---------------------------------------------------------------------------------------

typedef struct figures {
	const char *name;
	double *ms;
	uint32_t count;
} figures;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void note(figures *f, uint32_t capacity, double s)
{
	if (f->ms == NULL) f->ms = dp_alloc(capacity * sizeof *f->ms);
	DP_CHECK(f->ms != NULL && f->count < capacity);
	f->ms[f->count++] = s * 1e3;
}

static double rank(figures *f, uint32_t per_cent)
{
	qsort(f->ms, f->count, sizeof *f->ms, by_value);
	uint32_t i = f->count * per_cent / 100;
	return f->ms[i < f->count ? i : f->count - 1];
}

static void head(const char *title)
{
	printf("%s\n", title);
	printf("%-38s %9s %9s  %-7s %s\n", "", "goal", "result", "", "beside it, in the same run");
}

static void line(const char *what, double goal, double result, const char *unit, const char *beside)
{
	char want[32] = "", got[32];
	if (goal > 0) (void)snprintf(want, sizeof want, "<%.4g%s", goal, unit);
	(void)snprintf(got, sizeof got, result < 10 ? "%.2f%s" : "%.1f%s", result, unit);
	printf("%-38s %9s %9s  %-7s %s\n", what, want, got,
	       goal > 0 ? result < goal ? "met" : "MISSED" : "", beside);
	fflush(stdout);
}

//- alert -----------------------------------------------------------------------------------------

enum { ALL, PARSE, PROVE, BUILD, APPLY, WATCH, SAVE, COMMIT, LIMIT_PARSE, LIMIT_SYNC, ROWS };

static void note_marks(figures *f, const marks *m, uint32_t capacity)
{
	note(&f[ALL], capacity, m->saved - m->begin);
	note(&f[PARSE], capacity, m->parsed - m->begin);
	note(&f[PROVE], capacity, m->proven - m->parsed);
	note(&f[BUILD], capacity, m->built - m->proven);
	note(&f[APPLY], capacity, m->applied - m->built);
	note(&f[WATCH], capacity, m->told - m->applied);
	note(&f[SAVE], capacity, m->saving - m->told);
	note(&f[COMMIT], capacity, m->saved - m->saving);
}

// What cannot be done without: some program reads the text, and the bytes reach the disk.
static double limit_parse(const ll_busy *b)
{
	double took = now_s();
#ifdef DP_HAVE_CJSON
	for (uint32_t i = 0; i < LL_ANSWERS; i++)
		cJSON_Delete(cJSON_ParseWithLength((const char *)b->answer[i].bytes.b,
		                                   b->answer[i].bytes.n));
#else
	(void)b;
#endif
	return now_s() - took;
}

static double limit_sync(int fd, size_t bytes)
{
	static const char zeros[1 << 16];
	double took = now_s();
	for (size_t left = bytes; left > 0;) {
		ssize_t n = write(fd, zeros, left < sizeof zeros ? left : sizeof zeros);
		DP_CHECK(n > 0);
		left -= (size_t)n;
	}
	DP_CHECK(fsync(fd) == 0);
	return now_s() - took;
}

static uint64_t pages_written(sqlite3 *db)
{
	int now = 0, high = 0;
	(void)sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_WRITE, &now, &high, 1);
	return (uint64_t)now * 4096;
}

static void print_alert(figures *f, const char *name, const setting *s, double bytes, double mvs,
                        const double goal[COMMIT + 1])
{
	static const char *const names[] = {"in all",
	                                    "parse (codec/json.c)",
	                                    "prove, decode (evm_proof.c, evm_json.c)",
	                                    "calls, build (chain/ethereum.c)",
	                                    "apply (engine)",
	                                    "record, watch (casebook, alert)",
	                                    "save (casebook)",
	                                    "commit (SQLite, fsync)"};
	char what[80], beside[120];
	double limit = rank(&f[LIMIT_PARSE], 50) + rank(&f[LIMIT_SYNC], 50);
	const ln_text *t = s->world->busy.answer;
	printf("%s: %u blocks of %.0f movements, %.1f MB of JSON, %u alerts; %.0f KB written for a "
	       "commit\n",
	       name, f[ALL].count, mvs, (double)(t[0].bytes.n + t[1].bytes.n + t[2].bytes.n) / 1e6,
	       s->alerts, bytes / 1e3);
	for (uint32_t i = ALL; i <= COMMIT; i++) {
		double half = rank(&f[i], 50), worst = rank(&f[i], 99);
		beside[0] = 0;
		if (i == ALL)
			(void)snprintf(beside, sizeof beside,
			               "p50 %.2f ms; cJSON and fsync alone %.2f ms, ratio %.2f",
			               half, limit, half / limit);
		else
			(void)snprintf(beside, sizeof beside, "p50 %.2f ms, %.0f %% of all", half,
			               half / rank(&f[ALL], 50) * 100);
		if (i == PARSE)
			(void)snprintf(beside, sizeof beside,
			               "p50 %.2f ms; cJSON %.2f ms, ratio %.2f", half,
			               rank(&f[LIMIT_PARSE], 50), half / rank(&f[LIMIT_PARSE], 50));
		if (i == COMMIT)
			(void)snprintf(
			    beside, sizeof beside,
			    "p50 %.2f ms; fsync of as many bytes p50 %.2f ms, p99 %.2f ms", half,
			    rank(&f[LIMIT_SYNC], 50), rank(&f[LIMIT_SYNC], 99));
		(void)snprintf(what, sizeof what, "%s%s, p99", i == ALL ? "" : "  ", names[i]);
		line(what, goal[i], worst, " ms", beside);
	}
}

static void measure_alerts(setting *s, const char *name, uint32_t blocks, uint32_t touching,
                           uint32_t arrivals, const double goal[COMMIT + 1])
{
	figures f[ROWS] = {0};
	double bytes = 0;
	sqlite3 *db = dp_casebook_db(dp_live_casebook(s->live));
	(void)sqlite3_trace_v2(db, SQLITE_TRACE_STMT, traced, s);
	int fd = open(path_of("limit"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
	DP_CHECK(fd >= 0);
	dp_live_stats before, after;
	dp_live_stats_get(s->live, &before);
	for (uint32_t i = 0; i < blocks; i++) {
		mine_busy(s->world, touching, arrivals);
		double cjson = limit_parse(&s->world->busy);
		(void)pages_written(db);
		dp_live_hint(s->live, dp_chain_find("ethereum", 8));
		while (s->marks.saved == 0 || !s->marks.is_on) step(s);
		s->marks.is_on = false;
		double some = (double)pages_written(db);
		bytes += some / blocks;
		note_marks(f, &s->marks, blocks);
		note(&f[LIMIT_PARSE], blocks, cjson);
		note(&f[LIMIT_SYNC], blocks, limit_sync(fd, (size_t)some));
		catch_up(s);
	}
	dp_live_stats_get(s->live, &after);
	(void)close(fd);
	(void)unlink(path_of("limit"));
	double movements = (double)(after.chain[0].movements - before.chain[0].movements);
	print_alert(f, name, s, bytes, movements / blocks, goal);
	for (uint32_t i = 0; i < ROWS; i++) dp_free(f[i].ms);
}

static void open_made(setting *s, world *w, const parts *p, const char *casebook)
{
	s->has_rules = true;
	w->is_busy = false;
	open_live(s, casebook, p);
	catch_up(s);
}

static void bench_alert(const parts *p, uint32_t blocks, uint32_t groups)
{
	static const double goal[COMMIT + 1] = {[ALL] = 20};
	static world w;
	static setting s;
	char name[80];
	make_world(&w, 1000, 1000);
	s = (setting){.world = &w};
	make_casebook(&s, path_of("alert.db"), p, groups);
	open_made(&s, &w, p, path_of("alert.db"));
	(void)snprintf(name, sizeof name, "alert, 1,000 cases in %u compan%s", groups,
	               groups == 1 ? "y" : "ies");
	measure_alerts(&s, name, blocks, TOUCHING, ARRIVALS, goal);
	close_live(&s);
	drop_world(&w);
}

// Nothing in the block concerns anybody, which is what most blocks are like.
static void measure_quiet(setting *s, uint32_t blocks)
{
	figures f = {0};
	for (uint32_t i = 0; i < blocks; i++) {
		mine_busy(s->world, 0, 0);
		dp_live_hint(s->live, dp_chain_find("ethereum", 8));
		s->marks.told = 0;
		while (s->marks.told == 0) step(s);
		s->marks.is_on = false;
		note(&f, blocks, s->marks.told - s->marks.built);
		catch_up(s);
	}
	char beside[120];
	(void)snprintf(beside, sizeof beside, "p50 %.2f ms", rank(&f, 50));
	line("  nothing touches a holder, p99", 5, rank(&f, 99), " ms", beside);
	dp_free(f.ms);
}

static void bench_apply(const parts *p, uint32_t blocks)
{
	static const double goal[COMMIT + 1] = {[APPLY] = 5};
	static world w;
	static setting s;
	make_world(&w, 10000, 100);
	s = (setting){.world = &w};
	make_casebook(&s, path_of("apply.db"), p, 1);
	open_made(&s, &w, p, path_of("apply.db"));
	measure_alerts(&s, "apply, 10,000 cases in 1 company, 1 % touches", blocks, 50, ARRIVALS,
	               goal);
	measure_quiet(&s, blocks);
	close_live(&s);
	drop_world(&w);
}

//- raise -----------------------------------------------------------------------------------------

// SQLite alone: as many rows of as many bytes, twice (the alert, and what it was), in one
// transaction on the same disk. Returns seconds.
static double limit_rows(uint32_t rows)
{
	sqlite3 *db;
	sqlite3_stmt *add;
	char text[1200];
	memset(text, 'x', sizeof text);
	(void)unlink(path_of("rows.db"));
	bool is_good =
	    sqlite3_open(path_of("rows.db"), &db) == SQLITE_OK &&
	    sqlite3_exec(db,
	                 "pragma journal_mode=wal; pragma synchronous=full;"
	                 "create table t(id integer primary key, text text)",
	                 NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, "insert into t(text) values(?)", -1, &add, NULL) == SQLITE_OK;
	DP_CHECK(is_good);
	double took = now_s();
	is_good = sqlite3_exec(db, "begin", NULL, NULL, NULL) == SQLITE_OK;
	for (uint32_t i = 0; i < 2 * rows; i++) {
		(void)sqlite3_bind_text(add, 1, text, sizeof text, SQLITE_STATIC);
		is_good = sqlite3_step(add) == SQLITE_DONE && is_good;
		(void)sqlite3_reset(add);
	}
	is_good = is_good && sqlite3_exec(db, "commit", NULL, NULL, NULL) == SQLITE_OK;
	took = now_s() - took;
	DP_CHECK(is_good);
	(void)sqlite3_finalize(add);
	(void)sqlite3_close(db);
	return took;
}

static void bench_raise(const parts *p, uint32_t blocks)
{
	static world w;
	static setting s;
	double best = 1e9, limit = 1e9;
	uint32_t alerts = 0;
	char beside[120];
	make_world(&w, 100, 1000);
	s = (setting){.world = &w};
	make_casebook(&s, path_of("raise.db"), p, 1);
	open_made(&s, &w, p, path_of("raise.db"));
	(void)sqlite3_trace_v2(dp_casebook_db(dp_live_casebook(s.live)), SQLITE_TRACE_STMT, traced,
	                       &s);
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t before = s.alerts;
		mine_busy(&w, TXS, TXS / 10);
		dp_live_hint(s.live, dp_chain_find("ethereum", 8));
		while (s.marks.saved == 0 || !s.marks.is_on) step(&s);
		s.marks.is_on = false;
		alerts = s.alerts - before;
		double took = s.marks.saved - s.marks.built, rows = limit_rows(alerts);
		if (took < best) best = took;
		if (rows < limit) limit = rows;
		catch_up(&s);
	}
	(void)snprintf(beside, sizeof beside,
	               "SQLite alone, two rows of as many bytes each: %.0f /s, ratio %.2f",
	               alerts / limit, best / limit);
	line("alerts recorded, thousand a second", 0, alerts / best / 1e3, "", beside);
	close_live(&s);
	drop_world(&w);
}

//- restart and memory ----------------------------------------------------------------------------

// A node that knows the newest block, and waits for the next one.
typedef struct tip_node {
	ln_node node; // first
	const ll_busy *busy;
} tip_node;

static void answer(const ln_node *n, ln_reply *ret_reply, const char *method, const char *params)
{
	static const ln_values none;
	static const char *const blocks[LL_ANSWERS] = {
	    "eth_getBlockByNumber", "eth_getBlockReceipts", "debug_traceBlockByNumber"};
	const ll_busy *b = ((const tip_node *)n)->busy;
	for (uint32_t i = 0; i < LL_ANSWERS; i++) {
		if (strcmp(method, blocks[i]) != 0) continue;
		ret_reply->words = "null";
		if (strtoull(params + 4, NULL, 16) != b->number) return; // ["0x...
		ret_reply->text = &b->answer[i];
		ret_reply->values = &none;
		return;
	}
	if (strcmp(method, "eth_chainId") == 0) ret_reply->words = "\"0x1\"";
	if (strcmp(method, "eth_syncing") == 0) ret_reply->words = "false";
	if (strcmp(method, "eth_getBalance") == 0) ret_reply->words = "\"0x0\"";
	if (strcmp(method, "eth_blockNumber") == 0) {
		(void)snprintf(ret_reply->buffer, sizeof ret_reply->buffer, "\"0x%" PRIx64 "\"",
		               b->number);
		ret_reply->words = ret_reply->buffer;
	}
}

// Runs `dyepack follow --once` at that node; seconds and most megabytes.
static void run_follow(const char *casebook, uint16_t port, double *ret_s, double *ret_mb)
{
	const char *program = getenv("DYEPACK");
	char url[64], tags[PATH_SIZE];
	struct rusage use;
	int status;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
	(void)snprintf(tags, sizeof tags, "%s", path_of("tags.csv"));
	double took = now_s();
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl(program, "dyepack", "follow", casebook, url, "--once", "--quiet",
		            "--tags", tags, "--no-pending", (char *)NULL);
		_exit(127);
	}
	DP_CHECK(pid > 0 && wait4(pid, &status, 0, &use) == pid);
	*ret_s = now_s() - took;
	*ret_mb = (double)use.ru_maxrss / 1024;
	DP_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Reading all rows of holders and parcels and doing nothing with them. Returns seconds.
static double limit_read(const char *casebook)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	bool is_good =
	    sqlite3_open_v2(casebook, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db,
	                       "select sum(length(ident)), sum(length(units)) from holder join "
	                       "parcel using(run, no)",
	                       -1, &s, NULL) == SQLITE_OK;
	DP_CHECK(is_good);
	double took = now_s();
	is_good = sqlite3_step(s) == SQLITE_ROW;
	took = now_s() - took;
	DP_CHECK(is_good);
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(db);
	return took;
}

static void measure_restart(const char *casebook, world *w)
{
	tip_node node = {.node = {.answer = answer}, .busy = &w->busy};
	double best = 1e9, most = 0, limit = 1e9;
	char beside[120];
	ln_serve(&node.node);
	for (int round = 0; round < 3; round++) {
		double s, mb, read = limit_read(casebook);
		run_follow(casebook, node.node.port, &s, &mb);
		if (s < best) best = s;
		if (mb > most) most = mb;
		if (read < limit) limit = read;
	}
	ln_stop(&node.node);
	(void)snprintf(beside, sizeof beside,
	               "from start to level and out; reading the rows in SQL: %.2f s, ratio %.1f",
	               limit, best / limit);
	line("restart, 1 million holders", 2, best, " s", beside);
	line("memory, most of that process", 300, most, " MB", "");
}

// A month of small blocks; every hundredth touches a holder, by turns a move and an arrival. The
// program's clock runs half a second a block.
static void mine_small(world *w)
{
	dp_block_builder *b = &w->small;
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	uint32_t i = w->tip - w->ll.spread;
	w->time++;
	dp_builder_start(b, chain, LL_HEIGHT_FIRST + (uint64_t)w->tip, w->time);
	ll_small(b, &w->ll, w->tip, i % 100 == 0, i % 200 == 0);
	DP_CHECK(i < BLOCKS_MAX);
	ll_hash(b->block.hash, w->tip);
	hash_of(w, b->block.prev, w->tip - 1);
	memcpy(w->hash[i], b->block.hash, 32);
	dp_code code = dp_builder_finish(b, &w->block, NULL);
	DP_CHECK(code == DP_OK);
	w->is_busy = false;
	w->tip++;
}

static void measure_month(const char *casebook, world *w, const parts *p, uint32_t blocks)
{
	setting s = {.world = w, .clock_ms = 1};
	double first = 0, took = now_s();
	char beside[120];
	open_made(&s, w, p, casebook);
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t tip = w->tip;
		mine_small(w);
		s.clock_ms += 500;
		dp_live_hint(s.live, dp_chain_find("ethereum", 8));
		catch_up(&s);
		DP_CHECK(w->tip == tip + 1);
		// What a month needs anyway has been taken after a day.
		if (i == blocks / 30) first = lr_resident_mb();
	}
	double last = lr_resident_mb();
	took = now_s() - took;
	(void)snprintf(
	    beside, sizeof beside,
	    "%u blocks, %u alerts: %.0f MB after a day, %.0f MB at the end; %.0f blocks/s", blocks,
	    s.alerts, first, last, blocks / took);
	line("memory, growth over a month", 5, (last / first - 1) * 100, " %", beside);
	close_live(&s);
}

static void bench_memory(const parts *p, bool wants_restart, bool wants_month)
{
	static world w;
	static setting s;
	const char *count = getenv("LIVE_MONTH");
	char casebook[PATH_SIZE];
	uint32_t blocks = count != NULL ? (uint32_t)strtoul(count, NULL, 10) : MONTH;
	(void)snprintf(casebook, sizeof casebook, "%s", path_of("memory.db"));
	make_world(&w, 1000, 1000);
	s = (setting){.world = &w};
	make_casebook(&s, casebook, p, 1);
	open_made(&s, &w, p, casebook);
	mine_busy(&w, TOUCHING, ARRIVALS);
	dp_live_hint(s.live, dp_chain_find("ethereum", 8));
	catch_up(&s);
	close_live(&s);
	if (wants_restart && getenv("DYEPACK") == NULL)
		printf("restart: left out, DYEPACK does not name the program\n");
	else if (wants_restart)
		measure_restart(casebook, &w);
	if (wants_month) measure_month(casebook, &w, p, blocks);
	drop_world(&w);
}

//- catch-up --------------------------------------------------------------------------------------

__attribute__((format(printf, 1, 2))) static double timed(const char *format, ...)
{
	char command[PATH_SIZE * 2];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(command, sizeof command, format, args);
	va_end(args);
	DP_CHECK(n > 0 && (size_t)n < sizeof command);
	double took = now_s();
	int status = system(command);
	if (status != 0) fprintf(stderr, "bench: %s\n", command);
	DP_CHECK(status == 0);
	return now_s() - took;
}

// All of a ledger is tainted: what takes time is the same for both, applying and writing down.
static void bench_catch_up(void)
{
	const char *build = getenv("DYEPACK_BUILD"), *program = getenv("DYEPACK");
	double best[3] = {1e9, 1e9, 1e9};
	char beside[120];
	if (build == NULL || program == NULL) {
		printf("catch-up: left out, DYEPACK_BUILD and DYEPACK do not name the programs\n");
		return;
	}
	const char *f = folder;
	(void)timed("cd %s && %s/gen_ledger --holders 1000 --movements 1000000 >m.csv && "
	            "%s/gen_ledger --holders 1000 --movements 1000000 --case >c.yaml && "
	            "printf 'rules:\\n  - {name: a, when: arrival, to: []}\\n' >r.yaml && "
	            "%s import m.csv --chain ethereum --ledger led --quiet >import.log && rm m.csv",
	            f, build, build, program);
	for (int round = 0; round < 2; round++) {
		double s[3];
		s[0] = timed("cd %s && %s trace c.yaml ledger:led --plan auto --quiet --casebook "
		             "a%d.db >a.log",
		             f, program, round);
		s[1] = timed("cd %s && %s trace c.yaml ledger:led --plan scan --quiet --casebook "
		             "s%d.db >s.log",
		             f, program, round);
		s[2] = timed("cd %s && %s follow f%d.db c.yaml ledger:led --once --quiet --rules "
		             "r.yaml",
		             f, program, round);
		for (int i = 0; i < 3; i++)
			if (s[i] < best[i]) best[i] = s[i];
	}
	(void)snprintf(beside, sizeof beside,
	               "follow %.1f s; trace --plan auto %.1f s, --plan scan %.1f s", best[2],
	               best[0], best[1]);
	line("catch-up, 1 million movements", 120, best[2] / best[1] * 100, " %", beside);
}

//- all of them -----------------------------------------------------------------------------------

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0) return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	const char *build = getenv("DYEPACK_BUILD"), *count = getenv("LIVE_BLOCKS");
	uint32_t blocks = count != NULL ? (uint32_t)strtoul(count, NULL, 10) : 300;
	parts p;
	(void)snprintf(folder, sizeof folder, "%s/bench-live.XXXXXX",
	               build != NULL ? build : "/tmp");
	DP_CHECK(mkdtemp(folder) != NULL);
	make_parts(&p);
	head("Following at the tip");
	if (wanted(argc, argv, "alert")) bench_alert(&p, blocks, 1);
	if (wanted(argc, argv, "companies")) bench_alert(&p, blocks, 50);
	if (wanted(argc, argv, "apply")) bench_apply(&p, blocks / 3 + 1);
	if (wanted(argc, argv, "raise")) bench_raise(&p, blocks / 10 + 1);
	bool restart = wanted(argc, argv, "restart"), month = wanted(argc, argv, "month");
	if (restart || month) bench_memory(&p, restart, month);
	if (wanted(argc, argv, "catch-up")) bench_catch_up();
	dp_tags_free(p.tags);
	dp_alert_rules_done(&p.rules);
	dp_advice_free(p.advice);
	(void)timed("rm -rf '%s'", folder);
	return 0;
}

// The simulated world: days of chain time in which everything goes wrong that can, around the very
// code that `dyepack follow` runs. One seed makes chains with forks, thefts, a flaky node for each
// chain, a failing disk, a process that dies, clocks that jump, people who add, change and stop
// cases, and a receiver of alerts. In between and at the end, when all is well again, the casebook
// is compared with a clean run (check.h).
//
//   sim [--seeds N] [--first N] [--steps N] [-v]
//
// A seed replays exactly: nothing here hangs on real time, threads or addresses. The first that
// fails is named, with the step; `-v` shows what happened.
//
// The idea is that of FoundationDB's and TigerBeetle's simulators: what takes a year to happen on
// real machines happens here every second.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/docket.h"
#include "live/live.h"
#include "sim/check.h"
#include "sim/node.h"
#include "sim/receiver.h"
#include "sim/vfs.h"

enum { STEPS_DEFAULT = 160, JOURNAL = DP_CASEBOOK_UNDO_BLOCKS, CASES_MAX = 6 };
static const char book[] = "/sim/case.book";

typedef struct sim {
	uint64_t seed;
	t_rng rng;
	uint32_t step, steps, starts, crashes, checks_done, rescans;
	bool is_loud, has_failed;
	char why[S_WHY_MAX];
	s_world world;
	s_node node[LW_CHAINS];
	const dp_chain *chains[LW_CHAINS];
	uint32_t chain_count;
	dp_alert_rules rules;
	s_checks checks;
	s_case cases[CASES_MAX];
	s_receiver receiver;
	dp_live *live;
	dp_live_options options;
	int64_t mono_us, wall_jump_ms;
	const dp_chain *undone_of; // the last reorganisation: whose, how deep, in which step
	uint64_t undone;
	uint32_t undone_step;
	bool is_hard;     // disks fail, processes die
	bool is_flaky;    // nodes fail and lie
	bool has_pending; // transactions that wait are looked at
	bool is_deep;     // reorganisations deeper than the journal
	bool is_calm;     // no reorganisations, no bridges, and nobody changes a case
	bool is_restless; // people change cases all the time
} sim;

static sim *now; // for last words

static void trace(const sim *s, const char *format, ...) DP_PRINTF(2, 3);
static void trace(const sim *s, const char *format, ...)
{
	va_list list;
	if (!s->is_loud) return;
	(void)printf("%5u %9lld.%03lld  ", s->step, (long long)(s->mono_us / 1000000),
	             (long long)(s->mono_us / 1000 % 1000));
	va_start(list, format);
	(void)vprintf(format, list);
	va_end(list);
	(void)printf("\n");
}

static void failed(sim *s, const char *format, ...) DP_PRINTF(2, 3);
static void failed(sim *s, const char *format, ...)
{
	va_list list;
	if (s->has_failed) return;
	s->has_failed = true;
	va_start(list, format);
	(void)vsnprintf(s->why, sizeof s->why, format, list);
	va_end(list);
	trace(s, "FAILED: %s", s->why);
}

static uint32_t below(sim *s, uint32_t n)
{
	return t_below(&s->rng, n);
}

//- what live asks of its surroundings ------------------------------------------------------------

// Clocks move a little whenever somebody looks, or a slice of work would have no end.
static int64_t mono_ms(void *context)
{
	sim *s = context;
	s->mono_us += 200;
	return s->mono_us / 1000;
}

static int64_t wall_of(const sim *s)
{
	return (int64_t)LW_NOON * 1000 + s->mono_us / 1000 + s->wall_jump_ms;
}

static int64_t wall_ms(void *context)
{
	return wall_of(context);
}

static bool stopped(void *context)
{
	(void)context;
	return s_disk_is_dead();
}

static int chain_no(const dp_chain *chain, const sim *s)
{
	int i = 0;
	while (s->world.chain[i].chain != chain) i++;
	return i;
}

static dp_code open_node(void *context, dp_source **ret_source, const dp_chain *chain,
                         const dp_source_begin *begin, dp_fault *fault)
{
	sim *s = context;
	if (s_disk_is_dead()) return dp_fail(fault, DP_IO, "dead");
	return s_node_open(&s->node[chain_no(chain, s)], ret_source, begin, fault);
}

// A chain may stand still only where more was reorganised away than the journal can take back.
static void look_at_stop(sim *s, const dp_live_word *word)
{
	const dp_engine *e = dp_live_engine(s->live, word->incident, word->chain);
	const s_chain *c = &s->world.chain[chain_no(word->chain, s)];
	if (e == NULL || dp_engine_blocks(e) == 0) return;
	int32_t at = s_block_of(c, dp_engine_hash(e));
	uint32_t depth = 0;
	for (; at != S_NONE && !s_is_on_branch(c, at); depth++) at = c->block[at].parent;
	// It goes back as far as it can first.
	if (s->undone_of == word->chain && s->undone_step == s->step) depth += (uint32_t)s->undone;
	if (depth < JOURNAL - 1)
		failed(s, "a chain stands still %u blocks deep: %s", depth, word->why);
}

static void said(void *context, const dp_live_word *word)
{
	static const char *const names[] = {"",      "case",    "source",  "level",
	                                    "reorg", "rewind",  "stopped", "alert",
	                                    "book",  "waiting", "block"};
	sim *s = context;
	const char *why = word->why != NULL ? word->why : "";
	trace(s, "  %s %s %s %s %s%s %llu..%llu", names[word->what],
	      word->chain != NULL ? word->chain->name : "",
	      word->incident != NULL ? word->incident : "", word->text != NULL ? word->text : "",
	      word->state != NULL ? word->state : "", why, (unsigned long long)word->from,
	      (unsigned long long)word->to);
	if (word->what == DP_SAID_REORG) {
		s->undone_of = word->chain;
		s->undone = word->to - word->from + 1;
		s->undone_step = s->step;
	}
	if (s_disk_is_dead()) return;
	if (strstr(why, "damaged") != NULL)
		failed(s, "the casebook is said to be damaged: %s", why);
	bool is_case = word->what == DP_SAID_CASE && word->is_trouble;
	if (is_case) failed(s, "a case cannot be followed: %s", why);
	if (word->what == DP_SAID_CHAIN_STOPPED) look_at_stop(s, word);
}

//- life of the process ---------------------------------------------------------------------------

static void start_live(sim *s)
{
	dp_fault fault = {0};
	char why[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX];
	if (s->live != NULL) return;
	s->starts++;
	dp_code code = dp_live_new(&s->live, &s->options, &fault);
	if (code == DP_OK) {
		trace(s, "start");
		return;
	}
	dp_fault_format(&fault, why, sizeof why);
	trace(s, "start: %s", why);
	s->live = NULL;
	bool is_disk = code == DP_IO || code == DP_BUSY || s_disk_is_dead();
	if (!is_disk) failed(s, "cannot start: %s", why);
}

static void stop_live(sim *s)
{
	dp_live_free(s->live);
	s->live = NULL;
}

static void come_back(sim *s)
{
	bool power = below(s, 2) == 0;
	stop_live(s);
	s_disk_restart(power);
	s->crashes++;
	trace(s, "crash: %s", power ? "power lost" : "killed");
	start_live(s);
}

// Until `ms` have passed; only some of the looks that live would like to have.
static void run_live(sim *s, int64_t ms, uint32_t steps)
{
	int64_t end = s->mono_us + ms * 1000;
	for (uint32_t i = 0; i < steps && !s->has_failed; i++) {
		int64_t wait = 0;
		dp_fault fault = {0};
		if (s->live == NULL) start_live(s);
		dp_code code = s->live != NULL ? dp_live_step(s->live, &wait, &fault) : DP_IO;
		if (s_disk_is_dead()) {
			come_back(s);
			continue;
		}
		if (code != DP_OK) {
			if (s->live != NULL) trace(s, "live gives up: %s", fault.text);
			if (s->live != NULL && (code == DP_NO_MEMORY || code == DP_BAD_BYTES))
				failed(s, "live gives up: %s", fault.text);
			stop_live(s);
			wait = 1000;
		}
		s->mono_us += wait * 1000;
		if (s->mono_us >= end && wait > 0) break;
	}
	if (s->mono_us < end) s->mono_us = end;
	s->world.now_s = LW_NOON + 100000 + s->mono_us / 1000000;
}

//- people ----------------------------------------------------------------------------------------

static bool is_writing(const sim *s)
{
	return s->live != NULL && dp_casebook_is_writing(dp_live_casebook(s->live));
}

// NULL: not now.
static sqlite3 *open_db(const sim *s)
{
	sqlite3 *db = NULL;
	if (is_writing(s)) return NULL;
	if (sqlite3_open_v2(book, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) return db;
	(void)sqlite3_close(db);
	return NULL;
}

static bool is_alone(const sim *s, const s_case *c)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->checks.case_count; i++)
		n += s->cases[i].is_in_docket && s->cases[i].group == c->group;
	return n == 1;
}

// What the docket has is what counts: a change that failed may have come through.
static void read_docket(sim *s, sqlite3 *db)
{
	for (uint32_t i = 0; i < s->checks.case_count; i++) {
		s_case *c = &s->cases[i];
		sqlite3_stmt *q;
		c->is_in_docket = false;
		if (sqlite3_prepare_v2(db, "select yaml, stopped, grp from docket where incident=?",
		                       -1, &q, NULL) != SQLITE_OK)
			return;
		(void)sqlite3_bind_text(q, 1, c->incident, -1, SQLITE_STATIC);
		if (sqlite3_step(q) == SQLITE_ROW) {
			c->is_in_docket = true;
			(void)snprintf(c->yaml, sizeof c->yaml, "%.*s", sqlite3_column_bytes(q, 0),
			               (const char *)sqlite3_column_blob(q, 0));
			int state = sqlite3_column_int(q, 1);
			c->is_stopped = state == DP_DOCKET_STOPPED || state == DP_DOCKET_PASSED;
			c->group = sqlite3_column_int64(q, 2);
			c->was_muted = state != DP_DOCKET_FOLLOWED;
		}
		(void)sqlite3_finalize(q);
	}
	for (uint32_t i = 0; i < s->checks.case_count; i++)
		if (is_alone(s, &s->cases[i])) s->cases[i].was_muted = false;
}

static dp_code add_cases(sim *s, sqlite3 *db, dp_fault *fault)
{
	static const char *const policies[] = {"fifo",      "fifo", "haircut", "lifo",
	                                       "seniority", "tiho", "poison"};
	const char *policy = policies[below(s, 7)];
	int64_t group = 0;
	DP_TRY(dp_docket_new_group(db, &group, fault));
	for (uint32_t n = 1 + below(s, 3) / 2; n > 0 && s->checks.case_count < CASES_MAX; n--) {
		s_case *c = &s->cases[s->checks.case_count++];
		*c = (s_case){.muted_at = -1, .group = group};
		(void)snprintf(c->incident, sizeof c->incident, "theft-%u", s->checks.case_count);
		s_case_write(&s->world, c->yaml, sizeof c->yaml, c->incident, policy, NULL);
		trace(s, "add %s %s\n%s", c->incident, policy, c->yaml);
		dp_docket_entry e = {.incident = c->incident,
		                     .policy = policy,
		                     .group = group,
		                     .yaml = c->yaml,
		                     .yaml_size = strlen(c->yaml)};
		DP_TRY(dp_docket_add(db, &e, s->world.now_s, fault));
	}
	return DP_OK;
}

static dp_code change_case(sim *s, sqlite3 *db, s_case *c, dp_fault *fault)
{
	char yaml[sizeof c->yaml];
	if (below(s, 3) == 0 && strlen(c->yaml) < 2500) {
		s_case_write(&s->world, yaml, sizeof yaml, c->incident, "", c->yaml);
		trace(s, "another seed for %s\n%s", c->incident, yaml);
		return dp_docket_change(db, c->incident, yaml, strlen(yaml), s->world.now_s, fault);
	}
	trace(s, "%s %s", c->is_stopped ? "resume" : "stop", c->incident);
	return dp_docket_stop(db, c->incident, !c->is_stopped, s->world.now_s, fault);
}

static void turn_docket(sim *s)
{
	dp_fault fault = {0};
	sqlite3 *db = open_db(s);
	if (db == NULL) return;
	read_docket(s, db);
	bool good = sqlite3_exec(db, "begin immediate", NULL, NULL, NULL) == SQLITE_OK;
	uint32_t known = 0;
	for (uint32_t i = 0; i < s->checks.case_count; i++) known += s->cases[i].is_in_docket;
	dp_code code = DP_OK;
	bool adds = known == 0 || (below(s, 3) == 0 && s->checks.case_count < CASES_MAX - 1);
	if (good && adds && s->checks.case_count < CASES_MAX - 1) {
		code = add_cases(s, db, &fault);
	} else if (good && known > 0 && !s->is_calm) {
		s_case *c = &s->cases[below(s, s->checks.case_count)];
		if (c->is_in_docket) code = change_case(s, db, c, &fault);
	}
	good = good && code == DP_OK && sqlite3_exec(db, "commit", NULL, NULL, NULL) == SQLITE_OK;
	if (!good) trace(s, "the docket was not changed: %s %s", fault.text, sqlite3_errmsg(db));
	if (!good) (void)sqlite3_exec(db, "rollback", NULL, NULL, NULL);
	if (!s_disk_is_dead()) read_docket(s, db);
	(void)sqlite3_close(db);
}

// As `dyepack case rescan` does it.
static void rescan(sim *s, const char *incident)
{
	dp_fault fault = {0};
	dp_casebook *cb = NULL;
	if (is_writing(s)) return;
	trace(s, "rescan %s", incident);
	s->rescans++;
	dp_code code = dp_casebook_open(&cb, book, false, &fault);
	if (code == DP_OK) code = dp_casebook_write(cb, &fault);
	if (code == DP_OK) code = dp_docket_touch(dp_casebook_db(cb), &fault);
	if (code == DP_OK) code = dp_casebook_finish(cb, &fault);
	if (code == DP_OK) code = dp_casebook_reset(cb, incident, &fault);
	if (code != DP_OK) trace(s, "not rescanned: %d %s", code, fault.text);
	dp_casebook_close(cb);
}

static void deliver(sim *s, uint32_t max, uint32_t fails)
{
	sqlite3 *db = open_db(s);
	if (db == NULL) return;
	s_deliver(&s->receiver, db, &s->rng, wall_of(s), max, fails);
	(void)sqlite3_close(db);
	if (s->receiver.why[0] != 0) failed(s, "%s", s->receiver.why);
}

//- looking ---------------------------------------------------------------------------------------

static void check(sim *s, bool at_end)
{
	sqlite3 *db = s_disk_is_dead() ? NULL : open_db(s);
	if (db == NULL) return;
	s_disk_trouble(0);
	read_docket(s, db);
	s->checks_done++;
	bool good = s_number(db, "select count(*) from sqlite_master") == 0 ||
	            (at_end ? s_check_end(&s->checks, db) : s_check_now(&s->checks, db));
	trace(s, "check: %s", good ? "good" : s->checks.why);
	if (!good) failed(s, "%s", s->checks.why);
	if (good && at_end && !s_receiver_has_all(&s->receiver, db))
		failed(s, "%s", s->receiver.why);
	(void)sqlite3_close(db);
}

//- what happens ----------------------------------------------------------------------------------

static int some_chain(sim *s)
{
	return chain_no(s->chains[below(s, s->chain_count)], s);
}

static void reorganise(sim *s, int chain)
{
	uint32_t luck = below(s, 30);
	uint32_t depth = luck < 25 ? 1 + below(s, 6) : 1 + below(s, 40);
	if (luck == 29) depth = 1 + below(s, s->is_deep ? 160 : 120);
	bool done = s_world_reorganise(&s->world, chain, depth);
	const s_chain *c = &s->world.chain[chain];
	trace(s, "reorg of %s, %u deep%s, tip %llu", c->chain->name, depth, done ? "" : ": no",
	      (unsigned long long)c->block[c->tip].height);
}

static void grow(sim *s, int chain)
{
	s_world_grow(&s->world, chain);
	const s_chain *c = &s->world.chain[chain];
	trace(s, "block %llu of %s, %u transactions", (unsigned long long)c->block[c->tip].height,
	      c->chain->name, c->block[c->tip].tx_count);
	if (s->live != NULL && below(s, 2) == 0) dp_live_hint(s->live, c->chain);
}

static void trouble_for_disk(sim *s)
{
	if (!s->is_hard) return;
	switch (below(s, 6)) {
	case 0: s_disk_trouble(10000); break;
	case 1: s_disk_trouble(300); break;
	case 2: s_disk_die_after(below(s, 300)); break;
	case 3:
		s_disk_kill();
		come_back(s);
		break;
	default: s_disk_trouble(0);
	}
	trace(s, "disk: other weather");
}

static void turn_live_off(sim *s)
{
	dp_fault fault;
	if (s->live == NULL) return;
	dp_code code = dp_live_save(s->live, &fault);
	trace(s, "stop: %s", code == DP_OK ? "saved" : fault.text);
	stop_live(s);
}

static void jump(sim *s)
{
	static const int64_t hours[] = {-48, -2, 0, 1, 30, 0};
	s->wall_jump_ms = hours[below(s, 6)] * 3600000 + below(s, 1000);
	trace(s, "wall clock jumps to %+lld ms", (long long)s->wall_jump_ms);
}

static void happen(sim *s)
{
	int chain = some_chain(s);
	uint32_t what = below(s, 100);
	if (s->is_restless && below(s, 8) == 0) {
		turn_docket(s);
		return;
	}
	if (what < 40) {
		for (uint32_t n = below(s, 5) == 0 ? 1 + below(s, 12) : 1; n > 0; n--)
			grow(s, chain);
	} else if (what < 50) {
		if (!s->is_calm) reorganise(s, chain);
	} else if (what < 65) {
		s_world_offer(&s->world, chain);
	} else if (what < 68) {
		s_world_forget(&s->world, chain);
	} else if (what < 74) {
		if (s->is_flaky) s_node_sick(&s->node[chain]);
	} else if (what < 79) {
		s_node_well(&s->node[chain]);
	} else if (what < 84) {
		trouble_for_disk(s);
	} else if (what < 86) {
		s_disk_trouble(0);
	} else if (what < 89) {
		turn_docket(s);
	} else if (what < 95) {
		deliver(s, 1 + below(s, 20), below(s, 40));
	} else if (what < 97) {
		jump(s);
	} else if (what < 98) {
		turn_live_off(s);
	} else {
		check(s, false);
	}
}

//- one world -------------------------------------------------------------------------------------

static void make_rules(sim *s)
{
	dp_fault fault;
	char text[2000];
	(void)snprintf(
	    text, sizeof text,
	    "sinks:\n  desk: {webhook: 'https://desk.example/hook'}\n  pager: {syslog: daemon}\n"
	    "rules:\n"
	    "  - {name: arrivals, when: arrival, severity: high, to: [desk, pager]}\n"
	    "  - {name: moves, when: move, group: 30s, to: [desk]}\n"
	    "  - {name: large, when: move, min: ['20 eth'], throttle: {burst: 3, within: 10m}, "
	    "to: [pager]}\n"
	    "  - {name: woken, when: wake, dormant: 1h, to: [desk]}\n"
	    "  - {name: bridges, when: link, kinds: [bridge, mixer, swap], to: [desk]}\n"
	    "  - {name: first, when: link, kinds: [bridge, mixer], first: true, to: [pager]}\n"
	    "  - {name: holders, when: holder, to: [desk]}\n"
	    "  - {name: vault, when: watched, addresses: ['%s', '%s'], to: [desk]}\n"
	    "  - {name: shapes, when: finding, kinds: [hub, poisoning, uncovered], to: [desk]}\n"
	    "  - {name: forms, when: finding, kinds: [fan-out, fan-in, pass-through, wash, random, "
	    "consolidation, chain-hop, cycle], to: [desk]}\n"
	    "  - {name: freezes, when: freeze, to: [desk]}\n",
	    lw_hex("a4"), lw_bc1("b4"));
	if (dp_alert_rules_parse(&s->rules, text, strlen(text), ".", &fault) != DP_OK) {
		(void)fprintf(stderr, "sim: rules: %u:%u %s\n", fault.line, fault.column,
		              fault.text);
		abort();
	}
}

static void make(sim *s, uint64_t seed, uint32_t steps, bool is_loud)
{
	bool has[LW_CHAINS] = {false};
	*s = (sim){.seed = seed, .rng = {seed * 0x9e3779b97f4a7c15u + 1}, .steps = steps};
	s->is_loud = is_loud;
	s->is_hard = below(s, 4) > 0;
	s->is_flaky = below(s, 4) > 0;
	s->has_pending = below(s, 4) > 0;
	s->is_deep = below(s, 12) == 0;
	s->is_calm = below(s, 8) == 0;
	s->is_restless = below(s, 4) == 0;
	if (s->is_calm) s->is_flaky = s->is_restless = false;
	uint32_t which = 1 + below(s, 7);
	for (int i = 0; i < LW_CHAINS; i++) has[i] = (which >> i & 1) != 0;
	s_world_make(&s->world, t_rand(&s->rng), has, below(s, 3) > 0 && !s->is_calm,
	             3 + below(s, 30));
	s->world.now_s = LW_NOON + 100000;
	s_disk_make(t_rand(&s->rng), below(s, 2) == 0 ? 512 : 4096);
	for (int i = 0; i < LW_CHAINS; i++) {
		s_node_make(&s->node[i], &s->world, i, t_rand(&s->rng));
		s->node[i].grows = below(s, 2) == 0 ? 30 : 0;
		if (has[i]) s->chains[s->chain_count++] = s->world.chain[i].chain;
	}
	make_rules(s);
	s->checks = (s_checks){.world = &s->world, .rules = &s->rules, .cases = s->cases};
	s->checks.is_calm = s->is_calm;
	s->options = (dp_live_options){.casebook = book,
	                               .chain = s->chains,
	                               .chain_count = s->chain_count,
	                               .rules = &s->rules,
	                               .wants_pending = s->has_pending,
	                               .poll_ms = below(s, 2) == 0 ? 1000 : 20000,
	                               .context = s,
	                               .open = open_node,
	                               .wall_ms = wall_ms,
	                               .mono_ms = mono_ms,
	                               .said = said,
	                               .stopped = stopped};
}

static void done(sim *s)
{
	stop_live(s);
	s_disk_restart(false);
	s_receiver_done(&s->receiver);
	dp_alert_rules_done(&s->rules);
	s_world_done(&s->world);
	s_disk_done();
}

// Chains that stand still because too much was reorganised away are followed anew, as people would.
static bool help_stopped(sim *s)
{
	dp_live_stats stats;
	uint32_t count = 0;
	if (s->live == NULL) return false;
	dp_live_stats_get(s->live, &stats);
	for (uint32_t i = 0; i < stats.chain_count; i++) count += stats.chain[i].stopped;
	if (count == 0) return false;
	for (uint32_t i = 0; i < s->checks.case_count; i++)
		if (s->cases[i].is_in_docket) rescan(s, s->cases[i].incident);
	return true;
}

// All is well again: everything is caught up with, and told.
static void settle(sim *s)
{
	s_disk_trouble(0);
	s_disk_die_after(-1);
	for (int i = 0; i < LW_CHAINS; i++) {
		s_node_well(&s->node[i]);
		s->node[i].grows = 0;
	}
	// Nobody hears that a branch is gone before another one is longer.
	for (uint32_t i = 0; i < s->chain_count; i++) {
		s_chain *c = &s->world.chain[chain_no(s->chains[i], s)];
		uint64_t highest = 0;
		for (uint32_t k = 0; k < c->blocks; k++)
			if (c->block[k].height > highest) highest = c->block[k].height;
		while (c->block[c->tip].height <= highest) s_world_grow(&s->world, c->no);
	}
	for (uint32_t i = 0; i < s->chain_count; i++)
		s_world_forget_all(&s->world, chain_no(s->chains[i], s));
	s->wall_jump_ms = 0;
	uint32_t level = 0;
	for (uint32_t i = 0; i < 400 && level < 30 && !s->has_failed; i++) {
		run_live(s, 7000, 60);
		level = s->live != NULL && dp_live_is_level(s->live) ? level + 1 : 0;
		if (level == 20 && help_stopped(s)) level = 0;
	}
	if (level < 30) failed(s, "does not come to rest");
	dp_fault fault;
	if (!s->has_failed && dp_live_save(s->live, &fault) != DP_OK)
		failed(s, "cannot be saved: %s", fault.text);
	for (uint32_t i = 0; i < 20 && !s->has_failed; i++) {
		deliver(s, 100000, 0);
		s->mono_us += (int64_t)3600 * 1000000;
	}
	if (!s->has_failed) check(s, true);
}

static bool run_seed(uint64_t seed, uint32_t steps, bool is_loud)
{
	sim *s = calloc(1, sizeof *s);
	DP_CHECK(s != NULL);
	now = s;
	make(s, seed, steps, is_loud);
	start_live(s);
	for (s->step = 0; s->step < steps && !s->has_failed; s->step++) {
		if (s->step == 2) turn_docket(s);
		happen(s);
		if (s_disk_is_dead()) come_back(s);
		run_live(s, below(s, 3) == 0 ? below(s, 1200000) : below(s, 4000), 1 + below(s, 8));
	}
	if (!s->has_failed) settle(s);
	bool good = !s->has_failed;
	if (!good)
		(void)printf("seed %llu FAILED at step %u of %u: %s\n"
		             "    again: sim --first %llu --seeds 1 -v\n",
		             (unsigned long long)seed, s->step, steps, s->why,
		             (unsigned long long)seed);
	trace(
	    s,
	    "%u starts, %u crashes, %u checks: %llu compared, %llu skipped, %llu worn out, %llu "
	    "bytes of rows, %llu alerts; %u told, %llu repeats; disk %llu bytes, %llu calls, %llu "
	    "failed",
	    s->starts, s->crashes, s->checks_done, (unsigned long long)s->checks.compared,
	    (unsigned long long)s->checks.skipped, (unsigned long long)s->checks.worn_out,
	    (unsigned long long)s->checks.rows, (unsigned long long)s->checks.alerts,
	    s->receiver.count, (unsigned long long)s->receiver.repeats,
	    (unsigned long long)s_disk_bytes(), (unsigned long long)s_disk_calls(),
	    (unsigned long long)s_disk_failures());
	done(s);
	now = NULL;
	free(s);
	return good;
}

// Checks of our own abort: then at least the seed is known.
static void last_words(int sig)
{
	char text[120];
	int n =
	    snprintf(text, sizeof text, "sim: aborted in seed %llu, step %u\n",
	             now != NULL ? (unsigned long long)now->seed : 0, now != NULL ? now->step : 0);
	if (n > 0) (void)!write(2, text, (size_t)n);
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

int main(int argc, char **argv)
{
	uint64_t first = 1, seeds = 20, failures = 0;
	uint32_t steps = STEPS_DEFAULT;
	bool is_loud = false;
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "-v") == 0) {
			is_loud = true;
			continue;
		}
		uint64_t n = strtoull(value, NULL, 10);
		if (strcmp(argv[i], "--seeds") == 0)
			seeds = n;
		else if (strcmp(argv[i], "--first") == 0)
			first = n;
		else if (strcmp(argv[i], "--steps") == 0)
			steps = (uint32_t)n;
		else
			return 2;
		i++;
	}
	(void)signal(SIGABRT, last_words);
	(void)signal(SIGSEGV, last_words);
	for (uint64_t seed = first; seed < first + seeds && failures < 10; seed++)
		failures += run_seed(seed, steps, is_loud) ? 0 : 1;
	if (failures == 0)
		(void)printf("%llu worlds from seed %llu, %u steps each: all well\n",
		             (unsigned long long)seeds, (unsigned long long)first, steps);
	return failures == 0 ? 0 : 1;
}

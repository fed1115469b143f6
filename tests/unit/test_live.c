// Following, scene by scene: a node that does just what the scene says, clocks that stand still
// unless somebody waits, and a casebook in which is read what was told. What happens by chance is
// tried by tests/sim; here is what must happen when. Covers: live/live.c live/live_load.c
// live/live_lane.c live/live_alone.c live/live_feed.c live/live_judge.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "casebook/docket.h"
#include "casebook/sql.h"
#include "live/live.h"
#include "support/folder.h"
#include "support/links_world.h"

enum { FIRST = 100, BLOCKS_MAX = 600, PAYS_MAX = 4, TIMES = 12, NOON_S = LW_NOON };

//- a node ----------------------------------------------------------------------------------------

typedef struct pay {
	int64_t tx;
	const char *from, *to, *ether;
} pay;

typedef struct block {
	dp_block_builder builder;
	const dp_block *is;
} block;

typedef struct scene {
	char folder[T_PATH_MAX], book[T_PATH_MAX + 16];
	const dp_chain *chain;
	dp_alert_rules rules;
	dp_live *live;
	int64_t now_ms;
	// The node.
	block *branch[BLOCKS_MAX], *made[BLOCKS_MAX];
	uint32_t height, serial; // blocks of the branch; blocks ever made
	pay waits;               // in its mempool; tx 0: nothing
	bool is_down, is_shy;    // nobody answers; it gives no block
	dp_waiting says;         // of any transaction that is asked for
	int64_t tardy_us;        // for each block
	uint32_t open, open_max, opened, looked_up;
	uint32_t waiting_told; // times that live said that something is not there yet
} scene;

typedef struct source {
	dp_source base;
	scene *of;
	uint32_t next; // index of the branch
	uint8_t last[32];
	bool has_last, has_shown;
	block offered;
} source;

static void build(block *b, const scene *s, uint64_t height, int64_t time, const pay *p,
                  uint32_t count)
{
	dp_tx *tx;
	dp_movement *mv;
	dp_builder_start(&b->builder, s->chain, height, time);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(dp_builder_tx(&b->builder, &tx, NULL), DP_OK);
		t_txid(tx->id, p[i].tx);
		assert_int_equal(dp_builder_movement(&b->builder, &mv, NULL), DP_OK);
		*mv = (dp_movement){.kind = DP_MV_NATIVE,
		                    .asset = lw_asset(LW_ETH, "ETH"),
		                    .from = lw_addr(LW_ETH, p[i].from),
		                    .to = lw_addr(LW_ETH, p[i].to),
		                    .amount = lw_amount(LW_ETH, "ETH", p[i].ether)};
	}
}

static void finish(block *b)
{
	assert_int_equal(dp_builder_finish(&b->builder, &b->is, NULL), DP_OK);
}

// One more block on the node's branch.
static void grow(scene *s, const pay *p, uint32_t count)
{
	block *b = calloc(1, sizeof *b), *below = s->height > 0 ? s->branch[s->height - 1] : NULL;
	assert_true(s->serial < BLOCKS_MAX && b != NULL);
	build(b, s, FIRST + s->height, NOON_S + (int64_t)s->height * TIMES, p, count);
	uint32_t no = ++s->serial;
	memcpy(b->builder.block.hash, &no, sizeof no);
	b->builder.block.hash[31] = 1;
	if (below != NULL) memcpy(b->builder.block.prev, below->is->hash, 32);
	finish(b);
	s->made[no - 1] = b;
	s->branch[s->height++] = b;
}

static void grow_empty(scene *s, uint32_t count)
{
	while (count-- > 0) grow(s, NULL, 0);
}

static void pays(scene *s, int64_t tx, const char *from, const char *to, const char *ether)
{
	grow(s, &(pay){tx, from, to, ether}, 1);
}

static bool is_in_branch(const scene *s, const uint8_t tx[32], uint32_t *ret_at)
{
	for (uint32_t i = 0; i < s->height; i++)
		for (uint32_t k = 0; k < s->branch[i]->is->tx_count; k++)
			if (memcmp(s->branch[i]->is->tx[k].id, tx, 32) == 0) {
				*ret_at = i;
				return true;
			}
	return false;
}

static dp_code x_next(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	source *x = (source *)base;
	scene *s = x->of;
	if (s->is_down) return dp_fail(fault, DP_IO, "node: nobody answers");
	base->stats.height_last = FIRST + s->height - 1;
	if (s->is_shy) return DP_END;
	// Back to where the branch and what was given part.
	while (
	    x->has_last && x->next > 0 &&
	    (x->next > s->height || memcmp(s->branch[x->next - 1]->is->hash, x->last, 32) != 0)) {
		x->next--;
		if (x->next == 0) break;
		bool found = false;
		for (uint32_t i = 0; i < s->serial; i++)
			if (memcmp(s->made[i]->is->hash, x->last, 32) == 0) {
				memcpy(x->last, s->made[i]->is->prev, 32);
				found = true;
				break;
			}
		if (!found) break;
	}
	if (x->next >= s->height) return DP_END;
	*ret_block = s->branch[x->next++]->is;
	memcpy(x->last, (*ret_block)->hash, 32);
	x->has_last = true;
	s->now_ms += s->tardy_us / 1000;
	return DP_OK;
}

static dp_code x_hash_at(dp_source *base, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                         dp_fault *fault)
{
	const scene *s = ((source *)base)->of;
	if (s->is_down) return dp_fail(fault, DP_IO, "node: nobody answers");
	*ret_known = height >= FIRST && height - FIRST < s->height;
	if (*ret_known) memcpy(ret_hash, s->branch[height - FIRST]->is->hash, 32);
	return DP_OK;
}

static dp_code x_seek(dp_source *base, uint64_t height, dp_fault *fault)
{
	source *x = (source *)base;
	(void)fault;
	x->next = (uint32_t)(height - FIRST);
	x->has_last = false;
	return DP_OK;
}

static dp_code x_pending(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	source *x = (source *)base;
	scene *s = x->of;
	(void)fault;
	if (x->has_shown || s->waits.tx == 0) return DP_END;
	x->has_shown = true;
	build(&x->offered, s, FIRST + s->height, NOON_S + (int64_t)s->height * TIMES, &s->waits, 1);
	finish(&x->offered);
	*ret_block = x->offered.is;
	return DP_OK;
}

static dp_code x_waiting(dp_source *base, dp_waiting *ret_waiting, const uint8_t tx[32],
                         dp_fault *fault)
{
	scene *s = ((source *)base)->of;
	uint32_t at;
	(void)fault;
	s->looked_up++;
	*ret_waiting = s->says;
	if (s->says == DP_WAITING_UNKNOWN)
		*ret_waiting = is_in_branch(s, tx, &at) ? DP_WAITING_IN_BLOCK : DP_WAITING_GONE;
	return DP_OK;
}

static void x_close(dp_source *base)
{
	source *x = (source *)base;
	x->of->open--;
	dp_builder_done(&x->offered.builder);
	free(x);
}

static const dp_source_kind kind = {.name = "scene"};

static dp_code open_node(void *context, dp_source **ret_source, const dp_chain *chain,
                         const dp_source_begin *begin, dp_fault *fault)
{
	scene *s = context;
	uint32_t at = 0, first = s->height;
	s->opened++;
	if (s->is_down) return dp_fail(fault, DP_IO, "node: nobody answers");
	for (uint32_t i = 0; i < begin->tx_count && !begin->has_followed; i++) {
		if (!is_in_branch(s, begin->tx[i], &at))
			return dp_fail(fault, DP_NOT_FOUND, "node: knows no such transaction");
		if (at < first) first = at;
	}
	source *x = calloc(1, sizeof *x);
	assert_non_null(x);
	*x = (source){.of = s, .next = first};
	x->base = (dp_source){.kind = &kind,
	                      .chain = chain,
	                      .next = x_next,
	                      .close = x_close,
	                      .hash_at = x_hash_at,
	                      .seek = x_seek,
	                      .pending = x_pending,
	                      .waiting = x_waiting,
	                      .opening_known_zero = true,
	                      .heads_url = ""};
	if (++s->open > s->open_max) s->open_max = s->open;
	*ret_source = &x->base;
	return DP_OK;
}

//- a follower ------------------------------------------------------------------------------------

static int64_t clock_ms(void *context)
{
	return ((scene *)context)->now_ms;
}

static int64_t wall_ms(void *context)
{
	return (int64_t)NOON_S * 1000 + ((scene *)context)->now_ms;
}

static void said(void *context, const dp_live_word *word)
{
	scene *s = context;
	if (word->what == DP_SAID_WAITING) s->waiting_told++;
	if (word->what == DP_SAID_CASE && word->is_trouble) fail_msg("%s", word->why);
}

static void start(scene *s)
{
	dp_fault fault = {0};
	dp_live_options o = {.casebook = s->book,
	                     .chain = &s->chain,
	                     .chain_count = 1,
	                     .rules = &s->rules,
	                     .wants_pending = true,
	                     .assume_clean = true,
	                     .context = s,
	                     .open = open_node,
	                     .wall_ms = wall_ms,
	                     .mono_ms = clock_ms,
	                     .said = said};
	if (dp_live_new(&s->live, &o, &fault) != DP_OK) fail_msg("%s", fault.text);
}

static void stop(scene *s)
{
	dp_fault fault = {0};
	if (dp_live_save(s->live, &fault) != DP_OK) fail_msg("%s", fault.text);
	dp_live_free(s->live);
	s->live = NULL;
}

static void make(scene *s)
{
	static const char text[] =
	    "sinks: {desk: {syslog: daemon}}\n"
	    "rules:\n"
	    "  - {name: arrivals, when: arrival, to: [desk]}\n"
	    "  - {name: vault, when: watched, addresses: ['%s'], to: [desk]}\n";
	dp_fault fault = {0};
	char rules[sizeof text + 64];
	*s = (scene){.chain = dp_chain_find("ethereum", 8), .now_ms = 1000};
	t_folder_make(s->folder);
	(void)snprintf(s->book, sizeof s->book, "%s/book", s->folder);
	(void)snprintf(rules, sizeof rules, text, lw_hex("vault"));
	if (dp_alert_rules_parse(&s->rules, rules, strlen(rules), ".", &fault) != DP_OK)
		fail_msg("%s", fault.text);
	start(s);
}

static void done(scene *s)
{
	dp_live_free(s->live);
	assert_int_equal(s->open, 0);
	for (uint32_t i = 0; i < s->serial; i++) {
		dp_builder_done(&s->made[i]->builder);
		free(s->made[i]);
	}
	dp_alert_rules_done(&s->rules);
	t_folder_remove(s->folder);
}

// Until so much time has passed. As often as live wishes, and as the program's loop does it.
static void run(scene *s, int64_t ms)
{
	int64_t end = s->now_ms + ms, wait;
	uint32_t steps = 0;
	while (s->now_ms < end) {
		dp_fault fault = {0};
		if (dp_live_step(s->live, &wait, &fault) != DP_OK) fail_msg("%s", fault.text);
		assert_in_range(steps++, 0, 200000);
		if (wait > end - s->now_ms) wait = end - s->now_ms;
		s->now_ms += wait > 250 ? 250 : wait > 0 ? wait : 0;
	}
}

//- people ----------------------------------------------------------------------------------------

static sqlite3 *book_of(const scene *s)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(s->book, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 1000), SQLITE_OK);
	return db;
}

// A theft of 100 ether by `thief`.
static void add_case(scene *s, const char *incident, const char *thief, int64_t tx, int64_t group)
{
	char yaml[600];
	dp_fault fault = {0};
	sqlite3 *db = book_of(s);
	(void)snprintf(yaml, sizeof yaml,
	               "incident: %s\ntitle: A theft\nchain: ethereum\n"
	               "services:\n  - {address: '%s', name: Exchange}\n"
	               "stolen:\n  - {address: '%s', asset: eth, amount: '100', tx: '0x%s'}\n",
	               incident, lw_hex("exchange"), lw_hex(thief), lw_txid(LW_ETH, tx));
	dp_docket_entry e = {.incident = incident,
	                     .policy = "fifo",
	                     .group = group,
	                     .yaml = yaml,
	                     .yaml_size = strlen(yaml)};
	if (dp_docket_add(db, &e, NOON_S, &fault) != DP_OK) fail_msg("%s", fault.text);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void halt(scene *s, const char *incident, bool is_stopped)
{
	dp_fault fault = {0};
	sqlite3 *db = book_of(s);
	if (dp_docket_stop(db, incident, is_stopped, NOON_S, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// The state of the one alert of this transaction and rule; "" where there is none. What was told is
// committed.
static const char *state_of(const scene *s, const char *rule, int64_t tx)
{
	static char state[64];
	sqlite3 *db = book_of(s);
	sqlite3_stmt *q;
	assert_int_equal(sqlite3_prepare_v2(db,
	                                    "select state||case when shaken>0 then ' in doubt' "
	                                    "else '' end from alert where rule=? and tx=?",
	                                    -1, &q, NULL),
	                 SQLITE_OK);
	char text[80] = "0x";
	(void)snprintf(text + 2, sizeof text - 2, "%s", lw_txid(LW_ETH, tx));
	(void)sqlite3_bind_text(q, 1, rule, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(q, 2, text, -1, SQLITE_STATIC);
	state[0] = 0;
	if (sqlite3_step(q) == SQLITE_ROW)
		(void)snprintf(state, sizeof state, "%s", (const char *)sqlite3_column_text(q, 0));
	assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return state;
}

static int count_of(const scene *s, const char *sql)
{
	sqlite3 *db = book_of(s);
	sqlite3_stmt *q;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int n = sqlite3_column_int(q, 0);
	assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return n;
}

//- scenes ----------------------------------------------------------------------------------------

static void nothing_to_follow_is_no_work(void **state)
{
	(void)state;
	scene s;
	int64_t wait = 0;
	dp_fault fault;
	make(&s);
	run(&s, 5000);
	assert_int_equal(dp_live_step(s.live, &wait, &fault), DP_OK);
	assert_true(wait > 0);
	assert_true(dp_live_is_level(s.live));
	assert_int_equal(s.opened, 0);
	done(&s);
}

// Two cases of one group; one is stopped for a while in which its chain reorganises and goes on.
static void who_comes_back_hears_of_what_was_missed(void **state)
{
	(void)state;
	scene s;
	make(&s);
	grow_empty(&s, 3);
	grow(&s, (pay[]){{1, "victim", "thief", "100"}, {2, "victim", "robber", "100"}}, 2);
	add_case(&s, "one", "thief", 1, 1);
	add_case(&s, "two", "robber", 2, 1);
	grow_empty(&s, 2);
	pays(&s, 3, "robber", "exchange", "10");
	pays(&s, 4, "robber", "exchange", "20");
	run(&s, 3000);
	assert_string_equal(state_of(&s, "arrivals", 3), "confirmed");
	assert_string_equal(state_of(&s, "arrivals", 4), "confirmed");
	halt(&s, "two", true);
	run(&s, 1000);
	s.height -= 2;
	pays(&s, 3, "robber", "exchange", "10");
	pays(&s, 5, "robber", "exchange", "30");
	pays(&s, 6, "thief", "exchange", "40");
	run(&s, 3000);
	// Of who goes on one hears; of the other nothing, neither good nor bad.
	assert_string_equal(state_of(&s, "arrivals", 6), "confirmed");
	assert_string_equal(state_of(&s, "arrivals", 4), "confirmed");
	assert_string_equal(state_of(&s, "arrivals", 5), "");
	// Nobody is there when it comes back.
	stop(&s);
	halt(&s, "two", false);
	start(&s);
	run(&s, 3000);
	assert_string_equal(state_of(&s, "arrivals", 3), "confirmed");
	assert_string_equal(state_of(&s, "arrivals", 4), "withdrawn");
	assert_string_equal(state_of(&s, "arrivals", 5), "confirmed");
	assert_int_equal(count_of(&s, "select max(revision) from alert where tx like '%' and "
	                              "state='confirmed'"),
	                 1);
	assert_int_equal(count_of(&s, "select sum(stopped) from docket"), 0);
	done(&s);
}

static void a_theft_that_is_reorganised_away_takes_its_alerts_along(void **state)
{
	(void)state;
	scene s;
	dp_live_stats stats;
	make(&s);
	grow_empty(&s, 3);
	pays(&s, 1, "victim", "thief", "100");
	pays(&s, 2, "thief", "exchange", "10");
	add_case(&s, "one", "thief", 1, 1);
	run(&s, 3000);
	assert_string_equal(state_of(&s, "arrivals", 2), "confirmed");
	s.height -= 2;
	grow_empty(&s, 3);
	run(&s, 3000);
	assert_string_equal(state_of(&s, "arrivals", 2), "withdrawn");
	assert_int_equal(count_of(&s, "select count(*) from history where why='reorganised away'"),
	                 1);
	dp_live_stats_get(s.live, &stats);
	assert_int_equal(stats.chain[0].absent, 1);
	assert_int_equal(stats.chain[0].failing, 0);
	// Told once, though it is asked again every two seconds.
	run(&s, 60000);
	assert_int_equal(s.waiting_told, 1);
	grow(&s, (pay[]){{1, "victim", "thief", "100"}, {2, "thief", "exchange", "10"}}, 2);
	run(&s, 2500);
	assert_string_equal(state_of(&s, "arrivals", 2), "confirmed");
	assert_int_equal(count_of(&s, "select max(revision) from alert"), 3);
	done(&s);
}

static void what_waits_is_not_given_up_for_a_word_that_came_early(void **state)
{
	(void)state;
	scene s;
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	add_case(&s, "one", "thief", 1, 1);
	run(&s, 3000);
	s.waits = (pay){2, "thief", "exchange", "10"};
	s.says = DP_WAITING_YES;
	run(&s, 3000);
	assert_string_equal(state_of(&s, "arrivals", 2), "pending");
	// The node says that it is in a block, but does not give that block yet.
	s.is_shy = true;
	pays(&s, 2, "thief", "exchange", "10");
	s.says = DP_WAITING_IN_BLOCK;
	uint32_t before = s.looked_up;
	while (s.looked_up == before) run(&s, 250);
	s.is_shy = false;
	run(&s, 20000);
	assert_string_equal(state_of(&s, "arrivals", 2), "confirmed");
	assert_int_equal(count_of(&s, "select count(*) from history"), 2);
	done(&s);
}

static void what_did_not_do_what_it_announced_is_withdrawn(void **state)
{
	(void)state;
	scene s;
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	add_case(&s, "one", "thief", 1, 1);
	add_case(&s, "two", "thief", 1, 2);
	run(&s, 3000);
	s.waits = (pay){2, "thief", "exchange", "10"};
	s.says = DP_WAITING_YES;
	run(&s, 3000);
	assert_int_equal(count_of(&s, "select count(*) from alert where state='pending'"), 2);
	// Of one that is stopped nothing is told.
	halt(&s, "two", true);
	run(&s, 1000);
	pays(&s, 2, "thief", "elsewhere", "10");
	s.says = DP_WAITING_UNKNOWN;
	run(&s, 8000);
	assert_int_equal(count_of(&s, "select count(*) from alert where state='withdrawn'"), 1);
	assert_int_equal(
	    count_of(&s, "select count(*) from alert where state='pending' and incident='two'"), 1);
	halt(&s, "two", false);
	run(&s, 10000);
	assert_int_equal(count_of(&s, "select count(*) from alert where state='withdrawn'"), 2);
	done(&s);
}

static void a_node_that_has_fewer_blocks_is_asked_every_two_seconds(void **state)
{
	(void)state;
	scene s;
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	grow_empty(&s, 5);
	add_case(&s, "one", "thief", 1, 1);
	run(&s, 3000);
	stop(&s);
	s.height -= 3;
	start(&s);
	run(&s, 300000);
	assert_true(s.waiting_told > 0);
	s.height += 3;
	pays(&s, 2, "thief", "exchange", "10");
	run(&s, 2300);
	assert_string_equal(state_of(&s, "arrivals", 2), "confirmed");
	done(&s);
}

static void a_head_wakes_who_waits_for_a_node_that_was_away(void **state)
{
	(void)state;
	scene s;
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	add_case(&s, "one", "thief", 1, 1);
	run(&s, 3000);
	s.is_down = true;
	run(&s, 300000);
	uint32_t opened = s.opened;
	// A head that talks much does not make it ask all the time.
	for (int i = 0; i < 200; i++) {
		dp_live_hint(s.live, s.chain);
		run(&s, 50);
	}
	assert_in_range(s.opened - opened, 1, 12);
	run(&s, 300000);
	s.is_down = false;
	pays(&s, 2, "thief", "exchange", "10");
	dp_live_hint(s.live, s.chain);
	run(&s, 1300);
	assert_string_equal(state_of(&s, "arrivals", 2), "confirmed");
	done(&s);
}

// Nobody is left who knows the blocks in which a watched address was paid.
static void watched_addresses_are_compared_where_nobody_knows_their_blocks(void **state)
{
	(void)state;
	scene s;
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	grow_empty(&s, 2);
	pays(&s, 2, "somebody", "vault", "1"); // stands
	grow_empty(&s, 2);
	pays(&s, 3, "somebody", "vault", "2"); // goes
	pays(&s, 4, "somebody", "vault", "3"); // comes again, in another block
	add_case(&s, "one", "thief", 1, 1);
	run(&s, 3000);
	// Blocks of the past tell nothing of watched addresses that was not told before.
	assert_string_equal(state_of(&s, "vault", 2), "");
	s.height = 3;
	pays(&s, 2, "somebody", "vault", "1");
	grow_empty(&s, 2);
	pays(&s, 3, "somebody", "vault", "2");
	pays(&s, 4, "somebody", "vault", "3");
	run(&s, 3000);
	for (int i = 2; i <= 4; i++) assert_string_equal(state_of(&s, "vault", i), "confirmed");
	halt(&s, "one", true);
	run(&s, 2000);
	s.height -= 2;
	pays(&s, 4, "somebody", "vault", "3");
	grow_empty(&s, 4);
	pays(&s, 9, "victim", "robber", "100");
	add_case(&s, "two", "robber", 9, 2);
	run(&s, 5000);
	assert_string_equal(state_of(&s, "vault", 2), "confirmed");
	assert_string_equal(state_of(&s, "vault", 3), "withdrawn");
	assert_string_equal(state_of(&s, "vault", 4), "confirmed");
	assert_int_equal(count_of(&s, "select max(revision) from alert where rule='vault'"), 2);
	done(&s);
}

// The first block of a case goes away: what others were told of before is not its business.
static void a_new_case_does_not_take_back_what_it_never_read(void **state)
{
	(void)state;
	scene s;
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	add_case(&s, "one", "thief", 1, 1);
	run(&s, 3000);
	pays(&s, 2, "somebody", "vault", "1");
	grow_empty(&s, 5);
	run(&s, 3000);
	pays(&s, 3, "victim", "robber", "100");
	add_case(&s, "two", "robber", 3, 2);
	run(&s, 3000);
	s.height--;
	s.says = DP_WAITING_GONE; // and the node has no index of old transactions
	grow_empty(&s, 1);
	pays(&s, 3, "victim", "robber", "100");
	run(&s, 8000);
	assert_string_equal(state_of(&s, "vault", 2), "confirmed");
	assert_int_equal(count_of(&s, "select count(*) from history"), 1);
	done(&s);
}

// Many companies that are all behind: few connections at a time, and everybody has a turn, also
// behind those that have much to read.
static void many_read_alone_and_all_have_their_turn(void **state)
{
	(void)state;
	enum { COMPANIES = 300, LONG = 500 };
	scene s;
	char incident[20];
	make(&s);
	pays(&s, 1, "victim", "thief", "100");
	grow_empty(&s, LONG);
	pays(&s, 2, "victim", "robber", "100");
	for (int i = 0; i < COMPANIES; i++) {
		(void)snprintf(incident, sizeof incident, "case-%d", i);
		// The first hundred have far to go.
		add_case(&s, incident, i < 100 ? "thief" : "robber", i < 100 ? 1 : 2, 1 + i);
	}
	s.tardy_us = 40000; // one block a slice
	dp_live_stats stats;
	// A turn each for the long ones, which is no tenth of what they have to read.
	int64_t begun_ms = s.now_ms;
	do {
		run(&s, 1000);
		dp_live_stats_get(s.live, &stats);
	} while (stats.chain[0].behind > 100 && s.now_ms < begun_ms + 3600000);
	assert_in_range(stats.chain[0].behind, 1, 100);
	assert_true(s.now_ms - begun_ms < 200000);
	s.tardy_us = 0;
	run(&s, 60000);
	assert_true(dp_live_is_level(s.live));
	// And one that is at the tip.
	assert_in_range(s.open_max, 60, 65);
	done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_to_follow_is_no_work),
	    cmocka_unit_test(who_comes_back_hears_of_what_was_missed),
	    cmocka_unit_test(a_theft_that_is_reorganised_away_takes_its_alerts_along),
	    cmocka_unit_test(what_waits_is_not_given_up_for_a_word_that_came_early),
	    cmocka_unit_test(what_did_not_do_what_it_announced_is_withdrawn),
	    cmocka_unit_test(a_node_that_has_fewer_blocks_is_asked_every_two_seconds),
	    cmocka_unit_test(a_head_wakes_who_waits_for_a_node_that_was_away),
	    cmocka_unit_test(watched_addresses_are_compared_where_nobody_knows_their_blocks),
	    cmocka_unit_test(a_new_case_does_not_take_back_what_it_never_read),
	    cmocka_unit_test(many_read_alone_and_all_have_their_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

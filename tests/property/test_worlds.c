// Replays every world that tests/model/worlds.py makes and compares all that the engine says with
// what the slow model says: each holder's runs with units, colour and origin, the buckets and
// what is uncovered, under every policy. The stream's form is told at the top of worlds.py.
//
// The default run takes each fifth of the largest graphs; DYEPACK_LONG=1 takes the model's own
// default, and DYEPACK_WORLDS may give other arguments, or `@FILE` for a stream made before.
// Covers: engine/account.c engine/utxo.c engine/claim.c
// Covers: engine/rank.c engine/flow.c engine/balance.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "base/mem.h"
#include "support/ledger.h"

enum { CASES_MAX = 8, SEEDS_MAX = 16, STOPS_MAX = 8, TXS_MAX = 64, MISSES_SHOWN = 12 };

struct run {
	dp_u256 units, origin;
	uint32_t colour;
};

// A tainted holder; first and second are (address, asset) or (transaction, vout).
struct held {
	int64_t first, second;
	dp_u256 value;
	uint32_t run_first, run_count;
};

struct answer {
	struct held *held;
	struct run *run;
	uint32_t held_count, run_count;
	dp_u256 stolen[SEEDS_MAX + 1], bucket[SEEDS_MAX + 1][DP_BUCKET_COUNT];
	struct {
		int64_t addr, asset;
		dp_u256 amount;
	} uncovered[256];
	uint32_t uncovered_count;
};

struct world {
	uint64_t number;
	bool utxo;
	t_ledger ledger;
	dp_case cases[CASES_MAX];
	uint32_t case_count;
	uint32_t colour_case[SEEDS_MAX + 1], colour_asset[SEEDS_MAX + 1], colours;
	dp_seed seeds[CASES_MAX][SEEDS_MAX];
	dp_opening opening[STOPS_MAX];
	dp_stop stop[STOPS_MAX];
	dp_link_claim link[1];
	uint8_t link_tx[TXS_MAX][32];
	uint32_t openings, stops, links;
};

static struct world world;
static struct answer want, got;
static uint64_t worlds_done, answers_done, misses;

//- reading ---------------------------------------------------------------------------------------

static char *cursor;

static char *word(void)
{
	while (*cursor == ' ') cursor++;
	char *start = cursor;
	while (*cursor != ' ' && *cursor != '\n' && *cursor != '\0') cursor++;
	if (*cursor != '\0') *cursor++ = '\0';
	return start;
}

static int64_t integer(void)
{
	return strtoll(word(), NULL, 10);
}

static dp_u256 amount(void)
{
	return t_u256(word());
}

static uint32_t small(uint32_t max)
{
	int64_t v = integer();
	assert_true(v >= 0 && v <= max);
	return (uint32_t)v;
}

static void read_world(void)
{
	t_ledger keep = world.ledger;
	memset(&world, 0, sizeof world);
	world.ledger = keep;
	t_clear(&world.ledger);
	world.number = (uint64_t)integer();
	world.utxo = *word() == 'u';
	world.ledger.utxo = world.utxo;
	world.colours = small(SEEDS_MAX);
	dp_u256 dust = amount();
	for (uint32_t i = 0; i < CASES_MAX; i++) {
		dp_case *c = &world.cases[i];
		c->incident = "world";
		c->title = c->yaml = "";
		c->chain = t_chain(world.utxo);
		c->theft_time = INT64_MAX;
		c->dust_limit = dust;
		c->seed = world.seeds[i];
	}
}

static void read_colour(void)
{
	uint32_t colour = small(SEEDS_MAX);
	world.colour_case[colour] = small(CASES_MAX - 1);
	world.colour_asset[colour] = small(1);
	if (world.case_count <= world.colour_case[colour])
		world.case_count = world.colour_case[colour] + 1;
}

static void read_seed(void)
{
	uint32_t colour = small(SEEDS_MAX);
	dp_case *c = &world.cases[world.colour_case[colour]];
	assert_true(c->seed_count < SEEDS_MAX);
	dp_seed *s = &c->seed[c->seed_count++];
	s->chain = t_chain(world.utxo);
	s->asset = t_asset(world.utxo, (int)world.colour_asset[colour]);
	if (world.utxo) {
		int64_t tx = integer(), vout = integer();
		s->has_outpoint = true;
		s->outpoint = t_outpoint(tx, vout);
		s->amount = amount();
	} else {
		s->has_addr = true;
		s->addr = t_addr(integer());
		s->amount = amount();
		int64_t tx = integer();
		s->has_tx = tx >= 0;
		if (tx >= 0) t_txid(s->tx, tx);
	}
	s->has_amount = true;
}

static uint8_t bucket_of(const char *name)
{
	for (int b = 0; b < DP_BUCKET_COUNT; b++)
		if (strcmp(name, dp_bucket_name((dp_bucket)b)) == 0) return (uint8_t)b;
	fail_msg("no bucket %s", name);
	return 0;
}

static void read_link(void)
{
	dp_link_claim *l = &world.link[world.links++];
	assert_true(world.links == 1);
	l->chain = l->to_chain = t_chain(false);
	l->from = t_addr(integer());
	l->to = t_addr(integer());
	l->asset = t_asset(false, (int)small(1));
	l->amount = amount();
	l->asset_count = small(2);
	for (uint32_t i = 0; i < l->asset_count; i++) l->assets[i] = t_asset(false, (int)small(1));
	l->tx_count = small(TXS_MAX);
	l->tx = world.link_tx;
	for (uint32_t i = 0; i < l->tx_count; i++) t_txid(l->tx[i], integer());
	l->by = "the world";
}

static void read_setting(char kind)
{
	if (kind == 'O') {
		dp_opening *o = &world.opening[world.openings++];
		assert_true(world.openings <= STOPS_MAX);
		o->chain = t_chain(world.utxo);
		o->addr = t_addr(integer());
		o->asset = t_asset(false, (int)small(1));
		o->amount = amount();
	} else if (kind == 'X') {
		dp_stop *s = &world.stop[world.stops++];
		assert_true(world.stops <= STOPS_MAX);
		s->chain = t_chain(world.utxo);
		s->addr = t_addr(integer());
		s->bucket = bucket_of(word());
		s->name = s->by = "";
	} else {
		read_link();
	}
}

static void read_row(char kind)
{
	t_row r = {0};
	if (kind == 'T') {
		int64_t id = integer();
		t_begin_block(&world.ledger, (uint64_t)id + 1, 1700000000 + 12 * id);
		t_begin_tx(&world.ledger, id);
		return;
	}
	if (kind == 'M') {
		r.kind = *word() == 'f' ? T_FEE : T_MOVE;
		r.from = integer();
		r.to = integer();
		r.asset = (int)integer();
		r.amount = amount();
		if (integer() != 0) r.flags = DP_MVF_FAILED;
	} else if (kind == 'I') {
		r.kind = T_IN;
		r.from = integer();
		r.to = integer();
		r.amount = amount();
	} else {
		r.kind = T_OUT;
		r.to = integer();
		r.amount = amount();
	}
	t_add(&world.ledger, r);
}

//- answers ---------------------------------------------------------------------------------------

static void answer_clear(struct answer *a)
{
	a->held_count = a->run_count = a->uncovered_count = 0;
	memset(a->stolen, 0, sizeof a->stolen);
	memset(a->bucket, 0, sizeof a->bucket);
}

static struct held *add_held(struct answer *a)
{
	if ((a->held_count & (a->held_count - 1)) == 0) {
		a->held = realloc(a->held, ((size_t)a->held_count * 2 + 1) * sizeof *a->held);
		assert_non_null(a->held);
	}
	struct held *h = &a->held[a->held_count++];
	*h = (struct held){.run_first = a->run_count};
	return h;
}

// Do two runs stand for the same origin per unit? Products of 256-bit numbers: GMP, for the test.
static bool same_rate(const struct run *x, const struct run *y)
{
	mpz_t a, b, c, d;
	mpz_inits(a, b, c, d, NULL);
	mpz_import(a, 4, -1, 8, 0, 0, x->origin.w);
	mpz_import(b, 4, -1, 8, 0, 0, y->units.w);
	mpz_import(c, 4, -1, 8, 0, 0, y->origin.w);
	mpz_import(d, 4, -1, 8, 0, 0, x->units.w);
	mpz_mul(a, a, b);
	mpz_mul(c, c, d);
	bool same = mpz_cmp(a, c) == 0;
	mpz_clears(a, b, c, d, NULL);
	return same;
}

static void add_run(struct answer *a, struct held *h, struct run r)
{
	if (dp_u256_is_zero(r.units)) return;
	struct run *last = h->run_count > 0 ? &a->run[a->run_count - 1] : NULL;
	if (last != NULL && last->colour == r.colour && same_rate(last, &r)) {
		last->units = dp_u256_add(last->units, r.units);
		last->origin = dp_u256_add(last->origin, r.origin);
		return;
	}
	if ((a->run_count & (a->run_count - 1)) == 0) {
		a->run = realloc(a->run, ((size_t)a->run_count * 2 + 1) * sizeof *a->run);
		assert_non_null(a->run);
	}
	a->run[a->run_count++] = r;
	h->run_count++;
}

static void read_answer_line(char kind)
{
	if (kind == 'B') {
		uint32_t c = small(SEEDS_MAX);
		want.stolen[c] = amount();
		for (int b = 0; b < DP_BUCKET_COUNT; b++) want.bucket[c][b] = amount();
	} else if (kind == 'U') {
		uint32_t i = want.uncovered_count++;
		want.uncovered[i].addr = integer();
		want.uncovered[i].asset = integer();
		want.uncovered[i].amount = amount();
	} else {
		struct held *h = add_held(&want);
		h->first = integer();
		h->second = integer();
		h->value = amount();
		for (uint32_t n = small(1 << 20); n > 0; n--) {
			struct run r = {.units = amount()};
			r.colour = small(SEEDS_MAX);
			r.origin = amount();
			add_run(&want, h, r);
		}
	}
}

//- the engine's answer ---------------------------------------------------------------------------

// Who holder number n is, for uncovered events.
static struct {
	int64_t addr, asset;
} * who;

static void identify(const dp_holder_view *v, int64_t *ret_first, int64_t *ret_second)
{
	if (world.utxo) {
		t_outpoint_numbers(v->id, ret_first, ret_second);
		return;
	}
	dp_addr a;
	memcpy(&a, v->id, sizeof a);
	*ret_first = t_addr_number(&a);
	*ret_second = v->asset.v == t_asset(false, 0).v ? 0 : 1;
}

static dp_code see(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)fault;
	const dp_policy *policy = context;
	bool marks = policy->shape == DP_SHAPE_MARKS, tainted = false;
	int64_t first, second;
	identify(v, &first, &second);
	who[v->no].addr = first;
	who[v->no].asset = second;
	for (uint32_t i = 0; i < v->parcel_count; i++)
		tainted |= v->parcel[i].colour.v != 0 && !dp_u256_is_zero(v->parcel[i].units);
	if (!tainted) return DP_OK;
	struct held *h = add_held(&got);
	h->first = first;
	h->second = second;
	for (uint32_t i = 0; i < v->parcel_count; i++) {
		const dp_parcel *p = &v->parcel[i];
		if (!marks || i == 0) h->value = dp_u256_add(h->value, p->units);
		if (marks && i == 0) continue;
		add_run(&got, h, (struct run){p->units, p->origin, p->colour.v});
	}
	return DP_OK;
}

static void add_uncovered(const dp_event *events, uint32_t count, dp_u256 *by_no)
{
	for (uint32_t i = 0; i < count; i++)
		if (events[i].kind == DP_EV_UNCOVERED)
			by_no[events[i].src] = dp_u256_add(by_no[events[i].src], events[i].units);
}

static int by_place(const void *a, const void *b)
{
	const struct held *x = a, *y = b;
	if (x->first != y->first) return x->first < y->first ? -1 : 1;
	return (x->second > y->second) - (x->second < y->second);
}

// Colours of the engine are numbered as those of the world: cases in order, assets as seeds come.
static void ask_engine(const dp_policy *policy)
{
	const dp_case *cases[CASES_MAX];
	for (uint32_t i = 0; i < world.case_count; i++) cases[i] = &world.cases[i];
	dp_engine *e =
	    t_engine(policy->name, cases, world.case_count, true, (uint32_t)(world.number % 3));
	dp_u256 by_no[4096] = {0};
	for (uint32_t i = 0; i < world.ledger.blocks; i++) {
		dp_fault fault;
		dp_code code = t_apply(e, &world.ledger, i, &fault);
		if (code != DP_OK)
			fail_msg("world %llu, %s: %s", (unsigned long long)world.number,
			         policy->name, fault.text);
		uint32_t count;
		const dp_event *events = dp_engine_events(e, &count);
		assert_true(dp_engine_holder_count(e) < 4096);
		add_uncovered(events, count, by_no);
		if (policy->conserving) assert_true(dp_engine_conserved(e));
	}
	who = calloc((size_t)dp_engine_holder_count(e) + 1, sizeof *who);
	dp_fault fault;
	answer_clear(&got);
	assert_int_equal(dp_engine_visit(e, false, see, (void *)(uintptr_t)policy, &fault), DP_OK);
	if (got.held_count > 0) qsort(got.held, got.held_count, sizeof *got.held, by_place);
	assert_int_equal(dp_engine_colour_count(e), world.colours);
	for (uint16_t c = 1; c <= world.colours; c++) {
		const dp_colour_info *info = dp_engine_colour(e, (dp_colour){c});
		assert_int_equal(info->case_index, world.colour_case[c]);
		got.stolen[c] = info->stolen;
		memcpy(got.bucket[c], info->bucket, sizeof info->bucket);
	}
	for (uint32_t no = 1; no <= dp_engine_holder_count(e); no++) {
		if (dp_u256_is_zero(by_no[no])) continue;
		uint32_t i = got.uncovered_count++;
		got.uncovered[i].addr = who[no].addr;
		got.uncovered[i].asset = who[no].asset;
		got.uncovered[i].amount = by_no[no];
	}
	free(who);
	dp_engine_free(e);
}

//- comparing -------------------------------------------------------------------------------------

static void show(const char *whose, const struct answer *a)
{
	char t[3][DP_U256_DEC_MAX];
	for (uint32_t c = 1; c <= world.colours; c++) {
		dp_u256_format(t[0], a->stolen[c], 0);
		print_error("  %s: colour %u stolen %s:", whose, c, t[0]);
		for (int b = 0; b < DP_BUCKET_COUNT; b++) {
			dp_u256_format(t[0], a->bucket[c][b], 0);
			print_error(" %s", t[0]);
		}
		print_error("\n");
	}
	for (uint32_t i = 0; i < a->held_count; i++) {
		const struct held *h = &a->held[i];
		dp_u256_format(t[0], h->value, 0);
		print_error("  %s: %lld:%lld of %s =", whose, (long long)h->first,
		            (long long)h->second, t[0]);
		for (uint32_t r = h->run_first; r < h->run_first + h->run_count; r++) {
			dp_u256_format(t[1], a->run[r].units, 0);
			dp_u256_format(t[2], a->run[r].origin, 0);
			print_error(" %s c%u (%s)", t[1], a->run[r].colour, t[2]);
		}
		print_error("\n");
	}
	for (uint32_t i = 0; i < a->uncovered_count; i++) {
		dp_u256_format(t[0], a->uncovered[i].amount, 0);
		print_error("  %s: uncovered %lld:%lld %s\n", whose,
		            (long long)a->uncovered[i].addr, (long long)a->uncovered[i].asset,
		            t[0]);
	}
}

static bool same_runs(const struct held *x, const struct held *y)
{
	if (x->first != y->first || x->second != y->second || x->run_count != y->run_count ||
	    !dp_u256_eq(x->value, y->value))
		return false;
	for (uint32_t i = 0; i < x->run_count; i++) {
		const struct run *a = &want.run[x->run_first + i], *b = &got.run[y->run_first + i];
		if (a->colour != b->colour || !dp_u256_eq(a->units, b->units) ||
		    !dp_u256_eq(a->origin, b->origin))
			return false;
	}
	return true;
}

static bool same_uncovered(void)
{
	if (want.uncovered_count != got.uncovered_count) return false;
	for (uint32_t i = 0; i < want.uncovered_count; i++) {
		bool found = false;
		for (uint32_t j = 0; j < got.uncovered_count; j++)
			found |= want.uncovered[i].addr == got.uncovered[j].addr &&
			         want.uncovered[i].asset == got.uncovered[j].asset &&
			         dp_u256_eq(want.uncovered[i].amount, got.uncovered[j].amount);
		if (!found) return false;
	}
	return true;
}

// Poison books no buckets: it tells reach. What was stolen and who holds what must agree all the
// same.
static bool same_answer(const dp_policy *policy)
{
	if (want.held_count != got.held_count) return false;
	for (uint32_t i = 0; i < want.held_count; i++)
		if (!same_runs(&want.held[i], &got.held[i])) return false;
	for (uint32_t c = 1; c <= world.colours; c++) {
		if (!dp_u256_eq(want.stolen[c], got.stolen[c])) return false;
		for (int b = 0; policy->conserving && b < DP_BUCKET_COUNT; b++)
			if (!dp_u256_eq(want.bucket[c][b], got.bucket[c][b])) return false;
	}
	return same_uncovered();
}

static void finish_answer(const dp_policy *policy)
{
	if (policy == NULL) return;
	// What is said once for all cases stands in the first one's file.
	dp_case *c = &world.cases[0];
	c->opening = world.opening;
	c->opening_count = world.openings;
	c->stop = world.stop;
	c->stop_count = world.stops;
	c->link = world.link;
	c->link_count = world.links;
	ask_engine(policy);
	answers_done++;
	if (same_answer(policy)) return;
	if (misses++ >= MISSES_SHOWN) return;
	print_error("world %llu, %s:\n", (unsigned long long)world.number, policy->name);
	show("model ", &want);
	show("engine", &got);
}

static void replay(FILE *in)
{
	char *line = NULL;
	size_t cap = 0;
	const dp_policy *policy = NULL;
	assert_true(getline(&line, &cap, in) > 0);
	assert_string_equal(line, "dyepack-worlds 1\n");
	while (getline(&line, &cap, in) > 0) {
		char kind = *line;
		cursor = line + 1;
		if (kind == 'P' || kind == 'E') {
			finish_answer(policy);
			policy = kind == 'P' ? dp_policy_find(word()) : NULL;
			answer_clear(&want);
			worlds_done += kind == 'E';
		} else if (kind == 'W') {
			read_world();
		} else if (kind == 'C') {
			read_colour();
		} else if (kind == 'S') {
			read_seed();
		} else if (strchr("OXL", kind) != NULL) {
			read_setting(kind);
		} else if (strchr("TMIQ", kind) != NULL) {
			read_row(kind);
		} else if (strchr("BHU", kind) != NULL) {
			read_answer_line(kind);
		} else {
			fail_msg("a line of the stream is not understood: %s", line);
		}
	}
	free(line);
}

static void the_engine_says_what_the_slow_model_says(void **state)
{
	(void)state;
	const char *args = getenv("DYEPACK_WORLDS");
	const char *lengthy = getenv("DYEPACK_LONG");
	if (args == NULL) args = lengthy != NULL && *lengthy == '1' ? "" : "--quick";
	char command[1024];
	snprintf(command, sizeof command, "python3 tests/model/worlds.py --binary - %s", args);
	FILE *in = *args == '@' ? fopen(args + 1, "r") : popen(command, "r");
	assert_non_null(in);
	replay(in);
	if (*args == '@')
		fclose(in);
	else
		assert_int_equal(pclose(in), 0);
	print_message("# %llu worlds, %llu answers compared\n", (unsigned long long)worlds_done,
	              (unsigned long long)answers_done);
	if (misses > 0)
		fail_msg("%llu of %llu answers differ", (unsigned long long)misses,
		         (unsigned long long)answers_done);
	assert_true(worlds_done > 1000);
	t_ledger_done(&world.ledger);
	free(want.held);
	free(want.run);
	free(got.held);
	free(got.run);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_engine_says_what_the_slow_model_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

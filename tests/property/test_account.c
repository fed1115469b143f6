// Deposit addresses, first funders, off-ramps and look-alikes of random ledgers, beside a model
// that looks through all transfers again and again, without an index, a set or a sort. The
// parameters are made small, so that what is just inside and just outside occurs all the time.
// Covers: entity/account.c entity/account_deposit.c entity/account_offramp.c
// Covers: entity/account_pairs.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entity/cluster.h"
#include "support/accounts.h"

enum { ADDRESSES = 24, TWINS = 4, TRANSFERS = 260, WORLDS = 60, SLACK = 4, BLOCKS = 9 };
static const int64_t exchanges[] = {20, 21, 22, T_NOBODY}; // of one actor
static const int64_t miners[] = {T_NOBODY};
static t_accounts world;
static dp_account_options options;
static dp_fault fault;

static void must(dp_code code)
{
	char text[1024];
	if (code == DP_OK) return;
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("%s", text);
}

// Some addresses have twins 4096 further on, which look like them.
static int64_t someone(t_rng *rng)
{
	int64_t n = t_below(rng, ADDRESSES);
	return n < TWINS && t_below(rng, 4) == 0 ? n + 4096 : n;
}

static void make_world(uint64_t seed)
{
	t_rng rng = {seed};
	uint64_t height = 10;
	t_accounts_done(&world);
	for (uint32_t i = 0; i < TRANSFERS; i++) {
		height += t_below(&rng, 3);
		t_transfer t = {.height = height,
		                .from = someone(&rng),
		                .to = someone(&rng),
		                .asset = (int)t_below(&rng, 4),
		                .amount = dp_u256_of(1 + t_below(&rng, 12)),
		                .fee = 1 + t_below(&rng, 3)};
		if (t_below(&rng, 3) == 0) t.to = 20 + t_below(&rng, 3);
		// Every other payment to an exchange passes on what came in a little before.
		if (t.to >= 20 && t.to <= 22 && i > 8 && t_below(&rng, 2) == 0) {
			const t_transfer *in = &world.item[i - 1 - t_below(&rng, 8)];
			uint64_t less = in->asset == T_ETH ? t_below(&rng, SLACK + 2) : 0;
			uint64_t had = in->amount.w[0];
			t.from = in->to;
			t.asset = in->asset;
			t.amount = dp_u256_of(had > less ? had - less : had);
		}
		// 10, 11, 22: contracts, which sign nothing. Others sign mostly for themselves.
		t.signer = t.from;
		while (t.signer == 10 || t.signer == 11 || t.signer == 22 ||
		       (t.signer == t.from && t_below(&rng, 8) == 0))
			t.signer = someone(&rng);
		if (t.asset == T_ETH && t.signer != t.from) t.kind = DP_MV_INTERNAL;
		if (t_below(&rng, 60) == 0)
			t = (t_transfer){.height = height,
			                 .signer = T_NOBODY,
			                 .from = T_NOBODY,
			                 .to = someone(&rng),
			                 .kind = DP_MV_REWARD,
			                 .amount = dp_u256_of(5)};
		t_send_as(&world, t);
	}
	t_accounts_open(&world, exchanges, miners);
	dp_account_defaults(&options, t_chain(false));
	options.tags = world.tags;
	options.deposit_slack = dp_u256_of(SLACK);
	options.deposit_blocks = BLOCKS;
}

//- the model -------------------------------------------------------------------------------------

static const t_transfer *at(uint32_t i)
{
	return &world.item[i];
}

static uint64_t units(uint32_t i)
{
	return at(i)->amount.w[0];
}

static bool is_tagged(int64_t n)
{
	return n >= 20 && n <= 22;
}

static bool signs(int64_t n)
{
	for (uint32_t i = 0; i < world.count; i++)
		if (at(i)->signer == n) return true;
	return false;
}

static bool mines(int64_t n)
{
	for (uint32_t i = 0; i < world.count; i++)
		if (at(i)->kind == DP_MV_REWARD && at(i)->to == n) return true;
	return false;
}

// A transfer between n and another one, of something genuine or (`noise`) not.
static bool is_flow(uint32_t i, int64_t n, bool noise)
{
	const t_transfer *t = at(i);
	if (t->kind == DP_MV_REWARD || (t->asset == T_WORTHLESS && !noise)) return false;
	return (t->from == n) != (t->to == n);
}

static int64_t other(uint32_t i, int64_t n)
{
	return at(i)->from == n ? at(i)->to : at(i)->from;
}

// What went between n and m, of the asset of which it is most: in units of 10^-18.
static dp_u256 value(int64_t n, int64_t m)
{
	dp_u256 best = dp_u256_of(0);
	for (int asset = T_ETH; asset <= T_UNI; asset++) {
		uint64_t sum = 0;
		for (uint32_t i = 0; i < world.count; i++)
			if (is_flow(i, n, false) && other(i, n) == m && at(i)->asset == asset)
				sum += units(i);
		if (asset == T_USDC) sum *= 1000000000000;
		if (asset == T_UNI) sum /= 1000000000; // nobody pays with it
		dp_u256 v = dp_u256_of(sum);
		if (dp_u256_lt(best, v)) best = v;
	}
	return best;
}

static uint32_t first_flow(int64_t n, int64_t m, bool noise)
{
	for (uint32_t i = 0; i < world.count; i++)
		if (is_flow(i, n, noise) && other(i, n) == m) return i;
	return UINT32_MAX;
}

// Whom m, a counterparty of n, imitates; T_NOBODY.
static int64_t imitated(int64_t n, int64_t m, bool noise)
{
	int64_t twin = m >= 4096 ? m - 4096 : m + 4096;
	uint32_t twin_first = first_flow(n, twin, noise);
	if (twin_first == UINT32_MAX || is_tagged(m)) return T_NOBODY;
	if (is_tagged(twin)) return twin;
	int c = dp_u256_cmp(value(n, twin), value(n, m));
	bool is = c > 0 || (c == 0 && twin_first < first_flow(n, m, noise));
	return is ? twin : T_NOBODY;
}

static bool counts(uint32_t i, int64_t n)
{
	if (!is_flow(i, n, false)) return false;
	return at(i)->from == n || imitated(n, other(i, n), false) == T_NOBODY;
}

struct slow_deposit {
	bool is, is_exclusive;
	int64_t exchange;
	uint64_t pairs, ins, outs, senders;
	uint32_t in[TRANSFERS], out[TRANSFERS]; // of the exchange
};

static void slow_deposit(struct slow_deposit *d, int64_t n)
{
	uint32_t in[TRANSFERS], out[TRANSFERS], count = 0, best = 0;
	*d = (struct slow_deposit){.is_exclusive = true};
	if (is_tagged(n) || !signs(n) || mines(n)) return;
	for (uint32_t o = 0; o < world.count; o++) {
		if (!counts(o, n) || at(o)->from != n) continue;
		if (!is_tagged(at(o)->to) || !signs(at(o)->to)) continue;
		for (uint32_t i = o; i-- > 0;) {
			bool taken = false;
			for (uint32_t k = 0; k < count; k++) taken = taken || in[k] == i;
			if (taken || !counts(i, n) || at(i)->to != n) continue;
			if (at(i)->asset != at(o)->asset || units(i) < units(o)) continue;
			if (units(i) - units(o) > (at(o)->asset == T_ETH ? SLACK : 0)) continue;
			if (at(o)->height - at(i)->height > BLOCKS) continue;
			in[count] = i;
			out[count++] = o;
			break;
		}
	}
	for (uint32_t k = 0; k < count; k++) {
		uint32_t same = 0;
		for (uint32_t j = 0; j < count; j++) same += at(out[j])->to == at(out[k])->to;
		if (same > best) {
			best = same;
			d->exchange = at(out[k])->to;
		}
	}
	if (count == 0) return;
	d->is = true;
	for (uint32_t k = 0; k < count; k++) {
		if (at(out[k])->to != d->exchange) continue;
		d->in[d->pairs] = in[k];
		d->out[d->pairs++] = out[k];
	}
	for (uint32_t i = 0; i < world.count; i++) {
		if (!counts(i, n)) continue;
		bool is_new = at(i)->to == n;
		for (uint32_t j = 0; j < i; j++)
			if (counts(j, n) && at(j)->to == n && at(j)->from == at(i)->from)
				is_new = false;
		d->senders += is_new;
		d->ins += at(i)->to == n;
		d->outs += at(i)->from == n;
		if (at(i)->from == n && !is_tagged(at(i)->to)) d->is_exclusive = false;
	}
}

//- beside it -------------------------------------------------------------------------------------

static int64_t number_of(uint32_t k)
{
	return k < ADDRESSES ? (int64_t)k : (int64_t)(k - ADDRESSES) + 4096;
}

static bool is_number(const dp_addr *a, int64_t n)
{
	dp_addr b = t_addr(n);
	return dp_addr_eq(a, &b);
}

static uint32_t check_deposit(int64_t n)
{
	struct slow_deposit want;
	dp_deposit got;
	bool is;
	dp_addr a = t_addr(n);
	slow_deposit(&want, n);
	must(dp_account_deposit(world.ledger, &is, &got, &a, &options, &fault));
	assert_int_equal(is, want.is);
	if (!is) return 0;
	assert_true(is_number(&got.exchange, want.exchange));
	assert_int_equal(got.pairs, want.pairs);
	assert_int_equal(got.ins, want.ins);
	assert_int_equal(got.outs, want.outs);
	assert_int_equal(got.senders, want.senders);
	assert_int_equal(got.is_exclusive, want.is_exclusive);
	for (uint32_t i = 0; i < got.evidence_count; i++) {
		assert_int_equal(got.in[i].tx_no, want.in[i]);
		assert_int_equal(got.out[i].tx_no, want.out[i]);
	}
	return 1;
}

static void check_funder(int64_t n)
{
	uint64_t had = 0, spent = 0, fee = 0;
	uint32_t paid[TRANSFERS], count = 0, first = UINT32_MAX;
	uint64_t sum[TRANSFERS];
	bool is_short = false;
	for (uint32_t i = 0; i < world.count && spent == 0 && !is_short; i++) {
		const t_transfer *t = at(i);
		if (t->signer == n) fee = t->fee;
		spent += t->signer == n ? t->fee : 0;
		is_short = spent > had;
		if (t->asset != T_ETH || t->from == t->to) continue;
		if (t->from == n) spent += units(i);
		if (t->to == n) {
			had += units(i);
			sum[count] = had;
			paid[count++] = i;
		}
		is_short = is_short || spent > had;
	}
	for (uint32_t k = count; k-- > 0;)
		if (sum[k] >= fee) first = paid[k];
	dp_addr a = t_addr(n);
	dp_evidence e;
	bool had_before, is_cut;
	dp_code code =
	    dp_account_funder(world.ledger, &e, &had_before, &is_cut, &a, &options, &fault);
	assert_false(is_cut);
	assert_int_equal(had_before, is_short);
	bool is = !is_short && first != UINT32_MAX;
	assert_int_equal(code, is ? DP_OK : DP_NOT_FOUND);
	if (is) assert_int_equal(e.tx_no, first);
}

// Every sum that is found is the model's, and none is missing.
static void check_offramps(int64_t n)
{
	dp_offramp o[DP_OFFRAMP_MAX];
	uint32_t count, want = 0;
	bool is_cut;
	dp_addr a = t_addr(n);
	must(dp_account_offramps(world.ledger, o, &count, &is_cut, &a, &options, &fault));
	assert_false(is_cut);
	for (int asset = T_ETH; asset <= T_UNI; asset++)
		for (uint32_t k = 0; k < ADDRESSES + TWINS; k++) {
			int64_t m = number_of(k);
			uint64_t amount = 0, sent = 0, transfers = 0;
			struct slow_deposit d;
			for (uint32_t i = 0; i < world.count; i++) {
				if (!counts(i, n) || at(i)->from != n || at(i)->asset != asset)
					continue;
				sent += units(i);
				amount += at(i)->to == m ? units(i) : 0;
				transfers += at(i)->to == m;
			}
			slow_deposit(&d, m);
			if (transfers == 0 || (!is_tagged(m) && !d.is)) continue;
			want++;
			bool found = false;
			for (uint32_t i = 0; i < count; i++) {
				bool is = o[i].asset.v == t_account_asset(asset).v &&
				          is_number(d.is ? &o[i].deposit : &o[i].service, m) &&
				          (d.is || o[i].deposit.kind == DP_ADDR_NONE);
				if (!is) continue;
				found = true;
				assert_u256_is(o[i].amount, amount);
				assert_u256_is(o[i].sent, sent);
				assert_int_equal(o[i].transfers, transfers);
				if (d.is) assert_true(is_number(&o[i].service, d.exchange));
			}
			assert_true(found);
		}
	assert_int_equal(count, want);
	for (uint32_t i = 1; i < count; i++)
		if (o[i].asset.v == o[i - 1].asset.v)
			assert_false(dp_u256_lt(o[i - 1].amount, o[i].amount));
}

struct imitations {
	int64_t of;
	uint32_t count;
};

static dp_code check_imitation(void *context, const dp_imitation *im, dp_fault *f)
{
	struct imitations *c = context;
	int64_t m = t_addr_number(&im->addr);
	(void)f;
	c->count++;
	assert_true(is_number(&im->original, imitated(c->of, m, true)));
	assert_int_equal(im->first.tx_no, first_flow(c->of, m, true));
	assert_int_equal(im->is_worthless, dp_u256_is_zero(value(c->of, m)));
	return DP_OK;
}

static uint32_t check_imitations(int64_t n)
{
	struct imitations c = {.of = n};
	uint32_t want = 0;
	dp_addr a = t_addr(n);
	for (uint32_t k = 0; k < ADDRESSES + TWINS; k++) {
		int64_t m = number_of(k);
		if (first_flow(n, m, true) != UINT32_MAX) want += imitated(n, m, true) != T_NOBODY;
	}
	must(dp_account_imitations(world.ledger, &a, &options, check_imitation, &c, &fault));
	assert_int_equal(c.count, want);
	return want;
}

// Pairs: the first sender whose deposit was passed on with each other one.
struct pairs {
	uint32_t count;
	int64_t a[TRANSFERS], b[TRANSFERS], through[TRANSFERS];
};

static dp_code note_pair(void *context, const dp_account_pair *pair, dp_fault *f)
{
	struct pairs *p = context;
	(void)f;
	assert_int_equal(pair->heuristic, DP_H_DEPOSIT_REUSE);
	assert_true(p->count < TRANSFERS);
	p->a[p->count] = t_addr_number(&pair->a);
	p->b[p->count] = t_addr_number(&pair->b);
	p->through[p->count++] = t_addr_number(&pair->through);
	return DP_OK;
}

static bool has_pair(const struct pairs *p, int64_t a, int64_t b, int64_t through)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->a[i] == a && p->b[i] == b && p->through[i] == through) return true;
	return false;
}

static uint32_t check_pairs(void)
{
	struct pairs got = {0};
	uint32_t want = 0;
	must(dp_account_pairs(world.ledger, &options, note_pair, &got, &fault));
	for (uint32_t k = 0; k < ADDRESSES + TWINS; k++) {
		struct slow_deposit d;
		int64_t seen[TRANSFERS];
		uint32_t count = 0;
		slow_deposit(&d, number_of(k));
		for (uint32_t i = 0; i < world.count; i++) {
			bool is = false;
			for (uint32_t j = 0; j < d.pairs; j++) is = is || d.in[j] == i;
			const t_transfer *t = at(i);
			if (!is || t->signer != t->from || is_tagged(t->from)) continue;
			for (uint32_t j = 0; j < count; j++) is = is && seen[j] != t->from;
			if (!is) continue;
			seen[count++] = t->from;
			if (count == 1) continue;
			want++;
			assert_true(has_pair(&got, seen[0], t->from, number_of(k)));
		}
	}
	assert_int_equal(got.count, want);
	return want;
}

static dp_code count_deposit(void *context, const dp_deposit *d, dp_fault *f)
{
	uint32_t *count = context;
	struct slow_deposit want;
	(void)f;
	slow_deposit(&want, t_addr_number(&d->addr));
	assert_true(want.is);
	(*count)++;
	return DP_OK;
}

static void random_ledgers_give_what_the_model_gives(void **state)
{
	(void)state;
	uint32_t deposits = 0, imitations = 0, pairs = 0;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		uint32_t here = 0, listed = 0;
		make_world(seed);
		for (uint32_t k = 0; k < ADDRESSES + TWINS; k++) {
			here += check_deposit(number_of(k));
			check_funder(number_of(k));
			check_offramps(number_of(k));
			imitations += check_imitations(number_of(k));
		}
		must(dp_account_deposits(world.ledger, &options, count_deposit, &listed, &fault));
		assert_int_equal(listed, here);
		deposits += here;
		pairs += check_pairs();
	}
	t_accounts_done(&world);
	print_message("%u deposit addresses, %u pairs, %u look-alikes\n", deposits, pairs,
	              imitations);
	assert_true(deposits > WORLDS && pairs > WORLDS / 4 && imitations > WORLDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_ledgers_give_what_the_model_gives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

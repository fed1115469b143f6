// CoinJoin recognition on real transactions: recall by protocol on the files of mixes, precision on
// all others and on real blocks, printed with each transaction where file and verdict differ.
//
// The files' classes are a scanner's, not proof. So a difference is looked at by what the protocols
// themselves fix, counted here in other words than the rules': if that shows the file wrong, the
// row is printed as such and does not count; if not, we are wrong. A round of JoinMarket can be
// shown by nothing but what the rule asks, so where a file knows none it counts as wrong, although
// it may well be one. For JoinMarket's own files, a loose class of everything else, there is no
// truth about JoinMarket and no goal: it is printed what each rule accepts. But a verdict for
// another protocol counts there as well, and as wrong unless the shape shows it.
//
// No constant is fitted to these rows: they are halved by the first digit of their txid, and both
// halves are printed, so that a rule which knows one half by heart would show.
//
// Covers: shape/coinjoin.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shape/coinjoin.h"
#include "support/shapes.h"

enum { HALVES = 2 };

typedef struct tally {
	dp_coinjoin_kind expected; // NONE: none of the protocols that the goals name
	const char *file;
	uint64_t rows[HALVES], right[HALVES], wrong[HALVES], file_wrong[HALVES];
	uint64_t kinds[DP_CJ_KIND_COUNT], rules[DP_CJR_COUNT];
	// Of transactions that several addresses pay for and that no rule takes for a CoinJoin: how
	// many there are, and how many clusters leave out nevertheless (dp_coinjoin_may).
	uint64_t several, several_left_out;
	uint32_t told_max; // differences that are printed; 0 = all
	uint32_t told;
} tally;

static dp_shaper shaper;

// Verdicts by protocol over all files and blocks, for the precision. JoinMarket's are not counted
// where there is no truth about them; the others' are everywhere.
static uint64_t verdict_right[HALVES][DP_CJ_KIND_COUNT], verdict_wrong[HALVES][DP_CJ_KIND_COUNT];

// ---- what the protocols fix, in other words than the rules' ----------------------------------

static uint32_t count_value(const dp_shape *s, uint64_t value)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->out_count; i++) n += s->out[i].value == value;
	return n;
}

static uint32_t count_holders(const dp_shape_end *end, uint32_t n)
{
	uint32_t holders = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool is_new = true;
		for (uint32_t k = 0; k < i && is_new; k++)
			is_new = !dp_addr_eq(&end[i].addr, &end[k].addr);
		holders += is_new;
	}
	return holders;
}

static bool holders_are_several(const dp_shape *s)
{
	for (uint32_t i = 1; i < s->in_count; i++)
		if (!dp_addr_eq(&s->in[i].addr, &s->in[0].addr)) return true;
	return false;
}

static bool is_power_of(uint64_t v, uint64_t base)
{
	while (v > 1 && v % base == 0) v /= base;
	return v == 1 || (base == 3 && v == 2);
}

// Does the shape prove a mix of this kind, or (kind NONE) that it can be none?
static bool shows(const dp_shape *s, dp_coinjoin_kind kind)
{
	uint32_t n = s->out_count, best = 0, peculiar = 0;
	uint64_t mode = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = count_value(s, s->out[i].value);
		if (c > best) mode = s->out[i].value;
		if (c > best) best = c;
		if (s->out[i].value >= 5000)
			peculiar +=
			    is_power_of(s->out[i].value, 2) || is_power_of(s->out[i].value, 3);
	}
	bool is_each_fresh = count_holders(s->out, n) == n;
	if (kind == DP_CJ_WHIRLPOOL) {
		if (best != n || s->in_count != n || n < 5) return false;
		for (uint32_t i = 0; i < n; i++)
			if (s->in[i].value < mode || s->in[i].value > mode + 110000) return false;
		return true;
	}
	// Powers of two and three are nothing that anybody else pays, and many inputs.
	if (kind == DP_CJ_WASABI2) return is_each_fresh && s->in_count >= 10 && 4 * peculiar >= n;
	// One owner, or nothing equal at all: nobody mixes there.
	return kind == DP_CJ_NONE && (count_holders(s->in, s->in_count) == 1 || best < 2);
}

// ---- counting --------------------------------------------------------------------------------

static void see(void *context, const t_real *tx)
{
	tally *t = context;
	dp_coinjoin v;
	bool is, may;
	assert_int_equal(dp_coinjoin_judge(&shaper, &v, tx->shape, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_is(&shaper, &is, tx->shape, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_may(&shaper, &may, tx->shape, NULL), DP_OK);
	bool is_mix = v.kind != DP_CJ_NONE && v.kind != DP_CJ_WHIRLPOOL_TX0;
	if (is != is_mix) fail_msg("%s: the quick answer is another one", tx->txid);
	if (is && !may) fail_msg("%s: is one, and may be none", tx->txid);
	if (!is && tx->shape->inputs_known && holders_are_several(tx->shape)) {
		t->several++;
		t->several_left_out += may;
	}
	int half = strchr("02468ace", tx->txid[0]) != NULL;
	t->rows[half]++;
	t->kinds[v.kind]++;
	for (int i = 0; i < DP_CJR_COUNT; i++) t->rules[i] += v.accepted >> i & 1;
	bool is_right = t->expected == DP_CJ_NONE ? !is_mix : v.kind == t->expected;
	bool is_file_wrong = !is_right && shows(tx->shape, (dp_coinjoin_kind)v.kind);
	if (is_mix && (t->told_max == 0 || v.kind != DP_CJ_JOINMARKET))
		(is_right || is_file_wrong ? verdict_right : verdict_wrong)[half][v.kind]++;
	if (is_right) {
		t->right[half]++;
		return;
	}
	(is_file_wrong ? t->file_wrong : t->wrong)[half]++;
	// Exact Whirlpool mixes in the neighbours' files are known, and many.
	bool is_known = is_file_wrong && v.kind == DP_CJ_WHIRLPOOL;
	if (is_known || (t->told_max > 0 && t->told >= t->told_max)) return;
	t->told++;
	const char *sort = is_file_wrong                ? "label wrong, shown by shape"
	                   : t->told_max > 0            ? "no truth"
	                   : v.kind == DP_CJ_JOINMARKET ? "counted wrong, a round by shape"
	                                                : "WE ARE WRONG";
	printf("    %s: %.64s %s\n", sort, tx->txid, v.why);
}

static void print_tally(const tally *t)
{
	printf("  %-24s", t->file);
	for (int k = 0; k < DP_CJ_KIND_COUNT; k++)
		if (t->kinds[k] > 0)
			printf(" %s %d", dp_coinjoin_name((dp_coinjoin_kind)k), (int)t->kinds[k]);
	printf("\n    accepted by:");
	for (int r = 0; r < DP_CJR_COUNT; r++)
		if (t->rules[r] > 0)
			printf(" %s %d", dp_coinjoin_rule_name((dp_coinjoin_rule)r),
			       (int)t->rules[r]);
	printf("\n    paid for by several addresses, no CoinJoin: %d, left out of clusters %d\n",
	       (int)t->several, (int)t->several_left_out);
}

// "99.23 %", rounded down.
static const char *percent(uint64_t part, uint64_t whole)
{
	static char text[32];
	uint64_t x = whole == 0 ? 10000 : 10000 * part / whole;
	(void)snprintf(text, sizeof text, "%d.%02d %%", (int)(x / 100), (int)(x % 100));
	return text;
}

static bool read_file(tally *t)
{
	char name[200], path[4096];
	(void)snprintf(name, sizeof name, "data/coinjoin/%s.txt.zst", t->file);
	if (!t_shared(path, name)) return false;
	assert_true(t_shapes_lines(path, see, t) > 0);
	print_tally(t);
	return true;
}

static int free_shaper(void **state)
{
	(void)state;
	dp_shaper_done(&shaper);
	return 0;
}

// ---- the goals -------------------------------------------------------------------------------

static void mixes_are_recognised(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		dp_coinjoin_kind kind;
	} files[] = {{"whirlpool-mix", DP_CJ_WHIRLPOOL},
	             {"wasabi1-mix", DP_CJ_WASABI1},
	             {"wasabi2-mix", DP_CJ_WASABI2}};
	for (int i = 0; i < 3; i++) {
		tally t = {.expected = files[i].kind, .file = files[i].file};
		if (!read_file(&t)) skip();
		for (int h = 0; h < HALVES; h++) {
			uint64_t counted = t.rows[h] - t.file_wrong[h];
			printf("    recall, half %d: %d of %d (%s), and %d not what the file "
			       "says\n",
			       h, (int)t.right[h], (int)counted, percent(t.right[h], counted),
			       (int)t.file_wrong[h]);
			assert_true(100 * t.right[h] >= 95 * counted);
			assert_true(20 * t.file_wrong[h] <= t.rows[h] || t.rows[h] < 20);
		}
	}
}

static void other_transactions_are_not(void **state)
{
	(void)state;
	static const char *const files[] = {"whirlpool-tx0", "whirlpool-postmix", "wasabi1-postmix",
	                                    "wasabi2-postmix"};
	uint64_t rows[HALVES] = {0}, wrong[HALVES] = {0};
	for (int i = 0; i < 4; i++) {
		tally t = {.expected = DP_CJ_NONE, .file = files[i]};
		if (!read_file(&t)) skip();
		for (int h = 0; h < HALVES; h++) rows[h] += t.right[h] + t.wrong[h];
		for (int h = 0; h < HALVES; h++) wrong[h] += t.wrong[h];
		if (i == 0) { // every row that is no mix is a Tx0
			assert_true(100 * t.kinds[DP_CJ_WHIRLPOOL_TX0] >=
			            95 * (t.right[0] + t.right[1]));
		}
	}
	for (int h = 0; h < HALVES; h++) {
		printf("  not taken for mixes, half %d: %d of %d (%s)\n", h,
		       (int)(rows[h] - wrong[h]), (int)rows[h],
		       percent(rows[h] - wrong[h], rows[h]));
		assert_true(100 * wrong[h] <= rows[h]);
	}
}

// No truth, so no goal: what is what, by which rule.
static void equal_outputs_of_other_kinds_are_told(void **state)
{
	(void)state;
	static const char *const files[] = {"joinmarket-mix", "joinmarket-postmix"};
	for (int i = 0; i < 2; i++) {
		tally t = {.expected = DP_CJ_NONE, .file = files[i], .told_max = 8};
		if (!read_file(&t)) skip();
	}
}

static void no_transaction_of_real_blocks_is_taken_for_one(void **state)
{
	(void)state;
	tally t = {.expected = DP_CJ_NONE, .file = "block 866342"};
	char path[4096], spent[4096];
	if (!t_shared(path, "data/bitcoin/mainnet-866342.blk")) skip();
	if (!t_shared(spent, "data/bitcoin/mainnet-866342.spent.json.zst")) skip();
	assert_int_equal(t_shapes_block(path, spent, 866342, see, &t), 4864);
	print_tally(&t);
	assert_int_equal(t.kinds[DP_CJ_NONE], 4864);
	tally old = {.expected = DP_CJ_NONE, .file = "blocks 403200, 57043"};
	if (!t_shared(path, "data/bitcoin/mainnet-403200.prevouts.json")) skip();
	assert_int_equal(t_shapes_prevouts(path, see, &old), 443);
	if (!t_shared(path, "data/bitcoin/mainnet-57043.prevouts.json")) skip();
	assert_int_equal(t_shapes_prevouts(path, see, &old), 2);
	print_tally(&old);
	assert_int_equal(old.kinds[DP_CJ_NONE], 445);
	// What clusters miss, since strangers could have signed it.
	assert_true(50 * (t.several_left_out + old.several_left_out) <= t.several + old.several);
	// Without values and holders of inputs nothing is said, and nothing accepted.
	tally blind = {.expected = DP_CJ_NONE, .file = "block 300025"};
	if (!t_shared(path, "data/bitcoin/mainnet-300025.blk")) skip();
	assert_int_equal(t_shapes_block(path, NULL, 300025, see, &blind), 461);
	assert_int_equal(blind.kinds[DP_CJ_NONE], 461);
	for (int r = 0; r < DP_CJR_COUNT; r++) assert_int_equal(blind.rules[r], 0);
}

static void tell_precision(const char *what, const char *of, uint64_t right, uint64_t all)
{
	printf("  precision, %s, %s: %d of %d (%s)\n", what, of, (int)right, (int)all,
	       percent(right, all));
}

// The goal names three protocols, so each must reach it, and all verdicts together, JoinMarket's
// included. The halves are printed only: in one of them a single row can be more than a hundredth.
static void verdicts_are_right(void **state)
{
	(void)state;
	static const char *const name[HALVES] = {"half 0", "half 1"};
	uint64_t right_all[HALVES] = {0}, all[HALVES] = {0};
	for (int k = 0; k < DP_CJ_KIND_COUNT; k++) {
		uint64_t r_all = 0, n_all = 0;
		const char *of = dp_coinjoin_name((dp_coinjoin_kind)k);
		for (int h = 0; h < HALVES; h++) {
			uint64_t r = verdict_right[h][k], w = verdict_wrong[h][k];
			r_all += r;
			n_all += r + w;
			right_all[h] += r;
			all[h] += r + w;
			if (n_all > 0) tell_precision(name[h], of, r, r + w);
		}
		if (n_all == 0) continue;
		tell_precision("both", of, r_all, n_all);
		if (k != DP_CJ_JOINMARKET) assert_true(100 * r_all >= 99 * n_all);
	}
	if (all[0] + all[1] == 0) skip();
	for (int h = 0; h < HALVES; h++) tell_precision(name[h], "all", right_all[h], all[h]);
	uint64_t right = right_all[0] + right_all[1], n = all[0] + all[1];
	tell_precision("both", "all", right, n);
	assert_true(100 * right >= 99 * n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mixes_are_recognised),
	    cmocka_unit_test(other_transactions_are_not),
	    cmocka_unit_test(equal_outputs_of_other_kinds_are_told),
	    cmocka_unit_test(no_transaction_of_real_blocks_is_taken_for_one),
	    cmocka_unit_test(verdicts_are_right),
	};
	return cmocka_run_group_tests(tests, NULL, free_shaper);
}

// See match.h for the rules. Here: comparing, ranking, the verdict. The deposits that wait are in
// match_wait.c, the services' models in match_model.c.
//
// All arithmetic is on whole base units. Amounts of two assets are first brought to the same number
// of decimals; what does not fit 256 bits then is no candidate (no coin has so many units).
#include "link/match.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "link/match_private.h"
#include "link/worth.h"

enum {
	MINUTE = 60,       // L2BEAT's tiers, and how far two delays may be apart to be alike
	TEN_MINUTES = 600, //
	ALIKE_BPS = 10,    // the same for fee gaps
	WORTH_DIVISOR = 2, // by the year's prices: not below half, not above twice
	PPM = 1000000,
	CONFIDENCE_MAX = 90, // 100 is for keys
	CONFIDENCE_LOW = 5   // of what is refused
};

const char *dp_match_relation_name(uint8_t relation)
{
	static const char *const names[] = {"mismatch", "unknown", "converted", "exact"};
	DP_CHECK(relation < sizeof names / sizeof *names);
	return names[relation];
}

//- assets ----------------------------------------------------------------------------------------

// Bridged copies carry the original's symbol with a letter for the bridge behind it.
static size_t symbol_size(const char *symbol)
{
	size_t n = strlen(symbol);
	return n > 2 && symbol[n - 2] == '.' ? n - 2 : n;
}

// One asset, on one chain or on two. Only listed assets have an id, so a symbol is no stranger's
// claim here.
static bool is_same_asset(dp_asset a, dp_asset b)
{
	if (a.v == b.v) return a.v != 0;
	if (a.v == 0 || b.v == 0) return false;
	const char *x = dp_asset_info_of(a)->symbol, *y = dp_asset_info_of(b)->symbol;
	size_t n = symbol_size(x);
	return n == symbol_size(y) && strncasecmp(x, y, n) == 0;
}

// A rate is in base units: it is one for the same asset elsewhere only where that has as many
// decimals.
static bool is_rated_asset(dp_asset rated, dp_asset asset)
{
	return is_same_asset(rated, asset) &&
	       dp_asset_info_of(rated)->decimals == dp_asset_info_of(asset)->decimals;
}

static bool is_rate_for(const dp_match_rate *rate, dp_asset in, dp_asset out)
{
	return rate != NULL && is_rated_asset(rate->in_asset, in) &&
	       is_rated_asset(rate->out_asset, out);
}

// 10^digits; false where it does not fit.
static bool power_of_ten(dp_u256 *ret_power, uint32_t digits)
{
	dp_u256 power = dp_u256_of(1);
	for (uint32_t i = 0; i < digits; i++)
		if (dp_u256_mul_over(&power, power, dp_u256_of(10))) return false;
	*ret_power = power;
	return true;
}

static uint32_t decimals_of(dp_asset asset)
{
	return asset.v == 0 ? 0 : dp_asset_info_of(asset)->decimals;
}

// The network fees a service may keep besides its own, in base units of what it pays out. By the
// lowest price of the year: rather too many candidates than one too few. 0 where no price is known.
static dp_u256 fixed_part(const dp_match_model *model, const dp_match_payment *p)
{
	uint64_t low, high;
	dp_u256 unit;
	if (model->fixed_cents == 0 || p->asset.v == 0) return DP_U256_ZERO;
	if (!dp_worth_range(&low, &high, p->asset, p->time) || low == 0) return DP_U256_ZERO;
	if (!power_of_ten(&unit, decimals_of(p->asset))) return DP_U256_ZERO;
	if (dp_u256_mul_over(&unit, unit, dp_u256_of(model->fixed_cents))) return DP_U256_ZERO;
	dp_u256_div(&unit, NULL, unit, dp_u256_of(low));
	return unit;
}

// a * b / c rounded down; false where it may not fit 256 bits.
static bool ratio(dp_u256 *io_a, dp_u256 b, dp_u256 c)
{
	dp_u256 q, r;
	if (dp_u256_is_zero(c)) return false;
	if (!dp_u256_mul_over(&q, *io_a, b)) {
		dp_u256_div(io_a, NULL, q, c);
		return true;
	}
	// Too large in between only where the quotient of b and c is small enough.
	dp_u256_div(&q, &r, b, c);
	if (!dp_u256_is_zero(q) || (*io_a).w[3] >> 62 != 0) return false;
	*io_a = dp_u256_mul_div(*io_a, b, c);
	return true;
}

//- what a pair of assets has in common -----------------------------------------------------------

// With what in- and outgoing units are multiplied to be compared.
static bool set_scale(dp_match_pair *pair, uint32_t decimals_in, uint32_t decimals_out)
{
	uint32_t most = decimals_in > decimals_out ? decimals_in : decimals_out;
	return power_of_ten(&pair->scale_in, most - decimals_in) &&
	       power_of_ten(&pair->scale_out, most - decimals_out);
}

// The rule of is_in_band turned round, with the roundings that it makes taken off: a payment has
// hundreds of candidates, and each division of 256 bits is worth as much as a dozen comparisons.
static void set_sure(dp_match_pair *pair, const dp_match_model *model)
{
	static const dp_u256 all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	dp_u256 low = pair->out, high = all, one = dp_u256_of(1);
	uint32_t kept = PPM - model->fee_max; // of a million
	pair->sure_low = one;
	pair->sure_high = DP_U256_ZERO;
	if (pair->by_worth || pair->is_rated || model->fee_min == PPM) return;
	if (!ratio(&low, dp_u256_of(PPM), dp_u256_of(PPM - model->fee_min))) return;
	if (dp_u256_add_over(&low, low, one)) return;
	if (kept > 0) {
		if (dp_u256_add_over(&high, pair->out, pair->fixed)) return;
		if (!ratio(&high, dp_u256_of(PPM), dp_u256_of(kept))) return;
		if (dp_u256_sub_over(&high, high, dp_u256_of(PPM / kept + 2))) return;
	}
	pair->sure_low = low;
	pair->sure_high = high;
}

bool dp_match_pair_of(dp_match_pair *ret_pair, const dp_match_model *model,
                      const dp_match_rate *rate, dp_asset in, const dp_match_payment *payment)
{
	dp_match_pair pair = {.scale_in = dp_u256_of(1), .scale_out = dp_u256_of(1)};
	DP_CHECK(model->fee_min <= model->fee_max && model->fee_max <= PPM);
	DP_CHECK(model->rate_ppm < PPM);
	pair.fixed = fixed_part(model, payment);
	if (in.v == 0 || payment->asset.v == 0) {
		pair.relation = DP_RELATION_UNKNOWN;
	} else if (is_same_asset(in, payment->asset)) {
		pair.relation = DP_RELATION_EXACT;
		if (!set_scale(&pair, decimals_of(in), decimals_of(payment->asset))) return false;
	} else if (!model->converts) {
		return false; // known to be different
	} else if (is_rate_for(rate, in, payment->asset)) {
		if (dp_u256_is_zero(rate->in) || dp_u256_is_zero(rate->out)) return false;
		// in / rate->in = out / rate->out: both sides times the other's number.
		pair.relation = DP_RELATION_CONVERTED;
		pair.is_rated = true;
		pair.scale_in = rate->out;
		pair.scale_out = rate->in;
	} else {
		pair.relation = DP_RELATION_CONVERTED;
		pair.by_worth = true;
	}
	if (dp_u256_mul_over(&pair.fixed, pair.fixed, pair.scale_out)) return false;
	if (!pair.by_worth && dp_u256_mul_over(&pair.out, payment->amount, pair.scale_out))
		return false;
	set_sure(&pair, model);
	*ret_pair = pair;
	return true;
}

// floor(a * ppm / 10^6), a whole or two of `a`; `over` where it does not fit.
static bool share(dp_u256 *ret, dp_u256 a, uint32_t ppm)
{
	if (a.w[3] >> 63 != 0 && ppm > PPM) return false;
	*ret = dp_u256_mul_div(a, dp_u256_of(ppm), dp_u256_of(PPM));
	return true;
}

static bool is_surely_in_band(const dp_match_pair *pair, dp_u256 in)
{
	return !dp_u256_lt(in, pair->sure_low) && !dp_u256_lt(pair->sure_high, in);
}

// What is missing of `in`, in basis points rounded down; `out` is less. At most 10,000.
static uint64_t gap_of(dp_u256 in, dp_u256 out)
{
	enum { BPS = 10000, SMALL_BITS = 64 + 48 }; // times 10,000 it still fits 128 bits
	dp_u256 missing = dp_u256_sub(in, out);
	if (dp_u256_fits128(in) && dp_u256_low128(in) >> SMALL_BITS == 0)
		return (uint64_t)(dp_u256_low128(missing) * BPS / dp_u256_low128(in));
	return dp_u256_mul_div(missing, dp_u256_of(BPS), in).w[0];
}

// Does `out` lie between what the largest and the smallest fee leave of `in`? Same scale.
static bool is_in_band(const dp_match_model *model, const dp_match_pair *pair, dp_u256 in)
{
	uint32_t slack = pair->is_rated ? model->rate_ppm : 0;
	dp_u256 upper, lower, fee;
	if (!share(&upper, in, PPM + slack) || !share(&lower, in, PPM - slack)) return false;
	if (!share(&fee, upper, model->fee_min)) return false;
	upper = dp_u256_sub(upper, fee);
	if (!share(&fee, lower, model->fee_max)) return false;
	lower = dp_u256_sub(lower, fee);
	if (dp_u256_lt(upper, pair->out)) return false;
	dp_u256 with_fixed;
	return dp_u256_add_over(&with_fixed, pair->out, pair->fixed) ||
	       !dp_u256_lt(with_fixed, lower);
}

static bool fits_amount(dp_match_score *s, const dp_match_model *model, const dp_match_pair *pair,
                        const dp_match_deposit *d, const dp_match_payment *p)
{
	dp_u256 in;
	if (pair->by_worth) {
		dp_worth_verdict v = dp_worth_compare(d->asset, d->amount, p->asset, p->amount,
		                                      p->time, WORTH_DIVISOR);
		// Of what nobody knows the price, the tokens are as good as unknown.
		if (v == DP_WORTH_UNKNOWN) s->relation = DP_RELATION_UNKNOWN;
		return v == DP_WORTH_PLAUSIBLE || v == DP_WORTH_UNKNOWN;
	}
	bool is_scaled = !dp_u256_eq(pair->scale_in, dp_u256_of(1));
	in = d->amount;
	if (is_scaled && dp_u256_mul_over(&in, in, pair->scale_in)) return false;
	if (dp_u256_is_zero(in)) return false;
	if (!is_surely_in_band(pair, in) && !is_in_band(model, pair, in)) return false;
	s->has_gap = pair->relation != DP_RELATION_UNKNOWN;
	if (!dp_u256_lt(pair->out, in)) return true; // by the rate it is no less: no fee to be seen
	s->gap_bps = gap_of(in, pair->out);
	return true;
}

bool dp_match_compare_pair(dp_match_score *ret_score, const dp_match_model *model,
                           const dp_match_pair *pair, const dp_match_deposit *d,
                           const dp_match_payment *p)
{
	dp_match_score s = {.relation = pair->relation};
	// Times are whatever a block says: differences may leave 64 bits.
	if (__builtin_sub_overflow(p->time, d->time, &s.delay) || s.delay < 0) return false;
	if (s.delay < model->t_min || s.delay > model->t_max) return false;
	if (d->service != p->service) return false;
	bool is_known = d->user.kind != DP_ADDR_NONE && dp_addr_eq(&d->user, &p->to);
	if (model->same_user && !is_known) return false;
	s.is_stated = d->to.kind != DP_ADDR_NONE;
	if (s.is_stated && !dp_addr_eq(&d->to, &p->to)) return false;
	if (!fits_amount(&s, model, pair, d, p)) return false;
	if (s.relation == DP_RELATION_UNKNOWN && s.delay > MINUTE) return false;
	s.tier = s.delay <= MINUTE ? 0 : s.delay <= TEN_MINUTES ? 1 : 2;
	*ret_score = s;
	return true;
}

bool dp_match_compare(dp_match_score *ret_score, const dp_match_model *model,
                      const dp_match_rate *rate, const dp_match_deposit *deposit,
                      const dp_match_payment *payment)
{
	dp_match_pair pair;
	DP_CHECK(model != NULL && deposit != NULL && payment != NULL);
	if (!dp_match_pair_of(&pair, model, rate, deposit->asset, payment)) return false;
	return dp_match_compare_pair(ret_score, model, &pair, deposit, payment);
}

//- the band as amounts that went in --------------------------------------------------------------

// Rounded outwards at every step, and one unit more: who lies outside is no candidate for sure.
void dp_match_band(dp_u256 *ret_low, dp_u256 *ret_high, const dp_match_model *model,
                   const dp_match_pair *pair)
{
	static const dp_u256 all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	uint32_t slack = pair->is_rated ? model->rate_ppm : 0;
	dp_u256 low = pair->out, high = all, ppm = dp_u256_of(PPM), one = dp_u256_of(1);
	*ret_low = DP_U256_ZERO;
	*ret_high = all;
	if (pair->by_worth) return;
	// What was multiplied for the comparison is divided again.
	bool has_low =
	    ratio(&low, one, pair->scale_in) && ratio(&low, ppm, dp_u256_of((uint64_t)PPM + slack));
	if (has_low && !dp_u256_is_zero(low)) *ret_low = dp_u256_sub(low, one);
	if (model->fee_max == PPM) return;
	if (dp_u256_add_over(&high, pair->out, pair->fixed)) return;
	dp_u256_div(&high, NULL, high, pair->scale_in);
	// Three roundings: of the division, and of two shares that were rounded down.
	if (dp_u256_add_over(&high, high, dp_u256_of(3))) return;
	if (!ratio(&high, ppm, dp_u256_of(PPM - model->fee_max))) return;
	if (dp_u256_add_over(&high, high, dp_u256_of(3))) return;
	if (!ratio(&high, ppm, dp_u256_of(PPM - slack))) return;
	if (dp_u256_add_over(&high, high, dp_u256_of(3))) return;
	*ret_high = high;
}

//- ranking ---------------------------------------------------------------------------------------

// What rule 2 prefers: smaller is better.
static uint32_t class_of(const dp_match_score *s)
{
	return (s->is_stated ? 0u : 3u) + s->tier;
}

static int order(const dp_match_score *a, const dp_match_score *b)
{
	if (class_of(a) != class_of(b)) return class_of(a) < class_of(b) ? -1 : 1;
	if (a->relation != b->relation) return a->relation > b->relation ? -1 : 1;
	if (a->has_gap != b->has_gap) return a->has_gap ? -1 : 1;
	if (a->gap_bps != b->gap_bps) return a->gap_bps < b->gap_bps ? -1 : 1;
	if (a->delay != b->delay) return a->delay < b->delay ? -1 : 1;
	if (a->no != b->no) return a->no < b->no ? -1 : 1;
	return 0;
}

void dp_match_add(dp_match_result *r, const dp_match_score *score)
{
	DP_CHECK(score->relation != DP_RELATION_MISMATCH && score->tier <= 2);
	DP_CHECK(r->kept <= DP_MATCH_KEPT);
	r->count++;
	if (r->kept == 0 || class_of(score) < class_of(&r->best[0]))
		r->preferred = 1;
	else if (class_of(score) == class_of(&r->best[0]))
		r->preferred++;
	uint32_t at = r->kept;
	while (at > 0 && order(score, &r->best[at - 1]) < 0) at--;
	if (at == DP_MATCH_KEPT) return;
	uint32_t end = r->kept < DP_MATCH_KEPT ? r->kept : DP_MATCH_KEPT - 1;
	memmove(&r->best[at + 1], &r->best[at], (end - at) * sizeof *score);
	r->best[at] = *score;
	r->kept = end + 1;
}

static bool is_alike(const dp_match_score *a, const dp_match_score *b)
{
	uint64_t gap = a->gap_bps > b->gap_bps ? a->gap_bps - b->gap_bps : b->gap_bps - a->gap_bps;
	int64_t delay = a->delay > b->delay ? a->delay - b->delay : b->delay - a->delay;
	bool gap_tells = a->has_gap && b->has_gap && gap > ALIKE_BPS;
	return a->relation == b->relation && !gap_tells && delay <= MINUTE;
}

// The formula of the header.
static uint8_t confidence_of(const dp_match_result *r)
{
	const dp_match_score *s = &r->best[0];
	uint64_t points = 30;
	if (s->relation == DP_RELATION_EXACT)
		points = 70;
	else if (s->relation == DP_RELATION_CONVERTED)
		points = s->has_gap ? 50 : 15;
	if (s->is_stated) points += 20;
	uint64_t lost = s->has_gap ? s->gap_bps / 20 : 0;
	if (lost > 10) lost = 10;
	if (s->tier > 0) lost += s->tier == 1 ? 5 : 10;
	points = points > lost ? points - lost : 0;
	points /= r->count;
	if (r->is_refused && points > CONFIDENCE_LOW) points = CONFIDENCE_LOW;
	return (uint8_t)(points < CONFIDENCE_MAX ? points : CONFIDENCE_MAX);
}

static const char *reason_of(const dp_match_result *r)
{
	const dp_match_score *s = &r->best[0];
	if (r->kept == 0) return "nothing in the window and within the fees";
	if (r->is_refused)
		return s->has_gap ? "refused: the two best differ by at most 10 bps and a minute"
		                  : "refused: without a rate the two best differ by at most a "
		                    "minute and in nothing else";
	if (s->relation == DP_RELATION_CONVERTED && !s->has_gap)
		return "no rate was given: only the year's prices tell that it can be";
	if (r->count == 1) return "the only one in the window and within the fees";
	if (r->preferred == 1) return "the only one that is so near";
	return "the nearest of several by asset, fee and delay";
}

void dp_match_judge(dp_match_result *r)
{
	uint32_t kept = 0;
	DP_CHECK(r->kept <= DP_MATCH_KEPT);
	while (kept < r->kept && class_of(&r->best[kept]) == class_of(&r->best[0])) kept++;
	r->kept = kept;
	DP_CHECK((r->count == 0) == (kept == 0) && r->preferred >= kept);
	r->is_refused = kept > 1 && is_alike(&r->best[0], &r->best[1]);
	r->confidence = kept > 0 ? confidence_of(r) : 0;
	r->reason = reason_of(r);
}

// See ledger_shapes.h.
#include "bench/ledger_shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	HOUR = 60, // minutes
	DAY = 24 * HOUR,
	MEMBERS_MAX = 40,
	ROWS_MAX = 1 << 26,
	MARGIN_PERCENT = 10, // AMLSim: margin_ratio 0.1
	ACCOUNTS_LEAST = 2000,
	// An account makes 3 payments in 10 days on average.
	PAYMENTS = 3,
	PAYMENTS_DAYS = 10,
};

// SplitMix64 (Steele, Lea and Flood 2014).
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t chance(dp_shapes *s, uint64_t below)
{
	DP_CHECK(below > 0);
	return mix(s->rng += UINT64_C(0x9e3779b97f4a7c15)) % below;
}

static uint32_t between(dp_shapes *s, uint32_t least, uint32_t most)
{
	DP_CHECK(least <= most);
	return least + (uint32_t)chance(s, (uint64_t)most - least + 1);
}

static dp_code put(dp_shapes_row **rows, uint64_t *count, uint64_t *cap, const dp_shapes_row *row,
                   dp_fault *fault)
{
	DP_TRY(dp_grow((void **)rows, cap, sizeof **rows, *count + 1, ROWS_MAX, fault));
	(*rows)[(*count)++] = *row;
	return DP_OK;
}

//- planting --------------------------------------------------------------------------------------

// What one attempt has: its members, its time, its sums.
typedef struct plan {
	dp_shapes *s;
	uint32_t member[MEMBERS_MAX], members;
	uint32_t start, period;
	uint64_t least, most; // of an amount, in hundredths
	uint8_t currency;
	bool rounded;
	dp_fault *fault;
} plan;

static void pick_members(plan *p, uint32_t count)
{
	DP_CHECK(count <= MEMBERS_MAX);
	p->members = 0;
	while (p->members < count) {
		uint32_t who = (uint32_t)chance(p->s, p->s->accounts);
		bool is_there = false;
		for (uint32_t i = 0; i < p->members; i++) is_there |= p->member[i] == who;
		if (!is_there) p->member[p->members++] = who;
	}
}

static uint64_t any_amount(plan *p)
{
	uint64_t amount = p->least + chance(p->s, p->most - p->least + 1);
	return p->rounded ? amount - amount % p->least : amount;
}

static uint32_t any_time(plan *p)
{
	return p->start + (uint32_t)chance(p->s, p->period);
}

static uint32_t first_half(plan *p)
{
	return p->start + (uint32_t)chance(p->s, p->period / 2);
}

static uint32_t second_half(plan *p)
{
	return p->start + p->period / 2 + (uint32_t)chance(p->s, p->period - p->period / 2);
}

static dp_code plant(plan *p, uint32_t minute, uint32_t from, uint32_t to, uint64_t amount)
{
	dp_shapes *s = p->s;
	DP_CHECK(from < p->members && to < p->members && amount > 0);
	dp_shapes_row row = {.minute = minute,
	                     .from = p->member[from],
	                     .to = p->member[to],
	                     .attempt = (uint32_t)s->attempt_count,
	                     .paid = amount,
	                     .received = amount,
	                     .paid_in = p->currency,
	                     .received_in = p->currency,
	                     .format = (uint8_t)chance(s, 3)};
	return put(&s->planted, &s->planted_count, &s->planted_cap, &row, p->fault);
}

static uint64_t less_margin(uint64_t amount)
{
	return amount - (amount * MARGIN_PERCENT + 99) / 100;
}

// One to many, or many to one: 5 to 16 others, at any times of the period (up to a day), any
// amounts.
static dp_code plant_fan(plan *p, bool is_out)
{
	uint32_t others = between(p->s, 5, 16);
	pick_members(p, others + 1);
	for (uint32_t i = 1; i <= others; i++)
		DP_TRY(plant(p, any_time(p), is_out ? 0 : i, is_out ? i : 0, any_amount(p)));
	return DP_OK;
}

// 3 to 16 go-betweens: all scattered in the first half of the period, the same to each, all
// gathered in the second, less the margin.
static dp_code plant_scatter_gather(plan *p)
{
	uint32_t middles = between(p->s, 3, 16);
	pick_members(p, middles + 2);
	uint64_t amount = any_amount(p);
	for (uint32_t i = 2; i < middles + 2; i++) DP_TRY(plant(p, first_half(p), 0, i, amount));
	for (uint32_t i = 2; i < middles + 2; i++)
		DP_TRY(plant(p, second_half(p), i, 1, less_margin(amount)));
	return DP_OK;
}

// 3 to 16 payers in the first half, any amounts; the sum less the margin, in equal parts, to 3 to
// 16 others in the second.
static dp_code plant_gather_scatter(plan *p)
{
	uint32_t payers = between(p->s, 3, 16), others = between(p->s, 3, 16);
	pick_members(p, payers + others + 1);
	uint64_t sum = 0;
	for (uint32_t i = 1; i <= payers; i++) {
		uint64_t amount = any_amount(p);
		sum += amount;
		DP_TRY(plant(p, first_half(p), i, 0, amount));
	}
	for (uint32_t i = payers + 1; i <= payers + others; i++)
		DP_TRY(plant(p, second_half(p), 0, i, less_margin(sum) / others));
	return DP_OK;
}

// n times of the period, in order, no two in one minute.
static void times_in_order(plan *p, uint32_t *ret_minute, uint32_t n)
{
	uint32_t each = p->period / n;
	for (uint32_t i = 0; i < n; i++)
		ret_minute[i] = p->start + each * i + (uint32_t)chance(p->s, each);
}

// 3 to 10 hops, the last back to the first; each passes on 90 % of what it was paid.
static dp_code plant_cycle(plan *p)
{
	uint32_t hops = between(p->s, 3, 10), minute[MEMBERS_MAX];
	pick_members(p, hops);
	times_in_order(p, minute, hops);
	uint64_t amount = p->most;
	for (uint32_t i = 0; i < hops; i++) {
		DP_TRY(plant(p, minute[i], i, (i + 1) % hops, amount));
		amount = less_margin(amount);
	}
	return DP_OK;
}

// 5 to 16 members: each of the first half pays all of the second half, the same to each, at one
// time.
static dp_code plant_bipartite(plan *p)
{
	uint32_t n = between(p->s, 5, 16), half = n / 2;
	pick_members(p, n);
	for (uint32_t i = 0; i < half; i++) {
		uint64_t amount = any_amount(p);
		uint32_t minute = any_time(p);
		for (uint32_t j = half; j < n; j++) DP_TRY(plant(p, minute, i, j, amount));
	}
	return DP_OK;
}

// 6 to 18 members in thirds, the rest in the last: all of the first third pay all of the second in
// the first half of the period, these all of the last in the second half; the sum stays the same.
static dp_code plant_stack(plan *p)
{
	uint32_t n = between(p->s, 6, 18), third = n / 3, rest = n - 2 * third;
	pick_members(p, n);
	uint64_t amount = any_amount(p), second = amount * third / rest;
	for (uint32_t i = 0; i < third; i++) {
		uint32_t minute = first_half(p);
		for (uint32_t j = 0; j < third; j++) DP_TRY(plant(p, minute, i, third + j, amount));
	}
	for (uint32_t i = 0; i < third; i++) {
		uint32_t minute = second_half(p);
		for (uint32_t j = 0; j < rest; j++)
			DP_TRY(plant(p, minute, third + i, 2 * third + j, second));
	}
	return DP_OK;
}

// 5 to 10 steps, any amounts: whoever was paid pays a neighbour next, one in ten times somebody who
// was there before.
static dp_code plant_random(plan *p)
{
	uint32_t steps = between(p->s, 5, 10), minute[MEMBERS_MAX], from = 0;
	pick_members(p, steps + 1);
	times_in_order(p, minute, steps);
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t to = i + 1;
		if (i > 1 && chance(p->s, 10) == 0) to = (uint32_t)chance(p->s, i);
		if (to == from) to = i + 1;
		DP_TRY(plant(p, minute[i], from, to, any_amount(p)));
		from = to;
	}
	return DP_OK;
}

// What real files have, too: money that goes to one account and back, called a scatter-gather.
static dp_code plant_two_accounts(plan *p)
{
	pick_members(p, 2);
	uint64_t amount = any_amount(p);
	DP_TRY(plant(p, first_half(p), 0, 1, amount));
	return plant(p, second_half(p), 1, 0, less_margin(amount));
}

static uint32_t degree_of(const dp_shapes *s, const dp_shapes_attempt *a)
{
	uint32_t count = (uint32_t)s->planted_count - a->first;
	return a->kind == DP_SHAPE_SCATTER_GATHER ? count / 2 : count;
}

static dp_code plant_one(dp_shapes *s, const dp_shapes_options *options, dp_shape_kind kind,
                         bool is_odd, dp_fault *fault)
{
	static const uint32_t days[DP_SHAPE_COUNT] = {1, 1, 2, 2, 7, 2, 4, 7};
	DP_TRY(dp_grow((void **)&s->attempt, &s->attempt_cap, sizeof *s->attempt,
	               s->attempt_count + 1, ROWS_MAX, fault));
	dp_shapes_attempt *a = &s->attempt[s->attempt_count++];
	*a = (dp_shapes_attempt){.kind = kind, .first = (uint32_t)s->planted_count};
	uint32_t most = days[kind] * DAY;
	plan p = {.s = s, .fault = fault, .currency = (uint8_t)chance(s, 4)};
	p.period = between(s, most / 8, most);
	// Nothing on the first two days: a ledger does not begin with a theft.
	p.start = 2 * DAY + (uint32_t)chance(s, (uint64_t)(options->days - 2) * DAY - p.period);
	static const uint32_t tens[] = {100, 1000, 10000, 100000};
	p.least = (uint64_t)100 * tens[chance(s, 4)];
	p.most = p.least * 10;
	p.rounded = chance(s, 2) == 0;
	dp_code code = DP_OK;
	switch (kind) {
	case DP_SHAPE_FAN_OUT: code = plant_fan(&p, true); break;
	case DP_SHAPE_FAN_IN: code = plant_fan(&p, false); break;
	case DP_SHAPE_SCATTER_GATHER:
		code = is_odd ? plant_two_accounts(&p) : plant_scatter_gather(&p);
		break;
	case DP_SHAPE_GATHER_SCATTER: code = plant_gather_scatter(&p); break;
	case DP_SHAPE_CYCLE: code = plant_cycle(&p); break;
	case DP_SHAPE_BIPARTITE: code = plant_bipartite(&p); break;
	case DP_SHAPE_STACK: code = plant_stack(&p); break;
	default: code = plant_random(&p); break;
	}
	a->count = (uint32_t)s->planted_count - a->first;
	a->degree = degree_of(s, a);
	return code;
}

//- noise -----------------------------------------------------------------------------------------

// A rank with chance 1/rank: a doubling, each as likely as the next, and any within it.
static uint32_t rank_of(uint64_t random, uint32_t count)
{
	uint32_t doublings = 32 - (uint32_t)__builtin_clz(count);
	uint32_t low = (uint32_t)1 << (random % doublings);
	uint32_t rank = low + (uint32_t)((random >> 8) % low);
	return (rank - 1) % count;
}

// Who is paid most are others than who pay most.
static uint32_t payee_of(uint64_t random, uint32_t count)
{
	return (uint32_t)(((uint64_t)rank_of(random, count) * 2654435761u + 12345) % count);
}

static uint64_t noise_amount(dp_shapes *s)
{
	// 65536 times 2^(i / 16).
	static const uint32_t part[16] = {65536,  68438,  71468,  74632, 77936,  81386,
	                                  84990,  88752,  92682,  96785, 101070, 105545,
	                                  110218, 115098, 120194, 125515};
	uint32_t x = 0;
	for (int i = 0; i < 4; i++) x += (uint32_t)chance(s, 80);
	uint64_t amount = (uint64_t)50 * part[x % 16] >> 16 << x / 16;
	return chance(s, 10) < 3 ? amount - amount % 100 + 100 : amount;
}

static dp_code add_noise(dp_shapes *s, const dp_shapes_options *options, dp_fault *fault)
{
	uint32_t from = rank_of(chance(s, UINT64_MAX), s->accounts);
	uint64_t whom = chance(s, 20);
	uint32_t to = from;
	// The busier, the more regular partners: the rank tells how busy.
	uint32_t regular = 2 + s->accounts / (from + 1) / 4;
	if (whom >= 15)
		to = payee_of(chance(s, UINT64_MAX), s->accounts);
	else if (whom > 0)
		to = payee_of(mix((uint64_t)from << 32 | chance(s, regular)), s->accounts);
	uint8_t currency = (uint8_t)(mix(from) % 8 < 5 ? 0 : 1 + mix(from) % 3);
	uint64_t amount = noise_amount(s);
	dp_shapes_row row = {.minute = (uint32_t)chance(s, (uint64_t)options->days * DAY),
	                     .from = from,
	                     .to = to,
	                     .paid = amount,
	                     .received = amount,
	                     .paid_in = currency,
	                     .received_in = currency,
	                     .format = (uint8_t)chance(s, 7)};
	if (chance(s, 50) == 0) { // changed on the way
		row.received_in = (uint8_t)((currency + 1) % 4);
		row.received = amount - amount / 10;
	}
	return put(&s->row, &s->row_count, &s->row_cap, &row, fault);
}

static int by_time(const void *a, const void *b)
{
	const dp_shapes_row *x = a, *y = b;
	if (x->minute != y->minute) return x->minute < y->minute ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

dp_code dp_shapes_make(dp_shapes *ret_shapes, const dp_shapes_options *options, dp_fault *fault)
{
	DP_CHECK(options->days >= 10);
	dp_shapes s = {.rng = options->seed};
	uint64_t planted = (uint64_t)options->each * DP_SHAPE_COUNT * 14; // about
	uint64_t noise = planted > 0 ? planted * options->noise : options->noise_alone;
	uint64_t accounts = noise * PAYMENTS_DAYS / PAYMENTS / options->days;
	if (accounts < planted * 4) accounts = planted * 4;
	if (accounts < ACCOUNTS_LEAST) accounts = ACCOUNTS_LEAST;
	s.accounts = (uint32_t)accounts;
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < options->each * DP_SHAPE_COUNT && code == DP_OK; i++)
		code = plant_one(&s, options, (dp_shape_kind)(i % DP_SHAPE_COUNT), false, fault);
	if (options->odd && code == DP_OK)
		code = plant_one(&s, options, DP_SHAPE_SCATTER_GATHER, true, fault);
	for (uint64_t i = 0; i < s.planted_count && code == DP_OK; i++)
		code = put(&s.row, &s.row_count, &s.row_cap, &s.planted[i], fault);
	if (s.planted_count > 0) noise = s.planted_count * options->noise;
	for (uint64_t i = 0; i < noise && code == DP_OK; i++) code = add_noise(&s, options, fault);
	// Planted ones among the others of their minute, but not in an order that says anything.
	for (uint64_t i = 0; i < s.row_count; i++) s.row[i].order = (uint32_t)(mix(i) >> 32);
	if (s.row_count > 0) qsort(s.row, s.row_count, sizeof *s.row, by_time);
	if (code != DP_OK)
		dp_shapes_done(&s);
	else
		*ret_shapes = s;
	return code;
}

void dp_shapes_done(dp_shapes *s)
{
	dp_free(s->row);
	dp_free(s->planted);
	dp_free(s->attempt);
	*s = (dp_shapes){0};
}

//- writing ---------------------------------------------------------------------------------------

static const char *const kind_name[DP_SHAPE_COUNT] = {
    "FAN-OUT", "FAN-IN",    "SCATTER-GATHER", "GATHER-SCATTER",
    "CYCLE",   "BIPARTITE", "STACK",          "RANDOM",
};

// Years are those in which the files may lie: 2022 and the one after.
static void write_minute(char out[24], uint32_t minute)
{
	static const uint32_t length[16] = {30, 31, 30, 31, 31, 28, 31, 30,
	                                    31, 30, 31, 31, 30, 31, 30, 31};
	uint32_t day = minute / DAY, month = 0;
	while (month < 15 && day >= length[month]) day -= length[month++];
	uint32_t year = 2022 + (month + 8) / 12;
	(void)snprintf(out, 24, "%u/%02u/%02u %02u:%02u", year % 10000, (month + 8) % 12 + 1,
	               day % 31 + 1, minute % DAY / HOUR, minute % HOUR);
}

// Banks are padded in the patterns, and in the transactions only sometimes.
static void write_account(char out[40], uint32_t account, bool is_patterns)
{
	uint32_t bank = 1 + (uint32_t)(mix(account) % 30000);
	if (is_patterns)
		(void)snprintf(out, 40, "%06u,80%07X", bank, account);
	else
		(void)snprintf(out, 40, account % 3 == 0 ? "0%u,80%07X" : "%u,80%07X", bank,
		               account);
}

static void write_row(dp_shapes_text *t, const dp_shapes_row *row, bool is_patterns)
{
	static const char *const currency[4] = {"US Dollar", "Euro", "Yuan", "Bitcoin"};
	static const char *const format[7] = {"ACH",     "Wire", "Cheque",      "Credit Card",
	                                      "Bitcoin", "Cash", "Reinvestment"};
	char minute[24], from[40], to[40];
	write_minute(minute, row->minute);
	write_account(from, row->from, is_patterns);
	write_account(to, row->to, is_patterns);
	int n = snprintf(t->line, sizeof t->line, "%s,%s,%s,%llu.%02llu,%s,%llu.%02llu,%s,%s,%d\n",
	                 minute, from, to, (unsigned long long)row->received / 100,
	                 (unsigned long long)row->received % 100, currency[row->received_in & 3],
	                 (unsigned long long)row->paid / 100, (unsigned long long)row->paid % 100,
	                 currency[row->paid_in & 3], format[row->format % 7], row->attempt != 0);
	DP_CHECK(n > 0 && (size_t)n < sizeof t->line);
	t->line_size = (size_t)n;
}

static bool next_transaction(dp_shapes_text *t)
{
	if (!t->began) {
		t->began = true;
		t->line_size = (size_t)snprintf(
		    t->line, sizeof t->line,
		    "Timestamp,From Bank,Account,To Bank,Account,Amount Received,Receiving "
		    "Currency,Amount Paid,Payment Currency,Payment Format,Is Laundering\n");
		return true;
	}
	if (t->at == t->shapes->row_count) return false;
	write_row(t, &t->shapes->row[t->at++], false);
	return true;
}

static bool next_pattern(dp_shapes_text *t)
{
	const dp_shapes *s = t->shapes;
	if (t->attempt == s->attempt_count) return false;
	const dp_shapes_attempt *a = &s->attempt[t->attempt];
	const char *name = kind_name[a->kind];
	if (!t->began) {
		t->began = true;
		t->at = a->first;
		// The text behind the colon is there in some of them.
		t->line_size = (size_t)snprintf(
		    t->line, sizeof t->line,
		    t->attempt % 4 == 3 ? "BEGIN LAUNDERING ATTEMPT - %s\n"
		                        : "BEGIN LAUNDERING ATTEMPT - %s:  Max %u-degree\n",
		    name, a->degree);
		return true;
	}
	if (t->at < (uint64_t)a->first + a->count) {
		write_row(t, &s->planted[t->at++], true);
		return true;
	}
	t->line_size =
	    (size_t)snprintf(t->line, sizeof t->line, "END LAUNDERING ATTEMPT - %s\n\n", name);
	t->began = false;
	t->attempt++;
	return true;
}

dp_code dp_shapes_read(void *text, void *buffer, size_t size, size_t *ret_size, dp_fault *fault)
{
	(void)fault;
	dp_shapes_text *t = text;
	size_t n = 0;
	while (n < size) {
		if (t->line_at == t->line_size) {
			t->line_at = 0;
			if (!(t->is_patterns ? next_pattern(t) : next_transaction(t))) {
				t->line_size = 0;
				break;
			}
		}
		size_t part = t->line_size - t->line_at;
		if (part > size - n) part = size - n;
		memcpy((char *)buffer + n, t->line + t->line_at, part);
		t->line_at += part;
		n += part;
	}
	*ret_size = n;
	return DP_OK;
}

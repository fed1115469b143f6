// Leads from bursts, see leads_find.c's essay on the rule.
//
//   row    an event under a key: whose it is; sorted by (pool, key, event)
//   run    rows of one pool and key that follow each other closely; sorted by (pool, count, event)
//
// For the case's deposits the key is the case, for strangers' their address, for withdrawals the
// holder. Runs of as many rows in one pool stand together, so what might belong to a run of
// deposits is found by halving.
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/leads_private.h"

typedef struct row {
	uint32_t key, event;
	uint16_t pool;
} row;

typedef struct run {
	uint32_t count, first, last; // events
	uint32_t row;                // where its rows begin
	uint16_t pool;
} run;

typedef struct runs {
	row *row;
	run *run;
	uint32_t rows, count;
} runs;

enum { CASE, STRANGERS, PAID, KINDS };

static int compare_rows(const void *a, const void *b)
{
	const row *x = a, *y = b;
	if (x->pool != y->pool) return x->pool < y->pool ? -1 : 1;
	if (x->key != y->key) return x->key < y->key ? -1 : 1;
	return (x->event > y->event) - (x->event < y->event);
}

// Payments by their first event, deposits by their last: by what is asked for.
static int compare_by_first(const void *a, const void *b)
{
	const run *x = a, *y = b;
	if (x->pool != y->pool) return x->pool < y->pool ? -1 : 1;
	if (x->count != y->count) return x->count < y->count ? -1 : 1;
	if (x->first != y->first) return x->first < y->first ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static int compare_by_last(const void *a, const void *b)
{
	const run *x = a, *y = b;
	if (x->pool != y->pool) return x->pool < y->pool ? -1 : 1;
	if (x->count != y->count) return x->count < y->count ? -1 : 1;
	if (x->last != y->last) return x->last < y->last ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static uint32_t head_of(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

// Recipients that dealt with each other are one holder: the smallest of them.
static void join_holders(uint32_t *parent, const dp_leads_finder *f)
{
	for (uint32_t i = 0; i < f->x->persons; i++) parent[i] = i;
	for (uint32_t i = 0; i < f->link_count; i++) {
		uint32_t a = dp_leads_person_of(f->x, f->link[i].a);
		uint32_t b = dp_leads_person_of(f->x, f->link[i].b);
		if (a == UINT32_MAX || b == UINT32_MAX) continue;
		// Who only pays in is no holder of what comes out, whomever he knows.
		if (!dp_leads_has(f->x, a, DP_SORT_PAID)) continue;
		if (!dp_leads_has(f->x, b, DP_SORT_PAID)) continue;
		a = head_of(parent, a);
		b = head_of(parent, b);
		parent[a > b ? a : b] = a > b ? b : a;
	}
}

static void fill_rows(runs r[KINDS], uint32_t *parent, const dp_leads_index *x)
{
	for (uint32_t i = 0; i < x->persons; i++) {
		const dp_lead_person *who = &x->person[i];
		for (uint32_t g = 0; g < who->group_count; g++) {
			const dp_lead_group *group = &x->group[who->group + g];
			if (!x->pool[group->pool].is_fixed) continue;
			for (uint32_t k = group->first; k < group->first + group->count; k++) {
				const dp_lead_ref *ref = &x->ref[k];
				if (ref->role == DP_ROLE_SENDER) continue;
				int kind = PAID;
				uint32_t key = head_of(parent, i);
				if (ref->role == DP_ROLE_DEPOSITOR) {
					kind = x->event[ref->event].is_case ? CASE : STRANGERS;
					key = kind == CASE ? 0 : i;
				}
				r[kind].row[r[kind].rows++] =
				    (row){.key = key, .event = ref->event, .pool = group->pool};
			}
		}
	}
}

static void fill_runs(runs *r, const dp_leads_finder *f)
{
	const dp_mixer_event *event = f->x->event;
	if (r->rows == 0) return;
	qsort(r->row, r->rows, sizeof *r->row, compare_rows);
	for (uint32_t i = 0, end; i < r->rows; i = end) {
		const row *a = &r->row[i];
		for (end = i + 1; end < r->rows; end++) {
			const row *b = &r->row[end];
			if (b->pool != a->pool || b->key != a->key) break;
			int64_t gap = event[b->event].time - event[b[-1].event].time;
			if (gap > (int64_t)f->options->burst_gap_max_s) break;
		}
		if (end - i < f->options->burst_min) continue;
		r->run[r->count++] = (run){.count = end - i,
		                           .first = a->event,
		                           .last = r->row[end - 1].event,
		                           .row = i,
		                           .pool = a->pool};
	}
}

// The first run of the pool and count whose first (or last) event is `event` or later.
static uint32_t find_run(const runs *r, uint16_t pool, uint32_t count, uint32_t event, bool by_last)
{
	uint32_t low = 0, high = r->count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const run *m = &r->run[mid];
		bool is_before = m->pool != pool     ? m->pool < pool
		                 : m->count != count ? m->count < count
		                                     : (by_last ? m->last : m->first) < event;
		if (is_before)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

// The first event at this time or later.
static uint32_t event_at(const dp_leads_index *x, int64_t time)
{
	uint32_t low = 0, high = x->count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (x->event[mid].time < time)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static dp_lead_part part_of(uint32_t room[DP_LEAD_LIST_MAX], const runs *r, const run *one)
{
	dp_lead_part part = dp_lead_part_of(room, one->count);
	for (uint32_t i = 0; i < part.listed; i++) room[i] = r->row[one->row + i].event;
	return part;
}

// A burst of the case's deposits, and all bursts of as many withdrawals soon enough behind it.
static dp_code judge_burst(dp_leads_finder *f, const runs r[KINDS], const run *in, dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	const runs *paid = &r[PAID];
	int64_t delay = f->options->burst_delay_max_s;
	int64_t latest = x->event[in->last].time + delay;
	uint32_t from = find_run(paid, in->pool, in->count, in->last + 1, false), n = 0;
	while (from + n < paid->count && n <= f->options->alternatives_max) {
		const run *out = &paid->run[from + n];
		if (out->pool != in->pool || out->count != in->count) break;
		if (x->event[out->first].time > latest) break;
		n++;
	}
	if (n > f->options->alternatives_max) return DP_OK;
	for (uint32_t i = 0; i < n; i++) {
		const run *out = &paid->run[from + i];
		uint32_t oldest = event_at(x, x->event[out->first].time - delay);
		uint32_t low = find_run(&r[STRANGERS], in->pool, in->count, oldest, true);
		uint32_t high = find_run(&r[STRANGERS], in->pool, in->count, out->first, true);
		uint32_t ins[DP_LEAD_LIST_MAX], outs[DP_LEAD_LIST_MAX];
		dp_lead *lead;
		DP_TRY(dp_leads_add(f, &lead, DP_LEAD_BURST, part_of(ins, &r[CASE], in),
		                    part_of(outs, paid, out), n - 1 + (high > low ? high - low : 0),
		                    fault));
		if (lead == NULL) continue;
		long long in_s = x->event[in->last].time - x->event[in->first].time;
		long long out_s = x->event[out->last].time - x->event[out->first].time;
		(void)snprintf(lead->text, sizeof lead->text,
		               "%u deposits within %lld seconds, then as many withdrawals to one "
		               "holder within %lld",
		               in->count, in_s, out_s);
	}
	return DP_OK;
}

static dp_code judge_bursts(dp_leads_finder *f, runs r[KINDS], uint32_t *parent, dp_fault *fault)
{
	join_holders(parent, f);
	fill_rows(r, parent, f->x);
	for (int k = 0; k < KINDS; k++) {
		fill_runs(&r[k], f);
		if (r[k].count > 0)
			qsort(r[k].run, r[k].count, sizeof *r[k].run,
			      k == PAID ? compare_by_first : compare_by_last);
	}
	for (uint32_t i = 0; i < r[CASE].count; i++)
		DP_TRY(judge_burst(f, r, &r[CASE].run[i], fault));
	return DP_OK;
}

dp_code dp_leads_burst(dp_leads_finder *f, dp_fault *fault)
{
	const dp_leads_index *x = f->x;
	runs r[KINDS] = {0};
	DP_CHECK(f->options->burst_min > 0);
	uint32_t most[KINDS] = {x->before[DP_SORT_CASE][x->refs],
	                        x->before[DP_SORT_DEPOSIT][x->refs],
	                        x->before[DP_SORT_PAID][x->refs]};
	if (most[CASE] < f->options->burst_min || most[PAID] < f->options->burst_min) return DP_OK;
	uint32_t *parent = dp_alloc(((size_t)x->persons + 1) * sizeof *parent);
	bool is_there = parent != NULL;
	for (int k = 0; k < KINDS; k++) {
		r[k].row = dp_alloc(((size_t)most[k] + 1) * sizeof *r[k].row);
		r[k].run =
		    dp_alloc(((size_t)most[k] / f->options->burst_min + 1) * sizeof *r[k].run);
		is_there = is_there && r[k].row != NULL && r[k].run != NULL;
	}
	dp_code code = is_there ? judge_bursts(f, r, parent, fault)
	                        : dp_fail(fault, DP_NO_MEMORY, "no memory for bursts");
	for (int k = 0; k < KINDS; k++) {
		dp_free(r[k].row);
		dp_free(r[k].run);
	}
	dp_free(parent);
	return code;
}

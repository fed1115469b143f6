// Writes one theft of a chain of accounts and what thieves do with it, as movements CSV: what a
// case of a million transfers is like, for trials and benchmarks. Unlike gen_ledger's, where
// everybody trades with everybody, wallets here are used a few times and left, as verified flows
// show it.
//
//   gen_laundry [--seed N] [--transfers N] [--case] > FILE
//
// The loot is split into fifty equal parts, worked off one after the other. Each wallet then, after
// some hours (exponential, ten on average), passes all on (40 of 100), splits it, equally or not,
// into 2 to 12 (42), pays a collector that 3 to 39 wallets share and that pays a day later (15), or
// leaves it with one of thirty services that nobody has named (3). The same options give the same
// file on every machine. --case writes the case file instead.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	BLOCK_S = 12,
	PARTS = 50,
	PARTS_MAX = 12,
	MEAN_S = 36000,
	DAY_S = 86400,
	SERVICES = 30,
	TRANSFERS_MAX = 20000000
};
static const int64_t begun = 1740000000;
// In gwei: 400,000 ether; less than a hundredth of an ether stays where it is.
static const uint64_t loot = UINT64_C(400000) * 1000000000, least = 10000000;

// Money that waits in a wallet for its time.
typedef struct waiting {
	int64_t time;
	uint64_t order, wallet, amount;
} waiting;

typedef struct transfer {
	int64_t time;
	uint64_t order, from, to, amount;
} transfer;

typedef struct laundry {
	uint64_t seed, orders, wallets;
	waiting *heap;
	uint64_t heap_cap, heap_count;
	transfer *made;
	uint64_t made_cap, made_count, made_max;
	uint64_t collector, members, collected;
} laundry;

enum { VICTIM = 1, THIEF, SERVICE_FIRST, WALLET_FIRST = SERVICE_FIRST + SERVICES };

// splitmix64 (Steele, Lea and Flood 2014).
static uint64_t draw(laundry *l)
{
	uint64_t z = l->seed += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(laundry *l, uint64_t n)
{
	return draw(l) % n;
}

// Exponential with that mean, without floating point: a geometric number of halvings, and what is
// between two of them evenly. Close enough for waiting, and the same everywhere.
static int64_t wait(laundry *l)
{
	int64_t half_life = MEAN_S * 693 / 1000;
	uint64_t bits = draw(l) | UINT64_C(1) << 40;
	return (int64_t)__builtin_ctzll(bits) * half_life + (int64_t)below(l, (uint64_t)half_life);
}

static bool is_sooner(const waiting *a, const waiting *b)
{
	return a->time < b->time || (a->time == b->time && a->order < b->order);
}

static void put(laundry *l, int64_t time, uint64_t wallet, uint64_t amount)
{
	dp_fault fault;
	DP_CHECK(dp_grow((void **)&l->heap, &l->heap_cap, sizeof *l->heap, l->heap_count + 1,
	                 (uint64_t)TRANSFERS_MAX * 2, &fault) == DP_OK);
	waiting w = {time, l->orders++, wallet, amount};
	uint64_t at = l->heap_count++;
	for (; at > 0 && is_sooner(&w, &l->heap[(at - 1) / 2]); at = (at - 1) / 2)
		l->heap[at] = l->heap[(at - 1) / 2];
	l->heap[at] = w;
}

static waiting take(laundry *l)
{
	waiting first = l->heap[0], last = l->heap[--l->heap_count];
	uint64_t at = 0;
	for (;;) {
		uint64_t next = 2 * at + 1;
		if (next + 1 < l->heap_count && is_sooner(&l->heap[next + 1], &l->heap[next]))
			next++;
		if (next >= l->heap_count || !is_sooner(&l->heap[next], &last)) break;
		l->heap[at] = l->heap[next];
		at = next;
	}
	if (l->heap_count > 0) l->heap[at] = last;
	return first;
}

static void pay(laundry *l, int64_t time, uint64_t from, uint64_t to, uint64_t amount)
{
	dp_fault fault;
	DP_CHECK(dp_grow((void **)&l->made, &l->made_cap, sizeof *l->made, l->made_count + 1,
	                 (uint64_t)TRANSFERS_MAX + PARTS_MAX + PARTS, &fault) == DP_OK);
	l->made[l->made_count++] = (transfer){time, l->made_count, from, to, amount};
}

static void split(laundry *l, const waiting *w)
{
	static const uint8_t sizes[] = {2, 2, 2, 2, 3, 5, 8, PARTS_MAX};
	uint64_t parts = sizes[below(l, sizeof sizes)], left = w->amount;
	bool is_equal = below(l, 2) == 0;
	int64_t time = w->time;
	for (uint64_t i = 0; i < parts; i++) {
		uint64_t part = is_equal ? w->amount / parts : left * (5 + below(l, 55)) / 100;
		if (i + 1 == parts) part = left;
		left -= part;
		uint64_t to = l->wallets++;
		pay(l, time, w->wallet, to, part);
		put(l, time + 30 + wait(l), to, part);
		time += BLOCK_S + (int64_t)below(l, 600);
	}
}

static void collect(laundry *l, const waiting *w)
{
	pay(l, w->time, w->wallet, l->collector, w->amount);
	l->collected += w->amount;
	if (l->members-- > 1) return;
	put(l, w->time + DAY_S, l->collector, l->collected);
	l->collector = l->wallets++;
	l->members = 3 + below(l, 37);
	l->collected = 0;
}

static void work_off(laundry *l, const waiting *w)
{
	uint64_t what = below(l, 100);
	if (what < 40) {
		uint64_t to = l->wallets++;
		pay(l, w->time, w->wallet, to, w->amount);
		put(l, w->time + 30 + wait(l), to, w->amount);
	} else if (what < 82) {
		split(l, w);
	} else if (what < 97) {
		collect(l, w);
	} else {
		pay(l, w->time, w->wallet, SERVICE_FIRST + below(l, SERVICES), w->amount);
	}
}

static void launder(laundry *l)
{
	l->wallets = WALLET_FIRST;
	l->collector = l->wallets++;
	l->members = 3 + below(l, 37);
	pay(l, begun, VICTIM, THIEF, loot);
	for (int i = 0; i < PARTS; i++) {
		uint64_t to = l->wallets++;
		pay(l, begun + 60 + i * BLOCK_S, THIEF, to, loot / PARTS);
		put(l, begun + 3600 * (1 + 2 * i) + (int64_t)below(l, 3600), to, loot / PARTS);
	}
	while (l->heap_count > 0 && l->made_count < l->made_max) {
		waiting w = take(l);
		if (w.amount >= least) work_off(l, &w);
	}
}

//- writing ---------------------------------------------------------------------------------------

static int by_time(const void *a, const void *b)
{
	const transfer *x = a, *y = b;
	if (x->time != y->time) return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

// An address for a number: all of its digits look like an address's.
static void address(char out[43], uint64_t wallet)
{
	laundry l = {.seed = wallet};
	(void)snprintf(out, 43, "0x%016llx%016llx%08x", (unsigned long long)draw(&l),
	               (unsigned long long)draw(&l), (unsigned)draw(&l));
}

static int write_ledger(laundry *l)
{
	char from[43], to[43];
	qsort(l->made, l->made_count, sizeof *l->made, by_time);
	printf("block,time,tx,index,kind,from,to,asset,amount_base\n");
	for (uint64_t i = 0; i < l->made_count; i++) {
		const transfer *t = &l->made[i];
		int64_t block = (t->time - begun) / BLOCK_S;
		address(from, t->from);
		address(to, t->to);
		printf("%lld,%lld,0x%064llx,0,native,%s,%s,ETH,%llu000000000\n",
		       (long long)block + 1, (long long)(begun + block * BLOCK_S),
		       (unsigned long long)i + 1, from, to, (unsigned long long)t->amount);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static int write_case(void)
{
	char thief[43];
	address(thief, THIEF);
	printf("incident: laundry-1\ntitle: A generated laundering\nchain: ethereum\nstolen:\n"
	       "  - {address: \"%s\", asset: ETH, amount_base: \"%llu000000000\"}\n",
	       thief, (unsigned long long)loot);
	return fflush(stdout) == 0 ? 0 : 1;
}

static bool read_number(uint64_t *ret_number, const char *text, uint64_t most)
{
	char *end;
	unsigned long long n = text == NULL ? 0 : strtoull(text, &end, 10);
	if (text == NULL || *text < '0' || *text > '9' || *end != 0 || n > most) return false;
	*ret_number = n;
	return true;
}

int main(int argc, char **argv)
{
	laundry l = {.seed = 1, .made_max = 1000000};
	bool is_case = false, is_good = true;
	for (int i = 1; i < argc && is_good; i++) {
		if (strcmp(argv[i], "--case") == 0)
			is_case = true;
		else if (strcmp(argv[i], "--seed") == 0)
			is_good = read_number(&l.seed, argv[++i], UINT64_MAX);
		else if (strcmp(argv[i], "--transfers") == 0)
			is_good = read_number(&l.made_max, argv[++i], TRANSFERS_MAX);
		else
			is_good = false;
	}
	if (!is_good) {
		fprintf(stderr, "usage: gen_laundry [--seed N] [--transfers N] [--case]\n");
		return 2;
	}
	if (is_case) return write_case();
	launder(&l);
	int code = write_ledger(&l);
	dp_free(l.heap);
	dp_free(l.made);
	return code;
}

// Measures the features of fingerprint_table.c on a graph.
//
//   edges, once, in time     -> spots: what each node got, paid, when, how near a source it is
//   edges again, by spender  -> split sizes, gaps, different receivers (a counting sort of edges)
//   spots                    -> distributions
//
// Definitions are in fingerprint.h. Those of retention, lifetime, ratio, degree, value and hops are
// the ones that give, to the printed digit, the figures that were measured before for both flows at
// hand (tests/unit/test_fingerprint_incidents.c has them), found by trying the variants:
//   - retention leaves out the nine middles of Harmony that pay before the list shows them paid:
//     what they paid with is not in the list (with them the median is 5.6 minutes, not 6.2)
//   - the ratio and the lifetime keep them (without: 85 % and 5.5 hours, not 84 and 6.8)
//   - percentiles are nearest rank (interpolated, LI.FI's p90 of retention is 937, not 947)
//   - the share under 500,000 is of rows: several transfers within one transaction are several
//     (added up by transaction Harmony has 58 %, not 61)
//   - the value at a terminal counts whole at the terminal's own least distance (by the distance
//     of each arriving transfer Harmony has 9 % at three hops, not 44)
// Sums are of 128 bits: 2^26 edges of up to 2^64 fit.
#include "technique/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

typedef unsigned __int128 wide;

enum {
	SAMPLE_MIN = 5,         // fewer middles say nothing about how middles behave
	CLOCK_MIN = 24,         // fewer transactions say nothing about a day
	PARTS_MIN = 5,          // equal parts, uneven parts (smurfing: k >= 5)
	EQUAL_PER = 1000,       // amounts are equal within 1 in that many
	GAPS = 10,              // automation (Harmony: 100 ETH every 6 to 8 minutes)
	GAP_VARIATION = 4,      // coefficient of variation < 1/4
	ROUND_DIGITS = 3,       // of a round amount
	ROUND_MIN = 1000000,    // base units: less is dust, in which every digit is the last
	QUICK_S = 3600,         // a fast middle
	SMALL_CENTS = 50000000, // $500,000 (Chainalysis 2025)
	OFFICE_END = 10,        // UTC; 9 to 18 o'clock of UTC+9 begins at 0, of UTC+8 ends at 10
	PPM = 1000000,
	FAR = 0xffff // hops: not reached
};

typedef enum part {
	PART_SKIP,
	PART_THEFT,
	PART_INNER,
	PART_FROM_BRIDGE,
	PART_FROZEN,
	PART_TRANSFER
} part;
typedef enum weigh { WEIGH_NOTHING, WEIGH_WORTH, WEIGH_LOOT, WEIGH_AMOUNT } weigh;
typedef enum what { WHAT_MIDDLE, WHAT_SOURCE, WHAT_TERMINAL, WHAT_VICTIM } what;

// The ends of money, in the order of the table from "still-share" on.
enum {
	END_STILL,
	END_SERVICE,
	END_SWAP,
	END_BRIDGE,
	END_MIXER,
	END_COINJOIN,
	END_BURN,
	END_FROZEN,
	END_RETURNED,
	END_COUNT
};

typedef struct spot {
	wide in, out, at_end; // weights; at_end: of `in`, what has been counted as ended
	int64_t first_in, first_out, last_out;
	uint32_t paid; // different addresses
	uint16_t hop;
	uint8_t what;
	bool has_in, has_out, in_flow;
} spot;

typedef struct walk {
	const dp_graph *g;
	const dp_fingerprint_options *options;
	dp_fingerprint *print;
	dp_edge last;
	spot *spot; // by node
	uint32_t spot_count;
	uint32_t *at; // by node: where its transfers begin in `by_spender`
	dp_edge *by_spender;
	uint64_t *value; // scratch, as long as there are edges
	uint32_t *mark;  // by node
	uint8_t *part;   // by edge: a part; asked for in every pass
	uint64_t *spare; // as long as `value`: for sorting
	weigh weigh;
	bool has_source;
	bool has_worth;     // all transfers
	uint32_t transfers; // PART_TRANSFER
	uint32_t txs;
	int64_t theft; // of the options, else of the first
	wide end[END_COUNT];
} walk;

static void set(walk *w, const char *name, uint64_t low, uint64_t high)
{
	const dp_feature *f = dp_feature_find(name);
	DP_CHECK(f != NULL && low <= high);
	uint64_t max = (uint64_t)DP_FEATURE_VALUE_MAX;
	w->print->value[dp_feature_index(f)] =
	    (dp_feature_value){.low = (int64_t)(low < max ? low : max),
	                       .high = (int64_t)(high < max ? high : max),
	                       .known = true};
}

static uint64_t ppm(wide some, wide whole)
{
	DP_CHECK(whole > 0 && some <= whole);
	// Shifted down together until the product fits; a millionth of a millionth is lost.
	while (whole >> 100 != 0) {
		whole >>= 1;
		some >>= 1;
	}
	return (uint64_t)((some * PPM + whole / 2) / whole);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

// Sorts the first n of w->value. Many by radix, a byte at a time from the lowest, without the bytes
// in which all are equal: the time is that of reading them, whatever somebody wrote into them.
static void sort(walk *w, uint32_t n)
{
	enum { RADIX_MIN = 1000 };
	if (n < RADIX_MIN) {
		if (n > 1) qsort(w->value, n, sizeof *w->value, by_size);
		return;
	}
	uint64_t *from = w->value, *to = w->spare;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		uint32_t at[256] = {0}, sum = 0;
		for (uint32_t i = 0; i < n; i++) at[from[i] >> shift & 255]++;
		if (at[from[0] >> shift & 255] == n) continue;
		for (int b = 0; b < 256; b++) {
			uint32_t own = at[b];
			at[b] = sum;
			sum += own;
		}
		for (uint32_t i = 0; i < n; i++) to[at[from[i] >> shift & 255]++] = from[i];
		uint64_t *kept = from;
		from = to;
		to = kept;
	}
	if (from != w->value) memcpy(w->value, from, n * sizeof *from);
}

// Nearest rank, of values in order.
static uint64_t rank(const uint64_t *value, uint32_t n, uint32_t percent)
{
	DP_CHECK(n > 0 && percent >= 1 && percent <= 100);
	return value[((uint64_t)n * percent + 99) / 100 - 1];
}

static uint64_t middle_of(uint64_t low, uint64_t high)
{
	return low + (high - low) / 2;
}

static uint64_t weight_of(const walk *w, const dp_transfer *t)
{
	switch (w->weigh) {
	case WEIGH_WORTH: return middle_of(t->worth_low, t->worth_high);
	case WEIGH_LOOT: return t->loot;
	case WEIGH_AMOUNT: return t->amount;
	default: return 0;
	}
}

// An edge of many in a row: what is kept of the nodes of one that comes soon is fetched meanwhile,
// for they lie anywhere.
static const dp_transfer *edge_at(const walk *w, dp_edge e)
{
	enum { AHEAD = 12 };
	if (w->last - e >= AHEAD) {
		const dp_transfer *t = dp_graph_edge(w->g, e + AHEAD);
		__builtin_prefetch(&w->spot[t->src]);
		__builtin_prefetch(&w->spot[t->dst]);
	}
	return dp_graph_edge(w->g, e);
}

static part find_part(const walk *w, const dp_transfer *t)
{
	if (t->kind == DP_TR_THEFT) return PART_THEFT;
	if (t->kind == DP_TR_BRIDGE_IN) return PART_FROM_BRIDGE;
	uint8_t from = w->spot[t->src].what;
	if (from == WHAT_TERMINAL || from == WHAT_VICTIM) return PART_SKIP;
	if (t->kind == DP_TR_FROZEN) return PART_FROZEN;
	if (t->src == t->dst) return PART_SKIP;
	return t->kind == DP_TR_COSPEND ? PART_INNER : PART_TRANSFER;
}

//- what the nodes are ----------------------------------------------------------------------------

static void sort_nodes(walk *w)
{
	for (uint32_t n = 1; n < w->spot_count; n++) {
		w->spot[n].hop = FAR;
		uint32_t role = dp_graph_node_at(w->g, n)->role;
		if (role == DP_NODE_WALLET) continue;
		w->spot[n].what = role == DP_NODE_VICTIM ? WHAT_VICTIM : WHAT_TERMINAL;
	}
	for (uint32_t i = 0; i < w->options->terminal_count; i++) {
		uint32_t n = w->options->terminal[i];
		DP_CHECK(n >= 1 && n < w->spot_count);
		if (w->spot[n].what == WHAT_MIDDLE) w->spot[n].what = WHAT_TERMINAL;
	}
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = dp_graph_edge(w->g, e);
		if (t->kind != DP_TR_THEFT) continue;
		w->spot[t->dst].what = WHAT_SOURCE;
		w->spot[t->dst].hop = 0;
		if (!w->has_source) w->theft = t->time;
		w->has_source = true;
	}
}

// Dollars where every transfer has them, else the loot, else amounts where all are of one asset.
static void choose_weight(walk *w)
{
	for (dp_edge e = 1; e <= w->last; e++) w->part[e] = (uint8_t)find_part(w, edge_at(w, e));

	bool worth = true, loot = true, amount = true, any = false;
	uint32_t asset = 0;
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = dp_graph_edge(w->g, e);
		if (w->part[e] == PART_SKIP) continue;
		if (!any) asset = t->asset;
		any = true;
		worth = worth && t->worth_high != DP_WORTH_NONE && t->worth_low <= t->worth_high;
		loot = loot && t->loot > 0;
		amount = amount && t->asset == asset;
	}
	w->has_worth = any && worth;
	w->weigh = !any     ? WEIGH_NOTHING
	           : worth  ? WEIGH_WORTH
	           : loot   ? WEIGH_LOOT
	           : amount ? WEIGH_AMOUNT
	                    : WEIGH_NOTHING;
}

static void note_out(spot *s, const dp_transfer *t, uint64_t weight)
{
	s->in_flow = true;
	if (!s->has_out) s->first_out = t->time;
	s->has_out = true;
	s->last_out = t->time;
	s->out += weight;
}

static void note_in(spot *s, const dp_transfer *t, uint64_t weight)
{
	s->in_flow = true;
	if (!s->has_in) s->first_in = t->time;
	s->has_in = true;
	s->in += weight;
}

// Where money ends by the way in which it went, or by who got it.
static int end_of(const walk *w, const dp_transfer *t)
{
	static const int8_t of_kind[DP_TR_KIND_COUNT] = {
	    [DP_TR_SERVICE] = END_SERVICE,  [DP_TR_BRIDGE_OUT] = END_BRIDGE,
	    [DP_TR_MIXER] = END_MIXER,      [DP_TR_COINJOIN] = END_COINJOIN,
	    [DP_TR_BURN] = END_BURN,        [DP_TR_FROZEN] = END_FROZEN,
	    [DP_TR_RETURNED] = END_RETURNED};
	static const int8_t of_role[] = {
	    [DP_NODE_WALLET] = END_STILL,    [DP_NODE_VICTIM] = END_RETURNED,
	    [DP_NODE_SERVICE] = END_SERVICE, [DP_NODE_MIXER] = END_MIXER,
	    [DP_NODE_BRIDGE] = END_BRIDGE,   [DP_NODE_VENUE] = END_SWAP,
	    [DP_NODE_BURN] = END_BURN};
	DP_CHECK(t->kind < DP_TR_KIND_COUNT);
	uint32_t role = dp_graph_node_at(w->g, t->dst)->role;
	DP_CHECK(role < sizeof of_role);
	return of_kind[t->kind] != 0 ? of_kind[t->kind] : of_role[role];
}

static void note_end(walk *w, const dp_transfer *t, uint64_t weight)
{
	int end = end_of(w, t);
	uint8_t to = w->spot[t->dst].what;
	if (end == END_STILL && to != WHAT_TERMINAL) return; // counted by what it keeps
	w->end[end] += weight;
	// A wallet that money reached through a CoinJoin keeps what has been counted.
	if (t->src != t->dst) w->spot[t->dst].at_end += weight;
}

static void come_nearer(spot *from, spot *to, uint32_t hops)
{
	if (from->hop == FAR) return;
	uint32_t hop = from->hop + hops;
	if (hop < to->hop) to->hop = (uint16_t)hop;
}

static void read_edge(walk *w, dp_edge e)
{
	const dp_transfer *t = edge_at(w, e);
	spot *from = &w->spot[t->src], *to = &w->spot[t->dst];
	uint64_t weight = weight_of(w, t);
	switch (w->part[e]) {
	case PART_SKIP: return;
	case PART_THEFT:
		to->in += weight;
		to->in_flow = true;
		return;
	case PART_FROZEN:
		w->end[END_FROZEN] += weight;
		from->at_end += weight;
		from->in_flow = true;
		return;
	case PART_FROM_BRIDGE:
		// It is in the bridge no longer.
		w->end[END_BRIDGE] -= weight < w->end[END_BRIDGE] ? weight : w->end[END_BRIDGE];
		note_in(to, t, weight);
		come_nearer(from, to, 1);
		return;
	case PART_INNER:
		note_out(from, t, weight);
		note_in(to, t, weight);
		come_nearer(from, to, 0);
		return;
	case PART_TRANSFER:
		w->transfers++;
		note_out(from, t, weight);
		note_in(to, t, weight);
		come_nearer(from, to, 1);
		note_end(w, t, weight);
		w->at[t->src]++;
		return;
	}
}

// Transfers by spender, in time: at[n] to at[n + 1].
static void group_by_spender(walk *w)
{
	uint32_t sum = 0;
	for (uint32_t n = 0; n <= w->spot_count; n++) {
		uint32_t own = w->at[n];
		w->at[n] = sum;
		sum += own;
	}
	DP_CHECK(sum == w->transfers);
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = dp_graph_edge(w->g, e);
		if (w->part[e] == PART_TRANSFER) w->by_spender[w->at[t->src]++] = e;
	}
	memmove(w->at + 1, w->at, (size_t)w->spot_count * sizeof *w->at);
	w->at[0] = 0;
}

//- features of transfers -------------------------------------------------------------------------

static bool is_round(uint64_t amount)
{
	if (amount < ROUND_MIN) return false;
	while (amount % 10 == 0) amount /= 10;
	uint64_t limit = 1;
	for (int i = 0; i < ROUND_DIGITS; i++) limit *= 10;
	return amount < limit;
}

// Low and high of a share whose parts are ranges: as little as possible of what is surely small in
// as much as possible of the rest, and the other way round.
static void measure_small(walk *w)
{
	wide sure_low = 0, rest_high = 0, maybe_high = 0, large_low = 0;
	for (dp_edge e = 1; e <= w->last; e++) {
		if (w->part[e] != PART_TRANSFER) continue;
		const dp_transfer *t = dp_graph_edge(w->g, e);
		bool surely_small = t->worth_high < SMALL_CENTS,
		     surely_large = t->worth_low >= SMALL_CENTS;
		if (surely_small) sure_low += t->worth_low;
		if (!surely_small) rest_high += t->worth_high;
		if (!surely_large) maybe_high += t->worth_high;
		if (surely_large) large_low += t->worth_low;
	}
	if (sure_low + rest_high == 0 || maybe_high + large_low == 0) return;
	uint64_t low = ppm(sure_low, sure_low + rest_high);
	uint64_t high = ppm(maybe_high, maybe_high + large_low);
	set(w, "small-value", low, high > low ? high : low);
}

static void measure_worth(walk *w)
{
	if (!w->has_worth || w->transfers == 0) return;
	measure_small(w);
	uint64_t at[2][2] = {{0}};
	bool exact = true;
	for (int high = 0; high < 2; high++) {
		uint32_t n = 0;
		for (dp_edge e = 1; e <= w->last; e++) {
			if (w->part[e] != PART_TRANSFER) continue;
			const dp_transfer *t = dp_graph_edge(w->g, e);
			w->value[n++] = high ? t->worth_high : t->worth_low;
			exact = exact && t->worth_low == t->worth_high;
		}
		sort(w, w->transfers);
		at[0][high] = rank(w->value, w->transfers, 50);
		at[1][high] = rank(w->value, w->transfers, 90);
		if (!exact) continue;
		at[0][1] = at[0][0];
		at[1][1] = at[1][0];
		break;
	}
	set(w, "transfer-p50", at[0][0], at[0][1]);
	set(w, "transfer-p90", at[1][0], at[1][1]);
	uint64_t low = 0, high = 0;
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = dp_graph_edge(w->g, e);
		if (t->kind != DP_TR_THEFT) continue;
		if (__builtin_add_overflow(low, t->worth_low, &low)) low = UINT64_MAX;
		if (__builtin_add_overflow(high, t->worth_high, &high)) high = UINT64_MAX;
	}
	if (high > 0) set(w, "worth", low, high);
}

// Hours are of transactions, not of transfers: one that pays forty was signed once.
static void measure_clock(walk *w)
{
	uint64_t hour[24] = {0}, office = 0;
	uint64_t rounds = 0;
	uint32_t tx = 0;
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = dp_graph_edge(w->g, e);
		if (w->part[e] != PART_TRANSFER) continue;
		rounds += is_round(t->amount);
		if (w->txs > 0 && t->tx == tx) continue;
		tx = t->tx;
		w->txs++;
		int64_t second = t->time % 86400;
		hour[(second < 0 ? second + 86400 : second) / 3600]++;
	}
	if (w->transfers >= SAMPLE_MIN)
		set(w, "round", ppm(rounds, w->transfers), ppm(rounds, w->transfers));
	if (w->txs < CLOCK_MIN) return;
	for (uint32_t h = 0; h < 24; h++) {
		char name[] = "hour-00";
		name[5] = (char)('0' + h / 10);
		name[6] = (char)('0' + h % 10);
		uint64_t share = ppm(hour[h], w->txs);
		set(w, name, share, share);
		if (h < OFFICE_END) office += hour[h];
	}
	set(w, "office-east", ppm(office, w->txs), ppm(office, w->txs));
}

//- features of spenders --------------------------------------------------------------------------

typedef struct spenders {
	wide equal;       // weight in equal parts
	wide gini, spent; // Gini coefficients times what was spent / what was spent
	uint64_t regular; // transactions
	uint64_t txs;     // one of two spenders counts twice
} spenders;

// Sorted by asset, then amount: [asset, amount, weight].
typedef struct payment {
	uint64_t amount, weight;
	uint32_t asset;
} payment;

static int by_amount(const void *a, const void *b)
{
	const payment *x = a, *y = b;
	if (x->asset != y->asset) return x->asset < y->asset ? -1 : 1;
	if (x->amount != y->amount) return x->amount < y->amount ? -1 : 1;
	return x->weight < y->weight ? -1 : x->weight > y->weight;
}

static wide equal_parts(payment *pay, uint32_t n)
{
	qsort(pay, n, sizeof *pay, by_amount);
	wide sum = 0;
	for (uint32_t i = 0, end; i < n; i = end) {
		wide here = pay[i].weight;
		for (end = i + 1; end < n && pay[end].asset == pay[i].asset &&
		                  pay[end].amount - pay[i].amount <= pay[i].amount / EQUAL_PER;
		     end++)
			here += pay[end].weight;
		if (end - i >= PARTS_MIN && pay[i].amount > 0) sum += here;
	}
	return sum;
}

// G = 2 * sum(i * x_i) / (n * sum(x)) - (n + 1) / n, x in order, i from 1.
static uint64_t gini(const uint64_t *value, uint32_t n, wide sum)
{
	DP_CHECK(n > 0 && sum > 0);
	wide ranks = 0;
	for (uint32_t i = 0; i < n; i++) ranks += (wide)(i + 1) * value[i];
	unsigned shift = 0; // until the product fits: ranks <= n * sum <= 2^116
	while ((ranks >> shift) >> 100 != 0) shift++;
	wide divisor = (sum >> shift) * n;
	if (divisor == 0) return 0;
	wide twice = (ranks >> shift) * 2 * PPM / divisor;
	wide less = ((wide)n + 1) * PPM / n;
	return twice <= less ? 0 : (uint64_t)(twice - less);
}

// How many of a spender's transactions stand in runs of GAPS gaps that hardly vary:
// deviation / mean < 1/4, that is n * sum(g^2) - sum(g)^2 < sum(g)^2 / 16.
static uint64_t regular_of(walk *w, const dp_edge *edge, uint32_t n, uint64_t *io_txs)
{
	int64_t *time = (int64_t *)w->value;
	uint32_t count = 0, tx = 0;
	for (uint32_t i = 0; i < n; i++) {
		const dp_transfer *t = dp_graph_edge(w->g, edge[i]);
		if (count > 0 && t->tx == tx) continue;
		tx = t->tx;
		time[count++] = t->time;
	}
	*io_txs += count;
	uint32_t covered = 0, upto = 0; // [.., upto) has been counted
	for (uint32_t i = 0; i + GAPS < count; i++) {
		wide sum = 0, squares = 0;
		for (uint32_t k = i; k < i + GAPS; k++) {
			wide gap = (wide)(uint64_t)(time[k + 1] - time[k]);
			sum += gap;
			squares += gap * gap;
		}
		// Gaps of up to 2^60 s (a feed's nonsense) would not fit: nobody's automation.
		if (sum == 0 || sum >> 56 != 0) continue;
		if ((GAPS * squares - sum * sum) * GAP_VARIATION * GAP_VARIATION >= sum * sum)
			continue;
		uint32_t from = i > upto ? i : upto;
		covered += i + GAPS + 1 - from;
		upto = i + GAPS + 1;
	}
	return covered;
}

static void measure_spender(walk *w, uint32_t node, spenders *io_all, payment *pay)
{
	const dp_edge *edge = &w->by_spender[w->at[node]];
	uint32_t n = w->at[node + 1] - w->at[node];
	io_all->regular += regular_of(w, edge, n, &io_all->txs);
	wide sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		const dp_transfer *t = dp_graph_edge(w->g, edge[i]);
		if (w->mark[t->dst] != node) w->spot[node].paid++;
		w->mark[t->dst] = node;
		uint64_t weight = weight_of(w, t);
		pay[i] = (payment){.amount = t->amount, .weight = weight, .asset = t->asset};
		w->value[i] = weight;
		sum += weight;
	}
	if (n < PARTS_MIN) return;
	io_all->equal += equal_parts(pay, n);
	if (sum == 0) return;
	sort(w, n);
	io_all->gini += sum * gini(w->value, n, sum); // 2^90 * 2^20
	io_all->spent += sum;
}

static dp_code measure_spenders(walk *w, dp_fault *fault)
{
	payment *pay = dp_alloc(((size_t)w->transfers + 1) * sizeof *pay);
	if (pay == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory for a fingerprint");
	spenders all = {0};
	wide sum = 0;
	for (uint32_t n = 1; n < w->spot_count; n++)
		if (w->at[n + 1] > w->at[n]) measure_spender(w, n, &all, pay);
	dp_free(pay);
	for (dp_edge e = 1; e <= w->last; e++)
		if (w->part[e] == PART_TRANSFER) sum += weight_of(w, dp_graph_edge(w->g, e));
	if (sum > 0) set(w, "split-equal", ppm(all.equal, sum), ppm(all.equal, sum));
	if (all.spent > 0) {
		uint64_t mean = (uint64_t)(all.gini / all.spent);
		set(w, "split-gini", mean, mean);
	}
	if (all.txs > GAPS) set(w, "regular", ppm(all.regular, all.txs), ppm(all.regular, all.txs));
	return DP_OK;
}

//- features of nodes -----------------------------------------------------------------------------

static void set_ranks(walk *w, uint32_t n, const char *const name[], const uint32_t percent[],
                      uint32_t count)
{
	if (n < SAMPLE_MIN) return;
	sort(w, n);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t v = rank(w->value, n, percent[i]);
		set(w, name[i], v, v);
	}
}

static void measure_middles(walk *w)
{
	uint32_t middles = 0, n = 0, quick = 0, both = 0, passed = 0, addresses = 0;
	for (uint32_t i = 1; i < w->spot_count; i++) {
		const spot *s = &w->spot[i];
		if (!s->in_flow || s->what == WHAT_VICTIM) continue;
		addresses++;
		if (s->what != WHAT_MIDDLE) continue;
		middles++;
		if (!s->has_in || !s->has_out) continue;
		if (s->first_out >= s->first_in) {
			uint64_t kept = (uint64_t)(s->first_out - s->first_in);
			quick += kept <= QUICK_S;
			w->value[n++] = kept;
		}
		if (s->in == 0) continue;
		both++;
		passed += s->out * 100 >= s->in * 95 && s->out * 100 <= s->in * 105;
	}
	w->print->addresses = addresses;
	set(w, "addresses", addresses, addresses);
	set(w, "middles", middles, middles);
	set_ranks(w, n, (const char *const[]){"retention-p10", "retention-p50", "retention-p90"},
	          (const uint32_t[]){10, 50, 90}, 3);
	if (n >= SAMPLE_MIN) set(w, "fast-middles", ppm(quick, n), ppm(quick, n));
	if (both >= SAMPLE_MIN && w->weigh != WEIGH_NOTHING)
		set(w, "pass-through", ppm(passed, both), ppm(passed, both));
	n = 0;
	for (uint32_t i = 1; i < w->spot_count; i++) {
		const spot *s = &w->spot[i];
		if (s->what == WHAT_MIDDLE && s->has_in && s->has_out && s->last_out >= s->first_in)
			w->value[n++] = (uint64_t)(s->last_out - s->first_in);
	}
	set_ranks(w, n, (const char *const[]){"lifetime-p50", "lifetime-p90"},
	          (const uint32_t[]){50, 90}, 2);
	n = 0;
	for (uint32_t i = 1; i < w->spot_count; i++)
		if (w->spot[i].what == WHAT_MIDDLE && w->spot[i].paid > 0)
			w->value[n++] = w->spot[i].paid;
	set_ranks(w, n, (const char *const[]){"out-degree-p50", "out-degree-p90", "out-degree-max"},
	          (const uint32_t[]){50, 90, 100}, 3);
}

static void measure_hops(walk *w)
{
	static const char *const bin[] = {"hop-1", "hop-2",   "hop-3",     "hop-4",
	                                  "hop-5", "hop-6-8", "hop-9-more"};
	wide at[7] = {0}, sum = 0;
	uint32_t n = 0;
	for (uint32_t i = 1; i < w->spot_count; i++) {
		const spot *s = &w->spot[i];
		if (s->what != WHAT_TERMINAL || s->hop == FAR || s->hop == 0) continue;
		w->value[n++] = s->hop;
		at[s->hop <= 5 ? s->hop - 1 : s->hop <= 8 ? 5 : 6] += s->in;
		sum += s->in;
	}
	if (n == 0) return;
	sort(w, n);
	set(w, "hops-min", w->value[0], w->value[0]);
	set(w, "hops-median", rank(w->value, n, 50), rank(w->value, n, 50));
	set(w, "hops-max", w->value[n - 1], w->value[n - 1]);
	for (uint32_t i = 0; i < 7 && sum > 0; i++)
		set(w, bin[i], ppm(at[i], sum), ppm(at[i], sum));
}

static void measure_ends(walk *w)
{
	const dp_feature *first = dp_feature_find("still-share");
	DP_CHECK(first != NULL && strcmp(first[END_RETURNED].name, "returned-share") == 0);
	for (uint32_t i = 1; i < w->spot_count; i++) {
		const spot *s = &w->spot[i];
		if (s->what == WHAT_TERMINAL || s->what == WHAT_VICTIM) continue;
		wide gone = s->out + s->at_end;
		if (s->in > gone) w->end[END_STILL] += s->in - gone;
	}
	wide sum = 0;
	for (int i = 0; i < END_COUNT; i++) sum += w->end[i];
	for (int i = 0; i < END_COUNT && sum > 0; i++)
		set(w, first[i].name, ppm(w->end[i], sum), ppm(w->end[i], sum));
}

// How fast what sources pay (not to each other) leaves them.
static void measure_pace(walk *w)
{
	wide sum = 0, so_far = 0;
	int64_t begun = 0, last = 0;
	bool any = false, half = false, most = false;
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = edge_at(w, e);
		if (w->part[e] != PART_TRANSFER) continue;
		last = t->time;
		if (w->spot[t->src].what != WHAT_SOURCE || w->spot[t->dst].what == WHAT_SOURCE)
			continue;
		if (!any) begun = t->time;
		any = true;
		sum += weight_of(w, t);
	}
	if (w->transfers > 0 && w->options->has_theft_time) {
		if (any && begun >= w->theft)
			set(w, "wait", (uint64_t)(begun - w->theft), (uint64_t)(begun - w->theft));
		if (last >= w->theft)
			set(w, "age-max", (uint64_t)(last - w->theft), (uint64_t)(last - w->theft));
	}
	for (dp_edge e = 1; e <= w->last && sum > 0; e++) {
		const dp_transfer *t = edge_at(w, e);
		if (w->part[e] != PART_TRANSFER || w->spot[t->src].what != WHAT_SOURCE ||
		    w->spot[t->dst].what == WHAT_SOURCE)
			continue;
		so_far += weight_of(w, t);
		uint64_t took = (uint64_t)(t->time - begun);
		if (!half && so_far * 2 >= sum) set(w, "pace-50", took, took);
		if (!most && so_far * 10 >= sum * 9) set(w, "pace-90", took, took);
		half = half || so_far * 2 >= sum;
		most = most || so_far * 10 >= sum * 9;
	}
}

static void measure_span(walk *w)
{
	bool any = false;
	for (dp_edge e = 1; e <= w->last; e++) {
		const dp_transfer *t = dp_graph_edge(w->g, e);
		if (w->part[e] != PART_TRANSFER) continue;
		if (!any) w->print->time_first = t->time;
		any = true;
		w->print->time_last = t->time;
	}
	w->print->transfers = w->transfers;
	if (!any) return;
	uint64_t span = (uint64_t)(w->print->time_last - w->print->time_first);
	set(w, "span", span, span);
}

//- all -------------------------------------------------------------------------------------------

static dp_code make_room(walk *w, dp_fault *fault)
{
	size_t edges = (size_t)w->last + 1, nodes = w->spot_count;
	// A spot's scratch may be asked for by node as well as by transfer.
	size_t values = edges > nodes ? edges : nodes;
	w->spot = dp_alloc(nodes * sizeof *w->spot);
	w->at = dp_alloc((nodes + 2) * sizeof *w->at);
	w->mark = dp_alloc(nodes * sizeof *w->mark);
	w->part = dp_alloc(edges);
	w->spare = dp_alloc(values * sizeof *w->spare);
	w->by_spender = dp_alloc(edges * sizeof *w->by_spender);
	w->value = dp_alloc(values * sizeof *w->value);
	if (w->spot == NULL || w->at == NULL || w->mark == NULL || w->by_spender == NULL ||
	    w->value == NULL || w->part == NULL || w->spare == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for a fingerprint");
	return DP_OK;
}

static dp_code measure(walk *w, dp_fault *fault)
{
	while (w->options->now != 0 && w->last > 0 &&
	       dp_graph_edge(w->g, w->last)->time > w->options->now)
		w->last--;
	DP_TRY(make_room(w, fault));
	sort_nodes(w);
	if (w->options->theft_time != 0) w->theft = w->options->theft_time;
	if (!w->has_source)
		return dp_fail(fault, DP_BAD_CASE,
		               "no theft in this flow, so nobody knows where it begins: name its "
		               "sources");
	choose_weight(w);
	for (dp_edge e = 1; e <= w->last; e++) read_edge(w, e);
	group_by_spender(w);
	measure_span(w);
	measure_worth(w);
	measure_clock(w);
	DP_TRY(measure_spenders(w, fault));
	measure_middles(w);
	measure_hops(w);
	measure_ends(w);
	measure_pace(w);
	return DP_OK;
}

dp_code dp_fingerprint_of(dp_fingerprint *ret_print, const dp_graph *g,
                          const dp_fingerprint_options *options, dp_fault *fault)
{
	DP_CHECK(ret_print != NULL && g != NULL && options != NULL);
	if (dp_graph_last(g) < dp_graph_first(g))
		return dp_fail(fault, DP_BAD_CASE, "an empty flow has no fingerprint");
	if (dp_graph_first(g) != 1)
		return dp_fail(fault, DP_BAD_CASE,
		               "the beginning of this flow has expired: keep more transfers");
	dp_fingerprint print = {0};
	walk w = {.g = g,
	          .options = options,
	          .print = &print,
	          .last = dp_graph_last(g),
	          .spot_count = dp_graph_node_count(g) + 1};
	dp_code code = measure(&w, fault);
	dp_free(w.spot);
	dp_free(w.at);
	dp_free(w.mark);
	dp_free(w.by_spender);
	dp_free(w.value);
	dp_free(w.part);
	dp_free(w.spare);
	if (code == DP_OK) *ret_print = print;
	return code;
}

dp_feature_value dp_fingerprint_value(const dp_fingerprint *f, const char *name)
{
	const dp_feature *feature = dp_feature_find(name);
	if (feature == NULL) return (dp_feature_value){0};
	return f->value[dp_feature_index(feature)];
}

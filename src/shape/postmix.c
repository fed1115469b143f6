// See postmix.h.
//
//   round   ring of rounds in the order they came; the oldest is forgotten first
//   slot    open addressing from an output (its round and index) to how many others of the round
//           have its value; linear probing, a quarter empty at least, removal by moving back
//
// An output is found by the 64-bit key of its outpoint and confirmed on the round's whole txid, so
// two outpoints with one key are two outputs.
//
// Confidence. That several inputs have one owner is the oldest heuristic of all (domain notes 2.1),
// and what breaks it is exactly strangers signing together: where they could have
// (dp_coinjoin_may) it is 20. Otherwise 60 for two of a round, ten more for each further output, at
// most 95: a payment made by two people with one output each of the same round is possible, by six
// it is not. The numbers are ours.
#include "shape/postmix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/key.h"

enum {
	CONFIDENCE_MAY = 20,
	CONFIDENCE_TWO = 60,
	CONFIDENCE_MORE = 10,
	CONFIDENCE_MAX = 95,
	ROUND_OUTPUTS_MIN = 2
};

typedef struct round {
	uint8_t txid[32];
	uint64_t height;
	int64_t time;
	uint32_t vouts; // outputs it had, of all kinds
	uint32_t equal; // of them equal ones
	uint32_t hands;
	uint8_t kind;
} round;

typedef struct slot {
	uint32_t round; // place in the ring + 1; 0 = empty
	uint32_t vout;
	uint32_t equal; // outputs of this value in its round; 1 = change
} slot;

// An input that is an output of a round.
typedef struct spent {
	uint32_t round, vout, equal;
} spent;

struct dp_postmix {
	round *round;
	uint32_t round_cap, round_first, round_count;
	slot *slot;
	uint32_t slot_mask, outputs, outputs_max;
	dp_shaper shaper;
	spent *spent;
	uint64_t spent_cap;
	uint64_t *value;
	uint64_t value_cap;
	dp_postmix_finding *finding;
	uint64_t finding_cap;
	dp_postmix_counts counts;
};

//- outputs ---------------------------------------------------------------------------------------

static uint32_t home_of(const dp_postmix *p, const uint8_t txid[32], uint32_t vout)
{
	return (uint32_t)dp_outpoint_key_inline(txid, vout) & p->slot_mask;
}

// Where this output is, or the empty slot where it would be.
static uint32_t find_slot(const dp_postmix *p, const uint8_t txid[32], uint32_t vout)
{
	uint32_t at = home_of(p, txid, vout);
	while (p->slot[at].round != 0) {
		const slot *s = &p->slot[at];
		if (s->vout == vout && memcmp(p->round[s->round - 1].txid, txid, 32) == 0) break;
		at = (at + 1) & p->slot_mask;
	}
	return at;
}

// Empties a slot and moves those behind it that would not be found any more (Knuth 6.4, R).
static void remove_slot(dp_postmix *p, uint32_t at)
{
	DP_CHECK(p->slot[at].round != 0 && p->outputs > 0);
	p->outputs--;
	uint32_t hole = at;
	for (uint32_t i = (at + 1) & p->slot_mask; p->slot[i].round != 0;
	     i = (i + 1) & p->slot_mask) {
		const slot *s = &p->slot[i];
		uint32_t home = home_of(p, p->round[s->round - 1].txid, s->vout);
		if (((i - home) & p->slot_mask) < ((i - hole) & p->slot_mask)) continue;
		p->slot[hole] = *s;
		hole = i;
	}
	p->slot[hole] = (slot){0};
}

static void forget_oldest(dp_postmix *p)
{
	DP_CHECK(p->round_count > 0);
	const round *r = &p->round[p->round_first];
	for (uint32_t v = 0; v < r->vouts; v++) {
		uint32_t at = find_slot(p, r->txid, v);
		if (p->slot[at].round == 0) continue;
		p->counts.outputs_forgotten += p->slot[at].equal > 1;
		remove_slot(p, at);
	}
	p->round_first = (p->round_first + 1) % p->round_cap;
	p->round_count--;
}

//- rounds ----------------------------------------------------------------------------------------

static int compare_values(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static uint32_t below(const uint64_t *value, uint32_t n, uint64_t v)
{
	uint32_t low = 0, high = n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (value[mid] < v)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t count_equal(const uint64_t *value, uint32_t n, uint64_t v)
{
	return below(value, n, v + 1) - below(value, n, v);
}

static bool is_spendable(const dp_movement *m)
{
	return m->kind == DP_MV_OUTPUT && m->to.kind != DP_ADDR_NULLDATA &&
	       m->amount.w[0] != UINT64_MAX && dp_u256_fits64(m->amount);
}

// The values of a transaction's spendable outputs, sorted, and how many outputs it has in all.
static dp_code sort_values(uint64_t **io_value, uint64_t *io_cap, uint32_t *ret_count,
                           uint32_t *ret_vouts, const dp_block *b, uint32_t tx, dp_fault *fault)
{
	const dp_tx *t = &b->tx[tx];
	uint32_t n = 0, vouts = 0;
	DP_TRY(dp_grow((void **)io_value, io_cap, sizeof **io_value, t->mv_count + 1u,
	               DP_BLOCK_MV_MAX, fault));
	for (uint32_t i = t->mv_first; i < t->mv_first + t->mv_count; i++) {
		vouts += b->mv[i].kind == DP_MV_OUTPUT;
		if (is_spendable(&b->mv[i])) (*io_value)[n++] = b->mv[i].amount.w[0];
	}
	if (n > 0) qsort(*io_value, n, sizeof **io_value, compare_values);
	*ret_count = n;
	*ret_vouts = vouts;
	return DP_OK;
}

static dp_code add_round(dp_postmix *p, const dp_block *b, uint32_t tx, dp_coinjoin_kind kind,
                         dp_fault *fault)
{
	const dp_tx *t = &b->tx[tx];
	uint32_t n, vouts;
	DP_TRY(sort_values(&p->value, &p->value_cap, &n, &vouts, b, tx, fault));
	p->counts.rounds++;
	if (n > p->outputs_max) {
		p->counts.rounds_left_out++;
		return DP_OK;
	}
	while (p->outputs + n > p->outputs_max || p->round_count == p->round_cap) forget_oldest(p);
	uint32_t place = (p->round_first + p->round_count) % p->round_cap;
	round r = {.height = b->height, .time = b->time, .vouts = vouts, .kind = (uint8_t)kind};
	memcpy(r.txid, t->id, 32);
	p->round[place] = r; // its txid must stand there before its outputs
	for (uint32_t i = t->mv_first, vout = 0; i < t->mv_first + t->mv_count; i++) {
		const dp_movement *m = &b->mv[i];
		if (m->kind != DP_MV_OUTPUT) continue;
		uint32_t v = vout++;
		if (!is_spendable(m)) continue;
		uint32_t at = find_slot(p, t->id, v);
		if (p->slot[at].round != 0) continue; // fed twice
		uint32_t equal = count_equal(p->value, n, m->amount.w[0]);
		p->slot[at] = (slot){.round = place + 1, .vout = v, .equal = equal};
		p->outputs++;
		p->round[place].equal += equal > 1;
	}
	p->round[place].hands = p->round[place].equal;
	p->round_count++;
	p->counts.outputs += p->round[place].equal;
	return DP_OK;
}

//- what is spent ---------------------------------------------------------------------------------

static int compare_spent(const void *a, const void *b)
{
	const spent *x = a, *y = b;
	if (x->round != y->round) return x->round < y->round ? -1 : 1;
	return (x->vout > y->vout) - (x->vout < y->vout);
}

// Takes the transaction's inputs out of the outputs of rounds: those that are, by round.
static dp_code take_inputs(dp_postmix *p, uint32_t *ret_count, uint32_t *ret_inputs,
                           const dp_block *b, uint32_t tx, dp_fault *fault)
{
	const dp_tx *t = &b->tx[tx];
	uint32_t n = 0, inputs = 0, i = t->mv_first, end = t->mv_first + t->mv_count;
	if (p->outputs > 0)
		DP_TRY(dp_grow((void **)&p->spent, &p->spent_cap, sizeof *p->spent,
		               t->mv_count + 1u, DP_BLOCK_MV_MAX, fault));
	// At most one finding for two inputs, and none without outputs of rounds to find.
	for (; i < end && b->mv[i].kind == DP_MV_INPUT; i++) {
		inputs++;
		if (p->outputs == 0) continue;
		uint32_t at = find_slot(p, b->mv[i].spent.txid, b->mv[i].spent.vout);
		const slot *s = &p->slot[at];
		if (s->round == 0) continue;
		p->spent[n++] = (spent){.round = s->round - 1, .vout = s->vout, .equal = s->equal};
	}
	if (n > 1) qsort(p->spent, n, sizeof *p->spent, compare_spent);
	DP_TRY(dp_grow((void **)&p->finding, &p->finding_cap, sizeof *p->finding, n / 2 + 1u,
	               DP_BLOCK_MV_MAX, fault));
	*ret_count = n;
	*ret_inputs = inputs;
	return DP_OK;
}

static void fill_finding(dp_postmix_finding *ret, const dp_block *b, uint32_t tx, const round *r,
                         uint32_t outputs, uint32_t changes, bool may)
{
	dp_postmix_finding f = {.height = b->height,
	                        .time = b->time,
	                        .round_height = r->height,
	                        .round_time = r->time,
	                        .outputs = outputs,
	                        .changes = changes,
	                        .round_outputs = r->equal,
	                        .hands_left = r->hands,
	                        .round_kind = r->kind};
	memcpy(f.txid, b->tx[tx].id, 32);
	memcpy(f.round_txid, r->txid, 32);
	uint64_t confidence = CONFIDENCE_TWO + (uint64_t)CONFIDENCE_MORE * (outputs + changes - 2);
	if (confidence > CONFIDENCE_MAX) confidence = CONFIDENCE_MAX;
	f.confidence = (uint8_t)(may ? CONFIDENCE_MAY : confidence);
	(void)snprintf(f.why, sizeof f.why,
	               "%u of %u equal outputs%s of a %s round spent together: at most %u hands "
	               "hold them%s",
	               outputs, r->equal, changes > 0 ? " and change" : "",
	               dp_coinjoin_name((dp_coinjoin_kind)r->kind), r->hands,
	               may ? ", unless strangers signed" : "");
	*ret = f;
}

// Findings of a transaction that is no CoinJoin; `n` of its inputs are outputs of rounds.
static uint32_t judge_inputs(dp_postmix *p, uint32_t n, uint32_t inputs, const dp_block *b,
                             uint32_t tx, bool may)
{
	uint32_t found = 0;
	for (uint32_t i = 0, end; i < n; i = end) {
		uint32_t outputs = 0, changes = 0;
		for (end = i; end < n && p->spent[end].round == p->spent[i].round; end++) {
			outputs += p->spent[end].equal > 1;
			changes += p->spent[end].equal == 1;
		}
		round *r = &p->round[p->spent[i].round];
		if (outputs == 0) continue;
		if (outputs + changes < ROUND_OUTPUTS_MIN) {
			p->counts.outputs_alone++;
			continue;
		}
		DP_CHECK(r->hands >= outputs);
		// What may be strangers' takes nobody's hand away.
		if (!may) r->hands -= outputs - 1;
		fill_finding(&p->finding[found], b, tx, r, outputs, changes, may);
		p->finding[found++].inputs = inputs;
		p->counts.outputs_together += outputs;
		p->counts.findings++;
	}
	p->counts.transactions_undoing += found > 0;
	return found;
}

static dp_code judge_kind(dp_postmix *p, dp_coinjoin_kind *io_kind, bool *ret_may, uint32_t n,
                          const dp_block *b, uint32_t tx, dp_fault *fault)
{
	const dp_shape *shape;
	*ret_may = false;
	if (*io_kind != DP_CJ_KIND_COUNT && n < 2) return DP_OK;
	DP_TRY(dp_shape_of(&p->shaper, &shape, b, tx, fault));
	if (*io_kind == DP_CJ_KIND_COUNT) {
		bool is;
		DP_TRY(dp_coinjoin_is(&p->shaper, &is, shape, fault));
		*io_kind = DP_CJ_NONE;
		if (is) {
			dp_coinjoin v;
			DP_TRY(dp_coinjoin_judge(&p->shaper, &v, shape, fault));
			*io_kind = (dp_coinjoin_kind)v.kind;
		}
	}
	bool is_one = *io_kind != DP_CJ_NONE && *io_kind != DP_CJ_WHIRLPOOL_TX0;
	if (n < 2 || is_one) return DP_OK;
	// Without values of all inputs nobody can say whether strangers could have signed.
	if (!shape->inputs_known) {
		*ret_may = true;
		return DP_OK;
	}
	return dp_coinjoin_may(&p->shaper, ret_may, shape, fault);
}

dp_code dp_postmix_feed(dp_postmix *p, const dp_postmix_finding **ret_finding, uint32_t *ret_count,
                        const dp_block *block, uint32_t tx, dp_coinjoin_kind kind, dp_fault *fault)
{
	DP_CHECK(block->chain->kind == DP_CHAIN_UTXO && tx < block->tx_count);
	DP_CHECK(kind <= DP_CJ_KIND_COUNT);
	uint32_t n, inputs, found = 0;
	bool may;
	DP_TRY(take_inputs(p, &n, &inputs, block, tx, fault));
	DP_TRY(judge_kind(p, &kind, &may, n, block, tx, fault));
	bool is_one = kind != DP_CJ_NONE && kind != DP_CJ_WHIRLPOOL_TX0;
	// Nothing is changed before here, so that what failed can be fed again.
	if (is_one)
		DP_TRY(dp_grow((void **)&p->value, &p->value_cap, sizeof *p->value,
		               block->tx[tx].mv_count + 1u, DP_BLOCK_MV_MAX, fault));
	p->counts.transactions++;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *txid = p->round[p->spent[i].round].txid;
		uint32_t at = find_slot(p, txid, p->spent[i].vout);
		if (p->slot[at].round != 0) remove_slot(p, at);
		p->counts.outputs_remixed += is_one && p->spent[i].equal > 1;
	}
	if (!is_one) found = judge_inputs(p, n, inputs, block, tx, may);
	if (is_one) DP_TRY(add_round(p, block, tx, kind, fault));
	*ret_finding = p->finding;
	*ret_count = found;
	return DP_OK;
}

void dp_postmix_counted(const dp_postmix *p, dp_postmix_counts *ret_counts)
{
	DP_CHECK(p != NULL && ret_counts != NULL);
	*ret_counts = p->counts;
}

void dp_postmix_free(dp_postmix *p)
{
	if (p == NULL) return;
	dp_shaper_done(&p->shaper);
	dp_free(p->round);
	dp_free(p->slot);
	dp_free(p->spent);
	dp_free(p->value);
	dp_free(p->finding);
	dp_free(p);
}

// Slots: a power of two with a quarter empty. Rounds: a Whirlpool has five outputs, a JoinMarket
// three at least, so a ring of a third of the outputs is never the first to be full, but by rounds
// of which only one or two outputs are unspent.
dp_code dp_postmix_new(dp_postmix **ret_postmix, uint32_t outputs_max, dp_fault *fault)
{
	DP_CHECK(outputs_max > 0 && outputs_max <= DP_POSTMIX_OUTPUTS_MAX);
	uint32_t slots = 8;
	while (slots / 4 * 3 < outputs_max) slots *= 2;
	dp_postmix *p = dp_alloc(sizeof *p);
	if (p == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory to follow CoinJoins");
	p->outputs_max = outputs_max;
	p->slot_mask = slots - 1;
	p->round_cap = outputs_max / 3 + 1;
	p->slot = dp_alloc((size_t)slots * sizeof *p->slot);
	p->round = dp_alloc((size_t)p->round_cap * sizeof *p->round);
	if (p->slot == NULL || p->round == NULL) {
		dp_postmix_free(p);
		return dp_fail(fault, DP_NO_MEMORY, "no memory for %u outputs of CoinJoins",
		               outputs_max);
	}
	*ret_postmix = p;
	return DP_OK;
}

//- intervals -------------------------------------------------------------------------------------

dp_code dp_coinjoin_equal_sum(dp_u256 *ret_sum, const dp_block *block, uint32_t tx, dp_fault *fault)
{
	DP_CHECK(tx < block->tx_count);
	uint64_t *value = NULL, cap = 0;
	uint32_t n, vouts;
	dp_u256 sum = DP_U256_ZERO;
	dp_code code = sort_values(&value, &cap, &n, &vouts, block, tx, fault);
	for (uint32_t i = 0, end; code == DP_OK && i < n; i = end) {
		for (end = i; end < n && value[end] == value[i];) end++;
		if (end - i < 2) continue;
		dp_u128 part = (dp_u128)value[i] * (end - i);
		sum = dp_u256_add(sum, dp_u256_of128(part));
	}
	dp_free(value);
	if (code == DP_OK) *ret_sum = sum;
	return code;
}

void dp_coinjoin_interval_of(dp_coinjoin_interval *ret_interval, dp_u256 amount, dp_u256 origin,
                             dp_u256 equal_sum)
{
	DP_CHECK(ret_interval != NULL);
	dp_coinjoin_interval v = {.high = dp_u256_min(amount, equal_sum), .origin_high = origin};
	if (dp_u256_lt(equal_sum, amount)) {
		// Rounded up, since a bound must not be too low: what is left of `origin` when
		// the rest of the amount has taken its share, rounded down.
		dp_u256 rest = dp_u256_sub(amount, equal_sum);
		v.origin_high = dp_u256_sub(origin, dp_u256_mul_div(origin, rest, amount));
	}
	DP_INVARIANT("I-8", !dp_u256_lt(amount, v.high) && !dp_u256_lt(origin, v.origin_high));
	*ret_interval = v;
}

// Could strangers have signed this together, although no rule knows it? For clusters only, where a
// false union is what a thief wants.
//
// JoinMarket's taker builds the transaction, and nothing binds him to the usual shape. A maker
// signs when his coins are in it, one output pays exactly the amount to his address and one pays
// his change (verify_unsigned_tx in joinmarket's maker.py); what else is there he does not look at.
// So a thief can add outputs until no rule accepts, and would be joined with his makers.
//
//   maker 1   inputs S1 -->  d  and  c1 = S1 - d + what he earns
//   maker 2   inputs S2 -->  d  and  c2 = S2 - d + what he earns
//   taker     any       -->  anything, also nothing, OP_RETURN, more of d, other equal outputs
//
// What he cannot avoid is asked here: two outputs of one amount d, and two disjoint sets of inputs
// that pay for d and an output of change each, with three addresses that pay (he pays the miner).
// A maker loses nothing but his share of the miner's fee; what he earns is his own offer. Where
// three outputs are equal those are taken, too, who pay a part of the fee: other joint ones are
// made so. With two, that is mostly one owner's Stonewall, whose shape no maker's accounts have.
//
// Sets, since a maker brings as many coins as the amount needs. Coins of one address are one
// maker's. Of up to ten addresses all sets are tried; beyond that some set nearly always fits, and
// equal outputs with two others suffice: to miss a union costs less than to make a false one.
#include "base/check.h"
#include "shape/coinjoin_private.h"

enum {
	DUST = 2730, // makers take no smaller amount, and no smaller change
	// A maker asks what he likes, and a thief chooses among the offers. Honest takers' programs
	// accept a hundredth of this if nobody tells them otherwise, so few makers ask for more.
	EARNS_MAX = 100000,
	EARNS_SHARE = 10, // of the amount, where that is more
	LOSES_MAX = 1000, // his share of the miner's fee, where it is more than his offer
	PART_MAX = 10000, // of the fee that everybody pays, where three outputs are equal
	PART_SHARE = 100, // of the amount, where that is more
	PAYERS_MIN = 3,
	PAYERS_MAX = 10,
	SETS = 1 << PAYERS_MAX,
	AMOUNTS_MAX = 16, // different equal amounts that are tried; with more it is left out
};

// Some outputs, as places in the sorted values: the first and the last, which is enough to know
// whether two sets of payers can have different ones.
typedef struct few {
	uint32_t first, last;
	bool any;
} few;

typedef struct payers {
	uint64_t sum[PAYERS_MAX]; // by address
	uint32_t count;           // PAYERS_MAX + 1: more
} payers;

// By address. There are few, so each is looked for among those before.
static void group(payers *ret_payers, const dp_shape *s)
{
	payers p = {0};
	uint32_t who[PAYERS_MAX];
	for (uint32_t i = 0; i < s->in_count; i++) {
		uint32_t k = 0;
		while (k < p.count && !dp_addr_eq(&s->in[who[k]].addr, &s->in[i].addr)) k++;
		if (k == PAYERS_MAX) {
			p.count = PAYERS_MAX + 1;
			break;
		}
		if (k == p.count) who[p.count++] = i;
		p.sum[k] += s->in[i].value;
	}
	*ret_payers = p;
}

// Outputs of the one or the other.
static few both(few a, few b)
{
	if (!a.any) return b;
	if (!b.any) return a;
	uint32_t low = a.first < b.first ? a.first : b.first;
	uint32_t high = a.last > b.last ? a.last : b.last;
	return (few){low, high, true};
}

static bool are_two(few a)
{
	return a.any && a.first != a.last;
}

static uint32_t place_of(const dp_cj_facts *f, uint64_t value)
{
	return value == 0 ? 0 : dp_cj_count_in(f, 0, value - 1);
}

// The outputs that can be the change of who brings `sum`: all but two of the amount itself, which
// stand at `at` and after it.
static few change_of(const dp_cj_facts *f, uint32_t at, uint64_t sum, uint64_t earns,
                     uint64_t loses)
{
	uint64_t d = f->value[at];
	if (sum <= d) return (few){0};
	uint64_t rest = sum - d, low = rest > loses ? rest - loses : 0;
	if (low <= DUST) low = DUST + 1;
	if (low > rest + earns) return (few){0};
	uint32_t first = place_of(f, low), end = place_of(f, rest + earns + 1);
	if (first == end) return (few){0};
	uint32_t last = end - 1;
	if (first == at || first == at + 1) first = at + 2;
	if (last == at || last == at + 1) last = at - 1;
	// at - 1 wraps when at is 0, and then nothing is below.
	if (last == UINT32_MAX || first > last) return (few){0};
	return (few){first, last, true};
}

// Do two disjoint sets of payers pay for the amount at place `at` and for different change?
static bool two_pay(const dp_cj_facts *f, const payers *p, uint32_t at, uint32_t equal)
{
	DP_CHECK(p->count <= PAYERS_MAX && equal >= 2);
	uint64_t sum[SETS], d = f->value[at];
	few fits[SETS], within[SETS]; // change of the set itself, and of any set within it
	uint64_t earns = d / EARNS_SHARE > EARNS_MAX ? d / EARNS_SHARE : EARNS_MAX;
	uint64_t part = d / PART_SHARE > PART_MAX ? d / PART_SHARE : PART_MAX;
	uint64_t loses = equal > 2 ? part : LOSES_MAX;
	uint32_t sets = 1u << p->count;
	sum[0] = 0;
	within[0] = fits[0] = (few){0};
	for (uint32_t i = 1; i < sets; i++) {
		sum[i] = sum[i & (i - 1)] + p->sum[__builtin_ctz(i)];
		within[i] = fits[i] = change_of(f, at, sum[i], earns, loses);
		for (uint32_t rest = i; rest != 0; rest &= rest - 1)
			within[i] = both(within[i], within[i & ~(rest & -rest)]);
	}
	for (uint32_t i = 1; i < sets; i++) {
		few others = within[(sets - 1) & ~i];
		if (fits[i].any && others.any && are_two(both(fits[i], others))) return true;
	}
	return false;
}

bool dp_cj_may_be_joint(const dp_cj_facts *f)
{
	DP_CHECK(f != NULL && f->value != NULL);
	const dp_shape *s = f->shape;
	payers p = {0};
	uint32_t tried = 0;
	if (s->in_count < PAYERS_MIN || s->out_count < DP_CJ_MAY_OUT_MIN) return false;
	dp_u128 in_sum = 0;
	for (uint32_t i = 0, end; i < s->out_count; i = end) {
		for (end = i + 1; end < s->out_count && f->value[end] == f->value[i];) end++;
		if (end - i < 2 || f->value[i] <= DUST) continue;
		if (p.count == 0) {
			for (uint32_t k = 0; k < s->in_count; k++) in_sum += s->in[k].value;
			if (in_sum >> 62 != 0 || f->value[s->out_count - 1] >> 62 != 0)
				return false; // no chain has so much
			group(&p, s);
		}
		if (p.count < PAYERS_MIN) return false;
		if (p.count > PAYERS_MAX || ++tried > AMOUNTS_MAX) return true;
		if (two_pay(f, &p, i, end - i)) return true;
	}
	return false;
}

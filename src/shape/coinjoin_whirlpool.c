// Whirlpool: n inputs, n outputs, all outputs of one pool's denomination, the miner's fee paid by
// those who come in with a little more. And Tx0, which cuts coins into such pieces beforehand.
//
//   d + e1 --\            /-- d
//   d + e2 ---+- mix -----+-- d       5 of each; surge cycles (2023-05-15) have up to 10
//   d      ---+           +-- d
//   d      ---+           +-- d       e: the entrant's share of the fee
//   d      --/            \-- d
//
// Sources: the published rule is GraphSense's (graphsense-lib heuristics_service.py, after
// Schnoering and Vazirgiannis 2023), with 5 to 8 on each side and four pools; CRJOIN's is that of
// crocs-muni/coinjoin-analysis (cj_consts.py for the pools, Ashigaru's two among them). The verdict
// takes the six pools and Dumplings' 5 to 10 (Scanner.cs), and asks as GraphSense does for distinct
// addresses (the server takes one input an address and one output an input) and for somebody who
// pays the fee. GraphSense also wants somebody who does not; in the first mixes of a pool there is
// nobody yet who could mix again.
#include "base/check.h"
#include "shape/coinjoin_private.h"

typedef struct pool {
	uint64_t denomination;
	uint64_t fee;     // of the coordinator for one Tx0; 0: not known
	bool is_ashigaru; // not among the published rule's
} pool;

static const pool pools[] = {
    {100000, 5000, false},      {1000000, 50000, false}, {5000000, 175000, false},
    {50000000, 1750000, false}, {2500000, 0, true},      {25000000, 0, true},
};
enum { POOL_COUNT = sizeof pools / sizeof pools[0] };

enum {
	EXCESS_MIN = 100, // of an entrant: what the fee of one mix can be
	EXCESS_MAX = 110000,
	SIDE_MIN = 5,
	SIDE_MAX = 8, // GraphSense
	SIDE_MAX_PROTOCOL = 10,
	ENTRANTS_MAX = 4,
	PREMIX_MAX = 70, // outputs of one Tx0
	CONFIDENCE = 60, // without lineage
};

static const pool *pool_of(uint64_t denomination)
{
	for (uint32_t i = 0; i < POOL_COUNT; i++)
		if (pools[i].denomination == denomination) return &pools[i];
	return NULL;
}

// What all three rules share. Returns NULL and the pool, or why not.
static const char *core(const pool **ret_pool, const dp_cj_facts *f)
{
	const dp_shape *s = f->shape;
	if (s->in_count < SIDE_MIN) return "fewer than 5 inputs";
	if (s->in_count != s->out_count) return "not as many outputs as inputs";
	if (f->mode_count != s->out_count) return "outputs differ";
	const pool *p = pool_of(f->mode);
	if (p == NULL) return "no pool has this denomination";
	*ret_pool = p;
	return NULL;
}

// Inputs above the denomination; more than there are inputs when one is outside its bounds.
static uint32_t count_entrants(const dp_cj_facts *f, uint64_t d)
{
	uint32_t entrants = 0;
	for (uint32_t i = 0; i < f->shape->in_count; i++) {
		uint64_t v = f->shape->in[i].value;
		if (v == d) continue;
		if (v < d + EXCESS_MIN || v > d + EXCESS_MAX) return UINT32_MAX;
		entrants++;
	}
	return entrants;
}

static const char *mix(dp_cj_found *ret_found, const dp_cj_facts *f, bool is_protocol)
{
	const pool *p;
	const char *no = core(&p, f);
	if (no != NULL) return no;
	uint32_t n = f->shape->in_count;
	if (n > (is_protocol ? SIDE_MAX_PROTOCOL : SIDE_MAX)) return "too many inputs";
	if (p->is_ashigaru && !is_protocol) return "no pool has this denomination";
	if (f->in_distinct != n) return "two inputs of one address";
	if (f->out_distinct != n) return "two outputs to one address";
	uint32_t entrants = count_entrants(f, p->denomination);
	if (entrants == UINT32_MAX) return "an input is neither a remix nor an entrant";
	if (entrants == 0) return "nobody pays the fee";
	if (!is_protocol && entrants >= n) return "nobody mixes again";
	if (!is_protocol && entrants > ENTRANTS_MAX) return "more than 4 entrants";
	*ret_found = (dp_cj_found){p->denomination, n, CONFIDENCE};
	return NULL;
}

const char *dp_cj_whirlpool(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	return mix(ret_found, f, false);
}

const char *dp_cj_whirlpool_protocol(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	return mix(ret_found, f, true);
}

const char *dp_cj_whirlpool_crjoin(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	const pool *p;
	const char *no = core(&p, f);
	if (no != NULL) return no;
	*ret_found = (dp_cj_found){p->denomination, f->shape->in_count, CONFIDENCE};
	return NULL;
}

// One pool's Tx0: premix outputs of one value, the coordinator's fee, at most one output of change.
static const char *tx0_of(dp_cj_found *ret_found, const dp_cj_facts *f, const pool *p,
                          bool is_protocol)
{
	uint64_t premix, d = p->denomination;
	uint32_t n = dp_cj_mode_in(&premix, f, d + EXCESS_MIN, d + EXCESS_MAX);
	if (n == 0) return "no output is a pool's premix";
	if (n > PREMIX_MAX) return "more than 70 premix outputs";
	if (n + 2 < f->shape->out_count) return "more than fee and change beside the premix";
	// From half the fee (coupons) to three times the fee (older schedules).
	uint32_t fees = dp_cj_count_in(f, (p->fee + 1) / 2, 3 * p->fee);
	if (fees == 0) return "no output is the coordinator's fee";
	// Change can happen to be as much as a fee is: the protocol does not mind.
	if (fees > 1 && !is_protocol) return "more than one output is the coordinator's fee";
	*ret_found = (dp_cj_found){d, 1, CONFIDENCE};
	return NULL;
}

static const char *tx0(dp_cj_found *ret_found, const dp_cj_facts *f, bool is_protocol)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	if (f->shape->nulldata_count != 1) return "not exactly one OP_RETURN";
	if (f->shape->out_count < 2) return "fewer than 2 outputs";
	const char *no = "no output is a pool's premix";
	for (uint32_t i = 0; i < POOL_COUNT; i++) {
		if (pools[i].fee == 0) continue;
		const char *why = tx0_of(ret_found, f, &pools[i], is_protocol);
		if (why == NULL) return NULL;
		// The reason of a pool whose premix is there says more than that of one without.
		if (dp_cj_count_in(f, pools[i].denomination + EXCESS_MIN,
		                   pools[i].denomination + EXCESS_MAX) > 0)
			no = why;
	}
	return no;
}

const char *dp_cj_tx0(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	return tx0(ret_found, f, false);
}

// GraphSense's rule, without its trouble with change that looks like a fee; but premix, fee and
// change are P2WPKH, for the pools take nothing else: what other protocols put an OP_RETURN beside
// (runes and their like) pays to P2TR mostly.
const char *dp_cj_tx0_protocol(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	if (f->out_kinds != 1u << DP_ADDR_P2WPKH) return "not all outputs are P2WPKH";
	if (f->out_distinct != f->shape->out_count) return "two outputs to one address";
	return tx0(ret_found, f, true);
}

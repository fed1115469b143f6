// What a verified flow's addresses were used for, so that two flows, or a flow and what is known of
// older incidents, can be compared for what they share.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "technique/flow_file.h"
#include "technique/overlap.h"

typedef struct seen {
	uint64_t loot;
	uint32_t payers; // different, none of them a terminal
	uint32_t tx_count;
	bool pays, is_paid;
} seen;

static void note_tx(dp_use *use, seen *s, const dp_flow *flow, uint32_t edge)
{
	const char *tx = dp_flow_tx_text(flow, edge);
	if (s->tx_count == DP_OVERLAP_TX_MAX) return;
	if (s->tx_count > 0 && strcmp(use->tx[s->tx_count - 1], tx) == 0) return;
	use->tx[s->tx_count++] = tx;
}

// Who paid whom for the first time: a table of pairs, open addressing. The numbers of parties are
// small and dense, nobody chooses them, so a multiplier spreads them well enough.
typedef struct pairs {
	uint64_t *slot;
	uint64_t mask;
} pairs;

static bool is_new_pair(pairs *p, uint32_t src, uint32_t dst)
{
	uint64_t key = ((uint64_t)src << 32 | dst) + 1;
	uint64_t at = key * 0x9e3779b97f4a7c15u >> 20 & p->mask;
	for (; p->slot[at] != 0; at = (at + 1) & p->mask)
		if (p->slot[at] == key) return false;
	p->slot[at] = key;
	return true;
}

static void read_edges(const dp_flow *flow, dp_use *use, seen *s, pairs *p)
{
	for (uint32_t i = 0; i < dp_flow_edge_count(flow); i++) {
		const dp_flow_edge *e = dp_flow_edge_at(flow, i);
		if (e->src == e->dst) continue;
		s[e->src].pays = s[e->dst].is_paid = true;
		s[e->dst].loot += e->loot;
		s[e->dst].payers +=
		    !dp_flow_party_at(flow, e->src)->is_terminal && is_new_pair(p, e->src, e->dst);
		note_tx(&use[e->src], &s[e->src], flow, i);
		note_tx(&use[e->dst], &s[e->dst], flow, i);
	}
}

static bool has_role(const dp_flow_class *class)
{
	return class != NULL && class->role != DP_NODE_WALLET;
}

static void judge(dp_use *use, const seen *s, const dp_flow_party *p)
{
	// Labels of middles decide here too: what is spent from an exchange's address is the
	// exchange's. "Huobi_Deposit_0x09c9" is a customer's account.
	const dp_flow_class *class =
	    p->is_terminal ? p->class : dp_flow_classify(p->label, strlen(p->label));
	uint64_t ppm = s->loot / (DP_LOOT_WHOLE / 1000000);
	use->share_ppm = ppm > UINT32_MAX ? UINT32_MAX : (uint32_t)ppm;
	// What is less than a millionth is known to be little.
	if (s->loot > 0 && ppm == 0) use->share_ppm = 1;
	if (s->is_paid) use->use |= DP_USE_RECEIVES;
	if (has_role(class) && !p->is_source) {
		bool deposit = strcasestr(p->label, "deposit") != NULL && !p->is_terminal;
		if (deposit) use->use |= DP_USE_DEPOSIT;
		if (!deposit) use->is |= DP_USE_SERVICE;
		return;
	}
	if (p->is_source) use->use |= DP_USE_ROOT;
	if (s->pays) use->use |= DP_USE_SPENDS;
	if (s->payers >= DP_OVERLAP_GATHER_MIN) use->use |= DP_USE_GATHERS;
}

dp_code dp_overlap_uses_of_flow(dp_use **ret_uses, uint32_t *ret_count, const dp_flow *flow,
                                const char *whose, const char *chain, dp_fault *fault)
{
	DP_CHECK(ret_uses != NULL && flow != NULL && whose != NULL && chain != NULL);
	uint32_t count = dp_flow_party_count(flow);
	uint64_t slots = 16;
	while (slots < (uint64_t)dp_flow_edge_count(flow) * 2) slots *= 2;
	dp_use *use = dp_alloc(((size_t)count + 1) * sizeof *use);
	seen *s = dp_alloc(((size_t)count + 1) * sizeof *s);
	pairs p = {.slot = dp_alloc(slots * sizeof *p.slot), .mask = slots - 1};
	if (use == NULL || s == NULL || p.slot == NULL) {
		dp_free(use);
		dp_free(s);
		dp_free(p.slot);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory for comparing addresses");
	}
	read_edges(flow, use, s, &p);
	for (uint32_t i = 0; i < count; i++) {
		const dp_flow_party *party = dp_flow_party_at(flow, i);
		use[i].address = party->address;
		use[i].chain = chain;
		use[i].whose = whose;
		use[i].actor = use[i].says = "";
		judge(&use[i], &s[i], party);
	}
	dp_free(s);
	dp_free(p.slot);
	*ret_uses = use;
	*ret_count = count;
	return DP_OK;
}

// The table of protocols, and all legs of one transaction, see leg.h.
//
// A protocol is one file and one row. Every note of a transaction is shown to every protocol; each
// compares the first topic and returns, so that a transaction costs notes times protocols and most
// transactions have no notes at all.
//
// Aggregators (Li.Fi) log what they were asked to do, beside what the bridge below them logs. That
// is an ABOUT leg: it adds receiver and chain to the bridge's own leg where that does not say them,
// and is then left out. It is matched with the nearest way out of the protocol it names that stands
// before it and was not spoken of yet, for Li.Fi logs when the bridge has been called. The name of
// the bridge is a text that whoever calls Li.Fi writes as he likes: where no such way out stands in
// the transaction, the money went into a bridge that is not read here, and the ABOUT leg is a way
// out without a key. And where Li.Fi names no bridge that is read, but one below it logs that it
// took the money after all, that one's own leg counts and not Li.Fi's.
//
// Anybody can log forged events, as many as he likes, before the real one. So what is refused makes
// room when there is none left: it would only have been told of.
//
// Keys are hashed with the protocol's name, so that an order of one bridge whose number happens to
// be a nonce of another can never meet it.
#include "link/leg.h"

#include <string.h>

#include "base/check.h"
#include "codec/hash.h"
#include "link/log.h"

const dp_protocol *const dp_protocols[] = {
    &dp_protocol_thorchain,
    &dp_protocol_maya,
    &dp_protocol_chainflip,
    &dp_protocol_across,
    &dp_protocol_cctp,
    &dp_protocol_cctp2,
    &dp_protocol_layerzero,
    &dp_protocol_stargate1,
    &dp_protocol_wormhole,
    &dp_protocol_debridge,
    &dp_protocol_cbridge,
    &dp_protocol_avalanche,
    &dp_protocol_lifi,
    &dp_protocol_uniswap3,
    &dp_protocol_uniswap4,
    &dp_protocol_tornado,
    &dp_protocol_railgun,
    &dp_protocol_freeze,
    NULL,
};

const dp_protocol *dp_protocol_find(const char *name)
{
	DP_CHECK(name != NULL);
	for (const dp_protocol *const *p = dp_protocols; *p != NULL; p++)
		if (strcmp((*p)->name, name) == 0) return *p;
	return NULL;
}

void dp_link_key(uint8_t ret_key[32], const char *protocol, const uint8_t *bytes, size_t n)
{
	enum { NAME_SIZE_MAX = 32, BYTES_MAX = 4096 };
	DP_CHECK(protocol != NULL && (bytes != NULL || n == 0));
	uint8_t text[NAME_SIZE_MAX + 1 + BYTES_MAX];
	size_t name = strlen(protocol);
	DP_CHECK(name > 0 && name <= NAME_SIZE_MAX && n <= BYTES_MAX);
	memcpy(text, protocol, name);
	text[name] = ':';
	if (n > 0) memcpy(text + name + 1, bytes, n);
	dp_keccak256(ret_key, text, name + 1 + n);
}

const dp_chain *dp_link_evm_chain(uint64_t chain_id)
{
	if (chain_id == 0) return NULL;
	for (uint16_t i = 0; i < dp_chain_count(); i++)
		if (dp_log_evm_number(dp_chain_at(i)) == chain_id) return dp_chain_at(i);
	return NULL;
}

dp_addr dp_link_addr(const uint8_t bytes[20])
{
	DP_CHECK(bytes != NULL);
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, bytes, 20);
	return a;
}

dp_asset dp_link_asset(const dp_chain *chain, const uint8_t contract[20])
{
	static const uint8_t native[20];
	DP_CHECK(chain != NULL && contract != NULL);
	if (chain->kind != DP_CHAIN_ACCOUNT) return DP_ASSET_NONE;
	if (memcmp(contract, native, sizeof native) == 0) return dp_asset_native(chain);
	return dp_asset_by_contract(chain, contract);
}

//- a transaction's legs --------------------------------------------------------------------------

typedef struct gather {
	dp_leg *leg;
	uint32_t count, max;
	bool cut;
	dp_leg about[DP_LEGS_MAX];
	uint32_t about_before[DP_LEGS_MAX]; // how many legs stood when it came
	uint32_t about_count;
} gather;

// Room for one more by leaving out the last that is refused; false: none is.
static bool make_room(gather *g)
{
	uint32_t i = g->count;
	while (i > 0 && g->leg[i - 1].refused == NULL) i--;
	if (i == 0) return false;
	g->count--;
	memmove(&g->leg[i - 1], &g->leg[i], (g->count - (i - 1)) * sizeof *g->leg);
	for (uint32_t k = 0; k < g->about_count; k++)
		if (g->about_before[k] >= i) g->about_before[k]--;
	return true;
}

static void take(gather *g, const dp_leg *leg)
{
	if (leg->side == DP_LEG_ABOUT && leg->refused == NULL) {
		if (g->about_count == DP_LEGS_MAX) {
			g->cut = true;
			return;
		}
		g->about_before[g->about_count] = g->count;
		g->about[g->about_count++] = *leg;
		return;
	}
	if (g->count == g->max) {
		g->cut = true;
		if (leg->refused != NULL || !make_room(g)) return;
	}
	g->leg[g->count++] = *leg;
}

static bool is_about(const dp_leg *about, const dp_leg *leg)
{
	if (leg->side != DP_LEG_OUT || leg->refused != NULL || leg->store != DP_STORE_TRANSIT)
		return false;
	return about->about == NULL || strcmp(about->about, leg->protocol->name) == 0;
}

// The leg that the k-th ABOUT speaks of: the last before it, else the first behind it. NULL: none.
static dp_leg *spoken_of(gather *g, uint32_t k, const uint32_t *taken, uint32_t taken_count)
{
	DP_CHECK(k < g->about_count && g->about_before[k] <= g->count);
	for (uint32_t step = 0; step < g->count; step++) {
		uint32_t before = g->about_before[k];
		uint32_t i = step < before ? before - 1 - step : step;
		bool used = false;
		for (uint32_t t = 0; t < taken_count; t++) used |= taken[t] == i;
		if (!used && is_about(&g->about[k], &g->leg[i])) return &g->leg[i];
	}
	return NULL;
}

// What an aggregator says counts only where the bridge itself is silent.
static void merge(dp_leg *io_leg, const dp_leg *about)
{
	bool is_silent = io_leg->other == NULL && io_leg->other_number == 0;
	if (is_silent) io_leg->other = about->other;
	bool is_same_chain = io_leg->other == about->other;
	bool has_stated = strncmp(io_leg->text, "to ", 3) == 0;
	if (io_leg->to.kind == DP_ADDR_NONE && !has_stated && is_same_chain) io_leg->to = about->to;
	if (io_leg->text[0] == '\0') memcpy(io_leg->text, about->text, sizeof io_leg->text);
}

// Does a way out with a key stand here that took most of what this one without a key speaks of?
// Half of it: aggregators and bridges keep some on the way.
static bool is_read_below(const gather *g, const dp_leg *leg)
{
	dp_u256 half;
	dp_u256_div(&half, NULL, leg->amount, dp_u256_of(2));
	for (uint32_t i = 0; i < g->count; i++) {
		const dp_leg *l = &g->leg[i];
		if (l->side == DP_LEG_OUT && l->refused == NULL && l->store == DP_STORE_TRANSIT &&
		    l->has_key && l->asset.v != 0 && l->asset.v == leg->asset.v &&
		    !dp_u256_lt(l->amount, half))
			return true;
	}
	return false;
}

// Leaves out ways out by an aggregator's word alone where the bridge itself speaks.
static void drop_doubles(gather *g)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		const dp_leg *l = &g->leg[i];
		bool is_word = l->protocol == &dp_protocol_lifi && l->refused == NULL;
		if (is_word && is_read_below(g, l)) continue;
		if (kept != i) g->leg[kept] = *l;
		kept++;
	}
	g->count = kept;
}

static void merge_all(gather *g)
{
	uint32_t taken[DP_LEGS_MAX], taken_count = 0;
	for (uint32_t k = 0; k < g->about_count; k++) {
		dp_leg *leg = spoken_of(g, k, taken, taken_count), own = g->about[k];
		if (leg != NULL) {
			merge(leg, &g->about[k]);
			taken[taken_count++] = (uint32_t)(leg - g->leg);
		} else if (own.place_count > 0) {
			own.side = DP_LEG_OUT;
			own.about = NULL;
			take(g, &own); // at the end: nobody is moved by it, for room is not made
		}
	}
	drop_doubles(g);
}

uint64_t dp_legs_watched(const dp_chain *chain)
{
	uint64_t key = 0;
	DP_CHECK(chain != NULL);
	for (const dp_protocol *const *p = dp_protocols; *p != NULL; p++) {
		if ((*p)->watches == NULL) continue;
		dp_addr a = (*p)->watches(chain);
		if (a.kind == DP_ADDR_NONE) continue;
		DP_CHECK(key == 0); // one is all that is needed so far
		key = dp_addr_key(&a);
	}
	return key;
}

bool dp_legs_without_notes(const dp_block *b, uint32_t tx)
{
	DP_CHECK(b != NULL && tx < b->tx_count);
	dp_leg found[DP_LEGS_MAX];
	for (const dp_protocol *const *p = dp_protocols; *p != NULL; p++)
		if ((*p)->decode_tx != NULL && (*p)->decode_tx(found, b, tx) > 0) return true;
	return false;
}

uint32_t dp_legs_of_tx(dp_leg *ret_leg, uint32_t max, bool *ret_cut, const dp_block *b, uint32_t tx)
{
	DP_CHECK(ret_leg != NULL || max == 0);
	DP_CHECK(ret_cut != NULL && b != NULL && tx < b->tx_count);
	gather g;
	// Only what is counted is looked at: the room for ABOUT legs need not be cleared.
	g.leg = ret_leg;
	g.max = max;
	g.count = g.about_count = 0;
	g.cut = false;
	dp_leg found[DP_LEGS_MAX];
	uint32_t first = 0, count = 0;
	dp_block_notes(b, &first, &count, tx);
	for (uint32_t n = first; n < first + count; n++) {
		for (const dp_protocol *const *p = dp_protocols; *p != NULL; p++) {
			uint32_t k = (*p)->decode(found, b, n);
			DP_CHECK(k <= DP_LEGS_MAX);
			for (uint32_t i = 0; i < k; i++) take(&g, &found[i]);
		}
	}
	for (const dp_protocol *const *p = dp_protocols; *p != NULL; p++) {
		if ((*p)->decode_tx == NULL) continue;
		uint32_t k = (*p)->decode_tx(found, b, tx);
		DP_CHECK(k <= DP_LEGS_MAX);
		for (uint32_t i = 0; i < k; i++) take(&g, &found[i]);
	}
	merge_all(&g);
	*ret_cut = g.cut;
	return g.count;
}

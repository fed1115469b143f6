// See exchange.h for what it is and for the rule that makes the order of reading not matter.
//
// Three tables of one shape: items that begin with a 32-byte key, chained in buckets. Keys are
// hashes that strangers can grind, so buckets are chosen by a hash with a seed of this process.
//   crossing   what is between two legs
//   seen       landings and claims, in the order in which each chain showed them (a stack a chain,
//              so that rolling back is popping)
//   belief     claims that a landing confirmed, and how many rewinds a key has cost
#include "engine/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "engine/exchange_inner.h"

enum {
	BAD_MAX = 4,
	SEEN_MAX = 1 << 26,
	BELIEFS_MAX = 1 << 20,
	CHAINS_MAX = DP_EXCHANGE_CHAINS_MAX,
	NONE = 0xffffffff
};

//- items by key ----------------------------------------------------------------------------------

typedef struct key_index {
	uint32_t *head; // of each bucket: item, or NONE
	uint64_t buckets, count;
} key_index;

typedef struct seen {
	dp_seen is;
	dp_leg *leg;   // of a claim: what a landing must bear out; NULL: not known any more
	uint32_t next; // in its bucket
	bool saved;
} seen;

typedef struct belief {
	uint8_t key[32];
	dp_place_at landing;
	uint32_t rewinds;
	bool is_believed; // false: only its rewinds count
	// Landings that turned out to be none: they confirm nothing. Not stored: after a resume one
	// may be believed once more, and is found out again.
	dp_place_at bad[BAD_MAX];
	uint32_t bad_count;
	bool is_pending; // the landing's chain was rolled back: it must show it again
} belief;

typedef struct side {
	uint32_t *stack; // of seen items
	uint64_t cap;
	uint32_t count;
	bool wants_rewind;
	uint64_t rewind_height;
} side;

struct dp_exchange {
	uint64_t seed, serial;
	dp_crossing **crossing;
	uint32_t *crossing_next;
	bool *crossing_dirty;
	uint64_t crossing_cap, next_cap, dirty_cap;
	uint32_t crossing_count;
	key_index by_key;
	seen *seen;
	uint64_t seen_cap;
	uint32_t seen_count;
	uint32_t *seen_free;
	uint64_t seen_free_cap;
	uint32_t seen_free_count;
	key_index seen_by_key;
	belief *belief; // few: looked through
	uint64_t belief_cap;
	uint32_t belief_count;
	bool beliefs_changed;
	uint8_t (*gone)[32];
	uint64_t gone_cap;
	uint32_t gone_count;
	side side[CHAINS_MAX];
};

static uint64_t bucket_of(const dp_exchange *x, const key_index *i, const uint8_t key[32])
{
	return XXH3_64bits_withSeed(key, 32, x->seed) & (i->buckets - 1);
}

static dp_code grow_index(dp_exchange *x, key_index *i, uint64_t buckets, dp_fault *fault)
{
	uint32_t *head = dp_alloc(buckets * sizeof *head);
	if (head == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t b = 0; b < buckets; b++) head[b] = NONE;
	dp_free(i->head);
	i->head = head;
	i->buckets = buckets;
	bool is_crossings = i == &x->by_key;
	uint32_t items = is_crossings ? x->crossing_count : x->seen_count;
	for (uint32_t n = 0; n < items; n++) {
		if (!is_crossings && x->seen[n].is.kind == 0) continue;
		const uint8_t *key = is_crossings ? x->crossing[n]->key : x->seen[n].is.key;
		uint32_t *next = is_crossings ? &x->crossing_next[n] : &x->seen[n].next;
		uint64_t b = bucket_of(x, i, key);
		*next = head[b];
		head[b] = n;
	}
	return DP_OK;
}

dp_code dp_exchange_new(dp_exchange **ret_exchange, dp_fault *fault)
{
	DP_CHECK(ret_exchange != NULL && dp_chain_count() <= CHAINS_MAX);
	dp_exchange *x = dp_alloc(sizeof *x);
	if (x == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	// Where memory lies differs from process to process and is no stranger's to know.
	x->seed = (uint64_t)(uintptr_t)x * 0x9e3779b97f4a7c15u;
	dp_code code = grow_index(x, &x->by_key, 64, fault);
	if (code == DP_OK) code = grow_index(x, &x->seen_by_key, 256, fault);
	if (code != DP_OK) {
		dp_exchange_free(x);
		return code;
	}
	*ret_exchange = x;
	return DP_OK;
}

void dp_crossing_done(dp_crossing *c)
{
	for (uint32_t i = 0; i < DP_CONTENT_MAX; i++) dp_parcels_done(&c->content[i].parcels);
}

void dp_exchange_free(dp_exchange *x)
{
	if (x == NULL) return;
	for (uint32_t i = 0; i < x->crossing_count; i++) {
		dp_crossing_done(x->crossing[i]);
		dp_free(x->crossing[i]);
	}
	for (uint32_t i = 0; i < CHAINS_MAX; i++) dp_free(x->side[i].stack);
	for (uint32_t i = 0; i < x->seen_count; i++) dp_free(x->seen[i].leg);
	dp_free(x->crossing);
	dp_free(x->crossing_next);
	dp_free(x->crossing_dirty);
	dp_free(x->by_key.head);
	dp_free(x->seen);
	dp_free(x->seen_free);
	dp_free(x->seen_by_key.head);
	dp_free(x->belief);
	dp_free(x->gone);
	dp_free(x);
}

static side *side_of(dp_exchange *x, const dp_chain *chain)
{
	DP_CHECK(chain != NULL && chain->id < CHAINS_MAX);
	return &x->side[chain->id];
}

//- rewinds ---------------------------------------------------------------------------------------

static belief *find_belief(const dp_exchange *x, const uint8_t key[32])
{
	for (uint32_t i = 0; i < x->belief_count; i++)
		if (memcmp(x->belief[i].key, key, 32) == 0) return &x->belief[i];
	return NULL;
}

static dp_code belief_for(dp_exchange *x, belief **ret_belief, const uint8_t key[32],
                          dp_fault *fault)
{
	belief *b = find_belief(x, key);
	if (b == NULL) {
		void *items = x->belief;
		DP_TRY(dp_grow(&items, &x->belief_cap, sizeof *x->belief,
		               (uint64_t)x->belief_count + 1, BELIEFS_MAX, fault));
		x->belief = items;
		b = &x->belief[x->belief_count++];
		*b = (belief){0};
		memcpy(b->key, key, 32);
	}
	*ret_belief = b;
	return DP_OK;
}

// Asks for a chain to be gone through again: what it read is not true any more. Never refused, and
// it needs no bound: undoing asks only for more undoing, lower and lower.
static void must_rewind(dp_exchange *x, const dp_chain *chain, uint64_t height)
{
	side *s = side_of(x, chain);
	if (s->wants_rewind && height >= s->rewind_height) return;
	s->rewind_height = height;
	s->wants_rewind = x->beliefs_changed = true;
}

// The same because something new is known, unless this key has asked too often.
static dp_code ask_rewind(dp_exchange *x, const uint8_t key[32], const dp_chain *chain,
                          uint64_t height, bool *ret_asked, dp_fault *fault)
{
	belief *b;
	*ret_asked = false;
	DP_TRY(belief_for(x, &b, key, fault));
	if (b->rewinds >= DP_REWINDS_MAX) return DP_OK;
	b->rewinds++;
	x->beliefs_changed = true;
	must_rewind(x, chain, height);
	*ret_asked = true;
	return DP_OK;
}

bool dp_exchange_is_worn_out(const dp_exchange *x, const uint8_t key[32])
{
	const belief *b = find_belief(x, key);
	return b != NULL && b->rewinds >= DP_REWINDS_MAX;
}

bool dp_exchange_has_worn_out(const dp_exchange *x)
{
	for (uint32_t i = 0; i < x->belief_count; i++)
		if (x->belief[i].rewinds >= DP_REWINDS_MAX) return true;
	return false;
}

bool dp_exchange_rewind(const dp_exchange *x, uint64_t *ret_height, const dp_chain *chain)
{
	DP_CHECK(x != NULL && chain != NULL && chain->id < CHAINS_MAX);
	const side *s = &x->side[chain->id];
	if (s->wants_rewind) *ret_height = s->rewind_height;
	return s->wants_rewind;
}

//- crossings -------------------------------------------------------------------------------------

static uint32_t find_crossing(const dp_exchange *x, const uint8_t key[32])
{
	uint32_t i = x->by_key.head[bucket_of(x, &x->by_key, key)];
	while (i != NONE && memcmp(x->crossing[i]->key, key, 32) != 0) i = x->crossing_next[i];
	return i;
}

dp_crossing *dp_exchange_get(dp_exchange *x, const uint8_t key[32])
{
	uint32_t i = find_crossing(x, key);
	return i == NONE ? NULL : x->crossing[i];
}

const dp_crossing *dp_exchange_find(const dp_exchange *x, const uint8_t key[32])
{
	uint32_t i = find_crossing(x, key);
	return i == NONE ? NULL : x->crossing[i];
}

uint64_t dp_exchange_count(const dp_exchange *x)
{
	return x->crossing_count;
}

const dp_crossing *dp_exchange_at(const dp_exchange *x, uint64_t i)
{
	DP_CHECK(i < x->crossing_count);
	return x->crossing[i];
}

void dp_exchange_touched(dp_exchange *x, dp_crossing *c)
{
	uint32_t i = find_crossing(x, c->key);
	DP_CHECK(i != NONE && x->crossing[i] == c);
	x->crossing_dirty[i] = true;
}

static dp_code grow_crossings(dp_exchange *x, dp_fault *fault)
{
	uint64_t n = (uint64_t)x->crossing_count + 1;
	void *items = x->crossing;
	DP_TRY(dp_grow(&items, &x->crossing_cap, sizeof(void *), n, DP_CROSSINGS_MAX, fault));
	x->crossing = items;
	items = x->crossing_next;
	DP_TRY(dp_grow(&items, &x->next_cap, sizeof(uint32_t), n, DP_CROSSINGS_MAX, fault));
	x->crossing_next = items;
	items = x->crossing_dirty;
	DP_TRY(dp_grow(&items, &x->dirty_cap, sizeof(bool), n, DP_CROSSINGS_MAX, fault));
	x->crossing_dirty = items;
	// Room in the list of those that are gone as well: taking one out must not fail.
	items = x->gone;
	DP_TRY(dp_grow(&items, &x->gone_cap, 32, n + x->gone_count, 2 * (uint64_t)DP_CROSSINGS_MAX,
	               fault));
	x->gone = items;
	if (n > x->by_key.buckets) DP_TRY(grow_index(x, &x->by_key, 2 * x->by_key.buckets, fault));
	return DP_OK;
}

// Puts a crossing that the caller has allocated into the table.
static dp_code insert_crossing(dp_exchange *x, dp_crossing *c, dp_fault *fault)
{
	DP_TRY(grow_crossings(x, fault));
	uint32_t i = x->crossing_count++;
	uint64_t b = bucket_of(x, &x->by_key, c->key);
	x->crossing[i] = c;
	x->crossing_dirty[i] = true;
	x->crossing_next[i] = x->by_key.head[b];
	x->by_key.head[b] = i;
	return DP_OK;
}

static void unlink_crossing(dp_exchange *x, uint32_t i)
{
	uint32_t *at = &x->by_key.head[bucket_of(x, &x->by_key, x->crossing[i]->key)];
	while (*at != i) at = &x->crossing_next[*at];
	*at = x->crossing_next[i];
}

// The last one takes the place of the one that goes.
static void remove_crossing(dp_exchange *x, uint32_t i)
{
	uint32_t last = x->crossing_count - 1;
	unlink_crossing(x, i);
	DP_CHECK(x->gone_count < x->gone_cap);
	memcpy(x->gone[x->gone_count++], x->crossing[i]->key, 32);
	dp_crossing_done(x->crossing[i]);
	dp_free(x->crossing[i]);
	if (i != last) {
		uint32_t *at = &x->by_key.head[bucket_of(x, &x->by_key, x->crossing[last]->key)];
		while (*at != last) at = &x->crossing_next[*at];
		*at = i;
		x->crossing[i] = x->crossing[last];
		x->crossing_next[i] = x->crossing_next[last];
		x->crossing_dirty[i] = x->crossing_dirty[last];
	}
	x->crossing_count--;
}

static uint32_t first_seen(const dp_exchange *x, const uint8_t key[32])
{
	return x->seen_by_key.head[bucket_of(x, &x->seen_by_key, key)];
}

// Did this happen after the other, as far as two chains' clocks can tell?
static bool may_follow(const dp_place_at *landing, const dp_place_at *exit)
{
	if (landing->chain == exit->chain) return landing->height >= exit->height;
	return landing->time >= exit->time - DP_CLOCK_SKEW_S;
}

// A chain that is ahead may have shown the other side already.
static dp_code ask_landings(dp_exchange *x, const uint8_t key[32], const dp_place_at *in,
                            dp_fault *fault)
{
	bool counted = false, asked = false;
	for (uint32_t i = first_seen(x, key); i != NONE; i = x->seen[i].next) {
		const dp_seen *s = &x->seen[i].is;
		if (s->kind != DP_SEEN_LANDING || memcmp(s->key, key, 32) != 0) continue;
		if (s->at.chain == in->chain || !may_follow(&s->at, in)) continue;
		// However many there are, it counts as one: strangers can write any number of them.
		if (!counted)
			DP_TRY(ask_rewind(x, key, s->at.chain, s->at.height, &asked, fault));
		else
			must_rewind(x, s->at.chain, s->at.height);
		counted = true;
		if (!asked) break;
	}
	return DP_OK;
}

dp_code dp_exchange_make(dp_exchange *x, dp_crossing **ret_crossing, const uint8_t key[32],
                         const dp_place_at *in, dp_fault *fault)
{
	DP_CHECK(find_crossing(x, key) == NONE && in->chain != NULL);
	dp_crossing *c = dp_alloc(sizeof *c);
	if (c == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(c->key, key, 32);
	c->serial = ++x->serial;
	c->in = *in;
	c->is_open = true;
	dp_code code = insert_crossing(x, c, fault);
	if (code != DP_OK) {
		dp_free(c);
		return code;
	}
	code = ask_landings(x, key, in, fault);
	if (code == DP_OK)
		*ret_crossing = c;
	else
		remove_crossing(x, x->crossing_count - 1);
	return code;
}

dp_code dp_exchange_grew(dp_exchange *x, const dp_crossing *c, const dp_place_at *in,
                         dp_fault *fault)
{
	return ask_landings(x, c->key, in, fault);
}

void dp_exchange_tear(dp_exchange *x, dp_crossing *c)
{
	dp_exchange_touched(x, c);
	c->version = UINT64_MAX;
	must_rewind(x, c->in.chain, c->in.height);
	if (c->is_out) must_rewind(x, c->out.chain, c->out.height);
}

dp_code dp_exchange_undo_make(dp_exchange *x, const uint8_t key[32], uint64_t serial,
                              dp_fault *fault)
{
	uint32_t i = find_crossing(x, key);
	if (i == NONE || x->crossing[i]->serial != serial) return DP_OK;
	const dp_crossing *c = x->crossing[i];
	(void)fault;
	// Landings that were refused under it go back as well: without it nothing would be told.
	for (uint32_t k = first_seen(x, key); k != NONE; k = x->seen[k].next) {
		const dp_seen *s = &x->seen[k].is;
		if (s->kind == DP_SEEN_LANDING && memcmp(s->key, key, 32) == 0 &&
		    s->at.chain != c->in.chain)
			must_rewind(x, s->at.chain, s->at.height);
	}
	if (c->is_out && c->out.chain != c->in.chain) must_rewind(x, c->out.chain, c->out.height);
	remove_crossing(x, i);
	return DP_OK;
}

dp_code dp_exchange_forget(dp_exchange *x, const dp_chain *chain, dp_fault *fault)
{
	for (uint32_t i = x->crossing_count; i-- > 0;) {
		const dp_crossing *c = x->crossing[i];
		bool here = c->in.chain == chain, out = c->is_out && c->out.chain == chain;
		if (!here && !out) continue;
		const dp_place_at *other = here ? &c->out : &c->in;
		if ((here ? c->is_out : true) && other->chain != chain)
			must_rewind(x, other->chain, other->height);
		remove_crossing(x, i);
	}
	(void)fault;
	dp_exchange_rolled_back(x, chain, false, 0);
	return DP_OK;
}

//- what was seen ---------------------------------------------------------------------------------

static dp_code add_seen(dp_exchange *x, uint32_t *ret_at, const dp_seen *s, bool saved,
                        dp_fault *fault)
{
	side *on = side_of(x, s->at.chain);
	void *items = on->stack;
	DP_TRY(
	    dp_grow(&items, &on->cap, sizeof *on->stack, (uint64_t)on->count + 1, SEEN_MAX, fault));
	on->stack = items;
	items = x->seen_free;
	DP_TRY(dp_grow(&items, &x->seen_free_cap, sizeof *x->seen_free, (uint64_t)x->seen_count + 1,
	               SEEN_MAX, fault));
	x->seen_free = items;
	uint32_t at;
	if (x->seen_free_count > 0) {
		at = x->seen_free[--x->seen_free_count];
	} else {
		items = x->seen;
		DP_TRY(dp_grow(&items, &x->seen_cap, sizeof *x->seen, (uint64_t)x->seen_count + 1,
		               SEEN_MAX, fault));
		x->seen = items;
		x->seen[x->seen_count].is.kind = 0;
		if (x->seen_count >= x->seen_by_key.buckets)
			DP_TRY(grow_index(x, &x->seen_by_key, 2 * x->seen_by_key.buckets, fault));
		at = x->seen_count++;
	}
	uint64_t b = bucket_of(x, &x->seen_by_key, s->key);
	x->seen[at] = (seen){.is = *s, .next = x->seen_by_key.head[b], .saved = saved};
	*ret_at = at;
	x->seen_by_key.head[b] = at;
	on->stack[on->count++] = at;
	return DP_OK;
}

static void drop_seen(dp_exchange *x, uint32_t i)
{
	uint32_t *at = &x->seen_by_key.head[bucket_of(x, &x->seen_by_key, x->seen[i].is.key)];
	while (*at != i) at = &x->seen[*at].next;
	*at = x->seen[i].next;
	x->seen[i].is.kind = 0;
	dp_free(x->seen[i].leg);
	x->seen[i].leg = NULL;
	x->seen_free[x->seen_free_count++] = i;
}

static bool same_place(const dp_place_at *a, const dp_place_at *b)
{
	return a->chain == b->chain && a->height == b->height && memcmp(a->tx, b->tx, 32) == 0;
}

// A landing under a claim's key that the ledger does not bear out takes back the belief in the
// claim: else anybody could make money vanish by a wink, a payment to himself with its key.
void dp_exchange_disbelieve(dp_exchange *x, const uint8_t key[32], const dp_place_at *landing)
{
	belief *b = find_belief(x, key);
	uint32_t at = find_crossing(x, key);
	// Another landing than the one it rests on changes nothing.
	if (b == NULL || !b->is_believed || at == NONE || !same_place(&b->landing, landing)) return;
	// The last place is used again and again: by then the key is nearly worn out.
	b->bad[b->bad_count < BAD_MAX ? b->bad_count++ : BAD_MAX - 1] = *landing;
	b->is_believed = b->is_pending = false;
	x->beliefs_changed = true;
	must_rewind(x, x->crossing[at]->in.chain, x->crossing[at]->in.height);
}

// A claim that a landing confirms: from now on it is believed, and its chain is asked to go through
// it again.
static dp_code confirm(dp_exchange *x, const dp_seen *claim, const dp_place_at *landing,
                       dp_fault *fault)
{
	belief *b;
	bool asked;
	DP_TRY(belief_for(x, &b, claim->key, fault));
	if (b->is_believed || !may_follow(landing, &claim->at)) return DP_OK;
	for (uint32_t i = 0; i < b->bad_count; i++)
		if (same_place(&b->bad[i], landing)) return DP_OK;
	DP_TRY(ask_rewind(x, claim->key, claim->at.chain, claim->at.height, &asked, fault));
	if (!asked) return DP_OK;
	b = find_belief(x, claim->key);
	b->is_believed = true;
	b->is_pending = false;
	b->landing = *landing;
	return DP_OK;
}

dp_code dp_exchange_landed(dp_exchange *x, const uint8_t key[32], const dp_place_at *at,
                           bool (*bears_out)(const void *context, const dp_leg *claim),
                           const void *context, dp_fault *fault)
{
	uint32_t place;
	dp_seen landing = {.kind = DP_SEEN_LANDING, .at = *at};
	memcpy(landing.key, key, 32);
	DP_TRY(add_seen(x, &place, &landing, false, fault));
	belief *b = find_belief(x, key);
	if (b != NULL && b->is_believed && b->landing.chain == at->chain &&
	    b->landing.height == at->height)
		b->is_pending = false;
	if (find_crossing(x, key) != NONE) return DP_OK;
	for (uint32_t i = first_seen(x, key); i != NONE; i = x->seen[i].next) {
		dp_seen s = x->seen[i].is;
		const dp_leg *leg = x->seen[i].leg;
		if (s.kind != DP_SEEN_CLAIM || memcmp(s.key, key, 32) != 0) continue;
		// What is no answer to it costs nothing: rewinds are counted.
		if (leg != NULL && !bears_out(context, leg)) continue;
		DP_TRY(confirm(x, &s, at, fault));
	}
	return DP_OK;
}

dp_code dp_exchange_claimed(dp_exchange *x, const uint8_t key[32], const dp_place_at *at,
                            const dp_leg *leg, dp_fault *fault)
{
	uint32_t place;
	dp_seen claim = {.kind = DP_SEEN_CLAIM, .at = *at};
	memcpy(claim.key, key, 32);
	DP_TRY(add_seen(x, &place, &claim, false, fault));
	x->seen[place].leg = dp_alloc(sizeof *leg);
	if (x->seen[place].leg == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*x->seen[place].leg = *leg;
	for (uint32_t i = first_seen(x, key); i != NONE; i = x->seen[i].next) {
		dp_seen s = x->seen[i].is;
		if (s.kind == DP_SEEN_LANDING && memcmp(s.key, key, 32) == 0)
			DP_TRY(confirm(x, &claim, &s.at, fault));
	}
	return DP_OK;
}

bool dp_exchange_believes(const dp_exchange *x, const uint8_t key[32])
{
	const belief *b = find_belief(x, key);
	return b != NULL && b->is_believed;
}

void dp_exchange_rolled_back(dp_exchange *x, const dp_chain *chain, bool any, uint64_t height)
{
	side *on = side_of(x, chain);
	while (on->count > 0) {
		uint32_t top = on->stack[on->count - 1];
		if (any && x->seen[top].is.at.height <= height) break;
		drop_seen(x, top);
		on->count--;
	}
	for (uint32_t i = 0; i < x->belief_count; i++) {
		belief *b = &x->belief[i];
		if (b->is_believed && b->landing.chain == chain &&
		    (!any || b->landing.height > height)) {
			b->is_pending = true;
			x->beliefs_changed = true;
		}
	}
	if (on->wants_rewind && (!any || height < on->rewind_height)) {
		on->wants_rewind = false;
		x->beliefs_changed = true;
	}
}

static bool is_shown(const dp_exchange *x, const belief *b)
{
	for (uint32_t i = first_seen(x, b->key); i != NONE; i = x->seen[i].next) {
		const dp_seen *s = &x->seen[i].is;
		if (s->kind == DP_SEEN_LANDING && memcmp(s->key, b->key, 32) == 0 &&
		    s->at.chain == b->landing.chain && s->at.height == b->landing.height)
			return true;
	}
	return false;
}

// A landing that confirmed a claim must have been shown again by now; else the chain is another
// one since it was rolled back, and the claim is a mere claim again.
dp_code dp_exchange_reached(dp_exchange *x, const dp_chain *chain, uint64_t height, dp_fault *fault)
{
	for (uint32_t i = 0; i < x->belief_count; i++) {
		belief *b = &x->belief[i];
		if (!b->is_believed || !b->is_pending || b->landing.chain != chain ||
		    b->landing.height > height)
			continue;
		b->is_pending = false;
		if (is_shown(x, b)) continue;
		b->is_believed = false;
		x->beliefs_changed = true;
		uint32_t at = find_crossing(x, b->key);
		if (at != NONE && !x->crossing[at]->leg.is_proven)
			must_rewind(x, x->crossing[at]->in.chain, x->crossing[at]->in.height);
	}
	(void)fault;
	return DP_OK;
}

//- supposing -------------------------------------------------------------------------------------

dp_code dp_exchange_keep(const dp_exchange *x, dp_exchange_mark *ret_mark, dp_fault *fault)
{
	*ret_mark = (dp_exchange_mark){.serial = x->serial,
	                               .belief_count = x->belief_count,
	                               .gone_count = x->gone_count,
	                               .beliefs_changed = x->beliefs_changed};
	for (uint32_t i = 0; i < CHAINS_MAX; i++) {
		ret_mark->rewind[i].is_wanted = x->side[i].wants_rewind;
		ret_mark->rewind[i].height = x->side[i].rewind_height;
	}
	if (x->belief_count == 0) return DP_OK;
	ret_mark->beliefs = dp_alloc(x->belief_count * sizeof *x->belief);
	if (ret_mark->beliefs == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(ret_mark->beliefs, x->belief, x->belief_count * sizeof *x->belief);
	return DP_OK;
}

void dp_exchange_back(dp_exchange *x, dp_exchange_mark *mark)
{
	// Nothing but forgetting a chain takes away from these two.
	DP_CHECK(x->belief_count >= mark->belief_count && x->gone_count >= mark->gone_count);
	if (mark->belief_count > 0)
		memcpy(x->belief, mark->beliefs, mark->belief_count * sizeof *x->belief);
	x->belief_count = mark->belief_count;
	x->beliefs_changed = mark->beliefs_changed;
	x->gone_count = mark->gone_count;
	x->serial = mark->serial;
	for (uint32_t i = 0; i < CHAINS_MAX; i++) {
		x->side[i].wants_rewind = mark->rewind[i].is_wanted;
		x->side[i].rewind_height = mark->rewind[i].height;
	}
	dp_free(mark->beliefs);
	mark->beliefs = NULL;
}

//- for casebooks ---------------------------------------------------------------------------------

static dp_code visit_beliefs(const dp_exchange *x, const dp_exchange_visitor *v, dp_fault *fault)
{
	if (!x->beliefs_changed) return DP_OK;
	dp_seen s = {0};
	DP_TRY(v->seen(v->context, &s, fault));
	for (uint32_t i = 0; i < x->belief_count; i++) {
		const belief *b = &x->belief[i];
		memcpy(s.key, b->key, 32);
		s.kind = b->is_believed ? DP_SEEN_BELIEF : DP_SEEN_TALLY;
		s.count = b->rewinds;
		s.at = b->landing;
		DP_TRY(v->seen(v->context, &s, fault));
	}
	// A chain that nobody follows now is gone through again when somebody does.
	for (uint32_t i = 0; i < dp_chain_count(); i++) {
		if (!x->side[i].wants_rewind) continue;
		s = (dp_seen){.kind = DP_SEEN_REWIND};
		s.at.chain = dp_chain_at((uint16_t)i);
		s.at.height = x->side[i].rewind_height;
		DP_TRY(v->seen(v->context, &s, fault));
	}
	return DP_OK;
}

dp_code dp_exchange_visit(const dp_exchange *x, const dp_exchange_visitor *v, dp_fault *fault)
{
	for (uint32_t i = 0; i < x->gone_count; i++) DP_TRY(v->gone(v->context, x->gone[i], fault));
	for (uint32_t i = 0; i < x->crossing_count; i++)
		if (x->crossing_dirty[i]) DP_TRY(v->crossing(v->context, x->crossing[i], fault));
	for (uint32_t i = 0; i < x->seen_count; i++)
		if (x->seen[i].is.kind != 0 && !x->seen[i].saved)
			DP_TRY(v->seen(v->context, &x->seen[i].is, fault));
	return visit_beliefs(x, v, fault);
}

void dp_exchange_saved(dp_exchange *x)
{
	x->gone_count = 0;
	x->beliefs_changed = false;
	for (uint32_t i = 0; i < x->crossing_count; i++) x->crossing_dirty[i] = false;
	for (uint32_t i = 0; i < x->seen_count; i++) x->seen[i].saved = true;
}

dp_code dp_exchange_load_seen(dp_exchange *x, const dp_seen *s, dp_fault *fault)
{
	if (s->kind == DP_SEEN_LANDING || s->kind == DP_SEEN_CLAIM) {
		if (s->at.chain == NULL) return dp_fail(fault, DP_BAD_BYTES, "a chain is unknown");
		uint32_t place;
		return add_seen(x, &place, s, true, fault);
	}
	if (s->kind == DP_SEEN_REWIND) {
		if (s->at.chain == NULL) return dp_fail(fault, DP_BAD_BYTES, "a chain is unknown");
		must_rewind(x, s->at.chain, s->at.height);
		return DP_OK;
	}
	if (s->kind != DP_SEEN_BELIEF && s->kind != DP_SEEN_TALLY)
		return dp_fail(fault, DP_BAD_BYTES, "a stored landing is of no known kind");
	belief *b;
	DP_TRY(belief_for(x, &b, s->key, fault));
	b->is_believed = s->kind == DP_SEEN_BELIEF && s->at.chain != NULL;
	b->is_pending = b->is_believed; // its chain may have been rolled back before it was stored
	b->rewinds = s->count;
	b->landing = s->at;
	return DP_OK;
}

dp_code dp_exchange_load(dp_exchange *x, const uint8_t *bytes, size_t size, dp_fault *fault)
{
	dp_crossing *c = dp_alloc(sizeof *c);
	if (c == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_crossing_read(c, bytes, size, fault);
	if (code == DP_OK && find_crossing(x, c->key) != NONE)
		code = dp_fail(fault, DP_BAD_BYTES, "a crossing is stored twice");
	if (code == DP_OK) code = insert_crossing(x, c, fault);
	if (code != DP_OK) {
		dp_crossing_done(c);
		dp_free(c);
		return code;
	}
	x->crossing_dirty[x->crossing_count - 1] = false;
	if (c->serial > x->serial) x->serial = c->serial;
	return DP_OK;
}

dp_code dp_crossing_save(const dp_crossing *c, uint8_t **ret_bytes, size_t *ret_size,
                         dp_fault *fault)
{
	dp_buffer b = {0};
	dp_code code = dp_crossing_write(c, &b, fault);
	if (code != DP_OK) {
		dp_free(b.bytes);
		return code;
	}
	*ret_bytes = b.bytes;
	*ret_size = b.size;
	return DP_OK;
}

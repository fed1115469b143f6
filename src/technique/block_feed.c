// See block_feed.h.
//
// A ledger has billions of movements, so the common one costs two look-ups by a key that the block
// has already (src_key, dst_key) and the comparison of the address behind it: only an address that
// the graph does not know is looked up among the tags.
#include "technique/block_feed.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/leg.h"
#include "link/mixer.h"
#include "shape/coinjoin.h"
#include "shape/safe.h"
#include "technique/money.h"

enum {
	SIDES_MAX = 1 << 17, // inputs, or outputs, of one transaction
	MERGE_LOOK = 32,     // sides that one more is compared with, to be one of them
	NETS_MAX = 16,       // assets of the sender of a transaction; more: no swap is seen
	TX_RING_FIRST = 1 << 10,
	JOIN_INPUTS_MIN = 3,
	JOIN_OUTPUTS_MIN = 3,
	EVM_BYTES = 20
};

// An address as the graph knows it by number.
typedef struct place {
	dp_addr addr;
	uint8_t role; // dp_node_role
	uint32_t venue;
} place;

// One end of a transaction of coins.
typedef struct side {
	const dp_addr *addr;
	uint64_t key, amount;
} side;

// What the sender of a transaction gained of an asset, and what he gave.
typedef struct net {
	dp_asset asset;
	dp_u256 in, out;
} net;

struct dp_block_feed {
	dp_mine *mine;
	const dp_tags *tags;
	const dp_chain *chain;
	const dp_network *network;
	uint64_t watched; // dp_legs_watched
	place *place;     // by node
	uint64_t place_cap;
	dp_feed_tx *ring; // by number of transaction
	uint32_t ring_size;
	uint32_t tx; // the last one that has a transfer
	bool is_new_tx;
	side *in, *out;
	uint64_t in_cap, out_cap;
	uint32_t in_count, out_count;
	dp_leg leg[DP_LEGS_MAX];
	uint32_t leg_count;
	bool has_notes; // the transaction
	dp_shaper shaper;
	dp_money_price price;
	uint64_t transfers;
};

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- who somebody is -------------------------------------------------------------------------------

static bool is_burn_address(const dp_addr *a)
{
	if (a->kind != DP_ADDR_EVM) return false;
	static const uint8_t zero[EVM_BYTES];
	bool is_dead = a->bytes[EVM_BYTES - 2] == 0xde && a->bytes[EVM_BYTES - 1] == 0xad;
	return memcmp(a->bytes, zero, EVM_BYTES - 2) == 0 &&
	       (is_dead || memcmp(a->bytes, zero, EVM_BYTES) == 0);
}

static uint8_t role_of_tag(const dp_tag_record *tag)
{
	if (tag->concept == 0) return DP_NODE_WALLET;
	const dp_concept *c = dp_concept_at(tag->concept);
	if (c->risk == DP_CLASS_MIXER) return DP_NODE_MIXER;
	if (strcmp(c->name, "defi_bridge") == 0) return DP_NODE_BRIDGE;
	if (strncmp(c->name, "defi_dex", 8) == 0) return DP_NODE_VENUE;
	return DP_NODE_WALLET;
}

static void take_tag(const dp_block_feed *f, place *io_place, const dp_tag_record *tag,
                     uint8_t role)
{
	const char *actor = dp_tags_text(f->tags, tag->actor);
	io_place->role = role;
	io_place->venue = dp_money_venue(actor[0] != 0 ? actor : dp_tags_text(f->tags, tag->label));
}

// The tag that decides custody first; then what a contract is.
static void ask_tags(const dp_block_feed *f, place *io_place)
{
	dp_tag_stop stop;
	const dp_addr *a = &io_place->addr;
	if (dp_tags_stop(f->tags, &stop, a, f->network)) {
		bool is_mixer = stop.stop == DP_STOP_MIXER;
		take_tag(f, io_place, stop.tag, is_mixer ? DP_NODE_MIXER : DP_NODE_SERVICE);
		return;
	}
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(f->tags, a, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t role = role_of_tag(&tag[i]);
		if (role == DP_NODE_WALLET || dp_tags_match(&tag[i], f->network) != DP_MATCH_EXACT)
			continue;
		take_tag(f, io_place, &tag[i], role);
		return;
	}
}

static place look_up(const dp_block_feed *f, const dp_addr *addr)
{
	place p = {.addr = *addr};
	if (addr->kind == DP_ADDR_EVM && dp_tornado_pool_find(f->chain, addr->bytes) != NULL) {
		p.role = DP_NODE_MIXER;
		p.venue = dp_money_venue("tornado");
	} else if (is_burn_address(addr)) {
		p.role = DP_NODE_BURN;
	} else if (f->tags != NULL && addr->kind != DP_ADDR_NONE) {
		ask_tags(f, &p);
	}
	return p;
}

// The node of an address. Numbers are given again when the graph has forgotten whose they were.
static dp_code node_of(dp_block_feed *f, uint32_t *ret_node, uint64_t key, const dp_addr *addr,
                       dp_fault *fault)
{
	uint32_t node;
	uint64_t had = f->place_cap;
	DP_TRY(dp_mine_node(f->mine, &node, key, DP_NODE_WALLET, fault));
	DP_TRY(dp_grow((void **)&f->place, &f->place_cap, sizeof *f->place, (uint64_t)node + 1,
	               (uint64_t)DP_GRAPH_NODES_MAX + 1, fault));
	if (f->place_cap > had) memset(f->place + had, 0, (f->place_cap - had) * sizeof *f->place);
	place *p = &f->place[node];
	const dp_node *n = dp_graph_node_at(dp_mine_graph(f->mine), node);
	bool is_asked = dp_addr_eq(&p->addr, addr) && addr->kind != DP_ADDR_NONE;
	if (!is_asked && n->first == 0) *p = look_up(f, addr);
	if (p->role != DP_NODE_WALLET && n->role == DP_NODE_WALLET)
		DP_TRY(dp_mine_node(f->mine, &node, key, (dp_node_role)p->role, fault));
	*ret_node = node;
	return DP_OK;
}

//- transfers -------------------------------------------------------------------------------------

// Room for as many transactions as the graph has edges: none without a transfer gets a number.
static dp_code grow_ring(dp_block_feed *f, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(f->mine);
	uint32_t size = dp_graph_ring(g);
	// The edge that is fed next may be the one for which the graph grows.
	if (size < g->ring_max) size *= 2;
	if (size < TX_RING_FIRST) size = TX_RING_FIRST;
	if (f->ring_size >= size) return DP_OK;
	dp_feed_tx *ring = dp_alloc((size_t)size * sizeof *ring);
	if (ring == NULL) return no_memory(fault);
	for (uint32_t i = 0; i < f->ring_size && i <= f->tx; i++)
		ring[(f->tx - i) & (size - 1)] = f->ring[(f->tx - i) & (f->ring_size - 1)];
	dp_free(f->ring);
	f->ring = ring;
	f->ring_size = size;
	return DP_OK;
}

static dp_code begin_tx(dp_block_feed *f, const dp_block *b, const dp_tx *tx, dp_fault *fault)
{
	if (!f->is_new_tx) return DP_OK;
	f->is_new_tx = false;
	DP_TRY(grow_ring(f, fault));
	if (f->tx == UINT32_MAX - 1)
		return dp_fail(fault, DP_LIMIT,
		               "more than 4 billion transactions: begin later, with --since");
	f->tx++;
	dp_feed_tx *t = &f->ring[f->tx & (f->ring_size - 1)];
	*t = (dp_feed_tx){.height = b->height};
	memcpy(t->id, tx->id, sizeof t->id);
	return DP_OK;
}

// What one transfer is, but for its nodes' numbers.
typedef struct step {
	const dp_addr *from, *to;
	uint64_t from_key, to_key, amount;
	dp_asset asset;
	uint32_t flags, venue;
	uint8_t kind;
	uint8_t role; // of a receiver that is more than tags say; WALLET: nothing is said
} step;

static uint8_t kind_by_roles(const dp_node *src, const dp_node *dst)
{
	static const uint8_t kinds[] = {
	    [DP_NODE_WALLET] = DP_TR_MOVE,       [DP_NODE_VICTIM] = DP_TR_MOVE,
	    [DP_NODE_SERVICE] = DP_TR_SERVICE,   [DP_NODE_MIXER] = DP_TR_MIXER,
	    [DP_NODE_BRIDGE] = DP_TR_BRIDGE_OUT, [DP_NODE_VENUE] = DP_TR_MOVE,
	    [DP_NODE_BURN] = DP_TR_BURN};
	if (dst->role != DP_NODE_WALLET) return kinds[dst->role];
	return src->role == DP_NODE_BRIDGE ? DP_TR_BRIDGE_IN : DP_TR_MOVE;
}

static dp_code feed(dp_block_feed *f, const dp_block *b, const dp_tx *tx, const step *s,
                    dp_fault *fault)
{
	DP_CHECK(s->asset.v != 0);
	DP_TRY(begin_tx(f, b, tx, fault));
	dp_transfer t = {.tx = f->tx,
	                 .asset = s->asset.v,
	                 .time = b->time,
	                 .amount = s->amount,
	                 .kind = s->kind,
	                 .venue = s->venue};
	t.flags = (uint8_t)(dp_money_flags(s->asset, b->chain->kind == DP_CHAIN_UTXO) | s->flags);
	dp_money_worth(&f->price, &t, s->asset);
	DP_TRY(node_of(f, &t.src, s->from_key, s->from, fault));
	DP_TRY(node_of(f, &t.dst, s->to_key, s->to, fault));
	if (s->role != DP_NODE_WALLET)
		DP_TRY(dp_mine_node(f->mine, &t.dst, s->to_key, (dp_node_role)s->role, fault));
	const dp_graph *g = dp_mine_graph(f->mine);
	const dp_node *src = dp_graph_node_at(g, t.src), *dst = dp_graph_node_at(g, t.dst);
	if (t.kind == DP_TR_MOVE && t.src != t.dst) t.kind = kind_by_roles(src, dst);
	if (t.venue == 0 && dst->role != DP_NODE_WALLET) t.venue = f->place[t.dst].venue;
	if (t.venue == 0 && t.kind == DP_TR_BRIDGE_IN) t.venue = f->place[t.src].venue;
	if (dst->first == 0 && t.src != t.dst) t.flags |= DP_TRF_FRESH;
	dp_edge e;
	f->transfers++;
	return dp_mine_feed(f->mine, &e, &t, fault);
}

//- what bridges and mixers say -------------------------------------------------------------------

static void read_legs(dp_block_feed *f, const dp_block *b, uint32_t t)
{
	uint32_t first, count;
	bool is_cut;
	f->leg_count = 0;
	dp_block_notes(b, &first, &count, t);
	bool is_asked = f->has_notes = count > 0;
	const dp_tx *tx = &b->tx[t];
	for (uint32_t i = 0; f->watched != 0 && i < tx->mv_count && !is_asked; i++)
		is_asked = b->dst_key[tx->mv_first + i] == f->watched;
	if (is_asked) f->leg_count = dp_legs_of_tx(f->leg, DP_LEGS_MAX, &is_cut, b, t);
}

static bool is_place(const dp_leg *l, const dp_addr *a)
{
	for (uint32_t i = 0; i < l->place_count; i++)
		if (dp_addr_eq(&l->place[i], a)) return true;
	return false;
}

// Is it what comes out of a bridge? Where anybody can pay that (relayers do), the sum tells.
static bool pays_out(const dp_leg *l, const step *s)
{
	if (l->side != DP_LEG_IN || !dp_addr_eq(&l->to, s->to)) return false;
	if (l->place_count > 0) return is_place(l, s->from);
	return l->asset.v == s->asset.v &&
	       (l->all_of_it || dp_money_cut(l->asset, l->amount) == s->amount);
}

// Is a movement one side of a crossing? Only what a protocol's own contract says makes its receiver
// a bridge: a memo anybody can write, even to himself.
static void match_legs(const dp_block_feed *f, step *io_step)
{
	for (uint32_t i = 0; i < f->leg_count; i++) {
		const dp_leg *l = &f->leg[i];
		if (l->refused != NULL) continue;
		bool is_out = l->side == DP_LEG_OUT && is_place(l, io_step->to);
		bool is_in = pays_out(l, io_step);
		if (is_out && l->store == DP_STORE_TRANSIT)
			io_step->kind = DP_TR_BRIDGE_OUT;
		else if (is_out && l->store == DP_STORE_MIXER)
			io_step->kind = DP_TR_MIXER;
		else if (is_in && l->store == DP_STORE_TRANSIT)
			io_step->kind = DP_TR_BRIDGE_IN;
		else
			continue;
		if (is_out && l->is_proven)
			io_step->role =
			    io_step->kind == DP_TR_MIXER ? DP_NODE_MIXER : DP_NODE_BRIDGE;
		io_step->venue = dp_money_venue(l->protocol->name);
		return;
	}
}

//- account chains --------------------------------------------------------------------------------

static bool is_value(const dp_movement *mv)
{
	bool is_kind =
	    mv->kind == DP_MV_NATIVE || mv->kind == DP_MV_INTERNAL || mv->kind == DP_MV_TOKEN;
	return is_kind && mv->asset.v != 0 && (mv->flags & DP_MVF_FAILED) == 0 &&
	       !dp_u256_is_zero(mv->amount);
}

// Who sent the transaction: who pays for it; where no source says that, who moves first.
static uint64_t sender_of(const dp_block *b, const dp_tx *tx)
{
	uint64_t first = 0;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		if (b->mv[i].kind == DP_MV_FEE) return b->src_key[i];
		if (first == 0 && is_value(&b->mv[i])) first = b->src_key[i];
	}
	return first;
}

static net *net_of(net *list, uint32_t *io_count, dp_asset asset)
{
	uint32_t i = 0;
	while (i < *io_count && list[i].asset.v != asset.v) i++;
	if (i == NETS_MAX) return NULL;
	if (i == *io_count) list[(*io_count)++] = (net){.asset = asset};
	return &list[i];
}

// The sender gave of exactly one asset more than he got, and got of exactly one more than he gave:
// he exchanged one for the other, whatever contracts did in between.
static bool find_swap(const dp_block *b, const dp_tx *tx, uint64_t sender, net *ret_given,
                      net *ret_got)
{
	net list[NETS_MAX];
	uint32_t count = 0, given = 0, got = 0;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		bool pays = b->src_key[i] == sender, is_paid = b->dst_key[i] == sender;
		if (pays == is_paid || !is_value(&b->mv[i])) continue;
		net *n = net_of(list, &count, b->mv[i].asset);
		if (n == NULL) return false;
		dp_u256 *sum = pays ? &n->out : &n->in;
		if (dp_u256_add_over(sum, *sum, b->mv[i].amount)) return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		int order = dp_u256_cmp(list[i].in, list[i].out);
		if (order < 0 && given++ == 0) *ret_given = list[i];
		if (order > 0 && got++ == 0) *ret_got = list[i];
	}
	return given == 1 && got == 1;
}

static dp_code feed_swap(dp_block_feed *f, const dp_block *b, const dp_tx *tx, const dp_addr *who,
                         uint64_t key, const net *given, const net *got, dp_fault *fault)
{
	dp_u256 out, in;
	bool is_wrong = dp_u256_sub_over(&out, given->out, given->in) ||
	                dp_u256_sub_over(&in, got->in, got->out);
	DP_CHECK(!is_wrong);
	DP_TRY(begin_tx(f, b, tx, fault));
	dp_feed_tx *t = &f->ring[f->tx & (f->ring_size - 1)];
	t->swap_asset = got->asset;
	t->swap_amount = dp_money_cut(got->asset, in);
	bool to_native = dp_asset_info_of(got->asset)->class == DP_ASSET_NATIVE;
	const step s = {.from = who,
	                .to = who,
	                .from_key = key,
	                .to_key = key,
	                .asset = given->asset,
	                .amount = dp_money_cut(given->asset, out),
	                .flags = to_native ? DP_TRF_TO_NATIVE : 0,
	                .kind = DP_TR_SWAP};
	return feed(f, b, tx, &s, fault);
}

// Foreign code was let into a Safe. Nothing moves by that, so that the transfer is of nothing, from
// the Safe to itself: no step of any shape but the one that asks for it.
static dp_code feed_takeover(dp_block_feed *f, const dp_block *b, uint32_t no, dp_fault *fault)
{
	dp_safe_call call;
	if (!dp_safe_takeover_in(&call, b, no)) return DP_OK;
	dp_addr safe = {.kind = DP_ADDR_EVM, .len = EVM_BYTES};
	memcpy(safe.bytes, call.safe, EVM_BYTES);
	uint64_t key = dp_addr_key(&safe);
	const step s = {.from = &safe,
	                .to = &safe,
	                .from_key = key,
	                .to_key = key,
	                .asset = dp_asset_native(b->chain),
	                .venue = call.score,
	                .kind = DP_TR_TAKEOVER};
	return feed(f, b, &b->tx[no], &s, fault);
}

static dp_code feed_account_tx(dp_block_feed *f, const dp_block *b, uint32_t no, dp_fault *fault)
{
	const dp_tx *tx = &b->tx[no];
	if ((tx->flags & DP_TXF_FAILED) != 0) return DP_OK;
	read_legs(f, b, no);
	if (f->has_notes) DP_TRY(feed_takeover(f, b, no, fault));
	net given = {0}, got = {0};
	uint64_t sender = tx->mv_count < 2 ? 0 : sender_of(b, tx);
	bool is_swap = sender != 0 && find_swap(b, tx, sender, &given, &got), is_told = false;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		if (!is_value(mv)) continue;
		bool pays = b->src_key[i] == sender, is_paid = b->dst_key[i] == sender;
		// Both directions of either asset: change is taken off already.
		if (is_swap && pays != is_paid &&
		    (mv->asset.v == given.asset.v || mv->asset.v == got.asset.v)) {
			if (!is_told)
				DP_TRY(feed_swap(f, b, tx, pays ? &mv->from : &mv->to, sender,
				                 &given, &got, fault));
			is_told = true;
			continue;
		}
		if (b->src_key[i] == 0 || b->dst_key[i] == 0 || b->src_key[i] == b->dst_key[i])
			continue;
		step s = {.from = &mv->from,
		          .to = &mv->to,
		          .from_key = b->src_key[i],
		          .to_key = b->dst_key[i],
		          .asset = mv->asset,
		          .amount = dp_money_cut(mv->asset, mv->amount),
		          .kind = DP_TR_MOVE};
		if (f->leg_count > 0) match_legs(f, &s);
		if (s.amount > 0) DP_TRY(feed(f, b, tx, &s, fault));
	}
	return DP_OK;
}

//- UTXO chains -----------------------------------------------------------------------------------

static dp_code add_side(side **io_list, uint64_t *io_cap, uint32_t *io_count, const side *s,
                        dp_fault *fault)
{
	uint32_t looked = *io_count < MERGE_LOOK ? *io_count : MERGE_LOOK;
	for (uint32_t i = 0; i < looked; i++) {
		side *old = &(*io_list)[i];
		if (old->key != s->key) continue;
		if (__builtin_add_overflow(old->amount, s->amount, &old->amount))
			old->amount = UINT64_MAX;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)io_list, io_cap, sizeof **io_list, (uint64_t)*io_count + 1,
	               SIDES_MAX, fault));
	(*io_list)[(*io_count)++] = *s;
	return DP_OK;
}

// Inputs by address; outputs as they are, for their number and order are what shapes look at.
static dp_code gather_sides(dp_block_feed *f, const dp_block *b, const dp_tx *tx, dp_fault *fault)
{
	f->in_count = f->out_count = 0;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool is_in = mv->kind == DP_MV_INPUT;
		const dp_addr *a = is_in ? &mv->from : &mv->to;
		if (mv->asset.v == 0 || a->kind == DP_ADDR_NONE || a->kind == DP_ADDR_NULLDATA)
			continue;
		if (f->out_count == SIDES_MAX || f->in_count == SIDES_MAX) return DP_OK;
		const side s = {a, dp_addr_key(a), dp_money_cut(mv->asset, mv->amount)};
		if (is_in) {
			DP_TRY(add_side(&f->in, &f->in_cap, &f->in_count, &s, fault));
			continue;
		}
		if (s.amount == 0) continue;
		DP_TRY(dp_grow((void **)&f->out, &f->out_cap, sizeof *f->out,
		               (uint64_t)f->out_count + 1, SIDES_MAX, fault));
		f->out[f->out_count++] = s;
	}
	return DP_OK;
}

static bool is_input(const dp_block_feed *f, uint64_t key)
{
	uint32_t looked = f->in_count < MERGE_LOOK ? f->in_count : MERGE_LOOK;
	for (uint32_t i = 0; i < looked; i++)
		if (f->in[i].key == key) return true;
	return false;
}

// Inputs of a CoinJoin are strangers': what goes in is gone from sight.
static dp_code feed_coinjoin(dp_block_feed *f, const dp_block *b, const dp_tx *tx, dp_asset asset,
                             dp_fault *fault)
{
	static const char name[] = "CoinJoins";
	static const dp_addr nobody;
	for (uint32_t i = 0; i < f->in_count; i++) {
		const step s = {.from = f->in[i].addr,
		                .to = &nobody,
		                .from_key = f->in[i].key,
		                .to_key = dp_node_key(name, sizeof name - 1),
		                .asset = asset,
		                .amount = f->in[i].amount,
		                .flags = i + 1 < f->in_count ? DP_TRF_MORE : 0,
		                .venue = dp_money_venue(name),
		                .kind = DP_TR_COINJOIN,
		                .role = DP_NODE_MIXER};
		DP_TRY(feed(f, b, tx, &s, fault));
	}
	return DP_OK;
}

static dp_code feed_star(dp_block_feed *f, const dp_block *b, const dp_tx *tx, dp_asset asset,
                         dp_fault *fault)
{
	const side *spender = &f->in[0];
	uint32_t last = f->in_count + f->out_count - 1;
	for (uint32_t i = 1; i <= last; i++) {
		bool is_in = i < f->in_count;
		const side *o = is_in ? &f->in[i] : &f->out[i - f->in_count];
		bool is_change = !is_in && is_input(f, o->key);
		step s = {.from = is_in ? o->addr : spender->addr,
		          .from_key = is_in ? o->key : spender->key,
		          .to = is_in || is_change ? spender->addr : o->addr,
		          .to_key = is_in || is_change ? spender->key : o->key,
		          .asset = asset,
		          .amount = o->amount,
		          .flags = (i < last ? DP_TRF_MORE : 0u) | (is_change ? DP_TRF_CHANGE : 0u),
		          .kind = is_in ? DP_TR_COSPEND : DP_TR_MOVE};
		if (!is_in && f->leg_count > 0) match_legs(f, &s);
		DP_TRY(feed(f, b, tx, &s, fault));
	}
	return DP_OK;
}

static dp_code feed_coins_tx(dp_block_feed *f, const dp_block *b, uint32_t no, dp_fault *fault)
{
	const dp_tx *tx = &b->tx[no];
	if ((tx->flags & DP_TXF_COINBASE) != 0) return DP_OK;
	DP_TRY(gather_sides(f, b, tx, fault));
	// Nobody knows whose coins these were.
	if (f->in_count == 0) return DP_OK;
	dp_asset asset = dp_asset_native(b->chain);
	bool is_join = false;
	if (f->in_count >= JOIN_INPUTS_MIN && f->out_count >= JOIN_OUTPUTS_MIN) {
		const dp_shape *shape;
		DP_TRY(dp_shape_of(&f->shaper, &shape, b, no, fault));
		DP_TRY(dp_coinjoin_is(&f->shaper, &is_join, shape, fault));
	}
	if (is_join) return feed_coinjoin(f, b, tx, asset, fault);
	read_legs(f, b, no);
	return feed_star(f, b, tx, asset, fault);
}

//- blocks ----------------------------------------------------------------------------------------

dp_code dp_block_feed_new(dp_block_feed **ret_feed, dp_mine *mine, const dp_tags *tags,
                          dp_fault *fault)
{
	DP_CHECK(ret_feed != NULL && mine != NULL);
	dp_block_feed *f = dp_alloc(sizeof *f);
	if (f == NULL) return no_memory(fault);
	f->mine = mine;
	f->tags = tags;
	*ret_feed = f;
	return DP_OK;
}

void dp_block_feed_free(dp_block_feed *f)
{
	if (f == NULL) return;
	dp_shaper_done(&f->shaper);
	dp_free(f->place);
	dp_free(f->ring);
	dp_free(f->in);
	dp_free(f->out);
	dp_free(f);
}

dp_code dp_block_feed_block(dp_block_feed *f, const dp_block *b, dp_fault *fault)
{
	DP_CHECK(b->chain != NULL && (f->chain == NULL || f->chain == b->chain));
	if (f->chain == NULL) {
		f->chain = b->chain;
		f->network = dp_network_of(b->chain);
		f->watched = dp_legs_watched(b->chain);
	}
	for (uint32_t t = 0; t < b->tx_count; t++) {
		f->is_new_tx = true;
		if (b->chain->kind == DP_CHAIN_UTXO)
			DP_TRY(feed_coins_tx(f, b, t, fault));
		else
			DP_TRY(feed_account_tx(f, b, t, fault));
	}
	return DP_OK;
}

const dp_feed_tx *dp_block_feed_tx(const dp_block_feed *f, uint32_t tx)
{
	DP_CHECK(tx >= 1 && tx <= f->tx && f->tx - tx < f->ring_size);
	return &f->ring[tx & (f->ring_size - 1)];
}

const dp_addr *dp_block_feed_address(const dp_block_feed *f, uint32_t node)
{
	DP_CHECK(node < f->place_cap);
	return &f->place[node].addr;
}

uint64_t dp_block_feed_transfers(const dp_block_feed *f)
{
	return f->transfers;
}

uint64_t dp_block_feed_memory(const dp_block_feed *f)
{
	return f->place_cap * sizeof *f->place + (uint64_t)f->ring_size * sizeof *f->ring +
	       (f->in_cap + f->out_cap) * sizeof *f->in;
}

// See seek.h.
//
//   candidates   one bit a transaction of the segment that is being read
//   forced       of those, the ones that must be given to the engine though they may name nobody:
//                seeds and links name them, or they carry a note (chain/note.h): what goes into a
//                bridge here comes out elsewhere, so the engine must see every leg, and the
//                casebook how a wallet was taken over
//   alive        account chains: one bit a local address id: is it followed? A candidate that names
//                nobody alive is dropped before it is read: hubs, which are followed until they are
//                found to be hubs, leave millions of bits behind
//   waiting      transactions of later segments that will be candidates: spenders of coins, seeds
//
// UTXO chains need no set of addresses: whoever spends a coin is in its .spent entry, written when
// the spender was imported. Account chains look every followed address up in each segment's
// dictionary when the segment is begun: a filter line for most, 64 of them fetched ahead.
#include "engine/seek.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/key.h"
#include "engine/private.h"
#include "ledger/scan.h"

typedef struct seek_address {
	dp_addr addr;
	uint64_t key;
	bool is_kept; // a link waits for it: never dropped
	bool is_gone; // a hub in all its assets
} seek_address;

typedef struct seek_list {
	uint64_t *item;
	uint64_t count, cap;
} seek_list;

typedef struct seek_coin {
	uint64_t output_no, tx_no; // that spends it; UINT64_MAX: nobody yet
} seek_coin;

struct dp_seek {
	dp_ledger *ledger;
	dp_engine *engine;
	dp_seek_options options;
	dp_ledger_totals totals;
	dp_seek_stats stats;
	bool utxo;
	dp_block_builder builder, header;
	uint64_t tx_begin;   // number of the first transaction of block_first
	uint64_t block_next; // the next block to be applied or passed
	// of the segment
	uint32_t segment; // index; UINT32_MAX: none begun
	dp_segment *seg;
	uint64_t *candidate, *forced, *alive;
	uint64_t tx_words, id_words, candidate_cap, alive_cap;
	uint64_t tx_next; // local: candidates below are done
	uint32_t block, block_tx,
	    block_tx_end; // local: of the last transaction asked for, its range
	dp_scan_hits hits;
	// of the whole run
	seek_address *address;
	uint64_t address_count, address_cap;
	uint32_t *slot; // address index + 1, by slot_of
	uint64_t secret;
	uint64_t slot_count;
	seek_list txs;    // forced: sorted
	seek_list blocks; // that must be applied: sorted
	uint64_t tx_at, block_at;
	seek_list *waiting; // by segment
	uint32_t segment_count;
	dp_outpoint *foreign; // coins that no transaction of the ledger made
	uint64_t foreign_count, foreign_cap;
	int64_t time_next; // account chains: a seed is due with the first block at or after it
	seek_coin *coin;   // plan scan: those that are not spent yet
	uint64_t coin_count, coin_cap;
};

#define ADDRESSES_MAX ((uint64_t)1 << 31)
#define LIST_MAX ((uint64_t)1 << 33)
#define TX_FIRST_MASK (((uint32_t)1 << DP_TXROW_BITS) - 1)

static dp_code list_add(seek_list *l, uint64_t value, dp_fault *fault)
{
	if (l->count == l->cap) {
		void *items = l->item;
		DP_TRY(dp_grow(&items, &l->cap, sizeof *l->item, l->count + 1, LIST_MAX, fault));
		l->item = items;
	}
	l->item[l->count++] = value;
	return DP_OK;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static inline void bit_set(uint64_t *bits, uint64_t at)
{
	bits[at >> 6] |= (uint64_t)1 << (at & 63);
}

static inline bool bit_get(const uint64_t *bits, uint64_t at)
{
	return (bits[at >> 6] >> (at & 63) & 1) != 0;
}

static inline uint64_t tx_first(const dp_seek *s)
{
	return s->seg->head.tx_first;
}

//- who is followed -------------------------------------------------------------------------------

// Addresses can be ground so that their keys, or unseeded hashes of any kind, are all the same;
// what the hash is seeded with nobody can know before the run. It decides nothing but the time.
static uint64_t slot_of(const dp_seek *s, const dp_addr *addr)
{
	return XXH3_64bits_withSeed(addr, sizeof *addr, s->secret);
}

static dp_code grow_slots(dp_seek *s, dp_fault *fault)
{
	uint64_t count = s->slot_count == 0 ? 1024 : s->slot_count * 2;
	uint32_t *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < s->address_count; i++) {
		uint64_t at = slot_of(s, &s->address[i].addr) & (count - 1);
		while (slot[at] != 0) at = (at + 1) & (count - 1);
		slot[at] = (uint32_t)i + 1;
	}
	dp_free(s->slot);
	s->slot = slot;
	s->slot_count = count;
	return DP_OK;
}

// The entry of an address, made when it is not there; *ret_is_new says so.
static dp_code address_entry(dp_seek *s, seek_address **ret_entry, bool *ret_is_new,
                             const dp_addr *addr, dp_fault *fault)
{
	if ((s->address_count + 1) * 2 > s->slot_count) DP_TRY(grow_slots(s, fault));
	uint64_t at = slot_of(s, addr) & (s->slot_count - 1);
	for (; s->slot[at] != 0; at = (at + 1) & (s->slot_count - 1)) {
		seek_address *a = &s->address[s->slot[at] - 1];
		if (!dp_addr_eq(&a->addr, addr)) continue;
		*ret_entry = a;
		*ret_is_new = false;
		return DP_OK;
	}
	if (s->address_count == s->address_cap) {
		void *items = s->address;
		DP_TRY(dp_grow(&items, &s->address_cap, sizeof *s->address, s->address_count + 1,
		               ADDRESSES_MAX, fault));
		s->address = items;
	}
	s->slot[at] = (uint32_t)s->address_count + 1;
	*ret_entry = &s->address[s->address_count++];
	**ret_entry = (seek_address){.addr = *addr, .key = dp_addr_key(addr)};
	*ret_is_new = true;
	return DP_OK;
}

// Makes candidates of an address's transactions in this segment, from tx_next on.
static dp_code add_postings(dp_seek *s, uint32_t id, dp_fault *fault)
{
	const uint32_t *tx;
	uint32_t count, low = 0;
	DP_TRY(dp_segment_postings(s->seg, &tx, &count, id, fault));
	for (uint32_t high = count; low < high;) {
		uint32_t mid = low + (high - low) / 2;
		if (tx[mid] < s->tx_next)
			low = mid + 1;
		else
			high = mid;
	}
	for (uint32_t i = low; i < count; i++) bit_set(s->candidate, tx[i]);
	return DP_OK;
}

// `id` is the address's local id where the caller knows it, else 0.
static dp_code follow_here(dp_seek *s, const seek_address *a, uint32_t id, dp_fault *fault)
{
	if (id == 0) DP_TRY(dp_segment_find_addr(s->seg, &id, &a->addr, a->key, fault));
	if (id == 0) return DP_OK;
	bit_set(s->alive, id);
	return add_postings(s, id, fault);
}

static dp_code follow_address(dp_seek *s, const dp_addr *addr, uint32_t id, bool is_kept,
                              dp_fault *fault)
{
	seek_address *a;
	bool is_new;
	DP_TRY(address_entry(s, &a, &is_new, addr, fault));
	bool was_followed = !is_new && !a->is_gone;
	a->is_kept |= is_kept;
	a->is_gone = false;
	// What comes before a segment is begun is looked up when it is.
	if (was_followed || s->seg == NULL) return DP_OK;
	return follow_here(s, a, id, fault);
}

// Whose pool of this number is: one of the two that the event's row names or, where a swap or a
// bridge moved the money on, somebody else.
static dp_addr addr_of_pool(const dp_seek *s, const dp_event *ev)
{
	const dp_holders *h = &s->engine->holders;
	const dp_movement *mv = &s->builder.block.mv[ev->mv];
	const dp_addr *both[2] = {&mv->from, &mv->to};
	for (int i = 0; i < 2; i++) {
		uint8_t id[36];
		if (both[i]->kind == DP_ADDR_NONE) continue;
		dp_holder_id_of_addr(id, both[i]);
		uint32_t at =
		    dp_holders_find(&s->engine->holders, dp_addr_key(both[i]), id, ev->asset);
		if (at != DP_HOLDER_NONE && s->engine->holders.record[at].no == ev->src)
			return *both[i];
	}
	uint32_t i = h->record_count;
	while (i > 0 && h->record[i - 1].no != ev->src) i--;
	DP_CHECK(i > 0);
	dp_addr addr;
	memcpy(&addr, h->record[i - 1].id, sizeof addr);
	return addr;
}

// A pool became a hub: when all pools of its address are, nothing there is followed any more.
static dp_code drop_hub(dp_seek *s, const dp_event *ev, dp_fault *fault)
{
	const dp_holders *h = &s->engine->holders;
	DP_CHECK(ev->mv != DP_NO_INDEX);
	dp_addr addr = addr_of_pool(s, ev);
	uint64_t key = dp_addr_key(&addr);
	uint8_t id36[36];
	dp_holder_id_of_addr(id36, &addr);
	for (uint16_t a = 1; a <= dp_asset_count(); a++) {
		uint32_t at = dp_holders_find(h, key, id36, (dp_asset){a});
		if (at != DP_HOLDER_NONE && (h->record[at].flags & DP_HOLDER_HUB) == 0)
			return DP_OK;
	}
	seek_address *entry;
	bool is_new;
	DP_TRY(address_entry(s, &entry, &is_new, &addr, fault));
	if (entry->is_kept) return DP_OK;
	entry->is_gone = true;
	uint32_t id;
	if (s->seg == NULL) return DP_OK;
	DP_TRY(dp_segment_find_addr(s->seg, &id, &addr, key, fault));
	if (id != 0) s->alive[id >> 6] &= ~((uint64_t)1 << (id & 63));
	return DP_OK;
}

// A transaction that must be looked at, wherever it is. Those that were passed are of no use: a
// case that was resumed names them again.
static dp_code want_tx(dp_seek *s, uint64_t tx_no, dp_fault *fault)
{
	if (tx_no >= s->totals.txs) return DP_OK;
	if (s->seg != NULL && tx_no < tx_first(s) + s->seg->head.tx_count) {
		if (tx_no >= tx_first(s) + s->tx_next) bit_set(s->candidate, tx_no - tx_first(s));
		return DP_OK;
	}
	return list_add(&s->waiting[dp_ledger_segment_of_tx(s->ledger, tx_no)], tx_no, fault);
}

static dp_code follow_output(dp_seek *s, uint64_t output_no, dp_fault *fault)
{
	dp_spent_kind kind;
	uint64_t tx_no = UINT64_MAX;
	DP_TRY(dp_ledger_spender(s->ledger, &kind, &tx_no, output_no, fault));
	if (kind == DP_UNSPENT) tx_no = UINT64_MAX;
	if (s->options.plan == DP_PLAN_SCAN) {
		void *items = s->coin;
		DP_TRY(dp_grow(&items, &s->coin_cap, sizeof *s->coin, s->coin_count + 1, LIST_MAX,
		               fault));
		s->coin = items;
		s->coin[s->coin_count++] = (seek_coin){output_no, tx_no};
		// The columns will show it, when its segment comes; a burial they do not show.
		bool later = s->seg == NULL || tx_no >= tx_first(s) + s->seg->head.tx_count;
		if (kind == DP_SPENT && later) return DP_OK;
	}
	return kind == DP_UNSPENT ? DP_OK : want_tx(s, tx_no, fault);
}

// A coin made before the ledger begins can only be known by who spends it: an input that names a
// row of FOREIGN. All such coins are looked for at once (find_foreign).
static dp_code follow_foreign(dp_seek *s, const dp_outpoint *o, dp_fault *fault)
{
	void *items = s->foreign;
	DP_TRY(dp_grow(&items, &s->foreign_cap, sizeof *s->foreign, s->foreign_count + 1, LIST_MAX,
	               fault));
	s->foreign = items;
	s->foreign[s->foreign_count++] = *o;
	return DP_OK;
}

// The coin of the last transaction with this id below `before`.
static dp_code follow_coin(dp_seek *s, const dp_outpoint *o, uint64_t before, dp_fault *fault)
{
	uint64_t tx_no, output_no;
	dp_code code = dp_ledger_find_tx(s->ledger, &tx_no, o->txid, before, fault);
	if (code == DP_NOT_FOUND) return follow_foreign(s, o, fault);
	DP_TRY(code);
	code = dp_ledger_output_of(s->ledger, &output_no, tx_no, o->vout, fault);
	if (code == DP_NOT_FOUND) return DP_OK; // the engine says what is wrong with such a seed
	DP_TRY(code);
	return follow_output(s, output_no, fault);
}

// That of every transaction with this id: it happened twice that there were two (BIP 30).
static dp_code follow_coins(dp_seek *s, const dp_outpoint *o, dp_fault *fault)
{
	uint64_t before = UINT64_MAX, tx_no;
	DP_TRY(follow_coin(s, o, before, fault));
	for (;; before = tx_no) {
		dp_code code = dp_ledger_find_tx(s->ledger, &tx_no, o->txid, before, fault);
		if (code == DP_NOT_FOUND) return DP_OK;
		DP_TRY(code);
		if (before != UINT64_MAX) DP_TRY(follow_coin(s, o, before, fault));
	}
}

static int by_outpoint(const void *a, const void *b)
{
	const dp_outpoint *x = a, *y = b;
	int order = memcmp(x->txid, y->txid, sizeof x->txid);
	return order != 0 ? order : (x->vout > y->vout) - (x->vout < y->vout);
}

// The local transaction that has a local input.
static dp_code tx_of_input(dp_segment *seg, uint32_t *ret_tx, uint64_t input, dp_fault *fault)
{
	uint32_t low = 0, high = (uint32_t)seg->head.tx_count;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2, first;
		if (!dp_segment_u32(seg, DP_SEC_TXIN, mid, &first))
			return dp_segment_fault(seg, DP_SEC_TXIN, mid, fault);
		if ((first & TX_FIRST_MASK) > input)
			high = mid;
		else
			low = mid;
	}
	*ret_tx = low;
	return DP_OK;
}

// Rows of FOREIGN stand in the order of the inputs that name them, so one pass over the inputs
// finds those of all rows that are looked for.
static dp_code want_spenders(dp_seek *s, dp_segment *seg, const seek_list *rows, dp_fault *fault)
{
	uint64_t at = 0;
	for (uint64_t i = 0; at < rows->count && i < seg->head.input_count; i++) {
		uint64_t word;
		uint32_t tx = 0;
		if (!dp_segment_u64(seg, DP_SEC_SPENT, i, &word))
			return dp_segment_fault(seg, DP_SEC_SPENT, i, fault);
		if (word != (DP_SPENT_FOREIGN | rows->item[at])) continue;
		at++;
		DP_TRY(tx_of_input(seg, &tx, i, fault));
		DP_TRY(want_tx(s, seg->head.tx_first + tx, fault));
	}
	return DP_OK;
}

static dp_code find_foreign(dp_seek *s, dp_fault *fault)
{
	if (s->foreign_count == 0) return DP_OK;
	qsort(s->foreign, s->foreign_count, sizeof *s->foreign, by_outpoint);
	seek_list rows = {0};
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < s->segment_count && code == DP_OK; i++) {
		dp_segment *seg = dp_ledger_segment(s->ledger, i);
		rows.count = 0;
		uint64_t count = seg->head.section[DP_SEC_FOREIGN].count;
		for (uint64_t k = 0; k < count && code == DP_OK; k++) {
			const dp_ledger_foreign *f = dp_segment_at(seg, DP_SEC_FOREIGN, k);
			if (f == NULL) code = dp_segment_fault(seg, DP_SEC_FOREIGN, k, fault);
			if (f == NULL) break;
			dp_outpoint o = {.vout = f->vout};
			memcpy(o.txid, f->txid, sizeof o.txid);
			if (bsearch(&o, s->foreign, s->foreign_count, sizeof o, by_outpoint) !=
			    NULL)
				code = list_add(&rows, k, fault);
		}
		if (code == DP_OK) code = want_spenders(s, seg, &rows, fault);
	}
	dp_free(rows.item);
	return code;
}

//- what the cases name ---------------------------------------------------------------------------

static dp_code name_tx(dp_seek *s, const uint8_t id[32], dp_fault *fault)
{
	uint64_t tx_no = UINT64_MAX;
	// All of those with this id.
	for (;;) {
		dp_code code = dp_ledger_find_tx(s->ledger, &tx_no, id, tx_no, fault);
		if (code == DP_NOT_FOUND) return DP_OK;
		DP_TRY(code);
		DP_TRY(list_add(&s->txs, tx_no, fault));
	}
}

// A seed by height is placed before the first block at it, or behind it when its transaction did
// not come (engine.c, seed_is_due). One by time waits for a block whose time is late enough: times
// go back at times, so each header is looked at (next_time, pass_to).
static dp_code name_position(dp_seek *s, const dp_seed *seed, dp_fault *fault)
{
	uint64_t block_no;
	if (!seed->has_height) return DP_OK;
	DP_TRY(dp_ledger_block_at_height(s->ledger, &block_no,
	                                 seed->height + (seed->has_tx ? 1 : 0), fault));
	return list_add(&s->blocks, block_no, fault);
}

// The time from which on a block has a seed to place; INT64_MAX when no seed waits for a time.
static int64_t next_time(const dp_seek *s)
{
	int64_t first = INT64_MAX;
	const dp_engine *e = s->engine;
	if (s->utxo || e->seeds_waiting == 0) return first;
	for (uint32_t i = 0; i < e->seed_count; i++) {
		const dp_seed *seed = e->seed[i].seed;
		if (e->seed[i].done || seed->has_height || !seed->has_time) continue;
		int64_t time = seed->time == INT64_MAX ? INT64_MAX : seed->time + seed->has_tx;
		if (time < first) first = time;
	}
	return first;
}

static dp_code name_seed(dp_seek *s, const dp_seed *seed, dp_fault *fault)
{
	if (seed->has_tx) DP_TRY(name_tx(s, seed->tx, fault));
	if (seed->has_outpoint) {
		DP_TRY(name_tx(s, seed->outpoint.txid, fault));
		DP_TRY(follow_coins(s, &seed->outpoint, fault));
	}
	return s->utxo ? DP_OK : name_position(s, seed, fault);
}

static dp_code name_all(dp_seek *s, dp_fault *fault)
{
	const dp_engine *e = s->engine;
	for (uint32_t i = 0; i < e->seed_count; i++)
		if (!e->seed[i].done) DP_TRY(name_seed(s, e->seed[i].seed, fault));
	for (uint32_t i = 0; i < e->link_count; i++) {
		const dp_link_claim *c = e->link[i].claim;
		if (e->link[i].done) continue;
		DP_TRY(follow_address(s, &c->from, 0, true, fault));
		DP_TRY(follow_address(s, &c->to, 0, true, fault));
		for (uint32_t k = 0; k < c->tx_count; k++) DP_TRY(name_tx(s, c->tx[k], fault));
	}
	for (uint32_t i = 0; i < e->person_txs.count; i++)
		DP_TRY(name_tx(s, e->person_txs.entry[i].id, fault));
	for (uint32_t i = 0; i < e->landing_txs.count; i++)
		DP_TRY(name_tx(s, e->landing_txs.entry[i].id, fault));
	if (s->txs.count > 0) qsort(s->txs.item, s->txs.count, sizeof *s->txs.item, by_number);
	if (s->blocks.count > 0)
		qsort(s->blocks.item, s->blocks.count, sizeof *s->blocks.item, by_number);
	return DP_OK;
}

static dp_outpoint coin_of(const uint8_t id[36])
{
	dp_outpoint o = {.vout = (uint32_t)id[32] | (uint32_t)id[33] << 8 | (uint32_t)id[34] << 16 |
	                         (uint32_t)id[35] << 24};
	memcpy(o.txid, id, sizeof o.txid);
	return o;
}

static dp_code follow_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	dp_seek *s = context;
	if (v->gone) return DP_OK;
	if (s->utxo) {
		dp_outpoint o = coin_of(v->id);
		return follow_coin(s, &o, s->tx_begin, fault);
	}
	dp_addr addr;
	memcpy(&addr, v->id, sizeof addr);
	return v->hub ? DP_OK : follow_address(s, &addr, 0, false, fault);
}

//- a segment -------------------------------------------------------------------------------------

static dp_code size_bits(uint64_t **bits, uint64_t *io_cap, uint64_t words, dp_fault *fault)
{
	if (words > *io_cap) {
		uint64_t *more = dp_alloc(words * sizeof *more);
		if (more == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		dp_free(*bits);
		*bits = more;
		*io_cap = words;
	}
	memset(*bits, 0, words * sizeof **bits);
	return DP_OK;
}

static dp_code clear_bits(dp_seek *s, dp_fault *fault)
{
	s->tx_words = s->seg->head.tx_count / 64 + 1;
	s->id_words = s->utxo ? 1 : s->seg->head.address_count / 64 + 1;
	uint64_t cap = s->candidate_cap;
	DP_TRY(size_bits(&s->candidate, &cap, s->tx_words, fault));
	DP_TRY(size_bits(&s->forced, &s->candidate_cap, s->tx_words, fault));
	DP_CHECK(cap == s->candidate_cap);
	return size_bits(&s->alive, &s->alive_cap, s->id_words, fault);
}

enum { AHEAD = 64 };

static void fetch_filter(dp_segment *seg, uint64_t key)
{
	uint64_t blocks = seg->head.section[DP_SEC_ADDRFILTER].count;
	dp_segment_prefetch(seg, DP_SEC_ADDRFILTER, dp_filter_block_of(key, blocks));
}

// Marks who of the followed is in this segment; *ret_postings is what seeking would read.
static dp_code mark_addresses(dp_seek *s, uint64_t *ret_postings, uint64_t *ret_members,
                              dp_fault *fault)
{
	uint64_t postings = 0, members = 0;
	for (uint64_t i = 0; i < s->address_count && i < AHEAD; i++)
		fetch_filter(s->seg, s->address[i].key);
	for (uint64_t i = 0; i < s->address_count; i++) {
		const seek_address *a = &s->address[i];
		if (i + AHEAD < s->address_count) fetch_filter(s->seg, s->address[i + AHEAD].key);
		uint32_t id, count;
		const uint32_t *tx;
		if (a->is_gone) continue;
		DP_TRY(dp_segment_find_addr(s->seg, &id, &a->addr, a->key, fault));
		if (id == 0) continue;
		DP_TRY(dp_segment_postings(s->seg, &tx, &count, id, fault));
		bit_set(s->alive, id);
		postings += count;
		members++;
	}
	*ret_postings = postings;
	*ret_members = members;
	return DP_OK;
}

// Measured beside each other (bench_ledger): setting the bit of a posting, with the miss that the
// start of each list is, and scanning a row on one processor.
enum { POSTING_PS = 6000, LIST_PS = 120000, ROW_PS = 800 };

static bool scan_is_cheaper(const dp_seek *s, uint64_t postings, uint64_t members)
{
	if (s->options.plan != DP_PLAN_AUTO) return s->options.plan == DP_PLAN_SCAN;
	return postings * POSTING_PS + members * LIST_PS > s->seg->head.row_count * ROW_PS;
}

// Local transaction numbers of hits, which rise: one pass over both. `starts` is the section that
// says where each transaction's rows (or inputs) begin.
static dp_code candidates_of_hits(dp_seek *s, dp_section_id starts, dp_fault *fault)
{
	uint32_t tx = 0, next = 0, count = (uint32_t)s->seg->head.tx_count;
	for (uint64_t i = 0; i < s->hits.count; i++) {
		uint32_t row = s->hits.row[i], step = 1, low, high;
		if (i > 0 && row < next) continue; // in the same transaction
		// The first transaction that begins behind the row: doubling steps, then halving.
		low = tx;
		for (high = tx + 1; high < count; step *= 2, high = tx + step) {
			if (!dp_segment_u32(s->seg, starts, high, &next))
				return dp_segment_fault(s->seg, starts, high, fault);
			if ((next & TX_FIRST_MASK) > row) break;
			low = high;
		}
		if (high > count) high = count;
		while (high - low > 1) {
			uint32_t mid = low + (high - low) / 2;
			if (!dp_segment_u32(s->seg, starts, mid, &next))
				return dp_segment_fault(s->seg, starts, mid, fault);
			if ((next & TX_FIRST_MASK) > row)
				high = mid;
			else
				low = mid;
		}
		tx = low;
		if (!dp_segment_u32(s->seg, starts, (uint64_t)tx + 1, &next))
			return dp_segment_fault(s->seg, starts, (uint64_t)tx + 1, fault);
		next &= TX_FIRST_MASK;
		if (tx >= s->tx_next) bit_set(s->candidate, tx);
	}
	return DP_OK;
}

static dp_code scan_addresses(dp_seek *s, uint64_t members, dp_fault *fault)
{
	dp_scan_set set;
	uint64_t first = 0, ids = s->seg->head.address_count + 1;
	DP_TRY(dp_scan_set_init(&set, ids, members, fault));
	for (uint64_t w = 0; w < s->id_words; w++)
		for (uint64_t bits = s->alive[w]; bits != 0; bits &= bits - 1)
			dp_scan_set_add(&set, w * 64 + (uint64_t)__builtin_ctzll(bits));
	dp_tx_rows rows = {0};
	dp_code code = DP_OK;
	if (s->tx_next > 0 && s->tx_next < s->seg->head.tx_count)
		code = dp_segment_tx_rows(s->seg, &rows, (uint32_t)s->tx_next, fault);
	if (code == DP_OK) first = rows.row_first;
	s->hits.count = 0;
	if (code == DP_OK)
		code = dp_scan_segment(s->seg, &s->hits, &set, first, s->seg->head.row_count,
		                       s->options.threads, fault);
	dp_scan_set_done(&set);
	return code == DP_OK ? candidates_of_hits(s, DP_SEC_TXROW, fault) : code;
}

static dp_code scan_coins(dp_seek *s, dp_fault *fault)
{
	dp_scan_set set;
	// Those spent in earlier segments are of no use any more.
	uint64_t kept = 0;
	for (uint64_t i = 0; i < s->coin_count; i++)
		if (s->coin[i].tx_no >= tx_first(s)) s->coin[kept++] = s->coin[i];
	s->coin_count = kept;
	DP_TRY(dp_scan_set_init(&set, 0, s->coin_count, fault));
	for (uint64_t i = 0; i < s->coin_count; i++) dp_scan_set_add(&set, s->coin[i].output_no);
	s->hits.count = 0;
	dp_code code = dp_scan_segment(s->seg, &s->hits, &set, 0, s->seg->head.input_count,
	                               s->options.threads, fault);
	dp_scan_set_done(&set);
	return code == DP_OK ? candidates_of_hits(s, DP_SEC_TXIN, fault) : code;
}

static dp_code take_waiting(dp_seek *s, dp_fault *fault)
{
	seek_list *w = &s->waiting[s->segment];
	for (uint64_t i = 0; i < w->count; i++) DP_TRY(want_tx(s, w->item[i], fault));
	dp_free(w->item);
	*w = (seek_list){0};
	uint64_t end = tx_first(s) + s->seg->head.tx_count;
	for (; s->tx_at < s->txs.count && s->txs.item[s->tx_at] < end; s->tx_at++) {
		uint64_t tx_no = s->txs.item[s->tx_at];
		if (tx_no < tx_first(s) + s->tx_next) continue;
		bit_set(s->candidate, tx_no - tx_first(s));
		bit_set(s->forced, tx_no - tx_first(s));
	}
	return DP_OK;
}

// Every transaction with a note that the engine's links read; until the last theft has come, any
// note, for it may tell how the theft was prepared (shape/safe.h), which the casebook keeps. The
// column is empty in a segment without notes.
static dp_code take_notes(dp_seek *s, dp_fault *fault)
{
	uint64_t count = s->engine->options.no_links ? 0 : dp_segment_note_txs(s->seg);
	for (uint64_t i = 0; i < count; i++) {
		uint32_t tx;
		bool leads;
		DP_TRY(dp_segment_note_tx(s->seg, &tx, &leads, i, fault));
		if (tx < s->tx_next || (!leads && s->engine->seeds_waiting == 0)) continue;
		bit_set(s->candidate, tx);
		bit_set(s->forced, tx);
	}
	return DP_OK;
}

static dp_code begin_segment(dp_seek *s, uint32_t index, dp_fault *fault)
{
	s->segment = index;
	s->seg = dp_ledger_segment(s->ledger, index);
	s->block = s->block_tx = s->block_tx_end = 0;
	s->tx_next = 0;
	const dp_segment_header *h = &s->seg->head;
	if (s->block_next > h->block_first) {
		dp_ledger_block_row row;
		DP_TRY(dp_segment_block_row(s->seg, &row, s->block_next - h->block_first, fault));
		s->tx_next = row.tx;
	}
	DP_TRY(clear_bits(s, fault));
	DP_TRY(take_waiting(s, fault));
	DP_TRY(take_notes(s, fault));
	if (s->utxo) {
		bool scans = s->options.plan == DP_PLAN_SCAN;
		*(scans ? &s->stats.segments_scanned : &s->stats.segments_sought) += 1;
		return scans ? scan_coins(s, fault) : DP_OK;
	}
	uint64_t postings = 0, members = 0;
	DP_TRY(mark_addresses(s, &postings, &members, fault));
	if (members == 0 && s->options.plan != DP_PLAN_SCAN) {
		s->stats.segments_untouched++;
		return DP_OK;
	}
	if (scan_is_cheaper(s, postings, members)) {
		s->stats.segments_scanned++;
		return scan_addresses(s, members, fault);
	}
	s->stats.segments_sought++;
	for (uint64_t w = 0; w < s->id_words; w++)
		for (uint64_t bits = s->alive[w]; bits != 0; bits &= bits - 1)
			DP_TRY(add_postings(s, (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(bits)),
			                    fault));
	return DP_OK;
}

// The first candidate of the segment at or behind a local number, or tx_count.
static uint64_t candidate_from(const dp_seek *s, uint64_t tx)
{
	uint64_t w = tx >> 6, count = s->seg->head.tx_count;
	if (tx >= count) return count;
	uint64_t bits = s->candidate[w] & UINT64_MAX << (tx & 63);
	while (bits == 0 && ++w < s->tx_words) bits = s->candidate[w];
	return bits == 0 ? count : w * 64 + (uint64_t)__builtin_ctzll(bits);
}

static uint64_t next_candidate(const dp_seek *s)
{
	return candidate_from(s, s->tx_next);
}

// Does it name anybody who is followed? Reads only the two columns.
static dp_code names_anybody(dp_seek *s, uint64_t tx, bool *ret_names, dp_fault *fault)
{
	dp_tx_rows rows;
	*ret_names = true;
	if (s->utxo || bit_get(s->forced, tx)) return DP_OK;
	DP_TRY(dp_segment_tx_rows(s->seg, &rows, (uint32_t)tx, fault));
	for (uint32_t i = rows.row_first; i < rows.row_first + rows.row_count; i++) {
		uint32_t src, dst;
		if (!dp_segment_u32(s->seg, DP_SEC_SRC, i, &src))
			return dp_segment_fault(s->seg, DP_SEC_SRC, i, fault);
		if (!dp_segment_u32(s->seg, DP_SEC_DST, i, &dst))
			return dp_segment_fault(s->seg, DP_SEC_DST, i, fault);
		if (src > s->seg->head.address_count || dst > s->seg->head.address_count)
			return dp_fail(fault, DP_BAD_BYTES,
			               "%s: row %u names an address that is not "
			               "there: 'dyepack ledger verify' tells more",
			               s->seg->path, i);
		if (bit_get(s->alive, src) || bit_get(s->alive, dst)) return DP_OK;
	}
	*ret_names = false;
	return DP_OK;
}

//- blocks ----------------------------------------------------------------------------------------

// A new holder. Its address or coin is one that the row of the event pays, whose local number is in
// the column; a seed by position or a link has no row.
static dp_code follow_new(dp_seek *s, const dp_event *ev, uint64_t tx_no, dp_fault *fault)
{
	const dp_block *b = &s->builder.block;
	const dp_movement *mv = ev->mv == DP_NO_INDEX ? NULL : &b->mv[ev->mv];
	// A seed that is known only now that it is spent needs nothing more.
	if (s->utxo && (mv == NULL || mv->kind == DP_MV_INPUT)) return DP_OK;
	uint8_t id[36];
	dp_event_identity(s->engine, b, ev, id);
	if (s->utxo) {
		dp_outpoint o = coin_of(id);
		uint64_t output_no;
		DP_TRY(dp_ledger_output_of(s->ledger, &output_no, tx_no, o.vout, fault));
		return follow_output(s, output_no, fault);
	}
	dp_addr addr;
	uint32_t local = 0;
	memcpy(&addr, id, sizeof addr);
	if (mv != NULL) {
		dp_tx_rows rows;
		uint32_t tx = (uint32_t)(tx_no - tx_first(s));
		DP_TRY(dp_segment_tx_rows(s->seg, &rows, tx, fault));
		uint64_t row = (uint64_t)rows.row_first + (ev->mv - b->tx[ev->tx].mv_first);
		if (!dp_segment_u32(s->seg, DP_SEC_DST, row, &local))
			return dp_segment_fault(s->seg, DP_SEC_DST, row, fault);
	}
	return follow_address(s, &addr, local, false, fault);
}

// What the engine just did may have brought new holders, and made hubs of old ones.
static dp_code follow_events(dp_seek *s, uint32_t *io_seen, uint64_t tx_no, dp_fault *fault)
{
	uint32_t count;
	const dp_event *ev = dp_engine_events(s->engine, &count);
	for (uint32_t i = *io_seen; i < count; i++) {
		if (ev[i].kind == DP_EV_HUB) DP_TRY(drop_hub(s, &ev[i], fault));
		if (ev[i].kind == DP_EV_HOLDER) DP_TRY(follow_new(s, &ev[i], tx_no, fault));
	}
	*io_seen = count;
	return DP_OK;
}

// What the next candidates will be read from, in three steps, each needing what the one before
// brought: some 15 misses a transaction that would otherwise be waited for one after another.
static void fetch_ahead(dp_seek *s, uint64_t tx)
{
	uint64_t next[3], at = tx, count = s->seg->head.tx_count;
	for (int i = 0; i < 3; i++) {
		at = candidate_from(s, at + 1);
		if (at >= count) return;
		next[i] = at;
	}
	dp_segment_prefetch_names(s->seg, (uint32_t)next[0]);
	dp_segment_prefetch_rows(s->seg, (uint32_t)next[1]);
	dp_segment_prefetch_tx(s->seg, (uint32_t)next[2]);
}

static dp_code apply_tx(dp_seek *s, uint64_t tx, uint32_t *io_seen, dp_fault *fault)
{
	bool names;
	s->stats.candidates++;
	s->tx_next = tx + 1;
	fetch_ahead(s, tx);
	DP_TRY(names_anybody(s, tx, &names, fault));
	if (!names) return DP_OK;
	uint64_t tx_no = tx_first(s) + tx;
	DP_TRY(dp_ledger_append_tx(s->ledger, &s->builder, tx_no, fault));
	DP_TRY(dp_builder_finish_tx(&s->builder, fault));
	DP_TRY(dp_engine_transaction(s->engine, s->builder.block.tx_count - 1, fault));
	s->stats.txs++;
	return follow_events(s, io_seen, tx_no, fault);
}

static dp_code apply_block(dp_seek *s, uint64_t block_no, dp_fault *fault)
{
	dp_ledger_block_row end;
	uint32_t seen = 0;
	// What was passed over is done with: whom the block brings is followed from here.
	DP_TRY(dp_segment_block_row(s->seg, &end, block_no - s->seg->head.block_first, fault));
	DP_CHECK(end.tx >= s->tx_next);
	s->tx_next = end.tx;
	DP_TRY(dp_ledger_start_block(s->ledger, &s->builder, block_no, fault));
	DP_TRY(dp_engine_begin(s->engine, &s->builder.block, fault));
	DP_TRY(follow_events(s, &seen, UINT64_MAX, fault));
	DP_TRY(dp_segment_block_row(s->seg, &end, block_no - s->seg->head.block_first + 1, fault));
	for (uint64_t tx; (tx = next_candidate(s)) < end.tx;) DP_TRY(apply_tx(s, tx, &seen, fault));
	s->tx_next = end.tx;
	s->stats.blocks_applied++;
	return dp_engine_end(s->engine, fault);
}

// The block of a candidate, as a number of the ledger; mostly the same as before.
static dp_code block_of(dp_seek *s, uint64_t tx, uint64_t *ret_block_no, dp_fault *fault)
{
	if (tx < s->block_tx || tx >= s->block_tx_end) {
		dp_ledger_block_row row;
		DP_TRY(dp_segment_block_of_tx(s->seg, &s->block, (uint32_t)tx, fault));
		DP_TRY(dp_segment_block_row(s->seg, &row, s->block, fault));
		s->block_tx = row.tx;
		DP_TRY(dp_segment_block_row(s->seg, &row, (uint64_t)s->block + 1, fault));
		s->block_tx_end = row.tx;
	}
	*ret_block_no = s->seg->head.block_first + s->block;
	return DP_OK;
}

// Is there a block of this segment that must be applied? The earliest, else the segment's end.
static dp_code next_block(dp_seek *s, uint64_t *ret_block_no, dp_fault *fault)
{
	const dp_segment_header *h = &s->seg->head;
	uint64_t end = h->block_first + h->block_count, best = end;
	uint64_t tx = next_candidate(s);
	if (tx < h->tx_count) DP_TRY(block_of(s, tx, &best, fault));
	while (s->block_at < s->blocks.count && s->blocks.item[s->block_at] < s->block_next)
		s->block_at++;
	if (s->block_at < s->blocks.count && s->blocks.item[s->block_at] < best)
		best = s->blocks.item[s->block_at];
	uint64_t whole = s->options.block_end > s->options.whole_last
	                     ? s->options.block_end - s->options.whole_last
	                     : 0;
	if (whole < s->options.block_first) whole = s->options.block_first;
	if (whole < s->block_next) whole = s->block_next;
	if (whole < best) best = whole;
	if (s->block_next == s->options.block_first) best = s->block_next; // the first, always
	*ret_block_no = best;
	return DP_OK;
}

// Passes over blocks up to block_no, or up to the first in which a seed is due by its time: then
// *io_block_no is that one.
static dp_code pass_to(dp_seek *s, uint64_t *io_block_no, dp_fault *fault)
{
	const dp_block *h = &s->header.block;
	dp_block last = {0};
	uint64_t count = 0;
	bool reads = s->options.passed != NULL || s->time_next != INT64_MAX;
	if (!reads && s->block_next < *io_block_no) {
		count = *io_block_no - s->block_next - 1;
		s->block_next = *io_block_no - 1;
	}
	for (; s->block_next < *io_block_no; s->block_next++) {
		DP_TRY(dp_ledger_start_block(s->ledger, &s->header, s->block_next, fault));
		if (h->time >= s->time_next) {
			*io_block_no = s->block_next;
			break;
		}
		uint64_t below = count > 0 && reads ? last.height : s->engine->at.height;
		if (s->engine->at.blocks > 0 && h->height <= below)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the ledger's heights do not rise at block %llu: 'dyepack "
			               "ledger verify' tells more",
			               (unsigned long long)h->height);
		if (s->options.passed != NULL)
			DP_TRY(s->options.passed(s->options.context, h, fault));
		last = *h;
		count++;
	}
	if (count == 0) return DP_OK;
	dp_engine_pass(s->engine, &last, count);
	s->stats.blocks_passed += count;
	return DP_OK;
}

dp_code dp_seek_next(dp_seek *s, const dp_block **ret_block, dp_fault *fault)
{
	while (s->block_next < s->options.block_end) {
		uint32_t index = dp_ledger_segment_of_block(s->ledger, s->block_next);
		if (index != s->segment) DP_TRY(begin_segment(s, index, fault));
		uint64_t block_no;
		DP_TRY(next_block(s, &block_no, fault));
		if (block_no > s->options.block_end) block_no = s->options.block_end;
		DP_TRY(pass_to(s, &block_no, fault));
		bool is_here = block_no < s->options.block_end &&
		               block_no < s->seg->head.block_first + s->seg->head.block_count;
		if (!is_here) continue;
		DP_TRY(apply_block(s, block_no, fault));
		s->block_next = block_no + 1;
		if (s->time_next != INT64_MAX) s->time_next = next_time(s);
		*ret_block = &s->builder.block;
		return DP_OK;
	}
	return DP_END;
}

//- life ------------------------------------------------------------------------------------------

static dp_code make(dp_seek *s, dp_fault *fault)
{
	s->segment_count = dp_ledger_segment_count(s->ledger);
	s->waiting = dp_alloc(((size_t)s->segment_count + 1) * sizeof *s->waiting);
	if (s->waiting == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->time_next = next_time(s);
	DP_TRY(name_all(s, fault));
	DP_TRY(dp_engine_visit(s->engine, false, follow_holder, s, fault));
	return find_foreign(s, fault);
}

dp_code dp_seek_new(dp_seek **ret_seek, dp_ledger *ledger, dp_engine *engine,
                    const dp_seek_options *options, dp_fault *fault)
{
	DP_CHECK(ledger != NULL && engine != NULL && options != NULL);
	DP_CHECK(dp_ledger_chain(ledger) == engine->options.chain);
	dp_seek *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->ledger = ledger;
	s->engine = engine;
	s->options = *options;
	s->segment = UINT32_MAX;
	s->utxo = engine->utxo;
	if (getrandom(&s->secret, sizeof s->secret, GRND_NONBLOCK) < 0) s->secret = (uintptr_t)s;
	dp_ledger_totals_get(ledger, &s->totals);
	DP_CHECK(options->block_end <= s->totals.blocks);
	s->block_next = options->block_first;
	s->tx_begin = s->totals.txs;
	dp_code code = DP_OK;
	if (options->block_first < s->totals.blocks) {
		dp_ledger_block_row row;
		uint32_t k = dp_ledger_segment_of_block(ledger, options->block_first);
		code = dp_ledger_block_row_at(ledger, &row, options->block_first, fault);
		s->tx_begin = dp_ledger_segment(ledger, k)->head.tx_first + row.tx;
	}
	if (code == DP_OK) code = make(s, fault);
	if (code != DP_OK) {
		dp_seek_free(s);
		return code;
	}
	*ret_seek = s;
	return DP_OK;
}

void dp_seek_free(dp_seek *s)
{
	if (s == NULL) return;
	for (uint32_t i = 0; s->waiting != NULL && i < s->segment_count; i++)
		dp_free(s->waiting[i].item);
	dp_free(s->waiting);
	dp_builder_done(&s->builder);
	dp_builder_done(&s->header);
	dp_scan_hits_done(&s->hits);
	dp_free(s->candidate);
	dp_free(s->forced);
	dp_free(s->alive);
	dp_free(s->address);
	dp_free(s->slot);
	dp_free(s->txs.item);
	dp_free(s->blocks.item);
	dp_free(s->coin);
	dp_free(s->foreign);
	dp_free(s);
}

dp_seek_stats dp_seek_stats_get(const dp_seek *s)
{
	return s->stats;
}

bool dp_plan_find(const char *name, dp_plan *ret_plan)
{
	static const char *const names[] = {"auto", "scan", "seek"};
	for (int i = 0; i < 3; i++) {
		if (strcmp(name, names[i]) != 0) continue;
		*ret_plan = (dp_plan)i;
		return true;
	}
	return false;
}

dp_code dp_seek_opening(void *ledger, dp_u256 *ret_amount, const dp_addr *addr, dp_asset asset,
                        uint64_t height, uint32_t tx_no, uint32_t mv_no, dp_fault *fault)
{
	dp_ledger *l = ledger;
	uint64_t block_no;
	dp_ledger_block_row row;
	DP_TRY(dp_ledger_block_at_height(l, &block_no, height, fault));
	DP_TRY(dp_ledger_block_row_at(l, &row, block_no, fault));
	dp_segment *seg = dp_ledger_segment(l, dp_ledger_segment_of_block(l, block_no));
	dp_balance_at at;
	DP_TRY(dp_ledger_balance(l, &at, addr, asset, seg->head.tx_first + row.tx + tx_no, mv_no,
	                         fault));
	*ret_amount = at.balance;
	return DP_OK;
}

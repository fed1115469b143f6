// Final numbers of addresses, and their postings. See build_private.h.
//
// Postings are made by a counting sort: how many each address has was counted while rows came in;
// so where its postings begin is known, and one pass over the transactions in order puts each where
// it belongs, rising by itself. The cursors are POSTFIRST itself, one place on: entry id + 1 holds
// where the postings of id begin, moves on with each of them, and ends where those of id + 1 begin,
// which is what it is to hold.
//
//   POSTFIRST[id + 1]   before   where the postings of id begin
//                       while    where its next one goes; the top bit: it has one, just before that
//                       after    where those of id + 1 begin
//
// The pass goes all over memory (a number, a cursor and a posting for each address of each row), so
// it is made in groups: one step for all of a group, then the next, so that the waits of a group
// overlap.
#include "ledger/build_private.h"

enum { GROUP_ROWS = 128 };

// Where an address stands in a column, and which transaction that belongs to.
typedef struct touch {
	uint32_t *number; // provisional before, final after
	uint32_t tx;
} touch;

#define HAS_ONE ((uint32_t)1 << 31)

typedef struct filling {
	dp_build *b;
	uint64_t posts; // written
	uint32_t count;
	touch list[GROUP_ROWS];
} filling;

static uint32_t index_of(uint32_t number)
{
	return number & ((1u << BUILD_INDEX_BITS) - 1);
}

//- who belongs into the segment ------------------------------------------------------------------

// Counts again, now that it is known which inputs are foreign: the addresses of those have part in
// their transactions, too, but only once where an output pays them back.
static void recount(dp_build *b)
{
	for (uint32_t kind = 1; kind < BUILD_KINDS; kind++) {
		build_addresses *k = &b->kind[kind];
		for (uint64_t i = 0; i < k->count; i++)
			memset(k->entries + i * k->stride, 0, sizeof(build_use));
	}
	const uint32_t mask = (1u << DP_TXROW_BITS) - 1;
	for (uint32_t tx = 0; tx < b->txs; tx++) {
		uint32_t input_end = b->txin.u32[tx + 1] & mask;
		for (uint32_t i = b->txin.u32[tx] & mask; i < input_end; i++) {
			uint64_t spent = b->spent.u64[i];
			if ((spent & DP_SPENT_FOREIGN) == 0) continue;
			DP_CHECK((spent & ~DP_SPENT_FOREIGN) < b->foreigns);
			build_addr_count(b, b->foreign.foreign[spent & ~DP_SPENT_FOREIGN].address,
			                 tx);
		}
		for (uint32_t i = b->txout.u32[tx]; i < b->txout.u32[tx + 1]; i++)
			build_addr_count(b, b->outaddr.u32[i], tx);
	}
}

static uint32_t count_of(const build_addresses *k, uint32_t index)
{
	build_use use;
	memcpy(&use, k->entries + (uint64_t)index * k->stride, sizeof use);
	return use.count;
}

// Sizes: the groups, and all that hangs on how many addresses there are.
static dp_code lay_out(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b->groups == 0 && b->addresses == 0);
	for (uint32_t kind = 1; kind < BUILD_KINDS; kind++) {
		const build_addresses *k = &b->kind[kind];
		uint32_t here = 0;
		for (uint32_t i = 0; i < k->count; i++) here += count_of(k, i) > 0;
		if (here == 0) continue;
		dp_ledger_group *g = &b->group[b->groups++];
		*g = (dp_ledger_group){.kind = kind, .width = k->width, .count = here};
		if (b->addresses + here >= DP_ADDRESS_IDS_MAX)
			return dp_fail(fault, DP_LIMIT, "a segment holds at most %llu addresses",
			               (unsigned long long)DP_ADDRESS_IDS_MAX);
		g->id_first = (uint32_t)b->addresses + 1;
		g->offset = b->address_bytes;
		g->bucket_first = (uint32_t)b->addrbuckets;
		g->bits = build_bits_for(here, BUILD_BUCKET_ADDR);
		b->addresses += here;
		b->address_bytes += (uint64_t)here * k->width;
		b->addrbuckets += ((uint64_t)1 << g->bits) + 1;
	}
	b->addrfilter_blocks = dp_filter_blocks(b->addresses);
	b->addrbucket = build_array(4, b->addrbuckets);
	b->addrfilter = build_array(DP_FILTER_BLOCK, b->addrfilter_blocks);
	b->postfirst = build_array(4, b->addresses + 2);
	bool ok = b->addrbucket != NULL && b->addrfilter != NULL && b->postfirst != NULL;
	return ok ? DP_OK : build_no_memory(fault);
}

// Numbers the addresses of a group in order of their keys. In that order the filter's blocks and
// the buckets are met in order, too; the entries are not, so they are fetched some ahead.
static dp_code number_group(dp_build *b, const dp_ledger_group *g, dp_fault *fault)
{
	enum { AHEAD = 16 };
	build_addresses *k = &b->kind[g->kind];
	k->rank = build_array(4, k->count);
	if (k->rank == NULL) return build_no_memory(fault);
	uint32_t id = g->id_first;
	uint32_t *bucket = b->addrbucket + g->bucket_first;
	for (uint32_t i = 0; i < k->count; i++) {
		if (i + AHEAD < k->count) {
			uint64_t ahead = k->order[i + AHEAD];
			__builtin_prefetch(k->entries + ahead * k->stride);
			__builtin_prefetch(&k->rank[ahead], 1);
		}
		uint32_t index = k->order[i], posts = count_of(k, index);
		if (posts == 0) continue;
		dp_addr a = build_addr_of(b, g->kind, index);
		DP_CHECK(a.len <= sizeof a.bytes);
		uint64_t key = dp_addr_key_inline(&a);
		dp_filter_add(b->addrfilter, b->addrfilter_blocks, key);
		bucket[(g->bits == 0 ? 0 : key >> (64 - g->bits)) + 1]++;
		k->rank[index] = id;
		DP_CHECK(b->posts < HAS_ONE && posts <= HAS_ONE - b->posts);
		b->postfirst[id + 1] = (uint32_t)b->posts;
		b->posts += posts;
		id++;
	}
	DP_CHECK(id == g->id_first + g->count);
	for (uint64_t i = 0; i < (uint64_t)1 << g->bits; i++) bucket[i + 1] += bucket[i];
	return DP_OK;
}

//- postings --------------------------------------------------------------------------------------

static void fill_group(filling *f)
{
	dp_build *b = f->b;
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t number = *f->list[i].number;
		__builtin_prefetch(&b->kind[number >> BUILD_INDEX_BITS].rank[index_of(number)]);
	}
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t number = *f->list[i].number;
		uint32_t id = b->kind[number >> BUILD_INDEX_BITS].rank[index_of(number)];
		*f->list[i].number = id;
		__builtin_prefetch(&b->postfirst[id + 1], 1);
	}
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t next = b->postfirst[*f->list[i].number + 1] & ~HAS_ONE;
		__builtin_prefetch(&b->post[next], 1);
	}
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t id = *f->list[i].number, tx = f->list[i].tx;
		DP_CHECK(id != 0);
		uint32_t *cursor = &b->postfirst[id + 1], next = *cursor & ~HAS_ONE;
		if ((*cursor & HAS_ONE) != 0 && b->post[next - 1] == tx) continue;
		// Where the count was wrong a place would be written twice.
		DP_CHECK(next < b->posts && b->post[next] == 0);
		b->post[next] = tx;
		*cursor = (next + 1) | HAS_ONE;
		f->posts++;
	}
	f->count = 0;
}

static void put_touch(filling *f, uint32_t *number, uint32_t tx)
{
	if (*number == 0) return; // nobody
	f->list[f->count++] = (touch){.number = number, .tx = tx};
	if (f->count == GROUP_ROWS) fill_group(f);
}

static void fill_account(filling *f)
{
	dp_build *b = f->b;
	const uint32_t mask = (1u << DP_TXROW_BITS) - 1;
	for (uint32_t tx = 0; tx < b->txs; tx++) {
		uint32_t end = b->txrow.u32[tx + 1] & mask;
		for (uint32_t i = b->txrow.u32[tx] & mask; i < end; i++) {
			put_touch(f, &b->src.u32[i], tx);
			put_touch(f, &b->dst.u32[i], tx);
		}
	}
	fill_group(f);
}

static void fill_utxo(filling *f)
{
	dp_build *b = f->b;
	const uint32_t mask = (1u << DP_TXROW_BITS) - 1;
	for (uint32_t tx = 0; tx < b->txs; tx++) {
		uint32_t input = b->txin.u32[tx] & mask, end = b->txin.u32[tx + 1] & mask;
		for (; b->foreigns > 0 && input < end; input++) {
			uint64_t spent = b->spent.u64[input];
			if ((spent & DP_SPENT_FOREIGN) == 0) continue;
			put_touch(f, &b->foreign.foreign[spent & ~DP_SPENT_FOREIGN].address, tx);
		}
		for (uint32_t i = b->txout.u32[tx]; i < b->txout.u32[tx + 1]; i++)
			put_touch(f, &b->outaddr.u32[i], tx);
	}
	fill_group(f);
}

// Nothing may be left open: as many postings as there are places, each address with one at least.
static void end_cursors(const filling *f)
{
	dp_build *b = f->b;
	for (uint64_t id = 1; id <= b->addresses; id++) {
		uint32_t *cursor = &b->postfirst[id + 1];
		DP_CHECK((*cursor & HAS_ONE) != 0);
		*cursor &= ~HAS_ONE;
		DP_CHECK(*cursor > b->postfirst[id]);
	}
	DP_CHECK(b->postfirst[b->addresses + 1] == b->posts && f->posts == b->posts);
}

dp_code build_settle(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->post == NULL);
	if (b->foreigns > 0) recount(b);
	DP_TRY(lay_out(b, fault));
	for (uint32_t g = 0; g < b->groups; g++) DP_TRY(number_group(b, &b->group[g], fault));
	b->post = build_array(4, b->posts);
	filling f = {.b = b};
	if (b->post == NULL) return build_no_memory(fault);
	if (b->utxo)
		fill_utxo(&f);
	else
		fill_account(&f);
	end_cursors(&f);
	for (uint32_t kind = 0; kind < BUILD_KINDS; kind++) {
		dp_free(b->kind[kind].rank);
		b->kind[kind].rank = NULL;
	}
	return DP_OK;
}

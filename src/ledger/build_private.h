// The builder's inside, shared by build*.c and by nobody else.
//
//   build.c          a build from new to free; units, blocks, what all chains have in common
//   build_table.c    the addresses met so far, each with a provisional number; classes and names
//   build_account.c  rows of account chains
//   build_note.c     what blocks say beside movements
//   build_utxo.c     inputs and outputs; which output an input spends; the join
//   build_order.c    sorting: addresses by key, transactions by id
//   build_settle.c   final numbers of addresses, postings, filters
//   build_write.c    the file, or the same bytes in memory
//
// Provisional numbers. While units come in, an address gets a number that says its kind and which
// one of its kind it is (4 + 28 bits), in the order in which they are met; columns hold those.
// Final numbers stand in the order of keys, and only addresses that have a posting get one: the
// address of an input may be met and yet not belong into the segment (format.h, ADDR), which is
// known after the join. So sorting can be done before the join and numbering is cheap behind it.
//
// Memory. Columns grow with dp_grow, that is realloc: for large blocks the C library lets the
// kernel move pages (mremap) instead of copying bytes, and what of the new room was never touched
// is no memory yet. So growing has no peak, and room can be made for a whole block at once.
#ifndef DP_LEDGER_BUILD_PRIVATE_H
#define DP_LEDGER_BUILD_PRIVATE_H

#include "base/check.h"
#include "base/mem.h"
#include "chain/key.h"
#include "ledger/amount.h"
#include "ledger/build.h"
#include "ledger/filter.h"

enum {
	BUILD_INDEX_BITS = 28, // of a provisional number; its kind stands above
	BUILD_AHEAD = 64,      // rows that are looked at before the first of them is worked on
	BUILD_KINDS = DP_ADDR_KIND_COUNT
};
#define BUILD_ROWS_MAX (((uint64_t)1 << DP_TXROW_BITS) - 1)   // the end must fit a TXROW, too
#define BUILD_ADDRESSES_MAX ((uint64_t)1 << BUILD_INDEX_BITS) // of a kind
#define BUILD_CLASSES_MAX ((uint64_t)1 << 16)
_Static_assert(DP_ADDR_KIND_COUNT <= 16, "a provisional number has four bits for the kind");

// A growing array. Which member is used depends on the column.
typedef struct build_column {
	union {
		void *any;
		uint8_t *u8;
		uint16_t *u16;
		uint32_t *u32;
		uint64_t *u64;
		dp_ledger_block_row *block;
		dp_ledger_noise *noise;
		dp_ledger_foreign *foreign;
		dp_wanted *wanted;
		dp_buried *buried;
		struct build_pending *pending;
	};
	uint64_t cap;
} build_column;

// The addresses of one kind, entry after entry: how often it is posted, then its bytes as stored.
// Counting happens where the address was just compared, so that the entry is in the cache.
typedef struct build_use {
	uint32_t last_tx; // the last transaction that counted, plus 1
	uint32_t count;   // transactions that have a part in it
} build_use;
typedef struct build_addresses {
	uint8_t *entries;
	uint64_t cap;
	uint32_t count, width, stride; // bytes stored, bytes of an entry
	uint32_t *order;               // sorted: which entry comes i-th
	uint32_t *rank;                // final number of each entry, 0 = not in the segment
} build_addresses;

// Strings of one width, each once, numbered as they are met.
typedef struct build_names {
	build_column items;
	uint32_t count, width, count_max;
	uint64_t *slot;
	uint32_t bits;
} build_names;

// An input whose block is not over yet.
typedef struct build_pending {
	const uint8_t *txid;
	uint64_t hash; // of the txid
	uint32_t vout, tx, input;
	uint32_t flags;
	uint32_t guess; // where a first look said that it may be; only to have that in the cache
	dp_addr from;
	dp_u256 amount;
} build_pending;

// A class that a row had not long ago.
typedef struct build_recent {
	uint32_t what; // kind, flags and asset; 0 = nothing here
	uint32_t number;
	uint8_t contract[20];
} build_recent;

typedef enum build_stage { BUILD_TAKING, BUILD_SORTED, BUILD_JOINED } build_stage;

struct dp_build {
	const dp_chain *chain;
	bool utxo;
	build_stage stage;
	dp_build_begin begin;
	uint64_t secret; // seeds the hash tables; nothing that is written hangs on it
	uint64_t units, blocks, txs, rows, inputs, outputs;
	uint64_t gaps;
	build_column block, txid, wide;
	uint64_t wides; // items
	// addresses
	build_addresses kind[BUILD_KINDS];
	uint64_t *slot; // upper half: of the hash; lower half: provisional number, 0 = free
	uint32_t slot_bits;
	uint64_t slots_used;
	// account chains
	build_column txrow, src, dst, amount, class, noise;
	build_names classes, names;
	build_recent class_recent[64]; // by a few of a class' bits
	bool wide_class; // more than 256 classes: the column has two bytes a row, not one
	uint64_t noises;
	// UTXO chains
	build_column txin, txout, outtx, spent, outaddr, value, foreign;
	uint64_t foreigns;
	build_column pending;
	uint64_t pendings;
	uint64_t *tx_slot; // as slot, of transaction ids: local number plus 1
	uint32_t tx_slot_bits;
	uint64_t txs_known;
	build_column twin; // pairs: a transaction, the one before it with the same id; rising
	uint64_t twins;
	build_column taken; // a bit an output: an input spends it
	build_column wanted, wanted_from;
	uint64_t wanteds;
	build_column buried, coinbase;
	uint64_t burieds, coinbases;
	// notes
	build_column notetx, noteat, note;
	build_names note_names; // numbered as they are met, and left so
	uint64_t notes, note_txs, note_bytes;
	bool is_old; // written without them
	// sorted
	uint32_t *txsort, *txbucket;
	uint32_t tx_bits;
	uint8_t *txfilter;
	uint64_t txfilter_blocks;
	// settled
	dp_ledger_group group[BUILD_KINDS];
	uint32_t groups;
	uint64_t addresses, address_bytes;
	uint32_t *addrbucket;
	uint64_t addrbuckets;
	uint8_t *addrfilter;
	uint64_t addrfilter_blocks;
	uint32_t *postfirst, *post;
	uint64_t posts;
};

//- build.c ---------------------------------------------------------------------------------------

DP_MUST dp_code build_reserve(build_column *c, size_t item_size, uint64_t count, uint64_t count_max,
                              dp_fault *fault);
DP_MUST void *build_array(size_t item_size, uint64_t count); // zeroed, at least one item
DP_MUST dp_code build_no_memory(dp_fault *fault);
DP_MUST dp_code build_amount_word(dp_build *b, uint64_t *ret_word, dp_u256 amount, dp_fault *fault);
uint64_t build_block_of(const dp_build *b, uint64_t tx); // local number

//- build_table.c ---------------------------------------------------------------------------------

static inline uint64_t build_addr_hash(const dp_build *b, const dp_addr *a)
{
	return XXH3_64bits_withSeed(a, 2u + a->len, b->secret);
}

static inline uint64_t build_txid_hash(const dp_build *b, const uint8_t id[32])
{
	return XXH3_64bits_withSeed(id, 32, b->secret);
}

static inline uint8_t *build_entry(const dp_build *b, uint32_t number)
{
	const build_addresses *k = &b->kind[number >> BUILD_INDEX_BITS];
	return k->entries + (uint64_t)(number & ((1u << BUILD_INDEX_BITS) - 1)) * k->stride;
}

void build_addresses_init(build_addresses *k, uint32_t kind);
// Room for `more` addresses that may all be new.
DP_MUST dp_code build_addr_reserve(dp_build *b, uint64_t more, dp_fault *fault);
// The provisional number of an address, 0 for nobody. Needs room.
DP_MUST dp_code build_addr_number(dp_build *b, uint32_t *ret_number, const dp_addr *a,
                                  uint64_t hash, dp_fault *fault);
// Brings the entry nearer that a first look finds. The slot should be near already.
void build_addr_look(const dp_build *b, uint64_t hash);
dp_addr build_addr_of(const dp_build *b, uint32_t kind, uint32_t index);

// Doubles a table whose slots hold the upper half of the hash above a number that is not 0.
DP_MUST dp_code build_slots_grow(uint64_t **io_slot, uint32_t *io_bits, dp_fault *fault);

DP_MUST dp_code build_name_number(build_names *n, uint32_t *ret_number, const void *bytes,
                                  uint64_t secret, dp_fault *fault);
// Sorts the items as bytes. *ret_new (dp_free) tells the new number of each old one.
DP_MUST dp_code build_names_sort(build_names *n, uint32_t **ret_new, dp_fault *fault);
void build_names_done(build_names *n);

// One more transaction has a part in the address.
static inline void build_addr_count(const dp_build *b, uint32_t number, uint32_t tx)
{
	if (number == 0) return;
	build_use use;
	uint8_t *entry = build_entry(b, number);
	memcpy(&use, entry, sizeof use);
	if (use.last_tx == tx + 1) return;
	use.last_tx = tx + 1;
	use.count++;
	memcpy(entry, &use, sizeof use);
}

//- build_account.c, build_utxo.c -----------------------------------------------------------------

DP_MUST dp_code build_account_block(dp_build *b, dp_record_walk *w, dp_fault *fault);
DP_MUST dp_code build_account_sort(dp_build *b, dp_fault *fault);
DP_MUST dp_code build_utxo_block(dp_build *b, dp_record_walk *w, dp_fault *fault);
DP_MUST dp_code build_utxo_sort(dp_build *b, dp_fault *fault);
DP_MUST dp_code build_utxo_join(dp_build *b, dp_resolve resolve, void *context, dp_fault *fault);

//- build_note.c ----------------------------------------------------------------------------------

// The notes of a block whose rows were walked; `tx_first`: local number of its first transaction.
DP_MUST dp_code build_notes(dp_build *b, dp_record_walk *w, uint64_t tx_first, dp_fault *fault);

//- build_order.c ---------------------------------------------------------------------------------

// Less than, equal to or greater than 0, as memcmp; of numbers whose 32 bits to sort by are equal.
typedef int (*build_compare)(const void *context, uint32_t a, uint32_t b);
// Sorts items (32 bits to sort by, above 32 bits of number): by the bits, then as `compare` says
// (NULL: all are equal), then by number. May put others in place of the items' memory.
DP_MUST dp_code build_sort_items(uint64_t **io_items, uint64_t count, build_compare compare,
                                 const void *context, dp_fault *fault);
// The numbers of items, in their place: takes `items` over.
uint32_t *build_numbers_of(uint64_t *items, uint64_t count);
// Both. Takes `items` over (dp_free), also on failure.
DP_MUST dp_code build_order(uint32_t **ret_numbers, uint64_t *items, uint64_t count,
                            build_compare compare, const void *context, dp_fault *fault);
DP_MUST dp_code build_order_addresses(dp_build *b, dp_fault *fault);
DP_MUST dp_code build_order_txs(dp_build *b, dp_fault *fault);
// Is there a transaction with this id in the segment? The last one's local number. After sorting.
bool build_find_tx(const dp_build *b, uint32_t *ret_tx, const uint8_t id[32]);
// Buckets: what a look-up reads there against four bytes a bucket. An address' bucket is read from
// end to end, and eight of 20 bytes are three lines in a row. Transactions are looked up by
// halving, each step a line anywhere: the joins of coins look up every input, so theirs are short;
// on account chains only people and incidents name transactions.
enum { BUILD_BUCKET_ADDR = 8, BUILD_BUCKET_TX = 8, BUILD_BUCKET_COIN_TX = 2 };
uint32_t build_bits_for(uint64_t count, uint64_t per_bucket);

//- build_settle.c --------------------------------------------------------------------------------

DP_MUST dp_code build_settle(dp_build *b, dp_fault *fault);

#endif

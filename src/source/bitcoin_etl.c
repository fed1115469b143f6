// Blocks from exports of bitcoin-etl: JSON lines of blocks and of transactions with their inputs
// and outputs, plain or packed, in one file, several, or a folder of them.
//
// bitcoin-etl writes with several workers, so rows are only nearly in order. What fits into memory
// is read whole and sorted; what does not must be in order of its blocks, and is then read in
// parts. Either way a block is given when all its rows are there.
//
// What is proven, although no raw block is there:
//
//   each transaction    its id is the hash of what its line says (bitcoin_etl_row.c)
//   the list of them    their ids hash to the block's merkle root, where the blocks are given
//   the block           its fields hash to its hash, once the block before it is known, which
//                       also gives the parent's hash that exports do not write
//
// A coinbase's own id cannot be recomputed, as its input is left out; its amount is held against
// subsidy and fees. Where a step is not possible (no file of blocks, an export without scripts)
// the result says that the source was taken at its word (DP_GAP_UNPROVEN).
//
// What an input is worth, and whose it was, comes from the outputs read before, and from the line
// itself where the export was enriched. Where both are there they must agree. The address of an
// input that spends a bare key's or a nonstandard output stands in no export that new nodes write;
// it is known only from the output, when that was read in the same run.
#include "source/bitcoin_etl.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "codec/hash.h"
#include "source/bitcoin_etl_read.h"
#include "source/bitcoin_etl_store.h"
#include "source/coin_map.h"
#include "source/source_kinds.h"

#define MEMORY_DEFAULT (UINT64_C(4) << 30)
#define MEMORY_LEAST (UINT64_C(1) << 20)
enum { TX_MAX = 1 << 20 }; // in a block: more than the largest of any chain can hold

typedef struct bitcoin_etl {
	dp_source base; // first: see struct dp_source
	dp_btc_files files;
	dp_btc_store store;
	dp_coin_map coins;
	dp_block_builder builder;
	bool is_loaded;                // the store was filled once
	bool is_all_read;              // no more rows in the files
	bool has_pending;              // `pending` did not fit into the store
	bool keeps_coins, is_enriched; // every input so far had a value in its line
	bool is_complete;              // every block since the first was read
	bool is_begun, is_ended_by_fault, has_height_max;
	const dp_btc_row *pending;
	uint64_t at; // next key of the store
	uint64_t height_next, height_max;
	uint8_t hash[32]; // of the block given last
	bool has_hash;
	uint8_t *node; // for the merkle tree
	uint64_t node_cap;
	dp_source_watch watch;
} bitcoin_etl;

// The rows of one block.
typedef struct block_rows {
	const dp_btc_key *key; // transactions only
	uint64_t count;
	dp_btc_row block; // the block's own row, where has_block
	bool has_block;
	dp_btc_row first; // of the transactions
	uint64_t fees, coinbase_value;
	bool is_known;  // every value
	bool is_proven; // every id but the coinbase's
} block_rows;

static dp_code bad_row(const bitcoin_etl *e, const dp_btc_row *row, dp_fault *fault,
                       const char *why)
{
	return dp_btc_files_fail(
	    &e->files, row, fault,
	    dp_fail(fault, DP_BAD_BYTES, "block %llu: %s", (unsigned long long)row->block, why));
}

// "inputs[2]: why"
static dp_code bad_input(const bitcoin_etl *e, const dp_btc_row *row, uint32_t item,
                         dp_fault *fault, const char *why)
{
	return dp_btc_files_fail(&e->files, row, fault,
	                         dp_fail(fault, DP_BAD_BYTES, "block %llu: `inputs[%u]` %s",
	                                 (unsigned long long)row->block, item, why));
}

//- filling the store -----------------------------------------------------------------------------

// Adds rows until the files end or the store is full.
static dp_code fill(bitcoin_etl *e, dp_fault *fault)
{
	while (!e->is_all_read) {
		bool is_added;
		if (!e->has_pending) {
			dp_code code = dp_btc_files_next(&e->files, &e->pending, fault);
			e->is_all_read = code == DP_END;
			if (code == DP_END) break;
			if (code != DP_OK) return code;
		}
		const dp_btc_row *row = e->pending;
		// Blocks are given already: a row of one of them comes too late.
		if (e->is_begun && row->block < e->height_next)
			return dp_btc_files_fail(
			    &e->files, row, fault,
			    dp_fail(fault, DP_LIMIT,
			            "line %u: block %llu comes after block %llu, and the rows do "
			            "not fit into the memory allowed: sort them, or allow more",
			            row->line, (unsigned long long)row->block,
			            (unsigned long long)e->height_next - 1));
		DP_TRY(dp_btc_store_add(&e->store, &is_added, row, fault));
		e->has_pending = !is_added;
		if (!is_added) break;
	}
	dp_btc_store_sort(&e->store);
	return DP_OK;
}

static bool is_last_block(const bitcoin_etl *e)
{
	const dp_btc_store *s = &e->store;
	return e->at == s->key_count || s->key[e->at].block == s->key[s->key_count - 1].block;
}

// Makes sure that all rows of the next block are in the store. DP_END: there is none.
static dp_code load(bitcoin_etl *e, dp_fault *fault)
{
	if (!e->is_loaded) DP_TRY(fill(e, fault));
	e->is_loaded = true;
	if (!e->is_all_read && is_last_block(e)) {
		if (e->store.is_ordered) {
			dp_btc_store_drop(&e->store, e->at);
			e->at = 0;
			DP_TRY(fill(e, fault));
		}
		// One block alone, or rows out of order: more memory is what helps.
		if (!e->is_all_read && is_last_block(e))
			return dp_fail(fault, DP_LIMIT,
			               "the rows of block %llu do not fit into the memory allowed",
			               (unsigned long long)e->pending->block);
	}
	if (!e->is_all_read && !e->store.is_ordered)
		return dp_fail(fault, DP_LIMIT,
		               "the rows are not in order of their blocks and do not fit into the "
		               "%llu MiB allowed: sort them by block_number, or allow more memory",
		               (unsigned long long)(e->store.bytes_max >> 20));
	return e->at == e->store.key_count ? DP_END : DP_OK;
}

//- what belongs together -------------------------------------------------------------------------

static bool is_same_place(const dp_btc_row *a, const dp_btc_row *b)
{
	bool have_hash = (a->flags & b->flags & DP_BTCF_HAS_HASH) != 0;
	return a->time == b->time && (!have_hash || memcmp(a->block_hash, b->block_hash, 32) == 0);
}

// Takes the next block's keys, its own row apart.
static dp_code take_rows(bitcoin_etl *e, block_rows *r, dp_fault *fault)
{
	const dp_btc_key *key = &e->store.key[e->at];
	uint64_t left = e->store.key_count - e->at, n = 1;
	*r = (block_rows){.is_known = true, .is_proven = true};
	while (n < left && key[n].block == key->block) n++;
	e->at += n;
	for (; n > 0 && key->order == 0; key++, n--) {
		if (r->has_block) return bad_row(e, &r->block, fault, "it is in the export twice");
		dp_btc_store_get(&e->store, &r->block, key);
		r->has_block = true;
	}
	r->key = key;
	r->count = n;
	if (n == 0)
		return bad_row(e, &r->block, fault,
		               "its transactions are not there: give the file of transactions too");
	dp_btc_store_get(&e->store, &r->first, key);
	if (n > TX_MAX) return bad_row(e, &r->first, fault, "has too many transactions");
	if (!r->has_block) return DP_OK;
	if (!is_same_place(&r->block, &r->first))
		return bad_row(e, &r->first, fault, "time or hash differ from those of the block");
	if ((r->block.flags & DP_BTCF_HAS_COUNT) != 0 && r->block.index != n)
		return bad_row(e, &r->block, fault,
		               "`transaction_count` is not the number of its transactions");
	return DP_OK;
}

// Transaction number `i` against those before it.
static dp_code check_place(const bitcoin_etl *e, const block_rows *r, const dp_btc_row *row,
                           uint64_t i, dp_fault *fault)
{
	bool has_index = (row->flags & DP_BTCF_HAS_INDEX) != 0;
	bool is_coinbase = (row->flags & DP_BTCF_COINBASE) != 0;
	if (has_index != ((r->first.flags & DP_BTCF_HAS_INDEX) != 0))
		return bad_row(e, row, fault, "some of its transactions have an `index`, some not");
	if (has_index && row->index != i)
		return bad_row(e, row, fault,
		               row->index < i ? "a transaction is in the export twice, or two have "
		                                "the same `index`"
		                              : "a transaction before this one is missing");
	if (!is_same_place(row, &r->first))
		return bad_row(e, row, fault, "its transactions differ in its time or hash");
	if (is_coinbase != (i == 0))
		return bad_row(e, row, fault,
		               is_coinbase ? "the coinbase is not its first transaction"
		                           : "its first transaction is no coinbase");
	return DP_OK;
}

//- values ----------------------------------------------------------------------------------------

static dp_code put_outputs(bitcoin_etl *e, const dp_btc_row *row, dp_fault *fault)
{
	for (uint32_t i = 0; i < row->output_count && e->keeps_coins; i++) {
		const dp_btc_output *out = &row->output[i];
		// Nobody can spend what pays to nothing, nor the first coinbase of all.
		if (out->to.kind == DP_ADDR_NULLDATA || row->block == 0) continue;
		dp_code code = dp_coin_put(&e->coins, dp_coin_key_of(&e->coins, row->id, i),
		                           out->value, &out->to, fault);
		if (code == DP_LIMIT && e->is_enriched) {
			// Every input says its value itself: the map was for a few addresses.
			dp_coin_map_done(&e->coins);
			e->keeps_coins = e->is_complete = false;
			return DP_OK;
		}
		if (code != DP_OK) return code;
	}
	return DP_OK;
}

// What one input is worth, from its line and from the output it spends.
static dp_code settle_input(bitcoin_etl *e, const dp_btc_row *row, uint32_t item, dp_movement *mv,
                            dp_fault *fault)
{
	const dp_btc_input *in = &row->input[item];
	uint64_t value = 0;
	dp_addr from = {0};
	mv->kind = DP_MV_INPUT;
	mv->spent = in->spent;
	if (!in->has_value) e->is_enriched = false;
	bool is_made = e->keeps_coins &&
	               dp_coin_take(&e->coins, &value, &from,
	                            dp_coin_key_of(&e->coins, in->spent.txid, in->spent.vout));
	if (!is_made && e->is_complete)
		return bad_input(e, row, item, fault,
		                 "spends a coin that was never made or is spent already");
	bool is_other = in->has_value && is_made &&
	                (in->value != value ||
	                 (in->from.kind != DP_ADDR_NONE && !dp_addr_eq(&in->from, &from)));
	if (is_other)
		return bad_input(e, row, item, fault,
		                 "is not worth, or not of whom, the output that it spends says");
	if (!is_made && !in->has_value) {
		mv->flags = DP_MVF_VALUE_UNKNOWN;
		e->base.stats.values_unknown++;
		return DP_OK;
	}
	mv->amount = dp_u256_of(is_made ? value : in->value);
	mv->from = is_made ? from : in->from;
	return DP_OK;
}

static dp_code put_memos(bitcoin_etl *e, const dp_btc_row *row, dp_fault *fault)
{
	for (uint32_t i = 0; i < row->memo_count; i++) {
		const dp_btc_memo *memo = &row->memo[i];
		dp_note *note;
		DP_CHECK(memo->size <= DP_MEMO_MAX);
		DP_TRY(dp_builder_note(&e->builder, &note, memo->bytes, memo->size, fault));
		note->kind = DP_NOTE_OUTPUT;
		note->at = memo->vout;
	}
	return DP_OK;
}

static dp_code give_tx(bitcoin_etl *e, block_rows *r, const dp_btc_row *row, dp_fault *fault)
{
	const dp_chain *chain = e->base.chain;
	dp_asset asset = dp_asset_native(chain);
	uint64_t in = 0, out = 0;
	bool is_coinbase = (row->flags & DP_BTCF_COINBASE) != 0, is_known = true;
	dp_tx *tx;
	dp_movement *mv;
	DP_TRY(dp_builder_tx(&e->builder, &tx, fault));
	memcpy(tx->id, row->id, 32);
	tx->flags = is_coinbase ? DP_TXF_COINBASE : 0;
	for (uint32_t i = 0; i < row->input_count; i++) {
		DP_TRY(dp_builder_movement(&e->builder, &mv, fault));
		mv->asset = asset;
		DP_TRY(settle_input(e, row, i, mv, fault));
		is_known = is_known && (mv->flags & DP_MVF_VALUE_UNKNOWN) == 0;
		in += mv->amount.w[0]; // both at most money_max, below 2^61
		if (in > chain->money_max)
			return bad_input(e, row, i, fault,
			                 "makes the inputs worth more than there is");
	}
	for (uint32_t i = 0; i < row->output_count; i++) {
		DP_TRY(dp_builder_movement(&e->builder, &mv, fault));
		mv->kind = DP_MV_OUTPUT;
		mv->asset = asset;
		mv->amount = dp_u256_of(row->output[i].value);
		mv->to = row->output[i].to;
		out += row->output[i].value; // the parser has checked the sum
	}
	DP_TRY(put_memos(e, row, fault));
	if (!chain->any_order) DP_TRY(put_outputs(e, row, fault));
	if (!is_coinbase) r->is_proven = r->is_proven && (row->flags & DP_BTCF_PROVEN) != 0;
	if (is_coinbase) r->coinbase_value = out;
	if (!is_known) r->is_known = false;
	if (is_coinbase || !is_known) return DP_OK;
	if (in < out) return bad_row(e, row, fault, "a transaction pays out more than it spends");
	r->fees += in - out;
	return r->fees <= chain->money_max
	           ? DP_OK
	           : bad_row(e, row, fault, "its fees come to more than there is");
}

//- what is proven --------------------------------------------------------------------------------

// The merkle root of the block's transactions. As in Bitcoin Core an odd one is paired with
// itself, and equal neighbours are refused, for they could be such a pair (CVE-2012-2459).
static dp_code check_merkle(bitcoin_etl *e, const block_rows *r, const dp_block *block,
                            dp_fault *fault)
{
	uint64_t n = block->tx_count;
	DP_CHECK(n > 0 && n <= TX_MAX);
	DP_TRY(dp_grow((void **)&e->node, &e->node_cap, 32, n + 1, TX_MAX + 1, fault));
	for (uint64_t i = 0; i < n; i++) memcpy(e->node + 32 * i, block->tx[i].id, 32);
	for (; n > 1; n = (n + 1) / 2) {
		for (uint64_t i = 0; i + 1 < n; i += 2)
			if (memcmp(e->node + 32 * i, e->node + 32 * i + 32, 32) == 0)
				return bad_row(e, &r->block, fault,
				               "a transaction stands in it twice");
		if (n % 2 != 0) memcpy(e->node + 32 * n, e->node + 32 * (n - 1), 32);
		for (uint64_t i = 0; i < (n + 1) / 2; i++)
			dp_sha256d(e->node + 32 * i, e->node + 64 * i, 64);
	}
	if (memcmp(e->node, r->block.id, 32) == 0) return DP_OK;
	return bad_row(
	    e, &r->block, fault,
	    "its transactions do not hash to its `merkle_root`: one is missing, changed, "
	    "or not in its place");
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

// The header's hash, with the parent that the export names or that was given last. Where it comes
// out, that parent is proven.
static dp_code check_header(const bitcoin_etl *e, const block_rows *r, dp_block *block,
                            dp_fault *fault)
{
	uint8_t header[DP_BITCOIN_HEADER_SIZE] = {0}, hash[32];
	uint32_t need = DP_BTCF_HAS_HEADER | DP_BTCF_HAS_MERKLE | DP_BTCF_HAS_HASH;
	bool is_named = (r->block.flags & DP_BTCF_HAS_PREV) != 0;
	bool is_next = e->is_begun && e->has_hash && r->block.block == e->height_next;
	if (is_named) memcpy(block->prev, r->block.prev, 32);
	if (is_next && is_named && memcmp(r->block.prev, e->hash, 32) != 0)
		return bad_row(e, &r->block, fault, "does not follow the block before it");
	bool is_first = r->block.block == 0;
	if ((r->block.flags & need) != need || (!is_named && !is_next && !is_first)) return DP_OK;
	store32(header, r->block.version);
	if (!is_first) memcpy(header + 4, is_named ? r->block.prev : e->hash, 32);
	memcpy(header + 36, r->block.id, 32);
	store32(header + 68, (uint32_t)r->block.time);
	store32(header + 72, r->block.bits);
	store32(header + 76, r->block.nonce);
	dp_sha256d(hash, header, sizeof header);
	if (memcmp(hash, r->block.block_hash, 32) != 0)
		return bad_row(e, &r->block, fault,
		               "its fields do not hash to its `hash`: one was changed, or it does "
		               "not follow the block before it");
	memcpy(block->prev, header + 4, 32);
	return DP_OK;
}

static dp_code check_block(bitcoin_etl *e, const block_rows *r, dp_fault *fault)
{
	dp_block *block = &e->builder.block;
	bool has_merkle = r->has_block && (r->block.flags & DP_BTCF_HAS_MERKLE) != 0;
	uint64_t most = dp_chain_subsidy(e->base.chain, block->height) + r->fees;
	if (r->is_known && r->coinbase_value > most)
		return bad_row(e, &r->first, fault,
		               "the coinbase takes more than subsidy and fees make");
	if (has_merkle) DP_TRY(check_merkle(e, r, block, fault));
	if (r->has_block) DP_TRY(check_header(e, r, block, fault));
	if (!has_merkle || !r->is_proven) e->base.gaps |= DP_GAP_UNPROVEN;
	if (!has_merkle && (r->first.flags & DP_BTCF_HAS_INDEX) == 0) e->base.gaps |= DP_GAP_ORDER;
	return DP_OK;
}

//- giving out blocks -----------------------------------------------------------------------------

// Blocks that the export leaves out: said, and kept in mind. The result states them by itself, for
// whoever follows the blocks sees that their heights jump; unless nothing names them as blocks.
static void note_gap(bitcoin_etl *e, uint64_t height, bool has_hash)
{
	char text[160];
	if (!e->is_begun) e->is_complete = height <= 1;
	if (!e->is_begun || height == e->height_next) return;
	e->is_complete = false;
	if (!has_hash) e->base.gaps |= DP_GAP_PARTIAL;
	if (e->watch.notice == NULL) return;
	(void)snprintf(text, sizeof text, "blocks %llu to %llu are not in the export",
	               (unsigned long long)e->height_next, (unsigned long long)height - 1);
	e->watch.notice(e->watch.context, text);
}

static dp_code give_block(bitcoin_etl *e, const dp_block **ret_block, dp_fault *fault)
{
	block_rows r;
	dp_btc_row row;
	DP_TRY(take_rows(e, &r, fault));
	dp_builder_start(&e->builder, e->base.chain, r.first.block, r.first.time);
	bool has_hash = ((r.first.flags | r.block.flags) & DP_BTCF_HAS_HASH) != 0;
	note_gap(e, r.first.block, has_hash);
	const dp_btc_row *named = (r.first.flags & DP_BTCF_HAS_HASH) != 0 ? &r.first : &r.block;
	if (has_hash) memcpy(e->builder.block.hash, named->block_hash, 32);
	for (uint64_t i = 0; i < r.count && e->base.chain->any_order; i++) {
		dp_btc_store_get(&e->store, &row, &r.key[i]);
		DP_TRY(put_outputs(e, &row, fault));
	}
	for (uint64_t i = 0; i < r.count; i++) {
		dp_btc_store_get(&e->store, &row, &r.key[i]);
		DP_TRY(check_place(e, &r, &row, i, fault));
		DP_TRY(give_tx(e, &r, &row, fault));
	}
	DP_TRY(check_block(e, &r, fault));
	DP_TRY(dp_builder_finish(&e->builder, ret_block, fault));
	memcpy(e->hash, e->builder.block.hash, 32);
	e->has_hash = has_hash;
	e->height_next = r.first.block + 1;
	e->is_begun = true;
	return DP_OK;
}

static dp_code etl_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	bitcoin_etl *e = (bitcoin_etl *)(void *)s;
	DP_CHECK(ret_block != NULL);
	DP_CHECK(!e->is_ended_by_fault);
	dp_code code = load(e, fault);
	bool is_past =
	    code == DP_OK && e->has_height_max && e->store.key[e->at].block > e->height_max;
	if (is_past) return DP_END;
	if (code == DP_OK) code = give_block(e, ret_block, fault);
	e->is_ended_by_fault = code != DP_OK && code != DP_END;
	e->base.stats.bytes_read = dp_btc_files_bytes_read(&e->files);
	return code;
}

static void etl_close(dp_source *s)
{
	bitcoin_etl *e = (bitcoin_etl *)(void *)s;
	DP_CHECK(e != NULL);
	dp_btc_files_done(&e->files);
	dp_btc_store_done(&e->store);
	dp_coin_map_done(&e->coins);
	dp_builder_done(&e->builder);
	dp_free(e->node);
	dp_free(e);
}

//- opening ---------------------------------------------------------------------------------------

static bitcoin_etl *make(const dp_source_options *options)
{
	bitcoin_etl *e = dp_alloc(sizeof *e);
	uint64_t memory = options->memory_max == 0 ? MEMORY_DEFAULT : options->memory_max;
	if (e == NULL) return NULL;
	if (memory < MEMORY_LEAST) memory = MEMORY_LEAST;
	e->base.kind = &dp_source_bitcoin_etl;
	e->base.chain = options->chain != NULL ? options->chain : dp_chain_find("bitcoin", 7);
	e->base.next = etl_next;
	e->base.close = etl_close;
	if (e->base.chain->has_mweb) e->base.gaps |= DP_GAP_PRIVATE;
	e->files.chain = e->base.chain;
	e->store.bytes_max = memory / 2;
	e->coins.bytes_max = memory / 4;
	// Without the kernel's help the table still works, only a patient enemy could slow it.
	if (getrandom(&e->coins.seed, sizeof e->coins.seed, 0) != (ssize_t)sizeof e->coins.seed)
		e->coins.seed = 0x6479657061636b33;
	e->keeps_coins = e->is_enriched = true;
	e->has_height_max = options->has_height_max;
	e->height_max = options->height_max;
	e->watch = options->watch;
	return e;
}

static dp_code begin(bitcoin_etl *e, dp_source **ret_source, dp_fault *fault)
{
	DP_TRY(dp_btc_files_prepare(&e->files, fault));
	e->base.stats.bytes_total = e->files.bytes_total;
	if (e->files.count > 0) {
		e->base.stats.height_first = e->files.file[0].first;
		e->base.opening_known_zero = e->files.file[0].first <= 1;
	}
	*ret_source = &e->base;
	return DP_OK;
}

static dp_code check_chain(const dp_source_options *options, dp_fault *fault)
{
	if (options->chain == NULL || options->chain->kind == DP_CHAIN_UTXO) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE,
	               "exports of bitcoin-etl hold Bitcoin-like chains, and %s is wanted",
	               options->chain->name);
}

static dp_code etl_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                        const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && paths != NULL && path_count > 0 && options != NULL);
	DP_TRY(check_chain(options, fault));
	bitcoin_etl *e = make(options);
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < path_count && code == DP_OK; i++)
		code = dp_btc_files_add(&e->files, paths[i], fault);
	if (code == DP_OK) code = begin(e, ret_source, fault);
	if (code != DP_OK) etl_close(&e->base);
	return code;
}

dp_code dp_bitcoin_etl_open_bytes(dp_source **ret_source, const void *bytes, size_t size,
                                  const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && bytes != NULL && options != NULL);
	DP_TRY(check_chain(options, fault));
	bitcoin_etl *e = make(options);
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_btc_files_add_bytes(&e->files, bytes, size, fault);
	if (code == DP_OK) code = begin(e, ret_source, fault);
	if (code != DP_OK) etl_close(&e->base);
	return code;
}

//- the row ---------------------------------------------------------------------------------------

// 85: the keys of its first line, or of the first line of the first such file in a folder.
static int etl_recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	DP_CHECK(path != NULL);
	DP_CHECK(head != NULL || head_size == 0);
	if (is_folder) return dp_btc_is_folder(path) ? 85 : 0;
	return dp_btc_row_recognise(head, head_size) ? 85 : 0;
}

const dp_source_kind dp_source_bitcoin_etl = {
    .name = "btc-etl",
    .summary = "exports of bitcoin-etl: JSON lines of blocks and transactions",
    .looks_like = "*.json(l) with `is_coinbase` or `coinbase_param`, a folder of them, .gz or .zst",
    .gives = "blocks, with ids and merkle roots recomputed; values of inputs where the export is "
             "enriched, else from outputs read before",
    .can = DP_CAN_PREVOUTS,
    .recognise = etl_recognise,
    .open = etl_open,
};

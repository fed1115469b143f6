// See blockfile.h.
//
// A block is given out in these steps, each of which can end the run with a fault that names file,
// byte, block, transaction and input or output:
//
//   read      its bytes                               source/block_files.c
//   decode    and verify what it proves of itself     chain/bitcoin.c
//   height    the one it states against its place     BIP 34
//   settle    take each input's coin from the map or the companion, put each output's coin in
//   balance   inputs >= outputs in each transaction; subsidy + fees >= coinbase
//   finish    key columns                             chain/block.c
//
// Settling costs two look-ups in a large table for each coin. The keys of a whole block are hashed
// first and their places fetched a few rows ahead, so that the memory latency of one overlaps
// with the work on others.
#include "source/blockfile.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "source/block_files.h"
#include "source/block_index.h"
#include "source/coin_map.h"
#include "source/source_kinds.h"
#include "source/spent.h"

enum { PREFETCH_ROWS = 12 };
#define MEMORY_DEFAULT (UINT64_C(4) << 30)

// How the entries of a companion are to be read.
typedef enum companion {
	COMPANION_NONE,
	COMPANION_ALL,   // one for each input
	COMPANION_OUTER, // none for inputs that spend what the block itself made
} companion;

typedef struct blockfile {
	dp_source base; // first: see struct dp_source
	dp_block_files files;
	dp_block_index index;
	dp_coin_map coins;
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_info info; // of the current block
	dp_spent spent;       // companion of the current block
	companion companion;
	uint64_t spent_at;    // next entry of the companion
	uint64_t order_at;    // next block of the order
	uint64_t height_next; // that the next block has unless there is a gap
	bool is_complete;     // every block since the first has been read: no coin can be missing
	bool is_ended_by_fault;
	uint8_t *bytes;   // of the current block
	dp_coin_key *key; // of the current block's rows
	uint64_t bytes_cap, key_cap;
} blockfile;

//- faults ----------------------------------------------------------------------------------------

// "transaction 3, input 1: why"
static dp_code fail_row(dp_fault *fault, uint32_t tx, const char *part, uint32_t item,
                        const char *why)
{
	DP_CHECK(part != NULL && why != NULL);
	return dp_fail(fault, DP_BAD_BYTES, "transaction %u, %s %u: %s", tx, part, item, why);
}

// Puts the block's height before the text, and its file and place in it beside.
static dp_code place_fault(const blockfile *f, const dp_block_place *p, dp_fault *fault,
                           dp_code code)
{
	const dp_block_file *file = &f->files.file[p->file];
	// What was found wrong in a companion, or by the system, has its own place already.
	if (fault == NULL || fault->file[0] != 0) return code;
	if (file->path != NULL) dp_fault_file(fault, file->path);
	if (code != DP_BAD_BYTES) return code;
	char text[DP_FAULT_TEXT_MAX];
	memcpy(text, fault->text, sizeof text);
	int n = snprintf(fault->text, sizeof fault->text, "block %u: %.*s", p->height,
	                 DP_FAULT_TEXT_MAX - 32, text);
	DP_CHECK(n > 0);
	fault->offset = p->offset + (fault->has_offset ? fault->offset : 0);
	fault->has_offset = 1;
	return code;
}

//- values ----------------------------------------------------------------------------------------

// The keys of all rows: inputs by what they spend, outputs by what they make.
static dp_code hash_keys(blockfile *f, dp_fault *fault)
{
	const dp_block *block = &f->builder.block;
	DP_TRY(dp_grow((void **)&f->key, &f->key_cap, sizeof *f->key, block->mv_count,
	               DP_BLOCK_MV_MAX, fault));
	for (uint32_t t = 0; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		uint32_t vout = 0;
		for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
			const dp_movement *mv = &block->mv[i];
			f->key[i] = mv->kind == DP_MV_INPUT
			                ? dp_coin_key_of(&f->coins, mv->spent.txid, mv->spent.vout)
			                : dp_coin_key_of(&f->coins, tx->id, vout++);
		}
	}
	return DP_OK;
}

// Decides which inputs the companion's entries belong to, by their number.
static dp_code match_companion(blockfile *f, dp_fault *fault)
{
	const dp_block *block = &f->builder.block;
	uint64_t outer = 0;
	uint32_t maker;
	DP_CHECK(f->companion == COMPANION_NONE);
	if (f->spent.count == f->info.input_count) {
		f->companion = COMPANION_ALL;
		return DP_OK;
	}
	for (uint32_t i = 0; i < block->mv_count; i++) {
		const dp_movement *mv = &block->mv[i];
		if (mv->kind == DP_MV_INPUT &&
		    !dp_bitcoin_find_tx(&f->decoder, &maker, mv->spent.txid))
			outer++;
	}
	if (f->spent.count != outer)
		return dp_fail(
		    fault, DP_BAD_BYTES,
		    "the companion %s has %llu entries where the block has %u inputs, %llu "
		    "of them spending earlier blocks: it belongs to another block",
		    f->spent.path, (unsigned long long)f->spent.count, f->info.input_count,
		    (unsigned long long)outer);
	f->companion = COMPANION_OUTER;
	return DP_OK;
}

static dp_code load_companion(blockfile *f, const dp_block_place *p, dp_fault *fault)
{
	const dp_block_file *file = &f->files.file[p->file];
	bool is_found = false;
	f->companion = COMPANION_NONE;
	f->spent_at = 0;
	if (file->is_framed || file->path == NULL) return DP_OK;
	DP_TRY(dp_spent_load(&f->spent, &is_found, file->path, fault));
	return is_found ? match_companion(f, fault) : DP_OK;
}

// What is wrong with an input that spends a coin which is not there. NULL: nothing, the coin is of
// a block that we have not read.
static const char *missing_coin(const blockfile *f, uint32_t tx, const dp_outpoint *spent)
{
	const dp_block *block = &f->builder.block;
	uint32_t maker, made = 0;
	if (!dp_bitcoin_find_tx(&f->decoder, &maker, spent->txid))
		return f->is_complete ? "spends a coin that was never made or is spent already"
		                      : NULL;
	DP_CHECK(maker < block->tx_count);
	if (maker >= tx) return "spends an output of a transaction that comes later in the block";
	const dp_tx *m = &block->tx[maker];
	for (uint32_t i = 0; i < m->mv_count; i++)
		made += block->mv[m->mv_first + i].kind == DP_MV_OUTPUT;
	if (spent->vout >= made)
		return "spends an output that its transaction, in the same block, does not have";
	return "spends an output of the same block that can not be spent";
}

// One input: what the map knows and what the companion says must agree.
static dp_code settle_input(blockfile *f, uint32_t tx, uint32_t item, dp_movement *mv,
                            dp_coin_key key, dp_fault *fault)
{
	uint64_t value = 0;
	dp_addr from = {0};
	bool is_known = dp_coin_take(&f->coins, &value, &from, key);
	const char *why = is_known ? NULL : missing_coin(f, tx, &mv->spent);
	if (why != NULL) return fail_row(fault, tx, "input", item, why);
	uint32_t maker;
	bool has_entry = f->companion == COMPANION_ALL ||
	                 (f->companion == COMPANION_OUTER &&
	                  !dp_bitcoin_find_tx(&f->decoder, &maker, mv->spent.txid));
	if (has_entry) {
		DP_CHECK(f->spent_at < f->spent.count);
		const dp_spent_coin *said = &f->spent.coin[f->spent_at++];
		if (is_known && (said->value != value || !dp_addr_eq(&said->from, &from)))
			return fail_row(fault, tx, "input", item,
			                "the companion file does not say what the block that made "
			                "this coin says");
		value = said->value;
		from = said->from;
		is_known = true;
	}
	if (!is_known) {
		f->base.stats.values_unknown++;
		return DP_OK;
	}
	mv->amount = dp_u256_of(value);
	mv->from = from;
	mv->flags &= (uint8_t)~DP_MVF_VALUE_UNKNOWN;
	return DP_OK;
}

// One transaction: takes its inputs' coins, makes its outputs' coins, and adds its fee to
// *ret_fees. *ret_is_known false when an input's value is not known.
static dp_code settle_tx(blockfile *f, uint32_t t, uint64_t *ret_fees, bool *ret_is_known,
                         dp_fault *fault)
{
	dp_block *block = &f->builder.block;
	const dp_tx *tx = &block->tx[t];
	uint64_t in = 0, out = 0;
	bool is_known = true;
	for (uint32_t k = 0; k < tx->mv_count; k++) {
		uint32_t i = tx->mv_first + k;
		dp_movement *mv = &block->mv[i];
		if (i + PREFETCH_ROWS < block->mv_count)
			dp_coin_prefetch(&f->coins, f->key[i + PREFETCH_ROWS]);
		if (mv->kind == DP_MV_INPUT) {
			DP_TRY(settle_input(f, t, k, mv, f->key[i], fault));
			is_known = is_known && (mv->flags & DP_MVF_VALUE_UNKNOWN) == 0;
			in += mv->amount.w[0]; // at most 21e6 BTC, whoever said it
			if (in > DP_BITCOIN_MONEY_MAX)
				return fail_row(fault, t, "input", k,
				                "makes the inputs worth more than 21,000,000 BTC");
			continue;
		}
		uint64_t value = mv->amount.w[0];
		DP_CHECK(dp_u256_fits64(mv->amount) && value <= DP_BITCOIN_MONEY_MAX);
		out += value; // the decoder has checked that the sum is in range
		// Nobody can spend what pays to nothing, nor the first coinbase of all.
		if (mv->to.kind == DP_ADDR_NULLDATA || block->height == 0) continue;
		DP_TRY(dp_coin_put(&f->coins, f->key[i], value, &mv->to, fault));
	}
	if ((tx->flags & DP_TXF_COINBASE) != 0) return DP_OK;
	if (!is_known) {
		*ret_is_known = false;
		return DP_OK;
	}
	if (in < out)
		return dp_fail(fault, DP_BAD_BYTES,
		               "transaction %u: pays out %llu satoshi and spends only %llu", t,
		               (unsigned long long)out, (unsigned long long)in);
	*ret_fees += in - out;
	return DP_OK;
}

// Fills in what the inputs are worth, and checks that nothing comes from nothing.
static dp_code settle(blockfile *f, const dp_block_place *p, dp_fault *fault)
{
	const dp_block *block = &f->builder.block;
	uint64_t fees = 0; // below 2^51 for each of at most 2^17 transactions
	bool is_known = true;
	DP_TRY(hash_keys(f, fault));
	DP_TRY(load_companion(f, p, fault));
	for (uint32_t t = 0; t < block->tx_count; t++) {
		DP_TRY(settle_tx(f, t, &fees, &is_known, fault));
		if (fees > DP_BITCOIN_MONEY_MAX)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the fees come to more than 21,000,000 BTC");
	}
	if (f->companion != COMPANION_NONE) DP_CHECK(f->spent_at == f->spent.count);
	uint64_t most = dp_bitcoin_subsidy(block->height) + fees;
	if (is_known && f->info.coinbase_value > most)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the coinbase takes %llu satoshi where subsidy and fees make %llu",
		               (unsigned long long)f->info.coinbase_value,
		               (unsigned long long)most);
	return DP_OK;
}

//- giving out blocks -----------------------------------------------------------------------------

// The block against its place in the chain.
static dp_code check_place(blockfile *f, const dp_block_place *p, dp_fault *fault)
{
	if (memcmp(f->info.header.hash, p->hash, 32) != 0)
		return dp_fail(fault, DP_IO, "the file changed while it was read: run again");
	bool is_ruled = p->height >= DP_BITCOIN_BIP34_HEIGHT;
	if (is_ruled && (!f->info.has_height || f->info.height != p->height))
		return dp_fail(fault, DP_BAD_BYTES,
		               "does not state this height in its coinbase, as it must (BIP 34)%s",
		               f->info.has_height ? ": another height stands there" : "");
	return DP_OK;
}

static dp_code give_block(blockfile *f, const dp_block **ret_block, const dp_block_place *p,
                          dp_fault *fault)
{
	DP_TRY(dp_grow((void **)&f->bytes, &f->bytes_cap, 1, p->size, DP_BITCOIN_BLOCK_SIZE_MAX,
	               fault));
	DP_TRY(dp_block_files_read(&f->files, f->bytes, p->file, p->offset, p->size, fault));
	dp_code code = dp_bitcoin_decode(&f->info, &f->decoder, &f->builder, f->base.chain,
	                                 p->height, f->bytes, p->size, fault);
	if (code == DP_OK) code = check_place(f, p, fault);
	if (p->height != f->height_next) f->is_complete = false;
	if (code == DP_OK) code = settle(f, p, fault);
	if (code == DP_OK) code = dp_builder_finish(&f->builder, ret_block, fault);
	if (code != DP_OK) return place_fault(f, p, fault, code);
	f->height_next = (uint64_t)p->height + 1;
	f->base.stats.bytes_read += p->size;
	return DP_OK;
}

static dp_code blockfile_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	blockfile *f = (blockfile *)(void *)s;
	DP_CHECK(ret_block != NULL);
	DP_CHECK(!f->is_ended_by_fault);
	if (f->order_at == f->index.order_count) return DP_END;
	const dp_block_place *p = &f->index.place[f->index.order[f->order_at]];
	dp_code code = give_block(f, ret_block, p, fault);
	f->is_ended_by_fault = code != DP_OK;
	if (code == DP_OK) f->order_at++;
	return code;
}

static void blockfile_close(dp_source *s)
{
	blockfile *f = (blockfile *)(void *)s;
	DP_CHECK(f != NULL);
	dp_block_files_done(&f->files);
	dp_block_index_done(&f->index);
	dp_coin_map_done(&f->coins);
	dp_bitcoin_decoder_done(&f->decoder);
	dp_builder_done(&f->builder);
	dp_spent_done(&f->spent);
	dp_free(f->bytes);
	dp_free(f->key);
	dp_free(f);
}

//- opening ---------------------------------------------------------------------------------------

// What a block without a parent says of its height.
static dp_code ask_height(void *context, bool *ret_known, uint64_t *ret_height,
                          const dp_block_place *place, dp_fault *fault)
{
	blockfile *f = context;
	DP_CHECK(place->size <= DP_BITCOIN_BLOCK_SIZE_MAX);
	DP_TRY(dp_grow((void **)&f->bytes, &f->bytes_cap, 1, place->size, DP_BITCOIN_BLOCK_SIZE_MAX,
	               fault));
	DP_TRY(dp_block_files_read(&f->files, f->bytes, place->file, place->offset, place->size,
	                           fault));
	*ret_known = dp_bitcoin_height(ret_height, f->bytes, place->size);
	if (*ret_known) return DP_OK;
	// Old, or no block at all: better told now than after a question about its height.
	dp_code code = dp_bitcoin_decode(&f->info, &f->decoder, &f->builder, f->base.chain, 0,
	                                 f->bytes, place->size, fault);
	if (code != DP_BAD_BYTES || fault == NULL) return code;
	fault->offset += place->offset;
	const char *path = f->files.file[place->file].path;
	if (path != NULL) dp_fault_file(fault, path);
	return code;
}

static uint64_t unknowable_seed(void)
{
	uint64_t seed = 0;
	// Without the kernel's help the tables still work, only a patient enemy could slow them.
	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = 0x6479657061636b31;
	return seed;
}

static blockfile *make(const dp_source_options *options)
{
	blockfile *f = dp_alloc(sizeof *f);
	if (f == NULL) return NULL;
	f->base.kind = &dp_source_blockfile;
	f->base.next = blockfile_next;
	f->base.close = blockfile_close;
	f->coins.bytes_max = options->memory_max == 0 ? MEMORY_DEFAULT : options->memory_max;
	f->coins.seed = unknowable_seed();
	f->index.seed = f->coins.seed + 1;
	f->decoder.seed = f->coins.seed + 2;
	return f;
}

// Everything up to the first block, once the files are known.
static dp_code prepare(blockfile *f, const dp_source_options *options, dp_fault *fault)
{
	DP_TRY(dp_block_files_look(&f->files, &f->base.chain, options->chain, fault));
	DP_TRY(dp_block_files_scan(&f->files, &f->index, f->base.chain, fault));
	const dp_block_height_of height_of = {
	    .ask = ask_height,
	    .context = f,
	    .chain = f->base.chain,
	    .has_height_start = options->has_height_start,
	    .height_start = options->height_start,
	};
	DP_TRY(dp_block_index_order(&f->index, &height_of, fault));
	uint64_t index_bytes = dp_block_index_bytes(&f->index);
	if (index_bytes >= f->coins.bytes_max)
		return dp_fail(
		    fault, DP_LIMIT,
		    "the headers of %llu blocks take more than the %llu MiB allowed: allow "
		    "more memory, or give fewer files",
		    (unsigned long long)f->index.place_count,
		    (unsigned long long)(f->coins.bytes_max >> 20));
	f->coins.bytes_max -= index_bytes;
	f->base.opening_known_zero = f->index.is_from_start;
	f->is_complete = f->index.is_from_start;
	if (f->index.order_count > 0) f->height_next = f->index.place[f->index.order[0]].height;
	f->base.stats.blocks_stale = f->index.stale_count;
	f->base.stats.records_cut = f->files.records_cut;
	for (uint64_t i = 0; i < f->index.order_count; i++)
		f->base.stats.bytes_total += f->index.place[f->index.order[i]].size;
	return DP_OK;
}

static dp_code blockfile_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                              const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && paths != NULL && path_count > 0 && options != NULL);
	blockfile *f = make(options);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < path_count && code == DP_OK; i++)
		code = dp_block_files_add(&f->files, paths[i], fault);
	if (code == DP_OK) code = prepare(f, options, fault);
	if (code != DP_OK) {
		blockfile_close(&f->base);
		return code;
	}
	*ret_source = &f->base;
	return DP_OK;
}

dp_code dp_blockfile_open_bytes(dp_source **ret_source, const uint8_t *bytes, size_t size,
                                const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && bytes != NULL && options != NULL);
	blockfile *f = make(options);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_block_files_add_bytes(&f->files, bytes, size, fault);
	if (code == DP_OK) code = prepare(f, options, fault);
	if (code != DP_OK) {
		blockfile_close(&f->base);
		return code;
	}
	*ret_source = &f->base;
	return DP_OK;
}

//- the row ---------------------------------------------------------------------------------------

// 95: records of a known network; 90: a folder of block files; 80: their names; 60: bytes that are
// a block's header with proof of its work, which no other kind of file has by chance.
static int blockfile_recognise(const char *path, const uint8_t *head, size_t head_size,
                               bool is_folder)
{
	DP_CHECK(path != NULL && (head != NULL || head_size == 0));
	if (is_folder) return dp_block_files_is_folder(path) ? 90 : 0;
	if (head_size >= 8) {
		uint32_t magic = (uint32_t)head[0] | (uint32_t)head[1] << 8 |
		                 (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
		if (dp_chain_by_magic(magic) != NULL) return 95;
	}
	if (dp_block_files_is_name(path)) return 80;
	if (head_size < DP_BITCOIN_BLOCK_SIZE_MIN) return 0;
	dp_bitcoin_header header;
	dp_bitcoin_header_decode(&header, head);
	return dp_u256_lt(dp_u256_of(1), dp_bitcoin_work(&header)) ? 60 : 0;
}

const dp_source_kind dp_source_blockfile = {
    .name = "blk",
    .summary = "Bitcoin blocks: a node's blkNNNNN.dat files or their folder, or bare blocks",
    .looks_like = "blk*.dat, a folder of them, *.blk",
    .gives = "blocks of the branch with most work, in order, verified; values of inputs from "
             "earlier blocks given with them or from NAME.spent.json[.zst] or NAME.undo.bcoin "
             "beside NAME.blk",
    .recognise = blockfile_recognise,
    .open = blockfile_open,
};

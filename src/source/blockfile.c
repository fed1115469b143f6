// See blockfile.h.
//
// A block is given out in these steps, each of which can end the run with a fault that names file,
// byte, block, transaction and input or output:
//
//   read      its bytes                               source/block_files.c    |
//   decode    and verify what it proves of itself     chain/bitcoin.c         |
//   height    the one it states against its place     BIP 34                  | ahead, by any
//   beside    what it spends, by undo data or by      source/undo_files.c     | thread
//             its companion                           source/companion.c      |
//   finish    key columns                             chain/block.c           |
//   settle    what each input is worth; sums          source/settle.c
//
// The first five need nothing but the block itself and are done ahead (source/block_ahead.h).
// Settling comes last, in the order of the chain: it changes values and holders of inputs, which no
// key column is made of, so that columns may be finished before.
//
// A block that fails is told of when its turn comes, so that the blocks before it are given out
// whatever the number of threads.
#include "source/blockfile.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "codec/hex.h"
#include "source/block_ahead.h"
#include "source/block_files.h"
#include "source/block_index.h"
#include "source/settle.h"
#include "source/source_kinds.h"
#include "source/companion.h"
#include "source/undo_files.h"

enum {
	// Header times may lie this many seconds off the time of day: a node takes a block whose
	// time is two hours ahead of its own clock (Bitcoin Core, MAX_FUTURE_BLOCK_TIME).
	TIME_SLACK = 2 * 60 * 60,
	// So many blocks at the end may have no undo data because they are not connected yet. If
	// there are more, undo files are missing.
	UNCONNECTED_MAX = 10,
	BCH_HEIGHT = 478559, // of the first block that is Bitcoin Cash's and not Bitcoin's
	NAME_SIZE = DP_FAULT_FILE_MAX + 32,
};
#define MEMORY_DEFAULT (UINT64_C(4) << 30)
// Bytes of blocks that are worked on ahead: their rows take some three times as much.
#define AHEAD_BYTES_MAX (UINT64_C(64) << 20)

// A block on its way, and everything that is needed to work on it.
typedef struct slot {
	uint32_t place; // in the index
	dp_undo_hint hint;
	bool has_undo_file, has_companion;
	dp_code code; // of the work
	dp_fault fault;
	dp_block_reader reader;
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_info info;
	const dp_block *block; // finished
	dp_undo_found undo;
	dp_companion spent;
	uint8_t *bytes;
	uint64_t bytes_cap;
} slot;

typedef struct blockfile {
	dp_source base; // first: see struct dp_source
	dp_block_files files;
	dp_block_index index;
	dp_undo_files undo;
	dp_settler settler;
	dp_ahead ahead;
	slot *slot;
	uint32_t slot_count;
	uint64_t first, end;  // of the order: what is to be read
	uint64_t undo_end;    // of the order: the last block before it has undo data, for sure
	uint64_t memory_left; // for coins and directories of undo files
	uint64_t post_at;     // next block of the order to be worked on
	uint64_t order_at;    // next block of the order to be given out
	uint64_t bytes_ahead; // of blocks that are posted and not released
	bool is_given;        // the slot taken last is the caller's still
	bool is_ended_by_fault;
	bool needs_no_values; // of inputs: the caller has the outputs that they spend
	uint32_t threads;
	const uint8_t *undo_bytes; // beside blocks in memory
	size_t undo_size;
} blockfile;

//- faults ----------------------------------------------------------------------------------------

// Puts the block's height before the text, and its file and place in it beside.
static dp_code place_fault(const blockfile *f, const dp_block_place *p, dp_fault *fault,
                           dp_code code)
{
	const dp_block_file *file = &f->files.file[p->file];
	DP_CHECK(code != DP_OK);
	// What was found wrong in another file, or by the system, has its own place already.
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

//- the work on one block -------------------------------------------------------------------------

// The block against its place in the chain.
static dp_code check_place(const blockfile *f, const slot *s, const dp_block_place *p,
                           dp_fault *fault)
{
	uint64_t ruled_from = f->base.chain->bip34_height;
	if (memcmp(s->info.header.hash, p->hash, 32) != 0)
		return dp_fail(fault, DP_IO, "the file changed while it was read: run again");
	bool is_ruled = ruled_from != 0 && p->height >= ruled_from;
	if (is_ruled && (!s->info.has_height || s->info.height != p->height))
		return dp_fail(fault, DP_BAD_BYTES,
		               "does not state this height in its coinbase, as it must (BIP 34)%s",
		               s->info.has_height ? ": another height stands there" : "");
	return DP_OK;
}

static dp_code read_bytes(const blockfile *f, slot *s, const dp_block_place *p, dp_fault *fault)
{
	DP_CHECK(p->size <= DP_CHAIN_BLOCK_SIZE_MAX);
	DP_TRY(
	    dp_grow((void **)&s->bytes, &s->bytes_cap, 1, p->size, DP_CHAIN_BLOCK_SIZE_MAX, fault));
	return dp_block_reader_read(&s->reader, s->bytes, &f->files.file[p->file], p->offset,
	                            p->size, fault);
}

// What stands beside the block: its undo data, or the companion of a bare block.
static dp_code read_beside(const blockfile *f, slot *s, const dp_block_place *p, dp_fault *fault)
{
	const dp_block_file *file = &f->files.file[p->file];
	s->has_companion = false;
	if (s->has_undo_file) {
		const dp_undo_wanted wanted = {.block = &s->builder.block,
		                               .order = dp_bitcoin_order(&s->decoder),
		                               .bytes = s->bytes,
		                               .size = p->size};
		return dp_undo_files_find(&f->undo, &s->undo, &s->reader, p->file, &s->hint,
		                          &wanted, fault);
	}
	if (file->is_framed || file->path == NULL || f->needs_no_values) return DP_OK;
	return dp_companion_load(&s->spent, &s->has_companion, file->path, fault);
}

// Touches nothing but its slot and what is not changed while there are threads.
static void work_on_slot(void *context, uint32_t number)
{
	const blockfile *f = context;
	slot *s = &f->slot[number];
	const dp_block_place *p = &f->index.place[s->place];
	dp_fault *fault = &s->fault;
	*fault = (dp_fault){0};
	s->code = read_bytes(f, s, p, fault);
	if (s->code == DP_OK)
		s->code = dp_bitcoin_decode(&s->info, &s->decoder, &s->builder, f->base.chain,
		                            p->height, s->bytes, p->size, fault);
	if (s->code == DP_OK) s->code = check_place(f, s, p, fault);
	if (s->code == DP_OK) s->code = read_beside(f, s, p, fault);
	if (s->code == DP_OK) s->code = dp_builder_finish(&s->builder, &s->block, fault);
	if (s->code != DP_OK) place_fault(f, p, fault, s->code);
}

//- giving out blocks -----------------------------------------------------------------------------

static uint64_t at_most(uint64_t whole, uint64_t part)
{
	return part < whole ? whole - part : 1; // 0 would be no maximum
}

// Prepares a slot for the block that is to be worked on next. Coins and directories of undo files
// share what memory is left.
static void fill_slot(blockfile *f, slot *s, uint32_t number)
{
	const dp_block_place *p = &f->index.place[number];
	s->place = number;
	// Genesis was never connected: its coinbase can not be spent.
	s->has_undo_file =
	    !f->needs_no_values && p->height != 0 && dp_undo_files_has(&f->undo, p->file);
	if (!s->has_undo_file) return;
	f->undo.bytes_max = at_most(f->memory_left, f->settler.coins.bytes);
	dp_undo_files_expect(&f->undo, &s->hint, p->file);
	f->settler.coins.bytes_max = at_most(f->memory_left, dp_undo_files_bytes(&f->undo));
	s->hint.siblings = dp_block_index_siblings(&f->index, number);
	s->hint.is_connected = f->post_at + 1 < f->undo_end;
}

// Fills free slots, and wakes others only when half of them are free: a wake-up costs as much as a
// small block.
static void post_blocks(blockfile *f)
{
	uint32_t room = dp_ahead_room(&f->ahead), count = 0;
	if (2 * room < f->slot_count) return;
	for (; count < room && f->post_at < f->end; count++, f->post_at++) {
		uint32_t number = f->index.order[f->post_at];
		const dp_block_place *p = &f->index.place[number];
		bool is_alone = f->bytes_ahead == 0;
		if (!is_alone && f->bytes_ahead + p->size > AHEAD_BYTES_MAX) break;
		fill_slot(f, &f->slot[dp_ahead_slot(&f->ahead, count)], number);
		f->bytes_ahead += p->size;
	}
	if (count > 0) dp_ahead_post(&f->ahead, count);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

// Says what stands beside the block, with its name in `name`.
static dp_settle_beside beside_of(const blockfile *f, const slot *s, char name[NAME_SIZE])
{
	dp_settle_beside b = {.kind = DP_BESIDE_NOTHING, .name = name};
	const dp_block_place *p = &f->index.place[s->place];
	name[0] = 0;
	if (s->has_undo_file && s->undo.record != DP_UNDO_NONE) {
		b.kind = DP_BESIDE_LIST;
		b.coin = s->undo.undo.coin;
		b.count = s->undo.undo.coin_count;
		const char *path = f->undo.dir[p->file].rev.path;
		snprintf(name, NAME_SIZE, "%s", path == NULL ? "undo data" : base_name(path));
	} else if (s->has_companion) {
		b.kind = DP_BESIDE_LIST;
		b.coin = s->spent.coin;
		b.count = s->spent.count;
		snprintf(name, NAME_SIZE, "the companion %s", s->spent.path);
	}
	return b;
}

// Takes down what undo data was found. Where coins are not remembered, a block without must be one
// of the last.
static dp_code settle_undo(blockfile *f, slot *s, const dp_block_place *p, dp_fault *fault)
{
	DP_TRY(dp_undo_files_settle(&f->undo, p->file, &s->hint, s->undo.record, &f->index, fault));
	bool is_covered = f->settler.keep_no_coins && f->order_at + 1 < f->undo_end;
	if (s->undo.record != DP_UNDO_NONE || !is_covered) return DP_OK;
	const char *path = f->undo.dir[p->file].rev.path;
	dp_code code =
	    dp_fail(fault, DP_BAD_BYTES,
	            "lacks the undo data of block %u, and that of a later block is there: the "
	            "file was cut at the end of a record, or belongs to another copy of the blocks",
	            p->height);
	if (fault != NULL && path != NULL) dp_fault_file(fault, path);
	return code;
}

static dp_code give_slot(blockfile *f, slot *s, const dp_block **ret_block, dp_fault *fault)
{
	const dp_block_place *p = &f->index.place[s->place];
	char name[NAME_SIZE];
	if (s->code != DP_OK) {
		if (fault != NULL) *fault = s->fault;
		return s->code;
	}
	if (s->has_undo_file) DP_TRY(settle_undo(f, s, p, fault));
	dp_settle_beside beside = beside_of(f, s, name);
	dp_code code = dp_settle(&f->settler, &s->builder, &s->decoder, &s->info, &beside, fault);
	if (code != DP_OK) return place_fault(f, p, fault, code);
	f->base.stats.values_unknown = f->settler.values_unknown;
	f->base.stats.bytes_read += p->size;
	*ret_block = s->block;
	return DP_OK;
}

static dp_code blockfile_next(dp_source *source, const dp_block **ret_block, dp_fault *fault)
{
	blockfile *f = (blockfile *)(void *)source;
	DP_CHECK(ret_block != NULL);
	DP_CHECK(!f->is_ended_by_fault);
	if (f->order_at == f->end) return DP_END;
	if (!f->ahead.is_open) DP_TRY(dp_ahead_open(&f->ahead, f->threads, work_on_slot, f, fault));
	if (f->is_given) {
		uint32_t number = f->index.order[f->order_at - 1];
		const dp_block_place *given = &f->index.place[number];
		f->bytes_ahead -= given->size;
		dp_undo_files_given(&f->undo, given->file);
		dp_ahead_release(&f->ahead);
		f->is_given = false;
	}
	post_blocks(f);
	slot *s = &f->slot[dp_ahead_take(&f->ahead)];
	DP_CHECK(s->place == f->index.order[f->order_at]);
	f->is_given = true;
	dp_code code = give_slot(f, s, ret_block, fault);
	f->is_ended_by_fault = code != DP_OK;
	if (code == DP_OK) f->order_at++;
	return code;
}

static void slot_done(slot *s)
{
	dp_block_reader_done(&s->reader);
	dp_bitcoin_decoder_done(&s->decoder);
	dp_builder_done(&s->builder);
	dp_undo_found_done(&s->undo);
	dp_companion_done(&s->spent);
	dp_free(s->bytes);
}

static void blockfile_close(dp_source *s)
{
	blockfile *f = (blockfile *)(void *)s;
	DP_CHECK(f != NULL);
	dp_ahead_close(&f->ahead); // before what its threads work on
	for (uint32_t i = 0; i < f->slot_count; i++) slot_done(&f->slot[i]);
	dp_free(f->slot);
	dp_undo_files_done(&f->undo);
	dp_block_files_done(&f->files);
	dp_block_index_done(&f->index);
	dp_settle_done(&f->settler);
	dp_free(f);
}

//- opening ---------------------------------------------------------------------------------------

// What a block without a parent says of its height.
static dp_code ask_height(void *context, bool *ret_known, uint64_t *ret_height,
                          const dp_block_place *place, dp_fault *fault)
{
	blockfile *f = context;
	slot *s = &f->slot[0];
	DP_TRY(read_bytes(f, s, place, fault));
	*ret_known = dp_chain_height(ret_height, f->base.chain, s->bytes, place->size);
	if (*ret_known) return DP_OK;
	// Old, or no block at all: better told now than after a question about its height.
	dp_code code = dp_bitcoin_decode(&s->info, &s->decoder, &s->builder, f->base.chain, 0,
	                                 s->bytes, place->size, fault);
	if (code != DP_BAD_BYTES || fault == NULL) return code;
	fault->offset += place->offset;
	const char *path = f->files.file[place->file].path;
	if (path != NULL) dp_fault_file(fault, path);
	return code;
}

static const char *name_file(void *context, uint32_t file)
{
	const blockfile *f = context;
	const char *path = f->files.file[file].path;
	return path == NULL ? NULL : base_name(path);
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
	uint32_t slot_count = dp_ahead_slots(options->threads);
	f->slot = dp_alloc(slot_count * sizeof *f->slot);
	if (f->slot == NULL) {
		dp_free(f);
		return NULL;
	}
	f->slot_count = slot_count;
	f->threads = options->threads;
	f->base.kind = &dp_source_blockfile;
	f->base.next = blockfile_next;
	f->base.close = blockfile_close;
	f->memory_left = options->memory_max == 0 ? MEMORY_DEFAULT : options->memory_max;
	f->settler.coins.seed = unknowable_seed();
	f->index.seed = f->settler.coins.seed + 1;
	for (uint32_t i = 0; i < slot_count; i++)
		f->slot[i].decoder.seed = f->settler.coins.seed + 2;
	return f;
}

// The first block of the order that anything named asks for. Earlier blocks are not read at all. A
// folder has no index of transactions: when they happened counts, and where that is not told it
// begins with its first block.
//
// Times of headers do not rise strictly, and a miner's clock may be off: the first block whose time
// is not more than two hours before the one asked for is taken, so that no block is left out
// that was found at that time, whatever time it states.
static uint64_t find_begin(const blockfile *f, const dp_source_begin *begin)
{
	const dp_block_index *x = &f->index;
	bool is_tx_lost = begin->tx_count > 0 && !begin->has_tx_time;
	if (is_tx_lost || (!begin->has_height && !begin->has_time && begin->tx_count == 0))
		return 0;
	uint64_t at = 0;
	for (; at + 1 < x->order_count; at++) {
		const dp_block_place *p = &x->place[x->order[at]];
		if (begin->has_height && p->height >= begin->height) break;
		int64_t latest = (int64_t)p->time + TIME_SLACK;
		if (begin->has_time && latest >= begin->time) break;
		if (begin->tx_count > 0 && latest >= begin->tx_time) break;
	}
	return at;
}

// From the end of what is to be read back to the first block that has undo data, but no further
// than blocks may be that are not connected. *ret_end is the place behind that block.
static dp_code find_undo_end(blockfile *f, uint64_t *ret_end, dp_fault *fault)
{
	const dp_block_index *x = &f->index;
	uint64_t end = f->end;
	DP_CHECK(f->first <= f->end);
	for (; end > f->first && f->end - end <= UNCONNECTED_MAX; end--) {
		bool has_undo = false;
		const dp_block_place *p = &x->place[x->order[end - 1]];
		DP_TRY(dp_undo_files_probe(&f->undo, &has_undo, p, fault));
		if (has_undo) break;
	}
	*ret_end = end;
	return DP_OK;
}

// Does the undo data beside the files give every value, but of the last few blocks?
static bool is_covered(const blockfile *f)
{
	const dp_block_index *x = &f->index;
	bool has_any = false;
	for (uint32_t i = 0; i < f->files.count && !has_any; i++)
		has_any = dp_undo_files_has(&f->undo, i);
	if (!has_any || f->end - f->undo_end > UNCONNECTED_MAX) return false;
	for (uint64_t i = f->first; i < f->undo_end; i++) {
		const dp_block_place *p = &x->place[x->order[i]];
		if (p->height != 0 && !dp_undo_files_has(&f->undo, p->file)) return false;
	}
	return true;
}

static bool has_holes(const blockfile *f)
{
	const dp_block_index *x = &f->index;
	if (f->first == f->end) return false;
	uint64_t low = x->place[x->order[f->first]].height;
	uint64_t high = x->place[x->order[f->end - 1]].height;
	return high - low + 1 != f->end - f->first;
}

// What is to be read, once its beginning is chosen.
static void measure_range(blockfile *f)
{
	const dp_block_index *x = &f->index;
	if (f->first == f->end) return;
	f->base.stats.height_first = x->place[x->order[f->first]].height;
	f->base.stats.height_last = x->place[x->order[f->end - 1]].height;
	f->settler.height_next = f->base.stats.height_first;
	for (uint64_t i = f->first; i < f->end; i++) {
		const dp_block_place *p = &x->place[x->order[i]];
		f->base.stats.bytes_total += p->size;
		dp_undo_files_use(&f->undo, p->file);
	}
}

// Decides which blocks of the order are read, and whether coins have to be remembered.
static dp_code choose_range(blockfile *f, const dp_source_options *options, dp_fault *fault)
{
	const dp_block_index *x = &f->index;
	f->first = find_begin(f, &options->begin);
	f->end = x->order_count;
	while (options->has_height_max && f->end > f->first &&
	       x->place[x->order[f->end - 1]].height > options->height_max)
		f->end--;
	// With holes between the blocks a coin may have been made in one of them.
	bool is_start = x->is_from_start && f->first == 0;
	f->needs_no_values =
	    options->joins_inputs && (is_start || options->has_all_before) && !has_holes(f);
	if (!f->needs_no_values) DP_TRY(find_undo_end(f, &f->undo_end, fault));
	f->settler.keep_no_coins = f->needs_no_values || is_covered(f);
	if (!f->settler.keep_no_coins && options->joins_inputs) {
		f->settler.keep_no_coins = true;
		f->undo_end = 0; // what undo data there is is used, and none is missed
	}
	if (!f->settler.keep_no_coins) {
		f->first = 0; // values come from the blocks before
		f->undo_end = 0;
		while (options->has_height_max && f->end > 0 &&
		       x->place[x->order[f->end - 1]].height > options->height_max)
			f->end--;
	}
	f->order_at = f->post_at = f->first;
	f->base.opening_known_zero = x->is_from_start && f->first == 0;
	f->settler.is_complete = f->base.opening_known_zero;
	measure_range(f);
	return DP_OK;
}

// Bitcoin Cash kept Bitcoin's mark and all blocks up to the split: the one after it tells.
static dp_code check_split(const blockfile *f, dp_fault *fault)
{
	const dp_block_index *x = &f->index;
	const dp_chain *bch = dp_chain_find("bitcoin-cash", strlen("bitcoin-cash"));
	uint64_t low = 0, high = x->order_count;
	uint8_t start[16];
	DP_CHECK(bch != NULL);
	if (!dp_chain_same_magic(f->base.chain, bch)) return DP_OK;
	while (low < high) { // heights rise
		uint64_t middle = low + (high - low) / 2;
		if (x->place[x->order[middle]].height < BCH_HEIGHT)
			low = middle + 1;
		else
			high = middle;
	}
	const dp_block_place *p = low == x->order_count ? NULL : &x->place[x->order[low]];
	if (p == NULL || p->height != BCH_HEIGHT) return DP_OK;
	const char *hex = bch->caip2 + strlen("bip122:");
	DP_CHECK(dp_hex_decode(start, sizeof start, hex));
	bool is_bch = true;
	for (size_t i = 0; i < sizeof start; i++) is_bch = is_bch && start[i] == p->hash[31 - i];
	if (is_bch == (f->base.chain == bch)) return DP_OK;
	dp_code code =
	    is_bch ? dp_fail(fault, DP_BAD_CASE,
	                     "these are blocks of Bitcoin Cash: block %d is its first of its own. "
	                     "Name the chain bitcoin-cash",
	                     BCH_HEIGHT)
	           : dp_fail(fault, DP_BAD_CASE,
	                     "these are no blocks of Bitcoin Cash, but of Bitcoin: block %d is "
	                     "not the one with which Bitcoin Cash began",
	                     BCH_HEIGHT);
	const char *path = f->files.file[p->file].path;
	if (fault != NULL && path != NULL) dp_fault_file(fault, path);
	return code;
}

// Everything up to the first block, once the files are known.
static dp_code prepare(blockfile *f, const dp_source_options *options, dp_fault *fault)
{
	DP_TRY(dp_block_files_look(&f->files, &f->base.chain, options->chain, fault));
	f->undo.bytes_max = f->memory_left;
	DP_TRY(dp_undo_files_open(&f->undo, &f->files, f->base.chain, fault));
	if (f->undo_bytes != NULL) dp_undo_files_give(&f->undo, 0, f->undo_bytes, f->undo_size);
	DP_TRY(dp_block_files_scan(&f->files, &f->index, f->base.chain, fault));
	const dp_block_height_of height_of = {
	    .ask = ask_height,
	    .file_name = name_file,
	    .context = f,
	    .chain = f->base.chain,
	    .has_height_start = options->has_height_start,
	    .height_start = options->height_start,
	};
	DP_TRY(dp_block_index_order(&f->index, &height_of, fault));
	uint64_t index_bytes = dp_block_index_bytes(&f->index);
	if (index_bytes >= f->memory_left)
		return dp_fail(
		    fault, DP_LIMIT,
		    "the headers of %llu blocks take more than the %llu MiB allowed: allow "
		    "more memory, or give fewer files",
		    (unsigned long long)f->index.place_count,
		    (unsigned long long)(f->memory_left >> 20));
	f->memory_left -= index_bytes;
	f->settler.coins.bytes_max = at_most(f->memory_left, dp_undo_files_bytes(&f->undo));
	f->undo.bytes_max = f->memory_left;
	DP_TRY(check_split(f, fault));
	if (f->base.chain->has_mweb) f->base.gaps |= DP_GAP_PRIVATE;
	DP_TRY(choose_range(f, options, fault));
	for (uint32_t i = 0; i < f->slot_count; i++) f->slot[i].spent.chain = f->base.chain;
	f->base.stats.blocks_stale = f->index.stale_count;
	f->base.stats.records_cut = f->files.records_cut;
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
                                const uint8_t *undo, size_t undo_size,
                                const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && bytes != NULL && options != NULL);
	blockfile *f = make(options);
	if (f == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	f->undo_bytes = undo;
	f->undo_size = undo_size;
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
             "revNNNNN.dat beside blkNNNNN.dat (then from any block on), from earlier blocks given "
             "with them, or from NAME.spent.json[.zst] or NAME.undo.bcoin beside NAME.blk; also "
             "Litecoin, Dogecoin and Bitcoin Cash (name the chain: its files look like Bitcoin's)",
    .can = DP_CAN_PREVOUTS | DP_CAN_BEGIN,
    .recognise = blockfile_recognise,
    .open = blockfile_open,
};

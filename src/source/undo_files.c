// See undo_files.h. Source of the framing: Bitcoin Core src/node/blockstorage.cpp,
// WriteBlockUndo and ReadBlockUndo: magic u32, size u32, undo data, 32 bytes of checksum.
//
// One read for each record makes the directory: the end of a record and the beginning of the next
// stand side by side, so the checksum of one and the head of the next come together. The tag kept
// of the checksum finds the records of blocks without payments without reading any: their undo
// data is a byte of zero, and of the 120,000 blocks of a main chain's first file most are such.
#include "source/undo_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "codec/hash.h"

enum {
	CHECKSUM_SIZE = 32,
	COUNT_SIZE_MAX = 9,
	HEAD_SIZE = DP_BLOCK_FRAME_SIZE + COUNT_SIZE_MAX,
	PATH_SIZE_MAX = 4096,
};

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t load64(const uint8_t *p)
{
	return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32;
}

static dp_code fail_in(const dp_undo_dir *d, uint64_t offset, const char *why, dp_fault *fault)
{
	dp_code code = dp_fail_offset(fault, DP_BAD_BYTES, offset, "%s", why);
	if (fault != NULL && d->rev.path != NULL) dp_fault_file(fault, d->rev.path);
	return code;
}

//- which files -----------------------------------------------------------------------------------

// blk00012.dat and rev00012.dat stand side by side: the same path with other letters.
static dp_code find_rev(dp_undo_dir *d, const dp_block_file *blk, dp_fault *fault)
{
	char path[PATH_SIZE_MAX];
	struct stat st;
	if (!blk->is_framed || blk->path == NULL || blk->number == DP_BLOCK_FILE_NO_NUMBER)
		return DP_OK;
	size_t n = strlen(blk->path), name = n;
	while (name > 0 && blk->path[name - 1] != '/') name--;
	DP_CHECK(memcmp(blk->path + name, "blk", 3) == 0);
	if (n >= sizeof path) return DP_OK; // no system opens such a path
	memcpy(path, blk->path, n + 1);
	memcpy(path + name, "rev", 3);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return DP_OK;
	d->rev.path = dp_alloc(n + 1);
	if (d->rev.path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(d->rev.path, path, n);
	d->rev.size = (uint64_t)st.st_size;
	d->rev.number = blk->number;
	d->rev.is_framed = true;
	memcpy(d->rev.xor_key, blk->xor_key, sizeof d->rev.xor_key);
	return DP_OK;
}

bool dp_undo_files_has(const dp_undo_files *u, uint32_t file)
{
	DP_CHECK(u != NULL && file < u->count);
	return u->dir[file].rev.path != NULL || u->dir[file].rev.bytes != NULL;
}

void dp_undo_files_give(dp_undo_files *u, uint32_t file, const uint8_t *bytes, size_t size)
{
	DP_CHECK(u != NULL && file < u->count && bytes != NULL);
	dp_undo_dir *d = &u->dir[file];
	DP_CHECK(!dp_undo_files_has(u, file));
	d->rev = (dp_block_file){
	    .bytes = bytes, .size = size, .number = DP_BLOCK_FILE_NO_NUMBER, .is_framed = true};
	d->is_last = true;
}

//- the directory ---------------------------------------------------------------------------------

// The head of the record at `at`, with whatever of it the file still has. *ret_is_end: there is
// none, the rest is reserved, or the record is not complete yet.
static dp_code check_head(dp_undo_files *u, dp_undo_dir *d, bool *ret_is_end, uint64_t at,
                          const uint8_t *head, dp_fault *fault)
{
	uint64_t rest = d->rev.size - at;
	uint32_t magic = load32(head), size = load32(head + 4);
	*ret_is_end = true;
	if (rest == 0) return DP_OK;
	if (magic != u->magic && dp_block_file_is_reserved(&d->rev, at, head))
		return dp_block_files_check_reserved(&u->reader, &d->rev, at, fault);
	if (rest >= 4 && magic != u->magic)
		return fail_in(d, at,
		               "undo data should begin here with the mark of its network and does "
		               "not: the file is damaged",
		               fault);
	bool is_size_read = rest >= DP_BLOCK_FRAME_SIZE;
	if (is_size_read && (size == 0 || size > DP_UNDO_SIZE_MAX))
		return fail_in(d, at + 4, "states an impossible size of undo data", fault);
	*ret_is_end = !is_size_read || rest - DP_BLOCK_FRAME_SIZE < (uint64_t)size + CHECKSUM_SIZE;
	if (!*ret_is_end) return DP_OK;
	if (!d->is_last)
		return fail_in(d, at,
		               "the file ends in the middle of undo data: only the last "
		               "revNNNNN.dat, which a node may still be writing, may do so",
		               fault);
	u->records_cut++;
	return DP_OK;
}

static dp_code add_record(dp_undo_dir *d, uint64_t at, const uint8_t *head, dp_fault *fault)
{
	uint32_t size = load32(head + 4);
	dp_bytes b =
	    dp_bytes_of(head + DP_BLOCK_FRAME_SIZE, size < COUNT_SIZE_MAX ? size : COUNT_SIZE_MAX);
	uint64_t tx_count = dp_bytes_varint(&b);
	if (b.failed || tx_count > DP_BLOCK_TX_MAX)
		return fail_in(d, at + DP_BLOCK_FRAME_SIZE,
		               "undo data begins with an impossible number of transactions: the "
		               "file is damaged",
		               fault);
	DP_TRY(dp_grow((void **)&d->record, &d->cap, sizeof *d->record, d->count + 1,
	               DP_UNDO_RECORDS_MAX, fault));
	d->record[d->count++] = (dp_undo_record){
	    .offset = at + DP_BLOCK_FRAME_SIZE, .size = size, .tx_count = (uint32_t)tx_count};
	return DP_OK;
}

static dp_code make_dir(dp_undo_files *u, dp_undo_dir *d, dp_fault *fault)
{
	uint8_t b[CHECKSUM_SIZE + HEAD_SIZE];
	uint64_t at = 0;
	bool is_end = false;
	for (;;) {
		// Before the first record there is no checksum to read.
		size_t skip = at == 0 ? CHECKSUM_SIZE : 0;
		uint64_t from = at == 0 ? 0 : at - CHECKSUM_SIZE;
		uint64_t rest = d->rev.size - from;
		size_t n = rest < sizeof b - skip ? (size_t)rest : sizeof b - skip;
		memset(b, 0, sizeof b);
		DP_TRY(dp_block_reader_read(&u->reader, b + skip, &d->rev, from, n, fault));
		if (at > 0) d->record[d->count - 1].tag = load64(b);
		const uint8_t *head = b + CHECKSUM_SIZE;
		DP_TRY(check_head(u, d, &is_end, at, head, fault));
		if (is_end) return DP_OK;
		DP_TRY(add_record(d, at, head, fault));
		at += DP_BLOCK_FRAME_SIZE + (uint64_t)load32(head + 4) + CHECKSUM_SIZE;
	}
}

static void make_now(dp_undo_files *u, dp_undo_dir *d)
{
	DP_CHECK(!d->is_made);
	d->code = make_dir(u, d, &d->fault);
	d->is_made = true;
}

dp_code dp_undo_files_open(dp_undo_files *u, const dp_block_files *blocks, const dp_chain *chain,
                           dp_fault *fault)
{
	DP_CHECK(u != NULL && blocks != NULL && chain != NULL);
	DP_CHECK(u->dir == NULL);
	u->blocks = blocks;
	u->chain = chain;
	u->magic = blocks->magic;
	u->reader.is_jumping = true;
	if (blocks->count == 0) return DP_OK;
	u->dir = dp_alloc(blocks->count * sizeof *u->dir);
	if (u->dir == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	u->count = blocks->count;
	dp_undo_dir *last = NULL;
	for (uint64_t i = 0; i < u->count; i++) {
		dp_undo_dir *d = &u->dir[i];
		DP_TRY(find_rev(d, &blocks->file[i], fault));
		bool is_later = last == NULL || d->rev.number >= last->rev.number;
		if (d->rev.path != NULL && is_later) last = d;
	}
	if (last == NULL) return DP_OK;
	last->is_last = true;
	make_now(u, last);
	return DP_OK;
}

void dp_undo_files_expect(dp_undo_files *u, uint32_t *ret_record, uint32_t file)
{
	DP_CHECK(u != NULL && ret_record != NULL && file < u->count);
	dp_undo_dir *d = &u->dir[file];
	DP_CHECK(dp_undo_files_has(u, file));
	if (!d->is_made) make_now(u, d);
	*ret_record = d->next;
	if (d->next < d->count) d->next++;
}

//- finding a block's record ----------------------------------------------------------------------

// Reads undo data and checksum. Is it that of a block whose parent has this hash?
static dp_code read_record(const dp_undo_dir *d, dp_undo_found *found, dp_block_reader *reader,
                           bool *ret_belongs, const dp_undo_record *r, const uint8_t parent[32],
                           dp_fault *fault)
{
	DP_TRY(dp_grow((void **)&found->bytes, &found->bytes_cap, 1,
	               (uint64_t)r->size + CHECKSUM_SIZE, DP_UNDO_SIZE_MAX + CHECKSUM_SIZE, fault));
	DP_TRY(dp_block_reader_read(reader, found->bytes, &d->rev, r->offset,
	                            (size_t)r->size + CHECKSUM_SIZE, fault));
	*ret_belongs = dp_undo_belongs(found->bytes, r->size, found->bytes + r->size, parent);
	return DP_OK;
}

// Undo data of a block without payments is one byte: the tag alone can answer for it.
static uint64_t empty_tag(const uint8_t parent[32])
{
	uint8_t data[33], hash[32];
	memcpy(data, parent, 32);
	data[32] = 0;
	dp_sha256d(hash, data, sizeof data);
	return load64(hash);
}

// Has the undo data as many inputs in each transaction as the block? Rows are inputs first.
static bool fits_block(const dp_undo *undo, const dp_block *block, const uint32_t *order)
{
	if (undo->tx_count + 1 != block->tx_count) return false;
	for (uint32_t t = 1; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		const dp_movement *mv = block->mv + tx->mv_first;
		uint32_t place = order == NULL ? t : order[t];
		DP_CHECK(place > 0 && place < block->tx_count);
		uint32_t n = undo->tx_coins[place - 1];
		bool is_same = n <= tx->mv_count && (n == 0 || mv[n - 1].kind == DP_MV_INPUT) &&
		               (n == tx->mv_count || mv[n].kind != DP_MV_INPUT);
		if (!is_same) return false;
	}
	return true;
}

// A block that is looked for, with the places of its transactions in the serialised block (NULL: as
// they stand).
typedef struct wanted {
	const dp_block *block;
	const uint32_t *order;
} wanted;

// One candidate. *ret_is_it when it is the block's; *io_misfit is set when the checksum is right
// and the numbers of inputs are others'.
static dp_code try_record(const dp_undo_files *u, const dp_undo_dir *d, dp_undo_found *found,
                          dp_block_reader *reader, bool *ret_is_it, uint32_t *io_misfit,
                          uint32_t number, const wanted *w, dp_fault *fault)
{
	const dp_undo_record *r = &d->record[number];
	bool belongs = false;
	*ret_is_it = false;
	DP_TRY(read_record(d, found, reader, &belongs, r, w->block->prev, fault));
	if (!belongs) return DP_OK;
	dp_code code = dp_undo_decode(&found->undo, u->chain, found->bytes, r->size, fault);
	if (code == DP_BAD_BYTES && fault != NULL) {
		fault->offset = r->offset + (fault->has_offset ? fault->offset : 0);
		fault->has_offset = 1;
		if (d->rev.path != NULL) dp_fault_file(fault, d->rev.path);
	}
	if (code != DP_OK) return code;
	*ret_is_it = fits_block(&found->undo, w->block, w->order);
	if (!*ret_is_it) *io_misfit = number;
	return DP_OK;
}

dp_code dp_undo_files_find(const dp_undo_files *u, dp_undo_found *found, dp_block_reader *reader,
                           uint32_t file, uint32_t expected, const dp_block *block,
                           const uint32_t *order, dp_fault *fault)
{
	DP_CHECK(u != NULL && found != NULL && reader != NULL && file < u->count);
	DP_CHECK(block != NULL && block->tx_count > 0);
	const dp_undo_dir *d = &u->dir[file];
	DP_CHECK(d->is_made);
	found->record = DP_UNDO_NONE;
	if (d->code != DP_OK) {
		if (fault != NULL) *fault = d->fault;
		return d->code;
	}
	const wanted w = {block, order};
	uint32_t tx_count = block->tx_count - 1, misfit = DP_UNDO_NONE;
	uint64_t tag = tx_count == 0 ? empty_tag(block->prev) : 0;
	// expected, the one behind it, the one before it, the second behind it, ...
	for (uint64_t step = 0; step <= 2 * d->count; step++) {
		uint64_t away = (step + 1) / 2;
		if (step % 2 == 0 && away > expected) continue;
		uint64_t number = step % 2 == 0 ? expected - away : expected + away;
		if (number >= d->count) continue;
		const dp_undo_record *r = &d->record[number];
		if (r->tx_count != tx_count || (tx_count == 0 && r->tag != tag)) continue;
		bool is_it = false;
		DP_TRY(
		    try_record(u, d, found, reader, &is_it, &misfit, (uint32_t)number, &w, fault));
		if (!is_it) continue;
		found->record = (uint32_t)number;
		return DP_OK;
	}
	if (misfit == DP_UNDO_NONE) return DP_OK;
	return fail_in(d, d->record[misfit].offset,
	               "the undo data of this block has other numbers of inputs than the block",
	               fault);
}

//- records without a block -----------------------------------------------------------------------

// Which block of the index is it whose record is in found->bytes? From `from` on, once round.
// DP_BLOCK_NONE: none.
static uint32_t owner_of(const dp_undo_dir *d, const dp_undo_found *found, const dp_undo_record *r,
                         const dp_block_index *index, uint32_t from)
{
	const uint8_t *bytes = found->bytes;
	DP_CHECK(d->is_made && index->place_count > 0);
	for (uint64_t i = 0; i < index->place_count; i++) {
		uint32_t at = (uint32_t)((from + i) % index->place_count);
		const dp_block_place *p = &index->place[at];
		if (p->tx_count != 0 && p->tx_count != r->tx_count + 1) continue;
		if (dp_undo_belongs(bytes, r->size, bytes + r->size, p->prev)) return at;
	}
	return DP_BLOCK_NONE;
}

// A block of this file has no record. That is as it should be when the node has not connected it
// yet, or never did. It is not when a record cannot be any block's, for then it may have been this
// one's before it was damaged.
static dp_code check_owners(dp_undo_files *u, dp_undo_dir *d, const dp_block_index *index,
                            dp_fault *fault)
{
	dp_undo_found found = {0};
	dp_code code = DP_OK;
	uint32_t owner = 0;
	for (uint64_t i = 0; i < d->count && code == DP_OK; i++) {
		dp_undo_record *r = &d->record[i];
		bool belongs;
		static const uint8_t nobody[32];
		if (r->is_claimed) continue;
		code = read_record(d, &found, &u->reader, &belongs, r, nobody, fault);
		if (code != DP_OK) break;
		uint32_t at = owner_of(d, &found, r, index, owner);
		if (at == DP_BLOCK_NONE)
			code = fail_in(d, r->offset,
			               "the checksum of this undo data fits no block: the file is "
			               "damaged",
			               fault);
		else
			owner = at + 1;
	}
	dp_undo_found_done(&found);
	return code;
}

dp_code dp_undo_files_settle(dp_undo_files *u, uint32_t file, uint32_t expected, uint32_t found,
                             const dp_block_index *index, dp_fault *fault)
{
	DP_CHECK(u != NULL && file < u->count && index != NULL);
	dp_undo_dir *d = &u->dir[file];
	if (found != DP_UNDO_NONE) {
		DP_CHECK(found < d->count);
		d->record[found].is_claimed = true;
		// Those asked for since are expected as far from their places as this one was.
		int64_t next = (int64_t)d->next + (int64_t)found - (int64_t)expected;
		d->next = next < 0 || (uint64_t)next > d->count ? 0 : (uint32_t)next;
		return DP_OK;
	}
	if (d->is_checked) return DP_OK;
	d->is_checked = true;
	return check_owners(u, d, index, fault);
}

uint64_t dp_undo_files_bytes(const dp_undo_files *u)
{
	DP_CHECK(u != NULL);
	uint64_t bytes = u->count * sizeof *u->dir;
	for (uint64_t i = 0; i < u->count; i++) bytes += u->dir[i].cap * sizeof *u->dir[i].record;
	return bytes;
}

void dp_undo_found_done(dp_undo_found *found)
{
	DP_CHECK(found != NULL);
	dp_undo_done(&found->undo);
	dp_free(found->bytes);
	*found = (dp_undo_found){0};
}

void dp_undo_files_done(dp_undo_files *u)
{
	DP_CHECK(u != NULL);
	dp_block_reader_done(&u->reader);
	for (uint64_t i = 0; i < u->count; i++) {
		dp_free(u->dir[i].rev.path);
		dp_free(u->dir[i].record);
	}
	dp_free(u->dir);
	*u = (dp_undo_files){0};
}

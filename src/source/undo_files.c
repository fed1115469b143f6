// See undo_files.h. Source of the framing: Bitcoin Core src/node/blockstorage.cpp,
// WriteBlockUndo and ReadBlockUndo: magic u32, size u32, undo data, 32 bytes of checksum.
//
// One read for each record makes the directory: the end of a record and the beginning of the next
// stand side by side, so the checksum of one and the head of the next come together. The tag kept
// of the checksum finds the records of blocks without payments without reading any: their undo
// data is a byte of zero, and of the 120,000 blocks of a main chain's first file most are such.
#include "source/undo_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "source/settle.h"
#include "source/undo_proof.h"

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
	const dp_undo_dir *d = &u->dir[file];
	return (d->rev.path != NULL || d->rev.bytes != NULL) && !d->is_empty;
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

// Room for one more record, within the memory that all directories may take.
static dp_code grow_dir(dp_undo_files *u, dp_undo_dir *d, dp_fault *fault)
{
	uint64_t before = d->cap;
	if (d->count < d->cap) return DP_OK;
	uint64_t more = (d->cap < 8 ? 8 : d->cap / 2) * sizeof *d->record; // what dp_grow adds
	if (u->bytes_max != 0 && dp_undo_files_bytes(u) + more > u->bytes_max) {
		dp_code code = dp_fail(fault, DP_LIMIT,
		                       "the list of its %llu records and more takes more memory "
		                       "than is allowed: allow more",
		                       (unsigned long long)d->count);
		if (fault != NULL && d->rev.path != NULL) dp_fault_file(fault, d->rev.path);
		return code;
	}
	DP_TRY(dp_grow((void **)&d->record, &d->cap, sizeof *d->record, d->count + 1,
	               DP_UNDO_RECORDS_MAX, fault));
	u->bytes += (d->cap - before) * sizeof *d->record;
	return DP_OK;
}

static dp_code add_record(dp_undo_files *u, dp_undo_dir *d, uint64_t at, const uint8_t *head,
                          dp_fault *fault)
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
	DP_TRY(grow_dir(u, d, fault));
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
		DP_TRY(add_record(u, d, at, head, fault));
		at += DP_BLOCK_FRAME_SIZE + (uint64_t)load32(head + 4) + CHECKSUM_SIZE;
	}
}

static void make_now(dp_undo_files *u, dp_undo_dir *d)
{
	DP_CHECK(!d->is_made);
	d->code = make_dir(u, d, &d->fault);
	d->is_made = true;
}

// A file that has no record yet, only reserved room, is as good as none.
static dp_code look_whether_empty(dp_undo_files *u, dp_undo_dir *d, dp_fault *fault)
{
	uint8_t head[4] = {0};
	if (d->rev.size >= sizeof head)
		DP_TRY(dp_block_reader_read(&u->reader, head, &d->rev, 0, sizeof head, fault));
	bool may_be = load32(head) != u->magic &&
	              (d->rev.size < sizeof head || dp_block_file_is_reserved(&d->rev, 0, head));
	if (!may_be) return DP_OK;
	if (!d->is_made) make_now(u, d);
	d->is_empty = d->code == DP_OK && d->count == 0;
	return DP_OK;
}

// Which undo file of each folder has the highest number: a node may be writing it.
static dp_code find_last(dp_undo_files *u, dp_fault *fault)
{
	const dp_block_file *file = u->blocks->file;
	uint64_t *last = dp_alloc(u->count * sizeof *last); // by folder: number in dir[], plus 1
	if (last == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < u->count; i++) {
		DP_CHECK(file[i].folder < u->count);
		uint64_t *l = &last[file[i].folder];
		if (u->dir[i].rev.path == NULL) continue;
		if (*l == 0 || u->dir[i].rev.number >= u->dir[*l - 1].rev.number) *l = i + 1;
	}
	for (uint64_t i = 0; i < u->count; i++)
		if (last[i] != 0) u->dir[last[i] - 1].is_last = true;
	dp_free(last);
	return DP_OK;
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
	for (uint64_t i = 0; i < u->count; i++)
		DP_TRY(find_rev(&u->dir[i], &blocks->file[i], fault));
	DP_TRY(find_last(u, fault));
	for (uint64_t i = 0; i < u->count; i++) {
		dp_undo_dir *d = &u->dir[i];
		if (d->rev.path == NULL) continue;
		if (d->is_last) make_now(u, d);
		DP_TRY(look_whether_empty(u, d, fault));
	}
	return DP_OK;
}

void dp_undo_files_use(dp_undo_files *u, uint32_t file)
{
	DP_CHECK(u != NULL && file < u->count);
	u->dir[file].uses++;
}

void dp_undo_files_expect(dp_undo_files *u, dp_undo_hint *ret_hint, uint32_t file)
{
	DP_CHECK(u != NULL && ret_hint != NULL && file < u->count);
	dp_undo_dir *d = &u->dir[file];
	DP_CHECK(dp_undo_files_has(u, file) && d->uses > 0);
	if (!d->is_made) make_now(u, d);
	*ret_hint = (dp_undo_hint){.record = d->next, .siblings = 1, .has_left = d->left != NULL};
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

// Decodes the record in found->bytes.
static dp_code decode_record(const dp_undo_files *u, const dp_undo_dir *d, dp_undo *undo,
                             const dp_undo_found *found, const dp_undo_record *r, dp_fault *fault)
{
	dp_code code = dp_undo_decode(undo, u->chain, found->bytes, r->size, fault);
	if (code == DP_BAD_BYTES && fault != NULL) {
		fault->offset = r->offset + (fault->has_offset ? fault->offset : 0);
		fault->has_offset = 1;
		if (d->rev.path != NULL) dp_fault_file(fault, d->rev.path);
	}
	return code;
}

// A search for one block's record.
typedef struct search {
	const dp_undo_files *u;
	const dp_undo_dir *d;
	const dp_undo_wanted *w;
	dp_undo_found *found;
	dp_block_reader *reader;
	uint32_t tx_count;            // coinbase apart
	uint64_t tag;                 // of the record, where there are no payments
	uint32_t misfit;              // right checksum, others' numbers of inputs
	uint32_t fits;                // candidates
	bool is_only;                 // the first that fits is it
	bool is_disproved, is_judged; // what the block says of found->undo
	dp_fault *fault;
} search;

static bool is_disproved(const search *s, const dp_undo *undo)
{
	return dp_undo_is_disproved(undo, s->u->chain, s->w->block->height, s->w->bytes,
	                            s->w->size);
}

// Marks as unknown what two lists of coins do not agree about. True when that is anything.
static bool mix(dp_undo *io_undo, const dp_undo *other, bool is_trial)
{
	bool differ = false;
	DP_CHECK(io_undo->coin_count == other->coin_count);
	for (uint64_t i = 0; i < other->coin_count; i++) {
		dp_spent_coin *coin = &io_undo->coin[i];
		bool is_same = coin->value == other->coin[i].value &&
		               dp_addr_eq(&coin->from, &other->coin[i].from);
		differ = differ || !is_same;
		if (!is_same && !is_trial) coin->value = DP_SETTLE_UNKNOWN;
	}
	return differ;
}

// One candidate more, in found->other, beside the one in found->undo. What the block disproves goes
// before what it does not; of equals what they differ in is unknown.
static void weigh(search *s, uint32_t number)
{
	dp_undo_found *f = s->found;
	if (!mix(&f->undo, &f->other, true)) return;
	if (!s->is_judged) s->is_disproved = is_disproved(s, &f->undo);
	s->is_judged = true;
	bool is_bad = is_disproved(s, &f->other);
	if (is_bad == s->is_disproved) {
		(void)mix(&f->undo, &f->other, false);
	} else if (!is_bad) {
		dp_undo kept = f->undo;
		f->undo = f->other;
		f->other = kept;
		f->record = number;
		s->is_disproved = false;
	}
}

static dp_code try_record(search *s, uint32_t number)
{
	const dp_undo_record *r = &s->d->record[number];
	dp_undo_found *f = s->found;
	bool belongs = false;
	if (r->tx_count != s->tx_count || (s->tx_count == 0 && r->tag != s->tag)) return DP_OK;
	DP_TRY(read_record(s->d, f, s->reader, &belongs, r, s->w->block->prev, s->fault));
	if (!belongs) return DP_OK;
	dp_undo *undo = s->fits == 0 ? &f->undo : &f->other;
	DP_TRY(decode_record(s->u, s->d, undo, f, r, s->fault));
	if (!fits_block(undo, s->w->block, s->w->order)) {
		s->misfit = number;
		return DP_OK;
	}
	if (s->fits++ == 0)
		f->record = number;
	else
		weigh(s, number);
	return DP_OK;
}

// expected, the one behind it, the one before it, the second behind it, ...
static dp_code search_outwards(search *s, uint32_t expected)
{
	for (uint64_t step = 0; step <= 2 * s->d->count; step++) {
		uint64_t away = (step + 1) / 2;
		if (step % 2 == 0 && away > expected) continue;
		uint64_t number = step % 2 == 0 ? expected - away : expected + away;
		if (number >= s->d->count) continue;
		DP_TRY(try_record(s, (uint32_t)number));
		if (s->fits > 0 && s->is_only) break;
	}
	return DP_OK;
}

static int compare_left(const void *a, const void *b)
{
	const dp_undo_left *x = a, *y = b;
	if (x->parent != y->parent) return x->parent < y->parent ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

// Only records of the block's own parent.
static dp_code search_left(search *s)
{
	const dp_undo_dir *d = s->d;
	uint64_t parent = load64(s->w->block->prev), low = 0, high = d->left_count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (d->left[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < d->left_count && d->left[low].parent == parent; low++)
		DP_TRY(try_record(s, d->left[low].record));
	return DP_OK;
}

dp_code dp_undo_files_find(const dp_undo_files *u, dp_undo_found *found, dp_block_reader *reader,
                           uint32_t file, const dp_undo_hint *hint, const dp_undo_wanted *wanted,
                           dp_fault *fault)
{
	DP_CHECK(u != NULL && found != NULL && reader != NULL && file < u->count);
	DP_CHECK(hint != NULL && wanted != NULL && wanted->block->tx_count > 0);
	const dp_undo_dir *d = &u->dir[file];
	DP_CHECK(d->is_made);
	found->record = DP_UNDO_NONE;
	if (d->code != DP_OK) {
		if (fault != NULL) *fault = d->fault;
		return d->code;
	}
	search s = {.u = u, .d = d, .w = wanted, .found = found, .reader = reader, .fault = fault};
	s.tx_count = wanted->block->tx_count - 1;
	s.misfit = DP_UNDO_NONE;
	// Records of blocks without payments are all the same.
	s.is_only = hint->siblings == 1 || s.tx_count == 0;
	if (s.tx_count == 0) s.tag = empty_tag(wanted->block->prev);
	DP_TRY(hint->has_left ? search_left(&s) : search_outwards(&s, hint->record));
	// Fewer records than blocks that they may belong to, and no proof that this block was ever
	// connected: what was found may be another's.
	if (!s.is_only && !hint->is_connected && s.fits < hint->siblings)
		found->record = DP_UNDO_NONE;
	// And where there is but one, it may be another's because this block's own was lost.
	if (!s.is_only && s.fits == 1 && is_disproved(&s, &found->undo))
		found->record = DP_UNDO_NONE;
	if (s.misfit == DP_UNDO_NONE || s.fits > 0 || hint->siblings > 1) return DP_OK;
	return fail_in(d, d->record[s.misfit].offset,
	               "the undo data of this block has other numbers of inputs than the block",
	               fault);
}

dp_code dp_undo_files_probe(dp_undo_files *u, bool *ret_found, const dp_block_place *place,
                            dp_fault *fault)
{
	dp_undo_found found = {0};
	DP_CHECK(u != NULL && ret_found != NULL && place->file < u->count);
	dp_undo_dir *d = &u->dir[place->file];
	*ret_found = false;
	if (!dp_undo_files_has(u, place->file)) return DP_OK;
	if (!d->is_made) make_now(u, d);
	*ret_found = d->code != DP_OK;
	uint64_t tag = empty_tag(place->prev);
	dp_code code = DP_OK;
	for (uint64_t i = d->count; i-- > 0 && !*ret_found && code == DP_OK;) {
		const dp_undo_record *r = &d->record[i];
		if (place->tx_count != 0 && r->tx_count + 1 != place->tx_count) continue;
		if (place->tx_count == 1 && r->tag != tag) continue;
		code = read_record(d, &found, &u->reader, ret_found, r, place->prev, fault);
	}
	dp_undo_found_done(&found);
	return code;
}

//- records without a block -----------------------------------------------------------------------

// Looks for the blocks whose records a file has left. Blocks of one file stand side by side in the
// index, and records in the order in which blocks were connected: nearly always the next record is
// that of a child of the block found last.
typedef struct owners {
	const dp_block_index *index;
	const dp_undo_found *found; // the record's bytes
	const dp_undo_record *r;
	uint32_t first, end; // places of the file's blocks
	uint32_t last;       // found last, or DP_BLOCK_NONE
} owners;

static bool is_owner(const owners *o, uint32_t at)
{
	const dp_block_place *p = &o->index->place[at];
	const uint8_t *bytes = o->found->bytes;
	if (p->tx_count != 0 && p->tx_count != o->r->tx_count + 1) return false;
	return dp_undo_belongs(bytes, o->r->size, bytes + o->r->size, p->prev);
}

// A child of block `parent`, or DP_BLOCK_NONE.
static uint32_t owner_below(const owners *o, uint32_t parent)
{
	uint32_t at = parent == DP_BLOCK_NONE ? DP_BLOCK_NONE : o->index->place[parent].child;
	for (; at != DP_BLOCK_NONE; at = o->index->place[at].sibling)
		if (is_owner(o, at)) return at;
	return DP_BLOCK_NONE;
}

// DP_BLOCK_NONE: none.
static uint32_t owner_of(const owners *o)
{
	const dp_block_index *x = o->index;
	uint32_t at = owner_below(o, o->last);
	if (at == DP_BLOCK_NONE && o->last != DP_BLOCK_NONE)
		at = owner_below(o, x->place[o->last].parent);
	if (at != DP_BLOCK_NONE) return at;
	uint32_t count = o->end - o->first;
	uint32_t from = o->last >= o->first && o->last < o->end ? o->last - o->first : 0;
	for (uint32_t i = 0; i < count; i++) {
		at = o->first + (from + i) % count;
		if (is_owner(o, at)) return at;
	}
	for (at = 0; at < x->place_count; at++)
		if ((at < o->first || at >= o->end) && is_owner(o, at)) return at;
	return DP_BLOCK_NONE;
}

static owners begin_owners(const dp_block_index *index, const dp_undo_found *found, uint32_t file)
{
	owners o = {.index = index, .found = found, .last = DP_BLOCK_NONE};
	while (o.first < index->place_count && index->place[o.first].file != file) o.first++;
	for (o.end = o.first; o.end < index->place_count; o.end++)
		if (index->place[o.end].file != file) break;
	return o;
}

// A block of this file has no record. That is as it should be when the node has not connected it
// yet, or never did. It is not when a record cannot be any block's, for then it may have been this
// one's before it was damaged. On the way it is written down whose the records are, so that the
// next block without one need not try them all.
static dp_code check_owners(dp_undo_files *u, uint32_t file, const dp_block_index *index,
                            dp_fault *fault)
{
	static const uint8_t nobody[32];
	dp_undo_dir *d = &u->dir[file];
	dp_undo_found found = {0};
	owners o = begin_owners(index, &found, file);
	DP_CHECK(d->left == NULL);
	dp_undo_left *left = dp_alloc((d->count + 1) * sizeof *left);
	if (left == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	for (uint64_t i = 0; i < d->count && code == DP_OK; i++) {
		bool belongs;
		o.r = &d->record[i];
		if (o.r->is_claimed) continue;
		code = read_record(d, &found, &u->reader, &belongs, o.r, nobody, fault);
		if (code != DP_OK) break;
		uint32_t at = owner_of(&o);
		if (at == DP_BLOCK_NONE) {
			code = fail_in(d, o.r->offset,
			               "the checksum of this undo data fits no block: the file is "
			               "damaged",
			               fault);
			break;
		}
		o.last = at;
		left[d->left_count++] = (dp_undo_left){load64(index->place[at].prev), (uint32_t)i};
	}
	qsort(left, d->left_count, sizeof *left, compare_left);
	d->left = left;
	u->bytes += (d->count + 1) * sizeof *left;
	dp_undo_found_done(&found);
	return code;
}

dp_code dp_undo_files_settle(dp_undo_files *u, uint32_t file, const dp_undo_hint *hint,
                             uint32_t found, const dp_block_index *index, dp_fault *fault)
{
	DP_CHECK(u != NULL && file < u->count && hint != NULL && index != NULL);
	dp_undo_dir *d = &u->dir[file];
	if (found != DP_UNDO_NONE) {
		DP_CHECK(found < d->count);
		d->record[found].is_claimed = true;
		// Those asked for since are expected as far from their places as this one was.
		int64_t next = (int64_t)d->next + (int64_t)found - (int64_t)hint->record;
		d->next = next < 0 || (uint64_t)next > d->count ? 0 : (uint32_t)next;
		return DP_OK;
	}
	if (d->is_checked) return DP_OK;
	d->is_checked = true;
	return check_owners(u, file, index, fault);
}

static void dir_done(dp_undo_files *u, dp_undo_dir *d)
{
	uint64_t bytes = d->cap * sizeof *d->record;
	if (d->left != NULL) bytes += (d->count + 1) * sizeof *d->left;
	DP_CHECK(bytes <= u->bytes);
	u->bytes -= bytes;
	dp_free(d->record);
	dp_free(d->left);
	d->record = NULL;
	d->left = NULL;
	d->count = d->cap = d->left_count = 0;
}

void dp_undo_files_given(dp_undo_files *u, uint32_t file)
{
	DP_CHECK(u != NULL && file < u->count);
	dp_undo_dir *d = &u->dir[file];
	DP_CHECK(d->uses > 0);
	if (--d->uses == 0) dir_done(u, d);
}

uint64_t dp_undo_files_bytes(const dp_undo_files *u)
{
	DP_CHECK(u != NULL);
	return u->count * sizeof *u->dir + u->bytes;
}

void dp_undo_found_done(dp_undo_found *found)
{
	DP_CHECK(found != NULL);
	dp_undo_done(&found->undo);
	dp_undo_done(&found->other);
	dp_free(found->bytes);
	*found = (dp_undo_found){0};
}

void dp_undo_files_done(dp_undo_files *u)
{
	DP_CHECK(u != NULL);
	dp_block_reader_done(&u->reader);
	for (uint64_t i = 0; i < u->count; i++) {
		dp_free(u->dir[i].rev.path);
		dir_done(u, &u->dir[i]);
	}
	dp_free(u->dir);
	*u = (dp_undo_files){0};
}

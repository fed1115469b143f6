// The clusters' file: "clusters" in the folder of the ledger's chain, or "clusters-XXXXXXXX" with
// the options in hexadecimal when there are any. Little-endian throughout:
//
//   offset  size
//        0     8  "dyeclus" and a zero
//        8     2  version, 1
//       10     2  number of the rules, below
//       12     4  options: bit per change heuristic (cluster.h); bit 31: CoinJoins are joined
//       16    64  chain, CAIP-2, zeros behind it
//       80     8  s: segments that it covers
//       88     8  u: transactions that were undone
//       96     8  n: addresses
//      104     8  transactions
//      112     8  size of the file
//      120    16  XXH3-128 of bytes 0..119, segments and undone transactions, canonical
//      136  88*s  segments, below
//      ...  32*u  ids of undone transactions, rising
//      ...   4*k  numbers: for each segment, of each local id from 0 on; 0xffffffff is nobody
//      ...   4*n  parent   \.
//      ...   4*n  reason    | the forest's columns, settled (forest.h)
//      ...   4*n  why_low   |
//      ...   2*n  why_high /
//      ...    16  XXH3-128 of everything behind the undone transactions, canonical
//
//   a segment: unit_first, unit_count, header check (16 bytes, of the manifest), block_end, tx_end,
//   number_end, ids, CoinJoins left out up to its end, digest (16 bytes)
//
// Two checksums, so that what a person said (the undone transactions) survives damage to what can
// be computed again. The digest after a block is XXH3-128, canonical, of the digest before it (16
// zeros), its height (8 bytes) and hash: it does not hang on how blocks are cut into segments, so
// that a file that covers eight segments still holds when they have become one, and after a
// reorganisation holds up to the last segment of it whose blocks are still there. Segments that are
// the same by unit and header check are not looked at block by block.
//
// A file that was made by other rules (for CoinJoins, change, numbers) says nothing but what was
// undone: false unions of an older program must not outlive it.
//
// The file is written whole under another name and renamed: it is there or it is not. With
// heuristics that ask what became of outputs s and n are 0.
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "entity/cluster_private.h"

#define JOINS_COINJOINS 0x80000000u
// RULES: one more whenever the same blocks could give other clusters than before.
enum { VERSION = 1, RULES = 2, CHECK_SIZE = 16, HEAD_CHECKED = 120, BLOCK_HASHED = 56 };

typedef struct file_head {
	char magic[8];
	uint16_t version, rules;
	uint32_t options;
	char chain[64];
	uint64_t segments, undone, addresses, txs, size;
	uint8_t check[CHECK_SIZE];
} file_head;

typedef struct file_segment {
	uint64_t unit_first, unit_count;
	uint8_t header[16];
	uint64_t block_end, tx_end, number_end, ids, coinjoins;
	uint8_t digest[16];
} file_segment;

_Static_assert(sizeof(file_head) == 136 && sizeof(file_segment) == 88, "format");

static const char magic[8] = "dyeclus";

typedef struct view {
	dp_map map;
	file_head head;
	const file_segment *segment;
	const uint8_t *undone;
	const uint8_t *number; // of all segments
	const uint8_t *column; // four, one behind the other
	uint64_t data_size;
} view;

static void canonical(uint8_t out[CHECK_SIZE], XXH128_hash_t hash)
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, hash);
	memcpy(out, c.digest, CHECK_SIZE);
}

static uint32_t options_of(const dp_cluster *c)
{
	return c->options.change | (c->options.joins_coinjoins ? JOINS_COINJOINS : 0);
}

static dp_code damaged(const dp_cluster *c, dp_fault *fault, const char *what)
{
	dp_code code = dp_fail(fault, DP_BAD_BYTES,
	                       "%s: 'dyepack cluster --ledger DIR' makes the file again", what);
	dp_fault_file(fault, c->path);
	return code;
}

//- reading ---------------------------------------------------------------------------------------

static void head_check(uint8_t out[CHECK_SIZE], const file_head *h, const void *rest, size_t size)
{
	XXH3_state_t *state = XXH3_createState();
	DP_CHECK(state != NULL);
	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, h, HEAD_CHECKED);
	XXH3_128bits_update(state, rest, size);
	canonical(out, XXH3_128bits_digest(state));
	XXH3_freeState(state);
}

// Sizes first, so that nothing beyond the file is read; then the checksum over what says them. A
// file that is cut further behind still says what was undone.
static dp_code check_head(dp_cluster *c, view *v, dp_fault *fault)
{
	const file_head *h = &v->head;
	uint64_t size = v->map.size;
	if (size < sizeof *h + CHECK_SIZE || memcmp(h->magic, magic, sizeof magic) != 0)
		return damaged(c, fault, "this is no file of clusters");
	if (h->version > VERSION) {
		dp_code code =
		    dp_fail(fault, DP_BAD_CASE, "format %u is newer than this program", h->version);
		dp_fault_file(fault, c->path);
		return code;
	}
	if (h->segments > DP_SEGMENTS_MAX || h->undone > DP_CLUSTER_UNDONE_MAX ||
	    h->addresses > DP_FOREST_MAX)
		return damaged(c, fault, "the file is cut or its sizes are false");
	uint64_t rows = h->segments * sizeof *v->segment + h->undone * 32;
	if (rows > size - sizeof *h) return damaged(c, fault, "the file is cut");
	uint8_t check[CHECK_SIZE];
	v->segment = (const void *)(v->map.bytes + sizeof *h);
	v->undone = v->map.bytes + sizeof *h + h->segments * sizeof *v->segment;
	head_check(check, h, v->segment, rows);
	bool is_ours = memcmp(check, h->check, CHECK_SIZE) == 0 && h->version == VERSION &&
	               h->options == options_of(c) &&
	               strncmp(h->chain, dp_ledger_chain(c->ledger)->caip2, sizeof h->chain) == 0;
	return is_ours ? DP_OK
	               : damaged(c, fault, "the file's head is damaged, or of another ledger");
}

static dp_code check_sizes(dp_cluster *c, view *v, dp_fault *fault)
{
	const file_head *h = &v->head;
	uint64_t rows = h->segments * sizeof *v->segment + h->undone * 32, ids = 0;
	if (h->size != v->map.size) return damaged(c, fault, "the file is cut");
	for (uint64_t i = 0; i < h->segments; i++) {
		if (v->segment[i].ids > DP_ADDRESS_IDS_MAX || v->segment[i].ids == 0)
			return damaged(c, fault, "the file's sizes are false");
		ids += v->segment[i].ids;
	}
	v->number = v->undone + h->undone * 32;
	v->column = v->number + ids * 4;
	v->data_size = ids * 4 + h->addresses * 14;
	return sizeof *h + rows + v->data_size + CHECK_SIZE == v->map.size
	           ? DP_OK
	           : damaged(c, fault, "the file's sizes are false");
}

static dp_code take_undone(dp_cluster *c, const view *v, dp_fault *fault)
{
	void *items = c->undone;
	if (v->head.undone == 0) return DP_OK;
	DP_TRY(dp_grow(&items, &c->undone_cap, sizeof *c->undone, v->head.undone,
	               DP_CLUSTER_UNDONE_MAX, fault));
	c->undone = items;
	memcpy(c->undone, v->undone, v->head.undone * sizeof *c->undone);
	c->undone_count = v->head.undone;
	for (uint64_t i = 1; i < c->undone_count; i++)
		if (memcmp(c->undone[i - 1], c->undone[i], 32) >= 0) {
			c->undone_count = 0;
			return damaged(c, fault, "the transactions that were undone do not rise");
		}
	return DP_OK;
}

static dp_code check_data(dp_cluster *c, const view *v, dp_fault *fault)
{
	uint8_t check[CHECK_SIZE];
	dp_map_advise(&v->map, 0, v->map.size, DP_MAP_WILL_NEED);
	canonical(check, XXH3_128bits(v->number, v->data_size));
	return memcmp(check, v->number + v->data_size, CHECK_SIZE) == 0
	           ? DP_OK
	           : damaged(c, fault, "the file is damaged");
}

//- how far it holds ------------------------------------------------------------------------------

static bool is_same_segment(const dp_cluster *c, uint32_t i, const file_segment *f)
{
	const dp_manifest_segment *m = &dp_ledger_manifest(c->ledger)->segment[i];
	const dp_cluster_segment *s = &c->segment[i];
	return m->unit_first == f->unit_first && m->unit_count == f->unit_count &&
	       memcmp(m->header, f->header, sizeof f->header) == 0 && s->ids == f->ids &&
	       s->block_end == f->block_end && s->tx_end == f->tx_end;
}

static void add_block(uint8_t io_digest[16], const dp_ledger_block_row *row)
{
	uint8_t bytes[BLOCK_HASHED];
	memcpy(bytes, io_digest, 16);
	memcpy(bytes + 16, &row->height, 8);
	memcpy(bytes + 24, row->hash, 32);
	canonical(io_digest, XXH3_128bits(bytes, sizeof bytes));
}

typedef struct matching {
	const view *v; // NULL: no file that holds
	uint64_t at;   // its segments that hold so far
	uint8_t digest[16];
	bool ended; // the next one does not
} matching;

static void match_row(matching *m, dp_cluster_loaded *io, uint64_t block_end, uint64_t tx_end)
{
	while (!m->ended && m->at < m->v->head.segments &&
	       m->v->segment[m->at].block_end <= block_end) {
		const file_segment *f = &m->v->segment[m->at];
		bool holds = f->block_end == block_end && f->tx_end == tx_end &&
		             f->number_end >= io->number_end &&
		             f->number_end <= m->v->head.addresses &&
		             memcmp(f->digest, m->digest, sizeof m->digest) == 0;
		m->ended = !holds;
		if (!holds) return;
		m->at++;
		io->tx_done = f->tx_end;
		io->number_end = (uint32_t)f->number_end;
		io->coinjoins = f->coinjoins;
	}
}

static dp_code match_blocks(dp_cluster *c, uint32_t i, matching *m, dp_cluster_loaded *io,
                            dp_fault *fault)
{
	dp_segment *s = c->segment[i].segment;
	for (uint64_t b = 0; b < s->head.block_count; b++) {
		dp_ledger_block_row row, next;
		DP_TRY(dp_segment_block_row(s, &row, b, fault));
		DP_TRY(dp_segment_block_row(s, &next, b + 1, fault));
		add_block(m->digest, &row);
		match_row(m, io, s->head.block_first + b + 1, s->head.tx_first + next.tx);
	}
	return DP_OK;
}

// Fills the segments' digests, and what holds of the file.
static dp_code match(dp_cluster *c, const view *v, dp_cluster_loaded *ret, dp_fault *fault)
{
	matching m = {.v = v, .ended = v == NULL};
	dp_cluster_loaded l = {0};
	DP_CHECK(c->sealed == 0 || c->segment != NULL);
	bool all_same = v != NULL && v->head.segments == c->sealed;
	for (uint32_t i = 0; i < c->sealed; i++) {
		dp_cluster_segment *s = &c->segment[i];
		DP_CHECK(m.ended || v != NULL);
		bool is_same = !m.ended && m.at == i && i < v->head.segments &&
		               is_same_segment(c, i, &v->segment[i]);
		if (is_same) {
			memcpy(m.digest, v->segment[i].digest, sizeof m.digest);
			match_row(&m, &l, s->block_end, s->tx_end);
		} else {
			all_same = false;
			DP_TRY(match_blocks(c, i, &m, &l, fault));
		}
		memcpy(s->digest, m.digest, sizeof s->digest);
		if (l.tx_done < s->tx_end || m.ended || m.at == 0) continue;
		s->coinjoins = l.coinjoins;
		l.segments = i + 1;
	}
	l.is_same = all_same && !m.ended && m.at == c->sealed;
	*ret = l;
	return DP_OK;
}

//- taking over -----------------------------------------------------------------------------------

static dp_code take_numbers(dp_cluster *c, const view *v, const dp_cluster_loaded *l,
                            dp_fault *fault)
{
	const uint8_t *at = v->number;
	uint32_t before = 0;
	for (uint32_t i = 0; i < l->segments && i < v->head.segments; i++) {
		dp_cluster_segment *s = &c->segment[i];
		const file_segment *f = &v->segment[i];
		if (!is_same_segment(c, i, f)) return DP_OK;
		s->number = dp_alloc(s->ids * sizeof *s->number);
		if (s->number == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		dp_forest_advise(s->number, s->ids * sizeof *s->number);
		memcpy(s->number, at, s->ids * sizeof *s->number);
		at += s->ids * sizeof *s->number;
		for (uint64_t id = 0; id < s->ids; id++)
			if (s->number[id] >= f->number_end && s->number[id] != DP_NUMBER_NOBODY)
				return damaged(c, fault, "the file has numbers that there are not");
		s->number_first = before;
		s->number_end = before = (uint32_t)f->number_end;
		s->is_numbered = true;
	}
	return DP_OK;
}

static dp_code take_forest(dp_cluster *c, const view *v, const dp_cluster_loaded *l,
                           dp_fault *fault)
{
	uint64_t n = v->head.addresses;
	if (n == 0 || l->tx_done == 0) return DP_OK;
	DP_TRY(dp_forest_load(c->forest, (uint32_t)n, v->column, fault));
	dp_code code = dp_forest_check(c->forest, fault);
	dp_fault_file(fault, c->path);
	if (code != DP_OK) return code;
	if (l->tx_done < v->head.txs || l->number_end < n)
		dp_forest_cut(c->forest, l->number_end, l->tx_done, 0);
	return DP_OK;
}

// One thread looks at the checksum, the other takes over what is then perhaps thrown away: each
// bounds what it reads by itself, so neither needs the other's word.
typedef struct taking {
	dp_cluster *c;
	const view *v;
	const dp_cluster_loaded *l;
	dp_code code[2];
	dp_fault fault[2];
} taking;

static void take_piece(void *context, uint64_t piece)
{
	taking *t = context;
	dp_code code = DP_OK;
	if (piece == 0) {
		code = check_data(t->c, t->v, &t->fault[0]);
	} else if (!t->c->needs_future) {
		code = take_numbers(t->c, t->v, t->l, &t->fault[1]);
		if (code == DP_OK) code = take_forest(t->c, t->v, t->l, &t->fault[1]);
	}
	t->code[piece] = code;
}

static dp_code take(dp_cluster *c, const view *v, const dp_cluster_loaded *l, dp_fault *fault)
{
	taking t = {.c = c, .v = v, .l = l};
	dp_team_run(c->options.threads, 2, take_piece, &t);
	uint32_t which = t.code[0] != DP_OK ? 0 : 1;
	if (t.code[which] != DP_OK && fault != NULL) *fault = t.fault[which];
	return t.code[which];
}

static dp_code load(dp_cluster *c, view *v, bool *ret_holds, dp_fault *fault)
{
	DP_TRY(dp_map_open(&v->map, c->path, false, fault));
	if (v->map.size >= sizeof v->head) memcpy(&v->head, v->map.bytes, sizeof v->head);
	DP_TRY(check_head(c, v, fault));
	DP_TRY(take_undone(c, v, fault));
	DP_TRY(check_sizes(c, v, fault));
	*ret_holds = v->head.rules == RULES;
	return DP_OK;
}

dp_code dp_cluster_load(dp_cluster *c, dp_cluster_loaded *ret, dp_fault *fault)
{
	DP_CHECK(c != NULL && ret != NULL && c->forest != NULL);
	view v = {0};
	bool holds = false;
	dp_cluster_loaded l = {0};
	dp_code code = load(c, &v, &holds, fault), matched = DP_OK;
	if (!c->needs_future) matched = match(c, holds ? &v : NULL, &l, fault);
	if (code == DP_OK) code = matched;
	if (code == DP_OK && c->needs_future) l.is_same = true;
	if (code == DP_OK) code = take(c, &v, &l, fault);
	dp_map_close(&v.map);
	c->bytes = v.head.size;
	if (code == DP_OK) *ret = l;
	return matched != DP_OK ? matched : code;
}

//- writing ---------------------------------------------------------------------------------------

typedef struct output {
	dp_file_out file;
	XXH3_state_t *state;
} output;

static dp_code put(output *o, const void *bytes, uint64_t size, dp_fault *fault)
{
	if (size == 0) return DP_OK;
	XXH3_128bits_update(o->state, bytes, size);
	return dp_file_write(&o->file, bytes, size, fault);
}

static file_segment row_of(const dp_cluster *c, uint32_t i)
{
	const dp_manifest_segment *m = &dp_ledger_manifest(c->ledger)->segment[i];
	const dp_cluster_segment *s = &c->segment[i];
	file_segment f = {.unit_first = m->unit_first,
	                  .unit_count = m->unit_count,
	                  .block_end = s->block_end,
	                  .tx_end = s->tx_end,
	                  .number_end = s->number_end,
	                  .ids = s->ids,
	                  .coinjoins = s->coinjoins};
	memcpy(f.header, m->header, sizeof f.header);
	memcpy(f.digest, s->digest, sizeof f.digest);
	return f;
}

// Head, segments and undone transactions in one piece of memory.
static dp_code put_head(const dp_cluster *c, output *o, uint32_t segments, dp_fault *fault)
{
	file_head h = {.version = VERSION,
	               .rules = RULES,
	               .options = options_of(c),
	               .segments = segments,
	               .undone = c->undone_count};
	uint64_t ids = 0, rows = segments * sizeof(file_segment) + c->undone_count * 32;
	memcpy(h.magic, magic, sizeof magic);
	const char *chain = dp_ledger_chain(c->ledger)->caip2;
	size_t length = strlen(chain);
	DP_CHECK(length < sizeof h.chain);
	memcpy(h.chain, chain, length);
	for (uint32_t i = 0; i < segments; i++) ids += c->segment[i].ids;
	if (segments > 0) {
		h.addresses = c->segment[segments - 1].number_end;
		h.txs = c->segment[segments - 1].tx_end;
	}
	h.size = sizeof h + rows + ids * 4 + h.addresses * 14 + CHECK_SIZE;
	uint8_t *bytes = dp_alloc(rows + 1);
	if (bytes == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < segments; i++) {
		file_segment f = row_of(c, i);
		memcpy(bytes + i * sizeof f, &f, sizeof f);
	}
	if (c->undone_count > 0)
		memcpy(bytes + segments * sizeof(file_segment), c->undone, c->undone_count * 32);
	head_check(h.check, &h, bytes, rows);
	dp_code code = dp_file_write(&o->file, &h, sizeof h, fault);
	if (code == DP_OK && rows > 0) code = dp_file_write(&o->file, bytes, rows, fault);
	dp_free(bytes);
	return code;
}

// Writing is mostly the kernel's copying. What there is to be computed beside it another thread
// does: first the forest is settled while the numbers are written, then its columns are hashed
// while they are written themselves.
typedef struct saving {
	dp_cluster *c;
	output *o;
	uint32_t segments;
	dp_forest_columns columns;
	dp_code code;
	dp_fault fault;
} saving;

static void put_numbers_or_settle(void *context, uint64_t piece)
{
	saving *s = context;
	if (piece == 1) dp_forest_settle(s->c->forest);
	for (uint32_t i = 0; piece == 0 && i < s->segments && s->code == DP_OK; i++)
		s->code = put(s->o, s->c->segment[i].number, s->c->segment[i].ids * 4, &s->fault);
}

static void write_or_hash_columns(void *context, uint64_t piece)
{
	saving *s = context;
	const dp_forest_columns *f = &s->columns;
	uint64_t n = dp_forest_count(s->c->forest);
	const void *column[4] = {f->parent, f->reason, f->why_low, f->why_high};
	for (uint32_t i = 0; i < 4 && n > 0; i++) {
		uint64_t size = n * (i < 3 ? 4 : 2);
		if (piece == 1)
			XXH3_128bits_update(s->o->state, column[i], size);
		else if (s->code == DP_OK)
			s->code = dp_file_write(&s->o->file, column[i], size, &s->fault);
	}
}

static dp_code put_all(dp_cluster *c, output *o, dp_fault *fault)
{
	saving s = {.c = c, .o = o, .segments = c->needs_future ? 0 : c->sealed};
	uint8_t check[CHECK_SIZE];
	DP_TRY(dp_file_create(&o->file, c->path, fault));
	DP_TRY(put_head(c, o, s.segments, fault));
	if (s.segments > 0) {
		DP_CHECK(c->segment[s.segments - 1].number_end == dp_forest_count(c->forest));
		dp_team_run(c->options.threads, 2, put_numbers_or_settle, &s);
		s.columns = dp_forest_columns_of(c->forest);
		if (s.code == DP_OK) dp_team_run(c->options.threads, 2, write_or_hash_columns, &s);
	}
	if (s.code != DP_OK && fault != NULL) *fault = s.fault;
	if (s.code != DP_OK) return s.code;
	canonical(check, XXH3_128bits_digest(o->state));
	DP_TRY(dp_file_write(&o->file, check, sizeof check, fault));
	c->bytes = o->file.size;
	return dp_file_finish(&o->file, fault);
}

dp_code dp_cluster_save(dp_cluster *c, dp_fault *fault)
{
	DP_CHECK(c != NULL && !c->readonly);
	output o = {.file = {.fd = -1}, .state = XXH3_createState()};
	if (o.state == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	XXH3_128bits_reset(o.state);
	dp_code code = put_all(c, &o, fault);
	dp_file_done(&o.file);
	XXH3_freeState(o.state);
	return code;
}

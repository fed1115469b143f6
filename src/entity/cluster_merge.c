// Which addresses of several segments are one, found for all of them at once, see cluster_number.c.
//
// Each segment has its addresses sorted by key (dp_addr_key), so the key's top bits cut all of them
// into pieces that have nothing to do with each other and are small enough for a core's own cache.
// A piece is taken from every segment through its table of buckets, the runs are merged two by two,
// and then what is equal stands side by side: the first segment that has it is where it comes from.
// Each address is read and hashed once, from front to back, and what it costs grows with the number
// of segments by the logarithm alone. (To ask every segment's filter for every address of those
// behind it grows with the product.)
//
// Keys can be forged (XXH3 is not keyed), so that nothing here may hang on their being different:
// runs are sorted by key and then bytes, merging compares bytes where keys are the same, and a
// piece that is far longer than its share is refused: then segments are asked one by one, whose
// buckets are searched by halving.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "chain/key.h"
#include "entity/cluster_private.h"

enum {
	PIECE = 1 << 14,     // addresses, in the mean: 2 * 16 bytes each, and their own 20 to 33
	PIECE_MAX = 1 << 20, // 64 times that: nothing that happens by chance
	PIECE_BITS_MAX = 16
};

typedef struct entry {
	uint64_t key;
	uint32_t run, at; // which run, and where in it
} entry;

// Addresses of one kind in one segment that fall into a piece.
typedef struct run {
	uint32_t segment, id; // of the first
	const uint8_t *bytes; // of it
	uint32_t first, end;  // of its entries
} run;

typedef struct scratch {
	struct scratch *next;
	entry *from, *to;
	uint64_t from_cap, to_cap;
	run *run;
	uint32_t *edge; // where sorted parts end
	uint32_t runs, width, kind;
} scratch;

typedef struct merge {
	dp_cluster *c;
	uint32_t first, end; // of segments that want to know; those before are known
	uint32_t bits;       // of a key that say which piece
	pthread_mutex_t lock;
	scratch *free;
	bool too_long;
	dp_code code;
	dp_fault fault;
} merge;

//- scratch ---------------------------------------------------------------------------------------

static void free_scratch(scratch *t)
{
	if (t == NULL) return;
	dp_free(t->from);
	dp_free(t->to);
	dp_free(t->run);
	dp_free(t->edge);
	dp_free(t);
}

// One a thread: what a piece leaves behind the next one uses, warm.
static scratch *take_scratch(merge *m)
{
	pthread_mutex_lock(&m->lock);
	scratch *t = m->free;
	if (t != NULL) m->free = t->next;
	pthread_mutex_unlock(&m->lock);
	if (t != NULL) return t;
	t = dp_alloc(sizeof *t);
	if (t == NULL) return NULL;
	t->run = dp_alloc(m->end * sizeof *t->run);
	t->edge = dp_alloc((m->end + 1) * sizeof *t->edge);
	if (t->run != NULL && t->edge != NULL) return t;
	free_scratch(t);
	return NULL;
}

static void give_scratch(merge *m, scratch *t)
{
	pthread_mutex_lock(&m->lock);
	t->next = m->free;
	m->free = t;
	pthread_mutex_unlock(&m->lock);
}

static dp_code make_room(scratch *t, uint64_t count, dp_fault *fault)
{
	void *from = t->from, *to = t->to;
	DP_TRY(dp_grow(&from, &t->from_cap, sizeof *t->from, count, PIECE_MAX, fault));
	t->from = from;
	DP_TRY(dp_grow(&to, &t->to_cap, sizeof *t->to, count, PIECE_MAX, fault));
	t->to = to;
	return DP_OK;
}

//- taking a piece out of a segment ---------------------------------------------------------------

static inline uint64_t piece_of(const merge *m, uint64_t key)
{
	return m->bits == 0 ? 0 : key >> (64 - m->bits);
}

// Where a piece lies in a group. A group with fewer buckets than there are pieces gives the bucket
// that the piece is in: what is of other pieces in it is left out by its key.
static dp_code bounds(const merge *m, dp_segment *s, uint32_t *ret_lo, uint32_t *ret_hi,
                      const dp_ledger_group *g, uint64_t piece, dp_fault *fault)
{
	uint64_t b = piece, end = piece + 1;
	if (g->bits >= m->bits) {
		b <<= g->bits - m->bits;
		end <<= g->bits - m->bits;
	} else {
		b >>= m->bits - g->bits;
		end = b + 1;
	}
	uint32_t lo = 0, hi = 0;
	if (!dp_segment_u32(s, DP_SEC_ADDRBUCKET, g->bucket_first + b, &lo))
		return dp_segment_fault(s, DP_SEC_ADDRBUCKET, g->bucket_first + b, fault);
	if (!dp_segment_u32(s, DP_SEC_ADDRBUCKET, g->bucket_first + end, &hi))
		return dp_segment_fault(s, DP_SEC_ADDRBUCKET, g->bucket_first + end, fault);
	if (lo > hi || hi > g->count) {
		dp_code code = dp_fail(fault, DP_BAD_BYTES,
		                       "the buckets of the segment's addresses are out of order: "
		                       "run 'dyepack ledger verify'");
		dp_fault_file(fault, s->path);
		return code;
	}
	*ret_lo = lo;
	*ret_hi = hi;
	return DP_OK;
}

// The two lengths that nearly all addresses have are put together here, each with its own copy of
// the hash; the others are asked for.
static inline dp_code key_of(dp_segment *s, uint64_t *ret_key, const dp_ledger_group *g,
                             const uint8_t *bytes, uint32_t lo, uint32_t i, dp_fault *fault)
{
	dp_addr a;
	if (g->width == 20) {
		a.kind = (uint8_t)g->kind;
		a.len = 20;
		memcpy(a.bytes, bytes + (uint64_t)i * 20, 20);
		*ret_key = dp_addr_key_inline(&a);
	} else if (g->width == 32) {
		a.kind = (uint8_t)g->kind;
		a.len = 32;
		memcpy(a.bytes, bytes + (uint64_t)i * 32, 32);
		*ret_key = dp_addr_key_inline(&a);
	} else {
		DP_TRY(dp_segment_addr(s, &a, g->id_first + lo + i, fault));
		*ret_key = dp_addr_key_inline(&a);
	}
	return DP_OK;
}

static dp_code add_run(const merge *m, scratch *t, uint32_t segment, const dp_ledger_group *g,
                       uint64_t piece, dp_fault *fault)
{
	dp_segment *s = m->c->segment[segment].segment;
	uint32_t lo = 0, hi = 0;
	DP_TRY(bounds(m, s, &lo, &hi, g, piece, fault));
	if (lo == hi) return DP_OK;
	uint32_t first = t->runs > 0 ? t->run[t->runs - 1].end : 0, n = first;
	if ((uint64_t)first + (hi - lo) > PIECE_MAX) return DP_LIMIT;
	DP_TRY(make_room(t, (uint64_t)first + (hi - lo), fault));
	uint64_t offset = g->offset + (uint64_t)lo * g->width;
	const uint8_t *p =
	    dp_segment_span_slow(s, DP_SEC_ADDR, offset, (uint64_t)(hi - lo) * g->width);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_ADDR, offset, fault);
	entry *out = t->from;
	for (uint32_t i = 0; i < hi - lo; i++) {
		uint64_t key = 0;
		DP_TRY(key_of(s, &key, g, p, lo, i, fault));
		out[n] = (entry){.key = key, .run = t->runs, .at = i};
		n += piece_of(m, key) == piece;
	}
	if (n == first) return DP_OK;
	t->run[t->runs++] =
	    (run){.segment = segment, .id = g->id_first + lo, .bytes = p, .first = first, .end = n};
	return DP_OK;
}

//- merging ---------------------------------------------------------------------------------------

static inline int compare_bytes(const scratch *t, const entry *a, const entry *b)
{
	const uint8_t *x = t->run[a->run].bytes + (uint64_t)a->at * t->width;
	const uint8_t *y = t->run[b->run].bytes + (uint64_t)b->at * t->width;
	return memcmp(x, y, t->width);
}

// Equal ones stay in the order of their segments. The choice of the smaller is no branch: it would
// be foretold wrongly every second time.
static void merge_two(const scratch *t, entry *out, const entry *a, const entry *a_end,
                      const entry *b, const entry *b_end)
{
	while (a < a_end && b < b_end) {
		bool second = b->key < a->key;
		if (__builtin_expect(b->key == a->key, 0)) second = compare_bytes(t, b, a) < 0;
		const entry *least = second ? b : a;
		*out++ = *least;
		a += !second;
		b += second;
	}
	if (a < a_end) memcpy(out, a, (size_t)(a_end - a) * sizeof *a);
	if (b < b_end) memcpy(out, b, (size_t)(b_end - b) * sizeof *b);
}

static void merge_runs(scratch *t)
{
	uint32_t parts = t->runs;
	t->edge[0] = 0;
	for (uint32_t i = 0; i < parts; i++) t->edge[i + 1] = t->run[i].end;
	while (parts > 1) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < parts; i += 2, n++) {
			uint32_t lo = t->edge[i], middle = t->edge[i + 1];
			uint32_t hi = i + 2 <= parts ? t->edge[i + 2] : middle;
			merge_two(t, t->to + lo, t->from + lo, t->from + middle, t->from + middle,
			          t->from + hi);
			t->edge[n + 1] = hi;
		}
		parts = n;
		entry *swap = t->from;
		t->from = t->to;
		t->to = swap;
		uint64_t cap = t->from_cap;
		t->from_cap = t->to_cap;
		t->to_cap = cap;
	}
}

// What stands behind its like gets the number of the first, or a link to where it will be. Within
// one segment nothing stands twice; where it does, in a forged one, both are as if they were new.
static void link_equal(merge *m, const scratch *t)
{
	uint32_t count = t->runs > 0 ? t->run[t->runs - 1].end : 0;
	const entry *origin = t->from;
	for (uint32_t i = 1; i < count; i++) {
		const entry *e = &t->from[i];
		bool is_same = e->key == e[-1].key && compare_bytes(t, e, &e[-1]) == 0;
		if (__builtin_expect(!is_same, 1)) {
			origin = e;
			continue;
		}
		const run *r = &t->run[e->run], *o = &t->run[origin->run];
		if (r->segment < m->first || r->segment == o->segment) continue;
		const dp_cluster_segment *from = &m->c->segment[o->segment];
		uint32_t id = o->id + origin->at;
		m->c->segment[r->segment].number[r->id + e->at] =
		    o->segment < m->first ? from->number[id]
		                          : DP_NUMBER_LINK | (from->link_first + id);
	}
}

static dp_code do_kind(merge *m, scratch *t, uint32_t kind, uint64_t piece, dp_fault *fault)
{
	t->runs = 0;
	for (uint32_t i = 0; i < m->end; i++) {
		const dp_segment *s = m->c->segment[i].segment;
		for (uint32_t g = 0; g < s->group_count; g++) {
			if (s->group[g].kind != kind || s->group[g].width == 0) continue;
			t->width = s->group[g].width;
			DP_TRY(add_run(m, t, i, &s->group[g], piece, fault));
		}
	}
	merge_runs(t);
	link_equal(m, t);
	return DP_OK;
}

static void do_piece(void *context, uint64_t piece)
{
	merge *m = context;
	dp_fault fault = {0};
	scratch *t = take_scratch(m);
	dp_code code = t == NULL ? dp_fail(&fault, DP_NO_MEMORY, "out of memory") : DP_OK;
	for (uint32_t kind = 0; kind < DP_ADDR_KIND_COUNT && code == DP_OK; kind++)
		code = do_kind(m, t, kind, piece, &fault);
	if (t != NULL) give_scratch(m, t);
	if (code == DP_OK) return;
	pthread_mutex_lock(&m->lock);
	if (code == DP_LIMIT) {
		m->too_long = true;
	} else if (m->code == DP_OK) {
		m->code = code;
		m->fault = fault;
	}
	pthread_mutex_unlock(&m->lock);
}

dp_code dp_cluster_merge(dp_cluster *c, bool *ret_done, uint32_t first, uint32_t end,
                         dp_fault *fault)
{
	DP_CHECK(c != NULL && ret_done != NULL && first < end && end <= c->count);
	merge m = {.c = c, .first = first, .end = end};
	uint64_t ids = 0;
	for (uint32_t i = 0; i < end; i++) ids += c->segment[i].ids;
	while (m.bits < PIECE_BITS_MAX && ids >> m.bits > PIECE) m.bits++;
	if (pthread_mutex_init(&m.lock, NULL) != 0)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_team_run(c->options.threads, (uint64_t)1 << m.bits, do_piece, &m);
	pthread_mutex_destroy(&m.lock);
	while (m.free != NULL) {
		scratch *next = m.free->next;
		free_scratch(m.free);
		m.free = next;
	}
	if (m.code != DP_OK && fault != NULL) *fault = m.fault;
	*ret_done = !m.too_long;
	return m.code;
}

// See path_share.h.
//
// One pass forward finds, for every movement, the movements it is made of ("pieces": exact slices
// of what had come in, by replaying each party's queue or stack); one pass backward follows from
// the holder only those slices that end there. Bags need no pieces: a pool is one mixture, and
// going backward through it the wanted share w of its content B is divided at every inflow y into
// floor(w*y/B), which the inflow brought, and the rest, which was there before. That is the pro
// rata rule in whole units: each share is at most what the inflow brought, and the shares add up
// to w, for at the first inflow y equals B.
//
// All of it is O(rows) but for sorting the parties' names and the runs of units inside a movement.
#include "report/path_share.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "report/path.h"

enum { NONE = UINT32_MAX };

enum party_kind { PARTY_THEFT, PARTY_HOLDER, PARTY_TX, PARTY_LINK, PARTY_SINK, PARTY_KEY };

// Whoever units come from or go to. Its name is its kind and a number, so that parties sort.
struct party {
	uint64_t name;
	bool here;            // is (part of) the holder asked for
	bool reached;         // something that leaves it can end at the holder
	uint32_t first, last; // its queue of inflows (lifo: `first` is the newest)
	uint32_t hop, near;   // near: of a transaction, that of who paid into it
	dp_u256 balance;      // origin units in it
	dp_u256 wanted;       // of those, what ends at the holder (bags)
};

// A slice of an earlier movement: `size` units of it from unit `start` on.
struct piece {
	dp_u256 start, size;
	uint32_t row;
};

// A run of units of a movement that ends at the holder: [start, end).
struct part {
	dp_u256 start, end;
	uint32_t next;
};

struct share {
	dp_path_row *row;
	uint32_t count;
	const dp_policy *policy;
	struct party *party;
	uint32_t party_count;
	uint32_t *link;        // by row: its neighbour in a queue
	dp_u256 *left;         // by row: units still in the party they went to
	uint32_t *piece_first; // by row, and one more
	struct piece *piece;
	uint64_t piece_cap, piece_count;
	uint32_t *part_first; // by row
	struct part *part;    // a pool of nodes; freed ones are chained by `next`
	uint64_t part_cap, part_count, parts_made, parts_max;
	uint32_t part_free;
	struct part *run; // of the row at hand, sorted
	uint64_t run_cap, run_count;
	dp_path_totals totals;
};

static dp_code damaged(dp_fault *fault, int64_t seq, const char *what)
{
	return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: flow %lld %s", (long long)seq,
	               what);
}

static dp_code add_to(dp_u256 *sum, dp_u256 v, int64_t seq, dp_fault *fault)
{
	if (dp_u256_add_over(sum, *sum, v)) return damaged(fault, seq, "overflows 256 bits");
	return DP_OK;
}

//- parties ---------------------------------------------------------------------------------------

// When a movement makes its sender a hub, the engine books what stays behind as unresolved before
// it books the movement itself, though the movement's units were taken out first. Put the rows in
// the order in which units left.
static void order_rows(dp_path_row *row, uint32_t count)
{
	const int64_t unresolved = dp_party_of_bucket(DP_BUCKET_UNRESOLVED);
	for (uint32_t i = 0; i + 1 < count; i++) {
		if (row[i].src <= 0 || row[i].dst != unresolved || row[i].stop >= 0) continue;
		uint32_t j = i;
		while (j + 1 < count && row[j + 1].src == row[i].src &&
		       row[j + 1].tx == row[i].tx && row[j + 1].mv == row[i].mv) {
			dp_path_row swap = row[j];
			row[j] = row[j + 1];
			row[j + 1] = swap;
			j++;
		}
		i = j;
	}
}

static uint64_t name_of(enum party_kind kind, uint64_t number)
{
	return (uint64_t)kind << 56 | number;
}

static enum party_kind kind_of(const struct party *p)
{
	return (enum party_kind)(p->name >> 56);
}

// What is between two legs, or frozen, is known by the link's key.
static bool is_between(int64_t party)
{
	return party == DP_PARTY_CROSSING || party == dp_party_of_bucket(DP_BUCKET_FROZEN);
}

static dp_code source_name(uint64_t *ret_name, const dp_path_row *r, dp_fault *fault)
{
	*ret_name = name_of(PARTY_THEFT, 0);
	if (r->src == DP_PARTY_THEFT) return DP_OK;
	*ret_name = name_of(PARTY_TX, r->tx);
	if (r->src == DP_PARTY_TX) return DP_OK;
	*ret_name = name_of(PARTY_HOLDER, (uint64_t)r->src);
	if (r->src > 0 && r->src <= UINT32_MAX) return DP_OK;
	*ret_name = name_of(PARTY_KEY, r->key);
	if (is_between(r->src) && r->key != 0) return DP_OK;
	if (r->src != dp_party_of_bucket(DP_BUCKET_UNRESOLVED))
		return damaged(fault, r->seq, "comes from nowhere");
	*ret_name = r->stop >= 0 ? name_of(PARTY_LINK, (uint64_t)r->stop)
	                         : name_of(PARTY_SINK, DP_BUCKET_UNRESOLVED);
	if (r->stop < 0 && r->dst != dp_party_of_bucket(DP_BUCKET_DUST))
		return damaged(fault, r->seq, "comes out of no link");
	return DP_OK;
}

static dp_code target_name(uint64_t *ret_name, const dp_path_row *r, dp_fault *fault)
{
	*ret_name = name_of(PARTY_TX, r->tx);
	if (r->dst == DP_PARTY_TX) return DP_OK;
	*ret_name = name_of(PARTY_HOLDER, (uint64_t)r->dst);
	if (r->dst > 0 && r->dst <= UINT32_MAX) return DP_OK;
	*ret_name = name_of(PARTY_KEY, r->key);
	if (is_between(r->dst) && r->key != 0) return DP_OK;
	if (r->dst >= dp_party_of_bucket(DP_BUCKET_HELD) ||
	    r->dst <= dp_party_of_bucket(DP_BUCKET_COUNT))
		return damaged(fault, r->seq, "goes nowhere");
	*ret_name = name_of(PARTY_SINK, (uint64_t)(DP_PARTY_BUCKET0 - r->dst));
	if (r->dst == dp_party_of_bucket(DP_BUCKET_UNRESOLVED) && r->stop >= 0)
		*ret_name = name_of(PARTY_LINK, (uint64_t)r->stop);
	return DP_OK;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int by_name(const void *a, const void *b)
{
	const struct party *y = b;
	return by_number(a, &y->name);
}

static uint32_t find_party(const struct share *s, uint64_t name)
{
	const struct party *p = bsearch(&name, s->party, s->party_count, sizeof *p, by_name);
	DP_CHECK(p != NULL);
	return (uint32_t)(p - s->party);
}

static bool is_here(uint64_t name, const uint32_t *here, uint32_t here_count)
{
	if (name >> 56 != PARTY_HOLDER) return false;
	uint64_t no = name & 0xffffffff;
	uint32_t low = 0, high = here_count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (here[mid] < no)
			low = mid + 1;
		else
			high = mid;
	}
	return low < here_count && here[low] == no;
}

// Numbers the parties, and tells each row its two.
static dp_code make_parties(struct share *s, uint64_t *name, const uint32_t *here,
                            uint32_t here_count, dp_fault *fault)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		DP_TRY(source_name(&name[n++], &s->row[i], fault));
		DP_TRY(target_name(&name[n++], &s->row[i], fault));
	}
	qsort(name, n, sizeof *name, by_number);
	uint64_t kept = 0;
	for (uint64_t i = 0; i < n; i++)
		if (i == 0 || name[i] != name[i - 1]) name[kept++] = name[i];
	s->party = dp_alloc((kept + 1) * sizeof *s->party);
	if (s->party == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->party_count = (uint32_t)kept;
	for (uint64_t i = 0; i < kept; i++) {
		struct party *p = &s->party[i];
		p->name = name[i];
		p->here = is_here(name[i], here, here_count);
		p->first = p->last = NONE;
		p->hop = p->near = DP_NO_INDEX;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t from, to;
		DP_TRY(source_name(&from, &s->row[i], fault));
		DP_TRY(target_name(&to, &s->row[i], fault));
		s->row[i].from = find_party(s, from);
		s->row[i].to = find_party(s, to);
		// What was frozen at the holder, and is let go again, had been there.
		if (s->row[i].arrives && to >> 56 == PARTY_KEY) s->party[s->row[i].to].here = true;
	}
	for (uint32_t i = 0; i < s->count; i++) s->row[i].arrives |= s->party[s->row[i].to].here;
	return DP_OK;
}

// Only holders, transactions and links hand on what came in.
static bool hands_on(const struct party *p)
{
	enum party_kind kind = kind_of(p);
	return kind == PARTY_HOLDER || kind == PARTY_TX || kind == PARTY_LINK || kind == PARTY_KEY;
}

// What a link leaves as dust (a colour whose share of the proceeds was less than one unit) is
// booked without the link's number. It is put down to the link that was paid last in the same
// transaction, where that has so much: elsewhere it is gone from a link that delivers no more.
static void name_dust(struct share *s, dp_path_row *r, uint32_t paid)
{
	if (kind_of(&s->party[r->from]) != PARTY_SINK || paid == NONE) return;
	if (dp_u256_cmp(r->origin, s->party[paid].balance) <= 0) r->from = paid;
}

// Nobody sends what never came. Leaves in `balance` what each party has at the end.
static dp_code check_balances(struct share *s, dp_fault *fault)
{
	uint32_t paid = NONE; // the link paid last in this transaction
	for (uint32_t i = 0; i < s->count; i++) {
		dp_path_row *r = &s->row[i];
		if (i > 0 && r->tx != r[-1].tx) paid = NONE;
		name_dust(s, r, paid);
		struct party *from = &s->party[r->from], *to = &s->party[r->to];
		if (kind_of(to) == PARTY_LINK) paid = r->to;
		if (hands_on(from) && dp_u256_sub_over(&from->balance, from->balance, r->origin))
			return damaged(fault, r->seq, "takes out more than ever came in");
		DP_TRY(add_to(&to->balance, r->origin, r->seq, fault));
	}
	return DP_OK;
}

// Marks the rows from which some way leads to the holder: all that poison asks, and for the others
// the parties worth replaying.
static void mark_reach(struct share *s)
{
	for (uint32_t i = s->count; i-- > 0;) {
		dp_path_row *r = &s->row[i];
		r->reach = r->arrives || s->party[r->to].reached;
		if (r->reach) s->party[r->from].reached = true;
	}
}

//- queues: pieces --------------------------------------------------------------------------------

static bool is_replayed(const struct party *p)
{
	// Behind the holder nobody looks: whatever comes to it, arrives.
	return p->reached && !p->here && hands_on(p);
}

static dp_code add_piece(struct share *s, uint32_t row, dp_u256 start, dp_u256 size,
                         dp_fault *fault)
{
	void *items = s->piece;
	// Every row ends at most one inflow in its middle, so there are at most two pieces a row.
	DP_TRY(dp_grow(&items, &s->piece_cap, sizeof *s->piece, s->piece_count + 1,
	               2 * (uint64_t)DP_PATH_ROWS_MAX, fault));
	s->piece = items;
	s->piece[s->piece_count++] = (struct piece){start, size, row};
	return DP_OK;
}

// Takes row i's units out of the queue (or stack) of `p`; notes where they came from when `keep`.
static dp_code take_out(struct share *s, struct party *p, uint32_t i, bool lifo, bool keep,
                        dp_fault *fault)
{
	dp_u256 x = s->row[i].origin;
	uint64_t first = s->piece_count;
	while (!dp_u256_is_zero(x)) {
		uint32_t in = p->first;
		DP_INVARIANT("I-2", in != NONE); // the balance was checked
		dp_u256 now = dp_u256_min(x, s->left[in]);
		dp_u256 start =
		    dp_u256_sub(lifo ? s->left[in] : s->row[in].origin, lifo ? now : s->left[in]);
		if (keep) DP_TRY(add_piece(s, in, start, now, fault));
		s->left[in] = dp_u256_sub(s->left[in], now);
		x = dp_u256_sub(x, now);
		if (dp_u256_is_zero(s->left[in])) p->first = s->link[in];
	}
	if (!lifo || s->piece_count == first) return DP_OK;
	// A slice of a stack keeps the order its units stood in.
	for (uint64_t a = first, b = s->piece_count - 1; a < b; a++, b--) {
		struct piece swap = s->piece[a];
		s->piece[a] = s->piece[b];
		s->piece[b] = swap;
	}
	return DP_OK;
}

static void put_in(struct share *s, struct party *p, uint32_t i, bool lifo)
{
	if (dp_u256_is_zero(s->row[i].origin)) return;
	s->left[i] = s->row[i].origin;
	s->link[i] = NONE;
	if (lifo) {
		s->link[i] = p->first;
		p->first = i;
	} else if (p->first == NONE) {
		p->first = p->last = i;
	} else {
		s->link[p->last] = i;
		p->last = i;
	}
}

static dp_code make_pieces(struct share *s, dp_fault *fault)
{
	bool lifo = s->policy == &dp_policy_lifo;
	for (uint32_t i = 0; i < s->count; i++) {
		struct party *from = &s->party[s->row[i].from], *to = &s->party[s->row[i].to];
		s->piece_first[i] = (uint32_t)s->piece_count;
		// A link hands on all it has, in order, under either policy.
		bool from_top = lifo && kind_of(from) != PARTY_LINK;
		if (is_replayed(from))
			DP_TRY(take_out(s, from, i, from_top, s->row[i].reach, fault));
		if (is_replayed(to)) put_in(s, to, i, lifo && kind_of(to) != PARTY_LINK);
	}
	s->piece_first[s->count] = (uint32_t)s->piece_count;
	return DP_OK;
}

//- queues: parts ---------------------------------------------------------------------------------

// Units [start, end) of row i end at the holder.
static dp_code add_part(struct share *s, uint32_t i, dp_u256 start, dp_u256 end, dp_fault *fault)
{
	uint32_t head = s->part_first[i];
	if (head != NONE && dp_u256_eq(s->part[head].end, start)) {
		s->part[head].end = end;
		return DP_OK;
	}
	if (head != NONE && dp_u256_eq(s->part[head].start, end)) {
		s->part[head].start = start;
		return DP_OK;
	}
	if (++s->parts_made > s->parts_max)
		return dp_fail(fault, DP_LIMIT,
		               "the path falls into more than %llu parts: ask for one coin "
		               "(txid:vout), for a holder nearer to the theft, or trace under "
		               "haircut, whose shares are not kept apart",
		               (unsigned long long)s->parts_max);
	uint32_t at = s->part_free;
	if (at != NONE) {
		s->part_free = s->part[at].next;
	} else {
		void *items = s->part;
		DP_TRY(dp_grow(&items, &s->part_cap, sizeof *s->part, s->part_count + 1,
		               s->parts_max, fault));
		s->part = items;
		at = (uint32_t)s->part_count++;
	}
	s->part[at] = (struct part){start, end, head};
	s->part_first[i] = at;
	return DP_OK;
}

static int by_start(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	return dp_u256_cmp(x->start, y->start);
}

// Collects row i's parts into s->run, in order and joined where they touch; gives their nodes back.
static dp_code gather_parts(struct share *s, uint32_t i, dp_fault *fault)
{
	s->run_count = 0;
	if (s->row[i].arrives) {
		if (dp_u256_is_zero(s->row[i].origin)) return DP_OK;
		s->run[s->run_count++] = (struct part){.end = s->row[i].origin};
		return DP_OK;
	}
	for (uint32_t at = s->part_first[i]; at != NONE;) {
		uint32_t next = s->part[at].next;
		void *items = s->run;
		DP_TRY(dp_grow(&items, &s->run_cap, sizeof *s->run, s->run_count + 1,
		               s->parts_max + 1, fault));
		s->run = items;
		s->run[s->run_count++] = s->part[at];
		s->part[at].next = s->part_free;
		s->part_free = at;
		at = next;
	}
	qsort(s->run, s->run_count, sizeof *s->run, by_start);
	uint64_t kept = 0;
	for (uint64_t k = 0; k < s->run_count; k++) {
		DP_INVARIANT("I-6",
		             kept == 0 || dp_u256_cmp(s->run[kept - 1].end, s->run[k].start) <= 0);
		if (kept > 0 && dp_u256_eq(s->run[kept - 1].end, s->run[k].start))
			s->run[kept - 1].end = s->run[k].end;
		else
			s->run[kept++] = s->run[k];
	}
	s->run_count = kept;
	return DP_OK;
}

// Follows the runs of row i into the rows it is made of.
static dp_code follow_parts(struct share *s, uint32_t i, dp_fault *fault)
{
	uint32_t k = s->piece_first[i];
	dp_u256 at = DP_U256_ZERO; // where piece k begins in row i
	for (uint64_t n = 0; n < s->run_count; n++) {
		dp_u256 start = s->run[n].start, end = s->run[n].end;
		while (dp_u256_lt(start, end)) {
			DP_INVARIANT("I-6", k < s->piece_first[i + 1]);
			const struct piece *p = &s->piece[k];
			dp_u256 upto = dp_u256_add(at, p->size);
			if (dp_u256_cmp(upto, start) <= 0) {
				at = upto;
				k++;
				continue;
			}
			dp_u256 cut = dp_u256_min(end, upto);
			DP_TRY(add_part(s, p->row, dp_u256_add(p->start, dp_u256_sub(start, at)),
			                dp_u256_add(p->start, dp_u256_sub(cut, at)), fault));
			start = cut;
		}
	}
	return DP_OK;
}

// What the part of row i means at its source: stolen then, or there before.
static void count_part(struct share *s, const dp_path_row *r)
{
	const struct party *from = &s->party[r->from];
	if (kind_of(from) == PARTY_THEFT)
		s->totals.stolen = dp_u256_add(s->totals.stolen, r->part);
	else if (from->here)
		s->totals.again = dp_u256_add(s->totals.again, r->part);
}

static dp_code share_queue(struct share *s, dp_fault *fault)
{
	DP_TRY(make_pieces(s, fault));
	for (uint32_t i = 0; i < s->count; i++) s->part_first[i] = NONE;
	for (uint32_t i = s->count; i-- > 0;) {
		dp_path_row *r = &s->row[i];
		DP_TRY(gather_parts(s, i, fault));
		for (uint64_t k = 0; k < s->run_count; k++)
			r->part = dp_u256_add(r->part, dp_u256_sub(s->run[k].end, s->run[k].start));
		count_part(s, r);
		if (is_replayed(&s->party[r->from])) DP_TRY(follow_parts(s, i, fault));
	}
	return DP_OK;
}

static dp_code queue_memory(struct share *s, dp_fault *fault)
{
	size_t n = (size_t)s->count + 1;
	s->link = dp_alloc(n * sizeof *s->link);
	s->left = dp_alloc(n * sizeof *s->left);
	s->piece_first = dp_alloc(n * sizeof *s->piece_first);
	s->part_first = dp_alloc(n * sizeof *s->part_first);
	if (s->link == NULL || s->left == NULL || s->piece_first == NULL || s->part_first == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->part_free = NONE;
	void *items = NULL;
	DP_TRY(dp_grow(&items, &s->run_cap, sizeof *s->run, 1, s->parts_max + 1, fault));
	s->run = items;
	return DP_OK;
}

//- bags ------------------------------------------------------------------------------------------

static void share_bag(struct share *s)
{
	for (uint32_t i = s->count; i-- > 0;) {
		dp_path_row *r = &s->row[i];
		struct party *from = &s->party[r->from], *to = &s->party[r->to];
		if (r->arrives) {
			r->part = r->origin;
		} else if (hands_on(to) && !dp_u256_is_zero(to->wanted)) {
			DP_INVARIANT("I-6", dp_u256_cmp(to->wanted, to->balance) <= 0);
			r->part = dp_u256_mul_div(to->wanted, r->origin, to->balance);
			to->wanted = dp_u256_sub(to->wanted, r->part);
		}
		if (hands_on(to)) to->balance = dp_u256_sub(to->balance, r->origin);
		count_part(s, r);
		if (!hands_on(from)) continue;
		from->balance = dp_u256_add(from->balance, r->origin);
		if (!from->here) from->wanted = dp_u256_add(from->wanted, r->part);
	}
}

//- all together ----------------------------------------------------------------------------------

// Hops as the engine counts them: transactions since the theft, links not counted, nor swaps whose
// proceeds go to whom the money was taken from.
static uint32_t hop_of(const dp_path_row *r, const struct party *from, const struct party *to)
{
	if (kind_of(from) == PARTY_THEFT) return 0;
	if (from->hop == DP_NO_INDEX) return DP_NO_INDEX;
	if (kind_of(from) == PARTY_TX && kind_of(to) == PARTY_KEY) return from->near;
	bool moves = kind_of(from) == PARTY_HOLDER && kind_of(to) != PARTY_LINK &&
	             kind_of(to) != PARTY_KEY && !r->is_same;
	return from->hop + (moves ? 1 : 0);
}

static void count_hops(struct share *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		dp_path_row *r = &s->row[i];
		struct party *from = &s->party[r->from], *to = &s->party[r->to];
		r->hop = DP_NO_INDEX;
		r->shown =
		    s->policy->conserving ? r->arrives || !dp_u256_is_zero(r->part) : r->reach;
		if (!r->shown) continue;
		r->hop = hop_of(r, from, to);
		if (r->hop < to->hop) to->hop = r->hop;
		uint32_t near = kind_of(from) == PARTY_THEFT ? 0 : from->hop;
		if (near < to->near) to->near = near;
	}
}

static dp_code share_rows(struct share *s, dp_fault *fault)
{
	mark_reach(s);
	if (s->policy->conserving) {
		DP_TRY(check_balances(s, fault));
		for (uint32_t i = 0; i < s->party_count; i++)
			if (s->party[i].here && kind_of(&s->party[i]) == PARTY_HOLDER)
				DP_TRY(add_to(&s->totals.held, s->party[i].balance, 0, fault));
		for (uint32_t i = 0; i < s->count; i++) {
			if (!s->row[i].arrives) continue;
			s->totals.thin += dp_u256_is_zero(s->row[i].origin);
			DP_TRY(add_to(&s->totals.gross, s->row[i].origin, s->row[i].seq, fault));
		}
		if (s->policy->shape == DP_SHAPE_QUEUE) {
			DP_TRY(queue_memory(s, fault));
			DP_TRY(share_queue(s, fault));
		} else {
			share_bag(s);
		}
		// Every unit that arrived was followed back to the theft, or had been here before.
		DP_INVARIANT("I-6", dp_u256_eq(dp_u256_add(s->totals.stolen, s->totals.again),
		                               s->totals.gross));
	}
	count_hops(s);
	return DP_OK;
}

dp_code dp_path_share(dp_path_row *row, uint32_t count, const uint32_t *here, uint32_t here_count,
                      const dp_policy *policy, uint64_t parts_max, dp_path_totals *ret_totals,
                      dp_fault *fault)
{
	DP_CHECK(count <= DP_PATH_ROWS_MAX && parts_max <= DP_PATH_PARTS_MAX);
	struct share s = {.row = row, .count = count, .policy = policy, .parts_max = parts_max};
	order_rows(row, count);
	uint64_t *name = dp_alloc(((size_t)count * 2 + 1) * sizeof *name);
	dp_code code = name == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory")
	                            : make_parties(&s, name, here, here_count, fault);
	dp_free(name);
	if (code == DP_OK) code = share_rows(&s, fault);
	if (code == DP_OK) *ret_totals = s.totals;
	dp_free(s.party);
	dp_free(s.link);
	dp_free(s.left);
	dp_free(s.piece_first);
	dp_free(s.piece);
	dp_free(s.part_first);
	dp_free(s.part);
	dp_free(s.run);
	return code;
}

// Judging addresses, see screener.h.
//
// What costs. An address is 34 bytes, its key one XXH3 of 22 of them (under 5 ns); then one line of
// the filter. Where that says no, which it does for 99 of 100 addresses that nobody knows, the
// answer is ready: all there is left to ask is whether it was made to look like a known one, one
// bit of a table of 2 MiB. Whoever is known costs a look-up in each table and a walk over the
// rules, each of which looks at a handful of numbers.
#include "screen/screener.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/pages.h"
#include "base/team.h"
#include "chain/key.h"
#include "codec/eip55.h"
#include "codec/hex.h"
#include "codec/input.h"
#include "ledger/filter.h"
#include "tag/place.h"

enum { LIKE_BITS = 1 << 24 };

// What of a rule tells for most facts that it is about something else. The rules themselves lie
// some lines of the cache apart.
typedef struct rule_head {
	uint32_t classes, number;
} rule_head;

struct dp_screener {
	dp_tags *tags;
	dp_held *held;
	dp_rules rules;
	rule_head *head; // of all rules, kind by kind
	uint32_t head_first[DP_FACT_KIND_COUNT + 1];
	uint8_t *filter; // blocks, on lines of the cache
	void *filter_memory;
	uint64_t filter_blocks;
	dp_originals *originals; // NULL: no rule asks for look-alikes
	uint64_t *likes;
	uint64_t chance_min; // of the rules that ask
	dp_addr *known;      // by number of the original
	uint64_t known_cap;
	uint32_t known_count;
};

//- making ----------------------------------------------------------------------------------------

// What shows the same text, and so is the same to whoever wrote the tag (chain/address.h).
static inline dp_addr looked_up(const dp_addr *addr)
{
	dp_addr a = *addr;
	if (a.kind == DP_ADDR_P2PK) a.kind = DP_ADDR_P2PKH;
	return a;
}

static uint32_t ends_of(const uint8_t bytes[20])
{
	uint32_t first = (uint32_t)bytes[0] << 4 | bytes[1] >> 4;
	uint32_t last = (uint32_t)(bytes[18] & 15) << 8 | bytes[19];
	return first << 12 | last;
}

typedef struct maker {
	dp_screener *s;
	dp_code code;
	dp_fault *fault;
} maker;

static void add_key(dp_screener *s, const dp_addr *addr)
{
	dp_addr a = looked_up(addr);
	dp_filter_add(s->filter, s->filter_blocks, dp_addr_key_inline(&a));
}

static bool put_in_filter(void *context, const dp_addr *addr, const dp_tag_record *tag,
                          uint32_t count)
{
	maker *m = context;
	(void)tag;
	(void)count;
	add_key(m->s, addr);
	return true;
}

static dp_code add_known(dp_screener *s, const dp_addr *addr, dp_fault *fault)
{
	if (addr->kind != DP_ADDR_EVM) return DP_OK;
	void *items = s->known;
	DP_TRY(dp_grow(&items, &s->known_cap, sizeof *s->known, (uint64_t)s->known_count + 1,
	               UINT32_MAX - 1, fault));
	s->known = items;
	s->known[s->known_count] = *addr;
	s->known_count++;
	return DP_OK;
}

// Sorts by the 24 bits of the ends, above the number: twelve bits, then the other twelve.
static void sort_by_ends(uint64_t *io_item, uint64_t *spare, uint32_t count)
{
	enum { DIGITS = 1 << 12 };
	uint64_t *from = io_item, *to = spare;
	for (unsigned shift = 32; shift < 56; shift += 12) {
		uint32_t begin[DIGITS] = {0}, at = 0;
		for (uint32_t i = 0; i < count; i++) begin[from[i] >> shift & (DIGITS - 1)]++;
		for (uint32_t d = 0; d < DIGITS; d++) {
			uint32_t n = begin[d];
			begin[d] = at;
			at += n;
		}
		DP_CHECK(at == count);
		for (uint32_t i = 0; i < count; i++)
			to[begin[from[i] >> shift & (DIGITS - 1)]++] = from[i];
		uint64_t *swap = from;
		from = to;
		to = swap;
	}
	DP_CHECK(from == io_item);
}

// In the order of their ends, which is the one that they are sorted by in the end: sorting half a
// million that are in order takes a fifth of the time.
static dp_code add_originals(dp_screener *s, dp_fault *fault)
{
	enum { AHEAD = 16 };
	uint32_t count = s->known_count;
	uint64_t *item = dp_alloc(((uint64_t)count * 2 + 1) * sizeof *item);
	if (item == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < count; i++)
		item[i] = (uint64_t)ends_of(s->known[i].bytes) << 32 | i;
	sort_by_ends(item, item + count, count);
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < count && code == DP_OK; i++) {
		uint32_t number = (uint32_t)item[i], ends = (uint32_t)(item[i] >> 32);
		if (i + AHEAD < count) __builtin_prefetch(&s->known[(uint32_t)item[i + AHEAD]]);
		s->likes[ends / 64] |= (uint64_t)1 << ends % 64;
		code = dp_originals_add(s->originals, &s->known[number], number, fault);
	}
	dp_free(item);
	return code;
}

// Thieves, services and contracts are worth imitating; what some heuristic took for one is not.
static bool is_worth_imitating(const dp_tag_record *tag, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (tag[i].risk != DP_CLASS_NONE && (tag[i].flags & DP_TAGF_INFERRED) == 0)
			return true;
	return false;
}

static bool put_in_originals(void *context, const dp_addr *addr, const dp_tag_record *tag,
                             uint32_t count)
{
	maker *m = context;
	if (is_worth_imitating(tag, count)) m->code = add_known(m->s, addr, m->fault);
	return m->code == DP_OK;
}

static dp_code make_filter(dp_screener *s, dp_fault *fault)
{
	enum { LINE = 64 };
	uint64_t keys = dp_tags_places(s->tags) + dp_held_place_count(s->held);
	maker m = {.s = s, .fault = fault};
	s->filter_blocks = dp_filter_blocks(keys);
	s->filter_memory = dp_alloc(s->filter_blocks * DP_FILTER_BLOCK + LINE);
	if (s->filter_memory == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_pages_large(s->filter_memory, s->filter_blocks * DP_FILTER_BLOCK + LINE);
	s->filter = (uint8_t *)(((uintptr_t)s->filter_memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
	dp_tags_each(s->tags, put_in_filter, &m);
	for (uint32_t i = 0; i < dp_held_place_count(s->held); i++)
		add_key(s, dp_held_place(s->held, i));
	return DP_OK;
}

static dp_code make_originals(dp_screener *s, dp_fault *fault)
{
	bool is_asked = false;
	for (uint32_t i = 0; i < s->rules.count; i++) {
		const dp_rule *r = &s->rules.rule[i];
		if (r->kind != DP_FACT_LOOKALIKE) continue;
		if (!is_asked || r->chance_min < s->chance_min) s->chance_min = r->chance_min;
		is_asked = true;
	}
	if (!is_asked) return DP_OK;
	maker m = {.s = s, .fault = fault};
	s->likes = dp_alloc(LIKE_BITS / 8);
	if (s->likes == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_pages_large(s->likes, LIKE_BITS / 8);
	DP_TRY(dp_originals_new(&s->originals, DP_ALIKE_MIN_ANYWHERE, fault));
	dp_tags_each(s->tags, put_in_originals, &m);
	DP_TRY(m.code);
	for (uint32_t i = 0; i < dp_held_place_count(s->held); i++)
		DP_TRY(add_known(s, dp_held_place(s->held, i), fault));
	DP_TRY(add_originals(s, fault));
	return dp_originals_finish(s->originals, fault);
}

static dp_code read_rules(dp_screener *s, const char *path, dp_fault *fault)
{
	uint8_t *bytes;
	size_t size;
	dp_input *in;
	if (path == NULL) {
		const char *text = dp_rules_builtin(&size);
		return dp_rules_parse(&s->rules, text, size, fault);
	}
	dp_code code = dp_input_open(&in, path, fault);
	if (code == DP_OK) {
		code = dp_input_read_all(in, &bytes, &size, DP_RULES_BYTES_MAX, fault);
		dp_input_close(in);
	}
	if (code == DP_OK) {
		code = dp_rules_parse(&s->rules, (const char *)bytes, size, fault);
		dp_free(bytes);
	}
	if (code != DP_OK) dp_fault_file(fault, path);
	return code;
}

static dp_code make_heads(dp_screener *s, dp_fault *fault)
{
	const dp_rules *r = &s->rules;
	uint32_t count = 0;
	s->head = dp_alloc(((uint64_t)r->count + 1) * sizeof *s->head);
	if (s->head == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t kind = 0; kind < DP_FACT_KIND_COUNT; kind++) {
		s->head_first[kind] = count;
		for (uint32_t i = 0; i < r->count; i++) {
			uint32_t classes = r->rule[i].classes;
			if (r->rule[i].kind != kind) continue;
			s->head[count++] = (rule_head){classes != 0 ? classes : UINT32_MAX, i};
		}
	}
	s->head_first[DP_FACT_KIND_COUNT] = count;
	DP_CHECK(count == r->count);
	return DP_OK;
}

// Tags and casebooks do not know of each other, so they are read side by side; and then what is
// made of both.
typedef struct making {
	dp_screener *s;
	const dp_screener_options *options;
	bool is_second; // the filter and the originals
	dp_code code[2];
	dp_fault fault[2];
} making;

static void make_piece(void *context, uint64_t piece)
{
	making *m = context;
	const dp_screener_options *o = m->options;
	dp_fault *fault = &m->fault[piece];
	dp_tags_options tags = {.path = o->tag_path,
	                        .path_count = o->tag_count,
	                        .no_builtin = o->no_builtin,
	                        .now = o->now,
	                        .complain = o->complain,
	                        .context = o->context};
	DP_CHECK(piece < 2);
	if (m->is_second && piece == 0)
		m->code[0] = make_filter(m->s, fault);
	else if (m->is_second)
		m->code[1] = o->no_lookalikes ? DP_OK : make_originals(m->s, fault);
	else if (piece == 0)
		m->code[0] = dp_tags_load(&m->s->tags, &tags, fault);
	else
		m->code[1] = dp_held_load(&m->s->held, o->casebook_path, o->casebook_count, fault);
}

static dp_code make(dp_screener *s, const dp_screener_options *o, dp_fault *fault)
{
	making m = {.s = s, .options = o};
	// The rules first: a mistake in them is told before a million tags are read.
	DP_TRY(read_rules(s, o->rules_path, fault));
	DP_TRY(make_heads(s, fault));
	for (int step = 0; step < 2; step++) {
		m.is_second = step == 1;
		dp_team_run(2, 2, make_piece, &m);
		// Whichever was done first: what is told is always the same.
		for (int i = 0; i < 2; i++) {
			if (m.code[i] == DP_OK) continue;
			if (fault != NULL) *fault = m.fault[i];
			return m.code[i];
		}
	}
	return DP_OK;
}

dp_code dp_screener_new(dp_screener **ret_screener, const dp_screener_options *options,
                        dp_fault *fault)
{
	DP_CHECK(ret_screener != NULL && options != NULL);
	dp_screener *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = make(s, options, fault);
	if (code != DP_OK) {
		dp_screener_free(s);
		return code;
	}
	*ret_screener = s;
	return DP_OK;
}

void dp_screener_free(dp_screener *s)
{
	if (s == NULL) return;
	dp_tags_free(s->tags);
	dp_held_free(s->held);
	dp_rules_done(&s->rules);
	dp_free(s->head);
	dp_originals_free(s->originals);
	dp_free(s->filter_memory);
	dp_free(s->likes);
	dp_free(s->known);
	dp_free(s);
}

const dp_tags *dp_screener_tags(const dp_screener *s)
{
	return s->tags;
}

const dp_held *dp_screener_held(const dp_screener *s)
{
	return s->held;
}

const dp_rules *dp_screener_rules(const dp_screener *s)
{
	return &s->rules;
}

uint64_t dp_screener_memory(const dp_screener *s)
{
	uint64_t likes = s->originals == NULL ? 0
	                                      : LIKE_BITS / 8 + s->known_cap * sizeof *s->known +
	                                            (uint64_t)s->known_count * 36;
	return dp_tags_memory(s->tags) + dp_held_memory(s->held) +
	       s->filter_blocks * DP_FILTER_BLOCK + likes;
}

//- facts -----------------------------------------------------------------------------------------

static dp_screen_fact blank_fact(dp_fact_kind kind)
{
	return (dp_screen_fact){.kind = (uint8_t)kind,
	                        .hops = DP_HOPS_NONE,
	                        .since = DP_NO_DATE,
	                        .incident = "",
	                        .policy = "",
	                        .casebook = ""};
}

static uint8_t date_of(const dp_tag_record *tag, int64_t at)
{
	switch (dp_tags_dated(tag, at)) {
	case DP_DATED_GONE: return DP_DATE_GONE;
	case DP_DATED_NOT_YET: return DP_DATE_LATER;
	case DP_DATED_ON: break;
	}
	return DP_DATE_ON;
}

typedef struct tag_list {
	const dp_tag_record *tag;
	uint32_t count;
} tag_list;

static void tag_facts(tag_list l, const dp_addr *addr, const dp_network *network, int64_t at,
                      bool is_cluster, dp_fact_visit visit, void *context)
{
	const dp_tag_record *tag = l.tag;
	for (uint32_t i = 0; i < l.count; i++) {
		dp_tag_match match =
		    network == NULL ? DP_MATCH_EXACT : dp_tags_match(&tag[i], network);
		if (match == DP_MATCH_NONE) continue;
		dp_screen_fact f = blank_fact(DP_FACT_TAG);
		f.tag = &tag[i];
		f.match = (uint8_t)match;
		f.dated = date_of(&tag[i], at);
		f.risk = tag[i].risk;
		f.is_cluster = is_cluster;
		f.is_inferred = is_cluster || (tag[i].flags & DP_TAGF_INFERRED) != 0;
		f.place = *addr;
		visit(context, &f);
	}
}

void dp_screener_tag_facts(const dp_screener *s, const dp_addr *addr, const dp_network *network,
                           int64_t at, bool is_cluster, dp_fact_visit visit, void *context)
{
	tag_list l;
	l.tag = dp_tags_find(s->tags, addr, &l.count);
	tag_facts(l, addr, network, at, is_cluster, visit, context);
}

static void held_facts(const dp_screener *s, const dp_held_question *q, int64_t at,
                       dp_fact_visit visit, void *context)
{
	const dp_held_record *r = q->record;
	for (uint32_t i = 0; i < q->count; i++, r++) {
		const dp_held_case *c = dp_held_case_at(s->held, r->case_no);
		dp_held_point then;
		dp_screen_fact f = blank_fact(DP_FACT_TAINT);
		if (!dp_held_at(s->held, r, at, &then)) continue;
		f.incident = c->incident;
		f.policy = c->policy;
		f.casebook = c->casebook;
		f.asset = r->asset;
		f.stolen = r->stolen;
		f.hops = r->hops;
		f.since = r->since;
		f.has_tx = r->has_tx;
		memcpy(f.tx, r->tx, sizeof f.tx);
		f.units = dp_u256_of128(then.units);
		f.origin = dp_u256_of128(then.origin);
		// What is held at the end is what its holders hold, and only then is it known what
		// lies beside it.
		bool is_last = at >= c->time || at == DP_AT_LATEST;
		if (r->is_arrival) {
			f.taint = DP_TAINT_ARRIVAL;
		} else if (!c->is_conserving) {
			f.taint = DP_TAINT_REACH;
		} else if (then.units > 0) {
			f.taint = DP_TAINT_NOW;
			f.is_share_unknown =
			    !(is_last && r->all_units >= r->units && r->all_units > 0);
			if (is_last && r->all_units >= r->units && r->all_units > 0)
				f.share = (uint32_t)dp_u256_mul_div(dp_u256_of128(r->units),
				                                    dp_u256_of(DP_SHARE_ONE),
				                                    dp_u256_of128(r->all_units))
				              .w[0];
		} else {
			f.taint = DP_TAINT_EVER;
			f.is_share_unknown = true;
			f.units = dp_u256_of128(then.most_units);
			f.origin = dp_u256_of128(then.most_origin);
		}
		visit(context, &f);
	}
}

static void like_fact(const dp_screener *s, const dp_addr *addr, dp_fact_visit visit, void *context)
{
	uint32_t ends = ends_of(addr->bytes), count;
	dp_lookalike_hit hit;
	if ((s->likes[ends / 64] >> ends % 64 & 1) == 0) return;
	if (!dp_originals_find(s->originals, &hit, addr) || hit.chance < s->chance_min) return;
	dp_screen_fact f = blank_fact(DP_FACT_LOOKALIKE);
	DP_CHECK(hit.number < s->known_count);
	f.place = s->known[hit.number];
	f.leading = hit.leading;
	f.trailing = hit.trailing;
	f.chance = hit.chance;
	const dp_tag_record *tag = dp_tags_find(s->tags, &f.place, &count);
	// The worst of its tags is why it is worth imitating.
	for (uint32_t i = 0; i < count; i++)
		if (f.tag == NULL || tag[i].risk > f.tag->risk) f.tag = &tag[i];
	f.risk = f.tag != NULL ? f.tag->risk : DP_CLASS_THEFT;
	f.dated = f.tag != NULL ? date_of(f.tag, DP_AT_LATEST) : DP_DATE_ON;
	f.is_inferred = true;
	const dp_held_record *r = dp_held_find(s->held, &f.place, &count);
	if (count > 0) f.incident = dp_held_case_at(s->held, r->case_no)->incident;
	visit(context, &f);
}

static bool may_be_known(const dp_screener *s, uint64_t key)
{
	uint64_t block = dp_filter_block_of(key, s->filter_blocks);
	return dp_filter_has(s->filter + block * DP_FILTER_BLOCK, key);
}

// One address on its way through the tables. Each step reads what the one before had fetched, so
// that of several addresses, or of several tables for one, none waits for another's memory.
typedef struct question {
	const dp_addr *addr; // `shown` or the caller's
	dp_addr shown;
	uint64_t key;
	bool is_known; // as far as the filter tells
	dp_tags_question tags;
	dp_held_question held;
} question;

static void ask_filter(const dp_screener *s, question *q, const dp_addr *addr)
{
	q->addr = addr;
	if (addr->kind == DP_ADDR_P2PK) {
		q->shown = looked_up(addr);
		q->addr = &q->shown;
	}
	q->key = dp_addr_key_inline(q->addr);
	uint64_t block = dp_filter_block_of(q->key, s->filter_blocks);
	__builtin_prefetch(s->filter + block * DP_FILTER_BLOCK);
}

static void ask_tables(const dp_screener *s, question *q)
{
	bool is_somebody = q->addr->kind != DP_ADDR_NONE && q->addr->kind != DP_ADDR_NULLDATA;
	q->is_known = is_somebody && may_be_known(s, q->key);
	if (q->is_known) {
		dp_tags_ask(s->tags, &q->tags, q->addr);
		dp_held_ask(s->held, &q->held, q->addr);
	} else if (s->originals != NULL && q->addr->kind == DP_ADDR_EVM) {
		__builtin_prefetch(&s->likes[ends_of(q->addr->bytes) / 64]);
	}
}

static void ask_places(const dp_screener *s, question *q)
{
	if (!q->is_known) return;
	dp_tags_ask_place(s->tags, &q->tags);
	// Tables of casebooks hold addresses of chains only.
	if (q->addr->kind < DP_ADDR_KIND_COUNT) dp_held_ask_place(s->held, &q->held);
}

static void ask_rows(const dp_screener *s, question *q)
{
	if (!q->is_known) return;
	dp_tags_ask_tags(s->tags, &q->tags, q->addr);
	dp_held_ask_records(s->held, &q->held, q->addr);
}

static void facts_of(const dp_screener *s, const question *q, const dp_network *network, int64_t at,
                     dp_fact_visit visit, void *context)
{
	bool is_original = false;
	if (q->is_known) {
		tag_list l = {q->tags.tag, q->tags.count};
		tag_facts(l, q->addr, network, at, false, visit, context);
		held_facts(s, &q->held, at, visit, context);
		is_original = q->held.count > 0 || is_worth_imitating(l.tag, l.count);
	}
	// Who is imitated does not imitate, and need not be looked for among the others.
	if (s->originals != NULL && q->addr->kind == DP_ADDR_EVM && !is_original)
		like_fact(s, q->addr, visit, context);
}

void dp_screener_facts(const dp_screener *s, const dp_addr *addr, const dp_network *network,
                       int64_t at, dp_fact_visit visit, void *context)
{
	DP_CHECK(s != NULL && addr != NULL && visit != NULL);
	question q;
	ask_filter(s, &q, addr);
	ask_tables(s, &q);
	ask_places(s, &q);
	ask_rows(s, &q);
	facts_of(s, &q, network, at, visit, context);
}

uint32_t dp_fact_flags(const dp_screen_fact *f)
{
	uint32_t flags = f->is_inferred ? DP_SF_INFERRED : 0;
	if (f->kind == DP_FACT_LOOKALIKE) return flags | DP_SF_LOOKALIKE;
	if (f->kind == DP_FACT_TAINT) {
		if (f->taint == DP_TAINT_ARRIVAL) return flags | DP_SF_ARRIVAL;
		return flags | DP_SF_TAINTED_EVER |
		       (f->taint == DP_TAINT_NOW ? DP_SF_TAINTED_NOW : 0);
	}
	// What somebody says of a neighbour is no fact about this address.
	if (f->kind != DP_FACT_TAG || f->is_cluster) return flags;
	flags |= DP_SF_TAGGED;
	if (f->match == DP_MATCH_SAME_KEY) flags |= DP_SF_SAME_KEY;
	if (f->risk == DP_CLASS_SANCTION) {
		if (f->dated == DP_DATE_ON) return flags | DP_SF_SANCTIONED;
		return flags |
		       (f->dated == DP_DATE_GONE ? DP_SF_WAS_SANCTIONED : DP_SF_LATER_SANCTIONED);
	}
	if (f->risk >= DP_CLASS_SCAM) return flags | DP_SF_THIEF;
	if (f->risk >= DP_CLASS_SERVICE || f->tag->stop != DP_FOLLOW) flags |= DP_SF_SERVICE;
	return flags;
}

//- judging ---------------------------------------------------------------------------------------

typedef struct judge {
	const dp_screener *s;
	dp_answer *answer;
	uint32_t rule_at;     // of the answer's rule
	const char *incident; // of the last taint: facts of one case come together
} judge;

static void take_rule(judge *j, uint32_t at, const dp_screen_fact *f)
{
	const dp_rule *r = &j->s->rules.rule[at];
	dp_answer *a = j->answer;
	a->rule_count++;
	bool is_worse =
	    a->rule == NULL || r->level > a->level || (r->level == a->level && at < j->rule_at);
	if (!is_worse) return;
	a->level = r->level;
	a->rule = r;
	j->rule_at = at;
	a->confidence = f->tag != NULL ? f->tag->confidence : 0;
	a->label = f->tag != NULL ? dp_tags_text(j->s->tags, f->tag->label) : f->incident;
	a->list = f->tag != NULL ? dp_tags_text(j->s->tags, f->tag->list) : f->policy;
}

static void judge_fact(void *context, const dp_screen_fact *f)
{
	judge *j = context;
	dp_answer *a = j->answer;
	a->flags |= dp_fact_flags(f);
	a->tag_count += f->kind == DP_FACT_TAG;
	if (f->kind == DP_FACT_TAINT) {
		a->case_count += j->incident != f->incident;
		j->incident = f->incident;
		if (f->hops < a->hops) a->hops = f->hops;
	}
	const dp_screener *s = j->s;
	for (uint32_t i = s->head_first[f->kind]; i < s->head_first[f->kind + 1]; i++) {
		if ((s->head[i].classes >> f->risk & 1) == 0) continue;
		uint32_t number = s->head[i].number;
		if (dp_rule_matches(&s->rules.rule[number], f, s->tags)) take_rule(j, number, f);
	}
}

void dp_screener_judge(const dp_screener *s, dp_answer *ret_answer, const dp_addr *addr,
                       const dp_network *network, int64_t at)
{
	judge j = {.s = s, .answer = ret_answer};
	*ret_answer = (dp_answer){.hops = DP_HOPS_NONE, .label = "", .list = ""};
	dp_screener_facts(s, addr, network, at, judge_fact, &j);
}

// So many are on their way at the same time: enough that each step's memory is there when the next
// step begins, few enough that what was fetched for one is not driven out by the others.
enum { TOGETHER = 32 };

static void judge_some(const dp_screener *s, dp_answer *ret_answers, const dp_asked *asked,
                       size_t count)
{
	question q[TOGETHER];
	DP_CHECK(count <= TOGETHER);
	for (size_t i = 0; i < count; i++) ask_filter(s, &q[i], &asked[i].addr);
	for (size_t i = 0; i < count; i++) ask_tables(s, &q[i]);
	for (size_t i = 0; i < count; i++) ask_places(s, &q[i]);
	for (size_t i = 0; i < count; i++) ask_rows(s, &q[i]);
	for (size_t i = 0; i < count; i++) {
		judge j = {.s = s, .answer = &ret_answers[i]};
		ret_answers[i] = (dp_answer){.hops = DP_HOPS_NONE, .label = "", .list = ""};
		facts_of(s, &q[i], asked[i].network, asked[i].at, judge_fact, &j);
	}
}

void dp_screener_judge_many(const dp_screener *s, dp_answer *ret_answers, const dp_asked *asked,
                            size_t count)
{
	DP_CHECK(s != NULL && ((ret_answers != NULL && asked != NULL) || count == 0));
	for (size_t i = 0; i < count; i += TOGETHER)
		judge_some(s, ret_answers + i, asked + i,
		           count - i < TOGETHER ? count - i : TOGETHER);
}

//- reading addresses -----------------------------------------------------------------------------

dp_hex_form dp_screener_parse_hex(dp_addr *ret_addr, const dp_network **io_network,
                                  const char *text, size_t n)
{
	static const dp_network *ethereum; // the same for all, whoever finds it first
	const dp_network *network = *io_network;
	bool is_evm =
	    network == NULL || (network->chain != NULL && network->chain->kind == DP_CHAIN_ACCOUNT);
	if (!is_evm || n != 42 || text[0] != '0' || text[1] != 'x') return DP_HEX_NONE;
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	if (!dp_hex_decode(a.bytes, 20, text + 2)) return DP_HEX_NONE;
	if (network == NULL) {
		const dp_network *e = __atomic_load_n(&ethereum, __ATOMIC_RELAXED);
		if (e == NULL) {
			e = dp_network_find("ETH", 3);
			__atomic_store_n(&ethereum, e, __ATOMIC_RELAXED);
		}
		*io_network = e;
	}
	*ret_addr = a;
	return dp_eip55_is_mixed(text + 2) ? DP_HEX_MIXED : DP_HEX_PLAIN;
}

// "bitcoin:bc1q...?amount=1" as purses write it (BIP 21), and so for other chains: the chain and
// the address in it. False: it is none, or names another chain than the one asked for.
static bool split_uri(const dp_network **io_network, const char **io_text, size_t *io_n)
{
	const char *colon = memchr(*io_text, ':', *io_n);
	if (colon == NULL) return false;
	const dp_network *named = dp_network_find(*io_text, (size_t)(colon - *io_text));
	if (named == NULL || (*io_network != NULL && *io_network != named)) return false;
	const char *begin = colon + 1;
	size_t n = *io_n - (size_t)(begin - *io_text);
	const char *query = memchr(begin, '?', n);
	*io_network = named;
	*io_text = begin;
	*io_n = query != NULL ? (size_t)(query - begin) : n;
	return true;
}

static dp_code parse_long(dp_place *ret_place, const dp_network *network, const char *text,
                          size_t n, dp_fault *fault)
{
	enum { EVM_CHARS = 42 };
	char plain[EVM_CHARS];
	if (dp_place_parse(ret_place, text, n, network, NULL) == DP_OK) return DP_OK;
	(void)split_uri(&network, &text, &n);
	// What shouts its digits shouts the x at times.
	if (n == EVM_CHARS && text[0] == '0' && text[1] == 'X') {
		memcpy(plain, text, n);
		plain[1] = 'x';
		text = plain;
	}
	return dp_place_parse(ret_place, text, n, network, fault);
}

dp_code dp_screener_parse(dp_addr *ret_addr, const dp_network **io_network, const char *text,
                          size_t n, dp_fault *fault)
{
	const dp_network *network = *io_network, *found = network;
	dp_addr a;
	dp_hex_form form = dp_screener_parse_hex(&a, &found, text, n);
	if (form == DP_HEX_PLAIN || (form == DP_HEX_MIXED && dp_eip55_is_right(text + 2))) {
		*io_network = found;
		*ret_addr = a;
		return DP_OK;
	}
	dp_place place;
	DP_TRY(parse_long(&place, network, text, n, fault));
	*ret_addr = place.addr;
	if (network == NULL && place.network != 0) *io_network = dp_network_at(place.network);
	return DP_OK;
}

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
#include "base/team.h"
#include "chain/key.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/input.h"
#include "ledger/filter.h"
#include "tag/place.h"

enum { LIKE_BITS = 1 << 24 };

struct dp_screener {
	dp_tags *tags;
	dp_held *held;
	dp_rules rules;
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
	uint32_t ends = ends_of(addr->bytes);
	s->likes[ends / 64] |= (uint64_t)1 << ends % 64;
	return dp_originals_add(s->originals, addr, s->known_count++, fault);
}

// Thieves, services and contracts are worth imitating; what some heuristic took for one is not.
static bool put_in_originals(void *context, const dp_addr *addr, const dp_tag_record *tag,
                             uint32_t count)
{
	maker *m = context;
	bool is_worth = false;
	for (uint32_t i = 0; i < count; i++)
		is_worth |= tag[i].risk != DP_CLASS_NONE && (tag[i].flags & DP_TAGF_INFERRED) == 0;
	if (is_worth) m->code = add_known(m->s, addr, m->fault);
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
	DP_TRY(dp_originals_new(&s->originals, fault));
	dp_tags_each(s->tags, put_in_originals, &m);
	DP_TRY(m.code);
	for (uint32_t i = 0; i < dp_held_place_count(s->held); i++)
		DP_TRY(add_known(s, dp_held_place(s->held, i), fault));
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

void dp_screener_tag_facts(const dp_screener *s, const dp_addr *addr, const dp_network *network,
                           int64_t at, bool is_cluster, dp_fact_visit visit, void *context)
{
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(s->tags, addr, &count);
	for (uint32_t i = 0; i < count; i++) {
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

static void held_facts(const dp_screener *s, const dp_addr *addr, int64_t at, dp_fact_visit visit,
                       void *context)
{
	uint32_t count;
	const dp_held_record *r = dp_held_find(s->held, addr, &count);
	for (uint32_t i = 0; i < count; i++, r++) {
		const dp_held_case *c = dp_held_case_at(s->held, r->case_no);
		dp_held_point then;
		dp_screen_fact f = blank_fact(DP_FACT_TAINT);
		if (!dp_held_at(s->held, r, at, &then)) continue;
		f.incident = c->incident;
		f.policy = c->policy;
		f.casebook = c->casebook;
		f.asset = r->asset;
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
			if (is_last && r->all_units >= r->units && r->all_units > 0)
				f.share = (uint32_t)dp_u256_mul_div(dp_u256_of128(r->units),
				                                    dp_u256_of(DP_SHARE_ONE),
				                                    dp_u256_of128(r->all_units))
				              .w[0];
		} else {
			f.taint = DP_TAINT_EVER;
			f.units = dp_u256_of128(r->units_ever);
			f.origin = dp_u256_of128(r->origin_ever);
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
	f.tag = dp_tags_find(s->tags, &f.place, &count);
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

void dp_screener_facts(const dp_screener *s, const dp_addr *addr, const dp_network *network,
                       int64_t at, dp_fact_visit visit, void *context)
{
	DP_CHECK(s != NULL && addr != NULL && visit != NULL);
	dp_addr a = looked_up(addr);
	if (a.kind == DP_ADDR_NONE || a.kind == DP_ADDR_NULLDATA) return;
	if (may_be_known(s, dp_addr_key_inline(&a))) {
		dp_screener_tag_facts(s, &a, network, at, false, visit, context);
		// Tables of casebooks hold addresses of chains only.
		if (a.kind < DP_ADDR_KIND_COUNT) held_facts(s, &a, at, visit, context);
	}
	if (s->originals != NULL && a.kind == DP_ADDR_EVM) like_fact(s, &a, visit, context);
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
	for (uint32_t i = 0; i < j->s->rules.count; i++) {
		const dp_rule *r = &j->s->rules.rule[i];
		// Most rules are about something else: told without a call.
		if (r->kind != f->kind || (r->classes != 0 && (r->classes >> f->risk & 1) == 0))
			continue;
		if (dp_rule_matches(r, f, j->s->tags)) take_rule(j, i, f);
	}
}

void dp_screener_judge(const dp_screener *s, dp_answer *ret_answer, const dp_addr *addr,
                       const dp_network *network, int64_t at)
{
	judge j = {.s = s, .answer = ret_answer};
	*ret_answer = (dp_answer){.hops = DP_HOPS_NONE, .label = "", .list = ""};
	dp_screener_facts(s, addr, network, at, judge_fact, &j);
}

uint64_t dp_screener_prefetch(const dp_screener *s, const dp_addr *addr)
{
	dp_addr a = looked_up(addr);
	uint64_t key = dp_addr_key_inline(&a);
	uint64_t block = dp_filter_block_of(key, s->filter_blocks);
	__builtin_prefetch(s->filter + block * DP_FILTER_BLOCK);
	if (s->originals != NULL && a.kind == DP_ADDR_EVM)
		__builtin_prefetch(&s->likes[ends_of(a.bytes) / 64]);
	return key;
}

//- reading addresses -----------------------------------------------------------------------------

// The case of letter i says whether digit i of the Keccak-256 of the lower-case digits is 8 or more
// (EIP-55). `text` is 40 hex digits.
static bool has_right_case(const char *text)
{
	char lower[40];
	uint8_t hash[32];
	for (size_t i = 0; i < sizeof lower; i++)
		lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 32) : text[i];
	dp_keccak256(hash, lower, sizeof lower);
	bool wrong = false;
	for (size_t i = 0; i < sizeof lower; i++) {
		unsigned nibble = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15;
		bool is_upper = text[i] >= 'A' && text[i] <= 'F';
		wrong |= lower[i] >= 'a' && is_upper != (nibble >= 8);
	}
	return !wrong;
}

// 0x and 40 hex digits, the form of nearly all that is screened, by a short way. Digits of one case
// have no checksum: reading them is all there is to do. Mixed case costs a Keccak-256, ten times as
// long as all the rest together. What is not right goes the long way, which says why. Eight
// characters at a time: letters have bit 6, small ones bit 5 too.
static bool parse_hex(dp_addr *ret_addr, const char *text, size_t n)
{
	uint64_t lower = 0, upper = 0;
	if (n != 42 || text[0] != '0' || text[1] != 'x') return false;
	for (size_t i = 2; i < 42; i += 8) {
		uint64_t x;
		memcpy(&x, text + i, sizeof x);
		uint64_t letter = x & UINT64_C(0x4040404040404040);
		lower |= letter & x << 1;
		upper |= letter & ~(x << 1);
	}
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	if (!dp_hex_decode(a.bytes, 20, text + 2)) return false;
	if (lower != 0 && upper != 0 && !has_right_case(text + 2)) return false;
	*ret_addr = a;
	return true;
}

dp_code dp_screener_parse(dp_addr *ret_addr, const dp_network **io_network, const char *text,
                          size_t n, dp_fault *fault)
{
	static const dp_network *ethereum; // the same for all, whoever finds it first
	const dp_network *network = *io_network;
	bool is_evm =
	    network == NULL || (network->chain != NULL && network->chain->kind == DP_CHAIN_ACCOUNT);
	dp_addr a;
	if (is_evm && parse_hex(&a, text, n)) {
		if (network == NULL) {
			const dp_network *e = __atomic_load_n(&ethereum, __ATOMIC_RELAXED);
			if (e == NULL) {
				e = dp_network_find("ETH", 3);
				__atomic_store_n(&ethereum, e, __ATOMIC_RELAXED);
			}
			*io_network = e;
		}
		*ret_addr = a;
		return DP_OK;
	}
	dp_place place;
	DP_TRY(dp_place_parse(&place, text, n, network, fault));
	*ret_addr = place.addr;
	if (network == NULL && place.network != 0) *io_network = dp_network_at(place.network);
	return DP_OK;
}

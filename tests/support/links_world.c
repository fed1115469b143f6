// Engines of three chains over one exchange: their life, the order in which their blocks are read,
// and everything they know as bytes. See links_world.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/exchange_inner.h"
#include "engine/private.h"
#include "support/links_world.h"

enum { UNDO_BLOCKS = 128 };

//- life ------------------------------------------------------------------------------------------

lw_world *lw_new(void)
{
	static const char *const names[LW_CHAINS] = {"ethereum", "base", "bitcoin"};
	lw_world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	for (int i = 0; i < LW_CHAINS; i++)
		w->side[i].chain = dp_chain_find(names[i], strlen(names[i]));
	w->options.undo_blocks = UNDO_BLOCKS;
	return w;
}

void lw_stop(lw_world *w)
{
	dp_casebook_close(w->casebook);
	w->casebook = NULL;
	for (int i = 0; i < LW_CHAINS; i++) {
		dp_engine_free(w->side[i].engine);
		w->side[i].engine = NULL;
		w->side[i].next = 0;
	}
	dp_exchange_free(w->exchange);
	w->exchange = NULL;
}

void lw_free(lw_world *w)
{
	lw_stop(w);
	for (int i = 0; i < LW_CHAINS; i++)
		for (uint32_t k = 0; k < w->side[i].count; k++)
			dp_builder_done(&w->side[i].builder[k]);
	for (uint32_t i = 0; i < w->case_count; i++) dp_case_done(&w->cases[i]);
	free(w);
}

void lw_case(lw_world *w, const char *yaml)
{
	assert_true(w->case_count < LW_CASES);
	t_case(&w->cases[w->case_count], yaml);
	w->list[w->case_count] = &w->cases[w->case_count];
	w->case_count++;
}

static void fail_with(const dp_fault *fault, const char *what)
{
	char text[DP_FAULT_TEXT_MAX];
	dp_fault_format(fault, text, sizeof text);
	fail_msg("%s: %s", what, text);
}

void lw_start(lw_world *w, const char *policy)
{
	dp_fault fault;
	lw_stop(w);
	for (int i = 0; i < LW_CHAINS; i++)
		for (uint32_t k = 0; k < w->side[i].count; k++)
			assert_int_equal(
			    dp_builder_finish(&w->side[i].builder[k], &w->side[i].block[k], &fault),
			    DP_OK);
	assert_int_equal(dp_exchange_new(&w->exchange, &fault), DP_OK);
	w->options.policy = dp_policy_find(policy);
	w->options.exchange = w->exchange;
	for (int i = 0; i < LW_CHAINS; i++) {
		w->options.chain = w->side[i].chain;
		if (dp_engine_new(&w->side[i].engine, &w->options, w->list, w->case_count,
		                  &fault) != DP_OK)
			fail_with(&fault, "no engine");
	}
}

void lw_keep(lw_world *w, const char *path)
{
	dp_fault fault;
	bool resumed;
	if (dp_casebook_open(&w->casebook, path, true, &fault) != DP_OK)
		fail_with(&fault, "no casebook");
	for (int i = 0; i < LW_CHAINS; i++) {
		lw_side *s = &w->side[i];
		w->options.chain = s->chain;
		if (dp_casebook_begin(w->casebook, s->engine, &w->options, w->case_count, &resumed,
		                      &fault) != DP_OK)
			fail_with(&fault, "cannot begin");
		s->next = (uint32_t)dp_engine_blocks(s->engine);
	}
}

//- running ---------------------------------------------------------------------------------------

dp_code lw_apply(lw_world *w, int chain, dp_fault *fault)
{
	lw_side *s = &w->side[chain];
	assert_true(s->next < s->count);
	dp_code code = dp_engine_apply(s->engine, s->block[s->next], fault);
	if (code == DP_OK && w->casebook != NULL)
		assert_int_equal(
		    dp_casebook_record(w->casebook, s->engine, s->block[s->next], fault), DP_OK);
	if (code == DP_OK) s->next++;
	return code;
}

static void roll_back(lw_world *w, lw_side *s)
{
	dp_fault fault;
	if (dp_engine_rollback(s->engine, &fault) != DP_OK) fail_with(&fault, "rollback");
	s->next--;
	if (w->casebook != NULL && dp_casebook_forget(w->casebook, s->engine, &fault) != DP_OK)
		fail_with(&fault, "forgetting");
}

static bool is_asked(const lw_world *w, const lw_side *s, uint64_t *ret_height)
{
	return dp_exchange_rewind(w->exchange, ret_height, s->chain) &&
	       dp_engine_blocks(s->engine) > 0 && dp_engine_height(s->engine) >= *ret_height;
}

bool lw_is_asked(const lw_world *w)
{
	uint64_t height;
	for (int i = 0; i < LW_CHAINS; i++)
		if (is_asked(w, &w->side[i], &height)) return true;
	return false;
}

void lw_settle(lw_world *w)
{
	uint64_t height;
	while (lw_is_asked(w)) {
		for (int i = 0; i < LW_CHAINS; i++) {
			lw_side *s = &w->side[i];
			if (!is_asked(w, s, &height)) continue;
			w->rewinds++;
			while (is_asked(w, s, &height)) roll_back(w, s);
		}
	}
}

void lw_step(lw_world *w, int chain)
{
	dp_fault fault;
	if (lw_apply(w, chain, &fault) != DP_OK) fail_with(&fault, "a block was refused");
	lw_settle(w);
}

void lw_run(lw_world *w)
{
	for (int i = 0; i < LW_CHAINS;) {
		const lw_side *s = &w->side[i];
		if (s->next == s->count) {
			i++;
			continue;
		}
		lw_step(w, i);
		// Somebody may have been sent back.
		i = 0;
	}
	lw_check(w);
}

void lw_run_by_chance(lw_world *w, t_rng *rng)
{
	for (;;) {
		uint32_t waiting = 0, at[LW_CHAINS];
		for (uint32_t i = 0; i < LW_CHAINS; i++)
			if (w->side[i].next < w->side[i].count) at[waiting++] = i;
		if (waiting == 0) return;
		lw_step(w, (int)at[t_below(rng, waiting)]);
		lw_check(w);
	}
}

void lw_undo(lw_world *w, int chain)
{
	roll_back(w, &w->side[chain]);
}

void lw_back(lw_world *w, int chain, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks && w->side[chain].next > 0; i++)
		roll_back(w, &w->side[chain]);
	lw_settle(w);
}

//- looking ---------------------------------------------------------------------------------------

static void sum_of(dp_holders *h, uint32_t index, uint16_t colour, dp_u256 *ret_units,
                   dp_u256 *ret_origin)
{
	dp_parcels scratch = {0}, *list;
	*ret_units = *ret_origin = DP_U256_ZERO;
	if (index == DP_HOLDER_NONE) return;
	assert_int_equal(dp_holders_load(h, &list, index, &scratch, NULL), DP_OK);
	for (uint32_t i = 0; i < list->count; i++) {
		const dp_parcel *p = dp_parcels_at(list, i);
		if (p->colour.v != colour) continue;
		*ret_units = dp_u256_add(*ret_units, p->units);
		*ret_origin = dp_u256_add(*ret_origin, p->origin);
	}
	dp_parcels_done(&scratch);
}

static uint32_t pool(const lw_world *w, int chain, const char *who, const char *symbol)
{
	dp_addr a = lw_addr(chain, who);
	return dp_find_pool(w->side[chain].engine, dp_addr_key(&a), &a, lw_asset(chain, symbol));
}

dp_u256 lw_tainted(const lw_world *w, int chain, const char *who, const char *symbol,
                   uint16_t colour)
{
	dp_u256 units, origin;
	sum_of(&w->side[chain].engine->holders, pool(w, chain, who, symbol), colour, &units,
	       &origin);
	return units;
}

dp_u256 lw_origin(const lw_world *w, int chain, const char *who, const char *symbol,
                  uint16_t colour)
{
	dp_u256 units, origin;
	sum_of(&w->side[chain].engine->holders, pool(w, chain, who, symbol), colour, &units,
	       &origin);
	return origin;
}

dp_u256 lw_coin_tainted(const lw_world *w, int64_t tx, uint32_t vout, uint16_t colour)
{
	dp_holders *h = &w->side[LW_BTC].engine->holders;
	dp_outpoint o = {.vout = vout};
	uint8_t id[36];
	dp_u256 units, origin;
	t_txid(o.txid, tx);
	dp_holder_id_of_outpoint(id, &o);
	uint32_t index = dp_holders_find(h, dp_outpoint_key(&o), id, lw_asset(LW_BTC, "BTC"));
	sum_of(h, index, colour, &units, &origin);
	return units;
}

uint16_t lw_hop(const lw_world *w, int chain, const char *who, const char *symbol)
{
	uint32_t index = pool(w, chain, who, symbol);
	assert_true(index != DP_HOLDER_NONE);
	return w->side[chain].engine->holders.record[index].hop;
}

uint8_t lw_mixes(const lw_world *w, int chain, const char *who, const char *symbol)
{
	uint32_t index = pool(w, chain, who, symbol);
	assert_true(index != DP_HOLDER_NONE);
	return dp_mixes_of(&w->side[chain].engine->holders.record[index]);
}

dp_u256 lw_bucket(const lw_world *w, int chain, uint16_t colour, dp_bucket bucket)
{
	return t_bucket(w->side[chain].engine, colour, bucket);
}

static dp_u256 waiting(const lw_world *w, uint16_t colour, bool frozen)
{
	dp_u256 sum = DP_U256_ZERO;
	for (uint64_t i = 0; i < dp_exchange_count(w->exchange); i++) {
		const dp_crossing *c = dp_exchange_at(w->exchange, i);
		if ((c->leg.store == DP_STORE_FROZEN) != frozen) continue;
		for (uint32_t k = 0; k < c->content_count; k++) {
			const dp_parcels *p = &c->content[k].parcels;
			for (uint32_t j = 0; j < p->count; j++)
				if (dp_parcels_at(p, j)->colour.v == colour)
					sum = dp_u256_add(sum, dp_parcels_at(p, j)->origin);
		}
	}
	return sum;
}

dp_u256 lw_transit(const lw_world *w, uint16_t colour)
{
	return waiting(w, colour, false);
}

const char *lw_links(const lw_world *w, int chain)
{
	static char text[8192];
	uint32_t count;
	size_t at = 0;
	const dp_link_record *r = dp_engine_links(w->side[chain].engine, &count);
	text[0] = 0;
	for (uint32_t i = 0; i < count; i++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "%s %u %s%s%s\n",
		                       dp_link_kind_name((dp_link_kind)r[i].kind), r[i].confidence,
		                       r[i].protocol == NULL ? "-" : r[i].protocol->name,
		                       r[i].refused == NULL ? "" : ": ",
		                       r[i].refused == NULL ? "" : r[i].refused);
		assert_true(at < sizeof text);
	}
	return text;
}

static void tell(const char *what, dp_u256 units)
{
	char text[DP_U256_DEC_MAX];
	(void)dp_u256_format(text, units, 0);
	print_error("%s: %s\n", what, text);
}

// Stolen on all chains = all buckets of all chains + sent - received; what was sent and not
// received is what waits in the exchange, and what is frozen lies there, too.
void lw_check_books(const lw_world *w, const char *file, int line)
{
	const dp_engine *first = w->side[0].engine;
	if (!dp_engine_conserves(first)) return;
	for (uint16_t c = 1; c <= dp_engine_colour_count(first); c++) {
		dp_u256 stolen = DP_U256_ZERO, there = DP_U256_ZERO, frozen = DP_U256_ZERO;
		dp_u256 sent = DP_U256_ZERO, received = DP_U256_ZERO;
		for (int i = 0; i < LW_CHAINS; i++) {
			const dp_engine *e = w->side[i].engine;
			const dp_colour_info *info = dp_engine_colour(e, (dp_colour){c});
			if (!dp_engine_conserved(e)) _fail(file, line);
			stolen = dp_u256_add(stolen, info->stolen);
			sent = dp_u256_add(sent, info->sent);
			received = dp_u256_add(received, info->received);
			frozen = dp_u256_add(frozen, info->bucket[DP_BUCKET_FROZEN]);
			for (int b = 0; b < DP_BUCKET_COUNT; b++)
				there = dp_u256_add(there, info->bucket[b]);
		}
		bool right = dp_u256_eq(dp_u256_add(there, sent), dp_u256_add(stolen, received)) &&
		             dp_u256_eq(dp_u256_add(received, waiting(w, c, false)), sent) &&
		             dp_u256_eq(waiting(w, c, true), frozen);
		if (right) continue;
		tell("stolen", stolen);
		tell("in buckets", there);
		tell("sent", sent);
		tell("received", received);
		tell("in transit", waiting(w, c, false));
		tell("frozen", frozen);
		tell("frozen in the exchange", waiting(w, c, true));
		print_error("colour %u, blocks %u %u %u\n", c, w->side[0].next, w->side[1].next,
		            w->side[2].next);
		_fail(file, line);
	}
}

bool lw_is_worn_out(const lw_world *w)
{
	return dp_exchange_has_worn_out(w->exchange);
}

//- everything as bytes ---------------------------------------------------------------------------

static void put(t_bytes *b, const void *p, size_t n)
{
	b->bytes = realloc(b->bytes, b->size + n + 1);
	assert_non_null(b->bytes);
	if (n > 0) memcpy(b->bytes + b->size, p, n);
	b->size += n;
}

static void put_engine(t_bytes *b, dp_engine *e)
{
	t_bytes d = t_dump(e);
	put(b, d.bytes, d.size);
	t_bytes_done(&d);
	// Mixes are not in that dump, and free records keep those of their last holder.
	for (uint32_t i = 0; i < e->holders.record_count; i++) {
		const dp_holder *r = &e->holders.record[i];
		uint32_t about[2] = {r->no, dp_mixes_of(r)};
		if (r->form != DP_FORM_FREE && about[1] > 0) put(b, about, sizeof about);
	}
	put(b, &e->marks.count, sizeof e->marks.count);
	for (uint32_t i = 0; i < e->marks.count; i++) {
		const dp_mark *m = &e->marks.item[i];
		put(b, &m->kind, sizeof m->kind);
		put(b, &m->asset.v, sizeof m->asset.v);
		put(b, &m->protocol, sizeof m->protocol);
		put(b, &m->addr, sizeof m->addr);
		put(b, &m->height, sizeof m->height);
	}
}

typedef struct line {
	uint8_t *bytes;
	size_t size;
} line;

static int by_bytes(const void *a, const void *b)
{
	const line *x = a, *y = b;
	size_t n = x->size < y->size ? x->size : y->size;
	int c = memcmp(x->bytes, y->bytes, n);
	return c != 0 ? c : (x->size > y->size) - (x->size < y->size);
}

// Crossings as a casebook would have them, sorted: in which order they stand is nobody's business.
t_bytes lw_dump_exchange(const lw_world *w, bool order)
{
	uint64_t n = dp_exchange_count(w->exchange);
	line *lines = calloc(n + 1, sizeof *lines);
	t_bytes b = {0};
	assert_non_null(lines);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(dp_crossing_save(dp_exchange_at(w->exchange, i), &lines[i].bytes,
		                                  &lines[i].size, NULL),
		                 DP_OK);
		if (order) memset(lines[i].bytes + 36, 0, 16); // behind magic and key
	}
	qsort(lines, n, sizeof *lines, by_bytes);
	put(&b, &n, sizeof n);
	for (uint64_t i = 0; i < n; i++) {
		put(&b, lines[i].bytes, lines[i].size);
		dp_free(lines[i].bytes);
	}
	free(lines);
	return b;
}

t_bytes lw_dump(lw_world *w, bool order)
{
	t_bytes b = lw_dump_exchange(w, order);
	for (int i = 0; i < LW_CHAINS; i++) put_engine(&b, w->side[i].engine);
	return b;
}

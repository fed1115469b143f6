// Matching from hostile amounts, times and rates. The input is a model, a rate, deposits and
// payments, each field cut out of the bytes as they come. Invariants: nothing aborts or overflows;
// asking the waiting deposits gives exactly what comparing the payment with each of them one by one
// gives (the index by amount and the chunks leave nobody out); what is found keeps the rules.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "link/match.h"

enum { ITEMS_MAX = 64 };

typedef struct feed {
	const uint8_t *p;
	size_t size;
} feed;

static uint64_t number(feed *f, size_t bytes)
{
	uint64_t v = 0;
	for (size_t i = 0; i < bytes && f->size > 0; i++, f->p++, f->size--) v = v << 8 | *f->p;
	return v;
}

// Up to 256 bits; mostly few.
static dp_u256 amount(feed *f)
{
	uint64_t shift = number(f, 1);
	dp_u256 v = dp_u256_of(number(f, 4));
	for (uint32_t i = 0; i < shift; i++)
		if (dp_u256_add_over(&v, v, v)) v = dp_u256_of(shift);
	return v;
}

static dp_asset asset(feed *f)
{
	return (dp_asset){(uint16_t)(number(f, 1) % ((uint64_t)dp_asset_count() + 1))};
}

static dp_addr someone(feed *f)
{
	uint8_t who = (uint8_t)(number(f, 1) % 4);
	dp_addr a = {.kind = who == 0 ? DP_ADDR_NONE : DP_ADDR_EVM, .len = who == 0 ? 0 : 20};
	a.bytes[0] = who;
	return a;
}

static int64_t moment(feed *f)
{
	uint64_t far = number(f, 1);
	if (far == 255) return (int64_t)number(f, 8);
	return 1740000000 + (int64_t)number(f, 2);
}

static dp_match_model model(feed *f)
{
	dp_match_model m = {.name = "fuzz", .title = "", .source = ""};
	m.t_min = (int64_t)number(f, 1);
	m.t_max = m.t_min + (int64_t)number(f, 2);
	m.fee_min = (uint32_t)(number(f, 2));
	m.fee_max = m.fee_min + (uint32_t)(number(f, 3) % (1000001 - m.fee_min));
	m.fixed_cents = (uint32_t)number(f, 2);
	m.rate_ppm = (uint32_t)(number(f, 3) % 1000000);
	uint64_t flags = number(f, 1);
	m.same_user = (flags & 3) == 3;
	m.converts = (flags & 4) != 0;
	return m;
}

// Does a result say of itself what the rules say?
static void check(const dp_match_result *r, const dp_match_model *m)
{
	DP_CHECK(r->kept <= DP_MATCH_KEPT && r->kept <= r->preferred && r->preferred <= r->count);
	DP_CHECK(r->confidence <= 90 && r->reason != NULL);
	DP_CHECK(!r->is_refused || (r->kept > 1 && r->confidence <= 5));
	for (uint32_t i = 0; i < r->kept; i++) {
		const dp_match_score *s = &r->best[i];
		DP_CHECK(s->delay >= m->t_min && s->delay <= m->t_max && s->delay >= 0);
		DP_CHECK(s->relation != DP_RELATION_UNKNOWN || s->delay <= 60);
		DP_CHECK(s->gap_bps <= 10000);
		DP_CHECK(s->tier == r->best[0].tier && s->relation <= r->best[0].relation);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed f = {data, size};
	dp_match_deposit deposit[ITEMS_MAX];
	uint32_t count = 0;
	dp_match_model m = model(&f);
	dp_match_rate rate = {asset(&f), asset(&f), amount(&f), amount(&f)};
	dp_match *w;
	if (dp_match_new(&w, &m, &rate, NULL) != DP_OK) return 0;
	while (f.size > 0) {
		if (number(&f, 1) % 3 > 0 && count < ITEMS_MAX) {
			dp_match_deposit *d = &deposit[count];
			*d = (dp_match_deposit){.no = count,
			                        .service = (uint32_t)number(&f, 1) % 2,
			                        .asset = asset(&f),
			                        .amount = amount(&f),
			                        .time = moment(&f),
			                        .user = someone(&f),
			                        .to = someone(&f)};
			if (dp_match_deposit_add(w, d, NULL) != DP_OK) break;
			count++;
			continue;
		}
		dp_match_payment p = {.service = (uint32_t)number(&f, 1) % 2,
		                      .asset = asset(&f),
		                      .amount = amount(&f),
		                      .time = moment(&f),
		                      .to = someone(&f)};
		dp_match_result fast, slow = {0};
		for (uint32_t i = 0; i < count; i++) {
			dp_match_score s;
			if (!dp_match_compare(&s, &m, &rate, &deposit[i], &p)) continue;
			s.no = deposit[i].no;
			dp_match_add(&slow, &s);
		}
		dp_match_judge(&slow);
		dp_match_ask(w, &fast, &p);
		check(&fast, &m);
		DP_CHECK(fast.count == slow.count && fast.preferred == slow.preferred);
		DP_CHECK(fast.kept == slow.kept && fast.confidence == slow.confidence);
		DP_CHECK(fast.is_refused == slow.is_refused);
		for (uint32_t i = 0; i < fast.kept; i++)
			DP_CHECK(fast.best[i].no == slow.best[i].no);
	}
	dp_match_free(w);
	return 0;
}

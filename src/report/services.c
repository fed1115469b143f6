// Services by tags, as the casebook kept them, and deposit addresses by their behaviour.
//
// An exchange gives each customer a deposit address, which no list names, and empties it into a
// wallet that lists do name. Who froze nothing at the wallet may still freeze the customer: so the
// deposit address matters more than the wallet. The rule is that of the domain notes, section 2.5
// (Victor, FC 2020; parameters of Tutela), on this case's money: what came in went on to one
// service, all but at most 0.01 coins of a native asset and to the unit of a token, within 3,200
// blocks. Several arrivals may go on at once, as exchanges sweep. One transfer to anybody else, and
// it is a wallet like others.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/service.h"
#include "casebook/sql.h"
#include "report/private.h"

const char *dp_result_word_name(dp_result_word word)
{
	static const char *const names[] = {"stated", "tagged", "inferred", "logged"};
	DP_CHECK((size_t)word < sizeof names / sizeof *names);
	return names[word];
}

//- services --------------------------------------------------------------------------------------

const char *dp_report_label(char out[DP_REPORT_LABEL_MAX], const char *text, bool is_inferred)
{
	static const char said[] = " (inferred)", more[] = "...";
	enum { TEXT_MAX = DP_REPORT_LABEL_MAX - sizeof said - sizeof more };
	size_t n = 0;
	DP_CHECK(out != NULL && text != NULL);
	const unsigned char *p = (const unsigned char *)text;
	while (*p != 0 && n < TEXT_MAX) {
		// In UTF-8 those from 0x80 to 0x9f have 0xc2 before them.
		bool is_long = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
		bool is_control = is_long || *p < 0x20 || *p == 0x7f;
		out[n++] = is_control ? ' ' : (char)*p;
		p += is_long ? 2 : 1;
	}
	bool is_cut = *p != 0;
	// Not in the middle of a character.
	while (is_cut && n > 0 && (*p & 0xc0) == 0x80) {
		p--;
		n--;
	}
	out[n] = 0;
	if (is_cut) memcpy(out + n, more, sizeof more);
	if (is_inferred && strstr(out, said + 1) == NULL)
		memcpy(out + strlen(out), said, sizeof said);
	return out;
}

static dp_code read_text(struct dp_loader *l, const char **ret_text, sqlite3_stmt *s, int column,
                         bool is_inferred, dp_fault *fault)
{
	char text[DP_REPORT_LABEL_MAX];
	dp_report_label(text, dp_sql_get_text(s, column), is_inferred);
	return dp_result_text(l->r, ret_text, text, fault);
}

static dp_code read_service(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	void *items = l->r->service;
	DP_TRY(dp_grow(&items, &l->service_cap, sizeof *l->r->service,
	               (uint64_t)l->r->service_count + 1, DP_RESULT_ROWS_MAX, fault));
	l->r->service = items;
	dp_result_service *v = &l->r->service[l->r->service_count];
	DP_TRY(dp_result_text(l->r, &v->address, dp_sql_get_text(s, 0), fault));
	v->chain = l->run->chain;
	v->inferred = sqlite3_column_int(s, 7) != 0;
	DP_TRY(read_text(l, &v->label, s, 1, v->inferred, fault));
	DP_TRY(read_text(l, &v->category, s, 2, false, fault));
	DP_TRY(read_text(l, &v->actor, s, 3, false, fault));
	DP_TRY(read_text(l, &v->source, s, 4, false, fault));
	DP_TRY(read_text(l, &v->list, s, 5, false, fault));
	int confidence = sqlite3_column_int(s, 6);
	if (confidence < 0 || confidence > 100)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a tag's confidence");
	v->confidence = (uint8_t)confidence;
	l->r->service_count++;
	return DP_OK;
}

dp_code dp_result_services(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(l->db, &s,
	                      "select address, label, category, actor, source, list, confidence, "
	                      "inferred from service where run=? order by address",
	                      fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		code = read_service(l, s, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

static int by_place(const void *a, const void *b)
{
	const dp_result_service *x = a, *y = b;
	int c = strcmp(x->address, y->address);
	return c != 0 ? c : (x->chain->id > y->chain->id) - (x->chain->id < y->chain->id);
}

void dp_result_services_sort(struct dp_loader *l)
{
	DP_CHECK(l->r->arrival_count == 0); // which point to them
	if (l->r->service_count > 0)
		qsort(l->r->service, l->r->service_count, sizeof *l->r->service, by_place);
}

const dp_result_service *dp_result_service_at(const struct dp_loader *l, const char *address)
{
	const dp_result_service key = {.address = address, .chain = l->run->chain};
	if (l->r->service_count == 0) return NULL;
	return bsearch(&key, l->r->service, l->r->service_count, sizeof key, by_place);
}

//- deposit addresses -----------------------------------------------------------------------------

enum { GAP_BLOCKS_MAX = 3200 }; // from the first arrival to the payment onward

struct dp_deposit_state {
	dp_u256 waiting;     // came in since the last payment onward
	uint64_t since;      // height at which the first of that came
	const char *service; // to which it pays
	uint32_t pairs;
	bool is_other; // did something that no deposit address does
};

dp_code dp_result_deposits_init(struct dp_loader *l, dp_fault *fault)
{
	DP_CHECK(l->deposit == NULL);
	l->deposit = dp_alloc(((size_t)l->r->node_count + 1) * sizeof *l->deposit);
	return l->deposit == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory") : DP_OK;
}

static dp_u256 slack_of(dp_asset asset)
{
	static const char slack_text[] = "0.01";
	const dp_asset_info *info = dp_asset_info_of(asset);
	dp_u256 slack = DP_U256_ZERO;
	if (info->class != DP_ASSET_NATIVE) return slack;
	// A coin without so many places has no slack.
	if (dp_u256_parse(&slack, slack_text, sizeof slack_text - 1, info->decimals, NULL) != DP_OK)
		return DP_U256_ZERO;
	return slack;
}

static void pays(struct dp_deposit_state *d, const dp_deposit_flow *f)
{
	dp_u256 rest;
	if (f->dst == dp_party_of_bucket(DP_BUCKET_FEE)) return; // out of what may stay behind
	bool is_same = f->service != NULL && f->service[0] != 0 &&
	               (d->service == NULL || strcmp(d->service, f->service) == 0);
	if (!is_same || f->height - d->since > GAP_BLOCKS_MAX ||
	    dp_u256_sub_over(&rest, d->waiting, f->units) ||
	    dp_u256_cmp(rest, slack_of(f->asset)) > 0) {
		d->is_other = true;
		return;
	}
	d->service = f->service;
	d->waiting = DP_U256_ZERO;
	d->pairs++;
}

static bool is_node(const struct dp_loader *l, int64_t party)
{
	return party > 0 && party < l->r->node_count;
}

void dp_result_deposit_note(struct dp_loader *l, const dp_deposit_flow *f)
{
	DP_CHECK(f != NULL);
	if (l->run->chain->kind != DP_CHAIN_ACCOUNT || f->asset.v == 0) return;
	if (is_node(l, f->src)) pays(&l->deposit[f->src], f);
	if (!is_node(l, f->dst)) return;
	struct dp_deposit_state *d = &l->deposit[f->dst];
	// Where stolen money begins, or a link continues it, is the thief's, or the victim's.
	if (f->src <= 0) d->is_other = true;
	if (dp_u256_is_zero(d->waiting)) d->since = f->height;
	if (dp_u256_add_over(&d->waiting, d->waiting, f->units)) d->is_other = true;
}

uint32_t dp_result_deposit_pairs(const struct dp_loader *l, uint32_t node)
{
	DP_CHECK(node < l->r->node_count);
	const struct dp_deposit_state *d = &l->deposit[node];
	return d->is_other || l->r->node[node].hub ? 0 : d->pairs;
}

// See case_feed_private.h: what the parties of a row of `flow` are as ends of a transfer.
#include <string.h>

#include "base/check.h"
#include "report/case_feed_private.h"
#include "report/private.h"

uint64_t dp_feed_loot_of(const dp_feed_colour *c, dp_u256 origin)
{
	if (dp_u256_is_zero(c->stolen)) return 0;
	dp_u256 parts =
	    dp_u256_mul_div(dp_u256_min(origin, c->stolen), dp_u256_of(c->weight), c->stolen);
	return parts.w[0];
}

// What link the row names: its kind, who runs it.
dp_code dp_feed_look_at_link(dp_case_feed *f, int64_t link, dp_fault *fault)
{
	if (f->link_kind_of == link) return DP_OK;
	sqlite3_stmt *s = f->passage;
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, link);
	f->link_kind_of = link;
	f->link_kind = 0;
	f->link_venue = 0;
	dp_code code = link == 0 ? DP_END : dp_sql_row(f->db, s, fault);
	if (code == DP_END) return DP_OK;
	DP_TRY(code);
	const char *kind = dp_sql_get_text(s, 0), *protocol = dp_sql_get_text(s, 1);
	for (int k = 1; k < DP_LINK_KIND_COUNT; k++)
		if (strcmp(kind, dp_link_kind_name((dp_link_kind)k)) == 0)
			f->link_kind = (uint8_t)k;
	if (protocol[0] == 0) protocol = kind;
	f->link_venue = dp_money_venue(protocol);
	f->link_node = dp_node_key(protocol, strlen(protocol));
	(void)sqlite3_reset(s);
	return DP_OK;
}

// Where a row that goes to a bucket goes: the movement's receiver, and who that is.
static dp_code look_at_place(dp_case_feed *f, const dp_feed_run *r, dp_feed_side *io_side,
                             const dp_feed_row *w, dp_fault *fault)
{
	sqlite3_stmt *s = f->address;
	(void)sqlite3_reset(s);
	dp_sql_i64(s, 1, w->seq);
	DP_TRY(dp_sql_row(f->db, s, fault));
	const char *to = dp_sql_get_text(s, 0);
	size_t n = strlen(to);
	io_side->key = n == 0 ? dp_node_key("nobody", 6) : dp_node_key(to, n);
	if (n > 0 && n < sizeof f->address_last && strcmp(to, f->address_last) == 0) {
		io_side->venue = f->venue_last;
		(void)sqlite3_reset(s);
		return DP_OK;
	}
	sqlite3_stmt *v = f->service;
	(void)sqlite3_reset(v);
	dp_sql_i64(v, 1, r->id);
	dp_sql_text(v, 2, to);
	dp_code code = dp_sql_row(f->db, v, fault);
	io_side->venue = code == DP_OK ? dp_money_venue(dp_sql_get_text(v, 0)) : dp_money_venue(to);
	if (code == DP_END) code = DP_OK;
	if (n < sizeof f->address_last) {
		memcpy(f->address_last, to, n + 1);
		f->venue_last = io_side->venue;
	}
	(void)sqlite3_reset(s);
	(void)sqlite3_reset(v);
	return code;
}

// One end of a row. kind: what a transfer to (or from) it is; DP_TR_KIND_COUNT: none at all.
dp_code dp_feed_look_at_side(dp_case_feed *f, dp_feed_run *r, dp_feed_side *ret_side,
                             const dp_feed_row *w, int64_t party, bool is_dst, dp_fault *fault)
{
	*ret_side = (dp_feed_side){.party = party, .asset = w->asset, .kind = DP_TR_MOVE};
	if (party > 0) {
		if (party >= r->holder_count)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the casebook is damaged: no holder %lld", (long long)party);
		const dp_feed_holder *h = &r->holder[party];
		if (h->key == 0)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the casebook is damaged: holder %lld is missing",
			               (long long)party);
		ret_side->key = h->key;
		ret_side->hop = h->hop;
		ret_side->is_fresh = !h->had;
		return DP_OK;
	}
	static const uint8_t kinds[] = {DP_TR_SERVICE,    DP_TR_MIXER,    DP_TR_SWAP,
	                                DP_TR_KIND_COUNT, DP_TR_BURN,     DP_TR_KIND_COUNT,
	                                DP_TR_FROZEN,     DP_TR_RETURNED, DP_TR_MOVE};
	static const uint8_t roles[] = {
	    DP_NODE_SERVICE, DP_NODE_MIXER,  DP_NODE_VENUE, 0, DP_NODE_BURN, 0,
	    DP_NODE_WALLET,  DP_NODE_VICTIM, DP_NODE_WALLET};
	DP_TRY(dp_feed_look_at_link(f, w->link, fault));
	if (party == DP_PARTY_THEFT) {
		ret_side->kind = DP_TR_THEFT;
		ret_side->role = DP_NODE_VICTIM;
		ret_side->key = dp_node_key(f->incident, strlen(f->incident));
		return DP_OK;
	}
	if (party == DP_PARTY_CROSSING) {
		ret_side->kind = is_dst ? DP_TR_BRIDGE_OUT : DP_TR_BRIDGE_IN;
		ret_side->role = DP_NODE_BRIDGE;
		ret_side->venue = f->link_venue;
		ret_side->key = f->link_node ^ 1;
		return DP_OK;
	}
	int64_t bucket = -3 - party; // -3: service, -4: mixer, ...
	if (bucket < 0 || bucket > 8)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: party %lld",
		               (long long)party);
	ret_side->kind = kinds[bucket];
	ret_side->role = roles[bucket];
	if (ret_side->kind == DP_TR_KIND_COUNT) return DP_OK;
	// Unresolved: an unlabelled hub where it names no link of the case file.
	if (party == -5 && is_dst && w->stop < 0) {
		ret_side->kind = DP_TR_MOVE;
		ret_side->role = DP_NODE_WALLET;
	}
	if (!is_dst || (party == -5 && w->stop >= 0)) {
		// What a person vouches for is a swap where it goes in; what comes out of it moves
		// on.
		static const char person[] = "a person's word";
		ret_side->key = dp_node_key(person, sizeof person - 1);
		ret_side->venue = dp_money_venue(person);
		ret_side->to_native = is_dst && w->stop < r->link_count && r->to_native[w->stop];
		if (!is_dst && party == -5) ret_side->kind = DP_TR_MOVE;
		return DP_OK;
	}
	DP_TRY(look_at_place(f, r, ret_side, w, fault));
	if (ret_side->kind == DP_TR_MIXER && w->link != 0) ret_side->venue = f->link_venue;
	return DP_OK;
}

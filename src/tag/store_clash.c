// Contradictions: what two lists say of one place cannot both be the whole truth.
//
// Two tags of the same address on the same network contradict each other when
//
//   - both name an actor, and not the same one; or
//   - one calls it a place of business (a service, DeFi, gambling), the other that of a scam, a
//     theft, extortion or terror.
//
// A sanctioned exchange or mixer is no contradiction: that is what sanctions are for. Neither are
// two issues of one list, of which the younger one corrects the other, nor mentions, which are
// about a text that names the address. Both tags stay; a person has to look.
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "tag/store_private.h"
#include "tag/taxonomy.h"

enum { NAME_SIZE = 160 };

enum side { SIDE_NONE = 0, SIDE_BUSINESS, SIDE_CRIME };

static enum side side_of(dp_risk_class worst)
{
	if (worst >= DP_CLASS_SERVICE && worst <= DP_CLASS_GAMBLING) return SIDE_BUSINESS;
	if (worst >= DP_CLASS_SCAM && worst <= DP_CLASS_TERROR) return SIDE_CRIME;
	return SIDE_NONE;
}

// The worst that names say; concepts are separated by blanks.
static dp_risk_class worst_of(const char *category, const char *abuse, const char *concepts)
{
	const char *whole[] = {category, abuse};
	dp_risk_class worst = DP_CLASS_NONE;
	for (int i = 0; i < 2; i++) {
		const dp_concept *c = dp_concept_find(whole[i], strlen(whole[i]));
		if (c != NULL && c->risk > worst) worst = (dp_risk_class)c->risk;
	}
	for (const char *p = concepts; *p != 0;) {
		size_t n = strcspn(p, " ");
		const dp_concept *c = n > 0 ? dp_concept_find(p, n) : NULL;
		if (c != NULL && c->risk > worst) worst = (dp_risk_class)c->risk;
		p += n;
		p += strspn(p, " ");
	}
	return worst;
}

// Another tag of the place, by numbers; the columns of DP_SQL_TAG_NEAR.
typedef struct other {
	uint32_t id, label, source, list, network, category, abuse, actor, concepts;
} other;

static bool read_other(dp_store *s, other *ret_other, sqlite3_stmt *stmt, const void *key,
                       size_t key_size)
{
	uint32_t number[12];
	for (int i = 0; i < 12; i++) {
		if (i == 1) continue;
		sqlite3_int64 v = sqlite3_column_int64(stmt, i);
		if (v < 0 || v > DP_STORE_ID_MAX) return false;
		number[i] = (uint32_t)v;
	}
	if (sqlite3_column_bytes(stmt, 1) != (int)key_size ||
	    memcmp(sqlite3_column_blob(stmt, 1), key, key_size) != 0)
		return false; // another place with the same hash
	*ret_other = (other){number[0], number[3], number[4], number[5], number[6],
	                     number[7], number[8], number[9], number[10]};
	uint32_t last = number[2];
	if (number[11] == DP_TAG_MENTION || last >= s->moments || s->moment[last].list == 0)
		return false;
	// Off its list, or what this list said before: no longer said.
	return s->moment[last].date >= s->newest[s->moment[last].list];
}

// The first that is given.
static const char *words(const char *actor, const char *category, const char *abuse)
{
	if (actor[0] != 0) return actor;
	return category[0] != 0 ? category : abuse;
}

static dp_code report(dp_store *s, const other *o, const dp_tag *tag, const char *its_words,
                      dp_fault *fault)
{
	char label[NAME_SIZE], source[NAME_SIZE], list[NAME_SIZE];
	dp_fault what = {0};
	sqlite3_stmt *stmt;
	bool was;
	DP_TRY(
	    dp_store_mark(&s->disputed, &s->disputed_cap, &s->disputed_used, &was, o->id, fault));
	if (!was) s->counts.contradictions++;
	DP_TRY(dp_store_text_of(s, label, 48, o->label, fault));
	DP_TRY(dp_store_text_of(s, source, 80, o->source, fault));
	DP_TRY(dp_store_prepare(s, &stmt, "select name from list where id=?", fault));
	(void)sqlite3_bind_int64(stmt, 1, o->list);
	dp_code code = dp_store_step(s, stmt, fault);
	uint32_t name = code == DP_OK ? (uint32_t)sqlite3_column_int64(stmt, 0) : 0;
	(void)sqlite3_finalize(stmt);
	if (code != DP_OK)
		return code == DP_END ? dp_store_damaged(fault, "a list is missing") : code;
	DP_TRY(dp_store_text_of(s, list, 48, name, fault));
	(void)dp_fail_at(
	    &what, DP_BAD_BYTES, tag->line, 0,
	    "%.64s: \"%.48s\" (%.40s; %.80s) contradicts \"%s\" (%s; %s) of the list %s", tag->text,
	    tag->label, words(tag->actor, tag->category, tag->abuse), tag->source, label, its_words,
	    source, list);
	if (s->path != NULL) dp_fault_file(&what, s->path);
	s->counts.warnings++;
	if (s->complain == NULL) return DP_OK;
	return s->complain(s->complain_context, &what, true, fault);
}

// Looks at one other tag; *ret_clash: it contradicts, and that was said.
static dp_code compare(dp_store *s, bool *ret_clash, const other *o, const dp_tag *tag,
                       enum side side, dp_fault *fault)
{
	char actor[NAME_SIZE], category[NAME_SIZE], abuse[NAME_SIZE], concepts[4 * NAME_SIZE];
	DP_TRY(dp_store_text_of(s, actor, sizeof actor, o->actor, fault));
	DP_TRY(dp_store_text_of(s, category, sizeof category, o->category, fault));
	DP_TRY(dp_store_text_of(s, abuse, sizeof abuse, o->abuse, fault));
	DP_TRY(dp_store_text_of(s, concepts, sizeof concepts, o->concepts, fault));
	enum side its = side_of(worst_of(category, abuse, concepts));
	bool actors = actor[0] != 0 && tag->actor[0] != 0 &&
	              strncmp(actor, tag->actor, sizeof actor - 1) != 0;
	*ret_clash = actors || (side != SIDE_NONE && its != SIDE_NONE && side != its);
	if (!*ret_clash) return DP_OK;
	return report(s, o, tag, words(actor, category, abuse), fault);
}

dp_code dp_store_clash(dp_store *s, const dp_tag *tag, uint32_t tag_id, int64_t ident,
                       const void *key, size_t key_size, dp_fault *fault)
{
	sqlite3_stmt *stmt;
	other near[DP_STORE_NEAR_MAX];
	uint32_t count = 0;
	enum side side = side_of(worst_of(tag->category, tag->abuse, tag->concepts));
	DP_CHECK(key_size <= DP_STORE_KEY_MAX);
	if (tag->type == DP_TAG_MENTION || (side == SIDE_NONE && tag->actor[0] == 0)) return DP_OK;
	DP_TRY(dp_store_sql(s, &stmt, DP_SQL_TAG_NEAR, fault));
	(void)sqlite3_bind_int64(stmt, 1, ident & ~(int64_t)UINT32_MAX);
	(void)sqlite3_bind_int64(stmt, 2, ident | UINT32_MAX);
	dp_code code;
	while ((code = dp_store_step(s, stmt, fault)) == DP_OK) {
		if (count == DP_STORE_NEAR_MAX) break;
		if (read_other(s, &near[count], stmt, key, key_size) && near[count].id != tag_id)
			count++;
	}
	(void)sqlite3_reset(stmt);
	if (code != DP_END && code != DP_OK) return code;
	if (count == 0) return DP_OK;
	uint32_t network = 0;
	if (tag->place.network != 0)
		DP_TRY(dp_store_column(s, &network, 0, dp_network_at(tag->place.network)->name,
		                       fault));
	bool clash = false;
	for (uint32_t i = 0; i < count && !clash; i++)
		if (near[i].network == network)
			DP_TRY(compare(s, &clash, &near[i], tag, side, fault));
	return DP_OK;
}

// Holding facts against rules, and saying why, see rules.h.
//
// Matching is called for each tag of each tagged address that is screened, so it looks at numbers
// first and at words last. Words are compared without regard to case, as people write names.
#include "screen/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "chain/block.h"
#include "codec/time.h"

enum { SECONDS_A_DAY = 86400, AMOUNT_DECIMALS = 18 };

//- matching --------------------------------------------------------------------------------------

static bool is_word(const char *const *words, const char *text)
{
	for (; *words != NULL; words++)
		if (strcasecmp(*words, text) == 0) return true;
	return false;
}

// Is the concept one of those named, or a kind of one?
static bool is_concept(const char *const *words, const dp_concept *concept)
{
	// The taxonomy is a forest; the bound is there for a table that is wrong.
	for (int depth = 0; concept != NULL && depth < 16; depth++) {
		for (const char *const *w = words; *w != NULL; w++)
			if (dp_concept_find(*w, strlen(*w)) == concept) return true;
		if (concept->parent[0] == 0) return false;
		concept = dp_concept_find(concept->parent, strlen(concept->parent));
	}
	return false;
}

static bool is_category(const char *const *words, const dp_tag_record *tag, const dp_tags *tags)
{
	if (tag->concept != 0 && is_concept(words, dp_concept_at(tag->concept))) return true;
	const char *abuse = dp_tags_text(tags, tag->abuse);
	if (is_concept(words, dp_concept_find(abuse, strlen(abuse)))) return true;
	const char *p = dp_tags_text(tags, tag->concepts);
	while (*p != 0) {
		size_t n = strcspn(p, " ");
		if (is_concept(words, dp_concept_find(p, n))) return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

static bool matches_tag(const dp_rule *r, const dp_screen_fact *f, const dp_tags *tags)
{
	bool wants_tag = r->confidence_min > 0 || r->category != NULL || r->actor != NULL ||
	                 r->list != NULL || r->label != NULL;
	if (f->tag == NULL) return !wants_tag;
	if (f->tag->confidence < r->confidence_min) return false;
	if (r->actor != NULL && !is_word(r->actor, dp_tags_text(tags, f->tag->actor))) return false;
	if (r->list != NULL && !is_word(r->list, dp_tags_text(tags, f->tag->list))) return false;
	if (r->label != NULL && !is_word(r->label, dp_tags_text(tags, f->tag->label))) return false;
	return r->category == NULL || is_category(r->category, f->tag, tags);
}

// units / 10^decimals >= amount / 10^18, without a remainder on either side.
static bool is_enough(dp_u256 units, dp_asset asset, dp_u256 amount)
{
	if (dp_u256_is_zero(amount)) return true;
	if (asset.v == 0) return false;
	uint32_t decimals = dp_asset_info_of(asset)->decimals;
	dp_u256 *raised = decimals < AMOUNT_DECIMALS ? &units : &amount;
	uint32_t by =
	    decimals < AMOUNT_DECIMALS ? AMOUNT_DECIMALS - decimals : decimals - AMOUNT_DECIMALS;
	for (; by > 0; by--)
		// Past 2^256 the raised one is the greater.
		if (dp_u256_mul_over(raised, *raised, dp_u256_of(10))) return raised == &units;
	return dp_u256_cmp(units, amount) >= 0;
}

bool dp_rule_matches(const dp_rule *r, const dp_screen_fact *f, const dp_tags *tags)
{
	DP_CHECK(r->kind < DP_FACT_KIND_COUNT && f->kind < DP_FACT_KIND_COUNT);
	if (r->kind != f->kind) return false;
	if (r->classes != 0 && (r->classes >> f->risk & 1) == 0) return false;
	if (r->dated != 0 && f->tag != NULL && (r->dated & f->dated) == 0) return false;
	if (r->taint != 0 && (r->taint & f->taint) == 0) return false;
	if (r->side != 0 && (r->side & f->side) == 0) return false;
	if (f->kind == DP_FACT_TAG && f->match < r->match_min) return false;
	if (r->is_inferred >= 0 && r->is_inferred != f->is_inferred) return false;
	if (r->is_cluster >= 0 && r->is_cluster != f->is_cluster) return false;
	if (f->share < r->share_min && !f->is_share_unknown) return false;
	if (r->share_end > 0 && (f->share >= r->share_end || f->is_share_unknown)) return false;
	if (f->chance < r->chance_min) return false;
	if (f->hops < r->hops_min || f->hops > r->hops_max) return false;
	if (r->has_amount && !is_enough(f->units, f->asset, r->amount_min)) return false;
	if (!dp_u256_is_zero(r->amount_end) && is_enough(f->units, f->asset, r->amount_end))
		return false;
	if (r->policy != NULL && !is_word(r->policy, f->policy)) return false;
	if (r->incident != NULL && !is_word(r->incident, f->incident)) return false;
	return f->kind == DP_FACT_TAINT || matches_tag(r, f, tags);
}

//- words -----------------------------------------------------------------------------------------

const char *dp_day_text(char out[DP_DAY_TEXT_MAX], uint32_t days)
{
	char text[DP_TIME_TEXT_MAX];
	out[0] = 0;
	if (days == 0) return out;
	size_t n = dp_time_format(text, (int64_t)days * SECONDS_A_DAY);
	if (n < 10) return out;
	memcpy(out, text, 10);
	out[10] = 0;
	return out;
}

const char *dp_coins_text(char out[DP_COINS_TEXT_MAX], dp_u256 units, dp_asset asset)
{
	char number[DP_U256_DEC_MAX];
	if (asset.v == 0) {
		dp_u256_format(number, units, 0);
		(void)snprintf(out, DP_COINS_TEXT_MAX, "%s units", number);
		return out;
	}
	const dp_asset_info *info = dp_asset_info_of(asset);
	dp_u256_format(number, units, info->decimals);
	(void)snprintf(out, DP_COINS_TEXT_MAX, "%s %.20s", number, info->symbol);
	return out;
}

const char *dp_share_text(char out[DP_SHARE_TEXT_MAX], uint32_t share)
{
	if (share > 0 && share < 1000) return "under 0.1 %";
	(void)snprintf(out, DP_SHARE_TEXT_MAX, "%" PRIu32 ".%" PRIu32 " %%", share / 10000,
	               share / 1000 % 10);
	return out;
}

// One placeholder's text. `name` is the n bytes between the braces.
typedef struct filler {
	const dp_screen_fact *fact;
	const dp_tags *tags;
	const dp_chain *chain;
	char scratch[DP_REASON_TEXT_MAX];
} filler;

static const char *tag_word(const filler *f, const char *name, size_t n)
{
	const dp_tag_record *t = f->fact->tag;
	const struct {
		const char *name;
		uint32_t text;
	} words[] = {{"label", t->label},       {"list", t->list},   {"source", t->source},
	             {"category", t->category}, {"actor", t->actor}, {"program", t->program}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strlen(words[i].name) != n || memcmp(words[i].name, name, n) != 0) continue;
		// What something is used for says more than that somebody owns it; "" when a
		// sanctions list only says who.
		bool abuse = i == 3 && (t->category == 0 || t->abuse != 0) && t->abuse != 0;
		return dp_tags_text(f->tags, abuse ? t->abuse : words[i].text);
	}
	return NULL;
}

static bool is_name(const char *name, size_t n, const char *want)
{
	return strlen(want) == n && memcmp(name, want, n) == 0;
}

static const char *number_text(filler *f, uint64_t value)
{
	// Grouped by thousands: chances run into the billions.
	char plain[24];
	int n = snprintf(plain, sizeof plain, "%" PRIu64, value), at = 0;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) f->scratch[at++] = ',';
		f->scratch[at++] = plain[i];
	}
	f->scratch[at] = 0;
	return f->scratch;
}

static const char *hops_text(filler *f)
{
	uint32_t hops = f->fact->hops;
	if (hops == DP_HOPS_NONE) return "an unknown number of hops";
	(void)snprintf(f->scratch, sizeof f->scratch, "%u hop%s", hops, hops == 1 ? "" : "s");
	return f->scratch;
}

static const char *place_text(filler *f)
{
	const dp_addr *a = &f->fact->place;
	if (a->kind == DP_ADDR_NONE || a->kind >= DP_ADDR_KIND_COUNT || f->chain == NULL) return "";
	_Static_assert((int)DP_ADDR_TEXT_MAX <= (int)DP_REASON_TEXT_MAX, "room for an address");
	dp_addr_format(f->scratch, a, f->chain);
	return f->scratch;
}

// What is not of a tag; "" for what this fact has not.
static const char *other_word(filler *f, const char *name, size_t n)
{
	const dp_screen_fact *a = f->fact;
	if (is_name(name, n, "case")) return a->incident != NULL ? a->incident : "";
	if (is_name(name, n, "policy")) return a->policy != NULL ? a->policy : "";
	if (is_name(name, n, "amount")) return dp_coins_text(f->scratch, a->units, a->asset);
	if (is_name(name, n, "hops")) return hops_text(f);
	if (is_name(name, n, "share")) return dp_share_text(f->scratch, a->share);
	if (is_name(name, n, "class")) return dp_risk_class_name((dp_risk_class)a->risk);
	if (is_name(name, n, "side")) return a->side == DP_SIDE_SENT ? "sent" : "received";
	if (is_name(name, n, "place")) return place_text(f);
	if (is_name(name, n, "chance")) return number_text(f, a->chance);
	if (is_name(name, n, "leading")) return number_text(f, a->leading);
	if (is_name(name, n, "trailing")) return number_text(f, a->trailing);
	if (is_name(name, n, "since") && a->since != DP_NO_DATE) {
		dp_time_format(f->scratch, a->since);
		return f->scratch;
	}
	if (is_name(name, n, "tx") && a->has_tx && f->chain != NULL) {
		dp_txid_format(f->scratch, a->tx, f->chain);
		return f->scratch;
	}
	if (a->tag == NULL)
		return is_name(name, n, "label") && a->incident != NULL ? a->incident : "";
	if (is_name(name, n, "confidence")) return number_text(f, a->tag->confidence);
	if (is_name(name, n, "first_seen")) return dp_day_text(f->scratch, a->tag->first_seen);
	if (is_name(name, n, "gone")) return dp_day_text(f->scratch, a->tag->gone);
	return "";
}

size_t dp_rule_reason(const dp_rule *rule, char out[DP_REASON_TEXT_MAX], const dp_screen_fact *fact,
                      const dp_tags *tags, const dp_chain *chain)
{
	filler f = {.fact = fact, .tags = tags, .chain = chain};
	size_t at = 0;
	for (const char *p = rule->reason; *p != 0;) {
		const char *text = p;
		size_t n = strcspn(p, "{"), skip = n;
		if (n == 0) {
			size_t size = strcspn(p + 1, "}");
			text = fact->tag != NULL ? tag_word(&f, p + 1, size) : NULL;
			if (text == NULL) text = other_word(&f, p + 1, size);
			n = strlen(text);
			skip = size + 2;
		}
		if (n > DP_REASON_TEXT_MAX - 1 - at) n = DP_REASON_TEXT_MAX - 1 - at;
		// What a list's author wrote stays on its line.
		for (size_t i = 0; i < n; i++)
			out[at++] =
			    (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
		p += skip;
	}
	out[at] = 0;
	return at;
}

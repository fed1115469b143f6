// TagPacks and ActorPacks, GraphSense's YAML files of tags and of actors (domain: docs/how-to;
// schema and inheritance as graphsense-tagpack-tool's tagpack.py and actorpack.py have them).
//
//   title: A pack            the header; every key of a tag that stands here holds for all tags
//   header: !include h.yaml  or stands there; what is included counts more than what is not
//   tags:
//   - address: 1...          what a tag says itself counts more than the header
//
// A pack is read once, from front to end, a tag at a time. Two things may stand behind the tags
// that must be known before the first is handed over: keys of the header, and, where neither it
// nor the user dates the pack, the date of the youngest tag, which is then the pack's. Whether keys
// can stand there is seen by a quick look at how the lines begin; where they can, or the header has
// no date, the pack is surveyed first: read without a word, for the header and the dates only.
#include "tag/tagpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
#include "tag/tagpack_private.h"
#include "tag/taxonomy.h"

//- what fields mean ------------------------------------------------------------------------------

static const pack_field *header_field(const pack_header *h, pack_key key)
{
	return h->included.field[key].text != NULL ? &h->included.field[key] : &h->own.field[key];
}

// A tag's own field, the header's, or one without text.
static const pack_field *field_of(const pack_reader *r, pack_key key)
{
	DP_CHECK(r->header != NULL && key < KEY_COUNT);
	return r->map->field[key].text != NULL ? &r->map->field[key] : header_field(r->header, key);
}

// Of a tag: what it says, what the header says, what the user said about the file, or nothing.
static const char *text_of(const pack_reader *r, pack_key key, const char *otherwise)
{
	const pack_field *f = field_of(r, key);
	if (f->text != NULL) return f->text;
	return otherwise == NULL ? "" : otherwise;
}

// Packs use few networks, and each tag names one: the last one is kept.
static const dp_network *find_network(pack_reader *r, const pack_field *f)
{
	if (f->size < sizeof r->network_text && r->network_text[0] != 0 &&
	    strcmp(r->network_text, f->text) == 0)
		return r->network_found;
	const dp_network *found = dp_network_find(f->text, f->size);
	if (f->size < sizeof r->network_text) {
		memcpy(r->network_text, f->text, f->size + 1);
		r->network_found = found;
	}
	return found;
}

// Each unknown name is warned about once in a pack, as long as there are not too many of them.
static bool is_warned(pack_reader *r, const char *text, size_t n)
{
	uint64_t hash = 14695981039346656037u; // FNV-1a
	for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)text[i]) * 1099511628211u;
	for (uint32_t i = 0; i < r->warned_count; i++)
		if (r->warned[i] == hash) return true;
	if (r->warned_count < PACK_WARNED_MAX) r->warned[r->warned_count++] = hash;
	return false;
}

// One name of the taxonomy; `f` says where it stands.
static dp_code check_concept(pack_reader *r, const pack_field *f, const char *name, size_t n)
{
	if (n < sizeof r->concept_known && memcmp(r->concept_known, name, n) == 0 &&
	    r->concept_known[n] == 0)
		return DP_OK;
	if (dp_concept_find(name, n) != NULL) {
		if (n < sizeof r->concept_known) {
			memcpy(r->concept_known, name, n);
			r->concept_known[n] = 0;
		}
		return DP_OK;
	}
	if (is_warned(r, name, n)) return DP_OK;
	return dp_pack_complain(r, true, f->file, f->line, f->column,
	                        "\"%.*s\" is not in the taxonomy: it is kept, but means nothing to "
	                        "following and screening (said once)",
	                        (int)(n < 60 ? n : 60), name);
}

static dp_code check_name(pack_reader *r, const pack_field *f)
{
	return f->text == NULL ? DP_OK : check_concept(r, f, f->text, f->size);
}

static dp_code check_concepts(pack_reader *r, const pack_field *f)
{
	if (f->text == NULL) return DP_OK;
	for (const char *p = f->text; *p != 0;) {
		size_t n = strcspn(p, " ");
		if (n > 0) DP_TRY(check_concept(r, f, p, n));
		p += n + (p[n] == ' ');
	}
	return DP_OK;
}

static dp_code take_flag(pack_reader *r, bool *io_flag, const pack_field *f)
{
	static const char *const words[2][4] = {{"false", "no", "off", "0"},
	                                        {"true", "yes", "on", "1"}};
	if (f->text == NULL) return DP_OK;
	for (int value = 0; value < 2; value++)
		for (int i = 0; i < 4; i++)
			if (strcasecmp(f->text, words[value][i]) == 0) {
				*io_flag = value == 1;
				return DP_OK;
			}
	return dp_pack_complain(r, true, f->file, f->line, f->column,
	                        "\"%.40s\" is neither true nor false: taken for %s", f->text,
	                        *io_flag ? "true" : "false");
}

static dp_code take_date(pack_reader *r, int64_t *io_date, const pack_field *f)
{
	if (f->text == NULL || dp_pack_date(io_date, f->text, f->size)) return DP_OK;
	return dp_pack_complain(r, true, f->file, f->line, f->column,
	                        "\"%.40s\" is no date, and is passed over: write it as 2021-11-30",
	                        f->text);
}

static dp_code take_confidence(pack_reader *r, uint8_t *io_confidence, const pack_field *f)
{
	if (f->text == NULL || dp_confidence_find(io_confidence, f->text, f->size)) return DP_OK;
	return dp_pack_complain(r, true, f->file, f->line, f->column,
	                        "\"%.40s\" is no level of confidence, taken for %u: write a level "
	                        "such as web_crawl, or a number from 0 to 100",
	                        f->text, *io_confidence);
}

static dp_code take_type(pack_reader *r, uint8_t *io_type, const pack_field *f)
{
	static const char *const names[] = {"actor", "event", "mention"};
	if (f->text == NULL) return DP_OK;
	for (uint8_t i = 0; i < 3; i++)
		if (strcasecmp(f->text, names[i]) == 0) {
			*io_type = i;
			return DP_OK;
		}
	return dp_pack_complain(r, true, f->file, f->line, f->column,
	                        "\"%.40s\" is no type of a tag: write actor, event or mention",
	                        f->text);
}

// The network that one map says, header or tag: by `network`, or by `currency`, which may be a
// token instead. Nothing changes where it says none.
static void take_network(pack_reader *r, pack_common *io_common, const pack_field *network,
                         const pack_field *currency)
{
	const pack_field *f = network->text != NULL ? network : currency;
	if (f->text == NULL) return;
	const dp_network *found = find_network(r, f);
	// A tag's token moves on the network that the header names; else the address says it.
	if (found == NULL && dp_network_is_asset(f->text, f->size)) return;
	io_common->network = found;
	io_common->is_unknown = found == NULL;
}

// What names the network, of the tag or of the header.
static const pack_field *network_field(const pack_reader *r)
{
	const pack_field *own = r->map->field;
	if (own[KEY_NETWORK].text != NULL) return &own[KEY_NETWORK];
	if (own[KEY_CURRENCY].text != NULL) return &own[KEY_CURRENCY];
	const pack_field *f = header_field(r->header, KEY_NETWORK);
	return f->text != NULL ? f : header_field(r->header, KEY_CURRENCY);
}

static dp_code complain_network(pack_reader *r)
{
	const pack_field *f = network_field(r);
	DP_CHECK(f->text != NULL);
	return dp_pack_complain(r, false, f->file, f->line, f->column,
	                        "the network \"%.40s\" is not known: write its usual short name "
	                        "(BTC, ETH, TRX) or its CAIP-2 id",
	                        f->text);
}

// A currency that nobody knows may be a token, whose address says by its form where it is; a
// network that nobody knows is one of which nothing can be said.
static dp_code settle_unknown(pack_reader *r, const dp_place *place)
{
	bool has_tokens = place->addr.kind == DP_ADDR_EVM;
	// A bare transaction id has no network.
	if (!has_tokens && place->network != 0)
		has_tokens = strcmp(dp_network_at(place->network)->name, "SOL") == 0;
	const pack_field *f = network_field(r);
	bool is_network =
	    f == &r->map->field[KEY_NETWORK] || f == header_field(r->header, KEY_NETWORK);
	// Chains without tokens share the version bytes of their addresses: an M... is Litecoin's,
	// or that of a chain which nobody here has heard of.
	if (is_network || !has_tokens) return complain_network(r);
	if (is_warned(r, f->text, f->size)) return DP_OK;
	return dp_pack_complain(r, true, f->file, f->line, f->column,
	                        "the currency \"%.40s\" is not known: the network is told by the "
	                        "form of the address; add \"network\" (said once)",
	                        f->text);
}

// dyepack's own packs of inferred addresses say so in their context, for other readers have no
// place for it: a JSON object with "inferred": true at its top.
static dp_code take_inferred(pack_reader *r, bool *io_is_inferred, const pack_field *f)
{
	bool value = false;
	dp_json *doc;
	if (f->text == NULL || f->text[0] != '{') return DP_OK;
	if (memmem(f->text, f->size, "\"inferred\"", 10) == NULL) return DP_OK;
	dp_code code = dp_json_parse(&doc, f->text, f->size, NULL);
	if (code == DP_NO_MEMORY) return dp_fail(r->fault, code, "out of memory");
	if (code != DP_OK) return DP_OK; // any text may be a context
	const dp_json *inferred = dp_json_get(doc, "inferred");
	*io_is_inferred = inferred != NULL && dp_json_bool(inferred, &value) && value;
	dp_json_free(doc);
	return DP_OK;
}

//- the header ------------------------------------------------------------------------------------

// Takes apart what holds for all tags, and complains about it: once.
static dp_code settle_header(pack_reader *r)
{
	const pack_header *h = r->header;
	const dp_tag_defaults *d = r->defaults;
	pack_common *c = &r->common;
	DP_CHECK(h != NULL && !r->is_survey);
	*c = (pack_common){.network = d->network,
	                   .confidence = d->confidence >= 0 && d->confidence <= 100
	                                     ? (uint8_t)d->confidence
	                                     : DP_CONFIDENCE_UNKNOWN,
	                   .type = DP_TAG_ACTOR,
	                   .lastmod = DP_NO_DATE};
	if (header_field(h, KEY_TITLE)->text == NULL)
		DP_TRY(dp_pack_complain(r, true, NULL, 1, 1,
		                        "the pack has no \"title\": its file's name is taken, by "
		                        "which issues of one list find each other"));
	// One that is not known is complained about where a tag names no other.
	take_network(r, c, header_field(h, KEY_NETWORK), header_field(h, KEY_CURRENCY));
	DP_TRY(take_confidence(r, &c->confidence, header_field(h, KEY_CONFIDENCE)));
	DP_TRY(take_type(r, &c->type, header_field(h, KEY_TAG_TYPE)));
	DP_TRY(take_flag(r, &c->is_cluster_definer, header_field(h, KEY_IS_CLUSTER_DEFINER)));
	DP_TRY(take_date(r, &c->lastmod, header_field(h, KEY_LASTMOD)));
	DP_TRY(take_inferred(r, &c->is_inferred, header_field(h, KEY_CONTEXT)));
	DP_TRY(check_name(r, header_field(h, KEY_CATEGORY)));
	DP_TRY(check_name(r, header_field(h, KEY_ABUSE)));
	return check_concepts(r, header_field(h, KEY_CONCEPTS));
}

// The file's name, without folders and without ".yaml" and what it is packed with.
static const char *plain_name(const pack_reader *r, char out[256])
{
	static const char *const endings[] = {".gz", ".zst", ".yaml", ".yml", NULL};
	const char *slash = strrchr(r->main_path, '/'),
	           *name = slash == NULL ? r->main_path : slash + 1;
	size_t n = strnlen(name, 255);
	memcpy(out, name, n);
	for (int i = 0; endings[i] != NULL; i++) {
		size_t size = strlen(endings[i]);
		if (n > size && memcmp(out + n - size, endings[i], size) == 0) n -= size;
	}
	out[n] = 0;
	return out;
}

static dp_code give_list(pack_reader *r)
{
	char name[256];
	DP_CHECK(!r->has_list && !r->is_survey);
	DP_TRY(settle_header(r));
	const char *title = header_field(r->header, KEY_TITLE)->text;
	const char *creator = header_field(r->header, KEY_CREATOR)->text;
	dp_tag_list list = {.name = r->defaults->list_name != NULL ? r->defaults->list_name
	                            : title != NULL                ? title
	                                                           : plain_name(r, name),
	                    .creator = creator == NULL ? "" : creator,
	                    .kind = r->is_actors ? "actorpack" : "tagpack",
	                    .date = r->common.lastmod};
	// The youngest tag only tells a date before which the pack was not made.
	if (list.date == DP_NO_DATE) list.date = r->defaults->date;
	if (list.date == DP_NO_DATE) list.date = r->lastmod_latest;
	r->has_list = true;
	return r->sink->list(r->sink->context, &list, r->fault);
}

//- tags and actors -------------------------------------------------------------------------------

static dp_code read_place(pack_reader *r, dp_place *ret_place, const pack_common *c, uint32_t line)
{
	const pack_field *address = &r->map->field[KEY_ADDRESS], *tx = &r->map->field[KEY_TX_HASH];
	const pack_field *subject = field_of(r, KEY_TAG_SUBJECT);
	dp_fault why = {0};
	if (address->text == NULL && tx->text == NULL)
		return dp_pack_complain(r, false, NULL, line, 1,
		                        "a tag without \"address\" or \"tx_hash\": write what it "
		                        "is about");
	if (address->text != NULL && tx->text != NULL)
		return dp_pack_complain(r, false, NULL, tx->line, tx->column,
		                        "a tag is about an \"address\" or a \"tx_hash\", not "
		                        "both: make two of it");
	const pack_field *f = address->text != NULL ? address : tx;
	if (subject->text != NULL && strcasecmp(subject->text, f == tx ? "tx" : "address") != 0)
		DP_TRY(dp_pack_complain(r, true, subject->file, subject->line, subject->column,
		                        "\"tag_subject\" is \"%.20s\", but the tag has %s: that "
		                        "counts",
		                        subject->text, f == tx ? "a tx_hash" : "an address"));
	const dp_network *network = c->network;
	dp_code code = f == tx ? dp_place_parse_tx(ret_place, f->text, f->size, network, &why)
	                       : dp_place_parse(ret_place, f->text, f->size, network, &why);
	if (code == DP_OK) return DP_OK;
	if (code == DP_NO_MEMORY) return dp_fail(r->fault, code, "out of memory");
	if (c->is_unknown) return complain_network(r);
	return dp_pack_complain(r, false, f->file, f->line, f->column, "%s", why.text);
}

static dp_code check_label(pack_reader *r, uint32_t line)
{
	if (*text_of(r, KEY_LABEL, r->defaults->label) == 0)
		DP_TRY(
		    dp_pack_complain(r, false, NULL, line, 1,
		                     "a tag without \"label\": write who or what the address is, "
		                     "here or in the header"));
	if (*text_of(r, KEY_SOURCE, r->defaults->source) == 0 && !r->has_source_warning) {
		r->has_source_warning = true;
		DP_TRY(dp_pack_complain(r, true, NULL, line, 1,
		                        "a tag without \"source\": write where it is known from "
		                        "(said once)"));
	}
	return DP_OK;
}

// What the tag's own fields say, over the header's.
static dp_code settle_tag(pack_reader *r, pack_common *io_common)
{
	const pack_field *f = r->map->field;
	take_network(r, io_common, &f[KEY_NETWORK], &f[KEY_CURRENCY]);
	DP_TRY(take_confidence(r, &io_common->confidence, &f[KEY_CONFIDENCE]));
	DP_TRY(take_type(r, &io_common->type, &f[KEY_TAG_TYPE]));
	DP_TRY(take_flag(r, &io_common->is_cluster_definer, &f[KEY_IS_CLUSTER_DEFINER]));
	DP_TRY(take_date(r, &io_common->lastmod, &f[KEY_LASTMOD]));
	if (f[KEY_CONTEXT].text != NULL) io_common->is_inferred = false;
	DP_TRY(take_inferred(r, &io_common->is_inferred, &f[KEY_CONTEXT]));
	DP_TRY(check_name(r, &f[KEY_CATEGORY]));
	DP_TRY(check_name(r, &f[KEY_ABUSE]));
	return check_concepts(r, &f[KEY_CONCEPTS]);
}

// The tag in r->map, which began on `line`.
static dp_code give_tag(pack_reader *r, uint32_t line)
{
	pack_common c = r->common;
	dp_place place = {0};
	DP_TRY(settle_tag(r, &c));
	if (r->is_bad) return DP_OK;
	DP_TRY(read_place(r, &place, &c, line));
	if (c.is_unknown && !r->is_bad) DP_TRY(settle_unknown(r, &place));
	if (r->is_bad) return DP_OK;
	DP_TRY(check_label(r, line));
	if (r->is_bad) return DP_OK;
	const pack_field *about = &r->map->field[KEY_ADDRESS];
	if (about->text == NULL) about = &r->map->field[KEY_TX_HASH];
	const dp_tag_defaults *d = r->defaults;
	dp_tag tag = {
	    .place = place,
	    .text = about->text,
	    .label = text_of(r, KEY_LABEL, d->label),
	    .source = text_of(r, KEY_SOURCE, d->source),
	    .category = text_of(r, KEY_CATEGORY, d->category),
	    .abuse = text_of(r, KEY_ABUSE, d->abuse),
	    .actor = text_of(r, KEY_ACTOR, d->actor),
	    .concepts = text_of(r, KEY_CONCEPTS, NULL),
	    .context = text_of(r, KEY_CONTEXT, NULL),
	    .program = "",
	    .confidence = c.confidence,
	    .type = c.type,
	    .is_cluster_definer = c.is_cluster_definer,
	    .is_inferred = c.is_inferred,
	    .lastmod = c.lastmod,
	    .line = line,
	};
	return r->sink->tag(r->sink->context, &tag, r->fault);
}

static dp_code give_actor(pack_reader *r, uint32_t line)
{
	const pack_field *f = r->map->field;
	int64_t lastmod = r->common.lastmod;
	DP_TRY(take_date(r, &lastmod, &f[KEY_LASTMOD]));
	DP_TRY(check_concepts(r, &f[KEY_CATEGORIES]));
	if (f[KEY_ID].text == NULL || f[KEY_LABEL].text == NULL)
		DP_TRY(
		    dp_pack_complain(r, false, NULL, line, 1,
		                     "an actor without \"%s\": write it, for tags name actors by "
		                     "it",
		                     f[KEY_ID].text == NULL ? "id" : "label"));
	if (r->is_bad || r->sink->actor == NULL) return DP_OK;
	dp_actor actor = {
	    .id = f[KEY_ID].text,
	    .label = f[KEY_LABEL].text,
	    .uri = text_of(r, KEY_URI, NULL),
	    .context = text_of(r, KEY_CONTEXT, NULL),
	    .categories = text_of(r, KEY_CATEGORIES, NULL),
	    .jurisdictions = text_of(r, KEY_JURISDICTIONS, NULL),
	    .aliases = text_of(r, KEY_ALIASES, NULL),
	    .lastmod = lastmod,
	    .line = line,
	};
	return r->sink->actor(r->sink->context, &actor, r->fault);
}

// For the survey only the date counts.
static void survey_item(pack_reader *r)
{
	const pack_field *f = &r->map->field[KEY_LASTMOD];
	int64_t date;
	if (f->text == NULL || !dp_pack_date(&date, f->text, f->size)) return;
	if (r->lastmod_latest == DP_NO_DATE || date > r->lastmod_latest) r->lastmod_latest = date;
}

// The list of tags or actors, whose LIST event has been read.
static dp_code read_items(pack_reader *r)
{
	dp_yaml_event e;
	for (;;) {
		DP_TRY(dp_pack_next(r, &e));
		if (e.kind == DP_YAML_EVENT_LIST_END) return DP_OK;
		if (!r->is_survey && !r->has_list) DP_TRY(give_list(r));
		r->item_count++;
		r->is_bad = false;
		if (e.kind != DP_YAML_EVENT_MAP) {
			DP_TRY(dp_pack_complain(r, false, NULL, e.line, e.column,
			                        "%s begins with its first key behind the dash "
			                        "(\"- %s\"), this is something else",
			                        r->is_actors ? "an actor" : "a tag",
			                        r->is_actors ? "id: ..." : "address: ..."));
			DP_TRY(dp_pack_skip(r, &e));
			continue;
		}
		uint32_t line = e.line;
		dp_pack_map_clear(r->map);
		DP_TRY(dp_pack_read_map(r, r->map, r->is_actors ? IN_ACTOR : IN_TAG));
		if (r->is_survey)
			survey_item(r);
		else if (r->is_actors)
			DP_TRY(give_actor(r, line));
		else
			DP_TRY(give_tag(r, line));
	}
}

//- the whole file --------------------------------------------------------------------------------

// `header:`, mostly an include. Its keys are the header's.
static dp_code read_included_header(pack_reader *r, pack_header *h)
{
	dp_yaml_event e;
	DP_TRY(dp_pack_next(r, &e));
	if (e.kind != DP_YAML_EVENT_MAP)
		return dp_pack_fail(r, e.line, e.column,
		                    "\"header\" is not a map of keys: write !include and a file "
		                    "with title, creator and so on");
	return dp_pack_read_map(r, &h->included, r->is_actors ? IN_ACTOR_HEADER : IN_HEADER);
}

static dp_code read_list_of(pack_reader *r, const pack_header *h, const dp_yaml_event *key)
{
	dp_yaml_event e;
	const char *name = r->is_actors ? "actors" : "tags";
	bool is_dated = header_field(h, KEY_LASTMOD)->text != NULL;
	if (r->item_count > 0)
		return dp_pack_fail(r, key->line, key->column,
		                    "\"%s\" stands twice: make one of it", name);
	if (!r->is_survey && !r->is_surveyed && !is_dated && r->can_reread) {
		r->needs_survey = true;
		return DP_END;
	}
	DP_TRY(dp_pack_next(r, &e));
	if (e.kind != DP_YAML_EVENT_LIST && !dp_pack_is_nothing(&e))
		return dp_pack_fail(r, e.line, e.column,
		                    "\"%s\" is not a list: write each of them behind a dash", name);
	if (e.kind == DP_YAML_EVENT_LIST) DP_TRY(read_items(r));
	if (r->item_count == 0)
		return dp_pack_fail(r, key->line, key->column, "\"%s\" is empty", name);
	return DP_OK;
}

// One member of the pack itself. DP_END: it must be surveyed first.
static dp_code read_top_member(pack_reader *r, pack_header *h, const dp_yaml_event *key)
{
	if (key->kind != DP_YAML_EVENT_SCALAR)
		return dp_pack_fail(r, key->line, key->column,
		                    "a key must be plain text, not a list or a map");
	if (strcmp(key->text, r->is_actors ? "actors" : "tags") == 0)
		return read_list_of(r, h, key);
	// The look at the lines has missed this: their breaks are of a kind of their own.
	if (r->has_list && !r->is_surveyed)
		return dp_pack_fail(r, key->line, key->column,
		                    "\"%.40s\" stands behind the %s: put the header first",
		                    key->text, r->is_actors ? "actors" : "tags");
	if (strcmp(key->text, "header") == 0) return read_included_header(r, h);
	return dp_pack_read_member(r, &h->own, r->is_actors ? IN_ACTOR_HEADER : IN_HEADER, key);
}

static dp_code read_top(pack_reader *r, pack_header *h)
{
	dp_yaml_event e;
	dp_code code = dp_pack_next(r, &e);
	if (code == DP_END) return dp_pack_fail(r, 1, 1, "the file is empty");
	if (code != DP_OK) return code;
	if (e.kind != DP_YAML_EVENT_MAP)
		return dp_pack_fail(r, e.line, e.column,
		                    "a pack is a map of keys: title, creator, %s",
		                    r->is_actors ? "actors" : "tags");
	// The quick look knows maps that stand at the first column, with keys of one line.
	bool is_ordinary = e.column == 1 && r->file_count == 1;
	for (;;) {
		DP_TRY(dp_pack_next(r, &e));
		if (e.kind == DP_YAML_EVENT_MAP_END) break;
		is_ordinary = is_ordinary && e.column == 1 && r->file_count == 1;
		if (!is_ordinary && !r->is_survey && !r->is_surveyed && r->can_reread) {
			r->needs_survey = true;
			return DP_END;
		}
		DP_TRY(read_top_member(r, h, &e));
	}
	code = dp_pack_next(r, &e);
	DP_CHECK(code != DP_OK);
	if (code != DP_END) return code;
	if (r->item_count == 0)
		return dp_pack_fail(r, 1, 1, "the pack has no \"%s\"",
		                    r->is_actors ? "actors" : "tags");
	return DP_OK;
}

// One way through the file. DP_END: it must be surveyed first.
static dp_code read_once(pack_reader *r, bool is_survey)
{
	r->is_survey = is_survey;
	r->item_count = 0;
	r->complaint_count = 0;
	pack_header *h = is_survey ? r->surveyed : r->fresh;
	dp_pack_map_clear(&h->own);
	dp_pack_map_clear(&h->included);
	// What the survey found is what holds; the header is read again for the sake of complaints.
	r->header = r->is_surveyed ? r->surveyed : h;
	dp_code code = dp_pack_open(r);
	if (code == DP_OK) code = read_top(r, h);
	dp_pack_close(r);
	if (is_survey && code == DP_OK) r->is_surveyed = true;
	return code;
}

static dp_code read_all(pack_reader *r)
{
	bool may_have_late_keys = false;
	DP_TRY(dp_pack_open(r)); // finds out whether it can be read again
	dp_pack_close(r);
	if (r->can_reread) DP_TRY(dp_pack_has_late_keys(r, &may_have_late_keys));
	if (may_have_late_keys) DP_TRY(read_once(r, true));
	dp_code code = read_once(r, false);
	if (code != DP_END) return code;
	// What was complained about up to here will come again.
	DP_CHECK(r->needs_survey && !r->is_surveyed && !r->has_list);
	uint64_t said = r->complaint_count;
	DP_TRY(read_once(r, true));
	r->complaint_skip = said;
	return read_once(r, false);
}

// `text` NULL: the file at `path`.
static dp_code read_pack(const char *path, const char *text, size_t n, bool is_actors,
                         const dp_tag_defaults *defaults, const dp_tag_sink *sink, dp_fault *fault)
{
	DP_CHECK(path != NULL && defaults != NULL && sink != NULL);
	DP_CHECK(sink->list != NULL && sink->tag != NULL);
	pack_reader *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->main_path = path;
	r->main_text = text;
	r->main_size = n;
	r->is_actors = is_actors;
	r->can_reread = text != NULL;
	r->defaults = defaults;
	r->sink = sink;
	r->fault = fault;
	r->lastmod_latest = DP_NO_DATE;
	r->surveyed = dp_alloc(sizeof *r->surveyed);
	r->fresh = dp_alloc(sizeof *r->fresh);
	r->map = dp_alloc(sizeof *r->map);
	dp_code code = DP_OK;
	if (r->surveyed == NULL || r->fresh == NULL || r->map == NULL)
		code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) code = read_all(r);
	dp_free(r->surveyed);
	dp_free(r->fresh);
	dp_free(r->map);
	dp_arena_done(&r->paths);
	dp_free(r);
	return code;
}

dp_code dp_tagpack_read_text(const char *text, size_t n, const char *name,
                             const dp_tag_defaults *defaults, const dp_tag_sink *sink,
                             dp_fault *fault)
{
	DP_CHECK(text != NULL && name != NULL);
	return read_pack(name, text, n, false, defaults, sink, fault);
}

//- the rows for tag/read.c -----------------------------------------------------------------------

// Does a line begin with this key?
static bool has_line(const char *text, size_t n, const char *key)
{
	size_t size = strlen(key);
	for (const char *p = text, *end = text + n; p != NULL && p < end;) {
		const char *q = p;
		while (q < end && (*q == ' ' || *q == '"' || *q == '\'' || *q == '{')) q++;
		if ((size_t)(end - q) > size && memcmp(q, key, size) == 0) {
			q += size;
			if (*q == '"' || *q == '\'') q++;
			if (q < end && *q == ':') return true;
		}
		p = memchr(p, '\n', (size_t)(end - p));
		if (p != NULL) p++;
	}
	return false;
}

static bool is_named_yaml(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	return strstr(name, ".yaml") != NULL || strstr(name, ".yml") != NULL;
}

// The list may begin behind a long header: `n` bytes of a larger file may not have it.
static bool knows_pack(const char *path, const char *text, size_t n, bool is_actors)
{
	enum { LONG_ENOUGH = 4096 };
	// JSON is YAML, too; lists in JSON have their own reader.
	size_t blanks = 0;
	while (blanks < n && memchr(" \t\r\n", text[blanks], 4) != NULL) blanks++;
	if (blanks < n && memchr("{[<", text[blanks], 3) != NULL) return false;
	if (memchr(text, 0, n) != NULL) return false;
	if (has_line(text, n, is_actors ? "actors" : "tags")) return true;
	if (has_line(text, n, is_actors ? "tags" : "actors")) return false;
	if (n < LONG_ENOUGH || !is_named_yaml(path)) return false;
	if ((strstr(path, "actorpack") != NULL) != is_actors) return false;
	return has_line(text, n, "title") || has_line(text, n, "creator") ||
	       has_line(text, n, "header");
}

static bool knows_tagpack(const char *path, const char *text, size_t n)
{
	return knows_pack(path, text, n, false);
}

static bool knows_actorpack(const char *path, const char *text, size_t n)
{
	return knows_pack(path, text, n, true);
}

static dp_code read_tagpack(const char *path, const dp_tag_defaults *defaults,
                            const dp_tag_sink *sink, dp_fault *fault)
{
	return read_pack(path, NULL, 0, false, defaults, sink, fault);
}

static dp_code read_actorpack(const char *path, const dp_tag_defaults *defaults,
                              const dp_tag_sink *sink, dp_fault *fault)
{
	return read_pack(path, NULL, 0, true, defaults, sink, fault);
}

const dp_tag_reader dp_tag_tagpack = {
    .name = "tagpack",
    .summary = "GraphSense TagPack (YAML, with !include)",
    .knows = knows_tagpack,
    .read = read_tagpack,
};

const dp_tag_reader dp_tag_actorpack = {
    .name = "actorpack",
    .summary = "GraphSense ActorPack (YAML): who is behind tags",
    .knows = knows_actorpack,
    .read = read_actorpack,
};

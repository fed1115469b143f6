// OFAC's list in its two XML forms, both read as streams: the advanced one has 127 MB.
//
//   SDN.XML           sdnList / publshInformation / Publish_Date "05/21/2025"; sdnEntry with uid,
//                     lastName, firstName, sdnType, programList / program, idList / id with idType
//                     "Digital Currency Address - XBT" and idNumber. The element of the date is
//                     misspelt in the real files; the right spelling is read as well, for the day
//                     when somebody mends it.
//   SDN_ADVANCED.XML  Sanctions / DateOfIssue; ReferenceValueSets / FeatureTypeValues tell by ID
//                     which features are "Digital Currency Address - XBT"; DistinctParty has names
//                     and features, the address is the text of VersionDetail; the programs come
//                     last, in SanctionsEntries, by ProfileID.
//
// Elements are told by their names without a namespace: several were in use for the same form
// (http://tempuri.org/sdnList.xsd, http://www.un.org/sanctions/1.0 and those of
// sanctionslistservice.ofac.treas.gov). The structure is as in OFAC's published files and as the
// public parsers of 0xB10C and moov read it.
//
// In the first form an entry is complete at its end and given at once. In the second the parties
// that have addresses (some hundreds of 19,000) are held until the programs have been read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"
#include "codec/time.h"
#include "codec/xml.h"
#include "tag/ofac.h"
#include "tag/tag.h"

enum { TEXT_SIZE = DP_TAG_TEXT_MAX + 1, FEATURE_TYPES_MAX = 256, PARTIES_MAX = 1 << 20 };

//- both forms -----------------------------------------------------------------------------------

static bool is(const char *name, const char *wanted)
{
	return strcmp(name, wanted) == 0;
}

// The text of a leaf, trimmed, cut at a character where it is longer than any field may be.
static void copy_text(char *out, size_t size, const char *text, size_t n)
{
	DP_CHECK(size > 1);
	out[0] = 0;
	while (n >= size) {
		n = size - 1;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
	}
	dp_ofac_join(out, size, "", text, n);
}

static void copy_attribute(char *out, size_t size, const dp_xml_tag *tag, const char *name)
{
	const char *value = dp_xml_attribute(tag, name);
	copy_text(out, size, value != NULL ? value : "", value != NULL ? strlen(value) : 0);
}

static bool attribute_is(const dp_xml_tag *tag, const char *name, const char *wanted)
{
	const char *value = dp_xml_attribute(tag, name);
	return value != NULL && is(value, wanted);
}

// A date that OFAC wrote, as year, month and day in digits. False when it is none.
static bool make_date(int64_t *ret_date, const char *year, const char *month, const char *day)
{
	char text[64];
	bool is_short = strlen(year) == 4 && strlen(month) <= 2 && strlen(day) <= 2;
	if (!is_short || month[0] == 0 || day[0] == 0) return false;
	int n = snprintf(text, sizeof text, "%s-%s%s-%s%s", year, month[1] == 0 ? "0" : "", month,
	                 day[1] == 0 ? "0" : "", day);
	return dp_time_parse(ret_date, text, (size_t)n);
}

static dp_code set_date(dp_ofac *o, const dp_xml_tag *tag, bool is_good, int64_t date,
                        dp_fault *fault)
{
	if (!is_good)
		return dp_ofac_complain(o, tag->line, true, fault,
		                        "the date of this issue cannot be read; say it yourself");
	if (o->is_begun)
		return dp_ofac_complain(
		    o, tag->line, true, fault,
		    "the date of this issue stands behind its entries: not used");
	o->date = date;
	return DP_OK;
}

static dp_code wrong_root(const dp_xml_tag *tag, const char *wanted, dp_fault *fault)
{
	return dp_fail_at(fault, DP_BAD_BYTES, tag->line, tag->column,
	                  "the document is a <%.60s>, not OFAC's <%s>", tag->name, wanted);
}

static dp_code read_file(const dp_ofac *o,
                         dp_code (*visit)(void *context, const dp_xml_tag *tag, dp_fault *fault),
                         void *context, dp_fault *fault)
{
	dp_input *in;
	DP_TRY(dp_input_open(&in, o->path, fault));
	dp_xml xml = {
	    .read = dp_input_read, .read_context = in, .visit = visit, .visit_context = context};
	dp_code code = dp_xml_read(&xml, fault);
	dp_input_close(in);
	if (code == DP_BAD_BYTES && fault != NULL && fault->file[0] == 0)
		dp_fault_file(fault, o->path);
	return code;
}

// Is it XML with this element, with or without a prefix, among its first bytes?
static bool begins_with(const char *text, size_t n, const char *element)
{
	size_t at = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	while (at < n && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r'))) at++;
	if (at == n || text[at] != '<') return false;
	for (; at < n; at++) {
		const char *found = memmem(text + at, n - at, element, strlen(element));
		if (found == NULL) return false;
		at = (size_t)(found - text);
		char before = text[at - 1]; // '<' was found already
		const char *after = found + strlen(element);
		bool is_whole = after < text + n && strchr(" \t\r\n/>", *after) != NULL;
		if ((before == '<' || before == ':') && is_whole) return true;
	}
	return false;
}

//- SDN.XML --------------------------------------------------------------------------------------

typedef struct simple {
	dp_ofac o;
	dp_arena arena; // the addresses of the entry being read
	dp_ofac_entry entry;
	bool is_in_entry, is_in_id;
	uint32_t number_line;
	char uid[DP_OFAC_UID_MAX + 1], kind[16];
	char last[TEXT_SIZE], first[TEXT_SIZE], name[TEXT_SIZE], program[TEXT_SIZE];
	char id_kind[256], id_number[DP_PLACE_TEXT_MAX + 1];
} simple;

static void start_entry(simple *s)
{
	dp_arena_reset(&s->arena);
	memset(&s->entry, 0, sizeof s->entry);
	s->uid[0] = s->kind[0] = s->last[0] = s->first[0] = 0;
	s->program[0] = 0;
	s->is_in_entry = true;
	s->is_in_id = false;
}

static dp_code end_id(simple *s, dp_fault *fault)
{
	const char *asset;
	size_t asset_size;
	s->is_in_id = false;
	if (!dp_ofac_asset(&asset, &asset_size, s->id_kind, strlen(s->id_kind))) return DP_OK;
	return dp_ofac_add(&s->entry, &s->arena, asset, asset_size, s->id_number,
	                   strlen(s->id_number), s->number_line, fault);
}

static dp_code end_entry(simple *s, dp_fault *fault)
{
	s->is_in_entry = false;
	// "lastName, firstName", as OFAC itself writes it in its other forms.
	s->name[0] = 0;
	dp_ofac_join(s->name, sizeof s->name, "", s->last, strlen(s->last));
	dp_ofac_join(s->name, sizeof s->name, ", ", s->first, strlen(s->first));
	s->entry.uid = s->uid;
	s->entry.name = s->name;
	s->entry.type = s->kind;
	s->entry.program = s->program;
	return dp_ofac_give(&s->o, &s->entry, fault);
}

// A leaf or an end inside an entry. Aliases and places have names of the same words, deeper down.
static dp_code end_in_entry(simple *s, const dp_xml_tag *tag, dp_fault *fault)
{
	const char *name = tag->name, *text = tag->text;
	size_t n = tag->text_size;
	if (tag->depth == 3 && is(name, "lastName")) {
		copy_text(s->last, sizeof s->last, text, n);
	} else if (tag->depth == 3 && is(name, "firstName")) {
		copy_text(s->first, sizeof s->first, text, n);
	} else if (tag->depth == 3 && is(name, "uid")) {
		copy_text(s->uid, sizeof s->uid, text, n);
	} else if (tag->depth == 3 && is(name, "sdnType")) {
		copy_text(s->kind, sizeof s->kind, text, n);
	} else if (tag->depth == 4 && is(name, "program")) {
		dp_ofac_join_program(s->program, sizeof s->program, text, n);
	} else if (tag->depth == 5 && s->is_in_id && is(name, "idType")) {
		copy_text(s->id_kind, sizeof s->id_kind, text, n);
	} else if (tag->depth == 5 && s->is_in_id && is(name, "idNumber")) {
		copy_text(s->id_number, sizeof s->id_number, text, n);
		s->number_line = tag->text_line;
	} else if (tag->depth == 4 && s->is_in_id && is(name, "id")) {
		return end_id(s, fault);
	} else if (tag->depth == 2) {
		return end_entry(s, fault);
	}
	return DP_OK;
}

static dp_code visit_simple(void *context, const dp_xml_tag *tag, dp_fault *fault)
{
	simple *s = context;
	const char *name = tag->name;
	if (tag->depth == 1 && !tag->is_end && !is(name, "sdnList"))
		return wrong_root(tag, "sdnList", fault);
	if (tag->is_end) {
		if (s->is_in_entry) return end_in_entry(s, tag, fault);
		if (!is(name, "Publish_Date")) return DP_OK;
		// MM/DD/YYYY
		char text[16], *month = text, *day, *year;
		copy_text(text, sizeof text, tag->text, tag->text_size);
		day = strchr(month, '/');
		year = day != NULL ? strchr(day + 1, '/') : NULL;
		int64_t date = DP_NO_DATE;
		if (year != NULL) *day++ = 0, *year++ = 0;
		bool is_good = year != NULL && make_date(&date, year, month, day);
		return set_date(&s->o, tag, is_good, date, fault);
	}
	if (tag->depth == 2 && is(name, "sdnEntry")) {
		start_entry(s);
	} else if (s->is_in_entry && tag->depth == 4 && is(name, "id")) {
		s->is_in_id = true;
		s->id_kind[0] = s->id_number[0] = 0;
		s->number_line = tag->line;
	}
	return DP_OK;
}

static bool knows_simple(const char *path, const char *text, size_t n)
{
	(void)path;
	return begins_with(text, n, "sdnList");
}

static dp_code read_simple(const char *path, const dp_tag_defaults *defaults,
                           const dp_tag_sink *sink, dp_fault *fault)
{
	DP_CHECK(path != NULL && defaults != NULL);
	DP_CHECK(sink != NULL);
	simple *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->o = (dp_ofac){.path = path,
	                 .kind = "ofac-xml",
	                 .defaults = defaults,
	                 .sink = sink,
	                 .date = defaults->date};
	dp_code code = read_file(&s->o, visit_simple, s, fault);
	if (code == DP_OK) code = dp_ofac_end(&s->o, fault);
	dp_arena_done(&s->arena);
	dp_free(s);
	return code;
}

const dp_tag_reader dp_tag_ofac_xml = {
    .name = "ofac-xml",
    .summary = "OFAC's list as SDN.XML or CONSOLIDATED.XML",
    .knows = knows_simple,
    .read = read_simple,
};

//- SDN_ADVANCED.XML -----------------------------------------------------------------------------

typedef struct party {
	dp_ofac_entry entry; // its texts are in the arena
	const char *profile; // ID of its profile: the programs are told by it
	struct party *next;
} party;

typedef struct feature_type {
	const char *id, *asset;
} feature_type;

typedef struct advanced {
	dp_ofac o;
	dp_arena arena; // what is held to the end
	feature_type feature_type[FEATURE_TYPES_MAX];
	uint32_t feature_type_count;
	party *first, *last; // parties with addresses, in the order of the file
	uint32_t party_count;
	party **by_profile; // sorted; made when the first program comes
	bool is_in_date, is_in_party, is_in_measure, is_entries;
	char year[8], month[8], day[8];
	char id[DP_OFAC_UID_MAX + 1]; // of the feature type or the measure's kind
	// The party being read.
	dp_ofac_entry entry;
	bool is_individual, is_primary_identity, is_primary_alias, has_name;
	uint32_t part_count, name_count; // parts of this name; names of this alias
	const char *asset;               // of the feature being read; NULL: not an address
	char uid[DP_OFAC_UID_MAX + 1], profile[DP_OFAC_UID_MAX + 1];
	const char *kind;
	char part[TEXT_SIZE], name[TEXT_SIZE];
	// The sanctions entry being read; NULL: of a party without addresses.
	party *sanctioned;
	char program[TEXT_SIZE];
} advanced;

static dp_code end_feature_type(advanced *a, const dp_xml_tag *tag, dp_fault *fault)
{
	const char *asset;
	size_t asset_size;
	if (!dp_ofac_asset(&asset, &asset_size, tag->text, tag->text_size)) return DP_OK;
	if (a->feature_type_count == FEATURE_TYPES_MAX)
		return dp_fail_at(fault, DP_BAD_BYTES, tag->line, tag->column,
		                  "more than %d kinds of addresses", FEATURE_TYPES_MAX);
	feature_type *t = &a->feature_type[a->feature_type_count];
	if (asset_size > DP_OFAC_UID_MAX) asset_size = DP_OFAC_UID_MAX;
	t->id = dp_arena_text(&a->arena, a->id, strlen(a->id));
	t->asset = dp_arena_text(&a->arena, asset, asset_size);
	if (t->id == NULL || t->asset == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	a->feature_type_count++;
	return DP_OK;
}

static const char *feature_asset(const advanced *a, const char *id)
{
	for (uint32_t i = 0; id != NULL && i < a->feature_type_count; i++)
		if (is(a->feature_type[i].id, id)) return a->feature_type[i].asset;
	return NULL;
}

static dp_code start_party(advanced *a, const dp_xml_tag *tag, dp_fault *fault)
{
	if (a->is_entries)
		return dp_fail_at(fault, DP_BAD_BYTES, tag->line, tag->column,
		                  "a DistinctParty behind the SanctionsEntries: OFAC's lists have "
		                  "them before");
	memset(&a->entry, 0, sizeof a->entry);
	a->is_in_party = true;
	a->is_individual = false;
	a->asset = NULL;
	a->kind = "";
	a->has_name = false;
	a->profile[0] = a->name[0] = 0;
	copy_attribute(a->uid, sizeof a->uid, tag, "FixedRef");
	return DP_OK;
}

// The kinds of parties: PartySubTypeValues have had these four IDs since the form exists (2015),
// and their texts do not say it ("Unknown" for both persons and companies).
static void start_profile(advanced *a, const dp_xml_tag *tag)
{
	if (a->profile[0] != 0) return; // the first one counts
	copy_attribute(a->profile, sizeof a->profile, tag, "ID");
	if (a->uid[0] == 0) copy_text(a->uid, sizeof a->uid, a->profile, strlen(a->profile));
	a->is_individual = attribute_is(tag, "PartySubTypeID", "4");
	if (a->is_individual) a->kind = "individual";
	if (attribute_is(tag, "PartySubTypeID", "3")) a->kind = "entity";
	if (attribute_is(tag, "PartySubTypeID", "2")) a->kind = "aircraft";
	if (attribute_is(tag, "PartySubTypeID", "1")) a->kind = "vessel";
}

// A name is complete. The first one of an alias is in Latin script, the others are the same in
// other scripts. Persons are written last name first, as in OFAC's other forms.
static void end_name(advanced *a)
{
	a->name_count++;
	if (a->name_count > 1 || a->has_name) return;
	bool is_primary = a->is_primary_identity && a->is_primary_alias;
	// Where nothing is said to be the name, the first alias is.
	if (!is_primary && a->name[0] != 0) return;
	copy_text(a->name, sizeof a->name, a->part, strlen(a->part));
	a->has_name = is_primary;
}

static dp_code end_party(advanced *a, dp_fault *fault)
{
	a->is_in_party = false;
	if (a->entry.address == NULL) return DP_OK;
	if (a->party_count == PARTIES_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "more than %d parties with addresses",
		               PARTIES_MAX);
	party *p = dp_arena_alloc(&a->arena, sizeof *p);
	if (p == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	p->entry = a->entry;
	p->entry.type = a->kind;
	p->entry.program = "";
	p->entry.uid = dp_arena_text(&a->arena, a->uid, strlen(a->uid));
	p->entry.name = dp_arena_text(&a->arena, a->name, strlen(a->name));
	p->profile = dp_arena_text(&a->arena, a->profile, strlen(a->profile));
	bool is_whole = p->entry.uid != NULL && p->entry.name != NULL;
	if (!is_whole || p->profile == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (a->last != NULL)
		a->last->next = p;
	else
		a->first = p;
	a->last = p;
	a->party_count++;
	return DP_OK;
}

static int compare_profiles(const void *left, const void *right)
{
	return strcmp((*(party *const *)left)->profile, (*(party *const *)right)->profile);
}

static dp_code sort_parties(advanced *a, dp_fault *fault)
{
	a->is_entries = true;
	if (a->party_count == 0) return DP_OK;
	a->by_profile = dp_alloc(a->party_count * sizeof *a->by_profile);
	if (a->by_profile == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint32_t i = 0;
	for (party *p = a->first; p != NULL; p = p->next) a->by_profile[i++] = p;
	DP_CHECK(i == a->party_count);
	qsort(a->by_profile, i, sizeof *a->by_profile, compare_profiles);
	return DP_OK;
}

static dp_code start_sanctions(advanced *a, const dp_xml_tag *tag, dp_fault *fault)
{
	if (!a->is_entries) DP_TRY(sort_parties(a, fault));
	a->sanctioned = NULL;
	party wanted = {.profile = dp_xml_attribute(tag, "ProfileID")}, *key = &wanted;
	if (wanted.profile == NULL || a->by_profile == NULL) return DP_OK;
	party **found =
	    bsearch(&key, a->by_profile, a->party_count, sizeof *found, compare_profiles);
	if (found == NULL) return DP_OK;
	a->sanctioned = *found;
	copy_text(a->program, sizeof a->program, a->sanctioned->entry.program,
	          strlen(a->sanctioned->entry.program));
	return DP_OK;
}

static dp_code end_sanctions(advanced *a, dp_fault *fault)
{
	if (a->sanctioned == NULL || is(a->sanctioned->entry.program, a->program)) return DP_OK;
	if (a->arena.size_used > DP_OFAC_MEMORY_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "more programs than any list has");
	char *program = dp_arena_text(&a->arena, a->program, strlen(a->program));
	if (program == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	a->sanctioned->entry.program = program;
	a->sanctioned = NULL;
	return DP_OK;
}

static dp_code start_advanced(advanced *a, const dp_xml_tag *tag, dp_fault *fault)
{
	const char *name = tag->name;
	if (tag->depth == 1)
		return is(name, "Sanctions") ? DP_OK : wrong_root(tag, "Sanctions", fault);
	if (tag->depth == 2 && is(name, "DateOfIssue")) {
		a->is_in_date = true;
		a->year[0] = a->month[0] = a->day[0] = 0;
	} else if (is(name, "FeatureType")) {
		copy_attribute(a->id, sizeof a->id, tag, "ID");
	} else if (is(name, "DistinctParty")) {
		return start_party(a, tag, fault);
	} else if (is(name, "Profile")) {
		start_profile(a, tag);
	} else if (is(name, "Identity")) {
		a->is_primary_identity = !attribute_is(tag, "Primary", "false");
	} else if (is(name, "Alias")) {
		a->is_primary_alias = attribute_is(tag, "Primary", "true");
		a->name_count = 0;
	} else if (is(name, "DocumentedName")) {
		a->part[0] = 0;
		a->part_count = 0;
	} else if (is(name, "Feature")) {
		a->asset = feature_asset(a, dp_xml_attribute(tag, "FeatureTypeID"));
	} else if (is(name, "SanctionsEntry")) {
		return start_sanctions(a, tag, fault);
	} else if (is(name, "SanctionsMeasure")) {
		// SanctionsType 1 is "Program"; 1705 "Block" and others say what is done.
		a->is_in_measure = attribute_is(tag, "SanctionsTypeID", "1");
	}
	return DP_OK;
}

static dp_code end_date(advanced *a, const dp_xml_tag *tag, dp_fault *fault)
{
	const char *text = tag->text;
	size_t n = tag->text_size;
	if (is(tag->name, "Year")) {
		copy_text(a->year, sizeof a->year, text, n);
	} else if (is(tag->name, "Month")) {
		copy_text(a->month, sizeof a->month, text, n);
	} else if (is(tag->name, "Day")) {
		copy_text(a->day, sizeof a->day, text, n);
	} else if (is(tag->name, "DateOfIssue")) {
		int64_t date = DP_NO_DATE;
		a->is_in_date = false;
		bool is_good = make_date(&date, a->year, a->month, a->day);
		return set_date(&a->o, tag, is_good, date, fault);
	}
	return DP_OK;
}

static dp_code end_in_party(advanced *a, const dp_xml_tag *tag, dp_fault *fault)
{
	const char *name = tag->name;
	if (is(name, "NamePartValue")) {
		bool is_comma = a->is_individual && a->part_count == 1;
		dp_ofac_join(a->part, sizeof a->part, is_comma ? ", " : " ", tag->text,
		             tag->text_size);
		a->part_count++;
	} else if (is(name, "DocumentedName")) {
		end_name(a);
	} else if (is(name, "VersionDetail") && a->asset != NULL) {
		return dp_ofac_add(&a->entry, &a->arena, a->asset, strlen(a->asset), tag->text,
		                   tag->text_size, tag->text_line, fault);
	} else if (is(name, "Feature")) {
		a->asset = NULL;
	} else if (is(name, "DistinctParty")) {
		return end_party(a, fault);
	}
	return DP_OK;
}

static dp_code visit_advanced(void *context, const dp_xml_tag *tag, dp_fault *fault)
{
	advanced *a = context;
	if (!tag->is_end) return start_advanced(a, tag, fault);
	if (a->is_in_date) return end_date(a, tag, fault);
	if (a->is_in_party) return end_in_party(a, tag, fault);
	if (is(tag->name, "FeatureType")) return end_feature_type(a, tag, fault);
	if (is(tag->name, "SanctionsEntry")) return end_sanctions(a, fault);
	if (is(tag->name, "SanctionsMeasure")) a->is_in_measure = false;
	if (is(tag->name, "Comment") && a->is_in_measure && a->sanctioned != NULL)
		dp_ofac_join_program(a->program, sizeof a->program, tag->text, tag->text_size);
	return DP_OK;
}

static bool knows_advanced(const char *path, const char *text, size_t n)
{
	(void)path;
	return begins_with(text, n, "Sanctions");
}

static dp_code read_advanced(const char *path, const dp_tag_defaults *defaults,
                             const dp_tag_sink *sink, dp_fault *fault)
{
	DP_CHECK(path != NULL && defaults != NULL);
	DP_CHECK(sink != NULL);
	advanced *a = dp_alloc(sizeof *a);
	if (a == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	a->o = (dp_ofac){.path = path,
	                 .kind = "ofac-advanced",
	                 .defaults = defaults,
	                 .sink = sink,
	                 .date = defaults->date};
	dp_code code = read_file(&a->o, visit_advanced, a, fault);
	for (const party *p = a->first; code == DP_OK && p != NULL; p = p->next)
		code = dp_ofac_give(&a->o, &p->entry, fault);
	if (code == DP_OK) code = dp_ofac_end(&a->o, fault);
	dp_free(a->by_profile);
	dp_arena_done(&a->arena);
	dp_free(a);
	return code;
}

const dp_tag_reader dp_tag_ofac_advanced = {
    .name = "ofac-advanced",
    .summary = "OFAC's list as SDN_ADVANCED.XML or CONS_ADVANCED.XML",
    .knows = knows_advanced,
    .read = read_advanced,
};

// See ofac.h. How an entry of OFAC's list becomes tags:
//
//   label       the name of who is listed            category   none: a person is no service
//   abuse       "sanction"                           source     "OFAC SDN uid 36025"
//   program     "RUSSIA-EO14024, CYBER2"             confidence authority data
//   context     {"asset": "USDT", "type": "entity"}
//
// No more than that, because a store tells an old statement from a new one by all it says: aliases,
// which only some of the forms have, would make every tag a new one, seen for the first time on the
// day when somebody changed from one form to another.
//
// The suffix of an address tells its asset, not always its network: "XBT", "ETH", "TRX", "ARB" are
// networks, "USDT" and "USDC" are tokens on any of them, and OFAC adds suffixes as it goes (ARB and
// BSC came in 2023). So a suffix that is the name of a network binds; any other leaves it to the
// form of the address; and where the form tells nothing, the entry is complained about, not
// guessed.
#include "tag/ofac.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "tag/taxonomy.h"

#define ADDRESS_KIND "Digital Currency Address - "
enum { CONTEXT_SIZE = 128 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void trim(const char **io_text, size_t *io_size)
{
	const char *p = *io_text;
	size_t n = *io_size;
	while (n > 0 && is_blank(p[0])) p++, n--;
	while (n > 0 && is_blank(p[n - 1])) n--;
	*io_text = p;
	*io_size = n;
}

bool dp_ofac_asset(const char **ret_asset, size_t *ret_asset_size, const char *text, size_t n)
{
	DP_CHECK(ret_asset != NULL && ret_asset_size != NULL);
	DP_CHECK(text != NULL || n == 0);
	const size_t head = sizeof ADDRESS_KIND - 1;
	trim(&text, &n);
	if (n <= head || memcmp(text, ADDRESS_KIND, head) != 0) return false;
	for (size_t i = head; i < n; i++) {
		bool is_capital = text[i] >= 'A' && text[i] <= 'Z';
		bool is_digit = text[i] >= '0' && text[i] <= '9';
		if (!is_capital && !is_digit) return false;
	}
	*ret_asset = text + head;
	*ret_asset_size = n - head;
	return true;
}

dp_code dp_ofac_add(dp_ofac_entry *entry, dp_arena *arena, const char *asset, size_t asset_size,
                    const char *text, size_t n, uint32_t line, dp_fault *fault)
{
	DP_CHECK(entry != NULL && arena != NULL);
	DP_CHECK(asset != NULL && text != NULL);
	trim(&text, &n);
	// What is longer than any address is kept long enough to be refused as one.
	if (n > DP_PLACE_TEXT_MAX) n = DP_PLACE_TEXT_MAX;
	if (asset_size > DP_OFAC_UID_MAX) asset_size = DP_OFAC_UID_MAX;
	if (arena->size_used > DP_OFAC_MEMORY_MAX)
		return dp_fail_at(fault, DP_BAD_BYTES, line, 0, "more addresses than any list has");
	dp_ofac_address *a = dp_arena_alloc(arena, sizeof *a);
	if (a != NULL) {
		a->asset = dp_arena_text(arena, asset, asset_size);
		a->text = dp_arena_text(arena, text, n);
	}
	if (a == NULL || a->asset == NULL || a->text == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	a->line = line;
	a->hint = "";
	if (entry->last != NULL)
		entry->last->next = a;
	else
		entry->address = a;
	entry->last = a;
	return DP_OK;
}

void dp_ofac_join(char *list, size_t size, const char *between, const char *text, size_t n)
{
	DP_CHECK(list != NULL && between != NULL);
	trim(&text, &n);
	size_t at = strlen(list), gap = at > 0 ? strlen(between) : 0;
	DP_CHECK(at < size);
	if (n == 0 || n > size || at + gap + n >= size) return;
	memcpy(list + at, between, gap);
	memcpy(list + at + gap, text, n);
	list[at + gap + n] = 0;
}

void dp_ofac_join_program(char *list, size_t size, const char *text, size_t n)
{
	DP_CHECK(list != NULL && text != NULL);
	trim(&text, &n);
	for (const char *p = list; *p != 0;) {
		size_t item = strcspn(p, ",");
		if (item == n && memcmp(p, text, n) == 0) return;
		p += item;
		p += strspn(p, ", ");
	}
	dp_ofac_join(list, size, ", ", text, n);
}

dp_code dp_ofac_complain(const dp_ofac *o, uint32_t line, bool is_warning, dp_fault *fault,
                         const char *format, ...)
{
	DP_CHECK(o != NULL && format != NULL);
	char text[DP_FAULT_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	dp_fault what = {.code = DP_OK};
	(void)dp_fail_at(&what, DP_BAD_BYTES, line, 0, "%s", text);
	dp_fault_file(&what, o->path);
	return o->sink->complain(o->sink->context, &what, is_warning, fault);
}

// The Consolidated (non-SDN) list comes in the same forms; only the file's name tells it apart.
// As one list the two would take each other's entries off at every import.
static const char *list_name(const dp_ofac *o)
{
	if (o->defaults->list_name != NULL) return o->defaults->list_name;
	const char *slash = strrchr(o->path, '/');
	const char *base = slash != NULL ? slash + 1 : o->path;
	return strcasestr(base, "cons") != NULL ? "OFAC Consolidated" : "OFAC SDN";
}

dp_code dp_ofac_begin(dp_ofac *o, dp_fault *fault)
{
	DP_CHECK(o != NULL && o->sink != NULL);
	if (o->is_begun) return DP_OK;
	o->is_begun = true;
	dp_tag_list list = {
	    .name = list_name(o),
	    .creator = "OFAC",
	    .kind = o->kind,
	    .date = o->date,
	    .is_partial = o->is_partial,
	};
	return o->sink->list(o->sink->context, &list, fault);
}

dp_code dp_ofac_end(dp_ofac *o, dp_fault *fault)
{
	DP_CHECK(o != NULL);
	DP_TRY(dp_ofac_begin(o, fault));
	if (o->addresses > 0) return DP_OK;
	return dp_ofac_complain(o, 0, true, fault,
	                        "no entry of this list has a digital currency address: is it the "
	                        "whole list?");
}

// The place of an address, or a complaint: then *ret_is_good is false. OFAC errs too: its list of
// 2024 has a Tron address as XBT. What is wrong under its suffix but right by its own form, with a
// right checksum, is used, and said.
static dp_code find_place(const dp_ofac *o, dp_place *ret_place, bool *ret_is_good,
                          const dp_ofac_address *a, dp_fault *fault)
{
	*ret_is_good = false;
	const dp_network *network = NULL;
	size_t n = strlen(a->text);
	bool is_token = dp_network_is_asset(a->asset, strlen(a->asset));
	if (!is_token) network = dp_network_find(a->asset, strlen(a->asset));
	dp_fault what, second;
	dp_code code = dp_place_parse(ret_place, a->text, n, network, &what);
	if (code == DP_NO_MEMORY) {
		if (fault != NULL) *fault = what;
		return code;
	}
	*ret_is_good = code == DP_OK;
	if (code == DP_OK) return DP_OK;
	if (network != NULL && dp_place_parse(ret_place, a->text, n, NULL, &second) == DP_OK) {
		*ret_is_good = true;
		return dp_ofac_complain(o, a->line, true, fault,
		                        "listed as %s, but '%.80s' is an address of %s: taken as "
		                        "that",
		                        a->asset, a->text,
		                        ret_place->network != 0
		                            ? dp_network_at(ret_place->network)->name
		                            : "another network");
	}
	const char *why = network != NULL || is_token ? "" : "; no network of that name is known";
	return dp_ofac_complain(o, a->line, false, fault, "%s address '%.80s': %.160s%s%s",
	                        a->asset, a->text, what.text, why, a->hint);
}

// The kinds that OFAC has; anything else is nothing.
static const char *known_type(const char *type)
{
	static const char *const known[] = {"individual", "entity", "vessel", "aircraft"};
	DP_CHECK(type != NULL);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcasecmp(known[i], type) == 0) return known[i];
	return "";
}

dp_code dp_ofac_give(dp_ofac *o, const dp_ofac_entry *entry, dp_fault *fault)
{
	DP_CHECK(o != NULL && entry != NULL);
	DP_CHECK(entry->uid != NULL && entry->name != NULL);
	DP_TRY(dp_ofac_begin(o, fault));
	const dp_tag_defaults *d = o->defaults;
	char source[DP_OFAC_UID_MAX + 32];
	char context[CONTEXT_SIZE];
	snprintf(source, sizeof source, "OFAC SDN uid %.*s", DP_OFAC_UID_MAX, entry->uid);
	uint8_t confidence = DP_CONFIDENCE_UNKNOWN;
	const char *type = known_type(entry->type);
	const char level[] = "authority_data";
	(void)dp_confidence_find(&confidence, level, sizeof level - 1);
	if (d->confidence >= 0) confidence = (uint8_t)d->confidence;
	const char *label = d->label != NULL ? d->label : source;
	if (entry->name[0] != 0) label = entry->name;
	for (const dp_ofac_address *a = entry->address; a != NULL; a = a->next) {
		dp_tag tag = {
		    .text = a->text,
		    .label = label,
		    .source = source,
		    .category = d->category != NULL ? d->category : "",
		    .abuse = "sanction", // whatever else the user has to say
		    .actor = d->actor != NULL ? d->actor : "",
		    .concepts = "",
		    .context = context,
		    .program = entry->program,
		    .confidence = confidence,
		    .type = DP_TAG_ACTOR,
		    .lastmod = o->date,
		    .line = a->line,
		};
		bool is_good;
		o->addresses++;
		DP_TRY(find_place(o, &tag.place, &is_good, a, fault));
		if (!is_good) continue;
		// The suffix is [A-Z0-9]+ and the type one of four words: nothing to escape.
		snprintf(context, sizeof context, "{\"asset\": \"%s\"%s%s%s}", a->asset,
		         type[0] != 0 ? ", \"type\": \"" : "", type, type[0] != 0 ? "\"" : "");
		DP_TRY(o->sink->tag(o->sink->context, &tag, fault));
	}
	return DP_OK;
}

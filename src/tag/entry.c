// See entry.h. The names are those of TagPacks first, then what lists that were met in the open
// call the same things (Etherscan's label exports, MyEtherWallet's dark list, ScamSniffer, Bybit's
// bounty list, exchanges' own sheets).
#include "tag/entry.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"
#include "tag/taxonomy.h"

static const struct {
	dp_entry_field field;
	const char *name;
} names[] = {
    // The first of each is what dp_entry_name gives.
    {DP_ENTRY_ADDRESS, "address"},
    {DP_ENTRY_ADDRESS, "addr"},
    {DP_ENTRY_ADDRESS, "wallet"},
    {DP_ENTRY_ADDRESS, "wallet_address"},
    {DP_ENTRY_ADDRESS, "account"},
    {DP_ENTRY_ADDRESS, "contract"},
    {DP_ENTRY_ADDRESS, "contract_address"},
    {DP_ENTRY_TX, "tx_hash"},
    {DP_ENTRY_TX, "txhash"},
    {DP_ENTRY_TX, "txid"},
    {DP_ENTRY_TX, "tx"},
    {DP_ENTRY_TX, "transaction"},
    {DP_ENTRY_TX, "transaction_hash"},
    {DP_ENTRY_LABEL, "label"},
    {DP_ENTRY_LABEL, "name"},
    {DP_ENTRY_LABEL, "tag"},
    {DP_ENTRY_LABEL, "name_tag"},
    {DP_ENTRY_LABEL, "nametag"},
    {DP_ENTRY_LABEL, "entity"},
    {DP_ENTRY_LABEL, "owner"},
    {DP_ENTRY_SOURCE, "source"},
    {DP_ENTRY_SOURCE, "url"},
    {DP_ENTRY_SOURCE, "uri"},
    {DP_ENTRY_SOURCE, "link"},
    {DP_ENTRY_SOURCE, "reference"},
    {DP_ENTRY_CATEGORY, "category"},
    {DP_ENTRY_CATEGORY, "type"},
    {DP_ENTRY_ABUSE, "abuse"},
    {DP_ENTRY_ACTOR, "actor"},
    {DP_ENTRY_CONCEPTS, "concepts"},
    {DP_ENTRY_CONTEXT, "context"},
    {DP_ENTRY_CONTEXT, "comment"},
    {DP_ENTRY_CONTEXT, "description"},
    {DP_ENTRY_CONTEXT, "note"},
    {DP_ENTRY_CONTEXT, "notes"},
    {DP_ENTRY_PROGRAM, "program"},
    {DP_ENTRY_CONFIDENCE, "confidence"},
    {DP_ENTRY_NETWORK, "network"},
    {DP_ENTRY_NETWORK, "chain"},
    {DP_ENTRY_NETWORK, "blockchain"},
    {DP_ENTRY_NETWORK, "chain_id"},
    {DP_ENTRY_CURRENCY, "currency"},
    {DP_ENTRY_CURRENCY, "asset"},
    {DP_ENTRY_CURRENCY, "coin"},
    {DP_ENTRY_LASTMOD, "lastmod"},
    {DP_ENTRY_LASTMOD, "date"},
    {DP_ENTRY_LASTMOD, "updated"},
    {DP_ENTRY_LASTMOD, "updated_at"},
    {DP_ENTRY_LASTMOD, "last_updated"},
    {DP_ENTRY_TYPE, "tag_type"},
    {DP_ENTRY_CLUSTER, "is_cluster_definer"},
};
enum { NAMES = sizeof names / sizeof *names };

static char folded(char c)
{
	if (c >= 'A' && c <= 'Z') return (char)(c + ('a' - 'A'));
	return c == ' ' || c == '-' ? '_' : c;
}

bool dp_entry_find(dp_entry_field *ret_field, const char *name, size_t n)
{
	DP_CHECK(name != NULL || n == 0);
	for (int i = 0; i < NAMES; i++) {
		if (strlen(names[i].name) != n) continue;
		size_t same = 0;
		while (same < n && folded(name[same]) == names[i].name[same]) same++;
		if (same < n) continue;
		*ret_field = names[i].field;
		return true;
	}
	return false;
}

const char *dp_entry_name(dp_entry_field field)
{
	for (int i = 0; i < NAMES; i++)
		if (names[i].field == field) return names[i].name;
	DP_CHECK(false);
	return "";
}

//- the file --------------------------------------------------------------------------------------

dp_code dp_entry_complain(const dp_entry_file *f, uint32_t line, bool is_warning, dp_fault *fault,
                          const char *format, ...)
{
	char text[DP_FAULT_TEXT_MAX];
	va_list arguments;
	dp_fault what = {.code = DP_OK};
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)dp_fail_at(&what, DP_BAD_BYTES, line, 0, "%s", text);
	dp_fault_file(&what, f->path);
	return f->sink->complain(f->sink->context, &what, is_warning, fault);
}

dp_code dp_entry_begin(dp_entry_file *f, dp_fault *fault)
{
	const char *slash = strrchr(f->path, '/');
	const char *name = slash != NULL ? slash + 1 : f->path;
	size_t n = strlen(name);
	DP_CHECK(f->room != NULL && f->sink != NULL);
	if (n > 3 && strcmp(name + n - 3, ".gz") == 0) n -= 3;
	if (n > 4 && strcmp(name + n - 4, ".zst") == 0) n -= 4;
	if (f->title != NULL && f->title[0] != 0) name = f->title, n = strlen(name);
	if (f->defaults->list_name != NULL) name = f->defaults->list_name, n = strlen(name);
	if (n >= sizeof f->list) n = sizeof f->list - 1;
	memcpy(f->list, name, n);
	f->list[n] = 0;
	dp_tag_list list = {.name = f->list,
	                    .creator = f->creator != NULL ? f->creator : "",
	                    .kind = f->kind,
	                    .date = f->defaults->date};
	return f->sink->list(f->sink->context, &list, fault);
}

//- one entry -------------------------------------------------------------------------------------

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// What is made of an entry while it is looked at. `wrong` is what to complain about.
typedef struct maker {
	dp_entry_file *f;
	const dp_entry *e;
	size_t used; // of the room
	char wrong[DP_FAULT_TEXT_MAX];
} maker;

// The text of a field, trimmed and terminated; the user's word, or "", where it is not given.
static const char *text_of(maker *m, dp_entry_field field, const char *otherwise)
{
	const char *p = m->e->field[field].text;
	size_t n = p != NULL ? m->e->field[field].size : 0;
	size_t max = field == DP_ENTRY_CONTEXT ? DP_TAG_CONTEXT_MAX : DP_TAG_TEXT_MAX;
	while (n > 0 && is_blank(p[0])) p++, n--;
	while (n > 0 && is_blank(p[n - 1])) n--;
	if (n == 0) return otherwise != NULL ? otherwise : "";
	if (n > max) {
		(void)snprintf(m->wrong, sizeof m->wrong, "%s is longer than %zu bytes",
		               dp_entry_name(field), max);
		return "";
	}
	if (memchr(p, 0, n) != NULL) {
		(void)snprintf(m->wrong, sizeof m->wrong, "%s holds a NUL byte",
		               dp_entry_name(field));
		return "";
	}
	DP_CHECK(m->used + n < DP_ENTRY_ROOM);
	char *out = m->f->room + m->used;
	memcpy(out, p, n);
	out[n] = 0;
	m->used += n + 1;
	return out;
}

// Names separated by commas, semicolons or blanks become names separated by one blank.
static const char *concepts_of(maker *m)
{
	const char *text = text_of(m, DP_ENTRY_CONCEPTS, NULL);
	if (text[0] == 0) return text;
	char *out = m->f->room + (text - m->f->room), *to = out;
	for (const char *p = out; *p != 0; p++) {
		bool is_between = is_blank(*p) || strchr(",;|[]\"'", *p) != NULL;
		if (!is_between)
			*to++ = *p;
		else if (to > out && to[-1] != ' ')
			*to++ = ' ';
	}
	while (to > out && to[-1] == ' ') to--;
	*to = 0;
	return out;
}

// The network of an entry; NULL where the address' form is to tell.
static const dp_network *network_of(maker *m)
{
	const dp_network *n = m->f->defaults->network;
	dp_entry_field fields[] = {DP_ENTRY_NETWORK, DP_ENTRY_CURRENCY};
	for (int i = 0; i < 2; i++) {
		const char *name = text_of(m, fields[i], NULL);
		if (name[0] == 0) continue;
		size_t size = strlen(name);
		if (dp_network_is_asset(name, size)) continue;
		const dp_network *found = dp_network_find(name, size);
		if (found != NULL) return found;
		// A token as currency says nothing of the network; an unknown network does.
		if (fields[i] == DP_ENTRY_NETWORK || n == NULL)
			(void)snprintf(m->wrong, sizeof m->wrong,
			               "unknown network '%.40s': give it with --network", name);
	}
	return n;
}

static dp_code place_of(maker *m, dp_tag *io_tag, dp_fault *ret_what)
{
	const char *address = text_of(m, DP_ENTRY_ADDRESS, NULL);
	const char *tx = text_of(m, DP_ENTRY_TX, NULL);
	const dp_network *network = network_of(m);
	if (m->wrong[0] != 0) return DP_BAD_BYTES;
	if (address[0] == 0 && tx[0] == 0) {
		(void)snprintf(m->wrong, sizeof m->wrong, "no address");
		return DP_BAD_BYTES;
	}
	io_tag->text = address[0] != 0 ? address : tx;
	size_t n = strlen(io_tag->text);
	dp_code code = address[0] != 0
	                   ? dp_place_parse(&io_tag->place, address, n, network, ret_what)
	                   : dp_place_parse_tx(&io_tag->place, tx, n, network, ret_what);
	if (code == DP_BAD_BYTES)
		(void)snprintf(m->wrong, sizeof m->wrong, "%.330s", ret_what->text);
	return code;
}

static void take_type(maker *m, dp_tag *io_tag)
{
	static const char *const types[] = {"actor", "event", "mention"};
	const char *type = text_of(m, DP_ENTRY_TYPE, NULL);
	const char *cluster = text_of(m, DP_ENTRY_CLUSTER, NULL);
	for (uint8_t i = 0; i < 3; i++)
		if (strcmp(type, types[i]) == 0) io_tag->type = i;
	io_tag->is_cluster_definer = strcmp(cluster, "true") == 0 || strcmp(cluster, "1") == 0 ||
	                             strcmp(cluster, "True") == 0;
}

// Warnings: what is used as it is, but means nothing.
static dp_code warn(const maker *m, const dp_tag *tag, dp_fault *fault)
{
	const char *const names_[] = {tag->category, tag->abuse};
	DP_CHECK(tag->category != NULL && tag->abuse != NULL);
	for (int i = 0; i < 2; i++) {
		if (names_[i][0] == 0 || dp_concept_find(names_[i], strlen(names_[i])) != NULL)
			continue;
		DP_TRY(dp_entry_complain(m->f, m->e->line, true, fault,
		                         "%s '%.60s' is not in the taxonomy: kept, but it means "
		                         "nothing",
		                         i == 0 ? "category" : "abuse", names_[i]));
	}
	return DP_OK;
}

static void fill(maker *m, dp_tag *io_tag)
{
	const dp_tag_defaults *d = m->f->defaults;
	io_tag->label = text_of(m, DP_ENTRY_LABEL, d->label);
	io_tag->source = text_of(m, DP_ENTRY_SOURCE, d->source);
	io_tag->category = text_of(m, DP_ENTRY_CATEGORY, d->category);
	io_tag->abuse = text_of(m, DP_ENTRY_ABUSE, d->abuse);
	io_tag->actor = text_of(m, DP_ENTRY_ACTOR, d->actor);
	io_tag->concepts = concepts_of(m);
	io_tag->context = text_of(m, DP_ENTRY_CONTEXT, NULL);
	io_tag->program = text_of(m, DP_ENTRY_PROGRAM, NULL);
	if (io_tag->label[0] == 0) io_tag->label = m->f->list;
	// Not the file's name: the next issue's file has another, and would be another statement.
	if (io_tag->source[0] == 0) io_tag->source = m->f->list;
	io_tag->confidence = d->confidence >= 0 ? (uint8_t)d->confidence : DP_CONFIDENCE_UNKNOWN;
	const char *confidence = text_of(m, DP_ENTRY_CONFIDENCE, NULL);
	if (confidence[0] != 0 &&
	    !dp_confidence_find(&io_tag->confidence, confidence, strlen(confidence)))
		(void)snprintf(m->wrong, sizeof m->wrong,
		               "confidence '%.40s' is neither a level's name nor 0 to 100",
		               confidence);
	const char *date = text_of(m, DP_ENTRY_LASTMOD, NULL);
	io_tag->lastmod = d->date;
	if (date[0] != 0 && !dp_time_parse(&io_tag->lastmod, date, strlen(date)))
		io_tag->lastmod = DP_NO_DATE; // "spring 2022": no reason to lose the address
	take_type(m, io_tag);
}

dp_code dp_entry_give(dp_entry_file *f, const dp_entry *e, dp_fault *fault)
{
	maker m = {.f = f, .e = e};
	dp_fault what = {0};
	dp_tag tag = {.line = e->line};
	DP_CHECK(f->room != NULL);
	dp_code code = place_of(&m, &tag, &what);
	if (code != DP_OK && code != DP_BAD_BYTES) {
		if (fault != NULL) *fault = what;
		return code;
	}
	if (code == DP_OK) fill(&m, &tag);
	if (m.wrong[0] != 0) return dp_entry_complain(f, e->line, false, fault, "%s", m.wrong);
	DP_TRY(warn(&m, &tag, fault));
	return f->sink->tag(f->sink->context, &tag, fault);
}

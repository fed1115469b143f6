// The STIX 2.1 form of likeness.h (OASIS, STIX Version 2.1, 10 June 2021): what incident response
// platforms exchange.
//
//   report ---- refers to ----> all below
//   incident                    the case
//   attack-pattern              each technique that the flow is at least consistent with, with the
//                               MITRE AADAPT ids of the rule as external references
//   relationship                incident -- related-to --> attack-pattern, its likeness and the
//                               interval in a property extension (section 7.3): `confidence` is
//                               how sure one is that something is so, and a likeness is not that
//   note                        each step that was seen, with its transactions in words; each
//                               address that shares control with others (exposure is none)
//
// Techniques below "consistent with" are left out: a platform that stores them would show a thief's
// name beside a case that does not resemble his. Ids are UUIDs of version 5 under a name space of
// our own, so the same case gives the same bundle and an update replaces what was there. An object
// of one id has one `created` for ever (section 3.2): ourselves a constant, a technique the date of
// its rule, the case that of its theft; `modified` goes with what is known of the case.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "codec/time.h"
#include "report/likeness.h"
#include "report/private.h"

enum { ID_MAX = 80, NOTE_MAX = 4096, NAME_MAX = 1024, OVERLAPS_MAX = 256 };

// 4f6b5c0e-6a3e-5d0b-9c57-64796570616b: a random name space, its end the word "dyepak".
static const uint8_t name_space[16] = {0x4f, 0x6b, 0x5c, 0x0e, 0x6a, 0x3e, 0x5d, 0x0b,
                                       0x9c, 0x57, 0x64, 0x79, 0x65, 0x70, 0x61, 0x6b};

// Since when we and our extension are what they are: change it with them.
static const char OUR_DAY[] = "2026-01-01";

static void make_id(char out[ID_MAX], const char *type, const char *name)
{
	uint8_t bytes[16 + NAME_MAX], hash[20];
	size_t n = strlen(name);
	DP_CHECK(n < NAME_MAX);
	memcpy(bytes, name_space, 16);
	memcpy(bytes + 16, name, n);
	dp_sha1(hash, bytes, 16 + n);
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x50);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	int at = snprintf(out, ID_MAX, "%s--", type);
	for (int i = 0; i < 16; i++)
		at += snprintf(out + at, ID_MAX - (size_t)at, "%02x%s", hash[i],
		               i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
}

// With the milliseconds that STIX wants.
static void when(dp_json_out *o, const char *key, int64_t time)
{
	char buffer[DP_TIME_TEXT_MAX], long_form[DP_TIME_TEXT_MAX + 8];
	size_t n = dp_time_format(buffer, time);
	(void)snprintf(long_form, sizeof long_form, "%.*s.000Z", (int)(n - 1), buffer);
	dp_json_put_string(o, key, long_form);
}

typedef struct bundle {
	dp_json_out *o;
	const dp_likeness_report *r;
	char maker[ID_MAX], extension[ID_MAX], incident[ID_MAX];
} bundle;

static void begin_object(bundle *b, const char *type, const char *id)
{
	dp_json_object(b->o);
	dp_json_put_string(b->o, "type", type);
	dp_json_put_string(b->o, "spec_version", "2.1");
	dp_json_put_string(b->o, "id", id);
	if (strcmp(type, "identity") != 0) dp_json_put_string(b->o, "created_by_ref", b->maker);
}

// What is the same in every bundle; `day` as YYYY-MM-DD.
static void begin_fixed(bundle *b, const char *type, const char *id, const char *day)
{
	char time[40];
	begin_object(b, type, id);
	(void)snprintf(time, sizeof time, "%.10sT00:00:00.000Z", day);
	dp_json_put_string(b->o, "created", time);
	dp_json_put_string(b->o, "modified", time);
}

// What is of this case.
static void begin(bundle *b, const char *type, const char *id)
{
	const dp_likeness_report *r = b->r;
	begin_object(b, type, id);
	when(b->o, "created",
	     r->theft_time != 0 && r->theft_time < r->now ? r->theft_time : r->now);
	when(b->o, "modified", r->now);
}

static void pattern_id(char out[ID_MAX], const dp_technique *t)
{
	char name[NAME_MAX];
	(void)snprintf(name, sizeof name, "technique %.200s", t->id);
	make_id(out, "attack-pattern", name);
}

static void note_id(char out[ID_MAX], const bundle *b, const dp_likeness_item *item, uint32_t step)
{
	char name[NAME_MAX];
	const dp_technique *t = item->likeness.technique;
	(void)snprintf(name, sizeof name, "note %.400s %.200s %.200s", b->r->subject, t->id,
	               t->step[step].id);
	make_id(out, "note", name);
}

static void relation_id(char out[ID_MAX], const bundle *b, const dp_technique *t)
{
	char name[NAME_MAX];
	(void)snprintf(name, sizeof name, "relation %.400s %.200s", b->r->subject, t->id);
	make_id(out, "relationship", name);
}

static bool is_told(const dp_likeness_item *item)
{
	const dp_likeness *l = &item->likeness;
	// Shared infrastructure is said of every technique; it makes none of them more alike, nor
	// better known.
	return l->say >= DP_SAY_CONSISTENT && l->value >= DP_LIKENESS_CONSISTENT &&
	       l->known >= l->technique->enough;
}

static void references(bundle *b, const dp_technique *t)
{
	dp_json_out *o = b->o;
	dp_json_key(o, "external_references");
	dp_json_array(o);
	for (uint32_t i = 0; i < t->aadapt_count; i++) {
		char url[128];
		dp_json_object(o);
		dp_json_put_string(o, "source_name", "mitre-aadapt");
		dp_json_put_string(o, "external_id", t->aadapt[i]);
		(void)snprintf(url, sizeof url, "https://aadapt.mitre.org/techniques/%.20s/",
		               t->aadapt[i]);
		dp_json_put_string(o, "url", url);
		dp_json_object_end(o);
	}
	for (uint32_t i = 0; i < t->reference_count; i++) {
		dp_json_object(o);
		dp_json_put_string(o, "source_name", "dyepack-technique");
		dp_json_put_string(o, "description", t->reference[i]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void put_pattern(bundle *b, const dp_likeness_item *item)
{
	const dp_technique *t = item->likeness.technique;
	char id[ID_MAX];
	pattern_id(id, t);
	begin_fixed(b, "attack-pattern", id, t->date);
	dp_json_put_string(b->o, "name", t->title);
	dp_json_put_string(b->o, "description", t->description);
	references(b, t);
	dp_json_object_end(b->o);
}

// What the extension adds, said in the bundle itself: `schema` may be words.
static void put_extension(bundle *b)
{
	dp_json_out *o = b->o;
	begin_fixed(b, "extension-definition", b->extension, OUR_DAY);
	dp_json_put_string(o, "name", "dyepack likeness");
	dp_json_put_string(
	    o, "description",
	    "How alike the flow of an incident and a laundering technique are. No probability, and "
	    "no verdict on anybody.");
	dp_json_put_string(
	    o, "schema",
	    "Integers from 0 to 1000. likeness: the weight of the steps that were seen, of the "
	    "weight of those that could be judged. likeness_low, likeness_high: what it would be "
	    "if every unknown step were missing, or there in full. judged: the weight of the steps "
	    "that could be judged, of all.");
	dp_json_put_string(o, "version", "1.0.0");
	dp_json_key(o, "extension_types");
	dp_json_array(o);
	dp_json_string(o, "property-extension");
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void put_likeness(bundle *b, const dp_likeness *l)
{
	dp_json_out *o = b->o;
	dp_json_key(o, "extensions");
	dp_json_object(o);
	dp_json_key(o, b->extension);
	dp_json_object(o);
	dp_json_put_string(o, "extension_type", "property-extension");
	dp_json_put_uint(o, "likeness", l->value);
	dp_json_put_uint(o, "likeness_low", l->low);
	dp_json_put_uint(o, "likeness_high", l->high);
	dp_json_put_uint(o, "judged", l->known);
	dp_json_object_end(o);
	dp_json_object_end(o);
}

static void put_relation(bundle *b, const dp_likeness_item *item)
{
	const dp_likeness *l = &item->likeness;
	char id[ID_MAX], pattern[ID_MAX];
	relation_id(id, b, l->technique);
	pattern_id(pattern, l->technique);
	begin(b, "relationship", id);
	dp_json_put_string(b->o, "relationship_type", "related-to");
	dp_json_put_string(b->o, "source_ref", b->incident);
	dp_json_put_string(b->o, "target_ref", pattern);
	dp_json_put_string(b->o, "description", l->sentence);
	put_likeness(b, l);
	dp_json_object_end(b->o);
}

// A note on the case.
static void put_note_of(bundle *b, const char *id, const char *abstract, const char *content)
{
	begin(b, "note", id);
	dp_json_put_string(b->o, "abstract", abstract);
	dp_json_put_string(b->o, "content", content);
	dp_json_key(b->o, "object_refs");
	dp_json_array(b->o);
	dp_json_string(b->o, b->incident);
	dp_json_array_end(b->o);
	dp_json_object_end(b->o);
}

// "ethereum 0xab..: 5 ETH to 0xcd..". A theft that the case file places by its time is in no
// transaction, and a takeover pays nobody.
static size_t put_row(char *out, size_t size, const dp_likeness_row *row)
{
	if (row->tx[0] == 0)
		return (size_t)snprintf(out, size, "\n%.20s%sthe theft: %.100s", row->chain,
		                        row->chain[0] != 0 ? ", " : "", row->amount);
	return (size_t)snprintf(out, size, "\n%.20s%s%.100s: %.100s%s%.100s", row->chain,
	                        row->chain[0] != 0 ? " " : "", row->tx, row->amount,
	                        row->to[0] != 0 ? " to " : "", row->to);
}

// What was seen, and the transactions of it, as far as a note should be long.
static void put_note(bundle *b, const dp_likeness_item *item, uint32_t no)
{
	const dp_step_judged *s = &item->likeness.step[no];
	char id[ID_MAX], line[DP_STEP_TEXT_MAX], content[NOTE_MAX];
	note_id(id, b, item, no);
	dp_step_text(line, &item->likeness, no);
	size_t n = (size_t)snprintf(content, sizeof content, "%s", s->why);
	for (uint32_t i = 0; i < s->finding_count && i < DP_JUDGE_EVIDENCE_MAX; i++) {
		const dp_finding *f = dp_mine_finding(item->mine, s->finding[i]);
		const dp_mine_edge *e = dp_mine_evidence(item->mine, s->finding[i]);
		for (uint32_t k = 0; k < f->evidence_count && n < NOTE_MAX - 400; k++) {
			dp_likeness_row row = {0};
			if (e[k].ref == UINT64_MAX || b->o->code != DP_OK) continue;
			b->o->code = b->r->row(b->r->row_context, &row, e[k].ref, b->o->fault);
			if (b->o->code != DP_OK) return;
			n += put_row(content + n, sizeof content - n, &row);
		}
	}
	put_note_of(b, id, line, content);
}

// What shares control with others, the heaviest first.
static bool is_shared(const bundle *b, uint32_t overlap)
{
	return b->r->overlaps->item[overlap].kind != DP_OVERLAP_EXPOSURE;
}

static uint32_t overlap_count(const bundle *b)
{
	if (b->r->overlaps == NULL) return 0;
	return b->r->overlaps->count < OVERLAPS_MAX ? b->r->overlaps->count : OVERLAPS_MAX;
}

static void overlap_id(char out[ID_MAX], const bundle *b, uint32_t overlap)
{
	const dp_overlap *v = &b->r->overlaps->item[overlap];
	const dp_use *theirs = &b->r->their_uses[v->theirs];
	char name[NAME_MAX];
	(void)snprintf(name, sizeof name, "overlap %.300s %.60s %.100s %.200s %.30s %.200s",
	               b->r->subject, dp_overlap_rows(&(uint32_t){0})[v->kind].name,
	               b->r->my_uses[v->mine].address, theirs->whose, theirs->chain, theirs->says);
	make_id(out, "note", name);
}

static size_t put_txs(char *out, size_t size, const dp_use *use)
{
	size_t n = 0;
	for (uint32_t i = 0; i < DP_OVERLAP_TX_MAX && use->tx[i] != NULL; i++)
		n += (size_t)snprintf(out + n, size - n, "\n%.60s %.20s %.100s", use->whose,
		                      use->chain, use->tx[i]);
	return n;
}

static void put_overlap(bundle *b, uint32_t overlap)
{
	const dp_overlap *v = &b->r->overlaps->item[overlap];
	char id[ID_MAX], line[512], content[NOTE_MAX];
	overlap_id(id, b, overlap);
	dp_overlap_format(line, sizeof line, &b->r->overlaps->item[overlap], b->r->my_uses,
	                  b->r->their_uses);
	const dp_overlap_row *row = &dp_overlap_rows(&(uint32_t){0})[v->kind];
	size_t n = (size_t)snprintf(content, sizeof content, "%s, weight %u of 1000: %s", row->name,
	                            v->weight, row->text);
	n += put_txs(content + n, sizeof content - n, &b->r->my_uses[v->mine]);
	(void)put_txs(content + n, sizeof content - n, &b->r->their_uses[v->theirs]);
	put_note_of(b, id, line, content);
}

static void put_report(bundle *b)
{
	dp_json_out *o = b->o;
	char id[ID_MAX], name[NAME_MAX];
	(void)snprintf(name, sizeof name, "report %.400s", b->r->subject);
	make_id(id, "report", name);
	begin(b, "report", id);
	(void)snprintf(name, sizeof name, "%.400s: techniques that its flow is consistent with",
	               b->r->subject);
	dp_json_put_string(o, "name", name);
	dp_json_key(o, "report_types");
	dp_json_array(o);
	dp_json_string(o, "attack-pattern");
	dp_json_array_end(o);
	when(o, "published", b->r->now);
	dp_json_key(o, "object_refs");
	dp_json_array(o);
	dp_json_string(o, b->incident);
	for (uint32_t i = 0; i < b->r->item_count; i++) {
		const dp_likeness_item *item = &b->r->item[i];
		if (!is_told(item)) continue;
		pattern_id(id, item->likeness.technique);
		dp_json_string(o, id);
		relation_id(id, b, item->likeness.technique);
		dp_json_string(o, id);
		for (uint32_t s = 0; s < item->likeness.step_count; s++) {
			if (item->likeness.step[s].state != DP_STEP_SEEN) continue;
			note_id(id, b, item, s);
			dp_json_string(o, id);
		}
	}
	for (uint32_t i = 0; i < overlap_count(b); i++) {
		if (!is_shared(b, i)) continue;
		overlap_id(id, b, i);
		dp_json_string(o, id);
	}
	dp_json_array_end(o);
	dp_json_object_end(o);
}

dp_code dp_likeness_stix(const dp_likeness_report *r, const dp_sink *w, dp_fault *fault)
{
	dp_json_out out = {.write = w->write, .context = w->context, .fault = fault};
	bundle b = {.o = &out, .r = r};
	char id[ID_MAX], name[NAME_MAX];
	(void)snprintf(name, sizeof name, "bundle %.400s %lld", r->subject, (long long)r->now);
	make_id(id, "bundle", name);
	make_id(b.maker, "identity", "dyepack");
	make_id(b.extension, "extension-definition", "likeness");
	(void)snprintf(name, sizeof name, "incident %.400s", r->subject);
	make_id(b.incident, "incident", name);
	dp_json_object(&out);
	dp_json_put_string(&out, "type", "bundle");
	dp_json_put_string(&out, "id", id);
	dp_json_key(&out, "objects");
	dp_json_array(&out);
	begin_fixed(&b, "identity", b.maker, OUR_DAY);
	dp_json_put_string(&out, "name", "dyepack");
	dp_json_put_string(&out, "identity_class", "system");
	dp_json_object_end(&out);
	put_extension(&b);
	begin(&b, "incident", b.incident);
	dp_json_put_string(&out, "name", r->subject);
	dp_json_object_end(&out);
	for (uint32_t i = 0; i < r->item_count; i++) {
		const dp_likeness_item *item = &r->item[i];
		if (!is_told(item)) continue;
		put_pattern(&b, item);
		put_relation(&b, item);
		for (uint32_t s = 0; s < item->likeness.step_count; s++)
			if (item->likeness.step[s].state == DP_STEP_SEEN) put_note(&b, item, s);
	}
	for (uint32_t i = 0; i < overlap_count(&b); i++)
		if (is_shared(&b, i)) put_overlap(&b, i);
	put_report(&b);
	dp_json_array_end(&out);
	dp_json_object_end(&out);
	return dp_json_finish(&out);
}

// Asking the tags in memory, see index.h and index_private.h.
#include "tag/index.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/key.h"
#include "codec/time.h"
#include "tag/index_private.h"

enum { SECONDS_A_DAY = 86400 };

//- places ----------------------------------------------------------------------------------------

static bool is_place(const dp_tags *t, uint32_t place, const dp_addr *a)
{
	if ((place & PLACE_LONG) != 0)
		return dp_addr_eq(&t->long_at[(place & ~PLACE_LONG) - 1].addr, a);
	const short_place *p = &t->short_at[place - 1];
	return p->kind == a->kind && p->len == a->len && memcmp(p->bytes, a->bytes, p->len) == 0;
}

// Are any of the eight checks this one? Two comparisons of four at once on every machine that has
// them (GCC's vector extensions); which one it was is asked only after a yes, which is rare.
static bool has_check(const bucket *b, uint32_t check)
{
	typedef uint32_t four __attribute__((vector_size(16)));
	typedef uint64_t two __attribute__((vector_size(16)));
	four left, right, wanted = {check, check, check, check};
	memcpy(&left, b->check, sizeof left);
	memcpy(&right, b->check + 4, sizeof right);
	two same = (two)((left == wanted) | (right == wanted));
	return (same[0] | same[1]) != 0;
}

static inline uint64_t home(const dp_tags *t, uint64_t key)
{
	return (key >> 32) * t->bucket_count >> 32;
}

uint32_t dp_tags_seek(const dp_tags *t, const dp_addr *a, uint64_t key)
{
	if (t->bucket_count == 0) return 0;
	uint32_t check = (uint32_t)key;
	uint64_t at = home(t, key);
	// Ends: the table is never full.
	for (;; at = at + 1 == t->bucket_count ? 0 : at + 1) {
		const bucket *b = &t->bucket[at];
		for (unsigned i = 0; has_check(b, check) && i < BUCKET_SLOTS; i++) {
			if (b->check[i] != check || b->place[i] == 0) continue;
			if (is_place(t, b->place[i], a)) return b->place[i];
		}
		if (b->place[BUCKET_SLOTS - 1] == 0) return 0;
	}
}

dp_addr dp_tags_address(const dp_tags *t, uint32_t place)
{
	DP_CHECK(place != 0);
	if ((place & PLACE_LONG) != 0) return t->long_at[(place & ~PLACE_LONG) - 1].addr;
	const short_place *p = &t->short_at[place - 1];
	dp_addr a = {.kind = p->kind, .len = p->len};
	memcpy(a.bytes, p->bytes, SHORT_BYTES);
	return a;
}

const dp_tag_record *dp_tags_at(const dp_tags *t, uint32_t place, uint32_t *ret_count)
{
	DP_CHECK(place != 0);
	bool is_long = (place & PLACE_LONG) != 0;
	uint32_t i = (place & ~PLACE_LONG) - 1;
	uint32_t first = is_long ? t->long_at[i].first : t->short_at[i].first;
	*ret_count = is_long ? t->long_at[i].count : t->short_at[i].count;
	return &t->record[first];
}

const dp_tag_record *dp_tags_find(const dp_tags *t, const dp_addr *addr, uint32_t *ret_count)
{
	DP_CHECK(t != NULL && addr != NULL);
	DP_CHECK(ret_count != NULL);
	*ret_count = 0;
	dp_addr shown;
	if (addr->kind == DP_ADDR_NONE) return NULL;
	if (addr->kind == DP_ADDR_P2PK) {
		// Explorers and tag files show a bare key as the address of its hash.
		shown = *addr;
		shown.kind = DP_ADDR_P2PKH;
		addr = &shown;
	}
	uint32_t place = dp_tags_seek(t, addr, dp_tags_key(t, addr));
	return place == 0 ? NULL : dp_tags_at(t, place, ret_count);
}

//- in steps --------------------------------------------------------------------------------------

// Not in its own bucket, which is full: the buckets behind it are left to the last step.
#define PLACE_BEHIND UINT32_MAX

// Places and records lie across the borders of lines at times: both ends are fetched.
static inline void fetch(const void *memory, size_t size)
{
	__builtin_prefetch(memory);
	__builtin_prefetch((const uint8_t *)memory + size - 1);
}

void dp_tags_ask(const dp_tags *t, dp_tags_question *ret_question, const dp_addr *addr)
{
	DP_CHECK(t != NULL && ret_question != NULL);
	DP_CHECK(addr != NULL && addr->kind != DP_ADDR_P2PK);
	*ret_question = (dp_tags_question){.key = dp_tags_key(t, addr)};
	if (t->bucket_count > 0) __builtin_prefetch(&t->bucket[home(t, ret_question->key)]);
}

void dp_tags_ask_place(const dp_tags *t, dp_tags_question *io_question)
{
	DP_CHECK(t != NULL && io_question != NULL);
	dp_tags_question *q = io_question;
	if (t->bucket_count == 0) return;
	const bucket *b = &t->bucket[home(t, q->key)];
	uint32_t check = (uint32_t)q->key;
	if (b->place[BUCKET_SLOTS - 1] != 0) q->place = PLACE_BEHIND;
	if (!has_check(b, check)) return;
	unsigned i = 0;
	while (b->check[i] != check) i++;
	// A check of 0 is in every empty slot: then the place is 0, and nothing is found.
	q->place = b->place[i];
	if ((q->place & PLACE_LONG) != 0)
		fetch(&t->long_at[(q->place & ~PLACE_LONG) - 1], sizeof(long_place));
	else if (q->place != 0)
		fetch(&t->short_at[q->place - 1], sizeof(short_place));
}

void dp_tags_ask_tags(const dp_tags *t, dp_tags_question *io_question, const dp_addr *addr)
{
	DP_CHECK(t != NULL && io_question != NULL);
	DP_CHECK(addr != NULL && addr->kind != DP_ADDR_P2PK);
	dp_tags_question *q = io_question;
	if (q->place == 0 || addr->kind == DP_ADDR_NONE) return;
	// Whose check is the same need not be the same address: then the long way.
	if (q->place == PLACE_BEHIND || !is_place(t, q->place, addr))
		q->place = dp_tags_seek(t, addr, q->key);
	if (q->place == 0) return;
	q->tag = dp_tags_at(t, q->place, &q->count);
	fetch(q->tag, sizeof *q->tag);
}

void dp_tags_each(const dp_tags *t,
                  bool (*visit)(void *context, const dp_addr *addr, const dp_tag_record *tag,
                                uint32_t count),
                  void *context)
{
	DP_CHECK(t != NULL && visit != NULL);
	for (uint64_t i = 0; i < t->short_count + t->long_count; i++) {
		bool is_long = i >= t->short_count;
		uint32_t place =
		    is_long ? PLACE_LONG | (uint32_t)(i - t->short_count + 1) : (uint32_t)(i + 1);
		uint32_t count;
		const dp_tag_record *tag = dp_tags_at(t, place, &count);
		dp_addr a = dp_tags_address(t, place);
		if (!visit(context, &a, tag, count)) return;
	}
}

//- sizes -----------------------------------------------------------------------------------------

uint64_t dp_tags_count(const dp_tags *t)
{
	DP_CHECK(t != NULL);
	return t->tag_count;
}

uint64_t dp_tags_places(const dp_tags *t)
{
	DP_CHECK(t != NULL);
	return t->short_count + t->long_count;
}

uint64_t dp_tags_memory(const dp_tags *t)
{
	DP_CHECK(t != NULL);
	return sizeof *t + (t->bucket_count + 1) * sizeof(bucket) +
	       t->short_cap * sizeof(short_place) + t->long_cap * sizeof(long_place) +
	       t->record_count * sizeof(dp_tag_record) + t->text_cap +
	       t->actor_count * sizeof(dp_actor);
}

const char *dp_tags_text(const dp_tags *t, uint32_t text)
{
	DP_CHECK(t != NULL && text < t->text_size);
	return t->text + text;
}

void dp_tags_free(dp_tags *t)
{
	if (t == NULL) return;
	dp_free(t->bucket_memory);
	dp_free(t->short_at);
	dp_free(t->long_at);
	dp_free(t->record);
	dp_free(t->text);
	dp_free(t->actor);
	dp_free(t);
}

const dp_actor *dp_tags_actor(const dp_tags *t, const char *id)
{
	DP_CHECK(t != NULL && id != NULL);
	uint64_t low = 0, high = t->actor_count;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		int order = strcmp(t->actor[mid].id, id);
		if (order == 0) return &t->actor[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

//- digest ----------------------------------------------------------------------------------------

// Texts and the network by name, because the numbers of both hang on what else was read and on the
// version of the program.
static void digest_record(XXH3_state_t *state, const dp_tags *t, const dp_tag_record *r)
{
	const uint32_t texts[] = {r->label, r->source,   r->category, r->abuse,
	                          r->actor, r->concepts, r->program,  r->list};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const char *text = dp_tags_text(t, texts[i]);
		XXH3_128bits_update(state, text, strlen(text) + 1);
	}
	const char *network = r->network == 0 ? "" : dp_network_at(r->network)->name;
	XXH3_128bits_update(state, network, strlen(network) + 1);
	uint8_t numbers[11] = {(uint8_t)r->first_seen,
	                       (uint8_t)(r->first_seen >> 8),
	                       (uint8_t)r->last_seen,
	                       (uint8_t)(r->last_seen >> 8),
	                       (uint8_t)r->gone,
	                       (uint8_t)(r->gone >> 8),
	                       r->confidence,
	                       r->type,
	                       r->stop,
	                       r->risk,
	                       r->flags};
	XXH3_128bits_update(state, numbers, sizeof numbers);
}

typedef struct digest_sum {
	const dp_tags *t;
	uint64_t low, high;
} digest_sum;

// A sum does not depend on the order in which places were read.
static bool digest_place(void *context, const dp_addr *addr, const dp_tag_record *tag,
                         uint32_t count)
{
	digest_sum *sum = context;
	XXH3_state_t state;
	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, addr, sizeof *addr);
	for (uint32_t i = 0; i < count; i++) digest_record(&state, sum->t, &tag[i]);
	XXH128_hash_t h = XXH3_128bits_digest(&state);
	sum->low += h.low64;
	sum->high += h.high64 + (sum->low < h.low64 ? 1 : 0);
	return true;
}

void dp_tags_digest(const dp_tags *t, uint8_t ret_digest[16])
{
	DP_CHECK(t != NULL);
	DP_CHECK(ret_digest != NULL);
	digest_sum sum = {.t = t};
	dp_tags_each(t, digest_place, &sum);
	for (unsigned i = 0; i < 8; i++) {
		ret_digest[i] = (uint8_t)(sum.low >> (8 * i));
		ret_digest[8 + i] = (uint8_t)(sum.high >> (8 * i));
	}
}

//- what a tag means ------------------------------------------------------------------------------

dp_tag_match dp_tags_match(const dp_tag_record *tag, const dp_network *network)
{
	DP_CHECK(tag != NULL && network != NULL);
	// A transaction id without its network is one all the same: ids do not collide.
	if (tag->network == 0 || tag->network == network->id) return DP_MATCH_EXACT;
	return (tag->flags & DP_TAGF_CONTRACT) != 0 ? DP_MATCH_NONE : DP_MATCH_SAME_KEY;
}

dp_tag_dated dp_tags_dated(const dp_tag_record *tag, int64_t time)
{
	DP_CHECK(tag != NULL);
	int64_t day = time / SECONDS_A_DAY - (time % SECONDS_A_DAY < 0 ? 1 : 0);
	if (tag->first_seen != 0 && day < tag->first_seen) return DP_DATED_NOT_YET;
	if (tag->gone != 0 && day >= tag->gone) return DP_DATED_GONE;
	return DP_DATED_ON;
}

// Does `a` count for more than `b` when both say who has custody?
static bool is_weightier(const dp_tag_record *a, const dp_tag_record *b)
{
	bool a_builtin = (a->flags & DP_TAGF_BUILTIN) != 0;
	bool b_builtin = (b->flags & DP_TAGF_BUILTIN) != 0;
	if (a_builtin != b_builtin) return a_builtin;
	if (a->confidence != b->confidence) return a->confidence > b->confidence;
	return a->stop > b->stop;
}

// Is a tag that is gone from its list replaced there by another one of the same place?
static bool is_corrected(const dp_tag_record *tag, uint32_t count, const dp_tag_record *gone)
{
	if (gone->gone == 0) return false;
	for (uint32_t i = 0; i < count; i++)
		if (tag[i].gone == 0 && tag[i].type == DP_TAG_ACTOR && tag[i].list == gone->list &&
		    tag[i].network == gone->network)
			return true;
	return false;
}

bool dp_tags_stop(const dp_tags *t, dp_tag_stop *ret_stop, const dp_addr *addr,
                  const dp_network *network)
{
	DP_CHECK(ret_stop != NULL);
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(t, addr, &count), *best = NULL;
	for (uint32_t i = 0; i < count; i++) {
		bool says = (tag[i].flags & DP_TAGF_DECIDES) != 0 && tag[i].type == DP_TAG_ACTOR &&
		            dp_tags_match(&tag[i], network) == DP_MATCH_EXACT &&
		            !is_corrected(tag, count, &tag[i]);
		if (says && (best == NULL || is_weightier(&tag[i], best))) best = &tag[i];
	}
	if (best == NULL || best->stop == DP_FOLLOW) return false;
	*ret_stop = (dp_tag_stop){.tag = best, .stop = best->stop};
	return true;
}

//- in words --------------------------------------------------------------------------------------

typedef struct line {
	char *out;
	size_t n;
	bool is_full, is_open; // nothing fits any more; a bracket is to be closed
} line;

// Appends; what does not fit is left away, at the border of a character. Control characters would
// let the author of a tag file draw on the reader's terminal, so each becomes a blank; in UTF-8
// those from 0x80 to 0x9f have 0xc2 before them.
static void put(line *l, const char *text)
{
	for (; *text != 0 && !l->is_full; text++) {
		uint8_t c = (uint8_t)*text, next = (uint8_t)text[1];
		size_t needed = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
		if (DP_TAG_LINE_MAX - 1 - l->n < needed) {
			l->is_full = true;
			break;
		}
		bool is_long_control = c == 0xc2 && next >= 0x80 && next < 0xa0;
		if (is_long_control) text++;
		bool is_control = is_long_control || c < 0x20 || c == 0x7f;
		l->out[l->n++] = is_control ? ' ' : (char)c;
	}
	l->out[l->n] = 0;
}

static void put_item(line *l, const char **io_separator, const char *word, const char *text)
{
	if (text[0] == 0) return;
	put(l, l->is_open ? *io_separator : " (");
	put(l, word);
	put(l, text);
	l->is_open = true;
	*io_separator = ", ";
}

size_t dp_tags_line(const dp_tags *t, char out[DP_TAG_LINE_MAX], const dp_tag_record *tag)
{
	DP_CHECK(t != NULL && out != NULL);
	DP_CHECK(tag != NULL);
	line l = {.out = out};
	out[0] = 0;
	put(&l, dp_tags_text(t, tag->label));
	const char *separator = ", ";
	put_item(&l, &separator, "", dp_tags_text(t, tag->category));
	put_item(&l, &separator, "", dp_tags_text(t, tag->abuse));
	put_item(&l, &separator, "actor ", dp_tags_text(t, tag->actor));
	put_item(&l, &separator, "program ", dp_tags_text(t, tag->program));
	// Who says so, and how sure.
	separator = "; ";
	put_item(&l, &separator, "", dp_tags_text(t, tag->source));
	if (dp_confidence_is_one(tag->confidence)) {
		put_item(&l, &separator, "", dp_confidence_name(tag->confidence));
	} else {
		char number[8];
		snprintf(number, sizeof number, "%u", (unsigned)tag->confidence);
		put_item(&l, &separator, "confidence ", number);
	}
	if ((tag->flags & DP_TAGF_INFERRED) != 0) put_item(&l, &separator, "", "inferred");
	if (tag->gone != 0) {
		char day[DP_TIME_TEXT_MAX];
		dp_time_format(day, (int64_t)tag->gone * SECONDS_A_DAY);
		day[10] = 0;
		put_item(&l, &separator, "off its list since ", day);
	}
	if (l.is_open) put(&l, ")");
	return l.n;
}

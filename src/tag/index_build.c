// Building the tags in memory, see index_private.h.
//
// Tags come in any order, so each is kept beside the number of its place until all are there; then
// one pass counts, one puts each behind the others of its place, and one orders the tags of each
// place, drops those that say the same, and keeps equal sequences once. A million addresses of one
// service with one label then cost one record, and what they cost each is their place alone.
#include "tag/index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/pages.h"
#include "chain/key.h"
#include "tag/index_private.h"

typedef struct pending {
	uint32_t place;
	dp_tag_record record;
} pending;

// A text that is there already. `offset` 0 is "" and stands for an empty slot: "" is never asked.
typedef struct text_slot {
	uint32_t offset, check;
} text_slot;

typedef struct actor_row {
	uint32_t id, label, uri, context, categories, jurisdictions, aliases, line;
	int64_t lastmod;
} actor_row;

// What the taxonomy makes of three texts. Neighbouring tags mostly have the same ones.
typedef struct meaning {
	uint32_t category, abuse, concepts;
	uint16_t concept;
	uint8_t stop, risk, flags;
	bool is_known;
} meaning;
enum { MEANING_COUNT = 64 };

// A tag whose bucket is being fetched. The table is larger than the cache, and a builder that
// waited for each line of it would do little else.
typedef struct waiting {
	uint64_t key;
	dp_addr addr;
	dp_tag_record record;
} waiting;
enum { WAITING_COUNT = 32 };

struct tag_builder {
	dp_tags *t;
	pending *tag;
	uint64_t tag_count, tag_cap;
	text_slot *text_slot;
	uint64_t text_slot_count, text_count; // slots: a power of two
	actor_row *actor;
	uint64_t actor_count, actor_cap;
	meaning meanings[MEANING_COUNT];
	waiting waiting[WAITING_COUNT];
	uint32_t waiting_count;
};

//- buckets ---------------------------------------------------------------------------------------

// Puts a place into the first free slot of its bucket or of those behind it.
static void put_place(dp_tags *t, uint64_t key, uint32_t place)
{
	uint64_t at = (key >> 32) * t->bucket_count >> 32;
	while (t->bucket[at].place[BUCKET_SLOTS - 1] != 0)
		at = at + 1 == t->bucket_count ? 0 : at + 1;
	bucket *b = &t->bucket[at];
	unsigned i = 0;
	while (b->place[i] != 0) i++;
	b->check[i] = (uint32_t)key;
	b->place[i] = place;
}

// Makes the table anew with so many buckets.
static dp_code set_buckets(dp_tags *t, uint64_t count, dp_fault *fault)
{
	DP_CHECK(count > 0 && count <= UINT32_MAX);
	DP_CHECK(t->short_count + t->long_count < count * BUCKET_SLOTS);
	void *memory = dp_alloc((count + 1) * sizeof(bucket));
	if (memory == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "no memory for a table of tagged addresses");
	dp_pages_large(memory, (count + 1) * sizeof(bucket));
	dp_free(t->bucket_memory);
	t->bucket_memory = memory;
	t->bucket = (bucket *)(((uintptr_t)memory + sizeof(bucket) - 1) & ~(sizeof(bucket) - 1));
	t->bucket_count = count;
	for (uint64_t i = 0; i < t->short_count + t->long_count; i++) {
		bool is_long = i >= t->short_count;
		uint32_t place =
		    is_long ? PLACE_LONG | (uint32_t)(i - t->short_count + 1) : (uint32_t)(i + 1);
		dp_addr a = dp_tags_address(t, place);
		put_place(t, dp_tags_key(t, &a), place);
	}
	return DP_OK;
}

static uint64_t buckets_for(uint64_t places, uint64_t load)
{
	return places * 1000 / (BUCKET_SLOTS * load) + 1;
}

// The number of the address' place; a new one where there was none.
static dp_code place_of(dp_tags *t, uint32_t *ret_place, const dp_addr *a, uint64_t key,
                        dp_fault *fault)
{
	*ret_place = dp_tags_seek(t, a, key);
	if (*ret_place != 0) return DP_OK;
	uint64_t count = t->short_count + t->long_count;
	if (count >= TAG_COUNT_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %llu tagged addresses",
		               (unsigned long long)TAG_COUNT_MAX);
	if (count + 1 > t->bucket_count * BUCKET_SLOTS * LOAD_GROWING / 1000)
		DP_TRY(set_buckets(t, buckets_for(count * 2 + 64, LOAD_DONE), fault));
	if (a->len <= SHORT_BYTES) {
		DP_TRY(dp_grow((void **)&t->short_at, &t->short_cap, sizeof *t->short_at,
		               t->short_count + 1, TAG_COUNT_MAX, fault));
		short_place *p = &t->short_at[t->short_count++];
		*p = (short_place){.kind = a->kind, .len = a->len};
		memcpy(p->bytes, a->bytes, SHORT_BYTES);
		*ret_place = (uint32_t)t->short_count;
	} else {
		DP_TRY(dp_grow((void **)&t->long_at, &t->long_cap, sizeof *t->long_at,
		               t->long_count + 1, TAG_COUNT_MAX, fault));
		t->long_at[t->long_count++] = (long_place){.addr = *a};
		*ret_place = PLACE_LONG | (uint32_t)t->long_count;
	}
	put_place(t, key, *ret_place);
	return DP_OK;
}

//- texts -----------------------------------------------------------------------------------------

static dp_code grow_text_slots(tag_builder *b, uint64_t count, dp_fault *fault)
{
	DP_CHECK((count & (count - 1)) == 0 && count > b->text_count);
	text_slot *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for the texts of tags");
	dp_pages_large(slot, count * sizeof *slot);
	for (uint64_t i = 0; i < b->text_slot_count; i++) {
		if (b->text_slot[i].offset == 0) continue;
		const char *text = b->t->text + b->text_slot[i].offset;
		uint64_t at = XXH3_64bits_withSeed(text, strlen(text), b->t->seed) & (count - 1);
		while (slot[at].offset != 0) at = (at + 1) & (count - 1);
		slot[at] = b->text_slot[i];
	}
	dp_free(b->text_slot);
	b->text_slot = slot;
	b->text_slot_count = count;
	return DP_OK;
}

dp_code tag_builder_text(tag_builder *b, uint32_t *ret_text, const char *text, size_t n,
                         dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_text != NULL);
	DP_CHECK(text != NULL || n == 0);
	dp_tags *t = b->t;
	// A text ends at a zero byte, as everywhere in C: what is behind one is not kept.
	if (n > 0) n = strnlen(text, n);
	if (n == 0) {
		*ret_text = 0;
		return DP_OK;
	}
	if ((b->text_count + 1) * 4 > b->text_slot_count * 3)
		DP_TRY(grow_text_slots(b, b->text_slot_count == 0 ? 1024 : b->text_slot_count * 2,
		                       fault));
	uint64_t key = XXH3_64bits_withSeed(text, n, t->seed);
	uint64_t mask = b->text_slot_count - 1, at = key & mask;
	uint32_t check = (uint32_t)(key >> 32);
	for (; b->text_slot[at].offset != 0; at = (at + 1) & mask) {
		const char *there = t->text + b->text_slot[at].offset;
		if (b->text_slot[at].check != check || strncmp(there, text, n) != 0) continue;
		if (there[n] != 0) continue;
		*ret_text = b->text_slot[at].offset;
		return DP_OK;
	}
	DP_TRY(dp_grow((void **)&t->text, &t->text_cap, 1, t->text_size + n + 1, TEXT_SIZE_MAX,
	               fault));
	b->text_slot[at] = (text_slot){.offset = (uint32_t)t->text_size, .check = check};
	*ret_text = (uint32_t)t->text_size;
	memcpy(t->text + t->text_size, text, n);
	t->text[t->text_size + n] = 0;
	t->text_size += n + 1;
	b->text_count++;
	return DP_OK;
}

//- tags ------------------------------------------------------------------------------------------

static void add_concept(meaning *m, const dp_concept *c, bool is_category)
{
	if (c == NULL) return;
	if (is_category) m->concept = c->id;
	if (c->stop > m->stop) m->stop = c->stop;
	if (c->risk > m->risk) m->risk = c->risk;
	if (c->is_contract) m->flags |= DP_TAGF_CONTRACT;
	if (c->decides) m->flags |= DP_TAGF_DECIDES;
}

// What the taxonomy says of category, abuse and concepts together.
static const meaning *meaning_of(tag_builder *b, const dp_tag_record *r)
{
	uint32_t mixed = r->category * 31 + r->abuse * 7 + r->concepts;
	meaning *m = &b->meanings[(mixed ^ mixed >> 8) % MEANING_COUNT];
	if (m->is_known && m->category == r->category && m->abuse == r->abuse &&
	    m->concepts == r->concepts)
		return m;
	*m = (meaning){
	    .category = r->category, .abuse = r->abuse, .concepts = r->concepts, .is_known = true};
	const char *category = b->t->text + r->category, *abuse = b->t->text + r->abuse;
	add_concept(m, dp_concept_find(category, strlen(category)), true);
	add_concept(m, dp_concept_find(abuse, strlen(abuse)), false);
	for (const char *p = b->t->text + r->concepts; *p != 0;) {
		size_t n = strcspn(p, " ");
		add_concept(m, dp_concept_find(p, n), false);
		p += n + (p[n] == ' ' ? 1 : 0);
	}
	// A contract that is an exchange is one without custody; one that mixes ends following.
	bool mixes = m->stop == DP_STOP_MIXER;
	if ((m->flags & DP_TAGF_CONTRACT) != 0 && !mixes) m->stop = DP_FOLLOW;
	return m;
}

// Those that wait, in the order in which they came.
static dp_code add_waiting(tag_builder *b, dp_fault *fault)
{
	uint32_t count = b->waiting_count;
	DP_CHECK(count <= WAITING_COUNT);
	b->waiting_count = 0;
	DP_TRY(dp_grow((void **)&b->tag, &b->tag_cap, sizeof *b->tag, b->tag_count + count,
	               TAG_COUNT_MAX, fault));
	for (uint32_t i = 0; i < count; i++) {
		const waiting *w = &b->waiting[i];
		pending *p = &b->tag[b->tag_count];
		DP_TRY(place_of(b->t, &p->place, &w->addr, w->key, fault));
		p->record = w->record;
		const meaning *m = meaning_of(b, &w->record);
		p->record.concept = m->concept;
		p->record.stop = m->stop;
		p->record.risk = m->risk;
		p->record.flags |= m->flags;
		p->record.zero = 0;
		b->tag_count++;
	}
	return DP_OK;
}

dp_code tag_builder_add(tag_builder *b, const dp_addr *addr, const dp_tag_record *record,
                        dp_fault *fault)
{
	DP_CHECK(b != NULL && record != NULL);
	DP_CHECK(addr != NULL && addr->kind != DP_ADDR_NONE);
	waiting *w = &b->waiting[b->waiting_count++];
	w->addr = *addr;
	if (w->addr.kind == DP_ADDR_P2PK) w->addr.kind = DP_ADDR_P2PKH;
	w->record = *record;
	dp_tags_question fetched;
	dp_tags_ask(b->t, &fetched, &w->addr);
	w->key = fetched.key;
	return b->waiting_count == WAITING_COUNT ? add_waiting(b, fault) : DP_OK;
}

dp_code tag_builder_actor(tag_builder *b, const dp_actor *actor, dp_fault *fault)
{
	DP_CHECK(b != NULL);
	DP_CHECK(actor != NULL && actor->id != NULL);
	actor_row row = {.lastmod = actor->lastmod, .line = actor->line};
	const char *const texts[] = {actor->id,      actor->label,      actor->uri,
	                             actor->context, actor->categories, actor->jurisdictions,
	                             actor->aliases};
	uint32_t *const rows[] = {&row.id,         &row.label,         &row.uri,    &row.context,
	                          &row.categories, &row.jurisdictions, &row.aliases};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		DP_TRY(tag_builder_text(b, rows[i], texts[i],
		                        texts[i] == NULL ? 0 : strlen(texts[i]), fault));
	DP_TRY(dp_grow((void **)&b->actor, &b->actor_cap, sizeof *b->actor, b->actor_count + 1,
	               ACTOR_COUNT_MAX, fault));
	b->actor[b->actor_count++] = row;
	return DP_OK;
}

//- begin and reserve -----------------------------------------------------------------------------

dp_code tag_builder_new(tag_builder **ret_builder, dp_fault *fault)
{
	DP_CHECK(ret_builder != NULL);
	tag_builder *b = dp_alloc(sizeof *b);
	if (b == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for tags");
	b->t = dp_alloc(sizeof *b->t);
	dp_code code = b->t == NULL ? dp_fail(fault, DP_NO_MEMORY, "no memory for tags") : DP_OK;
	if (code == DP_OK)
		code = dp_grow((void **)&b->t->text, &b->t->text_cap, 1, 1, TEXT_SIZE_MAX, fault);
	if (code != DP_OK) {
		tag_builder_free(b);
		return code;
	}
	uint64_t *seed = &b->t->seed;
	// Without the kernel's help the tables still work, only a patient enemy could slow them.
	if (getrandom(seed, sizeof *seed, 0) != (ssize_t)sizeof *seed) *seed = 0x6479657061636b33;
	b->t->text[0] = 0; // number 0 is ""
	b->t->text_size = 1;
	*ret_builder = b;
	return DP_OK;
}

void tag_builder_free(tag_builder *b)
{
	if (b == NULL) return;
	dp_tags_free(b->t);
	dp_free(b->tag);
	dp_free(b->text_slot);
	dp_free(b->actor);
	dp_free(b);
}

dp_code tag_builder_reserve(tag_builder *b, uint64_t tags, uint64_t texts, dp_fault *fault)
{
	DP_CHECK(b != NULL);
	// What a store claims of itself is not believed beyond reason; more grows in its own time.
	const uint64_t most = UINT64_C(1) << 24;
	if (tags > most) tags = most;
	if (texts > most) texts = most;
	uint64_t slots = 1024;
	while (slots * 3 < (b->text_count + texts + 1) * 4) slots *= 2;
	if (slots > b->text_slot_count) DP_TRY(grow_text_slots(b, slots, fault));
	dp_tags *t = b->t;
	uint64_t places = t->short_count + t->long_count + b->waiting_count + tags;
	DP_TRY(dp_grow((void **)&b->tag, &b->tag_cap, sizeof *b->tag, b->tag_count + tags,
	               TAG_COUNT_MAX, fault));
	DP_TRY(dp_grow((void **)&t->short_at, &t->short_cap, sizeof *t->short_at,
	               t->short_count + tags, TAG_COUNT_MAX, fault));
	dp_pages_large(b->tag + b->tag_count, tags * sizeof *b->tag);
	dp_pages_large(t->short_at + t->short_count, tags * sizeof *t->short_at);
	uint64_t buckets = buckets_for(places, LOAD_DONE);
	return buckets > t->bucket_count ? set_buckets(t, buckets, fault) : DP_OK;
}

//- the end ---------------------------------------------------------------------------------------

// The place's first record and count, to be written.
static uint32_t *first_of(dp_tags *t, uint32_t place)
{
	uint32_t i = (place & ~PLACE_LONG) - 1;
	return (place & PLACE_LONG) != 0 ? &t->long_at[i].first : &t->short_at[i].first;
}

static uint16_t *count_of(dp_tags *t, uint32_t place)
{
	uint32_t i = (place & ~PLACE_LONG) - 1;
	return (place & PLACE_LONG) != 0 ? &t->long_at[i].count : &t->short_at[i].count;
}

static uint32_t nth_place(const dp_tags *t, uint64_t i)
{
	return i < t->short_count ? (uint32_t)(i + 1)
	                          : PLACE_LONG | (uint32_t)(i - t->short_count + 1);
}

// Each tag behind the others of its place, in the order in which they came.
static dp_code gather(tag_builder *b, dp_fault *fault)
{
	dp_tags *t = b->t;
	for (uint64_t i = 0; i < b->tag_count; i++) {
		uint16_t *count = count_of(t, b->tag[i].place);
		if (*count == TAGS_A_PLACE_MAX)
			return dp_fail(fault, DP_LIMIT,
			               "one address has more than %d tags; import fewer lists",
			               TAGS_A_PLACE_MAX);
		++*count;
	}
	t->record = dp_alloc((b->tag_count + 1) * sizeof *t->record);
	if (t->record == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "no memory for %llu tags",
		               (unsigned long long)b->tag_count);
	dp_pages_large(t->record, (b->tag_count + 1) * sizeof *t->record);
	uint32_t next = 0;
	for (uint64_t i = 0; i < t->short_count + t->long_count; i++) {
		uint32_t place = nth_place(t, i);
		*first_of(t, place) = next;
		next += *count_of(t, place);
	}
	DP_CHECK(next == b->tag_count);
	// `first` serves as the place of the next one, and is put back below.
	for (uint64_t i = 0; i < b->tag_count; i++)
		t->record[(*first_of(t, b->tag[i].place))++] = b->tag[i].record;
	for (uint64_t i = 0; i < t->short_count + t->long_count; i++) {
		uint32_t place = nth_place(t, i);
		*first_of(t, place) -= *count_of(t, place);
	}
	return DP_OK;
}

// Confidence falling, then list and label as documented, then whatever else differs, by its words:
// the order must not hang on the order of reading, which the numbers of texts do.
static int compare_records(const void *left, const void *right, void *text)
{
	const dp_tag_record *a = left, *b = right;
	if (a->confidence != b->confidence) return a->confidence > b->confidence ? -1 : 1;
	const uint32_t texts[][2] = {{a->list, b->list},         {a->label, b->label},
	                             {a->category, b->category}, {a->abuse, b->abuse},
	                             {a->source, b->source},     {a->actor, b->actor},
	                             {a->concepts, b->concepts}, {a->program, b->program}};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (texts[i][0] == texts[i][1]) continue;
		return strcmp((const char *)text + texts[i][0], (const char *)text + texts[i][1]);
	}
	return memcmp(a, b, sizeof *a);
}

// Where equal sequences stand.
typedef struct shared {
	uint32_t first;
	uint16_t count, check; // count 0: empty
} shared;

// An equal sequence that was kept before, or this one from now on.
static uint32_t share(const dp_tags *t, shared *slots, uint64_t mask, uint32_t first,
                      uint16_t count)
{
	size_t size = count * sizeof(dp_tag_record);
	uint64_t key = XXH3_64bits_withSeed(&t->record[first], size, t->seed), at = key & mask;
	uint16_t check = (uint16_t)(key >> 48);
	for (; slots[at].count != 0; at = (at + 1) & mask) {
		const shared *s = &slots[at];
		if (s->check != check || s->count != count) continue;
		if (memcmp(&t->record[s->first], &t->record[first], size) == 0) return s->first;
	}
	slots[at] = (shared){.first = first, .count = count, .check = check};
	return first;
}

// Orders the tags of each place, drops equal ones, keeps equal sequences once, closes the gaps.
static dp_code settle(dp_tags *t, dp_fault *fault)
{
	uint64_t places = t->short_count + t->long_count, slot_count = 16;
	while (slot_count < places * 2) slot_count *= 2;
	shared *slots = dp_alloc(slot_count * sizeof *slots);
	if (slots == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for tags");
	dp_pages_large(slots, slot_count * sizeof *slots);
	uint32_t end = 0;
	for (uint64_t i = 0; i < places; i++) {
		uint32_t place = nth_place(t, i), *first = first_of(t, place);
		uint16_t *count = count_of(t, place), kept = 1;
		dp_tag_record *r = &t->record[*first];
		DP_CHECK(*count > 0 && end <= *first);
		if (*count > 1) qsort_r(r, *count, sizeof *r, compare_records, t->text);
		for (uint16_t j = 1; j < *count; j++)
			if (memcmp(&r[j], &r[kept - 1], sizeof *r) != 0) r[kept++] = r[j];
		memmove(&t->record[end], r, kept * sizeof *r);
		*count = kept;
		*first = share(t, slots, slot_count - 1, end, kept);
		if (*first == end) end += kept;
		t->tag_count += kept;
	}
	dp_free(slots);
	t->record_count = end;
	return DP_OK;
}

// Gives back what growing took too much. Shrinking that fails changes nothing.
static void trim(void **io_items, uint64_t *io_cap, uint64_t count, size_t size)
{
	if (*io_cap == count || count == 0) return;
	void *less = dp_realloc(*io_items, count * size);
	if (less == NULL) return;
	*io_items = less;
	*io_cap = count;
}

static int compare_actors(const void *left, const void *right)
{
	const dp_actor *a = left, *b = right;
	int order = strcmp(a->id, b->id);
	// The one that was read last counts, and so comes first; `line` holds its number for now.
	return order != 0 ? order : a->line > b->line ? -1 : 1;
}

static dp_code finish_actors(tag_builder *b, dp_fault *fault)
{
	dp_tags *t = b->t;
	if (b->actor_count == 0) return DP_OK;
	t->actor = dp_alloc(b->actor_count * sizeof *t->actor);
	if (t->actor == NULL) return dp_fail(fault, DP_NO_MEMORY, "no memory for actors");
	for (uint64_t i = 0; i < b->actor_count; i++) {
		const actor_row *row = &b->actor[i];
		t->actor[i] = (dp_actor){.id = t->text + row->id,
		                         .label = t->text + row->label,
		                         .uri = t->text + row->uri,
		                         .context = t->text + row->context,
		                         .categories = t->text + row->categories,
		                         .jurisdictions = t->text + row->jurisdictions,
		                         .aliases = t->text + row->aliases,
		                         .lastmod = row->lastmod,
		                         .line = (uint32_t)i};
	}
	qsort(t->actor, b->actor_count, sizeof *t->actor, compare_actors);
	for (uint64_t i = 0; i < b->actor_count; i++) {
		dp_actor *a = &t->actor[i];
		a->line = b->actor[a->line].line;
		bool is_new =
		    t->actor_count == 0 || strcmp(t->actor[t->actor_count - 1].id, a->id) != 0;
		if (is_new) t->actor[t->actor_count++] = *a;
	}
	return DP_OK;
}

static dp_code finish(tag_builder *b, dp_fault *fault)
{
	dp_tags *t = b->t;
	DP_TRY(add_waiting(b, fault));
	DP_TRY(gather(b, fault));
	dp_free(b->tag);
	b->tag = NULL;
	DP_TRY(settle(t, fault));
	uint64_t records = b->tag_count + 1;
	trim((void **)&t->record, &records, t->record_count, sizeof *t->record);
	trim((void **)&t->short_at, &t->short_cap, t->short_count, sizeof *t->short_at);
	trim((void **)&t->long_at, &t->long_cap, t->long_count, sizeof *t->long_at);
	trim((void **)&t->text, &t->text_cap, t->text_size, 1);
	// Actors point into the texts, which have moved for the last time.
	DP_TRY(finish_actors(b, fault));
	uint64_t places = t->short_count + t->long_count;
	uint64_t buckets = buckets_for(places, LOAD_DONE);
	// Within a tenth of what it should be the table stays; making it anew takes a while.
	bool is_fine = t->bucket_count >= buckets && t->bucket_count <= buckets + buckets / 10;
	return is_fine || places == 0 ? DP_OK : set_buckets(t, buckets, fault);
}

dp_code tag_builder_done(dp_tags **ret_tags, tag_builder *b, dp_fault *fault)
{
	DP_CHECK(ret_tags != NULL);
	DP_CHECK(b != NULL);
	dp_code code = finish(b, fault);
	if (code == DP_OK) {
		*ret_tags = b->t;
		b->t = NULL;
	}
	tag_builder_free(b);
	return code;
}

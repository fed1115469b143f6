// Tags in memory, from inside: what is laid out how, and the builder that fills it (index.h says
// what for). Only tag/index*.c include this.
//
// A bucket is one line of the cache: eight slots of 4 bytes of the key and 4 of the place. Slots
// are filled from the left and nothing is ever taken out, so that an empty last slot ends a search;
// one bucket in twenty is full at the load we build for, and its search goes on in the next. The
// bucket comes from the key's upper half by multiplication (Lemire, "Fast Random Integer Generation
// in an Interval", 2019), which needs no power of two, the check from the lower half.
//
// Who writes a tag file chooses addresses and texts, and XXH3 without a key has inputs of which
// any number have one hash (eight bytes equal to its own secret make it blind for the next eight):
// a file of some megabytes would take hours. So each table has a random key. Nothing that is
// answered or written depends on it. The whole address is compared on a hit.
#ifndef DP_TAG_INDEX_PRIVATE_H
#define DP_TAG_INDEX_PRIVATE_H

#include "base/check.h"
#include "base/fault.h"
#include "chain/key.h"
#include "tag/index.h"

enum {
	BUCKET_SLOTS = 8,
	// Per mille of the slots that are used at most: while it grows, and when it is done.
	LOAD_GROWING = 750,
	LOAD_DONE = 600,
	SHORT_BYTES = 20,
	TAGS_A_PLACE_MAX = UINT16_MAX
};
#define TAG_COUNT_MAX (UINT64_C(1) << 28)
#define TEXT_SIZE_MAX ((uint64_t)UINT32_MAX)
#define ACTOR_COUNT_MAX (UINT64_C(1) << 24)

typedef struct bucket {
	uint32_t check[BUCKET_SLOTS];
	uint32_t place[BUCKET_SLOTS]; // 0: empty; see place_code
} bucket;
_Static_assert(sizeof(bucket) == 64, "one line of the cache");

// Nearly every address has 20 bytes; those with more stand in an array of their own, which saves
// twelve bytes a place.
typedef struct short_place {
	uint32_t first; // of its tags among the records
	uint16_t count;
	uint8_t kind, len;
	uint8_t bytes[SHORT_BYTES];
} short_place;
_Static_assert(sizeof(short_place) == 28, "no holes");

typedef struct long_place {
	uint32_t first;
	uint16_t count;
	dp_addr addr;
} long_place;
_Static_assert(sizeof(long_place) == 40, "no holes");
_Static_assert(sizeof(dp_tag_record) == 48, "records are compared as bytes: no holes");

// The number of a place plus one; the upper bit says which of the two arrays.
#define PLACE_LONG UINT32_C(0x80000000)

struct dp_tags {
	bucket *bucket; // aligned, inside bucket_memory
	void *bucket_memory;
	uint64_t bucket_count;
	uint64_t seed; // of the hashes of addresses and texts
	short_place *short_at;
	long_place *long_at;
	uint64_t short_count, short_cap, long_count, long_cap;
	dp_tag_record *record;
	uint64_t record_count, tag_count; // equal sequences are one: tag_count counts them all
	char *text;                       // one behind another; a text's number is its place
	uint64_t text_size, text_cap;
	dp_actor *actor; // by id, rising
	uint64_t actor_count;
};

static inline uint64_t dp_tags_key(const dp_tags *t, const dp_addr *a)
{
	DP_CHECK(a->len <= sizeof a->bytes);
	return XXH3_64bits_withSeed(a, 2u + a->len, t->seed);
}

// The place of an address with this key, or 0.
uint32_t dp_tags_seek(const dp_tags *t, const dp_addr *a, uint64_t key);
dp_addr dp_tags_address(const dp_tags *t, uint32_t place);
const dp_tag_record *dp_tags_at(const dp_tags *t, uint32_t place, uint32_t *ret_count);

// The builder. Texts first, then tags that name them; all may be added in any order and twice.
typedef struct tag_builder tag_builder;
DP_MUST dp_code tag_builder_new(tag_builder **ret_builder, dp_fault *fault);
void tag_builder_free(tag_builder *b); // NULL is fine; with what was built so far
// Room for so many more, so that nothing has to grow in between.
DP_MUST dp_code tag_builder_reserve(tag_builder *b, uint64_t tags, uint64_t texts, dp_fault *fault);
DP_MUST dp_code tag_builder_text(tag_builder *b, uint32_t *ret_text, const char *text, size_t n,
                                 dp_fault *fault);
// `record` has everything but concept, stop, risk and the flags that follow from the taxonomy.
DP_MUST dp_code tag_builder_add(tag_builder *b, const dp_addr *addr, const dp_tag_record *record,
                                dp_fault *fault);
DP_MUST dp_code tag_builder_actor(tag_builder *b, const dp_actor *actor, dp_fault *fault);
// Ends the building; `b` is freed in any case.
DP_MUST dp_code tag_builder_done(dp_tags **ret_tags, tag_builder *b, dp_fault *fault);

#endif

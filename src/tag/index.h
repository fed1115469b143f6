// Tags in memory, for asking: which tags has this address? Made once from stores and tag files,
// then only read, by any number of threads.
//
//   slots    buckets of eight by a keyed hash, one line of the cache each: 4 bytes of it beside
//            the number of the place, so that an address without tags, which is nearly every one,
//            costs that line and no more
//   places   address, and where its tags begin; tags of one place stand together
//   tags     fixed-size records with the places of their texts; equal sequences of tags, and equal
//            texts, are kept once
//
// Under 100 bytes a tag at a million tags (asserted by bench_tags).
#ifndef DP_TAG_INDEX_H
#define DP_TAG_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "tag/store.h"
#include "tag/tag.h"
#include "tag/taxonomy.h"

typedef struct dp_tags dp_tags;

typedef struct dp_tag_record {
	uint32_t label, source, category, abuse, actor, concepts, program, list; // texts; 0 = ""
	uint16_t first_seen, last_seen, gone; // days since 1970-01-01 (to 2149); 0 = none
	uint16_t network;
	uint16_t concept;         // of the category; 0: none, or not in the taxonomy
	uint8_t confidence, type; // dp_tag_type
	// The worst of category, abuse and concepts; a tag that names a contract (defi_*) stops
	// nothing, whatever else it says, unless it mixes.
	uint8_t stop, risk;
	uint8_t flags;
	uint8_t zero; // so that records are compared and hashed as bytes
} dp_tag_record;
// CONTRACT: speaks of a contract, for which no key exists elsewhere. DECIDES: says who has custody.
enum {
	DP_TAGF_CLUSTER = 1,
	DP_TAGF_INFERRED = 2,
	DP_TAGF_BUILTIN = 4,
	DP_TAGF_CONTRACT = 8,
	DP_TAGF_DECIDES = 16
};

// Paths: stores, tag files, folders; read in order, nothing is written. The built-in set comes
// first unless left out. `complain` as in dp_tag_sink (NULL: the first thing wrong is the fault).
typedef struct dp_tags_options {
	const char *const *path;
	uint32_t path_count;
	bool no_builtin;
	int64_t now; // for files that have no date
	dp_code (*complain)(void *context, const dp_fault *what, bool is_warning, dp_fault *fault);
	void *context;
} dp_tags_options;
DP_MUST dp_code dp_tags_load(dp_tags **ret_tags, const dp_tags_options *options, dp_fault *fault);
void dp_tags_free(dp_tags *t); // NULL is fine

uint64_t dp_tags_count(const dp_tags *t);
uint64_t dp_tags_places(const dp_tags *t);
uint64_t dp_tags_memory(const dp_tags *t);
const char *dp_tags_text(const dp_tags *t, uint32_t text); // "" for 0
// A sum of XXH3-128 over each place with its tags: two sets with the same answers have the same,
// in whatever order they were read.
void dp_tags_digest(const dp_tags *t, uint8_t ret_digest[16]);

// The tags of a place, in order of confidence descending, then list and label; NULL and 0: none.
// A bare key (P2PK) is asked for as the P2PKH address that explorers and tag files show it as.
const dp_tag_record *dp_tags_find(const dp_tags *t, const dp_addr *addr, uint32_t *ret_count);

// The same in three steps, for many questions at once: each step reads what the one before had
// fetched and has the next fetched, so that who takes the first step of all, then the second of
// all, waits for memory once a step and not three times a question. `addr` is the same at all
// steps, and no bare key. After the last step `tag` and `count` are what dp_tags_find gives.
typedef struct dp_tags_question {
	uint64_t key; // the table's own
	uint32_t place, count;
	const dp_tag_record *tag;
} dp_tags_question;
void dp_tags_ask(const dp_tags *t, dp_tags_question *ret_question, const dp_addr *addr);
void dp_tags_ask_place(const dp_tags *t, dp_tags_question *io_question);
void dp_tags_ask_tags(const dp_tags *t, dp_tags_question *io_question, const dp_addr *addr);

// Does a tag speak of this very address of this chain, or of one that the same key has elsewhere?
typedef enum dp_tag_match { DP_MATCH_NONE = 0, DP_MATCH_SAME_KEY, DP_MATCH_EXACT } dp_tag_match;
// Contracts have no key: a tag whose concept is one of contracts only (defi_*, ...) never matches
// on another chain.
dp_tag_match dp_tags_match(const dp_tag_record *tag, const dp_network *network);

// Was it on its list at that moment? Before the first issue we have: DP_DATED_NOT_YET; after it was
// gone: DP_DATED_GONE.
typedef enum dp_tag_dated { DP_DATED_ON = 0, DP_DATED_NOT_YET, DP_DATED_GONE } dp_tag_dated;
dp_tag_dated dp_tags_dated(const dp_tag_record *tag, int64_t time);

// Where following stops (I-8: by whose word, how sure). Among the tags that match exactly, are
// about an actor and say anything about custody (DP_TAGF_DECIDES), one of the built-in set decides
// (it names the contracts that others call mixing services); without one, that of the highest
// confidence; among equals one that stops, for to follow a stranger's money is the worse mistake.
// A tag that is gone from its list still tells who it is, unless the list now says something else
// of the same address: that is a correction. False: follow on.
typedef struct dp_tag_stop {
	const dp_tag_record *tag;
	uint8_t stop; // dp_concept_stop
} dp_tag_stop;
bool dp_tags_stop(const dp_tags *t, dp_tag_stop *ret_stop, const dp_addr *addr,
                  const dp_network *network);

// All places, in a fixed order, for look-alike search and export. `visit` returns false to stop.
void dp_tags_each(const dp_tags *t,
                  bool (*visit)(void *context, const dp_addr *addr, const dp_tag_record *tag,
                                uint32_t count),
                  void *context);

// What `tag` says in one line: "Binance 14 (exchange, actor binance; Etherscan, web_crawl)". A
// confidence that several levels share is told as a number.
enum { DP_TAG_LINE_MAX = 400 };
size_t dp_tags_line(const dp_tags *t, char out[DP_TAG_LINE_MAX], const dp_tag_record *tag);

// An actor's entry, where an ActorPack was among the paths; NULL otherwise.
const dp_actor *dp_tags_actor(const dp_tags *t, const char *id);

#endif

// Tags in memory: a slow list of all tags gives the same answers, and what a tag means is decided
// as the headers say.
// Covers: tag/index.c tag/index_build.c tag/index_load.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tag/index_private.h"

//- making tags -----------------------------------------------------------------------------------

static uint64_t seed = 1;
static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

// One of few addresses of every kind, so that some get many tags and some few.
static dp_addr some_address(uint32_t n)
{
	static const uint8_t kinds[] = {DP_ADDR_EVM,   DP_ADDR_P2PKH, DP_ADDR_P2WSH,
	                                DP_ADDR_P2PKH, DP_PLACE_TX,   DP_PLACE_OTHER};
	dp_addr a = {.kind = kinds[n % 6]};
	a.len = n % 6 == 2 || n % 6 >= 4 ? 32 : 20;
	for (uint8_t i = 0; i < a.len; i++) a.bytes[i] = (uint8_t)((n + 1) * (i + 3) * 37u >> 3);
	memcpy(a.bytes, &n, sizeof n);
	return a;
}

typedef struct made {
	dp_addr addr;
	const char *label, *category, *list;
	uint8_t confidence;
} made;

static const char *const labels[] = {"Binance 14", "Blender", "thief", "", "Tornado Cash: 10 ETH"};
static const char *const categories[] = {"exchange", "mixing_service", "", "black_list",
                                         "contract_mixer"};
static const char *const lists[] = {"OFAC SDN", "pack", "other"};

static made some_tag(uint32_t addresses)
{
	return (made){.addr = some_address(draw(addresses)),
	              .label = labels[draw(5)],
	              .category = categories[draw(5)],
	              .list = lists[draw(3)],
	              .confidence = (uint8_t)(draw(4) * 20)};
}

static dp_code add(tag_builder *b, const made *m)
{
	dp_tag_record r = {.confidence = m->confidence, .network = 1};
	DP_TRY(tag_builder_text(b, &r.label, m->label, strlen(m->label), NULL));
	DP_TRY(tag_builder_text(b, &r.category, m->category, strlen(m->category), NULL));
	DP_TRY(tag_builder_text(b, &r.list, m->list, strlen(m->list), NULL));
	return tag_builder_add(b, &m->addr, &r, NULL);
}

static dp_tags *build(const made *tags, size_t count, bool reserve)
{
	tag_builder *b;
	dp_tags *t;
	assert_int_equal(tag_builder_new(&b, NULL), DP_OK);
	if (reserve) assert_int_equal(tag_builder_reserve(b, count, 5, NULL), DP_OK);
	for (size_t i = 0; i < count; i++) assert_int_equal(add(b, &tags[i]), DP_OK);
	assert_int_equal(tag_builder_done(&t, b, NULL), DP_OK);
	return t;
}

//- against the model -----------------------------------------------------------------------------

static int order(const made *a, const made *b)
{
	if (a->confidence != b->confidence) return a->confidence > b->confidence ? -1 : 1;
	int by_list = strcmp(a->list, b->list);
	int by_label = strcmp(a->label, b->label);
	return by_list != 0 ? by_list : by_label != 0 ? by_label : strcmp(a->category, b->category);
}

// What the slow way finds: all tags of the address, each once, in the documented order.
static size_t expect(const made *tags, size_t count, const dp_addr *addr, made *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (!dp_addr_eq(&tags[i].addr, addr)) continue;
		size_t at = 0;
		while (at < n && order(&ret[at], &tags[i]) < 0) at++;
		if (at < n && order(&ret[at], &tags[i]) == 0) continue;
		memmove(&ret[at + 1], &ret[at], (n - at) * sizeof *ret);
		ret[at] = tags[i];
		n++;
	}
	return n;
}

enum { TAGS = 3000, ADDRESSES = 1400 };

static void finds_what_a_slow_list_finds(void **state)
{
	(void)state;
	static made tags[TAGS], wanted[TAGS];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < TAGS; i++) tags[i] = some_tag(round == 0 ? 20 : ADDRESSES);
		dp_tags *t = build(tags, TAGS, round == 2);
		uint64_t total = 0, places = 0;
		for (uint32_t i = 0; i < 2 * ADDRESSES; i++) {
			dp_addr a = some_address(i);
			size_t n = expect(tags, TAGS, &a, wanted);
			uint32_t count;
			const dp_tag_record *r = dp_tags_find(t, &a, &count);
			assert_int_equal(count, n);
			assert_int_equal(r == NULL, n == 0);
			for (size_t j = 0; j < n; j++) {
				assert_string_equal(dp_tags_text(t, r[j].label), wanted[j].label);
				assert_string_equal(dp_tags_text(t, r[j].list), wanted[j].list);
				assert_string_equal(dp_tags_text(t, r[j].category),
				                    wanted[j].category);
				assert_int_equal(r[j].confidence, wanted[j].confidence);
			}
			total += n;
			places += n > 0 ? 1 : 0;
		}
		assert_int_equal(dp_tags_count(t), total);
		assert_int_equal(dp_tags_places(t), places);
		dp_tags_free(t);
	}
}

// In three steps, each alone: the question must bear others between them.
static void check_steps(const dp_tags *t, const dp_addr *addr)
{
	uint32_t count;
	const dp_tag_record *wanted = dp_tags_find(t, addr, &count);
	dp_tags_question q;
	dp_tags_ask(t, &q, addr);
	dp_tags_ask_place(t, &q);
	dp_tags_ask_tags(t, &q, addr);
	assert_ptr_equal(q.tag, wanted);
	assert_int_equal(q.count, count);
}

static void steps_find_what_one_look_finds(void **state)
{
	(void)state;
	static made tags[TAGS];
	for (size_t i = 0; i < TAGS; i++) tags[i] = some_tag(ADDRESSES);
	dp_tags *t = build(tags, TAGS, false);
	for (uint32_t i = 0; i < 2 * ADDRESSES; i++) {
		dp_addr a = some_address(i);
		check_steps(t, &a);
		// Another place of the bucket has the same check, as one in four billion has.
		uint64_t key = dp_tags_key(t, &a);
		bucket *b = &t->bucket[(key >> 32) * t->bucket_count >> 32];
		uint32_t check = b->check[0];
		if (b->place[0] == 0 || check == (uint32_t)key) continue;
		b->check[0] = (uint32_t)key;
		check_steps(t, &a);
		b->check[0] = check;
	}
	dp_tags_free(t);
	t = build(tags, 0, false);
	for (uint32_t i = 0; i < 10; i++) check_steps(t, &tags[i].addr);
	dp_tags_free(t);
}

typedef struct seen {
	const dp_tags *t;
	uint64_t places, tags, stop_after;
} seen;

static bool see(void *context, const dp_addr *addr, const dp_tag_record *tag, uint32_t count)
{
	seen *s = context;
	uint32_t found;
	assert_ptr_equal(dp_tags_find(s->t, addr, &found), tag);
	assert_int_equal(found, count);
	s->places++;
	s->tags += count;
	return s->places < s->stop_after;
}

static void each_place_is_visited_once(void **state)
{
	(void)state;
	static made tags[TAGS];
	for (size_t i = 0; i < TAGS; i++) tags[i] = some_tag(ADDRESSES);
	dp_tags *t = build(tags, TAGS, false);
	seen s = {.t = t, .stop_after = UINT64_MAX};
	dp_tags_each(t, see, &s);
	assert_int_equal(s.places, dp_tags_places(t));
	assert_int_equal(s.tags, dp_tags_count(t));
	seen few = {.t = t, .stop_after = 7};
	dp_tags_each(t, see, &few);
	assert_int_equal(few.places, 7);
	dp_tags_free(t);
}

static void order_of_reading_changes_nothing(void **state)
{
	(void)state;
	static made tags[TAGS];
	uint8_t digest[3][16];
	for (size_t i = 0; i < TAGS; i++) tags[i] = some_tag(ADDRESSES);
	dp_tags *t = build(tags, TAGS, false);
	dp_tags_digest(t, digest[0]);
	dp_tags_free(t);
	for (size_t i = TAGS - 1; i > 0; i--) {
		size_t j = draw((uint32_t)i + 1);
		made m = tags[i];
		tags[i] = tags[j];
		tags[j] = m;
	}
	t = build(tags, TAGS, true);
	dp_tags_digest(t, digest[1]);
	dp_tags_free(t);
	assert_memory_equal(digest[0], digest[1], 16);
	tags[TAGS / 2].confidence ^= 1;
	t = build(tags, TAGS, true);
	dp_tags_digest(t, digest[2]);
	dp_tags_free(t);
	assert_memory_not_equal(digest[0], digest[2], 16);
}

static void no_memory_is_told_and_leaks_nothing(void **state)
{
	(void)state;
	made tags[200];
	for (size_t i = 0; i < 200; i++) tags[i] = some_tag(150);
	int64_t live = dp_mem_live();
	bool is_done = false;
	for (int64_t n = 0; !is_done; n++) {
		assert_true(n < 500);
		tag_builder *b = NULL;
		dp_tags *t = NULL;
		dp_mem_fail_after(n);
		dp_code code = tag_builder_new(&b, NULL);
		for (size_t i = 0; code == DP_OK && i < 200; i++) code = add(b, &tags[i]);
		dp_actor actor = {.id = "a", .label = "A"};
		if (code == DP_OK) code = tag_builder_actor(b, &actor, NULL);
		if (code == DP_OK) {
			code = tag_builder_done(&t, b, NULL);
		} else {
			tag_builder_free(b);
		}
		// Shrinking may fail without harm: done is when nothing failed any more.
		is_done = code == DP_OK && n > 100;
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		if (code == DP_OK) dp_tags_free(t);
		assert_int_equal(dp_mem_live(), live);
	}
}

static void nothing_is_found_in_nothing(void **state)
{
	(void)state;
	dp_tags *t = build(NULL, 0, false);
	dp_addr a = some_address(1), nobody = {0};
	uint32_t count = 7;
	assert_null(dp_tags_find(t, &a, &count));
	assert_int_equal(count, 0);
	assert_null(dp_tags_find(t, &nobody, &count));
	assert_null(dp_tags_actor(t, "lazarusgroup"));
	assert_int_equal(dp_tags_count(t), 0);
	assert_true(dp_tags_memory(t) > 0);
	dp_tags_free(t);
}

// XXH3 without a key is blind for eight bytes behind eight that equal its own secret: addresses and
// labels that all have one hash. Against them each of these would be compared with all others.
static void inputs_that_collide_are_no_slower(void **state)
{
	enum { COUNT = 200000 };
	static const uint8_t blind_text[8] = {0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe};
	static const uint8_t blind_addr[8] = {0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb};
	tag_builder *b;
	dp_tags *t;
	(void)state;
	assert_int_equal(tag_builder_new(&b, NULL), DP_OK);
	uint64_t key = 0;
	for (uint32_t i = 0; i < COUNT; i++) {
		char text[33];
		dp_tag_record r = {.confidence = 50};
		dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(text, blind_text, 8);
		(void)snprintf(text + 8, sizeof text - 8, "%08uxxxxxxxxxxxxxxxx", i);
		memcpy(a.bytes + 4, blind_addr, 8);
		memcpy(a.bytes + 14, &i, sizeof i);
		if (i == 0) key = dp_addr_key(&a);
		assert_int_equal(dp_addr_key(&a), key); // else this test proves nothing
		assert_int_equal(tag_builder_text(b, &r.label, text, 32, NULL), DP_OK);
		assert_int_equal(tag_builder_add(b, &a, &r, NULL), DP_OK);
	}
	assert_int_equal(tag_builder_done(&t, b, NULL), DP_OK);
	assert_int_equal(dp_tags_places(t), COUNT);
	dp_tags_free(t);
	// A minute in the worst of builds; it would be an hour.
	assert_true(clock() / CLOCKS_PER_SEC < 60);
}

// Explorers show a bare key as the address of its hash: tags of the one are tags of the other.
static void a_bare_key_has_the_tags_of_its_address(void **state)
{
	(void)state;
	made m = {.addr = some_address(1), .label = "x", .category = "", .list = "l"};
	assert_int_equal(m.addr.kind, DP_ADDR_P2PKH);
	dp_tags *t = build(&m, 1, false);
	dp_addr key = m.addr;
	key.kind = DP_ADDR_P2PK;
	uint32_t count;
	assert_non_null(dp_tags_find(t, &key, &count));
	assert_int_equal(count, 1);
	dp_tags_free(t);
}

//- what tags mean --------------------------------------------------------------------------------

typedef struct statement {
	const char *category, *abuse, *concepts;
	uint8_t confidence, flags, type;
	const char *network, *list;
	uint16_t gone;
} statement;

// One address with these tags; the answer of dp_tags_stop about it on Ethereum.
static uint8_t stop_of(const statement *says, size_t count)
{
	tag_builder *b;
	dp_tags *t;
	dp_addr a = some_address(0);
	assert_int_equal(tag_builder_new(&b, NULL), DP_OK);
	for (size_t i = 0; i < count; i++) {
		const statement *s = &says[i];
		const char *name = s->network == NULL ? "ETH" : s->network;
		dp_tag_record r = {.confidence = s->confidence,
		                   .flags = s->flags,
		                   .type = s->type,
		                   .gone = s->gone,
		                   .network = dp_network_find(name, strlen(name))->id};
		const char *const texts[] = {s->category, s->abuse, s->concepts, s->list};
		uint32_t *const numbers[] = {&r.category, &r.abuse, &r.concepts, &r.list};
		for (size_t j = 0; j < 4; j++)
			assert_int_equal(tag_builder_text(b, numbers[j], texts[j],
			                                  texts[j] == NULL ? 0 : strlen(texts[j]),
			                                  NULL),
			                 DP_OK);
		assert_int_equal(tag_builder_add(b, &a, &r, NULL), DP_OK);
	}
	assert_int_equal(tag_builder_done(&t, b, NULL), DP_OK);
	dp_tag_stop stop = {.stop = DP_FOLLOW};
	bool does = dp_tags_stop(t, &stop, &a, dp_network_find("ETH", 3));
	assert_int_equal(does, stop.stop != DP_FOLLOW);
	if (does) assert_int_equal(stop.tag->stop, stop.stop);
	dp_tags_free(t);
	return stop.stop;
}

#define STOP(...)                                                                                  \
	stop_of((const statement[]){__VA_ARGS__},                                                  \
	        sizeof((const statement[]){__VA_ARGS__}) / sizeof(statement))

static void the_surest_word_on_custody_decides(void **state)
{
	(void)state;
	assert_int_equal(STOP({"exchange", .confidence = 20}), DP_STOP_SERVICE);
	assert_int_equal(STOP({"mixing_service", .confidence = 20}), DP_STOP_MIXER);
	assert_int_equal(STOP({"defi_dex", .confidence = 20}), DP_FOLLOW);
	assert_int_equal(STOP({"user", .confidence = 90}), DP_FOLLOW);
	// The surer one; one that is silent about custody does not count, however sure.
	assert_int_equal(STOP({"exchange", .confidence = 20}, {"defi_dex", .confidence = 50}),
	                 DP_FOLLOW);
	assert_int_equal(STOP({"exchange", .confidence = 50}, {"defi_dex", .confidence = 20}),
	                 DP_STOP_SERVICE);
	assert_int_equal(STOP({"exchange", .confidence = 20}, {"hot_wallet", .confidence = 100}),
	                 DP_STOP_SERVICE);
	assert_int_equal(STOP({"exchange", .confidence = 20}, {NULL, "sanction", .confidence = 60}),
	                 DP_STOP_SERVICE);
	// Equally sure: the one that stops.
	assert_int_equal(STOP({"exchange", .confidence = 50}, {"defi_dex", .confidence = 50}),
	                 DP_STOP_SERVICE);
	// A word beside the category counts, and a contract is one whatever it is called besides.
	assert_int_equal(STOP({"user", .concepts = "hot_wallet exchange", .confidence = 50}),
	                 DP_STOP_SERVICE);
	assert_int_equal(STOP({"exchange", .concepts = "defi_dex", .confidence = 50}), DP_FOLLOW);
	// An unknown word says nothing.
	assert_int_equal(STOP({"black_list", .confidence = 90}), DP_FOLLOW);
}

// A list that drops an exchange's old wallet does not make it somebody else's; one that now says
// something else of it has corrected itself.
static void a_correction_counts_and_a_lapse_does_not(void **state)
{
	(void)state;
	assert_int_equal(STOP({"exchange", .confidence = 50, .gone = 9, .list = "a"}),
	                 DP_STOP_SERVICE);
	assert_int_equal(STOP({"exchange", .confidence = 50, .gone = 9, .list = "a"},
	                      {"user", .confidence = 50, .list = "a"}),
	                 DP_FOLLOW);
	assert_int_equal(STOP({"exchange", .confidence = 50, .gone = 9, .list = "a"},
	                      {"defi_dex", .confidence = 20, .list = "a"}),
	                 DP_FOLLOW);
	// Another list's word, or a mention, corrects nothing.
	assert_int_equal(STOP({"exchange", .confidence = 50, .gone = 9, .list = "a"},
	                      {"user", .confidence = 50, .list = "b"}),
	                 DP_STOP_SERVICE);
	assert_int_equal(STOP({"exchange", .confidence = 50, .gone = 9, .list = "a"},
	                      {"user", .confidence = 50, .list = "a", .type = DP_TAG_MENTION}),
	                 DP_STOP_SERVICE);
}

static void what_is_built_in_decides_over_others(void **state)
{
	(void)state;
	assert_int_equal(STOP({"contract_mixer", .confidence = 50, .flags = DP_TAGF_BUILTIN},
	                      {"mixing_service", .confidence = 100}),
	                 DP_STOP_MIXER);
	assert_int_equal(STOP({"contract_mixer", .confidence = 50, .flags = DP_TAGF_BUILTIN},
	                      {"exchange", .confidence = 100}),
	                 DP_STOP_MIXER);
	assert_int_equal(STOP({"mixing_service", .confidence = 50, .flags = DP_TAGF_BUILTIN},
	                      {"defi", .confidence = 100}),
	                 DP_STOP_MIXER);
	// Unless it says nothing of custody.
	assert_int_equal(STOP({"perpetrator", .confidence = 60, .flags = DP_TAGF_BUILTIN},
	                      {"exchange", .confidence = 20}),
	                 DP_STOP_SERVICE);
}

static void only_actors_of_this_network_stop(void **state)
{
	(void)state;
	assert_int_equal(STOP({"exchange", .confidence = 50, .network = "BSC"}), DP_FOLLOW);
	assert_int_equal(STOP({"exchange", .confidence = 50, .type = DP_TAG_MENTION}), DP_FOLLOW);
}

static void keys_are_shared_by_networks_and_contracts_are_not(void **state)
{
	(void)state;
	const dp_network *eth = dp_network_find("ETH", 3), *bsc = dp_network_find("BSC", 3);
	dp_tag_record r = {.network = eth->id};
	assert_int_equal(dp_tags_match(&r, eth), DP_MATCH_EXACT);
	assert_int_equal(dp_tags_match(&r, bsc), DP_MATCH_SAME_KEY);
	r.flags = DP_TAGF_CONTRACT;
	assert_int_equal(dp_tags_match(&r, eth), DP_MATCH_EXACT);
	assert_int_equal(dp_tags_match(&r, bsc), DP_MATCH_NONE);
	dp_tag_record bare = {.network = 0};
	assert_int_equal(dp_tags_match(&bare, bsc), DP_MATCH_EXACT);
}

static void a_tag_counts_from_its_first_day_to_its_last(void **state)
{
	(void)state;
	enum { DAY = 86400 };
	dp_tag_record r = {.first_seen = 100, .gone = 200};
	assert_int_equal(dp_tags_dated(&r, 100 * DAY - 1), DP_DATED_NOT_YET);
	assert_int_equal(dp_tags_dated(&r, 100 * DAY), DP_DATED_ON);
	assert_int_equal(dp_tags_dated(&r, 200 * DAY - 1), DP_DATED_ON);
	assert_int_equal(dp_tags_dated(&r, 200 * DAY), DP_DATED_GONE);
	assert_int_equal(dp_tags_dated(&r, -1), DP_DATED_NOT_YET);
	dp_tag_record always = {0};
	assert_int_equal(dp_tags_dated(&always, INT64_MIN + 1), DP_DATED_ON);
	assert_int_equal(dp_tags_dated(&always, INT64_MAX), DP_DATED_ON);
}

static uint8_t line_confidence = 20;

static size_t line_of(char out[DP_TAG_LINE_MAX], const char *label, const char *category,
                      const char *source, uint16_t gone)
{
	tag_builder *b;
	dp_tags *t;
	dp_addr a = some_address(0);
	dp_tag_record r = {.confidence = line_confidence, .gone = gone};
	assert_int_equal(tag_builder_new(&b, NULL), DP_OK);
	assert_int_equal(tag_builder_text(b, &r.label, label, strlen(label), NULL), DP_OK);
	assert_int_equal(tag_builder_text(b, &r.category, category, strlen(category), NULL), DP_OK);
	assert_int_equal(tag_builder_text(b, &r.source, source, strlen(source), NULL), DP_OK);
	assert_int_equal(tag_builder_add(b, &a, &r, NULL), DP_OK);
	assert_int_equal(tag_builder_done(&t, b, NULL), DP_OK);
	uint32_t count;
	size_t n = dp_tags_line(t, out, dp_tags_find(t, &a, &count));
	dp_tags_free(t);
	assert_int_equal(n, strlen(out));
	return n;
}

static void a_line_says_who_what_and_by_whose_word(void **state)
{
	(void)state;
	char out[DP_TAG_LINE_MAX], longest[1000];
	line_of(out, "Binance 14", "exchange", "Etherscan", 0);
	assert_string_equal(out, "Binance 14 (exchange; Etherscan, web_crawl)");
	line_of(out, "Binance 14", "", "", 0);
	assert_string_equal(out, "Binance 14 (web_crawl)");
	line_of(out, "Blender", "mixing_service", "OFAC", 19000);
	assert_string_equal(out, "Blender (mixing_service; OFAC, web_crawl, "
	                         "off its list since 2022-01-08)");
	line_confidence = 50;
	line_of(out, "Bitstamp", "exchange", "", 0);
	assert_string_equal(out, "Bitstamp (exchange; confidence 50)");
	line_confidence = 20;
	// Nobody draws on the terminal of who reads it, and no character is cut in two.
	line_of(out, "a\033[2J\nb\xc2\x9bm", "x", "", 0);
	assert_string_equal(out, "a [2J b m (x; web_crawl)");
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	memcpy(longest + DP_TAG_LINE_MAX - 3, "\xf0\x9f\x98\x80", 4);
	assert_int_equal(line_of(out, longest, "exchange", "", 0), DP_TAG_LINE_MAX - 3);
}

static void actors_are_found_by_id(void **state)
{
	(void)state;
	tag_builder *b;
	dp_tags *t;
	assert_int_equal(tag_builder_new(&b, NULL), DP_OK);
	static const dp_actor actors[] = {{.id = "thorchain", .label = "old", .line = 3},
	                                  {.id = "lazarusgroup", .label = "Lazarus", .line = 9},
	                                  {.id = "thorchain", .label = "THORChain", .line = 1}};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(tag_builder_actor(b, &actors[i], NULL), DP_OK);
	assert_int_equal(tag_builder_done(&t, b, NULL), DP_OK);
	assert_string_equal(dp_tags_actor(t, "thorchain")->label, "THORChain");
	assert_int_equal(dp_tags_actor(t, "thorchain")->line, 1);
	assert_string_equal(dp_tags_actor(t, "lazarusgroup")->label, "Lazarus");
	assert_string_equal(dp_tags_actor(t, "lazarusgroup")->uri, "");
	assert_null(dp_tags_actor(t, "binance"));
	dp_tags_free(t);
}

//- from files ------------------------------------------------------------------------------------

static const char pack[] = "title: Test pack\n"
                           "creator: me\n"
                           "network: BTC\n"
                           "currency: BTC\n"
                           "category: mixing_service\n"
                           "confidence: authority_data\n"
                           "label: Sinbad\n"
                           "source: https://example.org\n"
                           "lastmod: 2023-11-29\n"
                           "tags:\n"
                           "- address: 1JHdQHkBZiim1cb4hyUh2PbzEbbg6z2TrF\n"
                           "- address: bc1qa24tsgchvuxsaccp8vrnkfd85hrcpafg20kmjw\n"
                           "  label: Wasabi\n";

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void import(const char *store, const char *file)
{
	dp_store *s;
	dp_fault fault = {0};
	dp_store_counts counts;
	unlink(store);
	assert_int_equal(dp_store_open(&s, store, true, false, &fault), DP_OK);
	assert_int_equal(dp_store_begin(s, 1700000000, &fault), DP_OK);
	assert_int_equal(dp_store_file(s, file, &fault), DP_OK);
	dp_tag_sink sink = dp_store_sink(s, NULL, NULL);
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	assert_int_equal(dp_tag_read(file, NULL, &defaults, &sink, &fault), DP_OK);
	assert_int_equal(dp_store_commit(s, &counts, &fault), DP_OK);
	assert_int_equal(counts.added, 2);
	dp_store_close(s);
}

static dp_tags *load(const char *path, dp_code expected, dp_fault *fault)
{
	dp_tags *t = NULL;
	const char *const paths[] = {path};
	dp_tags_options o = {.path = paths, .path_count = 1, .no_builtin = true, .now = 1700000000};
	assert_int_equal(dp_tags_load(&t, &o, fault), expected);
	return t;
}

// A file read directly and the same file imported first give the same tags.
static void a_file_and_its_store_answer_alike(void **state)
{
	(void)state;
	char folder[] = "/tmp/dyepack-tags-XXXXXX", file[64], store[64];
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/a.yaml", folder);
	snprintf(store, sizeof store, "%s/b.tags", folder);
	write_file(file, pack);
	dp_fault fault = {0};
	uint8_t digest[2][16];
	dp_tags *t = load(folder, DP_OK, &fault);
	dp_tags_digest(t, digest[0]);
	assert_int_equal(dp_tags_count(t), 2);
	dp_place p;
	static const char sinbad[] = "1JHdQHkBZiim1cb4hyUh2PbzEbbg6z2TrF";
	assert_int_equal(dp_place_parse(&p, sinbad, strlen(sinbad), NULL, NULL), DP_OK);
	dp_tag_stop stop;
	assert_true(dp_tags_stop(t, &stop, &p.addr, dp_network_at(p.network)));
	assert_int_equal(stop.stop, DP_STOP_MIXER);
	assert_int_equal(stop.tag->risk, DP_CLASS_MIXER);
	assert_string_equal(dp_tags_text(t, stop.tag->list), "Test pack");
	dp_tags_free(t);

	import(store, file);
	t = load(store, DP_OK, &fault);
	dp_tags_digest(t, digest[1]);
	dp_tags_free(t);
	assert_memory_equal(digest[0], digest[1], 16);

	// The first thing wrong is the fault when nobody wants to hear complaints.
	write_file(file, "title: x\ncreator: y\ntags:\n- address: nonsense\n  label: z\n"
	                 "  network: BTC\n  currency: BTC\n  source: s\n  confidence: forensic\n"
	                 "  category: exchange\n");
	assert_null(load(file, DP_BAD_BYTES, &fault));
	assert_non_null(strstr(fault.text, "nonsense"));
	assert_null(load("/nowhere/at/all.yaml", DP_NOT_FOUND, &fault));
	unlink(file);
	unlink(store);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_a_slow_list_finds),
	    cmocka_unit_test(steps_find_what_one_look_finds),
	    cmocka_unit_test(each_place_is_visited_once),
	    cmocka_unit_test(order_of_reading_changes_nothing),
	    cmocka_unit_test(no_memory_is_told_and_leaks_nothing),
	    cmocka_unit_test(nothing_is_found_in_nothing),
	    cmocka_unit_test(a_bare_key_has_the_tags_of_its_address),
	    cmocka_unit_test(the_surest_word_on_custody_decides),
	    cmocka_unit_test(what_is_built_in_decides_over_others),
	    cmocka_unit_test(a_correction_counts_and_a_lapse_does_not),
	    cmocka_unit_test(only_actors_of_this_network_stop),
	    cmocka_unit_test(inputs_that_collide_are_no_slower),
	    cmocka_unit_test(keys_are_shared_by_networks_and_contracts_are_not),
	    cmocka_unit_test(a_tag_counts_from_its_first_day_to_its_last),
	    cmocka_unit_test(a_line_says_who_what_and_by_whose_word),
	    cmocka_unit_test(actors_are_found_by_id),
	    cmocka_unit_test(a_file_and_its_store_answer_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

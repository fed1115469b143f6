// Screening against a slow model: on random tag lists and casebooks, every address gets the verdict
// that reading the lists line by line gives, in the quick form, in batches, and with reasons; from
// many threads at once the same as from one; and without memory nothing is left over.
// Covers: screen/screener.c screen/held.c screen/verdict.c screen/verdict_write.c screen/api.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <dyepack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/team.h"
#include "casebook/casebook.h"
#include "casebook/sql.h"
#include "screen/verdict.h"

enum { TAGS = 500, HOLDERS = 60, ASKED = 2000, THREADS = 4, PIECES = 64 };
enum { NOW = 86400 * 1000 }; // the day of the list

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static dp_addr address(uint64_t number)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t word = mix(number * 3 + i);
		memcpy(a.bytes + 8 * i, &word, i == 2 ? 4 : 8);
	}
	return a;
}

// The model's world: what each address is, by number.
static const struct {
	const char *abuse;
	uint8_t level;
	uint32_t flags;
} kinds[] = {{"", DP_RISK_NONE, 0},
             {"sanction", DP_RISK_SEVERE, DP_SF_SANCTIONED},
             {"hacking", DP_RISK_SEVERE, DP_SF_THIEF},
             {"scam", DP_RISK_HIGH, DP_SF_THIEF}};

static uint32_t kind_of(uint64_t number)
{
	return (uint32_t)(mix(number ^ 77) % 4);
}

static uint32_t held_of(uint64_t number) // tainted units; numbers from TAGS / 2 are holders
{
	bool is = number >= TAGS / 2 && number < TAGS / 2 + HOLDERS;
	return is ? (uint32_t)(mix(number ^ 5) % 3) * 100 : UINT32_MAX;
}

// Amounts are in units of 10^-2 coins. Some holders have 10^-18 instead, which is dust: once it is
// gone nobody makes much of it.
static bool is_dust(uint64_t number)
{
	return mix(number ^ 9) % 4 == 0;
}

static char folder[] = "/tmp/dyepack-test-screen-XXXXXX";
static char tags_path[80], book_path[80];

static void write_tags(void)
{
	char text[DP_ADDR_TEXT_MAX];
	FILE *f = fopen(tags_path, "w");
	assert_non_null(f);
	(void)fputs("address,label,abuse,confidence\n", f);
	for (uint64_t i = 0; i < TAGS; i++) {
		dp_addr a = address(i);
		dp_addr_format(text, &a, dp_chain_find("ethereum", 8));
		(void)fprintf(f, "%s,label %u,%s,50\n", text, (unsigned)i, kinds[kind_of(i)].abuse);
	}
	assert_int_equal(fclose(f), 0);
}

static void run(sqlite3 *db, const char *sql)
{
	dp_fault fault = {0};
	if (dp_sql_run(db, sql, &fault) != DP_OK) fail_msg("%s", fault.text);
}

// Each holder gets 300 at time 100 and gives all but what it holds away at time 200.
static void write_casebook(void)
{
	dp_casebook *cb;
	char sql[1200], text[DP_ADDR_TEXT_MAX], asset[DP_ASSET_TEXT_MAX];
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	dp_asset_caip19(asset, dp_asset_native(chain));
	assert_int_equal(dp_casebook_open(&cb, book_path, true, NULL), DP_OK);
	sqlite3 *db = dp_casebook_db(cb);
	(void)snprintf(sql, sizeof sql,
	               "begin; insert into run(id,policy,chain,height,time) values(1,'fifo','%s',9,"
	               "900); insert into cases values(1,0,'heist','a case','x');"
	               "insert into colour values(1,1,'heist','%s')",
	               chain->caip2, asset);
	run(db, sql);
	for (uint32_t no = 1; no <= HOLDERS; no++) {
		uint64_t number = TAGS / 2 + no - 1;
		dp_addr a = address(number);
		const char *e16 = is_dust(number) ? "" : "0000000000000000";
		dp_addr_format(text, &a, chain);
		(void)snprintf(
		    sql, sizeof sql,
		    "insert into holder(run,no,asset,asset_id,ident,address,hop,"
		    "since_height,since_time) values(1,%u,'%s',1,x'00','%s',%u,1,100);"
		    "insert into flow(run,height,time,src,dst,colour,asset,units,origin) "
		    "values(1,1,100,-1,%u,1,'%s','300%s','300%s'),(1,2,200,%u,-6,1,'%s','%u%s',"
		    "'%u%s')",
		    no, asset, text, no % 9, no, asset, e16, e16, no, asset, 300 - held_of(number),
		    e16, 300 - held_of(number), e16);
		run(db, sql);
		(void)snprintf(
		    sql, sizeof sql,
		    "insert into parcel values(1,%u,0,1,'%u%s','%u%s'),(1,%u,1,0,'100%s',"
		    "'0')",
		    no, held_of(number), e16, held_of(number), e16, no, e16);
		if (held_of(number) > 0) run(db, sql);
	}
	run(db, "commit");
	dp_casebook_close(cb);
}

static int make_world(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL) return 1;
	(void)snprintf(tags_path, sizeof tags_path, "%s/tags.csv", folder);
	(void)snprintf(book_path, sizeof book_path, "%s/book", folder);
	write_tags();
	write_casebook();
	return 0;
}

static int drop_world(void **state)
{
	(void)state;
	static const char *const names[] = {"tags.csv", "book", "book-wal", "book-shm"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(tags_path, sizeof tags_path, "%s/%s", folder, names[i]);
		(void)unlink(tags_path);
	}
	(void)rmdir(folder);
	return 0;
}

static dyepack_screener *open_world(void)
{
	const char *tags[] = {tags_path}, *books[] = {book_path};
	dyepack_options o = {.size = sizeof o,
	                     .tags = tags,
	                     .tag_count = 1,
	                     .casebooks = books,
	                     .casebook_count = 1,
	                     .no_builtin = 1,
	                     .now = NOW};
	char error[DYEPACK_ERROR_MAX];
	dyepack_screener *s = NULL;
	if (dyepack_open(&s, &o, error, sizeof error) != DYEPACK_OK) fail_msg("%s", error);
	return s;
}

// What the lists say of an address, read line by line.
static void model(uint64_t number, int64_t at, uint8_t *ret_level, uint32_t *ret_flags)
{
	*ret_level = DP_RISK_NONE;
	*ret_flags = 0;
	if (number < TAGS) {
		uint32_t k = kind_of(number);
		*ret_flags = kinds[k].flags | DP_SF_TAGGED;
		*ret_level = kinds[k].level;
		// The list has no date: it is of the day on which it was read.
		if (k == 1 && at < NOW) {
			*ret_level = DP_RISK_HIGH;
			*ret_flags = DP_SF_TAGGED | DP_SF_LATER_SANCTIONED;
		}
	}
	uint32_t held = held_of(number);
	if (held == UINT32_MAX || at < 100) return;
	bool now = held > 0 || at < 200;
	uint8_t level = now ? DP_RISK_SEVERE : is_dust(number) ? DP_RISK_LOW : DP_RISK_HIGH;
	if (level > *ret_level) *ret_level = level;
	*ret_flags |= DP_SF_TAINTED_EVER | (now ? DP_SF_TAINTED_NOW : 0);
}

static dyepack_query ask(const dp_addr *a, char text[DP_ADDR_TEXT_MAX], uint64_t form, int64_t at)
{
	dp_addr_format(text, a, dp_chain_find("ethereum", 8));
	for (char *p = text; *p != 0 && form == 1; p++)
		if (*p >= 'A' && *p <= 'F') *p = (char)(*p + 32);
	if (form < 2) return (dyepack_query){.text = text, .at = at};
	return (dyepack_query){
	    .bytes = a->bytes, .form = DYEPACK_EVM, .chain = dyepack_chain("ethereum"), .at = at};
}

static void check_one(const dyepack_screener *s, uint64_t i)
{
	static const int64_t times[] = {0, 50, 150, 250};
	char text[DP_ADDR_TEXT_MAX];
	uint64_t number = mix(i) % (2 * TAGS);
	dp_addr a = address(number);
	int64_t at = times[i / 3 % 4];
	dyepack_query q = ask(&a, text, i % 3, at);
	dyepack_verdict v;
	uint8_t level;
	uint32_t flags;
	int code = dyepack_screen(s, &q, &v);
	model(number, at == 0 ? INT64_MAX : at, &level, &flags);
	// Threads may not fail a cmocka assertion: they end the program.
	if (code == DYEPACK_OK && v.level == level && v.flags == flags) return;
	(void)fprintf(stderr, "%s at %lld: level %u, not %u; flags %x, not %x\n", text,
	              (long long)at, v.level, level, v.flags, flags);
	abort();
}

static void every_answer_is_the_models(void **state)
{
	(void)state;
	dyepack_screener *s = open_world();
	for (uint64_t i = 0; i < ASKED; i++) check_one(s, i);
	dyepack_close(s);
}

static void piece(void *context, uint64_t no)
{
	for (uint64_t i = 0; i < ASKED / 8; i++) check_one(context, no * 131 + i);
}

static void many_threads_on_one_screener_get_the_same(void **state)
{
	(void)state;
	dyepack_screener *s = open_world();
	dp_team_run(THREADS, PIECES, piece, s);
	dyepack_close(s);
}

static void batches_answer_as_single_questions_do(void **state)
{
	(void)state;
	enum { N = 333 };
	static dyepack_query q[N];
	static dyepack_verdict many[N];
	static char text[N][DP_ADDR_TEXT_MAX];
	static dp_addr a[N];
	dyepack_screener *s = open_world();
	for (uint64_t i = 0; i < N; i++) {
		a[i] = address(i * 3);
		q[i] = ask(&a[i], text[i], i % 3, 0);
	}
	q[7] = (dyepack_query){.text = "0x12"};
	q[8] = (dyepack_query){.text = "0x098B716B8Aaf21512996dC57EB0615e2383E2f97"};
	assert_int_equal(dyepack_screen_many(s, q, many, N), 2);
	for (uint64_t i = 0; i < N; i++) {
		dyepack_verdict one;
		int code = dyepack_screen(s, &q[i], &one);
		assert_int_equal(code, many[i].code);
		assert_int_equal(one.level, many[i].level);
		assert_int_equal(one.flags, many[i].flags);
		assert_string_equal(one.rule, many[i].rule);
	}
	assert_int_equal(many[7].code, DYEPACK_BAD_ADDRESS);
	assert_int_equal(many[8].code, DYEPACK_BAD_CHECKSUM);
	dyepack_close(s);
}

static void reasons_are_cut_to_the_callers_buffer(void **state)
{
	(void)state;
	dyepack_screener *s = open_world();
	char text[DP_ADDR_TEXT_MAX], whole[4096], part[32];
	uint64_t number = TAGS / 2;
	while (kind_of(number) != 1) number++;
	dp_addr a = address(number);
	dyepack_query q = ask(&a, text, 0, 0);
	dyepack_verdict v;
	assert_int_equal(dyepack_screen(s, &q, &v), DYEPACK_OK);
	ptrdiff_t n = dyepack_reasons(s, &v, whole, sizeof whole);
	assert_int_equal(n, strlen(whole));
	assert_non_null(strstr(whole, "severe: on the sanctions list tags.csv as label"));
	assert_int_equal(dyepack_reasons(s, &v, part, sizeof part), n);
	assert_int_equal(strlen(part), sizeof part - 1);
	assert_memory_equal(part, whole, sizeof part - 1);
	assert_int_equal(dyepack_reasons(s, &v, NULL, 0), n);
	n = dyepack_json(s, &v, whole, sizeof whole);
	assert_int_equal(n, strlen(whole));
	dp_json *doc;
	assert_int_equal(dp_json_parse(&doc, whole, (size_t)n, NULL), DP_OK);
	assert_string_equal(dp_json_text(dp_json_get(doc, "level")), "severe");
	dp_json_free(doc);
	dyepack_close(s);
}

static void opening_names_what_is_wrong(void **state)
{
	(void)state;
	dyepack_screener *s = NULL;
	char error[DYEPACK_ERROR_MAX];
	const char *none[] = {"/no/such/file"};
	dyepack_options o = {.size = sizeof o, .casebooks = none, .casebook_count = 1};
	assert_int_not_equal(dyepack_open(&s, &o, error, sizeof error), DYEPACK_OK);
	assert_non_null(strstr(error, "/no/such/file"));
	o = (dyepack_options){.size = 0};
	assert_int_equal(dyepack_open(&s, &o, error, sizeof error), DYEPACK_BAD_INPUT);
	o = (dyepack_options){.size = sizeof o, .rules = "/no/such/rules"};
	assert_int_not_equal(dyepack_open(&s, &o, NULL, 0), DYEPACK_OK);
	assert_null(s);
}

// A form that its chain does not have matches nothing: it must not come out as clean.
static void a_form_that_its_chain_does_not_have_is_no_address(void **state)
{
	(void)state;
	static const struct {
		const char *chain;
		uint16_t form;
		bool is;
	} asked[] = {{"ethereum", DYEPACK_EVM, true},      {"bitcoin", DYEPACK_P2TR, true},
	             {"TRX", DYEPACK_EVM, true},           {"DASH", DYEPACK_P2PKH, true},
	             {"bitcoin", DYEPACK_EVM, false},      {"ethereum", DYEPACK_P2PKH, false},
	             {"TRX", DYEPACK_P2PKH, false},        {"XMR", DYEPACK_EVM, false},
	             {"ethereum", DYEPACK_P2TR + 1, false}};
	dyepack_screener *s = open_world();
	uint8_t bytes[32] = {1, 2, 3};
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		dyepack_query q = {.bytes = bytes, .form = asked[i].form};
		dyepack_verdict v;
		q.chain = dyepack_chain(asked[i].chain);
		assert_int_not_equal(q.chain, 0);
		assert_int_equal(dyepack_screen(s, &q, &v),
		                 asked[i].is ? DYEPACK_OK : DYEPACK_BAD_ADDRESS);
	}
	dyepack_close(s);
}

static void without_memory_nothing_is_left_over(void **state)
{
	(void)state;
	const char *tags[] = {tags_path}, *books[] = {book_path};
	dp_screener_options o = {.tag_path = tags,
	                         .tag_count = 1,
	                         .casebook_path = books,
	                         .casebook_count = 1,
	                         .no_builtin = true,
	                         .now = NOW};
	int64_t live = dp_mem_live();
	// Every allocation at first, then further and further apart: there are thousands.
	for (int64_t n = 0;; n += 1 + n / 16) {
		dp_screener *s = NULL;
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_screener_new(&s, &o, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_screener_free(s);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) return;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_answer_is_the_models),
	    cmocka_unit_test(many_threads_on_one_screener_get_the_same),
	    cmocka_unit_test(batches_answer_as_single_questions_do),
	    cmocka_unit_test(reasons_are_cut_to_the_callers_buffer),
	    cmocka_unit_test(opening_names_what_is_wrong),
	    cmocka_unit_test(a_form_that_its_chain_does_not_have_is_no_address),
	    cmocka_unit_test(without_memory_nothing_is_left_over),
	};
	return cmocka_run_group_tests(tests, make_world, drop_world);
}

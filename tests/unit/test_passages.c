// Results and paths through what no movement shows, from a casebook's rows alone: stolen ether went
// over a bridge into bitcoin, was swapped, frozen, mixed and joined. The rows are written here by
// hand, so every figure is known; nothing of the engine is trusted.
// Covers: report/passages.c report/leads.c report/assumptions.c report/text_passages.c
// Covers: report/json_passages.c report/accepted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "casebook/sql.h"
#include "codec/json.h"
#include "report/path.h"
#include "report/result.h"

#define THIEF "0x1111111111111111111111111111111111111111"
#define MULE "0x2222222222222222222222222222222222222222"
#define POOL "0x3333333333333333333333333333333333333333"
#define ICED "0x4444444444444444444444444444444444444444"
#define ETH "eip155:1/slip44:60"
#define BTC "bip122:000000000019d6689c085ae165831e93/slip44:0"
#define USDT "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7"
#define BITCOIN "bip122:000000000019d6689c085ae165831e93"
#define COIN "126hYM5ueRNjeiSdQGUXDEzNwG2PSfR98J"
#define REST "12C1RHvehYEt3C4bbsbeZbVKvwwfnH9J6n"
#define ZEROS "000000000000000000000000000000000000000000000000000000000000"
#define E(n) "0x" ZEROS "00e" n
#define B(n) ZEROS "00b" n

// Ether: 100 stolen (1), 40 over the bridge (2), 10 into a mixer (3), 20 swapped to 50,000 units of
// a dollar (4), of which 30,000 are frozen with 12 of the origin, 5 wait in a bridge (5). Bitcoin:
// 4,000 units come out for the 40 (b1) and go through a CoinJoin into three coins (b2), of which
// two are spent together (b3).
static const char rows[] =
    "insert into run(id,company,policy,chain,height,time,height_first) values(1,1,'fifo',"
    "'eip155:1',900,1700009000,1),(2,1,'fifo','$N',800,1700009000,1);"
    "insert into cases(run,position,incident,title,yaml) select id,0,'far','',"
    "'incident: far\nchain: ethereum\nstolen:\n  - {address: ''$T'', asset: eth,"
    " amount: ''100'', block: 1}\n' from run;"
    "insert into colour values(1,1,'far','$E'),(2,1,'far','$E');"
    "insert into holder(run,no,asset,asset_id,ident,address,outpoint,hop,since_height,"
    "since_time,since_tx,mixes) values(1,1,'$E',1,x'00','$T',null,0,1,1700000100,'#e1',"
    "0),(1,2,'$U',1,x'00','$I',null,0,4,1700000400,'#e4',0),"
    "(2,1,'$B',1,x'00','$C','#b1:0',0,10,1700000300,'#b1',0),"
    "(2,2,'$B',1,x'00','$R','#b2:0',1,11,1700000500,'#b2',1),"
    "(2,3,'$B',1,x'00','$R','#b2:1',1,11,1700000500,'#b2',1),"
    "(2,4,'$B',1,x'00','$R','#b2:2',1,11,1700000500,'#b2',1),"
    "(2,5,'$B',1,x'00','$C','#b3:0',2,12,1700000600,'#b3',1);"
    "insert into parcel values(1,1,0,1,'25','25'),(1,2,0,1,'20000','8'),"
    "(2,4,0,1,'1000','10'),(2,5,0,1,'3000','30');"
    "insert into link(seq,run,height,time,tx,tx_index,mv_index,kind,protocol,key,ref,"
    "text,refused,address,via,counterparty,chain_other,there_tx,there_height,there_time,"
    "asset_in,units_in,asset_out,units_out,confidence,alternatives,equal_part) values(1,"
    "1,2,1700000200,'#e2',0,0,'bridge-out','thorchain','aa','ab',null,null,'$T','$P',"
    "'$C','$N',null,null,null,'$E','40',null,'0',100,0,0),"
    "(2,1,3,1700000300,'#e3',0,0,'mixer','tornado','bb',null,'10 ETH',null,'$T','$P',"
    "null,null,null,null,null,'$E','10',null,'0',100,0,0),"
    "(3,1,4,1700000400,'#e4',0,0,'swap',null,null,null,null,null,'$T','$P','$I',null,"
    "null,null,null,'$E','20','$U','50000',100,0,1),"
    "(4,1,5,1700000500,'#e5',0,0,'freeze','freeze','cc',null,null,null,'$I','$I',null,"
    "null,null,null,null,'$U','0',null,'0',100,0,0),"
    "(5,1,6,1700000600,'#e6',0,0,'bridge-out','across','dd',null,null,null,'$T',null,"
    "null,null,null,null,null,'$E','5',null,'0',100,0,0),"
    "(6,1,6,1700000600,'#e6',0,-1,'refused','cctp','ee',null,null,'it lies',null,null,"
    "null,null,null,null,null,null,'0','$U','7',0,0,0),"
    "(7,2,10,1700000300,'#b1',1,0,'bridge-in','thorchain','aa','ab',null,null,'$T',null,"
    "'$C','eip155:1','#e2',2,1700000200,'$E','40','$B','4000',100,0,0),"
    "(8,2,11,1700000500,'#b2',1,-1,'coinjoin',null,null,null,'wasabi',null,null,null,"
    "null,null,null,null,null,'$B','3000','$B','1000',70,9,0);"
    "insert into crossing(company,key,protocol,store,proven,chain,height,time,tx,address,"
    "asset,units,to_chain,to_address,out_chain,out_height,out_time,out_tx,open,hop,mixes,"
    "state) values(1,'aa','thorchain','transit',1,'eip155:1',2,1700000200,'#e2','$T',"
    "'$E','40','$N','$C','$N',10,1700000300,'#b1',0,0,0,x'00'),"
    "(1,'cc','freeze','frozen',1,'eip155:1',5,1700000500,'#e5','$T','$U','0',null,null,"
    "null,null,null,null,1,0,0,x'00'),"
    "(1,'dd','across','transit',1,'eip155:1',6,1700000600,'#e6','$T','$E','5',null,null,"
    "null,null,null,null,1,0,0,x'00');"
    "insert into crossing_parcel values(1,'cc',0,'$U',1,'30000','12'),"
    "(1,'dd',0,'$E',1,'5','5');"
    "insert into flow(run,height,time,tx,tx_index,mv_index,src,dst,address,colour,asset,"
    "units,origin,stop,link) values(1,1,1700000100,'#e1',0,0,-1,1,'$T',1,'$E','100',"
    "'100',-1,null),(1,2,1700000200,'#e2',0,0,1,-64,'$P',1,'$E','40','40',-1,1),"
    "(1,3,1700000300,'#e3',0,0,1,-4,'$P',1,'$E','10','10',-1,2),"
    "(1,4,1700000400,'#e4',0,0,1,0,'$P',1,'$E','20','20',-1,3),"
    "(1,4,1700000400,'#e4',0,1,0,2,'$I',1,'$U','50000','20',-1,3),"
    "(1,5,1700000500,'#e5',0,-1,2,-9,null,1,'$U','30000','12',-1,4),"
    "(1,6,1700000600,'#e6',0,0,1,-64,null,1,'$E','5','5',-1,5),"
    "(2,10,1700000300,'#b1',1,0,-64,1,'$C',1,'$B','4000','40',-1,7),"
    "(2,11,1700000500,'#b2',1,0,1,0,null,1,'$B','4000','40',-1,null),"
    "(2,11,1700000500,'#b2',1,1,0,2,'$R',1,'$B','1000','10',-1,null),"
    "(2,11,1700000500,'#b2',1,2,0,3,'$R',1,'$B','2000','20',-1,null),"
    "(2,11,1700000500,'#b2',1,3,0,4,'$R',1,'$B','1000','10',-1,null),"
    "(2,12,1700000600,'#b3',1,0,2,0,null,1,'$B','1000','10',-1,null),"
    "(2,12,1700000600,'#b3',1,1,3,0,null,1,'$B','2000','20',-1,null),"
    "(2,12,1700000600,'#b3',1,2,0,5,'$C',1,'$B','3000','30',-1,null);"
    "insert into mixer_event(run,height,tx_index,log,part,time,tx,kind,pool,address,"
    "sender,relayer,asset,amount,fixed,relayed,gas_price,leaf) values(1,3,0,0,0,"
    "1700000300,'#e3','deposit','$P','$T','$T',null,'$E','10',1,0,'7000000001',0),"
    "(1,7,0,0,0,1700000700,'#e7','deposit','$P','$M','$M',null,'$E','10',1,0,"
    "'9000000000',1),"
    "(1,8,0,0,0,1700000800,'#e8','withdrawal','$P','$T','$M','$M','$E','10',1,1,"
    "'9000000000',null);"
    "insert into decision(incident,id,verdict,words,time) values('far','L1','rejected',"
    "'not his',1700000900);";

// The rows with short names written out: $T and the like, and transactions #e1 and #b1.
static char *spelled_out(void)
{
	static const struct {
		const char *name, *text;
	} names[] = {{"$T", THIEF},   {"$M", MULE}, {"$P", POOL},  {"$I", ICED},
	             {"$E", ETH},     {"$B", BTC},  {"$U", USDT},  {"$C", COIN},
	             {"$N", BITCOIN}, {"$R", REST}, {"#e", E("")}, {"#b", B("")}};
	char *out = calloc(1, 1 << 16);
	size_t n = 0;
	for (const char *p = rows; *p != 0;) {
		size_t i = 0;
		while (i < sizeof names / sizeof *names && strncmp(p, names[i].name, 2) != 0) i++;
		bool is_name = i < sizeof names / sizeof *names;
		if (is_name)
			n += (size_t)snprintf(out + n, (1 << 16) - n, "%s", names[i].text);
		else
			out[n++] = *p;
		p += is_name ? 2 : 1;
	}
	return out;
}

static int make(void **state)
{
	dp_casebook *book;
	dp_fault fault = {0};
	if (dp_casebook_open(&book, ":memory:", true, &fault) != DP_OK) fail_msg("%s", fault.text);
	char *sql = spelled_out();
	if (dp_sql_run(dp_casebook_db(book), sql, &fault) != DP_OK) fail_msg("%s", fault.text);
	free(sql);
	*state = book;
	return 0;
}

static int done(void **state)
{
	dp_casebook_close(*state);
	return 0;
}

static dp_result *load(void **state)
{
	dp_result *r;
	dp_fault fault = {0};
	if (dp_result_load(&r, *state, "far", &fault) != DP_OK) fail_msg("%s", fault.text);
	return r;
}

static void is_number(dp_u256 v, uint64_t want)
{
	assert_true(dp_u256_eq(v, dp_u256_of(want)));
}

//- figures ---------------------------------------------------------------------------------------

static void both_chains_are_one_result_and_add_up(void **state)
{
	dp_result *r = load(state);
	assert_true(r->conserved);
	assert_int_equal(r->chain_count, 2);
	assert_string_equal(r->chain[1].chain->name, "bitcoin");
	const dp_result_stolen *t = &r->stolen[0];
	assert_int_equal(r->stolen_count, 1);
	is_number(t->units, 100);
	is_number(t->bucket[DP_BUCKET_HELD], 73);
	is_number(t->bucket[DP_BUCKET_MIXER], 10);
	is_number(t->bucket[DP_BUCKET_FROZEN], 12);
	is_number(t->bucket[DP_BUCKET_UNRESOLVED], 5);
	is_number(t->in_transit, 5);
	is_number(t->waiting, 5);
	assert_int_equal(r->place_count, 3);
	assert_string_equal(r->place[2].chain->name, "bitcoin");
	is_number(r->place[2].units, 4000);
	is_number(r->place[2].origin[0], 40);
	assert_int_equal(r->place[2].holders, 2);
	dp_result_free(r);
}

static void each_link_has_what_of_the_case_went_through_it(void **state)
{
	static const struct {
		dp_link_kind kind;
		uint64_t origin;
	} want[] = {
	    {DP_LINK_OUT, 40}, {DP_LINK_MIXER, 10},  {DP_LINK_SWAP, 20}, {DP_LINK_FREEZE, 12},
	    {DP_LINK_OUT, 5},  {DP_LINK_REFUSED, 0}, {DP_LINK_IN, 40},   {DP_LINK_COINJOIN, 40},
	};
	dp_result *r = load(state);
	assert_int_equal(r->passage_count, sizeof want / sizeof *want);
	for (uint32_t i = 0; i < r->passage_count; i++) {
		assert_int_equal(r->passage[i].kind, want[i].kind);
		is_number(r->passage[i].origin[0], want[i].origin);
		assert_true(r->passage[i].is_mine);
	}
	// The way in knows where it came out.
	assert_string_equal(r->passage[0].there_tx, B("1"));
	assert_int_equal(r->passage[0].there_height, 10);
	assert_int_equal(r->waiting_count, 2);
	assert_true(r->waiting[0].is_frozen);
	assert_string_equal(r->waiting[0].address, ICED);
	is_number(r->waiting[1].units, 5);
	assert_int_equal(r->mixer_count, 1);
	assert_int_equal(r->mixer[0].deposits, 1);
	assert_int_equal(r->decision_count, 1);
	dp_result_free(r);
}

static void coins_of_a_round_spent_together_are_found(void **state)
{
	dp_result *r = load(state);
	assert_int_equal(r->finding_count, 1);
	assert_string_equal(r->finding[0].round, B("2"));
	assert_string_equal(r->finding[0].tx, B("3"));
	assert_int_equal(r->finding[0].outputs, 2);
	dp_result_free(r);
}

static void leads_are_told_and_nothing_moves_by_them(void **state)
{
	dp_result *r = load(state);
	assert_true(r->leads.count >= 1);
	assert_int_equal(r->leads.lead[0].kind, DP_LEAD_SAME_ADDRESS);
	assert_int_equal(r->leads.lead[0].set, 2);
	is_number(r->stolen[0].bucket[DP_BUCKET_MIXER], 10);
	dp_result_free(r);
}

static void books_that_lost_a_side_do_not_add_up(void **state)
{
	static const char *const tamper[] = {
	    "delete from flow where dst=-64 and link=5",
	    "update flow set origin='39' where src=-64",
	    "delete from flow where src=-64",
	};
	sqlite3 *db = dp_casebook_db(*state);
	for (size_t i = 0; i < sizeof tamper / sizeof *tamper; i++) {
		assert_int_equal(dp_sql_run(db, "savepoint s", NULL), DP_OK);
		assert_int_equal(dp_sql_run(db, tamper[i], NULL), DP_OK);
		dp_result *r = load(state);
		assert_false(r->conserved);
		dp_result_free(r);
		assert_int_equal(dp_sql_run(db, "rollback to s", NULL), DP_OK);
	}
}

//- formats ---------------------------------------------------------------------------------------

struct page {
	char text[1 << 17];
	size_t used;
};

static dp_code page_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	struct page *p = context;
	if (p->used + n >= sizeof p->text) return dp_fail(fault, DP_LIMIT, "page is full");
	memcpy(p->text + p->used, text, n);
	p->used += n;
	p->text[p->used] = 0;
	return DP_OK;
}

static struct page page;

static void has(const char *const *want)
{
	for (; *want != NULL; want++)
		if (strstr(page.text, *want) == NULL) fail_msg("no '%s' in:\n%s", *want, page.text);
}

static void every_format_tells_of_both_chains(void **state)
{
	static const char *const text[] = {"followed on 2 chains",
	                                   "went in",
	                                   "THORChain",
	                                   "came out",
	                                   "CoinJoin",
	                                   "refused",
	                                   "it lies",
	                                   "in transit",
	                                   "mix undone",
	                                   "LEADS OUT OF MIXERS",
	                                   "WHERE IT IS NOW, BY CHAIN",
	                                   "equal parts",
	                                   NULL};
	static const char *const json[] = {
	    "\"kind\": \"bridge-in\"",    "\"other_tx\": \"" E("2") "\"",
	    "\"kind\": \"refused\"",      "\"refused\": \"it lies\"",
	    "\"through_coinjoin\": true", "\"at_most\": \"3000\"",
	    "\"issuer\": \"Tether\"",     "\"denomination\": \"10\"",
	    "\"anonymity_set\": 2",       "\"kind\": \"coinjoin-undone\"",
	    "\"verdict\": \"rejected\"",  NULL};
	static const char *const dot[] = {"label=\"THORChain\"", "h1 -> link",
	                                  "ethereum and bitcoin", NULL};
	static const char *const graphml[] = {"<node id=\"xaa\">", "target=\"xaa\"",
	                                      "source=\"xaa\"", NULL};
	dp_result *r = load(state);
	dp_sink out = {page_write, &page};
	page.used = 0;
	assert_int_equal(dp_report_text(r, &out, NULL), DP_OK);
	has(text);
	page.used = 0;
	assert_int_equal(dp_report_json((const dp_result *const *)&r, 1, &out, NULL), DP_OK);
	has(json);
	page.used = 0;
	assert_int_equal(dp_report_dot(r, &out, NULL), DP_OK);
	has(dot);
	page.used = 0;
	assert_int_equal(dp_report_graphml(r, &out, NULL), DP_OK);
	has(graphml);
	page.used = 0;
	assert_int_equal(dp_report_csv(r, &out, true, NULL), DP_OK);
	dp_result_free(r);
}

static bool assumes(const dp_result *r, const char *words)
{
	for (uint32_t i = 0; i < r->assumption_count; i++)
		if (strstr(r->assumption[i], words) != NULL) return true;
	return false;
}

// A bridge answers within hours. Whoever waits for days, on a chain that was followed, may have put
// it into a vault of his own.
static void who_waits_for_days_is_pointed_at(void **state)
{
	static const char words[] = "waited more than two days";
	dp_result *r = load(state);
	assert_false(assumes(r, words));
	dp_result_free(r);
	assert_int_equal(dp_sql_run(dp_casebook_db(*state),
	                            "update crossing set to_chain='" BITCOIN "' where key='dd';"
	                            "update run set time=time+300000 where id=2",
	                            NULL),
	                 DP_OK);
	r = load(state);
	assert_true(assumes(r, words));
	assert_true(assumes(r, E("6")));
	dp_result_free(r);
}

static void run_sql(void **state, const char *sql)
{
	dp_fault fault = {0};
	if (dp_sql_run(dp_casebook_db(*state), sql, &fault) != DP_OK) fail_msg("%s", fault.text);
}

// The bridge's two rows are made a person's: no protocol, and the words on both.
static const char accepted[] =
    "update link set protocol=null, confidence=0, text='cut words' where key='aa';"
    "update crossing set protocol=null where key='aa';"
    "insert into candidate(incident,id,found,rank,count,verdict,reason,confidence,alternatives,"
    "rivals,relation,model,service,chain,tx,height,time,payer,place,asset,amount,to_chain,to_tx,"
    "to_height,to_time,to_place,to_address,to_asset,to_amount) values('far','L2',0,1,1,'refused',"
    "'too late',35,0,0,'','','','eip155:1','" E(
        "2") "',2,1700000200,'','" POOL "','" ETH "','40','" BITCOIN
             "','" B("1") "',10,1700000300,'','" COIN "','" BTC "','4000');"
                          "insert into decision(incident,id,verdict,words,time) "
                          "values('far','L2','rejected','no',1700001000),"
                          "('far','L2','accepted','the whole words of J. Doe',1700002000);";

static void a_persons_link_names_the_person_and_is_not_proven(void **state)
{
	static const char *const text[] = {"ACCEPTED LINKS",
	                                   "L2, 2023-11-14T22:46:40Z",
	                                   "the search had refused it",
	                                   "the whole words of J. Doe",
	                                   "that the search had refused, accepted by",
	                                   NULL};
	static const char *const json[] = {"\"by\": \"the whole words of J. Doe\"",
	                                   "\"confidence\": 35", NULL};
	static const char *const way[] = {"an accepted link: claimed, not on the ledger",
	                                  "word  cut words", NULL};
	dp_sink out = {page_write, &page};
	run_sql(state, accepted);
	dp_result *r = load(state);
	assert_int_equal(r->passage[0].confidence, 35);
	assert_string_equal(r->passage[0].by, "the whole words of J. Doe");
	page.used = 0;
	assert_int_equal(dp_report_text(r, &out, NULL), DP_OK);
	has(text);
	page.used = 0;
	assert_int_equal(dp_report_json((const dp_result *const *)&r, 1, &out, NULL), DP_OK);
	has(json);
	dp_result_free(r);
	dp_path *p;
	assert_int_equal(dp_path_find(&p, *state, "far", B("3") ":0", NULL), DP_OK);
	page.used = 0;
	assert_int_equal(dp_path_text(p, &out, NULL), DP_OK);
	has(way);
	dp_path_free(p);
	// Taken back since, it is nobody's word any more.
	run_sql(state, "insert into decision(incident,id,verdict,words,time) values('far','L2',"
	               "'rejected','no again',1700003000)");
	r = load(state);
	assert_false(assumes(r, "J. Doe"));
	assert_string_equal(r->passage[0].by, "cut words");
	assert_int_equal(r->passage[0].confidence, 0);
	dp_result_free(r);
}

static void what_cannot_be_frozen_is_not_said_to_be(void **state)
{
	static const char *const text[] = {"ARRIVED (following ends here)",
	                                   "hop 0",
	                                   "because of this",
	                                   "first in " E("6"),
	                                   "to ",
	                                   NULL};
	dp_sink out = {page_write, &page};
	run_sql(state, "update crossing set text='because of this' where key='dd'");
	dp_result *r = load(state);
	page.used = 0;
	assert_int_equal(dp_report_text(r, &out, NULL), DP_OK);
	has(text);
	assert_null(strstr(page.text, "this can be frozen"));
	assert_non_null(strstr(page.text, "to " THIEF " in\n       " E("8")));
	for (uint32_t i = 0; i < r->arrival_count; i++)
		if (r->arrival[i].bucket == DP_BUCKET_FROZEN)
			assert_int_equal(r->arrival[i].hop, 0); // no movement took it there
	dp_result_free(r);
}

static void a_link_without_a_side_has_no_amount_there(void **state)
{
	static const char *const json[] = {"\"units_out\": null", "\"units_in\": null", NULL};
	dp_sink out = {page_write, &page};
	dp_result *r = load(state);
	page.used = 0;
	assert_int_equal(dp_report_json((const dp_result *const *)&r, 1, &out, NULL), DP_OK);
	has(json);
	assert_null(strstr(page.text, "\"units_out\": \"0\""));
	dp_result_free(r);
}

static void how_links_were_followed_is_said(void **state)
{
	static const char units[] = "counted in units of the asset that came out";
	dp_result *r = load(state);
	assert_false(assumes(r, "--no-links") || assumes(r, units));
	dp_result_free(r);
	run_sql(state, "update run set no_links=1, policy='poison'");
	r = load(state);
	assert_true(assumes(r, "--no-links") && assumes(r, units));
	dp_result_free(r);
}

static void tags_of_all_chains_are_said_once(void **state)
{
	run_sql(state,
	        "insert into tagset(run,height,tags,digest) values(1,0,3,x'ab'),(2,0,3,x'ab')");
	dp_result *r = load(state);
	uint32_t said = 0;
	for (uint32_t i = 0; i < r->assumption_count; i++)
		said += strstr(r->assumption[i], "digest ab") != NULL;
	assert_int_equal(said, 1);
	dp_result_free(r);
	run_sql(state, "update tagset set digest=x'cd' where run=2");
	r = load(state);
	assert_true(assumes(r, "digest ab") && assumes(r, "bitcoin: services are where tags"));
	dp_result_free(r);
}

//- the path --------------------------------------------------------------------------------------

static dp_path *find(void **state, const char *holder)
{
	dp_path *p;
	dp_fault fault = {0};
	if (dp_path_find(&p, *state, "far", holder, &fault) != DP_OK) fail_msg("%s", fault.text);
	return p;
}

static void the_path_leads_over_the_bridge_to_the_theft(void **state)
{
	dp_path *p = find(state, B("3") ":0");
	assert_string_equal(p->chain->name, "bitcoin");
	const dp_path_stolen *st = &p->stolen[0];
	is_number(st->arrived, 30);
	assert_int_equal(st->step[0].from.kind, DP_PATH_THEFT);
	assert_string_equal(st->step[0].chain->name, "ethereum");
	assert_int_equal(st->step[1].to.kind, DP_PATH_CROSSING);
	assert_string_equal(st->step[1].other_tx, B("1"));
	assert_int_equal(st->step[2].from.kind, DP_PATH_CROSSING);
	assert_string_equal(st->step[2].protocol, "thorchain");
	assert_string_equal(st->step[2].other_tx, E("2"));
	assert_int_equal(st->step[2].hop, 0);
	assert_int_equal(st->step[st->step_count - 1].hop, 2);
	dp_path_free(p);
}

static void the_path_leads_through_a_swap(void **state)
{
	dp_path *p = find(state, ICED);
	const dp_path_stolen *st = &p->stolen[0];
	is_number(st->arrived, 20);
	is_number(st->held, 8);
	assert_int_equal(st->step_count, 3);
	assert_string_equal(st->step[2].via, "swap");
	dp_path_free(p);
}

// Bitcoin's clock is slow: what came out is dated before it went in.
static void a_slow_clock_does_not_break_the_path(void **state)
{
	sqlite3 *db = dp_casebook_db(*state);
	assert_int_equal(dp_sql_run(db, "update flow set time=time-1000 where run=2", NULL), DP_OK);
	dp_path *p = find(state, B("3") ":0");
	is_number(p->stolen[0].arrived, 30);
	dp_path_free(p);
}

static void what_came_out_of_nothing_is_damage(void **state)
{
	dp_path *p;
	dp_fault fault = {0};
	sqlite3 *db = dp_casebook_db(*state);
	assert_int_equal(dp_sql_run(db, "update flow set origin='39' where link=1", NULL), DP_OK);
	assert_int_equal(dp_path_find(&p, *state, "far", B("3") ":0", &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "more came out of a link"));
}

// What is frozen where it lies has arrived once; and a casebook that a decision emptied says so.
static void a_path_says_what_it_cannot_show(void **state)
{
	dp_path *p;
	dp_fault fault = {0};
	run_sql(state, "update flow set address='" ICED "' where dst=-9");
	p = find(state, ICED);
	is_number(p->stolen[0].arrived, 20);
	is_number(p->stolen[0].again, 0);
	dp_path_free(p);
	assert_int_equal(dp_path_find(&p, *state, "fra", ICED, &fault), DP_NOT_FOUND);
	assert_non_null(strstr(fault.text, "it has far"));
	assert_null(strstr(fault.text, "far, far"));
	run_sql(state, "delete from cases");
	assert_int_equal(dp_path_find(&p, *state, "far", ICED, &fault), DP_NOT_FOUND);
	assert_non_null(strstr(fault.text, "trace it again"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(both_chains_are_one_result_and_add_up, make, done),
	    cmocka_unit_test_setup_teardown(a_persons_link_names_the_person_and_is_not_proven, make,
	                                    done),
	    cmocka_unit_test_setup_teardown(what_cannot_be_frozen_is_not_said_to_be, make, done),
	    cmocka_unit_test_setup_teardown(a_link_without_a_side_has_no_amount_there, make, done),
	    cmocka_unit_test_setup_teardown(how_links_were_followed_is_said, make, done),
	    cmocka_unit_test_setup_teardown(tags_of_all_chains_are_said_once, make, done),
	    cmocka_unit_test_setup_teardown(a_path_says_what_it_cannot_show, make, done),
	    cmocka_unit_test_setup_teardown(each_link_has_what_of_the_case_went_through_it, make,
	                                    done),
	    cmocka_unit_test_setup_teardown(coins_of_a_round_spent_together_are_found, make, done),
	    cmocka_unit_test_setup_teardown(leads_are_told_and_nothing_moves_by_them, make, done),
	    cmocka_unit_test_setup_teardown(books_that_lost_a_side_do_not_add_up, make, done),
	    cmocka_unit_test_setup_teardown(every_format_tells_of_both_chains, make, done),
	    cmocka_unit_test_setup_teardown(who_waits_for_days_is_pointed_at, make, done),
	    cmocka_unit_test_setup_teardown(the_path_leads_over_the_bridge_to_the_theft, make,
	                                    done),
	    cmocka_unit_test_setup_teardown(the_path_leads_through_a_swap, make, done),
	    cmocka_unit_test_setup_teardown(a_slow_clock_does_not_break_the_path, make, done),
	    cmocka_unit_test_setup_teardown(what_came_out_of_nothing_is_damage, make, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// What to do with an alert: every contact that ships can be read and found, the freeze calls are
// those of the contracts, each kind of alert says what it should, and what strangers write changes
// none of it.
// Covers: alert/advice.c alert/contacts.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/advice.h"
#include "alert/contacts.h"
#include "base/mem.h"
#include "chain/chain.h"

enum { LINES_MAX = 32 };

typedef struct heard {
	char line[LINES_MAX][DP_ADVICE_LINE_MAX + 1];
	uint32_t count, stop_after; // stop_after 0: never
} heard;

static heard ear;

static dp_code hear(void *context, const char *text, dp_fault *fault)
{
	heard *h = context;
	assert_true(h->count < LINES_MAX);
	assert_true(strlen(text) > 0 && strlen(text) <= DP_ADVICE_LINE_MAX);
	for (const char *p = text; *p != 0; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			fail_msg("a control character: %s", text);
	memcpy(h->line[h->count++], text, strlen(text) + 1);
	if (h->stop_after != 0 && h->count == h->stop_after)
		return dp_fail(fault, DP_LIMIT, "enough");
	return DP_OK;
}

static dp_advice *load(const char *path)
{
	dp_advice *a = NULL;
	dp_fault fault = {0};
	if (dp_advice_load(&a, path, &fault) != DP_OK)
		fail_msg("%s:%u:%u: %s", fault.file, fault.line, fault.column, fault.text);
	return a;
}

static void ask(const dp_advice *a, const dp_advice_question *q)
{
	ear = (heard){0};
	assert_int_equal(dp_advice_lines(a, q, hear, &ear, NULL), DP_OK);
	assert_true(ear.count > 0);
}

static void expect(uint32_t at, const char *text)
{
	assert_true(at < ear.count);
	assert_string_equal(ear.line[at], text);
}

static void expect_somewhere(const char *text)
{
	for (uint32_t i = 0; i < ear.count; i++)
		if (strstr(ear.line[i], text) != NULL) return;
	for (uint32_t i = 0; i < ear.count; i++) print_error("  %s\n", ear.line[i]);
	fail_msg("no line says '%s'", text);
}

static void expect_nowhere(const char *text)
{
	for (uint32_t i = 0; i < ear.count; i++)
		if (strstr(ear.line[i], text) != NULL) fail_msg("'%s': %s", text, ear.line[i]);
}

static dp_asset asset(const char *chain, const char *symbol)
{
	const dp_chain *c = dp_chain_find(chain, strlen(chain));
	assert_non_null(c);
	dp_asset a = dp_asset_by_symbol(c, symbol, strlen(symbol));
	assert_true(a.v != 0);
	return a;
}

#define DEPOSIT "0x28C6c06298d514Db089934071355E5743bf21d60"
#define TX "0xb61413c495fdad6114a7aa863a00b2e3c28945979a10885b12b30316ea9f072c"

static dp_advice_question question(const char *kind)
{
	return (dp_advice_question){.kind = kind,
	                            .actor = "",
	                            .label = "",
	                            .category = "",
	                            .address = DEPOSIT,
	                            .tx = TX,
	                            .shown = "12.5 ETH",
	                            .asset = asset("ethereum", "ETH"),
	                            .confirmations_s = 12};
}

//- the table --------------------------------------------------------------------------------------

static dp_contacts parse(const char *yaml, size_t size)
{
	dp_contacts c = {0};
	dp_fault fault = {0};
	if (dp_contacts_parse(&c, yaml, size, &fault) != DP_OK)
		fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
	return c;
}

static void every_entry_is_found_by_actor_and_by_label(void **state)
{
	(void)state;
	size_t size;
	const char *yaml = dp_contacts_builtin(&size);
	dp_contacts c = parse(yaml, size);
	dp_advice *a = load(NULL);
	assert_true(c.service_count >= 22);
	for (uint32_t i = 0; i < c.service_count; i++) {
		const char *name = c.service[i].contact.name;
		char label[200];
		for (const char *const *p = c.service[i].actor; *p != NULL; p++) {
			const dp_contact *found = dp_advice_service(a, *p, "");
			assert_non_null(found);
			assert_string_equal(found->name, name);
		}
		for (const char *const *p = c.service[i].name; *p != NULL; p++) {
			(void)snprintf(label, sizeof label, "%s 14", *p);
			const dp_contact *found = dp_advice_service(a, "", label);
			if (found == NULL) fail_msg("nobody is found for '%s'", label);
			assert_string_equal(found->name, name);
		}
	}
	dp_advice_free(a);
	dp_contacts_done(&c);
}

static void those_one_needs_are_there(void **state)
{
	(void)state;
	static const char *const wanted[] = {
	    "Binance",    "Coinbase", "Kraken",    "OKX",         "Bybit",     "KuCoin",
	    "HTX",        "Gate",     "Bitfinex",  "Bitget",      "MEXC",      "Crypto.com",
	    "Gemini",     "Bitstamp", "Upbit",     "Bithumb",     "ChangeNOW", "SideShift",
	    "FixedFloat", "eXch",     "THORChain", "Tornado Cash"};
	dp_advice *a = load(NULL);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (dp_advice_service(a, NULL, wanted[i]) == NULL) fail_msg("%s", wanted[i]);
	assert_int_equal(dp_advice_service(a, "exchcx", "")->state, DP_CONTACT_CLOSED);
	assert_int_equal(dp_advice_service(a, "thorchain", "")->state, DP_CONTACT_NOBODY);
	assert_int_equal(dp_advice_service(a, "tornado", "")->state, DP_CONTACT_NOBODY);
	dp_advice_free(a);
}

// The ids are those of the public list of actors that tags come with.
static void actors_are_those_of_the_actorpack(void **state)
{
	(void)state;
	const char *shared = getenv("DYEPACK_SHARED");
	char path[4096], line[4096], known[1 << 16];
	// Further ids are what other tag files write for the same services.
	static const char *const others[] = {"okx", "gateio", "mexc"};
	(void)snprintf(path, sizeof path, "%s/data/labels/graphsense.actorpack.yaml",
	               shared != NULL ? shared : "../shared");
	FILE *f = fopen(path, "r");
	if (f == NULL) {
		print_message("skipped: %s is not there\n", path);
		skip();
	}
	size_t used = 0, size;
	dp_contacts c = parse(dp_contacts_builtin(&size), dp_contacts_builtin(&size) ? size : 0);
	while (fgets(line, sizeof line, f) != NULL)
		for (uint32_t i = 0; strncmp(line, "- id: ", 6) == 0 && i < c.service_count; i++)
			for (const char *const *p = c.service[i].actor; *p != NULL; p++)
				if (strncmp(line + 6, *p, strlen(*p)) == 0 &&
				    line[6 + strlen(*p)] == '\n')
					used += (size_t)snprintf(known + used, sizeof known - used,
					                         "[%s]", *p);
	(void)fclose(f);
	for (uint32_t i = 0; i < c.service_count; i++)
		for (const char *const *p = c.service[i].actor; *p != NULL; p++) {
			bool is_other = false;
			for (size_t k = 0; k < sizeof others / sizeof *others; k++)
				is_other |= strcmp(others[k], *p) == 0;
			(void)snprintf(line, sizeof line, "[%s]", *p);
			if (!is_other && strstr(known, line) == NULL)
				fail_msg("the actorpack has no '%s'", *p);
		}
	dp_contacts_done(&c);
}

static void labels_of_something_else_find_nobody(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	static const char *const ours[][2] = {
	    {"Binance 14", "Binance"},
	    {"binance", "Binance"},
	    {"Binance: Deposit 0x1f3a", "Binance"},
	    {"Binance.com", "Binance"},
	    {"Binance: Hot Wallet 2", "Binance"},
	    {"BINANCE_WITHDRAWAL_3", "Binance"},
	    {"Binance US", "Binance.US"},
	    {"Binance.US 3", "Binance.US"},
	    {"Gate.io 1", "Gate"},
	    {"OKEx 7", "OKX"},
	    {"Huobi 39", "HTX"},
	    {"Coinbase Prime 1", "Coinbase"},
	    {"Crypto.com 5", "Crypto.com"},
	    {"Fixed Float", "FixedFloat"},
	    {"Tornado.Cash: 100 ETH", "Tornado Cash"},
	    {"THORChain: router", "THORChain"},
	};
	static const char *const not_ours[] = {
	    "Bitfinex hack",
	    "Bitfinex Hacker 2",
	    "KuCoin Token (KCS)",
	    "Bybit theft 2025-02 (TraderTraitor)",
	    "Fake Binance",
	    "Binance phishing",
	    "Binances",
	    "Bin ance",
	    "Gatecoin.com",
	    "Huobi Japan",
	    "B\xd0\xb8nance 14",
	    "",
	    " ",
	    "14",
	    ":",
	    "com",
	    "Coinbase Wrapped BTC",
	};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		const dp_contact *c = dp_advice_service(a, "", ours[i][0]);
		if (c == NULL || strcmp(c->name, ours[i][1]) != 0)
			fail_msg("'%s' finds %s", ours[i][0], c != NULL ? c->name : "nobody");
	}
	for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++) {
		const dp_contact *c = dp_advice_service(a, "", not_ours[i]);
		if (c != NULL) fail_msg("'%s' finds %s", not_ours[i], c->name);
	}
	assert_null(dp_advice_service(a, NULL, NULL));
	assert_null(dp_advice_service(a, "nobody-we-know", "Bitfinex hack"));
	// An actor that is not known does not hide the label's.
	assert_string_equal(dp_advice_service(a, "nobody-we-know", "Kraken 4")->name, "Kraken");
	dp_advice_free(a);
}

//- issuers ----------------------------------------------------------------------------------------

static void selectors_are_the_contracts(void **state)
{
	(void)state;
	// As public bindings and explorers have them; the program computes its own.
	static const struct {
		const char *chain, *symbol;
		uint8_t selector[4];
	} known[] = {
	    {"ethereum", "USDT", {0xe4, 0x7d, 0x60, 0x60}}, // isBlackListed(address)
	    {"ethereum", "USDC", {0xfe, 0x57, 0x5a, 0x87}}, // isBlacklisted(address)
	    {"ethereum", "EURC", {0xfe, 0x57, 0x5a, 0x87}},
	    {"base", "USDC", {0xfe, 0x57, 0x5a, 0x87}},
	    {"polygon", "USDC", {0xfe, 0x57, 0x5a, 0x87}},
	    {"ethereum", "PYUSD", {0xe5, 0x83, 0x98, 0x36}}, // isFrozen(address)
	    {"ethereum", "USDP", {0xe5, 0x83, 0x98, 0x36}},
	    {"ethereum", "BUSD", {0xe5, 0x83, 0x98, 0x36}},
	    {"avalanche", "USDT", {0xfb, 0xac, 0x39, 0x51}}, // isBlocked(address)
	};
	dp_advice *a = load(NULL);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		const dp_issuer *s = dp_advice_issuer(a, asset(known[i].chain, known[i].symbol));
		assert_non_null(s);
		assert_true(s->has_call);
		assert_memory_equal(s->selector, known[i].selector, 4);
	}
	dp_advice_free(a);
}

// The list of assets names the same issuers as the contacts, for the same tokens; bridged copies
// have none.
static void every_token_with_an_issuer_has_its_contact(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	uint32_t count = 0;
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		const dp_asset_info *info = dp_asset_info_of((dp_asset){v});
		const dp_issuer *s = dp_advice_issuer(a, info->id);
		if ((s != NULL) != (info->issuer[0] != 0))
			fail_msg("%s on %s: issuer '%s', contact %s", info->symbol,
			         info->chain != NULL ? info->chain->name : "-", info->issuer,
			         s != NULL ? s->contact.name : "none");
		if (s == NULL) continue;
		uint8_t selector[4];
		count++;
		assert_string_equal(s->contact.name, info->issuer);
		assert_memory_equal(s->contract, info->contract, 20);
		assert_int_equal(s->has_call, s->ask[0] != 0);
		dp_contact_selector(selector, s->ask);
		if (s->has_call) assert_memory_equal(selector, s->selector, 4);
	}
	assert_true(count >= 20);
	assert_null(dp_advice_issuer(a, DP_ASSET_NONE));
	dp_advice_free(a);
}

//- lines ------------------------------------------------------------------------------------------

static void an_arrival_names_whom_what_and_how_long(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	dp_advice_question q = question("arrival");
	q.label = "Binance 14";
	q.category = "exchange";
	q.age_s = 90;
	ask(a, &q);
	expect(0, "Write to Binance now. Ask to hold deposits to " DEPOSIT
	          " (12.5 ETH, transaction " TX "): https://www.binance.com/en/support/faq/"
	          "how-to-report-stolen-funds-transferred-to-binance-360000006051");
	expect(1, "An exchange credits a deposit often after 10 to 15 minutes: time left about 8 "
	          "minutes.");
	expect(
	    2,
	    "Law enforcement writes to Binance here: https://app.kodexglobal.com/binance/signup");
	expect_somewhere("Binance asks for: ");
	expect_somewhere("This about Binance was read on 2026-11-23: https://www.binance.com/");
	expect_nowhere("mempool");
	expect_nowhere("freeze this"); // ETH has no issuer
	q.is_pending = true;
	ask(a, &q);
	expect(0, "Only seen in the mempool: not in a block yet; it can still be replaced.");
	expect(2, "An exchange credits a deposit often 10 to 15 minutes after its block: there is "
	          "that much time and a little more.");
	dp_advice_free(a);
}

static const char *time_line(const dp_advice *a, int64_t age_s, uint64_t block_s)
{
	dp_advice_question q = question("arrival");
	q.actor = "kraken";
	q.age_s = age_s;
	q.confirmations_s = block_s;
	ask(a, &q);
	return ear.line[1];
}

static void time_runs_out(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	assert_non_null(strstr(time_line(a, -500, 12), "time left about 10 minutes."));
	assert_non_null(strstr(time_line(a, 0, 0), "time left about 10 minutes."));
	assert_non_null(strstr(time_line(a, 530, 12), "time left about 1 minute."));
	assert_non_null(strstr(time_line(a, 599, 12), "time left about less than a minute."));
	assert_non_null(strstr(time_line(a, 600, 12), "any moment. Ask Kraken to freeze"));
	assert_non_null(strstr(time_line(a, 900, 12),
	                       "Its block is 15 minutes old: likely credited "
	                       "already. Ask Kraken to freeze the account"));
	assert_non_null(
	    strstr(time_line(a, 900, 600), "after 10 to 20 minutes: it may be credited"));
	assert_non_null(strstr(time_line(a, INT64_MAX, UINT64_MAX), "hours old: likely credited"));
	assert_non_null(strstr(time_line(a, INT64_MIN, UINT64_MAX), "time left about"));
	dp_advice_free(a);
}

static void an_arrival_where_nobody_answers_says_so(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	dp_advice_question q = question("arrival");
	q.actor = "exchcx";
	ask(a, &q);
	expect(0, "eXch is closed: nobody answers there any more.");
	q.actor = "";
	q.label = "Tornado Cash: 100 ETH";
	ask(a, &q);
	expect(0, "Nobody can stop what is inside Tornado Cash: it has no custodian.");
	expect_nowhere("credits a deposit");
	q.label = "Somebody's Exchange";
	ask(a, &q);
	expect_somewhere("No contact is known for Somebody's Exchange.");
	expect_somewhere("time left about");
	q.category = "contract_mixer";
	ask(a, &q);
	expect_somewhere("watch what comes out of it");
	expect_nowhere("credits a deposit");
	q = question("arrival");
	ask(a, &q);
	expect_somewhere("Nobody is known to write to about " DEPOSIT);
	dp_advice_free(a);
}

static void a_token_that_can_be_frozen_says_whether_it_is(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	dp_advice_question q = question("move");
	q.asset = asset("ethereum", "USDT");
	q.shown = "1000 USDT";
	q.knows_frozen = true;
	ask(a, &q);
	expect(0, "It moves: now at " DEPOSIT " (1000 USDT, transaction " TX ").");
	expect(1, "Tether can freeze this: not frozen yet (read from the contract). Ask at once to "
	          "freeze USDT at " DEPOSIT ", it takes hours: "
	          "https://tether.to/en/legal/?tab=law-enforcement-requests");
	expect_somewhere("Tether asks for: a request of a verified law enforcement agency");
	expect_somewhere("is second-hand, read on 2026-05-26; check it first");
	q.knows_frozen = false;
	ask(a, &q);
	expect_somewhere("Tether can freeze this; whether it has was not read.");
	q.asset = asset("base", "USDC");
	q.knows_frozen = q.is_frozen = true;
	ask(a, &q);
	expect_somewhere("Already frozen by Circle (read from the contract): USDC cannot move at");
	expect_somewhere("Circle asks for: a legal order, as a rule of a US court");
	q.asset = asset("ethereum", "TUSD");
	ask(a, &q);
	expect_somewhere("This about TrueUSD is not verified; open its own page first");
	q.asset = asset("ethereum", "DAI");
	ask(a, &q);
	expect(1, "No issuer can stop this asset. Keep watching " DEPOSIT
	          ": write when it reaches a service.");
	dp_advice_free(a);
}

static void each_kind_has_its_words(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	dp_advice_question q = question("wake");
	ask(a, &q);
	expect_somewhere("Money that lay still moves again, now at " DEPOSIT);
	q = question("holder");
	ask(a, &q);
	expect_somewhere("A new holder: " DEPOSIT " (12.5 ETH, transaction " TX "). Who it is");
	q = question("watched");
	ask(a, &q);
	expect(0, "A watched address was touched: look at " DEPOSIT " (12.5 ETH, transaction " TX
	          ") before anything else.");
	q = question("finding");
	q.address = q.shown = "";
	ask(a, &q);
	expect(0,
	       "Look at it (transaction " TX ") before acting: a pattern is a reason to look, not "
	       "a proof.");
	q = question("link");
	q.label = "changenow";
	ask(a, &q);
	expect_somewhere(
	    "Write to ChangeNOW now, it pays out within minutes. Ask to hold the order");
	q.label = "thorchain";
	ask(a, &q);
	expect_somewhere("Nobody can stop what is inside THORChain");
	q.label = "across";
	ask(a, &q);
	expect_somewhere("It goes through across: " DEPOSIT);
	q = question("freeze");
	q.asset = asset("ethereum", "PYUSD");
	q.shown = "5 PYUSD";
	q.knows_frozen = q.is_frozen = true;
	ask(a, &q);
	expect(0, "Already frozen by Paxos (read from the contract): " DEPOSIT
	          " (5 PYUSD, transaction " TX ").");
	expect_somewhere("a freeze is no seizure");
	q.is_frozen = false;
	ask(a, &q);
	expect_somewhere("Not frozen (read from the contract): it can move. Ask Paxos why");
	q.asset = DP_ASSET_NONE;
	ask(a, &q);
	expect_somewhere("Its issuer acted on");
	q = question("something-new");
	q.is_pending = true;
	ask(a, &q);
	expect_somewhere("before anything else");
	dp_advice_free(a);
}

static void what_strangers_write_stays_in_its_line(void **state)
{
	(void)state;
	static const char *const kinds[] = {"arrival", "move",    "wake",    "holder",
	                                    "link",    "watched", "finding", "freeze"};
	static char longest[100000];
	memset(longest, 'x', sizeof longest - 1);
	static const char *const texts[] = {"\n\nALERT: write to evil@example.com",
	                                    "\x1b[2J\x1b]0;x\x07",
	                                    "%s%n%1000000d",
	                                    "\xe2\x80\xae"
	                                    "desrever",
	                                    "\xff\xfe\xc0\xaf",
	                                    "\xf0\x9f\x92",
	                                    longest,
	                                    NULL};
	dp_advice *a = load(NULL);
	for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			dp_advice_question q = question(kinds[i]);
			q.actor = q.label = q.category = texts[t];
			q.address = q.tx = q.shown = texts[t];
			q.asset = asset("ethereum", i % 2 == 0 ? "USDC" : "ETH");
			ask(a, &q);
			for (uint32_t k = 0; k < ear.count; k++) {
				assert_null(strstr(ear.line[k], "\xe2\x80\xae"));
				assert_null(strchr(ear.line[k], '\xff'));
			}
		}
	// Cut between characters, and marked.
	dp_advice_question q = question("arrival");
	char label[200] = "a";
	for (int i = 0; i < 40; i++) memcpy(label + 1 + 3 * i, "\xe2\x82\xac", 4);
	q.label = label;
	ask(a, &q);
	expect_somewhere("\xe2\x82\xac....");
	expect_nowhere("?");
	dp_advice_free(a);
}

static void a_listener_that_stops_is_obeyed(void **state)
{
	(void)state;
	dp_advice *a = load(NULL);
	dp_advice_question q = question("arrival");
	dp_fault fault = {0};
	q.actor = "binance";
	q.asset = asset("ethereum", "USDC");
	ask(a, &q);
	uint32_t all = ear.count;
	for (uint32_t n = 1; n <= all; n++) {
		ear = (heard){.stop_after = n};
		assert_int_equal(dp_advice_lines(a, &q, hear, &ear, &fault), DP_LIMIT);
		assert_int_equal(ear.count, n);
	}
	dp_advice_free(a);
}

//- files ------------------------------------------------------------------------------------------

#define ENTRY(more)                                                                                \
	"services:\n- name: Desk\n  report: https://desk.example/\n"                               \
	"  source: https://desk.example/\n  read: 2026-01-02\n  verified: page\n" more
#define ISSUER(tokens)                                                                             \
	"issuers:\n- name: Desk\n  report: https://desk.example/\n"                                \
	"  source: https://desk.example/\n  read: 2026-01-02\n  verified: page\n" tokens

static void the_users_file_comes_first(void **state)
{
	(void)state;
	static const char yaml[] =
	    "services:\n"
	    "- {name: Our man at Binance, actor: binance, names: [Binance], report: "
	    "man@binance.example,\n   source: https://desk.example/, read: 2026-01-02, verified: "
	    "page}\n"
	    "issuers:\n"
	    "- name: Tether desk\n  report: desk@tether.example\n  source: https://desk.example/\n"
	    "  read: 2026-01-02\n  verified: page\n"
	    "  tokens: [{asset: \"eip155:1:USDT\", ask: \"isBlackListed(address)\"}]\n";
	char path[] = "/tmp/contacts-XXXXXX";
	int file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(write(file, yaml, sizeof yaml - 1), (ssize_t)(sizeof yaml - 1));
	assert_int_equal(close(file), 0);
	dp_advice *a = load(path);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(dp_advice_service(a, "binance", "")->name, "Our man at Binance");
	assert_string_equal(dp_advice_service(a, "", "Binance 14")->name, "Our man at Binance");
	assert_string_equal(dp_advice_service(a, "kraken", "")->name, "Kraken");
	dp_asset usdt = asset("ethereum", "USDT");
	assert_string_equal(dp_advice_issuer(a, usdt)->contact.name, "Tether desk");
	assert_string_equal(dp_advice_issuer(a, asset("ethereum", "USDC"))->contact.name, "Circle");
	dp_advice_free(a);
}

static void a_file_with_a_mistake_is_named(void **state)
{
	(void)state;
	char path[] = "/tmp/contacts-XXXXXX";
	int file = mkstemp(path);
	dp_advice *a = NULL;
	dp_fault fault = {0};
	assert_true(file >= 0);
	assert_int_equal(write(file, "servces: []\n", 12), 12);
	assert_int_equal(close(file), 0);
	assert_int_equal(dp_advice_load(&a, path, &fault), DP_BAD_CASE);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(fault.file, path);
	assert_int_equal(fault.line, 1);
	assert_null(a);
	assert_int_not_equal(dp_advice_load(&a, "/no/such/file", &fault), DP_OK);
	assert_null(a);
}

static void refused(const char *yaml, uint32_t line, uint32_t column, const char *says)
{
	dp_contacts c = {0};
	dp_fault fault = {0};
	assert_int_not_equal(dp_contacts_parse(&c, yaml, strlen(yaml), &fault), DP_OK);
	if (strstr(fault.text, says) == NULL) fail_msg("'%s' lacks '%s'", fault.text, says);
	if (fault.line != line || fault.column != column)
		fail_msg("%u:%u, not %u:%u: %s", fault.line, fault.column, line, column,
		         fault.text);
	assert_null(c.service);
}

static void each_mistake_has_its_place(void **state)
{
	(void)state;
	refused("", 1, 1, "holds 'services'");
	refused("- a\n", 1, 1, "holds 'services'");
	refused("servces: []\n", 1, 1, "did you mean 'services'");
	refused("services: x\n", 1, 11, "a list");
	refused("services: [x]\n", 1, 12, "an entry is a map");
	refused("services: [{name: x}]\n", 1, 12, "no 'source'");
	refused(ENTRY("  lwa: https://x.example/\n"), 7, 3, "did you mean 'law'");
	refused(ENTRY("  law: www.x.example\n"), 7, 8, "a page (https://...)");
	refused(ENTRY("  law: \"a b@x.example\"\n"), 7, 8, "without blanks");
	refused(ENTRY("  law: a@b@c\n"), 7, 8, "one address");
	refused(ENTRY("  note: \"a\\nb\"\n"), 7, 9, "cannot be seen");
	refused(ENTRY("  needs: \"\"\n"), 7, 10, "a text is wanted");
	refused(ENTRY("  needs: [a]\n"), 7, 10, "a text is wanted");
	refused(ENTRY("  actor: {a: b}\n"), 7, 10, "at most 64 words");
	refused(ENTRY("  actor: []\n"), 7, 10, "at most 64 words");
	refused(ENTRY("  names: [\"...\"]\n"), 7, 11, "letters or digits");
	refused(ENTRY("  state: cloesd\n"), 7, 10, "did you mean 'closed'");
	refused(ENTRY("  state: closed\n"), 7, 10, "cannot be written to");
	refused(ENTRY("  tokens: []\n"), 7, 3, "a service has no 'tokens'");
	refused(
	    "services:\n- {name: x, source: https://x.example/, read: 2026-13-01, verified: no}\n",
	    2, 47, "a day is wanted");
	refused("services:\n- {name: x, source: https://x.example/, read: 2026-01-01, verified: "
	        "maybe}\n",
	        2, 69, "is no answer");
	refused(
	    "services:\n- {name: x, source: https://x.example/, read: 2026-01-01, verified: no}\n",
	    2, 3, "no 'report'");
	refused("services:\n"
	        "- {name: a, actor: me, state: nobody, source: https://x.example/, read: "
	        "2026-01-01, verified: no}\n"
	        "- {name: b, actor: ME, state: nobody, source: https://x.example/, read: "
	        "2026-01-01, verified: no}\n",
	        3, 3, "in line 2");
	refused(ISSUER(""), 2, 3, "no 'tokens'");
	refused(ISSUER("  actor: a\n"), 7, 3, "an issuer has no 'actor'");
	refused(ISSUER("  tokens: []\n"), 7, 11, "at least one token");
	refused(ISSUER("  tokens: [x]\n"), 7, 12, "a token is a map");
	refused(ISSUER("  tokens: [{ask: \"a(address)\"}]\n"), 7, 12, "no 'asset'");
	refused(ISSUER("  tokens: [{aset: x}]\n"), 7, 13, "did you mean 'asset'");
	refused(ISSUER("  tokens: [{asset: usdt}]\n"), 7, 20, "with its chain");
	refused(ISSUER("  tokens: [{asset: \"ethreum:usdt\"}]\n"), 7, 20, "no chain 'ethreum'");
	refused(ISSUER("  tokens: [{asset: \"ethereum:nope\"}]\n"), 7, 20, "\"nope\" on ethereum");
	refused(ISSUER("  tokens: [{asset: \"ethereum:eth\"}]\n"), 7, 20, "own coin");
	refused(ISSUER("  tokens: [{asset: \"ethereum:usdt\", ask: \"isFrozen(address,bool)\"}]\n"),
	        7, 42, "a function of one address");
	refused(ISSUER("  tokens: [{asset: \"ethereum:usdt\"}, {asset: \"ethereum:USDT\"}]\n"), 7,
	        38, "there already, of Desk");
}

static void a_file_too_large_is_refused(void **state)
{
	(void)state;
	static char yaml[DP_CONTACTS_BYTES_MAX + 2];
	dp_contacts c = {0};
	memset(yaml, ' ', sizeof yaml - 1);
	assert_int_equal(dp_contacts_parse(&c, yaml, sizeof yaml - 1, NULL), DP_LIMIT);
}

// Memory that runs out at any moment is told, and nothing is left over.
static void out_of_memory_leaves_nothing(void **state)
{
	(void)state;
	dp_code code = DP_NO_MEMORY;
	for (int64_t n = 0; code != DP_OK; n++) {
		dp_advice *a = NULL;
		dp_fault fault = {0};
		int64_t live = dp_mem_live();
		assert_true(n < 100000);
		dp_mem_fail_after(n);
		code = dp_advice_load(&a, NULL, &fault);
		dp_mem_fail_after(-1);
		dp_advice_free(a);
		assert_int_equal(dp_mem_live(), live);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_entry_is_found_by_actor_and_by_label),
	    cmocka_unit_test(those_one_needs_are_there),
	    cmocka_unit_test(actors_are_those_of_the_actorpack),
	    cmocka_unit_test(labels_of_something_else_find_nobody),
	    cmocka_unit_test(selectors_are_the_contracts),
	    cmocka_unit_test(every_token_with_an_issuer_has_its_contact),
	    cmocka_unit_test(an_arrival_names_whom_what_and_how_long),
	    cmocka_unit_test(time_runs_out),
	    cmocka_unit_test(an_arrival_where_nobody_answers_says_so),
	    cmocka_unit_test(a_token_that_can_be_frozen_says_whether_it_is),
	    cmocka_unit_test(each_kind_has_its_words),
	    cmocka_unit_test(what_strangers_write_stays_in_its_line),
	    cmocka_unit_test(a_listener_that_stops_is_obeyed),
	    cmocka_unit_test(the_users_file_comes_first),
	    cmocka_unit_test(a_file_with_a_mistake_is_named),
	    cmocka_unit_test(each_mistake_has_its_place),
	    cmocka_unit_test(a_file_too_large_is_refused),
	    cmocka_unit_test(out_of_memory_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

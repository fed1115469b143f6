// The lines for people: what a responder reads on a phone at three in the morning.
//
//   ARRIVAL  12.5 ETH of bybit-2025-02 at Binance (exchange)     what, how much, whose, where
//
//   What to do:                                                  first what hurries
//   - ...
//
//   To: 0x28C6c06298d514Db089934071355E5743bf21d60 (deposit address)
//   From: 0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2            whole, to be copied
//   Tx: 0x...
//   Block: 21895251 of ethereum, 2025-02-21 14:16:11 UTC
//   Stolen: 12.5 ETH, 3 hops from the theft
//
//   high, rule exchanges, alert 0123456789abcdef revision 1
//
// A correction says WITHDRAWN or CORRECTED as its first word, then why, and what had been told.
// Many alerts of one message are a list of headlines under a sum. Label and value stand on one line
// with a colon between them, not in columns: phones break lines and have no fixed pitch.
//
// Labels, symbols and addresses are other people's text. What may not be shown (control and format
// characters, codec/utf8.h) becomes "?", lengths are cut, and in chats an invisible U+200B parts
// what a chat would turn into a link or a call ("@channel", "evil.example"); U+200B and not a
// backslash, because neither Slack nor Telegram without a parse mode has an escape for those.
#include "alert/body_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/u256.h"
#include "chain/asset.h"
#include "codec/time.h"
#include "codec/utf8.h"

enum {
	LABEL_MAX = 80,  // characters of a label, an incident, an amount
	PLACE_MAX = 130, // of an address, a transaction, an outpoint: Bitcoin's have 64 + 11 digits
	WORDS_MAX = 400, // of a reason, a finding, a line of what to do
	TODO_MAX = 12,   // lines of what to do
	FOOT_MAX = 160,  // bytes kept free for the last line
};

//- text that stops growing -----------------------------------------------------------------------

static void put(dp_body_text *t, const char *bytes, size_t n)
{
	DP_CHECK(t->size <= t->max);
	if (t->is_full || n > t->max - t->size) {
		t->is_full = true;
		return;
	}
	memcpy(t->out + t->size, bytes, n);
	t->size += n;
	t->out[t->size] = 0;
}

// Our own words.
static void say(dp_body_text *t, const char *format, ...) DP_PRINTF(2, 3);
static void say(dp_body_text *t, const char *format, ...)
{
	char words[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(words, sizeof words, format, args);
	va_end(args);
	DP_CHECK(n >= 0 && (size_t)n < sizeof words);
	put(t, words, (size_t)n);
}

static void put_character(dp_body_text *t, uint32_t c, const char *bytes, size_t n)
{
	static const char blanks[] = "\t\n\v\f\r";
	if (c < 0x80 && c != 0 && strchr(blanks, (int)c) != NULL)
		put(t, " ", 1);
	else if (c == DP_UTF8_BAD || !dp_utf8_is_shown(c))
		put(t, "?", 1);
	else if (t->is_slack && c == '&')
		put(t, "&amp;", 5);
	else if (t->is_slack && c == '<')
		put(t, "&lt;", 4);
	else if (t->is_slack && c == '>')
		put(t, "&gt;", 4);
	else
		put(t, bytes, n);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Would a chat make more of this character than a character? A point between digits is a number's,
// and two are ours, in the middle of a shortened address.
static bool is_mark(const char *text, size_t at, size_t n)
{
	char c = text[at], before = at > 0 ? text[at - 1] : 0,
	     after = at + 1 < n ? text[at + 1] : 0;
	if (c == '.')
		return !(is_digit(before) && is_digit(after)) && before != '.' && after != '.' &&
		       after != 0 && after != ' ';
	return c == '@' || c == '/' || c == '#' || (c == ':' && after == '/');
}

typedef enum author { OURS, THEIRS } author;

// At most `max` characters of somebody's text. OURS (advice) keeps its links.
static void quote(dp_body_text *t, const char *text, uint32_t max, author by)
{
	size_t n = strlen(text), at = 0;
	for (uint32_t count = 0; at < n; count++) {
		if (count == max) {
			put(t, "...", 3);
			return;
		}
		size_t from = at;
		uint32_t c = dp_utf8_next(text, n, &at);
		DP_CHECK(at > from && at <= n);
		bool parts = t->is_chat && by == THEIRS && is_mark(text, from, n);
		if (parts && (c == '/' || c == '#')) put(t, "\xe2\x80\x8b", 3);
		put_character(t, c, text + from, at - from);
		if (parts && c != '/' && c != '#') put(t, "\xe2\x80\x8b", 3);
	}
}

// A line or paragraph that does not fit is left out whole: half an address is worse than none.
typedef struct mark {
	size_t size;
} mark;

static mark begin(const dp_body_text *t)
{
	return (mark){t->size};
}

static bool fits(dp_body_text *t, mark m)
{
	if (!t->is_full) return true;
	t->size = m.size;
	t->out[t->size] = 0;
	t->is_full = false; // something shorter may fit
	return false;
}

//- facts -----------------------------------------------------------------------------------------

typedef struct facts {
	dp_json *doc;                                            // NULL: none that can be read
	const char *shown, *amount, *asset, *symbol, *from, *to; // none of them NULL
	const char *origin, *stolen, *address, *holder, *hop;    // ...
	const char *label, *actor, *category, *source, *confidence;
	const char *link_kind, *protocol, *to_chain, *to_address, *link_confidence;
	const char *dormant, *finding, *direction;
	const dp_json *todo; // NULL: none
} facts;

// A string or a number as text; "" where there is none.
static const char *member(const dp_json *object, const char *key)
{
	const dp_json *v = object == NULL ? NULL : dp_json_get(object, key);
	if (v == NULL) return "";
	const char *text = dp_json_text(v);
	if (text == NULL) text = dp_json_number(v);
	return text == NULL ? "" : text;
}

static const dp_json *inner(const dp_json *object, const char *key)
{
	const dp_json *v = object == NULL ? NULL : dp_json_get(object, key);
	return v != NULL && dp_json_is_object(v) ? v : NULL;
}

// Facts that are no JSON object are as good as none: the headline and the places still stand.
static dp_code read_facts(facts *ret_facts, const char *text, dp_fault *fault)
{
	facts f = {0};
	if (text[0] != 0 && dp_json_parse(&f.doc, text, strlen(text), fault) == DP_NO_MEMORY)
		return DP_NO_MEMORY;
	const dp_json *o = f.doc != NULL && dp_json_is_object(f.doc) ? f.doc : NULL;
	const dp_json *service = inner(o, "service"), *link = inner(o, "link");
	const struct {
		const char **to;
		const dp_json *in;
		const char *key;
	} members[] = {
	    {&f.shown, o, "shown"},
	    {&f.amount, o, "amount"},
	    {&f.asset, o, "asset"},
	    {&f.symbol, o, "symbol"},
	    {&f.from, o, "from"},
	    {&f.to, o, "to"},
	    {&f.origin, o, "origin"},
	    {&f.stolen, o, "stolen"},
	    {&f.address, o, "address"},
	    {&f.holder, o, "holder"},
	    {&f.hop, o, "hop"},
	    {&f.dormant, o, "dormant_s"},
	    {&f.finding, o, "finding"},
	    {&f.direction, o, "direction"},
	    {&f.label, service, "label"},
	    {&f.actor, service, "actor"},
	    {&f.category, service, "category"},
	    {&f.source, service, "source"},
	    {&f.confidence, service, "confidence"},
	    {&f.link_kind, link, "kind"},
	    {&f.protocol, link, "protocol"},
	    {&f.to_chain, link, "to_chain"},
	    {&f.to_address, link, "to_address"},
	    {&f.link_confidence, link, "confidence"},
	};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		*members[i].to = member(members[i].in, members[i].key);
	const dp_json *todo = o == NULL ? NULL : dp_json_get(o, "todo");
	f.todo = todo != NULL && dp_json_is_array(todo) ? todo : NULL;
	*ret_facts = f;
	return DP_OK;
}

//- amounts, times, names --------------------------------------------------------------------------

static const char *chain_name(const dp_body_item *i)
{
	const dp_chain *chain = dp_chain_find(i->chain, strlen(i->chain));
	return chain == NULL ? i->chain : chain->name;
}

static void say_time(dp_body_text *t, int64_t seconds)
{
	char text[DP_TIME_TEXT_MAX];
	if (seconds < 0 || seconds > INT64_C(253402300799)) { // the end of the year 9999
		say(t, "an unknown time");
		return;
	}
	size_t n = dp_time_format(text, seconds); // 2025-02-21T14:16:11Z
	DP_CHECK(n == 20);
	say(t, "%.10s %.8s UTC", text, text + 11);
}

// A span as one says it: "42 days", "3 hours".
static void say_span(dp_body_text *t, const char *seconds)
{
	uint64_t s = 0;
	for (size_t i = 0; i < 18 && is_digit(seconds[i]); i++)
		s = s * 10 + (uint64_t)(seconds[i] - '0');
	uint64_t unit = s >= 172800 ? 86400 : s >= 7200 ? 3600 : 60;
	const char *name = unit == 86400 ? "days" : unit == 3600 ? "hours" : "minutes";
	say(t, "%llu %s", (unsigned long long)(s / unit), name);
}

// Units of a listed asset: the asset, and the units in *ret_units.
static dp_asset counted(const char *units, const char *asset, dp_u256 *ret_units)
{
	dp_asset id = DP_ASSET_NONE;
	const char *slash = strchr(asset, '/');
	if (slash == NULL || strlen(units) >= DP_U256_DEC_MAX) return DP_ASSET_NONE;
	const dp_chain *chain = dp_chain_find(asset, (size_t)(slash - asset));
	if (chain == NULL || dp_asset_parse(&id, chain, asset, strlen(asset), NULL) != DP_OK)
		return DP_ASSET_NONE;
	if (dp_u256_parse(ret_units, units, strlen(units), 0, NULL) != DP_OK) return DP_ASSET_NONE;
	return id;
}

static void say_units(dp_body_text *t, dp_u256 units, dp_asset asset)
{
	char text[DP_U256_DEC_MAX];
	const dp_asset_info *info = dp_asset_info_of(asset);
	(void)dp_u256_format(text, units, info->decimals);
	say(t, "%s %s", text, info->symbol);
}

// "12.5 ETH": as the alert shows it, else as its units say, else in units of whatever it is.
static bool say_amount(dp_body_text *t, const facts *f)
{
	dp_u256 units;
	if (f->shown[0] != 0) {
		quote(t, f->shown, LABEL_MAX, THEIRS);
		return true;
	}
	if (f->amount[0] == 0) return false;
	dp_asset asset = counted(f->amount, f->asset, &units);
	if (asset.v != 0) {
		say_units(t, units, asset);
		return true;
	}
	quote(t, f->amount, LABEL_MAX, THEIRS);
	say(t, " base units of ");
	quote(t, f->symbol[0] != 0 ? f->symbol : "an unknown asset", LABEL_MAX, THEIRS);
	return true;
}

// An address in a headline: its ends, which is what people compare. The whole stands below.
static void say_short(dp_body_text *t, const char *place)
{
	size_t n = strlen(place);
	char text[32];
	if (n <= 20) {
		quote(t, place, LABEL_MAX, THEIRS);
		return;
	}
	(void)snprintf(text, sizeof text, "%.8s..%.6s", place, place + n - 6);
	quote(t, text, LABEL_MAX, THEIRS);
}

static void say_upper(dp_body_text *t, const char *word)
{
	char upper[33];
	size_t n = strnlen(word, sizeof upper - 1);
	for (size_t i = 0; i < n; i++)
		upper[i] = (char)(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 32 : word[i]);
	upper[n] = 0;
	quote(t, upper, LABEL_MAX, THEIRS);
}

//- headlines -------------------------------------------------------------------------------------

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool is_correction(const dp_body_item *i)
{
	return is(i->state, "confirmed") && is(i->was_state, "confirmed");
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	return a[0] != 0 ? a : b[0] != 0 ? b : c;
}

// "ARRIVAL", "MIXER", "NEW HOLDER".
static void say_kind(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	if (is(i->kind, "wake"))
		say(t, "WOKEN");
	else if (is(i->kind, "holder"))
		say(t, "NEW HOLDER");
	else if (is(i->kind, "watched"))
		say(t, "WATCHED ADDRESS");
	else if (is(i->kind, "link"))
		say_upper(t, first_of(f->finding, f->link_kind, "link"));
	else if (is(i->kind, "finding") || is(i->kind, "freeze"))
		say_upper(t, first_of(f->finding, f->link_kind, i->kind));
	else
		say_upper(t, i->kind);
}

static void say_service(dp_body_text *t, const facts *f, const char *otherwise)
{
	const char *name = first_of(f->label, f->actor, "");
	if (name[0] == 0) {
		say_short(t, otherwise);
		return;
	}
	quote(t, name, LABEL_MAX, THEIRS);
	if (f->category[0] == 0) return;
	say(t, " (");
	quote(t, f->category, LABEL_MAX, THEIRS);
	say(t, ")");
}

// A name that is known is the receiver's, so it stands only where the watched address is that.
static void say_watched(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	const char *watched = first_of(f->address, i->subject, "");
	bool is_out = is(f->direction, "out") || (f->direction[0] == 0 && is(watched, f->from));
	bool is_in = is(f->direction, "in") || (f->direction[0] == 0 && is(watched, f->to));
	say(t, is_out ? " out of " : is_in ? " into " : " at ");
	if (is_out)
		say_short(t, first_of(f->from, watched, ""));
	else
		say_service(t, f, is_in ? first_of(f->to, watched, "") : watched);
}

// Where it went, for each kind of alert.
static void say_where(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	const char *to = first_of(f->to, f->address, first_of(f->holder, i->subject, ""));
	// Of a pattern the subject says what it is, too: who stands in it comes first.
	if (is(i->kind, "finding"))
		to = first_of(f->address, f->to, first_of(f->holder, f->from, i->subject));
	bool is_named = f->label[0] != 0 || f->actor[0] != 0;
	if (is(i->kind, "link")) {
		if (f->protocol[0] != 0 || is_named) {
			say(t, is(f->link_kind, "bridge-in") ? " out of " : " into ");
			quote(t, first_of(f->protocol, f->label, f->actor), LABEL_MAX, THEIRS);
		}
		if (f->to_chain[0] != 0) {
			const dp_chain *chain = dp_chain_find(f->to_chain, strlen(f->to_chain));
			say(t, " to ");
			quote(t, chain == NULL ? f->to_chain : chain->name, LABEL_MAX, THEIRS);
		}
	} else if (is(i->kind, "wake")) {
		if (f->dormant[0] != 0) say(t, " after lying still for ");
		if (f->dormant[0] != 0) say_span(t, f->dormant);
		say(t, " at ");
		say_short(t, first_of(f->address, f->from, first_of(f->holder, i->subject, "")));
	} else if (is(i->kind, "watched")) {
		say_watched(t, i, f);
	} else if (is(i->kind, "move")) {
		say(t, " to ");
		say_service(t, f, to);
	} else if (to[0] != 0 || is_named) {
		say(t, " at ");
		say_service(t, f, to);
	}
}

static void say_case(dp_body_text *t, const dp_body_item *i)
{
	if (i->incident[0] == 0) return;
	say(t, " of ");
	quote(t, i->incident, LABEL_MAX, THEIRS);
}

// Patterns in which nothing moved that could be told by its amount. False: it is none of them.
static bool say_pattern(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	const char *who = first_of(f->address, f->to, first_of(f->from, i->subject, ""));
	bool is_hub = is(f->finding, "hub"), is_bait = is(f->finding, "poisoning"),
	     is_uncovered = is(f->finding, "uncovered");
	if (!is(i->kind, "finding") || !(is_hub || is_bait || is_uncovered)) return false;
	say_short(t, who);
	say_case(t, i);
	if (is_hub) say(t, " is a hub: followed no further");
	if (is_bait) say(t, " is named by a worthless transfer");
	if (!is_uncovered) return true;
	say(t, " paid ");
	(void)say_amount(t, f);
	say(t, " more than is known to have come in");
	return true;
}

// "12.5 ETH of bybit-2025-02 at Binance (exchange)"
static void say_what(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	if (say_pattern(t, i, f)) return;
	bool has_amount = say_amount(t, f);
	if (i->incident[0] != 0) {
		say(t, has_amount ? " of " : "in ");
		quote(t, i->incident, LABEL_MAX, THEIRS);
	} else if (!has_amount) {
		say(t, "something");
	}
	say_where(t, i, f);
}

static void say_headline(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	if (is(i->state, "withdrawn"))
		say(t, "WITHDRAWN ");
	else if (is(i->state, "pending"))
		say(t, "PENDING ");
	else if (is_correction(i))
		say(t, "CORRECTED ");
	say_kind(t, i, f);
	say(t, "  ");
	say_what(t, i, f);
}

//- the parts of one alert ------------------------------------------------------------------------

// ": 12.5 ETH of x at Binance", where that is not what the headline says anyway.
static void say_difference(dp_body_text *t, const dp_body_item *i, const facts *was,
                           const facts *now)
{
	char old_words[1200], new_words[1200];
	dp_body_text a = *t, b = *t;
	a.out = old_words;
	b.out = new_words;
	a.size = b.size = 0;
	a.max = b.max = sizeof old_words - 1;
	old_words[0] = new_words[0] = 0;
	say_what(&a, i, was);
	say_what(&b, i, now);
	if (is(old_words, new_words)) return;
	say(t, ": ");
	say_what(t, i, was);
}

// What was told before, and why it is told again.
static dp_code say_before(dp_body_text *t, const dp_body_item *i, const facts *f, dp_fault *fault)
{
	bool is_withdrawn = is(i->state, "withdrawn");
	if (is_withdrawn) {
		say(t, "It does not hold");
		if (i->why[0] != 0) say(t, ": ");
		quote(t, i->why, WORDS_MAX, THEIRS);
		say(t, ".\n");
	} else if (is(i->state, "pending")) {
		say(t, "Not in a block yet: it may still be replaced or dropped.\n");
	}
	if (i->was_state[0] == 0) return DP_OK;
	facts was;
	DP_TRY(read_facts(&was, i->was_facts, fault));
	if (is(i->was_state, "withdrawn"))
		say(t, "It holds again. Was told as WITHDRAWN");
	else if (is(i->was_state, "pending") && !is_withdrawn)
		say(t, "Now in a block. Was told as PENDING");
	else
		say(t, "Was told as %s", is(i->was_state, "pending") ? "PENDING " : "");
	if (is(i->was_state, "confirmed") || is_withdrawn) say_kind(t, i, &was);
	say_difference(t, i, &was, f);
	say(t, ", ");
	say_time(t, i->was_at_ms / 1000);
	say(t, ".\n");
	if (is_withdrawn) say(t, "If you called anybody about it, tell them.\n");
	dp_json_free(was.doc);
	return DP_OK;
}

static void say_todo(dp_body_text *t, const facts *f)
{
	const dp_json *line = f->todo == NULL ? NULL : dp_json_first(f->todo);
	bool is_begun = false;
	for (uint32_t n = 0; line != NULL && n < TODO_MAX; n++, line = dp_json_next(line)) {
		const char *text = dp_json_text(line);
		if (text == NULL || text[0] == 0) continue;
		mark m = begin(t);
		if (!is_begun) say(t, "\nWhat to do:\n");
		say(t, "- ");
		quote(t, text, WORDS_MAX, OURS);
		say(t, "\n");
		if (!fits(t, m)) return;
		is_begun = true;
	}
}

// "To: 0x..."; nothing where there is nothing, or where it was said before.
static void say_place(dp_body_text *t, const char *name, const char *place)
{
	if (place[0] == 0) return;
	say(t, "%s: ", name);
	quote(t, place, PLACE_MAX, THEIRS);
	say(t, "\n");
}

static void try_place(dp_body_text *t, const char *name, const char *place)
{
	mark m = begin(t);
	say_place(t, name, place);
	(void)fits(t, m);
}

static void say_stolen(dp_body_text *t, const facts *f)
{
	dp_u256 units;
	dp_asset asset = counted(f->origin, f->stolen, &units);
	if (asset.v == 0 && f->hop[0] == 0) return;
	mark m = begin(t);
	say(t, "Stolen: ");
	if (asset.v != 0) say_units(t, units, asset);
	if (asset.v != 0 && f->hop[0] != 0) say(t, ", ");
	if (f->hop[0] != 0) {
		quote(t, f->hop, LABEL_MAX, THEIRS);
		say(t, " %s from the theft", is(f->hop, "1") ? "hop" : "hops");
	}
	say(t, "\n");
	(void)fits(t, m);
}

static void say_source(dp_body_text *t, const facts *f)
{
	if (f->source[0] == 0 && f->confidence[0] == 0) return;
	mark m = begin(t);
	say(t, "Named by: ");
	quote(t, f->source[0] != 0 ? f->source : "a tag", WORDS_MAX, THEIRS);
	if (f->confidence[0] != 0) say(t, ", confidence ");
	quote(t, f->confidence, LABEL_MAX, THEIRS);
	say(t, "\n");
	(void)fits(t, m);
}

static void say_places(dp_body_text *t, const dp_body_item *i, const facts *f)
{
	const char *to = first_of(f->to, is(i->kind, "arrival") ? f->address : "", "");
	say(t, "\n");
	try_place(t, "To", to);
	if (!is(f->address, to) && !is(f->address, f->from)) try_place(t, "Address", f->address);
	try_place(t, "From", f->from);
	if (!is(f->holder, to) && !is(f->holder, f->address)) try_place(t, "Holder", f->holder);
	if (to[0] == 0 && f->address[0] == 0 && f->from[0] == 0 && f->holder[0] == 0)
		try_place(t, "About", i->subject);
	try_place(t, "Goes on at", f->to_address);
	try_place(t, "Tx", i->tx);
}

static void say_block(dp_body_text *t, const dp_body_item *i)
{
	mark m = begin(t);
	if (i->has_height)
		say(t, "Block: %llu of ", (unsigned long long)i->height);
	else
		say(t, "Seen: ");
	quote(t, chain_name(i), LABEL_MAX, THEIRS);
	say(t, ", ");
	say_time(t, i->time);
	say(t, "\n");
	(void)fits(t, m);
}

static void say_foot(dp_body_text *t, const dp_body_item *i, size_t max)
{
	t->is_full = false;
	t->max = max;
	say(t, "\n");
	quote(t, i->severity, 16, THEIRS);
	say(t, ", rule ");
	quote(t, i->rule, 32, THEIRS);
	say(t, ", alert ");
	quote(t, i->id, DP_ALERT_ID_MAX, THEIRS);
	say(t, " revision %u\n", i->revision);
}

static dp_code say_one(dp_body_text *t, const dp_body_item *i, dp_fault *fault)
{
	facts f;
	size_t max = t->max;
	DP_CHECK(max > FOOT_MAX);
	DP_TRY(read_facts(&f, i->facts, fault));
	t->max = max - FOOT_MAX;
	say_headline(t, i, &f);
	say(t, "\n");
	dp_code code = say_before(t, i, &f, fault);
	// What did hold to be done does not any more.
	if (!is(i->state, "withdrawn")) say_todo(t, &f);
	say_places(t, i, &f);
	say_block(t, i);
	say_stolen(t, &f);
	say_source(t, &f);
	say_foot(t, i, max);
	dp_json_free(f.doc);
	return code;
}

//- many alerts in one message ---------------------------------------------------------------------

// What is the same in all of them; NULL: it differs.
typedef struct common {
	const char *incident, *kind, *state;
	bool has_sum;
	dp_asset asset;
	dp_u256 sum;
} common;

static dp_code find_common(common *ret_common, const dp_body_message *m, dp_fault *fault)
{
	const dp_body_item *first = &m->item[0];
	common c = {.incident = first->incident, .kind = first->kind, .state = first->state};
	c.has_sum = m->more == 0;
	for (uint32_t k = 0; k < m->count; k++) {
		const dp_body_item *i = &m->item[k];
		if (c.incident != NULL && !is(c.incident, i->incident)) c.incident = NULL;
		if (c.kind != NULL && !is(c.kind, i->kind)) c.kind = NULL;
		if (c.state != NULL && !is(c.state, i->state)) c.state = NULL;
		if (!c.has_sum) continue;
		facts f;
		dp_u256 units;
		DP_TRY(read_facts(&f, i->facts, fault));
		dp_asset asset = counted(f.amount, f.asset, &units);
		c.has_sum = asset.v != 0 && (k == 0 || asset.v == c.asset.v) &&
		            !dp_u256_add_over(&c.sum, c.sum, units);
		c.asset = asset;
		dp_json_free(f.doc);
	}
	// Several links or watched movements may be the same money twice; arrivals are not.
	c.has_sum = c.has_sum && c.kind != NULL && is(c.kind, "arrival") && c.state != NULL;
	*ret_common = c;
	return DP_OK;
}

// "3 ARRIVALS  37.5 ETH of bybit-2025-02"
static void say_common(dp_body_text *t, const dp_body_message *m, const common *c)
{
	unsigned long long count = m->count + m->more;
	if (c->state != NULL && !is(c->state, "confirmed")) {
		say_upper(t, c->state);
		say(t, ": ");
	}
	say(t, "%llu ", count);
	say_upper(t, c->kind == NULL || is(c->kind, "watched") || is(c->kind, "wake") ? "alert"
	                                                                              : c->kind);
	say(t, "S  ");
	if (c->has_sum) say_units(t, c->sum, c->asset);
	if (c->incident != NULL && c->incident[0] != 0) {
		say(t, c->has_sum ? " of " : "in ");
		quote(t, c->incident, LABEL_MAX, THEIRS);
	}
	say(t, "\n");
}

static dp_code say_entry(dp_body_text *t, uint32_t number, const dp_body_item *i, dp_fault *fault)
{
	facts f;
	DP_TRY(read_facts(&f, i->facts, fault));
	say(t, "\n%u. ", number);
	say_headline(t, i, &f);
	say(t, "\n");
	if (is(i->state, "withdrawn")) {
		say(t, "It does not hold: ");
		quote(t, i->why, WORDS_MAX, THEIRS);
		say(t, "\n");
	}
	say_place(t, "To", first_of(f.to, f.address, ""));
	say_place(t, "Tx", i->tx);
	dp_json_free(f.doc);
	return DP_OK;
}

// The advice of the first that has any: those of one group are of one kind and mostly of one place.
static dp_code say_advice(dp_body_text *t, const dp_body_message *m, dp_fault *fault)
{
	for (uint32_t k = 0; k < m->count; k++) {
		facts f;
		if (is(m->item[k].state, "withdrawn")) continue;
		DP_TRY(read_facts(&f, m->item[k].facts, fault));
		size_t size = t->size;
		say_todo(t, &f);
		t->is_full = false;
		dp_json_free(f.doc);
		if (t->size > size) break;
	}
	return DP_OK;
}

static dp_code say_many(dp_body_text *t, const dp_body_message *m, dp_fault *fault)
{
	common c;
	size_t max = t->max;
	DP_CHECK(max > (size_t)4 * FOOT_MAX);
	DP_TRY(find_common(&c, m, fault));
	t->max = max - FOOT_MAX;
	say_common(t, m, &c);
	// Advice may take half of the room; the list has what is left.
	t->max = max / 2;
	DP_TRY(say_advice(t, m, fault));
	t->max = max - FOOT_MAX;
	uint32_t told = 0;
	while (told < m->count) {
		mark before = begin(t);
		DP_TRY(say_entry(t, told + 1, &m->item[told], fault));
		if (!fits(t, before)) break;
		told++;
	}
	t->is_full = false;
	t->max = max;
	unsigned long long left = m->count - told + m->more;
	if (left > 0) say(t, "\n... and %llu more: dyepack alerts list shows them all.\n", left);
	say(t, "\n");
	quote(t, m->item[0].severity, 16, THEIRS);
	say(t, ", rule ");
	quote(t, m->item[0].rule, 32, THEIRS);
	say(t, ", message %lld\n", (long long)m->seq);
	return DP_OK;
}

dp_code dp_body_people(dp_body_text *t, const dp_body_message *m, dp_fault *fault)
{
	DP_CHECK(m->count >= 1 && t->size == 0);
	t->out[0] = 0;
	if (m->count == 1 && m->more == 0) return say_one(t, &m->item[0], fault);
	return say_many(t, m, fault);
}

dp_code dp_body_headline(dp_body_text *t, const dp_body_message *m, dp_fault *fault)
{
	DP_CHECK(m->count >= 1 && t->size == 0);
	const dp_body_item *i = &m->item[0];
	facts f;
	char tail[40] = "";
	unsigned long long more = m->count - 1 + m->more;
	if (more > 0) (void)snprintf(tail, sizeof tail, " (+%llu more)", more);
	DP_TRY(read_facts(&f, i->facts, fault));
	size_t max = t->max;
	t->out[0] = 0;
	t->max = max - strlen(tail) - 3;
	if (is(i->state, "withdrawn")) say(t, "WITHDRAWN ");
	quote(t, i->severity, 16, THEIRS);
	if (is(i->state, "pending")) say(t, " pending");
	say(t, " ");
	quote(t, i->kind, 32, THEIRS);
	say(t, ": ");
	say_what(t, i, &f);
	bool is_cut = t->is_full;
	t->is_full = false;
	t->max = max;
	say(t, "%s%s", is_cut ? "..." : "", tail);
	dp_json_free(f.doc);
	return DP_OK;
}

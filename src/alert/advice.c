// What to do with an alert, see advice.h. Short sentences in the order in which they are to be
// done, for somebody who was woken by them: to whom to write, how long there is, what they ask
// for, and last how well all this is known.
//
//   arrival    write to the service before it credits the deposit; the issuer, where the token has
//              one
//   move, wake, holder, watched
//              only an issuer can be asked; otherwise keep watching
//   link       an exchanger that holds the order for minutes, or a protocol that nobody can stop
//   finding    a reason to look, never one to accuse
//   freeze     done: keep it so
//
// How long a deposit can be stopped: "10 to 15 minutes" is what responders to large thefts report
// of exchanges; there credit comes after a number of blocks. Where one block takes longer than that
// (Bitcoin), it is taken to come after one to two blocks. All of it is a rule of thumb: the lines
// say "often" and "about".
//
// Who the words come from: names, pages and needs from contacts.yaml, where they were checked on
// reading; addresses, labels, amounts from the question, that is, from strangers. Those are cut to
// a length, and what cannot be seen in them, or would turn the line's direction, becomes "?".
#include "alert/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alert/contacts.h"
#include "base/check.h"
#include "codec/input.h"
#include "codec/utf8.h"

enum {
	LABEL_MAX = 64,       // bytes of a stranger's text; longer is cut and marked
	PLACE_MAX = 100,      // an address or transaction: the longest that chains have fit
	CREDIT_FIRST_S = 600, // when an exchange credits at the earliest, and at the latest
	CREDIT_LAST_S = 900,
	SECONDS_MAX = 1 << 30, // times beyond this are as good as for ever
};

struct dp_advice {
	dp_contacts list[2]; // the user's own first
	uint32_t count;
};

//- contacts ---------------------------------------------------------------------------------------

static dp_code load_builtin(dp_contacts *ret_contacts, dp_fault *fault)
{
	size_t size;
	const char *yaml = dp_contacts_builtin(&size);
	dp_code code = dp_contacts_parse(ret_contacts, yaml, size, fault);
	// They ship with the program: a mistake in them is ours, and tests find it.
	DP_CHECK(code == DP_OK || code == DP_NO_MEMORY);
	return code;
}

static dp_code load_file(dp_contacts *ret_contacts, const char *path, dp_fault *fault)
{
	dp_input *in = NULL;
	uint8_t *bytes = NULL;
	size_t size = 0;
	DP_TRY(dp_input_open(&in, path, fault));
	dp_code code = dp_input_read_all(in, &bytes, &size, DP_CONTACTS_BYTES_MAX, fault);
	dp_input_close(in);
	if (code == DP_OK) code = dp_contacts_parse(ret_contacts, (const char *)bytes, size, fault);
	if (code != DP_OK) dp_fault_file(fault, path);
	dp_free(bytes);
	return code;
}

dp_code dp_advice_load(dp_advice **ret_advice, const char *path, dp_fault *fault)
{
	DP_CHECK(ret_advice != NULL);
	dp_advice *a = dp_alloc(sizeof *a);
	if (a == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	if (path != NULL) code = load_file(&a->list[a->count++], path, fault);
	if (code == DP_OK) code = load_builtin(&a->list[a->count++], fault);
	if (code != DP_OK) {
		dp_advice_free(a);
		return code;
	}
	*ret_advice = a;
	return DP_OK;
}

void dp_advice_free(dp_advice *a)
{
	if (a == NULL) return;
	for (uint32_t i = 0; i < a->count; i++) dp_contacts_done(&a->list[i]);
	dp_free(a);
}

static bool same_id(const char *a, const char *b)
{
	for (;; a++, b++) {
		char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
		char y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;
		if (x != y) return false;
		if (x == 0) return true;
	}
}

// In one file: an actor is an identity, a label only looks like one.
static const dp_contact *find_service(const dp_contacts *c, const char *actor, const char *label)
{
	for (uint32_t i = 0; actor[0] != 0 && i < c->service_count; i++)
		for (const char *const *a = c->service[i].actor; *a != NULL; a++)
			if (same_id(*a, actor)) return &c->service[i].contact;
	for (uint32_t i = 0; label[0] != 0 && i < c->service_count; i++)
		for (const char *const *n = c->service[i].name; *n != NULL; n++)
			if (dp_contact_is_label(*n, label)) return &c->service[i].contact;
	return NULL;
}

const dp_contact *dp_advice_service(const dp_advice *a, const char *actor, const char *label)
{
	DP_CHECK(a != NULL && a->count > 0);
	const dp_contact *found = NULL;
	for (uint32_t i = 0; found == NULL && i < a->count; i++)
		found = find_service(&a->list[i], actor != NULL ? actor : "",
		                     label != NULL ? label : "");
	return found;
}

const dp_issuer *dp_advice_issuer(const dp_advice *a, dp_asset asset)
{
	DP_CHECK(a != NULL && a->count > 0);
	for (uint32_t i = 0; asset.v != 0 && i < a->count; i++)
		for (uint32_t k = 0; k < a->list[i].issuer_count; k++)
			if (a->list[i].issuer[k].asset.v == asset.v) return &a->list[i].issuer[k];
	return NULL;
}

//- words ------------------------------------------------------------------------------------------

// One asking for advice: what it says, cleaned, and where the lines go.
typedef struct asking {
	const dp_advice *advice;
	const dp_advice_question *q;
	char label[LABEL_MAX + 4], shown[LABEL_MAX + 4];
	char address[PLACE_MAX + 4], tx[PLACE_MAX + 4];
	char what[2 * PLACE_MAX + LABEL_MAX + 64]; // "0x... (12.5 ETH, transaction 0x...)"
	dp_code (*line)(void *context, const char *text, dp_fault *fault);
	void *context;
	dp_fault *fault;
} asking;

// A stranger's text for one line of at most `max` bytes; what is cut is marked by "...".
static void clean(char *out, size_t max, const char *text)
{
	// Four bytes more than fit, so that no character is cut in two before it is decoded.
	size_t n = text != NULL ? strnlen(text, max + 4) : 0, used = 0, at = 0;
	while (at < n) {
		size_t next = at;
		uint32_t c = dp_utf8_next(text, n, &next);
		// One byte that is no ASCII is no character at all.
		bool is_kept = dp_utf8_is_shown(c) && (next - at > 1 || c < 0x80);
		size_t size = is_kept ? next - at : 1;
		if (used + size > max) break;
		if (is_kept)
			memcpy(out + used, text + at, size);
		else
			out[used] = '?';
		used += size;
		at = next;
	}
	bool is_cut = text != NULL && text[at] != 0;
	(void)snprintf(out + used, 4, "%s", is_cut ? "..." : "");
}

// "0x... (12.5 ETH, transaction 0x...)", as far as it is known; at least "it".
static void say_what(asking *k)
{
	bool has_more = k->shown[0] != 0 || k->tx[0] != 0;
	bool has_both = k->shown[0] != 0 && k->tx[0] != 0;
	int n = snprintf(k->what, sizeof k->what, "%s%s%s%s%s%s%s",
	                 k->address[0] != 0 ? k->address : "it", has_more ? " (" : "", k->shown,
	                 has_both ? ", " : "", k->tx[0] != 0 ? "transaction " : "", k->tx,
	                 has_more ? ")" : "");
	DP_CHECK(n > 0 && (size_t)n < sizeof k->what);
}

static dp_code say(const asking *k, const char *format, ...) DP_PRINTF(2, 3);
static dp_code say(const asking *k, const char *format, ...)
{
	char text[DP_ADVICE_LINE_MAX + 1];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	DP_CHECK(n > 0 && n <= DP_ADVICE_LINE_MAX);
	return k->line(k->context, text, k->fault);
}

static dp_code say_pending(const asking *k)
{
	if (!k->q->is_pending) return DP_OK;
	return say(k, "Only seen in the mempool: not in a block yet; it can still be replaced.");
}

//- contacts in words ------------------------------------------------------------------------------

// What they ask for, what else to know, and how well that is known.
static dp_code say_terms(const asking *k, const dp_contact *c)
{
	if (c->law[0] != 0 && strcmp(c->law, c->report) != 0)
		DP_TRY(say(k, "Law enforcement writes to %s here: %s", c->name, c->law));
	if (c->needs[0] != 0) DP_TRY(say(k, "%s asks for: %s.", c->name, c->needs));
	if (c->note[0] != 0) DP_TRY(say(k, "%s: %s", c->name, c->note));
	if (c->proof == DP_CONTACT_PAGE)
		return say(k, "This about %s was read on %s: %s", c->name, c->read, c->source);
	if (c->proof == DP_CONTACT_SECOND)
		return say(k, "This about %s is second-hand, read on %s; check it first: %s",
		           c->name, c->read, c->source);
	return say(k, "This about %s is not verified; open its own page first: %s", c->name,
	           c->source);
}

static dp_code say_stopped(const asking *k, const dp_contact *c)
{
	DP_CHECK(c->state == DP_CONTACT_CLOSED || c->state == DP_CONTACT_NOBODY);
	if (c->state == DP_CONTACT_CLOSED)
		DP_TRY(say(k, "%s is closed: nobody answers there any more.", c->name));
	else
		DP_TRY(say(k, "Nobody can stop what is inside %s: it has no custodian.", c->name));
	return say_terms(k, c);
}

// Amounts of time in words, rounded down: a promise of less time does no harm.
static const char *minutes_text(char out[32], int64_t seconds)
{
	DP_CHECK(seconds >= 0);
	if (seconds < 120)
		(void)snprintf(out, 32, "%s", seconds < 60 ? "less than a minute" : "1 minute");
	else if (seconds < 7200)
		(void)snprintf(out, 32, "%lld minutes", (long long)(seconds / 60));
	else
		(void)snprintf(out, 32, "%lld hours", (long long)(seconds / 3600));
	return out;
}

// How long a deposit can still be stopped, by the rule of thumb of the file's head.
static dp_code say_time_left(const asking *k, const char *name)
{
	char a[32], b[32];
	uint64_t block_s = k->q->confirmations_s;
	int64_t block = block_s > SECONDS_MAX ? SECONDS_MAX : (int64_t)block_s;
	int64_t first = block > CREDIT_FIRST_S ? block : CREDIT_FIRST_S;
	int64_t last = 2 * block > CREDIT_LAST_S ? 2 * block : CREDIT_LAST_S;
	// A block from the future is a clock that is wrong, not time that was won.
	int64_t age = k->q->age_s < 0 ? 0 : k->q->age_s;
	(void)minutes_text(a, first);
	(void)minutes_text(b, last);
	if (k->q->is_pending)
		return say(k,
		           "An exchange credits a deposit often %lld to %lld minutes after its "
		           "block: there is that much time and a little more.",
		           (long long)(first / 60), (long long)(last / 60));
	if (age >= last)
		return say(k,
		           "Its block is %s old: likely credited already. Ask %s to freeze the "
		           "account too.",
		           minutes_text(a, age), name);
	if (age >= first)
		return say(k,
		           "An exchange credits a deposit often after %lld to %lld minutes: it may "
		           "be credited any moment. Ask %s to freeze the account too.",
		           (long long)(first / 60), (long long)(last / 60), name);
	return say(
	    k,
	    "An exchange credits a deposit often after %lld to %lld minutes: time left about "
	    "%s.",
	    (long long)(first / 60), (long long)(last / 60), minutes_text(a, first - age));
}

// Is it a place that credits deposits to accounts? A tag without a category is taken for one.
static bool is_crediting(const asking *k)
{
	static const char *const others[] = {"mixing_service", "contract_mixer", "coinjoin",
	                                     "mixing"};
	const char *category = k->q->category != NULL ? k->q->category : "";
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(others[i], category) == 0) return false;
	return strncmp(category, "defi", 4) != 0;
}

static dp_code say_unknown_service(const asking *k)
{
	if (!is_crediting(k))
		return say(
		    k,
		    "No contact is known for %s, and places of its kind rarely stop anything: "
		    "watch what comes out of it.",
		    k->label[0] != 0 ? k->label : "this place");
	if (k->label[0] == 0)
		return say(k, "Nobody is known to write to about %s: find out whose address it is.",
		           k->what);
	DP_TRY(say(k,
	           "No contact is known for %s. Open its own site by hand (never from a search "
	           "result), write to its support and compliance, and ask to hold deposits to %s.",
	           k->label, k->what));
	return say_time_left(k, k->label);
}

//- issuers ----------------------------------------------------------------------------------------

static dp_code say_frozen_state(const asking *k, const dp_issuer *i)
{
	const char *name = i->contact.name;
	const char *symbol = dp_asset_info_of(i->asset)->symbol;
	const char *at = k->address[0] != 0 ? k->address : "this address";
	if (k->q->knows_frozen && k->q->is_frozen)
		return say(
		    k,
		    "Already frozen by %s (read from the contract): %s cannot move at %s. Ask "
		    "that it stays so: %s",
		    name, symbol, at, i->contact.report);
	if (k->q->knows_frozen)
		return say(
		    k,
		    "%s can freeze this: not frozen yet (read from the contract). Ask at once to "
		    "freeze %s at %s, it takes hours: %s",
		    name, symbol, at, i->contact.report);
	return say(
	    k,
	    "%s can freeze this; whether it has was not read. Ask at once to freeze %s at %s, it "
	    "takes hours: %s",
	    name, symbol, at, i->contact.report);
}

// *ret_said: is there an issuer?
static dp_code say_issuer(const asking *k, bool *ret_said)
{
	const dp_issuer *i = dp_advice_issuer(k->advice, k->q->asset);
	*ret_said = i != NULL;
	if (i == NULL) return DP_OK;
	DP_TRY(say_frozen_state(k, i));
	return say_terms(k, &i->contact);
}

//- kinds ------------------------------------------------------------------------------------------

static dp_code advise_arrival(const asking *k)
{
	bool has_issuer;
	const dp_contact *c = dp_advice_service(k->advice, k->q->actor, k->q->label);
	DP_TRY(say_pending(k));
	if (c == NULL) {
		DP_TRY(say_unknown_service(k));
	} else if (c->state != DP_CONTACT_OPEN) {
		DP_TRY(say_stopped(k, c));
	} else {
		DP_TRY(say(k, "Write to %s now. Ask to hold deposits to %s: %s", c->name, k->what,
		           c->report));
		if (is_crediting(k)) DP_TRY(say_time_left(k, c->name));
		DP_TRY(say_terms(k, c));
	}
	return say_issuer(k, &has_issuer);
}

// What cannot be asked of anybody can be watched.
static dp_code say_watch(const asking *k)
{
	bool has_issuer;
	DP_TRY(say_issuer(k, &has_issuer));
	if (has_issuer) return DP_OK;
	return say(k,
	           "No issuer can stop this asset. Keep watching %s: write when it reaches a "
	           "service.",
	           k->address[0] != 0 ? k->address : "it");
}

static dp_code advise_move(const asking *k)
{
	DP_TRY(say_pending(k));
	DP_TRY(say(k, "It moves: now at %s.", k->what));
	return say_watch(k);
}

static dp_code advise_wake(const asking *k)
{
	DP_TRY(say_pending(k));
	DP_TRY(say(k,
	           "Money that lay still moves again, now at %s: expect more within minutes. Have "
	           "the police report and this list at hand.",
	           k->what));
	return say_watch(k);
}

static dp_code advise_holder(const asking *k)
{
	DP_TRY(say_pending(k));
	DP_TRY(say(k, "A new holder: %s. Who it is, is not known: write to nobody as a suspect.",
	           k->what));
	return say_watch(k);
}

static dp_code advise_link(const asking *k)
{
	bool has_issuer;
	const dp_contact *c = dp_advice_service(k->advice, k->q->actor, k->q->label);
	DP_TRY(say_pending(k));
	if (c != NULL && c->state != DP_CONTACT_OPEN) {
		DP_TRY(say_stopped(k, c));
	} else if (c != NULL) {
		DP_TRY(
		    say(k,
		        "Write to %s now, it pays out within minutes. Ask to hold the order of %s: "
		        "%s",
		        c->name, k->what, c->report));
		DP_TRY(say_terms(k, c));
	} else {
		DP_TRY(
		    say(k,
		        "It goes through %s: %s. Watch the other side; a proven link is followed "
		        "by itself, others are for you to judge.",
		        k->label[0] != 0 ? k->label : "a protocol", k->what));
	}
	return say_issuer(k, &has_issuer);
}

static dp_code advise_watched(const asking *k)
{
	DP_TRY(say_pending(k));
	return say(k, "A watched address was touched: look at %s before anything else.", k->what);
}

static dp_code advise_finding(const asking *k)
{
	DP_TRY(say_pending(k));
	return say(k, "Look at %s before acting: a pattern is a reason to look, not a proof.",
	           k->what);
}

static dp_code advise_freeze(const asking *k)
{
	const dp_issuer *i = dp_advice_issuer(k->advice, k->q->asset);
	DP_TRY(say_pending(k));
	if (i == NULL)
		return say(k, "Its issuer acted on %s: ask the issuer on what order.", k->what);
	if (k->q->knows_frozen && !k->q->is_frozen) {
		DP_TRY(say(k,
		           "Not frozen (read from the contract): it can move. Ask %s why, and to "
		           "freeze it again: %s",
		           i->contact.name, i->contact.report));
		return say_terms(k, &i->contact);
	}
	DP_TRY(say(
	    k, "%s by %s (%s): %s.",
	    k->q->knows_frozen ? "Already frozen" : "Its contract logged a step", i->contact.name,
	    k->q->knows_frozen ? "read from the contract" : "the state now was not read", k->what));
	DP_TRY(say(k,
	           "Tell the investigators: a freeze is no seizure and can be lifted. Ask %s that "
	           "it stays: %s",
	           i->contact.name, i->contact.report));
	return say_terms(k, &i->contact);
}

static const struct {
	const char *kind;
	dp_code (*advise)(const asking *k);
} kinds[] = {
    {"arrival", advise_arrival}, {"move", advise_move},     {"wake", advise_wake},
    {"holder", advise_holder},   {"link", advise_link},     {"watched", advise_watched},
    {"finding", advise_finding}, {"freeze", advise_freeze},
};

dp_code dp_advice_lines(const dp_advice *a, const dp_advice_question *q,
                        dp_code (*line)(void *context, const char *text, dp_fault *fault),
                        void *context, dp_fault *fault)
{
	DP_CHECK(a != NULL && q != NULL && line != NULL);
	DP_CHECK(q->kind != NULL && q->asset.v <= dp_asset_count());
	asking k = {.advice = a, .q = q, .line = line, .context = context, .fault = fault};
	clean(k.label, LABEL_MAX, q->label);
	clean(k.shown, LABEL_MAX, q->shown);
	clean(k.address, PLACE_MAX, q->address);
	clean(k.tx, PLACE_MAX, q->tx);
	say_what(&k);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, q->kind) == 0) return kinds[i].advise(&k);
	// A kind that is not known here: what can be said of any.
	return say(&k, "Look at %s before anything else.", k.what);
}

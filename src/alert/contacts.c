// Reading contacts.yaml, see contacts.h. Nothing in it is guessed: an unknown key, a page that is
// no page, a token that is not on the asset list are each a fault with its line and column, because
// a contact that is silently left out is missed at three in the morning.
//
// A selector is not written in the file but computed from the function's text, as Solidity's ABI
// says (Contract ABI Specification, "Function Selector"): so the two cannot disagree.
//
// Labels. Etherscan and those who copy it write "Binance 14", "Binance: Deposit", "Gate.io 1"; so a
// label is a name and then which wallet of its owner it is. Whatever else follows makes another
// thing of it ("Bitfinex hack", "KuCoin Token (KCS)"): the words that may follow are therefore a
// list, and what is not on it does not match. It is better to know nobody than to write to the
// wrong one.
#include "alert/contacts.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "chain/chain.h"
#include "codec/hash.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "codec/yaml.h"

enum { ASK_MAX = 100 };

typedef struct reader {
	dp_contacts *to;
	dp_fault *fault;
} reader;

//- labels -----------------------------------------------------------------------------------------

// Bytes above 127 are part of words, so that a letter that only looks like another one matches
// nothing.
static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (unsigned char)c >= 0x80;
}

typedef struct word {
	const char *text;
	size_t size;
} word;

// The next word behind *io_text; size 0 at the end.
static word next_word(const char **io_text)
{
	const char *p = *io_text;
	while (*p != 0 && !is_word_byte(*p)) p++;
	word w = {.text = p};
	while (is_word_byte(*p)) p++;
	w.size = (size_t)(p - w.text);
	*io_text = p;
	return w;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_word(word a, word b)
{
	if (a.size != b.size) return false;
	for (size_t i = 0; i < a.size; i++)
		if (lower(a.text[i]) != lower(b.text[i])) return false;
	return true;
}

// A number, or the beginning of an address as explorers show it ("0x1234...").
static bool is_number(word w)
{
	size_t i = w.size > 2 && w.text[0] == '0' && lower(w.text[1]) == 'x' ? 2 : 0;
	bool is_hex = i == 2;
	for (; i < w.size; i++) {
		char c = lower(w.text[i]);
		if (!(c >= '0' && c <= '9') && !(is_hex && c >= 'a' && c <= 'f')) return false;
	}
	return w.size > 0;
}

static bool says_which_wallet(word w)
{
	// The first line ends names of sites, the others say what a wallet is used for.
	static const char *const words[] = {
	    "com",         "io",      "net",      "cx",        "ai",
	    "org",         "hot",     "cold",     "warm",      "wallet",
	    "wallets",     "deposit", "deposits", "dep",       "address",
	    "addresses",   "account", "accounts", "withdraw",  "withdrawal",
	    "withdrawals", "user",    "users",    "customer",  "customers",
	    "exchange",    "custody", "reserve",  "reserves",  "main",
	    "internal",    "sweeper", "sweep",    "collector", "consolidation",
	    "gas",         "funder",  "router",   "proxy",     "pool",
	    "eth",         "btc",     "usdt",     "usdc",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (same_word(w, (word){.text = words[i], .size = strlen(words[i])})) return true;
	return is_number(w);
}

bool dp_contact_is_label(const char *name, const char *label)
{
	DP_CHECK(name != NULL && label != NULL);
	uint32_t count = 0;
	for (word want = next_word(&name); want.size > 0; want = next_word(&name), count++)
		if (!same_word(want, next_word(&label))) return false;
	for (word rest = next_word(&label); rest.size > 0; rest = next_word(&label))
		if (!says_which_wallet(rest)) return false;
	return count > 0;
}

void dp_contact_selector(uint8_t ret_selector[4], const char *function)
{
	uint8_t hash[32];
	DP_CHECK(ret_selector != NULL && function != NULL);
	dp_keccak256(hash, function, strlen(function));
	memcpy(ret_selector, hash, 4);
}

//- values -----------------------------------------------------------------------------------------

static dp_code bad_value(reader *r, const dp_yaml *at, const char *what)
{
	return dp_fail_at(r->fault, DP_BAD_CASE, at->line, at->column, "%s", what);
}

// "'x' is no state: did you mean 'y'?" at a place; `known` ends with NULL.
static dp_code not_known(reader *r, uint32_t line, uint32_t column, const char *text,
                         const char *const *known, const char *what)
{
	const char *near = dp_nearest(text, strlen(text), known);
	return dp_fail_at(r->fault, DP_BAD_CASE, line, column, "'%.40s' is no %s%s%s%s", text, what,
	                  near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                  near != NULL ? "'?" : "");
}

// A text that can stand in a line: not empty, not too long, nothing that cannot be seen.
static dp_code read_text(reader *r, const char **ret_text, const dp_yaml *v)
{
	DP_CHECK(ret_text != NULL && v != NULL);
	if (v->kind != DP_YAML_SCALAR || v->size == 0)
		return bad_value(r, v, "a text is wanted here");
	if (v->size > DP_CONTACT_TEXT_MAX)
		return bad_value(r, v, "the text is longer than 500 bytes");
	for (size_t at = 0; at < v->size;)
		if (!dp_utf8_is_shown(dp_utf8_next(v->text, v->size, &at)))
			return bad_value(r, v, "the text has characters that cannot be seen");
	const char *copy = dp_arena_text(&r->to->arena, v->text, v->size);
	if (copy == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	*ret_text = copy;
	return DP_OK;
}

// Where one writes: a page or name@host. One thing, so that it can be clicked.
static dp_code read_place(reader *r, const char **ret_text, const dp_yaml *v)
{
	DP_TRY(read_text(r, ret_text, v));
	const char *text = *ret_text, *at = strchr(text, '@');
	bool is_page = strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
	bool is_mail = !is_page && at != NULL && at != text && at[1] != 0 &&
	               strchr(at + 1, '@') == NULL && strchr(at, '/') == NULL;
	if ((is_page || is_mail) && strpbrk(text, " <>\"") == NULL) return DP_OK;
	return bad_value(r, v,
	                 "a page (https://...) or one address (name@host) is wanted here, without "
	                 "blanks");
}

static dp_code read_day(reader *r, const char **ret_text, const dp_yaml *v)
{
	int64_t time;
	DP_TRY(read_text(r, ret_text, v));
	if (v->size == 10 && v->text[4] == '-' && dp_time_parse(&time, v->text, v->size))
		return DP_OK;
	return bad_value(r, v, "a day is wanted here: 2026-11-23");
}

// A word of a table; *ret_index is its place.
static dp_code read_choice(reader *r, uint8_t *ret_index, const dp_yaml *v,
                           const char *const *known, const char *what)
{
	if (v->kind != DP_YAML_SCALAR || v->size == 0)
		return bad_value(r, v, "one word is wanted here");
	for (uint8_t i = 0; known[i] != NULL; i++)
		if (strcmp(known[i], v->text) == 0) {
			*ret_index = i;
			return DP_OK;
		}
	return not_known(r, v->line, v->column, v->text, known, what);
}

// One word or a list of words, after `first` (NULL: none), ended by NULL.
static dp_code read_words(reader *r, const char *const **ret_words, const char *first,
                          const dp_yaml *v)
{
	uint32_t count = 0, n = 0;
	if (v != NULL) {
		count = v->kind == DP_YAML_LIST ? v->size : 1;
		if (v->kind == DP_YAML_MAP || count == 0 || count > DP_CONTACT_WORDS_MAX)
			return bad_value(r, v,
			                 "a word or a list of at most 64 words is wanted here");
	}
	const char **words = dp_arena_alloc(&r->to->arena, (count + 2) * sizeof *words);
	if (words == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	if (first != NULL) words[n++] = first;
	const dp_yaml *m = v != NULL && v->kind == DP_YAML_LIST ? v->first : v;
	for (uint32_t i = 0; i < count; i++, m = m->next) {
		DP_TRY(read_text(r, &words[n], m));
		const char *text = words[n++];
		if (next_word(&text).size == 0)
			return bad_value(r, m, "a name of letters or digits is wanted here");
	}
	*ret_words = words;
	return DP_OK;
}

//- entries ----------------------------------------------------------------------------------------

enum { NAME, REPORT, LAW, NEEDS, NOTE, SOURCE, READ, STATE, VERIFIED, ACTOR, NAMES, TOKENS, KEYS };

static const char *const key_names[KEYS + 1] = {"name",   "report", "law",   "needs",    "note",
                                                "source", "read",   "state", "verified", "actor",
                                                "names",  "tokens", NULL};
static const char *const proof_names[] = {"no", "second-hand", "page", NULL};
static const char *const state_names[] = {"open", "closed", "nobody", NULL};

// The members of an entry by key, those that stand there.
static dp_code find_members(reader *r, const dp_yaml *ret_member[KEYS], const dp_yaml *v,
                            bool is_issuer)
{
	if (v->kind != DP_YAML_MAP)
		return bad_value(r, v, "an entry is a map with name, report, source, read, ...");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		int k = 0;
		while (k < KEYS && strcmp(key_names[k], m->key) != 0) k++;
		if (k == KEYS)
			return not_known(r, m->key_line, m->key_column, m->key, key_names,
			                 "key of an entry");
		if (is_issuer ? k == ACTOR || k == NAMES || k == STATE : k == TOKENS)
			return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			                  is_issuer ? "an issuer has no '%s'"
			                            : "a service has no '%s': issuers have",
			                  m->key);
		ret_member[k] = m;
	}
	return DP_OK;
}

static dp_code missing(reader *r, const dp_yaml *v, const char *what)
{
	return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column, "the entry has no '%s'", what);
}

static dp_code read_contact(reader *r, dp_contact *ret_contact, const dp_yaml *v,
                            const dp_yaml *const m[KEYS])
{
	dp_contact c = {.report = "", .law = "", .needs = "", .note = ""};
	// Without a page and a day one could not tell how far to trust the rest.
	static const uint8_t wanted[] = {NAME, SOURCE, READ, VERIFIED};
	for (size_t i = 0; i < sizeof wanted; i++)
		if (m[wanted[i]] == NULL) return missing(r, v, key_names[wanted[i]]);
	DP_TRY(read_text(r, &c.name, m[NAME]));
	const char *name = c.name;
	if (next_word(&name).size == 0)
		return bad_value(r, m[NAME], "a name of letters or digits is wanted here");
	DP_TRY(read_place(r, &c.source, m[SOURCE]));
	DP_TRY(read_day(r, &c.read, m[READ]));
	DP_TRY(
	    read_choice(r, &c.proof, m[VERIFIED], proof_names, "answer (page, second-hand, no)"));
	if (m[STATE] != NULL)
		DP_TRY(read_choice(r, &c.state, m[STATE], state_names,
		                   "state (open, closed, nobody)"));
	if (m[REPORT] != NULL) DP_TRY(read_place(r, &c.report, m[REPORT]));
	if (m[LAW] != NULL) DP_TRY(read_place(r, &c.law, m[LAW]));
	if (m[NEEDS] != NULL) DP_TRY(read_text(r, &c.needs, m[NEEDS]));
	if (m[NOTE] != NULL) DP_TRY(read_text(r, &c.note, m[NOTE]));
	if (c.state == DP_CONTACT_OPEN && m[REPORT] == NULL) return missing(r, v, "report");
	if (c.state != DP_CONTACT_OPEN && (m[REPORT] != NULL || m[LAW] != NULL))
		return bad_value(r, m[STATE], "who cannot be written to has no 'report' and 'law'");
	*ret_contact = c;
	return DP_OK;
}

static bool same_text(const char *a, const char *b)
{
	return same_word((word){a, strlen(a)}, (word){b, strlen(b)});
}

static dp_code read_service(reader *r, const dp_yaml *v)
{
	const dp_yaml *m[KEYS] = {NULL};
	dp_contact_row row = {.line = v->line};
	DP_TRY(find_members(r, m, v, false));
	DP_TRY(read_contact(r, &row.contact, v, m));
	DP_TRY(read_words(r, &row.actor, NULL, m[ACTOR]));
	DP_TRY(read_words(r, &row.name, row.contact.name, m[NAMES]));
	// Two entries for one actor would make the second one a dead letter.
	for (uint32_t i = 0; i < r->to->service_count; i++)
		for (const char *const *a = r->to->service[i].actor; *a != NULL; a++)
			for (const char *const *b = row.actor; *b != NULL; b++)
				if (same_text(*a, *b))
					return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
					                  "the actor '%.60s' is there already, in "
					                  "line %u",
					                  *a, r->to->service[i].line);
	r->to->service[r->to->service_count++] = row;
	return DP_OK;
}

//- issuers ----------------------------------------------------------------------------------------

// "chain:symbol" or "chain:0x...": a chain's CAIP-2 name has a colon of its own, so the last one
// divides.
static dp_code read_asset(reader *r, dp_issuer *io_issuer, const dp_yaml *v)
{
	const char *colon = v->kind == DP_YAML_SCALAR ? strrchr(v->text, ':') : NULL;
	if (colon == NULL)
		return bad_value(r, v, "a token is written with its chain: \"ethereum:USDT\"");
	size_t n = (size_t)(colon - v->text);
	const dp_chain *chain = dp_chain_find(v->text, n);
	if (chain == NULL)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "no chain '%.*s' is known", (int)(n > 40 ? 40 : n), v->text);
	dp_fault inner = {0};
	dp_code code =
	    dp_asset_parse(&io_issuer->asset, chain, colon + 1, strlen(colon + 1), &inner);
	if (code != DP_OK)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column, "%s", inner.text);
	const dp_asset_info *info = dp_asset_info_of(io_issuer->asset);
	if (!info->has_contract)
		return bad_value(r, v, "a chain's own coin has no contract and no issuer");
	memcpy(io_issuer->contract, info->contract, 20);
	return DP_OK;
}

// A function of one address, as Solidity writes it.
static dp_code read_ask(reader *r, dp_issuer *io_issuer, const dp_yaml *v)
{
	DP_TRY(read_text(r, &io_issuer->ask, v));
	const char *text = io_issuer->ask;
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$");
	if (n == 0 || (text[0] >= '0' && text[0] <= '9') || v->size > ASK_MAX ||
	    strcmp(text + n, "(address)") != 0)
		return bad_value(r, v,
		                 "a function of one address is wanted here, as Solidity writes it: "
		                 "\"isBlackListed(address)\"");
	dp_contact_selector(io_issuer->selector, text);
	io_issuer->has_call = true;
	return DP_OK;
}

static dp_code read_token(reader *r, const dp_yaml *v, const dp_contact *contact)
{
	static const char *const known[] = {"asset", "ask", "source", NULL};
	dp_issuer issuer = {.ask = "", .contact = *contact};
	const char *source = NULL; // for who reads the file; checked like the others
	if (v->kind != DP_YAML_MAP)
		return bad_value(r, v, "a token is a map with asset, ask, source");
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		int k = 0;
		while (known[k] != NULL && strcmp(known[k], m->key) != 0) k++;
		if (known[k] == NULL)
			return not_known(r, m->key_line, m->key_column, m->key, known,
			                 "key of a token");
		if (k == 0) DP_TRY(read_asset(r, &issuer, m));
		if (k == 1) DP_TRY(read_ask(r, &issuer, m));
		if (k == 2) DP_TRY(read_text(r, &source, m));
	}
	if (issuer.asset.v == 0) return missing(r, v, "asset");
	for (uint32_t i = 0; i < r->to->issuer_count; i++)
		if (r->to->issuer[i].asset.v == issuer.asset.v)
			return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
			                  "this token is there already, of %.60s",
			                  r->to->issuer[i].contact.name);
	if (r->to->issuer_count == DP_CONTACTS_MAX) return bad_value(r, v, "more than 4096 tokens");
	r->to->issuer[r->to->issuer_count++] = issuer;
	return DP_OK;
}

static dp_code read_issuer(reader *r, const dp_yaml *v)
{
	const dp_yaml *m[KEYS] = {NULL};
	dp_contact contact;
	DP_TRY(find_members(r, m, v, true));
	DP_TRY(read_contact(r, &contact, v, m));
	if (m[TOKENS] == NULL) return missing(r, v, "tokens");
	if (m[TOKENS]->kind != DP_YAML_LIST || m[TOKENS]->size == 0)
		return bad_value(r, m[TOKENS], "'tokens' is a list of at least one token");
	for (const dp_yaml *t = m[TOKENS]->first; t != NULL; t = t->next)
		DP_TRY(read_token(r, t, &contact));
	return DP_OK;
}

//- files ------------------------------------------------------------------------------------------

// Of each token there is one entry at most, so the tokens that issuers could have are counted as
// they stand, and no more than the file allows.
static uint32_t count_tokens(const dp_yaml *list)
{
	uint64_t count = 0;
	for (const dp_yaml *v = list->first; v != NULL; v = v->next) {
		const dp_yaml *t = v->kind == DP_YAML_MAP ? dp_yaml_get(v, "tokens") : NULL;
		if (t != NULL && t->kind == DP_YAML_LIST) count += t->size;
	}
	return (uint32_t)(count > DP_CONTACTS_MAX ? DP_CONTACTS_MAX : count);
}

static dp_code read_list(reader *r, const dp_yaml *list, bool is_issuer)
{
	if (list->kind != DP_YAML_LIST || list->size > DP_CONTACTS_MAX)
		return bad_value(r, list, "a list of at most 4096 entries is wanted here");
	uint32_t count = is_issuer ? count_tokens(list) : list->size;
	void *rows = dp_arena_alloc(
	    &r->to->arena, (count + 1) * (is_issuer ? sizeof(dp_issuer) : sizeof(dp_contact_row)));
	if (rows == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	if (is_issuer)
		r->to->issuer = rows;
	else
		r->to->service = rows;
	for (const dp_yaml *v = list->first; v != NULL; v = v->next)
		DP_TRY(is_issuer ? read_issuer(r, v) : read_service(r, v));
	return DP_OK;
}

static dp_code read_all(reader *r, const dp_yaml *root)
{
	static const char *const known[] = {"services", "issuers", NULL};
	if (root->kind != DP_YAML_MAP || root->size == 0)
		return bad_value(r, root, "the file is a map that holds 'services' or 'issuers'");
	for (const dp_yaml *m = root->first; m != NULL; m = m->next) {
		bool is_issuer = strcmp(m->key, known[1]) == 0;
		if (!is_issuer && strcmp(m->key, known[0]) != 0)
			return not_known(r, m->key_line, m->key_column, m->key, known,
			                 "key of the file");
		DP_TRY(read_list(r, m, is_issuer));
	}
	return DP_OK;
}

dp_code dp_contacts_parse(dp_contacts *ret_contacts, const char *yaml, size_t size, dp_fault *fault)
{
	DP_CHECK(ret_contacts != NULL && (yaml != NULL || size == 0));
	if (size > DP_CONTACTS_BYTES_MAX)
		return dp_fail(fault, DP_LIMIT, "contacts of more than 1 MiB");
	dp_contacts contacts = {0};
	dp_arena tree = {0};
	const dp_yaml *root;
	reader r = {.to = &contacts, .fault = fault};
	dp_code code = dp_yaml_parse(&root, &tree, yaml, size, fault);
	if (code == DP_OK) code = read_all(&r, root);
	dp_arena_done(&tree);
	if (code != DP_OK) {
		dp_arena_done(&contacts.arena);
		return code;
	}
	*ret_contacts = contacts;
	return DP_OK;
}

void dp_contacts_done(dp_contacts *c)
{
	dp_arena_done(&c->arena);
	*c = (dp_contacts){0};
}

// contacts.yaml, put into the program by the build (tools/embed-text).
extern const char dp_contacts_yaml[];
extern const size_t dp_contacts_yaml_size;

const char *dp_contacts_builtin(size_t *ret_size)
{
	DP_CHECK(ret_size != NULL);
	*ret_size = dp_contacts_yaml_size;
	return dp_contacts_yaml;
}

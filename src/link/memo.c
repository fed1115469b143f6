// See memo.h: the grammar of THORChain's and Maya's memos.
//
// Sources. Grammar and words: THORChain's developer documents ("Transaction Memos", "Memo Length
// Reduction", "Sending Transactions") and x/thorchain/memo (memo.go stringToTxTypeMap, memo_swap.go
// ParseSwapMemo, parser.go) at versions 1.110 to 3.x; Maya's fork of the same files. One-letter
// codes: common/asset.go ShortCode of both; where both have the letter, it means different things:
//
//   letter   THORChain     Maya              letter   THORChain     Maya
//   a        AVAX.AVAX     ARB.ETH           x        XRP.XRP       XRD.XRD
//   c        BCH.BCH       MAYA.CACAO        tr       TRON.TRX      THOR.RUNE
//   d        DOGE.DOGE     DASH.DASH
//
// So a memo is read once for each grammar that is possible. When two readings differ, the one whose
// destination is an address with a right checksum is taken; when that does not tell, the memo is
// `unsure`. Both protocols write the transaction that they answer in the same way, so that a link
// between the two sides does not hang on it.
//
// What the protocols do not look at is not looked at here either: fields beyond those known, the
// number of fees against the number of affiliates (versions differ in what they demand). A memo
// that the protocol refuses is paid back under the same key; to call one wrong that was done would
// lose the money's way, so `wrong` is said only of what no version takes.
//
// Amounts are decimal digits shifted as text, then read as whole numbers: THORChain itself went
// through a float, cut, in versions before 3.1, which for all amounts that exist gives the same.
#include "link/memo.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "codec/hex.h"

enum {
	FIELDS_MAX = 9, // function, asset, destination, limit, affiliates, fees, and three of the
	                // aggregator; what stands behind is nobody's
	NAME_MAX = 30,  // of a THORName
	EXPONENT_MAX = 1000,
	CANDIDATES_MAX = 4,
	FEE_MAX = 10000, // ten thousandths
	CHUNK = 20       // bytes that one fake output carries
};

//- words -----------------------------------------------------------------------------------------

typedef struct word_row {
	const char *word, *shown;
	uint8_t kind;
	bool is_limit, alone; // alone: a whole memo by itself
} word_row;

static const word_row words[] = {
    {"=", "=", DP_MEMO_SWAP, false, false},
    {"s", "=", DP_MEMO_SWAP, false, false},
    {"swap", "=", DP_MEMO_SWAP, false, false},
    {"=<", "=<", DP_MEMO_SWAP, true, false},
    {"lo", "=<", DP_MEMO_SWAP, true, false},
    {"limito", "=<", DP_MEMO_SWAP, true, false},
    {"r", "r", DP_MEMO_SWAP, false, false}, // a memo that was filed before, by its number
    {"out", "OUT", DP_MEMO_OUT, false, false},
    {"outbound", "OUT", DP_MEMO_OUT, false, false},
    {"refund", "REFUND", DP_MEMO_REFUND, false, false},
    {"migrate", "MIGRATE", DP_MEMO_OWN, false, false},
    {"ragnarok", "RAGNAROK", DP_MEMO_OWN, false, true},
    {"yggdrasil+", "YGGDRASIL+", DP_MEMO_OWN, false, false},
    {"yggdrasil-", "YGGDRASIL-", DP_MEMO_OWN, false, false},
    {"consolidate", "consolidate", DP_MEMO_OWN, false, true},
    {"add", "+", DP_MEMO_INSIDE, false, false},
    {"+", "+", DP_MEMO_INSIDE, false, false},
    {"stake", "+", DP_MEMO_INSIDE, false, false}, // until 2021
    {"donate", "donate", DP_MEMO_INSIDE, false, false},
    {"d", "donate", DP_MEMO_INSIDE, false, false},
    {"bond", "bond", DP_MEMO_INSIDE, false, false},
    {"rebond", "rebond", DP_MEMO_INSIDE, false, false},
    {"operator", "operator", DP_MEMO_INSIDE, false, false},
    {"reserve", "reserve", DP_MEMO_INSIDE, false, true},
    {"noop", "noop", DP_MEMO_INSIDE, false, true},
    {"switch", "switch", DP_MEMO_INSIDE, false, false},
    {"$+", "$+", DP_MEMO_INSIDE, false, false},
    {"loan+", "$+", DP_MEMO_INSIDE, false, false},
    {"trade+", "trade+", DP_MEMO_INSIDE, false, false},
    {"secure+", "secure+", DP_MEMO_INSIDE, false, false},
    {"pool+", "pool+", DP_MEMO_INSIDE, false, true},
    {"tcy", "tcy", DP_MEMO_INSIDE, false, true},
    {"tcy+", "tcy+", DP_MEMO_INSIDE, false, true},
    {"x", "x", DP_MEMO_INSIDE, false, false},
    {"name", "~", DP_MEMO_INSIDE, false, false},
    {"n", "~", DP_MEMO_INSIDE, false, false},
    {"~", "~", DP_MEMO_INSIDE, false, false},
    {"reference", "reference", DP_MEMO_INSIDE, false, false},
    {"withdraw", "-", DP_MEMO_ASK, false, false},
    {"wd", "-", DP_MEMO_ASK, false, false},
    {"-", "-", DP_MEMO_ASK, false, false},
    {"unstake", "-", DP_MEMO_ASK, false, false}, // until 2021
    {"unbond", "unbond", DP_MEMO_ASK, false, false},
    {"leave", "leave", DP_MEMO_ASK, false, false},
    {"$-", "$-", DP_MEMO_ASK, false, false},
    {"loan-", "$-", DP_MEMO_ASK, false, false},
    {"trade-", "trade-", DP_MEMO_ASK, false, false},
    {"secure-", "secure-", DP_MEMO_ASK, false, false},
    {"pool-", "pool-", DP_MEMO_ASK, false, false},
    {"tcy-", "tcy-", DP_MEMO_ASK, false, false},
    {"m=<", "m=<", DP_MEMO_ASK, false, false}, // changes an order that waits
};

// Codes for assets. A capital is taken for its small letter: to be too lenient here costs nothing,
// for a memo that was refused is answered by REFUND.
static const struct {
	const char *code, *asset;
	uint8_t of;
} codes[] = {
    {"b", "BTC.BTC", DP_MEMO_OF_BOTH},
    {"e", "ETH.ETH", DP_MEMO_OF_BOTH},
    {"r", "THOR.RUNE", DP_MEMO_OF_BOTH},
    {"a", "AVAX.AVAX", DP_MEMO_OF_THORCHAIN},
    {"c", "BCH.BCH", DP_MEMO_OF_THORCHAIN},
    {"d", "DOGE.DOGE", DP_MEMO_OF_THORCHAIN},
    {"f", "BASE.ETH", DP_MEMO_OF_THORCHAIN},
    {"g", "GAIA.ATOM", DP_MEMO_OF_THORCHAIN},
    {"l", "LTC.LTC", DP_MEMO_OF_THORCHAIN},
    {"n", "BNB.BNB", DP_MEMO_OF_THORCHAIN}, // until the Beacon chain closed
    {"p", "POL.POL", DP_MEMO_OF_THORCHAIN},
    {"s", "BSC.BNB", DP_MEMO_OF_THORCHAIN},
    {"x", "XRP.XRP", DP_MEMO_OF_THORCHAIN},
    {"tr", "TRON.TRX", DP_MEMO_OF_THORCHAIN},
    {"a", "ARB.ETH", DP_MEMO_OF_MAYA},
    {"c", "MAYA.CACAO", DP_MEMO_OF_MAYA},
    {"d", "DASH.DASH", DP_MEMO_OF_MAYA},
    {"k", "KUJI.KUJI", DP_MEMO_OF_MAYA},
    {"m", "MAYA.CACAO", DP_MEMO_OF_MAYA},
    {"x", "XRD.XRD", DP_MEMO_OF_MAYA},
    {"z", "ZEC.ZEC", DP_MEMO_OF_MAYA},
    {"ae", "ARB.ETH", DP_MEMO_OF_MAYA},
    {"at", "ARB.USDT-0XFD086BC7CD5C481DCC9C85EBE478A1C0B69FCBB9", DP_MEMO_OF_MAYA},
    {"ac", "ARB.USDC-0XAF88D065E77C8CC2239327C5EDB3A432268E5831", DP_MEMO_OF_MAYA},
    {"ad", "ARB.DAI-0XDA10009CBD5D07DD0CECC66161FC93D7C9000DA1", DP_MEMO_OF_MAYA},
    {"ap", "ARB.PEPE-0X25D887CE7A35172C62FEBFD67A1856F20FAEBB00", DP_MEMO_OF_MAYA},
    {"aw", "ARB.WSTETH-0X5979D7B546E38E414F7E9822514BE443A4800529", DP_MEMO_OF_MAYA},
    {"ab", "ARB.WBTC-0X2F2A2543B76A4166549F7AAB2E75BEF0AEFC5B0F", DP_MEMO_OF_MAYA},
    {"bb", "BTC.BTC", DP_MEMO_OF_MAYA},
    {"dd", "DASH.DASH", DP_MEMO_OF_MAYA},
    {"ee", "ETH.ETH", DP_MEMO_OF_MAYA},
    {"et", "ETH.USDT-0XDAC17F958D2EE523A2206206994597C13D831EC7", DP_MEMO_OF_MAYA},
    {"ec", "ETH.USDC-0XA0B86991C6218B36C1D19D4A2E9EB0CE3606EB48", DP_MEMO_OF_MAYA},
    {"ep", "ETH.PEPE-0X6982508145454CE325DDBE47A25D4EC3D2311933", DP_MEMO_OF_MAYA},
    {"ew", "ETH.WSTETH-0X7F39C581F595B53C5CB19BD0B3F8DA6C935E2CA0", DP_MEMO_OF_MAYA},
    {"kk", "KUJI.KUJI", DP_MEMO_OF_MAYA},
    {"ku", "KUJI.USK", DP_MEMO_OF_MAYA},
    {"mc", "MAYA.CACAO", DP_MEMO_OF_MAYA},
    {"tr", "THOR.RUNE", DP_MEMO_OF_MAYA},
    {"xx", "XRD.XRD", DP_MEMO_OF_MAYA},
    {"zz", "ZEC.ZEC", DP_MEMO_OF_MAYA},
};

// The protocols' names of chains, with ours. `test`: what the name means when the memo stands on a
// test chain, the first whose addresses fit; a memo on a real chain never speaks of a test chain.
static const struct {
	const char *name, *chain, *test[CANDIDATES_MAX];
} chains[] = {
    {"BTC", "bitcoin", {"regtest", "simnet", "testnet4", "signet"}},
    {"ETH", "ethereum", {"anvil", "sepolia"}},
    {"BSC", "bsc", {NULL}},
    {"AVAX", "avalanche", {NULL}},
    {"BASE", "base", {NULL}},
    {"ARB", "arbitrum", {NULL}},
    {"POL", "polygon", {NULL}},
    {"LTC", "litecoin", {NULL}},
    {"DOGE", "dogecoin", {NULL}},
    {"BCH", "bitcoin-cash", {NULL}},
    // Known to the protocols, but not read here.
    {"THOR", NULL, {NULL}},
    {"MAYA", NULL, {NULL}},
    {"GAIA", NULL, {NULL}},
    {"XRP", NULL, {NULL}},
    {"TRON", NULL, {NULL}},
    {"SOL", NULL, {NULL}},
    {"BNB", NULL, {NULL}},
    {"TERRA", NULL, {NULL}},
    {"NOBLE", NULL, {NULL}},
    {"DASH", NULL, {NULL}},
    {"ZEC", NULL, {NULL}},
    {"KUJI", NULL, {NULL}},
    {"XRD", NULL, {NULL}},
    {"ADA", NULL, {NULL}},
    {"XMR", NULL, {NULL}},
    {"HAVEN", NULL, {NULL}},
};

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

//- pieces ----------------------------------------------------------------------------------------

static bool text_is(dp_memo_text t, const char *word)
{
	return t.size == strlen(word) && strncasecmp(t.text, word, t.size) == 0;
}

static dp_memo_text text_of(const char *word)
{
	return (dp_memo_text){word, strlen(word)};
}

// Cuts *io_rest at the first `mark`: what stands before it is the answer, *io_rest goes on behind
// it, or is empty, with a NULL text when there was no mark.
static dp_memo_text cut(dp_memo_text *io_rest, char mark)
{
	const char *at = io_rest->size == 0 ? NULL : memchr(io_rest->text, mark, io_rest->size);
	dp_memo_text head = *io_rest;
	if (at == NULL) {
		*io_rest = (dp_memo_text){NULL, 0};
		return head;
	}
	head.size = (size_t)(at - head.text);
	*io_rest = (dp_memo_text){at + 1, io_rest->size - head.size - 1};
	DP_CHECK(io_rest->size < DP_MEMO_UTXO_MAX + 1);
	return head;
}

// The first thing that is found wrong is the one that is told.
static void say(const char **io_what, uint32_t *io_at, const char *what, size_t at)
{
	DP_CHECK(what != NULL && at <= DP_MEMO_UTXO_MAX);
	if (*io_what != NULL) return;
	*io_what = what;
	*io_at = (uint32_t)at;
}

typedef struct reader {
	dp_memo *m;
	const char *begin; // of the memo
	int of;
	const dp_chain *seen_on;
} reader;

static void wrong(reader *r, const char *what, const char *where)
{
	DP_CHECK(where == NULL || where >= r->begin);
	say(&r->m->wrong, &r->m->wrong_at, what, where == NULL ? 0 : (size_t)(where - r->begin));
}

static void unsure(reader *r, const char *what, const char *where)
{
	DP_CHECK(where == NULL || where >= r->begin);
	say(&r->m->unsure, &r->m->unsure_at, what, where == NULL ? 0 : (size_t)(where - r->begin));
}

bool dp_memo_txid(uint8_t ret_id[32], const char *text, size_t n)
{
	uint8_t id[32];
	uint8_t any = 0;
	DP_CHECK(ret_id != NULL && (text != NULL || n == 0));
	if (n == 66 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text += 2;
		n -= 2;
	}
	if (n != 64 || !dp_hex_decode(id, 32, text)) return false;
	for (int i = 0; i < 32; i++) any |= id[i];
	if (any == 0) return false; // what the protocol writes when there is none
	memcpy(ret_id, id, 32);
	return true;
}

// Digits, a point, digits, and an exponent that moves the point: the digits are gathered without
// the point, and as many of them are kept, or zeros added, as stand before it in the end.
const char *dp_memo_number(dp_u256 *ret_number, const char *text, size_t n)
{
	char digits[DP_MEMO_UTXO_MAX + 80];
	size_t count = 0, i = 0;
	int64_t whole = 0, exponent = 0;
	bool is_behind = false, any = false;
	DP_CHECK(ret_number != NULL && n <= DP_MEMO_UTXO_MAX);
	for (; i < n && text[i] != 'e' && text[i] != 'E'; i++) {
		if (text[i] == '.' && !is_behind) {
			is_behind = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9') return "an amount is not a number";
		any = true;
		if (!is_behind) whole++;
		digits[count++] = text[i];
	}
	if (!any) return "an amount is not a number";
	if (i < n) {
		bool is_less = ++i < n && text[i] == '-';
		if (i < n && (text[i] == '-' || text[i] == '+')) i++;
		if (i == n) return "an amount has an exponent without digits";
		for (; i < n; i++) {
			if (text[i] < '0' || text[i] > '9') return "an amount is not a number";
			if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (text[i] - '0');
		}
		if (is_less) exponent = -exponent;
	}
	whole += exponent;
	size_t skip = 0;
	while (skip < count && digits[skip] == '0') skip++;
	int64_t left = whole - (int64_t)skip; // digits before the point, without leading zeros
	*ret_number = DP_U256_ZERO;
	if (skip == count || left <= 0) return NULL;
	if (left > 78) return "an amount is larger than any there is";
	char exact[80];
	for (int64_t k = 0; k < left; k++)
		exact[k] = skip + (size_t)k < count ? digits[skip + (size_t)k] : '0';
	if (dp_u256_parse(ret_number, exact, (size_t)left, 0, NULL) != DP_OK)
		return "an amount is larger than any there is";
	return NULL;
}

static bool read_small(uint64_t *ret, dp_memo_text t)
{
	uint64_t v = 0;
	for (size_t i = 0; i < t.size; i++) {
		if (t.text[i] < '0' || t.text[i] > '9') return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(t.text[i] - '0'), &v))
			return false;
	}
	*ret = v; // empty is 0, as the protocol has it
	return true;
}

//- assets and chains -----------------------------------------------------------------------------

static const dp_chain *chain_named(const char *name)
{
	const dp_chain *c = name == NULL ? NULL : dp_chain_find(name, strlen(name));
	DP_CHECK(name == NULL || c != NULL);
	return c;
}

static bool is_test_chain(const dp_chain *c)
{
	static const char *const names[] = {"regtest", "simnet", "testnet3", "testnet4",
	                                    "signet",  "anvil",  "sepolia"};
	for (size_t i = 0; c != NULL && i < COUNT_OF(names); i++)
		if (strcmp(c->name, names[i]) == 0) return true;
	return false;
}

// The chains that a name can mean, most likely first; 0: none that is read here. *ret_known says
// whether the protocols have such a chain at all.
static size_t chains_of(const dp_chain *ret[CANDIDATES_MAX], bool *ret_known, dp_memo_text name,
                        const dp_chain *seen_on)
{
	size_t count = 0;
	*ret_known = false;
	for (size_t i = 0; i < COUNT_OF(chains); i++) {
		if (!text_is(name, chains[i].name)) continue;
		*ret_known = true;
		if (chains[i].chain == NULL) return 0;
		if (!is_test_chain(seen_on)) {
			ret[0] = chain_named(chains[i].chain);
			return 1;
		}
		for (size_t k = 0; k < CANDIDATES_MAX && chains[i].test[k] != NULL; k++)
			ret[count++] = chain_named(chains[i].test[k]);
		return count;
	}
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

// Does the contract, as 40 hex digits, end like this text? With 0x before it must be the whole one.
static bool ends_like(const uint8_t contract[20], dp_memo_text suffix)
{
	bool whole = suffix.size >= 2 && suffix.text[0] == '0' &&
	             (suffix.text[1] == 'x' || suffix.text[1] == 'X');
	if (whole) suffix = (dp_memo_text){suffix.text + 2, suffix.size - 2};
	if (suffix.size > 40 || (whole && suffix.size != 40)) return false;
	for (size_t i = 0; i < suffix.size; i++) {
		size_t at = 40 - suffix.size + i;
		int digit = at % 2 == 0 ? contract[at / 2] >> 4 : contract[at / 2] & 15;
		if (hex_digit(suffix.text[i]) != digit) return false;
	}
	return true;
}

// The one listed asset that the text can mean. The protocol takes the deepest of its pools; we know
// no pools, so two that fit are none.
static dp_asset find_asset(const dp_chain *on, const dp_memo *m)
{
	dp_asset found = DP_ASSET_NONE;
	dp_memo_text ticker = m->ticker, suffix = m->suffix;
	// A test chain's coin has a name of its own (tBTC); memos call it as they call the chain.
	bool is_native = text_is(ticker, on->native) ||
	                 (is_test_chain(on) && ticker.size == m->chain.size &&
	                  strncasecmp(ticker.text, m->chain.text, ticker.size) == 0);
	if (suffix.size == 0 && is_native) return dp_asset_native(on);
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		const dp_asset_info *info = dp_asset_info_of((dp_asset){v});
		if (info->chain != on || !info->has_contract) continue;
		if (!text_is(ticker, info->symbol) || !ends_like(info->contract, suffix)) continue;
		if (found.v != 0) return DP_ASSET_NONE;
		found = info->id;
	}
	return found;
}

// CHAIN, a separator, TICKER and perhaps "-" and the end of a contract. Without a separator it is
// an asset of the protocol's own chain.
static void split_asset(reader *r, dp_memo_text t)
{
	dp_memo *m = r->m;
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		if (!text_is(t, codes[i].code) || (codes[i].of & r->of) == 0) continue;
		t = text_of(codes[i].asset);
		break;
	}
	size_t at = 0;
	while (at < t.size && strchr("./~-", t.text[at]) == NULL) at++;
	if (at == t.size) {
		m->chain = text_of(r->of == DP_MEMO_OF_MAYA ? "MAYA" : "THOR");
		m->separator = '.';
		m->ticker = t;
		m->suffix = (dp_memo_text){t.text + t.size, 0};
		return;
	}
	m->chain = (dp_memo_text){t.text, at};
	m->separator = t.text[at];
	dp_memo_text symbol = {t.text + at + 1, t.size - at - 1};
	m->ticker = cut(&symbol, '-');
	m->suffix = symbol;
}

static void read_asset(reader *r, dp_memo_text t, const dp_chain *ret_on[CANDIDATES_MAX],
                       size_t *ret_count)
{
	dp_memo *m = r->m;
	*ret_count = 0;
	if (t.size == 0) {
		wrong(r, "it does not say what is bought", t.text);
		return;
	}
	split_asset(r, t);
	bool known;
	*ret_count = chains_of(ret_on, &known, m->chain, r->seen_on);
	if (!known) {
		wrong(r, "what is bought is on a chain that does not exist", t.text);
	} else if (m->ticker.size == 0) {
		wrong(r, "what is bought has no name", t.text);
	}
	bool own = text_is(m->chain, r->of == DP_MEMO_OF_MAYA ? "MAYA" : "THOR");
	m->stays_inside = known && (own || m->separator != '.');
}

//- addresses -------------------------------------------------------------------------------------

// An address that a wallet could have, on one of the chains: on which, or NULL, with why.
static const dp_chain *read_address(dp_addr *ret_addr, const char **ret_why, dp_memo_text t,
                                    const dp_chain *const on[], size_t count)
{
	char text[DP_ADDR_TEXT_MAX];
	*ret_why = "the destination is no address of its chain";
	if (t.size == 0 || t.size >= sizeof text) return NULL;
	memcpy(text, t.text, t.size);
	if (text[0] == '0' && t.size > 1 && text[1] == 'X') text[1] = 'x';
	for (size_t i = 0; i < count; i++) {
		dp_addr a;
		dp_fault fault = {0};
		if (dp_addr_parse(&a, text, t.size, on[i], &fault) != DP_OK) {
			if (strstr(fault.text, "checksum") != NULL &&
			    strstr(fault.text, "is wrong") != NULL)
				*ret_why = "the destination's checksum is wrong";
			continue;
		}
		// Our own words for scripts without an address are no address there.
		if (a.kind < DP_ADDR_EVM || a.kind > DP_ADDR_WITNESS) continue;
		*ret_addr = a;
		return on[i];
	}
	return NULL;
}

// Letters, digits, "+", "_", "-", and at most 30 of them: THORChain's ValidateTHORName. What begins
// like an address was meant as one.
static bool looks_like_name(dp_memo_text t, const dp_chain *on)
{
	if (t.size == 0 || t.size > NAME_MAX) return false;
	for (size_t i = 0; i < t.size; i++) {
		char c = t.text[i];
		bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '+' || c == '_' || c == '-';
		if (!fits) return false;
	}
	if (on->kind == DP_CHAIN_ACCOUNT)
		return t.size < 2 || t.text[0] != '0' || (t.text[1] != 'x' && t.text[1] != 'X');
	size_t hrp = on->hrp == NULL ? 0 : strlen(on->hrp);
	return hrp == 0 || t.size <= hrp || strncasecmp(t.text, on->hrp, hrp) != 0 ||
	       t.text[hrp] != '1';
}

static void read_destination(reader *r, const dp_chain *const on[], size_t count)
{
	dp_memo *m = r->m;
	const char *why;
	if (count == 0) {
		// Nobody here can say whether that is an address.
		if (!m->stays_inside)
			unsure(r, "what is bought is on a chain that is not read here",
			       m->destination.text);
		return;
	}
	m->on = on[0];
	if (m->stays_inside) return; // an account on the protocol's own chain
	if (m->to_sender) {
		// A sender of another kind of chain has no address there.
		if (r->seen_on != NULL && r->seen_on->kind != m->on->kind)
			wrong(r,
			      "it names no receiver, and the sender's address is of another kind",
			      m->destination.text);
		return;
	}
	const dp_chain *fits = read_address(&m->to, &why, m->destination, on, count);
	if (fits != NULL)
		m->on = fits;
	else if (looks_like_name(m->destination, on[0]))
		unsure(r, "the receiver is a THORName: needs a look-up", m->destination.text);
	else
		wrong(r, why, m->destination.text);
}

static void read_refund(reader *r)
{
	dp_memo *m = r->m;
	const char *why;
	if (m->refund.size == 0 || r->seen_on == NULL) return;
	if (read_address(&m->back, &why, m->refund, &r->seen_on, 1) != NULL) return;
	if (looks_like_name(m->refund, r->seen_on))
		unsure(r, "the refund goes to a THORName: needs a look-up", m->refund.text);
	else
		wrong(r, "the address for a refund is none of the chain it came from",
		      m->refund.text);
}

//- swaps -----------------------------------------------------------------------------------------

static void read_limit(reader *r, dp_memo_text t)
{
	dp_memo *m = r->m;
	if (t.size == 0) return;
	dp_memo_text rest = t, amount = cut(&rest, '/');
	const char *why = NULL;
	if (amount.size > 0) {
		why = dp_memo_number(&m->limit, amount.text, amount.size);
		m->has_limit = why == NULL && !dp_u256_is_zero(m->limit);
		if (why != NULL) m->limit = DP_U256_ZERO;
	}
	if (why != NULL) wrong(r, why, amount.text);
	if (rest.text == NULL) return;
	dp_memo_text interval = cut(&rest, '/');
	// What is behind a third "/" belongs to the quantity and spoils it, as it does there.
	if (!read_small(&m->interval, interval))
		wrong(r, "the interval of a streaming swap is not a number", interval.text);
	if (!read_small(&m->quantity, rest))
		wrong(r, "the number of parts of a streaming swap is not a number", rest.text);
}

static void read_affiliates(reader *r, dp_memo_text names, dp_memo_text fees)
{
	dp_memo *m = r->m;
	if (names.size == 0) names.text = NULL;
	if (fees.size == 0) fees.text = NULL;
	while (names.text != NULL) {
		dp_memo_text name = cut(&names, '/');
		if (m->affiliate_count == DP_MEMO_AFFILIATES_MAX) {
			wrong(r, "there are more than five affiliates", name.text);
			break;
		}
		m->affiliate[m->affiliate_count++] = name;
	}
	while (fees.text != NULL) {
		uint64_t fee;
		dp_memo_text text = cut(&fees, '/');
		if (m->fee_count == DP_MEMO_AFFILIATES_MAX) {
			wrong(r, "there are more than five fees", text.text);
			break;
		}
		if (!read_small(&fee, text) || fee > FEE_MAX) {
			wrong(r, "a fee is no number of ten thousandths", text.text);
			break;
		}
		m->fee[m->fee_count++] = (uint16_t)fee;
	}
	DP_CHECK(m->affiliate_count <= DP_MEMO_AFFILIATES_MAX);
	DP_CHECK(m->fee_count <= DP_MEMO_AFFILIATES_MAX);
}

static void read_swap(reader *r, const dp_memo_text field[FIELDS_MAX])
{
	dp_memo *m = r->m;
	const dp_chain *on[CANDIDATES_MAX];
	size_t count;
	dp_memo_text rest = field[2];
	read_asset(r, field[1], on, &count);
	m->destination = cut(&rest, '/');
	m->refund = rest;
	m->to_sender = m->destination.size == 0;
	if (m->wrong == NULL) read_destination(r, on, count);
	if (m->on != NULL) m->asset = find_asset(m->on, m);
	if (m->stays_inside) m->on = NULL;
	read_refund(r);
	read_limit(r, field[3]);
	read_affiliates(r, field[4], field[5]);
	m->aggregator = field[6];
	m->final_token = field[7];
	if (field[8].size == 0) return;
	const char *why = dp_memo_number(&m->min_out, field[8].text, field[8].size);
	if (why != NULL) wrong(r, why, field[8].text);
	m->has_min_out = why == NULL;
}

//- the whole -------------------------------------------------------------------------------------

static void read_parts(reader *r, const word_row *word, const dp_memo_text field[FIELDS_MAX])
{
	dp_memo *m = r->m;
	if (word->kind == DP_MEMO_OUT || word->kind == DP_MEMO_REFUND) {
		if (!dp_memo_txid(m->txid, field[1].text, field[1].size))
			wrong(r, "what it answers is no transaction: 64 hex digits are needed",
			      field[1].text);
	} else if (word->kind == DP_MEMO_SWAP && strcmp(word->shown, "r") == 0) {
		unsure(r, "the memo is one that was filed before: needs a look-up", field[1].text);
	} else if (word->kind == DP_MEMO_SWAP) {
		read_swap(r, field);
	}
}

// All of it, by one grammar.
static void read_one(dp_memo *m, const char *text, size_t n, int of, const dp_chain *seen_on)
{
	reader r = {m, text, of, seen_on};
	memset(m, 0, sizeof *m);
	m->of = (uint8_t)of;
	if (n > DP_MEMO_MAX) {
		wrong(&r, "it is longer than the 250 bytes that are looked at", NULL);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (text[i] >= 0x20 && text[i] <= 0x7e) continue;
		wrong(&r, "it holds bytes that are no text", text + i);
		return;
	}
	dp_memo_text data = {text, n}, rest = cut(&data, '|'), field[FIELDS_MAX] = {{0}};
	m->data = data;
	field[0] = cut(&rest, ':');
	bool more = rest.text != NULL;
	m->rest = rest;
	for (size_t i = 1; i < FIELDS_MAX && rest.text != NULL; i++) field[i] = cut(&rest, ':');
	for (size_t i = 1; i < FIELDS_MAX; i++) // so that every fault has a place
		if (field[i].text == NULL) field[i].text = text + n;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!text_is(field[0], words[i].word) || (!more && !words[i].alone)) continue;
		m->kind = words[i].kind;
		m->is_limit = words[i].is_limit;
		m->function = words[i].shown;
		read_parts(&r, &words[i], field);
		return;
	}
	wrong(&r, "it begins with no word that the protocol knows", NULL);
	m->rest = m->data = (dp_memo_text){0};
}

// How much a reading is worth: a destination with a right checksum beats what can be no more than
// believed, and that beats what is wrong.
static int worth(const dp_memo *m)
{
	if (m->wrong != NULL) return 0;
	return m->to.kind == DP_ADDR_NONE ? 1 : 2;
}

static bool texts_agree(dp_memo_text a, dp_memo_text b)
{
	return a.size == b.size && (a.size == 0 || strncasecmp(a.text, b.text, a.size) == 0);
}

void dp_memo_read(dp_memo *ret_memo, const uint8_t *bytes, size_t n, int of,
                  const dp_chain *seen_on)
{
	DP_CHECK(ret_memo != NULL && (bytes != NULL || n == 0));
	DP_CHECK(of >= DP_MEMO_OF_THORCHAIN && of <= DP_MEMO_OF_BOTH);
	const char *text = n == 0 ? "" : (const char *)bytes;
	if (of != DP_MEMO_OF_BOTH) {
		read_one(ret_memo, text, n, of, seen_on);
		return;
	}
	dp_memo a, b;
	read_one(&a, text, n, DP_MEMO_OF_THORCHAIN, seen_on);
	read_one(&b, text, n, DP_MEMO_OF_MAYA, seen_on);
	*ret_memo = a;
	ret_memo->of = DP_MEMO_OF_BOTH;
	if (a.kind != DP_MEMO_SWAP || a.separator == 0) return;
	bool agree = texts_agree(a.chain, b.chain) && texts_agree(a.ticker, b.ticker) &&
	             texts_agree(a.suffix, b.suffix);
	if (agree) {
		// What is the own ledger of one of them can be reached by neither.
		ret_memo->stays_inside = a.stays_inside || b.stays_inside;
		return;
	}
	if (worth(&a) != worth(&b)) {
		*ret_memo = worth(&a) > worth(&b) ? a : b;
		return;
	}
	ret_memo->on = NULL;
	ret_memo->asset = DP_ASSET_NONE;
	ret_memo->stays_inside = a.stays_inside && b.stays_inside;
	if (!dp_addr_eq(&a.to, &b.to)) memset(&ret_memo->to, 0, sizeof ret_memo->to);
	if (ret_memo->wrong == NULL)
		say(&ret_memo->unsure, &ret_memo->unsure_at,
		    "what is bought has a code that THORChain and Maya read differently", 0);
}

//- print -----------------------------------------------------------------------------------------

typedef struct writer {
	char *out;
	size_t size;
} writer;

static void put(writer *w, const char *text, size_t n)
{
	DP_CHECK(w->size + n < DP_MEMO_SHOWN_MAX);
	memcpy(w->out + w->size, text, n);
	w->size += n;
}

static void put_text(writer *w, dp_memo_text t)
{
	DP_CHECK(t.text != NULL || t.size == 0);
	if (t.size > 0) put(w, t.text, t.size);
}

static void put_upper(writer *w, dp_memo_text t)
{
	DP_CHECK(t.text != NULL || t.size == 0);
	for (size_t i = 0; i < t.size; i++) {
		char c = t.text[i];
		if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
		put(w, &c, 1);
	}
}

static void put_number(writer *w, dp_u256 v)
{
	char text[DP_U256_DEC_MAX];
	put(w, text, dp_u256_format(text, v, 0));
}

static void put_list(writer *w, const dp_memo *m, bool of_fees)
{
	uint32_t count = of_fees ? m->fee_count : m->affiliate_count;
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0) put(w, "/", 1);
		if (of_fees)
			put_number(w, dp_u256_of(m->fee[i]));
		else
			put_text(w, m->affiliate[i]);
	}
}

static void put_field(writer *w, const dp_memo *m, int i)
{
	switch (i) {
	case 1:
		put_upper(w, m->chain);
		if (m->separator != 0) put(w, &m->separator, 1);
		put_upper(w, m->ticker);
		if (m->suffix.text != NULL && m->suffix.size > 0) put(w, "-", 1);
		put_upper(w, m->suffix);
		return;
	case 2:
		put_text(w, m->destination);
		if (m->refund.size > 0) put(w, "/", 1);
		put_text(w, m->refund);
		return;
	case 3:
		if (m->has_limit || m->interval > 0 || m->quantity > 0) put_number(w, m->limit);
		if (m->interval == 0 && m->quantity == 0) return;
		put(w, "/", 1);
		put_number(w, dp_u256_of(m->interval));
		put(w, "/", 1);
		put_number(w, dp_u256_of(m->quantity));
		return;
	case 4: put_list(w, m, false); return;
	case 5: put_list(w, m, true); return;
	case 6: put_text(w, m->aggregator); return;
	case 7: put_text(w, m->final_token); return;
	default:
		DP_CHECK(i == 8);
		if (m->has_min_out) put_number(w, m->min_out);
		return;
	}
}

static void put_swap(writer *w, const dp_memo *m)
{
	size_t last = w->size; // behind the last field that says something
	for (int i = 1; i < FIELDS_MAX; i++) {
		put(w, ":", 1);
		size_t begin = w->size;
		put_field(w, m, i);
		if (w->size > begin || i == 1) last = w->size;
	}
	w->size = last;
}

size_t dp_memo_print(char out[DP_MEMO_SHOWN_MAX], const dp_memo *m)
{
	DP_CHECK(out != NULL && m != NULL);
	writer w = {out, 0};
	out[0] = 0;
	if (m->kind == DP_MEMO_NONE) return 0;
	DP_CHECK(m->function != NULL);
	put_text(&w, text_of(m->function));
	bool is_answer = m->kind == DP_MEMO_OUT || m->kind == DP_MEMO_REFUND;
	if (is_answer && m->wrong == NULL) {
		char hex[65];
		dp_hex_encode(hex, m->txid, 32);
		put(&w, ":", 1);
		put_upper(&w, (dp_memo_text){hex, 64});
	} else if (m->kind == DP_MEMO_SWAP && m->wrong == NULL && m->separator != 0) {
		put_swap(&w, m);
	} else if (m->rest.text != NULL) {
		put(&w, ":", 1);
		put_text(&w, m->rest);
	}
	if (m->data.text != NULL) put(&w, "|", 1);
	put_text(&w, m->data);
	out[w.size] = 0;
	return w.size;
}

//- memos in several outputs ----------------------------------------------------------------------

// The bytes of a fake output: text, then zeros. 0: it is a real one.
static size_t chunk_size(const dp_movement *mv)
{
	size_t size = 0;
	bool is_key = mv->kind == DP_MV_OUTPUT &&
	              (mv->to.kind == DP_ADDR_P2WPKH || mv->to.kind == DP_ADDR_P2PKH);
	if (!is_key) return 0;
	DP_CHECK(mv->to.len == CHUNK);
	while (size < CHUNK && mv->to.bytes[size] >= 0x20 && mv->to.bytes[size] <= 0x7e) size++;
	for (size_t i = size; i < CHUNK; i++)
		if (mv->to.bytes[i] != 0) return 0;
	return size;
}

// Where the outputs of a transaction begin: its inputs stand before them. By halves, for a block
// can hold a hundred thousand outputs that all pretend to go on.
static uint32_t first_output(const dp_block *b, const dp_tx *tx)
{
	uint32_t low = tx->mv_first, high = tx->mv_first + tx->mv_count;
	DP_CHECK(high <= b->mv_count);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (b->mv[middle].kind == DP_MV_OUTPUT)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

size_t dp_memo_join(uint8_t ret_memo[DP_MEMO_UTXO_MAX], const uint8_t *bytes, size_t n,
                    const dp_block *b, uint32_t tx, uint32_t at)
{
	DP_CHECK(ret_memo != NULL && (bytes != NULL || n == 0));
	DP_CHECK(b != NULL && tx < b->tx_count);
	if (n > DP_MEMO_UTXO_MAX) n = DP_MEMO_UTXO_MAX;
	if (n > 0) memcpy(ret_memo, bytes, n);
	if (n == 0 || ret_memo[n - 1] != '^') return n;
	uint32_t end = b->tx[tx].mv_first + b->tx[tx].mv_count;
	uint64_t next = (uint64_t)first_output(b, &b->tx[tx]) + at + 1;
	size_t size = n - 1;
	for (; next < end; next++) {
		const dp_movement *mv = &b->mv[next];
		size_t more = chunk_size(mv);
		if (more == 0 || size + more > DP_MEMO_UTXO_MAX) break;
		memcpy(ret_memo + size, mv->to.bytes, more);
		size += more;
		if (more < CHUNK) break; // filled up: the last one
	}
	// Without any it is a memo that happens to end so.
	return size == n - 1 ? n : size;
}

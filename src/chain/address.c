// Addresses: text to bytes and back, see address.h.
//
// Where people have a form, that form is used: EIP-55 on account chains (the case of letter i says
// whether nibble i of the Keccak-256 of the lower-case digits is 8 or more), base58check and bech32
// on UTXO chains (BIP 13, BIP 173, BIP 350), CashAddr on Bitcoin Cash, where base58check is read as
// well: every explorer there still takes it. A CashAddr of a script's 32-byte hash (P2SH32) is read
// as the script it stands for, aa20 hash 87, and so shown by that script's hash: no kind of address
// holds it, and knowing it again is what matters. Those that speak of tokens (types 2 and 3) are
// the same holders as those that do not. What has no form gets one of ours, a word and hex
// digits: `script:`, `multisig:2of3:`, `nulldata`, `name:`, and for scripts that a chain gives no
// address to (a witness program on a chain without segregated witness) the name of the template.
// Everything that dp_addr_parse accepts comes back equal from format and parse, which is what the
// fuzz target checks; the two that format alone knows are nobody ("none") and a bare key, which is
// shown as its P2PKH address, as explorers show it.
#include "chain/address.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "chain/chain.h"
#include "chain/key.h"
#include "codec/base58.h"
#include "codec/bech32.h"
#include "codec/caip.h"
#include "codec/cashaddr.h"
#include "codec/eip55.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/script.h"

_Static_assert(sizeof(dp_addr) == 34, "addresses compare with memcmp: no padding");
_Static_assert(sizeof(dp_outpoint) == 36, "outpoints compare with memcmp: no padding");

uint64_t dp_addr_key(const dp_addr *a)
{
	DP_CHECK(a != NULL);
	DP_CHECK(a->kind < DP_ADDR_KIND_COUNT && a->len <= sizeof a->bytes);
	return dp_addr_key_inline(a);
}

uint64_t dp_outpoint_key(const dp_outpoint *o)
{
	DP_CHECK(o != NULL);
	return dp_outpoint_key_inline(o->txid, o->vout);
}

static dp_addr make(dp_addr_kind kind, const uint8_t *bytes, size_t n)
{
	dp_addr a = {.kind = (uint8_t)kind, .len = (uint8_t)n};
	DP_CHECK(n <= sizeof a.bytes);
	if (n > 0) memcpy(a.bytes, bytes, n);
	return a;
}

//- scripts ---------------------------------------------------------------------------------------

// A witness program by version and length; a program that has no place in an address value, or that
// no spender can satisfy (version 0 of another length), is named by the hash of its script.
static dp_addr from_witness(uint8_t version, const uint8_t *program, size_t n)
{
	if (version == 0 && n == 20) return make(DP_ADDR_P2WPKH, program, n);
	if (version == 0 && n == 32) return make(DP_ADDR_P2WSH, program, n);
	if (version == 1 && n == 32) return make(DP_ADDR_P2TR, program, n);
	uint8_t bytes[42];
	if (version > 0 && n + 1 <= sizeof((dp_addr *)0)->bytes) {
		bytes[0] = version;
		memcpy(bytes + 1, program, n);
		return make(DP_ADDR_WITNESS, bytes, n + 1);
	}
	DP_CHECK(version <= 16 && n >= 2 && n <= 40);
	bytes[0] = version == 0 ? 0x00 : (uint8_t)(0x50 + version);
	bytes[1] = (uint8_t)n;
	memcpy(bytes + 2, program, n);
	uint8_t hash[32];
	dp_sha256(hash, bytes, n + 2);
	return make(DP_ADDR_SCRIPT, hash, sizeof hash);
}

dp_addr dp_addr_from_script(const uint8_t *script, size_t n)
{
	DP_CHECK(script != NULL || n == 0);
	dp_script_info info = dp_script_classify(script, n);
	uint8_t hash[34];
	switch (info.class) {
	case DP_SCRIPT_P2PKH: return make(DP_ADDR_P2PKH, info.data, 20);
	case DP_SCRIPT_P2SH: return make(DP_ADDR_P2SH, info.data, 20);
	case DP_SCRIPT_WITNESS: return from_witness(info.version, info.data, info.data_size);
	case DP_SCRIPT_P2PK:
		dp_hash160(hash, info.data, info.data_size);
		return make(DP_ADDR_P2PK, hash, 20);
	case DP_SCRIPT_MULTISIG:
		hash[0] = info.m;
		hash[1] = info.n;
		dp_sha256(hash + 2, script, n);
		return make(DP_ADDR_MULTISIG, hash, 32);
	case DP_SCRIPT_NULLDATA: return make(DP_ADDR_NULLDATA, NULL, 0);
	case DP_SCRIPT_OTHER: break;
	}
	dp_sha256(hash, script, n);
	return make(DP_ADDR_SCRIPT, hash, 32);
}

dp_addr dp_addr_from_output(const dp_chain *chain, const uint8_t *script, size_t n)
{
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	DP_CHECK(script != NULL || n == 0);
	// Only Bitcoin Cash has tokens, and only it has CashAddr.
	size_t skip = chain->cashaddr == NULL ? 0 : dp_script_token_prefix(script, n);
	return dp_addr_from_script(n == 0 ? NULL : script + skip, n - skip);
}

//- format ----------------------------------------------------------------------------------------

// Our own forms: the word, a colon, hex digits.
static const char *const template_words[DP_ADDR_KIND_COUNT] = {
    [DP_ADDR_P2PKH] = "p2pkh", [DP_ADDR_P2SH] = "p2sh",     [DP_ADDR_P2WPKH] = "p2wpkh",
    [DP_ADDR_P2WSH] = "p2wsh", [DP_ADDR_P2TR] = "p2tr",     [DP_ADDR_WITNESS] = "witness",
    [DP_ADDR_P2PK] = "p2pk",   [DP_ADDR_SCRIPT] = "script",
};

static size_t format_template(char out[DP_ADDR_TEXT_MAX], const dp_addr *a)
{
	const char *word = template_words[a->kind];
	DP_CHECK(word != NULL);
	int n = snprintf(out, DP_ADDR_TEXT_MAX, "%s:", word);
	DP_CHECK(n > 0 && (size_t)n + 2 * a->len < DP_ADDR_TEXT_MAX);
	dp_hex_encode(out + n, a->bytes, a->len);
	return (size_t)n + 2 * a->len;
}

static size_t format_witness(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain,
                             uint8_t version, size_t skip)
{
	_Static_assert((int)DP_SEGWIT_TEXT_MAX <= (int)DP_ADDR_TEXT_MAX, "room for bech32");
	size_t n = 0;
	if (chain->kind == DP_CHAIN_UTXO && chain->hrp != NULL)
		n = dp_segwit_encode(out, chain->hrp, version, a->bytes + skip, a->len - skip);
	return n > 0 ? n : format_template(out, a);
}

// The two forms of a key's or a script's 20-byte hash.
static size_t format_hash(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain,
                          bool is_script)
{
	_Static_assert((int)DP_BASE58CHECK_TEXT_MAX <= (int)DP_ADDR_TEXT_MAX, "room for base58");
	DP_CHECK(a->len == 20);
	if (chain->kind != DP_CHAIN_UTXO) return format_template(out, a);
	if (chain->cashaddr == NULL)
		return dp_base58check_encode(out, is_script ? chain->p2sh : chain->p2pkh, a->bytes,
		                             20);
	char text[DP_CASHADDR_TEXT_MAX];
	size_t n = dp_cashaddr_encode(
	    text, chain->cashaddr, is_script ? DP_CASHADDR_P2SH : DP_CASHADDR_P2KH, a->bytes, 20);
	DP_CHECK(n > 0 && n < DP_ADDR_TEXT_MAX);
	memcpy(out, text, n + 1);
	return n;
}

size_t dp_addr_format(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain)
{
	DP_CHECK(out != NULL && a != NULL && chain != NULL);
	DP_CHECK(a->kind < DP_ADDR_KIND_COUNT && a->len <= sizeof a->bytes);
	int n;
	switch ((dp_addr_kind)a->kind) {
	case DP_ADDR_NONE:
	case DP_ADDR_NULLDATA:
		n = snprintf(out, DP_ADDR_TEXT_MAX, "%s", a->kind ? "nulldata" : "none");
		return (size_t)n;
	case DP_ADDR_EVM:
		memcpy(out, "0x", 2);
		dp_hex_encode(out + 2, a->bytes, 20);
		dp_eip55_set(out + 2);
		return 42;
	case DP_ADDR_P2PKH:
	case DP_ADDR_P2PK: return format_hash(out, a, chain, false);
	case DP_ADDR_P2SH: return format_hash(out, a, chain, true);
	case DP_ADDR_P2WPKH:
	case DP_ADDR_P2WSH: return format_witness(out, a, chain, 0, 0);
	case DP_ADDR_P2TR: return format_witness(out, a, chain, 1, 0);
	case DP_ADDR_WITNESS: return format_witness(out, a, chain, a->bytes[0], 1);
	case DP_ADDR_MULTISIG:
		n = snprintf(out, DP_ADDR_TEXT_MAX, "multisig:%uof%u:", a->bytes[0], a->bytes[1]);
		dp_hex_encode(out + n, a->bytes + 2, 30);
		return (size_t)n + 60;
	case DP_ADDR_SCRIPT: return format_template(out, a);
	case DP_ADDR_NAME:
		n = snprintf(out, DP_ADDR_TEXT_MAX, "name:%.*s", a->len, (const char *)a->bytes);
		return (size_t)n;
	case DP_ADDR_KIND_COUNT: break;
	}
	DP_CHECK(false && "unreachable: every kind returns");
	return 0;
}

//- parse -----------------------------------------------------------------------------------------

static dp_code bad(dp_fault *fault, const char *text, size_t n, const dp_chain *chain,
                   const char *why)
{
	return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no address on %s: %s",
	               (int)(n > 100 ? 100 : n), text == NULL ? "" : text, chain->name, why);
}

static bool has_prefix(const char *text, size_t n, const char *prefix)
{
	size_t size = strlen(prefix);
	return n >= size && memcmp(text, prefix, size) == 0;
}

static const char *parse_evm(dp_addr *ret, const char *text, size_t n)
{
	if (n < 2 || text[0] != '0' || text[1] != 'x') return "it must begin with 0x";
	if (n != 42) return "0x and 40 hex digits are needed";
	uint8_t bytes[20];
	if (!dp_hex_decode(bytes, 20, text + 2)) return "0x and 40 hex digits are needed";
	if (dp_eip55_is_mixed(text + 2) && !dp_eip55_is_right(text + 2))
		return "its EIP-55 checksum is wrong, so at least one character is mistyped; "
		       "compare "
		       "it with its source (all lower case has no checksum)";
	*ret = make(DP_ADDR_EVM, bytes, 20);
	return NULL;
}

static const char *parse_bech32(dp_addr *ret, const char *text, size_t n, const dp_chain *chain,
                                bool *ret_form)
{
	uint8_t version, program[40];
	size_t size;
	*ret_form = true;
	switch (dp_segwit_decode(&version, program, &size, chain->hrp, text, n)) {
	case DP_SEGWIT_OK: *ret = from_witness(version, program, size); return NULL;
	case DP_SEGWIT_CHECKSUM:
		return "its bech32 checksum is wrong, so at least one character is mistyped";
	case DP_SEGWIT_PROGRAM:
		return "its witness program has a length or version that does not exist";
	case DP_SEGWIT_HRP: return "its prefix is that of another network";
	case DP_SEGWIT_FORM: break;
	}
	*ret_form = false;
	return "it is neither base58check nor bech32";
}

static const char *parse_base58(dp_addr *ret, const char *text, size_t n, const dp_chain *chain,
                                bool *ret_form)
{
	uint8_t version, payload[DP_BASE58CHECK_PAYLOAD_MAX];
	size_t size;
	*ret_form = true;
	switch (dp_base58check_decode(&version, payload, &size, text, n)) {
	case DP_BASE58_OK: break;
	case DP_BASE58_CHECKSUM:
		return "its checksum is wrong, so at least one character is mistyped";
	case DP_BASE58_CHARACTER:
	case DP_BASE58_LENGTH: *ret_form = false; return "it is neither base58check nor bech32";
	}
	if (size != 20) return "20 bytes are needed";
	if (version == chain->p2pkh)
		*ret = make(DP_ADDR_P2PKH, payload, 20);
	else if (version == chain->p2sh || (chain->p2sh_old != 0 && version == chain->p2sh_old))
		*ret = make(DP_ADDR_P2SH, payload, 20);
	else
		return "its version byte is that of another network, or of a key";
	return NULL;
}

static const char *parse_cashaddr(dp_addr *ret, const char *text, size_t n, const dp_chain *chain,
                                  bool *ret_form)
{
	uint8_t type, hash[DP_CASHADDR_HASH_MAX], script[35] = {0xaa, 32, [34] = 0x87};
	size_t size;
	*ret_form = true;
	switch (dp_cashaddr_decode(&type, hash, &size, chain->cashaddr, text, n)) {
	case DP_CASHADDR_OK: break;
	case DP_CASHADDR_CHECKSUM:
		return "its CashAddr checksum is wrong, so at least one character is mistyped";
	case DP_CASHADDR_PREFIX: return "its prefix is that of another network";
	case DP_CASHADDR_VERSION: return "its CashAddr version does not exist";
	case DP_CASHADDR_FORM: *ret_form = false; return "it is neither CashAddr nor base58check";
	}
	bool is_script = type == DP_CASHADDR_P2SH || type == DP_CASHADDR_TOKEN_P2SH;
	if (type > DP_CASHADDR_TOKEN_P2SH || (size != 20 && (size != 32 || !is_script)))
		return "its CashAddr version means nothing on this chain";
	if (size == 20) {
		*ret = make(is_script ? DP_ADDR_P2SH : DP_ADDR_P2PKH, hash, 20);
	} else {
		memcpy(script + 2, hash, 32);
		*ret = dp_addr_from_script(script, sizeof script);
	}
	return NULL;
}

static const char *parse_utxo(dp_addr *ret, const char *text, size_t n, const dp_chain *chain)
{
	// The forms share no address: base58 has no checksum that the others accept. Which fault to
	// tell depends on which of them the text resembles.
	bool base58_form, other_form = false;
	const char *why = parse_base58(ret, text, n, chain, &base58_form), *why_other;
	if (why == NULL || (chain->hrp == NULL && chain->cashaddr == NULL)) return why;
	if (chain->cashaddr != NULL) {
		why_other = parse_cashaddr(ret, text, n, chain, &other_form);
		if (why_other == NULL) return NULL;
		return other_form || !base58_form ? why_other : why;
	}
	why_other = parse_bech32(ret, text, n, chain, &other_form);
	if (why_other == NULL) return NULL;
	size_t hrp_size = strlen(chain->hrp);
	bool resembles = other_form && n > hrp_size && text[hrp_size] == '1';
	return resembles || !base58_form ? why_other : why;
}

// multisig:MofN:<60 hex digits>
static const char *parse_multisig(dp_addr *ret, const char *text, size_t n)
{
	static const char wrong[] = "the form is multisig:2of3: and 60 hex digits";
	size_t at = strlen("multisig:");
	unsigned count[2] = {0, 0};
	uint8_t bytes[32];
	for (int i = 0; i < 2; i++) {
		size_t begin = at;
		while (at < n && at - begin < 2 && text[at] >= '0' && text[at] <= '9')
			count[i] = count[i] * 10 + (unsigned)(text[at++] - '0');
		const char *behind = i == 0 ? "of" : ":";
		if (at == begin || text[begin] == '0' || !has_prefix(text + at, n - at, behind))
			return wrong;
		at += strlen(behind);
	}
	if (count[0] > count[1] || count[1] > 20) return wrong;
	if (n - at != 60 || !dp_hex_decode(bytes + 2, 30, text + at)) return wrong;
	bytes[0] = (uint8_t)count[0];
	bytes[1] = (uint8_t)count[1];
	*ret = make(DP_ADDR_MULTISIG, bytes, 32);
	return NULL;
}

// name:<1 to 32 bytes without control characters>
static const char *parse_name(dp_addr *ret, const char *text, size_t n)
{
	size_t skip = strlen("name:");
	const uint8_t *p = (const uint8_t *)text + skip;
	if (n - skip < 1 || n - skip > sizeof ret->bytes) return "a name has 1 to 32 bytes";
	for (size_t i = 0; i < n - skip; i++)
		if (p[i] < 0x20 || p[i] == 0x7f) return "a name has no control characters";
	*ret = make(DP_ADDR_NAME, p, n - skip);
	return NULL;
}

// word:<hex digits> for a script template. *ret_taken tells whether the text has such a word.
static const char *parse_template(dp_addr *ret, const char *text, size_t n, bool *ret_taken)
{
	static const struct {
		dp_addr_kind kind;
		size_t size_min, size_max;
	} forms[] = {{DP_ADDR_P2PKH, 20, 20}, {DP_ADDR_P2SH, 20, 20}, {DP_ADDR_P2WPKH, 20, 20},
	             {DP_ADDR_P2WSH, 32, 32}, {DP_ADDR_P2TR, 32, 32}, {DP_ADDR_WITNESS, 3, 32},
	             {DP_ADDR_SCRIPT, 32, 32}};
	*ret_taken = true;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const char *word = template_words[forms[i].kind];
		size_t skip = strlen(word) + 1;
		if (!has_prefix(text, n, word) || n < skip || text[skip - 1] != ':') continue;
		size_t size = (n - skip) / 2;
		uint8_t bytes[32];
		if (size < forms[i].size_min || size > forms[i].size_max || (n - skip) % 2 != 0)
			return "the number of hex digits behind the colon is wrong";
		if (!dp_hex_decode(bytes, size, text + skip)) return "hex digits are needed";
		if (forms[i].kind != DP_ADDR_WITNESS) {
			*ret = make(forms[i].kind, bytes, size);
			return NULL;
		}
		if (bytes[0] < 1 || bytes[0] > 16) return "the witness version must be 1 to 16";
		*ret = from_witness(bytes[0], bytes + 1, size - 1);
		return NULL;
	}
	*ret_taken = false;
	return NULL;
}

dp_code dp_addr_parse(dp_addr *ret_addr, const char *text, size_t n, const dp_chain *chain,
                      dp_fault *fault)
{
	DP_CHECK(ret_addr != NULL && chain != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n == 0) return bad(fault, text, n, chain, "it is empty");
	dp_addr a;
	const char *why = NULL;
	bool utxo = chain->kind == DP_CHAIN_UTXO, taken = false;
	// Our own words come before CAIP-10: `multisig:2of3:...` has its shape.
	if (has_prefix(text, n, "name:")) {
		why = parse_name(&a, text, n);
		taken = true;
	} else if (utxo && has_prefix(text, n, "multisig:")) {
		why = parse_multisig(&a, text, n);
		taken = true;
	} else if (utxo && n == 8 && has_prefix(text, n, "nulldata")) {
		a = make(DP_ADDR_NULLDATA, NULL, 0);
		taken = true;
	} else if (utxo) {
		why = parse_template(&a, text, n, &taken);
	}
	if (!taken) {
		const char *body = text;
		size_t size = n;
		dp_caip name;
		if (dp_caip10_split(&name, text, n)) {
			if (name.chain.size != strlen(chain->caip2) ||
			    memcmp(name.chain.text, chain->caip2, name.chain.size) != 0)
				return bad(fault, text, n, chain, "it names another chain");
			body = name.account.text;
			size = name.account.size;
		}
		why = utxo ? parse_utxo(&a, body, size, chain) : parse_evm(&a, body, size);
	}
	if (why != NULL) return bad(fault, text, n, chain, why);
	*ret_addr = a;
	return DP_OK;
}

//- outpoints -------------------------------------------------------------------------------------

size_t dp_outpoint_format(char out[DP_OUTPOINT_TEXT_MAX], const dp_outpoint *o)
{
	DP_CHECK(out != NULL);
	DP_CHECK(o != NULL);
	uint8_t shown[32];
	for (size_t i = 0; i < 32; i++) shown[i] = o->txid[31 - i];
	dp_hex_encode(out, shown, 32);
	int n = snprintf(out + 64, DP_OUTPOINT_TEXT_MAX - 64, ":%u", o->vout);
	DP_CHECK(n > 0 && n < DP_OUTPOINT_TEXT_MAX - 64);
	return 64 + (size_t)n;
}

dp_code dp_outpoint_parse(dp_outpoint *ret_outpoint, const char *text, size_t n, dp_fault *fault)
{
	DP_CHECK(ret_outpoint != NULL);
	DP_CHECK(text != NULL || n == 0);
	uint8_t shown[32];
	uint64_t vout = 0;
	bool good = n >= 66 && n <= 75 && text[64] == ':' && dp_hex_decode(shown, 32, text);
	// One spelling for one outpoint: no leading zero.
	good = good && (n == 66 || text[65] != '0');
	for (size_t i = 65; good && i < n; i++) {
		good = text[i] >= '0' && text[i] <= '9';
		vout = vout * 10 + (uint64_t)(text[i] - '0');
	}
	if (!good || vout > UINT32_MAX)
		return dp_fail(fault, DP_BAD_BYTES,
		               "\"%.*s\" is no outpoint: 64 hex digits of the transaction id, a "
		               "colon and the output's number are needed",
		               (int)(n > 80 ? 80 : n), text == NULL ? "" : text);
	dp_outpoint o = {.vout = (uint32_t)vout};
	for (size_t i = 0; i < 32; i++) o.txid[i] = shown[31 - i];
	*ret_outpoint = o;
	return DP_OK;
}

// The table of networks and the forms of their addresses, see place.h.
//
// Names are GraphSense's where it has one (its schema of TagPacks: BTC, BCH, LTC, ZEC, ETH, TRX),
// otherwise the symbol that tag files use; OFAC writes XBT for Bitcoin. Networks that dyepack
// follows lean on chain/address.h for the form of their addresses; the others are checked here:
//
//   base58check of the Bitcoin family   version bytes of each chainparams.cpp: Dash 76 and 16,
//                                       Zcash 0x1cb8 and 0x1cbd (protocol specification 5.6.1.1),
//                                       Bitcoin Gold 38 and 23, Verge 30 and 33, DigiByte 30 and 63
//                                       (5 before), Bitcoin SV as Bitcoin, Omni as Bitcoin
//   Tron                                0x41 and the 20 bytes (TRON protocol documentation,
//                                       "Address Format")
//   Monero                              base58 in blocks of 8 bytes to 11 characters (CryptoNote
//                                       Standard 007), prefixes 18, 19 and 42, and the first four
//                                       bytes of Keccak-256 behind them
//   Ripple                              base58check with an alphabet of its own, version 0 (XRP
//                                       Ledger documentation, "Address Encodings")
//   Solana                              base58 of 32 bytes, no checksum
//   the rest                            characters and length, for no more is known here
//
// What has a checksum is refused when it is wrong: a mistyped address in a list must not silently
// become a tag that never matches. OFAC lists one Monero place as 64 hexadecimal digits (a payment
// id, not an address); it is kept as it stands, for it is what a person will paste to ask about.
#include "tag/place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "chain/asset.h"
#include "codec/base58.h"
#include "codec/bech32.h"
#include "codec/caip.h"
#include "codec/hash.h"
#include "codec/hex.h"

//- the table -------------------------------------------------------------------------------------

typedef enum form {
	FORM_CHAIN,  // dp_addr_parse of the chain
	FORM_EVM,    // 20 bytes with EIP-55, not a chain of ours
	FORM_BASE58, // base58check with the versions of the row, and bech32 where it has a prefix
	FORM_ZCASH,  // two version bytes; shielded addresses as text
	FORM_TRON,
	FORM_MONERO,
	FORM_RIPPLE,
	FORM_SOLANA,
	FORM_TEXT, // characters and length of the row
} form;

typedef struct row {
	dp_network network;
	const char *chain; // name in chain/chain.c, from which network.chain is filled
	form form;
	uint8_t p2pkh, p2sh, p2sh_old; // FORM_BASE58; p2sh_old 0: none
	const char *hrp;               // FORM_BASE58 with segregated witness
	const char *prefix;            // FORM_TEXT: one of these, separated by blanks; ~: in
	                               // any case; NULL: any
	uint8_t size_min, size_max;    // FORM_TEXT
} row;

#define N(id_, name_, aliases_)                                                                    \
	{                                                                                          \
		.id = (id_), .name = (name_), .aliases = (aliases_)                                \
	}
#define CHAIN(id_, name_, chain_, aliases_)                                                        \
	{                                                                                          \
		.network = N(id_, name_, aliases_), .chain = (chain_), .form = FORM_CHAIN          \
	}
#define EVM(id_, name_, aliases_)                                                                  \
	{                                                                                          \
		.network = N(id_, name_, aliases_), .form = FORM_EVM                               \
	}
#define TEXT(id_, name_, prefix_, min_, max_, aliases_)                                            \
	{                                                                                          \
		.network = N(id_, name_, aliases_), .form = FORM_TEXT, .prefix = (prefix_),        \
		.size_min = (min_), .size_max = (max_)                                             \
	}

// The aliases hold CAIP-2 names of networks that have no row in chain/chain.c. Ids are written out
// so that the table says itself what a number in a file of notes means; a check holds them to it.
static row rows[] = {
    CHAIN(1, "BTC", "bitcoin", "XBT"),
    CHAIN(2, "BCH", "bitcoin-cash", "bitcoincash bitcoin_cash XCH BCC"),
    CHAIN(3, "LTC", "litecoin", ""),
    CHAIN(4, "DOGE", "dogecoin", "XDG"),
    CHAIN(5, "ETH", "ethereum", "mainnet ERC20"),
    CHAIN(6, "BSC", "bsc", "BNB BEP20 binance-smart-chain BNBChain"),
    CHAIN(7, "MATIC", "polygon", "POL"),
    CHAIN(8, "ARB", "arbitrum", "arbitrum-one ARBETH"),
    CHAIN(9, "OP", "optimism", "OPETH"),
    CHAIN(10, "BASE", "base", ""),
    CHAIN(11, "AVAX", "avalanche", "AVAXC avalanche-c"),
    {.network = N(12, "TRX", "TRON TRC20 TRC10 tron:0x2b6653dc tron:mainnet"), .form = FORM_TRON},
    {.network = N(13, "SOL", "solana SPL solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
     .form = FORM_SOLANA},
    {.network = N(14, "XRP", "ripple xrpl xrpl:0"), .form = FORM_RIPPLE},
    {.network = N(15, "XMR", "monero"), .form = FORM_MONERO},
    {.network = N(16, "ZEC", "zcash bip122:00040fe8ec8471911baa1db1266ea15d"), .form = FORM_ZCASH},
    {.network = N(17, "DASH", "bip122:00000ffd590b1485b3caadc19b22e637"),
     .form = FORM_BASE58,
     .p2pkh = 76,
     .p2sh = 16},
    {.network = N(18, "BTG", "bitcoin-gold bitcoin_gold"),
     .form = FORM_BASE58,
     .p2pkh = 38,
     .p2sh = 23,
     .hrp = "btg"},
    {.network = N(19, "BSV", "bitcoin-sv bitcoin_sv"), .form = FORM_BASE58, .p2pkh = 0, .p2sh = 5},
    EVM(20, "ETC", "ethereum-classic ethereum_classic eip155:61"),
    {.network = N(21, "XVG", "verge"), .form = FORM_BASE58, .p2pkh = 30, .p2sh = 33},
    {.network = N(22, "DGB", "digibyte"),
     .form = FORM_BASE58,
     .p2pkh = 30,
     .p2sh = 63,
     .p2sh_old = 5,
     .hrp = "dgb"},
    {.network = N(23, "OMNI", "omnilayer"), .form = FORM_BASE58, .p2pkh = 0, .p2sh = 5},
    EVM(24, "GNO", "gnosis xdai eip155:100"),
    EVM(25, "FTM", "fantom eip155:250"),
    EVM(26, "CRO", "cronos eip155:25"),
    EVM(27, "CELO", "eip155:42220"),
    EVM(28, "LINEA", "eip155:59144"),
    EVM(29, "BLAST", "eip155:81457"),
    EVM(30, "MNT", "mantle eip155:5000"),
    EVM(31, "ZKSYNC", "era eip155:324"),
    EVM(32, "SCROLL", "eip155:534352"),
    EVM(33, "RON", "ronin eip155:2020"),
    EVM(34, "ONE", "harmony eip155:1666600000"),
    EVM(35, "HT", "heco eip155:128"),
    EVM(36, "KCS", "kcc eip155:321"),
    EVM(37, "RBTC", "rootstock rsk eip155:30"),
    EVM(38, "GLMR", "moonbeam eip155:1284"),
    EVM(39, "MOVR", "moonriver eip155:1285"),
    EVM(40, "CLO", "callisto eip155:820"),
    // Cardano: Byron's base58 (Ae2, DdzFF) and Shelley's bech32 (CIP-19).
    TEXT(41, "ADA", "~addr1 ~stake1 Ae2 DdzFF", 50, 125, "cardano"),
    TEXT(42, "XLM", "G M", 56, 69, "stellar"), // SEP-23 strkey
    TEXT(43, "DOT", "1", 46, 48, "polkadot"),  // SS58 with network 0
    TEXT(44, "KSM", NULL, 46, 48, "kusama"),   // SS58 with network 2
    TEXT(45, "ATOM", "~cosmos1", 45, 65, "cosmos cosmoshub cosmos:cosmoshub-4"),
    TEXT(46, "ALGO", NULL, 58, 58, "algorand"),      // base32 of key and checksum
    TEXT(47, "BEP2", "~bnb1", 42, 42, "bnb-beacon"), // Binance Chain, closed in 2024
    TEXT(48, "EOS", NULL, 1, 13, ""),                // account names
    TEXT(49, "FIL", "~f ~t", 9, 90, "filecoin"),
    TEXT(50, "XTZ", "tz1 tz2 tz3 tz4 KT1", 36, 37, "tezos"),
    TEXT(51, "NEAR", NULL, 2, 64, ""),
    TEXT(52, "TON", NULL, 48, 67, "toncoin"), // or workchain and 64 digits
    TEXT(53, "THOR", "~thor1", 43, 63, "RUNE thorchain cosmos:thorchain-1"),
    TEXT(54, "MAYA", "~maya1", 43, 63, "CACAO mayachain"),
    TEXT(55, "LUNA", "~terra1", 44, 64, "LUNC LUNA2 terra"),
    TEXT(56, "SUI", "~0x", 3, 66, ""),
    TEXT(57, "APT", "~0x", 3, 66, "aptos"),
    TEXT(58, "HBAR", "0.", 5, 30, "hedera"),
    TEXT(59, "NEO", "A N", 34, 34, ""),
    TEXT(60, "L-BTC", NULL, 34, 128, "liquid LBTC"),
    TEXT(61, "KDA", NULL, 3, 128, "kadena"),
    EVM(62, "VET", "vechain eip155:100009"),
    EVM(63, "THETA", "eip155:361"),
    EVM(64, "TLOS", "telos eip155:40"),
    EVM(65, "SGB", "songbird eip155:19"),
    TEXT(66, "ZIL", "~zil1 ~0x", 42, 42, "ziliqa"),
    TEXT(67, "EGLD", "~erd1", 62, 62, "elrond multiversx"),
    TEXT(68, "WAVES", "3", 35, 36, ""),
    TEXT(69, "IOTA", "~iota1 ~smr1", 60, 128, "MIOTA SMR shimmer"),
    CHAIN(70, "testnet3", "testnet3", "testnet tBTC"),
    CHAIN(71, "testnet4", "testnet4", ""),
    CHAIN(72, "signet", "signet", ""),
    CHAIN(73, "regtest", "regtest", ""),
    CHAIN(74, "simnet", "simnet", ""),
    CHAIN(75, "sepolia", "sepolia", ""),
    CHAIN(76, "anvil", "anvil", "hardhat"),
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0], CHAIN_MAX = 64 };
// Filled before main: the chains of the rows and the way back. After that the table is only read.
static uint16_t chain_networks[CHAIN_MAX];

__attribute__((constructor)) static void fill_table(void)
{
	DP_CHECK(dp_chain_count() <= CHAIN_MAX);
	for (uint32_t i = 0; i < ROW_COUNT; i++) {
		row *r = &rows[i];
		DP_CHECK(r->network.id == i + 1);
		if (r->chain == NULL) continue;
		r->network.chain = dp_chain_find(r->chain, strlen(r->chain));
		DP_CHECK(r->network.chain != NULL);
		chain_networks[r->network.chain->id] = r->network.id;
	}
}

uint16_t dp_network_count(void)
{
	return ROW_COUNT;
}

const dp_network *dp_network_at(uint16_t id)
{
	DP_CHECK(id >= 1 && id <= ROW_COUNT);
	return &rows[id - 1].network;
}

const dp_network *dp_network_of(const dp_chain *chain)
{
	DP_CHECK(chain != NULL && chain->id < CHAIN_MAX);
	return dp_network_at(chain_networks[chain->id]);
}

// Is it one of the words, any case? A text of several words is none of them.
static bool among(const char *words, const char *text, size_t n)
{
	for (const char *p = words; *p != 0;) {
		size_t size = strcspn(p, " ");
		if (size == n && strncasecmp(p, text, n) == 0) return true;
		p += size + (p[size] == ' ' ? 1 : 0);
	}
	return false;
}

static void trim(const char **io_text, size_t *io_n)
{
	static const char blanks[] = " \t\r\n";
	while (*io_n > 0 && memchr(blanks, **io_text, 4) != NULL) {
		++*io_text;
		--*io_n;
	}
	while (*io_n > 0 && memchr(blanks, (*io_text)[*io_n - 1], 4) != NULL) --*io_n;
}

const dp_network *dp_network_find(const char *text, size_t n)
{
	DP_CHECK(text != NULL || n == 0);
	if (n > 0) trim(&text, &n);
	if (n == 0) return NULL;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const dp_network *network = &rows[i].network;
		if (among(network->name, text, n) || among(network->aliases, text, n))
			return network;
	}
	const dp_chain *chain = dp_chain_find(text, n);
	return chain == NULL ? NULL : dp_network_of(chain);
}

bool dp_network_is_asset(const char *text, size_t n)
{
	DP_CHECK(text != NULL || n == 0);
	// Those that tag files name and chain/asset.h does not, because nobody moved stolen money
	// in them in a case that dyepack knows.
	static const char more[] =
	    "USDT USDC DAI BUSD TUSD USDP PAX GUSD FRAX LUSD USDE PYUSD FDUSD "
	    "USDD USDT0 EURT EURC XAUT PAXG SAI UST TORN";
	if (n > 0) trim(&text, &n);
	if (n == 0) return false;
	if (dp_network_find(text, n) != NULL) return false; // its own coin, or bridged from there
	if (among(more, text, n)) return true;
	for (uint16_t i = 1; i <= dp_asset_count(); i++) {
		const dp_asset_info *a = dp_asset_info_of((dp_asset){i});
		if (a->has_contract && among(a->symbol, text, n)) return true;
	}
	return false;
}

//- base58 of other kinds --------------------------------------------------------------------------

static const char bitcoin_digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char ripple_digits[] = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

// The number that the digits make, big-endian in exactly `size` bytes; false when a character is no
// digit or the number is larger.
static bool base58_number(uint8_t *ret_bytes, size_t size, const char *digits, const char *text,
                          size_t n)
{
	memset(ret_bytes, 0, size);
	for (size_t i = 0; i < n; i++) {
		const char *p = text[i] == 0 ? NULL : strchr(digits, text[i]);
		if (p == NULL) return false;
		unsigned carry = (unsigned)(p - digits);
		for (size_t j = size; j-- > 0;) {
			carry += 58u * ret_bytes[j];
			ret_bytes[j] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry != 0) return false;
	}
	return true;
}

// Is the text base58 of exactly `size` bytes? A leading zero byte is one leading zero digit, so
// that every sequence of bytes has one text only.
static bool base58_bytes(uint8_t *ret_bytes, size_t size, const char *digits, const char *text,
                         size_t n)
{
	DP_CHECK(size >= 1 && size <= 64);
	// Two bytes need less than three digits: longer texts are refused before the long work.
	if (n == 0 || n > size * 3 / 2) return false;
	if (!base58_number(ret_bytes, size, digits, text, n)) return false;
	size_t zeros = 0, zero_digits = 0;
	while (zeros < size && ret_bytes[zeros] == 0) zeros++;
	while (zero_digits < n && text[zero_digits] == digits[0]) zero_digits++;
	return zeros == zero_digits;
}

// The other way: the number in exactly `chars` digits. `bytes` is used up.
static void base58_digits(char *out, size_t chars, const char *digits, uint8_t *bytes, size_t size)
{
	for (size_t i = chars; i-- > 0;) {
		unsigned rest = 0;
		for (size_t j = 0; j < size; j++) {
			rest = rest << 8 | bytes[j];
			bytes[j] = (uint8_t)(rest / 58);
			rest %= 58;
		}
		out[i] = digits[rest];
	}
}

//- addresses of networks that are no chains of ours -----------------------------------------------

static const char why_mistyped[] = "its checksum is wrong, so at least one character is mistyped";
static const char why_version[] = "its version byte is that of another network, or of a key";

static dp_addr make(uint8_t kind, const uint8_t *bytes, size_t n)
{
	dp_addr a = {.kind = kind, .len = (uint8_t)n};
	DP_CHECK(n <= sizeof a.bytes);
	memcpy(a.bytes, bytes, n);
	return a;
}

// The hash of the text stands for what we cannot take apart. Where the network's addresses mean the
// same in either case, the text is folded, so that both are one place.
static dp_addr make_other(const char *text, size_t n, bool any_case)
{
	char folded[DP_PLACE_TEXT_MAX];
	uint8_t hash[32];
	DP_CHECK(n <= sizeof folded);
	for (size_t i = 0; i < n; i++) {
		bool is_upper = text[i] >= 'A' && text[i] <= 'Z';
		folded[i] = any_case && is_upper ? (char)(text[i] - 'A' + 'a') : text[i];
	}
	dp_sha256(hash, folded, n);
	return make(DP_PLACE_OTHER, hash, sizeof hash);
}

// Version and 20 bytes of base58check, or why not.
static const char *base58check_20(uint8_t *ret_version, uint8_t ret_bytes[20], const char *text,
                                  size_t n)
{
	uint8_t payload[DP_BASE58CHECK_PAYLOAD_MAX];
	size_t size;
	switch (dp_base58check_decode(ret_version, payload, &size, text, n)) {
	case DP_BASE58_OK: break;
	case DP_BASE58_CHECKSUM: return why_mistyped;
	case DP_BASE58_CHARACTER:
	case DP_BASE58_LENGTH: return "it is not base58check";
	}
	if (size != 20) return "20 bytes are needed";
	memcpy(ret_bytes, payload, 20);
	return NULL;
}

static const char *parse_tron(dp_addr *ret, const char *text, size_t n)
{
	uint8_t version, bytes[20];
	const char *why = base58check_20(&version, bytes, text, n);
	if (why != NULL) return why;
	if (version != 0x41) return why_version;
	*ret = make(DP_ADDR_EVM, bytes, 20);
	return NULL;
}

static const char *parse_segwit(dp_addr *ret, const char *hrp, const char *text, size_t n)
{
	uint8_t version, program[40];
	size_t size;
	switch (dp_segwit_decode(&version, program, &size, hrp, text, n)) {
	case DP_SEGWIT_OK: break;
	case DP_SEGWIT_CHECKSUM: return why_mistyped;
	case DP_SEGWIT_PROGRAM:
		return "its witness program has a length or version that does not exist";
	case DP_SEGWIT_HRP: return "its prefix is that of another network";
	case DP_SEGWIT_FORM: return "it is not bech32";
	}
	if (version == 0)
		*ret = make(size == 20 ? DP_ADDR_P2WPKH : DP_ADDR_P2WSH, program, size);
	else if (version == 1 && size == 32)
		*ret = make(DP_ADDR_P2TR, program, size);
	else
		*ret = make_other(text, n, true);
	return NULL;
}

static const char *parse_base58(dp_addr *ret, const row *r, const char *text, size_t n)
{
	uint8_t version, bytes[20];
	size_t size = r->hrp == NULL ? 0 : strlen(r->hrp);
	if (size > 0 && n > size && strncasecmp(text, r->hrp, size) == 0 && text[size] == '1')
		return parse_segwit(ret, r->hrp, text, n);
	const char *why = base58check_20(&version, bytes, text, n);
	if (why != NULL) return why;
	if (version == r->p2pkh)
		*ret = make(DP_ADDR_P2PKH, bytes, 20);
	else if (version == r->p2sh || (r->p2sh_old != 0 && version == r->p2sh_old))
		*ret = make(DP_ADDR_P2SH, bytes, 20);
	else
		return why_version;
	return NULL;
}

// Letters, digits and the few signs that some network's addresses have.
static bool has_address_characters(const char *text, size_t n)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._-:/+=";
	for (size_t i = 0; i < n; i++)
		if (text[i] == 0 || strchr(allowed, text[i]) == NULL) return false;
	return true;
}

static const char *parse_zcash(dp_addr *ret, const char *text, size_t n)
{
	uint8_t version, payload[DP_BASE58CHECK_PAYLOAD_MAX];
	size_t size;
	// Sapling's and unified addresses are bech32 over longer data than a place has room for.
	bool is_shielded = strncasecmp(text, "zs1", n < 3 ? n : 3) == 0 ||
	                   strncasecmp(text, "u1", n < 2 ? n : 2) == 0;
	if (is_shielded && n >= 40) {
		if (!has_address_characters(text, n)) return "it has a character of no address";
		*ret = make_other(text, n, true);
		return NULL;
	}
	switch (dp_base58check_decode(&version, payload, &size, text, n)) {
	case DP_BASE58_OK: break;
	case DP_BASE58_CHECKSUM: return why_mistyped;
	case DP_BASE58_CHARACTER:
	case DP_BASE58_LENGTH: return "it is not base58check";
	}
	bool is_key = version == 0x1c && payload[0] == 0xb8;
	bool is_script = version == 0x1c && payload[0] == 0xbd;
	// Sprout's zc addresses are 0x169a and 64 bytes.
	if (version == 0x16 && payload[0] == 0x9a && size == 65) {
		*ret = make_other(text, n, false);
		return NULL;
	}
	if (size != 21 || (!is_key && !is_script)) return why_version;
	*ret = make(is_key ? DP_ADDR_P2PKH : DP_ADDR_P2SH, payload + 1, 20);
	return NULL;
}

// 8 bytes make 11 characters; what is left over makes a shorter block at the end.
static bool monero_bytes(uint8_t *ret_bytes, size_t size, const char *text)
{
	static const uint8_t block_chars[9] = {0, 2, 3, 5, 6, 7, 9, 10, 11};
	for (size_t at = 0; at < size; at += 8) {
		size_t bytes = size - at < 8 ? size - at : 8;
		if (!base58_number(ret_bytes + at, bytes, bitcoin_digits, text, block_chars[bytes]))
			return false;
		text += block_chars[bytes];
	}
	return true;
}

// An integrated address is a plain one with a payment id in it (Monero's addressing, prefix 19):
// the same keys hold what comes to either, so either is looked up as the plain one.
static dp_addr monero_plain(const uint8_t *integrated)
{
	enum { SIZE = 69, BLOCK = 8, BLOCK_CHARS = 11, CHARS = 95 };
	uint8_t bytes[SIZE], hash[32];
	char text[CHARS];
	memcpy(bytes, integrated, SIZE - 4);
	bytes[0] = 18;
	dp_keccak256(hash, bytes, SIZE - 4);
	memcpy(bytes + SIZE - 4, hash, 4);
	for (size_t at = 0, out = 0; at < SIZE; at += BLOCK, out += BLOCK_CHARS) {
		bool is_last = SIZE - at < BLOCK;
		base58_digits(text + out, is_last ? CHARS - out : BLOCK_CHARS, bitcoin_digits,
		              bytes + at, is_last ? SIZE - at : BLOCK);
	}
	return make_other(text, CHARS, false);
}

static const char *parse_monero(dp_addr *ret, const char *text, size_t n)
{
	enum { PLAIN_CHARS = 95, PLAIN_SIZE = 69, LONG_CHARS = 106, LONG_SIZE = 77 };
	uint8_t bytes[LONG_SIZE], hash[32];
	if (n == 64 && dp_hex_decode(hash, 32, text)) {
		*ret = make_other(text, n, true); // a payment id
		return NULL;
	}
	if (n != PLAIN_CHARS && n != LONG_CHARS) return "95 or 106 characters are needed";
	size_t size = n == PLAIN_CHARS ? PLAIN_SIZE : LONG_SIZE;
	if (!monero_bytes(bytes, size, text)) return "it is not Monero's base58";
	dp_keccak256(hash, bytes, size - 4);
	if (memcmp(hash, bytes + size - 4, 4) != 0) return why_mistyped;
	bool is_plain = n == PLAIN_CHARS && (bytes[0] == 18 || bytes[0] == 42);
	if (!is_plain && !(n == LONG_CHARS && bytes[0] == 19)) return why_version;
	*ret = is_plain ? make_other(text, n, false) : monero_plain(bytes);
	return NULL;
}

// The r... of the account that an X... speaks of: whoever holds one holds the other, so both are
// one place. Version 0 and the 20 bytes, whose first digit stands for the version.
static dp_addr ripple_plain(const uint8_t account[20])
{
	enum { SIZE = 25, CHARS = 35 };
	uint8_t bytes[SIZE] = {0}, hash[32];
	char text[SIZE + CHARS];
	size_t zeros = 0, first = SIZE;
	memcpy(bytes + 1, account, 20);
	dp_sha256d(hash, bytes, SIZE - 4);
	memcpy(bytes + SIZE - 4, hash, 4);
	while (zeros < SIZE && bytes[zeros] == 0) zeros++;
	memset(text, ripple_digits[0], SIZE);
	base58_digits(text + SIZE, CHARS, ripple_digits, bytes, SIZE);
	// As many zero digits before the number as it has zero bytes.
	while (first < SIZE + CHARS && text[first] == ripple_digits[0]) first++;
	return make_other(text + first - zeros, SIZE + CHARS - first + zeros, false);
}

// r... is a version byte and 20 bytes; X... has a tag for the receiver in it (XLS-5).
static const char *parse_ripple(dp_addr *ret, const char *text, size_t n)
{
	enum { PLAIN_SIZE = 25, TAGGED_SIZE = 35 };
	uint8_t bytes[TAGGED_SIZE], hash[32];
	bool is_plain = text[0] == 'r';
	size_t size = is_plain ? PLAIN_SIZE : TAGGED_SIZE;
	if (!base58_bytes(bytes, size, ripple_digits, text, n))
		return "it is not Ripple's base58 of 25 bytes (or of 35, beginning with X)";
	dp_sha256d(hash, bytes, size - 4);
	if (memcmp(hash, bytes + size - 4, 4) != 0) return why_mistyped;
	bool is_tagged = !is_plain && bytes[0] == 0x05 && bytes[1] == 0x44;
	if (!is_tagged && !(is_plain && bytes[0] == 0)) return why_version;
	*ret = is_tagged ? ripple_plain(bytes + 2) : make_other(text, n, false);
	return NULL;
}

static const char *parse_solana(dp_addr *ret, const char *text, size_t n)
{
	uint8_t bytes[32];
	if (!base58_bytes(bytes, sizeof bytes, bitcoin_digits, text, n))
		return "base58 of 32 bytes is needed";
	*ret = make_other(text, n, false);
	return NULL;
}

static const char *parse_text(dp_addr *ret, const row *r, const char *text, size_t n)
{
	if (n < r->size_min || n > r->size_max) return "it is too short or too long";
	if (!has_address_characters(text, n)) return "it has a character of no address";
	if (r->prefix == NULL) {
		*ret = make_other(text, n, false);
		return NULL;
	}
	for (const char *p = r->prefix; *p != 0;) {
		bool any_case = *p == '~';
		p += any_case ? 1 : 0;
		size_t size = strcspn(p, " ");
		bool same = n >= size && (any_case ? strncasecmp(p, text, size) == 0
		                                   : memcmp(p, text, size) == 0);
		if (same) {
			*ret = make_other(text, n, any_case);
			return NULL;
		}
		p += size + (p[size] == ' ' ? 1 : 0);
	}
	return "it does not begin as this network's addresses do";
}

//- parsing ---------------------------------------------------------------------------------------

// By the version of base58check, where its checksum is right: 0 when of no row. The first row wins
// (Bitcoin before its forks, Dogecoin before Verge).
static uint16_t guess_base58(const char *text, size_t n)
{
	uint8_t version, payload[DP_BASE58CHECK_PAYLOAD_MAX];
	size_t size;
	if (dp_base58check_decode(&version, payload, &size, text, n) != DP_BASE58_OK) return 0;
	for (uint16_t i = 0; size == 20 && i < ROW_COUNT; i++) {
		const row *r = &rows[i];
		const dp_chain *c = r->network.chain;
		bool is_ours = c != NULL && c->kind == DP_CHAIN_UTXO && c->cashaddr == NULL &&
		               (version == c->p2pkh || version == c->p2sh);
		bool is_like =
		    r->form == FORM_BASE58 && (version == r->p2pkh || version == r->p2sh);
		if (is_ours || is_like || (r->form == FORM_TRON && version == 0x41)) return i + 1;
	}
	return 0;
}

// By how it begins and its length, in this order. What base58check recognised is not asked here;
// it is the mistyped ones that come this way, so that their fault names the right network.
static const dp_network *guess(const char *text, size_t n)
{
	static const struct {
		const char *prefix, *network;
		size_t size_min, size_max;
		bool any_case;
	} forms[] = {
	    {"0x", "ETH", 0, 66, true},
	    {"bc1", "BTC", 0, 128, true},
	    {"tb1", "testnet3", 0, 128, true},
	    {"bcrt1", "regtest", 0, 128, true},
	    {"sb1", "simnet", 0, 128, true},
	    {"ltc1", "LTC", 0, 128, true},
	    {"btg1", "BTG", 0, 128, true},
	    {"dgb1", "DGB", 0, 128, true},
	    {"bitcoincash:", "BCH", 0, 128, true},
	    {"q", "BCH", 42, 42, true},
	    {"p", "BCH", 42, 42, true},
	    {"addr1", "ADA", 0, 128, true},
	    {"stake1", "ADA", 0, 128, true},
	    {"Ae2", "ADA", 50, 128, false},
	    {"DdzFF", "ADA", 50, 128, false},
	    {"cosmos1", "ATOM", 0, 128, true},
	    {"bnb1", "BEP2", 0, 128, true},
	    {"thor1", "THOR", 0, 128, true},
	    {"maya1", "MAYA", 0, 128, true},
	    {"terra1", "LUNA", 0, 128, true},
	    {"zs1", "ZEC", 40, 128, true},
	    {"u1", "ZEC", 40, 128, true},
	    {"4", "XMR", 95, 106, false},
	    {"8", "XMR", 95, 106, false},
	    {"tz", "XTZ", 36, 36, false},
	    {"KT1", "XTZ", 36, 36, false},
	    {"G", "XLM", 56, 56, false},
	    {"r", "XRP", 25, 35, false},
	    {"X", "XRP", 46, 48, false},
	    {"T", "TRX", 34, 34, false},
	    {"t", "ZEC", 35, 35, false},
	    {"1", "BTC", 25, 34, false},
	    {"3", "BTC", 33, 35, false},
	    {"L", "LTC", 33, 34, false},
	    {"M", "LTC", 33, 34, false},
	    {"D", "DOGE", 33, 34, false},
	    {"X", "DASH", 33, 34, false},
	    {"multisig:", "BTC", 0, 128, false},
	    {"script:", "BTC", 0, 128, false},
	};
	uint16_t id = guess_base58(text, n);
	if (id != 0) return dp_network_at(id);
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		size_t size = strlen(forms[i].prefix);
		if (n < size || n < forms[i].size_min || n > forms[i].size_max) continue;
		bool same = forms[i].any_case ? strncasecmp(text, forms[i].prefix, size) == 0
		                              : memcmp(text, forms[i].prefix, size) == 0;
		if (same) return dp_network_find(forms[i].network, strlen(forms[i].network));
	}
	uint8_t bytes[32];
	if (base58_bytes(bytes, 32, bitcoin_digits, text, n)) return dp_network_find("SOL", 3);
	uint8_t version, payload[DP_BASE58CHECK_PAYLOAD_MAX];
	size_t size;
	bool is_zcash = dp_base58check_decode(&version, payload, &size, text, n) == DP_BASE58_OK &&
	                size == 21 && version == 0x1c;
	return is_zcash ? dp_network_find("ZEC", 3) : NULL;
}

static dp_code bad(dp_fault *fault, const char *text, size_t n, const dp_network *network,
                   const char *why)
{
	int shown = (int)(n > 100 ? 100 : n);
	if (network == NULL)
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no address: %s", shown, text, why);
	return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no address on %s: %s", shown, text,
	               network->name, why);
}

// CAIP-10 names the network itself. Says why not when it is another one than the one asked for.
static const char *split_caip(const char **io_text, size_t *io_n, const dp_network **io_network)
{
	dp_caip name;
	if (!dp_caip10_split(&name, *io_text, *io_n)) return NULL;
	const dp_network *named = dp_network_find(name.chain.text, name.chain.size);
	// `multisig:2of3:...` has the shape of CAIP-10, and is one of our own forms.
	if (named == NULL) return NULL;
	if (*io_network != NULL && *io_network != named) return "it names another network";
	*io_network = named;
	*io_text = name.account.text;
	*io_n = name.account.size;
	return NULL;
}

dp_code dp_place_parse(dp_place *ret_place, const char *text, size_t n, const dp_network *network,
                       dp_fault *fault)
{
	DP_CHECK(ret_place != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n > 0) trim(&text, &n);
	if (n == 0) return dp_fail(fault, DP_BAD_BYTES, "an address is missing: it is empty");
	if (n > DP_PLACE_TEXT_MAX) return bad(fault, text, n, network, "it is too long");
	const char *why = split_caip(&text, &n, &network);
	if (why != NULL) return bad(fault, text, n, network, why);
	if (network == NULL) network = guess(text, n);
	if (network == NULL)
		return bad(fault, text, n, NULL,
		           "it has the form of no network known here; "
		           "name the network");
	const row *r = &rows[network->id - 1];
	dp_addr a;
	switch (r->form) {
	case FORM_CHAIN: DP_TRY(dp_addr_parse(&a, text, n, network->chain, fault)); break;
	case FORM_EVM: DP_TRY(dp_addr_parse(&a, text, n, dp_network_at(5)->chain, fault)); break;
	case FORM_BASE58: why = parse_base58(&a, r, text, n); break;
	case FORM_ZCASH: why = parse_zcash(&a, text, n); break;
	case FORM_TRON: why = parse_tron(&a, text, n); break;
	case FORM_MONERO: why = parse_monero(&a, text, n); break;
	case FORM_RIPPLE: why = parse_ripple(&a, text, n); break;
	case FORM_SOLANA: why = parse_solana(&a, text, n); break;
	case FORM_TEXT: why = parse_text(&a, r, text, n); break;
	}
	// One tag on it would be a tag on every OP_RETURN of the chain.
	if (why == NULL && a.kind == DP_ADDR_NULLDATA) why = "nobody holds what it stands for";
	if (why != NULL) return bad(fault, text, n, network, why);
	*ret_place = (dp_place){.network = network->id, .addr = a};
	return DP_OK;
}

dp_code dp_place_parse_tx(dp_place *ret_place, const char *text, size_t n,
                          const dp_network *network, dp_fault *fault)
{
	DP_CHECK(ret_place != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n > 0) trim(&text, &n);
	const char *digits = text;
	size_t left = n;
	if (n > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		digits += 2;
		left -= 2;
	}
	uint8_t bytes[32];
	if (left != 64 || !dp_hex_decode(bytes, 32, digits))
		return dp_fail(fault, DP_BAD_BYTES,
		               "\"%.*s\" is no transaction id: 64 hex digits are needed",
		               (int)(n > 100 ? 100 : n), n == 0 ? "" : text);
	*ret_place = (dp_place){.network = network == NULL ? 0 : network->id,
	                        .addr = make(DP_PLACE_TX, bytes, 32)};
	return DP_OK;
}

//- format ----------------------------------------------------------------------------------------

// The texts of the networks that are no chains of ours; 0 when the kind of address does not exist
// there.
static size_t format_base58(char out[DP_PLACE_TEXT_MAX], const row *r, const dp_addr *a)
{
	uint8_t bytes[21] = {0};
	bool is_hash = a->kind == DP_ADDR_P2PKH || a->kind == DP_ADDR_P2SH;
	memcpy(bytes + 1, a->bytes, 20);
	if (r->form == FORM_TRON)
		return a->kind == DP_ADDR_EVM ? dp_base58check_encode(out, 0x41, bytes + 1, 20) : 0;
	if (r->form == FORM_ZCASH && is_hash) {
		bytes[0] = a->kind == DP_ADDR_P2PKH ? 0xb8 : 0xbd;
		return dp_base58check_encode(out, 0x1c, bytes, 21);
	}
	if (r->form != FORM_BASE58) return 0;
	if (is_hash)
		return dp_base58check_encode(out, a->kind == DP_ADDR_P2PKH ? r->p2pkh : r->p2sh,
		                             bytes + 1, 20);
	bool is_v0 = a->kind == DP_ADDR_P2WPKH || a->kind == DP_ADDR_P2WSH;
	if (r->hrp == NULL || (!is_v0 && a->kind != DP_ADDR_P2TR)) return 0;
	return dp_segwit_encode(out, r->hrp, is_v0 ? 0 : 1, a->bytes, a->len);
}

size_t dp_place_format(char out[DP_PLACE_TEXT_MAX], const dp_place *place)
{
	DP_CHECK(out != NULL);
	DP_CHECK(place != NULL && place->network <= ROW_COUNT);
	const dp_addr *a = &place->addr;
	// Where the network is not said, that of the most people.
	uint16_t id = place->network != 0 ? place->network : a->kind == DP_ADDR_EVM ? 5 : 1;
	const row *r = &rows[id - 1];
	bool is_evm = r->form == FORM_EVM ||
	              (r->network.chain != NULL && r->network.chain->kind == DP_CHAIN_ACCOUNT);
	size_t n = 0;
	out[0] = 0;
	if (a->kind == DP_PLACE_TX) {
		size_t prefix = is_evm && place->network != 0 ? 2 : 0;
		memcpy(out, "0x", 2);
		dp_hex_encode(out + prefix, a->bytes, 32);
		return prefix + 64;
	}
	if (a->kind == DP_PLACE_OTHER || a->kind == DP_ADDR_NONE) return 0;
	if (a->kind == DP_ADDR_NAME || (is_evm ? a->kind == DP_ADDR_EVM : r->form == FORM_CHAIN)) {
		const dp_chain *chain =
		    r->network.chain != NULL ? r->network.chain : dp_network_at(5)->chain;
		if (!is_evm && a->kind == DP_ADDR_EVM) return 0;
		return dp_addr_format(out, a, chain);
	}
	n = format_base58(out, r, a);
	out[n] = 0;
	return n;
}

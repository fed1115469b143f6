// See etl_row.h.
//
// Names are compared without letter case and without underscores, which folds the spellings of
// ethereum-etl (from_address) and GraphSense (fromAddress) into one table. A record's texts are put
// into the row one by one as they are met; what needs several of them (a log is a transfer only by
// its topics and data together) is decided when the record is complete. The same functions serve
// CSV fields and JSON members, so the two forms cannot come to differ.
//
// Constants: the hash of an empty list of uncles is Keccak-256 of RLP's empty list 0xc0 (Yellow
// Paper, KEC(RLP(()))). The bloom filter of a block's logs has 2048 bits, of which every topic and
// every logging contract sets three, named by the first three pairs of bytes of its Keccak-256
// (Yellow Paper, 4.3.1, M3:2048).
#include "source/etl_row.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "chain/address.h"
#include "chain/ethereum.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/time.h"

// Columns that are no plain value.
enum {
	X_BLOCK = DP_ETL_VALUE_COUNT,
	X_UNCLES,
	X_DIFFICULTY,
	X_CANCUN,
	X_BLOOM,
	X_WITHDRAWALS,
	X_TOPICS,
	X_TOPIC0,
	X_TOPIC1,
	X_TOPIC2,
	X_TOPIC3,
	X_DATA,
	X_INPUT,
	X_TRACE_TYPE,
	X_CALL_TYPE,
	X_REWARD_TYPE,
	X_TRACE_ADDRESS,
	X_TRACE_ID,
	X_ERROR,
	X_UNUSED
};

#define B (1 << DP_ETL_BLOCKS)
#define T (1 << DP_ETL_TXS)
#define R (1 << DP_ETL_RECEIPTS)
#define L (1 << DP_ETL_LOGS)
#define F (1 << DP_ETL_TRANSFERS)
#define C (1 << DP_ETL_TRACES)

static const struct {
	const char *name;
	uint8_t sorts, target;
} columns[] = {
    {"number", B, X_BLOCK},
    {"blocknumber", B | T | R | L | F | C, X_BLOCK},
    {"blockid", B | T | R | L | F | C, X_BLOCK},
    {"hash", B, DP_ETL_HASH},
    {"hash", T, DP_ETL_TX},
    {"blockhash", B | T | R | L | F | C, DP_ETL_HASH},
    {"parenthash", B, DP_ETL_PARENT},
    {"miner", B, DP_ETL_WHO},
    {"timestamp", B, DP_ETL_TIME},
    {"blocktimestamp", B | T | R | L | F | C, DP_ETL_TIME},
    {"basefeepergas", B, DP_ETL_AMOUNT},
    {"sha3uncles", B, X_UNCLES},
    {"difficulty", B, X_DIFFICULTY},
    {"transactioncount", B, DP_ETL_TX_COUNT},
    {"withdrawals", B, X_WITHDRAWALS},
    {"excessblobgas", B, X_CANCUN},
    {"logsbloom", B, X_BLOOM},
    {"txhash", T | R | L | F | C, DP_ETL_TX},
    {"transactionhash", T | R | L | F | C, DP_ETL_TX},
    {"transactionindex", T | R | L | F | C, DP_ETL_INDEX},
    {"fromaddress", T | F | C, DP_ETL_FROM},
    {"toaddress", T | F | C, DP_ETL_TO},
    {"value", T | F | C, DP_ETL_AMOUNT},
    {"transactiontype", T, DP_ETL_TYPE},
    {"input", T, X_INPUT},
    {"gasprice", T, DP_ETL_PRICE},
    {"effectivegasprice", T | R, DP_ETL_PRICE_PAID},
    {"receipteffectivegasprice", T, DP_ETL_PRICE_PAID},
    {"gasused", R, DP_ETL_GAS_USED},
    {"receiptgasused", T, DP_ETL_GAS_USED},
    {"status", R | C, DP_ETL_STATUS},
    {"receiptstatus", T, DP_ETL_STATUS},
    {"contractaddress", R, DP_ETL_WHO},
    {"receiptcontractaddress", T, DP_ETL_WHO},
    {"blobgasprice", R, DP_ETL_BLOB_PRICE},
    {"receiptblobgasprice", T, DP_ETL_BLOB_PRICE},
    {"blobgasused", R, DP_ETL_BLOB_GAS},
    {"receiptblobgasused", T, DP_ETL_BLOB_GAS},
    {"l1fee", R, DP_ETL_L1_FEE},
    {"receiptl1fee", T, DP_ETL_L1_FEE},
    {"logindex", L | F, DP_ETL_LOG_INDEX},
    {"address", L, DP_ETL_WHO},
    {"data", L, X_DATA},
    {"topics", L, X_TOPICS},
    {"topic0", L, X_TOPIC0},
    {"topic1", L, X_TOPIC1},
    {"topic2", L, X_TOPIC2},
    {"topic3", L, X_TOPIC3},
    {"tokenaddress", F, DP_ETL_WHO},
    {"tracetype", C, X_TRACE_TYPE},
    {"calltype", C, X_CALL_TYPE},
    {"rewardtype", C, X_REWARD_TYPE},
    {"traceaddress", C, X_TRACE_ADDRESS},
    {"traceid", C, X_TRACE_ID},
    {"traceindex", C, DP_ETL_TRACE_INDEX},
    {"error", C, X_ERROR},
};

enum { COLUMN_COUNT = sizeof columns / sizeof columns[0], NAME_MAX = 40, BLOOM_SIZE = 256 };

const char *dp_etl_sort_name(dp_etl_sort sort)
{
	static const char *const names[] = {
	    "blocks",          "transactions", "receipts",           "logs",
	    "token transfers", "traces",       "contracts or tokens"};
	DP_CHECK((unsigned)sort < DP_ETL_SORT_COUNT);
	return names[sort];
}

// A name without letter case and underscores; false when it is too long to be one of ours.
static bool fold(char out[NAME_MAX], const char *text, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (c == '_' || c == ' ' || c == '"' || c == '\r') continue;
		if (k + 1 == NAME_MAX) return false;
		out[k++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	out[k] = 0;
	return k > 0;
}

static uint8_t column_of(const char *text, size_t n, dp_etl_sort sort)
{
	char name[NAME_MAX];
	DP_CHECK(sort < DP_ETL_OTHER);
	if (!fold(name, text, n)) return X_UNUSED;
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		if ((columns[i].sorts >> sort & 1) != 0 && strcmp(columns[i].name, name) == 0)
			return columns[i].target;
	return X_UNUSED;
}

// ---- What a file is of. ------------------------------------------------------------------------

// The names that tell the sorts apart, as bits.
static const char *const telling[] = {
    "nonce",
    "parenthash",
    "miner",
    "fromaddress",
    "toaddress",
    "value",
    "logindex",
    "topics",
    "topic0",
    "data",
    "tokenaddress",
    "tracetype",
    "traceid",
    "traceaddress",
    "cumulativegasused",
    "bytecode",
    "functionsighashes",
    "symbol",
    "decimals",
    "totalsupply",
    "input",
    "hash",
    "txhash",
    "transactionhash",
    "address",
    // of Bitcoin
    "merkleroot",
    "locktime",
    "inputs",
    "outputs",
    "bits",
};

enum {
	NONCE = 1 << 0,
	PARENT = 1 << 1,
	MINER = 1 << 2,
	FROM = 1 << 3,
	TO = 1 << 4,
	VALUE = 1 << 5,
	LOG_INDEX = 1 << 6,
	TOPICS = 3 << 7, // either
	DATA = 1 << 9,
	TOKEN = 1 << 10,
	TRACE = 7 << 11, // any
	CUMULATIVE = 1 << 14,
	CODE = 3 << 15, // both
	SYMBOL = 1 << 17,
	DECIMALS = 3 << 18, // either
	INPUT = 1 << 20,
	HASH = 7 << 21, // any
	ADDRESS = 1 << 24,
	BITCOIN = 31 << 25 // any
};

static uint32_t telling_bit(const char *text, size_t n)
{
	char name[NAME_MAX];
	if (!fold(name, text, n)) return 0;
	for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
		if (strcmp(telling[i], name) == 0) return (uint32_t)1 << i;
	return 0;
}

static dp_etl_sort sort_of_names(uint32_t set, bool cut)
{
	if ((set & BITCOIN) != 0) return DP_ETL_NONE; // bitcoin-etl: another source's
	bool hash = (set & HASH) != 0, ends = (set & FROM) != 0 && (set & TO) != 0;
	if ((set & PARENT) != 0 && (set & MINER) != 0) return DP_ETL_BLOCKS;
	if ((set & NONCE) != 0 && (set & FROM) != 0 && (set & VALUE) != 0 && hash)
		return DP_ETL_TXS;
	if ((set & LOG_INDEX) != 0 && (set & TOKEN) != 0 && ends && (set & VALUE) != 0 && hash)
		return DP_ETL_TRANSFERS;
	if ((set & LOG_INDEX) != 0 && (set & ADDRESS) != 0 && hash &&
	    ((set & TOPICS) != 0 || (cut && (set & DATA) != 0)))
		return DP_ETL_LOGS;
	if ((set & CUMULATIVE) != 0 && hash) return DP_ETL_RECEIPTS;
	if ((set & VALUE) != 0 && (set & (FROM | TO)) != 0 && (set & TRACE) != 0)
		return DP_ETL_TRACES;
	// A long input may push what tells a trace out of the bytes that we were shown.
	if (cut && (set & VALUE) != 0 && ends && (set & INPUT) != 0 && hash) return DP_ETL_TRACES;
	if ((set & CODE) == CODE || ((set & SYMBOL) != 0 && (set & DECIMALS) == DECIMALS))
		return DP_ETL_OTHER;
	return DP_ETL_NONE;
}

// The sort that an object of the streaming form names ("type").
static dp_etl_sort sort_named(const char *text, size_t n)
{
	static const struct {
		const char *name;
		dp_etl_sort sort;
	} types[] = {{"block", DP_ETL_BLOCKS},     {"transaction", DP_ETL_TXS},
	             {"receipt", DP_ETL_RECEIPTS}, {"log", DP_ETL_LOGS},
	             {"trace", DP_ETL_TRACES},     {"token_transfer", DP_ETL_TRANSFERS},
	             {"contract", DP_ETL_OTHER},   {"token", DP_ETL_OTHER}};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strlen(types[i].name) == n && memcmp(types[i].name, text, n) == 0)
			return types[i].sort;
	return DP_ETL_NONE;
}

// The keys of the first object, and the text of its "type", by a scan that needs no whole object.
static dp_etl_sort sort_of_object(const char *p, const char *end, bool cut)
{
	uint32_t set = 0, depth = 0;
	const char *word = NULL, *key = NULL;
	size_t word_size = 0, key_size = 0;
	dp_etl_sort type = DP_ETL_NONE;
	for (; p < end; p++) {
		if (*p == '"') {
			word = p + 1;
			for (p++; p < end && *p != '"'; p++)
				if (*p == '\\') p++;
			if (p >= end) break;
			word_size = (size_t)(p - word);
			bool is_type = key != NULL && depth == 1 && key_size == 4 &&
			               memcmp(key, "type", 4) == 0;
			dp_etl_sort named = is_type ? sort_named(word, word_size) : DP_ETL_NONE;
			if (named != DP_ETL_NONE) type = named;
		} else if (*p == ':' && depth == 1 && word != NULL) {
			key = word;
			key_size = word_size;
			set |= telling_bit(key, key_size);
			word = NULL;
		} else if (*p == ',') {
			key = NULL;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if ((*p == '}' || *p == ']') && --depth == 0) {
			cut = false;
			break;
		}
	}
	dp_etl_sort sort = sort_of_names(set, cut);
	return type != DP_ETL_NONE && (set & BITCOIN) == 0 ? type : sort;
}

dp_etl_sort dp_etl_sort_of(const char *text, size_t n, bool cut)
{
	DP_CHECK(text != NULL || n == 0);
	const char *p = text, *end = text + n;
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) p += 3;
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++;
	if (p == end) return DP_ETL_NONE;
	if (*p == '{') return sort_of_object(p, end, cut);
	uint32_t set = 0;
	const char *line_end = memchr(p, '\n', (size_t)(end - p));
	if (line_end == NULL) line_end = end;
	while (p < line_end) {
		const char *comma = memchr(p, ',', (size_t)(line_end - p));
		if (comma == NULL) comma = line_end;
		set |= telling_bit(p, (size_t)(comma - p));
		p = comma + 1;
	}
	return sort_of_names(set, false);
}

// ---- Texts to values. --------------------------------------------------------------------------

enum { SHOWN_MAX = 60 };

static int shown(size_t n)
{
	return n < SHOWN_MAX ? (int)n : SHOWN_MAX;
}

static bool is_hex(const char *text, size_t n)
{
	return n >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

static dp_code parse_hex_amount(dp_u256 *ret_value, const char *text, size_t n, dp_fault *fault)
{
	char digits[65];
	uint8_t bytes[32];
	if (n == 0 || n > 64)
		return dp_fail(fault, DP_BAD_BYTES, "\"0x%.*s\" is no amount of at most 256 bits",
		               shown(n), text);
	memset(digits, '0', 64 - n);
	memcpy(digits + 64 - n, text, n);
	digits[64] = 0;
	if (!dp_hex_decode(bytes, 32, digits))
		return dp_fail(fault, DP_BAD_BYTES, "\"0x%.*s\" is no hexadecimal number", shown(n),
		               text);
	*ret_value = dp_u256_from_be(bytes, 32);
	return DP_OK;
}

dp_code dp_etl_parse_amount(dp_u256 *ret_value, const char *text, size_t n, dp_fault *fault)
{
	DP_CHECK(ret_value != NULL && (text != NULL || n == 0));
	if (is_hex(text, n)) return parse_hex_amount(ret_value, text + 2, n - 2, fault);
	size_t mantissa = 0;
	while (mantissa < n && text[mantissa] != 'e' && text[mantissa] != 'E') mantissa++;
	uint32_t exponent = 0;
	if (mantissa < n) {
		size_t i = mantissa + 1;
		if (i < n && text[i] == '+') i++;
		bool ok = i < n && n - i <= 2;
		for (; ok && i < n; i++) {
			ok = text[i] >= '0' && text[i] <= '9';
			exponent = exponent * 10 + (uint32_t)(text[i] - '0');
		}
		if (!ok)
			return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no whole number", shown(n),
			               text);
	}
	// A mantissa with as many decimals as the exponent shifts: exactly the whole numbers.
	dp_fault why;
	dp_code code = dp_u256_parse(ret_value, text, mantissa, exponent, &why);
	if (code == DP_OK) return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no whole number of at most 256 bits",
	               shown(n), text);
}

static dp_code parse_number(uint64_t *ret_value, const char *text, size_t n, dp_fault *fault)
{
	dp_u256 v;
	DP_TRY(dp_etl_parse_amount(&v, text, n, fault));
	if (!dp_u256_fits64(v))
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is too large a number here", shown(n),
		               text);
	*ret_value = v.w[0];
	return DP_OK;
}

static dp_code parse_bytes(uint8_t *ret_bytes, size_t size, const char *text, size_t n,
                           dp_fault *fault)
{
	if (is_hex(text, n) && n == 2 + 2 * size && dp_hex_decode(ret_bytes, size, text + 2))
		return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is not 0x and %zu hexadecimal digits",
	               shown(n), text, 2 * size);
}

// An address in mixed case carries a checksum, which must be right.
static dp_code parse_addr(uint8_t ret_addr[20], const dp_chain *chain, const char *text, size_t n,
                          dp_fault *fault)
{
	uint8_t bytes[20];
	DP_TRY(parse_bytes(bytes, 20, text, n, fault));
	bool upper = false;
	for (size_t i = 2; i < n; i++) upper |= text[i] >= 'A' && text[i] <= 'F';
	if (upper) {
		dp_addr addr;
		DP_TRY(dp_addr_parse(&addr, text, n, chain, fault));
	}
	memcpy(ret_addr, bytes, 20);
	return DP_OK;
}

// "2022-06-21 02:28:20 UTC", unix seconds, or those as a number JSON wrote (1655778500.0).
static dp_code parse_time(uint64_t *ret_time, const char *text, size_t n, dp_fault *fault)
{
	int64_t time;
	dp_fault unused;
	if (dp_time_parse(&time, text, n) && time >= 0) {
		*ret_time = (uint64_t)time;
		return DP_OK;
	}
	uint64_t seconds;
	if (parse_number(&seconds, text, n, &unused) != DP_OK || seconds > INT64_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no time", shown(n), text);
	*ret_time = seconds;
	return DP_OK;
}

static dp_code put_value(dp_etl_parser *p, dp_etl_row *row, dp_etl_value value, const char *text,
                         size_t n, dp_fault *fault)
{
	DP_CHECK(value < DP_ETL_VALUE_COUNT);
	if (value == DP_ETL_TIME)
		DP_TRY(parse_time(&row->number[value], text, n, fault));
	else if (value < DP_ETL_AMOUNT)
		DP_TRY(parse_number(&row->number[value], text, n, fault));
	else if (value < DP_ETL_TX)
		DP_TRY(dp_etl_parse_amount(&row->amount[value - DP_ETL_AMOUNT], text, n, fault));
	else if (value < DP_ETL_FROM)
		DP_TRY(parse_bytes(row->hash[value - DP_ETL_TX], 32, text, n, fault));
	else
		DP_TRY(parse_addr(row->addr[value - DP_ETL_FROM], p->chain, text, n, fault));
	row->has |= (uint32_t)1 << value;
	return DP_OK;
}

// ---- Texts that are lists. ---------------------------------------------------------------------

static dp_code add_topic(dp_etl_parser *p, const char *text, size_t n, dp_fault *fault)
{
	if (p->topic_count == 4)
		return dp_fail(fault, DP_BAD_BYTES, "a log has more than four topics");
	DP_TRY(parse_bytes(p->topic[p->topic_count], 32, text, n, fault));
	p->topic_count++;
	return DP_OK;
}

// Whatever separates or encloses topics ("0x..,0x..", "['0x..', '0x..']", "0x..|0x..").
static bool is_between(char c)
{
	return c == ',' || c == ';' || c == '|' || c == ' ' || c == '[' || c == ']' || c == '"' ||
	       c == '\'' || c == '{' || c == '}';
}

static dp_code add_topics(dp_etl_parser *p, const char *text, size_t n, dp_fault *fault)
{
	for (size_t i = 0; i < n;) {
		size_t k = i;
		while (k < n && !is_between(text[k])) k++;
		if (k > i) DP_TRY(add_topic(p, text + i, k - i, fault));
		i = k + 1;
	}
	return DP_OK;
}

// The amount is in the data only when that is one word of 32 bytes; longer data is not kept.
static dp_code put_data(dp_etl_parser *p, const char *text, size_t n, dp_fault *fault)
{
	if (!is_hex(text, n) || n % 2 != 0)
		return dp_fail(fault, DP_BAD_BYTES, "data is not 0x and pairs of digits");
	p->data_text = text + 2;
	p->data_text_size = n - 2;
	p->data_size = n / 2 - 1 > 32 ? 33 : (uint32_t)(n / 2 - 1);
	if (p->data_size == 32) DP_TRY(parse_bytes(p->data, 32, text, n, fault));
	return DP_OK;
}

static dp_code add_step(dp_etl_parser *p, uint64_t step, dp_fault *fault)
{
	if (p->extra_size / 4 == DP_ETL_DEPTH_MAX || step > UINT32_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "calls are nested deeper than %d",
		               DP_ETL_DEPTH_MAX);
	for (int shift = 24; shift >= 0; shift -= 8)
		p->extra[p->extra_size++] = (uint8_t)(step >> shift);
	return DP_OK;
}

// "0,2,1", "[0, 2, 1]", "0_2_1".
static dp_code put_path(dp_etl_parser *p, const char *text, size_t n, dp_fault *fault)
{
	p->extra_size = 0;
	p->has_path = true;
	for (size_t i = 0; i < n;) {
		size_t k = i;
		while (k < n && text[k] >= '0' && text[k] <= '9') k++;
		if (k > i) {
			uint64_t step;
			DP_TRY(parse_number(&step, text + i, k - i, fault));
			DP_TRY(add_step(p, step, fault));
		} else if (!is_between(text[i]) && text[i] != '_') {
			return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no trace address",
			               shown(n), text);
		}
		i = k > i ? k : i + 1;
	}
	return DP_OK;
}

static dp_code add_withdrawal(dp_etl_parser *p, const char *addr, size_t addr_size,
                              const char *gwei, size_t gwei_size, dp_fault *fault)
{
	uint64_t amount;
	if (p->extra_size + DP_ETL_WITHDRAWAL_SIZE > DP_ETL_EXTRA_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "more than %d withdrawals in a block",
		               DP_ETL_WITHDRAWALS_MAX);
	DP_TRY(parse_addr(p->extra + p->extra_size, p->chain, addr, addr_size, fault));
	DP_TRY(parse_number(&amount, gwei, gwei_size, fault));
	for (int i = 0; i < 8; i++)
		p->extra[p->extra_size + 20 + (uint32_t)i] = (uint8_t)(amount >> (56 - 8 * i));
	p->extra_size += DP_ETL_WITHDRAWAL_SIZE;
	return DP_OK;
}

// One withdrawal as Python or JSON writes it, between its braces: the texts behind the keys
// address and amount.
static dp_code put_withdrawal(dp_etl_parser *p, const char *text, size_t n, dp_fault *fault)
{
	const char *word[2] = {NULL, NULL};
	size_t size[2] = {0, 0};
	int want = -1;
	for (size_t i = 0; i < n;) {
		size_t k = i;
		while (k < n && !is_between(text[k]) && text[k] != ':') k++;
		if (k > i && want >= 0) {
			word[want] = text + i;
			size[want] = k - i;
			want = -1;
		} else if (k - i == 7 && memcmp(text + i, "address", 7) == 0) {
			want = 0;
		} else if (k - i == 6 && memcmp(text + i, "amount", 6) == 0) {
			want = 1;
		}
		i = k + 1;
	}
	if (word[0] == NULL || word[1] == NULL)
		return dp_fail(fault, DP_BAD_BYTES, "a withdrawal has no address or no amount");
	return add_withdrawal(p, word[0], size[0], word[1], size[1], fault);
}

static dp_code put_withdrawals(dp_etl_parser *p, const char *text, size_t n, dp_fault *fault)
{
	p->has_withdrawals = true;
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '{') continue;
		const char *close = memchr(text + i, '}', n - i);
		if (close == NULL)
			return dp_fail(fault, DP_BAD_BYTES, "the list of withdrawals breaks off");
		DP_TRY(put_withdrawal(p, text + i + 1, (size_t)(close - text) - i - 1, fault));
		i = (size_t)(close - text);
	}
	return DP_OK;
}

// ---- Traces. -----------------------------------------------------------------------------------

static bool begins(const char *text, size_t n, const char *with)
{
	size_t k = strlen(with);
	return n >= k && memcmp(text, with, k) == 0;
}

static dp_code put_trace_type(dp_etl_parser *p, dp_etl_row *row, const char *text, size_t n,
                              dp_fault *fault)
{
	static const struct {
		const char *name;
		dp_etl_trace trace;
	} types[] = {{"call", DP_ETL_CALL},       {"create", DP_ETL_CREATE},
	             {"suicide", DP_ETL_SUICIDE}, {"selfdestruct", DP_ETL_SUICIDE},
	             {"reward", DP_ETL_REWARD},   {"genesis", DP_ETL_GENESIS},
	             {"daofork", DP_ETL_DAOFORK}};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!begins(text, n, types[i].name)) continue;
		// A call whose call type was read before this stays what that made of it.
		if (types[i].trace != DP_ETL_CALL) row->trace = (uint8_t)types[i].trace;
		p->has_type = true;
		return DP_OK;
	}
	return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no type of trace that we know", shown(n),
	               text);
}

// The id of a trace names its type, and behind the transaction its address: "create_0x.._0_2".
static dp_code put_trace_id(dp_etl_parser *p, dp_etl_row *row, const char *text, size_t n,
                            dp_fault *fault)
{
	if (!p->has_type) DP_TRY(put_trace_type(p, row, text, n, fault));
	const char *end = text + n, *hash = memchr(text, '_', n);
	if (hash == NULL) return DP_OK;
	const char *path = memchr(hash + 1, '_', (size_t)(end - hash - 1));
	if (path == NULL) return DP_OK;
	size_t size = (size_t)(end - path - 1);
	if (path - hash - 1 != 66) { // of a block: no address, but a number
		dp_fault unused;
		uint64_t *number = &row->number[DP_ETL_ID];
		if (parse_number(number, path + 1, size, &unused) == DP_OK)
			row->has |= (uint32_t)1 << DP_ETL_ID;
		return DP_OK;
	}
	return p->has_path ? DP_OK : put_path(p, path + 1, size, fault);
}

static dp_code put_call_type(dp_etl_row *row, const char *text, size_t n, dp_fault *fault)
{
	static const char *const none[] = {"delegatecall", "staticcall", "callcode"};
	for (size_t i = 0; i < 3; i++) {
		if (strlen(none[i]) != n || memcmp(text, none[i], n) != 0) continue;
		row->trace = DP_ETL_NO_VALUE;
		return DP_OK;
	}
	if (begins(text, n, "call") || begins(text, n, "create")) return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no type of call that we know", shown(n),
	               text);
}

// ---- Records to rows. --------------------------------------------------------------------------

static const char no_uncles[] =
    "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";

static dp_code put_difficulty(dp_etl_row *row, const char *text, size_t n, dp_fault *fault)
{
	dp_u256 difficulty;
	DP_TRY(dp_etl_parse_amount(&difficulty, text, n, fault));
	row->flags |= dp_u256_is_zero(difficulty) ? DP_ETLF_STAKE : DP_ETLF_WORK;
	return DP_OK;
}

// Which of a block's logs there are, without the logs. A filter that somebody cut or wrote in
// another form proves nothing, and is no reason to refuse the block.
static void put_bloom(dp_etl_row *row, const char *text, size_t n)
{
	static const char transfer[] = "Transfer(address,address,uint256)";
	uint8_t bloom[BLOOM_SIZE], hash[32], any = 0;
	if (!is_hex(text, n) || n != 2 + 2 * BLOOM_SIZE ||
	    !dp_hex_decode(bloom, BLOOM_SIZE, text + 2))
		return;
	for (uint32_t i = 0; i < BLOOM_SIZE; i++) any |= bloom[i];
	if (any == 0) return;
	row->flags |= DP_ETLF_LOGS;
	// The topic is the hash of the event's signature, the filter is of the topic's hash.
	dp_keccak256(hash, transfer, sizeof transfer - 1);
	dp_keccak256(hash, hash, sizeof hash);
	bool all = true;
	for (uint32_t i = 0; i < 6; i += 2) {
		uint32_t bit = ((uint32_t)hash[i] << 8 | hash[i + 1]) % (8 * BLOOM_SIZE);
		all = all && (bloom[BLOOM_SIZE - 1 - bit / 8] >> bit % 8 & 1) != 0;
	}
	if (all) row->flags |= DP_ETLF_TOKENS;
}

static dp_code put_text(dp_etl_parser *p, dp_etl_row *row, uint8_t target, const char *text,
                        size_t n, dp_fault *fault)
{
	if (n == 0 && target == X_TRACE_ADDRESS) {
		p->has_path = true; // the transaction itself
		p->extra_size = 0;
	}
	// ethereum-etl writes an empty list as nothing; without a column it is not known.
	if (n == 0 && target == X_WITHDRAWALS) p->has_withdrawals = true;
	if (n == 0 || target == X_UNUSED) return DP_OK;
	if (target < DP_ETL_VALUE_COUNT)
		return put_value(p, row, (dp_etl_value)target, text, n, fault);
	switch (target) {
	case X_BLOCK: return parse_number(&row->block, text, n, fault);
	case X_UNCLES:
		if (n == sizeof no_uncles - 1 && memcmp(text, no_uncles, n) == 0)
			row->flags |= DP_ETLF_NO_UNCLES;
		return DP_OK;
	case X_DIFFICULTY: return put_difficulty(row, text, n, fault);
	case X_CANCUN: row->flags |= DP_ETLF_CANCUN; return DP_OK;
	case X_BLOOM: put_bloom(row, text, n); return DP_OK;
	case X_WITHDRAWALS: return put_withdrawals(p, text, n, fault);
	case X_TOPICS: p->topic_count = 0; return add_topics(p, text, n, fault);
	case X_DATA: return put_data(p, text, n, fault);
	case X_INPUT:
		p->input_text = text;
		p->input_text_size = n;
		return DP_OK;
	case X_TRACE_TYPE: return put_trace_type(p, row, text, n, fault);
	case X_CALL_TYPE: return put_call_type(row, text, n, fault);
	case X_REWARD_TYPE:
		if (begins(text, n, "uncle")) row->flags |= DP_ETLF_UNCLE;
		if (begins(text, n, "block")) row->flags |= DP_ETLF_OWN;
		return DP_OK;
	case X_TRACE_ADDRESS: return put_path(p, text, n, fault);
	case X_TRACE_ID: return put_trace_id(p, row, text, n, fault);
	case X_ERROR: p->has_error = true; return DP_OK;
	default: break;
	}
	DP_CHECK(target >= X_TOPIC0 && target <= X_TOPIC3);
	// GraphSense repeats the first topic beside the list of all; singly they come in order.
	if (p->topic_count != (uint32_t)(target - X_TOPIC0)) return DP_OK;
	return add_topic(p, text, n, fault);
}

static void start_row(dp_etl_parser *p, dp_etl_row *row, uint32_t line)
{
	memset(row, 0, sizeof *row);
	row->line = line;
	row->file = p->file;
	row->sort = (uint8_t)p->sort;
	row->block = UINT64_MAX;
	p->extra_size = p->topic_count = p->data_size = 0;
	p->data_text = p->input_text = NULL;
	p->data_text_size = p->input_text_size = 0;
	p->has_path = p->has_type = p->has_error = p->has_withdrawals = false;
}

// The values without which a row says nothing.
static dp_code require(const dp_etl_row *row, dp_fault *fault)
{
	static const struct {
		dp_etl_value value;
		uint8_t sorts;
		const char *name;
	} needed[] = {{DP_ETL_TX, T | R | L | F, "the hash of the transaction"},
	              {DP_ETL_FROM, T | F, "the sender's address"},
	              {DP_ETL_TO, F, "the receiver's address"},
	              {DP_ETL_AMOUNT, T | F, "the value"},
	              {DP_ETL_LOG_INDEX, L | F, "the log's index"},
	              {DP_ETL_WHO, L | F, "the contract's address"}};
	if (row->block == UINT64_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "this row of %s has no block number",
		               dp_etl_sort_name((dp_etl_sort)row->sort));
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if ((needed[i].sorts >> row->sort & 1) != 0 && !dp_etl_has(row, needed[i].value))
			return dp_fail(fault, DP_BAD_BYTES, "this row of %s has not %s",
			               dp_etl_sort_name((dp_etl_sort)row->sort), needed[i].name);
	return DP_OK;
}

static dp_code finish_trace(dp_etl_parser *p, dp_etl_row *row, dp_fault *fault)
{
	bool of_block = row->trace >= DP_ETL_REWARD;
	if (of_block && !(dp_etl_has(row, DP_ETL_TO) && dp_etl_has(row, DP_ETL_AMOUNT)))
		return dp_fail(fault, DP_BAD_BYTES, "this trace has no receiver or no value");
	if (!of_block && !(dp_etl_has(row, DP_ETL_TX) && dp_etl_has(row, DP_ETL_FROM)))
		return dp_fail(fault, DP_BAD_BYTES, "this trace has no transaction or no sender");
	if (row->trace == DP_ETL_DAOFORK && !dp_etl_has(row, DP_ETL_FROM))
		return dp_fail(fault, DP_BAD_BYTES, "this trace has no sender");
	// Their status is computed by ethereum-etl from the error and the calls above.
	bool failed =
	    dp_etl_has(row, DP_ETL_STATUS) ? dp_etl_number(row, DP_ETL_STATUS) == 0 : p->has_error;
	if (failed) row->flags |= DP_ETLF_FAILED;
	if (of_block) {
		p->extra_size = 0;
	} else if (p->has_path) {
		row->flags |= DP_ETLF_PATH;
	}
	return DP_OK;
}

// A log that somebody reads goes along whole, but for data beyond what notes keep.
static dp_code finish_note(dp_etl_parser *p, dp_etl_row *row, dp_fault *fault)
{
	_Static_assert(sizeof(dp_etl_log) + DP_NOTE_DATA_MAX <= DP_ETL_EXTRA_MAX, "a log fits");
	if (p->topic_count == 0 || !dp_note_topic_wanted(p->topic[0])) return DP_OK;
	size_t size = p->data_text_size / 2;
	dp_etl_log log = {.topic_count = p->topic_count,
	                  .full_size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
	memcpy(log.topic, p->topic, 32 * (size_t)p->topic_count);
	if (size > DP_NOTE_DATA_MAX) size = DP_NOTE_DATA_MAX;
	memcpy(p->extra, &log, sizeof log);
	if (size > 0 && !dp_hex_decode(p->extra + sizeof log, size, p->data_text))
		return dp_fail(fault, DP_BAD_BYTES, "data is not 0x and pairs of digits");
	p->extra_size = (uint32_t)(sizeof log + size);
	row->flags |= DP_ETLF_NOTE;
	return DP_OK;
}

static dp_code finish_log(dp_etl_parser *p, dp_etl_row *row, dp_fault *fault)
{
	dp_evm_transfer t;
	const uint8_t(*topic)[32] = (const uint8_t(*)[32])p->topic;
	const uint8_t *who = dp_etl_addr(row, DP_ETL_WHO);
	DP_TRY(finish_note(p, row, fault));
	if (p->data_size != 32) return DP_OK;
	if (dp_evm_transfer_of_log(&t, p->chain, who, topic, p->topic_count, p->data, 32))
		row->flags |= DP_ETLF_TRANSFER;
	else if (dp_evm_shares_of_log(&t, p->chain, who, topic, p->topic_count, p->data, 32))
		row->flags |= DP_ETLF_SHARES;
	else
		return DP_OK;
	row->amount[0] = t.amount;
	memcpy(row->addr[0], t.from, 20);
	memcpy(row->addr[DP_ETL_TO - DP_ETL_FROM], t.to, 20);
	row->has |= 1U << DP_ETL_AMOUNT | 1U << DP_ETL_FROM | 1U << DP_ETL_TO;
	return DP_OK;
}

// Call data that is a Safe's delegate call, as far as notes keep it.
static dp_code put_safe(dp_etl_parser *p, dp_etl_row *row, dp_fault *fault)
{
	size_t n = p->input_text_size, full = n / 2 - 1;
	size_t size = full < DP_NOTE_DATA_MAX ? full : DP_NOTE_DATA_MAX;
	_Static_assert(sizeof full + DP_NOTE_DATA_MAX <= DP_ETL_EXTRA_MAX, "it fits");
	if (n % 2 != 0 || !is_hex(p->input_text, n) ||
	    !dp_hex_decode(p->extra + sizeof full, size, p->input_text + 2))
		return dp_fail(fault, DP_BAD_BYTES, "input is not 0x and pairs of digits");
	if (!dp_safe_maybe(p->extra + sizeof full, size)) return DP_OK;
	memcpy(p->extra, &full, sizeof full);
	p->extra_size = (uint32_t)(sizeof full + size);
	row->flags |= DP_ETLF_SAFE;
	return DP_OK;
}

// Call data that could be a memo, where value goes along with it, or a Safe's.
static dp_code finish_tx(dp_etl_parser *p, dp_etl_row *row, dp_fault *fault)
{
	static const char safe[] = "0x6a761202";
	size_t n = p->input_text_size;
	if (n <= 2 || !dp_etl_has(row, DP_ETL_TO)) return DP_OK;
	if (n >= sizeof safe && strncasecmp(p->input_text, safe, sizeof safe - 1) == 0)
		return put_safe(p, row, fault);
	if (n > 2 + 2 * DP_MEMO_MAX) return DP_OK;
	if (dp_u256_is_zero(dp_etl_amount(row, DP_ETL_AMOUNT))) return DP_OK;
	if (n % 2 != 0 || !is_hex(p->input_text, n) ||
	    !dp_hex_decode(p->extra, n / 2 - 1, p->input_text + 2))
		return dp_fail(fault, DP_BAD_BYTES, "input is not 0x and pairs of digits");
	if (!dp_memo_maybe(p->extra, n / 2 - 1)) return DP_OK;
	p->extra_size = (uint32_t)(n / 2 - 1);
	row->flags |= DP_ETLF_MEMO;
	return DP_OK;
}

static dp_code finish_row(dp_etl_parser *p, dp_etl_row *row, dp_fault *fault)
{
	DP_TRY(require(row, fault));
	if (row->sort == DP_ETL_TRACES) DP_TRY(finish_trace(p, row, fault));
	if (row->sort == DP_ETL_LOGS) DP_TRY(finish_log(p, row, fault));
	if (row->sort == DP_ETL_TXS) DP_TRY(finish_tx(p, row, fault));
	if (p->has_withdrawals) row->flags |= DP_ETLF_WITHDRAWALS;
	row->extra = p->extra;
	row->extra_size = p->extra_size;
	return DP_OK;
}

static dp_code at_line(dp_fault *fault, dp_code code, uint32_t line)
{
	if (code != DP_OK && fault != NULL) {
		fault->line = line;
		fault->column = 0;
	}
	return code;
}

dp_code dp_etl_header(dp_etl_parser *p, const dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(p != NULL && p->sort < DP_ETL_OTHER);
	p->field_count = csv->field_count;
	uint64_t seen = 0;
	for (uint32_t i = 0; i < csv->field_count; i++) {
		const dp_csv_field *f = &csv->field[i];
		uint8_t target = column_of(f->text, f->size, p->sort);
		p->column[i] = target;
		if (target == X_UNUSED) continue;
		if ((seen >> target & 1) != 0)
			return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
			                  "the header names \"%.*s\" twice: leave one away",
			                  shown(f->size), f->text);
		seen |= (uint64_t)1 << target;
	}
	if ((seen >> X_BLOCK & 1) == 0)
		return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
		                  "this file of %s has no column block_number",
		                  dp_etl_sort_name(p->sort));
	return DP_OK;
}

dp_code dp_etl_row_csv(dp_etl_parser *p, dp_etl_row *ret_row, const dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(p != NULL && p->sort < DP_ETL_OTHER);
	if (csv->field_count != p->field_count)
		return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
		                  "this row has %u fields, the header has %u", csv->field_count,
		                  p->field_count);
	start_row(p, ret_row, csv->line);
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < csv->field_count && code == DP_OK; i++) {
		dp_csv_field f = csv->field[i];
		while (f.size > 0 && f.text[f.size - 1] == ' ') f.size--;
		while (f.size > 0 && f.text[0] == ' ') f.text++, f.size--;
		code = put_text(p, ret_row, p->column[i], f.text, f.size, fault);
	}
	if (code == DP_OK) code = finish_row(p, ret_row, fault);
	return at_line(fault, code, csv->line);
}

// A list as JSON has it: of topics, of steps, of withdrawals.
static dp_code put_list(dp_etl_parser *p, uint8_t target, const dp_json *list, dp_fault *fault)
{
	if (target == X_TRACE_ADDRESS) {
		p->has_path = true;
		p->extra_size = 0;
	}
	if (target == X_TOPICS) p->topic_count = 0;
	if (target == X_WITHDRAWALS) p->has_withdrawals = true;
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v)) {
		const char *text = dp_json_text(v), *number = dp_json_number(v);
		const char *word = text != NULL ? text : number;
		if (target == X_TOPICS && text != NULL) {
			DP_TRY(add_topic(p, text, strlen(text), fault));
		} else if (target == X_TRACE_ADDRESS && word != NULL) {
			uint64_t step;
			DP_TRY(parse_number(&step, word, strlen(word), fault));
			DP_TRY(add_step(p, step, fault));
		} else if (target == X_WITHDRAWALS && dp_json_is_object(v)) {
			const char *addr = dp_json_text(dp_json_get(v, "address"));
			const dp_json *amount = dp_json_get(v, "amount");
			const char *gwei = dp_json_text(amount);
			if (gwei == NULL) gwei = dp_json_number(amount);
			if (addr == NULL || gwei == NULL)
				return dp_fail(fault, DP_BAD_BYTES,
				               "a withdrawal has no address or no amount");
			DP_TRY(add_withdrawal(p, addr, strlen(addr), gwei, strlen(gwei), fault));
		} else {
			return dp_fail(fault, DP_BAD_BYTES, "a list holds what it cannot");
		}
	}
	return DP_OK;
}

static dp_code put_member(dp_etl_parser *p, dp_etl_row *row, const dp_json *v, dp_fault *fault)
{
	const char *name = dp_json_name(v);
	DP_CHECK(name != NULL);
	uint8_t target = column_of(name, strlen(name), (dp_etl_sort)row->sort);
	if (target == X_UNUSED) return DP_OK;
	if (dp_json_is_array(v)) {
		if (target == X_TOPICS || target == X_TRACE_ADDRESS || target == X_WITHDRAWALS)
			return put_list(p, target, v, fault);
		return dp_fail(fault, DP_BAD_BYTES, "\"%.40s\" is a list", name);
	}
	const char *text = dp_json_text(v);
	if (text == NULL) text = dp_json_number(v);
	bool yes;
	if (text == NULL && dp_json_bool(v, &yes)) text = yes ? "1" : "0";
	if (text == NULL) {
		if (dp_json_is_object(v))
			return dp_fail(fault, DP_BAD_BYTES, "\"%.40s\" is an object", name);
		if (target == X_TRACE_ADDRESS) return put_path(p, "", 0, fault);
		return DP_OK; // null: not there
	}
	return put_text(p, row, target, text, strlen(text), fault);
}

dp_code dp_etl_row_json(dp_etl_parser *p, dp_etl_row *ret_row, const dp_json *object, uint32_t line,
                        dp_fault *fault)
{
	DP_CHECK(p != NULL && ret_row != NULL);
	if (!dp_json_is_object(object))
		return dp_fail_at(fault, DP_BAD_BYTES, line, 0, "this line is no JSON object");
	start_row(p, ret_row, line);
	const char *type = dp_json_text(dp_json_get(object, "type"));
	dp_etl_sort named = type == NULL ? DP_ETL_NONE : sort_named(type, strlen(type));
	if (named != DP_ETL_NONE) ret_row->sort = (uint8_t)named;
	if (ret_row->sort == DP_ETL_OTHER) return DP_OK;
	dp_code code = DP_OK;
	const dp_json *v = dp_json_first(object);
	for (; v != NULL && code == DP_OK; v = dp_json_next(v))
		code = put_member(p, ret_row, v, fault);
	if (code == DP_OK) code = finish_row(p, ret_row, fault);
	return at_line(fault, code, line);
}

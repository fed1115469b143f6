// See etherscan_row.h.
//
// The headers that explorers of this family write (Etherscan, BscScan, PolygonScan, Arbiscan,
// Snowtrace...), as they stand in downloads and in the programs that read them:
//
//   all        "Txhash" or, later, "Transaction Hash"; "Blockno"; "UnixTimestamp"; "DateTime" or
//              "DateTime (UTC)"; "From"; "To"
//   normal     "ContractAddress" (the contract made), "Value_IN(ETH)", "Value_OUT(ETH)",
//              "CurrentValue @ $1642.27/Eth", "TxnFee(ETH)", "TxnFee(USD)",
//              "Historical $Price/Eth", "Status", "ErrCode", "Method" or "PrivateNote"
//   internal   "ParentTxFrom", "ParentTxTo", "ParentTxETH_Value", "From", "TxTo",
//              "ContractAddress", the amounts as above, "Status", "ErrCode", "Type"
//   tokens     "TokenValue" ("Value" before), "USDValueDayOfTx", "ContractAddress", "TokenName",
//              "TokenSymbol"
//
// Names are compared by their letters and digits, up to the first bracket; in brackets stands the
// coin, whose symbol says which chain the file is of.
//
// Amounts are whole coins with decimals, tokens with commas between thousands ("1,234.5"). They
// are read exactly or refused. How many decimals a token has is known for listed ones only: of any
// other the digits are taken as they stand, without the point, so that none is lost; such a row is
// noise that nobody adds up.
#include "source/etherscan_row.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/block.h"
#include "codec/time.h"

enum {
	S_TX = 0,
	S_BLOCK,
	S_UNIX,
	S_DATE,
	S_FROM,
	S_TO,
	S_CONTRACT,
	S_IN,
	S_OUT,
	S_FEE,
	S_STATUS,
	S_ERROR,
	S_AMOUNT,
	S_SYMBOL,
	S_PARENT, // these two only tell what a file is of
	S_TOKEN_ID,
	S_NONE
};

_Static_assert((int)S_PARENT == (int)DP_SCAN_COLUMNS, "each column with a value has a place");

static const struct {
	const char *name;
	uint8_t column;
} names[] = {
    {"txhash", S_TX},
    {"transactionhash", S_TX},
    {"blockno", S_BLOCK},
    {"unixtimestamp", S_UNIX},
    {"datetime", S_DATE},
    {"from", S_FROM},
    {"to", S_TO},
    {"txto", S_TO},
    {"contractaddress", S_CONTRACT},
    {"valuein", S_IN},
    {"valueout", S_OUT},
    {"txnfee", S_FEE},
    {"status", S_STATUS},
    {"errcode", S_ERROR},
    {"tokenvalue", S_AMOUNT},
    {"value", S_AMOUNT},
    {"quantity", S_AMOUNT},
    {"tokensymbol", S_SYMBOL},
    {"parenttxfrom", S_PARENT},
    {"tokenid", S_TOKEN_ID},
};

enum { NAME_MAX = 32, COIN_MAX = 12, SHOWN_MAX = 60 };

static int shown(size_t n)
{
	return n < SHOWN_MAX ? (int)n : SHOWN_MAX;
}

// The column of a header, and the coin in its brackets.
static uint8_t column_of(char ret_coin[COIN_MAX], const char *text, size_t n)
{
	char name[NAME_MAX];
	size_t k = 0, c = 0, i = 0;
	for (; i < n && text[i] != '('; i++) {
		char x = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
		if (!((x >= 'a' && x <= 'z') || (x >= '0' && x <= '9'))) continue;
		if (k + 1 == NAME_MAX) return S_NONE;
		name[k++] = x;
	}
	name[k] = 0;
	for (i++; i < n && text[i] != ')' && c + 1 < COIN_MAX; i++) ret_coin[c++] = text[i];
	ret_coin[c] = 0;
	uint8_t column = S_NONE;
	for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
		if (strcmp(names[j].name, name) == 0) column = names[j].column;
	// What it was worth in dollars is somebody's estimate, and "Value(AVAX)" has no direction.
	if (column == S_FEE && strcmp(ret_coin, "USD") == 0) return S_NONE;
	if (column == S_AMOUNT && c > 0) return S_NONE;
	return column;
}

static dp_scan_sort sort_of_columns(uint32_t set)
{
	const uint32_t all = 1U << S_TX | 1U << S_BLOCK | 1U << S_FROM | 1U << S_TO;
	const uint32_t coins = 1U << S_IN | 1U << S_OUT;
	if ((set & all) != all || (set & (1U << S_UNIX | 1U << S_DATE)) == 0) return DP_SCAN_NONE;
	if ((set & coins) == coins)
		return (set & 1U << S_PARENT) != 0 ? DP_SCAN_INTERNAL : DP_SCAN_NORMAL;
	const uint32_t token = 1U << S_AMOUNT | 1U << S_CONTRACT | 1U << S_SYMBOL;
	// With a token's number it is a list of collectibles, which are not counted.
	if ((set & token) == token && (set & 1U << S_TOKEN_ID) == 0) return DP_SCAN_TOKENS;
	return DP_SCAN_NONE;
}

dp_scan_sort dp_scan_sort_of(const char *text, size_t n)
{
	DP_CHECK(text != NULL || n == 0);
	uint32_t set = 0;
	char coin[COIN_MAX];
	const char *p = text, *end = n == 0 ? text : memchr(text, '\n', n);
	if (n == 0) return DP_SCAN_NONE;
	if (end == NULL) end = text + n;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		if (comma == NULL) comma = end;
		set |= 1U << column_of(coin, p, (size_t)(comma - p));
		p = comma + 1;
	}
	return sort_of_columns(set);
}

dp_code dp_scan_header(dp_scan_columns *ret_columns, const dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(ret_columns != NULL && csv != NULL);
	dp_scan_columns c = {.field_count = csv->field_count, .sort = DP_SCAN_NONE};
	uint32_t set = 0;
	for (size_t i = 0; i < DP_SCAN_COLUMNS; i++) c.field[i] = -1;
	for (uint32_t i = 0; i < csv->field_count; i++) {
		char coin[COIN_MAX];
		uint8_t column = column_of(coin, csv->field[i].text, csv->field[i].size);
		if (column == S_NONE) continue;
		if ((set >> column & 1) != 0)
			return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
			                  "the header names \"%.*s\" twice: leave one away",
			                  shown(csv->field[i].size), csv->field[i].text);
		set |= 1U << column;
		if (column < DP_SCAN_COLUMNS) c.field[column] = (int16_t)i;
		if (column != S_IN && column != S_OUT && column != S_FEE) continue;
		if (c.coin[0] != 0 && strcmp(c.coin, coin) != 0)
			return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
			                  "the header counts in %s and in %s", c.coin, coin);
		memcpy(c.coin, coin, COIN_MAX);
	}
	c.sort = sort_of_columns(set);
	if (c.sort == DP_SCAN_NONE)
		return dp_fail_at(
		    fault, DP_BAD_BYTES, csv->line, 0,
		    "this is no CSV download of an address's transactions, internal transactions "
		    "or ERC-20 token transfers, which have columns Txhash, Blockno, From, To and "
		    "Value_IN, Value_OUT or TokenValue, ContractAddress, TokenSymbol");
	*ret_columns = c;
	return DP_OK;
}

// ---- Chains. -----------------------------------------------------------------------------------

static bool same_coin(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

bool dp_scan_is_coin_of(const char *coin, const dp_chain *chain)
{
	DP_CHECK(coin != NULL && chain != NULL);
	if (same_coin(coin, chain->native)) return true;
	// Polygon's coin was called MATIC until 2024.
	return same_coin(coin, "MATIC") && same_coin(chain->native, "POL");
}

const dp_chain *dp_scan_chain(const char *coin)
{
	DP_CHECK(coin != NULL);
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		const dp_chain *chain = dp_chain_at(i);
		if (chain->kind == DP_CHAIN_ACCOUNT && dp_scan_is_coin_of(coin, chain))
			return chain;
	}
	return NULL;
}

// ---- Values. -----------------------------------------------------------------------------------

static dp_csv_field get(const dp_scan_columns *c, const dp_csv *csv, int column)
{
	dp_csv_field none = {"", 0};
	if (c->field[column] < 0) return none;
	dp_csv_field f = csv->field[c->field[column]];
	while (f.size > 0 && f.text[f.size - 1] == ' ') f.size--;
	while (f.size > 0 && f.text[0] == ' ') f.text++, f.size--;
	return f;
}

// Copies a number without the commas between thousands, which must stand where they belong; false
// when they do not, or the number is too long to be one.
static bool without_commas(char out[96], uint32_t *ret_size, dp_csv_field f)
{
	uint32_t n = 0, since = 0; // digits since the last comma
	bool any = false, point = false;
	for (uint32_t i = 0; i < f.size; i++) {
		char c = f.text[i];
		if (c == ',') {
			if (point || (any ? since != 3 : since < 1 || since > 3)) return false;
			any = true;
			since = 0;
			continue;
		}
		if (c == '.') {
			if (any && since != 3) return false;
			point = true;
		}
		since++;
		if (n == 96) return false;
		out[n++] = c;
	}
	*ret_size = n;
	return !any || point || since == 3;
}

// Decimal coins, exactly; a small number may stand as "4.2E-05".
static dp_code parse_coins(dp_u256 *ret_value, dp_csv_field f, uint32_t decimals, dp_fault *fault)
{
	char text[96];
	uint32_t n = 0, mantissa = 0;
	if (!without_commas(text, &n, f))
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no amount", shown(f.size), f.text);
	while (mantissa < n && text[mantissa] != 'E' && text[mantissa] != 'e') mantissa++;
	if (mantissa < n) {
		uint32_t i = mantissa + 1, exponent = 0;
		bool minus = i < n && text[i] == '-';
		if (i < n && (minus || text[i] == '+')) i++;
		bool ok = i < n && n - i <= 2;
		for (; ok && i < n; i++) {
			ok = text[i] >= '0' && text[i] <= '9';
			exponent = exponent * 10 + (uint32_t)(text[i] - '0');
		}
		if (!ok || (minus && exponent > decimals))
			return dp_fail(fault, DP_BAD_BYTES,
			               "\"%.*s\" is no amount of a coin with %u decimals",
			               shown(f.size), f.text, decimals);
		decimals = minus ? decimals - exponent : decimals + exponent;
	}
	return dp_u256_parse(ret_value, text, mantissa, decimals, fault);
}

static dp_code parse_token(dp_scan_row *row, dp_csv_field f, const dp_chain *chain, dp_fault *fault)
{
	dp_asset asset = dp_asset_by_contract(chain, row->contract);
	if (asset.v != 0)
		return parse_coins(&row->value, f, dp_asset_info_of(asset)->decimals, fault);
	const char *point = f.size > 0 ? memchr(f.text, '.', f.size) : NULL;
	uint32_t decimals = point == NULL ? 0 : f.size - (uint32_t)(point - f.text) - 1;
	// Anybody can log any number: beyond 256 bits it is cut to nothing, not refused.
	dp_fault unused;
	dp_code code = parse_coins(&row->value, f, decimals, &unused);
	if (code == DP_LIMIT) row->value = DP_U256_ZERO;
	if (code == DP_BAD_BYTES)
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no amount", shown(f.size), f.text);
	return DP_OK;
}

static dp_code parse_addr(uint8_t ret_addr[20], dp_csv_field f, const dp_chain *chain,
                          dp_fault *fault)
{
	dp_addr addr;
	DP_TRY(dp_addr_parse(&addr, f.text, f.size, chain, fault));
	if (addr.kind != DP_ADDR_EVM)
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no address", shown(f.size),
		               f.text);
	memcpy(ret_addr, addr.bytes, 20);
	return DP_OK;
}

static dp_code parse_place(dp_scan_row *row, const dp_scan_columns *c, const dp_chain *chain,
                           const dp_csv *csv, dp_fault *fault)
{
	dp_csv_field tx = get(c, csv, S_TX), block = get(c, csv, S_BLOCK);
	dp_csv_field unix_time = get(c, csv, S_UNIX), date = get(c, csv, S_DATE);
	dp_u256 height;
	DP_TRY(dp_txid_parse(row->tx, tx.text, tx.size, chain, fault));
	DP_TRY(dp_u256_parse(&height, block.text, block.size, 0, fault));
	if (!dp_u256_fits64(height) || height.w[0] == UINT64_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no block number",
		               shown(block.size), block.text);
	row->block = height.w[0];
	dp_csv_field time = unix_time.size > 0 ? unix_time : date;
	if (!dp_time_parse(&row->time, time.text, time.size))
		return dp_fail(fault, DP_BAD_BYTES, "\"%.*s\" is no time", shown(time.size),
		               time.text);
	return DP_OK;
}

// A download is of one address: what came in stands in one column, what went out in the other.
static dp_code parse_value(dp_scan_row *row, const dp_scan_columns *c, const dp_chain *chain,
                           const dp_csv *csv, dp_fault *fault)
{
	uint32_t decimals = dp_asset_info_of(dp_asset_native(chain))->decimals;
	dp_csv_field in = get(c, csv, S_IN), out = get(c, csv, S_OUT), fee = get(c, csv, S_FEE);
	dp_u256 a = DP_U256_ZERO, b = DP_U256_ZERO;
	if (in.size > 0) DP_TRY(parse_coins(&a, in, decimals, fault));
	if (out.size > 0) DP_TRY(parse_coins(&b, out, decimals, fault));
	if (in.size == 0 && out.size == 0)
		return dp_fail(fault, DP_BAD_BYTES, "neither what came in nor what went out");
	bool both = !dp_u256_is_zero(a) && !dp_u256_is_zero(b);
	// To oneself both are the same.
	if (both && !dp_u256_eq(a, b))
		return dp_fail(fault, DP_BAD_BYTES, "something else came in than went out");
	row->came_in = !dp_u256_is_zero(a);
	row->went_out = !dp_u256_is_zero(b);
	row->value = row->came_in ? a : b;
	row->has_fee = row->sort == DP_SCAN_NORMAL && fee.size > 0;
	return row->has_fee ? parse_coins(&row->fee, fee, decimals, fault) : DP_OK;
}

static bool begins(dp_csv_field f, const char *with)
{
	size_t n = strlen(with);
	return f.size >= n && strncasecmp(f.text, with, n) == 0;
}

// Nothing stands for done. Of internal transactions it is the interface's isError: 0 is done. A
// bare digit for a transaction could be that or the receipt's status, which say the opposite.
static dp_code parse_status(dp_scan_row *row, const dp_scan_columns *c, const dp_csv *csv,
                            dp_fault *fault)
{
	dp_csv_field status = get(c, csv, S_STATUS), error = get(c, csv, S_ERROR);
	if (row->sort == DP_SCAN_INTERNAL) row->failed = error.size > 0;
	if (status.size == 0 || begins(status, "Success")) return DP_OK;
	bool digit = status.size == 1 && (status.text[0] == '0' || status.text[0] == '1');
	if (digit && row->sort == DP_SCAN_INTERNAL) {
		row->failed = row->failed || status.text[0] == '1';
		return DP_OK;
	}
	if (!begins(status, "Error") && !begins(status, "Fail"))
		return dp_fail(fault, DP_BAD_BYTES,
		               "status \"%.*s\" is neither empty (done) nor \"Error(...)\"",
		               shown(status.size), status.text);
	row->failed = true;
	return DP_OK;
}

// Cut at a character of UTF-8, never inside.
static void copy_symbol(char out[16], dp_csv_field f)
{
	uint32_t n = f.size < 15 ? f.size : 15;
	while (n > 0 && n < f.size && ((uint8_t)f.text[n] & 0xc0) == 0x80) n--;
	if (n > 0) memcpy(out, f.text, n);
}

static dp_code read_row(dp_scan_row *row, const dp_scan_columns *c, const dp_chain *chain,
                        const dp_csv *csv, dp_fault *fault)
{
	dp_csv_field to = get(c, csv, S_TO), contract = get(c, csv, S_CONTRACT);
	DP_TRY(parse_place(row, c, chain, csv, fault));
	DP_TRY(parse_addr(row->from, get(c, csv, S_FROM), chain, fault));
	if (row->sort == DP_SCAN_TOKENS) {
		DP_TRY(parse_addr(row->contract, contract, chain, fault));
		DP_TRY(parse_addr(row->to, to, chain, fault));
		row->has_to = true;
		copy_symbol(row->symbol, get(c, csv, S_SYMBOL));
		return parse_token(row, get(c, csv, S_AMOUNT), chain, fault);
	}
	// A creation has no receiver, but names the contract that was made.
	row->creates = to.size == 0;
	row->has_to = to.size > 0 || contract.size > 0;
	if (row->has_to) DP_TRY(parse_addr(row->to, to.size > 0 ? to : contract, chain, fault));
	DP_TRY(parse_value(row, c, chain, csv, fault));
	return parse_status(row, c, csv, fault);
}

dp_code dp_scan_row_read(dp_scan_row *ret_row, const dp_scan_columns *columns,
                         const dp_chain *chain, const dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(ret_row != NULL && columns->sort < DP_SCAN_NONE);
	if (csv->field_count != columns->field_count)
		return dp_fail_at(fault, DP_BAD_BYTES, csv->line, 0,
		                  "this row has %u fields, the header has %u", csv->field_count,
		                  columns->field_count);
	dp_scan_row row = {.line = csv->line, .sort = (uint8_t)columns->sort};
	dp_code code = read_row(&row, columns, chain, csv, fault);
	if (code != DP_OK && fault != NULL) fault->line = csv->line;
	if (code == DP_OK) *ret_row = row;
	return code;
}

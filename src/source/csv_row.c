// See csv_row.h. What each column may hold is told in docs/how-to/movements-csv.md.
//
// The rule behind the strictness: a row that carries value must be beyond doubt (a wrong checksum,
// an unknown symbol, a fraction smaller than the asset has are refused with their line), while a
// row that cannot carry value, a transfer logged by a contract that is not on the asset list, is
// kept whatever it says, because its writer is the thief and its text is bait.
#include "source/csv_row.h"

#include <string.h>

#include "base/check.h"
#include "codec/time.h"

#define BAD(csv, fault, ...) dp_fail_at(fault, DP_BAD_BYTES, (csv)->line, 0, __VA_ARGS__)

enum {
	SHOWN_MAX = 44,      // bytes of a text from outside that a message repeats
	NOISE_DECIMALS = 18, // what look-alike tokens pretend to be nearly always has
	EVM_SIZE = 20,
	EVM_TEXT_SIZE = 42,
	TXID_TEXT_SIZE = 66, // on account chains
};

static int shown(dp_csv_field f)
{
	return f.size < SHOWN_MAX ? (int)f.size : SHOWN_MAX;
}

// Passes on what a codec found wrong, with the column and the line it happened in.
static dp_code in_column(const dp_csv *csv, dp_code code, dp_csv_name name, const dp_fault *inner,
                         dp_fault *fault)
{
	DP_CHECK(code != DP_OK);
	DP_CHECK(inner != NULL);
	return dp_fail_at(fault, code, csv->line, 0, "%s: %s", dp_csv_name_text(name), inner->text);
}

static bool is_nobody(dp_csv_field f)
{
	return f.size == 0 || (f.size == 1 && f.text[0] == '-');
}

// Decodes 2*n digits of lower-case hexadecimal; false when there is any other character, and *out
// is then half written: the caller goes to the codec, which knows every form and says what is
// wrong. Nearly all ids and addresses in exports are of this one form, three in a row of a file,
// and it has no checksum to verify: the table makes reading rows twice as fast.
static bool lower_hex(uint8_t *out, size_t n, const char *text)
{
	// The value of a digit and 16, so that a character that is none is told by its 0.
	static const uint8_t digit[256] = {
	    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21,
	    ['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27,
	    ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
	};
	uint8_t all = 16;
	for (size_t i = 0; i < n; i++) {
		uint8_t high = digit[(uint8_t)text[2 * i]], low = digit[(uint8_t)text[2 * i + 1]];
		all &= high & low;
		out[i] = (uint8_t)(high << 4 | (low & 15));
	}
	return all != 0;
}

static bool has_0x(dp_csv_field f)
{
	return f.size >= 2 && f.text[0] == '0' && f.text[1] == 'x';
}

// Up to 2^63 - 1, because a casebook keeps heights as signed integers.
static bool parse_count(uint64_t *ret_value, dp_csv_field f)
{
	uint64_t v = 0;
	if (f.size == 0 || f.size > 19) return false;
	for (uint32_t i = 0; i < f.size; i++) {
		if (f.text[i] < '0' || f.text[i] > '9') return false;
		v = v * 10 + (uint64_t)(f.text[i] - '0');
	}
	if (v > INT64_MAX) return false;
	*ret_value = v;
	return true;
}

static dp_code parse_place(dp_csv_context *x, dp_csv_row *row, const dp_csv *csv, dp_fault *fault)
{
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, DP_CSV_BLOCK);
	if (!parse_count(&row->block, f))
		return BAD(csv, fault,
		           "block: \"%.*s\" is no block number: write it in decimal "
		           "digits",
		           shown(f), f.text);
	if (dp_csv_columns_has(x->columns, DP_CSV_INDEX)) {
		f = dp_csv_columns_get(x->columns, csv, DP_CSV_INDEX);
		if (!parse_count(&row->index, f))
			return BAD(csv, fault,
			           "index: \"%.*s\" is no place in the block: write it in "
			           "decimal digits, or leave the column out",
			           shown(f), f.text);
	}
	f = dp_csv_columns_get(x->columns, csv, DP_CSV_TIME);
	row->has_time = f.size > 0;
	if (!row->has_time) return DP_OK;
	if (f.size == x->memo.time_size && memcmp(f.text, x->memo.time_text, f.size) == 0) {
		row->time = x->memo.time;
		return DP_OK;
	}
	if (!dp_time_parse(&row->time, f.text, f.size))
		return BAD(csv, fault,
		           "time: \"%.*s\" is no time: write 2025-02-21T14:16:11Z or unix "
		           "seconds",
		           shown(f), f.text);
	if (f.size <= sizeof x->memo.time_text) {
		memcpy(x->memo.time_text, f.text, f.size);
		x->memo.time_size = f.size;
		x->memo.time = row->time;
	}
	return DP_OK;
}

// ---- Addresses. --------------------------------------------------------------------------------

// The right spelling of an EVM address whose letters are in the wrong case; false when the letters
// are not what is wrong with it.
static bool right_spelling(char out[DP_ADDR_TEXT_MAX], const dp_chain *chain, dp_csv_field f)
{
	char low[EVM_TEXT_SIZE];
	if (chain->kind != DP_CHAIN_ACCOUNT || f.size != EVM_TEXT_SIZE) return false;
	for (uint32_t i = 0; i < EVM_TEXT_SIZE; i++) {
		char c = f.text[i];
		low[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	dp_addr a;
	if (dp_addr_parse(&a, low, sizeof low, chain, NULL) != DP_OK) return false;
	dp_addr_format(out, &a, chain);
	return true;
}

static dp_code parse_address(const dp_csv_context *x, dp_addr *ret_addr, const dp_csv *csv,
                             dp_csv_name column, dp_fault *fault)
{
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, column);
	if (is_nobody(f)) return DP_OK; // *ret_addr stays nobody
	if (x->chain->kind == DP_CHAIN_ACCOUNT && f.size == EVM_TEXT_SIZE && has_0x(f)) {
		dp_addr a = {.kind = DP_ADDR_EVM, .len = EVM_SIZE};
		if (lower_hex(a.bytes, EVM_SIZE, f.text + 2)) {
			*ret_addr = a;
			return DP_OK;
		}
	}
	dp_fault inner;
	dp_code code = dp_addr_parse(ret_addr, f.text, f.size, x->chain, &inner);
	if (code == DP_OK) return DP_OK;
	char right[DP_ADDR_TEXT_MAX];
	if (right_spelling(right, x->chain, f))
		return BAD(csv, fault,
		           "%s: wrong checksum in %.*s: one letter or more was changed; "
		           "only if you are sure of every digit, it is spelt %s",
		           dp_csv_name_text(column), shown(f), f.text, right);
	return in_column(csv, code, column, &inner, fault);
}

// ---- Assets. -----------------------------------------------------------------------------------

// The length of the valid UTF-8 character at `p` (n bytes left), 0 when there is none: overlong
// forms, surrogates and what lies past U+10FFFF are none (RFC 3629, section 4).
static uint32_t utf8_size(const uint8_t *p, uint32_t n)
{
	DP_CHECK(n > 0);
	uint32_t size = p[0] < 0x80   ? 1
	                : p[0] < 0xc2 ? 0
	                : p[0] < 0xe0 ? 2
	                : p[0] < 0xf0 ? 3
	                : p[0] < 0xf5 ? 4
	                              : 0;
	if (size == 0 || size > n) return 0;
	for (uint32_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	if (size > 2 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	                 (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)))
		return 0;
	return size;
}

// What a noise row called itself: cut at a character, with ? for what is no text.
static void note_symbol(dp_movement *mv, dp_csv_field f)
{
	uint32_t out = 0;
	for (uint32_t i = 0; i < f.size;) {
		const uint8_t *p = (const uint8_t *)f.text + i;
		uint32_t size = utf8_size(p, f.size - i);
		bool plain = size > 1 || (size == 1 && p[0] >= 0x20 && p[0] != 0x7f);
		uint32_t step = size > 0 ? size : 1;
		if (out + (plain ? size : 1) >= sizeof mv->noise.symbol) break;
		if (plain)
			memcpy(mv->noise.symbol + out, p, size);
		else
			mv->noise.symbol[out] = '?';
		out += plain ? size : 1;
		i += step;
	}
	mv->noise.symbol[out] = 0;
}

// A contract decides alone: the symbol beside it is whatever its maker chose to call it.
static dp_code asset_of_contract(const dp_csv_context *x, dp_movement *mv, const dp_csv *csv,
                                 dp_csv_name column, dp_csv_field contract, dp_csv_field symbol,
                                 dp_fault *fault)
{
	dp_addr a = {0};
	dp_fault inner;
	dp_code code = dp_addr_parse(&a, contract.text, contract.size, x->chain, &inner);
	if (code != DP_OK) {
		char right[DP_ADDR_TEXT_MAX];
		if (!right_spelling(right, x->chain, contract))
			return in_column(csv, code, column, &inner, fault);
		return BAD(csv, fault,
		           "%s: wrong checksum in %.*s: only if you are sure of every "
		           "digit, it is spelt %s",
		           dp_csv_name_text(column), shown(contract), contract.text, right);
	}
	if (a.kind != DP_ADDR_EVM)
		return BAD(csv, fault, "%s: \"%.*s\" is no contract address",
		           dp_csv_name_text(column), shown(contract), contract.text);
	mv->asset = dp_asset_by_contract(x->chain, a.bytes);
	if (mv->asset.v != 0) return DP_OK;
	memcpy(mv->noise.contract, a.bytes, sizeof mv->noise.contract);
	note_symbol(mv, symbol);
	return DP_OK;
}

static dp_code parse_asset_text(dp_csv_context *x, dp_movement *mv, const dp_csv *csv,
                                dp_csv_field f, dp_fault *fault)
{
	static const char erc20[] = "erc20:";
	dp_csv_field none = {"", 0};
	if (f.size == EVM_TEXT_SIZE && f.text[0] == '0' && (f.text[1] | 0x20) == 'x')
		return asset_of_contract(x, mv, csv, DP_CSV_ASSET, f, none, fault);
	mv->asset = dp_asset_by_symbol(x->chain, f.text, f.size);
	if (mv->asset.v != 0) return DP_OK;
	// A CAIP-19 name of a token of this chain may be unlisted, as a contract may.
	size_t chain_size = strlen(x->chain->caip2), head = chain_size + 1 + sizeof erc20 - 1;
	if (f.size > head && memcmp(f.text, x->chain->caip2, chain_size) == 0 &&
	    f.text[chain_size] == '/' &&
	    memcmp(f.text + chain_size + 1, erc20, sizeof erc20 - 1) == 0) {
		dp_csv_field contract = {f.text + head, f.size - (uint32_t)head};
		return asset_of_contract(x, mv, csv, DP_CSV_ASSET, contract, none, fault);
	}
	if (dp_asset_parse(&mv->asset, x->chain, f.text, f.size, NULL) == DP_OK) return DP_OK;
	return BAD(csv, fault,
	           "unknown asset \"%.*s\" on %s: give its contract or its CAIP-19 name", shown(f),
	           f.text, x->chain->name);
}

static dp_code parse_asset(dp_csv_context *x, dp_movement *mv, const dp_csv *csv, dp_fault *fault)
{
	dp_csv_field contract = dp_csv_columns_get(x->columns, csv, DP_CSV_CONTRACT);
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, DP_CSV_ASSET);
	if (!is_nobody(contract))
		return asset_of_contract(x, mv, csv, DP_CSV_CONTRACT, contract, f, fault);
	if (is_nobody(f)) {
		mv->asset = dp_asset_native(x->chain);
		return DP_OK;
	}
	if (f.size == x->memo.asset_size && memcmp(f.text, x->memo.asset_text, f.size) == 0) {
		mv->asset = x->memo.asset;
		return DP_OK;
	}
	DP_TRY(parse_asset_text(x, mv, csv, f, fault));
	if (mv->asset.v != 0 && f.size <= sizeof x->memo.asset_text) {
		memcpy(x->memo.asset_text, f.text, f.size);
		x->memo.asset_size = f.size;
		x->memo.asset = mv->asset;
	}
	return DP_OK;
}

// ---- Amounts. ----------------------------------------------------------------------------------

// *ret_given is false when both columns are empty.
static dp_code parse_amount(const dp_csv_context *x, dp_u256 *ret_amount, bool *ret_given,
                            const dp_csv *csv, uint32_t decimals, dp_fault *fault)
{
	dp_csv_field coins = dp_csv_columns_get(x->columns, csv, DP_CSV_AMOUNT);
	dp_csv_field base = dp_csv_columns_get(x->columns, csv, DP_CSV_AMOUNT_BASE);
	dp_u256 a = DP_U256_ZERO, b = DP_U256_ZERO;
	dp_fault inner;
	if (coins.size > 0) {
		dp_code code = dp_u256_parse(&a, coins.text, coins.size, decimals, &inner);
		if (code != DP_OK) return in_column(csv, code, DP_CSV_AMOUNT, &inner, fault);
	}
	if (base.size > 0) {
		dp_code code = dp_u256_parse(&b, base.text, base.size, 0, &inner);
		if (code != DP_OK) return in_column(csv, code, DP_CSV_AMOUNT_BASE, &inner, fault);
	}
	if (coins.size > 0 && base.size > 0 && !dp_u256_eq(a, b))
		return BAD(csv, fault,
		           "amount %.*s and amount_base %.*s are not the same with %u "
		           "decimals: correct one or leave it empty",
		           shown(coins), coins.text, shown(base), base.text, decimals);
	*ret_given = coins.size > 0 || base.size > 0;
	*ret_amount = coins.size > 0 ? a : b;
	return DP_OK;
}

// ---- Kinds. ------------------------------------------------------------------------------------

enum { KIND_BY_ASSET = DP_MV_KIND_COUNT }; // the asset, or the filled columns, tell

static dp_code parse_kind(const dp_csv_context *x, uint8_t *ret_kind, const dp_csv *csv,
                          dp_fault *fault)
{
	static const struct {
		const char *text;
		uint8_t kind;
	} known[] = {
	    {"native", DP_MV_NATIVE},    {"internal", DP_MV_INTERNAL}, {"token", DP_MV_TOKEN},
	    {"fee", DP_MV_FEE},          {"reward", DP_MV_REWARD},     {"input", DP_MV_INPUT},
	    {"output", DP_MV_OUTPUT},    {"normal", DP_MV_NATIVE},     {"erc20", DP_MV_TOKEN},
	    {"transfer", KIND_BY_ASSET}, {"", KIND_BY_ASSET},
	};
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, DP_CSV_KIND);
	for (uint32_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!dp_csv_same_text(f, known[i].text)) continue;
		*ret_kind = known[i].kind;
		return DP_OK;
	}
	return BAD(csv, fault,
	           "kind: \"%.*s\" is none of native, internal, token, fee, reward, "
	           "input, output",
	           shown(f), f.text);
}

static dp_code parse_status(const dp_csv_context *x, bool *ret_failed, const dp_csv *csv,
                            dp_fault *fault)
{
	static const char *const good[] = {"", "ok", "success", "1", "true"};
	static const char *const failed[] = {"failed", "reverted", "0", "false"};
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, DP_CSV_STATUS);
	for (uint32_t i = 0; i < sizeof good / sizeof *good; i++) {
		if (!dp_csv_same_text(f, good[i])) continue;
		*ret_failed = false;
		return DP_OK;
	}
	for (uint32_t i = 0; i < sizeof failed / sizeof *failed; i++) {
		if (!dp_csv_same_text(f, failed[i])) continue;
		*ret_failed = true;
		return DP_OK;
	}
	return BAD(csv, fault,
	           "status: \"%.*s\" is neither ok (success, 1, true) nor failed "
	           "(reverted, 0, false)",
	           shown(f), f.text);
}

// ---- Rows of account chains. -------------------------------------------------------------------

// Whether kind, asset and the two ends can be true together.
static dp_code check_account(const dp_movement *mv, const dp_csv *csv, dp_fault *fault)
{
	const dp_asset_info *info = dp_asset_info_of(mv->asset);
	bool native = info->class == DP_ASSET_NATIVE;
	bool from = mv->from.kind != DP_ADDR_NONE, to = mv->to.kind != DP_ADDR_NONE;
	if (mv->kind == DP_MV_INPUT || mv->kind == DP_MV_OUTPUT)
		return BAD(csv, fault,
		           "kind: input and output belong to chains of coins, this one has "
		           "accounts: write native, internal or token");
	if (mv->kind == DP_MV_TOKEN && native)
		return BAD(csv, fault,
		           "kind token, but %s is the chain's own coin: give the token's "
		           "contract, or kind native",
		           info->symbol);
	if (mv->kind != DP_MV_TOKEN && !native && info->class != DP_ASSET_VALUATION)
		return BAD(csv, fault,
		           "the kind is not token, but %s is one: write kind token, or "
		           "leave asset and contract empty",
		           info->symbol);
	if (mv->kind == DP_MV_FEE && !from)
		return BAD(csv, fault, "from: a fee needs the address that pays it");
	if (mv->kind == DP_MV_REWARD && (from || !to))
		return BAD(csv, fault,
		           "a reward is made from nothing: leave `from` empty and fill `to`");
	if (!from && !to)
		return BAD(csv, fault,
		           "from and to are both empty: one of them must be an address");
	return DP_OK;
}

// A transfer of nothing needs nobody's signature, so anybody can log one under a victim's name
// with the genuine contract (address poisoning): it becomes noise that says what it looked like.
static void make_unsigned(dp_movement *mv, const dp_asset_info *info)
{
	DP_CHECK(info->has_contract);
	mv->asset = DP_ASSET_NONE;
	mv->flags |= DP_MVF_UNSIGNED_ZERO;
	memcpy(mv->noise.contract, info->contract, sizeof mv->noise.contract);
	note_symbol(mv, (dp_csv_field){info->symbol, (uint32_t)strlen(info->symbol)});
}

static dp_code read_account(dp_csv_context *x, dp_csv_row *row, const dp_csv *csv, dp_fault *fault)
{
	dp_movement *mv = &row->mv;
	bool given = false;
	DP_TRY(parse_kind(x, &mv->kind, csv, fault));
	DP_TRY(parse_address(x, &mv->from, csv, DP_CSV_FROM, fault));
	DP_TRY(parse_address(x, &mv->to, csv, DP_CSV_TO, fault));
	DP_TRY(parse_asset(x, mv, csv, fault));
	if (mv->asset.v == 0) {
		mv->kind = DP_MV_TOKEN;
		if (parse_amount(x, &mv->amount, &given, csv, NOISE_DECIMALS, NULL) != DP_OK)
			mv->amount = DP_U256_ZERO;
		return DP_OK;
	}
	const dp_asset_info *info = dp_asset_info_of(mv->asset);
	if (mv->kind == KIND_BY_ASSET)
		mv->kind = info->class == DP_ASSET_NATIVE ? DP_MV_NATIVE : DP_MV_TOKEN;
	DP_TRY(check_account(mv, csv, fault));
	DP_TRY(parse_amount(x, &mv->amount, &given, csv, info->decimals, fault));
	if (!given) return BAD(csv, fault, "amount: it is empty: write 0 for a call without value");
	if (mv->kind == DP_MV_TOKEN && info->has_contract && dp_u256_is_zero(mv->amount))
		make_unsigned(mv, info);
	return DP_OK;
}

// ---- Rows of chains of coins. ------------------------------------------------------------------

static dp_code read_input(const dp_csv_context *x, dp_movement *mv, const dp_csv *csv,
                          dp_fault *fault)
{
	static const uint8_t nothing[32];
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, DP_CSV_FROM);
	dp_csv_field to = dp_csv_columns_get(x->columns, csv, DP_CSV_TO);
	dp_fault inner;
	dp_code code = dp_outpoint_parse(&mv->spent, f.text, f.size, &inner);
	if (code != DP_OK) return in_column(csv, code, DP_CSV_FROM, &inner, fault);
	if (memcmp(mv->spent.txid, nothing, 32) == 0)
		return BAD(csv, fault,
		           "from: the outpoint of a coinbase is no coin: leave the row out, "
		           "a transaction without inputs is a coinbase");
	if (!is_nobody(to))
		return BAD(csv, fault,
		           "to: an input row pays nobody: leave it empty and write the "
		           "outputs as rows of kind output");
	return DP_OK;
}

static dp_code read_utxo(dp_csv_context *x, dp_csv_row *row, const dp_csv *csv, dp_fault *fault)
{
	dp_movement *mv = &row->mv;
	bool given = false;
	DP_TRY(parse_kind(x, &mv->kind, csv, fault));
	bool has_from = !is_nobody(dp_csv_columns_get(x->columns, csv, DP_CSV_FROM));
	if (mv->kind == KIND_BY_ASSET) mv->kind = has_from ? DP_MV_INPUT : DP_MV_OUTPUT;
	if (mv->kind != DP_MV_INPUT && mv->kind != DP_MV_OUTPUT)
		return BAD(csv, fault,
		           "kind: %s is a chain of coins: write input or output (the fee "
		           "is what the outputs leave)",
		           x->chain->name);
	if (row->failed)
		return BAD(csv, fault, "status: transactions do not fail on %s: leave the row out",
		           x->chain->name);
	DP_TRY(parse_asset(x, mv, csv, fault));
	if (mv->asset.v != dp_asset_native(x->chain).v)
		return BAD(csv, fault, "asset: coins of %s are counted in %s only", x->chain->name,
		           x->chain->native);
	if (mv->kind == DP_MV_INPUT) {
		DP_TRY(read_input(x, mv, csv, fault));
	} else {
		if (has_from)
			return BAD(csv, fault,
			           "from: an output row comes from the whole transaction: "
			           "leave it empty");
		DP_TRY(parse_address(x, &mv->to, csv, DP_CSV_TO, fault));
		if (mv->to.kind == DP_ADDR_NONE)
			return BAD(csv, fault,
			           "to: an output needs who it pays: an address, or "
			           "script:HEX as dyepack writes it");
	}
	DP_TRY(parse_amount(x, &mv->amount, &given, csv, dp_asset_info_of(mv->asset)->decimals,
	                    fault));
	if (!dp_u256_fits64(mv->amount))
		return dp_fail_at(fault, DP_LIMIT, csv->line, 0,
		                  "amount: more than 64 bits of base "
		                  "units, which no coin of %s holds",
		                  x->chain->name);
	if (given) return DP_OK;
	if (mv->kind == DP_MV_OUTPUT) return BAD(csv, fault, "amount: an output needs its amount");
	mv->flags |= DP_MVF_VALUE_UNKNOWN;
	return DP_OK;
}

static dp_code parse_tx(const dp_csv_context *x, uint8_t ret_id[32], const dp_csv *csv,
                        dp_fault *fault)
{
	dp_csv_field f = dp_csv_columns_get(x->columns, csv, DP_CSV_TX);
	bool usual = x->chain->kind == DP_CHAIN_ACCOUNT && f.size == TXID_TEXT_SIZE && has_0x(f);
	if (usual && lower_hex(ret_id, 32, f.text + 2)) return DP_OK;
	dp_fault inner;
	dp_code code = dp_txid_parse(ret_id, f.text, f.size, x->chain, &inner);
	return code == DP_OK ? DP_OK : in_column(csv, code, DP_CSV_TX, &inner, fault);
}

dp_code dp_csv_row_read(dp_csv_context *x, dp_csv_row *ret_row, const dp_csv *csv, dp_fault *fault)
{
	DP_CHECK(x != NULL && ret_row != NULL);
	if (csv->field_count != x->columns->field_count)
		return BAD(csv, fault,
		           "the row has %u fields and the header %u: a comma or a quote is "
		           "missing or too many",
		           csv->field_count, x->columns->field_count);
	dp_csv_row row = {.file = x->file};
	row.mv.source_line = csv->line;
	DP_TRY(parse_place(x, &row, csv, fault));
	DP_TRY(parse_tx(x, row.tx, csv, fault));
	DP_TRY(parse_status(x, &row.failed, csv, fault));
	if (x->chain->kind == DP_CHAIN_UTXO)
		DP_TRY(read_utxo(x, &row, csv, fault));
	else
		DP_TRY(read_account(x, &row, csv, fault));
	*ret_row = row;
	return DP_OK;
}

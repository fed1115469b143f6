// See amlworld.h. What a line must be is decided by its first field alone: BEGIN, END, the word
// Timestamp (the header, allowed on the first line), or a time.
#include "technique/amlworld.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/u256.h"

enum {
	TIMESTAMP,
	FROM_BANK,
	FROM,
	TO_BANK,
	TO,
	RECEIVED,
	RECEIVED_IN,
	PAID,
	PAID_IN,
	FORMAT,
	IS_LAUNDERING,
	FIELD_COUNT
};

static const char *const field_name[FIELD_COUNT] = {
    "Timestamp",       "From Bank",          "Account",     "To Bank",          "Account (to)",
    "Amount Received", "Receiving Currency", "Amount Paid", "Payment Currency", "Payment Format",
    "Is Laundering",
};

static const struct {
	const char *upper, *name;
} attempts[DP_AML_ATTEMPT_COUNT] = {
    {"FAN-OUT", "fan-out"},
    {"FAN-IN", "fan-in"},
    {"SCATTER-GATHER", "scatter-gather"},
    {"GATHER-SCATTER", "gather-scatter"},
    {"CYCLE", "cycle"},
    {"BIPARTITE", "bipartite"},
    {"STACK", "stack"},
    {"RANDOM", "random"},
};

const char *dp_aml_attempt_name(dp_aml_attempt attempt)
{
	DP_CHECK(attempt < DP_AML_ATTEMPT_COUNT);
	return attempts[attempt].name;
}

// What is shown of a field in a message: its beginning, only what can be printed.
enum { SHOWN_MAX = 24 };
static const char *shown(char out[SHOWN_MAX + 1], const dp_csv_field *f)
{
	uint32_t n = f->size < SHOWN_MAX ? f->size : SHOWN_MAX;
	for (uint32_t i = 0; i < n; i++)
		out[i] = f->text[i] >= ' ' && f->text[i] <= '~' ? f->text[i] : '?';
	out[n] = 0;
	return out;
}

static dp_code bad_field(const dp_aml_reader *r, uint32_t field, const char *what, dp_fault *fault)
{
	char text[SHOWN_MAX + 1];
	return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 0, "%s \"%s\" is not %s",
	                  field_name[field], shown(text, &r->csv.field[field]), what);
}

//- fields ----------------------------------------------------------------------------------------

// `n` digits as a number; UINT32_MAX: something else is there.
static uint32_t digits(const char *text, uint32_t n)
{
	uint32_t value = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9') return UINT32_MAX;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	return value;
}

// Days from 1970-01-01, by the shifted year that begins in March (Hinnant, "chrono-compatible
// low-level date algorithms").
static int64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
	uint32_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	uint32_t of_year = (153 * m + 2) / 5 + day - 1;
	return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static dp_code read_time(const dp_aml_reader *r, int64_t *ret_time, dp_fault *fault)
{
	static const char what[] = "a time like 2022/09/01 00:06";
	static const uint32_t length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const dp_csv_field *f = &r->csv.field[TIMESTAMP];
	const char *t = f->text;
	if (f->size != 16 || t[4] != '/' || t[7] != '/' || t[10] != ' ' || t[13] != ':')
		return bad_field(r, TIMESTAMP, what, fault);
	uint32_t year = digits(t, 4), month = digits(t + 5, 2), day = digits(t + 8, 2);
	uint32_t hour = digits(t + 11, 2), minute = digits(t + 14, 2);
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || hour > 23 || minute > 59)
		return bad_field(r, TIMESTAMP, what, fault);
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day < 1 || day > length[month - 1] || (month == 2 && day == 29 && !is_leap))
		return bad_field(r, TIMESTAMP, what, fault);
	*ret_time = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60;
	return DP_OK;
}

// Bank and account as one key: the account's text behind the bank's number.
static dp_code read_account(const dp_aml_reader *r, uint64_t *ret_key, uint32_t bank_field,
                            dp_fault *fault)
{
	const dp_csv_field *bank = &r->csv.field[bank_field];
	const dp_csv_field *account = &r->csv.field[bank_field + 1];
	uint8_t key[128] = {
	    0}; // more than is used: XXH3's short cuts look that far at compile time
	if (bank->size == 0 || bank->size > 9 || digits(bank->text, bank->size) == UINT32_MAX)
		return bad_field(r, bank_field, "a bank's number of 1 to 9 digits", fault);
	if (account->size == 0 || account->size > DP_AML_WORD_MAX)
		return bad_field(r, bank_field + 1, "an account of 1 to 32 characters", fault);
	uint32_t number = digits(bank->text, bank->size);
	for (uint32_t i = 0; i < 4; i++) key[i] = (uint8_t)(number >> 8 * i);
	memcpy(key + 4, account->text, account->size);
	uint64_t hash = XXH3_64bits(key, 4 + account->size);
	*ret_key = hash == 0 ? 1 : hash;
	return DP_OK;
}

static dp_code read_amount(const dp_aml_reader *r, uint64_t *ret_amount, uint32_t field,
                           dp_fault *fault)
{
	const dp_csv_field *f = &r->csv.field[field];
	dp_u256 amount;
	if (dp_u256_parse(&amount, f->text, f->size, DP_AML_DECIMALS, NULL) != DP_OK)
		return bad_field(r, field, "an amount with 6 decimals at the most", fault);
	if (!dp_u256_fits64(amount))
		return bad_field(r, field, "below 18,446,744,073,709: no bank moves that", fault);
	*ret_amount = amount.w[0];
	return DP_OK;
}

static dp_code read_word(const dp_aml_reader *r, char out[DP_AML_WORD_MAX], uint32_t field,
                         dp_fault *fault)
{
	const dp_csv_field *f = &r->csv.field[field];
	if (f->size == 0 || f->size >= DP_AML_WORD_MAX)
		return bad_field(r, field, "a word of 1 to 31 characters", fault);
	memset(out, 0, DP_AML_WORD_MAX);
	memcpy(out, f->text, f->size);
	return DP_OK;
}

static dp_code read_currency(dp_aml_reader *r, uint32_t *ret_asset, uint32_t field, dp_fault *fault)
{
	char word[DP_AML_WORD_MAX];
	DP_TRY(read_word(r, word, field, fault));
	for (uint32_t i = 0; i < r->currency_count; i++) {
		if (memcmp(r->currency[i], word, sizeof word) != 0) continue;
		*ret_asset = i + 1;
		return DP_OK;
	}
	if (r->currency_count == DP_AML_CURRENCIES_MAX)
		return dp_fail_at(fault, DP_LIMIT, r->csv.line, 0,
		                  "more than %d different currencies: is this column the currency?",
		                  DP_AML_CURRENCIES_MAX);
	memcpy(r->currency[r->currency_count], word, sizeof word);
	*ret_asset = ++r->currency_count;
	return DP_OK;
}

//- records ---------------------------------------------------------------------------------------

static dp_code read_row(dp_aml_reader *r, dp_aml_record *row, dp_fault *fault)
{
	if (r->csv.field_count != FIELD_COUNT)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 0,
		                  "%u fields where a transaction has %d", r->csv.field_count,
		                  FIELD_COUNT);
	const dp_csv_field *flag = &r->csv.field[IS_LAUNDERING];
	if (flag->size != 1 || (flag->text[0] != '0' && flag->text[0] != '1'))
		return bad_field(r, IS_LAUNDERING, "0 or 1", fault);
	row->is_laundering = flag->text[0] == '1';
	DP_TRY(read_time(r, &row->time, fault));
	DP_TRY(read_account(r, &row->from_key, FROM_BANK, fault));
	DP_TRY(read_account(r, &row->to_key, TO_BANK, fault));
	DP_TRY(read_amount(r, &row->received, RECEIVED, fault));
	DP_TRY(read_amount(r, &row->paid, PAID, fault));
	DP_TRY(read_word(r, row->format, FORMAT, fault));
	DP_TRY(read_currency(r, &row->received_asset, RECEIVED_IN, fault));
	return read_currency(r, &row->paid_asset, PAID_IN, fault);
}

static bool begins_with(const dp_csv_field *f, const char *text)
{
	size_t n = strlen(text);
	return f->size >= n && memcmp(f->text, text, n) == 0;
}

// "FAN-OUT" or "FAN-OUT:  Max 16-degree Fan-Out", after the words before it.
static dp_code read_attempt(const dp_aml_reader *r, dp_aml_record *record, uint32_t at,
                            dp_fault *fault)
{
	const dp_csv_field *f = &r->csv.field[0];
	const char *name = f->text + at, *colon = memchr(name, ':', f->size - at);
	uint32_t size = colon == NULL ? f->size - at : (uint32_t)(colon - name);
	uint32_t which = 0;
	while (which < DP_AML_ATTEMPT_COUNT && (strlen(attempts[which].upper) != size ||
	                                        memcmp(attempts[which].upper, name, size) != 0))
		which++;
	char text[SHOWN_MAX + 1];
	if (which == DP_AML_ATTEMPT_COUNT)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, at + 1,
		                  "no pattern is called \"%s\"",
		                  shown(text, &(dp_csv_field){name, size}));
	record->attempt = (dp_aml_attempt)which;
	if (colon == NULL) return DP_OK;
	const char *note = colon + 1, *end = f->text + f->size;
	while (note < end && *note == ' ') note++;
	size_t length = (size_t)(end - note);
	if (length >= DP_AML_NOTE_MAX) length = DP_AML_NOTE_MAX - 1;
	memcpy(record->note, note, length);
	return DP_OK;
}

static const char begin_words[] = "BEGIN LAUNDERING ATTEMPT - ";
static const char end_words[] = "END LAUNDERING ATTEMPT - ";

static dp_code read_begin(dp_aml_reader *r, dp_aml_record *record, dp_fault *fault)
{
	record->kind = DP_AML_BEGIN;
	DP_TRY(read_attempt(r, record, sizeof begin_words - 1, fault));
	bool was_open = r->is_open;
	uint32_t line = r->open_line;
	r->is_open = true;
	r->open = record->attempt;
	r->open_line = r->csv.line;
	if (was_open)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 0,
		                  "an attempt begins before the one of line %u has ended", line);
	return DP_OK;
}

static dp_code read_end(dp_aml_reader *r, dp_aml_record *record, dp_fault *fault)
{
	record->kind = DP_AML_END;
	DP_TRY(read_attempt(r, record, sizeof end_words - 1, fault));
	if (!r->is_open)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 0,
		                  "an attempt ends that has not begun");
	r->is_open = false;
	if (r->open != record->attempt)
		return dp_fail_at(
		    fault, DP_BAD_BYTES, r->csv.line, 0, "%s ends, but what began in line %u is %s",
		    attempts[record->attempt].upper, r->open_line, attempts[r->open].upper);
	return DP_OK;
}

dp_code dp_aml_next(dp_aml_reader *r, dp_aml_record *ret_record, dp_fault *fault)
{
	for (;;) {
		dp_code code = dp_csv_next(&r->csv, fault);
		if (code == DP_END && r->is_open) {
			r->is_open = false;
			return dp_fail_at(fault, DP_BAD_BYTES, r->open_line, 0,
			                  "the attempt that begins here does not end: is the file "
			                  "whole?");
		}
		if (code != DP_OK) return code;
		bool is_first = !r->has_begun;
		r->has_begun = true;
		const dp_csv_field *f = &r->csv.field[0];
		if (is_first && begins_with(f, "Timestamp")) continue;
		dp_aml_record record = {.line = r->csv.line};
		if (begins_with(f, begin_words))
			code = read_begin(r, &record, fault);
		else if (begins_with(f, end_words))
			code = read_end(r, &record, fault);
		else
			code = read_row(r, &record, fault);
		if (code == DP_OK) *ret_record = record;
		return code;
	}
}

void dp_aml_done(dp_aml_reader *r)
{
	dp_csv_done(&r->csv);
}

dp_transfer dp_aml_transfer(const dp_aml_record *row, uint32_t src, uint32_t dst, uint32_t tx)
{
	DP_CHECK(row->kind == DP_AML_ROW);
	return (dp_transfer){.src = src,
	                     .dst = dst,
	                     .tx = tx,
	                     .asset = row->paid_asset,
	                     .time = row->time,
	                     .amount = row->paid,
	                     .worth_high = DP_WORTH_NONE,
	                     .ref = row->line};
}

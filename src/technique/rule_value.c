// The values of technique rules: texts, numbers with units, ramps and comparisons; see rule.h.
//
// All numbers are exact. A ratio is read as millionths, a sum as cents, a time as seconds, from
// decimal text and never through a binary fraction, so that a threshold of 60% is the same on every
// machine. What has more digits than its unit can hold is refused, not rounded.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "technique/rule_private.h"

enum { NUMBER_MAX_BYTES = 40 };

//- faults ----------------------------------------------------------------------------------------

dp_code dp_tech_wrong(const dp_tech_reader *r, const dp_yaml *at, const char *text)
{
	return dp_yaml_wrong(at, text, r->fault);
}

dp_code dp_tech_no_memory(const dp_tech_reader *r)
{
	return dp_fail(r->fault, DP_NO_MEMORY, "out of memory while reading a technique");
}

dp_code dp_tech_bad_key(const dp_tech_reader *r, const dp_yaml *at, const char *const *known,
                        const char *what)
{
	return dp_yaml_bad_key(at, known, what, r->fault);
}

dp_code dp_tech_bad_word(const dp_tech_reader *r, const dp_yaml *at, const char *const *known,
                         const char *what)
{
	return dp_yaml_bad_word(at, known, what, r->fault);
}

//- texts -----------------------------------------------------------------------------------------

dp_code dp_tech_scalar(const dp_tech_reader *r, const dp_yaml *v, bool has_lines)
{
	if (v->kind != DP_YAML_SCALAR || v->size == 0)
		return dp_tech_wrong(r, v, "one word or number is wanted here");
	// What is shown in a terminal must not be able to steer it: no controls of ASCII, nor those
	// of Latin-1, which some terminals obey.
	for (uint32_t i = 0; i < v->size; i++) {
		unsigned char c = (unsigned char)v->text[i];
		bool is_latin =
		    c == 0xc2 && i + 1 < v->size && (unsigned char)v->text[i + 1] < 0xa0;
		if ((c < 0x20 && !(has_lines && c == '\n')) || c == 0x7f || is_latin)
			return dp_tech_wrong(r, v, "the text has a control character in it");
	}
	return DP_OK;
}

dp_code dp_tech_text(const dp_tech_reader *r, const dp_yaml *v, size_t max, const char **ret_text)
{
	DP_TRY(dp_tech_scalar(r, v, max >= DP_TECH_TEXT_MAX));
	if (v->size > max)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the text is longer than %zu bytes", max);
	*ret_text = dp_arena_text(r->arena, v->text, v->size);
	return *ret_text == NULL ? dp_tech_no_memory(r) : DP_OK;
}

dp_code dp_tech_name(const dp_tech_reader *r, const dp_yaml *v, const char **ret_name)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	DP_TRY(dp_tech_text(r, v, DP_TECH_ID_MAX, ret_name));
	if (strspn(v->text, letters) == v->size) return DP_OK;
	return dp_tech_wrong(r, v, "a name has letters, digits, '-', '_' and '.' only");
}

dp_code dp_tech_list(const dp_tech_reader *r, const dp_yaml *v, const char ***ret_text,
                     uint32_t *ret_count)
{
	uint32_t count = v->kind == DP_YAML_LIST ? v->size : 1, n = 0;
	if (v->kind == DP_YAML_MAP) return dp_tech_wrong(r, v, "a list of texts is wanted here");
	if (count > DP_TECH_LIST_MAX)
		return dp_tech_wrong(r, v, "the list has more than 64 entries");
	if (count == 0) return dp_tech_wrong(r, v, "the list is empty: leave it out");
	const char **text = dp_arena_alloc(r->arena, count * sizeof *text);
	if (text == NULL) return dp_tech_no_memory(r);
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; n < count; n++, m = m->next) DP_TRY(dp_tech_text(r, m, DP_TECH_TEXT_MAX, &text[n]));
	*ret_text = text;
	*ret_count = count;
	return DP_OK;
}

dp_code dp_tech_yes_no(const dp_tech_reader *r, const dp_yaml *v, bool *ret_value)
{
	static const char *const words[] = {"yes", "true", "no", "false", NULL};
	DP_TRY(dp_tech_scalar(r, v, false));
	for (uint32_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], v->text) == 0) {
			*ret_value = i < 2;
			return DP_OK;
		}
	return dp_tech_bad_word(r, v, words, "answer: yes or no");
}

//- numbers ---------------------------------------------------------------------------------------

// Digits with at most one point, as `text` times 10^decimals; the number of bytes read, 0 when it
// is no number, has more decimals, or is too large.
static size_t decimal(int64_t *ret_value, const char *text, size_t n, uint32_t decimals)
{
	int64_t value = 0;
	uint32_t after = 0;
	size_t i = 0, digits = 0;
	bool has_point = false;
	for (; i < n; i++) {
		// Two points are a range's.
		bool is_point = text[i] == '.' && !has_point && i + 1 < n && text[i + 1] != '.';
		if (is_point) {
			has_point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9') break;
		if (has_point && ++after > decimals) return 0;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, text[i] - '0', &value))
			return 0;
		digits++;
	}
	for (; after < decimals; after++)
		if (__builtin_mul_overflow(value, 10, &value)) return 0;
	*ret_value = value;
	return digits == 0 ? 0 : i;
}

static bool seconds(int64_t *ret_value, const char *text, size_t n)
{
	static const char letters[] = "smhdw";
	static const int64_t worth[] = {1, 60, 3600, 86400, 604800};
	int64_t sum = 0, part = 0;
	for (size_t at = 0; at < n;) {
		size_t used = decimal(&part, text + at, n - at, 0);
		if (used == 0) return false;
		at += used;
		if (at == n) { // a bare number is of seconds, and stands alone
			*ret_value = part;
			return used == n;
		}
		const char *unit = memchr(letters, text[at], sizeof letters - 1);
		if (unit == NULL || __builtin_mul_overflow(part, worth[unit - letters], &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return false;
		at++;
	}
	*ret_value = sum;
	return n > 0;
}

// "$500", "$1.5m", "500 usd", "500usd".
static bool cents(int64_t *ret_value, const char *text, size_t n)
{
	static const struct {
		const char *name;
		int64_t times;
	} units[] = {{"", 1}, {"k", 1000}, {"m", 1000000}, {"bn", 1000000000}};
	bool has_sign = n > 0 && text[0] == '$';
	if (has_sign) text++, n--;
	if (!has_sign) {
		if (n < 4 || memcmp(text + n - 3, "usd", 3) != 0) return false;
		n -= text[n - 4] == ' ' ? 4 : 3;
	}
	for (size_t u = sizeof units / sizeof *units; u-- > 0;) {
		size_t k = strlen(units[u].name), used;
		int64_t value;
		if (n <= k || memcmp(text + n - k, units[u].name, k) != 0) continue;
		// Millionths first, so that $0.25m is exact.
		used = decimal(&value, text, n - k, 6);
		if (used != n - k) return false;
		__int128 all = (__int128)value * units[u].times / 10000;
		if ((__int128)value * units[u].times % 10000 != 0 || all > INT64_MAX) return false;
		*ret_value = (int64_t)all;
		return true;
	}
	return false;
}

static bool millionths(int64_t *ret_value, const char *text, size_t n)
{
	if (n > 1 && text[n - 1] == '%') return decimal(ret_value, text, n - 1, 4) == n - 1;
	// 80 for 80% would be read as eightyfold.
	return decimal(ret_value, text, n, 6) == n && *ret_value < 2000000;
}

bool dp_number_parse(int64_t *ret_value, dp_unit unit, const char *text, size_t n)
{
	if (n == 0 || n > NUMBER_MAX_BYTES) return false;
	if (unit == DP_UNIT_SECONDS) return seconds(ret_value, text, n);
	if (unit == DP_UNIT_CENTS) return cents(ret_value, text, n);
	if (unit == DP_UNIT_PPM) return millionths(ret_value, text, n);
	if (unit == DP_UNIT_FLAG) {
		bool is_yes = (n == 3 && memcmp(text, "yes", 3) == 0) ||
		              (n == 4 && memcmp(text, "true", 4) == 0);
		bool is_no = (n == 2 && memcmp(text, "no", 2) == 0) ||
		             (n == 5 && memcmp(text, "false", 5) == 0);
		*ret_value = is_yes;
		return is_yes || is_no;
	}
	DP_CHECK(unit == DP_UNIT_COUNT || unit == DP_UNIT_BASE);
	return decimal(ret_value, text, n, 0) == n;
}

const char *dp_unit_written(dp_unit unit)
{
	static const char *const words[] = {
	    [DP_UNIT_COUNT] = "a whole number, such as 8",
	    [DP_UNIT_SECONDS] = "a time, such as 90, 10m, 6h or 2d",
	    [DP_UNIT_PPM] = "a share, such as 80% or 0.8",
	    [DP_UNIT_CENTS] = "a sum, such as $500, $1.5m or 500 usd",
	    [DP_UNIT_FLAG] = "yes or no",
	    [DP_UNIT_BASE] = "a whole number of base units, such as 10000000"};
	DP_CHECK(unit <= DP_UNIT_BASE);
	return words[unit];
}

// Whether a text is a number but for its length: what is wrong with it is another thing then.
static bool is_too_long(dp_unit unit, const char *text)
{
	size_t digits = strspn(text, "0123456789"), after = 0;
	if (digits == 0) return false;
	if (text[digits] == '.') after = strspn(text + digits + 1, "0123456789");
	bool is_percent = text[digits + (after > 0) + after] == '%';
	if (unit == DP_UNIT_PPM && after > (is_percent ? 4 : 6)) return true;
	return digits + after >= 18;
}

static size_t decimal_text(char out[DP_NUMBER_TEXT_MAX], const char *before, int64_t whole,
                           int64_t part, int digits, const char *after)
{
	int n = part == 0
	            ? snprintf(out, DP_NUMBER_TEXT_MAX, "%s%lld%s", before, (long long)whole, after)
	            : 0;
	if (n > 0) return (size_t)n;
	while (part % 10 == 0) part /= 10, digits--;
	n = snprintf(out, DP_NUMBER_TEXT_MAX, "%s%lld.%0*lld%s", before, (long long)whole, digits,
	             (long long)part, after);
	DP_CHECK(n > 0 && n < DP_NUMBER_TEXT_MAX);
	return (size_t)n;
}

size_t dp_number_text(char out[DP_NUMBER_TEXT_MAX], dp_unit unit, int64_t value)
{
	static const struct {
		int64_t s;
		char letter;
	} times[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
	if (value < 0) return decimal_text(out, "", value, 0, 0, "");
	if (unit == DP_UNIT_FLAG)
		return (size_t)snprintf(out, DP_NUMBER_TEXT_MAX, "%s", value != 0 ? "yes" : "no");
	if (unit == DP_UNIT_PPM) return decimal_text(out, "", value / 10000, value % 10000, 4, "%");
	if (unit == DP_UNIT_CENTS) {
		static const int64_t steps[] = {100000000000, 100000000, 100000};
		static const char *const names[] = {"bn", "m", "k"};
		for (uint32_t i = 0; i < 3; i++)
			if (value >= steps[i] && value % (steps[i] / 1000) == 0)
				return decimal_text(out, "$", value / steps[i],
				                    value % steps[i] / (steps[i] / 1000), 3,
				                    names[i]);
		return decimal_text(out, "$", value / 100, value % 100, 2, "");
	}
	if (unit == DP_UNIT_SECONDS)
		for (uint32_t i = 0; i < 3; i++)
			if (value != 0 && value % times[i].s == 0) {
				const char after[2] = {times[i].letter, 0};
				return decimal_text(out, "", value / times[i].s, 0, 0, after);
			}
	return decimal_text(out, "", value, 0, 0, unit == DP_UNIT_SECONDS && value != 0 ? "s" : "");
}

static dp_code bad_number(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit)
{
	bool is_long = is_too_long(unit, v->text + (v->text[0] == '$'));
	return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column, "expected %s, not '%.40s%s'%s",
	                  dp_unit_written(unit), v->text, v->size > 40 ? "..." : "",
	                  is_long ? ": it has too many digits" : "");
}

dp_code dp_tech_number(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit, int64_t min,
                       int64_t max, int64_t *ret_value)
{
	char low[DP_NUMBER_TEXT_MAX], high[DP_NUMBER_TEXT_MAX];
	int64_t value;
	DP_CHECK(min <= max);
	DP_TRY(dp_tech_scalar(r, v, false));
	if (!dp_number_parse(&value, unit, v->text, v->size)) return bad_number(r, v, unit);
	if (value < min || value > max) {
		(void)dp_number_text(low, unit, min);
		(void)dp_number_text(high, unit, max);
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "%.40s is out of range: from %s to %s", v->text, low, high);
	}
	*ret_value = value;
	return DP_OK;
}

//- ramps and comparisons -------------------------------------------------------------------------

uint32_t dp_ramp_at(dp_ramp ramp, int64_t value)
{
	bool is_falling = ramp.from > ramp.full;
	if (is_falling ? value <= ramp.full : value >= ramp.full) return 1000;
	if (is_falling ? value >= ramp.from : value <= ramp.from) return 0;
	__int128 way = (__int128)ramp.full - ramp.from, gone = (__int128)value - ramp.from;
	DP_CHECK(way != 0);
	return (uint32_t)(gone * 1000 / way);
}

// "A..B": where B begins, 0 when there are no two points.
static size_t find_points(const char *text)
{
	const char *p = strstr(text, "..");
	return p == NULL ? 0 : (size_t)(p - text);
}

dp_code dp_tech_ramp(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit, dp_ramp *ret_ramp)
{
	dp_ramp ramp = {0};
	DP_TRY(dp_tech_scalar(r, v, false));
	size_t at = find_points(v->text);
	bool is_good =
	    at == 0 ? dp_number_parse(&ramp.full, unit, v->text, v->size)
	            : dp_number_parse(&ramp.from, unit, v->text, at) &&
	                  dp_number_parse(&ramp.full, unit, v->text + at + 2, v->size - at - 2);
	if (!is_good)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "'%.40s' is no ramp: from where it counts to where it counts in "
		                  "full, as in 10%%..80%% (each %s)",
		                  v->text, dp_unit_written(unit));
	*ret_ramp = ramp;
	return DP_OK;
}

// The sign at the beginning of a comparison, and the value behind it.
static const char *sign_of(const char *text, char *ret_sign, bool *ret_or_equal)
{
	*ret_sign = text[0];
	if (text[0] != '<' && text[0] != '>' && text[0] != '=') return NULL;
	*ret_or_equal = text[1] == '=' || text[0] == '=';
	text += text[1] == '=' ? 2 : 1;
	return text + strspn(text, " ");
}

static bool range_of(dp_range *ret_range, dp_unit unit, const char *text, size_t n)
{
	dp_range range = {INT64_MIN, INT64_MAX};
	char sign;
	bool or_equal = false;
	size_t at = find_points(text);
	const char *behind = sign_of(text, &sign, &or_equal);
	int64_t value;
	if (behind == NULL && at > 0) {
		if (!dp_number_parse(&range.min, unit, text, at) ||
		    !dp_number_parse(&range.max, unit, text + at + 2, n - at - 2))
			return false;
	} else {
		if (behind == NULL && unit != DP_UNIT_FLAG) return false;
		const char *from = behind != NULL ? behind : text;
		if (!dp_number_parse(&value, unit, from, n - (size_t)(from - text))) return false;
		// Nothing is more than the largest number.
		if (behind != NULL && sign == '>' && !or_equal && value == INT64_MAX) return false;
		if (behind == NULL || sign == '=') range = (dp_range){value, value};
		if (behind != NULL && sign == '>') range.min = or_equal ? value : value + 1;
		if (behind != NULL && sign == '<') range.max = or_equal ? value : value - 1;
	}
	*ret_range = range;
	return range.min <= range.max;
}

dp_code dp_tech_range(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit, dp_range *ret_range)
{
	DP_TRY(dp_tech_scalar(r, v, false));
	if (range_of(ret_range, unit, v->text, v->size)) return DP_OK;
	return dp_fail_at(
	    r->fault, DP_BAD_CASE, v->line, v->column,
	    "'%.40s' is no comparison: \">= A\", \"<= A\", \"> A\", \"< A\", \"= A\" or "
	    "\"A..B\", with %s",
	    v->text, dp_unit_written(unit));
}

dp_code dp_tech_range_score(const dp_tech_reader *r, const dp_yaml *v, dp_range *ret_range)
{
	dp_range range;
	DP_TRY(dp_tech_range(r, v, DP_UNIT_PPM, &range));
	// From millionths to thousandths: a bound that no thousandth meets goes to the next one
	// that lies inside.
	ret_range->min = range.min <= 0 ? 0 : (range.min - 1) / 1000 + 1;
	ret_range->max = range.max >= 1000000 ? 1000 : range.max < 0 ? -1 : range.max / 1000;
	if (ret_range->min <= ret_range->max && ret_range->min <= 1000) return DP_OK;
	return dp_tech_wrong(r, v, "no number from 0 to 1 fits this");
}

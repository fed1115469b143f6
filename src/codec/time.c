// Times as text and as unix seconds, see time.h.
//
// The calendar is the proleptic Gregorian one by Howard Hinnant's day-count formulas
// ("chrono-compatible low-level date algorithms", days_from_civil and civil_from_days): a year that
// begins in March puts the leap day last, and then months are a straight line. The C library's
// calendar is not used, because it reads the locale and the time zone of the environment, and two
// analysts must get the same answer.
#include "codec/time.h"

#include <stdio.h>

#include "base/check.h"

#define TIME_MAX 253402300799 // 9999-12-31T23:59:59Z

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, year_of_era = y % 400; // y is never negative here
	int64_t day_of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t *ret_y, int64_t *ret_m, int64_t *ret_d, int64_t days)
{
	days += 719468;
	int64_t era = days / 146097, doe = days % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*ret_d = doy - (153 * mp + 2) / 5 + 1;
	*ret_m = mp < 10 ? mp + 3 : mp - 9;
	*ret_y = yoe + era * 400 + (*ret_m <= 2);
}

typedef struct reader {
	const char *p, *end;
} reader;

// Exactly `count` digits.
static bool digits(reader *r, int count, int64_t *ret)
{
	int64_t v = 0;
	if (r->end - r->p < count) return false;
	for (int i = 0; i < count; i++) {
		if (r->p[i] < '0' || r->p[i] > '9') return false;
		v = v * 10 + (r->p[i] - '0');
	}
	r->p += count;
	*ret = v;
	return true;
}

static bool accept(reader *r, char c)
{
	if (r->p == r->end || *r->p != c) return false;
	r->p++;
	return true;
}

static bool read_date(reader *r, int64_t *ret_days)
{
	static const uint8_t month_days[13] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t y, m, d;
	if (!digits(r, 4, &y) || !accept(r, '-')) return false;
	if (!digits(r, 2, &m) || !accept(r, '-') || !digits(r, 2, &d)) return false;
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > month_days[m]) return false;
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
	if (m == 2 && d == 29 && !leap) return false;
	*ret_days = days_from_civil(y, m, d);
	return true;
}

// hh:mm, then :ss and a fraction if they are there. The fraction is dropped: blocks have none.
static bool read_clock(reader *r, int64_t *ret_seconds)
{
	int64_t h, m, s = 0;
	if (!digits(r, 2, &h) || !accept(r, ':') || !digits(r, 2, &m)) return false;
	if (accept(r, ':')) {
		if (!digits(r, 2, &s)) return false;
		if (accept(r, '.')) {
			int64_t one;
			if (!digits(r, 1, &one)) return false;
			while (digits(r, 1, &one)) {}
		}
	}
	if (h > 23 || m > 59 || s > 59) return false;
	*ret_seconds = h * 3600 + m * 60 + s;
	return true;
}

// Z, " UTC", or an offset +hh:mm, +hhmm or +hh; nothing at all means UTC.
static bool read_zone(reader *r, int64_t *ret_offset)
{
	*ret_offset = 0;
	if (r->p == r->end || accept(r, 'Z') || accept(r, 'z')) return true;
	if (accept(r, ' ')) return accept(r, 'U') && accept(r, 'T') && accept(r, 'C');
	int64_t sign, h, m = 0;
	if (accept(r, '+'))
		sign = 1;
	else if (accept(r, '-'))
		sign = -1;
	else
		return false;
	if (!digits(r, 2, &h)) return false;
	if (r->p != r->end) {
		(void)accept(r, ':');
		if (!digits(r, 2, &m)) return false;
	}
	if (h > 23 || m > 59) return false;
	*ret_offset = sign * (h * 3600 + m * 60);
	return true;
}

static bool read_unix(const char *text, size_t n, int64_t *ret_time)
{
	if (n > 12) return false; // TIME_MAX has twelve digits
	int64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9') return false;
		v = v * 10 + (text[i] - '0');
	}
	if (v > TIME_MAX) return false;
	*ret_time = v;
	return true;
}

bool dp_time_parse(int64_t *ret_time, const char *text, size_t n)
{
	DP_CHECK(ret_time != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n == 0) return false;
	if (n < 5 || text[4] != '-') return read_unix(text, n, ret_time);
	reader r = {text, text + n};
	int64_t days, seconds = 0, offset = 0;
	if (!read_date(&r, &days)) return false;
	if (r.p != r.end) {
		if (!accept(&r, 'T') && !accept(&r, 't') && !accept(&r, ' ')) return false;
		if (!read_clock(&r, &seconds) || !read_zone(&r, &offset)) return false;
		if (r.p != r.end) return false;
	}
	int64_t t = days * 86400 + seconds - offset;
	if (t < 0 || t > TIME_MAX) return false;
	*ret_time = t;
	return true;
}

size_t dp_time_format(char out[DP_TIME_TEXT_MAX], int64_t time)
{
	DP_CHECK(out != NULL);
	int n;
	if (time < 0 || time > TIME_MAX) {
		// No date that we read or write; the plain number is still the truth.
		n = snprintf(out, DP_TIME_TEXT_MAX, "%lld", (long long)time);
	} else {
		int64_t y, m, d, s = time % 86400;
		civil_from_days(&y, &m, &d, time / 86400);
		n = snprintf(out, DP_TIME_TEXT_MAX, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lldZ",
		             (long long)y, (long long)m, (long long)d, (long long)(s / 3600),
		             (long long)(s / 60 % 60), (long long)(s % 60));
	}
	DP_CHECK(n > 0 && n < DP_TIME_TEXT_MAX);
	return (size_t)n;
}

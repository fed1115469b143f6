// The movements that tests of a technique are written in; see rule.h, docs/how-to/techniques.md.
//
//   0      victim -> thief 1000 eth $2.5m theft
//   1h     thief -> thief 90 steth swap 89.5 eth via uniswap
//   2h+10s thief -> w{1..40} 25 eth
//   1d     w{1..40} -> thorchain 25 eth bridge-out via thorchain
//
// One line is one transfer or, with a range, as many as the range has members; a range on both
// sides pairs them off. Words are split at spaces; there is nothing nested in it, so a line is read
// from left to right once.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "technique/rule_private.h"

enum { WORD_MAX = 40, LINE_MAX_BYTES = 200, TIME_MAX = 20 * 366 * 86400 };

typedef struct line_reader {
	const dp_tech_reader *r;
	const dp_yaml *at;
	const char *rest;
	char word[WORD_MAX + 1];
	size_t size; // of the word; 0: the line is over
} line_reader;

static dp_code bad(const line_reader *l, const char *what)
{
	return dp_fail_at(l->r->fault, DP_BAD_CASE, l->at->line, l->at->column,
	                  "%s; a movement is \"1h thief -> w{1..40} 25 eth $60k\"", what);
}

static dp_code next_word(line_reader *l)
{
	l->rest += strspn(l->rest, " ");
	l->size = strcspn(l->rest, " ");
	if (l->size > WORD_MAX) return bad(l, "a word is longer than 40 bytes");
	memcpy(l->word, l->rest, l->size);
	l->word[l->size] = 0;
	l->rest += l->size;
	return DP_OK;
}

static bool is_word(const line_reader *l, const char *word)
{
	return strcmp(l->word, word) == 0;
}

static dp_code read_time(line_reader *l, dp_test_move *m)
{
	DP_TRY(next_word(l));
	size_t plus = strcspn(l->word, "+");
	bool has_step = plus < l->size;
	if (!dp_number_parse(&m->time, DP_UNIT_SECONDS, l->word, plus) ||
	    (has_step &&
	     !dp_number_parse(&m->step, DP_UNIT_SECONDS, l->word + plus + 1, l->size - plus - 1)))
		return bad(l, "the line begins with its time since the theft, as 90, 10m or 1d6h, "
		              "and between members of a range: 1h+10s");
	if (m->time > TIME_MAX || m->step > TIME_MAX) return bad(l, "later than twenty years");
	return DP_OK;
}

static bool small_number(const char *text, size_t n, uint32_t *ret_value)
{
	int64_t value;
	if (n > 5 || !dp_number_parse(&value, DP_UNIT_COUNT, text, n)) return false;
	*ret_value = (uint32_t)value;
	return true;
}

// "name" or "name{1..40}".
static dp_code read_name(line_reader *l, const char **ret_name, bool *ret_range,
                         uint32_t *ret_first, uint32_t *ret_count)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	DP_TRY(next_word(l));
	size_t n = strspn(l->word, letters);
	uint32_t first = 0, last = 0;
	if (n == 0) return bad(l, "who pays and who is paid are names, with -> between them");
	if (n < l->size) {
		const char *open = l->word + n, *points = strstr(open, "..");
		if (open[0] != '{' || points == NULL || l->word[l->size - 1] != '}' ||
		    !small_number(open + 1, (size_t)(points - open - 1), &first) ||
		    !small_number(points + 2, (size_t)(l->word + l->size - 1 - (points + 2)),
		                  &last) ||
		    first > last || last - first >= DP_TECH_MOVES_MAX)
			return bad(l, "a range is written w{1..40}, of 10000 at most");
	}
	*ret_range = n < l->size;
	*ret_first = first;
	*ret_count = last - first + 1;
	*ret_name = dp_arena_text(l->r->arena, l->word, n);
	return *ret_name == NULL ? dp_tech_no_memory(l->r) : DP_OK;
}

// In billionths: digits, a point, nine digits at most.
static bool billionths(uint64_t *ret_value, const char *text, size_t n)
{
	uint64_t value = 0;
	uint32_t after = 0;
	bool has_point = false, has_digit = false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || (has_point && ++after > 9)) return false;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return false;
		has_digit = true;
	}
	for (; after < 9; after++)
		if (__builtin_mul_overflow(value, 10u, &value)) return false;
	*ret_value = value;
	return has_digit;
}

// "25 eth"
static dp_code read_amount(line_reader *l, uint64_t *ret_amount, const char **ret_asset)
{
	DP_TRY(next_word(l));
	if (!billionths(ret_amount, l->word, l->size))
		return bad(l, "an amount is a number of at most nine decimals, below 18 billion");
	DP_TRY(next_word(l));
	if (l->size == 0 || strspn(l->word, "abcdefghijklmnopqrstuvwxyz0123456789-") != l->size)
		return bad(l, "behind an amount stands its asset, in small letters: 25 eth");
	*ret_asset = dp_arena_text(l->r->arena, l->word, l->size);
	return *ret_asset == NULL ? dp_tech_no_memory(l->r) : DP_OK;
}

static dp_code read_kind(line_reader *l, dp_test_move *m)
{
	char what[120];
	for (uint32_t k = 0; k < DP_TR_KIND_COUNT; k++) {
		if (!is_word(l, dp_transfer_kind_name((dp_transfer_kind)k))) continue;
		if (m->kind != DP_TR_MOVE) return bad(l, "two kinds of movement");
		m->kind = (uint8_t)k;
		return k == DP_TR_SWAP ? read_amount(l, &m->out_amount, &m->out_asset) : DP_OK;
	}
	(void)snprintf(what, sizeof what, "'%s' is no kind of movement, $worth, via or old",
	               l->word);
	return bad(l, what);
}

static dp_code read_rest(line_reader *l, dp_test_move *m)
{
	int64_t worth;
	for (;;) {
		DP_TRY(next_word(l));
		if (l->size == 0) return DP_OK;
		if (l->word[0] == '$') {
			if (!dp_number_parse(&worth, DP_UNIT_CENTS, l->word, l->size))
				return bad(l, "a worth is written $500, $60k or $1.5m");
			m->worth = (uint64_t)worth;
		} else if (is_word(l, "old")) {
			m->is_old = true;
		} else if (is_word(l, "via")) {
			DP_TRY(next_word(l));
			if (l->size == 0) return bad(l, "`via` is of whom?");
			m->venue = dp_arena_text(l->r->arena, l->word, l->size);
			if (m->venue == NULL) return dp_tech_no_memory(l->r);
		} else {
			DP_TRY(read_kind(l, m));
		}
	}
}

static dp_code read_move(const dp_tech_reader *r, const dp_yaml *v, dp_test_move *m)
{
	line_reader l = {.r = r, .at = v, .rest = v->text};
	uint32_t from_count, to_count;
	DP_TRY(dp_tech_scalar(r, v, false));
	if (v->size > LINE_MAX_BYTES) return bad(&l, "the line is longer than 200 bytes");
	*m = (dp_test_move){.worth = DP_WORTH_NONE, .line = v->line, .column = v->column};
	DP_TRY(read_time(&l, m));
	DP_TRY(read_name(&l, &m->from, &m->from_range, &m->from_first, &from_count));
	DP_TRY(next_word(&l));
	if (!is_word(&l, "->")) return bad(&l, "between who pays and who is paid stands ->");
	DP_TRY(read_name(&l, &m->to, &m->to_range, &m->to_first, &to_count));
	if (m->from_range && m->to_range && from_count != to_count)
		return bad(&l, "ranges on both sides are of the same size: they are paired off");
	m->count = from_count > to_count ? from_count : to_count;
	if (m->time + m->step * (int64_t)m->count > TIME_MAX)
		return bad(&l, "later than twenty years");
	DP_TRY(read_amount(&l, &m->amount, &m->asset));
	return read_rest(&l, m);
}

dp_code dp_tech_read_moves(dp_tech_reader *r, const dp_yaml *v, dp_tech_test *io_test)
{
	if (v->kind != DP_YAML_LIST || v->size == 0)
		return dp_tech_wrong(r, v, "`moves` is a list of movements");
	if (v->size > DP_TECH_MOVES_MAX) return dp_tech_wrong(r, v, "more than 10000 movements");
	dp_test_move *move = dp_arena_alloc(r->arena, v->size * sizeof *move);
	if (move == NULL) return dp_tech_no_memory(r);
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		dp_test_move *at = &move[io_test->move_count];
		DP_TRY(read_move(r, m, at));
		io_test->move_count++;
		io_test->transfer_count += at->count;
		if (io_test->transfer_count > DP_TECH_MOVES_MAX)
			return dp_tech_wrong(r, m, "more than 10000 movements, ranges written out");
	}
	io_test->move = move;
	return DP_OK;
}

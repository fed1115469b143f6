// amlworld.h: rows of both files as they are published, what is not a row and why, places of
// faults, and that what cannot be read is not taken for something else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "technique/amlworld.h"

#define HEADER                                                                                     \
	"Timestamp,From Bank,Account,To Bank,Account,Amount Received,Receiving Currency,"          \
	"Amount Paid,Payment Currency,Payment Format,Is Laundering\n"
#define ROW "2022/09/01 00:06,021174,800737690,012,80011F990,2848.96,Euro,2848.96,Euro,ACH,1\n"

typedef struct feed {
	const char *text;
	size_t size, at;
} feed;

static dp_code feed_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	(void)fault;
	feed *f = context;
	size_t n = f->size - f->at < size ? f->size - f->at : size;
	if (n > 7) n = 7; // in pieces
	memcpy(buffer, f->text + f->at, n);
	f->at += n;
	*ret_size = n;
	return DP_OK;
}

static feed source;
static dp_aml_reader reader;

static void open_text(const char *text)
{
	source = (feed){.text = text, .size = strlen(text)};
	reader = (dp_aml_reader){.csv = {.read = feed_read, .context = &source}};
}

static dp_aml_record next(void)
{
	dp_aml_record r = {.line = 0};
	dp_fault fault = {.text = ""};
	dp_code code = dp_aml_next(&reader, &r, &fault);
	if (code != DP_OK) printf("# %u: %s\n", fault.line, fault.text);
	assert_int_equal(code, DP_OK);
	return r;
}

static void ends(void)
{
	dp_aml_record r;
	assert_int_equal(dp_aml_next(&reader, &r, NULL), DP_END);
	dp_aml_done(&reader);
	assert_int_equal(dp_mem_live(), 0);
}

static void a_row_is_read_exactly(void **state)
{
	(void)state;
	open_text(HEADER ROW);
	dp_aml_record r = next();
	assert_int_equal(r.kind, DP_AML_ROW);
	assert_int_equal(r.line, 2);
	assert_int_equal(r.time, 1661990760); // date -u -d '2022-09-01 00:06' +%s
	assert_true(r.paid == 2848960000 && r.received == 2848960000);
	assert_int_equal(r.paid_asset, 1);
	assert_int_equal(r.received_asset, 1);
	assert_string_equal(reader.currency[0], "Euro");
	assert_string_equal(r.format, "ACH");
	assert_true(r.is_laundering);
	assert_true(r.from_key != r.to_key && r.from_key != 0);
	dp_transfer t = dp_aml_transfer(&r, 3, 4, 5);
	assert_true(t.src == 3 && t.dst == 4 && t.tx == 5 && t.ref == 2 && t.asset == 1);
	assert_true(t.amount == 2848960000 && t.time == r.time && t.loot == 0);
	assert_true(t.kind == DP_TR_MOVE && t.worth_high == DP_WORTH_NONE);
	ends();
}

static void banks_are_numbers_and_part_of_the_account(void **state)
{
	(void)state;
	open_text("2022/09/01 00:06,021174,A1,12,A1,1,Euro,1,Euro,ACH,0\n"
	          "2022/09/01 00:06,21174,A1,000012,A1,1,Euro,2,Bitcoin,ACH,0\n");
	dp_aml_record a = next(), b = next();
	assert_true(a.from_key == b.from_key && a.to_key == b.to_key && a.from_key != a.to_key);
	assert_true(b.received_asset == 1 && b.paid_asset == 2);
	assert_false(a.is_laundering);
	ends();
}

static void attempts_have_names_and_sometimes_a_note(void **state)
{
	(void)state;
	open_text("BEGIN LAUNDERING ATTEMPT - FAN-OUT:  Max 16-degree Fan-Out\n" ROW
	          "END LAUNDERING ATTEMPT - FAN-OUT\n\n"
	          "BEGIN LAUNDERING ATTEMPT - GATHER-SCATTER\r\n" ROW
	          "END LAUNDERING ATTEMPT - GATHER-SCATTER\r\n");
	dp_aml_record r = next();
	assert_int_equal(r.kind, DP_AML_BEGIN);
	assert_int_equal(r.attempt, DP_AML_FAN_OUT);
	assert_string_equal(r.note, "Max 16-degree Fan-Out");
	assert_int_equal(next().kind, DP_AML_ROW);
	r = next();
	assert_int_equal(r.kind, DP_AML_END);
	r = next();
	assert_int_equal(r.line, 5);
	assert_int_equal(r.attempt, DP_AML_GATHER_SCATTER);
	assert_string_equal(r.note, "");
	assert_int_equal(next().kind, DP_AML_ROW);
	assert_int_equal(next().kind, DP_AML_END);
	ends();
}

static void attempts_are_called_as_the_typologies(void **state)
{
	(void)state;
	static const char *const name[] = {"FAN-OUT",        "FAN-IN", "SCATTER-GATHER",
	                                   "GATHER-SCATTER", "CYCLE",  "BIPARTITE",
	                                   "STACK",          "RANDOM"};
	for (uint32_t i = 0; i < DP_AML_ATTEMPT_COUNT; i++) {
		char text[160];
		(void)snprintf(text, sizeof text,
		               "BEGIN LAUNDERING ATTEMPT - %s\nEND LAUNDERING ATTEMPT - %s\n",
		               name[i], name[i]);
		open_text(text);
		assert_int_equal(next().attempt, i);
		assert_int_equal(next().attempt, i);
		ends();
		assert_int_equal(strlen(dp_aml_attempt_name((dp_aml_attempt)i)), strlen(name[i]));
	}
}

static void bad_lines_are_told_with_their_line_and_passed_over(void **state)
{
	(void)state;
	static const struct {
		const char *line, *says;
	} bad[] = {
	    {"2022/09/01 00:06,1,A,2,B,1,Euro,1,Euro,ACH\n", "10 fields"},
	    {"2022-09-01 00:06,1,A,2,B,1,Euro,1,Euro,ACH,1\n", "Timestamp"},
	    {"2022/02/29 00:06,1,A,2,B,1,Euro,1,Euro,ACH,1\n", "Timestamp"},
	    {"2022/13/01 00:06,1,A,2,B,1,Euro,1,Euro,ACH,1\n", "Timestamp"},
	    {"2022/09/01 24:00,1,A,2,B,1,Euro,1,Euro,ACH,1\n", "Timestamp"},
	    {"2022/09/01 00:06,x1,A,2,B,1,Euro,1,Euro,ACH,1\n", "From Bank \"x1\""},
	    {"2022/09/01 00:06,1,A,1234567890,B,1,Euro,1,Euro,ACH,1\n", "To Bank"},
	    {"2022/09/01 00:06,1,,2,B,1,Euro,1,Euro,ACH,1\n", "Account"},
	    {"2022/09/01 00:06,1,A,2,B,-1,Euro,1,Euro,ACH,1\n", "Amount Received \"-1\""},
	    {"2022/09/01 00:06,1,A,2,B,1,Euro,0.0000001,Euro,ACH,1\n", "Amount Paid"},
	    {"2022/09/01 00:06,1,A,2,B,1,Euro,18446744073710,Euro,ACH,1\n", "Amount Paid"},
	    {"2022/09/01 00:06,1,A,2,B,1,Euro,1,,ACH,1\n", "Payment Currency"},
	    {"2022/09/01 00:06,1,A,2,B,1,Euro,1,Euro,ACH,2\n", "Is Laundering \"2\""},
	    {"BEGIN LAUNDERING ATTEMPT - SPIRAL\n", "no pattern is called \"SPIRAL\""},
	    {"END LAUNDERING ATTEMPT - CYCLE\n", "has not begun"},
	    {"Timestamp\n", "1 fields"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[512];
		(void)snprintf(text, sizeof text, "%s%s%s", ROW, bad[i].line, ROW);
		open_text(text);
		next();
		dp_aml_record r = {.line = 77};
		dp_fault fault;
		assert_int_equal(dp_aml_next(&reader, &r, &fault), DP_BAD_BYTES);
		assert_int_equal(r.line, 77); // nothing is written on failure
		assert_int_equal(fault.line, 2);
		if (strstr(fault.text, bad[i].says) == NULL) printf("# %s\n", fault.text);
		assert_non_null(strstr(fault.text, bad[i].says));
		assert_int_equal(next().line, 3);
		ends();
	}
}

static void attempts_must_end_as_they_began(void **state)
{
	(void)state;
	dp_aml_record r;
	dp_fault fault;
	open_text("BEGIN LAUNDERING ATTEMPT - CYCLE\n" ROW "END LAUNDERING ATTEMPT - STACK\n");
	next();
	next();
	assert_int_equal(dp_aml_next(&reader, &r, &fault), DP_BAD_BYTES);
	assert_string_equal(fault.text, "STACK ends, but what began in line 1 is CYCLE");
	ends();
	open_text("BEGIN LAUNDERING ATTEMPT - CYCLE\nBEGIN LAUNDERING ATTEMPT - STACK\n");
	next();
	assert_int_equal(dp_aml_next(&reader, &r, &fault), DP_BAD_BYTES);
	assert_int_equal(fault.line, 2);
	assert_int_equal(dp_aml_next(&reader, &r, &fault), DP_BAD_BYTES); // and STACK does not end
	assert_non_null(strstr(fault.text, "does not end"));
	ends();
}

static void currencies_have_a_maximum(void **state)
{
	(void)state;
	static char text[DP_AML_CURRENCIES_MAX * 80 + 160];
	size_t n = 0;
	for (uint32_t i = 0; i <= DP_AML_CURRENCIES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		                      "2022/09/01 00:06,1,A,2,B,1,C%u,1,C%u,ACH,1\n", i, i);
	open_text(text);
	for (uint32_t i = 0; i < DP_AML_CURRENCIES_MAX; i++)
		assert_int_equal(next().paid_asset, i + 1);
	dp_aml_record r;
	dp_fault fault;
	assert_int_equal(dp_aml_next(&reader, &r, &fault), DP_LIMIT);
	assert_int_equal(fault.line, DP_AML_CURRENCIES_MAX + 1);
	ends();
}

static void lack_of_memory_is_said(void **state)
{
	(void)state;
	for (int64_t after = 0; after < 4; after++) {
		open_text(HEADER ROW);
		dp_aml_record r;
		dp_mem_fail_after(after);
		dp_code code = dp_aml_next(&reader, &r, NULL);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		dp_aml_done(&reader);
		assert_int_equal(dp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_is_read_exactly),
	    cmocka_unit_test(banks_are_numbers_and_part_of_the_account),
	    cmocka_unit_test(attempts_have_names_and_sometimes_a_note),
	    cmocka_unit_test(attempts_are_called_as_the_typologies),
	    cmocka_unit_test(bad_lines_are_told_with_their_line_and_passed_over),
	    cmocka_unit_test(attempts_must_end_as_they_began),
	    cmocka_unit_test(currencies_have_a_maximum),
	    cmocka_unit_test(lack_of_memory_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

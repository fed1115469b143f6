// What `dyepack ledger tx` prints of notes: who logged what, and text that a stranger wrote, which
// cannot leave its line.
// Covers: cli/ledger_note.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/ledger_command.h"

static dp_block_builder builder;

static void start(const char *chain)
{
	dp_fault fault;
	dp_tx *tx;
	dp_builder_start(&builder, dp_chain_find(chain, strlen(chain)), 1, 2);
	assert_int_equal(dp_builder_tx(&builder, &tx, &fault), DP_OK);
}

static dp_note *add(dp_note_kind kind, const void *data, size_t size)
{
	dp_note *n;
	dp_fault fault;
	assert_int_equal(dp_builder_note(&builder, &n, data, size, &fault), DP_OK);
	n->kind = (uint8_t)kind;
	return n;
}

// What is printed of the last note.
static const char *printed(bool json)
{
	static char text[20000];
	FILE *kept = tmpfile();
	assert_non_null(kept);
	fflush(stdout);
	int out = dup(STDOUT_FILENO);
	assert_true(out >= 0 && dup2(fileno(kept), STDOUT_FILENO) >= 0);
	const dp_note *n = &builder.block.note[builder.block.note_count - 1];
	if (json) {
		dp_fault fault;
		dp_json_out o = dp_cli_json(&fault);
		dp_cli_note_json(&o, &builder.block, n);
		assert_int_equal(dp_json_finish(&o), DP_OK);
	} else {
		dp_cli_note_text(&builder.block, n);
	}
	fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	close(out);
	rewind(kept);
	text[fread(text, 1, sizeof text - 1, kept)] = 0;
	fclose(kept);
	return text;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL) fail_msg("\"%s\" is not in: %s", part, text);
}

static void a_log_says_its_event_its_contract_and_its_memo(void **state)
{
	(void)state;
	static const char event[] = "Deposit(address,address,uint256,string)";
	uint8_t data[160] = {[31] = 7, [63] = 64, [95] = 9};
	memcpy(data + 96, "=:BTC:abc", 9);
	start("ethereum");
	dp_note *n = add(DP_NOTE_LOG, data, sizeof data);
	uint32_t count;
	const dp_note_topic *row = dp_note_topics(&count);
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(row[i].event, event) == 0) memcpy(n->topic[0], row[i].topic, 32);
	n->topic_count = 1;
	n->at = 5;
	memset(n->place, 0x11, 20);
	const char *text = printed(false);
	has(text, event);
	has(text, "(thorchain) at 0x1111111111111111111111111111111111111111, number 5, 160 bytes");
	has(text, "\"=:BTC:abc\"\n");
	text = printed(true);
	has(text, "\"kind\": \"log\"");
	has(text, event);
	has(text, "\"memo\": \"=:BTC:abc\"");
	n->topic[0][0] ^= 1;
	has(printed(false), "event 0x");
}

static void a_memo_cannot_leave_its_line(void **state)
{
	(void)state;
	start("bitcoin");
	dp_note *n = add(DP_NOTE_OUTPUT, "=:ETH\n\x1b[2J\"\\", 12);
	n->at = 2;
	assert_string_equal(printed(false),
	                    "  output   2, 12 bytes, \"=:ETH\\x0a\\x1b[2J\\x22\\x5c\"\n");
}

static void prices_and_nominal_amounts_are_numbers(void **state)
{
	(void)state;
	uint8_t data[52] = {[30] = 1, [31] = 2};
	memset(data + 32, 0x22, 20);
	start("ethereum");
	add(DP_NOTE_GAS, data, sizeof data);
	has(printed(false), ", 258 a unit, paid by 0x2222222222222222222222222222222222222222");
	dp_note *n = add(DP_NOTE_NOMINAL, data, 32);
	n->at = 3;
	has(printed(false), "nominal  of movement 3, 258");
	// Of any size, whoever made them.
	add(DP_NOTE_GAS, data, 3);
	has(printed(false), "gas     , 3 bytes");
	uint8_t *large = calloc(1, 5000);
	assert_non_null(large);
	add(DP_NOTE_INPUT, large, 5000);
	has(printed(false), "5000 bytes, cut at 4096");
	free(large);
}

static int done(void **state)
{
	(void)state;
	dp_builder_done(&builder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_log_says_its_event_its_contract_and_its_memo),
	    cmocka_unit_test(a_memo_cannot_leave_its_line),
	    cmocka_unit_test(prices_and_nominal_amounts_are_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}

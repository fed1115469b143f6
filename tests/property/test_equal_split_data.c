// A real one: the native movements of incidents/bybit-2025-02. The typology must find the splits
// that were published, 40 times 10,000 ETH by the main receiver and 9 times by the wallet with what
// the staked ether was sold for, with just those transactions and times; and no other.
// Covers: technique/typology_equal_split.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/moves.h"
#include "technique/typologies.h"

enum { ROWS_MAX = 1000, LINE_MAX_BYTES = 1000, CELLS = 12 };
enum { TIME = 1, TX = 2, KIND = 4, FROM = 5, TO = 6, AMOUNT = 9, STATUS = 10 };

typedef struct row {
	char tx[67], from[43], to[43];
	int64_t time;
	uint64_t amount;
} row;

static row rows[ROWS_MAX];
static uint32_t row_count;

static uint32_t cells(char *line, char *ret_cell[CELLS])
{
	uint32_t n = 0;
	for (char *at = line; at != NULL && n < CELLS;) ret_cell[n++] = strsep(&at, ",");
	return n;
}

static int64_t time_of(const char *text)
{
	struct tm tm = {0};
	assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm));
	return timegm(&tm);
}

// Ether in billionths; digits beyond are cut.
static uint64_t amount_of(const char *text)
{
	char *end;
	uint64_t amount = strtoull(text, &end, 10);
	uint32_t places = 0;
	if (*end == '.')
		for (end++; *end != 0 && places < 9; end++, places++)
			amount = amount * 10 + (uint64_t)(*end - '0');
	for (; places < 9; places++) amount *= 10;
	return amount;
}

static void read_rows(void)
{
	char line[LINE_MAX_BYTES];
	FILE *file = fopen("incidents/bybit-2025-02/movements.csv", "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file));
	while (fgets(line, sizeof line, file) != NULL) {
		char *cell[CELLS];
		if (cells(line, cell) <= STATUS || strcmp(cell[KIND], "native") != 0) continue;
		if (strcmp(cell[STATUS], "ok") != 0 || amount_of(cell[AMOUNT]) == 0) continue;
		assert_true(row_count < ROWS_MAX);
		row *r = &rows[row_count++];
		snprintf(r->tx, sizeof r->tx, "%s", cell[TX]);
		snprintf(r->from, sizeof r->from, "%s", cell[FROM]);
		snprintf(r->to, sizeof r->to, "%s", cell[TO]);
		r->time = time_of(cell[TIME]);
		r->amount = amount_of(cell[AMOUNT]);
	}
	fclose(file);
}

static uint64_t key_of(const char *address)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);
	for (; *address != 0; address++) key = (key ^ (uint8_t)*address) * 0x100000001b3;
	return key;
}

static void feed(dp_mine *m, uint32_t no)
{
	dp_fault fault;
	dp_edge e;
	const row *r = &rows[no];
	bool same = no > 0 && strcmp(r->tx, rows[no - 1].tx) == 0;
	static uint32_t tx;
	tx += !same;
	dp_transfer t = {.tx = tx,
	                 .time = r->time,
	                 .asset = 1,
	                 .amount = r->amount,
	                 .flags = DP_TRF_NATIVE,
	                 .worth_high = DP_WORTH_NONE,
	                 .ref = no};
	assert_int_equal(dp_mine_node(m, &t.src, key_of(r->from), DP_NODE_WALLET, &fault), DP_OK);
	assert_int_equal(dp_mine_node(m, &t.dst, key_of(r->to), DP_NODE_WALLET, &fault), DP_OK);
	assert_int_equal(dp_mine_feed(m, &e, &t, &fault), DP_OK);
}

// The finding of the wallet: its transactions are the payments of 10,000 ETH in the file, all and
// only they.
static void is_split(const dp_mine *m, uint32_t finding, const char *wallet, uint32_t parts,
                     const char *first, const char *last)
{
	const dp_finding *f = dp_mine_finding(m, finding);
	const dp_mine_edge *ev = dp_mine_evidence(m, finding);
	assert_int_equal(f->anchor_key, key_of(wallet));
	assert_int_equal(t_moves_fact(m, f, "k"), parts);
	assert_int_equal(t_moves_fact(m, f, "round"), 1);
	assert_int_equal(t_moves_fact(m, f, "exact"), 1);
	assert_int_equal(t_moves_fact(m, f, "amount"), 10000 * T_COIN);
	assert_int_equal(t_moves_fact(m, f, "span"), time_of(last) - time_of(first));
	assert_int_equal(f->time_first, time_of(first));
	assert_int_equal(f->time_last, time_of(last));
	assert_int_equal(f->evidence_count, parts);
	uint32_t n = 0;
	for (uint32_t i = 0; i < row_count; i++) {
		if (strcmp(rows[i].from, wallet) != 0 || rows[i].amount != 10000 * T_COIN) continue;
		assert_true(n < parts);
		assert_int_equal(ev[n++].ref, i);
	}
	assert_int_equal(n, parts);
	print_message("%s: %u times 10,000 ETH in %lld s, %lld ppm of what it had, score %u\n",
	              wallet, parts, (long long)t_moves_fact(m, f, "span"),
	              (long long)t_moves_fact(m, f, "share"), f->score);
}

static void bybit_was_split_in_40_and_9(void **state)
{
	(void)state;
	dp_mine *m = t_moves_mine(&dp_typology_equal_split, false);
	read_rows();
	assert_int_equal(row_count, 182);
	for (uint32_t i = 0; i < row_count; i++) feed(m, i);
	assert_int_equal(t_moves_count(m), 2);
	is_split(m, 0, "0x47666fab8bd0ac7003bce3f5c3585383f09486e2", 40, "2025-02-21T14:56:11Z",
	         "2025-02-21T15:54:23Z");
	is_split(m, 1, "0xdd90071d52f20e85c89802e5dc1ec0a7b6475f92", 9, "2025-02-21T16:04:23Z",
	         "2025-02-21T16:05:11Z");
	dp_mine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bybit_was_split_in_40_and_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Post-mix transactions of the real world: how many of them undo a mix. All files of a protocol,
// rounds and what came after, are fed in order of time, as a chain would bring them; printed are
// the rounds, what became of their outputs, and the findings.
//
// The collection is a sample, and a part of it is held back: most transactions of the post-mix
// files spend outputs of rounds that are not in it. So a second count, by the files alone, takes
// each transaction that several inputs of one value in `postmix` come from for a round. It says
// what could be found with the whole chain; the first says what was.
//
// Covers: shape/postmix.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/input.h"
#include "shape/postmix.h"
#include "support/shapes.h"

enum { TEXT_MAX = 256 << 20, FILES_MAX = 3, SCRIPT_MAX = 20000 };

typedef struct line {
	char *text; // as in the file
	int64_t time;
	uint32_t index; // in its block
	bool is_postmix;
} line;

typedef struct lines {
	line *line;
	uint32_t count, cap;
	char *text[FILES_MAX];
} lines;

static char *load(const char *path, size_t *ret_size)
{
	dp_input *in;
	uint8_t *bytes;
	dp_fault fault;
	if (dp_input_open(&in, path, &fault) != DP_OK) fail_msg("%s: %s", path, fault.text);
	if (dp_input_read_all(in, &bytes, ret_size, TEXT_MAX, &fault) != DP_OK)
		fail_msg("%s: %s", path, fault.text);
	dp_input_close(in);
	char *text = malloc(*ret_size + 1);
	assert_non_null(text);
	memcpy(text, bytes, *ret_size);
	text[*ret_size] = '\0';
	dp_free(bytes);
	return text;
}

static const char *field(const char *text, int n)
{
	for (; n > 0; n--) {
		text = strstr(text, ":::");
		assert_non_null(text);
		text += 3;
	}
	return text;
}

static bool add_file(lines *l, int at, const char *name)
{
	char path[4096], file[200];
	(void)snprintf(file, sizeof file, "data/coinjoin/%s.txt.zst", name);
	if (!t_shared(path, file)) return false;
	size_t size;
	l->text[at] = load(path, &size);
	for (char *at_line = l->text[at], *next; *at_line != '\0'; at_line = next) {
		next = strchr(at_line, '\n');
		if (next != NULL) *next++ = '\0';
		if (next == NULL) next = at_line + strlen(at_line);
		if (*at_line == '\0' || *at_line == '#') continue;
		if (l->count == l->cap) {
			l->cap = 2 * l->cap + 1024;
			l->line = realloc(l->line, l->cap * sizeof *l->line);
			assert_non_null(l->line);
		}
		l->line[l->count++] =
		    (line){.text = at_line,
		           .time = strtoll(field(at_line, 3), NULL, 10),
		           .index = (uint32_t)strtoul(field(at_line, 2), NULL, 10),
		           .is_postmix = strstr(name, "postmix") != NULL};
	}
	return true;
}

static int compare_lines(const void *a, const void *b)
{
	const line *x = a, *y = b;
	if (x->time != y->time) return x->time < y->time ? -1 : 1;
	if (x->index != y->index) return x->index < y->index ? -1 : 1;
	return strncmp(x->text, y->text, 64);
}

static void read_txid(uint8_t ret[32], const char *text)
{
	char digits[65] = {0};
	uint8_t bytes[32];
	memcpy(digits, text, 64);
	assert_true(dp_hex_decode(bytes, 32, digits));
	for (int i = 0; i < 32; i++) ret[i] = bytes[31 - i];
}

// "value+script+type" into a row; where the next one begins, or NULL.
static const char *read_end(dp_movement *m, const char *at, bool is_input)
{
	static uint8_t script[SCRIPT_MAX];
	static char digits[2 * SCRIPT_MAX + 1];
	char *after;
	m->amount = dp_u256_of(strtoull(at, &after, 10));
	assert_true(*after == '+');
	const char *end = strchr(after + 1, '+');
	assert_non_null(end);
	size_t n = (size_t)(end - after - 1);
	assert_true(n % 2 == 0 && n < sizeof digits);
	memcpy(digits, after + 1, n);
	digits[n] = '\0';
	assert_true(dp_hex_decode(script, n / 2, digits));
	dp_addr a = dp_addr_from_script(script, n / 2);
	*(is_input ? &m->from : &m->to) = a;
	const char *next = strstr(end, "}{"), *field_end = strstr(end, ":::");
	if (next == NULL || (field_end != NULL && field_end < next)) return NULL;
	return next + 2;
}

static const dp_block *block_of(dp_block_builder *b, const line *l)
{
	const dp_chain *chain = dp_chain_find("bitcoin", 7);
	dp_asset btc = dp_asset_native(chain);
	dp_tx *tx;
	dp_movement *m;
	dp_builder_start(b, chain, 1, l->time);
	assert_int_equal(dp_builder_tx(b, &tx, NULL), DP_OK);
	read_txid(tx->id, l->text);
	for (const char *at = field(l->text, 4); at != NULL;) {
		assert_int_equal(dp_builder_movement(b, &m, NULL), DP_OK);
		m->kind = DP_MV_INPUT;
		m->asset = btc;
		read_txid(m->spent.txid, at);
		m->spent.vout = (uint32_t)strtoul(at + 65, NULL, 10);
		at = strchr(at + 65, '-');
		assert_non_null(at);
		at = read_end(m, at + 1, true);
	}
	for (const char *at = field(l->text, 5); at != NULL;) {
		assert_int_equal(dp_builder_movement(b, &m, NULL), DP_OK);
		m->kind = DP_MV_OUTPUT;
		m->asset = btc;
		at = read_end(m, at, false);
	}
	const dp_block *block;
	dp_fault fault;
	assert_int_equal(dp_builder_finish(b, &block, &fault), DP_OK);
	return block;
}

// By the transaction alone: are two of its inputs outputs of one transaction, of one value?
static bool takes_twins(const dp_block *b)
{
	for (uint32_t i = 0; i < b->mv_count; i++)
		for (uint32_t k = 0; k < i; k++) {
			const dp_movement *x = &b->mv[i], *y = &b->mv[k];
			if (x->kind != DP_MV_INPUT || y->kind != DP_MV_INPUT) continue;
			if (!dp_u256_eq(x->amount, y->amount)) continue;
			if (memcmp(x->spent.txid, y->spent.txid, 32) == 0) return true;
		}
	return false;
}

typedef struct totals {
	uint64_t postmix, mixes, twins, undoing, findings, sure, two, worst;
} totals;

static void follow(totals *ret, dp_postmix_counts *ret_counts, lines *l, uint32_t room)
{
	dp_block_builder builder = {0};
	dp_postmix *p;
	totals t = {.worst = UINT32_MAX};
	assert_int_equal(dp_postmix_new(&p, room, NULL), DP_OK);
	dp_shaper shaper = {0};
	for (uint32_t i = 0; i < l->count; i++) {
		// Some rows stand in two files.
		if (i > 0 && memcmp(l->line[i].text, l->line[i - 1].text, 64) == 0) continue;
		const dp_block *b = block_of(&builder, &l->line[i]);
		const dp_postmix_finding *f;
		const dp_shape *shape;
		uint32_t n;
		bool is;
		assert_int_equal(dp_shape_of(&shaper, &shape, b, 0, NULL), DP_OK);
		assert_int_equal(dp_coinjoin_is(&shaper, &is, shape, NULL), DP_OK);
		assert_int_equal(dp_postmix_feed(p, &f, &n, b, 0, DP_CJ_KIND_COUNT, NULL), DP_OK);
		if (is) assert_int_equal(n, 0);
		t.mixes += is;
		if (l->line[i].is_postmix && !is) {
			t.postmix++;
			t.twins += takes_twins(b);
			t.undoing += n > 0;
		}
		for (uint32_t k = 0; k < n; k++) {
			t.findings++;
			t.sure += f[k].confidence >= 60;
			t.two += f[k].outputs == 2;
			if (f[k].hands_left < t.worst) t.worst = f[k].hands_left;
			assert_true(f[k].outputs <= f[k].round_outputs);
			assert_true(f[k].hands_left >= 1 && f[k].round_outputs >= 2);
		}
	}
	dp_postmix_counted(p, ret_counts);
	dp_postmix_free(p);
	dp_shaper_done(&shaper);
	dp_builder_done(&builder);
	*ret = t;
}

static bool read_all(lines *l, const char *const names[FILES_MAX])
{
	bool is_there = true;
	for (int i = 0; i < FILES_MAX && names[i] != NULL && is_there; i++)
		is_there = add_file(l, i, names[i]);
	if (is_there) qsort(l->line, l->count, sizeof *l->line, compare_lines);
	return is_there;
}

static void done(lines *l)
{
	for (int i = 0; i < FILES_MAX; i++) free(l->text[i]);
	free(l->line);
}

static void tell(const char *name, const totals *t, const dp_postmix_counts *c)
{
	printf("  %s: %d transactions, %d rounds with %d equal outputs: %d remixed, %d spent "
	       "alone, %d together\n",
	       name, (int)c->transactions, (int)c->rounds, (int)c->outputs, (int)c->outputs_remixed,
	       (int)c->outputs_alone, (int)c->outputs_together);
	printf("    post-mix transactions that are no rounds: %d, spending equal outputs of one "
	       "transaction: %d, undoing a round of the collection: %d\n",
	       (int)t->postmix, (int)t->twins, (int)t->undoing);
	printf("    findings: %d, of them sure enough (60 or more): %d, of two outputs: %d, "
	       "fewest hands left: %d\n",
	       (int)t->findings, (int)t->sure, (int)t->two, t->findings == 0 ? 0 : (int)t->worst);
}

// Bounds around what was measured, so that a change shows.
static const struct {
	const char *name;
	const char *files[FILES_MAX];
	uint32_t undoing_min, undoing_max, twins_min, twins_max;
} sets[] = {
    {"whirlpool", {"whirlpool-mix", "whirlpool-tx0", "whirlpool-postmix"}, 0, 2, 5, 15},
    {"wasabi 1", {"wasabi1-mix", "wasabi1-postmix", NULL}, 0, 2, 0, 5},
    {"wasabi 2", {"wasabi2-mix", "wasabi2-postmix", NULL}, 3, 6, 10, 20},
    {"joinmarket", {"joinmarket-mix", "joinmarket-postmix", NULL}, 0, 5, 70, 130},
};

static void consolidations_that_undo_a_mix_are_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		lines l = {0};
		if (!read_all(&l, sets[i].files)) {
			done(&l);
			skip();
		}
		totals t;
		dp_postmix_counts c;
		follow(&t, &c, &l, 1 << 20);
		tell(sets[i].name, &t, &c);
		assert_int_equal(c.findings, t.findings);
		assert_int_equal(c.rounds, t.mixes);
		assert_int_equal(c.outputs_forgotten + c.rounds_left_out, 0);
		assert_true(t.undoing >= sets[i].undoing_min && t.undoing <= sets[i].undoing_max);
		assert_true(t.twins >= sets[i].twins_min && t.twins <= sets[i].twins_max);
		done(&l);
	}
}

// With little room old rounds are forgotten, so fewer are found, and nothing else happens.
static void little_room_finds_less(void **state)
{
	(void)state;
	lines l = {0};
	if (!read_all(&l, sets[2].files)) {
		done(&l);
		skip();
	}
	totals all, some;
	dp_postmix_counts c, less;
	follow(&all, &c, &l, 1 << 20);
	follow(&some, &less, &l, 1000);
	assert_true(less.outputs_forgotten > 0 && some.findings <= all.findings);
	assert_int_equal(less.rounds, c.rounds);
	done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(consolidations_that_undo_a_mix_are_counted),
	    cmocka_unit_test(little_room_finds_less),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

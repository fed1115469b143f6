// See ledger_ask.h.
#include "bench/ledger_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/mem.h"

enum { PATH_SIZE = 4096, LINE = 256, FILE_BUFFER = 1 << 20, LATE = 3 };

enum { EDGE_SRC, EDGE_DST, ROW_SRC, ROW_DST, ROW_TX, ROW_CLASS, ROW_LOW, ROW_HIGH, TX_ID, COLUMNS };

typedef struct exporting {
	FILE *column[COLUMNS];
	uint32_t address_count;
	uint64_t spread; // an odd factor without a common divisor with the count
	uint8_t *is_asked;
	uint32_t tx;          // of the whole ledger
	uint64_t edges, rows; // rows: of those asked for
	uint64_t theft_edge;
	uint32_t thief;
} exporting;

static FILE *create(const char *folder, const char *name)
{
	char path[PATH_SIZE];
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	FILE *f = fopen(path, "wb");
	DP_CHECK(f != NULL);
	DP_CHECK(setvbuf(f, NULL, _IOFBF, FILE_BUFFER) == 0);
	return f;
}

static void put(FILE *f, const void *bytes, size_t n)
{
	DP_CHECK(fwrite(bytes, 1, n, f) == n);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t r = a % b;
		a = b;
		b = r;
	}
	return a;
}

static uint32_t spread(const exporting *x, uint32_t number)
{
	if (number == LG_NOBODY) return LG_NOBODY;
	return (uint32_t)(number * x->spread % x->address_count);
}

// An edge is a transfer of the native coin that is not a fee.
static void put_edge(exporting *x, const dp_movement *mv, uint32_t from, uint32_t to,
                     dp_asset native)
{
	if (mv->kind == DP_MV_FEE || mv->asset.v != native.v) return;
	if (from == LG_NOBODY || to == LG_NOBODY || dp_u256_is_zero(mv->amount)) return;
	put(x->column[EDGE_SRC], &from, sizeof from);
	put(x->column[EDGE_DST], &to, sizeof to);
	x->edges++;
}

static void put_block(exporting *x, const lg_big *g, const dp_block *b)
{
	dp_asset native = dp_asset_native(b->chain);
	for (uint32_t t = 0; t < b->tx_count; t++, x->tx++) {
		put(x->column[TX_ID], b->tx[t].id, 32);
		for (uint32_t i = b->tx[t].mv_first; i < b->tx[t].mv_first + b->tx[t].mv_count;
		     i++) {
			const dp_movement *mv = &b->mv[i];
			uint32_t from = lg_from(g)[i], to = lg_to(g)[i];
			if (from != LG_NOBODY) x->rows += x->is_asked[from];
			if (to != LG_NOBODY && to != from) x->rows += x->is_asked[to];
			// The thief's first ether is its own; the second is the theft.
			if (to == lg_thief(g) && dp_u256_fits64(mv->amount) == false &&
			    x->theft_edge == UINT64_MAX)
				x->theft_edge = x->edges;
			from = spread(x, from);
			to = spread(x, to);
			put_edge(x, mv, from, to, native);
			uint8_t class = (uint8_t)(mv->kind * 16 + mv->asset.v % 16);
			put(x->column[ROW_SRC], &from, sizeof from);
			put(x->column[ROW_DST], &to, sizeof to);
			put(x->column[ROW_TX], &x->tx, sizeof x->tx);
			put(x->column[ROW_CLASS], &class, sizeof class);
			put(x->column[ROW_LOW], &mv->amount.w[0], 8);
			put(x->column[ROW_HIGH], &mv->amount.w[1], 8);
		}
	}
}

// Every address's bytes, in the order of the numbers that the peers know.
static void put_names(const exporting *x, const char *folder, const lg_big *g)
{
	uint8_t *all = dp_alloc((uint64_t)x->address_count * 20);
	DP_CHECK(all != NULL);
	for (uint32_t i = 0; i < x->address_count; i++) {
		dp_addr a = lg_address(g, i);
		memcpy(all + (uint64_t)spread(x, i) * 20, a.bytes, 20);
	}
	FILE *f = create(folder, "address.b20");
	put(f, all, (uint64_t)x->address_count * 20);
	DP_CHECK(fclose(f) == 0);
	dp_free(all);
}

static void put_question(const exporting *x, const char *folder, const lg_big *g,
                         const la_asked *asked)
{
	FILE *f = create(folder, "ask.u32");
	uint32_t word[3] = {x->address_count, spread(x, lg_thief(g)), (uint32_t)x->theft_edge};
	put(f, word, sizeof word);
	for (uint32_t i = 0; i < LG_SERVICES; i++) {
		word[0] = spread(x, lg_service(g, i));
		put(f, word, sizeof *word);
	}
	DP_CHECK(fclose(f) == 0);
	f = create(folder, "who.u32");
	for (uint32_t i = 0; i < LA_ASKED; i++) {
		word[0] = spread(x, asked->number[i]);
		put(f, word, sizeof *word);
	}
	DP_CHECK(fclose(f) == 0);
}

// Different addresses, any that the ledger will have: all but the offspring's spare numbers.
static void choose_asked(const lg_big *g, uint8_t *is_asked, la_asked *ret_asked)
{
	uint64_t random = 99;
	uint32_t range = lg_thief(g);
	for (uint32_t i = 0; i < LA_ASKED; i++) {
		uint32_t number;
		do number = (uint32_t)(lg_random(&random) % range);
		while (is_asked[number] != 0);
		is_asked[number] = 1;
		ret_asked->number[i] = number;
	}
}

void la_export(const char *folder, const lg_options *options, la_asked *ret_asked,
               lg_facts *ret_facts)
{
	static const char *const names[COLUMNS] = {"src.u32",     "dst.u32",      "row_src.u32",
	                                           "row_dst.u32", "row_tx.u32",   "row_class.u8",
	                                           "row_low.u64", "row_high.u64", "tx.b32"};
	lg_big *g = lg_new(options);
	exporting x = {.address_count = (uint32_t)lg_address_count(g), .theft_edge = UINT64_MAX};
	x.is_asked = dp_alloc(x.address_count);
	DP_CHECK(x.is_asked != NULL);
	x.spread = 2654435761u;
	while (common_divisor(x.spread, x.address_count) != 1) x.spread += 2;
	choose_asked(g, x.is_asked, ret_asked);
	for (uint32_t i = 0; i < COLUMNS; i++) x.column[i] = create(folder, names[i]);
	for (const dp_block *b; (b = lg_next(g)) != NULL;) put_block(&x, g, b);
	for (uint32_t i = 0; i < COLUMNS; i++) DP_CHECK(fclose(x.column[i]) == 0);
	DP_CHECK(x.theft_edge != UINT64_MAX);
	put_question(&x, folder, g, ret_asked);
	put_names(&x, folder, g);
	ret_asked->rows = x.rows;
	lg_facts_get(g, ret_facts);
	dp_free(x.is_asked);
	lg_free(g);
}

void la_ask(la_answer *ret_answer, const char *script, const char *folder, const char *program,
            uint32_t seconds)
{
	char command[PATH_SIZE], python[PATH_SIZE], line[LINE] = "";
	struct stat st;
	const char *build = getenv("DYEPACK_BUILD");
	*ret_answer = (la_answer){.program = program};
	int n = snprintf(python, sizeof python, "%s/peers/ledger-venv/bin/python",
	                 build == NULL ? "build" : build);
	DP_CHECK(n > 0 && (size_t)n < sizeof python);
	if (stat(python, &st) != 0) return;
	n = snprintf(command, sizeof command,
	             "exec \"%s\" -B bench/peers/ledger/%s.py \"%s\" %s %u 2>\"%s/%s-%s.log\"",
	             python, script, folder, program, seconds, folder, script, program);
	DP_CHECK(n > 0 && (size_t)n < sizeof command);
	fflush(NULL);
	FILE *f = popen(command, "r"); // NOLINT: the command is ours, of this folder
	if (f == NULL) return;
	bool is_read = fgets(line, sizeof line, f) != NULL;
	int status = pclose(f);
	ret_answer->late = WIFEXITED(status) && WEXITSTATUS(status) == LATE;
	ret_answer->is_there = (is_read && status == 0) || ret_answer->late;
	if (!is_read) return;
	char *rest = line;
	ret_answer->number = strtoull(rest, &rest, 10);
	ret_answer->wall_s = strtod(rest, &rest);
	ret_answer->cpu_s = strtod(rest, &rest);
	ret_answer->load_s = strtod(rest, &rest);
}

// How fast are exports read? Each is made of real data in a temporary folder, read through its
// source to the last block, and by a small Python program beside it (bench/peers/exports), whose
// csv and json modules only parse the same bytes.
//
//   eth-etl   five real blocks of the main chain, repeated with other hashes and heights: blocks,
//             transactions and traces as CSV, logs as JSON lines
//   btc-etl   block 866342 repeated with other coins spent: JSON lines of transactions with inputs
//
// Speeds are megabytes for each second of processor time. The goal is to be faster than the peer,
// although what we read is checked, joined and put in order; the limit is to read the files and
// find the ends of their lines. EXPORTS_MB sets the size.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_blocks.h"
#include "bench/ledger_core.h"
#include "bench/ledger_rival.h"
#include "codec/input.h"
#include "source/source.h"

enum { PATH_SIZE = 4096, DATA_MAX = 64 << 20, FILES = 4, BLOCKS = 5, FIRST = 15000000 };
enum { HEIGHT_FIRST = 900000, ROUNDS = 2, COPY_MB = 7 };

// A file of the export that is repeated, with the columns (from 0) that hold the block's number and
// hashes; JSON names them instead.
typedef struct kind {
	const char *name;
	size_t block_column, hash_column[2];
} kind;

static const kind kinds[FILES] = {{"blocks.csv", 1, {2, 3}},
                                  {"transactions.csv", 4, {1, 3}},
                                  {"traces.csv", 1, {2, 9}},
                                  {"logs.json", 0, {0, 0}}};

static char *load(const char *folder, const char *name, size_t *ret_size)
{
	char path[PATH_SIZE];
	dp_input *in;
	uint8_t *bytes;
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	dp_code code = dp_input_open(&in, path, NULL);
	DP_CHECK(code == DP_OK);
	code = dp_input_read_all(in, &bytes, ret_size, DATA_MAX, NULL);
	DP_CHECK(code == DP_OK);
	dp_input_close(in);
	char *text = dp_realloc(bytes, *ret_size + 1);
	DP_CHECK(text != NULL);
	text[*ret_size] = 0;
	return text;
}

static FILE *create(const char *folder, const char *name, char path[PATH_SIZE])
{
	int n = snprintf(path, PATH_SIZE, "%s/%s", folder, name);
	DP_CHECK(n > 0 && n < PATH_SIZE);
	FILE *f = fopen(path, "wb");
	DP_CHECK(f != NULL);
	return f;
}

// The hashes of the five blocks begin so. A few transactions of the export claim to be in one of
// them, and name the hash of another.
static const char *const known[BLOCKS] = {"0x9a71a95b", "0x7a7d7c23", "0xb8aeee48", "0x8c7c97a9",
                                          "0xeaf9d38e"};

//- repeating rows --------------------------------------------------------------------------------

// Where a column of a line of CSV begins; no cell of these files is quoted.
static char *column(char *line, size_t number)
{
	for (; number > 0; number--) {
		line = strchr(line, ',');
		DP_CHECK(line != NULL);
		line++;
	}
	return line;
}

// Behind `"key": ` in a line of JSON.
static char *member(char *line, const char *key)
{
	char *p = strstr(line, key);
	DP_CHECK(p != NULL);
	return p + strlen(key);
}

static char *block_of(const kind *k, char *line)
{
	return k->hash_column[0] == 0 ? member(line, "\"blockId\": ")
	                              : column(line, k->block_column);
}

// Another hash, the same for the same: eight digits in its middle are the copy's number.
static void salt(char *cell, uint32_t copy)
{
	char digits[9];
	char *p = strstr(cell, "0x"); // behind "call_" too
	if (p == NULL || p >= cell + strcspn(cell, ",")) return;
	(void)snprintf(digits, sizeof digits, "%08x", copy);
	memcpy(p + 18, digits, 8);
}

static void write_row(FILE *out, const kind *k, char *line, uint32_t copy)
{
	char digits[9], *block = block_of(k, line), kept[8];
	bool is_first = strncmp(block, "15000000", 8) == 0;
	memcpy(kept, block, 8);
	(void)snprintf(digits, sizeof digits, "%ld", strtol(block, NULL, 10) + copy * BLOCKS);
	memcpy(block, digits, 8);
	if (k->hash_column[0] == 0) {
		salt(member(line, "\"blockHash\": "), copy);
		salt(member(line, "\"txHash\": "), copy);
	} else {
		salt(column(line, k->hash_column[0]), copy);
		salt(column(line, k->hash_column[1]), copy);
	}
	// The first block of a copy stands on the last one of the copy before.
	if (k == kinds && is_first && copy > 0) {
		char *parent = column(line, k->hash_column[1]);
		memcpy(parent, "0xeaf9d38e71769834c83dadad0d16ebf704fd2f96ca7eb1ac34ea9d069d5ecf76",
		       66);
		salt(parent, copy - 1);
	}
	DP_CHECK(fputs(line, out) >= 0 && fputc('\n', out) == '\n');
	memcpy(block, kept, 8); // for the next copy
}

static void repeat(const char *folder, const char *data, const kind *k, uint32_t copies,
                   char path[PATH_SIZE])
{
	size_t size;
	char *text = load(data, k->name, &size), **line = NULL, *rest = text;
	uint64_t cap = 0, count = 0;
	FILE *out = create(folder, k->name, path);
	if (k->hash_column[0] != 0) DP_CHECK(fprintf(out, "%s\n", strsep(&rest, "\n")) > 0);
	for (char *l; (l = strsep(&rest, "\n")) != NULL;) {
		long block = *l == 0 ? 0 : strtol(block_of(k, l), NULL, 10);
		if (block < FIRST) continue;
		DP_CHECK(block < FIRST + BLOCKS);
		if (k == &kinds[1] && strncmp(column(l, 3), known[block - FIRST], 10) != 0)
			continue;
		dp_code code =
		    dp_grow((void **)&line, &cap, sizeof *line, count + 1, DATA_MAX, NULL);
		DP_CHECK(code == DP_OK);
		line[count++] = l;
	}
	for (uint32_t copy = 0; copy < copies; copy++)
		for (long b = FIRST; b < FIRST + BLOCKS; b++)
			for (uint64_t i = 0; i < count; i++)
				if (strtol(block_of(k, line[i]), NULL, 10) == b)
					write_row(out, k, line[i], copy);
	DP_CHECK(fclose(out) == 0);
	dp_free((void *)line);
	dp_free(text);
}

//- the limit --------------------------------------------------------------------------------------

// Reads the files and finds the ends of their lines: less than that no reader of rows can do.
// Returns the speed.
static double measure_limit(const char *const *path, uint32_t count)
{
	enum { PIECE = 1 << 20 };
	char *piece = dp_alloc(PIECE);
	double mb = 0, cpu = lr_cpu_s();
	uint64_t lines = 0;
	DP_CHECK(piece != NULL);
	for (uint32_t i = 0; i < count; i++) {
		FILE *f = fopen(path[i], "rb");
		DP_CHECK(f != NULL);
		for (size_t n; (n = fread(piece, 1, PIECE, f)) > 0;) {
			char *p = piece;
			while ((p = memchr(p, '\n', n - (size_t)(p - piece))) != NULL) {
				lines++;
				p++;
			}
			mb += (double)n / 1e6;
		}
		fclose(f);
	}
	cpu = lr_cpu_s() - cpu;
	dp_free(piece);
	DP_CHECK(lines > 0);
	return mb / cpu;
}

//- measuring -------------------------------------------------------------------------------------

static void measure(const char *name, const char *chain, const char *const *path, uint32_t count)
{
	double best = 1e9, peer_best = 0, mb = 0;
	char command[FILES * PATH_SIZE + 60] = "python3 bench/peers/exports/peer.py";
	size_t n = strlen(command);
	dp_source_stats stats = {0};
	for (uint32_t i = 0; i < count; i++)
		n += (size_t)snprintf(command + n, sizeof command - n, " %s", path[i]);
	lr_forget_peak();
	for (int round = 0; round < ROUNDS; round++) {
		dp_source *s;
		dp_fault fault;
		const dp_block *block;
		dp_source_options o = {.chain = dp_chain_find(chain, strlen(chain))};
		double cpu = lr_cpu_s();
		dp_code code = dp_source_open(&s, path, count, &o, &fault);
		while (code == DP_OK) code = dp_source_next(s, &block, &fault);
		if (code != DP_END) fprintf(stderr, "%s: %s\n", name, fault.text);
		DP_CHECK(code == DP_END);
		cpu = lr_cpu_s() - cpu;
		if (cpu < best) best = cpu;
		stats = s->stats;
		dp_source_close(s);
		lr_result r;
		if (!lr_run(&r, "%s", command)) continue;
		if (r.bytes / 1e6 / r.cpu_s > peer_best) peer_best = r.bytes / 1e6 / r.cpu_s;
	}
	mb = (double)stats.bytes_total / 1e6;
	printf("%-8s %.0f MB, %" PRIu64 " blocks, %" PRIu64 " transactions, %" PRIu64
	       " movements; %.0f MB of memory\n",
	       name, mb, stats.blocks, stats.txs, stats.movements, lr_peak_mb());
	printf("%-8s source: blocks with movements              %8.0f MB/s a core\n", name,
	       mb / best);
	printf("%-8s limit: read and split into lines            %8.0f MB/s a core\n", name,
	       measure_limit(path, count));
	if (peer_best == 0) {
		printf("%-8s peer: Python's csv and json                 skipped\n", name);
		return;
	}
	printf("%-8s peer: Python's csv and json, parsing only  %8.0f MB/s a core\n", name,
	       peer_best);
	printf("%-8s source / peer      goal > 1.00   result %.2f   %s\n", name,
	       mb / best / peer_best, mb / best > peer_best ? "met" : "MISSED");
}

static void run_eth(const char *folder, const char *data, double mb)
{
	static char path[FILES][PATH_SIZE];
	char from[PATH_SIZE];
	const char *paths[FILES];
	int n = snprintf(from, sizeof from, "%s/ethereum/mainnet-15000000-15000004", data);
	DP_CHECK(n > 0 && (size_t)n < sizeof from);
	for (size_t i = 0; i < FILES; i++) {
		repeat(folder, from, &kinds[i], (uint32_t)(mb / COPY_MB) + 1, path[i]);
		paths[i] = path[i];
	}
	measure("eth-etl", "ethereum", paths, FILES);
	for (size_t i = 0; i < FILES; i++) DP_CHECK(unlink(path[i]) == 0);
}

static void run_btc(const char *folder, const char *data, double mb)
{
	char path[PATH_SIZE], from[PATH_SIZE], spent_path[2 * PATH_SIZE], block_path[2 * PATH_SIZE];
	const char *paths[1] = {path};
	uint8_t prev[32] = {0xee};
	dp_json *spent;
	size_t size;
	ln_text text = {0};
	(void)snprintf(from, sizeof from, "%.4000s/bitcoin", data);
	(void)snprintf(block_path, sizeof block_path, "%s/mainnet-866342.blk", from);
	(void)snprintf(spent_path, sizeof spent_path, "%s/mainnet-866342.spent.json.zst", from);
	char *bytes = load(from, "mainnet-866342.spent.json.zst", &size);
	dp_code code = dp_json_parse(&spent, bytes, size, NULL);
	DP_CHECK(code == DP_OK);
	lb_template *t = lb_load(block_path, spent_path);
	FILE *out = create(folder, "transactions.json", path);
	double written = 0;
	for (uint32_t i = 0; written < mb; i++) {
		const lb_bytes *b = lb_repeat(t, prev, HEIGHT_FIRST + i, i + 1);
		text.bytes.n = 0;
		lc_put_export(&text, b, spent, HEIGHT_FIRST + i);
		DP_CHECK(fwrite(text.bytes.b, 1, text.bytes.n, out) == text.bytes.n);
		lb_hash(prev, b);
		written += (double)text.bytes.n / 1e6;
	}
	DP_CHECK(fclose(out) == 0);
	lb_free(t);
	ln_text_done(&text);
	dp_json_free(spent);
	dp_free(bytes);
	measure("btc-etl", "bitcoin", paths, 1);
	DP_CHECK(unlink(path) == 0);
}

int main(void)
{
	char data[PATH_SIZE], folder[PATH_SIZE];
	struct stat st;
	const char *shared = getenv("DYEPACK_SHARED"), *size = getenv("EXPORTS_MB");
	const char *tmp = getenv("TMPDIR");
	double mb = size == NULL ? 200 : strtod(size, NULL);
	int n = snprintf(data, sizeof data, "%s/data", shared == NULL ? "../shared" : shared);
	DP_CHECK(n > 0 && (size_t)n < sizeof data);
	if (stat(data, &st) != 0) {
		printf("exports: skipped, there is no %s (set DYEPACK_SHARED)\n", data);
		return 0;
	}
	n = snprintf(folder, sizeof folder, "%s/dyepack-bench-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	DP_CHECK(n > 0 && (size_t)n < sizeof folder && mkdtemp(folder) != NULL);
	run_eth(folder, data, mb);
	run_btc(folder, data, mb);
	DP_CHECK(rmdir(folder) == 0);
	return 0;
}

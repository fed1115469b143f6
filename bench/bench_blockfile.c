// How fast do block files become settled blocks? A folder of about 1 GB is made of three real
// blocks, repeated with other coins spent each time (bench/ledger_blocks.h), with undo data beside.
// It is read on one thread and on two, beside nettle hashing the same bytes twice, which is the
// least that checking them can cost. The goal is over 60 % of nettle's speed on one core, both
// by the processor's time, so that what else the machine does counts for neither. Other programs
// that parse block files (bench/peers) read the same blocks in the same run; the goal is three
// times the best of them that does the same work. One that is not built is skipped by name.
//
// The folder stands in $TMPDIR or /tmp and is removed afterwards. BLOCKS_MB sets its size; a
// folder named in BLOCKS_FOLDER is kept, and read as it is when it holds block files already, so
// that other programs can be measured on the same bytes.
#include <dirent.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_blocks.h"
#include "bench/ledger_rival.h"
#include "source/blockfile.h"
#include "source/source.h"

enum { TEMPLATES = 3, HEIGHT_FIRST = 900000, PIECE = 4 << 20, ROUNDS = 2, PATH_SIZE = 4096 };

static double clock_s(clockid_t clock)
{
	struct timespec t;
	DP_CHECK(clock_gettime(clock, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

// Of all threads of this program.
static double used_s(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

//- the folder ------------------------------------------------------------------------------------

static const char *shared_file(const char *name)
{
	static char path[8][PATH_SIZE];
	static int next;
	next = (next + 1) % 8;
	const char *shared = getenv("DYEPACK_SHARED");
	int n = snprintf(path[next], PATH_SIZE, "%s/data/bitcoin/%s",
	                 shared == NULL ? "../shared" : shared, name);
	DP_CHECK(n > 0 && n < PATH_SIZE);
	return path[next];
}

static void make_folder(const char *path, uint64_t bytes)
{
	static const char *const files[TEMPLATES][2] = {
	    {"mainnet-866342.blk", "mainnet-866342.spent.json.zst"},
	    {"testnet3-928848.blk", "testnet3-928848.undo.bcoin"},
	    {"testnet3-928849.blk", "testnet3-928849.undo.bcoin"}};
	lb_template *t[TEMPLATES];
	lb_folder f = {.path = path, .magic = 0xd9b4bef9};
	uint8_t prev[32] = {0xee};
	uint64_t written = 0;
	for (size_t i = 0; i < TEMPLATES; i++)
		t[i] = lb_load(shared_file(files[i][0]), shared_file(files[i][1]));
	lb_begin(&f);
	for (uint32_t i = 0; written < bytes; i++) {
		lb_template *next = t[i % TEMPLATES];
		const lb_bytes *b = lb_repeat(next, prev, HEIGHT_FIRST + i, i + 1);
		lb_write_block(&f, b->b, b->n);
		lb_write_undo(&f, lb_undo(next)->b, lb_undo(next)->n, prev);
		lb_hash(prev, b);
		written += b->n;
	}
	for (size_t i = 0; i < TEMPLATES; i++) lb_free(t[i]);
}

static void for_each_file(const char *path, const char *prefix, void (*what)(const char *, void *),
                          void *context)
{
	char name[PATH_SIZE];
	DIR *dir = opendir(path);
	DP_CHECK(dir != NULL);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0) continue;
		int n = snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		DP_CHECK(n > 0 && (size_t)n < sizeof name);
		what(name, context);
	}
	closedir(dir);
}

static void remove_file(const char *name, void *context)
{
	(void)context;
	DP_CHECK(unlink(name) == 0);
}

//- measuring -------------------------------------------------------------------------------------

typedef struct hashing {
	uint8_t *piece;
	uint64_t bytes;
	double seconds; // of hashing alone
} hashing;

// Hashes twice, piece by piece; the time of reading is not counted.
static void hash_file(const char *name, void *context)
{
	hashing *h = context;
	struct sha256_ctx c;
	uint8_t digest[32];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	DP_CHECK(fd >= 0);
	sha256_init(&c);
	for (ssize_t n; (n = read(fd, h->piece, PIECE)) > 0; h->bytes += (uint64_t)n) {
		double t = used_s();
		for (int i = 0; i < 2; i++) sha256_update(&c, (size_t)n, h->piece);
		h->seconds += used_s() - t;
	}
	sha256_digest(&c, sizeof digest, digest);
	close(fd);
}

typedef struct measured {
	double open_s, all_s, used_s;
	dp_source_stats stats;
} measured;

static measured read_folder(const char *path, uint32_t threads)
{
	measured m = {0};
	dp_source *s;
	dp_fault fault;
	const dp_block *block;
	dp_source_options options = {.chain = dp_chain_find("bitcoin", 7), .threads = threads};
	double t = now_s(), used = used_s();
	dp_code code = dp_source_open(&s, &path, 1, &options, &fault);
	if (code != DP_OK) printf("blockfile: %s\n", fault.text);
	DP_CHECK(code == DP_OK);
	m.open_s = now_s() - t;
	while ((code = dp_source_next(s, &block, &fault)) == DP_OK) continue;
	m.all_s = now_s() - t;
	m.used_s = used_s() - used;
	if (code != DP_END) printf("blockfile: %s\n", fault.text);
	DP_CHECK(code == DP_END);
	m.stats = s->stats;
	dp_source_close(s);
	return m;
}

// Returns the speed on one thread, by processor time.
static double measure(const char *path)
{
	double best_hash = 1e9, best_used = 1e9, best[2] = {1e9, 1e9};
	measured m = {0};
	hashing h = {.piece = dp_alloc(PIECE)};
	DP_CHECK(h.piece != NULL);
	for (int round = 0; round < ROUNDS; round++) {
		h.bytes = 0;
		h.seconds = 0;
		for_each_file(path, "blk", hash_file, &h);
		if (h.seconds < best_hash) best_hash = h.seconds;
		for (uint32_t threads = 1; threads <= 2; threads++) {
			m = read_folder(path, threads);
			if (m.all_s < best[threads - 1]) best[threads - 1] = m.all_s;
			if (threads == 1 && m.used_s < best_used) best_used = m.used_s;
		}
	}
	dp_free(h.piece);
	double mb = (double)m.stats.bytes_read / 1e6,
	       hash_speed = (double)h.bytes / 1e6 / best_hash;
	struct rusage usage;
	DP_CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	printf("block folder: %llu blocks, %.0f MB, %.1f M movements, %llu values unknown; headers "
	       "scanned in %.1f ms; %ld MB of memory\n",
	       (unsigned long long)m.stats.blocks, mb, (double)m.stats.movements / 1e6,
	       (unsigned long long)m.stats.values_unknown, m.open_s * 1e3, usage.ru_maxrss / 1024);
	printf("block folder: hash twice (nettle)                %8.0f MB/s\n", hash_speed);
	for (int i = 0; i < 2; i++)
		printf("block folder: settled blocks, %d thread%s         %8.0f MB/s\n", i + 1,
		       i == 0 ? " " : "s", mb / best[i]);
	double share = mb / best_used / hash_speed * 100;
	printf("block folder: of nettle's speed, one thread goal > 60 %%   result %.0f %%   %s\n",
	       share, share > 60 ? "met" : "MISSED");
	return mb / best_used;
}

//- peers -----------------------------------------------------------------------------------------

static bool measure_peer(double *ret_speed, const char *what, const char *program, const char *path,
                         const char *how)
{
	lr_result r;
	if (!lr_run(&r, "%s %s %s", program, path, how)) {
		printf("block folder: peer: %-42s skipped, it is not built\n", what);
		return false;
	}
	*ret_speed = r.bytes / 1e6 / r.cpu_s;
	printf("block folder: peer: %-42s %5.0f MB/s a core, %.0f by the clock\n", what, *ret_speed,
	       r.bytes / 1e6 / r.wall_s);
	return true;
}

// The goal is three times the best program that does what ours does short of input values, which
// no peer gives here: ids, merkle root and addresses. Those that stop at the ids stand beside it:
// three times their speed would be faster than hashing.
static void measure_peers(const char *path, double speed)
{
	char chained[PATH_SIZE];
	const char *tmp = getenv("TMPDIR");
	double peer;
	int n = snprintf(chained, sizeof chained, "%s/dyepack-bench-XXXXXX",
	                 tmp == NULL ? "/tmp" : tmp);
	DP_CHECK(n > 0 && (size_t)n < sizeof chained && mkdtemp(chained) != NULL);
	lr_rechain(chained, path);
	if (measure_peer(&peer, "blocks_iterator 3.0.0 (Rust), ids", "peer-blocks-iterator",
	                 chained, ""))
		printf("block folder: ours / that            %39.2f\n", speed / peer);
	for_each_file(chained, "blk", remove_file, NULL);
	DP_CHECK(rmdir(chained) == 0);
	if (measure_peer(&peer, "btcd's wire (Go), ids", "peer-wire", path, "ids"))
		printf("block folder: ours / that            %39.2f\n", speed / peer);
	if (measure_peer(&peer, "btcd's wire (Go), ids, root, addresses", "peer-wire", path,
	                 "addresses"))
		printf(
		    "block folder: ours / that                       goal >= 3.00   result %.2f   "
		    "%s\n",
		    speed / peer, speed / peer >= 3 ? "met" : "MISSED");
}

int main(void)
{
	const char *kept = getenv("BLOCKS_FOLDER"), *size = getenv("BLOCKS_MB");
	const char *tmp = getenv("TMPDIR");
	char path[PATH_SIZE];
	struct stat st;
	uint64_t mb = size == NULL ? 1000 : strtoull(size, NULL, 10);
	if (stat(shared_file("mainnet-866342.blk"), &st) != 0) {
		printf("block folder: skipped, there is no shared data (set DYEPACK_SHARED)\n");
		return 0;
	}
	int n = snprintf(path, sizeof path, "%s", kept == NULL ? "" : kept);
	if (kept == NULL)
		n = snprintf(path, sizeof path, "%s/dyepack-bench-XXXXXX",
		             tmp == NULL ? "/tmp" : tmp);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	if (kept == NULL) DP_CHECK(mkdtemp(path) != NULL);
	char first[PATH_SIZE + 16];
	snprintf(first, sizeof first, "%s/blk00000.dat", path);
	if (stat(first, &st) != 0) make_folder(path, mb * 1000000);
	measure_peers(path, measure(path));
	if (kept != NULL) return 0;
	for_each_file(path, "blk", remove_file, NULL);
	for_each_file(path, "rev", remove_file, NULL);
	DP_CHECK(rmdir(path) == 0);
	return 0;
}

// How fast are nodes read? A node of our own on the loopback (bench/ledger_node.h) answers at once
// with blocks that are real in shape, and everything that limits is this side. Up to 1 GB of JSON
// is read of each kind:
//
//   evm    blocks, receipts and calls (callTracer), proven by their hashes
//   full   Bitcoin blocks with what they spend (verbosity 3)
//   raw    Bitcoin blocks as hexadecimal text (verbosity 0), by a node without an index
//
// Speeds are megabytes of JSON for each second of processor time of this program (a core's speed),
// because the node needs time, too, and a machine may have a single core; the clock's speed stands
// behind. The goal is 150 MB/s of JSON a core. Beside it
//
//   the limit      the same bytes from a socket, thrown away
//   the layers     HTTP alone, parsing, proving, decoding, building, each by itself
//   peers          programs that fetch and parse and do nothing else (bench/peers/rpc)
//
// Memory must not grow with the length of the run: the mean in its second tenth (in the first one
// requests are still becoming more) and in its last. How many answers lie ready differs from moment
// to moment, and so does the peak.
// RPC_MB sets how much is read.
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_core.h"
#include "bench/ledger_evm.h"
#include "bench/ledger_rival.h"
#include "chain/bitcoin.h"
#include "chain/ethereum.h"
#include "source/bitcoin_json.h"
#include "source/evm_json.h"
#include "source/evm_proof.h"
#include "source/http.h"
#include "source/settle.h"
#include "source/source.h"

enum { GOAL = 150, PATH_SIZE = 4096, BODY_MAX = 600, IN_FLIGHT = 8, PEER_SHARE = 8 };
enum { LAYER_BLOCKS = 24, LAYER_ROUNDS = 3, PIECE = 256 << 10 };

// One kind of node, as it is measured.
typedef struct bench {
	const char *name; // "evm"
	const char *chain;
	uint16_t port;
	uint32_t first, count; // heights
	double mb;             // of JSON in all
	const le_chain *evm;   // one of these
	const lc_chain *core;
} bench;

static void print_speed(const bench *b, const char *what, double mb, double cpu_s, double wall_s)
{
	printf("%-4s %-42s %8.0f MB/s a core %8.0f by the clock\n", b->name, what, mb / cpu_s,
	       mb / wall_s);
}

static void print_layer(const bench *b, const char *what, double mb, double cpu_s, uint32_t blocks)
{
	printf("%-4s   %-40s %8.0f MB/s a core %8.2f ms a block\n", b->name, what, mb / cpu_s,
	       cpu_s / blocks * 1e3);
}

//- the questions ---------------------------------------------------------------------------------

// All of one block in one request.
static size_t write_body(char out[BODY_MAX], const bench *b, uint32_t i)
{
	int n;
	if (b->evm != NULL)
		n = snprintf(out, BODY_MAX,
		             "[{\"id\":1,\"method\":\"eth_getBlockByNumber\",\"params\":[\"0x%x\","
		             "true]},{\"id\":2,\"method\":\"eth_getBlockReceipts\",\"params\":"
		             "[\"0x%x\"]},{\"id\":3,\"method\":\"debug_traceBlockByNumber\","
		             "\"params\":[\"0x%x\",{\"tracer\":\"callTracer\"}]}]",
		             b->first + i, b->first + i, b->first + i);
	else
		n = snprintf(out, BODY_MAX,
		             "{\"id\":1,\"method\":\"getblock\",\"params\":[\"%s\",%d]}",
		             b->core->values[i].field[0], b->core->is_raw ? 0 : 3);
	DP_CHECK(n > 0 && n < BODY_MAX);
	return (size_t)n;
}

//- the limit -------------------------------------------------------------------------------------

// Reads one answer and throws it away; returns its body's size.
static size_t throw_away(int fd, char *piece)
{
	size_t have = 0, size;
	char *end;
	do {
		ssize_t n = read(fd, piece + have, PIECE - have);
		DP_CHECK(n > 0);
		have += (size_t)n;
		piece[have] = 0;
	} while ((end = strstr(piece, "\r\n\r\n")) == NULL);
	char *length = strcasestr(piece, "content-length:");
	DP_CHECK(length != NULL);
	size = strtoul(length + 15, NULL, 10);
	for (size_t left = size - (have - (size_t)(end + 4 - piece)); left > 0;) {
		ssize_t n = read(fd, piece, left < PIECE ? left : PIECE);
		DP_CHECK(n > 0);
		left -= (size_t)n;
	}
	return size;
}

static void measure_limit(const bench *b)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(b->port)};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	char *piece = dp_alloc(PIECE + 1), body[BODY_MAX], request[BODY_MAX + 100];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	DP_CHECK(piece != NULL && fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	double cpu = lr_cpu_s(), wall = lr_wall_s(), mb = 0;
	for (uint32_t i = 0; i < b->count / 4; i++) {
		size_t size = write_body(body, b, i);
		int n = snprintf(request, sizeof request,
		                 "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", size, body);
		DP_CHECK(n > 0 && write(fd, request, (size_t)n) == n);
		mb += (double)throw_away(fd, piece) / 1e6;
	}
	print_speed(b, "limit: from a socket, thrown away", mb, lr_cpu_s() - cpu,
	            lr_wall_s() - wall);
	close(fd);
	dp_free(piece);
}

//- the layers ------------------------------------------------------------------------------------

// HTTP alone: answers are received whole and freed, as many in flight as the sources have.
static void measure_http(const bench *b)
{
	char url[64], body[BODY_MAX];
	const uint32_t count = b->count / 4;
	uint64_t ticket[IN_FLIGHT];
	dp_http *h;
	double mb = 0;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u", b->port);
	dp_code code = dp_http_open(&h, url, &(dp_http_options){0}, NULL);
	DP_CHECK(code == DP_OK);
	double cpu = lr_cpu_s();
	for (uint32_t i = 0; i < count + IN_FLIGHT; i++) {
		if (i >= IN_FLIGHT) {
			char *answer;
			size_t size;
			uint32_t status;
			code =
			    dp_http_wait(h, ticket[i % IN_FLIGHT], &answer, &size, &status, NULL);
			DP_CHECK(code == DP_OK && status == 200);
			dp_free(answer);
			mb += (double)size / 1e6;
		}
		if (i >= count) continue;
		size_t size = write_body(body, b, i);
		code = dp_http_post(h, &ticket[i % IN_FLIGHT], body, size, NULL);
		DP_CHECK(code == DP_OK);
	}
	print_layer(b, "HTTP (source/http.c)", mb, lr_cpu_s() - cpu, count);
	dp_http_close(h);
}

// Where the time of decoding goes, by step, all rounds together.
typedef struct steps {
	double parse, prove, decode, build;
} steps;

static dp_json *parse(const ln_text *t, const ln_values *v, char *text, steps *io_steps)
{
	dp_json *doc;
	ln_fill(text, t, v);
	double cpu = lr_cpu_s();
	dp_code code = dp_json_parse(&doc, text, t->bytes.n, NULL);
	DP_CHECK(code == DP_OK);
	io_steps->parse += lr_cpu_s() - cpu;
	return doc;
}

static size_t largest(const bench *b)
{
	size_t n = 0;
	for (uint32_t i = 0; b->evm != NULL && i < LE_TEMPLATES * LE_ANSWERS; i++) {
		const ln_text *t = &b->evm->answer[i / LE_ANSWERS][i % LE_ANSWERS];
		if (t->bytes.n > n) n = t->bytes.n;
	}
	return b->evm != NULL ? n : b->core->full.bytes.n;
}

typedef struct evm_work {
	dp_evm_proof proof;
	dp_evm_block block;
	dp_block_builder builder;
	const dp_json *receipt[1000];
} evm_work;

static void decode_evm(evm_work *w, const bench *b, uint32_t i, dp_json *const doc[LE_ANSWERS],
                       steps *io_steps)
{
	bool proven = false;
	uint32_t count = 0;
	uint64_t gaps = 0;
	const dp_block *out;
	double cpu = lr_cpu_s();
	for (const dp_json *r = dp_json_first(doc[LE_RECEIPTS]); r != NULL; r = dp_json_next(r))
		w->receipt[count++] = r;
	dp_code code = dp_evm_proof_block(&w->proof, &proven, doc[LE_BLOCK], NULL);
	DP_CHECK(code == DP_OK && proven);
	code = dp_evm_proof_receipts(&w->proof, &proven, doc[LE_BLOCK], w->receipt, count, NULL);
	DP_CHECK(code == DP_OK && proven);
	double then = lr_cpu_s();
	io_steps->prove += then - cpu;
	code = dp_evm_json_block(&w->block, dp_chain_find("ethereum", 8), b->first + i,
	                         doc[LE_BLOCK], NULL);
	DP_CHECK(code == DP_OK);
	code = dp_evm_json_receipts(&w->block, w->receipt, count, NULL);
	DP_CHECK(code == DP_OK);
	code = dp_evm_json_calls(&w->block, doc[LE_CALLS], NULL);
	DP_CHECK(code == DP_OK);
	cpu = lr_cpu_s();
	io_steps->decode += cpu - then;
	code = dp_evm_build(&w->builder, &out, &gaps, &w->block, NULL);
	DP_CHECK(code == DP_OK);
	io_steps->build += lr_cpu_s() - cpu;
}

static void print_steps(const bench *b, const steps *s, double mb, uint32_t blocks)
{
	print_layer(b, "parsing (codec/json.c)", mb, s->parse, blocks);
	if (b->evm != NULL) {
		print_layer(b, "proving (source/evm_proof.c)", mb, s->prove, blocks);
		print_layer(b, "decoding (source/evm_json.c)", mb, s->decode, blocks);
		print_layer(b, "building (chain/ethereum.c)", mb, s->build, blocks);
		return;
	}
	print_layer(b, "taking bytes out (bitcoin_json.c)", mb, s->decode, blocks);
	print_layer(b, "proving, decoding (chain/bitcoin.c)", mb, s->prove, blocks);
	print_layer(b, "settling inputs (source/settle.c)", mb, s->build, blocks);
}

static void measure_evm_layers(const bench *b)
{
	evm_work *w = dp_alloc(sizeof *w);
	char *text = dp_alloc(largest(b));
	dp_json *doc[LE_ANSWERS];
	steps s = {0};
	double mb = 0;
	DP_CHECK(w != NULL && text != NULL);
	for (uint32_t i = 0; i < LAYER_BLOCKS * LAYER_ROUNDS; i++) {
		uint32_t which = i % LAYER_BLOCKS;
		const ln_values *v;
		for (uint32_t k = 0; k < LE_ANSWERS; k++) {
			const ln_text *t = le_answer(b->evm, &v, which, k);
			doc[k] = parse(t, v, text, &s);
		}
		decode_evm(w, b, which, doc, &s);
		for (uint32_t k = 0; k < LE_ANSWERS; k++) dp_json_free(doc[k]);
		mb += (double)le_bytes(b->evm, which) / 1e6;
	}
	print_steps(b, &s, mb, LAYER_BLOCKS * LAYER_ROUNDS);
	dp_evm_proof_done(&w->proof);
	dp_evm_done(&w->block);
	dp_builder_done(&w->builder);
	dp_free(w);
	dp_free(text);
}

typedef struct core_work {
	dp_bitcoin_answer answer;
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_info info;
	dp_settler settler;
} core_work;

static void decode_core(core_work *w, const bench *b, uint32_t i, const dp_json *doc,
                        steps *io_steps)
{
	const dp_block *out;
	dp_settle_beside beside = {.name = "the node"};
	double cpu = lr_cpu_s();
	dp_code code = b->core->is_raw ? dp_bitcoin_answer_hex(&w->answer, doc, NULL)
	                               : dp_bitcoin_answer_full(&w->answer, doc, NULL);
	DP_CHECK(code == DP_OK);
	double then = lr_cpu_s();
	io_steps->decode += then - cpu;
	code = dp_bitcoin_decode(&w->info, &w->decoder, &w->builder, dp_chain_find("bitcoin", 7),
	                         b->first + i, w->answer.bytes, (size_t)w->answer.size, NULL);
	DP_CHECK(code == DP_OK);
	cpu = lr_cpu_s();
	io_steps->prove += cpu - then;
	w->settler.keep_no_coins = !b->core->is_raw;
	if (!b->core->is_raw) {
		beside.kind = DP_BESIDE_LIST;
		beside.coin = w->answer.coin;
		beside.count = w->answer.coin_count;
	}
	code = dp_settle(&w->settler, &w->builder, &w->decoder, &w->info, &beside, NULL);
	DP_CHECK(code == DP_OK);
	code = dp_builder_finish(&w->builder, &out, NULL);
	DP_CHECK(code == DP_OK);
	io_steps->build += lr_cpu_s() - cpu;
}

static void measure_core_layers(const bench *b)
{
	core_work *w = dp_alloc(sizeof *w);
	char *text = dp_alloc(largest(b));
	const ln_text *t = b->core->is_raw ? &b->core->raw : &b->core->full;
	steps s = {0};
	DP_CHECK(w != NULL && text != NULL);
	w->settler.coins.bytes_max = UINT64_C(1) << 30;
	for (uint32_t i = 0; i < LAYER_BLOCKS; i++) {
		dp_json *doc = parse(t, &b->core->values[i], text, &s);
		decode_core(w, b, i, doc, &s);
		dp_json_free(doc);
	}
	print_steps(b, &s, (double)t->bytes.n * LAYER_BLOCKS / 1e6, LAYER_BLOCKS);
	dp_settle_done(&w->settler);
	dp_bitcoin_answer_done(&w->answer);
	dp_bitcoin_decoder_done(&w->decoder);
	dp_builder_done(&w->builder);
	dp_free(w);
	dp_free(text);
}

//- the whole source ------------------------------------------------------------------------------

// Returns its speed.
static double measure_source(const bench *b)
{
	char url[64];
	const char *path = url;
	dp_source *s;
	dp_fault fault;
	const dp_block *block;
	dp_source_options o = {.chain = dp_chain_find(b->chain, strlen(b->chain)),
	                       .begin = {.has_height = true, .height = b->first},
	                       .has_height_max = true,
	                       .height_max = b->first + b->count - 1};
	double early_mb = 0, late_mb = 0;
	const uint32_t tenth = b->count / 10;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u", b->port);
	lr_forget_peak();
	double cpu = lr_cpu_s(), wall = lr_wall_s();
	dp_code code = dp_source_open(&s, &path, 1, &o, &fault);
	if (code != DP_OK) fprintf(stderr, "%s: %s\n", b->name, fault.text);
	DP_CHECK(code == DP_OK);
	while ((code = dp_source_next(s, &block, &fault)) == DP_OK) {
		uint64_t n = s->stats.blocks;
		if (n > tenth && n <= 2 * tenth) early_mb += lr_resident_mb() / tenth;
		if (n > b->count - tenth) late_mb += lr_resident_mb() / tenth;
	}
	cpu = lr_cpu_s() - cpu;
	wall = lr_wall_s() - wall;
	if (code != DP_END) fprintf(stderr, "%s: %s\n", b->name, fault.text);
	DP_CHECK(code == DP_END && s->stats.blocks == b->count);
	double mb = (double)s->stats.bytes_read / 1e6;
	print_speed(b, "source: proven blocks with movements", mb, cpu, wall);
	printf("%-4s %-42s %8.0f blocks/s a core, %.0f thousand movements\n", b->name, "",
	       b->count / cpu, (double)s->stats.movements / 1e3);
	printf("%-4s %-42s %8.0f MB in the second tenth, %.0f MB in the last (peak %.0f MB)\n",
	       b->name, "resident memory, mean", early_mb, late_mb, lr_peak_mb());
	dp_source_close(s);
	return mb / cpu;
}

//- peers -----------------------------------------------------------------------------------------

static void measure_peers(const bench *b, double speed)
{
	static const struct {
		const char *name, *command;
	} peers[] = {{"Python, http.client and json", "python3 bench/peers/rpc/peer.py json"},
	             {"Python, http.client and orjson", "python3 bench/peers/rpc/peer.py orjson"},
	             {"Go, net/http and encoding/json", "peer-rpc"}};
	double best = 0;
	for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
		lr_result r;
		char what[80];
		uint32_t count = b->count / PEER_SHARE + 1;
		(void)snprintf(what, sizeof what, "peer: %s", peers[i].name);
		if (!lr_run(&r, "%s %u %s %u %u", peers[i].command, b->port, b->name, b->first,
		            count)) {
			printf("%-4s %-42s skipped, it is not installed\n", b->name, what);
			continue;
		}
		print_speed(b, what, r.bytes / 1e6, r.cpu_s, r.wall_s);
		if (r.bytes / 1e6 / r.cpu_s > best) best = r.bytes / 1e6 / r.cpu_s;
	}
	if (best > 0)
		printf("%-4s %-42s %8.2f times the fastest peer, which only fetches and parses\n",
		       b->name, "source", speed / best);
	printf("%-4s %-42s goal > %d   result %.0f MB/s   %s\n", b->name, "source: of JSON, a core",
	       GOAL, speed, speed > GOAL ? "met" : "MISSED");
}

static void measure(const bench *b)
{
	printf("%-4s %u blocks, %.0f MB of JSON\n", b->name, b->count, b->mb);
	double speed = measure_source(b);
	measure_limit(b);
	measure_http(b);
	if (b->evm != NULL)
		measure_evm_layers(b);
	else
		measure_core_layers(b);
	measure_peers(b, speed);
}

static void run_evm(const char *data, double mb)
{
	static le_chain c;
	uint32_t count = (uint32_t)(mb / 1.0) / LE_TEMPLATES * LE_TEMPLATES + LE_TEMPLATES;
	le_make(&c, data, count);
	bench b = {.name = "evm", .chain = "ethereum", .first = LE_HEIGHT_FIRST, .evm = &c};
	b.count = count;
	for (uint32_t i = 0; i < count; i++) b.mb += (double)le_bytes(&c, i) / 1e6;
	ln_serve(&c.node);
	b.port = c.node.port;
	measure(&b);
	ln_stop(&c.node);
	le_done(&c);
}

static void run_core(const char *data, double mb, bool is_raw)
{
	static lc_chain c;
	bench b = {.name = is_raw ? "raw" : "full", .chain = "bitcoin", .first = LC_HEIGHT_FIRST};
	b.core = &c;
	b.count = (uint32_t)(mb / (is_raw ? 3.16 : 13.3)) + LAYER_BLOCKS;
	lc_make(&c, data, b.count);
	c.is_raw = is_raw;
	b.mb = (double)(is_raw ? c.raw : c.full).bytes.n * b.count / 1e6;
	ln_serve(&c.node);
	b.port = c.node.port;
	measure(&b);
	ln_stop(&c.node);
	lc_done(&c);
}

int main(void)
{
	char path[PATH_SIZE];
	struct stat st;
	const char *shared = getenv("DYEPACK_SHARED"), *size = getenv("RPC_MB");
	double mb = size == NULL ? 1000 : strtod(size, NULL);
	int n =
	    snprintf(path, sizeof path, "%s/data/ethereum", shared == NULL ? "../shared" : shared);
	DP_CHECK(n > 0 && (size_t)n < sizeof path - 10);
	if (stat(path, &st) != 0) {
		printf("rpc: skipped, there is no %s (set DYEPACK_SHARED)\n", path);
		return 0;
	}
	run_evm(path, mb);
	memcpy(path + n - 8, "bitcoin", 8);
	run_core(path, mb, false);
	run_core(path, mb / 2, true);
	return 0;
}

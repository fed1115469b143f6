// How fast is a block read, verified and decoded? Measured against the only thing that cannot be
// avoided: hashing its bytes. The goal is under twice the time that nettle takes to run SHA-256
// over the block's bytes two times, for block 866342 of the main chain (4,864 transactions).
//
// Each figure is the best of several rounds, because a machine can only be disturbed towards slower
// ones, and the rounds of both sides take turns, so that a change of clock speed strikes both.
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "source/blockfile.h"
#include "codec/input.h"
#include "source/source.h"

enum { ROUNDS = 40, RUNS_PER_ROUND = 5 };

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void hash_twice(const uint8_t *bytes, size_t size)
{
	struct sha256_ctx c;
	uint8_t digest[32];
	sha256_init(&c);
	for (int i = 0; i < 2; i++) {
		sha256_update(&c, size, bytes);
		sha256_digest(&c, sizeof digest, digest);
	}
}

typedef struct decode_run {
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	const dp_chain *chain;
	const dp_block *block;
} decode_run;

static void decode(decode_run *r, const uint8_t *bytes, size_t size)
{
	dp_bitcoin_info info;
	dp_fault fault;
	dp_code code = dp_bitcoin_decode(&info, &r->decoder, &r->builder, r->chain, 866342, bytes,
	                                 size, &fault);
	DP_CHECK(code == DP_OK);
	code = dp_builder_finish(&r->builder, &r->block, &fault);
	DP_CHECK(code == DP_OK);
}

static void compare(const uint8_t *bytes, size_t size)
{
	decode_run run = {.chain = dp_chain_find("bitcoin", 7)};
	double best_hash = 1e9, best_decode = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		double t = now_s();
		for (int i = 0; i < RUNS_PER_ROUND; i++) hash_twice(bytes, size);
		t = (now_s() - t) / RUNS_PER_ROUND;
		if (t < best_hash) best_hash = t;
		t = now_s();
		for (int i = 0; i < RUNS_PER_ROUND; i++) decode(&run, bytes, size);
		t = (now_s() - t) / RUNS_PER_ROUND;
		if (t < best_decode) best_decode = t;
	}
	double ratio = best_decode / best_hash;
	printf("block 866342: hash its %zu bytes twice (nettle)  %8.3f ms\n", size,
	       best_hash * 1e3);
	printf(
	    "block 866342: parse, hash, verify, decode        %8.3f ms, %.0f MB/s, %.1f M rows/s\n",
	    best_decode * 1e3, (double)size / best_decode / 1e6,
	    (double)run.block->mv_count / best_decode / 1e6);
	printf("block 866342: ratio                     goal < 2.00   result %.2f   %s\n", ratio,
	       ratio < 2 ? "met" : "MISSED");
	dp_bitcoin_decoder_done(&run.decoder);
	dp_builder_done(&run.builder);
}

// The whole way from a file to blocks with values, companion included. No goal is set for it; it
// shows what the rest costs.
static void whole_source(const char *path)
{
	double best = 1e9;
	dp_source_stats stats = {0};
	for (int round = 0; round < 5; round++) {
		dp_source *s;
		dp_source_options options = {0};
		const dp_block *block;
		dp_fault fault;
		double t = now_s();
		dp_code code = dp_source_open(&s, &path, 1, &options, &fault);
		while (code == DP_OK) code = dp_source_next(s, &block, &fault);
		DP_CHECK(code == DP_END);
		stats = s->stats;
		dp_source_close(s);
		t = now_s() - t;
		if (t < best) best = t;
	}
	printf("block 866342: from file, with its companion      %8.3f ms, %llu movements, "
	       "%llu values unknown\n",
	       best * 1e3, (unsigned long long)stats.movements,
	       (unsigned long long)stats.values_unknown);
}

int main(void)
{
	const char *shared = getenv("DYEPACK_SHARED");
	char path[4096];
	dp_input *in;
	uint8_t *bytes;
	size_t size;
	dp_fault fault;
	int n = snprintf(path, sizeof path, "%s/data/bitcoin/mainnet-866342.blk",
	                 shared == NULL ? "../shared" : shared);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	if (dp_input_open(&in, path, &fault) != DP_OK) {
		printf("bitcoin: skipped, there is no %s (set DYEPACK_SHARED)\n", path);
		return 0;
	}
	dp_code code = dp_input_read_all(in, &bytes, &size, DP_BITCOIN_BLOCK_SIZE_MAX, &fault);
	DP_CHECK(code == DP_OK);
	dp_input_close(in);
	compare(bytes, size);
	dp_free(bytes);
	whole_source(path);
	return 0;
}

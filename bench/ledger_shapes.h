// Planted shapes in noise, out of a seed, written as AMLworld's files: for the test of how many of
// them are found, for benchmarks, and for trials. No floating point in it: the same options give
// the same bytes on every machine.
//
//   shapes     the eight of AMLworld (Altman et al., arXiv 2306.16424) by the rules of the
//              generator behind it (IBM AMLSim, model/aml): sizes, order and amounts are told at
//              each plant_* of ledger_shapes.c. Periods are drawn from a few hours up to a day
//              (fans), two days (scatter-gather, gather-scatter, bipartite), four (stack) and a
//              week (cycle, random). Members are ordinary accounts, which go on paying and being
//              paid meanwhile
//   degrees    who pays and who is paid is a log-uniform rank (Zipf's law, as in ledger_gen.h):
//              of 300,000 payments in a month the busiest account makes 20,000, one in ten of
//              those who pay at all pays more than 15 times, half of them 3 times at the most. Of
//              twenty payments 14 go to one of the few the payer always pays, 1 to himself
//              (AMLworld's reinvestments)
//   amounts    noise: near log-normal, standard deviation 2.9 doublings; shapes: 1 to 10 times a
//              sum of 100 to 100,000, half of them rounded
#ifndef DP_BENCH_LEDGER_SHAPES_H
#define DP_BENCH_LEDGER_SHAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

typedef enum dp_shape_kind {
	DP_SHAPE_FAN_OUT = 0,
	DP_SHAPE_FAN_IN,
	DP_SHAPE_SCATTER_GATHER,
	DP_SHAPE_GATHER_SCATTER,
	DP_SHAPE_CYCLE,
	DP_SHAPE_BIPARTITE,
	DP_SHAPE_STACK,
	DP_SHAPE_RANDOM,
	DP_SHAPE_COUNT
} dp_shape_kind;

typedef struct dp_shapes_options {
	uint64_t seed;
	uint32_t each;        // attempts of each shape
	uint32_t noise;       // background transactions to each planted one
	uint32_t noise_alone; // where nothing is planted: background transactions
	uint32_t days;        // from the first to the last
	bool odd; // also an attempt as real files have them: a scatter-gather of two accounts
} dp_shapes_options;

typedef struct dp_shapes_row {
	uint32_t minute, order;  // since 2022/09/01 00:00; rows are sorted by both
	uint32_t from, to;       // accounts
	uint32_t attempt;        // 1 + index; 0: noise
	uint64_t paid, received; // hundredths
	uint8_t paid_in, received_in, format;
} dp_shapes_row;

typedef struct dp_shapes_attempt {
	dp_shape_kind kind;
	uint32_t first, count; // of `planted`
	uint32_t degree;       // what its headline says
} dp_shapes_attempt;

typedef struct dp_shapes {
	dp_shapes_row *row; // all, in order of time
	uint64_t row_count, row_cap;
	dp_shapes_row *planted; // those of attempts, attempt by attempt
	uint64_t planted_count, planted_cap;
	dp_shapes_attempt *attempt;
	uint64_t attempt_count, attempt_cap;
	uint32_t accounts;
	uint64_t rng;
} dp_shapes;

DP_MUST dp_code dp_shapes_make(dp_shapes *ret_shapes, const dp_shapes_options *options,
                               dp_fault *fault);
void dp_shapes_done(dp_shapes *s);

// The two files as text that is read bit by bit (what dp_csv.read wants).
typedef struct dp_shapes_text {
	const dp_shapes *shapes;
	bool is_patterns; // else the transactions, with a header
	uint64_t at;      // next row, or next line of patterns
	uint32_t attempt;
	char line[256];
	size_t line_at, line_size;
	bool began;
} dp_shapes_text;

dp_code dp_shapes_read(void *text, void *buffer, size_t size, size_t *ret_size, dp_fault *fault);

#endif

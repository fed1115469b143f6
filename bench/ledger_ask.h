// Other people's programs asked the same questions about a generated ledger (bench/peers/ledger):
// what they are given, and what they answer.
//
// They are Python scripts that run in the virtual environment which tools/run-bench makes in
// BUILD/peers; where it is missing every peer is skipped by name.
#ifndef DP_BENCH_LEDGER_ASK_H
#define DP_BENCH_LEDGER_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/ledger_big.h"

enum { LA_ASKED = 2000, LA_PROGRAMS_MAX = 8 };

// Whose histories are asked for, and how many movements they have.
typedef struct la_asked {
	uint32_t number[LA_ASKED];
	uint64_t rows;
} la_asked;

// Writes the columns that the peers read into `folder`, running through the generator once.
// Numbers of addresses are spread over their range there, as names in the world are: the
// offspring's would lie beside one another. `ret_facts` are those of the whole ledger.
void la_export(const char *folder, const lg_options *options, la_asked *ret_asked,
               lg_facts *ret_facts);

typedef struct la_answer {
	const char *program;
	bool is_there; // false: skipped; `late`: it took longer than it was given
	bool late;
	uint64_t number; // what it answered
	double wall_s, cpu_s, load_s;
} la_answer;

// script "reach" or "history".
void la_ask(la_answer *ret_answer, const char *script, const char *folder, const char *program,
            uint32_t seconds);

#endif

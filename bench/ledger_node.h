// A node that costs next to nothing, for measuring those who read from nodes: answers are made
// before, and sending one is a copy, a few dozen bytes put in, and a write.
//
// What differs between two blocks of one form (hash, parent, number, ...) always has the same
// length, so an answer is a text with gaps, and a few texts give a chain of any length that really
// chains. It is served by a process of its own: its work is not counted as the reader's.
#ifndef DP_BENCH_LEDGER_NODE_H
#define DP_BENCH_LEDGER_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/ledger_blocks.h"
#include "codec/json.h"

enum { LN_FIELDS_MAX = 8, LN_VALUE_SIZE = 72 };

// A place in a text where a field's value goes.
typedef struct ln_gap {
	size_t at;
	uint32_t field, size;
} ln_gap;

// Zero-initialise; ln_text_done.
typedef struct ln_text {
	lb_bytes bytes;
	ln_gap *gap;
	size_t gap_count, gap_cap;
} ln_text;

__attribute__((format(printf, 2, 3))) void ln_print(ln_text *t, const char *format, ...);
void ln_put(ln_text *t, const char *text);
void ln_put_hex(ln_text *t, const uint8_t *bytes, size_t n);
void ln_put_gap(ln_text *t, uint32_t field, size_t size);
// A gap over text that is there already.
void ln_gap_at(ln_text *t, uint32_t field, size_t at, size_t size);
// A JSON value without blanks, as nodes write it.
void ln_put_json(ln_text *t, const dp_json *v);
void ln_text_done(ln_text *t);

// What one block puts into the gaps, by field.
typedef struct ln_values {
	char field[LN_FIELDS_MAX][LN_VALUE_SIZE];
} ln_values;

// The text with its gaps filled, to `to`, which has room for all of it.
void ln_fill(char *to, const ln_text *t, const ln_values *v);

// An answer: a text and a block's values, or some words; an error when it has neither.
typedef struct ln_reply {
	const ln_text *text;
	const ln_values *values;
	const char *words;
	int code;         // of the error; 0: no such method
	char buffer[600]; // for words
} ln_reply;

typedef struct ln_node ln_node;
struct ln_node {
	// Called by several threads at a time. `params` is the text of the arguments, terminated.
	void (*answer)(const ln_node *n, ln_reply *ret_reply, const char *method,
	               const char *params);
	pid_t pid;
	uint16_t port;
};

void ln_serve(ln_node *n); // in a process of its own, on a free port of the loopback
void ln_stop(ln_node *n);

#endif

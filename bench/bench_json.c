// How fast is JSON read? Beside what a program would take instead (plain cJSON_Parse of the same
// bytes, which forgets digits), and beside what cannot be avoided: copying the text once.
//
//   blocks   the eight Ethereum blocks of the shared data: mostly long strings
//   calls    a made-up answer of callTracer, four levels deep: many keys, many short values
//   numbers  [0,1,2,...]: nothing but values
//
// Goals: 700 MB/s on blocks, 300 MB/s on calls. Each figure is the best of several rounds, the
// three sides taking turns, for a machine can only be disturbed towards slower ones. What was read
// is freed within the time.
#ifdef DP_HAVE_CJSON
#include <cjson/cJSON.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"

enum { ROUNDS = 30, TEXT_MAX = 8 << 20 };

typedef struct text {
	char *bytes;
	size_t size;
} text;

static double now_s(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void append(text *t, const char *s, size_t n)
{
	DP_CHECK(n < TEXT_MAX && t->size < TEXT_MAX - n);
	memcpy(t->bytes + t->size, s, n);
	t->size += n;
}

static text make_calls(void)
{
	static const char call[] =
	    "{\"from\":\"0x7d92ad7e1b6ae22c6a43283af3856028cd3d856a\",\"gas\":\"0x76c00\","
	    "\"gasUsed\":\"0x1f4a2\",\"to\":\"0x7a250d5630b4cf539739df2c5dacb4c659f2488d\","
	    "\"input\":\"0x70a082310000000000000000000000007d92ad7e1b6ae22c6a43283af3856028cd3d"
	    "856a\",\"output\":\"0x0000000000000000000000000000000000000000000000000de0b6b3a7640"
	    "000\",\"value\":\"0x0\",\"type\":\"CALL\"";
	text t = {.bytes = dp_alloc(TEXT_MAX)};
	DP_CHECK(t.bytes != NULL);
	append(&t, "[", 1);
	for (int i = 0; i < 400; i++) {
		append(&t, i == 0 ? "{\"result\":" : ",{\"result\":", i == 0 ? 10 : 11);
		for (int depth = 0; depth < 4; depth++) {
			append(&t, call, sizeof call - 1);
			if (depth < 3) append(&t, ",\"calls\":[", 10);
		}
		append(&t, "}]}]}]}}", 8);
	}
	append(&t, "]", 1);
	return t;
}

static text make_numbers(void)
{
	text t = {.bytes = dp_alloc(TEXT_MAX)};
	char number[16];
	DP_CHECK(t.bytes != NULL);
	append(&t, "[0", 2);
	for (int i = 1; i < 100000; i++)
		append(&t, number, (size_t)snprintf(number, sizeof number, ",%d", i));
	append(&t, "]", 1);
	return t;
}

// All eight in one list; of size 0 when they are not there.
static text read_blocks(void)
{
	static const char *const names[] = {"46147",    "930196",   "11743952", "12459406",
	                                    "15537393", "15537394", "19426586", "19934116"};
	const char *shared = getenv("DYEPACK_SHARED");
	text t = {.bytes = dp_alloc(TEXT_MAX)};
	DP_CHECK(t.bytes != NULL);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[4096];
		int n = snprintf(path, sizeof path, "%s/data/ethereum/blocks/%s.json",
		                 shared == NULL ? "../shared" : shared, names[i]);
		DP_CHECK(n > 0 && (size_t)n < sizeof path);
		FILE *f = fopen(path, "rb");
		if (f == NULL) {
			printf("blocks: skipped, there is no %s (set DYEPACK_SHARED)\n", path);
			t.size = 0;
			return t;
		}
		append(&t, i == 0 ? "[" : ",", 1);
		t.size += fread(t.bytes + t.size, 1, TEXT_MAX - t.size - 1, f);
		fclose(f);
	}
	append(&t, "]", 1);
	return t;
}

static void parse(const text *t)
{
	dp_json *doc;
	dp_fault fault;
	dp_code code = dp_json_parse(&doc, t->bytes, t->size, &fault);
	DP_CHECK(code == DP_OK);
	dp_json_free(doc);
}

static void parse_peer(const text *t)
{
#ifdef DP_HAVE_CJSON
	cJSON *doc = cJSON_ParseWithLength(t->bytes, t->size);
	DP_CHECK(doc != NULL);
	cJSON_Delete(doc);
#else
	(void)t;
#endif
}

static char *copied;

static void copy(const text *t)
{
	memcpy(copied, t->bytes, t->size);
	// The compiler must not find out that nobody reads it.
	__asm__ volatile("" : : "r"(copied) : "memory");
}

static double timed(void (*run)(const text *t), const text *t, double best)
{
	int runs = 1 + (int)((1 << 20) / t->size);
	double begin = now_s();
	for (int i = 0; i < runs; i++) run(t);
	double s = (now_s() - begin) / runs;
	return s < best ? s : best;
}

static void compare(const char *name, text t, double goal)
{
	double ours = 1e9, peer = 1e9, limit = 1e9, mb = (double)t.size / 1e6;
	if (t.size > 0) {
		for (int round = 0; round < ROUNDS; round++) {
			limit = timed(copy, &t, limit);
			peer = timed(parse_peer, &t, peer);
			ours = timed(parse, &t, ours);
		}
		printf("%-8s %5.2f MB: dyepack %6.0f MB/s", name, mb, mb / ours);
#ifdef DP_HAVE_CJSON
		printf(", cJSON %4.0f MB/s (%.1f times)", mb / peer, peer / ours);
#endif
		printf(", memcpy %6.0f MB/s (%.2f of it)\n", mb / limit, limit / ours);
		if (goal > 0)
			printf("%-8s           goal > %3.0f MB/s   result %6.0f   %s\n", name, goal,
			       mb / ours, mb / ours > goal ? "met" : "MISSED");
	}
	dp_free(t.bytes);
}

int main(void)
{
	copied = dp_alloc(TEXT_MAX);
	DP_CHECK(copied != NULL);
#ifndef DP_HAVE_CJSON
	printf("cJSON is not installed; there is no peer to compare with\n");
#endif
	compare("blocks", read_blocks(), 700);
	compare("calls", make_calls(), 300);
	compare("numbers", make_numbers(), 0);
	dp_free(copied);
	return 0;
}

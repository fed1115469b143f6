// Writes planted laundering shapes in noise as AMLworld's files: the transactions, or the patterns
// that say which of them belong to which attempt. The generator is that of the tests and benchmarks
// (bench/ledger_shapes.c): the same options give the same file on every machine.
//
//   gen_shapes [--seed N] [--each N] [--noise N] [--days N] [--odd] [--patterns] > FILE
//
// --each is how many attempts of each of the eight shapes, --noise how many background transactions
// to each planted one, --odd adds what real files have: an attempt of two accounts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ledger_shapes.h"

static int misuse(const char *what)
{
	fprintf(stderr,
	        "gen_shapes: %s\n"
	        "usage: gen_shapes [--seed N] [--each 1..100000] [--noise 0..100000] "
	        "[--days 10..400] [--odd] [--patterns]\n",
	        what);
	return 2;
}

static int failed(const char *what)
{
	fprintf(stderr, "gen_shapes: %s\n", what);
	return 1;
}

static int write_file(const dp_shapes *s, bool is_patterns)
{
	static char buffer[1 << 16];
	dp_shapes_text text = {.shapes = s, .is_patterns = is_patterns};
	for (;;) {
		size_t n;
		dp_fault fault;
		if (dp_shapes_read(&text, buffer, sizeof buffer, &n, &fault) != DP_OK)
			return failed(fault.text);
		if (n == 0) break;
		if (fwrite(buffer, 1, n, stdout) != n) return failed("cannot write");
	}
	return fflush(stdout) == 0 ? 0 : failed("cannot write");
}

// false: not a number within its bounds.
static bool read_number(uint64_t *ret_number, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != 0 || n < least || n > most) return false;
	*ret_number = n;
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, each = 20, noise = 10, days = 30;
	bool odd = false, is_patterns = false;
	const struct {
		const char *name;
		uint64_t *value, least, most;
	} option[] = {{"--seed", &seed, 0, UINT64_MAX},
	              {"--each", &each, 1, 100000},
	              {"--noise", &noise, 0, 100000},
	              {"--days", &days, 10, 400}};
	for (int i = 1; i < argc; i++) {
		bool known = true;
		if (strcmp(argv[i], "--odd") == 0)
			odd = true;
		else if (strcmp(argv[i], "--patterns") == 0)
			is_patterns = true;
		else
			known = false;
		for (size_t o = 0; !known && o < sizeof option / sizeof *option; o++) {
			if (strcmp(argv[i], option[o].name) != 0 || i + 1 == argc) continue;
			if (!read_number(option[o].value, argv[++i], option[o].least,
			                 option[o].most))
				return misuse(argv[i]);
			known = true;
		}
		if (!known) return misuse(argv[i]);
	}
	dp_shapes_options options = {.seed = seed,
	                             .each = (uint32_t)each,
	                             .noise = (uint32_t)noise,
	                             .days = (uint32_t)days,
	                             .odd = odd};
	dp_shapes s;
	dp_fault fault;
	if (dp_shapes_make(&s, &options, &fault) != DP_OK) return failed(fault.text);
	int result = write_file(&s, is_patterns);
	dp_shapes_done(&s);
	return result;
}

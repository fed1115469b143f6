// Replays a corpus through a fuzz target without libFuzzer, so that every build (gcc, clang,
// sanitized) runs the seeds and the inputs that once broke something: `make test`, suite
// fuzz-corpus.
//
//   replay_x fuzz/corpus/x
//
// Every regular file of the folder is given to the target as it is; then, because most mistakes of
// a parser are at the edges, cut short at up to CUT_MAX places and with FLIP_MAX single bits
// flipped. The places follow from the file's length and a fixed generator (SplitMix64, Steele,
// Lea and Flood 2014), so that a failure comes back on the next run. Each input is handed over in
// an allocation of exactly its size: AddressSanitizer then sees a read of one byte too many.
//
// An empty or missing folder is a failure: a target without seeds proves nothing here. Before each
// input its name is kept ready and printed if the target aborts or a sanitizer ends the run, for
// otherwise nobody knows which of thousands it was.
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// There in sanitized builds of gcc and clang, NULL in all others.
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

// Variants are for seeds of ordinary size; a whole block of megabytes is replayed only as it is.
enum { CUT_MAX = 64, FLIP_MAX = 128, VARIED_SIZE_MAX = 64 * 1024, FILE_SIZE_MAX = 64 << 20 };

static char current[600]; // what runs now, for the last words

// Only async-signal-safe calls: the process may be in any state.
static void say_current(void)
{
	static const char head[] = "\nreplay: broken by ";
	ssize_t done = write(STDERR_FILENO, head, sizeof head - 1);
	done += write(STDERR_FILENO, current, strlen(current));
	done += write(STDERR_FILENO, "\n", 1);
	(void)done;
}

static void on_signal(int number)
{
	say_current();
	signal(number, SIG_DFL);
	raise(number);
}

// A sanitizer reports a bad access better than a signal handler can, but leaves abort() to us.
static void arrange_last_words(void)
{
	signal(SIGABRT, on_signal);
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(say_current);
		return;
	}
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], on_signal);
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

// Hands a copy of exactly `size` bytes to the target. `flip_bit` below 0 changes nothing.
static void run_one(const uint8_t *bytes, size_t size, int64_t flip_bit)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	if (!copy) {
		fprintf(stderr, "replay: out of memory\n");
		exit(1);
	}
	if (size > 0) memcpy(copy, bytes, size);
	if (flip_bit >= 0) {
		uint8_t bit = (uint8_t)(1u << (flip_bit % 8));
		copy[flip_bit / 8] = (uint8_t)(copy[flip_bit / 8] ^ bit);
	}
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static uint64_t run_variants(const char *name, const uint8_t *bytes, size_t size)
{
	snprintf(current, sizeof current, "%s as it is", name);
	run_one(bytes, size, -1);
	uint64_t inputs = 1;
	if (size == 0 || size > VARIED_SIZE_MAX) return inputs;
	size_t cuts = size < CUT_MAX ? size : CUT_MAX;
	for (size_t i = 0; i < cuts; i++, inputs++) {
		size_t length = size * i / cuts;
		snprintf(current, sizeof current, "%s cut to %zu bytes", name, length);
		run_one(bytes, length, -1);
	}
	uint64_t state = size;
	for (size_t i = 0; i < FLIP_MAX; i++, inputs++) {
		uint64_t bit = splitmix64(&state) % (size * 8);
		snprintf(current, sizeof current, "%s with bit %llu of byte %llu flipped", name,
		         (unsigned long long)(bit % 8), (unsigned long long)(bit / 8));
		run_one(bytes, size, (int64_t)bit);
	}
	return inputs;
}

// Reads a file whole; exits with its name on any trouble. The caller frees.
static uint8_t *read_whole(const char *path, size_t size)
{
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	FILE *file = fopen(path, "rb");
	if (!bytes || !file || fread(bytes, 1, size, file) != size) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	fclose(file);
	return bytes;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	arrange_last_words();
	struct dirent **entries = NULL;
	int count = scandir(argv[1], &entries, visible, alphasort);
	uint64_t files = 0, inputs = 1;
	snprintf(current, sizeof current, "the empty input");
	run_one(NULL, 0, -1);
	for (int i = 0; i < count; i++) {
		char path[512];
		struct stat about;
		snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
		free(entries[i]);
		if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) continue;
		if (about.st_size > FILE_SIZE_MAX) {
			fprintf(stderr, "replay: %s is too large for a seed\n", path);
			return 1;
		}
		uint8_t *bytes = read_whole(path, (size_t)about.st_size);
		inputs += run_variants(path, bytes, (size_t)about.st_size);
		free(bytes);
		files++;
	}
	free(entries);
	if (files == 0) {
		fprintf(stderr, "replay: no seeds in %s; put at least one there\n", argv[1]);
		return 1;
	}
	printf("replayed %llu files as %llu inputs\n", (unsigned long long)files,
	       (unsigned long long)inputs);
	return 0;
}

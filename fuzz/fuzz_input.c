// Fuzzes the unpacking of archives.
//
// Strategy: the bytes are written to a file in memory (memfd) and read through its name in /proc,
// in pieces whose size comes from the input, so that every boundary between store and buffer is
// met.
//
// Invariants: no crash, no hang; never more than asked for in one read; after the end comes the
// end; plain bytes come out as they went in; nothing is left over.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"

enum { READ_MAX = 4096, OUT_MAX = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_through(const char *path, const uint8_t *data, size_t size)
{
	dp_input *in;
	dp_fault fault;
	uint8_t buffer[READ_MAX];
	size_t total = 0, n = 0, step = size == 0 ? 1 : 1 + data[size - 1] * 16u;
	bool is_packed = size >= 2 && ((data[0] == 0x1f && data[1] == 0x8b) ||
	                               (size >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0));
	dp_code code = dp_input_open(&in, path, &fault);
	DP_CHECK(code == DP_OK);
	if (step > READ_MAX) step = READ_MAX;
	do {
		code = dp_input_read(in, buffer, step, &n, &fault);
		if (code != DP_OK) break;
		DP_CHECK(n <= step);
		if (!is_packed) DP_CHECK(n <= size - total && memcmp(buffer, data + total, n) == 0);
		total += n;
	} while (n > 0 && total < OUT_MAX);
	if (code == DP_OK && n == 0) {
		DP_CHECK(dp_input_read(in, buffer, step, &n, &fault) == DP_OK && n == 0);
		DP_CHECK(is_packed || total == size);
	}
	DP_CHECK(code == DP_OK || (code == DP_BAD_BYTES && fault.text[0] != 0));
	DP_CHECK(dp_input_bytes_read(in) <= size);
	dp_input_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t live = dp_mem_live();
	char path[64];
	int fd = memfd_create("fuzz_input", MFD_CLOEXEC);
	DP_CHECK(fd >= 0);
	DP_CHECK(write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	read_through(path, data, size);
	close(fd);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

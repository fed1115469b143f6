// Input: plain, gzip and zstd bytes give the same; archives that are cut or damaged are refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "codec/input.h"

enum { TEXT_SIZE = 700000, PACKED_SIZE = 2 * TEXT_SIZE };
static uint8_t text[TEXT_SIZE], packed[PACKED_SIZE];
static char folder[] = "/tmp/dyepack-input-XXXXXX", file[64];

static int make_folder(void **state)
{
	(void)state;
	uint32_t x = 1;
	for (size_t i = 0; i < TEXT_SIZE; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = (uint8_t)(i % 3 == 0 ? x >> 24 : 'a' + i % 20);
	}
	if (mkdtemp(folder) == NULL) return 1;
	snprintf(file, sizeof file, "%s/f", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(folder);
}

static size_t pack_gzip(uint8_t *out, const uint8_t *from, size_t n)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)from;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = PACKED_SIZE / 2;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t size = z.total_out;
	deflateEnd(&z);
	return size;
}

static size_t pack_zstd(uint8_t *out, const uint8_t *from, size_t n)
{
	size_t size = ZSTD_compress(out, PACKED_SIZE / 2, from, n, 3);
	assert_false(ZSTD_isError(size));
	return size;
}

static size_t pack(uint8_t *out, const uint8_t *from, size_t n, int form)
{
	if (form == 1) return pack_gzip(out, from, n);
	if (form == 2) return pack_zstd(out, from, n);
	memcpy(out, from, n);
	return n;
}

static dp_code read_whole(const char *path, uint8_t **ret_bytes, size_t *ret_size, size_t size_max,
                          dp_fault *fault)
{
	dp_input *in;
	memset(fault, 0, sizeof *fault);
	dp_code code = dp_input_open(&in, path, fault);
	if (code != DP_OK) return code;
	code = dp_input_read_all(in, ret_bytes, ret_size, size_max, fault);
	dp_input_close(in);
	return code;
}

static void assert_reads_as(const uint8_t *want, size_t n)
{
	uint8_t *got;
	size_t size;
	dp_fault fault;
	assert_int_equal(read_whole(file, &got, &size, TEXT_SIZE, &fault), DP_OK);
	assert_int_equal(size, n);
	assert_memory_equal(got, want, n);
	dp_free(got);
}

static void every_form_gives_the_same_bytes(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 1000, 65536, 262144, TEXT_SIZE};
	for (int form = 0; form < 3; form++) {
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			mk_save(file, packed, pack(packed, text, sizes[i], form));
			assert_reads_as(text, sizes[i]);
		}
	}
}

static void archives_in_a_row_are_one(void **state)
{
	(void)state;
	for (int form = 1; form < 3; form++) {
		size_t n = pack(packed, text, 300000, form);
		n += pack(packed + n, text, 0, form); // an empty one between
		n += pack(packed + n, text + 300000, 1000, form);
		mk_save(file, packed, n);
		assert_reads_as(text, 301000);
	}
}

static void small_reads_lose_nothing(void **state)
{
	(void)state;
	for (int form = 0; form < 3; form++) {
		mk_save(file, packed, pack(packed, text, 5000, form));
		dp_input *in;
		uint8_t got[7];
		size_t at = 0, n = 1;
		assert_int_equal(dp_input_open(&in, file, NULL), DP_OK);
		while (n > 0) {
			assert_int_equal(dp_input_read(in, got, 1 + at % 7, &n, NULL), DP_OK);
			assert_memory_equal(got, text + at, n);
			at += n;
		}
		assert_int_equal(at, 5000);
		assert_int_equal(dp_input_read(in, got, 7, &n, NULL),
		                 DP_OK); // the end stays the end
		assert_int_equal(n, 0);
		assert_int_equal(dp_input_bytes_read(in), dp_input_bytes_total(in));
		dp_input_close(in);
	}
}

static void an_archive_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (int form = 1; form < 3; form++) {
		size_t n = pack(packed, text, 2000, form), size;
		uint8_t *got;
		dp_fault fault;
		// Cut so short that the mark is gone, it is plain text.
		for (size_t cut = form == 1 ? 2 : 4; cut < n; cut++) {
			mk_save(file, packed, cut);
			assert_int_equal(read_whole(file, &got, &size, TEXT_SIZE, &fault),
			                 DP_BAD_BYTES);
			assert_non_null(strstr(fault.text, "cut off"));
			assert_string_equal(fault.file, file);
		}
	}
}

static void a_damaged_archive_is_refused_or_reads_the_same(void **state)
{
	(void)state;
	for (int form = 1; form < 3; form++) {
		size_t n = pack(packed, text, 2000, form), size;
		for (size_t at = 4; at < n; at++) {
			uint8_t *got = NULL;
			dp_fault fault;
			packed[at] ^= 0x10;
			mk_save(file, packed, n);
			dp_code code = read_whole(file, &got, &size, TEXT_SIZE, &fault);
			assert_true(code == DP_OK || code == DP_BAD_BYTES || code == DP_LIMIT);
			// zstd without a checksum cannot see every change. gzip has one: what still
			// reads was changed where nothing depends on it.
			if (code == DP_OK && form == 1) {
				assert_int_equal(size, 2000);
				assert_memory_equal(got, text, 2000);
			}
			if (code == DP_OK) dp_free(got);
			packed[at] ^= 0x10;
		}
	}
}

static void bytes_after_an_archive_are_refused(void **state)
{
	(void)state;
	for (int form = 1; form < 3; form++) {
		size_t n = pack(packed, text, 2000, form), size;
		uint8_t *got;
		dp_fault fault;
		memcpy(packed + n, "rubbish", 7);
		for (size_t extra = 1; extra <= 7; extra++) {
			mk_save(file, packed, n + extra);
			assert_int_equal(read_whole(file, &got, &size, TEXT_SIZE, &fault),
			                 DP_BAD_BYTES);
		}
	}
}

static void more_than_allowed_is_refused(void **state)
{
	(void)state;
	for (int form = 0; form < 3; form++) {
		size_t size;
		uint8_t *got;
		dp_fault fault;
		mk_save(file, packed, pack(packed, text, 5000, form));
		assert_int_equal(read_whole(file, &got, &size, 4999, &fault), DP_LIMIT);
		assert_string_equal(fault.file, file);
		assert_int_equal(read_whole(file, &got, &size, 5000, &fault), DP_OK);
		assert_int_equal(size, 5000);
		dp_free(got);
	}
	// A gigabyte of zeros in a megabyte: refused after the maximum, whatever is behind.
	static uint8_t zeros[1 << 20];
	size_t n = 0, one = pack_zstd(packed, zeros, sizeof zeros);
	for (int i = 0; i < 1000; i++, n += one) memmove(packed + n, packed, one);
	mk_save(file, packed, n);
	uint8_t *got;
	dp_fault fault;
	assert_int_equal(read_whole(file, &got, &n, TEXT_SIZE, &fault), DP_LIMIT);
}

static void what_is_not_there_or_no_file_is_told(void **state)
{
	(void)state;
	dp_input *in;
	dp_fault fault = {0};
	assert_int_equal(dp_input_open(&in, "/nonexistent/file", &fault), DP_NOT_FOUND);
	assert_string_equal(fault.file, "/nonexistent/file");
	assert_int_equal(dp_input_open(&in, folder, &fault), DP_IO);
	assert_non_null(strstr(fault.text, "folder"));
	dp_input_close(NULL);
}

static void standard_input_may_be_an_archive_from_a_pipe(void **state)
{
	(void)state;
	int ends[2], saved = dup(STDIN_FILENO);
	size_t n = pack_gzip(packed, text, 1000), size;
	uint8_t *got;
	dp_fault fault;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], packed, n), (int)n);
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(read_whole("-", &got, &size, TEXT_SIZE, &fault), DP_OK);
	assert_int_equal(size, 1000);
	assert_memory_equal(got, text, 1000);
	dp_free(got);
	assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), 0); // still open: it is not ours to close
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void a_failed_allocation_is_told_and_nothing_is_lost(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int form = 0; form < 3; form++) {
		mk_save(file, packed, pack(packed, text, TEXT_SIZE, form));
		for (int64_t n = 0;; n++) {
			uint8_t *got = NULL;
			size_t size;
			dp_fault fault;
			dp_mem_fail_after(n);
			dp_code code = read_whole(file, &got, &size, TEXT_SIZE, &fault);
			dp_mem_fail_after(-1);
			if (code == DP_OK) dp_free(got);
			assert_int_equal(dp_mem_live(), live);
			if (code == DP_OK) break;
			assert_int_equal(code, DP_NO_MEMORY);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_gives_the_same_bytes),
	    cmocka_unit_test(archives_in_a_row_are_one),
	    cmocka_unit_test(small_reads_lose_nothing),
	    cmocka_unit_test(an_archive_cut_anywhere_is_refused),
	    cmocka_unit_test(a_damaged_archive_is_refused_or_reads_the_same),
	    cmocka_unit_test(bytes_after_an_archive_are_refused),
	    cmocka_unit_test(more_than_allowed_is_refused),
	    cmocka_unit_test(what_is_not_there_or_no_file_is_told),
	    cmocka_unit_test(standard_input_may_be_an_archive_from_a_pipe),
	    cmocka_unit_test(a_failed_allocation_is_told_and_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

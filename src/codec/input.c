// See input.h.
//
// The stored bytes are read in pieces of 256 KiB; gzip (RFC 1952, several members in a row are
// one stream) goes through zlib, zstd (RFC 8878, several frames likewise) through libzstd. Both
// unpack piece by piece into the caller's buffer, so an archive that blows up to a terabyte
// costs no memory: zlib needs 32 KiB, zstd at most the window of 128 MiB beyond which it refuses.
#include "codec/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "base/mem.h"

typedef enum form { FORM_PLAIN, FORM_GZIP, FORM_ZSTD } form;

enum { STORED_SIZE = 256 << 10, HEAD_SIZE = 4 };

struct dp_input {
	int fd; // 0 for stdin, which is not ours to close
	form form;
	bool is_stored_end; // the file has no more bytes
	bool is_between;    // archives: at the start of a member or frame, where an end is allowed
	bool is_gzip_ready; // `gzip` needs its end
	uint64_t bytes_read, bytes_total;
	size_t stored_at, stored_size; // in stored[]
	z_stream gzip;
	ZSTD_DStream *zstd;
	char path[DP_FAULT_FILE_MAX];
	uint8_t stored[STORED_SIZE];
};

static dp_code fail_input(const dp_input *in, dp_fault *fault, dp_code code, const char *text)
{
	DP_CHECK(in != NULL && text != NULL);
	if (code == DP_BAD_BYTES) {
		uint64_t at = in->bytes_read - (in->stored_size - in->stored_at);
		code = dp_fail_offset(fault, code, at, "%s", text);
	} else {
		code = dp_fail(fault, code, "%s", text);
	}
	if (fault != NULL) dp_fault_file(fault, in->path);
	return code;
}

// Reads on until there are `least` bytes in stored[] or the file ends. Pipes give less than asked.
static dp_code fill(dp_input *in, size_t least, dp_fault *fault)
{
	DP_CHECK(least <= STORED_SIZE);
	if (in->stored_at > 0) {
		memmove(in->stored, in->stored + in->stored_at, in->stored_size - in->stored_at);
		in->stored_size -= in->stored_at;
		in->stored_at = 0;
	}
	while (in->stored_size < least && !in->is_stored_end) {
		ssize_t n =
		    read(in->fd, in->stored + in->stored_size, STORED_SIZE - in->stored_size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return fail_input(in, fault, DP_IO, strerror(errno));
		if (n == 0) in->is_stored_end = true;
		in->stored_size += (size_t)n;
		in->bytes_read += (uint64_t)n;
	}
	return DP_OK;
}

static dp_code start_form(dp_input *in, dp_fault *fault)
{
	static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
	DP_TRY(fill(in, HEAD_SIZE, fault));
	in->is_between = true;
	if (in->stored_size >= 2 && in->stored[0] == 0x1f && in->stored[1] == 0x8b) {
		in->form = FORM_GZIP;
		// 16: gzip only, zlib's own form is refused; 15: the largest window.
		if (inflateInit2(&in->gzip, 15 + 16) != Z_OK)
			return fail_input(in, fault, DP_NO_MEMORY, "out of memory for gzip");
		in->is_gzip_ready = true;
	} else if (in->stored_size >= 4 && memcmp(in->stored, zstd_magic, 4) == 0) {
		in->form = FORM_ZSTD;
		in->zstd = ZSTD_createDStream();
		if (in->zstd == NULL)
			return fail_input(in, fault, DP_NO_MEMORY, "out of memory for zstd");
	}
	return DP_OK;
}

static dp_code open_file(dp_input *in, const char *path, dp_fault *fault)
{
	struct stat st;
	DP_CHECK(in->fd == -1);
	if (strcmp(path, "-") == 0) {
		in->fd = STDIN_FILENO;
		dp_code code = DP_OK;
		if (fstat(in->fd, &st) != 0) code = fail_input(in, fault, DP_IO, strerror(errno));
		if (code == DP_OK && S_ISREG(st.st_mode)) in->bytes_total = (uint64_t)st.st_size;
		return code;
	}
	in->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0)
		return fail_input(in, fault, errno == ENOENT ? DP_NOT_FOUND : DP_IO,
		                  strerror(errno));
	if (fstat(in->fd, &st) != 0) return fail_input(in, fault, DP_IO, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fail_input(in, fault, DP_IO, "is a folder; a file is wanted here");
	if (S_ISREG(st.st_mode)) in->bytes_total = (uint64_t)st.st_size;
	return DP_OK;
}

dp_code dp_input_open(dp_input **ret_input, const char *path, dp_fault *fault)
{
	DP_CHECK(ret_input != NULL && path != NULL);
	dp_input *in = dp_alloc(sizeof *in);
	if (in == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	in->fd = -1;
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	// A name too long for messages is cut, the file is opened under the whole one.
	size_t n = strnlen(name, sizeof in->path - 1);
	memcpy(in->path, name, n);
	dp_code code = open_file(in, path, fault);
	if (code == DP_OK) code = start_form(in, fault);
	if (code != DP_OK) {
		dp_input_close(in);
		return code;
	}
	*ret_input = in;
	return DP_OK;
}

static dp_code read_plain(dp_input *in, uint8_t *buffer, size_t size, size_t *ret_size,
                          dp_fault *fault)
{
	if (in->stored_at == in->stored_size) DP_TRY(fill(in, 1, fault));
	size_t n = in->stored_size - in->stored_at;
	if (n > size) n = size;
	memcpy(buffer, in->stored + in->stored_at, n);
	in->stored_at += n;
	*ret_size = n;
	return DP_OK;
}

// One step of zlib: from what is stored into the buffer.
static dp_code step_gzip(dp_input *in, uint8_t *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	z_stream *z = &in->gzip;
	size_t available = in->stored_size - in->stored_at;
	if (size > UINT32_MAX) size = UINT32_MAX;
	if (in->is_between && (available < 2 || in->stored[in->stored_at] != 0x1f))
		return fail_input(in, fault, DP_BAD_BYTES,
		                  "bytes that are no gzip follow the archive");
	z->next_in = in->stored + in->stored_at;
	z->avail_in = (uInt)available;
	z->next_out = buffer;
	z->avail_out = (uInt)size;
	in->is_between = false;
	int result = inflate(z, Z_NO_FLUSH);
	in->stored_at += available - z->avail_in;
	*ret_size = size - z->avail_out;
	if (result == Z_STREAM_END) {
		in->is_between = true;
		return inflateReset(z) == Z_OK
		           ? DP_OK
		           : fail_input(in, fault, DP_BAD_BYTES, "the gzip archive is damaged");
	}
	if (result == Z_MEM_ERROR) return fail_input(in, fault, DP_NO_MEMORY, "out of memory");
	if (result != Z_OK && result != Z_BUF_ERROR)
		return fail_input(in, fault, DP_BAD_BYTES, "the gzip archive is damaged");
	return DP_OK;
}

static dp_code step_zstd(dp_input *in, uint8_t *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	ZSTD_inBuffer from = {in->stored + in->stored_at, in->stored_size - in->stored_at, 0};
	ZSTD_outBuffer to = {buffer, size, 0};
	size_t result = ZSTD_decompressStream(in->zstd, &to, &from);
	if (ZSTD_isError(result)) {
		char text[160];
		(void)snprintf(text, sizeof text, "the zstd archive is damaged: %s",
		               ZSTD_getErrorName(result));
		return fail_input(in, fault, DP_BAD_BYTES, text);
	}
	in->stored_at += from.pos;
	*ret_size = to.pos;
	// 0 says that a frame ended and everything of it has been given out.
	in->is_between = result == 0;
	return DP_OK;
}

dp_code dp_input_read(void *input, void *buffer, size_t size, size_t *ret_size, dp_fault *fault)
{
	dp_input *in = input;
	DP_CHECK(in != NULL && buffer != NULL && ret_size != NULL);
	DP_CHECK(size > 0);
	if (in->form == FORM_PLAIN) return read_plain(in, buffer, size, ret_size, fault);
	for (;;) {
		size_t made = 0;
		// Two bytes, so that the start of a further gzip member can be told.
		if (in->stored_size - in->stored_at < 2) DP_TRY(fill(in, 2, fault));
		bool is_empty = in->stored_at == in->stored_size;
		if (is_empty && in->is_between) {
			*ret_size = 0;
			return DP_OK;
		}
		size_t stored_before = in->stored_at;
		if (in->form == FORM_GZIP)
			DP_TRY(step_gzip(in, buffer, size, &made, fault));
		else
			DP_TRY(step_zstd(in, buffer, size, &made, fault));
		if (made > 0) {
			*ret_size = made;
			return DP_OK;
		}
		// The unpackers may hold output back from earlier bytes, so an empty store alone
		// does not say that the archive was cut; no progress with nothing left does.
		bool is_stuck = in->stored_at == stored_before && !in->is_between;
		if (is_stuck && in->is_stored_end)
			return fail_input(in, fault, DP_BAD_BYTES,
			                  "the archive ends too early: it is cut off");
		// What is left may be too short for the unpacker to take: give it more.
		size_t left = in->stored_size - in->stored_at;
		if (is_stuck && left == STORED_SIZE)
			return fail_input(in, fault, DP_BAD_BYTES, "the archive is damaged");
		if (is_stuck) DP_TRY(fill(in, left + 1, fault));
	}
}

dp_code dp_input_read_all(dp_input *in, uint8_t **ret_bytes, size_t *ret_size, size_t size_max,
                          dp_fault *fault)
{
	DP_CHECK(in != NULL && ret_bytes != NULL && ret_size != NULL);
	DP_CHECK(size_max < SIZE_MAX / 2);
	uint8_t *bytes = NULL;
	uint64_t cap = 0;
	size_t size = 0, n = 0;
	dp_code code;
	do {
		// One byte beyond the maximum, to learn whether there is more than that. Room for a
		// good piece at a time, or small files would be read byte by byte.
		uint64_t want = (uint64_t)size + (64 << 10);
		if (want > (uint64_t)size_max + 1) want = (uint64_t)size_max + 1;
		code = dp_grow((void **)&bytes, &cap, 1, want, (uint64_t)size_max + 1, fault);
		if (code == DP_OK) code = dp_input_read(in, bytes + size, cap - size, &n, fault);
		if (code != DP_OK) break;
		size += n;
		if (size > size_max) {
			code = fail_input(in, fault, DP_LIMIT, "is larger than allowed here");
			break;
		}
	} while (n > 0);
	if (code != DP_OK) {
		dp_free(bytes);
		return code;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return DP_OK;
}

uint64_t dp_input_bytes_read(const dp_input *in)
{
	DP_CHECK(in != NULL);
	return in->bytes_read;
}

uint64_t dp_input_bytes_total(const dp_input *in)
{
	DP_CHECK(in != NULL);
	return in->bytes_total;
}

void dp_input_close(dp_input *in)
{
	if (in == NULL) return;
	DP_CHECK(in->stored_at <= in->stored_size);
	if (in->is_gzip_ready) inflateEnd(&in->gzip);
	ZSTD_freeDStream(in->zstd); // NULL is fine
	if (in->fd > STDIN_FILENO) close(in->fd);
	dp_free(in);
}

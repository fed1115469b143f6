// Packing segments with zstd, and unpacking them; see writer.h.
//
// A packed segment has the same sections; those that are worth it are one zstd frame each. What is
// needed to find out whether a segment matters at all (blocks, groups, filters) stays as it is.
// Unpacked again it is byte for byte what the builder made: sections lie in the order of their ids,
// each at a multiple of 64.
//
// The new file is written beside the old one as NNNNNNNN-NN.packed, then the manifest is replaced,
// then the file is renamed into place. A kill between the last two leaves a manifest that names
// what lies under the other name: whoever opens the ledger for writing next finishes the renaming.
#include "ledger/writer_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/chunk.h"

enum {
	LEVEL = 9,            // of zstd: cold data is packed once and unpacked often
	PACK_SIZE_MIN = 4096, // smaller sections are not worth a frame
	ALIGN = DP_SECTION_ALIGN
};

//- one file --------------------------------------------------------------------------------------

// The data of a file as it is written: cut into chunks, each summed up.
typedef struct stream {
	dp_file_out file;
	uint8_t part[DP_CHUNK];
	uint32_t part_size;
	uint64_t *check;
	uint64_t chunks, cap;
} stream;

static dp_code end_chunk(stream *s, dp_fault *fault)
{
	void *checks = s->check;
	DP_TRY(
	    dp_grow(&checks, &s->cap, sizeof *s->check, s->chunks + 1, (uint64_t)1 << 40, fault));
	s->check = checks;
	s->check[s->chunks++] = dp_chunk_check(s->part, s->part_size);
	uint32_t n = s->part_size;
	s->part_size = 0;
	return dp_file_write(&s->file, s->part, n, fault);
}

static dp_code put(stream *s, const uint8_t *bytes, uint64_t n, dp_fault *fault)
{
	while (n > 0) {
		uint64_t piece = DP_CHUNK - s->part_size;
		if (piece > n) piece = n;
		memcpy(s->part + s->part_size, bytes, piece);
		s->part_size += (uint32_t)piece;
		bytes += piece;
		n -= piece;
		if (s->part_size == DP_CHUNK) DP_TRY(end_chunk(s, fault));
	}
	return DP_OK;
}

static uint64_t at_of(const stream *s)
{
	return DP_SEGMENT_HEADER_SIZE + s->chunks * DP_CHUNK + s->part_size;
}

static dp_code align(stream *s, dp_fault *fault)
{
	static const uint8_t zeros[ALIGN];
	return put(s, zeros, (ALIGN - at_of(s) % ALIGN) % ALIGN, fault);
}

static bool may_be_packed(dp_section_id id)
{
	return id != DP_SEC_BLOCK && id != DP_SEC_GROUP && id != DP_SEC_TXFILTER &&
	       id != DP_SEC_ADDRFILTER;
}

// Writes one section behind those before it; `entry` is what the header will say.
static dp_code put_section(stream *s, dp_segment *from, dp_section_id id, bool pack,
                           dp_section_entry *io_entry, dp_fault *fault)
{
	uint64_t size = io_entry->count * io_entry->width;
	if (io_entry->width == 0) return DP_OK; // of the other kind of chain
	DP_TRY(align(s, fault));
	io_entry->offset = at_of(s);
	io_entry->stored = size;
	io_entry->codec = 0;
	if (size == 0) return DP_OK;
	const uint8_t *bytes = dp_segment_span_slow(from, id, 0, io_entry->count);
	if (bytes == NULL) return dp_segment_fault(from, id, 0, fault);
	if (!pack || !may_be_packed(id) || size < PACK_SIZE_MIN) return put(s, bytes, size, fault);
	size_t bound = ZSTD_compressBound(size);
	uint8_t *packed = dp_realloc(NULL, bound);
	if (packed == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	size_t n = ZSTD_compress(packed, bound, bytes, size, LEVEL);
	dp_code code;
	if (ZSTD_isError(n) || n >= size) {
		code = put(s, bytes, size, fault);
	} else {
		io_entry->stored = n;
		io_entry->codec = 1;
		code = put(s, packed, n, fault);
	}
	dp_free(packed);
	return code;
}

static void canonical(uint8_t out[16], const void *bytes, uint64_t n)
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits(bytes, n));
	memcpy(out, c.digest, sizeof c.digest);
}

static dp_code write_all(stream *s, dp_segment *from, bool pack, uint8_t ret_header_check[16],
                         dp_fault *fault)
{
	union {
		dp_segment_header h;
		uint8_t bytes[DP_SEGMENT_HEADER_SIZE];
	} head = {.bytes = {0}};
	DP_TRY(dp_file_write(&s->file, head.bytes, sizeof head.bytes, fault));
	head.h = from->head;
	for (int id = 0; id < DP_SEC_COUNT; id++)
		DP_TRY(put_section(s, from, (dp_section_id)id, pack, &head.h.section[id], fault));
	DP_TRY(align(s, fault));
	head.h.data_size = at_of(s) - DP_SEGMENT_HEADER_SIZE;
	if (s->part_size > 0) DP_TRY(end_chunk(s, fault));
	canonical(head.h.chunks_check, s->check, s->chunks * sizeof *s->check);
	DP_TRY(dp_file_write(&s->file, s->check, s->chunks * sizeof *s->check, fault));
	DP_TRY(dp_file_write_at(&s->file, 0, head.bytes, sizeof head.bytes, fault));
	canonical(ret_header_check, head.bytes, sizeof head.bytes);
	return dp_file_finish(&s->file, fault);
}

dp_code dp_segment_repack(dp_segment *s, const char *to, bool pack, uint8_t ret_header_check[16],
                          dp_fault *fault)
{
	DP_CHECK(s != NULL && to != NULL);
	stream *out = dp_alloc(sizeof *out);
	if (out == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_file_create(&out->file, to, fault);
	if (code == DP_OK) {
		code = write_all(out, s, pack, ret_header_check, fault);
		dp_file_done(&out->file);
	}
	dp_free(out->check);
	dp_free(out);
	return code;
}

//- the ledger's ----------------------------------------------------------------------------------

dp_code dp_writer_put_in_place(dp_writer *w, const char *from, const char *to, dp_fault *fault)
{
	if (rename(from, to) != 0) {
		dp_code code = dp_fail(fault, DP_IO, "cannot be renamed: %s", strerror(errno));
		dp_fault_file(fault, from);
		return code;
	}
	return dp_folder_sync(w->folder, fault);
}

static dp_code finish_one(dp_writer *w, uint64_t index, dp_fault *fault)
{
	const dp_manifest_segment *line = &w->manifest.segment[index];
	char packed[DP_PATH_MAX], path[DP_PATH_MAX];
	DP_TRY(dp_writer_path(w, packed, line->unit_first, line->unit_count, "packed", fault));
	if (access(packed, F_OK) != 0) return DP_OK;
	dp_segment *s;
	dp_code code = dp_segment_open(&s, packed, w->chain, line->header, fault);
	if (code == DP_NO_MEMORY || code == DP_IO) return code;
	if (code != DP_OK) return DP_OK; // it was not named yet: cleaning removes it
	dp_segment_close(s);
	DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "seg", fault));
	return dp_writer_put_in_place(w, packed, path, fault);
}

dp_code dp_writer_pack_finish(dp_writer *w, dp_fault *fault)
{
	for (uint64_t i = 0; i < w->manifest.count; i++) DP_TRY(finish_one(w, i, fault));
	return DP_OK;
}

static bool is_packed(const dp_segment *s)
{
	for (int id = 0; id < DP_SEC_COUNT; id++)
		if (s->head.section[id].codec != 0) return true;
	return false;
}

static dp_code pack_one(dp_writer *w, uint64_t index, bool pack, bool *ret_done, dp_fault *fault)
{
	dp_manifest_segment *line = &w->manifest.segment[index];
	char packed[DP_PATH_MAX], path[DP_PATH_MAX];
	dp_segment *s;
	uint8_t check[16];
	*ret_done = false;
	DP_TRY(dp_writer_segment(w, &s, index, fault));
	if (is_packed(s) == pack) return DP_OK;
	DP_TRY(dp_writer_path(w, packed, line->unit_first, line->unit_count, "packed", fault));
	DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "seg", fault));
	DP_TRY(dp_segment_repack(s, packed, pack, check, fault));
	*ret_done = memcmp(check, line->header, sizeof check) != 0;
	if (!*ret_done) return dp_file_remove(packed, fault); // there was nothing to pack
	memcpy(line->header, check, sizeof check);
	dp_writer_sealed_close(&w->sealed[index]);
	DP_TRY(dp_manifest_write(&w->manifest, w->folder, fault));
	return dp_writer_put_in_place(w, packed, path, fault);
}

dp_code dp_writer_pack(dp_writer *w, uint64_t height_below, bool pack, uint64_t *ret_segments,
                       dp_fault *fault)
{
	DP_CHECK(ret_segments != NULL && w->repair == NULL);
	DP_TRY(dp_writer_check(w, fault));
	DP_TRY(dp_writer_drain(w, fault));
	uint64_t done = 0;
	for (uint64_t i = 0; i < w->manifest.count; i++) {
		bool one;
		if (w->manifest.segment[i].height_last >= height_below) break;
		dp_code code = pack_one(w, i, pack, &one, fault);
		if (code != DP_OK) return dp_writer_fail(w, code, fault);
		done += one;
	}
	*ret_segments = done;
	return DP_OK;
}

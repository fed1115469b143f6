// Opening a segment and reading its columns, see segment.h. The layout stands in format.h.
//
// Trust is built in three steps. The manifest's checksum vouches for the header; the header's for
// the list of chunk checksums; the list for each chunk of 16 KiB, looked at when it is first
// touched. A checksum tells damage, not malice: whoever writes a segment can write the checksums,
// too. So the numbers in it are bounded as well, on opening those that the others hang on (sizes,
// offsets, counts, groups, classes), and in the accessors every id, index and order as it is read.
//
// Many threads read one segment. A chunk's bit is set with release order after its bytes were
// hashed and tested with acquire order; two threads may both hash a chunk, which is harmless and
// cheaper than a lock. A packed section is unpacked whole under a lock, its pointer published with
// release order.
#include "ledger/segment.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/chunk.h"
#include "ledger/segment_inner.h"

//- faults ----------------------------------------------------------------------------------------

static const char *const section_names[DP_SEC_COUNT] = {
    "BLOCK",      "TXID",       "TXSORT",    "TXBUCKET", "TXFILTER", "GROUP",     "ADDR",
    "ADDRBUCKET", "ADDRFILTER", "POSTFIRST", "POST",     "WIDE",     "TXROW",     "SRC",
    "DST",        "AMOUNT",     "CLASS",     "CLASSES",  "NOISE",    "NOISENAME", "TXIN",
    "TXOUT",      "OUTTX",      "SPENT",     "OUTADDR",  "VALUE",    "FOREIGN",   "NOTETX",
    "NOTEAT",     "NOTE",       "NOTENAME",
};

const char *dp_section_name(dp_section_id id)
{
	DP_CHECK(id < DP_SEC_COUNT);
	DP_CHECK(section_names[id] != NULL);
	return section_names[id];
}

uint64_t dp_segment_offset(const dp_segment *s, dp_section_id id, uint64_t index)
{
	DP_CHECK(s != NULL && id < DP_SEC_COUNT);
	uint64_t at = DP_SEGMENT_HEADER_SIZE + s->sec[id].offset;
	bool inside = !s->sec[id].packed && index <= s->head.section[id].count;
	return inside ? at + index * s->head.section[id].width : at;
}

dp_code dp_segment_bad(const dp_segment *s, dp_fault *fault, uint64_t offset, const char *format,
                       ...)
{
	DP_CHECK(s != NULL && format != NULL);
	char what[DP_FAULT_TEXT_MAX - 100];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof what, format, args);
	va_end(args);
	dp_code code =
	    dp_fail_offset(fault, DP_BAD_BYTES, offset,
	                   "%s; `dyepack ledger verify` says which blocks to import again", what);
	dp_fault_file(fault, s->path);
	return code;
}

dp_code dp_segment_bad_item(const dp_segment *s, dp_fault *fault, dp_section_id id, uint64_t index,
                            const char *what)
{
	return dp_segment_bad(s, fault, dp_segment_offset(s, id, index), "item %llu of %s %s",
	                      (unsigned long long)index, dp_section_name(id), what);
}

//- checking and unpacking ------------------------------------------------------------------------

// Compares a chunk with its checksum and remembers that.
static bool check_chunk(dp_segment *s, uint64_t chunk)
{
	if (dp_segment_chunk_checked(s, chunk)) return true;
	uint64_t at = chunk * DP_CHUNK, left = s->head.data_size - at;
	uint64_t have = dp_chunk_check(s->data + at, left < DP_CHUNK ? left : DP_CHUNK);
	if (have != s->check[chunk]) return false;
	atomic_fetch_or_explicit(&s->checked[chunk >> 6], (uint64_t)1 << (chunk & 63),
	                         memory_order_release);
	return true;
}

// Chunks that were not touched yet are asked of the disk at once, not page by page as they fault.
static void fetch_chunks(const dp_segment *s, uint64_t first, uint64_t last)
{
	if (s->map.bytes == NULL) return; // an image lies in memory
	while (first <= last && dp_segment_chunk_checked(s, first)) first++;
	if (first > last) return;
	uint64_t at = DP_SEGMENT_HEADER_SIZE + first * DP_CHUNK;
	uint64_t end = DP_SEGMENT_HEADER_SIZE + (last + 1) * DP_CHUNK;
	if (end > s->map.size) end = s->map.size;
	dp_map_advise(&s->map, at, end - at, DP_MAP_WILL_NEED);
}

// The first chunk of `size` (not 0) bytes of data from `offset` that is damaged; UINT64_MAX: none.
static uint64_t damaged_chunk(dp_segment *s, uint64_t offset, uint64_t size)
{
	DP_CHECK(size > 0 && offset < s->head.data_size && size <= s->head.data_size - offset);
	uint64_t first = offset / DP_CHUNK, last = (offset + size - 1) / DP_CHUNK;
	fetch_chunks(s, first, last);
	for (uint64_t chunk = first; chunk <= last; chunk++)
		if (!check_chunk(s, chunk)) return chunk;
	return UINT64_MAX;
}

static dp_code bad_chunk(const dp_segment *s, dp_section_id id, uint64_t chunk, dp_fault *fault)
{
	return dp_segment_bad(s, fault, DP_SEGMENT_HEADER_SIZE + chunk * DP_CHUNK,
	                      "the %d bytes from here do not have their checksum (in %s)", DP_CHUNK,
	                      dp_section_name(id));
}

static dp_code unpack_locked(dp_segment *s, dp_section_id id, dp_fault *fault)
{
	const dp_section_entry *e = &s->head.section[id];
	uint64_t offset = s->sec[id].offset, size = s->sec[id].size;
	DP_CHECK(size > 0 && size <= DP_UNPACKED_MAX);
	uint64_t chunk = damaged_chunk(s, offset, e->stored);
	if (chunk != UINT64_MAX) return bad_chunk(s, id, chunk, fault);
	const uint8_t *from = s->data + offset;
	if (ZSTD_getFrameContentSize(from, e->stored) != size ||
	    ZSTD_findFrameCompressedSize(from, e->stored) != e->stored)
		return dp_segment_bad_item(s, fault, id, 0, "is no zstd frame of the right size");
	uint8_t *to = dp_alloc(size);
	if (to == NULL)
		return dp_fail(fault, DP_NO_MEMORY,
		               "out of memory unpacking %llu bytes of %s of %s",
		               (unsigned long long)size, dp_section_name(id), s->path);
	size_t n = ZSTD_decompress(to, size, from, e->stored);
	if (ZSTD_isError(n) || n != size) {
		dp_free(to);
		return dp_segment_bad_item(s, fault, id, 0, "does not unpack (zstd)");
	}
	atomic_store_explicit(&s->sec[id].base, to, memory_order_release);
	return DP_OK;
}

static dp_code unpack(dp_segment *s, dp_section_id id, dp_fault *fault)
{
	DP_CHECK(s->sec[id].packed);
	(void)pthread_mutex_lock(&s->unpacking);
	dp_code code = DP_OK;
	if (atomic_load_explicit(&s->sec[id].base, memory_order_acquire) == NULL)
		code = unpack_locked(s, id, fault);
	(void)pthread_mutex_unlock(&s->unpacking);
	return code;
}

void dp_segment_fetch(const dp_segment *s, dp_section_id id, uint64_t index, uint64_t count)
{
	DP_CHECK(s != NULL && id < DP_SEC_COUNT);
	const dp_section_entry *e = &s->head.section[id];
	if (s->sec[id].packed || index >= e->count || count == 0) return;
	if (count > e->count - index) count = e->count - index;
	uint64_t offset = s->sec[id].offset + index * e->width;
	fetch_chunks(s, offset / DP_CHUNK, (offset + count * e->width - 1) / DP_CHUNK);
}

const void *dp_segment_span_slow(dp_segment *s, dp_section_id id, uint64_t index, uint64_t count)
{
	DP_CHECK(s != NULL && id < DP_SEC_COUNT);
	const dp_section_entry *e = &s->head.section[id];
	if (count == 0 || index >= e->count) return NULL;
	if (s->sec[id].packed) {
		const uint8_t *base = atomic_load_explicit(&s->sec[id].base, memory_order_acquire);
		if (base == NULL) {
			if (unpack(s, id, NULL) != DP_OK) return NULL;
			base = atomic_load_explicit(&s->sec[id].base, memory_order_acquire);
		}
		return count > e->count - index ? NULL : base + index * e->width;
	}
	if (count > e->count - index) return NULL;
	uint64_t offset = s->sec[id].offset + index * e->width;
	if (damaged_chunk(s, offset, count * e->width) != UINT64_MAX) return NULL;
	return s->data + offset;
}

// Finds out again what was wrong: failures are rare, and so the quick way need not carry a fault.
dp_code dp_segment_fault(dp_segment *s, dp_section_id id, uint64_t index, dp_fault *fault)
{
	DP_CHECK(s != NULL && id < DP_SEC_COUNT);
	const dp_section_entry *e = &s->head.section[id];
	if (index >= e->count)
		return dp_segment_bad(s, fault, dp_segment_offset(s, id, 0),
		                      "item %llu of %s is asked for, but it has %llu",
		                      (unsigned long long)index, dp_section_name(id),
		                      (unsigned long long)e->count);
	if (s->sec[id].packed) {
		// Not unpacked: it failed, for a reason that is told if it is still there.
		if (atomic_load_explicit(&s->sec[id].base, memory_order_acquire) == NULL) {
			dp_code code = unpack(s, id, fault);
			if (code != DP_OK) return code;
			return dp_fail(fault, DP_NO_MEMORY, "out of memory unpacking %s of %s",
			               dp_section_name(id), s->path);
		}
		return dp_segment_bad_item(s, fault, id, index,
		                           "begins a span that ends behind the section");
	}
	// A span may have failed in any chunk from the index on: the first damaged one is named.
	uint64_t offset = s->sec[id].offset + index * e->width;
	uint64_t chunk = damaged_chunk(s, offset, (e->count - index) * e->width);
	if (chunk != UINT64_MAX) return bad_chunk(s, id, chunk, fault);
	return dp_segment_bad_item(s, fault, id, index,
	                           "begins a span that ends behind the section");
}

void dp_segment_prefetch(const dp_segment *s, dp_section_id id, uint64_t index)
{
	const uint8_t *base = atomic_load_explicit(&s->sec[id].base, memory_order_relaxed);
	if (base == NULL || index >= s->head.section[id].count) return;
	uint64_t chunk = (s->sec[id].offset + index * s->head.section[id].width) / DP_CHUNK;
	// What was not read since the ledger was opened may have to come from the disk: it is asked
	// for, and what is asked for together comes together.
	if (!s->sec[id].packed && !dp_segment_chunk_checked(s, chunk))
		fetch_chunks(s, chunk, chunk);
	else
		__builtin_prefetch(base + index * s->head.section[id].width);
}

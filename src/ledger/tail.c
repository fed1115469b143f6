// The tail, see tail.h. Everything little-endian, every part beginning at a multiple of 8.
//
// The file begins with 64 bytes:
//
//   offset  size
//        0    8  "dyetail" and a zero
//        8    4  version, DP_LEDGER_VERSION; DP_LEDGER_VERSION_OLD is read, too: its records have
//                no notes. Whoever opens the ledger for writing replaces such a file
//       12    4  zero
//       16    8  the first unit behind the last segment
//       24   16  XXH3-128 (canonical, big-endian) of the chain's CAIP-2 name
//       40   16  zero
//       56    8  XXH3-64 of the 56 bytes before
//
// Then records, one behind the other, each a frame of 24 bytes, the payload (record.c), and zeros
// to a multiple of 8:
//
//        0    4  marker, the bytes "dyrc"
//        4    4  the low half of XXH3-64 of bytes 8..23
//        8    8  size of the payload
//       16    8  XXH3-64 of the payload
//
// A record is whole when it lies in the file with its zeros and both checksums are right. The first
// that is not ends the tail: a writer is at work, or was killed, and what it wrote last was not
// committed. Unless there is a whole record behind it: appends go in order, so then it was whole
// once, and is damaged. To find out, the search goes on behind it: by its size where its frame is
// right, else from one multiple of 8 to the next until a frame is right again. Every byte is hashed
// at most once, whatever a file holds, and as frames prove themselves, the contents of a payload
// (which a thief may have chosen) are taken for a record only where the frame before is damaged.
//
// After a crash of the machine the file may be longer than what was written of it, with zeros in
// between: that is the same case. Even the beginning may be missing; then the tail is empty, and
// `valid` says that it has to be begun anew.
#include "ledger/tail.h"

#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

typedef struct tail_header {
	char magic[8];
	uint32_t version, reserved;
	uint64_t unit_first;
	uint8_t chain[16];
	uint8_t zero[16];
	uint64_t check;
} tail_header;

typedef struct tail_frame {
	uint32_t marker, check;
	uint64_t size, payload_check;
} tail_frame;

enum { HEADER_SIZE = 64, FRAME_SIZE = 24, ALIGN = 8, RECORD_SIZE_MIN = 104 };
#define MARKER UINT32_C(0x63727964) // "dyrc"
#define RECORDS_MAX (DP_TAIL_SIZE_MAX / (FRAME_SIZE + RECORD_SIZE_MIN))

_Static_assert(sizeof(tail_header) == HEADER_SIZE, "format");
_Static_assert(sizeof(tail_frame) == FRAME_SIZE, "format");
_Static_assert(sizeof(dp_record_head) == RECORD_SIZE_MIN, "format");

static uint64_t padded(uint64_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

//- writing ---------------------------------------------------------------------------------------

static tail_header make_header(const dp_chain *chain, uint64_t unit_first, uint32_t version)
{
	tail_header h = {.magic = "dyetail", .version = version, .unit_first = unit_first};
	XXH128_canonical_t name;
	XXH128_canonicalFromHash(&name, XXH3_128bits(chain->caip2, strlen(chain->caip2)));
	memcpy(h.chain, name.digest, sizeof h.chain);
	h.check = XXH3_64bits(&h, offsetof(tail_header, check));
	return h;
}

dp_code dp_tail_begin(dp_bytes_out *out, const dp_chain *chain, uint64_t unit_first,
                      dp_fault *fault)
{
	DP_CHECK(out != NULL);
	DP_CHECK(chain != NULL);
	tail_header h = make_header(chain, unit_first, DP_LEDGER_VERSION);
	DP_TRY(dp_bytes_out_room(out, sizeof h, fault));
	memcpy(out->bytes + out->size, &h, sizeof h);
	out->size += sizeof h;
	return DP_OK;
}

static uint32_t frame_check(const tail_frame *f)
{
	return (uint32_t)XXH3_64bits(&f->size, sizeof f->size + sizeof f->payload_check);
}

dp_code dp_tail_frame(dp_bytes_out *out, const uint8_t *payload, uint64_t size, dp_fault *fault)
{
	DP_CHECK(out != NULL && payload != NULL);
	DP_CHECK(size >= RECORD_SIZE_MIN && size <= DP_RECORD_SIZE_MAX);
	tail_frame f = {.marker = MARKER, .size = size};
	f.payload_check = XXH3_64bits(payload, size);
	f.check = frame_check(&f);
	uint64_t room = padded(size);
	DP_TRY(dp_bytes_out_room(out, FRAME_SIZE + room, fault));
	uint8_t *p = out->bytes + out->size;
	memcpy(p, &f, FRAME_SIZE);
	memcpy(p + FRAME_SIZE, payload, size);
	memset(p + FRAME_SIZE + size, 0, room - size);
	out->size += FRAME_SIZE + room;
	return DP_OK;
}

//- reading ---------------------------------------------------------------------------------------

typedef enum frame_state {
	FRAME_FALSE,  // no frame, or one whose own checksum is wrong: its size means nothing
	FRAME_SHORT,  // the record goes on behind the end of the file
	FRAME_BROKEN, // the payload or the zeros behind it are false; ret_end is right
	FRAME_WHOLE
} frame_state;

static frame_state frame_at(const dp_tail *t, uint64_t at, tail_frame *ret_frame, uint64_t *ret_end)
{
	DP_CHECK(at <= t->size && at % ALIGN == 0);
	if (t->size - at < FRAME_SIZE) return FRAME_FALSE;
	tail_frame f;
	memcpy(&f, t->bytes + at, FRAME_SIZE);
	if (f.marker != MARKER || f.check != frame_check(&f)) return FRAME_FALSE;
	if (f.size < RECORD_SIZE_MIN || f.size > DP_RECORD_SIZE_MAX) return FRAME_FALSE;
	uint64_t left = t->size - at - FRAME_SIZE;
	if (padded(f.size) > left) return FRAME_SHORT;
	*ret_frame = f;
	*ret_end = at + FRAME_SIZE + padded(f.size);
	const uint8_t *payload = t->bytes + at + FRAME_SIZE;
	for (uint64_t i = f.size; i < padded(f.size); i++)
		if (payload[i] != 0) return FRAME_BROKEN;
	return XXH3_64bits(payload, f.size) == f.payload_check ? FRAME_WHOLE : FRAME_BROKEN;
}

// Is there a whole record at or behind `at`?
static bool whole_behind(const dp_tail *t, uint64_t at)
{
	while (at < t->size && t->size - at >= FRAME_SIZE) {
		tail_frame f;
		uint64_t end = at + ALIGN;
		frame_state state = frame_at(t, at, &f, &end);
		if (state == FRAME_WHOLE) return true;
		if (state == FRAME_SHORT) return false; // its size is right: there is no behind
		DP_CHECK(end > at);
		at = end;
	}
	return false;
}

#define VERIFY "; `dyepack ledger verify` names the blocks to import again"

static dp_code check_header(const dp_tail *t, const dp_chain *chain, uint64_t unit_first,
                            bool *ret_is_begun, bool *ret_is_old, dp_fault *fault)
{
	tail_header old = make_header(chain, unit_first, DP_LEDGER_VERSION_OLD);
	*ret_is_begun = t->size >= HEADER_SIZE && memcmp(t->bytes, &old, HEADER_SIZE) == 0;
	if (*ret_is_begun) {
		*ret_is_old = true;
		return DP_OK;
	}
	tail_header right = make_header(chain, unit_first, DP_LEDGER_VERSION), h;
	uint64_t n = t->size < HEADER_SIZE ? t->size : HEADER_SIZE, same = 0;
	while (same < n && t->bytes[same] == ((const uint8_t *)&right)[same]) same++;
	*ret_is_begun = same == HEADER_SIZE;
	if (*ret_is_begun) return DP_OK;
	// The beginning of a file that was never committed: cut, or partly not there after a crash.
	uint64_t blank = same;
	while (blank < n && t->bytes[blank] == 0) blank++;
	if (blank == n && (n < HEADER_SIZE || !whole_behind(t, HEADER_SIZE))) return DP_OK;
	if (n < HEADER_SIZE || memcmp(t->bytes, right.magic, sizeof right.magic) != 0)
		return dp_fail_offset(fault, DP_BAD_BYTES, 0, "this is no tail of a ledger" VERIFY);
	memcpy(&h, t->bytes, sizeof h);
	if (h.check != XXH3_64bits(&h, offsetof(tail_header, check)))
		return dp_fail_offset(fault, DP_BAD_BYTES, 0, "its beginning is damaged" VERIFY);
	if (h.version != DP_LEDGER_VERSION && h.version != DP_LEDGER_VERSION_OLD)
		return dp_fail_offset(fault, DP_BAD_BYTES, 8,
		                      "format %u, this dyepack reads %d: use a newer dyepack",
		                      h.version, DP_LEDGER_VERSION);
	if (memcmp(h.chain, right.chain, sizeof h.chain) != 0)
		return dp_fail_offset(
		    fault, DP_BAD_BYTES, 24,
		    "this is the tail of another chain than %s: put the file back "
		    "where it was, or remove it and import again",
		    chain->name);
	if (h.unit_first != unit_first)
		return dp_fail_offset(
		    fault, DP_BAD_BYTES, 16,
		    "this tail goes on at unit %llu, the segments end before %llu: "
		    "manifest and tail are of different times" VERIFY,
		    (unsigned long long)h.unit_first, (unsigned long long)unit_first);
	return dp_fail_offset(fault, DP_BAD_BYTES, 0, "its beginning is not well-formed" VERIFY);
}

// One whole record: its head, and how it follows the one before.
static dp_code add_record(dp_tail *t, uint64_t offset, uint64_t size, dp_fault *fault)
{
	dp_record_head head;
	dp_code code = dp_record_head_get(&head, t->bytes + offset, size, fault);
	if (code != DP_OK) {
		if (fault != NULL) fault->offset += offset; // it knows its place in the payload
		return code;
	}
	if (t->count > 0) {
		const dp_record_head *before = &t->record[t->count - 1].head;
		static const uint8_t zero[32];
		if (head.height <= before->height)
			return dp_fail_offset(fault, DP_BAD_BYTES, offset,
			                      "block %llu stands behind block %llu" VERIFY,
			                      (unsigned long long)head.height,
			                      (unsigned long long)before->height);
		// Where heights are left out (an export of some blocks) the one before is another.
		if (head.height == before->height + 1 && memcmp(head.prev, zero, 32) != 0 &&
		    memcmp(head.prev, before->hash, 32) != 0)
			return dp_fail_offset(
			    fault, DP_BAD_BYTES, offset,
			    "block %llu does not follow the block before it" VERIFY,
			    (unsigned long long)head.height);
	}
	void *items = t->record;
	DP_TRY(dp_grow(&items, &t->cap, sizeof *t->record, t->count + 1, RECORDS_MAX, fault));
	t->record = items;
	t->record[t->count++] = (dp_tail_record){.offset = offset, .size = size, .head = head};
	return DP_OK;
}

static dp_code parse(dp_tail *t, const dp_chain *chain, uint64_t unit_first, dp_fault *fault)
{
	bool is_begun;
	DP_TRY(check_header(t, chain, unit_first, &is_begun, &t->is_old, fault));
	if (!is_begun) return DP_OK;
	uint64_t at = HEADER_SIZE;
	for (;;) {
		t->valid = at;
		tail_frame f;
		uint64_t end = at + ALIGN;
		frame_state state = at == t->size ? FRAME_FALSE : frame_at(t, at, &f, &end);
		if (state != FRAME_WHOLE) {
			if (at == t->size || state == FRAME_SHORT || !whole_behind(t, end))
				return DP_OK;
			return dp_fail_offset(fault, DP_BAD_BYTES, at,
			                      "a block's record is damaged" VERIFY);
		}
		DP_TRY(add_record(t, at + FRAME_SIZE, f.size, fault));
		at = end;
	}
}

dp_code dp_tail_parse(dp_tail *ret_tail, const uint8_t *bytes, uint64_t size, const dp_chain *chain,
                      uint64_t unit_first, dp_fault *fault)
{
	DP_CHECK(ret_tail != NULL && chain != NULL);
	DP_CHECK(bytes != NULL || size == 0);
	// Only read through; tail.h says whose they are.
	dp_tail t = {.bytes = (uint8_t *)(uintptr_t)bytes, .size = size};
	dp_code code = parse(&t, chain, unit_first, fault);
	if (code == DP_OK)
		*ret_tail = t;
	else
		dp_tail_done(&t);
	return code;
}

dp_code dp_tail_read(dp_tail *ret_tail, const char *path, const dp_chain *chain,
                     uint64_t unit_first, dp_fault *fault)
{
	DP_CHECK(ret_tail != NULL && path != NULL && chain != NULL);
	// While it is read, an importer may take blocks off the end and put others there: then what
	// was read is half of each, and looks damaged. Damage stays as it is when it is read again.
	enum { TRIES = 8 };
	XXH128_hash_t seen = {0, 0};
	uint64_t size_seen = 0;
	for (int i = 0;; i++) {
		uint8_t *bytes;
		uint64_t size;
		dp_code code = dp_file_read(&bytes, &size, path, DP_TAIL_SIZE_MAX, fault);
		if (code == DP_NOT_FOUND) {
			*ret_tail = (dp_tail){0};
			return DP_OK;
		}
		if (code != DP_OK) return code;
		dp_tail t;
		code = dp_tail_parse(&t, bytes, size, chain, unit_first, fault);
		if (code == DP_OK) {
			t.owns_bytes = true;
			*ret_tail = t;
			return DP_OK;
		}
		XXH128_hash_t hash = XXH3_128bits(bytes, size);
		dp_free(bytes);
		bool same = i > 0 && size == size_seen && XXH128_isEqual(hash, seen);
		if (code != DP_BAD_BYTES || same || i + 1 == TRIES) {
			dp_fault_file(fault, path);
			return code;
		}
		seen = hash;
		size_seen = size;
	}
}

void dp_tail_done(dp_tail *t)
{
	if (t == NULL) return;
	if (t->owns_bytes) dp_free(t->bytes);
	dp_free(t->record);
	memset(t, 0, sizeof *t);
}

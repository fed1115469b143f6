// Which transaction spent an output, see spent.h and, for the layout of the file, format.h.
//
// This is the one file of a ledger that is changed in place, while others read it. Three things
// make that safe. An entry is eight aligned bytes and is stored and loaded at once, so nobody ever
// sees half of one. An entry proves itself by 16 bits of a hash over its place and its content, so
// neither a torn sector nor an entry that was moved passes for one that was written: a flipped bit
// in the hash is always told, one in the content is told unless the hashes of both contents agree
// in 16 bits, that is with probability 1 - 2^-16. And an entry that is newer than the reader's
// manifest names a transaction that the reader does not have yet, which it then ignores (ledger.c).
//
// Order between entries is not needed: each is looked at alone. The writer syncs the file before it
// names the segment whose inputs the entries come from.
#include "ledger/spent.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	TX_BITS = 47,
	CHECK_SHIFT = 48,
	ENTRIES_A_WRITE = 8192, // 64 KiB: a system call for each is lost in the copying
};
static const char magic[8] = "dyespnt";
#define TX_MASK (((uint64_t)1 << TX_BITS) - 1)
#define BURIED_BIT ((uint64_t)1 << TX_BITS)
#define CONTENT_MASK (((uint64_t)1 << CHECK_SHIFT) - 1)
// Local numbers of outputs are 32 bits wide.
#define OUTPUTS_MAX ((uint64_t)1 << 32)

//- entries ---------------------------------------------------------------------------------------

static uint64_t sealed(uint64_t output_no, uint64_t content)
{
	DP_CHECK((content & ~CONTENT_MASK) == 0);
	uint64_t both[2] = {output_no, content};
	return content | XXH3_64bits(both, sizeof both) << CHECK_SHIFT;
}

uint64_t dp_spent_entry(uint64_t output_no, dp_spent_kind kind, uint64_t tx_no)
{
	DP_CHECK(kind == DP_UNSPENT || kind == DP_SPENT || kind == DP_BURIED);
	if (kind == DP_UNSPENT) return sealed(output_no, 0);
	DP_CHECK(tx_no < TX_MASK);
	return sealed(output_no, (tx_no + 1) | (kind == DP_BURIED ? BURIED_BIT : 0));
}

bool dp_spent_read(uint64_t entry, uint64_t output_no, dp_spent_kind *ret_kind, uint64_t *ret_tx_no)
{
	DP_CHECK(ret_kind != NULL && ret_tx_no != NULL);
	uint64_t content = entry & CONTENT_MASK;
	if (sealed(output_no, content) != entry) return false;
	if (content == 0) {
		*ret_kind = DP_UNSPENT;
		*ret_tx_no = 0;
		return true;
	}
	if ((content & TX_MASK) == 0) return false; // buried by nobody: nothing writes that
	*ret_kind = (content & BURIED_BIT) != 0 ? DP_BURIED : DP_SPENT;
	*ret_tx_no = (content & TX_MASK) - 1;
	return true;
}

//- files -----------------------------------------------------------------------------------------

static void header_check(uint8_t out[16], const dp_spent_header *h)
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(h, offsetof(dp_spent_header, check)));
	memcpy(out, canonical.digest, 16);
}

static dp_code write_entries(dp_file_out *f, uint64_t output_first, uint64_t output_count,
                             dp_fault *fault)
{
	uint64_t *entry = dp_alloc(ENTRIES_A_WRITE * sizeof *entry);
	if (entry == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	for (uint64_t at = 0; code == DP_OK && at < output_count; at += ENTRIES_A_WRITE) {
		uint64_t n = output_count - at;
		if (n > ENTRIES_A_WRITE) n = ENTRIES_A_WRITE;
		for (uint64_t i = 0; i < n; i++)
			entry[i] = dp_spent_entry(output_first + at + i, DP_UNSPENT, 0);
		code = dp_file_write(f, entry, n * sizeof *entry, fault);
	}
	dp_free(entry);
	return code;
}

dp_code dp_spent_create(const char *path, uint64_t unit_first, uint64_t unit_count,
                        uint64_t output_first, uint64_t output_count, dp_fault *fault)
{
	DP_CHECK(path != NULL);
	DP_CHECK(output_count <= OUTPUTS_MAX);
	dp_spent_header h = {.version = DP_SPENT_VERSION,
	                     .output_first = output_first,
	                     .output_count = output_count,
	                     .unit_first = unit_first,
	                     .unit_count = unit_count};
	memcpy(h.magic, magic, sizeof h.magic);
	header_check(h.check, &h);
	dp_file_out f;
	DP_TRY(dp_file_create(&f, path, fault));
	dp_code code = dp_file_write(&f, &h, sizeof h, fault);
	if (code == DP_OK) code = write_entries(&f, output_first, output_count, fault);
	if (code == DP_OK) code = dp_file_finish(&f, fault);
	dp_file_done(&f);
	return code;
}

// What is wrong with the file, NULL when nothing is.
static const char *wrong(const dp_map *m, uint64_t output_first, uint64_t output_count)
{
	dp_spent_header h;
	if (m->size < sizeof h) return "it ends within its header";
	memcpy(&h, m->bytes, sizeof h);
	if (memcmp(h.magic, magic, sizeof h.magic) != 0) return "it does not begin like one";
	if (h.version > DP_SPENT_VERSION) return "a newer dyepack wrote it: use that one";
	uint8_t check[16];
	header_check(check, &h);
	if (memcmp(check, h.check, sizeof check) != 0) return "its header was changed";
	if (h.output_first != output_first || h.output_count != output_count)
		return "it belongs to another segment";
	if (m->size != sizeof h + output_count * 8) return "it has not the size that it must have";
	return NULL;
}

dp_code dp_spent_open(dp_spent *ret_spent, const char *path, bool writable, uint64_t output_first,
                      uint64_t output_count, dp_fault *fault)
{
	DP_CHECK(ret_spent != NULL && path != NULL);
	DP_CHECK(output_count <= OUTPUTS_MAX);
	dp_spent s = {.output_first = output_first, .output_count = output_count};
	size_t n = strlen(path);
	if (n >= sizeof s.path) return dp_fail(fault, DP_IO, "the path is too long");
	memcpy(s.path, path, n + 1);
	DP_TRY(dp_map_open(&s.map, path, writable, fault));
	const char *what = wrong(&s.map, output_first, output_count);
	if (what != NULL) {
		dp_map_close(&s.map);
		dp_code code = dp_fail(fault, DP_BAD_BYTES,
		                       "the record of what was spent cannot be used: %s. It can be "
		                       "made again: see \"dyepack ledger verify\"",
		                       what);
		dp_fault_file(fault, path);
		return code;
	}
	dp_map_advise(&s.map, 0, s.map.size, DP_MAP_RANDOM);
	s.entry = (_Atomic uint64_t *)(void *)(s.map.bytes + sizeof(dp_spent_header));
	*ret_spent = s;
	return DP_OK;
}

dp_code dp_spent_in_memory(dp_spent *ret_spent, uint64_t output_first, uint64_t output_count,
                           dp_fault *fault)
{
	DP_CHECK(ret_spent != NULL);
	DP_CHECK(output_count <= OUTPUTS_MAX);
	dp_spent s = {.output_first = output_first, .output_count = output_count};
	snprintf(s.path, sizeof s.path, "the tail");
	s.memory = dp_alloc((output_count == 0 ? 1 : output_count) * sizeof *s.memory);
	if (s.memory == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < output_count; i++)
		s.memory[i] = dp_spent_entry(output_first + i, DP_UNSPENT, 0);
	s.entry = (_Atomic uint64_t *)(void *)s.memory;
	*ret_spent = s;
	return DP_OK;
}

void dp_spent_close(dp_spent *s)
{
	if (s == NULL || s->entry == NULL) return;
	if (s->memory != NULL)
		dp_free(s->memory);
	else
		dp_map_close(&s->map);
	s->memory = NULL;
	s->entry = NULL;
}

//- reading and writing ---------------------------------------------------------------------------

dp_code dp_spent_get(const dp_spent *s, dp_spent_kind *ret_kind, uint64_t *ret_tx_no,
                     uint64_t output_no, dp_fault *fault)
{
	DP_CHECK(s != NULL && s->entry != NULL);
	uint64_t at = output_no - s->output_first; // wraps to something large when it lies before
	if (at >= s->output_count) {
		dp_code code = dp_fail(fault, DP_BAD_BYTES,
		                       "output %llu lies outside of the segment: run \"dyepack "
		                       "ledger verify\"",
		                       (unsigned long long)output_no);
		dp_fault_file(fault, s->path);
		return code;
	}
	uint64_t entry = atomic_load_explicit(&s->entry[at], memory_order_acquire);
	if (__builtin_expect(dp_spent_read(entry, output_no, ret_kind, ret_tx_no), 1)) return DP_OK;
	dp_code code = dp_fail_offset(fault, DP_BAD_BYTES, sizeof(dp_spent_header) + at * 8,
	                              "the entry of output %llu is damaged. It can be made again: "
	                              "see \"dyepack ledger verify\"",
	                              (unsigned long long)output_no);
	dp_fault_file(fault, s->path);
	return code;
}

void dp_spent_set(dp_spent *s, uint64_t output_no, dp_spent_kind kind, uint64_t tx_no)
{
	DP_CHECK(s != NULL && s->entry != NULL);
	DP_CHECK(s->memory != NULL || s->map.writable);
	uint64_t at = output_no - s->output_first;
	DP_CHECK(at < s->output_count);
	atomic_store_explicit(&s->entry[at], dp_spent_entry(output_no, kind, tx_no),
	                      memory_order_release);
}

dp_code dp_spent_sync(const dp_spent *s, dp_fault *fault)
{
	DP_CHECK(s != NULL && s->entry != NULL);
	if (s->memory != NULL) return DP_OK; // the tail's own file holds what it is made of
	DP_CHECK(s->map.writable);
	return dp_map_sync(&s->map, s->path, fault);
}

void dp_spent_prefetch(const dp_spent *s, uint64_t output_no)
{
	DP_CHECK(s != NULL && s->entry != NULL);
	uint64_t at = output_no - s->output_first;
	if (at < s->output_count) __builtin_prefetch((const void *)&s->entry[at]);
}

// Repairing: a damaged segment is built again out of its blocks, which somebody imports once more;
// see writer.h.
//
// A build is a pure function of the blocks, so what comes out must have the checksum that the
// manifest names: then nothing else in the ledger changes, and nothing has to be believed. The
// manifest may name a packed segment. Packing is a function as well, for one version of zstd: so a
// build that is not what the manifest names is packed and looked at again. And it may name one of
// the version that kept no notes: so the same is done once more without them.
#include "ledger/writer_private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/join.h"

typedef struct dp_writer_repair {
	uint64_t index;
	dp_gather gather;
	dp_bytes_out record;
	uint64_t blocks, height_next;
} dp_writer_repair;

void dp_writer_repair_done(dp_writer *w)
{
	if (w->repair == NULL) return;
	dp_gather_done(&w->repair->gather);
	dp_build_free(w->repair->gather.build);
	dp_free(w->repair->record.bytes);
	dp_free(w->repair);
	w->repair = NULL;
}

static dp_code find_unit(dp_writer *w, uint64_t *ret_index, uint64_t unit_first, dp_fault *fault)
{
	for (uint64_t i = 0; i < w->manifest.count; i++) {
		if (w->manifest.segment[i].unit_first != unit_first) continue;
		*ret_index = i;
		return DP_OK;
	}
	return dp_fail(fault, DP_NOT_FOUND, "no segment begins with unit %llu",
	               (unsigned long long)unit_first);
}

dp_code dp_writer_repair_begin(dp_writer *w, uint64_t unit_first, dp_fault *fault)
{
	uint64_t index = 0;
	DP_TRY(dp_writer_check(w, fault));
	DP_CHECK(w->repair == NULL);
	DP_TRY(dp_writer_drain(w, fault));
	DP_TRY(find_unit(w, &index, unit_first, fault));
	dp_writer_repair *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->index = index;
	r->height_next = w->manifest.segment[index].height_first;
	r->gather.unit_rows = w->unit_rows;
	dp_build_begin begin = dp_writer_begin_of(w, index);
	begin.unit_first = unit_first;
	dp_code code = dp_build_new(&r->gather.build, w->chain, &begin, fault);
	if (code == DP_OK)
		w->repair = r;
	else
		dp_free(r);
	return code;
}

static dp_code take_block(dp_writer *w, const dp_block *block, uint64_t gaps, bool begins,
                          dp_fault *fault)
{
	dp_writer_repair *r = w->repair;
	uint32_t flags = begins ? DP_LEDGER_BLOCK_BEGINS : 0;
	r->record.size = 0;
	DP_TRY(dp_record_put(&r->record, block, gaps, flags, fault));
	uint8_t *payload = dp_realloc(NULL, r->record.size);
	if (payload == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(payload, r->record.bytes, r->record.size);
	DP_TRY(dp_gather_take(&r->gather, payload, r->record.size, 0, fault));
	r->blocks++;
	r->height_next = block->height + 1;
	return DP_OK;
}

dp_code dp_writer_repair_block(dp_writer *w, const dp_block *block, uint64_t gaps, bool begins,
                               dp_fault *fault)
{
	DP_TRY(dp_writer_check(w, fault));
	DP_CHECK(w->repair != NULL && block != NULL && block->chain == w->chain);
	const dp_manifest_segment *line = &w->manifest.segment[w->repair->index];
	if (block->height < w->repair->height_next || block->height > line->height_last)
		return DP_OK;
	dp_code code = take_block(w, block, gaps, begins, fault);
	if (code != DP_OK) dp_writer_repair_done(w);
	return code;
}

static dp_code not_the_same(const dp_manifest_segment *line, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES,
	               "the blocks %llu to %llu that were given are not those of the damaged "
	               "segment: nothing was changed. Take the source (and the order of sources) "
	               "that it was imported from, or import into a new folder",
	               (unsigned long long)line->height_first,
	               (unsigned long long)line->height_last);
}

// The built file, packed, under the other name; is that what the manifest names?
static dp_code try_packed(dp_writer *w, const char *repaired, const char *packed,
                          const dp_manifest_segment *line, bool *ret_same, dp_fault *fault)
{
	dp_segment *s;
	uint8_t check[16];
	DP_TRY(dp_segment_open(&s, repaired, w->chain, NULL, fault));
	dp_code code = dp_segment_repack(s, packed, true, check, fault);
	dp_segment_close(s);
	if (code == DP_OK) *ret_same = memcmp(check, line->header, sizeof check) == 0;
	return code;
}

static dp_code build_again(dp_writer *w, dp_fault *fault)
{
	dp_writer_repair *r = w->repair;
	const dp_manifest_segment *line = &w->manifest.segment[r->index];
	dp_build *b = r->gather.build;
	char path[DP_PATH_MAX], repaired[DP_PATH_MAX], packed[DP_PATH_MAX];
	uint8_t check[16];
	if (r->gather.count > 0 || r->blocks != line->blocks || r->gather.units != line->unit_count)
		return not_the_same(line, fault);
	DP_TRY(dp_build_sort(b, fault));
	if (w->utxo) DP_TRY(dp_writer_open_all(w, r->index, false, fault));
	dp_join join = {.segment = w->open, .count = (uint32_t)r->index};
	DP_TRY(dp_build_join(b, w->utxo ? dp_join_resolve : NULL, &join, fault));
	DP_TRY(dp_writer_path(w, path, line->unit_first, line->unit_count, "seg", fault));
	DP_TRY(dp_writer_path(w, repaired, line->unit_first, line->unit_count, "repaired", fault));
	DP_TRY(dp_writer_path(w, packed, line->unit_first, line->unit_count, "packed", fault));
	// The segment may be of a ledger from before notes were kept.
	bool same = false, is_packed = false;
	for (int version = DP_LEDGER_VERSION; !same && !is_packed; version--) {
		if (version < DP_LEDGER_VERSION_OLD) break;
		if (version == DP_LEDGER_VERSION_OLD) dp_build_as_old(b);
		DP_TRY(dp_build_write(b, repaired, check, fault));
		same = memcmp(check, line->header, sizeof check) == 0;
		if (!same) DP_TRY(try_packed(w, repaired, packed, line, &is_packed, fault));
	}
	dp_writer_sealed_close(&w->sealed[r->index]);
	dp_code code = DP_OK;
	if (same || is_packed)
		code = dp_writer_put_in_place(w, same ? repaired : packed, path, fault);
	if (code == DP_OK && !same) code = dp_file_remove(repaired, fault);
	if (code == DP_OK && !same && !is_packed) {
		DP_TRY(dp_file_remove(packed, fault));
		return not_the_same(line, fault);
	}
	return code;
}

dp_code dp_writer_repair_end(dp_writer *w, dp_fault *fault)
{
	DP_TRY(dp_writer_check(w, fault));
	DP_CHECK(w->repair != NULL);
	dp_code code = build_again(w, fault);
	dp_writer_repair_done(w);
	if (code == DP_OK && w->damage.code != DP_OK) dp_writer_find_last(w);
	return code;
}

dp_code dp_writer_repair_spent(dp_writer *w, uint64_t unit_first, dp_fault *fault)
{
	uint64_t index = 0;
	DP_TRY(dp_writer_check(w, fault));
	DP_TRY(dp_writer_drain(w, fault));
	if (!w->utxo)
		return dp_fail(fault, DP_BAD_CASE,
		               "%s has no record of spent outputs: it is an "
		               "account chain",
		               w->chain->name);
	DP_TRY(find_unit(w, &index, unit_first, fault));
	return dp_writer_spent_rebuild(w, index, fault);
}

// See verify.h; the parts of the work are listed in verify_private.h.
//
// All files are opened before anything is checked: what is mapped stays as it was, whatever an
// importer does meanwhile. If something cannot be opened the manifest is read again, for a merge
// may have taken it away; only when the manifest still names it, it is at fault.
//
// Segments are checked side by side, each by one thread, some at a time; what was found is told in
// order, by the caller's thread. Then come the .spent files, which hang on all segments, and the
// tail. Numbers of a segment that cannot be read are taken from the manifest, so that one broken
// segment does not break those behind it.
#include "ledger/verify.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/team.h"
#include "ledger/segment_inner.h"
#include "ledger/tail.h"
#include "ledger/verify_private.h"

enum {
	WAVE = 16,       // segments between two reports of progress
	TRIES_MAX = 100, // to open a ledger that an importer is changing
	TRY_AGAIN_NS = 2000000
};

void dp_verifier_progress(dp_verifier *v, uint64_t bytes)
{
	DP_CHECK(v != NULL);
	v->result.bytes += bytes;
	if (v->progress != NULL) v->progress(v->context, v->result.bytes, v->bytes_total);
}

// Faults of the reader end with the advice to run what is running already.
static void cut_advice(dp_fault *fault)
{
	char *at = strstr(fault->text, "dyepack ledger verify");
	if (at == NULL) return;
	while (at > fault->text && *at != ';' && *at != ':' && *at != '.') at--;
	if (at > fault->text) *at = 0;
}

static void report(dp_verifier *v, const dp_verify_fault *f)
{
	dp_verify_fault told = *f;
	cut_advice(&told.fault);
	v->result.faults++;
	if (v->found != NULL) v->found(v->context, &told);
}

void dp_verifier_found(dp_verifier *v, uint64_t segment, bool only_spent, const dp_fault *fault)
{
	DP_CHECK(v != NULL && fault != NULL);
	DP_CHECK(segment < v->manifest.count);
	const dp_manifest_segment *m = &v->manifest.segment[segment];
	dp_verify_fault f = {.unit_first = m->unit_first,
	                     .unit_count = m->unit_count,
	                     .height_first = m->height_first,
	                     .height_last = m->height_last,
	                     .only_spent = only_spent,
	                     .fault = *fault};
	report(v, &f);
}

//- opening ---------------------------------------------------------------------------------------

static void close_files(dp_verifier *v)
{
	for (uint64_t i = 0; i < v->manifest.count; i++) {
		if (v->segment != NULL) dp_segment_close(v->segment[i]);
		if (v->spent != NULL) dp_spent_close(&v->spent[i]);
	}
	dp_free(v->segment);
	dp_free(v->open_fault);
	dp_free(v->spent);
	dp_free(v->spent_fault);
	dp_free(v->first);
	dp_free(v->broken);
	v->segment = NULL;
	v->open_fault = v->spent_fault = NULL;
	v->spent = NULL;
	v->first = NULL;
	v->broken = NULL;
	v->bytes_total = 0;
	dp_manifest_done(&v->manifest);
}

static dp_code make_room(dp_verifier *v, dp_fault *fault)
{
	uint64_t n = v->manifest.count + 1;
	DP_CHECK(n <= (uint64_t)DP_SEGMENTS_MAX + 1);
	v->segment = dp_alloc(n * sizeof *v->segment);
	v->open_fault = dp_alloc(n * sizeof *v->open_fault);
	v->spent = dp_alloc(n * sizeof *v->spent);
	v->spent_fault = dp_alloc(n * sizeof *v->spent_fault);
	v->first = dp_alloc(n * sizeof *v->first);
	v->broken = dp_alloc(n * sizeof *v->broken);
	if (v->segment == NULL || v->open_fault == NULL || v->spent == NULL ||
	    v->spent_fault == NULL || v->first == NULL || v->broken == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i + 1 < n; i++) {
		const dp_manifest_segment *m = &v->manifest.segment[i];
		const dp_verify_first *f = &v->first[i];
		v->first[i + 1] =
		    (dp_verify_first){f->block + m->blocks, f->tx + m->txs, f->row + m->rows,
		                      f->input + m->inputs, f->output + m->outputs};
	}
	return DP_OK;
}

// Opens what the manifest names of segment i. *io_all: could all be opened?
static dp_code open_one(dp_verifier *v, uint64_t i, bool *io_all, dp_fault *fault)
{
	const dp_manifest_segment *m = &v->manifest.segment[i];
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	dp_segment_name(name, m->unit_first, m->unit_count, "seg");
	DP_TRY(dp_path_join(path, v->folder, name, fault));
	dp_code code =
	    dp_segment_open(&v->segment[i], path, v->chain, m->header, &v->open_fault[i]);
	if (code == DP_NO_MEMORY) return dp_fail(fault, code, "out of memory opening %s", path);
	if (code == DP_OK)
		v->bytes_total += v->segment[i]->map.size;
	else
		*io_all = false;
	if (v->chain->kind != DP_CHAIN_UTXO) return DP_OK;
	dp_segment_name(name, m->unit_first, m->unit_count, "spent");
	DP_TRY(dp_path_join(path, v->folder, name, fault));
	code = dp_spent_open(&v->spent[i], path, false, v->first[i].output, m->outputs,
	                     &v->spent_fault[i]);
	if (code == DP_NO_MEMORY) return dp_fail(fault, code, "out of memory opening %s", path);
	if (code == DP_OK)
		v->bytes_total += m->outputs * sizeof(uint64_t);
	else
		*io_all = false;
	return DP_OK;
}

static bool same_manifest(const dp_manifest *a, const dp_manifest *b)
{
	return a->count == b->count &&
	       (a->count == 0 ||
	        memcmp(a->segment, b->segment, a->count * sizeof *a->segment) == 0);
}

dp_code dp_verifier_is_current(const dp_verifier *v, bool *ret_current, dp_fault *fault)
{
	DP_CHECK(v != NULL && ret_current != NULL);
	dp_manifest again = {0};
	DP_TRY(dp_manifest_read(&again, v->folder, fault));
	*ret_current = same_manifest(&again, &v->manifest);
	dp_manifest_done(&again);
	return DP_OK;
}

static dp_code open_files(dp_verifier *v, dp_fault *fault)
{
	for (int tries = 0;; tries++) {
		bool all = true, same = true;
		DP_TRY(dp_manifest_read(&v->manifest, v->folder, fault));
		DP_TRY(make_room(v, fault));
		for (uint64_t i = 0; i < v->manifest.count; i++)
			DP_TRY(open_one(v, i, &all, fault));
		if (all) return DP_OK;
		DP_TRY(dp_verifier_is_current(v, &same, fault));
		if (same || tries >= TRIES_MAX) return DP_OK;
		close_files(v);
		nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_NS}, NULL);
	}
}

//- segments --------------------------------------------------------------------------------------

// The checksums vouch for the manifest and for the header, each alone: they must agree, too.
static bool agrees(const dp_verifier *v, uint64_t at)
{
	const dp_segment_header *h = &v->segment[at]->head;
	const dp_manifest_segment *m = &v->manifest.segment[at];
	const dp_verify_first *f = &v->first[at];
	return h->unit_first == m->unit_first && h->unit_count == m->unit_count &&
	       h->height_first == m->height_first && h->height_last == m->height_last &&
	       h->block_count == m->blocks && h->tx_count == m->txs && h->row_count == m->rows &&
	       h->input_count == m->inputs && h->output_count == m->outputs &&
	       h->block_first == f->block && h->tx_first == f->tx && h->row_first == f->row &&
	       h->input_first == f->input && h->output_first == f->output;
}

// Does the segment's first block follow the last one of the segment before? When that one cannot be
// read, it says so itself.
static dp_code check_link(const dp_verifier *v, uint64_t at, dp_fault *fault)
{
	static const uint8_t unknown[32];
	dp_segment *s = v->segment[at], *earlier = at > 0 ? v->segment[at - 1] : NULL;
	dp_ledger_block_row last, first;
	if (earlier == NULL) return DP_OK;
	dp_code code = dp_segment_block_row(earlier, &last, earlier->head.block_count - 1, NULL);
	if (code != DP_OK) return DP_OK;
	DP_TRY(dp_segment_block_row(s, &first, 0, fault));
	bool next = first.height - last.height == 1 && memcmp(first.prev, unknown, 32) != 0;
	if (!next || memcmp(first.prev, last.hash, 32) == 0) return DP_OK;
	dp_view view = {.s = s};
	return dp_view_bad(&view, DP_SEC_BLOCK, 0, fault,
	                   "does not follow the last block of the segment before it (height %llu)",
	                   (unsigned long long)first.height);
}

static dp_code check_segment(const dp_verifier *v, uint64_t at, dp_fault *fault)
{
	dp_segment *s = v->segment[at];
	if (s == NULL) {
		*fault = v->open_fault[at];
		return fault->code;
	}
	if (!agrees(v, at)) {
		dp_code code = dp_fail_offset(fault, DP_BAD_BYTES, 0,
		                              "its numbers are not those that the manifest has");
		dp_fault_file(fault, s->path);
		return code;
	}
	DP_TRY(dp_verify_segment(s, fault));
	return check_link(v, at, fault);
}

typedef struct wave {
	dp_verifier *v;
	uint64_t first;
	dp_code code[WAVE];
	dp_fault fault[WAVE];
} wave;

static void check_one(void *context, uint64_t piece)
{
	wave *w = context;
	DP_CHECK(piece < WAVE);
	w->code[piece] = check_segment(w->v, w->first + piece, &w->fault[piece]);
}

// Tells what was found in segment w->first + i.
static dp_code tell_one(wave *w, uint64_t i, dp_fault *fault)
{
	dp_verifier *v = w->v;
	uint64_t at = w->first + i;
	const dp_manifest_segment *m = &v->manifest.segment[at];
	if (w->code[i] == DP_NO_MEMORY) {
		*fault = w->fault[i];
		return DP_NO_MEMORY;
	}
	v->result.segments++;
	v->result.blocks += m->blocks;
	v->result.txs += m->txs;
	v->result.rows += m->rows;
	if (w->code[i] != DP_OK) {
		v->broken[at] = true;
		dp_verifier_found(v, at, false, &w->fault[i]);
	}
	if (v->segment[at] != NULL) {
		dp_verifier_progress(v, v->segment[at]->map.size);
		dp_verify_forget_unpacked(v->segment[at]);
	}
	return DP_OK;
}

static dp_code check_segments(dp_verifier *v, dp_fault *fault)
{
	wave *w = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	w->v = v;
	for (; code == DP_OK && w->first < v->manifest.count; w->first += WAVE) {
		uint64_t left = v->manifest.count - w->first, count = left < WAVE ? left : WAVE;
		dp_team_run(0, count, check_one, w);
		for (uint64_t i = 0; code == DP_OK && i < count; i++) code = tell_one(w, i, fault);
	}
	dp_free(w);
	return code;
}

//- the tail --------------------------------------------------------------------------------------

static dp_code walk_record(const dp_verifier *v, const uint8_t *payload, uint64_t size,
                           uint64_t *ret_txs, uint64_t *ret_rows, dp_fault *fault)
{
	dp_record_walk w;
	uint64_t rows = 0;
	DP_TRY(dp_record_walk_start(&w, payload, size, v->chain->kind == DP_CHAIN_UTXO, fault));
	for (uint32_t t = 0; t < w.head.tx_count; t++) {
		dp_record_tx tx;
		dp_record_row row;
		DP_TRY(dp_record_walk_tx(&w, &tx, fault));
		for (uint32_t i = 0; i < tx.mv_count; i++)
			DP_TRY(dp_record_walk_row(&w, &row, fault));
		rows += tx.mv_count;
	}
	DP_TRY(dp_record_walk_end(&w, fault));
	*ret_txs = w.head.tx_count;
	*ret_rows = rows;
	return DP_OK;
}

// The block before the tail's first; false: there is none, or it cannot be read.
static bool last_sealed(const dp_verifier *v, dp_ledger_block_row *ret_row)
{
	if (v->manifest.count == 0) return false;
	dp_segment *s = v->segment[v->manifest.count - 1];
	return s != NULL &&
	       dp_segment_block_row(s, ret_row, s->head.block_count - 1, NULL) == DP_OK;
}

static dp_code check_records(dp_verifier *v, const dp_tail *t, dp_fault *fault)
{
	static const uint8_t unknown[32];
	dp_ledger_block_row last = {0};
	bool known = last_sealed(v, &last);
	for (uint64_t i = 0; i < t->count; i++) {
		const dp_record_head *h = &t->record[i].head;
		uint64_t txs, rows;
		DP_TRY(walk_record(v, t->bytes + t->record[i].offset, t->record[i].size, &txs,
		                   &rows, fault));
		bool link =
		    known && h->height - last.height == 1 && memcmp(h->prev, unknown, 32) != 0;
		if ((known && h->height <= last.height) ||
		    (link && memcmp(h->prev, last.hash, 32) != 0))
			return dp_fail_offset(fault, DP_BAD_BYTES, t->record[i].offset,
			                      "block %llu does not follow block %llu before it",
			                      (unsigned long long)h->height,
			                      (unsigned long long)last.height);
		known = true;
		last.height = h->height;
		memcpy(last.hash, h->hash, 32);
		v->result.blocks++;
		v->result.txs += txs;
		v->result.rows += rows;
	}
	dp_verifier_progress(v, t->valid);
	return DP_OK;
}

// Whether the tail's blocks mean what they must, who reads the ledger finds out: they are built
// into a segment then. Only when the segments are good is it the tail that keeps it from opening.
static dp_code check_reading(const dp_verifier *v, dp_fault *fault)
{
	dp_ledger *l;
	bool is_current = true;
	if (v->result.faults > 0) return DP_OK;
	dp_code code = dp_ledger_open(&l, v->ledger, v->chain, fault);
	if (code == DP_OK) dp_ledger_close(l);
	if (code != DP_BAD_BYTES) return code;
	dp_fault own;
	code = dp_verifier_is_current(v, &is_current, &own);
	if (code != DP_OK) return dp_fail(fault, code, "%s", own.text);
	return is_current ? DP_BAD_BYTES : DP_OK;
}

// Everything behind the last segment is to be imported again: how far that goes, only the damaged
// records knew.
static dp_code check_tail(dp_verifier *v, dp_fault *fault)
{
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	dp_tail tail = {0};
	uint64_t unit = dp_manifest_units(&v->manifest), count = v->manifest.count;
	dp_tail_name(name, unit);
	DP_TRY(dp_path_join(path, v->folder, name, fault));
	dp_verify_fault f = {.unit_first = unit, .height_last = UINT64_MAX};
	if (count > 0) f.height_first = v->manifest.segment[count - 1].height_last + 1;
	dp_code code = dp_tail_read(&tail, path, v->chain, unit, &f.fault);
	if (code == DP_OK) {
		v->bytes_total += tail.valid;
		code = check_records(v, &tail, &f.fault);
		if (code == DP_OK && tail.count > 0) {
			f.height_first = tail.record[0].head.height;
			code = check_reading(v, &f.fault);
		}
		dp_tail_done(&tail);
	}
	if (code == DP_NO_MEMORY) *fault = f.fault;
	if (code == DP_OK || code == DP_NO_MEMORY) return code;
	dp_fault_file(&f.fault, path);
	report(v, &f);
	return DP_OK;
}

//- all -------------------------------------------------------------------------------------------

static dp_code verify(dp_verifier *v, dp_fault *fault)
{
	DP_TRY(open_files(v, fault));
	DP_TRY(check_segments(v, fault));
	if (v->chain->kind == DP_CHAIN_UTXO) DP_TRY(dp_verify_spends(v, fault));
	return check_tail(v, fault);
}

dp_code dp_ledger_verify(dp_verify_result *ret_result, const char *folder, const dp_chain *chain,
                         void (*found)(void *context, const dp_verify_fault *fault),
                         void (*progress)(void *context, uint64_t bytes, uint64_t total),
                         void *context, dp_fault *fault)
{
	DP_CHECK(ret_result != NULL && folder != NULL && chain != NULL);
	dp_fault own; // some helpers want to write one whatever the caller wants
	dp_verifier *v = dp_alloc(sizeof *v);
	if (v == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	v->chain = chain;
	v->ledger = folder;
	v->found = found;
	v->progress = progress;
	v->context = context;
	dp_code code = dp_path_join(v->folder, folder, chain->name, &own);
	if (code == DP_OK) code = verify(v, &own);
	if (code == DP_OK)
		*ret_result = v->result;
	else if (fault != NULL)
		*fault = own;
	close_files(v);
	dp_free(v);
	return code;
}

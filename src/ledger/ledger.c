// Opening a ledger, see ledger.h. ledger_read.c answers what it is asked, history.c and balance.c
// what an address did.
//
// A reader takes no lock. It reads the manifest, opens what that names, and reads the tail;
// meanwhile an importer may merge segments, seal the tail, or follow a reorganisation. What can
// happen then:
//
//   a segment or the tail is gone     the manifest that was read is old: a newer one has others
//   a segment has another checksum    it was built again (reorganisation) or packed
//   the tail is not there             either it never was, or the manifest is old
//   the tail stands on another block  the chain was reorganised between the two reads
//
// In each case the manifest is read again, and all is opened again; what is missing or false while
// the manifest stays as it was, is so in truth. What was opened stays as it is, for a file that is
// mapped outlives its name. Only .spent files change while they are mapped, and their entries are
// read with this handle's horizon: one that names a transaction behind the sealed ones that it
// knows is passed over, for of what the tail spends it has an account of its own (the overlay).
// Only a reorganisation that goes back into sealed segments, deeper than DP_FINAL_BLOCKS, changes
// entries that a handle opened before it believes: it must be opened again, as for the new blocks
// anyway.
#include "ledger/ledger.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/gap.h"
#include "ledger/build.h"
#include "ledger/join.h"
#include "ledger/private.h"
#include "ledger/tail.h"

enum {
	TRIES_MAX = 100,     // to get hold of a ledger that changes under the hands
	TRIES_STILL_MAX = 8, // the same while the manifest stays as it is
	TRY_AGAIN_NS = 2000000,
};
#define OVERLAY_MAX ((uint64_t)1 << 32)

//- what the tail spends --------------------------------------------------------------------------

// Output numbers are handed out one by one, so some mixing is needed: a multiplication by 2^64
// divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4), its high half.
static uint64_t overlay_place(const dp_overlay *o, uint64_t output_no)
{
	return (output_no * 0x9e3779b97f4a7c15u >> 32) & o->mask;
}

dp_spent_kind dp_overlay_get(const dp_overlay *o, uint64_t output_no, uint64_t *ret_tx_no)
{
	DP_CHECK(ret_tx_no != NULL);
	if (o->entry == NULL) return DP_UNSPENT;
	for (uint64_t at = overlay_place(o, output_no);; at = (at + 1) & o->mask) {
		const dp_overlay_entry *e = &o->entry[at];
		if (e->output_no_1 == 0) return DP_UNSPENT;
		if (e->output_no_1 != output_no + 1) continue;
		*ret_tx_no = e->tx_no;
		return e->kind;
	}
}

static void overlay_put(dp_overlay *o, uint64_t output_no, dp_spent_kind kind, uint64_t tx_no)
{
	uint64_t at = overlay_place(o, output_no);
	while (o->entry[at].output_no_1 != 0 && o->entry[at].output_no_1 != output_no + 1)
		at = (at + 1) & o->mask;
	if (o->entry[at].output_no_1 == 0) o->count++;
	DP_CHECK(o->count <= o->mask); // a free one is left, or searching would not end
	o->entry[at] = (dp_overlay_entry){output_no + 1, tx_no, kind};
}

static dp_code overlay_grow(dp_overlay *o, uint64_t more, dp_fault *fault)
{
	uint64_t want = 16;
	if (more > OVERLAY_MAX - o->count) return dp_fail(fault, DP_LIMIT, "the tail is too large");
	while (want < (o->count + more) * 2) want *= 2;
	if (o->entry != NULL && want <= o->mask + 1) return DP_OK;
	dp_overlay bigger = {.mask = want - 1};
	bigger.entry = dp_alloc(want * sizeof *bigger.entry);
	if (bigger.entry == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; o->entry != NULL && i <= o->mask; i++)
		if (o->entry[i].output_no_1 != 0)
			overlay_put(&bigger, o->entry[i].output_no_1 - 1, o->entry[i].kind,
			            o->entry[i].tx_no);
	dp_free(o->entry);
	*o = bigger;
	return DP_OK;
}

// A coin is spent once: what the tail spends was not spent by a transaction in a segment, or by
// another of the tail. An entry that names what is not sealed, for this handle, is an importer's
// that is at work. What is damaged is told to who asks for it.
static dp_code check_unspent(const dp_ledger *l, uint64_t output_no, uint64_t tx_no,
                             dp_fault *fault)
{
	uint64_t by;
	dp_spent_kind kind = dp_overlay_get(&l->overlay, output_no, &by);
	if (kind == DP_UNSPENT) {
		const dp_spent *s = &l->spent[dp_ledger_segment_of_output(l, output_no)];
		uint64_t entry = atomic_load(&s->entry[output_no - s->output_first]);
		if (!dp_spent_read(entry, output_no, &kind, &by)) return DP_OK;
		if (kind == DP_UNSPENT || by >= l->sealed_txs) return DP_OK;
	}
	dp_join all = {.segment = l->segment, .count = l->count};
	return dp_join_spent_before(&all, output_no, kind, by, tx_no, fault);
}

static dp_code mark_spent(dp_ledger *l, uint64_t output_no, dp_spent_kind kind, uint64_t tx_no,
                          dp_fault *fault)
{
	dp_spent *tail = &l->spent[l->count - 1];
	if (output_no >= tail->output_first) {
		if (output_no - tail->output_first >= tail->output_count)
			return dp_fail(fault, DP_BAD_BYTES,
			               "an input spends no output that there is");
		dp_spent_set(tail, output_no, kind, tx_no);
		return DP_OK;
	}
	if (kind == DP_SPENT) DP_TRY(check_unspent(l, output_no, tx_no, fault));
	DP_TRY(overlay_grow(&l->overlay, 1, fault));
	overlay_put(&l->overlay, output_no, kind, tx_no);
	return DP_OK;
}

// A coinbase with the id of an earlier transaction takes the place of what that one left unspent
// (BIP 30 tells of the two times that this happened on Bitcoin).
static dp_code bury(dp_ledger *l, uint64_t tx_no, const uint8_t id[32], dp_fault *fault)
{
	uint64_t earlier, first, count;
	dp_code code = dp_ledger_find_tx(l, &earlier, id, tx_no, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	if (code != DP_OK) return code;
	dp_join all = {.segment = l->segment, .count = l->count};
	DP_TRY(dp_join_outputs(&all, &first, &count, earlier, fault));
	for (uint64_t no = first; no < first + count; no++) {
		dp_spent_kind kind;
		uint64_t spender;
		DP_TRY(dp_ledger_spender(l, &kind, &spender, no, fault));
		if (kind == DP_UNSPENT) DP_TRY(mark_spent(l, no, DP_BURIED, tx_no, fault));
	}
	return DP_OK;
}

// What is spent by a transaction of the tail (local number).
static dp_code spend_tx(dp_ledger *l, dp_segment *tail, uint32_t tx, bool burying, dp_fault *fault)
{
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(tail, &rows, tx, fault));
	uint64_t tx_no = tail->head.tx_first + tx;
	if (burying) {
		if ((rows.flags & DP_TXF_COINBASE) == 0) return DP_OK;
		const uint8_t *id = dp_segment_at(tail, DP_SEC_TXID, tx);
		if (id == NULL) return dp_segment_fault(tail, DP_SEC_TXID, tx, fault);
		return bury(l, tx_no, id, fault);
	}
	for (uint32_t i = 0; i < rows.input_count; i++) {
		uint64_t output_no;
		if (!dp_segment_u64(tail, DP_SEC_SPENT, rows.input_first + i, &output_no))
			return dp_segment_fault(tail, DP_SEC_SPENT, rows.input_first + i, fault);
		if ((output_no & DP_SPENT_FOREIGN) != 0) continue;
		DP_TRY(mark_spent(l, output_no, DP_SPENT, tx_no, fault));
	}
	return DP_OK;
}

// All that is spent first: who spent outputs of a transaction did so before another took its id.
static dp_code account_for_tail(dp_ledger *l, dp_fault *fault)
{
	DP_CHECK(l->has_tail && l->utxo);
	dp_segment *tail = l->segment[l->count - 1];
	for (uint32_t tx = 0; tx < tail->head.tx_count; tx++)
		DP_TRY(spend_tx(l, tail, tx, false, fault));
	for (uint32_t tx = 0; tx < tail->head.tx_count; tx++)
		DP_TRY(spend_tx(l, tail, tx, true, fault));
	return DP_OK;
}

//- the tail --------------------------------------------------------------------------------------

static dp_code build_tail(dp_ledger *l, dp_segment **ret_segment, const dp_tail *t,
                          const dp_build_begin *begin, const uint8_t **payload, uint64_t *size,
                          dp_fault *fault)
{
	for (uint64_t i = 0; i < t->count; i++) {
		payload[i] = t->bytes + t->record[i].offset;
		size[i] = t->record[i].size;
	}
	dp_build *b;
	DP_TRY(dp_build_new(&b, l->chain, begin, fault));
	dp_join join = {.segment = l->segment, .count = l->count};
	uint8_t *image = NULL;
	uint64_t image_size = 0;
	dp_code code = dp_build_unit(b, payload, size, t->count, fault);
	if (code == DP_OK) code = dp_build_sort(b, fault);
	if (code == DP_OK) code = dp_build_join(b, l->utxo ? dp_join_resolve : NULL, &join, fault);
	if (code == DP_OK) code = dp_build_image(b, &image, &image_size, fault);
	dp_build_free(b);
	if (code == DP_OK)
		code = dp_segment_of_image(ret_segment, image, image_size, l->chain, fault);
	return code;
}

static dp_code join_tail(dp_ledger *l, const dp_tail *t, const dp_build_begin *begin,
                         dp_fault *fault)
{
	const uint8_t **payload = dp_alloc(t->count * sizeof *payload);
	uint64_t *size = dp_alloc(t->count * sizeof *size);
	dp_segment *s = NULL;
	dp_code code = payload == NULL || size == NULL
	                   ? dp_fail(fault, DP_NO_MEMORY, "out of memory")
	                   : build_tail(l, &s, t, begin, payload, size, fault);
	dp_free(payload);
	dp_free(size);
	if (code != DP_OK) return code;
	l->segment[l->count++] = s;
	l->has_tail = true;
	if (!l->utxo) return DP_OK;
	return dp_spent_in_memory(&l->spent[l->count - 1], s->head.output_first,
	                          s->head.output_count, fault);
}

// Does the tail stand on the last segment? Not every source gives hashes of previous blocks.
static dp_code check_tail(const dp_ledger *l, const dp_tail *t, const char *path, dp_fault *fault)
{
	static const uint8_t none[32];
	if (l->count == 0) return DP_OK;
	dp_segment *s = l->segment[l->count - 1];
	const dp_record_head *first = &t->record[0].head;
	dp_ledger_block_row last;
	DP_TRY(dp_segment_block_row(s, &last, s->head.block_count - 1, fault));
	bool linked = first->height != last.height + 1 || memcmp(first->prev, none, 32) == 0 ||
	              memcmp(first->prev, last.hash, 32) == 0;
	if (first->height > last.height && linked) return DP_OK;
	dp_code code = dp_fail(fault, DP_BAD_BYTES,
	                       "its first block does not follow the last one of the segments: run "
	                       "\"dyepack ledger verify\"");
	dp_fault_file(fault, path);
	return code;
}

// A tail whose blocks cannot be right keeps the ledger from opening: its message says how to get
// rid of them. A file that is damaged is another matter: it is repaired.
static dp_code name_way_out(dp_fault *fault, uint64_t height)
{
	if (fault == NULL || strstr(fault->text, "--again") != NULL) return DP_BAD_BYTES;
	size_t n = strlen(fault->text);
	snprintf(fault->text + n, sizeof fault->text - n,
	         ": \"dyepack import SOURCE --ledger DIR --again %llu\" forgets block %llu and "
	         "those above it",
	         (unsigned long long)height, (unsigned long long)height);
	return DP_BAD_BYTES;
}

static dp_code open_tail(dp_ledger *l, const dp_build_begin *begin, dp_fault *fault)
{
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	dp_tail_name(name, begin->unit_first);
	DP_TRY(dp_path_join(path, l->folder, name, fault));
	dp_tail t;
	DP_TRY(dp_tail_read(&t, path, l->chain, begin->unit_first, fault));
	while (t.count > 0 && t.record[t.count - 1].head.height >= l->height_end) t.count--;
	dp_code code = DP_OK;
	if (t.count > 0) code = check_tail(l, &t, path, fault);
	if (t.is_old && t.count > 0) l->tail_gaps = DP_GAP_NOTES;
	if (code == DP_OK && t.count > 0) {
		code = join_tail(l, &t, begin, fault);
		if (code == DP_BAD_BYTES) code = name_way_out(fault, t.record[0].head.height);
		if (code != DP_OK) dp_fault_file(fault, path);
	}
	dp_tail_done(&t);
	return code;
}

//- segments --------------------------------------------------------------------------------------

// The checksums vouch for the manifest and for the header, each alone: they must agree, too.
static bool agrees(const dp_segment_header *h, const dp_manifest_segment *m,
                   const dp_build_begin *begin)
{
	return h->unit_first == m->unit_first && h->unit_count == m->unit_count &&
	       h->height_first == m->height_first && h->height_last == m->height_last &&
	       h->block_count == m->blocks && h->tx_count == m->txs && h->row_count == m->rows &&
	       h->input_count == m->inputs && h->output_count == m->outputs && h->block_count > 0 &&
	       h->block_first == begin->block && h->tx_first == begin->tx &&
	       h->row_first == begin->row && h->input_first == begin->input &&
	       h->output_first == begin->output;
}

static dp_code not_there(dp_code code, const char *name, dp_fault *fault)
{
	if (code != DP_NOT_FOUND) return code;
	return dp_fail(fault, DP_BAD_BYTES,
	               "%s is not there, though the manifest names its segment: \"dyepack ledger "
	               "verify\" says which blocks to import again",
	               name);
}

static dp_code open_segment(dp_ledger *l, const dp_manifest_segment *m, dp_build_begin *io_begin,
                            dp_fault *fault)
{
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	dp_segment_name(name, m->unit_first, m->unit_count, "seg");
	DP_TRY(dp_path_join(path, l->folder, name, fault));
	dp_segment *s;
	dp_code code = dp_segment_open(&s, path, l->chain, m->header, fault);
	if (code != DP_OK) return not_there(code, name, fault);
	l->segment[l->count++] = s; // from here on closing the ledger closes it
	if (!agrees(&s->head, m, io_begin)) {
		code = dp_fail(fault, DP_BAD_BYTES,
		               "its numbers are not those that the manifest has: run \"dyepack "
		               "ledger verify\"");
		dp_fault_file(fault, path);
		return code;
	}
	io_begin->unit_first = m->unit_first + m->unit_count;
	io_begin->block += m->blocks;
	io_begin->tx += m->txs;
	io_begin->row += m->rows;
	io_begin->input += m->inputs;
	io_begin->output += m->outputs;
	if (!l->utxo) return DP_OK;
	dp_segment_name(name, m->unit_first, m->unit_count, "spent");
	DP_TRY(dp_path_join(path, l->folder, name, fault));
	code = dp_spent_open(&l->spent[l->count - 1], path, false, s->head.output_first,
	                     s->head.output_count, fault);
	return not_there(code, name, fault);
}

// Numbers of firsts beside each other, so that a search touches few lines.
static void note_numbers(dp_ledger *l)
{
	dp_ledger_totals *t = &l->totals;
	for (uint32_t i = 0; i < l->count; i++) {
		const dp_segment_header *h = &l->segment[i]->head;
		l->block_first[i] = h->block_first;
		l->tx_first[i] = h->tx_first;
		l->output_first[i] = h->output_first;
		t->blocks += h->block_count;
		t->txs += h->tx_count;
		t->rows += h->row_count;
		t->inputs += h->input_count;
		t->outputs += h->output_count;
		t->noise += h->noise_count;
		t->gaps |= dp_segment_gaps(l->segment[i]);
		t->notes += h->note_count;
		t->note_txs += h->section[DP_SEC_NOTETX].count;
		if (i == 0) t->height_first = h->height_first;
		if (i == 0) t->time_first = h->time_first;
		t->height_last = h->height_last;
		t->time_last = h->time_last;
	}
	l->block_first[l->count] = t->blocks;
	l->tx_first[l->count] = t->txs;
	l->output_first[l->count] = t->outputs;
	t->gaps |= l->tail_gaps;
	if (!l->has_tail) return;
	t->tail_blocks = l->segment[l->count - 1]->head.block_count;
	t->tail_rows = l->segment[l->count - 1]->head.row_count;
}

static dp_code make_room(dp_ledger *l, dp_fault *fault)
{
	uint64_t n = l->manifest.count + 2; // the tail, and the totals behind
	DP_CHECK(n <= (uint64_t)DP_SEGMENTS_MAX + 2);
	l->segment = dp_alloc(n * sizeof *l->segment);
	l->block_first = dp_alloc(n * sizeof *l->block_first);
	l->tx_first = dp_alloc(n * sizeof *l->tx_first);
	l->output_first = dp_alloc(n * sizeof *l->output_first);
	if (l->utxo) l->spent = dp_alloc(n * sizeof *l->spent);
	if (l->segment == NULL || l->block_first == NULL || l->tx_first == NULL ||
	    l->output_first == NULL || (l->utxo && l->spent == NULL))
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	return DP_OK;
}

// Opens all that the manifest names.
static dp_code open_parts(dp_ledger *l, dp_fault *fault)
{
	DP_TRY(make_room(l, fault));
	dp_build_begin begin = {0};
	for (uint64_t i = 0; i < l->manifest.count; i++)
		DP_TRY(open_segment(l, &l->manifest.segment[i], &begin, fault));
	l->sealed_txs = begin.tx;
	DP_TRY(open_tail(l, &begin, fault));
	note_numbers(l);
	if (l->has_tail && l->utxo) {
		dp_code code = account_for_tail(l, fault);
		char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
		dp_tail_name(name, begin.unit_first);
		DP_TRY(dp_path_join(path, l->folder, name, fault));
		if (code == DP_BAD_BYTES && fault != NULL && fault->file[0] == 0)
			dp_fault_file(fault, path);
		DP_TRY(code);
	}
	if (l->count == 0) return DP_OK;
	dp_ledger_block_row first;
	DP_TRY(dp_segment_block_row(l->segment[0], &first, 0, fault));
	l->totals.from_beginning = (first.flags & DP_LEDGER_BLOCK_BEGINS) != 0;
	return DP_OK;
}

static void close_parts(dp_ledger *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		if (l->utxo) dp_spent_close(&l->spent[i]);
		dp_segment_close(l->segment[i]);
	}
	dp_free(l->segment);
	dp_free(l->spent);
	dp_free(l->block_first);
	dp_free(l->tx_first);
	dp_free(l->output_first);
	dp_free(l->overlay.entry);
	dp_manifest_done(&l->manifest);
	const dp_chain *chain = l->chain;
	uint64_t height_end = l->height_end;
	char folder[DP_PATH_MAX];
	memcpy(folder, l->folder, sizeof folder);
	*l = (dp_ledger){
	    .chain = chain, .utxo = chain->kind == DP_CHAIN_UTXO, .height_end = height_end};
	memcpy(l->folder, folder, sizeof folder);
}

//- opening ---------------------------------------------------------------------------------------

static dp_code manifest_changed(const dp_ledger *l, bool *ret_changed, dp_fault *fault)
{
	dp_manifest now = {0};
	DP_TRY(dp_manifest_read(&now, l->folder, fault));
	*ret_changed = now.count != l->manifest.count ||
	               (now.count > 0 && memcmp(now.segment, l->manifest.segment,
	                                        now.count * sizeof *now.segment) != 0);
	dp_manifest_done(&now);
	return DP_OK;
}

static dp_code read_manifest(dp_ledger *l, dp_fault *fault)
{
	dp_code code = dp_manifest_read(&l->manifest, l->folder, fault);
	if (code == DP_NOT_FOUND) {
		code = dp_fail(fault, DP_NOT_FOUND,
		               "holds no ledger of %s: import its blocks first (dyepack import)",
		               l->chain->name);
		dp_fault_file(fault, l->folder);
	}
	if (code != DP_OK) return code;
	DP_CHECK(l->manifest.chain != NULL);
	if (l->manifest.chain == l->chain) return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "the ledger in %s is of another chain: %s", l->folder,
	               l->manifest.chain->name);
}

// One attempt. *ret_again: what was found may be due to an importer at work.
static dp_code try_open(dp_ledger *l, bool *ret_again, bool *ret_changed, dp_fault *fault)
{
	*ret_again = false;
	*ret_changed = false;
	DP_TRY(read_manifest(l, fault));
	dp_code code = open_parts(l, fault);
	if (code != DP_OK && code != DP_BAD_BYTES && code != DP_NOT_FOUND) return code;
	// A tail that goes on where the segments end is no proof that it belongs to them: a chain
	// that reorganised deep may have been sealed again up to the same unit.
	DP_TRY(manifest_changed(l, ret_changed, fault));
	*ret_again = code != DP_OK || *ret_changed;
	return code;
}

static dp_code open_patiently(dp_ledger *l, dp_fault *fault)
{
	uint32_t still = 0;
	for (uint32_t tries = 1;; tries++) {
		bool again, changed;
		dp_code code = try_open(l, &again, &changed, fault);
		if (!again || tries == TRIES_MAX) return code;
		if (!changed && ++still == TRIES_STILL_MAX) return code;
		close_parts(l);
		struct timespec while_ = {.tv_nsec = TRY_AGAIN_NS};
		(void)nanosleep(&while_, NULL);
	}
}

typedef struct only_chain {
	const dp_chain *chain;
	uint32_t count;
	char names[200];
} only_chain;

static bool note_chain(void *context, const dp_chain *chain)
{
	only_chain *o = context;
	size_t n = strlen(o->names);
	if (n + strlen(chain->name) + 3 < sizeof o->names)
		snprintf(o->names + n, sizeof o->names - n, "%s%s", n == 0 ? "" : ", ",
		         chain->name);
	o->chain = chain;
	o->count++;
	return true;
}

static dp_code find_only_chain(const char *folder, const dp_chain **ret_chain, dp_fault *fault)
{
	only_chain o = {0};
	dp_code code = dp_ledger_chains(folder, note_chain, &o, fault);
	if (code == DP_OK && o.count > 1)
		code = dp_fail(fault, DP_BAD_CASE,
		               "holds ledgers of several chains: say which of them, %s", o.names);
	if (code == DP_OK && o.count == 0)
		code = dp_fail(fault, DP_NOT_FOUND,
		               "holds no ledger: import blocks first (dyepack import)");
	if (code != DP_OK) {
		dp_fault_file(fault, folder);
		return code;
	}
	*ret_chain = o.chain;
	return DP_OK;
}

dp_code dp_ledger_open(dp_ledger **ret_ledger, const char *folder, const dp_chain *chain,
                       dp_fault *fault)
{
	return dp_ledger_open_below(ret_ledger, folder, chain, UINT64_MAX, fault);
}

dp_code dp_ledger_open_below(dp_ledger **ret_ledger, const char *folder, const dp_chain *chain,
                             uint64_t height_end, dp_fault *fault)
{
	DP_CHECK(ret_ledger != NULL && folder != NULL);
	if (chain == NULL) DP_TRY(find_only_chain(folder, &chain, fault));
	dp_ledger *l = dp_alloc(sizeof *l);
	if (l == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	l->chain = chain;
	l->height_end = height_end;
	l->utxo = chain->kind == DP_CHAIN_UTXO;
	dp_code code = dp_path_join(l->folder, folder, chain->name, fault);
	if (code == DP_OK) code = open_patiently(l, fault);
	if (code != DP_OK) {
		dp_ledger_close(l);
		return code;
	}
	*ret_ledger = l;
	return DP_OK;
}

void dp_ledger_close(dp_ledger *l)
{
	if (l == NULL) return;
	DP_CHECK(l->chain != NULL);
	close_parts(l);
	dp_free(l);
}

//- the chains of a folder ------------------------------------------------------------------------

enum { CHAINS_MAX = 256 };

typedef struct chain_list {
	const dp_chain *chain[CHAINS_MAX];
	uint32_t count;
} chain_list;

// Kept in order of name. Folders are named like the chain; other names are none of ours.
static void visit_name(void *context, const char *name)
{
	chain_list *c = context;
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	if (chain == NULL || strcmp(chain->name, name) != 0) return;
	if (c->count == CHAINS_MAX) return; // the table of chains is shorter
	uint32_t at = c->count++;
	for (; at > 0 && strcmp(c->chain[at - 1]->name, name) > 0; at--)
		c->chain[at] = c->chain[at - 1];
	c->chain[at] = chain;
}

dp_code dp_ledger_chains(const char *folder, bool (*visit)(void *context, const dp_chain *chain),
                         void *context, dp_fault *fault)
{
	DP_CHECK(folder != NULL && visit != NULL);
	DP_CHECK(dp_chain_count() <= CHAINS_MAX);
	chain_list c = {.count = 0};
	DP_TRY(dp_folder_list(folder, visit_name, &c, fault));
	for (uint32_t i = 0; i < c.count; i++) {
		char path[DP_PATH_MAX];
		DP_TRY(dp_path_join(path, folder, c.chain[i]->name, fault));
		dp_manifest m = {0};
		dp_fault own;
		dp_code code = dp_manifest_read(&m, path, &own);
		if (code == DP_OK) dp_manifest_done(&m);
		if (code == DP_NOT_FOUND) continue; // a folder of that name without a ledger
		if (code == DP_NO_MEMORY) return dp_fail(fault, code, "%s", own.text);
		// A manifest that cannot be read is told by who opens that ledger.
		if (!visit(context, c.chain[i])) break;
	}
	return DP_OK;
}

//- what there is ---------------------------------------------------------------------------------

const dp_chain *dp_ledger_chain(const dp_ledger *l)
{
	DP_CHECK(l != NULL);
	return l->chain;
}

const dp_manifest *dp_ledger_manifest(const dp_ledger *l)
{
	DP_CHECK(l != NULL);
	return &l->manifest;
}

const char *dp_ledger_folder(const dp_ledger *l)
{
	DP_CHECK(l != NULL);
	return l->folder;
}

void dp_ledger_totals_get(const dp_ledger *l, dp_ledger_totals *ret_totals)
{
	DP_CHECK(l != NULL && ret_totals != NULL);
	*ret_totals = l->totals;
}

uint32_t dp_ledger_segment_count(const dp_ledger *l)
{
	DP_CHECK(l != NULL);
	return l->count;
}

dp_segment *dp_ledger_segment(const dp_ledger *l, uint32_t index)
{
	DP_CHECK(l != NULL);
	DP_CHECK(index < l->count);
	return l->segment[index];
}

dp_spent *dp_ledger_spent(const dp_ledger *l, uint32_t index)
{
	DP_CHECK(l != NULL);
	DP_CHECK(index < l->count);
	return l->utxo ? &l->spent[index] : NULL;
}

// The last that begins at or before `no`.
static uint32_t search(const uint64_t *first, uint32_t count, uint64_t no)
{
	DP_CHECK(count > 0 && no < first[count]);
	uint32_t low = 0;
	for (uint32_t n = count; n > 1;) {
		uint32_t half = n / 2;
		low += first[low + half] <= no ? half : 0;
		n -= half;
	}
	DP_CHECK(first[low] <= no);
	return low;
}

uint32_t dp_ledger_segment_of_tx(const dp_ledger *l, uint64_t tx_no)
{
	return search(l->tx_first, l->count, tx_no);
}

uint32_t dp_ledger_segment_of_block(const dp_ledger *l, uint64_t block_no)
{
	return search(l->block_first, l->count, block_no);
}

uint32_t dp_ledger_segment_of_output(const dp_ledger *l, uint64_t output_no)
{
	return search(l->output_first, l->count, output_no);
}

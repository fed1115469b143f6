// ledger/verify.h: a sound ledger has no fault; each kind of damage and each kind of lie (with all
// checksums made right again, so that only the meaning is wrong) is found, in the right segment,
// with the right blocks to import again, and nothing else is blamed.
//
// The ledgers are those of the writer's tests (support/growth.h), written with small units.
//
// Covers: ledger/verify.c ledger/verify_segment.c ledger/verify_rows.c ledger/verify_spent.c
// Covers: ledger/verify_notes.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ledger/tail.h"
#include "ledger/verify.h"
#include "ledger/writer.h"
#include "support/folder.h"
#include "support/growth.h"

enum { UNIT_ROWS = 300, BLOCKS = 260, FOUND_MAX = 64, NAME_MAX_T = 1024 };

//- ledgers ---------------------------------------------------------------------------------------

static char base[2][T_PATH_MAX]; // sound ones: of accounts, of coins
static const dp_chain *chains[2];

static void write_ledger(int utxo)
{
	t_growth g = {0};
	dp_fault fault;
	t_growth_make(&g, utxo == 1, 7, BLOCKS, BLOCKS, 0);
	chains[utxo] = g.chain;
	t_folder_make(base[utxo]);
	dp_writer_options o = {.threads = 1, .unit_rows = UNIT_ROWS, .final_blocks = 4};
	dp_writer *w;
	assert_int_equal(dp_writer_open(&w, base[utxo], g.chain, &o, &fault), DP_OK);
	for (uint32_t i = 0; i < g.count; i++)
		assert_int_equal(dp_writer_append(w, &g.block[i], 0, i == 0, &fault), DP_OK);
	assert_int_equal(dp_writer_commit(w, true, &fault), DP_OK);
	dp_writer_close(w);
	if (utxo == 1) assert_true(g.alike > 0);
	t_growth_done(&g);
}

static int make_ledgers(void **state)
{
	(void)state;
	write_ledger(0);
	write_ledger(1);
	return 0;
}

static int remove_ledgers(void **state)
{
	(void)state;
	t_folder_remove(base[0]);
	t_folder_remove(base[1]);
	return 0;
}

// A copy that may be spoiled.
typedef struct copy {
	char folder[T_PATH_MAX], chain_folder[NAME_MAX_T];
	const dp_chain *chain;
	dp_manifest manifest;
} copy;

static void copy_start(copy *c, int utxo)
{
	memset(c, 0, sizeof *c);
	t_folder_make(c->folder);
	c->chain = chains[utxo];
	snprintf(c->chain_folder, sizeof c->chain_folder, "%s/%s", c->folder, c->chain->name);
	char from[NAME_MAX_T];
	snprintf(from, sizeof from, "%s/%s", base[utxo], c->chain->name);
	t_folder_copy(c->chain_folder, from);
	assert_int_equal(dp_manifest_read(&c->manifest, c->chain_folder, NULL), DP_OK);
	assert_true(c->manifest.count >= 4);
}

static void copy_done(copy *c)
{
	dp_manifest_done(&c->manifest);
	t_folder_remove(c->folder);
}

static void path_of(char out[NAME_MAX_T], const copy *c, uint64_t segment, const char *ending)
{
	const dp_manifest_segment *m = &c->manifest.segment[segment];
	char name[DP_LEDGER_NAME_MAX];
	dp_segment_name(name, m->unit_first, m->unit_count, ending);
	int n = snprintf(out, NAME_MAX_T, "%s/%s", c->chain_folder, name);
	assert_true(n > 0 && n < NAME_MAX_T);
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	*ret_size = (size_t)ftell(f);
	rewind(f);
	uint8_t *bytes = malloc(*ret_size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_size, f), *ret_size);
	fclose(f);
	return bytes;
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

//- verifying -------------------------------------------------------------------------------------

typedef struct findings {
	dp_verify_fault fault[FOUND_MAX];
	uint32_t count;
	uint64_t bytes, total;
} findings;

static void note(void *context, const dp_verify_fault *fault)
{
	findings *f = context;
	assert_true(f->count < FOUND_MAX);
	assert_true(fault->fault.text[0] != 0);
	assert_null(strstr(fault->fault.text, "ledger verify"));
	f->fault[f->count++] = *fault;
}

static void note_progress(void *context, uint64_t bytes, uint64_t total)
{
	findings *f = context;
	assert_true(bytes >= f->bytes && bytes <= total);
	f->bytes = bytes;
	f->total = total;
}

static dp_verify_result verify(const copy *c, findings *f)
{
	dp_verify_result r = {0};
	dp_fault fault;
	memset(f, 0, sizeof *f);
	int64_t live = dp_mem_live();
	dp_code code = dp_ledger_verify(&r, c->folder, c->chain, note, note_progress, f, &fault);
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	assert_true(r.faults == f->count);
	assert_true(dp_mem_live() == live);
	return r;
}

// Exactly this segment is blamed, and its blocks are named.
static void expect_one(const copy *c, uint64_t segment, bool only_spent, const char *what)
{
	static findings f;
	(void)verify(c, &f);
	const dp_manifest_segment *m = &c->manifest.segment[segment];
	bool right =
	    f.count == 1 && f.fault[0].unit_first == m->unit_first &&
	    f.fault[0].unit_count == m->unit_count && f.fault[0].height_first == m->height_first &&
	    f.fault[0].height_last == m->height_last && f.fault[0].only_spent == only_spent;
	if (right) return;
	print_message("%s: %u faults\n", what, f.count);
	for (uint32_t i = 0; i < f.count; i++)
		print_message("  units %llu: %s: %s\n", (unsigned long long)f.fault[i].unit_first,
		              f.fault[i].fault.file, f.fault[i].fault.text);
	fail();
}

static void a_sound_ledger_has_no_fault(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		copy c;
		static findings f;
		copy_start(&c, utxo);
		dp_verify_result r = verify(&c, &f);
		for (uint32_t i = 0; i < f.count; i++)
			print_message("%s: %s\n", f.fault[i].fault.file, f.fault[i].fault.text);
		assert_int_equal(f.count, 0);
		assert_true(r.segments == c.manifest.count && r.blocks == BLOCKS);
		assert_true(r.bytes == f.total && f.bytes == f.total && f.total > 0);
		copy_done(&c);
	}
}

static void a_packed_ledger_has_no_fault(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		copy c;
		static findings f;
		dp_writer *w;
		dp_fault fault;
		uint64_t packed;
		copy_start(&c, utxo);
		dp_writer_options o = {.threads = 1, .unit_rows = UNIT_ROWS, .final_blocks = 4};
		assert_int_equal(dp_writer_open(&w, c.folder, c.chain, &o, &fault), DP_OK);
		assert_int_equal(dp_writer_pack(w, UINT64_MAX, true, &packed, &fault), DP_OK);
		dp_writer_close(w);
		assert_true(packed > 0);
		(void)verify(&c, &f);
		assert_int_equal(f.count, 0);
		copy_done(&c);
	}
}

//- lies with right checksums ---------------------------------------------------------------------

typedef struct opened {
	uint8_t *bytes;
	size_t size;
	dp_segment_header *h;
} opened;

static uint64_t items(const opened *o, dp_section_id id)
{
	return o->h->section[id].count;
}

static void *section(const opened *o, dp_section_id id)
{
	return o->bytes + o->h->section[id].offset;
}

static uint32_t *u32s(const opened *o, dp_section_id id)
{
	return section(o, id);
}

static uint64_t *u64s(const opened *o, dp_section_id id)
{
	return section(o, id);
}

static dp_ledger_block_row *blocks_of(const opened *o)
{
	return section(o, DP_SEC_BLOCK);
}

// Makes every checksum right again, that of the manifest, too.
static void reseal(copy *c, uint64_t segment, opened *o)
{
	uint64_t data_size = o->h->data_size, chunks = (data_size + DP_CHUNK - 1) / DP_CHUNK;
	uint8_t *data = o->bytes + DP_SEGMENT_HEADER_SIZE;
	uint64_t *check = (uint64_t *)(void *)(data + data_size);
	for (uint64_t k = 0; k < chunks; k++) {
		uint64_t at = k * DP_CHUNK, n = data_size - at;
		check[k] = XXH3_64bits(data + at, n < DP_CHUNK ? n : DP_CHUNK);
	}
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(check, chunks * 8));
	memcpy(o->h->chunks_check, canonical.digest, 16);
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(o->bytes, DP_SEGMENT_HEADER_SIZE));
	memcpy(c->manifest.segment[segment].header, canonical.digest, 16);
	assert_int_equal(dp_manifest_write(&c->manifest, c->chain_folder, NULL), DP_OK);
}

static opened open_segment(const copy *c, uint64_t segment)
{
	char path[NAME_MAX_T];
	path_of(path, c, segment, "seg");
	opened o;
	o.bytes = read_file(path, &o.size);
	o.h = (dp_segment_header *)(void *)o.bytes;
	return o;
}

static void save_segment(copy *c, uint64_t segment, opened *o)
{
	char path[NAME_MAX_T];
	path_of(path, c, segment, "seg");
	reseal(c, segment, o);
	write_file(path, o->bytes, o->size);
	free(o->bytes);
}

// Each spoils one thing; false: this segment has nothing of the kind.
typedef bool (*lie)(opened *o);

static bool lie_height(opened *o)
{
	if (o->h->block_count < 3) return false;
	blocks_of(o)[1].height = blocks_of(o)[0].height;
	return true;
}

static bool lie_prev(opened *o)
{
	dp_ledger_block_row *b = blocks_of(o);
	for (uint64_t i = 1; i < o->h->block_count; i++) {
		if (b[i].height != b[i - 1].height + 1) continue;
		b[i].prev[5] ^= 1;
		return true;
	}
	return false;
}

static bool lie_block_tx(opened *o)
{
	dp_ledger_block_row *b = blocks_of(o);
	for (uint64_t i = 1; i + 1 < o->h->block_count; i++) {
		if (b[i].tx == b[i + 1].tx) continue;
		b[i].tx++;
		b[i].row = b[i].row > 0 ? b[i].row - 1 : 1;
		return true;
	}
	return false;
}

static bool lie_block_noise(opened *o)
{
	if (o->h->input_count > 0) return false;
	blocks_of(o)[0].noise++;
	return true;
}

static bool lie_txid(opened *o)
{
	uint8_t *id = section(o, DP_SEC_TXID);
	id[32 * (items(o, DP_SEC_TXID) / 2)] ^= 0xff;
	return true;
}

static bool lie_txsort(opened *o)
{
	uint32_t *sorted = u32s(o, DP_SEC_TXSORT), first = sorted[0];
	if (items(o, DP_SEC_TXSORT) < 2) return false;
	sorted[0] = sorted[1];
	sorted[1] = first;
	return true;
}

static bool lie_txsort_twice(opened *o)
{
	if (items(o, DP_SEC_TXSORT) < 2) return false;
	u32s(o, DP_SEC_TXSORT)[1] = u32s(o, DP_SEC_TXSORT)[0];
	return true;
}

static bool lie_txsort_range(opened *o)
{
	u32s(o, DP_SEC_TXSORT)[items(o, DP_SEC_TXSORT) - 1] = UINT32_MAX;
	return true;
}

static bool lie_txbucket(opened *o)
{
	u32s(o, DP_SEC_TXBUCKET)[items(o, DP_SEC_TXBUCKET) / 2]++;
	return true;
}

static bool lie_txfilter(opened *o)
{
	memset(section(o, DP_SEC_TXFILTER), 0, items(o, DP_SEC_TXFILTER) * 32);
	return true;
}

static bool lie_addr(opened *o)
{
	uint8_t *a = section(o, DP_SEC_ADDR);
	if (items(o, DP_SEC_ADDR) == 0) return false;
	a[items(o, DP_SEC_ADDR) / 2] ^= 1;
	return true;
}

static bool lie_addrbucket(opened *o)
{
	u32s(o, DP_SEC_ADDRBUCKET)[0] = 1;
	return true;
}

static bool lie_addrbucket_end(opened *o)
{
	u32s(o, DP_SEC_ADDRBUCKET)[items(o, DP_SEC_ADDRBUCKET) - 1]--;
	return true;
}

static bool lie_addrfilter(opened *o)
{
	memset(section(o, DP_SEC_ADDRFILTER), 0, items(o, DP_SEC_ADDRFILTER) * 32);
	return true;
}

static bool lie_postfirst(opened *o)
{
	uint32_t *first = u32s(o, DP_SEC_POSTFIRST);
	if (items(o, DP_SEC_POSTFIRST) < 5) return false;
	first[3]++;
	return true;
}

static bool lie_post(opened *o)
{
	u32s(o, DP_SEC_POST)[items(o, DP_SEC_POST) / 2] ^= 1;
	return true;
}

static bool lie_post_range(opened *o)
{
	u32s(o, DP_SEC_POST)[0] = UINT32_MAX;
	return true;
}

// Taking an address away from a row leaves a posting that nothing is behind.
static bool lie_nobody(opened *o)
{
	dp_section_id id = o->h->chain_kind == DP_CHAIN_UTXO ? DP_SEC_OUTADDR : DP_SEC_DST;
	for (uint64_t i = 0; i < items(o, id); i++) {
		uint32_t *who = &u32s(o, id)[i];
		if (*who == 0) continue;
		uint32_t first = u32s(o, DP_SEC_POSTFIRST)[*who];
		if (u32s(o, DP_SEC_POSTFIRST)[*who + 1] != first + 1) continue;
		uint64_t times = 0; // of one posting, it must be the only row
		for (uint64_t k = 0; k < items(o, id); k++) times += u32s(o, id)[k] == *who;
		if (times != 1) continue;
		if (id == DP_SEC_DST) {
			bool also_source = false;
			for (uint64_t k = 0; k < items(o, DP_SEC_SRC); k++)
				also_source |= u32s(o, DP_SEC_SRC)[k] == *who;
			if (also_source) continue;
		}
		*who = 0;
		return true;
	}
	return false;
}

static bool lie_src(opened *o)
{
	if (items(o, DP_SEC_SRC) == 0) return false;
	uint32_t *who = &u32s(o, DP_SEC_SRC)[items(o, DP_SEC_SRC) / 2];
	*who = *who % (uint32_t)o->h->address_count + 1;
	return true;
}

static bool lie_dst_range(opened *o)
{
	if (items(o, DP_SEC_DST) == 0) return false;
	u32s(o, DP_SEC_DST)[0] = (uint32_t)o->h->address_count + 1;
	return true;
}

static bool lie_amount(opened *o)
{
	dp_section_id id = o->h->chain_kind == DP_CHAIN_UTXO ? DP_SEC_VALUE : DP_SEC_AMOUNT;
	for (uint64_t i = 0; i < items(o, id); i++) {
		if (u64s(o, id)[i] >> 57 != 0) continue;
		u64s(o, id)[i] = (uint64_t)1 << 57 | 10; // a hundred: no exponent is needed
		return true;
	}
	return false;
}

static bool lie_amount_exponent(opened *o)
{
	dp_section_id id = o->h->chain_kind == DP_CHAIN_UTXO ? DP_SEC_VALUE : DP_SEC_AMOUNT;
	if (items(o, id) == 0) return false;
	u64s(o, id)[0] = (uint64_t)(DP_AMOUNT_EXP_MAX + 1) << 57 | 1;
	return true;
}

// The first amount word whose top two bits are these.
static uint64_t *wide_word(opened *o, uint64_t top)
{
	dp_section_id id = o->h->chain_kind == DP_CHAIN_UTXO ? DP_SEC_VALUE : DP_SEC_AMOUNT;
	for (uint64_t i = 0; i < items(o, id); i++)
		if (u64s(o, id)[i] >> 62 == top) return &u64s(o, id)[i];
	return NULL;
}

static uint8_t *wide_item(opened *o, uint64_t word)
{
	return (uint8_t *)section(o, DP_SEC_WIDE) + 16 * (word & (((uint64_t)1 << 62) - 1));
}

static bool lie_wide(opened *o)
{
	uint64_t *word = wide_word(o, 2);
	if (word == NULL) return false;
	memset(wide_item(o, *word), 0, 16);
	return true;
}

static bool lie_wide_half(opened *o)
{
	uint64_t *word = wide_word(o, 3);
	if (word == NULL) return false;
	memset(wide_item(o, *word + 1), 0, 16);
	return true;
}

// The amount's upper half is cut off, and belongs to nothing then.
static bool lie_wide_cut(opened *o)
{
	uint64_t *word = wide_word(o, 3);
	if (word == NULL) return false;
	*word &= ~((uint64_t)1 << 62);
	return true;
}

// Takes the next amount's item for its own upper half.
static bool lie_wide_long(opened *o)
{
	uint64_t *word = wide_word(o, 2);
	if (word == NULL) return false;
	*word |= (uint64_t)1 << 62;
	return true;
}

static bool lie_class(opened *o)
{
	if (items(o, DP_SEC_CLASS) == 0) return false;
	*(uint8_t *)section(o, DP_SEC_CLASS) = (uint8_t)items(o, DP_SEC_CLASSES);
	return true;
}

static bool lie_classes(opened *o)
{
	dp_ledger_class *c = section(o, DP_SEC_CLASSES), first;
	if (items(o, DP_SEC_CLASSES) < 2) return false;
	first = c[0];
	c[0] = c[1];
	c[1] = first;
	return true;
}

static bool lie_noise(opened *o)
{
	if (items(o, DP_SEC_NOISE) == 0) return false;
	((dp_ledger_noise *)section(o, DP_SEC_NOISE))[0].row ^= 1;
	return true;
}

static bool lie_noise_name(opened *o)
{
	if (items(o, DP_SEC_NOISE) == 0) return false;
	((dp_ledger_noise *)section(o, DP_SEC_NOISE))[0].name = UINT32_MAX;
	return true;
}

static bool lie_txrow(opened *o)
{
	dp_section_id id = o->h->chain_kind == DP_CHAIN_UTXO ? DP_SEC_TXIN : DP_SEC_TXROW;
	if (items(o, id) < 3) return false;
	u32s(o, id)[1] = (1u << DP_TXROW_BITS) - 1;
	return true;
}

static bool lie_txout(opened *o)
{
	if (items(o, DP_SEC_TXOUT) < 3) return false;
	u32s(o, DP_SEC_TXOUT)[1] = UINT32_MAX;
	return true;
}

static bool lie_outtx(opened *o)
{
	if (items(o, DP_SEC_OUTTX) < 2) return false;
	u32s(o, DP_SEC_OUTTX)[1]++;
	return true;
}

static bool lie_outaddr(opened *o)
{
	if (items(o, DP_SEC_OUTADDR) == 0) return false;
	u32s(o, DP_SEC_OUTADDR)[0] = (uint32_t)o->h->address_count + 7;
	return true;
}

static uint64_t *spent_inside(opened *o, bool foreign)
{
	for (uint64_t i = 0; i < items(o, DP_SEC_SPENT); i++)
		if ((u64s(o, DP_SEC_SPENT)[i] >> 63 != 0) == foreign)
			return &u64s(o, DP_SEC_SPENT)[i];
	return NULL;
}

static bool lie_spent_later(opened *o)
{
	uint64_t *spent = spent_inside(o, false);
	if (spent == NULL) return false;
	*spent = o->h->output_first + o->h->output_count - 1;
	return true;
}

static bool lie_spent_behind(opened *o)
{
	uint64_t *spent = spent_inside(o, false);
	if (spent == NULL) return false;
	*spent = o->h->output_first + o->h->output_count;
	return true;
}

static bool lie_spent_foreign(opened *o)
{
	uint64_t *spent = spent_inside(o, true);
	if (spent == NULL) return false;
	*spent = DP_SPENT_FOREIGN | items(o, DP_SEC_FOREIGN);
	return true;
}

static bool lie_foreign_flags(opened *o)
{
	if (items(o, DP_SEC_FOREIGN) == 0) return false;
	((dp_ledger_foreign *)section(o, DP_SEC_FOREIGN))[0].flags = 64;
	return true;
}

static bool lie_block_first(opened *o)
{
	o->h->block_first++;
	return true;
}

//- of notes --------------------------------------------------------------------------------------

static uint32_t *note_txs(opened *o)
{
	return (uint32_t *)section(o, DP_SEC_NOTETX);
}

static bool lie_note_tx(opened *o)
{
	if (items(o, DP_SEC_NOTETX) < 2) return false;
	note_txs(o)[1] = note_txs(o)[0];
	return true;
}

static bool lie_note_tx_range(opened *o)
{
	uint64_t n = items(o, DP_SEC_NOTETX);
	if (n == 0) return false;
	note_txs(o)[n - 1] |= (uint32_t)o->h->tx_count;
	return (note_txs(o)[n - 1] & ~DP_NOTE_LEADS) >= o->h->tx_count;
}

static bool lie_note_leads(opened *o)
{
	if (items(o, DP_SEC_NOTETX) == 0) return false;
	note_txs(o)[0] ^= DP_NOTE_LEADS;
	return true;
}

static bool lie_note_at(opened *o)
{
	if (items(o, DP_SEC_NOTETX) < 2) return false;
	((uint64_t *)section(o, DP_SEC_NOTEAT))[1]++;
	return true;
}

static bool lie_note_end(opened *o)
{
	uint64_t n = items(o, DP_SEC_NOTETX);
	if (n == 0) return false;
	((uint64_t *)section(o, DP_SEC_NOTEAT))[n]--;
	return true;
}

static bool lie_note_kind(opened *o)
{
	if (items(o, DP_SEC_NOTE) == 0) return false;
	((uint8_t *)section(o, DP_SEC_NOTE))[0] |= 7;
	return true;
}

static bool lie_note_name(opened *o)
{
	if (items(o, DP_SEC_NOTENAME) < 2) return false;
	uint8_t *names = section(o, DP_SEC_NOTENAME);
	memcpy(names + 32, names, 32);
	return true;
}

static bool lie_note_count(opened *o)
{
	if (o->h->note_count < 2) return false;
	o->h->note_count--;
	return true;
}

static const struct {
	const char *name;
	lie spoil;
} lies[] = {
    {"NOTETX", lie_note_tx},
    {"NOTETX range", lie_note_tx_range},
    {"NOTETX leads", lie_note_leads},
    {"NOTEAT", lie_note_at},
    {"NOTEAT end", lie_note_end},
    {"NOTE kind", lie_note_kind},
    {"NOTENAME twice", lie_note_name},
    {"number of notes", lie_note_count},
    {"height", lie_height},
    {"prev", lie_prev},
    {"block's transactions", lie_block_tx},
    {"block's noise", lie_block_noise},
    {"txid", lie_txid},
    {"TXSORT swapped", lie_txsort},
    {"TXSORT twice", lie_txsort_twice},
    {"TXSORT range", lie_txsort_range},
    {"TXBUCKET", lie_txbucket},
    {"TXFILTER", lie_txfilter},
    {"ADDR", lie_addr},
    {"ADDRBUCKET", lie_addrbucket},
    {"ADDRBUCKET end", lie_addrbucket_end},
    {"ADDRFILTER", lie_addrfilter},
    {"POSTFIRST", lie_postfirst},
    {"POST", lie_post},
    {"POST range", lie_post_range},
    {"a posting too many", lie_nobody},
    {"SRC", lie_src},
    {"DST range", lie_dst_range},
    {"amount not shortest", lie_amount},
    {"amount's exponent", lie_amount_exponent},
    {"WIDE", lie_wide},
    {"WIDE half", lie_wide_half},
    {"WIDE cut", lie_wide_cut},
    {"WIDE long", lie_wide_long},
    {"CLASS", lie_class},
    {"CLASSES", lie_classes},
    {"NOISE", lie_noise},
    {"NOISE name", lie_noise_name},
    {"TXROW or TXIN", lie_txrow},
    {"TXOUT", lie_txout},
    {"OUTTX", lie_outtx},
    {"OUTADDR", lie_outaddr},
    {"SPENT later", lie_spent_later},
    {"SPENT behind", lie_spent_behind},
    {"SPENT foreign", lie_spent_foreign},
    {"FOREIGN flags", lie_foreign_flags},
    {"first block's number", lie_block_first},
};

static void each_lie_is_found(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof lies / sizeof lies[0]; k++) {
		uint32_t told = 0;
		for (int utxo = 0; utxo < 2; utxo++) {
			copy c;
			copy_start(&c, utxo);
			for (uint64_t i = 1; i + 1 < c.manifest.count; i++) {
				opened o = open_segment(&c, i);
				if (!lies[k].spoil(&o)) {
					free(o.bytes);
					continue;
				}
				save_segment(&c, i, &o);
				expect_one(&c, i, false, lies[k].name);
				told++;
				break;
			}
			copy_done(&c);
		}
		if (told == 0) print_message("no segment to tell \"%s\" in\n", lies[k].name);
		assert_true(told > 0);
	}
}

// An input of a later segment takes an output that somebody has: that segment is false.
static void an_output_spent_twice_is_found(void **state)
{
	(void)state;
	copy c;
	copy_start(&c, 1);
	uint64_t last = c.manifest.count - 1, taken = UINT64_MAX;
	for (uint64_t i = 0; i < last && taken == UINT64_MAX; i++) {
		opened o = open_segment(&c, i);
		uint64_t *spent = spent_inside(&o, false);
		if (spent != NULL) taken = *spent;
		free(o.bytes);
	}
	assert_true(taken != UINT64_MAX);
	opened o = open_segment(&c, last);
	uint64_t *spent = spent_inside(&o, false);
	assert_non_null(spent);
	*spent = taken;
	save_segment(&c, last, &o);
	// What that segment spends is not believed any more, so no .spent file is blamed.
	expect_one(&c, last, false, "spent twice");
	copy_done(&c);
}

// Blocks of the right shape, but not of this chain: the link between segments is broken.
static void segments_that_do_not_follow_are_found(void **state)
{
	(void)state;
	uint32_t told = 0;
	for (int utxo = 0; utxo < 2; utxo++) {
		copy c;
		copy_start(&c, utxo);
		for (uint64_t i = 1; i < c.manifest.count; i++) {
			if (c.manifest.segment[i].height_first !=
			    c.manifest.segment[i - 1].height_last + 1)
				continue;
			opened o = open_segment(&c, i);
			static const uint8_t unknown[32];
			if (memcmp(blocks_of(&o)[0].prev, unknown, 32) == 0) {
				free(o.bytes);
				continue;
			}
			blocks_of(&o)[0].prev[0] ^= 1;
			save_segment(&c, i, &o);
			expect_one(&c, i, false, "link between segments");
			told++;
			break;
		}
		copy_done(&c);
	}
	assert_true(told > 0);
}

//- damage ----------------------------------------------------------------------------------------

static void every_flipped_byte_of_a_segment_is_found(void **state)
{
	(void)state;
	copy c;
	char path[NAME_MAX_T];
	copy_start(&c, 1);
	path_of(path, &c, 1, "seg");
	size_t size;
	uint8_t *bytes = read_file(path, &size);
	// All parts of the file, some 60 places in all: header, data, checksums.
	for (size_t at = 0; at < size; at += size / 60 + 1) {
		bytes[at] ^= 0x10;
		write_file(path, bytes, size);
		expect_one(&c, 1, false, "flipped byte");
		bytes[at] ^= 0x10;
	}
	for (size_t cut = 1; cut < size; cut = cut * 3 + 1) {
		write_file(path, bytes, size - cut);
		expect_one(&c, 1, false, "truncated");
	}
	assert_int_equal(unlink(path), 0);
	expect_one(&c, 1, false, "missing segment");
	free(bytes);
	copy_done(&c);
}

static void all_broken_segments_are_named(void **state)
{
	(void)state;
	copy c;
	char path[NAME_MAX_T];
	static findings f;
	copy_start(&c, 0);
	path_of(path, &c, 0, "seg");
	assert_int_equal(unlink(path), 0);
	path_of(path, &c, 2, "seg");
	assert_int_equal(truncate(path, 5000), 0);
	dp_verify_result r = verify(&c, &f);
	assert_true(r.faults == 2 && r.segments == c.manifest.count);
	assert_true(f.fault[0].unit_first == c.manifest.segment[0].unit_first);
	assert_true(f.fault[1].unit_first == c.manifest.segment[2].unit_first);
	copy_done(&c);
}

static void a_manifest_that_says_something_else_is_found(void **state)
{
	(void)state;
	copy c;
	copy_start(&c, 0);
	uint64_t last = c.manifest.count - 1;
	c.manifest.segment[last].txs++;
	assert_int_equal(dp_manifest_write(&c.manifest, c.chain_folder, NULL), DP_OK);
	expect_one(&c, last, false, "manifest edited");
	// A manifest without its own checksum is a fault of the call.
	char path[NAME_MAX_T];
	size_t size;
	snprintf(path, sizeof path, "%.900s/manifest", c.chain_folder);
	uint8_t *bytes = read_file(path, &size);
	bytes[size / 2] ^= 1;
	write_file(path, bytes, size);
	dp_verify_result r;
	dp_fault fault;
	assert_int_equal(dp_ledger_verify(&r, c.folder, c.chain, note, NULL, NULL, &fault),
	                 DP_BAD_BYTES);
	free(bytes);
	copy_done(&c);
}

//- .spent ----------------------------------------------------------------------------------------

static dp_spent open_spent(const copy *c, uint64_t segment, uint64_t *ret_first)
{
	char path[NAME_MAX_T];
	uint64_t first = 0;
	dp_spent s;
	dp_fault fault;
	for (uint64_t i = 0; i < segment; i++) first += c->manifest.segment[i].outputs;
	path_of(path, c, segment, "spent");
	assert_int_equal(
	    dp_spent_open(&s, path, true, first, c->manifest.segment[segment].outputs, &fault),
	    DP_OK);
	*ret_first = first;
	return s;
}

// An output of the segment of which .spent says so.
static uint64_t output_that_is(const dp_spent *s, dp_spent_kind want, uint64_t *ret_tx_no)
{
	for (uint64_t no = s->output_first; no < s->output_first + s->output_count; no++) {
		dp_spent_kind kind;
		dp_fault fault;
		assert_int_equal(dp_spent_get(s, &kind, ret_tx_no, no, &fault), DP_OK);
		if (kind == want) return no;
	}
	return UINT64_MAX;
}

static void a_false_spent_entry_is_found(void **state)
{
	(void)state;
	enum { TO_UNSPENT, TO_SPENT, TO_OTHER, TO_BURIED, CASES };
	copy c;
	copy_start(&c, 1);
	uint64_t first, tx_no, total = 0;
	for (uint64_t i = 0; i < c.manifest.count; i++) total += c.manifest.segment[i].txs;
	dp_spent s = open_spent(&c, 1, &first);
	for (int k = 0; k < CASES; k++) {
		uint64_t no = output_that_is(&s, k == TO_SPENT ? DP_UNSPENT : DP_SPENT, &tx_no);
		assert_true(no != UINT64_MAX);
		uint64_t before = s.entry[no - first];
		if (k == TO_UNSPENT) dp_spent_set(&s, no, DP_UNSPENT, 0);
		if (k == TO_SPENT) dp_spent_set(&s, no, DP_SPENT, total - 1);
		if (k == TO_OTHER) dp_spent_set(&s, no, DP_SPENT, tx_no - 1);
		if (k == TO_BURIED) dp_spent_set(&s, no, DP_BURIED, tx_no);
		expect_one(&c, 1, true, "false entry of .spent");
		s.entry[no - first] = before ^ 1;
		expect_one(&c, 1, true, "flipped bit of .spent");
		s.entry[no - first] = before;
	}
	// What an importer was about to seal is no fault: nobody reads it yet.
	static findings f;
	uint64_t no = output_that_is(&s, DP_UNSPENT, &tx_no);
	dp_spent_set(&s, no, DP_SPENT, total);
	(void)verify(&c, &f);
	assert_int_equal(f.count, 0);
	dp_spent_close(&s);
	copy_done(&c);
}

static void buried_outputs_are_known(void **state)
{
	(void)state;
	copy c;
	uint64_t first, tx_no;
	bool told = false;
	copy_start(&c, 1);
	for (uint64_t i = 0; i < c.manifest.count && !told; i++) {
		dp_spent s = open_spent(&c, i, &first);
		uint64_t no = output_that_is(&s, DP_BURIED, &tx_no);
		if (no != UINT64_MAX) {
			dp_spent_set(&s, no, DP_UNSPENT, 0);
			expect_one(&c, i, true, "buried output forgotten");
			told = true;
		}
		dp_spent_close(&s);
	}
	assert_true(told);
	copy_done(&c);
}

static void a_spent_file_that_cannot_be_read_is_found(void **state)
{
	(void)state;
	copy c;
	char path[NAME_MAX_T];
	copy_start(&c, 1);
	path_of(path, &c, 2, "spent");
	size_t size;
	uint8_t *bytes = read_file(path, &size);
	bytes[9] ^= 1;
	write_file(path, bytes, size);
	expect_one(&c, 2, true, "header of .spent");
	bytes[9] ^= 1;
	write_file(path, bytes, size - 8);
	expect_one(&c, 2, true, "truncated .spent");
	assert_int_equal(unlink(path), 0);
	expect_one(&c, 2, true, "missing .spent");
	free(bytes);
	// When its segment is broken, too, that comes first, and the others are not blamed.
	path_of(path, &c, 2, "seg");
	assert_int_equal(truncate(path, 5000), 0);
	expect_one(&c, 2, false, "both");
	copy_done(&c);
}

//- the tail --------------------------------------------------------------------------------------

static void expect_tail(const copy *c, const char *what)
{
	static findings f;
	(void)verify(c, &f);
	const dp_manifest_segment *last = &c->manifest.segment[c->manifest.count - 1];
	if (f.count != 1) print_message("%s: %u faults\n", what, f.count);
	assert_int_equal(f.count, 1);
	assert_true(f.fault[0].unit_count == 0 && !f.fault[0].only_spent);
	assert_true(f.fault[0].unit_first == dp_manifest_units(&c->manifest));
	assert_true(f.fault[0].height_first == last->height_last + 1);
	assert_true(f.fault[0].height_last == UINT64_MAX);
}

static void tail_path(char out[NAME_MAX_T], const copy *c)
{
	char name[DP_LEDGER_NAME_MAX];
	dp_tail_name(name, dp_manifest_units(&c->manifest));
	int n = snprintf(out, NAME_MAX_T, "%s/%s", c->chain_folder, name);
	assert_true(n > 0 && n < NAME_MAX_T);
}

// Writes the tail again with its records in another order, every checksum right.
static void shuffle_tail(const copy *c, const char *path, const dp_tail *t, uint64_t first,
                         uint64_t second)
{
	dp_bytes_out out = {0};
	dp_fault fault;
	assert_int_equal(dp_tail_begin(&out, c->chain, dp_manifest_units(&c->manifest), &fault),
	                 DP_OK);
	for (uint64_t i = 0; i < t->count; i++) {
		uint64_t k = i == first ? second : i == second ? first : i;
		assert_int_equal(
		    dp_tail_frame(&out, t->bytes + t->record[k].offset, t->record[k].size, &fault),
		    DP_OK);
	}
	write_file(path, out.bytes, out.size);
	dp_free(out.bytes);
}

static void a_damaged_tail_is_found(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		copy c;
		char path[NAME_MAX_T];
		dp_tail t;
		dp_fault fault;
		copy_start(&c, utxo);
		tail_path(path, &c);
		assert_int_equal(
		    dp_tail_read(&t, path, c.chain, dp_manifest_units(&c.manifest), &fault), DP_OK);
		assert_true(t.count >= 3);
		size_t size;
		uint8_t *bytes = read_file(path, &size);
		bytes[t.record[0].offset + 110] ^= 1;
		write_file(path, bytes, size);
		expect_tail(&c, "flipped byte of the tail");
		bytes[t.record[0].offset + 110] ^= 1;
		// Half a record at its end is what a killed importer leaves: no fault.
		write_file(path, bytes, size - 3);
		static findings f;
		dp_verify_result r = verify(&c, &f);
		assert_true(f.count == 0 && r.blocks == BLOCKS - 1);
		shuffle_tail(&c, path, &t, 0, 1);
		expect_tail(&c, "tail out of order");
		free(bytes);
		dp_tail_done(&t);
		copy_done(&c);
	}
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		copy c;
		copy_start(&c, utxo);
		static findings f;
		int64_t live = dp_mem_live();
		int failed = 0;
		for (int64_t allowed = 0;; allowed += 1 + allowed / 20) {
			dp_verify_result r;
			dp_fault fault;
			memset(&f, 0, sizeof f);
			dp_mem_fail_after(allowed);
			dp_code code =
			    dp_ledger_verify(&r, c.folder, c.chain, note, NULL, &f, &fault);
			dp_mem_fail_after(-1);
			assert_true(dp_mem_live() == live);
			// Lack of memory must never look like damage.
			assert_int_equal(f.count, 0);
			if (code == DP_OK) break;
			assert_int_equal(code, DP_NO_MEMORY);
			failed++;
		}
		assert_true(failed > 10);
		copy_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_sound_ledger_has_no_fault),
	    cmocka_unit_test(a_packed_ledger_has_no_fault),
	    cmocka_unit_test(each_lie_is_found),
	    cmocka_unit_test(an_output_spent_twice_is_found),
	    cmocka_unit_test(segments_that_do_not_follow_are_found),
	    cmocka_unit_test(every_flipped_byte_of_a_segment_is_found),
	    cmocka_unit_test(all_broken_segments_are_named),
	    cmocka_unit_test(a_manifest_that_says_something_else_is_found),
	    cmocka_unit_test(a_false_spent_entry_is_found),
	    cmocka_unit_test(buried_outputs_are_known),
	    cmocka_unit_test(a_spent_file_that_cannot_be_read_is_found),
	    cmocka_unit_test(a_damaged_tail_is_found),
	    cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, make_ledgers, remove_ledgers);
}

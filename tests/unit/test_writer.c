// The writer of a ledger: whatever way blocks come in (at once, in small commits, with little
// memory, with several builders, after reorganisations, with a full disk in between), the folder
// that is left is byte for byte that of a plain import of the same blocks. Also repair and packing.
//
// Covers: ledger/writer.c ledger/writer_open.c ledger/writer_seal.c ledger/writer_tail.c
// Covers: ledger/writer_back.c ledger/writer_spent.c ledger/writer_repair.c ledger/writer_pack.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "chain/gap.h"
#include "ledger/file.h"
#include "ledger/ledger.h"
#include "ledger/verify.h"
#include "ledger/writer.h"
#include "support/folder.h"
#include "support/growth.h"
#include "support/ledger.h"
#include "support/notes.h"

enum { UNIT_ROWS = 40, BLOCKS = 330 };

static const dp_writer_options plain = {.threads = 1, .unit_rows = UNIT_ROWS};

static char folder[T_PATH_MAX];

static int make_folder(void **state)
{
	(void)state;
	t_folder_make(folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	dp_file_fail_after(-1);
	dp_mem_fail_after(-1);
	t_folder_remove(folder);
	return 0;
}

static const char *in_folder(const char *name)
{
	static char path[4][2 * T_PATH_MAX];
	static int next;
	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
	return path[next];
}

static void ok(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(fault, text, sizeof text);
	fail_msg("code %d: %s", (int)code, text);
}

static dp_writer *open_writer(const char *name, const dp_chain *chain, const dp_writer_options *o)
{
	dp_writer *w = NULL;
	dp_fault fault = {0};
	ok(dp_writer_open(&w, in_folder(name), chain, o, &fault), &fault);
	return w;
}

static dp_code append(dp_writer *w, const t_growth *g, uint32_t i, dp_fault *fault)
{
	return dp_writer_append(w, &g->block[i], DP_GAP_REWARDS, i == 0, fault);
}

static void append_all(dp_writer *w, const t_growth *g, uint32_t first, uint32_t end)
{
	dp_fault fault = {0};
	for (uint32_t i = first; i < end; i++) ok(append(w, g, i, &fault), &fault);
}

static void commit(dp_writer *w, bool seal)
{
	dp_fault fault = {0};
	ok(dp_writer_commit(w, seal, &fault), &fault);
}

// The plain import that all others are compared with.
static void import_plain(const char *name, const t_growth *g, uint32_t end)
{
	dp_writer *w = open_writer(name, g->chain, &plain);
	append_all(w, g, 0, end);
	commit(w, true);
	dp_writer_close(w);
}

static void assert_same(const char *a, const char *b)
{
	assert_true(t_folder_same(in_folder(a), in_folder(b), "lock"));
}

// Everything a reader sees is what was appended.
static void assert_reads(const char *name, const t_growth *g, uint32_t count)
{
	dp_ledger *l = NULL;
	dp_fault fault = {0};
	ok(dp_ledger_open(&l, in_folder(name), NULL, &fault), &fault);
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	assert_int_equal(totals.blocks, count);
	dp_block_builder b = {0};
	for (uint32_t i = 0; i < count; i++) {
		const dp_block *block;
		uint8_t want[32], got[32];
		ok(dp_ledger_block(l, &b, &block, i, &fault), &fault);
		assert_int_equal(block->height, g->block[i].height);
		assert_memory_equal(block->hash, g->block[i].hash, 32);
		t_notes_same(block, &g->block[i]);
		if (g->chain->kind == DP_CHAIN_UTXO) continue; // unknown values have become known
		dp_block_digest(want, &g->block[i]);
		dp_block_digest(got, block);
		assert_memory_equal(want, got, 32);
	}
	dp_builder_done(&b);
	dp_ledger_close(l);
}

//- ways to import --------------------------------------------------------------------------------

static void blocks_come_back_as_they_were(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g;
		t_growth_make(&g, utxo != 0, 1, BLOCKS, BLOCKS, 0);
		assert_true(utxo == 0 || g.alike > 3);
		const char *name = utxo ? "utxo" : "account";
		import_plain(name, &g, BLOCKS);
		assert_reads(name, &g, BLOCKS);
		t_growth_done(&g);
	}
}

static void how_often_one_commits_changes_nothing(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g;
		t_growth_make(&g, utxo != 0, 2, BLOCKS, BLOCKS, 0);
		import_plain(utxo ? "a1" : "a0", &g, BLOCKS);
		for (uint32_t every = 1; every < 120; every = every * 3 + 1) {
			t_rng rng = {.s = every};
			char name[20];
			snprintf(name, sizeof name, "b%d-%u", utxo, every);
			dp_writer_options o = plain;
			o.threads = 1 + every % 3;
			dp_writer *w = open_writer(name, g.chain, &o);
			for (uint32_t i = 0; i < BLOCKS; i++) {
				append_all(w, &g, i, i + 1);
				if (i % every == 0) commit(w, t_below(&rng, 3) == 0);
				if (t_below(&rng, 4 * every) != 0) continue;
				uint64_t height = 0;
				uint8_t hash[32];
				commit(w, false);
				dp_writer_close(w);
				w = open_writer(name, g.chain, &o);
				assert_true(dp_writer_last(w, &height, hash));
				assert_int_equal(height, g.block[i].height);
				assert_int_equal(dp_writer_blocks(w), i + 1);
			}
			assert_int_equal(dp_writer_rows(w), g.rows);
			commit(w, true);
			dp_writer_close(w);
			assert_same(utxo ? "a1" : "a0", name);
		}
		t_growth_done(&g);
	}
}

static void little_memory_gives_the_same_ledger(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g;
		t_growth_make(&g, utxo != 0, 3, 2 * BLOCKS, BLOCKS, 7);
		import_plain(utxo ? "a1" : "a0", &g, 2 * BLOCKS);
		for (uint64_t memory = 1; memory < 400000; memory *= 20) {
			char name[40];
			snprintf(name, sizeof name, "b%d-%u", utxo, (unsigned)memory);
			dp_writer_options o = plain;
			o.memory_max = memory;
			o.threads = 2;
			dp_writer *w = open_writer(name, g.chain, &o);
			append_all(w, &g, 0, 2 * BLOCKS);
			commit(w, true);
			dp_writer_close(w);
			assert_same(utxo ? "a1" : "a0", name);
		}
		t_growth_done(&g);
	}
}

static void importing_again_changes_nothing(void **state)
{
	(void)state;
	t_growth g;
	t_growth_make(&g, true, 4, BLOCKS, BLOCKS, 0);
	import_plain("a", &g, BLOCKS);
	t_folder_copy(in_folder("b"), in_folder("a"));
	dp_writer *w = open_writer("b", g.chain, &plain);
	dp_fault fault = {0};
	for (uint32_t i = 0; i < BLOCKS; i++) {
		bool known;
		uint8_t hash[32];
		ok(dp_writer_hash_at(w, &known, hash, g.block[i].height, &fault), &fault);
		assert_true(known);
		assert_memory_equal(hash, g.block[i].hash, 32);
		if (i + 1 == BLOCKS || g.block[i + 1].height == g.block[i].height + 1) continue;
		ok(dp_writer_hash_at(w, &known, hash, g.block[i].height + 1, &fault), &fault);
		assert_false(known);
	}
	assert_int_equal(append(w, &g, BLOCKS - 1, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "heights must rise"));
	commit(w, true);
	dp_writer_close(w);
	assert_same("a", "b");
	t_growth_done(&g);
}

static void what_is_not_committed_is_given_up(void **state)
{
	(void)state;
	t_growth g;
	t_growth_make(&g, false, 5, BLOCKS, BLOCKS, 0);
	dp_writer *w = open_writer("a", g.chain, &plain);
	append_all(w, &g, 0, 20);
	commit(w, false);
	append_all(w, &g, 20, 30);
	dp_writer_close(w);
	assert_reads("a", &g, 20);
	w = open_writer("a", g.chain, &plain);
	assert_int_equal(dp_writer_blocks(w), 20);
	append_all(w, &g, 20, BLOCKS);
	commit(w, true);
	dp_writer_close(w);
	import_plain("b", &g, BLOCKS);
	assert_same("a", "b");
	t_growth_done(&g);
}

//- reorganisations -------------------------------------------------------------------------------

// Import chain a whole, then take back to `fork` and go on with chain b up to `end`.
static void reorganise(bool utxo, uint32_t fork, uint32_t end, bool seal, bool close_between)
{
	t_growth a, b;
	t_growth_make_known(&a, utxo, 6, BLOCKS, fork, 100);
	t_growth_make_known(&b, utxo, 6, BLOCKS, fork, 200);
	dp_fault fault = {0};
	dp_writer *w = open_writer("a", a.chain, &plain);
	append_all(w, &a, 0, BLOCKS);
	commit(w, seal);
	if (fork == 0)
		ok(dp_writer_truncate_all(w, &fault), &fault);
	else
		ok(dp_writer_truncate(w, a.block[fork - 1].height, &fault), &fault);
	assert_int_equal(dp_writer_blocks(w), fork);
	if (close_between) {
		dp_writer_close(w);
		w = open_writer("a", a.chain, &plain);
		assert_int_equal(dp_writer_blocks(w), fork);
	}
	append_all(w, &b, fork, end);
	commit(w, true);
	dp_writer_close(w);
	import_plain("b", &b, end);
	assert_same("a", "b");
	t_folder_remove(in_folder("a"));
	t_folder_remove(in_folder("b"));
	t_growth_done(&a);
	t_growth_done(&b);
}

static void reorganisations_of_every_depth_leave_the_final_chain(void **state)
{
	(void)state;
	t_rng rng = {.s = 5};
	for (uint32_t fork = 0; fork < BLOCKS; fork += 1 + fork % 7) {
		uint32_t end = fork + t_below(&rng, BLOCKS - fork + 1);
		if (fork % 3 == 0) end = BLOCKS;
		reorganise(fork % 2 == 0, fork, end, fork % 4 < 3, fork % 5 == 0);
		reorganise(fork % 2 == 1, fork, end, fork % 4 > 0, fork % 5 == 1);
	}
}

//- what else may happen --------------------------------------------------------------------------

static void the_second_of_two_writers_is_refused(void **state)
{
	(void)state;
	const dp_chain *chain = t_chain(false);
	dp_writer *w = open_writer("a", chain, &plain), *second = NULL;
	dp_fault fault = {0};
	assert_int_equal(dp_writer_open(&second, in_folder("a"), chain, &plain, &fault), DP_BUSY);
	assert_true(fault.text[0] != '\0');
	dp_writer *other = open_writer("a", t_chain(true), &plain); // another chain's is free
	dp_writer_close(other);
	dp_writer_close(w);
	w = open_writer("a", chain, &plain);
	dp_writer_close(w);
}

static void touch(const char *name)
{
	FILE *f = fopen(in_folder(name), "wb");
	assert_non_null(f);
	fputs("something", f);
	fclose(f);
}

static void leftovers_go_and_what_is_not_ours_stays(void **state)
{
	(void)state;
	t_growth g;
	t_growth_make(&g, true, 8, BLOCKS, BLOCKS, 0);
	import_plain("a", &g, BLOCKS);
	import_plain("b", &g, BLOCKS);
	static const char *const ours[] = {
	    "90000000-01.seg", "90000000-01.spent", "00000000-08.seg.new", "90000000.tail",
	    "manifest.new",    "00000000.tail.new", "00000001-01.packed"};
	char name[100];
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		snprintf(name, sizeof name, "b/%s/%s", g.chain->name, ours[i]);
		touch(name);
	}
	snprintf(name, sizeof name, "b/%s/notes.txt", g.chain->name);
	touch(name);
	dp_writer_close(open_writer("b", g.chain, &plain));
	assert_int_equal(remove(in_folder(name)), 0);
	assert_same("a", "b");
	t_growth_done(&g);
}

static void segments_without_a_manifest_are_not_touched(void **state)
{
	(void)state;
	t_growth g;
	t_growth_make(&g, false, 9, BLOCKS, BLOCKS, 0);
	import_plain("a", &g, BLOCKS);
	assert_int_equal(remove(in_folder("a/ethereum/manifest")), 0);
	uint64_t files = t_folder_files(in_folder("a/ethereum"), ".seg");
	dp_writer *w = NULL;
	dp_fault fault = {0};
	assert_int_equal(dp_writer_open(&w, in_folder("a"), g.chain, &plain, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "manifest"));
	assert_int_equal(t_folder_files(in_folder("a/ethereum"), ".seg"), files);
	t_growth_done(&g);
}

// One import with things going wrong after so many bytes or allocations; resumed until it is done.
static dp_code import_some(const char *name, const t_growth *g, const dp_writer_options *o,
                           uint64_t *ret_committed, dp_fault *fault)
{
	dp_writer *w = NULL;
	dp_code code = dp_writer_open(&w, in_folder(name), g->chain, o, fault);
	if (code != DP_OK) return code;
	assert_true(dp_writer_blocks(w) >= *ret_committed);
	for (uint32_t i = (uint32_t)dp_writer_blocks(w); code == DP_OK && i < g->count; i++) {
		code = append(w, g, i, fault);
		if (code == DP_OK && i % 50 == 49) {
			code = dp_writer_commit(w, i % 100 == 99, fault);
			if (code == DP_OK) *ret_committed = i + 1;
		}
	}
	if (code == DP_OK) code = dp_writer_commit(w, true, fault);
	if (code == DP_OK) *ret_committed = g->count;
	dp_fault again = {0};
	if (code != DP_OK && code != DP_NO_MEMORY)
		assert_int_not_equal(dp_writer_commit(w, false, &again), DP_OK);
	dp_writer_close(w);
	return code;
}

static void a_full_disk_loses_nothing_that_was_committed(void **state)
{
	(void)state;
	t_rng rng = {.s = 77};
	for (int round = 0; round < 60; round++) {
		t_growth g;
		t_growth_make(&g, round % 2 == 0, 10, BLOCKS, BLOCKS, 0);
		if (round < 2) import_plain(round == 0 ? "a0" : "a1", &g, BLOCKS);
		dp_writer_options o = plain;
		o.threads = 1 + (uint32_t)round % 2;
		uint64_t committed = 0;
		uint32_t tries = 0;
		dp_code code;
		do {
			dp_fault fault = {0};
			dp_file_fail_after(tries < 4 ? (int64_t)t_below(&rng, 400000) : -1);
			code = import_some("b", &g, &o, &committed, &fault);
			dp_file_fail_after(-1);
			if (code == DP_OK) break;
			assert_int_equal(code, DP_IO);
			assert_true(fault.text[0] != '\0' && fault.file[0] != '\0');
		} while (++tries < 100);
		assert_int_equal(code, DP_OK);
		assert_same(round % 2 == 0 ? "a0" : "a1", "b");
		t_folder_remove(in_folder("b"));
		t_growth_done(&g);
	}
}

static void without_memory_nothing_is_lost_either(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g;
		t_growth_make(&g, utxo != 0, 11, 120, 120, 0);
		import_plain(utxo ? "a1" : "a0", &g, 120);
		uint64_t committed = 0;
		dp_code code = DP_NO_MEMORY;
		uint32_t failed = 0;
		for (int64_t n = 0; code != DP_OK; n += 1 + n / 20) {
			int64_t live = dp_mem_live();
			dp_fault fault = {0};
			dp_mem_fail_after(n);
			code = import_some("b", &g, &plain, &committed, &fault);
			dp_mem_fail_after(-1);
			assert_int_equal(dp_mem_live(), live);
			if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
			failed += code != DP_OK;
		}
		assert_true(failed > 50);
		assert_same(utxo ? "a1" : "a0", "b");
		t_folder_remove(in_folder("b"));
		t_growth_done(&g);
	}
}

static void spoil(const char *name, long offset)
{
	FILE *f = fopen(in_folder(name), "r+b");
	assert_non_null(f);
	fseek(f, offset, SEEK_SET);
	int c = fgetc(f);
	fseek(f, offset, SEEK_SET);
	fputc(c ^ 0x10, f);
	fclose(f);
}

static void a_damaged_tail_is_given_up_when_asked(void **state)
{
	(void)state;
	t_growth g;
	t_growth_make(&g, true, 16, BLOCKS, BLOCKS, 0);
	import_plain("a", &g, BLOCKS);
	t_folder_copy(in_folder("b"), in_folder("a"));
	dp_manifest m = {0};
	dp_fault fault = {0};
	ok(dp_manifest_read(&m, in_folder("a/bitcoin"), &fault), &fault);
	uint64_t height = m.segment[m.count - 1].height_last;
	char name[DP_LEDGER_NAME_MAX], path[100];
	dp_tail_name(name, dp_manifest_units(&m));
	snprintf(path, sizeof path, "b/bitcoin/%s", name);
	dp_manifest_done(&m);
	spoil(path, 300);
	dp_writer *w = open_writer("b", g.chain, &plain);
	uint8_t hash[32];
	uint64_t last;
	assert_false(dp_writer_last(w, &last, hash));
	assert_int_equal(append(w, &g, BLOCKS - 1, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.file, name));
	ok(dp_writer_truncate(w, height, &fault), &fault);
	assert_true(dp_writer_last(w, &last, hash));
	assert_int_equal(last, height);
	append_all(w, &g, (uint32_t)dp_writer_blocks(w), BLOCKS);
	commit(w, true);
	dp_writer_close(w);
	assert_same("a", "b");
	t_growth_done(&g);
}

//- repair and packing ----------------------------------------------------------------------------

static void repair(const char *name, const t_growth *g, uint64_t unit, const t_growth *blocks,
                   dp_code want)
{
	dp_fault fault = {0};
	dp_writer *w = open_writer(name, g->chain, &plain);
	ok(dp_writer_repair_begin(w, unit, &fault), &fault);
	for (uint32_t i = 0; i < blocks->count; i++)
		ok(dp_writer_repair_block(w, &blocks->block[i], DP_GAP_REWARDS, i == 0, &fault),
		   &fault);
	dp_code code = dp_writer_repair_end(w, &fault);
	if (want == DP_OK) ok(code, &fault);
	assert_int_equal(code, want);
	dp_writer_close(w);
}

// The first units of the manifest's segments.
static uint32_t units_of(const char *name, const t_growth *g, uint64_t units[64])
{
	dp_manifest m = {0};
	dp_fault fault = {0};
	char path[100];
	uint32_t n = 0;
	snprintf(path, sizeof path, "%s/%s", name, g->chain->name);
	ok(dp_manifest_read(&m, in_folder(path), &fault), &fault);
	for (; n < m.count && n < 64; n++) units[n] = m.segment[n].unit_first;
	dp_manifest_done(&m);
	return n;
}

static void segment_file(char out[100], const char *name, const t_growth *g, uint64_t unit,
                         const char *ending)
{
	static const uint64_t sizes[] = {1, 8, 64};
	for (int i = 0; i < 3; i++) {
		char file[DP_LEDGER_NAME_MAX];
		dp_segment_name(file, unit, sizes[i], ending);
		snprintf(out, 100, "%s/%s/%s", name, g->chain->name, file);
		FILE *f = fopen(in_folder(out), "rb");
		if (f == NULL) continue;
		fclose(f);
		return;
	}
	fail();
}

static void a_damaged_segment_is_built_again_from_its_blocks(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g, other;
		t_growth_make(&g, utxo != 0, 12, BLOCKS, BLOCKS, 0);
		t_growth_make(&other, utxo != 0, 12, BLOCKS, 1, 13);
		const char *a = utxo ? "a1" : "a0", *b = utxo ? "b1" : "b0";
		import_plain(a, &g, BLOCKS);
		t_folder_copy(in_folder(b), in_folder(a));
		uint64_t units[64];
		uint32_t n = units_of(a, &g, units);
		assert_true(n >= 4);
		for (uint32_t i = 0; i < n; i++) {
			char file[100];
			segment_file(file, b, &g, units[i], "seg");
			spoil(file, 5000);
			if (i == 0) repair(b, &g, units[i], &other, DP_BAD_BYTES);
			repair(b, &g, units[i], &g, DP_OK);
			if (i % 2 == 0) assert_int_equal(remove(in_folder(file)), 0);
			if (i % 2 == 0) repair(b, &g, units[i], &g, DP_OK);
		}
		assert_same(a, b);
		t_growth_done(&g);
		t_growth_done(&other);
	}
}

//- ledgers of the version before notes -----------------------------------------------------------

static void replace_file(const char *path, const void *bytes, size_t size)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

// A segment, tail or manifest as the version before notes wrote it, which differs where no block
// has any in the number of the version alone.
static void age_segment(const char *path, uint8_t ret_header[16])
{
	uint8_t *bytes;
	uint64_t size;
	ok(dp_file_read(&bytes, &size, path, 1 << 28, NULL), NULL);
	assert_int_equal(bytes[8], DP_LEDGER_VERSION);
	bytes[8] = DP_LEDGER_VERSION_OLD;
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(bytes, DP_SEGMENT_HEADER_SIZE));
	memcpy(ret_header, check.digest, 16);
	replace_file(path, bytes, size);
	dp_free(bytes);
}

static void age_tail(const char *path)
{
	uint8_t *bytes;
	uint64_t size;
	ok(dp_file_read(&bytes, &size, path, 1 << 28, NULL), NULL);
	bytes[8] = DP_LEDGER_VERSION_OLD;
	uint64_t check = XXH3_64bits(bytes, 56);
	memcpy(bytes + 56, &check, 8);
	replace_file(path, bytes, size);
	dp_free(bytes);
}

static void age_manifest(const char *path, const dp_manifest *m)
{
	char *text, digits[33] = {0};
	size_t n;
	ok(dp_manifest_print(m, &text, &n, NULL), NULL);
	text[15] = '0' + DP_LEDGER_VERSION_OLD;
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(text, n - 39));
	for (int i = 0; i < 16; i++) snprintf(digits + 2 * i, 3, "%02x", check.digest[i]);
	memcpy(text + n - 33, digits, 32);
	replace_file(path, text, n);
	dp_free(text);
}

static void age(const char *name, const dp_chain *chain)
{
	char path[2 * T_PATH_MAX + 100], file[DP_LEDGER_NAME_MAX], chain_folder[2 * T_PATH_MAX];
	dp_manifest m;
	snprintf(chain_folder, sizeof chain_folder, "%s/%s", in_folder(name), chain->name);
	ok(dp_manifest_read(&m, chain_folder, NULL), NULL);
	for (uint64_t i = 0; i < m.count; i++) {
		dp_segment_name(file, m.segment[i].unit_first, m.segment[i].unit_count, "seg");
		snprintf(path, sizeof path, "%s/%s", chain_folder, file);
		age_segment(path, m.segment[i].header);
	}
	dp_tail_name(file, dp_manifest_units(&m));
	snprintf(path, sizeof path, "%s/%s", chain_folder, file);
	age_tail(path);
	snprintf(path, sizeof path, "%s/manifest", chain_folder);
	age_manifest(path, &m);
	dp_manifest_done(&m);
}

static uint64_t gaps_of(const char *name, uint64_t *ret_notes)
{
	dp_ledger *l;
	dp_ledger_totals t;
	dp_fault fault = {0};
	ok(dp_ledger_open(&l, in_folder(name), NULL, &fault), &fault);
	dp_ledger_totals_get(l, &t);
	dp_ledger_close(l);
	*ret_notes = t.notes;
	return t.gaps;
}

static void ledgers_of_the_version_before_notes_are_read_and_go_on(void **state)
{
	(void)state;
	const uint32_t old = BLOCKS / 2;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g;
		uint64_t notes, units[64];
		dp_fault fault = {0};
		const char *a = utxo ? "old1" : "old0", *b = utxo ? "aged1" : "aged0";
		t_growth_make(&g, utxo != 0, 14, BLOCKS, BLOCKS, 0);
		for (uint32_t i = 0; i < old; i++) g.block[i].note_count = 0;
		import_plain(a, &g, old);
		assert_int_equal(gaps_of(a, &notes), DP_GAP_REWARDS);
		age(a, g.chain);
		assert_reads(a, &g, old);
		assert_int_equal(gaps_of(a, &notes), DP_GAP_REWARDS | DP_GAP_NOTES);
		assert_int_equal(notes, 0);
		// A damaged segment is built again as it was, without the notes that its source
		// has.
		t_folder_copy(in_folder(b), in_folder(a));
		uint32_t n = units_of(a, &g, units);
		assert_true(n > 1);
		char file[100];
		segment_file(file, b, &g, units[0], "seg");
		spoil(file, 5000);
		t_growth again;
		t_growth_make(&again, utxo != 0, 14, BLOCKS, BLOCKS, 0);
		repair(b, &again, units[0], &again, DP_OK);
		t_growth_done(&again);
		// What comes behind has notes, what is merged or moved keeps saying that it has
		// not.
		dp_writer *w = open_writer(b, g.chain, &plain);
		append_all(w, &g, old, BLOCKS);
		commit(w, true);
		uint64_t packed;
		ok(dp_writer_pack(w, UINT64_MAX, true, &packed, &fault), &fault);
		dp_writer_close(w);
		assert_reads(b, &g, BLOCKS);
		assert_int_equal(gaps_of(b, &notes), DP_GAP_REWARDS | DP_GAP_NOTES);
		assert_true(notes > 0);
		dp_verify_result result;
		ok(dp_ledger_verify(&result, in_folder(b), g.chain, NULL, NULL, NULL, &fault),
		   &fault);
		assert_int_equal(result.faults, 0);
		t_growth_done(&g);
	}
}

static void a_lost_spent_file_is_made_again(void **state)
{
	(void)state;
	t_growth g;
	t_growth_make(&g, true, 14, BLOCKS, BLOCKS, 0);
	import_plain("a", &g, BLOCKS);
	t_folder_copy(in_folder("b"), in_folder("a"));
	uint64_t units[64];
	uint32_t n = units_of("a", &g, units);
	for (uint32_t i = 0; i < n; i++) {
		char file[100];
		dp_fault fault = {0};
		segment_file(file, "b", &g, units[i], "spent");
		if (i % 2 == 0)
			assert_int_equal(remove(in_folder(file)), 0);
		else
			spoil(file, 20);
		dp_writer *w = open_writer("b", g.chain, &plain);
		ok(dp_writer_repair_spent(w, units[i], &fault), &fault);
		dp_writer_close(w);
	}
	assert_same("a", "b");
	t_growth_done(&g);
}

static void pack(const char *name, const t_growth *g, uint64_t below, bool to, uint64_t want)
{
	dp_fault fault = {0};
	uint64_t done = 0;
	dp_writer *w = open_writer(name, g->chain, &plain);
	ok(dp_writer_pack(w, below, to, &done, &fault), &fault);
	assert_int_equal(done, want);
	dp_writer_close(w);
}

static void packing_and_unpacking_gives_the_same_bytes(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		t_growth g;
		dp_writer_options o = plain;
		o.unit_rows = 400;
		t_growth_make(&g, utxo != 0, 15, 3 * BLOCKS, BLOCKS, 0);
		const char *a = utxo ? "a1" : "a0", *b = utxo ? "b1" : "b0";
		dp_writer *w = open_writer(a, g.chain, &o);
		append_all(w, &g, 0, g.count);
		commit(w, true);
		dp_writer_close(w);
		t_folder_copy(in_folder(b), in_folder(a));
		uint64_t units[64];
		uint32_t n = units_of(a, &g, units);
		pack(b, &g, 0, true, 0);
		pack(b, &g, UINT64_MAX, true, n);
		pack(b, &g, UINT64_MAX, true, 0);
		assert_reads(b, &g, g.count);
		// A packed segment is repaired, too.
		char file[100];
		segment_file(file, b, &g, units[0], "seg");
		spoil(file, 6000);
		dp_fault fault = {0};
		w = open_writer(b, g.chain, &o);
		ok(dp_writer_repair_begin(w, 0, &fault), &fault);
		for (uint32_t i = 0; i < g.count; i++)
			ok(dp_writer_repair_block(w, &g.block[i], DP_GAP_REWARDS, i == 0, &fault),
			   &fault);
		ok(dp_writer_repair_end(w, &fault), &fault);
		dp_writer_close(w);
		pack(b, &g, UINT64_MAX, false, n);
		assert_same(a, b);
		t_growth_done(&g);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
	    T(blocks_come_back_as_they_were),
	    T(how_often_one_commits_changes_nothing),
	    T(little_memory_gives_the_same_ledger),
	    T(importing_again_changes_nothing),
	    T(what_is_not_committed_is_given_up),
	    T(reorganisations_of_every_depth_leave_the_final_chain),
	    T(the_second_of_two_writers_is_refused),
	    T(leftovers_go_and_what_is_not_ours_stays),
	    T(segments_without_a_manifest_are_not_touched),
	    T(a_full_disk_loses_nothing_that_was_committed),
	    T(without_memory_nothing_is_lost_either),
	    T(a_damaged_tail_is_given_up_when_asked),
	    T(a_damaged_segment_is_built_again_from_its_blocks),
	    T(a_lost_spent_file_is_made_again),
	    T(ledgers_of_the_version_before_notes_are_read_and_go_on),
	    T(packing_and_unpacking_gives_the_same_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Bitcoin blocks from files: framing, the choice of a chain, values of spent coins; real files
// first, then made ones that are wrong in one way each.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "codec/hex.h"
#include "source/blockfile.h"
#include "source/source.h"
#include "source/source_kinds.h"

#define MAGIC UINT32_C(0xd9b4bef9)
enum { BLOCKS_MAX = 400, CHAIN_MAX = 8 };

static char folder[] = "/tmp/dyepack-blocks-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int empty_folder(void **state)
{
	(void)state;
	char path[512];
	DIR *dir = opendir(folder);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (e->d_name[0] != '.') unlink(path);
	}
	closedir(dir);
	return 0;
}

static int remove_folder(void **state)
{
	empty_folder(state);
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char path[4][512];
	static int next;
	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
	return path[next];
}

// What reading a source to its end showed.
typedef struct reading {
	dp_code code; // DP_END when all went well
	dp_fault fault;
	size_t count;
	uint64_t height[BLOCKS_MAX], fees[BLOCKS_MAX];
	uint8_t hash[BLOCKS_MAX][32];
	dp_source_stats stats;
	bool opening_known_zero;
	char chain[32];
} reading;

static uint64_t fees_of(const dp_block *b)
{
	uint64_t fees = 0;
	for (uint32_t t = 1; t < b->tx_count; t++) {
		for (uint32_t i = 0; i < b->tx[t].mv_count; i++) {
			const dp_movement *mv = &b->mv[b->tx[t].mv_first + i];
			if (mv->kind == DP_MV_INPUT) fees += mv->amount.w[0];
			if (mv->kind == DP_MV_OUTPUT) fees -= mv->amount.w[0];
		}
	}
	return fees;
}

static void read_on(reading *r, dp_source *s)
{
	const dp_block *b;
	r->opening_known_zero = s->opening_known_zero;
	snprintf(r->chain, sizeof r->chain, "%s", s->chain->name);
	while ((r->code = dp_source_next(s, &b, &r->fault)) == DP_OK) {
		assert_true(r->count < BLOCKS_MAX);
		r->height[r->count] = b->height;
		r->fees[r->count] = fees_of(b);
		memcpy(r->hash[r->count++], b->hash, 32);
	}
	r->stats = s->stats;
	if (r->code == DP_END) assert_int_equal(r->stats.bytes_read, r->stats.bytes_total);
	assert_int_equal(r->stats.blocks, r->count);
	dp_source_close(s);
}

static reading *read_with(const char *const *paths, uint32_t count, dp_source_options options)
{
	static reading r;
	dp_source *s = NULL;
	memset(&r, 0, sizeof r);
	r.code = dp_source_blockfile.open(&s, paths, count, &options, &r.fault);
	if (r.code == DP_OK) read_on(&r, s);
	if (r.code != DP_END) assert_true(r.fault.text[0] != 0);
	return &r;
}

static reading *read_one(const char *path)
{
	return read_with(&path, 1, (dp_source_options){0});
}

static void assert_fault(const reading *r, dp_code code, const char *why)
{
	assert_int_equal(r->code, code);
	if (strstr(r->fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", r->fault.text, why);
}

//- real files ------------------------------------------------------------------------------------

static void the_first_blocks_of_the_chain_are_read(void **state)
{
	(void)state;
	const char *paths[] = {"tests/data/bitcoin/mainnet-1-5.dat",
	                       "tests/data/bitcoin/genesis.blk"};
	reading *r = read_with(paths, 2, (dp_source_options){0});
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 6);
	for (size_t i = 0; i < 6; i++) assert_int_equal(r->height[i], i);
	assert_memory_equal(
	    r->hash[1],
	    mk_txid_of("00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048"), 32);
	assert_memory_equal(
	    r->hash[5],
	    mk_txid_of("000000009b7262315dbf071787ad3656097b892abffd1f95a1a022f896f533fc"), 32);
	assert_true(r->opening_known_zero);
	assert_string_equal(r->chain, "bitcoin");
	// Without block 0 the heights are known all the same: block 1 names it as its parent.
	r = read_one(paths[0]);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->height[0], 1);
	assert_true(r->opening_known_zero);
}

static void the_branch_with_most_work_is_chosen(void **state)
{
	(void)state;
	const char *paths[] = {
	    "tests/data/bitcoin/reorg-blk_5A.dat", "tests/data/bitcoin/reorg-blk_3A.dat",
	    "tests/data/bitcoin/reorg-blk_0_to_4.dat", "tests/data/bitcoin/reorg-blk_4A.dat"};
	static const char *const chain_a[] = {"00000000952ccb1bf9b7f9fc8150",
	                                      "00000000474284d20067", "00000000551dc04c1482",
	                                      "00000000195f85184e77"};
	reading *r = read_with(paths, 4, (dp_source_options){0});
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 6);
	for (size_t i = 2; i < 6; i++) {
		char shown[DP_TXID_TEXT_MAX];
		dp_txid_format(shown, r->hash[i], dp_chain_find("bitcoin", 7));
		assert_memory_equal(shown, chain_a[i - 2], 20);
		assert_int_equal(r->height[i], i);
	}
	assert_int_equal(r->stats.values_unknown, 0);
	// As long as the branch is no longer than what was seen first, it is stale.
	const char *fewer[] = {paths[2], paths[1], paths[3]};
	r = read_with(fewer, 3, (dp_source_options){0});
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 5);
	char shown[DP_TXID_TEXT_MAX];
	dp_txid_format(shown, r->hash[3], dp_chain_find("bitcoin", 7));
	assert_memory_equal(shown, "00000000bc3589303953", 20);
}

static void coins_are_followed_from_the_first_block_on(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-1-255.dat")) skip();
	const char *p = path;
	dp_source *s;
	const dp_block *b;
	dp_source_options options = {0};
	reading *r = read_one(path);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 255);
	assert_int_equal(r->height[254], 255);
	assert_int_equal(r->stats.values_unknown, 0);
	assert_int_equal(dp_source_blockfile.open(&s, &p, 1, &options, NULL), DP_OK);
	do assert_int_equal(dp_source_next(s, &b, NULL), DP_OK);
	while (b->height < 170);
	const dp_movement *mv = &b->mv[b->tx[1].mv_first];
	char text[DP_ADDR_TEXT_MAX];
	assert_true(dp_u256_eq(mv->amount, dp_u256_of(5000000000)));
	assert_int_equal(mv->flags, 0);
	dp_addr_format(text, &mv->from, b->chain);
	assert_string_equal(text, "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S"); // of block 9
	dp_source_close(s);
}

static void companions_give_every_value(void **state)
{
	(void)state;
	char main_path[4096], test_path[2][4096];
	if (!mk_shared(main_path, "mainnet-866342.blk")) skip();
	reading *r = read_one(main_path);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->height[0], 866342);
	assert_int_equal(r->fees[0], 5026183); // what the coinbase took beyond the subsidy
	assert_int_equal(r->stats.values_unknown, 0);
	assert_false(r->opening_known_zero);
	assert_true(mk_shared(test_path[0], "testnet3-928848.blk"));
	assert_true(mk_shared(test_path[1], "testnet3-928849.blk"));
	const char *paths[] = {test_path[1], test_path[0]}; // in the wrong order
	dp_source_options options = {.chain = dp_chain_find("testnet3", 8)};
	r = read_with(paths, 2, options);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->height[0], 928848);
	assert_int_equal(r->height[1], 928849);
	assert_int_equal(r->fees[0], 38476510);
	assert_int_equal(r->fees[1], 33136194);
	assert_int_equal(r->stats.values_unknown, 0);
}

static void without_a_companion_values_are_marked_as_unknown(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-866342.blk")) skip();
	size_t n;
	uint8_t *b = mk_load(path, &n);
	mk_save(in_folder("alone.blk"), b, n);
	free(b);
	reading *r = read_one(in_folder("alone.blk"));
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->stats.values_unknown, 3936); // 7,972 less the 4,036 made in the block
}

//- made files ------------------------------------------------------------------------------------

static const mk_out fifty = {5000000000, NULL};

// A chain of blocks with a coinbase each, from `height` on.
typedef struct chain {
	mk_bytes block[CHAIN_MAX];
	uint8_t hash[CHAIN_MAX][32], coinbase[CHAIN_MAX][32];
} chain;

static void make_chain(chain *c, uint32_t height, size_t count, uint32_t extra)
{
	static mk_block b;
	for (size_t i = 0; i < count; i++) {
		memset(&b, 0, sizeof b);
		if (i > 0) memcpy(b.prev, c->hash[i - 1], 32);
		if (i == 0 && height > 0) b.prev[0] = 0xee; // a parent that is not given
		b.nonce = extra;
		mk_coinbase(&b, height + (uint32_t)i, extra, &fifty, 1);
		memcpy(c->coinbase[i], b.tx[0].txid, 32);
		mk_finish(&c->block[i], c->hash[i], &b);
	}
}

static size_t frame(uint8_t *out, const mk_bytes *m, uint32_t magic)
{
	mk_bytes head = {.n = 0};
	mk_int(&head, magic, 4);
	mk_int(&head, m->n, 4);
	memcpy(out, head.b, 8);
	memcpy(out + 8, m->b, m->n);
	return 8 + m->n;
}

static size_t frame_all(uint8_t *out, const chain *c, size_t from, size_t count)
{
	size_t n = 0;
	for (size_t i = from; i < from + count; i++) n += frame(out + n, &c->block[i], MAGIC);
	return n;
}

static chain made;
static uint8_t bytes[1 << 16];

static void a_folder_is_read_in_the_order_of_the_chain(void **state)
{
	(void)state;
	make_chain(&made, 0, 4, 0);
	mk_save(in_folder("blk00001.dat"), bytes, frame_all(bytes, &made, 1, 1));
	mk_save(in_folder("blk00000.dat"), bytes, frame_all(bytes, &made, 2, 2));
	mk_save(in_folder("blk00010.dat"), bytes, frame_all(bytes, &made, 0, 1));
	mk_save(in_folder("index.txt"), "x", 1);
	reading *r = read_one(folder);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 4);
	for (size_t i = 0; i < 4; i++) assert_memory_equal(r->hash[i], made.hash[i], 32);
}

static void bare_blocks_come_in_any_order(void **state)
{
	(void)state;
	make_chain(&made, 100, 3, 0);
	mk_save(in_folder("a.blk"), made.block[2].b, made.block[2].n);
	mk_save(in_folder("b"), made.block[0].b, made.block[0].n);
	mk_save(in_folder("c.bin"), made.block[1].b, made.block[1].n);
	const char *paths[] = {in_folder("a.blk"), in_folder("b"), in_folder("c.bin")};
	reading *r = read_with(paths, 3, (dp_source_options){0});
	assert_int_equal(r->code, DP_END);
	for (size_t i = 0; i < 3; i++) assert_int_equal(r->height[i], 100 + i);
	assert_false(r->opening_known_zero);
	// With a gap between them, on a chain whose blocks have to state their heights. Two of 2009
	// could stand anywhere.
	assert_fault(read_with(paths, 2, (dp_source_options){0}), DP_BAD_BYTES, "do not connect");
	r = read_with(paths, 2, (dp_source_options){.chain = dp_chain_find("regtest", 7)});
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 2);
	assert_int_equal(r->height[1], 102);
}

static void the_end_of_a_file_may_be_zeros_and_nothing_else(void **state)
{
	(void)state;
	make_chain(&made, 0, 2, 0);
	size_t n = frame_all(bytes, &made, 0, 2);
	memset(bytes + n, 0, 3000);
	mk_save(in_folder("blk00000.dat"), bytes, n + 3000);
	assert_int_equal(read_one(folder)->code, DP_END);
	memset(bytes, 0, 100); // reserved and not yet used
	mk_save(in_folder("blk00001.dat"), bytes, 100);
	mk_save(in_folder("blk00002.dat"), bytes, 0);
	assert_int_equal(read_one(folder)->count, 2);
	n = frame_all(bytes, &made, 0, 2);
	memset(bytes + n, 0, 3000);
	bytes[n + 2000] = 1;
	mk_save(in_folder("blk00000.dat"), bytes, n + 3000);
	reading *r = read_one(folder);
	assert_fault(r, DP_BAD_BYTES, "bytes follow the end");
	assert_int_equal(r->fault.offset, n + 2000);
	assert_non_null(strstr(r->fault.file, "blk00000.dat"));
}

static void only_the_last_file_may_be_cut_off(void **state)
{
	(void)state;
	make_chain(&made, 0, 3, 0);
	size_t one = frame_all(bytes, &made, 0, 1), n = frame_all(bytes, &made, 0, 2);
	for (size_t cut = one + 1; cut < n; cut += cut < one + 100 ? 1 : 13) {
		mk_save(in_folder("blk00000.dat"), bytes, cut);
		unlink(in_folder("blk00001.dat"));
		reading *r = read_one(folder);
		assert_int_equal(r->code, DP_END);
		assert_int_equal(r->count, 1);
		uint8_t more[4096];
		mk_save(in_folder("blk00001.dat"), more, frame_all(more, &made, 2, 1));
		assert_fault(read_one(folder), DP_BAD_BYTES, "in the middle of a block");
	}
}

// Each folder has a node of its own, which may have been writing it.
static void each_folders_last_file_may_be_cut_off(void **state)
{
	(void)state;
	char path[2][512], name[2048];
	make_chain(&made, 0, 5, 0);
	for (size_t k = 0; k < 2; k++) {
		snprintf(path[k], sizeof path[k], "%s/%zu", folder, k);
		assert_int_equal(mkdir(path[k], 0700), 0);
		snprintf(name, sizeof name, "%s/blk00000.dat", path[k]);
		size_t n = k == 0 ? frame_all(bytes, &made, 0, 3) : frame_all(bytes, &made, 2, 3);
		mk_save(name, bytes, n - (k == 0 ? 7 : 0));
	}
	const char *paths[] = {path[0], path[1]};
	reading r = *read_with(paths, 2, (dp_source_options){0});
	for (size_t k = 0; k < 2; k++) {
		snprintf(name, sizeof name, "%s/blk00000.dat", path[k]);
		unlink(name);
		rmdir(path[k]);
	}
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.count, 5);
	assert_int_equal(r.stats.records_cut, 1);
}

static void damaged_frames_are_refused(void **state)
{
	(void)state;
	make_chain(&made, 0, 2, 0);
	size_t one = frame_all(bytes, &made, 0, 1), n = frame_all(bytes, &made, 0, 2);
	bytes[one] ^= 1;
	mk_save(in_folder("blk00000.dat"), bytes, n);
	reading *r = read_one(folder);
	assert_fault(r, DP_BAD_BYTES, "mark of its network");
	assert_int_equal(r->fault.offset, one);
	static const uint32_t sizes[] = {0, 80, 4000001, UINT32_MAX};
	for (size_t i = 0; i < 4; i++) {
		frame_all(bytes, &made, 0, 2);
		memcpy(bytes + one + 4, &sizes[i], 4);
		mk_save(in_folder("blk00000.dat"), bytes, n);
		r = read_one(folder);
		assert_fault(r, DP_BAD_BYTES, "impossible size");
		assert_int_equal(r->fault.offset, one + 4);
	}
	frame_all(bytes, &made, 0, 2);
	bytes[n - 1] ^= 1; // in the last transaction
	mk_save(in_folder("blk00000.dat"), bytes, n);
	r = read_one(folder);
	assert_fault(r, DP_BAD_BYTES, "block 1: the transactions do not match the merkle root");
	assert_int_equal(r->count, 1);
	assert_int_equal(r->fault.offset, one + 8 + 36);
}

static void networks_are_not_mixed(void **state)
{
	(void)state;
	const dp_chain *testnet = dp_chain_find("testnet3", 8);
	assert_non_null(testnet);
	make_chain(&made, 0, 2, 0);
	mk_save(in_folder("blk00000.dat"), bytes, frame(bytes, &made.block[0], testnet->magic));
	reading *r = read_one(folder);
	assert_int_equal(r->code, DP_END);
	assert_string_equal(r->chain, "testnet3");
	const char *path = in_folder("blk00000.dat");
	dp_source_options options = {.chain = dp_chain_find("bitcoin", 7)};
	assert_fault(read_with(&path, 1, options), DP_BAD_BYTES, "blocks of testnet3, not of");
	mk_save(in_folder("blk00001.dat"), bytes, frame(bytes, &made.block[1], MAGIC));
	assert_fault(read_one(folder), DP_BAD_BYTES, "blocks of bitcoin, not of testnet3");
	options.chain = dp_chain_find("ethereum", 8);
	make_chain(&made, 5, 1, 0);
	mk_save(in_folder("a.blk"), made.block[0].b, made.block[0].n);
	path = in_folder("a.blk");
	assert_fault(read_with(&path, 1, options), DP_BAD_CASE, "not those of ethereum");
}

// Nodes since version 28 store their files under an XOR.
static void files_under_an_xor_are_read(void **state)
{
	(void)state;
	static const uint8_t key[8] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93};
	make_chain(&made, 0, 3, 0);
	size_t n = frame_all(bytes, &made, 0, 3);
	memset(bytes + n, 0, 100);
	for (size_t i = 0; i < n + 100; i++) bytes[i] ^= key[i % 8];
	mk_save(in_folder("blk00000.dat"), bytes, n + 100);
	assert_fault(read_one(folder), DP_BAD_BYTES, "xor.dat");
	mk_save(in_folder("xor.dat"), key, 8);
	memset(bytes, 0, 64);
	for (size_t i = 0; i < 64; i++) bytes[i] ^= key[i % 8];
	mk_save(in_folder("blk00001.dat"), bytes, 64); // reserved, nothing in it yet
	reading *r = read_one(folder);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 3);
	mk_save(in_folder("xor.dat"), "\0\0\0\0\0\0\0\0", 8); // switched off
	frame_all(bytes, &made, 0, 3);
	mk_save(in_folder("blk00000.dat"), bytes, n);
	unlink(in_folder("blk00001.dat"));
	assert_int_equal(read_one(folder)->count, 3);
}

static void what_is_no_block_file_is_told(void **state)
{
	(void)state;
	mk_save(in_folder("small"), "hello", 5);
	assert_fault(read_one(in_folder("small")), DP_BAD_BYTES, "is no block file");
	memset(bytes, 'x', 1000);
	mk_save(in_folder("text"), bytes, 1000);
	reading *r = read_one(in_folder("text"));
	assert_fault(r, DP_BAD_BYTES, "counts more items");
	assert_string_equal(r->fault.file, in_folder("text"));
	mk_save(in_folder("packed"), "\x28\xb5\x2f\xfd....", 8);
	assert_fault(read_one(in_folder("packed")), DP_BAD_BYTES, "unpack it first");
	assert_fault(read_one(in_folder("missing")), DP_NOT_FOUND, "No such file");
	empty_folder(state);
	r = read_one(folder);
	assert_fault(r, DP_NOT_FOUND, "holds no block files");
	assert_string_equal(r->fault.file, folder);
}

static void an_old_block_needs_its_height(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	uint8_t hash[32];
	memset(&b, 0, sizeof b);
	b.version = 1;
	b.prev[0] = 0xee;
	mk_coinbase(&b, 5, 0, &fifty, 1);
	mk_finish(&m, hash, &b);
	mk_save(in_folder("a.blk"), m.b, m.n);
	const char *path = in_folder("a.blk");
	assert_fault(read_one(path), DP_BAD_CASE, "--start-height");
	reading *r =
	    read_with(&path, 1, (dp_source_options){.has_height_start = true, .height_start = 77});
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->height[0], 77);
}

// From a height on a block must state where it stands.
static void a_stated_height_must_fit_the_place(void **state)
{
	(void)state;
	static mk_block b;
	mk_out subsidy = {2500000000, NULL};
	mk_bytes m;
	uint8_t hash[32];
	memset(&b, 0, sizeof b);
	b.prev[0] = 0xee;
	mk_coinbase(&b, 300000, 0, &subsidy, 1);
	mk_finish(&m, hash, &b);
	mk_save(in_folder("a.blk"), m.b, m.n);
	memset(&b, 0, sizeof b);
	memcpy(b.prev, hash, 32);
	mk_coinbase(&b, 300005, 0, &subsidy, 1);
	mk_finish(&m, hash, &b);
	mk_save(in_folder("b.blk"), m.b, m.n);
	reading *r = read_one(folder);
	assert_fault(r, DP_BAD_BYTES, "block 300001: does not state this height");
	assert_non_null(strstr(r->fault.file, "b.blk"));
}

// Bitcoin Cash has Bitcoin's mark and its first 478558 blocks: the header of the next is real here,
// what follows it is not.
static void bitcoin_cash_is_told_by_its_first_block(void **state)
{
	(void)state;
	static const char header[] =
	    "00000020432d350741fbf28f2e1486eabe2c4e143bfe2241af65180100000000"
	    "00000000abaa4bd8a48c1c6bc08ee39b66065e5e9484304cab8b56d5eed3e40b"
	    "1ac996c899c480593547011822ca4ae8";
	static mk_block b;
	mk_bytes m;
	uint8_t hash[32];
	dp_source_options bitcoin = {.chain = dp_chain_find("bitcoin", 7)};
	dp_source_options cash = {.chain = dp_chain_find("bitcoin-cash", 12)};
	memset(&b, 0, sizeof b);
	b.prev[0] = 0xee;
	mk_coinbase(&b, 478559, 0, &fifty, 1);
	mk_finish(&m, hash, &b);
	mk_save(in_folder("blk00000.dat"), bytes, frame(bytes, &m, MAGIC));
	const char *path = folder;
	reading *r = read_with(&path, 1, cash);
	assert_fault(r, DP_BAD_CASE, "no blocks of Bitcoin Cash");
	assert_non_null(strstr(r->fault.file, "blk00000.dat"));
	assert_true(dp_hex_decode(m.b, 80, header));
	mk_save(in_folder("blk00000.dat"), bytes, frame(bytes, &m, MAGIC));
	assert_fault(read_with(&path, 1, bitcoin), DP_BAD_CASE, "Name the chain bitcoin-cash");
	assert_fault(read_with(&path, 1, cash), DP_BAD_BYTES, "merkle");
}

//- values ----------------------------------------------------------------------------------------

// Writes a block after `made`'s `count` blocks and reads the lot. The block's coinbase takes
// `reward`; the rest of it is in b->tx from 1 on.
static reading *read_after_chain(mk_block *b, size_t count, uint64_t reward)
{
	mk_bytes m;
	uint8_t hash[32];
	mk_out out = {reward, NULL};
	size_t tx_count = b->tx_count, n = frame_all(bytes, &made, 0, count);
	memcpy(b->prev, made.hash[count - 1], 32);
	b->tx_count = 0;
	mk_coinbase(b, 99, 99, &out, 1);
	b->tx_count = tx_count;
	mk_finish(&m, hash, b);
	n += frame(bytes + n, &m, MAGIC);
	mk_save(in_folder("blk00000.dat"), bytes, n);
	return read_one(in_folder("blk00000.dat"));
}

static mk_block next;

static void begin(size_t count)
{
	make_chain(&made, 0, count, 0);
	memset(&next, 0, sizeof next);
	next.tx_count = 1; // the coinbase, made last
}

static void fees_may_go_to_the_coinbase_and_no_more(void **state)
{
	(void)state;
	begin(3);
	mk_in in = {made.coinbase[1], 0};
	mk_out outs[2] = {{3000000000, NULL}, {1999999000, NULL}};
	mk_spend(&next, &in, 1, outs, 2);
	reading *r = read_after_chain(&next, 3, 5000001000);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->fees[3], 1000);
	r = read_after_chain(&next, 3, 5000001001);
	assert_fault(r, DP_BAD_BYTES, "block 3: the coinbase takes 5000001001 satoshi");
}

static void nothing_comes_from_nothing(void **state)
{
	(void)state;
	begin(3);
	mk_in in = {made.coinbase[1], 0};
	mk_out more = {5000000001, NULL};
	mk_spend(&next, &in, 1, &more, 1);
	assert_fault(
	    read_after_chain(&next, 3, 1), DP_BAD_BYTES,
	    "block 3: transaction 1: pays out 5000000001 satoshi and spends only 5000000000");
}

static void a_coin_that_is_not_there_cannot_be_spent(void **state)
{
	(void)state;
	static const uint8_t never[32] = {7};
	begin(3);
	mk_in in = {never, 0};
	mk_spend(&next, &in, 1, &fifty, 1);
	assert_fault(read_after_chain(&next, 3, 1), DP_BAD_BYTES,
	             "transaction 1, input 0: spends a coin that was never made or is spent");
	begin(3); // nor can the first coinbase of all
	in = (mk_in){made.coinbase[0], 0};
	mk_spend(&next, &in, 1, &fifty, 1);
	assert_fault(read_after_chain(&next, 3, 1), DP_BAD_BYTES, "never made or is spent");
	begin(3); // where blocks are missing it may have been made in one of those
	make_chain(&made, 50, 3, 0);
	in = (mk_in){never, 0};
	mk_spend(&next, &in, 1, &fifty, 1);
	reading *r = read_after_chain(&next, 3, 1);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->stats.values_unknown, 1);
}

static void coins_of_the_same_block_are_spent_in_order(void **state)
{
	(void)state;
	begin(3);
	mk_in in = {made.coinbase[1], 0};
	mk_tx *first = mk_spend(&next, &in, 1, &fifty, 1);
	mk_in second = {first->txid, 0};
	mk_out less = {4999999999, NULL};
	mk_spend(&next, &second, 1, &less, 1);
	reading *r = read_after_chain(&next, 3, 5000000001);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->fees[3], 1);
	mk_tx swapped = next.tx[1];
	next.tx[1] = next.tx[2];
	next.tx[2] = swapped;
	assert_fault(read_after_chain(&next, 3, 1), DP_BAD_BYTES,
	             "transaction 1, input 0: spends an output of a transaction that comes later");
	begin(3);
	in = (mk_in){made.coinbase[1], 0};
	mk_out outs[2] = {{5, NULL}, {0, "6a0454657374"}}; // the second says something, pays nobody
	first = mk_spend(&next, &in, 1, outs, 2);
	for (uint32_t vout = 1; vout < 4; vout++) {
		mk_in bad = {first->txid, vout};
		next.tx_count = 2;
		mk_spend(&next, &bad, 1, &(mk_out){0, NULL}, 1);
		assert_fault(read_after_chain(&next, 3, 1), DP_BAD_BYTES,
		             vout == 1 ? "can not be spent" : "does not have");
	}
}

// Two coinbases of 2010 repeat earlier ones, txid and all (BIP 30): the later takes the place.
static void a_repeated_coinbase_replaces_the_first(void **state)
{
	(void)state;
	begin(3);
	memcpy(next.prev, made.hash[2], 32);
	next.tx_count = 0;
	next.nonce = 5;
	mk_coinbase(&next, 1, 0, &fifty, 1); // as block 1's
	assert_memory_equal(next.tx[0].txid, made.coinbase[1], 32);
	mk_finish(&made.block[3], made.hash[3], &next);
	memset(&next, 0, sizeof next);
	next.tx_count = 1;
	mk_in in = {made.coinbase[1], 0};
	mk_spend(&next, &in, 1, &fifty, 1);
	reading *r = read_after_chain(&next, 4, 5000000000);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->count, 5);
	assert_int_equal(r->stats.values_unknown, 0);
}

// A block of one payment from a coin of nowhere, with a companion.
static reading *read_with_companion(const char *json, uint64_t paid)
{
	static const uint8_t elsewhere[32] = {9};
	static mk_block b;
	mk_bytes m;
	uint8_t hash[32];
	memset(&b, 0, sizeof b);
	b.prev[0] = 0xee;
	mk_coinbase(&b, 500, 0, &fifty, 1);
	mk_in in = {elsewhere, 1};
	mk_out out = {paid, NULL}, last = {1, NULL};
	mk_tx *first = mk_spend(&b, &in, 1, &out, 1);
	mk_in inner = {first->txid, 0};
	mk_spend(&b, &inner, 1, &last, 1);
	mk_finish(&m, hash, &b);
	mk_save(in_folder("n.blk"), m.b, m.n);
	mk_save(in_folder("n.spent.json"), json, strlen(json));
	const char *path = in_folder("n.blk");
	return read_with(&path, 1,
	                 (dp_source_options){.has_height_start = true, .height_start = 500});
}

#define OURS "00141111111111111111111111111111111111111111"

static void a_companion_must_fit_its_block(void **state)
{
	(void)state;
	// Only what earlier blocks made, and everything: both are complete.
	reading *r = read_with_companion("[{\"value\": 100, \"script_pubkey\": \"51\"}]", 90);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->fees[0], 99);
	assert_int_equal(r->stats.values_unknown, 0);
	r = read_with_companion("[{\"value\": 100, \"script_pubkey\": \"51\"},"
	                        " {\"value\": 90, \"script_pubkey\": \"" OURS "\"}]",
	                        90);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->fees[0], 99);
	r = read_with_companion("[]", 90);
	assert_fault(r, DP_BAD_BYTES, "belongs to another block");
	r = read_with_companion("[{\"value\": 89, \"script_pubkey\": \"51\"}]", 90);
	assert_fault(r, DP_BAD_BYTES, "transaction 1: pays out 90 satoshi and spends only 89");
	r = read_with_companion("[{\"value\": 100, \"script_pubkey\": \"51\"},"
	                        " {\"value\": 91, \"script_pubkey\": \"" OURS "\"}]",
	                        90);
	assert_fault(r, DP_BAD_BYTES, "transaction 2, input 0: the companion ");
	assert_non_null(strstr(r->fault.text, "n.spent.json does not say what the block"));
	r = read_with_companion("[{\"value\": 100, \"script_pubkey\": \"51\"}", 90);
	assert_int_equal(r->code, DP_BAD_BYTES);
	assert_non_null(strstr(r->fault.file, "n.spent.json"));
}

//- limits ----------------------------------------------------------------------------------------

static void memory_has_a_maximum(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "testnet3-928849.blk")) skip();
	const char *p = path;
	dp_source_options options = {.memory_max = 1 << 18};
	assert_fault(read_with(&p, 1, options), DP_LIMIT, "allow more memory");
	options.memory_max = 100;
	assert_fault(read_with(&p, 1, options), DP_LIMIT, "allow more memory");
}

static void a_failed_allocation_is_told_and_nothing_is_lost(void **state)
{
	(void)state;
	begin(3);
	mk_in in = {made.coinbase[1], 0};
	mk_spend(&next, &in, 1, &fifty, 1);
	assert_int_equal(read_after_chain(&next, 3, 1)->code, DP_END);
	const char *path = in_folder("blk00000.dat");
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_source *s = NULL;
		const dp_block *b;
		dp_source_options options = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_source_blockfile.open(&s, &path, 1, &options, NULL);
		bool is_open = code == DP_OK;
		while (code == DP_OK) code = dp_source_next(s, &b, NULL);
		dp_mem_fail_after(-1);
		if (is_open) dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_END) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 200);
	}
}

static void memory_reads_as_a_file_does(void **state)
{
	(void)state;
	make_chain(&made, 0, 4, 0);
	size_t n = frame_all(bytes, &made, 0, 4);
	static reading r;
	dp_source *s;
	dp_source_options options = {0};
	memset(&r, 0, sizeof r);
	assert_int_equal(dp_blockfile_open_bytes(&s, bytes, n, NULL, 0, &options, NULL), DP_OK);
	read_on(&r, s);
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.count, 4);
}

#define TEST(f) cmocka_unit_test_teardown(f, empty_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_first_blocks_of_the_chain_are_read),
	    TEST(the_branch_with_most_work_is_chosen),
	    TEST(coins_are_followed_from_the_first_block_on),
	    TEST(companions_give_every_value),
	    TEST(without_a_companion_values_are_marked_as_unknown),
	    TEST(a_folder_is_read_in_the_order_of_the_chain),
	    TEST(bare_blocks_come_in_any_order),
	    TEST(the_end_of_a_file_may_be_zeros_and_nothing_else),
	    TEST(only_the_last_file_may_be_cut_off),
	    TEST(each_folders_last_file_may_be_cut_off),
	    TEST(bitcoin_cash_is_told_by_its_first_block),
	    TEST(damaged_frames_are_refused),
	    TEST(networks_are_not_mixed),
	    TEST(files_under_an_xor_are_read),
	    TEST(what_is_no_block_file_is_told),
	    TEST(an_old_block_needs_its_height),
	    TEST(a_stated_height_must_fit_the_place),
	    TEST(fees_may_go_to_the_coinbase_and_no_more),
	    TEST(nothing_comes_from_nothing),
	    TEST(a_coin_that_is_not_there_cannot_be_spent),
	    TEST(coins_of_the_same_block_are_spent_in_order),
	    TEST(a_repeated_coinbase_replaces_the_first),
	    TEST(a_companion_must_fit_its_block),
	    TEST(memory_has_a_maximum),
	    TEST(a_failed_allocation_is_told_and_nothing_is_lost),
	    TEST(memory_reads_as_a_file_does),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

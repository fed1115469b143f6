// Block folders with undo files: values from them equal values from coins, from companions, and
// what real blocks' own fees say; whatever is wrong with a file is told with its place; and blocks
// are the same whatever the number of threads, wherever reading begins.
//
// Covers: source/undo_files.c source/block_files.c source/blockfile.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/ledger_blocks.h"
#include "bitcoin_maker.h"
#include "chain/undo.h"
#include "codec/hash.h"
#include "source/source.h"
#include "source/source_kinds.h"

#define MAGIC UINT32_C(0xd9b4bef9)
#define COIN UINT64_C(100000000)
enum { WORLD_MAX = 40, UNDO_MAX = 4096, START_TIME = 1500000000 };

static char folder[] = "/tmp/dyepack-undo-XXXXXX";

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

//- reading ---------------------------------------------------------------------------------------

// What reading showed: everything of every row goes into one hash.
typedef struct reading {
	dp_code code;
	dp_fault fault;
	uint64_t count, first, last, input_sum, fees;
	uint8_t rows[32];
	dp_source_stats stats;
	bool opening_known_zero;
	uint64_t gaps;
} reading;

static void add_block(reading *r, dp_sha256d_state *h, const dp_block *b)
{
	if (r->count++ == 0) r->first = b->height;
	r->last = b->height;
	dp_sha256d_update(h, b->hash, 32);
	dp_sha256d_update(h, b->src_key, b->mv_count * sizeof *b->src_key);
	dp_sha256d_update(h, b->dst_key, b->mv_count * sizeof *b->dst_key);
	for (uint32_t t = 0; t < b->tx_count; t++) {
		dp_sha256d_update(h, b->tx[t].id, 32);
		for (uint32_t i = 0; i < b->tx[t].mv_count; i++) {
			const dp_movement *mv = &b->mv[b->tx[t].mv_first + i];
			dp_sha256d_update(h, &mv->amount, sizeof mv->amount);
			dp_sha256d_update(h, &mv->from, sizeof mv->from);
			dp_sha256d_update(h, &mv->to, sizeof mv->to);
			dp_sha256d_update(h, &mv->flags, 1);
			bool is_input = mv->kind == DP_MV_INPUT;
			if (is_input) r->input_sum += mv->amount.w[0];
			if (t > 0) r->fees += is_input ? mv->amount.w[0] : -mv->amount.w[0];
		}
	}
}

static reading read_paths(const char *const *paths, uint32_t count, dp_source_options options)
{
	reading r = {0};
	dp_source *s;
	const dp_block *b;
	dp_sha256d_state h;
	dp_sha256d_init(&h);
	r.code = dp_source_blockfile.open(&s, paths, count, &options, &r.fault);
	if (r.code != DP_OK) return r;
	r.opening_known_zero = s->opening_known_zero;
	while ((r.code = dp_source_next(s, &b, &r.fault)) == DP_OK) add_block(&r, &h, b);
	r.stats = s->stats;
	r.gaps = s->gaps;
	if (r.code == DP_END) assert_int_equal(r.stats.bytes_read, r.stats.bytes_total);
	dp_source_close(s);
	dp_sha256d_final(&h, r.rows);
	return r;
}

static reading read_with(dp_source_options options)
{
	const char *path = folder;
	return read_paths(&path, 1, options);
}

static reading read_it(void)
{
	return read_with((dp_source_options){.threads = 1});
}

static void assert_fault(const reading *r, dp_code code, const char *file, const char *why)
{
	assert_int_equal(r->code, code);
	if (strstr(r->fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", r->fault.text, why);
	if (strstr(r->fault.file, file) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", r->fault.file, file);
}

static void assert_same(const reading *a, const reading *b)
{
	assert_int_equal(a->code, b->code);
	assert_string_equal(a->fault.text, b->fault.text);
	assert_string_equal(a->fault.file, b->fault.file);
	assert_int_equal(a->fault.offset, b->fault.offset);
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->rows, b->rows, 32);
	assert_int_equal(a->stats.values_unknown, b->stats.values_unknown);
}

//- a made chain ----------------------------------------------------------------------------------

// Block i spends the coinbase of block i - 1, and what that made, 1 to 3 times in a row.
typedef struct made {
	mk_bytes block[WORLD_MAX];
	uint8_t hash[WORLD_MAX][32], prev[WORLD_MAX][32], coinbase[WORLD_MAX][32];
	uint8_t undo[WORLD_MAX][UNDO_MAX];
	size_t undo_size[WORLD_MAX], count;
} made;

static made world;

static void coin_of(lb_bytes *m, uint64_t value)
{
	static const uint8_t script[22] = {0x00, 0x14, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
	                                   0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
	                                   0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
	lb_compact(m, 1); // of this transaction
	lb_coin(m, 2 * 77 + 1, value, script, sizeof script);
}

// Block `i` after block `parent`, with a nonce that makes it another one.
static void make_block(made *w, size_t i, size_t parent, uint32_t height, uint32_t nonce)
{
	static mk_block b;
	lb_bytes undo = {0};
	memset(&b, 0, sizeof b);
	b.nonce = nonce;
	b.time = START_TIME + height * 600;
	if (height > 0) memcpy(b.prev, w->hash[parent], 32);
	mk_out fifty = {50 * COIN, NULL};
	memcpy(w->coinbase[i], mk_coinbase(&b, height, nonce, &fifty, 1)->txid, 32);
	uint32_t spends = height < 2 ? 0 : 1 + height % 3;
	mk_in in = {w->coinbase[parent], 0};
	uint64_t value = 50 * COIN;
	lb_compact(&undo, spends);
	for (uint32_t k = 0; k < spends; k++) {
		coin_of(&undo, value);
		value -= 1000; // a fee that nobody takes
		in = (mk_in){mk_spend(&b, &in, 1, &(mk_out){value, NULL}, 1)->txid, 0};
	}
	mk_finish(&w->block[i], w->hash[i], &b);
	memcpy(w->prev[i], b.prev, 32);
	assert_true(undo.n <= UNDO_MAX);
	memcpy(w->undo[i], undo.b, undo.n);
	w->undo_size[i] = undo.n;
	lb_done(&undo);
}

static void make_world(size_t count)
{
	world.count = count;
	for (size_t i = 0; i < count; i++)
		make_block(&world, i, i == 0 ? 0 : i - 1, (uint32_t)i, (uint32_t)i + 1);
}

static void write_block(lb_folder *f, size_t i)
{
	lb_write_block(f, world.block[i].b, world.block[i].n);
}

static void write_undo(lb_folder *f, size_t i)
{
	lb_write_undo(f, world.undo[i], world.undo_size[i], world.prev[i]);
}

static lb_folder begin_folder(void)
{
	lb_folder f = {.path = folder, .magic = MAGIC};
	lb_begin(&f);
	return f;
}

// All blocks with their undo data, in files of at most `size_max` bytes.
static lb_folder write_world(uint64_t size_max)
{
	lb_folder f = {.path = folder, .magic = MAGIC, .size_max = size_max};
	lb_begin(&f);
	for (size_t i = 0; i < world.count; i++) {
		write_block(&f, i);
		if (i > 0) write_undo(&f, i); // genesis has none
	}
	return f;
}

static void remove_undo(void)
{
	for (int i = 0; i < WORLD_MAX; i++) {
		char name[32];
		snprintf(name, sizeof name, "rev%05d.dat", i);
		unlink(in_folder(name));
	}
}

// Changes a byte of a file. Returns where it stands.
static size_t damage(const char *name, size_t from_end)
{
	size_t n;
	uint8_t *b = mk_load(in_folder(name), &n);
	assert_true(b != NULL && from_end <= n && from_end > 0);
	b[n - from_end] ^= 0x40;
	mk_save(in_folder(name), b, n);
	free(b);
	return n - from_end;
}

static void cut(const char *name, size_t by)
{
	size_t n;
	uint8_t *b = mk_load(in_folder(name), &n);
	assert_true(b != NULL && by <= n);
	mk_save(in_folder(name), b, n - by);
	free(b);
}

//- values ----------------------------------------------------------------------------------------

static void undo_data_and_coins_give_the_same_blocks(void **state)
{
	(void)state;
	make_world(WORLD_MAX);
	write_world(1500); // some ten files
	reading by_undo = read_it();
	assert_int_equal(by_undo.code, DP_END);
	assert_int_equal(by_undo.count, WORLD_MAX);
	assert_int_equal(by_undo.stats.values_unknown, 0);
	assert_true(by_undo.opening_known_zero);
	assert_int_equal(by_undo.stats.height_first, 0);
	assert_int_equal(by_undo.stats.height_last, WORLD_MAX - 1);
	remove_undo();
	reading by_coins = read_it();
	assert_int_equal(by_coins.code, DP_END);
	assert_same(&by_undo, &by_coins);
	by_coins = read_with((dp_source_options){.threads = 4});
	assert_same(&by_undo, &by_coins);
}

static void the_number_of_threads_changes_nothing(void **state)
{
	(void)state;
	make_world(WORLD_MAX);
	for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
		write_world(3000);
		// The fault of a later block waits for its turn.
		if (is_damaged != 0) damage("blk00003.dat", 5);
		reading one = read_it();
		assert_int_equal(one.code, is_damaged != 0 ? DP_BAD_BYTES : DP_END);
		assert_true(one.count > 5);
		static const uint32_t threads[] = {0, 2, 4, 64};
		for (size_t i = 0; i < 4; i++) {
			reading many = read_with((dp_source_options){.threads = threads[i]});
			assert_same(&one, &many);
		}
		empty_folder(NULL);
	}
}

static void xored_files_and_reserved_room_are_read(void **state)
{
	(void)state;
	static const uint8_t key[8] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93};
	make_world(12);
	write_world(0);
	reading plain = read_it();
	assert_int_equal(plain.code, DP_END);
	lb_folder f = begin_folder();
	memcpy(f.xor_key, key, sizeof key);
	lb_begin(&f);
	for (size_t i = 0; i < world.count; i++) {
		write_block(&f, i);
		if (i > 0) write_undo(&f, i);
	}
	lb_reserve(&f, 100001); // which a node does not XOR
	reading turned = read_it();
	assert_int_equal(turned.code, DP_END);
	assert_memory_equal(turned.rows, plain.rows, 32);
	// Anything in that room is damage.
	size_t at = damage("rev00000.dat", 70);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "bytes follow the end of the records");
	assert_int_equal(r.fault.offset, at);
}

// Blocks as they arrive, records as blocks are connected; and a branch that was connected before it
// lost, whose record has the parent and the number of transactions of the one that won.
static void order_and_branches_do_not_matter(void **state)
{
	(void)state;
	static const size_t order[] = {0, 3, 1, 2, 6, 5, 4, 9, 8, 7, 10, 11};
	make_world(12);
	write_world(0);
	reading straight = read_it();
	lb_folder f = begin_folder();
	size_t stale = 20;
	make_block(&world, stale, 7, 8, 999);
	for (size_t i = 0; i < 12; i++) write_block(&f, order[i]);
	write_block(&f, stale);
	for (size_t i = 1; i < 12; i++) {
		if (i == 8) write_undo(&f, stale);
		write_undo(&f, i);
	}
	reading mixed = read_it();
	assert_int_equal(mixed.code, DP_END);
	assert_int_equal(mixed.stats.blocks_stale, 1);
	assert_same(&straight, &mixed);
	reading threads = read_with((dp_source_options){.threads = 4});
	assert_same(&straight, &threads);
}

//- where it begins and ends ----------------------------------------------------------------------

static void it_begins_where_it_is_asked_to(void **state)
{
	(void)state;
	make_world(WORLD_MAX);
	write_world(1500);
	// Blocks before are not read: this one's transactions are damaged.
	damage("blk00000.dat", 5);
	assert_int_equal(read_it().code, DP_BAD_BYTES);
	dp_source_options o = {.threads = 1, .begin = {.has_height = true, .height = 25}};
	reading r = read_with(o);
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.first, 25);
	assert_int_equal(r.last, WORLD_MAX - 1);
	assert_int_equal(r.stats.values_unknown, 0);
	assert_int_equal(r.stats.height_first, 25);
	assert_false(r.opening_known_zero);
	o.has_height_max = true;
	o.height_max = 30;
	r = read_with(o);
	assert_int_equal(r.last, 30);
	assert_int_equal(r.stats.height_last, 30);
	assert_int_equal(r.count, 6);
	// A time: two hours of twelve blocks before it, for clocks are off.
	o = (dp_source_options){.threads = 2, .begin = {.has_time = true}};
	o.begin.time = START_TIME + 30 * 600;
	r = read_with(o);
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.first, 18);
	// The earlier of the two.
	o.begin.has_height = true;
	o.begin.height = 16;
	assert_int_equal(read_with(o).first, 16);
	// A folder cannot look transactions up: their time counts, and without one all is read.
	const uint8_t tx[1][32] = {{1}};
	o.begin.tx = tx;
	o.begin.tx_count = 1;
	assert_int_equal(read_with(o).code, DP_BAD_BYTES);
	o.begin.has_tx_time = true;
	o.begin.tx_time = START_TIME + 24 * 600;
	assert_int_equal(read_with(o).first, 12);
	// Beyond the tip there is still the tip.
	o.begin = (dp_source_begin){.has_height = true, .height = 1000000};
	assert_int_equal(read_with(o).first, WORLD_MAX - 1);
	o.has_height_max = true;
	o.height_max = 3;
	assert_int_equal(read_with(o).count, 0);
}

static void without_undo_files_it_begins_at_the_beginning(void **state)
{
	(void)state;
	make_world(WORLD_MAX);
	lb_folder f = write_world(1500);
	dp_source_options o = {.threads = 1, .begin = {.has_height = true, .height = 25}};
	char name[32];
	snprintf(name, sizeof name, "rev%05u.dat", f.number - 1);
	assert_int_equal(unlink(in_folder(name)), 0);
	reading r = read_with(o);
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.first, 0);
	assert_int_equal(r.stats.values_unknown, 0);
	// A file that lies before is not missed.
	write_world(1500);
	unlink(in_folder("rev00001.dat"));
	assert_int_equal(read_with(o).first, 25);
}

// Memory is that of a few blocks where no coin is kept: a limit that the coins would pass is not
// reached.
static void no_coin_is_kept_with_undo_data(void **state)
{
	(void)state;
	make_world(30);
	write_world(0);
	dp_source_options o = {.threads = 1, .memory_max = 12 << 10};
	assert_int_equal(read_with(o).code, DP_END);
	remove_undo();
	assert_int_equal(read_with(o).code, DP_LIMIT);
}

//- what is missing -------------------------------------------------------------------------------

static void blocks_that_are_not_connected_have_unknown_values(void **state)
{
	(void)state;
	make_world(12);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 12; i++) write_block(&f, i);
	for (size_t i = 1; i < 10; i++) write_undo(&f, i);
	lb_reserve(&f, 4096);
	reading r = read_it();
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.count, 12);
	assert_int_equal(r.stats.values_unknown, 2); // what 10 and 11 spend of blocks before them
	reading threads = read_with((dp_source_options){.threads = 4});
	assert_same(&r, &threads);
	// A file of its own, and none beside it yet.
	f = begin_folder();
	for (size_t i = 0; i < 10; i++) write_block(&f, i);
	for (size_t i = 1; i < 10; i++) write_undo(&f, i);
	lb_next_file(&f);
	for (size_t i = 10; i < 12; i++) write_block(&f, i);
	r = read_it();
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.stats.values_unknown, 2);
}

// Only of blocks at the end it can be that they are not connected yet.
static void a_record_that_is_left_out_is_a_fault(void **state)
{
	(void)state;
	make_world(12);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 12; i++) write_block(&f, i);
	for (size_t i = 1; i < 12; i++)
		if (i != 5) write_undo(&f, i);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "lacks the undo data of block 5, and that");
	assert_int_equal(r.count, 5);
	reading threads = read_with((dp_source_options){.threads = 4});
	assert_same(&r, &threads);
	// An undo file cut at the end of a record, and one that is another's.
	make_world(WORLD_MAX);
	lb_folder whole = write_world(1500);
	assert_true(whole.number > 5);
	size_t n;
	uint8_t *other = mk_load(in_folder("rev00002.dat"), &n);
	mk_save(in_folder("rev00001.dat"), other, n);
	free(other);
	r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00001.dat", "belongs to another copy");
}

// Where undo files are missing at the end values come from the blocks themselves, as if there were
// no undo files; and a file without a record is as good as none, wherever it is.
static void missing_or_empty_undo_files_are_no_loss(void **state)
{
	(void)state;
	char name[32];
	make_world(WORLD_MAX);
	lb_folder f = write_world(1500);
	reading whole = read_it();
	assert_true(f.number > 5);
	for (uint32_t i = 2; i <= f.number; i++) {
		snprintf(name, sizeof name, "rev%05u.dat", i);
		unlink(in_folder(name));
	}
	reading r = read_it();
	assert_same(&whole, &r);
	for (uint32_t i = 2; i <= f.number; i++) {
		snprintf(name, sizeof name, "rev%05u.dat", i);
		mk_save(in_folder(name), "", 0);
	}
	r = read_it();
	assert_same(&whole, &r);
	empty_folder(NULL);
	write_world(1500);
	static const uint8_t zeros[5000];
	mk_save(in_folder("rev00001.dat"), zeros, sizeof zeros);
	r = read_it();
	assert_same(&whole, &r);
}

static void the_last_record_may_be_cut_off(void **state)
{
	(void)state;
	make_world(12);
	write_world(0);
	size_t record = 8 + world.undo_size[11] + 32;
	for (size_t by = 1; by <= record; by++) {
		write_world(0);
		cut("rev00000.dat", by);
		reading r = read_it();
		assert_int_equal(r.code, DP_END);
		assert_int_equal(r.stats.values_unknown, 1);
		assert_int_equal(r.stats.records_cut, 0); // all its blocks are there
	}
	// In any other file it is damage.
	empty_folder(NULL);
	write_world(1500);
	cut("rev00000.dat", 10);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "ends in the middle of undo data");
}

//- two blocks of one parent ----------------------------------------------------------------------

// World 20: a block after `parent` that spends a coin of `in` and pays `out`, another for each
// `nonce`.
static void make_branch(size_t i, size_t parent, uint32_t height, uint32_t nonce, uint64_t in,
                        uint64_t out)
{
	static mk_block b;
	lb_bytes undo = {0};
	const uint8_t elsewhere[32] = {(uint8_t)nonce, 7};
	mk_out fifty = {50 * COIN, NULL};
	memset(&b, 0, sizeof b);
	b.nonce = nonce;
	b.time = START_TIME + height * 600;
	memcpy(b.prev, world.hash[parent], 32);
	mk_coinbase(&b, height, nonce, &fifty, 1);
	mk_spend(&b, &(mk_in){elsewhere, 0}, 1, &(mk_out){out, NULL}, 1);
	mk_finish(&world.block[i], world.hash[i], &b);
	memcpy(world.prev[i], b.prev, 32);
	lb_compact(&undo, 1);
	coin_of(&undo, in);
	memcpy(world.undo[i], undo.b, undo.n);
	world.undo_size[i] = undo.n;
	lb_done(&undo);
}

// Blocks 0 to 4, two blocks of height 5 (20, the loser, and 21), and one more on the winner. The
// loser's record comes first, as it does where a tip is replaced.
static reading read_branches(uint64_t in_loser, uint64_t out_loser, uint64_t in, uint64_t out)
{
	make_world(5);
	make_branch(20, 4, 5, 200, in_loser, out_loser);
	make_branch(21, 4, 5, 201, in, out);
	make_branch(22, 21, 6, 202, COIN, COIN);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 5; i++) write_block(&f, i);
	for (size_t i = 20; i < 23; i++) write_block(&f, i);
	for (size_t i = 1; i < 5; i++) write_undo(&f, i);
	for (size_t i = 20; i < 23; i++) write_undo(&f, i);
	reading r = read_it();
	reading threads = read_with((dp_source_options){.threads = 4});
	assert_same(&r, &threads);
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.count, 7);
	assert_int_equal(r.stats.blocks_stale, 1);
	return r;
}

static void of_two_blocks_of_one_parent_each_has_its_own(void **state)
{
	(void)state;
	// Nobody can pay 40 out of 20.
	reading r = read_branches(20 * COIN, 10 * COIN, 50 * COIN, 40 * COIN);
	assert_int_equal(r.stats.values_unknown, 0);
	assert_int_equal(r.fees, 10 * COIN + 3 * 1000 + 1 * 1000 + 2 * 1000);
	// Either may be: then it is said of neither.
	r = read_branches(50 * COIN, 40 * COIN, 20 * COIN, 10 * COIN);
	assert_int_equal(r.stats.values_unknown, 1);
	// What both say is known.
	r = read_branches(20 * COIN, 20 * COIN, 20 * COIN, 10 * COIN);
	assert_int_equal(r.stats.values_unknown, 0);
}

// The winner is not connected yet: the only record that fits is the loser's.
static void what_a_replaced_tip_spent_is_not_the_next_ones(void **state)
{
	(void)state;
	make_world(5);
	make_branch(20, 4, 5, 200, 50 * COIN, 40 * COIN);
	make_branch(21, 4, 5, 201, 20 * COIN, 10 * COIN);
	make_branch(22, 21, 6, 202, COIN, COIN);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 5; i++) write_block(&f, i);
	for (size_t i = 20; i < 23; i++) write_block(&f, i);
	for (size_t i = 1; i < 5; i++) write_undo(&f, i);
	write_undo(&f, 20);
	reading r = read_it();
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.stats.values_unknown, 2);
}

// The winner's record was lost, and a later block has one: the loser's can not be the winner's.
static void a_losers_undo_data_does_not_stand_in_for_the_winners(void **state)
{
	(void)state;
	make_world(5);
	make_branch(20, 4, 5, 200, 20 * COIN, 10 * COIN);
	make_branch(21, 4, 5, 201, 50 * COIN, 40 * COIN);
	make_branch(22, 21, 6, 202, COIN, COIN);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 5; i++) write_block(&f, i);
	for (size_t i = 20; i < 23; i++) write_block(&f, i);
	for (size_t i = 1; i < 5; i++) write_undo(&f, i);
	write_undo(&f, 20);
	write_undo(&f, 22);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "lacks the undo data of block 5");
}

// Thousands of blocks without records beside a branch with as many that all look alike: each record
// may be read for one of them, not for all. Where it was, this took a hundred times as long.
static void a_branch_without_records_does_not_try_them_all(void **state)
{
	(void)state;
	enum { LONG = 6000, SECONDS_MAX = 2 };
	lb_folder f = begin_folder();
	for (uint32_t which = 0; which < 2; which++) {
		size_t i = 20 + which;
		memset(world.hash[i], 0xee, 32);
		for (uint32_t k = 0; k < LONG - which; k++) {
			make_branch(i, i, 1000 + k, 2 * k + which, COIN, COIN);
			write_block(&f, i);
			if (which == 1) write_undo(&f, i);
		}
	}
	clock_t start = clock();
	reading r = read_it();
	assert_int_equal(r.code, DP_END);
	assert_int_equal(r.count, LONG);
	assert_int_equal(r.stats.blocks_stale, LONG - 1);
	assert_int_equal(r.stats.values_unknown, LONG);
	assert_true(clock() - start < SECONDS_MAX * CLOCKS_PER_SEC);
}

// A list of records that no block has is memory all the same.
static void directories_of_undo_files_count_as_memory(void **state)
{
	(void)state;
	static const uint8_t nothing[1];
	make_world(6);
	lb_folder f = write_world(0);
	for (int i = 0; i < 2000; i++) lb_write_undo(&f, nothing, 1, world.hash[0]);
	reading r = read_with((dp_source_options){.threads = 1, .memory_max = 32 << 10});
	assert_fault(&r, DP_LIMIT, "rev00000.dat", "takes more memory than is allowed");
	r = read_with((dp_source_options){.threads = 1, .memory_max = 1 << 20});
	assert_int_equal(r.code, DP_END);
}

//- what is wrong ---------------------------------------------------------------------------------

static void damage_anywhere_in_undo_data_is_told(void **state)
{
	(void)state;
	make_world(6);
	write_world(0);
	size_t n, record = 8 + world.undo_size[5] + 32;
	free(mk_load(in_folder("rev00000.dat"), &n));
	for (size_t from_end = 1; from_end <= record; from_end++) {
		write_world(0);
		size_t at = damage("rev00000.dat", from_end);
		reading r = read_it();
		// The size may be of a record that is not there yet: then it is one cut off.
		bool is_size = at >= n - record + 4 && at < n - record + 8;
		if (is_size && r.code == DP_END) {
			assert_int_equal(r.stats.values_unknown, 1);
			continue;
		}
		assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "");
		assert_true(r.fault.has_offset && r.fault.offset >= n - record);
		assert_true(r.count <= 5);
		reading threads = read_with((dp_source_options){.threads = 3});
		assert_same(&r, &threads);
	}
}

static void numbers_of_inputs_must_be_those_of_the_block(void **state)
{
	(void)state;
	make_world(6);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 6; i++) write_block(&f, i);
	for (size_t i = 1; i < 5; i++) write_undo(&f, i);
	lb_bytes undo = {
	    0}; // of block 5, which has three transactions of one input beside the coinbase
	lb_compact(&undo, 3);
	coin_of(&undo, 1);
	coin_of(&undo, 1);
	lb_compact(&undo, 0);
	lb_write_undo(&f, undo.b, undo.n, world.prev[5]);
	lb_done(&undo);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "other numbers of inputs than the block");
	assert_int_equal(r.count, 5);
}

static void undo_data_may_not_contradict_the_block(void **state)
{
	(void)state;
	make_world(6);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 6; i++) write_block(&f, i);
	for (size_t i = 1; i < 5; i++) write_undo(&f, i);
	lb_bytes undo = {0};
	lb_compact(&undo, 3);
	coin_of(&undo, 50 * COIN);
	coin_of(&undo, 50 * COIN - 999); // which the block itself made as 50 BTC less 1000
	coin_of(&undo, 50 * COIN - 2000);
	lb_write_undo(&f, undo.b, undo.n, world.prev[5]);
	lb_done(&undo);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "blk00000.dat",
	             "transaction 2, input 0: rev00000.dat does not say what the block that made");
}

static void bad_frames_are_told(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {0, DP_UNDO_SIZE_MAX + 1, UINT32_MAX};
	make_world(4);
	for (size_t i = 0; i < 3; i++) {
		size_t n;
		write_world(0);
		uint8_t *b = mk_load(in_folder("rev00000.dat"), &n);
		memcpy(b + 4, &sizes[i], 4);
		mk_save(in_folder("rev00000.dat"), b, n);
		free(b);
		reading r = read_it();
		assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "impossible size");
		assert_int_equal(r.fault.offset, 4);
		assert_int_equal(r.count, 1); // genesis needs none
	}
	mk_save(in_folder("rev00000.dat"),
	        "\xf9\xbe\xb4\xd9\x02\0\0\0\xfd\xff................"
	        "....................",
	        46);
	reading r = read_it();
	assert_fault(&r, DP_BAD_BYTES, "rev00000.dat", "impossible number of transactions");
}

//- other chains ----------------------------------------------------------------------------------

static void other_chains_are_told_by_their_mark(void **state)
{
	(void)state;
	static const char *const names[] = {"testnet3", "testnet4", "signet",       "regtest",
	                                    "litecoin", "dogecoin", "bitcoin-cash", "bitcoin"};
	make_world(12);
	for (size_t k = 0; k < 8; k++) {
		const dp_chain *chain = dp_chain_find(names[k], strlen(names[k]));
		lb_folder f = {.path = folder, .magic = chain->magic};
		lb_begin(&f);
		for (size_t i = 0; i < world.count; i++) {
			write_block(&f, i);
			if (i > 0) write_undo(&f, i);
		}
		bool is_named = strcmp(names[k], "bitcoin-cash") == 0;
		reading r = read_with((dp_source_options){.chain = is_named ? chain : NULL});
		assert_int_equal(r.code, DP_END);
		assert_int_equal(r.stats.values_unknown, 0);
		assert_int_equal(r.count, 12);
		assert_int_equal(r.gaps, chain->has_mweb ? DP_GAP_PRIVATE : 0);
	}
}

static void a_signet_of_ones_own_is_read_when_signet_is_named(void **state)
{
	(void)state;
	static const uint8_t key[8] = {9, 8, 7, 6, 5, 4, 3, 2};
	dp_source_options o = {.chain = dp_chain_find("signet", 6)};
	make_world(12);
	for (int is_xored = 0; is_xored < 2; is_xored++) {
		lb_folder f = {.path = folder, .magic = 0x12345678};
		if (is_xored != 0) memcpy(f.xor_key, key, 8);
		lb_begin(&f);
		for (size_t i = 0; i < world.count; i++) {
			if (i == 6) lb_next_file(&f);
			write_block(&f, i);
			if (i > 0) write_undo(&f, i);
		}
		reading r = read_with(o);
		assert_int_equal(r.code, DP_END);
		assert_int_equal(r.count, 12);
		assert_int_equal(r.stats.values_unknown, 0);
		reading unnamed = read_it();
		assert_fault(&unnamed, DP_BAD_BYTES, "blk00000.dat", "name the chain signet");
	}
	lb_folder other = {.path = folder, .magic = 0x12345679, .number = 1};
	memcpy(other.xor_key, key, 8);
	write_block(&other, 6);
	reading r = read_with(o);
	assert_fault(&r, DP_BAD_BYTES, "blk00001.dat", "another signet");
}

// Bitcoin Cash sorts transactions by their hashes: a spender may stand before its maker. Undo data
// follows the serialised order.
static void undo_data_follows_the_serialised_order(void **state)
{
	(void)state;
	static mk_block b;
	mk_bytes m;
	uint8_t hash[32];
	lb_bytes undo = {0};
	make_world(3);
	lb_folder f = begin_folder();
	for (size_t i = 0; i < 3; i++) write_block(&f, i);
	for (size_t i = 1; i < 3; i++) write_undo(&f, i);
	memset(&b, 0, sizeof b);
	memcpy(b.prev, world.hash[2], 32);
	mk_out fifty = {50 * COIN, NULL};
	mk_coinbase(&b, 3, 3, &fifty, 1);
	mk_in in = {world.coinbase[2], 0};
	mk_tx *first = mk_spend(&b, &in, 1, &(mk_out){40 * COIN, NULL}, 1);
	in = (mk_in){first->txid, 0};
	mk_spend(&b, &in, 1, &(mk_out){30 * COIN, NULL}, 1);
	mk_tx swapped = b.tx[1];
	b.tx[1] = b.tx[2];
	b.tx[2] = swapped;
	mk_finish(&m, hash, &b);
	lb_compact(&undo, 2);
	coin_of(&undo, 40 * COIN);
	coin_of(&undo, 50 * COIN);
	lb_write_block(&f, m.b, m.n);
	lb_write_undo(&f, undo.b, undo.n, world.hash[2]);
	lb_done(&undo);
	dp_source_options o = {.chain = dp_chain_find("bitcoin-cash", 12), .threads = 1};
	reading by_undo = read_with(o);
	assert_int_equal(by_undo.code, DP_END);
	assert_int_equal(by_undo.fees, 20 * COIN + 3 * 1000);
	remove_undo();
	reading by_coins = read_with(o);
	assert_same(&by_undo, &by_coins);
	reading as_bitcoin = read_it();
	assert_fault(&as_bitcoin, DP_BAD_BYTES, "blk00000.dat", "comes later in the block");
}

//- real blocks -----------------------------------------------------------------------------------

// Undo data encoded from a companion gives what the companion gives, and the fees that the
// coinbase took.
static void compare_with_companion(const char *name, const char *spent, const char *chain_name,
                                   uint32_t height, uint64_t fees)
{
	char block_path[4096], spent_path[4096];
	assert_true(mk_shared(block_path, name) && mk_shared(spent_path, spent));
	const char *path = block_path;
	const dp_chain *chain = dp_chain_find(chain_name, strlen(chain_name));
	lb_template *t = lb_load(block_path, spent_path);
	size_t n;
	uint8_t *block = mk_load(block_path, &n);
	lb_folder f = {.path = folder, .magic = chain->magic};
	lb_begin(&f);
	lb_write_block(&f, block, n);
	lb_write_undo(&f, lb_undo(t)->b, lb_undo(t)->n, block + 4);
	dp_source_options o = {.chain = chain, .threads = 1};
	reading by_undo = read_with(o), by_companion = read_paths(&path, 1, o);
	assert_int_equal(by_undo.code, DP_END);
	assert_int_equal(by_undo.first, height);
	assert_int_equal(by_undo.stats.values_unknown, 0);
	assert_int_equal(by_undo.fees, fees);
	assert_int_equal(by_undo.input_sum, lb_spent_sum(t));
	assert_same(&by_undo, &by_companion);
	o.threads = 2;
	by_companion = read_paths(&path, 1, o);
	assert_same(&by_undo, &by_companion);
	lb_free(t);
	free(block);
	empty_folder(NULL);
}

static void real_blocks_agree_with_their_companions(void **state)
{
	(void)state;
	char path[4096];
	if (!mk_shared(path, "mainnet-866342.blk")) skip();
	compare_with_companion("mainnet-866342.blk", "mainnet-866342.spent.json.zst", "bitcoin",
	                       866342, 5026183);
	compare_with_companion("testnet3-928848.blk", "testnet3-928848.undo.bcoin", "testnet3",
	                       928848, 38476510);
	compare_with_companion("testnet3-928849.blk", "testnet3-928849.undo.bcoin", "testnet3",
	                       928849, 33136194);
}

static void repeated_real_blocks_make_a_chain(void **state)
{
	(void)state;
	char block_path[4096], spent_path[4096];
	if (!mk_shared(block_path, "mainnet-866342.blk")) skip();
	assert_true(mk_shared(spent_path, "mainnet-866342.spent.json.zst"));
	lb_template *t = lb_load(block_path, spent_path);
	lb_folder f = {.path = folder, .magic = MAGIC, .size_max = 4 << 20};
	uint8_t prev[32] = {0xee};
	lb_begin(&f);
	for (uint32_t i = 0; i < 6; i++) {
		const lb_bytes *b = lb_repeat(t, prev, 900000 + i, i);
		lb_write_block(&f, b->b, b->n);
		lb_write_undo(&f, lb_undo(t)->b, lb_undo(t)->n, prev);
		lb_hash(prev, b);
	}
	reading one = read_it(), three = read_with((dp_source_options){.threads = 3});
	assert_int_equal(one.code, DP_END);
	assert_int_equal(one.first, 900000);
	assert_int_equal(one.count, 6);
	assert_int_equal(one.fees, 6 * 5026183);
	assert_int_equal(one.input_sum, 6 * lb_spent_sum(t));
	assert_same(&one, &three);
	lb_free(t);
}

//- limits ----------------------------------------------------------------------------------------

static void failed_allocations(uint32_t threads)
{
	const char *path = folder;
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_source *s = NULL;
		const dp_block *b;
		dp_source_options options = {.threads = threads};
		dp_mem_fail_after(n);
		dp_code code = dp_source_blockfile.open(&s, &path, 1, &options, NULL);
		bool is_open = code == DP_OK;
		while (code == DP_OK) code = dp_source_next(s, &b, NULL);
		dp_mem_fail_after(-1);
		if (is_open) dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_END) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 2000);
	}
}

static void a_failed_allocation_is_told_and_nothing_is_lost(void **state)
{
	(void)state;
	make_world(12);
	write_world(1500);
	failed_allocations(1);
	failed_allocations(3);
}

static void a_source_may_be_closed_at_any_block(void **state)
{
	(void)state;
	make_world(WORLD_MAX);
	write_world(3000);
	const char *path = folder;
	int64_t live = dp_mem_live();
	for (int n = 0; n < WORLD_MAX; n++) {
		dp_source *s;
		const dp_block *b;
		dp_source_options options = {.threads = 3};
		assert_int_equal(dp_source_blockfile.open(&s, &path, 1, &options, NULL), DP_OK);
		for (int i = 0; i < n; i++) assert_int_equal(dp_source_next(s, &b, NULL), DP_OK);
		dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, empty_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(undo_data_and_coins_give_the_same_blocks),
	    TEST(the_number_of_threads_changes_nothing),
	    TEST(xored_files_and_reserved_room_are_read),
	    TEST(order_and_branches_do_not_matter),
	    TEST(it_begins_where_it_is_asked_to),
	    TEST(without_undo_files_it_begins_at_the_beginning),
	    TEST(no_coin_is_kept_with_undo_data),
	    TEST(blocks_that_are_not_connected_have_unknown_values),
	    TEST(a_record_that_is_left_out_is_a_fault),
	    TEST(missing_or_empty_undo_files_are_no_loss),
	    TEST(of_two_blocks_of_one_parent_each_has_its_own),
	    TEST(what_a_replaced_tip_spent_is_not_the_next_ones),
	    TEST(a_losers_undo_data_does_not_stand_in_for_the_winners),
	    TEST(a_branch_without_records_does_not_try_them_all),
	    TEST(directories_of_undo_files_count_as_memory),
	    TEST(the_last_record_may_be_cut_off),
	    TEST(damage_anywhere_in_undo_data_is_told),
	    TEST(numbers_of_inputs_must_be_those_of_the_block),
	    TEST(undo_data_may_not_contradict_the_block),
	    TEST(bad_frames_are_told),
	    TEST(other_chains_are_told_by_their_mark),
	    TEST(a_signet_of_ones_own_is_read_when_signet_is_named),
	    TEST(undo_data_follows_the_serialised_order),
	    TEST(real_blocks_agree_with_their_companions),
	    TEST(repeated_real_blocks_make_a_chain),
	    TEST(a_failed_allocation_is_told_and_nothing_is_lost),
	    TEST(a_source_may_be_closed_at_any_block),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

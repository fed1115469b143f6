// Exports of bitcoin-etl: the same blocks as from block files, and lines that are wrong in one way
// each. Covers: source/bitcoin_etl_row.c source/bitcoin_etl_store.c source/bitcoin_etl_read.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "bitcoin_maker.h"
#include "bitcoin_render.h"
#include "chain/digest.h"
#include "codec/hash.h"
#include "source/bitcoin_etl.h"
#include "source/blockfile.h"
#include "source/source_kinds.h"

enum { BLOCKS_MAX = 16 };

// What reading a source to its end showed.
typedef struct reading {
	dp_code code;
	dp_fault fault;
	size_t count;
	uint64_t height[BLOCKS_MAX], gaps, values_unknown;
	uint8_t notes[BLOCKS_MAX][32]; // hash of what notes say
	uint32_t note_count;
	uint8_t digest[BLOCKS_MAX][32], hash[BLOCKS_MAX][32], prev[BLOCKS_MAX][32];
	int64_t time[BLOCKS_MAX];
	uint64_t without_address; // inputs whose value is known and whose address is not
	uint64_t bytes_read, bytes_total;
} reading;

static reading now;

static void digest_notes(uint8_t ret[32], const dp_block *b)
{
	dp_sha256d_state h;
	dp_sha256d_init(&h);
	for (uint32_t i = 0; i < b->note_count; i++) {
		const dp_note *n = &b->note[i];
		assert_int_equal(n->kind, DP_NOTE_OUTPUT);
		dp_sha256d_update(&h, &n->tx, sizeof n->tx);
		dp_sha256d_update(&h, &n->at, sizeof n->at);
		dp_sha256d_update(&h, &n->data_size, sizeof n->data_size);
		dp_sha256d_update(&h, dp_note_data(b, n), n->data_size);
	}
	dp_sha256d_final(&h, ret);
}

static void read_on(dp_source *s)
{
	const dp_block *b;
	while ((now.code = dp_source_next(s, &b, &now.fault)) == DP_OK) {
		assert_true(now.count < BLOCKS_MAX);
		size_t i = now.count++;
		now.height[i] = b->height;
		now.time[i] = b->time;
		memcpy(now.hash[i], b->hash, 32);
		memcpy(now.prev[i], b->prev, 32);
		dp_block_digest(now.digest[i], b);
		digest_notes(now.notes[i], b);
		now.note_count += b->note_count;
		for (uint32_t k = 0; k < b->mv_count; k++)
			now.without_address += b->mv[k].kind == DP_MV_INPUT &&
			                       b->mv[k].flags == 0 &&
			                       b->mv[k].from.kind == DP_ADDR_NONE;
	}
	now.gaps = s->gaps;
	now.values_unknown = s->stats.values_unknown;
	now.bytes_read = s->stats.bytes_read;
	now.bytes_total = s->stats.bytes_total;
	dp_source_close(s);
	if (now.code != DP_END) assert_true(now.fault.text[0] != 0);
}

static const reading *read_text(const char *text, size_t n, const dp_source_options *options)
{
	dp_source *s;
	static const dp_source_options none;
	int64_t live = dp_mem_live();
	now = (reading){0};
	now.code =
	    dp_bitcoin_etl_open_bytes(&s, text, n, options == NULL ? &none : options, &now.fault);
	if (now.code == DP_OK) read_on(s);
	assert_int_equal(dp_mem_live(), live);
	return &now;
}

static void must_say(const char *text, const char *why)
{
	const reading *r = read_text(text, strlen(text), NULL);
	if (r->code != DP_BAD_BYTES || strstr(r->fault.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", r->fault.text, why);
}

//- a small chain of our own ----------------------------------------------------------------------

// Three blocks from height 1: coinbases to a P2WPKH, a bare key, bare multisig; spends of them.
enum { MADE = 3 };
static mk_bytes made_bytes[MADE];
static rd_block made[MADE];
static const char bare_key[] =
    "2102c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5ac";
static const char multisig[] =
    "512102c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
    "2102c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee552ae";

// OP_RETURN with a memo of THORChain, and with something else.
static const char memo[] =
    "6a343d3a4554482e4554483a307833303231633437396637663863396631643563376438"
    "353233626135653232633062636235343330";
static const char no_memo[] = "6a0568656c6c6f";

static void fill_spent(void)
{
	for (size_t h = 0; h < MADE; h++)
		for (size_t i = 1; i < made[h].tx_count; i++)
			for (size_t k = 0; k < made[h].tx[i].in_count; k++) {
				const rd_in *in = &made[h].tx[i].in[k];
				const rd_out *o = NULL;
				for (size_t from = 0; from <= h && o == NULL; from++)
					o = rd_find_out(&made[from], in->txid, in->vout);
				assert_non_null(o);
				made[h].spent[made[h].spent_count++] = *o;
			}
}

static int make_chain(void **state)
{
	static mk_block b[MADE];
	uint8_t hash[32];
	(void)state;
	memcpy(b[0].prev,
	       mk_txid_of("000000000019d6689c085ae165831e93"
	                  "4ff763ae46a2a6c172b3f1b60a8ce26f"),
	       32);
	mk_out first[] = {{2000000000, NULL}, {1000000000, bare_key}, {2000000000, multisig}};
	mk_tx *c1 = mk_coinbase(&b[0], 1, 7, first, 3);
	mk_finish(&made_bytes[0], hash, &b[0]);
	memcpy(b[1].prev, hash, 32);
	mk_out second[] = {{5000000000, NULL}};
	mk_coinbase(&b[1], 2, 7, second, 1);
	mk_in ins[] = {{c1->txid, 0}, {c1->txid, 1}};
	mk_out outs[] = {{1234567890, NULL}, {1765432110, NULL}};
	mk_tx *t = mk_spend(&b[1], ins, 2, outs, 2);
	mk_in chained[] = {{t->txid, 1}};
	mk_out all[] = {{1765432000, bare_key}, {0, memo}, {0, no_memo}};
	mk_spend(&b[1], chained, 1, all, 3);
	mk_finish(&made_bytes[1], hash, &b[1]);
	memcpy(b[2].prev, hash, 32);
	mk_coinbase(&b[2], 3, 7, second, 1);
	mk_in last[] = {{c1->txid, 2}};
	mk_out small[] = {{1999999999, NULL}};
	mk_spend(&b[2], last, 1, small, 1);
	mk_finish(&made_bytes[2], hash, &b[2]);
	for (size_t i = 0; i < MADE; i++)
		rd_read(&made[i], made_bytes[i].b, made_bytes[i].n, i + 1);
	fill_spent();
	return 0;
}

static int free_chain(void **state)
{
	(void)state;
	for (size_t i = 0; i < MADE; i++) rd_done(&made[i]);
	return 0;
}

static char *render(size_t *ret_size, const rd_etl *how, bool has_blocks)
{
	char *text;
	FILE *f = open_memstream(&text, ret_size);
	for (size_t i = 0; i < MADE; i++) {
		if (has_blocks) rd_etl_block(f, &made[i]);
		rd_etl_txs(f, &made[i], how);
	}
	fclose(f);
	return text;
}

static const dp_chain *bitcoin(void)
{
	return dp_chain_find("bitcoin", 7);
}

// The same blocks through the block file's eyes.
static reading by_blockfile(void)
{
	static uint8_t file[3 * MK_BYTES_MAX];
	size_t n = 0;
	for (size_t i = 0; i < MADE; i++) {
		uint32_t head[2] = {0xd9b4bef9, (uint32_t)made_bytes[i].n};
		memcpy(file + n, head, 8);
		memcpy(file + n + 8, made_bytes[i].b, made_bytes[i].n);
		n += 8 + made_bytes[i].n;
	}
	dp_source *s;
	dp_source_options options = {.threads = 1};
	now = (reading){0};
	assert_int_equal(dp_blockfile_open_bytes(&s, file, n, NULL, 0, &options, &now.fault),
	                 DP_OK);
	read_on(s);
	assert_int_equal(now.code, DP_END);
	assert_int_equal(now.count, MADE);
	return now;
}

static void assert_same(const reading *want, const reading *got)
{
	if (got->code != DP_END) fail_msg("%s", got->fault.text);
	assert_int_equal(got->count, want->count);
	for (size_t i = 0; i < want->count; i++) {
		assert_int_equal(got->height[i], want->height[i]);
		assert_int_equal(got->time[i], want->time[i]);
		assert_memory_equal(got->hash[i], want->hash[i], 32);
		assert_memory_equal(got->digest[i], want->digest[i], 32);
		assert_memory_equal(got->notes[i], want->notes[i], 32);
	}
}

static void every_variant_gives_the_blocks_of_the_block_file(void **state)
{
	(void)state;
	reading want = by_blockfile();
	assert_int_equal(want.note_count, 1);
	for (int variant = 0; variant < 16; variant++) {
		rd_etl how = {bitcoin(), variant & 1, variant & 2, variant & 4};
		size_t n;
		char *text = render(&n, &how, variant & 8);
		const reading *got = read_text(text, n, NULL);
		assert_same(&want, got);
		assert_int_equal(got->values_unknown, 0);
		// What of the proofs is there depends on the blocks' own lines.
		bool has_blocks = variant & 8;
		assert_int_equal(got->gaps & DP_GAP_UNPROVEN, has_blocks ? 0 : DP_GAP_UNPROVEN);
		bool is_guessed = !has_blocks && (variant & 4);
		assert_int_equal(got->gaps & DP_GAP_ORDER, is_guessed ? DP_GAP_ORDER : 0);
		if (has_blocks) assert_memory_equal(got->prev[1], want.hash[0], 32);
		free(text);
	}
}

static void a_part_of_a_chain_takes_values_from_its_own_lines(void **state)
{
	(void)state;
	for (int is_old = 0; is_old < 2; is_old++) {
		char *text;
		size_t n;
		rd_etl how = {bitcoin(), true, is_old, false};
		FILE *f = open_memstream(&text, &n);
		rd_etl_txs(f, &made[1], &how);
		rd_etl_txs(f, &made[2], &how);
		fclose(f);
		const reading *r = read_text(text, n, NULL);
		assert_int_equal(r->code, DP_END);
		assert_int_equal(r->count, 2);
		assert_int_equal(r->values_unknown, 0);
		// Bare multisig has no address in any export, a bare key only in old ones.
		assert_int_equal(r->without_address, is_old ? 1 : 2);
		free(text);
	}
	rd_etl how = {bitcoin(), false, false, false};
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	rd_etl_txs(f, &made[1], &how);
	fclose(f);
	const reading *r = read_text(text, n, NULL);
	assert_int_equal(r->code, DP_END);
	assert_int_equal(r->values_unknown, 2);
	free(text);
}

static void rows_are_sorted_where_memory_allows(void **state)
{
	(void)state;
	reading want = by_blockfile();
	rd_etl how = {bitcoin(), false, false, false};
	char *text, *line[32];
	size_t n, lines = 0;
	text = render(&n, &how, true);
	for (char *p = text, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		*end = 0;
		line[lines++] = p;
	}
	for (size_t step = 1; step < lines; step++) {
		char *mixed;
		FILE *f = open_memstream(&mixed, &n);
		for (size_t i = 0; i < lines; i++)
			fprintf(f, "%s\r\n\n", line[(lines - 1 - i + step) % lines]);
		fclose(f);
		assert_same(&want, read_text(mixed, n, NULL));
		free(mixed);
	}
	free(text);
}

//- files -----------------------------------------------------------------------------------------

static void write_gz(const char *path, const char *text)
{
	gzFile f = gzopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), strlen(text));
	gzclose(f);
}

static void a_folder_of_packed_files_is_one_source(void **state)
{
	(void)state;
	reading want = by_blockfile();
	char folder[] = "/tmp/dyepack-etl-XXXXXX", path[5][64], *text;
	size_t n;
	rd_etl how = {bitcoin(), true, false, false};
	assert_non_null(mkdtemp(folder));
	snprintf(path[0], 64, "%s/blocks.json.gz", folder);
	FILE *f = open_memstream(&text, &n);
	for (size_t i = 0; i < MADE; i++) rd_etl_block(f, &made[i]);
	fclose(f);
	write_gz(path[0], text);
	free(text);
	snprintf(path[4], 64, "%s/deeper", folder);
	assert_int_equal(mkdir(path[4], 0700), 0);
	for (size_t i = 0; i < MADE; i++) {
		snprintf(path[i + 1], 64, "%s/%stransactions_%zu.json", folder,
		         i == 1 ? "deeper/" : "", 9 - i);
		f = open_memstream(&text, &n);
		rd_etl_txs(f, &made[i], &how);
		fclose(f);
		mk_save(path[i + 1], text, n);
		free(text);
	}
	const char *paths[] = {folder};
	int64_t live = dp_mem_live();
	dp_source_options options = {.has_height_max = true, .height_max = 3};
	for (int limit = 0; limit < 2; limit++) {
		dp_source *s;
		now = (reading){0};
		assert_int_equal(dp_source_bitcoin_etl.open(&s, paths, 1, &options, &now.fault),
		                 DP_OK);
		read_on(s);
		if (limit == 0) assert_same(&want, &now);
		if (limit == 0) assert_int_equal(now.bytes_read, now.bytes_total);
		if (limit == 1) assert_int_equal(now.count, 2);
		options.height_max = 2;
	}
	assert_true(dp_source_bitcoin_etl.recognise(folder, NULL, 0, true) > 0);
	assert_int_equal(dp_mem_live(), live);
	for (size_t i = 0; i < 4; i++) assert_int_equal(unlink(path[i]), 0);
	assert_int_equal(rmdir(path[4]), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(dp_source_bitcoin_etl.recognise(folder, NULL, 0, true), 0);
}

// Blocks of a chain that costs little: coinbases only.
static void print_thin_block(FILE *f, uint64_t height)
{
	fprintf(f,
	        "{\"hash\":\"%064llx\",\"block_number\":%llu,\"block_timestamp\":%llu,"
	        "\"is_coinbase\":true,\"inputs\":[],\"outputs\":[{\"index\":0,\"script_hex\":"
	        "\"6a\",\"type\":\"nulldata\",\"addresses\":[],\"value\":%llu}]}\n",
	        (unsigned long long)height, (unsigned long long)height,
	        (unsigned long long)(1000000 + height), (unsigned long long)height);
}

static void what_does_not_fit_is_streamed_when_it_is_in_order(void **state)
{
	(void)state;
	enum { BLOCKS = 20000 };
	char *text;
	size_t n, count = 0;
	FILE *f = open_memstream(&text, &n);
	for (uint64_t i = 0; i < BLOCKS; i++) print_thin_block(f, 100 + i);
	fclose(f);
	dp_source *s;
	const dp_block *b;
	dp_source_options options = {.memory_max = 1};
	assert_int_equal(dp_bitcoin_etl_open_bytes(&s, text, n, &options, &now.fault), DP_OK);
	for (; dp_source_next(s, &b, &now.fault) == DP_OK; count++)
		assert_int_equal(b->height, 100 + count);
	assert_int_equal(count, BLOCKS);
	dp_source_close(s);
	free(text);
	// Out of order, and too much to sort.
	f = open_memstream(&text, &n);
	for (uint64_t i = 0; i < BLOCKS; i++) print_thin_block(f, 100 + (i ^ 1));
	fclose(f);
	assert_int_equal(read_text(text, n, &options)->code, DP_LIMIT);
	assert_non_null(strstr(now.fault.text, "allow more memory"));
	free(text);
	// In order at first, and then a row of a block that was given.
	f = open_memstream(&text, &n);
	for (uint64_t i = 0; i < BLOCKS; i++) print_thin_block(f, 100 + i);
	print_thin_block(f, 5);
	fclose(f);
	assert_int_equal(dp_bitcoin_etl_open_bytes(&s, text, n, &options, &now.fault), DP_OK);
	dp_code code;
	while ((code = dp_source_next(s, &b, &now.fault)) == DP_OK) {}
	assert_int_equal(code, DP_LIMIT);
	assert_non_null(strstr(now.fault.text, "block 5 comes after"));
	dp_source_close(s);
	free(text);
}

//- what is wrong ---------------------------------------------------------------------------------

// Replaces `from` (its occurrence number `nth`) in the export of the made chain.
static char *altered(const rd_etl *how, bool has_blocks, const char *from, const char *to, int nth)
{
	size_t n;
	char *text = render(&n, how, has_blocks), *out, *p = text;
	for (int i = 0; (p = strstr(p, from)) != NULL && i < nth; i++) p++;
	if (p == NULL) fail_msg("no %s in the export", from);
	FILE *f = open_memstream(&out, &n);
	fwrite(text, 1, (size_t)(p - text), f);
	fprintf(f, "%s%s", to, p + strlen(from));
	fclose(f);
	free(text);
	return out;
}

static void each_wrong_value_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
		int nth;
		bool is_plain; // not enriched
		const char *why;
	} wrong[] = {
	    {"\"value\": 1234567890", "\"value\": 1234567891", 0, false, "`output_value` is not"},
	    {"\"value\": 1234567890", "\"value\": 1234567890.5", 0, false,
	     "must be a whole number"},
	    {"\"value\": 1234567890", "\"value\": -1", 0, false, "must be a whole number"},
	    {"\"value\": 1234567890", "\"value\": 21000000000000001", 0, false,
	     "more than there is"},
	    {"\"sequence\": 4294967293", "\"sequence\": 4294967294", 0, false, "is not the hash"},
	    {"\"lock_time\": 0", "\"lock_time\": 1", 2, false, "something in its line was changed"},
	    {"\"fee\": 110", "\"fee\": 111", 0, false, "`fee` is not what the outputs leave"},
	    {"\"input_value\": 3000000000", "\"input_value\": 1", 0, false, "`input_value`"},
	    {"\"input_count\": 2", "\"input_count\": 3", 0, false, "`input_count`"},
	    {"\"output_count\": 2", "\"output_count\": 3", 0, false, "`output_count`"},
	    {"\"index\": 1, \"inputs\"", "\"index\": 3, \"inputs\"", 0, false, "before this one"},
	    {"\"index\": 2, \"inputs\"", "\"index\": 1, \"inputs\"", 0, false, "twice"},
	    {"\"index\": 1, \"spent", "\"index\": 2, \"spent", 0, false, "its place in the list"},
	    {"\"is_coinbase\": true", "\"is_coinbase\": false", 1, false, "is no coinbase"},
	    {"\"transaction_count\": 3", "\"transaction_count\": 4", 0, false,
	     "`transaction_count`"},
	    {"\"merkle_root\": \"", "\"merkle_root\": \"0", 0, false, "64 hex digits"},
	    {"\"nonce\": \"0\"", "\"nonce\": \"1\"", 1, false, "do not hash to its `hash`"},
	    {"\"block_timestamp\": 1500000000", "\"block_timestamp\": 1500000001", 2, false,
	     "time"},
	    {"\"addresses\":[\"bc1q", "\"addresses\":[\"bc1p", 2, false, "checksum"},
	    {"\"type\":\"witness_v0_keyhash\"", "\"type\":\"scripthash\"", 2, false, "`type`"},
	    {"\"outputs\": [", "\"outputs\": [7,", 0, true, "`output_count`"},
	    {"\"spent_transaction_hash\": \"", "\"spent_transaction_hash\": null, \"x\": \"", 0,
	     true, "shielded"},
	    {"\"block_number\": 2", "\"block_number\": \"two\"", 0, true, "`block_number`"},
	    {"{\"hash\"", "{\"hush\"", 0, true, "`hash`"},
	    {"{\"hash\"", "[\"hash\"", 0, true, "not valid JSON"},
	    {"{\"hash\"", "{}\n{\"hash\"", 0, true, "neither a block"},
	    {"{\"hash\"", "3\n{\"hash\"", 0, true, "one JSON object"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		rd_etl how = {bitcoin(), !wrong[i].is_plain, false, false};
		char *text =
		    altered(&how, !wrong[i].is_plain, wrong[i].from, wrong[i].to, wrong[i].nth);
		must_say(text, wrong[i].why);
		assert_true(now.fault.line > 0);
		free(text);
	}
}

static void a_wrong_number_of_rows_is_told(void **state)
{
	(void)state;
	rd_etl how = {bitcoin(), true, false, false};
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	rd_etl_block(f, &made[0]);
	fclose(f);
	must_say(text, "transactions are not there");
	free(text);
	f = open_memstream(&text, &n);
	rd_etl_block(f, &made[0]);
	rd_etl_block(f, &made[0]);
	rd_etl_txs(f, &made[0], &how);
	fclose(f);
	must_say(text, "in the export twice");
	free(text);
	// An output that the block before does not have, where every block was read.
	f = open_memstream(&text, &n);
	rd_etl_txs(f, &made[0], &how);
	rd_block later = made[2];
	later.height = 2;
	rd_etl_txs(f, &later, &how);
	rd_etl_txs(f, &made[2], &how);
	fclose(f);
	must_say(text, "never made or is spent already");
	free(text);
	// Blocks in between are missing: said, and no fault.
	f = open_memstream(&text, &n);
	rd_etl_txs(f, &made[0], &how);
	rd_etl_txs(f, &made[2], &how);
	fclose(f);
	assert_int_equal(read_text(text, n, NULL)->code, DP_END);
	// Not by DP_GAP_PARTIAL, which is about blocks that are there in part.
	assert_int_equal(now.gaps & DP_GAP_PARTIAL, 0);
	free(text);
}

static void a_chain_of_another_kind_is_refused(void **state)
{
	(void)state;
	dp_source_options options = {.chain = dp_chain_find("ethereum", 8)};
	assert_int_equal(read_text("", 0, &options)->code, DP_BAD_CASE);
	assert_int_equal(read_text("", 0, NULL)->code, DP_END);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	rd_etl how = {bitcoin(), false, false, false};
	size_t size;
	char *text = render(&size, &how, true);
	for (int64_t n = 0;; n++) {
		dp_source *s = NULL;
		const dp_block *b;
		dp_fault fault = {0};
		dp_source_options options = {.memory_max = 8 << 20};
		int64_t live = dp_mem_live();
		dp_mem_fail_after(n);
		dp_code code = dp_bitcoin_etl_open_bytes(&s, text, size, &options, &fault);
		bool is_open = code == DP_OK;
		while (code == DP_OK) code = dp_source_next(s, &b, &fault);
		dp_mem_fail_after(-1);
		if (is_open) dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_END) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
	free(text);
}

static void first_lines_are_recognised(void **state)
{
	(void)state;
	rd_etl how = {bitcoin(), false, false, false};
	size_t n;
	char *text = render(&n, &how, true);
	assert_true(dp_source_bitcoin_etl.recognise("x", (uint8_t *)text, 900, false) > 0);
	char *second = strchr(text, '\n') + 1;
	assert_true(dp_source_bitcoin_etl.recognise("x", (uint8_t *)second, 900, false) > 0);
	static const char other[] = "{\"number\": 1, \"parent_hash\": \"0x\", \"miner\": \"0x\"}";
	assert_int_equal(
	    dp_source_bitcoin_etl.recognise("x", (const uint8_t *)other, sizeof other, false), 0);
	free(text);
}

//- real blocks -----------------------------------------------------------------------------------

// Block 300025 has no companion, 928848 of the test network has bcoin's undo data, 866342 has the
// outputs that it spends as JSON.
static void real_blocks_are_those_of_the_block_file(void **state)
{
	(void)state;
	static const struct {
		const char *name, *undo, *chain;
		uint64_t height;
	} files[] = {{"testnet3-928848.blk", "testnet3-928848.undo.bcoin", "testnet3", 928848},
	             {"mainnet-300025.blk", NULL, "bitcoin", 300025},
	             {"mainnet-866342.blk", "mainnet-866342.spent.json.zst", "bitcoin", 866342}};
	for (size_t i = 0; i < 3; i++) {
		char path[4096], undo_path[4096], *text;
		const char *paths[] = {path};
		size_t n, size, undo_size = 0;
		if (!mk_shared(path, files[i].name)) skip();
		bool has_undo = files[i].undo != NULL;
		if (has_undo && !mk_shared(undo_path, files[i].undo)) skip();
		const dp_chain *chain = dp_chain_find(files[i].chain, strlen(files[i].chain));
		dp_source *s;
		dp_source_options options = {
		    .chain = chain, .has_height_start = true, .height_start = files[i].height};
		now = (reading){0};
		assert_int_equal(dp_source_blockfile.open(&s, paths, 1, &options, &now.fault),
		                 DP_OK);
		read_on(s);
		reading want = now;
		assert_int_equal(want.code, DP_END);
		uint8_t *bytes = mk_load(path, &size), *undo = NULL;
		rd_block block;
		rd_read(&block, bytes, size, files[i].height);
		bool is_json = has_undo && strstr(undo_path, ".json") != NULL;
		if (is_json) rd_spent_json(&block, undo_path);
		if (has_undo && !is_json) undo = mk_load(undo_path, &undo_size);
		if (undo != NULL) rd_spent_bcoin(&block, undo, undo_size);
		FILE *f = open_memstream(&text, &n);
		rd_etl_block(f, &block);
		rd_etl_txs(f, &block, &(rd_etl){chain, has_undo, true, false});
		fclose(f);
		const reading *got = read_text(text, n, &options);
		assert_int_equal(got->values_unknown, want.values_unknown);
		assert_int_equal(got->without_address, 0);
		assert_same(&want, got);
		assert_int_equal(got->gaps, 0);
		free(text);
		rd_done(&block);
		free(undo);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_variant_gives_the_blocks_of_the_block_file),
	    cmocka_unit_test(a_part_of_a_chain_takes_values_from_its_own_lines),
	    cmocka_unit_test(rows_are_sorted_where_memory_allows),
	    cmocka_unit_test(a_folder_of_packed_files_is_one_source),
	    cmocka_unit_test(what_does_not_fit_is_streamed_when_it_is_in_order),
	    cmocka_unit_test(each_wrong_value_is_told),
	    cmocka_unit_test(a_wrong_number_of_rows_is_told),
	    cmocka_unit_test(a_chain_of_another_kind_is_refused),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	    cmocka_unit_test(first_lines_are_recognised),
	    cmocka_unit_test(real_blocks_are_those_of_the_block_file),
	};
	return cmocka_run_group_tests(tests, make_chain, free_chain);
}

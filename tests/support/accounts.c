// See accounts.h.
#include "support/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain/digest.h"
#include "ledger/writer.h"

static void must(dp_code code, const dp_fault *fault)
{
	char text[1024];
	if (code == DP_OK) return;
	dp_fault_format(fault, text, sizeof text);
	fail_msg("%s", text);
}

dp_asset t_account_asset(int asset)
{
	static const char *const names[] = {"ETH", "USDC", "UNI"};
	if (asset == T_WORTHLESS) return DP_ASSET_NONE;
	return dp_asset_by_symbol(t_chain(false), names[asset], strlen(names[asset]));
}

void t_send_as(t_accounts *w, t_transfer t)
{
	if ((w->count & (w->count - 1)) == 0) {
		size_t cap = w->count == 0 ? 1 : (size_t)w->count * 2;
		w->item = realloc(w->item, cap * sizeof *w->item);
		assert_non_null(w->item);
	}
	assert_true(w->count == 0 || w->item[w->count - 1].height <= t.height);
	w->item[w->count++] = t;
}

void t_send(t_accounts *w, uint64_t height, int64_t from, int64_t to, int asset, uint64_t amount)
{
	t_send_as(w, (t_transfer){.height = height,
	                          .signer = from,
	                          .from = from,
	                          .to = to,
	                          .asset = asset,
	                          .amount = dp_u256_of(amount),
	                          .fee = 1});
}

static void add_row(dp_block_builder *b, uint8_t kind, int64_t from, int64_t to, int asset,
                    dp_u256 amount)
{
	dp_movement *m;
	dp_fault fault;
	must(dp_builder_movement(b, &m, &fault), &fault);
	m->kind = kind;
	m->from = t_addr(from);
	m->to = t_addr(to);
	m->asset = t_account_asset(asset);
	m->amount = amount;
	if (asset == T_WORTHLESS) m->noise.contract[0] = 0x66;
}

static void add_tx(dp_block_builder *b, const t_transfer *t, uint32_t no)
{
	dp_tx *tx;
	dp_fault fault;
	must(dp_builder_tx(b, &tx, &fault), &fault);
	t_txid(tx->id, no);
	if (t->signer != T_NOBODY)
		add_row(b, DP_MV_FEE, t->signer, T_NOBODY, T_ETH, dp_u256_of(t->fee));
	uint8_t kind = t->kind;
	if (kind == 0) kind = t->asset == T_ETH ? DP_MV_NATIVE : DP_MV_TOKEN;
	add_row(b, kind, t->from, t->to, t->asset, t->amount);
}

static void write_tags(const t_accounts *w, const char *path, const int64_t *exchanges,
                       const int64_t *miners)
{
	FILE *file = fopen(path, "w");
	char text[DP_ADDR_TEXT_MAX];
	(void)w;
	assert_non_null(file);
	(void)fputs("address,label,category,currency,actor\n", file);
	// A list needs a line: somebody who has nothing to do with it.
	(void)fputs("0x00000000219ab540356cbb839cbe05303d7705fa,somebody,user,ETH,nobody\n", file);
	for (; *exchanges != T_NOBODY; exchanges++) {
		dp_addr a = t_addr(*exchanges);
		dp_addr_format(text, &a, t_chain(false));
		(void)fprintf(file, "%s,wallet %d,exchange,ETH,actor%d\n", text, (int)*exchanges,
		              (int)*exchanges / 10);
	}
	for (; *miners != T_NOBODY; miners++) {
		dp_addr a = t_addr(*miners);
		dp_addr_format(text, &a, t_chain(false));
		(void)fprintf(file, "%s,miner %d,miner,ETH,\n", text, (int)*miners);
	}
	assert_int_equal(fclose(file), 0);
}

static void write_ledger(const t_accounts *w, const char *folder)
{
	dp_writer *writer;
	dp_block_builder b = {0};
	dp_fault fault;
	dp_writer_options o = {.threads = 1, .unit_rows = 16, .final_blocks = 2};
	must(dp_writer_open(&writer, folder, t_chain(false), &o, &fault), &fault);
	for (uint32_t i = 0; i < w->count;) {
		const dp_block *built;
		uint64_t height = w->item[i].height;
		uint32_t first = i;
		dp_builder_start(&b, t_chain(false), height, (int64_t)(1000 + 12 * height));
		for (; i < w->count && w->item[i].height == height; i++) add_tx(&b, &w->item[i], i);
		must(dp_builder_finish(&b, &built, &fault), &fault);
		dp_block_digest(b.block.hash, &b.block);
		must(dp_writer_append(writer, &b.block, 0, first == 0, &fault), &fault);
	}
	must(dp_writer_commit(writer, true, &fault), &fault);
	dp_writer_close(writer);
	dp_builder_done(&b);
}

void t_accounts_open(t_accounts *w, const int64_t *exchanges, const int64_t *miners)
{
	char ledger[T_PATH_MAX + 8], tags[T_PATH_MAX + 16];
	dp_fault fault;
	t_folder_make(w->folder);
	(void)snprintf(ledger, sizeof ledger, "%s/ledger", w->folder);
	(void)snprintf(tags, sizeof tags, "%s/tags.csv", w->folder);
	write_ledger(w, ledger);
	write_tags(w, tags, exchanges, miners);
	const char *paths[] = {tags};
	dp_tags_options options = {.path = paths, .path_count = 1, .no_builtin = true, .now = 1};
	must(dp_tags_load(&w->tags, &options, &fault), &fault);
	must(dp_ledger_open(&w->ledger, ledger, t_chain(false), &fault), &fault);
}

void t_accounts_done(t_accounts *w)
{
	dp_ledger_close(w->ledger);
	dp_tags_free(w->tags);
	if (w->folder[0] != 0) t_folder_remove(w->folder);
	free(w->item);
	*w = (t_accounts){0};
}

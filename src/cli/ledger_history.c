// dyepack ledger balance, history: what an address has, and how it came to that.
//
// Both read the address's own transactions and no others, so that they take as long as the
// address is busy, whatever the size of the ledger. History is printed while it is read: a hub's
// millions of movements take no memory.
//
// On UTXO chains an address stands for two holders, as explorers have it: the outputs to the hash
// of a key, and those to the bare key itself (chain/address.h). Both are asked for and put
// together.
//
// A balance here is what the ledger's movements come to. Where the ledger begins later than its
// chain an address may send what it was never seen to receive: that is counted as uncovered, and
// the balance stays at nothing, as a trace has it.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/run.h"
#include "codec/hex.h"
#include "codec/time.h"

struct ask {
	// options
	const char *chain_name, *asset_name, *at, *from, *until, *limit_text, *format_name;
	dp_cli_format format;
	uint64_t limit;
	// what they come to
	dp_ledger *ledger;
	const dp_chain *chain;
	dp_ledger_totals totals;
	dp_addr addr[2]; // that the text stands for
	uint32_t addr_count;
	dp_asset asset; // asked for; 0 = all
	uint64_t block_first, block_end, tx_first, tx_end;
	// work
	dp_block_builder builder;
	dp_json_out json;
	struct {
		bool is_known;
		dp_u256 amount;
	} * balance; // by asset
	uint64_t printed;
};

//- opening ---------------------------------------------------------------------------------------

static dp_code open_ask(struct ask *k, const char *path, const char *address, dp_fault *fault)
{
	const dp_chain *chain = NULL;
	if (k->chain_name != NULL) chain = dp_chain_find(k->chain_name, strlen(k->chain_name));
	DP_TRY(dp_cli_ledger_open(&k->ledger, path, chain, fault));
	k->chain = dp_ledger_chain(k->ledger);
	dp_ledger_totals_get(k->ledger, &k->totals);
	DP_TRY(dp_addr_parse(&k->addr[0], address, strlen(address), k->chain, fault));
	k->addr_count = 1;
	if (k->addr[0].kind == DP_ADDR_P2PKH) {
		k->addr[1] = k->addr[0];
		k->addr[1].kind = DP_ADDR_P2PK;
		k->addr_count = 2;
	}
	if (k->asset_name != NULL)
		DP_TRY(dp_asset_parse(&k->asset, k->chain, k->asset_name, strlen(k->asset_name),
		                      fault));
	const char *end = k->at != NULL ? k->at : k->until;
	DP_TRY(dp_cli_ledger_moment(k->ledger, &k->block_first, k->from, false, 0, fault));
	DP_TRY(dp_cli_ledger_moment(k->ledger, &k->block_end, end, true, k->totals.blocks, fault));
	if (k->block_end < k->block_first) k->block_end = k->block_first;
	DP_TRY(dp_cli_ledger_tx_of_block(k->ledger, &k->tx_first, k->block_first, fault));
	DP_TRY(dp_cli_ledger_tx_of_block(k->ledger, &k->tx_end, k->block_end, fault));
	k->balance = dp_alloc(((size_t)dp_asset_count() + 1) * sizeof *k->balance);
	return k->balance != NULL ? DP_OK : dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

static void close_ask(struct ask *k)
{
	dp_builder_done(&k->builder);
	dp_ledger_close(k->ledger);
	dp_free(k->balance);
}

static bool is_ours(const struct ask *k, const dp_addr *a)
{
	return dp_addr_eq(a, &k->addr[0]) || (k->addr_count > 1 && dp_addr_eq(a, &k->addr[1]));
}

// The transactions of the address, in order: those of both holders, each once.
struct walk {
	dp_history h[2];
	uint64_t next[2]; // UINT64_MAX: no more
	uint32_t count;
};

static dp_code walk_on(struct walk *w, uint32_t i, dp_fault *fault)
{
	dp_code code = dp_history_next(&w->h[i], &w->next[i], fault);
	if (code == DP_END) w->next[i] = UINT64_MAX;
	return code == DP_END ? DP_OK : code;
}

static void walk_done(struct walk *w)
{
	for (uint32_t i = 0; i < w->count; i++) dp_history_done(&w->h[i]);
}

static dp_code walk_start(struct walk *w, const struct ask *k, dp_fault *fault)
{
	*w = (struct walk){.next = {UINT64_MAX, UINT64_MAX}};
	for (uint32_t i = 0; i < k->addr_count; i++) {
		DP_TRY(dp_history_start(&w->h[i], k->ledger, &k->addr[i], k->tx_first, k->tx_end,
		                        fault));
		w->count++;
		DP_TRY(walk_on(w, i, fault));
	}
	return DP_OK;
}

// DP_END behind the last.
static dp_code walk_next(struct walk *w, uint64_t *ret_tx_no, dp_fault *fault)
{
	uint64_t tx_no = w->next[0] < w->next[1] ? w->next[0] : w->next[1];
	if (tx_no == UINT64_MAX) return DP_END;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->next[i] == tx_no) DP_TRY(walk_on(w, i, fault));
	*ret_tx_no = tx_no;
	return DP_OK;
}

// The balance of both holders together.
static dp_code add_balances(struct ask *k, dp_balance_at *ret_balance, dp_asset asset,
                            uint64_t tx_no, dp_fault *fault)
{
	dp_balance_at sum = {0};
	for (uint32_t i = 0; i < k->addr_count; i++) {
		dp_balance_at b = {0};
		DP_TRY(dp_ledger_balance(k->ledger, &b, &k->addr[i], asset, tx_no, 0, fault));
		bool is_over = dp_u256_add_over(&sum.balance, sum.balance, b.balance);
		is_over = dp_u256_add_over(&sum.received, sum.received, b.received) || is_over;
		is_over = dp_u256_add_over(&sum.sent, sum.sent, b.sent) || is_over;
		is_over = dp_u256_add_over(&sum.uncovered, sum.uncovered, b.uncovered) || is_over;
		if (is_over)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the balance of the address does not fit 256 bits: the "
			               "amounts cannot be right");
		sum.txs += b.txs;
		sum.seen = sum.seen || b.seen;
	}
	*ret_balance = sum;
	return DP_OK;
}

// Puts a transaction's rows into the builder, alone in its block.
static dp_code load_tx(struct ask *k, const dp_tx **ret_tx, uint64_t tx_no, dp_fault *fault)
{
	uint64_t block_no;
	DP_TRY(dp_ledger_block_of_tx(k->ledger, &block_no, tx_no, fault));
	DP_TRY(dp_ledger_start_block(k->ledger, &k->builder, block_no, fault));
	DP_TRY(dp_ledger_append_tx(k->ledger, &k->builder, tx_no, fault));
	DP_CHECK(k->builder.block.tx_count == 1);
	*ret_tx = &k->builder.block.tx[0];
	return DP_OK;
}

static void print_head(struct ask *k)
{
	char address[DP_ADDR_TEXT_MAX];
	dp_addr_format(address, &k->addr[0], k->chain);
	dp_json_object(&k->json);
	dp_json_key(&k->json, "chain");
	dp_json_string(&k->json, k->chain->name);
	dp_json_key(&k->json, "address");
	dp_json_string(&k->json, address);
	dp_json_key(&k->json, "from_beginning");
	dp_json_boolean(&k->json, k->totals.from_beginning);
}

//- balance ---------------------------------------------------------------------------------------

// Which assets the address ever had to do with, up to the moment asked for.
static dp_code find_assets(struct ask *k, dp_fault *fault)
{
	struct walk w;
	if (k->asset.v != 0 || k->chain->kind == DP_CHAIN_UTXO) {
		uint16_t only = k->asset.v != 0 ? k->asset.v : dp_asset_native(k->chain).v;
		k->balance[only].is_known = true;
		return DP_OK;
	}
	dp_code code = walk_start(&w, k, fault);
	while (code == DP_OK && !dp_run_interrupted()) {
		uint64_t tx_no;
		const dp_tx *tx = NULL;
		code = walk_next(&w, &tx_no, fault);
		if (code == DP_OK) code = load_tx(k, &tx, tx_no, fault);
		if (code != DP_OK) break;
		for (uint32_t i = 0; i < tx->mv_count; i++) {
			const dp_movement *mv = &k->builder.block.mv[tx->mv_first + i];
			if (is_ours(k, &mv->from) || is_ours(k, &mv->to))
				k->balance[mv->asset.v].is_known = true;
		}
	}
	walk_done(&w);
	k->balance[0].is_known = false; // noise is nobody's
	return code == DP_END ? DP_OK : code;
}

static void balance_text(const dp_balance_at *b, const dp_asset_info *info)
{
	char amount[DP_U256_DEC_MAX];
	dp_u256_format(amount, b->balance, info->decimals);
	(void)printf("  %32s %-8s", amount, info->symbol);
	dp_u256_format(amount, b->received, info->decimals);
	(void)printf("  received %s", amount);
	dp_u256_format(amount, b->sent, info->decimals);
	(void)printf(", sent %s", amount);
	if (!dp_u256_is_zero(b->uncovered)) {
		dp_u256_format(amount, b->uncovered, info->decimals);
		(void)printf(" (%s of it not seen coming in)", amount);
	}
	(void)printf(", %llu transactions\n", (unsigned long long)b->txs);
}

static void balance_json(dp_json_out *o, const dp_balance_at *b, const dp_asset_info *info)
{
	char caip[DP_ASSET_TEXT_MAX];
	dp_asset_caip19(caip, info->id);
	dp_json_object(o);
	dp_json_key(o, "symbol");
	dp_json_string(o, info->symbol);
	dp_json_key(o, "asset");
	dp_json_string(o, caip);
	dp_json_key(o, "decimals");
	dp_json_uint(o, info->decimals);
	dp_cli_json_u256(o, "balance", b->balance);
	dp_cli_json_u256(o, "received", b->received);
	dp_cli_json_u256(o, "sent", b->sent);
	dp_cli_json_u256(o, "uncovered", b->uncovered);
	dp_json_key(o, "transactions");
	dp_json_uint(o, b->txs);
	dp_json_object_end(o);
}

// Where in time the balances are.
static dp_code print_moment(struct ask *k, dp_fault *fault)
{
	dp_ledger_block_row row = {0};
	char address[DP_ADDR_TEXT_MAX], time[DP_TIME_TEXT_MAX];
	bool has_block = k->block_end > 0;
	if (has_block) DP_TRY(dp_ledger_block_row_at(k->ledger, &row, k->block_end - 1, fault));
	if (k->format == DP_FORMAT_JSON) {
		print_head(k);
		dp_json_key(&k->json, "height");
		if (has_block)
			dp_json_uint(&k->json, row.height);
		else
			dp_json_null(&k->json);
		dp_json_key(&k->json, "balances");
		dp_json_array(&k->json);
		return DP_OK;
	}
	dp_time_format(time, row.time);
	dp_addr_format(address, &k->addr[0], k->chain);
	if (has_block)
		(void)printf("%s on %s, at the end of block %llu, %s\n", address, k->chain->name,
		             (unsigned long long)row.height, time);
	else
		(void)printf("%s on %s, before the first block\n", address, k->chain->name);
	return DP_OK;
}

// A transaction may pay both holders: it counts once.
static dp_code count_txs(const struct ask *k, uint64_t *ret_count, dp_fault *fault)
{
	struct walk w;
	uint64_t tx_no;
	dp_code code = walk_start(&w, k, fault);
	for (*ret_count = 0; code == DP_OK; *ret_count += code == DP_OK)
		code = walk_next(&w, &tx_no, fault);
	walk_done(&w);
	return code == DP_END ? DP_OK : code;
}

static dp_code answer_balance(struct ask *k, dp_fault *fault)
{
	bool is_json = k->format == DP_FORMAT_JSON;
	uint64_t seen = 0;
	DP_TRY(find_assets(k, fault));
	if (dp_run_interrupted()) return dp_fail(fault, DP_BUSY, "interrupted");
	DP_TRY(print_moment(k, fault));
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		dp_balance_at b = {0};
		if (!k->balance[v].is_known) continue;
		DP_TRY(add_balances(k, &b, (dp_asset){v}, k->tx_end, fault));
		if (k->addr_count > 1) DP_TRY(count_txs(k, &b.txs, fault));
		if (!b.seen && k->asset.v == 0) continue;
		seen++;
		if (is_json)
			balance_json(&k->json, &b, dp_asset_info_of((dp_asset){v}));
		else
			balance_text(&b, dp_asset_info_of((dp_asset){v}));
	}
	if (is_json) {
		dp_json_array_end(&k->json);
		dp_json_object_end(&k->json);
		return dp_json_finish(&k->json);
	}
	if (k->totals.blocks == 0) {
		(void)printf("  the ledger is empty: import blocks first (dyepack import)\n");
		return DP_OK;
	}
	if (seen == 0) (void)printf("  no movement of this address is in the ledger\n");
	if (!k->totals.from_beginning)
		(void)printf("  the ledger begins with block %llu: what the address had before is "
		             "not in it\n",
		             (unsigned long long)k->totals.height_first);
	return DP_OK;
}

//- history ---------------------------------------------------------------------------------------

// The running balance of an asset, looked up when it is first needed: what it was before the first
// transaction that is printed.
static dp_code balance_of(struct ask *k, dp_u256 **ret_balance, dp_asset asset, dp_fault *fault)
{
	if (!k->balance[asset.v].is_known && k->tx_first > 0) {
		dp_balance_at b = {0};
		DP_TRY(add_balances(k, &b, asset, k->tx_first, fault));
		k->balance[asset.v].amount = b.balance;
	}
	k->balance[asset.v].is_known = true;
	*ret_balance = &k->balance[asset.v].amount;
	return DP_OK;
}

// Who is on the other side of a movement. On UTXO chains all inputs pay all outputs: the first one
// that is not the address itself stands for them, and *ret_more is how many others there are.
static dp_addr other_side(const struct ask *k, uint32_t *ret_more, const dp_tx *tx,
                          const dp_movement *mv)
{
	dp_addr found = {0};
	uint32_t count = 0;
	bool is_in = is_ours(k, &mv->to);
	*ret_more = 0;
	if (k->chain->kind != DP_CHAIN_UTXO) return is_in ? mv->from : mv->to;
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *o = &k->builder.block.mv[tx->mv_first + i];
		const dp_addr *who = is_in ? &o->from : &o->to;
		if ((o->kind == DP_MV_INPUT) != is_in || is_ours(k, who)) continue;
		if (count++ == 0) found = *who;
	}
	*ret_more = count > 0 ? count - 1 : 0;
	return found;
}

struct line {
	const dp_movement *mv;
	const char *tx, *time, *direction, *other, *status;
	uint64_t height;
	uint32_t more;
	dp_u256 balance;
};

static void line_text(const struct line *r)
{
	char symbol[DP_CLI_SYMBOL_MAX], amount[DP_U256_DEC_MAX], balance[DP_U256_DEC_MAX];
	bool is_noise = r->mv->asset.v == 0;
	uint32_t decimals = is_noise ? 0 : dp_asset_info_of(r->mv->asset)->decimals;
	dp_u256_format(amount, r->mv->amount, decimals);
	if ((r->mv->flags & DP_MVF_VALUE_UNKNOWN) != 0) (void)snprintf(amount, 2, "?");
	dp_u256_format(balance, r->balance, decimals);
	(void)printf("%s %9llu %s %-4s %24s %-6s", r->time, (unsigned long long)r->height, r->tx,
	             r->direction, amount, dp_cli_asset_text(symbol, r->mv));
	if (r->other[0] != 0) (void)printf(" %s", r->other);
	if (r->more > 0) (void)printf(" and %u more", r->more);
	if (strcmp(r->status, "ok") != 0)
		(void)printf(" %s\n", r->status);
	else
		(void)printf(" -> %s\n", balance);
}

static void line_csv(const struct line *r)
{
	char symbol[DP_CLI_SYMBOL_MAX], amount[DP_U256_DEC_MAX], balance[DP_U256_DEC_MAX] = "";
	char contract[43] = "";
	if (r->mv->asset.v == 0) {
		(void)snprintf(contract, sizeof contract, "0x");
		dp_hex_encode(contract + 2, r->mv->noise.contract, 20);
	} else {
		dp_u256_format(balance, r->balance, 0);
	}
	dp_u256_format(amount, r->mv->amount, 0);
	if ((r->mv->flags & DP_MVF_VALUE_UNKNOWN) != 0) amount[0] = 0;
	(void)printf("%s,%llu,%s,%s,%s,%s,%u,%s,%s,%s,%s,%s\n", r->time,
	             (unsigned long long)r->height, r->tx, dp_cli_kind_text(r->mv->kind),
	             r->direction, r->other, r->more, dp_cli_asset_text(symbol, r->mv), contract,
	             amount, balance, r->status);
}

static void json_text(dp_json_out *o, const char *key, const char *text)
{
	dp_json_key(o, key);
	if (text[0] != 0)
		dp_json_string(o, text);
	else
		dp_json_null(o);
}

static void line_json(dp_json_out *o, const struct line *r)
{
	dp_json_object(o);
	json_text(o, "time", r->time);
	dp_json_key(o, "height");
	dp_json_uint(o, r->height);
	json_text(o, "tx", r->tx);
	json_text(o, "kind", dp_cli_kind_text(r->mv->kind));
	json_text(o, "direction", r->direction);
	json_text(o, "counterparty", r->other);
	if (r->more > 0) {
		dp_json_key(o, "counterparties_more");
		dp_json_uint(o, r->more);
	}
	dp_cli_json_asset(o, r->mv);
	if ((r->mv->flags & DP_MVF_VALUE_UNKNOWN) == 0)
		dp_cli_json_u256(o, "amount", r->mv->amount);
	else
		json_text(o, "amount", "");
	if (r->mv->asset.v != 0) dp_cli_json_u256(o, "balance", r->balance);
	json_text(o, "status", r->status);
	dp_json_object_end(o);
}

// Counts a movement of the address in its balance.
static dp_code count_row(struct ask *k, struct line *io_line, bool is_out, bool is_in,
                         dp_fault *fault)
{
	const dp_movement *mv = io_line->mv;
	dp_u256 *balance = NULL;
	DP_TRY(balance_of(k, &balance, mv->asset, fault));
	if (!dp_cli_is_failed(mv)) {
		if (is_out) *balance = dp_u256_sub(*balance, dp_u256_min(*balance, mv->amount));
		if (is_in && dp_u256_add_over(balance, *balance, mv->amount))
			return dp_fail(fault, DP_BAD_BYTES,
			               "the balance of the address does not fit 256 bits: the "
			               "amounts cannot be right");
	}
	io_line->balance = *balance;
	return DP_OK;
}

static dp_code print_row(struct ask *k, const dp_tx *tx, const dp_movement *mv, dp_fault *fault)
{
	char id[DP_TXID_TEXT_MAX], time[DP_TIME_TEXT_MAX], other[DP_ADDR_TEXT_MAX];
	bool is_out = is_ours(k, &mv->from), is_in = is_ours(k, &mv->to);
	struct line r = {.mv = mv, .tx = id, .time = time, .other = other, .status = "ok"};
	if (k->asset.v != 0 && mv->asset.v != k->asset.v) return DP_OK;
	r.direction = is_out && is_in ? "self" : is_out ? "out" : "in";
	if (mv->asset.v != 0) DP_TRY(count_row(k, &r, is_out, is_in, fault));
	if (dp_cli_is_failed(mv)) r.status = "failed";
	if (mv->asset.v == 0) r.status = "noise";
	r.height = k->builder.block.height;
	dp_txid_format(id, tx->id, k->chain);
	dp_time_format(time, k->builder.block.time);
	dp_addr who = other_side(k, &r.more, tx, mv);
	dp_cli_addr_text(other, &who, k->chain);
	if (k->format == DP_FORMAT_JSON)
		line_json(&k->json, &r);
	else if (k->format == DP_FORMAT_CSV)
		line_csv(&r);
	else
		line_text(&r);
	k->printed++;
	return DP_OK;
}

static dp_code print_tx(struct ask *k, const dp_tx *tx, dp_fault *fault)
{
	for (uint32_t i = 0; i < tx->mv_count && k->printed < k->limit; i++) {
		const dp_movement *mv = &k->builder.block.mv[tx->mv_first + i];
		if (!is_ours(k, &mv->from) && !is_ours(k, &mv->to)) continue;
		DP_TRY(print_row(k, tx, mv, fault));
	}
	if (ferror(stdout) != 0) return dp_fail(fault, DP_IO, "the history could not be written");
	return DP_OK;
}

static dp_code print_all(struct ask *k, dp_fault *fault)
{
	struct walk w;
	dp_code code = walk_start(&w, k, fault);
	while (code == DP_OK && k->printed < k->limit && !dp_run_interrupted()) {
		uint64_t tx_no;
		const dp_tx *tx = NULL;
		code = walk_next(&w, &tx_no, fault);
		if (code == DP_OK) code = load_tx(k, &tx, tx_no, fault);
		if (code == DP_OK) code = print_tx(k, tx, fault);
	}
	walk_done(&w);
	return code == DP_END ? DP_OK : code;
}

static dp_code answer_history(struct ask *k, dp_fault *fault)
{
	if (k->format == DP_FORMAT_JSON) {
		print_head(k);
		dp_json_key(&k->json, "movements");
		dp_json_array(&k->json);
	} else if (k->format == DP_FORMAT_CSV) {
		(void)printf("time,height,tx,kind,direction,counterparty,counterparties_more,asset,"
		             "contract,amount_base,balance_base,status\n");
	}
	DP_TRY(print_all(k, fault));
	if (dp_run_interrupted())
		return dp_fail(fault, DP_BUSY, "interrupted: the history ends early");
	bool is_cut = k->printed >= k->limit;
	if (k->format == DP_FORMAT_JSON) {
		dp_json_array_end(&k->json);
		dp_json_key(&k->json, "limit_reached");
		dp_json_boolean(&k->json, is_cut);
		dp_json_object_end(&k->json);
		return dp_json_finish(&k->json);
	}
	if (k->format == DP_FORMAT_CSV) return DP_OK;
	if (k->totals.blocks == 0) {
		(void)printf("the ledger is empty: import blocks first (dyepack import)\n");
		return DP_OK;
	}
	if (k->printed == 0) (void)printf("no movement of this address is in the ledger\n");
	if (is_cut) (void)printf("the first %llu movements\n", (unsigned long long)k->printed);
	if (!k->totals.from_beginning)
		(void)printf("the ledger begins with block %llu: what the address had before is "
		             "not in it\n",
		             (unsigned long long)k->totals.height_first);
	return DP_OK;
}

//- the commands ----------------------------------------------------------------------------------

static int check_time(const char *text, const char *option, const char *command)
{
	uint64_t height;
	int64_t time;
	if (text == NULL || dp_cli_number(text, &height) ||
	    dp_time_parse(&time, text, strlen(text)))
		return DP_EXIT_DONE;
	return dp_cli_misuse(command, "--%s takes a height or a time such as 2025-03-04T00:00:00Z",
	                     option);
}

static int check_words(struct ask *k, int count, bool has_csv, const char *command)
{
	const dp_chain *chain;
	if (count != 2) return dp_cli_misuse(command, "name the ledger's folder and an address");
	int exit_code = dp_cli_ledger_format(&k->format, k->format_name, has_csv, command);
	if (exit_code == DP_EXIT_DONE)
		exit_code = dp_cli_ledger_chain(&chain, k->chain_name, command);
	if (exit_code == DP_EXIT_DONE) exit_code = check_time(k->at, "at", command);
	if (exit_code == DP_EXIT_DONE) exit_code = check_time(k->from, "from", command);
	if (exit_code == DP_EXIT_DONE) exit_code = check_time(k->until, "until", command);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	k->limit = UINT64_MAX;
	if (k->limit_text != NULL && (!dp_cli_number(k->limit_text, &k->limit) || k->limit == 0))
		return dp_cli_misuse(command, "--limit takes a number of movements");
	return DP_EXIT_DONE;
}

static int answer(struct ask *k, char **argv, dp_code (*how)(struct ask *k, dp_fault *fault))
{
	dp_fault fault = {0};
	k->json = dp_cli_json(&fault);
	k->json.compact_depth = 3; // a movement or balance a line
	dp_run_watch_signals();
	dp_code code = open_ask(k, argv[1], argv[2], &fault);
	if (code == DP_OK) code = how(k, &fault);
	if (code == DP_BAD_BYTES && k->ledger != NULL)
		dp_fault_file(&fault, dp_ledger_folder(k->ledger));
	close_ask(k);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_ledger_balance(int argc, char **argv)
{
	static const char usage[] =
	    "Usage: dyepack ledger balance DIR ADDRESS [options]\n\n"
	    "Prints what an address received, sent and has, by the movements in the ledger.\n";
	struct ask k = {.format_name = "text"};
	const dp_option options[] = {
	    {"asset", "ASSET", "this one only: a symbol, contract or CAIP-19 name", NULL,
	     &k.asset_name},
	    {"at", "HEIGHT|TIME", "at the end of this block, or at this time (the end)", NULL,
	     &k.at},
	    {"chain", "CHAIN", "where the ledger has several", NULL, &k.chain_name},
	    {"format", "text|json", "what to print (text)", NULL, &k.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check_words(&k, count, false, argv[0]);
	return exit_code == DP_EXIT_DONE ? answer(&k, argv, answer_balance) : exit_code;
}

int dp_cmd_ledger_history(int argc, char **argv)
{
	static const char usage[] =
	    "Usage: dyepack ledger history DIR ADDRESS [options]\n\n"
	    "Prints every movement of an address, oldest first, each with the balance behind it.\n"
	    "Transfers of what is no listed asset are marked as noise and count nothing.\n";
	struct ask k = {.format_name = "text"};
	const dp_option options[] = {
	    {"asset", "ASSET", "this one only: a symbol, contract or CAIP-19 name", NULL,
	     &k.asset_name},
	    {"from", "HEIGHT|TIME", "begin with this block or time", NULL, &k.from},
	    {"until", "HEIGHT|TIME", "stop after this block or time", NULL, &k.until},
	    {"limit", "N", "print at most N movements", NULL, &k.limit_text},
	    {"chain", "CHAIN", "where the ledger has several", NULL, &k.chain_name},
	    {"format", "text|json|csv", "what to print (text)", NULL, &k.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check_words(&k, count, true, argv[0]);
	return exit_code == DP_EXIT_DONE ? answer(&k, argv, answer_history) : exit_code;
}

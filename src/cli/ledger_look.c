// dyepack ledger tx, block: one transaction or one block, as the ledger has it.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "codec/hex.h"
#include "codec/time.h"

struct look {
	dp_ledger *ledger;
	const dp_chain *chain;
	dp_block_builder builder;
	dp_json_out json;
	dp_cli_format format;
};

//- one movement ----------------------------------------------------------------------------------

// Who spent an output: *ret_has false when nobody did.
static dp_code find_spender(struct look *k, bool *ret_has, char ret_text[DP_TXID_TEXT_MAX],
                            uint64_t tx_no, uint32_t vout, dp_fault *fault)
{
	uint64_t output_no, spender;
	dp_spent_kind kind;
	uint8_t id[32];
	*ret_has = false;
	DP_TRY(dp_ledger_output_of(k->ledger, &output_no, tx_no, vout, fault));
	DP_TRY(dp_ledger_spender(k->ledger, &kind, &spender, output_no, fault));
	if (kind == DP_UNSPENT) return DP_OK;
	if (kind == DP_BURIED) {
		// A later transaction had the same id: nobody can spend this one any more.
		(void)snprintf(ret_text, DP_TXID_TEXT_MAX, "buried");
		*ret_has = true;
		return DP_OK;
	}
	DP_TRY(dp_ledger_txid(k->ledger, id, spender, fault));
	dp_txid_format(ret_text, id, k->chain);
	*ret_has = true;
	return DP_OK;
}

static void row_text(const struct look *k, const dp_movement *mv, const char *spender)
{
	char from[DP_ADDR_TEXT_MAX], to[DP_ADDR_TEXT_MAX], amount[DP_U256_DEC_MAX];
	char symbol[DP_CLI_SYMBOL_MAX], coin[DP_OUTPOINT_TEXT_MAX];
	uint32_t decimals = mv->asset.v != 0 ? dp_asset_info_of(mv->asset)->decimals : 0;
	dp_u256_format(amount, mv->amount, decimals);
	if ((mv->flags & DP_MVF_VALUE_UNKNOWN) != 0) (void)snprintf(amount, sizeof amount, "?");
	(void)printf("  %-8s %s %s", dp_cli_kind_text(mv->kind), amount,
	             dp_cli_asset_text(symbol, mv));
	dp_cli_addr_text(from, &mv->from, k->chain);
	dp_cli_addr_text(to, &mv->to, k->chain);
	if (from[0] != 0) (void)printf(" from %s", from);
	if (to[0] != 0) (void)printf(" to %s", to);
	if (mv->kind == DP_MV_INPUT) {
		dp_outpoint_format(coin, &mv->spent);
		(void)printf(", of %s", coin);
	}
	if (spender != NULL) (void)printf(", spent by %s", spender);
	(void)printf("%s%s\n", dp_cli_is_failed(mv) ? ", failed" : "",
	             mv->asset.v == 0 ? ", noise" : "");
}

static void json_party(dp_json_out *o, const char *key, const dp_addr *a, const dp_chain *chain)
{
	char text[DP_ADDR_TEXT_MAX];
	dp_json_key(o, key);
	if (a->kind == DP_ADDR_NONE)
		dp_json_null(o);
	else
		dp_json_string(o, dp_cli_addr_text(text, a, chain));
}

static void row_json(struct look *k, const dp_movement *mv, const char *spender)
{
	dp_json_out *o = &k->json;
	char coin[DP_OUTPOINT_TEXT_MAX];
	dp_json_object(o);
	dp_json_key(o, "kind");
	dp_json_string(o, dp_cli_kind_text(mv->kind));
	json_party(o, "from", &mv->from, k->chain);
	json_party(o, "to", &mv->to, k->chain);
	dp_cli_json_asset(o, mv);
	if ((mv->flags & DP_MVF_VALUE_UNKNOWN) == 0) {
		dp_cli_json_u256(o, "amount", mv->amount);
	} else {
		dp_json_key(o, "amount");
		dp_json_null(o);
	}
	if (mv->kind == DP_MV_INPUT) {
		dp_outpoint_format(coin, &mv->spent);
		dp_json_key(o, "outpoint");
		dp_json_string(o, coin);
	}
	if (mv->kind == DP_MV_OUTPUT) {
		dp_json_key(o, "spent_by");
		if (spender != NULL)
			dp_json_string(o, spender);
		else
			dp_json_null(o);
	}
	dp_json_key(o, "failed");
	dp_json_boolean(o, dp_cli_is_failed(mv));
	dp_json_object_end(o);
}

//- notes -----------------------------------------------------------------------------------------

static void print_notes(struct look *k, uint32_t tx)
{
	const dp_block *b = &k->builder.block;
	uint32_t first, count;
	bool is_json = k->format == DP_FORMAT_JSON;
	dp_block_notes(b, &first, &count, tx);
	if (is_json) {
		dp_json_key(&k->json, "notes");
		dp_json_array(&k->json);
	}
	for (uint32_t i = first; i < first + count; i++) {
		if (is_json)
			dp_cli_note_json(&k->json, b, &b->note[i]);
		else
			dp_cli_note_text(b, &b->note[i]);
	}
	if (is_json) dp_json_array_end(&k->json);
}

//- one transaction -------------------------------------------------------------------------------

// Prints the transaction at index 0 of the builder's block, which is number `tx_no` of the ledger.
static dp_code print_tx(struct look *k, uint64_t tx_no, dp_fault *fault)
{
	const dp_block *b = &k->builder.block;
	DP_CHECK(b->tx_count > 0);
	const dp_tx *tx = &b->tx[b->tx_count - 1];
	char id[DP_TXID_TEXT_MAX], spender[DP_TXID_TEXT_MAX];
	uint32_t vout = 0;
	dp_txid_format(id, tx->id, k->chain);
	bool is_json = k->format == DP_FORMAT_JSON;
	if (is_json) {
		dp_json_key(&k->json, "tx");
		dp_json_string(&k->json, id);
		dp_json_key(&k->json, "index");
		dp_json_uint(&k->json, tx->no);
		dp_json_key(&k->json, "failed");
		dp_json_boolean(&k->json, (tx->flags & DP_TXF_FAILED) != 0);
		dp_json_key(&k->json, "movements");
		dp_json_array(&k->json);
	} else {
		(void)printf("%s, number %u in its block%s%s\n", id, tx->no,
		             (tx->flags & DP_TXF_COINBASE) != 0 ? ", coinbase" : "",
		             (tx->flags & DP_TXF_FAILED) != 0 ? ", failed" : "");
	}
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		bool has = false;
		if (mv->kind == DP_MV_OUTPUT)
			DP_TRY(find_spender(k, &has, spender, tx_no, vout++, fault));
		if (is_json)
			row_json(k, mv, has ? spender : NULL);
		else
			row_text(k, mv, has ? spender : NULL);
	}
	if (is_json) dp_json_array_end(&k->json);
	print_notes(k, b->tx_count - 1);
	return DP_OK;
}

static dp_code look_at_tx(struct look *k, const char *text, dp_fault *fault)
{
	uint8_t id[32];
	uint64_t tx_no, block_no;
	char time[DP_TIME_TEXT_MAX];
	DP_TRY(dp_txid_parse(id, text, strlen(text), k->chain, fault));
	dp_code code = dp_ledger_find_tx(k->ledger, &tx_no, id, UINT64_MAX, fault);
	if (code == DP_NOT_FOUND)
		return dp_fail(fault, DP_NOT_FOUND, "transaction %s is not in the ledger", text);
	DP_TRY(code);
	DP_TRY(dp_ledger_block_of_tx(k->ledger, &block_no, tx_no, fault));
	DP_TRY(dp_ledger_start_block(k->ledger, &k->builder, block_no, fault));
	DP_TRY(dp_ledger_append_tx(k->ledger, &k->builder, tx_no, fault));
	const dp_block *b = &k->builder.block;
	if (k->format != DP_FORMAT_JSON) {
		dp_time_format(time, b->time);
		(void)printf("block %llu, %s\n", (unsigned long long)b->height, time);
		return print_tx(k, tx_no, fault);
	}
	dp_json_object(&k->json);
	dp_json_key(&k->json, "chain");
	dp_json_string(&k->json, k->chain->name);
	dp_json_key(&k->json, "height");
	dp_json_uint(&k->json, b->height);
	dp_cli_json_time(&k->json, "time", b->time);
	DP_TRY(print_tx(k, tx_no, fault));
	dp_json_object_end(&k->json);
	return dp_json_finish(&k->json);
}

//- one block -------------------------------------------------------------------------------------

// A block's number by its height or its hash, as people write it on this chain.
static dp_code find_block(struct look *k, uint64_t *ret_block_no, const char *text, dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_block_row row;
	uint64_t height;
	uint8_t hash[32];
	dp_ledger_totals_get(k->ledger, &totals);
	if (!dp_cli_number(text, &height)) {
		if (dp_txid_parse(hash, text, strlen(text), k->chain, NULL) != DP_OK)
			return dp_fail(fault, DP_BAD_CASE, "'%s' is neither a height nor a hash",
			               text);
		dp_code code = dp_ledger_find_block(k->ledger, ret_block_no, hash, fault);
		if (code == DP_NOT_FOUND)
			return dp_fail(fault, code, "block %s is not in the ledger", text);
		return code;
	}
	DP_TRY(dp_ledger_block_at_height(k->ledger, ret_block_no, height, fault));
	if (*ret_block_no < totals.blocks) {
		DP_TRY(dp_ledger_block_row_at(k->ledger, &row, *ret_block_no, fault));
		if (row.height == height) return DP_OK;
	}
	return dp_fail(fault, DP_NOT_FOUND, "block %s is not in the ledger", text);
}

// Tables have no hashes: what is kept instead (chain/digest.h) ends in sixteen zeros.
static bool is_hash(const uint8_t hash[32])
{
	static const uint8_t none[16];
	return memcmp(hash + 16, none, 16) != 0;
}

static void head_of_block(struct look *k, const dp_block *b)
{
	char hash[DP_TXID_TEXT_MAX], time[DP_TIME_TEXT_MAX];
	dp_txid_format(hash, b->hash, k->chain);
	bool has_hash = is_hash(b->hash);
	if (k->format != DP_FORMAT_JSON) {
		dp_time_format(time, b->time);
		(void)printf("block %llu, %s%s%s\n%u transactions, %u movements\n",
		             (unsigned long long)b->height, time, has_hash ? ", " : "",
		             has_hash ? hash : "", b->tx_total, b->mv_total);
		return;
	}
	dp_json_object(&k->json);
	dp_json_key(&k->json, "chain");
	dp_json_string(&k->json, k->chain->name);
	dp_json_key(&k->json, "height");
	dp_json_uint(&k->json, b->height);
	dp_json_key(&k->json, "hash");
	if (has_hash)
		dp_json_string(&k->json, hash);
	else
		dp_json_null(&k->json);
	dp_cli_json_time(&k->json, "time", b->time);
	dp_json_key(&k->json, "transactions");
	dp_json_array(&k->json);
}

static dp_code look_at_block(struct look *k, const char *text, dp_fault *fault)
{
	uint64_t block_no, tx_no, end;
	DP_TRY(find_block(k, &block_no, text, fault));
	DP_TRY(dp_cli_ledger_tx_of_block(k->ledger, &tx_no, block_no, fault));
	DP_TRY(dp_cli_ledger_tx_of_block(k->ledger, &end, block_no + 1, fault));
	DP_TRY(dp_ledger_start_block(k->ledger, &k->builder, block_no, fault));
	head_of_block(k, &k->builder.block);
	for (; tx_no < end; tx_no++) {
		DP_TRY(dp_ledger_start_block(k->ledger, &k->builder, block_no, fault));
		DP_TRY(dp_ledger_append_tx(k->ledger, &k->builder, tx_no, fault));
		if (k->format == DP_FORMAT_JSON) dp_json_object(&k->json);
		DP_TRY(print_tx(k, tx_no, fault));
		if (k->format == DP_FORMAT_JSON) dp_json_object_end(&k->json);
	}
	if (k->format != DP_FORMAT_JSON) return DP_OK;
	dp_json_array_end(&k->json);
	dp_json_object_end(&k->json);
	return dp_json_finish(&k->json);
}

//- the commands ----------------------------------------------------------------------------------

static int look_command(int argc, char **argv, const char *usage, const char *wanted,
                        dp_code (*look_at)(struct look *k, const char *text, dp_fault *fault))
{
	const char *chain_name = NULL, *format_name = "text";
	const dp_option options[] = {
	    {"chain", "CHAIN", "where the ledger has several", NULL, &chain_name},
	    {"format", "text|json", "what to print (text)", NULL, &format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	const dp_chain *chain;
	dp_fault fault = {0};
	struct look k = {.json = dp_cli_json(&fault)};
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 2) return dp_cli_misuse(argv[0], "name the ledger's folder and %s", wanted);
	int exit_code = dp_cli_ledger_format(&k.format, format_name, false, argv[0]);
	if (exit_code == DP_EXIT_DONE) exit_code = dp_cli_ledger_chain(&chain, chain_name, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_code code = dp_cli_ledger_open(&k.ledger, argv[1], chain, &fault);
	if (code == DP_OK) {
		k.chain = dp_ledger_chain(k.ledger);
		code = look_at(&k, argv[2], &fault);
		if (code != DP_OK) dp_fault_file(&fault, dp_ledger_folder(k.ledger));
	}
	dp_builder_done(&k.builder);
	dp_ledger_close(k.ledger);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_ledger_tx(int argc, char **argv)
{
	static const char usage[] =
	    "Usage: dyepack ledger tx DIR TXID [options]\n\n"
	    "Prints the movements of a transaction, of its outputs who spent them, and the event\n"
	    "logs and memos that the ledger keeps of it.\n";
	return look_command(argc, argv, usage, "a transaction's id", look_at_tx);
}

int dp_cmd_ledger_block(int argc, char **argv)
{
	static const char usage[] = "Usage: dyepack ledger block DIR HASH|HEIGHT [options]\n\n"
	                            "Prints a block's transactions and their movements.\n";
	return look_command(argc, argv, usage, "a block's hash or height", look_at_block);
}

// dyepack ledger: the table of its subcommands, and what they share (ledger_command.h).
#include "cli/ledger_command.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/ledger_common.h"
#include "codec/hex.h"
#include "codec/time.h"

static const char usage[] =
    "Usage: dyepack ledger COMMAND DIR ...\n\n"
    "Asks a ledger that 'dyepack import' wrote, and looks after it.\n\n"
    "Commands:\n"
    "  info DIR               what is in it, and how many bytes each part takes\n"
    "  balance DIR ADDRESS    what an address received, sent and has\n"
    "  history DIR ADDRESS    every movement of an address, with its balance\n"
    "  tx DIR TXID            one transaction\n"
    "  block DIR HASH|HEIGHT  one block\n"
    "  verify DIR             is everything in it as it was written, and does it agree?\n"
    "  pack DIR               compress the old part of it\n"
    "  unpack DIR             and undo that\n"
    "\n'dyepack ledger COMMAND --help' tells more.\n";

static const dp_command commands[] = {
    {"info", "", dp_cmd_ledger_info},
    {"balance", "", dp_cmd_ledger_balance},
    {"history", "", dp_cmd_ledger_history},
    {"tx", "", dp_cmd_ledger_tx},
    {"block", "", dp_cmd_ledger_block},
    {"verify", "", dp_cmd_ledger_verify},
    {"pack", "", dp_cmd_ledger_pack},
    {"unpack", "", dp_cmd_ledger_unpack},
    {NULL, NULL, NULL},
};

int dp_cmd_ledger(int argc, char **argv)
{
	return dp_cli_subcommand(argc, argv, "ledger", commands, usage, "info DIR");
}

//- the command line ------------------------------------------------------------------------------

int dp_cli_ledger_format(dp_cli_format *ret_format, const char *text, bool has_csv,
                         const char *command)
{
	static const char *const names[] = {"text", "json", "csv", NULL};
	DP_CHECK(ret_format != NULL && text != NULL);
	for (int i = 0; i < (has_csv ? 3 : 2); i++) {
		if (strcmp(text, names[i]) != 0) continue;
		*ret_format = (dp_cli_format)i;
		return DP_EXIT_DONE;
	}
	return dp_cli_misuse(command, "unknown format '%s': it is text%s", text,
	                     has_csv ? ", json or csv" : " or json");
}

int dp_cli_ledger_chain(const dp_chain **ret_chain, const char *text, const char *command)
{
	*ret_chain = text == NULL ? NULL : dp_chain_find(text, strlen(text));
	if (text == NULL || *ret_chain != NULL) return DP_EXIT_DONE;
	return dp_cli_misuse(command, "unknown chain '%s': 'dyepack list chains'", text);
}

dp_code dp_cli_ledger_open(dp_ledger **ret_ledger, const char *path, const dp_chain *chain,
                           dp_fault *fault)
{
	const char *folder = dp_cli_ledger_folder(path);
	dp_code code = dp_ledger_open(ret_ledger, folder, chain, fault);
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, folder);
	return code;
}

dp_code dp_cli_ledger_tx_of_block(dp_ledger *l, uint64_t *ret_tx_no, uint64_t block_no,
                                  dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_block_row row;
	dp_ledger_totals_get(l, &totals);
	DP_CHECK(block_no <= totals.blocks);
	if (block_no == totals.blocks) {
		*ret_tx_no = totals.txs;
		return DP_OK;
	}
	// A block's row counts transactions from the first of its segment.
	const dp_segment *s = dp_ledger_segment(l, dp_ledger_segment_of_block(l, block_no));
	DP_TRY(dp_ledger_block_row_at(l, &row, block_no, fault));
	*ret_tx_no = s->head.tx_first + row.tx;
	return DP_OK;
}

dp_code dp_cli_ledger_moment(dp_ledger *l, uint64_t *ret_block_no, const char *text, bool is_behind,
                             uint64_t none, dp_fault *fault)
{
	uint64_t height;
	int64_t time;
	uint32_t more = is_behind ? 1 : 0;
	DP_CHECK(ret_block_no != NULL);
	if (text == NULL) {
		*ret_block_no = none;
		return DP_OK;
	}
	if (dp_cli_number(text, &height)) {
		if (height < UINT64_MAX) height += more;
		return dp_ledger_block_at_height(l, ret_block_no, height, fault);
	}
	if (dp_time_parse(&time, text, strlen(text)))
		return dp_ledger_block_at_time(l, ret_block_no, time + more, fault);
	return dp_fail(fault, DP_BAD_CASE,
	               "'%s' is neither a height nor a time such as 2025-03-04T00:00:00Z", text);
}

//- movements -------------------------------------------------------------------------------------

const char *dp_cli_kind_text(uint8_t kind)
{
	static const char *const text[DP_MV_KIND_COUNT] = {
	    [DP_MV_INPUT] = "input",       [DP_MV_OUTPUT] = "output", [DP_MV_NATIVE] = "native",
	    [DP_MV_INTERNAL] = "internal", [DP_MV_TOKEN] = "token",   [DP_MV_FEE] = "fee",
	    [DP_MV_REWARD] = "reward"};
	DP_CHECK(kind < DP_MV_KIND_COUNT && text[kind] != NULL);
	return text[kind];
}

const char *dp_cli_asset_text(char out[DP_CLI_SYMBOL_MAX], const dp_movement *mv)
{
	DP_CHECK(mv != NULL);
	if (mv->asset.v != 0) {
		(void)snprintf(out, DP_CLI_SYMBOL_MAX, "%s", dp_asset_info_of(mv->asset)->symbol);
		return out;
	}
	// A terminal does not obey it, a spreadsheet does not compute it.
	(void)snprintf(out, DP_CLI_SYMBOL_MAX, "?%.*s", (int)sizeof mv->noise.symbol,
	               mv->noise.symbol);
	for (char *p = out + 1; *p != 0; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\",;", *p))
			*p = '?';
	return out;
}

const char *dp_cli_addr_text(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain)
{
	out[0] = 0;
	if (a->kind != DP_ADDR_NONE) dp_addr_format(out, a, chain);
	return out;
}

bool dp_cli_is_failed(const dp_movement *mv)
{
	return (mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE; // fees are paid
}

//- JSON ------------------------------------------------------------------------------------------

dp_json_out dp_cli_json(dp_fault *fault)
{
	return (dp_json_out){.write = dp_cli_write, .context = stdout, .fault = fault};
}

void dp_cli_json_asset(dp_json_out *o, const dp_movement *mv)
{
	char caip[DP_ASSET_TEXT_MAX], contract[43] = "0x";
	if (mv->asset.v != 0) {
		dp_asset_caip19(caip, mv->asset);
		dp_json_key(o, "symbol");
		dp_json_string(o, dp_asset_info_of(mv->asset)->symbol);
		dp_json_key(o, "asset");
		dp_json_string(o, caip);
		return;
	}
	dp_json_key(o, "noise");
	dp_json_boolean(o, true);
	dp_json_key(o, "claims");
	dp_json_string_n(o, mv->noise.symbol, strnlen(mv->noise.symbol, sizeof mv->noise.symbol));
	dp_json_key(o, "contract");
	dp_hex_encode(contract + 2, mv->noise.contract, 20);
	dp_json_string(o, contract);
}

void dp_cli_json_u256(dp_json_out *o, const char *key, dp_u256 value)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, value, 0);
	dp_json_key(o, key);
	dp_json_string(o, text);
}

void dp_cli_json_time(dp_json_out *o, const char *key, int64_t time)
{
	char text[DP_TIME_TEXT_MAX];
	dp_time_format(text, time);
	dp_json_key(o, key);
	dp_json_string(o, text);
}

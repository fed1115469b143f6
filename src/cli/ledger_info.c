// dyepack ledger info, verify, pack, unpack: what is in a ledger, and is it whole?
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "chain/gap.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/ledger_common.h"
#include "cli/progress.h"
#include "codec/time.h"
#include "ledger/verify.h"

static const char *const section_names[DP_SEC_COUNT] = {
    [DP_SEC_BLOCK] = "blocks",
    [DP_SEC_TXID] = "transaction ids",
    [DP_SEC_TXSORT] = "ids in order",
    [DP_SEC_TXBUCKET] = "buckets of ids",
    [DP_SEC_TXFILTER] = "filter of ids",
    [DP_SEC_GROUP] = "kinds of addresses",
    [DP_SEC_ADDR] = "addresses",
    [DP_SEC_ADDRBUCKET] = "buckets of addresses",
    [DP_SEC_ADDRFILTER] = "filter of addresses",
    [DP_SEC_POSTFIRST] = "where postings begin",
    [DP_SEC_POST] = "postings",
    [DP_SEC_WIDE] = "large amounts",
    [DP_SEC_TXROW] = "rows of transactions",
    [DP_SEC_SRC] = "senders",
    [DP_SEC_DST] = "receivers",
    [DP_SEC_AMOUNT] = "amounts",
    [DP_SEC_CLASS] = "kinds and assets",
    [DP_SEC_CLASSES] = "list of kinds and assets",
    [DP_SEC_NOISE] = "noise",
    [DP_SEC_NOISENAME] = "names of noise",
    [DP_SEC_TXIN] = "inputs of transactions",
    [DP_SEC_TXOUT] = "outputs of transactions",
    [DP_SEC_OUTTX] = "transactions of outputs",
    [DP_SEC_SPENT] = "what inputs spend",
    [DP_SEC_OUTADDR] = "who outputs pay",
    [DP_SEC_VALUE] = "values of outputs",
    [DP_SEC_FOREIGN] = "inputs from elsewhere",
    [DP_SEC_NOTETX] = "who has notes",
    [DP_SEC_NOTEAT] = "where notes begin",
    [DP_SEC_NOTE] = "notes",
    [DP_SEC_NOTENAME] = "places and events of notes",
};

//- info ------------------------------------------------------------------------------------------

struct info {
	dp_ledger *ledger;
	dp_ledger_totals totals;
	const dp_chain *chain;
	uint64_t segments; // on disk
	uint64_t addresses, packed;
	uint64_t section[DP_SEC_COUNT]; // bytes in files
	uint64_t in_sections, spent, tail, bytes;
};

static bool is_packed(const dp_segment *s)
{
	for (int k = 0; k < DP_SEC_COUNT; k++)
		if (s->head.section[k].codec != 0) return true;
	return false;
}

static uint64_t file_size(const char *folder, const char *name)
{
	struct stat st;
	char path[DP_PATH_MAX];
	if (dp_path_join(path, folder, name, NULL) != DP_OK || stat(path, &st) != 0) return 0;
	return (uint64_t)st.st_size;
}

static void gather(struct info *in, dp_ledger *l, const char *folder)
{
	const dp_manifest *m = dp_ledger_manifest(l);
	char name[DP_LEDGER_NAME_MAX];
	*in = (struct info){.ledger = l, .chain = dp_ledger_chain(l), .segments = m->count};
	dp_ledger_totals_get(l, &in->totals);
	in->bytes = dp_cli_folder_bytes(folder, in->chain);
	for (uint32_t i = 0; i < dp_ledger_segment_count(l); i++) {
		const dp_segment *s = dp_ledger_segment(l, i);
		in->addresses += s->head.address_count;
		if (i >= m->count) continue; // the tail, in memory
		in->packed += is_packed(s);
		for (int k = 0; k < DP_SEC_COUNT; k++) {
			in->section[k] += s->head.section[k].stored;
			in->in_sections += s->head.section[k].stored;
		}
		if (in->chain->kind != DP_CHAIN_UTXO) continue;
		dp_segment_name(name, m->segment[i].unit_first, m->segment[i].unit_count, "spent");
		in->spent += file_size(dp_ledger_folder(l), name);
	}
	dp_tail_name(name, dp_manifest_units(m));
	in->tail = file_size(dp_ledger_folder(l), name);
}

// Of notes, in files.
static uint64_t note_bytes(const struct info *in)
{
	uint64_t bytes = 0;
	for (int k = DP_SEC_NOTETX; k <= DP_SEC_NOTENAME; k++) bytes += in->section[k];
	return bytes;
}

static void print_sections(const struct info *in)
{
	char ratio[DP_CLI_RATIO_MAX];
	uint64_t rows = in->totals.rows - in->totals.tail_rows;
	for (int k = 0; k < DP_SEC_COUNT; k++) {
		if (in->section[k] == 0) continue;
		DP_CHECK(section_names[k] != NULL);
		(void)printf("    %-26s %16llu  %6s a movement\n", section_names[k],
		             (unsigned long long)in->section[k],
		             dp_cli_ratio(ratio, in->section[k], rows));
	}
	if (in->spent > 0)
		(void)printf("    %-26s %16llu  %6s a movement\n", "who spent outputs",
		             (unsigned long long)in->spent, dp_cli_ratio(ratio, in->spent, rows));
	if (in->tail > 0) (void)printf("    %-26s %16llu\n", "tail", (unsigned long long)in->tail);
}

static void print_segments(const struct info *in)
{
	const dp_manifest *m = dp_ledger_manifest(in->ledger);
	(void)printf("  segments (first unit, units, heights, blocks, movements, bytes)\n");
	for (uint64_t i = 0; i < m->count; i++) {
		const dp_manifest_segment *s = &m->segment[i];
		char name[DP_LEDGER_NAME_MAX];
		dp_segment_name(name, s->unit_first, s->unit_count, "seg");
		(void)printf(
		    "    %8llu %2llu  %llu-%llu  %llu  %llu  %llu%s\n",
		    (unsigned long long)s->unit_first, (unsigned long long)s->unit_count,
		    (unsigned long long)s->height_first, (unsigned long long)s->height_last,
		    (unsigned long long)s->blocks, (unsigned long long)s->rows,
		    (unsigned long long)file_size(dp_ledger_folder(in->ledger), name),
		    is_packed(dp_ledger_segment(in->ledger, (uint32_t)i)) ? "  packed" : "");
	}
}

static void print_text(const struct info *in, bool with_segments)
{
	const dp_ledger_totals *t = &in->totals;
	char first[DP_TIME_TEXT_MAX], last[DP_TIME_TEXT_MAX], ratio[DP_CLI_RATIO_MAX];
	(void)printf("%s (%s)\n", in->chain->name, in->chain->caip2);
	if (t->blocks == 0) {
		(void)printf("  empty\n");
		return;
	}
	dp_time_format(first, t->time_first);
	dp_time_format(last, t->time_last);
	(void)printf("  blocks        %llu, heights %llu to %llu\n", (unsigned long long)t->blocks,
	             (unsigned long long)t->height_first, (unsigned long long)t->height_last);
	(void)printf("  time          %s to %s\n", first, last);
	(void)printf("  begins        %s\n",
	             t->from_beginning ? "with the chain" : "later than the chain");
	(void)printf("  transactions  %llu\n", (unsigned long long)t->txs);
	(void)printf("  movements     %llu", (unsigned long long)t->rows);
	if (in->chain->kind == DP_CHAIN_UTXO)
		(void)printf(" (%llu inputs, %llu outputs)", (unsigned long long)t->inputs,
		             (unsigned long long)t->outputs);
	else
		(void)printf(", of them noise: %llu", (unsigned long long)t->noise);
	(void)printf(
	    "\n  notes         %llu (event logs, memos) of %llu transactions; in segments: "
	    "%llu bytes",
	    (unsigned long long)t->notes, (unsigned long long)t->note_txs,
	    (unsigned long long)note_bytes(in));
	(void)printf("\n  addresses     %llu, counted once a segment\n",
	             (unsigned long long)in->addresses);
	(void)printf("  segments      %llu, of them packed: %llu; in the tail: %llu blocks, %llu "
	             "movements\n",
	             (unsigned long long)in->segments, (unsigned long long)in->packed,
	             (unsigned long long)t->tail_blocks, (unsigned long long)t->tail_rows);
	(void)printf("  bytes         %llu, %s a movement\n", (unsigned long long)in->bytes,
	             dp_cli_ratio(ratio, in->bytes, t->rows));
	print_sections(in);
	if (with_segments) print_segments(in);
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *text = dp_gap_text((uint64_t)1 << bit);
		if ((t->gaps >> bit & 1) != 0 && text != NULL) (void)printf("  %s\n", text);
	}
}

static void json_number(dp_json_out *o, const char *key, uint64_t value)
{
	dp_json_key(o, key);
	dp_json_uint(o, value);
}

static void json_segments(dp_json_out *o, const struct info *in)
{
	const dp_manifest *m = dp_ledger_manifest(in->ledger);
	dp_json_key(o, "segments");
	dp_json_array(o);
	for (uint64_t i = 0; i < m->count; i++) {
		const dp_manifest_segment *s = &m->segment[i];
		dp_json_object(o);
		json_number(o, "unit_first", s->unit_first);
		json_number(o, "units", s->unit_count);
		json_number(o, "height_first", s->height_first);
		json_number(o, "height_last", s->height_last);
		json_number(o, "blocks", s->blocks);
		json_number(o, "movements", s->rows);
		dp_json_key(o, "packed");
		dp_json_boolean(o, is_packed(dp_ledger_segment(in->ledger, (uint32_t)i)));
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
}

static void json_bytes(dp_json_out *o, const struct info *in)
{
	json_number(o, "bytes", in->bytes);
	dp_json_key(o, "columns");
	dp_json_object(o);
	for (int k = 0; k < DP_SEC_COUNT; k++)
		if (in->section[k] > 0) json_number(o, section_names[k], in->section[k]);
	if (in->spent > 0) json_number(o, "who spent outputs", in->spent);
	if (in->tail > 0) json_number(o, "tail", in->tail);
	dp_json_object_end(o);
}

static void json_gaps(dp_json_out *o, uint64_t gaps)
{
	dp_json_key(o, "gaps");
	dp_json_array(o);
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *text = dp_gap_text((uint64_t)1 << bit);
		if ((gaps >> bit & 1) != 0 && text != NULL) dp_json_string(o, text);
	}
	dp_json_array_end(o);
}

static void print_json(dp_json_out *o, const struct info *in, bool with_segments)
{
	const dp_ledger_totals *t = &in->totals;
	dp_json_object(o);
	dp_json_key(o, "chain");
	dp_json_string(o, in->chain->name);
	dp_json_key(o, "caip2");
	dp_json_string(o, in->chain->caip2);
	json_number(o, "blocks", t->blocks);
	if (t->blocks > 0) {
		json_number(o, "height_first", t->height_first);
		json_number(o, "height_last", t->height_last);
		dp_cli_json_time(o, "time_first", t->time_first);
		dp_cli_json_time(o, "time_last", t->time_last);
	}
	dp_json_key(o, "from_beginning");
	dp_json_boolean(o, t->from_beginning);
	json_number(o, "transactions", t->txs);
	json_number(o, "movements", t->rows);
	if (in->chain->kind == DP_CHAIN_UTXO) {
		json_number(o, "inputs", t->inputs);
		json_number(o, "outputs", t->outputs);
	}
	json_number(o, "noise", t->noise);
	json_number(o, "notes", t->notes);
	json_number(o, "transactions_with_notes", t->note_txs);
	json_number(o, "note_bytes", note_bytes(in));
	json_number(o, "addresses_of_segments", in->addresses);
	json_number(o, "segment_count", in->segments);
	json_number(o, "packed_segments", in->packed);
	json_number(o, "tail_blocks", t->tail_blocks);
	json_number(o, "tail_movements", t->tail_rows);
	json_bytes(o, in);
	json_gaps(o, t->gaps);
	if (with_segments) json_segments(o, in);
	dp_json_object_end(o);
}

enum { CHAINS_MAX = 256 };
struct chains {
	const dp_chain *chain[CHAINS_MAX];
	uint32_t count;
};

static bool add_chain(void *context, const dp_chain *chain)
{
	struct chains *c = context;
	if (c->count == CHAINS_MAX) return false;
	c->chain[c->count++] = chain;
	return true;
}

// The chains to tell of: the one that is named, or all.
static dp_code find_chains(struct chains *ret_chains, const char *path, const dp_chain *chain,
                           dp_fault *fault)
{
	const char *folder = dp_cli_ledger_folder(path);
	*ret_chains = (struct chains){0};
	if (chain != NULL) {
		add_chain(ret_chains, chain);
		return DP_OK;
	}
	dp_code code = dp_ledger_chains(folder, add_chain, ret_chains, fault);
	if (code == DP_OK && ret_chains->count == 0)
		code = dp_fail(fault, DP_NOT_FOUND, "no ledger is in this folder");
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, folder);
	return code;
}

static dp_code info_all(const char *path, const dp_chain *chain, dp_cli_format format,
                        bool with_segments, dp_fault *fault)
{
	struct chains c;
	dp_json_out o = dp_cli_json(fault);
	DP_TRY(find_chains(&c, path, chain, fault));
	if (format == DP_FORMAT_JSON) {
		dp_json_object(&o);
		dp_json_key(&o, "chains");
		dp_json_array(&o);
	}
	for (uint32_t i = 0; i < c.count; i++) {
		dp_ledger *l;
		struct info in;
		DP_TRY(dp_cli_ledger_open(&l, path, c.chain[i], fault));
		gather(&in, l, dp_cli_ledger_folder(path));
		if (format == DP_FORMAT_JSON) {
			print_json(&o, &in, with_segments);
		} else {
			if (i > 0) (void)putchar('\n');
			print_text(&in, with_segments);
		}
		dp_ledger_close(l);
	}
	if (format != DP_FORMAT_JSON) return DP_OK;
	dp_json_array_end(&o);
	dp_json_object_end(&o);
	return dp_json_finish(&o);
}

int dp_cmd_ledger_info(int argc, char **argv)
{
	static const char usage[] = "Usage: dyepack ledger info DIR [options]\n\n"
	                            "What is in a ledger, and how many bytes each part takes.\n";
	const char *chain_name = NULL, *format_name = "text";
	bool with_segments = false;
	const dp_option options[] = {
	    {"chain", "CHAIN", "of this chain only", NULL, &chain_name},
	    {"segments", NULL, "list the segments", &with_segments, NULL},
	    {"format", "text|json", "what to print (text)", NULL, &format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	const dp_chain *chain;
	dp_cli_format format = DP_FORMAT_TEXT;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1) return dp_cli_misuse(argv[0], "name the ledger's folder");
	int exit_code = dp_cli_ledger_format(&format, format_name, false, argv[0]);
	if (exit_code == DP_EXIT_DONE) exit_code = dp_cli_ledger_chain(&chain, chain_name, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_code code = info_all(argv[1], chain, format, with_segments, &fault);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

//- verify ----------------------------------------------------------------------------------------

struct verify {
	const char *folder;
	const dp_chain *chain;
	dp_progress progress;
};

static void print_broken(void *context, const dp_verify_fault *found)
{
	const struct verify *v = context;
	char text[DP_FAULT_TEXT_MAX + DP_FAULT_FILE_MAX + 64];
	dp_fault_format(&found->fault, text, sizeof text);
	(void)printf("broken: %s\n", text);
	if (found->unit_count == 0)
		(void)printf("  the blocks behind the last segment");
	else
		(void)printf("  blocks %llu to %llu%s", (unsigned long long)found->height_first,
		             (unsigned long long)found->height_last,
		             found->only_spent ? ", of which only who spent their outputs" : "");
	(void)printf(" must be made again:\n  dyepack import SOURCE --ledger %s --chain %s "
	             "--repair\n",
	             v->folder, v->chain->name);
}

static void show_bytes(void *context, uint64_t bytes, uint64_t total)
{
	struct verify *v = context;
	dp_progress_show_bytes(&v->progress, bytes, total);
}

static dp_code verify_all(const char *path, const dp_chain *chain, bool quiet, uint64_t *ret_faults,
                          dp_fault *fault)
{
	struct chains c;
	*ret_faults = 0;
	DP_TRY(find_chains(&c, path, chain, fault));
	for (uint32_t i = 0; i < c.count; i++) {
		struct verify v = {.folder = dp_cli_ledger_folder(path), .chain = c.chain[i]};
		dp_verify_result r = {0};
		dp_progress_start(&v.progress, quiet);
		dp_code code =
		    dp_ledger_verify(&r, v.folder, v.chain, print_broken, show_bytes, &v, fault);
		if (code != DP_OK && fault != NULL) dp_fault_file(fault, v.folder);
		DP_TRY(code);
		dp_progress_end(&v.progress, "verified", r.blocks, r.rows);
		*ret_faults += r.faults;
		(void)printf("%s: %llu segments, %llu blocks, %llu transactions, %llu movements, "
		             "%llu bytes: ",
		             v.chain->name, (unsigned long long)r.segments,
		             (unsigned long long)r.blocks, (unsigned long long)r.txs,
		             (unsigned long long)r.rows, (unsigned long long)r.bytes);
		if (r.faults == 0)
			(void)printf("all right\n");
		else
			(void)printf("%llu broken\n", (unsigned long long)r.faults);
	}
	return DP_OK;
}

int dp_cmd_ledger_verify(int argc, char **argv)
{
	static const char usage[] =
	    "Usage: dyepack ledger verify DIR [options]\n\n"
	    "Checks everything in a ledger: every checksum, order, link and count. Says what is\n"
	    "broken, which blocks that is, and how to mend it. Exit code 1 when something is.\n";
	const char *chain_name = NULL;
	bool quiet = false;
	const dp_option options[] = {
	    {"chain", "CHAIN", "of this chain only", NULL, &chain_name},
	    {"quiet", NULL, "no progress", &quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	const dp_chain *chain;
	uint64_t faults = 0;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1) return dp_cli_misuse(argv[0], "name the ledger's folder");
	int exit_code = dp_cli_ledger_chain(&chain, chain_name, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_code code = verify_all(argv[1], chain, quiet, &faults, &fault);
	if (code != DP_OK) return dp_cli_fault(&fault);
	return faults == 0 ? DP_EXIT_DONE : DP_EXIT_FAILED;
}

//- pack and unpack -------------------------------------------------------------------------------

static dp_code pack_all(const char *path, const dp_chain *chain, uint64_t height, bool pack,
                        dp_fault *fault)
{
	struct chains c;
	DP_TRY(find_chains(&c, path, chain, fault));
	const char *folder = dp_cli_ledger_folder(path);
	for (uint32_t i = 0; i < c.count; i++) {
		dp_writer *w;
		uint64_t segments = 0;
		dp_writer_options options = dp_cli_writer_options(0, 0);
		uint64_t before = dp_cli_folder_bytes(folder, c.chain[i]);
		DP_TRY(dp_writer_open(&w, folder, c.chain[i], &options, fault));
		dp_code code = dp_writer_pack(w, height, pack, &segments, fault);
		dp_writer_close(w);
		DP_TRY(code);
		(void)printf("%s: %s %llu segments, %llu bytes before, %llu now\n",
		             c.chain[i]->name, pack ? "packed" : "unpacked",
		             (unsigned long long)segments, (unsigned long long)before,
		             (unsigned long long)dp_cli_folder_bytes(folder, c.chain[i]));
	}
	return DP_OK;
}

static int pack_command(int argc, char **argv, const char *usage, bool pack)
{
	const char *chain_name = NULL, *below = NULL;
	const dp_option options[] = {
	    {"below", "HEIGHT", "the segments whose blocks all lie below this one", NULL, &below},
	    {"chain", "CHAIN", "of this chain only", NULL, &chain_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	const dp_chain *chain;
	uint64_t height = UINT64_MAX;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1) return dp_cli_misuse(argv[0], "name the ledger's folder");
	if (pack && below == NULL)
		return dp_cli_misuse(argv[0], "say what is old with --below HEIGHT");
	if (below != NULL && !dp_cli_number(below, &height))
		return dp_cli_misuse(argv[0], "--below takes a block height");
	int exit_code = dp_cli_ledger_chain(&chain, chain_name, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_code code = pack_all(argv[1], chain, height, pack, &fault);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_ledger_pack(int argc, char **argv)
{
	static const char usage[] = "Usage: dyepack ledger pack DIR --below HEIGHT [options]\n\n"
	                            "Compresses segments that are seldom asked for. They stay "
	                            "readable as before, but take\n"
	                            "memory and time when they are first touched.\n";
	return pack_command(argc, argv, usage, true);
}

int dp_cmd_ledger_unpack(int argc, char **argv)
{
	static const char usage[] = "Usage: dyepack ledger unpack DIR [options]\n\n"
	                            "Undoes 'dyepack ledger pack'.\n";
	return pack_command(argc, argv, usage, false);
}

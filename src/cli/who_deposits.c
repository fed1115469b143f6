// dyepack who --deposits, --pairs: what behaviour tells of a whole ledger.
//
// The TagPack that --export writes says of each of its tags that it is inferred, by whom and from
// which transactions: whoever reads it later must be able to tell it from a fact. `context` is a
// JSON text, as GraphSense's packs have it. Texts of others (labels) are written as JSON strings,
// which are YAML, so that nothing in them can be taken for more than a text.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/who.h"
#include "codec/time.h"
#include "entity/cluster.h"

struct listing {
	dp_who *w;
	FILE *file; // of the TagPack; NULL: none
	uint64_t count, written;
};

static void put_quoted(FILE *file, const char *text)
{
	dp_json_out o = {.write = dp_cli_write, .context = file};
	dp_json_string(&o, text);
}

static void head_of_pack(FILE *file, const dp_who *w)
{
	dp_ledger_totals totals;
	char day[DP_TIME_TEXT_MAX];
	dp_ledger_totals_get(w->ledger, &totals);
	dp_time_format(day, totals.time_last);
	(void)fprintf(file,
	              "title: Deposit addresses inferred by dyepack\n"
	              "creator: dyepack\n"
	              "description: Accounts that pass on what they get to a tagged wallet of an "
	              "exchange, up to block %llu\n"
	              "lastmod: %.10s\n"
	              "currency: %s\n"
	              "category: exchange\n"
	              "confidence: heuristic\n"
	              "is_cluster_definer: false\n"
	              "source: dyepack who --deposits\n"
	              "tags:\n",
	              (unsigned long long)totals.height_last, day, dp_network_of(w->chain)->name);
}

static void put_context(FILE *file, const dp_who *w, const dp_deposit *d)
{
	char text[256 + DP_ADDR_TEXT_MAX + DP_DEPOSIT_EVIDENCE_MAX * 2 * DP_TXID_TEXT_MAX * 2];
	char id[DP_TXID_TEXT_MAX], other[DP_TXID_TEXT_MAX], exchange[DP_ADDR_TEXT_MAX];
	dp_addr_format(exchange, &d->exchange, w->chain);
	int n =
	    snprintf(text, sizeof text,
	             "{\"inferred\":true,\"heuristic\":\"%s\",\"exchange\":\"%s\","
	             "\"pairs\":%llu,\"in\":%llu,\"out\":%llu,\"senders\":%llu,"
	             "\"exclusive\":%s,\"evidence\":[",
	             dp_heuristic_name(DP_H_DEPOSIT_REUSE), exchange, (unsigned long long)d->pairs,
	             (unsigned long long)d->ins, (unsigned long long)d->outs,
	             (unsigned long long)d->senders, d->is_exclusive ? "true" : "false");
	for (uint32_t i = 0; i < d->evidence_count; i++) {
		DP_CHECK(n > 0 && (size_t)n < sizeof text);
		dp_txid_format(id, d->in[i].txid, w->chain);
		dp_txid_format(other, d->out[i].txid, w->chain);
		n += snprintf(text + n, sizeof text - (size_t)n, "%s[\"%s\",\"%s\"]",
		              i > 0 ? "," : "", id, other);
	}
	DP_CHECK(n > 0 && (size_t)n + 3 < sizeof text);
	(void)snprintf(text + n, sizeof text - (size_t)n, "]}");
	(void)fputs("  context: ", file);
	put_quoted(file, text);
	(void)fputc('\n', file);
}

static void put_tag(FILE *file, const dp_who *w, const dp_deposit *d)
{
	enum { LABEL_MAX = 1024 };
	char text[DP_ADDR_TEXT_MAX], label[LABEL_MAX];
	dp_tag_stop stop;
	dp_addr_format(text, &d->addr, w->chain);
	(void)snprintf(label, sizeof label, "deposit address of %.900s (inferred)",
	               dp_who_label(w, &d->exchange));
	(void)fprintf(file, "- address: '%s'\n  label: ", text);
	put_quoted(file, label);
	(void)fputc('\n', file);
	const char *actor = "";
	if (dp_tags_stop(w->tags, &stop, &d->exchange, dp_network_of(w->chain)))
		actor = dp_tags_text(w->tags, stop.tag->actor);
	if (actor[0] != 0) {
		(void)fputs("  actor: ", file);
		put_quoted(file, actor);
		(void)fputc('\n', file);
	}
	put_context(file, w, d);
}

static void print_text(const dp_who *w, const dp_deposit *d)
{
	char addr[DP_ADDR_TEXT_MAX], exchange[DP_ADDR_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	char tag_text[DP_TAG_LINE_MAX] = "";
	dp_tag_stop stop;
	dp_addr_format(addr, &d->addr, w->chain);
	dp_addr_format(exchange, &d->exchange, w->chain);
	if (dp_tags_stop(w->tags, &stop, &d->exchange, dp_network_of(w->chain)))
		dp_tags_line(w->tags, tag_text, stop.tag);
	dp_txid_format(id, d->out[0].txid, w->chain);
	(void)printf(
	    "%s  %s\n  passed on %llu of %llu from %llu sender%s%s, first in %s\n  to %s\n", addr,
	    d->is_exclusive ? "sends to nobody else" : "sends to others, too",
	    (unsigned long long)d->pairs, (unsigned long long)d->ins,
	    (unsigned long long)d->senders, d->senders == 1 ? "" : "s",
	    d->is_cut ? " (the beginning of its history)" : "", id, exchange);
	(void)printf("  %s\n", tag_text);
}

static void print_json(dp_who *w, const dp_deposit *d)
{
	dp_json_out *o = &w->json;
	char text[DP_ADDR_TEXT_MAX];
	dp_json_object(o);
	dp_json_key(o, "address");
	dp_json_string(o, dp_cli_addr_text(text, &d->addr, w->chain));
	dp_json_key(o, "inferred");
	dp_json_boolean(o, true);
	dp_json_key(o, "exchange");
	dp_json_string(o, dp_cli_addr_text(text, &d->exchange, w->chain));
	dp_json_key(o, "label");
	dp_json_string(o, dp_who_label(w, &d->exchange));
	dp_json_key(o, "pairs");
	dp_json_uint(o, d->pairs);
	dp_json_key(o, "in");
	dp_json_uint(o, d->ins);
	dp_json_key(o, "out");
	dp_json_uint(o, d->outs);
	dp_json_key(o, "senders");
	dp_json_uint(o, d->senders);
	dp_json_key(o, "exclusive");
	dp_json_boolean(o, d->is_exclusive);
	dp_json_key(o, "evidence");
	dp_json_array(o);
	for (uint32_t i = 0; i < d->evidence_count; i++) {
		dp_json_object(o);
		dp_who_json_evidence(w, "in", &d->in[i]);
		dp_who_json_evidence(w, "out", &d->out[i]);
		dp_json_object_end(o);
	}
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static dp_code list_deposit(void *context, const dp_deposit *d, dp_fault *fault)
{
	struct listing *list = context;
	(void)fault;
	list->count++;
	// Following ends at tags: who pays others, too, must not become one, or a thief would hide
	// what he moves on behind one payment to an exchange.
	if (list->file != NULL && d->is_exclusive && !d->is_cut) {
		put_tag(list->file, list->w, d);
		list->written++;
	}
	if (list->w->format == DP_FORMAT_JSON)
		print_json(list->w, d);
	else
		print_text(list->w, d);
	return DP_OK;
}

static dp_code list_all(struct listing *list, dp_fault *fault)
{
	dp_who *w = list->w;
	if (w->format == DP_FORMAT_JSON) dp_json_array(&w->json);
	DP_TRY(dp_account_deposits(w->ledger, &w->options, list_deposit, list, fault));
	if (w->format == DP_FORMAT_JSON) {
		dp_json_array_end(&w->json);
		return dp_json_finish(&w->json);
	}
	if (list->count == 0)
		(void)puts("no deposit addresses are inferred: nobody passes on what it gets to a "
		           "tagged wallet of an exchange");
	return DP_OK;
}

// Written beside the path first: a file that is there is whole.
dp_code dp_who_deposits(dp_who *w, const char *export_path, dp_fault *fault)
{
	struct listing list = {.w = w};
	char path[DP_PATH_MAX];
	DP_CHECK(w != NULL && w->chain->kind == DP_CHAIN_ACCOUNT);
	if (export_path == NULL) return list_all(&list, fault);
	int n = snprintf(path, sizeof path, "%s.part", export_path);
	if (n < 0 || (size_t)n >= sizeof path)
		return dp_fail(fault, DP_BAD_CASE, "the name of the file to write is too long");
	list.file = fopen(path, "w");
	if (list.file == NULL)
		return dp_fail(fault, DP_IO, "cannot write %s: %s", path, strerror(errno));
	head_of_pack(list.file, w);
	dp_code code = list_all(&list, fault);
	// A pack without tags is none: "tags:" with nothing behind it is no list.
	bool failed = fflush(list.file) != 0 || ferror(list.file) != 0;
	failed = fclose(list.file) != 0 || failed;
	if (code == DP_OK && failed)
		code = dp_fail(fault, DP_IO, "cannot write %s: %s", path, strerror(errno));
	if (code == DP_OK && list.written == 0)
		code = dp_fail(fault, DP_NOT_FOUND,
		               "no deposit addresses are inferred that send to nobody else: %s is "
		               "not written",
		               export_path);
	if (code == DP_OK && rename(path, export_path) != 0)
		code = dp_fail(fault, DP_IO, "cannot write %s: %s", export_path, strerror(errno));
	if (code != DP_OK) (void)unlink(path);
	return code;
}

//- pairs -----------------------------------------------------------------------------------------

static dp_code list_pair(void *context, const dp_account_pair *pair, dp_fault *fault)
{
	struct listing *list = context;
	dp_who *w = list->w;
	char a[DP_ADDR_TEXT_MAX], b[DP_ADDR_TEXT_MAX], through[DP_ADDR_TEXT_MAX];
	char first[DP_TXID_TEXT_MAX], second[DP_TXID_TEXT_MAX];
	const char *why = dp_heuristic_name((dp_heuristic)pair->heuristic);
	(void)fault;
	list->count++;
	dp_cli_addr_text(a, &pair->a, w->chain);
	dp_cli_addr_text(b, &pair->b, w->chain);
	dp_cli_addr_text(through, &pair->through, w->chain);
	dp_txid_format(first, pair->first.txid, w->chain);
	dp_txid_format(second, pair->second.txid, w->chain);
	if (w->format != DP_FORMAT_JSON) {
		(void)printf("%s = %s  inferred: %s%s%s\n  %s\n", a, b, why,
		             through[0] != 0 ? " through " : "", through, first);
		if (strcmp(first, second) != 0) (void)printf("  %s\n", second);
		return DP_OK;
	}
	const char *const field[][2] = {{"a", a},           {"b", b},
	                                {"heuristic", why}, {"through", through},
	                                {"first", first},   {"second", second}};
	dp_json_object(&w->json);
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		dp_json_key(&w->json, field[i][0]);
		dp_json_string(&w->json, field[i][1]);
	}
	dp_json_object_end(&w->json);
	return DP_OK;
}

dp_code dp_who_pairs(dp_who *w, dp_fault *fault)
{
	struct listing list = {.w = w};
	DP_CHECK(w != NULL && w->chain->kind == DP_CHAIN_ACCOUNT);
	if (w->format == DP_FORMAT_JSON) dp_json_array(&w->json);
	DP_TRY(dp_account_pairs(w->ledger, &w->options, list_pair, &list, fault));
	if (w->format == DP_FORMAT_JSON) {
		dp_json_array_end(&w->json);
		return dp_json_finish(&w->json);
	}
	if (list.count == 0) (void)puts("no pairs of accounts are inferred");
	return DP_OK;
}

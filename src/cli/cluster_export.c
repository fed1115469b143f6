// The TagPack of `dyepack cluster --export`: what a tag that speaks of a whole entity
// (is_cluster_definer) lets one infer of the other members of its cluster.
//
// Each tag says that it is inferred, from which tagged address, by which heuristic and transaction,
// and has the lowest confidence but one (heuristic): whoever reads it later must be able to tell it
// from a fact. Texts of others are written as JSON strings, which are YAML, so that nothing in them
// can be taken for more than a text.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cluster.h"
#include "codec/time.h"

enum { CONTEXT_MAX = 600, LABEL_MAX = 600 };

struct exporting {
	dp_cluster_ask *k;
	FILE *file;
	uint64_t count;
	const dp_tag_record *tag; // that defines the cluster
	char from[DP_ADDR_TEXT_MAX];
	dp_code code;
	dp_fault *fault;
};

static void put_field(FILE *file, const char *name, const char *text)
{
	dp_json_out o = {.write = dp_cli_write, .context = file};
	if (text[0] == 0) return;
	(void)fprintf(file, "    %s: ", name);
	dp_json_string(&o, text);
	(void)fputc('\n', file);
}

static void put_head(const struct exporting *x)
{
	dp_ledger_totals totals;
	char day[DP_TIME_TEXT_MAX];
	dp_ledger_totals_get(x->k->ledger, &totals);
	dp_time_format(day, totals.blocks > 0 ? totals.time_last : 0);
	(void)fprintf(x->file,
	              "title: Addresses inferred by dyepack from clusters\n"
	              "creator: dyepack\n"
	              "description: Members of clusters with a tag that speaks of the whole "
	              "entity, up to block %llu\n"
	              "lastmod: %.10s\n"
	              "currency: %s\n"
	              "confidence: heuristic\n"
	              "is_cluster_definer: false\n"
	              "source: dyepack cluster\n"
	              "tags:\n",
	              (unsigned long long)totals.height_last, day,
	              dp_network_of(x->k->chain)->name);
}

static dp_code put_member(void *context, const dp_cluster_reason *r, dp_fault *fault)
{
	struct exporting *x = context;
	const dp_tags *tags = x->k->tags;
	char addr[DP_ADDR_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	char why[CONTEXT_MAX], label[LABEL_MAX];
	(void)fault;
	(void)dp_cli_addr_text(addr, &r->a, x->k->chain);
	(void)dp_txid_format(id, r->txid, x->k->chain);
	(void)snprintf(label, sizeof label, "%.500s (inferred)", dp_tags_text(tags, x->tag->label));
	(void)snprintf(why, sizeof why,
	               "{\"inferred\":true,\"from\":\"%s\",\"heuristic\":\"%s\",\"tx\":\"%s\","
	               "\"height\":%llu}",
	               x->from, dp_heuristic_name((dp_heuristic)r->heuristic), id,
	               (unsigned long long)r->height);
	(void)fprintf(x->file, "  - address: \"%s\"\n", addr);
	put_field(x->file, "label", label);
	put_field(x->file, "category", dp_tags_text(tags, x->tag->category));
	put_field(x->file, "abuse", dp_tags_text(tags, x->tag->abuse));
	put_field(x->file, "actor", dp_tags_text(tags, x->tag->actor));
	put_field(x->file, "context", why);
	x->count++;
	return DP_OK;
}

// The surest tag of this very chain that speaks of the entity and was not inferred itself: what is
// inferred from what was inferred would look like a second witness.
static bool export_place(void *context, const dp_addr *addr, const dp_tag_record *tag,
                         uint32_t count)
{
	struct exporting *x = context;
	uint32_t i = 0;
	while (i < count &&
	       ((tag[i].flags & DP_TAGF_CLUSTER) == 0 || (tag[i].flags & DP_TAGF_INFERRED) != 0 ||
	        dp_tags_match(&tag[i], dp_network_of(x->k->chain)) != DP_MATCH_EXACT))
		i++;
	if (i == count) return true;
	x->tag = &tag[i];
	(void)dp_cli_addr_text(x->from, addr, x->k->chain);
	x->code = dp_cluster_reasons(x->k->cluster, addr, put_member, x, x->fault);
	if (x->code == DP_NOT_FOUND) x->code = DP_OK; // not an address of this ledger
	return x->code == DP_OK;
}

dp_code dp_cluster_export(dp_cluster_ask *k, uint64_t *ret_count, const char *path, dp_fault *fault)
{
	struct exporting x = {.k = k, .fault = fault};
	char part[DP_PATH_MAX];
	DP_CHECK(k != NULL && ret_count != NULL && path != NULL);
	int n = snprintf(part, sizeof part, "%s.part", path);
	if (n < 0 || (size_t)n >= sizeof part)
		return dp_fail(fault, DP_BAD_CASE, "the name of the file to write is too long");
	x.file = fopen(part, "w");
	if (x.file == NULL)
		return dp_fail(fault, DP_IO, "cannot write %s: %s", part, strerror(errno));
	put_head(&x);
	dp_tags_each(k->tags, export_place, &x);
	bool failed = fflush(x.file) != 0 || ferror(x.file) != 0;
	failed = fclose(x.file) != 0 || failed;
	dp_code code = x.code;
	if (code == DP_OK && failed)
		code = dp_fail(fault, DP_IO, "cannot write %s: %s", part, strerror(errno));
	// A pack without tags is none: "tags:" with nothing behind it is no list.
	if (code == DP_OK && x.count == 0)
		code = dp_fail(fault, DP_NOT_FOUND,
		               "no cluster has a tag that speaks of the whole of it "
		               "(is_cluster_definer) and other members: %s is not written",
		               path);
	if (code == DP_OK && rename(part, path) != 0)
		code = dp_fail(fault, DP_IO, "cannot write %s: %s", path, strerror(errno));
	if (code != DP_OK) (void)unlink(part);
	if (code == DP_OK) *ret_count = x.count;
	return code;
}

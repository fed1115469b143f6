// The TagPack of `dyepack cluster --export`: what a tag that speaks of a whole entity
// (is_cluster_definer) lets one infer of the other members of its cluster.
//
// Each tag says that it is inferred, from which tagged address, by which heuristic and transaction,
// and has the lowest confidence but one (heuristic): whoever reads it later must be able to tell it
// from a fact. A cluster whose tags name two owners is left out. Texts of others are written as
// JSON strings, which are YAML, so that nothing in them can be taken for more than a text.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cluster.h"
#include "codec/time.h"

enum { CONTEXT_MAX = 600, LABEL_MAX = 600, DEFINERS_MAX = 1 << 26 };

// A tag that speaks of the whole of its cluster.
struct definer {
	const dp_tag_record *tag;
	dp_addr addr;
	uint32_t cluster, order;
};

struct exporting {
	dp_cluster_ask *k;
	FILE *file;
	uint64_t count;
	struct definer *definer;
	uint64_t definers, cap;
	uint64_t contradicted;    // clusters
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

// A tag of this very chain that speaks of the entity, stands on its list still, and was not
// inferred itself: what is inferred from what was inferred would look like a second witness.
static bool is_defining(const dp_cluster_ask *k, const dp_tag_record *tag)
{
	return (tag->flags & DP_TAGF_CLUSTER) != 0 && (tag->flags & DP_TAGF_INFERRED) == 0 &&
	       tag->gone == 0 && dp_tags_match(tag, dp_network_of(k->chain)) == DP_MATCH_EXACT;
}

static dp_code put_member(void *context, const dp_cluster_reason *r, dp_fault *fault)
{
	struct exporting *x = context;
	const dp_tags *tags = x->k->tags;
	char addr[DP_ADDR_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	char why[CONTEXT_MAX], label[LABEL_MAX];
	uint32_t count;
	const dp_tag_record *own = dp_tags_find(tags, &r->a, &count);
	(void)fault;
	for (uint32_t i = 0; i < count; i++) // who is named needs nobody to infer it
		if (is_defining(x->k, &own[i])) return DP_OK;
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

static bool collect_place(void *context, const dp_addr *addr, const dp_tag_record *tag,
                          uint32_t count)
{
	struct exporting *x = context;
	struct definer d = {.addr = *addr};
	uint64_t size;
	bool is_known = false;
	for (uint32_t i = 0; i < count && x->code == DP_OK; i++) {
		if (!is_defining(x->k, &tag[i])) continue;
		if (!is_known)
			x->code = dp_cluster_key(x->k->cluster, &d.cluster, &size, addr, x->fault);
		if (x->code == DP_OK && size < 2) break; // nobody to infer anything of
		is_known = x->code == DP_OK;
		void *items = x->definer;
		if (is_known)
			x->code = dp_grow(&items, &x->cap, sizeof *x->definer, x->definers + 1,
			                  DEFINERS_MAX, x->fault);
		if (x->code != DP_OK) break;
		x->definer = items;
		d.tag = &tag[i];
		d.order = (uint32_t)x->definers;
		x->definer[x->definers++] = d;
	}
	if (x->code == DP_NOT_FOUND) x->code = DP_OK; // not an address of this ledger
	return x->code == DP_OK;
}

// By cluster, the surest first.
static int by_cluster(const void *a, const void *b)
{
	const struct definer *x = a, *y = b;
	if (x->cluster != y->cluster) return x->cluster > y->cluster ? 1 : -1;
	if (x->tag->confidence != y->tag->confidence)
		return x->tag->confidence > y->tag->confidence ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

// The same actor; where one of them names none, the same label. (Equal texts are kept once.)
static bool is_same_entity(const dp_tag_record *a, const dp_tag_record *b)
{
	return a->actor != 0 && b->actor != 0 ? a->actor == b->actor : a->label == b->label;
}

// Tags that name two owners of one cluster: one of the tags or a union is false, and which nobody
// can tell here. To infer both of everybody would be worse than to infer nothing.
static void tell_contradiction(struct exporting *x, const struct definer *a,
                               const struct definer *b)
{
	char one[DP_ADDR_TEXT_MAX], other[DP_ADDR_TEXT_MAX];
	char line[DP_TAG_LINE_MAX], other_line[DP_TAG_LINE_MAX];
	if (x->contradicted++ > 0) return;
	(void)dp_cli_addr_text(one, &a->addr, x->k->chain);
	(void)dp_cli_addr_text(other, &b->addr, x->k->chain);
	(void)dp_tags_line(x->k->tags, line, a->tag);
	(void)dp_tags_line(x->k->tags, other_line, b->tag);
	(void)fprintf(
	    stderr,
	    "dyepack: warning: tags name two owners of one cluster: %s %.120s; %s %.120s: "
	    "nothing is inferred from it (--why tells what joins them)\n",
	    one, line, other, other_line);
}

// Each cluster once, from the surest of its tags: a tag for each other member.
static dp_code put_clusters(struct exporting *x, dp_fault *fault)
{
	if (x->definers > 1) qsort(x->definer, x->definers, sizeof *x->definer, by_cluster);
	for (uint64_t i = 0, end; i < x->definers; i = end) {
		const struct definer *d = &x->definer[i], *strange = NULL;
		for (end = i + 1; end < x->definers; end++) {
			const struct definer *e = &x->definer[end];
			if (e->cluster != d->cluster) break;
			if (strange == NULL && !is_same_entity(e->tag, d->tag)) strange = e;
		}
		if (strange != NULL) {
			tell_contradiction(x, d, strange);
			continue;
		}
		x->tag = d->tag;
		(void)dp_cli_addr_text(x->from, &d->addr, x->k->chain);
		DP_TRY(dp_cluster_reasons(x->k->cluster, &d->addr, put_member, x, fault));
	}
	if (x->contradicted > 1)
		(void)fprintf(stderr, "dyepack: warning: so it is with %llu clusters in all\n",
		              (unsigned long long)x->contradicted);
	return DP_OK;
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
	dp_tags_each(k->tags, collect_place, &x);
	if (x.code == DP_OK) x.code = put_clusters(&x, fault);
	dp_free(x.definer);
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

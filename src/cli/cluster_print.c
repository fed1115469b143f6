// What `dyepack cluster` prints, see cluster.c. Text for people, one JSON document for programs.
//
// A tag on a member is somebody's statement about that member. That it says something about the
// other members is inferred, and the reasons are printed with it: the unions from the address that
// was asked for to the member with the tag.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cluster.h"

enum { TAGS_SHOWN = 20, REASONS_SHOWN = 50 };

static void json_text(dp_json_out *o, const char *key, const char *text)
{
	dp_json_key(o, key);
	dp_json_string(o, text);
}

static void json_count(dp_json_out *o, const char *key, uint64_t count)
{
	dp_json_key(o, key);
	dp_json_uint(o, count);
}

static bool is_json(const dp_cluster_ask *k)
{
	return k->format == DP_FORMAT_JSON;
}

//- tags ------------------------------------------------------------------------------------------

// The surest tag of an address of this chain; NULL: none.
static const dp_tag_record *tag_of(const dp_cluster_ask *k, const dp_addr *addr)
{
	uint32_t count;
	const dp_tag_record *t = dp_tags_find(k->tags, addr, &count);
	for (uint32_t i = 0; i < count; i++)
		if (dp_tags_match(&t[i], dp_network_of(k->chain)) != DP_MATCH_NONE) return &t[i];
	return NULL;
}

static void print_tag(dp_cluster_ask *k, const dp_addr *addr, const dp_tag_record *tag)
{
	char line[DP_TAG_LINE_MAX], text[DP_ADDR_TEXT_MAX];
	(void)dp_tags_line(k->tags, line, tag);
	(void)dp_cli_addr_text(text, addr, k->chain);
	if (!is_json(k)) {
		(void)printf("    %s  %s\n", text, line);
		return;
	}
	dp_json_object(&k->json);
	json_text(&k->json, "address", text);
	json_text(&k->json, "label", dp_tags_text(k->tags, tag->label));
	json_text(&k->json, "category", dp_tags_text(k->tags, tag->category));
	json_text(&k->json, "source", dp_tags_text(k->tags, tag->source));
	json_count(&k->json, "confidence", tag->confidence);
	dp_json_key(&k->json, "inferred");
	dp_json_boolean(&k->json, (tag->flags & DP_TAGF_INFERRED) != 0);
	json_text(&k->json, "text", line);
	dp_json_object_end(&k->json);
}

//- totals ----------------------------------------------------------------------------------------

// The surest tag on any member, and how many members have one.
struct tagged {
	const dp_cluster_ask *k;
	const dp_tag_record *tag;
	dp_addr addr;
	uint64_t tags;
};

static dp_code first_tag(void *context, const dp_addr *member, dp_fault *fault)
{
	struct tagged *w = context;
	(void)fault;
	const dp_tag_record *tag = tag_of(w->k, member);
	if (tag == NULL) return DP_OK;
	w->tags++;
	if (w->tag != NULL && w->tag->confidence >= tag->confidence) return DP_OK;
	w->tag = tag;
	w->addr = *member;
	return DP_OK;
}

static dp_code print_large(void *context, const dp_addr *name, uint64_t size, dp_fault *fault)
{
	dp_cluster_ask *k = context;
	char text[DP_ADDR_TEXT_MAX], line[DP_TAG_LINE_MAX] = "";
	struct tagged w = {.k = k};
	(void)dp_cli_addr_text(text, name, k->chain);
	if (dp_tags_count(k->tags) > 0)
		DP_TRY(dp_cluster_members(k->cluster, name, first_tag, &w, fault));
	if (w.tag != NULL) (void)dp_tags_line(k->tags, line, w.tag);
	if (is_json(k)) {
		dp_json_object(&k->json);
		json_text(&k->json, "name", text);
		json_count(&k->json, "size", size);
		json_count(&k->json, "tagged_members", w.tags);
		if (w.tag != NULL) {
			dp_json_key(&k->json, "tag");
			print_tag(k, &w.addr, w.tag);
		}
		dp_json_object_end(&k->json);
		return DP_OK;
	}
	(void)printf("  %10llu  %s%s%s", (unsigned long long)size, text, line[0] != 0 ? "  " : "",
	             line);
	if (w.tags > 1) (void)printf(" and %llu more", (unsigned long long)(w.tags - 1));
	(void)putchar('\n');
	return DP_OK;
}

static void totals_text(const dp_cluster_ask *k, const dp_cluster_totals *t)
{
	(void)printf("%s up to block %llu: %llu addresses in %llu clusters, %llu of several\n",
	             k->chain->name, (unsigned long long)t->height_last,
	             (unsigned long long)t->addresses, (unsigned long long)t->clusters,
	             (unsigned long long)t->clusters_many);
	if (k->chain->kind == DP_CHAIN_ACCOUNT) {
		(void)printf("%llu unions by deposit addresses and airdrops\n",
		             (unsigned long long)t->unions);
		(void)puts("Clusters are inferred: who behaves as one, not who was shown to be "
		           "the same.");
		return;
	}
	(void)printf("%llu unions by %llu transactions' signatures%s%s; %llu CoinJoins left out",
	             (unsigned long long)t->unions, (unsigned long long)t->txs,
	             k->options.change != 0 ? " and change: " : "",
	             k->options.change != 0 ? k->change_text : "",
	             (unsigned long long)t->coinjoins);
	if (t->undone > 0) (void)printf("; %llu undone", (unsigned long long)t->undone);
	(void)puts(
	    "\nClusters are inferred: who signs together, not who was shown to be the same.");
}

static void totals_json(dp_cluster_ask *k, const dp_cluster_totals *t)
{
	dp_json_out *o = &k->json;
	dp_ledger_totals ledger;
	dp_ledger_totals_get(k->ledger, &ledger);
	dp_json_object(o);
	json_text(o, "chain", k->chain->name);
	dp_json_key(o, "inferred");
	dp_json_boolean(o, true);
	json_text(o, "change", k->change_text != NULL ? k->change_text : "");
	json_count(o, "height", t->height_last);
	dp_json_key(o, "from_beginning"); // or heuristics that ask what is new cannot know
	dp_json_boolean(o, ledger.from_beginning);
	json_count(o, "transactions", t->txs);
	json_count(o, "addresses", t->addresses);
	json_count(o, "clusters", t->clusters);
	json_count(o, "clusters_of_several", t->clusters_many);
	json_count(o, "largest", t->largest);
	json_count(o, "unions", t->unions);
	json_count(o, "coinjoins_left_out", t->coinjoins);
	json_count(o, "undone", t->undone);
	json_count(o, "memory_bytes", t->memory);
	json_count(o, "file_bytes", t->bytes);
}

dp_code dp_cluster_print_totals(dp_cluster_ask *k, dp_fault *fault)
{
	dp_cluster_totals t;
	DP_CHECK(k != NULL && k->cluster != NULL);
	dp_cluster_totals_get(k->cluster, &t);
	uint64_t max = k->limit == 0 ? DP_CLUSTER_LARGEST_MAX : k->limit;
	if (max > DP_CLUSTER_LARGEST_MAX) max = DP_CLUSTER_LARGEST_MAX;
	if (max > t.clusters_many) max = t.clusters_many; // the greatest of one are nothing to tell
	if (is_json(k)) {
		totals_json(k, &t);
		dp_json_key(&k->json, "greatest");
		dp_json_array(&k->json);
	} else {
		totals_text(k, &t);
		if (max > 0) (void)puts("\n   addresses  cluster");
	}
	DP_TRY(dp_cluster_largest(k->cluster, (uint32_t)max, print_large, k, fault));
	if (!is_json(k)) return DP_OK;
	dp_json_array_end(&k->json);
	dp_json_object_end(&k->json);
	return DP_OK;
}

//- one cluster -----------------------------------------------------------------------------------

struct visit {
	dp_cluster_ask *k;
	uint64_t seen, tagged;
	dp_addr best; // the tagged member to give reasons to
	uint8_t confidence;
};

static dp_code print_member(void *context, const dp_addr *member, dp_fault *fault)
{
	struct visit *v = context;
	char text[DP_ADDR_TEXT_MAX];
	(void)fault;
	if (v->k->limit != 0 && v->seen++ >= v->k->limit) return DP_END;
	(void)dp_cli_addr_text(text, member, v->k->chain);
	if (is_json(v->k))
		dp_json_string(&v->k->json, text);
	else
		(void)printf("    %s\n", text);
	return DP_OK;
}

static dp_code print_tagged(void *context, const dp_addr *member, dp_fault *fault)
{
	struct visit *v = context;
	const dp_tag_record *tag = tag_of(v->k, member);
	(void)fault;
	if (tag == NULL) return DP_OK;
	if (v->tagged++ == 0 && !is_json(v->k)) (void)puts("  tags that others put on members:");
	if (v->tagged == 1 || tag->confidence > v->confidence) {
		v->best = *member;
		v->confidence = tag->confidence;
	}
	if (is_json(v->k) || v->k->limit == 0 || v->tagged <= TAGS_SHOWN)
		print_tag(v->k, member, tag);
	return DP_OK;
}

static dp_code print_reason(void *context, const dp_cluster_reason *r, dp_fault *fault)
{
	struct visit *v = context;
	dp_cluster_ask *k = v->k;
	char a[DP_ADDR_TEXT_MAX], b[DP_ADDR_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	const char *name = dp_heuristic_name((dp_heuristic)r->heuristic);
	(void)fault;
	(void)dp_cli_addr_text(a, &r->a, k->chain);
	(void)dp_cli_addr_text(b, &r->b, k->chain);
	(void)dp_txid_format(id, r->txid, k->chain);
	if (is_json(k)) {
		dp_json_object(&k->json);
		json_text(&k->json, "a", a);
		json_text(&k->json, "b", b);
		json_text(&k->json, "heuristic", name);
		json_text(&k->json, "tx", id);
		json_count(&k->json, "height", r->height);
		dp_json_object_end(&k->json);
		return DP_OK;
	}
	if (k->limit == 0 || v->seen++ < REASONS_SHOWN)
		(void)printf("    %s = %s  %s in block %llu\n      %s\n", a, b, name,
		             (unsigned long long)r->height, id);
	return DP_OK;
}

static dp_code print_reasons(dp_cluster_ask *k, const dp_addr *addr, const dp_addr *to,
                             dp_fault *fault)
{
	struct visit v = {.k = k};
	char text[DP_ADDR_TEXT_MAX];
	(void)dp_cli_addr_text(text, to, k->chain);
	if (is_json(k)) {
		json_text(&k->json, "reasons_to", text);
		dp_json_key(&k->json, "reasons");
		dp_json_array(&k->json);
	} else if (!dp_addr_eq(addr, to)) {
		(void)printf("  inferred to be one with %s, because:\n", text);
	}
	DP_TRY(dp_cluster_why(k->cluster, addr, to, print_reason, &v, fault));
	if (is_json(k))
		dp_json_array_end(&k->json);
	else if (v.seen > REASONS_SHOWN && k->limit != 0)
		(void)printf("    and %llu more unions (--limit 0 prints all)\n",
		             (unsigned long long)(v.seen - REASONS_SHOWN));
	return DP_OK;
}

static dp_code print_members(dp_cluster_ask *k, const dp_addr *addr, uint64_t size, struct visit *v,
                             dp_fault *fault)
{
	dp_json_out *o = &k->json;
	if (is_json(k)) {
		dp_json_key(o, "members");
		dp_json_array(o);
	} else {
		(void)puts("  members:");
	}
	dp_code code = dp_cluster_members(k->cluster, addr, print_member, v, fault);
	if (code != DP_OK && code != DP_END) return code;
	if (is_json(k)) {
		dp_json_array_end(o);
		dp_json_key(o, "tags");
		dp_json_array(o);
	} else if (code == DP_END) {
		(void)printf("    and %llu more (--limit 0 prints all)\n",
		             (unsigned long long)(size - k->limit));
	}
	if (dp_tags_count(k->tags) > 0)
		DP_TRY(dp_cluster_members(k->cluster, addr, print_tagged, v, fault));
	if (is_json(k)) dp_json_array_end(o);
	return DP_OK;
}

dp_code dp_cluster_print(dp_cluster_ask *k, const dp_addr *addr, const dp_addr *why,
                         dp_fault *fault)
{
	dp_addr name;
	uint64_t size;
	struct visit v = {.k = k};
	char text[DP_ADDR_TEXT_MAX], name_text[DP_ADDR_TEXT_MAX];
	DP_CHECK(k != NULL && addr != NULL);
	DP_TRY(dp_cluster_of(k->cluster, &name, &size, addr, fault));
	(void)dp_cli_addr_text(text, addr, k->chain);
	(void)dp_cli_addr_text(name_text, &name, k->chain);
	if (is_json(k)) {
		dp_json_object(&k->json);
		json_text(&k->json, "address", text);
		json_text(&k->json, "cluster", name_text);
		json_count(&k->json, "size", size);
		dp_json_key(&k->json, "inferred");
		dp_json_boolean(&k->json, true);
	} else {
		(void)printf("%s\n  cluster %s, %llu address%s (inferred)\n", text, name_text,
		             (unsigned long long)size, size == 1 ? "" : "es");
	}
	DP_TRY(print_members(k, addr, size, &v, fault));
	const dp_addr *to = why != NULL ? why : v.tagged > 0 ? &v.best : &name;
	if (size > 1 || why != NULL) DP_TRY(print_reasons(k, addr, to, fault));
	if (is_json(k)) dp_json_object_end(&k->json);
	return DP_OK;
}

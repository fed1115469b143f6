// The graph for people, in Graphviz' language. A case has many leaves, wallets that received once
// and did nothing since; drawn one by one they hide the story. Leaves of one parent that got the
// same amount are one box; of the others the largest are drawn and the rest put together. The whole
// graph is what GraphML is for.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "link/leg.h"
#include "report/private.h"

enum { EQUAL_MIN = 3, LEAVES_SHOWN = 3, DRAWN_MAX = 400 };

// All movements from one party to another, added up. UTXO transactions are parties of their own:
// numbered behind the holders.
struct arrow {
	int64_t src, dst;
	dp_asset asset;
	dp_u256 units;
	uint32_t count;
};

struct drawing {
	const dp_result *r;
	dp_out o;
	struct arrow *arrow;
	uint32_t arrow_count;
	uint32_t *ins; // by holder number: distinct sources
	bool *drawn;   // by holder number: stands for itself
	uint32_t boxes;
};

// Links of one protocol are one node: what went in on one chain comes out of it on the other.
enum { LINKS0 = -1000 };

static int64_t link_party(const dp_result *r, const dp_result_edge *e)
{
	const char *name = e->passage == 0 ? "" : r->passage[e->passage - 1].protocol_name;
	for (uint32_t i = 0; dp_protocols[i] != NULL; i++)
		if (strcmp(dp_protocols[i]->name, name) == 0) return LINKS0 - 1 - (int64_t)i;
	return LINKS0; // a person's word
}

static int by_parties(const void *a, const void *b)
{
	const struct arrow *x = a, *y = b;
	if (x->src != y->src) return x->src < y->src ? -1 : 1;
	if (x->dst != y->dst) return x->dst < y->dst ? -1 : 1;
	return (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
}

// Leaves of one parent: largest first, equal amounts side by side.
static int by_units(const void *a, const void *b)
{
	const struct arrow *x = *(const struct arrow *const *)a;
	const struct arrow *y = *(const struct arrow *const *)b;
	int c = (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
	if (c == 0) c = dp_u256_cmp(y->units, x->units);
	return c != 0 ? c : (x->dst > y->dst) - (x->dst < y->dst);
}

static dp_code collect(struct drawing *d, dp_fault *fault)
{
	const dp_result *r = d->r;
	d->arrow = dp_alloc(((size_t)r->edge_count + 1) * sizeof *d->arrow);
	d->ins = dp_alloc(((size_t)r->node_count + 1) * sizeof *d->ins);
	d->drawn = dp_alloc(((size_t)r->node_count + 1) * sizeof *d->drawn);
	if (d->arrow == NULL || d->ins == NULL || d->drawn == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	int64_t tx = (int64_t)r->node_count;
	const char *last = "";
	for (uint32_t i = 0; i < r->edge_count; i++) {
		const dp_result_edge *e = &r->edge[i];
		struct arrow *a = &d->arrow[i];
		*a = (struct arrow){e->src, e->dst, e->asset, e->units, 1};
		if (e->src == DP_PARTY_CROSSING) a->src = link_party(r, e);
		if (e->dst == DP_PARTY_CROSSING) a->dst = link_party(r, e);
		if (e->src != DP_PARTY_TX && e->dst != DP_PARTY_TX) continue;
		if (strcmp(e->tx, last) != 0) tx++;
		last = e->tx;
		if (e->src == DP_PARTY_TX) a->src = tx;
		if (e->dst == DP_PARTY_TX) a->dst = tx;
	}
	qsort(d->arrow, r->edge_count, sizeof *d->arrow, by_parties);
	for (uint32_t i = 0; i < r->edge_count; i++) {
		struct arrow *to = d->arrow_count > 0 ? &d->arrow[d->arrow_count - 1] : NULL;
		if (to != NULL && by_parties(to, &d->arrow[i]) == 0) {
			to->units = dp_u256_add(to->units, d->arrow[i].units);
			to->count++;
			continue;
		}
		d->arrow[d->arrow_count++] = d->arrow[i];
	}
	for (uint32_t i = 0; i < d->arrow_count; i++) {
		int64_t dst = d->arrow[i].dst;
		if (dst > 0 && dst < r->node_count) d->ins[dst]++;
	}
	return DP_OK;
}

static bool is_leaf(const struct drawing *d, int64_t party)
{
	if (party <= 0 || party >= d->r->node_count) return false;
	return dp_u256_is_zero(d->r->node[party].sent) && d->ins[party] == 1;
}

static void name_of(char out[48], const struct drawing *d, int64_t party)
{
	if (party > 0 && party < d->r->node_count)
		(void)snprintf(out, 48, "h%" PRId64, party);
	else if (party > 0)
		(void)snprintf(out, 48, "t%" PRId64, party);
	else if (party == DP_PARTY_THEFT)
		(void)snprintf(out, 48, "theft");
	else if (party <= LINKS0)
		(void)snprintf(out, 48, "link%" PRId64, LINKS0 - party);
	else
		(void)snprintf(out, 48, "%s",
		               dp_bucket_name((dp_bucket)(DP_PARTY_BUCKET0 - party)));
}

static void amount_label(dp_out *o, dp_u256 units, dp_asset asset)
{
	char a[DP_AMOUNT_TEXT_MAX];
	dp_out_printf(o, "%s %s", dp_amount_short(a, units, asset, 2), dp_asset_symbol(asset));
}

static void draw_arrow(struct drawing *d, const char *to, int64_t src, dp_u256 units,
                       dp_asset asset, uint32_t count)
{
	char from[48];
	name_of(from, d, src);
	dp_out_printf(&d->o, "  %s -> %s [label=\"", from, to);
	amount_label(&d->o, units, asset);
	if (count > 1) dp_out_printf(&d->o, "\\nin %u transfers", count);
	dp_out_text(&d->o, "\"];\n");
}

// Several leaves as one box.
static void draw_box(struct drawing *d, struct arrow *const *a, uint32_t n, bool equal)
{
	char name[48];
	dp_u256 sum = DP_U256_ZERO;
	uint32_t transfers = 0;
	for (uint32_t i = 0; i < n; i++) {
		sum = dp_u256_add(sum, a[i]->units);
		transfers += a[i]->count;
	}
	(void)snprintf(name, sizeof name, "box%u", d->boxes++);
	dp_out_printf(&d->o, "  %s [shape=box3d, fillcolor=\"#fde8c8\", label=\"%u %swallets\\n",
	              name, n, equal ? "" : "more ");
	if (equal) dp_out_text(&d->o, "each exactly ");
	amount_label(&d->o, equal ? a[0]->units : sum, a[0]->asset);
	dp_out_text(&d->o, "\"];\n");
	draw_arrow(d, name, a[0]->src, sum, a[0]->asset, transfers);
}

static void draw_single(struct drawing *d, const struct arrow *a)
{
	char to[48];
	name_of(to, d, a->dst);
	if (a->dst > 0 && a->dst < d->r->node_count) d->drawn[a->dst] = true;
	if (a->src > 0 && a->src < d->r->node_count) d->drawn[a->src] = true;
	draw_arrow(d, to, a->src, a->units, a->asset, a->count);
}

// The arrows of one parent: what goes on is drawn, leaves are gathered.
static void draw_parent(struct drawing *d, struct arrow *first, uint32_t n, struct arrow **leaf)
{
	uint32_t leaves = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (first[i].src > 0 && is_leaf(d, first[i].dst))
			leaf[leaves++] = &first[i];
		else
			draw_single(d, &first[i]);
	}
	if (first->src > 0 && first->src < d->r->node_count) d->drawn[first->src] = true;
	if (leaves == 0) return;
	qsort(leaf, leaves, sizeof(struct arrow *), by_units);
	uint32_t shown = 0, kept = 0;
	for (uint32_t i = 0, end; i < leaves; i = end) {
		end = i + 1;
		while (end < leaves && leaf[end]->asset.v == leaf[i]->asset.v &&
		       dp_u256_eq(leaf[end]->units, leaf[i]->units))
			end++;
		if (end - i >= EQUAL_MIN) {
			draw_box(d, leaf + i, end - i, true);
			continue;
		}
		for (uint32_t j = i; j < end; j++) {
			if (shown < LEAVES_SHOWN) {
				draw_single(d, leaf[j]);
				shown++;
			} else {
				leaf[kept++] = leaf[j]; // kept <= j: read before written over
			}
		}
	}
	for (uint32_t i = 0, end; i < kept; i = end) {
		end = i + 1;
		while (end < kept && leaf[end]->asset.v == leaf[i]->asset.v) end++;
		if (end - i == 1)
			draw_single(d, leaf[i]);
		else
			draw_box(d, leaf + i, end - i, false);
	}
}

// Names can come from outside: nothing in them may end the string they stand in.
static void label(dp_out *o, const char *text)
{
	for (const char *p = text; *p != 0; p++) {
		char c[2] = {*p, 0};
		dp_out_text(o, *p == '"' || *p == '\\' || (unsigned char)*p < 0x20 ? "?" : c);
	}
}

static void draw_holder(struct drawing *d, uint32_t no)
{
	const dp_result_node *n = &d->r->node[no];
	char shorter[DP_SHORT_MAX];
	dp_u256 held =
	    dp_u256_lt(n->received, n->sent) ? DP_U256_ZERO : dp_u256_sub(n->received, n->sent);
	const char *name = n->address[0] != 0 ? n->address : n->outpoint;
	dp_out_printf(&d->o, "  h%u [fillcolor=\"%s\", label=\"", no,
	              n->holds ? "#fde8c8" : "#eeeeee");
	label(&d->o, dp_address_short(shorter, name));
	dp_out_text(&d->o, "\\n");
	if (n->holds) {
		dp_out_text(&d->o, "still there: ");
		amount_label(&d->o, held, n->asset);
	} else {
		dp_out_printf(&d->o, "passed on %s", dp_asset_symbol(n->asset));
	}
	dp_out_text(&d->o, "\", tooltip=\"");
	label(&d->o, name);
	dp_out_text(&d->o, "\"];\n");
}

enum { LINKS_MAX = 64 }; // protocols, and one more

static void draw_link(struct drawing *d, int64_t party, bool io_link[LINKS_MAX])
{
	char name[48];
	int64_t i = LINKS0 - party;
	DP_CHECK(i >= 0 && i < LINKS_MAX);
	io_link[i] = true;
	name_of(name, d, party);
	dp_out_printf(&d->o, "  %s [shape=diamond, fillcolor=\"#e3d7f5\", label=\"%s\"];\n", name,
	              i == 0 ? "accepted link\\n(a person's word)" : dp_protocols[i - 1]->title);
}

static void draw_fixed(struct drawing *d)
{
	bool used[DP_BUCKET_COUNT] = {false}, link[LINKS_MAX] = {false};
	for (uint32_t i = 0; i < d->arrow_count; i++) {
		const int64_t ends[2] = {d->arrow[i].src, d->arrow[i].dst};
		for (int k = 0; k < 2; k++) {
			int64_t b = DP_PARTY_BUCKET0 - ends[k];
			if (ends[k] <= LINKS0 && !link[LINKS0 - ends[k]])
				draw_link(d, ends[k], link);
			if (ends[k] < 0 && b > 0 && b < DP_BUCKET_COUNT) used[b] = true;
			if (ends[k] >= d->r->node_count)
				dp_out_printf(&d->o, "  t%" PRId64 " [shape=point, label=\"\"];\n",
				              ends[k]);
		}
	}
	dp_out_text(&d->o, "  theft [shape=octagon, fillcolor=\"#c0392b\", fontcolor=white, "
	                   "label=\"theft\"];\n");
	for (int b = 1; b < DP_BUCKET_COUNT; b++) {
		if (!used[b]) continue;
		const char *name = dp_bucket_name((dp_bucket)b);
		bool claim = b == DP_BUCKET_UNRESOLVED && d->r->link_count > 0;
		dp_out_printf(&d->o, "  %s [shape=%s, fillcolor=\"#d5e8f7\", label=\"%s\"];\n",
		              name, claim ? "diamond" : "folder",
		              claim ? "accepted link\\n(a person's word)" : name);
	}
}

static dp_code draw(struct drawing *d, dp_fault *fault)
{
	DP_TRY(collect(d, fault));
	struct arrow **leaf = dp_alloc(((size_t)d->arrow_count + 1) * sizeof(struct arrow *));
	if (leaf == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_out_printf(&d->o,
	              "digraph dyepack {\n"
	              "  graph [rankdir=LR, fontname=\"Helvetica\", labelloc=t, fontsize=18, "
	              "ranksep=0.9, nodesep=0.25];\n"
	              "  node [shape=box, style=\"filled,rounded\", fontname=\"Helvetica\", "
	              "fontsize=11];\n"
	              "  edge [fontname=\"Helvetica\", fontsize=9, color=\"#7f8c8d\"];\n");
	draw_fixed(d);
	uint32_t drawn = 0;
	for (uint32_t i = 0, end; i < d->arrow_count; i = end) {
		end = i + 1;
		while (end < d->arrow_count && d->arrow[end].src == d->arrow[i].src) end++;
		if (drawn++ < DRAWN_MAX) draw_parent(d, &d->arrow[i], end - i, leaf);
	}
	for (uint32_t no = 1; no < d->r->node_count; no++)
		if (d->drawn[no]) draw_holder(d, no);
	dp_free(leaf);
	dp_out_printf(&d->o, "  label=\"%s: %s", d->r->c.incident, d->r->chain[0].chain->name);
	for (uint32_t i = 1; i < d->r->chain_count; i++)
		dp_out_printf(&d->o, " and %s", d->r->chain[i].chain->name);
	dp_out_printf(&d->o, ", policy %s", d->r->policy->name);
	if (drawn > DRAWN_MAX)
		dp_out_printf(&d->o, "; %u of %u senders drawn, the whole graph is in the GraphML",
		              DRAWN_MAX, drawn);
	dp_out_text(&d->o, "\";\n}\n");
	return d->o.code;
}

dp_code dp_report_dot(const dp_result *r, const dp_sink *w, dp_fault *fault)
{
	DP_CHECK(r != NULL && w != NULL);
	struct drawing d = {.r = r, .o = {.w = w, .fault = fault}};
	dp_code code = draw(&d, fault);
	dp_free(d.arrow);
	dp_free(d.ins);
	dp_free(d.drawn);
	return code;
}

// The whole graph as GraphML, for programs: a node for each holder, transaction (UTXO) and bucket,
// an edge for each flow. Amounts are strings, because wei overflow GraphML's long.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/time.h"
#include "report/private.h"

// XML text. Control characters cannot stand in XML 1.0 at all.
static void escaped(dp_out *o, const char *text)
{
	for (const char *p = text; *p != 0; p++) {
		char c[2] = {*p, 0};
		switch (*p) {
		case '&': dp_out_text(o, "&amp;"); break;
		case '<': dp_out_text(o, "&lt;"); break;
		case '>': dp_out_text(o, "&gt;"); break;
		case '"': dp_out_text(o, "&quot;"); break;
		default: dp_out_text(o, (unsigned char)*p < 0x20 ? "?" : c);
		}
	}
}

static void data(dp_out *o, const char *key, const char *value)
{
	dp_out_printf(o, "<data key=\"%s\">", key);
	escaped(o, value);
	dp_out_text(o, "</data>");
}

// What went into a link and came out of it meet at a node of their own, named by the link's key.
static void party(dp_out *o, const dp_result *r, int64_t p, const dp_result_edge *e)
{
	const char *tx = e->tx;
	if (p == DP_PARTY_CROSSING)
		dp_out_printf(o, "x%s", e->passage == 0 ? "" : r->passage[e->passage - 1].key);
	else if (p > 0)
		dp_out_printf(o, "h%" PRId64, p);
	else if (p == DP_PARTY_TX)
		dp_out_printf(o, "t%s", tx);
	else if (p == DP_PARTY_THEFT)
		dp_out_text(o, "theft");
	else
		dp_out_text(o, dp_bucket_name((dp_bucket)(DP_PARTY_BUCKET0 - p)));
}

static void head(dp_out *o)
{
	static const char *const keys[][3] = {
	    {"kind", "node", "string"},     {"address", "node", "string"},
	    {"outpoint", "node", "string"}, {"asset", "node", "string"},
	    {"hop", "node", "int"},         {"since", "node", "string"},
	    {"received", "node", "string"}, {"sent", "node", "string"},
	    {"easset", "edge", "string"},   {"amount", "edge", "string"},
	    {"tx", "edge", "string"},       {"height", "edge", "string"},
	    {"time", "edge", "string"},     {"chain", "node", "string"},
	    {"protocol", "node", "string"}, {"link", "edge", "string"},
	};
	dp_out_text(o, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	               "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		dp_out_printf(o, "<key id=\"%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n",
		              keys[i][0], keys[i][1],
		              strcmp(keys[i][0], "easset") == 0 ? "asset" : keys[i][0], keys[i][2]);
}

static int by_key(const void *a, const void *b)
{
	const dp_result_passage *x = *(const dp_result_passage *const *)a;
	const dp_result_passage *y = *(const dp_result_passage *const *)b;
	return strcmp(x->key, y->key);
}

// One node for each link that an edge goes into or comes out of.
static void links(dp_out *o, const dp_result *r)
{
	const dp_result_passage **p = dp_alloc(((size_t)r->edge_count + 1) * sizeof *p);
	if (p == NULL) {
		if (o->code == DP_OK) o->code = dp_fail(o->fault, DP_NO_MEMORY, "out of memory");
		return;
	}
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->edge_count; i++) {
		const dp_result_edge *e = &r->edge[i];
		if (e->passage != 0 && (e->src == DP_PARTY_CROSSING || e->dst == DP_PARTY_CROSSING))
			p[n++] = &r->passage[e->passage - 1];
	}
	qsort(p, n, sizeof *p, by_key);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(p[i]->key, p[i - 1]->key) == 0) continue;
		dp_out_text(o, "<node id=\"x");
		escaped(o, p[i]->key);
		dp_out_text(o, "\"><data key=\"kind\">link</data>");
		if (p[i]->protocol_name[0] != 0) data(o, "protocol", p[i]->protocol_name);
		dp_out_text(o, "</node>\n");
	}
	dp_free(p);
}

static void nodes(dp_out *o, const dp_result *r)
{
	_Static_assert((int)DP_U256_DEC_MAX <= (int)DP_ASSET_TEXT_MAX, "one buffer for both");
	char text[DP_ASSET_TEXT_MAX];
	dp_out_text(o, "<node id=\"theft\"><data key=\"kind\">theft</data></node>\n");
	for (int b = 1; b < DP_BUCKET_COUNT; b++)
		dp_out_printf(o, "<node id=\"%s\"><data key=\"kind\">bucket</data></node>\n",
		              dp_bucket_name((dp_bucket)b));
	for (uint32_t i = 1; i < r->node_count; i++) {
		const dp_result_node *n = &r->node[i];
		if (n->no == 0 || dp_u256_is_zero(n->received)) continue;
		dp_out_printf(o, "<node id=\"h%u\">", n->no);
		data(o, "kind", n->hub ? "hub" : "holder");
		data(o, "address", n->address);
		if (n->outpoint[0] != 0) data(o, "outpoint", n->outpoint);
		data(o, "asset", dp_asset_caip(text, n->asset));
		if (r->chain_count > 1) data(o, "chain", n->chain->caip2);
		dp_out_printf(o, "<data key=\"hop\">%u</data>", n->hop);
		char when[DP_TIME_TEXT_MAX];
		dp_time_format(when, n->since_time);
		data(o, "since", when);
		dp_u256_format(text, n->received, 0);
		data(o, "received", text);
		dp_u256_format(text, n->sent, 0);
		data(o, "sent", text);
		dp_out_text(o, "</node>\n");
	}
	const char *last = "";
	for (uint32_t i = 0; i < r->edge_count; i++) {
		const dp_result_edge *e = &r->edge[i];
		if ((e->src != DP_PARTY_TX && e->dst != DP_PARTY_TX) || strcmp(e->tx, last) == 0)
			continue;
		last = e->tx;
		dp_out_printf(o, "<node id=\"t%s\"><data key=\"kind\">transaction</data></node>\n",
		              e->tx);
	}
	links(o, r);
}

dp_code dp_report_graphml(const dp_result *r, const dp_sink *w, dp_fault *fault)
{
	dp_out o = {.w = w, .fault = fault};
	head(&o);
	dp_out_text(&o, "<graph id=\"");
	escaped(&o, r->c.incident);
	dp_out_text(&o, "\" edgedefault=\"directed\">\n");
	nodes(&o, r);
	for (uint32_t i = 0; i < r->edge_count; i++) {
		const dp_result_edge *e = &r->edge[i];
		char text[DP_ASSET_TEXT_MAX], when[DP_TIME_TEXT_MAX];
		dp_out_printf(&o, "<edge id=\"e%u\" source=\"", i);
		party(&o, r, e->src, e);
		dp_out_text(&o, "\" target=\"");
		party(&o, r, e->dst, e);
		dp_out_text(&o, "\">");
		data(&o, "easset", dp_asset_caip(text, e->asset));
		dp_u256_format(text, e->units, 0);
		data(&o, "amount", text);
		if (e->tx[0] != 0) data(&o, "tx", e->tx);
		dp_out_printf(&o, "<data key=\"height\">%" PRIu64 "</data>", e->height);
		dp_time_format(when, e->time);
		data(&o, "time", when);
		if (e->passage != 0)
			data(&o, "link",
			     dp_link_kind_name((dp_link_kind)r->passage[e->passage - 1].kind));
		dp_out_text(&o, "</edge>\n");
	}
	dp_out_text(&o, "</graph>\n</graphml>\n");
	return o.code;
}

// dyepack list: what this build knows, printed from the tables in the code.
#include <string.h>

#include "base/nearest.h"
#include "chain/asset.h"
#include "cli/cli.h"
#include "cli/ledger_source.h"
#include "link/leg.h"
#include "link/match.h"
#include "shape/coinjoin.h"
#include "source/source.h"
#include "tag/tag.h"
#include "tag/taxonomy.h"
#include "taint/policy.h"
#include "technique/fingerprint.h"
#include "technique/rule.h"

static const char usage[] =
    "Usage: dyepack list TOPIC\n\n"
    "Prints what this build knows, one to a line. Topics:\n"
    "  sources     where blocks can come from, and what each can do\n"
    "  policies    how stolen money is told apart\n"
    "  chains      the ledgers that can be followed\n"
    "  assets      coins and genuine tokens\n"
    "  lists       kinds of tag files that can be read\n"
    "  categories  kinds of places: where following ends, and what screening makes of it\n"
    "  networks    the names by which tag files call ledgers\n"
    "  coinjoins   the rules that recognise CoinJoins\n"
    "  links       swaps, bridges, mixers, freezes: what each proves, and from which data\n"
    "  swappers    services without a proof: by which times and fees they are matched\n"
    "  typologies  shapes of money flow: what each is, its settings and what it tells\n"
    "  features    numbers of a flow's fingerprint\n"
    "  techniques  how known thieves launder ('dyepack technique' says more)\n";

enum { WIDTH = 92, INDENT = 13, LINE_MAX = 400, NAME_WIDTH = 18, TECHNIQUE_WIDTH = 24 };

// Words behind what stands in `column` of the line, broken before WIDTH; the next lines begin at
// `indent`.
static void print_words(int column, int indent, const char *text)
{
	while (*text != 0) {
		int n = (int)strcspn(text, " ");
		if (column + 1 + n > WIDTH) column = printf("\n%*s", indent - 1, "") - 1;
		column += printf(" %.*s", n, text);
		text += n;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

// Prints words from column INDENT on.
static void print_wrapped(const char *head, const char *text)
{
	print_words(printf("%-*s%s", INDENT, "", head), INDENT + 2, text);
}

static void print_source(const dp_source_kind *k)
{
	char can[200] = "";
	size_t n = 0;
	for (uint32_t bit = 0; bit < 32 && n < sizeof can; bit++) {
		if ((k->can >> bit & 1) == 0) continue;
		int wrote = snprintf(can + n, sizeof can - n, "%s%s", n == 0 ? "" : ", ",
		                     dp_source_can_text((uint32_t)1 << bit));
		n += wrote > 0 ? (size_t)wrote : 0;
	}
	print_words(printf("%-*s", INDENT - 1, k->name), INDENT + 2, k->summary);
	print_wrapped("recognised:", k->looks_like);
	print_wrapped("gives:", k->gives);
	print_wrapped("can:", n == 0 ? "nothing beyond its rows" : can);
}

static void list_sources(void)
{
	for (int i = 0; dp_source_kinds[i] != NULL; i++) print_source(dp_source_kinds[i]);
	print_source(&dp_cli_ledger_kind);
}

static void list_policies(void)
{
	for (int i = 0; dp_policies[i] != NULL; i++)
		(void)printf("%-10s %s\n           source: %s\n", dp_policies[i]->name,
		             dp_policies[i]->summary, dp_policies[i]->source);
}

static void list_chains(void)
{
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		const dp_chain *c = dp_chain_at(i);
		(void)printf("%-14s %-46s %s\n", c->name, c->caip2,
		             c->kind == DP_CHAIN_UTXO ? "coins (UTXO)" : "accounts");
	}
}

static void list_assets(void)
{
	for (uint16_t i = 1; i <= dp_asset_count(); i++) {
		const dp_asset_info *a = dp_asset_info_of((dp_asset){i});
		char caip[DP_ASSET_TEXT_MAX];
		dp_asset_caip19(caip, a->id);
		(void)printf("%-8s %2u %-62s %s%s%s\n", a->symbol, a->decimals, caip, a->name,
		             a->issuer[0] != 0 ? "; can be frozen by " : "", a->issuer);
	}
}

static void list_tag_files(void)
{
	for (uint32_t i = 0; i < dp_tag_reader_count(); i++)
		(void)printf("%-14s %s\n", dp_tag_reader_at(i)->name, dp_tag_reader_at(i)->summary);
}

static void list_categories(void)
{
	static const char *const stops[] = {
	    [DP_FOLLOW] = "", [DP_STOP_SERVICE] = "ends a trace", [DP_STOP_MIXER] = "ends a trace"};
	for (uint16_t i = 1; i <= dp_concept_count(); i++) {
		const dp_concept *c = dp_concept_at(i);
		const char *risk =
		    c->risk == DP_CLASS_NONE ? "" : dp_risk_class_name((dp_risk_class)c->risk);
		int n = printf("%-26s %-12s", c->name, stops[c->stop]);
		if (risk[0] != 0) n += printf("  %-10s", risk);
		if (c->parent[0] != 0)
			(void)printf("%*sa kind of %s", n < 53 ? 53 - n : 2, "", c->parent);
		(void)putchar('\n');
	}
}

static void list_networks(void)
{
	for (uint16_t i = 1; i <= dp_network_count(); i++) {
		const dp_network *n = dp_network_at(i);
		(void)printf("%-10s %-14s %s\n", n->name, n->chain != NULL ? n->chain->name : "",
		             n->aliases);
	}
}

static void list_coinjoins(void)
{
	for (uint32_t i = 0; i < DP_CJR_COUNT; i++)
		(void)printf("%s\n", dp_coinjoin_rule_name((dp_coinjoin_rule)i));
}

static void list_links(void)
{
	for (int i = 0; dp_protocols[i] != NULL; i++) {
		const dp_protocol *p = dp_protocols[i];
		(void)printf("%-*s%s\n", INDENT, p->name, p->title);
		print_wrapped("proves:", p->proves);
		print_wrapped("read from:", p->data);
		print_wrapped("certainty:", p->is_deterministic
		                                ? "a key that both sides have: proven"
		                                : "no key: what comes out is inferred, or never");
	}
	(void)printf("\nSwaps inside a transaction need no protocol: what each party lost and "
	             "gained tells it.\nServices that prove nothing: 'dyepack list swappers'.\n");
}

static void list_swappers(void)
{
	for (const dp_match_model *m = dp_match_models; m->name != NULL; m++) {
		(void)printf("%-*s%s\n", INDENT, m->name, m->title);
		(void)printf(
		    "%*swindow: %lld to %lld s, fees: %u.%02u to %u.%02u %% and up to %u USD\n",
		    INDENT, "", (long long)m->t_min, (long long)m->t_max, m->fee_min / 10000,
		    m->fee_min / 100 % 100, m->fee_max / 10000, m->fee_max / 100 % 100,
		    m->fixed_cents / 100);
		print_wrapped("source:", m->source);
	}
}

static void print_typology(const dp_typology *t)
{
	char line[LINE_MAX], normal[DP_NUMBER_SHOWN_MAX];
	int n = snprintf(line, sizeof line, "%s", t->title);
	for (uint32_t a = 0; a < 4 && t->aadapt[a] != NULL; a++)
		n += snprintf(line + n, sizeof line - (size_t)n, "%s%s", a == 0 ? "; " : " ",
		              t->aadapt[a]);
	(void)snprintf(line + n, sizeof line - (size_t)n, "%s",
	               t->case_only ? " (in cases only)" : "");
	print_words(printf("%-*s", NAME_WIDTH, t->name), NAME_WIDTH + 1, line);
	print_wrapped("is:", t->text);
	for (uint32_t p = 0; p < DP_PARAMS_MAX && t->param[p].name != NULL; p++) {
		dp_number_shown(normal, t->param[p].unit, t->param[p].normal);
		(void)snprintf(line, sizeof line, "%s (%s): %s", t->param[p].name, normal,
		               t->param[p].text);
		print_wrapped("with", line);
	}
	for (uint32_t f = 0; f < DP_FACTS_MAX && t->fact[f].name != NULL; f++) {
		(void)snprintf(line, sizeof line, "%s: %s", t->fact[f].name, t->fact[f].text);
		print_wrapped("tells", line);
	}
}

static void list_typologies(void)
{
	uint32_t count;
	const dp_typology *const *row = dp_typologies(&count);
	for (uint32_t i = 0; i < count; i++) print_typology(row[i]);
}

static void list_features(void)
{
	uint32_t count;
	const dp_feature *feature = dp_features(&count);
	for (uint32_t i = 0; i < count; i++) {
		(void)printf("%s\n", feature[i].name);
		print_wrapped("is:", feature[i].text);
	}
}

static void list_techniques(void)
{
	dp_technique_set set = {0};
	dp_fault fault = {0};
	if (dp_technique_add_builtin(&set, &fault) != DP_OK) (void)dp_cli_fault(&fault);
	for (uint64_t i = 0; i < set.count; i++)
		print_words(printf("%-*s", TECHNIQUE_WIDTH, set.technique[i].id),
		            TECHNIQUE_WIDTH + 1, set.technique[i].title);
	dp_technique_set_done(&set);
}

int dp_cmd_list(int argc, char **argv)
{
	static const dp_option options[] = {{NULL, NULL, NULL, NULL, NULL}};
	static const char *const topics[] = {
	    "sources",   "policies", "chains",   "assets",     "lists",    "categories", "networks",
	    "coinjoins", "links",    "swappers", "typologies", "features", "techniques", NULL};
	static void (*const print[])(void) = {
	    list_sources,    list_policies, list_chains,    list_assets, list_tag_files,
	    list_categories, list_networks, list_coinjoins, list_links,  list_swappers,
	    list_typologies, list_features, list_techniques};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1)
		return dp_cli_misuse(
		    "list", "name one of sources, policies, chains, assets, lists, "
		            "categories, networks, coinjoins, links, swappers, typologies, "
		            "features, techniques");
	for (int i = 0; topics[i] != NULL; i++)
		if (strcmp(argv[1], topics[i]) == 0) {
			print[i]();
			return DP_EXIT_DONE;
		}
	const char *near = dp_nearest(argv[1], strlen(argv[1]), topics);
	return dp_cli_misuse("list", "nothing to list under '%s'%s%s%s", argv[1],
	                     near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                     near != NULL ? "'?" : "");
}

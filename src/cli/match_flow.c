// See match.h.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/address.h"
#include "cli/match.h"

enum { PATH_BYTES_MAX = 4096, MINE_EDGES_MAX = 1 << 24, UNDO_NONE = 0 };

//- rules -----------------------------------------------------------------------------------------

dp_code dp_cli_technique_add(dp_technique_set *io_set, const char *path, dp_fault *fault)
{
	uint8_t *bytes;
	size_t size;
	dp_code code = dp_cli_read_file(path, &bytes, &size, DP_TECHNIQUE_BYTES_MAX, fault);
	if (code == DP_LIMIT)
		return dp_fail(fault, DP_LIMIT, "%.200s: larger than a technique may be (1 MiB)",
		               path);
	DP_TRY(code);
	code = dp_technique_add(io_set, path, (const char *)bytes, size, fault);
	dp_free(bytes);
	return code;
}

static dp_code add_visited(void *context, const char *path, dp_fault *fault)
{
	return dp_cli_technique_add(context, path, fault);
}

// A pipe or a device in a folder of rules would be waited for without end.
static bool is_readable_kind(const struct dirent *e)
{
	return e->d_type == DT_REG || e->d_type == DT_LNK || e->d_type == DT_DIR ||
	       e->d_type == DT_UNKNOWN;
}

static int is_rule(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	if (!is_readable_kind(e)) return 0;
	return e->d_name[0] != '.' && ((n > 5 && strcmp(e->d_name + n - 5, ".yaml") == 0) ||
	                               (n > 4 && strcmp(e->d_name + n - 4, ".yml") == 0));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

dp_code dp_cli_technique_files(const char *path, dp_cli_technique_visit *visit, void *context,
                               dp_fault *fault)
{
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return visit(context, path, fault);
	struct dirent **list;
	int count = scandir(path, &list, is_rule, by_name);
	if (count < 0) return dp_fail(fault, DP_IO, "%s: cannot be read", path);
	dp_code code = DP_OK;
	for (int i = 0; i < count; i++) {
		char file[PATH_BYTES_MAX];
		int n = snprintf(file, sizeof file, "%s/%s", path, list[i]->d_name);
		if (code == DP_OK && n >= (int)sizeof file)
			code = dp_fail(fault, DP_LIMIT, "%.100s: too long a name", path);
		if (code == DP_OK) code = visit(context, file, fault);
		free(list[i]); // scandir's own
	}
	free(list);
	if (code == DP_OK && count == 0)
		code = dp_fail(fault, DP_NOT_FOUND, "%s: no technique (*.yaml) in it", path);
	return code;
}

dp_code dp_cli_techniques(dp_technique_set *ret_set, const char *const *path, bool no_builtin,
                          dp_fault *fault)
{
	dp_technique_set set = {0};
	dp_code code = no_builtin ? DP_OK : dp_technique_add_builtin(&set, fault);
	for (uint32_t i = 0; path != NULL && path[i] != NULL && code == DP_OK; i++)
		code = dp_cli_technique_files(path[i], add_visited, &set, fault);
	if (code == DP_OK && set.count == 0)
		code = dp_fail(fault, DP_NOT_FOUND,
		               "no technique to compare with: name some with "
		               "--techniques");
	if (code != DP_OK) {
		dp_technique_set_done(&set);
		return code;
	}
	*ret_set = set;
	return DP_OK;
}

//- flows -----------------------------------------------------------------------------------------

static dp_code new_mine(dp_cli_flow *f, const dp_instance *instance, uint32_t count,
                        uint32_t edges_max, dp_fault *fault)
{
	const dp_mine_options o = {.instance = instance,
	                           .instance_count = count,
	                           .edges_max = edges_max,
	                           .is_case = true,
	                           .undo_edges = UNDO_NONE};
	return dp_mine_new(&f->mine, &o, fault);
}

// A fault in the case's text has a line, and a casebook holds many texts.
static dp_code name_case(dp_code code, const char *path, const char *incident, dp_fault *fault)
{
	char place[DP_FAULT_FILE_MAX];
	(void)snprintf(place, sizeof place, "%.140s, case '%.80s'", path, incident);
	if (code != DP_NO_MEMORY) dp_fault_file(fault, place);
	return code;
}

dp_code dp_cli_flow_of_case(dp_cli_flow *ret_flow, dp_casebook *cb, const char *path,
                            const char *incident, const dp_instance *instance, uint32_t count,
                            dp_fault *fault)
{
	dp_cli_flow f = {.cb = cb, .subject = incident};
	uint64_t fed;
	dp_code code = new_mine(&f, instance, count, MINE_EDGES_MAX, fault);
	if (code == DP_OK) code = dp_case_feed_new(&f.feed, cb, incident, NULL, f.mine, fault);
	if (code == DP_NOT_FOUND) {
		code = dp_casebook_unknown_case(dp_casebook_db(cb), incident, fault);
		dp_fault_file(fault, path);
	}
	if (code == DP_OK) code = dp_case_feed_more(f.feed, &fed, fault);
	if (code == DP_OK && dp_graph_first(dp_mine_graph(f.mine)) > 1)
		code =
		    dp_fail(fault, DP_LIMIT, "more than %d transfers in the case", MINE_EDGES_MAX);
	if (code != DP_OK) {
		dp_cli_flow_done(&f);
		return name_case(code, path, incident, fault);
	}
	f.theft_time = dp_case_feed_theft_time(f.feed);
	f.has_theft_time = f.theft_time != 0;
	f.now = dp_case_feed_now(f.feed);
	// Whoever is named a service was tagged or stated; who is not may still be one.
	f.knows = DP_KNOWS_ALL;
	if (!dp_case_feed_has_links(f.feed))
		f.knows &= ~(uint32_t)(DP_KNOWS_SWAPS | DP_KNOWS_BRIDGES | DP_KNOWS_MIXERS);
	f.knows &= ~dp_case_feed_unknown(f.feed);
	*ret_flow = f;
	return DP_OK;
}

// Whoever forgets to name the case would be told that his casebook is no text.
static bool is_casebook(const char *path)
{
	char head[16];
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
	FILE *file = fopen(path, "rb");
	if (file == NULL) return false;
	bool is = fread(head, 1, sizeof head, file) == sizeof head &&
	          memcmp(head, "SQLite format 3", sizeof head) == 0;
	(void)fclose(file);
	return is;
}

// Lists are made for a whole theft and edges for a part of it, so some may be missing from the
// edges; not all.
static dp_code check_sources(const dp_flow *f, const char *folder, const char *file,
                             dp_fault *fault)
{
	char place[DP_FAULT_FILE_MAX];
	uint64_t listed = dp_flow_sources_listed(f);
	for (uint32_t i = 0; i < dp_flow_party_count(f); i++)
		if (dp_flow_party_at(f, i)->is_source) return DP_OK;
	if (listed == 0) return DP_OK; // feeding says what is missing
	dp_code code =
	    dp_fail(fault, DP_BAD_CASE,
	            "of the %llu address%s that it lists as sources none is in the edges",
	            (unsigned long long)listed, listed == 1 ? "" : "es");
	(void)snprintf(place, sizeof place, "%.220s%s", file != NULL ? file : folder,
	               file != NULL ? "" : "/sources.csv");
	dp_fault_file(fault, place);
	return code;
}

static bool has_end(const dp_flow *f)
{
	for (uint32_t i = 0; i < dp_flow_party_count(f); i++)
		if (dp_flow_party_at(f, i)->is_terminal) return true;
	return false;
}

dp_code dp_cli_flow_of_files(dp_cli_flow *ret_flow, const char *path, const char *sources,
                             const char *terminals, const dp_instance *instance, uint32_t count,
                             dp_fault *fault)
{
	dp_cli_flow f = {.subject = path};
	const dp_flow_options o = {0};
	struct stat st;
	if (is_casebook(path))
		return dp_fail(fault, DP_BAD_CASE,
		               "%.200s is a casebook: name the CASE in it, too, behind it", path);
	bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	bool is_alone = is_folder && sources == NULL && terminals == NULL;
	dp_code code = is_alone ? dp_flow_open(&f.flow, path, &o, fault)
	                        : dp_flow_read(&f.flow, path, sources, terminals, &o, fault);
	if (code == DP_OK && dp_flow_edges_needed(f.flow) == 0)
		code = dp_fail(fault, DP_NOT_FOUND, "%.200s: there is no transfer in this flow",
		               path[0] != 0 ? path : "''");
	if (code == DP_OK)
		code = new_mine(&f, instance, count, dp_flow_edges_needed(f.flow), fault);
	if (code == DP_OK) code = check_sources(f.flow, path, is_alone ? NULL : sources, fault);
	if (code == DP_OK) {
		code = dp_flow_feed(f.flow, f.mine, fault);
		if (code == DP_BAD_CASE) dp_fault_file(fault, path);
	}
	if (code != DP_OK) {
		dp_cli_flow_done(&f);
		return code;
	}
	uint32_t edges = dp_flow_edge_count(f.flow);
	f.now = edges == 0 ? 0 : dp_flow_edge_at(f.flow, edges - 1)->time;
	// Wallets, labels and dollars; what was swapped, or crossed a bridge and came out, no.
	// Coins have no price here: nobody says what they were worth.
	// Without a list of its ends nobody says which of them is a service.
	f.knows = has_end(f.flow) ? DP_KNOWS_SERVICES : 0;
	if (dp_flow_asset(f.flow) == NULL) f.knows |= DP_KNOWS_PRICES;
	*ret_flow = f;
	return DP_OK;
}

dp_code dp_cli_flow_finish(dp_cli_flow *f, dp_fault *fault)
{
	DP_TRY(dp_mine_finish(f->mine, f->now, fault));
	dp_fingerprint_options o = {
	    .theft_time = f->theft_time, .has_theft_time = f->has_theft_time, .now = f->now};
	uint32_t *ends = NULL;
	if (f->flow != NULL) {
		const dp_graph *g = dp_mine_graph(f->mine);
		uint32_t count = dp_flow_own_ends(f->flow, g, NULL, 0);
		ends = dp_alloc(((size_t)count + 1) * sizeof *ends);
		if (ends == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		o.terminal_count = dp_flow_own_ends(f->flow, g, ends, count);
		o.terminal = ends;
	}
	dp_code code = dp_fingerprint_of(&f->print, dp_mine_graph(f->mine), &o, fault);
	dp_free(ends);
	f->has_print = code == DP_OK;
	return code;
}

void dp_cli_flow_done(dp_cli_flow *f)
{
	dp_case_feed_free(f->feed);
	dp_flow_free(f->flow);
	dp_mine_free(f->mine);
	*f = (dp_cli_flow){0};
}

//- evidence --------------------------------------------------------------------------------------

// Millionths of a dollar, to the cent.
static void dollars(char out[128], uint64_t millionths)
{
	char whole[24], grouped[32];
	int n = snprintf(whole, sizeof whole, "%llu", (unsigned long long)(millionths / 1000000));
	int at = 0;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) grouped[at++] = ',';
		grouped[at++] = whole[i];
	}
	grouped[at] = 0;
	(void)snprintf(out, 128, "$%s.%02llu", grouped,
	               (unsigned long long)(millionths / 10000 % 100));
}

// Billionths of a coin, without the noughts behind.
static void coins(char out[128], uint64_t billionths, const char *asset)
{
	char part[16];
	int n =
	    snprintf(part, sizeof part, ".%09llu", (unsigned long long)(billionths % 1000000000));
	while (part[n - 1] == '0') n--;
	if (part[n - 1] == '.') n--;
	part[n] = 0;
	(void)snprintf(out, 128, "%llu%s%s%.90s", (unsigned long long)(billionths / 1000000000),
	               part, asset[0] != 0 ? " " : "", asset);
}

dp_code dp_cli_flow_row(void *context, dp_likeness_row *ret_row, uint64_t ref, dp_fault *fault)
{
	dp_cli_flow *f = context;
	if (f->flow != NULL) {
		DP_CHECK(ref < dp_flow_edge_count(f->flow));
		const dp_flow_edge *e = dp_flow_edge_at(f->flow, (uint32_t)ref);
		*ret_row = (dp_likeness_row){.chain = "",
		                             .tx = dp_flow_tx_text(f->flow, (uint32_t)ref),
		                             .from = dp_flow_party_at(f->flow, e->src)->address,
		                             .to = dp_flow_party_at(f->flow, e->dst)->address,
		                             .time = e->time};
		const char *asset = dp_flow_asset(f->flow);
		if (asset == NULL)
			dollars(ret_row->amount, e->amount);
		else
			coins(ret_row->amount, e->amount, asset);
		return DP_OK;
	}
	dp_case_row row;
	DP_TRY(dp_case_feed_row(f->feed, &row, ref, fault));
	*ret_row = (dp_likeness_row){.chain = row.chain != NULL ? row.chain->name : "",
	                             .tx = row.tx,
	                             .from = row.from,
	                             .to = row.to,
	                             .time = row.time};
	dp_case_row_amount(ret_row->amount, &row);
	return DP_OK;
}

dp_judge_input dp_cli_flow_input(const dp_cli_flow *f)
{
	return (dp_judge_input){.mine = f->mine,
	                        .print = f->has_print ? &f->print : NULL,
	                        .has_theft_time = f->has_theft_time,
	                        .theft_time = f->theft_time,
	                        .now = f->now,
	                        .has_loot = true,
	                        .knows = f->knows};
}

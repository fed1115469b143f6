// dyepack match: whose technique is it? A case, or a flow that somebody verified by hand, held
// against all techniques that are known; its fingerprint beside those of known incidents; and what
// infrastructure it shares with others.
#include "cli/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/builtin.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "casebook/sql.h"
#include "cli/ledger_common.h"

// incidents/*/fingerprint.json, put into the program by the build (tools/embed).
extern const dp_builtin_file dp_builtin_prints[];
extern const uint32_t dp_builtin_print_count;

static const char usage[] =
    "Usage: dyepack match CASEBOOK CASE [options]\n"
    "       dyepack match FLOW [options]\n\n"
    "Says which known laundering techniques the flow of CASE (an incident's name) resembles, how\n"
    "much, on which evidence and with what doubt. FLOW is a folder with edges.csv, sources.csv "
    "and\n"
    "terminals.csv, or such a list of transfers itself: a flow that somebody verified by hand.\n";

enum { NAMES_MAX = 10000, PRINT_BYTES_MAX = DP_FINGERPRINT_SIZE_MAX };

typedef enum match_format { MATCH_TEXT, MATCH_JSON, MATCH_STIX } match_format;

typedef struct match {
	const char *techniques[DP_CLI_REPEAT_MAX + 1], *prints[DP_CLI_REPEAT_MAX + 1];
	const char *only, *format_name, *sources, *terminals;
	const char *ledgers[DP_CLI_REPEAT_MAX + 1];
	dp_cli_tags tags_from;
	bool no_builtin, all, findings, print_only;
	match_format format;
	const char *path, *incident; // incident NULL: a flow of files
	dp_casebook *cb;
	dp_technique_set set;
	dp_cli_flow flow;  // the first mine's
	dp_cli_flow *more; // further mines, for many techniques
	uint64_t more_cap;
	uint32_t more_count;
	dp_likeness_item *item;
	uint64_t item_cap;
	uint32_t item_count;
	dp_tags *tags;
	dp_case_uses uses;
	dp_witness *witness; // NULL: no ledger to ask
	dp_case_funders *funders;
	dp_use *flow_uses; // of a flow of files
	uint32_t flow_use_count;
	dp_overlaps overlaps;
	dp_fingerprint *known;
	dp_likeness_near *near;
	uint32_t near_count;
} match;

//- the flow, and every technique -----------------------------------------------------------------

static dp_code open_flow(match *m, dp_cli_flow *ret_flow, const dp_instance *instance,
                         uint32_t count, dp_fault *fault)
{
	if (m->incident != NULL)
		DP_TRY(dp_cli_flow_of_case(ret_flow, m->cb, m->path, m->incident, instance, count,
		                           fault));
	else
		DP_TRY(dp_cli_flow_of_files(ret_flow, m->path, m->sources, m->terminals, instance,
		                            count, fault));
	dp_code code = dp_cli_flow_finish(ret_flow, fault);
	if (code != DP_OK) dp_cli_flow_done(ret_flow);
	return code;
}

// Judges techniques `first` to `end` - 1 by a flow's mine.
static dp_code judge(match *m, const dp_cli_flow *flow, uint64_t first, uint64_t end,
                     dp_fault *fault)
{
	dp_judge_input input = dp_cli_flow_input(flow);
	input.overlaps = m->tags != NULL ? &m->overlaps : NULL;
	input.their_uses = m->uses.theirs;
	input.attribution = m->uses.attribution;
	input.attribution_count = m->uses.attribution_count;
	dp_judge *j;
	DP_TRY(dp_judge_new(&j, &input, fault));
	dp_code code = DP_OK;
	for (uint64_t i = first; i < end && code == DP_OK; i++) {
		const dp_technique *t = &m->set.technique[i];
		if (m->only != NULL && strcmp(m->only, t->id) != 0) continue;
		code = dp_grow((void **)&m->item, &m->item_cap, sizeof *m->item,
		               (uint64_t)m->item_count + 1, DP_TECHNIQUES_MAX, fault);
		if (code != DP_OK) break;
		dp_judge_technique(j, &m->item[m->item_count].likeness, t);
		m->item[m->item_count++].mine = flow->mine;
	}
	dp_judge_free(j);
	return code;
}

static int likest_first(const void *a, const void *b)
{
	const dp_likeness_item *x = a, *y = b;
	if (x->likeness.value != y->likeness.value)
		return x->likeness.value < y->likeness.value ? 1 : -1;
	return strcmp(x->likeness.technique->id, y->likeness.technique->id);
}

//- what others have in common with it ------------------------------------------------------------

// The other cases of the casebook.
static dp_code compare_cases(match *m, dp_fault *fault)
{
	const dp_case_side mine = {m->flow.feed, m->flow.mine, m->incident};
	sqlite3 *db = dp_casebook_db(m->cb);
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(
	    db, &s, "select distinct incident from cases where incident<>? order by 1", fault));
	dp_sql_text(s, 1, m->incident);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		const char *name = dp_arena_text(&m->uses.arena, dp_sql_get_text(s, 0),
		                                 strlen(dp_sql_get_text(s, 0)));
		dp_cli_flow other;
		if (name == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
		if (code == DP_OK)
			code = dp_cli_flow_of_case(&other, m->cb, m->path, name, NULL, 0, fault);
		if (code != DP_OK) break;
		const dp_case_side theirs = {other.feed, other.mine, name};
		code = m->funders == NULL
		           ? dp_case_uses_common(&m->uses, &mine, &theirs, fault)
		           : dp_case_funders_common(m->funders, &m->uses, &mine, &theirs, fault);
		dp_cli_flow_done(&other);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// Before anything long: a folder that is no ledger is a slip of the hand.
static dp_code open_ledgers(match *m, dp_fault *fault)
{
	if (m->ledgers[0] == NULL) return DP_OK;
	for (uint32_t i = 0; m->ledgers[i] != NULL; i++)
		m->ledgers[i] = dp_cli_ledger_folder(m->ledgers[i]);
	return dp_witness_open(&m->witness, m->ledgers, m->tags, fault);
}

// A flow that does not know its theft began with its first transfer, at the latest.
static int64_t begin_of(const dp_cli_flow *flow)
{
	const dp_graph *g = dp_mine_graph(flow->mine);
	if (flow->has_theft_time || dp_graph_last(g) == 0) return flow->theft_time;
	return dp_graph_edge(g, dp_graph_first(g))->time;
}

static dp_code find_overlaps(match *m, dp_fault *fault)
{
	if (m->incident != NULL) {
		const dp_case_side mine = {m->flow.feed, m->flow.mine, m->incident};
		DP_TRY(dp_case_uses_tagged(&m->uses, &mine, m->tags, fault));
		if (m->witness != NULL) {
			DP_TRY(dp_case_funders_new(&m->funders, m->witness, &mine, fault));
			DP_TRY(dp_case_funders_tagged(m->funders, &m->uses, &mine, m->tags, fault));
		}
		DP_TRY(compare_cases(m, fault));
	} else {
		DP_TRY(dp_overlap_uses_of_flow(&m->flow_uses, &m->flow_use_count, m->flow.flow,
		                               m->path, "", fault));
		DP_TRY(dp_case_uses_tagged_flow(&m->uses, m->flow_uses, m->flow_use_count, m->tags,
		                                begin_of(&m->flow), fault));
	}
	return dp_overlap_find(&m->overlaps, m->uses.mine, m->uses.mine_count, m->uses.theirs,
	                       m->uses.theirs_count, fault);
}

static int nearest_first(const void *a, const void *b)
{
	const dp_likeness_near *x = a, *y = b;
	if (x->distance.middle != y->distance.middle)
		return x->distance.middle < y->distance.middle ? -1 : 1;
	return strcmp(x->print->incident, y->print->incident);
}

static dp_code compare_prints(match *m, dp_fault *fault)
{
	uint32_t given = 0;
	while (m->prints[given] != NULL) given++;
	uint32_t count = dp_builtin_print_count + given;
	m->known = dp_alloc(((size_t)count + 1) * sizeof *m->known);
	m->near = dp_alloc(((size_t)count + 1) * sizeof *m->near);
	if (m->known == NULL || m->near == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < count; i++) {
		dp_fingerprint *print = &m->known[i];
		if (i < dp_builtin_print_count) {
			const dp_builtin_file *f = &dp_builtin_prints[i];
			DP_TRY(dp_fingerprint_parse(print, f->text, f->size, fault));
		} else {
			const char *path = m->prints[i - dp_builtin_print_count];
			uint8_t *bytes;
			size_t size;
			DP_TRY(dp_cli_read_file(path, &bytes, &size, PRINT_BYTES_MAX, fault));
			dp_code code =
			    dp_fingerprint_parse(print, (const char *)bytes, size, fault);
			dp_free(bytes);
			if (code != DP_OK) dp_fault_file(fault, path);
			DP_TRY(code);
			if (print->title[0] == 0 && print->incident[0] == 0)
				(void)snprintf(print->title, sizeof print->title, "%.200s", path);
		}
		// A case is not like itself.
		if (m->incident != NULL && strcmp(m->incident, print->incident) == 0) continue;
		m->near[m->near_count++] =
		    (dp_likeness_near){print, dp_fingerprint_distance(&m->flow.print, print)};
	}
	qsort(m->near, m->near_count, sizeof *m->near, nearest_first);
	return DP_OK;
}

//- the answer ------------------------------------------------------------------------------------

static dp_code print_report(match *m, dp_fault *fault)
{
	char from[512];
	(void)snprintf(from, sizeof from, "%s%.400s", m->incident != NULL ? "casebook " : "",
	               m->path);
	dp_likeness_report r = {.subject = m->flow.subject,
	                        .from = from,
	                        .theft_time = m->flow.theft_time,
	                        .now = m->flow.now,
	                        .knows = m->flow.knows,
	                        .item = m->item,
	                        .item_count = m->item_count,
	                        .print = &m->flow.print,
	                        .near = m->near,
	                        .near_count = m->near_count,
	                        .overlaps = m->tags != NULL ? &m->overlaps : NULL,
	                        .my_uses = m->uses.mine,
	                        .their_uses = m->uses.theirs,
	                        .row = dp_cli_flow_row,
	                        .row_context = &m->flow};
	dp_gas_report gas;
	if (m->funders != NULL) {
		gas = dp_case_funders_report(m->funders);
		r.gas = &gas;
	}
	const dp_sink w = {dp_cli_write, stdout};
	if (m->print_only) {
		dp_json_out out = {.write = w.write, .context = w.context, .fault = fault};
		dp_fingerprint_write(&m->flow.print, &out);
		return dp_json_finish(&out);
	}
	if (m->findings && m->format == MATCH_JSON)
		return dp_findings_json(&r, m->flow.mine, &w, fault);
	if (m->findings) return dp_findings_text(&r, m->flow.mine, m->all, &w, fault);
	if (m->format == MATCH_JSON) return dp_likeness_json(&r, &w, fault);
	if (m->format == MATCH_STIX) return dp_likeness_stix(&r, &w, fault);
	return dp_likeness_text(&r, m->all, &w, fault);
}

// All typologies with their defaults.
static dp_code run_findings(match *m, dp_fault *fault)
{
	dp_instance all[DP_TYPOLOGIES_MAX];
	uint32_t count;
	const dp_typology *const *row = dp_typologies(&count);
	for (uint32_t i = 0; i < count; i++) all[i] = dp_instance_of(row[i]);
	DP_TRY(open_flow(m, &m->flow, all, count, fault));
	// Whose it is: others are compared with it under this name.
	if (m->incident != NULL)
		(void)snprintf(m->flow.print.incident, sizeof m->flow.print.incident, "%s",
		               m->incident);
	return print_report(m, fault);
}

static dp_code unknown_technique(match *m, dp_fault *fault)
{
	const char *near = dp_technique_nearest(&m->set, m->only);
	return dp_fail(fault, DP_NOT_FOUND,
	               "no technique '%.80s'%s%s%s: 'dyepack technique list' "
	               "shows all",
	               m->only, near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
	               near != NULL ? "'?)" : "");
}

// As many techniques at once as one mine can look for.
static dp_code run_techniques(match *m, dp_fault *fault)
{
	DP_TRY(dp_cli_techniques(&m->set, m->techniques, m->no_builtin, fault));
	if (m->only != NULL && dp_technique_find(&m->set, m->only) == NULL)
		return unknown_technique(m, fault);
	for (uint64_t first = 0, end; first < m->set.count; first = end) {
		dp_instance instance[DP_INSTANCES_MAX];
		uint32_t count;
		DP_TRY(dp_judge_instances(&m->set, first, &end, instance, &count, fault));
		dp_cli_flow *flow = &m->flow;
		if (first > 0) {
			// Earlier ones are pointed to by nothing but their mines.
			DP_TRY(dp_grow((void **)&m->more, &m->more_cap, sizeof *m->more,
			               (uint64_t)m->more_count + 1, DP_TECHNIQUES_MAX, fault));
			flow = &m->more[m->more_count];
			DP_TRY(open_flow(m, flow, instance, count, fault));
			m->more_count++;
		} else {
			DP_TRY(open_flow(m, flow, instance, count, fault));
			DP_TRY(find_overlaps(m, fault));
		}
		DP_TRY(judge(m, flow, first, end, fault));
	}
	qsort(m->item, m->item_count, sizeof *m->item, likest_first);
	DP_TRY(compare_prints(m, fault));
	return print_report(m, fault);
}

static dp_code run(match *m, dp_fault *fault)
{
	if (m->incident != NULL) DP_TRY(dp_casebook_open(&m->cb, m->path, false, fault));
	if (m->findings || m->print_only) return run_findings(m, fault);
	DP_TRY(dp_cli_tags_load(&m->tags, &m->tags_from, false, fault));
	DP_TRY(open_ledgers(m, fault));
	return run_techniques(m, fault);
}

static void done(match *m)
{
	for (uint32_t i = 0; i < m->more_count; i++) dp_cli_flow_done(&m->more[i]);
	dp_free(m->more);
	dp_cli_flow_done(&m->flow);
	dp_technique_set_done(&m->set);
	dp_overlaps_done(&m->overlaps);
	dp_case_uses_done(&m->uses);
	dp_free(m->flow_uses);
	dp_case_funders_free(m->funders);
	dp_witness_close(m->witness);
	dp_tags_free(m->tags);
	dp_free(m->item);
	dp_free(m->known);
	dp_free(m->near);
	dp_casebook_close(m->cb);
}

static int check(match *m, int count, char **argv)
{
	static const char *const names[] = {"text", "json", "stix", NULL};
	int format = 0;
	while (names[format] != NULL && strcmp(names[format], m->format_name) != 0) format++;
	if (names[format] == NULL) {
		const char *near = dp_nearest(m->format_name, strlen(m->format_name), names);
		return dp_cli_misuse("match", "unknown format '%s'%s%s%s: it is text, json or stix",
		                     m->format_name, near != NULL ? " (did you mean '" : "",
		                     near != NULL ? near : "", near != NULL ? "'?)" : "");
	}
	m->format = (match_format)format;
	if (count < 1 || count > 2)
		return dp_cli_misuse("match", "expected CASEBOOK and CASE, or FLOW");
	m->path = argv[1];
	m->incident = count == 2 ? argv[2] : NULL;
	if (count == 2 && (m->sources != NULL || m->terminals != NULL))
		return dp_cli_misuse("match",
		                     "--sources and --terminals are for a FLOW: a case has "
		                     "its own");
	if (m->ledgers[0] != NULL && (count == 1 || m->findings || m->print_only))
		return dp_cli_misuse("match",
		                     "--ledger is asked who paid the gas of a CASE's wallets: not "
		                     "with a FLOW, --findings or --fingerprint");
	if (m->findings && m->print_only)
		return dp_cli_misuse("match", "--findings or --fingerprint: not both at once");
	if (m->print_only && m->format == MATCH_STIX)
		return dp_cli_misuse("match", "a --fingerprint is JSON of its own, not STIX");
	if (m->findings && m->format == MATCH_STIX)
		return dp_cli_misuse("match", "--findings are printed as text or json");
	return DP_EXIT_DONE;
}

int dp_cmd_match(int argc, char **argv)
{
	match m = {.format_name = "text"};
	const dp_option options[] = {
	    {"techniques", "PATH...", "more techniques: files, or folders of them", NULL,
	     m.techniques},
	    {"no-builtin", NULL, "without the techniques that ship with dyepack", &m.no_builtin,
	     NULL},
	    {"only", "ID", "this technique alone", NULL, &m.only},
	    {"fingerprints", "FILE...", "more fingerprints of known incidents", NULL, m.prints},
	    DP_CLI_TAGS_OPTION(&m.tags_from),
	    {"ledger", "DIR...", "ledgers: who paid the first gas, whose deposit addresses", NULL,
	     m.ledgers},
	    {"sources", "FILE", "FLOW: where the stolen money starts, an address a line", NULL,
	     &m.sources},
	    {"terminals", "FILE", "FLOW: where it ends", NULL, &m.terminals},
	    {"findings", NULL, "no techniques: every shape that is in the flow", &m.findings, NULL},
	    {"fingerprint", NULL, "the flow's own fingerprint alone, as JSON", &m.print_only, NULL},
	    {"all", NULL, "in full what it does not resemble, too; every finding", &m.all, NULL},
	    {"format", "text|json|stix", "what to print (text)", NULL, &m.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check(&m, count, argv);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_fault fault = {0};
	dp_code code = run(&m, &fault);
	done(&m);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

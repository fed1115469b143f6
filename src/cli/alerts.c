// dyepack alerts: what was told and to whom; telling it again; marking it as seen.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "casebook/casebook.h"
#include "casebook/outbox.h"
#include "cli/cli.h"
#include "codec/json.h"
#include "codec/time.h"

static const char usage[] =
    "Usage: dyepack alerts COMMAND ...\n\n"
    "What 'dyepack follow' found worth telling, and what became of it.\n\n"
    "Commands:\n"
    "  list CASEBOOK                alerts, newest first\n"
    "  show CASEBOOK ID             one alert: its facts, its history, who was told\n"
    "  resend CASEBOOK ID           tell it again (to one sink: --to NAME)\n"
    "  ack CASEBOOK ID --by WHO     somebody takes care of it\n"
    "\nAn ID may be shortened, to 6 digits or more. 'dyepack alerts COMMAND --help' tells more.\n";

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void format_ms(char out[DP_TIME_TEXT_MAX], int64_t ms)
{
	dp_time_format(out, ms / 1000);
}

static int finish(dp_casebook *book, dp_code code, const char *path, dp_fault *fault)
{
	dp_casebook_close(book);
	if (code == DP_OK) return DP_EXIT_DONE;
	if (fault->file[0] == 0) dp_fault_file(fault, path);
	return dp_cli_fault(fault);
}

// Facts are JSON that we have written; a casebook that was changed by hand may hold anything.
static dp_json *parse_facts(const char *facts)
{
	dp_json *doc = NULL;
	dp_fault ignored;
	return dp_json_parse(&doc, facts, strlen(facts), &ignored) == DP_OK ? doc : NULL;
}

static const char *fact(const dp_json *doc, const char *key)
{
	const dp_json *v = doc != NULL ? dp_json_get(doc, key) : NULL;
	const char *text = v != NULL ? dp_json_text(v) : NULL;
	return text != NULL ? text : "";
}

// Other people's text on a terminal: what could turn or forge a line is left out.
static void print_text(const char *text)
{
	for (; *text != 0; text++)
		(void)putchar((unsigned char)*text < 32 || *text == 127 ? '?' : *text);
}

static const char *chain_name(const char *caip2)
{
	const dp_chain *c = dp_chain_find(caip2, strlen(caip2));
	return c != NULL ? c->name : caip2;
}

//- list ------------------------------------------------------------------------------------------

static void write_facts(dp_json_out *o, const dp_json *v)
{
	if (dp_json_is_object(v)) {
		dp_json_object(o);
		for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m)) {
			dp_json_key(o, dp_json_name(m));
			write_facts(o, m);
		}
		dp_json_object_end(o);
		return;
	}
	if (dp_json_is_array(v)) {
		dp_json_array(o);
		for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m))
			write_facts(o, m);
		dp_json_array_end(o);
		return;
	}
	uint64_t n;
	bool b;
	if (dp_json_text(v) != NULL)
		dp_json_string(o, dp_json_text(v));
	else if (dp_json_bool(v, &b))
		dp_json_boolean(o, b);
	else if (dp_json_u64(v, &n))
		dp_json_uint(o, n);
	else
		dp_json_null(o);
}

static void member(dp_json_out *o, const char *key, const char *text)
{
	dp_json_key(o, key);
	if (text == NULL)
		dp_json_null(o);
	else
		dp_json_string(o, text);
}

static void list_json(dp_json_out *o, const dp_alert_row *r)
{
	char time[DP_TIME_TEXT_MAX];
	const dp_alert *a = &r->alert;
	dp_json *doc = parse_facts(a->facts);
	dp_json_object(o);
	member(o, "id", a->id);
	dp_json_key(o, "revision");
	dp_json_uint(o, a->revision);
	member(o, "state", dp_alert_state_name(a->state));
	member(o, "incident", a->incident);
	member(o, "rule", a->rule);
	member(o, "kind", a->kind);
	member(o, "severity", a->severity);
	member(o, "chain", a->chain);
	dp_json_key(o, "height");
	if (a->has_height)
		dp_json_uint(o, a->height);
	else
		dp_json_null(o);
	dp_time_format(time, a->time);
	member(o, "time", time);
	member(o, "tx", a->tx);
	member(o, "subject", a->subject);
	format_ms(time, r->raised_ms);
	member(o, "raised", time);
	if (r->acked_ms != 0) format_ms(time, r->acked_ms);
	member(o, "acked", r->acked_ms != 0 ? time : NULL);
	member(o, "acked_by", r->acked_ms != 0 ? r->acked_by : NULL);
	dp_json_key(o, "messages");
	dp_json_object(o);
	dp_json_key(o, "waiting");
	dp_json_uint(o, r->waiting);
	dp_json_key(o, "sent");
	dp_json_uint(o, r->sent);
	dp_json_key(o, "dead");
	dp_json_uint(o, r->dead);
	dp_json_object_end(o);
	dp_json_key(o, "facts");
	if (doc != NULL)
		write_facts(o, doc);
	else
		dp_json_null(o);
	dp_json_object_end(o);
	dp_json_free(doc);
}

static void list_text(const dp_alert_row *r)
{
	char time[DP_TIME_TEXT_MAX];
	const dp_alert *a = &r->alert;
	dp_json *doc = parse_facts(a->facts);
	const dp_json *service = doc != NULL ? dp_json_get(doc, "service") : NULL;
	dp_time_format(time, a->time);
	(void)printf("%.10s  %s  %-9s  %-8s  %-8s  %s", a->id, time, dp_alert_state_name(a->state),
	             a->severity, a->kind, chain_name(a->chain));
	if (a->has_height) (void)printf(" %llu", (unsigned long long)a->height);
	(void)printf("%s\n            ", r->acked_ms != 0 ? "  (acked)" : "");
	print_text(fact(doc, "shown"));
	if (fact(service, "label")[0] != 0) {
		(void)printf(" at ");
		print_text(fact(service, "label"));
	}
	(void)printf("%s", fact(doc, "shown")[0] != 0 ? "  " : "");
	print_text(a->subject);
	if (a->incident[0] != 0) {
		(void)printf("  ");
		print_text(a->incident);
	}
	if (r->waiting > 0 || r->dead > 0)
		(void)printf("  [%u waiting, %u dead]", r->waiting, r->dead);
	(void)printf("\n");
	dp_json_free(doc);
}

struct listing {
	dp_json_out *json;
	uint64_t count;
};

static dp_code list_one(void *context, const dp_alert_row *r, dp_fault *fault)
{
	struct listing *l = context;
	(void)fault;
	l->count++;
	if (l->json != NULL)
		list_json(l->json, r);
	else
		list_text(r);
	return l->json != NULL ? l->json->code : DP_OK;
}

struct wish {
	const char *format, *since, *limit;
	dp_alert_filter filter;
};

static int read_wish(struct wish *w, const char *command)
{
	uint64_t limit = 100;
	int64_t since = 0;
	if (w->format == NULL) w->format = "text";
	if (strcmp(w->format, "text") != 0 && strcmp(w->format, "json") != 0)
		return dp_cli_misuse(command, "unknown format '%s'", w->format);
	if (w->since != NULL && !dp_time_parse(&since, w->since, strlen(w->since)))
		return dp_cli_misuse(command, "--since takes a time such as 2026-03-01T00:00:00Z");
	if (w->limit != NULL && (!dp_cli_number(w->limit, &limit) || limit > UINT32_MAX))
		return dp_cli_misuse(command, "--limit takes a number; 0: all");
	w->filter.since_ms = since * 1000;
	w->filter.limit = (uint32_t)limit;
	if (w->filter.chain != NULL) {
		const dp_chain *c = dp_chain_find(w->filter.chain, strlen(w->filter.chain));
		if (c == NULL) return dp_cli_misuse(command, "no chain '%s'", w->filter.chain);
		w->filter.chain = c->caip2;
	}
	return DP_EXIT_DONE;
}

static int cmd_list(int argc, char **argv)
{
	struct wish w = {.filter = {0}};
	const dp_option options[] = {
	    {"format", "F", "text or json", NULL, &w.format},
	    {"case", "CASE", "only of this case", NULL, &w.filter.incident},
	    {"rule", "NAME", "only of this rule", NULL, &w.filter.rule},
	    {"kind", "KIND", "only arrival, move, wake, link, holder, ...", NULL, &w.filter.kind},
	    {"state", "STATE", "only pending, confirmed or withdrawn", NULL, &w.filter.state},
	    {"chain", "CHAIN", "only on this chain", NULL, &w.filter.chain},
	    {"not-acked", NULL, "only those that nobody has acknowledged", &w.filter.not_acked,
	     NULL},
	    {"since", "TIME", "only those raised since", NULL, &w.since},
	    {"limit", "N", "the newest so many (default 100; 0: all)", NULL, &w.limit},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	if (!dp_cli_options(argc, argv, options,
	                    "Usage: dyepack alerts list CASEBOOK [options]\n\n"
	                    "Alerts, newest first: what, when, where, and whether it was told.\n",
	                    &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 1) return dp_cli_misuse(argv[0], "expected CASEBOOK");
	int exit_code = read_wish(&w, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	bool is_json = strcmp(w.format, "json") == 0;
	dp_json_out o = {
	    .write = dp_cli_write, .context = stdout, .fault = &fault, .compact_depth = 2};
	struct listing l = {.json = is_json ? &o : NULL};
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK && is_json) dp_json_array(&o);
	if (code == DP_OK)
		code = dp_outbox_visit(dp_casebook_db(book), &w.filter, list_one, &l, &fault);
	if (code == DP_OK && is_json) dp_json_array_end(&o);
	if (code == DP_OK && is_json) code = dp_json_finish(&o);
	if (code == DP_OK && !is_json && l.count == 0) (void)printf("no alerts\n");
	return finish(book, code, argv[1], &fault);
}

//- show ------------------------------------------------------------------------------------------

static void show_facts(const dp_json *v, int depth)
{
	for (const dp_json *m = dp_json_first(v); m != NULL; m = dp_json_next(m)) {
		(void)printf("%*s", 2 + 2 * depth, "");
		if (dp_json_name(m) != NULL) (void)printf("%-12s ", dp_json_name(m));
		uint64_t n;
		bool b;
		if (dp_json_is_object(m) || dp_json_is_array(m)) {
			(void)printf("\n");
			show_facts(m, depth + 1);
			continue;
		}
		if (dp_json_text(m) != NULL)
			print_text(dp_json_text(m));
		else if (dp_json_bool(m, &b))
			(void)printf("%s", b ? "yes" : "no");
		else if (dp_json_u64(m, &n))
			(void)printf("%llu", (unsigned long long)n);
		(void)printf("\n");
	}
}

static dp_code show_revision(void *context, const dp_alert_revision *r, dp_fault *fault)
{
	char time[DP_TIME_TEXT_MAX];
	(void)context;
	(void)fault;
	format_ms(time, r->at_ms);
	(void)printf("  %s  revision %u  %s%s", time, r->revision, r->state,
	             r->why[0] != 0 ? ": " : "");
	print_text(r->why);
	(void)printf("\n");
	return DP_OK;
}

static dp_code show_message(void *context, const dp_alert_message *m, dp_fault *fault)
{
	char time[DP_TIME_TEXT_MAX];
	(void)context;
	(void)fault;
	format_ms(time, m->done_ms != 0 ? m->done_ms : m->made_ms);
	(void)printf("  %s  revision %u to %s: %s", time, m->revision, m->sink, m->state);
	if (m->tries > 1) (void)printf(" after %u tries", m->tries);
	if (m->error != NULL && m->error[0] != 0) {
		(void)printf(" (");
		print_text(m->error);
		(void)printf(")");
	}
	(void)printf("\n");
	return DP_OK;
}

struct showing {
	const char *id;
	bool found;
};

static dp_code show_one(void *context, const dp_alert_row *r, dp_fault *fault)
{
	struct showing *s = context;
	char time[DP_TIME_TEXT_MAX];
	const dp_alert *a = &r->alert;
	(void)fault;
	if (strcmp(a->id, s->id) != 0) return DP_OK;
	s->found = true;
	dp_json *doc = parse_facts(a->facts);
	dp_time_format(time, a->time);
	(void)printf("alert    %s, revision %u, %s\n", a->id, a->revision,
	             dp_alert_state_name(a->state));
	(void)printf("what     %s (%s), by rule ", a->kind, a->severity);
	print_text(a->rule);
	(void)printf("\ncase     ");
	print_text(a->incident[0] != 0 ? a->incident : "none: a watched address");
	(void)printf("\nwhere    %s", chain_name(a->chain));
	if (a->has_height) (void)printf(", block %llu", (unsigned long long)a->height);
	(void)printf(", %s\ntx       ", time);
	print_text(a->tx != NULL ? a->tx : "-");
	(void)printf("\nabout    ");
	print_text(a->subject);
	if (r->acked_ms != 0) {
		format_ms(time, r->acked_ms);
		(void)printf("\nacked    %s by ", time);
		print_text(r->acked_by);
	}
	(void)printf("\n\nfacts\n");
	if (doc != NULL) show_facts(doc, 0);
	dp_json_free(doc);
	return DP_OK;
}

static int cmd_show(int argc, char **argv)
{
	static const dp_option options[] = {{NULL, NULL, NULL, NULL, NULL}};
	int count;
	bool help;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	char id[DP_ALERT_ID_MAX];
	if (!dp_cli_options(
	        argc, argv, options,
	        "Usage: dyepack alerts show CASEBOOK ID\n\n"
	        "Everything of one alert: its facts, what to do, every state it was in, "
	        "and who was told.\n",
	        &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 2) return dp_cli_misuse(argv[0], "expected CASEBOOK and ID");
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK) code = dp_outbox_find(dp_casebook_db(book), id, argv[2], &fault);
	struct showing s = {.id = id};
	dp_alert_filter all = {0};
	if (code == DP_OK) code = dp_outbox_visit(dp_casebook_db(book), &all, show_one, &s, &fault);
	if (code == DP_OK) {
		(void)printf("\nhistory\n");
		code = dp_outbox_history(dp_casebook_db(book), id, show_revision, show_message,
		                         NULL, &fault);
	}
	return finish(book, code, argv[1], &fault);
}

//- resend, ack -----------------------------------------------------------------------------------

static int cmd_resend(int argc, char **argv)
{
	const char *to = NULL;
	const dp_option options[] = {
	    {"to", "SINK", "only to this one", NULL, &to},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	uint32_t messages = 0;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	char id[DP_ALERT_ID_MAX];
	if (!dp_cli_options(
	        argc, argv, options,
	        "Usage: dyepack alerts resend CASEBOOK ID [--to SINK]\n\n"
	        "Tells the newest revision of an alert once more. 'dyepack follow' sends "
	        "it: at once where\n"
	        "it runs, else when it is started.\n",
	        &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 2) return dp_cli_misuse(argv[0], "expected CASEBOOK and ID");
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK) code = dp_outbox_find(dp_casebook_db(book), id, argv[2], &fault);
	if (code == DP_OK) code = dp_casebook_write(book, &fault);
	if (code == DP_OK)
		code = dp_outbox_resend(dp_casebook_db(book), &messages, id, to, now_ms(), &fault);
	if (code == DP_OK) code = dp_casebook_finish(book, &fault);
	if (code == DP_OK)
		(void)printf("%s: told again in %u message%s\n", id, messages,
		             messages == 1 ? "" : "s");
	return finish(book, code, argv[1], &fault);
}

static int cmd_ack(int argc, char **argv)
{
	const char *by = NULL;
	const dp_option options[] = {
	    {"by", "WHO", "who takes care of it", NULL, &by},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_fault fault = {0};
	dp_casebook *book = NULL;
	char id[DP_ALERT_ID_MAX];
	if (!dp_cli_options(
	        argc, argv, options,
	        "Usage: dyepack alerts ack CASEBOOK ID --by WHO\n\n"
	        "Notes that somebody takes care of an alert; 'list --not-acked' leaves it "
	        "out then.\n",
	        &count, &help))
		return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	if (count != 2) return dp_cli_misuse(argv[0], "expected CASEBOOK and ID");
	if (by == NULL || by[0] == 0) return dp_cli_misuse(argv[0], "say who: --by NAME");
	dp_code code = dp_casebook_open(&book, argv[1], false, &fault);
	if (code == DP_OK) code = dp_outbox_find(dp_casebook_db(book), id, argv[2], &fault);
	if (code == DP_OK) code = dp_casebook_write(book, &fault);
	if (code == DP_OK) code = dp_outbox_ack(dp_casebook_db(book), id, by, now_ms(), &fault);
	if (code == DP_OK) code = dp_casebook_finish(book, &fault);
	if (code == DP_OK) (void)printf("%s: acknowledged by %s\n", id, by);
	return finish(book, code, argv[1], &fault);
}

int dp_cmd_alerts(int argc, char **argv)
{
	static const dp_command commands[] = {
	    {"list", "", cmd_list}, {"show", "", cmd_show}, {"resend", "", cmd_resend},
	    {"ack", "", cmd_ack},   {NULL, NULL, NULL},
	};
	return dp_cli_subcommand(argc, argv, "alerts", commands, usage, "list CASEBOOK");
}

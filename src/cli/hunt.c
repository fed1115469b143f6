// dyepack hunt: flows in a whole ledger, or any other source, that fit a technique, and that nobody
// reported.
//
// One pass over the blocks. What is found is told as soon as it is final (technique/hunt.h), so
// that a long search can be read while it runs; what had to be given up for lack of room is told at
// the end, whether anything was found or not.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/ledger_source.h"
#include "cli/match.h"
#include "cli/run.h"
#include "cli/source_options.h"
#include "codec/json.h"
#include "codec/time.h"
#include "technique/hunt.h"
#include "technique/money.h"

static const char usage[] =
    "Usage: dyepack hunt --technique ID (--ledger DIR | SOURCE...) [options]\n\n"
    "Looks through all movements of a ledger, or of any other source, for flows that nobody named\n"
    "yet and that fit a technique ('dyepack technique list'). One pass; each flow is printed "
    "once,\n"
    "when it is complete as far as the window shows it, with the wallet where it begins and a\n"
    "transaction of each step. It is a place to look, and no verdict on anybody.\n";

enum { WIDTH = 98, WINDOW_MAX_S = 10 * 365 * 86400, PREFIX_MAX = 4096 };

typedef struct hunt {
	const char *technique, *techniques[DP_CLI_REPEAT_MAX + 1];
	const char *ledger, *chain, *since, *min, *window, *edges, *format;
	bool no_builtin, quiet, is_json;
	dp_cli_source from;
	dp_cli_tags tags_from;
	dp_source_options options;
	dp_hunt_options look;
	dp_technique_set set;
	dp_tags *tags;
	dp_source *source;
	dp_hunt *hunt;
	dp_hunt_stats stats;
} hunt;

//- showing ---------------------------------------------------------------------------------------

static void print_wrapped(int indent, const char *text)
{
	int column = indent;
	(void)printf("%*s", indent, "");
	for (bool is_first = true; *text != 0; is_first = false) {
		int n = (int)strcspn(text, " ");
		if (!is_first && column + 1 + n > WIDTH) {
			(void)printf("\n%*s", indent, "");
			column = indent;
		} else if (!is_first) {
			(void)putchar(' ');
			column++;
		}
		(void)printf("%.*s", n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

// An amount as a transfer has it: at most nine decimals, without zeros at its end.
static void amount_text(char out[128], dp_asset asset, uint64_t amount)
{
	char number[DP_U256_DEC_MAX];
	size_t n = dp_u256_format(number, dp_u256_of(amount), dp_money_decimals(asset));
	if (strchr(number, '.') != NULL) {
		while (number[n - 1] == '0') number[--n] = 0;
		if (number[n - 1] == '.') number[--n] = 0;
	}
	(void)snprintf(out, 128, "%s %s", number, dp_asset_info_of(asset)->symbol);
}

// The same with commas, as people read it: "98,055.362128491 ETH".
static void grouped_text(char out[160], dp_asset asset, uint64_t amount)
{
	char plain[128];
	amount_text(plain, asset, amount);
	size_t whole = strspn(plain, "0123456789"), at = 0;
	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0) out[at++] = ',';
		out[at++] = plain[i];
	}
	(void)snprintf(out + at, 160 - at, "%s", plain + whole);
}

static void address_text(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain)
{
	if (a->kind == DP_ADDR_NONE)
		(void)snprintf(out, DP_ADDR_TEXT_MAX, "CoinJoin");
	else
		dp_addr_format(out, a, chain);
}

static void print_row(const dp_hunt_hit *hit, const dp_hunt_row *r)
{
	char when[DP_TIME_TEXT_MAX], from[DP_ADDR_TEXT_MAX], to[DP_ADDR_TEXT_MAX];
	char id[DP_TXID_TEXT_MAX], amount[160];
	dp_time_format(when, r->time);
	address_text(from, &r->from, hit->chain);
	address_text(to, &r->to, hit->chain);
	dp_txid_format(id, r->tx, hit->chain);
	grouped_text(amount, r->asset, r->amount);
	// Two addresses of Taproot do not fit beside each other.
	bool fits = 12 + strlen(from) + 4 + strlen(to) <= WIDTH + 2;
	(void)printf("          %s  %s  %s\n", when, amount,
	             dp_transfer_kind_name((dp_transfer_kind)r->kind));
	(void)printf("            %s%s-> %s\n            %s\n", from, fits ? " " : "\n            ",
	             to, id);
}

static const char *of_one(char out[16], uint32_t thousandths)
{
	(void)snprintf(out, 16, "%u.%02u", thousandths / 1000, thousandths % 1000 / 10);
	return out;
}

static void print_end(const char *word, const dp_hunt_hit *hit, const dp_hunt_row *r)
{
	char when[DP_TIME_TEXT_MAX], id[DP_TXID_TEXT_MAX];
	dp_time_format(when, r->time);
	dp_txid_format(id, r->tx, hit->chain);
	(void)printf("    %s transaction  %s  block %llu\n      %s\n", word, when,
	             (unsigned long long)r->height, id);
}

static void print_text(const dp_hunt_hit *hit)
{
	const dp_likeness *l = &hit->likeness;
	char value[16], low[16], high[16], root[DP_ADDR_TEXT_MAX], amount[160];
	char when[DP_TIME_TEXT_MAX], line[DP_STEP_TEXT_MAX];
	address_text(root, &hit->root, hit->chain);
	grouped_text(amount, hit->asset, hit->amount);
	dp_time_format(when, hit->time);
	(void)printf("%s (%s to %s)  %s  [%s]\n", of_one(value, l->value), of_one(low, l->low),
	             of_one(high, l->high), root, l->technique->id);
	print_wrapped(4, l->sentence);
	(void)printf("    judged on %u%% of its weight, by what one pass over %s shows\n",
	             l->known / 10, hit->chain->name);
	(void)printf("    begins with %s seen there at %s; %u transfers, %u wallets%s\n", amount,
	             when, hit->transfers, hit->wallets,
	             hit->is_cut ? ", and more that was not followed" : "");
	print_end("first", hit, &hit->first);
	print_end("last", hit, &hit->last);
	for (uint32_t i = 0; i < l->step_count; i++) {
		dp_step_text(line, l, i);
		print_wrapped(6, line);
		if (l->step[i].state != DP_STEP_SEEN && l->step[i].state != DP_STEP_CONTRADICTED)
			continue;
		for (uint32_t k = 0; k < hit->step[i].row_count; k++)
			print_row(hit, &hit->step[i].row[k]);
	}
	(void)putchar('\n');
}

//- as JSON, one object a line --------------------------------------------------------------------

static void json_text(dp_json_out *o, const char *key, const char *value)
{
	dp_json_key(o, key);
	dp_json_string(o, value);
}

static void json_number(dp_json_out *o, const char *key, uint64_t value)
{
	dp_json_key(o, key);
	dp_json_uint(o, value);
}

static void json_row(dp_json_out *o, const dp_hunt_hit *hit, const dp_hunt_row *r)
{
	char when[DP_TIME_TEXT_MAX], from[DP_ADDR_TEXT_MAX], to[DP_ADDR_TEXT_MAX];
	char id[DP_TXID_TEXT_MAX], amount[128];
	dp_time_format(when, r->time);
	address_text(from, &r->from, hit->chain);
	address_text(to, &r->to, hit->chain);
	dp_txid_format(id, r->tx, hit->chain);
	amount_text(amount, r->asset, r->amount);
	dp_json_object(o);
	json_text(o, "tx", id);
	json_number(o, "block", r->height);
	json_text(o, "time", when);
	json_text(o, "kind", dp_transfer_kind_name((dp_transfer_kind)r->kind));
	json_text(o, "from", from);
	json_text(o, "to", to);
	json_text(o, "amount", amount);
	dp_json_object_end(o);
}

static void json_step(dp_json_out *o, const dp_hunt_hit *hit, uint32_t no)
{
	const dp_step_judged *s = &hit->likeness.step[no];
	const dp_tech_step *step = &hit->likeness.technique->step[no];
	dp_json_object(o);
	json_text(o, "id", step->id);
	json_text(o, "title", step->title);
	json_text(o, "state", dp_step_state_name(s->state));
	dp_json_key(o, "known");
	dp_json_boolean(o, s->is_known);
	json_number(o, "value_thousandths", s->value);
	json_text(o, "why", s->why);
	json_number(o, "transfers", hit->step[no].count);
	dp_json_key(o, "evidence");
	dp_json_array(o);
	for (uint32_t k = 0; k < hit->step[no].row_count; k++)
		json_row(o, hit, &hit->step[no].row[k]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static void json_hit(dp_json_out *o, const dp_hunt_hit *hit)
{
	const dp_likeness *l = &hit->likeness;
	char root[DP_ADDR_TEXT_MAX], amount[128], when[DP_TIME_TEXT_MAX];
	address_text(root, &hit->root, hit->chain);
	amount_text(amount, hit->asset, hit->amount);
	dp_time_format(when, hit->time);
	dp_json_object(o);
	json_text(o, "technique", l->technique->id);
	json_number(o, "likeness_thousandths", l->value);
	json_number(o, "low_thousandths", l->low);
	json_number(o, "high_thousandths", l->high);
	json_number(o, "known_thousandths", l->known);
	json_text(o, "says", dp_say_name(l->say));
	json_text(o, "sentence", l->sentence);
	json_text(o, "chain", hit->chain->name);
	json_text(o, "root", root);
	json_text(o, "amount", amount);
	json_text(o, "since", when);
	json_number(o, "transfers", hit->transfers);
	json_number(o, "wallets", hit->wallets);
	dp_json_key(o, "cut");
	dp_json_boolean(o, hit->is_cut);
	dp_json_key(o, "first");
	json_row(o, hit, &hit->first);
	dp_json_key(o, "last");
	json_row(o, hit, &hit->last);
	dp_json_key(o, "steps");
	dp_json_array(o);
	for (uint32_t i = 0; i < l->step_count; i++) json_step(o, hit, i);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static dp_code show_hit(void *context, const dp_hunt_hit *hit, dp_fault *fault)
{
	const hunt *h = context;
	if (h->is_json) {
		dp_json_out o = {
		    .write = dp_cli_write, .context = stdout, .fault = fault, .compact_depth = 1};
		json_hit(&o, hit);
		DP_TRY(dp_json_finish(&o));
	} else {
		print_text(hit);
	}
	// A search may take hours: what is known is to be seen.
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		return dp_fail(fault, DP_IO, "the result could not be written");
	return DP_OK;
}

//- the end ---------------------------------------------------------------------------------------

static void say_lost(uint64_t count, const char *what)
{
	if (count > 0) (void)fprintf(stderr, "%llu %s\n", (unsigned long long)count, what);
}

static void say_end(const hunt *h)
{
	const dp_hunt_stats *s = &h->stats;
	if (!h->quiet)
		(void)fprintf(
		    stderr,
		    "%llu transfers, %llu findings, %llu places with enough of the steps, "
		    "%llu flows judged, %llu like '%s'; %llu MB\n",
		    (unsigned long long)s->transfers, (unsigned long long)s->findings,
		    (unsigned long long)s->candidates, (unsigned long long)s->judged,
		    (unsigned long long)s->hits, h->look.technique->id,
		    (unsigned long long)(s->memory >> 20));
	say_lost(s->edges_lost,
	         "transfers were forgotten before the window was over: more --edges, or "
	         "a shorter --window, keep them");
	say_lost(s->findings_lost + s->groups_lost, "findings were given up for lack of room");
	say_lost(s->wallets_lost,
	         "wallets were not joined for lack of room: some flows may be told "
	         "in parts or not at all");
	say_lost(s->flows_cut, "of the flows judged were longer than what is followed of one");
}

// What the blocks can show: what they cannot is unknown to the judge, and not "unseen".
static uint32_t knows_of(const hunt *h)
{
	const dp_source *s = h->source;
	uint32_t knows = DP_KNOWS_MIXERS | DP_KNOWS_FRESH | DP_KNOWS_ASSETS;
	if ((s->gaps & DP_GAP_NOTES) == 0) knows |= DP_KNOWS_BRIDGES | DP_KNOWS_CALLS;
	if ((s->gaps & DP_GAP_TOKENS) == 0) knows |= DP_KNOWS_SWAPS;
	if (dp_cli_tags_count(&h->tags_from) > 0) knows |= DP_KNOWS_SERVICES;
	if (s->chain != NULL && s->chain->kind == DP_CHAIN_UTXO) knows |= DP_KNOWS_COINS;
	return knows;
}

//- running ---------------------------------------------------------------------------------------

static dp_code read_blocks(hunt *h, dp_fault *fault)
{
	dp_progress progress;
	const dp_source_stats *s = &h->source->stats;
	dp_progress_start(&progress, h->quiet);
	while (!dp_run_interrupted()) {
		const dp_block *b;
		dp_code code = dp_source_next(h->source, &b, fault);
		if (code == DP_END) break;
		DP_TRY(code);
		if (b->height > h->from.height_max || b->time > h->from.time_max) break;
		// Not every source can begin where it is told.
		const dp_source_begin *from = &h->options.begin;
		if ((from->has_height && b->height < from->height) ||
		    (from->has_time && b->time < from->time))
			continue;
		DP_TRY(dp_hunt_block(h->hunt, b, fault));
		dp_progress_show(&progress, s->bytes_read, s->bytes_total, s->movements, b->height);
	}
	dp_progress_end(&progress, "read", s->blocks, s->movements);
	return DP_OK;
}

static dp_code unknown_technique(const hunt *h, dp_fault *fault)
{
	const char *near = dp_technique_nearest(&h->set, h->technique);
	return dp_fail(fault, DP_NOT_FOUND,
	               "no technique '%.80s'%s%s%s: 'dyepack technique list' shows all",
	               h->technique, near != NULL ? " (did you mean '" : "",
	               near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static dp_code run(hunt *h, const char *const *paths, uint32_t count, dp_fault *fault)
{
	DP_TRY(dp_cli_techniques(&h->set, h->techniques, h->no_builtin, fault));
	h->look.technique = dp_technique_find(&h->set, h->technique);
	if (h->look.technique == NULL) return unknown_technique(h, fault);
	DP_TRY(dp_cli_tags_load(&h->tags, &h->tags_from, h->quiet, fault));
	h->options.watch = dp_run_watch(h->quiet);
	dp_run_watch_signals();
	DP_TRY(dp_cli_source_open(&h->source, paths, count, &h->options, fault));
	h->look.tags = h->tags;
	h->look.knows = knows_of(h);
	h->look.hit = show_hit;
	h->look.context = h;
	DP_TRY(dp_hunt_new(&h->hunt, &h->look, fault));
	dp_code code = read_blocks(h, fault);
	if (code == DP_OK) code = dp_hunt_finish(h->hunt, fault);
	h->stats = dp_hunt_stats_of(h->hunt);
	if (code != DP_OK) return code;
	say_end(h);
	if (!dp_run_interrupted()) return DP_OK;
	return dp_fail(fault, DP_BUSY, "interrupted: later blocks were not looked at");
}

static void done(hunt *h)
{
	dp_hunt_free(h->hunt);
	dp_source_close(h->source);
	dp_tags_free(h->tags);
	dp_technique_set_done(&h->set);
}

//- the command line ------------------------------------------------------------------------------

// "0.6" or "60%", in thousandths.
static bool read_share(const char *text, uint32_t *ret_thousandths)
{
	uint32_t whole = 0, digits = 0, behind = 0;
	bool has_point = false;
	for (; *text == '.' || (*text >= '0' && *text <= '9'); text++) {
		if (*text == '.') {
			if (has_point) return false;
			has_point = true;
			continue;
		}
		if (++digits > 6) return false;
		behind += has_point;
		whole = whole * 10 + (uint32_t)(*text - '0');
	}
	bool is_percent = *text == '%';
	uint32_t places = is_percent ? 1 : 3;
	if (text[is_percent] != 0 || digits == 0 || behind > places) return false;
	for (; behind < places; behind++) whole *= 10;
	*ret_thousandths = whole;
	return whole <= 1000;
}

// "30d", "12h", ...: seconds.
static bool read_span(const char *text, int64_t *ret_seconds)
{
	static const char letters[] = "smhdw";
	static const int64_t units[] = {1, 60, 3600, 86400, 7 * 86400};
	size_t n = strlen(text);
	char number[16];
	uint64_t v;
	if (n < 2 || n >= sizeof number) return false;
	const char *unit = strchr(letters, text[n - 1]);
	if (unit == NULL) return false;
	memcpy(number, text, n - 1);
	number[n - 1] = 0;
	if (!dp_cli_number(number, &v) || v == 0 || v > WINDOW_MAX_S) return false;
	*ret_seconds = (int64_t)v * units[unit - letters];
	return *ret_seconds <= WINDOW_MAX_S;
}

static int check_numbers(hunt *h)
{
	uint64_t edges;
	if (!read_share(h->min, &h->look.least) || h->look.least == 0)
		return dp_cli_misuse("hunt",
		                     "--min takes a likeness above 0 and up to 1, such as 0.6");
	if (!read_span(h->window, &h->look.window_s))
		return dp_cli_misuse("hunt",
		                     "--window takes a time such as 30d or 12h, 10 years at most");
	h->look.edges_max = DP_HUNT_EDGES;
	if (h->edges == NULL) return DP_EXIT_DONE;
	if (!dp_cli_number(h->edges, &edges) || edges < DP_HUNT_EDGES_MIN ||
	    edges > DP_GRAPH_EDGES_MAX)
		return dp_cli_misuse("hunt", "--edges takes a number from %d to %d",
		                     DP_HUNT_EDGES_MIN, DP_GRAPH_EDGES_MAX);
	h->look.edges_max = (uint32_t)edges;
	return DP_EXIT_DONE;
}

static int check_words(hunt *h)
{
	static const char *const formats[] = {"text", "json", NULL};
	h->is_json = strcmp(h->format, "json") == 0;
	if (!h->is_json && strcmp(h->format, "text") != 0) {
		const char *near = dp_nearest(h->format, strlen(h->format), formats);
		return dp_cli_misuse("hunt", "unknown format '%s'%s%s%s: it is text or json",
		                     h->format, near != NULL ? " (did you mean '" : "",
		                     near != NULL ? near : "", near != NULL ? "'?)" : "");
	}
	if (h->technique == NULL)
		return dp_cli_misuse("hunt", "which technique? --technique ID; 'dyepack technique "
		                             "list' shows all");
	if (h->since == NULL) return DP_EXIT_DONE;
	int64_t time;
	uint64_t number;
	if (h->from.from != NULL)
		return dp_cli_misuse("hunt", "--since and --from are the same: give one");
	if (dp_cli_number(h->since, &number) || !dp_time_parse(&time, h->since, strlen(h->since)))
		return dp_cli_misuse("hunt", "--since takes a date or time such as 2025-02-21 or "
		                             "2025-02-21T14:00:00Z");
	h->from.from = h->since;
	return DP_EXIT_DONE;
}

static int run_command(hunt *h, int count, char **argv)
{
	dp_fault fault = {0};
	int exit_code = check_words(h);
	if (exit_code == DP_EXIT_DONE) exit_code = check_numbers(h);
	if (exit_code == DP_EXIT_DONE)
		exit_code = dp_cli_source_read(&h->from, &h->options, "hunt");
	if (exit_code != DP_EXIT_DONE) return exit_code;
	if (h->chain != NULL) {
		h->options.chain = dp_chain_find(h->chain, strlen(h->chain));
		if (h->options.chain == NULL)
			return dp_cli_misuse("hunt", "unknown chain '%s': 'dyepack list chains'",
			                     h->chain);
	}
	if ((h->ledger != NULL) == (count > 0))
		return dp_cli_misuse("hunt", "where? Name one ledger (--ledger DIR) or a SOURCE");
	char ledger[PREFIX_MAX];
	const char *one = ledger, *const *paths = (const char *const *)(argv + 1);
	if (h->ledger != NULL) {
		int n = snprintf(ledger, sizeof ledger, "%s%s",
		                 strncmp(h->ledger, "ledger:", 7) == 0 ? "" : "ledger:", h->ledger);
		if (n >= (int)sizeof ledger)
			return dp_cli_misuse("hunt", "--ledger: too long a name");
		paths = &one;
		count = 1;
	}
	dp_code code = run(h, paths, (uint32_t)count, &fault);
	done(h);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_hunt(int argc, char **argv)
{
	static hunt h;
	h = (hunt){.min = "0.6", .window = "30d", .format = "text"};
	const dp_option options[] = {
	    {"ledger", "DIR", "a ledger that 'dyepack import' wrote", NULL, &h.ledger},
	    {"technique", "ID", "what to hunt for", NULL, &h.technique},
	    {"techniques", "PATH...", "more techniques: files, or folders of them", NULL,
	     h.techniques},
	    {"no-builtin", NULL, "without the techniques that ship with dyepack", &h.no_builtin,
	     NULL},
	    {"since", "TIME", "begin with this day or time", NULL, &h.since},
	    {"min", "LIKENESS", "tell of flows from this likeness on (0.6)", NULL, &h.min},
	    {"window", "TIME", "how long a flow is looked at (30d)", NULL, &h.window},
	    {"edges", "N", "transfers kept in memory at the most (2097152)", NULL, &h.edges},
	    {"chain", "CHAIN", "bitcoin, ethereum, eip155:10, ... (default: the source tells)",
	     NULL, &h.chain},
	    DP_CLI_TAGS_OPTION(&h.tags_from),
	    {"format", "text|json", "what to print (text); json: an object a line", NULL,
	     &h.format},
	    DP_CLI_SOURCE_OPTIONS(&h.from),
	    {"quiet", NULL, "no progress", &h.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	return run_command(&h, count, argv);
}

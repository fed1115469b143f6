// dyepack link find: which payment of a swapper may belong to what the case brought there. See
// link.h for the parts, link/match.h for the rules.
//
// A payment is looked at from both sides. From the deposit: how many payments of the service could
// be its own (alternatives). From the best payment: how many other deposits could explain it just
// as well (rivals). The confidence of match.h, which counts the first, is divided by one more than
// the second. All is written into the casebook, refusals too: that one looked and could not tell is
// a result.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/sql.h"
#include "cli/cli.h"
#include "cli/ledger_common.h"
#include "cli/link.h"
#include "cli/run.h"

static const char usage[] =
    "Usage: dyepack link find CASEBOOK CASE LEDGER... --tags FILE... [options]\n\n"
    "Looks in ledgers for payments of swappers and bridges that may belong to what the case\n"
    "brought there, by amount, time and fees, ranks them and keeps them in the casebook. Nothing\n"
    "is followed because of it: 'dyepack link accept' is for that. LEDGER is a folder that\n"
    "'dyepack import' wrote; 'dyepack list swappers' has the times and fees.\n";

//- one deposit -----------------------------------------------------------------------------------

struct search {
	dp_link_find *f;
	const dp_link_deposit *d;
	dp_match_model model; // with the window that was asked for
	dp_match_deposit asked;
	dp_link_moves paid;
	dp_match_result result;
	uint32_t rivals;
	uint32_t ledgers; // that reach into the window
};

static dp_match_payment payment_of(const dp_link_side *side, uint64_t no)
{
	return (dp_match_payment){.no = no,
	                          .asset = side->asset,
	                          .amount = side->amount,
	                          .time = side->time,
	                          .to = side->to};
}

// Times near the ends of 64 bits cannot be anybody's: the window is then cut.
static int64_t shifted(int64_t time, int64_t by)
{
	int64_t sum;
	if (!__builtin_add_overflow(time, by, &sum)) return sum;
	return by < 0 ? INT64_MIN : INT64_MAX;
}

static dp_code gather_paid(struct search *k, dp_fault *fault)
{
	int64_t first = shifted(k->d->side.time, k->model.t_min);
	int64_t last = shifted(k->d->side.time, k->model.t_max);
	for (uint32_t i = 0; i < k->f->ledger_count; i++) {
		dp_addr *place = NULL;
		uint32_t count = 0;
		dp_ledger *l = k->f->ledger[i];
		dp_ledger_totals totals;
		dp_ledger_totals_get(l, &totals);
		if (totals.blocks == 0 || totals.time_first > last || totals.time_last < first)
			continue;
		k->ledgers++;
		DP_TRY(dp_link_places(k->f, &place, &count, k->d, dp_ledger_chain(l), fault));
		dp_code code =
		    dp_link_gather(k->f, &k->paid, l, place, count, false, first, last, fault);
		dp_free(place);
		DP_TRY(code);
	}
	return DP_OK;
}

static void rank_paid(struct search *k)
{
	for (uint64_t i = 0; i < k->paid.count; i++) {
		dp_match_payment p = payment_of(&k->paid.item[i], i);
		dp_match_score s;
		if (!dp_match_compare(&s, &k->model, &k->f->rate, &k->asked, &p)) continue;
		s.no = i;
		dp_match_add(&k->result, &s);
	}
	dp_match_judge(&k->result);
}

static bool is_asked(const struct search *k, const dp_link_side *s)
{
	const dp_link_side *d = &k->d->side;
	return memcmp(s->tx, d->tx, 32) == 0 && s->asset.v == d->asset.v &&
	       dp_addr_eq(&s->from, &d->from);
}

static dp_code ask_others(struct search *k, const dp_link_moves *in, const dp_match_payment *best,
                          dp_fault *fault)
{
	dp_match *m;
	dp_match_result r;
	DP_TRY(dp_match_new(&m, &k->model, &k->f->rate, fault));
	dp_code code = DP_OK;
	for (uint64_t i = 0; i < in->count && code == DP_OK; i++) {
		const dp_link_side *s = &in->item[i];
		dp_match_deposit other = {.no = i,
		                          .asset = s->asset,
		                          .amount = s->amount,
		                          .time = s->time,
		                          .user = s->from};
		if (!is_asked(k, s)) code = dp_match_deposit_add(m, &other, fault);
	}
	if (code == DP_OK) {
		dp_match_ask(m, &r, best);
		k->rivals = r.count < UINT32_MAX ? (uint32_t)r.count : UINT32_MAX;
	}
	dp_match_free(m);
	return code;
}

// Other people's deposits that would explain the best payment, on all chains there are ledgers of.
static dp_code find_rivals(struct search *k, dp_fault *fault)
{
	dp_link_moves in = {0};
	dp_code code = DP_OK;
	if (k->result.kept == 0) return DP_OK;
	dp_match_payment best =
	    payment_of(&k->paid.item[k->result.best[0].no], k->result.best[0].no);
	int64_t first = shifted(best.time, -k->model.t_max);
	int64_t last = shifted(best.time, -k->model.t_min);
	for (uint32_t i = 0; i < k->f->ledger_count && code == DP_OK; i++) {
		dp_addr *place = NULL;
		uint32_t count = 0;
		dp_ledger *l = k->f->ledger[i];
		code = dp_link_places(k->f, &place, &count, k->d, dp_ledger_chain(l), fault);
		if (code == DP_OK)
			code = dp_link_gather(k->f, &in, l, place, count, true, first, last, fault);
		dp_free(place);
	}
	if (code == DP_OK) code = ask_others(k, &in, &best, fault);
	dp_free(in.item);
	return code;
}

//- keeping ---------------------------------------------------------------------------------------

static const char *verdict_of(const dp_match_result *r, uint32_t rank)
{
	if (r->is_refused && rank <= 2) return "refused";
	return rank == 1 ? "best" : "ranked";
}

static uint8_t confidence_of(const struct search *k, uint32_t rank)
{
	enum { OTHERS_MAX = 5 }; // as match.h has it for all but the best
	uint64_t points = k->result.confidence / ((uint64_t)k->rivals + 1);
	return (uint8_t)(rank > 1 && points > OTHERS_MAX ? OTHERS_MAX : points);
}

static void reason_of(const struct search *k, char out[400], uint32_t rank)
{
	int n = snprintf(out, 400, "%s", rank > 1 ? "ranked behind another" : k->result.reason);
	if (rank <= 2 && k->result.is_refused) n = snprintf(out, 400, "%s", k->result.reason);
	if (rank == 0 && k->ledgers == 0)
		n = snprintf(out, 400, "no ledger reaches into the window");
	if (rank == 1 && k->rivals > 0)
		n += snprintf(out + n, 400 - (size_t)n,
		              "; %u other deposit%s would explain this payment too", k->rivals,
		              k->rivals == 1 ? "" : "s");
	if (!k->d->is_whole)
		(void)snprintf(out + n, 400 - (size_t)n,
		               "; only the stolen part of the deposit is known: give the ledger "
		               "of %s too",
		               k->d->side.chain->name);
}

static dp_code keep_one(struct search *k, uint32_t rank, int64_t found, dp_fault *fault)
{
	char reason[400];
	const dp_match_result *r = &k->result;
	uint64_t others = r->count > 0 ? r->count - 1 : 0;
	dp_candidate c = {.in = k->d->side,
	                  .rank = rank,
	                  .count = r->kept,
	                  .alternatives = others < UINT32_MAX ? (uint32_t)others : UINT32_MAX,
	                  .model = k->model.name,
	                  .service = k->d->service,
	                  .verdict = "none",
	                  .relation = "",
	                  .reason = reason};
	if (rank > 0) {
		const dp_match_score *s = &r->best[rank - 1];
		c.out = k->paid.item[s->no];
		c.verdict = verdict_of(r, rank);
		c.relation = dp_match_relation_name(s->relation);
		c.has_gap = s->has_gap;
		c.gap_bps = s->gap_bps;
		c.delay = s->delay;
		c.confidence = confidence_of(k, rank);
		c.rivals = rank == 1 ? k->rivals : 0;
	}
	reason_of(k, reason, rank);
	dp_candidate_id(c.id, &c.in, rank > 0 ? &c.out : NULL);
	return dp_candidate_store(dp_casebook_db(k->f->book), k->f->incident, &c, found, fault);
}

static dp_code keep_all(struct search *k, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(k->f->book);
	int64_t found = (int64_t)time(NULL);
	DP_TRY(dp_sql_run(db, "begin immediate", fault));
	dp_code code = dp_candidates_forget(db, k->f->incident, &k->d->side, fault);
	if (code == DP_OK && k->result.kept == 0) code = keep_one(k, 0, found, fault);
	for (uint32_t i = 1; i <= k->result.kept && code == DP_OK; i++)
		code = keep_one(k, i, found, fault);
	if (code == DP_OK) return dp_sql_run(db, "commit", fault);
	(void)sqlite3_exec(db, "rollback", NULL, NULL, NULL);
	return code;
}

static dp_code search_one(dp_link_find *f, dp_link_deposit *d, dp_fault *fault)
{
	const dp_match_model *m = f->model;
	if (m == NULL) m = dp_match_model_of(d->service, d->actor);
	DP_TRY(dp_link_whole(f, d, fault));
	struct search k = {.f = f, .d = d, .model = *m};
	if (f->has_window) {
		k.model.t_min = f->t_min;
		k.model.t_max = f->t_max;
	}
	k.asked = (dp_match_deposit){.asset = d->side.asset,
	                             .amount = d->side.amount,
	                             .time = d->side.time,
	                             .user = d->side.from,
	                             .to = d->stated};
	dp_code code = gather_paid(&k, fault);
	if (code == DP_OK) rank_paid(&k);
	if (code == DP_OK) code = find_rivals(&k, fault);
	if (code == DP_OK) code = keep_all(&k, fault);
	dp_free(k.paid.item);
	return code;
}

//- options ---------------------------------------------------------------------------------------

// "90", "90s", "30m", "6h", "2d"; at most ten years.
static bool read_span(int64_t *ret_seconds, const char *text, size_t n)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	enum { SPAN_MAX = 10 * 366 * 86400 };
	int64_t unit = 1;
	dp_u256 v;
	for (size_t i = 0; i < sizeof units / sizeof *units && n > 0; i++)
		if (text[n - 1] == units[i].letter) {
			unit = units[i].seconds;
			n--;
			break;
		}
	if (n == 0 || dp_u256_parse(&v, text, n, 0, NULL) != DP_OK || !dp_u256_fits64(v) ||
	    v.w[0] > (uint64_t)(SPAN_MAX / unit))
		return false;
	*ret_seconds = (int64_t)v.w[0] * unit;
	return true;
}

static bool read_window(dp_link_find *f)
{
	const char *dash = strchr(f->window, '-'), *last = f->window;
	f->has_window = true;
	if (dash != NULL) {
		if (!read_span(&f->t_min, f->window, (size_t)(dash - f->window))) return false;
		last = dash + 1;
	}
	return read_span(&f->t_max, last, strlen(last)) && f->t_min <= f->t_max;
}

// The first listed asset of this name; which chain's does not matter (match.c).
static dp_asset asset_named(const char *text, size_t n)
{
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		dp_asset a = dp_asset_by_symbol(dp_chain_at(i), text, n);
		if (a.v != 0) return a;
	}
	return DP_ASSET_NONE;
}

// "ETH/BTC=0.0285": for one ETH, so many BTC.
static bool read_rate(dp_link_find *f)
{
	const char *slash = strchr(f->rate_text, '/');
	const char *equals = slash != NULL ? strchr(slash, '=') : NULL;
	if (equals == NULL) return false;
	dp_asset in = asset_named(f->rate_text, (size_t)(slash - f->rate_text));
	dp_asset out = asset_named(slash + 1, (size_t)(equals - slash - 1));
	if (in.v == 0 || out.v == 0) return false;
	f->rate = (dp_match_rate){.in_asset = in, .out_asset = out};
	const char *number = equals + 1;
	if (dp_u256_parse(&f->rate.in, "1", 1, dp_asset_info_of(in)->decimals, NULL) != DP_OK)
		return false;
	return dp_u256_parse(&f->rate.out, number, strlen(number), dp_asset_info_of(out)->decimals,
	                     NULL) == DP_OK &&
	       !dp_u256_is_zero(f->rate.out);
}

static int check_options(dp_link_find *f, int count, const char *command)
{
	int exit_code = dp_cli_ledger_format(&f->format, f->format_name, false, command);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	if (count < 3)
		return dp_cli_misuse(command, "expected CASEBOOK, CASE and at least one LEDGER");
	if (count - 2 > DP_LINK_LEDGERS_MAX) return dp_cli_misuse(command, "too many ledgers");
	if (f->window != NULL && !read_window(f))
		return dp_cli_misuse(command, "--window is a span such as 6h, or 2m-90m");
	if (f->rate_text != NULL && !read_rate(f))
		return dp_cli_misuse(command,
		                     "--rate says how much is given for one: ETH/BTC=0.0285");
	if (f->model_name == NULL) return DP_EXIT_DONE;
	f->model = dp_match_model_find(f->model_name);
	if (f->model != NULL) return DP_EXIT_DONE;
	char names[200] = "";
	for (const dp_match_model *m = dp_match_models; m->name != NULL; m++) {
		size_t n = strlen(names);
		(void)snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? ", " : "", m->name);
	}
	return dp_cli_misuse(command, "no model '%s': there are %s", f->model_name, names);
}

//- all of them -----------------------------------------------------------------------------------

struct folder {
	dp_link_find *f;
	const char *path;
	dp_code code;
	dp_fault *fault;
};

static bool open_ledger(void *context, const dp_chain *chain)
{
	struct folder *o = context;
	dp_link_find *f = o->f;
	for (uint32_t i = 0; i < f->ledger_count && o->code == DP_OK; i++)
		if (dp_ledger_chain(f->ledger[i]) == chain)
			o->code = dp_fail(o->fault, DP_BAD_CASE, "two ledgers of %s are given",
			                  chain->name);
	if (o->code == DP_OK && f->ledger_count == DP_LINK_LEDGERS_MAX)
		o->code = dp_fail(o->fault, DP_LIMIT, "too many ledgers");
	if (o->code == DP_OK)
		o->code = dp_cli_ledger_open(&f->ledger[f->ledger_count], o->path, chain, o->fault);
	if (o->code == DP_OK) f->ledger_count++;
	return o->code == DP_OK;
}

static dp_code open_all(dp_link_find *f, int count, char **argv, dp_fault *fault)
{
	f->casebook = argv[1];
	f->incident = argv[2];
	DP_TRY(dp_casebook_open(&f->book, f->casebook, false, fault));
	DP_TRY(dp_link_case_there(f->book, f->incident, fault));
	for (int i = 3; i <= count; i++) {
		struct folder o = {.f = f, .path = argv[i], .fault = fault};
		DP_TRY(dp_ledger_chains(dp_cli_ledger_folder(argv[i]), open_ledger, &o, fault));
		DP_TRY(o.code);
	}
	return dp_cli_tags_load(&f->tags, &f->tags_from, false, fault);
}

static dp_code find_all(dp_link_find *f, dp_fault *fault)
{
	DP_TRY(dp_link_deposits(f, fault));
	for (uint64_t i = 0; i < f->deposit_count; i++)
		DP_TRY(search_one(f, &f->deposit[i], fault));
	if (f->left_out > 0)
		(void)fprintf(stderr,
		              "dyepack: %llu arrivals are at services that are no swappers or "
		              "bridges as far as is known: --service NAME looks at one\n",
		              (unsigned long long)f->left_out);
	return dp_link_print(f->book, f->incident, f->format, fault);
}

static void close_all(dp_link_find *f)
{
	dp_builder_done(&f->builder);
	for (uint32_t i = 0; i < f->ledger_count; i++) dp_ledger_close(f->ledger[i]);
	dp_tags_free(f->tags);
	dp_casebook_close(f->book);
	dp_free(f->deposit);
}

int dp_cmd_link_find(int argc, char **argv)
{
	dp_link_find f = {.format_name = "text"};
	const dp_option options[] = {
	    DP_CLI_TAGS_OPTION(&f.tags_from),
	    {"service", "NAME", "this service only: a label, an actor or an address", NULL,
	     &f.service},
	    {"window", "MIN-MAX", "from deposit to payment: 6h, 2m-90m (by the service)", NULL,
	     &f.window},
	    {"model", "NAME", "the service's fees and times (by its name)", NULL, &f.model_name},
	    {"rate", "A/B=N", "what was given for one A at that time: ETH/BTC=0.0285", NULL,
	     &f.rate_text},
	    {"format", "text|json", "what to print (text)", NULL, &f.format_name},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	dp_fault fault = {0};
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = check_options(&f, count, argv[0]);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	dp_code code = open_all(&f, count, argv, &fault);
	if (code == DP_OK) code = find_all(&f, &fault);
	close_all(&f);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

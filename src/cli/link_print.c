// Prints the links of a case: crossings, which a protocol's own key proves; candidates, which
// amount, time and fees suggest; and what people decided about those. Never one for the other: each
// stands under its own heading, and what is inferred says how sure it is and how many others there
// are (I-8).
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "cli/cli.h"
#include "cli/link.h"
#include "cli/tag_command.h"
#include "codec/time.h"

struct printer {
	dp_casebook *book;
	const char *incident;
	bool is_json;
	dp_json_out json;
	uint64_t count;
	char deposit[900]; // the last that was printed
};

enum { TEXT_MAX = 400, AMOUNT_MAX = DP_U256_DEC_MAX + 32 };

static const char *amount_text(char out[AMOUNT_MAX], dp_u256 amount, dp_asset asset)
{
	char number[DP_U256_DEC_MAX];
	const dp_asset_info *info = dp_asset_info_of(asset);
	dp_u256_format(number, amount, info->decimals);
	(void)snprintf(out, AMOUNT_MAX, "%s %s", number, info->symbol);
	return out;
}

static void heading(const struct printer *p, const char *text)
{
	if (p->count > 0) (void)putchar('\n');
	(void)printf("%s\n", text);
}

static void json_member(struct printer *p, const char *key, const char *text)
{
	dp_json_key(&p->json, key);
	if (text != NULL && text[0] != 0)
		dp_json_string(&p->json, text);
	else
		dp_json_null(&p->json);
}

//- crossings -------------------------------------------------------------------------------------

static const char crossing_sql[] =
    "select protocol, store, proven, coalesce(ref,''), coalesce(text,''), chain, height, time, tx, "
    "coalesce(address,''), coalesce(asset,''), coalesce(units,''), coalesce(to_chain,''), "
    "coalesce(to_address,''), coalesce(out_chain,''), out_time, coalesce(out_tx,''), "
    "coalesce(out_address,''), coalesce(out_asset,''), coalesce(out_units,''), open, "
    "coalesce(key,'') from crossing where company in (select company from run where id in (select "
    "run from colour where incident=?)) order by time, chain, tx, key";

// An amount as it stands in the file, in coins where its asset is known.
static const char *stored_amount(char out[AMOUNT_MAX], const char *chain_name,
                                 const char *asset_name, const char *units)
{
	dp_asset asset;
	dp_u256 amount;
	const dp_chain *chain = dp_chain_find(chain_name, strlen(chain_name));
	if (chain != NULL && asset_name[0] != 0 &&
	    dp_asset_parse(&asset, chain, asset_name, strlen(asset_name), NULL) == DP_OK &&
	    dp_u256_parse(&amount, units, strlen(units), 0, NULL) == DP_OK)
		return amount_text(out, amount, asset);
	(void)snprintf(out, AMOUNT_MAX, "an amount that is not known");
	return out;
}

// No protocol shows this one: somebody said so, in the case file or by `dyepack link accept`. That
// proves nothing, however it is followed.
static bool is_somebodys_word(sqlite3_stmt *s)
{
	return dp_sql_get_text(s, 0)[0] == 0 && strcmp(dp_sql_get_text(s, 1), "transit") == 0;
}

static void crossing_text(sqlite3_stmt *s)
{
	char in[AMOUNT_MAX], out[AMOUNT_MAX], time[DP_TIME_TEXT_MAX], said[TEXT_MAX];
	dp_time_format(time, sqlite3_column_int64(s, 7));
	stored_amount(in, dp_sql_get_text(s, 5), dp_sql_get_text(s, 10), dp_sql_get_text(s, 11));
	bool is_word = is_somebodys_word(s);
	(void)printf("  %s %s %s: %s from %s in %s\n", time,
	             is_word ? "accepted" : dp_sql_get_text(s, 0),
	             is_word ? "link" : dp_sql_get_text(s, 1), in, dp_sql_get_text(s, 9),
	             dp_sql_get_text(s, 8));
	dp_cli_plain(said, sizeof said, dp_sql_get_text(s, 4));
	if (said[0] != 0) (void)printf("      %s\n", said);
	if (dp_sql_get_text(s, 16)[0] == 0) {
		(void)printf("      nothing has come out%s\n",
		             dp_sql_get_text(s, 21)[0] == 0
		                 ? ", and no key would show it: dyepack link find"
		                 : " so far");
		return;
	}
	stored_amount(out, dp_sql_get_text(s, 14), dp_sql_get_text(s, 18), dp_sql_get_text(s, 19));
	dp_time_format(time, sqlite3_column_int64(s, 15));
	(void)printf("      came out %s: %s to %s in %s%s\n", time, out, dp_sql_get_text(s, 17),
	             dp_sql_get_text(s, 16), sqlite3_column_int(s, 20) != 0 ? ", not all" : "");
}

static void crossing_json(struct printer *p, sqlite3_stmt *s)
{
	static const struct {
		const char *key;
		int column;
	} members[] = {
	    {"protocol", 0},    {"store", 1},   {"key", 21},         {"ref", 3},
	    {"text", 4},        {"chain", 5},   {"tx", 8},           {"address", 9},
	    {"asset", 10},      {"amount", 11}, {"to_chain", 12},    {"to_address", 13},
	    {"out_chain", 14},  {"out_tx", 16}, {"out_address", 17}, {"out_asset", 18},
	    {"out_amount", 19},
	};
	dp_json_object(&p->json);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		json_member(p, members[i].key, dp_sql_get_text(s, members[i].column));
	dp_cli_json_time(&p->json, "time", sqlite3_column_int64(s, 7));
	if (dp_sql_get_text(s, 16)[0] != 0)
		dp_cli_json_time(&p->json, "out_time", sqlite3_column_int64(s, 15));
	dp_json_key(&p->json, "proven");
	dp_json_boolean(&p->json, sqlite3_column_int(s, 2) != 0 && !is_somebodys_word(s));
	dp_json_key(&p->json, "open");
	dp_json_boolean(&p->json, sqlite3_column_int(s, 20) != 0);
	dp_json_object_end(&p->json);
}

static dp_code print_crossings(struct printer *p, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(p->book);
	sqlite3_stmt *s;
	uint64_t count = 0;
	dp_code code;
	DP_TRY(dp_sql_prepare(db, &s, crossing_sql, fault));
	dp_sql_text(s, 1, p->incident);
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		if (!p->is_json && count++ == 0)
			heading(p, "Crossings, by the protocols' own keys or by somebody's word:");
		if (p->is_json)
			crossing_json(p, s);
		else
			crossing_text(s);
	}
	(void)sqlite3_finalize(s);
	p->count += count;
	return code == DP_END ? DP_OK : code;
}

//- candidates ------------------------------------------------------------------------------------

static void side_json(struct printer *p, const char *key, const dp_link_side *side)
{
	char text[DP_ADDR_TEXT_MAX], asset[DP_ASSET_TEXT_MAX], tx[DP_TXID_TEXT_MAX];
	dp_json_key(&p->json, key);
	if (side->chain == NULL) {
		dp_json_null(&p->json);
		return;
	}
	dp_json_object(&p->json);
	json_member(p, "chain", side->chain->name);
	dp_txid_format(tx, side->tx, side->chain);
	json_member(p, "tx", tx);
	dp_json_key(&p->json, "height");
	dp_json_uint(&p->json, side->height);
	dp_cli_json_time(&p->json, "time", side->time);
	json_member(p, "from", dp_cli_addr_text(text, &side->from, side->chain));
	json_member(p, "to", dp_cli_addr_text(text, &side->to, side->chain));
	dp_asset_caip19(asset, side->asset);
	json_member(p, "asset", asset);
	json_member(p, "symbol", dp_asset_info_of(side->asset)->symbol);
	dp_cli_json_u256(&p->json, "amount", side->amount);
	dp_json_object_end(&p->json);
}

static void number_json(struct printer *p, const char *key, uint64_t v)
{
	dp_json_key(&p->json, key);
	dp_json_uint(&p->json, v);
}

static void candidate_json(struct printer *p, const dp_candidate *c, const dp_decided *d)
{
	dp_json_object(&p->json);
	json_member(p, "id", c->id);
	json_member(p, "verdict", c->verdict);
	json_member(p, "reason", c->reason);
	json_member(p, "service", c->service);
	json_member(p, "model", c->model);
	number_json(p, "rank", c->rank);
	number_json(p, "ranked", c->count);
	number_json(p, "alternatives", c->alternatives);
	number_json(p, "rivals", c->rivals);
	number_json(p, "confidence", c->confidence);
	json_member(p, "relation", c->relation);
	dp_json_key(&p->json, "gap_bps");
	if (c->has_gap)
		dp_json_uint(&p->json, c->gap_bps);
	else
		dp_json_null(&p->json);
	dp_json_key(&p->json, "delay");
	dp_json_int(&p->json, c->delay);
	side_json(p, "in", &c->in);
	side_json(p, "out", &c->out);
	json_member(p, "decision",
	            !d->is_decided   ? NULL
	            : d->is_accepted ? "accepted"
	                             : "rejected");
	dp_json_object_end(&p->json);
}

// What the candidates below have in common; once for all of them.
static void deposit_text(struct printer *p, const dp_candidate *c)
{
	char line[sizeof p->deposit], amount[AMOUNT_MAX], time[DP_TIME_TEXT_MAX];
	char tx[DP_TXID_TEXT_MAX], place[DP_ADDR_TEXT_MAX], service[TEXT_MAX];
	const dp_link_side *in = &c->in;
	dp_time_format(time, in->time);
	dp_txid_format(tx, in->tx, in->chain);
	dp_cli_addr_text(place, &in->to, in->chain);
	dp_cli_plain(service, DP_LINK_NAME_MAX, c->service);
	(void)snprintf(line, sizeof line, "%s %s to %.199s %s (%.40s) in %s", time,
	               amount_text(amount, in->amount, in->asset), service, place, c->model, tx);
	if (strcmp(line, p->deposit) == 0) return;
	memcpy(p->deposit, line, sizeof line);
	(void)printf("  %s\n", line);
}

static void candidate_text(struct printer *p, const dp_candidate *c, const dp_decided *d)
{
	char amount[AMOUNT_MAX], tx[DP_TXID_TEXT_MAX], to[DP_ADDR_TEXT_MAX], reason[TEXT_MAX];
	deposit_text(p, c);
	dp_cli_plain(reason, sizeof reason, c->reason);
	const char *decided = !d->is_decided ? "" : d->is_accepted ? " ACCEPTED" : " REJECTED";
	if (c->rank == 0) {
		(void)printf("    %s  none: %s%s\n", c->id, reason, decided);
		return;
	}
	dp_txid_format(tx, c->out.tx, c->out.chain);
	dp_cli_addr_text(to, &c->out.to, c->out.chain);
	(void)printf("    %s  %u of %u, %s, confidence %u%s\n", c->id, c->rank, c->count,
	             c->verdict, c->confidence, decided);
	(void)printf("      %s to %s on %s in %s\n",
	             amount_text(amount, c->out.amount, c->out.asset), to, c->out.chain->name, tx);
	(void)printf("      %lld s later, asset %s", (long long)c->delay, c->relation);
	if (c->has_gap)
		(void)printf(", %llu.%02llu %% less", (unsigned long long)(c->gap_bps / 100),
		             (unsigned long long)(c->gap_bps % 100));
	(void)printf(", %u alternative%s: %s\n", c->alternatives, c->alternatives == 1 ? "" : "s",
	             reason);
}

static dp_code visit_candidate(void *context, const dp_candidate *c, const dp_decided *d,
                               dp_fault *fault)
{
	struct printer *p = context;
	(void)fault;
	if (p->is_json) {
		candidate_json(p, c, d);
		return DP_OK;
	}
	if (p->deposit[0] == 0)
		heading(p, "Candidates, by amount, time and fees (inferred; they taint nothing):");
	candidate_text(p, c, d);
	p->count++;
	return DP_OK;
}

//- decisions -------------------------------------------------------------------------------------

struct decisions {
	struct printer *p;
	uint64_t count;
};

static dp_code visit_decision(void *context, const char *id, bool is_accepted, const char *words,
                              int64_t time, dp_fault *fault)
{
	struct decisions *k = context;
	struct printer *p = k->p;
	const char *verdict = is_accepted ? "accepted" : "rejected";
	(void)fault;
	if (p->is_json) {
		dp_json_object(&p->json);
		json_member(p, "id", id);
		json_member(p, "verdict", verdict);
		json_member(p, "by", words);
		dp_cli_json_time(&p->json, "time", time);
		dp_json_object_end(&p->json);
		return DP_OK;
	}
	char said[DP_DECISION_WORDS_MAX + 1], when[DP_TIME_TEXT_MAX];
	if (k->count++ == 0) heading(p, "Decisions, oldest first (the last of a link counts):");
	dp_time_format(when, time);
	(void)printf("  %s %s %s: %s\n", when, id, verdict, dp_cli_plain(said, sizeof said, words));
	p->count++;
	return DP_OK;
}

static void begin_list(struct printer *p, const char *key)
{
	if (!p->is_json) return;
	dp_json_key(&p->json, key);
	dp_json_array(&p->json);
}

static void end_list(struct printer *p)
{
	if (p->is_json) dp_json_array_end(&p->json);
}

dp_code dp_link_print(dp_casebook *book, const char *incident, dp_cli_format format,
                      dp_fault *fault)
{
	struct printer p = {.book = book,
	                    .incident = incident,
	                    .is_json = format == DP_FORMAT_JSON,
	                    .json = dp_cli_json(fault)};
	struct decisions k = {.p = &p};
	DP_CHECK(book != NULL && incident != NULL);
	if (p.is_json) {
		dp_json_object(&p.json);
		json_member(&p, "case", incident);
	}
	begin_list(&p, "crossings");
	DP_TRY(print_crossings(&p, fault));
	end_list(&p);
	begin_list(&p, "candidates");
	DP_TRY(dp_candidates_visit(dp_casebook_db(book), incident, visit_candidate, &p, fault));
	end_list(&p);
	begin_list(&p, "decisions");
	DP_TRY(dp_decisions_visit(dp_casebook_db(book), incident, visit_decision, &k, fault));
	end_list(&p);
	if (p.is_json) {
		dp_json_object_end(&p.json);
		return dp_json_finish(&p.json);
	}
	if (p.count == 0)
		(void)printf("no links: nothing crossed a bridge with a key, and 'dyepack link "
		             "find' has found nothing\n");
	return DP_OK;
}

// Answering and printing, see screen.h. An address is answered with its verdict; a transaction with
// the verdicts of everybody in it, as of its own time unless another one is asked for: who was on
// no list then must not look as if he had been.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ledger_command.h"
#include "cli/screen.h"
#include "codec/time.h"

enum { ENDS_MAX = 1 << 16, WHERE_MAX = 64, INPUT_SHOWN_MAX = 200, TEXT_SHOWN_MAX = 127 };
_Static_assert((int)TEXT_SHOWN_MAX < (int)DP_PLACE_TEXT_MAX, "room for it");

// Everybody in a transaction, each once.
typedef struct tx_end {
	dp_addr addr;
	char where[WHERE_MAX]; // "input 3", "from", ...: the first place, and how many more
	uint32_t more;
} tx_end;

typedef struct tx_answer {
	char id[DP_TXID_TEXT_MAX];
	bool is_found;
	uint64_t height;
	int64_t time;
	const dp_chain *chain;
	tx_end *end;
	uint64_t cap;
	uint32_t count;
} tx_answer;

static dp_screen_sink to_stdout(void)
{
	return (dp_screen_sink){dp_cli_write, stdout};
}

static dp_json_out line_of(dp_fault *fault)
{
	return (dp_json_out){
	    .write = dp_cli_write, .context = stdout, .fault = fault, .compact_depth = 1};
}

// What was asked, as text that ends where it ends.
static void copy_input(char out[INPUT_SHOWN_MAX], const dp_screen_ask *ask)
{
	size_t n = ask->size < INPUT_SHOWN_MAX - 1 ? ask->size : INPUT_SHOWN_MAX - 1;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)ask->text[i];
		out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
		// The control characters that UTF-8 writes in two bytes.
		bool is_long = i > 0 && (unsigned char)out[i - 1] == 0xc2 && c >= 0x80 && c < 0xa0;
		if (is_long) out[i - 1] = out[i] = '?';
	}
	out[n] = 0;
}

bool dp_screen_is_tx(const dp_screen_ask *ask)
{
	const char *p = ask->text;
	size_t n = ask->size;
	if (n == 66 && p[0] == '0' && (p[1] | 0x20) == 'x') p += 2, n -= 2;
	if (n != 64) return false;
	for (size_t i = 0; i < n; i++) {
		char c = (char)(p[i] | 0x20);
		if (!((p[i] >= '0' && p[i] <= '9') || (c >= 'a' && c <= 'f'))) return false;
	}
	return true;
}

//- one object after another ----------------------------------------------------------------------

static dp_code separate(dp_screen_run *r, dp_fault *fault)
{
	bool is_first = r->answers++ == 0;
	if (r->format != DP_SCREEN_TEXT || is_first) return DP_OK;
	return dp_cli_write(stdout, "\n", 1, fault);
}

// An object of its own line, or one in the list of the whole.
static dp_json_out *object_out(dp_screen_run *r, dp_json_out *line, dp_fault *fault)
{
	if (r->format == DP_SCREEN_JSON) return &r->json;
	*line = line_of(fault);
	return line;
}

static dp_code object_done(dp_screen_run *r, dp_json_out *o)
{
	return r->format == DP_SCREEN_JSON ? o->code : dp_json_finish(o);
}

// The row of what could not be judged. No more of what strangers wrote stands in it than the input.
static dp_code csv_error(const dp_screen_ask *ask, const char *input, const char *why,
                         dp_fault *fault)
{
	char shown[INPUT_SHOWN_MAX], text[INPUT_SHOWN_MAX + 128], where[40] = "";
	size_t n = strlen(input);
	DP_CHECK(n < sizeof shown);
	memcpy(shown, input, n + 1);
	for (char *p = shown; *p != 0; p++)
		if (*p == '"' || *p == ',') *p = '?';
	if (ask->line > 0)
		(void)snprintf(where, sizeof where, "line %llu: ", (unsigned long long)ask->line);
	// An apostrophe keeps a spreadsheet from taking it for a formula.
	const char *guard = shown[0] != 0 && strchr("=+-@", shown[0]) != NULL ? "'" : "";
	int size = snprintf(text, sizeof text, "\"%s%s\",,,error,,,,\"%s%s\",,,,,,,,,,,\n", guard,
	                    shown, where, why);
	DP_CHECK(size > 0 && (size_t)size < sizeof text);
	return dp_cli_write(stdout, text, (size_t)size, fault);
}

static dp_code say_error(dp_screen_run *r, const dp_screen_ask *ask, const dp_fault *what,
                         dp_fault *fault)
{
	char input[INPUT_SHOWN_MAX], text[DP_FAULT_TEXT_MAX + INPUT_SHOWN_MAX + 64];
	dp_json_out line, *o;
	copy_input(input, ask);
	DP_TRY(separate(r, fault));
	r->errors++;
	if (r->format == DP_SCREEN_TEXT) {
		int n = snprintf(text, sizeof text, "%s\nERROR: line %llu: %s\n", input,
		                 (unsigned long long)ask->line, what->text);
		DP_CHECK(n > 0 && (size_t)n < sizeof text);
		return dp_cli_write(stdout, text, (size_t)n, fault);
	}
	if (r->format == DP_SCREEN_CSV) return csv_error(ask, input, "no address", fault);
	o = object_out(r, &line, fault);
	dp_json_object(o);
	dp_json_key(o, "input");
	dp_json_string(o, input);
	dp_json_key(o, "line");
	dp_json_uint(o, ask->line);
	dp_json_key(o, "error");
	dp_json_string(o, what->text);
	dp_json_object_end(o);
	return object_done(r, o);
}

static dp_code print_verdict(dp_screen_run *r, const dp_verdict *v, const char *input,
                             dp_fault *fault)
{
	dp_screen_sink sink = to_stdout();
	dp_json_out line, *o;
	DP_TRY(separate(r, fault));
	if (r->format == DP_SCREEN_TEXT) return dp_verdict_text(v, &sink, fault);
	if (r->format == DP_SCREEN_CSV) return dp_verdict_csv(v, input, &sink, fault);
	o = object_out(r, &line, fault);
	dp_verdict_json(v, o, input, NULL);
	return object_done(r, o);
}

static dp_code answer_address(dp_screen_run *r, const dp_screen_ask *ask, dp_fault *fault)
{
	char input[INPUT_SHOWN_MAX];
	dp_addr addr;
	dp_fault what = {0};
	dp_verdict v;
	const dp_network *network = r->network;
	if (dp_screener_parse(&addr, &network, ask->text, ask->size, &what) != DP_OK)
		return ask->line > 0 ? say_error(r, ask, &what, fault)
		                     : dp_fail(fault, what.code, "%s", what.text);
	copy_input(input, ask);
	DP_TRY(dp_verdict_start(&v, r->screener, &addr, network, r->at, fault));
	dp_code code = DP_OK;
	v.is_guessed = r->network == NULL && memchr(ask->text, ':', ask->size) == NULL;
	// What cannot be written back (Monero, Ripple, ...) is shown as it was asked.
	if (v.text[0] == 0) (void)snprintf(v.text, sizeof v.text, "%.*s", TEXT_SHOWN_MAX, input);
	if (r->ledger != NULL) code = dp_screen_ledger_add(r->ledger, &v, true, fault);
	if (code == DP_OK) code = dp_verdict_finish(&v, fault);
	if (code == DP_OK) code = print_verdict(r, &v, input, fault);
	if (code == DP_OK) r->counts[v.level]++;
	dp_verdict_done(&v);
	return code;
}

//- transactions ----------------------------------------------------------------------------------

static dp_code add_end(tx_answer *t, const dp_addr *addr, const char *what, uint32_t no,
                       dp_fault *fault)
{
	if (addr->kind == DP_ADDR_NONE || addr->kind == DP_ADDR_NULLDATA) return DP_OK;
	for (uint32_t i = 0; i < t->count; i++)
		if (dp_addr_eq(&t->end[i].addr, addr)) {
			t->end[i].more++;
			return DP_OK;
		}
	void *items = t->end;
	DP_TRY(dp_grow(&items, &t->cap, sizeof *t->end, (uint64_t)t->count + 1, ENDS_MAX, fault));
	t->end = items;
	tx_end *e = &t->end[t->count++];
	*e = (tx_end){.addr = *addr};
	(void)snprintf(e->where, sizeof e->where, "%s %u", what, no);
	return DP_OK;
}

static dp_code add_ends(tx_answer *t, const dp_block *b, const dp_tx *tx, dp_fault *fault)
{
	uint32_t inputs = 0, outputs = 0;
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		if (mv->kind == DP_MV_INPUT) {
			DP_TRY(add_end(t, &mv->from, "input", inputs++, fault));
		} else if (mv->kind == DP_MV_OUTPUT) {
			DP_TRY(add_end(t, &mv->to, "output", outputs++, fault));
		} else if (mv->kind == DP_MV_FEE) {
			// Who pays it sent the transaction, whoever's money it moves. It goes to
			// whoever made the block, who is no part of what is asked.
			DP_TRY(add_end(t, &mv->from, "sender, fee of movement", i, fault));
		} else if (mv->asset.v != 0 && (mv->flags & DP_MVF_UNSIGNED_ZERO) == 0) {
			// Anybody can name anybody in a transfer of nothing.
			DP_TRY(add_end(t, &mv->from, "sender of movement", i, fault));
			DP_TRY(add_end(t, &mv->to, "receiver of movement", i, fault));
		}
	}
	return DP_OK;
}

static dp_code find_tx(dp_screen_run *r, tx_answer *t, const dp_screen_ask *ask, dp_fault *fault)
{
	dp_ledger *l = dp_screen_ledger_of(r->ledger);
	dp_block_builder b = {0};
	uint64_t tx_no = 0, block_no = 0;
	uint8_t id[32];
	t->chain = dp_ledger_chain(l);
	// Account chains write 0x before it, others do not; both are understood.
	const char *text = ask->text;
	size_t n = ask->size;
	char prefixed[68] = "0x";
	if (t->chain->kind == DP_CHAIN_UTXO && n == 66) text += 2, n -= 2;
	if (t->chain->kind == DP_CHAIN_ACCOUNT && n == 64) {
		memcpy(prefixed + 2, text, n);
		text = prefixed;
		n += 2;
	}
	DP_TRY(dp_txid_parse(id, text, n, t->chain, fault));
	dp_code code = dp_ledger_find_tx(l, &tx_no, id, UINT64_MAX, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	DP_TRY(code);
	DP_TRY(dp_ledger_block_of_tx(l, &block_no, tx_no, fault));
	code = dp_ledger_start_block(l, &b, block_no, fault);
	if (code == DP_OK) code = dp_ledger_append_tx(l, &b, tx_no, fault);
	if (code == DP_OK) code = add_ends(t, &b.block, &b.block.tx[0], fault);
	t->is_found = code == DP_OK;
	t->height = b.block.height;
	t->time = b.block.time;
	dp_builder_done(&b);
	return code;
}

typedef struct tx_verdicts {
	dp_verdict *v;
	const char **where;
	uint32_t count;
	dp_risk_level level;
} tx_verdicts;

static dp_code judge_end(dp_screen_run *r, tx_verdicts *all, const dp_addr *addr,
                         const dp_network *network, int64_t at, const char *where, dp_fault *fault)
{
	dp_verdict *v = &all->v[all->count];
	DP_TRY(dp_verdict_start(v, r->screener, addr, network, at, fault));
	all->where[all->count++] = where;
	if (r->ledger != NULL && addr->kind < DP_ADDR_KIND_COUNT)
		DP_TRY(dp_screen_ledger_add(r->ledger, v, false, fault));
	DP_TRY(dp_verdict_finish(v, fault));
	if (v->level > all->level) all->level = v->level;
	return DP_OK;
}

// A transaction that is not there says nothing about anybody; unless a list names itself.
static bool is_unjudged(const tx_answer *t, const tx_verdicts *all)
{
	return !t->is_found && all->level == DP_RISK_NONE;
}

static const char *why_unjudged(const tx_answer *t)
{
	return t->chain != NULL ? "not in the ledger" : "who is in it needs --ledger";
}

static dp_code print_tx_text(const tx_answer *t, const tx_verdicts *all, const char *input,
                             dp_fault *fault)
{
	dp_screen_sink sink = to_stdout();
	char time[DP_TIME_TEXT_MAX] = "";
	uint32_t clean = 0;
	DP_CHECK(!t->is_found || t->chain != NULL);
	if (t->is_found) dp_time_format(time, t->time);
	if (t->is_found)
		(void)printf("transaction %s on %s, block %llu, %s\n", t->id, t->chain->name,
		             (unsigned long long)t->height, time);
	else
		(void)printf("transaction %s: %s\n", input, why_unjudged(t));
	if (is_unjudged(t, all)) {
		(void)printf("NOT JUDGED\n");
		return DP_OK;
	}
	(void)printf("worst of %u: %s\n", all->count, dp_risk_level_name(all->level));
	for (uint32_t i = 0; i < all->count; i++) {
		if (all->v[i].fact_count == 0) {
			clean++;
			continue;
		}
		(void)printf("\n%s%s", all->where[i], all->where[i][0] != 0 ? ": " : "");
		DP_TRY(dp_verdict_text(&all->v[i], &sink, fault));
	}
	if (clean > 0)
		(void)printf("\nof %u %s nothing is known\n", clean,
		             clean < all->count ? "others" : "places");
	return DP_OK;
}

static void tx_json(const tx_answer *t, const tx_verdicts *all, dp_json_out *o, const char *input)
{
	char time[DP_TIME_TEXT_MAX];
	dp_json_object(o);
	dp_json_key(o, "input");
	dp_json_string(o, input);
	dp_json_key(o, "found");
	dp_json_boolean(o, t->is_found);
	if (is_unjudged(t, all)) {
		dp_json_key(o, "error");
		dp_json_string(o, why_unjudged(t));
	}
	if (t->is_found) {
		dp_json_key(o, "tx");
		dp_json_string(o, t->id);
		dp_json_key(o, "chain");
		dp_json_string(o, t->chain->name);
		dp_json_key(o, "height");
		dp_json_uint(o, t->height);
		dp_time_format(time, t->time);
		dp_json_key(o, "time");
		dp_json_string(o, time);
	}
	if (!is_unjudged(t, all)) {
		dp_json_key(o, "level");
		dp_json_string(o, dp_risk_level_name(all->level));
	}
	dp_json_key(o, "addresses");
	dp_json_array(o);
	for (uint32_t i = 0; i < all->count; i++)
		dp_verdict_json(&all->v[i], o, NULL, all->where[i]);
	dp_json_array_end(o);
	dp_json_object_end(o);
}

static dp_code print_tx(dp_screen_run *r, const tx_answer *t, const tx_verdicts *all,
                        const char *input, const dp_screen_ask *ask, dp_fault *fault)
{
	dp_screen_sink sink = to_stdout();
	dp_json_out line, *o;
	DP_TRY(separate(r, fault));
	if (r->format == DP_SCREEN_TEXT) return print_tx_text(t, all, input, fault);
	if (r->format == DP_SCREEN_CSV && is_unjudged(t, all))
		return csv_error(ask, input, why_unjudged(t), fault);
	if (r->format == DP_SCREEN_CSV) {
		for (uint32_t i = 0; i < all->count; i++)
			DP_TRY(dp_verdict_csv(&all->v[i], input, &sink, fault));
		return DP_OK;
	}
	o = object_out(r, &line, fault);
	tx_json(t, all, o, input);
	return object_done(r, o);
}

static dp_code judge_tx(dp_screen_run *r, tx_answer *t, const dp_screen_ask *ask, dp_fault *fault)
{
	char input[INPUT_SHOWN_MAX];
	dp_place place;
	tx_verdicts all = {0};
	copy_input(input, ask);
	int64_t at = t->is_found && r->at == DP_AT_LATEST ? t->time : r->at;
	const dp_network *network = t->chain != NULL ? dp_network_of(t->chain) : r->network;
	all.v = dp_alloc(((uint64_t)t->count + 1) * sizeof *all.v);
	all.where = dp_alloc(((uint64_t)t->count + 1) * sizeof *all.where);
	dp_code code = DP_OK;
	if (all.v == NULL || all.where == NULL)
		code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	// Some lists name transactions.
	if (code == DP_OK) code = dp_place_parse_tx(&place, ask->text, ask->size, network, fault);
	if (code == DP_OK) code = judge_end(r, &all, &place.addr, network, at, "", fault);
	for (uint32_t i = 0; i < t->count && code == DP_OK; i++) {
		tx_end *e = &t->end[i];
		size_t n = strlen(e->where);
		if (e->more > 0)
			(void)snprintf(e->where + n, sizeof e->where - n, " and %u more places",
			               e->more);
		code = judge_end(r, &all, &e->addr, network, at, e->where, fault);
	}
	if (code == DP_OK) code = print_tx(r, t, &all, input, ask, fault);
	// Nobody in it was judged: that is not "none".
	if (code == DP_OK && is_unjudged(t, &all))
		r->errors++;
	else if (code == DP_OK)
		r->counts[all.level]++;
	for (uint32_t i = 0; i < all.count; i++) dp_verdict_done(&all.v[i]);
	dp_free(all.v);
	dp_free(all.where);
	return code;
}

dp_code dp_screen_answer(dp_screen_run *r, const dp_screen_ask *ask, dp_fault *fault)
{
	tx_answer t = {0};
	// 64 digits are a transaction, but for a chain of another making: a Monero payment id is
	// listed as a place.
	bool is_foreign = r->network != NULL && r->network->chain == NULL;
	if (!dp_screen_is_tx(ask) || is_foreign) return answer_address(r, ask, fault);
	dp_code code = DP_OK;
	if (r->ledger != NULL) code = find_tx(r, &t, ask, fault);
	if (t.is_found) {
		uint8_t id[32];
		const char *text = ask->size == 66 ? ask->text + 2 : ask->text;
		char prefixed[68] = "0x";
		memcpy(prefixed + 2, text, 64);
		bool is_utxo = t.chain->kind == DP_CHAIN_UTXO;
		if (code == DP_OK)
			code = dp_txid_parse(id, is_utxo ? prefixed + 2 : prefixed,
			                     is_utxo ? 64 : 66, t.chain, fault);
		if (code == DP_OK) dp_txid_format(t.id, id, t.chain);
	}
	if (code == DP_OK) code = judge_tx(r, &t, ask, fault);
	dp_free(t.end);
	return code;
}

//- the whole -------------------------------------------------------------------------------------

dp_code dp_screen_begin(dp_screen_run *r, dp_fault *fault)
{
	if (r->format == DP_SCREEN_CSV)
		return dp_cli_write(stdout, DP_VERDICT_CSV_HEADER, strlen(DP_VERDICT_CSV_HEADER),
		                    fault);
	if (r->format != DP_SCREEN_JSON) return DP_OK;
	r->json = dp_cli_json(fault);
	dp_json_object(&r->json);
	dp_json_key(&r->json, "tags");
	dp_json_uint(&r->json, dp_tags_count(dp_screener_tags(r->screener)));
	dp_json_key(&r->json, "cases");
	dp_json_uint(&r->json, dp_held_case_count(dp_screener_held(r->screener)));
	dp_json_key(&r->json, "rules");
	dp_json_uint(&r->json, dp_screener_rules(r->screener)->count);
	dp_json_key(&r->json, "results");
	dp_json_array(&r->json);
	return r->json.code;
}

dp_code dp_screen_end(dp_screen_run *r, dp_fault *fault)
{
	(void)fault;
	if (r->format != DP_SCREEN_JSON) return DP_OK;
	dp_json_array_end(&r->json);
	dp_json_key(&r->json, "counts");
	dp_json_object(&r->json);
	for (uint32_t i = 0; i < DP_RISK_LEVEL_COUNT; i++) {
		dp_json_key(&r->json, dp_risk_level_name((dp_risk_level)i));
		dp_json_uint(&r->json, r->counts[i]);
	}
	dp_json_key(&r->json, "errors");
	dp_json_uint(&r->json, r->errors);
	dp_json_object_end(&r->json);
	dp_json_object_end(&r->json);
	return dp_json_finish(&r->json);
}

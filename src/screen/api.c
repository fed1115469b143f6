// The public header's functions (include/dyepack.h): a thin layer over screener.h and verdict.h, so
// that what other programs are built against stays the same when those change.
#include <dyepack.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "dp_version.h"
#include "screen/verdict.h"

// A dyepack_screener is a dp_screener; the names differ so that neither header needs the other.
_Static_assert(sizeof(dp_addr) == sizeof(((dyepack_verdict *)0)->address), "an address fits");
_Static_assert((int)DYEPACK_SEVERE == (int)DP_RISK_SEVERE, "levels are the same");
_Static_assert((int)DYEPACK_SANCTIONED == (int)DP_SF_SANCTIONED, "flags are the same");
_Static_assert((int)DYEPACK_LATER_SANCTIONED == (int)DP_SF_LATER_SANCTIONED, "as above");
_Static_assert((int)DYEPACK_TAINTED_NOW == (int)DP_SF_TAINTED_NOW, "as above");
_Static_assert((int)DYEPACK_LOOKALIKE == (int)DP_SF_LOOKALIKE, "as above");
_Static_assert((int)DYEPACK_TAGGED == (int)DP_SF_TAGGED, "as above");

static const dp_screener *inner(const dyepack_screener *s)
{
	DP_CHECK(s != NULL);
	return (const dp_screener *)(const void *)s;
}

static int code_of(dp_code code)
{
	if (code == DP_OK) return DYEPACK_OK;
	if (code == DP_NO_MEMORY) return DYEPACK_NO_MEMORY;
	return code == DP_NOT_FOUND || code == DP_IO ? DYEPACK_NOT_FOUND : DYEPACK_BAD_INPUT;
}

int dyepack_open(dyepack_screener **screener, const dyepack_options *options, char *error,
                 size_t error_size)
{
	dyepack_options o = {0};
	dp_fault fault = {0};
	dp_screener *s = NULL;
	DP_CHECK(screener != NULL && options != NULL);
	// A caller that was built with an older header knows fewer fields, never others.
	memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
	dp_code code = DP_OK;
	if (o.size == 0 || o.tag_count > UINT32_MAX || o.casebook_count > UINT32_MAX)
		code = dp_fail(&fault, DP_BAD_CASE, "set options.size to sizeof(dyepack_options)");
	dp_screener_options in = {.tag_path = o.tags,
	                          .tag_count = (uint32_t)o.tag_count,
	                          .casebook_path = o.casebooks,
	                          .casebook_count = (uint32_t)o.casebook_count,
	                          .rules_path = o.rules,
	                          .no_builtin = o.no_builtin != 0,
	                          .no_lookalikes = o.no_lookalikes != 0,
	                          .now = o.now != 0 ? o.now : (int64_t)time(NULL)};
	if (code == DP_OK) code = dp_screener_new(&s, &in, &fault);
	if (code == DP_OK) *screener = (dyepack_screener *)(void *)s;
	if (code != DP_OK && error != NULL && error_size > 0)
		dp_fault_format(&fault, error,
		                error_size > UINT32_MAX ? UINT32_MAX : (uint32_t)error_size);
	return code_of(code);
}

void dyepack_close(dyepack_screener *screener)
{
	dp_screener_free((dp_screener *)(void *)screener);
}

uint16_t dyepack_chain(const char *name)
{
	const dp_network *n = name != NULL ? dp_network_find(name, strlen(name)) : NULL;
	return n != NULL ? n->id : 0;
}

//- judging ---------------------------------------------------------------------------------------

typedef struct asked {
	dp_addr addr;
	const dp_network *network;
	int code;
} asked;

static bool from_bytes(dp_addr *ret_addr, const dyepack_query *q)
{
	static const struct {
		uint8_t kind, size;
	} forms[] = {[DYEPACK_EVM] = {DP_ADDR_EVM, 20},     [DYEPACK_P2PKH] = {DP_ADDR_P2PKH, 20},
	             [DYEPACK_P2SH] = {DP_ADDR_P2SH, 20},   [DYEPACK_P2WPKH] = {DP_ADDR_P2WPKH, 20},
	             [DYEPACK_P2WSH] = {DP_ADDR_P2WSH, 32}, [DYEPACK_P2TR] = {DP_ADDR_P2TR, 32}};
	if (q->form >= sizeof forms / sizeof *forms || q->bytes == NULL) return false;
	*ret_addr = (dp_addr){.kind = forms[q->form].kind, .len = forms[q->form].size};
	memcpy(ret_addr->bytes, q->bytes, forms[q->form].size);
	return true;
}

static void read_query(asked *ret, const dyepack_query *q)
{
	ret->network = NULL;
	ret->code = DYEPACK_BAD_ADDRESS;
	if (q->chain > dp_network_count()) return;
	if (q->chain != 0) ret->network = dp_network_at(q->chain);
	if (q->form != DYEPACK_TEXT) {
		if (from_bytes(&ret->addr, q)) ret->code = DYEPACK_OK;
		return;
	}
	if (q->text == NULL) return;
	dp_fault fault = {0};
	size_t n = q->text_size != 0 ? q->text_size : strlen(q->text);
	dp_code code = dp_screener_parse(&ret->addr, &ret->network, q->text, n, &fault);
	if (code == DP_OK)
		ret->code = DYEPACK_OK;
	else if (strstr(fault.text, "checksum is wrong") != NULL)
		ret->code = DYEPACK_BAD_CHECKSUM;
}

static void answer(const dp_screener *s, dyepack_verdict *v, const asked *a, int64_t at)
{
	dp_answer r = {.label = "", .list = "", .hops = DP_HOPS_NONE};
	at = at == 0 ? DP_AT_LATEST : at;
	if (a->code == DYEPACK_OK) dp_screener_judge(s, &r, &a->addr, a->network, at);
	v->code = a->code;
	v->level = r.level;
	v->confidence = r.confidence;
	v->rule_count = r.rule_count > UINT16_MAX ? UINT16_MAX : (uint16_t)r.rule_count;
	v->flags = r.flags;
	v->tag_count = r.tag_count;
	v->case_count = r.case_count;
	v->hops = r.hops;
	v->chain = a->network != NULL ? a->network->id : 0;
	v->at = at;
	v->rule = r.rule != NULL ? r.rule->id : "";
	v->label = r.label;
	v->list = r.list;
	memset(v->reserved, 0, sizeof v->reserved);
	if (a->code == DYEPACK_OK)
		memcpy(v->address, &a->addr, sizeof v->address);
	else
		memset(v->address, 0, sizeof v->address);
}

int dyepack_screen(const dyepack_screener *screener, const dyepack_query *query,
                   dyepack_verdict *verdict)
{
	asked a;
	DP_CHECK(query != NULL && verdict != NULL);
	read_query(&a, query);
	answer(inner(screener), verdict, &a, query->at);
	return a.code;
}

size_t dyepack_screen_many(const dyepack_screener *screener, const dyepack_query *queries,
                           dyepack_verdict *verdicts, size_t count)
{
	enum { AHEAD = 16 };
	const dp_screener *s = inner(screener);
	asked a[AHEAD];
	size_t bad = 0;
	DP_CHECK((queries != NULL && verdicts != NULL) || count == 0);
	for (size_t first = 0; first < count; first += AHEAD) {
		size_t n = count - first < AHEAD ? count - first : AHEAD;
		for (size_t i = 0; i < n; i++) {
			read_query(&a[i], &queries[first + i]);
			if (a[i].code == DYEPACK_OK)
				(void)dp_screener_prefetch(s, &a[i].addr);
			else
				bad++;
		}
		for (size_t i = 0; i < n; i++)
			answer(s, &verdicts[first + i], &a[i], queries[first + i].at);
	}
	return bad;
}

//- reasons ---------------------------------------------------------------------------------------

// A caller's buffer: what does not fit is counted, as snprintf does.
typedef struct buffer {
	char *out;
	size_t size, length;
} buffer;

static dp_code put_text(void *context, const char *text, size_t n, dp_fault *fault)
{
	buffer *b = context;
	(void)fault;
	if (b->length < b->size) {
		size_t room = b->size - b->length;
		memcpy(b->out + b->length, text, n < room ? n : room);
	}
	b->length += n;
	return DP_OK;
}

static ptrdiff_t end_buffer(buffer *b)
{
	if (b->size > 0) b->out[b->length < b->size ? b->length : b->size - 1] = 0;
	return (ptrdiff_t)b->length;
}

static bool start_verdict(dp_verdict *ret, const dyepack_screener *screener,
                          const dyepack_verdict *v)
{
	dp_addr addr;
	memcpy(&addr, v->address, sizeof addr);
	const dp_network *network = v->chain != 0 ? dp_network_at(v->chain) : NULL;
	if (v->code != DYEPACK_OK) return false;
	if (dp_verdict_start(ret, inner(screener), &addr, network, v->at, NULL) != DP_OK)
		return false;
	if (dp_verdict_finish(ret, NULL) == DP_OK) return true;
	dp_verdict_done(ret);
	return false;
}

ptrdiff_t dyepack_reasons(const dyepack_screener *screener, const dyepack_verdict *verdict,
                          char *out, size_t size)
{
	buffer b = {out, size, 0};
	dp_screen_sink sink = {put_text, &b};
	dp_verdict v;
	if (verdict->code != DYEPACK_OK) {
		const char *why = verdict->code == DYEPACK_BAD_CHECKSUM
		                      ? "the address has a wrong checksum\n"
		                      : "this is no address\n";
		(void)put_text(&b, why, strlen(why), NULL);
		return end_buffer(&b);
	}
	if (!start_verdict(&v, screener, verdict)) return -1;
	dp_code code = dp_verdict_lines(&v, &sink, NULL);
	dp_verdict_done(&v);
	return code == DP_OK ? end_buffer(&b) : -1;
}

ptrdiff_t dyepack_json(const dyepack_screener *screener, const dyepack_verdict *verdict, char *out,
                       size_t size)
{
	buffer b = {out, size, 0};
	dp_json_out o = {.write = put_text, .context = &b, .compact_depth = 1};
	dp_verdict v;
	if (verdict->code == DYEPACK_OK) {
		if (!start_verdict(&v, screener, verdict)) return -1;
		dp_verdict_json(&v, &o, NULL, NULL);
		dp_verdict_done(&v);
	} else {
		dp_json_object(&o);
		dp_json_key(&o, "error");
		dp_json_string(&o, verdict->code == DYEPACK_BAD_CHECKSUM
		                       ? "the address has a wrong checksum"
		                       : "this is no address");
		dp_json_object_end(&o);
	}
	return o.code == DP_OK ? end_buffer(&b) : -1;
}

const char *dyepack_level_name(int level)
{
	bool is = level >= 0 && level < (int)DP_RISK_LEVEL_COUNT;
	return is ? dp_risk_level_name((dp_risk_level)level) : "";
}

const char *dyepack_version(void)
{
	return DP_VERSION;
}

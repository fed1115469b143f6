// The public header's functions (include/dyepack.h): a thin layer over screener.h and verdict.h, so
// that what other programs are built against stays the same when those change.
#include <dyepack.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/eip55.h"
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

static bool from_bytes(dp_addr *ret_addr, const dyepack_query *q)
{
	static const struct {
		uint8_t kind, size;
	} forms[] = {[DYEPACK_EVM] = {DP_ADDR_EVM, 20},     [DYEPACK_P2PKH] = {DP_ADDR_P2PKH, 20},
	             [DYEPACK_P2SH] = {DP_ADDR_P2SH, 20},   [DYEPACK_P2WPKH] = {DP_ADDR_P2WPKH, 20},
	             [DYEPACK_P2WSH] = {DP_ADDR_P2WSH, 32}, [DYEPACK_P2TR] = {DP_ADDR_P2TR, 32}};
	if (q->form >= sizeof forms / sizeof *forms || q->bytes == NULL) return false;
	*ret_addr = (dp_addr){.kind = forms[q->form].kind, .len = forms[q->form].size};
	// Sizes that the compiler knows need no call.
	if (forms[q->form].size == 20)
		memcpy(ret_addr->bytes, q->bytes, 20);
	else
		memcpy(ret_addr->bytes, q->bytes, 32);
	return true;
}

// A form that the chain does not have matches nothing, and so would look clean.
static bool has_form(const dp_network *network, const dp_addr *addr)
{
	char text[DP_PLACE_TEXT_MAX];
	dp_place place = {.addr = *addr};
	if (network == NULL) return true;
	place.network = network->id;
	if (network->chain == NULL) return dp_place_format(text, &place) > 0;
	return (network->chain->kind == DP_CHAIN_ACCOUNT) == (addr->kind == DP_ADDR_EVM);
}

static int code_of_parse(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return DYEPACK_OK;
	return strstr(fault->text, "checksum is wrong") != NULL ? DYEPACK_BAD_CHECKSUM
	                                                        : DYEPACK_BAD_ADDRESS;
}

// What is no address is asked as nobody, of whom nothing is known.
static int read_query(dp_asked *ret, const dyepack_query *q)
{
	int code = DYEPACK_BAD_ADDRESS;
	ret->network = NULL;
	ret->at = q->at == 0 ? DP_AT_LATEST : q->at;
	if (q->chain > dp_network_count()) {
		ret->addr = (dp_addr){0};
		return code;
	}
	if (q->chain != 0) ret->network = dp_network_at(q->chain);
	if (q->form != DYEPACK_TEXT) {
		if (from_bytes(&ret->addr, q) && has_form(ret->network, &ret->addr))
			code = DYEPACK_OK;
	} else if (q->text != NULL) {
		dp_fault fault;
		fault.text[0] = 0;
		size_t n = q->text_size != 0 ? q->text_size : strlen(q->text);
		code = code_of_parse(
		    dp_screener_parse(&ret->addr, &ret->network, q->text, n, &fault), &fault);
	}
	if (code != DYEPACK_OK) ret->addr = (dp_addr){0};
	return code;
}

static void write_verdict(dyepack_verdict *v, int code, const dp_asked *a, const dp_answer *r)
{
	v->code = code;
	v->level = r->level;
	v->confidence = r->confidence;
	v->rule_count = r->rule_count > UINT16_MAX ? UINT16_MAX : (uint16_t)r->rule_count;
	v->flags = r->flags;
	v->tag_count = r->tag_count;
	v->case_count = r->case_count;
	v->hops = r->hops;
	v->chain = a->network != NULL ? a->network->id : 0;
	v->at = a->at;
	v->rule = r->rule != NULL ? r->rule->id : "";
	v->label = r->label;
	v->list = r->list;
	memcpy(v->address, &a->addr, sizeof v->address);
	memset(v->reserved, 0, sizeof v->reserved);
}

int dyepack_screen(const dyepack_screener *screener, const dyepack_query *query,
                   dyepack_verdict *verdict)
{
	dp_asked a;
	dp_answer r;
	DP_CHECK(query != NULL && verdict != NULL);
	int code = read_query(&a, query);
	dp_screener_judge(inner(screener), &r, &a.addr, a.network, a.at);
	write_verdict(verdict, code, &a, &r);
	return code;
}

enum { TOGETHER = 32 };

// A batch, half read: whose text has a checksum is checked with the others, side by side.
typedef struct batch {
	dp_asked asked[TOGETHER];
	int code[TOGETHER];
	const char *mixed[TOGETHER]; // the digits of those to be checked, and which they are
	size_t mixed_at[TOGETHER], mixed_count;
} batch;

// The short way for hexadecimal text; false: it is something else.
static bool read_hex(batch *b, size_t at, const dyepack_query *q)
{
	dp_asked *a = &b->asked[at];
	if (q->form != DYEPACK_TEXT || q->text == NULL || q->chain > dp_network_count())
		return false;
	size_t n = q->text_size != 0 ? q->text_size : strlen(q->text);
	a->network = q->chain != 0 ? dp_network_at(q->chain) : NULL;
	a->at = q->at == 0 ? DP_AT_LATEST : q->at;
	b->code[at] = DYEPACK_OK;
	dp_hex_form form = dp_screener_parse_hex(&a->addr, &a->network, q->text, n);
	if (form == DP_HEX_MIXED) {
		b->mixed_at[b->mixed_count] = at;
		b->mixed[b->mixed_count++] = q->text + 2;
	}
	return form != DP_HEX_NONE;
}

static void read_batch(batch *b, const dyepack_query *queries, size_t count)
{
	bool right[TOGETHER];
	_Static_assert((int)TOGETHER <= (int)DP_EIP55_TOGETHER_MAX, "checked in one call");
	b->mixed_count = 0;
	for (size_t i = 0; i < count; i++)
		if (!read_hex(b, i, &queries[i]))
			b->code[i] = read_query(&b->asked[i], &queries[i]);
	dp_eip55_are_right(right, b->mixed, b->mixed_count);
	for (size_t i = 0; i < b->mixed_count; i++) {
		// What is not right goes the long way, which says why.
		size_t at = b->mixed_at[i];
		if (!right[i]) b->code[at] = read_query(&b->asked[at], &queries[at]);
	}
}

size_t dyepack_screen_many(const dyepack_screener *screener, const dyepack_query *queries,
                           dyepack_verdict *verdicts, size_t count)
{
	const dp_screener *s = inner(screener);
	batch b;
	dp_answer r[TOGETHER];
	size_t bad = 0;
	DP_CHECK((queries != NULL && verdicts != NULL) || count == 0);
	for (size_t first = 0; first < count; first += TOGETHER) {
		size_t n = count - first < TOGETHER ? count - first : TOGETHER;
		read_batch(&b, queries + first, n);
		dp_screener_judge_many(s, r, b.asked, n);
		for (size_t i = 0; i < n; i++) {
			write_verdict(&verdicts[first + i], b.code[i], &b.asked[i], &r[i]);
			bad += b.code[i] != DYEPACK_OK;
		}
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

// See yaml_stream.h: the fast reader first, libyaml behind it.
//
// libyaml collects a scalar whole before it hands it over, and comments without any end. So that
// nothing can make it collect gigabytes, the callback that feeds it counts the bytes since the last
// event and refuses more after BYTES_AHEAD_MAX.
#include "codec/yaml_stream.h"

#include <string.h>
#include <yaml.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/yaml.h"
#include "codec/yaml_fast.h"

// libyaml reads pieces of 16 KiB; some of them may be read before what they belong to is asked for.
enum { BYTES_AHEAD_MAX = DP_YAML_STREAM_TEXT_MAX + (64 << 10) };

struct dp_yaml_stream {
	dp_yaml_source source;
	dp_yaml_fast *fast; // NULL: libyaml reads
	bool is_parser_ready, is_event_held, is_ended, has_document, is_too_long;
	uint32_t depth;
	uint64_t event_count;  // handed out
	uint64_t bytes_ahead;  // read since the last event
	uint64_t breaks_given; // line feeds handed to libyaml
	uint32_t line_last;    // where the last event ended
	dp_code source_code;   // of a read that failed within libyaml
	dp_fault source_fault;
	yaml_parser_t parser;
	yaml_event_t event; // keeps the text of the event handed out last
};

static uint32_t place(size_t from_zero)
{
	return from_zero >= UINT32_MAX ? UINT32_MAX : (uint32_t)from_zero + 1;
}

// libyaml's question for bytes: 0 is failure.
static int give(void *context, unsigned char *buffer, size_t size, size_t *ret_size)
{
	dp_yaml_stream *s = context;
	DP_CHECK(s != NULL && size > 0);
	*ret_size = 0;
	if (s->bytes_ahead > BYTES_AHEAD_MAX) {
		s->is_too_long = true;
		return 0;
	}
	s->source_code =
	    s->source.read(s->source.context, buffer, size, ret_size, &s->source_fault);
	if (s->source_code != DP_OK) return 0;
	DP_CHECK(*ret_size <= size);
	s->bytes_ahead += *ret_size;
	const unsigned char *p = buffer, *end = buffer + *ret_size;
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		s->breaks_given++;
		p++;
	}
	return 1;
}

static dp_code start_parser(dp_yaml_stream *s, dp_fault *fault)
{
	DP_CHECK(!s->is_parser_ready);
	if (yaml_parser_initialize(&s->parser) == 0)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory while reading YAML");
	s->is_parser_ready = true;
	yaml_parser_set_input(&s->parser, give, s);
	return DP_OK;
}

dp_code dp_yaml_stream_open(dp_yaml_stream **ret_stream, const dp_yaml_source *source,
                            dp_fault *fault)
{
	DP_CHECK(ret_stream != NULL && source != NULL);
	DP_CHECK(source->read != NULL);
	dp_yaml_stream *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->source = *source;
	dp_code code = DP_OK;
	if (source->rewind != NULL) {
		s->fast = dp_yaml_fast_new(source);
		if (s->fast == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	} else {
		code = start_parser(s, fault);
	}
	if (code != DP_OK) {
		dp_yaml_stream_close(s);
		return code;
	}
	*ret_stream = s;
	return DP_OK;
}

// A byte that is no character: libyaml has only its offset, in what may be UTF-16. The line follows
// from the line feeds handed over and from those still in libyaml's buffer.
static dp_code reader_fault(const dp_yaml_stream *s, const char *what, dp_fault *fault)
{
	const unsigned char *start = s->parser.raw_buffer.start;
	const unsigned char *bad = s->parser.raw_buffer.pointer, *last = s->parser.raw_buffer.last;
	uint64_t line = s->breaks_given;
	uint32_t column = 0; // not known, unless its line begins within the buffer
	for (const unsigned char *p = start; p < last; p++) {
		if (*p == '\n' && p >= bad) line--;
		if (p >= bad) continue;
		if (*p == '\n')
			column = 1;
		else if (column > 0 && (*p & 0xc0) != 0x80)
			column++;
	}
	return dp_fail_at(fault, DP_BAD_BYTES, place(line), column, "%s", what);
}

static dp_code parser_fault(dp_yaml_stream *s, dp_fault *fault)
{
	if (s->source_code != DP_OK) {
		if (fault != NULL) *fault = s->source_fault;
		return s->source_code;
	}
	if (s->is_too_long)
		return dp_fail_at(fault, DP_BAD_BYTES, s->line_last, 0,
		                  "a value or a comment of more than 1 MiB begins here or below");
	if (s->parser.error == YAML_MEMORY_ERROR)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory while reading YAML");
	const char *what = dp_yaml_problem(s->parser.problem, NULL, 0, 0);
	if (s->parser.error == YAML_READER_ERROR) return reader_fault(s, what, fault);
	yaml_mark_t at = s->parser.problem_mark;
	return dp_fail_at(fault, DP_BAD_BYTES, place(at.line), place(at.column), "%s", what);
}

static dp_code bad(const yaml_event_t *event, const char *what, dp_fault *fault)
{
	return dp_fail_at(fault, DP_BAD_BYTES, place(event->start_mark.line),
	                  place(event->start_mark.column), "%s", what);
}

static dp_code take_scalar(dp_yaml_event *ret_event, const yaml_event_t *event, dp_fault *fault)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	const char *tag = (const char *)event->data.scalar.tag;
	if (event->data.scalar.anchor != NULL)
		return bad(event, "anchors are not accepted: write the value out", fault);
	if (tag != NULL && strcmp(tag, "!include") != 0)
		return bad(event, "tags (!...) are not accepted, except for !include", fault);
	if (size > DP_YAML_STREAM_TEXT_MAX) return bad(event, "a value of more than 1 MiB", fault);
	if (memchr(text, 0, size) != NULL) return bad(event, "a NUL character in a value", fault);
	*ret_event = (dp_yaml_event){
	    .kind = DP_YAML_EVENT_SCALAR,
	    .is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	    .is_include = tag != NULL,
	    .line = place(event->start_mark.line),
	    .column = place(event->start_mark.column),
	    .size = (uint32_t)size,
	    .text = text,
	};
	return DP_OK;
}

static dp_code take_open(dp_yaml_stream *s, dp_yaml_event *ret_event, dp_yaml_event_kind kind,
                         bool has_anchor, bool has_tag, dp_fault *fault)
{
	const yaml_event_t *event = &s->event;
	if (has_anchor) return bad(event, "anchors are not accepted: write the value out", fault);
	if (has_tag) return bad(event, "tags (!...) are not accepted, except for !include", fault);
	if (s->depth == DP_YAML_STREAM_DEPTH_MAX)
		return bad(event, "nested deeper than 32 levels", fault);
	s->depth++;
	*ret_event = (dp_yaml_event){.kind = kind,
	                             .line = place(event->start_mark.line),
	                             .column = place(event->start_mark.column),
	                             .text = ""};
	return DP_OK;
}

// Turns libyaml's event into ours; *ret_is_ours says false for what has no counterpart.
static dp_code take(dp_yaml_stream *s, dp_yaml_event *ret_event, bool *ret_is_ours, dp_fault *fault)
{
	const yaml_event_t *event = &s->event;
	*ret_is_ours = true;
	switch (event->type) {
	case YAML_SCALAR_EVENT: return take_scalar(ret_event, event, fault);
	case YAML_SEQUENCE_START_EVENT:
		return take_open(s, ret_event, DP_YAML_EVENT_LIST,
		                 event->data.sequence_start.anchor != NULL,
		                 event->data.sequence_start.tag != NULL, fault);
	case YAML_MAPPING_START_EVENT:
		return take_open(s, ret_event, DP_YAML_EVENT_MAP,
		                 event->data.mapping_start.anchor != NULL,
		                 event->data.mapping_start.tag != NULL, fault);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		DP_CHECK(s->depth > 0);
		s->depth--;
		*ret_event = (dp_yaml_event){.kind = event->type == YAML_MAPPING_END_EVENT
		                                         ? DP_YAML_EVENT_MAP_END
		                                         : DP_YAML_EVENT_LIST_END,
		                             .text = ""};
		return DP_OK;
	case YAML_ALIAS_EVENT:
		return bad(event, "aliases (*name) are not accepted: write it out", fault);
	case YAML_DOCUMENT_START_EVENT:
		if (s->has_document)
			return bad(event, "a second document: only one is accepted", fault);
		s->has_document = true;
		break;
	case YAML_STREAM_END_EVENT: s->is_ended = true; break;
	default: break;
	}
	*ret_is_ours = false;
	return DP_OK;
}

static dp_code next_slow(dp_yaml_stream *s, dp_yaml_event *ret_event, dp_fault *fault)
{
	for (bool is_ours = false; !is_ours;) {
		if (s->is_event_held) yaml_event_delete(&s->event);
		s->is_event_held = false;
		if (s->is_ended) return DP_END;
		if (yaml_parser_parse(&s->parser, &s->event) == 0) return parser_fault(s, fault);
		s->is_event_held = true;
		s->bytes_ahead = 0;
		s->line_last = place(s->event.end_mark.line);
		DP_TRY(take(s, ret_event, &is_ours, fault));
	}
	return DP_OK;
}

// From the fast reader to libyaml: from the start, past what was handed out.
static dp_code change_over(dp_yaml_stream *s, dp_fault *fault)
{
	DP_CHECK(s->fast != NULL && s->source.rewind != NULL);
	dp_yaml_fast_free(s->fast);
	s->fast = NULL;
	DP_TRY(s->source.rewind(s->source.context, fault));
	DP_TRY(start_parser(s, fault));
	for (uint64_t i = 0; i < s->event_count; i++) {
		dp_yaml_event event;
		dp_code code = next_slow(s, &event, fault);
		if (code == DP_END)
			return dp_fail(fault, DP_IO, "the file became shorter while it was read");
		if (code != DP_OK) return code;
	}
	return DP_OK;
}

dp_code dp_yaml_stream_next(dp_yaml_stream *s, dp_yaml_event *ret_event, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_event != NULL);
	dp_code code;
	if (s->fast != NULL) {
		bool gave_up = false;
		code = dp_yaml_fast_next(s->fast, ret_event, &gave_up, fault);
		if (code == DP_OK && gave_up) {
			DP_TRY(change_over(s, fault));
			code = next_slow(s, ret_event, fault);
		}
	} else {
		code = next_slow(s, ret_event, fault);
	}
	if (code == DP_OK) s->event_count++;
	return code;
}

bool dp_yaml_stream_is_fast(const dp_yaml_stream *s)
{
	DP_CHECK(s != NULL);
	return s->fast != NULL;
}

void dp_yaml_stream_close(dp_yaml_stream *s)
{
	if (s == NULL) return;
	DP_CHECK(s->is_parser_ready || !s->is_event_held);
	if (s->is_event_held) yaml_event_delete(&s->event);
	if (s->is_parser_ready) yaml_parser_delete(&s->parser);
	dp_yaml_fast_free(s->fast);
	dp_free(s);
}

static dp_code memory_read(void *context, void *buffer, size_t size, size_t *ret_size,
                           dp_fault *fault)
{
	dp_yaml_memory *m = context;
	(void)fault;
	DP_CHECK(m->at <= m->size);
	size_t n = m->size - m->at < size ? m->size - m->at : size;
	if (n > 0) memcpy(buffer, m->bytes + m->at, n);
	m->at += n;
	*ret_size = n;
	return DP_OK;
}

static dp_code memory_rewind(void *context, dp_fault *fault)
{
	dp_yaml_memory *m = context;
	(void)fault;
	m->at = 0;
	return DP_OK;
}

dp_yaml_source dp_yaml_memory_source(dp_yaml_memory *memory)
{
	DP_CHECK(memory != NULL && memory->at <= memory->size);
	return (dp_yaml_source){memory_read, memory_rewind, memory};
}

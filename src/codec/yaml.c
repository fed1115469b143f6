// YAML in, see yaml.h.
//
// libyaml splits the text into events with their places; the tree is built here, without recursion,
// on a stack of DP_YAML_DEPTH_MAX open lists and maps. What a case file does not need is refused
// rather than half understood: anchors and aliases (one line of them can stand for a billion), tags
// (they change what a value means), several documents, keys that are not plain text.
//
// Duplicate keys are found when a map closes, by sorting its keys: a table that grows with what a
// stranger wrote would cost more to make safe than it saves.
#include "codec/yaml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/check.h"

typedef struct level {
	dp_yaml *node;
	dp_yaml *last;     // its last member
	dp_yaml *key_only; // map: a member that has its key and waits for its value
} level;

typedef struct builder {
	dp_arena *arena;
	dp_fault *fault;
	level stack[DP_YAML_DEPTH_MAX];
	uint32_t depth;
	uint32_t node_count;
	dp_yaml *root;
} builder;

static uint32_t place(size_t from_zero)
{
	return from_zero >= UINT32_MAX ? UINT32_MAX : (uint32_t)from_zero + 1;
}

static dp_code bad(builder *b, yaml_mark_t at, const char *what)
{
	return dp_fail_at(b->fault, DP_BAD_BYTES, place(at.line), place(at.column), "%s", what);
}

static dp_code no_memory(builder *b)
{
	return dp_fail(b->fault, DP_NO_MEMORY, "out of memory while reading YAML");
}

static dp_code new_node(builder *b, dp_yaml **ret_node, yaml_mark_t at)
{
	if (b->node_count >= DP_YAML_NODES_MAX) return bad(b, at, "more than 1048576 YAML values");
	dp_yaml *node = dp_arena_alloc(b->arena, sizeof *node);
	if (node == NULL) return no_memory(b);
	b->node_count++;
	node->line = place(at.line);
	node->column = place(at.column);
	*ret_node = node;
	return DP_OK;
}

// Puts a finished or opening value where it belongs: under the waiting key, at the end of the list,
// or at the root. For a map the node was made when its key was read.
static dp_code place_value(builder *b, dp_yaml **ret_node, yaml_mark_t at)
{
	level *top = b->depth == 0 ? NULL : &b->stack[b->depth - 1];
	if (top != NULL && top->key_only != NULL) {
		*ret_node = top->key_only;
		top->key_only = NULL;
		(*ret_node)->line = place(at.line);
		(*ret_node)->column = place(at.column);
		return DP_OK;
	}
	if (top != NULL && top->node->kind == DP_YAML_MAP)
		return bad(b, at, "a key must be plain text, not a list or a map");
	DP_TRY(new_node(b, ret_node, at));
	if (top == NULL) {
		DP_CHECK(b->root == NULL);
		b->root = *ret_node;
		return DP_OK;
	}
	if (top->last == NULL)
		top->node->first = *ret_node;
	else
		top->last->next = *ret_node;
	top->last = *ret_node;
	top->node->size++;
	return DP_OK;
}

static dp_code read_text(builder *b, const char **ret_text, uint32_t *ret_size,
                         const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	if (memchr(value, 0, n) != NULL)
		return bad(b, event->start_mark, "a NUL character in a value");
	DP_CHECK(n <= DP_YAML_BYTES_MAX);
	char *text = dp_arena_text(b->arena, value, n);
	if (text == NULL) return no_memory(b);
	*ret_text = text;
	*ret_size = (uint32_t)n;
	return DP_OK;
}

static dp_code on_scalar(builder *b, const yaml_event_t *event)
{
	if (event->data.scalar.anchor != NULL)
		return bad(b, event->start_mark, "anchors are not accepted: write the value out");
	if (event->data.scalar.tag != NULL)
		return bad(b, event->start_mark, "tags (!...) are not accepted");
	level *top = b->depth == 0 ? NULL : &b->stack[b->depth - 1];
	dp_yaml *node;
	if (top != NULL && top->node->kind == DP_YAML_MAP && top->key_only == NULL) {
		uint32_t size;
		DP_TRY(new_node(b, &node, event->start_mark));
		DP_TRY(read_text(b, &node->key, &size, event));
		node->key_line = node->line;
		node->key_column = node->column;
		if (top->last == NULL)
			top->node->first = node;
		else
			top->last->next = node;
		top->last = node;
		top->node->size++;
		top->key_only = node;
		return DP_OK;
	}
	DP_TRY(place_value(b, &node, event->start_mark));
	node->kind = DP_YAML_SCALAR;
	DP_TRY(read_text(b, &node->text, &node->size, event));
	// "---" alone is an empty document, and an empty document is an empty map.
	if (node == b->root && node->size == 0 &&
	    event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		node->kind = DP_YAML_MAP;
		node->text = NULL;
	}
	return DP_OK;
}

static dp_code on_open(builder *b, const yaml_event_t *event, dp_yaml_kind kind, bool has_anchor,
                       bool has_tag)
{
	if (has_anchor)
		return bad(b, event->start_mark, "anchors are not accepted: write the value out");
	if (has_tag) return bad(b, event->start_mark, "tags (!...) are not accepted");
	if (b->depth == DP_YAML_DEPTH_MAX)
		return bad(b, event->start_mark, "nested deeper than 32 levels");
	dp_yaml *node;
	DP_TRY(place_value(b, &node, event->start_mark));
	node->kind = kind;
	b->stack[b->depth++] = (level){.node = node};
	return DP_OK;
}

static int by_key_then_place(const void *x, const void *y)
{
	const dp_yaml *a = *(const dp_yaml *const *)x, *b = *(const dp_yaml *const *)y;
	int order = strcmp(a->key, b->key);
	if (order != 0) return order;
	if (a->key_line != b->key_line) return a->key_line < b->key_line ? -1 : 1;
	return a->key_column < b->key_column ? -1 : a->key_column > b->key_column;
}

static dp_code check_keys(builder *b, const dp_yaml *map)
{
	if (map->size < 2) return DP_OK;
	const dp_yaml **members = dp_alloc(map->size * sizeof *members);
	if (members == NULL) return no_memory(b);
	size_t n = 0;
	for (const dp_yaml *m = map->first; m != NULL; m = m->next) members[n++] = m;
	DP_CHECK(n == map->size);
	qsort(members, n, sizeof *members, by_key_then_place);
	const dp_yaml *twice = NULL, *once = NULL;
	for (size_t i = 1; i < n; i++) {
		if (strcmp(members[i - 1]->key, members[i]->key) != 0) continue;
		// Of several, the one that comes first in the text is named.
		if (twice != NULL && (members[i]->key_line > twice->key_line ||
		                      (members[i]->key_line == twice->key_line &&
		                       members[i]->key_column > twice->key_column)))
			continue;
		twice = members[i];
		once = members[i - 1];
	}
	dp_code code = DP_OK;
	if (twice != NULL)
		code = dp_fail_at(b->fault, DP_BAD_BYTES, twice->key_line, twice->key_column,
		                  "the key \"%.60s\" stands twice in one map, first on line %u",
		                  twice->key, once->key_line);
	dp_free(members);
	return code;
}

static dp_code on_event(builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return b->root == NULL
		           ? DP_OK
		           : bad(b, event->start_mark, "a second document: only one is accepted");
	case YAML_ALIAS_EVENT:
		return bad(b, event->start_mark, "aliases (*name) are not accepted: write it out");
	case YAML_SCALAR_EVENT: return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, event, DP_YAML_LIST, event->data.sequence_start.anchor != NULL,
		               event->data.sequence_start.tag != NULL);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, event, DP_YAML_MAP, event->data.mapping_start.anchor != NULL,
		               event->data.mapping_start.tag != NULL);
	case YAML_MAPPING_END_EVENT:
		DP_CHECK(b->depth > 0);
		b->depth--;
		return check_keys(b, b->stack[b->depth].node);
	case YAML_SEQUENCE_END_EVENT:
		DP_CHECK(b->depth > 0);
		b->depth--;
		return DP_OK;
	default: // stream and document ends
		return DP_OK;
	}
}

// What libyaml says went wrong. A reader error (invalid UTF-8) has an offset but no mark.
static dp_code parser_fault(builder *b, const yaml_parser_t *parser, const char *text, size_t n)
{
	if (parser->error == YAML_MEMORY_ERROR) return no_memory(b);
	const char *what =
	    dp_yaml_problem(parser->problem, text, n, place(parser->problem_mark.line));
	if (parser->error != YAML_READER_ERROR) return bad(b, parser->problem_mark, what);
	size_t line = 0, column = 0;
	for (size_t i = 0; i < parser->problem_offset && i < n; i++, column++) {
		if (text[i] != '\n') continue;
		line++;
		column = (size_t)-1;
	}
	return dp_fail_at(b->fault, DP_BAD_BYTES, place(line), place(column), "%s", what);
}

dp_code dp_yaml_parse(const dp_yaml **ret_root, dp_arena *arena, const char *text, size_t n,
                      dp_fault *fault)
{
	DP_CHECK(ret_root != NULL && arena != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n > DP_YAML_BYTES_MAX) return dp_fail(fault, DP_LIMIT, "YAML text larger than 64 MiB");
	builder b = {.arena = arena, .fault = fault};
	yaml_parser_t parser;
	if (yaml_parser_initialize(&parser) == 0) return no_memory(&b);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(n == 0 ? "" : text), n);
	dp_code code = DP_OK;
	for (bool ended = false; code == DP_OK && !ended;) {
		yaml_event_t event;
		if (yaml_parser_parse(&parser, &event) == 0) {
			code = parser_fault(&b, &parser, text, n);
			break;
		}
		ended = event.type == YAML_STREAM_END_EVENT;
		code = on_event(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (code != DP_OK) return code;
	if (b.root == NULL) {
		DP_TRY(new_node(&b, &b.root, (yaml_mark_t){0}));
		b.root->kind = DP_YAML_MAP;
	}
	*ret_root = b.root;
	return DP_OK;
}

const dp_yaml *dp_yaml_get(const dp_yaml *map, const char *key)
{
	DP_CHECK(key != NULL);
	if (map == NULL || map->kind != DP_YAML_MAP) return NULL;
	for (const dp_yaml *m = map->first; m != NULL; m = m->next)
		if (strcmp(m->key, key) == 0) return m;
	return NULL;
}

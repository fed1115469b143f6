// YAML from hostile bytes. Invariants: faults have a place; in a tree every member is counted,
// every place is inside the text, every key stands once, and nothing is deeper than the maximum.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/yaml.h"

static void walk(const dp_yaml *node, uint32_t depth, uint32_t line_count)
{
	DP_CHECK(node->line >= 1 && node->line <= line_count + 1 && node->column >= 1);
	if (node->kind == DP_YAML_SCALAR) {
		DP_CHECK(node->first == NULL && strlen(node->text) == node->size);
		return;
	}
	DP_CHECK(depth < DP_YAML_DEPTH_MAX && node->text == NULL);
	uint32_t count = 0;
	for (const dp_yaml *m = node->first; m != NULL; m = m->next, count++) {
		DP_CHECK((m->key != NULL) == (node->kind == DP_YAML_MAP));
		// The first of that name is this one, so there is no other.
		if (m->key != NULL && count < 100) DP_CHECK(dp_yaml_get(node, m->key) == m);
		walk(m, depth + 1, line_count);
	}
	DP_CHECK(count == node->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_arena arena = {0};
	dp_fault fault = {.code = DP_OK};
	const dp_yaml *root = NULL;
	// libyaml counts CR, NEL and the two Unicode separators as line ends too.
	uint32_t line_count = 1 + (uint32_t)size;
	dp_code code = dp_yaml_parse(&root, &arena, (const char *)data, size, &fault);
	if (code == DP_OK) {
		walk(root, 0, line_count);
	} else {
		DP_CHECK(root == NULL && code == DP_BAD_BYTES);
		DP_CHECK(fault.line >= 1 && fault.column >= 1 && fault.text[0] != 0);
	}
	dp_arena_done(&arena);
	return 0;
}

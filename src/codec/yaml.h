// YAML in (libyaml behind a small tree). Every node knows its line and column, so that a mistake in
// a case file is reported where it stands. Scalars stay text: no type is guessed. Anchors, aliases
// and tags are refused (no billion-laughs), and so are duplicate keys.
#ifndef DP_CODEC_YAML_H
#define DP_CODEC_YAML_H
#include <stddef.h>
#include <stdint.h>
#include "base/fault.h"
#include "base/mem.h"

typedef enum { DP_YAML_SCALAR, DP_YAML_LIST, DP_YAML_MAP } dp_yaml_kind;
typedef struct dp_yaml {
	dp_yaml_kind kind;
	uint32_t line, column; // from 1
	const char *key;       // in a map: this member's key; else NULL
	uint32_t key_line, key_column;
	const char *text;             // scalar: terminated, may hold no NUL
	uint32_t size;                // scalar: bytes; list and map: members
	struct dp_yaml *first, *next; // members; next sibling
} dp_yaml;

enum { DP_YAML_DEPTH_MAX = 32, DP_YAML_NODES_MAX = 1 << 20, DP_YAML_BYTES_MAX = 64 << 20 };
// One document. The tree lives in `arena`. An empty document is an empty map.
DP_MUST dp_code dp_yaml_parse(const dp_yaml **ret_root, dp_arena *arena, const char *text, size_t n,
                              dp_fault *fault);
const dp_yaml *dp_yaml_get(const dp_yaml *map, const char *key); // NULL when not there

// What readers of rules say of a mistake, at its place: DP_BAD_CASE. `known` ends with NULL.
dp_code dp_yaml_wrong(const dp_yaml *at, const char *text, dp_fault *fault);
// "WHAT has no 'colour': did you mean 'color'?"
dp_code dp_yaml_bad_key(const dp_yaml *at, const char *const *known, const char *what,
                        dp_fault *fault);
// "'fan-oot' is no typology: did you mean 'fan-out'?"
dp_code dp_yaml_bad_word(const dp_yaml *at, const char *const *known, const char *what,
                         dp_fault *fault);
// libyaml's word for what is wrong on `line` (from 1) of the text, as somebody who writes rules can
// use it. `text` NULL: not at hand.
const char *dp_yaml_problem(const char *problem, const char *text, size_t n, uint32_t line);
#endif

// What readers of rules say of a mistake: see yaml.h. In a file of its own, because clang's
// analyzer is told what these return (tools/analyzer.h), and must not be while it reads them.
#include <string.h>

#include "base/nearest.h"
#include "codec/yaml.h"

// Spaces, then a tab: a line that somebody indented with the wrong key.
static bool has_tab_before(const char *text, size_t n, uint32_t line)
{
	const char *end = text + n, *at = text;
	for (uint32_t i = 1; i < line && at < end; i++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline == NULL ? end : newline + 1;
	}
	while (at < end && *at == ' ') at++;
	return at < end && *at == '\t';
}

const char *dp_yaml_problem(const char *problem, const char *text, size_t n, uint32_t line)
{
	if (problem == NULL) return "syntax error";
	static const char tab[] = "a tab cannot indent: write spaces";
	if (strcmp(problem, "found a tab character that violates indentation") == 0) return tab;
	if (strcmp(problem, "found character that cannot start any token") != 0) return problem;
	if (text != NULL && has_tab_before(text, n, line)) return tab;
	return "nothing begins with this character: write spaces instead of tabs, and quotes "
	       "around a text that begins with @, ` or %";
}

dp_code dp_yaml_wrong(const dp_yaml *at, const char *text, dp_fault *fault)
{
	return dp_fail_at(fault, DP_BAD_CASE, at->line, at->column, "%s", text);
}

dp_code dp_yaml_bad_key(const dp_yaml *at, const char *const *known, const char *what,
                        dp_fault *fault)
{
	const char *near = dp_nearest(at->key, strlen(at->key), known);
	return dp_fail_at(fault, DP_BAD_CASE, at->key_line, at->key_column,
	                  "%s has no '%.40s'%s%s%s", what, at->key,
	                  near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                  near != NULL ? "'?" : "");
}

dp_code dp_yaml_bad_word(const dp_yaml *at, const char *const *known, const char *what,
                         dp_fault *fault)
{
	const char *near = dp_nearest(at->text, at->size, known);
	return dp_fail_at(fault, DP_BAD_CASE, at->line, at->column, "'%.40s' is no %s%s%s%s",
	                  at->text, what, near != NULL ? ": did you mean '" : "",
	                  near != NULL ? near : "", near != NULL ? "'?" : "");
}

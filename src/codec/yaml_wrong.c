// What readers of rules say of a mistake: see yaml.h. In a file of its own, because clang's
// analyzer is told what these return (tools/analyzer.h), and must not be while it reads them.
#include <string.h>

#include "base/nearest.h"
#include "codec/yaml.h"

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

// What clang's analyzer cannot know by reading one file at a time, told to it: dp_fail and its kin
// return the code they were given, and dp_grow succeeds only with memory behind it. Without this it
// follows paths where "dp_fail(.., DP_NO_MEMORY, ..)" came back as DP_OK, and warns about the null
// pointers on them.
//
// tools/lint puts this file in front of each file it hands to clang-tidy, except those that define
// these functions. No compiler ever sees it.
#ifndef DP_TOOLS_ANALYZER_H
#define DP_TOOLS_ANALYZER_H

#include "base/fault.h"
#include "base/mem.h"
#include "codec/yaml.h"

#define DP_ANALYZER_CODE(code, call)                                                               \
	({                                                                                         \
		dp_code dp_analyzer_code_ = (code);                                                \
		(void)(call);                                                                      \
		dp_analyzer_code_;                                                                 \
	})

#define dp_fail(fault, code, ...) DP_ANALYZER_CODE(code, dp_fail(fault, code, __VA_ARGS__))
#define dp_fail_at(fault, code, line, column, ...)                                                 \
	DP_ANALYZER_CODE(code, dp_fail_at(fault, code, line, column, __VA_ARGS__))
#define dp_fail_offset(fault, code, offset, ...)                                                   \
	DP_ANALYZER_CODE(code, dp_fail_offset(fault, code, offset, __VA_ARGS__))

#define dp_yaml_wrong(...) DP_ANALYZER_CODE(DP_BAD_CASE, dp_yaml_wrong(__VA_ARGS__))
#define dp_yaml_bad_key(...) DP_ANALYZER_CODE(DP_BAD_CASE, dp_yaml_bad_key(__VA_ARGS__))
#define dp_yaml_bad_word(...) DP_ANALYZER_CODE(DP_BAD_CASE, dp_yaml_bad_word(__VA_ARGS__))

#define dp_grow(items, ...)                                                                        \
	({                                                                                         \
		dp_code dp_analyzer_code_ = dp_grow(items, __VA_ARGS__);                           \
		if (dp_analyzer_code_ == DP_OK && *(items) == NULL) __builtin_unreachable();       \
		dp_analyzer_code_;                                                                 \
	})

#endif

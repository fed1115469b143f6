// JSON out (exact and ordered) and in (one pass, every digit of a number kept). Amounts travel as
// strings. docs/decisions/0015-json-tape.md says why it is not a library's.
#ifndef DP_CODEC_JSON_H
#define DP_CODEC_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/fault.h"

// ---- Reading. The whole document in memory, without recursion. Deeper nesting is a fault, as are
// a text of 4 GiB and 2^28 values and keys. A document takes at most 13 times the bytes of its text
// ("[1,1,...": a node of 16 bytes for two, and room to grow), about 2 times for nodes' answers.
enum { DP_JSON_DEPTH_MAX = 4096 };
typedef struct dp_json dp_json; // a document or any value in it
DP_MUST dp_code dp_json_parse(dp_json **ret_doc, const char *text, size_t n, dp_fault *fault);
void dp_json_free(dp_json *doc); // the document only; NULL is fine
// NULL when not there. Of a key that occurs twice the first counts.
const dp_json *dp_json_get(const dp_json *object, const char *key);
const dp_json *dp_json_first(const dp_json *array_or_object); // NULL when empty
const dp_json *dp_json_next(const dp_json *item);             // NULL at the end
bool dp_json_is_array(const dp_json *v);
bool dp_json_is_object(const dp_json *v);
const char *dp_json_text(const dp_json *v); // NULL when not a string
size_t dp_json_text_size(const dp_json *v); // its bytes, without the terminator; 0 when no string
// The key of an object's member, and a number's text with every digit the document had ("0.00010",
// "1e3"); NULL when there is none.
const char *dp_json_name(const dp_json *item);
const char *dp_json_number(const dp_json *v);
// A number or a decimal string that is an exact unsigned integer; false otherwise, and for JSON
// numbers above 2^53 (they may have been rounded: give them as strings).
bool dp_json_u64(const dp_json *v, uint64_t *ret_value);
bool dp_json_bool(const dp_json *v, bool *ret_value);

// ---- Writing. Keys in the order written; two-space indentation; errors stick.
typedef struct dp_json_out {
	dp_code (*write)(void *context, const char *text, size_t n, dp_fault *fault);
	void *context;
	dp_fault *fault;
	dp_code code; // first error
	uint32_t depth;
	bool first, after_key;
	uint32_t
	    compact_depth; // > 0: objects and arrays at this depth or deeper stand on one line;
	                   // the outermost is at depth 1
} dp_json_out;
void dp_json_object(dp_json_out *o);
void dp_json_object_end(dp_json_out *o);
void dp_json_array(dp_json_out *o);
void dp_json_array_end(dp_json_out *o);
void dp_json_key(dp_json_out *o, const char *key);
void dp_json_string(dp_json_out *o, const char *text); // escapes; invalid UTF-8 becomes U+FFFD
void dp_json_string_n(dp_json_out *o, const char *text, size_t n);
void dp_json_uint(dp_json_out *o, uint64_t v);
void dp_json_int(dp_json_out *o, int64_t v);
void dp_json_boolean(dp_json_out *o, bool v);
void dp_json_null(dp_json_out *o);
// A member of an object: key and value.
void dp_json_put_string(dp_json_out *o, const char *key, const char *text);
void dp_json_put_uint(dp_json_out *o, const char *key, uint64_t v);
void dp_json_put_boolean(dp_json_out *o, const char *key, bool v);
void dp_json_put_time(dp_json_out *o, const char *key, int64_t time); // as dp_time_format
DP_MUST dp_code dp_json_finish(dp_json_out *o); // final newline; the first error if any
#endif

// YAML in, as a stream of events: files of any size in bounded memory. For tag files; case files
// are small, and codec/yaml.h makes a tree of them.
//
// What tag files are written in nearly all the time (block maps and lists, plain and quoted text)
// is read by codec/yaml_fast.h. At the first thing that it does not know for sure the source is
// rewound and libyaml reads it from the start, passing over the events that have been handed out:
// so the two must agree on every event, which tests/property/test_yaml_stream.c and
// fuzz/fuzz_yaml_stream.c hold them to, and every fault is libyaml's own.
//
// Scalars stay text: no type is guessed. Refused, with their place: anchors and aliases (no
// billion-laughs), tags but for !include on a scalar, a second document, NUL, nesting deeper than
// 32, a scalar above 1 MiB, and 1 MiB without any event (a comment of that size).
#ifndef DP_CODEC_YAML_STREAM_H
#define DP_CODEC_YAML_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

typedef enum dp_yaml_event_kind {
	DP_YAML_EVENT_SCALAR,
	DP_YAML_EVENT_LIST,
	DP_YAML_EVENT_LIST_END,
	DP_YAML_EVENT_MAP, // then key and value in turn; a key may be of any kind
	DP_YAML_EVENT_MAP_END
} dp_yaml_event_kind;

typedef struct dp_yaml_event {
	dp_yaml_event_kind kind;
	bool is_plain;         // a scalar without quotes: "", "~" and "null" are nothing then
	bool is_include;       // a scalar behind !include
	uint32_t line, column; // where it begins, from 1, columns in characters; 0 for ends
	uint32_t size;         // of a scalar's text
	const char *text;      // of a scalar, terminated, valid until the next call; "" of others
} dp_yaml_event;

enum { DP_YAML_STREAM_DEPTH_MAX = 32, DP_YAML_STREAM_TEXT_MAX = 1 << 20 };

// Where the bytes come from. `rewind` goes back to the first of them; where that cannot be done
// (a pipe) it is NULL, and libyaml reads all, at a fraction of the speed.
typedef struct dp_yaml_source {
	dp_code (*read)(void *context, void *buffer, size_t size, size_t *ret_size,
	                dp_fault *fault); // *ret_size 0: the end
	dp_code (*rewind)(void *context, dp_fault *fault);
	void *context;
} dp_yaml_source;

typedef struct dp_yaml_stream dp_yaml_stream;
DP_MUST dp_code dp_yaml_stream_open(dp_yaml_stream **ret_stream, const dp_yaml_source *source,
                                    dp_fault *fault);
// DP_END after the last event; an empty document has none. After a fault only closing is allowed.
DP_MUST dp_code dp_yaml_stream_next(dp_yaml_stream *s, dp_yaml_event *ret_event, dp_fault *fault);
bool dp_yaml_stream_is_fast(const dp_yaml_stream *s); // so far; for tests
void dp_yaml_stream_close(dp_yaml_stream *s);         // NULL is fine

// Bytes in memory as a source. They must outlive the stream.
typedef struct dp_yaml_memory {
	const char *bytes;
	size_t size, at;
} dp_yaml_memory;
dp_yaml_source dp_yaml_memory_source(dp_yaml_memory *memory);

#endif

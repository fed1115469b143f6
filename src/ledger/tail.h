// The tail: blocks behind the last segment, one checksummed record each (layout in tail.c). Blocks
// are added at its end and, when the chain reorganises, taken off it.
//
// Who reads it takes records until the first that is not whole: a writer may be at work, or may
// have been killed. A record that is whole but false, with whole ones behind it, is damage, and is
// a fault with its offset.
#ifndef DP_LEDGER_TAIL_H
#define DP_LEDGER_TAIL_H

#include "ledger/file.h"
#include "ledger/record.h"

typedef struct dp_tail_record {
	uint64_t offset, size; // of the payload, in the file's bytes
	dp_record_head head;
} dp_tail_record;

typedef struct dp_tail {
	uint8_t *bytes; // the whole file
	uint64_t size;  // of it
	uint64_t valid; // bytes that hold whole records: where an appender goes on. 0: not even the
	                // file's beginning is there, and dp_tail_begin's bytes come first
	dp_tail_record *record;
	uint64_t count, cap;
	bool owns_bytes; // dp_tail_done frees them
	bool is_old;     // of the version before notes were kept; nothing may be appended to it
} dp_tail;
// Larger is not a tail: what is not sealed yet waits in the importer's memory.
#define DP_TAIL_SIZE_MAX (2 * DP_RECORD_SIZE_MAX)

// A missing file is an empty tail.
DP_MUST dp_code dp_tail_read(dp_tail *ret_tail, const char *path, const dp_chain *chain,
                             uint64_t unit_first, dp_fault *fault);
// The same of bytes (which it does not own then: `bytes` stays the caller's).
DP_MUST dp_code dp_tail_parse(dp_tail *ret_tail, const uint8_t *bytes, uint64_t size,
                              const dp_chain *chain, uint64_t unit_first, dp_fault *fault);
void dp_tail_done(dp_tail *t);

// The file's beginning and a framed record, as bytes to append.
DP_MUST dp_code dp_tail_begin(dp_bytes_out *out, const dp_chain *chain, uint64_t unit_first,
                              dp_fault *fault);
DP_MUST dp_code dp_tail_frame(dp_bytes_out *out, const uint8_t *payload, uint64_t size,
                              dp_fault *fault);

#endif

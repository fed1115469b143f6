// Faults: how the world's mistakes are reported.
//
// Our own mistakes abort (see check.h). What the world gets wrong (a damaged file, a full disk, a
// false checksum) comes back as a dp_code, which the compiler makes the caller look at, and a
// dp_fault that says what, where and what to do about it. Code 0 is success. The fault is
// written only on failure and holds no pointers: it may be copied and kept.
#ifndef DP_BASE_FAULT_H
#define DP_BASE_FAULT_H

#include <stdint.h>

#define DP_MUST __attribute__((warn_unused_result))
#define DP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

// Grouped by what a caller does next: retry, wait for a person, or give up.
typedef enum dp_code {
	DP_OK = 0,
	DP_END,       // no more items: the ordinary end of a sequence, never an error
	DP_BAD_BYTES, // the input is damaged or false: give up on it, `fault` has the place
	DP_BAD_CASE,  // the case file or the request is wrong: a person must change it
	DP_NOT_FOUND, // what was asked for is not there
	DP_LIMIT,     // a stated maximum was reached
	DP_IO,        // the operating system refused: `fault` has its words
	DP_NO_MEMORY, // an allocation failed
	DP_BUSY,      // somebody else holds it: try again later
} dp_code;

enum { DP_FAULT_TEXT_MAX = 400, DP_FAULT_FILE_MAX = 240 };

typedef struct dp_fault {
	dp_code code;
	char file[DP_FAULT_FILE_MAX]; // "" where there is none
	uint64_t offset;              // byte offset in file; meaningful when has_offset
	uint32_t line, column;        // from 1; 0 = not known
	uint32_t has_offset;
	char text[DP_FAULT_TEXT_MAX]; // one line: what is wrong and what to do
} dp_fault;

// Fills `fault` (which may be NULL) and returns `code`, so that one can write
//   return dp_fail(fault, DP_BAD_BYTES, "merkle root does not match");
dp_code dp_fail(dp_fault *fault, dp_code code, const char *format, ...) DP_PRINTF(3, 4);

// The same with a place. `line` and `column` count from 1.
dp_code dp_fail_at(dp_fault *fault, dp_code code, uint32_t line, uint32_t column,
                   const char *format, ...) DP_PRINTF(5, 6);
dp_code dp_fail_offset(dp_fault *fault, dp_code code, uint64_t offset, const char *format, ...)
    DP_PRINTF(4, 5);

// Names the file a fault happened in, when the function that found it did not know.
void dp_fault_file(dp_fault *fault, const char *file);

// Writes "file:line:column: text" (or "file: at byte N: text") into `out`, always terminated.
void dp_fault_format(const dp_fault *fault, char *out, uint32_t out_size);

#define DP_TRY(expr)                                                                               \
	do {                                                                                       \
		dp_code dp_try_code_ = (expr);                                                     \
		if (dp_try_code_ != DP_OK) return dp_try_code_;                                    \
	} while (0)

#endif

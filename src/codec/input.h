// Input: a file or stdin as a stream of bytes, gzip and zstd unpacked on the way (recognised by
// their first bytes, not their names). Bounded memory; a truncated or damaged archive is a fault.
#ifndef DP_CODEC_INPUT_H
#define DP_CODEC_INPUT_H
#include <stddef.h>
#include <stdint.h>
#include "base/fault.h"

typedef struct dp_input dp_input;
DP_MUST dp_code dp_input_open(dp_input **ret_input, const char *path,
                              dp_fault *fault); // "-" = stdin
// Up to `size` bytes; *ret_size 0 = the end. Fits dp_csv.read with the input as context.
DP_MUST dp_code dp_input_read(void *input, void *buffer, size_t size, size_t *ret_size,
                              dp_fault *fault);
// The whole rest, at most size_max bytes (DP_LIMIT beyond). *ret_bytes is the caller's (dp_free).
DP_MUST dp_code dp_input_read_all(dp_input *in, uint8_t **ret_bytes, size_t *ret_size,
                                  size_t size_max, dp_fault *fault);
uint64_t dp_input_bytes_read(const dp_input *in);  // of the file as stored, for progress
uint64_t dp_input_bytes_total(const dp_input *in); // 0 when not known
void dp_input_close(dp_input *in);                 // NULL is fine
#endif

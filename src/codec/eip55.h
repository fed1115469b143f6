// EIP-55: the case of an EVM address' letters as its checksum. Letter i is upper case where digit i
// of the Keccak-256 of the 40 lower-case digits is 8 or more (EIP-55, "Mixed-case checksum address
// encoding"). Digits of one case only have no checksum, and cost no hash here.
#ifndef DP_CODEC_EIP55_H
#define DP_CODEC_EIP55_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DP_EIP55_DIGITS = 40, DP_EIP55_TOGETHER_MAX = 64 };

// Are there letters of both cases? `text` is 40 hex digits, here and below.
bool dp_eip55_is_mixed(const char *text);
// Is the case right? To be asked of mixed case only.
bool dp_eip55_is_right(const char *text);
// The same of up to DP_EIP55_TOGETHER_MAX texts, side by side: several times as fast.
void dp_eip55_are_right(bool *ret_right, const char *const *texts, size_t count);

// Gives 40 lower-case hex digits the right case.
void dp_eip55_set(char *io_text);
#endif

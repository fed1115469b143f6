// Hexadecimal text. Lower case out, either case in.
#ifndef DP_CODEC_HEX_H
#define DP_CODEC_HEX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes 2*n digits and a terminator.
void dp_hex_encode(char *out, const uint8_t *bytes, size_t n);
// Exactly 2*n digits in `text` (no 0x); false when any character is no digit.
bool dp_hex_decode(uint8_t *ret_bytes, size_t n, const char *text);
#endif

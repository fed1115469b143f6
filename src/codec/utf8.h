// UTF-8, one code point at a time, and which of them may be shown. What strangers write (names of
// tags, answers of servers) ends up in logs and labels; there it must neither forge a line nor turn
// the reading direction of one.
#ifndef DP_CODEC_UTF8_H
#define DP_CODEC_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DP_UTF8_BAD = 0xfffd }; // U+FFFD, the replacement character

// The code point that begins at text[*io_at], *io_at < n; moves behind it. Bytes that are no UTF-8
// (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) give DP_UTF8_BAD, one byte
// each.
uint32_t dp_utf8_next(const char *text, size_t n, size_t *io_at);

// May it stand in a line for people as it is? Not: control characters (C0, DEL, C1), separators of
// lines, invisible and bidirectional format characters, tags, noncharacters.
bool dp_utf8_is_shown(uint32_t code_point);
#endif

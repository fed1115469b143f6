// Times: unix seconds, UTC. Reads "2025-02-21T14:16:11Z", "2025-02-21 14:16:11", with or without
// seconds, "Z", "+00:00" or another offset, a fraction (dropped), " UTC"; a bare date; or a plain
// integer of unix seconds. No locale, no leap seconds. Years 1970 to 9999.
#ifndef DP_CODEC_TIME_H
#define DP_CODEC_TIME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
bool dp_time_parse(int64_t *ret_time, const char *text, size_t n);
enum { DP_TIME_TEXT_MAX = 32 };
size_t dp_time_format(char out[DP_TIME_TEXT_MAX], int64_t time); // 2025-02-21T14:16:11Z
#endif

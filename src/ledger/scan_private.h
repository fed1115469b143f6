// The inner loops of a scan, one a level (scan.h): which of n numbers have their bit in a table of
// 2^bits bits, found by the number's low bits? They say maybe; scan.c asks the survivors again.
#ifndef DP_LEDGER_SCAN_PRIVATE_H
#define DP_LEDGER_SCAN_PRIVATE_H

#include <stdint.h>

// Write base + i for each i whose number (or one of the two) may be a member; return how many. All
// n places of `out` may be written to, also behind what is returned.
typedef uint64_t (*dp_scan_pairs_loop)(uint32_t *out, const uint32_t *src, const uint32_t *dst,
                                       uint64_t n, uint32_t base, const uint32_t *table,
                                       uint32_t bits);
typedef uint64_t (*dp_scan_numbers_loop)(uint32_t *out, const uint64_t *number, uint64_t n,
                                         uint32_t base, const uint32_t *table, uint32_t bits);

uint64_t dp_scan_pairs_plain(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                             uint32_t base, const uint32_t *table, uint32_t bits);
uint64_t dp_scan_numbers_plain(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                               const uint32_t *table, uint32_t bits);
#if defined(__x86_64__)
uint64_t dp_scan_pairs_avx2(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                            uint32_t base, const uint32_t *table, uint32_t bits);
uint64_t dp_scan_numbers_avx2(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                              const uint32_t *table, uint32_t bits);
uint64_t dp_scan_pairs_avx512(uint32_t *out, const uint32_t *src, const uint32_t *dst, uint64_t n,
                              uint32_t base, const uint32_t *table, uint32_t bits);
uint64_t dp_scan_numbers_avx512(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                                const uint32_t *table, uint32_t bits);
#endif

// How far ahead the vector loops ask for their columns, in bytes. The processor's own prefetcher
// stops at each 4 KiB page; a request beyond the next page's beginning starts it there early.
enum { DP_SCAN_AHEAD = 1024 };

#endif

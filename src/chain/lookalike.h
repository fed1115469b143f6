// Look-alikes: the forgeries of address poisoning. A thief's followers send worthless tokens whose
// name reads "ETH" from contracts of their own to addresses that look like the real ones at both
// ends, because people compare no more than that.
#ifndef DP_CHAIN_LOOKALIKE_H
#define DP_CHAIN_LOOKALIKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/address.h"

// First three and last three hex digits of an EVM address, as one number; two different addresses
// with the same value look alike (domain rule: same first 3 and last 3). 0 for other kinds of
// address.
uint32_t dp_lookalike_ends(const dp_addr *a);

// What a symbol reads as: ASCII letters in upper case, Cyrillic, Greek and full-width letters as
// the Latin letters they look like, everything else left out. "\u0415\u0422\u041d..." reads "ETH".
// Returns the length; out is terminated and cut at out_size - 1.
size_t dp_lookalike_symbol(char *out, size_t out_size, const char *symbol);

#endif

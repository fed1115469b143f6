// Chain-agnostic names, by their form alone: CAIP-2 (`eip155:1`) for chains, CAIP-10
// (`eip155:1:0xab...`) for accounts, CAIP-19 (`eip155:1/erc20:0x6b...`, with `/7` for one token of
// a collection) for assets. Which chains and assets there are is known to the rooms above; here a
// name is split where the specifications split it, and refused where their grammar refuses it.
//
// The parts point into the text given and are not terminated. Case is kept: the specifications
// compare names case-sensitively, except hexadecimal addresses, which are the caller's to fold.
#ifndef DP_CODEC_CAIP_H
#define DP_CODEC_CAIP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dp_caip_part {
	const char *text; // NULL when the name has no such part
	size_t size;
} dp_caip_part;

typedef struct dp_caip {
	dp_caip_part chain;           // `eip155:1`: namespace and reference with their colon
	dp_caip_part space;           // `eip155`      [-a-z0-9]{3,8}
	dp_caip_part reference;       // `1`           [-_a-zA-Z0-9]{1,32}
	dp_caip_part account;         // CAIP-10 only: [-.%a-zA-Z0-9]{1,128}
	dp_caip_part asset_space;     // CAIP-19 only: `erc20`, [-a-z0-9]{3,8}
	dp_caip_part asset_reference; // CAIP-19 only: [-.%a-zA-Z0-9]{1,128}
	dp_caip_part token;           // CAIP-19 with one token named: [-.%a-zA-Z0-9]{1,78}
} dp_caip;

// Each is true and fills *ret_name only when the whole text is a name of that kind.
bool dp_caip2_split(dp_caip *ret_name, const char *text, size_t n);
bool dp_caip10_split(dp_caip *ret_name, const char *text, size_t n);
bool dp_caip19_split(dp_caip *ret_name, const char *text, size_t n);
#endif

// Addresses and outpoints: who holds. One fixed-size value type for every chain, so that records
// and tables need no pointers. The 64-bit keys are for fast membership only: they are hashes, a
// thief can make two collide, so a match is always confirmed on the whole value.
#ifndef DP_CHAIN_ADDRESS_H
#define DP_CHAIN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"

typedef enum dp_addr_kind {
	DP_ADDR_NONE = 0, // nobody: minted, burnt, coinbase
	DP_ADDR_EVM,      // 20 bytes
	DP_ADDR_P2PKH,    // 20 bytes: hash160 of a key
	DP_ADDR_P2SH,     // 20 bytes: hash160 of a script
	DP_ADDR_P2WPKH,   // 20 bytes
	DP_ADDR_P2WSH,    // 32 bytes
	DP_ADDR_P2TR,     // 32 bytes: x-only output key
	DP_ADDR_WITNESS,  // other witness versions: 1 byte version, then the program, at most 32
	                  // bytes; longer programs are DP_ADDR_SCRIPT
	DP_ADDR_P2PK,     // 20 bytes: hash160 of the bare key; shown as its P2PKH address, as
	                  // explorers do, but a different holder
	DP_ADDR_MULTISIG, // bare multisig: 1 byte m, 1 byte n, first 30 bytes of SHA-256(script)
	DP_ADDR_SCRIPT,   // any other spendable script: SHA-256(script)
	DP_ADDR_NULLDATA, // OP_RETURN: 0 bytes, unspendable
	DP_ADDR_NAME,     // a name that is no address (interchange files, tests): up to 32 bytes
	DP_ADDR_KIND_COUNT
} dp_addr_kind;

typedef struct dp_addr {
	uint8_t kind;      // dp_addr_kind
	uint8_t len;       // bytes used
	uint8_t bytes[32]; // the rest is zero, so that addresses compare with memcmp
} dp_addr;

typedef struct dp_outpoint {
	uint8_t txid[32]; // as hashed, i.e. the reverse of what people print
	uint32_t vout;
} dp_outpoint;

enum { DP_ADDR_TEXT_MAX = 100, DP_OUTPOINT_TEXT_MAX = 80 };

static inline bool dp_addr_eq(const dp_addr *a, const dp_addr *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

// A value that spreads: XXH3-64 of the bytes. Never 0, which means "no address".
uint64_t dp_addr_key(const dp_addr *a);
uint64_t dp_outpoint_key(const dp_outpoint *o);

typedef struct dp_chain dp_chain;

// Text as people write it on this chain (EIP-55, base58check, bech32); multisig:MofN:<hex>,
// script:<hex>, nulldata where there is no address form. Returns the length; out is terminated.
size_t dp_addr_format(char out[DP_ADDR_TEXT_MAX], const dp_addr *a, const dp_chain *chain);

// The inverse, checksums verified: an EVM address in mixed case must carry a right EIP-55
// checksum; all-lower and all-upper have none. CAIP-10 (`eip155:1:0x...`) is accepted.
DP_MUST dp_code dp_addr_parse(dp_addr *ret_addr, const char *text, size_t n, const dp_chain *chain,
                              dp_fault *fault);

// "txid:vout", txid as people print it.
size_t dp_outpoint_format(char out[DP_OUTPOINT_TEXT_MAX], const dp_outpoint *o);
DP_MUST dp_code dp_outpoint_parse(dp_outpoint *ret_outpoint, const char *text, size_t n,
                                  dp_fault *fault);

// Who an output script pays. Never fails: what it cannot classify is DP_ADDR_SCRIPT.
dp_addr dp_addr_from_script(const uint8_t *script, size_t n);
// The same for the script field of an output on this chain, which on Bitcoin Cash may begin with
// tokens (codec/script.h): they are not part of the script.
dp_addr dp_addr_from_output(const dp_chain *chain, const uint8_t *script, size_t n);

// That, written in place and for the inner loops: the three templates that most outputs have today
// are told here, without a call or a copy; no token prefix begins like them.
static inline void dp_addr_of_output(dp_addr *ret_addr, const dp_chain *chain,
                                     const uint8_t *script, size_t n)
{
	bool is_20 = n == 22 && script[0] == 0x00 && script[1] == 20;
	bool is_32 = n == 34 && script[1] == 32 && (script[0] == 0x00 || script[0] == 0x51);
	if (is_20) {
		ret_addr->kind = DP_ADDR_P2WPKH;
		ret_addr->len = 20;
		memcpy(ret_addr->bytes, script + 2, 20);
		memset(ret_addr->bytes + 20, 0, 12);
	} else if (is_32) {
		ret_addr->kind = script[0] == 0x00 ? DP_ADDR_P2WSH : DP_ADDR_P2TR;
		ret_addr->len = 32;
		memcpy(ret_addr->bytes, script + 2, 32);
	} else {
		*ret_addr = dp_addr_from_output(chain, script, n);
	}
}

#endif

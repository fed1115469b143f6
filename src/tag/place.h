// Places: what a tag is about. An address or a transaction, on a network as tag files name it
// ("BTC", "XBT", "ethereum", "eip155:1"). More networks than dyepack follows occur in such files;
// their addresses are kept, checked as far as their syntax is known, and can be looked up.
//
// A place is one dp_addr, so that a table of them needs no pointers. Two kinds are added to those
// of chain/address.h, for tables of this room only:
//
//   DP_PLACE_TX     32 bytes: a transaction id, in the order in which people print it
//   DP_PLACE_OTHER  32 bytes: SHA-256 of an address of a network whose form we cannot take apart
//                   (Monero, Ripple, ...), as text: the text itself is kept by who has room for it.
//                   Of spellings of one account (Monero's integrated, Ripple's X...) the plain one
//
// A Tron address is DP_ADDR_EVM: its 20 bytes are the same hash of the same kind of key, and
// whoever holds the key holds the address of both networks. The same is true of Bitcoin and its
// forks. So the bytes are looked up first, and then the network says whether a tag speaks of this
// very address or of another one of the same key (dp_tags_match in tag/index.h).
#ifndef DP_TAG_PLACE_H
#define DP_TAG_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/address.h"
#include "chain/chain.h"

enum { DP_PLACE_TX = 64, DP_PLACE_OTHER = 65 };
enum { DP_PLACE_TEXT_MAX = 128 }; // of an address or transaction id as people write it

typedef struct dp_network {
	uint16_t id;           // index in the table + 1; 0: not said
	const char *name;      // as GraphSense writes it: "BTC", "ETH", "TRX"
	const dp_chain *chain; // NULL: one that dyepack does not follow
	const char *aliases;   // other names, separated by blanks: "XBT bitcoin"; any case
} dp_network;

uint16_t dp_network_count(void);                               // ids are 1..count
const dp_network *dp_network_at(uint16_t id);                  // aborts when out of range
const dp_network *dp_network_find(const char *text, size_t n); // also CAIP-2; NULL when unknown
const dp_network *dp_network_of(const dp_chain *chain);        // aborts when it has none

typedef struct dp_place {
	uint16_t network; // dp_network id; 0: not said (a bare transaction id)
	dp_addr addr;
} dp_place;

// An address as people write it, blanks around it left out, checksums verified where the network's
// form has one (mixed-case EIP-55, base58check, bech32, Monero's and Ripple's own). `network` NULL:
// told by its form: 0x... is Ethereum, T... Tron, bc1 and 1... and 3... Bitcoin, and so on; CAIP-10
// names its own. DP_BAD_BYTES says what is wrong with it.
DP_MUST dp_code dp_place_parse(dp_place *ret_place, const char *text, size_t n,
                               const dp_network *network, dp_fault *fault);
// A transaction id: 64 hex digits, with or without 0x.
DP_MUST dp_code dp_place_parse_tx(dp_place *ret_place, const char *text, size_t n,
                                  const dp_network *network, dp_fault *fault);
// What OFAC lists as USDT may be an address of Tron, of Ethereum or of Omni (Bitcoin): the form
// says which. The same for USDC and for tokens on any network.
bool dp_network_is_asset(const char *text, size_t n);

// As people write it. DP_PLACE_OTHER cannot be written back: 0 and "".
size_t dp_place_format(char out[DP_PLACE_TEXT_MAX], const dp_place *place);

#endif

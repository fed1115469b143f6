// What readers of event logs share: is this log the event, and from the protocol's own contract;
// its words as addresses, assets and amounts; a leg begun or refused.
//
//   note --> dp_log_is --> dp_log_at (whose contract?) --> dp_log_data --> words --> leg
//               |                |                              |
//             not ours      "not one of X's contracts"    "its data are not the event's"
//
// Whoever reads an event here has a list of contracts. Anybody can log any event; that the bytes
// come from the protocol is known from the contract alone.
#ifndef DP_LINK_LOG_H
#define DP_LINK_LOG_H

#include "codec/abi.h"
#include "link/leg.h"

// A contract of a protocol. The address is written as people do, with EIP-55's checksum, so that
// it can be compared by eye with where it was read.
typedef struct dp_log_place {
	const char *chain; // short name
	const char *address;
	uint32_t role; // the protocol's own numbering; 0 when all are alike
} dp_log_place;

// The row of this contract on this chain; NULL when it has none.
const dp_log_place *dp_log_at(const dp_log_place *list, size_t count, const dp_chain *chain,
                              const uint8_t contract[20]);
// The first row of this chain with that role; NULL when there is none.
const dp_log_place *dp_log_with(const dp_log_place *list, size_t count, const dp_chain *chain,
                                uint32_t role);
void dp_log_place_bytes(uint8_t ret_contract[20], const dp_log_place *place);

// A protocol's own number of a chain.
typedef struct dp_log_number {
	uint64_t number;
	const char *chain; // short name
} dp_log_number;
const dp_chain *dp_log_chain(const dp_log_number *list, size_t count, uint64_t number);
// false: the protocol is not on this chain, as far as we know.
bool dp_log_number_of(uint64_t *ret_number, const dp_log_number *list, size_t count,
                      const dp_chain *chain);
// The number behind "eip155:"; 0 for other chains.
uint64_t dp_log_evm_number(const dp_chain *chain);

// Is note `n` a log on an account chain with this first topic? Asked of every note: cheap.
bool dp_log_is(const dp_block *b, uint32_t n, const uint8_t topic[32]);
// The data of the log as a tuple of `words` words; failed when a part of it was cut off, or when
// it has not `topics` topics.
dp_abi dp_log_data(const dp_block *b, uint32_t n, uint32_t topics, size_t words);
// The same, and what was cut off is no failure until it is asked for: for events in which whoever
// calls the contract may write as much as he likes (a message, a hook), so that length hides none.
dp_abi dp_log_data_cut(const dp_block *b, uint32_t n, uint32_t topics, size_t words);

// A leg of this note: proven, because whoever calls has looked at the contract.
dp_leg dp_log_leg(const dp_protocol *protocol, uint32_t n, dp_leg_side side);
// Writes a refusal into *ret_leg and returns 1, the count of legs.
uint32_t dp_log_refuse(dp_leg *ret_leg, const dp_protocol *protocol, uint32_t n, dp_leg_side side,
                       const char *why);
// Returns the count again, after refusing what cannot be: an amount beyond every supply.
uint32_t dp_log_legs(dp_leg *io_leg, uint32_t count);

// The EVM address in a word whose first twelve bytes are zero; kind NONE for any other word, and
// for a word of zeros.
dp_addr dp_log_addr(const uint8_t word[32]);
// Writes the receiver into io_leg->to; what is no EVM address goes into the text instead.
void dp_log_to(dp_leg *io_leg, const uint8_t word[32]);
// Chain, and what is bought there for at least `least`, when the word names a listed token of it.
void dp_log_bought(dp_leg *io_leg, const dp_chain *other, const uint8_t token[32], dp_u256 least);

// Bridges take coins and count them as the wrapped token (or the other way round). Where the leg
// says the wrapped token and the transaction moved just so many coins to `place[0]` (OUT) or to the
// receiver (IN), the leg is one of coins.
void dp_log_coins(dp_leg *io_leg, const dp_block *b, uint32_t n);

#endif

// Safe multisigs: does this call data hand the wallet over to foreign code?
//
// A Safe (the most used multisig of EVM chains) runs what its owners signed by execTransaction.
// One argument says how: a call, as from any wallet, or a **delegate call**, which runs the
// target's code inside the Safe itself, where it can do everything: change the owners, replace the
// wallet's own code. That is how Bybit lost 1.4 billion dollars (domain: 21 February 2025,
// transaction 0x46deef0f...): the signers saw a transfer, the call data said delegate call to a
// contract that nobody knew, whose `transfer(address,uint256)` wrote its first argument over the
// wallet's code.
//
// Delegate calls have good uses: sending several calls at once (MultiSend), signing a message,
// creating a contract, moving to a newer version. All of these go to contracts that the makers
// published, at the same addresses on all chains: whatever goes elsewhere is suspicious. Batches
// are read to the end, as a batch can hold a delegate call again.
//
// What is read is a note (chain/note.h), so only a Safe that is called by a transaction directly;
// what another contract makes a Safe do (modules, a Safe that owns a Safe) is not in the note. A
// batch of more than DP_NOTE_DATA_MAX bytes is read as far as it is kept, and 1,024 calls of one.
#ifndef DP_SHAPE_SAFE_H
#define DP_SHAPE_SAFE_H

#include "chain/block.h"

enum { DP_SAFE_SCORE_MAX = 1000 };

typedef struct dp_safe_call {
	uint8_t safe[20];   // who was called, as the note says
	uint8_t target[20]; // whose code ran in it
	dp_u256 value;      // that went along
	uint32_t selector;  // of the call to the target; 0 where there is none
	uint32_t score;     // 1 to DP_SAFE_SCORE_MAX: how clearly it is a takeover
	bool has_selector;
	bool is_token_like; // like a token's transfer or approval, which makes no sense there
	bool is_batched;    // it stood inside a batch
} dp_safe_call;

// false: the note is of another kind, makes no sense, or all code that ran is the makers' own.
bool dp_safe_takeover(dp_safe_call *ret_call, const dp_block *b, const dp_note *n);
// The same of call data: the first `size` bytes of it, to `safe`.
bool dp_safe_takeover_of(dp_safe_call *ret_call, const uint8_t safe[20], const uint8_t *data,
                         size_t size);
// The most clearly taken over Safe of a transaction's notes; false: none.
bool dp_safe_takeover_in(dp_safe_call *ret_call, const dp_block *b, uint32_t tx);

// Contracts whose code a Safe may run. `role`: "MultiSend 1.3.0"; NULL: it is none of them.
const char *dp_safe_genuine(const uint8_t address[20]);
typedef struct dp_safe_contract {
	const char *address; // as people write it (EIP-55)
	const char *role;
} dp_safe_contract;
const dp_safe_contract *dp_safe_contracts(uint32_t *ret_count);

#endif

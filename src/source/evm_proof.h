// What an EVM block's own hashes prove of a node's answers.
//
// A block's hash is the Keccak-256 of its header's RLP. The header holds the roots of three
// Merkle-Patricia tries: its transactions, its receipts and its withdrawals, each keyed by the RLP
// of the index. All are recomputed from the JSON, so that a node (or somebody on the way to it)
// that leaves out a transaction, changes an amount or invents a log is found out:
//
//   header        hash = keccak(rlp(header)), with the fields that its fork has: base fee (London),
//                 withdrawals root (Shanghai), blob gas, parent beacon root (Cancun), requests
//                 hash (Prague)
//   transactions  legacy, and the typed ones of EIP-2930, 1559, 4844, 7702; each one's hash too
//   receipts      status or state root, cumulative gas, bloom (computed from the logs), logs
//   withdrawals   EIP-4895
//
// What no hash covers but follows from what is hashed is compared too, where it is stated: a
// receipt's transaction, type, gas used (what the cumulative gas grows by), effective price (from
// the transaction and the base fee), blob gas, the address of the contract made; and that there are
// uncles or none.
//
// Not proven this way: who signed (sender addresses are the node's word; recovering keys is not
// done), the uncles, what receipts say of blob prices, places in the block repeated in every item,
// and the traces, which no hash covers.
//
// Chains and transaction types with another serialisation cannot be checked; *ret_proven says so,
// and `doubt` why. It is so when a hash does not come out and there is a key that we do not know,
// when a transaction has an unknown type or no signature, and for receipts from before Byzantium
// without state roots.
//
// On a chain whose forms are all known that would let anybody lie who adds a key. There `is_strict`
// is to be set: unknown keys and types excuse nothing, and the fault names them. Only a transaction
// that nobody signed, as development nodes make them, may have a hash that cannot be computed; the
// root of the transactions must come out all the same.
#ifndef DP_SOURCE_EVM_PROOF_H
#define DP_SOURCE_EVM_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "codec/json.h"
#include "codec/rlp.h"

enum { DP_EVM_BLOOMED = 256 };

// Buffers, reused block by block. Zero-initialise.
typedef struct dp_evm_proof {
	bool is_strict;                // set by the caller: every form that this chain has is known
	char doubt[DP_FAULT_TEXT_MAX]; // why the last block or receipts were not proven
	dp_rlp item, node;
	struct dp_evm_trie_item *list;
	uint64_t list_cap;
	// What logs put into blooms, with the bits that it sets, by a part of its bytes: contracts
	// and first topics are the same few again and again, and each would be hashed.
	struct dp_evm_bloomed {
		uint16_t bit[3];
		uint8_t size, bytes[32];
	} bloomed[DP_EVM_BLOOMED];
} dp_evm_proof;

// DP_BAD_BYTES when a hash that can be computed is not the one stated ("block 15000000: its
// transactions do not have the root that its header states"). *ret_proven is false when something
// has a form we do not know.
DP_MUST dp_code dp_evm_proof_block(dp_evm_proof *proof, bool *ret_proven, const dp_json *block,
                                   dp_fault *fault);
// `receipt`: those of all transactions, in order; `block`: the block, already proven.
DP_MUST dp_code dp_evm_proof_receipts(dp_evm_proof *proof, bool *ret_proven, const dp_json *block,
                                      const dp_json *const *receipt, uint32_t count,
                                      dp_fault *fault);
void dp_evm_proof_done(dp_evm_proof *proof);

// Root of the trie that holds item i under rlp(i), for tests: the empty list gives 56e81f17...
DP_MUST dp_code dp_evm_trie_root(dp_evm_proof *proof, uint8_t ret_root[32],
                                 const uint8_t *const *item, const uint32_t *size, uint32_t count,
                                 dp_fault *fault);

#endif

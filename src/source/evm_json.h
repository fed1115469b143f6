// An EVM node's answers, parsed JSON, to a dp_evm_block (chain/ethereum.h).
//
// Answers are what a node says: any field may be missing, of a wrong type, too large, or contradict
// another. What is wrong is DP_BAD_BYTES with its place in words ("block 15000000, transaction 3:
// \"value\" is not a hexadecimal quantity"); what is superfluous is not looked at.
//
// Quantities are "0x" and hexadecimal digits, at most 256 bits; leading zeros are let pass, for
// some nodes write them. Data is "0x" and pairs of digits.
#ifndef DP_SOURCE_EVM_JSON_H
#define DP_SOURCE_EVM_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/ethereum.h"
#include "codec/json.h"

// eth_getBlockByNumber(h, true). Starts `block`. Transactions get what their own object says;
// receipts and frames come after. The block must be the one asked for (`height`). Withdrawals
// become gifts at once, so they stand before rewards of proof of work, which no block has too.
DP_MUST dp_code dp_evm_json_block(dp_evm_block *block, const dp_chain *chain, uint64_t height,
                                  const dp_json *answer, dp_fault *fault);

// The receipts of all transactions, from eth_getBlockReceipts or one by one, matched by index,
// transaction hash and block hash. Fills gas, price, status, the address of created contracts,
// transfers.
DP_MUST dp_code dp_evm_json_receipts(dp_evm_block *block, const dp_json *const *receipt,
                                     uint32_t count, dp_fault *fault);

// The two ways in which nodes tell of calls; each fills frames of every transaction.
//   calls     debug_traceBlockByNumber with callTracer: a list of {txHash?, result} or of bare
//             results, in the block's order; nested as the calls were
//   parity    trace_block: a flat list with traceAddress; "reward" entries are not taken (rewards
//             are computed), and on ethereum must agree with ours if those were added before
// Calls may nest 2,048 deep (the EVM allows 1,024), which is 4,096 levels of JSON.
DP_MUST dp_code dp_evm_json_calls(dp_evm_block *block, const dp_json *answer, dp_fault *fault);
DP_MUST dp_code dp_evm_json_parity(dp_evm_block *block, const dp_json *answer, dp_fault *fault);

// Does the block, as eth_getBlockByNumber gives it, pay a reward of proof of work (its difficulty
// is not 0, it is not genesis)? How many uncles it names; and who an uncle's header, as
// eth_getUncleByBlockNumberAndIndex gives it, pays, and its height.
bool dp_evm_json_pays_reward(const dp_json *block_answer);
uint32_t dp_evm_json_uncle_count(const dp_json *block_answer);
DP_MUST dp_code dp_evm_json_uncle(uint8_t ret_miner[20], uint64_t *ret_height,
                                  const dp_json *answer, dp_fault *fault);

// Values of JSON-RPC: false when the text is none.
bool dp_evm_json_u64(uint64_t *ret_value, const dp_json *value);
bool dp_evm_json_u256(dp_u256 *ret_value, const dp_json *value);
// Exactly n bytes.
bool dp_evm_json_bytes(uint8_t *ret_bytes, size_t n, const dp_json *value);

#endif

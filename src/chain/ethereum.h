// EVM chains: what any source can say of one block in, the one shape of a ledger out.
//
// Nodes, exports and explorers tell the same things in different words. Each is decoded into a
// dp_evm_block, and one function here turns that into movements, so that the same block gives the
// same rows whoever told it (I-1), and what a fee or a failed call means is written once.
//
//   node's JSON (source/evm_json.c) --+
//   ethereum-etl export ---------------+--> dp_evm_block --> dp_evm_build --> dp_block
//   Etherscan export ------------------+
//
// Rows of a transaction, in this order:
//   REWARD     what a deposit of the OP stack makes for its sender (also when it fails)
//   NATIVE     its own value, even none, from sender to receiver (or the contract it makes)
//   INTERNAL   what contracts paid in its course, in order of execution
//   TOKEN      token transfers, in order of their logs
//   FEE        what is burnt (to nobody), then what others receive (the proposer; on chains of
//              the OP stack their vaults)
// A transaction that failed keeps only its fees. A call that failed moves nothing, and neither
// does anything it called. Delegate calls, static calls and CALLCODE move nothing: they run with
// the caller's own money.
// Block rewards, uncle rewards and withdrawals stand behind all transactions, in one more of their
// own: DP_TXF_COINBASE, its id the block's hash.
//
// A token that rebases (stETH) is counted in shares where its logs tell them: the log
// TransferShares that goes with a Transfer of the same sender and receiver makes the Transfer's row
// one of the share's asset (chain/asset.h), and a note keeps what the Transfer itself said.
//
// Notes (chain/note.h) stand with their transactions, none with one that failed: call data that
// could be a memo, where value goes to the receiver; call data by which a Safe lets foreign code
// run in itself; what shares stood for; logs that somebody reads; and where there is any of the
// others, what the sender paid for gas.
//
// Self-destruction gives all a contract has to its heir. When it names itself the money is burnt,
// where the contract really goes: always before Cancun, since then (EIP-6780) only in the
// transaction that made it; otherwise nothing moves. What a contract that goes receives after that
// is lost with it when the transaction ends: a row to nobody.
//
// Sources: Ethereum Yellow Paper; EIP-1559 (base fee burnt), EIP-4844 (blob fee burnt), EIP-4895
// (withdrawals, in gwei), EIP-6780; execution-specs; for the OP stack its specs (L1 fee, vaults).
#ifndef DP_CHAIN_ETHEREUM_H
#define DP_CHAIN_ETHEREUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/block.h"
#include "chain/gap.h"

typedef enum dp_evm_status {
	DP_EVM_DONE = 0,
	DP_EVM_FAILED,
	DP_EVM_STATUS_UNKNOWN // before Byzantium receipts do not say; frames may
} dp_evm_status;

typedef enum dp_evm_frame_kind {
	DP_EVM_CALL = 0,
	DP_EVM_CREATE,       // CREATE, CREATE2: `to` is the contract made
	DP_EVM_SELFDESTRUCT, // `from` the contract, `to` its heir, value all it had
	DP_EVM_NO_VALUE      // delegate call, static call, CALLCODE
} dp_evm_frame_kind;

// A call in execution order (a caller before what it calls).
typedef struct dp_evm_frame {
	dp_u256 value;
	uint8_t from[20], to[20];
	uint32_t depth; // 0: the transaction itself
	uint8_t kind;   // dp_evm_frame_kind
	bool has_to;    // false: a creation that failed
	bool failed;    // this call itself
} dp_evm_frame;

// A token transfer, as a log or an export says it. Mint and burn have the zero address.
typedef struct dp_evm_transfer {
	dp_u256 amount;
	uint8_t contract[20], from[20], to[20];
	uint64_t log_index;
	char symbol[16]; // where the source knows it, as in dp_movement; "" otherwise
	bool is_shares;  // no transfer, but the log that says how many shares one moved: `amount`
} dp_evm_transfer;

// A log that somebody reads. `data_at` counts in the block's note_bytes.
typedef struct dp_evm_log {
	uint8_t contract[20], topic[4][32];
	uint32_t topic_count, at;
	uint32_t data_at, data_size, full_size;
} dp_evm_log;

typedef struct dp_evm_tx {
	uint8_t hash[32], from[20], to[20];
	dp_u256 value;
	dp_u256 gas_price; // effective: what the sender pays for each unit of gas
	dp_u256 l1_fee;    // OP stack
	dp_u256 mint;      // OP stack deposits: made from nothing for `from`
	dp_u256 blob_gas_price;
	uint64_t gas_used, blob_gas_used;
	bool has_to;          // false: creates a contract whose address is not known
	bool creates;         // `to` is the contract made
	bool has_fee;         // gas_used and gas_price are known
	bool has_unknown_fee; // something is paid beyond what is said here: DP_GAP_FEES
	bool no_sender;       // only its transfers are known (exports): no row of its own
	uint8_t status;
	bool has_frames; // frame_count frames are all there were, the first the transaction itself
	uint32_t frame_first, frame_count;
	uint32_t transfer_first, transfer_count;
	uint32_t log_first, log_count;
	uint32_t memo_at, memo_size; // call data that could be a memo, in note_bytes; size 0: none
	uint32_t safe_at, safe_size, safe_full; // the same of a Safe's delegate call (chain/note.h)
	uint32_t source_line;
} dp_evm_tx;

// Made from nothing for somebody: block reward, uncle reward, withdrawal.
typedef struct dp_evm_gift {
	dp_u256 amount;
	uint8_t to[20];
} dp_evm_gift;

// Arrays grow and are reused block by block. Zero-initialise. A transaction's frames, transfers and
// logs are appended right behind it: they count for the transaction that was added last. (A source
// that learns of them when all transactions stand there sets first and count itself.)
typedef struct dp_evm_block {
	const dp_chain *chain;
	uint64_t height;
	int64_t time;
	uint8_t hash[32], prev[32]; // zero when the source has none
	uint8_t miner[20];          // who receives the fees
	bool has_miner;
	bool has_base_fee;
	bool is_cancun; // EIP-6780 rules
	dp_u256 base_fee;
	dp_evm_tx *tx;
	dp_evm_frame *frame;
	dp_evm_transfer *transfer;
	dp_evm_gift *gift;
	dp_evm_log *log;
	uint8_t *note_bytes;
	uint32_t tx_count, frame_count, transfer_count, gift_count, log_count, note_bytes_size;
	uint64_t tx_cap, frame_cap, transfer_cap, gift_cap, log_cap, note_bytes_cap;
} dp_evm_block;

// `is_cancun` is set from what is known of the chain: correct it where a header shows more.
void dp_evm_start(dp_evm_block *b, const dp_chain *chain, uint64_t height, int64_t time);
// The new item is zeroed; the pointer is valid until the next append of its kind.
DP_MUST dp_code dp_evm_add_tx(dp_evm_block *b, dp_evm_tx **ret_tx, dp_fault *fault);
DP_MUST dp_code dp_evm_add_frame(dp_evm_block *b, dp_evm_frame **ret_frame, dp_fault *fault);
DP_MUST dp_code dp_evm_add_transfer(dp_evm_block *b, dp_evm_transfer **ret_transfer,
                                    dp_fault *fault);
DP_MUST dp_code dp_evm_add_gift(dp_evm_block *b, dp_evm_gift **ret_gift, dp_fault *fault);
// A log whose first topic is wanted (chain/note.h): all others are for the caller to leave out.
// `data` are the first `data_size` bytes of `full_size`, at most DP_NOTE_DATA_MAX of them are kept.
DP_MUST dp_code dp_evm_add_log(dp_evm_block *b, const uint8_t contract[20],
                               const uint8_t (*topic)[32], uint32_t topic_count, uint64_t log_index,
                               const uint8_t *data, size_t data_size, size_t full_size,
                               dp_fault *fault);
// The call data of a transaction, of which a possible memo is kept. `tx` is one of the block's.
DP_MUST dp_code dp_evm_add_input(dp_evm_block *b, dp_evm_tx *tx, const uint8_t *data, size_t size,
                                 dp_fault *fault);
// The same of a Safe's delegate call (dp_safe_maybe), else nothing: the first `size` bytes of
// `full_size`, of which at most DP_NOTE_DATA_MAX are kept.
DP_MUST dp_code dp_evm_add_safe(dp_evm_block *b, dp_evm_tx *tx, const uint8_t *data, size_t size,
                                size_t full_size, dp_fault *fault);
void dp_evm_done(dp_evm_block *b);

// What proof of work paid for this block and its uncles, where the chain did (ethereum up to the
// Merge, sepolia too; for others nothing is done): appends the gifts. Call it for blocks whose
// difficulty is not 0. `uncle_*`: miner and height of each uncle.
DP_MUST dp_code dp_evm_add_rewards(dp_evm_block *b, const uint8_t (*uncle_miner)[20],
                                   const uint64_t *uncle_height, uint32_t uncle_count,
                                   dp_fault *fault);

// Is this log a transfer of a fungible token? Transfer with three topics (four are an ERC-721),
// and Deposit and Withdrawal of listed wrapped coins, which WETH9 logs instead of Transfer. Amounts
// must be 32 bytes of data. Fills amount, contract, from, to.
bool dp_evm_transfer_of_log(dp_evm_transfer *ret_transfer, const dp_chain *chain,
                            const uint8_t contract[20], const uint8_t (*topic)[32],
                            uint32_t topic_count, const uint8_t *data, size_t data_size);

// Does this log say how many shares of a rebasing token a transfer moved (stETH's TransferShares)?
// Fills the same, and is_shares.
bool dp_evm_shares_of_log(dp_evm_transfer *ret_shares, const dp_chain *chain,
                          const uint8_t contract[20], const uint8_t (*topic)[32],
                          uint32_t topic_count, const uint8_t *data, size_t data_size);

// Movements from what was said. Starts and finishes `builder`. DP_BAD_BYTES when the parts
// contradict one another (a fee that overflows, a base fee above the gas price, ...). *io_gaps gets
// DP_GAP_FEES, DP_GAP_STATUS, DP_GAP_FEE_PAYEE where the block made them necessary, DP_GAP_TRACES
// when a contract was made with value and nobody said where, DP_GAP_REWARDS on chains that make
// coins where no answer shows it (bridges of polygon, arbitrum, avalanche).
DP_MUST dp_code dp_evm_build(dp_block_builder *builder, const dp_block **ret_block,
                             uint64_t *io_gaps, const dp_evm_block *b, dp_fault *fault);

#endif

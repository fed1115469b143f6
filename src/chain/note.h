// Notes: what a ledger says of a transaction beside its movements, as far as somebody in this house
// reads it: event logs of bridges, mixers and issuers, memos, and the few numbers that go with
// them.
//
//   source --> dp_builder_note --> block.note[] (sorted by transaction) --> src/link reads them
//                                       |
//                                       +--> ledgers keep them byte for byte
//
// A note is raw: nothing in it is believed here. Which logs are kept is a table of first topics
// (note.c); everything else is dropped where blocks are decoded, so that a block without bridges
// costs nothing. Data beyond DP_NOTE_DATA_MAX bytes is cut, and `full_size` says so: whoever
// decodes must refuse what it cannot see whole.
#ifndef DP_CHAIN_NOTE_H
#define DP_CHAIN_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dp_note_kind {
	DP_NOTE_LOG = 1, // event log: `place` its contract, topics, data
	DP_NOTE_INPUT,   // account chains: call data that reads as a memo; `place` the receiver
	DP_NOTE_OUTPUT,  // UTXO: what an OP_RETURN output pushes, one push after the other; `at`
	                 // its index among the outputs
	DP_NOTE_GAS,     // account chains, where there is another note: data is what the sender
	                 // paid for a unit of gas (32 bytes, big-endian), then the sender (20)
	DP_NOTE_NOMINAL, // a movement is counted in shares (rebasing token): `at` is the movement's
	                 // position in its transaction, data the amount that its Transfer says
	                 // (32 bytes, big-endian); `place` the token
	DP_NOTE_SAFE,    // account chains: call data by which a Safe multisig lets foreign code run
	                 // in itself; `place` the receiver, which should be the Safe
	DP_NOTE_KIND_COUNT
} dp_note_kind;

enum {
	DP_NOTE_DATA_MAX = 4096,
	DP_NOTES_MAX = 1 << 22,         // in a block
	DP_NOTE_BYTES_MAX = 1 << 28,    // in a block
	DP_MEMO_MAX = 250,              // THORChain's limit
	DP_MEMO_UTXO_MAX = 80 + 10 * 20 // with what is hidden in fake outputs
};

typedef struct dp_note {
	uint32_t tx;  // index of its transaction in this block
	uint32_t at;  // LOG: its index in the block (or transaction) as the source says; see kinds
	uint8_t kind; // dp_note_kind
	uint8_t topic_count; // 0 to 4
	uint8_t place[20];
	uint8_t topic[4][32];
	uint32_t data_at, data_size; // in block.note_bytes
	uint32_t full_size;          // before it was cut
} dp_note;

// Is a log with this first topic kept? The table has a row for each: topic, name of the event, who
// reads it.
bool dp_note_topic_wanted(const uint8_t topic[32]);
typedef struct dp_note_topic {
	uint8_t topic[32];
	const char *event;  // "Deposit(address,address,uint256,string)": topic is its Keccak-256
	const char *reader; // "thorchain"
} dp_note_topic;
const dp_note_topic *dp_note_topics(uint32_t *ret_count); // sorted by topic

// Could these bytes be a memo of THORChain or Maya? A cheap question, asked of all call data and of
// every OP_RETURN: printable, a known function word, a colon (or a word that needs none). A "yes"
// means nothing more than that the memo reader should look.
bool dp_memo_maybe(const uint8_t *bytes, size_t n);

// Is this call data a Safe's execTransaction with the operation "delegate call"? Asked of all call
// data; the first DP_SAFE_HEAD_SIZE bytes decide. What the call is for is shape/safe.h's.
enum { DP_SAFE_HEAD_SIZE = 4 + 10 * 32 };
bool dp_safe_maybe(const uint8_t *bytes, size_t n);

// What an output's script pushes when it is an OP_RETURN (0x6a), one push after the other, in any
// of the ways in which Bitcoin's scripts push (1 to 75 bytes by their number, OP_PUSHDATA1, 2, 4;
// OP_0 pushes nothing). 0 when it is none, has other operations, breaks off or pushes more than
// `max`; then `ret_bytes` is undefined.
size_t dp_note_of_script(uint8_t *ret_bytes, size_t max, const uint8_t *script, size_t n);

#endif

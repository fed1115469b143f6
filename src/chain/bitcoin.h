// Bitcoin and the chains that share its form: one serialised block in, the one shape of a ledger
// out (chain/block.h).
//
// The decoder checks what a block can prove of itself: that its bytes are well-formed, that its
// transactions hash to the merkle root of its header, its witnesses to the commitment of its
// coinbase, and that no amount is out of range. It does not check signatures nor proof of work:
// whoever gives us a chain of blocks vouches for it, and a false one is found out by hashes.
// Outputs that only carry words and could be a memo become notes (chain/note.h).
// Values of spent outputs are not in a block: the source fills them in (source/settle.h).
//
// What differs from chain to chain stands in the chain's row (chain/chain.h). Of what others added
// to a block only its length is read: Dogecoin's proof of merge mining behind the header,
// Litecoin's MimbleWimble part behind the transactions (money in there has no amounts that could be
// followed; it goes in and comes out by ordinary outputs), Bitcoin Cash's tokens in outputs.
#ifndef DP_CHAIN_BITCOIN_H
#define DP_CHAIN_BITCOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/block.h"

enum {
	DP_BITCOIN_HEADER_SIZE = 80,
	DP_BITCOIN_BLOCK_SIZE_MIN = 81,
	DP_BITCOIN_BLOCK_SIZE_MAX = 4000000, // of Bitcoin itself; other chains: block_size_max
};
#define DP_BITCOIN_MONEY_MAX UINT64_C(2100000000000000) // 21e6 BTC; other chains: money_max

typedef struct dp_bitcoin_header {
	uint8_t hash[32], prev[32], merkle_root[32]; // as hashed: the reverse of what people print
	int32_t version;
	uint32_t time, bits, nonce;
} dp_bitcoin_header;

void dp_bitcoin_header_decode(dp_bitcoin_header *ret_header,
                              const uint8_t bytes[DP_BITCOIN_HEADER_SIZE]);

// How many hashes the header stands for: 2^256 / (target + 1). 1 where the hash does not meet the
// target that the header names, or the target is malformed: what is claimed and not proven must
// not outweigh what is. Where proof of work is over another hash (is_scrypt) the claim is believed:
// trying scrypt on millions of headers would take hours, and whoever gives the files vouches.
dp_u256 dp_chain_work(const dp_chain *chain, const dp_bitcoin_header *header);
dp_u256 dp_bitcoin_work(const dp_bitcoin_header *header); // of Bitcoin

// The height that the coinbase states (BIP 34). False when the block is older than that rule or
// its bytes do not reach so far.
bool dp_chain_height(uint64_t *ret_height, const dp_chain *chain, const uint8_t *bytes,
                     size_t size);

// Buffers for decoding, reused block by block. Zero-initialise; `seed` may be set to something an
// outsider cannot know, so that nobody can prepare blocks whose hashes collide in its tables.
typedef struct dp_bitcoin_decoder {
	uint64_t seed;
	struct dp_sha256d_job *job;
	uint8_t *txid;        // 32 bytes for each transaction
	uint8_t *wtxid;       // the same with witness; folded to the witness root
	uint8_t *node;        // a copy of txid, folded to the merkle root
	uint32_t *slot;       // hash table: position in txid, plus 1; 0 = free
	uint32_t *spent_slot; // hash table: movement row of an input, plus 1; 0 = free
	uint64_t job_cap, txid_cap, wtxid_cap, node_cap, slot_cap, spent_slot_cap;
	uint64_t slot_mask;
	uint32_t tx_count; // 0 before the first block and after a fault
	// For blocks whose transactions have to be put into order (dp_bitcoin_order):
	bool is_reordered;
	uint32_t *order, *place;
	struct dp_bitcoin_visit *visit;
	dp_tx *tx_spare; // the builder's arrays and these change places
	dp_movement *mv_spare;
	dp_note *note_spare;
	uint64_t order_cap, place_cap, visit_cap, tx_spare_cap, mv_spare_cap, note_spare_cap;
} dp_bitcoin_decoder;

typedef struct dp_bitcoin_info {
	dp_bitcoin_header header;
	bool has_height;  // BIP 34
	bool has_witness; // some transaction carries one
	uint64_t height;
	uint64_t coinbase_value; // sum of the coinbase's outputs
	uint32_t input_count;    // without the coinbase's
} dp_bitcoin_info;

// Decodes the block in `bytes` (all of them: anything after the block is a fault) at `height` of
// `chain` into `builder`, which is started here and left unfinished, so that the caller can fill
// in what inputs are worth (every input row has DP_MVF_VALUE_UNKNOWN) and then finish it.
// Offsets in faults count from the block's first byte.
DP_MUST dp_code dp_bitcoin_decode(dp_bitcoin_info *ret_info, dp_bitcoin_decoder *decoder,
                                  dp_block_builder *builder, const dp_chain *chain, uint64_t height,
                                  const uint8_t *bytes, size_t size, dp_fault *fault);

// One transaction that is in no block yet, in `bytes` (all of them): a block of it alone, without
// hashes, otherwise as above. It is checked as one in a block is (but for the hashes, which nothing
// states) and may spend no coin twice. A coinbase is refused, and so is what carries data for
// Litecoin's MimbleWimble part.
DP_MUST dp_code dp_bitcoin_decode_tx(dp_bitcoin_decoder *decoder, dp_block_builder *builder,
                                     const dp_chain *chain, uint64_t height, int64_t time,
                                     const uint8_t *bytes, size_t size, dp_fault *fault);

// Position of the transaction in the block decoded last; false when it is not in it.
bool dp_bitcoin_find_tx(const dp_bitcoin_decoder *decoder, uint32_t *ret_index,
                        const uint8_t txid[32]);

// On chains with any_order, transactions are given so that whoever spends comes after whom it
// spends from, else as they stand. Where that moved any in the block decoded last: for each of its
// transactions, the place in the serialised block (where undo data has its entries too). NULL where
// all are where they stood. Valid until the next block.
const uint32_t *dp_bitcoin_order(const dp_bitcoin_decoder *decoder);

void dp_bitcoin_decoder_done(dp_bitcoin_decoder *decoder);

#endif

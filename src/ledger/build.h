// Building a segment out of the records of its blocks. A pure function: the same records and the
// same beginning give the same bytes, whoever builds them and whenever (format.h).
//
//   dp_build_new -- dp_build_unit (1, 8 or 64 times, in order) -- dp_build_join -- dp_build_write
//                                                                        or -- dp_build_image
//
// Units are taken in as they come and their records may be freed then; what is kept is 40 to 47
// bytes a movement (accounts; 44 to 54 while sorted) or 30 to 40 (coins). One build is used by one
// thread at a time; several may run side by side. After a failure a build may only be freed.
//
// Joining (UTXO): inputs that spend an output of the segment itself are resolved within; for the
// rest `resolve` is asked once, with all of them, sorted by txid.
#ifndef DP_LEDGER_BUILD_H
#define DP_LEDGER_BUILD_H

#include "ledger/file.h"
#include "ledger/record.h"

typedef struct dp_build dp_build;

// Where the segment begins: the numbers of its first block, transaction, row, input and output.
typedef struct dp_build_begin {
	uint64_t unit_first;
	uint64_t block, tx, row, input, output;
} dp_build_begin;

// An output that an earlier segment is asked for.
typedef struct dp_wanted {
	uint8_t txid[32];
	uint32_t vout;
	uint32_t input;    // local number, for the builder
	bool amount_known; // what the source said the input was worth
	dp_u256 amount;
	bool found; // set by the resolver, with what follows
	uint64_t output_no;
} dp_wanted;

// Sets found and output_no of each output that lies in an earlier segment (of several transactions
// with one id, the last). An amount that differs from the output's is DP_BAD_BYTES.
typedef dp_code (*dp_resolve)(void *context, dp_wanted *wanted, uint64_t count, dp_fault *fault);

// A coinbase with the id of an earlier transaction (BIP 30): all outputs of that one still unspent
// are buried (format.h, .spent). The builder tells those where both are in its segment; which
// coinbases the writer has to look up in earlier segments it tells, too.
typedef struct dp_buried {
	bool local;     // the earlier one is in this segment, too
	uint64_t tx_no; // the later one
	uint64_t earlier_tx_no;
} dp_buried;

DP_MUST dp_code dp_build_new(dp_build **ret_build, const dp_chain *chain,
                             const dp_build_begin *begin, dp_fault *fault);
void dp_build_free(dp_build *b); // NULL is fine
// One unit: its records' payloads, in order. `bytes` may be freed or reused afterwards.
DP_MUST dp_code dp_build_unit(dp_build *b, const uint8_t *const *payloads, const uint64_t *sizes,
                              uint64_t count, dp_fault *fault);
// Sorts addresses and transactions. Independent of earlier segments: may run while those are built.
DP_MUST dp_code dp_build_sort(dp_build *b, dp_fault *fault);
// Joins inputs. `resolve` may be NULL on account chains. Then the numbers behind the segment are
// known: see dp_build_begin_of_next.
DP_MUST dp_code dp_build_join(dp_build *b, dp_resolve resolve, void *context, dp_fault *fault);
// Known after the last unit (counts do not hang on the join).
dp_build_begin dp_build_begin_of_next(const dp_build *b);
// From here on what is written is as the version before notes wrote it, byte for byte: only to find
// out whether a segment of a ledger of that time is made of these blocks.
void dp_build_as_old(dp_build *b);
// Writes the file (dp_file_out: temporary, synced, renamed). `units`: as in the header.
DP_MUST dp_code dp_build_write(dp_build *b, const char *path, uint8_t ret_header_check[16],
                               dp_fault *fault);
// The same bytes in memory (dp_free); units in the header: 0. For the tail.
DP_MUST dp_code dp_build_image(dp_build *b, uint8_t **ret_bytes, uint64_t *ret_size,
                               dp_fault *fault);

//- for .spent: UTXO chains, after the join ------------------------------------------------------

// Which output each input of the segment spends, in order of the inputs, foreign ones left out.
// Begin with a walk of zeros; false behind the last. Numbers are the chain's.
typedef struct dp_spend_walk {
	uint64_t input; // the next to look at, local
	uint64_t tx;    // of it or one before, local
} dp_spend_walk;
bool dp_build_next_spend(const dp_build *b, dp_spend_walk *io_walk, uint64_t *ret_output_no,
                         uint64_t *ret_tx_no);
// The segment's own buried ones, in order of tx_no. Known after the last unit.
const dp_buried *dp_build_buried(const dp_build *b, uint64_t *ret_count);
// Coinbase `i` of those with which no earlier transaction of the segment shares the id: an earlier
// segment may have it. One a block at most of honest blocks. Known after the last unit.
uint64_t dp_build_coinbase_count(const dp_build *b);
void dp_build_coinbase(const dp_build *b, uint64_t i, uint64_t *ret_tx_no, uint8_t ret_id[32]);
// The outputs of one of the segment's transactions.
void dp_build_tx_outputs(const dp_build *b, uint64_t tx_no, uint64_t *ret_output_first,
                         uint64_t *ret_count);

#endif

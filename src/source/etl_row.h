// One record of an ethereum-etl export to one checked row. A private part of ethereum_etl.c.
//
// ethereum-etl writes seven sorts of files; six of them tell something about money. Their columns
// have several spellings (the file exports, the streaming and BigQuery variants with `receipt_...`
// among the transactions, GraphSense's camelCase), which all become the same few values here. What
// a record is of is told by its columns or keys, never by the name of its file.
//
// Sources: ethereum-etl docs/schema.md and its item exporters; ethereumetl/mappers (how traces of
// each type fill from and to) and service/trace_id_calculator.py ("call_<tx>_0_2_1": a trace's
// address is in its id too); the raw schema of graphsense-lib.
#ifndef DP_SOURCE_ETL_ROW_H
#define DP_SOURCE_ETL_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/u256.h"
#include "chain/chain.h"
#include "codec/csv.h"
#include "codec/json.h"

typedef enum dp_etl_sort {
	DP_ETL_BLOCKS = 0,
	DP_ETL_TXS,
	DP_ETL_RECEIPTS,
	DP_ETL_LOGS,
	DP_ETL_TRANSFERS,
	DP_ETL_TRACES,
	DP_ETL_OTHER, // contracts, tokens: nothing moves in them
	DP_ETL_SORT_COUNT,
	DP_ETL_NONE = DP_ETL_SORT_COUNT // nothing we know
} dp_etl_sort;

// The values of a row. Which of them it has is told by a bit each in `has`.
typedef enum dp_etl_value {
	// numbers
	DP_ETL_INDEX = 0, // of the transaction in its block
	DP_ETL_LOG_INDEX,
	DP_ETL_TRACE_INDEX, // in the block
	DP_ETL_GAS_USED,
	DP_ETL_BLOB_GAS,
	DP_ETL_TX_COUNT,
	DP_ETL_TIME,
	DP_ETL_STATUS,
	DP_ETL_TYPE, // of the transaction (EIP-2718)
	DP_ETL_ID,   // of a reward and such: its number in the trace's id
	// amounts
	DP_ETL_AMOUNT, // value; of a block its base fee
	DP_ETL_PRICE,
	DP_ETL_PRICE_PAID, // effective: goes before the other
	DP_ETL_L1_FEE,
	DP_ETL_BLOB_PRICE,
	// hashes
	DP_ETL_TX,
	DP_ETL_HASH, // the block's
	DP_ETL_PARENT,
	// addresses
	DP_ETL_FROM,
	DP_ETL_TO,
	DP_ETL_WHO, // miner, token, contract that logs, contract made
	DP_ETL_VALUE_COUNT
} dp_etl_value;

enum {
	DP_ETL_NUMBERS = DP_ETL_AMOUNT,
	DP_ETL_AMOUNTS = DP_ETL_TX - DP_ETL_AMOUNT,
	DP_ETL_HASHES = DP_ETL_FROM - DP_ETL_TX,
	DP_ETL_ADDRS = DP_ETL_VALUE_COUNT - DP_ETL_FROM
};

enum {
	DP_ETLF_TRANSFER = 1,     // log: a transfer; from, to, who, amount are its
	DP_ETLF_FAILED = 2,       // trace: its status or error says so
	DP_ETLF_PATH = 4,         // trace: `extra` is its address among the calls
	DP_ETLF_UNCLE = 8,        // reward for an uncle
	DP_ETLF_NO_UNCLES = 16,   // block: has none, as its hash of uncles proves
	DP_ETLF_CANCUN = 32,      // block: has what only blocks since Cancun have
	DP_ETLF_WITHDRAWALS = 64, // block: `extra` holds all its withdrawals
	DP_ETLF_WORK = 128,       // block: its difficulty is not 0
	DP_ETLF_STAKE = 256,      // block: its difficulty is 0
	DP_ETLF_OWN = 512,        // reward for the block itself
	DP_ETLF_LOGS = 1024,      // block: has logs, as its bloom filter proves
	DP_ETLF_TOKENS = 2048,    // block: has token transfers, as that makes most likely
	DP_ETLF_SHARES = 4096,    // log: says how many shares a transfer moved; from, to, amount
	DP_ETLF_NOTE = 8192,      // log: somebody reads it; `extra` holds it (dp_etl_log)
	DP_ETLF_MEMO = 16384,     // transaction: `extra` is its call data, which could be a memo
	DP_ETLF_SAFE = 32768      // transaction: its call data is a Safe's delegate call; `extra`
	                          // holds its size (size_t), then it as far as notes keep it
};

typedef enum dp_etl_trace {
	DP_ETL_CALL = 0,
	DP_ETL_CREATE,
	DP_ETL_SUICIDE,
	DP_ETL_NO_VALUE, // delegate call, static call, CALLCODE
	DP_ETL_REWARD,
	DP_ETL_GENESIS,
	DP_ETL_DAOFORK
} dp_etl_trace;

// Trace address: each step as four bytes, most significant first, so that memcmp orders calls as
// they were executed. Withdrawals: 20 bytes of address and 8 of gwei (as above) each.
enum { DP_ETL_DEPTH_MAX = 1025, DP_ETL_WITHDRAWALS_MAX = 1024, DP_ETL_WITHDRAWAL_SIZE = 28 };
enum { DP_ETL_EXTRA_MAX = DP_ETL_WITHDRAWALS_MAX * DP_ETL_WITHDRAWAL_SIZE };

typedef struct dp_etl_row {
	uint64_t block;
	uint32_t line, file;
	uint32_t has;  // 1 << dp_etl_value
	uint8_t sort;  // dp_etl_sort
	uint8_t trace; // dp_etl_trace
	uint16_t flags;
	uint32_t extra_size;
	const uint8_t *extra; // valid until the next row is read
	uint64_t number[DP_ETL_NUMBERS];
	dp_u256 amount[DP_ETL_AMOUNTS];
	uint8_t hash[DP_ETL_HASHES][32];
	uint8_t addr[DP_ETL_ADDRS][20];
} dp_etl_row;

// What `extra` of a log holds: this, then the data as far as notes keep it.
typedef struct dp_etl_log {
	uint32_t topic_count, full_size;
	uint8_t topic[4][32];
} dp_etl_log;

static inline bool dp_etl_has(const dp_etl_row *row, dp_etl_value value)
{
	return (row->has >> value & 1) != 0;
}
static inline uint64_t dp_etl_number(const dp_etl_row *row, dp_etl_value value)
{
	return row->number[value];
}
static inline dp_u256 dp_etl_amount(const dp_etl_row *row, dp_etl_value value)
{
	DP_CHECK(row != NULL);
	return row->amount[value - DP_ETL_AMOUNT];
}
static inline const uint8_t *dp_etl_hash(const dp_etl_row *row, dp_etl_value value)
{
	return row->hash[value - DP_ETL_TX];
}
static inline const uint8_t *dp_etl_addr(const dp_etl_row *row, dp_etl_value value)
{
	return row->addr[value - DP_ETL_FROM];
}

const char *dp_etl_sort_name(dp_etl_sort sort);

// What a file is of, from its first bytes: the header of a CSV file, or the keys of the first JSON
// object. `cut`: the bytes end within the file, the object may be incomplete.
dp_etl_sort dp_etl_sort_of(const char *text, size_t n, bool cut);

// Which column of a CSV file is which value, and the text of a record's values on their way to a
// row. Zero-initialise, then set chain and file.
typedef struct dp_etl_parser {
	const dp_chain *chain;
	uint32_t file;
	dp_etl_sort sort;
	uint32_t field_count;              // of the header
	uint8_t column[DP_CSV_FIELDS_MAX]; // what each field holds
	uint8_t extra[DP_ETL_EXTRA_MAX];   // of the row being read
	uint32_t extra_size, topic_count, data_size;
	uint8_t topic[4][32], data[32];
	const char *data_text, *input_text; // of a log, of a transaction; in the record being read
	size_t data_text_size, input_text_size;
	bool has_path, has_type, has_error, has_withdrawals;
} dp_etl_parser;

// Reads the header record that `csv` stands on.
DP_MUST dp_code dp_etl_header(dp_etl_parser *p, const dp_csv *csv, dp_fault *fault);
// Reads the record that `csv` stands on. Faults carry the line; the file is for the caller to add.
DP_MUST dp_code dp_etl_row_csv(dp_etl_parser *p, dp_etl_row *ret_row, const dp_csv *csv,
                               dp_fault *fault);
// Reads an object. Where it names its own sort ("type": "log"), that goes before the file's, and
// *ret_row may be of DP_ETL_OTHER, which has nothing but its line.
DP_MUST dp_code dp_etl_row_json(dp_etl_parser *p, dp_etl_row *ret_row, const dp_json *object,
                                uint32_t line, dp_fault *fault);

// An amount or number as exports write it: decimal, 0x-hexadecimal, or in scientific notation as
// long as it is a whole number ("199e17"). DP_BAD_BYTES otherwise, or beyond 256 bits.
DP_MUST dp_code dp_etl_parse_amount(dp_u256 *ret_value, const char *text, size_t n,
                                    dp_fault *fault);

#endif

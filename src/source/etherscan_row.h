// One record of an explorer's CSV download to one checked row. A private part of etherscan.c.
#ifndef DP_SOURCE_ETHERSCAN_ROW_H
#define DP_SOURCE_ETHERSCAN_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/chain.h"
#include "codec/csv.h"

typedef enum dp_scan_sort {
	DP_SCAN_NORMAL = 0, // what the address or its partner signed
	DP_SCAN_INTERNAL,   // what contracts paid
	DP_SCAN_TOKENS,     // ERC-20 transfers
	DP_SCAN_NONE        // no such file
} dp_scan_sort;

typedef struct dp_scan_row {
	uint64_t block;
	int64_t time;
	uint32_t file, line;
	uint8_t sort; // dp_scan_sort
	bool failed, has_to, creates, has_fee;
	bool came_in, went_out; // what moved for the file's own address: both, to itself
	uint8_t tx[32], from[20], to[20];
	uint8_t contract[20]; // of the token
	dp_u256 value, fee;   // base units; of tokens that are not listed see etherscan_row.c
	char symbol[16];
} dp_scan_row;

enum { DP_SCAN_COLUMNS = 14 };

typedef struct dp_scan_columns {
	int16_t field[DP_SCAN_COLUMNS]; // position in the record, or -1
	uint32_t field_count;
	dp_scan_sort sort;
	char coin[12]; // symbol in the header of the amounts, "" = none (tokens)
} dp_scan_columns;

// The sort by a header line alone.
dp_scan_sort dp_scan_sort_of(const char *text, size_t n);

// Reads the header record that `csv` stands on. DP_BAD_BYTES when it is none of an explorer's.
DP_MUST dp_code dp_scan_header(dp_scan_columns *ret_columns, const dp_csv *csv, dp_fault *fault);

// The first chain in our table that pays in this coin (ether: ethereum); NULL when none does.
const dp_chain *dp_scan_chain(const char *coin);
bool dp_scan_is_coin_of(const char *coin, const dp_chain *chain);

// Reads the record that `csv` stands on. Faults carry the line; the file is for the caller to add.
DP_MUST dp_code dp_scan_row_read(dp_scan_row *ret_row, const dp_scan_columns *columns,
                                 const dp_chain *chain, const dp_csv *csv, dp_fault *fault);

#endif

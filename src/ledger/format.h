// The ledger on disk, as offsets. docs/FORMAT.md tells the same at more length, and
// tests/model/ledger_reader.py is a second reader, written from that page alone.
//
// A ledger folder has one folder for each chain, named like the chain ("bitcoin", "ethereum"):
//
//   manifest              text: the segments, in order, and their checksums. Replaced by a rename.
//   lock                  held (flock) by the one importer
//   UUUUUUUU-NN.seg       a segment: units UUUUUUUU .. UUUUUUUU+NN-1. Never changed once named
//   UUUUUUUU-NN.spent     UTXO chains: which transaction spent each of the segment's outputs
//   UUUUUUUU.tail         blocks behind the last segment (which ended before unit UUUUUUUU)
//
// Units. Blocks are cut into units: a unit ends with the block with which it has at least
// DP_UNIT_ROWS movements. That depends on nothing but the blocks. A segment is 1, 8 or 64 units
// (level 0, 1, 2): eight neighbours of one level, beginning at a multiple of eight, become one of
// the next. So which segments there are depends on nothing but the blocks either, and a segment's
// bytes are a function of its blocks and of the four numbers it begins with: an import that was
// interrupted anywhere ends with the same bytes as one that was not.
//
// Numbers. Blocks, transactions, movements ("rows"), and on UTXO chains inputs and outputs are
// numbered through the whole chain from 0, in order. Inside a segment they count from its first.
//
// A segment file, little-endian throughout:
//
//   offset  size
//        0  4096  header, dp_segment_header below
//     4096   ...  sections, each beginning at a multiple of 64, zero bytes between
//      ...   ...  (DATA_END, header.data_size bytes behind 4096; a multiple of 64)
//      ...   8*k  one XXH3-64 for each chunk of DP_CHUNK bytes of the data (the last may be short)
//
// The manifest holds the XXH3-128 of the header, the header that of the list of chunk checksums:
// so nothing in a file can change unnoticed. Readers check a chunk when they first touch it.
//
// Sections of all ledgers
//
//   BLOCK      96-byte rows, dp_ledger_block_row, one a block and one more that ends the last
//   TXID       32 bytes a transaction, as in dp_tx.id
//   TXSORT     u32 a transaction: local numbers, sorted by TXID (as bytes), equal ones by number
//   TXBUCKET   u32: where in TXSORT ids begin whose first DP bits are b; 2^txbits + 1 of them. The
//              "first bits" are the top bits of the id's first 8 bytes read big-endian
//   TXFILTER   a split block filter (filter.h) of the ids' first 8 bytes, mixed
//   GROUP      dp_ledger_group rows: the kinds of addresses, in rising order of kind
//   ADDR       the addresses of each group, `width` bytes each, sorted by key (dp_addr_key, as a
//              number), equal keys by bytes. Local address ids count from 1 through all groups in
//              order; 0 is nobody
//   ADDRBUCKET u32: for each group 2^bits + 1: where (within the group) keys begin whose top bits
//              are b
//   ADDRFILTER a split block filter of the address keys
//   POSTFIRST  u32 for each id 0..n+1: where its postings begin in POST
//   POST       u32: local transaction numbers, rising for each address: the transactions that have
//              a movement from or to it. UTXO: the outputs that pay it, and foreign inputs; who
//              spent an output is told by the .spent file
//   WIDE       16 bytes: amounts that an amount word cannot hold, or one half of such an amount
//
// of account chains
//
//   TXROW      u32 a transaction and one more: bits 0..29 its first local row, 30..31 its flags
//   SRC, DST   u32 a row: local address ids
//   AMOUNT     u64 a row: an amount word
//   CLASS      u8 or u16 a row (the section's width): index into CLASSES
//   CLASSES    dp_ledger_class rows: kind, flags and asset of a movement
//   NOISE      dp_ledger_noise rows, rising: rows of no listed asset, and what they claim to be
//   NOISENAME  dp_ledger_noise_name rows
//
// of UTXO chains
//
//   TXIN       u32 a transaction and one more: bits 0..29 its first local input, 30..31 its flags
//   TXOUT      u32 a transaction and one more: its first local output
//   OUTTX      u32 for every 32nd local output: the transaction it belongs to
//   SPENT      u64 an input: the number of the output that it spends; with bit 63 set, the index of
//              a row of FOREIGN
//   OUTADDR    u32 an output: local id of the address it pays
//   VALUE      u64 an output: an amount word
//   FOREIGN    dp_ledger_foreign rows: inputs that spend what the ledger has no transaction of
//
// of all ledgers again: what blocks say beside movements (chain/note.h). All four are empty, with
// an entry of zeros, where no transaction has a note
//
//   NOTETX     u32: local numbers of transactions that have notes, rising, in bits 0..29. Bit 31:
//              one of its notes leads whoever follows money (of another kind than GAS and NOMINAL)
//   NOTEAT     u64 for each and one more: where its notes begin in NOTE
//   NOTE       the notes, one behind the other (note_cell.c), in the order of their block
//   NOTENAME   32 bytes: places (20 bytes and 12 zeros) and first topics, each once, in the order
//              in which notes name them first: a note's place, then its topic
//
// Contracts and events are few and each is named often, so a number of one or two bytes stands for
// 20 and 32; what else a note says is not often said twice. The order of first use hangs on nothing
// but the blocks, as the sorted order of NOISENAME does, and gives those used most short numbers.
//
// Version 1 was the same without notes; such segments are read, and stand beside newer ones.
//
// Amount words. Bit 63 clear: bits 57..62 are e, bits 0..56 m, and the amount is m * 10^e, e at
// most DP_AMOUNT_EXP_MAX, the smallest with which m fits. Most amounts of 18 decimals are round
// enough for that: it saves the second half of 16 bytes. Bit 63 set: bits 0..61 index WIDE, where
// the amount is. Bit 62 clear: it is that item. Bit 62 set: it is 32 bytes, that item the low half
// and the one behind it the high half, which is not 0. So one amount has one word; what WIDE holds
// stands in the order of rows, and each item belongs to exactly one of them.
//
// A .spent file: 64 bytes (dp_spent_header), then a u64 for each output of the segment:
//
//   bits  0..46  number of the transaction that spent it, plus 1; 0 = not spent
//   bit      47  not spent but buried: that transaction has the same id (BIP 30), the coin is gone
//   bits 48..63  the low 16 bits of XXH3-64 of (output number u64, bits 0..47 as u64)
//
// It is the one file that changes behind a commit: entries are written in place, eight aligned
// bytes at once, when a later segment is sealed, and synced before that segment is named. Each
// entry proves itself, so there is no page to tear. An entry that names a transaction behind what
// the reader's manifest has is not spent yet, for that reader. It can be made again from SPENT.
#ifndef DP_LEDGER_FORMAT_H
#define DP_LEDGER_FORMAT_H

#include <stdint.h>

enum {
	DP_LEDGER_VERSION = 2,     // of manifest, segments, tail
	DP_LEDGER_VERSION_OLD = 1, // that is read, too: notes were not kept
	DP_SPENT_VERSION = 1,
	DP_UNIT_ROWS = 1 << 18,
	DP_UNIT_FAN = 8,
	DP_UNIT_LEVELS = 3,
	DP_UNITS_MAX = 64,    // of a segment: DP_UNIT_FAN ^ (DP_UNIT_LEVELS - 1)
	DP_FINAL_BLOCKS = 16, // a block is sealed once so many lie above it
	DP_SEGMENT_HEADER_SIZE = 4096,
	DP_CHUNK = 16384,
	DP_SECTION_ALIGN = 64,
	DP_AMOUNT_EXP_MAX = 21, // 2^57 * 10^21 < 2^127
	DP_TXROW_BITS = 30
};
#define DP_ADDRESS_IDS_MAX ((uint64_t)1 << 31)
// Bytes of notes that a segment can hold: like the tail's, they pass through memory.
#define DP_NOTES_SIZE_MAX ((uint64_t)4 << 30)
#define DP_NOTE_LEADS ((uint32_t)1 << 31)
#define DP_SPENT_FOREIGN ((uint64_t)1 << 63)

typedef enum dp_section_id {
	DP_SEC_BLOCK = 0,
	DP_SEC_TXID,
	DP_SEC_TXSORT,
	DP_SEC_TXBUCKET,
	DP_SEC_TXFILTER,
	DP_SEC_GROUP,
	DP_SEC_ADDR,
	DP_SEC_ADDRBUCKET,
	DP_SEC_ADDRFILTER,
	DP_SEC_POSTFIRST,
	DP_SEC_POST,
	DP_SEC_WIDE,
	DP_SEC_TXROW, // account chains, to NOISENAME
	DP_SEC_SRC,
	DP_SEC_DST,
	DP_SEC_AMOUNT,
	DP_SEC_CLASS,
	DP_SEC_CLASSES,
	DP_SEC_NOISE,
	DP_SEC_NOISENAME,
	DP_SEC_TXIN, // UTXO chains, to FOREIGN
	DP_SEC_TXOUT,
	DP_SEC_OUTTX,
	DP_SEC_SPENT,
	DP_SEC_OUTADDR,
	DP_SEC_VALUE,
	DP_SEC_FOREIGN,
	DP_SEC_NOTETX, // all chains, to NOTENAME
	DP_SEC_NOTEAT,
	DP_SEC_NOTE,
	DP_SEC_NOTENAME,
	DP_SEC_COUNT
} dp_section_id;

typedef struct dp_section_entry {
	uint64_t offset; // in the file
	uint64_t stored; // bytes in the file
	uint64_t count;  // items
	uint32_t width;  // bytes of an item; ADDR: 1
	uint32_t codec;  // 0 as it is; 1 zstd, one frame (never BLOCK, GROUP and filters)
} dp_section_entry;

typedef struct dp_segment_header {
	char magic[8]; // "dyeledg" and a zero
	uint32_t version;
	uint32_t chain_kind;  // dp_chain_kind
	char chain[64];       // CAIP-2, zeros behind it
	uint64_t unit_first;  // of the units in this segment
	uint64_t unit_count;  // 1, 8 or 64; an unsealed tail in memory: 0
	uint64_t block_first; // numbers of the first of each
	uint64_t tx_first;
	uint64_t row_first;   // rows: movements; UTXO: inputs and outputs
	uint64_t input_first; // 0 on account chains, as the next three
	uint64_t output_first;
	uint64_t block_count;
	uint64_t tx_count;
	uint64_t row_count;
	uint64_t input_count;
	uint64_t output_count;
	uint64_t height_first, height_last;
	int64_t time_first, time_last; // of the first and last block
	uint64_t address_count;
	uint64_t noise_count;
	uint64_t gaps;      // DP_GAP_* of the sources of its blocks
	uint64_t data_size; // from 4096 to the chunk checksums
	uint32_t tx_bits;   // of TXBUCKET
	uint32_t reserved;
	uint8_t chunks_check[16]; // XXH3-128 of the list of chunk checksums, canonical (big-endian)
	dp_section_entry section[DP_SEC_COUNT];
	uint64_t note_count;
} dp_segment_header; // the rest of 4096 bytes is zero

typedef struct dp_ledger_block_row {
	uint64_t height;
	int64_t time;
	uint8_t hash[32]; // the block's own, or a digest of its rows (chain/digest.h)
	uint8_t prev[32]; // zero when the source had none
	uint32_t tx;      // local number of its first transaction
	uint32_t row;     // local number of its first row
	uint32_t noise;   // rows of no listed asset
	uint32_t flags;   // DP_LEDGER_BLOCK_*
} dp_ledger_block_row;    // 96 bytes

enum {
	DP_LEDGER_BLOCK_BEGINS = 1, // before it nobody had anything: the chain's beginning
	DP_LEDGER_BLOCK_NOTES = 2,  // in records: notes stand behind the transactions
};

typedef struct dp_ledger_group {
	uint32_t kind;     // dp_addr_kind
	uint32_t width;    // bytes of an address: its own, or 33 (length, then 32) if they vary
	uint32_t id_first; // local id of its first
	uint32_t count;
	uint64_t offset;       // in ADDR, of its first
	uint32_t bucket_first; // in ADDRBUCKET
	uint32_t bits;         // of ADDRBUCKET: 2^bits + 1 entries
} dp_ledger_group;             // 32 bytes

typedef enum dp_ledger_asset {
	DP_LEDGER_ASSET_NONE = 0, // noise
	DP_LEDGER_ASSET_NATIVE,
	DP_LEDGER_ASSET_CONTRACT,
	DP_LEDGER_ASSET_SYMBOL // a valuation, or shares of a rebasing token
} dp_ledger_asset;

typedef struct dp_ledger_class {
	uint8_t kind, flags; // dp_mv_kind, DP_MVF_*
	uint8_t asset;       // dp_ledger_asset
	uint8_t reserved;
	uint8_t contract[20];
	char symbol[24]; // of SYMBOL, zeros behind it
} dp_ledger_class;       // 48 bytes, sorted as bytes

typedef struct dp_ledger_noise {
	uint32_t row, name; // local row, index in NOISENAME
} dp_ledger_noise;

typedef struct dp_ledger_noise_name {
	uint8_t contract[20];
	char symbol[16];
} dp_ledger_noise_name; // 36 bytes, sorted as bytes

typedef struct dp_ledger_foreign {
	uint8_t txid[32];
	uint32_t vout;
	uint32_t address; // local id
	uint32_t flags;   // DP_MVF_VALUE_UNKNOWN
	uint32_t reserved;
	uint8_t amount[32]; // little-endian
} dp_ledger_foreign;        // 80 bytes

typedef struct dp_spent_header {
	char magic[8]; // "dyespnt" and a zero
	uint32_t version;
	uint32_t reserved;
	uint64_t output_first, output_count;
	uint64_t unit_first, unit_count;
	uint8_t check[16]; // XXH3-128 of the 48 bytes before, canonical
} dp_spent_header;         // 64 bytes

_Static_assert(sizeof(dp_section_entry) == 32, "format");
_Static_assert(sizeof(dp_segment_header) <= DP_SEGMENT_HEADER_SIZE, "format");
_Static_assert(sizeof(dp_ledger_block_row) == 96, "format");
_Static_assert(sizeof(dp_ledger_group) == 32, "format");
_Static_assert(sizeof(dp_ledger_class) == 48, "format");
_Static_assert(sizeof(dp_ledger_noise) == 8, "format");
_Static_assert(sizeof(dp_ledger_noise_name) == 36, "format");
_Static_assert(sizeof(dp_ledger_foreign) == 80, "format");
_Static_assert(sizeof(dp_spent_header) == 64, "format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "columns are read in place");

#endif

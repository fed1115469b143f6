// The rows of the table of sources, one for each kind. A new kind is a file, a line here and a
// line in source.c.
#ifndef DP_SOURCE_SOURCE_KINDS_H
#define DP_SOURCE_SOURCE_KINDS_H

#include "source/source.h"

extern const dp_source_kind dp_source_blockfile;   // blockfile.c: Bitcoin blocks from files
extern const dp_source_kind dp_source_evm_rpc;     // evm_rpc.c: an EVM node
extern const dp_source_kind dp_source_bitcoin_rpc; // bitcoin_rpc.c: a Bitcoin node
extern const dp_source_kind dp_source_bitcoin_etl; // bitcoin_etl.c: bitcoin-etl's JSON lines
extern const dp_source_kind dp_source_eth_etl;     // ethereum_etl.c: ethereum-etl's exports
extern const dp_source_kind dp_source_etherscan;   // etherscan.c: CSV downloads of explorers
extern const dp_source_kind dp_source_csv;         // csv.c: movements as comma-separated text

#endif

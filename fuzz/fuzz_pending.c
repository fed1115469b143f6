// What waits for a block, from hostile bytes. The first byte chooses: 'b', 'c', 'l' a serialised
// transaction of bitcoin, bitcoin-cash or litecoin; 'e' a transaction object of an EVM node, or
// what a head offers; 'z' where a Bitcoin node publishes. What must hold: no crash, no leak; what
// is refused is refused with a word; what is given is one transaction that moves something, with no
// more coming out of it than can exist.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "check_notes.h"
#include "source/bitcoin_zmq.h"
#include "source/pending_evm.h"

static void check(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	DP_CHECK(code == DP_BAD_BYTES && fault->text[0] != 0 && strchr(fault->text, '\n') == NULL);
}

static void read_bitcoin(const char *name, const uint8_t *data, size_t size)
{
	dp_bitcoin_decoder decoder = {.seed = 1};
	dp_block_builder builder = {.key_cap = 0};
	const dp_block *b;
	dp_fault fault = {.code = DP_OK};
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	DP_CHECK(chain != NULL);
	dp_code code = dp_bitcoin_decode_tx(&decoder, &builder, chain, 7, 8, data, size, &fault);
	check(code, &fault);
	if (code == DP_OK && dp_builder_finish(&builder, &b, &fault) == DP_OK) {
		uint64_t out = 0;
		DP_CHECK(b->tx_count == 1 && b->mv_count >= 2 && b->tx[0].mv_count == b->mv_count);
		DP_CHECK(b->mv[0].kind == DP_MV_INPUT);
		DP_CHECK(b->mv[b->mv_count - 1].kind == DP_MV_OUTPUT);
		for (uint32_t i = 0; i < b->mv_count; i++) {
			bool is_input = b->mv[i].kind == DP_MV_INPUT;
			DP_CHECK(is_input == (b->mv[i].flags == DP_MVF_VALUE_UNKNOWN));
			out += b->mv[i].amount.w[0];
			DP_CHECK(out <= chain->money_max);
		}
		check_notes(b);
	}
	dp_bitcoin_decoder_done(&decoder);
	dp_builder_done(&builder);
}

static void read_evm(const uint8_t *data, size_t size)
{
	dp_evm_block evm = {.chain = NULL};
	dp_block_builder builder = {.key_cap = 0};
	const dp_block *b;
	dp_fault fault = {.code = DP_OK};
	dp_json *doc;
	uint8_t hash[32];
	bool has_hash = dp_pending_evm_hash_of(hash, data, size);
	if (dp_json_parse(&doc, (const char *)data, size, NULL) != DP_OK) {
		DP_CHECK(!has_hash);
		return;
	}
	dp_code code = dp_pending_evm_read(&builder, &b, &evm, dp_chain_find("ethereum", 8), 7, 8,
	                                   doc, &fault);
	check(code, &fault);
	if (code == DP_OK) {
		DP_CHECK(has_hash && memcmp(b->tx[0].id, hash, 32) == 0);
		DP_CHECK(b->tx_count == 1 && b->mv_count >= 1 && b->mv_count <= 2);
		for (uint32_t i = 0; i < b->mv_count; i++) {
			const dp_movement *mv = &b->mv[i];
			DP_CHECK(mv->kind == (i == 0 ? DP_MV_NATIVE : DP_MV_TOKEN));
			DP_CHECK(mv->asset.v != 0);
		}
		check_notes(b);
	}
	dp_json_free(doc);
	dp_evm_done(&evm);
	dp_builder_done(&builder);
}

static void read_zmq(const uint8_t *data, size_t size)
{
	char text[DP_BITCOIN_ZMQ_MAX];
	dp_json *doc;
	if (dp_json_parse(&doc, (const char *)data, size, NULL) != DP_OK) return;
	dp_bitcoin_zmq_choose(text, doc, "127.0.0.1", strlen("127.0.0.1"));
	DP_CHECK(text[0] == 0 || strncmp(text, "zmq:tcp://", 10) == 0);
	for (const char *p = text; *p != 0; p++) DP_CHECK(*p > ' ' && *p < 0x7f);
	dp_json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) return 0;
	int64_t live = dp_mem_live();
	switch (data[0]) {
	case 'b': read_bitcoin("bitcoin", data + 1, size - 1); break;
	case 'c': read_bitcoin("bitcoin-cash", data + 1, size - 1); break;
	case 'l': read_bitcoin("litecoin", data + 1, size - 1); break;
	case 'e': read_evm(data + 1, size - 1); break;
	case 'z': read_zmq(data + 1, size - 1); break;
	default: break;
	}
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

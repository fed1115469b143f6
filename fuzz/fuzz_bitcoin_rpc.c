// What Bitcoin nodes answer, from hostile bytes: a block at verbosity 3, a block or transaction as
// text, amounts, hashes. The first byte chooses what the rest is. What must hold: no crash, no
// leak; a block that was read whole can be decoded or is refused with a word; amounts are below
// 2^63.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "source/bitcoin_json.h"

static void read_outputs(const uint8_t *bytes, size_t size)
{
	dp_bitcoin_outputs o;
	dp_spent_coin coin;
	uint64_t n = 0;
	if (!dp_bitcoin_outputs_of(&o, bytes, size)) return;
	while (dp_bitcoin_outputs_next(&o, &coin)) n++;
	DP_CHECK(n == o.count);
}

static void decode(const dp_bitcoin_answer *a, dp_fault *fault)
{
	static dp_bitcoin_decoder decoder;
	static dp_block_builder builder;
	dp_bitcoin_info info;
	dp_code code = dp_bitcoin_decode(&info, &decoder, &builder, dp_chain_find("regtest", 7), 1,
	                                 a->bytes, (size_t)a->size, fault);
	DP_CHECK(code == DP_OK || fault->text[0] != 0);
	dp_bitcoin_decoder_done(&decoder);
	dp_builder_done(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) return 0;
	int64_t live = dp_mem_live();
	dp_json *doc;
	dp_fault fault = {.code = DP_OK};
	dp_bitcoin_answer a = {0};
	uint64_t units;
	uint8_t hash[32];
	if (data[0] == 't') {
		read_outputs(data + 1, size - 1);
	} else if (dp_json_parse(&doc, (const char *)data + 1, size - 1, &fault) == DP_OK) {
		dp_code code = data[0] == 'b' ? dp_bitcoin_answer_full(&a, doc, &fault)
		                              : dp_bitcoin_answer_hex(&a, doc, &fault);
		DP_CHECK(code == DP_OK || fault.text[0] != 0);
		if (code == DP_OK) decode(&a, &fault);
		if (code == DP_OK) read_outputs(a.bytes, (size_t)a.size);
		DP_CHECK(!a.has_prevouts || code != DP_OK || a.coin_count == a.input_count);
		if (dp_bitcoin_json_amount(&units, doc)) DP_CHECK(units >> 63 == 0);
		(void)dp_bitcoin_json_hash(hash, doc);
		dp_json_free(doc);
	}
	dp_bitcoin_answer_done(&a);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

// Blocks and receipts as nodes give them, see evm_json.h. Calls are read in evm_traces.c.
//
// What a block and its receipts say together:
//
//   block    from, to, value, what was offered for gas     (one transaction object each)
//   receipt  gas used, the price really paid, whether it failed, the contract made, logs
//
// so a transaction has no fee until its receipt is read. Nodes older than London's release do not
// state the price paid: it is then what was offered, cut by the base fee's rule (EIP-1559: the
// lesser of the most the sender would pay and base fee plus tip).
//
// Sources: ethereum/execution-apis (eth_getBlockByNumber, eth_getBlockReceipts); for the OP stack
// its specs (deposits: type 0x7e, "mint"; receipts: "l1Fee", "operatorFeeScalar",
// "operatorFeeConstant"); EIP-4895 for withdrawals, in gwei.
#include "source/evm_json.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "codec/hex.h"
#include "source/evm_fields.h"

enum { DEPOSIT_TYPE = 0x7e, TOPICS_MAX = 4, GWEI = 1000000000 };
enum { MEMO_TEXT_MAX = 2 + 2 * DP_MEMO_MAX, WORD_TEXT = 2 + 2 * 32 };

static bool is_op_stack(const dp_chain *chain)
{
	return strcmp(chain->name, "optimism") == 0 || strcmp(chain->name, "base") == 0;
}

//- blocks ----------------------------------------------------------------------------------------

// EIP-6780 came with the header fields for blobs. Two chains took the one without the other: there
// the table in chain/ethereum.c stands.
static void set_cancun(dp_evm_block *b, const dp_json *answer)
{
	const char *chain = b->chain->name;
	if (strcmp(chain, "polygon") == 0 || strcmp(chain, "arbitrum") == 0) return;
	b->is_cancun = dp_evm_is_given(dp_json_get(answer, "blobGasUsed")) ||
	               dp_evm_is_given(dp_json_get(answer, "parentBeaconBlockRoot"));
}

// What the sender pays for each unit of gas, as far as the transaction tells.
static dp_code read_price(const dp_evm_place *at, const dp_evm_block *b, dp_evm_tx *tx,
                          const dp_json *object)
{
	bool given;
	dp_u256 max = DP_U256_ZERO, tip = DP_U256_ZERO, sum;
	DP_TRY(dp_evm_maybe_u256(at, &given, &max, object, "maxFeePerGas"));
	if (given && b->has_base_fee) {
		DP_TRY(dp_evm_field_u256(at, &tip, object, "maxPriorityFeePerGas"));
		if (dp_u256_add_over(&sum, b->base_fee, tip)) sum = max;
		tx->gas_price = dp_u256_min(max, sum);
		return DP_OK;
	}
	DP_TRY(dp_evm_maybe_u256(at, &given, &tx->gas_price, object, "gasPrice"));
	return given ? DP_OK : dp_evm_bad(at, "it has neither \"gasPrice\" nor \"maxFeePerGas\"");
}

// Call data that is a Safe's delegate call; `text` begins as such.
static const char safe_text[] = "0x6a761202";

static dp_code read_safe(const dp_evm_place *at, dp_evm_block *b, dp_evm_tx *tx, const char *text)
{
	uint8_t bytes[DP_NOTE_DATA_MAX];
	size_t n = strlen(text), full = (n - 2) / 2;
	size_t size = full < sizeof bytes ? full : sizeof bytes;
	if (n % 2 != 0 || !dp_hex_decode(bytes, size, text + 2))
		return dp_evm_bad(at, "\"input\" is not hexadecimal");
	return dp_evm_add_safe(b, tx, bytes, size, full, at->fault);
}

// Call data that could be a memo: short, and the value goes along with it; or a Safe's. All other
// call data is not looked at.
static dp_code read_input(const dp_evm_place *at, dp_evm_block *b, dp_evm_tx *tx,
                          const dp_json *object)
{
	uint8_t bytes[DP_MEMO_MAX];
	if (!tx->has_to) return DP_OK;
	const dp_json *value = dp_json_get(object, "input");
	const char *text = value == NULL ? NULL : dp_json_text(value);
	if (text == NULL) return DP_OK;
	if (strncasecmp(text, safe_text, sizeof safe_text - 1) == 0)
		return read_safe(at, b, tx, text);
	if (dp_u256_is_zero(tx->value)) return DP_OK;
	size_t n = strnlen(text, MEMO_TEXT_MAX + 1);
	if (n <= 2 || n > MEMO_TEXT_MAX) return DP_OK;
	if (n % 2 != 0 || !dp_evm_json_bytes(bytes, (n - 2) / 2, value))
		return dp_evm_bad(at, "\"input\" is not hexadecimal");
	return dp_evm_add_input(b, tx, bytes, (n - 2) / 2, at->fault);
}

static dp_code read_tx(const dp_evm_place *at, dp_evm_block *b, const dp_json *object)
{
	if (!dp_json_is_object(object))
		return dp_evm_bad(at, "it is not an object: the block must be asked for with its "
		                      "full transactions");
	bool given;
	uint64_t type = 0, index = at->outer_index;
	dp_evm_tx *tx;
	DP_TRY(dp_evm_add_tx(b, &tx, at->fault));
	DP_TRY(dp_evm_maybe_u64(at, &given, &index, object, "transactionIndex"));
	if (index != at->outer_index)
		return dp_evm_bad(at, "it calls itself number %" PRIu64 " of the block", index);
	DP_TRY(dp_evm_field_bytes(at, tx->hash, 32, object, "hash"));
	DP_TRY(dp_evm_field_bytes(at, tx->from, 20, object, "from"));
	DP_TRY(dp_evm_maybe_bytes(at, &tx->has_to, tx->to, 20, object, "to"));
	DP_TRY(dp_evm_field_u256(at, &tx->value, object, "value"));
	DP_TRY(read_input(at, b, tx, object));
	DP_TRY(dp_evm_maybe_u64(at, &given, &type, object, "type"));
	tx->status = DP_EVM_STATUS_UNKNOWN;
	if (!is_op_stack(b->chain) || type != DEPOSIT_TYPE) return read_price(at, b, tx, object);
	// A deposit's gas was bought on L1: here it costs nothing.
	return dp_evm_maybe_u256(at, &given, &tx->mint, object, "mint");
}

static dp_code read_withdrawals(const dp_evm_place *at, dp_evm_block *b, const dp_json *list)
{
	if (!dp_evm_is_given(list)) return DP_OK;
	if (!dp_json_is_array(list)) return dp_evm_bad(at, "\"withdrawals\" is not an array");
	dp_evm_place here = *at;
	here.outer = "withdrawal";
	const dp_json *item = dp_json_first(list);
	for (; item != NULL; item = dp_json_next(item), here.outer_index++) {
		dp_evm_gift *gift;
		uint64_t gwei;
		DP_TRY(dp_evm_add_gift(b, &gift, at->fault));
		DP_TRY(dp_evm_field_bytes(&here, gift->to, 20, item, "address"));
		DP_TRY(dp_evm_field_u64(&here, &gwei, item, "amount"));
		gift->amount = dp_u256_of128((dp_u128)gwei * GWEI);
	}
	return DP_OK;
}

static dp_code read_header(const dp_evm_place *at, dp_evm_block *b, const dp_json *answer)
{
	uint64_t time;
	DP_TRY(dp_evm_field_u64(at, &time, answer, "timestamp"));
	if (time > INT64_MAX) return dp_evm_bad(at, "\"timestamp\" is no time");
	dp_evm_start(b, b->chain, at->height, (int64_t)time);
	DP_TRY(dp_evm_field_bytes(at, b->hash, 32, answer, "hash"));
	DP_TRY(dp_evm_field_bytes(at, b->prev, 32, answer, "parentHash"));
	DP_TRY(dp_evm_maybe_bytes(at, &b->has_miner, b->miner, 20, answer, "miner"));
	DP_TRY(dp_evm_maybe_u256(at, &b->has_base_fee, &b->base_fee, answer, "baseFeePerGas"));
	set_cancun(b, answer);
	return DP_OK;
}

dp_code dp_evm_json_block(dp_evm_block *block, const dp_chain *chain, uint64_t height,
                          const dp_json *answer, dp_fault *fault)
{
	DP_CHECK(block != NULL && chain != NULL);
	DP_CHECK(chain->kind == DP_CHAIN_ACCOUNT);
	dp_evm_place at = {.height = height, .fault = fault};
	uint64_t number;
	dp_evm_start(block, chain, height, 0);
	if (!dp_json_is_object(answer))
		return dp_evm_bad(&at, "the node's answer is no block: it may not have it (yet)");
	DP_TRY(dp_evm_field_u64(&at, &number, answer, "number"));
	if (number != height)
		return dp_evm_bad(&at, "the node answers with block %" PRIu64, number);
	DP_TRY(read_header(&at, block, answer));
	const dp_json *list = dp_json_get(answer, "transactions");
	if (!dp_json_is_array(list)) return dp_evm_bad(&at, "\"transactions\" is not an array");
	dp_evm_place here = at;
	here.outer = "transaction";
	const dp_json *item = dp_json_first(list);
	for (; item != NULL; item = dp_json_next(item), here.outer_index++)
		DP_TRY(read_tx(&here, block, item));
	return read_withdrawals(&at, block, dp_json_get(answer, "withdrawals"));
}

//- rewards ---------------------------------------------------------------------------------------

bool dp_evm_json_pays_reward(const dp_json *block_answer)
{
	dp_u256 difficulty = DP_U256_ZERO;
	uint64_t number = 0;
	return dp_evm_json_u256(&difficulty, dp_json_get(block_answer, "difficulty")) &&
	       dp_evm_json_u64(&number, dp_json_get(block_answer, "number")) &&
	       !dp_u256_is_zero(difficulty) && number > 0;
}

uint32_t dp_evm_json_uncle_count(const dp_json *block_answer)
{
	const dp_json *list = dp_json_get(block_answer, "uncles");
	uint32_t count = 0;
	if (!dp_json_is_array(list)) return 0;
	const dp_json *item = dp_json_first(list);
	for (; item != NULL && count < UINT32_MAX; item = dp_json_next(item)) count++;
	return count;
}

dp_code dp_evm_json_uncle(uint8_t ret_miner[20], uint64_t *ret_height, const dp_json *answer,
                          dp_fault *fault)
{
	DP_CHECK(ret_miner != NULL && ret_height != NULL);
	uint8_t miner[20];
	uint64_t height;
	if (!dp_json_is_object(answer))
		return dp_fail(fault, DP_BAD_BYTES, "the node's answer is no uncle: ask another");
	if (!dp_evm_json_u64(&height, dp_json_get(answer, "number")))
		return dp_fail(fault, DP_BAD_BYTES, "an uncle: \"number\" is no quantity");
	if (!dp_evm_json_bytes(miner, sizeof miner, dp_json_get(answer, "miner")))
		return dp_fail(fault, DP_BAD_BYTES,
		               "the uncle of height %" PRIu64 ": \"miner\" is no address", height);
	memcpy(ret_miner, miner, sizeof miner);
	*ret_height = height;
	return DP_OK;
}

//- receipts --------------------------------------------------------------------------------------

static dp_code read_status(const dp_evm_place *at, dp_evm_tx *tx, const dp_json *receipt)
{
	bool given;
	uint64_t status = 0;
	DP_TRY(dp_evm_maybe_u64(at, &given, &status, receipt, "status"));
	if (given && status > 1) return dp_evm_bad(at, "\"status\" is neither 0x0 nor 0x1");
	tx->status = DP_EVM_STATUS_UNKNOWN; // before Byzantium a receipt has a root instead
	if (given) tx->status = status == 1 ? DP_EVM_DONE : DP_EVM_FAILED;
	return DP_OK;
}

// A chain of the OP stack may take a further fee for its operator. Its formula changed between
// forks (Isthmus, Jovian) that the receipt does not name, so it is stated as not known.
static dp_code read_op_fees(const dp_evm_place *at, dp_evm_tx *tx, const dp_json *receipt)
{
	bool given;
	uint64_t type = 0;
	dp_u256 scalar = DP_U256_ZERO, constant = DP_U256_ZERO;
	DP_TRY(dp_evm_maybe_u64(at, &given, &type, receipt, "type"));
	if (type == DEPOSIT_TYPE) {
		tx->gas_price = DP_U256_ZERO;
		return DP_OK;
	}
	DP_TRY(dp_evm_maybe_u256(at, &given, &tx->l1_fee, receipt, "l1Fee"));
	DP_TRY(dp_evm_maybe_u256(at, &given, &scalar, receipt, "operatorFeeScalar"));
	DP_TRY(dp_evm_maybe_u256(at, &given, &constant, receipt, "operatorFeeConstant"));
	tx->has_unknown_fee = !dp_u256_is_zero(scalar) || !dp_u256_is_zero(constant);
	return DP_OK;
}

static dp_code read_fees(const dp_evm_place *at, const dp_evm_block *b, dp_evm_tx *tx,
                         const dp_json *receipt)
{
	bool given;
	DP_TRY(dp_evm_field_u64(at, &tx->gas_used, receipt, "gasUsed"));
	DP_TRY(dp_evm_maybe_u256(at, &given, &tx->gas_price, receipt, "effectiveGasPrice"));
	tx->has_fee = true;
	// There blobGasUsed means something else since Jovian (the room taken on L1), and no blob
	// fee is paid.
	if (is_op_stack(b->chain)) return read_op_fees(at, tx, receipt);
	DP_TRY(dp_evm_maybe_u64(at, &given, &tx->blob_gas_used, receipt, "blobGasUsed"));
	if (!given || tx->blob_gas_used == 0) return DP_OK;
	return dp_evm_field_u256(at, &tx->blob_gas_price, receipt, "blobGasPrice");
}

// The first `max` topics; *ret_count counts all.
static dp_code read_topics(const dp_evm_place *at, uint8_t (*ret_topic)[32], uint32_t *ret_count,
                           const dp_json *log)
{
	const dp_json *list = dp_json_get(log, "topics");
	if (!dp_json_is_array(list)) return dp_evm_bad(at, "\"topics\" is not an array");
	uint32_t count = 0;
	for (const dp_json *i = dp_json_first(list); i != NULL; i = dp_json_next(i), count++) {
		if (count == TOPICS_MAX) return dp_evm_bad(at, "it has more than four topics");
		if (!dp_evm_json_bytes(ret_topic[count], 32, i))
			return dp_evm_bad(at, "topic %u is not 32 bytes", count);
	}
	*ret_count = count;
	return DP_OK;
}

// A log that somebody reads: its data as far as notes keep it.
static dp_code read_note(const dp_evm_place *at, dp_evm_block *b, const uint8_t contract[20],
                         const uint8_t (*topic)[32], uint32_t topic_count, uint64_t index,
                         const char *text)
{
	uint8_t data[DP_NOTE_DATA_MAX];
	size_t n = strlen(text);
	if (n < 2 || n % 2 != 0 || text[0] != '0' || (text[1] | 0x20) != 'x')
		return dp_evm_bad(at, "\"data\" is not hexadecimal");
	size_t full = (n - 2) / 2, kept = full < sizeof data ? full : sizeof data;
	if (!dp_hex_decode(data, kept, text + 2))
		return dp_evm_bad(at, "\"data\" is not hexadecimal");
	return dp_evm_add_log(b, contract, topic, topic_count, index, data, kept, full, at->fault);
}

static dp_code read_log(const dp_evm_place *at, dp_evm_block *b, uint64_t *io_next,
                        const dp_json *log)
{
	bool removed = false;
	uint64_t index;
	uint32_t topic_count = 0;
	uint8_t contract[20], topic[TOPICS_MAX][32], data[32];
	if (dp_json_bool(dp_json_get(log, "removed"), &removed) && removed)
		return dp_evm_bad(at, "it was removed: the chain changed while it was read");
	DP_TRY(dp_evm_field_u64(at, &index, log, "logIndex"));
	if (index < *io_next)
		return dp_evm_bad(at, "\"logIndex\" %" PRIu64 " does not rise", index);
	if (index == UINT64_MAX) return dp_evm_bad(at, "\"logIndex\" is no index");
	*io_next = index + 1;
	DP_TRY(dp_evm_field_bytes(at, contract, 20, log, "address"));
	DP_TRY(read_topics(at, topic, &topic_count, log));
	const dp_json *value = dp_json_get(log, "data");
	const char *text = value == NULL ? NULL : dp_json_text(value);
	if (text == NULL) return dp_evm_bad(at, "\"data\" is no text");
	const uint8_t(*topics)[32] = (const uint8_t(*)[32])(const void *)topic;
	if (topic_count > 0 && dp_note_topic_wanted(topic[0]))
		DP_TRY(read_note(at, b, contract, topics, topic_count, index, text));
	// Transfers have one word of data. Longer data may be megabytes and is not looked at.
	if (strnlen(text, WORD_TEXT + 1) != WORD_TEXT) return DP_OK;
	if (!dp_evm_json_bytes(data, sizeof data, value))
		return dp_evm_bad(at, "\"data\" is not hexadecimal");
	dp_evm_transfer found = {.log_index = index}, *transfer;
	if (!dp_evm_transfer_of_log(&found, b->chain, contract, topics, topic_count, data,
	                            sizeof data) &&
	    !dp_evm_shares_of_log(&found, b->chain, contract, topics, topic_count, data,
	                          sizeof data))
		return DP_OK;
	DP_TRY(dp_evm_add_transfer(b, &transfer, at->fault));
	*transfer = found;
	return DP_OK;
}

static dp_code read_logs(const dp_evm_place *at, dp_evm_block *b, const dp_json *receipt)
{
	const dp_json *list = dp_json_get(receipt, "logs");
	if (!dp_json_is_array(list)) return dp_evm_bad(at, "\"logs\" is not an array");
	dp_evm_place here = *at;
	here.inner = "log";
	uint64_t next = 0;
	const dp_json *item = dp_json_first(list);
	for (; item != NULL; item = dp_json_next(item), here.inner_index++)
		DP_TRY(read_log(&here, b, &next, item));
	return DP_OK;
}

static dp_code read_receipt(dp_evm_block *block, uint32_t index, const dp_json *receipt,
                            dp_fault *fault)
{
	DP_CHECK(index < block->tx_count);
	dp_evm_place at = {
	    .height = block->height, .outer = "receipt", .outer_index = index, .fault = fault};
	dp_evm_tx *tx = &block->tx[index];
	uint8_t hash[32], made[20];
	uint64_t number = index;
	bool given;
	if (!dp_json_is_object(receipt)) return dp_evm_bad(&at, "it is not an object");
	DP_TRY(dp_evm_maybe_u64(&at, &given, &number, receipt, "transactionIndex"));
	DP_TRY(dp_evm_field_bytes(&at, hash, 32, receipt, "transactionHash"));
	if (number != index || memcmp(hash, tx->hash, 32) != 0)
		return dp_evm_bad(&at, "it belongs to another transaction");
	DP_TRY(dp_evm_maybe_bytes(&at, &given, hash, 32, receipt, "blockHash"));
	if (given && memcmp(hash, block->hash, 32) != 0)
		return dp_evm_bad(&at, "it belongs to another block: the chain changed while it "
		                       "was read");
	DP_TRY(read_status(&at, tx, receipt));
	DP_TRY(read_fees(&at, block, tx, receipt));
	DP_TRY(dp_evm_maybe_bytes(&at, &given, made, 20, receipt, "contractAddress"));
	if (given && !tx->has_to) {
		memcpy(tx->to, made, 20);
		tx->has_to = true;
		tx->creates = true;
	}
	return read_logs(&at, block, receipt);
}

dp_code dp_evm_json_receipts(dp_evm_block *block, const dp_json *const *receipt, uint32_t count,
                             dp_fault *fault)
{
	DP_CHECK(block != NULL && block->chain != NULL);
	DP_CHECK(receipt != NULL || count == 0);
	dp_evm_place at = {.height = block->height, .fault = fault};
	if (count != block->tx_count)
		return dp_evm_bad(&at, "it has %u transactions but %u receipts", block->tx_count,
		                  count);
	uint32_t first = block->transfer_count, log_first = block->log_count;
	for (uint32_t i = 0; i < count; i++) {
		DP_TRY(read_receipt(block, i, receipt[i], fault));
		// Transfers and logs that are appended count for the last transaction (see
		// dp_evm_block): each is told which are its own, the last one at the end.
		block->tx[i].transfer_first = first;
		block->tx[i].transfer_count = block->transfer_count - first;
		first = block->transfer_count;
		block->tx[i].log_first = log_first;
		block->tx[i].log_count = block->log_count - log_first;
		log_first = block->log_count;
		if (i + 1 < count)
			block->tx[count - 1].transfer_count = block->tx[count - 1].log_count = 0;
	}
	return DP_OK;
}

// What is said of a block of an EVM chain, see ethereum.h: collecting it, what proof of work paid,
// and which logs are transfers. Movements are made of it in ethereum_build.c.
//
// Sources of the constants:
//   rewards   Yellow Paper 11.3; EIP-649 (3 ether from Byzantium, block 4,370,000), EIP-1234 (2
//             from Constantinople, 7,280,000); the Merge on Ethereum is block 15,537,394
//   logs      keccak256 of "Transfer(address,address,uint256)" (EIP-20), and of
//             "Deposit(address,uint256)" and "Withdrawal(address,uint256)" (WETH9); the tests hash
//             the texts and compare; "TransferShares(address,address,uint256)" of Lido's stETH
//   EIP-6780  activation of Cancun's rules: ethereum EIP-7569; sepolia go-ethereum params; bsc
//             bnb-chain/bsc params (Haber); polygon maticnetwork/bor params (a block number);
//             optimism and base ethereum-optimism/superchain-registry (Ecotone); arbitrum ArbOS 20;
//             avalanche ava-labs/avalanchego (Etna)
#include "chain/ethereum.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

//- collecting ------------------------------------------------------------------------------------

// Since when EIP-6780 is in force: by time, on polygon by height. Headers that show it decide over
// this table; exports have no such headers.
static bool cancun_began(const dp_chain *chain, uint64_t height, int64_t time)
{
	static const struct {
		const char *chain;
		int64_t time;
	} began[] = {
	    {"ethereum", 1710338135},  {"sepolia", 1706655072}, {"bsc", 1718863500},
	    {"optimism", 1710374401},  {"base", 1710374401},    {"arbitrum", 1710424089},
	    {"avalanche", 1734368400},
	};
	enum { POLYGON_CANCUN = 54876000 };
	if (strcmp(chain->name, "polygon") == 0) return height >= POLYGON_CANCUN;
	for (size_t i = 0; i < sizeof began / sizeof *began; i++)
		if (strcmp(chain->name, began[i].chain) == 0) return time >= began[i].time;
	return false;
}

void dp_evm_start(dp_evm_block *b, const dp_chain *chain, uint64_t height, int64_t time)
{
	DP_CHECK(b != NULL && chain != NULL);
	DP_CHECK(chain->kind == DP_CHAIN_ACCOUNT);
	dp_evm_block old = *b;
	*b = (dp_evm_block){
	    .chain = chain,
	    .height = height,
	    .time = time,
	    .is_cancun = cancun_began(chain, height, time),
	    .tx = old.tx,
	    .frame = old.frame,
	    .transfer = old.transfer,
	    .gift = old.gift,
	    .log = old.log,
	    .note_bytes = old.note_bytes,
	    .tx_cap = old.tx_cap,
	    .frame_cap = old.frame_cap,
	    .transfer_cap = old.transfer_cap,
	    .gift_cap = old.gift_cap,
	    .log_cap = old.log_cap,
	    .note_bytes_cap = old.note_bytes_cap,
	};
}

dp_code dp_evm_add_tx(dp_evm_block *b, dp_evm_tx **ret_tx, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_tx != NULL);
	DP_CHECK(b->chain != NULL);
	if (b->tx_count == b->tx_cap) {
		void *items = b->tx;
		DP_TRY(dp_grow(&items, &b->tx_cap, sizeof *b->tx, (uint64_t)b->tx_count + 1,
		               DP_BLOCK_TX_MAX, fault));
		b->tx = items;
	}
	dp_evm_tx *tx = &b->tx[b->tx_count++];
	memset(tx, 0, sizeof *tx);
	tx->frame_first = b->frame_count;
	tx->transfer_first = b->transfer_count;
	tx->log_first = b->log_count;
	*ret_tx = tx;
	return DP_OK;
}

dp_code dp_evm_add_frame(dp_evm_block *b, dp_evm_frame **ret_frame, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_frame != NULL);
	DP_CHECK(b->tx_count > 0); // a call belongs to a transaction
	if (b->frame_count == b->frame_cap) {
		void *items = b->frame;
		DP_TRY(dp_grow(&items, &b->frame_cap, sizeof *b->frame,
		               (uint64_t)b->frame_count + 1, DP_BLOCK_MV_MAX, fault));
		b->frame = items;
	}
	dp_evm_frame *frame = &b->frame[b->frame_count++];
	memset(frame, 0, sizeof *frame);
	b->tx[b->tx_count - 1].frame_count++;
	*ret_frame = frame;
	return DP_OK;
}

dp_code dp_evm_add_transfer(dp_evm_block *b, dp_evm_transfer **ret_transfer, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_transfer != NULL);
	DP_CHECK(b->tx_count > 0); // a log belongs to a transaction
	if (b->transfer_count == b->transfer_cap) {
		void *items = b->transfer;
		DP_TRY(dp_grow(&items, &b->transfer_cap, sizeof *b->transfer,
		               (uint64_t)b->transfer_count + 1, DP_BLOCK_MV_MAX, fault));
		b->transfer = items;
	}
	dp_evm_transfer *transfer = &b->transfer[b->transfer_count++];
	memset(transfer, 0, sizeof *transfer);
	b->tx[b->tx_count - 1].transfer_count++;
	*ret_transfer = transfer;
	return DP_OK;
}

dp_code dp_evm_add_gift(dp_evm_block *b, dp_evm_gift **ret_gift, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_gift != NULL);
	DP_CHECK(b->chain != NULL);
	if (b->gift_count == b->gift_cap) {
		void *items = b->gift;
		DP_TRY(dp_grow(&items, &b->gift_cap, sizeof *b->gift, (uint64_t)b->gift_count + 1,
		               DP_BLOCK_MV_MAX, fault));
		b->gift = items;
	}
	dp_evm_gift *gift = &b->gift[b->gift_count++];
	memset(gift, 0, sizeof *gift);
	*ret_gift = gift;
	return DP_OK;
}

// Room for `size` bytes of what notes carry, and their place.
static dp_code add_bytes(dp_evm_block *b, uint32_t *ret_at, const uint8_t *data, size_t size,
                         dp_fault *fault)
{
	DP_CHECK(size <= DP_NOTE_DATA_MAX && (data != NULL || size == 0));
	uint64_t end = (uint64_t)b->note_bytes_size + size;
	void *items = b->note_bytes;
	DP_TRY(dp_grow(&items, &b->note_bytes_cap, 1, end, DP_NOTE_BYTES_MAX, fault));
	b->note_bytes = items;
	if (size > 0) memcpy(b->note_bytes + b->note_bytes_size, data, size);
	*ret_at = b->note_bytes_size;
	b->note_bytes_size = (uint32_t)end;
	return DP_OK;
}

dp_code dp_evm_add_log(dp_evm_block *b, const uint8_t contract[20], const uint8_t (*topic)[32],
                       uint32_t topic_count, uint64_t log_index, const uint8_t *data,
                       size_t data_size, size_t full_size, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->tx_count > 0); // a log belongs to a transaction
	DP_CHECK(contract != NULL && topic_count <= 4 && data_size <= full_size);
	void *items = b->log;
	DP_TRY(dp_grow(&items, &b->log_cap, sizeof *b->log, (uint64_t)b->log_count + 1,
	               DP_NOTES_MAX, fault));
	b->log = items;
	if (data_size > DP_NOTE_DATA_MAX) data_size = DP_NOTE_DATA_MAX;
	uint32_t at;
	DP_TRY(add_bytes(b, &at, data, data_size, fault));
	dp_evm_log *log = &b->log[b->log_count++];
	*log = (dp_evm_log){
	    .topic_count = topic_count,
	    .at = log_index > UINT32_MAX ? UINT32_MAX : (uint32_t)log_index,
	    .data_at = at,
	    .data_size = (uint32_t)data_size,
	    .full_size = full_size > UINT32_MAX ? UINT32_MAX : (uint32_t)full_size,
	};
	memcpy(log->contract, contract, 20);
	for (uint32_t i = 0; i < topic_count; i++) memcpy(log->topic[i], topic[i], 32);
	b->tx[b->tx_count - 1].log_count++;
	return DP_OK;
}

dp_code dp_evm_add_input(dp_evm_block *b, dp_evm_tx *tx, const uint8_t *data, size_t size,
                         dp_fault *fault)
{
	DP_CHECK(b != NULL && tx != NULL && (data != NULL || size == 0));
	DP_CHECK(tx >= b->tx && tx < b->tx + b->tx_count);
	if (!dp_memo_maybe(data, size)) return DP_OK;
	DP_TRY(add_bytes(b, &tx->memo_at, data, size, fault));
	tx->memo_size = (uint32_t)size;
	return DP_OK;
}

dp_code dp_evm_add_safe(dp_evm_block *b, dp_evm_tx *tx, const uint8_t *data, size_t size,
                        size_t full_size, dp_fault *fault)
{
	DP_CHECK(b != NULL && tx != NULL && (data != NULL || size == 0) && size <= full_size);
	DP_CHECK(tx >= b->tx && tx < b->tx + b->tx_count);
	if (!dp_safe_maybe(data, size)) return DP_OK;
	if (size > DP_NOTE_DATA_MAX) size = DP_NOTE_DATA_MAX;
	DP_TRY(add_bytes(b, &tx->safe_at, data, size, fault));
	tx->safe_size = (uint32_t)size;
	tx->safe_full = full_size > UINT32_MAX ? UINT32_MAX : (uint32_t)full_size;
	return DP_OK;
}

void dp_evm_done(dp_evm_block *b)
{
	if (b == NULL) return;
	dp_free(b->tx);
	dp_free(b->frame);
	dp_free(b->transfer);
	dp_free(b->gift);
	dp_free(b->log);
	dp_free(b->note_bytes);
	memset(b, 0, sizeof *b);
}

//- proof of work ---------------------------------------------------------------------------------

enum { UNCLES_MAX = 2, UNCLE_DEPTH_MAX = 6 };

// Wei that a block of this height pays its miner, 0 where the chain pays nothing. Sepolia had the
// rules of Constantinople from its first block; when its proof of work ended only the difficulty
// tells, so that is for the caller to look at, as on every chain.
static uint64_t base_reward(const dp_chain *chain, uint64_t height)
{
	enum { BYZANTIUM = 4370000, CONSTANTINOPLE = 7280000, MERGE = 15537394 };
	const uint64_t ether = 1000000000000000000u;
	if (height == 0) return 0; // the genesis block has an allocation, no reward
	if (strcmp(chain->name, "sepolia") == 0) return 2 * ether;
	if (strcmp(chain->name, "ethereum") != 0 || height >= MERGE) return 0;
	return (height < BYZANTIUM ? 5 : height < CONSTANTINOPLE ? 3 : 2) * ether;
}

static dp_code add_reward(dp_evm_block *b, const uint8_t to[20], uint64_t amount, dp_fault *fault)
{
	dp_evm_gift *gift;
	DP_TRY(dp_evm_add_gift(b, &gift, fault));
	memcpy(gift->to, to, 20);
	gift->amount = dp_u256_of(amount);
	return DP_OK;
}

dp_code dp_evm_add_rewards(dp_evm_block *b, const uint8_t (*uncle_miner)[20],
                           const uint64_t *uncle_height, uint32_t uncle_count, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->chain != NULL);
	DP_CHECK(uncle_count == 0 || (uncle_miner != NULL && uncle_height != NULL));
	uint64_t base = base_reward(b->chain, b->height);
	if (base == 0) return DP_OK;
	if (!b->has_miner)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %" PRIu64 ": who mined it is not stated, so its reward is "
		               "nobody's: export the miner with the block",
		               b->height);
	if (uncle_count > UNCLES_MAX)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %" PRIu64 ": it has %u uncles, no block has more than 2",
		               b->height, uncle_count);
	for (uint32_t i = 0; i < uncle_count; i++)
		if (uncle_height[i] >= b->height || b->height - uncle_height[i] > UNCLE_DEPTH_MAX)
			return dp_fail(fault, DP_BAD_BYTES,
			               "block %" PRIu64 ": its uncle of height %" PRIu64
			               " is not one of the six heights before",
			               b->height, uncle_height[i]);
	// The miner gets one 32nd more for each uncle it names, as one sum, which is also how nodes
	// list it; all divisions are exact.
	DP_TRY(add_reward(b, b->miner, base + uncle_count * (base / 32), fault));
	for (uint32_t i = 0; i < uncle_count; i++) {
		uint64_t eighths = 8 - (b->height - uncle_height[i]);
		DP_TRY(add_reward(b, uncle_miner[i], base / 8 * eighths, fault));
	}
	return DP_OK;
}

//- logs ------------------------------------------------------------------------------------------

static const uint8_t topic_transfer[32] = {
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
    0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef};
static const uint8_t topic_deposit[32] = {
    0xe1, 0xff, 0xfc, 0xc4, 0x92, 0x3d, 0x04, 0xb5, 0x59, 0xf4, 0xd2, 0x9a, 0x8b, 0xfc, 0x6c, 0xda,
    0x04, 0xeb, 0x5b, 0x0d, 0x3c, 0x46, 0x07, 0x51, 0xc2, 0x40, 0x2c, 0x5c, 0x5c, 0xc9, 0x10, 0x9c};
static const uint8_t topic_withdrawal[32] = {
    0x7f, 0xcf, 0x53, 0x2c, 0x15, 0xf0, 0xa6, 0xdb, 0x0b, 0xd6, 0xd0, 0xe0, 0x38, 0xbe, 0xa7, 0x1d,
    0x30, 0xd8, 0x08, 0xc7, 0xd9, 0x8c, 0xb3, 0xbf, 0x72, 0x68, 0xa9, 0x5b, 0xf5, 0x08, 0x1b, 0x65};

static const uint8_t topic_shares[32] = {
    0x9d, 0x9c, 0x90, 0x92, 0x96, 0xd9, 0xc6, 0x74, 0x45, 0x1c, 0x0c, 0x24, 0xf0, 0x2c, 0xb6, 0x49,
    0x81, 0xeb, 0x3b, 0x72, 0x7f, 0x99, 0x86, 0x59, 0x39, 0x19, 0x2f, 0x88, 0x0a, 0x75, 0x5d, 0xcb};

// An address in a topic is a word whose first twelve bytes are zero. Anything else is no address,
// and a log that says so no transfer.
static bool address_of_topic(uint8_t ret_address[20], const uint8_t topic[32])
{
	static const uint8_t zeros[12];
	if (memcmp(topic, zeros, sizeof zeros) != 0) return false;
	memcpy(ret_address, topic + 12, 20);
	return true;
}

// The wrapped coins that descend from WETH9 and log Deposit and Withdrawal alone. Arbitrum's WETH
// (aeWETH) logs a Transfer from and to nobody as well as any token does, and bridged ether
// elsewhere has no deposit of this kind: taking their logs would count twice.
static bool is_weth9(const dp_chain *chain, const uint8_t contract[20])
{
	static const struct {
		const char *chain, *symbol;
	} known[] = {{"ethereum", "WETH"},  {"sepolia", "WETH"}, {"optimism", "WETH"},
	             {"base", "WETH"},      {"bsc", "WBNB"},     {"polygon", "WPOL"},
	             {"avalanche", "WAVAX"}};
	dp_asset asset = dp_asset_by_contract(chain, contract);
	if (asset.v == 0) return false;
	const char *symbol = dp_asset_info_of(asset)->symbol;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(chain->name, known[i].chain) == 0 &&
		    strcmp(symbol, known[i].symbol) == 0)
			return true;
	return false;
}

bool dp_evm_transfer_of_log(dp_evm_transfer *ret_transfer, const dp_chain *chain,
                            const uint8_t contract[20], const uint8_t (*topic)[32],
                            uint32_t topic_count, const uint8_t *data, size_t data_size)
{
	DP_CHECK(ret_transfer != NULL && chain != NULL && contract != NULL);
	DP_CHECK((topic != NULL || topic_count == 0) && (data != NULL || data_size == 0));
	uint8_t from[20] = {0}, to[20] = {0};
	if (data_size != 32 || topic_count < 2 || topic_count > 3) return false;
	if (topic_count == 3) {
		if (memcmp(topic[0], topic_transfer, 32) != 0) return false;
		if (!address_of_topic(from, topic[1]) || !address_of_topic(to, topic[2]))
			return false;
	} else {
		bool in = memcmp(topic[0], topic_deposit, 32) == 0;
		if (!in && memcmp(topic[0], topic_withdrawal, 32) != 0) return false;
		if (!is_weth9(chain, contract) || !address_of_topic(in ? to : from, topic[1]))
			return false;
	}
	memcpy(ret_transfer->contract, contract, 20);
	memcpy(ret_transfer->from, from, 20);
	memcpy(ret_transfer->to, to, 20);
	ret_transfer->amount = dp_u256_from_be(data, 32);
	return true;
}

bool dp_evm_shares_of_log(dp_evm_transfer *ret_shares, const dp_chain *chain,
                          const uint8_t contract[20], const uint8_t (*topic)[32],
                          uint32_t topic_count, const uint8_t *data, size_t data_size)
{
	DP_CHECK(ret_shares != NULL && chain != NULL && contract != NULL);
	DP_CHECK((topic != NULL || topic_count == 0) && (data != NULL || data_size == 0));
	uint8_t from[20], to[20];
	if (topic_count != 3 || data_size != 32) return false;
	if (memcmp(topic[0], topic_shares, 32) != 0) return false;
	if (dp_asset_shares(dp_asset_by_contract(chain, contract)).v == 0) return false;
	if (!address_of_topic(from, topic[1]) || !address_of_topic(to, topic[2])) return false;
	memcpy(ret_shares->contract, contract, 20);
	memcpy(ret_shares->from, from, 20);
	memcpy(ret_shares->to, to, 20);
	ret_shares->amount = dp_u256_from_be(data, 32);
	ret_shares->is_shares = true;
	return true;
}

// See note.h: which logs are kept, and which bytes could be a memo.
//
// The table below is the only place that says whose logs matter; whoever adds a decoder appends the
// rows of his events, in any order. Each row is the text of an event and its first topic, which is
// the text's Keccak-256 (Solidity ABI specification, "Events"); the tests recompute every one and
// demand that no two are alike, so a wrong digit cannot stay. The texts come from the protocols'
// contracts; the decoders in src/link say which.
//
// What must never stand here is an event that any token logs (Transfer, Approval): it would keep
// half the chain. Those become movements where blocks are decoded (chain/ethereum.h).
//
// The question is asked of every log of a chain, and nearly always the answer is no. So the first
// time the table is sorted, and a bit is set for the first two bytes of each row: one look at 8 KiB
// that stay in the processor's cache answers for all but one log in several hundred, and only
// those are searched for.
#include "chain/note.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "codec/hex.h"

//- logs ------------------------------------------------------------------------------------------

typedef struct row {
	const char *topic, *event, *reader;
} row;

// In any order. The reader is the name of a protocol (link/leg.h).
static const row rows[] = {
    {"ef519b7eb82aaf6ac376a6df2d793843ebfd593de5f1a0601d3cc6ab49ebb395",
     "Deposit(address,address,uint256,string)", "thorchain"},
    {"a9cd03aa3c1b4515114539cd53d22085129d495cb9e9f9af77864526240f1bf7",
     "TransferOut(address,address,address,uint256,string)", "thorchain"},
    {"8e5841bcd195b858d53b38bcf91b38d47f3bc800469b6812d35451ab619c6f6c",
     "TransferOutAndCall(address,address,uint256,address,address,uint256,string)", "thorchain"},
    {"f03f1deb9e64a6dc7d54571486f4ef1f94a3b4d85bc21ab19903f3475b0ab114",
     "TransferOutAndCall(address,address,uint256,address,address,uint256,string,"
     "bytes,string)",
     "thorchain"},
    {"05b90458f953d3fcb2d7fb25616a2fddeca749d0c47cc5c9832d0266b5346eea",
     "TransferAllowance(address,address,address,uint256,string)", "thorchain"},
    {"281daef48d91e5cd3d32db0784f6af69cd8d8d2e8c612a3568dca51ded51e08f",
     "VaultTransfer(address,address,(address,uint256)[],string)", "thorchain"},
    {"32ed1a409ef04c7b0227189c3a103dc5ac10e775a15b785dcc510201f7c25ad3",
     "FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,"
     "uint32,bytes32,bytes32,bytes32,bytes)",
     "across"},
    {"44b559f101f8fbcc8a0ea43fa91a05a729a5ea6e14a7c75aa750374690137208",
     "FilledRelay(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint32,"
     "uint32,bytes32,bytes32,bytes32,bytes32,bytes32,(bytes32,bytes32,uint256,"
     "uint8))",
     "across"},
    {"a123dc29aebf7d0c3322c8eeb5b999e859f39937950ed31056532713d0de396f",
     "V3FundsDeposited(address,address,uint256,uint256,uint256,uint32,uint32,uint32,"
     "uint32,address,address,address,bytes)",
     "across"},
    {"571749edf1d5c9599318cdbc4e28a6475d65e87fd3b2ddbe1e9a8d5e7a0f0ff7",
     "FilledV3Relay(address,address,uint256,uint256,uint256,uint256,uint32,uint32,"
     "uint32,address,address,address,address,bytes,(address,bytes,uint256,uint8))",
     "across"},
    {"2fa9ca894982930190727e75500a97d8dc500233a5065e0f3126c48fbe0343c0",
     "DepositForBurn(uint64,address,uint256,address,bytes32,uint32,bytes32,bytes32)", "cctp"},
    {"8c5261668696ce22758910d05bab8f186d6eb247ceac2af2e82c7dc17669b036", "MessageSent(bytes)",
     "cctp"},
    {"58200b4c34ae05ee816d710053fff3fb75af4395915d3d2a771b24aa10e3cc5d",
     "MessageReceived(address,uint32,uint64,bytes32,bytes)", "cctp"},
    {"1b2a7ff080b8cb6ff436ce0372e399692bbfb6d4ae5766fd8d58a7b8cc6142e6",
     "MintAndWithdraw(address,uint256,address)", "cctp"},
    {"0c8c1cbdc5190613ebd485511d4e2812cfa45eecb79d845893331fedad5130a5",
     "DepositForBurn(address,uint256,address,bytes32,uint32,bytes32,bytes32,uint256,"
     "uint32,bytes)",
     "cctp2"},
    {"ff48c13eda96b1cceacc6b9edeedc9e9db9d6226afbc30146b720c19d3addb1c",
     "MessageReceived(address,uint32,bytes32,bytes32,uint32,bytes)", "cctp2"},
    {"50c55e915134d457debfa58eb6f4342956f8b0616d51a89a3659360178e1ab63",
     "MintAndWithdraw(address,uint256,address,uint256)", "cctp2"},
    {"85496b760a4b7f8d66384b9df21b381f5d1b1e79f229a47aaf4c232edc2fe59a",
     "OFTSent(bytes32,uint32,address,uint256,uint256)", "layerzero"},
    {"efed6d3500546b29533b128a29e3a94d70788727f0507505ac12eaf2e578fd9c",
     "OFTReceived(bytes32,uint32,address,uint256)", "layerzero"},
    {"1ab700d4ced0c005b164c0f789fd09fcbb0156d4c2041b8a3bfbcd961cd1567f",
     "PacketSent(bytes,bytes,address)", "layerzero"},
    {"3cd5e48f9730b129dc7550f0fcea9c767b7be37837cd10e55eb35f734f4bca04",
     "PacketDelivered((uint32,bytes32,uint64),address)", "layerzero"},
    {"15955c5a4cc61b8fbb05301bce47fd31c0e6f935e1ab97fdac9b134c887bb074",
     "BusRode(uint32,uint72,uint80,bytes)", "layerzero"},
    {"34660fc8af304464529f48a778e03d03e4d34bcd5f9b6f0cfbf3cd238c642f7f",
     "Swap(uint16,uint256,address,uint256,uint256,uint256,uint256,uint256)", "stargate1"},
    {"fb2b592367452f1c437675bed47f5e1e6c25188c17d7ba01a12eb030bc41ccef",
     "SwapRemote(address,uint256,uint256,uint256)", "stargate1"},
    {"e9bded5f24a4168e4f3bf44e00298c993b22376aad8c58c7dda9718a54cbea82", "Packet(bytes)",
     "stargate1"},
    {"2bd2d8a84b748439fd50d79a49502b4eb5faa25b864da6a9ab5c150704be9a4d",
     "PacketReceived(uint16,bytes,address,uint64,bytes32)", "stargate1"},
    {"6eb224fb001ed210e379b335e35efe88672a8ce935d981a6896b27ffdf52a3b2",
     "LogMessagePublished(address,uint64,uint32,bytes,uint8)", "wormhole"},
    {"caf280c8cfeba144da67230d9b009c8f868a75bac9a528fa0474be1ba317c169",
     "TransferRedeemed(uint16,bytes32,uint64)", "wormhole"},
    {"fc8703fd57380f9dd234a89dce51333782d49c5902f307b02f03e014d18fe471",
     "CreatedOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,"
     "bytes,bytes,bytes,bytes,bytes),bytes32,bytes,uint256,uint256,uint32,bytes)",
     "debridge"},
    {"47ef43a379911343a1cc752617be7096d678feac64600f0f94e63062722735af",
     "CreatedOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,bytes,"
     "bytes,bytes,bytes,bytes,bytes),bytes32,bytes,uint256,uint256,uint32)",
     "debridge"},
    {"7d7d1c5b3eadbe275ceb358e65cd57410b35997187258dbaaae42ab6e1405fd8",
     "ClaimedOrderCancel(bytes32,address,uint256,address)", "debridge"},
    {"d281ee92bab1446041582480d2c0a9dc91f855386bb27ea295faac1e992f7fe4",
     "FulfilledOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,"
     "bytes,bytes,bytes,bytes,bytes,bytes),bytes32,address,address)",
     "debridge"},
    {"c164aca37b9805a1c9027b6f32260a069723a82926f6e9ece4926e4dd3ea8ecf",
     "FulfilledOrder((uint64,bytes,uint256,bytes,uint256,uint256,bytes,uint256,"
     "bytes,bytes,bytes,bytes,bytes,bytes),bytes32,uint256,address,address)",
     "debridge"},
    {"89d8051e597ab4178a863a5190407b98abfeff406aa8db90c59af76612e58f01",
     "Send(bytes32,address,address,address,uint256,uint64,uint64,uint32)", "cbridge"},
    {"79fa08de5149d912dce8e5e8da7a7c17ccdf23dd5d3bfe196802e6eb86347c7c",
     "Relay(bytes32,address,address,address,uint256,uint64,bytes32)", "cbridge"},
    {"15d2eeefbe4963b5b2178f239ddcc730dda55f1c23c22efb79ded0eb854ac789",
     "Deposited(bytes32,address,address,uint256,uint64,address)", "cbridge"},
    {"28d226819e371600e26624ebc4a9a3947117ee2760209f816c789d3a99bf481b",
     "Deposited(bytes32,address,address,uint256,uint64,address,uint64)", "cbridge"},
    {"5bc84ecccfced5bb04bfc7f3efcdbe7f5cd21949ef146811b4d1967fe41f777a",
     "Mint(bytes32,address,address,uint256,uint64,bytes32,address)", "cbridge"},
    {"75f1bf55bb1de41b63a775dc7d4500f01114ee62b688a6b11d34f4692c1f3d43",
     "Burn(bytes32,address,address,uint256,address)", "cbridge"},
    {"6298d7b58f235730b3b399dc5c282f15dae8b022e5fbbf89cee21fd83c8810a3",
     "Burn(bytes32,address,address,uint256,uint64,address,uint64)", "cbridge"},
    {"296a629c5265cb4e5319803d016902eb70a9079b89655fe2b7737821ed88beeb",
     "Withdrawn(bytes32,address,address,uint256,uint64,bytes32,address)", "cbridge"},
    {"48a1ab26f3aa7b62bb6b6e8eed182f292b84eb7b006c0254386b268af20774be",
     "WithdrawDone(bytes32,uint64,address,address,uint256,bytes32)", "cbridge"},
    {"918d77674bb88eaf75afb307c9723ea6037706de68d6fc07dd0c6cba423a5250",
     "Mint(address,uint256,address,uint256,bytes32)", "avalanche"},
    {"37a06799a3500428a773d00284aa706101f5ad94dae9ec37e1c3773aa54c3304", "Unwrap(uint256,uint256)",
     "avalanche"},
    {"c5532043e6f3d77e1c320ff59bd4157ca9075ef59f6b55ceab6c3f7d2f78c9ca",
     "Mint(address,uint256,address,uint256,bytes32,uint256)", "avalanche"},
    {"6757034e841d88190e95fa8a7570ce6cb721257474400c3282ec536eab810540",
     "SwapNative(uint32,bytes,uint32,uint256,address,bytes)", "chainflip"},
    {"834b524d9f8ccbd31b00b671c896697b96eb4398c0f56e9386a21f5df61e3ce3",
     "SwapToken(uint32,bytes,uint32,address,uint256,address,bytes)", "chainflip"},
    {"de470d7c2e9c3282cad476e5ed6f05f74d68839c406573048f2dee22a8c452c7",
     "TransferOutAndCallV2(address,address,address,uint256,address,address,uint256,"
     "string,bytes,string)",
     "thorchain"},
    {"67d3c6af14d717c43615d41bbbad664365b5b546b58201d2a74661e3714c05fc",
     "SwapNative(uint32,bytes,uint32,uint256,address)", "chainflip"},
    {"eaeb01ba86085c934b230dfddfa29ffd73bef2f4dcf60326f0f732dc85d40203",
     "SwapToken(uint32,bytes,uint32,address,uint256,address)", "chainflip"},
    {"47705cc9a85c5f679e1f4e8e7fbd459b8267bc61fa3111ced6fe84f71d7d889e",
     "XCallNative(uint32,bytes,uint32,uint256,address,bytes,uint256,bytes)", "chainflip"},
    {"030b52f4ea12be896482bc46f95fb31f1ac9457bc1a2a206981fbd18a69cc6e3",
     "XCallToken(uint32,bytes,uint32,address,uint256,address,bytes,uint256,bytes)", "chainflip"},
    {"a5df10d7a7c736bd7231e790267747aebface82ad6ee778d26a4aa99eb1c2f7b",
     "FetchedNative(address,uint256)", "chainflip"},
    {"cba69f43792f9f399347222505213b55af8e0b0b54b893085c2e27ecbe1644f1",
     "LiFiTransferStarted((bytes32,string,string,address,address,address,uint256,"
     "uint256,bool,bool))",
     "lifi"},
    {"a945e51eec50ab98c161376f0db4cf2aeba3ec92755fe2fcd388bdbbb80ff196",
     "Deposit(bytes32,uint32,uint256)", "tornado"},
    {"e9e508bad6d4c3227e881ca19068f099da81b5164dd6d62b2eaf1e8bc6c34931",
     "Withdrawal(address,bytes32,address,uint256)", "tornado"},
    {"3a5b9dc26075a3801a6ddccf95fec485bb7500a91b44cec1add984c21ee6db3b",
     "Shield(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[],"
     "(bytes32[3],bytes32)[],uint256[])",
     "railgun"},
    {"d93cf895c7d5b2cd7dc7a098b678b3089f37d91f48d9b83a0800a91cbdf05284",
     "Unshield(address,(uint8,address,uint256),uint256,uint256)", "railgun"},
    {"42e160154868087d6bfdc0ca23d96a1c1cfa32f1b72ba9ba27b69b98a0d819dc", "AddedBlackList(address)",
     "freeze"},
    {"d7e9ec6e6ecd65492dce6bf513cd6867560d49544421d0783ddf06e76c24470c",
     "RemovedBlackList(address)", "freeze"},
    {"61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6",
     "DestroyedBlackFunds(address,uint256)", "freeze"},
    {"ffa4e6181777692565cf28528fc88fd1516ea86b56da075235fa575af6a4b855", "Blacklisted(address)",
     "freeze"},
    {"117e3210bb9aa7d9baff172026820255c6f6c30ba8999d1c2fd88e2848137c4e", "UnBlacklisted(address)",
     "freeze"},
    {"406bbf2d8d145125adf1198d2cf8a67c66cc4bb0ab01c37dccd4f7c0aae1e7c7", "BlockPlaced(address)",
     "freeze"},
    {"665918c9e02eb2fd85acca3969cb054fc84c138e60ec4af22ab6ef2fd4c93c27", "BlockReleased(address)",
     "freeze"},
    {"6a2859ae7902313752498feb80a014e6e7275fe964c79aa965db815db1c7f1e9",
     "DestroyedBlockedFunds(address,uint256)", "freeze"},
    {"90811a8edd3b3c17eeaefffc17f639cc69145d41a359c9843994dc2538203690", "AddressFrozen(address)",
     "freeze"},
    {"c3776b472ebf54114339eec9e4dc924e7ce307a97f5c1ee72b6d474e6e5e8b7c", "AddressUnfrozen(address)",
     "freeze"},
    {"1aa660498c83ea285bc55e4cfc00afcaa7120798db87b74f3c0d7c6e001bc392", "FreezeAddress(address)",
     "freeze"},
    {"150465b020dfc06a59269da94ed66db9b65a516cf4fdd5f583b0f12752339bbe", "UnfreezeAddress(address)",
     "freeze"},
    {"fc5960f1c5a5d2b60f031bf534af053b1bf7d9881989afaeb8b1d164db23aede",
     "FrozenAddressWiped(address)", "freeze"},
    {"cf3473b85df1594d47b6958f29a32bea0abff9dd68296f7bf33443646793cfd8",
     "Blacklisted(address,bool)", "freeze"},
    {"c3821e11e71307afd1d94a490660178ff37aefdd3c0514e5dd08937bd7024f34",
     "Shield(uint256,uint256,(bytes32,(uint8,address,uint256),uint120)[],"
     "(bytes32[3],bytes32)[])",
     "railgun"},
    {"f75eaa09da191ca634619d229eaa2a62f3f30b79ef6e9a0a2cb33ae1dc07d71c",
     "GeneratedCommitmentBatch(uint256,uint256,(uint256,(uint8,address,uint256),"
     "uint120)[],uint256[2][])",
     "railgun"},
    {"b660f2ad4625b062b5b35ff64525c9233cc04287eed887548e6e4570c5aafabd",
     "Withdraw(address,(uint8,address,uint256),uint256,uint256)", "railgun"},
    {"3067048beee31b25b2f1681f88dac838c8bba36af25bfb2b7cf7473a5847e35f",
     "IncreaseLiquidity(uint256,uint128,uint256,uint256)", "uniswap3"},
    {"40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01",
     "Collect(uint256,address,uint256,uint256)", "uniswap3"},
    {"f208f4912782fd25c7f114ca3723a2d5dd6f3bcc3ac8db5af63baa85f711d5ec",
     "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)", "uniswap4"},
};

enum { ROW_COUNT = sizeof rows / sizeof *rows };

static dp_note_topic sorted[ROW_COUNT];
static uint64_t starts[(1 << 16) / 64]; // a bit for each two bytes that a wanted topic begins with
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static int compare_topics(const void *a, const void *b)
{
	return memcmp(((const dp_note_topic *)a)->topic, ((const dp_note_topic *)b)->topic, 32);
}

static inline uint32_t start_of(const uint8_t topic[32])
{
	return (uint32_t)topic[0] << 8 | topic[1];
}

static void fill_table(void)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		DP_CHECK(strlen(rows[i].topic) == 64);
		DP_CHECK(dp_hex_decode(sorted[i].topic, 32, rows[i].topic));
		sorted[i].event = rows[i].event;
		sorted[i].reader = rows[i].reader;
		uint32_t start = start_of(sorted[i].topic);
		starts[start / 64] |= (uint64_t)1 << start % 64;
	}
	qsort(sorted, ROW_COUNT, sizeof *sorted, compare_topics);
}

bool dp_note_topic_wanted(const uint8_t topic[32])
{
	DP_CHECK(topic != NULL);
	DP_CHECK(pthread_once(&table_once, fill_table) == 0);
	uint32_t start = start_of(topic);
	if ((starts[start / 64] >> start % 64 & 1) == 0) return false;
	// The key's other fields are not looked at.
	dp_note_topic key;
	memcpy(key.topic, topic, 32);
	return bsearch(&key, sorted, ROW_COUNT, sizeof *sorted, compare_topics) != NULL;
}

const dp_note_topic *dp_note_topics(uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	DP_CHECK(pthread_once(&table_once, fill_table) == 0);
	*ret_count = ROW_COUNT;
	return sorted;
}

//- memos -----------------------------------------------------------------------------------------

// What a memo can begin with: THORChain's docs (Transaction Memos) and x/thorchain/memo/memo.go,
// with Maya's fork of it. Some words are a whole memo by themselves.
static const struct {
	const char *word;
	bool needs_more; // a colon has to follow
} words[] = {
    {"=", true},         {"s", true},          {"swap", true},
    {"=<", true},        {"lo", true},         {"limito", true},
    {"m=<", true},       {"out", true},        {"outbound", true},
    {"refund", true},    {"add", true},        {"a", true},
    {"+", true},         {"stake", true},      {"withdraw", true},
    {"wd", true},        {"-", true},          {"unstake", true},
    {"donate", true},    {"d", true},          {"migrate", true},
    {"ragnarok", false}, {"yggdrasil+", true}, {"yggdrasil-", true},
    {"bond", true},      {"unbond", true},     {"rebond", true},
    {"leave", true},     {"operator", true},   {"consolidate", false},
    {"noop", false},     {"reserve", false},   {"switch", true},
    {"loan+", true},     {"loan-", true},      {"$+", true},
    {"$-", true},        {"trade+", true},     {"trade-", true},
    {"secure+", true},   {"secure-", true},    {"pool+", false},
    {"pool-", true},     {"tcy", true},        {"x", true},
    {"name", true},      {"n", true},          {"~", true},
    {"r", true},         {"reference", true},
};

enum { WORD_MAX = 11 };

bool dp_memo_maybe(const uint8_t *bytes, size_t n)
{
	DP_CHECK(bytes != NULL || n == 0);
	if (n == 0 || n > DP_MEMO_MAX) return false;
	size_t size = 0;
	while (size < n && size <= WORD_MAX && bytes[size] != ':') size++;
	if (size == 0 || size > WORD_MAX) return false;
	bool known = false;
	for (size_t i = 0; i < sizeof words / sizeof *words && !known; i++)
		known = strlen(words[i].word) == size && (size < n || !words[i].needs_more) &&
		        strncasecmp((const char *)bytes, words[i].word, size) == 0;
	if (!known) return false;
	for (size_t i = size; i < n; i++)
		if (bytes[i] < 0x20 || bytes[i] > 0x7e) return false;
	return true;
}

//- Safe multisigs --------------------------------------------------------------------------------

// execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes), the
// same in all versions since 1.0.0 (safe-global/safe-smart-account, Safe.sol). The fourth word is
// the operation: 1 is a delegate call. Its upper bytes are not looked at, as old compilers' code
// does not.
static const uint8_t exec_transaction[4] = {0x6a, 0x76, 0x12, 0x02};

bool dp_safe_maybe(const uint8_t *bytes, size_t n)
{
	DP_CHECK(bytes != NULL || n == 0);
	return n >= DP_SAFE_HEAD_SIZE &&
	       memcmp(bytes, exec_transaction, sizeof exec_transaction) == 0 &&
	       bytes[4 + 4 * 32 - 1] == 1;
}

//- scripts ---------------------------------------------------------------------------------------

// Opcodes as in Bitcoin Core, src/script/script.h.
enum { OP_PUSHDATA1 = 0x4c, OP_PUSHDATA4 = 0x4e, OP_RETURN = 0x6a };

size_t dp_note_of_script(uint8_t *ret_bytes, size_t max, const uint8_t *script, size_t n)
{
	DP_CHECK(ret_bytes != NULL && (script != NULL || n == 0));
	size_t count = 0;
	if (n < 2 || script[0] != OP_RETURN) return 0;
	for (size_t at = 1; at < n;) {
		uint8_t op = script[at++];
		if (op > OP_PUSHDATA4) return 0;
		uint64_t size = op;
		// The length stands in 1, 2 or 4 bytes, the least significant first.
		if (op >= OP_PUSHDATA1) {
			size_t width = (size_t)1 << (op - OP_PUSHDATA1);
			if (width > n - at) return 0;
			size = 0;
			for (size_t i = width; i > 0; i--) size = size << 8 | script[at + i - 1];
			at += width;
		}
		if (size > n - at || size > max - count) return 0;
		memcpy(ret_bytes + count, script + at, size);
		count += size;
		at += size;
	}
	return count;
}

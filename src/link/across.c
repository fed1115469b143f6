// Across: a user deposits into the SpokePool of one chain, a relayer pays the receiver on another
// out of his own pocket, and is paid back later. The relayer's money is not the user's: what counts
// is who is paid by the fill, whoever pays.
//
//   user --> SpokePool (chain 1)   FundsDeposited(.., destination 8453, deposit 17, ..)
//   relayer --> receiver (8453)    FilledRelay(.., origin 1, deposit 17, ..)
//
// Anybody may fill a deposit that was never made, or one that was made otherwise, and the event is
// logged all the same: he is only not paid back. A thief could pay himself a little under his own
// deposit's number before the relayer does, and what the relayer pays would look like clean money.
// So the key is more than the number (origin chain, destination chain, deposit): it is all that
// decides whether a fill is that deposit's, as the SpokePools hash it: depositor, receiver, token
// and both amounts, deadlines, who goes first, message. Only the token that is paid is left out,
// for deposits may leave it to the relayer (zero). A fill that differs has another key.
//
// Two forms of both events exist: with addresses and 32-bit deposit numbers (v3, 2024), and with
// bytes32 for ledgers whose addresses are longer (since 2025); the later fill has the message's
// hash (zero: no message) where the earlier has the message. A depositor may offer the receiver
// less, or name another one, after the deposit ("speed up", which he signs); the fill says beside
// the deposit's words what really was paid, and to whom.
//
// A message that is too long to be seen whole leaves a deposit without a key: it has gone in, and
// what comes out is not found.
//
// Read in: the events as l2beat, DefiLlama and wallets have them from V3SpokePoolInterface.sol
// (across-protocol/contracts); deployments/deployments.json there @001bcaa (SpokePools; BSC's came
// later and is alike in six lists of others). Avalanche has none.
#include "link/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hash.h"

// FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,uint32,bytes32,
//     bytes32,bytes32,bytes)
static const uint8_t deposited[32] = {
    0x32, 0xed, 0x1a, 0x40, 0x9e, 0xf0, 0x4c, 0x7b, 0x02, 0x27, 0x18, 0x9c, 0x3a, 0x10, 0x3d, 0xc5,
    0xac, 0x10, 0xe7, 0x75, 0xa1, 0x5b, 0x78, 0x5d, 0xcc, 0x51, 0x02, 0x01, 0xf7, 0xc2, 0x5a, 0xd3};
// V3FundsDeposited(address,address,uint256,uint256,uint256,uint32,uint32,uint32,uint32,address,
//     address,address,bytes)
static const uint8_t deposited_v3[32] = {
    0xa1, 0x23, 0xdc, 0x29, 0xae, 0xbf, 0x7d, 0x0c, 0x33, 0x22, 0xc8, 0xee, 0xb5, 0xb9, 0x99, 0xe8,
    0x59, 0xf3, 0x99, 0x37, 0x95, 0x0e, 0xd3, 0x10, 0x56, 0x53, 0x27, 0x13, 0xd0, 0xde, 0x39, 0x6f};
// FilledRelay(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint32,uint32,bytes32,
//     bytes32,bytes32,bytes32,bytes32,(bytes32,bytes32,uint256,uint8))
static const uint8_t filled[32] = {0x44, 0xb5, 0x59, 0xf1, 0x01, 0xf8, 0xfb, 0xcc, 0x8a, 0x0e, 0xa4,
                                   0x3f, 0xa9, 0x1a, 0x05, 0xa7, 0x29, 0xa5, 0xea, 0x6e, 0x14, 0xa7,
                                   0xc7, 0x5a, 0xa7, 0x50, 0x37, 0x46, 0x90, 0x13, 0x72, 0x08};
// FilledV3Relay(address,address,uint256,uint256,uint256,uint256,uint32,uint32,uint32,address,
//     address,address,address,bytes,(address,bytes,uint256,uint8))
static const uint8_t filled_v3[32] = {
    0x57, 0x17, 0x49, 0xed, 0xf1, 0xd5, 0xc9, 0x59, 0x93, 0x18, 0xcd, 0xbc, 0x4e, 0x28, 0xa6, 0x47,
    0x5d, 0x65, 0xe8, 0x7f, 0xd3, 0xb2, 0xdd, 0xbe, 0x1e, 0x9a, 0x8d, 0x5e, 0x7a, 0x0f, 0x0f, 0xf7};

static const dp_log_place pools[] = {
    {"ethereum", "0x5c7BCd6E7De5423a257D81B442095A1a6ced35C5", 0},
    {"optimism", "0x6f26Bf09B1C792e3228e5467807a900A503c0281", 0},
    {"bsc", "0x4e8E101924eDE233C13e2D8622DC8aED2872d505", 0},
    {"polygon", "0x9295ee1d8C5b022Be115A2AD3c30C72E34e7F096", 0},
    {"base", "0x09aea4b2242abC8bb4BB78D537A67a245A7bEC64", 0},
    {"arbitrum", "0xe35e9842fceaCA96570B734083f4a58e8F7C5f2A", 0},
    {"sepolia", "0x5ef6C01E11889d86803e0B23e3cB3F9E9d97B662", 0},
};
enum { POOL_COUNT = sizeof pools / sizeof *pools };

static const char not_ours[] = "not one of Across's contracts";
static const char bad_data[] = "its data are not the event's";

// Depositor, receiver, first relayer, token and amount here, amount there, both deadlines.
enum { BOUND_WORDS = 8 };

// What both events have, whatever their form.
typedef struct order {
	const uint8_t *token;           // on this side
	const uint8_t *other_token;     // deposits: what shall be paid there
	dp_u256 amount;                 // on this side
	dp_u256 least;                  // deposits
	const uint8_t *to;              // a word
	const uint8_t *chain, *deposit; // topics: the other chain's number, the deposit's
	// What makes a fill the deposit's, words of both events in one order.
	const uint8_t *bound[BOUND_WORDS];
	uint8_t message[32]; // its hash; zero: none
	bool is_cut;         // too long to be seen whole: no hash, and so no key
} order;

// v3 has addresses where later there are bytes32; what stands above them must be zero.
static bool word_is(const uint8_t *word, bool is_address)
{
	uint8_t address[20];
	return word != NULL && (!is_address || dp_abi_word_address(address, word));
}

static void hash_message(order *io_order, const uint8_t *message, size_t size)
{
	if (message != NULL && size > 0) dp_keccak256(io_order->message, message, size);
}

static bool read_deposit(order *ret_order, const dp_block *b, uint32_t n, bool is_v3)
{
	dp_abi a = dp_log_data_cut(b, n, 4, 10);
	size_t size, seen;
	order o = {0};
	o.bound[3] = o.token = dp_abi_word(&a);
	o.other_token = dp_abi_word(&a);
	o.bound[4] = dp_abi_word(&a);
	o.bound[5] = dp_abi_word(&a);
	(void)dp_abi_u32(&a); // when the fee was looked up
	o.bound[6] = dp_abi_word(&a);
	o.bound[7] = dp_abi_word(&a);
	o.bound[1] = o.to = dp_abi_word(&a);
	o.bound[2] = dp_abi_word(&a); // the relayer that goes first
	const uint8_t *message = dp_abi_bytes_cut(&a, &size, &seen);
	if (!dp_abi_ok(&a) || !word_is(o.token, is_v3) || !word_is(o.other_token, is_v3) ||
	    !word_is(o.to, is_v3))
		return false;
	o.is_cut = seen < size;
	if (!o.is_cut) hash_message(&o, message, size);
	o.amount = dp_u256_from_be(o.bound[4], 32);
	o.least = dp_u256_from_be(o.bound[5], 32);
	o.chain = b->note[n].topic[1];
	o.deposit = b->note[n].topic[2];
	o.bound[0] = b->note[n].topic[3];
	*ret_order = o;
	return true;
}

static bool read_fill(order *ret_order, const dp_block *b, uint32_t n, bool is_v3)
{
	dp_abi a = dp_log_data(b, n, 4, is_v3 ? 12 : 15);
	size_t size, other_size;
	order o = {0};
	o.bound[3] = dp_abi_word(&a); // what was deposited, and below how much of it
	o.token = dp_abi_word(&a);
	o.bound[4] = dp_abi_word(&a);
	o.bound[5] = dp_abi_word(&a);
	(void)dp_abi_u256(&a); // where the relayer is paid back
	o.bound[6] = dp_abi_word(&a);
	o.bound[7] = dp_abi_word(&a);
	o.bound[2] = dp_abi_word(&a);
	o.bound[0] = dp_abi_word(&a);
	o.bound[1] = dp_abi_word(&a); // the receiver as first told
	const uint8_t *message = NULL, *hash = NULL;
	if (is_v3) {
		message = dp_abi_bytes(&a, &size);
		dp_abi info = dp_abi_tuple(&a, 4);
		o.to = dp_abi_word(&info);
		(void)dp_abi_bytes(&info, &other_size);
		o.amount = dp_abi_u256(&info);
		(void)dp_abi_u64(&info); // fast, slow, replaced slow
		dp_abi_end(&a, &info);
	} else {
		hash = dp_abi_word(&a);
		o.to = dp_abi_word(&a);
		dp_abi_skip(&a, 1);
		o.amount = dp_abi_u256(&a);
		(void)dp_abi_u64(&a);
	}
	if (!dp_abi_ok(&a) || !word_is(o.token, is_v3) || !word_is(o.to, is_v3)) return false;
	if (is_v3)
		hash_message(&o, message, size);
	else
		memcpy(o.message, hash, 32);
	o.chain = b->note[n].topic[1];
	o.deposit = b->note[n].topic[2];
	*ret_order = o;
	return true;
}

static void make_key(dp_leg *leg, const dp_block *b, const order *o, bool is_out)
{
	uint8_t bytes[(4 + BOUND_WORDS) * 32], here[32];
	uint64_t deposit;
	dp_u256_to_be(here, dp_u256_of(dp_log_evm_number(b->chain)));
	memcpy(bytes, is_out ? here : o->chain, 32);
	memcpy(bytes + 32, is_out ? o->chain : here, 32);
	memcpy(bytes + 64, o->deposit, 32);
	memcpy(bytes + 96, o->message, 32);
	for (size_t i = 0; i < BOUND_WORDS; i++) memcpy(bytes + 128 + 32 * i, o->bound[i], 32);
	dp_link_key(leg->key, "across", bytes, sizeof bytes);
	leg->has_key = !o->is_cut;
	memcpy(leg->ref, o->deposit, 32);
	leg->ref_size = 32;
	uint64_t origin = is_out ? dp_log_evm_number(b->chain) : leg->other_number;
	if (dp_abi_word_u64(&deposit, o->deposit) && leg->text[0] == '\0')
		(void)snprintf(leg->text, sizeof leg->text, "deposit %" PRIu64 " of chain %" PRIu64,
		               deposit, origin);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	bool is_v3_out = dp_log_is(b, n, deposited_v3), is_v3_in = dp_log_is(b, n, filled_v3);
	bool is_out = is_v3_out || dp_log_is(b, n, deposited);
	if (!is_out && !is_v3_in && !dp_log_is(b, n, filled)) return 0;
	const dp_protocol *self = &dp_protocol_across;
	dp_leg_side side = is_out ? DP_LEG_OUT : DP_LEG_IN;
	if (dp_log_at(pools, POOL_COUNT, b->chain, b->note[n].place) == NULL)
		return dp_log_refuse(ret_leg, self, n, side, not_ours);
	order o;
	bool is_read = is_out ? read_deposit(&o, b, n, is_v3_out) : read_fill(&o, b, n, is_v3_in);
	if (!is_read) return dp_log_refuse(ret_leg, self, n, side, bad_data);
	dp_addr token = dp_log_addr(o.token);
	dp_leg leg = dp_log_leg(self, n, side);
	if (token.kind == DP_ADDR_NONE || !dp_abi_word_u64(&leg.other_number, o.chain))
		return dp_log_refuse(ret_leg, self, n, side, bad_data);
	leg.asset = dp_link_asset(b->chain, token.bytes);
	leg.amount = o.amount;
	dp_log_to(&leg, o.to);
	const dp_chain *other = dp_link_evm_chain(leg.other_number);
	if (is_out) {
		leg.place[0] = dp_link_addr(b->note[n].place);
		leg.place_count = 1;
		leg.back = dp_log_addr(b->note[n].topic[3]);
		dp_log_bought(&leg, other, o.other_token, o.least);
	} else {
		leg.other = other;
		leg.is_bound = true;
		if (leg.to.kind == DP_ADDR_NONE)
			return dp_log_refuse(ret_leg, self, n, side, bad_data);
	}
	make_key(&leg, b, &o, is_out);
	dp_log_coins(&leg, b, n);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

const dp_protocol dp_protocol_across = {
    .name = "across",
    .title = "Across",
    .proves = "chains, deposit number and all that was agreed on, which both SpokePools log",
    .data = "V3FundsDeposited, FundsDeposited; FilledV3Relay, FilledRelay: Ethereum, Optimism, "
            "BSC, Polygon, Base, Arbitrum",
    .source = "across-protocol/contracts, deployments.json; events as in l2beat and DefiLlama",
    .is_deterministic = true,
    .decode = decode,
};

// The Avalanche Bridge (2021, wardens in an enclave): Ethereum's tokens as .e tokens on Avalanche,
// and bitcoin as BTC.b.
//
//   in to Avalanche
//     Ethereum   a plain transfer to the wardens' address: no event of a bridge's at all
//     Avalanche  token: Mint(to, amount, fee to, fee, that transaction's id)
//     Bitcoin    a payment to the wardens
//     Avalanche  BTC.b: Mint(to, amount, fee to, fee, txid, index of the output)
//   out of it
//     Avalanche  token: Unwrap(amount, chain): burnt, and nothing else is said
//     Ethereum   the wardens' address pays: no key, only amount and time (link/match.h)
//
// The deposit is a movement and not a log, so it is read off the movements of a transaction
// (decode_tx), by its receiver. The fee is minted to the bridge out of what was deposited: what is
// less at the receiver is booked as fee.
//
// BTC.b names the Bitcoin output that paid for it, as people write it. Which outputs are the
// wardens' cannot be seen on Bitcoin, so there is no leg out there: the key is the outpoint, and
// who holds the coin can ask for it.
//
// Read in: l2beat, interop/plugins/avalanche.ts @025a324 (the wardens' address, and what the events
// mean); a copy of BTC.b's ABI and an interface IBridgeToken of others, which both name Mint's last
// argument originOutputIndex (one description calls it a chain's number); tokens from our own list
// of assets. Unverified: that BTC.b's txid stands in the order in which people write it, and that
// LINK.e is the bridge's.
#include "link/log.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hex.h"

// Mint(address,uint256,address,uint256,bytes32)
static const uint8_t mint[32] = {0x91, 0x8d, 0x77, 0x67, 0x4b, 0xb8, 0x8e, 0xaf, 0x75, 0xaf, 0xb3,
                                 0x07, 0xc9, 0x72, 0x3e, 0xa6, 0x03, 0x77, 0x06, 0xde, 0x68, 0xd6,
                                 0xfc, 0x07, 0xdd, 0x0c, 0x6c, 0xba, 0x42, 0x3a, 0x52, 0x50};
// Mint(address,uint256,address,uint256,bytes32,uint256)
static const uint8_t mint_output[32] = {
    0xc5, 0x53, 0x20, 0x43, 0xe6, 0xf3, 0xd7, 0x7e, 0x1c, 0x32, 0x0f, 0xf5, 0x9b, 0xd4, 0x15, 0x7c,
    0xa9, 0x07, 0x5e, 0xf5, 0x9f, 0x6b, 0x55, 0xce, 0xab, 0x6c, 0x3f, 0x7d, 0x2f, 0x78, 0xc9, 0xca};
// Unwrap(uint256,uint256)
static const uint8_t unwrap[32] = {0x37, 0xa0, 0x67, 0x99, 0xa3, 0x50, 0x04, 0x28, 0xa7, 0x73, 0xd0,
                                   0x02, 0x84, 0xaa, 0x70, 0x61, 0x01, 0xf5, 0xad, 0x94, 0xda, 0xe9,
                                   0xec, 0x37, 0xe1, 0xc3, 0x77, 0x3a, 0xa5, 0x4c, 0x33, 0x04};

enum { TOKEN = 1, BITCOIN };
static const dp_log_place tokens[] = {
    {"avalanche", "0x49D5c2BdFfac6CE2BFdB6640F4F80f226bc10bAB", TOKEN},   // WETH.e
    {"avalanche", "0x50b7545627a5162F82A992c33b87aDc75187B218", TOKEN},   // WBTC.e
    {"avalanche", "0xA7D7079b0FEaD91F3e65f86E8915Cb59c1a4C664", TOKEN},   // USDC.e
    {"avalanche", "0xd586E7F844cEa2F87f50152665BCbc2C279D8d70", TOKEN},   // DAI.e
    {"avalanche", "0xc7198437980c041c805A1EDcbA50c1Ce5db95118", TOKEN},   // USDT.e
    {"avalanche", "0x5947BB275c521040051D82396192181b413227A3", TOKEN},   // LINK.e
    {"avalanche", "0x152b9d0FdC40C096757F570A51E494bd4b943E50", BITCOIN}, // BTC.b
};
enum { TOKEN_COUNT = sizeof tokens / sizeof *tokens };

// 0x8EB8a3b98659Cce290402893d0123abb75E3ab28 on Ethereum. In bytes, for it is compared with every
// movement of every transaction that is asked about.
static const uint8_t wardens[20] = {0x8e, 0xb8, 0xa3, 0xb9, 0x86, 0x59, 0xcc, 0xe2, 0x90, 0x40,
                                    0x28, 0x93, 0xd0, 0x12, 0x3a, 0xbb, 0x75, 0xe3, 0xab, 0x28};

static const char not_ours[] = "not one of the Avalanche Bridge's tokens";
static const char bad_data[] = "its data are not the event's";
static const char not_bitcoin[] = "it names no output of a Bitcoin transaction";

static const dp_chain *chain_named(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static void key_of(dp_leg *leg, const uint8_t txid[32], const uint32_t *output)
{
	uint8_t bytes[36];
	memcpy(bytes, txid, 32);
	if (output != NULL)
		for (int i = 0; i < 4; i++) bytes[32 + i] = (uint8_t)(*output >> (24 - 8 * i));
	dp_link_key(leg->key, "avalanche", bytes, output == NULL ? 32 : 36);
	leg->has_key = true;
	memcpy(leg->ref, txid, 32);
	leg->ref_size = 32;
}

static uint32_t decode_mint(dp_leg *ret_leg, const dp_block *b, uint32_t n, bool is_bitcoin)
{
	const dp_protocol *self = &dp_protocol_avalanche;
	uint64_t output = 0;
	dp_abi a = dp_log_data(b, n, 1, is_bitcoin ? 6 : 5);
	const uint8_t *to = dp_abi_address(&a);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_IN);
	leg.amount = dp_abi_u256(&a);
	(void)dp_abi_address(&a);
	(void)dp_abi_u256(&a);
	const uint8_t *txid = dp_abi_word(&a);
	// Since BTC.b also comes from other chains, the largest number there is stands for "no
	// output": such a mint is no payment on Bitcoin.
	const uint8_t *index = is_bitcoin ? dp_abi_word(&a) : NULL;
	if (!dp_abi_ok(&a)) return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, bad_data);
	if (is_bitcoin && (!dp_abi_word_u64(&output, index) || output > UINT32_MAX))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_IN, not_bitcoin);
	leg.asset = dp_link_asset(b->chain, b->note[n].place);
	leg.place_count = 1; // kind NONE: minted
	leg.to = dp_link_addr(to);
	leg.other = chain_named(is_bitcoin ? "bitcoin" : "ethereum");
	uint32_t vout = (uint32_t)output;
	key_of(&leg, txid, is_bitcoin ? &vout : NULL);
	if (is_bitcoin) {
		char hex[65];
		dp_hex_encode(hex, txid, 32);
		// An index of more digits than fit is none that a block has room for.
		(void)snprintf(leg.text, sizeof leg.text, "%s:%u", hex, (unsigned)(vout % 1000000));
	}
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode_unwrap(dp_leg *ret_leg, const dp_block *b, uint32_t n, bool is_bitcoin)
{
	const dp_protocol *self = &dp_protocol_avalanche;
	dp_abi a = dp_log_data(b, n, 1, 2);
	dp_leg leg = dp_log_leg(self, n, DP_LEG_OUT);
	leg.amount = dp_abi_u256(&a);
	leg.other_number = dp_abi_u64(&a);
	if (!dp_abi_ok(&a)) return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, bad_data);
	leg.asset = dp_link_asset(b->chain, b->note[n].place);
	leg.place_count = 1; // kind NONE: burnt
	leg.other = chain_named(is_bitcoin ? "bitcoin" : "ethereum");
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	bool is_unwrap = dp_log_is(b, n, unwrap), has_output = dp_log_is(b, n, mint_output);
	if (!is_unwrap && !has_output && !dp_log_is(b, n, mint)) return 0;
	const dp_log_place *p = dp_log_at(tokens, TOKEN_COUNT, b->chain, b->note[n].place);
	bool is_bitcoin = p != NULL && p->role == BITCOIN;
	if (p == NULL || (!is_unwrap && is_bitcoin != has_output))
		return dp_log_refuse(ret_leg, &dp_protocol_avalanche, n,
		                     is_unwrap ? DP_LEG_OUT : DP_LEG_IN, not_ours);
	return is_unwrap ? decode_unwrap(ret_leg, b, n, is_bitcoin)
	                 : decode_mint(ret_leg, b, n, is_bitcoin);
}

static dp_addr watches(const dp_chain *chain)
{
	static const dp_addr nobody;
	return strcmp(chain->name, "ethereum") == 0 ? dp_link_addr(wardens) : nobody;
}

// Deposits: token movements to the wardens. Those of tokens that the bridge does not know stay with
// the wardens and get no mint; the leg then waits for ever, which is what happened.
static uint32_t decode_tx(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t tx)
{
	DP_CHECK(tx < b->tx_count);
	const dp_tx *t = &b->tx[tx];
	if (t->mv_count == 0 || strcmp(b->chain->name, "ethereum") != 0) return 0;
	uint32_t count = 0;
	dp_addr to = dp_link_addr(wardens);
	for (uint32_t i = 0; i < t->mv_count && count < DP_LEGS_MAX; i++) {
		const dp_movement *mv = &b->mv[t->mv_first + i];
		// The last byte first: it tells nearly all of them apart.
		if (mv->to.bytes[19] != to.bytes[19] || !dp_addr_eq(&mv->to, &to)) continue;
		if (mv->kind != DP_MV_TOKEN || mv->asset.v == 0) continue;
		if (dp_u256_is_zero(mv->amount) || (mv->flags & DP_MVF_FAILED) != 0) continue;
		dp_leg leg = dp_log_leg(&dp_protocol_avalanche, DP_LEG_NO_NOTE, DP_LEG_OUT);
		leg.asset = mv->asset;
		leg.amount = mv->amount;
		leg.place[0] = to;
		leg.place_count = 1;
		leg.to = mv->from; // the bridge pays the address that deposited
		leg.back = mv->from;
		leg.other = chain_named("avalanche");
		key_of(&leg, t->id, NULL);
		ret_leg[count++] = leg;
	}
	return dp_log_legs(ret_leg, count);
}

const dp_protocol dp_protocol_avalanche = {
    .name = "avalanche",
    .title = "Avalanche Bridge",
    .proves = "into Avalanche: the deposit's transaction (BTC.b: the Bitcoin output), which the "
              "mint logs; out of it nothing",
    .data = "transfers to the wardens' address on Ethereum; Mint and Unwrap on Avalanche",
    .source = "l2beat, interop/plugins/avalanche.ts; BTC.b's ABI",
    .is_deterministic = true,
    .decode = decode,
    .decode_tx = decode_tx,
    .watches = watches,
};

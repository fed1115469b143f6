// Chainflip: swaps on its own State Chain, through a vault on each chain that its validators hold.
//
//   SwapNative, SwapToken     the depositor calls the vault and says where to: chain, address and
//   XCallNative, XCallToken   asset by Chainflip's own numbers. The same with a call behind it.
//   FetchedNative             coins swept from a deposit channel: a one-time address that only
//                             the State Chain can tie to a receiver. Tokens are swept without it.
//
// The way out is a plain transfer of the vault that names nothing: no field of these chains links a
// deposit with its payment (the swap's number lives on the State Chain). So these legs have no key.
// The receiver of a vault swap is known, and is where link/match.h looks for the amount; money of a
// deposit channel is known to have entered, and no more.
//
// Addresses are bytes: 20 for EVM chains, the text in ASCII for Bitcoin (seen in real receipts:
// "bc1q..."), 32 for Solana, Polkadot and Assethub. What `cfParameters` carries (price limit, where
// to refund) is SCALE of a version that changes; it is not read, so `back` is not stated.
//
// Sources: chainflip-eth-contracts, IVault.sol and docs/Vault.md; the form without cfParameters
// stood in its earlier versions. Chains and assets by number: chainflip-backend
// state-chain/primitives/src/chains.rs and chains/assets.rs. Vaults: the page of mainnet addresses
// on docs.chainflip.io; on Ethereum the address of Arbitrum's vault is another contract.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "codec/hex.h"
#include "link/leg.h"
#include "link/log.h"

static const dp_log_place vaults[] = {
    {"ethereum", "0xF5e10380213880111522dd0efD3dbb45b9f62Bcc", 0},
    {"arbitrum", "0x79001a5e762f3bEFC8e5871b42F6734e00498920", 0},
    {"bsc", "0x79001a5e762f3bEFC8e5871b42F6734e00498920", 0},
};

static const dp_log_number chains[] = {
    {1, "ethereum"}, {3, "bitcoin"}, {4, "arbitrum"}, {8, "bsc"}};
enum { CHAIN_BITCOIN = 3, NUMBER_MAX = 1000, ADDRESS_SIZE_MAX = 90 };
#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

static const struct {
	uint32_t number;
	const char *chain, *symbol;
} assets[] = {
    {1, "ethereum", "ETH"},   {3, "ethereum", "USDC"},   {5, "bitcoin", "BTC"},
    {6, "arbitrum", "ETH"},   {7, "arbitrum", "USDC"},   {8, "ethereum", "USDT"},
    {14, "ethereum", "WBTC"}, {15, "arbitrum", "USDT"},  {19, "bsc", "BNB"},
    {20, "bsc", "USDT"},      {21, "ethereum", "cbBTC"},
};

// The forms of the event, as their data differ.
typedef struct form {
	const char *name; // for a reader of this file
	bool is_token, is_call, has_parameters;
	uint8_t topic[32]; // Keccak-256 of the event's text, which stands in chain/note.c
} form;

static const form forms[] = {
    {"SwapNative", false, false, true, {0x67, 0x57, 0x03, 0x4e, 0x84, 0x1d, 0x88, 0x19,
                                        0x0e, 0x95, 0xfa, 0x8a, 0x75, 0x70, 0xce, 0x6c,
                                        0xb7, 0x21, 0x25, 0x74, 0x74, 0x40, 0x0c, 0x32,
                                        0x82, 0xec, 0x53, 0x6e, 0xab, 0x81, 0x05, 0x40}},
    {"SwapToken", true, false, true, {0x83, 0x4b, 0x52, 0x4d, 0x9f, 0x8c, 0xcb, 0xd3,
                                      0x1b, 0x00, 0xb6, 0x71, 0xc8, 0x96, 0x69, 0x7b,
                                      0x96, 0xeb, 0x43, 0x98, 0xc0, 0xf5, 0x6e, 0x93,
                                      0x86, 0xa2, 0x1f, 0x5d, 0xf6, 0x1e, 0x3c, 0xe3}},
    {"SwapNative, before cfParameters", false, false, false, {0x67, 0xd3, 0xc6, 0xaf, 0x14, 0xd7,
                                                              0x17, 0xc4, 0x36, 0x15, 0xd4, 0x1b,
                                                              0xbb, 0xad, 0x66, 0x43, 0x65, 0xb5,
                                                              0xb5, 0x46, 0xb5, 0x82, 0x01, 0xd2,
                                                              0xa7, 0x46, 0x61, 0xe3, 0x71, 0x4c,
                                                              0x05, 0xfc}},
    {"SwapToken, before cfParameters", true, false, false, {0xea, 0xeb, 0x01, 0xba, 0x86, 0x08,
                                                            0x5c, 0x93, 0x4b, 0x23, 0x0d, 0xfd,
                                                            0xdf, 0xa2, 0x9f, 0xfd, 0x73, 0xbe,
                                                            0xf2, 0xf4, 0xdc, 0xf6, 0x03, 0x26,
                                                            0xf0, 0xf7, 0x32, 0xdc, 0x85, 0xd4,
                                                            0x02, 0x03}},
    {"XCallNative", false, true, true, {0x47, 0x70, 0x5c, 0xc9, 0xa8, 0x5c, 0x5f, 0x67,
                                        0x9e, 0x1f, 0x4e, 0x8e, 0x7f, 0xbd, 0x45, 0x9b,
                                        0x82, 0x67, 0xbc, 0x61, 0xfa, 0x31, 0x11, 0xce,
                                        0xd6, 0xfe, 0x84, 0xf7, 0x1d, 0x7d, 0x88, 0x9e}},
    {"XCallToken", true, true, true, {0x03, 0x0b, 0x52, 0xf4, 0xea, 0x12, 0xbe, 0x89,
                                      0x64, 0x82, 0xbc, 0x46, 0xf9, 0x5f, 0xb3, 0x1f,
                                      0x1a, 0xc9, 0x45, 0x7b, 0xc1, 0xa2, 0xa2, 0x06,
                                      0x98, 0x1f, 0xbd, 0x18, 0xa6, 0x9c, 0xc6, 0xe3}},
};
static const uint8_t topic_fetched[32] = {
    0xa5, 0xdf, 0x10, 0xd7, 0xa7, 0xc7, 0x36, 0xbd, 0x72, 0x31, 0xe7, 0x90, 0x26, 0x77, 0x47, 0xae,
    0xbf, 0xac, 0xe8, 0x2a, 0xd6, 0xee, 0x77, 0x8d, 0x26, 0xa4, 0xaa, 0x99, 0xeb, 0x1c, 0x2f, 0x7b};

// A local test chain is given Ethereum's vault: whoever tests puts one where Ethereum has it.
static bool is_vault(const dp_block *b, const dp_note *note)
{
	const dp_chain *chain = b->chain;
	if (strcmp(chain->name, "anvil") == 0) chain = dp_chain_find("ethereum", 8);
	return dp_log_at(vaults, COUNT_OF(vaults), chain, note->place) != NULL;
}

// Who gets it: an address, or in words what cannot be one here.
static void read_receiver(dp_leg *io_leg, const uint8_t *bytes, size_t n)
{
	dp_fault fault;
	DP_CHECK(bytes != NULL || n == 0);
	if (io_leg->other != NULL && io_leg->other->kind == DP_CHAIN_ACCOUNT && n == 20) {
		io_leg->to = dp_link_addr(bytes);
		return;
	}
	if (io_leg->other_number == CHAIN_BITCOIN && n <= ADDRESS_SIZE_MAX) {
		dp_addr a;
		// Our own words for scripts are no address there.
		if (dp_addr_parse(&a, (const char *)bytes, n, io_leg->other, &fault) == DP_OK &&
		    a.kind >= DP_ADDR_P2PKH && a.kind <= DP_ADDR_WITNESS) {
			io_leg->to = a;
			return;
		}
	}
	if (io_leg->other != NULL) {
		(void)snprintf(io_leg->text, sizeof io_leg->text,
		               "the receiver is no address of its chain");
	} else if (n == 32) {
		char hex[65];
		dp_hex_encode(hex, bytes, 32);
		(void)snprintf(io_leg->text, sizeof io_leg->text, "to %s", hex);
	}
}

static dp_asset asset_of(uint32_t number, const dp_chain *chain)
{
	for (size_t i = 0; i < COUNT_OF(assets); i++) {
		if (assets[i].number != number || chain == NULL ||
		    strcmp(chain->name, assets[i].chain) != 0)
			continue;
		return dp_asset_by_symbol(chain, assets[i].symbol, strlen(assets[i].symbol));
	}
	return DP_ASSET_NONE;
}

// chain, where the address is, asset, [token,] amount, [message, gas,] [parameters]
static uint32_t swap(dp_leg *ret_leg, const dp_block *b, uint32_t n, const form *f)
{
	static const uint8_t coins[20];
	size_t words =
	    4u + (f->is_token ? 1u : 0u) + (f->is_call ? 2u : 0u) + (f->has_parameters ? 1u : 0u);
	dp_abi data = dp_log_data_cut(b, n, 2, words);
	uint32_t chain = dp_abi_u32(&data);
	size_t size = 0, skipped = 0, seen = 0; // calls and parameters may be of any length
	const uint8_t *to = dp_abi_bytes(&data, &size);
	uint32_t asset = dp_abi_u32(&data);
	const uint8_t *token = f->is_token ? dp_abi_address(&data) : coins;
	dp_u256 amount = dp_abi_u256(&data);
	if (f->is_call) {
		(void)dp_abi_bytes_cut(&data, &skipped, &seen);
		(void)dp_abi_u256(&data);
	}
	if (f->has_parameters) (void)dp_abi_bytes_cut(&data, &skipped, &seen);
	if (!dp_abi_ok(&data) || chain == 0 || chain > NUMBER_MAX)
		return dp_log_refuse(ret_leg, &dp_protocol_chainflip, n, DP_LEG_OUT,
		                     "its data are not those of a swap");
	*ret_leg = dp_log_leg(&dp_protocol_chainflip, n, DP_LEG_OUT);
	ret_leg->asset = dp_link_asset(b->chain, token);
	ret_leg->amount = amount;
	ret_leg->place[0] = dp_link_addr(b->note[n].place);
	ret_leg->place_count = 1;
	ret_leg->other_number = chain;
	ret_leg->other = dp_log_chain(chains, COUNT_OF(chains), chain);
	ret_leg->other_asset = asset_of(asset, ret_leg->other);
	read_receiver(ret_leg, to, size);
	return 1;
}

static uint32_t fetched(dp_leg *ret_leg, const dp_block *b, uint32_t n)
{
	dp_abi data = dp_log_data(b, n, 2, 1);
	dp_u256 amount = dp_abi_u256(&data);
	if (!dp_abi_ok(&data))
		return dp_log_refuse(ret_leg, &dp_protocol_chainflip, n, DP_LEG_OUT,
		                     "its data are not those of a sweep");
	*ret_leg = dp_log_leg(&dp_protocol_chainflip, n, DP_LEG_OUT);
	ret_leg->asset = dp_asset_native(b->chain);
	ret_leg->amount = amount;
	ret_leg->place[0] = dp_link_addr(b->note[n].place);
	ret_leg->place_count = 1;
	(void)snprintf(ret_leg->text, sizeof ret_leg->text,
	               "swept from a deposit channel; where to, Chainflip alone knows");
	return 1;
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	DP_CHECK(n < b->note_count);
	size_t i = 0;
	while (i < COUNT_OF(forms) && !dp_log_is(b, n, forms[i].topic)) i++;
	bool is_sweep = i == COUNT_OF(forms) && dp_log_is(b, n, topic_fetched);
	if (i == COUNT_OF(forms) && !is_sweep) return 0;
	if (!is_vault(b, &b->note[n]))
		return dp_log_refuse(ret_leg, &dp_protocol_chainflip, n, DP_LEG_OUT,
		                     "not a known vault of Chainflip");
	uint32_t count = is_sweep ? fetched(ret_leg, b, n) : swap(ret_leg, b, n, &forms[i]);
	return dp_log_legs(ret_leg, count);
}

const dp_protocol dp_protocol_chainflip = {
    .name = "chainflip",
    .title = "Chainflip",
    .proves = "a vault swap states its receiver; no field links it with the payment",
    .data = "vault events on Ethereum, Arbitrum and BNB Smart Chain",
    .source = "chainflip-eth-contracts IVault.sol; chainflip-backend primitives/src/chains; "
              "docs.chainflip.io",
    .is_deterministic = false,
    .decode = decode,
};

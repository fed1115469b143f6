// Celer cBridge 2: pools of liquidity on both sides, and pegged tokens.
//
//   pool     Send(id, ..)                -->  pool    Relay(.., id of the Send)
//                                             same pool WithdrawDone(.., id): sent back
//   vault    Deposited(id, ..)           -->  pegged  Mint(.., id of the deposit, ..)
//   pegged   Burn(id, ..)                -->  vault   Withdrawn(.., id of the burn, ..)
//
// The key is that id: the hash of what was asked for, computed by the contract. None of the
// arguments is indexed. Burning and minting take from and give to nobody. Withdrawals without an id
// belong to who lent liquidity, and are no legs.
//
// The pools take and pay coins as their wrapped form: what moved in the transaction decides.
//
// What cannot be done over there is given back: by WithdrawDone, and by a vault or a pegged token
// that pays out under a deposit or a burn of its own chain (the other chain's number is then this
// one's; comments on ref_chain_id in IOriginalTokenVaultV2.sol). It goes to whom the validators
// name, who are asked by the depositor.
//
// Read in: DefiLlama/bridges-server, adapters/celer @0e20e13 (events and addresses; Base is not on
// that list) and l2beat, interop/plugins/celer.ts @024b02a. From memory, unverified: that a
// WithdrawDone with an id is the refund of that Send.
#include "link/log.h"

#include <string.h>

#include "base/check.h"

// Send(bytes32,address,address,address,uint256,uint64,uint64,uint32)
static const uint8_t send[32] = {0x89, 0xd8, 0x05, 0x1e, 0x59, 0x7a, 0xb4, 0x17, 0x8a, 0x86, 0x3a,
                                 0x51, 0x90, 0x40, 0x7b, 0x98, 0xab, 0xfe, 0xff, 0x40, 0x6a, 0xa8,
                                 0xdb, 0x90, 0xc5, 0x9a, 0xf7, 0x66, 0x12, 0xe5, 0x8f, 0x01};
// Relay(bytes32,address,address,address,uint256,uint64,bytes32)
static const uint8_t relay[32] = {0x79, 0xfa, 0x08, 0xde, 0x51, 0x49, 0xd9, 0x12, 0xdc, 0xe8, 0xe5,
                                  0xe8, 0xda, 0x7a, 0x7c, 0x17, 0xcc, 0xdf, 0x23, 0xdd, 0x5d, 0x3b,
                                  0xfe, 0x19, 0x68, 0x02, 0xe6, 0xeb, 0x86, 0x34, 0x7c, 0x7c};
// WithdrawDone(bytes32,uint64,address,address,uint256,bytes32)
static const uint8_t withdraw_done[32] = {
    0x48, 0xa1, 0xab, 0x26, 0xf3, 0xaa, 0x7b, 0x62, 0xbb, 0x6b, 0x6e, 0x8e, 0xed, 0x18, 0x2f, 0x29,
    0x2b, 0x84, 0xeb, 0x7b, 0x00, 0x6c, 0x02, 0x54, 0x38, 0x6b, 0x26, 0x8a, 0xf2, 0x07, 0x74, 0xbe};
// Deposited(bytes32,address,address,uint256,uint64,address)
static const uint8_t deposited[32] = {
    0x15, 0xd2, 0xee, 0xef, 0xbe, 0x49, 0x63, 0xb5, 0xb2, 0x17, 0x8f, 0x23, 0x9d, 0xdc, 0xc7, 0x30,
    0xdd, 0xa5, 0x5f, 0x1c, 0x23, 0xc2, 0x2e, 0xfb, 0x79, 0xde, 0xd0, 0xeb, 0x85, 0x4a, 0xc7, 0x89};
// Deposited(bytes32,address,address,uint256,uint64,address,uint64)
static const uint8_t deposited_v2[32] = {
    0x28, 0xd2, 0x26, 0x81, 0x9e, 0x37, 0x16, 0x00, 0xe2, 0x66, 0x24, 0xeb, 0xc4, 0xa9, 0xa3, 0x94,
    0x71, 0x17, 0xee, 0x27, 0x60, 0x20, 0x9f, 0x81, 0x6c, 0x78, 0x9d, 0x3a, 0x99, 0xbf, 0x48, 0x1b};
// Mint(bytes32,address,address,uint256,uint64,bytes32,address)
static const uint8_t mint[32] = {0x5b, 0xc8, 0x4e, 0xcc, 0xcf, 0xce, 0xd5, 0xbb, 0x04, 0xbf, 0xc7,
                                 0xf3, 0xef, 0xcd, 0xbe, 0x7f, 0x5c, 0xd2, 0x19, 0x49, 0xef, 0x14,
                                 0x68, 0x11, 0xb4, 0xd1, 0x96, 0x7f, 0xe4, 0x1f, 0x77, 0x7a};
// Burn(bytes32,address,address,uint256,address)
static const uint8_t burn[32] = {0x75, 0xf1, 0xbf, 0x55, 0xbb, 0x1d, 0xe4, 0x1b, 0x63, 0xa7, 0x75,
                                 0xdc, 0x7d, 0x45, 0x00, 0xf0, 0x11, 0x14, 0xee, 0x62, 0xb6, 0x88,
                                 0xa6, 0xb1, 0x1d, 0x34, 0xf4, 0x69, 0x2c, 0x1f, 0x3d, 0x43};
// Burn(bytes32,address,address,uint256,uint64,address,uint64)
static const uint8_t burn_v2[32] = {
    0x62, 0x98, 0xd7, 0xb5, 0x8f, 0x23, 0x57, 0x30, 0xb3, 0xb3, 0x99, 0xdc, 0x5c, 0x28, 0x2f, 0x15,
    0xda, 0xe8, 0xb0, 0x22, 0xe5, 0xfb, 0xbf, 0x89, 0xce, 0xe2, 0x1f, 0xd8, 0x3c, 0x88, 0x10, 0xa3};
// Withdrawn(bytes32,address,address,uint256,uint64,bytes32,address)
static const uint8_t withdrawn[32] = {
    0x29, 0x6a, 0x62, 0x9c, 0x52, 0x65, 0xcb, 0x4e, 0x53, 0x19, 0x80, 0x3d, 0x01, 0x69, 0x02, 0xeb,
    0x70, 0xa9, 0x07, 0x9b, 0x89, 0x65, 0x5f, 0xe2, 0xb7, 0x73, 0x78, 0x21, 0xed, 0x88, 0xbe, 0xeb};

enum { POOL = 1, VAULT, PEGGED };
static const dp_log_place contracts[] = {
    {"ethereum", "0x5427FEFA711Eff984124bFBB1AB6fbf5E3DA1820", POOL},
    {"ethereum", "0xB37D31b2A74029B5951a2778F959282E2D518595", VAULT},
    {"ethereum", "0x7510792A3B1969F9307F3845CE88e39578f2bAE1", VAULT},
    {"ethereum", "0x16365b45EB269B5B5dACB34B4a15399Ec79b95eB", PEGGED},
    {"ethereum", "0x52E4f244f380f8fA51816c8a10A63105dd4De084", PEGGED},
    {"polygon", "0x88DCDC47D2f83a99CF0000FDF667A468bB958a78", POOL},
    {"polygon", "0xc1a2D967DfAa6A10f3461bc21864C23C1DD51EeA", VAULT},
    {"polygon", "0x4C882ec256823eE773B25b414d36F92ef58a7c0C", VAULT},
    {"polygon", "0x4d58FDC7d0Ee9b674F49a0ADE11F26C3c9426F7A", PEGGED},
    {"polygon", "0xb51541df05DE07be38dcfc4a80c05389A54502BB", PEGGED},
    {"avalanche", "0xef3c714c9425a8F3697A9C969Dc1af30ba82e5d4", POOL},
    {"avalanche", "0x5427FEFA711Eff984124bFBB1AB6fbf5E3DA1820", VAULT},
    {"avalanche", "0xb51541df05DE07be38dcfc4a80c05389A54502BB", VAULT},
    {"avalanche", "0x88DCDC47D2f83a99CF0000FDF667A468bB958a78", PEGGED},
    {"avalanche", "0xb774C6f82d1d5dBD36894762330809e512feD195", PEGGED},
    {"bsc", "0xdd90E5E87A2081Dcf0391920868eBc2FFB81a1aF", POOL},
    {"bsc", "0x78bc5Ee9F11d133A08b331C2e18fE81BE0Ed02DC", VAULT},
    {"bsc", "0x11a0c9270D88C99e221360BCA50c2f6Fda44A980", VAULT},
    {"bsc", "0xd443FE6bf23A4C9B78312391A30ff881a097580E", PEGGED},
    {"bsc", "0x26c76F7FeF00e02a5DD4B5Cc8a0f717eB61e1E4b", PEGGED},
    {"arbitrum", "0x1619DE6B6B20eD217a58d00f37B9d47C7663feca", POOL},
    {"arbitrum", "0xFe31bFc4f7C9b69246a6dc0087D91a91Cb040f76", VAULT},
    {"arbitrum", "0xEA4B1b0aa3C110c55f650d28159Ce4AD43a4a58b", VAULT},
    {"arbitrum", "0xbdd2739AE69A054895Be33A22b2D2ed71a1DE778", PEGGED},
    {"optimism", "0x9D39Fc627A6d9d9F8C831c16995b209548cc3401", POOL},
    {"optimism", "0xbCfeF6Bb4597e724D720735d32A9249E0640aA11", VAULT},
    {"optimism", "0x61f85fF2a2f4289Be4bb9B72Fc7010B3142B5f41", PEGGED},
};
enum { CONTRACT_COUNT = sizeof contracts / sizeof *contracts };

static const char not_ours[] = "not one of cBridge's contracts";
static const char bad_data[] = "its data are not the event's";

// What the nine events have in common. The words of each are a letter each in `form`:
//   k key, s skipped id, t token, r receiver, d depositor or sender, a amount, c the other chain,
//   n a number that is not needed
typedef struct event {
	const uint8_t *topic;
	const char *form;
	uint8_t side, role;
	bool is_nobody; // burnt or minted
	bool is_refund;
} event;

static const event events[] = {
    {send, "kdrtacnn", DP_LEG_OUT, POOL, false, false},
    {relay, "sdrtack", DP_LEG_IN, POOL, false, false},
    {withdraw_done, "snrtak", DP_LEG_IN, POOL, false, true},
    {deposited, "kdtacr", DP_LEG_OUT, VAULT, false, false},
    {deposited_v2, "kdtacrn", DP_LEG_OUT, VAULT, false, false},
    {mint, "strackd", DP_LEG_IN, PEGGED, true, false},
    {burn, "ktdar", DP_LEG_OUT, PEGGED, true, false},
    {burn_v2, "ktdacrn", DP_LEG_OUT, PEGGED, true, false},
    {withdrawn, "srtackd", DP_LEG_IN, VAULT, false, false},
};
enum { EVENT_COUNT = sizeof events / sizeof *events };

static bool read_event(dp_leg *io_leg, const uint8_t **ret_key, const dp_block *b, uint32_t n,
                       const event *e)
{
	const uint8_t *address;
	dp_abi a = dp_log_data(b, n, 1, strlen(e->form));
	*ret_key = NULL;
	for (const char *p = e->form; *p != '\0' && dp_abi_ok(&a); p++) {
		switch (*p) {
		case 'k': *ret_key = dp_abi_word(&a); break;
		case 's': dp_abi_skip(&a, 1); break;
		case 'n': (void)dp_abi_u64(&a); break;
		case 'c': io_leg->other_number = dp_abi_u64(&a); break;
		case 'a': io_leg->amount = dp_abi_u256(&a); break;
		case 'd':
			address = dp_abi_address(&a);
			if (address != NULL && io_leg->side == DP_LEG_OUT)
				io_leg->back = dp_link_addr(address);
			break;
		case 'r':
			address = dp_abi_address(&a);
			if (address != NULL) io_leg->to = dp_link_addr(address);
			break;
		default:
			DP_CHECK(*p == 't');
			address = dp_abi_address(&a);
			if (address != NULL) io_leg->asset = dp_link_asset(b->chain, address);
			break;
		}
	}
	return dp_abi_ok(&a) && *ret_key != NULL;
}

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	static const uint8_t none[32];
	const dp_protocol *self = &dp_protocol_cbridge;
	const event *e = NULL;
	const uint8_t *key;
	for (size_t i = 0; i < EVENT_COUNT && e == NULL; i++)
		if (dp_log_is(b, n, events[i].topic)) e = &events[i];
	if (e == NULL) return 0;
	const dp_log_place *p = dp_log_at(contracts, CONTRACT_COUNT, b->chain, b->note[n].place);
	if (p == NULL || p->role != e->role)
		return dp_log_refuse(ret_leg, self, n, (dp_leg_side)e->side, not_ours);
	dp_leg leg = dp_log_leg(self, n, (dp_leg_side)e->side);
	if (!read_event(&leg, &key, b, n, e))
		return dp_log_refuse(ret_leg, self, n, (dp_leg_side)e->side, bad_data);
	if (memcmp(key, none, 32) == 0) return 0; // liquidity that is taken out again
	bool is_home = leg.side == DP_LEG_IN && leg.other_number == dp_log_evm_number(b->chain);
	leg.is_refund = e->is_refund || is_home;
	leg.is_bound = leg.side == DP_LEG_IN;
	leg.other = leg.is_refund ? b->chain : dp_link_evm_chain(leg.other_number);
	if (!e->is_nobody) leg.place[0] = dp_link_addr(b->note[n].place);
	leg.place_count = 1;
	dp_link_key(leg.key, "cbridge", key, 32);
	leg.has_key = true;
	memcpy(leg.ref, key, 32);
	leg.ref_size = 32;
	dp_log_coins(&leg, b, n);
	ret_leg[0] = leg;
	return dp_log_legs(ret_leg, 1);
}

const dp_protocol dp_protocol_cbridge = {
    .name = "cbridge",
    .title = "Celer cBridge",
    .proves = "the id of the transfer, deposit or burn, which the paying contract logs again",
    .data = "Send, Deposited, Burn; Relay, WithdrawDone, Mint, Withdrawn: Ethereum, BSC, Polygon, "
            "Avalanche, Arbitrum, Optimism",
    .source = "DefiLlama/bridges-server, adapters/celer; l2beat, plugins/celer.ts",
    .is_deterministic = true,
    .decode = decode,
};

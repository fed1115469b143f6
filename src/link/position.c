// Liquidity positions of Uniswap 3 and 4: money that goes into a pool under a number, and comes out
// again under the same, perhaps in other shares of the two assets and with fees earned.
//
//   version 3, logged by the NonfungiblePositionManager
//     IncreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0,
//                       uint256 amount1)
//     Collect(uint256 indexed tokenId, address recipient, uint256 amount0, uint256 amount1)
//   version 4, logged by the PoolManager
//     ModifyLiquidity(PoolId indexed id, address indexed sender, int24 tickLower, int24 tickUpper,
//                     int256 liquidityDelta, bytes32 salt)   sender: PositionManager, salt: tokenId
//
// Whoever holds the NFT can take the money out, so the position is the holder, not the wallet that
// paid in: the key is chain, manager and tokenId. (DecreaseLiquidity of version 3 moves nothing; it
// only says what may be collected.)
//
// Neither event names the assets. In version 3 the amounts do: the pool is whoever was paid both of
// them in this transaction, or paid both of them to the recipient. What is collected may be a few
// base units less than the event says (NonfungiblePositionManager.sol, collect: "sometimes there
// will be a few less wei than expected due to rounding down in core"). Unlisted tokens stand in the
// block as noise and help to find the pool. In version 4 all pools are one contract, and what it
// gained or lost in the transaction is what went into or came out of the position, as long as only
// one position was changed; where there were several the ledger does not say which took what, and
// that is a refusal.
//
// Sources: Uniswap/v3-periphery contracts/NonfungiblePositionManager.sol and its interface;
// Uniswap/v4-core src/interfaces/IPoolManager.sol; Uniswap/v4-periphery src/PositionManager.sol
// (salt is the tokenId); addresses from Uniswap/docs, docs/contracts/v3/reference/deployments and
// docs/contracts/v4/deployments.mdx @4606a6e. Contracts of forks log the same events; their
// positions are not followed.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "link/log.h"

enum { POOLS = 1, POSITIONS = 2, ROUNDING = 16, ASSETS_MAX = 4, ROWS_MAX = 1 << 12 };

static const dp_log_place managers3[] = {
    {"ethereum", "0xC36442b4a4522E871399CD717aBDD847Ab11FE88", 0},
    {"polygon", "0xC36442b4a4522E871399CD717aBDD847Ab11FE88", 0},
    {"arbitrum", "0xC36442b4a4522E871399CD717aBDD847Ab11FE88", 0},
    {"optimism", "0xC36442b4a4522E871399CD717aBDD847Ab11FE88", 0},
    {"base", "0x03a520b32C04BF3bEEf7BEb72E919cf822Ed34f1", 0},
    {"bsc", "0x7b8A01B39D58278b5DE7e48c8449c9f4F5170613", 0},
    {"avalanche", "0x655C406EBFa14EE2006250925e54ec43AD184f8B", 0},
};
static const dp_log_place managers4[] = {
    {"ethereum", "0x000000000004444c5dc75cB358380D2e3dE08A90", POOLS},
    {"ethereum", "0xbD216513d74C8cf14cf4747E6AaA6420FF64ee9e", POSITIONS},
    {"optimism", "0x9a13F98Cb987694C9F086b1F5eB990EeA8264Ec3", POOLS},
    {"optimism", "0x3C3Ea4B57a46241e54610e5f022E5c45859A1017", POSITIONS},
    {"base", "0x498581fF718922c3f8e6A244956aF099B2652b2b", POOLS},
    {"base", "0x7C5f5A4bBd8fD63184577525326123B519429bDc", POSITIONS},
    {"arbitrum", "0x360E68faCcca8cA495c1B759Fd9EEe466db9FB32", POOLS},
    {"arbitrum", "0xd88F38F930b7952f2DB2432Cb002E7abbF3dD869", POSITIONS},
    {"polygon", "0x67366782805870060151383F4BbFF9daB53e5cD6", POOLS},
    {"polygon", "0x1Ec2eBf4F37E7363FDfe3551602425af0B3ceef9", POSITIONS},
    {"avalanche", "0x06380C0e0912312B5150364B9DC4542BA0DbBc85", POOLS},
    {"avalanche", "0xB74b1F14d2754AcfcbBe1a221023a5cf50Ab8ACD", POSITIONS},
    {"bsc", "0x28e2Ea090877bF75740558f6BFB36A5ffeE9e9dF", POOLS},
    {"bsc", "0x7A4a5c919aE2541AeD11041A1AEeE68f1287f95b", POSITIONS},
};
enum {
	COUNT3 = sizeof managers3 / sizeof *managers3,
	COUNT4 = sizeof managers4 / sizeof *managers4
};

// IncreaseLiquidity(uint256,uint128,uint256,uint256)
static const uint8_t increase_topic[32] = {
    0x30, 0x67, 0x04, 0x8b, 0xee, 0xe3, 0x1b, 0x25, 0xb2, 0xf1, 0x68, 0x1f, 0x88, 0xda, 0xc8, 0x38,
    0xc8, 0xbb, 0xa3, 0x6a, 0xf2, 0x5b, 0xfb, 0x2b, 0x7c, 0xf7, 0x47, 0x3a, 0x58, 0x47, 0xe3, 0x5f};
// Collect(uint256,address,uint256,uint256)
static const uint8_t collect_topic[32] = {
    0x40, 0xd0, 0xef, 0xd1, 0xa5, 0x3d, 0x60, 0xec, 0xbf, 0x40, 0x97, 0x1b, 0x9d, 0xaf, 0x7d, 0xc9,
    0x01, 0x78, 0xc3, 0xaa, 0xdc, 0x7a, 0xab, 0x17, 0x65, 0x63, 0x27, 0x38, 0xfa, 0x8b, 0x8f, 0x01};
// ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)
static const uint8_t modify_topic[32] = {
    0xf2, 0x08, 0xf4, 0x91, 0x27, 0x82, 0xfd, 0x25, 0xc7, 0xf1, 0x14, 0xca, 0x37, 0x23, 0xa2, 0xd5,
    0xdd, 0x6f, 0x3b, 0xcc, 0x3a, 0xc8, 0xdb, 0x5a, 0xf6, 0x3b, 0xaa, 0x85, 0xf7, 0x11, 0xd5, 0xec};

//- common ----------------------------------------------------------------------------------------

static dp_leg begin(const dp_block *b, uint32_t n, const dp_protocol *protocol, dp_leg_side side,
                    const uint8_t manager[20], const uint8_t token_id[32])
{
	uint8_t bytes[80] = {0};
	dp_leg leg = dp_log_leg(protocol, n, side);
	dp_u256 number = dp_u256_from_be(token_id, 32);
	char digits[DP_U256_DEC_MAX];
	dp_u256_to_be(bytes, dp_u256_of(dp_log_evm_number(b->chain)));
	memcpy(bytes + 8, bytes + 24, 8);
	memcpy(bytes + 16, token_id, 32);
	memcpy(bytes + 48, manager, 20);
	dp_link_key(leg.key, protocol->name, bytes + 8, 60);
	leg.has_key = true;
	leg.store = DP_STORE_POSITION;
	leg.other = b->chain;
	memcpy(leg.ref, token_id, 32);
	leg.ref_size = 32;
	(void)dp_u256_format(digits, number, 0);
	(void)snprintf(leg.text, sizeof leg.text, "position %.40s", digits);
	return leg;
}

// The rows of this note's transaction, cut at a number that no transaction of this kind has.
static uint32_t rows_of(const dp_block *b, uint32_t n, uint32_t *ret_first)
{
	const dp_tx *tx = &b->tx[b->note[n].tx];
	*ret_first = tx->mv_first;
	return tx->mv_count < ROWS_MAX ? tx->mv_count : ROWS_MAX;
}

static const uint8_t *token_of(const dp_movement *mv)
{
	if (mv->asset.v == 0) return mv->noise.contract;
	return dp_asset_info_of(mv->asset)->contract;
}

//- version 3 -------------------------------------------------------------------------------------

// What one end of a token row is compared with, and which end is the pool's.
typedef struct wanted {
	bool is_out;       // into the pool
	dp_addr recipient; // !is_out: who was paid
	dp_u256 amount;
} wanted;

static bool fits(const dp_movement *mv, const wanted *w)
{
	if (mv->kind != DP_MV_TOKEN || (mv->flags & DP_MVF_FAILED) != 0) return false;
	if (dp_u256_is_zero(mv->amount)) return false;
	if (w->is_out) return dp_u256_eq(mv->amount, w->amount);
	dp_u256 less;
	if (!dp_addr_eq(&mv->to, &w->recipient)) return false;
	if (dp_u256_sub_over(&less, w->amount, mv->amount)) return false;
	return dp_u256_fits64(less) && less.w[0] <= ROUNDING;
}

// The last row that fits: what passes through routers comes to the pool last. `with`: it must be
// of the same pool and of another, greater token.
static const dp_movement *find_row(const dp_block *b, uint32_t n, const wanted *w,
                                   const dp_movement *with)
{
	uint32_t first, count = rows_of(b, n, &first);
	const dp_movement *found = NULL;
	for (uint32_t i = first; i < first + count; i++) {
		const dp_movement *mv = &b->mv[i];
		if (!fits(mv, w)) continue;
		if (with != NULL) {
			const dp_addr *pool = w->is_out ? &with->to : &with->from;
			if (!dp_addr_eq(w->is_out ? &mv->to : &mv->from, pool)) continue;
			if (memcmp(token_of(with), token_of(mv), 20) >= 0) continue;
		}
		// Of two that fit the one that is nearer to what was said.
		if (found == NULL || !dp_u256_lt(mv->amount, found->amount)) found = mv;
	}
	return found;
}

// Rows of both amounts with one pool; where one amount is nothing, of the other alone.
static bool find_rows(const dp_movement *ret_row[2], const dp_block *b, uint32_t n,
                      const wanted w[2])
{
	ret_row[0] = ret_row[1] = NULL;
	bool has[2] = {!dp_u256_is_zero(w[0].amount), !dp_u256_is_zero(w[1].amount)};
	if (has[0] != has[1]) {
		int which = has[1];
		ret_row[which] = find_row(b, n, &w[which], NULL);
		return ret_row[which] != NULL;
	}
	uint32_t first, count = rows_of(b, n, &first);
	for (uint32_t i = first; i < first + count; i++) {
		if (!fits(&b->mv[i], &w[0])) continue;
		const dp_movement *other = find_row(b, n, &w[1], &b->mv[i]);
		if (other == NULL) continue;
		ret_row[0] = &b->mv[i];
		ret_row[1] = other;
	}
	return ret_row[0] != NULL;
}

// Did whoever was paid in this row pay all of that token on again? Routers do.
static bool passes_on(const dp_block *b, uint32_t n, const dp_movement *row)
{
	uint32_t first, count = rows_of(b, n, &first);
	dp_u256 in = DP_U256_ZERO, out = DP_U256_ZERO;
	for (uint32_t i = first; i < first + count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool to = dp_addr_eq(&mv->to, &row->to), from = dp_addr_eq(&mv->from, &row->to);
		if (mv->kind != DP_MV_TOKEN || (mv->flags & DP_MVF_FAILED) != 0) continue;
		if (to == from || memcmp(token_of(mv), token_of(row), 20) != 0) continue;
		dp_u256 *sum = to ? &in : &out;
		if (dp_u256_add_over(sum, *sum, mv->amount)) return false;
	}
	return dp_u256_eq(in, out);
}

// Was somebody else paid the same, and kept it? Then the event does not say whose the position is:
// a thief who pays his own contract the amounts of a real position would hide them in it.
static bool is_doubtful(const dp_block *b, uint32_t n, const wanted w[2],
                        const dp_movement *const row[2])
{
	uint32_t first, count = rows_of(b, n, &first);
	int which = row[0] != NULL ? 0 : 1;
	for (uint32_t i = first; i < first + count; i++) {
		const dp_movement *mv = &b->mv[i], *other = NULL;
		if (!fits(mv, &w[which]) || dp_addr_eq(&mv->to, &row[which]->to)) continue;
		if (which == 0 && row[1] != NULL) {
			other = find_row(b, n, &w[1], mv);
			if (other == NULL) continue;
		}
		if (!passes_on(b, n, mv) || (other != NULL && !passes_on(b, n, other))) return true;
	}
	return false;
}

static uint32_t decode3(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	const dp_protocol *self = &dp_protocol_uniswap3;
	bool is_out = dp_log_is(b, n, increase_topic);
	if (!is_out && !dp_log_is(b, n, collect_topic)) return 0;
	const dp_note *note = &b->note[n];
	dp_leg_side side = is_out ? DP_LEG_OUT : DP_LEG_IN;
	if (dp_log_at(managers3, COUNT3, b->chain, note->place) == NULL)
		return dp_log_refuse(ret_leg, self, n, side, "not Uniswap's position manager");
	dp_abi a = dp_log_data(b, n, 2, 3);
	wanted w[2] = {{.is_out = is_out}, {.is_out = is_out}};
	const uint8_t *recipient = NULL;
	if (is_out)
		dp_abi_skip(&a, 1); // liquidity
	else
		recipient = dp_abi_address(&a);
	w[0].amount = dp_abi_u256(&a);
	w[1].amount = dp_abi_u256(&a);
	if (!dp_abi_ok(&a))
		return dp_log_refuse(ret_leg, self, n, side, "its data are not the event's");
	if (recipient != NULL) w[0].recipient = w[1].recipient = dp_link_addr(recipient);
	if (dp_u256_is_zero(w[0].amount) && dp_u256_is_zero(w[1].amount)) return 0;
	const dp_movement *row[2];
	if (!find_rows(row, b, n, w))
		return dp_log_refuse(ret_leg, self, n, side,
		                     "no token rows of the amounts that the event states");
	if (is_out && is_doubtful(b, n, w, row))
		return dp_log_refuse(ret_leg, self, n, side,
		                     "several were paid the amounts that the event states");
	uint32_t count = 0;
	for (int i = 0; i < 2; i++) {
		if (row[i] == NULL || row[i]->asset.v == 0) continue; // an unlisted token
		dp_leg leg = begin(b, n, self, side, note->place, note->topic[1]);
		leg.asset = row[i]->asset;
		leg.amount = row[i]->amount;
		leg.place[0] = is_out ? row[i]->to : row[i]->from;
		leg.place_count = 1;
		if (!is_out) leg.to = row[i]->to;
		ret_leg[count++] = leg;
	}
	return dp_log_legs(ret_leg, count);
}

//- version 4 -------------------------------------------------------------------------------------

typedef struct pool_flow {
	dp_asset asset;
	dp_u256 in, out;
	dp_addr to; // the last whom the pools paid
	bool is_absurd;
} pool_flow;

// What the contract of all pools gained and lost in this transaction.
static uint32_t pool_flows(pool_flow ret_flow[ASSETS_MAX], const dp_block *b, uint32_t n,
                           const dp_addr *pools)
{
	uint32_t first, rows = rows_of(b, n, &first), count = 0;
	for (uint32_t i = first; i < first + rows; i++) {
		const dp_movement *mv = &b->mv[i];
		bool in = dp_addr_eq(&mv->to, pools), out = dp_addr_eq(&mv->from, pools);
		if (in == out || mv->asset.v == 0 || mv->kind == DP_MV_FEE) continue;
		if ((mv->flags & (DP_MVF_FAILED | DP_MVF_UNSIGNED_ZERO)) != 0) continue;
		uint32_t k = 0;
		while (k < count && ret_flow[k].asset.v != mv->asset.v) k++;
		if (k == ASSETS_MAX) continue;
		if (k == count) ret_flow[count++] = (pool_flow){.asset = mv->asset};
		dp_u256 *sum = in ? &ret_flow[k].in : &ret_flow[k].out;
		ret_flow[k].is_absurd |= dp_u256_add_over(sum, *sum, mv->amount);
		if (out) ret_flow[k].to = mv->to;
	}
	return count;
}

// Did another position change in this transaction?
static bool is_alone(const dp_block *b, uint32_t n)
{
	uint32_t first, count;
	dp_block_notes(b, &first, &count, b->note[n].tx);
	for (uint32_t i = first; i < first + count; i++) {
		if (!dp_log_is(b, i, modify_topic) || b->note[i].full_size < 128 ||
		    b->note[i].data_size < 128 ||
		    memcmp(b->note[i].place, b->note[n].place, 20) != 0)
			continue;
		if (memcmp(dp_note_data(b, &b->note[i]) + 96, dp_note_data(b, &b->note[n]) + 96,
		           32) != 0)
			return false;
	}
	return true;
}

// Only the first change of a position in a transaction speaks: what moved is the sum of all.
static bool is_first(const dp_block *b, uint32_t n)
{
	uint32_t first, count;
	dp_block_notes(b, &first, &count, b->note[n].tx);
	for (uint32_t i = first; i < n; i++)
		if (dp_log_is(b, i, modify_topic) &&
		    memcmp(b->note[i].place, b->note[n].place, 20) == 0)
			return false;
	return true;
}

static uint32_t decode4(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	const dp_protocol *self = &dp_protocol_uniswap4;
	if (!dp_log_is(b, n, modify_topic)) return 0;
	const dp_note *note = &b->note[n];
	const dp_log_place *at = dp_log_at(managers4, COUNT4, b->chain, note->place);
	if (at == NULL || at->role != POOLS)
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, "not Uniswap's pool manager");
	dp_abi a = dp_log_data(b, n, 3, 4);
	dp_abi_skip(&a, 2); // ticks
	const uint8_t *delta = dp_abi_word(&a), *token_id = dp_abi_word(&a);
	uint8_t sender[20], positions[20];
	if (!dp_abi_ok(&a) || !dp_abi_word_address(sender, note->topic[2]))
		return dp_log_refuse(ret_leg, self, n, DP_LEG_OUT, "its data are not the event's");
	const dp_log_place *own = dp_log_with(managers4, COUNT4, b->chain, POSITIONS);
	DP_CHECK(own != NULL);
	dp_log_place_bytes(positions, own);
	// Others keep liquidity of their own under salts of their own: no NFT, nothing to follow.
	if (memcmp(sender, positions, 20) != 0 || !is_first(b, n)) return 0;
	bool is_out = (delta[0] & 0x80) == 0 && !dp_u256_is_zero(dp_u256_from_be(delta, 32));
	if (!is_alone(b, n))
		return dp_log_refuse(ret_leg, self, n, is_out ? DP_LEG_OUT : DP_LEG_IN,
		                     "several positions changed at once: the ledger does not say "
		                     "which took what");
	dp_addr pools = dp_link_addr(note->place);
	pool_flow flow[ASSETS_MAX];
	uint32_t flows = pool_flows(flow, b, n, &pools), count = 0, outs = 0;
	for (uint32_t i = 0; i < flows; i++) {
		bool gained = dp_u256_lt(flow[i].out, flow[i].in);
		if (flow[i].is_absurd || dp_u256_eq(flow[i].in, flow[i].out)) continue;
		dp_leg leg =
		    begin(b, n, self, gained ? DP_LEG_OUT : DP_LEG_IN, positions, token_id);
		leg.asset = flow[i].asset;
		leg.amount = gained ? dp_u256_sub(flow[i].in, flow[i].out)
		                    : dp_u256_sub(flow[i].out, flow[i].in);
		leg.place[0] = pools;
		leg.place_count = 1;
		if (!gained) leg.to = flow[i].to;
		outs += gained;
		ret_leg[count++] = leg;
	}
	if (outs > 0 && outs < count)
		return dp_log_refuse(ret_leg, self, n, is_out ? DP_LEG_OUT : DP_LEG_IN,
		                     "the pools gained one asset and lost another: what was "
		                     "swapped cannot be told from the position");
	return dp_log_legs(ret_leg, count);
}

//- the rows of the table -------------------------------------------------------------------------

const dp_protocol dp_protocol_uniswap3 = {
    .name = "uniswap3",
    .title = "Uniswap 3 position",
    .proves = "chain, position manager and tokenId: what went into a position comes out of it",
    .data = "IncreaseLiquidity and Collect logs of the NonfungiblePositionManager on Ethereum, "
            "Polygon, Arbitrum, Optimism, Base, BNB Smart Chain and Avalanche",
    .source = "Uniswap/v3-periphery NonfungiblePositionManager.sol; addresses: Uniswap/docs",
    .is_deterministic = true,
    .decode = decode3,
};

const dp_protocol dp_protocol_uniswap4 = {
    .name = "uniswap4",
    .title = "Uniswap 4 position",
    .proves = "chain, position manager and tokenId (salt), where one position alone changed",
    .data = "ModifyLiquidity logs of the PoolManager on Ethereum, Optimism, Base, Arbitrum, "
            "Polygon, Avalanche and BNB Smart Chain",
    .source = "Uniswap/v4-core IPoolManager.sol; addresses: Uniswap/docs v4/deployments @4606a6e",
    .is_deterministic = true,
    .decode = decode4,
};

// THORChain and Maya: swaps between chains through vaults that their validators hold. The depositor
// writes what he wants into a memo (link/memo.h); whoever pays him writes which transaction is
// answered. That transaction's id is the key of both sides, on every chain.
//
//   account chains   Deposit(vault, asset, amount, memo)                    OUT, and VAULT
//   (events of the   TransferOut(vault, to, asset, amount, "OUT:<txid>")    IN, and VAULT
//   router)          TransferOutAndCall(..., to, ..., "OUT:<txid>")         IN: see below
//                    TransferAllowance, VaultTransfer(old, new, ...)        VAULT: the new one
//   a transfer of coins to a vault, the memo in its call data               OUT, unproven
//   UTXO chains      OP_RETURN with a swap; output 0 pays the vault         OUT, unproven
//                    OP_RETURN with OUT: or REFUND:                         IN, unproven, to: not
//                                                                           stated, all of it
//
// What goes in is an OUT leg whatever its memo says, for it lies in the vault: when the memo is
// wrong or asks for what is not to be told from here (a name of THORChain's own book, a chain that
// we do not read), `to` is not stated and `text` says why. What the protocol refuses comes back as
// REFUND: under the same key. Deposits that buy nothing elsewhere (liquidity, bonds, loans, trade
// accounts, RUNE) stay inside. A few coins that ask for other money (WITHDRAW) stay inside as well:
// what is paid for them went in under another memo, and to lay their taint on it would be wrong.
//
// TransferOutAndCall pays an aggregator that trades once more and hands the result to `to`. The leg
// says what the vault paid (asset, amount) and who gets the result (to); `other_asset` is what it
// was to be bought as, `least` how much of it. When the call fails, `to` gets the coins themselves,
// so what arrived is to be read from the transaction's movements.
//
// One key for both protocols: in a Bitcoin transaction nothing tells whose vault is paid. Maya is a
// fork with the same memos and its own vaults; a transaction pays one of them, so one key space
// cannot make two transactions meet. Legs without a router are THORChain's unless the memo can only
// be Maya's.
//
// What a router's events prove. The router is the protocol's, but takes any address for a vault:
// somebody can "deposit" to himself, and be his own vault when paying. Vaults change every few days
// and are not listed anywhere on these chains. So an own address of the depositor as vault is
// refused, and an IN leg never says more than that its payer names this key: the engine compares
// receivers and amounts with what went in. Direct transfers and everything on UTXO chains can be
// written by anybody, and count when the other side confirms them.
//
// Sources. Events: THORChain_RouterV4.sol (4.1) and THORChain_RouterV6.sol (6.1) in thorchain's
// thornode, chain/evm/contracts. Routers: x/thorchain/router_upgrade_info.go (ethOldRouter and so
// on) and chain/evm/deployment of the same; 0x42A5... and 0xC145... are versions 1 and 2 by their
// verified sources; 0x42A5... is what real transactions of 2021 went to (ShapeShift's captures).
// Maya's two: the inbound addresses of its API, as in several public wallets (Gem Wallet among
// them). THORChain runs a second, separate network on the same real chains (stagenet), and Harbor
// took the same events: both are known, and refused. Rules of the Bitcoin side: "Sending
// Transactions" in THORChain's developer documents.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "link/leg.h"
#include "link/log.h"
#include "link/memo.h"

enum {
	ROLE_THORCHAIN = 1,
	ROLE_MAYA,
	ROLE_STAGENET,
	ROLE_HARBOR,
	OUTPUTS_MAX = 10,       // more, and the observers do not look at the transaction
	DUST_MIN = 10000,       // base units; less is not looked at
	DUST_MIN_DOGE = 1000000 // the same where a coin is worth less
};

static const dp_log_place routers[] = {
    {"ethereum", "0x42A5Ed456650a09Dc10EBc6361A7480fDd61f27B", ROLE_THORCHAIN},  // version 1
    {"ethereum", "0xC145990E84155416144C532E31f89B840Ca8c2cE", ROLE_THORCHAIN},  // 2
    {"ethereum", "0x3624525075b88B24ecc29CE226b0CEc1fFcB6976", ROLE_THORCHAIN},  // 3
    {"ethereum", "0xD37BbE5744D730a1d98d8DC97c42F0Ca46aD7146", ROLE_THORCHAIN},  // 4.1
    {"ethereum", "0x00dc6100103BC402d490aEE3F9a5560cBd91f1d4", ROLE_THORCHAIN},  // 6.1
    {"bsc", "0xb30eC53F98ff5947EDe720D32aC2da7e52A5f56b", ROLE_THORCHAIN},       // 4.1
    {"bsc", "0x00dc6100103BC402d490aEE3F9a5560cBd91f1d4", ROLE_THORCHAIN},       // 6.1
    {"avalanche", "0x8F66c4AE756BEbC49Ec8B81966DD8bba9f127549", ROLE_THORCHAIN}, // 4
    {"avalanche", "0x00dc6100103BC402d490aEE3F9a5560cBd91f1d4", ROLE_THORCHAIN}, // 6.1
    {"base", "0x68208D99746b805a1Ae41421950A47b711E35681", ROLE_THORCHAIN},      // 4.1
    {"base", "0x00dc6100103BC402d490aEE3F9a5560cBd91f1d4", ROLE_THORCHAIN},      // 6.1
    {"ethereum", "0xe3985E6b61b814F7Cdb188766562ba71b446B46d", ROLE_MAYA},       // 4
    {"arbitrum", "0x700E97ef07219440487840Dc472E7120A7FF11F4", ROLE_MAYA},
    {"ethereum", "0xB11a1735C2e3BCC5FC8c1d147fb64629d3d0caC5", ROLE_STAGENET},
    {"ethereum", "0x0DC6108C9225Ce93Da589B4CE83c104b34693117", ROLE_STAGENET},
    {"bsc", "0x00335DA4078F696b98FF619616F1c558e57B9E22", ROLE_STAGENET},
    {"bsc", "0x0DC6108C9225Ce93Da589B4CE83c104b34693117", ROLE_STAGENET},
    {"avalanche", "0xd6a6C0b3BB4150a98A379811934E440989209Db6", ROLE_STAGENET},
    {"avalanche", "0x0DC6108C9225Ce93Da589B4CE83c104b34693117", ROLE_STAGENET},
    {"base", "0xE36dCbF3c0284F756935811D9b9e80829D39BDc5", ROLE_STAGENET},
    {"base", "0x0DC6108C9225Ce93Da589B4CE83c104b34693117", ROLE_STAGENET},
    {"ethereum", "0x1F21d09C65BC8Af92634DCD5a100B6d04f0c81c3", ROLE_HARBOR},
};

//- what is looked at -----------------------------------------------------------------------------

// First topics. Keccak-256 of the event's text, which stands in chain/note.c beside the same words.
static const uint8_t topic_deposit[32] = {
    0xef, 0x51, 0x9b, 0x7e, 0xb8, 0x2a, 0xaf, 0x6a, 0xc3, 0x76, 0xa6, 0xdf, 0x2d, 0x79, 0x38, 0x43,
    0xeb, 0xfd, 0x59, 0x3d, 0xe5, 0xf1, 0xa0, 0x60, 0x1d, 0x3c, 0xc6, 0xab, 0x49, 0xeb, 0xb3, 0x95};
static const uint8_t topic_out[32] = {
    0xa9, 0xcd, 0x03, 0xaa, 0x3c, 0x1b, 0x45, 0x15, 0x11, 0x45, 0x39, 0xcd, 0x53, 0xd2, 0x20, 0x85,
    0x12, 0x9d, 0x49, 0x5c, 0xb9, 0xe9, 0xf9, 0xaf, 0x77, 0x86, 0x45, 0x26, 0x24, 0x0f, 0x1b, 0xf7};
static const uint8_t topic_call[32] = {
    0x8e, 0x58, 0x41, 0xbc, 0xd1, 0x95, 0xb8, 0x58, 0xd5, 0x3b, 0x38, 0xbc, 0xf9, 0x1b, 0x38, 0xd4,
    0x7f, 0x3b, 0xc8, 0x00, 0x46, 0x9b, 0x68, 0x12, 0xd3, 0x54, 0x51, 0xab, 0x61, 0x9c, 0x6f, 0x6c};
static const uint8_t topic_call_payload[32] = {
    0xf0, 0x3f, 0x1d, 0xeb, 0x9e, 0x64, 0xa6, 0xdc, 0x7d, 0x54, 0x57, 0x14, 0x86, 0xf4, 0xef, 0x1f,
    0x94, 0xa3, 0xb4, 0xd8, 0x5b, 0xc2, 0x1a, 0xb1, 0x99, 0x03, 0xf3, 0x47, 0x5b, 0x0a, 0xb1, 0x14};
static const uint8_t topic_call2[32] = {
    0xde, 0x47, 0x0d, 0x7c, 0x2e, 0x9c, 0x32, 0x82, 0xca, 0xd4, 0x76, 0xe5, 0xed, 0x6f, 0x05, 0xf7,
    0x4d, 0x68, 0x83, 0x9c, 0x40, 0x65, 0x73, 0x04, 0x8f, 0x2d, 0xee, 0x22, 0xa8, 0xc4, 0x52, 0xc7};
static const uint8_t topic_allowance[32] = {
    0x05, 0xb9, 0x04, 0x58, 0xf9, 0x53, 0xd3, 0xfc, 0xb2, 0xd7, 0xfb, 0x25, 0x61, 0x6a, 0x2f, 0xdd,
    0xec, 0xa7, 0x49, 0xd0, 0xc4, 0x7c, 0xc5, 0xc9, 0x83, 0x2d, 0x02, 0x66, 0xb5, 0x34, 0x6e, 0xea};
static const uint8_t topic_vault[32] = {
    0x28, 0x1d, 0xae, 0xf4, 0x8d, 0x91, 0xe5, 0xcd, 0x3d, 0x32, 0xdb, 0x07, 0x84, 0xf6, 0xaf, 0x69,
    0xcd, 0x8d, 0x8d, 0x2e, 0x8c, 0x61, 0x2a, 0x35, 0x68, 0xdc, 0xa5, 0x1d, 0xed, 0x51, 0xe0, 0x8f};

typedef struct asked {
	const dp_protocol *protocol;
	uint32_t role; // of its routers
	int of;        // its grammar
	const dp_block *b;
	uint32_t n;
} asked;

static const dp_note *note_of(const asked *a)
{
	DP_CHECK(a->n < a->b->note_count);
	return &a->b->note[a->n];
}

static const dp_tx *tx_of(const asked *a)
{
	uint32_t tx = note_of(a)->tx;
	DP_CHECK(tx < a->b->tx_count);
	return &a->b->tx[tx];
}

// Whose contract logged this. A local test chain is given Ethereum's: whoever tests puts a router
// where Ethereum has it.
static uint32_t role_of(const asked *a)
{
	const dp_chain *chain = a->b->chain;
	if (strcmp(chain->name, "anvil") == 0) chain = dp_chain_find("ethereum", 8);
	const dp_log_place *at =
	    dp_log_at(routers, sizeof routers / sizeof *routers, chain, note_of(a)->place);
	return at == NULL ? 0 : at->role;
}

// Who signed the transaction, by what it paid for it.
static dp_addr sender_of(const asked *a)
{
	const dp_tx *tx = tx_of(a);
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++)
		if (a->b->mv[i].kind == DP_MV_FEE) return a->b->mv[i].from;
	return (dp_addr){0};
}

static bool same(const dp_addr *a, const dp_addr *b)
{
	return a->kind != DP_ADDR_NONE && dp_addr_eq(a, b);
}

// The transaction's id as people print it, which is how memos name it.
static void key_of_tx(dp_leg *io_leg, const asked *a)
{
	const uint8_t *id = tx_of(a)->id;
	bool is_reversed = a->b->chain->kind == DP_CHAIN_UTXO;
	for (int i = 0; i < 32; i++) io_leg->ref[i] = is_reversed ? id[31 - i] : id[i];
	io_leg->ref_size = 32;
	io_leg->has_key = true;
	dp_link_key(io_leg->key, "thorchain", io_leg->ref, 32);
}

static void key_of_memo(dp_leg *io_leg, const dp_memo *m)
{
	memcpy(io_leg->ref, m->txid, 32);
	io_leg->ref_size = 32;
	io_leg->has_key = true;
	dp_link_key(io_leg->key, "thorchain", m->txid, 32);
}

static void say(dp_leg *io_leg, const char *text)
{
	(void)snprintf(io_leg->text, sizeof io_leg->text, "%s", text);
}

//- ways in ---------------------------------------------------------------------------------------

// What the memo says of a way in.
static void apply_memo(dp_leg *io_leg, const asked *a, const dp_memo *m)
{
	if (m->kind != DP_MEMO_SWAP) {
		// Nothing is bought. Without any memo it is given back.
		io_leg->stays_inside = m->kind != DP_MEMO_NONE;
		if (m->kind == DP_MEMO_NONE)
			say(io_leg, m->wrong);
		else
			(void)snprintf(io_leg->text, sizeof io_leg->text, "%s: stays inside",
			               m->function);
		return;
	}
	const char *why = m->wrong != NULL ? m->wrong : m->unsure;
	if (why != NULL) say(io_leg, why);
	io_leg->back = m->back;
	if (m->wrong != NULL) return; // it comes back
	io_leg->stays_inside = m->stays_inside;
	if (m->stays_inside) return;
	io_leg->to = m->to;
	io_leg->other = m->on;
	if (m->to_sender && m->on != NULL && m->on->kind == DP_CHAIN_ACCOUNT)
		io_leg->to = sender_of(a);
	// An aggregator on the other side turns it into something else.
	if (m->aggregator.size > 0) return;
	io_leg->other_asset = m->asset;
	io_leg->has_least = m->has_limit;
	io_leg->least = m->limit;
	io_leg->least_decimals = 8; // of every asset; Maya's CACAO, with 10, stays inside
}

static uint32_t vault_leg(dp_leg *ret_leg, const asked *a, dp_addr vault)
{
	if (vault.kind == DP_ADDR_NONE) return 0;
	*ret_leg = dp_log_leg(a->protocol, a->n, DP_LEG_VAULT);
	ret_leg->place[0] = vault;
	ret_leg->place_count = 1;
	return 1;
}

static uint32_t deposit(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	static const char what[] = "its data are not those of a deposit";
	const dp_note *note = note_of(a);
	dp_memo m;
	size_t size = 0;
	dp_addr vault = note->topic_count == 3 ? dp_log_addr(note->topic[1]) : (dp_addr){0};
	uint8_t token[20];
	if (vault.kind == DP_ADDR_NONE || !dp_abi_word_address(token, note->topic[2]) ||
	    note->data_size < 3 * DP_ABI_WORD)
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_OUT, what);
	dp_u256 amount = dp_u256_from_be(dp_note_data(a->b, note), DP_ABI_WORD);
	if (note->data_size == note->full_size) {
		dp_abi data = dp_log_data(a->b, a->n, 3, 2);
		(void)dp_abi_u256(&data);
		const uint8_t *memo = dp_abi_bytes(&data, &size);
		if (!dp_abi_ok(&data))
			return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_OUT, what);
		dp_memo_read(&m, memo, size, a->of, a->b->chain);
	} else {
		// So long that it was cut: longer than any memo that is looked at.
		dp_memo_read(&m, dp_note_data(a->b, note), DP_MEMO_MAX + 1, a->of, a->b->chain);
	}
	dp_leg *leg = &ret_leg[0];
	*leg = dp_log_leg(a->protocol, a->n, DP_LEG_OUT);
	key_of_tx(leg, a);
	leg->asset = dp_link_asset(a->b->chain, token);
	leg->amount = amount;
	leg->place[0] = vault;
	leg->place[1] = dp_link_addr(note->place);
	leg->place_count = 2;
	apply_memo(leg, a, &m);
	dp_addr sender = sender_of(a);
	if (same(&sender, &vault) || same(&m.to, &vault) || same(&m.back, &vault))
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_OUT,
		                     "the vault is an address of the depositor's own");
	return 1 + vault_leg(&ret_leg[1], a, vault);
}

//- ways out --------------------------------------------------------------------------------------

// A payment of coins whose receiver did not take them goes back to the vault, and the event says
// the same as if he had. It is seen only where internal transfers are known.
static bool bounced(const asked *a, const dp_addr *vault, const dp_leg *leg)
{
	const dp_tx *tx = tx_of(a);
	bool is_back = false;
	if (leg->asset.v != dp_asset_native(a->b->chain).v) return false;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &a->b->mv[i];
		bool is_coins = (mv->kind == DP_MV_INTERNAL || mv->kind == DP_MV_NATIVE) &&
		                (mv->flags & DP_MVF_FAILED) == 0;
		if (!is_coins || dp_u256_is_zero(mv->amount)) continue;
		if (dp_addr_eq(&mv->to, &leg->to)) return false;
		is_back |= mv->kind == DP_MV_INTERNAL && dp_addr_eq(&mv->to, vault) &&
		           dp_addr_eq(&mv->from, &leg->place[1]);
	}
	return is_back;
}

// The vault pays `leg`, of which asset, amount and receiver are there already.
static uint32_t payment(dp_leg ret_leg[DP_LEGS_MAX], const asked *a, const uint8_t *memo,
                        size_t size)
{
	const dp_note *note = note_of(a);
	dp_memo m;
	dp_leg *leg = &ret_leg[0];
	DP_CHECK(leg->side == DP_LEG_IN);
	dp_addr vault = dp_log_addr(note->topic[1]);
	dp_memo_read(&m, memo, size, a->of, a->b->chain);
	if (m.kind == DP_MEMO_OWN) return vault_leg(ret_leg, a, leg->to);
	if (m.kind != DP_MEMO_OUT && m.kind != DP_MEMO_REFUND)
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_IN,
		                     "a payment that does not say what it answers");
	if (m.wrong != NULL) return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_IN, m.wrong);
	leg->is_refund = m.kind == DP_MEMO_REFUND;
	leg->place[0] = vault;
	leg->place[1] = dp_link_addr(note->place);
	leg->place_count = 2;
	key_of_memo(leg, &m);
	if (bounced(a, &vault, leg))
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_IN,
		                     "the receiver did not take it: it went back to the vault");
	return 1 + vault_leg(&ret_leg[1], a, vault);
}

static const char not_payment[] = "its data are not those of a payment";

static uint32_t transfer_out(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	const dp_note *note = note_of(a);
	dp_abi data = dp_log_data(a->b, a->n, 3, 3);
	const uint8_t *token = dp_abi_address(&data);
	dp_u256 amount = dp_abi_u256(&data);
	size_t size = 0;
	const uint8_t *memo = dp_abi_bytes(&data, &size);
	dp_addr to = dp_abi_ok(&data) ? dp_log_addr(note->topic[2]) : (dp_addr){0};
	if (to.kind == DP_ADDR_NONE || dp_log_addr(note->topic[1]).kind == DP_ADDR_NONE)
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_IN, not_payment);
	ret_leg[0] = dp_log_leg(a->protocol, a->n, DP_LEG_IN);
	ret_leg[0].asset = dp_link_asset(a->b->chain, token);
	ret_leg[0].amount = amount;
	ret_leg[0].to = to;
	return payment(ret_leg, a, memo, size);
}

// Three forms: coins into the call (4.1), the same with a payload behind it, any asset (6.1).
static uint32_t transfer_out_and_call(dp_leg ret_leg[DP_LEGS_MAX], const asked *a, bool has_payload,
                                      bool is_any_asset)
{
	static const uint8_t coins[20];
	dp_abi data =
	    dp_log_data(a->b, a->n, 2, 6u + (has_payload ? 2u : 0u) + (is_any_asset ? 1u : 0u));
	(void)dp_abi_address(&data); // the aggregator
	const uint8_t *token = is_any_asset ? dp_abi_address(&data) : coins;
	dp_u256 amount = dp_abi_u256(&data);
	const uint8_t *final = dp_abi_address(&data), *to = dp_abi_address(&data);
	dp_u256 least = dp_abi_u256(&data);
	size_t size = 0, skipped = 0;
	const uint8_t *memo = dp_abi_bytes(&data, &size);
	for (int i = 0; has_payload && i < 2; i++) (void)dp_abi_bytes(&data, &skipped);
	if (!dp_abi_ok(&data) || dp_log_addr(note_of(a)->topic[1]).kind == DP_ADDR_NONE)
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_IN, not_payment);
	dp_leg *leg = &ret_leg[0];
	*leg = dp_log_leg(a->protocol, a->n, DP_LEG_IN);
	leg->asset = dp_link_asset(a->b->chain, token);
	leg->amount = amount;
	leg->to = dp_link_addr(to);
	leg->other = a->b->chain;
	leg->other_asset = dp_link_asset(a->b->chain, final);
	if (leg->other_asset.v != 0 && !dp_u256_is_zero(least)) {
		leg->has_least = true;
		leg->least = least;
		leg->least_decimals = (uint8_t)dp_asset_info_of(leg->other_asset)->decimals;
	}
	say(leg, "paid into a call that trades once more");
	return payment(ret_leg, a, memo, size);
}

static uint32_t new_vault(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	if (note_of(a)->topic_count != 3) return 0;
	return vault_leg(ret_leg, a, dp_log_addr(note_of(a)->topic[2]));
}

//- events ----------------------------------------------------------------------------------------

// Events of contracts that are neither protocol's are told once, by the row of THORChain.
static uint32_t refuse_stranger(dp_leg ret_leg[DP_LEGS_MAX], const asked *a, uint32_t role)
{
	const char *why = "not a known router of THORChain or Maya";
	if (a->role != ROLE_THORCHAIN) return 0;
	if (role == ROLE_STAGENET) why = "a router of stagenet, THORChain's second network";
	if (role == ROLE_HARBOR) why = "a router of Harbor, which took over THORChain's events";
	bool is_out = memcmp(note_of(a)->topic[0], topic_deposit, 32) == 0;
	return dp_log_refuse(ret_leg, a->protocol, a->n, is_out ? DP_LEG_OUT : DP_LEG_IN, why);
}

static uint32_t from_log(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	static const uint8_t *const all[] = {topic_deposit,      topic_out,   topic_call,
	                                     topic_call_payload, topic_call2, topic_allowance,
	                                     topic_vault};
	enum { COUNT = sizeof all / sizeof *all };
	int which = 0;
	while (which < COUNT && !dp_log_is(a->b, a->n, all[which])) which++;
	if (which == COUNT) return 0;
	uint32_t role = role_of(a);
	if (role == 0 || role == ROLE_STAGENET || role == ROLE_HARBOR)
		return refuse_stranger(ret_leg, a, role);
	if (role != a->role) return 0; // the other row's
	switch (which) {
	case 0: return deposit(ret_leg, a);
	case 1: return transfer_out(ret_leg, a);
	case 2: return transfer_out_and_call(ret_leg, a, false, false);
	case 3: return transfer_out_and_call(ret_leg, a, true, false);
	case 4: return transfer_out_and_call(ret_leg, a, true, true);
	default: DP_CHECK(which < COUNT); return new_vault(ret_leg, a);
	}
}

//- memos without an event ------------------------------------------------------------------------

// Does this row speak of the memo? Both see it, one answers.
static bool is_mine(const asked *a, const dp_memo *m)
{
	return (m->of == DP_MEMO_OF_MAYA) == (a->role == ROLE_MAYA);
}

// Coins sent to an address with a memo as call data. Tokens are not credited that way: who sends
// them to a vault has lost them, and what the memo says is not done.
static uint32_t from_input(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	const dp_note *note = note_of(a);
	const dp_tx *tx = tx_of(a);
	dp_memo m;
	if (a->b->chain->kind != DP_CHAIN_ACCOUNT || (tx->flags & DP_TXF_FAILED) != 0 ||
	    note->data_size != note->full_size)
		return 0;
	dp_memo_read(&m, dp_note_data(a->b, note), note->data_size, DP_MEMO_OF_BOTH, a->b->chain);
	if (!is_mine(a, &m)) return 0;
	if (m.kind == DP_MEMO_OUT || m.kind == DP_MEMO_REFUND)
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_IN,
		                     "a payment that did not come from a router");
	// A word that anybody may write in front of a colon: without a swap it is not looked at.
	if (m.kind != DP_MEMO_SWAP && m.kind != DP_MEMO_INSIDE) return 0;
	dp_addr vault = dp_link_addr(note->place);
	const dp_movement *paid = NULL;
	bool has_tokens = false;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &a->b->mv[i];
		has_tokens |= mv->kind == DP_MV_TOKEN;
		if (mv->kind == DP_MV_NATIVE && dp_addr_eq(&mv->to, &vault) && paid == NULL)
			paid = mv;
	}
	if (paid == NULL || dp_u256_is_zero(paid->amount))
		return !has_tokens ? 0
		                   : dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_OUT,
		                                   "tokens sent to a vault without its router are "
		                                   "not credited");
	if (dp_addr_eq(&paid->from, &vault) || same(&m.to, &vault) || same(&m.back, &vault))
		return dp_log_refuse(ret_leg, a->protocol, a->n, DP_LEG_OUT,
		                     "the vault is an address of the depositor's own");
	*ret_leg = dp_log_leg(a->protocol, a->n, DP_LEG_OUT);
	ret_leg->is_proven = false;
	key_of_tx(ret_leg, a);
	ret_leg->asset = dp_asset_native(a->b->chain);
	ret_leg->amount = paid->amount;
	ret_leg->place[0] = vault;
	ret_leg->place_count = 1;
	apply_memo(ret_leg, a, &m);
	return 1;
}

// The memo that an output pushes, whole. NONE when it is none.
static void output_memo(dp_memo *ret_memo, uint8_t ret_bytes[DP_MEMO_UTXO_MAX], const dp_block *b,
                        const dp_note *note)
{
	size_t n = 0;
	if (note->data_size == note->full_size)
		n = dp_memo_join(ret_bytes, dp_note_data(b, note), note->data_size, b, note->tx,
		                 note->at);
	dp_memo_read(ret_memo, ret_bytes, n, DP_MEMO_OF_BOTH, b->chain);
}

// The first memo among a transaction's outputs counts.
static bool is_first_memo(const asked *a)
{
	const dp_note *note = note_of(a);
	uint8_t bytes[DP_MEMO_UTXO_MAX];
	for (uint32_t i = a->n; i > 0 && a->b->note[i - 1].tx == note->tx; i--) {
		dp_memo m;
		if (a->b->note[i - 1].kind != DP_NOTE_OUTPUT) continue;
		output_memo(&m, bytes, a->b, &a->b->note[i - 1]);
		if (m.kind != DP_MEMO_NONE) return false;
	}
	return true;
}

// A way in on a UTXO chain: why not, or NULL.
static const char *utxo_fault(const asked *a, const dp_movement *first, uint32_t outputs,
                              const dp_addr *sender)
{
	bool is_doge = strcmp(a->b->chain->name, "dogecoin") == 0;
	dp_u256 dust = dp_u256_of(is_doge ? DUST_MIN_DOGE : DUST_MIN);
	if (first == NULL || note_of(a)->at == 0 || first->to.kind == DP_ADDR_NULLDATA ||
	    first->to.kind == DP_ADDR_NONE)
		return "its first output pays no vault";
	if (outputs > OUTPUTS_MAX) return "it has more than the ten outputs that are looked at";
	if (dp_u256_lt(first->amount, dust)) return "it pays less than is looked at";
	if (same(sender, &first->to)) return "its first output pays its sender";
	return NULL;
}

static uint32_t from_output(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	const dp_note *note = note_of(a);
	const dp_tx *tx = tx_of(a);
	uint8_t bytes[DP_MEMO_UTXO_MAX];
	dp_memo m;
	if (a->b->chain->kind != DP_CHAIN_UTXO) return 0;
	output_memo(&m, bytes, a->b, note);
	if (m.kind == DP_MEMO_NONE || m.kind == DP_MEMO_OWN || !is_mine(a, &m) || !is_first_memo(a))
		return 0;
	dp_addr sender = {0};
	const dp_movement *first = NULL;
	uint32_t outputs = 0;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		const dp_movement *mv = &a->b->mv[i];
		if (mv->kind == DP_MV_INPUT && i == tx->mv_first) sender = mv->from;
		if (mv->kind == DP_MV_OUTPUT && outputs++ == 0) first = mv;
	}
	bool is_in = m.kind == DP_MEMO_OUT || m.kind == DP_MEMO_REFUND;
	const char *why = is_in ? m.wrong : utxo_fault(a, first, outputs, &sender);
	if (why != NULL)
		return dp_log_refuse(ret_leg, a->protocol, a->n, is_in ? DP_LEG_IN : DP_LEG_OUT,
		                     why);
	*ret_leg = dp_log_leg(a->protocol, a->n, is_in ? DP_LEG_IN : DP_LEG_OUT);
	ret_leg->is_proven = false;
	ret_leg->asset = dp_asset_native(a->b->chain);
	if (is_in) {
		ret_leg->is_refund = m.kind == DP_MEMO_REFUND;
		ret_leg->all_of_it = true;
		ret_leg->place[0] = sender;
		ret_leg->place_count = sender.kind == DP_ADDR_NONE ? 0 : 1;
		key_of_memo(ret_leg, &m);
		return 1;
	}
	key_of_tx(ret_leg, a);
	DP_CHECK(first != NULL);
	ret_leg->amount = first->amount;
	ret_leg->place[0] = first->to;
	ret_leg->place_count = 1;
	apply_memo(ret_leg, a, &m);
	if (ret_leg->back.kind == DP_ADDR_NONE) ret_leg->back = sender;
	return 1;
}

//- rows ------------------------------------------------------------------------------------------

static uint32_t decode(dp_leg ret_leg[DP_LEGS_MAX], const asked *a)
{
	uint32_t count = 0;
	switch (note_of(a)->kind) {
	case DP_NOTE_LOG: count = from_log(ret_leg, a); break;
	case DP_NOTE_INPUT: count = from_input(ret_leg, a); break;
	case DP_NOTE_OUTPUT: count = from_output(ret_leg, a); break;
	default: break;
	}
	return dp_log_legs(ret_leg, count);
}

static uint32_t decode_thorchain(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	const asked a = {&dp_protocol_thorchain, ROLE_THORCHAIN, DP_MEMO_OF_THORCHAIN, b, n};
	return decode(ret_leg, &a);
}

static uint32_t decode_maya(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n)
{
	const asked a = {&dp_protocol_maya, ROLE_MAYA, DP_MEMO_OF_MAYA, b, n};
	return decode(ret_leg, &a);
}

const dp_protocol dp_protocol_thorchain = {
    .name = "thorchain",
    .title = "THORChain",
    .proves = "the payment names the transaction that is paid for (OUT:, REFUND:)",
    .data = "router events, memos in call data, OP_RETURN of Bitcoin, Litecoin, Dogecoin, Bitcoin "
            "Cash",
    .source = "thornode chain/evm/contracts, x/thorchain/memo, router_upgrade_info.go; "
              "dev.thorchain.org",
    .is_deterministic = true,
    .decode = decode_thorchain,
};

const dp_protocol dp_protocol_maya = {
    .name = "maya",
    .title = "Maya Protocol",
    .proves = "the payment names the transaction that is paid for (OUT:, REFUND:)",
    .data = "router events; memos in call data and OP_RETURN that only Maya can mean",
    .source = "mayanode x/mayachain/memo, common/asset.go; docs.mayaprotocol.com",
    .is_deterministic = true,
    .decode = decode_maya,
};

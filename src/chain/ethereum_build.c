// Movements of a block of an EVM chain, from what was said of it. See ethereum.h.
//
// Which calls count. Frames stand in execution order with their depth, so one number is enough to
// know what was undone: once a call at depth d has failed, everything deeper that follows belongs
// to it, until a frame at depth d or less.
//
//   depth 0  call                 moves
//   depth 1    call, failed       does not
//   depth 2      call             does not: undone with its caller
//   depth 1    call               moves
//
// Who gets the fee. Three parts, each with its own payee:
//
//                  base fee          tip               blob fee      L1 fee
//   ethereum       burnt             miner             burnt         -
//   sepolia        burnt             miner             burnt         -
//   optimism,base  BaseFeeVault      the miner, which  -             L1FeeVault
//                                    is a vault too
//   bsc            (none)            miner             miner         -
//   avalanche      miner, which is the address where fees are left for ever; tip as well
//   others         not known: to nobody, and DP_GAP_FEE_PAYEE says so
//
//   bsc collects fees at 0xff..fe while it executes and hands that account's whole balance to the
//   miner before the block ends (parlia, distributeIncoming; the system transactions that spend it
//   stand in the same block). At the end of blocks, which is what eth_getBalance shows, the miner
//   has it. On polygon the tip goes to the block's signer, who is not the "miner" of its header,
//   and the base fee to a contract that governance changes; on arbitrum both go to accounts that
//   its owner sets.
//
// Contracts that are destroyed. What a contract receives after its SELFDESTRUCT in the same
// transaction is lost when the transaction ends and the contract with it. Since its balance was
// nothing at that moment, the loss is exactly what later calls put in and did not take out: one
// row to nobody behind the transaction's calls.
//
// Two things move ether and are in no answer of a node, so they are not here: the DAO fork (block
// 1,920,000 of ethereum moved the balances of 116 contracts to one, by decree), and a fee that is
// paid to a miner that is destroyed in the same transaction. On chains that are bridged by the
// node itself, coins also appear from elsewhere: DP_GAP_REWARDS.
#include "chain/ethereum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

typedef enum fee_rule {
	FEES_UNKNOWN = 0,
	FEES_BURNT_AND_TIP, // as EIP-1559 has it
	FEES_VAULTS,        // OP stack
	FEES_MINER_BLOB,    // bsc: all to the miner, the blob fee too
	FEES_MINER          // avalanche: all to the miner, which nobody is
} fee_rule;

typedef struct rules {
	const char *chain;
	fee_rule fees;
	bool is_strict;    // calls state the transaction again, and must agree
	bool has_free;     // some transactions pay nothing (of the system, deposits)
	bool makes_unseen; // coins come in by bridges or state sync that no answer shows
} rules;

static const rules chain_rules[] = {
    {"ethereum", FEES_BURNT_AND_TIP, true, false, false},
    {"sepolia", FEES_BURNT_AND_TIP, true, false, false},
    {"optimism", FEES_VAULTS, true, true, false},
    {"base", FEES_VAULTS, true, true, false},
    {"bsc", FEES_MINER_BLOB, true, true, false},
    {"avalanche", FEES_MINER, true, false, true},
    {"polygon", FEES_UNKNOWN, false, true, true},
    {"arbitrum", FEES_UNKNOWN, false, true, true},
};

// Predeploys of the OP stack (specs, Predeploys): 0x4200...0011, 0019, 001a.
enum { SEQUENCER_FEE_VAULT = 0x11, BASE_FEE_VAULT = 0x19, L1_FEE_VAULT = 0x1a };

// A contract that is gone when the transaction ends.
typedef struct victim {
	uint8_t address[20];
	bool is_gone; // its SELFDESTRUCT has run: from then on `held` is all it has
	dp_u256 held;
} victim;

typedef struct building {
	dp_block_builder *out;
	const dp_evm_block *b;
	const rules *rules;
	dp_asset native;
	uint64_t gaps;
	const dp_evm_tx *tx; // being built
	victim *victim;      // of this transaction, by address
	uint32_t victim_count;
	uint64_t victim_cap;
	uint8_t (*made)[20]; // contracts made in this transaction, by address
	uint32_t made_count;
	uint64_t made_cap;
	uint32_t *pair; // of each transfer of this transaction: the log of its shares, NO_PAIR
	uint64_t pair_cap;
	dp_fault *fault;
} building;

enum { PAIR_REACH = 64 }; // how far before and behind itself a transfer looks for its shares
#define NO_PAIR UINT32_MAX

#define BAD_TX(s, format, ...)                                                                     \
	dp_fail((s)->fault, DP_BAD_BYTES, "block %" PRIu64 ", transaction %u: " format,            \
	        (s)->b->height, (uint32_t)((s)->tx - (s)->b->tx), ##__VA_ARGS__)

static const rules *rules_of(const dp_chain *chain)
{
	static const rules unknown = {"", FEES_UNKNOWN, false, true, true};
	for (size_t i = 0; i < sizeof chain_rules / sizeof *chain_rules; i++)
		if (strcmp(chain->name, chain_rules[i].chain) == 0) return &chain_rules[i];
	return &unknown;
}

//- rows ------------------------------------------------------------------------------------------

static dp_addr addr_of(const uint8_t bytes[20])
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, bytes, 20);
	return a;
}

static bool is_zero_address(const uint8_t bytes[20])
{
	static const uint8_t zero[20];
	return memcmp(bytes, zero, 20) == 0;
}

// NULL for `from` or `to`: nobody. The address of zeros is somebody here: it owns ether.
static dp_code put_native(building *s, dp_mv_kind kind, const uint8_t *from, const uint8_t *to,
                          dp_u256 amount)
{
	dp_movement *mv;
	DP_TRY(dp_builder_movement(s->out, &mv, s->fault));
	mv->kind = (uint8_t)kind;
	mv->asset = s->native;
	mv->amount = amount;
	if (from != NULL) mv->from = addr_of(from);
	if (to != NULL) mv->to = addr_of(to);
	if (s->tx != NULL) mv->source_line = s->tx->source_line;
	return DP_OK;
}

static dp_code put_note(building *s, dp_note **ret_note, dp_note_kind kind, const uint8_t *data,
                        size_t size)
{
	DP_TRY(dp_builder_note(s->out, ret_note, data, size, s->fault));
	(*ret_note)->kind = (uint8_t)kind;
	return DP_OK;
}

// Shares are what the row counts; what the Transfer itself said goes into a note.
static dp_code put_nominal(building *s, const dp_evm_transfer *t)
{
	const dp_block *k = &s->out->block;
	dp_note *note;
	uint8_t amount[32];
	dp_u256_to_be(amount, t->amount);
	DP_TRY(put_note(s, &note, DP_NOTE_NOMINAL, amount, sizeof amount));
	note->at = k->tx[k->tx_count - 1].mv_count - 1;
	memcpy(note->place, t->contract, 20);
	return DP_OK;
}

// As source/csv_row.c has it: what is not listed is noise that says what it called itself, and so
// is a transfer of nothing, which needs nobody's signature (address poisoning). `shares`: the log
// that says how many the transfer moved, or NULL.
static dp_code put_token(building *s, const dp_evm_transfer *t, const dp_evm_transfer *shares)
{
	DP_CHECK(!t->is_shares && (shares == NULL || shares->is_shares));
	dp_asset asset = dp_asset_by_contract(s->b->chain, t->contract);
	dp_u256 amount = shares == NULL ? t->amount : shares->amount;
	bool from_nobody = is_zero_address(t->from), to_nobody = is_zero_address(t->to);
	// Anybody can log anything; what goes from nobody to nobody concerns nobody.
	if (from_nobody && to_nobody) return DP_OK;
	dp_movement *mv;
	DP_TRY(dp_builder_movement(s->out, &mv, s->fault));
	mv->kind = DP_MV_TOKEN;
	mv->amount = amount;
	mv->source_line = s->tx->source_line;
	if (!from_nobody) mv->from = addr_of(t->from);
	if (!to_nobody) mv->to = addr_of(t->to);
	if (asset.v != 0 && !dp_u256_is_zero(amount)) {
		mv->asset = shares == NULL ? asset : dp_asset_shares(asset);
		return shares == NULL ? DP_OK : put_nominal(s, t);
	}
	const char *symbol = t->symbol;
	if (asset.v != 0) {
		mv->flags |= DP_MVF_UNSIGNED_ZERO;
		symbol = dp_asset_info_of(asset)->symbol;
	}
	memcpy(mv->noise.contract, t->contract, 20);
	size_t n = strnlen(symbol, sizeof mv->noise.symbol - 1);
	memcpy(mv->noise.symbol, symbol, n);
	return DP_OK;
}

static bool is_pair(const dp_evm_transfer *t, const dp_evm_transfer *shares)
{
	return shares->is_shares && memcmp(t->contract, shares->contract, 20) == 0 &&
	       memcmp(t->from, shares->from, 20) == 0 && memcmp(t->to, shares->to, 20) == 0;
}

// Which log of shares belongs to which transfer. The two stand side by side, but which is first
// changed with the contract's versions; with the same sender and receiver twice, the first belongs
// to the first. That is right for any number of such pairs, whichever stands first in each.
static dp_code pair_shares(building *s, const dp_evm_transfer *t, uint32_t n)
{
	void *items = s->pair;
	DP_TRY(dp_grow(&items, &s->pair_cap, sizeof *s->pair, n, DP_BLOCK_MV_MAX, s->fault));
	s->pair = items;
	// Of a log of shares: which transfer has taken it.
	for (uint32_t i = 0; i < n; i++) s->pair[i] = NO_PAIR;
	for (uint32_t i = 0; i < n; i++) {
		if (t[i].is_shares) continue;
		uint32_t k = i < PAIR_REACH ? 0 : i - PAIR_REACH;
		uint32_t end = n - i <= PAIR_REACH ? n : i + PAIR_REACH;
		while (k < end && (s->pair[k] != NO_PAIR || !is_pair(&t[i], &t[k]))) k++;
		if (k == end) continue;
		s->pair[i] = k;
		s->pair[k] = i;
	}
	return DP_OK;
}

// Nearly no transaction has logs of shares; then nothing is paired.
static dp_code put_tokens(building *s)
{
	uint32_t n = s->tx->transfer_count, shares = 0;
	const dp_evm_transfer *t = n == 0 ? NULL : s->b->transfer + s->tx->transfer_first;
	for (uint32_t i = 0; i < n; i++) shares += t[i].is_shares;
	if (shares > 0) DP_TRY(pair_shares(s, t, n));
	for (uint32_t i = 0; i < n; i++) {
		if (t[i].is_shares) continue;
		bool has = shares > 0 && s->pair[i] != NO_PAIR;
		DP_TRY(put_token(s, &t[i], has ? &t[s->pair[i]] : NULL));
	}
	return DP_OK;
}

// A block whose notes carry nothing has no bytes at all.
static const uint8_t *bytes_at(const dp_evm_block *b, uint64_t at)
{
	return at == 0 ? b->note_bytes : b->note_bytes + at;
}

//- notes -----------------------------------------------------------------------------------------

// Call data that could be a memo says something only to who is paid with it.
static dp_code put_memo(building *s)
{
	const dp_evm_tx *tx = s->tx;
	dp_note *note;
	if (tx->memo_size == 0 || tx->no_sender || !tx->has_to || tx->creates) return DP_OK;
	if (dp_u256_is_zero(tx->value)) return DP_OK;
	DP_TRY(put_note(s, &note, DP_NOTE_INPUT, bytes_at(s->b, tx->memo_at), tx->memo_size));
	memcpy(note->place, tx->to, 20);
	return DP_OK;
}

// What a Safe lets run in itself. It leads nobody who follows money, so what was paid for gas need
// not stand beside it.
static dp_code put_safe(building *s)
{
	const dp_evm_tx *tx = s->tx;
	dp_note *note;
	if (tx->safe_size == 0 || tx->no_sender || !tx->has_to || tx->creates) return DP_OK;
	DP_TRY(put_note(s, &note, DP_NOTE_SAFE, bytes_at(s->b, tx->safe_at), tx->safe_size));
	note->full_size = tx->safe_full;
	memcpy(note->place, tx->to, 20);
	return DP_OK;
}

static dp_code put_logs(building *s)
{
	for (uint32_t i = 0; i < s->tx->log_count; i++) {
		const dp_evm_log *log = &s->b->log[s->tx->log_first + i];
		dp_note *note;
		DP_TRY(
		    put_note(s, &note, DP_NOTE_LOG, bytes_at(s->b, log->data_at), log->data_size));
		note->full_size = log->full_size;
		note->at = log->at;
		note->topic_count = (uint8_t)log->topic_count;
		memcpy(note->place, log->contract, 20);
		memcpy(note->topic, log->topic, sizeof note->topic);
	}
	return DP_OK;
}

// Whoever reads the other notes may need to know what was paid for gas, and by whom.
static dp_code put_gas(building *s, uint32_t notes_before)
{
	const dp_evm_tx *tx = s->tx;
	uint8_t data[32 + 20];
	dp_note *note;
	if (s->out->block.note_count == notes_before || !tx->has_fee) return DP_OK;
	dp_u256_to_be(data, tx->gas_price);
	memcpy(data + 32, tx->from, 20);
	return put_note(s, &note, DP_NOTE_GAS, data, sizeof data);
}

//- contracts that are destroyed ------------------------------------------------------------------

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, 20);
}

static int compare_victims(const void *a, const void *b)
{
	return memcmp(((const victim *)a)->address, ((const victim *)b)->address, 20);
}

static victim *find_victim(const building *s, const uint8_t address[20])
{
	if (s->victim_count == 0) return NULL;
	victim key = {.is_gone = false};
	memcpy(key.address, address, 20);
	return bsearch(&key, s->victim, s->victim_count, sizeof key, compare_victims);
}

// Does a frame count, given the failed call whose insides it may stand in?
typedef struct undone {
	bool is_inside;
	uint32_t depth;
} undone;

static bool is_undone(undone *io_state, const dp_evm_frame *f)
{
	if (io_state->is_inside && f->depth > io_state->depth) return true;
	io_state->is_inside = f->failed;
	io_state->depth = f->depth;
	return f->failed;
}

static dp_code note_made(building *s, const uint8_t address[20])
{
	void *items = s->made;
	DP_TRY(dp_grow(&items, &s->made_cap, sizeof *s->made, (uint64_t)s->made_count + 1,
	               DP_BLOCK_MV_MAX, s->fault));
	s->made = items;
	memcpy(s->made[s->made_count++], address, 20);
	return DP_OK;
}

static dp_code note_victim(building *s, const uint8_t address[20])
{
	// Since Cancun only a contract made in this very transaction really goes.
	if (s->b->is_cancun && (s->made_count == 0 || bsearch(address, s->made, s->made_count, 20,
	                                                      compare_addresses) == NULL))
		return DP_OK;
	void *items = s->victim;
	DP_TRY(dp_grow(&items, &s->victim_cap, sizeof *s->victim, (uint64_t)s->victim_count + 1,
	               DP_BLOCK_MV_MAX, s->fault));
	s->victim = items;
	victim *v = &s->victim[s->victim_count++];
	*v = (victim){.is_gone = false};
	memcpy(v->address, address, 20);
	return DP_OK;
}

// Lists the contracts that will be gone when this transaction ends. Almost no transaction has any:
// the first pass finds that out and is all that is done.
static dp_code find_victims(building *s)
{
	const dp_evm_frame *f = s->b->frame + s->tx->frame_first;
	uint32_t n = s->tx->frame_count, destroyed = 0;
	s->victim_count = s->made_count = 0;
	for (uint32_t i = 0; i < n; i++) destroyed += f[i].kind == DP_EVM_SELFDESTRUCT;
	if (destroyed == 0) return DP_OK;
	undone state = {.is_inside = false};
	for (uint32_t i = 0; i < n && s->b->is_cancun; i++)
		if (!is_undone(&state, &f[i]) && f[i].kind == DP_EVM_CREATE && f[i].has_to)
			DP_TRY(note_made(s, f[i].to));
	if (s->made_count > 1) qsort(s->made, s->made_count, 20, compare_addresses);
	state.is_inside = false;
	for (uint32_t i = 0; i < n; i++)
		if (!is_undone(&state, &f[i]) && f[i].kind == DP_EVM_SELFDESTRUCT)
			DP_TRY(note_victim(s, f[i].from));
	if (s->victim_count > 1)
		qsort(s->victim, s->victim_count, sizeof *s->victim, compare_victims);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->victim_count; i++)
		if (kept == 0 || compare_victims(&s->victim[kept - 1], &s->victim[i]) != 0)
			s->victim[kept++] = s->victim[i];
	s->victim_count = kept;
	return DP_OK;
}

// Keeps the account of those who are gone already. `to` NULL: burnt.
static dp_code note_payment(building *s, const uint8_t *from, const uint8_t *to, dp_u256 amount)
{
	victim *v = find_victim(s, from);
	if (v != NULL && v->is_gone && dp_u256_sub_over(&v->held, v->held, amount))
		return BAD_TX(s, "a contract pays more after its self-destruction than it received "
		                 "since: its calls are not complete");
	v = to == NULL ? NULL : find_victim(s, to);
	if (v != NULL && v->is_gone && dp_u256_add_over(&v->held, v->held, amount))
		return BAD_TX(s, "what a destroyed contract receives does not fit 256 bits");
	return DP_OK;
}

// What victims hold at the end goes with them.
static dp_code put_losses(building *s)
{
	for (uint32_t i = 0; i < s->victim_count; i++)
		if (!dp_u256_is_zero(s->victim[i].held))
			DP_TRY(put_native(s, DP_MV_INTERNAL, s->victim[i].address, NULL,
			                  s->victim[i].held));
	return DP_OK;
}

//- calls -----------------------------------------------------------------------------------------

static dp_code put_destruction(building *s, const dp_evm_frame *f)
{
	victim *v = find_victim(s, f->from);
	bool to_itself = memcmp(f->from, f->to, 20) == 0;
	const uint8_t *heir = to_itself ? NULL : f->to;
	if (!f->has_to) return BAD_TX(s, "a self-destruction without an heir");
	// A contract that stays keeps what it leaves to itself.
	if (to_itself && v == NULL) return DP_OK;
	if (!dp_u256_is_zero(f->value)) {
		if (s->victim_count > 0) DP_TRY(note_payment(s, f->from, heir, f->value));
		DP_TRY(put_native(s, DP_MV_INTERNAL, f->from, heir, f->value));
	}
	if (v != NULL && !v->is_gone) v->is_gone = true;
	return DP_OK;
}

static dp_code put_frame(building *s, const dp_evm_frame *f)
{
	DP_CHECK(f->kind <= DP_EVM_NO_VALUE);
	if (f->kind == DP_EVM_NO_VALUE) return DP_OK;
	if (f->kind == DP_EVM_SELFDESTRUCT) return put_destruction(s, f);
	if (dp_u256_is_zero(f->value)) return DP_OK;
	if (!f->has_to)
		return BAD_TX(s, "a call that did not fail pays a contract without address");
	if (s->victim_count > 0) DP_TRY(note_payment(s, f->from, f->to, f->value));
	return put_native(s, DP_MV_INTERNAL, f->from, f->to, f->value);
}

// Frames must be a tree in the order of execution whose root is the transaction.
static dp_code check_frames(building *s)
{
	if (s->tx->frame_count == 0) return BAD_TX(s, "it has no calls, not even its own");
	const dp_evm_frame *f = &s->b->frame[s->tx->frame_first];
	for (uint32_t i = 0; i < s->tx->frame_count; i++)
		if ((i == 0) != (f[i].depth == 0) || (i > 0 && f[i].depth > f[i - 1].depth + 1))
			return BAD_TX(s,
			              "call %u has depth %u, which does not follow from those "
			              "before",
			              i, f[i].depth);
	if (f[0].kind != DP_EVM_CALL && f[0].kind != DP_EVM_CREATE)
		return BAD_TX(s, "its first call is neither a call nor a creation");
	// Optimism's nodes before Bedrock traced another kind of virtual machine.
	bool is_old_op = s->rules->fees == FEES_VAULTS && !s->b->has_base_fee;
	if (!s->rules->is_strict || is_old_op) return DP_OK;
	if (memcmp(f[0].from, s->tx->from, 20) != 0 || !dp_u256_eq(f[0].value, s->tx->value))
		return BAD_TX(s, "its first call has another sender or value than it has itself");
	if (f[0].has_to && s->tx->has_to && memcmp(f[0].to, s->tx->to, 20) != 0)
		return BAD_TX(s, "its first call has another receiver than it has itself");
	return DP_OK;
}

// The receipt decides, for the block's hash covers it. Before Byzantium it does not say and the
// first call does. Where neither is known the transaction counts as done and the gap is stated:
// that all gas was used hints at a failure, but many transactions use exactly what they allow.
//
// Where both are known they must agree. Only what a chain does by itself and for nothing (deposits
// that fail before any code runs, retried messages) is not always traced as it ran: there the
// receipt alone counts when it says that it failed.
static dp_code find_status(building *s, bool *ret_failed)
{
	const dp_evm_tx *tx = s->tx;
	bool root_failed = tx->has_frames && s->b->frame[tx->frame_first].failed;
	if (tx->status == DP_EVM_DONE && root_failed)
		return BAD_TX(s, "its receipt says that it succeeded, its calls that it failed");
	bool is_free = s->rules->has_free && dp_u256_is_zero(tx->gas_price);
	if (tx->status == DP_EVM_FAILED && tx->has_frames && !root_failed && !is_free)
		return BAD_TX(s, "its receipt says that it failed, its calls that they succeeded");
	if (tx->status == DP_EVM_STATUS_UNKNOWN && !tx->has_frames) s->gaps |= DP_GAP_STATUS;
	*ret_failed = tx->status == DP_EVM_FAILED || root_failed;
	return DP_OK;
}

static dp_code put_calls(building *s)
{
	const dp_evm_tx *tx = s->tx;
	const dp_evm_frame *f = tx->has_frames ? &s->b->frame[tx->frame_first] : NULL;
	const uint8_t *to = tx->has_to ? tx->to : NULL;
	if (f != NULL && f->has_to) to = f->to;
	// The value goes to a contract that nobody names: it leaves the sender all the same.
	if (to == NULL && !dp_u256_is_zero(tx->value)) s->gaps |= DP_GAP_TRACES;
	// Also without value: it is the row that says who called whom.
	if (!tx->no_sender)
		DP_TRY(put_native(s, DP_MV_NATIVE, tx->from, to, f != NULL ? f->value : tx->value));
	if (f == NULL) return DP_OK;
	DP_TRY(find_victims(s));
	undone state = {.is_inside = false};
	DP_CHECK(!is_undone(&state, f));
	for (uint32_t i = 1; i < tx->frame_count; i++)
		if (!is_undone(&state, &f[i])) DP_TRY(put_frame(s, &f[i]));
	return put_losses(s);
}

//- fees ------------------------------------------------------------------------------------------

static dp_code put_fee(building *s, const uint8_t *to, dp_u256 amount)
{
	if (dp_u256_is_zero(amount)) return DP_OK;
	return put_native(s, DP_MV_FEE, s->tx->from, to, amount);
}

typedef struct fee_parts {
	dp_u256 base, tip, blob;
} fee_parts;

static dp_code split_fee(building *s, fee_parts *ret_parts)
{
	const dp_evm_tx *tx = s->tx;
	fee_parts p = {.base = DP_U256_ZERO};
	dp_u256 gas = dp_u256_of(tx->gas_used), tip_price = tx->gas_price;
	// What the system sends on chains of this kind has price 0 and stands outside EIP-1559.
	bool is_free = s->rules->has_free && dp_u256_is_zero(tx->gas_price);
	// Where payees are not known the price may follow other rules, and is only multiplied.
	if (s->b->has_base_fee && !is_free && s->rules->fees != FEES_UNKNOWN) {
		if (dp_u256_sub_over(&tip_price, tx->gas_price, s->b->base_fee))
			return BAD_TX(s, "its gas price is below the block's base fee");
		if (dp_u256_mul_over(&p.base, gas, s->b->base_fee))
			return BAD_TX(s, "its fee does not fit 256 bits");
	}
	dp_u256 sum;
	if (dp_u256_mul_over(&p.tip, gas, tip_price) ||
	    dp_u256_mul_over(&p.blob, dp_u256_of(tx->blob_gas_used), tx->blob_gas_price) ||
	    dp_u256_add_over(&sum, p.base, p.tip) || dp_u256_add_over(&sum, sum, p.blob) ||
	    dp_u256_add_over(&sum, sum, tx->l1_fee))
		return BAD_TX(s, "its fee does not fit 256 bits");
	*ret_parts = p;
	return DP_OK;
}

static dp_code put_vault_fees(building *s, const fee_parts *p)
{
	uint8_t vault[20] = {0x42};
	vault[19] = BASE_FEE_VAULT;
	DP_TRY(put_fee(s, vault, p->base));
	// Headers name this vault as miner; before Bedrock they named nobody and it got all,
	// the L1 fee as well.
	vault[19] = SEQUENCER_FEE_VAULT;
	bool bedrock = s->b->has_base_fee;
	DP_TRY(put_fee(s, bedrock && s->b->has_miner ? s->b->miner : vault, p->tip));
	if (bedrock) vault[19] = L1_FEE_VAULT;
	return put_fee(s, vault, s->tx->l1_fee);
}

static dp_code put_fees(building *s)
{
	const dp_evm_tx *tx = s->tx;
	fee_rule rule = s->rules->fees;
	if (tx->has_unknown_fee || !tx->has_fee) s->gaps |= DP_GAP_FEES;
	if (!tx->has_fee) return DP_OK;
	if (!dp_u256_is_zero(tx->l1_fee) && rule != FEES_VAULTS)
		return BAD_TX(s, "it pays a fee for L1, which there is not on %s",
		              s->b->chain->name);
	fee_parts p = {.base = DP_U256_ZERO};
	DP_TRY(split_fee(s, &p));
	if (rule == FEES_VAULTS) return put_vault_fees(s, &p);
	const uint8_t *miner = s->b->has_miner ? s->b->miner : NULL;
	if (rule == FEES_UNKNOWN) miner = NULL;
	dp_u256 burnt = DP_U256_ZERO, tip = p.tip;
	bool burns = rule == FEES_BURNT_AND_TIP || rule == FEES_MINER_BLOB;
	// The sum of all parts was proven to fit, so these cannot overflow.
	if (burns)
		burnt = p.base;
	else
		tip = dp_u256_add(tip, p.base);
	if (rule == FEES_BURNT_AND_TIP)
		burnt = dp_u256_add(burnt, p.blob);
	else
		tip = dp_u256_add(tip, p.blob);
	if (miner == NULL && !dp_u256_is_zero(tip)) s->gaps |= DP_GAP_FEE_PAYEE;
	DP_TRY(put_fee(s, NULL, burnt));
	return put_fee(s, miner, tip);
}

//- blocks ----------------------------------------------------------------------------------------

static dp_code build_tx(building *s)
{
	const dp_evm_tx *tx = s->tx;
	const dp_evm_block *b = s->b;
	DP_CHECK(tx->frame_first <= b->frame_count && tx->transfer_first <= b->transfer_count);
	DP_CHECK(tx->frame_count <= b->frame_count - tx->frame_first);
	DP_CHECK(tx->transfer_count <= b->transfer_count - tx->transfer_first);
	DP_CHECK(tx->log_first <= b->log_count && tx->log_count <= b->log_count - tx->log_first);
	DP_CHECK(tx->memo_size <= b->note_bytes_size && tx->safe_size <= b->note_bytes_size);
	bool failed = false;
	if (tx->has_frames) DP_TRY(check_frames(s));
	DP_TRY(find_status(s, &failed));
	dp_tx *out;
	DP_TRY(dp_builder_tx(s->out, &out, s->fault));
	memcpy(out->id, tx->hash, 32);
	if (failed) out->flags |= DP_TXF_FAILED;
	// A deposit's coins are made before it runs, and stay when it fails.
	if (!dp_u256_is_zero(tx->mint))
		DP_TRY(put_native(s, DP_MV_REWARD, NULL, tx->from, tx->mint));
	if (!failed) {
		DP_TRY(put_safe(s));
		uint32_t notes = s->out->block.note_count;
		DP_TRY(put_memo(s));
		DP_TRY(put_calls(s));
		DP_TRY(put_tokens(s));
		DP_TRY(put_logs(s));
		DP_TRY(put_gas(s, notes));
	}
	return put_fees(s);
}

static dp_code build_gifts(building *s)
{
	const dp_evm_block *b = s->b;
	if (b->gift_count == 0) return DP_OK;
	dp_tx *out;
	DP_TRY(dp_builder_tx(s->out, &out, s->fault));
	memcpy(out->id, b->hash, 32);
	out->flags = DP_TXF_COINBASE;
	s->tx = NULL;
	for (uint32_t i = 0; i < b->gift_count; i++)
		if (!dp_u256_is_zero(b->gift[i].amount))
			DP_TRY(put_native(s, DP_MV_REWARD, NULL, b->gift[i].to, b->gift[i].amount));
	return DP_OK;
}

static dp_code build_rows(building *s)
{
	for (uint32_t i = 0; i < s->b->tx_count; i++) {
		s->tx = &s->b->tx[i];
		DP_TRY(build_tx(s));
	}
	return build_gifts(s);
}

dp_code dp_evm_build(dp_block_builder *builder, const dp_block **ret_block, uint64_t *io_gaps,
                     const dp_evm_block *b, dp_fault *fault)
{
	DP_CHECK(builder != NULL && ret_block != NULL && io_gaps != NULL);
	DP_CHECK(b != NULL && b->chain != NULL && b->chain->kind == DP_CHAIN_ACCOUNT);
	building s = {.out = builder,
	              .b = b,
	              .rules = rules_of(b->chain),
	              .native = dp_asset_native(b->chain),
	              .fault = fault};
	dp_builder_start(builder, b->chain, b->height, b->time);
	memcpy(builder->block.hash, b->hash, 32);
	memcpy(builder->block.prev, b->prev, 32);
	if (s.rules->makes_unseen) s.gaps |= DP_GAP_REWARDS;
	dp_code code = build_rows(&s);
	dp_free(s.victim);
	dp_free(s.made);
	dp_free(s.pair);
	if (code != DP_OK) return code;
	DP_TRY(dp_builder_finish(builder, ret_block, fault));
	*io_gaps |= s.gaps;
	return DP_OK;
}

// See undo_proof.h.
//
// The walk is one over the serialised block, whose transactions stand in the order of undo data. It
// is not on the inner loop: one block in some thousands has a sibling. What an input shows:
//
//   P2PKH          the last push of its script is the key         (hash160)
//   P2SH           the last push of its script is the script      (hash160)
//   P2WPKH         the second of two witness items is the key     (hash160; BIP 141)
//   P2WSH          the last witness item is the script            (SHA-256; BIP 141)
//   any witness    its script is empty; nothing else but P2SH has witness items
//
// Whatever this walk cannot read proves nothing.
#include "source/undo_proof.h"

#include <string.h>

#include "base/check.h"
#include "codec/bytes.h"
#include "codec/hash.h"

enum {
	HEADER_SIZE = 80,
	VERSION_AUXPOW = 0x100,
	FLAG_WITNESS = 1,
	FLAG_MWEB = 8,
	OP_PUSHDATA1 = 0x4c,
	OP_PUSHDATA2 = 0x4d,
	OP_PUSHDATA4 = 0x4e,
	OP_16 = 0x60,
};

typedef struct piece {
	const uint8_t *p;
	size_t size;
} piece;

// One transaction as far as it matters here.
typedef struct walk {
	dp_bytes b;
	const dp_undo *undo;
	uint64_t at;      // the next coin of the undo data
	uint64_t in, out; // sums of the transaction
	uint64_t first;   // coin of its first input
	const dp_chain *chain;
} walk;

static piece take_piece(dp_bytes *b)
{
	piece r = {.size = (size_t)dp_bytes_varint(b)};
	r.p = b->failed ? NULL : dp_bytes_take(b, r.size);
	if (r.p == NULL) r.size = 0;
	return r;
}

// The last thing that a script of nothing but pushes leaves on the stack. False when it does
// anything else.
static bool last_push(piece *ret_push, piece script)
{
	dp_bytes b = dp_bytes_of(script.p, script.size);
	*ret_push = (piece){0};
	if (script.size == 0) return false;
	while (b.at < b.size) {
		uint8_t op = dp_bytes_u8(&b);
		uint64_t n = op;
		if (op > OP_16) return false;
		if (op == OP_PUSHDATA1) n = dp_bytes_u8(&b);
		if (op == OP_PUSHDATA2) n = dp_bytes_u16le(&b);
		if (op == OP_PUSHDATA4) n = dp_bytes_u32le(&b);
		if (op > OP_PUSHDATA4) n = 0; // a small number, which is no key and no script
		*ret_push = (piece){dp_bytes_take(&b, (size_t)n), (size_t)n};
		if (b.failed) return false;
	}
	return true;
}

static bool is_hash160(piece p, const dp_addr *addr)
{
	uint8_t hash[20];
	dp_hash160(hash, p.p, p.size);
	return memcmp(hash, addr->bytes, sizeof hash) == 0;
}

// Can an input with this script have spent a coin of `addr`, as far as the script says?
static bool may_be_script(piece script, const dp_addr *addr)
{
	piece push;
	switch (addr->kind) {
	case DP_ADDR_P2PKH:
	case DP_ADDR_P2SH:
		if (script.size == 0) return false; // a key or a script must be shown
		return !last_push(&push, script) || is_hash160(push, addr);
	case DP_ADDR_P2WPKH:
	case DP_ADDR_P2WSH:
	case DP_ADDR_P2TR:
	case DP_ADDR_WITNESS: return script.size == 0;
	default: return true;
	}
}

// The same of its witness: `count` items, of which the last is `last`.
static bool may_be_witness(uint64_t count, piece last, const dp_addr *addr)
{
	uint8_t hash[32];
	switch (addr->kind) {
	case DP_ADDR_P2WPKH: return count == 0 || (count == 2 && is_hash160(last, addr));
	case DP_ADDR_P2WSH:
		if (count == 0) return true; // before there were witnesses anybody could spend it
		dp_sha256(hash, last.p, last.size);
		return memcmp(hash, addr->bytes, sizeof hash) == 0;
	case DP_ADDR_P2SH:
	case DP_ADDR_P2TR:
	case DP_ADDR_WITNESS: return true;
	default: return count == 0;
	}
}

// Reads the inputs. False when one of them disproves its coin.
static bool read_inputs(walk *w, uint64_t count, bool is_coinbase)
{
	bool may_be = true;
	w->first = w->at;
	w->in = 0;
	for (uint64_t i = 0; i < count && !w->b.failed; i++) {
		(void)dp_bytes_take(&w->b, 36);
		piece script = take_piece(&w->b);
		(void)dp_bytes_take(&w->b, 4);
		if (is_coinbase || w->b.failed) continue;
		DP_CHECK(w->at < w->undo->coin_count);
		const dp_spent_coin *coin = &w->undo->coin[w->at++];
		may_be = may_be && may_be_script(script, &coin->from);
		w->in += coin->value; // each at most money_max, below 2^60; the decoder checked
		if (w->in > w->chain->money_max) return false;
	}
	return may_be;
}

static void read_outputs(walk *w)
{
	uint64_t count = dp_bytes_varint(&w->b);
	w->out = 0;
	for (uint64_t i = 0; i < count && !w->b.failed; i++) {
		w->out += dp_bytes_u64le(&w->b); // the block's decoder has checked the sum
		(void)take_piece(&w->b);
	}
}

static bool read_witness(walk *w, uint64_t inputs, bool is_coinbase)
{
	bool may_be = true;
	for (uint64_t i = 0; i < inputs && !w->b.failed; i++) {
		uint64_t items = dp_bytes_varint(&w->b);
		piece last = {0};
		for (uint64_t k = 0; k < items && !w->b.failed; k++) last = take_piece(&w->b);
		if (is_coinbase || w->b.failed) continue;
		DP_CHECK(w->first + i < w->undo->coin_count);
		may_be = may_be && may_be_witness(items, last, &w->undo->coin[w->first + i].from);
	}
	return may_be;
}

// One transaction. False when it disproves the undo data.
static bool read_tx(walk *w, bool is_coinbase)
{
	dp_bytes *b = &w->b;
	(void)dp_bytes_take(b, 4);
	uint8_t flag = 0;
	// No transaction without inputs exists, so that a zero here marks the longer form.
	bool may_be_long = is_coinbase || w->chain->hrp != NULL;
	bool is_long = may_be_long && b->size - b->at >= 2 && b->p[b->at] == 0;
	if (is_long) {
		flag = b->p[b->at + 1];
		b->at += 2;
	}
	uint64_t inputs = dp_bytes_varint(b);
	bool may_be = read_inputs(w, inputs, is_coinbase);
	if (!may_be || b->failed) return may_be;
	read_outputs(w);
	if ((flag & FLAG_WITNESS) != 0) may_be = read_witness(w, inputs, is_coinbase);
	if ((flag & FLAG_MWEB) != 0) (void)dp_bytes_take(b, 1);
	(void)dp_bytes_take(b, 4);
	if (b->failed || is_coinbase) return may_be;
	return may_be && w->in >= w->out;
}

// Steps over the proof of merge mining behind the header (chain/bitcoin.c tells its form).
static void skip_auxpow(walk *w)
{
	(void)read_tx(w, true);
	(void)dp_bytes_take(&w->b, 32);
	for (int branch = 0; branch < 2 && !w->b.failed; branch++) {
		uint64_t count = dp_bytes_varint(&w->b);
		if (count > w->b.size / 32) w->b.failed = true;
		if (!w->b.failed) (void)dp_bytes_take(&w->b, 32 * (size_t)count);
		(void)dp_bytes_take(&w->b, 4);
	}
	(void)dp_bytes_take(&w->b, HEADER_SIZE);
}

bool dp_undo_is_disproved(const dp_undo *undo, const dp_chain *chain, uint64_t height,
                          const uint8_t *bytes, size_t size)
{
	DP_CHECK(undo != NULL && chain != NULL && bytes != NULL && size > HEADER_SIZE);
	walk w = {.b = dp_bytes_of(bytes, size), .undo = undo, .chain = chain};
	w.b.at = HEADER_SIZE;
	if (chain->has_auxpow && (bytes[1] & (VERSION_AUXPOW >> 8)) != 0) skip_auxpow(&w);
	uint64_t count = dp_bytes_varint(&w.b), fees = 0, reward = 0;
	if (count != undo->tx_count + 1) return false;
	for (uint64_t t = 0; t < count; t++) {
		if (!read_tx(&w, t == 0)) return true;
		if (w.b.failed) return false;
		if (t == 0)
			reward = w.out;
		else
			fees += w.in - w.out; // both at most money_max; 2^22 of them fit
		if (fees > chain->money_max) return true;
	}
	return reward > dp_chain_subsidy(chain, height) + fees;
}

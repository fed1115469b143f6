// See bitcoin.h.
//
// The serialised form (Bitcoin Core, src/primitives/block.h and transaction.h; BIP 144):
//
//   block        header (80), count, transactions
//   header       version i32, previous hash 32, merkle root 32, time u32, bits u32, nonce u32
//   transaction  version i32, [marker 0, flag 1], count, inputs, count, outputs,
//                [for each input: count, items], lock time u32
//   input        txid 32, output number u32, script, sequence u32
//   output       value i64, script
//   script, item length, bytes
//
// where "count" and "length" are CompactSize (1, 3, 5 or 9 bytes, shortest form only) and the parts
// in brackets are there when the transaction carries a witness. A transaction without inputs
// cannot exist, so the zero of the marker tells the two forms apart.
//
// The txid is the SHA-256d of the form without the parts in brackets. Those bytes stand in the
// block in three runs: version; from behind the flag to the end of the outputs; lock time. They
// are hashed from where they stand, two transactions at a time (codec/sha256_many.h).
//
// What other chains added, each behind a field of the chain's row:
//
//   has_auxpow   Dogecoin: a header whose version has bit 8 is followed by a coinbase (of the block
//                in whose mining this one took part), its block's hash 32, count, hashes, index
//                u32, count, hashes, index u32, and that block's header 80. Its own hash is that of
//                its own 80 bytes (dogecoin/dogecoin src/auxpow.h, src/primitives/pureheader.h).
//   has_mweb     Litecoin: flag 8 marks the last transaction as the one that books the MimbleWimble
//                part (HogEx): a zero byte stands before its lock time, it may have no inputs, and
//                behind it a byte 1 and that part follow to the block's end. Neither flag nor byte
//                is hashed (litecoin-project/litecoin src/primitives/transaction.h, block.h).
//   any_order    Bitcoin Cash: transactions stand sorted by id. They are put into order here.
//   hrp          where there is none, no transaction carries a witness.
//
// Reading goes through a cursor of its own, not through codec/bytes.h: this is the inner loop of
// everything that reads Bitcoin, the checks have to be inlined, and a fault must name transaction
// and input or output.
#include "chain/bitcoin.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"
#include "codec/sha256_many.h"

enum {
	TX_SIZE_MIN = 60,    // version 4, count 1, input 41, count 1, output 9, lock time 4
	INPUT_SIZE_MIN = 41, // outpoint 36, length 1, sequence 4
	OUTPUT_SIZE_MIN = 9, // value 8, length 1
	TX_COUNT_MAX = DP_BLOCK_TX_MAX,
	SLOT_COUNT_MAX = 1 << 24, // at least twice as many as there can be inputs or transactions
	COINBASE_SCRIPT_MIN = 2,
	COINBASE_SCRIPT_MAX = 100,
	OP_RETURN = 0x6a,
	FLAG_WITNESS = 1,
	FLAG_MWEB = 8,
	VERSION_AUXPOW = 0x100, // the bit in a header's version; those below count versions then
};
_Static_assert(SLOT_COUNT_MAX >= 2 * (DP_CHAIN_BLOCK_SIZE_MAX / INPUT_SIZE_MIN), "table fits");
_Static_assert(SLOT_COUNT_MAX >= 2 * TX_COUNT_MAX, "table fits");
_Static_assert(sizeof(dp_outpoint) == 36, "hashed and compared as bytes");

typedef enum place {
	PLACE_BLOCK,
	PLACE_AUXPOW,
	PLACE_TX,
	PLACE_INPUT,
	PLACE_OUTPUT,
	PLACE_WITNESS
} place;

// One step of the walk that puts transactions into order: how far the rows of `tx` were looked at.
struct dp_bitcoin_visit {
	uint32_t tx, row;
};

// Where we are in the block, and what has been found so far.
typedef struct cursor {
	const uint8_t *p;
	size_t size, at;
	place where;
	uint32_t tx, item; // numbers from 0, for faults
	const char *why;   // why the last read failed
	dp_fault *fault;
	dp_bitcoin_decoder *decoder;
	dp_block_builder *builder;
	dp_bitcoin_info info;
	const dp_chain *chain;
	uint64_t money_max;
	dp_asset asset;
	uint64_t tx_count;
	bool is_hogex; // the transaction that is being read
	size_t job_count;
	const uint8_t *reserved;   // 32 bytes of the coinbase's witness, or NULL
	const uint8_t *commitment; // 32 bytes in an output of the coinbase, or NULL
} cursor;

//- faults and reading ----------------------------------------------------------------------------

// "transaction 7, input 2: why", at the byte the cursor stands on.
__attribute__((cold, noinline)) static dp_code bad(const cursor *c, const char *why)
{
	static const char *const item_name[] = {[PLACE_INPUT] = "input",
	                                        [PLACE_OUTPUT] = "output",
	                                        [PLACE_WITNESS] = "witness of input"};
	DP_CHECK(why != NULL);
	DP_CHECK(c->at <= c->size);
	if (c->where == PLACE_BLOCK)
		return dp_fail_offset(c->fault, DP_BAD_BYTES, c->at, "%s", why);
	if (c->where == PLACE_AUXPOW)
		return dp_fail_offset(c->fault, DP_BAD_BYTES, c->at, "merge-mining proof: %s", why);
	if (c->where == PLACE_TX)
		return dp_fail_offset(c->fault, DP_BAD_BYTES, c->at, "transaction %u: %s", c->tx,
		                      why);
	return dp_fail_offset(c->fault, DP_BAD_BYTES, c->at, "transaction %u, %s %u: %s", c->tx,
	                      item_name[c->where], c->item, why);
}

// A read that did not succeed.
__attribute__((cold, noinline)) static dp_code bad_read(const cursor *c)
{
	return bad(c, c->why != NULL ? c->why : "runs past the end of the block");
}

static inline bool take(cursor *c, uint64_t n, const uint8_t **ret_bytes)
{
	if (__builtin_expect(n > c->size - c->at, 0)) {
		c->why = "runs past the end of the block";
		return false;
	}
	*ret_bytes = c->p + c->at;
	c->at += (size_t)n;
	return true;
}

static inline uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load64(const uint8_t *p)
{
	return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32;
}

static bool take_long_count(cursor *c, uint8_t first, uint64_t *ret_count)
{
	DP_CHECK(first >= 253);
	const uint8_t *p;
	uint64_t v, least;
	size_t at = c->at - 1;
	if (first == 253) {
		if (!take(c, 2, &p)) return false;
		v = (uint64_t)p[0] | (uint64_t)p[1] << 8;
		least = 253;
	} else if (first == 254) {
		if (!take(c, 4, &p)) return false;
		v = load32(p);
		least = 1 << 16;
	} else {
		if (!take(c, 8, &p)) return false;
		v = load64(p);
		least = UINT64_C(1) << 32;
	}
	if (v < least) {
		c->at = at;
		c->why = "a count or length is not written in its shortest form";
		return false;
	}
	*ret_count = v;
	return true;
}

static inline bool take_count(cursor *c, uint64_t *ret_count)
{
	const uint8_t *p;
	if (!take(c, 1, &p)) return false;
	*ret_count = *p;
	return __builtin_expect(*p < 253, 1) || take_long_count(c, *p, ret_count);
}

// A count of things of at least `item_size` bytes: more than can follow is refused here, before
// anything is sized by it.
static bool take_count_of(cursor *c, uint32_t item_size, uint64_t *ret_count)
{
	DP_CHECK(item_size > 0);
	size_t at = c->at;
	if (!take_count(c, ret_count)) return false;
	if (*ret_count > (c->size - c->at) / item_size) {
		c->at = at;
		c->why = "counts more items than the rest of the block can hold";
		return false;
	}
	return true;
}

//- the header ------------------------------------------------------------------------------------

void dp_bitcoin_header_decode(dp_bitcoin_header *ret_header,
                              const uint8_t bytes[DP_BITCOIN_HEADER_SIZE])
{
	DP_CHECK(ret_header != NULL && bytes != NULL);
	ret_header->version = (int32_t)load32(bytes);
	memcpy(ret_header->prev, bytes + 4, 32);
	memcpy(ret_header->merkle_root, bytes + 36, 32);
	ret_header->time = load32(bytes + 68);
	ret_header->bits = load32(bytes + 72);
	ret_header->nonce = load32(bytes + 76);
	dp_sha256d(ret_header->hash, bytes, DP_BITCOIN_HEADER_SIZE);
}

// The target of `bits`: a mantissa of 23 bits, a sign bit that must not be set, and a length in
// bytes (Bitcoin Core, arith_uint256::SetCompact). False when it is zero, negative or too large.
static bool target_of(dp_u256 *ret_target, uint32_t bits)
{
	uint32_t size = bits >> 24, word = bits & 0x7fffff;
	if ((bits & 0x800000) != 0 || word == 0 || size > 32) return false;
	uint8_t be[35] = {0};
	// The mantissa's three bytes end `size` bytes from the low-order end of 32; those that fall
	// below it are cut off, as Core's shift does.
	uint8_t mantissa[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
	if (size < 32 + 3) memcpy(be + (32 - size), mantissa, 3);
	*ret_target = dp_u256_from_be(be, 32);
	return !dp_u256_is_zero(*ret_target);
}

dp_u256 dp_chain_work(const dp_chain *chain, const dp_bitcoin_header *header)
{
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	DP_CHECK(header != NULL);
	dp_u256 target, work, max = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	if (!target_of(&target, header->bits)) return dp_u256_of(1);
	uint8_t be[32];
	for (size_t i = 0; i < 32; i++) be[i] = header->hash[31 - i];
	if (!chain->is_scrypt && dp_u256_lt(target, dp_u256_from_be(be, 32))) return dp_u256_of(1);
	if (dp_u256_eq(target, max)) return dp_u256_of(1);
	// 2^256 / (target + 1) without 257 bits: (~target / (target + 1)) + 1, as in Bitcoin Core.
	dp_u256 rest = dp_u256_sub(max, target), next = dp_u256_add(target, dp_u256_of(1));
	dp_u256_div(&work, NULL, rest, next);
	return dp_u256_add(work, dp_u256_of(1));
}

dp_u256 dp_bitcoin_work(const dp_bitcoin_header *header)
{
	const dp_chain *bitcoin = dp_chain_find("bitcoin", strlen("bitcoin"));
	DP_CHECK(bitcoin != NULL);
	return dp_chain_work(bitcoin, header);
}

// BIP 34: blocks of version 2 or higher begin the coinbase's script with a push of the height, in
// the shortest form of a script number (so 1 to 16 are single opcodes). Dogecoin never demanded it
// of version 2, and counts versions in the bits below that of merge mining.
static bool height_of_script(uint64_t *ret_height, const dp_chain *chain, int32_t version,
                             const uint8_t *script, size_t n)
{
	DP_CHECK(ret_height != NULL);
	int32_t least = chain->has_auxpow ? 3 : 2;
	if (chain->has_auxpow) version &= VERSION_AUXPOW - 1;
	if (version < least || n < 1) return false;
	uint8_t op = script[0];
	if (op >= 0x51 && op <= 0x60) {
		*ret_height = (uint64_t)op - 0x50;
		return true;
	}
	if (op < 1 || op > 5 || n < 1 + (size_t)op) return false;
	if ((script[op] & 0x80) != 0) return false; // negative
	uint64_t v = 0;
	for (uint8_t i = op; i > 0; i--) v = v << 8 | script[i];
	*ret_height = v;
	return true;
}

// Steps over one transaction without looking at it, but for what tells where it ends.
static bool skip_tx(cursor *c)
{
	const uint8_t *p;
	uint64_t inputs, outputs, n;
	if (!take(c, 4, &p)) return false;
	bool has_witness = c->size - c->at >= 2 && c->p[c->at] == 0 && c->p[c->at + 1] == 1;
	if (has_witness) c->at += 2;
	if (!take_count_of(c, INPUT_SIZE_MIN, &inputs)) return false;
	for (uint64_t i = 0; i < inputs; i++)
		if (!take(c, 36, &p) || !take_count(c, &n) || !take(c, n, &p) || !take(c, 4, &p))
			return false;
	if (!take_count_of(c, OUTPUT_SIZE_MIN, &outputs)) return false;
	for (uint64_t i = 0; i < outputs; i++)
		if (!take(c, 8, &p) || !take_count(c, &n) || !take(c, n, &p)) return false;
	for (uint64_t i = 0; has_witness && i < inputs; i++) {
		uint64_t items;
		if (!take_count_of(c, 1, &items)) return false;
		for (; items > 0; items--)
			if (!take_count(c, &n) || !take(c, n, &p)) return false;
	}
	return take(c, 4, &p);
}

// The proof of merge mining that follows a header whose version says so. It is not verified, as no
// proof of work is; that its bytes make sense is all that is asked.
static bool skip_auxpow(cursor *c, int32_t version)
{
	const uint8_t *p;
	uint64_t n;
	DP_CHECK(c->at == DP_BITCOIN_HEADER_SIZE);
	if (!c->chain->has_auxpow || (version & VERSION_AUXPOW) == 0) return true;
	c->where = PLACE_AUXPOW;
	if (!skip_tx(c) || !take(c, 32, &p)) return false;
	for (int branch = 0; branch < 2; branch++)
		if (!take_count_of(c, 32, &n) || !take(c, 32 * n, &p) || !take(c, 4, &p))
			return false;
	if (!take(c, DP_BITCOIN_HEADER_SIZE, &p)) return false;
	c->where = PLACE_BLOCK;
	return true;
}

bool dp_chain_height(uint64_t *ret_height, const dp_chain *chain, const uint8_t *bytes, size_t size)
{
	DP_CHECK(ret_height != NULL && (bytes != NULL || size == 0));
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	if (size < DP_BITCOIN_BLOCK_SIZE_MIN) return false;
	cursor c = {.p = bytes, .size = size, .at = DP_BITCOIN_HEADER_SIZE, .chain = chain};
	const uint8_t *p, *script;
	uint64_t n;
	int32_t version = (int32_t)load32(bytes);
	if (!skip_auxpow(&c, version)) return false;
	if (!take_count(&c, &n) || !take(&c, 4, &p)) return false;
	if (c.size - c.at >= 2 && c.p[c.at] == 0 && c.p[c.at + 1] == 1) c.at += 2;
	if (!take_count(&c, &n) || n != 1) return false;
	if (!take(&c, 36, &p) || !take_count(&c, &n) || !take(&c, n, &script)) return false;
	return height_of_script(ret_height, chain, version, script, (size_t)n);
}

//- transactions ----------------------------------------------------------------------------------

static bool is_null_outpoint(const uint8_t *p)
{
	static const uint8_t null_outpoint[36] = {[32] = 0xff, 0xff, 0xff, 0xff};
	return memcmp(p, null_outpoint, sizeof null_outpoint) == 0;
}

static dp_code read_coinbase_input(cursor *c, uint64_t count)
{
	const uint8_t *outpoint, *script, *sequence;
	uint64_t n;
	DP_CHECK(c->tx == 0);
	if (count != 1) return bad(c, "the coinbase must have one input");
	if (!take(c, 36, &outpoint)) return bad_read(c);
	if (!is_null_outpoint(outpoint)) return bad(c, "the first transaction is no coinbase");
	if (!take_count(c, &n) || !take(c, n, &script) || !take(c, 4, &sequence))
		return bad_read(c);
	if (n < COINBASE_SCRIPT_MIN || n > COINBASE_SCRIPT_MAX)
		return bad(c, "the script of the coinbase must have 2 to 100 bytes");
	c->info.has_height =
	    height_of_script(&c->info.height, c->chain, c->info.header.version, script, (size_t)n);
	return DP_OK;
}

// A new row, zeroed. The builder's own function where its array has to grow; else without a call.
// read_tx counts the transaction's rows when it has them all.
static inline dp_code new_row(cursor *c, dp_movement **ret_mv)
{
	dp_block *block = &c->builder->block;
	if (__builtin_expect(block->mv_count == c->builder->mv_cap, 0))
		return dp_builder_movement(c->builder, ret_mv, c->fault);
	dp_movement *mv = &block->mv[block->mv_count++];
	memset(mv, 0, sizeof *mv);
	*ret_mv = mv;
	return DP_OK;
}

static dp_code read_inputs(cursor *c)
{
	uint64_t count, n;
	const uint8_t *outpoint, *script, *sequence;
	if (!take_count_of(c, INPUT_SIZE_MIN, &count)) return bad_read(c);
	// The first HogEx of all has nothing to spend, unless somebody paid into it at once.
	if (count == 0 && !c->is_hogex) return bad(c, "has no inputs");
	c->where = PLACE_INPUT;
	c->item = 0;
	if (c->tx == 0) return read_coinbase_input(c, count);
	for (c->item = 0; c->item < count; c->item++) {
		if (!take(c, 36, &outpoint) || !take_count(c, &n) || !take(c, n, &script) ||
		    !take(c, 4, &sequence))
			return bad_read(c);
		if (__builtin_expect(is_null_outpoint(outpoint), 0))
			return bad(c, "a coinbase may only be the first transaction");
		dp_movement *mv;
		DP_TRY(new_row(c, &mv));
		mv->kind = DP_MV_INPUT;
		mv->flags = DP_MVF_VALUE_UNKNOWN;
		mv->asset = c->asset;
		memcpy(mv->spent.txid, outpoint, 32);
		mv->spent.vout = load32(outpoint + 32);
	}
	c->info.input_count += (uint32_t)count;
	return DP_OK;
}

// OP_RETURN, push of 36 bytes, the four bytes that mark a witness commitment (BIP 141).
static const uint8_t *commitment_in(const uint8_t *script, uint64_t n)
{
	static const uint8_t mark[6] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
	if (n < sizeof mark + 32 || memcmp(script, mark, sizeof mark) != 0) return NULL;
	return script + sizeof mark;
}

static dp_code read_outputs(cursor *c)
{
	uint64_t count, n, sum = 0;
	const uint8_t *value, *script;
	c->where = PLACE_TX;
	if (!take_count_of(c, OUTPUT_SIZE_MIN, &count)) return bad_read(c);
	if (count == 0) return bad(c, "has no outputs");
	c->where = PLACE_OUTPUT;
	for (c->item = 0; c->item < count; c->item++) {
		size_t at = c->at;
		if (!take(c, 8, &value) || !take_count(c, &n) || !take(c, n, &script))
			return bad_read(c);
		uint64_t v = load64(value);
		// Neither is above 10^18, the most of any chain, when the sum is taken.
		if (v > c->money_max || sum + v > c->money_max) {
			c->at = at;
			return bad(c, v > c->money_max
			                  ? "is worth more than there can be"
			                  : "makes the outputs worth more than there can be");
		}
		sum += v;
		dp_movement *mv;
		DP_TRY(new_row(c, &mv));
		mv->kind = DP_MV_OUTPUT;
		mv->asset = c->asset;
		mv->amount = dp_u256_of(v);
		dp_addr_of_output(&mv->to, c->chain, script, (size_t)n);
		if (n > 1 && script[0] == OP_RETURN)
			DP_TRY(dp_builder_note_output(c->builder, c->item, script, (size_t)n,
			                              c->fault));
		// The last commitment counts when there are several.
		const uint8_t *found = c->tx == 0 ? commitment_in(script, n) : NULL;
		if (found != NULL) c->commitment = found;
	}
	if (c->tx == 0) c->info.coinbase_value = sum;
	return DP_OK;
}

// The witness of `count` inputs; all of them empty is not the form of a witness (BIP 144).
static dp_code read_witness(cursor *c, uint64_t count)
{
	const uint8_t *item = NULL;
	bool is_empty = true;
	c->where = PLACE_WITNESS;
	for (c->item = 0; c->item < count; c->item++) {
		uint64_t items, n = 0;
		if (!take_count_of(c, 1, &items)) return bad_read(c);
		is_empty = is_empty && items == 0;
		for (uint64_t i = 0; i < items; i++)
			if (!take_count(c, &n) || !take(c, n, &item)) return bad_read(c);
		if (c->tx == 0 && items == 1 && n == 32) c->reserved = item;
	}
	c->where = PLACE_TX;
	if (is_empty) return bad(c, "is marked as having a witness and has none");
	c->info.has_witness = true;
	return DP_OK;
}

static void add_job(cursor *c, const uint8_t *head, const uint8_t *body, size_t body_size,
                    const uint8_t *tail, uint8_t *ret)
{
	DP_CHECK(c->job_count < c->decoder->job_cap);
	c->decoder->job[c->job_count++] = (dp_sha256d_job){
	    .head = head,
	    .head_size = head == NULL ? 0 : 4,
	    .body = body,
	    .body_size = body_size,
	    .tail = tail,
	    .tail_size = tail == NULL ? 0 : 4,
	    .ret = ret,
	};
}

// The parts that a marker announces behind it.
static dp_code read_flag(cursor *c, bool *ret_has_witness)
{
	*ret_has_witness = c->is_hogex = false;
	if (c->size - c->at < 2 || c->p[c->at] != 0) return DP_OK;
	uint8_t flag = c->p[c->at + 1];
	*ret_has_witness = flag == FLAG_WITNESS && c->chain->hrp != NULL;
	c->is_hogex = flag == FLAG_MWEB && c->chain->has_mweb;
	if (!*ret_has_witness && !c->is_hogex) return bad(c, "has no inputs or an unknown flag");
	if (c->is_hogex && (c->tx == 0 || c->tx + 1 != c->tx_count))
		return bad(c, "books the MimbleWimble part and is not the last transaction");
	c->at += 2;
	return DP_OK;
}

static dp_code read_tx(cursor *c)
{
	dp_tx *tx;
	dp_block *block = &c->builder->block;
	const uint8_t *version, *lock_time, *own_mweb = NULL;
	size_t start = c->at;
	uint32_t mv_first = block->mv_count;
	bool has_witness;
	c->where = PLACE_TX;
	DP_TRY(dp_builder_tx(c->builder, &tx, c->fault));
	if (!take(c, 4, &version)) return bad_read(c);
	DP_TRY(read_flag(c, &has_witness));
	size_t body = c->at;
	DP_TRY(read_inputs(c));
	// A coinbase has one input, which is no row.
	uint64_t input_count = c->tx == 0 ? 1 : block->mv_count - mv_first;
	DP_TRY(read_outputs(c));
	c->where = PLACE_TX;
	size_t body_end = c->at;
	if (has_witness) DP_TRY(read_witness(c, input_count));
	if (c->is_hogex && !take(c, 1, &own_mweb)) return bad_read(c);
	if (own_mweb != NULL && *own_mweb != 0)
		return bad(c, "carries MimbleWimble data of its own, which none in a block does");
	if (!take(c, 4, &lock_time)) return bad_read(c);

	uint8_t *txid = c->decoder->txid + 32 * (size_t)c->tx;
	uint8_t *wtxid = c->decoder->wtxid + 32 * (size_t)c->tx;
	if (!has_witness) memset(wtxid, 0, 32); // the mark of "same as the txid", see check_witness
	if (has_witness || c->is_hogex)
		add_job(c, version, c->p + body, body_end - body, lock_time, txid);
	else
		add_job(c, NULL, c->p + start, c->at - start, NULL, txid);
	if (has_witness) add_job(c, NULL, c->p + start, c->at - start, NULL, wtxid);
	tx = &block->tx[c->tx];
	tx->mv_first = mv_first;
	tx->mv_count = block->mv_count - mv_first;
	tx->flags = c->tx == 0 ? DP_TXF_COINBASE : 0;
	return DP_OK;
}

//- what the hashes prove -------------------------------------------------------------------------

// Folds `count` hashes to their root, in place; there must be room for one more. False when two
// neighbours are equal: the pairing of an odd one with itself lets a list be lengthened without
// changing its root (CVE-2012-2459), so equal neighbours are refused as Bitcoin Core does.
static bool merkle_fold(uint8_t *node, size_t count)
{
	DP_CHECK(node != NULL && count > 0);
	bool is_sound = true;
	while (count > 1) {
		for (size_t i = 0; i + 1 < count; i += 2)
			if (memcmp(node + 32 * i, node + 32 * i + 32, 32) == 0) is_sound = false;
		if (count % 2 != 0) {
			memcpy(node + 32 * count, node + 32 * (count - 1), 32);
			count++;
		}
		dp_sha256d_64(node, node, count / 2);
		count /= 2;
	}
	return is_sound;
}

static uint64_t table_size(uint64_t count)
{
	uint64_t size = 16;
	while (size < 2 * count) size *= 2;
	DP_CHECK(size <= SLOT_COUNT_MAX);
	return size;
}

// The place of `txid` in the table, or the free place where it belongs.
static uint32_t *tx_slot(const dp_bitcoin_decoder *d, const uint8_t txid[32])
{
	uint64_t at = XXH3_64bits_withSeed(txid, 32, d->seed);
	DP_CHECK(d->slot != NULL);
	for (;; at++) {
		uint32_t *slot = &d->slot[at & d->slot_mask];
		if (*slot == 0) return slot;
		if (memcmp(d->txid + 32 * (size_t)(*slot - 1), txid, 32) == 0) return slot;
	}
}

static dp_code index_txids(cursor *c)
{
	dp_bitcoin_decoder *d = c->decoder;
	uint64_t size = table_size(c->builder->block.tx_count);
	DP_TRY(dp_grow((void **)&d->slot, &d->slot_cap, sizeof *d->slot, size, SLOT_COUNT_MAX,
	               c->fault));
	memset(d->slot, 0, size * sizeof *d->slot);
	d->slot_mask = size - 1;
	for (c->tx = 0; c->tx < c->builder->block.tx_count; c->tx++) {
		uint32_t *slot = tx_slot(d, d->txid + 32 * (size_t)c->tx);
		if (*slot != 0) {
			c->where = PLACE_TX;
			return bad(c, "is in this block twice");
		}
		*slot = c->tx + 1;
	}
	d->tx_count = c->tx;
	return DP_OK;
}

// No coin may be spent twice in one block (CVE-2018-17144 was such a one inside one transaction).
static dp_code check_double_spends(cursor *c, uint32_t first)
{
	dp_bitcoin_decoder *d = c->decoder;
	const dp_block *block = &c->builder->block;
	uint64_t size = table_size(c->info.input_count), mask = size - 1;
	DP_TRY(dp_grow((void **)&d->spent_slot, &d->spent_slot_cap, sizeof *d->spent_slot, size,
	               SLOT_COUNT_MAX, c->fault));
	memset(d->spent_slot, 0, size * sizeof *d->spent_slot);
	for (c->tx = first; c->tx < block->tx_count; c->tx++) {
		const dp_tx *tx = &block->tx[c->tx];
		for (uint32_t i = 0; i < tx->mv_count; i++) {
			const dp_movement *mv = &block->mv[tx->mv_first + i];
			if (mv->kind != DP_MV_INPUT) break; // outputs follow the inputs
			const dp_outpoint *spent = &mv->spent;
			uint64_t at = XXH3_64bits_withSeed(spent, sizeof *spent, d->seed);
			uint32_t *slot = &d->spent_slot[at & mask];
			for (; *slot != 0; slot = &d->spent_slot[++at & mask])
				if (memcmp(&block->mv[*slot - 1].spent, spent, sizeof *spent) ==
				    0) {
					c->where = PLACE_INPUT;
					c->item = i;
					return bad(c,
					           "spends a coin that this block spends already");
				}
			*slot = tx->mv_first + i + 1;
		}
	}
	return DP_OK;
}

// BIP 141: SHA-256d of (root of the wtxids, with zeros for the coinbase's, and the reserved value
// in the coinbase's witness) stands in an output of the coinbase.
static dp_code check_witness(cursor *c)
{
	static const uint8_t zero[32];
	const dp_block *block = &c->builder->block;
	c->where = PLACE_BLOCK;
	// Before the rule was in force, miners already wrote commitments and no witnesses.
	if (!c->info.has_witness) return DP_OK;
	if (c->commitment == NULL) return bad(c, "has witnesses and no commitment to them");
	if (c->reserved == NULL)
		return bad(c, "the coinbase's witness must be one item of 32 bytes (BIP 141)");
	uint8_t *wtxid = c->decoder->wtxid;
	memset(wtxid, 0, 32);
	for (size_t i = 1; i < block->tx_count; i++)
		if (memcmp(wtxid + 32 * i, zero, 32) == 0)
			memcpy(wtxid + 32 * i, c->decoder->txid + 32 * i, 32);
	bool is_sound = merkle_fold(wtxid, block->tx_count);
	uint8_t pair[64], hash[32];
	memcpy(pair, wtxid, 32);
	memcpy(pair + 32, c->reserved, 32);
	dp_sha256d(hash, pair, sizeof pair);
	if (!is_sound || memcmp(hash, c->commitment, 32) != 0)
		return bad(c, "the witnesses do not match the commitment in the coinbase: the file "
		              "is damaged");
	return DP_OK;
}

//- transactions in any order ---------------------------------------------------------------------

// Which transaction of the block made what row `row` spends; UINT32_MAX when none did.
static uint32_t maker_of(const cursor *c, uint32_t row)
{
	const uint32_t *slot = tx_slot(c->decoder, c->builder->block.mv[row].spent.txid);
	return *slot == 0 ? UINT32_MAX : *slot - 1;
}

static bool is_input(const dp_block *block, const dp_tx *tx, uint32_t row)
{
	return row < tx->mv_first + tx->mv_count && block->mv[row].kind == DP_MV_INPUT;
}

// Does every transaction come after those it spends from?
static bool is_in_order(const cursor *c)
{
	const dp_block *block = &c->builder->block;
	for (uint32_t t = 1; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		for (uint32_t row = tx->mv_first; is_input(block, tx, row); row++) {
			uint32_t maker = maker_of(c, row);
			if (maker != UINT32_MAX && maker >= t) return false;
		}
	}
	return true;
}

enum { PLACE_OPEN = 0, PLACE_ON_STACK = UINT32_MAX };

// Places `first` behind all that it spends from. Depth first, with a stack of our own: chains of
// spending in a block may be as long as the block.
static dp_code place_tx(cursor *c, uint32_t first, uint32_t *io_count)
{
	dp_bitcoin_decoder *d = c->decoder;
	const dp_block *block = &c->builder->block;
	uint32_t depth = 0;
	if (d->place[first] != PLACE_OPEN) return DP_OK;
	d->visit[depth++] = (struct dp_bitcoin_visit){first, block->tx[first].mv_first};
	d->place[first] = PLACE_ON_STACK;
	while (depth > 0) {
		struct dp_bitcoin_visit *v = &d->visit[depth - 1];
		const dp_tx *tx = &block->tx[v->tx];
		uint32_t maker = UINT32_MAX;
		while (maker == UINT32_MAX && is_input(block, tx, v->row)) {
			maker = maker_of(c, v->row++);
			if (maker == UINT32_MAX || d->place[maker] == PLACE_OPEN) continue;
			// An id is a hash of the ids it spends from: a circle would be a collision.
			if (d->place[maker] == PLACE_ON_STACK) {
				c->where = PLACE_TX;
				c->tx = v->tx;
				return bad(c, "spends from itself in a circle");
			}
			maker = UINT32_MAX;
		}
		if (maker == UINT32_MAX) {
			d->order[*io_count] = v->tx;
			d->place[v->tx] = ++*io_count;
			depth--;
			continue;
		}
		DP_CHECK(depth < block->tx_count);
		d->visit[depth++] = (struct dp_bitcoin_visit){maker, block->tx[maker].mv_first};
		d->place[maker] = PLACE_ON_STACK;
	}
	return DP_OK;
}

// Notes follow their transactions; what they carry stays where it is. There are few, so that each
// transaction's are found by search.
static dp_code move_notes(cursor *c)
{
	dp_bitcoin_decoder *d = c->decoder;
	dp_block_builder *b = c->builder;
	dp_block *block = &b->block;
	uint32_t at = 0;
	if (block->note_count == 0) return DP_OK;
	DP_TRY(dp_grow((void **)&d->note_spare, &d->note_spare_cap, sizeof *d->note_spare,
	               block->note_count, DP_NOTES_MAX, c->fault));
	for (uint32_t i = 0; i < block->tx_count; i++) {
		uint32_t first, count;
		dp_block_notes(block, &first, &count, d->order[i]);
		for (uint32_t k = 0; k < count; k++) {
			d->note_spare[at] = block->note[first + k];
			d->note_spare[at++].tx = i;
		}
	}
	DP_CHECK(at == block->note_count);
	dp_note *note = block->note;
	uint64_t note_cap = b->note_cap;
	block->note = d->note_spare;
	b->note_cap = d->note_spare_cap;
	d->note_spare = note;
	d->note_spare_cap = note_cap;
	return DP_OK;
}

// Moves rows, transactions and ids to their places, and the table of ids along with them.
static void move_to_places(cursor *c)
{
	dp_bitcoin_decoder *d = c->decoder;
	dp_block_builder *b = c->builder;
	dp_block *block = &b->block;
	uint32_t at = 0;
	for (uint32_t i = 0; i < block->tx_count; i++) {
		const dp_tx *tx = &block->tx[d->order[i]];
		d->tx_spare[i] = *tx;
		d->tx_spare[i].mv_first = at;
		memcpy(d->mv_spare + at, block->mv + tx->mv_first,
		       tx->mv_count * sizeof *block->mv);
		memcpy(d->node + 32 * (size_t)i, d->txid + 32 * (size_t)d->order[i], 32);
		at += tx->mv_count;
	}
	DP_CHECK(at == block->mv_count);
	memcpy(d->txid, d->node, 32 * (size_t)block->tx_count);
	for (uint64_t i = 0; i <= d->slot_mask; i++)
		if (d->slot[i] != 0) d->slot[i] = d->place[d->slot[i] - 1];
	dp_tx *tx = block->tx;
	dp_movement *mv = block->mv;
	uint64_t tx_cap = b->tx_cap, mv_cap = b->mv_cap;
	block->tx = d->tx_spare;
	block->mv = d->mv_spare;
	b->tx_cap = d->tx_spare_cap;
	b->mv_cap = d->mv_spare_cap;
	d->tx_spare = tx;
	d->mv_spare = mv;
	d->tx_spare_cap = tx_cap;
	d->mv_spare_cap = mv_cap;
}

// Stable: a transaction moves only as far as those that spend from it force it to. Costs one
// look-up for each input where nothing has to move.
static dp_code put_in_order(cursor *c)
{
	dp_bitcoin_decoder *d = c->decoder;
	dp_block_builder *b = c->builder;
	uint32_t n = b->block.tx_count, count = 0;
	if (is_in_order(c)) return DP_OK;
	DP_TRY(dp_grow((void **)&d->order, &d->order_cap, sizeof *d->order, n, TX_COUNT_MAX,
	               c->fault));
	DP_TRY(dp_grow((void **)&d->place, &d->place_cap, sizeof *d->place, n, TX_COUNT_MAX,
	               c->fault));
	DP_TRY(dp_grow((void **)&d->visit, &d->visit_cap, sizeof *d->visit, n, TX_COUNT_MAX,
	               c->fault));
	DP_TRY(dp_grow((void **)&d->tx_spare, &d->tx_spare_cap, sizeof *d->tx_spare, n,
	               DP_BLOCK_TX_MAX, c->fault));
	DP_TRY(dp_grow((void **)&d->mv_spare, &d->mv_spare_cap, sizeof *d->mv_spare,
	               b->block.mv_count, DP_BLOCK_MV_MAX, c->fault));
	memset(d->place, 0, n * sizeof *d->place);
	for (uint32_t t = 0; t < n; t++) DP_TRY(place_tx(c, t, &count));
	DP_CHECK(count == n && d->order[0] == 0); // the coinbase spends nothing and stays first
	DP_TRY(move_notes(c));
	move_to_places(c);
	d->is_reordered = true;
	return DP_OK;
}

static dp_code check_hashes(cursor *c)
{
	dp_bitcoin_decoder *d = c->decoder;
	dp_block *block = &c->builder->block;
	DP_CHECK(block->tx_count > 0);
	dp_sha256d_many(d->job, c->job_count);
	for (uint32_t i = 0; i < block->tx_count; i++)
		memcpy(block->tx[i].id, d->txid + 32 * (size_t)i, 32);
	memcpy(d->node, d->txid, 32 * (size_t)block->tx_count);
	bool is_sound = merkle_fold(d->node, block->tx_count);
	c->where = PLACE_BLOCK;
	c->at = 36; // of the merkle root
	if (memcmp(d->node, c->info.header.merkle_root, 32) != 0)
		return bad(c,
		           "the transactions do not match the merkle root in the header: the file "
		           "is damaged");
	if (!is_sound)
		return bad(c,
		           "transactions are repeated in a way that leaves the merkle root as it "
		           "was (CVE-2012-2459)");
	DP_TRY(check_witness(c));
	c->at = DP_BITCOIN_HEADER_SIZE;
	DP_TRY(index_txids(c));
	DP_TRY(check_double_spends(c, 1)); // the coinbase spends nothing
	return c->chain->any_order ? put_in_order(c) : DP_OK;
}

//- the block -------------------------------------------------------------------------------------

static dp_code make_room(dp_bitcoin_decoder *d, uint64_t tx_count, dp_fault *fault)
{
	enum { NODES_MAX = TX_COUNT_MAX + 1 };
	DP_CHECK(tx_count > 0 && tx_count <= TX_COUNT_MAX);
	DP_TRY(dp_grow((void **)&d->job, &d->job_cap, sizeof *d->job, 2 * tx_count,
	               2 * (uint64_t)TX_COUNT_MAX, fault));
	// One more than there are transactions, for the odd one that is paired with itself.
	DP_TRY(dp_grow((void **)&d->txid, &d->txid_cap, 32, tx_count + 1, NODES_MAX, fault));
	DP_TRY(dp_grow((void **)&d->wtxid, &d->wtxid_cap, 32, tx_count + 1, NODES_MAX, fault));
	return dp_grow((void **)&d->node, &d->node_cap, 32, tx_count + 1, NODES_MAX, fault);
}

// Behind a HogEx: a byte that says whether the MimbleWimble part follows, and that to the end. Its
// bytes are committed to by a hash that this project has no other use for (BLAKE3), so that damage
// to them is not found here; nothing is read from them either.
static dp_code skip_mweb(cursor *c)
{
	const uint8_t *has_part;
	if (!take(c, 1, &has_part)) return bad_read(c);
	if (*has_part == 0) return DP_OK;
	if (*has_part != 1 || c->at == c->size)
		return bad(c, "the MimbleWimble part behind the transactions is malformed");
	c->at = c->size;
	return DP_OK;
}

dp_code dp_bitcoin_decode(dp_bitcoin_info *ret_info, dp_bitcoin_decoder *decoder,
                          dp_block_builder *builder, const dp_chain *chain, uint64_t height,
                          const uint8_t *bytes, size_t size, dp_fault *fault)
{
	DP_CHECK(ret_info != NULL && decoder != NULL && builder != NULL);
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	decoder->tx_count = 0;
	decoder->is_reordered = false;
	if (size < DP_BITCOIN_BLOCK_SIZE_MIN)
		return dp_fail_offset(fault, DP_BAD_BYTES, size,
		                      "a block has at least %d bytes, this one has %zu",
		                      DP_BITCOIN_BLOCK_SIZE_MIN, size);
	if (size > chain->block_size_max)
		return dp_fail_offset(fault, DP_BAD_BYTES, chain->block_size_max,
		                      "a block has at most %u bytes, this one has %zu",
		                      chain->block_size_max, size);
	cursor c = {.p = bytes,
	            .size = size,
	            .at = DP_BITCOIN_HEADER_SIZE,
	            .fault = fault,
	            .decoder = decoder,
	            .builder = builder,
	            .chain = chain,
	            .money_max = chain->money_max,
	            .asset = dp_asset_native(chain)};
	dp_bitcoin_header_decode(&c.info.header, bytes);
	dp_builder_start(builder, chain, height, (int64_t)c.info.header.time);
	memcpy(builder->block.hash, c.info.header.hash, 32);
	memcpy(builder->block.prev, c.info.header.prev, 32);
	if (!skip_auxpow(&c, c.info.header.version)) return bad_read(&c);
	if (!take_count_of(&c, TX_SIZE_MIN, &c.tx_count)) return bad_read(&c);
	if (c.tx_count == 0) return bad(&c, "has no transactions");
	if (c.tx_count > TX_COUNT_MAX) return bad(&c, "has more transactions than we can hold");
	DP_TRY(make_room(decoder, c.tx_count, fault));
	for (c.tx = 0; c.tx < c.tx_count; c.tx++) DP_TRY(read_tx(&c));
	c.where = PLACE_BLOCK;
	if (c.is_hogex) DP_TRY(skip_mweb(&c));
	if (c.at != size) return bad(&c, "bytes follow the last transaction");
	DP_TRY(check_hashes(&c));
	*ret_info = c.info;
	return DP_OK;
}

//- one transaction -------------------------------------------------------------------------------

// The parts of a transaction that stands alone. It is none that only a block can hold: no coinbase
// (number 0) and no HogEx (the last of a count).
static dp_code read_alone(cursor *c, uint8_t ret_id[32])
{
	const uint8_t *version, *lock_time;
	dp_sha256d_state s;
	bool has_witness;
	c->where = PLACE_TX;
	c->tx = 1;
	if (!take(c, 4, &version)) return bad_read(c);
	DP_TRY(read_flag(c, &has_witness));
	size_t body = c->at;
	DP_TRY(read_inputs(c));
	uint64_t input_count = c->builder->block.mv_count;
	DP_TRY(read_outputs(c));
	c->where = PLACE_TX;
	size_t body_end = c->at;
	if (has_witness) DP_TRY(read_witness(c, input_count));
	if (!take(c, 4, &lock_time)) return bad_read(c);
	if (c->at != c->size) return bad(c, "bytes follow the transaction");
	dp_sha256d_init(&s);
	dp_sha256d_update(&s, version, 4);
	dp_sha256d_update(&s, c->p + body, body_end - body);
	dp_sha256d_update(&s, lock_time, 4);
	dp_sha256d_final(&s, ret_id);
	return DP_OK;
}

dp_code dp_bitcoin_decode_tx(dp_bitcoin_decoder *decoder, dp_block_builder *builder,
                             const dp_chain *chain, uint64_t height, int64_t time,
                             const uint8_t *bytes, size_t size, dp_fault *fault)
{
	DP_CHECK(decoder != NULL && builder != NULL && (bytes != NULL || size == 0));
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_UTXO);
	dp_tx *tx;
	dp_block *block = &builder->block;
	if (size > chain->block_size_max)
		return dp_fail_offset(fault, DP_BAD_BYTES, chain->block_size_max,
		                      "a transaction is smaller than a block, this has %zu bytes",
		                      size);
	decoder->tx_count = 0; // of the block decoded before
	decoder->is_reordered = false;
	cursor c = {.p = bytes,
	            .size = size,
	            .fault = fault,
	            .decoder = decoder,
	            .builder = builder,
	            .chain = chain,
	            .money_max = chain->money_max,
	            .asset = dp_asset_native(chain)};
	uint8_t id[32];
	dp_builder_start(builder, chain, height, time);
	DP_TRY(dp_builder_tx(builder, &tx, fault));
	DP_TRY(read_alone(&c, id));
	memcpy(block->tx[0].id, id, 32);
	block->tx[0].mv_count = block->mv_count;
	return check_double_spends(&c, 0);
}

bool dp_bitcoin_find_tx(const dp_bitcoin_decoder *decoder, uint32_t *ret_index,
                        const uint8_t txid[32])
{
	DP_CHECK(decoder != NULL && ret_index != NULL);
	if (decoder->tx_count == 0) return false;
	const uint32_t *slot = tx_slot(decoder, txid);
	if (*slot == 0) return false;
	*ret_index = *slot - 1;
	return true;
}

const uint32_t *dp_bitcoin_order(const dp_bitcoin_decoder *decoder)
{
	DP_CHECK(decoder != NULL);
	DP_CHECK(!decoder->is_reordered || decoder->order != NULL);
	return decoder->is_reordered && decoder->tx_count > 0 ? decoder->order : NULL;
}

void dp_bitcoin_decoder_done(dp_bitcoin_decoder *decoder)
{
	DP_CHECK(decoder != NULL);
	dp_free(decoder->job);
	dp_free(decoder->txid);
	dp_free(decoder->wtxid);
	dp_free(decoder->node);
	dp_free(decoder->slot);
	dp_free(decoder->spent_slot);
	dp_free(decoder->order);
	dp_free(decoder->place);
	dp_free(decoder->visit);
	dp_free(decoder->tx_spare);
	dp_free(decoder->mv_spare);
	dp_free(decoder->note_spare);
	*decoder = (dp_bitcoin_decoder){.seed = decoder->seed};
}

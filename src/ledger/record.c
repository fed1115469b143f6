// A block as bytes, see record.h. Everything little-endian.
//
//   offset  size
//        0    8  height
//        8    8  time, unix seconds, signed
//       16   32  hash, never all zero
//       48   32  hash of the block before; zero when the source had none
//       80    8  gaps (DP_GAP_*)
//       88    4  transactions
//       92    4  movements
//       96    4  movements of no listed asset
//      100    4  DP_LEDGER_BLOCK_* flags
//      104  ...  transactions
//      ...  ...  with flag NOTES: how many notes (varint, not 0), and the notes
//
// A transaction: 32 bytes of id, one byte of flags (DP_TXF_*), the number of its movements as a
// varint (LEB128: seven bits a byte, lowest first, bit 7 says that more come), its movements.
//
// A movement of an account chain:
//
//   1 byte   kind in bits 0..3, flags in bits 4..7
//   asset    1 byte dp_ledger_asset, then
//              NONE      20 bytes of contract, 1 byte n <= 15, n bytes of symbol without a zero
//              NATIVE    nothing
//              CONTRACT  20 bytes of contract
//              SYMBOL    (sums in fiat; shares of a rebasing token, whose contract stands for the
//                        token itself) 1 byte n = 1..23, n bytes of symbol without a zero
//   amount   1 byte n <= 32, n bytes, the last of them not zero
//   from     an address
//   to       an address
//
// A movement of a UTXO chain; its asset is the chain's native one and not written:
//
//   1 byte   kind and flags
//   INPUT    32 bytes of the spent transaction's id, varint output number, from, amount
//   OUTPUT   to, amount
//
// An address: 1 byte kind (dp_addr_kind); for WITNESS and NAME, whose length varies, 1 byte n =
// 1..32; its bytes. All other kinds have one length (address_size below): nobody and NULLDATA none.
//
// A note: how many transactions it lies behind the one of the note before it (the first: behind the
// block's first transaction), as a varint, then the note (note_cell.c). A block without notes has
// the bytes that it had when ledgers kept none.
//
// There is one way to write a block: numbers are as short as they can be, and what nobody writes
// (bits without meaning, an input behind an output, a coinbase with inputs) is refused. So a record
// that is read and written again is the same bytes, which is what the fuzz target checks, and a
// segment taken back to records gives the records it was made from.
//
// Speed. Every imported row is written once and walked twice or more, so both ways work without a
// test for room at every field: a row has a largest size, and where that much is left (everywhere
// but at the very end of a record, or after the buffer grew) fields are moved as whole words and
// what is too much is masked away. The careful way is the same code with `roomy` false.
#include "ledger/record.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	HEAD_SIZE = 104,
	TX_SIZE_MIN = 32 + 1 + 1,
	ROW_SIZE_MIN_ACCOUNT = 1 + 1 + 1 + 1 + 1,
	ROW_SIZE_MIN_UTXO = 1 + 1 + 1,
	SYMBOL_NOISE_MAX = 15, // dp_movement.noise.symbol holds a terminator, too
	SYMBOL_MAX = 23,       // dp_ledger_class.symbol as well
	ADDR_SIZE_MAX = 1 + 1 + 32,
	AMOUNT_SIZE_MAX = 1 + 32,
	ASSET_SIZE_MAX = 1 + 20 + 1 + SYMBOL_MAX,
	VARINT_SIZE_MAX = 5,
	ROW_SIZE_MAX = 1 + ASSET_SIZE_MAX + AMOUNT_SIZE_MAX + 2 * ADDR_SIZE_MAX,
	WORD_SLACK = 32, // a field's last word may reach so far behind the row
	ROOM = ROW_SIZE_MAX + WORD_SLACK,
	TX_SIZE_MAX = 32 + 1 + VARINT_SIZE_MAX,
	TX_FLAGS = DP_TXF_COINBASE | DP_TXF_FAILED,
	RECORD_FLAGS = DP_LEDGER_BLOCK_BEGINS | DP_LEDGER_BLOCK_NOTES,
	ROW_FLAGS = DP_MVF_VALUE_UNKNOWN | DP_MVF_FAILED | DP_MVF_UNSIGNED_ZERO,
	VARIES = 0xff
};

_Static_assert(DP_MV_KIND_COUNT <= 16 && ROW_FLAGS <= 15, "kind and flags share a byte");
_Static_assert(TX_FLAGS <= 3, "a segment keeps two bits of them");
_Static_assert(1 + 32 + VARINT_SIZE_MAX + ADDR_SIZE_MAX + AMOUNT_SIZE_MAX <= ROW_SIZE_MAX,
               "account rows are the larger ones");
_Static_assert(sizeof(dp_record_head) == HEAD_SIZE, "the head is moved as it is");

// Bytes of an address of each kind, as address.h tells and address.c makes them.
static const uint8_t address_size[DP_ADDR_KIND_COUNT] = {
    [DP_ADDR_NONE] = 0,      [DP_ADDR_EVM] = 20,         [DP_ADDR_P2PKH] = 20,
    [DP_ADDR_P2SH] = 20,     [DP_ADDR_P2WPKH] = 20,      [DP_ADDR_P2WSH] = 32,
    [DP_ADDR_P2TR] = 32,     [DP_ADDR_WITNESS] = VARIES, [DP_ADDR_P2PK] = 20,
    [DP_ADDR_MULTISIG] = 32, [DP_ADDR_SCRIPT] = 32,      [DP_ADDR_NULLDATA] = 0,
    [DP_ADDR_NAME] = VARIES,
};

// The 32 bytes at ones_then_zeros + 32 - n keep the first n bytes of a field.
static const uint8_t ones_then_zeros[64] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

//- growing ---------------------------------------------------------------------------------------

dp_code dp_bytes_out_room(dp_bytes_out *out, uint64_t n, dp_fault *fault)
{
	DP_CHECK(out != NULL && out->size <= out->cap);
	if (out->cap - out->size >= n) return DP_OK;
	if (n > DP_RECORD_SIZE_MAX - out->size)
		return dp_fail(fault, DP_LIMIT, "the blocks at hand need more than %llu bytes",
		               (unsigned long long)DP_RECORD_SIZE_MAX);
	void *bytes = out->bytes;
	DP_TRY(dp_grow(&bytes, &out->cap, 1, out->size + n, DP_RECORD_SIZE_MAX, fault));
	out->bytes = bytes;
	return DP_OK;
}

void dp_bytes_out_done(dp_bytes_out *out)
{
	if (out == NULL) return;
	dp_free(out->bytes);
	memset(out, 0, sizeof *out);
}

//- writing ---------------------------------------------------------------------------------------

// All put_ functions write at p, may spoil WORD_SLACK bytes behind, and return where they ended.
ALWAYS_INLINE uint8_t *put_varint(uint8_t *p, uint32_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

ALWAYS_INLINE uint8_t *put_amount(uint8_t *p, const dp_u256 *a)
{
	int top = 3;
	while (top > 0 && a->w[top] == 0) top--;
	uint64_t w = a->w[top];
	unsigned n = (unsigned)top * 8 + (w == 0 ? 0 : (71u - (unsigned)__builtin_clzll(w)) / 8);
	*p = (uint8_t)n;
	if (__builtin_expect(top == 0, 1))
		memcpy(p + 1, a->w, 8);
	else
		memcpy(p + 1, a->w, 32);
	return p + 1 + n;
}

ALWAYS_INLINE uint8_t *put_addr(uint8_t *p, const dp_addr *a)
{
	DP_CHECK(a->kind < DP_ADDR_KIND_COUNT);
	unsigned n = address_size[a->kind];
	*p++ = a->kind;
	if (__builtin_expect(n == VARIES, 0)) {
		n = a->len;
		DP_CHECK(n >= 1 && n <= sizeof a->bytes);
		*p++ = (uint8_t)n;
	}
	DP_CHECK(a->len == n); // whoever made it broke address.h
	memcpy(p, a->bytes, 32);
	return p + n;
}

void dp_ledger_asset_of(dp_asset a, dp_ledger_class *ret_class)
{
	DP_CHECK(ret_class != NULL);
	ret_class->asset = DP_LEDGER_ASSET_NONE;
	memset(ret_class->contract, 0, sizeof ret_class->contract);
	memset(ret_class->symbol, 0, sizeof ret_class->symbol);
	if (a.v == 0) return;
	const dp_asset_info *info = dp_asset_info_of(a);
	bool share = dp_asset_nominal(a).v != 0; // its contract stands for the token
	if (info->has_contract && !share) {
		ret_class->asset = DP_LEDGER_ASSET_CONTRACT;
		memcpy(ret_class->contract, info->contract, 20);
	} else if (info->chain != NULL && !share) {
		ret_class->asset = DP_LEDGER_ASSET_NATIVE;
	} else {
		size_t n = strlen(info->symbol);
		DP_CHECK(n >= 1 && n <= SYMBOL_MAX);
		ret_class->asset = DP_LEDGER_ASSET_SYMBOL;
		memcpy(ret_class->symbol, info->symbol, n);
	}
}

// A claim: contract and symbol of something that is not on the list.
static uint8_t *put_noise(uint8_t *p, const dp_movement *mv)
{
	size_t n = strnlen(mv->noise.symbol, sizeof mv->noise.symbol);
	DP_CHECK(n <= SYMBOL_NOISE_MAX);
	*p++ = DP_LEDGER_ASSET_NONE;
	memcpy(p, mv->noise.contract, 20);
	p[20] = (uint8_t)n;
	memcpy(p + 21, mv->noise.symbol, 16);
	return p + 21 + n;
}

// A listed asset: it must be one of this chain, or belong to none.
static uint8_t *put_asset(uint8_t *p, dp_asset a, const dp_chain *chain)
{
	const dp_asset_info *info = dp_asset_info_of(a);
	DP_CHECK(info->chain == NULL || info->chain == chain);
	bool share = dp_asset_nominal(a).v != 0;
	if (__builtin_expect(info->has_contract && !share, 1)) {
		*p = DP_LEDGER_ASSET_CONTRACT;
		memcpy(p + 1, info->contract, 20);
		return p + 21;
	}
	DP_CHECK(info->chain == NULL || share); // native was written by the caller
	dp_ledger_class class;
	dp_ledger_asset_of(a, &class);
	size_t n = strlen(class.symbol);
	*p++ = class.asset;
	*p++ = (uint8_t)n;
	memcpy(p, class.symbol, sizeof class.symbol);
	return p + n;
}

ALWAYS_INLINE uint8_t *put_account_row(uint8_t *p, const dp_movement *mv, dp_asset native,
                                       const dp_chain *chain)
{
	DP_CHECK(mv->kind >= DP_MV_NATIVE && mv->kind < DP_MV_KIND_COUNT);
	*p++ = (uint8_t)(mv->kind | mv->flags << 4);
	if (mv->asset.v == native.v)
		*p++ = DP_LEDGER_ASSET_NATIVE;
	else if (mv->asset.v == 0)
		p = put_noise(p, mv);
	else
		p = put_asset(p, mv->asset, chain);
	p = put_amount(p, &mv->amount);
	p = put_addr(p, &mv->from);
	return put_addr(p, &mv->to);
}

ALWAYS_INLINE uint8_t *put_utxo_row(uint8_t *p, const dp_movement *mv)
{
	*p++ = (uint8_t)(mv->kind | mv->flags << 4);
	if (mv->kind == DP_MV_INPUT) {
		DP_CHECK(mv->to.kind == DP_ADDR_NONE); // block.h: not a field of an input
		memcpy(p, mv->spent.txid, 32);
		p = put_varint(p + 32, mv->spent.vout);
		p = put_addr(p, &mv->from);
	} else {
		DP_CHECK(mv->kind == DP_MV_OUTPUT && mv->from.kind == DP_ADDR_NONE);
		p = put_addr(p, &mv->to);
	}
	return put_amount(p, &mv->amount);
}

// The rows of one transaction. *io_noise counts those of no listed asset.
static dp_code put_rows(dp_bytes_out *out, uint32_t *io_noise, const dp_block *block,
                        const dp_tx *tx, dp_fault *fault)
{
	bool utxo = block->chain->kind == DP_CHAIN_UTXO;
	dp_asset native = dp_asset_native(block->chain);
	DP_CHECK(tx->mv_count <= block->mv_count && tx->mv_first <= block->mv_count - tx->mv_count);
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &block->mv[tx->mv_first + i];
		DP_CHECK((mv->flags & ~ROW_FLAGS) == 0);
		if (__builtin_expect(out->cap - out->size < ROOM, 0))
			DP_TRY(dp_bytes_out_room(out, ROOM, fault));
		uint8_t *p = out->bytes + out->size;
		if (utxo && mv->asset.v != native.v)
			return dp_fail(fault, DP_BAD_BYTES,
			               "block %llu: movement %u is of another asset than %s: a "
			               "ledger of %s holds only its native coin",
			               (unsigned long long)block->height, tx->mv_first + i,
			               block->chain->native, block->chain->name);
		p = utxo ? put_utxo_row(p, mv) : put_account_row(p, mv, native, block->chain);
		*io_noise += mv->asset.v == 0;
		out->size = (uint64_t)(p - out->bytes);
	}
	return DP_OK;
}

static dp_code put_block(dp_bytes_out *out, dp_record_head *io_head, const dp_block *block,
                         dp_fault *fault)
{
	DP_TRY(dp_bytes_out_room(out, HEAD_SIZE, fault));
	out->size += HEAD_SIZE; // written when the rows of no listed asset are counted
	uint32_t rows = 0;
	for (uint32_t t = 0; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		DP_CHECK((tx->flags & ~(uint32_t)TX_FLAGS) == 0);
		DP_CHECK(tx->mv_first == rows);
		DP_TRY(dp_bytes_out_room(out, TX_SIZE_MAX + WORD_SLACK, fault));
		uint8_t *p = out->bytes + out->size;
		memcpy(p, tx->id, 32);
		p[32] = (uint8_t)tx->flags;
		p = put_varint(p + 33, tx->mv_count);
		out->size = (uint64_t)(p - out->bytes);
		DP_TRY(put_rows(out, &io_head->noise_count, block, tx, fault));
		rows += tx->mv_count;
	}
	DP_CHECK(rows == block->mv_count);
	return DP_OK;
}

static dp_code put_notes(dp_bytes_out *out, const dp_block *block, dp_fault *fault)
{
	uint32_t before = 0;
	if (block->note_count == 0) return DP_OK;
	DP_TRY(dp_bytes_out_room(out, VARINT_SIZE_MAX, fault));
	out->size = (uint64_t)(put_varint(out->bytes + out->size, block->note_count) - out->bytes);
	for (uint32_t i = 0; i < block->note_count; i++) {
		const dp_note *n = &block->note[i];
		DP_CHECK(n->tx >= before && n->tx < block->tx_count);
		DP_CHECK(n->data_at <= block->note_bytes_size &&
		         n->data_size <= block->note_bytes_size - n->data_at);
		DP_TRY(dp_bytes_out_room(out, VARINT_SIZE_MAX + DP_NOTE_CELL_MAX, fault));
		uint8_t *p = put_varint(out->bytes + out->size, n->tx - before);
		p += dp_note_pack(p, n, dp_note_data(block, n), NULL);
		out->size = (uint64_t)(p - out->bytes);
		before = n->tx;
	}
	return DP_OK;
}

static bool is_zero(const uint8_t hash[32])
{
	static const uint8_t zero[32];
	return memcmp(hash, zero, 32) == 0;
}

dp_code dp_record_put(dp_bytes_out *out, const dp_block *block, uint64_t gaps, uint32_t flags,
                      dp_fault *fault)
{
	DP_CHECK(out != NULL && block != NULL && block->chain != NULL);
	DP_CHECK(!block->is_partial && !is_zero(block->hash));
	DP_CHECK((flags & ~(uint32_t)DP_LEDGER_BLOCK_BEGINS) == 0);
	DP_CHECK(block->tx_count <= DP_BLOCK_TX_MAX && block->mv_count <= DP_BLOCK_MV_MAX);
	dp_record_head head = {.height = block->height,
	                       .time = block->time,
	                       .gaps = gaps,
	                       .tx_count = block->tx_count,
	                       .mv_count = block->mv_count,
	                       .flags = flags};
	if (block->note_count > 0) head.flags |= DP_LEDGER_BLOCK_NOTES;
	memcpy(head.hash, block->hash, 32);
	memcpy(head.prev, block->prev, 32);
	uint64_t begin = out->size;
	dp_code code = put_block(out, &head, block, fault);
	if (code == DP_OK) code = put_notes(out, block, fault);
	if (code == DP_OK)
		memcpy(out->bytes + begin, &head, HEAD_SIZE);
	else
		out->size = begin;
	return code;
}

//- walking ---------------------------------------------------------------------------------------

#define VERIFY "; `dyepack ledger verify` names the blocks to import again"

dp_code dp_record_head_get(dp_record_head *ret_head, const uint8_t *payload, size_t size,
                           dp_fault *fault)
{
	DP_CHECK(ret_head != NULL && (payload != NULL || size == 0));
	if (size < HEAD_SIZE)
		return dp_fail_offset(fault, DP_BAD_BYTES, size,
		                      "the record of a block is cut short" VERIFY);
	dp_record_head head;
	memcpy(&head, payload, HEAD_SIZE);
	const char *wrong = NULL;
	if (head.tx_count > DP_BLOCK_TX_MAX || head.mv_count > DP_BLOCK_MV_MAX)
		wrong = "it claims more transactions or movements than a block can have";
	else if (head.noise_count > head.mv_count)
		wrong = "it counts more movements of no asset than movements";
	else if ((head.flags & ~(uint32_t)RECORD_FLAGS) != 0)
		wrong = "it has flags that mean nothing";
	else if (is_zero(head.hash))
		wrong = "it has no hash";
	if (wrong != NULL)
		return dp_fail_offset(fault, DP_BAD_BYTES, 0, "the record of block %llu: %s" VERIFY,
		                      (unsigned long long)head.height, wrong);
	*ret_head = head;
	return DP_OK;
}

static dp_code damaged(const dp_record_walk *w, const char *what, dp_fault *fault)
{
	return dp_fail_offset(fault, DP_BAD_BYTES, (uint64_t)(w->at - w->begin),
	                      "the record of block %llu: %s" VERIFY,
	                      (unsigned long long)w->head.height, what);
}

dp_code dp_record_walk_start(dp_record_walk *w, const uint8_t *payload, size_t size, bool utxo,
                             dp_fault *fault)
{
	DP_CHECK(w != NULL && (payload != NULL || size == 0));
	dp_record_head head;
	DP_TRY(dp_record_head_get(&head, payload, size, fault));
	*w = (dp_record_walk){.begin = payload, .head = head, .utxo = utxo};
	w->at = payload + HEAD_SIZE;
	w->end = payload + size;
	w->txs_left = head.tx_count;
	w->rows_left = head.mv_count;
	w->noise_left = head.noise_count;
	// Both counts are bounded, so this cannot overflow. Whoever makes room by the counts of a
	// head that got past this makes no more than the record's own size times a constant.
	uint64_t row_min = utxo ? ROW_SIZE_MIN_UTXO : ROW_SIZE_MIN_ACCOUNT;
	uint64_t least = (uint64_t)TX_SIZE_MIN * head.tx_count + row_min * head.mv_count;
	if (least > size - HEAD_SIZE)
		return damaged(w, "it claims more than its bytes can hold", fault);
	return DP_OK;
}

// All take_ functions read at p and return where they ended, or NULL when the bytes are not well-
// formed. `roomy`: ROOM bytes are there from the beginning of the row.
ALWAYS_INLINE const uint8_t *take_varint(uint32_t *ret, const uint8_t *p, const uint8_t *end,
                                         bool roomy)
{
	uint32_t v = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		if (!roomy && p == end) return NULL;
		uint8_t byte = *p++;
		if (shift == 28 && byte > 15) return NULL; // more than 32 bits
		v |= (uint32_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			if (byte == 0 && shift > 0) return NULL; // longer than it need be
			*ret = v;
			return p;
		}
	}
	return NULL;
}

// n <= 32 bytes into 32, zeros behind them.
ALWAYS_INLINE void load_padded(void *ret, const uint8_t *p, unsigned n, bool roomy)
{
	if (roomy) {
		uint64_t w[4], mask[4];
		memcpy(w, p, 32);
		memcpy(mask, ones_then_zeros + 32 - n, 32);
		for (int i = 0; i < 4; i++) w[i] &= mask[i];
		memcpy(ret, w, 32);
	} else {
		memset(ret, 0, 32);
		memcpy(ret, p, n);
	}
}

ALWAYS_INLINE const uint8_t *take_amount(dp_u256 *ret, const uint8_t *p, const uint8_t *end,
                                         bool roomy)
{
	if (!roomy && p == end) return NULL;
	unsigned n = *p++;
	if (n > 32 || (!roomy && (size_t)(end - p) < n)) return NULL;
	if (n > 0 && p[n - 1] == 0) return NULL; // longer than it need be
	if (roomy && __builtin_expect(n <= 8, 1)) {
		uint64_t w;
		memcpy(&w, p, 8);
		*ret = dp_u256_of(n == 0 ? 0 : w & (UINT64_MAX >> (64 - 8 * n)));
	} else {
		load_padded(ret->w, p, n, roomy);
	}
	return p + n;
}

ALWAYS_INLINE const uint8_t *take_addr(dp_addr *ret, const uint8_t *p, const uint8_t *end,
                                       bool roomy)
{
	if (!roomy && p == end) return NULL;
	uint8_t kind = *p++;
	if (kind >= DP_ADDR_KIND_COUNT) return NULL;
	unsigned n = address_size[kind];
	if (__builtin_expect(n == VARIES, 0)) {
		if (!roomy && p == end) return NULL;
		n = *p++;
		if (n < 1 || n > 32) return NULL;
	}
	if (!roomy && (size_t)(end - p) < n) return NULL;
	ret->kind = kind;
	ret->len = (uint8_t)n;
	load_padded(ret->bytes, p, n, roomy);
	return p + n;
}

ALWAYS_INLINE const uint8_t *take_symbol(dp_record_row *ret, const uint8_t *p, const uint8_t *end,
                                         unsigned n_min, unsigned n_max, bool roomy)
{
	if (!roomy && p == end) return NULL;
	unsigned n = *p++;
	if (n < n_min || n > n_max || (!roomy && (size_t)(end - p) < n)) return NULL;
	if (memchr(p, 0, n) != NULL) return NULL;
	ret->symbol = (const char *)p;
	ret->symbol_size = n;
	return p + n;
}

ALWAYS_INLINE const uint8_t *take_asset(dp_record_row *ret, const uint8_t *p, const uint8_t *end,
                                        bool roomy)
{
	if (!roomy && p == end) return NULL;
	uint8_t asset = ret->asset = *p++;
	if (asset == DP_LEDGER_ASSET_NATIVE) return p;
	if (asset == DP_LEDGER_ASSET_SYMBOL) return take_symbol(ret, p, end, 1, SYMBOL_MAX, roomy);
	if (asset != DP_LEDGER_ASSET_CONTRACT && asset != DP_LEDGER_ASSET_NONE) return NULL;
	if (!roomy && end - p < 20) return NULL;
	ret->contract = p;
	p += 20;
	if (asset == DP_LEDGER_ASSET_CONTRACT) return p;
	return take_symbol(ret, p, end, 0, SYMBOL_NOISE_MAX, roomy);
}

ALWAYS_INLINE const uint8_t *take_row(dp_record_row *ret, const uint8_t *p, const uint8_t *end,
                                      bool utxo, bool roomy)
{
	if (!roomy && p == end) return NULL;
	uint8_t kind = *p & 15, flags = *p >> 4;
	p++;
	if (kind >= DP_MV_KIND_COUNT || (flags & ~ROW_FLAGS) != 0) return NULL;
	if (utxo != (kind <= DP_MV_OUTPUT)) return NULL;
	ret->kind = kind;
	ret->flags = flags;
	if (!utxo) {
		p = take_asset(ret, p, end, roomy);
		if (p != NULL) p = take_amount(&ret->amount, p, end, roomy);
		if (p != NULL) p = take_addr(&ret->from, p, end, roomy);
		return p == NULL ? NULL : take_addr(&ret->to, p, end, roomy);
	}
	ret->asset = DP_LEDGER_ASSET_NATIVE;
	if (kind == DP_MV_INPUT) {
		if (!roomy && end - p < 32) return NULL;
		ret->spent_txid = p;
		p = take_varint(&ret->spent_vout, p + 32, end, roomy);
		memset(&ret->to, 0, sizeof ret->to);
		if (p != NULL) p = take_addr(&ret->from, p, end, roomy);
	} else {
		memset(&ret->from, 0, sizeof ret->from);
		p = take_addr(&ret->to, p, end, roomy);
	}
	return p == NULL ? NULL : take_amount(&ret->amount, p, end, roomy);
}

dp_code dp_record_walk_tx(dp_record_walk *w, dp_record_tx *ret_tx, dp_fault *fault)
{
	DP_CHECK(w != NULL && ret_tx != NULL);
	DP_CHECK(w->txs_left > 0 && w->tx_rows_left == 0); // the caller counts, see record.h
	if (w->end - w->at < TX_SIZE_MIN) return damaged(w, "it ends within a transaction", fault);
	uint8_t flags = w->at[32];
	uint32_t rows;
	const uint8_t *p = take_varint(&rows, w->at + 33, w->end, false);
	if (p == NULL || (flags & ~TX_FLAGS) != 0)
		return damaged(w, "a transaction is not well-formed", fault);
	if (rows > w->rows_left)
		return damaged(w, "its transactions have more movements than it counts", fault);
	ret_tx->id = w->at;
	ret_tx->flags = flags;
	ret_tx->mv_count = rows;
	w->tx_rows_left = rows;
	w->is_coinbase = (flags & DP_TXF_COINBASE) != 0;
	w->had_output = false;
	w->txs_left--;
	w->at = p;
	return DP_OK;
}

dp_code dp_record_walk_row(dp_record_walk *w, dp_record_row *ret_row, dp_fault *fault)
{
	DP_CHECK(w != NULL && ret_row != NULL);
	DP_CHECK(w->tx_rows_left > 0); // the caller counts, see record.h
	const uint8_t *p;
	if (__builtin_expect(w->end - w->at >= ROOM, 1))
		p = w->utxo ? take_row(ret_row, w->at, w->end, true, true)
		            : take_row(ret_row, w->at, w->end, false, true);
	else
		p = take_row(ret_row, w->at, w->end, w->utxo, false);
	if (p == NULL) return damaged(w, "a movement is not well-formed", fault);
	if (w->utxo && ret_row->kind == DP_MV_INPUT && (w->had_output || w->is_coinbase))
		return damaged(w, "an input stands where there can be none", fault);
	w->had_output |= ret_row->kind == DP_MV_OUTPUT;
	if (ret_row->asset == DP_LEDGER_ASSET_NONE) {
		if (w->noise_left == 0)
			return damaged(w, "more movements of no asset than it counts", fault);
		w->noise_left--;
	}
	w->tx_rows_left--;
	w->rows_left--;
	w->at = p;
	return DP_OK;
}

// How many there are. Nobody makes room by the number.
static dp_code begin_notes(dp_record_walk *w, dp_fault *fault)
{
	w->notes_begun = true;
	if ((w->head.flags & DP_LEDGER_BLOCK_NOTES) == 0) return DP_OK;
	const uint8_t *p = take_varint(&w->notes_left, w->at, w->end, false);
	if (p == NULL || w->notes_left == 0 || w->notes_left > DP_NOTES_MAX)
		return damaged(w, "its notes are not counted as they must be", fault);
	w->at = p;
	return DP_OK;
}

dp_code dp_record_walk_note(dp_record_walk *w, dp_note_cell *ret_note, bool *ret_is_one,
                            dp_fault *fault)
{
	DP_CHECK(w != NULL && ret_note != NULL && ret_is_one != NULL);
	DP_CHECK(w->txs_left == 0 && w->tx_rows_left == 0);
	if (!w->notes_begun) DP_TRY(begin_notes(w, fault));
	*ret_is_one = w->notes_left > 0;
	if (w->notes_left == 0) return DP_OK;
	uint32_t more;
	const uint8_t *p = take_varint(&more, w->at, w->end, false);
	if (p != NULL) p = dp_note_unpack(ret_note, p, w->end, false);
	if (p == NULL) return damaged(w, "a note is not well-formed", fault);
	if (w->head.tx_count == 0 || more > w->head.tx_count - 1 - w->note_tx)
		return damaged(w, "a note is of a transaction that is not there", fault);
	if (ret_note->note.data_size > DP_NOTE_BYTES_MAX - w->note_bytes)
		return damaged(w, "it has more notes than a block can have", fault);
	w->note_tx += more;
	w->notes_left--;
	w->note_bytes += ret_note->note.data_size;
	ret_note->note.tx = w->note_tx;
	w->at = p;
	return DP_OK;
}

dp_code dp_record_walk_end(dp_record_walk *w, dp_fault *fault)
{
	DP_CHECK(w != NULL);
	DP_CHECK(w->txs_left == 0 && w->tx_rows_left == 0);
	if (w->rows_left > 0)
		return damaged(w, "its transactions have fewer movements than it counts", fault);
	if (w->noise_left > 0)
		return damaged(w, "fewer movements of no asset than it counts", fault);
	dp_note_cell cell;
	for (bool more = true; more;) DP_TRY(dp_record_walk_note(w, &cell, &more, fault));
	if (w->at != w->end) return damaged(w, "bytes are left over behind it", fault);
	return DP_OK;
}

//- the block again -------------------------------------------------------------------------------

dp_code dp_ledger_asset_find(dp_asset *ret_asset, const dp_chain *chain, uint8_t asset,
                             const uint8_t contract[20], const char *symbol, size_t n,
                             dp_fault *fault)
{
	DP_CHECK(ret_asset != NULL && chain != NULL);
	dp_asset found = DP_ASSET_NONE;
	switch (asset) {
	case DP_LEDGER_ASSET_NONE: break;
	case DP_LEDGER_ASSET_NATIVE: found = dp_asset_native(chain); break;
	case DP_LEDGER_ASSET_CONTRACT: {
		DP_CHECK(contract != NULL);
		found = dp_asset_by_contract(chain, contract);
		if (found.v != 0) break;
		char text[DP_ADDR_TEXT_MAX];
		dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(a.bytes, contract, 20);
		dp_addr_format(text, &a, chain);
		return dp_fail(fault, DP_BAD_CASE,
		               "the ledger holds movements of the token %s, which is not on this "
		               "dyepack's list of assets: the ledger was written with a list that "
		               "had it; use that version or a newer one, or import again",
		               text);
	}
	case DP_LEDGER_ASSET_SYMBOL: {
		DP_CHECK(symbol != NULL || n == 0);
		// Looking up does not mind the case; here the name must be as it was written.
		found = dp_asset_by_symbol(chain, symbol, n);
		bool by_name = found.v != 0 && (dp_asset_info_of(found)->chain == NULL ||
		                                dp_asset_nominal(found).v != 0);
		const char *known = by_name ? dp_asset_info_of(found)->symbol : "";
		if (by_name && strlen(known) == n && memcmp(known, symbol, n) == 0) break;
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "the ledger holds values in \"%.*s\", which is not on this dyepack's "
		    "list of assets: the ledger was written with a list that had it; "
		    "use that version or a newer one, or import again",
		    (int)(n > SYMBOL_MAX ? SYMBOL_MAX : n), n == 0 ? "" : symbol);
	}
	default:
		return dp_fail(fault, DP_BAD_BYTES, "a class of assets %u does not exist" VERIFY,
		               asset);
	}
	*ret_asset = found;
	return DP_OK;
}

static dp_code append_row(dp_block_builder *b, const dp_record_row *row, const dp_chain *chain,
                          dp_fault *fault)
{
	dp_asset asset;
	DP_TRY(dp_ledger_asset_find(&asset, chain, row->asset, row->contract, row->symbol,
	                            row->symbol_size, fault));
	dp_movement *mv;
	DP_TRY(dp_builder_movement(b, &mv, fault));
	mv->amount = row->amount;
	mv->asset = asset;
	mv->kind = row->kind;
	mv->flags = row->flags;
	mv->from = row->from;
	mv->to = row->to;
	if (row->kind == DP_MV_INPUT) {
		memcpy(mv->spent.txid, row->spent_txid, 32);
		mv->spent.vout = row->spent_vout;
	} else if (asset.v == 0) {
		memcpy(mv->noise.contract, row->contract, 20);
		DP_CHECK(row->symbol_size < sizeof mv->noise.symbol);
		memcpy(mv->noise.symbol, row->symbol, row->symbol_size);
	}
	return DP_OK;
}

dp_code dp_note_append(dp_block_builder *b, const dp_note_cell *cell, uint32_t tx, dp_fault *fault)
{
	const dp_note *from = &cell->note;
	dp_note *to;
	DP_CHECK(b != NULL && tx < b->block.tx_count);
	DP_TRY(dp_builder_note(b, &to, cell->data, from->data_size, fault));
	DP_CHECK(to->data_size == from->data_size);
	DP_CHECK(b->block.note_count == 1 || to[-1].tx <= tx);
	to->tx = tx;
	to->at = from->at;
	to->kind = from->kind;
	to->topic_count = from->topic_count;
	to->full_size = from->full_size;
	memcpy(to->place, from->place, sizeof to->place);
	memcpy(to->topic, from->topic, sizeof to->topic);
	return DP_OK;
}

static dp_code append_tx(dp_block_builder *b, dp_record_walk *w, const dp_chain *chain,
                         dp_fault *fault)
{
	dp_record_row row = {0}; // each kind fills in only its own fields
	dp_record_tx from;
	dp_tx *tx;
	DP_TRY(dp_record_walk_tx(w, &from, fault));
	DP_TRY(dp_builder_tx(b, &tx, fault));
	memcpy(tx->id, from.id, 32);
	tx->flags = from.flags;
	for (uint32_t i = 0; i < from.mv_count; i++) {
		DP_TRY(dp_record_walk_row(w, &row, fault));
		DP_TRY(append_row(b, &row, chain, fault));
	}
	return DP_OK;
}

dp_code dp_record_get(dp_block_builder *b, const dp_block **ret_block, const uint8_t *payload,
                      size_t size, const dp_chain *chain, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_block != NULL && chain != NULL);
	dp_record_walk w;
	DP_TRY(dp_record_walk_start(&w, payload, size, chain->kind == DP_CHAIN_UTXO, fault));
	dp_builder_start(b, chain, w.head.height, w.head.time);
	memcpy(b->block.hash, w.head.hash, 32);
	memcpy(b->block.prev, w.head.prev, 32);
	for (uint32_t t = 0; t < w.head.tx_count; t++) DP_TRY(append_tx(b, &w, chain, fault));
	dp_note_cell cell;
	for (bool more;;) {
		DP_TRY(dp_record_walk_note(&w, &cell, &more, fault));
		if (!more) break;
		DP_TRY(dp_note_append(b, &cell, cell.note.tx, fault));
	}
	DP_TRY(dp_record_walk_end(&w, fault));
	return dp_builder_finish(b, ret_block, fault);
}

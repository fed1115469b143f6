// Building blocks and naming transactions, see block.h.
//
// Rows are appended in the order of the ledger and belong to the transaction appended last, so that
// a transaction's rows always stand together. Finishing makes one pass over the rows: it checks
// what the decoder built (our own code, so a mistake aborts) and fills the two key columns that the
// engine scans. The pass reads each row once and hashes 22 to 36 bytes for it.
//
// Notes are appended like rows; what they carry stands in one array of bytes, so that a block of
// many notes is three allocations and not thousands.
#include "chain/block.h"

#include <string.h>

#include "base/check.h"
#include "chain/key.h"
#include "codec/hex.h"

void dp_builder_start(dp_block_builder *b, const dp_chain *chain, uint64_t height, int64_t time)
{
	DP_CHECK(b != NULL);
	DP_CHECK(chain != NULL);
	dp_block *k = &b->block;
	k->chain = chain;
	k->height = height;
	k->time = time;
	memset(k->hash, 0, sizeof k->hash);
	memset(k->prev, 0, sizeof k->prev);
	k->tx_count = 0;
	k->mv_count = 0;
	k->note_count = k->note_bytes_size = 0;
	k->is_partial = false;
	k->tx_total = k->mv_total = k->noise_total = 0;
}

dp_code dp_builder_tx(dp_block_builder *b, dp_tx **ret_tx, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_tx != NULL);
	dp_block *k = &b->block;
	DP_CHECK(k->chain != NULL);
	if (k->tx_count == b->tx_cap) {
		void *items = k->tx;
		DP_TRY(dp_grow(&items, &b->tx_cap, sizeof *k->tx, (uint64_t)k->tx_count + 1,
		               DP_BLOCK_TX_MAX, fault));
		k->tx = items;
	}
	dp_tx *tx = &k->tx[k->tx_count];
	memset(tx, 0, sizeof *tx);
	tx->mv_first = tx->mv_no = k->mv_count;
	tx->no = k->tx_count++;
	*ret_tx = tx;
	return DP_OK;
}

dp_code dp_builder_movement(dp_block_builder *b, dp_movement **ret_mv, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_mv != NULL);
	dp_block *k = &b->block;
	DP_CHECK(k->tx_count > 0); // a movement belongs to a transaction
	if (k->mv_count == b->mv_cap) {
		void *items = k->mv;
		DP_TRY(dp_grow(&items, &b->mv_cap, sizeof *k->mv, (uint64_t)k->mv_count + 1,
		               DP_BLOCK_MV_MAX, fault));
		k->mv = items;
	}
	dp_movement *mv = &k->mv[k->mv_count++];
	memset(mv, 0, sizeof *mv);
	k->tx[k->tx_count - 1].mv_count++;
	*ret_mv = mv;
	return DP_OK;
}

dp_code dp_builder_note(dp_block_builder *b, dp_note **ret_note, const uint8_t *data, size_t size,
                        dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_note != NULL && (data != NULL || size == 0));
	dp_block *k = &b->block;
	DP_CHECK(k->tx_count > 0); // a note belongs to a transaction
	uint32_t kept = size > DP_NOTE_DATA_MAX ? DP_NOTE_DATA_MAX : (uint32_t)size;
	if (k->note_count == b->note_cap) {
		void *items = k->note;
		DP_TRY(dp_grow(&items, &b->note_cap, sizeof *k->note, (uint64_t)k->note_count + 1,
		               DP_NOTES_MAX, fault));
		k->note = items;
	}
	uint64_t end = (uint64_t)k->note_bytes_size + kept;
	if (end > b->note_bytes_cap) {
		void *items = k->note_bytes;
		DP_TRY(dp_grow(&items, &b->note_bytes_cap, 1, end, DP_NOTE_BYTES_MAX, fault));
		k->note_bytes = items;
	}
	dp_note *note = &k->note[k->note_count++];
	memset(note, 0, sizeof *note);
	note->tx = k->tx_count - 1;
	note->data_at = k->note_bytes_size;
	note->data_size = kept;
	note->full_size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	if (kept > 0) memcpy(k->note_bytes + note->data_at, data, kept);
	k->note_bytes_size = (uint32_t)end;
	*ret_note = note;
	return DP_OK;
}

dp_code dp_builder_note_output(dp_block_builder *b, uint32_t vout, const uint8_t *script,
                               size_t size, dp_fault *fault)
{
	DP_CHECK(b != NULL && (script != NULL || size == 0));
	uint8_t memo[DP_MEMO_MAX];
	dp_note *note;
	size_t n = dp_note_of_script(memo, sizeof memo, script, size);
	if (n == 0 || !dp_memo_maybe(memo, n)) return DP_OK;
	DP_TRY(dp_builder_note(b, &note, memo, n, fault));
	note->kind = DP_NOTE_OUTPUT;
	note->at = vout;
	return DP_OK;
}

void dp_block_notes(const dp_block *b, uint32_t *ret_first, uint32_t *ret_count, uint32_t tx)
{
	DP_CHECK(b != NULL && ret_first != NULL && ret_count != NULL);
	DP_CHECK(tx < b->tx_count);
	*ret_first = *ret_count = 0;
	if (b->note_count == 0) return;
	// The first note of this transaction or a later one.
	uint32_t low = 0, high = b->note_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (b->note[middle].tx < tx)
			low = middle + 1;
		else
			high = middle;
	}
	uint32_t end = low;
	while (end < b->note_count && b->note[end].tx == tx) end++;
	*ret_first = low;
	*ret_count = end - low;
}

static dp_code grow_keys(dp_block_builder *b, dp_fault *fault)
{
	dp_block *k = &b->block;
	if (k->mv_count <= b->key_cap) return DP_OK;
	// Both columns have the capacity of the rows. It is noted only when both have it: should
	// the second fail, the first is merely larger than it needs to be.
	uint64_t cap = b->key_cap, cap_want = b->mv_cap;
	void *items = k->src_key;
	DP_TRY(dp_grow(&items, &cap, sizeof *k->src_key, cap_want, DP_BLOCK_MV_MAX, fault));
	k->src_key = items;
	uint64_t cap_second = b->key_cap;
	items = k->dst_key;
	DP_TRY(dp_grow(&items, &cap_second, sizeof *k->dst_key, cap_want, DP_BLOCK_MV_MAX, fault));
	k->dst_key = items;
	DP_CHECK(cap == cap_second && cap >= k->mv_count);
	b->key_cap = cap;
	return DP_OK;
}

static inline void check_addr(const dp_addr *a)
{
	DP_CHECK(a->kind < DP_ADDR_KIND_COUNT);
	DP_CHECK(a->len <= sizeof a->bytes);
}

// Inputs first, then outputs; an output's index is its position among the outputs.
static void finish_utxo_tx(dp_block *k, const dp_tx *tx)
{
	uint32_t vout = 0, end = tx->mv_first + tx->mv_count;
	for (uint32_t i = tx->mv_first; i < end; i++) {
		const dp_movement *mv = &k->mv[i];
		if (mv->kind == DP_MV_INPUT) {
			DP_CHECK(vout == 0 && (tx->flags & DP_TXF_COINBASE) == 0);
			check_addr(&mv->from);
			k->src_key[i] = dp_outpoint_key_inline(mv->spent.txid, mv->spent.vout);
			k->dst_key[i] = 0;
		} else {
			DP_CHECK(mv->kind == DP_MV_OUTPUT);
			check_addr(&mv->to);
			k->src_key[i] = 0;
			k->dst_key[i] = dp_outpoint_key_inline(tx->id, vout++);
		}
	}
}

static void finish_account_tx(dp_block *k, const dp_tx *tx)
{
	uint32_t end = tx->mv_first + tx->mv_count;
	for (uint32_t i = tx->mv_first; i < end; i++) {
		const dp_movement *mv = &k->mv[i];
		DP_CHECK(mv->kind >= DP_MV_NATIVE && mv->kind < DP_MV_KIND_COUNT);
		check_addr(&mv->from);
		check_addr(&mv->to);
		k->src_key[i] = dp_addr_key_inline(&mv->from);
		k->dst_key[i] = dp_addr_key_inline(&mv->to);
	}
}

static void check_notes(const dp_block *k)
{
	for (uint32_t i = 0; i < k->note_count; i++) {
		const dp_note *note = &k->note[i];
		DP_CHECK(note->tx < k->tx_count && (i == 0 || note->tx >= k->note[i - 1].tx));
		DP_CHECK(note->kind > 0 && note->kind < DP_NOTE_KIND_COUNT);
		DP_CHECK(note->topic_count <= 4 && note->data_size <= note->full_size);
		DP_CHECK(note->data_at <= k->note_bytes_size &&
		         note->data_size <= k->note_bytes_size - note->data_at);
	}
}

dp_code dp_builder_finish_tx(dp_block_builder *b, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->block.tx_count > 0);
	dp_block *k = &b->block;
	DP_TRY(grow_keys(b, fault));
	if (k->chain->kind == DP_CHAIN_UTXO)
		finish_utxo_tx(k, &k->tx[k->tx_count - 1]);
	else
		finish_account_tx(k, &k->tx[k->tx_count - 1]);
	return DP_OK;
}

dp_code dp_builder_finish(dp_block_builder *b, const dp_block **ret_block, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_block != NULL);
	dp_block *k = &b->block;
	DP_CHECK(k->chain != NULL);
	DP_TRY(grow_keys(b, fault));
	bool utxo = k->chain->kind == DP_CHAIN_UTXO;
	uint32_t next = 0;
	for (uint32_t i = 0; i < k->tx_count; i++) {
		const dp_tx *tx = &k->tx[i];
		DP_CHECK(tx->mv_first == next);
		DP_CHECK(tx->mv_count <= k->mv_count - next);
		if (utxo)
			finish_utxo_tx(k, tx);
		else
			finish_account_tx(k, tx);
		next += tx->mv_count;
	}
	DP_CHECK(next == k->mv_count);
	check_notes(k);
	*ret_block = k;
	return DP_OK;
}

void dp_builder_done(dp_block_builder *b)
{
	if (b == NULL) return;
	dp_free(b->block.tx);
	dp_free(b->block.mv);
	dp_free(b->block.src_key);
	dp_free(b->block.dst_key);
	dp_free(b->block.note);
	dp_free(b->block.note_bytes);
	memset(b, 0, sizeof *b);
}

//- transaction ids -------------------------------------------------------------------------------

static void reverse(uint8_t bytes[32])
{
	for (size_t i = 0; i < 16; i++) {
		uint8_t t = bytes[i];
		bytes[i] = bytes[31 - i];
		bytes[31 - i] = t;
	}
}

size_t dp_txid_format(char out[DP_TXID_TEXT_MAX], const uint8_t id[32], const dp_chain *chain)
{
	DP_CHECK(out != NULL && id != NULL);
	DP_CHECK(chain != NULL);
	if (chain->kind == DP_CHAIN_ACCOUNT) {
		memcpy(out, "0x", 2);
		dp_hex_encode(out + 2, id, 32);
		return 66;
	}
	uint8_t shown[32];
	memcpy(shown, id, 32);
	reverse(shown);
	dp_hex_encode(out, shown, 32);
	return 64;
}

dp_code dp_txid_parse(uint8_t ret_id[32], const char *text, size_t n, const dp_chain *chain,
                      dp_fault *fault)
{
	DP_CHECK(ret_id != NULL && chain != NULL);
	DP_CHECK(text != NULL || n == 0);
	bool account = chain->kind == DP_CHAIN_ACCOUNT;
	size_t skip = account && n >= 2 && text[0] == '0' && text[1] == 'x' ? 2 : 0;
	uint8_t id[32];
	if (n - skip != 64 || !dp_hex_decode(id, 32, text + skip))
		return dp_fail(fault, DP_BAD_BYTES,
		               "\"%.*s\" is no transaction id: %s64 hex digits are needed",
		               (int)(n > 80 ? 80 : n), text == NULL ? "" : text,
		               account ? "0x and " : "");
	if (!account) reverse(id);
	memcpy(ret_id, id, 32);
	return DP_OK;
}

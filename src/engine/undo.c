// Rollback: before a holder is changed for the first time in a block, what it was is written down;
// so are the books. Undoing a block is putting those back, last first. The record of a block is a
// plain string of bytes, so that a casebook can keep it and another process can roll back.
//
//   record   entries...
//   entry    u8 'P'  u64 height  u64 blocks  u64 time  hash[32]   where the engine was: first
//            u8 'B'  u32 size  books as they were before the block
//            u8 'N'  id[36]  u16 asset                  the holder was new: remove it
//            u8 'O'  u32 size  holder as it was (see state.c)
//            u8 'X'  u32 size  u8 existed  key[32]  u64 serial  u64 version  crossing as it was
//                              (crossing.c), or nothing where it did not exist: remove it
#include <endian.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "engine/exchange_inner.h"
#include "engine/private.h"

//- buffers ---------------------------------------------------------------------------------------

dp_code dp_buffer_room(dp_buffer *b, size_t n, dp_fault *fault)
{
	if (__builtin_expect(b->cap - b->size >= n, 1)) return DP_OK;
	void *items = b->bytes;
	DP_TRY(dp_grow(&items, &b->cap, 1, b->size + n, DP_BUFFER_MAX, fault));
	b->bytes = items;
	return DP_OK;
}

dp_code dp_buffer_put(dp_buffer *b, const void *bytes, size_t n, dp_fault *fault)
{
	if (n == 0) return DP_OK; // nothing may come from nowhere: an empty undo record
	DP_TRY(dp_buffer_room(b, n, fault));
	memcpy(b->bytes + b->size, bytes, n);
	b->size += n;
	return DP_OK;
}

dp_code dp_buffer_u8(dp_buffer *b, uint8_t v, dp_fault *fault)
{
	return dp_buffer_put(b, &v, 1, fault);
}

static dp_code put_le(dp_buffer *b, uint64_t v, size_t n, dp_fault *fault)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(v >> (8 * i));
	return dp_buffer_put(b, bytes, n, fault);
}

dp_code dp_buffer_u16(dp_buffer *b, uint16_t v, dp_fault *fault)
{
	return put_le(b, v, 2, fault);
}

dp_code dp_buffer_u32(dp_buffer *b, uint32_t v, dp_fault *fault)
{
	return put_le(b, v, 4, fault);
}

dp_code dp_buffer_u64(dp_buffer *b, uint64_t v, dp_fault *fault)
{
	return put_le(b, v, 8, fault);
}

// One byte of length, then that many bytes, least significant first: most amounts are short.
dp_code dp_buffer_u256(dp_buffer *b, dp_u256 v, dp_fault *fault)
{
	uint8_t bytes[33];
	uint8_t n = 0;
	// By words: the books of thousands of cases are a hundred thousand amounts, most of them 0.
	for (uint8_t i = 0; i < 4; i++) {
		uint64_t word = htole64(v.w[i]);
		memcpy(bytes + 1 + 8 * i, &word, sizeof word);
		if (v.w[i] == 0) continue;
		uint32_t used = 8 - (uint32_t)__builtin_clzll(v.w[i]) / 8;
		n = (uint8_t)(8 * i + used);
	}
	bytes[0] = n;
	return dp_buffer_put(b, bytes, (size_t)n + 1, fault);
}

//- saving ----------------------------------------------------------------------------------------

enum { POSITION_SIZE = 1 + 8 + 8 + 8 + 32, NEW_SIZE = 1 + 36 + 2 };

dp_code dp_undo_begin(dp_engine *e, dp_fault *fault)
{
	e->epoch++;
	e->books_saved = false;
	e->now.bytes.size = 0;
	e->now.balance_log.size = 0;
	dp_buffer *b = &e->now.bytes;
	DP_TRY(dp_buffer_u8(b, 'P', fault));
	const dp_position *at = e->has_passed ? &e->applied : &e->at;
	DP_TRY(dp_buffer_u64(b, at->height, fault));
	DP_TRY(dp_buffer_u64(b, at->blocks, fault));
	DP_TRY(dp_buffer_u64(b, (uint64_t)at->time, fault));
	return dp_buffer_put(b, at->hash, 32, fault);
}

dp_code dp_touch_books(dp_engine *e, dp_fault *fault)
{
	if (e->books_saved) return DP_OK;
	dp_buffer *b = &e->now.bytes;
	uint64_t before = b->size;
	DP_TRY(dp_buffer_u8(b, 'B', fault));
	DP_TRY(dp_buffer_u32(b, 0, fault));
	dp_code code = dp_books_write(e, b, fault);
	if (code != DP_OK) {
		b->size = before;
		return code;
	}
	uint64_t size = b->size - before - 5;
	for (int i = 0; i < 4; i++) b->bytes[before + 1 + (uint64_t)i] = (uint8_t)(size >> (8 * i));
	e->books_saved = true;
	return DP_OK;
}

static dp_code note_gone(dp_engine *e, uint32_t no, dp_fault *fault)
{
	DP_TRY(dp_buffer_room(&e->dirty, sizeof no, fault));
	no = htole32(no);
	memcpy(e->dirty.bytes + e->dirty.size, &no, sizeof no);
	e->dirty.size += sizeof no;
	return DP_OK;
}

dp_code dp_touch_first(dp_engine *e, uint32_t index, dp_fault *fault)
{
	dp_holder *r = &e->holders.record[index];
	DP_CHECK(r->form != DP_FORM_FREE && r->epoch != e->epoch);
	DP_TRY(dp_holder_write(e, &e->now.bytes, index, fault));
	r->epoch = e->epoch;
	dp_note_changed(e, index);
	return DP_OK;
}

dp_code dp_create(dp_engine *e, uint32_t *ret_index, uint64_t key, const uint8_t id[36],
                  dp_asset asset, uint32_t hop, uint32_t mv, dp_fault *fault)
{
	DP_TRY(dp_touch_books(e, fault)); // last_no
	dp_buffer *b = &e->now.bytes;
	DP_TRY(dp_buffer_room(b, NEW_SIZE, fault));
	uint32_t index;
	DP_TRY(dp_holders_add(&e->holders, &index, key, id, asset, fault));
	uint8_t *p = b->bytes + b->size;
	*p = 'N';
	memcpy(p + 1, id, 36);
	p[37] = (uint8_t)asset.v;
	p[38] = (uint8_t)(asset.v >> 8);
	b->size += NEW_SIZE;
	dp_holder *r = &e->holders.record[index];
	r->no = ++e->last_no;
	r->hop = hop > UINT16_MAX ? UINT16_MAX : (uint16_t)hop;
	r->epoch = e->epoch;
	r->flags = dp_mixes_flags(e->tx_mixes);
	dp_note_changed(e, index);
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_HOLDER, mv, fault));
	ev->dst = r->no;
	ev->asset = asset;
	ev->hop = r->hop;
	*ret_index = index;
	return DP_OK;
}

dp_code dp_destroy(dp_engine *e, uint32_t index, uint64_t key, dp_fault *fault)
{
	DP_TRY(dp_touch(e, index, fault));
	DP_TRY(note_gone(e, e->holders.record[index].no, fault));
	dp_holders_unlink(&e->holders, index, key);
	dp_holders_release(&e->holders, index);
	return DP_OK;
}

// Keeps the record of the block just applied, in a ring of options.undo_blocks.
dp_code dp_undo_commit(dp_engine *e, const dp_block *block, dp_fault *fault)
{
	(void)fault;
	e->now.height = block->height;
	uint32_t room = e->options.undo_blocks;
	if (room == 0) return DP_OK;
	uint32_t at;
	if (e->undo_count < room) {
		at = (e->undo_first + e->undo_count++) % room;
	} else {
		at = e->undo_first;
		e->undo_first = (e->undo_first + 1) % room;
	}
	// The oldest record's memory is used for the next block.
	dp_undo swap = e->undo[at];
	e->undo[at] = e->now;
	e->now = swap;
	return DP_OK;
}

//- undoing ---------------------------------------------------------------------------------------

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static dp_code remove_new(dp_engine *e, const uint8_t *p, dp_fault *fault)
{
	dp_asset asset = {(uint16_t)(p[36] | p[37] << 8)};
	if (!dp_id_is_sound(e, p)) return dp_fail(fault, DP_BAD_BYTES, "an undo record is damaged");
	uint64_t key = dp_holder_key(&e->holders, p);
	uint32_t index = dp_holders_find(&e->holders, key, p, asset);
	// Made and spent within the block: nothing is left of it.
	if (index == DP_HOLDER_NONE) return DP_OK;
	DP_TRY(note_gone(e, e->holders.record[index].no, fault));
	dp_holders_unlink(&e->holders, index, key);
	dp_holders_release(&e->holders, index);
	return DP_OK;
}

static void restore_position(dp_engine *e, const uint8_t *p)
{
	dp_bytes r = dp_bytes_of(p, POSITION_SIZE - 1);
	e->at.height = dp_bytes_u64le(&r);
	e->at.blocks = dp_bytes_u64le(&r);
	e->at.time = (int64_t)dp_bytes_u64le(&r);
	memcpy(e->at.hash, dp_bytes_take(&r, 32), 32);
	e->has_passed = false;
}

// A crossing that was made or changed in the block. Another one that was made under its key since
// (its chain was rolled back and read again) is not this block's to change.
static dp_code restore_crossing(dp_engine *e, const uint8_t *p, size_t size, dp_fault *fault)
{
	dp_bytes r = dp_bytes_of(p, size);
	bool existed = dp_bytes_u8(&r) != 0;
	const uint8_t *key = dp_bytes_take(&r, 32);
	uint64_t serial = dp_bytes_u64le(&r), version = dp_bytes_u64le(&r);
	if (r.failed) return dp_fail(fault, DP_BAD_BYTES, "an undo record is damaged");
	if (!existed) return dp_exchange_undo_make(e->exchange, key, serial, fault);
	dp_crossing *c = dp_exchange_get(e->exchange, key);
	if (c == NULL || c->serial != serial) return DP_OK;
	if (c->version != version) {
		dp_exchange_tear(e->exchange, c);
		return DP_OK;
	}
	dp_exchange_touched(e->exchange, c);
	DP_TRY(dp_crossing_read(c, p + r.at, size - r.at, fault));
	if (memcmp(c->key, key, 32) == 0 && c->serial == serial &&
	    dp_engine_crossing_is_sound(e, c))
		return DP_OK;
	return dp_fail(fault, DP_BAD_BYTES, "an undo record is damaged");
}

// Entries are undone from the last to the first; they can only be read forwards, so their places
// are noted first.
static dp_code entry_places(const dp_buffer *record, uint64_t **ret_at, uint64_t *ret_count,
                            dp_fault *fault)
{
	uint64_t *at = NULL, cap = 0, count = 0;
	for (uint64_t p = 0; p < record->size;) {
		void *items = at;
		dp_code code = dp_grow(&items, &cap, sizeof *at, count + 1, DP_BUFFER_MAX, fault);
		at = items;
		if (code != DP_OK) {
			dp_free(at);
			return code;
		}
		at[count++] = p;
		uint64_t left = record->size - p, size = NEW_SIZE;
		if (record->bytes[p] == 'P')
			size = POSITION_SIZE;
		else if (record->bytes[p] != 'N')
			size = left < 5 ? UINT64_MAX : 5 + (uint64_t)get_u32(record->bytes + p + 1);
		if (size > left) {
			dp_free(at);
			return dp_fail(fault, DP_BAD_BYTES, "an undo record is damaged");
		}
		p += size;
	}
	*ret_at = at;
	*ret_count = count;
	return DP_OK;
}

dp_code dp_undo_apply(dp_engine *e, const dp_buffer *record, const dp_buffer *balance_log,
                      dp_fault *fault)
{
	uint64_t *at = NULL, count = 0;
	DP_TRY(entry_places(record, &at, &count, fault));
	dp_code code = DP_OK;
	for (uint64_t i = count; i-- > 0 && code == DP_OK;) {
		const uint8_t *p = record->bytes + at[i];
		if (*p == 'P') {
			restore_position(e, p + 1);
		} else if (*p == 'N') {
			code = remove_new(e, p + 1, fault);
		} else if (*p == 'B') {
			code = dp_books_read(e, p + 5, get_u32(p + 1), fault);
		} else if (*p == 'O') {
			code = dp_holder_read(e, p + 5, get_u32(p + 1), fault);
		} else if (*p == 'X') {
			code = restore_crossing(e, p + 5, get_u32(p + 1), fault);
		} else {
			code = dp_fail(fault, DP_BAD_BYTES, "an undo record is damaged");
		}
	}
	dp_free(at);
	if (code == DP_OK) code = dp_balances_undo(e, balance_log, fault);
	if (code == DP_OK) {
		dp_exchange_rolled_back(e->exchange, e->options.chain, e->at.blocks > 0,
		                        e->at.height);
		dp_marks_pop(&e->marks, e->at.blocks > 0, e->at.height);
	}
	return code;
}

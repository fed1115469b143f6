// A segment by itself: what its movements say, and whether the postings say the same.
//
// Postings are compared without sorting or collecting anything. Each address has a cursor into its
// postings; the transactions are walked in order, and whoever has part in one must find it under
// his cursor, which then moves on:
//
//   POST of address 7:   3   3?  no: each once   8   12 |
//                        ^ transaction 3 names 7     ^ at the end every cursor must stand here
//
// That compares both directions exactly, with four bytes an address.
#include "ledger/verify_private.h"

#include <string.h>

#include "ledger/amount.h"
#include "ledger/segment_inner.h"

enum { AHEAD_CURSOR = 32, AHEAD_POST = 16 }; // rows

typedef struct rows_check {
	const dp_view *v;
	uint32_t *cursor; // by local address id
	uint64_t *used;   // bits: classes, or rows of FOREIGN
	uint64_t *named;  // bits: names of noise
	uint64_t wides;   // items of WIDE seen so far
	uint64_t noises;
	uint64_t tx, block; // being looked at
} rows_check;

static bool take_bit(uint64_t *bits, uint64_t i)
{
	bool was = (bits[i / 64] >> (i % 64) & 1) != 0;
	bits[i / 64] |= (uint64_t)1 << (i % 64);
	return was;
}

static dp_code check_all_bits(const rows_check *c, const uint64_t *bits, dp_section_id id,
                              dp_fault *fault)
{
	for (uint64_t i = 0; i < dp_view_count(c->v, id); i++)
		if ((bits[i / 64] >> (i % 64) & 1) == 0)
			return dp_view_bad(c->v, id, i, fault, "is used by nothing");
	return DP_OK;
}

//- postings --------------------------------------------------------------------------------------

static dp_code start_postings(rows_check *c, dp_fault *fault)
{
	const uint32_t *first = c->v->at[DP_SEC_POSTFIRST];
	uint64_t count = dp_view_count(c->v, DP_SEC_POSTFIRST);
	uint64_t posts = dp_view_count(c->v, DP_SEC_POST);
	DP_CHECK(count == c->v->s->head.address_count + 2);
	for (uint64_t i = 0; i < count; i++)
		if (first[i] > posts || (i > 0 && first[i] < first[i - 1]) ||
		    (i < 2 && first[i] != 0))
			return dp_view_bad(c->v, DP_SEC_POSTFIRST, i, fault, "is out of order");
	if (first[count - 1] != posts)
		return dp_view_bad(c->v, DP_SEC_POSTFIRST, count - 1, fault,
		                   "is not the end of POST");
	c->cursor = dp_alloc(count * sizeof *c->cursor);
	if (c->cursor == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(c->cursor, first, count * sizeof *first);
	return DP_OK;
}

// The transaction under way has to do with the address that item `index` of a column names.
static inline dp_code post(rows_check *c, uint32_t id, dp_section_id column, uint64_t index,
                           dp_fault *fault)
{
	const uint32_t *first = c->v->at[DP_SEC_POSTFIRST], *posts = c->v->at[DP_SEC_POST];
	if (id == 0) return DP_OK;
	if (id > c->v->s->head.address_count)
		return dp_view_bad(c->v, column, index, fault, "names no address (%u)", id);
	uint32_t at = c->cursor[id];
	if (at > first[id] && posts[at - 1] == c->tx) return DP_OK; // told before
	if (at >= first[id + 1] || posts[at] != c->tx)
		return dp_view_bad(
		    c->v, DP_SEC_POST, at, fault,
		    "should be transaction %llu, for item %llu of %s names address %u",
		    (unsigned long long)c->tx, (unsigned long long)index, dp_section_name(column),
		    id);
	c->cursor[id] = at + 1;
	return DP_OK;
}

// Addresses lie anywhere, so each would cost three waits for memory. They are known ahead: first
// the cursor is fetched, some rows later, when that has come, the posting under it.
static inline void look_ahead(const rows_check *c, const uint32_t *ids, uint64_t at, uint64_t end)
{
	const uint32_t *first = c->v->at[DP_SEC_POSTFIRST], *posts = c->v->at[DP_SEC_POST];
	uint64_t ids_end = c->v->s->head.address_count + 1;
	if (at + AHEAD_CURSOR >= end) return;
	uint32_t far = ids[at + AHEAD_CURSOR], near = ids[at + AHEAD_POST];
	if (far < ids_end) {
		__builtin_prefetch(&c->cursor[far]);
		__builtin_prefetch(&first[far]);
	}
	if (near < ids_end) __builtin_prefetch(&posts[c->cursor[near]]);
}

static dp_code end_postings(const rows_check *c, dp_fault *fault)
{
	const uint32_t *first = c->v->at[DP_SEC_POSTFIRST];
	for (uint64_t id = 1; id <= c->v->s->head.address_count; id++) {
		if (c->cursor[id] != first[id + 1])
			return dp_view_bad(c->v, DP_SEC_POST, c->cursor[id], fault,
			                   "names a transaction that address %llu has no part in",
			                   (unsigned long long)id);
		if (first[id] == first[id + 1])
			return dp_view_bad(c->v, DP_SEC_POSTFIRST, id, fault,
			                   "is of an address that nothing names");
	}
	return DP_OK;
}

//- amounts ---------------------------------------------------------------------------------------

// One amount has one word: that which the encoder makes of it. WIDE stands in the order of rows.
static dp_code check_amount(rows_check *c, uint64_t word, dp_section_id id, uint64_t index,
                            dp_fault *fault)
{
	if (!dp_amount_is_wide(word)) {
		dp_u128 amount;
		uint64_t again;
		if (word >> DP_AMOUNT_M_BITS == 0) return DP_OK; // most: a small number as it is
		if (!dp_amount_decode(&amount, word) ||
		    !dp_amount_encode(&again, dp_u256_of128(amount)) || again != word)
			return dp_view_bad(c->v, id, index, fault, "is no amount as it is written");
		return DP_OK;
	}
	const uint8_t *wide = c->v->at[DP_SEC_WIDE];
	uint64_t at = dp_amount_wide_index(word), again;
	uint32_t items = dp_amount_wide_items(word);
	// What was seen so far never goes beyond the end, so what is left is no negative number.
	if (at != c->wides || items > dp_view_count(c->v, DP_SEC_WIDE) - at)
		return dp_view_bad(c->v, id, index, fault, "names the wrong amount of WIDE");
	dp_u256 amount = dp_amount_of_items(wide + DP_AMOUNT_ITEM * at, items);
	if (dp_amount_encode(&again, amount) || dp_amount_wide_word(amount, at) != word)
		return dp_view_bad(c->v, DP_SEC_WIDE, at, fault,
		                   "is an amount that a shorter word can hold");
	c->wides += items;
	return DP_OK;
}

//- account rows ----------------------------------------------------------------------------------

static uint32_t class_of(const dp_view *v, uint64_t row)
{
	const uint8_t *narrow = v->at[DP_SEC_CLASS];
	const uint16_t *wide = v->at[DP_SEC_CLASS];
	return v->s->head.section[DP_SEC_CLASS].width == 2 ? wide[row] : narrow[row];
}

// A row without a listed asset must be the next of NOISE, and no other may be in it.
static dp_code check_noise(rows_check *c, uint64_t row, dp_fault *fault)
{
	const dp_ledger_noise *noise = c->v->at[DP_SEC_NOISE];
	if (c->noises >= dp_view_count(c->v, DP_SEC_NOISE) || noise[c->noises].row != row)
		return dp_view_bad(c->v, DP_SEC_NOISE, c->noises, fault,
		                   "is not row %llu, which has no listed asset",
		                   (unsigned long long)row);
	uint32_t name = noise[c->noises].name;
	if (name >= dp_view_count(c->v, DP_SEC_NOISENAME))
		return dp_view_bad(c->v, DP_SEC_NOISE, c->noises, fault,
		                   "has a name that is not there");
	(void)take_bit(c->named, name);
	c->noises++;
	return DP_OK;
}

static dp_code check_account_row(rows_check *c, uint64_t row, dp_fault *fault)
{
	const uint32_t *src = c->v->at[DP_SEC_SRC], *dst = c->v->at[DP_SEC_DST];
	const uint64_t *amount = c->v->at[DP_SEC_AMOUNT];
	const dp_ledger_class *classes = c->v->at[DP_SEC_CLASSES];
	look_ahead(c, src, row, c->v->s->head.row_count);
	look_ahead(c, dst, row, c->v->s->head.row_count);
	DP_TRY(post(c, src[row], DP_SEC_SRC, row, fault));
	DP_TRY(post(c, dst[row], DP_SEC_DST, row, fault));
	DP_TRY(check_amount(c, amount[row], DP_SEC_AMOUNT, row, fault));
	uint32_t class = class_of(c->v, row);
	if (class >= dp_view_count(c->v, DP_SEC_CLASSES))
		return dp_view_bad(c->v, DP_SEC_CLASS, row, fault, "names no class");
	(void)take_bit(c->used, class);
	if (classes[class].asset == DP_LEDGER_ASSET_NONE) return check_noise(c, row, fault);
	return DP_OK;
}

// Sorted as bytes, each once.
static dp_code check_sorted(const dp_view *v, dp_section_id id, dp_fault *fault)
{
	const uint8_t *items = v->at[id];
	uint64_t width = v->s->head.section[id].width;
	for (uint64_t i = 1; i < dp_view_count(v, id); i++)
		if (memcmp(items + (i - 1) * width, items + i * width, width) >= 0)
			return dp_view_bad(v, id, i, fault, "is out of order");
	return DP_OK;
}

static dp_code check_block_noise(const dp_view *v, dp_fault *fault)
{
	const dp_ledger_block_row *block = v->at[DP_SEC_BLOCK];
	const dp_ledger_noise *noise = v->at[DP_SEC_NOISE];
	uint64_t at = 0, count = dp_view_count(v, DP_SEC_NOISE);
	for (uint64_t b = 0; b < v->s->head.block_count; b++) {
		uint64_t before = at;
		while (at < count && noise[at].row < block[b + 1].row) at++;
		if (at - before != block[b].noise)
			return dp_view_bad(v, DP_SEC_BLOCK, b, fault,
			                   "says %u rows of no listed asset, %llu are there",
			                   block[b].noise, (unsigned long long)(at - before));
	}
	return DP_OK;
}

static dp_code check_account(rows_check *c, dp_fault *fault)
{
	const dp_view *v = c->v;
	const uint32_t *txrow = v->at[DP_SEC_TXROW];
	DP_TRY(check_sorted(v, DP_SEC_CLASSES, fault));
	DP_TRY(check_sorted(v, DP_SEC_NOISENAME, fault));
	for (c->tx = 0; c->tx < v->s->head.tx_count; c->tx++) {
		uint64_t end = dp_view_first(txrow[c->tx + 1]);
		for (uint64_t row = dp_view_first(txrow[c->tx]); row < end; row++)
			DP_TRY(check_account_row(c, row, fault));
	}
	if (c->noises != dp_view_count(v, DP_SEC_NOISE))
		return dp_view_bad(v, DP_SEC_NOISE, c->noises, fault,
		                   "names a row that has a listed asset, or is not there");
	DP_TRY(check_all_bits(c, c->used, DP_SEC_CLASSES, fault));
	DP_TRY(check_all_bits(c, c->named, DP_SEC_NOISENAME, fault));
	return check_block_noise(v, fault);
}

//- coins -----------------------------------------------------------------------------------------

static dp_code check_foreign(rows_check *c, uint64_t input, uint64_t at, dp_fault *fault)
{
	const dp_ledger_foreign *foreign = c->v->at[DP_SEC_FOREIGN];
	if (at >= dp_view_count(c->v, DP_SEC_FOREIGN))
		return dp_view_bad(c->v, DP_SEC_SPENT, input, fault, "names no row of FOREIGN");
	if (take_bit(c->used, at))
		return dp_view_bad(c->v, DP_SEC_SPENT, input, fault,
		                   "names a row of FOREIGN that another input has");
	if ((foreign[at].flags & ~(uint32_t)DP_MVF_VALUE_UNKNOWN) != 0)
		return dp_view_bad(c->v, DP_SEC_FOREIGN, at, fault, "has flags that there are not");
	return post(c, foreign[at].address, DP_SEC_FOREIGN, at, fault);
}

// Outputs of earlier transactions can be spent, and such of the same block: some chains do not
// order the transactions within one.
static dp_code check_input(rows_check *c, uint64_t input, dp_fault *fault)
{
	const uint64_t *spent = c->v->at[DP_SEC_SPENT];
	const uint32_t *txout = c->v->at[DP_SEC_TXOUT];
	const dp_ledger_block_row *block = c->v->at[DP_SEC_BLOCK];
	uint64_t number = spent[input], first = c->v->s->head.output_first;
	if ((number & DP_SPENT_FOREIGN) != 0)
		return check_foreign(c, input, number & ~DP_SPENT_FOREIGN, fault);
	if (number < first) return DP_OK; // of an earlier segment: see verify_spent.c
	uint64_t local = number - first;
	if (local >= txout[block[c->block + 1].tx] ||
	    (local >= txout[c->tx] && local < txout[c->tx + 1]))
		return dp_view_bad(c->v, DP_SEC_SPENT, input, fault,
		                   "spends output %llu, which comes only later",
		                   (unsigned long long)number);
	return DP_OK;
}

static dp_code check_coins(rows_check *c, dp_fault *fault)
{
	const dp_view *v = c->v;
	const uint32_t *txin = v->at[DP_SEC_TXIN], *txout = v->at[DP_SEC_TXOUT];
	const uint32_t *outaddr = v->at[DP_SEC_OUTADDR];
	const uint64_t *value = v->at[DP_SEC_VALUE];
	const dp_ledger_block_row *block = v->at[DP_SEC_BLOCK];
	for (c->tx = 0; c->tx < v->s->head.tx_count; c->tx++) {
		// The last block row is the end and lies behind every transaction.
		while (block[c->block + 1].tx <= c->tx) c->block++;
		uint64_t end = dp_view_first(txin[c->tx + 1]);
		for (uint64_t i = dp_view_first(txin[c->tx]); i < end; i++)
			DP_TRY(check_input(c, i, fault));
		for (uint64_t i = txout[c->tx]; i < txout[c->tx + 1]; i++) {
			look_ahead(c, outaddr, i, v->s->head.output_count);
			DP_TRY(post(c, outaddr[i], DP_SEC_OUTADDR, i, fault));
			DP_TRY(check_amount(c, value[i], DP_SEC_VALUE, i, fault));
		}
	}
	return check_all_bits(c, c->used, DP_SEC_FOREIGN, fault);
}

static dp_code check_rows(rows_check *c, dp_fault *fault)
{
	const dp_view *v = c->v;
	uint64_t used = dp_view_count(v, v->s->utxo ? DP_SEC_FOREIGN : DP_SEC_CLASSES);
	uint64_t named = dp_view_count(v, DP_SEC_NOISENAME);
	c->used = dp_alloc((used / 64 + 1) * sizeof *c->used);
	c->named = dp_alloc((named / 64 + 1) * sizeof *c->named);
	if (c->used == NULL || c->named == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(start_postings(c, fault));
	DP_CHECK(c->cursor != NULL);
	DP_TRY(v->s->utxo ? check_coins(c, fault) : check_account(c, fault));
	DP_TRY(end_postings(c, fault));
	if (c->wides != dp_view_count(v, DP_SEC_WIDE))
		return dp_view_bad(v, DP_SEC_WIDE, c->wides, fault, "is used by nothing");
	return DP_OK;
}

dp_code dp_verify_rows(const dp_view *v, dp_fault *fault)
{
	DP_CHECK(v != NULL && fault != NULL);
	rows_check c = {.v = v};
	dp_code code = check_rows(&c, fault);
	dp_free(c.cursor);
	dp_free(c.used);
	dp_free(c.named);
	return code;
}

// Building a segment: a build from its beginning to its end, and what all chains have in common.
// See build.h for what it is for and build_private.h for how the work is parted.
//
// The way of a row. Records are decoded a block at a time, and rows wait in small groups
// (BUILD_AHEAD) before they are entered: a row's addresses must be looked up in a table far larger
// than any cache, and a look-up that waits for memory costs as much as all the rest. While a group
// is decoded its slots are fetched, then its entries, and only then is it worked on.
//
// What it costs, measured on 2^24 movements of bench/ledger_gen, one core: taking units in 140 ns a
// movement (decoding 17 of them; most of the rest is memory answering), sorting and postings 60 to
// 75 (coins: 35), writing 25, so 4.2 to 4.6 million movements a second.
#include "ledger/build_private.h"

#include <sys/mman.h>
#include <sys/random.h>

#include "chain/gap.h"

//- what all files of the builder use -------------------------------------------------------------

dp_code build_reserve(build_column *c, size_t item_size, uint64_t count, uint64_t count_max,
                      dp_fault *fault)
{
	DP_CHECK(c != NULL && item_size > 0);
	if (__builtin_expect(count <= c->cap, 1)) return DP_OK;
	return dp_grow(&c->any, &c->cap, item_size, count, count_max, fault);
}

// Arrays of many megabytes are read and written all over, and with pages of 4 KiB every such step
// misses the translation buffer, too: so large pages are asked for. It is advice, nothing hangs on
// it. Growing columns are not so advised: they are written from front to back, and the kernel moves
// them to a larger place page by page at next to no cost, for which it would have to break large
// ones up. Copying them into arrays with large pages was tried, too: making those cost more than
// it saved.
enum { LARGE_MIN = 1 << 22, PAGE = 4096 };

void *build_array(size_t item_size, uint64_t count)
{
	DP_CHECK(item_size > 0);
	DP_CHECK(count <= SIZE_MAX / 64 / item_size);
	uint64_t size = item_size * (count == 0 ? 1 : count);
	void *p = dp_alloc(size);
	if (p == NULL || size < LARGE_MIN) return p;
	uintptr_t begin = ((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = ((uintptr_t)p + size) & ~(uintptr_t)(PAGE - 1);
	(void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
	return p;
}

dp_code build_no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY,
	               "out of memory while a segment is built; import with fewer threads");
}

dp_code build_amount_word(dp_build *b, uint64_t *ret_word, dp_u256 amount, dp_fault *fault)
{
	DP_CHECK(b != NULL && ret_word != NULL);
	if (__builtin_expect(dp_amount_encode(ret_word, amount), 1)) return DP_OK;
	uint64_t word = dp_amount_wide_word(amount, b->wides), more = dp_amount_wide_items(word);
	DP_TRY(build_reserve(&b->wide, DP_AMOUNT_ITEM, b->wides + more, 2 * BUILD_ROWS_MAX, fault));
	memcpy(b->wide.u8 + DP_AMOUNT_ITEM * b->wides, amount.w, more * DP_AMOUNT_ITEM);
	b->wides += more;
	*ret_word = word;
	return DP_OK;
}

uint64_t build_block_of(const dp_build *b, uint64_t tx)
{
	DP_CHECK(b != NULL && b->blocks > 0);
	DP_CHECK(tx < b->txs);
	uint64_t low = 0, high = b->blocks; // the last block whose first transaction is not behind
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (b->block.block[middle].tx <= tx)
			low = middle;
		else
			high = middle;
	}
	return low;
}

//- new and free ----------------------------------------------------------------------------------

dp_code dp_build_new(dp_build **ret_build, const dp_chain *chain, const dp_build_begin *begin,
                     dp_fault *fault)
{
	DP_CHECK(ret_build != NULL && chain != NULL && begin != NULL);
	DP_CHECK(chain->kind == DP_CHAIN_ACCOUNT || begin->row == begin->input + begin->output);
	uint64_t secret;
	// Names must be put where nobody can foresee it: an attacker chooses addresses freely.
	if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
		return dp_fail(fault, DP_IO, "the system gives no random numbers (getrandom)");
	dp_build *b = dp_alloc(sizeof *b);
	if (b == NULL) return build_no_memory(fault);
	b->chain = chain;
	b->utxo = chain->kind == DP_CHAIN_UTXO;
	b->begin = *begin;
	b->secret = secret;
	for (uint32_t k = 0; k < BUILD_KINDS; k++) build_addresses_init(&b->kind[k], k);
	b->classes.width = sizeof(dp_ledger_class);
	b->classes.count_max = BUILD_CLASSES_MAX;
	b->names.width = sizeof(dp_ledger_noise_name);
	b->names.count_max = (uint32_t)BUILD_ROWS_MAX;
	b->note_names.width = DP_NOTE_NAME;
	b->note_names.count_max = (uint32_t)BUILD_ROWS_MAX;
	*ret_build = b;
	return DP_OK;
}

void dp_build_free(dp_build *b)
{
	if (b == NULL) return;
	for (uint32_t k = 0; k < BUILD_KINDS; k++) {
		dp_free(b->kind[k].entries);
		dp_free(b->kind[k].order);
		dp_free(b->kind[k].rank);
	}
	void *const arrays[] = {
	    b->block.any,  b->txid.any,    b->wide.any,   b->slot,       b->txrow.any,
	    b->src.any,    b->dst.any,     b->amount.any, b->class.any,  b->noise.any,
	    b->txin.any,   b->txout.any,   b->outtx.any,  b->spent.any,  b->outaddr.any,
	    b->value.any,  b->foreign.any, b->tx_slot,    b->twin.any,   b->taken.any,
	    b->wanted.any, b->pending.any, b->txsort,     b->txbucket,   b->wanted_from.any,
	    b->buried.any, b->txfilter,    b->addrbucket, b->addrfilter, b->coinbase.any,
	    b->postfirst,  b->post,        b->notetx.any, b->noteat.any, b->note.any,
	};
	for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) dp_free(arrays[i]);
	build_names_done(&b->classes);
	build_names_done(&b->names);
	build_names_done(&b->note_names);
	dp_free(b);
}

//- units -----------------------------------------------------------------------------------------

// Room for all that a block can bring: its head was checked against the record's size, so that no
// more is made than the record's own size times a constant.
static dp_code reserve_block(dp_build *b, const dp_record_head *head, dp_fault *fault)
{
	uint64_t rows = head->mv_count, txs = head->tx_count;
	if (rows > BUILD_ROWS_MAX - b->rows || txs >= BUILD_ROWS_MAX - b->txs ||
	    b->blocks >= UINT32_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "a segment holds at most %llu movements; block %llu brings more",
		               (unsigned long long)BUILD_ROWS_MAX,
		               (unsigned long long)head->height);
	uint64_t max = BUILD_ROWS_MAX + 1, tx_end = b->txs + txs + 1;
	DP_TRY(build_reserve(&b->block, sizeof *b->block.block, b->blocks + 2, UINT32_MAX, fault));
	DP_TRY(build_reserve(&b->txid, 32, tx_end, max, fault));
	if (!b->utxo) {
		DP_TRY(build_reserve(&b->txrow, 4, tx_end, max, fault));
		DP_TRY(build_reserve(&b->src, 4, b->rows + rows, max, fault));
		DP_TRY(build_reserve(&b->dst, 4, b->rows + rows, max, fault));
		DP_TRY(build_reserve(&b->amount, 8, b->rows + rows, max, fault));
		return build_reserve(&b->class, b->wide_class ? 2 : 1, b->rows + rows, max, fault);
	}
	DP_TRY(build_reserve(&b->txin, 4, tx_end, max, fault));
	DP_TRY(build_reserve(&b->txout, 4, tx_end, max, fault));
	DP_TRY(build_reserve(&b->outaddr, 4, b->outputs + rows, max, fault));
	DP_TRY(build_reserve(&b->value, 8, b->outputs + rows, max, fault));
	DP_TRY(build_reserve(&b->outtx, 4, (b->outputs + rows) / 32 + 1, max, fault));
	return build_reserve(&b->spent, 8, b->inputs + rows, max, fault);
}

static dp_code take_block(dp_build *b, const uint8_t *payload, uint64_t size, dp_fault *fault)
{
	dp_record_walk w;
	DP_TRY(dp_record_walk_start(&w, payload, size, b->utxo, fault));
	const dp_ledger_block_row *last = b->blocks > 0 ? &b->block.block[b->blocks - 1] : NULL;
	if (last != NULL && w.head.height <= last->height)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu does not lie above block %llu; blocks come in order",
		               (unsigned long long)w.head.height, (unsigned long long)last->height);
	DP_TRY(reserve_block(b, &w.head, fault));
	dp_ledger_block_row *row = &b->block.block[b->blocks];
	*row = (dp_ledger_block_row){.height = w.head.height, .time = w.head.time};
	memcpy(row->hash, w.head.hash, sizeof row->hash);
	memcpy(row->prev, w.head.prev, sizeof row->prev);
	row->tx = (uint32_t)b->txs;
	row->row = (uint32_t)b->rows;
	row->noise = w.head.noise_count;
	row->flags = w.head.flags & DP_LEDGER_BLOCK_BEGINS;
	b->blocks++;
	b->gaps |= w.head.gaps;
	if (b->utxo)
		DP_TRY(build_utxo_block(b, &w, fault));
	else
		DP_TRY(build_account_block(b, &w, fault));
	if ((w.head.flags & DP_LEDGER_BLOCK_NOTES) != 0) DP_TRY(build_notes(b, &w, row->tx, fault));
	DP_TRY(dp_record_walk_end(&w, fault));
	DP_CHECK(b->txs == row->tx + (uint64_t)w.head.tx_count);
	DP_CHECK(b->rows == row->row + (uint64_t)w.head.mv_count);
	return DP_OK;
}

dp_code dp_build_unit(dp_build *b, const uint8_t *const *payloads, const uint64_t *sizes,
                      uint64_t count, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->stage == BUILD_TAKING);
	DP_CHECK((payloads != NULL && sizes != NULL) || count == 0);
	for (uint64_t i = 0; i < count; i++) DP_TRY(take_block(b, payloads[i], sizes[i], fault));
	b->units++;
	return DP_OK;
}

//- stages ----------------------------------------------------------------------------------------

// The columns that end one behind the last transaction.
static dp_code end_columns(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b->txs <= BUILD_ROWS_MAX && b->rows <= BUILD_ROWS_MAX);
	build_column *first = b->utxo ? &b->txin : &b->txrow;
	DP_TRY(build_reserve(first, 4, b->txs + 1, BUILD_ROWS_MAX + 1, fault));
	first->u32[b->txs] = (uint32_t)(b->utxo ? b->inputs : b->rows);
	if (b->utxo) {
		DP_TRY(build_reserve(&b->txout, 4, b->txs + 1, BUILD_ROWS_MAX + 1, fault));
		b->txout.u32[b->txs] = (uint32_t)b->outputs;
	}
	DP_TRY(build_reserve(&b->block, sizeof *b->block.block, b->blocks + 1, UINT32_MAX, fault));
	b->block.block[b->blocks] =
	    (dp_ledger_block_row){.tx = (uint32_t)b->txs, .row = (uint32_t)b->rows};
	return DP_OK;
}

dp_code dp_build_sort(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->stage == BUILD_TAKING);
	DP_TRY(end_columns(b, fault));
	// Nothing is looked up by hash from here on.
	dp_free(b->slot);
	dp_free(b->tx_slot);
	dp_free(b->pending.any);
	dp_free(b->taken.any);
	b->slot = b->tx_slot = NULL;
	b->pending = b->taken = (build_column){0};
	DP_TRY(build_order_txs(b, fault));
	DP_TRY(build_order_addresses(b, fault));
	DP_TRY(b->utxo ? build_utxo_sort(b, fault) : build_account_sort(b, fault));
	// Account chains have no join: who has postings is known.
	if (!b->utxo) DP_TRY(build_settle(b, fault));
	b->stage = BUILD_SORTED;
	return DP_OK;
}

dp_code dp_build_join(dp_build *b, dp_resolve resolve, void *context, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->stage == BUILD_SORTED);
	DP_CHECK(resolve != NULL || !b->utxo);
	if (b->utxo) {
		DP_TRY(build_utxo_join(b, resolve, context, fault));
		DP_TRY(build_settle(b, fault));
	}
	b->stage = BUILD_JOINED;
	return DP_OK;
}

void dp_build_as_old(dp_build *b)
{
	DP_CHECK(b != NULL);
	b->is_old = true;
	b->notes = 0;
	b->gaps &= ~(uint64_t)DP_GAP_NOTES;
}

dp_build_begin dp_build_begin_of_next(const dp_build *b)
{
	DP_CHECK(b != NULL);
	dp_build_begin next = b->begin;
	next.unit_first += b->units;
	next.block += b->blocks;
	next.tx += b->txs;
	next.row += b->rows;
	next.input += b->inputs;
	next.output += b->outputs;
	DP_CHECK(next.row >= b->begin.row);
	return next;
}

//- for .spent ------------------------------------------------------------------------------------

bool dp_build_next_spend(const dp_build *b, dp_spend_walk *io_walk, uint64_t *ret_output_no,
                         uint64_t *ret_tx_no)
{
	DP_CHECK(b != NULL && b->utxo && b->stage == BUILD_JOINED);
	DP_CHECK(io_walk != NULL && ret_output_no != NULL && ret_tx_no != NULL);
	const uint32_t mask = (1u << DP_TXROW_BITS) - 1;
	uint64_t i = io_walk->input, tx = io_walk->tx;
	while (i < b->inputs && (b->spent.u64[i] & DP_SPENT_FOREIGN) != 0) i++;
	io_walk->input = i + 1;
	if (i >= b->inputs) return false;
	while ((b->txin.u32[tx + 1] & mask) <= i) tx++;
	io_walk->tx = tx;
	*ret_output_no = b->spent.u64[i];
	*ret_tx_no = b->begin.tx + tx;
	return true;
}

const dp_buried *dp_build_buried(const dp_build *b, uint64_t *ret_count)
{
	DP_CHECK(b != NULL && ret_count != NULL);
	*ret_count = b->burieds;
	return b->buried.buried;
}

uint64_t dp_build_coinbase_count(const dp_build *b)
{
	DP_CHECK(b != NULL);
	return b->coinbases;
}

void dp_build_coinbase(const dp_build *b, uint64_t i, uint64_t *ret_tx_no, uint8_t ret_id[32])
{
	DP_CHECK(b != NULL && i < b->coinbases);
	DP_CHECK(ret_tx_no != NULL && ret_id != NULL);
	uint32_t tx = b->coinbase.u32[i];
	*ret_tx_no = b->begin.tx + tx;
	memcpy(ret_id, b->txid.u8 + 32 * (uint64_t)tx, 32);
}

void dp_build_tx_outputs(const dp_build *b, uint64_t tx_no, uint64_t *ret_output_first,
                         uint64_t *ret_count)
{
	DP_CHECK(b != NULL && b->utxo && b->stage != BUILD_TAKING);
	DP_CHECK(tx_no >= b->begin.tx && tx_no - b->begin.tx < b->txs);
	uint64_t tx = tx_no - b->begin.tx;
	*ret_output_first = b->begin.output + b->txout.u32[tx];
	*ret_count = b->txout.u32[tx + 1] - b->txout.u32[tx];
}

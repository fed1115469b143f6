// Joining inputs to outputs, see join.h.
//
// What is wanted is asked of each segment in turn, from the newest, and what was found is not asked
// for any more: most coins are spent soon, and of several transactions with one id the last counts
// (BIP 30: the later one has taken the coins of the earlier).
//
//   wanted --filter--> perhaps here --bucket, sorted ids--> transaction --its outputs--> output
//      ^______no________|                                      |
//      |_________________________________________________no____|
//
// Each arrow is a read from a place that no cache holds. So it is done in batches: the addresses of
// a whole batch are computed and prefetched, then the next step finds them there. One look-up takes
// about as long as its slowest read divided by how many a core has under way (10 to 16 today). The
// batch is of group prefetching, as in Chen, Ailamaki, Gibbons, Mowry: Improving hash join
// performance through prefetching (ICDE 2004).
#include "ledger/join.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { BATCH = 64 };
// Wanted ones are indexed with 32 bits, and a segment has no more inputs than that.
#define WANTED_MAX ((uint64_t)UINT32_MAX)

// The batch that passed the filter of one segment.
typedef struct maybe {
	dp_wanted *wanted[BATCH];
	uint32_t index[BATCH]; // in the whole list
	uint32_t output[BATCH];
	bool here[BATCH];
	uint32_t count;
} maybe;

static uint64_t first_bits(const uint8_t id[32], uint32_t bits)
{
	uint64_t v;
	memcpy(&v, id, sizeof v);
	return bits == 0 ? 0 : __builtin_bswap64(v) >> (64 - bits);
}

// Brings the first candidate of each id near. What cannot be read here is found by the look-up that
// follows, which makes the fault.
static void fetch_candidates(dp_segment *s, const maybe *m)
{
	uint32_t at[BATCH];
	for (uint32_t i = 0; i < m->count; i++) {
		uint64_t bucket = first_bits(m->wanted[i]->txid, s->head.tx_bits);
		if (!dp_segment_u32(s, DP_SEC_TXBUCKET, bucket, &at[i])) at[i] = 0;
		dp_segment_prefetch(s, DP_SEC_TXSORT, at[i]);
	}
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t tx;
		if (at[i] >= s->head.tx_count || !dp_segment_u32(s, DP_SEC_TXSORT, at[i], &tx))
			continue;
		dp_segment_prefetch(s, DP_SEC_TXID, tx);
		dp_segment_prefetch(s, DP_SEC_TXOUT, tx);
	}
}

static dp_code check_amount(dp_segment *s, const dp_wanted *w, uint32_t output, dp_fault *fault)
{
	uint64_t word;
	if (!dp_segment_u64(s, DP_SEC_VALUE, output, &word))
		return dp_segment_fault(s, DP_SEC_VALUE, output, fault);
	dp_u256 amount;
	DP_TRY(dp_segment_amount(s, &amount, word, fault));
	if (dp_u256_eq(amount, w->amount)) return DP_OK;
	char said[DP_U256_DEC_MAX], is[DP_U256_DEC_MAX], text[DP_OUTPOINT_TEXT_MAX];
	dp_u256_format(said, w->amount, 0);
	dp_u256_format(is, amount, 0);
	dp_outpoint o = {.vout = w->vout};
	memcpy(o.txid, w->txid, sizeof o.txid);
	dp_outpoint_format(text, &o);
	return dp_fail(fault, DP_BAD_BYTES,
	               "an input says that it spends %s of %s, which holds %s: one of the sources "
	               "is false, import its blocks from another one",
	               said, text, is);
}

// A transaction's id is made of its outputs, so a source that has both is false. (Kept as a foreign
// input it would be money from nowhere.)
static dp_code fail_vout(const dp_wanted *w, uint32_t outputs, dp_fault *fault)
{
	char text[DP_OUTPOINT_TEXT_MAX];
	dp_outpoint o = {.vout = w->vout};
	memcpy(o.txid, w->txid, sizeof o.txid);
	dp_outpoint_format(text, &o);
	return dp_fail(fault, DP_BAD_BYTES,
	               "an input spends %s, but that transaction has %u outputs: the source's "
	               "blocks cannot be right: give another source",
	               text, outputs);
}

static dp_code find_outputs(dp_segment *s, maybe *m, dp_fault *fault)
{
	fetch_candidates(s, m);
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t tx;
		dp_code code = dp_segment_find_tx(s, &tx, m->wanted[i]->txid, UINT32_MAX, fault);
		m->here[i] = false;
		if (code == DP_NOT_FOUND) continue;
		if (code != DP_OK) return code;
		dp_tx_rows rows;
		DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
		if (m->wanted[i]->vout >= rows.output_count)
			return fail_vout(m->wanted[i], rows.output_count, fault);
		m->here[i] = true;
		m->output[i] = rows.output_first + m->wanted[i]->vout;
		if (m->wanted[i]->amount_known) dp_segment_prefetch(s, DP_SEC_VALUE, m->output[i]);
	}
	for (uint32_t i = 0; i < m->count; i++) {
		if (!m->here[i]) continue;
		dp_wanted *w = m->wanted[i];
		if (w->amount_known) DP_TRY(check_amount(s, w, m->output[i], fault));
		w->found = true;
		w->output_no = s->head.output_first + m->output[i];
	}
	return DP_OK;
}

// Sorts a batch of what is still wanted into what may be here, and what is not: that stays pending.
static dp_code filter_batch(dp_segment *s, maybe *m, dp_wanted *wanted, const uint32_t *pending,
                            uint32_t n, uint32_t *kept, uint64_t *io_kept, dp_fault *fault)
{
	uint64_t key[BATCH], block[BATCH];
	uint64_t blocks = s->head.section[DP_SEC_TXFILTER].count;
	for (uint32_t i = 0; i < n; i++) {
		key[i] = dp_filter_txid_key(wanted[pending[i]].txid);
		block[i] = dp_filter_block_of(key[i], blocks);
		dp_segment_prefetch(s, DP_SEC_TXFILTER, block[i]);
	}
	m->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *b = dp_segment_at(s, DP_SEC_TXFILTER, block[i]);
		if (b == NULL) return dp_segment_fault(s, DP_SEC_TXFILTER, block[i], fault);
		if (dp_filter_has(b, key[i])) {
			m->wanted[m->count] = &wanted[pending[i]];
			m->index[m->count++] = pending[i];
		} else {
			kept[(*io_kept)++] = pending[i];
		}
	}
	return DP_OK;
}

// One segment, all that is pending. *io_left of `pending` remain, in their order but for those that
// passed a filter in vain, which come behind their batch: still close to sorted.
static dp_code resolve_in(dp_segment *s, dp_wanted *wanted, uint32_t *pending, uint64_t *io_left,
                          dp_fault *fault)
{
	if (s->head.tx_count == 0) return DP_OK;
	uint64_t kept = 0;
	for (uint64_t at = 0; at < *io_left; at += BATCH) {
		uint32_t n = (uint32_t)(*io_left - at < BATCH ? *io_left - at : BATCH);
		maybe m;
		// Written over in place: what is kept never comes before what is read.
		DP_TRY(filter_batch(s, &m, wanted, pending + at, n, pending, &kept, fault));
		DP_TRY(find_outputs(s, &m, fault));
		for (uint32_t i = 0; i < m.count; i++)
			if (!m.here[i]) pending[kept++] = m.index[i];
		DP_CHECK(kept <= at + n);
	}
	*io_left = kept;
	return DP_OK;
}

dp_code dp_join_resolve(void *join, dp_wanted *wanted, uint64_t count, dp_fault *fault)
{
	const dp_join *j = join;
	DP_CHECK(j != NULL);
	DP_CHECK(wanted != NULL || count == 0);
	for (uint64_t i = 0; i < count; i++) wanted[i].found = false;
	if (count == 0 || j->count == 0) return DP_OK;
	if (count > WANTED_MAX) return dp_fail(fault, DP_LIMIT, "too many inputs at once");
	uint32_t *pending = dp_alloc(count * sizeof *pending);
	if (pending == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < count; i++) pending[i] = (uint32_t)i;
	uint64_t left = count;
	dp_code code = DP_OK;
	for (uint32_t i = j->count; code == DP_OK && i > 0 && left > 0; i--) {
		DP_CHECK(j->segment[i - 1]->utxo);
		code = resolve_in(j->segment[i - 1], wanted, pending, &left, fault);
	}
	dp_free(pending);
	return code;
}

dp_code dp_join_find_tx(const dp_join *j, uint64_t *ret_tx_no, const uint8_t id[32],
                        dp_fault *fault)
{
	DP_CHECK(j != NULL && ret_tx_no != NULL);
	for (uint32_t i = j->count; i > 0; i--) {
		dp_segment *s = j->segment[i - 1];
		uint32_t tx;
		dp_code code = dp_segment_find_tx(s, &tx, id, UINT32_MAX, fault);
		if (code == DP_NOT_FOUND) continue;
		if (code == DP_OK) *ret_tx_no = s->head.tx_first + tx;
		return code;
	}
	return DP_NOT_FOUND;
}

dp_code dp_join_outputs(const dp_join *j, uint64_t *ret_first, uint64_t *ret_count, uint64_t tx_no,
                        dp_fault *fault)
{
	DP_CHECK(j != NULL && j->count > 0);
	uint32_t low = 0, high = j->count; // the last that does not begin behind it
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (j->segment[middle]->head.tx_first <= tx_no)
			low = middle;
		else
			high = middle;
	}
	dp_segment *s = j->segment[low];
	uint64_t tx = tx_no - s->head.tx_first;
	DP_CHECK(tx < s->head.tx_count);
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(s, &rows, (uint32_t)tx, fault));
	*ret_first = s->head.output_first + rows.output_first;
	*ret_count = rows.output_count;
	return DP_OK;
}

//- spent twice -----------------------------------------------------------------------------------

// The id of a transaction, and the height of its block.
static dp_code look_at_tx(const dp_join *j, uint64_t tx_no, uint8_t ret_id[32],
                          uint64_t *ret_height, dp_fault *fault)
{
	uint32_t at = j->count - 1, block;
	while (at > 0 && j->segment[at]->head.tx_first > tx_no) at--;
	dp_segment *s = j->segment[at];
	DP_CHECK(tx_no - s->head.tx_first < s->head.tx_count);
	uint32_t tx = (uint32_t)(tx_no - s->head.tx_first);
	const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
	if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
	dp_ledger_block_row row;
	DP_TRY(dp_segment_block_of_tx(s, &block, tx, fault));
	DP_TRY(dp_segment_block_row(s, &row, block, fault));
	memcpy(ret_id, id, 32);
	*ret_height = row.height;
	return DP_OK;
}

static dp_code look_at_output(const dp_join *j, uint64_t output_no, dp_outpoint *ret_outpoint,
                              dp_fault *fault)
{
	uint32_t at = j->count - 1, tx;
	while (at > 0 && j->segment[at]->head.output_first > output_no) at--;
	dp_segment *s = j->segment[at];
	DP_CHECK(output_no - s->head.output_first < s->head.output_count);
	uint32_t output = (uint32_t)(output_no - s->head.output_first);
	dp_tx_rows rows;
	uint64_t height;
	DP_TRY(dp_segment_tx_of_output(s, &tx, output, fault));
	DP_TRY(dp_segment_tx_rows(s, &rows, tx, fault));
	DP_TRY(look_at_tx(j, s->head.tx_first + tx, ret_outpoint->txid, &height, fault));
	ret_outpoint->vout = output - rows.output_first;
	return DP_OK;
}

dp_code dp_join_spent_before(const dp_join *j, uint64_t output_no, dp_spent_kind kind,
                             uint64_t by_tx_no, uint64_t tx_no, dp_fault *fault)
{
	DP_CHECK(j != NULL && j->count > 0);
	DP_CHECK(kind != DP_UNSPENT);
	dp_outpoint output, by = {0};
	uint8_t id[32];
	uint64_t height = 0, by_height = 0;
	char spent[DP_OUTPOINT_TEXT_MAX], spender[DP_OUTPOINT_TEXT_MAX];
	DP_TRY(look_at_output(j, output_no, &output, fault));
	DP_TRY(look_at_tx(j, by_tx_no, by.txid, &by_height, fault));
	DP_TRY(look_at_tx(j, tx_no, id, &height, fault));
	dp_outpoint_format(spent, &output);
	dp_outpoint_format(spender, &by);
	*strchr(spender, ':') = 0;
	return dp_fail(fault, DP_BAD_BYTES,
	               "block %llu spends %s, which was %s before, in block %llu by %s: the "
	               "source's blocks cannot be right: give another source, or forget block %llu "
	               "and those above it with --again %llu",
	               (unsigned long long)height, spent, kind == DP_SPENT ? "spent" : "replaced",
	               (unsigned long long)by_height, spender, (unsigned long long)height,
	               (unsigned long long)height);
}

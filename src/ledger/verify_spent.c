// Who spends what, through all segments: is no output spent twice, and do the .spent files say
// exactly what the inputs say?
//
// What must stand in .spent is worked out anew, for as many outputs at a time as fit into
// WINDOW_BYTES, by one walk over the inputs of all segments from the window on:
//
//   outputs   |--- window ---|--- window ---|-- ...
//   inputs          ^ walked for the first window: all segments that can spend from it
//                                  ^ for the second: fewer
//
// So memory is bounded whatever the ledger's size, and both are read in order: looking up each
// input's entry instead would touch a page of a file for almost every input.
//
// Buried outputs: a coinbase with the id of an earlier transaction takes the place of what that one
// left unspent (BIP 30). These pairs are searched for once, by asking the segments' indices, one
// segment after another.
//
// A segment that is damaged says nothing about what it spends: entries that name a transaction of
// it are believed. So are those that name one behind the manifest's last: an importer is at work,
// or was killed, and readers pass over them.
#include "ledger/verify_private.h"

#include <string.h>

#include "ledger/segment_inner.h"

#define WINDOW_BYTES ((uint64_t)1 << 30)
#define COINBASES_MAX ((uint64_t)1 << 24) // of 44 bytes; the longest chain has a third of that
#define BURIED_BIT ((uint64_t)1 << 63)    // in a window: beside the transaction's number, plus 1

typedef struct pair {
	uint64_t tx_no;              // the later transaction
	uint64_t output, output_end; // of the earlier one
} pair;

typedef struct coinbase {
	uint8_t id[32];
	uint32_t segment, tx; // local
	bool found;           // the last earlier transaction with its id
} coinbase;

typedef struct spends_check {
	dp_verifier *v;
	pair *pairs;
	uint64_t pair_count, pair_cap;
	coinbase *coinbases;
	uint64_t coinbase_count, coinbase_cap;
	uint64_t *expected;  // by output of the window: 0, or who spends or buries it
	uint64_t first, end; // the window
	bool *told;          // by segment: its .spent file's first fault was found
} spends_check;

static bool is_readable(const dp_verifier *v, uint64_t segment)
{
	return v->segment[segment] != NULL && !v->broken[segment];
}

//- buried outputs --------------------------------------------------------------------------------

// All coinbases, in order. They are kept so that each segment is asked for all of them at once: a
// packed one must be unpacked for that, and only one at a time may be.
static dp_code collect_coinbases(spends_check *c, uint32_t at, dp_fault *fault)
{
	dp_segment *s = c->v->segment[at];
	const uint32_t *txin = dp_segment_span_slow(s, DP_SEC_TXIN, 0, s->head.tx_count + 1);
	if (txin == NULL) return dp_segment_fault(s, DP_SEC_TXIN, 0, fault);
	for (uint32_t tx = 0; tx < s->head.tx_count; tx++) {
		if ((txin[tx] >> DP_TXROW_BITS & DP_TXF_COINBASE) == 0) continue;
		const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
		if (id == NULL) return dp_segment_fault(s, DP_SEC_TXID, tx, fault);
		void *list = c->coinbases;
		DP_TRY(dp_grow(&list, &c->coinbase_cap, sizeof *c->coinbases, c->coinbase_count + 1,
		               COINBASES_MAX, fault));
		c->coinbases = list;
		coinbase *one = &c->coinbases[c->coinbase_count++];
		*one = (coinbase){.tx = tx, .segment = at};
		memcpy(one->id, id, sizeof one->id);
	}
	dp_verify_forget_unpacked(s);
	return DP_OK;
}

static dp_code add_pair(spends_check *c, const coinbase *later, dp_segment *s, uint32_t earlier,
                        dp_fault *fault)
{
	dp_tx_rows rows;
	DP_TRY(dp_segment_tx_rows(s, &rows, earlier, fault));
	void *pairs = c->pairs;
	DP_TRY(dp_grow(&pairs, &c->pair_cap, sizeof *c->pairs, c->pair_count + 1, COINBASES_MAX,
	               fault));
	c->pairs = pairs;
	uint64_t first = s->head.output_first + rows.output_first;
	c->pairs[c->pair_count++] =
	    (pair){c->v->first[later->segment].tx + later->tx, first, first + rows.output_count};
	return DP_OK;
}

// Asks segment `at` for the ids of the coinbases in it and behind it that no later segment had.
static dp_code ask_segment(spends_check *c, uint32_t at, dp_fault *fault)
{
	dp_segment *s = c->v->segment[at];
	for (uint64_t i = c->coinbase_count; i-- > 0 && c->coinbases[i].segment >= at;) {
		coinbase *one = &c->coinbases[i];
		uint32_t earlier, before = one->segment == at ? one->tx : UINT32_MAX;
		if (one->found) continue;
		dp_code code = dp_segment_find_tx(s, &earlier, one->id, before, fault);
		if (code == DP_NOT_FOUND) continue;
		if (code != DP_OK) return code;
		one->found = true;
		DP_TRY(add_pair(c, one, s, earlier, fault));
	}
	dp_verify_forget_unpacked(s);
	return DP_OK;
}

static dp_code find_pairs(spends_check *c, dp_fault *fault)
{
	uint32_t count = (uint32_t)c->v->manifest.count;
	for (uint32_t i = 0; i < count; i++)
		if (is_readable(c->v, i)) DP_TRY(collect_coinbases(c, i, fault));
	for (uint32_t i = count; i-- > 0;)
		if (is_readable(c->v, i)) DP_TRY(ask_segment(c, i, fault));
	return DP_OK;
}

//- a window --------------------------------------------------------------------------------------

// Notes what the inputs of a segment spend within the window. An output that was spent before makes
// the later segment false.
static dp_code walk_inputs(spends_check *c, uint64_t at, dp_fault *fault)
{
	dp_segment *s = c->v->segment[at];
	uint64_t inputs = s->head.input_count;
	if (inputs == 0) return DP_OK;
	const uint64_t *spent = dp_segment_span_slow(s, DP_SEC_SPENT, 0, inputs);
	if (spent == NULL) return dp_segment_fault(s, DP_SEC_SPENT, 0, fault);
	const uint32_t *txin = dp_segment_span_slow(s, DP_SEC_TXIN, 0, s->head.tx_count + 1);
	if (txin == NULL) return dp_segment_fault(s, DP_SEC_TXIN, 0, fault);
	uint64_t tx = 0;
	for (uint64_t i = 0; i < inputs; i++) {
		// Foreign inputs have bit 63 and lie behind every window.
		if (spent[i] < c->first || spent[i] >= c->end) continue;
		while (dp_view_first(txin[tx + 1]) <= i) tx++;
		uint64_t *expected = &c->expected[spent[i] - c->first];
		if (*expected == 0) {
			*expected = s->head.tx_first + tx + 1;
			continue;
		}
		dp_view view = {.s = s};
		dp_fault twice;
		(void)dp_view_bad(&view, DP_SEC_SPENT, i, &twice,
		                  "spends output %llu, which transaction %llu spent before",
		                  (unsigned long long)spent[i],
		                  (unsigned long long)(*expected - 1));
		c->v->broken[at] = true;
		dp_verifier_found(c->v, at, false, &twice);
		return DP_OK;
	}
	return DP_OK;
}

static void bury(spends_check *c)
{
	for (uint64_t i = 0; i < c->pair_count; i++) {
		const pair *p = &c->pairs[i];
		uint64_t no = p->output > c->first ? p->output : c->first;
		for (; no < p->output_end && no < c->end; no++)
			if (c->expected[no - c->first] == 0)
				c->expected[no - c->first] = (p->tx_no + 1) | BURIED_BIT;
	}
}

// Is the transaction one of which nothing is known here?
static bool is_unknown(const dp_verifier *v, uint64_t tx_no)
{
	if (tx_no >= v->first[v->manifest.count].tx) return true;
	uint64_t low = 0, high = v->manifest.count;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (v->first[middle].tx <= tx_no)
			low = middle;
		else
			high = middle;
	}
	return !is_readable(v, low);
}

// NULL: the entry is right.
static const char *wrong_entry(const spends_check *c, uint64_t entry, uint64_t output_no)
{
	uint64_t expected = c->expected[output_no - c->first], tx_no;
	dp_spent_kind kind;
	if (!dp_spent_read(entry, output_no, &kind, &tx_no)) return "does not prove itself";
	if (expected == 0) {
		bool fine = kind == DP_UNSPENT || is_unknown(c->v, tx_no);
		return fine ? NULL : "says that an output is spent which nobody spends";
	}
	if (kind == DP_UNSPENT) return "says that an output is not spent which is";
	if (tx_no + 1 != (expected & ~BURIED_BIT)) return "names the wrong transaction";
	if ((kind == DP_BURIED) != ((expected & BURIED_BIT) != 0))
		return "takes spent for buried, or buried for spent";
	return NULL;
}

// Compares what the .spent file of a segment says of the outputs in the window.
static dp_code compare(spends_check *c, uint64_t at, dp_fault *ret_fault)
{
	dp_verifier *v = c->v;
	const dp_spent *s = &v->spent[at];
	uint64_t first = v->first[at].output, end = v->first[at + 1].output;
	uint64_t no = first > c->first ? first : c->first;
	if (s->entry == NULL || c->told[at] || !is_readable(v, at)) return DP_OK;
	dp_map_advise(&s->map, 0, s->map.size, DP_MAP_SEQUENTIAL);
	for (; no < end && no < c->end; no++) {
		uint64_t entry = atomic_load_explicit(&s->entry[no - first], memory_order_relaxed);
		const char *what = wrong_entry(c, entry, no);
		if (what == NULL) continue;
		// A reorganisation takes spends back, in files that are read here.
		bool current;
		DP_TRY(dp_verifier_is_current(v, &current, ret_fault));
		if (!current)
			return dp_fail(ret_fault, DP_BUSY,
			               "an importer changed the ledger meanwhile: verify it again "
			               "when it is done");
		dp_fault fault;
		(void)dp_fail_offset(&fault, DP_BAD_BYTES,
		                     sizeof(dp_spent_header) + (no - first) * sizeof entry,
		                     "the entry of output %llu %s", (unsigned long long)no, what);
		dp_fault_file(&fault, s->path);
		c->told[at] = true;
		dp_verifier_found(v, at, true, &fault);
		return DP_OK;
	}
	return DP_OK;
}

static dp_code check_window(spends_check *c, dp_fault *fault)
{
	dp_verifier *v = c->v;
	DP_CHECK(c->first < c->end);
	memset(c->expected, 0, (c->end - c->first) * sizeof *c->expected);
	for (uint64_t i = 0; i < v->manifest.count; i++) {
		// A segment spends outputs of its own and of earlier ones.
		if (v->first[i + 1].output <= c->first || !is_readable(v, i)) continue;
		DP_TRY(walk_inputs(c, i, fault));
		dp_verify_forget_unpacked(v->segment[i]);
	}
	bury(c);
	for (uint64_t i = 0; i < v->manifest.count; i++)
		if (v->first[i + 1].output > c->first && v->first[i].output < c->end)
			DP_TRY(compare(c, i, fault));
	return DP_OK;
}

// What the .spent files that are there say of the outputs from `first` to before `end`, in bytes.
static uint64_t spent_bytes(const dp_verifier *v, uint64_t first, uint64_t end)
{
	uint64_t outputs = 0;
	for (uint64_t i = 0; i < v->manifest.count; i++) {
		uint64_t from = v->first[i].output, to = v->first[i + 1].output;
		if (from < first) from = first;
		if (to > end) to = end;
		if (from < to && v->spent[i].entry != NULL) outputs += to - from;
	}
	return outputs * sizeof(uint64_t);
}

// The first output from `from` on that lies in a segment which can be read, `end` when there is
// none. Of the others only the manifest knows, which may claim what it likes: who walked through
// the windows of what is not there would walk for hours. *io_at: the segment to begin with.
static uint64_t next_readable(const dp_verifier *v, uint64_t *io_at, uint64_t from, uint64_t end)
{
	for (; *io_at < v->manifest.count; (*io_at)++) {
		uint64_t first = v->first[*io_at].output;
		if (v->first[*io_at + 1].output <= from || !is_readable(v, *io_at)) continue;
		if (v->first[*io_at + 1].output == first) continue; // of no outputs
		return first > from ? first : from;
	}
	return end;
}

static dp_code check_all(spends_check *c, dp_fault *fault)
{
	dp_verifier *v = c->v;
	uint64_t outputs = v->first[v->manifest.count].output;
	uint64_t window = WINDOW_BYTES / sizeof *c->expected;
	uint64_t at = 0, told = 0;
	if (window > outputs) window = outputs;
	c->first = next_readable(v, &at, 0, outputs);
	if (c->first == outputs) {
		dp_verifier_progress(v, spent_bytes(v, 0, outputs));
		return DP_OK;
	}
	c->told = dp_alloc(v->manifest.count * sizeof *c->told);
	c->expected = dp_alloc(window * sizeof *c->expected);
	if (c->told == NULL || c->expected == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(find_pairs(c, fault));
	for (; c->first < outputs; c->first = next_readable(v, &at, c->end, outputs)) {
		c->end = outputs - c->first < window ? outputs : c->first + window;
		DP_TRY(check_window(c, fault));
		dp_verifier_progress(v, spent_bytes(v, told, c->end));
		told = c->end;
	}
	dp_verifier_progress(v, spent_bytes(v, told, outputs));
	return DP_OK;
}

dp_code dp_verify_spends(dp_verifier *v, dp_fault *fault)
{
	DP_CHECK(v != NULL && fault != NULL);
	DP_CHECK(v->chain->kind == DP_CHAIN_UTXO);
	spends_check c = {.v = v};
	for (uint64_t i = 0; i < v->manifest.count; i++)
		if (v->spent[i].entry == NULL && is_readable(v, i))
			dp_verifier_found(v, i, true, &v->spent_fault[i]);
	dp_code code = check_all(&c, fault);
	dp_free(c.coinbases);
	dp_free(c.pairs);
	dp_free(c.expected);
	dp_free(c.told);
	return code;
}

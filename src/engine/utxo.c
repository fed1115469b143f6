// One transaction of a UTXO chain: its inputs, in order, make one list of parcels (or one bag), and
// the policy divides it over the outputs in order, the fee last. See docs/TAINT.md.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/private.h"
#include "shape/postmix.h"

static dp_utxo_shape shape_of(const dp_engine *e, const dp_tx *tx)
{
	dp_utxo_shape s = {.in_index = tx->mv_first};
	uint32_t end = tx->mv_first + tx->mv_count;
	uint32_t i = tx->mv_first;
	while (i < end && e->block->mv[i].kind == DP_MV_INPUT) i++;
	s.inputs = i - tx->mv_first;
	s.outputs = end - i;
	s.out_index = i;
	s.in = &e->block->mv[s.in_index];
	s.out = &e->block->mv[s.out_index];
	return s;
}

static uint32_t find_coin(const dp_engine *e, const dp_outpoint *o, uint64_t key)
{
	if (!dp_holders_maybe(&e->holders, key)) return DP_HOLDER_NONE;
	uint8_t id[36];
	dp_holder_id_of_outpoint(id, o);
	return dp_holders_find(&e->holders, key, id, e->native);
}

//- seeds -----------------------------------------------------------------------------------------

// Paints `units` of the content of coin `index` and books the theft.
static dp_code paint_coin(dp_engine *e, uint32_t index, dp_seed_state *s, dp_u256 units,
                          uint32_t mv, dp_fault *fault)
{
	dp_asset asset = e->holders.record[index].asset;
	DP_TRY(dp_touch(e, index, fault));
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	dp_u256 contested;
	DP_TRY(dp_policy_paint(e->policy, list, &contested, s->colour, units, fault));
	DP_TRY(dp_holders_store(&e->holders, index, list, fault));
	dp_parcel p = {.units = contested, .origin = contested, .colour = s->colour};
	if (!dp_u256_is_zero(contested))
		DP_TRY(dp_flow(e, mv, DP_NO_INDEX, DP_PARTY_THEFT,
		               dp_party_of_bucket(DP_BUCKET_CONTESTED), asset, &p, fault));
	p.units = dp_u256_sub(units, contested);
	p.origin = p.units;
	if (dp_u256_is_zero(p.units)) return DP_OK;
	return dp_flow(e, mv, DP_NO_INDEX, DP_PARTY_THEFT, e->holders.record[index].no, asset, &p,
	               fault);
}

static dp_code too_large(const dp_engine *e, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES,
	               "block %llu, transaction %u: a coin of 2^222 base units or more: the source "
	               "is damaged",
	               (unsigned long long)e->block->height, e->tx_index);
}

// The coin of a seed, as a clean holder where it is not followed yet.
static dp_code seed_coin(dp_engine *e, uint32_t *ret_index, const dp_outpoint *o, dp_u256 value,
                         uint32_t mv, dp_fault *fault)
{
	uint64_t key = dp_outpoint_key(o);
	uint32_t index = find_coin(e, o, key);
	if (!dp_units_fit(value)) return too_large(e, fault);
	if (index == DP_HOLDER_NONE) {
		uint8_t id[36];
		dp_holder_id_of_outpoint(id, o);
		dp_asset asset = e->native;
		DP_TRY(dp_create(e, &index, key, id, asset, 0, mv, fault));
		dp_parcels_clear(&e->scratch_a);
		DP_TRY(dp_policy_put_clean(e->policy, &e->scratch_a, value, fault));
		DP_TRY(dp_holders_store(&e->holders, index, &e->scratch_a, fault));
	}
	*ret_index = index;
	return DP_OK;
}

static dp_code seed_done(dp_engine *e, dp_seed_state *s, dp_fault *fault)
{
	DP_TRY(dp_touch_books(e, fault));
	s->done = true;
	DP_CHECK(e->seeds_waiting > 0);
	e->seeds_waiting--;
	return DP_OK;
}

static dp_code too_much(const dp_engine *e, const dp_seed_state *s, dp_u256 value, dp_fault *fault)
{
	char want[DP_U256_DEC_MAX], have[DP_U256_DEC_MAX];
	const dp_asset_info *a = dp_asset_info_of(s->seed->asset);
	dp_u256_format(want, s->seed->amount, a->decimals);
	dp_u256_format(have, value, a->decimals);
	return dp_fail_seed(e, s, fault,
	                    "the seed names %s %s but the output holds only %s: correct the amount "
	                    "or leave it out for the whole output",
	                    want, a->symbol, have);
}

// A seed whose coin was made before the source began: it is known once it is spent.
static dp_code seed_from_input(dp_engine *e, const dp_movement *in, uint32_t mv, dp_fault *fault)
{
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->seed_txs, in->spent.txid, &count);
	for (uint32_t i = 0; i < count; i++) {
		dp_seed_state *s = &e->seed[named[i].index];
		const dp_seed *seed = s->seed;
		if (s->done || !seed->has_outpoint ||
		    memcmp(&seed->outpoint, &in->spent, sizeof in->spent) != 0)
			continue;
		if ((seed->has_height && e->block->height < seed->height) ||
		    (seed->has_time && e->block->time < seed->time))
			return dp_fail_seed(e, s, fault,
			                    "the seed was already spent in block %llu, before the "
			                    "theft: check the outpoint or the time",
			                    (unsigned long long)e->block->height);
		if ((in->flags & DP_MVF_VALUE_UNKNOWN) != 0 && !seed->has_amount)
			return dp_fail_seed(e, s, fault,
			                    "the source does not say how much the seed's output "
			                    "held: give its amount, or a source that knows");
		dp_u256 value = (in->flags & DP_MVF_VALUE_UNKNOWN) != 0 ? seed->amount : in->amount;
		dp_u256 units = seed->has_amount ? seed->amount : value;
		if (dp_u256_lt(value, units)) return too_much(e, s, value, fault);
		uint32_t index;
		DP_TRY(seed_coin(e, &index, &in->spent, value, mv, fault));
		DP_TRY(paint_coin(e, index, s, units, mv, fault));
		DP_TRY(seed_done(e, s, fault));
	}
	return DP_OK;
}

// One seed that names outputs of this transaction, after the transaction was applied.
static dp_code seed_from_outputs(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh,
                                 dp_seed_state *s, dp_fault *fault)
{
	const dp_seed *seed = s->seed;
	dp_u256 left = seed->amount, found = DP_U256_ZERO;
	if (seed->has_outpoint && seed->outpoint.vout >= sh->outputs)
		return dp_fail_seed(e, s, fault,
		                    "the seed names output %u but its transaction has only %u",
		                    seed->outpoint.vout, sh->outputs);
	for (uint32_t j = 0; j < sh->outputs; j++) {
		const dp_movement *out = &sh->out[j];
		if (seed->has_outpoint ? j != seed->outpoint.vout
		                       : !dp_addr_eq(&out->to, &seed->addr))
			continue;
		dp_u256 units = seed->has_amount ? dp_u256_min(left, out->amount) : out->amount;
		found = dp_u256_add(found, out->amount);
		if (dp_u256_is_zero(units)) continue;
		left = seed->has_amount ? dp_u256_sub(left, units) : left;
		dp_outpoint o = {.vout = j};
		memcpy(o.txid, tx->id, 32);
		uint32_t index;
		DP_TRY(seed_coin(e, &index, &o, out->amount, sh->out_index + j, fault));
		DP_TRY(paint_coin(e, index, s, units, sh->out_index + j, fault));
	}
	if (dp_u256_is_zero(found))
		return dp_fail_seed(e, s, fault,
		                    "no output of the seed's transaction pays that address with a "
		                    "value: check the address");
	if (seed->has_amount && !dp_u256_is_zero(left)) return too_much(e, s, found, fault);
	return seed_done(e, s, fault);
}

static dp_code seeds_after(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh, dp_fault *fault)
{
	if (e->seeds_waiting == 0) return DP_OK;
	uint32_t count;
	const dp_txset_entry *named = dp_txset_find(&e->seed_txs, tx->id, &count);
	for (uint32_t i = 0; i < count; i++) {
		dp_seed_state *s = &e->seed[named[i].index];
		if (!s->done) DP_TRY(seed_from_outputs(e, tx, sh, s, fault));
	}
	return DP_OK;
}

//- inputs ----------------------------------------------------------------------------------------

// Values that nobody knows: an error that says which, or what the outputs need beyond the known.
static dp_code unknown_value(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh, uint32_t at,
                             dp_u256 *ret_value, dp_fault *fault)
{
	char txid[DP_TXID_TEXT_MAX], spent[DP_OUTPOINT_TEXT_MAX];
	dp_txid_format(txid, tx->id, e->options.chain);
	dp_outpoint_format(spent, &sh->in[at].spent);
	if (!e->options.assume_clean)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu, transaction %s, input %u spends %s, whose value is "
		               "in no source: add the block that made it, the rev file beside "
		               "a blk file or a .spent.json beside a bare block, or go on with "
		               "--assume-clean",
		               (unsigned long long)e->block->height, txid, at, spent);
	dp_u256 known = DP_U256_ZERO, wanted = DP_U256_ZERO;
	for (uint32_t i = 0; i < sh->inputs; i++) {
		const dp_movement *in = &sh->in[i];
		dp_u256 value = in->amount;
		uint32_t coin = find_coin(e, &in->spent, dp_outpoint_key(&in->spent));
		if (coin != DP_HOLDER_NONE) {
			dp_parcels *list;
			DP_TRY(dp_holders_load(&e->holders, &list, coin, &e->scratch_a, fault));
			value = dp_policy_total(e->policy, list);
		} else if ((in->flags & DP_MVF_VALUE_UNKNOWN) != 0 && i < at) {
			// An earlier unknown one took the whole gap already.
			*ret_value = DP_U256_ZERO;
			return DP_OK;
		}
		known = dp_u256_add(known, value);
	}
	for (uint32_t j = 0; j < sh->outputs; j++) wanted = dp_u256_add(wanted, sh->out[j].amount);
	*ret_value = dp_u256_lt(known, wanted) ? dp_u256_sub(wanted, known) : DP_U256_ZERO;
	dp_event *ev;
	DP_TRY(dp_emit(e, &ev, DP_EV_ASSUMED, sh->in_index + at, fault));
	ev->units = *ret_value;
	return DP_OK;
}

dp_code dp_spends_twice(const dp_engine *e, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES, "block %llu: transaction %u spends one coin twice",
	               (unsigned long long)e->block->height, e->tx_index);
}

// Puts the content of input `at` into e->in. Coins are not taken out of the table yet: an unknown
// value needs to see all of them.
static dp_code gather_input(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh, uint32_t at,
                            uint32_t *ret_hop, dp_fault *fault)
{
	const dp_movement *in = &sh->in[at];
	uint32_t mv = sh->in_index + at;
	uint32_t coin = e->coin[at];
	if (coin == DP_HOLDER_NONE) {
		dp_u256 value = in->amount;
		if ((in->flags & DP_MVF_VALUE_UNKNOWN) != 0)
			DP_TRY(unknown_value(e, tx, sh, at, &value, fault));
		return dp_policy_put_clean(e->policy, &e->in, value, fault);
	}
	dp_holder *r = &e->holders.record[coin];
	if (r->moves != 0) return dp_spends_twice(e, fault);
	DP_TRY(dp_touch(e, coin, fault));
	r->moves = 1;
	if (r->hop < *ret_hop) *ret_hop = r->hop;
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, coin, &e->scratch_a, fault));
	if ((in->flags & DP_MVF_VALUE_UNKNOWN) == 0 &&
	    !dp_u256_eq(dp_policy_total(e->policy, list), in->amount))
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu: input %u of transaction %u claims another value than "
		               "the coin it spends had: the source is damaged",
		               (unsigned long long)e->block->height, at, e->tx_index);
	DP_TRY(dp_flow_parcels(e, mv, DP_NO_INDEX, r->no, DP_PARTY_TX, r->asset, list, fault));
	dp_parcels_clear(&e->scratch_b);
	DP_TRY(dp_parcels_copy(&e->scratch_b, list, fault));
	return dp_policy_put(e->policy, &e->in, &e->scratch_b, fault);
}

static dp_code spend_inputs(dp_engine *e, const dp_utxo_shape *sh, dp_fault *fault)
{
	for (uint32_t i = 0; i < sh->inputs; i++)
		if (e->coin[i] != DP_HOLDER_NONE)
			DP_TRY(
			    dp_destroy(e, e->coin[i], e->block->src_key[sh->in_index + i], fault));
	return DP_OK;
}

//- outputs ---------------------------------------------------------------------------------------

// A later coinbase with the same id makes the earlier coin unspendable: it happened twice (BIP 30),
// and the units are gone.
static dp_code bury_duplicate(dp_engine *e, const dp_outpoint *o, uint64_t key, uint32_t mv,
                              dp_fault *fault)
{
	uint32_t old = find_coin(e, o, key);
	if (old == DP_HOLDER_NONE) return DP_OK;
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, old, &e->scratch_a, fault));
	dp_holder *r = &e->holders.record[old];
	DP_TRY(dp_flow_parcels(e, mv, DP_NO_INDEX, r->no, dp_party_of_bucket(DP_BUCKET_BURNT),
	                       r->asset, list, fault));
	return dp_destroy(e, old, key, fault);
}

dp_bucket dp_output_bucket(const dp_engine *e, const dp_movement *out, uint32_t *ret_stop)
{
	*ret_stop = DP_NO_INDEX;
	if (out->to.kind == DP_ADDR_NULLDATA) return DP_BUCKET_BURNT;
	return dp_stop_of(e, ret_stop, &out->to);
}

// Moves parcels that are below their case's dust limit from `list` to the dust bucket.
static dp_code dust_out(dp_engine *e, dp_parcels *list, dp_u256 value, uint32_t mv, dp_asset asset,
                        dp_fault *fault)
{
	bool any = false;
	for (uint32_t i = 0; i < list->count; i++) {
		dp_parcel *p = dp_parcels_at(list, i);
		if (p->colour.v == 0) continue;
		const dp_case *c = e->cases[e->colour[p->colour.v].case_index];
		if (dp_u256_cmp(value, c->dust_limit) > 0) continue;
		DP_TRY(dp_flow(e, mv, DP_NO_INDEX, DP_PARTY_TX, dp_party_of_bucket(DP_BUCKET_DUST),
		               asset, p, fault));
		p->colour = DP_CLEAN;
		p->origin = DP_U256_ZERO;
		any = true;
	}
	if (!any) return DP_OK;
	// Clean parcels may now stand side by side, or twice in a bag: put them together again.
	dp_parcels_clear(&e->scratch_b);
	for (uint32_t i = 0; i < list->count; i++) {
		const dp_parcel *p = dp_parcels_at(list, i);
		if (e->policy->shape == DP_SHAPE_MARKS && i > 0 && p->colour.v == 0) continue;
		if (e->policy->shape == DP_SHAPE_QUEUE)
			DP_TRY(dp_parcels_push(&e->scratch_b, p, fault));
		else
			DP_TRY(dp_bag_add(&e->scratch_b, p, fault));
	}
	dp_parcels_clear(list);
	return dp_parcels_copy(list, &e->scratch_b, fault);
}

static dp_code make_output(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh, uint32_t j,
                           uint32_t hop, dp_fault *fault)
{
	dp_parcels *list = &e->slot_out[j];
	const dp_movement *out = &sh->out[j];
	uint32_t mv = sh->out_index + j;
	dp_asset asset = e->native;
	dp_outpoint o = {.vout = j};
	memcpy(o.txid, tx->id, 32);
	uint64_t key = e->block->dst_key[mv];
	if (dp_holders_maybe(&e->holders, key)) DP_TRY(bury_duplicate(e, &o, key, mv, fault));
	if (!dp_has_taint(list)) return DP_OK;
	uint32_t stop;
	static const dp_addr nobody;
	dp_exit *exit = e->exit_count > 0 ? dp_exit_of(e, &nobody, &out->to, e->native) : NULL;
	if (exit != NULL) {
		e->tx_hop = hop;
		e->tx_payer = nobody;
		DP_TRY(dp_exit_take(e, exit, list, asset, DP_PARTY_TX, mv, fault));
		if (!dp_has_taint(list)) return DP_OK;
	}
	dp_bucket bucket = dp_output_bucket(e, out, &stop);
	if (bucket == DP_BUCKET_HELD) {
		DP_TRY(dust_out(e, list, out->amount, mv, asset, fault));
		if (!dp_has_taint(list)) return DP_OK;
	}
	if (bucket != DP_BUCKET_HELD)
		return dp_flow_parcels(e, mv, stop, DP_PARTY_TX, dp_party_of_bucket(bucket), asset,
		                       list, fault);
	uint8_t id[36];
	dp_holder_id_of_outpoint(id, &o);
	uint32_t index;
	DP_TRY(dp_create(e, &index, key, id, asset, hop + 1, mv, fault));
	DP_TRY(dp_flow_parcels(e, mv, DP_NO_INDEX, DP_PARTY_TX, e->holders.record[index].no, asset,
	                       list, fault));
	return dp_holders_store(&e->holders, index, list, fault);
}

// Sizes e->slot and e->slot_out for the outputs and the fee, and fills the slots.
static dp_code make_slots(dp_engine *e, const dp_utxo_shape *sh, dp_u256 total, dp_fault *fault)
{
	uint64_t need = (uint64_t)sh->outputs + 1;
	if (need > e->slot_cap) {
		uint64_t cap_a = e->slot_cap, cap_b = e->slot_cap;
		void *slots = e->slot, *lists = e->slot_out;
		dp_code code =
		    dp_grow(&slots, &cap_a, sizeof *e->slot, need, DP_BLOCK_MV_MAX, fault);
		e->slot = slots;
		if (code != DP_OK) return code;
		DP_TRY(dp_grow(&lists, &cap_b, sizeof *e->slot_out, need, DP_BLOCK_MV_MAX, fault));
		e->slot_out = lists;
		memset(&e->slot_out[e->slot_cap], 0, (cap_b - e->slot_cap) * sizeof *e->slot_out);
		e->slot_cap = cap_b;
	}
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t j = 0; j < sh->outputs; j++) {
		e->slot[j] = sh->out[j].amount;
		if (dp_u256_add_over(&sum, sum, e->slot[j]))
			return dp_fail(fault, DP_BAD_BYTES, "block %llu: outputs overflow 256 bits",
			               (unsigned long long)e->block->height);
		dp_parcels_clear(&e->slot_out[j]);
	}
	dp_parcels_clear(&e->slot_out[sh->outputs]);
	if (dp_u256_sub_over(&e->slot[sh->outputs], total, sum)) {
		char txid[DP_TXID_TEXT_MAX];
		dp_txid_format(txid, e->block->tx[e->tx_index].id, e->options.chain);
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %llu: transaction %s pays out more than its inputs hold",
		               (unsigned long long)e->block->height, txid);
	}
	return DP_OK;
}

//- CoinJoins -------------------------------------------------------------------------------------

// Through how many CoinJoins has what is spent here gone, with this one? Taint goes on by policy;
// holders are marked, and the transaction is told of, for then nobody can say whose coin is whose
// (domain.md 1.8).
static dp_code judge_mix(dp_engine *e, const dp_utxo_shape *sh, dp_fault *fault)
{
	enum { INPUTS_MIN = 2, OUTPUTS_MIN = 2 };
	e->tx_mixes = 0;
	for (uint32_t i = 0; i < sh->inputs; i++) {
		if (e->coin[i] == DP_HOLDER_NONE) continue;
		uint8_t mixes = dp_mixes_of(&e->holders.record[e->coin[i]]);
		if (mixes > e->tx_mixes) e->tx_mixes = mixes;
	}
	if (e->options.no_links || sh->inputs < INPUTS_MIN || sh->outputs < OUTPUTS_MIN)
		return DP_OK;
	const dp_shape *shape;
	bool is_mix;
	DP_TRY(dp_shape_of(&e->shaper, &shape, e->block, e->tx_index, fault));
	DP_TRY(dp_coinjoin_is(&e->shaper, &is_mix, shape, fault));
	if (!is_mix) return DP_OK;
	dp_coinjoin verdict;
	DP_TRY(dp_coinjoin_judge(&e->shaper, &verdict, shape, fault));
	if (e->tx_mixes < DP_HOLDER_MIXES_MAX) e->tx_mixes++;
	dp_link_record *r;
	uint32_t link;
	DP_TRY(dp_record_link(e, &r, &link, DP_LINK_COINJOIN, NULL, DP_NO_INDEX, fault));
	r->confidence = verdict.confidence;
	r->alternatives = verdict.participants;
	r->asset_in = r->asset_out = e->native;
	r->units_out = dp_u256_of(verdict.denomination);
	// Of what went in, no more than this can lie at outputs that look alike.
	DP_TRY(dp_coinjoin_equal_sum(&r->units_in, e->block, e->tx_index, fault));
	const char *name = dp_coinjoin_name((dp_coinjoin_kind)verdict.kind);
	size_t n = strlen(name);
	DP_CHECK(n < sizeof r->text);
	memcpy(r->text, name, n + 1);
	return DP_OK;
}

//- what comes out of a bridge --------------------------------------------------------------------

// The output that an entry pays: the first of that address and asset.
static uint32_t entry_output(const dp_utxo_shape *sh, const dp_entry *n)
{
	for (uint32_t j = 0; j < sh->outputs; j++)
		if (dp_addr_eq(&sh->out[j].to, &n->to)) return j;
	return DP_NO_INDEX;
}

// After the transaction was applied: the coin's clean units become what waited in the exchange.
static dp_code land(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh, dp_entry *n,
                    dp_fault *fault)
{
	if (n->crossing == NULL || n->to.kind == DP_ADDR_NONE) return DP_OK;
	uint32_t j = entry_output(sh, n);
	if (j == DP_NO_INDEX || !dp_units_fit(sh->out[j].amount)) return DP_OK;
	uint32_t mv = sh->out_index + j, stop, index;
	dp_bucket bucket = dp_output_bucket(e, &sh->out[j], &stop);
	uint32_t hop = n->crossing->hop;
	if (bucket != DP_BUCKET_HELD) {
		dp_parcels_clear(&e->out);
		DP_TRY(dp_policy_put_clean(e->policy, &e->out, sh->out[j].amount, fault));
		return dp_entry_inject(e, n, &e->out, e->native, &n->to, mv, stop,
		                       dp_party_of_bucket(bucket), fault);
	}
	dp_outpoint o = {.vout = j};
	memcpy(o.txid, tx->id, 32);
	bool is_known = find_coin(e, &o, dp_outpoint_key(&o)) != DP_HOLDER_NONE;
	if (!is_known && !dp_entry_fits(e, n, e->native, sh->out[j].amount)) return DP_OK;
	e->tx_mixes = n->crossing->mixes;
	uint32_t before = e->last_no;
	DP_TRY(seed_coin(e, &index, &o, sh->out[j].amount, mv, fault));
	if (e->last_no != before) {
		e->holders.record[index].hop = hop > UINT16_MAX ? UINT16_MAX : (uint16_t)hop;
		e->event[e->event_count - 1].hop = e->holders.record[index].hop;
	}
	DP_TRY(dp_touch(e, index, fault));
	dp_parcels *list;
	DP_TRY(dp_holders_load(&e->holders, &list, index, &e->scratch_a, fault));
	DP_TRY(dp_entry_inject(e, n, list, e->native, &n->to, mv, stop, e->holders.record[index].no,
	                       fault));
	return dp_holders_store(&e->holders, index, list, fault);
}

static dp_code spend(dp_engine *e, const dp_tx *tx, const dp_utxo_shape *sh, dp_fault *fault)
{
	bool done = false;
	DP_TRY(judge_mix(e, sh, fault));
	if (e->exit_count == 0) DP_TRY(dp_quick_spend(e, &done, tx, sh, fault));
	if (done) return DP_OK;
	uint32_t hop = UINT16_MAX;
	for (uint32_t i = 0; i < sh->inputs; i++)
		if (!dp_units_fit(sh->in[i].amount)) return too_large(e, fault);
	for (uint32_t j = 0; j < sh->outputs; j++)
		if (!dp_units_fit(sh->out[j].amount)) return too_large(e, fault);
	dp_parcels_clear(&e->in);
	for (uint32_t i = 0; i < sh->inputs; i++) DP_TRY(gather_input(e, tx, sh, i, &hop, fault));
	DP_TRY(spend_inputs(e, sh, fault));
	DP_TRY(make_slots(e, sh, dp_policy_total(e->policy, &e->in), fault));
	DP_TRY(e->policy->split(&e->in, e->slot_out, e->slot, sh->outputs + 1, fault));
	for (uint32_t j = 0; j < sh->outputs; j++) DP_TRY(make_output(e, tx, sh, j, hop, fault));
	return dp_flow_parcels(e, DP_NO_INDEX, DP_NO_INDEX, DP_PARTY_TX,
	                       dp_party_of_bucket(DP_BUCKET_FEE), e->native,
	                       &e->slot_out[sh->outputs], fault);
}

// Fills e->coin, which stays right until the inputs are spent.
static dp_code find_inputs(dp_engine *e, const dp_utxo_shape *sh, bool *ret_any, dp_fault *fault)
{
	void *items = e->coin;
	DP_TRY(dp_grow(&items, &e->coin_cap, sizeof *e->coin, (uint64_t)sh->inputs + 1,
	               DP_BLOCK_MV_MAX + 1, fault));
	e->coin = items;
	bool any = false;
	for (uint32_t i = 0; i < sh->inputs; i++) {
		e->coin[i] = find_coin(e, &sh->in[i].spent, e->block->src_key[sh->in_index + i]);
		any |= e->coin[i] != DP_HOLDER_NONE;
	}
	*ret_any = any;
	return DP_OK;
}

dp_code dp_apply_utxo_tx(dp_engine *e, const dp_tx *tx, dp_fault *fault)
{
	DP_CHECK(e->utxo);
	dp_utxo_shape sh = shape_of(e, tx);
	bool tainted = false;
	for (uint32_t i = 0; e->seeds_waiting > 0 && i < sh.inputs; i++)
		DP_TRY(seed_from_input(e, &sh.in[i], sh.in_index + i, fault));
	DP_TRY(find_inputs(e, &sh, &tainted, fault));
	DP_TRY(dp_legs_begin(e, tx, fault));
	if (tainted) {
		DP_TRY(spend(e, tx, &sh, fault));
	} else {
		for (uint32_t j = 0; j < sh.outputs; j++) {
			uint32_t mv = sh.out_index + j;
			if (!dp_holders_maybe(&e->holders, e->block->dst_key[mv])) continue;
			dp_outpoint o = {.vout = j};
			memcpy(o.txid, tx->id, 32);
			DP_TRY(bury_duplicate(e, &o, e->block->dst_key[mv], mv, fault));
		}
	}
	for (uint32_t i = 0; i < e->entry_count; i++) DP_TRY(land(e, tx, &sh, &e->entry[i], fault));
	DP_TRY(dp_legs_end(e, tx, fault));
	e->tx_mixes = 0;
	DP_TRY(seeds_after(e, tx, &sh, fault));
	dp_check_books(e);
	return DP_OK;
}

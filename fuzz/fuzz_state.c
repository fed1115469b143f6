// Stored state from hostile bytes: whoever can change a casebook must not be able to crash the
// reader (I-7). The first byte chooses ledger and policy; then come records: one byte what (B
// books, H holder, U undo record), two bytes how long, the bytes. They are loaded into a fresh
// engine in that order, then the engine is looked at, rolled back and, where it says that its
// books add up, fed a block. Refused bytes end it: the engine is then only fit to be freed.
//
// The books hold a fingerprint of the asset list. It is put right before loading, or seeds from
// before a change of the list would all end at that check.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "engine/engine.h"

enum { PARCELS_MAX = 64, HEAD_SIZE = 12 };

static const char account_yaml[] =
    "incident: a\nchain: ethereum\nstolen:\n"
    "  - {address: '0x100000000000000000000000000000000000a000', amount_base: 100, block: 102}\n"
    "  - {address: '0x100000000000000000000000000000000000a001', asset: steth, amount_base: 77}\n"
    "links:\n"
    "  - {from: '0x100000000000000000000000000000000000a000', assets: [eth, steth],"
    " to: '0x100000000000000000000000000000000000a001', asset: usdc, amount_base: 9, by: me}\n";
static const char utxo_yaml[] =
    "incident: u\nchain: bitcoin\nstolen:\n"
    "  - {outpoint: '00000000000000000000000000000000000000000000000000000000000000c0:0'}\n";

static dp_code load_holder(dp_engine *e, dp_bytes r, dp_fault *fault)
{
	dp_parcel parcel[PARCELS_MAX];
	dp_holder_view v = {.no = dp_bytes_u32le(&r)};
	v.id = dp_bytes_take(&r, 36);
	v.asset.v = dp_bytes_u16le(&r);
	v.hop = dp_bytes_u16le(&r);
	v.moves = dp_bytes_u32le(&r);
	v.hub = dp_bytes_u8(&r) != 0;
	v.parcel = parcel;
	if (r.failed) return DP_BAD_BYTES;
	while (r.at < r.size && v.parcel_count < PARCELS_MAX) {
		dp_parcel *p = &parcel[v.parcel_count];
		p->colour.v = dp_bytes_u16le(&r);
		const uint8_t *units = dp_bytes_take(&r, 32), *origin = dp_bytes_take(&r, 32);
		if (r.failed) break;
		p->units = dp_u256_from_be(units, 32);
		p->origin = dp_u256_from_be(origin, 32);
		v.parcel_count++;
	}
	return dp_engine_holder_load(e, &v, fault);
}

static dp_code load_books(dp_engine *e, const uint8_t *bytes, size_t size, dp_fault *fault)
{
	if (dp_engine_blocks(e) != 0) return DP_BAD_BYTES; // a mistake of ours, not of the file
	uint8_t copy[4096], *own;
	size_t own_size;
	if (size > sizeof copy) return DP_BAD_BYTES;
	DP_TRY(dp_engine_books_save(e, &own, &own_size, fault));
	if (size > 0) memcpy(copy, bytes, size);
	if (size >= HEAD_SIZE) memcpy(copy, own, HEAD_SIZE);
	dp_free(own);
	return dp_engine_books_load(e, copy, size, fault);
}

// Records of books inside an undo record carry the fingerprint, too; they stay as they are, so that
// refusing in the middle of a rollback is tried as well.
static dp_code load_all(dp_engine *e, dp_bytes r, dp_fault *fault)
{
	while (r.at < r.size) {
		uint8_t what = dp_bytes_u8(&r);
		uint16_t size = dp_bytes_u16le(&r);
		const uint8_t *bytes = dp_bytes_take(&r, size);
		if (bytes == NULL) return DP_OK;
		if (what == 'B') DP_TRY(load_books(e, bytes, size, fault));
		if (what == 'H') DP_TRY(load_holder(e, dp_bytes_of(bytes, size), fault));
		if (what == 'U') DP_TRY(dp_engine_undo_load(e, 7, bytes, size, fault));
	}
	return DP_OK;
}

static dp_code count_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)fault;
	uint64_t *count = context;
	DP_CHECK(v->no > 0);
	for (uint32_t i = 0; i < v->parcel_count; i++) *count += v->parcel[i].colour.v;
	return DP_OK;
}

// Every address of the case pays every other one.
static void feed(dp_engine *e, const dp_case *c)
{
	dp_block_builder b = {0};
	dp_fault fault;
	const dp_block *block;
	dp_tx *tx;
	dp_movement *m;
	dp_builder_start(&b, c->chain, dp_engine_height(e) + 1, 0);
	dp_code code = dp_builder_tx(&b, &tx, &fault);
	for (uint32_t i = 0; i < 4 && code == DP_OK; i++) {
		code = dp_builder_movement(&b, &m, &fault);
		if (code != DP_OK) break;
		m->kind = DP_MV_NATIVE;
		m->asset = c->seed[i / 2].asset;
		m->amount = dp_u256_of(30);
		m->from = c->seed[i % 2].addr;
		m->to = c->seed[1 - i % 2].addr;
	}
	if (code == DP_OK) code = dp_builder_finish(&b, &block, &fault);
	if (code == DP_OK) code = dp_engine_apply(e, block, &fault);
	if (code == DP_OK) code = dp_engine_rollback(e, &fault);
	dp_builder_done(&b);
	DP_CHECK(code == DP_OK || fault.text[0] != '\0');
}

static void look_and_go_on(dp_engine *e, const dp_case *c, const dp_policy *policy)
{
	dp_fault fault;
	uint64_t sum = 0;
	DP_CHECK(dp_engine_visit(e, false, count_holder, &sum, &fault) == DP_OK);
	bool sound = dp_engine_conserved(e);
	if (sound && policy->conserving && c->chain->kind == DP_CHAIN_ACCOUNT &&
	    dp_engine_height(e) < UINT64_MAX)
		feed(e, c);
	dp_code code = DP_OK;
	while (code == DP_OK) code = dp_engine_rollback(e, &fault);
	if (code != DP_NOT_FOUND) return; // refused half way
	DP_CHECK(dp_engine_visit(e, true, count_holder, &sum, &fault) == DP_OK);
	(void)dp_engine_conserved(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) return 0;
	int64_t live = dp_mem_live();
	dp_case c;
	dp_fault fault;
	const char *yaml = data[0] & 1 ? utxo_yaml : account_yaml;
	DP_CHECK(dp_case_parse(&c, yaml, strlen(yaml), &fault) == DP_OK);
	const dp_case *cases[] = {&c};
	dp_engine_options options = {.chain = c.chain, .undo_blocks = 3};
	options.policy = dp_policies[(data[0] >> 1) % 7];
	dp_engine *e;
	DP_CHECK(dp_engine_new(&e, &options, cases, 1, &fault) == DP_OK);
	if (load_all(e, dp_bytes_of(data + 1, size - 1), &fault) == DP_OK)
		look_and_go_on(e, &c, options.policy);
	dp_engine_free(e);
	dp_case_done(&c);
	DP_CHECK(dp_mem_live() == live);
	return 0;
}

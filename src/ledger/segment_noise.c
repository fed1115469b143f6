// Noise in a segment: rows of no listed asset, and what they claim to be; see segment_inner.h.
//
// They are many (a third of what Ethereum says may be decoys) and say little, so what they claim
// stands beside the columns, found by row.
//
// A contract may be noise when blocks are imported and on the asset list of a later dyepack: then
// this ledger would hide movements that the source shows. A row tells it: noise of a listed
// contract is a zero-value transfer that nobody signed, or it was not listed. On opening, listed
// contracts (some dozens) are sought among the names, by halving. A contract that is also the asset
// of some class was listed when that was written; rows of the others are looked at then and there.
// What is left, a segment whose blocks were imported in part by an older dyepack, is told when the
// row is read.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/address.h"
#include "ledger/segment.h"
#include "ledger/segment_inner.h"

static dp_code not_noise_now(const dp_segment *s, const uint8_t contract[20], dp_fault *fault)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(a.bytes, contract, 20);
	char text[DP_ADDR_TEXT_MAX];
	dp_addr_format(text, &a, s->chain);
	dp_asset asset = dp_asset_by_contract(s->chain, contract);
	DP_CHECK(asset.v != 0);
	unsigned long long first = s->head.height_first, last = s->head.height_last;
	dp_code code =
	    dp_fail(fault, DP_BAD_CASE,
	            "%s (%s) was not on the list of assets when blocks %llu to %llu were "
	            "imported, and now is: import them again (`dyepack import SOURCE "
	            "--ledger DIR --again %llu`)",
	            dp_asset_info_of(asset)->symbol, text, first, last, first);
	dp_fault_file(fault, s->path);
	return code;
}

//- names -----------------------------------------------------------------------------------------

static dp_code name_at(dp_segment *s, dp_ledger_noise_name *ret_name, uint64_t index,
                       dp_fault *fault)
{
	const void *p = dp_segment_at(s, DP_SEC_NOISENAME, index);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_NOISENAME, index, fault);
	memcpy(ret_name, p, sizeof *ret_name);
	return DP_OK;
}

// The first name whose contract is not before (or, with `behind`, is behind) the given one.
static dp_code bound(dp_segment *s, uint32_t *ret_at, const uint8_t contract[20], bool behind,
                     dp_fault *fault)
{
	uint64_t lo = 0, hi = s->head.section[DP_SEC_NOISENAME].count;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		dp_ledger_noise_name name;
		DP_TRY(name_at(s, &name, mid, fault));
		int order = memcmp(name.contract, contract, 20);
		if (order < 0 || (behind && order == 0))
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_at = (uint32_t)lo;
	return DP_OK;
}

static bool is_listed(const dp_segment *s, uint32_t name)
{
	for (uint32_t i = 0; i < s->listed_count; i++)
		if (name >= s->listed[i].first && name < s->listed[i].end) return true;
	return false;
}

//- rows ------------------------------------------------------------------------------------------

// Would this row, noise by its class, be none today? Its amount is not zero, or somebody signed it.
static dp_code row_is_genuine(dp_segment *s, bool *ret_genuine, uint32_t row, dp_fault *fault)
{
	const uint8_t *class = dp_segment_at(s, DP_SEC_CLASS, row);
	if (class == NULL) return dp_segment_fault(s, DP_SEC_CLASS, row, fault);
	uint32_t index = class[0];
	if (s->head.section[DP_SEC_CLASS].width == 2) index |= (uint32_t) class[1] << 8;
	uint64_t word = 0;
	if (!dp_segment_u64(s, DP_SEC_AMOUNT, row, &word))
		return dp_segment_fault(s, DP_SEC_AMOUNT, row, fault);
	if (index >= s->class_count)
		return dp_segment_bad_item(s, fault, DP_SEC_CLASS, row, "names no class");
	*ret_genuine = word != 0 && (s->class_flags[index] & DP_MVF_UNSIGNED_ZERO) == 0;
	return DP_OK;
}

// Looks through all noise for rows of the names first..end-1.
static dp_code look_at_rows(dp_segment *s, struct dp_segment_listed names,
                            const uint8_t contract[20], dp_fault *fault)
{
	DP_CHECK(names.first < names.end);
	for (uint64_t i = 0; i < s->head.noise_count; i++) {
		const void *p = dp_segment_at(s, DP_SEC_NOISE, i);
		if (p == NULL) return dp_segment_fault(s, DP_SEC_NOISE, i, fault);
		uint32_t row = dp_load32(p, 0), name = dp_load32(p, 1);
		if (name < names.first || name >= names.end) continue;
		bool genuine = false;
		DP_TRY(row_is_genuine(s, &genuine, row, fault));
		if (genuine) return not_noise_now(s, contract, fault);
	}
	return DP_OK;
}

static bool is_class(const dp_segment *s, dp_asset asset)
{
	for (uint32_t i = 0; i < s->class_count; i++)
		if (s->class_asset[i].v == asset.v) return true;
	return false;
}

dp_code dp_segment_find_listed(dp_segment *s, dp_fault *fault)
{
	if (s->head.section[DP_SEC_NOISENAME].count == 0) return DP_OK;
	uint32_t contracts = 0;
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		const dp_asset_info *info = dp_asset_info_of((dp_asset){v});
		contracts += info->chain == s->chain && info->has_contract &&
		             dp_asset_nominal(info->id).v == 0;
	}
	s->listed = dp_alloc((contracts + 1) * sizeof *s->listed);
	if (s->listed == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory opening %s", s->path);
	for (uint16_t v = 1; v <= dp_asset_count(); v++) {
		const dp_asset_info *info = dp_asset_info_of((dp_asset){v});
		if (info->chain != s->chain || !info->has_contract) continue;
		if (dp_asset_nominal(info->id).v != 0) continue; // as the token itself
		struct dp_segment_listed names;
		DP_TRY(bound(s, &names.first, info->contract, false, fault));
		DP_TRY(bound(s, &names.end, info->contract, true, fault));
		if (names.first >= names.end) continue;
		DP_CHECK(s->listed_count < contracts);
		s->listed[s->listed_count++] = names;
		dp_asset share = dp_asset_shares(info->id);
		bool known = is_class(s, info->id) || (share.v != 0 && is_class(s, share));
		if (!known) DP_TRY(look_at_rows(s, names, info->contract, fault));
	}
	return DP_OK;
}

dp_code dp_segment_noise(dp_segment *s, dp_movement *io_mv, uint32_t row, dp_fault *fault)
{
	uint64_t lo = 0, hi = s->head.noise_count;
	uint32_t have = UINT32_MAX, index = 0;
	while (lo < hi && have != row) {
		uint64_t mid = lo + (hi - lo) / 2;
		const void *p = dp_segment_at(s, DP_SEC_NOISE, mid);
		if (p == NULL) return dp_segment_fault(s, DP_SEC_NOISE, mid, fault);
		have = dp_load32(p, 0);
		index = dp_load32(p, 1);
		if (have < row)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (have != row)
		return dp_segment_bad_item(s, fault, DP_SEC_CLASS, row,
		                           "is noise that NOISE does not know");
	dp_ledger_noise_name name = {0};
	DP_TRY(name_at(s, &name, index, fault));
	if (name.symbol[sizeof name.symbol - 1] != 0)
		return dp_segment_bad_item(s, fault, DP_SEC_NOISENAME, index, "has no end");
	if (s->listed_count > 0 && is_listed(s, index) && !dp_u256_is_zero(io_mv->amount) &&
	    (io_mv->flags & DP_MVF_UNSIGNED_ZERO) == 0)
		return not_noise_now(s, name.contract, fault);
	memcpy(io_mv->noise.contract, name.contract, sizeof name.contract);
	memcpy(io_mv->noise.symbol, name.symbol, sizeof name.symbol);
	return DP_OK;
}

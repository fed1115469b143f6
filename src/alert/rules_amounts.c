// Amounts and addresses in a rules file; see rules.h.
//
// "100 eth" is of every chain that has an asset of this symbol: ether on a rollup is as good as
// ether. Each is counted in its own base units, for the same dollar has 6 decimals on one chain and
// 18 on another. "arbitrum:usdc" and CAIP-19 names mean one asset.
//
// An address without a chain means whoever holds its key: the same 20 bytes on every EVM chain, the
// same hash of a key on Bitcoin and its forks.
#include <string.h>

#include "alert/rules_private.h"
#include "base/check.h"
#include "base/nearest.h"
#include "taint/parcel.h"

enum { ADDRESSES_MAX = 1 << 20, CHAIN_NAME_MAX = 100 };

// Gives a fault that a codec found the place where its text stands. Whatever it was, a person must
// change the file.
static dp_code placed(const dp_rules_reader *r, const dp_yaml *at, dp_code code)
{
	if (code == DP_OK || code == DP_NO_MEMORY) return code;
	if (r->fault != NULL) {
		r->fault->line = at->line;
		r->fault->column = at->column;
		r->fault->code = DP_BAD_CASE;
		r->fault->has_offset = 0;
	}
	return DP_BAD_CASE;
}

// The chain that a text begins with ("ethereum:...", "eip155:1:..."), and where the rest is.
static const dp_chain *chain_of(const char *text, size_t n, size_t *ret_rest)
{
	const dp_chain *found = NULL;
	int colons = 0;
	for (size_t i = 0; i < n && colons < 2; i++) {
		if (text[i] != ':') continue;
		colons++;
		const dp_chain *chain = i <= CHAIN_NAME_MAX ? dp_chain_find(text, i) : NULL;
		if (chain == NULL) continue;
		found = chain;
		*ret_rest = i + 1;
	}
	return found;
}

static dp_code bad_chain(const dp_rules_reader *r, const dp_yaml *at, const char *text, size_t n)
{
	const char *names[256];
	uint16_t count = dp_chain_count() < 255 ? dp_chain_count() : 255;
	for (uint16_t i = 0; i < count; i++) names[i] = dp_chain_at(i)->name;
	names[count] = NULL;
	const char *near = dp_nearest(text, n, names);
	return dp_fail_at(r->fault, DP_BAD_CASE, at->line, at->column,
	                  "chain '%.*s' is not known%s%s%s", (int)(n < 40 ? n : 40), text,
	                  near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                  near != NULL ? "'?" : "");
}

//- amounts ---------------------------------------------------------------------------------------

// The list of a rule while it grows: at most DP_RULE_LIST_MAX assets.
typedef struct mins {
	dp_rule_min *item;
	uint64_t cap;
	uint32_t count;
} mins;

static dp_code add_min(const dp_rules_reader *r, mins *io_list, const dp_yaml *at, dp_asset asset,
                       size_t digits)
{
	dp_rule_min min = {.asset = asset};
	const dp_asset_info *info = dp_asset_info_of(asset);
	if (info->chain == NULL)
		return dp_rules_wrong(r, at, "no prices are known here: name an amount of a coin");
	DP_TRY(
	    placed(r, at, dp_u256_parse(&min.units, at->text, digits, info->decimals, r->fault)));
	if (dp_u256_is_zero(min.units))
		return dp_rules_wrong(r, at, "an amount of zero says nothing");
	if (!dp_units_fit(min.units)) return dp_rules_wrong(r, at, "no asset has so many units");
	for (uint32_t i = 0; i < io_list->count; i++)
		if (io_list->item[i].asset.v == asset.v)
			return dp_fail_at(r->fault, DP_BAD_CASE, at->line, at->column,
			                  "there is an amount of %s already", info->symbol);
	DP_TRY(placed(r, at,
	              dp_grow((void **)&io_list->item, &io_list->cap, sizeof *io_list->item,
	                      (uint64_t)io_list->count + 1, DP_RULE_LIST_MAX, r->fault)));
	io_list->item[io_list->count++] = min;
	return DP_OK;
}

// "no asset is called 'ehter': did you mean 'ether'?", of all that there are.
static dp_code bad_asset(const dp_rules_reader *r, const dp_yaml *at, const char *name, size_t n)
{
	const char *best = NULL, *pair[3] = {NULL, NULL, NULL};
	for (uint16_t i = 1; i <= dp_asset_count(); i++) {
		// One by one, against the best so far: a list of all would need a maximum.
		pair[0] = best != NULL ? best : dp_asset_info_of((dp_asset){i})->symbol;
		pair[1] = dp_asset_info_of((dp_asset){i})->symbol;
		best = dp_nearest(name, n, pair);
	}
	return dp_fail_at(r->fault, DP_BAD_CASE, at->line, at->column,
	                  "no asset is called '%.*s'%s%s%s", (int)(n < 40 ? n : 40), name,
	                  best != NULL ? ": did you mean '"
	                               : "; name it ethereum:0x..., by its "
	                                 "contract",
	                  best != NULL ? best : "", best != NULL ? "'?" : "");
}

// One "100 eth". The number is parsed once for each asset, by its own decimals.
static dp_code read_amount(const dp_rules_reader *r, mins *io_list, const dp_yaml *v)
{
	DP_TRY(dp_rules_scalar(r, v));
	size_t digits = strcspn(v->text, " "), at = digits, rest = 0;
	while (at < v->size && v->text[at] == ' ') at++;
	const char *name = v->text + at;
	size_t n = v->size - at;
	if (digits == 0 || n == 0 || memchr(name, ' ', n) != NULL)
		return dp_rules_wrong(r, v, "an amount is written \"100 eth\"");
	const dp_chain *chain = chain_of(name, n, &rest);
	const char *slash = memchr(name, '/', n);
	dp_asset asset;
	if (slash != NULL) { // CAIP-19 names its chain itself
		chain = dp_chain_find(name, (size_t)(slash - name));
		if (chain == NULL) return bad_chain(r, v, name, (size_t)(slash - name));
		rest = 0;
	} else if (chain == NULL && memchr(name, ':', n) != NULL) {
		return bad_chain(r, v, name, strcspn(name, ":"));
	}
	if (chain != NULL) {
		DP_TRY(
		    placed(r, v, dp_asset_parse(&asset, chain, name + rest, n - rest, r->fault)));
		return add_min(r, io_list, v, asset, digits);
	}
	uint32_t before = io_list->count;
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		asset = dp_asset_by_symbol(dp_chain_at(i), name, n);
		if (asset.v != 0) DP_TRY(add_min(r, io_list, v, asset, digits));
	}
	return io_list->count > before ? DP_OK : bad_asset(r, v, name, n);
}

dp_code dp_rules_read_min(dp_rules_reader *r, const dp_yaml *v)
{
	mins list = {0};
	dp_code code = DP_OK;
	if (v->kind == DP_YAML_MAP || (v->kind == DP_YAML_LIST && v->size == 0))
		return dp_rules_wrong(r, v, "amounts are a list: [\"100 eth\", \"2.5 btc\"]");
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; m != NULL && code == DP_OK; m = v->kind == DP_YAML_LIST ? m->next : NULL)
		code = read_amount(r, &list, m);
	if (code == DP_OK) {
		r->rule->min = dp_arena_alloc(&r->rules->arena, list.count * sizeof *list.item);
		if (r->rule->min == NULL) code = dp_rules_no_memory(r);
	}
	if (code == DP_OK && list.item != NULL && r->rule->min != NULL) {
		memcpy(r->rule->min, list.item, list.count * sizeof *list.item);
		r->rule->min_count = list.count;
	}
	dp_free(list.item);
	return code;
}

//- addresses -------------------------------------------------------------------------------------

static dp_code read_address(const dp_rules_reader *r, const dp_yaml *v, dp_rule_place *ret_place)
{
	size_t rest = 0;
	dp_fault fault = {0}, first = {0};
	*ret_place = (dp_rule_place){0};
	DP_TRY(dp_rules_scalar(r, v));
	const dp_chain *chain = chain_of(v->text, v->size, &rest);
	if (chain != NULL) {
		ret_place->chain = chain;
		return placed(r, v,
		              dp_addr_parse(&ret_place->addr, v->text + rest, v->size - rest, chain,
		                            r->fault));
	}
	// The chain whose spelling it is most likely meant to have speaks of what is wrong with it.
	bool is_hex = v->size > 2 && v->text[0] == '0' && (v->text[1] | 32) == 'x';
	bool has_first = false;
	for (uint16_t i = 0; i < dp_chain_count(); i++) {
		const dp_chain *c = dp_chain_at(i);
		if (is_hex != (c->kind == DP_CHAIN_ACCOUNT)) continue;
		if (dp_addr_parse(&ret_place->addr, v->text, v->size, c, &fault) == DP_OK)
			return DP_OK;
		if (!has_first) first = fault;
		has_first = true;
	}
	const char *colon = strchr(v->text, ':');
	if (colon != NULL) return bad_chain(r, v, v->text, (size_t)(colon - v->text));
	return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column, "%s", first.text);
}

dp_code dp_rules_read_addresses(dp_rules_reader *r, const dp_yaml *v)
{
	if (v->kind == DP_YAML_MAP || (v->kind == DP_YAML_LIST && v->size == 0))
		return dp_rules_wrong(r, v, "`addresses` is a list: [\"ethereum:0x...\"]");
	if (v->kind == DP_YAML_LIST && v->size > ADDRESSES_MAX)
		return dp_rules_wrong(r, v, "more than 1048576 addresses");
	uint32_t count = v->kind == DP_YAML_LIST ? v->size : 1, n = 0;
	dp_rule_place *place = dp_arena_alloc(&r->rules->arena, count * sizeof *place);
	if (place == NULL) return dp_rules_no_memory(r);
	const dp_yaml *m = v->kind == DP_YAML_LIST ? v->first : v;
	for (; m != NULL; m = v->kind == DP_YAML_LIST ? m->next : NULL)
		DP_TRY(read_address(r, m, &place[n++]));
	DP_CHECK(n == count);
	r->rule->address = place;
	r->rule->address_count = count;
	return DP_OK;
}

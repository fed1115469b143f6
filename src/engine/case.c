// Case files: YAML (codec/yaml.h) to dp_case. See case.h and docs/how-to/case-file.md.
//
// Strict on purpose: an investigator's typing mistake must not silently change what is followed. A
// key that is not known is refused with the nearest right spelling; amounts are exact or refused.
//
// A case may be of several chains. What an entry's words mean (an address, an asset, how many
// decimals) hangs on the entry's chain, so that is read first, and the rest of the entry by a
// reader of that chain.
#include "engine/case.h"

#include <string.h>

#include "base/check.h"
#include "base/nearest.h"
#include "chain/block.h"
#include "codec/time.h"
#include "codec/yaml.h"

enum { LIST_MAX = DP_CASE_SEEDS_MAX, TXS_MAX = 1 << 16 };

struct reader {
	dp_case *c;
	const dp_chain *chain; // of the entry that is read
	dp_fault *fault;
};

static dp_code wrong(const struct reader *r, const dp_yaml *at, const char *text)
{
	return dp_fail_at(r->fault, DP_BAD_CASE, at->line, at->column, "%s", text);
}

static dp_code no_memory(const struct reader *r)
{
	return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
}

// Gives a fault found by a codec (an address, an amount) the place where its text stands.
static dp_code placed(const struct reader *r, const dp_yaml *at, dp_code code)
{
	if (code == DP_OK || code == DP_NO_MEMORY) return code;
	if (r->fault != NULL) {
		r->fault->line = at->line;
		r->fault->column = at->column;
		r->fault->code = DP_BAD_CASE; // whatever it was, a person must change the file
	}
	return DP_BAD_CASE;
}

static dp_code check_keys(const struct reader *r, const dp_yaml *map, const char *const *keys)
{
	if (map->kind != DP_YAML_MAP) return wrong(r, map, "expected a map of `key: value`");
	for (const dp_yaml *m = map->first; m != NULL; m = m->next) {
		bool known = false;
		for (int i = 0; keys[i] != NULL; i++) known |= strcmp(keys[i], m->key) == 0;
		if (known) continue;
		const char *near = dp_nearest(m->key, strlen(m->key), keys);
		return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
		                  "'%.40s' is not known here%s%s%s", m->key,
		                  near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
		                  near != NULL ? "'?" : "");
	}
	return DP_OK;
}

// The scalar of a key; *ret_node NULL when the key is not there.
static dp_code scalar(const struct reader *r, const dp_yaml **ret_node, const dp_yaml *map,
                      const char *key, bool required)
{
	const dp_yaml *n = dp_yaml_get(map, key);
	*ret_node = n;
	if (n == NULL && required)
		return dp_fail_at(r->fault, DP_BAD_CASE, map->line, map->column,
		                  "`%s` is missing here", key);
	if (n != NULL && (n->kind != DP_YAML_SCALAR || n->size == 0))
		return dp_fail_at(r->fault, DP_BAD_CASE, n->line, n->column,
		                  "`%s` must be one value", key);
	return DP_OK;
}

//- chains ----------------------------------------------------------------------------------------

static dp_code chain_of(const struct reader *r, const dp_chain **ret_chain, const dp_yaml *n)
{
	*ret_chain = dp_chain_find(n->text, n->size);
	if (*ret_chain != NULL) return DP_OK;
	const char *names[256];
	uint16_t count = dp_chain_count() < 255 ? dp_chain_count() : 255;
	for (uint16_t i = 0; i < count; i++) names[i] = dp_chain_at(i)->name;
	names[count] = NULL;
	const char *near = dp_nearest(n->text, n->size, names);
	return dp_fail_at(r->fault, DP_BAD_CASE, n->line, n->column,
	                  "chain '%.40s' is not known%s%s%s", n->text,
	                  near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
	                  near != NULL ? "'?" : "");
}

// Takes a chain into the list of those that the case names.
static dp_code name_chain(const struct reader *r, const dp_chain *chain, const dp_yaml *at)
{
	dp_case *c = r->c;
	for (uint32_t i = 0; i < c->named_count; i++)
		if (c->named[i] == chain) return DP_OK;
	if (c->named_count == DP_CASE_CHAINS_MAX)
		return wrong(r, at, "the case names more than 32 chains: make several cases of it");
	c->named[c->named_count++] = chain;
	return DP_OK;
}

// The chain that key `key` of an entry names, or else `usual`.
static dp_code chain_key(const struct reader *r, const dp_chain **ret_chain, const dp_yaml *map,
                         const char *key, const dp_chain *usual)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, map, key, false));
	const dp_chain *chain = usual;
	if (n != NULL) DP_TRY(chain_of(r, &chain, n));
	*ret_chain = chain;
	return name_chain(r, chain, n != NULL ? n : map);
}

// A reader for the rest of an entry: in the chain that its `chain` names, or else the case's.
static dp_code entry_of(const struct reader *r, struct reader *ret_entry,
                        const char *const *known_keys, const dp_yaml *m)
{
	DP_TRY(check_keys(r, m, known_keys));
	*ret_entry = *r;
	return chain_key(r, &ret_entry->chain, m, "chain", r->c->chain);
}

//- values ----------------------------------------------------------------------------------------

// Names and titles head reports and lists: a control character (also of Latin-1, which some
// terminals obey) or a second line has no place in them.
static bool is_plain(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c == 0x7f) return false;
		if (c == 0xc2 && i + 1 < n && (unsigned char)text[i + 1] < 0xa0) return false;
	}
	return true;
}

static dp_code text_of(const struct reader *r, const char **ret_text, const dp_yaml *map,
                       const char *key, bool required)
{
	const dp_yaml *n;
	*ret_text = "";
	DP_TRY(scalar(r, &n, map, key, required));
	if (n == NULL) return DP_OK;
	// Somebody's words (`by`) are shown, but for what would harm the reader's screen.
	if (strcmp(key, "by") != 0 && !is_plain(n->text, n->size))
		return dp_fail_at(r->fault, DP_BAD_CASE, n->line, n->column,
		                  "`%s` has a control character in it: write it in plain text",
		                  key);
	*ret_text = dp_arena_text(&r->c->arena, n->text, n->size);
	return *ret_text == NULL ? no_memory(r) : DP_OK;
}

static dp_code addr_of(const struct reader *r, dp_addr *ret_addr, const dp_yaml *map,
                       const char *key)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, map, key, true));
	return placed(r, n, dp_addr_parse(ret_addr, n->text, n->size, r->chain, r->fault));
}

static dp_code asset_of(const struct reader *r, dp_asset *ret_asset, const dp_yaml *n)
{
	if (n->kind != DP_YAML_SCALAR) return wrong(r, n, "expected the name of an asset");
	return placed(r, n, dp_asset_parse(ret_asset, r->chain, n->text, n->size, r->fault));
}

// `asset`, or the chain's native one.
static dp_code asset_key(const struct reader *r, dp_asset *ret_asset, const dp_yaml *map)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, map, "asset", false));
	*ret_asset = dp_asset_native(r->chain);
	return n == NULL ? DP_OK : asset_of(r, ret_asset, n);
}

// `amount` in whole coins or `amount_base` in base units.
static dp_code amount_of(const struct reader *r, dp_u256 *ret_amount, bool *ret_has,
                         const dp_yaml *map, dp_asset asset)
{
	const dp_yaml *coins, *base;
	DP_TRY(scalar(r, &coins, map, "amount", false));
	DP_TRY(scalar(r, &base, map, "amount_base", false));
	*ret_has = coins != NULL || base != NULL;
	if (!*ret_has) return DP_OK;
	if (coins != NULL && base != NULL)
		return wrong(r, base, "give `amount` or `amount_base`, not both");
	const dp_yaml *n = coins != NULL ? coins : base;
	uint32_t decimals = coins != NULL ? dp_asset_info_of(asset)->decimals : 0;
	DP_TRY(placed(r, n, dp_u256_parse(ret_amount, n->text, n->size, decimals, r->fault)));
	if (dp_u256_is_zero(*ret_amount)) return wrong(r, n, "an amount of zero says nothing");
	return dp_units_fit(*ret_amount) ? DP_OK : wrong(r, n, "no asset has so many units");
}

static dp_code u64_of(const struct reader *r, uint64_t *ret_value, bool *ret_has,
                      const dp_yaml *map, const char *key)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, map, key, false));
	*ret_has = n != NULL;
	if (n == NULL) return DP_OK;
	dp_u256 v;
	DP_TRY(placed(r, n, dp_u256_parse(&v, n->text, n->size, 0, r->fault)));
	if (!dp_u256_fits64(v)) return wrong(r, n, "the number is too large");
	*ret_value = v.w[0];
	return DP_OK;
}

static dp_code list_of(const struct reader *r, const dp_yaml **ret_list, const dp_yaml *map,
                       const char *key)
{
	const dp_yaml *n = dp_yaml_get(map, key);
	*ret_list = n;
	if (n != NULL && n->kind != DP_YAML_LIST)
		return dp_fail_at(r->fault, DP_BAD_CASE, n->line, n->column,
		                  "`%s` must be a list: begin each entry with `- `", key);
	if (n != NULL && n->size > LIST_MAX) return wrong(r, n, "the list is too long");
	return DP_OK;
}

//- seeds -----------------------------------------------------------------------------------------

static dp_code seed_place(const struct reader *r, dp_seed *s, const dp_yaml *m)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, m, "tx", false));
	if (n != NULL) {
		DP_TRY(placed(r, n, dp_txid_parse(s->tx, n->text, n->size, r->chain, r->fault)));
		s->has_tx = true;
	}
	DP_TRY(scalar(r, &n, m, "time", false));
	if (n != NULL) {
		if (!dp_time_parse(&s->time, n->text, n->size))
			return wrong(r, n, "not a time: write 2025-02-21T14:16:11Z");
		s->has_time = true;
	}
	return u64_of(r, &s->height, &s->has_height, m, "block");
}

static dp_code seed_utxo(const struct reader *r, dp_seed *s, const dp_yaml *m)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, m, "outpoint", false));
	s->has_outpoint = n != NULL;
	if (n != NULL)
		DP_TRY(placed(r, n, dp_outpoint_parse(&s->outpoint, n->text, n->size, r->fault)));
	s->has_addr = dp_yaml_get(m, "address") != NULL;
	if (s->has_addr) DP_TRY(addr_of(r, &s->addr, m, "address"));
	if (!s->has_outpoint && !(s->has_tx && s->has_addr))
		return wrong(r, m,
		             "name what was stolen: `outpoint: txid:vout`, or `tx` and `address`");
	if (s->has_outpoint && (s->has_tx || s->has_addr))
		return wrong(r, m, "give `outpoint`, or `tx` and `address`, not both");
	return DP_OK;
}

static dp_code read_seed(const struct reader *reader, dp_seed *s, const dp_yaml *m)
{
	static const char *const keys[] = {"address", "asset", "amount", "amount_base",
	                                   "tx",      "time",  "block",  "outpoint",
	                                   "chain",   "by",    NULL};
	struct reader entry;
	const struct reader *r = &entry;
	DP_TRY(entry_of(reader, &entry, keys, m));
	s->line = m->line;
	s->chain = r->chain;
	DP_TRY(asset_key(r, &s->asset, m));
	DP_TRY(amount_of(r, &s->amount, &s->has_amount, m, s->asset));
	DP_TRY(seed_place(r, s, m));
	if (r->chain->kind == DP_CHAIN_UTXO) {
		DP_TRY(seed_utxo(r, s, m));
	} else {
		if (dp_yaml_get(m, "outpoint") != NULL)
			return wrong(r, m,
			             "an outpoint exists on UTXO chains only: give `address`");
		DP_TRY(addr_of(r, &s->addr, m, "address"));
		s->has_addr = true;
		if (!s->has_amount && !s->has_tx)
			return wrong(r, m, "give `amount`, or `tx` for all that it moved there");
	}
	if (s->has_time && s->time < r->c->theft_time) r->c->theft_time = s->time;
	// Without an amount only the transaction tells how much: there is no waiting for a time.
	if (s->has_addr && !s->has_amount && r->chain->kind == DP_CHAIN_ACCOUNT)
		s->has_time = s->has_height = false;
	return DP_OK;
}

static bool same_seed(const dp_seed *a, const dp_seed *b)
{
	if (a->chain != b->chain) return false;
	if (a->has_outpoint && b->has_outpoint)
		return memcmp(&a->outpoint, &b->outpoint, sizeof a->outpoint) == 0;
	return a->has_tx && b->has_tx && a->asset.v == b->asset.v &&
	       memcmp(a->tx, b->tx, 32) == 0 && dp_addr_eq(&a->addr, &b->addr);
}

static dp_code read_seed_list(const struct reader *r, const dp_yaml *list)
{
	dp_case *c = r->c;
	for (const dp_yaml *m = list->first; m != NULL; m = m->next) {
		dp_seed *s = &c->seed[c->seed_count];
		DP_TRY(read_seed(r, s, m));
		// Lists beyond a few thousand come from programs; checking all pairs is for
		// people's.
		for (uint32_t i = 0; c->seed_count < 4096 && i < c->seed_count; i++)
			if (same_seed(&c->seed[i], s))
				return wrong(r, m, "this was listed as stolen before");
		c->seed_count++;
	}
	return DP_OK;
}

// `added` is what became known while the case was followed (`dyepack case seed`): like `stolen`.
static dp_code read_seeds(const struct reader *r, const dp_yaml *root)
{
	dp_case *c = r->c;
	const dp_yaml *list, *added;
	DP_TRY(list_of(r, &list, root, "stolen"));
	DP_TRY(list_of(r, &added, root, "added"));
	if (list == NULL || list->size == 0)
		return wrong(r, root, "`stolen` is missing: list what was stolen");
	size_t count = (size_t)list->size + (added != NULL ? added->size : 0);
	c->seed = dp_arena_alloc(&c->arena, count * sizeof *c->seed);
	if (c->seed == NULL) return no_memory(r);
	DP_TRY(read_seed_list(r, list));
	return added != NULL ? read_seed_list(r, added) : DP_OK;
}

//- links, openings, services ---------------------------------------------------------------------

static dp_code read_link_txs(const struct reader *r, dp_link_claim *l, const dp_yaml *m)
{
	const dp_yaml *list;
	DP_TRY(list_of(r, &list, m, "txs"));
	if (list == NULL) return DP_OK;
	if (list->size == 0 || list->size > TXS_MAX)
		return wrong(r, list, "`txs` is empty or too long");
	l->tx = dp_arena_alloc(&r->c->arena, list->size * sizeof *l->tx);
	if (l->tx == NULL) return no_memory(r);
	for (const dp_yaml *t = list->first; t != NULL; t = t->next) {
		if (t->kind != DP_YAML_SCALAR) return wrong(r, t, "expected a transaction id");
		DP_TRY(placed(
		    r, t, dp_txid_parse(l->tx[l->tx_count], t->text, t->size, r->chain, r->fault)));
		for (uint32_t i = 0; i < l->tx_count; i++)
			if (memcmp(l->tx[i], l->tx[l->tx_count], 32) == 0)
				return wrong(r, t, "this transaction is listed twice");
		l->tx_count++;
	}
	return DP_OK;
}

// What went in: by default the only asset that a chain of coins has.
static dp_code read_link_assets(const struct reader *r, dp_link_claim *l, const dp_yaml *m)
{
	const dp_yaml *list;
	DP_TRY(list_of(r, &list, m, "assets"));
	if (list == NULL && r->chain->kind == DP_CHAIN_UTXO) {
		l->assets[l->asset_count++] = dp_asset_native(r->chain);
		return DP_OK;
	}
	if (list == NULL || list->size == 0 || list->size > DP_LINK_ASSETS_MAX)
		return wrong(r, m, "`assets` must list the 1 to 16 assets that went in");
	for (const dp_yaml *a = list->first; a != NULL; a = a->next)
		DP_TRY(asset_of(r, &l->assets[l->asset_count++], a));
	return DP_OK;
}

// Who paid it in. Coins have no accounts: there it is told by whom they were paid to.
static dp_code read_link_from(const struct reader *r, dp_link_claim *l, const dp_yaml *m)
{
	const dp_yaml *from = dp_yaml_get(m, "from"), *through = dp_yaml_get(m, "through");
	if (r->chain->kind == DP_CHAIN_UTXO) {
		if (from != NULL)
			return wrong(r, from,
			             "on UTXO chains what `txs` pay to `through` went in: name "
			             "that address and leave `from` out");
		return addr_of(r, &l->through, m, "through");
	}
	DP_TRY(addr_of(r, &l->from, m, "from"));
	return through == NULL ? DP_OK : addr_of(r, &l->through, m, "through");
}

// A link whose other side is a transaction, on this chain or on another: both sides are to be said.
static dp_code read_link_far(const struct reader *r, const struct reader *there, dp_link_claim *l,
                             const dp_yaml *m)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, m, "to_tx", false));
	l->has_to_tx = n != NULL;
	bool is_far = n != NULL || l->to_chain != l->chain;
	if (!is_far && l->chain->kind == DP_CHAIN_UTXO)
		return wrong(r, m,
		             "links between pools need an account chain: on this one name `txs` "
		             "and the `to_tx` that paid it out");
	if (!is_far && (n = dp_yaml_get(m, "through")) != NULL)
		return wrong(r, n, "`through` is for links with a `to_tx`");
	if (!is_far) return DP_OK;
	if (n == NULL)
		return wrong(r, m,
		             "a link to another chain needs `to_tx`: the transaction there that "
		             "paid it out");
	if (l->tx_count == 0)
		return wrong(r, m, "a link with `to_tx` needs `txs`: those with which it went in");
	DP_TRY(placed(r, n, dp_txid_parse(l->to_tx, n->text, n->size, there->chain, r->fault)));
	for (uint32_t i = 0; l->to_chain == l->chain && i < l->tx_count; i++)
		if (memcmp(l->tx[i], l->to_tx, 32) == 0)
			return wrong(r, n, "this transaction is one of `txs`, too");
	return DP_OK;
}

static dp_code read_link(const struct reader *reader, dp_link_claim *l, const dp_yaml *m)
{
	static const char *const keys[] = {"from",        "assets",  "to", "asset", "amount",
	                                   "amount_base", "txs",     "by", "chain", "to_chain",
	                                   "to_tx",       "through", NULL};
	struct reader entry, there;
	const struct reader *r = &entry;
	DP_TRY(entry_of(reader, &entry, keys, m));
	there = entry;
	DP_TRY(chain_key(r, &there.chain, m, "to_chain", r->chain));
	l->line = m->line;
	l->chain = r->chain;
	l->to_chain = there.chain;
	DP_TRY(read_link_from(r, l, m));
	DP_TRY(addr_of(&there, &l->to, m, "to"));
	DP_TRY(asset_key(&there, &l->asset, m));
	bool has_amount;
	DP_TRY(amount_of(r, &l->amount, &has_amount, m, l->asset));
	if (!has_amount) return wrong(r, m, "`amount` is missing: how much came out of the link");
	DP_TRY(text_of(r, &l->by, m, "by", true));
	DP_TRY(read_link_assets(r, l, m));
	DP_TRY(read_link_txs(r, l, m));
	return read_link_far(r, &there, l, m);
}

static dp_code read_links(const struct reader *r, const dp_yaml *root)
{
	dp_case *c = r->c;
	const dp_yaml *list;
	DP_TRY(list_of(r, &list, root, "links"));
	if (list == NULL || list->size == 0) return DP_OK;
	c->link = dp_arena_alloc(&c->arena, list->size * sizeof *c->link);
	if (c->link == NULL) return no_memory(r);
	for (const dp_yaml *m = list->first; m != NULL; m = m->next)
		DP_TRY(read_link(r, &c->link[c->link_count++], m));
	return DP_OK;
}

static dp_code read_opening(const struct reader *reader, dp_opening *o, const dp_yaml *m)
{
	static const char *const keys[] = {"address", "asset", "amount", "amount_base",
	                                   "chain",   "by",    NULL};
	struct reader entry;
	const struct reader *r = &entry;
	DP_TRY(entry_of(reader, &entry, keys, m));
	o->chain = r->chain;
	DP_TRY(addr_of(r, &o->addr, m, "address"));
	DP_TRY(asset_key(r, &o->asset, m));
	DP_TRY(text_of(r, &o->by, m, "by", false));
	const dp_yaml *coins = dp_yaml_get(m, "amount"), *base = dp_yaml_get(m, "amount_base");
	const dp_yaml *n = coins != NULL ? coins : base;
	if (n == NULL || n->kind != DP_YAML_SCALAR) return wrong(r, m, "`amount` is missing");
	if (coins != NULL && base != NULL)
		return wrong(r, base, "give `amount` or `amount_base`, not both");
	// Unlike a theft, an opening balance may well be zero.
	uint32_t decimals = n == coins ? dp_asset_info_of(o->asset)->decimals : 0;
	DP_TRY(placed(r, n, dp_u256_parse(&o->amount, n->text, n->size, decimals, r->fault)));
	return dp_units_fit(o->amount) ? DP_OK : wrong(r, n, "no asset has so many units");
}

static dp_code read_openings(const struct reader *r, const dp_yaml *root)
{
	dp_case *c = r->c;
	const dp_yaml *list;
	DP_TRY(list_of(r, &list, root, "opening"));
	if (list == NULL || list->size == 0) return DP_OK;
	c->opening = dp_arena_alloc(&c->arena, list->size * sizeof *c->opening);
	if (c->opening == NULL) return no_memory(r);
	for (const dp_yaml *m = list->first; m != NULL; m = m->next)
		DP_TRY(read_opening(r, &c->opening[c->opening_count++], m));
	return DP_OK;
}

static dp_code read_stop(const struct reader *reader, dp_stop *s, const dp_yaml *m,
                         dp_bucket bucket)
{
	static const char *const keys[] = {"address", "name", "bucket", "chain", "by", NULL};
	struct reader entry;
	const struct reader *r = &entry;
	DP_TRY(entry_of(reader, &entry, keys, m));
	s->chain = r->chain;
	DP_TRY(addr_of(r, &s->addr, m, "address"));
	DP_TRY(text_of(r, &s->name, m, "name", bucket == DP_BUCKET_SERVICE));
	DP_TRY(text_of(r, &s->by, m, "by", false));
	s->bucket = (uint8_t)bucket;
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, m, "bucket", false));
	if (n == NULL) return DP_OK;
	static const dp_bucket allowed[] = {DP_BUCKET_SERVICE, DP_BUCKET_MIXER, DP_BUCKET_FROZEN,
	                                    DP_BUCKET_RETURNED, DP_BUCKET_BURNT};
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (strcmp(n->text, dp_bucket_name(allowed[i])) == 0) {
			s->bucket = (uint8_t)allowed[i];
			return DP_OK;
		}
	return wrong(r, n, "`bucket` is one of service, mixer, frozen, returned, burnt");
}

// Somebody's tag is wrong, or the case is about that service itself.
static dp_code read_followed(const struct reader *reader, dp_stop *s, const dp_yaml *m)
{
	static const char *const keys[] = {"address", "name", "chain", "by", NULL};
	struct reader entry;
	const struct reader *r = &entry;
	DP_TRY(entry_of(reader, &entry, keys, m));
	s->chain = r->chain;
	DP_TRY(addr_of(r, &s->addr, m, "address"));
	DP_TRY(text_of(r, &s->name, m, "name", false));
	DP_TRY(text_of(r, &s->by, m, "by", true));
	s->bucket = DP_BUCKET_HELD;
	return DP_OK;
}

static dp_code read_stops(const struct reader *r, const dp_yaml *root)
{
	dp_case *c = r->c;
	const dp_yaml *services, *victims, *followed;
	DP_TRY(list_of(r, &services, root, "services"));
	DP_TRY(list_of(r, &victims, root, "victim"));
	DP_TRY(list_of(r, &followed, root, "follow"));
	size_t count = (size_t)(services != NULL ? services->size : 0) +
	               (size_t)(victims != NULL ? victims->size : 0) +
	               (size_t)(followed != NULL ? followed->size : 0);
	if (count == 0) return DP_OK;
	c->stop = dp_arena_alloc(&c->arena, count * sizeof *c->stop);
	if (c->stop == NULL) return no_memory(r);
	for (const dp_yaml *m = services != NULL ? services->first : NULL; m != NULL; m = m->next)
		DP_TRY(read_stop(r, &c->stop[c->stop_count++], m, DP_BUCKET_SERVICE));
	for (const dp_yaml *m = victims != NULL ? victims->first : NULL; m != NULL; m = m->next)
		DP_TRY(read_stop(r, &c->stop[c->stop_count++], m, DP_BUCKET_RETURNED));
	for (const dp_yaml *m = followed != NULL ? followed->first : NULL; m != NULL; m = m->next)
		DP_TRY(read_followed(r, &c->stop[c->stop_count++], m));
	return DP_OK;
}

//- the file --------------------------------------------------------------------------------------

// What an issuer destroys is gone for the thief; whether the victim was paid for it, the ledger
// does not say.
static dp_code read_destroyed(const struct reader *r, const dp_yaml *root)
{
	const dp_yaml *n;
	DP_TRY(scalar(r, &n, root, "destroyed", false));
	if (n == NULL || strcmp(n->text, "burnt") == 0) return DP_OK;
	r->c->destroyed_is_returned = strcmp(n->text, "returned") == 0;
	return r->c->destroyed_is_returned
	           ? DP_OK
	           : wrong(r, n,
	                   "`destroyed` is one of burnt, returned: what becomes of units that "
	                   "their issuer destroys");
}

static dp_code read_limits(const struct reader *r, const dp_yaml *root)
{
	uint64_t v = 0;
	bool has;
	DP_TRY(u64_of(r, &v, &has, root, "dust_limit"));
	if (has) r->c->dust_limit = dp_u256_of(v);
	r->c->hub_limit = DP_HUB_LIMIT_DEFAULT;
	DP_TRY(u64_of(r, &v, &has, root, "hub_limit"));
	if (has && v > UINT32_MAX)
		return wrong(r, dp_yaml_get(root, "hub_limit"), "the number is too large");
	if (has) r->c->hub_limit = (uint32_t)v;
	return DP_OK;
}

static dp_code read_head(const struct reader *r, const dp_yaml *root)
{
	dp_case *c = r->c;
	DP_TRY(text_of(r, &c->incident, root, "incident", true));
	DP_TRY(text_of(r, &c->title, root, "title", false));
	const dp_yaml *n = dp_yaml_get(root, "incident");
	// It names the case on command lines, in files and in graphs.
	static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                   "0123456789._-";
	if (strspn(c->incident, allowed) != strlen(c->incident) || strlen(c->incident) > 64)
		return wrong(r, n,
		             "`incident` is a short name of letters, digits, '.', '_' and '-'");
	DP_TRY(scalar(r, &n, root, "chain", true));
	DP_TRY(chain_of(r, &c->chain, n));
	DP_TRY(name_chain(r, c->chain, n)); // the case's own comes first
	DP_TRY(scalar(r, &n, root, "policy", false));
	c->policy = n == NULL ? &dp_policy_fifo : dp_policy_find(n->text);
	if (c->policy == NULL)
		return wrong(r, n,
		             "no such policy: fifo, lifo, haircut, poison, tiho, tilo, "
		             "seniority");
	DP_TRY(read_destroyed(r, root));
	return read_limits(r, root);
}

static dp_code read_case(const struct reader *r, const char *yaml, size_t size)
{
	static const char *const keys[] = {
	    "incident", "title",      "chain",     "policy",    "theft",  "stolen",
	    "links",    "opening",    "services",  "victim",    "follow", "notes",
	    "sources",  "dust_limit", "hub_limit", "destroyed", "added",  NULL};
	dp_case *c = r->c;
	c->yaml = dp_arena_text(&c->arena, yaml, size);
	c->yaml_size = size;
	if (c->yaml == NULL) return no_memory(r);
	const dp_yaml *root;
	DP_TRY(dp_yaml_parse(&root, &c->arena, c->yaml, size, r->fault));
	DP_TRY(check_keys(r, root, keys));
	DP_TRY(read_head(r, root));
	DP_TRY(read_seeds(r, root));
	DP_TRY(read_links(r, root));
	DP_TRY(read_openings(r, root));
	return read_stops(r, root);
}

dp_code dp_case_parse(dp_case *ret_case, const char *yaml, size_t size, dp_fault *fault)
{
	DP_CHECK(ret_case != NULL && (yaml != NULL || size == 0));
	*ret_case = (dp_case){.theft_time = INT64_MAX};
	struct reader r = {.c = ret_case, .fault = fault};
	dp_code code = read_case(&r, yaml, size);
	if (code != DP_OK) dp_case_done(ret_case);
	return code;
}

void dp_case_done(dp_case *c)
{
	if (c == NULL) return;
	dp_arena_done(&c->arena);
	*c = (dp_case){0};
}

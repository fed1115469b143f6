// See source_groups.h.
#include "cli/source_groups.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/ledger_source.h"

enum { NAMES_SIZE = 160 };

// One path while we find out.
struct place {
	const char *path;
	const dp_chain *chain;      // NULL: not known yet
	const dp_source_kind *kind; // NULL: not known, or a ledger
	const char *folder;         // of a ledger; or NULL
	bool is_said;               // CHAIN=PATH
};

struct finder {
	dp_source_groups *groups;
	struct place *place;
	uint32_t count;
	const dp_chain *const *named;
	uint32_t named_count;
	const dp_source_options *options;
};

static dp_code blame(const char *path, dp_code code, dp_fault *fault)
{
	char shown[DP_URL_SHOWN_MAX];
	DP_CHECK(code != DP_OK);
	dp_url_show(shown, path);
	if (fault != NULL) dp_fault_file(fault, shown);
	return code;
}

//- CHAIN=SOURCE ----------------------------------------------------------------------------------

// Only what looks like a name may be a mistyped one: other paths may have an equals sign, too.
static bool is_like_name(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') ||
		      text[i] == '-'))
			return false;
	return n > 0;
}

static dp_code split(struct place *p, const char *text, dp_fault *fault)
{
	struct stat st;
	const char *equals = strchr(text, '=');
	p->path = text;
	// What is there as it stands needs no name before it.
	if (equals == NULL || dp_url_is(text) || stat(text, &st) == 0) return DP_OK;
	size_t n = (size_t)(equals - text);
	p->chain = dp_chain_find(text, n);
	if (p->chain != NULL) {
		p->is_said = true;
		p->path = equals + 1;
		if (p->path[0] != 0) return DP_OK;
		return dp_fail(fault, DP_BAD_CASE,
		               "\"%s\" names no source: write it after the equals sign", text);
	}
	if (!is_like_name(text, n)) return DP_OK;
	const char *names[256];
	uint16_t count = dp_chain_count() < 255 ? dp_chain_count() : 255;
	for (uint16_t i = 0; i < count; i++) names[i] = dp_chain_at(i)->name;
	names[count] = NULL;
	const char *near = dp_nearest(text, n, names);
	return dp_fail(fault, DP_BAD_CASE, "chain '%.*s' is not known%s%s%s",
	               (int)(n > 40 ? 40 : n), text, near != NULL ? ": did you mean '" : "",
	               near != NULL ? near : "", near != NULL ? "'?" : "");
}

//- groups ----------------------------------------------------------------------------------------

static dp_code add(struct finder *f, const dp_chain *chain, const char *path, dp_fault *fault)
{
	dp_source_groups *all = f->groups;
	dp_source_group *g = NULL;
	DP_CHECK(chain != NULL && path != NULL);
	for (uint32_t i = 0; i < all->count; i++)
		if (all->group[i].chain == chain) g = &all->group[i];
	if (g == NULL) {
		if (all->count == DP_SOURCE_GROUPS_MAX)
			return dp_fail(fault, DP_LIMIT, "sources of more than %d chains",
			               DP_SOURCE_GROUPS_MAX);
		g = &all->group[all->count];
		// A ledger may be of many chains, but is of each only once.
		g->path = dp_alloc(f->count * sizeof *g->path);
		if (g->path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		g->chain = chain;
		all->count++;
	}
	DP_CHECK(g->count < f->count);
	g->path[g->count++] = path;
	return DP_OK;
}

static bool is_named(const struct finder *f, const dp_chain *chain)
{
	for (uint32_t i = 0; i < f->named_count; i++)
		if (f->named[i] == chain) return true;
	return false;
}

static bool comes_before(const struct finder *f, const dp_chain *a, const dp_chain *b)
{
	if ((a == f->named[0]) != (b == f->named[0])) return a == f->named[0];
	return a->id < b->id;
}

// The order on the command line must not matter for anything that is stored.
static void sort(const struct finder *f)
{
	dp_source_group *g = f->groups->group;
	for (uint32_t i = 1; i < f->groups->count; i++)
		for (uint32_t k = i; k > 0 && comes_before(f, g[k].chain, g[k - 1].chain); k--) {
			dp_source_group other = g[k];
			g[k] = g[k - 1];
			g[k - 1] = other;
		}
}

//- ledgers ---------------------------------------------------------------------------------------

struct chains {
	const dp_chain *chain[DP_SOURCE_GROUPS_MAX];
	uint32_t count;
	bool is_cut;
};

static bool note_chain(void *context, const dp_chain *chain)
{
	struct chains *c = context;
	c->is_cut = c->count == DP_SOURCE_GROUPS_MAX;
	if (!c->is_cut) c->chain[c->count++] = chain;
	return !c->is_cut;
}

// Every chain of a ledger. One that has none of those named, or that is none, says so on opening.
static dp_code add_ledger(struct finder *f, const struct place *p, dp_fault *fault)
{
	struct chains c = {.count = 0};
	bool any = false;
	dp_code code = dp_ledger_chains(p->folder, note_chain, &c, NULL);
	if (code == DP_NO_MEMORY) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < c.count; i++) any |= is_named(f, c.chain[i]);
	bool is_told = code == DP_OK && c.count > 0;
	if (f->named_count == 0 && !is_told)
		return blame(p->path,
		             dp_fail(fault, DP_BAD_CASE,
		                     "of which chain this is cannot be told, and no case names "
		                     "one yet: write the chain before it, as in "
		                     "bitcoin=ledger:DIR"),
		             fault);
	if (f->named_count > 0 && (!is_told || (!any && f->count == 1)))
		return add(f, f->named[0], p->path, fault);
	if (c.is_cut)
		return blame(p->path,
		             dp_fail(fault, DP_LIMIT,
		                     "has more than %d chains: name those to follow, as in "
		                     "bitcoin=ledger:DIR",
		                     DP_SOURCE_GROUPS_MAX),
		             fault);
	for (uint32_t i = 0; i < c.count; i++) DP_TRY(add(f, c.chain[i], p->path, fault));
	return DP_OK;
}

//- everything else -------------------------------------------------------------------------------

// Can a kind of source be of chains of this kind? A movements CSV can be of any.
static bool can_be(const dp_source_kind *kind, dp_chain_kind of)
{
	static const char *const coins[] = {"blk", "btc-etl", "bitcoin-rpc"};
	static const char *const accounts[] = {"eth-etl", "etherscan", "evm-rpc"};
	if (kind->takes_urls) return kind->url_kind == of;
	for (size_t i = 0; i < sizeof coins / sizeof *coins; i++)
		if (strcmp(kind->name, coins[i]) == 0) return of == DP_CHAIN_UTXO;
	for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++)
		if (strcmp(kind->name, accounts[i]) == 0) return of == DP_CHAIN_ACCOUNT;
	return true;
}

static dp_code cannot_tell(const struct finder *f, const struct place *p, dp_fault *fault)
{
	char names[NAMES_SIZE];
	size_t n = 0;
	for (uint32_t i = 0; i < f->named_count && n < sizeof names; i++) {
		int k = snprintf(names + n, sizeof names - n, "%s%s", i == 0 ? "" : ", ",
		                 f->named[i]->name);
		n += k > 0 ? (size_t)k : 0;
	}
	return blame(p->path,
	             dp_fail(fault, DP_BAD_CASE,
	                     "of which chain this source is cannot be told, and the cases name "
	                     "more than one (%s): write the chain before it, as in %s=SOURCE",
	                     names, f->named[0]->name),
	             fault);
}

// Asks the source itself. Of a node nothing but its chain is wanted: it is begun behind its end.
// Exports say nothing; they are what most are.
static dp_code ask(const struct finder *f, struct place *p, dp_fault *fault)
{
	if (p->kind != NULL && !p->kind->takes_urls && strcmp(p->kind->name, "blk") != 0) {
		p->chain = can_be(p->kind, DP_CHAIN_ACCOUNT) ? dp_chain_find("ethereum", 8)
		                                             : dp_chain_find("bitcoin", 7);
		return DP_OK;
	}
	dp_source_options o = *f->options;
	dp_source *source = NULL;
	o.chain = NULL;
	o.begin = (dp_source_begin){.has_followed = true, .followed = UINT64_MAX};
	// Whose password is it? Nobody gets one that may be another's.
	o.login = o.cookie = NULL;
	dp_code code = dp_source_open(&source, &p->path, 1, &o, fault);
	if (code != DP_OK && dp_url_is(p->path) && code != DP_NO_MEMORY && code != DP_BUSY)
		return blame(p->path,
		             dp_fail(fault, code,
		                     "does not tell of which chain it is: write the chain before "
		                     "it, as in bitcoin=SOURCE"),
		             fault);
	DP_TRY(code);
	p->chain = source->chain;
	dp_source_close(source);
	return DP_OK;
}

// By what the kind can be of, and the chains that are named. A chain that nobody names may be
// given, too: a bridge may lead there.
static dp_code find_chain(const struct finder *f, struct place *p, dp_fault *fault)
{
	uint32_t possible = 0;
	if (p->kind == NULL && f->named_count > 1) return cannot_tell(f, p, fault);
	for (uint32_t i = 0; i < f->named_count; i++) {
		DP_CHECK(f->named[i] != NULL);
		if (p->kind != NULL && !can_be(p->kind, f->named[i]->kind)) continue;
		p->chain = f->named[i];
		possible++;
	}
	if (possible == 1) return DP_OK;
	p->chain = NULL;
	if (possible > 1 && !p->kind->takes_urls) return cannot_tell(f, p, fault);
	return ask(f, p, fault);
}

// Is nothing said of chains, and everything of one kind?
static bool is_plain(const struct finder *f)
{
	if (f->named_count != 1) return false;
	for (uint32_t i = 0; i < f->count; i++) {
		const struct place *p = &f->place[i];
		if (p->is_said || p->folder != NULL) return false;
		if (p->kind != f->place[0].kind && p->kind != NULL && f->place[0].kind != NULL)
			return false;
	}
	return true;
}

static dp_code find_all(struct finder *f, const char *const *paths, dp_fault *fault)
{
	for (uint32_t i = 0; i < f->count; i++) {
		struct place *p = &f->place[i];
		DP_TRY(split(p, paths[i], fault));
		if (dp_cli_is_ledger(&p->folder, p->path)) continue;
		p->folder = NULL;
		// A kind that cannot be told is the opener's to complain about.
		if (dp_source_kind_of(&p->kind, p->path, NULL) != DP_OK) p->kind = NULL;
	}
	bool plain = is_plain(f);
	for (uint32_t i = 0; i < f->count; i++) {
		struct place *p = &f->place[i];
		if (plain) p->chain = f->named[0];
		if (p->chain == NULL && p->folder == NULL) DP_TRY(find_chain(f, p, fault));
		if (p->chain == NULL)
			DP_TRY(add_ledger(f, p, fault));
		else
			DP_TRY(add(f, p->chain, p->path, fault));
	}
	sort(f);
	return DP_OK;
}

dp_code dp_source_groups_find(dp_source_groups *ret_groups, const char *const *paths,
                              uint32_t path_count, const dp_chain *const *named,
                              uint32_t named_count, const dp_source_options *options,
                              dp_fault *fault)
{
	DP_CHECK(ret_groups != NULL && path_count > 0 && options != NULL);
	*ret_groups = (dp_source_groups){.count = 0};
	struct finder f = {.groups = ret_groups,
	                   .count = path_count,
	                   .named = named,
	                   .named_count = named_count,
	                   .options = options};
	f.place = dp_alloc(path_count * sizeof *f.place);
	if (f.place == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = find_all(&f, paths, fault);
	dp_free(f.place);
	if (code != DP_OK) dp_source_groups_done(ret_groups);
	return code;
}

void dp_source_groups_done(dp_source_groups *g)
{
	if (g == NULL) return;
	for (uint32_t i = 0; i < g->count; i++) dp_free((void *)g->group[i].path);
	*g = (dp_source_groups){.count = 0};
}

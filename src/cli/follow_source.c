// Nodes, ledgers and heads of `dyepack follow`.
#include <string.h>

#include "base/check.h"
#include "cli/follow.h"
#include "cli/ledger_source.h"
#include "cli/run.h"
#include "source/aside.h"

enum { TRIES = 2, TIMEOUT_S = 20 };

static follow_chain *find_chain(follow *f, const dp_chain *chain)
{
	for (uint32_t i = 0; i < f->chain_count; i++)
		if (f->chain[i].chain == chain) return &f->chain[i];
	return NULL;
}

//- which path is of which chain ------------------------------------------------------------------

static dp_code add_path(follow *f, const dp_chain *chain, const char *path, dp_fault *fault)
{
	const char *folder;
	bool is_ledger = dp_cli_is_ledger(&folder, path);
	follow_chain *k = find_chain(f, chain);
	char shown[DP_URL_SHOWN_MAX];
	dp_url_show(shown, path);
	if (!is_ledger && !dp_url_is(path))
		return dp_fail(fault, DP_BAD_CASE,
		               "%s is neither a node nor a ledger: name a node "
		               "(http://127.0.0.1:8545), or import it first ('dyepack import')",
		               shown);
	if (k == NULL) {
		k = &f->chain[f->chain_count];
		*k = (follow_chain){.chain = chain};
		f->chains[f->chain_count++] = chain;
	}
	const char **place = is_ledger ? &k->ledger : &k->node;
	if (*place != NULL)
		return dp_fail(fault, DP_BAD_CASE, "%s: %s has %s already", shown, chain->name,
		               is_ledger ? "a ledger" : "a node");
	*place = path;
	if (!is_ledger || k->name[0] == 0) memcpy(k->name, shown, sizeof shown);
	return DP_OK;
}

static dp_code group_some(follow *f, const dp_chain *const *named, uint32_t named_count,
                          const char *path, dp_fault *fault)
{
	dp_source_groups groups = {0};
	// One by one: a node and a ledger of the same chain are two sources.
	dp_code code =
	    dp_source_groups_find(&groups, &path, 1, named, named_count, &f->source_options, fault);
	for (uint32_t i = 0; i < groups.count && code == DP_OK; i++)
		code = add_path(f, groups.group[i].chain, groups.group[i].path[0], fault);
	dp_source_groups_done(&groups);
	return code;
}

dp_code follow_group(follow *f, const dp_chain *const *named, uint32_t named_count, dp_fault *fault)
{
	f->source_options.tries = TRIES;
	if (f->source_options.timeout_s == 0) f->source_options.timeout_s = TIMEOUT_S;
	f->source_options.watch = dp_run_watch(true);
	for (uint32_t i = 0; i < f->path_count; i++)
		DP_TRY(group_some(f, named, named_count, f->path[i], fault));
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

// In the source's own thread.
static dp_code open_node(void *context, dp_source **ret_source, const dp_chain *chain,
                         const dp_source_begin *begin, const dp_source_watch *watch,
                         dp_fault *fault)
{
	follow *f = context;
	const follow_chain *k = find_chain(f, chain);
	DP_CHECK(k != NULL && k->node != NULL);
	dp_source_options o = f->source_options;
	o.chain = chain;
	o.begin = *begin;
	o.watch = *watch;
	return dp_cli_source_open(ret_source, &k->node, 1, &o, fault);
}

static void note(void *context, const char *text)
{
	dp_log(context, DP_LOG_WARN, "node", DP_F("text", text));
}

static bool wants_to_stop(void *context)
{
	(void)context;
	return dp_run_interrupted();
}

dp_code follow_open(void *context, dp_source **ret_source, const dp_chain *chain,
                    const dp_source_begin *begin, dp_fault *fault)
{
	follow *f = context;
	dp_aside_options o = {
	    .context = f,
	    .open = open_node,
	    .chain = chain,
	    .begin = *begin,
	    .watch = {.context = f->log, .notice = note, .stopped = wants_to_stop},
	    .wake_fd = f->wake_fd};
	return dp_aside_open(ret_source, &o, fault);
}

bool follow_has_node(void *context, const dp_chain *chain)
{
	const follow_chain *k = find_chain(context, chain);
	return k != NULL && k->node != NULL;
}

bool follow_has_ledger(const follow *f)
{
	for (uint32_t i = 0; i < f->chain_count; i++)
		if (f->chain[i].ledger != NULL) return true;
	return false;
}

dp_code follow_open_ledger(void *context, dp_source **ret_source, dp_ledger **ret_ledger,
                           uint64_t *ret_at, const dp_chain *chain, const dp_source_begin *begin,
                           dp_fault *fault)
{
	follow *f = context;
	const follow_chain *k = find_chain(f, chain);
	*ret_source = NULL;
	*ret_ledger = NULL;
	if (k == NULL || k->ledger == NULL) return DP_OK;
	dp_source_options o = f->source_options;
	o.chain = chain;
	o.begin = *begin;
	DP_TRY(dp_cli_source_open(ret_source, &k->ledger, 1, &o, fault));
	*ret_ledger = dp_ledger_source_ledger(*ret_source);
	*ret_at = dp_ledger_source_position(*ret_source);
	return DP_OK;
}

//- heads -----------------------------------------------------------------------------------------

static dp_code open_heads(follow *f, follow_chain *k, const char *url, dp_fault *fault)
{
	dp_heads_options o = {.wants_pending = !f->no_pending};
	return dp_heads_open(&k->heads, url, &o, fault);
}

// Of which chain a head is: as it says ("bitcoin=zmq:..."), or the only one of its kind.
static dp_code place_heads(follow *f, const char *text, dp_fault *fault)
{
	const char *url = text, *equal = strchr(text, '=');
	follow_chain *k = NULL;
	if (equal != NULL && !dp_heads_is(text)) {
		for (uint32_t i = 0; i < f->chain_count; i++)
			if (strlen(f->chain[i].chain->name) == (size_t)(equal - text) &&
			    memcmp(f->chain[i].chain->name, text, (size_t)(equal - text)) == 0)
				k = &f->chain[i];
		url = equal + 1;
	}
	bool is_coins = strncmp(url, "zmq:", 4) == 0;
	uint32_t fitting = 0;
	for (uint32_t i = 0; k == NULL && i < f->chain_count; i++) {
		if ((f->chain[i].chain->kind == DP_CHAIN_UTXO) != is_coins) continue;
		if (fitting++ == 0) continue;
		return dp_fail(fault, DP_BAD_CASE,
		               "--heads: several chains are of this kind: write CHAIN=URL");
	}
	for (uint32_t i = 0; k == NULL && i < f->chain_count; i++)
		if ((f->chain[i].chain->kind == DP_CHAIN_UTXO) == is_coins) k = &f->chain[i];
	if (k == NULL || !dp_heads_is(url))
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "--heads takes [CHAIN=]zmq:tcp://HOST:PORT for coins, ws://HOST:PORT "
		    "or ipc:/PATH for accounts, of a chain that has a node here");
	if (k->heads != NULL)
		return dp_fail(fault, DP_BAD_CASE, "--heads: %s has one already", k->chain->name);
	k->has_asked_heads = true;
	return open_heads(f, k, url, fault);
}

dp_code follow_open_heads(follow *f, dp_fault *fault)
{
	for (uint32_t i = 0; f->heads_url[i] != NULL; i++)
		DP_TRY(place_heads(f, f->heads_url[i], fault));
	return DP_OK;
}

// Many nodes answer WebSocket on the port of HTTP (anvil, reth, erigon, hosted ones): it is tried
// once, and given up in silence where it is not so.
static void guess_heads(follow *f, follow_chain *k)
{
	char url[2048];
	dp_fault ignored;
	bool is_tls = strncmp(k->node, "https://", 8) == 0;
	if (!is_tls && strncmp(k->node, "http://", 7) != 0) return;
	int n = snprintf(url, sizeof url, "%s%s", is_tls ? "wss://" : "ws://",
	                 k->node + (is_tls ? 8 : 7));
	if (n < 0 || (size_t)n >= sizeof url || !dp_heads_is(url)) return;
	k->heads_are_guessed = open_heads(f, k, url, &ignored) == DP_OK;
}

void follow_find_heads(follow *f, const dp_chain *chain, const char *url)
{
	follow_chain *k = find_chain(f, chain);
	dp_fault ignored;
	if (k == NULL || k->has_asked_heads || k->node == NULL || url == NULL) return;
	if (url[0] == 0 && chain->kind == DP_CHAIN_ACCOUNT) {
		k->has_asked_heads = true;
		guess_heads(f, k);
	}
	if (url[0] == 0) return;
	k->has_asked_heads = true;
	if (dp_heads_is(url) && open_heads(f, k, url, &ignored) == DP_OK)
		dp_log(f->log, DP_LOG_INFO, "heads", DP_F("chain", chain->name),
		       DP_F("source", dp_heads_name(k->heads)), DP_F("text", "found by the node"));
}

static dp_code hear_one(follow *f, follow_chain *k, dp_fault *fault)
{
	for (uint32_t n = 0; n < 4096; n++) {
		dp_heads_event ev;
		dp_code code = dp_heads_next(k->heads, &ev, fault);
		if (code == DP_END) break;
		DP_TRY(code);
		if (ev.kind == DP_HEADS_BLOCK) dp_live_hint(f->live, k->chain);
		if (ev.kind == DP_HEADS_TX && !f->no_pending)
			dp_live_offer(f->live, k->chain, ev.bytes, ev.size);
		if (ev.kind == DP_HEADS_BLOCK && dp_heads_is_up(k->heads)) k->heads_are_up = true;
		bool is_change = ev.kind == DP_HEADS_LOST || ev.kind == DP_HEADS_BACK;
		if (!is_change) continue;
		if (ev.kind == DP_HEADS_LOST && k->heads_are_guessed && !k->heads_are_up) {
			dp_heads_close(k->heads);
			k->heads = NULL;
			return DP_OK;
		}
		k->heads_are_up = ev.kind == DP_HEADS_BACK;
		dp_live_hint(f->live, k->chain); // what came meanwhile was not heard of
		dp_log(f->log, k->heads_are_up ? DP_LOG_INFO : DP_LOG_WARN, "heads",
		       DP_F("chain", k->chain->name), DP_F("source", dp_heads_name(k->heads)),
		       DP_F("state", k->heads_are_up ? "back" : "lost"), DP_F("text", ev.text));
	}
	return DP_OK;
}

dp_code follow_hear(follow *f, dp_fault *fault)
{
	for (uint32_t i = 0; i < f->chain_count; i++)
		if (f->chain[i].heads != NULL) DP_TRY(hear_one(f, &f->chain[i], fault));
	return DP_OK;
}

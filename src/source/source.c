// See source.h: the table of kinds, and choosing from it.
//
// A source is named by a path or URL, with or without the name of its kind before it
// ("csv:moves.txt"). A URL says nothing of what answers there, but the chain that is wanted does.
// Without one, each kind looks at the path and at the first bytes (unpacked, where the file is a
// gzip or zstd archive) and says how sure it is; the surest wins. Standard input has no name and
// cannot be looked at twice, so it needs a prefix unless it is CSV, which is what people pipe.
#include "source/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/input.h"
#include "source/source_kinds.h"

enum { HEAD_SIZE = 4096, PATHS_MAX = 1 << 20, NAMES_SIZE = 240 };

const dp_source_kind *const dp_source_kinds[] = {
    &dp_source_blockfile, &dp_source_evm_rpc,   &dp_source_bitcoin_rpc, &dp_source_bitcoin_etl,
    &dp_source_eth_etl,   &dp_source_etherscan, &dp_source_csv,         NULL,
};

//- recognising -----------------------------------------------------------------------------------

// "blk, csv", for faults.
static void list_names(char out[NAMES_SIZE])
{
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; dp_source_kinds[i] != NULL; i++) {
		int k = snprintf(out + n, NAMES_SIZE - n, "%s%s", n == 0 ? "" : ", ",
		                 dp_source_kinds[i]->name);
		DP_CHECK(k > 0 && n + (size_t)k < NAMES_SIZE);
		n += (size_t)k;
	}
}

// Names the path in a fault, without what of it is secret.
static dp_code fail_path(const char *path, dp_fault *fault, dp_code code)
{
	char shown[DP_URL_SHOWN_MAX];
	DP_CHECK(code != DP_OK);
	dp_url_show(shown, path);
	if (fault != NULL) dp_fault_file(fault, shown);
	return code;
}

static const dp_source_kind *kind_named(const char *name, size_t n)
{
	for (size_t i = 0; dp_source_kinds[i] != NULL; i++) {
		const dp_source_kind *kind = dp_source_kinds[i];
		if (strlen(kind->name) == n && memcmp(kind->name, name, n) == 0) return kind;
	}
	return NULL;
}

// Length of what may be a prefix: small letters, digits and hyphens before a colon. 0: none.
static size_t prefix_size(const char *path)
{
	size_t n = 0;
	while ((path[n] >= 'a' && path[n] <= 'z') || (path[n] >= '0' && path[n] <= '9') ||
	       path[n] == '-')
		n++;
	return path[n] == ':' ? n : 0;
}

// The first bytes of a file, unpacked. None for what is no plain file: a pipe's are gone once read.
static dp_code read_head(uint8_t head[HEAD_SIZE], size_t *ret_size, const char *path,
                         const struct stat *st, dp_fault *fault)
{
	dp_input *in = NULL;
	size_t size = 0, n = 1;
	*ret_size = 0;
	if (!S_ISREG(st->st_mode)) return DP_OK;
	DP_TRY(dp_input_open(&in, path, fault));
	dp_code code = DP_OK;
	while (code == DP_OK && size < HEAD_SIZE && n > 0) {
		code = dp_input_read(in, head + size, HEAD_SIZE - size, &n, fault);
		if (code == DP_OK) size += n;
	}
	dp_input_close(in);
	if (code == DP_OK) *ret_size = size;
	return code;
}

static dp_code recognise(const dp_source_kind **ret_kind, const char *path, const struct stat *st,
                         dp_fault *fault)
{
	uint8_t head[HEAD_SIZE];
	size_t head_size = 0;
	int surest = 0;
	const dp_source_kind *kind = NULL;
	DP_TRY(read_head(head, &head_size, path, st, fault));
	for (size_t i = 0; dp_source_kinds[i] != NULL; i++) {
		int sure =
		    dp_source_kinds[i]->recognise(path, head, head_size, S_ISDIR(st->st_mode));
		if (sure <= surest) continue;
		surest = sure;
		kind = dp_source_kinds[i];
	}
	if (kind == NULL) {
		char names[NAMES_SIZE];
		list_names(names);
		return fail_path(path, fault,
		                 dp_fail(fault, DP_BAD_CASE,
		                         "is of no kind we know (%s: 'dyepack list sources' tells "
		                         "how each is recognised); name the kind before the path, "
		                         "as in csv:PATH",
		                         names));
	}
	*ret_kind = kind;
	return DP_OK;
}

// The kind of a URL: by the chain that is wanted, else by what the kinds make of it.
static dp_code recognise_url(const dp_source_kind **ret_kind, const char *url,
                             const dp_chain *chain, dp_fault *fault)
{
	const dp_source_kind *kind = NULL;
	int surest = 0;
	for (size_t i = 0; dp_source_kinds[i] != NULL; i++) {
		const dp_source_kind *k = dp_source_kinds[i];
		if (!k->takes_urls) continue;
		int sure =
		    chain != NULL ? k->url_kind == chain->kind : k->recognise(url, NULL, 0, false);
		if (sure <= surest) continue;
		surest = sure;
		kind = k;
	}
	if (kind == NULL)
		return fail_path(url, fault,
		                 dp_fail(fault, DP_BAD_CASE,
		                         "what answers there cannot be told from the address: name "
		                         "the chain, or put bitcoin-rpc: or evm-rpc: before it"));
	*ret_kind = kind;
	return DP_OK;
}

// "etl:" is an export of either ETL: which of them, the chain or else the file tells.
static dp_code kind_of_export(const dp_source_kind **ret_kind, const char **ret_path,
                              const char *path, const dp_chain *chain, dp_fault *fault)
{
	struct stat st;
	const dp_source_kind *kind = NULL;
	if (chain != NULL) {
		kind = chain->kind == DP_CHAIN_UTXO ? kind_named("btc-etl", 7)
		                                    : kind_named("eth-etl", 7);
	} else {
		if (stat(path, &st) != 0)
			return fail_path(path, fault,
			                 dp_fail(fault, DP_NOT_FOUND, "no such file or folder"));
		DP_TRY(recognise(&kind, path, &st, fault));
		if (strcmp(kind->name, "btc-etl") != 0 && strcmp(kind->name, "eth-etl") != 0)
			return fail_path(path, fault,
			                 dp_fail(fault, DP_BAD_CASE,
			                         "is no export of bitcoin-etl or ethereum-etl"));
	}
	*ret_kind = kind;
	*ret_path = path;
	return DP_OK;
}

// The kind of one path, and the path without its prefix.
static dp_code kind_of(const dp_source_kind **ret_kind, const char **ret_path, const char *path,
                       const dp_chain *chain, dp_fault *fault)
{
	char names[NAMES_SIZE];
	struct stat st;
	size_t n = prefix_size(path);
	*ret_path = path;
	if (dp_url_is(path)) return recognise_url(ret_kind, path, chain, fault);
	if (strcmp(path, "-") == 0) {
		*ret_kind = &dp_source_csv;
		return DP_OK;
	}
	// A file may have a colon in its name: what is there as it stands needs no prefix.
	if (stat(path, &st) == 0) return recognise(ret_kind, path, &st, fault);
	if (n == 0)
		return fail_path(path, fault,
		                 dp_fail(fault, DP_NOT_FOUND, "no such file or folder"));
	if (n == 3 && memcmp(path, "etl", 3) == 0)
		return kind_of_export(ret_kind, ret_path, path + 4, chain, fault);
	*ret_kind = kind_named(path, n);
	if (*ret_kind == NULL) {
		list_names(names);
		// The rest is not repeated: it may be a mistyped URL with a password in it.
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "\"%.*s:\" is neither a file nor a kind of source; the kinds are: %s",
		    (int)(n > 40 ? 40 : n), path, names);
	}
	*ret_path = path + n + 1;
	if ((*ret_kind)->takes_urls != dp_url_is(*ret_path))
		return dp_fail(fault, DP_BAD_CASE, "\"%s:\" is to be followed by %s",
		               (*ret_kind)->name,
		               (*ret_kind)->takes_urls ? "an address such as http://127.0.0.1:8545"
		                                       : "a file or folder");
	if ((*ret_path)[0] == 0)
		return dp_fail(fault, DP_BAD_CASE, "\"%s\" names no file: write it after the colon",
		               path);
	return DP_OK;
}

// What looks like an address is no file, whatever stands before it: it is refused before somebody
// tries to open it and says its name, password and all.
static dp_code check_bare(const dp_source_kind *kind, const char *bare, const char *path,
                          dp_fault *fault)
{
	struct stat st;
	if (kind->takes_urls || strstr(bare, "://") == NULL || stat(bare, &st) == 0) return DP_OK;
	return fail_path(path, fault,
	                 dp_fail(fault, DP_BAD_CASE,
	                         "is an address, and a source of kind %s is a "
	                         "file or folder",
	                         kind->name));
}

const char *dp_source_can_text(uint32_t can)
{
	switch ((dp_source_can)can) {
	case DP_CAN_PREVOUTS: return "prevouts";
	case DP_CAN_TRACES: return "traces";
	case DP_CAN_OPENINGS: return "opening balances";
	case DP_CAN_BEGIN: return "begin at any block";
	case DP_CAN_REORGANISE: return "live chain";
	case DP_CAN_MEMPOOL: return "mempool";
	case DP_CAN_HEADS: return "heads";
	}
	DP_CHECK(false);
	return "";
}

//- a source's life -------------------------------------------------------------------------------

dp_code dp_source_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                       const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && (paths != NULL || path_count == 0));
	static const dp_source_options no_options;
	if (path_count == 0)
		return dp_fail(fault, DP_BAD_CASE, "no source was given: name a file or folder");
	if (path_count > PATHS_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d files: give their folder", PATHS_MAX);
	const char **bare = dp_alloc(path_count * sizeof *bare);
	if (bare == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	const dp_source_kind *kind = NULL, *first = NULL;
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < path_count && code == DP_OK; i++) {
		code = kind_of(&kind, &bare[i], paths[i], options == NULL ? NULL : options->chain,
		               fault);
		if (code == DP_OK) code = check_bare(kind, bare[i], paths[i], fault);
		if (code != DP_OK) break;
		if (first == NULL) first = kind;
		if (kind != first)
			code =
			    fail_path(paths[i], fault,
			              dp_fail(fault, DP_BAD_CASE,
			                      "is a source of kind %s, those before it are %s: all "
			                      "must be of one kind",
			                      kind->name, first->name));
	}
	if (code == DP_OK)
		code = first->open(ret_source, bare, path_count,
		                   options == NULL ? &no_options : options, fault);
	dp_free(bare);
	return code;
}

dp_code dp_source_kind_of(const dp_source_kind **ret_kind, const char *path, dp_fault *fault)
{
	const char *bare;
	DP_CHECK(ret_kind != NULL && path != NULL);
	DP_TRY(kind_of(ret_kind, &bare, path, NULL, fault));
	return check_bare(*ret_kind, bare, path, fault);
}

dp_code dp_source_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	DP_CHECK(s != NULL && ret_block != NULL);
	DP_CHECK(s->next != NULL && s->kind != NULL);
	const dp_block *block = NULL;
	DP_TRY(s->next(s, &block, fault));
	DP_CHECK(block != NULL);
	s->stats.blocks++;
	s->stats.txs += block->tx_count;
	s->stats.movements += block->mv_count;
	*ret_block = block;
	return DP_OK;
}

void dp_source_close(dp_source *s)
{
	if (s == NULL) return;
	DP_CHECK(s->close != NULL);
	s->close(s);
}

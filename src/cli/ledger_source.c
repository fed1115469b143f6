// See ledger_source.h.
//
// A ledger is the best source there is: it begins anywhere, knows what every input is worth and
// what every block's hash is, and finds a transaction by its id. What it cannot do is reorganise
// under its reader: it shows what was there when it was opened.
#include "cli/ledger_source.h"

#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"

#define PREFIX "ledger:"

typedef struct ledger_source {
	dp_source base; // first: see struct dp_source
	dp_ledger *ledger;
	dp_block_builder builder;
	uint64_t at, end; // numbers of blocks: the next, and the one behind the last
} ledger_source;

//- is it one? ------------------------------------------------------------------------------------

static bool note_chain(void *context, const dp_chain *chain)
{
	bool *has_any = context;
	DP_CHECK(chain != NULL);
	*has_any = true;
	return false;
}

bool dp_cli_is_ledger(const char **ret_folder, const char *path)
{
	struct stat st;
	bool has_any = false;
	DP_CHECK(ret_folder != NULL && path != NULL);
	if (dp_url_is(path)) return false;
	// A file may have a colon in its name: what is there as it stands needs no prefix.
	bool is_there = stat(path, &st) == 0;
	if (!is_there && strncmp(path, PREFIX, strlen(PREFIX)) == 0) {
		*ret_folder = path + strlen(PREFIX);
		return true;
	}
	if (!is_there || !S_ISDIR(st.st_mode)) return false;
	if (dp_ledger_chains(path, note_chain, &has_any, NULL) != DP_OK || !has_any) return false;
	*ret_folder = path;
	return true;
}

static int ledger_recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	const char *folder;
	(void)head;
	(void)head_size;
	return is_folder && dp_cli_is_ledger(&folder, path) ? 100 : 0;
}

//- blocks ----------------------------------------------------------------------------------------

static dp_code ledger_next(dp_source *source, const dp_block **ret_block, dp_fault *fault)
{
	ledger_source *s = (ledger_source *)(void *)source;
	DP_CHECK(ret_block != NULL);
	if (s->at >= s->end) return DP_END;
	DP_TRY(dp_ledger_block(s->ledger, &s->builder, ret_block, s->at, fault));
	s->at++;
	return DP_OK;
}

static dp_code ledger_hash_at(dp_source *source, bool *ret_known, uint8_t ret_hash[32],
                              uint64_t height, dp_fault *fault)
{
	ledger_source *s = (ledger_source *)(void *)source;
	dp_ledger_block_row row;
	uint64_t no;
	DP_CHECK(ret_known != NULL && ret_hash != NULL);
	DP_TRY(dp_ledger_block_at_height(s->ledger, &no, height, fault));
	*ret_known = no < s->end;
	if (!*ret_known) return DP_OK;
	DP_TRY(dp_ledger_block_row_at(s->ledger, &row, no, fault));
	*ret_known = row.height == height;
	memcpy(ret_hash, row.hash, 32);
	return DP_OK;
}

static dp_code ledger_seek(dp_source *source, uint64_t height, dp_fault *fault)
{
	ledger_source *s = (ledger_source *)(void *)source;
	DP_CHECK(s->ledger != NULL);
	return dp_ledger_block_at_height(s->ledger, &s->at, height, fault);
}

static void ledger_close(dp_source *source)
{
	ledger_source *s = (ledger_source *)(void *)source;
	DP_CHECK(s != NULL);
	dp_builder_done(&s->builder);
	dp_ledger_close(s->ledger);
	dp_free(s);
}

//- opening ---------------------------------------------------------------------------------------

static void take_earlier(uint64_t *io_at, uint64_t at)
{
	if (at < *io_at) *io_at = at;
}

// The block of a transaction, of the first with this id; where the ledger has none of this id, the
// first block at the time when it happened, or the first of all.
static dp_code begin_with_tx(const ledger_source *s, uint64_t *ret_at, const uint8_t id[32],
                             const dp_source_begin *begin, dp_fault *fault)
{
	uint64_t tx_no, first = UINT64_MAX;
	dp_code code;
	while ((code = dp_ledger_find_tx(s->ledger, &tx_no, id, first, fault)) == DP_OK)
		first = tx_no;
	if (code != DP_NOT_FOUND) return code;
	if (first != UINT64_MAX) return dp_ledger_block_of_tx(s->ledger, ret_at, first, fault);
	*ret_at = 0;
	if (!begin->has_tx_time) return DP_OK;
	return dp_ledger_block_at_time(s->ledger, ret_at, begin->tx_time, fault);
}

static dp_code find_begin(const ledger_source *s, uint64_t *ret_at, const dp_source_begin *begin,
                          dp_fault *fault)
{
	uint64_t at = UINT64_MAX, one;
	if (begin->has_followed) {
		if (begin->followed == UINT64_MAX) return DP_OK;
		return dp_ledger_block_at_height(s->ledger, ret_at, begin->followed + 1, fault);
	}
	if (begin->has_height) {
		DP_TRY(dp_ledger_block_at_height(s->ledger, &one, begin->height, fault));
		take_earlier(&at, one);
	}
	if (begin->has_time) {
		DP_TRY(dp_ledger_block_at_time(s->ledger, &one, begin->time, fault));
		take_earlier(&at, one);
	}
	for (uint32_t i = 0; i < begin->tx_count; i++) {
		DP_TRY(begin_with_tx(s, &one, begin->tx[i], begin, fault));
		take_earlier(&at, one);
	}
	*ret_at = at == UINT64_MAX ? 0 : at; // nothing named
	return DP_OK;
}

static dp_code choose_range(ledger_source *s, const dp_source_options *options, dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_block_row row;
	dp_source_stats *stats = &s->base.stats;
	dp_ledger_totals_get(s->ledger, &totals);
	s->end = totals.blocks;
	if (options->has_height_max && options->height_max != UINT64_MAX)
		DP_TRY(
		    dp_ledger_block_at_height(s->ledger, &s->end, options->height_max + 1, fault));
	DP_TRY(find_begin(s, &s->at, &options->begin, fault));
	s->base.gaps = totals.gaps;
	s->base.opening_known_zero = totals.from_beginning && s->at == 0;
	if (s->at >= s->end) return DP_OK;
	DP_TRY(dp_ledger_block_row_at(s->ledger, &row, s->at, fault));
	stats->height_first = row.height;
	DP_TRY(dp_ledger_block_row_at(s->ledger, &row, s->end - 1, fault));
	stats->height_last = row.height;
	return DP_OK;
}

static dp_code ledger_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                           const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && paths != NULL && options != NULL);
	if (path_count != 1)
		return dp_fail(fault, DP_BAD_CASE,
		               "a ledger is a source by itself: name nothing beside it");
	if (paths[0][0] == 0)
		return dp_fail(fault, DP_BAD_CASE,
		               "\"" PREFIX "\" names no folder: write it after the colon");
	ledger_source *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->base.kind = &dp_cli_ledger_kind;
	s->base.next = ledger_next;
	s->base.close = ledger_close;
	s->base.hash_at = ledger_hash_at;
	s->base.seek = ledger_seek;
	dp_code code = dp_ledger_open(&s->ledger, paths[0], options->chain, fault);
	if (code == DP_OK) {
		s->base.chain = dp_ledger_chain(s->ledger);
		code = choose_range(s, options, fault);
	}
	if (code != DP_OK) {
		if (fault != NULL) dp_fault_file(fault, paths[0]);
		ledger_close(&s->base);
		return code;
	}
	*ret_source = &s->base;
	return DP_OK;
}

dp_code dp_cli_source_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                           const dp_source_options *options, dp_fault *fault)
{
	static const dp_source_options none;
	const char *folder;
	DP_CHECK(ret_source != NULL && (paths != NULL || path_count == 0));
	for (uint32_t i = 0; i < path_count; i++)
		if (dp_cli_is_ledger(&folder, paths[i]))
			return ledger_open(ret_source, &folder, path_count,
			                   options == NULL ? &none : options, fault);
	return dp_source_open(ret_source, paths, path_count, options, fault);
}

dp_ledger *dp_ledger_source_ledger(const dp_source *s)
{
	DP_CHECK(s != NULL);
	if (s->kind != &dp_cli_ledger_kind) return NULL;
	return ((const ledger_source *)(const void *)s)->ledger;
}

uint64_t dp_ledger_source_position(const dp_source *s)
{
	DP_CHECK(s != NULL && s->kind == &dp_cli_ledger_kind);
	return ((const ledger_source *)(const void *)s)->at;
}

//- the row ---------------------------------------------------------------------------------------

const dp_source_kind dp_cli_ledger_kind = {
    .name = "ledger",
    .summary = "a ledger that 'dyepack import' wrote",
    .looks_like = "ledger:DIR, or the folder itself",
    .gives = "what was imported, from any block on and without reading what lies before; values "
             "of inputs whose outputs it holds; finds transactions, addresses and balances by "
             "itself",
    .can = DP_CAN_PREVOUTS | DP_CAN_TRACES | DP_CAN_BEGIN,
    .recognise = ledger_recognise,
    .open = ledger_open,
};

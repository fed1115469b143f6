// See begin.h.
#include "live/begin.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

void dp_take_earlier(bool *io_has, int64_t *io_time, int64_t time)
{
	if (!*io_has || time < *io_time) *io_time = time;
	*io_has = true;
}

// Adds where a seed is to be found.
static void begin_with_seed(dp_source_begin *io_begin, uint8_t (*seed_tx)[32], const dp_case *c,
                            const dp_seed *seed, bool *io_is_time_missing)
{
	dp_source_begin *b = io_begin;
	if (seed->has_tx || seed->has_outpoint) {
		memcpy(seed_tx[b->tx_count++], seed->has_tx ? seed->tx : seed->outpoint.txid, 32);
		if (seed->has_time || c->theft_time != INT64_MAX)
			dp_take_earlier(&b->has_tx_time, &b->tx_time,
			                seed->has_time ? seed->time : c->theft_time);
		else
			*io_is_time_missing = true;
	} else if (seed->has_height) {
		if (!b->has_height || seed->height < b->height) b->height = seed->height;
		b->has_height = true;
	} else if (seed->has_time) {
		dp_take_earlier(&b->has_time, &b->time, seed->time);
	}
}

// How many transactions the case files name, at most.
static uint64_t count_named(dp_case *const *cases, uint32_t count)
{
	uint64_t named = 0;
	for (uint32_t i = 0; i < count; i++) {
		named += cases[i]->seed_count;
		for (uint32_t n = 0; n < cases[i]->link_count; n++)
			named += cases[i]->link[n].tx_count;
	}
	return named;
}

dp_code dp_begin_of_cases(dp_source_begin *ret_begin, uint8_t (**ret_tx)[32], bool *ret_has_seeds,
                          dp_case *const *cases, uint32_t count, const dp_chain *chain,
                          dp_fault *fault)
{
	DP_CHECK(cases != NULL && count > 0 && chain != NULL);
	bool is_time_missing = false, has_seeds = false;
	dp_source_begin b = {0};
	uint8_t(*tx)[32] = dp_alloc((count_named(cases, count) + 1) * sizeof *tx);
	if (tx == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < count; i++) {
		const dp_case *c = cases[i];
		for (uint32_t n = 0; n < c->seed_count; n++) {
			if (c->seed[n].chain != chain) continue;
			begin_with_seed(&b, tx, c, &c->seed[n], &is_time_missing);
			has_seeds = true;
		}
		// What went into a swap may have gone in before the theft. Where no time is known,
		// one that cannot be looked up would mean to begin with the chain.
		for (uint32_t n = 0; n < c->link_count && c->theft_time != INT64_MAX; n++)
			for (uint32_t m = 0; c->link[n].chain == chain && m < c->link[n].tx_count;
			     m++) {
				memcpy(tx[b.tx_count++], c->link[n].tx[m], 32);
				dp_take_earlier(&b.has_tx_time, &b.tx_time, c->theft_time);
			}
	}
	// The time of some is not the time of the first.
	if (is_time_missing) b.has_tx_time = false;
	b.tx = (const uint8_t(*)[32])tx;
	*ret_begin = b;
	*ret_tx = tx;
	*ret_has_seeds = has_seeds;
	return DP_OK;
}

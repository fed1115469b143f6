// Where taint stops: the places that the cases list, and those that somebody's tags call a service.
// Both name a bare key (P2PK) by the P2PKH address that explorers show it as.
//
// What a case says of an address comes before what a tag says, for it is about this theft, and its
// author has seen both. The places of cases are few and stand in a sorted array; tags are asked
// where they are (tag/index.h).
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/private.h"

//- what the cases list ---------------------------------------------------------------------------

// In case order where two cases list one address, so that the first of them counts.
static int by_addr(const void *a, const void *b)
{
	const dp_stop_state *x = a, *y = b;
	int c = memcmp(&x->addr, &y->addr, sizeof x->addr);
	return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

// Cases traced together stop at each other's services. Twice the same is natural; two different
// statements about one address are for people to settle.
static dp_code join_stops(dp_engine *e, dp_fault *fault)
{
	uint32_t kept = 1;
	for (uint32_t i = 1; i < e->stop_count; i++) {
		const dp_stop_state *last = &e->stop[kept - 1], *s = &e->stop[i];
		if (!dp_addr_eq(&last->addr, &s->addr)) {
			e->stop[kept++] = *s;
			continue;
		}
		if (last->bucket == s->bucket) continue;
		char text[DP_ADDR_TEXT_MAX];
		dp_addr_format(text, &s->addr, e->options.chain);
		return dp_fail(fault, DP_BAD_CASE,
		               "%s is listed both as %s and as %s: the case files must agree", text,
		               dp_bucket_name((dp_bucket)last->bucket),
		               dp_bucket_name((dp_bucket)s->bucket));
	}
	e->stop_count = kept;
	return DP_OK;
}

dp_code dp_stops_make(dp_engine *e, dp_fault *fault)
{
	if (e->options.tags != NULL) e->network = dp_network_of(e->options.chain);
	uint64_t count = 0;
	uint32_t index = 0;
	for (uint32_t i = 0; i < e->case_count; i++) count += e->cases[i]->stop_count;
	if (count == 0) return DP_OK;
	if (count > DP_CASE_SEEDS_MAX) return dp_fail(fault, DP_LIMIT, "too many services");
	e->stop = dp_alloc(count * sizeof *e->stop);
	if (e->stop == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < e->case_count; i++)
		for (uint32_t j = 0; j < e->cases[i]->stop_count; j++) {
			const dp_stop *s = &e->cases[i]->stop[j];
			// Their numbers count the stops of all chains: reports look them up by it.
			if (s->chain != NULL && s->chain != e->options.chain) {
				index++;
				continue;
			}
			e->stop[e->stop_count] = (dp_stop_state){s->addr, s->bucket, index++};
			e->stop_count++;
		}
	if (e->stop_count == 0) return DP_OK;
	qsort(e->stop, e->stop_count, sizeof *e->stop, by_addr);
	return join_stops(e, fault);
}

const dp_addr *dp_stop_as_listed(dp_addr *scratch, const dp_addr *addr)
{
	if (addr->kind != DP_ADDR_P2PK) return addr;
	*scratch = *addr;
	scratch->kind = DP_ADDR_P2PKH;
	return scratch;
}

//- asking ----------------------------------------------------------------------------------------

bool dp_stop_tagged(dp_bucket *ret_bucket, const dp_tags *tags, const dp_network *network,
                    bool any_risk, const dp_addr *addr)
{
	dp_tag_stop stop;
	if (dp_tags_stop(tags, &stop, addr, network)) {
		*ret_bucket = dp_bucket_of_stop((dp_concept_stop)stop.stop);
		return true;
	}
	if (!any_risk) return false;
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(tags, addr, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (tag[i].risk == DP_CLASS_NONE) continue;
		// Who is a thief on one chain is one with the same key on the next; that a service
		// has its purses there too is only likely.
		dp_tag_match needed =
		    tag[i].risk >= DP_CLASS_DARK ? DP_MATCH_SAME_KEY : DP_MATCH_EXACT;
		if (dp_tags_match(&tag[i], network) < needed) continue;
		*ret_bucket = DP_BUCKET_SERVICE;
		return true;
	}
	return false;
}

static int by_addr_alone(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(dp_addr));
}

dp_bucket dp_stop_find(const dp_engine *e, uint32_t *ret_stop, const dp_addr *addr)
{
	_Static_assert(offsetof(dp_stop_state, addr) == 0, "compared by its first member");
	const dp_stop_state *stop = NULL;
	dp_addr shown;
	if (e->stop_count > 0) {
		addr = dp_stop_as_listed(&shown, addr);
		stop = bsearch(addr, e->stop, e->stop_count, sizeof *e->stop, by_addr_alone);
	}
	if (stop != NULL) {
		if (stop->bucket != DP_BUCKET_HELD) *ret_stop = stop->index;
		return (dp_bucket)stop->bucket;
	}
	dp_bucket bucket;
	if (e->options.tags == NULL ||
	    !dp_stop_tagged(&bucket, e->options.tags, e->network, e->options.stops_at_risk, addr))
		return DP_BUCKET_HELD;
	*ret_stop = DP_STOP_TAGGED;
	return bucket;
}

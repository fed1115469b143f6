// Addresses that protocols have named (private.h). In the order of the chain, so that a rollback
// pops them; found through buckets by address. What was said last of an address counts.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/private.h"

static uint32_t bucket_of(const dp_addr *addr)
{
	return (uint32_t)(dp_addr_key(addr) >> 16) % DP_MARK_BUCKETS;
}

static const dp_mark *find(const dp_marks *m, const dp_addr *addr, bool vault,
                           const dp_protocol *protocol, dp_asset asset)
{
	if (m->head == NULL) return NULL;
	for (uint32_t i = m->head[bucket_of(addr)]; i != 0; i = m->item[i - 1].next) {
		const dp_mark *k = &m->item[i - 1];
		if (!dp_addr_eq(&k->addr, addr) || (k->kind == DP_MARK_VAULT) != vault) continue;
		if (vault ? k->protocol == protocol : k->asset.v == asset.v) return k;
	}
	return NULL;
}

dp_code dp_mark_add(dp_marks *m, dp_mark_kind kind, const dp_protocol *protocol, dp_asset asset,
                    const dp_addr *addr, uint64_t height, dp_fault *fault)
{
	const dp_mark *last = find(m, addr, kind == DP_MARK_VAULT, protocol, asset);
	if (last != NULL && last->kind == kind) return DP_OK;
	if (m->head == NULL) {
		m->head = dp_alloc(DP_MARK_BUCKETS * sizeof *m->head);
		if (m->head == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	void *items = m->item;
	DP_TRY(
	    dp_grow(&items, &m->cap, sizeof *m->item, (uint64_t)m->count + 1, DP_MARKS_MAX, fault));
	m->item = items;
	uint32_t b = bucket_of(addr);
	m->item[m->count] = (dp_mark){.kind = (uint8_t)kind,
	                              .asset = asset,
	                              .protocol = protocol,
	                              .addr = *addr,
	                              .height = height,
	                              .next = m->head[b]};
	m->head[b] = ++m->count;
	if (kind != DP_MARK_VAULT) m->frozen++;
	return DP_OK;
}

bool dp_mark_is_vault(const dp_marks *m, const dp_protocol *protocol, const dp_addr *addr)
{
	return find(m, addr, true, protocol, DP_ASSET_NONE) != NULL;
}

bool dp_mark_is_frozen(const dp_marks *m, dp_asset asset, const dp_addr *addr)
{
	if (m->frozen == 0) return false;
	const dp_mark *k = find(m, addr, false, NULL, asset);
	return k != NULL && k->kind == DP_MARK_FROZEN;
}

void dp_marks_pop(dp_marks *m, bool any, uint64_t height)
{
	while (m->count > 0 && (!any || m->item[m->count - 1].height > height)) {
		const dp_mark *k = &m->item[m->count - 1];
		DP_CHECK(m->head[bucket_of(&k->addr)] == m->count);
		m->head[bucket_of(&k->addr)] = k->next;
		if (k->kind != DP_MARK_VAULT) m->frozen--;
		m->count--;
	}
	if (m->saved > m->count) m->saved = m->count;
}

void dp_marks_done(dp_marks *m)
{
	dp_free(m->item);
	dp_free(m->head);
}

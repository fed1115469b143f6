// See mine.h.
//
// A finding is a record, and a list of evidence that only grows. For rollback the record as it was
// is put aside the first time that an edge changes it; evidence knows which edge named it. So
// taking back is: put the records back, newest first, and drop the evidence that later edges named.
#include "technique/mine.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { SLOTS_FIRST = 1 << 8, EVIDENCE_FIRST = 4, TOUCHED_MAX = 1 << 16, FORGET_FIRST = 1 << 12 };

// The evidence of one finding.
typedef struct list {
	dp_mine_edge *item;
	uint64_t cap;
	dp_edge said; // the edge at which the finding was last spoken of
} list;

// A finding as it was before edge `by` changed it. `is_new`: it was not there.
typedef struct revision {
	dp_edge by;
	uint32_t finding;
	bool is_new;
	dp_finding was;
} revision;

typedef struct mark {
	uint32_t epoch, value;
} mark;

struct dp_mine {
	dp_graph *graph;
	dp_instance instance[DP_INSTANCES_MAX];
	dp_look look[DP_INSTANCES_MAX];
	uint32_t instance_count;
	// Which instances want transfers of each kind.
	uint8_t wants[DP_TR_KIND_COUNT][DP_INSTANCES_MAX];
	uint32_t wants_count[DP_TR_KIND_COUNT];
	// What matchers keep on edges: one record for each slot of the ring, in which each instance
	// has its bytes. So what all of them ask about an older edge lies together.
	uint8_t *state;
	uint32_t record_bytes, ring; // of a record; slots that `state` has
	dp_finding *finding;
	list *evidence;
	uint64_t finding_cap, evidence_cap;
	uint32_t finding_count, end_from; // from end_from on they are of the end
	uint32_t *free_finding;
	uint64_t free_cap;
	uint32_t free_count, forget_at;
	uint32_t *slot; // hash table of findings; 1 + index
	uint32_t slot_mask;
	revision *past; // from past_first on; older ones are final
	uint64_t past_cap;
	uint32_t past_first, past_count;
	uint32_t undo_edges;
	dp_edge floor; // cannot be rolled back to before this
	uint32_t *touched;
	uint8_t *is_new; // of touched
	uint64_t touched_cap, is_new_cap;
	uint32_t touched_count;
	mark *mark;
	uint64_t mark_cap;
	uint32_t epoch;
	dp_edge scratch[DP_EVIDENCE_MAX];
	dp_edge fed; // the edge that is being fed; 0: finish
	bool forget_expired, is_case;
	uint64_t given_up;
	dp_code (*found)(void *context, uint32_t finding, bool is_new, dp_fault *fault);
	void *found_context;
};

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- instances -------------------------------------------------------------------------------------

static uint32_t param_count(const dp_typology *t)
{
	uint32_t n = 0;
	while (n < DP_PARAMS_MAX && t->param[n].name != NULL) n++;
	return n;
}

dp_instance dp_instance_of(const dp_typology *typology)
{
	dp_instance instance = {.typology = typology};
	for (uint32_t p = 0; p < param_count(typology); p++)
		instance.param[p] = typology->param[p].normal;
	return instance;
}

static bool is_same(const dp_instance *a, const dp_instance *b)
{
	return a->typology == b->typology &&
	       memcmp(a->param, b->param, param_count(a->typology) * sizeof *a->param) == 0;
}

uint32_t dp_mine_instance_find(const dp_mine *m, const dp_instance *wanted)
{
	for (uint32_t i = 0; i < m->instance_count; i++)
		if (is_same(&m->instance[i], wanted)) return i;
	return UINT32_MAX;
}

const dp_instance *dp_mine_instance(const dp_mine *m, uint32_t *ret_count)
{
	*ret_count = m->instance_count;
	return m->instance;
}

static uint32_t round_up(uint32_t bytes)
{
	return (bytes + 7) & ~(uint32_t)7;
}

static dp_code add_instance(dp_mine *m, const dp_instance *wanted, dp_fault *fault)
{
	const dp_typology *t = wanted->typology;
	DP_CHECK(t != NULL && t->feed != NULL && t->edge_bytes % 4 == 0);
	DP_CHECK(t->edge_bytes <= DP_EDGE_BYTES_MAX);
	for (uint32_t p = 0; p < param_count(t); p++)
		if (wanted->param[p] < t->param[p].min || wanted->param[p] > t->param[p].max)
			return dp_fail(fault, DP_LIMIT, "%s: `%s` is from %lld to %lld, not %lld",
			               t->name, t->param[p].name, (long long)t->param[p].min,
			               (long long)t->param[p].max, (long long)wanted->param[p]);
	if (t->case_only && !m->is_case) return DP_OK;
	if (dp_mine_instance_find(m, wanted) != UINT32_MAX) return DP_OK;
	if (m->instance_count == DP_INSTANCES_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "more than %d different settings of typologies at once",
		               DP_INSTANCES_MAX);
	uint32_t i = m->instance_count++;
	m->instance[i] = *wanted;
	// Whoever keeps words of eight bytes has a size that is a multiple of that.
	if (t->edge_bytes % 8 == 0) m->record_bytes = round_up(m->record_bytes);
	m->look[i] = (dp_look){.graph = m->graph,
	                       .param = m->instance[i].param,
	                       .mine = m,
	                       .instance = i,
	                       .state_at = m->record_bytes,
	                       .is_case = m->is_case};
	m->record_bytes += t->edge_bytes;
	for (uint32_t k = 0; k < DP_TR_KIND_COUNT; k++)
		if (t->kinds & 1U << k) m->wants[k][m->wants_count[k]++] = (uint8_t)i;
	return DP_OK;
}

//- making ----------------------------------------------------------------------------------------

dp_code dp_mine_new(dp_mine **ret_mine, const dp_mine_options *o, dp_fault *fault)
{
	// Forgotten ones are nobody's any more; what can be taken back must be there.
	DP_CHECK(!o->forget_expired || o->undo_edges == 0);
	dp_mine *m = dp_alloc(sizeof *m);
	if (m == NULL) return no_memory(fault);
	m->is_case = o->is_case;
	m->forget_expired = o->forget_expired;
	m->forget_at = FORGET_FIRST;
	m->undo_edges = o->undo_edges;
	m->floor = 1;
	m->found = o->found;
	m->found_context = o->found_context;
	m->slot_mask = SLOTS_FIRST - 1;
	m->slot = dp_alloc(SLOTS_FIRST * sizeof *m->slot);
	dp_code code = m->slot == NULL ? no_memory(fault) : DP_OK;
	if (code == DP_OK) code = dp_graph_new(&m->graph, o->edges_max, o->window_s, fault);
	for (uint32_t i = 0; code == DP_OK && i < o->instance_count; i++)
		code = add_instance(m, &o->instance[i], fault);
	m->record_bytes = round_up(m->record_bytes);
	if (code != DP_OK) {
		dp_mine_free(m);
		return code;
	}
	dp_graph_keep(m->graph, o->undo_edges);
	*ret_mine = m;
	return DP_OK;
}

void dp_mine_free(dp_mine *m)
{
	if (m == NULL) return;
	dp_free(m->state);
	for (uint64_t i = 0; i < m->evidence_cap; i++) dp_free(m->evidence[i].item);
	dp_free(m->evidence);
	dp_free(m->finding);
	dp_free(m->free_finding);
	dp_free(m->slot);
	dp_free(m->past);
	dp_free(m->touched);
	dp_free(m->is_new);
	dp_free(m->mark);
	dp_graph_free(m->graph);
	dp_free(m);
}

uint64_t dp_mine_memory(const dp_mine *m)
{
	uint64_t sum = sizeof *m + dp_graph_memory(m->graph);
	sum += (uint64_t)m->ring * m->record_bytes;
	for (uint64_t i = 0; i < m->evidence_cap; i++)
		sum += m->evidence[i].cap * sizeof *m->evidence[i].item;
	return sum + m->finding_cap * sizeof *m->finding + m->evidence_cap * sizeof *m->evidence +
	       ((uint64_t)m->slot_mask + 1) * sizeof *m->slot + m->past_cap * sizeof *m->past +
	       m->mark_cap * sizeof *m->mark;
}

const dp_graph *dp_mine_graph(const dp_mine *m)
{
	return m->graph;
}

uint32_t dp_mine_count(const dp_mine *m)
{
	return m->finding_count;
}

const dp_finding *dp_mine_finding(const dp_mine *m, uint32_t finding)
{
	DP_CHECK(finding < m->finding_count);
	return &m->finding[finding];
}

const dp_mine_edge *dp_mine_evidence(const dp_mine *m, uint32_t finding)
{
	DP_CHECK(finding < m->finding_count);
	return m->evidence[finding].item;
}

uint64_t dp_mine_given_up(const dp_mine *m)
{
	return m->given_up;
}

//- findings --------------------------------------------------------------------------------------

static uint32_t slot_hash(uint32_t instance, uint64_t anchor_key, uint64_t key)
{
	uint64_t h = (anchor_key ^ key * 0x9e3779b97f4a7c15U) + instance;
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93U;
	return (uint32_t)(h >> 32);
}

static uint32_t *finding_slot(const dp_mine *m, uint32_t instance, uint64_t anchor_key,
                              uint64_t key)
{
	uint32_t at = slot_hash(instance, anchor_key, key) & m->slot_mask;
	for (; m->slot[at] != 0; at = (at + 1) & m->slot_mask) {
		const dp_finding *f = &m->finding[m->slot[at] - 1];
		if (f->key == key && f->anchor_key == anchor_key && f->instance == instance) break;
	}
	return &m->slot[at];
}

static uint32_t *slot_of(const dp_mine *m, const dp_finding *f)
{
	return finding_slot(m, f->instance, f->anchor_key, f->key);
}

// Those behind it in its run move up, or they would not be found any more.
static void empty_slot(dp_mine *m, uint32_t *slot)
{
	uint32_t hole = (uint32_t)(slot - m->slot);
	for (uint32_t at = (hole + 1) & m->slot_mask; m->slot[at] != 0;
	     at = (at + 1) & m->slot_mask) {
		const dp_finding *f = &m->finding[m->slot[at] - 1];
		uint32_t home = slot_hash(f->instance, f->anchor_key, f->key) & m->slot_mask;
		if (((at - home) & m->slot_mask) < ((at - hole) & m->slot_mask)) continue;
		m->slot[hole] = m->slot[at];
		hole = at;
	}
	m->slot[hole] = 0;
}

static dp_code grow_slots(dp_mine *m, dp_fault *fault)
{
	if ((uint64_t)m->finding_count * 3 < ((uint64_t)m->slot_mask + 1) * 2) return DP_OK;
	size_t count = ((size_t)m->slot_mask + 1) * 2;
	uint32_t *slot = dp_alloc(count * sizeof *slot);
	if (slot == NULL) return no_memory(fault);
	dp_free(m->slot);
	m->slot = slot;
	m->slot_mask = (uint32_t)count - 1;
	for (uint32_t i = 0; i < m->end_from; i++)
		if (!m->finding[i].is_gone) *slot_of(m, &m->finding[i]) = i + 1;
	return DP_OK;
}

// A slot for a finding; DP_LIMIT (without a fault): there is none.
static dp_code take_place(dp_mine *m, uint32_t *ret_finding, dp_fault *fault)
{
	if (m->forget_expired && m->free_count > 0 && m->fed != 0) {
		*ret_finding = m->free_finding[--m->free_count];
		return DP_OK;
	}
	if (m->finding_count == DP_FINDINGS_MAX) return DP_LIMIT;
	uint64_t count = (uint64_t)m->finding_count + 1, cap = m->evidence_cap;
	DP_TRY(dp_grow((void **)&m->finding, &m->finding_cap, sizeof *m->finding, count,
	               DP_FINDINGS_MAX, fault));
	DP_TRY(dp_grow((void **)&m->evidence, &m->evidence_cap, sizeof *m->evidence, count,
	               DP_FINDINGS_MAX, fault));
	if (m->evidence_cap > cap)
		memset(m->evidence + cap, 0, (m->evidence_cap - cap) * sizeof *m->evidence);
	if (m->fed != 0) DP_TRY(grow_slots(m, fault));
	*ret_finding = m->finding_count++;
	if (m->fed != 0) m->end_from = m->finding_count;
	return DP_OK;
}

// What can be rolled back is never forgotten, so the one that came last is the last one.
static void give_place_back(dp_mine *m, uint32_t finding)
{
	DP_INVARIANT("I-3", finding + 1 == m->finding_count && m->end_from == m->finding_count);
	m->end_from = --m->finding_count;
}

static dp_code remember(dp_mine *m, uint32_t finding, bool is_new, dp_fault *fault)
{
	if (m->undo_edges == 0) return DP_OK;
	if (!is_new)
		for (uint32_t i = m->past_count; i-- > m->past_first && m->past[i].by == m->fed;)
			if (m->past[i].finding == finding) return DP_OK;
	DP_TRY(dp_grow((void **)&m->past, &m->past_cap, sizeof *m->past,
	               (uint64_t)m->past_count + 1, DP_REVISIONS_MAX, fault));
	m->past[m->past_count++] = (revision){
	    .by = m->fed, .finding = finding, .is_new = is_new, .was = m->finding[finding]};
	return DP_OK;
}

// Once an edge, however often matchers speak of the same.
static dp_code touch(dp_mine *m, uint32_t finding, bool is_new, dp_fault *fault)
{
	if (m->found == NULL) return DP_OK;
	for (uint32_t i = 0; i < m->touched_count; i++)
		if (m->touched[i] == finding) return DP_OK;
	DP_TRY(dp_grow((void **)&m->touched, &m->touched_cap, sizeof *m->touched,
	               (uint64_t)m->touched_count + 1, TOUCHED_MAX, fault));
	DP_TRY(dp_grow((void **)&m->is_new, &m->is_new_cap, sizeof *m->is_new,
	               (uint64_t)m->touched_count + 1, TOUCHED_MAX, fault));
	m->touched[m->touched_count] = finding;
	m->is_new[m->touched_count++] = is_new;
	return DP_OK;
}

//- evidence --------------------------------------------------------------------------------------

static void add_worth(dp_finding *f, const dp_transfer *t)
{
	if (__builtin_add_overflow(f->worth_low, t->worth_low, &f->worth_low))
		f->worth_low = UINT64_MAX;
	if (__builtin_add_overflow(f->worth_high, t->worth_high, &f->worth_high))
		f->worth_high = DP_WORTH_NONE;
}

// Where it belongs in a list in order; UINT32_MAX: it is there.
static uint32_t place_of(const list *l, uint32_t count, dp_edge e)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (l->item[mid].edge == e) return UINT32_MAX;
		if (l->item[mid].edge < e)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static dp_code add_evidence(dp_mine *m, uint32_t finding, dp_edge e, dp_fault *fault)
{
	dp_finding *f = &m->finding[finding];
	list *l = &m->evidence[finding];
	const dp_transfer *t = dp_graph_edge(m->graph, e);
	uint32_t at = place_of(l, f->evidence_count, e);
	if (at == UINT32_MAX) return DP_OK;
	// Of a full list what is not known by name is told by its number: later than all.
	if (f->evidence_count == DP_EVIDENCE_MAX && e <= f->edge_last) return DP_OK;
	if (f->evidence_count < DP_EVIDENCE_MAX) {
		DP_TRY(dp_grow((void **)&l->item, &l->cap, sizeof *l->item,
		               f->evidence_count < EVIDENCE_FIRST ? EVIDENCE_FIRST
		                                                  : (uint64_t)f->evidence_count + 1,
		               DP_EVIDENCE_MAX, fault));
		memmove(&l->item[at + 1], &l->item[at], (f->evidence_count - at) * sizeof *l->item);
		l->item[at] = (dp_mine_edge){.edge = e, .by = m->fed, .tx = t->tx, .ref = t->ref};
		f->evidence_count++;
	}
	f->edge_count++;
	if (f->edge_first == 0 || e < f->edge_first) {
		f->edge_first = e;
		f->time_first = t->time;
	}
	if (e > f->edge_last) {
		f->edge_last = e;
		f->time_last = t->time;
	}
	add_worth(f, t);
	return DP_OK;
}

//- what matchers say -----------------------------------------------------------------------------

dp_code dp_look_claim(const dp_look *look, const dp_claim *claim, dp_fault *fault)
{
	dp_mine *m = look->mine;
	DP_CHECK(claim->score <= 1000 && claim->loot <= DP_LOOT_WHOLE);
	uint64_t anchor_key = dp_graph_node_at(m->graph, claim->anchor)->key;
	uint32_t *slot =
	    m->fed == 0 ? NULL : finding_slot(m, look->instance, anchor_key, claim->key);
	bool is_new = slot == NULL || *slot == 0;
	uint32_t no;
	if (is_new) {
		dp_code code = take_place(m, &no, fault);
		if (code == DP_LIMIT) {
			m->given_up++;
			return DP_OK;
		}
		DP_TRY(code);
		m->finding[no] = (dp_finding){.instance = look->instance,
		                              .anchor = claim->anchor,
		                              .anchor_key = anchor_key,
		                              .key = claim->key,
		                              .is_of_end = m->fed == 0};
		if (m->fed != 0) *finding_slot(m, look->instance, anchor_key, claim->key) = no + 1;
	} else {
		no = *slot - 1;
	}
	if (m->fed != 0) DP_TRY(remember(m, no, is_new, fault));
	m->evidence[no].said = m->fed;
	for (uint32_t i = 0; i < claim->edge_count; i++)
		DP_TRY(add_evidence(m, no, claim->edge[i], fault));
	dp_finding *f = &m->finding[no];
	f->score = claim->score;
	f->loot = claim->loot;
	memcpy(f->fact, claim->fact, sizeof f->fact);
	return m->fed == 0 ? DP_OK : touch(m, no, is_new, fault);
}

dp_code dp_look_begin_marks(const dp_look *look, dp_fault *fault)
{
	dp_mine *m = look->mine;
	uint64_t cap = m->mark_cap;
	DP_TRY(dp_grow((void **)&m->mark, &m->mark_cap, sizeof *m->mark,
	               (uint64_t)dp_graph_node_count(m->graph) + 1,
	               (uint64_t)DP_GRAPH_NODES_MAX + 1, fault));
	if (m->mark_cap > cap) memset(m->mark + cap, 0, (m->mark_cap - cap) * sizeof *m->mark);
	if (++m->epoch == 0) {
		memset(m->mark, 0, m->mark_cap * sizeof *m->mark);
		m->epoch = 1;
	}
	return DP_OK;
}

uint32_t *dp_look_mark(const dp_look *look, uint32_t node)
{
	mark *k = &look->mine->mark[node];
	if (k->epoch != look->mine->epoch) *k = (mark){.epoch = look->mine->epoch};
	return &k->value;
}

dp_edge *dp_look_scratch(const dp_look *look)
{
	return look->mine->scratch;
}

//- feeding ---------------------------------------------------------------------------------------

dp_code dp_mine_node(dp_mine *m, uint32_t *ret_node, uint64_t key, dp_node_role role,
                     dp_fault *fault)
{
	return dp_graph_node(m->graph, ret_node, key, role, fault);
}

// The ring grew: states move to where their edges lie now.
static dp_code grow_states(dp_mine *m, dp_edge before, dp_fault *fault)
{
	uint32_t ring = dp_graph_ring(m->graph);
	size_t bytes = m->record_bytes;
	if (ring == m->ring) return DP_OK;
	uint8_t *state = dp_alloc(ring * bytes + 1);
	if (state == NULL) return no_memory(fault);
	for (dp_edge e = m->graph->lost + 1; m->ring > 0 && e <= before; e++)
		memcpy(state + (e & (ring - 1)) * bytes, m->state + (e & (m->ring - 1)) * bytes,
		       bytes);
	dp_free(m->state);
	m->state = state;
	m->ring = ring;
	for (uint32_t i = 0; i < m->instance_count; i++) {
		m->look[i].state = state + m->look[i].state_at;
		m->look[i].record_bytes = m->record_bytes;
	}
	return DP_OK;
}

dp_code dp_mine_reserve(dp_mine *m, uint64_t edges, uint64_t nodes, dp_fault *fault)
{
	DP_TRY(dp_graph_reserve(m->graph, edges, nodes, fault));
	return grow_states(m, dp_graph_last(m->graph), fault);
}

static void drop_end(dp_mine *m)
{
	m->finding_count = m->end_from;
}

// Former states that nobody can go back to any more.
static void trim_past(dp_mine *m)
{
	dp_edge last = dp_graph_last(m->graph);
	if (last > m->undo_edges && m->floor < last - m->undo_edges + 1)
		m->floor = last - m->undo_edges + 1;
	while (m->past_first < m->past_count && m->past[m->past_first].by < m->floor)
		m->past_first++;
	// Moved down when half of the list is nobody's: each is moved once on average.
	if (m->past_first < 1024 || m->past_first < m->past_count / 2) return;
	memmove(m->past, m->past + m->past_first,
	        (m->past_count - m->past_first) * sizeof *m->past);
	m->past_count -= m->past_first;
	m->past_first = 0;
}

// Findings of which nothing is kept in the graph, nor may come back into it. Looked for whenever
// there are twice as many as were left the last time.
static dp_code forget(dp_mine *m, dp_fault *fault)
{
	if (!m->forget_expired || m->finding_count - m->free_count < m->forget_at) return DP_OK;
	DP_TRY(dp_grow((void **)&m->free_finding, &m->free_cap, sizeof *m->free_finding,
	               m->finding_count, DP_FINDINGS_MAX, fault));
	dp_edge first = dp_graph_first(m->graph);
	for (uint32_t i = m->finding_count; i-- > 0;) {
		dp_finding *f = &m->finding[i];
		if (f->is_gone || f->edge_last >= first || m->evidence[i].said >= first) continue;
		empty_slot(m, slot_of(m, f));
		f->is_gone = true;
		f->evidence_count = 0;
		dp_free(m->evidence[i].item);
		m->evidence[i] = (list){0};
		m->free_finding[m->free_count++] = i;
	}
	uint32_t left = m->finding_count - m->free_count;
	m->forget_at = left * 2 < FORGET_FIRST ? FORGET_FIRST : left * 2;
	return DP_OK;
}

// What matchers keep on an edge, fetched for when they ask.
static void fetch_record(const dp_mine *m, dp_edge e)
{
	enum { LINE = 64, LINES_MAX = 16 };
	const uint8_t *record = m->state + (size_t)(e & m->graph->mask) * m->record_bytes;
	for (uint32_t at = 0; at < m->record_bytes && at < LINE * LINES_MAX; at += LINE)
		__builtin_prefetch(record + at);
}

void dp_mine_ahead(const dp_mine *m, uint64_t src_key, uint64_t dst_key, uint32_t distance)
{
	dp_edge edge[3];
	switch (distance) {
	case DP_AHEAD_FAR: dp_graph_fetch_slots(m->graph, src_key, dst_key); break;
	case DP_AHEAD_MIDDLE: dp_graph_fetch_nodes(m->graph, src_key, dst_key); break;
	default:
		dp_graph_fetch_edges(m->graph, edge, src_key, dst_key);
		for (int i = 0; i < 3 && m->ring > 0; i++)
			if (edge[i] != 0) fetch_record(m, edge[i]);
	}
}

// The state of a transfer that a matcher is not asked about is zero too: it will look at it.
static dp_code ask_matchers(dp_mine *m, dp_edge e, dp_fault *fault)
{
	uint32_t kind = dp_graph_edge(m->graph, e)->kind;
	DP_CHECK(kind < DP_TR_KIND_COUNT);
	uint8_t *record = m->state + (size_t)(e & (m->ring - 1)) * m->record_bytes;
	memset(record, 0, m->record_bytes);
	for (uint32_t w = 0; w < m->wants_count[kind]; w++) {
		const dp_look *look = &m->look[m->wants[kind][w]];
		const dp_typology *t = m->instance[look->instance].typology;
		DP_TRY(t->feed(look, e, record + look->state_at, fault));
	}
	return DP_OK;
}

static dp_code tell(dp_mine *m, dp_fault *fault)
{
	for (uint32_t i = 0; i < m->touched_count; i++)
		DP_TRY(m->found(m->found_context, m->touched[i], m->is_new[i] != 0, fault));
	return DP_OK;
}

dp_code dp_mine_feed(dp_mine *m, dp_edge *ret_edge, const dp_transfer *t, dp_fault *fault)
{
	drop_end(m);
	DP_TRY(forget(m, fault));
	dp_edge e;
	DP_TRY(dp_graph_add(m->graph, &e, t, fault));
	dp_code code = grow_states(m, e - 1, fault);
	if (code != DP_OK) {
		dp_graph_rollback(m->graph, e);
		return code;
	}
	m->fed = e;
	m->touched_count = 0;
	DP_TRY(ask_matchers(m, e, fault));
	if (m->undo_edges > 0) trim_past(m);
	DP_TRY(tell(m, fault));
	*ret_edge = e;
	return DP_OK;
}

dp_code dp_mine_finish(dp_mine *m, int64_t now, dp_fault *fault)
{
	drop_end(m);
	m->fed = 0;
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const dp_typology *t = m->instance[i].typology;
		if (t->finish != NULL) DP_TRY(t->finish(&m->look[i], now, fault));
	}
	return DP_OK;
}

//- rollback --------------------------------------------------------------------------------------

static void drop_evidence(dp_mine *m, uint32_t finding, dp_edge from)
{
	list *l = &m->evidence[finding];
	uint32_t kept = 0, count = m->finding[finding].evidence_count;
	for (uint32_t i = 0; i < count; i++)
		if (l->item[i].by < from) l->item[kept++] = l->item[i];
	m->finding[finding].evidence_count = kept;
}

dp_code dp_mine_rollback(dp_mine *m, dp_edge edge, dp_fault *fault)
{
	drop_end(m);
	if (edge > dp_graph_last(m->graph)) return DP_OK;
	if (edge < m->floor || m->undo_edges == 0)
		return dp_fail(fault, DP_NOT_FOUND, "transfers from number %u on are needed again",
		               edge);
	while (m->past_count > m->past_first && m->past[m->past_count - 1].by >= edge) {
		const revision *r = &m->past[--m->past_count];
		if (r->is_new) {
			empty_slot(m, slot_of(m, &m->finding[r->finding]));
			give_place_back(m, r->finding);
			continue;
		}
		drop_evidence(m, r->finding, edge);
		uint32_t kept = m->finding[r->finding].evidence_count;
		m->finding[r->finding] = r->was;
		DP_INVARIANT("I-3", kept <= r->was.evidence_count);
		m->finding[r->finding].evidence_count = kept;
	}
	dp_graph_rollback(m->graph, edge);
	return DP_OK;
}

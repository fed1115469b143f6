// Opening a segment: the header and all that other numbers hang on, see segment.h and segment.c.
//
// After this, every section lies in the file, has as many items as the header's counts ask for, and
// groups, classes and both ends of the block rows are right. What is left for the accessors is each
// item by itself.
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "ledger/record.h"
#include "ledger/segment.h"
#include "ledger/segment_inner.h"

enum { BUCKET_BITS_MAX = 30, CLASSES_MAX = 1 << 16 };

static dp_code no_memory(const dp_segment *s, dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory opening %s", s->path);
}

//- header ----------------------------------------------------------------------------------------

static dp_code check_magic(const dp_segment *s, const uint8_t *bytes, uint64_t size,
                           const uint8_t header_check[16], dp_fault *fault)
{
	if (size < DP_SEGMENT_HEADER_SIZE || memcmp(bytes, "dyeledg", 8) != 0)
		return dp_segment_bad(s, fault, 0, "this is no whole segment of a ledger");
	if (s->head.version != DP_LEDGER_VERSION && s->head.version != DP_LEDGER_VERSION_OLD) {
		dp_code code =
		    dp_fail_offset(fault, DP_BAD_BYTES, 8,
		                   "the segment has format %u, this dyepack reads format %d: use "
		                   "the dyepack that wrote it, or a newer one",
		                   s->head.version, DP_LEDGER_VERSION);
		dp_fault_file(fault, s->path);
		return code;
	}
	if (header_check != NULL) {
		XXH128_canonical_t have;
		XXH128_canonicalFromHash(&have, XXH3_128bits(bytes, DP_SEGMENT_HEADER_SIZE));
		if (memcmp(have.digest, header_check, sizeof have.digest) != 0)
			return dp_segment_bad(s, fault, 0,
			                      "the header is not the one that the manifest names");
	}
	for (uint32_t i = sizeof s->head; i < DP_SEGMENT_HEADER_SIZE; i++)
		if (bytes[i] != 0)
			return dp_segment_bad(s, fault, i, "the header is not zero at its end");
	return DP_OK;
}

static dp_code check_chain(const dp_segment *s, dp_fault *fault)
{
	const dp_segment_header *h = &s->head;
	char want[sizeof h->chain] = {0};
	size_t n = strlen(s->chain->caip2);
	DP_CHECK(n < sizeof want);
	memcpy(want, s->chain->caip2, n);
	if (memcmp(h->chain, want, sizeof want) != 0 || h->chain_kind != (uint32_t)s->chain->kind)
		return dp_segment_bad(s, fault, 16, "the segment is not one of %s", want);
	return DP_OK;
}

// Counts that make no sense make no others either: they are refused here, so that nothing below
// can overflow.
static dp_code check_counts(const dp_segment *s, dp_fault *fault)
{
	const dp_segment_header *h = &s->head;
	const uint64_t items = DP_SEGMENT_ITEMS_MAX, numbers = DP_LEDGER_NUMBER_MAX;
	bool units = h->unit_count == 0 || h->unit_count == 1 || h->unit_count == DP_UNIT_FAN ||
	             h->unit_count == DP_UNITS_MAX;
	if (!units || h->unit_first > numbers ||
	    (h->unit_count > 0 && h->unit_first % h->unit_count != 0))
		return dp_segment_bad(s, fault, 80, "units that no segment can have");
	if (h->block_first > numbers || h->tx_first > numbers || h->row_first > numbers ||
	    h->input_first > numbers || h->output_first > numbers)
		return dp_segment_bad(s, fault, 96, "first numbers that are out of range");
	if (h->block_count == 0 || h->block_count > items || h->tx_count > items ||
	    h->row_count > items || h->input_count > items || h->output_count > items ||
	    h->noise_count > h->row_count || h->address_count >= DP_ADDRESS_IDS_MAX ||
	    h->note_count > DP_NOTES_SIZE_MAX ||
	    (h->version == DP_LEDGER_VERSION_OLD && h->note_count > 0))
		return dp_segment_bad(s, fault, 136, "counts that are out of range");
	bool sums =
	    s->utxo ? h->row_first == h->input_first + h->output_first &&
	                  h->row_count == h->input_count + h->output_count && h->noise_count == 0
	            : (h->input_first | h->output_first | h->input_count | h->output_count) == 0;
	if (!sums) return dp_segment_bad(s, fault, 136, "counts that do not add up");
	if (h->height_last < h->height_first ||
	    h->block_count - 1 > h->height_last - h->height_first)
		return dp_segment_bad(s, fault, 176,
		                      "heights that do not fit the number of blocks");
	if (h->tx_bits > BUCKET_BITS_MAX)
		return dp_segment_bad(s, fault, 0, "too many buckets of transactions");
	return DP_OK;
}

// The list of chunk checksums is there, whole, and the one that the header vouches for.
static dp_code check_chunks(dp_segment *s, uint64_t size, dp_fault *fault)
{
	uint64_t data_size = s->head.data_size, room = size - DP_SEGMENT_HEADER_SIZE;
	if (data_size == 0 || data_size % DP_SECTION_ALIGN != 0 || data_size > room)
		return dp_segment_bad(s, fault, size,
		                      "the file ends here, %llu bytes of data were written: it is "
		                      "truncated, or its header is false",
		                      (unsigned long long)data_size);
	uint64_t chunks = data_size / DP_CHUNK + (data_size % DP_CHUNK != 0);
	if (room - data_size != chunks * sizeof *s->check)
		return dp_segment_bad(s, fault, size,
		                      "the file ends here, but its header says %llu bytes",
		                      DP_SEGMENT_HEADER_SIZE + (unsigned long long)data_size +
		                          chunks * sizeof *s->check);
	s->check = (const uint64_t *)(const void *)(s->data + data_size);
	XXH128_canonical_t have;
	XXH128_canonicalFromHash(&have, XXH3_128bits(s->check, chunks * sizeof *s->check));
	if (memcmp(have.digest, s->head.chunks_check, sizeof have.digest) != 0)
		return dp_segment_bad(s, fault, DP_SEGMENT_HEADER_SIZE + data_size,
		                      "the list of checksums is damaged");
	s->checked = dp_alloc((chunks + 63) / 64 * sizeof *s->checked);
	return s->checked == NULL ? no_memory(s, fault) : DP_OK;
}

//- sections --------------------------------------------------------------------------------------

// How many items of which width a section must have, by the header's counts.
typedef struct want {
	uint32_t width;
	bool plain; // never packed
	uint64_t min, max;
} want;

static want exactly(uint32_t width, uint64_t count)
{
	return (want){width, false, count, count};
}

static want between(uint32_t width, uint64_t min, uint64_t max)
{
	return (want){width, false, min, max};
}

static want want_of(const dp_segment *s, dp_section_id id)
{
	const dp_segment_header *h = &s->head;
	const uint64_t most = UINT32_MAX;
	bool utxo_only = id >= DP_SEC_TXIN && id <= DP_SEC_FOREIGN;
	bool account_only = id >= DP_SEC_TXROW && id < DP_SEC_TXIN;
	if (s->utxo ? account_only : utxo_only) return exactly(h->section[id].width, 0);
	uint64_t noted = h->section[DP_SEC_NOTETX].count; // checked before the others of notes
	switch (id) {
	case DP_SEC_BLOCK: return (want){96, true, h->block_count + 1, h->block_count + 1};
	case DP_SEC_TXID: return exactly(32, h->tx_count);
	case DP_SEC_TXSORT: return exactly(4, h->tx_count);
	case DP_SEC_TXBUCKET: return exactly(4, ((uint64_t)1 << h->tx_bits) + 1);
	case DP_SEC_TXFILTER: return (want){DP_FILTER_BLOCK, true, 1, most};
	case DP_SEC_GROUP: return (want){32, true, 0, DP_ADDR_KIND_COUNT};
	case DP_SEC_ADDR: return between(1, 0, h->address_count * 33);
	case DP_SEC_ADDRBUCKET: return between(4, 0, most);
	case DP_SEC_ADDRFILTER: return (want){DP_FILTER_BLOCK, true, 1, most};
	case DP_SEC_POSTFIRST: return exactly(4, h->address_count + 2);
	case DP_SEC_POST: return between(4, 0, most);
	case DP_SEC_WIDE: return between(16, 0, 2 * h->row_count);
	case DP_SEC_TXROW: return exactly(4, h->tx_count + 1);
	case DP_SEC_SRC:
	case DP_SEC_DST: return exactly(4, h->row_count);
	case DP_SEC_AMOUNT: return exactly(8, h->row_count);
	case DP_SEC_CLASS: return exactly(h->section[id].width == 2 ? 2 : 1, h->row_count);
	case DP_SEC_CLASSES: return between(48, h->row_count > 0, CLASSES_MAX);
	case DP_SEC_NOISE: return exactly(8, h->noise_count);
	case DP_SEC_NOISENAME: return between(36, h->noise_count > 0, h->noise_count);
	case DP_SEC_TXIN:
	case DP_SEC_TXOUT: return exactly(4, h->tx_count + 1);
	case DP_SEC_OUTTX: return exactly(4, (h->output_count + 31) / 32);
	case DP_SEC_SPENT: return exactly(8, h->input_count);
	case DP_SEC_OUTADDR: return exactly(4, h->output_count);
	case DP_SEC_VALUE: return exactly(8, h->output_count);
	case DP_SEC_FOREIGN: return between(80, 0, h->input_count);
	case DP_SEC_NOTETX:
		return between(4, h->note_count > 0, h->note_count > 0 ? h->tx_count : 0);
	case DP_SEC_NOTEAT: return exactly(8, noted > 0 ? noted + 1 : 0);
	case DP_SEC_NOTE: return between(1, h->note_count, noted > 0 ? DP_NOTES_SIZE_MAX : 0);
	case DP_SEC_NOTENAME: return between(DP_NOTE_NAME, 0, 2 * h->note_count);
	case DP_SEC_COUNT: break;
	}
	DP_CHECK(false && "unreachable: every section is named");
	return exactly(1, 0);
}

static dp_code check_section(dp_segment *s, dp_section_id id, dp_fault *fault)
{
	const dp_section_entry *e = &s->head.section[id];
	const uint64_t begin = DP_SEGMENT_HEADER_SIZE, end = begin + s->head.data_size;
	const want w = want_of(s, id);
	uint64_t at = (uint64_t)((const uint8_t *)e - (const uint8_t *)&s->head);
	const char *name = dp_section_name(id);
	if (e->count < w.min || e->count > w.max)
		return dp_segment_bad(s, fault, at, "%s has %llu items, which cannot be", name,
		                      (unsigned long long)e->count);
	if (e->count == 0) {
		// Nowhere, whatever the entry says; out-of-range look-ups find that count.
		if (e->stored != 0)
			return dp_segment_bad(s, fault, at, "%s has bytes but no items", name);
		atomic_init(&s->sec[id].base, s->data);
		return DP_OK;
	}
	uint64_t size = e->count * w.width;
	if (e->width != w.width)
		return dp_segment_bad(s, fault, at, "%s has items of %u bytes, not %u", name,
		                      e->width, w.width);
	if (e->offset % DP_SECTION_ALIGN != 0 || e->offset < begin || e->offset > end ||
	    e->stored > end - e->offset)
		return dp_segment_bad(s, fault, at, "%s lies outside of the data", name);
	if (e->codec > 1 || (e->codec == 1 && w.plain) || (e->codec == 0 && e->stored != size))
		return dp_segment_bad(s, fault, at, "%s is stored in a way that cannot be", name);
	if (e->codec == 1 &&
	    (e->stored == 0 || size > DP_UNPACKED_MAX || size / DP_UNPACK_RATIO_MAX > e->stored))
		return dp_segment_bad(s, fault, at, "%s cannot unpack to %llu bytes", name,
		                      (unsigned long long)size);
	s->sec[id].packed = e->codec == 1;
	s->sec[id].offset = e->offset - begin;
	s->sec[id].size = size;
	atomic_init(&s->sec[id].base, s->sec[id].packed ? NULL : s->data + s->sec[id].offset);
	return DP_OK;
}

//- blocks, groups, classes -----------------------------------------------------------------------

static dp_code check_block_ends(dp_segment *s, dp_fault *fault)
{
	const dp_segment_header *h = &s->head;
	dp_ledger_block_row first, last, end;
	const struct {
		dp_ledger_block_row *row;
		uint64_t block;
	} ends[3] = {{&first, 0}, {&last, h->block_count - 1}, {&end, h->block_count}};
	for (int i = 0; i < 3; i++) {
		const void *p = dp_segment_at(s, DP_SEC_BLOCK, ends[i].block);
		if (p == NULL) return dp_segment_fault(s, DP_SEC_BLOCK, ends[i].block, fault);
		memcpy(ends[i].row, p, sizeof *ends[i].row);
	}
	if (first.tx != 0 || first.row != 0 || first.height != h->height_first ||
	    first.time != h->time_first)
		return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, 0, "is not the header's first");
	if (last.height != h->height_last || last.time != h->time_last)
		return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, h->block_count - 1,
		                           "is not the header's last");
	if (end.tx != h->tx_count || end.row != h->row_count)
		return dp_segment_bad_item(s, fault, DP_SEC_BLOCK, h->block_count,
		                           "does not end where the header says");
	return DP_OK;
}

int dp_ledger_addr_width(uint32_t kind)
{
	static const int8_t widths[DP_ADDR_KIND_COUNT] = {
	    [DP_ADDR_NONE] = -1,     [DP_ADDR_EVM] = 20,     [DP_ADDR_P2PKH] = 20,
	    [DP_ADDR_P2SH] = 20,     [DP_ADDR_P2WPKH] = 20,  [DP_ADDR_P2WSH] = 32,
	    [DP_ADDR_P2TR] = 32,     [DP_ADDR_WITNESS] = 33, [DP_ADDR_P2PK] = 20,
	    [DP_ADDR_MULTISIG] = 32, [DP_ADDR_SCRIPT] = 32,  [DP_ADDR_NULLDATA] = 0,
	    [DP_ADDR_NAME] = 33,
	};
	return kind < DP_ADDR_KIND_COUNT ? widths[kind] : -1;
}

static dp_code check_groups(dp_segment *s, dp_fault *fault)
{
	uint64_t count = s->head.section[DP_SEC_GROUP].count, ids = 1;
	dp_ledger_group *groups = dp_alloc((count + 1) * sizeof *groups);
	if (groups == NULL) return no_memory(s, fault);
	s->group = groups; // freed with the segment
	s->group_count = (uint32_t)count;
	if (count > 0) {
		const void *p = dp_segment_span(s, DP_SEC_GROUP, 0, count);
		if (p == NULL) return dp_segment_fault(s, DP_SEC_GROUP, 0, fault);
		memcpy(groups, p, count * sizeof *groups);
	}
	uint64_t bytes = s->head.section[DP_SEC_ADDR].count;
	uint64_t buckets = s->head.section[DP_SEC_ADDRBUCKET].count;
	for (uint64_t i = 0; i < count; i++) {
		const dp_ledger_group *g = &groups[i];
		bool kind = dp_ledger_addr_width(g->kind) == (int)g->width &&
		            (i == 0 || g->kind > groups[i - 1].kind);
		bool ids_fit = g->id_first == ids && g->count > 0 &&
		               g->count <= s->head.address_count - (ids - 1) &&
		               (g->width > 0 || g->count == 1);
		bool in_addr =
		    g->offset <= bytes && (uint64_t)g->count * g->width <= bytes - g->offset;
		bool in_bucket = g->bits <= BUCKET_BITS_MAX && g->bucket_first <= buckets &&
		                 ((uint64_t)1 << g->bits) + 1 <= buckets - g->bucket_first;
		if (!kind || !ids_fit || !in_addr || !in_bucket)
			return dp_segment_bad_item(s, fault, DP_SEC_GROUP, i,
			                           "does not fit the addresses that are there");
		ids += g->count;
	}
	if (ids - 1 != s->head.address_count)
		return dp_segment_bad(s, fault, dp_segment_offset(s, DP_SEC_GROUP, 0),
		                      "the groups have %llu addresses, the header %llu",
		                      (unsigned long long)(ids - 1),
		                      (unsigned long long)s->head.address_count);
	return DP_OK;
}

static dp_code resolve_class(dp_segment *s, uint32_t i, const dp_ledger_class *c, dp_fault *fault)
{
	const uint8_t flags = DP_MVF_VALUE_UNKNOWN | DP_MVF_FAILED | DP_MVF_UNSIGNED_ZERO;
	size_t n = strnlen(c->symbol, sizeof c->symbol);
	if (c->kind < DP_MV_NATIVE || c->kind >= DP_MV_KIND_COUNT || (c->flags & ~flags) != 0 ||
	    c->asset > DP_LEDGER_ASSET_SYMBOL || n == sizeof c->symbol)
		return dp_segment_bad_item(s, fault, DP_SEC_CLASSES, i, "is no kind of movement");
	dp_code code = dp_ledger_asset_find(&s->class_asset[i], s->chain, c->asset, c->contract,
	                                    c->symbol, n, fault);
	if (code != DP_OK) dp_fault_file(fault, s->path);
	s->class_kind[i] = c->kind;
	s->class_flags[i] = c->flags;
	return code;
}

static dp_code resolve_classes(dp_segment *s, dp_fault *fault)
{
	uint64_t count = s->head.section[DP_SEC_CLASSES].count;
	if (count == 0) return DP_OK;
	DP_CHECK(count <= CLASSES_MAX && !s->utxo);
	const void *p = dp_segment_span(s, DP_SEC_CLASSES, 0, count);
	if (p == NULL) return dp_segment_fault(s, DP_SEC_CLASSES, 0, fault);
	s->class_asset = dp_alloc(count * sizeof *s->class_asset);
	s->class_kind = dp_alloc(count);
	s->class_flags = dp_alloc(count);
	if (s->class_asset == NULL || s->class_kind == NULL || s->class_flags == NULL)
		return no_memory(s, fault);
	s->class_count = (uint32_t)count;
	for (uint32_t i = 0; i < count; i++) {
		dp_ledger_class c;
		memcpy(&c, (const uint8_t *)p + i * sizeof c, sizeof c);
		DP_TRY(resolve_class(s, i, &c, fault));
	}
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

static dp_code set_up(dp_segment *s, const uint8_t *bytes, uint64_t size,
                      const uint8_t header_check[16], dp_fault *fault)
{
	if (size >= sizeof s->head) memcpy(&s->head, bytes, sizeof s->head);
	DP_TRY(check_magic(s, bytes, size, header_check, fault));
	s->data = bytes + DP_SEGMENT_HEADER_SIZE;
	DP_TRY(check_chain(s, fault));
	DP_TRY(check_counts(s, fault));
	DP_TRY(check_chunks(s, size, fault));
	for (int id = 0; id < DP_SEC_COUNT; id++)
		DP_TRY(check_section(s, (dp_section_id)id, fault));
	DP_TRY(check_block_ends(s, fault));
	DP_TRY(check_groups(s, fault));
	DP_TRY(resolve_classes(s, fault));
	uint64_t runs = s->head.section[DP_SEC_POST].count / DP_ORDERED_RUN + 1;
	s->ordered = dp_alloc((runs + 63) / 64 * sizeof *s->ordered);
	if (s->ordered == NULL) return no_memory(s, fault);
	return dp_segment_find_listed(s, fault);
}

static dp_segment *new_segment(const dp_chain *chain, const char *path)
{
	dp_segment *s = dp_alloc(sizeof *s);
	if (s == NULL) return NULL;
	s->chain = chain;
	s->utxo = chain->kind == DP_CHAIN_UTXO;
	size_t n = strnlen(path, sizeof s->path - 1);
	memcpy(s->path, path, n);
	if (pthread_mutex_init(&s->unpacking, NULL) == 0) return s;
	dp_free(s);
	return NULL;
}

dp_code dp_segment_open(dp_segment **ret_segment, const char *path, const dp_chain *chain,
                        const uint8_t header_check[16], dp_fault *fault)
{
	DP_CHECK(ret_segment != NULL && path != NULL && chain != NULL);
	dp_segment *s = new_segment(chain, path);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory opening %s", path);
	dp_map map;
	dp_code code = dp_map_open(&map, path, false, fault);
	if (code == DP_OK) {
		s->map = map;
		// Else the kernel reads whole megabytes around each page that an index points to.
		dp_map_advise(&map, 0, map.size, DP_MAP_RANDOM);
		code = set_up(s, map.bytes, map.size, header_check, fault);
	}
	if (code != DP_OK) {
		dp_segment_close(s);
		return code;
	}
	*ret_segment = s;
	return DP_OK;
}

dp_code dp_segment_of_image(dp_segment **ret_segment, uint8_t *image, uint64_t size,
                            const dp_chain *chain, dp_fault *fault)
{
	DP_CHECK(ret_segment != NULL && image != NULL && chain != NULL);
	dp_segment *s = new_segment(chain, "the tail");
	if (s == NULL) {
		dp_free(image);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory opening the tail");
	}
	s->image = image;
	dp_code code = set_up(s, image, size, NULL, fault);
	if (code != DP_OK) {
		dp_segment_close(s);
		return code;
	}
	*ret_segment = s;
	return DP_OK;
}

void dp_segment_close(dp_segment *s)
{
	if (s == NULL) return;
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		const uint8_t *base = atomic_load_explicit(&s->sec[id].base, memory_order_acquire);
		if (s->sec[id].packed) dp_free((void *)(uintptr_t)base);
	}
	if (s->map.bytes != NULL) dp_map_close(&s->map);
	dp_free(s->image);
	dp_free((void *)(uintptr_t)s->checked);
	dp_free((void *)(uintptr_t)s->ordered);
	dp_free((void *)(uintptr_t)s->group);
	dp_free(s->class_asset);
	dp_free(s->class_kind);
	dp_free(s->class_flags);
	dp_free(s->listed);
	(void)pthread_mutex_destroy(&s->unpacking);
	dp_free(s);
}

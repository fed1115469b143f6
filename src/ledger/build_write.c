// A built segment as bytes: into a file, or into memory. See build_private.h, and format.h for what
// stands where.
//
// Sizes are known before the first byte is written, so the layout is made first and the sections
// follow as one stream. Columns go to the file from where they are; the stream cuts them into
// chunks and sums each up while its bytes are still in the cache. What is not there as it is
// written (the addresses in order) passes through a small buffer. The header goes last: a file
// without it is no segment.
#include "ledger/build_private.h"

#include "ledger/chunk.h"

enum { PIECE = 16 * DP_CHUNK }; // summed up, then written, while in the cache

// Where the bytes go: a file, or an image that is large enough.
typedef struct stream {
	dp_file_out *file;
	uint8_t *image;
	uint64_t size; // of the data so far
	uint64_t *check;
	uint64_t chunks;
	uint8_t part[DP_CHUNK]; // the beginning of the next chunk
	uint32_t part_size;
} stream;

//- the layout ------------------------------------------------------------------------------------

static void place(dp_segment_header *h, uint64_t *io_end, dp_section_id id, uint64_t count,
                  uint32_t width)
{
	uint64_t align = DP_SECTION_ALIGN;
	*io_end = (*io_end + align - 1) / align * align;
	h->section[id] = (dp_section_entry){
	    .offset = *io_end, .stored = count * width, .count = count, .width = width};
	*io_end += count * width;
}

static void place_account(const dp_build *b, dp_segment_header *h, uint64_t *io_end)
{
	DP_CHECK(b->wide_class == (b->classes.count > 256));
	place(h, io_end, DP_SEC_TXROW, b->txs + 1, 4);
	place(h, io_end, DP_SEC_SRC, b->rows, 4);
	place(h, io_end, DP_SEC_DST, b->rows, 4);
	place(h, io_end, DP_SEC_AMOUNT, b->rows, 8);
	place(h, io_end, DP_SEC_CLASS, b->rows, b->wide_class ? 2 : 1);
	place(h, io_end, DP_SEC_CLASSES, b->classes.count, sizeof(dp_ledger_class));
	place(h, io_end, DP_SEC_NOISE, b->noises, sizeof(dp_ledger_noise));
	place(h, io_end, DP_SEC_NOISENAME, b->names.count, sizeof(dp_ledger_noise_name));
}

static void place_utxo(const dp_build *b, dp_segment_header *h, uint64_t *io_end)
{
	place(h, io_end, DP_SEC_TXIN, b->txs + 1, 4);
	place(h, io_end, DP_SEC_TXOUT, b->txs + 1, 4);
	place(h, io_end, DP_SEC_OUTTX, (b->outputs + 31) / 32, 4);
	place(h, io_end, DP_SEC_SPENT, b->inputs, 8);
	place(h, io_end, DP_SEC_OUTADDR, b->outputs, 4);
	place(h, io_end, DP_SEC_VALUE, b->outputs, 8);
	place(h, io_end, DP_SEC_FOREIGN, b->foreigns, sizeof(dp_ledger_foreign));
}

static void place_notes(const dp_build *b, dp_segment_header *h, uint64_t *io_end)
{
	if (b->notes == 0) return; // not even padding
	place(h, io_end, DP_SEC_NOTETX, b->note_txs, 4);
	place(h, io_end, DP_SEC_NOTEAT, b->note_txs + 1, 8);
	place(h, io_end, DP_SEC_NOTE, b->note_bytes, 1);
	place(h, io_end, DP_SEC_NOTENAME, b->note_names.count, DP_NOTE_NAME);
}

static void set_numbers(const dp_build *b, dp_segment_header *h, uint64_t unit_count)
{
	memcpy(h->magic, "dyeledg", sizeof h->magic);
	h->version = b->is_old ? DP_LEDGER_VERSION_OLD : DP_LEDGER_VERSION;
	h->chain_kind = (uint32_t)b->chain->kind;
	size_t n = strlen(b->chain->caip2);
	DP_CHECK(n < sizeof h->chain);
	memcpy(h->chain, b->chain->caip2, n);
	h->unit_first = b->begin.unit_first;
	h->unit_count = unit_count;
	h->block_first = b->begin.block;
	h->tx_first = b->begin.tx;
	h->row_first = b->begin.row;
	h->input_first = b->begin.input;
	h->output_first = b->begin.output;
	h->block_count = b->blocks;
	h->tx_count = b->txs;
	h->row_count = b->rows;
	h->input_count = b->inputs;
	h->output_count = b->outputs;
	if (b->blocks > 0) {
		const dp_ledger_block_row *last = &b->block.block[b->blocks - 1];
		h->height_first = b->block.block[0].height;
		h->height_last = last->height;
		h->time_first = b->block.block[0].time;
		h->time_last = last->time;
	}
	h->address_count = b->addresses;
	h->noise_count = b->noises;
	h->gaps = b->gaps;
	h->note_count = b->notes;
	h->tx_bits = b->tx_bits;
	DP_CHECK(!b->utxo || b->rows == b->inputs + b->outputs);
}

static void make_header(const dp_build *b, dp_segment_header *h, uint64_t unit_count)
{
	DP_CHECK(b->stage == BUILD_JOINED);
	memset(h, 0, sizeof *h);
	set_numbers(b, h, unit_count);
	uint64_t end = DP_SEGMENT_HEADER_SIZE;
	place(h, &end, DP_SEC_BLOCK, b->blocks + 1, sizeof(dp_ledger_block_row));
	place(h, &end, DP_SEC_TXID, b->txs, 32);
	place(h, &end, DP_SEC_TXSORT, b->txs, 4);
	place(h, &end, DP_SEC_TXBUCKET, ((uint64_t)1 << b->tx_bits) + 1, 4);
	place(h, &end, DP_SEC_TXFILTER, b->txfilter_blocks, DP_FILTER_BLOCK);
	place(h, &end, DP_SEC_GROUP, b->groups, sizeof(dp_ledger_group));
	place(h, &end, DP_SEC_ADDR, b->address_bytes, 1);
	place(h, &end, DP_SEC_ADDRBUCKET, b->addrbuckets, 4);
	place(h, &end, DP_SEC_ADDRFILTER, b->addrfilter_blocks, DP_FILTER_BLOCK);
	place(h, &end, DP_SEC_POSTFIRST, b->addresses + 2, 4);
	place(h, &end, DP_SEC_POST, b->posts, 4);
	place(h, &end, DP_SEC_WIDE, b->wides, DP_AMOUNT_ITEM);
	if (b->utxo)
		place_utxo(b, h, &end);
	else
		place_account(b, h, &end);
	place_notes(b, h, &end);
	uint64_t align = DP_SECTION_ALIGN;
	h->data_size = (end + align - 1) / align * align - DP_SEGMENT_HEADER_SIZE;
}

//- the stream ------------------------------------------------------------------------------------

static dp_code emit(stream *s, const void *bytes, uint64_t n, dp_fault *fault)
{
	if (n == 0) return DP_OK;
	if (s->file != NULL) return dp_file_write(s->file, bytes, n, fault);
	memcpy(s->image + DP_SEGMENT_HEADER_SIZE + s->size, bytes, n);
	return DP_OK;
}

// Appends to the data, summing chunks up.
static dp_code put(stream *s, const void *bytes, uint64_t n, dp_fault *fault)
{
	const uint8_t *p = bytes;
	DP_CHECK(s != NULL && (bytes != NULL || n == 0));
	while (n > 0) {
		uint64_t piece = DP_CHUNK - s->part_size;
		if (piece > n) piece = n;
		if (s->part_size == 0 && n >= DP_CHUNK) {
			piece = n < PIECE ? n / DP_CHUNK * DP_CHUNK : PIECE;
			for (uint64_t at = 0; at < piece; at += DP_CHUNK)
				s->check[s->chunks++] = dp_chunk_check(p + at, DP_CHUNK);
		} else {
			memcpy(s->part + s->part_size, p, piece);
			s->part_size += (uint32_t)piece;
			if (s->part_size == DP_CHUNK) {
				s->check[s->chunks++] = dp_chunk_check(s->part, DP_CHUNK);
				s->part_size = 0;
			}
		}
		DP_TRY(emit(s, p, piece, fault));
		s->size += piece;
		p += piece;
		n -= piece;
	}
	return DP_OK;
}

// Zeros up to a place in the file.
static dp_code pad_to(stream *s, uint64_t offset, dp_fault *fault)
{
	static const uint8_t zeros[DP_SECTION_ALIGN];
	uint64_t at = DP_SEGMENT_HEADER_SIZE + s->size;
	DP_CHECK(offset >= at && offset - at <= sizeof zeros);
	return put(s, zeros, offset - at, fault);
}

static dp_code put_section(stream *s, const dp_segment_header *h, dp_section_id id,
                           const void *bytes, dp_fault *fault)
{
	const dp_section_entry *e = &h->section[id];
	DP_TRY(pad_to(s, e->offset, fault));
	return put(s, bytes, e->stored, fault);
}

// The addresses of each group in order. They lie all over their table: some are fetched ahead.
static dp_code put_addresses(stream *s, const dp_build *b, const dp_segment_header *h,
                             dp_fault *fault)
{
	enum { AHEAD = 16, BUFFER = 8192 };
	uint8_t buffer[BUFFER];
	DP_TRY(pad_to(s, h->section[DP_SEC_ADDR].offset, fault));
	for (uint32_t g = 0; g < b->groups; g++) {
		const build_addresses *k = &b->kind[b->group[g].kind];
		uint32_t used = 0;
		for (uint32_t i = 0; i < k->count; i++) {
			if (i + AHEAD < k->count)
				__builtin_prefetch(k->entries +
				                   (uint64_t)k->order[i + AHEAD] * k->stride);
			const uint8_t *entry = k->entries + (uint64_t)k->order[i] * k->stride;
			build_use use;
			memcpy(&use, entry, sizeof use);
			if (use.count == 0) continue;
			memcpy(buffer + used, entry + sizeof use, k->width);
			used += k->width;
			if (used + k->width <= BUFFER) continue;
			DP_TRY(put(s, buffer, used, fault));
			used = 0;
		}
		DP_TRY(put(s, buffer, used, fault));
	}
	const dp_section_entry *e = &h->section[DP_SEC_ADDR];
	DP_CHECK(DP_SEGMENT_HEADER_SIZE + s->size == e->offset + e->stored);
	return DP_OK;
}

static dp_code put_account(stream *s, const dp_build *b, const dp_segment_header *h,
                           dp_fault *fault)
{
	DP_TRY(put_section(s, h, DP_SEC_TXROW, b->txrow.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_SRC, b->src.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_DST, b->dst.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_AMOUNT, b->amount.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_CLASS, b->class.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_CLASSES, b->classes.items.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_NOISE, b->noise.any, fault));
	return put_section(s, h, DP_SEC_NOISENAME, b->names.items.any, fault);
}

static dp_code put_utxo(stream *s, const dp_build *b, const dp_segment_header *h, dp_fault *fault)
{
	DP_TRY(put_section(s, h, DP_SEC_TXIN, b->txin.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_TXOUT, b->txout.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_OUTTX, b->outtx.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_SPENT, b->spent.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_OUTADDR, b->outaddr.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_VALUE, b->value.any, fault));
	return put_section(s, h, DP_SEC_FOREIGN, b->foreign.any, fault);
}

static dp_code put_notes(stream *s, const dp_build *b, const dp_segment_header *h, dp_fault *fault)
{
	if (b->notes == 0) return DP_OK;
	DP_TRY(put_section(s, h, DP_SEC_NOTETX, b->notetx.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_NOTEAT, b->noteat.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_NOTE, b->note.any, fault));
	return put_section(s, h, DP_SEC_NOTENAME, b->note_names.items.any, fault);
}

static dp_code put_all(stream *s, const dp_build *b, const dp_segment_header *h, dp_fault *fault)
{
	DP_TRY(put_section(s, h, DP_SEC_BLOCK, b->block.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_TXID, b->txid.any, fault));
	DP_TRY(put_section(s, h, DP_SEC_TXSORT, b->txsort, fault));
	DP_TRY(put_section(s, h, DP_SEC_TXBUCKET, b->txbucket, fault));
	DP_TRY(put_section(s, h, DP_SEC_TXFILTER, b->txfilter, fault));
	DP_TRY(put_section(s, h, DP_SEC_GROUP, b->group, fault));
	DP_TRY(put_addresses(s, b, h, fault));
	DP_TRY(put_section(s, h, DP_SEC_ADDRBUCKET, b->addrbucket, fault));
	DP_TRY(put_section(s, h, DP_SEC_ADDRFILTER, b->addrfilter, fault));
	DP_TRY(put_section(s, h, DP_SEC_POSTFIRST, b->postfirst, fault));
	DP_TRY(put_section(s, h, DP_SEC_POST, b->post, fault));
	DP_TRY(put_section(s, h, DP_SEC_WIDE, b->wide.any, fault));
	DP_TRY(b->utxo ? put_utxo(s, b, h, fault) : put_account(s, b, h, fault));
	DP_TRY(put_notes(s, b, h, fault));
	DP_TRY(pad_to(s, DP_SEGMENT_HEADER_SIZE + h->data_size, fault));
	if (s->part_size > 0) s->check[s->chunks++] = dp_chunk_check(s->part, s->part_size);
	DP_CHECK(s->size == h->data_size);
	DP_CHECK(s->chunks == (h->data_size + DP_CHUNK - 1) / DP_CHUNK);
	return DP_OK;
}

// The list of checksums is there: its own goes into the header, and that is complete.
static void end_header(uint8_t ret_bytes[DP_SEGMENT_HEADER_SIZE], dp_segment_header *h,
                       const stream *s)
{
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(s->check, 8 * s->chunks));
	memcpy(h->chunks_check, check.digest, sizeof h->chunks_check);
	memset(ret_bytes, 0, DP_SEGMENT_HEADER_SIZE);
	memcpy(ret_bytes, h, sizeof *h);
}

static uint64_t chunks_of(const dp_segment_header *h)
{
	return (h->data_size + DP_CHUNK - 1) / DP_CHUNK;
}

//- a file ----------------------------------------------------------------------------------------

static dp_code write_file(const dp_build *b, stream *s, dp_segment_header *h,
                          uint8_t ret_header_check[16], dp_fault *fault)
{
	uint8_t header[DP_SEGMENT_HEADER_SIZE] = {0};
	DP_TRY(dp_file_write(s->file, header, sizeof header, fault));
	DP_TRY(put_all(s, b, h, fault));
	DP_TRY(dp_file_write(s->file, s->check, 8 * s->chunks, fault));
	end_header(header, h, s);
	DP_TRY(dp_file_write_at(s->file, 0, header, sizeof header, fault));
	DP_TRY(dp_file_finish(s->file, fault));
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(header, sizeof header));
	memcpy(ret_header_check, check.digest, sizeof check.digest);
	return DP_OK;
}

dp_code dp_build_write(dp_build *b, const char *path, uint8_t ret_header_check[16], dp_fault *fault)
{
	DP_CHECK(b != NULL && b->stage == BUILD_JOINED);
	DP_CHECK(path != NULL && ret_header_check != NULL);
	dp_segment_header h;
	make_header(b, &h, b->units);
	stream *s = dp_alloc(sizeof *s);
	uint64_t *check = build_array(8, chunks_of(&h));
	dp_file_out file;
	dp_code code = s == NULL || check == NULL ? build_no_memory(fault)
	                                          : dp_file_create(&file, path, fault);
	if (code == DP_OK) {
		DP_CHECK(s != NULL && check != NULL);
		s->file = &file;
		s->check = check;
		code = write_file(b, s, &h, ret_header_check, fault);
		dp_file_done(&file);
	}
	dp_free(check);
	dp_free(s);
	return code;
}

//- an image --------------------------------------------------------------------------------------

dp_code dp_build_image(dp_build *b, uint8_t **ret_bytes, uint64_t *ret_size, dp_fault *fault)
{
	DP_CHECK(b != NULL && b->stage == BUILD_JOINED);
	DP_CHECK(ret_bytes != NULL && ret_size != NULL);
	dp_segment_header h;
	make_header(b, &h, 0);
	uint64_t size = DP_SEGMENT_HEADER_SIZE + h.data_size + 8 * chunks_of(&h);
	stream *s = dp_alloc(sizeof *s);
	uint8_t *image = build_array(1, size);
	dp_code code = DP_OK;
	if (s == NULL || image == NULL) {
		code = build_no_memory(fault);
	} else {
		s->image = image;
		// data_size is a multiple of 64 and calloc aligns to 16: the list stands in place.
		s->check = (uint64_t *)(void *)(image + DP_SEGMENT_HEADER_SIZE + h.data_size);
		code = put_all(s, b, &h, fault);
	}
	if (code == DP_OK) {
		DP_CHECK(s != NULL && image != NULL);
		end_header(image, &h, s);
		*ret_bytes = image;
		*ret_size = size;
	} else {
		dp_free(image);
	}
	dp_free(s);
	return code;
}

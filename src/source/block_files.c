// See block_files.h.
//
// Files are read with pread, not mapped: a node cuts the reserved end off a file when it begins the
// next one, and a failing disk gives read errors. Under a mapping both are a SIGBUS, which ends the
// program; a read gives a code that can be told. The copy costs 3 % of what decoding costs, and
// the XOR of newer nodes needs a copy anyway.
#include "source/block_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "source/blockfile.h"

enum {
	ZERO_PIECE = 64 << 10,
	NAME_MAX_SIZE = 4096,
	COUNT_SIZE_MAX = 9, // of the count of transactions, behind the header
	SCAN_SIZE = DP_BLOCK_FRAME_SIZE + DP_BITCOIN_HEADER_SIZE + COUNT_SIZE_MAX,
};

//- faults ----------------------------------------------------------------------------------------

static dp_code in_file(const dp_block_file *f, dp_fault *fault, dp_code code)
{
	DP_CHECK(code != DP_OK);
	if (fault != NULL && f->path != NULL) dp_fault_file(fault, f->path);
	return code;
}

static dp_code fail_errno(const char *path, dp_fault *fault)
{
	int error = errno;
	dp_code code =
	    dp_fail(fault, error == ENOENT ? DP_NOT_FOUND : DP_IO, "%s", strerror(error));
	if (fault != NULL) dp_fault_file(fault, path);
	return code;
}

//- the list of files -----------------------------------------------------------------------------

// blk, digits, .dat: the number. False for any other name.
static bool number_of(const char *name, uint64_t *ret_number)
{
	uint64_t v = 0;
	if (strncmp(name, "blk", 3) != 0) return false;
	const char *p = name + 3;
	for (; *p >= '0' && *p <= '9' && v < UINT32_MAX; p++) v = 10 * v + (uint64_t)(*p - '0');
	if (p == name + 3 || strcmp(p, ".dat") != 0) return false;
	*ret_number = v;
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

static dp_code add_file(dp_block_files *files, const char *path, const uint8_t *bytes,
                        uint64_t size, dp_fault *fault)
{
	DP_CHECK((path == NULL) != (bytes == NULL));
	DP_TRY(dp_grow((void **)&files->file, &files->cap, sizeof *files->file, files->count + 1,
	               DP_BLOCKFILE_FILES_MAX, fault));
	dp_block_file f = {.bytes = bytes, .size = size, .number = DP_BLOCK_FILE_NO_NUMBER};
	if (path != NULL) {
		(void)number_of(base_name(path), &f.number);
		f.path = dp_alloc(strlen(path) + 1);
		if (f.path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		memcpy(f.path, path, strlen(path));
	}
	files->file[files->count++] = f;
	return DP_OK;
}

static bool is_bare_name(const char *name)
{
	size_t n = strlen(name);
	return n > 4 && strcmp(name + n - 4, ".blk") == 0;
}

bool dp_block_files_is_name(const char *path)
{
	uint64_t number;
	DP_CHECK(path != NULL);
	return number_of(base_name(path), &number) || is_bare_name(base_name(path));
}

bool dp_block_files_is_folder(const char *path)
{
	bool is_found = false;
	DP_CHECK(path != NULL);
	DIR *dir = opendir(path);
	if (dir == NULL) return false;
	for (struct dirent *e = readdir(dir); e != NULL && !is_found; e = readdir(dir))
		is_found = dp_block_files_is_name(e->d_name);
	closedir(dir);
	return is_found;
}

// Numbered files by number, then the others by name.
static int compare_files(const void *a, const void *b)
{
	const dp_block_file *x = a, *y = b;
	if (x->number != y->number) return x->number < y->number ? -1 : 1;
	return strcmp(base_name(x->path), base_name(y->path));
}

static dp_code add_folder(dp_block_files *files, const char *path, dp_fault *fault)
{
	char name[NAME_MAX_SIZE];
	uint64_t first = files->count;
	DIR *dir = opendir(path);
	if (dir == NULL) return fail_errno(path, fault);
	dp_code code = DP_OK;
	for (struct dirent *e = readdir(dir); e != NULL && code == DP_OK; e = readdir(dir)) {
		struct stat st;
		if (!dp_block_files_is_name(e->d_name)) continue;
		int n = snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (n < 0 || (size_t)n >= sizeof name) continue; // cannot be opened anyway
		if (stat(name, &st) != 0)
			code = fail_errno(name, fault);
		else if (S_ISREG(st.st_mode))
			code = add_file(files, name, NULL, (uint64_t)st.st_size, fault);
	}
	closedir(dir);
	if (code != DP_OK) return code;
	if (files->count == first) {
		code = dp_fail(fault, DP_NOT_FOUND,
		               "holds no block files: blk00000.dat and so on, or NAME.blk");
		if (fault != NULL) dp_fault_file(fault, path);
		return code;
	}
	qsort(files->file + first, files->count - first, sizeof *files->file, compare_files);
	return DP_OK;
}

dp_code dp_block_files_add(dp_block_files *files, const char *path, dp_fault *fault)
{
	struct stat st;
	DP_CHECK(files != NULL && path != NULL);
	if (stat(path, &st) != 0) return fail_errno(path, fault);
	if (S_ISDIR(st.st_mode)) return add_folder(files, path, fault);
	if (!S_ISREG(st.st_mode)) {
		dp_code code =
		    dp_fail(fault, DP_IO,
		            "is no plain file: block files are read twice, so a pipe will "
		            "not do");
		if (fault != NULL) dp_fault_file(fault, path);
		return code;
	}
	return add_file(files, path, NULL, (uint64_t)st.st_size, fault);
}

dp_code dp_block_files_add_bytes(dp_block_files *files, const uint8_t *bytes, uint64_t size,
                                 dp_fault *fault)
{
	DP_CHECK(files != NULL && bytes != NULL);
	return add_file(files, NULL, bytes, size, fault);
}

//- reading ---------------------------------------------------------------------------------------

static dp_code open_file(dp_block_reader *r, int *ret_fd, const dp_block_file *file,
                         dp_fault *fault)
{
	size_t place = 0;
	for (size_t i = 0; i < DP_BLOCK_READER_OPEN_MAX; i++) {
		if (r->open[i].file == file) {
			r->open[i].last_use = ++r->use_count;
			*ret_fd = r->open[i].fd;
			return DP_OK;
		}
		if (r->open[i].last_use < r->open[place].last_use) place = i;
	}
	DP_CHECK(file->path != NULL);
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return fail_errno(file->path, fault);
	// A hint; without it, only slower. Where a scan jumps from header to header the system's
	// own habit is best: it reads ahead while the jumps are short, as they are among old
	// blocks, and one page each when they are long.
	if (!r->is_jumping) (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (r->open[place].file != NULL) close(r->open[place].fd);
	r->open[place].fd = fd;
	r->open[place].file = file;
	r->open[place].last_use = ++r->use_count;
	*ret_fd = fd;
	return DP_OK;
}

static dp_code read_file(dp_block_reader *r, uint8_t *ret_bytes, const dp_block_file *f,
                         uint64_t offset, size_t size, dp_fault *fault)
{
	int fd = -1;
	DP_TRY(open_file(r, &fd, f, fault));
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, ret_bytes + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return fail_errno(f->path, fault);
		if (n == 0)
			return in_file(f, fault,
			               dp_fail_offset(fault, DP_IO, offset + done,
			                              "the file became shorter while it was read"));
		done += (size_t)n;
	}
	return DP_OK;
}

// XORs with the key, whose first byte belongs to offsets that are multiples of 8; eight bytes at a
// time.
static void undo_xor(uint8_t *bytes, size_t size, const uint8_t key[8], uint64_t offset)
{
	uint8_t turned[8];
	uint64_t word, mask;
	size_t i = 0;
	for (size_t k = 0; k < 8; k++) turned[k] = key[(offset + k) % 8];
	memcpy(&mask, turned, sizeof mask);
	for (; i + 8 <= size; i += 8) {
		memcpy(&word, bytes + i, sizeof word);
		word ^= mask;
		memcpy(bytes + i, &word, sizeof word);
	}
	for (; i < size; i++) bytes[i] ^= turned[i % 8];
}

dp_code dp_block_reader_read(dp_block_reader *reader, uint8_t *ret_bytes, const dp_block_file *file,
                             uint64_t offset, size_t size, dp_fault *fault)
{
	static const uint8_t no_key[8];
	DP_CHECK(reader != NULL && file != NULL);
	DP_CHECK(offset <= file->size && size <= file->size - offset);
	if (file->bytes != NULL)
		memcpy(ret_bytes, file->bytes + offset, size);
	else
		DP_TRY(read_file(reader, ret_bytes, file, offset, size, fault));
	if (memcmp(file->xor_key, no_key, sizeof no_key) != 0)
		undo_xor(ret_bytes, size, file->xor_key, offset);
	return DP_OK;
}

void dp_block_reader_done(dp_block_reader *reader)
{
	DP_CHECK(reader != NULL);
	for (size_t i = 0; i < DP_BLOCK_READER_OPEN_MAX; i++)
		if (reader->open[i].file != NULL) close(reader->open[i].fd);
	*reader = (dp_block_reader){.is_jumping = reader->is_jumping};
}

//- what a file is --------------------------------------------------------------------------------

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// The key in xor.dat of the file's folder; zeros where there is none.
static void load_xor_key(uint8_t ret_key[8], const char *path)
{
	char name[NAME_MAX_SIZE];
	uint8_t key[9];
	memset(ret_key, 0, 8);
	int n = snprintf(name, sizeof name, "%.*sxor.dat", (int)(base_name(path) - path), path);
	if (n < 0 || (size_t)n >= sizeof name) return;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	// Nine, to see that it is not longer than a key is.
	if (read(fd, key, sizeof key) == 8) memcpy(ret_key, key, 8);
	close(fd);
}

// What the first bytes of a file say.
typedef struct look {
	const dp_chain *expected, *chain; // `chain`: that they name, NULL for none that we know
	uint32_t magic;                   // where a signet of somebody's own is expected; else 0
} look;

static bool is_signet(const dp_chain *chain)
{
	return chain != NULL && strcmp(chain->name, "signet") == 0;
}

// Every signet but the public one has a mark of its own: four bytes of a hash of who may make its
// blocks (BIP 325). It is believed where the size behind it can be a block's.
static bool may_be_signet(const dp_block_file *f, const look *l, const uint8_t head[8], size_t n)
{
	uint32_t size = load32(head + 4);
	bool is_asked_for = is_signet(l->expected) && f->number != DP_BLOCK_FILE_NO_NUMBER;
	return is_asked_for && n == DP_BLOCK_FRAME_SIZE && load32(head) != 0 &&
	       size >= DP_BITCOIN_BLOCK_SIZE_MIN && size <= l->expected->block_size_max;
}

// Finds network and XOR key by the first bytes; `head` is left with the XOR undone.
static void find_magic(dp_block_file *f, look *io_look, uint8_t head[8], size_t n)
{
	if (n < 4 || load32(head) == 0) return; // reserved room, and nothing in it yet
	io_look->chain = dp_chain_by_magic(load32(head));
	if (io_look->chain != NULL) return;
	uint8_t key[8] = {0};
	if (f->path != NULL) load_xor_key(key, f->path);
	uint8_t plain[8];
	for (size_t i = 0; i < 8; i++) plain[i] = head[i] ^ key[i];
	bool is_reserved = load32(plain) == 0 && load32(key) != 0; // only zeros, and XORed
	io_look->chain = dp_chain_by_magic(load32(plain));
	if (io_look->chain == NULL && may_be_signet(f, io_look, plain, n)) {
		io_look->chain = io_look->expected;
		io_look->magic = load32(plain);
	}
	if (io_look->chain == NULL && !is_reserved) return;
	memcpy(f->xor_key, key, sizeof key);
	memcpy(head, plain, sizeof plain);
}

// Why a file whose first bytes name no network is refused; DP_OK when it may be a bare block.
static dp_code check_bare(const dp_block_file *f, const uint8_t head[8], size_t n,
                          uint32_t size_max, dp_fault *fault)
{
	bool is_archive = n >= 4 && ((head[0] == 0x1f && head[1] == 0x8b) ||
	                             load32(head) == 0xfd2fb528); // gzip, zstd
	if (is_archive)
		return in_file(f, fault,
		               dp_fail_offset(fault, DP_BAD_BYTES, 0,
		                              "is an archive: unpack it first, for block files are "
		                              "read here and there"));
	if (f->number != DP_BLOCK_FILE_NO_NUMBER)
		return in_file(f, fault,
		               dp_fail_offset(fault, DP_BAD_BYTES, 0,
		                              "does not begin with the mark of a network we know; "
		                              "if the node XORs its files, xor.dat of their folder "
		                              "must stand beside them; if it is a signet of your "
		                              "own, name the chain signet"));
	if (f->size >= DP_BITCOIN_BLOCK_SIZE_MIN && f->size <= size_max) return DP_OK;
	return in_file(f, fault,
	               dp_fail_offset(fault, DP_BAD_BYTES, 0,
	                              "is no block file: it does not begin with the mark of a "
	                              "network we know, and %llu bytes are no block",
	                              (unsigned long long)f->size));
}

// Decides between records and a bare block by the first bytes.
static dp_code look_at(dp_block_files *files, uint32_t i, look *io_look, dp_fault *fault)
{
	dp_block_file *f = &files->file[i];
	uint8_t head[DP_BLOCK_FRAME_SIZE] = {0};
	size_t n = f->size < sizeof head ? (size_t)f->size : sizeof head;
	io_look->chain = NULL;
	io_look->magic = 0;
	DP_TRY(dp_block_reader_read(&files->scanner, head, f, 0, n, fault));
	find_magic(f, io_look, head, n);
	bool is_node_file = f->number != DP_BLOCK_FILE_NO_NUMBER;
	f->is_framed = io_look->chain != NULL || (is_node_file && (n < 4 || load32(head) == 0));
	if (f->is_framed) return DP_OK;
	uint32_t size_max = io_look->expected != NULL && io_look->expected->kind == DP_CHAIN_UTXO
	                        ? io_look->expected->block_size_max
	                        : DP_BITCOIN_BLOCK_SIZE_MAX;
	return check_bare(f, head, n, size_max, fault);
}

// One file's network against that of those before it.
static dp_code agree(dp_block_files *files, uint32_t i, const dp_chain **io_chain, const look *l,
                     dp_fault *fault)
{
	if (l->chain == NULL) return DP_OK;
	uint32_t magic = l->magic != 0 ? l->magic : l->chain->magic;
	bool is_first = files->magic == 0;
	if (is_first) files->magic = magic;
	if (*io_chain == NULL) *io_chain = l->chain;
	// Two networks may share a mark: Bitcoin Cash kept Bitcoin's.
	bool is_same = l->chain == *io_chain || dp_chain_same_magic(l->chain, *io_chain);
	if (is_same && magic == files->magic) return DP_OK;
	if (is_same)
		return in_file(&files->file[i], fault,
		               dp_fail_offset(fault, DP_BAD_BYTES, 0,
		                              "holds blocks of another signet than the files "
		                              "before it"));
	return in_file(&files->file[i], fault,
	               dp_fail_offset(fault, DP_BAD_BYTES, 0, "holds blocks of %s, not of %s",
	                              l->chain->name, (*io_chain)->name));
}

static bool is_same_folder(const dp_block_file *a, const dp_block_file *b)
{
	size_t n = a->path == NULL ? 0 : (size_t)(base_name(a->path) - a->path);
	size_t m = b->path == NULL ? 0 : (size_t)(base_name(b->path) - b->path);
	return n == m && (n == 0 || memcmp(a->path, b->path, n) == 0);
}

// By folder, then by number; `context` are the files.
static int compare_places(const void *a, const void *b, void *context)
{
	const dp_block_file *file = context;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const dp_block_file *x = &file[i], *y = &file[k];
	size_t n = x->path == NULL ? 0 : (size_t)(base_name(x->path) - x->path);
	size_t m = y->path == NULL ? 0 : (size_t)(base_name(y->path) - y->path);
	if (n != m) return n < m ? -1 : 1;
	int c = n == 0 ? 0 : memcmp(x->path, y->path, n);
	if (c != 0) return c;
	if (x->number != y->number) return x->number < y->number ? -1 : 1;
	return i < k ? -1 : i > k;
}

// Numbers the folders, and marks the last framed file of each. The last by number: other names,
// which have none, count only where there is no number.
static dp_code find_folders(dp_block_files *files, dp_fault *fault)
{
	uint32_t count = (uint32_t)files->count, folder = 0;
	uint32_t *at = dp_alloc(((size_t)count + 1) * sizeof *at);
	if (at == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < count; i++) at[i] = i;
	qsort_r(at, count, sizeof *at, compare_places, files->file);
	dp_block_file *last = NULL;
	for (uint32_t i = 0; i < count; i++) {
		dp_block_file *f = &files->file[at[i]];
		const dp_block_file *before = i == 0 ? NULL : &files->file[at[i - 1]];
		bool is_new = before == NULL || !is_same_folder(before, f);
		if (is_new) last = NULL;
		if (is_new && i > 0) folder++;
		f->folder = folder;
		if (!f->is_framed) continue;
		bool is_later = last == NULL || f->number != DP_BLOCK_FILE_NO_NUMBER;
		if (!is_later) continue;
		if (last != NULL) last->is_last = false;
		f->is_last = true;
		last = f;
	}
	dp_free(at);
	return DP_OK;
}

dp_code dp_block_files_look(dp_block_files *files, const dp_chain **ret_chain,
                            const dp_chain *expected, dp_fault *fault)
{
	const dp_chain *chain = expected;
	look l = {.expected = expected};
	DP_CHECK(files != NULL && ret_chain != NULL);
	DP_CHECK(files->count <= DP_BLOCKFILE_FILES_MAX);
	files->scanner.is_jumping = true;
	for (uint32_t i = 0; i < files->count; i++) {
		DP_TRY(look_at(files, i, &l, fault));
		DP_TRY(agree(files, i, &chain, &l, fault));
	}
	DP_TRY(find_folders(files, fault));
	if (chain == NULL) chain = dp_chain_find("bitcoin", strlen("bitcoin"));
	DP_CHECK(chain != NULL);
	if (chain->kind != DP_CHAIN_UTXO)
		return dp_fail(fault, DP_BAD_CASE,
		               "block files hold blocks of Bitcoin and chains like it, not those "
		               "of %s",
		               chain->name);
	if (files->magic == 0) files->magic = chain->magic;
	*ret_chain = chain;
	return DP_OK;
}

//- finding the blocks ----------------------------------------------------------------------------

bool dp_block_file_is_reserved(const dp_block_file *file, uint64_t offset, const uint8_t bytes[4])
{
	uint8_t raw[4];
	DP_CHECK(file != NULL && bytes != NULL);
	memcpy(raw, bytes, sizeof raw);
	undo_xor(raw, sizeof raw, file->xor_key, offset);
	return load32(bytes) == 0 || load32(raw) == 0;
}

dp_code dp_block_files_check_reserved(dp_block_reader *reader, const dp_block_file *file,
                                      uint64_t offset, dp_fault *fault)
{
	uint8_t piece[ZERO_PIECE];
	bool is_raw = false, is_first = true;
	DP_CHECK(reader != NULL && file != NULL);
	while (offset < file->size) {
		uint64_t rest = file->size - offset;
		size_t n = rest < sizeof piece ? (size_t)rest : sizeof piece;
		DP_TRY(dp_block_reader_read(reader, piece, file, offset, n, fault));
		if (is_first) is_raw = n >= 4 && load32(piece) != 0;
		if (is_raw) undo_xor(piece, n, file->xor_key, offset);
		is_first = false;
		for (size_t k = 0; k < n; k++)
			if (piece[k] != 0)
				return in_file(
				    file, fault,
				    dp_fail_offset(fault, DP_BAD_BYTES, offset + k,
				                   "bytes follow the end of the records: the "
				                   "file is damaged"));
		offset += n;
	}
	return DP_OK;
}

// How many transactions the block has, from the bytes behind its header. 0 where they do not say:
// merge-mined blocks have a proof in between.
static uint32_t tx_count_of(const uint8_t bytes[COUNT_SIZE_MAX], const dp_bitcoin_header *header,
                            const dp_chain *chain)
{
	bool has_proof = chain->has_auxpow && (header->version & 0x100) != 0;
	dp_bytes b = dp_bytes_of(bytes, COUNT_SIZE_MAX);
	uint64_t count = dp_bytes_varint(&b);
	return has_proof || b.failed || count > DP_BLOCK_TX_MAX ? 0 : (uint32_t)count;
}

// `bytes` are the block's first: its header and what behind it says how many transactions.
static dp_code add_block(dp_block_files *files, dp_block_index *index, const dp_chain *chain,
                         uint32_t i, uint64_t offset, uint32_t size, const uint8_t *bytes,
                         dp_fault *fault)
{
	dp_bitcoin_header header;
	bool is_new;
	DP_CHECK(offset <= files->file[i].size);
	dp_bitcoin_header_decode(&header, bytes);
	dp_block_spot spot = {.file = i, .offset = offset, .size = size};
	spot.tx_count = tx_count_of(bytes + DP_BITCOIN_HEADER_SIZE, &header, chain);
	return dp_block_index_add(index, &is_new, &header, chain, &spot, fault);
}

static dp_code fail_record(const dp_block_file *f, uint64_t offset, const char *text,
                           dp_fault *fault)
{
	return in_file(f, fault, dp_fail_offset(fault, DP_BAD_BYTES, offset, "%s", text));
}

// A record that reaches beyond the end of the file, or is of no possible size.
static dp_code end_record(dp_block_files *files, const dp_block_file *f, const dp_chain *chain,
                          uint64_t at, uint32_t size, bool may_end, dp_fault *fault)
{
	static const char cut_off[] =
	    "the file ends in the middle of a block: only the last blkNNNNN.dat "
	    "of a folder, which a node may still be writing, may do so";
	bool has_size = f->size - at >= DP_BLOCK_FRAME_SIZE;
	// An impossible size is no reason to believe that more was to come.
	bool is_possible =
	    !has_size || (size >= DP_BITCOIN_BLOCK_SIZE_MIN && size <= chain->block_size_max);
	if (!is_possible)
		return fail_record(f, at + 4,
		                   size > chain->block_size_max && size <= DP_CHAIN_BLOCK_SIZE_MAX
		                       ? "states an impossible size of the block (Bitcoin Cash has "
		                         "larger ones: if these are its blocks, name the chain)"
		                       : "states an impossible size of the block",
		                   fault);
	if (!may_end) return fail_record(f, at, cut_off, fault);
	files->records_cut++;
	return DP_OK;
}

static dp_code scan_framed(dp_block_files *files, dp_block_index *index, const dp_chain *chain,
                           uint32_t i, dp_fault *fault)
{
	const dp_block_file *f = &files->file[i];
	// Under any other name it is somebody's copy, and incomplete.
	bool may_end = f->is_last && (f->path == NULL || dp_block_files_is_name(f->path));
	uint64_t at = 0;
	while (at < f->size) {
		uint8_t b[SCAN_SIZE] = {0};
		uint64_t rest = f->size - at;
		size_t n = rest < sizeof b ? (size_t)rest : sizeof b;
		DP_TRY(dp_block_reader_read(&files->scanner, b, f, at, n, fault));
		uint32_t magic = load32(b), size = load32(b + 4);
		if (magic != files->magic && dp_block_file_is_reserved(f, at, b))
			return dp_block_files_check_reserved(&files->scanner, f, at, fault);
		if (rest >= 4 && magic != files->magic)
			return fail_record(
			    f, at,
			    "a block should begin here with the mark of its network and "
			    "does not: the file is damaged",
			    fault);
		bool is_whole = rest >= DP_BLOCK_FRAME_SIZE && rest - DP_BLOCK_FRAME_SIZE >= size &&
		                size >= DP_BITCOIN_BLOCK_SIZE_MIN && size <= chain->block_size_max;
		if (!is_whole) return end_record(files, f, chain, at, size, may_end, fault);
		DP_TRY(add_block(files, index, chain, i, at + DP_BLOCK_FRAME_SIZE, size,
		                 b + DP_BLOCK_FRAME_SIZE, fault));
		at += DP_BLOCK_FRAME_SIZE + (uint64_t)size;
	}
	return DP_OK;
}

static dp_code scan_bare(dp_block_files *files, dp_block_index *index, const dp_chain *chain,
                         uint32_t i, dp_fault *fault)
{
	const dp_block_file *f = &files->file[i];
	uint8_t b[SCAN_SIZE - DP_BLOCK_FRAME_SIZE] = {0};
	DP_CHECK(f->size <= DP_CHAIN_BLOCK_SIZE_MAX);
	size_t n = f->size < sizeof b ? (size_t)f->size : sizeof b;
	DP_TRY(dp_block_reader_read(&files->scanner, b, f, 0, n, fault));
	return add_block(files, index, chain, i, 0, (uint32_t)f->size, b, fault);
}

dp_code dp_block_files_scan(dp_block_files *files, dp_block_index *index, const dp_chain *chain,
                            dp_fault *fault)
{
	DP_CHECK(files != NULL && index != NULL && chain != NULL);
	uint32_t count = (uint32_t)files->count;
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < count && code == DP_OK; i++)
		code = files->file[i].is_framed ? scan_framed(files, index, chain, i, fault)
		                                : scan_bare(files, index, chain, i, fault);
	dp_block_reader_done(&files->scanner); // others have readers of their own
	return code;
}

void dp_block_files_done(dp_block_files *files)
{
	DP_CHECK(files != NULL);
	dp_block_reader_done(&files->scanner);
	for (uint64_t i = 0; i < files->count; i++) dp_free(files->file[i].path);
	dp_free(files->file);
	*files = (dp_block_files){0};
}

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
#include "source/blockfile.h"

enum { FRAME_SIZE = 8, ZERO_PIECE = 64 << 10, NAME_MAX_SIZE = 4096 };

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

static dp_code add_file(dp_block_files *files, const char *path, const uint8_t *bytes,
                        uint64_t size, dp_fault *fault)
{
	DP_CHECK((path == NULL) != (bytes == NULL));
	DP_TRY(dp_grow((void **)&files->file, &files->cap, sizeof *files->file, files->count + 1,
	               DP_BLOCKFILE_FILES_MAX, fault));
	dp_block_file f = {.bytes = bytes, .size = size};
	if (path != NULL) {
		f.path = dp_alloc(strlen(path) + 1);
		if (f.path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		memcpy(f.path, path, strlen(path));
	}
	files->file[files->count++] = f;
	return DP_OK;
}

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
	const char *xn = base_name(x->path), *yn = base_name(y->path);
	uint64_t xv = UINT64_MAX, yv = UINT64_MAX;
	bool has_x = number_of(xn, &xv), has_y = number_of(yn, &yv);
	if (has_x != has_y) return has_x ? -1 : 1;
	if (xv != yv) return xv < yv ? -1 : 1;
	return strcmp(xn, yn);
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

static dp_code open_file(dp_block_files *files, int *ret_fd, uint32_t file, dp_fault *fault)
{
	size_t place = 0;
	for (size_t i = 0; i < DP_BLOCK_FILES_OPEN_MAX; i++) {
		if (files->open[i].file == file + 1) {
			files->open[i].last_use = ++files->use_count;
			*ret_fd = files->open[i].fd;
			return DP_OK;
		}
		if (files->open[i].last_use < files->open[place].last_use) place = i;
	}
	const char *path = files->file[file].path;
	DP_CHECK(path != NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return fail_errno(path, fault);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); // a hint; without it, only slower
	if (files->open[place].file != 0) close(files->open[place].fd);
	files->open[place].fd = fd;
	files->open[place].file = file + 1;
	files->open[place].last_use = ++files->use_count;
	*ret_fd = fd;
	return DP_OK;
}

static dp_code read_file(dp_block_files *files, uint8_t *ret_bytes, uint32_t file, uint64_t offset,
                         size_t size, dp_fault *fault)
{
	const dp_block_file *f = &files->file[file];
	int fd = -1;
	DP_TRY(open_file(files, &fd, file, fault));
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

dp_code dp_block_files_read(dp_block_files *files, uint8_t *ret_bytes, uint32_t file,
                            uint64_t offset, size_t size, dp_fault *fault)
{
	static const uint8_t no_key[8];
	DP_CHECK(files != NULL && file < files->count);
	const dp_block_file *f = &files->file[file];
	DP_CHECK(offset <= f->size && size <= f->size - offset);
	if (f->bytes != NULL)
		memcpy(ret_bytes, f->bytes + offset, size);
	else
		DP_TRY(read_file(files, ret_bytes, file, offset, size, fault));
	if (memcmp(f->xor_key, no_key, sizeof no_key) == 0) return DP_OK;
	for (size_t i = 0; i < size; i++) ret_bytes[i] ^= f->xor_key[(offset + i) % 8];
	return DP_OK;
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

// Decides between records and a bare block by the first bytes.
static dp_code look_at(dp_block_files *files, uint32_t i, const dp_chain **ret_chain,
                       dp_fault *fault)
{
	dp_block_file *f = &files->file[i];
	uint8_t head[FRAME_SIZE] = {0};
	size_t n = f->size < sizeof head ? (size_t)f->size : sizeof head;
	*ret_chain = NULL;
	DP_TRY(dp_block_files_read(files, head, i, 0, n, fault));
	const dp_chain *chain = n < 4 ? NULL : dp_chain_by_magic(load32(head));
	if (chain == NULL && n >= 4 && f->path != NULL) {
		uint8_t key[8];
		load_xor_key(key, f->path);
		uint32_t magic = load32(head) ^ load32(key);
		bool is_reserved = magic == 0 && load32(key) != 0; // only zeros, and XORed
		chain = dp_chain_by_magic(magic);
		if (chain != NULL || is_reserved) memcpy(f->xor_key, key, sizeof key);
		if (is_reserved) head[0] = head[1] = head[2] = head[3] = 0;
	}
	uint64_t number;
	bool is_node_file = f->path != NULL && number_of(base_name(f->path), &number);
	f->is_framed = chain != NULL || (is_node_file && (n < 4 || load32(head) == 0));
	*ret_chain = chain;
	if (f->is_framed) return DP_OK;
	bool is_archive = n >= 4 && ((head[0] == 0x1f && head[1] == 0x8b) ||
	                             load32(head) == 0xfd2fb528); // gzip, zstd
	if (is_archive)
		return in_file(f, fault,
		               dp_fail_offset(fault, DP_BAD_BYTES, 0,
		                              "is an archive: unpack it first, for block files are "
		                              "read here and there"));
	if (is_node_file)
		return in_file(f, fault,
		               dp_fail_offset(fault, DP_BAD_BYTES, 0,
		                              "does not begin with the mark of a network we know; "
		                              "if the node XORs its files, xor.dat of their folder "
		                              "must stand beside them"));
	if (f->size >= DP_BITCOIN_BLOCK_SIZE_MIN && f->size <= DP_BITCOIN_BLOCK_SIZE_MAX)
		return DP_OK;
	return in_file(f, fault,
	               dp_fail_offset(fault, DP_BAD_BYTES, 0,
	                              "is no block file: it does not begin with the mark of a "
	                              "network we know, and %llu bytes are no block",
	                              (unsigned long long)f->size));
}

// Bitcoin and its test networks. The chains that parted from it keep its framing, but not its
// rules: Litecoin's blocks have an extension, Dogecoin's a second header, Bitcoin Cash orders
// transactions by their hash.
static bool is_bitcoin(const dp_chain *chain)
{
	DP_CHECK(chain->native != NULL);
	return chain->kind == DP_CHAIN_UTXO &&
	       (strcmp(chain->native, "BTC") == 0 || strcmp(chain->native, "tBTC") == 0);
}

dp_code dp_block_files_look(dp_block_files *files, const dp_chain **ret_chain,
                            const dp_chain *expected, dp_fault *fault)
{
	const dp_chain *chain = expected, *found;
	DP_CHECK(files != NULL && ret_chain != NULL);
	DP_CHECK(files->count <= DP_BLOCKFILE_FILES_MAX);
	for (uint32_t i = 0; i < files->count; i++) {
		DP_TRY(look_at(files, i, &found, fault));
		if (found == NULL || found == chain) continue;
		// Two networks may share a mark: Bitcoin Cash kept Bitcoin's.
		if (chain != NULL && chain->magic == found->magic) continue;
		if (chain != NULL)
			return in_file(&files->file[i], fault,
			               dp_fail_offset(fault, DP_BAD_BYTES, 0,
			                              "holds blocks of %s, not of %s", found->name,
			                              chain->name));
		chain = found;
	}
	if (chain == NULL) chain = dp_chain_find("bitcoin", strlen("bitcoin"));
	DP_CHECK(chain != NULL);
	if (!is_bitcoin(chain))
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "block files of Bitcoin and its test networks can be read, not those of "
		    "%s",
		    chain->name);
	*ret_chain = chain;
	return DP_OK;
}

//- finding the blocks ----------------------------------------------------------------------------

// From `offset` on a file may hold nothing but zeros.
static dp_code check_zeros(dp_block_files *files, uint32_t i, uint64_t offset, dp_fault *fault)
{
	const dp_block_file *f = &files->file[i];
	uint8_t piece[ZERO_PIECE];
	while (offset < f->size) {
		uint64_t rest = f->size - offset;
		size_t n = rest < sizeof piece ? (size_t)rest : sizeof piece;
		DP_TRY(dp_block_files_read(files, piece, i, offset, n, fault));
		for (size_t k = 0; k < n; k++)
			if (piece[k] != 0)
				return in_file(
				    f, fault,
				    dp_fail_offset(fault, DP_BAD_BYTES, offset + k,
				                   "bytes follow the end of the blocks: the "
				                   "file is damaged"));
		offset += n;
	}
	return DP_OK;
}

static dp_code add_block(dp_block_files *files, dp_block_index *index, uint32_t i, uint64_t offset,
                         uint32_t size, const uint8_t *header_bytes, dp_fault *fault)
{
	dp_bitcoin_header header;
	bool is_new;
	DP_CHECK(offset <= files->file[i].size);
	dp_bitcoin_header_decode(&header, header_bytes);
	return dp_block_index_add(index, &is_new, &header, i, offset, size, fault);
}

static dp_code fail_record(const dp_block_file *f, uint64_t offset, const char *text,
                           dp_fault *fault)
{
	return in_file(f, fault, dp_fail_offset(fault, DP_BAD_BYTES, offset, "%s", text));
}

static dp_code scan_framed(dp_block_files *files, dp_block_index *index, const dp_chain *chain,
                           uint32_t i, bool is_last, dp_fault *fault)
{
	static const char cut_off[] =
	    "the file ends in the middle of a block: only the last blkNNNNN.dat, "
	    "which a node may still be writing, may do so";
	const dp_block_file *f = &files->file[i];
	// Under any other name it is somebody's copy, and incomplete.
	bool may_end = is_last && (f->path == NULL || dp_block_files_is_name(f->path));
	uint64_t at = 0;
	while (at < f->size) {
		uint8_t b[FRAME_SIZE + DP_BITCOIN_HEADER_SIZE] = {0};
		uint64_t rest = f->size - at;
		size_t n = rest < sizeof b ? (size_t)rest : sizeof b;
		DP_TRY(dp_block_files_read(files, b, i, at, n, fault));
		uint32_t magic = load32(b), size = load32(b + 4);
		if (magic == 0) return check_zeros(files, i, at, fault);
		if (rest >= 4 && magic != chain->magic)
			return fail_record(
			    f, at,
			    "a block should begin here with the mark of its network and "
			    "does not: the file is damaged",
			    fault);
		if (rest < FRAME_SIZE || rest - FRAME_SIZE < size) {
			// An impossible size is no reason to believe that more was to come.
			bool possible = rest < FRAME_SIZE || (size >= DP_BITCOIN_BLOCK_SIZE_MIN &&
			                                      size <= DP_BITCOIN_BLOCK_SIZE_MAX);
			if (possible && !may_end) return fail_record(f, at, cut_off, fault);
			if (possible) {
				files->records_cut++;
				return DP_OK;
			}
		}
		if (size < DP_BITCOIN_BLOCK_SIZE_MIN || size > DP_BITCOIN_BLOCK_SIZE_MAX)
			return fail_record(f, at + 4, "states an impossible size of the block",
			                   fault);
		DP_TRY(add_block(files, index, i, at + FRAME_SIZE, size, b + FRAME_SIZE, fault));
		at += FRAME_SIZE + (uint64_t)size;
	}
	return DP_OK;
}

dp_code dp_block_files_scan(dp_block_files *files, dp_block_index *index, const dp_chain *chain,
                            dp_fault *fault)
{
	DP_CHECK(files != NULL && index != NULL && chain != NULL);
	uint32_t count = (uint32_t)files->count, last = 0;
	for (uint32_t i = 0; i < count; i++)
		if (files->file[i].is_framed) last = i;
	for (uint32_t i = 0; i < count; i++) {
		const dp_block_file *f = &files->file[i];
		if (f->is_framed) {
			DP_TRY(scan_framed(files, index, chain, i, i == last, fault));
			continue;
		}
		uint8_t header[DP_BITCOIN_HEADER_SIZE];
		DP_CHECK(f->size <= DP_BITCOIN_BLOCK_SIZE_MAX);
		DP_TRY(dp_block_files_read(files, header, i, 0, sizeof header, fault));
		DP_TRY(add_block(files, index, i, 0, (uint32_t)f->size, header, fault));
	}
	return DP_OK;
}

void dp_block_files_done(dp_block_files *files)
{
	DP_CHECK(files != NULL);
	for (size_t i = 0; i < DP_BLOCK_FILES_OPEN_MAX; i++)
		if (files->open[i].file != 0) close(files->open[i].fd);
	for (uint64_t i = 0; i < files->count; i++) dp_free(files->file[i].path);
	dp_free(files->file);
	*files = (dp_block_files){0};
}

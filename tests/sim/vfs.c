// See vfs.h. The rules of a SQLite VFS are those of its own documentation (vfs.html,
// walformat.html):
// levels of locking on a database, and shared memory with eight locks for the WAL. Both are trivial
// within one process.
#include "sim/vfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "support/ledger.h"

enum { FILES_MAX = 32, NAME_MAX_BYTES = 128, SHM_LOCKS = SQLITE_SHM_NLOCK, SHM_REGIONS = 256 };

// A write that was not synced yet; bytes NULL: the file was cut to `at`.
typedef struct change {
	uint64_t at, size;
	uint8_t *bytes;
} change;

typedef struct image {
	uint8_t *bytes;
	uint64_t size, cap;
} image;

// A file by its name. `now` is what the process sees, `safe` what survives anything.
typedef struct file {
	char name[NAME_MAX_BYTES];
	bool exists, is_nameless;
	image now, safe;
	change *change;
	uint32_t changes, change_cap, opens;
	uint32_t shared;
	const void *reserved, *pending, *exclusive; // who has the lock
	void *region[SHM_REGIONS];
	uint32_t regions, maps;
	uint32_t shm_shared[SHM_LOCKS];
	const void *shm_exclusive[SHM_LOCKS];
} file;

typedef struct handle {
	sqlite3_file base;
	file *of;
	int level; // SQLITE_LOCK_*
	bool is_mapped;
	uint16_t shm_shared, shm_exclusive; // bits
} handle;

static struct {
	file *file[FILES_MAX];
	t_rng rng;
	uint32_t sector, trouble;
	int64_t die_after;
	bool is_dead, is_registered;
	uint64_t calls, failures, clock;
} disk;

//- bytes -----------------------------------------------------------------------------------------

static void *checked(void *p)
{
	DP_CHECK(p != NULL); // the simulation's own memory
	return p;
}

static void image_resize(image *m, uint64_t size)
{
	if (size > m->cap) {
		m->cap = size * 2 < 65536 ? 65536 : size * 2;
		m->bytes = checked(realloc(m->bytes, m->cap));
	}
	if (size > m->size) memset(m->bytes + m->size, 0, size - m->size);
	m->size = size;
}

static void image_write(image *m, uint64_t at, const uint8_t *bytes, uint64_t size)
{
	if (at + size > m->size) image_resize(m, at + size);
	memcpy(m->bytes + at, bytes, size);
}

static void image_copy(image *to, const image *from)
{
	image_resize(to, from->size);
	if (from->size > 0) memcpy(to->bytes, from->bytes, from->size);
}

static void note_change(file *f, uint64_t at, const void *bytes, uint64_t size)
{
	if (f->is_nameless) return;
	if (f->changes == f->change_cap) {
		f->change_cap = f->change_cap == 0 ? 64 : 2 * f->change_cap;
		f->change = checked(realloc(f->change, f->change_cap * sizeof *f->change));
	}
	change *c = &f->change[f->changes++];
	*c = (change){.at = at, .size = size};
	if (bytes == NULL) return;
	c->bytes = checked(malloc(size + 1));
	memcpy(c->bytes, bytes, size);
}

static void drop_changes(file *f)
{
	for (uint32_t i = 0; i < f->changes; i++) free(f->change[i].bytes);
	f->changes = 0;
}

static void make_safe(file *f, const change *c)
{
	if (c->bytes == NULL)
		image_resize(&f->safe, c->at);
	else
		image_write(&f->safe, c->at, c->bytes, c->size);
}

//- chances ---------------------------------------------------------------------------------------

// Before every call that changes something. False: it must fail now.
static bool may_change(void)
{
	if (disk.is_dead) return false;
	disk.calls++;
	if (disk.die_after >= 0 && disk.die_after-- == 0) {
		s_disk_kill();
		return false;
	}
	if (disk.trouble > 0 && t_below(&disk.rng, 10000) < disk.trouble) {
		disk.failures++;
		return false;
	}
	return true;
}

// Of one write: any of its sectors. The sectors are the file's, not the write's.
static void make_some_safe(file *f, const change *c, uint32_t percent)
{
	if (c->bytes == NULL) {
		if (t_below(&disk.rng, 100) < percent) make_safe(f, c);
		return;
	}
	for (uint64_t at = c->at; at < c->at + c->size;) {
		uint64_t end = (at / disk.sector + 1) * disk.sector;
		if (end > c->at + c->size) end = c->at + c->size;
		if (t_below(&disk.rng, 100) < percent)
			image_write(&f->safe, at, c->bytes + (at - c->at), end - at);
		at = end;
	}
}

static void lose_power(file *f)
{
	uint32_t mode = t_below(&disk.rng, 4);
	uint32_t whole = mode == 0   ? 0
	                 : mode == 1 ? f->changes
	                             : t_below(&disk.rng, f->changes + 1);
	for (uint32_t i = 0; i < f->changes; i++) {
		if (mode < 3 && i < whole)
			make_safe(f, &f->change[i]);
		else if (mode == 3 || (mode == 2 && i == whole))
			make_some_safe(f, &f->change[i], 50);
	}
}

//- one file --------------------------------------------------------------------------------------

static int x_read(sqlite3_file *base, void *out, int size, sqlite3_int64 at)
{
	const file *f = ((handle *)base)->of;
	if (disk.is_dead) return SQLITE_IOERR_READ;
	uint64_t have = (uint64_t)at < f->now.size ? f->now.size - (uint64_t)at : 0;
	uint64_t n = have < (uint64_t)size ? have : (uint64_t)size;
	if (n > 0) memcpy(out, f->now.bytes + at, n);
	if (n == (uint64_t)size) return SQLITE_OK;
	memset((uint8_t *)out + n, 0, (uint64_t)size - n);
	return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 at)
{
	file *f = ((handle *)base)->of;
	bool was_alive = !disk.is_dead;
	if (!may_change()) {
		// A disk that fails, or a process that dies, may have written the beginning.
		uint64_t part = was_alive ? t_below(&disk.rng, (uint32_t)size + 1) : 0;
		if (part > 0) {
			image_write(&f->now, (uint64_t)at, bytes, part);
			note_change(f, (uint64_t)at, bytes, part);
		}
		return part % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	}
	image_write(&f->now, (uint64_t)at, bytes, (uint64_t)size);
	note_change(f, (uint64_t)at, bytes, (uint64_t)size);
	return SQLITE_OK;
}

static int x_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	file *f = ((handle *)base)->of;
	if (!may_change()) return SQLITE_IOERR_TRUNCATE;
	image_resize(&f->now, (uint64_t)size);
	note_change(f, (uint64_t)size, NULL, 0);
	return SQLITE_OK;
}

static int x_sync(sqlite3_file *base, int flags)
{
	file *f = ((handle *)base)->of;
	(void)flags;
	if (!may_change()) return SQLITE_IOERR_FSYNC;
	for (uint32_t i = 0; i < f->changes; i++) make_safe(f, &f->change[i]);
	drop_changes(f);
	return SQLITE_OK;
}

static int x_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
	if (disk.is_dead) return SQLITE_IOERR_FSTAT;
	*ret_size = (sqlite3_int64)((handle *)base)->of->now.size;
	return SQLITE_OK;
}

static int x_lock(sqlite3_file *base, int level)
{
	handle *h = (handle *)base;
	file *f = h->of;
	if (disk.is_dead) return SQLITE_IOERR_LOCK;
	if (h->level >= level) return SQLITE_OK;
	if (h->level == SQLITE_LOCK_NONE) {
		if (f->pending != NULL || f->exclusive != NULL) return SQLITE_BUSY;
		f->shared++;
		h->level = SQLITE_LOCK_SHARED;
	}
	if (level >= SQLITE_LOCK_RESERVED && h->level < SQLITE_LOCK_RESERVED) {
		if (f->reserved != NULL || f->pending != NULL) return SQLITE_BUSY;
		f->reserved = h;
		h->level = SQLITE_LOCK_RESERVED;
	}
	if (level < SQLITE_LOCK_EXCLUSIVE) return SQLITE_OK;
	if (f->pending != NULL && f->pending != h) return SQLITE_BUSY;
	f->pending = h;
	h->level = SQLITE_LOCK_PENDING;
	if (f->shared > 1) return SQLITE_BUSY;
	f->exclusive = h;
	h->level = SQLITE_LOCK_EXCLUSIVE;
	return SQLITE_OK;
}

static int x_unlock(sqlite3_file *base, int level)
{
	handle *h = (handle *)base;
	file *f = h->of;
	if (f->reserved == h) f->reserved = NULL;
	if (f->pending == h) f->pending = NULL;
	if (f->exclusive == h) f->exclusive = NULL;
	if (level == SQLITE_LOCK_NONE && h->level >= SQLITE_LOCK_SHARED) f->shared--;
	if (h->level > level) h->level = level;
	return SQLITE_OK;
}

static int x_check_reserved(sqlite3_file *base, int *ret_is)
{
	*ret_is = ((handle *)base)->of->reserved != NULL;
	return SQLITE_OK;
}

static int x_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int x_sector(sqlite3_file *base)
{
	(void)base;
	return (int)disk.sector;
}

// Nothing is promised: not that a write within a sector leaves the rest of it alone.
static int x_promises(sqlite3_file *base)
{
	(void)base;
	return 0;
}

//- shared memory ---------------------------------------------------------------------------------

static int x_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
	handle *h = (handle *)base;
	file *f = h->of;
	*ret = NULL;
	if (disk.is_dead) return SQLITE_IOERR_SHMMAP;
	DP_CHECK(region >= 0 && region < SHM_REGIONS);
	if (!h->is_mapped) f->maps++;
	h->is_mapped = true;
	while (extend != 0 && f->regions <= (uint32_t)region)
		f->region[f->regions++] = checked(calloc(1, (size_t)size));
	if ((uint32_t)region < f->regions) *ret = f->region[region];
	return SQLITE_OK;
}

static int x_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
	handle *h = (handle *)base;
	file *f = h->of;
	bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
	if ((flags & SQLITE_SHM_LOCK) != 0 && disk.is_dead) return SQLITE_IOERR_SHMLOCK;
	for (int i = first; i < first + count && (flags & SQLITE_SHM_LOCK) != 0; i++) {
		bool mine = (h->shm_shared >> i & 1) != 0;
		if (f->shm_exclusive[i] != NULL && f->shm_exclusive[i] != h) return SQLITE_BUSY;
		if (!is_shared && f->shm_shared[i] > (mine ? 1u : 0u)) return SQLITE_BUSY;
	}
	for (int i = first; i < first + count; i++) {
		uint16_t bit = (uint16_t)(1u << i);
		if ((flags & SQLITE_SHM_LOCK) != 0 && is_shared && (h->shm_shared & bit) == 0) {
			h->shm_shared |= bit;
			f->shm_shared[i]++;
		} else if ((flags & SQLITE_SHM_LOCK) != 0 && !is_shared) {
			h->shm_exclusive |= bit;
			f->shm_exclusive[i] = h;
		} else if ((flags & SQLITE_SHM_UNLOCK) != 0) {
			if ((h->shm_shared & bit) != 0) f->shm_shared[i]--;
			if ((h->shm_exclusive & bit) != 0) f->shm_exclusive[i] = NULL;
			h->shm_shared &= (uint16_t)~bit;
			h->shm_exclusive &= (uint16_t)~bit;
		}
	}
	return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int x_shm_unmap(sqlite3_file *base, int also_delete)
{
	handle *h = (handle *)base;
	file *f = h->of;
	(void)also_delete;
	if (!h->is_mapped) return SQLITE_OK;
	(void)x_shm_lock(base, 0, SHM_LOCKS, SQLITE_SHM_UNLOCK);
	h->is_mapped = false;
	if (--f->maps > 0) return SQLITE_OK;
	for (uint32_t i = 0; i < f->regions; i++) free(f->region[i]);
	f->regions = 0;
	return SQLITE_OK;
}

//- the folder ------------------------------------------------------------------------------------

static void free_file(file *f)
{
	drop_changes(f);
	free(f->change);
	free(f->now.bytes);
	free(f->safe.bytes);
	free(f);
}

static int x_close(sqlite3_file *base)
{
	handle *h = (handle *)base;
	file *f = h->of;
	(void)x_shm_unmap(base, 0);
	(void)x_unlock(base, SQLITE_LOCK_NONE);
	f->opens--;
	if (f->is_nameless) free_file(f);
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_promises,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static file *find_file(const char *name)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (disk.file[i] != NULL && strcmp(disk.file[i]->name, name) == 0)
			return disk.file[i];
	return NULL;
}

static file *new_file(const char *name)
{
	int at = 0;
	file *f = checked(calloc(1, sizeof *f));
	f->is_nameless = name == NULL;
	if (name == NULL) return f;
	while (at < FILES_MAX && disk.file[at] != NULL) at++;
	DP_CHECK(at < FILES_MAX && strlen(name) < NAME_MAX_BYTES);
	memcpy(f->name, name, strlen(name) + 1);
	disk.file[at] = f;
	return f;
}

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
	handle *h = (handle *)base;
	(void)vfs;
	memset(h, 0, sizeof *h);
	if (disk.is_dead) return SQLITE_CANTOPEN;
	file *f = name != NULL ? find_file(name) : NULL;
	if (f == NULL || !f->exists) {
		if ((flags & SQLITE_OPEN_CREATE) == 0 && name != NULL) return SQLITE_CANTOPEN;
		if (name != NULL && !may_change()) return SQLITE_CANTOPEN;
		if (f == NULL) f = new_file(name);
		f->exists = true;
	}
	f->opens++;
	h->of = f;
	h->base.pMethods = &methods;
	if (ret_flags != NULL) *ret_flags = flags;
	return SQLITE_OK;
}

// A name that is gone stays gone: what SQLite does behind deleting a journal counts on it only
// where it asked for the folder to be synced, and is right either way.
static int x_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	file *f = find_file(name);
	(void)vfs;
	(void)sync_folder;
	if (f == NULL || !f->exists) return SQLITE_IOERR_DELETE_NOENT;
	if (!may_change()) return SQLITE_IOERR_DELETE;
	f->exists = false;
	drop_changes(f);
	f->now.size = f->safe.size = 0;
	return SQLITE_OK;
}

static int x_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_is)
{
	const file *f = find_file(name);
	(void)vfs;
	(void)flags;
	if (disk.is_dead) return SQLITE_IOERR_ACCESS;
	*ret_is = f != NULL && f->exists;
	return SQLITE_OK;
}

static int x_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	if ((int)strlen(name) + 1 > size) return SQLITE_CANTOPEN;
	memcpy(out, name, strlen(name) + 1);
	return SQLITE_OK;
}

static int x_randomness(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	for (int i = 0; i < size; i++) out[i] = (char)t_rand(&disk.rng);
	return size;
}

static int x_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int x_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
	(void)vfs;
	*ret_ms = 212589072000000 + (sqlite3_int64)disk.clock++;
	return SQLITE_OK;
}

static int x_time_days(sqlite3_vfs *vfs, double *ret_days)
{
	(void)vfs;
	*ret_days = 2460735.5;
	return SQLITE_OK;
}

static int x_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	if (size > 0) out[0] = 0;
	return 0;
}

static sqlite3_vfs shim = {
    .iVersion = 2,
    .szOsFile = sizeof(handle),
    .mxPathname = NAME_MAX_BYTES - 16,
    .zName = "sim",
    .xOpen = x_open,
    .xDelete = x_delete,
    .xAccess = x_access,
    .xFullPathname = x_full_name,
    .xRandomness = x_randomness,
    .xSleep = x_sleep,
    .xCurrentTime = x_time_days,
    .xGetLastError = x_last_error,
    .xCurrentTimeInt64 = x_time,
};

//- for the world ---------------------------------------------------------------------------------

void s_disk_make(uint64_t seed, uint32_t sector)
{
	DP_CHECK(sector >= 512);
	s_disk_done();
	if (!disk.is_registered) DP_CHECK(sqlite3_vfs_register(&shim, 1) == SQLITE_OK);
	disk.is_registered = true;
	disk.rng = (t_rng){seed};
	disk.sector = sector;
	disk.die_after = -1;
	disk.trouble = 0;
	disk.is_dead = false;
	disk.calls = disk.failures = disk.clock = 0;
	// SQLite's own chances are drawn anew from this disk's.
	sqlite3_randomness(0, NULL);
}

void s_disk_done(void)
{
	for (int i = 0; i < FILES_MAX; i++) {
		if (disk.file[i] == NULL) continue;
		DP_CHECK(disk.file[i]->opens == 0);
		free_file(disk.file[i]);
		disk.file[i] = NULL;
	}
}

void s_disk_trouble(uint32_t per_10000)
{
	disk.trouble = per_10000;
}

void s_disk_die_after(int64_t calls)
{
	disk.die_after = calls;
}

void s_disk_kill(void)
{
	disk.is_dead = true;
	disk.die_after = -1;
}

bool s_disk_is_dead(void)
{
	return disk.is_dead;
}

void s_disk_restart(bool power_lost)
{
	for (int i = 0; i < FILES_MAX; i++) {
		file *f = disk.file[i];
		if (f == NULL) continue;
		DP_CHECK(f->opens == 0 && f->maps == 0);
		if (power_lost && f->exists) {
			lose_power(f);
			drop_changes(f);
			image_copy(&f->now, &f->safe);
		}
	}
	disk.is_dead = false;
	disk.die_after = -1;
}

uint64_t s_disk_calls(void)
{
	return disk.calls;
}

uint64_t s_disk_failures(void)
{
	return disk.failures;
}

uint64_t s_disk_bytes(void)
{
	uint64_t sum = 0;
	for (int i = 0; i < FILES_MAX; i++)
		if (disk.file[i] != NULL) sum += disk.file[i]->now.size;
	return sum;
}

uint64_t s_disk_digest(void)
{
	uint64_t h = disk.calls * 31 + disk.failures;
	for (int i = 0; i < FILES_MAX; i++) {
		const file *f = disk.file[i];
		for (uint64_t k = 0; f != NULL && f->exists && k < f->now.size; k++)
			h = (h ^ f->now.bytes[k]) * 1099511628211u;
	}
	return h;
}

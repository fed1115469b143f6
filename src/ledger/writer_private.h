// What the files of the writer share. The whole picture stands at the top of writer.c.
#ifndef DP_LEDGER_WRITER_PRIVATE_H
#define DP_LEDGER_WRITER_PRIVATE_H

#include <pthread.h>

#include "ledger/build.h"
#include "ledger/tail.h"
#include "ledger/writer.h"

enum {
	DP_WRITER_THREADS_MAX = 16,
	DP_WRITER_UNIT_ENDS_MAX = 1 << 20,
	DP_WRITER_FLUSH = 4 << 20, // bytes of the tail that are gathered before they are written
	DP_WRITER_ROW_COST = 64    // bytes that a build takes for a row, about
};
#define DP_WRITER_ITEMS_MAX ((uint64_t)1 << 31)

// A block that waits to be sealed.
typedef struct dp_writer_item {
	uint8_t *payload; // its record (record.h); NULL once a builder has taken it in
	uint64_t size;
	uint64_t framed; // bytes in the tail file; 0: it is not there
	uint32_t inputs;
	bool ends_unit;
} dp_writer_item;

// A segment, opened when it is first needed: a damaged one must not keep the writer from opening,
// for it is the writer that repairs it.
typedef struct dp_writer_sealed {
	dp_segment *segment;
	dp_spent spent;
	bool spent_is_open, spent_is_dirty;
} dp_writer_sealed;

// One segment to be built: `unit_new - unit_first` units out of the segments that it replaces, the
// others out of items.
typedef struct dp_writer_job {
	struct dp_writer_job *next;
	uint64_t seq;
	uint64_t unit_first, unit_new, unit_end;
	dp_build_begin begin; // of unit_new
	dp_writer_item *item;
	uint64_t count;
	uint64_t block_end; // number of the block behind its last
	uint64_t bytes;     // that it counts for in busy_bytes
	bool commits;       // the last of its plan: writes the manifest
} dp_writer_job;

struct dp_writer {
	const dp_chain *chain;
	bool utxo;
	char folder[DP_PATH_MAX]; // of the chain
	int lock_fd;              // -1: not held
	uint32_t threads;
	uint64_t memory_max, unit_rows, final_blocks;

	// Segments. They belong to the job whose turn it is; to the caller when no job is under
	// way.
	dp_manifest manifest; // ahead of the file between the jobs of one plan
	dp_writer_sealed *sealed;
	uint64_t sealed_cap;
	dp_segment **open; // the first open_count of them, as join and spends want them
	uint64_t open_count, open_cap;
	dp_build_begin sealed_end;     // the numbers behind the last segment
	dp_manifest_segment *replaced; // to be removed once the manifest is written
	uint64_t replaced_count, replaced_cap;

	// What waits: the caller's.
	dp_writer_item *item;
	uint64_t count, cap;
	uint64_t *unit_end; // of each whole unit that waits: the index behind its last item
	uint64_t unit_count, unit_cap;
	uint64_t open_rows;           // behind the last whole unit
	uint64_t waiting_bytes;       // of payloads
	dp_build_begin waiting_begin; // of the first item (behind all jobs)
	dp_build_begin end;           // behind the last item
	dp_bytes_out scratch;
	bool has_last;
	uint64_t last_height;
	uint8_t last_hash[32];
	dp_fault damage; // code set: the last block could not be read, so nothing may be appended
	bool tail_is_damaged; // that is why; a truncation that gives the tail up mends it

	// The tail file: under `disk`, which also covers the manifest's replacement.
	pthread_mutex_t disk;
	bool disk_is_made;
	bool log_is_open;
	dp_file_log log;
	uint64_t tail_unit;  // that names the file
	uint64_t tail_begin; // bytes before the first record
	uint64_t tail_block; // number of the first block in the file
	uint64_t tail_end;   // number of the block behind the last in it
	uint64_t tail_skip;  // bytes of its blocks that are in segments not named yet

	// Jobs: under `lock`.
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool lock_is_made, changed_is_made;
	pthread_t thread[DP_WRITER_THREADS_MAX];
	uint32_t thread_count;
	dp_writer_job *first, *last; // not begun yet
	uint64_t seq_next;           // of the next job that is handed over
	uint64_t turn;               // seq of the job that may write
	uint64_t done;               // jobs that are over
	uint64_t busy_bytes;
	bool stop;
	bool failed;
	dp_fault fault; // of the first failure

	// A segment that is being repaired (writer_repair.c).
	struct dp_writer_repair *repair;
};

//- writer.c --------------------------------------------------------------------------------------

// Every public function begins with it: what a builder could not do is told there.
DP_MUST dp_code dp_writer_check(dp_writer *w, dp_fault *fault);
// Keeps a failure that leaves the writer only fit to be closed; returns its code.
dp_code dp_writer_fail(dp_writer *w, dp_code code, dp_fault *fault);
// Appends an item to what waits; `payload` is taken over on success.
DP_MUST dp_code dp_writer_push(dp_writer *w, uint8_t *payload, uint64_t size, uint64_t framed,
                               uint32_t inputs, dp_fault *fault);
dp_record_head dp_writer_head(const dp_writer_item *item);
// Forgets the items from `keep` on.
void dp_writer_pop(dp_writer *w, uint64_t keep);
// Makes `last` true again after blocks were taken off.
void dp_writer_find_last(dp_writer *w);
// A block as an item, in order, for dp_writer_read_back.
typedef dp_code (*dp_writer_take)(void *context, uint8_t *payload, uint64_t size, uint32_t inputs,
                                  dp_fault *fault);

//- writer_seal.c ---------------------------------------------------------------------------------

void dp_writer_threads_stop(dp_writer *w);
// Waits until no job is under way; then all that the caller's thread may not touch is its own.
DP_MUST dp_code dp_writer_drain(dp_writer *w, dp_fault *fault);
// Hands units over to builders: those below unit_end, in segments as format.h demands.
DP_MUST dp_code dp_writer_plan(dp_writer *w, uint64_t unit_end, dp_fault *fault);
// Gathers records until they are a unit, which goes into a build. Zero but for the first two.
typedef struct dp_gather {
	dp_build *build;
	uint64_t unit_rows;
	uint8_t **payload;
	uint64_t *size;
	uint64_t count, payload_cap, size_cap;
	uint64_t rows, units;
} dp_gather;
// A dp_writer_take; takes the payload over, on failure too.
DP_MUST dp_code dp_gather_take(void *gather, uint8_t *payload, uint64_t size, uint32_t inputs,
                               dp_fault *fault);
void dp_gather_done(dp_gather *g); // not the build
// The units, from 0, that may be sealed.
uint64_t dp_writer_final_units(const dp_writer *w);
// Waits, or seals early, when too much waits.
DP_MUST dp_code dp_writer_make_room(dp_writer *w, dp_fault *fault);

//- writer_open.c ---------------------------------------------------------------------------------

// Removes what an interrupted writer left behind, and what it wrote into .spent files of segments
// that were never named.
DP_MUST dp_code dp_writer_clean(dp_writer *w, dp_fault *fault);
DP_MUST dp_code dp_writer_remove(const dp_writer *w, const dp_manifest_segment *s, dp_fault *fault);
DP_MUST dp_code dp_writer_path(const dp_writer *w, char out[DP_PATH_MAX], uint64_t unit_first,
                               uint64_t unit_count, const char *ending, dp_fault *fault);

//- writer_tail.c ---------------------------------------------------------------------------------

DP_MUST dp_code dp_writer_tail_load(dp_writer *w, dp_fault *fault);
// Appends what is not in the tail file yet, and syncs it.
DP_MUST dp_code dp_writer_tail_commit(dp_writer *w, dp_fault *fault);
// Gives a damaged tail up.
DP_MUST dp_code dp_writer_tail_drop(dp_writer *w, dp_fault *fault);
// The file holds only the first `keep` of what waits.
DP_MUST dp_code dp_writer_tail_cut(dp_writer *w, uint64_t keep, dp_fault *fault);
// A new tail file, behind other units, written and synced; the old one stays until the manifest is
// written and dp_writer_tail_forget is called with what this one returned.
typedef struct dp_writer_tail_old {
	bool exists;
	uint64_t unit;
} dp_writer_tail_old;
DP_MUST dp_code dp_writer_tail_move(dp_writer *w, dp_writer_tail_old *ret_old, uint64_t unit,
                                    uint64_t block, uint64_t skip_bytes, dp_fault *fault);
DP_MUST dp_code dp_writer_tail_rewrite(dp_writer *w, dp_writer_tail_old *ret_old, uint64_t unit,
                                       uint64_t block, dp_fault *fault);
DP_MUST dp_code dp_writer_tail_forget(dp_writer *w, const dp_writer_tail_old *old, dp_fault *fault);

//- writer_back.c: segments read back, and taken back --------------------------------------------

DP_MUST dp_code dp_writer_segment(dp_writer *w, dp_segment **ret_segment, uint64_t index,
                                  dp_fault *fault);
DP_MUST dp_code dp_writer_spent(dp_writer *w, dp_spent **ret_spent, uint64_t index,
                                dp_fault *fault);
// Opens the first `count` segments and, `spents`, their .spent files; w->open is filled so far.
DP_MUST dp_code dp_writer_open_all(dp_writer *w, uint64_t count, bool spents, dp_fault *fault);
void dp_writer_sealed_close(dp_writer_sealed *s);
// Calls `take` for each block of a segment, in order, up to a height.
DP_MUST dp_code dp_writer_read_back(dp_writer *w, uint64_t index, uint64_t height_max,
                                    dp_writer_take take, void *context, dp_fault *fault);
// Takes the segments from `index` on back: their blocks up to a height wait again, and what waited
// stays so up to that height. Durable when it returns. No job may be under way.
DP_MUST dp_code dp_writer_unseal(dp_writer *w, uint64_t index, bool any, uint64_t height_max,
                                 dp_fault *fault);
dp_build_begin dp_writer_begin_of(const dp_writer *w, uint64_t index);

//- writer_spent.c --------------------------------------------------------------------------------

// Marks what a segment's transactions (from `tx_first` on, local) spent, in w->sealed. `index`: of
// the segment in w->sealed; all before it and itself are open.
DP_MUST dp_code dp_writer_spend(dp_writer *w, uint64_t index, uint32_t tx_first, dp_fault *fault);
DP_MUST dp_code dp_writer_spent_sync(dp_writer *w, dp_fault *fault);
// Takes out of the .spent files what the transactions of a segment, which is not (or no longer)
// named, wrote there: entries that name transactions behind sealed_end.
DP_MUST dp_code dp_writer_unspend(dp_writer *w, dp_segment *s, dp_fault *fault);
// The same without the segment: looks at every entry of every file.
DP_MUST dp_code dp_writer_unspend_all(dp_writer *w, dp_fault *fault);
// The .spent file of segment `index`, made again out of the segments. Replaces it.
DP_MUST dp_code dp_writer_spent_rebuild(dp_writer *w, uint64_t index, dp_fault *fault);

//- writer_repair.c -------------------------------------------------------------------------------

void dp_writer_repair_done(dp_writer *w); // gives a repair up; none is fine

//- writer_pack.c ---------------------------------------------------------------------------------

// Finishes a packing that was interrupted after the manifest had been written.
DP_MUST dp_code dp_writer_pack_finish(dp_writer *w, dp_fault *fault);

// Writes a segment file again, packed or unpacked, under another name.
DP_MUST dp_code dp_segment_repack(dp_segment *s, const char *to, bool pack,
                                  uint8_t ret_header_check[16], dp_fault *fault);
// Renames, and syncs the folder.
DP_MUST dp_code dp_writer_put_in_place(dp_writer *w, const char *from, const char *to,
                                       dp_fault *fault);

#endif

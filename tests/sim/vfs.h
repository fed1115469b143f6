// A disk for the simulated world: files in memory behind SQLite's own interface, which fail, fill
// up and lose power when the world says so.
//
// There is one disk, as there is one process. What was written and not synced yet is kept as a list
// of writes: a crash of the process leaves all of them, a loss of power any subset of their
// sectors.
// While the process is dead every call fails and changes nothing, so that what still runs in it (it
// has to free its memory) leaves no trace.
//
// Nothing hangs on addresses, real time or threads: the same seed gives the same disk.
#ifndef S_VFS_H
#define S_VFS_H

#include <stdbool.h>
#include <stdint.h>

// An empty disk of its own chances. The first call makes it SQLite's default.
void s_disk_make(uint64_t seed, uint32_t sector);
void s_disk_done(void); // frees what is on it; all files are closed by then
// Of 10,000 changing calls (write, sync, truncate) so many fail from here on.
void s_disk_trouble(uint32_t per_10000);
// The process dies within the n-th changing call from here on; negative: it does not.
void s_disk_die_after(int64_t calls);
void s_disk_kill(void); // now
bool s_disk_is_dead(void);
// All files are closed. What was not synced is lost or torn where the power was.
void s_disk_restart(bool power_lost);
uint64_t s_disk_calls(void);    // changing ones so far
uint64_t s_disk_failures(void); // of them
uint64_t s_disk_bytes(void);    // on it
// By which a run is compared with its repetition.
uint64_t s_disk_digest(void);

#endif

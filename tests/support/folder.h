// Folders of tests: made, removed, copied and compared file by file.
#ifndef T_FOLDER_H
#define T_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

enum { T_PATH_MAX = 512 };

// A new empty folder below $TMPDIR, or in memory, where syncing is free: what a killed process
// leaves is the same there. On machines without that below /tmp.
void t_folder_make(char out[T_PATH_MAX]);
void t_folder_remove(const char *path); // with all that is in it
void t_folder_copy(const char *to, const char *from);
// Are the files of both, but for `except`, the same byte for byte? Prints the first that is not.
bool t_folder_same(const char *a, const char *b, const char *except);
uint64_t t_folder_files(const char *path, const char *ending); // how many there are

#endif

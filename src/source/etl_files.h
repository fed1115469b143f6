// The files of an ethereum-etl export that paths name: files as they are, folders with all that
// stands in them. A private part of ethereum_etl.c.
#ifndef DP_SOURCE_ETL_FILES_H
#define DP_SOURCE_ETL_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum { DP_ETL_FILES_MAX = 1 << 18, DP_ETL_FOLDER_DEPTH_MAX = 8 };

typedef struct dp_etl_files {
	struct dp_etl_path {
		char *path;
		bool is_named; // by the user: then it must be of an export
	} * at;
	uint64_t count, cap;
} dp_etl_files;

// Files of folders come in the order of their names. Hidden files and folders are left out
// (ethereum-etl keeps scratch files in .tmp), and so is what no export is called.
DP_MUST dp_code dp_etl_files_find(dp_etl_files *f, const char *path, dp_fault *fault);
void dp_etl_files_done(dp_etl_files *f);

// Does the folder hold files of an export? Looks at a few only.
bool dp_etl_files_folder(const char *path);

#endif

// What the readers of OFAC's lists share: one entry (a person, a company, a ship) with the
// addresses listed under it, and how it becomes tags. Private to this room.
//
// OFAC (the sanctions office of the US Treasury) publishes one list in several forms; the same
// facts must give the same tags, whichever form they were read from. So the readers only take the
// forms apart, and everything that is said about a tag is said here, once.
#ifndef DP_TAG_OFAC_H
#define DP_TAG_OFAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "tag/tag.h"

enum { DP_OFAC_UID_MAX = 32 };
enum { DP_OFAC_MEMORY_MAX = 64 << 20 }; // of what a reader holds; all of 2026's list takes 300 KB

// One address under an entry. `asset` is the suffix of its kind: "XBT" of "Digital Currency
// Address - XBT".
typedef struct dp_ofac_address {
	struct dp_ofac_address *next;
	const char *asset, *text;
	uint32_t line;
	const char *hint; // what to add to a complaint about it; "" for nothing
} dp_ofac_address;

typedef struct dp_ofac_entry {
	const char *uid;                 // OFAC's number of the entry
	const char *name;                // "YAN, Xiaobing"; "" when there is none
	const char *type;                // "individual", "entity", "vessel", "aircraft" or ""
	const char *program;             // ", " between several
	dp_ofac_address *address, *last; // in the order of the file
} dp_ofac_entry;

typedef struct dp_ofac {
	const char *path, *kind; // kind: name of the reader
	const dp_tag_defaults *defaults;
	const dp_tag_sink *sink;
	int64_t date;       // of the issue, as far as it is known yet
	bool is_begun;      // the list was handed over
	bool is_partial;    // this form does not have all entries
	uint64_t addresses; // found, good and bad
} dp_ofac;

// Takes "Digital Currency Address - XBT" apart; false when it is something else. The suffix is
// [A-Z0-9]+; *ret_asset points into `text`.
bool dp_ofac_asset(const char **ret_asset, size_t *ret_asset_size, const char *text, size_t n);

// Adds an address to an entry. Everything is copied into `arena`. Blanks around it are left out.
DP_MUST dp_code dp_ofac_add(dp_ofac_entry *entry, dp_arena *arena, const char *asset,
                            size_t asset_size, const char *text, size_t n, uint32_t line,
                            dp_fault *fault);

// Appends a name to `list` (of `size` bytes), `between` before it unless it is the first. What does
// not fit is left out whole.
void dp_ofac_join(char *list, size_t size, const char *between, const char *text, size_t n);

// The same for a program, unless the list has it.
void dp_ofac_join_program(char *list, size_t size, const char *text, size_t n);

// Hands over the list, once; then an entry's addresses, each as a tag or a complaint.
DP_MUST dp_code dp_ofac_begin(dp_ofac *o, dp_fault *fault);
DP_MUST dp_code dp_ofac_give(dp_ofac *o, const dp_ofac_entry *entry, dp_fault *fault);
// The end of the file: the list where it had no entry, and a warning when it had no address: an
// issue without addresses takes everything off its list.
DP_MUST dp_code dp_ofac_end(dp_ofac *o, dp_fault *fault);

DP_MUST dp_code dp_ofac_complain(const dp_ofac *o, uint32_t line, bool is_warning, dp_fault *fault,
                                 const char *format, ...) DP_PRINTF(5, 6);

#endif

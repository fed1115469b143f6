// Stolen money by address: what casebooks say of who holds it and who ever held it, in memory, for
// asking a million times. Made once from any number of casebooks, then only read.
//
//   places   addresses, in a table by dp_addr_key, and where their records begin
//   records  one an address, case, stolen asset and asset held; those of one address together
//   points   each change of what a record holds, in order of time: what it held at any date is the
//            last point at or before it, exactly. The last one of all, which is what nearly every
//            question is about, stands in the record
//
// A casebook that is being written to can be read: what is seen is its last commit.
#ifndef DP_SCREEN_HELD_H
#define DP_SCREEN_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/chain.h"

typedef struct dp_held dp_held;

enum {
	DP_HELD_CASES_MAX = 100000,
	DP_HELD_EVENTS_MAX = 1 << 27, // flows and parcels of all casebooks together
	DP_HELD_PLACES_MAX = 1 << 26
};

typedef struct dp_held_case {
	const char *incident, *title, *policy, *casebook;
	const dp_chain *chain;
	uint32_t run;       // cases that were followed together, with one policy, have the same
	bool is_conserving; // else the policy tells reach, not amounts (poison)
	int64_t time;       // of the last block followed
	uint64_t height;
} dp_held_case;

typedef struct dp_held_point {
	int64_t time;
	dp_u128 units, origin; // held from then on; arrivals: arrived so far
	// The most it held at one time until then, of one block too: what goes out and comes back
	// is not twice as much, and what came later is not known yet.
	dp_u128 most_units, most_origin;
} dp_held_point;

typedef struct dp_held_record {
	uint32_t case_no;
	uint32_t point_first, point_count; // without the last
	dp_asset stolen, asset;            // what was stolen; what it is now
	uint16_t hops;                     // transactions from the theft
	bool is_arrival;                   // a service at which following stopped: nothing is held
	bool has_tx;
	int64_t since;  // when the first came
	uint8_t tx[32]; // with which transaction
	// At the end: what it holds of the case (tainted units, and units of the theft they stand
	// for), and what it holds in all as far as the casebook knows.
	dp_u128 units, origin, all_units;
	bool has_last; // else nothing ever came
	dp_held_point last;
} dp_held_record;

DP_MUST dp_code dp_held_load(dp_held **ret_held, const char *const *path, uint32_t count,
                             dp_fault *fault);
void dp_held_free(dp_held *h); // NULL is fine

// The records of an address; NULL and 0: none.
const dp_held_record *dp_held_find(const dp_held *h, const dp_addr *addr, uint32_t *ret_count);
// The same in three steps, for many questions at once, as dp_tags_ask; `key` is dp_addr_key of the
// address, which is one of a chain.
typedef struct dp_held_question {
	uint64_t key;
	uint32_t place, count;
	const dp_held_record *record;
} dp_held_question;
void dp_held_ask(const dp_held *h, dp_held_question *ret_question, const dp_addr *addr);
void dp_held_ask_place(const dp_held *h, dp_held_question *io_question);
void dp_held_ask_records(const dp_held *h, dp_held_question *io_question, const dp_addr *addr);
// What a record held at a time; false: nothing had come yet.
bool dp_held_at(const dp_held *h, const dp_held_record *record, int64_t time,
                dp_held_point *ret_point);

uint32_t dp_held_case_count(const dp_held *h);
const dp_held_case *dp_held_case_at(const dp_held *h, uint32_t case_no);
uint32_t dp_held_place_count(const dp_held *h);
const dp_addr *dp_held_place(const dp_held *h, uint32_t index);
uint64_t dp_held_memory(const dp_held *h);

#endif

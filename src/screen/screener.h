// The screener: everything that is known, in memory, and the judging of one address in less than a
// microsecond. What dyepack.h shows to other programs is a thin layer over this.
//
//   filter      a Bloom filter over every tagged address and every holder. An address that nobody
//               knows, which is nearly every one, is told from one line of the cache
//   tags        tag/index.h         held   screen/held.h
//   likes       one bit for each six digits (three at each end) that a known EVM address has; who
//               passes is held against shape/poisoning.h
//   rules       screen/rules.h
//
// Made once, then only read, by any number of threads.
#ifndef DP_SCREEN_SCREENER_H
#define DP_SCREEN_SCREENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "screen/held.h"
#include "screen/rules.h"
#include "shape/poisoning.h"
#include "tag/index.h"

typedef struct dp_screener dp_screener;

typedef struct dp_screener_options {
	const char *const *tag_path; // as dp_tags_options
	uint32_t tag_count;
	const char *const *casebook_path;
	uint32_t casebook_count;
	const char *rules_path; // NULL: those that ship with the program
	bool no_builtin, no_lookalikes;
	int64_t now; // for tag files without a date
	dp_code (*complain)(void *context, const dp_fault *what, bool is_warning, dp_fault *fault);
	void *context;
} dp_screener_options;

DP_MUST dp_code dp_screener_new(dp_screener **ret_screener, const dp_screener_options *options,
                                dp_fault *fault);
void dp_screener_free(dp_screener *s); // NULL is fine

const dp_tags *dp_screener_tags(const dp_screener *s);
const dp_held *dp_screener_held(const dp_screener *s);
const dp_rules *dp_screener_rules(const dp_screener *s);
uint64_t dp_screener_memory(const dp_screener *s);

// What is known, in bits. The numbers are those of dyepack.h.
enum {
	DP_SF_SANCTIONED = 1 << 0,
	DP_SF_WAS_SANCTIONED = 1 << 1,
	DP_SF_LATER_SANCTIONED = 1 << 2,
	DP_SF_THIEF = 1 << 3,
	DP_SF_SERVICE = 1 << 4,
	DP_SF_TAINTED_NOW = 1 << 5,
	DP_SF_TAINTED_EVER = 1 << 6,
	DP_SF_ARRIVAL = 1 << 7,
	DP_SF_LOOKALIKE = 1 << 8,
	DP_SF_INFERRED = 1 << 9,
	DP_SF_SAME_KEY = 1 << 10,
	DP_SF_TAGGED = 1 << 11
};

// As of the last that is known. A time before it asks what was known then.
#define DP_AT_LATEST INT64_MAX

// What an address says to a screener. Texts are the screener's.
typedef struct dp_answer {
	uint8_t level;      // dp_risk_level
	uint8_t confidence; // of the tag that made the level; 0: none did
	uint16_t hops;      // from the nearest theft; DP_HOPS_NONE
	uint32_t rule_count, tag_count, case_count;
	uint32_t flags;
	const dp_rule *rule; // the first of the worst that matched; NULL: none
	const char *label, *list;
} dp_answer;

// `network` NULL: any (tags of every network match).
void dp_screener_judge(const dp_screener *s, dp_answer *ret_answer, const dp_addr *addr,
                       const dp_network *network, int64_t at);

// Many at once: faster, because memory is fetched for several before any is judged.
typedef struct dp_asked {
	dp_addr addr; // DP_ADDR_NONE: nothing is known of nobody
	const dp_network *network;
	int64_t at;
} dp_asked;
void dp_screener_judge_many(const dp_screener *s, dp_answer *ret_answers, const dp_asked *asked,
                            size_t count);

// Calls `visit` for each fact that is known of an address. No memory is taken.
typedef void (*dp_fact_visit)(void *context, const dp_screen_fact *fact);
void dp_screener_facts(const dp_screener *s, const dp_addr *addr, const dp_network *network,
                       int64_t at, dp_fact_visit visit, void *context);
// Those of tags only, as of another member of the same cluster.
void dp_screener_tag_facts(const dp_screener *s, const dp_addr *addr, const dp_network *network,
                           int64_t at, bool is_cluster, dp_fact_visit visit, void *context);
uint32_t dp_fact_flags(const dp_screen_fact *fact);

// 0x and 40 hex digits, the form of nearly all that is screened, by a short way. Digits of one case
// have no checksum: reading them is all there is to do. Mixed case has one (codec/eip55.h), whose
// Keccak-256 takes longer than all the rest together and is left to the caller, who may have many
// to check. NONE: nothing is written, and dp_screener_parse has to be asked.
typedef enum dp_hex_form { DP_HEX_NONE = 0, DP_HEX_PLAIN, DP_HEX_MIXED } dp_hex_form;
dp_hex_form dp_screener_parse_hex(dp_addr *ret_addr, const dp_network **io_network,
                                  const char *text, size_t n);

// An address as people write it; lower-case hexadecimal ones by a short way. `network` in: NULL,
// told by the form; out: never NULL. The faults are those of dp_place_parse.
DP_MUST dp_code dp_screener_parse(dp_addr *ret_addr, const dp_network **io_network,
                                  const char *text, size_t n, dp_fault *fault);

#endif

// Matching by amount and time, where a service keeps to itself which payment belongs to which
// deposit: custodial swappers, and bridges whose way out names no way in. What comes of it is an
// opinion with its reasons. It taints nothing; a person may accept it.
//
//   deposits  ------ o -- o ---- o ---------------------------------> time of the first chain
//                         \      :        delay in [t_min, t_max], fee in [f_min, f_max]
//   payments  ------------- o ---- o -- o ---------------------------> of the other
//
// The rules are those of L2BEAT's matching of Avalanche withdrawals (domain notes, 4.3), for any
// service, with a fee model of its own:
//
// 1. Candidates. Same service and, where the model says so, same user on both sides. The payment is
//    not before the deposit, and the delay lies in the model's window. What comes out is not more
//    than what went in less the smallest fee, nor less than what the largest leaves. Tokens:
//    exact > converted > unknown > mismatch; a mismatch is none, unknown ones need a delay of at
//    most a minute. A deposit that states its receiver is none for a payment to another.
// 2. Candidates that state their receiver are preferred; of these, or else of all, those within a
//    minute, else within ten, else all.
// 3. They are ranked by token relation, then fee gap in basis points, then delay.
// 4. The best two are alike, and the match is REFUSED, where relation is equal, fee gaps differ by
//    at most 10 bps and delays by at most a minute. Those whose gap nobody can tell (converted
//    without a rate) are alike in it.
// Fees are taken from what comes out, in parts per million of what went in, and a fixed part. A
// conversion is compared by a rate that the caller gives, or, without one, by the bounds of the
// year's prices (link/worth.h): far too wide to tell one payment from another, and it says so.
//
// Confidence, 0 to 100. It is a rule of thumb with a stated formula, no probability:
//    basis   exact 70; converted at a given rate 50; unknown 30; converted by the year's prices 15
//    + 20    the deposit states its receiver, and it is this one
//    - 1     for every 20 bps of fee gap (exact, given rate), at most 10
//    - 5     delay over a minute; - 10 over ten
//    divided by the number of candidates in window and band (of any tier), rounded down
//    refused, and all but the best: at most 5
// Never above 90: 100 is for keys.
#ifndef DP_LINK_MATCH_H
#define DP_LINK_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "chain/address.h"
#include "chain/asset.h"

//- services --------------------------------------------------------------------------------------

typedef struct dp_match_model {
	const char *name;          // "swapper", stable
	const char *title;         // in words
	int64_t t_min, t_max;      // seconds from deposit to payment
	uint32_t fee_min, fee_max; // ppm of what went in
	uint32_t fixed_cents;      // and up to so many cents (network fees) more
	uint32_t rate_ppm;         // a given rate may be off by so much, either way
	bool same_user;            // both sides name the user: it is the same address
	bool converts;             // may pay out another asset
	bool is_default;           // numbers of our own choice, not the service's
	const char *source;        // where the numbers are from
} dp_match_model;

extern const dp_match_model dp_match_models[];               // ended by a row without a name
const dp_match_model *dp_match_model_find(const char *name); // NULL when unknown
// The model of a service by what tags call it: the first whose name stands in it, else the generic
// swapper's.
const dp_match_model *dp_match_model_of(const char *label, const char *actor);

//- two sides -------------------------------------------------------------------------------------

typedef struct dp_match_deposit {
	uint64_t no;      // the caller's
	uint32_t service; // the caller's number of it
	dp_asset asset;   // NONE: not on the list
	dp_u256 amount;
	int64_t time;
	dp_addr user; // who paid; kind NONE: not known
	dp_addr to;   // the receiver it states; kind NONE: none
} dp_match_deposit;

typedef struct dp_match_payment {
	uint64_t no;
	uint32_t service;
	dp_asset asset;
	dp_u256 amount;
	int64_t time;
	dp_addr to;
} dp_match_payment;

// So many base units of `out_asset` were given for `in` base units of `in_asset`, about then.
typedef struct dp_match_rate {
	dp_asset in_asset, out_asset; // NONE: no rate is given
	dp_u256 in, out;
} dp_match_rate;

typedef enum dp_match_relation {
	DP_RELATION_MISMATCH = 0,
	DP_RELATION_UNKNOWN,
	DP_RELATION_CONVERTED,
	DP_RELATION_EXACT
} dp_match_relation;
const char *dp_match_relation_name(uint8_t relation); // "exact", ...

typedef struct dp_match_score {
	uint64_t no;      // of the deposit, or the payment, that was compared
	uint8_t relation; // dp_match_relation
	uint8_t tier;     // 0: within a minute, 1: within ten, 2
	bool has_gap;     // the fee can be told
	bool is_stated;   // goes to whom the deposit says
	uint64_t gap_bps; // what is missing, of what went in, rounded down
	int64_t delay;    // seconds
} dp_match_score;

// Is the one a candidate for the other (rule 1)? Both may be anybody's.
bool dp_match_compare(dp_match_score *ret_score, const dp_match_model *model,
                      const dp_match_rate *rate, const dp_match_deposit *deposit,
                      const dp_match_payment *payment);

enum { DP_MATCH_KEPT = 16 };

typedef struct dp_match_result {
	uint64_t count;                     // candidates in window and band: uniqueness
	uint64_t preferred;                 // of them those that rule 2 leaves
	dp_match_score best[DP_MATCH_KEPT]; // of these, ranked; at most so many
	uint32_t kept;
	bool is_refused;    // the two best are alike
	uint8_t confidence; // of the best
	const char *reason; // in words, static
} dp_match_result;

// Candidates one by one, in any order, then the verdict. Begin with a zeroed result. Candidates
// that rules 2 and 3 hold equal are in order of `no`.
void dp_match_add(dp_match_result *io_result, const dp_match_score *score);
void dp_match_judge(dp_match_result *io_result);

//- deposits that wait ----------------------------------------------------------------------------
//
// For streams of payments. By service and asset, in chunks of DP_MATCH_CHUNK deposits, each with
// its span of time and, once full, its amounts in order: a payment looks into the chunks that
// overlap its window, and there only at the amounts that its fee model allows. Deposits may come in
// any order of time (blocks' times go back a little); chunks then overlap more.

typedef struct dp_match dp_match;

enum {
	DP_MATCH_PENDING_MAX = 1 << 24, // deposits; under 160 bytes each
	DP_MATCH_QUEUES_MAX = 1 << 20,  // (service, asset) pairs
	DP_MATCH_CHUNK = 2048
};

// One model for all services of one matcher. `rate` NULL: none. Both are copied.
DP_MUST dp_code dp_match_new(dp_match **ret_match, const dp_match_model *model,
                             const dp_match_rate *rate, dp_fault *fault);
void dp_match_free(dp_match *m); // NULL is fine
DP_MUST dp_code dp_match_deposit_add(dp_match *m, const dp_match_deposit *deposit, dp_fault *fault);
// What no payment at or after `now` can belong to any more is let go, chunk by chunk. Payments
// before `now` may then miss some.
void dp_match_expire(dp_match *m, int64_t now);
uint64_t dp_match_pending(const dp_match *m);
// The deposits that explain a payment, ranked.
void dp_match_ask(const dp_match *m, dp_match_result *ret_result, const dp_match_payment *payment);

#endif

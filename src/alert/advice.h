// What to do with an alert: whom to call, what they need, how long there is.
//
// Contacts are data (contacts.yaml in the project's root, embedded): for exchanges and other
// services by actor id or label, and for issuers of tokens that can freeze (Tether, Circle, Paxos,
// ...), each with the public page or address for law enforcement and victims, what they ask for,
// the page it was read on and the day. A table of people's facts ages: every answer says whence it
// is and how well it is known.
#ifndef DP_ALERT_ADVICE_H
#define DP_ALERT_ADVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "chain/address.h"
#include "chain/asset.h"

typedef struct dp_advice dp_advice;

// The built-in contacts, then those of `path` (NULL: none), which come first when both know
// somebody.
DP_MUST dp_code dp_advice_load(dp_advice **ret_advice, const char *path, dp_fault *fault);
void dp_advice_free(dp_advice *a);

// How well a contact is known.
typedef enum dp_contact_proof {
	DP_CONTACT_MEMORY = 0, // nobody read a page for it
	DP_CONTACT_SECOND,     // a directory that says it read the page on that day
	DP_CONTACT_PAGE        // a copy of the page was read on that day
} dp_contact_proof;

typedef enum dp_contact_state {
	DP_CONTACT_OPEN = 0,
	DP_CONTACT_CLOSED, // nobody answers any more
	DP_CONTACT_NOBODY  // a protocol that nobody can stop
} dp_contact_state;

typedef struct dp_contact {
	const char *name;   // "Binance"
	const char *report; // where a victim or investigator writes: URL or address; "": not open
	const char *law;    // for law enforcement; "" where not known or the same
	const char *needs;  // what they ask for, after "asks for"; "" where not known
	const char *note;   // what else to know, whole sentences; "" where nothing
	const char *source, *read; // page and day
	uint8_t state;             // dp_contact_state
	uint8_t proof;             // dp_contact_proof
} dp_contact;
// By actor id or else by label ("Binance 14" finds "binance"); NULL: nobody known. NULL for either
// is as "".
const dp_contact *dp_advice_service(const dp_advice *a, const char *actor, const char *label);

// An issuer that can freeze this asset, with the call that tells whether an address is frozen
// (selector of isBlackListed(address), isBlacklisted(address), isFrozen(address)); NULL: none.
typedef struct dp_issuer {
	dp_asset asset;
	uint8_t contract[20], selector[4];
	bool has_call;   // a few contracts can freeze but have no such call; selector is 0 then
	const char *ask; // "isBlackListed(address)"; "" without a call
	dp_contact contact;
} dp_issuer;
const dp_issuer *dp_advice_issuer(const dp_advice *a, dp_asset asset);

// Lines of what to do, one a call of `line`, most urgent first; each is one line of at most
// DP_ADVICE_LINE_MAX bytes without control characters, whatever the texts of the question hold.
// Rules of thumb for the time left: an exchange has 10 to 15 minutes before a deposit is credited
// and gone (longer where blocks are far apart); what lies at a holder's moves when it moves; a
// token's issuer takes hours, so ask at once. Texts of the question that are NULL are as "".
enum { DP_ADVICE_LINE_MAX = 1500 };
typedef struct dp_advice_question {
	const char *kind; // "arrival", "move", ...
	bool is_pending;
	const char *actor, *label, *category; // of the service; "" where none
	const char *address, *tx, *shown;     // deposit address, transaction, amount for people
	dp_asset asset;
	bool knows_frozen, is_frozen; // read from the chain
	int64_t age_s;                // since the block
	uint64_t confirmations_s;     // typical time between blocks of the chain
} dp_advice_question;
DP_MUST dp_code dp_advice_lines(const dp_advice *a, const dp_advice_question *q,
                                dp_code (*line)(void *context, const char *text, dp_fault *fault),
                                void *context, dp_fault *fault);

#endif

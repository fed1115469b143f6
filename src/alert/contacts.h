// Reading contacts.yaml: whom to write to, and who can freeze which token. The form stands in the
// file itself; advice.h says what the answers mean. Used by advice.c and its tests, nobody else.
#ifndef DP_ALERT_CONTACTS_H
#define DP_ALERT_CONTACTS_H

#include <stddef.h>
#include <stdint.h>

#include "alert/advice.h"
#include "base/fault.h"
#include "base/mem.h"

enum {
	DP_CONTACTS_BYTES_MAX = 1 << 20, // of a file
	DP_CONTACTS_MAX = 4096,          // services in a file; tokens of all its issuers
	DP_CONTACT_WORDS_MAX = 64,       // actors, names of one service
	DP_CONTACT_TEXT_MAX = 500,       // bytes of one value
};

typedef struct dp_contact_row {
	const char *const *actor; // ended by NULL; none: found by its names only
	const char *const *name;  // ended by NULL: how labels begin; never none
	dp_contact contact;
	uint32_t line;
} dp_contact_row;

typedef struct dp_contacts {
	dp_contact_row *service;
	uint32_t service_count;
	dp_issuer *issuer; // one for each token
	uint32_t issuer_count;
	dp_arena arena; // owns everything above
} dp_contacts;

// Every mistake is named with its line and column. On failure *ret_contacts is not touched.
DP_MUST dp_code dp_contacts_parse(dp_contacts *ret_contacts, const char *yaml, size_t size,
                                  dp_fault *fault);
void dp_contacts_done(dp_contacts *c);

// Does a label begin with this name, and say nothing else than which of its wallets it is? So
// "Binance 14", "Binance: Hot Wallet 2" and "Binance.com" are Binance's; "Binance hacker",
// "Bitfinex hack" and "KuCoin Token (KCS)" are nobody's. Letter case does not count.
bool dp_contact_is_label(const char *name, const char *label);

// The first four bytes of the Keccak-256 of a function's text: "isBlackListed(address)".
void dp_contact_selector(uint8_t ret_selector[4], const char *function);

// The built-in ones, as YAML.
const char *dp_contacts_builtin(size_t *ret_size);

#endif

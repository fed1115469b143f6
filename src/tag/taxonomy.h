// What kinds of places there are, and what each means for following and for screening.
//
// Categories and concepts are those of GraphSense's taxonomies (INTERPOL's dark-web and
// virtual-assets taxonomy and their own: docs/how-to/tags.md names the version). A tag file may use
// others: they are kept as they are, with a warning, and mean nothing.
//
// One table in taxonomy.c, one row a concept; nothing else in dyepack knows the names.
#ifndef DP_TAG_TAXONOMY_H
#define DP_TAG_TAXONOMY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What following does when stolen money arrives at such a place (design.md 4: taint stops at
// services, where other people's money mixes).
typedef enum dp_concept_stop {
	DP_FOLLOW = 0,   // goes on: persons, bridges, exchanges without custody, contract mixers
	DP_STOP_SERVICE, // an arrival at a service: exchange, payment processor, gambling, ...
	DP_STOP_MIXER    // an arrival at a mixer that has custody
} dp_concept_stop;

// What screening says of money from or to such a place. The order is from the best to the worst.
typedef enum dp_risk_class {
	DP_CLASS_NONE = 0, // says nothing of risk: "user", "hot_wallet"
	DP_CLASS_SERVICE,  // exchange, payment processor, miner, ...
	DP_CLASS_DEFI,     // bridge, DEX, lending
	DP_CLASS_GAMBLING,
	DP_CLASS_MIXER, // mixing services of every kind
	DP_CLASS_DARK,  // dark markets, drugs, weapons, carding
	DP_CLASS_SCAM,
	DP_CLASS_THEFT,     // hacks, exploits, thieves, phishing
	DP_CLASS_EXTORTION, // ransomware, sextortion
	DP_CLASS_TERROR,    // and abuse of persons
	DP_CLASS_SANCTION,
	DP_CLASS_COUNT
} dp_risk_class;
const char *dp_risk_class_name(dp_risk_class c); // "sanction", "theft", ...
bool dp_risk_class_find(dp_risk_class *ret_class, const char *name, size_t n);

typedef struct dp_concept {
	uint16_t id; // index in the table + 1
	const char *name;
	const char *parent; // "" for a root
	uint8_t stop;       // dp_concept_stop
	uint8_t risk;       // dp_risk_class
	bool is_abuse;      // of the abuse side: may stand under `abuse:`
	bool is_contract;   // only contracts are such: there is no key that other networks share
	bool decides;       // says who has custody: all that stop, and what is known to have none
} dp_concept;

uint16_t dp_concept_count(void);              // ids are 1..count
const dp_concept *dp_concept_at(uint16_t id); // aborts when out of range
// Any case, blanks and '-' taken for '_' ("Mixing Service"). NULL when unknown.
const dp_concept *dp_concept_find(const char *name, size_t n);

// Confidence of a statement: the names of GraphSense's levels and what each is worth (domain: 100
// for what a key was shown of, 5 for unknown), or a number from 0 to 100 itself.
bool dp_confidence_find(uint8_t *ret_confidence, const char *name, size_t n);
const char *dp_confidence_name(uint8_t confidence); // the level at or below; "" below the lowest
// Has exactly one level this number? Only then is its name what the author of a tag wrote: 50 may
// be that of a trusted provider, of a service's own data or of a forensic report.
bool dp_confidence_is_one(uint8_t confidence);
enum { DP_CONFIDENCE_UNKNOWN = 5, DP_CONFIDENCE_HEURISTIC = 10 };

#endif

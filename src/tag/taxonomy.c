// The table of concepts, see taxonomy.h.
//
// Names and parents are those of GraphSense's concepts taxonomy 0.1.0 (graphsense-tagpack-tool,
// src/tagpack/db/concepts.yaml), which Iknaio's working group derived from INTERPOL's taxonomies of
// abuses and entities (DW-VA-Taxonomy), with the names that later issues and tag files in use add.
// Levels of confidence: src/tagpack/db/confidence.csv of the same, and three younger ones.
//
// What stops (design.md 4). One question decides: after the money has arrived, does somebody else
// than the one who sent it decide where it goes, out of a purse in which it lies with other
// people's money? Then what leaves the purse next is not the thief's, and to follow it would accuse
// strangers; who has custody can be asked for names, and can freeze. So:
//
//   stops      exchange, wallet_service and escrow_wallet (they hold keys for their customers),
//              payment_processor and atm (they buy the coins), gambling, market, mining_service
//              (accounts with balances), ico_wallet, shop, hosting, vpn, filesharing (paid: the
//              money is the merchant's), faucet (given on to hundreds of strangers), and `service`
//              itself: who tags one says that many use it
//   a mixer    mixing_service: it has custody and pays out other people's money; contract_mixer:
//              nobody has, but what comes out cannot be told apart
//   goes on    persons and what is said of persons (user, miner, victim, perpetrator, donation,
//              organization, every abuse: a thief's address is where following begins); services
//              that are read rather than paid (index, search_engine, nameservice, messaging);
//              contracts (defi_*), for nobody can be asked, and what goes in comes out again by
//              rules that links are read by; coinjoin: each keeps the keys to what is theirs
//   silent     hot_wallet, warm_wallet, cold_wallet, behaviour and sources say how, not whose
//
// A tag that goes on because there is no custody (is_contract, and coinjoin) contradicts one that
// stops; a tag that is silent does not. That is what `decides` tells.
//
// `contract_mixer` is ours: TagPacks name both Blender, which kept its customers' coins, and
// Tornado Cash, a contract that nobody can make pay somebody else, a mixing_service. Nobody can be
// asked there, and leads on the way out are all there is. The built-in set uses it for the pools it
// knows.
#include "tag/taxonomy.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"

#define NONE DP_CLASS_NONE
#define SERVICE DP_CLASS_SERVICE
#define DEFI DP_CLASS_DEFI
#define GAMBLING DP_CLASS_GAMBLING
#define MIXER DP_CLASS_MIXER
#define DARK DP_CLASS_DARK
#define SCAM DP_CLASS_SCAM
#define THEFT DP_CLASS_THEFT
#define EXTORTION DP_CLASS_EXTORTION
#define TERROR DP_CLASS_TERROR
#define SANCTION DP_CLASS_SANCTION

// Silent: nothing about custody. KEEPS: known to leave custody with the sender. ABUSE: silent about
// custody, and may stand under `abuse:`.
#define SILENT(name_, parent_, risk_)                                                              \
	{                                                                                          \
		.name = (name_), .parent = (parent_), .risk = (risk_)                              \
	}
#define STOPS(name_, parent_, risk_)                                                               \
	{                                                                                          \
		.name = (name_), .parent = (parent_), .stop = DP_STOP_SERVICE, .risk = (risk_),    \
		.decides = true                                                                    \
	}
#define MIXES(name_, parent_)                                                                      \
	{                                                                                          \
		.name = (name_), .parent = (parent_), .stop = DP_STOP_MIXER, .risk = MIXER,        \
		.decides = true                                                                    \
	}
#define KEEPS(name_, parent_, risk_)                                                               \
	{                                                                                          \
		.name = (name_), .parent = (parent_), .risk = (risk_), .decides = true             \
	}
#define CONTRACT(name_, parent_, risk_)                                                            \
	{                                                                                          \
		.name = (name_), .parent = (parent_), .risk = (risk_), .decides = true,            \
		.is_contract = true                                                                \
	}
#define ABUSE(name_, parent_, risk_)                                                               \
	{                                                                                          \
		.name = (name_), .parent = (parent_), .risk = (risk_), .is_abuse = true            \
	}

// Parents stand before their children, so that a walk upwards ends. Ids are filled in below and
// written nowhere: a store keeps names.
static dp_concept concepts[] = {
    SILENT("concept", "", NONE),
    SILENT("entity", "concept", NONE),
    SILENT("behaviour", "concept", NONE),
    SILENT("source", "concept", NONE),
    SILENT("item", "concept", NONE),

    // Who. An organization may be a bank or a charity: only what it does decides.
    SILENT("organization", "entity", NONE),
    SILENT("user", "entity", NONE),
    SILENT("victim", "user", NONE),
    SILENT("perpetrator", "user", THEFT),
    SILENT("donation", "user", NONE),
    SILENT("miner", "user", SERVICE),

    // Services with custody, and those that are paid.
    STOPS("service", "entity", SERVICE),
    STOPS("exchange", "service", SERVICE),
    STOPS("wallet_service", "service", SERVICE),
    STOPS("escrow_wallet", "wallet_service", SERVICE),
    STOPS("ico_wallet", "wallet_service", SERVICE),
    STOPS("payment_processor", "service", SERVICE),
    STOPS("atm", "service", SERVICE),
    STOPS("mining_service", "service", SERVICE),
    STOPS("gambling", "service", GAMBLING),
    // Markets sell legitimate and illegitimate goods by the definition; the places that are tagged
    // so in public packs are Silk Road, AlphaBay and their like.
    STOPS("market", "service", DARK),
    STOPS("shop", "service", SERVICE),
    STOPS("hosting", "service", SERVICE),
    STOPS("vpn", "service", SERVICE),
    STOPS("filesharing", "service", SERVICE),
    STOPS("faucet", "service", SERVICE),
    MIXES("mixing_service", "service"),
    // Services whose tagged addresses are mostly where readers give something: persons.
    SILENT("index", "service", SERVICE),
    SILENT("search_engine", "service", SERVICE),
    SILENT("messaging_service", "service", SERVICE),
    SILENT("nameservice", "service", SERVICE),

    CONTRACT("defi", "service", DEFI),
    CONTRACT("defi_token", "defi", DEFI),
    CONTRACT("defi_lending", "defi", DEFI),
    CONTRACT("defi_dex", "defi", DEFI),
    CONTRACT("defi_dex_pair", "defi_dex", DEFI),
    CONTRACT("defi_derivative", "defi", DEFI),
    CONTRACT("defi_derivatives", "defi", DEFI), // the key under which the taxonomy lists it
    CONTRACT("defi_bridge", "defi", DEFI),
    CONTRACT("defi_dao", "defi", DEFI),
    CONTRACT("defi_staking", "defi", DEFI),
    CONTRACT("defi_custody", "defi", DEFI), // vaults and multi-signature wallets of their users

    // How an address is used.
    SILENT("gray_usage", "behaviour", NONE),
    SILENT("mixing", "gray_usage", MIXER),
    KEEPS("coinjoin", "mixing", MIXER),
    {.name = "contract_mixer",
     .parent = "mixing",
     .stop = DP_STOP_MIXER,
     .risk = MIXER,
     .decides = true,
     .is_contract = true},
    SILENT("white_usage", "behaviour", NONE),
    SILENT("hot_wallet", "white_usage", NONE),
    SILENT("warm_wallet", "white_usage", NONE),
    SILENT("cold_wallet", "white_usage", NONE),

    // Wrongs. One that is not further specified counts as the mildest of those done to somebody.
    ABUSE("abuse", "behaviour", SCAM),
    ABUSE("scam", "abuse", SCAM),
    ABUSE("financial_crime", "abuse", SCAM),
    ABUSE("investment_fraud", "financial_crime", SCAM),
    ABUSE("ponzi_scheme", "investment_fraud", SCAM),
    ABUSE("pyramid_scheme", "ponzi_scheme", SCAM),
    ABUSE("payment_card_fraud", "financial_crime", DARK),
    ABUSE("counterfeit", "financial_crime", DARK),
    // What is laundered was taken from somebody.
    ABUSE("money_laundering", "financial_crime", THEFT),
    ABUSE("phishing", "abuse", THEFT),
    ABUSE("social_engineering", "abuse", THEFT),
    ABUSE("hacking", "abuse", THEFT),
    ABUSE("service_hack", "hacking", THEFT),
    ABUSE("account_hack", "hacking", THEFT),
    ABUSE("exploit", "hacking", THEFT),
    ABUSE("data_breach", "hacking", THEFT),
    ABUSE("malware", "abuse", THEFT),
    ABUSE("ransomware", "malware", EXTORTION),
    ABUSE("extortion", "abuse", EXTORTION),
    ABUSE("sextortion", "extortion", EXTORTION),
    ABUSE("drugs", "abuse", DARK),
    ABUSE("weapons", "abuse", DARK),
    ABUSE("extremism", "abuse", TERROR),
    ABUSE("terrorism", "extremism", TERROR),
    ABUSE("terrorism_financing", "terrorism", TERROR),
    ABUSE("sexual_abuse", "abuse", TERROR),
    ABUSE("child_sexual_abuse", "sexual_abuse", TERROR),
    ABUSE("violence", "abuse", TERROR),
    ABUSE("torture", "violence", TERROR),
    ABUSE("murder", "violence", TERROR),
    ABUSE("human_trafficking", "violence", TERROR),
    ABUSE("sanction", "abuse", SANCTION),

    // Where a statement comes from. What is offered in a darknet alone is that for a reason.
    SILENT("mention", "source", NONE),
    SILENT("website_mention", "mention", NONE),
    SILENT("forum_mention", "website_mention", NONE),
    SILENT("dark_web", "source", DARK),
    SILENT("unknown", "source", NONE),

    SILENT("collectible", "item", NONE),
};

enum { CONCEPT_COUNT = sizeof concepts / sizeof concepts[0], CONCEPT_NAME_MAX = 40 };
enum { SLOT_COUNT = 256 }; // of the table by name; a quarter to a half full

static uint8_t slots[SLOT_COUNT]; // id of a concept; 0 = empty
_Static_assert((int)CONCEPT_COUNT <= (int)SLOT_COUNT / 2, "the table stays half empty");

// FNV-1a. The table holds our own names only, so that nobody can crowd it.
static uint32_t hash_name(const char *name, size_t n)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)name[i]) * 16777619u;
	return (h ^ h >> 15) % SLOT_COUNT;
}

// Before main, after which the tables are only read.
__attribute__((constructor)) static void fill_table(void)
{
	for (uint32_t i = 0; i < CONCEPT_COUNT; i++) {
		dp_concept *c = &concepts[i];
		c->id = (uint16_t)(i + 1);
		size_t n = strlen(c->name);
		DP_CHECK(n <= CONCEPT_NAME_MAX);
		uint32_t slot = hash_name(c->name, n);
		for (; slots[slot] != 0; slot = (slot + 1) % SLOT_COUNT)
			DP_CHECK(strcmp(concepts[slots[slot] - 1].name, c->name) != 0);
		slots[slot] = (uint8_t)c->id;
	}
}

uint16_t dp_concept_count(void)
{
	return CONCEPT_COUNT;
}

const dp_concept *dp_concept_at(uint16_t id)
{
	DP_CHECK(id >= 1 && id <= CONCEPT_COUNT);
	DP_CHECK(concepts[id - 1].id == id);
	return &concepts[id - 1];
}

const dp_concept *dp_concept_find(const char *name, size_t n)
{
	DP_CHECK(name != NULL || n == 0);
	char folded[CONCEPT_NAME_MAX];
	while (n > 0 && *name == ' ') {
		name++;
		n--;
	}
	while (n > 0 && name[n - 1] == ' ') n--;
	if (n == 0 || n > sizeof folded) return NULL;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
		folded[i] = c == ' ' || c == '-' ? '_' : c;
	}
	for (uint32_t slot = hash_name(folded, n); slots[slot] != 0;
	     slot = (slot + 1) % SLOT_COUNT) {
		const dp_concept *c = &concepts[slots[slot] - 1];
		if (strlen(c->name) == n && memcmp(c->name, folded, n) == 0) return c;
	}
	return NULL;
}

//- classes of risk -------------------------------------------------------------------------------

static const char *const class_names[DP_CLASS_COUNT] = {
    [DP_CLASS_NONE] = "none",           [DP_CLASS_SERVICE] = "service",
    [DP_CLASS_DEFI] = "defi",           [DP_CLASS_GAMBLING] = "gambling",
    [DP_CLASS_MIXER] = "mixer",         [DP_CLASS_DARK] = "dark",
    [DP_CLASS_SCAM] = "scam",           [DP_CLASS_THEFT] = "theft",
    [DP_CLASS_EXTORTION] = "extortion", [DP_CLASS_TERROR] = "terror",
    [DP_CLASS_SANCTION] = "sanction",
};

const char *dp_risk_class_name(dp_risk_class c)
{
	DP_CHECK((unsigned)c < DP_CLASS_COUNT);
	return class_names[c];
}

bool dp_risk_class_find(dp_risk_class *ret_class, const char *name, size_t n)
{
	DP_CHECK(ret_class != NULL);
	DP_CHECK(name != NULL || n == 0);
	for (unsigned i = 0; i < DP_CLASS_COUNT; i++) {
		if (strlen(class_names[i]) != n || strncasecmp(class_names[i], name, n) != 0)
			continue;
		*ret_class = (dp_risk_class)i;
		return true;
	}
	return false;
}

//- confidence ------------------------------------------------------------------------------------

// Falling, so that the first at or below is the nearest; where several names have one number the
// one that GraphSense's table has first gives it its name.
static const struct {
	const char *name;
	uint8_t value;
} levels[] = {
    {"override", 100},
    {"ownership", 100},
    {"ledger_immanent", 100},
    {"manual_transaction", 90},
    {"service_api", 70},
    {"forensic_investigation", 70},
    {"authority_data", 60},
    {"trusted_provider", 50},
    {"service_data", 50},
    {"forensic", 50},
    {"untrusted_transaction", 40},
    {"web_crawl", 20},
    {"heuristic", DP_CONFIDENCE_HEURISTIC},
    {"unknown", DP_CONFIDENCE_UNKNOWN},
};
enum { LEVEL_COUNT = sizeof levels / sizeof levels[0] };

bool dp_confidence_find(uint8_t *ret_confidence, const char *name, size_t n)
{
	DP_CHECK(ret_confidence != NULL);
	DP_CHECK(name != NULL || n == 0);
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (strlen(levels[i].name) != n || strncasecmp(levels[i].name, name, n) != 0)
			continue;
		*ret_confidence = levels[i].value;
		return true;
	}
	unsigned value = 0;
	if (n < 1 || n > 3) return false;
	for (size_t i = 0; i < n; i++) {
		if (name[i] < '0' || name[i] > '9') return false;
		value = value * 10 + (unsigned)(name[i] - '0');
	}
	if (value > 100) return false;
	*ret_confidence = (uint8_t)value;
	return true;
}

const char *dp_confidence_name(uint8_t confidence)
{
	DP_CHECK(confidence <= 100);
	for (size_t i = 0; i < LEVEL_COUNT; i++)
		if (levels[i].value <= confidence) return levels[i].name;
	return "";
}

bool dp_confidence_is_one(uint8_t confidence)
{
	unsigned count = 0;
	for (size_t i = 0; i < LEVEL_COUNT; i++) count += levels[i].value == confidence ? 1 : 0;
	return count == 1;
}

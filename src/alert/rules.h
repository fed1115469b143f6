// What one wants to be told, and where: a YAML file, read before anything starts; every mistake is
// named with line and column (docs/how-to/alerts.md has the grammar and examples).
//
//   sinks:
//     desk:  {webhook: "https://desk.example/hook", secret-file: desk.key, give-up: 24h}
//     chat:  {slack: "https://hooks.example/services/..."}
//     group: {telegram: "https://api.telegram.org/bot123:ABC/sendMessage", chat: "-100123"}
//     pager: {command: [/usr/local/bin/page, --loud], timeout: 30s}
//     file:  {file: alerts.jsonl}
//     log:   {syslog: daemon}
//     mail:  {mail: [desk@example.org], from: dyepack@example.org, sendmail: /usr/sbin/sendmail}
//   rules:
//     - {name: exchanges, when: arrival, categories: [exchange], severity: high, to: [desk, pager]}
//     - {name: large, when: move, min: ["100 eth", "2.5 btc"], group: 30s, to: [desk]}
//     - {name: woken, when: wake, dormant: 30d, to: [desk]}
//     - {name: bridges, when: link, kinds: [bridge, mixer], first: true, to: [desk]}
//     - {name: vault, when: watched, addresses: ["ethereum:0x..."], to: [desk]}
//     - {name: shapes, when: finding, kinds: [coinjoin, hub], to: [file]}
//
// A rule may say how often: `group: 30s`, `throttle: {burst: 5, within: 10m}` (casebook/outbox.h).
//
// Without a file the rules are dp_alert_rules_default: every arrival, first use of each bridge and
// mixer, freezes, and moves, told to what the command line names (or to the casebook alone).
#ifndef DP_ALERT_RULES_H
#define DP_ALERT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/u256.h"
#include "casebook/outbox.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/chain.h"

enum {
	DP_ALERT_RULES_MAX = 1024,
	DP_SINKS_MAX = 32,
	DP_RULE_LIST_MAX = 4096, // of cases, categories, services, kinds, amounts; addresses 2^20
	DP_ALERT_RULES_BYTES_MAX = 16 << 20,
};

typedef enum dp_when {
	DP_WHEN_ARRIVAL = 1, // stolen money reaches a service
	DP_WHEN_MOVE,        // it moves between holders
	DP_WHEN_WAKE,        // it moves after lying still for `dormant`
	DP_WHEN_LINK,        // it goes through a bridge, a swap, a mixer
	DP_WHEN_HOLDER,      // somebody holds it who did not before
	DP_WHEN_WATCHED,     // a listed address is in a movement, tainted or not
	DP_WHEN_FINDING,     // a pattern: coinjoin, hub, poisoning, uncovered; typologies by name
	DP_WHEN_FREEZE,      // an issuer froze, released or destroyed
	DP_WHEN_COUNT
} dp_when;
const char *dp_when_name(dp_when when); // "arrival", ...

typedef struct dp_rule_min {
	dp_asset asset;
	dp_u256 units;
} dp_rule_min;

typedef struct dp_rule_place {
	const dp_chain *chain; // NULL: any chain on which this key is an address
	dp_addr addr;
} dp_rule_place;

typedef struct dp_alert_rule {
	const char *name, *severity; // severity: "low", "medium", "high", "critical"
	dp_when when;
	const char **cases; // patterns with * and ?; none: all
	uint32_t case_count;
	const char **category; // of the service's tag, or of the place in general, or one above it
	                       // in the taxonomy; none: all
	uint32_t category_count;
	const char **service; // label or actor, without regard to case; may be patterns; none: all
	uint32_t service_count;
	const char *
	    *kind; // LINK: bridge, swap, mixer, position; FINDING: coinjoin, hub, poisoning,
	           // uncovered; FREEZE: frozen, released, destroyed; none: all but swap
	uint32_t kind_count;
	dp_rule_min
	    *min; // an amount of a listed asset below is not told; assets not listed are, ...
	uint32_t min_count;
	bool min_only; // ... unless `only-listed: true`
	dp_rule_place *address;
	uint32_t address_count;
	int64_t dormant_s; // WAKE
	bool first;        // LINK: only the first use of each protocol by each case
	bool pending; // also before it is in a block (ARRIVAL, MOVE, WATCHED); true when not given,
	              // false in rules of other kinds
	dp_alert_route route;
	uint32_t line;
} dp_alert_rule;

typedef enum dp_sink_kind {
	DP_SINK_WEBHOOK = 1,
	DP_SINK_SLACK,
	DP_SINK_TELEGRAM,
	DP_SINK_COMMAND,
	DP_SINK_FILE,
	DP_SINK_SYSLOG,
	DP_SINK_MAIL
} dp_sink_kind;

typedef struct dp_sink_config {
	const char *name;
	dp_sink_kind kind;
	const char *url;    // webhook, slack, telegram: http or https
	const char *secret; // webhook: key of the signature; NULL: unsigned
	const char *chat;   // telegram
	const char *path;   // file; sendmail's (default /usr/sbin/sendmail)
	const char *from;   // mail
	const char **list;  // command: its words (no NULL behind the last); mail: who gets it
	uint32_t list_count;
	int facility;       // syslog
	int64_t timeout_ms; // of one try; default 10 s, command and mail 30 s; unused by others
	int64_t give_up_ms; // dead-letter after so long since the first try; default 24 h
	uint32_t line;
} dp_sink_config;

typedef struct dp_alert_rules {
	dp_alert_rule *rule;
	uint32_t rule_count;
	dp_sink_config *sink;
	uint32_t sink_count;
	dp_arena arena; // owns everything above
} dp_alert_rules;

// `folder`: of the file, against which `secret-file` and relative paths are read; `text` is not
// kept. Unknown keys, kinds, assets, sinks and cases' patterns that can match nothing are refused.
DP_MUST dp_code dp_alert_rules_parse(dp_alert_rules *ret_rules, const char *text, size_t size,
                                     const char *folder, dp_fault *fault);
// The rules above this table, for one webhook (NULL: none). `secret` may be NULL. The sink's name
// is "webhook".
DP_MUST dp_code dp_alert_rules_default(dp_alert_rules *ret_rules, const char *webhook,
                                       const char *secret, dp_fault *fault);
void dp_alert_rules_done(dp_alert_rules *r);

bool dp_alert_rule_wants_case(const dp_alert_rule *rule, const char *incident);
// By the least amounts.
bool dp_alert_rule_wants_amount(const dp_alert_rule *rule, dp_asset asset, dp_u256 units);
bool dp_alert_rule_wants_kind(const dp_alert_rule *rule, const char *kind);
// A category, label or actor that is not known (NULL) is wanted by rules only that ask for none.
bool dp_alert_rule_wants_category(const dp_alert_rule *rule, const char *category);
bool dp_alert_rule_wants_service(const dp_alert_rule *rule, const char *label, const char *actor);
// "*" and "?" as in file names; bounded time for any pattern (no backtracking beyond the last *).
bool dp_alert_rule_matches(const char *pattern, const char *text);

#endif

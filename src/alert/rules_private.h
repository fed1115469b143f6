// Reading rules: what the files rules*.c share. Everybody else includes alert/rules.h.
#ifndef DP_ALERT_RULES_PRIVATE_H
#define DP_ALERT_RULES_PRIVATE_H

#include "alert/rules.h"
#include "codec/yaml.h"

#define DP_RULES_DAY_MS ((int64_t)86400000)

typedef struct dp_rules_reader {
	dp_alert_rules *rules;
	dp_alert_rule *rule; // that is being read
	const char *folder;
	dp_fault *fault;
} dp_rules_reader;

// Faults: each at a node, but for memory.
DP_MUST dp_code dp_rules_wrong(const dp_rules_reader *r, const dp_yaml *at, const char *text);
DP_MUST dp_code dp_rules_no_memory(const dp_rules_reader *r);
// "what has no 'key': did you mean ...?", and "'word' is no what: did you mean ...?"
DP_MUST dp_code dp_rules_bad_key(const dp_rules_reader *r, const dp_yaml *at,
                                 const char *const *known, const char *what);
DP_MUST dp_code dp_rules_bad_word(const dp_rules_reader *r, const dp_yaml *at,
                                  const char *const *known, const char *what);

// Values. `scalar`: one, not empty, without control characters. Texts are kept in the rules' arena.
DP_MUST dp_code dp_rules_scalar(const dp_rules_reader *r, const dp_yaml *v);
DP_MUST dp_code dp_rules_text(const dp_rules_reader *r, const dp_yaml *v, size_t max,
                              const char **ret_text);
DP_MUST dp_code dp_rules_duration(const dp_rules_reader *r, const dp_yaml *v, int64_t min_ms,
                                  int64_t max_ms, int64_t *ret_ms);
// One word or a list of 1 to `max`; `check` may be NULL.
DP_MUST dp_code dp_rules_words(const dp_rules_reader *r, const dp_yaml *v, uint32_t max,
                               size_t word_max, const char ***ret_words, uint32_t *ret_count,
                               dp_code (*check)(const dp_rules_reader *r, const dp_yaml *word));

//- rules_amounts.c
DP_MUST dp_code dp_rules_read_min(dp_rules_reader *r, const dp_yaml *v);
DP_MUST dp_code dp_rules_read_addresses(dp_rules_reader *r, const dp_yaml *v);

//- rules_sinks.c
DP_MUST dp_code dp_rules_read_sinks(dp_rules_reader *r, const dp_yaml *v);
// The one sink "webhook" of dp_alert_rules_default.
DP_MUST dp_code dp_rules_plain_webhook(dp_alert_rules *io_rules, const char *url,
                                       const char *secret, dp_fault *fault);

#endif

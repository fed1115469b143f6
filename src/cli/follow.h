// The inside of `dyepack follow`, for its files only.
//
//   follow.c         options, and the loop
//   follow_source.c  nodes, ledgers, heads
//   follow_tags.c    tags that change meanwhile
//   follow_tell.c    what happened: log, status line, metrics
#ifndef DP_CLI_FOLLOW_H
#define DP_CLI_FOLLOW_H

#include "alert/advice.h"
#include "alert/courier.h"
#include "casebook/outbox.h"
#include "cli/cli.h"
#include "cli/log.h"
#include "cli/source_groups.h"
#include "cli/source_options.h"
#include "cli/tags_option.h"
#include "live/live.h"
#include "live/metrics.h"
#include "source/heads.h"

// One chain: its node and its ledger, of which it has one at least, and who tells of new blocks.
typedef struct follow_chain {
	const dp_chain *chain;
	const char *node, *ledger; // paths or URLs; NULL: none
	char name[DP_URL_SHOWN_MAX];
	dp_heads *heads; // NULL: none
	bool heads_are_up, has_asked_heads;
	bool heads_are_guessed; // nobody named them: given up when the first try fails
	uint64_t blocks_told, alerts_told;
} follow_chain;

typedef struct follow {
	// options
	const char *rules_path, *webhook, *secret_path, *contacts, *confirmations, *poll,
	    *metrics_at, *log_form, *level;
	const char *heads_url[DP_CLI_REPEAT_MAX + 1];
	bool once, no_pending, quiet, assume_clean, metrics_public;
	dp_cli_source from;
	dp_cli_tags tag_files;
	// what is opened
	const char *casebook;
	const char **path; // sources
	uint32_t path_count;
	const char **case_path;
	uint32_t case_count;
	dp_source_options source_options;
	follow_chain chain[DP_LIVE_CHAINS_MAX];
	const dp_chain *chains[DP_LIVE_CHAINS_MAX];
	uint32_t chain_count;
	uint32_t poll_ms;
	dp_alert_rules rules;
	dp_advice *advice;
	dp_tags *tags;
	dp_logger *log;
	dp_metrics *metrics;
	dp_courier *courier;
	dp_live *live;
	int wake_fd; // written to when a node has answered, or the outbox has something
	int lock_fd; // of the casebook: one follower at a time
	int64_t told_ms, counted_ms, tags_ms;
	int64_t counting_ms;              // how long counting the outbox took the last time
	uint64_t tags_stamp, tags_change; // of the files that the tags were read from; as last seen
	uint64_t alerts_counted;
	dp_outbox_counts counts;
} follow;

//- follow_source.c

// Which path is of which chain.
DP_MUST dp_code follow_group(follow *f, const dp_chain *const *named, uint32_t named_count,
                             dp_fault *fault);
// For dp_live_options; `context` is the follow.
DP_MUST dp_code follow_open(void *context, dp_source **ret_source, const dp_chain *chain,
                            const dp_source_begin *begin, dp_fault *fault);
DP_MUST dp_code follow_open_ledger(void *context, dp_source **ret_source, dp_ledger **ret_ledger,
                                   uint64_t *ret_at, const dp_chain *chain,
                                   const dp_source_begin *begin, dp_fault *fault);
bool follow_has_node(void *context, const dp_chain *chain);
bool follow_has_ledger(const follow *f);
DP_MUST dp_code follow_open_heads(follow *f, dp_fault *fault);
// A node that tells where it publishes is listened to there.
void follow_find_heads(follow *f, const dp_chain *chain, const char *url);
// What heads have told since the last call, passed on.
DP_MUST dp_code follow_hear(follow *f, dp_fault *fault);

//- follow_tags.c

// Notes what the files of tags look like, before they are read.
void follow_stamp_tags(follow *f);
// Reads them again when they have changed, looked at once a second.
DP_MUST dp_code follow_tags(follow *f, dp_fault *fault);

//- follow_tell.c

void follow_said(void *context, const dp_live_word *word);
void follow_status(follow *f);

#endif

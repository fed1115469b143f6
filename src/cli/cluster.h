// What the files of `dyepack cluster` share: cluster.c has the options, cluster_print.c what is
// printed, cluster_export.c the TagPack.
#ifndef DP_CLI_CLUSTER_H
#define DP_CLI_CLUSTER_H

#include "cli/ledger_command.h"
#include "cli/tags_option.h"
#include "entity/cluster.h"

typedef struct dp_cluster_ask {
	dp_ledger *ledger;
	const dp_chain *chain;
	dp_cluster *cluster;
	dp_tags *tags;
	dp_cluster_options options;
	dp_cli_format format;
	dp_json_out json;
	uint64_t limit; // of members and clusters; 0 = all
	const char *change_text;
	bool quiet;
	int64_t shown_ns; // progress
	bool is_shown;
} dp_cluster_ask;

// Totals and the greatest clusters.
DP_MUST dp_code dp_cluster_print_totals(dp_cluster_ask *k, dp_fault *fault);
// The cluster of an address; `why` NULL: reasons to the tagged member, or else to the name.
DP_MUST dp_code dp_cluster_print(dp_cluster_ask *k, const dp_addr *addr, const dp_addr *why,
                                 dp_fault *fault);
// *ret_count: tags written. Nothing is written when there are none.
DP_MUST dp_code dp_cluster_export(dp_cluster_ask *k, uint64_t *ret_count, const char *path,
                                  dp_fault *fault);

#endif

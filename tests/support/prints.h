// How the fingerprints of incidents/*/fingerprint.json are made, for the test that compares them
// with what the data gives and, on request, writes them anew.
#ifndef TESTS_SUPPORT_PRINTS_H
#define TESTS_SUPPORT_PRINTS_H

#include "technique/fingerprint.h"
#include "technique/flow_file.h"

typedef struct t_print_recipe {
	const char *incident, *title, *attributed, *source;
	const char *folder;  // of the flow
	bool is_shared;      // below DYEPACK_SHARED, else in the project
	const char *root[3]; // sources beside sources.csv; NULL ends
	int64_t theft_time;  // 0: the flow does not begin with the theft
	dp_flow_options options;
} t_print_recipe;

const t_print_recipe *t_print_recipes(uint32_t *ret_count);
const t_print_recipe *t_print_recipe_of(const char *incident);
// The flow's folder; false (and a line said) when it is not there.
bool t_print_folder(const t_print_recipe *r, char *out, size_t size);
// The flow with its sources marked, a graph that holds it, its fingerprint with its texts. Fails
// the test on any fault. The flow and the graph are the caller's where asked for (not NULL).
dp_fingerprint t_print_make(const t_print_recipe *r, dp_flow **ret_flow, dp_graph **ret_graph);
// As a file; to be freed with dp_free.
char *t_print_text(const dp_fingerprint *f);

#endif

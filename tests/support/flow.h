// Flows of money for tests of shapes: a mine, and short words to feed it.
#ifndef TESTS_SUPPORT_FLOW_H
#define TESTS_SUPPORT_FLOW_H

#include "technique/mine.h"

// All typologies of the table with their defaults, or one.
dp_mine *t_flow_mine(const dp_instance *instance, uint32_t count, int64_t window_s, bool is_case,
                     uint32_t undo_edges);
// Node numbers are the wallets' own (1, 2, ...): wallet `w` has key w * a large odd number.
uint64_t t_flow_key(uint32_t wallet);
// A transfer between wallets, its nodes made: everything but src and dst as given.
dp_edge t_flow_feed(dp_mine *m, uint32_t src, uint32_t dst, dp_transfer t);
// A plain payment of `amount` at `time`, in a transaction of its own, loot in parts of the whole.
dp_edge t_flow_pay(dp_mine *m, uint32_t src, uint32_t dst, int64_t time, uint64_t amount);
// The findings of a typology: how many; the first of them.
uint32_t t_flow_count(const dp_mine *m, const char *typology);
const dp_finding *t_flow_first(const dp_mine *m, const char *typology);
// All findings as text, one a line, in an order that does not hang on when they were made: two
// mines with the same text say the same. To be freed.
char *t_flow_text(const dp_mine *m);

#endif

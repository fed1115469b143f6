// See moves.h.
#include "support/moves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

dp_mine *t_moves_mine(const dp_typology *typology, bool is_case)
{
	dp_instance one = dp_instance_of(typology);
	return t_flow_mine(&one, 1, 0, is_case, 0);
}

dp_mine *t_moves_mine_with(const dp_typology *typology, bool is_case, const char *param,
                           int64_t value)
{
	dp_instance one = dp_instance_of(typology);
	uint32_t p = 0;
	while (p < DP_PARAMS_MAX && typology->param[p].name != NULL &&
	       strcmp(typology->param[p].name, param) != 0)
		p++;
	assert_true(p < DP_PARAMS_MAX && typology->param[p].name != NULL);
	one.param[p] = value;
	return t_flow_mine(&one, 1, 0, is_case, 0);
}

void t_moves_coins(dp_mine *m, uint32_t tx, int64_t time, uint32_t from, const t_output *output,
                   uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t more = i + 1 < count ? DP_TRF_MORE : 0;
		(void)t_flow_feed(m, from, output[i].to,
		                  (dp_transfer){.tx = tx,
		                                .time = time,
		                                .asset = 1,
		                                .amount = output[i].amount,
		                                .worth_high = DP_WORTH_NONE,
		                                .flags = (uint8_t)(DP_TRF_COINS | more)});
	}
}

uint32_t t_moves_count(const dp_mine *m)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < dp_mine_count(m); i++) n += !dp_mine_finding(m, i)->is_gone;
	return n;
}

const dp_finding *t_moves_only(const dp_mine *m)
{
	const dp_finding *only = NULL;
	assert_int_equal(t_moves_count(m), 1);
	for (uint32_t i = 0; i < dp_mine_count(m); i++)
		if (!dp_mine_finding(m, i)->is_gone) only = dp_mine_finding(m, i);
	return only;
}

int64_t t_moves_fact(const dp_mine *m, const dp_finding *f, const char *name)
{
	uint32_t count;
	const dp_typology *t = dp_mine_instance(m, &count)[f->instance].typology;
	for (uint32_t i = 0; i < DP_FACTS_MAX && t->fact[i].name != NULL; i++)
		if (strcmp(t->fact[i].name, name) == 0) return f->fact[i];
	fail_msg("%s has no fact %s", t->name, name);
	return 0;
}

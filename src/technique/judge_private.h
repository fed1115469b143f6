// Judging: what the files judge*.c share. Everybody else includes technique/judge.h.
#ifndef DP_TECHNIQUE_JUDGE_PRIVATE_H
#define DP_TECHNIQUE_JUDGE_PRIVATE_H

#include "technique/judge.h"

struct dp_judge {
	dp_judge_input in;
	uint32_t *order;                     // findings, by instance, then heaviest first
	uint32_t from[DP_INSTANCES_MAX + 1]; // of `order`, by instance
};

// Who is held responsible for the case on the overlap's other side, by whose word, if that is one
// of the rule's actors. A rule that names no actors takes any. Without somebody's word there is
// none.
bool dp_judge_attribution(const dp_judge *j, const dp_technique *t, const dp_overlap *o,
                          dp_attribution *ret_attribution);
bool dp_judge_names_actor(const dp_technique *t, const char *actor);

//- judge_step.c: one step, those that it follows or needs having been judged
void dp_judge_step(const dp_judge *j, dp_likeness *l, uint32_t step);

//- judge_say.c
void dp_judge_say(const dp_judge *j, dp_likeness *l);

#endif

// Who is told: the courier's way through the outbox, and a receiver at the other end, who drops
// what
// he has by (id, revision) and remembers through every crash of the teller.
#ifndef S_RECEIVER_H
#define S_RECEIVER_H

#include <sqlite3.h>

#include "sim/world.h"

enum { S_SINKS = 2, S_HEARD_MAX = 1 << 16 };
extern const char *const s_sinks[S_SINKS];

typedef struct s_heard {
	int sink;
	char id[40];
	uint32_t revision;
	char state; // 'p', 'c', 'w'
	uint64_t facts;
	uint32_t times;
} s_heard;

typedef struct s_receiver {
	s_heard *heard;
	uint32_t count;
	uint64_t messages, repeats;
	char why[400]; // what was wrong first; "": nothing
} s_receiver;

void s_receiver_done(s_receiver *r);
// Delivers at most `max` messages. Of 100, `fails` are not taken, or the answer is lost.
void s_deliver(s_receiver *r, sqlite3 *db, t_rng *rng, int64_t now_ms, uint32_t max,
               uint32_t fails);
// Everything that a message tells was heard, with the facts that the history has; and what holds is
// what was heard last.
bool s_receiver_has_all(s_receiver *r, sqlite3 *db);

#endif

// See receiver.h.
#include "sim/receiver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/outbox.h"
#include "sim/vfs.h"

const char *const s_sinks[S_SINKS] = {"desk", "pager"};

// What a message says, until it is known whether it arrives.
typedef struct opened {
	s_heard item[DP_MESSAGE_ALERTS_MAX];
	uint32_t count;
	int sink;
} opened;

static uint64_t sum_of(const char *s)
{
	uint64_t h = 1469598103934665603u;
	for (; *s != 0; s++) h = (h ^ (uint8_t)*s) * 1099511628211u;
	return h;
}

static dp_code hear(void *context, const dp_alert_row *row, const dp_alert_revision *r,
                    dp_fault *fault)
{
	opened *o = context;
	(void)fault;
	DP_CHECK(o->count < DP_MESSAGE_ALERTS_MAX);
	s_heard *h = &o->item[o->count++];
	*h = (s_heard){.sink = o->sink, .revision = r->revision, .state = r->state[0], .times = 1};
	h->facts = sum_of(r->facts);
	(void)snprintf(h->id, sizeof h->id, "%s", row->alert.id);
	return DP_OK;
}

static s_heard *find(s_receiver *r, int sink, const char *id, uint32_t revision)
{
	for (uint32_t i = r->count; i-- > 0;) {
		s_heard *h = &r->heard[i];
		if (h->revision == revision && h->sink == sink && strcmp(h->id, id) == 0) return h;
	}
	return NULL;
}

static void take(s_receiver *r, const opened *o)
{
	if (r->heard == NULL) r->heard = calloc(S_HEARD_MAX, sizeof *r->heard);
	DP_CHECK(r->heard != NULL);
	for (uint32_t i = 0; i < o->count; i++) {
		const s_heard *h = &o->item[i];
		s_heard *old = find(r, h->sink, h->id, h->revision);
		if (old == NULL) {
			DP_CHECK(r->count < S_HEARD_MAX);
			r->heard[r->count++] = *h;
			continue;
		}
		r->repeats++;
		old->times++;
		if (old->state == h->state && old->facts == h->facts) continue;
		(void)snprintf(r->why, sizeof r->why,
		               "I-4: revision %u of %s was told twice, and not the same",
		               h->revision, h->id);
	}
}

static bool run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

// One message: opened in a transaction, sent, and noted as sent in another. False: something
// failed,
// and the rest waits for the next time.
static bool deliver_one(s_receiver *r, sqlite3 *db, t_rng *rng, int64_t now_ms, int64_t seq,
                        opened *o, uint32_t fails)
{
	dp_fault fault;
	if (!run(db, "begin immediate")) return false;
	if (dp_outbox_open(db, seq, hear, o, &fault) != DP_OK || !run(db, "commit")) {
		(void)run(db, "rollback");
		return false;
	}
	uint32_t luck = t_below(rng, 100);
	bool arrives = luck >= fails / 2, answered = luck >= fails;
	if (arrives) take(r, o);
	r->messages++;
	if (!run(db, "begin immediate")) return false;
	bool good =
	    dp_outbox_done(db, seq, answered ? DP_OUTBOX_SENT : DP_OUTBOX_FAILED, "no answer",
	                   now_ms + 1000 + t_below(rng, 60000), now_ms, &fault) == DP_OK &&
	    run(db, "commit");
	if (!good) (void)run(db, "rollback");
	return good;
}

void s_deliver(s_receiver *r, sqlite3 *db, t_rng *rng, int64_t now_ms, uint32_t max, uint32_t fails)
{
	opened *o = calloc(1, sizeof *o);
	DP_CHECK(o != NULL);
	for (int sink = 0; sink < S_SINKS; sink++)
		for (uint32_t i = 0; i < max && !s_disk_is_dead(); i++) {
			dp_outbox_due due;
			int64_t wait;
			dp_fault fault;
			if (dp_outbox_next(db, &due, &wait, s_sinks[sink], now_ms, &fault) != DP_OK)
				break;
			o->sink = sink;
			o->count = 0;
			if (!deliver_one(r, db, rng, now_ms, due.seq, o, fails)) break;
		}
	free(o);
}

static int sink_of(const char *name)
{
	int sink = 0;
	while (sink < S_SINKS && strcmp(s_sinks[sink], name) != 0) sink++;
	DP_CHECK(sink < S_SINKS);
	return sink;
}

bool s_receiver_has_all(s_receiver *r, sqlite3 *db)
{
	sqlite3_stmt *s;
	uint64_t told = 0;
	if (r->why[0] != 0) return false;
	DP_CHECK(
	    sqlite3_prepare_v2(db,
	                       "select m.sink, t.id, t.revision, h.state, h.facts from telling t "
	                       "join message m on m.seq=t.message join history h on h.id=t.id "
	                       "and h.revision=t.revision",
	                       -1, &s, NULL) == SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW && r->why[0] == 0) {
		const char *sink = (const char *)sqlite3_column_text(s, 0);
		const char *id = (const char *)sqlite3_column_text(s, 1);
		uint32_t revision = (uint32_t)sqlite3_column_int(s, 2);
		const s_heard *h = find(r, sink_of(sink), id, revision);
		told++;
		if (h == NULL)
			(void)snprintf(r->why, sizeof r->why,
			               "I-4: revision %u of %s never reached %s", revision, id,
			               sink);
		else if (h->state != (char)sqlite3_column_text(s, 3)[0] ||
		         h->facts != sum_of((const char *)sqlite3_column_text(s, 4)))
			(void)snprintf(r->why, sizeof r->why,
			               "I-4: revision %u of %s was told otherwise than it stands",
			               revision, id);
	}
	(void)sqlite3_finalize(s);
	if (r->why[0] == 0 && told != r->count)
		(void)snprintf(r->why, sizeof r->why,
		               "I-4: %llu revisions are told, %u were heard: some are forgotten",
		               (unsigned long long)told, r->count);
	return r->why[0] == 0;
}

void s_receiver_done(s_receiver *r)
{
	free(r->heard);
	*r = (s_receiver){0};
}

// Services that tags name, as a casebook keeps them: private to this room and to the reports.
//
// State depends on what the tags said of the addresses that stolen money was sent to, and on no
// other tag. So a casebook keeps those answers (a row of `service` for every place where following
// ended, `holder.tag_stop` for holders; where dust went there was none), and a run that goes on
// with other tags is refused only when one of them would be different today: the state it would go
// on from is then not the one that these tags give (I-1).
#ifndef DP_CASEBOOK_SERVICE_H
#define DP_CASEBOOK_SERVICE_H

#include <sqlite3.h>

#include "base/fault.h"
#include "engine/engine.h"
#include "tag/index.h"

// flow.stop of an arrival at a tagged place; -1 is none, others count the places of the cases.
#define DP_FLOW_STOP_TAGGED (-2)

#define DP_SERVICE_SCHEMA                                                                          \
	"create table service(run integer not null, address text not null, since_height integer"   \
	" not null, stop integer not null, label text not null, category text not null, actor"     \
	" text not null, source text not null, list text not null, confidence integer not null,"   \
	" inferred integer not null, primary key(run, address)) without rowid;"                    \
	"create table tagset(run integer not null, height integer not null, digest blob not null," \
	" tags integer not null, primary key(run, height)) without rowid;"
#define DP_SERVICE_ADD                                                                             \
	"insert or ignore into service(run,address,since_height,stop,label,category,actor,source," \
	"list,confidence,inferred) values(?,?,?,?,?,?,?,?,?,?,?)"

// Parameters 4 and up of DP_SERVICE_ADD.
void dp_service_bind(sqlite3_stmt *stmt, const dp_tags *tags, const dp_tag_stop *stop);
// Do these tags (NULL: none) say of every address of the run what the earlier ones said?
// DP_BAD_CASE names the first of which they do not. What a case says of an address comes before
// any tag, so tags of that one may change. Engine: the run's, for its cases.
DP_MUST dp_code dp_service_check(sqlite3 *db, int64_t run, const dp_tags *tags, const dp_engine *e,
                                 uint32_t case_count, const dp_chain *chain, dp_fault *fault);
// From behind this height on the run is followed with these tags.
DP_MUST dp_code dp_service_tagset(sqlite3 *db, int64_t run, const dp_tags *tags, uint64_t height,
                                  dp_fault *fault);

#endif

// Facts of an alert from hostile bytes, told in every form. Invariants: each form is made, is
// bounded, is valid UTF-8 without anything that may not be shown; what is JSON can be read again;
// the line is one line. The first byte chooses kind and state, a 0x01 among the rest parts the
// facts of now from those that were told before.
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

#include "alert/body.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/utf8.h"

static sqlite3 *db;

static void make_casebook(void)
{
	static const char alerts[] = DP_OUTBOX_SCHEMA
	    "insert into message(seq,sink,rule,grp,state,made,due,count)"
	    " values(1,'desk','rule','','begun',0,0,1);"
	    "insert into telling(message,place,id,revision)"
	    " values(1,1,'0123456789abcdef0123456789abcdef',2);"
	    "insert into alert(id,incident,rule,kind,severity,state,revision,chain,height,time,tx,"
	    "subject,grp,digest,facts,raised,group_ms,burst,burst_ms) values("
	    "'0123456789abcdef0123456789abcdef','theft','rule','','high','',2,'eip155:1',5,6,'0x7',"
	    "'0x8','',x'00','',0,0,0,0);"
	    "insert into history(id,revision,state,at,why,height,facts)"
	    " values('0123456789abcdef0123456789abcdef',1,'',0,'',5,'');"
	    "insert into history(id,revision,state,at,why,height,facts)"
	    " values('0123456789abcdef0123456789abcdef',2,'',0,'why',5,'');";
	DP_CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
	DP_CHECK(sqlite3_exec(db, alerts, NULL, NULL, NULL) == SQLITE_OK);
}

static void set(const char *sql, const void *text, size_t n)
{
	sqlite3_stmt *s;
	DP_CHECK(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	DP_CHECK(sqlite3_bind_text(s, 1, text, (int)n, SQLITE_STATIC) == SQLITE_OK);
	DP_CHECK(sqlite3_step(s) == SQLITE_DONE);
	DP_CHECK(sqlite3_finalize(s) == SQLITE_OK);
}

static void check_clean(const char *text, size_t n, bool has_lines)
{
	for (size_t at = 0; at < n;) {
		uint32_t c = dp_utf8_next(text, n, &at);
		DP_CHECK(c != DP_UTF8_BAD);
		// U+200B is ours: it parts links in chats.
		DP_CHECK(dp_utf8_is_shown(c) || c == 0x200b || (has_lines && c == '\n'));
	}
}

static void check_form(dp_body_form form)
{
	char *text = NULL;
	size_t size = 0;
	dp_json *doc = NULL;
	DP_CHECK(dp_body_make(&text, &size, db, 1, form, "-1", NULL) == DP_OK);
	DP_CHECK(strlen(text) == size);
	if (form != DP_BODY_TEXT) {
		DP_CHECK(memchr(text, '\n', size) == NULL);
		DP_CHECK(dp_json_parse(&doc, text, size, NULL) == DP_OK);
	}
	const dp_json *inner = doc == NULL ? NULL : dp_json_get(doc, "text");
	const char *shown = inner != NULL ? dp_json_text(inner) : doc == NULL ? text : NULL;
	if (shown != NULL) {
		DP_CHECK(strlen(shown) <= DP_BODY_TEXT_MAX);
		check_clean(shown, strlen(shown), true);
	}
	dp_json_free(doc);
	dp_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = {"arrival", "move",    "wake",    "link",
	                                    "holder",  "watched", "finding", "freeze"};
	static const char *const states[] = {"pending", "confirmed", "withdrawn"};
	if (db == NULL) make_casebook();
	if (size == 0) return 0;
	const char *kind = kinds[data[0] % 8], *state = states[data[0] / 8 % 3],
	           *before = states[data[0] / 24 % 3];
	const uint8_t *facts = data + 1, *cut = memchr(facts, 1, size - 1);
	size_t left = size - 1, n = cut == NULL ? left : (size_t)(cut - facts);
	set("update alert set kind=?", kind, strlen(kind));
	set("update history set state=? where revision=2", state, strlen(state));
	set("update history set state=? where revision=1", before, strlen(before));
	set("update history set facts=? where revision=2", facts, n);
	set("update history set facts=? where revision=1", cut == NULL ? facts : cut + 1,
	    cut == NULL ? left : left - n - 1);
	for (int form = DP_BODY_JSON; form <= DP_BODY_TELEGRAM; form++)
		check_form((dp_body_form)form);
	char line[DP_BODY_LINE_MAX];
	DP_CHECK(dp_body_line(line, db, 1, NULL) == DP_OK);
	check_clean(line, strlen(line), false);
	return 0;
}

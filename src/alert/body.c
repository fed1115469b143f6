// What a message looks like to machines, and how its revisions are taken out of the casebook. The
// lines for people stand in body_text.c.
//
// Whoever made a token chose its symbol, and whoever wrote a tag chose its label; both may be ten
// megabytes of anything. So every text is cut when it is copied, facts that are too long or are no
// JSON object are replaced by a word about them, and what is read is written anew value by value:
// the receiver gets JSON that is valid whatever stood in the casebook. After one mebibyte no
// further alert is begun; those left out are counted in "more", and the casebook has them.
//
// Slack reads "&", "<" and ">" of a text as its marks (docs.slack.dev, "Formatting message text":
// these three are escaped as entities, and only these), and `mrkdwn: false` switches off the
// asterisks. Telegram's sendMessage takes plain text when no parse_mode is given.
#include "alert/body_private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"

//- taking a message out of the casebook ----------------------------------------------------------

// Copies at most `max` bytes; NULL becomes "".
static dp_code keep(dp_body_message *m, const char **ret_copy, const char *text, size_t max,
                    dp_fault *fault)
{
	if (text == NULL) text = "";
	const char *copy = dp_arena_text(&m->arena, text, strnlen(text, max));
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*ret_copy = copy;
	return DP_OK;
}

// Facts are all or nothing: a part of a JSON object is none.
static dp_code keep_facts(dp_body_message *m, const char **ret_copy, const char *facts,
                          dp_fault *fault)
{
	bool fits = facts != NULL && strnlen(facts, DP_BODY_FACTS_MAX + 1) <= DP_BODY_FACTS_MAX;
	return keep(m, ret_copy, fits ? facts : "", DP_BODY_FACTS_MAX, fault);
}

static dp_code take_revision(void *context, const dp_alert_row *row, const dp_alert_revision *r,
                             dp_fault *fault)
{
	dp_body_message *m = context;
	DP_CHECK(row != NULL && r != NULL && m->count <= DP_BODY_ALERTS_MAX);
	if (m->count == DP_BODY_ALERTS_MAX) {
		m->more++;
		return DP_OK;
	}
	const dp_alert *a = &row->alert;
	dp_body_item *i = &m->item[m->count];
	const struct {
		const char **to, *from;
	} texts[] = {
	    {&i->id, a->id},           {&i->incident, a->incident}, {&i->rule, a->rule},
	    {&i->kind, a->kind},       {&i->state, r->state},       {&i->severity, a->severity},
	    {&i->why, r->why},         {&i->chain, a->chain},       {&i->tx, a->tx},
	    {&i->subject, a->subject},
	};
	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
		DP_TRY(keep(m, texts[k].to, texts[k].from, DP_BODY_FIELD_MAX, fault));
	DP_TRY(keep_facts(m, &i->facts, r->facts, fault));
	i->facts_size = r->facts == NULL ? 0 : strlen(r->facts);
	i->was_state = "";
	i->was_facts = "";
	i->revision = r->revision;
	// The row says how the alert is now. Before it was in a block it had no height.
	i->has_height = a->has_height && strcmp(i->state, "pending") != 0;
	i->height = a->height;
	i->time = a->time;
	m->count++;
	return DP_OK;
}

static dp_code read_before(sqlite3 *db, sqlite3_stmt *stmt, dp_body_message *m, dp_body_item *i,
                           dp_fault *fault)
{
	dp_sql_text(stmt, 1, i->id);
	dp_sql_u64(stmt, 2, i->revision);
	dp_code code = dp_sql_row(db, stmt, fault);
	if (code == DP_END) return DP_OK;
	DP_TRY(code);
	i->was_at_ms = sqlite3_column_int64(stmt, 1);
	DP_TRY(keep(m, &i->was_state, dp_sql_get_text(stmt, 0), DP_BODY_FIELD_MAX, fault));
	return keep_facts(m, &i->was_facts, dp_sql_get_text(stmt, 2), fault);
}

// What was told before: a correction that does not say what it corrects is a riddle.
static dp_code take_before(sqlite3 *db, dp_body_message *m, dp_fault *fault)
{
	sqlite3_stmt *stmt = NULL;
	dp_code code = DP_OK;
	for (uint32_t k = 0; k < m->count && code == DP_OK; k++) {
		if (m->item[k].revision < 2) continue;
		if (stmt == NULL)
			code = dp_sql_prepare(db, &stmt,
			                      "select state, at, facts from history where id=? and"
			                      " revision<? order by revision desc limit 1",
			                      fault);
		if (code == DP_OK) code = read_before(db, stmt, m, &m->item[k], fault);
		if (stmt != NULL) (void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

static void release(dp_body_message *m)
{
	dp_arena_done(&m->arena);
	dp_free(m);
}

static dp_code take(dp_body_message **ret_message, sqlite3 *db, int64_t seq, dp_fault *fault)
{
	dp_body_message *m = dp_alloc(sizeof *m);
	if (m == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	m->seq = seq;
	dp_code code = dp_outbox_open(db, seq, take_revision, m, fault);
	if (code == DP_OK) code = take_before(db, m, fault);
	if (code == DP_OK && m->count == 0)
		code =
		    dp_fail(fault, DP_BAD_BYTES, "message %lld tells of nothing", (long long)seq);
	if (code != DP_OK) {
		release(m);
		return code;
	}
	*ret_message = m;
	return DP_OK;
}

//- JSON ------------------------------------------------------------------------------------------

typedef struct sink {
	char *text;
	uint64_t size, cap;
} sink;

static dp_code sink_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	// 100 alerts' facts and fields, each byte of which may become six: never reached,
	// because no alert is begun after DP_BODY_JSON_MAX.
	static const uint64_t size_max = 8 << 20;
	sink *s = context;
	void *items = s->text;
	DP_TRY(dp_grow(&items, &s->cap, 1, s->size + n + 1, size_max, fault));
	s->text = items;
	memcpy(s->text + s->size, text, n);
	s->size += n;
	s->text[s->size] = 0;
	return DP_OK;
}

// Recursion is bounded by DP_BODY_FACTS_DEPTH_MAX.
static void write_value(dp_json_out *o, const dp_json *v, uint32_t depth)
{
	uint64_t u;
	bool b, array = dp_json_is_array(v);
	if (depth > DP_BODY_FACTS_DEPTH_MAX) {
		dp_json_null(o);
	} else if (array || dp_json_is_object(v)) {
		(array ? dp_json_array : dp_json_object)(o);
		for (const dp_json *i = dp_json_first(v); i != NULL; i = dp_json_next(i)) {
			if (!array) dp_json_key(o, dp_json_name(i));
			write_value(o, i, depth + 1);
		}
		(array ? dp_json_array_end : dp_json_object_end)(o);
	} else if (dp_json_number(v) != NULL) {
		// A number that is no plain integer keeps its digits as a string (I-5).
		if (dp_json_u64(v, &u))
			dp_json_uint(o, u);
		else
			dp_json_string(o, dp_json_number(v));
	} else if (dp_json_text(v) != NULL) {
		dp_json_string_n(o, dp_json_text(v), dp_json_text_size(v));
	} else if (dp_json_bool(v, &b)) {
		dp_json_boolean(o, b);
	} else {
		dp_json_null(o);
	}
}

static dp_code write_facts(dp_json_out *o, const dp_body_item *i, dp_fault *fault)
{
	dp_json *doc = NULL;
	dp_code code = DP_BAD_BYTES;
	if (i->facts[0] != 0) code = dp_json_parse(&doc, i->facts, strlen(i->facts), fault);
	if (code == DP_NO_MEMORY) return code;
	dp_json_key(o, "facts");
	if (code == DP_OK && dp_json_is_object(doc)) {
		write_value(o, doc, 1);
	} else {
		dp_json_object(o);
		if (i->facts_size > 0) {
			dp_json_key(o, "left_out");
			dp_json_string(o, i->facts[0] == 0 ? "too long" : "no JSON object");
			dp_json_key(o, "bytes");
			dp_json_uint(o, i->facts_size);
		}
		dp_json_object_end(o);
	}
	dp_json_free(doc);
	return DP_OK;
}

static void write_field(dp_json_out *o, const char *key, const char *text, bool is_null)
{
	dp_json_key(o, key);
	if (is_null)
		dp_json_null(o);
	else
		dp_json_string(o, text);
}

static dp_code write_item(dp_json_out *o, const dp_body_item *i, dp_fault *fault)
{
	dp_json_object(o);
	write_field(o, "id", i->id, false);
	dp_json_key(o, "revision");
	dp_json_uint(o, i->revision);
	write_field(o, "state", i->state, false);
	write_field(o, "why", i->why, false);
	write_field(o, "incident", i->incident, false);
	write_field(o, "rule", i->rule, false);
	write_field(o, "kind", i->kind, false);
	write_field(o, "severity", i->severity, false);
	write_field(o, "chain", i->chain, false);
	dp_json_key(o, "height");
	if (i->has_height)
		dp_json_uint(o, i->height);
	else
		dp_json_null(o);
	dp_json_key(o, "time");
	dp_json_int(o, i->time);
	write_field(o, "tx", i->tx, i->tx[0] == 0);
	write_field(o, "subject", i->subject, false);
	DP_TRY(write_facts(o, i, fault));
	dp_json_object_end(o);
	return DP_OK;
}

static dp_code write_message(dp_json_out *o, const sink *s, const dp_body_message *m,
                             dp_fault *fault)
{
	dp_json_object(o);
	dp_json_key(o, "message");
	dp_json_int(o, m->seq);
	dp_json_key(o, "alerts");
	dp_json_array(o);
	uint32_t written = 0;
	for (; written < m->count && s->size < DP_BODY_JSON_MAX; written++)
		DP_TRY(write_item(o, &m->item[written], fault));
	dp_json_array_end(o);
	dp_json_key(o, "more");
	dp_json_uint(o, m->more + (m->count - written));
	dp_json_object_end(o);
	return dp_json_finish(o);
}

static dp_code write_chat(dp_json_out *o, const char *text, const char *chat)
{
	dp_json_object(o);
	if (chat != NULL) {
		dp_json_key(o, "chat_id");
		dp_json_string(o, chat);
	}
	dp_json_key(o, "text");
	dp_json_string(o, text);
	dp_json_key(o, chat != NULL ? "disable_web_page_preview" : "mrkdwn");
	dp_json_boolean(o, chat != NULL);
	dp_json_object_end(o);
	return dp_json_finish(o);
}

//- all together ----------------------------------------------------------------------------------

static dp_code make(sink *s, const dp_body_message *m, dp_body_form form, const char *chat,
                    dp_fault *fault)
{
	dp_json_out o = {.write = sink_write, .context = s, .fault = fault, .compact_depth = 1};
	if (form == DP_BODY_JSON) {
		DP_TRY(write_message(&o, s, m, fault));
	} else {
		char text[DP_BODY_TEXT_MAX + 1];
		bool is_chat = form == DP_BODY_SLACK || form == DP_BODY_TELEGRAM;
		dp_body_text t = {.out = text,
		                  .max = DP_BODY_TEXT_MAX,
		                  .is_slack = form == DP_BODY_SLACK,
		                  .is_chat = is_chat};
		DP_TRY(dp_body_people(&t, m, fault));
		if (!is_chat) return sink_write(s, t.out, t.size, fault);
		DP_TRY(write_chat(&o, t.out, form == DP_BODY_TELEGRAM ? chat : NULL));
	}
	// The newline that ends a document is the file's affair, not the message's.
	DP_CHECK(s->size > 0 && s->text[s->size - 1] == '\n');
	s->text[--s->size] = 0;
	return DP_OK;
}

dp_code dp_body_make(char **ret_text, size_t *ret_size, sqlite3 *db, int64_t message,
                     dp_body_form form, const char *chat, dp_fault *fault)
{
	DP_CHECK(form >= DP_BODY_JSON && form <= DP_BODY_TELEGRAM);
	DP_CHECK(form != DP_BODY_TELEGRAM || chat != NULL);
	dp_body_message *m;
	DP_TRY(take(&m, db, message, fault));
	sink s = {0};
	dp_code code = make(&s, m, form, chat, fault);
	release(m);
	if (code != DP_OK) {
		dp_free(s.text);
		return code;
	}
	*ret_text = s.text;
	*ret_size = (size_t)s.size;
	return DP_OK;
}

dp_code dp_body_line(char ret_line[DP_BODY_LINE_MAX], sqlite3 *db, int64_t message, dp_fault *fault)
{
	dp_body_message *m;
	DP_TRY(take(&m, db, message, fault));
	char line[DP_BODY_LINE_MAX];
	dp_body_text t = {.out = line, .max = sizeof line - 1};
	dp_code code = dp_body_headline(&t, m, fault);
	release(m);
	DP_TRY(code);
	memcpy(ret_line, line, t.size + 1);
	return DP_OK;
}

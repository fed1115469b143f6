// The sinks of a rules file: where alerts go. See rules.h.
//
// Keys that hold secrets stand in files of their own, so that rules can be shown to a colleague or
// kept under version control; such a file is read once, when the rules are, and must be a plain one
// (not a pipe that would be waited on for ever). No text of a fault holds any part of a secret or
// of a URL, for the URLs of chat services are secrets too.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "alert/rules_private.h"
#include "base/check.h"
#include "source/url.h"

enum {
	SECRET_MAX = 4096,
	WORD_MAX = 4096,  // of a command, a path
	WORDS_MAX = 256,  // of a command, of people who get mail
	CHAT_MAX = 128,   // of Telegram's names for chats
	MAIL_MAX = 254,   // of an address (RFC 5321, as corrected by erratum 1690)
	TRY_MS = 10000,   // of one try over HTTP
	CHILD_MS = 30000, // of one that starts a program
};

static const char sendmail_usual[] = "/usr/sbin/sendmail";

//- files -----------------------------------------------------------------------------------------

// A path as it is meant: against the folder of the rules unless it is absolute.
static dp_code resolve(const dp_rules_reader *r, const char *path, const char **ret_path)
{
	if (path[0] == '/' || r->folder[0] == 0 || strcmp(r->folder, ".") == 0) {
		*ret_path = path;
		return DP_OK;
	}
	size_t n = strlen(r->folder) + strlen(path) + 2;
	char *whole = dp_arena_alloc(&r->rules->arena, n);
	if (whole == NULL) return dp_rules_no_memory(r);
	(void)snprintf(whole, n, "%s/%s", r->folder, path);
	*ret_path = whole;
	return DP_OK;
}

static dp_code read_path(const dp_rules_reader *r, const dp_yaml *v, const char **ret_path)
{
	DP_TRY(dp_rules_text(r, v, WORD_MAX, ret_path));
	if ((*ret_path)[v->size - 1] == '/')
		return dp_rules_wrong(r, v, "the name of a file is wanted, not of a folder");
	return resolve(r, *ret_path, ret_path);
}

// How many bytes the file has, at most `size`; -1 with errno, -2 when it is no plain file.
static ssize_t read_file(const char *path, char *out, size_t size)
{
	struct stat st;
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return -1;
	bool is_plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	ssize_t got = is_plain ? 1 : -2;
	while (got > 0 && n < size) {
		got = read(fd, out + n, size - n);
		if (got > 0) n += (size_t)got;
	}
	int error = errno;
	(void)close(fd);
	errno = error;
	return got < 0 ? got : (ssize_t)n;
}

static dp_code read_secret(const dp_rules_reader *r, const dp_yaml *v, const char **ret_secret)
{
	char text[SECRET_MAX + 1];
	const char *path;
	DP_TRY(read_path(r, v, &path));
	ssize_t size = read_file(path, text, sizeof text);
	if (size == -1)
		return dp_fail_at(r->fault, DP_BAD_CASE, v->line, v->column,
		                  "the secret '%.120s' cannot be read: %s", path, strerror(errno));
	if (size < 0) return dp_rules_wrong(r, v, "the secret must be in a plain file");
	if (size > SECRET_MAX)
		return dp_rules_wrong(r, v, "a secret has 4096 bytes at most: is it this file?");
	size_t n = (size_t)size;
	// Editors end files with a new line, which is not meant.
	if (n > 0 && text[n - 1] == '\n') n--;
	if (n > 0 && text[n - 1] == '\r') n--;
	if (n == 0) return dp_rules_wrong(r, v, "the file of the secret is empty");
	if (memchr(text, 0, n) != NULL)
		return dp_rules_wrong(r, v,
		                      "the secret has a byte of zero in it: write it as text");
	*ret_secret = dp_arena_text(&r->rules->arena, text, n);
	explicit_bzero(text, sizeof text);
	return *ret_secret == NULL ? dp_rules_no_memory(r) : DP_OK;
}

//- values ----------------------------------------------------------------------------------------

static dp_code read_url(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	dp_url url;
	DP_TRY(dp_rules_text(r, v, DP_URL_MAX, &s->url));
	dp_fault why = {0};
	if (dp_url_split(&url, s->url, &why) != DP_OK) return dp_rules_wrong(r, v, why.text);
	if (url.login != NULL)
		return dp_rules_wrong(r, v,
		                      "the URL has a login in it: sign with `secret-file` instead");
	return DP_OK;
}

static dp_code read_command(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	DP_TRY(dp_rules_words(r, v, WORDS_MAX, WORD_MAX, &s->list, &s->list_count, NULL));
	// A bare name is looked for in PATH, as a shell would.
	return strchr(s->list[0], '/') == NULL ? DP_OK : resolve(r, s->list[0], &s->list[0]);
}

// Only what cannot be mistaken for an option or for several addresses by a mailer.
static dp_code check_mail(const dp_rules_reader *r, const dp_yaml *v)
{
	const char *at = strchr(v->text, '@');
	bool is_good = at != NULL && at != v->text && at[1] != 0 && strchr(at + 1, '@') == NULL &&
	               v->text[0] != '-' && strpbrk(v->text, " ,;<>\"()[]\\:|") == NULL;
	return is_good ? DP_OK
	               : dp_rules_wrong(r, v, "an address of mail is written desk@example.org");
}

static dp_code read_mail(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	return dp_rules_words(r, v, WORDS_MAX, MAIL_MAX, &s->list, &s->list_count, check_mail);
}

static dp_code read_file_sink(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	return read_path(r, v, &s->path);
}

static dp_code read_syslog(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	static const char *const names[] = {"daemon", "user",   "auth",   "authpriv", "local0",
	                                    "local1", "local2", "local3", "local4",   "local5",
	                                    "local6", "local7", NULL};
	static const int values[] = {LOG_DAEMON, LOG_USER,   LOG_AUTH,   LOG_AUTHPRIV,
	                             LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2, LOG_LOCAL3,
	                             LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};
	DP_TRY(dp_rules_scalar(r, v));
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], v->text) == 0) {
			s->facility = values[i];
			return DP_OK;
		}
	return dp_rules_bad_word(r, v, names, "facility of syslog (daemon, user, local0, ...)");
}

static dp_code read_secret_file(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	return read_secret(r, v, &s->secret);
}

static dp_code read_chat(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	return dp_rules_text(r, v, CHAT_MAX, &s->chat);
}

static dp_code read_from(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	DP_TRY(dp_rules_text(r, v, MAIL_MAX, &s->from));
	return check_mail(r, v);
}

static dp_code read_timeout(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	return dp_rules_duration(r, v, 100, 600000, &s->timeout_ms);
}

static dp_code read_give_up(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	return dp_rules_duration(r, v, 1000, 365 * DP_RULES_DAY_MS, &s->give_up_ms);
}

//- sinks -----------------------------------------------------------------------------------------

enum {
	WEBHOOK = 1 << DP_SINK_WEBHOOK,
	SLACK = 1 << DP_SINK_SLACK,
	TELEGRAM = 1 << DP_SINK_TELEGRAM,
	COMMAND = 1 << DP_SINK_COMMAND,
	FILES = 1 << DP_SINK_FILE,
	SYSLOG = 1 << DP_SINK_SYSLOG,
	MAIL = 1 << DP_SINK_MAIL,
	WAITS = WEBHOOK | SLACK | TELEGRAM | COMMAND | MAIL, // somebody's answer is waited for
	ALL = WAITS | FILES | SYSLOG
};

// A sink's kind is the one key of the first seven that it has.
static const struct {
	const char *name;
	dp_code (*read)(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s);
	uint32_t good_for;
	dp_sink_kind kind;
} keys[] = {
    {"webhook", read_url, WEBHOOK, DP_SINK_WEBHOOK},
    {"slack", read_url, SLACK, DP_SINK_SLACK},
    {"telegram", read_url, TELEGRAM, DP_SINK_TELEGRAM},
    {"command", read_command, COMMAND, DP_SINK_COMMAND},
    {"file", read_file_sink, FILES, DP_SINK_FILE},
    {"syslog", read_syslog, SYSLOG, DP_SINK_SYSLOG},
    {"mail", read_mail, MAIL, DP_SINK_MAIL},
    {"secret-file", read_secret_file, WEBHOOK, 0},
    {"chat", read_chat, TELEGRAM, 0},
    {"from", read_from, MAIL, 0},
    {"sendmail", read_file_sink, MAIL, 0},
    {"timeout", read_timeout, WAITS, 0},
    {"give-up", read_give_up, ALL, 0},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static uint32_t find_key(const char *name)
{
	uint32_t at = 0;
	while (at < KEY_COUNT && strcmp(keys[at].name, name) != 0) at++;
	return at;
}

static dp_code find_kind(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	const char *known[KEY_COUNT + 1] = {NULL}, *kind = NULL;
	for (uint32_t i = 0; i < KEY_COUNT; i++) known[i] = keys[i].name;
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t at = find_key(m->key);
		if (at == KEY_COUNT) return dp_rules_bad_key(r, m, known, "a sink");
		if (keys[at].kind == 0) continue;
		if (kind != NULL)
			return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			                  "a sink is one thing: it has `%s` already", kind);
		kind = keys[at].name;
		s->kind = keys[at].kind;
	}
	if (kind != NULL) return DP_OK;
	return dp_rules_wrong(r, v,
	                      "a sink has one of webhook, slack, telegram, command, file, syslog "
	                      "and mail");
}

static dp_code read_sink(const dp_rules_reader *r, const dp_yaml *v, dp_sink_config *s)
{
	DP_TRY(find_kind(r, v, s));
	bool starts = s->kind == DP_SINK_COMMAND || s->kind == DP_SINK_MAIL;
	s->timeout_ms = starts ? CHILD_MS : TRY_MS;
	s->give_up_ms = DP_RULES_DAY_MS;
	if (s->kind == DP_SINK_MAIL) s->path = sendmail_usual;
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		uint32_t at = find_key(m->key);
		DP_CHECK(at < KEY_COUNT);
		if ((keys[at].good_for & 1u << s->kind) == 0)
			return dp_fail_at(r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			                  "`%s` means nothing for this kind of sink", m->key);
		DP_TRY(keys[at].read(r, m, s));
	}
	if (s->kind == DP_SINK_TELEGRAM && s->chat == NULL)
		return dp_rules_wrong(r, v, "a sink of telegram needs `chat`");
	if (s->kind == DP_SINK_MAIL && s->from == NULL)
		return dp_rules_wrong(r, v, "a sink of mail needs `from`");
	return DP_OK;
}

static bool is_name(const char *name)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._-";
	size_t n = strlen(name);
	return n > 0 && n < DP_SINK_NAME_MAX && strspn(name, letters) == n;
}

dp_code dp_rules_read_sinks(dp_rules_reader *r, const dp_yaml *v)
{
	dp_alert_rules *rules = r->rules;
	if (v->kind != DP_YAML_MAP)
		return dp_rules_wrong(r, v, "`sinks` is a map: `desk: {webhook: \"https://...\"}`");
	if (v->size > DP_SINKS_MAX) return dp_rules_wrong(r, v, "more than 32 sinks");
	if (v->size == 0) return DP_OK;
	rules->sink = dp_arena_alloc(&rules->arena, v->size * sizeof *rules->sink);
	if (rules->sink == NULL) return dp_rules_no_memory(r);
	for (const dp_yaml *m = v->first; m != NULL; m = m->next) {
		dp_sink_config *s = &rules->sink[rules->sink_count];
		if (!is_name(m->key))
			return dp_fail_at(
			    r->fault, DP_BAD_CASE, m->key_line, m->key_column,
			    "a sink's name has 1 to 63 letters, digits, '.', '_', '-'");
		if (m->kind != DP_YAML_MAP)
			return dp_rules_wrong(r, m, "a sink is a map: {webhook: \"https://...\"}");
		*s = (dp_sink_config){.line = m->key_line};
		s->name = dp_arena_text(&rules->arena, m->key, strlen(m->key));
		if (s->name == NULL) return dp_rules_no_memory(r);
		DP_TRY(read_sink(r, m, s));
		rules->sink_count++;
	}
	return DP_OK;
}

dp_code dp_rules_plain_webhook(dp_alert_rules *io_rules, const char *url, const char *secret,
                               dp_fault *fault)
{
	dp_url parts;
	DP_CHECK(url != NULL && io_rules->sink == NULL);
	DP_TRY(dp_url_split(&parts, url, fault));
	if (parts.login != NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "the webhook's URL has a login in it: sign with a secret instead");
	dp_sink_config *s = dp_arena_alloc(&io_rules->arena, sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	*s = (dp_sink_config){.name = "webhook",
	                      .kind = DP_SINK_WEBHOOK,
	                      .url = dp_arena_text(&io_rules->arena, url, strlen(url)),
	                      .timeout_ms = TRY_MS,
	                      .give_up_ms = DP_RULES_DAY_MS};
	if (secret != NULL) s->secret = dp_arena_text(&io_rules->arena, secret, strlen(secret));
	if (s->url == NULL || (secret != NULL && s->secret == NULL))
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	io_rules->sink = s;
	io_rules->sink_count = 1;
	return DP_OK;
}

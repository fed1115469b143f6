// dyepack follow: cases followed at the tip of their chains, for as long as one wants.
#include "cli/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "casebook/docket.h"
#include "cli/docket_cases.h"
#include "cli/run.h"
#include "dp_version.h"
#include "source/aside.h"

enum { SECRET_MAX = 4096, POLL_MS_MAX = 600000, DRAIN_MS = 30000, ONCE_IDLE_MS = 50 };

static const char usage[] =
    "Usage: dyepack follow CASEBOOK [CASE.yaml...] SOURCE... [options]\n\n"
    "Follows the cases of a casebook as new blocks come, and tells of what somebody asked to be "
    "told:\n"
    "arrivals at services, moves, bridges, mixers, freezes. Catches up from where it stopped, goes "
    "back\n"
    "when a chain reorganises, and may be killed at any time: nothing is lost, nothing told "
    "twice.\n"
    "SOURCE is a node (http://127.0.0.1:8545), or a ledger for the older blocks; where it does "
    "not\n"
    "tell its chain: CHAIN=SOURCE. Case files given here are entered, as by 'dyepack case add'.\n"
    "Alerts: docs/how-to/alerts.md. Running it for months: docs/OPERATING.md.\n";

//- what is on the command line -------------------------------------------------------------------

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

static int sort_arguments(follow *f, int count, char **argv)
{
	f->path = dp_alloc(((size_t)count + 1) * sizeof *f->path);
	f->case_path = dp_alloc(((size_t)count + 1) * sizeof *f->case_path);
	if (f->path == NULL || f->case_path == NULL)
		return dp_cli_misuse("follow", "out of memory");
	for (int i = 1; i <= count; i++) {
		if (ends_with(argv[i], ".yaml") || ends_with(argv[i], ".yml"))
			f->case_path[f->case_count++] = argv[i];
		else if (f->casebook == NULL)
			f->casebook = argv[i];
		else
			f->path[f->path_count++] = argv[i];
	}
	if (f->casebook == NULL) return dp_cli_misuse("follow", "name a casebook");
	if (f->path_count == 0)
		return dp_cli_misuse("follow", "no source: name a node (http://127.0.0.1:8545)");
	return DP_EXIT_DONE;
}

static int check_words(follow *f)
{
	uint64_t n;
	if (f->confirmations != NULL) {
		if (!dp_cli_number(f->confirmations, &n) || n == 0 || n > 1000)
			return dp_cli_misuse("follow",
			                     "--confirmations takes a number from 1 to 1000");
		f->source_options.confirmations = (uint32_t)n;
	}
	if (f->poll != NULL) {
		if (!dp_cli_number(f->poll, &n) || n == 0 || n > POLL_MS_MAX)
			return dp_cli_misuse("follow", "--poll takes milliseconds, from 1 to %d",
			                     POLL_MS_MAX);
		f->poll_ms = (uint32_t)n;
	}
	bool known = f->log_form == NULL || strcmp(f->log_form, "text") == 0 ||
	             strcmp(f->log_form, "json") == 0;
	if (!known) return dp_cli_misuse("follow", "--log takes text or json");
	dp_logger_level level;
	if (f->level != NULL && !dp_logger_level_parse(&level, f->level))
		return dp_cli_misuse("follow", "--level takes debug, info, warn or error");
	if (f->webhook != NULL && f->rules_path != NULL)
		return dp_cli_misuse("follow",
		                     "--webhook goes with the built-in rules: name it as "
		                     "a sink in %s",
		                     f->rules_path);
	if (f->secret_path != NULL && f->webhook == NULL)
		return dp_cli_misuse("follow", "--webhook-secret signs what goes to --webhook");
	return DP_EXIT_DONE;
}

//- opening ---------------------------------------------------------------------------------------

// One follower at a time: a second one would only throw away what the first has in memory, and the
// other way round. A file of its own, for closing the casebook would give SQLite's locks up.
static dp_code take_lock(follow *f, dp_fault *fault)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s.follow", f->casebook);
	if (n < 0 || (size_t)n >= sizeof path)
		return dp_fail(fault, DP_BAD_CASE, "the casebook's path is too long");
	f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (f->lock_fd < 0) return dp_fail(fault, DP_IO, "%s: %s", path, strerror(errno));
	if (flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0) return DP_OK;
	return dp_fail(
	    fault, DP_BUSY,
	    "somebody follows this casebook already: 'dyepack case add' gives it more to "
	    "follow");
}

static dp_code read_rules(follow *f, dp_fault *fault)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	dp_code code;
	if (f->rules_path != NULL) {
		DP_TRY(dp_cli_read_file(f->rules_path, &bytes, &size, DP_ALERT_RULES_BYTES_MAX,
		                        fault));
		char folder[4096] = ".";
		const char *slash = strrchr(f->rules_path, '/');
		if (slash != NULL)
			(void)snprintf(folder, sizeof folder, "%.*s",
			               slash == f->rules_path ? 1 : (int)(slash - f->rules_path),
			               f->rules_path);
		code = dp_alert_rules_parse(&f->rules, (const char *)bytes, size, folder, fault);
		if (code != DP_OK) dp_fault_file(fault, f->rules_path);
		dp_free(bytes);
		return code;
	}
	char *secret = NULL;
	if (f->secret_path != NULL) {
		DP_TRY(dp_cli_read_file(f->secret_path, &bytes, &size, SECRET_MAX, fault));
		secret = (char *)bytes; // terminated by dp_cli_read_file
		while (size > 0 && (secret[size - 1] == '\n' || secret[size - 1] == '\r'))
			secret[--size] = 0;
		if (size == 0) {
			code = dp_fail(fault, DP_BAD_CASE, "holds no secret");
			dp_fault_file(fault, f->secret_path);
			dp_free(bytes);
			return code;
		}
	}
	code = dp_alert_rules_default(&f->rules, f->webhook, secret, fault);
	dp_free(bytes);
	return code;
}

static dp_code open_parts(follow *f, dp_fault *fault)
{
	const dp_chain *named[DP_CASE_CHAINS_MAX];
	uint32_t named_count = 0;
	DP_TRY(read_rules(f, fault));
	dp_code code = dp_advice_load(&f->advice, f->contacts, fault);
	if (code != DP_OK && f->contacts != NULL) dp_fault_file(fault, f->contacts);
	DP_TRY(code);
	// The built-in tags know mixers and bridges: they are asked whether more are given or not.
	follow_stamp_tags(f);
	DP_TRY(dp_cli_tags_load(&f->tags, &f->tag_files, f->quiet, fault));
	DP_TRY(take_lock(f, fault));
	DP_TRY(dp_docket_enter(f->casebook, f->case_path, f->case_count, true, named, &named_count,
	                       fault));
	DP_TRY(follow_group(f, named, named_count, fault));
	dp_logger_options l = {.fd = STDERR_FILENO,
	                       .is_json = f->log_form != NULL && strcmp(f->log_form, "json") == 0,
	                       .is_quiet = f->quiet};
	if (f->level != NULL) (void)dp_logger_level_parse(&l.level_min, f->level);
	DP_TRY(dp_logger_open(&f->log, &l, fault));
	if (f->metrics_at == NULL) return DP_OK;
	dp_metrics_options m = {
	    .address = f->metrics_at, .is_public = f->metrics_public, .version = DP_VERSION};
	return dp_metrics_start(&f->metrics, &m, fault);
}

static void wake_courier(void *context)
{
	const follow *f = context;
	if (f->courier != NULL) dp_courier_wake(f->courier);
}

static bool wants_to_stop(void *context)
{
	(void)context;
	return dp_run_interrupted();
}

static void courier_notice(void *context, const char *sink, const char *text)
{
	const follow *f = context;
	size_t n =
	    strlen(sink); // its words begin with the sink's name, which has a field of its own
	bool is_named = strncmp(text, sink, n) == 0 && strncmp(text + n, ": ", 2) == 0;
	dp_logger_notice(f->log, sink, is_named ? text + n + 2 : text);
}

// A node on this machine is asked five times a second, others once: who hosts them counts.
static uint32_t usual_poll_ms(const follow *f)
{
	static const char *const near[] = {"http://127.", "http://localhost:", "http://[::1]"};
	for (uint32_t i = 0; i < f->chain_count; i++) {
		const char *node = f->chain[i].node, *at = node != NULL ? strrchr(node, '@') : NULL;
		bool is_near = node == NULL;
		char url[64] = "http://";
		if (node != NULL && at != NULL)
			(void)snprintf(url + 7, sizeof url - 7, "%.40s", at + 1);
		else if (node != NULL)
			(void)snprintf(url, sizeof url, "%.60s", node);
		for (int k = 0; k < 3; k++) is_near |= strncmp(url, near[k], strlen(near[k])) == 0;
		if (!is_near) return 1000;
	}
	return 200;
}

static dp_code open_all(follow *f, dp_fault *fault)
{
	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake_fd < 0) return dp_fail(fault, DP_IO, "eventfd: %s", strerror(errno));
	DP_TRY(open_parts(f, fault));
	dp_live_options o = {.casebook = f->casebook,
	                     .chain = f->chains,
	                     .chain_count = f->chain_count,
	                     .tags = f->tags,
	                     .rules = &f->rules,
	                     .advice = f->advice,
	                     .wants_pending = !f->no_pending,
	                     .assume_clean = f->assume_clean,
	                     .poll_ms = f->poll_ms != 0 ? f->poll_ms : usual_poll_ms(f),
	                     .context = f,
	                     .open = follow_open,
	                     .is_ready = dp_aside_is_idle,
	                     .has_node = follow_has_node,
	                     .open_ledger = follow_has_ledger(f) ? follow_open_ledger : NULL,
	                     .said = follow_said,
	                     .raised = wake_courier,
	                     .stopped = wants_to_stop};
	DP_TRY(dp_live_new(&f->live, &o, fault));
	DP_TRY(follow_open_heads(f, fault));
	if (f->rules.sink_count == 0) return DP_OK;
	dp_courier_options c = {.casebook = f->casebook,
	                        .rules = &f->rules,
	                        .search_path = getenv("PATH"),
	                        .context = f,
	                        .notice = courier_notice};
	return dp_courier_start(&f->courier, &c, fault);
}

static void close_all(follow *f)
{
	dp_courier_stop(f->courier);
	for (uint32_t i = 0; i < f->chain_count; i++) dp_heads_close(f->chain[i].heads);
	dp_live_free(f->live);
	dp_metrics_stop(f->metrics);
	dp_logger_close(f->log);
	dp_alert_rules_done(&f->rules);
	dp_advice_free(f->advice);
	dp_tags_free(f->tags);
	if (f->lock_fd >= 0) (void)close(f->lock_fd);
	if (f->wake_fd >= 0) (void)close(f->wake_fd);
	dp_free(f->path);
	dp_free(f->case_path);
}

//- the loop --------------------------------------------------------------------------------------

// Until a node has answered, a head has told, or so many milliseconds have passed.
static void wait_for(follow *f, int64_t ms)
{
	struct pollfd fds[1 + DP_LIVE_CHAINS_MAX];
	uint32_t count = 0;
	fds[count++] = (struct pollfd){.fd = f->wake_fd, .events = POLLIN};
	for (uint32_t i = 0; i < f->chain_count; i++) {
		bool write;
		if (f->chain[i].heads == NULL) continue;
		int fd = dp_heads_fd(f->chain[i].heads, &write);
		uint32_t soon = dp_heads_wait_ms(f->chain[i].heads);
		if (soon < ms) ms = soon;
		if (fd < 0) continue;
		fds[count++] =
		    (struct pollfd){.fd = fd, .events = (short)(write ? POLLIN | POLLOUT : POLLIN)};
	}
	if (ms > 250) ms = 250; // a signal between the question and the wait is not missed for long
	(void)poll(fds, count, (int)ms);
	uint64_t drop;
	(void)!read(f->wake_fd, &drop, sizeof drop);
}

static void find_heads(follow *f)
{
	for (uint32_t i = 0; i < f->chain_count; i++) {
		follow_chain *k = &f->chain[i];
		follow_find_heads(f, k->chain, dp_live_heads_url(f->live, k->chain));
		dp_live_heads(f->live, k->chain, k->heads_are_up && !f->no_pending);
	}
}

// With --once: is there nothing more to do, or nothing that can be done?
static bool is_over(follow *f, dp_fault *fault, dp_code *ret_code)
{
	dp_live_stats s;
	*ret_code = DP_OK;
	if (!f->once) return false;
	dp_live_stats_get(f->live, &s);
	for (uint32_t i = 0; i < s.chain_count; i++) {
		if (s.chain[i].failing == 0) continue;
		*ret_code = dp_fail(fault, DP_IO, "%s: the source cannot be read; see the log",
		                    s.chain[i].chain->name);
		return true;
	}
	if (!dp_live_is_level(f->live)) return false;
	uint32_t stopped = s.broken;
	for (uint32_t i = 0; i < s.chain_count; i++)
		stopped += s.chain[i].stopped + s.chain[i].absent;
	if (stopped > 0)
		*ret_code = dp_fail(fault, DP_BAD_CASE,
		                    "%u of the cases cannot be followed as they stand; see the log",
		                    stopped);
	return true;
}

static dp_code loop(follow *f, dp_fault *fault)
{
	dp_code code = DP_OK;
	while (!dp_run_interrupted()) {
		int64_t wait = 0;
		DP_TRY(follow_hear(f, fault));
		DP_TRY(follow_tags(f, fault));
		DP_TRY(dp_live_step(f->live, &wait, fault));
		find_heads(f);
		follow_status(f);
		if (is_over(f, fault, &code)) break;
		if (wait > 0) wait_for(f, wait);
	}
	dp_fault second;
	dp_code saved = dp_live_save(f->live, code == DP_OK ? fault : &second);
	if (code == DP_OK) code = saved;
	if (f->once && f->courier != NULL && !dp_run_interrupted() &&
	    !dp_courier_drain(f->courier, DRAIN_MS))
		dp_log(f->log, DP_LOG_WARN, "stop",
		       DP_F("text",
		            "not everything could be told: 'dyepack alerts list' has it, and "
		            "the next run goes on"));
	return code;
}

static int run(follow *f)
{
	dp_fault fault = {0};
	dp_run_watch_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	dp_code code = open_all(f, &fault);
	if (code == DP_OK) {
		dp_log(f->log, DP_LOG_INFO, "start", DP_F("version", DP_VERSION),
		       DP_F("casebook", f->casebook));
		code = loop(f, &fault);
		dp_log(f->log, DP_LOG_INFO, "stop",
		       DP_F("state", dp_run_interrupted() ? "asked to" : "done"));
	}
	close_all(f);
	return code == DP_OK ? DP_EXIT_DONE : dp_cli_fault(&fault);
}

int dp_cmd_follow(int argc, char **argv)
{
	static follow f = {.wake_fd = -1, .lock_fd = -1};
	const dp_option options[] = {
	    {"rules", "FILE", "what is to be told, and where (default: built-in rules)", NULL,
	     &f.rules_path},
	    {"webhook", "URL", "tell it here, by the built-in rules", NULL, &f.webhook},
	    {"webhook-secret", "FILE", "sign what goes to --webhook with this", NULL,
	     &f.secret_path},
	    {"contacts", "FILE", "whom to call, beside the built-in list", NULL, &f.contacts},
	    DP_CLI_TAGS_OPTION(&f.tag_files),
	    {"confirmations", "N", "follow a block when so many stand on one another (default 1)",
	     NULL, &f.confirmations},
	    {"poll", "MS",
	     "look for a new block at least so often (default: 200 near by, else 1000)", NULL,
	     &f.poll},
	    {"heads", "URL...", "who tells of new blocks: zmq:tcp://H:P, ws://H:P, ipc:/PATH", NULL,
	     f.heads_url},
	    {"no-pending", NULL, "only what is in a block", &f.no_pending, NULL},
	    {"once", NULL, "catch up, tell, and end", &f.once, NULL},
	    {"metrics", "ADDR:PORT", "figures for Prometheus on this port of the machine", NULL,
	     &f.metrics_at},
	    {"metrics-public", NULL, "on an address that others can reach", &f.metrics_public,
	     NULL},
	    {"log", "FORM", "text or json", NULL, &f.log_form},
	    {"level", "LEVEL", "debug, info, warn, error (default info)", NULL, &f.level},
	    {"assume-clean", NULL, "go on where the value of a spent output is unknown",
	     &f.assume_clean, NULL},
	    {"login", "USER:PASSWORD", "for a node (or in the variable DYEPACK_LOGIN)", NULL,
	     &f.from.login},
	    {"cookie", "FILE", "a node's cookie file, instead of a login", NULL, &f.from.cookie},
	    {"in-flight", "N", "requests to a node at a time (default 8)", NULL, &f.from.in_flight},
	    {"memory", "MIB", "memory for look-ups (default 4096)", NULL, &f.from.memory},
	    {"quiet", NULL, "no status line, no alerts on the terminal: only what is wrong",
	     &f.quiet, NULL},
	    {NULL, NULL, NULL, NULL, NULL},
	};
	int count;
	bool help;
	if (!dp_cli_options(argc, argv, options, usage, &count, &help)) return DP_EXIT_MISUSE;
	if (help) return DP_EXIT_DONE;
	int exit_code = sort_arguments(&f, count, argv);
	if (exit_code == DP_EXIT_DONE)
		exit_code = dp_cli_source_read(&f.from, &f.source_options, "follow");
	if (exit_code == DP_EXIT_DONE) exit_code = check_words(&f);
	return exit_code == DP_EXIT_DONE ? run(&f) : exit_code;
}

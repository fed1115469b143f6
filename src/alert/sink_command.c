// A program as a sink, and what runs it (for sendmail, too).
//
//   stdin   the message, through a pipe that never blocks us: who does not read it need not
//   stdout  /dev/null
//   stderr  a pipe that is read and thrown away; its first line may stand in the error
//   others  closed: whatever some library left open is none of the program's business
//
// No shell is involved: words are words, whatever stands in them. The environment is PATH and six
// DYEPACK_ALERT_* variables. The program leads a process group of its own; when its time is over,
// or we are to stop, the group is killed. A program that ends well may leave something running
// behind it (mail servers do), and that is left alone.
//
// posix_spawn and not fork: this process has threads and may hold gigabytes; between fork and exec
// hardly anything may be called, and page tables would be copied. The end of the program is seen by
// a pidfd (Linux 5.3), and where there is none by looking every 20 ms.
#include "alert/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

enum { LOOK_MS = 20, KILL_MS = 400, SAID_BYTES = 512, ENV_COUNT = 7 };

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

typedef struct child {
	pid_t pid;
	int in, err, pidfd; // -1: closed
	const char *input;
	size_t input_size;
	char said[SAID_BYTES];
	size_t said_size;
	bool has_ended, is_lost;
	int status;
} child;

static void close_fd(int *io_fd)
{
	if (*io_fd >= 0) (void)close(*io_fd);
	*io_fd = -1;
}

// A pipe whose ends are none of 0, 1 and 2: those are replaced in the child one after the other.
static bool make_pipe(int ret_ends[2])
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) return false;
	for (int i = 0; i < 2; i++) {
		if (ends[i] > 2) continue;
		int higher = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
		int failure = errno;
		(void)close(ends[i]);
		ends[i] = higher;
		if (higher >= 0) continue;
		if (ends[1 - i] >= 0) (void)close(ends[1 - i]);
		errno = failure;
		return false;
	}
	memcpy(ret_ends, ends, sizeof ends);
	return true;
}

// Where the program is: as written when there is a slash in its name, else in the first folder of
// the search path that has it.
static bool find_program(char out[4096], const char *name, const char *folders)
{
	if (strchr(name, '/') != NULL) return (size_t)snprintf(out, 4096, "%s", name) < 4096;
	while (*folders != 0) {
		size_t n = strcspn(folders, ":");
		int size = snprintf(out, 4096, "%.*s/%s", (int)n, n > 0 ? folders : ".", name);
		if (n > 0 && size > 0 && size < 4096 && access(out, X_OK) == 0) return true;
		folders += n + (folders[n] == ':');
	}
	return false;
}

typedef struct variables {
	char text[ENV_COUNT][DP_LETTER_FIELD_MAX + 64];
	char path[8192];
	char *list[ENV_COUNT + 1];
} variables;

static void fill_variables(variables *v, const dp_letter *l, const char *path)
{
	const struct {
		const char *name, *value;
	} all[] = {
	    {"ID", l->id},     {"INCIDENT", l->incident}, {"RULE", l->rule},
	    {"KIND", l->kind}, {"SEVERITY", l->severity}, {"STATE", l->state},
	};
	_Static_assert(sizeof all / sizeof *all + 1 == ENV_COUNT, "and PATH");
	for (size_t i = 0; i < ENV_COUNT - 1; i++) {
		(void)snprintf(v->text[i], sizeof v->text[i], "DYEPACK_ALERT_%s=%s", all[i].name,
		               all[i].value);
		v->list[i] = v->text[i];
	}
	(void)snprintf(v->path, sizeof v->path, "PATH=%s", path);
	v->list[ENV_COUNT - 1] = v->path;
	v->list[ENV_COUNT] = NULL;
}

// posix_spawn's own words for "what the child begins with". An error number, or 0.
static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, int in, int err)
{
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGKILL);
	(void)sigdelset(&all, SIGSTOP);
	int flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	int failure = posix_spawn_file_actions_adddup2(actions, in, 0);
	if (failure == 0)
		failure = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
	if (failure == 0) failure = posix_spawn_file_actions_adddup2(actions, err, 2);
	if (failure == 0) failure = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	if (failure == 0) failure = posix_spawnattr_setflags(attr, (short)flags);
	if (failure == 0) failure = posix_spawnattr_setpgroup(attr, 0);
	if (failure == 0) failure = posix_spawnattr_setsigmask(attr, &none);
	if (failure == 0) failure = posix_spawnattr_setsigdefault(attr, &all);
	return failure;
}

static int spawn(pid_t *ret_pid, const char *program, const char *const *words, char *const *env,
                 int in, int err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int failure = posix_spawn_file_actions_init(&actions);
	if (failure != 0) return failure;
	failure = posix_spawnattr_init(&attr);
	if (failure == 0) {
		failure = prepare(&actions, &attr, in, err);
		// The words are not changed; the type is history's.
		if (failure == 0)
			failure = posix_spawn(ret_pid, program, &actions, &attr,
			                      (char *const *)(uintptr_t)words, env);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return failure;
}

// False, and the error in `d`, when it cannot be started.
static bool start(child *c, dp_sink *s, dp_delivery *d, const dp_letter *letter,
                  const char *const *words)
{
	char program[4096];
	const char *path = s->search_path == NULL ? default_path : s->search_path;
	int in[2] = {-1, -1}, err[2] = {-1, -1};
	if (!find_program(program, words[0], path)) {
		dp_delivery_fail(d, "%s: not found", words[0]);
		return false;
	}
	variables *v = dp_alloc(sizeof *v);
	bool has_in = v != NULL && make_pipe(in), has_err = has_in && make_pipe(err);
	int failure = v == NULL ? ENOMEM : !has_err ? errno : 0;
	if (has_err && failure == 0) {
		fill_variables(v, letter, path);
		failure = spawn(&c->pid, program, words, v->list, in[0], err[1]);
	}
	dp_free(v);
	if (has_in) (void)close(in[0]);
	if (has_err) (void)close(err[1]);
	if (has_in) c->in = in[1];
	if (has_err) c->err = err[0];
	if (failure == 0) {
		(void)fcntl(c->in, F_SETFL, O_NONBLOCK);
		(void)fcntl(c->err, F_SETFL, O_NONBLOCK);
		c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
		return true;
	}
	close_fd(&c->in);
	close_fd(&c->err);
	dp_delivery_fail(d, "%s: %s", words[0], strerror(failure));
	return false;
}

static void feed(child *c)
{
	ssize_t n = write(c->in, c->input, c->input_size);
	if (n > 0) {
		c->input += n;
		c->input_size -= (size_t)n;
	} else if (errno != EAGAIN && errno != EINTR) {
		c->input_size = 0; // it does not want to read more: its exit status will tell
	}
	if (c->input_size == 0) close_fd(&c->in);
}

// Reads on after the first bytes, or a program that says much would wait for us.
static void hear(child *c)
{
	char bytes[16 << 10];
	ssize_t n = read(c->err, bytes, sizeof bytes);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) close_fd(&c->err);
		return;
	}
	size_t wanted = sizeof c->said - c->said_size;
	if ((size_t)n < wanted) wanted = (size_t)n;
	memcpy(c->said + c->said_size, bytes, wanted);
	c->said_size += wanted;
}

static void look(child *c)
{
	pid_t ended = waitpid(c->pid, &c->status, WNOHANG);
	c->is_lost = ended < 0 && errno == ECHILD; // somebody ignores SIGCHLD
	c->has_ended = ended == c->pid || c->is_lost;
}

// Kills the group and waits for its leader. One that the kernel does not let go (a disk that does
// not answer) is not waited for any longer than a stop may take.
static void end(child *c)
{
	(void)kill(-c->pid, SIGKILL);
	int64_t until_ms = dp_sink_now_ms() + KILL_MS;
	for (look(c); !c->has_ended && dp_sink_now_ms() < until_ms; look(c)) {
		struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
		(void)poll(&p, 1, c->pidfd < 0 ? 1 : LOOK_MS);
	}
}

// Until it has ended, its time is over, or we are to stop.
static void attend(child *c, const dp_sink *s, dp_delivery *d)
{
	int64_t until_ms = dp_sink_now_ms() + s->config.timeout_ms;
	for (look(c); !c->has_ended; look(c)) {
		int64_t left = until_ms - dp_sink_now_ms();
		struct pollfd p[4] = {
		    {.fd = s->stop_fd, .events = POLLIN},
		    {.fd = c->in, .events = POLLOUT},
		    {.fd = c->err, .events = POLLIN},
		    {.fd = c->pidfd, .events = POLLIN},
		};
		int look_ms = c->pidfd < 0 ? LOOK_MS : 1000;
		if (left > 0) (void)poll(p, 4, left < look_ms ? (int)left : look_ms);
		if (p[0].revents != 0) {
			d->is_broken_off = true;
			return;
		}
		if (c->in >= 0 && p[1].revents != 0) feed(c);
		if (c->err >= 0 && p[2].revents != 0) hear(c);
		if (left <= 0) {
			dp_delivery_fail(d, "not done after %lld ms",
			                 (long long)s->config.timeout_ms);
			return;
		}
	}
	// What it said last is still in the pipe; the bound keeps out those it left behind.
	for (int i = 0; i < 4 && c->err >= 0 && c->said_size < sizeof c->said; i++) hear(c);
}

static void judge(const child *c, dp_delivery *d)
{
	char said[DP_SINK_SAID_MAX * 4 + 8];
	dp_sink_said(said, sizeof said, c->said, c->said_size);
	const char *colon = said[0] == 0 ? "" : ": ";
	if (c->is_lost)
		dp_delivery_fail(d, "its exit status cannot be read (SIGCHLD is ignored)");
	else if (WIFSIGNALED(c->status))
		dp_delivery_fail(d, "killed by signal %d%s%s", WTERMSIG(c->status), colon, said);
	else if (WEXITSTATUS(c->status) == 0)
		d->is_taken = true;
	else
		dp_delivery_fail(d, "exit status %d%s%s", WEXITSTATUS(c->status), colon, said);
}

void dp_sink_run(dp_sink *s, dp_delivery *ret_delivery, const dp_letter *letter,
                 const char *const *words, const char *input, size_t input_size)
{
	DP_CHECK(words != NULL && words[0] != NULL);
	DP_CHECK(input != NULL);
	dp_delivery *d = ret_delivery;
	child c = {.in = -1, .err = -1, .pidfd = -1, .input = input, .input_size = input_size};
	if (!start(&c, s, d, letter, words)) return;
	attend(&c, s, d);
	if (c.has_ended)
		judge(&c, d);
	else
		end(&c);
	close_fd(&c.in);
	close_fd(&c.err);
	close_fd(&c.pidfd);
}

static dp_code open_command(dp_sink *s, dp_fault *fault)
{
	if (s->config.list_count > 0 && s->config.list[0][0] != 0) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE, "sink %s: the command has no words", s->config.name);
}

static void send_command(dp_sink *s, dp_delivery *d, const dp_letter *letter)
{
	dp_sink_run(s, d, letter, s->config.list, letter->body, letter->body_size);
}

const dp_sink_ops dp_sink_command = {
    .form = DP_BODY_JSON, .open = open_command, .send = send_command};

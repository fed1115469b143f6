// See die.h.
#include "support/die.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_child(void (*act)(void), int out)
{
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL); // cmocka and sanitizers like to catch it
	(void)dup2(out, 2);
	act();
	_exit(0);
}

bool t_dies(void (*act)(void), const char *words)
{
	int ends[2];
	if (pipe(ends) != 0) return false;
	fflush(NULL);
	pid_t child = fork();
	if (child < 0) return false;
	if (child == 0) run_child(act, ends[1]);
	close(ends[1]);
	char said[1024];
	size_t n = 0;
	for (ssize_t got; n + 1 < sizeof said; n += (size_t)got)
		if ((got = read(ends[0], said + n, sizeof said - 1 - n)) <= 0) break;
	said[n] = '\0';
	close(ends[0]);
	int status = 0;
	if (waitpid(child, &status, 0) != child) return false;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(said, words) != NULL;
}

// See source_options.h.
#include "cli/source_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/time.h"

enum { IN_FLIGHT_MAX = 64, THREADS_MAX = 64, TRIES_MAX = 100, MEMORY_MIB_MAX = 1 << 20 };

// A height is digits and nothing else; whatever else is given has to be a time.
static bool height_or_time(const char *text, bool *ret_is_height, uint64_t *ret_height,
                           int64_t *ret_time)
{
	*ret_is_height = dp_cli_number(text, ret_height);
	return *ret_is_height || dp_time_parse(ret_time, text, strlen(text));
}

static bool small_number(const char *text, uint32_t max, uint32_t *ret_value)
{
	uint64_t v;
	if (!dp_cli_number(text, &v) || v == 0 || v > max) return false;
	*ret_value = (uint32_t)v;
	return true;
}

static int read_range(dp_cli_source *s, dp_source_options *o, const char *command)
{
	static const char *const example = "takes a height or a time such as 2025-03-04T00:00:00Z";
	bool is_height;
	uint64_t height = 0;
	int64_t time = 0;
	s->height_max = UINT64_MAX;
	s->time_max = INT64_MAX;
	if (s->until != NULL) {
		if (!height_or_time(s->until, &is_height, &height, &time))
			return dp_cli_misuse(command, "--until %s", example);
		if (is_height) {
			s->height_max = height;
			o->has_height_max = true;
			o->height_max = height;
		} else {
			s->time_max = time;
		}
	}
	if (s->from == NULL) return DP_EXIT_DONE;
	if (!height_or_time(s->from, &is_height, &height, &time))
		return dp_cli_misuse(command, "--from %s", example);
	s->is_from_given = true;
	o->begin.has_height = is_height;
	o->begin.height = height;
	o->begin.has_time = !is_height;
	o->begin.time = time;
	return DP_EXIT_DONE;
}

int dp_cli_source_read(dp_cli_source *s, dp_source_options *ret_options, const char *command)
{
	dp_source_options o = {.map = s->map, .cookie = s->cookie};
	DP_CHECK(command != NULL);
	int exit_code = read_range(s, &o, command);
	if (exit_code != DP_EXIT_DONE) return exit_code;
	if (s->start_height != NULL) {
		o.has_height_start = true;
		if (!dp_cli_number(s->start_height, &o.height_start))
			return dp_cli_misuse(command, "--start-height takes a block height");
	}
	if (s->memory != NULL) {
		if (!dp_cli_number(s->memory, &o.memory_max) || o.memory_max == 0 ||
		    o.memory_max > MEMORY_MIB_MAX)
			return dp_cli_misuse(command, "--memory takes a number of MiB");
		o.memory_max <<= 20;
	}
	if (s->in_flight != NULL && !small_number(s->in_flight, IN_FLIGHT_MAX, &o.in_flight))
		return dp_cli_misuse(command, "--in-flight takes a number from 1 to %d",
		                     IN_FLIGHT_MAX);
	if (s->tries != NULL && !small_number(s->tries, TRIES_MAX, &o.tries))
		return dp_cli_misuse(command, "--tries takes a number from 1 to %d", TRIES_MAX);
	if (s->threads != NULL && !small_number(s->threads, THREADS_MAX, &o.threads))
		return dp_cli_misuse(command, "--threads takes a number from 1 to %d", THREADS_MAX);
	// Not shown, not kept: a password on the command line is seen by everybody on the machine.
	o.login = s->login != NULL ? s->login : getenv("DYEPACK_LOGIN");
	if (o.login != NULL && strchr(o.login, ':') == NULL)
		return dp_cli_misuse(command, "--login takes USER:PASSWORD");
	*ret_options = o;
	return DP_EXIT_DONE;
}

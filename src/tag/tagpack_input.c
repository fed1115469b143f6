// The events of a pack with what it includes, and the way of complaints; see tagpack_private.h.
//
// `!include other.yaml` puts the value of another file where it stands (pyyamlinclude, which
// GraphSense's loader uses). A pack from a stranger must not read the user's other files: a name is
// taken relative to the file that it stands in, no absolute one is, and what it resolves to, links
// followed, must lie below the folder of the pack and be a regular file. Includes of includes go
// PACK_FILES_MAX deep; a file that includes itself is named with the chain that leads there.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "tag/tagpack_private.h"

//- complaints ------------------------------------------------------------------------------------

const char *dp_pack_path(const pack_reader *r)
{
	return r->file_count == 0 ? r->main_path : r->file[r->file_count - 1].path;
}

dp_code dp_pack_fail(pack_reader *r, uint32_t line, uint32_t column, const char *format, ...)
{
	char text[DP_FAULT_TEXT_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	dp_code code = dp_fail_at(r->fault, DP_BAD_BYTES, line, column, "%s", text);
	if (r->fault != NULL) dp_fault_file(r->fault, dp_pack_path(r));
	return code;
}

dp_code dp_pack_complain(pack_reader *r, bool is_warning, const char *file, uint32_t line,
                         uint32_t column, const char *format, ...)
{
	dp_fault what = {0};
	char text[DP_FAULT_TEXT_MAX];
	va_list args;
	if (!is_warning) r->is_bad = true;
	// The survey sees everything that will be read again; and where a pack is begun twice, what
	// was said the first time is not repeated.
	if (r->is_survey || r->complaint_count++ < r->complaint_skip) return DP_OK;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	dp_code code = dp_fail_at(&what, DP_BAD_BYTES, line, column, "%s", text);
	dp_fault_file(&what, file == NULL ? dp_pack_path(r) : file);
	if (r->sink->complain != NULL)
		return r->sink->complain(r->sink->context, &what, is_warning, r->fault);
	if (is_warning) return DP_OK;
	if (r->fault != NULL) *r->fault = what;
	return code;
}

//- files -----------------------------------------------------------------------------------------

static dp_code file_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	pack_file *f = context;
	DP_CHECK(f->input != NULL);
	return dp_input_read(f->input, buffer, size, ret_size, fault);
}

static dp_code file_rewind(void *context, dp_fault *fault)
{
	pack_file *f = context;
	dp_input *again;
	DP_TRY(dp_input_open(&again, f->path, fault));
	dp_input_close(f->input);
	f->input = again;
	return DP_OK;
}

static void close_top(pack_reader *r)
{
	DP_CHECK(r->file_count > 0);
	pack_file *f = &r->file[--r->file_count];
	dp_yaml_stream_close(f->stream);
	dp_input_close(f->input);
	*f = (pack_file){0};
}

void dp_pack_close(pack_reader *r)
{
	while (r->file_count > 0) close_top(r);
}

// Puts a file on top. `path` must stay.
static dp_code push(pack_reader *r, const char *path, bool can_reread)
{
	DP_CHECK(r->file_count < PACK_FILES_MAX);
	pack_file *f = &r->file[r->file_count++];
	*f = (pack_file){.path = path, .is_empty = true};
	dp_yaml_source source = {file_read, can_reread ? file_rewind : NULL, f};
	dp_code code = dp_input_open(&f->input, path, r->fault);
	if (code == DP_OK) code = dp_yaml_stream_open(&f->stream, &source, r->fault);
	if (code != DP_OK) {
		if (r->fault != NULL && r->fault->file[0] == 0) dp_fault_file(r->fault, path);
		close_top(r);
	}
	return code;
}

// The folder of the pack, resolved; "" when there is none to include from.
static void find_root(pack_reader *r)
{
	char path[PACK_PATH_SIZE];
	r->root[0] = 0;
	if (strcmp(r->main_path, "-") == 0 || realpath(r->main_path, path) == NULL) return;
	char *slash = strrchr(path, '/');
	DP_CHECK(slash != NULL);
	slash[1] = 0; // with its slash: "/a/b/" is no beginning of "/a/bc/d"
	memcpy(r->root, path, strlen(path) + 1);
}

dp_code dp_pack_open(pack_reader *r)
{
	DP_CHECK(r->file_count == 0);
	if (r->main_text != NULL) {
		pack_file *f = &r->file[r->file_count++];
		*f = (pack_file){.path = r->main_path,
		                 .memory = {r->main_text, r->main_size, 0},
		                 .is_empty = true};
		dp_yaml_source source = dp_yaml_memory_source(&f->memory);
		dp_code code = dp_yaml_stream_open(&f->stream, &source, r->fault);
		if (code != DP_OK) close_top(r);
		return code;
	}
	struct stat st = {0};
	r->can_reread =
	    strcmp(r->main_path, "-") != 0 && stat(r->main_path, &st) == 0 && S_ISREG(st.st_mode);
	DP_TRY(push(r, r->main_path, r->can_reread));
	if (r->can_reread) {
		r->file[0].device = st.st_dev;
		r->file[0].inode = st.st_ino;
	}
	find_root(r);
	return DP_OK;
}

//- includes --------------------------------------------------------------------------------------

// "a.yaml -> b.yaml -> a.yaml", cut where it grows too long.
static void write_chain(const pack_reader *r, char *out, size_t size, const char *last)
{
	size_t n = 0, root = strlen(r->root);
	out[0] = 0;
	for (uint32_t i = 0; i <= r->file_count && n < size; i++) {
		const char *path = i == r->file_count ? last : r->file[i].path;
		const char *slash = strrchr(path, '/');
		if (root > 0 && strncmp(path, r->root, root) == 0)
			path += root;
		else if (slash != NULL)
			path = slash + 1;
		int more = snprintf(out + n, size - n, "%s%s", i == 0 ? "" : " -> ", path);
		DP_CHECK(more >= 0);
		n += (size_t)more;
	}
}

// What a name in the current file resolves to, in `out`. Says what is wrong with it otherwise.
static dp_code resolve(pack_reader *r, char out[PACK_PATH_SIZE], const dp_yaml_event *e)
{
	char joined[PACK_PATH_SIZE], here[PACK_PATH_SIZE];
	if (r->root[0] == 0)
		return dp_pack_fail(r, e->line, e->column,
		                    "!include works in files only: write the value out");
	if (e->size == 0 || e->text[0] == '/')
		return dp_pack_fail(r, e->line, e->column,
		                    "!include \"%.80s\": name a file relative to this one",
		                    e->text);
	if (realpath(dp_pack_path(r), here) == NULL)
		return dp_pack_fail(r, e->line, e->column, "!include: %s", strerror(errno));
	char *slash = strrchr(here, '/');
	DP_CHECK(slash != NULL);
	slash[1] = 0;
	int n = snprintf(joined, sizeof joined, "%s%s", here, e->text);
	if (n < 0 || (size_t)n >= sizeof joined)
		return dp_pack_fail(r, e->line, e->column, "!include: the name is too long");
	if (realpath(joined, out) == NULL)
		return dp_pack_fail(r, e->line, e->column,
		                    "!include \"%.80s\": %s; the name is relative to this file",
		                    e->text, strerror(errno));
	if (strncmp(out, r->root, strlen(r->root)) != 0)
		return dp_pack_fail(r, e->line, e->column,
		                    "!include \"%.80s\" leads out of the folder of the pack: put "
		                    "the file beside the pack or below",
		                    e->text);
	return DP_OK;
}

static dp_code include(pack_reader *r, const dp_yaml_event *e)
{
	char path[PACK_PATH_SIZE], chain[DP_FAULT_TEXT_MAX / 2];
	struct stat st;
	DP_TRY(resolve(r, path, e));
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return dp_pack_fail(r, e->line, e->column,
		                    "!include \"%.80s\": this is no ordinary file", e->text);
	bool is_cycle = false;
	for (uint32_t i = 0; i < r->file_count; i++)
		is_cycle |= r->file[i].device == st.st_dev && r->file[i].inode == st.st_ino;
	if (is_cycle || r->file_count == PACK_FILES_MAX) {
		write_chain(r, chain, sizeof chain, path);
		return dp_pack_fail(r, e->line, e->column,
		                    is_cycle ? "a cycle of includes (%s): take one of them out"
		                             : "includes are nested too deep (%s): put the text of "
		                               "some into the others",
		                    chain);
	}
	// Paths outlive the files: fields remember where they stand.
	if (r->path_count == PACK_PATHS_MAX)
		return dp_pack_fail(r, e->line, e->column, "more than 256 includes in one pack");
	char *kept = dp_arena_text(&r->paths, path, strlen(path));
	if (kept == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	r->path_count++;
	DP_TRY(push(r, kept, true));
	r->file[r->file_count - 1].device = st.st_dev;
	r->file[r->file_count - 1].inode = st.st_ino;
	return DP_OK;
}

dp_code dp_pack_next(pack_reader *r, dp_yaml_event *ret_event)
{
	for (;;) {
		DP_CHECK(r->file_count > 0);
		pack_file *f = &r->file[r->file_count - 1];
		dp_code code = dp_yaml_stream_next(f->stream, ret_event, r->fault);
		if (code == DP_END && r->file_count > 1) {
			bool is_empty = f->is_empty;
			close_top(r);
			if (!is_empty) continue;
			*ret_event = (dp_yaml_event){.is_plain = true, .line = 1, .text = ""};
			return DP_OK;
		}
		if (code != DP_OK) {
			if (code != DP_END && r->fault != NULL && r->fault->file[0] == 0)
				dp_fault_file(r->fault, f->path);
			return code;
		}
		f->is_empty = false;
		if (!ret_event->is_include) return DP_OK;
		DP_TRY(include(r, ret_event));
	}
}

dp_code dp_pack_skip(pack_reader *r, const dp_yaml_event *first)
{
	dp_yaml_event e = *first;
	for (uint32_t depth = 0;;) {
		if (e.kind == DP_YAML_EVENT_LIST || e.kind == DP_YAML_EVENT_MAP) depth++;
		if (e.kind == DP_YAML_EVENT_LIST_END || e.kind == DP_YAML_EVENT_MAP_END) depth--;
		if (depth == 0) return DP_OK;
		DP_TRY(dp_pack_next(r, &e));
	}
}

//- looking ahead ---------------------------------------------------------------------------------

// What a line that begins at the first column may be: nothing of the header, a key, or the list.
typedef enum line_kind { LINE_INSIDE, LINE_KEY, LINE_LIST } line_kind;

static line_kind kind_of(const pack_reader *r, const char *p, size_t n)
{
	const char *list = r->is_actors ? "actors" : "tags";
	if (n == 0 || memchr(" \t\r\n#", *p, 5) != NULL) return LINE_INSIDE;
	if (*p == '-' && (n == 1 || memchr(" \t\r\n", p[1], 4) != NULL)) return LINE_INSIDE;
	if (*p == '"' || *p == '\'') {
		p++;
		n--;
	}
	return n > strlen(list) && memcmp(p, list, strlen(list)) == 0 ? LINE_LIST : LINE_KEY;
}

// Bytes of the whole pack, as the reader for looking ahead gets them.
typedef struct glance {
	dp_input *input; // NULL: memory
	dp_yaml_memory memory;
} glance;

static dp_code glance_read(glance *g, char *buffer, size_t size, size_t *ret_size, dp_fault *fault)
{
	if (g->input != NULL) return dp_input_read(g->input, buffer, size, ret_size, fault);
	dp_yaml_source source = dp_yaml_memory_source(&g->memory);
	return source.read(source.context, buffer, size, ret_size, fault);
}

// Goes through the lines in a buffer of `size` bytes, of which `kept` are left for the next time.
static bool has_key_behind(const pack_reader *r, const char *buffer, size_t size, bool is_last,
                           bool *io_is_line_start, bool *io_has_list, size_t *ret_kept)
{
	enum { NEEDED = 16 };
	const char *p = buffer, *end = buffer + size;
	while (p < end) {
		if (*io_is_line_start) {
			if (!is_last && end - p < NEEDED) break;
			line_kind kind = kind_of(r, p, (size_t)(end - p));
			if (kind != LINE_INSIDE && *io_has_list) return true;
			if (kind == LINE_LIST) *io_has_list = true;
		}
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		*io_is_line_start = line_end != NULL;
		p = line_end == NULL ? end : line_end + 1;
	}
	*ret_kept = (size_t)(end - p);
	return false;
}

dp_code dp_pack_has_late_keys(pack_reader *r, bool *ret_may)
{
	enum { SIZE = 64 << 10 };
	glance g = {.memory = {r->main_text, r->main_size, 0}};
	bool is_line_start = true, has_list = false, may = false;
	size_t kept = 0, n = 1;
	dp_code code = DP_OK;
	char *buffer = dp_alloc(SIZE);
	if (buffer == NULL) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	if (r->main_text == NULL) code = dp_input_open(&g.input, r->main_path, r->fault);
	while (code == DP_OK && n > 0 && !may) {
		code = glance_read(&g, buffer + kept, SIZE - kept, &n, r->fault);
		if (code != DP_OK) break;
		size_t size = kept + n;
		may = has_key_behind(r, buffer, size, n == 0, &is_line_start, &has_list, &kept);
		memmove(buffer, buffer + size - kept, may ? 0 : kept);
	}
	dp_input_close(g.input);
	dp_free(buffer);
	*ret_may = may || !has_list;
	return code;
}

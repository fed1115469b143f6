// See tag_ear.h.
#include "support/tag_ear.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_down(t_tag_ear *ear, const char *format, ...)
{
	size_t n = strlen(ear->text);
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(ear->text + n, sizeof ear->text - n, format, arguments);
	va_end(arguments);
}

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	(void)fault;
	write_down(context, "L %s|%s|%s\n", list->name, list->creator, list->kind);
	return DP_OK;
}

static dp_code on_tag(void *context, const dp_tag *t, dp_fault *fault)
{
	t_tag_ear *ear = context;
	(void)fault;
	ear->tags++;
	write_down(ear, "T %s|%s|%s|%s|%s|%s|%u|%u%s%s%s%s\n", t->text,
	           t->place.network == 0 ? "" : dp_network_at(t->place.network)->name, t->label,
	           t->category, t->actor, t->source, t->confidence, t->line,
	           t->concepts[0] != 0 ? "|c:" : "", t->concepts, t->context[0] != 0 ? "|x:" : "",
	           t->context);
	return DP_OK;
}

static dp_code on_actor(void *context, const dp_actor *a, dp_fault *fault)
{
	(void)fault;
	write_down(context, "A %s\n", a->id);
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	t_tag_ear *ear = context;
	if (is_warning)
		ear->warnings++;
	else
		ear->left_out++;
	write_down(ear, "%s %u %s\n", is_warning ? "W" : "E", what->line, what->text);
	if (is_warning || !ear->stops) return DP_OK;
	if (fault != NULL) *fault = *what;
	return what->code;
}

dp_tag_sink t_tag_ear_sink(t_tag_ear *ear)
{
	return (dp_tag_sink){on_list, on_tag, on_actor, on_complaint, ear};
}

dp_code t_tag_ear_read(t_tag_ear *ear, const char *name, const char *text, size_t n,
                       const char *kind, const dp_tag_defaults *defaults, dp_fault *fault)
{
	char folder[] = "/tmp/dyepack-ear-XXXXXX", path[200];
	dp_tag_defaults none = {.confidence = -1, .date = DP_NO_DATE};
	if (mkdtemp(folder) == NULL) return DP_IO;
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	if (file == NULL || fwrite(text, 1, n, file) != n || fclose(file) != 0) abort();
	dp_tag_sink sink = t_tag_ear_sink(ear);
	dp_code code = dp_tag_read(path, kind, defaults != NULL ? defaults : &none, &sink, fault);
	(void)unlink(path);
	(void)rmdir(folder);
	return code;
}

// How fast are TagPacks read? Packs of the shared data, their entries repeated under their header
// until the file has TAGPACK_MB megabytes (24), and beside each other in the same run:
//
//   dyepack    the reader of tag/tagpack.c: every tag with what it inherits, its category looked up
//              and its address taken apart with its checksum, to a sink that counts
//   PyYAML     bench/peers/tags: yaml.load with CSafeLoader and a walk over the entries
//   libyaml    its bare loop of events over the bytes in memory
//   stream     codec/yaml_stream.h alone
//   lines      reading the file and finding the ends of its lines: what cannot be avoided
//
//   ransomware   addresses of Bitcoin, plain texts           (base58check: two SHA-256 a tag)
//   defi         addresses of Ethereum in quotes, lower case
//   blacklist    the same with contexts in JSON, folded over two lines
//   actors       the ActorPack, lists and nested maps
//
// The goal is 20 times the speed of PyYAML. Figures are processor time, for all sides are one
// thread and a busy machine must not count; ours is the best of five.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/check.h"
#include "base/mem.h"
#include "bench/ledger_rival.h"
#include "codec/input.h"
#include "codec/yaml_stream.h"
#include "tag/tag.h"

enum { PATH_SIZE = 1024, ROUNDS = 5, SOURCE_MAX = 8 << 20, MB_DEFAULT = 24, MB_MAX = 512 };

typedef struct kind {
	const char *name, *file, *key;
	const dp_tag_reader *reader;
} kind;

static const kind kinds[] = {
    {"ransomware", "tagpacks/ransomware.yaml", "tags", &dp_tag_tagpack},
    {"defi", "tagpacks/defi-protocols-csh.yaml", "tags", &dp_tag_tagpack},
    {"blacklist", "tagpacks/usdt_blacklist.yaml", "tags", &dp_tag_tagpack},
    {"actors", "graphsense.actorpack.yaml", "actors", &dp_tag_actorpack},
};

static uint8_t *load(const char *path, size_t size_max, size_t *ret_size)
{
	dp_input *in;
	uint8_t *bytes;
	if (dp_input_open(&in, path, NULL) != DP_OK) return NULL;
	dp_code code = dp_input_read_all(in, &bytes, ret_size, size_max, NULL);
	dp_input_close(in);
	DP_CHECK(code == DP_OK);
	return bytes;
}

// Writes the pack with its entries several times; false when it is not there.
static bool make(const kind *k, const char *to, size_t size_wanted)
{
	char path[PATH_SIZE], line[32];
	size_t size;
	const char *shared = getenv("DYEPACK_SHARED");
	int n = snprintf(path, sizeof path, "%s/data/labels/%s",
	                 shared == NULL ? "../shared" : shared, k->file);
	DP_CHECK(n > 0 && (size_t)n < sizeof path);
	uint8_t *bytes = load(path, SOURCE_MAX, &size);
	if (bytes == NULL) {
		printf("%-10s skipped, there is no %s (set DYEPACK_SHARED)\n", k->name, path);
		return false;
	}
	n = snprintf(line, sizeof line, "\n%s:\n", k->key);
	uint8_t *entries = memmem(bytes, size, line, (size_t)n);
	DP_CHECK(entries != NULL);
	size_t head = (size_t)(entries - bytes) + (size_t)n, body = size - head;
	DP_CHECK(body > 0 && bytes[size - 1] == '\n');
	FILE *f = fopen(to, "wb");
	DP_CHECK(f != NULL && fwrite(bytes, 1, head, f) == head);
	for (size_t done = head; done < size_wanted; done += body)
		DP_CHECK(fwrite(bytes + head, 1, body, f) == body);
	DP_CHECK(fclose(f) == 0);
	dp_free(bytes);
	return true;
}

//- the sides -------------------------------------------------------------------------------------

typedef struct sum {
	uint64_t count, letters, left_out;
} sum;

static dp_code on_list(void *context, const dp_tag_list *list, dp_fault *fault)
{
	(void)context;
	(void)list;
	(void)fault;
	return DP_OK;
}

static dp_code on_tag(void *context, const dp_tag *tag, dp_fault *fault)
{
	sum *s = context;
	(void)fault;
	s->count++;
	s->letters += strlen(tag->text) + strlen(tag->label) + tag->place.addr.len;
	return DP_OK;
}

static dp_code on_actor(void *context, const dp_actor *actor, dp_fault *fault)
{
	sum *s = context;
	(void)fault;
	s->count++;
	s->letters += strlen(actor->label);
	return DP_OK;
}

static dp_code on_complaint(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	sum *s = context;
	(void)what;
	(void)fault;
	s->left_out += !is_warning;
	return DP_OK;
}

static void read_pack(const kind *k, const char *path, sum *out)
{
	*out = (sum){0};
	dp_tag_sink sink = {on_list, on_tag, on_actor, on_complaint, out};
	dp_tag_defaults defaults = {.confidence = -1, .date = DP_NO_DATE};
	dp_code code = k->reader->read(path, &defaults, &sink, NULL);
	DP_CHECK(code == DP_OK && out->count > 0);
}

static uint64_t read_libyaml(const uint8_t *bytes, size_t size)
{
	yaml_parser_t parser;
	uint64_t count = 0;
	DP_CHECK(yaml_parser_initialize(&parser) == 1);
	yaml_parser_set_input_string(&parser, bytes, size);
	for (bool is_end = false; !is_end;) {
		yaml_event_t event;
		DP_CHECK(yaml_parser_parse(&parser, &event) == 1);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		count++;
	}
	yaml_parser_delete(&parser);
	return count;
}

static uint64_t read_stream(const uint8_t *bytes, size_t size)
{
	dp_yaml_memory memory = {(const char *)bytes, size, 0};
	dp_yaml_source source = dp_yaml_memory_source(&memory);
	dp_yaml_stream *s;
	dp_yaml_event event;
	uint64_t count = 0;
	dp_code code = dp_yaml_stream_open(&s, &source, NULL);
	DP_CHECK(code == DP_OK);
	while ((code = dp_yaml_stream_next(s, &event, NULL)) == DP_OK) count++;
	DP_CHECK(code == DP_END && dp_yaml_stream_is_fast(s));
	dp_yaml_stream_close(s);
	return count;
}

static uint64_t read_lines(const char *path)
{
	static char buffer[256 << 10];
	uint64_t count = 0;
	dp_input *in;
	size_t n = 1;
	dp_code code = dp_input_open(&in, path, NULL);
	DP_CHECK(code == DP_OK);
	while (n > 0) {
		code = dp_input_read(in, buffer, sizeof buffer, &n, NULL);
		DP_CHECK(code == DP_OK);
		for (const char *p = buffer, *end = buffer + n;
		     (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
			count++;
	}
	dp_input_close(in);
	return count;
}

static double best(double a, double b)
{
	return a < b ? a : b;
}

static void measure(const kind *k, const char *path)
{
	double ours = 1e9, libyaml = 1e9, stream = 1e9, lines = 1e9;
	size_t size;
	sum s;
	uint8_t *bytes = load(path, (size_t)(MB_MAX + 8) << 20, &size);
	DP_CHECK(bytes != NULL);
	double mb = (double)size / 1e6;
	for (int round = 0; round < ROUNDS; round++) {
		double t0 = lr_cpu_s();
		read_pack(k, path, &s);
		double t1 = lr_cpu_s();
		DP_CHECK(read_stream(bytes, size) > 0);
		double t2 = lr_cpu_s();
		DP_CHECK(read_lines(path) > 0);
		double t3 = lr_cpu_s();
		ours = best(ours, t1 - t0);
		stream = best(stream, t2 - t1);
		lines = best(lines, t3 - t2);
		if (round > 1) continue;
		DP_CHECK(read_libyaml(bytes, size) > 0);
		libyaml = best(libyaml, lr_cpu_s() - t3);
	}
	dp_free(bytes);
	printf("%-10s %5.1f MB %7llu entries: dyepack %4.0f MB/s, stream %4.0f, libyaml %3.0f "
	       "(we are %.1f times), lines %5.0f\n",
	       k->name, mb, (unsigned long long)(s.count + s.left_out), mb / ours, mb / stream,
	       mb / libyaml, libyaml / ours, mb / lines);
	lr_result peer;
	bool is_there = lr_run(&peer,
	                       "sh -c 'p=\"${DYEPACK_BUILD:-build}\"/peers/tags-venv/bin/python; "
	                       "[ -x \"$p\" ] || p=python3; "
	                       "exec \"$p\" bench/peers/tags/peer.py %s %s'",
	                       k->key, path);
	if (!is_there) {
		printf("%-10s PyYAML skipped: it is not installed\n", "");
		return;
	}
	DP_CHECK((size_t)peer.bytes == size);
	double ratio = peer.cpu_s / ours;
	printf("%-10s PyYAML %.1f MB/s   goal > 20 times   result %.1f times   %s\n", "",
	       mb / peer.cpu_s, ratio, ratio > 20 ? "met" : "MISSED");
}

int main(void)
{
	const char *wanted = getenv("TAGPACK_MB"), *tmp = getenv("TMPDIR");
	long megabytes = wanted == NULL ? MB_DEFAULT : strtol(wanted, NULL, 10);
	if (megabytes < 1 || megabytes > MB_MAX) {
		fprintf(stderr, "TAGPACK_MB is a number from 1 to %d\n", MB_MAX);
		return 2;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		char path[PATH_SIZE];
		int n = snprintf(path, sizeof path, "%s/bench-tagpack-%d.yaml",
		                 tmp == NULL ? "/tmp" : tmp, (int)getpid());
		DP_CHECK(n > 0 && (size_t)n < sizeof path);
		if (!make(&kinds[i], path, (size_t)megabytes << 20)) continue;
		measure(&kinds[i], path);
		(void)unlink(path);
	}
	return 0;
}

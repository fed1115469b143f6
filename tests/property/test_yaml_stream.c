// The fast reader and libyaml are twins: on every TagPack of the shared data, on thousands of
// mutations of lines of them, and on every corner written down here, both give the same events with
// the same places and texts, or the same fault. libyaml alone is what dp_yaml_stream is when its
// source cannot be rewound.
//
// Where there is a fault, the fast reader may have handed out more events before it than libyaml
// did, which looks further ahead; never others.
// Covers: codec/yaml_fast.c codec/yaml_stream.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/yaml_stream.h"

enum { TEXT_MAX = 4 << 20, TURNS = 60000, MUTATED_MAX = 3000 };

static uint64_t random_state = 20240611;

static uint32_t chance(uint32_t below) // SplitMix64
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 11) % below;
}

// Gives a few bytes at a time, so that what is cut between two reads is seen.
typedef struct drip {
	dp_yaml_memory memory;
	size_t piece;
} drip;

static dp_code drip_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	drip *d = context;
	(void)fault;
	size_t n = d->memory.size - d->memory.at;
	if (n > size) n = size;
	if (n > d->piece) n = d->piece;
	if (n > 0) memcpy(buffer, d->memory.bytes + d->memory.at, n);
	d->memory.at += n;
	*ret_size = n;
	return DP_OK;
}

static dp_code drip_rewind(void *context, dp_fault *fault)
{
	(void)fault;
	((drip *)context)->memory.at = 0;
	return DP_OK;
}

static void show(const char *who, dp_code code, const dp_yaml_event *e, const dp_fault *fault)
{
	if (code == DP_OK)
		print_error("%s: event %d at %u:%u plain %d include %d \"%.200s\"\n", who,
		            (int)e->kind, e->line, e->column, e->is_plain, e->is_include, e->text);
	else
		print_error("%s: code %d at %u:%u %s\n", who, (int)code, fault->line, fault->column,
		            fault->text);
}

// Both over the same bytes. Says whether the fast one went through to the end.
static bool twins_agree(const char *name, const char *text, size_t size, size_t piece)
{
	drip one = {{text, size, 0}, piece}, two = {{text, size, 0}, piece};
	dp_yaml_source fast_source = {drip_read, drip_rewind, &one};
	dp_yaml_source slow_source = {drip_read, NULL, &two};
	dp_yaml_stream *fast, *slow;
	dp_fault fault_fast = {0}, fault_slow = {0};
	dp_yaml_event a, b;
	assert_int_equal(dp_yaml_stream_open(&fast, &fast_source, NULL), DP_OK);
	assert_int_equal(dp_yaml_stream_open(&slow, &slow_source, NULL), DP_OK);
	dp_code code_fast, code_slow = DP_OK;
	bool is_same = true;
	do {
		code_fast = dp_yaml_stream_next(fast, &a, &fault_fast);
		if (code_slow == DP_OK || code_slow == DP_END)
			code_slow = dp_yaml_stream_next(slow, &b, &fault_slow);
		if (code_fast == DP_OK && code_slow == DP_OK)
			is_same = a.kind == b.kind && a.line == b.line && a.column == b.column &&
			          a.is_plain == b.is_plain && a.is_include == b.is_include &&
			          a.size == b.size && memcmp(a.text, b.text, a.size + 1) == 0;
		else if (code_fast == DP_OK)
			is_same = code_slow != DP_END; // a fault that must come here, too
		else
			is_same = code_fast == code_slow &&
			          (code_fast == DP_END ||
			           (fault_fast.line == fault_slow.line &&
			            fault_fast.column == fault_slow.column &&
			            strcmp(fault_fast.text, fault_slow.text) == 0));
	} while (is_same && code_fast == DP_OK);
	bool is_fast = dp_yaml_stream_is_fast(fast);
	if (!is_same) {
		show("fast", code_fast, &a, &fault_fast);
		show("libyaml", code_slow, &b, &fault_slow);
		fail_msg("%s differs:\n---8<---\n%.*s\n--->8---", name,
		         (int)(size < 3000 ? size : 3000), text);
	}
	dp_yaml_stream_close(fast);
	dp_yaml_stream_close(slow);
	return is_fast;
}

//- corners ---------------------------------------------------------------------------------------

// What is read without libyaml: that is what the speed is for.
static const char *const known[] = {
    "",
    "\n\n",
    "# only a remark",
    "a: b",
    "a: b\n",
    "a:\n",
    "a:",
    "%YAML 1.1\n---\na: b\n",
    "---\na: b\n",
    "# x\n---\n- a\n",
    "a: b # remark\nc: d#no remark\n",
    "a: http://x/y#z:1\nb: 12:30\n",
    "a: b  \nc:   d\n",
    "a:\n- b\n- c\nd: e\n",
    "a:\n  - b\n  - c\nd: e\n",
    "a:\n    -   b: 1\n        c: 2\n    -   b: 3\n",
    "- a: b\n  c:\n  - d\n  - e\n- f: g\n",
    "- - a\n  - b\n- - c\n",
    "- - - a\n    - b\n- c\n",
    "-\n  a: b\n-\n- c\n-",
    "a:\nb:\n  c:\nd:\n",
    "a: 'b'\nc: \"d\"\ne: ''\n",
    "a: 'it''s'\nb: \"x\\n\\\"\\\\ \\u00e9 \\x41\"\n",
    "a: 'b: c # d'\n",
    "'a b': c\n\"d\": e\n",
    "a: 'one\n  two\n\n\n  three  \n  '\nb: c\n",
    "a: '  one  \n   \n  two'\n",
    "a: \"one \\\n  \\ two\\n\\\n\n  three\"\nb: c\n",
    "a: one\n  two\n\n  three # remark\nb: c\n",
    "- one\n  two\n- three\n",
    "a:\n- one\n two\n- three\n",
    "a: one\n  - two\n  # remark\nb: c\n",
    "a: []\nb: {}\nc: [ ]\nd: [x, y-1,z_ ] # remark\n",
    "- []\n- [a]\n- {}\n",
    "a: !include header.yaml\nb: c\n",
    "a: b\r\nc:\r\n- d\r\n\r\n- 'e\r\n  f'\r\n",
    "\n  # remark\n  a: b\n  c: d\n# remark\n",
    "k\xc3\xa9y: v\xc3\xa4lue\nb\xe2\x82\xac: \xf0\x9f\x98\x80 x\n",
    "a b c: d e f\n",
    "a: -1\nb: -x\nc: a-b ? x? y,z [q] {r}\n",
    "-a: b\n",
    "null: ~\n~: null\n",
    "a:b: c\n",
    "a : b\n",
    "<<: c\n",
};

// What is left to libyaml, be it right or wrong.
static const char *const corners[] = {
    "a\n",
    "---\n",
    "---",
    "--- a\n",
    "--- # x\na: b\n",
    "a: b\n---\nc: d\n",
    "a: b\n...\n",
    "a: b\n...\nc: d\n",
    "...\n",
    "%YAML 1.2\n---\na: b\n",
    "%YAML 2.0\n---\na: b\n",
    "%YAML 1.1\na: b\n",
    "%TAG ! tag:x,1:\n---\na: !include b\n",
    "%YAML 1.1\n\n---\na: b\n",
    "a: b: c\n",
    "a: b:\n",
    "a: 'b': c\n",
    "a: 'b'c\n",
    "a: 'b'#c\n",
    "a: 'b' c\n",
    "a: 'b\n",
    "a: \"b\n---\n",
    "'a\n---\nb'\n",
    "a: 'b\n---x'\n",
    "a: 'b\n---'\n",
    "'a\n b': c\n",
    "a\n b: c\n",
    "a: |\n  b\n  c\nd: e\n",
    "a: >\n  b\n  c\n\nd: e\n",
    "a: >-\n b\n",
    "a: |2\n   b\n",
    "a:\n  |\n  b\n",
    "? a\n: b\n",
    "? a\n",
    "? - a\n: - b\n",
    "{a: b}\n",
    "{a: b, c: [d, e]}\n",
    "[a, b]\n",
    "a: {b: c}\n",
    "a: [b, 'c']\n",
    "a: [b,\n  c]\n",
    "a: [b, c]: d\n",
    "a: [b,,c]\n",
    "a: [b c]\n",
    "a: [b,]\n",
    "a: [,]\n",
    "a: [b\n",
    "a: [1.5]\n",
    "[a]: b\n",
    "{}: b\n",
    "{}\n",
    "[]\n",
    "a: {}x\n",
    "a: []#x\n",
    "a: [] x\n",
    "a: [-b]\n",
    "a: &x b\nc: *x\n",
    "&a b: c\n",
    "*a : b\n",
    "a: !!str b\n",
    "a: ! b\n",
    "a: !include\n",
    "a: !include b: c\n",
    "a: !include 'b'\n",
    "a: !include [b]\n",
    "!include a: b\n",
    "- !include a\n",
    "a: !includes b\n",
    "a:\n  !include b\n",
    "a: !include b\n  c\n",
    "a: !include #b\n",
    "a:\tb\n",
    "a: b\tc\n",
    "a: b\t\n",
    "a: b\t# c\n",
    "\ta: b\n",
    "a:\n\tb: c\n",
    "a: b\n\t\nc: d\n",
    "a: b\n \tc\n",
    "- \ta\n",
    "-\ta\n",
    "a: 'b\tc'\n",
    "a: 'b\n\tc'\n",
    "a: b\n c: d\n",
    "a: b\n  c: d\n",
    "a:\n  b: c\n d: e\n",
    " a: b\nc: d\n",
    "a:\n - b\n- c\n",
    "a:\n  - b\n - c\n",
    "- a\n b\n",
    "- a\nb: c\n",
    "a: b\n- c\n",
    "a:\n- b\n  c: d\n",
    "- a: b\n c: d\n",
    "- a: b\n   c: d\n",
    "a:\n  b\n",
    "a:\n  'b'\n",
    "a:\n  []\n",
    "a: \n  b: c\n",
    "a: - b\n",
    "a: -\n",
    "a: ?\n",
    "a: ? b\n",
    "a: :\n",
    ": a\n",
    ":\n",
    "a: :b\n",
    "a: ?b\n",
    "-\n-\n",
    "- -\n",
    "- - -\n",
    "- # x\n  a\n",
    "-# x\n",
    "a:# x\n",
    "a: #x\n",
    "a: # x\n  b: c\n",
    "#x\na:\n#y\n  b: c\n #z\n- d\n",
    "a: b\n\n # c\n  d\n",
    "a: b # c\n  d\n",
    "a: `b\n",
    "a: @b\n",
    "a: %b\n",
    "%b: c\n",
    "a: b%\n",
    "a: ,b\n",
    "a: ]b\n",
    "a: }b\n",
    "a: >b\n",
    "a: |b\n",
    "a: \"\\q\"\n",
    "a: \"\\u12\"\n",
    "a: \"\\ud800\"\n",
    "a: \"\\0\"\n",
    "a: \"\\x00\"\n",
    "a: \"\\U0001f600\"\n",
    "a: \"\\/\\_\\N\\L\\P\\e\\a\"\n",
    "a: \"b\\",
    "a: \"\\",
    "a: b\rc: d\r",
    "a: b\n\r  c\n",
    "a: b\n\xe2\x80\xa8  c\n",
    "a: b\n\xc2\x85  c\n",
    "a: b\r\r\n  c\n",
    "a: b\xc2\x85"
    "c: d\n",
    "a: b\xe2\x80\xa8  c\n",
    "a: b\xe2\x80\xa9\n",
    "a: b\r",
    "a: 'b\r c'\n",
    "\xef\xbb\xbf"
    "a: b\n",
    "a: \xef\xbb\xbf"
    "b\n",
    "\xff\xfe"
    "a\0:\0 \0b\0",
    "a: \xff\n",
    "a: \xc3\n",
    "a: \xc0\x80\n",
    "a: \xed\xa0\x80\n",
    "a: \xf4\x90\x80\x80\n",
    "a: b\x01\n",
    "a: b\x7f\n",
    "# \x01\na: b\n",
    "# \xff\na: b\n",
    "a: \xc2\x80\n",
    "a: \xc2\xa0"
    "b\xc2\xa0\n",
    "a: b\x1b\n",
    "a: \xef\xbf\xbe\n",
    "a: \xef\xbf\xbd\n",
    "\xc3\xa9: a\n",
    "a: b\n\xc3\xa9: c\n",
    "a:\n- \xc3\xa9\n- b\n",
    "a: \xc3\xa9 b\n  c\n",
    "a:\n>\n b\n",
    "-\n|\n b\n",
    "a:\n[b]\n",
    "a:\n!include b\n",
    "a: b\n? c\n",
    "a: b\nc\n",
    "a: b\nc",
    "- a\n- b: c\n   d\n",
    "a: b\n  c\n d\n",
    "- a\n-b\n",
    "a: 'b' \nc: d\n",
    "a: 'b'\n  c\n",
    "a: []\n  b\n",
    "a: ''''\n",
    "a: '''b'''\n",
    "a: 'b''\n'\n",
    "a: \"b\\\\\"\n",
    "a: \"b\\\"\n c\"\n",
    "a: \"  \n  \"\n",
    "a: '\n'\n",
    "a: '\n\n\n'\n",
    "a: 'x \n\n y'\n",
    "a: \"\\t \n x\"\n",
    "- - a: b\n    c: d\n  - e\n- f\n",
    "a:\n- - b\n  - c\n- d\n",
    "a:\n-\n-\nb:\n",
    "a:\n- b:\n  - c\n- d\n",
    "- a:\n  - b\n  -\n- c:\n  d:\n",
    "a:\n\n\n  b: c\n\n\n",
    "  - a\n  - b\n - c\n",
    "a: ' '\n",
    "a: .\n",
    "a: ...\n",
    "a: ---\n",
    "...a: b\n",
    "---a: b\n",
    "- ---\n",
    "---\n---\n",
    "---\n# x\n",
    "---\n\na: b\n",
    "--- \na: b\n",
    "---\r\na: b\r\n",
};

static void read_corner(const char *text, bool must_be_fast)
{
	size_t size = strlen(text);
	for (size_t piece = 1; piece < 4; piece++) {
		bool is_fast = twins_agree("corner", text, size, piece);
		if (must_be_fast && !is_fast) fail_msg("libyaml was needed for:\n%s", text);
	}
	// Wherever the bytes may end.
	for (size_t cut = 0; cut < size; cut++) (void)twins_agree("cut corner", text, cut, 1 << 20);
}

static void corners_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) read_corner(known[i], true);
	for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++)
		read_corner(corners[i], false);
}

// Each corner below and beside each other one: the state in which it is met is another one.
static void pairs_of_corners_agree(void **state)
{
	(void)state;
	char text[512];
	for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++) {
		for (size_t j = 0; j < sizeof known / sizeof known[0]; j++) {
			int n = snprintf(text, sizeof text, "%s%s", known[j], corners[i]);
			(void)twins_agree("pair", text, (size_t)n, 1 << 20);
			n = snprintf(text, sizeof text, "%s%s", corners[i], known[j]);
			(void)twins_agree("pair", text, (size_t)n, 1 << 20);
		}
	}
}

//- made-up texts ---------------------------------------------------------------------------------

// Short texts of the characters that mean something: most are no YAML at all, and both must say so.
static void random_texts_agree(void **state)
{
	(void)state;
	static const char *const words[] = {
	    "a",      "b",    ": ",       ":",   "- ",    "-",         "\n",       "\n",   "\n  ",
	    "\n    ", "\n- ", "\n  - ",   " ",   "  ",    "'",         "\"",       "#",    " #",
	    "[]",     "{}",   "[",        "]",   ", ",    "!include ", "''",       "\\n",  "\\",
	    "|",      ">",    "?",        "k: ", "\nk: ", "\nk:\n",    "\n  k: v", "\r\n", "\t",
	    "x y",    "---",  "\xc3\xa9", "&",   "*"};
	char text[256];
	for (uint32_t turn = 0; turn < TURNS; turn++) {
		size_t size = 0;
		for (uint32_t n = 1 + chance(14); n > 0; n--) {
			// The last words are rare: most texts would be nothing but wrong.
			uint32_t count = chance(4) == 0 ? sizeof words / sizeof words[0] : 36;
			const char *word = words[chance(count)];
			memcpy(text + size, word, strlen(word));
			size += strlen(word);
		}
		(void)twins_agree("random text", text, size, 1 << 20);
	}
}

//- the shared packs ------------------------------------------------------------------------------

static char *load(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) return NULL;
	char *text = malloc(TEXT_MAX);
	assert_non_null(text);
	*ret_size = fread(text, 1, TEXT_MAX, file);
	assert_true(*ret_size < TEXT_MAX);
	fclose(file);
	return text;
}

// A piece of the text with some of its bytes changed, dropped, doubled.
static void mutate(const char *text, size_t size)
{
	static const char marks[] = " :-#'\"\n\r\t[]{},!&*|>?%a\\\xc3\x85\x01";
	static char piece[MUTATED_MAX + 64];
	size_t want = 1 + chance(MUTATED_MAX), from = chance((uint32_t)size);
	while (from > 0 && text[from - 1] != '\n') from--;
	if (chance(3) == 0) from = 0;
	size_t n = size - from < want ? size - from : want;
	memcpy(piece, text + from, n);
	for (uint32_t count = chance(4); count > 0 && n > 2; count--) {
		size_t at = chance((uint32_t)n - 1);
		char mark = marks[chance(sizeof marks - 1)];
		switch (chance(4)) {
		case 0: piece[at] = mark; break;
		case 1: memmove(piece + at, piece + at + 1, --n - at); break;
		case 2:
			memmove(piece + at + 1, piece + at, n++ - at);
			piece[at] = mark;
			break;
		default: piece[at] = piece[chance((uint32_t)n)]; break;
		}
	}
	(void)twins_agree("mutation", piece, n, 1 + chance(5000));
}

static uint32_t read_folder(const char *folder)
{
	uint32_t count = 0;
	DIR *dir = opendir(folder);
	if (dir == NULL) return 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char path[1024];
		size_t size = 0, length = strlen(entry->d_name);
		if (length < 5 || strcmp(entry->d_name + length - 5, ".yaml") != 0) continue;
		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		char *text = load(path, &size);
		assert_non_null(text);
		assert_true(twins_agree(entry->d_name, text, size, 1 << 20));
		assert_true(twins_agree(entry->d_name, text, size, 4099));
		for (int i = 0; i < 400; i++) mutate(text, size);
		free(text);
		count++;
	}
	closedir(dir);
	return count;
}

static void shared_packs_agree_and_need_no_libyaml(void **state)
{
	(void)state;
	char folder[900];
	const char *shared = getenv("DYEPACK_SHARED");
	if (shared == NULL) shared = "../shared";
	(void)snprintf(folder, sizeof folder, "%s/data/labels/tagpacks", shared);
	uint32_t count = read_folder(folder);
	if (count == 0) {
		print_message("skipped: there is no %s (set DYEPACK_SHARED)\n", folder);
		skip();
	}
	(void)snprintf(folder, sizeof folder, "%s/data/labels", shared);
	assert_int_equal(read_folder(folder), 1);
	print_message("%u packs and an ActorPack: the same events from both\n", count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(corners_agree),
	    cmocka_unit_test(pairs_of_corners_agree),
	    cmocka_unit_test(random_texts_agree),
	    cmocka_unit_test(shared_packs_agree_and_need_no_libyaml),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

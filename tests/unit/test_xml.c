// xml.h: tags with their text and places, the same whatever the sizes in which the bytes arrive;
// and everything hostile is refused at its line: entity bombs, references to other files, endless
// text, tags, names and nesting, cut files, wrong encodings, failing memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/xml.h"

typedef struct feed {
	const char *text;
	size_t size, at, step; // step: bytes a read gives at most
	int64_t fail_at;       // read number that fails, or -1
} feed;

static dp_code feed_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	feed *f = context;
	if (f->fail_at == 0) return dp_fail(fault, DP_IO, "the disk is gone");
	f->fail_at--;
	size_t n = f->size - f->at;
	if (n > size) n = size;
	if (n > f->step) n = f->step;
	memcpy(buffer, f->text + f->at, n);
	f->at += n;
	*ret_size = n;
	return DP_OK;
}

// Everything as one string: line:column<name attribute=value>, text in brackets with its line.
static char shown[1 << 16];
static size_t shown_at;
static uint32_t stop_at; // the number of the tag at which the visitor says no; 0: never
static uint32_t tag_count;
static size_t text_size_max;

static dp_code show_tag(void *context, const dp_xml_tag *tag, dp_fault *fault)
{
	(void)context;
	tag_count++;
	if (tag->text_size > text_size_max) text_size_max = tag->text_size;
	assert_int_equal(strlen(tag->text), tag->text_size);
	assert_true(tag->depth >= 1 && tag->depth <= DP_XML_DEPTH_MAX);
	if (stop_at != 0 && tag_count == stop_at) return dp_fail(fault, DP_LIMIT, "enough");
	char *out = shown + shown_at;
	size_t room = sizeof shown - shown_at;
	if (room < 400) return DP_OK;
	size_t n = 0;
	if (tag->text_size > 0 && tag->text_size < 100)
		n += (size_t)snprintf(out + n, room - n, "%u[%s]", tag->text_line, tag->text);
	n += (size_t)snprintf(out + n, room - n, "%u:%u<%s%s", tag->line, tag->column,
	                      tag->is_end ? "/" : "", tag->name);
	assert_true((tag->attribute == NULL) == tag->is_end);
	for (const char *const *a = tag->attribute; a != NULL && *a != NULL; a += 2)
		n += (size_t)snprintf(out + n, room - n, " %.40s=%.40s", a[0], a[1]);
	n += (size_t)snprintf(out + n, room - n, "> ");
	shown_at += n;
	return DP_OK;
}

// Appends to a text of `size` bytes of which *io_n are used.
static inline void add(char *text, size_t size, size_t *io_n, const char *format, ...)
    DP_PRINTF(4, 5);
static inline void add(char *text, size_t size, size_t *io_n, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text + *io_n, size - *io_n, format, arguments);
	va_end(arguments);
	DP_CHECK(n >= 0 && (size_t)n < size - *io_n);
	*io_n += (size_t)n;
}

static dp_fault fault;

static dp_code show_n(const char *text, size_t size, size_t step)
{
	feed f = {.text = text, .size = size, .step = step, .fail_at = -1};
	dp_xml xml = {.read = feed_read, .read_context = &f, .visit = show_tag};
	memset(&fault, 0, sizeof fault);
	shown_at = tag_count = 0;
	text_size_max = 0;
	shown[0] = 0;
	int64_t live = dp_mem_live();
	dp_code code = dp_xml_read(&xml, &fault);
	assert_int_equal(dp_mem_live(), live);
	if (code != DP_OK) {
		assert_int_equal(fault.code, code);
		assert_true(fault.text[0] != 0);
	}
	return code;
}

static void expect_n(const char *text, size_t size, const char *want)
{
	static const size_t steps[] = {1, 2, 3, 7, 1 << 20};
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		assert_int_equal(show_n(text, size, steps[i]), DP_OK);
		assert_string_equal(shown, want);
	}
}

static void expect(const char *text, const char *want)
{
	expect_n(text, strlen(text), want);
}

// Refused as bad bytes at this line, with these words.
static void refused_n(const char *text, size_t size, uint32_t line, const char *words)
{
	static const size_t steps[] = {1, 5, 1 << 20};
	for (size_t i = size > 100000 ? 2 : 0; i < sizeof steps / sizeof steps[0]; i++) {
		dp_code code = show_n(text, size, steps[i]);
		if (code != DP_BAD_BYTES || fault.line != line || !strstr(fault.text, words))
			print_message("%d line %u: %s\n", code, fault.line, fault.text);
		assert_int_equal(code, DP_BAD_BYTES);
		assert_int_equal(fault.line, line);
		assert_non_null(strstr(fault.text, words));
		assert_true(fault.column > 0);
	}
}

static void refused(const char *text, uint32_t line, const char *words)
{
	refused_n(text, strlen(text), line, words);
}

static void tags_come_with_text_attributes_and_places(void **state)
{
	(void)state;
	expect("<a/>", "1:1<a> 1:5</a> ");
	expect("<?xml version=\"1.0\"?>\n<list x='1' y=\"&lt;2\">\n <e>\n  one\n </e>\n</list>\n",
	       "2:1<list x=1 y=<2> 3[\n ]3:2<e> 4[\n  one\n ]5:2</e> 6[\n]6:1</list> ");
	// Text in pieces, references and a comment in between, is one text.
	expect("<a>x &amp; y<!-- no -->&#x41;<![CDATA[<z>]]></a>", "1:1<a> 1[x & yA<z>]1:45</a> ");
	expect("<a>1<b>2</b>3</a>", "1:1<a> 1[1]1:5<b> 1[2]1:9</b> 1[3]1:14</a> ");
	// Carriage returns are line ends.
	expect("<a>\r\n<b>\r\nc</b></a>", "1:1<a> 2[\n]2:1<b> 3[\nc]3:2</b> 3:6</a> ");
}

static void names_come_without_their_prefix(void **state)
{
	(void)state;
	expect("<n:a xmlns:n='u' n:b='c'><n:d/></n:a>",
	       "1:1<a xmlns:n=u n:b=c> 1:26<d> 1:32</d> 1:32</a> ");
	dp_xml_tag tag = {.attribute = (const char *[]){"ID", "7", "Type", "", NULL}};
	assert_string_equal(dp_xml_attribute(&tag, "ID"), "7");
	assert_string_equal(dp_xml_attribute(&tag, "Type"), "");
	assert_null(dp_xml_attribute(&tag, "id"));
	tag.attribute = NULL;
	assert_null(dp_xml_attribute(&tag, "ID"));
}

static void encodings_come_out_as_utf8(void **state)
{
	(void)state;
	expect("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>",
	       "1:44<a> 1[\xc3\xa9]1:48</a> ");
	// A byte order mark is the first column.
	expect("\xef\xbb\xbf<a>\xc3\xa9</a>", "1:2<a> 1[\xc3\xa9]1:6</a> ");
	static const char wide[] = "\xff\xfe<\0a\0>\0\xe9\0<\0/\0a\0>\0";
	expect_n(wide, sizeof wide - 1, "1:2<a> 1[\xc3\xa9]1:6</a> ");
	refused("<?xml version='1.0' encoding='windows-1251'?><a/>", 1, "convert it to UTF-8");
	refused("<a>\n\xe9</a>", 2, "encoding");
	refused("<?xml version='1.0' encoding='UTF-16'?><a/>", 1, "UTF-8");
	refused_n("<a>\n\0</a>", 9, 2, "invalid token");
}

static void entity_bombs_are_refused_where_they_begin(void **state)
{
	(void)state;
	refused("<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n <!ENTITY lol \"lol\">\n"
	        " <!ENTITY lol1 \"&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">\n"
	        " <!ENTITY lol2 \"&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;\">\n]>\n"
	        "<lolz>&lol2;</lolz>\n",
	        2, "entities are not read here");
	assert_int_equal(tag_count, 0);
	refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", 1, "entities are not read here");
	refused("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", 1,
	        "entities are not read here");
	refused("\n<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1/\"> %x;]><a/>", 2,
	        "entities are not read here");
	refused("<!DOCTYPE a><a/>", 1, "entities are not read here");
	refused("<a>\n&x;</a>", 2, "entities are not read here");
	refused("<a b='&x;'/>", 1, "entities are not read here");
}

static void what_is_cut_off_is_refused(void **state)
{
	(void)state;
	static const char whole[] = "<?xml version='1.0'?>\n<list>\n <e k='v'>t</e>\n</list>";
	for (size_t n = 0; n < sizeof whole - 2; n++) {
		assert_int_equal(show_n(whole, n, 4), DP_BAD_BYTES);
		assert_true(fault.line >= 1 && fault.line <= 4);
	}
	refused("", 1, "cut off, or no XML");
	refused("<a>\n<b>\n", 3, "the file ends inside an element");
	refused("<a></b>", 1, "mismatched tag");
	refused("<a></a><b></b>", 1, "after document element");
	refused("no XML", 1, "not well-formed");
	refused("{\"json\": 1}", 1, "not well-formed");
}

static void nothing_grows_without_end(void **state)
{
	(void)state;
	enum { SIZE = 10 << 20, ROOM = SIZE + 64 };
	size_t at;
	char *big = malloc(ROOM);
	assert_non_null(big);
	// 10 MB of text, in an attribute, in a comment, in a name.
	memset(big, 'x', SIZE + 64);
	memcpy(big, "<a>\n", 4);
	memcpy(big + SIZE, "</a>", 5);
	refused_n(big, SIZE + 4, 2, "text longer than 1 MiB");
	memcpy(big, "<a b='", 6);
	memcpy(big + SIZE, "'/>", 4);
	refused_n(big, SIZE + 3, 1, "a tag or comment longer than 1 MiB");
	memcpy(big, "<a><!--", 7);
	memcpy(big + SIZE, "--></a>", 8);
	refused_n(big, SIZE + 7, 1, "a tag or comment longer than 1 MiB");
	memcpy(big, "<", 1);
	memcpy(big + 1, "aaaaaaa", 7);
	memcpy(big + SIZE, "/>", 3);
	refused_n(big, SIZE + 2, 1, "a tag or comment longer than 1 MiB");
	// Nearly 1 MiB of text is text.
	memset(big, 'x', SIZE);
	memcpy(big, "<a>", 3);
	memcpy(big + 3 + DP_XML_TEXT_MAX, "</a>", 4);
	assert_int_equal(show_n(big, 3 + DP_XML_TEXT_MAX + 4, SIZE_MAX), DP_OK);
	assert_int_equal(text_size_max, DP_XML_TEXT_MAX);
	// Names that never come back: expat keeps each.
	at = 0;
	add(big, ROOM, &at, "<a>");
	for (unsigned i = 0; at < SIZE - 64; i++) add(big, ROOM, &at, "<n%x/>", i);
	add(big, ROOM, &at, "</a>");
	assert_int_equal(show_n(big, at, SIZE_MAX), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "more names than 16 MiB hold"));
	free(big);
}

static void elements_are_64_deep_at_the_most(void **state)
{
	(void)state;
	char text[4 * DP_XML_DEPTH_MAX * 4 + 64];
	for (int depth = DP_XML_DEPTH_MAX; depth <= DP_XML_DEPTH_MAX + 1; depth++) {
		size_t at = 0;
		for (int i = 0; i < depth; i++) add(text, sizeof text, &at, "<a>\n");
		for (int i = 0; i < depth; i++) add(text, sizeof text, &at, "</a>");
		if (depth == DP_XML_DEPTH_MAX) {
			assert_int_equal(show_n(text, at, 3), DP_OK);
			assert_int_equal(tag_count, 2 * DP_XML_DEPTH_MAX);
		} else {
			refused_n(text, at, DP_XML_DEPTH_MAX + 1, "more than 64 elements");
		}
	}
}

static void the_visitor_and_the_reader_can_stop_it(void **state)
{
	(void)state;
	static const char text[] = "<a><b/><c>x</c></a>";
	for (stop_at = 1; stop_at <= 6; stop_at++) {
		assert_int_equal(show_n(text, sizeof text - 1, 4), DP_LIMIT);
		assert_string_equal(fault.text, "enough");
		assert_int_equal(tag_count, stop_at); // and not once more
	}
	stop_at = 0;
	for (int64_t n = 0; n < 5; n++) {
		feed f = {.text = text, .size = sizeof text - 1, .step = 4, .fail_at = n};
		dp_xml xml = {.read = feed_read, .read_context = &f, .visit = show_tag};
		shown_at = 0;
		assert_int_equal(dp_xml_read(&xml, &fault), DP_IO);
		assert_string_equal(fault.text, "the disk is gone");
		f.fail_at = 0;
		f.at = 0;
		assert_int_equal(dp_xml_read(&xml, NULL), DP_IO); // nobody asks why
	}
}

static dp_code read_inner(void *context, const dp_xml_tag *tag, dp_fault *inner_fault)
{
	(void)tag, (void)context;
	static const char text[] = "<inner><x/></inner>";
	feed f = {.text = text, .size = sizeof text - 1, .step = 3, .fail_at = -1};
	dp_xml xml = {.read = feed_read, .read_context = &f, .visit = show_tag};
	return dp_xml_read(&xml, inner_fault);
}

static void a_visitor_may_read_another_document(void **state)
{
	(void)state;
	static const char text[] = "<a b='c'>t<d/></a>";
	feed f = {.text = text, .size = sizeof text - 1, .step = 2, .fail_at = -1};
	dp_xml xml = {.read = feed_read, .read_context = &f, .visit = read_inner};
	int64_t live = dp_mem_live();
	shown_at = tag_count = 0;
	assert_int_equal(dp_xml_read(&xml, &fault), DP_OK);
	assert_int_equal(tag_count, 16);
	assert_int_equal(dp_mem_live(), live);
}

static void memory_may_fail_anywhere(void **state)
{
	(void)state;
	// Enough names and attributes that expat's tables grow.
	char text[20000];
	size_t at = 0;
	add(text, sizeof text, &at, "<list>");
	for (int i = 0; i < 300; i++)
		add(text, sizeof text, &at, "<e%d a%d='1' b='&lt;'>text</e%d>", i, i, i);
	add(text, sizeof text, &at, "</list>");
	bool done = false;
	for (int64_t n = 0; !done; n++) {
		feed f = {.text = text, .size = at, .step = 1000, .fail_at = -1};
		dp_xml xml = {.read = feed_read, .read_context = &f, .visit = show_tag};
		int64_t live = dp_mem_live();
		shown_at = tag_count = 0;
		dp_mem_fail_after(n);
		dp_code code = dp_xml_read(&xml, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		assert_true(code == DP_NO_MEMORY || code == DP_OK);
		done = code == DP_OK;
		assert_true(n < 10000);
	}
	assert_int_equal(tag_count, 602);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_come_with_text_attributes_and_places),
	    cmocka_unit_test(names_come_without_their_prefix),
	    cmocka_unit_test(encodings_come_out_as_utf8),
	    cmocka_unit_test(entity_bombs_are_refused_where_they_begin),
	    cmocka_unit_test(what_is_cut_off_is_refused),
	    cmocka_unit_test(nothing_grows_without_end),
	    cmocka_unit_test(elements_are_64_deep_at_the_most),
	    cmocka_unit_test(the_visitor_and_the_reader_can_stop_it),
	    cmocka_unit_test(a_visitor_may_read_another_document),
	    cmocka_unit_test(memory_may_fail_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// See xml.h. libexpat finds the tokens; this file keeps it within bounds.
//
// Expat needs whole tags and comments in one buffer and keeps every element and attribute name it
// has met in tables for as long as it lives. Both grow with what a hostile document contains, and
// expat has no setting for either. So:
//
//   - what expat has not got through after a read is one unfinished token: over DP_XML_TAG_MAX it
//     is refused before more is read (64 KiB at a time, so that going over it again costs little);
//   - all its memory comes through base/mem.h with the size of each block in front of it, counted
//     against DP_XML_MEMORY_MAX. Expat's memory functions get no context, hence the thread's
//     pointer to the count; it is set around every call into expat and put back after it, so that
//     a visitor may itself read another document.
//
// Entities: handlers for the document type and for declarations stop the parser at the first of
// them. Without declarations only the five entities of XML itself and character references exist;
// any other is an error of expat's own. (XML 1.0, 5th edition, sections 2.8, 4.1 and 4.4; "billion
// laughs" is CVE-2003-1564.)
#include "codec/xml.h"

#include <expat.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { READ_SIZE = 64 << 10, BLOCK_HEAD = 16 };

typedef struct reader {
	const dp_xml *xml;
	XML_Parser parser;
	size_t memory_used;
	bool is_over_memory; // expat was refused memory by us
	char *text;          // since the last tag; `text_cap` bytes
	uint64_t text_size, text_cap;
	uint32_t text_line; // 0: nothing but blanks yet
	uint32_t depth;
	dp_code code; // what stopped us, with its fault
	dp_fault fault;
} reader;

//- memory ---------------------------------------------------------------------------------------

static _Thread_local reader *current;

static bool take_memory(size_t size)
{
	DP_CHECK(current != NULL);
	if (size <= DP_XML_MEMORY_MAX && current->memory_used <= DP_XML_MEMORY_MAX - size) {
		current->memory_used += size;
		return true;
	}
	current->is_over_memory = true;
	return false;
}

static void give_memory(size_t size)
{
	DP_CHECK(current != NULL);
	DP_CHECK(current->memory_used >= size);
	current->memory_used -= size;
}

static void *memory_alloc(size_t size)
{
	if (size > SIZE_MAX - BLOCK_HEAD || !take_memory(size)) return NULL;
	uint8_t *block = dp_alloc(size + BLOCK_HEAD);
	if (block == NULL) {
		give_memory(size);
		return NULL;
	}
	memcpy(block, &size, sizeof size);
	return block + BLOCK_HEAD;
}

static void memory_free(void *p)
{
	if (p == NULL) return;
	uint8_t *block = (uint8_t *)p - BLOCK_HEAD;
	size_t size;
	memcpy(&size, block, sizeof size);
	give_memory(size);
	dp_free(block);
}

static void *memory_realloc(void *p, size_t size)
{
	if (p == NULL) return memory_alloc(size);
	if (size == 0) {
		memory_free(p);
		return NULL;
	}
	uint8_t *block = (uint8_t *)p - BLOCK_HEAD;
	size_t size_old;
	memcpy(&size_old, block, sizeof size_old);
	if (size > SIZE_MAX - BLOCK_HEAD || !take_memory(size)) return NULL;
	uint8_t *grown = dp_realloc(block, size + BLOCK_HEAD);
	give_memory(grown != NULL ? size_old : size);
	if (grown == NULL) return NULL;
	memcpy(grown, &size, sizeof size);
	return grown + BLOCK_HEAD;
}

static const XML_Memory_Handling_Suite memory_suite = {memory_alloc, memory_realloc, memory_free};

//- places and stopping --------------------------------------------------------------------------

static uint32_t clamp(XML_Size n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static uint32_t line_now(const reader *r)
{
	return clamp(XML_GetCurrentLineNumber(r->parser));
}

static uint32_t column_now(const reader *r)
{
	return clamp(XML_GetCurrentColumnNumber(r->parser) + 1);
}

// Expat may call another handler before it has stopped: handlers look at r->code first.
static void stop(reader *r, dp_code code)
{
	DP_CHECK(code != DP_OK);
	r->code = code;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static void refuse(reader *r, const char *text)
{
	if (r->code != DP_OK) return;
	stop(r, dp_fail_at(&r->fault, DP_BAD_BYTES, line_now(r), column_now(r), "%s", text));
}

//- what expat finds -----------------------------------------------------------------------------

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// The line of the first byte that is not blank. Expat knows the line on which a piece begins.
static void note_text_line(reader *r, const char *piece, size_t n)
{
	uint32_t line = line_now(r);
	for (size_t i = 0; i < n; i++) {
		if (!is_blank(piece[i])) {
			r->text_line = line;
			return;
		}
		line += piece[i] == '\n';
	}
}

static void on_text(void *user, const XML_Char *piece, int piece_size)
{
	reader *r = user;
	DP_CHECK(piece_size >= 0);
	size_t n = (size_t)piece_size;
	if (r->code != DP_OK) return;
	if (n > DP_XML_TEXT_MAX - r->text_size) {
		refuse(r, "text longer than 1 MiB: no list has that");
		return;
	}
	void *text = r->text;
	dp_code code =
	    dp_grow(&text, &r->text_cap, 1, r->text_size + n + 1, DP_XML_TEXT_MAX + 1, &r->fault);
	r->text = text;
	if (code != DP_OK) {
		stop(r, code);
		return;
	}
	if (r->text_line == 0) note_text_line(r, piece, n);
	memcpy(r->text + r->text_size, piece, n);
	r->text_size += n;
	r->text[r->text_size] = 0;
}

static const char *without_prefix(const char *name)
{
	const char *colon = strrchr(name, ':');
	return colon != NULL && colon[1] != 0 ? colon + 1 : name;
}

static void visit(reader *r, const char *name, const char *const *attribute)
{
	dp_xml_tag tag = {
	    .is_end = attribute == NULL,
	    .name = without_prefix(name),
	    .attribute = attribute,
	    .text = r->text_size > 0 ? r->text : "",
	    .text_size = (uint32_t)r->text_size,
	    .depth = r->depth,
	    .line = line_now(r),
	    .column = column_now(r),
	};
	tag.text_line = r->text_line != 0 ? r->text_line : tag.line;
	dp_code code = r->xml->visit(r->xml->visit_context, &tag, &r->fault);
	r->text_size = 0;
	r->text_line = 0;
	if (code != DP_OK) stop(r, code);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attribute)
{
	reader *r = user;
	if (r->code != DP_OK) return;
	if (r->depth == DP_XML_DEPTH_MAX) {
		refuse(r, "more than 64 elements in each other: no list has that");
		return;
	}
	r->depth++;
	visit(r, name, (const char *const *)attribute);
}

static void on_end(void *user, const XML_Char *name)
{
	reader *r = user;
	if (r->code != DP_OK) return;
	DP_CHECK(r->depth > 0); // expat has matched the tags
	visit(r, name, NULL);
	r->depth--;
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal)
{
	(void)name, (void)system_id, (void)public_id, (void)has_internal;
	refuse(user, "a document type: entities are not read here; take <!DOCTYPE ...> out");
}

static void on_entity(void *user, const XML_Char *name, int is_parameter, const XML_Char *value,
                      int value_size, const XML_Char *base, const XML_Char *system_id,
                      const XML_Char *public_id, const XML_Char *notation)
{
	(void)name, (void)is_parameter, (void)value, (void)value_size, (void)base;
	(void)system_id, (void)public_id, (void)notation;
	refuse(user, "an entity declaration: entities are not read here");
}

//- reading --------------------------------------------------------------------------------------

// What expat's own error means for a person with a list in hand.
static dp_code expat_failed(reader *r, dp_fault *fault)
{
	enum XML_Error error = XML_GetErrorCode(r->parser);
	uint32_t line = line_now(r), column = column_now(r);
	if (error == XML_ERROR_NO_MEMORY && !r->is_over_memory)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	const char *text = XML_ErrorString(error), *advice = "the file is damaged";
	if (error == XML_ERROR_NO_MEMORY) {
		text = "more names than 16 MiB hold";
		advice = "this is no list";
	} else if (error == XML_ERROR_NO_ELEMENTS && r->depth > 0) {
		text = "the file ends inside an element";
		advice = "it was cut off, get it again";
	} else if (error == XML_ERROR_UNCLOSED_TOKEN || error == XML_ERROR_NO_ELEMENTS ||
	           error == XML_ERROR_PARTIAL_CHAR || error == XML_ERROR_UNCLOSED_CDATA_SECTION) {
		advice = "it is cut off, or no XML; get it again";
	} else if (error == XML_ERROR_INVALID_TOKEN) {
		advice = "damaged, no XML, or not in the encoding it says";
	} else if (error == XML_ERROR_UNKNOWN_ENCODING || error == XML_ERROR_INCORRECT_ENCODING) {
		advice = "convert it to UTF-8";
	} else if (error == XML_ERROR_UNDEFINED_ENTITY) {
		advice = "entities are not read here";
	}
	return dp_fail_at(fault, DP_BAD_BYTES, line, column, "not well-formed XML (%s): %s",
	                  text != NULL ? text : "unknown error", advice);
}

// Feeds the input to expat until it ends or something stops us.
static dp_code feed(reader *r, dp_fault *fault)
{
	int64_t fed = 0;
	for (bool is_last = false; !is_last;) {
		void *buffer = XML_GetBuffer(r->parser, READ_SIZE);
		if (buffer == NULL) return expat_failed(r, fault);
		size_t n = 0;
		DP_TRY(r->xml->read(r->xml->read_context, buffer, READ_SIZE, &n, fault));
		DP_CHECK(n <= READ_SIZE);
		is_last = n == 0;
		fed += (int64_t)n;
		enum XML_Status status = XML_ParseBuffer(r->parser, (int)n, is_last);
		if (r->code != DP_OK) {
			if (fault != NULL) *fault = r->fault;
			return r->code;
		}
		if (status != XML_STATUS_OK) return expat_failed(r, fault);
		XML_Index done = XML_GetCurrentByteIndex(r->parser);
		if (!is_last && fed - (done > 0 ? (int64_t)done : 0) > DP_XML_TAG_MAX)
			return dp_fail_at(fault, DP_BAD_BYTES, line_now(r), column_now(r),
			                  "a tag or comment longer than 1 MiB: no list has that");
	}
	return DP_OK;
}

dp_code dp_xml_read(const dp_xml *xml, dp_fault *fault)
{
	DP_CHECK(xml != NULL);
	DP_CHECK(xml->read != NULL && xml->visit != NULL);
	reader r = {.xml = xml};
	reader *outer = current;
	current = &r;
	r.parser = XML_ParserCreate_MM(NULL, &memory_suite, NULL);
	dp_code code;
	if (r.parser == NULL) {
		code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	} else {
		XML_SetUserData(r.parser, &r);
		XML_SetElementHandler(r.parser, on_start, on_end);
		XML_SetCharacterDataHandler(r.parser, on_text);
		XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
		XML_SetEntityDeclHandler(r.parser, on_entity);
		code = feed(&r, fault);
		XML_ParserFree(r.parser);
	}
	DP_CHECK(r.memory_used == 0);
	dp_free(r.text);
	current = outer;
	return code;
}

const char *dp_xml_attribute(const dp_xml_tag *tag, const char *name)
{
	DP_CHECK(tag != NULL && name != NULL);
	if (tag->attribute == NULL) return NULL;
	for (const char *const *a = tag->attribute; *a != NULL; a += 2)
		if (strcmp(a[0], name) == 0) return a[1];
	return NULL;
}

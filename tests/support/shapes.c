// Reading real transactions, see shapes.h. What is wrong in a file ends the test: these files are
// the tests' own.
#include "support/shapes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/bitcoin.h"
#include "codec/hex.h"
#include "codec/input.h"
#include "codec/json.h"

enum { TEXT_MAX = 256 << 20, SCRIPT_MAX = 20000 };

bool t_shared(char path[4096], const char *name)
{
	const char *root = getenv("DYEPACK_SHARED");
	int n = snprintf(path, 4096, "%s/%s", root == NULL ? "../shared" : root, name);
	assert_true(n > 0 && n < 4096);
	struct stat st;
	if (stat(path, &st) == 0) return true;
	print_message("SKIPPED: %s is missing (set DYEPACK_SHARED)\n", path);
	return false;
}

static char *load(const char *path, size_t *ret_size)
{
	dp_input *in;
	uint8_t *bytes;
	dp_fault fault;
	if (dp_input_open(&in, path, &fault) != DP_OK) fail_msg("%s: %s", path, fault.text);
	if (dp_input_read_all(in, &bytes, ret_size, TEXT_MAX, &fault) != DP_OK)
		fail_msg("%s: %s", path, fault.text);
	dp_input_close(in);
	char *text = malloc(*ret_size + 1);
	assert_non_null(text);
	memcpy(text, bytes, *ret_size);
	text[*ret_size] = '\0';
	dp_free(bytes);
	return text;
}

typedef struct ends {
	dp_shape_end *end;
	uint32_t count, cap;
} ends;

static dp_shape_end *add(ends *e)
{
	if (e->count == e->cap) {
		e->cap = 2 * e->cap + 16;
		e->end = realloc(e->end, e->cap * sizeof *e->end);
		assert_non_null(e->end);
	}
	return &e->end[e->count++];
}

static dp_addr addr_of(const char *hex, size_t n)
{
	static uint8_t script[SCRIPT_MAX];
	char digits[2 * SCRIPT_MAX + 1];
	assert_true(n % 2 == 0 && n <= 2 * SCRIPT_MAX);
	memcpy(digits, hex, n);
	digits[n] = '\0';
	assert_true(dp_hex_decode(script, n / 2, digits));
	return dp_addr_from_script(script, n / 2);
}

// "value+script+type" at *io_at, up to the next }{ or the end.
static dp_shape_end read_end(const char **io_at)
{
	char *after;
	dp_shape_end e = {.value = strtoull(*io_at, &after, 10)};
	assert_true(*after == '+');
	const char *script = after + 1, *end = strchr(script, '+');
	assert_non_null(end);
	e.addr = addr_of(script, (size_t)(end - script));
	const char *next = strstr(end, "}{");
	*io_at = next == NULL ? NULL : next + 2;
	return e;
}

static char *cut(char **io_line)
{
	char *field = *io_line;
	assert_non_null(field);
	char *end = strstr(field, ":::");
	*io_line = end == NULL ? NULL : end + 3;
	if (end != NULL) *end = '\0';
	return field;
}

static void show_line(char *line, ends *in, ends *out, t_see see, void *context)
{
	t_real tx = {0};
	in->count = 0;
	out->count = 0;
	dp_shape shape = {.inputs_known = true};
	const char *id = cut(&line);
	assert_true(strlen(id) == 64);
	memcpy(tx.txid, id, 65);
	(void)cut(&line);
	(void)cut(&line);
	tx.time = strtoll(cut(&line), NULL, 10);
	for (const char *at = cut(&line); at != NULL;) {
		assert_true(strlen(at) > 65);
		at = strchr(at + 65, '-'); // behind txid- and vout
		assert_non_null(at);
		at++;
		dp_shape_end e = read_end(&at);
		*add(in) = e;
	}
	for (const char *at = cut(&line); at != NULL;) {
		dp_shape_end e = read_end(&at);
		if (e.addr.kind == DP_ADDR_NULLDATA) {
			shape.nulldata_count++;
		} else {
			*add(out) = e;
		}
	}
	assert_null(line);
	shape.in = in->end;
	shape.out = out->end;
	shape.in_count = in->count;
	shape.out_count = out->count;
	tx.shape = &shape;
	see(context, &tx);
}

uint64_t t_shapes_lines(const char *path, t_see see, void *context)
{
	size_t size;
	char *text = load(path, &size);
	ends in = {0}, out = {0};
	uint64_t count = 0;
	for (char *line = text, *next; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL) *next++ = '\0';
		if (next == NULL) next = line + strlen(line);
		if (*line == '\0' || *line == '#') continue;
		show_line(line, &in, &out, see, context);
		count++;
	}
	free(in.end);
	free(out.end);
	free(text);
	return count;
}

// ---- blocks --------------------------------------------------------------------------------

// Fills the inputs' values and holders from the list of what the block spends.
static void fill_inputs(dp_block *b, const char *path)
{
	size_t size;
	char *text = load(path, &size);
	dp_json *doc;
	assert_int_equal(dp_json_parse(&doc, text, size, NULL), DP_OK);
	const dp_json *e = dp_json_first(doc);
	for (uint32_t i = 0; i < b->mv_count; i++) {
		if (b->mv[i].kind != DP_MV_INPUT) continue;
		assert_non_null(e);
		const dp_json *out = dp_json_get(e, "txout");
		const char *hex = dp_json_text(dp_json_get(out, "script_pubkey"));
		uint64_t value;
		assert_true(dp_json_u64(dp_json_get(out, "value"), &value));
		b->mv[i].amount = dp_u256_of(value);
		b->mv[i].from = addr_of(hex, strlen(hex));
		b->mv[i].flags &= (uint8_t)~DP_MVF_VALUE_UNKNOWN;
		e = dp_json_next(e);
	}
	assert_null(e);
	dp_json_free(doc);
	free(text);
}

uint64_t t_shapes_block(const char *path, const char *spent, uint64_t height, t_see see,
                        void *context)
{
	size_t size;
	char *bytes = load(path, &size);
	const dp_chain *chain = dp_chain_find("bitcoin", 7);
	dp_bitcoin_decoder decoder = {0};
	dp_block_builder builder = {0};
	dp_bitcoin_info info;
	dp_fault fault;
	if (dp_bitcoin_decode(&info, &decoder, &builder, chain, height, (const uint8_t *)bytes,
	                      size, &fault) != DP_OK)
		fail_msg("%s: %s", path, fault.text);
	if (spent != NULL) fill_inputs(&builder.block, spent);
	const dp_block *b;
	assert_int_equal(dp_builder_finish(&builder, &b, NULL), DP_OK);
	dp_shaper shaper = {0};
	for (uint32_t i = 0; i < b->tx_count; i++) {
		t_real tx = {.time = b->time};
		char id[DP_TXID_TEXT_MAX];
		assert_int_equal(dp_txid_format(id, b->tx[i].id, chain), 64);
		memcpy(tx.txid, id, 65);
		assert_int_equal(dp_shape_of(&shaper, &tx.shape, b, i, NULL), DP_OK);
		see(context, &tx);
	}
	uint64_t count = b->tx_count;
	dp_shaper_done(&shaper);
	dp_builder_done(&builder);
	dp_bitcoin_decoder_done(&decoder);
	free(bytes);
	return count;
}

static void read_json_end(ends *e, const dp_json *out, uint32_t *io_nulldata)
{
	dp_shape_end end;
	const char *hex = dp_json_text(dp_json_get(out, "pk_script"));
	assert_true(hex != NULL && strncmp(hex, "0x", 2) == 0);
	assert_true(dp_json_u64(dp_json_get(out, "value"), &end.value));
	end.addr = addr_of(hex + 2, strlen(hex + 2));
	if (end.addr.kind == DP_ADDR_NULLDATA && io_nulldata != NULL) {
		(*io_nulldata)++;
	} else {
		*add(e) = end;
	}
}

uint64_t t_shapes_prevouts(const char *path, t_see see, void *context)
{
	size_t size;
	char *text = load(path, &size);
	dp_json *doc;
	assert_int_equal(dp_json_parse(&doc, text, size, NULL), DP_OK);
	const dp_json *block = dp_json_first(dp_json_get(doc, "blocks"));
	const dp_json *list = dp_json_get(dp_json_get(block, "data"), "transactions");
	ends in = {0}, out = {0};
	uint64_t count = 0;
	for (const dp_json *t = dp_json_first(list); t != NULL; t = dp_json_next(t), count++) {
		dp_shape shape = {.inputs_known = count > 0, .is_coinbase = count == 0};
		in.count = 0;
		out.count = 0;
		const dp_json *e = dp_json_first(dp_json_get(t, "inputs"));
		for (; e != NULL && count > 0; e = dp_json_next(e))
			read_json_end(&in, dp_json_get(dp_json_get(e, "previous_output"), "data"),
			              NULL);
		for (e = dp_json_first(dp_json_get(t, "outputs")); e != NULL; e = dp_json_next(e))
			read_json_end(&out, e, &shape.nulldata_count);
		shape.in = in.end;
		shape.out = out.end;
		shape.in_count = in.count;
		shape.out_count = out.count;
		// The file has no transaction ids: the place in the block serves as a name.
		t_real tx = {.shape = &shape};
		(void)snprintf(tx.txid, sizeof tx.txid, "transaction %d", (int)count);
		see(context, &tx);
	}
	dp_json_free(doc);
	free(in.end);
	free(out.end);
	free(text);
	return count;
}

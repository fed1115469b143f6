// See approvals.h.
#include "entity/approvals.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/asset.h"
#include "codec/csv.h"
#include "codec/input.h"

enum { OWNER = 0, SPENDER, TX, BLOCK, CONTRACT, COLUMN_COUNT };
static const char *const names[COLUMN_COUNT] = {"owner", "spender", "tx", "block", "contract"};

struct table {
	dp_csv csv;
	const dp_chain *chain;
	int32_t column[COLUMN_COUNT]; // -1: not there
};

static bool is_named(const dp_csv_field *f, const char *name)
{
	return f->size == strlen(name) && memcmp(f->text, name, f->size) == 0;
}

static dp_code read_head(struct table *t, dp_fault *fault)
{
	dp_code code = dp_csv_next(&t->csv, fault);
	if (code == DP_END) return dp_fail(fault, DP_BAD_BYTES, "no approvals: the file is empty");
	DP_TRY(code);
	for (int i = 0; i < COLUMN_COUNT; i++) {
		t->column[i] = -1;
		for (uint32_t j = 0; j < t->csv.field_count; j++)
			if (is_named(&t->csv.field[j], names[i])) t->column[i] = (int32_t)j;
		if (t->column[i] < 0 && i != BLOCK && i != CONTRACT)
			return dp_fail_at(fault, DP_BAD_BYTES, t->csv.line, 0,
			                  "no column '%s': the head line names owner, spender, tx "
			                  "and, if known, block",
			                  names[i]);
	}
	return DP_OK;
}

static dp_code read_height(uint64_t *ret_height, const dp_csv_field *f)
{
	uint64_t height = 0;
	for (uint32_t i = 0; i < f->size; i++) {
		if (f->text[i] < '0' || f->text[i] > '9') return DP_BAD_BYTES;
		if (__builtin_mul_overflow(height, 10, &height)) return DP_BAD_BYTES;
		if (__builtin_add_overflow(height, (uint64_t)(f->text[i] - '0'), &height))
			return DP_BAD_BYTES;
	}
	*ret_height = height;
	return DP_OK;
}

// *ret_counts: not of a token that is not listed.
static dp_code read_row(const struct table *t, dp_approval *ret_approval, bool *ret_counts,
                        dp_fault *fault)
{
	dp_approval a = {0};
	dp_addr contract = {0};
	const dp_csv_field *field[COLUMN_COUNT] = {0};
	char text[DP_FAULT_TEXT_MAX];
	dp_fault inner = {0};
	dp_code code = DP_OK;
	int at = 0;
	for (int i = 0; i < COLUMN_COUNT; i++) {
		if (t->column[i] < 0) continue;
		if ((uint32_t)t->column[i] >= t->csv.field_count)
			return dp_fail_at(fault, DP_BAD_BYTES, t->csv.line, 0,
			                  "the line has no '%s': it has %u fields", names[i],
			                  t->csv.field_count);
		field[i] = &t->csv.field[t->column[i]];
	}
	for (; at < COLUMN_COUNT && code == DP_OK; at++) {
		const dp_csv_field *f = field[at];
		if (f == NULL) continue;
		if (at == OWNER)
			code = dp_addr_parse(&a.owner, f->text, f->size, t->chain, &inner);
		else if (at == SPENDER)
			code = dp_addr_parse(&a.spender, f->text, f->size, t->chain, &inner);
		else if (at == TX)
			code = dp_txid_parse(a.txid, f->text, f->size, t->chain, &inner);
		else if (at == BLOCK)
			code = read_height(&a.height, f);
		else
			code = dp_addr_parse(&contract, f->text, f->size, t->chain, &inner);
	}
	if (code != DP_OK) {
		if (at - 1 == BLOCK) (void)dp_fail(&inner, code, "not a height");
		memcpy(text, inner.text, sizeof text);
		return dp_fail_at(fault, code, t->csv.line, 0, "%s: %.300s", names[at - 1], text);
	}
	*ret_approval = a;
	*ret_counts = field[CONTRACT] == NULL || contract.len != 20 ||
	              dp_asset_by_contract(t->chain, contract.bytes).v != 0;
	return DP_OK;
}

static dp_code read_table(struct table *t, dp_approvals *a, dp_fault *fault)
{
	DP_TRY(read_head(t, fault));
	for (;;) {
		dp_approval row;
		bool counts;
		dp_code code = dp_csv_next(&t->csv, fault);
		if (code == DP_END) return DP_OK;
		DP_TRY(code);
		DP_TRY(read_row(t, &row, &counts, fault));
		if (!counts) continue;
		void *items = a->item;
		DP_TRY(dp_grow(&items, &a->cap, sizeof *a->item, a->count + 1, DP_APPROVALS_MAX,
		               fault));
		a->item = items;
		a->item[a->count++] = row;
	}
}

dp_code dp_approvals_read(dp_approvals *io_approvals, const char *path, const dp_chain *chain,
                          dp_fault *fault)
{
	dp_input *in;
	DP_CHECK(io_approvals != NULL && path != NULL);
	DP_CHECK(chain != NULL && chain->kind == DP_CHAIN_ACCOUNT);
	DP_TRY(dp_input_open(&in, path, fault));
	struct table t = {.csv = {.read = dp_input_read, .context = in}, .chain = chain};
	dp_code code = read_table(&t, io_approvals, fault);
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, path);
	dp_csv_done(&t.csv);
	dp_input_close(in);
	return code;
}

struct bytes {
	const char *text;
	size_t left;
};

static dp_code read_bytes(void *context, void *buffer, size_t size, size_t *ret_size,
                          dp_fault *fault)
{
	struct bytes *b = context;
	(void)fault;
	size_t n = size < b->left ? size : b->left;
	if (n > 0) memcpy(buffer, b->text, n);
	b->text += n;
	b->left -= n;
	*ret_size = n;
	return DP_OK;
}

dp_code dp_approvals_parse(dp_approvals *io_approvals, const char *text, size_t n,
                           const dp_chain *chain, dp_fault *fault)
{
	struct bytes b = {text, n};
	DP_CHECK(io_approvals != NULL && chain != NULL);
	struct table t = {.csv = {.read = read_bytes, .context = &b}, .chain = chain};
	dp_code code = read_table(&t, io_approvals, fault);
	dp_csv_done(&t.csv);
	return code;
}

void dp_approvals_done(dp_approvals *a)
{
	if (a == NULL) return;
	dp_free(a->item);
	*a = (dp_approvals){0};
}

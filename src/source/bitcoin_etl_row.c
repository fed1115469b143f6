// See bitcoin_etl_row.h.
#include "source/bitcoin_etl_row.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/bytes.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "codec/time.h"
#include "source/bitcoin_json.h"

enum {
	PART_MAX = 1 << 20,    // inputs or outputs of a transaction
	SCRIPT_MAX = 32 << 20, // bytes
};

//- values ----------------------------------------------------------------------------------------

static dp_code bad(dp_fault *fault, const char *name, const char *why)
{
	DP_CHECK(name != NULL && why != NULL);
	return dp_fail(fault, DP_BAD_BYTES, "`%s` %s", name, why);
}

// "inputs[3].value: why"
static dp_code bad_part(dp_fault *fault, const char *list, uint64_t item, const char *name,
                        const char *why)
{
	return dp_fail(fault, DP_BAD_BYTES, "`%s[%llu].%s` %s", list, (unsigned long long)item,
	               name, why);
}

static bool is_null(const dp_json *v)
{
	bool truth;
	return v == NULL ||
	       (dp_json_text(v) == NULL && dp_json_number(v) == NULL && !dp_json_is_array(v) &&
	        !dp_json_is_object(v) && !dp_json_bool(v, &truth));
}

// A whole number, quoted or not, with every digit: Python wrote it, which knows no limit to them.
static bool read_u64(uint64_t *ret_value, const dp_json *v)
{
	const char *p = v == NULL ? NULL : dp_json_number(v);
	if (p == NULL && v != NULL) p = dp_json_text(v);
	if (p == NULL || *p == 0) return false;
	uint64_t value = 0;
	for (; *p != 0; p++) {
		if (*p < '0' || *p > '9') return false;
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	}
	*ret_value = value;
	return true;
}

static bool read_u32(uint32_t *ret_value, const dp_json *v)
{
	uint64_t value;
	if (!read_u64(&value, v) || value > UINT32_MAX) return false;
	*ret_value = (uint32_t)value;
	return true;
}

// Versions are signed in older nodes and unsigned in newer ones: the same 32 bits.
static bool read_version(uint32_t *ret_value, const dp_json *v)
{
	const char *p = v == NULL ? NULL : dp_json_number(v);
	if (p == NULL || *p != '-') return read_u32(ret_value, v);
	uint64_t value = 0;
	for (p++; *p != 0; p++) {
		if (*p < '0' || *p > '9' || value > UINT32_MAX) return false;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	if (value > UINT64_C(1) << 31) return false;
	*ret_value = (uint32_t)(0 - value);
	return true;
}

// Unix seconds, or a date as BigQuery writes it.
static bool read_time(int64_t *ret_time, const dp_json *v)
{
	uint64_t seconds;
	const char *text = v == NULL ? NULL : dp_json_text(v);
	if (read_u64(&seconds, v)) {
		if (seconds > UINT32_MAX) return false; // what a header can hold
		*ret_time = (int64_t)seconds;
		return true;
	}
	return text != NULL && dp_time_parse(ret_time, text, strlen(text));
}

// The bytes of a script into the parser's buffer. False: no such text; *ret_code not DP_OK: no
// memory.
static bool read_script(dp_btc_parser *p, size_t *ret_size, dp_code *ret_code, const dp_json *v,
                        dp_fault *fault)
{
	const char *text = v == NULL ? NULL : dp_json_text(v);
	size_t n = text == NULL ? 1 : strlen(text);
	*ret_code = DP_OK;
	if (n % 2 != 0) return false;
	*ret_code = dp_grow((void **)&p->bytes, &p->bytes_cap, 1, n / 2 + 1, SCRIPT_MAX, fault);
	*ret_size = n / 2;
	return *ret_code == DP_OK && dp_hex_decode(p->bytes, n / 2, text);
}

//- the id ----------------------------------------------------------------------------------------

// What a transaction hashes, as it is read. `is_whole` becomes false where something is missing.
typedef struct hashing {
	dp_sha256d_state state;
	bool is_whole;
} hashing;

static void hash_int(hashing *h, uint64_t v, size_t n)
{
	uint8_t b[8];
	for (size_t i = 0; i < n; i++) b[i] = (uint8_t)(v >> (8 * i));
	dp_sha256d_update(&h->state, b, n);
}

static void hash_count(hashing *h, uint64_t v)
{
	uint8_t b[9];
	dp_sha256d_update(&h->state, b, dp_varint_write(b, v));
}

static void hash_bytes(hashing *h, const uint8_t *bytes, size_t n)
{
	hash_count(h, n);
	dp_sha256d_update(&h->state, bytes, n);
}

//- inputs ----------------------------------------------------------------------------------------

// Which kinds of address a type may have. What is not here has none that tells its script: of bare
// multisig the keys are listed (or were, by older nodes), and "nonstandard" stands for anything
// that the node gave no address for, with a part of the script's hash. Such an input has an address
// only when the output it spends was read in the same run.
static const struct type_form {
	const char *type;
	dp_addr_kind kind, other;
} type_forms[] = {
    {"pubkeyhash", DP_ADDR_P2PKH, DP_ADDR_P2PKH},
    {"scripthash", DP_ADDR_P2SH, DP_ADDR_P2SH},
    {"witness_v0_keyhash", DP_ADDR_P2WPKH, DP_ADDR_P2WPKH},
    {"witness_v0_scripthash", DP_ADDR_P2WSH, DP_ADDR_P2WSH},
    {"witness_v1_taproot", DP_ADDR_P2TR, DP_ADDR_P2TR},
    {"witness_unknown", DP_ADDR_WITNESS, DP_ADDR_P2TR}, // nodes older than taproot
    {"anchor", DP_ADDR_WITNESS, DP_ADDR_WITNESS},
    {"pubkey", DP_ADDR_P2PKH, DP_ADDR_P2PKH}, // shown as the address of its key's hash
};

static dp_code input_address(const dp_btc_parser *p, dp_addr *ret_addr, const dp_json *in,
                             uint64_t item, dp_fault *fault)
{
	const dp_json *t = dp_json_get(in, "type"), *list = dp_json_get(in, "addresses");
	const dp_json *first = list != NULL && dp_json_is_array(list) ? dp_json_first(list) : NULL;
	const char *type = t == NULL ? NULL : dp_json_text(t);
	const char *text = first == NULL ? NULL : dp_json_text(first);
	const struct type_form *form = NULL;
	*ret_addr = (dp_addr){0};
	if (type == NULL || text == NULL || dp_json_next(first) != NULL) return DP_OK;
	if (strncmp(text, "nonstandard", strlen("nonstandard")) == 0) return DP_OK;
	for (size_t i = 0; i < sizeof type_forms / sizeof type_forms[0]; i++)
		if (strcmp(type_forms[i].type, type) == 0) form = &type_forms[i];
	if (form == NULL) return DP_OK;
	dp_addr a;
	dp_fault why = {0};
	if (dp_addr_parse(&a, text, strlen(text), p->chain, &why) != DP_OK)
		return dp_fail(fault, DP_BAD_BYTES, "`inputs[%llu].addresses`: %.200s",
		               (unsigned long long)item, why.text);
	if (a.kind != form->kind && a.kind != form->other)
		return bad_part(fault, "inputs", item, "addresses", "is not of the input's `type`");
	if (strcmp(type, "pubkey") == 0) a.kind = DP_ADDR_P2PK;
	*ret_addr = a;
	return DP_OK;
}

static dp_code read_input(dp_btc_parser *p, dp_btc_input *in, hashing *h, const dp_json *v,
                          uint64_t item, dp_fault *fault)
{
	uint64_t index;
	uint32_t sequence;
	size_t size = 0;
	dp_code code;
	*in = (dp_btc_input){0};
	const dp_json *said = dp_json_get(v, "value"), *at = dp_json_get(v, "index");
	if (!is_null(at) && (!read_u64(&index, at) || index != item))
		return bad_part(fault, "inputs", item, "index", "is not its place in the list");
	if (is_null(dp_json_get(v, "spent_transaction_hash")))
		return bad_part(fault, "inputs", item, "spent_transaction_hash",
		                "is missing: shielded inputs cannot be followed");
	if (!dp_bitcoin_json_hash(in->spent.txid, dp_json_get(v, "spent_transaction_hash")))
		return bad_part(fault, "inputs", item, "spent_transaction_hash",
		                "must be 64 hex digits");
	if (!read_u32(&in->spent.vout, dp_json_get(v, "spent_output_index")))
		return bad_part(fault, "inputs", item, "spent_output_index",
		                "must be a whole number");
	if (!is_null(said)) {
		in->has_value = read_u64(&in->value, said);
		if (!in->has_value)
			return bad_part(fault, "inputs", item, "value",
			                "must be a whole number of base units");
		DP_TRY(input_address(p, &in->from, v, item, fault));
	}
	bool has_script = read_script(p, &size, &code, dp_json_get(v, "script_hex"), fault);
	if (code != DP_OK) return code;
	if (!has_script || !read_u32(&sequence, dp_json_get(v, "sequence"))) h->is_whole = false;
	if (!h->is_whole) return DP_OK;
	dp_sha256d_update(&h->state, in->spent.txid, 32);
	hash_int(h, in->spent.vout, 4);
	hash_bytes(h, p->bytes, size);
	hash_int(h, sequence, 4);
	return DP_OK;
}

static uint64_t count_of(const dp_json *list)
{
	uint64_t n = 0;
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v)) n++;
	return n;
}

// A coinbase's one input may be listed, with nothing to spend, or left out.
static dp_code check_coinbase(const dp_json *list, dp_fault *fault)
{
	const dp_json *in = dp_json_first(list);
	if (in == NULL ||
	    (dp_json_next(in) == NULL && is_null(dp_json_get(in, "spent_transaction_hash"))))
		return DP_OK;
	return bad(fault, "inputs", "are there in a coinbase, which spends nothing");
}

static dp_code read_inputs(dp_btc_parser *p, dp_btc_row *row, hashing *h, const dp_json *doc,
                           dp_fault *fault)
{
	const dp_json *list = dp_json_get(doc, "inputs"), *said = dp_json_get(doc, "input_count");
	uint64_t i = 0, count;
	if (!dp_json_is_array(list)) return bad(fault, "inputs", "must be a list");
	if ((row->flags & DP_BTCF_COINBASE) != 0) return check_coinbase(list, fault);
	uint64_t n = count_of(list);
	if (n == 0) return bad(fault, "inputs", "is empty, and the transaction is no coinbase");
	if (!is_null(said) && (!read_u64(&count, said) || count != n))
		return bad(fault, "input_count", "is not the number of inputs");
	DP_TRY(dp_grow((void **)&p->input, &p->input_cap, sizeof *p->input, n, PART_MAX, fault));
	hash_count(h, n);
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v), i++)
		DP_TRY(read_input(p, &p->input[i], h, v, i, fault));
	row->input = p->input;
	row->input_count = (uint32_t)n;
	return DP_OK;
}

//- outputs ---------------------------------------------------------------------------------------

// Keeps what an output says, where that could be a memo.
static dp_code note_memo(dp_btc_parser *p, uint64_t item, size_t size, dp_fault *fault)
{
	dp_btc_memo memo = {.vout = (uint32_t)item};
	DP_CHECK(item < PART_MAX);
	memo.size = (uint32_t)dp_note_of_script(memo.bytes, DP_MEMO_MAX, p->bytes, size);
	if (memo.size == 0 || !dp_memo_maybe(memo.bytes, memo.size)) return DP_OK;
	DP_TRY(dp_grow((void **)&p->memo, &p->memo_cap, sizeof *p->memo,
	               (uint64_t)p->memo_count + 1, PART_MAX, fault));
	p->memo[p->memo_count++] = memo;
	return DP_OK;
}

static dp_code read_output(dp_btc_parser *p, dp_btc_output *out, hashing *h, const dp_json *v,
                           uint64_t item, dp_fault *fault)
{
	uint64_t index;
	size_t size;
	dp_code code;
	const dp_json *at = dp_json_get(v, "index");
	if (!is_null(at) && (!read_u64(&index, at) || index != item))
		return bad_part(fault, "outputs", item, "index", "is not its place in the list");
	if (!read_u64(&out->value, dp_json_get(v, "value")))
		return bad_part(fault, "outputs", item, "value",
		                "must be a whole number of base units");
	if (out->value > p->chain->money_max)
		return bad_part(fault, "outputs", item, "value", "is more than there is");
	if (!read_script(p, &size, &code, dp_json_get(v, "script_hex"), fault))
		return code != DP_OK ? code
		                     : bad_part(fault, "outputs", item, "script_hex",
		                                "must be the script as hexadecimal text");
	out->to = dp_addr_from_output(p->chain, p->bytes, size);
	hash_int(h, out->value, 8);
	hash_bytes(h, p->bytes, size);
	return note_memo(p, item, size, fault);
}

static dp_code read_outputs(dp_btc_parser *p, dp_btc_row *row, hashing *h, const dp_json *doc,
                            dp_fault *fault)
{
	const dp_json *list = dp_json_get(doc, "outputs"), *said = dp_json_get(doc, "output_count");
	uint64_t i = 0, count, sum = 0;
	if (!dp_json_is_array(list)) return bad(fault, "outputs", "must be a list");
	uint64_t n = count_of(list);
	if (n == 0) return bad(fault, "outputs", "is empty");
	if (!is_null(said) && (!read_u64(&count, said) || count != n))
		return bad(fault, "output_count", "is not the number of outputs");
	DP_TRY(dp_grow((void **)&p->output, &p->output_cap, sizeof *p->output, n, PART_MAX, fault));
	hash_count(h, n);
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v), i++) {
		DP_TRY(read_output(p, &p->output[i], h, v, i, fault));
		sum += p->output[i].value; // each and the sum so far at most money_max, below 2^63
		if (sum > p->chain->money_max)
			return bad(fault, "outputs", "sum to more than there is");
	}
	row->output = p->output;
	row->output_count = (uint32_t)n;
	row->memo = p->memo;
	row->memo_count = p->memo_count;
	said = dp_json_get(doc, "output_value");
	if (!is_null(said) && (!read_u64(&count, said) || count != sum))
		return bad(fault, "output_value", "is not the sum of the outputs");
	return DP_OK;
}

//- a transaction ---------------------------------------------------------------------------------

// What its inputs are said to be worth, where all are: sum and fee must be as said. Where they are
// not, bitcoin-etl writes sums of what it has, which mean nothing.
static dp_code check_sums(const dp_btc_parser *p, dp_btc_row *row, const dp_json *doc,
                          dp_fault *fault)
{
	uint64_t in = 0, out = 0, said;
	const dp_json *sum = dp_json_get(doc, "input_value"), *fee = dp_json_get(doc, "fee");
	if ((row->flags & DP_BTCF_COINBASE) != 0) return DP_OK;
	for (uint32_t i = 0; i < row->input_count; i++) {
		if (!row->input[i].has_value) return DP_OK;
		if (row->input[i].value > p->chain->money_max)
			return bad_part(fault, "inputs", i, "value", "is more than there is");
		in += row->input[i].value;
		if (in > p->chain->money_max)
			return bad(fault, "inputs", "sum to more than there is");
	}
	for (uint32_t i = 0; i < row->output_count; i++) out += row->output[i].value;
	if (in < out) return bad(fault, "outputs", "sum to more than the inputs");
	if (!is_null(sum) && (!read_u64(&said, sum) || said != in))
		return bad(fault, "input_value", "is not the sum of the inputs");
	if (!is_null(fee) && (!read_u64(&said, fee) || said != in - out))
		return bad(fault, "fee", "is not what the outputs leave of the inputs");
	return DP_OK;
}

static dp_code read_tx(dp_btc_parser *p, dp_btc_row *row, const dp_json *doc, dp_fault *fault)
{
	uint32_t version = 0, lock_time = 0;
	bool is_coinbase = false;
	hashing h = {.is_whole = true};
	uint8_t id[32];
	const dp_json *index = dp_json_get(doc, "index");
	if (!read_u64(&row->block, dp_json_get(doc, "block_number")))
		return bad(fault, "block_number", "must be a whole number");
	if (!dp_bitcoin_json_hash(row->id, dp_json_get(doc, "hash")))
		return bad(fault, "hash", "must be 64 hex digits");
	if (!is_null(dp_json_get(doc, "is_coinbase")) &&
	    !dp_json_bool(dp_json_get(doc, "is_coinbase"), &is_coinbase))
		return bad(fault, "is_coinbase", "must be true or false");
	if (is_coinbase) row->flags |= DP_BTCF_COINBASE;
	if (!is_null(index)) {
		if (!read_u32(&row->index, index) || row->index > DP_BITCOIN_JSON_BYTES_MAX)
			return bad(fault, "index", "must be a whole number");
		row->flags |= DP_BTCF_HAS_INDEX;
	}
	h.is_whole = !is_coinbase && read_version(&version, dp_json_get(doc, "version")) &&
	             read_u32(&lock_time, dp_json_get(doc, "lock_time"));
	dp_sha256d_init(&h.state);
	if (h.is_whole) hash_int(&h, version, 4);
	DP_TRY(read_inputs(p, row, &h, doc, fault));
	DP_TRY(read_outputs(p, row, &h, doc, fault));
	DP_TRY(check_sums(p, row, doc, fault));
	if (!h.is_whole) return DP_OK;
	hash_int(&h, lock_time, 4);
	dp_sha256d_final(&h.state, id);
	bool is_same = memcmp(id, row->id, 32) == 0;
	// Bitcoin Cash hashes tokens with an output that its script alone does not show.
	if (!is_same && p->chain->cashaddr != NULL) return DP_OK;
	if (!is_same)
		return bad(fault, "hash",
		           "is not the hash of the transaction: something in its line was changed");
	row->flags |= DP_BTCF_PROVEN;
	return DP_OK;
}

//- a block ---------------------------------------------------------------------------------------

// A header's 32 bits: hexadecimal text, or a number (as older versions wrote the nonce).
static bool read_word(uint32_t *ret_value, const dp_json *v)
{
	const char *text = v == NULL ? NULL : dp_json_text(v);
	if (text == NULL) return read_u32(ret_value, v);
	size_t n = strlen(text);
	char padded[9] = "00000000";
	uint8_t b[4];
	if (n == 0 || n > 8) return false;
	memcpy(padded + 8 - n, text, n);
	if (!dp_hex_decode(b, 4, padded)) return false;
	*ret_value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return true;
}

static dp_code read_block(dp_btc_row *row, const dp_json *doc, dp_fault *fault)
{
	const dp_json *root = dp_json_get(doc, "merkle_root");
	const dp_json *count = dp_json_get(doc, "transaction_count");
	const dp_json *prev = dp_json_get(doc, "previous_block_hash");
	row->flags |= DP_BTCF_BLOCK;
	if (!read_u64(&row->block, dp_json_get(doc, "number")))
		return bad(fault, "number", "must be a whole number");
	if (!is_null(root)) {
		if (!dp_bitcoin_json_hash(row->id, root))
			return bad(fault, "merkle_root", "must be 64 hex digits");
		row->flags |= DP_BTCF_HAS_MERKLE;
	}
	if (!is_null(count)) {
		if (!read_u32(&row->index, count))
			return bad(fault, "transaction_count", "must be a whole number");
		row->flags |= DP_BTCF_HAS_COUNT;
	}
	if (!is_null(prev)) {
		if (!dp_bitcoin_json_hash(row->prev, prev))
			return bad(fault, "previous_block_hash", "must be 64 hex digits");
		row->flags |= DP_BTCF_HAS_PREV;
	}
	if (read_version(&row->version, dp_json_get(doc, "version")) &&
	    read_word(&row->bits, dp_json_get(doc, "bits")) &&
	    read_word(&row->nonce, dp_json_get(doc, "nonce")))
		row->flags |= DP_BTCF_HAS_HEADER;
	return DP_OK;
}

static dp_code read_row(dp_btc_parser *p, dp_btc_row *row, const dp_json *doc, dp_fault *fault)
{
	if (!dp_json_is_object(doc))
		return dp_fail(fault, DP_BAD_BYTES, "must be one JSON object in each line");
	bool is_tx = dp_json_get(doc, "outputs") != NULL;
	if (!is_tx && dp_json_get(doc, "merkle_root") == NULL)
		return dp_fail(
		    fault, DP_BAD_BYTES,
		    "is neither a block (`merkle_root`) nor a transaction (`outputs`) of "
		    "bitcoin-etl");
	const char *time = is_tx ? "block_timestamp" : "timestamp";
	const char *hash = is_tx ? "block_hash" : "hash";
	if (is_tx)
		DP_TRY(read_tx(p, row, doc, fault));
	else
		DP_TRY(read_block(row, doc, fault));
	if (row->block > UINT32_MAX) return bad(fault, "block number", "is too high");
	if (!read_time(&row->time, dp_json_get(doc, time)))
		return bad(fault, time, "must be a time in unix seconds");
	if (is_null(dp_json_get(doc, hash))) return DP_OK;
	if (!dp_bitcoin_json_hash(row->block_hash, dp_json_get(doc, hash)))
		return bad(fault, hash, "must be 64 hex digits");
	row->flags |= DP_BTCF_HAS_HASH;
	return DP_OK;
}

dp_code dp_btc_row_parse(dp_btc_parser *p, dp_btc_row *ret_row, const char *text, size_t n,
                         dp_fault *fault)
{
	DP_CHECK(p != NULL && p->chain != NULL && ret_row != NULL);
	dp_json *doc;
	dp_btc_row row = {0};
	p->memo_count = 0;
	DP_TRY(dp_json_parse(&doc, text, n, fault));
	dp_code code = read_row(p, &row, doc, fault);
	dp_json_free(doc);
	if (code == DP_OK) *ret_row = row;
	return code;
}

void dp_btc_parser_done(dp_btc_parser *p)
{
	DP_CHECK(p != NULL);
	dp_free(p->input);
	dp_free(p->output);
	dp_free(p->memo);
	dp_free(p->bytes);
	*p = (dp_btc_parser){.chain = p->chain};
}

bool dp_btc_row_recognise(const uint8_t *head, size_t size)
{
	static const char *const keys[][2] = {
	    {"\"is_coinbase\"", "\"block_number\""},
	    {"\"lock_time\"", "\"block_number\""},
	    {"\"merkle_root\"", "\"coinbase_param\""},
	    {"\"merkle_root\"", "\"stripped_size\""},
	};
	DP_CHECK(head != NULL || size == 0);
	size_t i = 0;
	while (i < size && (head[i] == ' ' || head[i] == '\n' || head[i] == '\r')) i++;
	if (i == size || head[i] != '{') return false;
	for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (memmem(head, size, keys[i][0], strlen(keys[i][0])) != NULL &&
		    memmem(head, size, keys[i][1], strlen(keys[i][1])) != NULL)
			return true;
	return false;
}

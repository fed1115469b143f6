// What an EVM block's own hashes prove, see evm_proof.h.
//
// The values are taken from the JSON and written as RLP in the order that the protocol has; then
// they are hashed and compared. Which fields there are, of what kind, and in which order they stand
// in each form, is in the tables below; the code only follows them. Sources: the Yellow Paper
// (header, legacy transaction, receipt, section 4.3; trie, appendix D; bloom, section 4.3.1), and
// EIP-155, 2718 and 2930 (typed transactions), 1559, 4399, 4788, 4844, 4895, 7685, 7702.
//
// Forms we do not know. A key that stands in none of our tables may belong to another chain's
// serialisation, and then the hash cannot come out. So an unknown key alone means nothing (nodes
// add what they like), and a hash that does not match means a lie, unless there is an unknown key:
// then the answer is "not proven". Whoever lies can always bring this about, with one key; the
// caller must let people know. The same goes for transaction types above 4, and for transactions
// without a signature (r and s are 0), which some chains append to a block for what their bridge
// did.
//
// Where every form is known (is_strict) nothing of this excuses: a hash that does not come out is
// refused, and the fault names the key or the type, since a new fork may have brought it. One thing
// is let through there. Development nodes accept transactions in anybody's name and write a zero
// for the signature; such a transaction's own hash is made otherwise and cannot be computed, but
// it stands in the block's trie like all others, so the root of the transactions must come out.
// Nobody can pass off a changed transaction as one of these, and the block counts as not proven.
//
// Tries. Keys are rlp(0), rlp(1), ..., so no key is the beginning of another, no branch has a value
// of its own, and the order of the keys is known without sorting: 1 to 127 are single bytes below
// 0x80, 0 is the byte 0x80 itself, all others begin with 0x81 or more and grow with the index. A
// node's RLP stands in its parent when it has fewer than 32 bytes, else its hash does.
#include "source/evm_proof.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hash.h"

enum {
	ITEMS_MAX = 1 << 24, // of a list; a block of 2^63 gas could not hold more
	NIBBLES_MAX = 10,    // of rlp(index): a head and four bytes
	BLOOM_SIZE = 256,
	TYPE_MAX = 4,
	BLOB_GAS = 131072 // of one blob, EIP-4844
};

// The first block of Byzantium on the main chain, 2017-10-16. Receipts before it hold the root of
// the state, which some nodes have not kept; they give a status in its place, which proves nothing.
static const uint64_t byzantium_time = 1508131331;

// The place of one item in proof->item.
struct dp_evm_trie_item {
	uint64_t at;
	uint32_t size;
};

typedef enum kind {
	IGNORED = 0, // a known key that no hash covers
	QUANTITY,
	BYTES,  // of any size, or of the size stated
	TO,     // 20 bytes, or nothing when a contract is made
	ACCESS, // EIP-2930: addresses, each with its storage keys
	HASHES, // EIP-4844: names of blobs
	RIGHTS  // EIP-7702: signed delegations
} kind;

typedef struct field {
	char name[22];
	uint8_t name_size;
	uint8_t kind;
	uint16_t size; // of BYTES; 0 any
} field;

#define FIELD(name, kind, size)                                                                    \
	{                                                                                          \
		name, sizeof name - 1, kind, size                                                  \
	}
#define COUNT(table) (uint32_t)(sizeof(table) / sizeof(table)[0])

// A header's fields in the order in which they are hashed; those from the base fee on exist from
// their fork on.
enum { H_BASE_FEE = 15, H_HASHED = 21, H_FIELDS_MAX = 32 };
enum {
	H_OMMERS = 1,
	H_TX_ROOT = 4,
	H_RECEIPT_ROOT = 5,
	H_BLOOM = 6,
	H_NUMBER = 8,
	H_TIME = 11,
	H_WITHDRAWAL_ROOT = 16,
	H_HASH = 21,
	H_TXS,
	H_WITHDRAWALS,
	H_UNCLES
};
static const field header_field[] = {
    FIELD("parentHash", BYTES, 32),
    FIELD("sha3Uncles", BYTES, 32),
    FIELD("miner", BYTES, 20),
    FIELD("stateRoot", BYTES, 32),
    FIELD("transactionsRoot", BYTES, 32),
    FIELD("receiptsRoot", BYTES, 32),
    FIELD("logsBloom", BYTES, BLOOM_SIZE),
    FIELD("difficulty", QUANTITY, 0),
    FIELD("number", QUANTITY, 0),
    FIELD("gasLimit", QUANTITY, 0),
    FIELD("gasUsed", QUANTITY, 0),
    FIELD("timestamp", QUANTITY, 0),
    FIELD("extraData", BYTES, 0),
    FIELD("mixHash", BYTES, 32),
    FIELD("nonce", BYTES, 8),
    FIELD("baseFeePerGas", QUANTITY, 0),
    FIELD("withdrawalsRoot", BYTES, 32),
    FIELD("blobGasUsed", QUANTITY, 0),
    FIELD("excessBlobGas", QUANTITY, 0),
    FIELD("parentBeaconBlockRoot", BYTES, 32),
    FIELD("requestsHash", BYTES, 32),
    FIELD("hash", IGNORED, 0),
    FIELD("transactions", IGNORED, 0),
    FIELD("withdrawals", IGNORED, 0),
    FIELD("uncles", IGNORED, 0),
    FIELD("totalDifficulty", IGNORED, 0),
    FIELD("size", IGNORED, 0),
    FIELD("author", IGNORED, 0),
    FIELD("sealFields", IGNORED, 0),
};

enum {
	T_NONCE,
	T_PRICE,
	T_TIP,
	T_FEE_MAX,
	T_GAS,
	T_TO,
	T_VALUE,
	T_INPUT,
	T_DATA,
	T_CHAIN,
	T_ACCESS,
	T_BLOB_FEE,
	T_BLOBS,
	T_RIGHTS,
	T_V,
	T_PARITY,
	T_R,
	T_S,
	T_HASH,
	T_TYPE,
	T_FROM,
	T_FIELDS_MAX = 40,
	T_END = 255
};
static const field tx_field[] = {
    FIELD("nonce", QUANTITY, 0),
    FIELD("gasPrice", QUANTITY, 0),
    FIELD("maxPriorityFeePerGas", QUANTITY, 0),
    FIELD("maxFeePerGas", QUANTITY, 0),
    FIELD("gas", QUANTITY, 0),
    FIELD("to", TO, 20),
    FIELD("value", QUANTITY, 0),
    FIELD("input", BYTES, 0),
    FIELD("data", BYTES, 0),
    FIELD("chainId", QUANTITY, 0),
    FIELD("accessList", ACCESS, 0),
    FIELD("maxFeePerBlobGas", QUANTITY, 0),
    FIELD("blobVersionedHashes", HASHES, 0),
    FIELD("authorizationList", RIGHTS, 0),
    FIELD("v", QUANTITY, 0),
    FIELD("yParity", QUANTITY, 0),
    FIELD("r", QUANTITY, 0),
    FIELD("s", QUANTITY, 0),
    FIELD("hash", BYTES, 32),
    FIELD("type", QUANTITY, 0),
    FIELD("from", BYTES, 20),
    FIELD("blockHash", IGNORED, 0),
    FIELD("blockNumber", IGNORED, 0),
    FIELD("blockTimestamp", IGNORED, 0),
    FIELD("transactionIndex", IGNORED, 0),
    FIELD("creates", IGNORED, 0),
    FIELD("publicKey", IGNORED, 0),
    FIELD("raw", IGNORED, 0),
    FIELD("standardV", IGNORED, 0),
    FIELD("condition", IGNORED, 0),
};
// What is signed and hashed, by type.
static const uint8_t tx_form[TYPE_MAX + 1][16] = {
    {T_NONCE, T_PRICE, T_GAS, T_TO, T_VALUE, T_INPUT, T_V, T_R, T_S, T_END},
    {T_CHAIN, T_NONCE, T_PRICE, T_GAS, T_TO, T_VALUE, T_INPUT, T_ACCESS, T_PARITY, T_R, T_S, T_END},
    {T_CHAIN, T_NONCE, T_TIP, T_FEE_MAX, T_GAS, T_TO, T_VALUE, T_INPUT, T_ACCESS, T_PARITY, T_R,
     T_S, T_END},
    {T_CHAIN, T_NONCE, T_TIP, T_FEE_MAX, T_GAS, T_TO, T_VALUE, T_INPUT, T_ACCESS, T_BLOB_FEE,
     T_BLOBS, T_PARITY, T_R, T_S, T_END},
    {T_CHAIN, T_NONCE, T_TIP, T_FEE_MAX, T_GAS, T_TO, T_VALUE, T_INPUT, T_ACCESS, T_RIGHTS,
     T_PARITY, T_R, T_S, T_END},
};

enum { W_HASHED = 4 };
static const field withdrawal_field[] = {
    FIELD("index", QUANTITY, 0),
    FIELD("validatorIndex", QUANTITY, 0),
    FIELD("address", BYTES, 20),
    FIELD("amount", QUANTITY, 0),
};

enum {
	R_STATUS,
	R_STATE,
	R_CUMULATIVE,
	R_BLOOM,
	R_LOGS,
	R_TYPE,
	R_TX,
	R_GAS,
	R_PRICE,
	R_BLOB_GAS,
	R_CONTRACT
};
static const field receipt_field[] = {
    FIELD("status", QUANTITY, 0),
    FIELD("root", BYTES, 32),
    FIELD("cumulativeGasUsed", QUANTITY, 0),
    FIELD("logsBloom", BYTES, BLOOM_SIZE),
    FIELD("logs", IGNORED, 0),
    FIELD("type", QUANTITY, 0),
    FIELD("transactionHash", BYTES, 32),
    FIELD("gasUsed", QUANTITY, 0),
    FIELD("effectiveGasPrice", QUANTITY, 0),
    FIELD("blobGasUsed", QUANTITY, 0),
    FIELD("contractAddress", BYTES, 20),
};

enum { L_ADDRESS, L_TOPICS, L_DATA };
static const field log_field[] = {
    FIELD("address", BYTES, 20),
    FIELD("topics", IGNORED, 0),
    FIELD("data", BYTES, 0),
};

static const field access_field[] = {
    FIELD("address", BYTES, 20),
    FIELD("storageKeys", IGNORED, 0),
};

enum { A_PARITY = 3, A_HASHED = 6, A_V = 6 };
static const field right_field[] = {
    FIELD("chainId", QUANTITY, 0), FIELD("address", BYTES, 20), FIELD("nonce", QUANTITY, 0),
    FIELD("yParity", QUANTITY, 0), FIELD("r", QUANTITY, 0),     FIELD("s", QUANTITY, 0),
    FIELD("v", QUANTITY, 0),
};

_Static_assert(COUNT(header_field) <= H_FIELDS_MAX, "a header's fields must fit");
_Static_assert(COUNT(tx_field) <= T_FIELDS_MAX, "a transaction's fields must fit");
_Static_assert(COUNT(withdrawal_field) == W_HASHED, "all of a withdrawal is hashed");

// Where we are, for faults, and where RLP goes.
typedef struct reader {
	dp_evm_proof *proof;
	dp_fault *fault;
	uint64_t height;
	const char *thing; // "transaction", "receipt", ...; NULL: the header
	uint32_t index;
	bool strange;        // something has a form that we do not know
	const char *unknown; // the header's first key that no table has, or NULL
	const dp_json *header[H_FIELDS_MAX];
} reader;

//- faults ----------------------------------------------------------------------------------------

// `name` may be NULL; `what` follows it.
static dp_code wrong(const reader *r, const char *name, const char *what)
{
	char place[64] = "", quoted[32] = "";
	DP_CHECK(what != NULL);
	if (r->thing != NULL) snprintf(place, sizeof place, ", %s %u", r->thing, r->index);
	if (name != NULL) snprintf(quoted, sizeof quoted, "\"%s\" ", name);
	return dp_fail(r->fault, DP_BAD_BYTES, "block %llu%s: %s%s", (unsigned long long)r->height,
	               place, quoted, what);
}

// Says with what was found wrong that there is a key which we do not know: it may be the reason.
// Only the start of it, and only what can be printed: the key is a stranger's.
static void blame(const reader *r, const char *key)
{
	char name[33] = "";
	dp_fault was = *r->fault;
	for (size_t i = 0; i + 1 < sizeof name && key[i] != 0; i++)
		name[i] = key[i] > ' ' && key[i] < 0x7f && key[i] != '"' ? key[i] : '?';
	(void)dp_fail(r->fault, DP_BAD_BYTES,
	              "%.180s; and it has the field \"%s\", which we do not know: if a new fork "
	              "added it, dyepack must be taught it",
	              was.text, name);
}

// What is in r->fault is the reason why this block is not proven, and no fault.
static void doubt(reader *r)
{
	if (!r->strange) memcpy(r->proof->doubt, r->fault->text, sizeof r->proof->doubt);
	r->strange = true;
}

static dp_code rlp_code(const reader *r, const dp_rlp *rlp)
{
	if (rlp->code == DP_OK) return DP_OK;
	if (rlp->code == DP_NO_MEMORY) return dp_fail(r->fault, DP_NO_MEMORY, "out of memory");
	return dp_fail(r->fault, rlp->code, "block %llu: too large to be checked",
	               (unsigned long long)r->height);
}

//- values ----------------------------------------------------------------------------------------

static uint8_t digit(char c)
{
	static const uint8_t value[256] = {
	    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};
	return (uint8_t)(value[(uint8_t)c] - 1); // 0xff when it is no digit
}

// 2n digits into n bytes, one pass: most of a block is digits. What is no digit is noticed at the
// end; `bytes` holds rubbish then, which nobody reads.
static bool unhex(uint8_t *bytes, const char *text, size_t n)
{
	uint8_t all = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		all |= (uint8_t)(high | low);
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return (all & 0xf0) == 0;
}

static bool is_null(const dp_json *v)
{
	bool b;
	return v == NULL || (dp_json_text(v) == NULL && dp_json_number(v) == NULL &&
	                     !dp_json_is_array(v) && !dp_json_is_object(v) && !dp_json_bool(v, &b));
}

// The digits behind "0x"; NULL when it is not such a text.
static const char *digits_of(const dp_json *v)
{
	const char *text = dp_json_text(v);
	return text != NULL && text[0] == '0' && text[1] == 'x' ? text + 2 : NULL;
}

// 256 bits, big-endian; false when it is no quantity.
static bool quantity_be(uint8_t ret_be[32], const dp_json *v)
{
	const char *p = digits_of(v);
	if (p == NULL || *p == 0) return false;
	while (*p == '0') p++;
	size_t n = strnlen(p, 65), half = n / 2;
	if (n > 64) return false;
	uint8_t be[32] = {0};
	if (n % 2 == 1) {
		uint8_t first = digit(*p++);
		if (first > 15) return false;
		be[31 - half] = first;
	}
	if (!unhex(be + 32 - half, p, half)) return false;
	memcpy(ret_be, be, 32);
	return true;
}

static bool quantity(dp_u256 *ret_value, const dp_json *v)
{
	uint8_t be[32];
	if (!quantity_be(be, v)) return false;
	*ret_value = dp_u256_from_be(be, 32);
	return true;
}

static bool is_zero(const dp_json *v)
{
	const char *p = digits_of(v);
	if (p == NULL || *p == 0) return false;
	while (*p == '0') p++;
	return *p == 0;
}

static bool bytes_of(uint8_t *ret_bytes, size_t n, const dp_json *v)
{
	const char *p = digits_of(v);
	return p != NULL && dp_json_text_size(v) - 2 == 2 * n && unhex(ret_bytes, p, n);
}

static dp_code put_quantity(reader *r, const char *name, const dp_json *v)
{
	uint8_t be[32];
	size_t zeros = 0;
	if (!quantity_be(be, v)) return wrong(r, name, "is not a hexadecimal quantity");
	while (zeros < 32 && be[zeros] == 0) zeros++;
	dp_rlp_bytes(&r->proof->item, be + zeros, 32 - zeros);
	return DP_OK;
}

static dp_code put_bytes(reader *r, const char *name, const dp_json *v, size_t size)
{
	const char *p = digits_of(v);
	size_t n = p == NULL ? 0 : dp_json_text_size(v) - 2;
	if (p == NULL || n % 2 != 0 || (size != 0 && n != 2 * size))
		return wrong(r, name, "is not hexadecimal data of the right size");
	uint8_t one = 0;
	uint8_t *to = n > 2 ? dp_rlp_string(&r->proof->item, n / 2) : &one;
	if (to == NULL) return rlp_code(r, &r->proof->item);
	if (!unhex(to, p, n / 2)) return wrong(r, name, "is not hexadecimal data");
	if (n <= 2) dp_rlp_bytes(&r->proof->item, &one, n / 2);
	return DP_OK;
}

//- objects ---------------------------------------------------------------------------------------

// Finds the members that the table names; NULL for those that are not there or null. Of a key that
// occurs twice the first counts, as it does for dp_json_get. Returns the first other key, or NULL.
static const char *find_fields(const dp_json **ret_value, const dp_json *object, const field *table,
                               uint32_t count)
{
	const char *unknown = NULL;
	DP_CHECK(count <= T_FIELDS_MAX);
	memset(ret_value, 0, count * sizeof *ret_value);
	if (!dp_json_is_object(object)) return NULL;
	for (const dp_json *m = dp_json_first(object); m != NULL; m = dp_json_next(m)) {
		const char *name = dp_json_name(m);
		size_t size = strlen(name);
		uint32_t i = 0;
		while (i < count &&
		       (table[i].name_size != size || memcmp(table[i].name, name, size) != 0))
			i++;
		if (i == count && unknown == NULL)
			unknown = name;
		else if (i == count)
			continue;
		else if (ret_value[i] == NULL)
			ret_value[i] = m;
	}
	for (uint32_t i = 0; i < count; i++)
		if (ret_value[i] != NULL && is_null(ret_value[i])) ret_value[i] = NULL;
	return unknown;
}

static dp_code put_hashes(reader *r, const char *name, const dp_json *list)
{
	if (!dp_json_is_array(list)) return wrong(r, name, "is not a list");
	dp_rlp_list(&r->proof->item);
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v))
		DP_TRY(put_bytes(r, name, v, 32));
	dp_rlp_list_end(&r->proof->item);
	return DP_OK;
}

static dp_code put_access(reader *r, const char *name, const dp_json *list)
{
	const dp_json *f[COUNT(access_field)];
	if (!dp_json_is_array(list)) return wrong(r, name, "is not a list");
	dp_rlp_list(&r->proof->item);
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v)) {
		find_fields(f, v, access_field, COUNT(access_field));
		dp_rlp_list(&r->proof->item);
		DP_TRY(put_bytes(r, "address", f[0], 20));
		DP_TRY(put_hashes(r, "storageKeys", f[1]));
		dp_rlp_list_end(&r->proof->item);
	}
	dp_rlp_list_end(&r->proof->item);
	return DP_OK;
}

static dp_code put_field(reader *r, const field *f, const dp_json *value);

static dp_code put_rights(reader *r, const char *name, const dp_json *list)
{
	const dp_json *f[COUNT(right_field)];
	if (!dp_json_is_array(list)) return wrong(r, name, "is not a list");
	dp_rlp_list(&r->proof->item);
	for (const dp_json *v = dp_json_first(list); v != NULL; v = dp_json_next(v)) {
		find_fields(f, v, right_field, COUNT(right_field));
		if (f[A_PARITY] == NULL) f[A_PARITY] = f[A_V];
		dp_rlp_list(&r->proof->item);
		for (uint32_t i = 0; i < A_HASHED; i++) DP_TRY(put_field(r, &right_field[i], f[i]));
		dp_rlp_list_end(&r->proof->item);
	}
	dp_rlp_list_end(&r->proof->item);
	return DP_OK;
}

// One field; only TO may be missing. (put_rights calls back for plain fields, one level deep.)
static dp_code put_field(reader *r, const field *f, const dp_json *value)
{
	DP_CHECK(f->kind != IGNORED);
	if (value == NULL && f->kind == TO) {
		dp_rlp_bytes(&r->proof->item, NULL, 0);
		return DP_OK;
	}
	if (value == NULL) return wrong(r, f->name, "is missing");
	switch ((kind)f->kind) {
	case QUANTITY: return put_quantity(r, f->name, value);
	case ACCESS: return put_access(r, f->name, value);
	case HASHES: return put_hashes(r, f->name, value);
	case RIGHTS: return put_rights(r, f->name, value);
	case IGNORED:
	case BYTES:
	case TO: break;
	}
	return put_bytes(r, f->name, value, f->size);
}

// Remembers what was written since `at` as item `index` of the list.
static dp_code end_item(reader *r, uint64_t at, uint32_t index)
{
	dp_evm_proof *p = r->proof;
	void *list = p->list;
	DP_TRY(rlp_code(r, &p->item));
	dp_code code =
	    dp_grow(&list, &p->list_cap, sizeof *p->list, (uint64_t)index + 1, ITEMS_MAX, r->fault);
	p->list = list;
	DP_TRY(code);
	DP_CHECK(at < p->item.size && p->item.size - at <= UINT32_MAX);
	p->list[index] = (struct dp_evm_trie_item){.at = at, .size = (uint32_t)(p->item.size - at)};
	return DP_OK;
}

//- tries -----------------------------------------------------------------------------------------

// A node as its parent holds it: RLP of fewer than 32 bytes, or a hash of 32.
typedef struct node_ref {
	uint8_t bytes[32];
	uint32_t size;
} node_ref;

// The nibbles of rlp(index); returns how many.
static uint32_t key_nibbles(uint8_t ret[NIBBLES_MAX], uint32_t index)
{
	uint8_t key[5];
	uint32_t n = 0;
	if (index > 0 && index < 0x80) {
		key[n++] = (uint8_t)index;
	} else {
		uint32_t bytes = index == 0 ? 0 : 4 - (uint32_t)__builtin_clz(index) / 8;
		key[n++] = (uint8_t)(0x80 + bytes);
		while (bytes > 0) key[n++] = (uint8_t)(index >> (8 * --bytes));
	}
	for (uint32_t i = 0; i < n; i++) {
		ret[2 * i] = key[i] >> 4;
		ret[2 * i + 1] = key[i] & 15;
	}
	DP_CHECK(2 * n <= NIBBLES_MAX);
	return 2 * n;
}

// The index whose key is at this position in the order of keys.
static uint32_t index_at(uint32_t position, uint32_t count)
{
	uint32_t small = count < 0x80 ? count - 1 : 0x7f;
	DP_CHECK(position < count);
	return position < small ? position + 1 : position == small ? 0 : position;
}

// Nibbles with their number's parity and whether it is a leaf, in front (Yellow Paper, appendix C).
static void put_path(dp_rlp *out, const uint8_t *nibble, uint32_t count, bool leaf)
{
	uint8_t path[NIBBLES_MAX / 2 + 1] = {leaf ? 0x20 : 0};
	uint32_t n = 1, i = 0;
	DP_CHECK(count <= NIBBLES_MAX);
	if (count % 2 == 1) path[0] |= (uint8_t)(0x10 | nibble[i++]);
	for (; i < count; i += 2) path[n++] = (uint8_t)(nibble[i] << 4 | nibble[i + 1]);
	dp_rlp_bytes(out, path, n);
}

static void put_ref(dp_rlp *out, const node_ref *ref)
{
	if (ref->size < 32)
		dp_rlp_raw(out, ref->bytes, ref->size);
	else
		dp_rlp_bytes(out, ref->bytes, ref->size);
}

// The node written in proof->node; `root` is always hashed.
static node_ref end_node(dp_rlp *out, bool root)
{
	node_ref ref = {.size = 32};
	if (out->code != DP_OK) return ref; // asked for when the trie is done
	if (out->size < 32 && !root) {
		ref.size = (uint32_t)out->size;
		memcpy(ref.bytes, out->bytes, ref.size);
	} else {
		dp_keccak256(ref.bytes, out->bytes, out->size);
	}
	return ref;
}

// The node that holds the keys at positions [begin, end), all equal in their first `depth` nibbles.
// Recursion ends after NIBBLES_MAX levels: each takes a nibble or more.
static node_ref make_node(dp_evm_proof *p, uint32_t begin, uint32_t end, uint32_t depth,
                          uint32_t count)
{
	uint8_t first[NIBBLES_MAX], last[NIBBLES_MAX];
	node_ref child[16];
	dp_rlp *out = &p->node;
	uint32_t size = key_nibbles(first, index_at(begin, count)), common = depth;
	DP_CHECK(begin < end && depth <= size);
	key_nibbles(last, index_at(end - 1, count));
	if (end - begin == 1) {
		const struct dp_evm_trie_item *item = &p->list[index_at(begin, count)];
		dp_rlp_clear(out);
		dp_rlp_list(out);
		put_path(out, first + depth, size - depth, true);
		dp_rlp_bytes(out, p->item.bytes + item->at, item->size);
		dp_rlp_list_end(out);
		return end_node(out, depth == 0);
	}
	while (first[common] == last[common]) common++; // the keys differ before the shorter ends
	if (common > depth) {
		node_ref below = make_node(p, begin, end, common, count);
		if (out->code != DP_OK) return below;
		dp_rlp_clear(out);
		dp_rlp_list(out);
		put_path(out, first + depth, common - depth, false);
		put_ref(out, &below);
		dp_rlp_list_end(out);
		return end_node(out, depth == 0);
	}
	for (uint32_t i = 0, at = begin; i < 16; i++) {
		uint32_t from = at;
		while (at < end && (key_nibbles(last, index_at(at, count)), last[depth] == i)) at++;
		child[i].size = 0;
		if (at > from) child[i] = make_node(p, from, at, depth + 1, count);
		if (out->code != DP_OK) return child[i];
	}
	dp_rlp_clear(out);
	dp_rlp_list(out);
	for (uint32_t i = 0; i < 16; i++) {
		if (child[i].size == 0)
			dp_rlp_bytes(out, NULL, 0);
		else
			put_ref(out, &child[i]);
	}
	dp_rlp_bytes(out, NULL, 0); // the branch's own value
	dp_rlp_list_end(out);
	return end_node(out, depth == 0);
}

// The root over the first `count` items of the list.
static dp_code list_root(reader *r, uint8_t ret_root[32], uint32_t count)
{
	static const uint8_t empty = 0x80;
	if (count == 0) {
		dp_keccak256(ret_root, &empty, 1);
		return DP_OK;
	}
	dp_rlp_clear(&r->proof->node);
	node_ref root = make_node(r->proof, 0, count, 0, count);
	DP_TRY(rlp_code(r, &r->proof->node));
	DP_CHECK(root.size == 32);
	memcpy(ret_root, root.bytes, 32);
	return DP_OK;
}

dp_code dp_evm_trie_root(dp_evm_proof *proof, uint8_t ret_root[32], const uint8_t *const *item,
                         const uint32_t *size, uint32_t count, dp_fault *fault)
{
	DP_CHECK(proof != NULL && ret_root != NULL);
	DP_CHECK((item != NULL && size != NULL) || count == 0);
	reader r = {.proof = proof, .fault = fault};
	dp_rlp_clear(&proof->item);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = proof->item.size;
		dp_rlp_raw(&proof->item, item[i], size[i]);
		DP_TRY(end_item(&r, at, i));
	}
	return list_root(&r, ret_root, count);
}

//- a block ---------------------------------------------------------------------------------------

static dp_code start_block(reader *r, const dp_json *block)
{
	dp_u256 height;
	r->unknown = find_fields(r->header, block, header_field, COUNT(header_field));
	if (!quantity(&height, r->header[H_NUMBER]) || !dp_u256_fits64(height))
		return dp_fail(r->fault, DP_BAD_BYTES,
		               "a block without a \"number\" that can be read");
	r->height = height.w[0];
	return DP_OK;
}

static dp_code prove_header(reader *r)
{
	dp_rlp *out = &r->proof->item;
	uint8_t hash[32], stated[32];
	if (!bytes_of(stated, 32, r->header[H_HASH])) return wrong(r, "hash", "is not a hash");
	dp_rlp_clear(out);
	dp_rlp_list(out);
	for (uint32_t i = 0; i < H_HASHED; i++) {
		if (i >= H_BASE_FEE && r->header[i] == NULL) continue;
		DP_TRY(put_field(r, &header_field[i], r->header[i]));
	}
	dp_rlp_list_end(out);
	DP_TRY(rlp_code(r, out));
	dp_keccak256(hash, out->bytes, out->size);
	if (memcmp(hash, stated, 32) != 0)
		return wrong(r, NULL, "its header does not have the hash that it states");
	return DP_OK;
}

// The number of the form, or TYPE_MAX + 1 when it is one that we do not know.
static uint32_t tx_type(const dp_json *const f[T_FIELDS_MAX])
{
	dp_u256 type = DP_U256_ZERO;
	if (f[T_TYPE] != NULL && (!quantity(&type, f[T_TYPE]) || !dp_u256_fits64(type)))
		return TYPE_MAX + 1;
	return type.w[0] > TYPE_MAX ? TYPE_MAX + 1 : (uint32_t)type.w[0];
}

// Nobody signed it: no signature has a zero.
static bool is_unsigned(const dp_json *const f[T_FIELDS_MAX])
{
	return is_zero(f[T_R]) && is_zero(f[T_S]);
}

// A type that stands in no table.
static dp_code unknown_type(const reader *r, const dp_json *const f[T_FIELDS_MAX])
{
	dp_u256 type;
	char what[120] = "is none";
	if (quantity(&type, f[T_TYPE]) && dp_u256_fits64(type))
		(void)snprintf(what, sizeof what,
		               "0x%llx is one that we do not know: if a new fork added it, dyepack "
		               "must be taught it",
		               (unsigned long long)type.w[0]);
	return wrong(r, "type", what);
}

static dp_code put_tx(reader *r, const dp_json *f[T_FIELDS_MAX], uint32_t type)
{
	dp_rlp *out = &r->proof->item;
	uint8_t type_byte = (uint8_t)type, hash[32], stated[32];
	uint64_t at = out->size;
	DP_CHECK(type <= TYPE_MAX);
	if (!bytes_of(stated, 32, f[T_HASH])) return wrong(r, "hash", "is not a hash");
	if (f[T_INPUT] == NULL) f[T_INPUT] = f[T_DATA];
	if (f[T_PARITY] == NULL) f[T_PARITY] = f[T_V];
	if (type > 0) dp_rlp_raw(out, &type_byte, 1);
	dp_rlp_list(out);
	for (const uint8_t *step = tx_form[type]; *step != T_END; step++)
		DP_TRY(put_field(r, &tx_field[*step], f[*step]));
	dp_rlp_list_end(out);
	DP_TRY(end_item(r, at, r->index));
	dp_keccak256(hash, out->bytes + at, out->size - at);
	if (memcmp(hash, stated, 32) == 0) return DP_OK;
	(void)wrong(r, NULL, "its fields do not have the hash that it states");
	if (!is_unsigned(f)) return DP_BAD_BYTES;
	// Only where this is strict do we come here with one of these; see above.
	(void)wrong(r, NULL, "nobody has signed it: only development nodes make such");
	doubt(r);
	return DP_OK;
}

// One transaction. *io_complete is set to false when it has a form that we do not know: the list
// has a hole then, and no root.
static dp_code prove_tx(reader *r, const dp_json *tx, bool *io_complete)
{
	const dp_json *f[T_FIELDS_MAX];
	if (!dp_json_is_object(tx)) return wrong(r, NULL, "it is not an object");
	const char *unknown = find_fields(f, tx, tx_field, COUNT(tx_field));
	uint32_t type = tx_type(f);
	dp_code code;
	if (type > TYPE_MAX) {
		code = unknown_type(r, f);
	} else if (is_unsigned(f) && !r->proof->is_strict) {
		code = wrong(r, NULL, "nobody has signed it");
	} else {
		code = put_tx(r, f, type);
		if (code != DP_BAD_BYTES || unknown == NULL) return code;
		blame(r, unknown);
	}
	if (r->proof->is_strict) return code;
	doubt(r);
	*io_complete = false;
	dp_rlp_clear(&r->proof->item); // the others' own hashes still count
	return DP_OK;
}

static dp_code prove_root(reader *r, uint32_t root_field, uint32_t count, const char *what)
{
	uint8_t root[32], stated[32];
	if (!bytes_of(stated, 32, r->header[root_field]))
		return wrong(r, header_field[root_field].name, "is not a hash");
	DP_TRY(list_root(r, root, count));
	return memcmp(root, stated, 32) == 0 ? DP_OK : wrong(r, NULL, what);
}

static dp_code prove_txs(reader *r)
{
	const dp_json *list = r->header[H_TXS];
	uint32_t count = 0;
	bool complete = true;
	if (!dp_json_is_array(list)) return wrong(r, "transactions", "is not a list");
	dp_rlp_clear(&r->proof->item);
	r->thing = "transaction";
	for (const dp_json *tx = dp_json_first(list); tx != NULL; tx = dp_json_next(tx)) {
		r->index = count++;
		DP_TRY(prove_tx(r, tx, &complete));
	}
	r->thing = NULL;
	if (!complete) return DP_OK;
	return prove_root(r, H_TX_ROOT, count,
	                  "its transactions do not have the root that its header states");
}

static dp_code prove_withdrawals(reader *r)
{
	const dp_json *f[W_HASHED], *list = r->header[H_WITHDRAWALS];
	dp_rlp *out = &r->proof->item;
	uint32_t count = 0;
	if (r->header[H_WITHDRAWAL_ROOT] == NULL) {
		if (list == NULL || dp_json_first(list) == NULL) return DP_OK;
		return wrong(r, NULL, "it has withdrawals, but its header has no root of any");
	}
	// A list that is left out counts as empty: there are chains where it always is.
	if (list != NULL && !dp_json_is_array(list))
		return wrong(r, "withdrawals", "is not a list");
	dp_rlp_clear(out);
	r->thing = "withdrawal";
	for (const dp_json *w = dp_json_first(list); w != NULL; w = dp_json_next(w)) {
		uint64_t at = out->size;
		r->index = count++;
		find_fields(f, w, withdrawal_field, W_HASHED);
		dp_rlp_list(out);
		for (uint32_t i = 0; i < W_HASHED; i++)
			DP_TRY(put_field(r, &withdrawal_field[i], f[i]));
		dp_rlp_list_end(out);
		DP_TRY(end_item(r, at, r->index));
	}
	r->thing = NULL;
	return prove_root(r, H_WITHDRAWAL_ROOT, count,
	                  "its withdrawals do not have the root that its header states");
}

// Uncles' headers are not at hand, only their hashes; but the hash of no uncles is known.
static dp_code prove_uncles(const reader *r)
{
	static const uint8_t empty_list = 0xc0;
	uint8_t none[32], stated[32];
	if (!dp_json_is_array(r->header[H_UNCLES])) return DP_OK;
	dp_keccak256(none, &empty_list, 1);
	if (!bytes_of(stated, 32, r->header[H_OMMERS]))
		return wrong(r, "sha3Uncles", "is not a hash");
	bool has = dp_json_first(r->header[H_UNCLES]) != NULL;
	if (has == (memcmp(none, stated, 32) != 0)) return DP_OK;
	return wrong(r, NULL, "its list of uncles is not the one that its header states");
}

static dp_code prove_block(reader *r, const dp_json *block)
{
	DP_TRY(start_block(r, block));
	dp_code code = prove_header(r);
	if (code == DP_BAD_BYTES && r->unknown != NULL) {
		blame(r, r->unknown);
		if (r->proof->is_strict) return code;
		doubt(r);
		return DP_OK;
	}
	DP_TRY(code);
	DP_TRY(prove_txs(r));
	// Chains with other transactions have other withdrawals, too.
	if (r->strange && !r->proof->is_strict) return DP_OK;
	DP_TRY(prove_withdrawals(r));
	return prove_uncles(r);
}

// Faults go to a place of our own first: one that turns out to be another chain's form is none.
static dp_code settle(dp_code code, const reader *r, bool *ret_proven, dp_fault *fault)
{
	if (code == DP_OK)
		*ret_proven = !r->strange;
	else if (fault != NULL)
		*fault = *r->fault;
	return code;
}

dp_code dp_evm_proof_block(dp_evm_proof *proof, bool *ret_proven, const dp_json *block,
                           dp_fault *fault)
{
	DP_CHECK(proof != NULL && ret_proven != NULL);
	DP_CHECK(block != NULL);
	dp_fault own = {0};
	reader r = {.proof = proof, .fault = &own};
	return settle(prove_block(&r, block), &r, ret_proven, fault);
}

//- receipts --------------------------------------------------------------------------------------

// Sets three of 2048 bits, as the Yellow Paper says in 4.3.1: the low 11 bits of the first three
// pairs of bytes of the hash, counted from the end.
static void bloom_add(dp_evm_proof *p, uint8_t bloom[BLOOM_SIZE], const uint8_t *bytes, size_t n)
{
	uint64_t end;
	DP_CHECK(n >= sizeof end && n <= sizeof p->bloomed[0].bytes);
	memcpy(&end, bytes + n - sizeof end, sizeof end);
	// The upper bits of a product with 2^64 over the golden ratio (Knuth, 6.4).
	struct dp_evm_bloomed *known = &p->bloomed[end * 0x9e3779b97f4a7c15u >> 56];
	_Static_assert(DP_EVM_BLOOMED == 256, "the shift above");
	if (known->size != n || memcmp(known->bytes, bytes, n) != 0) {
		uint8_t hash[32];
		dp_keccak256(hash, bytes, n);
		for (uint32_t i = 0; i < 3; i++)
			known->bit[i] = ((uint16_t)(hash[2 * i] << 8) | hash[2 * i + 1]) & 2047;
		known->size = (uint8_t)n;
		memcpy(known->bytes, bytes, n);
	}
	for (uint32_t i = 0; i < 3; i++)
		bloom[BLOOM_SIZE - 1 - known->bit[i] / 8] |= (uint8_t)(1 << known->bit[i] % 8);
}

// Writes logs and adds them to `bloom`. What the bloom takes in is what was just written: the last
// 20 or 32 bytes of the buffer.
static dp_code put_logs(reader *r, uint8_t bloom[BLOOM_SIZE], const dp_json *list)
{
	const dp_json *f[COUNT(log_field)];
	dp_rlp *out = &r->proof->item;
	if (!dp_json_is_array(list)) return wrong(r, "logs", "is not a list");
	dp_rlp_list(out);
	for (const dp_json *log = dp_json_first(list); log != NULL; log = dp_json_next(log)) {
		find_fields(f, log, log_field, COUNT(log_field));
		dp_rlp_list(out);
		DP_TRY(put_bytes(r, "address", f[L_ADDRESS], 20));
		bloom_add(r->proof, bloom, out->bytes + out->size - 20, 20);
		if (!dp_json_is_array(f[L_TOPICS])) return wrong(r, "topics", "is not a list");
		dp_rlp_list(out);
		for (const dp_json *t = dp_json_first(f[L_TOPICS]); t != NULL;
		     t = dp_json_next(t)) {
			DP_TRY(put_bytes(r, "topics", t, 32));
			bloom_add(r->proof, bloom, out->bytes + out->size - 32, 32);
		}
		dp_rlp_list_end(out);
		DP_TRY(put_bytes(r, "data", f[L_DATA], 0));
		dp_rlp_list_end(out);
		DP_TRY(rlp_code(r, out));
	}
	dp_rlp_list_end(out);
	return rlp_code(r, out);
}

static bool before_byzantium(const reader *r)
{
	dp_u256 time;
	return quantity(&time, r->header[H_TIME]) && dp_u256_lt(time, dp_u256_of(byzantium_time));
}

// Writes the receipt. The bloom stands before the logs that it is made of, so its place is kept
// free and filled afterwards.
static dp_code put_receipt(reader *r, const dp_json *const *f, uint32_t type)
{
	dp_rlp *out = &r->proof->item;
	uint8_t type_byte = (uint8_t)type, bloom[BLOOM_SIZE] = {0}, stated[BLOOM_SIZE];
	uint64_t at = out->size;
	if (type > 0) dp_rlp_raw(out, &type_byte, 1);
	dp_rlp_list(out);
	// Some nodes state a root besides the status, where the protocol has the status only.
	bool state = f[R_STATE] != NULL && (f[R_STATUS] == NULL || before_byzantium(r));
	uint32_t outcome = state ? R_STATE : R_STATUS;
	DP_TRY(put_field(r, &receipt_field[outcome], f[outcome]));
	DP_TRY(put_field(r, &receipt_field[R_CUMULATIVE], f[R_CUMULATIVE]));
	dp_rlp_bytes(out, bloom, BLOOM_SIZE);
	uint64_t bloom_end = out->size;
	DP_TRY(put_logs(r, bloom, f[R_LOGS]));
	memcpy(out->bytes + bloom_end - BLOOM_SIZE, bloom, BLOOM_SIZE);
	dp_rlp_list_end(out);
	if (f[R_BLOOM] != NULL &&
	    (!bytes_of(stated, BLOOM_SIZE, f[R_BLOOM]) || memcmp(stated, bloom, BLOOM_SIZE) != 0))
		return wrong(r, "logsBloom", "is not that of its logs");
	return end_item(r, at, r->index);
}

// What a sender pays for a unit of gas follows from the transaction and the block's base fee
// (EIP-1559); the receipt repeats it, and nothing hashes that.
static dp_code check_price(const reader *r, const dp_json *const *f, const dp_json *const *t,
                           uint32_t type)
{
	dp_u256 stated, price, tip, base;
	if (f[R_PRICE] == NULL) return DP_OK;
	if (!quantity(&stated, f[R_PRICE]))
		return wrong(r, "effectiveGasPrice", "is not a hexadecimal quantity");
	if (type < 2) {
		if (!quantity(&price, t[T_PRICE])) return DP_OK;
	} else {
		if (!quantity(&price, t[T_FEE_MAX]) || !quantity(&tip, t[T_TIP]) ||
		    !quantity(&base, r->header[H_BASE_FEE]))
			return DP_OK;
		if (!dp_u256_add_over(&tip, base, tip)) price = dp_u256_min(price, tip);
	}
	if (dp_u256_eq(stated, price)) return DP_OK;
	return wrong(r, "effectiveGasPrice", "is not what the transaction and the block say");
}

// A contract's address is made of its maker's address and nonce (Yellow Paper, section 7).
static dp_code check_contract(const reader *r, const dp_json *const *f, const dp_json *const *t)
{
	dp_rlp *out = &r->proof->node;
	uint8_t from[20], stated[20], hash[32];
	dp_u256 nonce;
	if (f[R_CONTRACT] == NULL) return DP_OK;
	if (t[T_TO] != NULL) return wrong(r, "contractAddress", "stands where none is made");
	if (!bytes_of(stated, 20, f[R_CONTRACT]))
		return wrong(r, "contractAddress", "is not an address");
	if (!bytes_of(from, 20, t[T_FROM]) || !quantity(&nonce, t[T_NONCE])) return DP_OK;
	dp_rlp_clear(out);
	dp_rlp_list(out);
	dp_rlp_bytes(out, from, 20);
	dp_rlp_u256(out, nonce);
	dp_rlp_list_end(out);
	DP_TRY(rlp_code(r, out));
	dp_keccak256(hash, out->bytes, out->size);
	if (memcmp(hash + 12, stated, 20) == 0) return DP_OK;
	return wrong(r, "contractAddress", "is not the address that its maker and nonce give");
}

// What no hash covers but follows from what is hashed. *io_cumulative is that of the receipt
// before.
static dp_code check_derived(const reader *r, const dp_json *const *f, const dp_json *const *t,
                             uint32_t type, dp_u256 *io_cumulative)
{
	dp_u256 cumulative, used, stated;
	uint8_t tx_hash[32], own_hash[32];
	if (!quantity(&cumulative, f[R_CUMULATIVE]) ||
	    dp_u256_sub_over(&used, cumulative, *io_cumulative))
		return wrong(r, "cumulativeGasUsed", "is below that of the receipt before");
	*io_cumulative = cumulative;
	if (f[R_GAS] != NULL && (!quantity(&stated, f[R_GAS]) || !dp_u256_eq(stated, used)))
		return wrong(r, "gasUsed", "is not what \"cumulativeGasUsed\" grows by");
	if (f[R_TX] != NULL &&
	    (!bytes_of(own_hash, 32, f[R_TX]) || !bytes_of(tx_hash, 32, t[T_HASH]) ||
	     memcmp(own_hash, tx_hash, 32) != 0))
		return wrong(r, "transactionHash", "is not that of the transaction at its place");
	if (f[R_TYPE] != NULL &&
	    (!quantity(&stated, f[R_TYPE]) || !dp_u256_eq(stated, dp_u256_of(type))))
		return wrong(r, "type", "is not that of its transaction");
	if (f[R_BLOB_GAS] != NULL) {
		uint64_t blobs = 0;
		for (const dp_json *b = dp_json_is_array(t[T_BLOBS]) ? dp_json_first(t[T_BLOBS])
		                                                     : NULL;
		     b != NULL; b = dp_json_next(b))
			blobs++;
		if (!quantity(&stated, f[R_BLOB_GAS]) ||
		    !dp_u256_eq(stated, dp_u256_of(blobs * BLOB_GAS)))
			return wrong(r, "blobGasUsed", "is not that of the blobs it names");
	}
	DP_TRY(check_price(r, f, t, type));
	return check_contract(r, f, t);
}

static dp_code prove_receipts(reader *r, const dp_json *block, const dp_json *const *receipt,
                              uint32_t receipt_count)
{
	const dp_json *f[COUNT(receipt_field)], *t[T_FIELDS_MAX];
	dp_u256 cumulative = DP_U256_ZERO;
	uint32_t count = 0;
	bool has_state = false;
	DP_TRY(start_block(r, block));
	if (!dp_json_is_array(r->header[H_TXS])) return wrong(r, "transactions", "is not a list");
	dp_rlp_clear(&r->proof->item);
	const dp_json *tx = dp_json_first(r->header[H_TXS]);
	r->thing = "receipt";
	for (; tx != NULL && count < receipt_count; tx = dp_json_next(tx)) {
		r->index = count++;
		find_fields(t, tx, tx_field, COUNT(tx_field));
		uint32_t type = tx_type(t);
		if (type > TYPE_MAX || (is_unsigned(t) && !r->proof->is_strict)) {
			(void)wrong(r, NULL, "its transaction has a form that we do not know");
			if (r->proof->is_strict) return DP_BAD_BYTES;
			doubt(r);
			return DP_OK;
		}
		find_fields(f, receipt[r->index], receipt_field, COUNT(receipt_field));
		if (dp_json_text_size(f[R_STATE]) == 2) f[R_STATE] = NULL; // "0x": none
		has_state = has_state || f[R_STATE] != NULL;
		DP_TRY(put_receipt(r, f, type));
		DP_TRY(check_derived(r, f, t, type, &cumulative));
	}
	r->thing = NULL;
	if (tx != NULL || count != receipt_count)
		return wrong(r, NULL, "it does not have one receipt for each transaction");
	dp_code code = prove_root(r, H_RECEIPT_ROOT, count,
	                          "its receipts do not have the root that its header states");
	if (code == DP_BAD_BYTES && !has_state && before_byzantium(r)) {
		(void)wrong(r, NULL,
		            "its receipts lack the state roots that they were hashed with");
		doubt(r);
		return DP_OK;
	}
	return code;
}

dp_code dp_evm_proof_receipts(dp_evm_proof *proof, bool *ret_proven, const dp_json *block,
                              const dp_json *const *receipt, uint32_t count, dp_fault *fault)
{
	DP_CHECK(proof != NULL && ret_proven != NULL);
	DP_CHECK(block != NULL && (receipt != NULL || count == 0));
	dp_fault own = {0};
	reader r = {.proof = proof, .fault = &own};
	return settle(prove_receipts(&r, block, receipt, count), &r, ret_proven, fault);
}

void dp_evm_proof_done(dp_evm_proof *proof)
{
	if (proof == NULL) return;
	dp_rlp_done(&proof->item);
	dp_rlp_done(&proof->node);
	dp_free(proof->list);
	*proof = (dp_evm_proof){0};
}

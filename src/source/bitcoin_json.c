// See bitcoin_json.h.
//
// Sources: Bitcoin Core, src/rpc/blockchain.cpp (getblock, blockheaderToJSON) and
// src/core_write.cpp (TxToUniv, ValueFromAmount: "%d.%08d"); btcd, btcjson/chainsvrresults.go.
// btcd writes amounts as Go prints a float64, so small ones come as "1e-08": the shortest digits
// that give the same float64 are, below 2^53 units, the amount's own digits, and reading them as
// text gives it exactly.
//
// The block's bytes are put together again from the answer, because everything that can be proven
// of a block is proven of its bytes: whatever a node leaves out, adds or mixes up, the header's
// hash or the merkle root then do not come out.
#include "source/bitcoin_json.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "codec/hash.h"
#include "codec/hex.h"

enum {
	COIN_DECIMALS = 8,
	DIGITS_MAX = 40,   // of an amount: what is longer is no amount
	EXPONENT_MAX = 99, // either way
};

//- amounts ---------------------------------------------------------------------------------------

// Reads "e-8" at p: true and the number when that is all there is, or nothing at all.
static bool read_exponent(int *ret_exponent, const char *p)
{
	int v = 0;
	*ret_exponent = 0;
	if (*p == 0) return true;
	DP_CHECK(*p == 'e' || *p == 'E');
	bool is_negative = p[1] == '-';
	p += p[1] == '-' || p[1] == '+' ? 2 : 1;
	for (; *p != 0; p++) {
		if (*p < '0' || *p > '9' || v > EXPONENT_MAX) return false;
		v = v * 10 + (*p - '0');
	}
	*ret_exponent = is_negative ? -v : v;
	return true;
}

bool dp_bitcoin_json_amount(uint64_t *ret_units, const dp_json *v)
{
	DP_CHECK(ret_units != NULL);
	const char *p = v == NULL ? NULL : dp_json_number(v);
	// Some gateways quote amounts to save them from readers that make floats of them.
	if (p == NULL && v != NULL) p = dp_json_text(v);
	if (p == NULL || *p < '0' || *p > '9') return false; // also what is negative
	uint8_t digit[DIGITS_MAX];
	int n = 0, point = -1, exponent;
	for (; *p != 0 && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.' && point < 0) {
			point = n;
			continue;
		}
		if (*p < '0' || *p > '9' || n == DIGITS_MAX) return false;
		digit[n++] = (uint8_t)(*p - '0');
	}
	if (!read_exponent(&exponent, p)) return false;
	// The value is the digits times 10^shift in base units.
	int shift = COIN_DECIMALS + exponent - (point < 0 ? 0 : n - point);
	for (; shift < 0 && n > 0; shift++)
		if (digit[--n] != 0) return false; // more precise than a base unit
	uint64_t units = 0;
	for (int i = 0; i < n; i++)
		if (__builtin_mul_overflow(units, (uint64_t)10, &units) ||
		    __builtin_add_overflow(units, (uint64_t)digit[i], &units))
			return false;
	for (; shift > 0 && units > 0; shift--)
		if (__builtin_mul_overflow(units, (uint64_t)10, &units)) return false;
	if (units >> 63 != 0) return false;
	*ret_units = units;
	return true;
}

//- hashes ----------------------------------------------------------------------------------------

bool dp_bitcoin_hash_parse(uint8_t ret_hash[32], const char *text)
{
	DP_CHECK(ret_hash != NULL);
	uint8_t shown[32];
	if (text == NULL || strlen(text) != 64 || !dp_hex_decode(shown, 32, text)) return false;
	for (size_t i = 0; i < 32; i++) ret_hash[i] = shown[31 - i];
	return true;
}

bool dp_bitcoin_json_hash(uint8_t ret_hash[32], const dp_json *v)
{
	DP_CHECK(ret_hash != NULL);
	return v != NULL && dp_bitcoin_hash_parse(ret_hash, dp_json_text(v));
}

void dp_bitcoin_hash_text(char out[DP_BITCOIN_HASH_TEXT], const uint8_t hash[32])
{
	DP_CHECK(out != NULL && hash != NULL);
	uint8_t shown[32];
	for (size_t i = 0; i < 32; i++) shown[i] = hash[31 - i];
	dp_hex_encode(out, shown, 32);
}

//- a block as text -------------------------------------------------------------------------------

static dp_code bad_field(dp_fault *fault, const char *name)
{
	return dp_fail(fault, DP_BAD_BYTES, "`%s` is missing or is not what it should be", name);
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

// Appends the bytes of hexadecimal text.
static dp_code append_hex(dp_bitcoin_answer *a, const char *text, const char *name, dp_fault *fault)
{
	DP_CHECK(a != NULL && name != NULL);
	if (text == NULL) return bad_field(fault, name);
	size_t n = strlen(text);
	if (n % 2 != 0) return bad_field(fault, name);
	// One more, so that there is a place to point to even when nothing is written.
	DP_TRY(dp_grow((void **)&a->bytes, &a->bytes_cap, 1, a->size + n / 2 + 1,
	               DP_BITCOIN_JSON_BYTES_MAX, fault));
	if (!dp_hex_decode(a->bytes + a->size, n / 2, text))
		return dp_fail(fault, DP_BAD_BYTES, "`%s` is not hexadecimal", name);
	a->size += n / 2;
	return DP_OK;
}

dp_code dp_bitcoin_answer_hex(dp_bitcoin_answer *a, const dp_json *result, dp_fault *fault)
{
	DP_CHECK(a != NULL);
	const char *text = result == NULL ? NULL : dp_json_text(result);
	if (text == NULL)
		return dp_fail(fault, DP_BAD_BYTES, "hexadecimal text was expected in the answer");
	a->size = a->coin_count = a->input_count = 0;
	a->has_prevouts = false;
	return append_hex(a, text, "result", fault);
}

// A whole number of 32 bits, or a signed one, which header versions are.
static bool json_u32(uint32_t *ret_value, const dp_json *v, bool may_be_negative)
{
	DP_CHECK(ret_value != NULL);
	const char *p = v == NULL ? NULL : dp_json_number(v);
	if (p == NULL) return false;
	bool is_negative = *p == '-';
	if (is_negative && !may_be_negative) return false;
	p += is_negative;
	uint64_t value = 0;
	if (*p == 0) return false;
	for (; *p != 0; p++) {
		if (*p < '0' || *p > '9' || value > UINT32_MAX) return false;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	uint64_t most =
	    may_be_negative ? (is_negative ? UINT64_C(1) << 31 : INT32_MAX) : UINT32_MAX;
	if (value > most) return false;
	*ret_value = is_negative ? (uint32_t)(0 - value) : (uint32_t)value;
	return true;
}

// The 80 bytes of the header from its fields.
static dp_code append_header(dp_bitcoin_answer *a, const dp_json *block, dp_fault *fault)
{
	uint8_t *h, bits[4];
	uint32_t version, time, nonce;
	const dp_json *prev = dp_json_get(block, "previousblockhash");
	const dp_json *b = dp_json_get(block, "bits");
	const char *bits_text = b == NULL ? NULL : dp_json_text(b);
	DP_TRY(dp_grow((void **)&a->bytes, &a->bytes_cap, 1, DP_BITCOIN_HEADER_SIZE,
	               DP_BITCOIN_JSON_BYTES_MAX, fault));
	h = a->bytes;
	memset(h, 0, DP_BITCOIN_HEADER_SIZE);
	if (!json_u32(&version, dp_json_get(block, "version"), true))
		return bad_field(fault, "version");
	// The first block of all has none: zeros stand there.
	if (prev != NULL && !dp_bitcoin_json_hash(h + 4, prev))
		return bad_field(fault, "previousblockhash");
	if (!dp_bitcoin_json_hash(h + 36, dp_json_get(block, "merkleroot")))
		return bad_field(fault, "merkleroot");
	if (!json_u32(&time, dp_json_get(block, "time"), false)) return bad_field(fault, "time");
	if (bits_text == NULL || strlen(bits_text) != 8 || !dp_hex_decode(bits, 4, bits_text))
		return bad_field(fault, "bits");
	if (!json_u32(&nonce, dp_json_get(block, "nonce"), false)) return bad_field(fault, "nonce");
	store32(h, version);
	store32(h + 68, time);
	for (size_t i = 0; i < 4; i++) h[72 + i] = bits[3 - i];
	store32(h + 76, nonce);
	a->size = DP_BITCOIN_HEADER_SIZE;
	return DP_OK;
}

// Who is paid by what stands in an output's place for its script: on Bitcoin Cash tokens may stand
// before the script. The decoder of blocks reads it the same way, or the two would not agree.
static dp_addr payee(const dp_chain *chain, const uint8_t *script, size_t n)
{
	DP_CHECK(script != NULL || n == 0);
	return chain == NULL ? dp_addr_from_script(script, n)
	                     : dp_addr_from_output(chain, script, n);
}

// What one input spends, where the node tells it.
static dp_code read_prevout(dp_bitcoin_answer *a, const dp_json *prevout, dp_fault *fault)
{
	uint64_t value;
	const dp_json *s = dp_json_get(dp_json_get(prevout, "scriptPubKey"), "hex");
	const char *hex = s == NULL ? NULL : dp_json_text(s);
	if (!dp_bitcoin_json_amount(&value, dp_json_get(prevout, "value")))
		return bad_field(fault, "prevout.value");
	if (hex == NULL) return bad_field(fault, "prevout.scriptPubKey.hex");
	size_t n = strlen(hex);
	DP_TRY(dp_grow((void **)&a->script, &a->script_cap, 1, n / 2 + 1, DP_BITCOIN_JSON_BYTES_MAX,
	               fault));
	if (n % 2 != 0 || !dp_hex_decode(a->script, n / 2, hex))
		return bad_field(fault, "prevout.scriptPubKey.hex");
	DP_TRY(dp_grow((void **)&a->coin, &a->coin_cap, sizeof *a->coin, a->coin_count + 1,
	               DP_BITCOIN_JSON_BYTES_MAX / 41, fault));
	a->coin[a->coin_count++] =
	    (dp_spent_coin){.value = value, .from = payee(a->chain, a->script, n / 2)};
	return DP_OK;
}

static dp_code read_inputs(dp_bitcoin_answer *a, const dp_json *tx, bool is_first, dp_fault *fault)
{
	const dp_json *vin = dp_json_get(tx, "vin");
	if (!dp_json_is_array(vin)) return bad_field(fault, "vin");
	if (is_first) return DP_OK; // a coinbase spends nothing
	for (const dp_json *in = dp_json_first(vin); in != NULL; in = dp_json_next(in)) {
		const dp_json *prevout = dp_json_get(in, "prevout");
		a->input_count++;
		if (!dp_json_is_object(prevout)) a->has_prevouts = false;
		if (a->has_prevouts) DP_TRY(read_prevout(a, prevout, fault));
	}
	return DP_OK;
}

dp_code dp_bitcoin_answer_full(dp_bitcoin_answer *a, const dp_json *result, dp_fault *fault)
{
	DP_CHECK(a != NULL);
	a->size = a->coin_count = a->input_count = 0;
	a->has_prevouts = true;
	if (!dp_json_is_object(result))
		return dp_fail(fault, DP_BAD_BYTES, "an object was expected in the answer");
	// btcd calls the list `rawtx` when there is more in it than ids.
	const dp_json *txs = dp_json_get(result, "tx");
	if (txs == NULL) txs = dp_json_get(result, "rawtx");
	if (!dp_json_is_array(txs)) return bad_field(fault, "tx");
	DP_TRY(append_header(a, result, fault));
	uint64_t count = 0;
	for (const dp_json *tx = dp_json_first(txs); tx != NULL; tx = dp_json_next(tx)) count++;
	DP_TRY(dp_grow((void **)&a->bytes, &a->bytes_cap, 1, a->size + 9, DP_BITCOIN_JSON_BYTES_MAX,
	               fault));
	a->size += dp_varint_write(a->bytes + a->size, count);
	bool is_first = true;
	for (const dp_json *tx = dp_json_first(txs); tx != NULL; tx = dp_json_next(tx)) {
		const dp_json *hex = dp_json_get(tx, "hex");
		DP_TRY(append_hex(a, hex == NULL ? NULL : dp_json_text(hex), "tx.hex", fault));
		DP_TRY(read_inputs(a, tx, is_first, fault));
		is_first = false;
	}
	if (!a->has_prevouts) a->coin_count = 0;
	return DP_OK;
}

void dp_bitcoin_answer_done(dp_bitcoin_answer *a)
{
	DP_CHECK(a != NULL);
	dp_free(a->bytes);
	dp_free(a->coin);
	dp_free(a->script);
	*a = (dp_bitcoin_answer){0};
}

//- one transaction -------------------------------------------------------------------------------

// The txid leaves out marker, flag and everything between the outputs and the lock time, which is
// always the last four bytes. So the witness need not be understood: were the bytes in between not
// what they should be, the txid would be that of another transaction.
bool dp_bitcoin_outputs_of(dp_bitcoin_outputs *ret_outputs, const uint8_t *bytes, size_t size)
{
	DP_CHECK(ret_outputs != NULL && (bytes != NULL || size == 0));
	dp_bytes b = dp_bytes_of(bytes, size);
	(void)dp_bytes_take(&b, 4);
	// Marker 0 and a flag that is not 0: 1 for a witness, 8 or 9 with Litecoin's MWEB.
	if (size >= 6 && bytes[4] == 0 && bytes[5] != 0) (void)dp_bytes_take(&b, 2);
	size_t body = b.at;
	uint64_t inputs = dp_bytes_varint(&b);
	for (uint64_t i = 0; i < inputs && !b.failed; i++) {
		(void)dp_bytes_take(&b, 36);
		uint64_t n = dp_bytes_varint(&b);
		if (!b.failed) (void)dp_bytes_take(&b, (size_t)n);
		(void)dp_bytes_take(&b, 4);
	}
	uint64_t count = dp_bytes_varint(&b);
	if (b.failed) return false;
	dp_bitcoin_outputs o = {.bytes = b, .count = count};
	for (uint64_t i = 0; i < count && !b.failed; i++) {
		(void)dp_bytes_take(&b, 8);
		uint64_t n = dp_bytes_varint(&b);
		if (!b.failed) (void)dp_bytes_take(&b, (size_t)n);
	}
	if (b.failed || size - b.at < 4) return false;
	dp_sha256d_state s;
	dp_sha256d_init(&s);
	dp_sha256d_update(&s, bytes, 4);
	dp_sha256d_update(&s, bytes + body, b.at - body);
	dp_sha256d_update(&s, bytes + size - 4, 4);
	dp_sha256d_final(&s, o.txid);
	*ret_outputs = o;
	return true;
}

bool dp_bitcoin_outputs_next(dp_bitcoin_outputs *o, dp_spent_coin *ret_coin)
{
	DP_CHECK(o != NULL && ret_coin != NULL);
	if (o->next == o->count) return false;
	uint64_t value = dp_bytes_u64le(&o->bytes);
	size_t n = (size_t)dp_bytes_varint(&o->bytes);
	const uint8_t *script = dp_bytes_take(&o->bytes, n);
	DP_CHECK(!o->bytes.failed); // they have been walked once
	*ret_coin = (dp_spent_coin){.value = value, .from = payee(o->chain, script, n)};
	o->next++;
	return true;
}

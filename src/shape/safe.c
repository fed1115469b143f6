// See safe.h.
//
// Layout (Solidity contract ABI), behind the selector 6a761202, in words of 32 bytes:
//
//   0 to | 1 value | 2 where data begins | 3 operation | 4-8 gas, refund | 9 where signatures begin
//   ... at [2], counted from word 0: length of data, data
//
// and multiSend(bytes), selector 8d80ff0a: where the batch begins, there its length, then packed
// without padding (MultiSend.sol, "transactions"): operation 1 byte, to 20, value 32, length 32,
// data. Everything is read by its place and checked against what is there; nothing is believed.
// High bytes of addresses and of the operation are not looked at: the contracts of the versions
// that are most used do not either, and a byte there must not hide a takeover.
#include "shape/safe.h"

#include <string.h>

#include "base/check.h"
#include "codec/hex.h"

enum {
	WORD = 32,
	SELECTOR = 4,
	PACKED_HEAD = 1 + 20 + WORD + WORD, // of one call in a batch
	BATCHES_MAX = 4,                    // within each other
	CALLS_MAX = 1024,                   // of one batch
	DELEGATE_CALL = 1,
	SCORE_FOREIGN = 700,    // code of nobody we know
	SCORE_TOKEN_LIKE = 200, // dressed up as a token's transfer
	SCORE_OF_NOTHING = 50   // of no tokens and with no ether: it can only be for the code
};

// safe-global/safe-deployments, src/assets/v1.0.0 to v1.5.0, as it stood at commits 2ab3ebc6 and
// 000c5475. Version 1.3.0 stands at two addresses: some chains want signatures with their number
// (EIP-155), and the first way of putting it there had none.
static const dp_safe_contract contracts[] = {
    {"0xD4B7B161E4779629C2717385114Bf78D612aEa72", "MultiSend 1.0.0"},
    {"0x8D29bE29923b68abfDD21e541b9374737B49cdAD", "MultiSend 1.1.1"},
    {"0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761", "MultiSend 1.3.0"},
    {"0x998739BFdAAdde7C933B942a68053933098f9EDa", "MultiSend 1.3.0"},
    {"0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526", "MultiSend 1.4.1"},
    {"0x218543288004CD07832472D464648173c77D7eB7", "MultiSend 1.5.0"},
    {"0x40A2aCCbd92BCA938b02010E17A5b8929b49130D", "MultiSendCallOnly 1.3.0"},
    {"0xA1dabEF33b3B82c7814B6D82A79e50F4AC44102B", "MultiSendCallOnly 1.3.0"},
    {"0x9641d764fc13c8B624c04430C7356C1C7C8102e2", "MultiSendCallOnly 1.4.1"},
    {"0xA83c336B20401Af773B6219BA5027174338D1836", "MultiSendCallOnly 1.5.0"},
    {"0xA65387F16B013cf2Af4605Ad8aA5ec25a2cbA3a2", "SignMessageLib 1.3.0"},
    {"0x98FFBBF51bb33A056B08ddf711f289936AafF717", "SignMessageLib 1.3.0"},
    {"0xd53cd0aB83D845Ac265BE939c57F53AD838012c9", "SignMessageLib 1.4.1"},
    {"0x4FfeF8222648872B3dE295Ba1e49110E61f5b5aa", "SignMessageLib 1.5.0"},
    {"0x7cbB62EaA69F79e6873cD1ecB2392971036cFAa4", "CreateCall 1.3.0"},
    {"0xB19D6FFc2182150F8Eb585b79D4ABcd7C5640A9d", "CreateCall 1.3.0"},
    {"0x9b35Af71d77eaf8d7e40252370304687390A1A52", "CreateCall 1.4.1"},
    {"0x2Ef5ECfbea521449E4De05EDB1ce63B75eDA90B4", "CreateCall 1.5.0"},
    {"0x526643F69b81B008F46d95CD5ced5eC0edFFDaC6", "SafeMigration 1.4.1"},
    {"0x6439e7ABD8Bb915A5263094784C5CF561c4172AC", "SafeMigration 1.5.0"},
    {"0xfF83F6335d8930cBad1c0D439A841f01888D9f69", "SafeToL2Migration 1.4.1"},
};

enum { CONTRACT_COUNT = sizeof contracts / sizeof *contracts };

const dp_safe_contract *dp_safe_contracts(uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	*ret_count = CONTRACT_COUNT;
	return contracts;
}

const char *dp_safe_genuine(const uint8_t address[20])
{
	DP_CHECK(address != NULL);
	for (uint32_t i = 0; i < CONTRACT_COUNT; i++) {
		uint8_t bytes[20];
		DP_CHECK(dp_hex_decode(bytes, sizeof bytes, contracts[i].address + 2));
		if (memcmp(bytes, address, sizeof bytes) == 0) return contracts[i].role;
	}
	return NULL;
}

//- reading ---------------------------------------------------------------------------------------

typedef struct bytes {
	const uint8_t *p;
	size_t size; // that are there
} bytes;

// A word as a number that can be a place; SIZE_MAX: it cannot.
static size_t place_of(const uint8_t *word)
{
	size_t n = 0;
	for (uint32_t i = 0; i < WORD; i++) {
		if (i < WORD - 4 && word[i] != 0) return SIZE_MAX;
		n = n << 8 | word[i];
	}
	return n;
}

// Length and bytes at a place; what was cut off is left out.
static bytes bytes_at(bytes b, size_t at)
{
	if (at > b.size || b.size - at < WORD) return (bytes){NULL, 0};
	size_t size = place_of(b.p + at), there = b.size - at - WORD;
	return (bytes){b.p + at + WORD, size < there ? size : there};
}

static uint32_t selector_of(bytes data)
{
	DP_CHECK(data.p != NULL && data.size >= SELECTOR);
	return (uint32_t)data.p[0] << 24 | (uint32_t)data.p[1] << 16 | (uint32_t)data.p[2] << 8 |
	       data.p[3];
}

// The argument that is the amount of transfer, transferFrom, approve; 0: it is another call.
static uint32_t amount_word(uint32_t selector)
{
	switch (selector) {
	case 0xa9059cbb: return 1; // transfer(address,uint256)
	case 0x095ea7b3: return 1; // approve(address,uint256)
	case 0x23b872dd: return 2; // transferFrom(address,address,uint256)
	default: return 0;
	}
}

//- judging ---------------------------------------------------------------------------------------

static void judge(dp_safe_call *io_call, const uint8_t *target, const uint8_t *value, bytes data,
                  bool is_batched)
{
	DP_CHECK(target != NULL && value != NULL);
	dp_safe_call c = {.score = SCORE_FOREIGN, .is_batched = is_batched};
	memcpy(c.safe, io_call->safe, sizeof c.safe);
	memcpy(c.target, target, sizeof c.target);
	c.value = dp_u256_from_be(value, WORD);
	c.has_selector = data.size >= SELECTOR;
	if (c.has_selector) c.selector = selector_of(data);
	size_t at = amount_word(c.selector);
	c.is_token_like = at != 0;
	if (c.is_token_like) {
		c.score += SCORE_TOKEN_LIKE;
		at = SELECTOR + at * WORD;
		bool is_whole = data.size >= at + WORD;
		if (is_whole && dp_u256_is_zero(dp_u256_from_be(data.p + at, WORD)) &&
		    dp_u256_is_zero(c.value))
			c.score += SCORE_OF_NOTHING;
	}
	DP_CHECK(c.score <= DP_SAFE_SCORE_MAX);
	if (c.score > io_call->score) *io_call = c;
}

static void look(dp_safe_call *io_call, const uint8_t *target, const uint8_t *value, bytes data,
                 uint32_t depth);

// The calls of a batch; `data` is of multiSend.
static void look_into(dp_safe_call *io_call, bytes data, uint32_t depth)
{
	bytes arguments = {data.p + SELECTOR, data.size - SELECTOR};
	if (arguments.size < WORD) return;
	bytes batch = bytes_at(arguments, place_of(arguments.p));
	size_t at = 0;
	for (uint32_t n = 0; n < CALLS_MAX && batch.size - at >= PACKED_HEAD; n++) {
		const uint8_t *p = batch.p + at;
		size_t size = place_of(p + PACKED_HEAD - WORD);
		size_t there = batch.size - at - PACKED_HEAD;
		if (size < there) there = size;
		if (p[0] == DELEGATE_CALL)
			look(io_call, p + 1, p + 21, (bytes){p + PACKED_HEAD, there}, depth);
		at += PACKED_HEAD + there;
	}
}

// A delegate call: to the makers' own contracts, or to foreign code. `depth`: batches around it.
static void look(dp_safe_call *io_call, const uint8_t *target, const uint8_t *value, bytes data,
                 uint32_t depth)
{
	const char *role = dp_safe_genuine(target);
	if (role == NULL) {
		judge(io_call, target, value, data, depth > 0);
		return;
	}
	// No wallet's program nests batches so deep.
	bool is_batch = data.size >= SELECTOR && selector_of(data) == 0x8d80ff0a;
	if (is_batch && depth < BATCHES_MAX) look_into(io_call, data, depth + 1);
}

bool dp_safe_takeover_of(dp_safe_call *ret_call, const uint8_t safe[20], const uint8_t *data,
                         size_t size)
{
	DP_CHECK(ret_call != NULL && safe != NULL && (data != NULL || size == 0));
	if (!dp_safe_maybe(data, size)) return false;
	bytes arguments = {data + SELECTOR, size - SELECTOR};
	const uint8_t *word = arguments.p;
	dp_safe_call call = {.score = 0};
	memcpy(call.safe, safe, sizeof call.safe);
	look(&call, word + 12, word + WORD, bytes_at(arguments, place_of(word + 2 * WORD)), 0);
	if (call.score == 0) return false;
	*ret_call = call;
	return true;
}

bool dp_safe_takeover(dp_safe_call *ret_call, const dp_block *b, const dp_note *n)
{
	DP_CHECK(ret_call != NULL && b != NULL && n != NULL);
	if (n->kind != DP_NOTE_SAFE) return false;
	return dp_safe_takeover_of(ret_call, n->place, dp_note_data(b, n), n->data_size);
}

bool dp_safe_takeover_in(dp_safe_call *ret_call, const dp_block *b, uint32_t tx)
{
	DP_CHECK(ret_call != NULL && b != NULL);
	uint32_t first, count;
	dp_safe_call best = {.score = 0}, call;
	dp_block_notes(b, &first, &count, tx);
	for (uint32_t i = first; i < first + count; i++)
		if (dp_safe_takeover(&call, b, &b->note[i]) && call.score > best.score) best = call;
	if (best.score == 0) return false;
	*ret_call = best;
	return true;
}

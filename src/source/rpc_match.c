// Matching a JSON-RPC answer with its calls, see rpc_private.h. JSON-RPC 2.0 (jsonrpc.org, 2013)
// says how it should be; what nodes and hosted endpoints really send is wider:
//
//   {"id":7,"result":...}                         one call
//   {"id":7,"result":null,"error":{...}}          Bitcoin Core: an error that is not null wins
//   [{"id":8,...},{"id":7,...}]                   a batch, in any order
//   {"id":null,"error":{"code":-32600,...}}       a batch refused as a whole
//   [{"id":7,"error":{"message":"batch too large"}}]   geth: the first call speaks for all
//   {"error":"rate limit"}                        proxies: an error that is only words
//
// The limits of endpoints have no common code. What says "batch" or "too large" in answer to more
// than one call is taken for a batch that is too large; what speaks of a rate is waited for. The
// words are those of Alchemy, Ankr, Base, Chainstack, Infura and QuickNode.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "source/rpc_private.h"

static bool is_null(const dp_json *v)
{
	bool b;
	return v == NULL || !(dp_json_is_array(v) || dp_json_is_object(v) || dp_json_text(v) ||
	                      dp_json_number(v) || dp_json_bool(v, &b));
}

void dp_rpc_copy_text(char out[DP_RPC_TEXT_MAX + 4], const char *text)
{
	DP_CHECK(out != NULL && text != NULL);
	size_t n = strlen(text), kept = n <= DP_RPC_TEXT_MAX ? n : DP_RPC_TEXT_MAX;
	// Not in the middle of a UTF-8 character.
	if (kept < n)
		while (kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80) kept--;
	for (size_t i = 0; i < kept; i++) {
		unsigned char c = (unsigned char)text[i];
		out[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
		// U+0080 to U+009F are control characters, too.
		if (i > 0 && (unsigned char)out[i - 1] == 0xc2 && c >= 0x80 && c < 0xa0)
			out[i - 1] = out[i] = '?';
	}
	memcpy(out + kept, kept < n ? "..." : "", kept < n ? 4 : 1);
}

//- errors ----------------------------------------------------------------------------------------

static bool says(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

static bool says_any(const char *text, const char *const *words)
{
	DP_CHECK(text != NULL);
	for (; *words != NULL; words++)
		if (says(text, *words)) return true;
	return false;
}

// Limits of one question or of a machine, which no waiting mends: "query returned more than 10000
// results", "log response size exceeded", "block range limit exceeded", "gas limit reached".
static const char *const sizes[] = {
    "results",      "response size", "size limit", "size exceeded", "block range", "range limit",
    "blocks range", "range is too",  "gas limit",  "stack limit",   "depth limit", "memory limit",
    "time limit",   "timeout limit", "code size",  "log limit",     "logs limit",  NULL};

static const char *const rates[] = {"rate limit",
                                    "rate-limit",
                                    "ratelimit",
                                    "too many requests",
                                    "capacity",
                                    "request limit",
                                    "requests limit",
                                    "limit reached",
                                    "limit exceeded",
                                    "requests per second",
                                    "request rate",
                                    "per second limit",
                                    "request count exceeded",
                                    NULL};

// -32005 is "limit exceeded" (EIP-1474), 429 is HTTP's. QuickNode's -32007 and Base's -32016 mean
// something else in other software: they count where a limit is spoken of.
static bool is_rate(int64_t code, const char *text)
{
	if (code == 429) return true;
	if (says_any(text, sizes)) return false;
	if (code == -32005) return true;
	if ((code == -32007 || code == -32016) && says(text, "limit")) return true;
	return says_any(text, rates);
}

static dp_rpc_fate judge_error(int64_t code, const char *text, uint32_t count)
{
	bool batch = code == -32600 || says(text, "batch") || says(text, "too large") ||
	             says(text, "size exceeded");
	if (count > 1 && batch) return DP_RPC_REFUSED;
	return is_rate(code, text) ? DP_RPC_BUSY : DP_RPC_ERROR;
}

// Codes are small integers, negative ones mostly; what is none counts as 0.
static int64_t read_code(const dp_json *v)
{
	const char *text = v == NULL ? NULL : dp_json_number(v);
	if (text == NULL) return 0;
	char *end = NULL;
	errno = 0;
	long long code = strtoll(text, &end, 10);
	return errno != 0 || *end != 0 ? 0 : code;
}

static void take_error(dp_rpc_slot *slot, const dp_json *error, uint32_t count)
{
	const dp_json *message = dp_json_is_object(error) ? dp_json_get(error, "message") : error;
	const char *text = message == NULL ? NULL : dp_json_text(message);
	slot->error_code =
	    dp_json_is_object(error) ? read_code(dp_json_get(error, "code")) : read_code(error);
	slot->result = NULL;
	slot->fate = judge_error(slot->error_code, text == NULL ? "" : text, count);
	dp_rpc_copy_text(slot->error, text == NULL ? "an error without words" : text);
}

//- answers ---------------------------------------------------------------------------------------

// Nodes answer mostly in the order they were asked; else a search by halves, for ids rise.
static dp_rpc_slot *find_slot(dp_rpc_slot *const *slots, uint32_t count, uint64_t id,
                              uint32_t guess)
{
	if (guess < count && slots[guess]->id == id) return slots[guess];
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (slots[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && slots[low]->id == id ? slots[low] : NULL;
}

// One answer. One with an error and without an id is for the whole request: *io_whole.
static dp_code take_answer(dp_rpc_slot *const *slots, uint32_t count, const dp_json *answer,
                           uint32_t guess, const dp_json **io_whole, dp_fault *fault)
{
	if (!dp_json_is_object(answer))
		return dp_fail(fault, DP_BAD_BYTES, "an answer that is no JSON object");
	const dp_json *error = dp_json_get(answer, "error"), *result, *id;
	id = dp_json_get(answer, "id");
	result = dp_json_get(answer, "result");
	uint64_t number = 0;
	if (is_null(id)) {
		if (is_null(error))
			return dp_fail(fault, DP_BAD_BYTES, "an answer without id and error");
		*io_whole = error;
		return DP_OK;
	}
	dp_rpc_slot *slot = NULL;
	if (dp_json_u64(id, &number)) slot = find_slot(slots, count, number, guess);
	if (slot == NULL)
		return dp_fail(fault, DP_BAD_BYTES, "an answer to a call that was not made");
	if (slot->fate != DP_RPC_MISSING)
		return dp_fail(fault, DP_BAD_BYTES, "two answers to one call");
	if (!is_null(error)) {
		take_error(slot, error, count);
		return DP_OK;
	}
	if (result == NULL)
		return dp_fail(fault, DP_BAD_BYTES, "an answer with neither result nor error");
	slot->result = result;
	slot->fate = DP_RPC_RESULT;
	return DP_OK;
}

// Who was left out shares what was said of the whole, or of a batch that was refused.
static dp_code take_missing(dp_rpc_slot *const *slots, uint32_t count, const dp_json *whole,
                            dp_fault *fault)
{
	dp_rpc_slot said = {0};
	if (whole != NULL) {
		take_error(&said, whole, count);
		// Nothing can be said against the single calls yet.
		if (count > 1 && said.fate == DP_RPC_ERROR) said.fate = DP_RPC_REFUSED;
	}
	for (uint32_t i = 0; i < count && said.fate == DP_RPC_MISSING; i++)
		if (slots[i]->fate == DP_RPC_REFUSED) said = *slots[i];
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_slot *slot = slots[i];
		if (slot->fate != DP_RPC_MISSING) continue;
		if (said.fate == DP_RPC_MISSING)
			return dp_fail(fault, DP_BAD_BYTES, "no answer to one of %u calls", count);
		said.id = slot->id;
		*slot = said;
	}
	return DP_OK;
}

dp_code dp_rpc_match(dp_rpc_slot *const *io_slots, uint32_t count, const dp_json *doc,
                     dp_fault *fault)
{
	DP_CHECK(io_slots != NULL && count > 0 && doc != NULL);
	for (uint32_t i = 0; i < count; i++) {
		DP_CHECK(io_slots[i]->fate == DP_RPC_MISSING);
		DP_CHECK(i == 0 || io_slots[i - 1]->id < io_slots[i]->id);
	}
	const dp_json *whole = NULL;
	if (dp_json_is_array(doc)) {
		uint32_t guess = 0;
		for (const dp_json *a = dp_json_first(doc); a != NULL; a = dp_json_next(a))
			DP_TRY(take_answer(io_slots, count, a, guess++, &whole, fault));
	} else {
		// One error with an id, in answer to many calls, is for all of them.
		const dp_json *error = dp_json_is_object(doc) ? dp_json_get(doc, "error") : NULL;
		if (count > 1 && !is_null(error))
			whole = error;
		else
			DP_TRY(take_answer(io_slots, count, doc, 0, &whole, fault));
	}
	return take_missing(io_slots, count, whole, fault);
}

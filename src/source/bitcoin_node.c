// See bitcoin_node.h.
//
// Sources: Bitcoin Core, src/rpc/blockchain.cpp, src/rpc/rawtransaction.cpp and src/rpc/protocol.h
// (error codes); btcd, rpcserver.go. Arguments are written in the one form that both accept:
// numbers, not booleans, for getrawtransaction, and none where the default is what we want.
//
// Values of spent coins are asked for by transaction (getrawtransaction), which needs the node's
// transaction index. gettxout is not asked: it knows unspent outputs only, and what a block of the
// chain spends is spent.
#include "source/bitcoin_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/settle.h"

enum {
	ERROR_MISC = -1,          // btcd: a height that is not there
	ERROR_NO_SUCH = -5,       // no such block or transaction
	ERROR_PARAMETER = -8,     // Core: a height that is not there
	ERROR_WARMING_UP = -28,   // Core: loading its index
	HEADERS_AHEAD_MAX = 10,   // a node at the tip may know a few headers more
	MEDIAN_BLOCKS = 11,       // a block's time is above the median of so many before it
	EARLIER_MAX = 2016,       // blocks looked at for one that is earlier, before it is a lie
	TIME_SLACK = 2 * 60 * 60, // and at most so far ahead of the clock of those who accept it
	ASKED_MAX = 400,          // transactions at a time
	TRIES_DEFAULT = 8,        // as of requests (source/http.h)
	DELAY_FIRST_MS = 250,
	DELAY_MAX_MS = 30000,
	LOOK_UP_MS = 50,      // while waiting: has the user had enough?
	CASH_HEIGHT = 478559, // Bitcoin Cash's first block of its own
	HASHES_MAX = 128,     // asked at a time
};

struct dp_coin_wanted {
	uint8_t txid[32];
	uint32_t vout, at; // place in the answer
	uint64_t ticket;
};

void dp_bitcoin_node_notice(const dp_bitcoin_node *n, const char *format, ...)
{
	char text[DP_FAULT_TEXT_MAX];
	if (n->watch.notice == NULL) return;
	va_list args;
	va_start(args, format);
	int size = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	DP_CHECK(size > 0);
	n->watch.notice(n->watch.context, text);
}

static dp_code bad_answer(const char *method, dp_fault *fault)
{
	DP_CHECK(method != NULL);
	return dp_fail(fault, DP_BAD_BYTES, "what it answers to %s is not what it should be",
	               method);
}

dp_code dp_bitcoin_node_blame(const dp_bitcoin_node *n, dp_code code, dp_fault *fault)
{
	DP_CHECK(n != NULL);
	bool is_fault = code != DP_OK && code != DP_END && code != DP_NO_MEMORY;
	if (is_fault && n->rpc != NULL) dp_fault_file(fault, dp_rpc_name(n->rpc));
	return code;
}

//- waiting ---------------------------------------------------------------------------------------

// The delays of source/http.h, without the chance in them: one program asks one node here.
dp_code dp_bitcoin_node_pause(const dp_bitcoin_node *n, uint32_t tries, const char *why,
                              dp_fault *fault)
{
	DP_CHECK(n != NULL && tries > 0 && why != NULL);
	uint32_t ms = tries < 8 ? (uint32_t)DELAY_FIRST_MS << (tries - 1) : DELAY_MAX_MS;
	if (ms > DELAY_MAX_MS) ms = DELAY_MAX_MS;
	dp_bitcoin_node_notice(n, "%s: %s: trying again in %u.%02u s", dp_rpc_name(n->rpc), why,
	                       ms / 1000, ms % 1000 / 10);
	for (uint32_t slept = 0; slept < ms; slept += LOOK_UP_MS) {
		const struct timespec a_while = {.tv_nsec = LOOK_UP_MS * 1000000L};
		if (n->watch.stopped != NULL && n->watch.stopped(n->watch.context))
			return dp_fail(fault, DP_BUSY, "stopped while waiting for the node");
		(void)nanosleep(&a_while, NULL); // cut short by a signal: it asks whether to stop
	}
	return DP_OK;
}

// A node that is starting answers every call with an error of its own, for seconds or minutes. Is
// this one, and may it be asked again? Then the answer is released and some time has passed.
static dp_code is_starting(const dp_bitcoin_node *n, bool *ret_again, dp_rpc_answer *a,
                           uint32_t *io_tries, dp_fault *fault)
{
	char why[DP_RPC_TEXT_MAX + 40];
	*ret_again = false;
	if (a->result != NULL || a->error_code != ERROR_WARMING_UP) return DP_OK;
	(void)snprintf(why, sizeof why, "the node is starting (%s)", a->error);
	dp_rpc_answer_done(a);
	if (++*io_tries >= n->tries) return dp_fail(fault, DP_BUSY, "%s: try again later", why);
	*ret_again = true;
	return dp_bitcoin_node_pause(n, *io_tries, why, fault);
}

// One call, made again while the node is starting.
static dp_code call(const dp_bitcoin_node *n, dp_rpc_answer *ret_answer, const char *method,
                    const char *params, dp_fault *fault)
{
	uint32_t tries = 0;
	bool is_again = true;
	while (is_again) {
		DP_TRY(dp_rpc_call(n->rpc, ret_answer, method, params, fault));
		DP_TRY(is_starting(n, &is_again, ret_answer, &tries, fault));
	}
	return DP_OK;
}

//- single calls ----------------------------------------------------------------------------------

static bool is_no_such_height(const dp_rpc_answer *a)
{
	return a->result == NULL &&
	       (a->error_code == ERROR_MISC || a->error_code == ERROR_NO_SUCH ||
	        a->error_code == ERROR_PARAMETER);
}

// DP_END: the node answered an error that is not "no such height": *ret_answer.
static dp_code ask_hashes(const dp_bitcoin_node *n, uint8_t (*ret_hash)[32], uint32_t *ret_count,
                          dp_rpc_answer *ret_answer, uint64_t height, uint32_t count,
                          dp_fault *fault)
{
	uint64_t ticket[HASHES_MAX];
	char params[32];
	uint32_t got = 0;
	bool is_end = false;
	dp_code code = DP_OK;
	DP_CHECK(count > 0 && count <= HASHES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		unsigned long long at = height + i;
		(void)snprintf(params, sizeof params, "[%llu]", at);
		DP_TRY(dp_rpc_start(n->rpc, &ticket[i], "getblockhash", params, fault));
	}
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_answer a = {0};
		// What follows a height that is not there is not there either.
		if (code != DP_OK || is_end) {
			dp_rpc_drop(n->rpc, ticket[i]);
			continue;
		}
		code = dp_rpc_wait(n->rpc, ticket[i], &a, fault);
		if (code != DP_OK) continue;
		is_end = a.result == NULL;
		if (is_end && !is_no_such_height(&a)) {
			code = DP_END;
			*ret_answer = a;
			ret_answer->shared = NULL; // code and text are copies
		} else if (!is_end && !dp_bitcoin_json_hash(ret_hash[got++], a.result)) {
			code = bad_answer("getblockhash", fault);
		}
		dp_rpc_answer_done(&a);
	}
	if (code == DP_OK) *ret_count = got;
	return code;
}

dp_code dp_bitcoin_node_hashes(dp_bitcoin_node *n, uint8_t (*ret_hash)[32], uint32_t *ret_count,
                               uint64_t height, uint32_t count, dp_fault *fault)
{
	dp_rpc_answer a;
	uint32_t tries = 0;
	bool is_again = true;
	DP_CHECK(n != NULL && ret_count != NULL);
	while (is_again) {
		dp_code code = ask_hashes(n, ret_hash, ret_count, &a, height, count, fault);
		if (code != DP_END) return code;
		DP_TRY(is_starting(n, &is_again, &a, &tries, fault));
	}
	return dp_rpc_fail(n->rpc, &a, "getblockhash", fault);
}

// A field of a block's header.
static dp_code ask_header(dp_bitcoin_node *n, uint64_t *ret_value, const char *field,
                          const uint8_t hash[32], dp_fault *fault)
{
	char params[DP_BITCOIN_HASH_TEXT + 8] = "[\"";
	dp_rpc_answer a;
	dp_bitcoin_hash_text(params + 2, hash);
	memcpy(params + 66, "\"]", 3);
	DP_TRY(call(n, &a, "getblockheader", params, fault));
	dp_code code = DP_OK;
	if (a.result == NULL)
		code = dp_rpc_fail(n->rpc, &a, "getblockheader", fault);
	else if (!dp_json_u64(dp_json_get(a.result, field), ret_value))
		code = bad_answer("getblockheader", fault);
	dp_rpc_answer_done(&a);
	return code;
}

static dp_code time_at(dp_bitcoin_node *n, int64_t *ret_time, uint64_t height, dp_fault *fault)
{
	uint8_t hash[1][32];
	uint32_t got;
	uint64_t time = 0;
	DP_TRY(dp_bitcoin_node_hashes(n, hash, &got, height, 1, fault));
	if (got == 0) return bad_answer("getblockhash", fault);
	DP_TRY(ask_header(n, &time, "time", hash[0], fault));
	*ret_time = (int64_t)time;
	return DP_OK;
}

// Where there are not so many blocks yet, the first is taken: nothing can come before it.
static void set_tip(dp_bitcoin_node *n, uint64_t head)
{
	DP_CHECK(head <= UINT32_MAX);
	uint64_t behind = n->confirmations > 1 ? n->confirmations - 1 : 0;
	n->head = head;
	n->tip = head > behind ? head - behind : 0;
}

static dp_code read_tip(dp_bitcoin_node *n, const dp_rpc_answer *a, dp_fault *fault)
{
	uint64_t head;
	if (a->result == NULL) return dp_rpc_fail(n->rpc, a, "getblockcount", fault);
	if (!dp_json_u64(a->result, &head) || head > UINT32_MAX)
		return bad_answer("getblockcount", fault);
	set_tip(n, head);
	return DP_OK;
}

dp_code dp_bitcoin_node_tip(dp_bitcoin_node *n, dp_fault *fault)
{
	dp_rpc_answer a;
	DP_TRY(call(n, &a, "getblockcount", "[]", fault));
	dp_code code = read_tip(n, &a, fault);
	dp_rpc_answer_done(&a);
	return code;
}

// One hash that was asked for; *ret_none: there is no such height.
static dp_code take_hash(const dp_bitcoin_node *n, bool *ret_known, bool *ret_none,
                         uint8_t ret_hash[32], uint64_t ticket, dp_fault *fault)
{
	dp_rpc_answer a;
	DP_TRY(dp_rpc_wait(n->rpc, ticket, &a, fault));
	dp_code code = DP_OK;
	*ret_known = a.result != NULL && dp_bitcoin_json_hash(ret_hash, a.result);
	*ret_none = is_no_such_height(&a);
	if (a.result != NULL && !*ret_known) code = bad_answer("getblockhash", fault);
	dp_rpc_answer_done(&a);
	return code;
}

dp_code dp_bitcoin_node_look(dp_bitcoin_node *n, dp_bitcoin_below *ret_below, bool *ret_has_next,
                             uint8_t ret_next[32], uint64_t next, const uint8_t *hash,
                             dp_fault *fault)
{
	uint64_t tip, below = 0, above;
	char params[32];
	uint8_t is[32], is_next[32];
	bool known = false, none = false, has_next, no_next, is_again;
	uint32_t tries = 0;
	dp_rpc_answer a;
	DP_CHECK(n != NULL && ret_below != NULL && (hash == NULL || next > 0));
	DP_TRY(dp_rpc_start(n->rpc, &tip, "getblockcount", "[]", fault));
	(void)snprintf(params, sizeof params, "[%llu]", (unsigned long long)(next - 1));
	if (hash != NULL) DP_TRY(dp_rpc_start(n->rpc, &below, "getblockhash", params, fault));
	(void)snprintf(params, sizeof params, "[%llu]", (unsigned long long)next);
	DP_TRY(dp_rpc_start(n->rpc, &above, "getblockhash", params, fault));
	DP_TRY(dp_rpc_wait(n->rpc, tip, &a, fault));
	DP_TRY(is_starting(n, &is_again, &a, &tries, fault));
	dp_code code = is_again ? DP_OK : read_tip(n, &a, fault);
	if (!is_again) dp_rpc_answer_done(&a);
	DP_TRY(code);
	if (hash != NULL) DP_TRY(take_hash(n, &known, &none, is, below, fault));
	DP_TRY(take_hash(n, &has_next, &no_next, is_next, above, fault));
	if (is_again) DP_TRY(dp_bitcoin_node_tip(n, fault));
	// The block may have come between the answers.
	if (has_next && n->head < next) set_tip(n, next);
	*ret_below =
	    known  ? memcmp(is, hash, 32) == 0 ? DP_BITCOIN_BELOW_SAME : DP_BITCOIN_BELOW_OTHER
	    : none ? DP_BITCOIN_BELOW_NONE
	           : DP_BITCOIN_BELOW_UNKNOWN;
	*ret_has_next = has_next;
	if (has_next) memcpy(ret_next, is_next, 32);
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

// The 32 digits of a CAIP-2 name in the namespace bip122 against a hash.
static bool is_named_by(const dp_chain *chain, const uint8_t hash[32])
{
	static const char space[] = "bip122:";
	char text[DP_BITCOIN_HASH_TEXT];
	if (strncmp(chain->caip2, space, sizeof space - 1) != 0) return false;
	dp_bitcoin_hash_text(text, hash);
	return strncmp(chain->caip2 + sizeof space - 1, text, 32) == 0;
}

static const dp_chain *chain_by_hash(const uint8_t hash[32])
{
	for (uint16_t i = 0; i < dp_chain_count(); i++)
		if (is_named_by(dp_chain_at(i), hash)) return dp_chain_at(i);
	return NULL;
}

// Sets the chain from the hash of its first block. `said` is the node's own name for it.
static dp_code find_chain(dp_bitcoin_node *n, const dp_chain *wanted, const char *said,
                          dp_fault *fault)
{
	uint8_t hash[1][32];
	char text[DP_BITCOIN_HASH_TEXT];
	uint32_t got;
	DP_TRY(dp_bitcoin_node_hashes(n, hash, &got, 0, 1, fault));
	if (got == 0) return bad_answer("getblockhash", fault);
	n->chain = chain_by_hash(hash[0]);
	dp_bitcoin_hash_text(text, hash[0]);
	if (n->chain == NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "the node is on a chain that is not known here: it calls it \"%s\", "
		               "and its first block is %s",
		               said, text);
	const dp_chain *cash = dp_chain_find("bitcoin-cash", strlen("bitcoin-cash"));
	if (cash != NULL && strcmp(n->chain->name, "bitcoin") == 0) {
		DP_TRY(dp_bitcoin_node_hashes(n, hash, &got, CASH_HEIGHT, 1, fault));
		// Below that height the two are one: what is asked for decides.
		if (got == 0 ? wanted == cash : is_named_by(cash, hash[0])) n->chain = cash;
	}
	if (wanted == NULL || wanted == n->chain) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE,
	               "the node is on %s (it calls it \"%s\") and %s is wanted: give a node of "
	               "that chain",
	               n->chain->name, said, wanted->name);
}

// Is the node still catching up with its chain?
static dp_code check_synced(const dp_bitcoin_node *n, const dp_json *info,
                            const dp_source_options *options, dp_fault *fault)
{
	uint64_t headers = n->head;
	bool is_initial = false;
	const dp_json *h = dp_json_get(info, "headers"),
	              *initial = dp_json_get(info, "initialblockdownload");
	if (h != NULL && !dp_json_u64(h, &headers)) return bad_answer("getblockchaininfo", fault);
	if (initial != NULL && !dp_json_bool(initial, &is_initial))
		return bad_answer("getblockchaininfo", fault);
	// A regtest chain is as old as its last block, and nobody is ahead of it: it counts as
	// syncing when that is a day ago, and never is.
	if (strcmp(n->chain->name, "regtest") == 0) is_initial = false;
	bool is_behind = headers > n->head && headers - n->head > HEADERS_AHEAD_MAX;
	bool has_all = options->has_height_max && options->height_max <= n->head;
	if ((!is_initial && !is_behind) || has_all) return DP_OK;
	return dp_fail(fault, DP_BUSY,
	               "the node is still syncing: block %llu of %llu; wait for it, or read up to "
	               "a block that it has (--until)",
	               (unsigned long long)n->head, (unsigned long long)headers);
}

// All signets share one first block; which of them it is, the script that signs its blocks tells,
// where the node names it. The default one is Bitcoin Core's (src/kernel/chainparams.cpp).
static void note_signet(const dp_bitcoin_node *n, const dp_json *info)
{
	static const char usual[] =
	    "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430"
	    "210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae";
	const dp_json *c = dp_json_get(info, "signet_challenge");
	const char *challenge = c == NULL ? NULL : dp_json_text(c);
	DP_CHECK(n->chain != NULL);
	if (challenge == NULL || strcmp(n->chain->name, "signet") != 0) return;
	if (strcmp(challenge, usual) != 0)
		dp_bitcoin_node_notice(n, "%s is on a signet of its own, not on the public one",
		                       dp_rpc_name(n->rpc));
}

// What getblockchaininfo says.
static dp_code look_at(dp_bitcoin_node *n, const dp_json *info, const dp_source_options *options,
                       dp_fault *fault)
{
	char said[DP_RPC_TEXT_MAX] = "?";
	const dp_json *chain = dp_json_get(info, "chain");
	const char *text = chain == NULL ? NULL : dp_json_text(chain);
	bool is_pruned = false;
	for (size_t i = 0; text != NULL && text[i] != 0 && i < 32; i++) {
		// It goes into messages: nothing but what names are made of.
		said[i] = text[i] > ' ' && text[i] < 0x7f ? text[i] : '?';
		said[i + 1] = 0;
	}
	uint64_t head;
	if (!dp_json_u64(dp_json_get(info, "blocks"), &head) || head > UINT32_MAX)
		return bad_answer("getblockchaininfo", fault);
	set_tip(n, head);
	if (dp_json_bool(dp_json_get(info, "pruned"), &is_pruned) && is_pruned)
		(void)dp_json_u64(dp_json_get(info, "pruneheight"), &n->pruned_below);
	DP_TRY(find_chain(n, options->chain, said, fault));
	note_signet(n, info);
	return check_synced(n, info, options, fault);
}

dp_code dp_bitcoin_node_open(dp_bitcoin_node *n, const char *url, const dp_source_options *options,
                             uint64_t answer_max, dp_fault *fault)
{
	DP_CHECK(n != NULL && url != NULL && options != NULL);
	dp_rpc_answer a;
	dp_rpc_options rpc = {.login = options->login,
	                      .tries_max = options->tries,
	                      .timeout_s = options->timeout_s,
	                      .cookie = options->cookie,
	                      .in_flight = options->in_flight,
	                      .answer_max = answer_max,
	                      .watch = options->watch};
	n->watch = options->watch;
	n->confirmations = options->confirmations;
	n->tries = options->tries == 0 ? TRIES_DEFAULT : options->tries;
	DP_TRY(dp_rpc_open(&n->rpc, url, &rpc, fault));
	DP_TRY(call(n, &a, "getblockchaininfo", "[]", fault));
	dp_code code;
	if (a.result != NULL)
		code = look_at(n, a.result, options, fault);
	else
		code = dp_rpc_fail(n->rpc, &a, "getblockchaininfo", fault);
	dp_rpc_answer_done(&a);
	return code;
}

void dp_bitcoin_node_done(dp_bitcoin_node *n)
{
	DP_CHECK(n != NULL);
	dp_rpc_close(n->rpc);
	dp_bitcoin_answer_done(&n->answer);
	dp_free(n->wanted);
	*n = (dp_bitcoin_node){0};
}

//- where to begin --------------------------------------------------------------------------------

// The first block with a time of at least `time`. Times are nearly in order: a block's is above
// the median of the eleven before it. So halving finds one such block, and then earlier ones are
// looked for among the eleven below, as long as there are any.
static dp_code height_of_time(dp_bitcoin_node *n, uint64_t *ret_height, int64_t time,
                              dp_fault *fault)
{
	uint64_t low = 0, high = n->tip + 1; // time(low - 1) < time <= time(high), if they exist
	int64_t t = 0;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		DP_TRY(time_at(n, &t, middle, fault));
		if (t < time)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint64_t i = 1, looked = 0; i <= MEDIAN_BLOCKS && i <= high; i++, looked++) {
		if (looked == EARLIER_MAX)
			return dp_fail(fault, DP_BAD_BYTES,
			               "the times of its blocks near %llu are in no order",
			               (unsigned long long)high);
		DP_TRY(time_at(n, &t, high - i, fault));
		if (t < time) continue;
		high -= i;
		i = 0;
	}
	*ret_height = high;
	return DP_OK;
}

// The height of the block that a transaction is in; *ret_known false when the node cannot say.
static dp_code height_of_tx(dp_bitcoin_node *n, bool *ret_known, uint64_t *ret_height,
                            const uint8_t txid[32], dp_fault *fault)
{
	char params[DP_BITCOIN_HASH_TEXT + 8] = "[\"";
	dp_rpc_answer a;
	uint8_t hash[32];
	dp_bitcoin_hash_text(params + 2, txid);
	memcpy(params + 66, "\",1]", 5);
	DP_TRY(call(n, &a, "getrawtransaction", params, fault));
	// Not in a block yet: no field `blockhash`.
	bool is_known =
	    a.result != NULL && dp_bitcoin_json_hash(hash, dp_json_get(a.result, "blockhash"));
	dp_code code = DP_OK;
	if (a.result == NULL && a.error_code != ERROR_NO_SUCH)
		code = dp_rpc_fail(n->rpc, &a, "getrawtransaction", fault);
	dp_rpc_answer_done(&a);
	if (code == DP_OK && is_known) code = ask_header(n, ret_height, "height", hash, fault);
	if (code == DP_OK) *ret_known = is_known;
	return code;
}

dp_code dp_bitcoin_node_try_index(dp_bitcoin_node *n, const uint8_t txid[32], dp_fault *fault)
{
	bool is_known;
	uint64_t height;
	DP_CHECK(n != NULL && txid != NULL);
	if (n->has_index || n->lacks_index) return DP_OK;
	DP_TRY(height_of_tx(n, &is_known, &height, txid, fault));
	n->has_index = is_known;
	n->lacks_index = !is_known;
	return DP_OK;
}

// The earliest height that `begin` names; UINT64_MAX: it names none.
static dp_code earliest(dp_bitcoin_node *n, uint64_t *ret_height, const dp_source_begin *begin,
                        dp_fault *fault)
{
	uint64_t height = begin->has_height ? begin->height : UINT64_MAX, h = 0;
	char text[DP_BITCOIN_HASH_TEXT] = ""; // of a transaction that was not found
	if (begin->has_time) {
		DP_TRY(height_of_time(n, &h, begin->time - TIME_SLACK, fault));
		if (h < height) height = h;
	}
	for (uint32_t i = 0; i < begin->tx_count; i++) {
		bool is_known;
		DP_TRY(height_of_tx(n, &is_known, &h, begin->tx[i], fault));
		if (is_known && h < height) height = h;
		if (!is_known) dp_bitcoin_hash_text(text, begin->tx[i]);
	}
	if (text[0] != 0 && begin->has_tx_time) {
		DP_TRY(height_of_time(n, &h, begin->tx_time - TIME_SLACK, fault));
		if (h < height) height = h;
	}
	bool has_other = begin->has_height || begin->has_time || begin->has_tx_time;
	if (text[0] != 0 && !has_other)
		return dp_fail(fault, DP_NOT_FOUND,
		               "the node cannot say which block transaction %s is in: it has no "
		               "transaction index (txindex=1), the id is wrong, or it is in no "
		               "block (yet): give the theft's time in the case file, or --from "
		               "HEIGHT or TIME",
		               text);
	*ret_height = height;
	return DP_OK;
}

// Whoever has followed blocks already needs the next one; where there is none yet, the newest,
// should the chain change.
dp_code dp_bitcoin_node_begin(dp_bitcoin_node *n, uint64_t *ret_height,
                              const dp_source_begin *begin, dp_fault *fault)
{
	DP_CHECK(n != NULL && ret_height != NULL && begin != NULL);
	uint64_t height = begin->followed + 1, need;
	if (!begin->has_followed) DP_TRY(earliest(n, &height, begin, fault));
	if (height == UINT64_MAX) height = 0;
	need = begin->has_followed && height > n->tip ? n->tip : height;
	if (need < n->pruned_below)
		return dp_fail(fault, DP_NOT_FOUND,
		               "the node is pruned: it has blocks from %llu on, and %llu is %s; "
		               "give a node that has all, or block files",
		               (unsigned long long)n->pruned_below, (unsigned long long)need,
		               begin->has_followed ? "where the casebook goes on" : "wanted");
	*ret_height = height;
	return DP_OK;
}

//- values ----------------------------------------------------------------------------------------

static int compare_wanted(const void *a, const void *b)
{
	const struct dp_coin_wanted *x = a, *y = b;
	int order = memcmp(x->txid, y->txid, sizeof x->txid);
	if (order != 0) return order;
	return (x->vout > y->vout) - (x->vout < y->vout);
}

// How many of the wanted coins from the first on are of its transaction.
static uint32_t of_one_tx(const struct dp_coin_wanted *w, uint32_t count)
{
	uint32_t n = 1;
	DP_CHECK(count > 0);
	while (n < count && memcmp(w[n].txid, w->txid, sizeof w->txid) == 0) n++;
	return n;
}

static dp_code bad_tx(const struct dp_coin_wanted *w, const char *why, dp_fault *fault)
{
	char text[DP_BITCOIN_HASH_TEXT];
	dp_bitcoin_hash_text(text, w->txid);
	return dp_fail(fault, DP_BAD_BYTES, "transaction %s: %s", text, why);
}

// Takes the outputs that are wanted from one transaction; both are in order.
static dp_code take_outputs(dp_bitcoin_node *n, dp_spent_coin *ret_coin, const dp_json *result,
                            const struct dp_coin_wanted *w, uint32_t count, dp_fault *fault)
{
	dp_bitcoin_outputs o;
	dp_spent_coin coin = {0};
	uint64_t at = 0; // outputs taken so far
	DP_TRY(dp_bitcoin_answer_hex(&n->answer, result, fault));
	if (!dp_bitcoin_outputs_of(&o, n->answer.bytes, (size_t)n->answer.size))
		return bad_tx(w, "what the node gives is no transaction", fault);
	o.chain = n->chain;
	if (memcmp(o.txid, w->txid, 32) != 0) return bad_tx(w, "the node gives another one", fault);
	for (uint32_t i = 0; i < count; i++) {
		while (at <= w[i].vout && dp_bitcoin_outputs_next(&o, &coin)) at++;
		if (at <= w[i].vout)
			return bad_tx(w, "an output is spent that it does not have", fault);
		if (coin.value > n->chain->money_max)
			return bad_tx(w, "an output is worth more than there is", fault);
		ret_coin[w[i].at] = coin;
	}
	return DP_OK;
}

// The answer about one transaction. *io_known counts those that there were.
static dp_code take_answer(dp_bitcoin_node *n, dp_spent_coin *ret_coin, uint32_t *io_known,
                           const struct dp_coin_wanted *w, uint32_t count, dp_fault *fault)
{
	dp_rpc_answer a;
	DP_TRY(dp_rpc_wait(n->rpc, w->ticket, &a, fault));
	dp_code code = DP_OK;
	if (a.result != NULL) {
		code = take_outputs(n, ret_coin, a.result, w, count, fault);
		++*io_known;
	} else if (a.error_code != ERROR_NO_SUCH) {
		code = dp_rpc_fail(n->rpc, &a, "getrawtransaction", fault);
	}
	dp_rpc_answer_done(&a);
	return code;
}

// Asks for as many transactions as go at a time; *ret_done: how many coins that settled.
static dp_code ask_some(dp_bitcoin_node *n, dp_spent_coin *ret_coin, uint32_t *ret_done,
                        uint32_t *io_known, uint32_t count, dp_fault *fault)
{
	char params[DP_BITCOIN_HASH_TEXT + 8] = "[\"";
	uint32_t end = 0;
	for (uint32_t asked = 0; end < count && asked < ASKED_MAX; asked++) {
		struct dp_coin_wanted *w = &n->wanted[end];
		dp_bitcoin_hash_text(params + 2, w->txid);
		memcpy(params + 66, "\",0]", 5);
		DP_TRY(dp_rpc_start(n->rpc, &w->ticket, "getrawtransaction", params, fault));
		end += of_one_tx(w, count - end);
	}
	for (uint32_t i = 0, same; i < end; i += same) {
		same = of_one_tx(&n->wanted[i], end - i);
		DP_TRY(take_answer(n, ret_coin, io_known, &n->wanted[i], same, fault));
	}
	*ret_done = end;
	return DP_OK;
}

dp_code dp_bitcoin_node_values(dp_bitcoin_node *n, dp_spent_coin *ret_coin, const dp_block *block,
                               const uint32_t *row, uint32_t count, dp_fault *fault)
{
	DP_CHECK(n != NULL && block != NULL && (ret_coin != NULL || count == 0));
	uint32_t known = 0, done = 0;
	for (uint32_t i = 0; i < count; i++)
		ret_coin[i] = (dp_spent_coin){.value = DP_SETTLE_UNKNOWN};
	if (count == 0 || n->lacks_index) return DP_OK;
	DP_TRY(dp_grow((void **)&n->wanted, &n->wanted_cap, sizeof *n->wanted, count,
	               DP_BLOCK_MV_MAX, fault));
	for (uint32_t i = 0; i < count; i++) {
		const dp_outpoint *spent = &block->mv[row[i]].spent;
		n->wanted[i] = (struct dp_coin_wanted){.vout = spent->vout, .at = i};
		memcpy(n->wanted[i].txid, spent->txid, 32);
	}
	qsort(n->wanted, count, sizeof *n->wanted, compare_wanted);
	while (count > 0 && !n->lacks_index) {
		DP_TRY(ask_some(n, ret_coin, &done, &known, count, fault));
		count -= done;
		memmove(n->wanted, n->wanted + done, count * sizeof *n->wanted);
		n->has_index = n->has_index || known > 0;
		n->lacks_index = !n->has_index;
	}
	if (n->lacks_index)
		dp_bitcoin_node_notice(n,
		                       "%s has no transaction index (txindex=1): what coins made "
		                       "before the first block read are worth is not known",
		                       dp_rpc_name(n->rpc));
	return DP_OK;
}

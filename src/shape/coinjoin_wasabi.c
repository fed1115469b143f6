// Wasabi: ZeroLink (1.0), its mixing levels (1.1) and WabiSabi (2.0).
//
// 1.0: everyone takes one output near 0.1 BTC and the rest as change; the coordinator takes a fee.
// 1.1: also outputs of 2, 4, 8, ... times that. 2.0: free amounts, cut into denominations which
// all wallets share; outputs are those and some change.
//
// Published rules: GraphSense (graphsense-lib heuristics_service.py, after Schnoering and
// Vazirgiannis 2023), CRJOIN (crocs-muni/coinjoin-analysis), Dumplings (crocs-muni/Dumplings
// Scanner.cs and Constants.cs), and the wallet's own (WalletWasabi SmartTransaction and
// BlockchainAnalyzer). They contradict the protocol in places, and there the verdict follows it:
//
// - GraphSense wants 0.1 BTC within 5 %. The coordinator lowered the denomination round by round
//   (WalletWasabi issue 833) and started again; Dumplings, whose authors ran it, has 0.08 to 0.12.
// - In 2018 rounds of 0.05, 0.01 and 0.11 BTC were run. They pay the one address which the wallet's
//   source then knew as its coordinator's; a fact of the protocol, as a denomination is.
// - GraphSense and CRJOIN take inputs of any kind. The coordinator refused all but P2WPKH
//   ("Provided input must be witness_v0_keyhash"), WabiSabi's all but P2WPKH and P2TR
//   (AllowedInputTypes): who spends anything else makes no such round.
// - A tenth of the inputs is GraphSense's bound for one address. The wallet registers up to ten
//   coins (MaxInputsRegistrableByWallet; 7 at first, 15 in a fork), whatever their addresses.
// - 50 inputs at least was zkSNACKs's setting. Others run 21 (0.21 of 100), and blame rounds, which
//   follow a round that failed, 0.4 of that: GraphSense and Dumplings say 20. Below it and down to
//   ten, shared denominations must be nearly all, as the wallet's own rule has it.
#include <string.h>

#include "base/check.h"
#include "shape/coinjoin_private.h"

enum {
	BASE_1 = 10000000,    // 0.1 BTC
	TOLERANCE_1 = 500000, // GraphSense
	WINDOW_1 = 2000000,   // Dumplings, CRJOIN
	INPUTS_EACH_1 = 7,    // of one participant
	INPUTS_MIN_1 = 10,    // GraphSense
	PARTICIPANTS_MIN = 3,
	PARTICIPANTS_MIN_FRESH = 10, // Dumplings, where no known coordinator is paid
	SMALL_ROUND = 20,
	LEVELS = 40, // 0.1 BTC * 2^37 is more than there are satoshi in 64 bits
	INPUTS_MIN_2 = 20,
	INPUTS_MIN_2_PROTOCOL = 10,
	INPUTS_MIN_2_WALLET = 50,
	OUTPUT_MIN_2 = 5000,
	INPUTS_EACH_2 = 10,
	REPEATED_MIN_2 = 3, // different denominations that occur twice
	PECULIAR_MIN_2 = 3,
	CONFIDENCE_10 = 70,
	CONFIDENCE_2 = 60,
};

#define KIND(k) (1u << DP_ADDR_##k)

// Two times a sum is compared where half of a count is meant, so that nothing is rounded.
static bool is_majority(uint32_t part, uint32_t whole)
{
	return 2 * (uint64_t)part + 1 >= whole;
}

// Does one address own more than a tenth of the inputs? Then it is a sweep of one owner.
static bool is_concentrated(const dp_cj_facts *f)
{
	return 10 * (uint64_t)f->in_top > f->shape->in_count;
}

// A small round whose outputs sum to a whole multiple of the most frequent one, within 1e-4: a
// batch of equal payouts and nothing else.
static bool is_payout(const dp_cj_facts *f)
{
	if (f->shape->in_count >= SMALL_ROUND || f->mode == 0) return false;
	dp_u128 over = f->out_sum % f->mode, under = f->mode - over;
	dp_u128 rest = over < under ? over : under;
	// The nearest multiple must not be the zeroth.
	bool is_whole = f->out_sum / f->mode > 0 || under < over;
	return is_whole && rest * 10000 <= f->out_sum;
}

// What GraphSense asks of both versions.
static const char *core_1(const dp_cj_facts *f, uint32_t n)
{
	if (n < PARTICIPANTS_MIN) return "fewer than 3 outputs of the base denomination";
	if (f->in_distinct < n) return "fewer addresses pay than take part";
	if (f->in_distinct > (uint64_t)INPUTS_EACH_1 * n) return "more than 7 inputs a participant";
	if (f->out_distinct != f->shape->out_count) return "two outputs to one address";
	if (is_payout(f)) return "a batch of equal payouts";
	return NULL;
}

const char *dp_cj_wasabi10(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	if (f->shape->in_count < INPUTS_MIN_1) return "fewer than 10 inputs";
	if (is_concentrated(f)) return "one address has more than a tenth of the inputs";
	uint64_t d;
	uint32_t n = dp_cj_mode_in(&d, f, BASE_1 - TOLERANCE_1, BASE_1 + TOLERANCE_1);
	const char *no = core_1(f, n);
	if (no != NULL) return no;
	if (!is_majority(n, f->shape->out_count)) return "fewer than half of the outputs are mixed";
	*ret_found = (dp_cj_found){d, n, CONFIDENCE_10};
	return NULL;
}

// GraphSense's confidence, int(50 + 50 * (n/s - 1/7) / (1 - 1/7)), as one exact fraction rounded
// down: (175 n + 125 s) / 3 s. From 50 at s = 7 n to 100 at s = n.
static uint8_t confidence_11(uint32_t n, uint32_t s, bool both)
{
	DP_CHECK(n <= s && s <= (uint64_t)INPUTS_EACH_1 * n);
	uint64_t c = (175 * (uint64_t)n + 125 * (uint64_t)s) / (3 * (uint64_t)s);
	DP_CHECK(c >= 50 && c <= 100);
	return (uint8_t)(both ? c : c / 2);
}

const char *dp_cj_wasabi11(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	if (s->in_count < INPUTS_MIN_1) return "fewer than 10 inputs";
	if (is_concentrated(f)) return "one address has more than a tenth of the inputs";
	uint64_t top = f->value[s->out_count - 1];
	uint32_t n = 0, mixed = 0, levels = 0;
	for (uint32_t i = 0; i < LEVELS; i++) {
		if ((uint64_t)BASE_1 > top >> i) break; // 2^i * BASE_1 > top, without overflow
		uint64_t d = (uint64_t)BASE_1 << i, within = (uint64_t)TOLERANCE_1 << i;
		uint32_t count = dp_cj_count_in(f, d - within,
		                                d > UINT64_MAX - within ? UINT64_MAX : d + within);
		if (count < 2) continue;
		levels++;
		mixed += count;
		if (count > n) n = count;
	}
	const char *no = core_1(f, n);
	if (no != NULL) return no;
	bool is_most = is_majority(mixed, s->out_count);
	bool is_sum = (uint64_t)mixed + f->in_distinct + 1 >= s->out_count;
	if (!is_most && !is_sum) return "too few of the outputs are mixed";
	uint8_t confidence = confidence_11(n, f->in_distinct, is_most && is_sum);
	*ret_found = (dp_cj_found){levels == 1 ? f->mode : 0, n, confidence};
	return NULL;
}

const char *dp_cj_wasabi1_crjoin(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	if (f->shape->in_count < 5) return "fewer than 5 inputs";
	if (f->shape->out_count < 5) return "fewer than 5 outputs";
	if (f->mode_count < PARTICIPANTS_MIN) return "fewer than 3 equal outputs";
	if (f->mode <= BASE_1 - WINDOW_1 || f->mode >= BASE_1 + WINDOW_1)
		return "the most frequent output is not near 0.1 BTC";
	*ret_found = (dp_cj_found){f->mode, f->mode_count, CONFIDENCE_10};
	return NULL;
}

// bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew, which WalletWasabi's source names as the main
// network's coordinator, and bc1qa24tsgchvuxsaccp8vrnkfd85hrcpafg20kmjw, used after it. From block
// 610,000 on the coordinator used fresh addresses.
static const uint8_t coordinators[2][20] = {
    {0x86, 0x9f, 0x5c, 0x7a, 0x4c, 0xd7, 0x77, 0x6a, 0xe0, 0xc0,
     0xfc, 0xd9, 0xc3, 0x31, 0x5a, 0xbb, 0x23, 0x9a, 0x9f, 0x0d},
    {0xea, 0xaa, 0xb8, 0x23, 0x17, 0x67, 0x0d, 0x0e, 0xe3, 0x01,
     0x3b, 0x07, 0x3b, 0x25, 0xa7, 0xa5, 0xc7, 0x80, 0xf5, 0x28},
};

static bool pays_coordinator(const dp_shape *s)
{
	for (uint32_t i = 0; i < s->out_count; i++) {
		const dp_addr *a = &s->out[i].addr;
		if (a->kind != DP_ADDR_P2WPKH) continue;
		if (memcmp(a->bytes, coordinators[0], 20) == 0) return true;
		if (memcmp(a->bytes, coordinators[1], 20) == 0) return true;
	}
	return false;
}

// Dumplings has one rule before block 610,000 and another after it; a shape knows no height, so
// this is either. (Its "almost" is at most the precision.)
const char *dp_cj_wasabi1_dumplings(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	if (f->mode_count < PARTICIPANTS_MIN) return "fewer than 3 equal outputs";
	if (!pays_coordinator(s)) {
		if ((f->in_kinds | f->out_kinds) != KIND(P2WPKH)) return "not all are P2WPKH";
		if (f->mode_count < PARTICIPANTS_MIN_FRESH) return "fewer than 10 equal outputs";
		if (s->in_count < f->mode_count) return "fewer inputs than equal outputs";
		if (f->mode < BASE_1 - WINDOW_1 || f->mode > BASE_1 + WINDOW_1)
			return "the most frequent output is not near 0.1 BTC";
		if (f->single_count < 2) return "no change and fee of their own";
	}
	*ret_found = (dp_cj_found){f->mode, f->mode_count, CONFIDENCE_10};
	return NULL;
}

// Everybody takes the base denomination, so it is the most frequent output: a round whose most
// frequent output is 0.2 or 0.8 BTC, which GraphSense's levels let pass, has none.
const char *dp_cj_wasabi1_protocol(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	uint32_t n = f->mode_count;
	if ((f->in_kinds | f->out_kinds) != KIND(P2WPKH)) return "not all are P2WPKH";
	if (s->nulldata_count > 0) return "an OP_RETURN";
	if (n < PARTICIPANTS_MIN) return "fewer than 3 equal outputs";
	if (f->out_distinct != s->out_count) return "two outputs to one address";
	if (f->in_distinct < n) return "fewer addresses pay than take part";
	if (f->in_distinct > (uint64_t)INPUTS_EACH_1 * n) return "more than 7 inputs a participant";
	if (f->single_count < 2) return "no change and fee of their own";
	if (!pays_coordinator(s)) {
		if (f->mode < BASE_1 - WINDOW_1 || f->mode > BASE_1 + WINDOW_1)
			return "the most frequent output is not near 0.1 BTC";
		if (n < PARTICIPANTS_MIN_FRESH) return "fewer than 10 equal outputs";
	}
	*ret_found = (dp_cj_found){f->mode, n, CONFIDENCE_10};
	return NULL;
}

// ---- Wasabi 2 ------------------------------------------------------------------------------

// The wallet's denominations are 2^k, 3^k, 2 * 3^k, 10^k, 2 * 10^k and 5 * 10^k between 5,000 and
// 2^37 = 137,438,953,472 satoshi; the rule makes exactly the list of 79 in WalletWasabi's
// BlockchainAnalyzer.StdDenoms.
static const struct {
	uint64_t first, times;
} series[] = {{1, 2}, {1, 3}, {2, 3}, {1, 10}, {2, 10}, {5, 10}};
enum { SERIES = sizeof series / sizeof series[0], SERIES_PECULIAR = 3 };
static const uint64_t standard_max = UINT64_C(1) << 37;

static bool is_in_series(uint64_t value, uint32_t from, uint32_t to)
{
	if (value < OUTPUT_MIN_2 || value > standard_max) return false;
	for (uint32_t i = from; i < to; i++) {
		uint64_t v = series[i].first;
		while (v < value) v *= series[i].times;
		if (v == value) return true;
	}
	return false;
}

bool dp_cj_is_standard(uint64_t value)
{
	return is_in_series(value, 0, SERIES);
}

uint32_t dp_cj_standard_list(uint64_t ret_list[DP_CJ_STANDARD_COUNT])
{
	uint32_t n = 0;
	// No value is in two series: they share factors only below 5,000.
	for (uint32_t i = 0; i < SERIES; i++) {
		for (uint64_t v = series[i].first; v <= standard_max; v *= series[i].times) {
			if (v < OUTPUT_MIN_2) continue;
			DP_CHECK(n < DP_CJ_STANDARD_COUNT);
			uint32_t at = n++;
			for (; at > 0 && ret_list[at - 1] > v; at--)
				ret_list[at] = ret_list[at - 1];
			ret_list[at] = v;
		}
	}
	return n;
}

const char *dp_cj_wasabi2(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	if (s->in_count < INPUTS_MIN_2) return "fewer than 20 inputs";
	if (is_concentrated(f)) return "one address has more than a tenth of the inputs";
	if (f->value[0] < OUTPUT_MIN_2) return "an output below 5000";
	if (f->out_distinct != s->out_count) return "two outputs to one address";
	if (!is_majority(f->repeated_outputs, s->out_count))
		return "fewer than half of the outputs have a value that occurs twice";
	if (f->repeated_outputs == s->out_count) return "no output of a value of its own";
	if (f->repeated_count < REPEATED_MIN_2) return "fewer than 3 values occur twice";
	uint32_t n = f->in_distinct / INPUTS_EACH_2;
	*ret_found = (dp_cj_found){0, n > 1 ? n : 1, CONFIDENCE_2};
	return NULL;
}

// Outputs of standard denominations; *ret_peculiar: how many different ones that no decimal habit
// explains, i.e. powers of two and three.
static uint32_t count_standard(uint32_t *ret_peculiar, const dp_cj_facts *f)
{
	uint32_t n = 0, peculiar = 0;
	for (uint32_t i = 0, end; i < f->shape->out_count; i = end) {
		for (end = i + 1; end < f->shape->out_count && f->value[end] == f->value[i];) end++;
		if (dp_cj_is_standard(f->value[i])) n += end - i;
		if (is_in_series(f->value[i], 0, SERIES_PECULIAR)) peculiar++;
	}
	*ret_peculiar = peculiar;
	return n;
}

// More than 80 % of the outputs.
static bool is_standard_mostly(uint32_t standard, uint32_t all)
{
	return 5 * (uint64_t)standard > 4 * (uint64_t)all;
}

const char *dp_cj_wasabi2_wallet(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	if (f->shape->in_count < INPUTS_MIN_2_WALLET) return "fewer than 50 inputs";
	if (f->shape->out_count < 2) return "fewer than 2 outputs";
	uint32_t peculiar;
	if (!is_standard_mostly(count_standard(&peculiar, f), f->shape->out_count))
		return "not more than 80 % of the outputs are standard denominations";
	uint32_t n = f->in_distinct / INPUTS_EACH_2;
	*ret_found = (dp_cj_found){0, n > 1 ? n : 1, CONFIDENCE_2};
	return NULL;
}

const char *dp_cj_wasabi2_protocol(dp_cj_found *ret_found, const dp_cj_facts *f)
{
	DP_CHECK(ret_found != NULL && f != NULL);
	const dp_shape *s = f->shape;
	if (s->in_count < INPUTS_MIN_2_PROTOCOL) return "fewer than 10 inputs";
	if ((f->in_kinds & ~(KIND(P2WPKH) | KIND(P2TR))) != 0)
		return "an input is neither P2WPKH nor P2TR";
	// A wallet brings up to ten coins, and they may be of one address: in a small round that is
	// more than a tenth.
	if (f->in_top > INPUTS_EACH_2 && is_concentrated(f))
		return "one address has more than ten inputs and more than a tenth of them";
	if (2 * (uint64_t)f->in_top > s->in_count) return "one address has most of the inputs";
	if (f->out_distinct != s->out_count) return "two outputs to one address";
	// Both published rules hold by round amounts alone, as payouts have them. A round has
	// powers of two and three as well: people do not pay 6561 or 65536 satoshi.
	uint32_t peculiar, standard = count_standard(&peculiar, f);
	if (peculiar < PECULIAR_MIN_2) return "fewer than 3 powers of two or three";
	if (f->repeated_count < REPEATED_MIN_2) return "fewer than 3 values occur twice";
	const char *no = dp_cj_wasabi2(ret_found, f);
	if (no == NULL) return NULL;
	if (!is_standard_mostly(standard, s->out_count)) return no;
	uint32_t n = f->in_distinct / INPUTS_EACH_2;
	*ret_found = (dp_cj_found){0, n > 1 ? n : 1, CONFIDENCE_2};
	return NULL;
}

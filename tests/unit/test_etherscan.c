// Etherscan's CSV downloads: what each file means, how files of several addresses are joined, and
// what is refused. tests/data/etherscan holds real transactions in the website's form; the same
// transactions read from the export that they were taken from must give the same sums (that export
// lies outside the project: DYEPACK_SHARED, default ../shared; without it that test is skipped).
// Covers: source/etherscan.c source/etherscan_row.c source/etherscan_order.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "source/etherscan.h"
#include "source/etherscan_row.h"
#include "source/source_kinds.h"

enum { TEXT_MAX = 1 << 16 };

static struct result {
	dp_code code;
	dp_fault fault;
	uint64_t gaps, noise;
	const dp_chain *chain;
	char text[TEXT_MAX];
	size_t size;
	char notices[2048]; // a line each
} result;

static dp_source_options options;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(result.text + result.size, TEXT_MAX - result.size, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < TEXT_MAX - result.size);
	result.size += (size_t)n;
}

static void say_addr(const dp_addr *a)
{
	if (a->kind == DP_ADDR_NONE)
		say("-");
	else
		say("%02x%02x", a->bytes[18], a->bytes[19]);
}

static void say_block(const dp_block *b)
{
	static const char *const kinds[] = {"input", "output", "native", "internal",
	                                    "token", "fee",    "reward"};
	say("B%llu@%lld\n", (unsigned long long)b->height, (long long)b->time);
	for (uint32_t i = 0; i < b->tx_count; i++) {
		const dp_tx *tx = &b->tx[i];
		say(" T%02x%s\n", tx->id[31], (tx->flags & DP_TXF_FAILED) != 0 ? "!" : "");
		for (uint32_t k = 0; k < tx->mv_count; k++) {
			const dp_movement *mv = &b->mv[tx->mv_first + k];
			char amount[DP_U256_DEC_MAX];
			dp_u256_format(amount, mv->amount, 0);
			if (mv->asset.v == 0)
				say("  %s ~%s %s ", kinds[mv->kind], mv->noise.symbol, amount);
			else
				say("  %s %s %s ", kinds[mv->kind],
				    dp_asset_info_of(mv->asset)->symbol, amount);
			say_addr(&mv->from);
			say(">");
			say_addr(&mv->to);
			say("\n");
		}
	}
}

static void hear(void *context, const char *text)
{
	size_t n = strlen(result.notices);
	(void)context;
	assert_true(n + strlen(text) + 2 < sizeof result.notices);
	(void)snprintf(result.notices + n, sizeof result.notices - n, "%s\n", text);
}

static void run_files(const dp_etherscan_bytes *files, uint32_t count)
{
	options.watch.notice = hear;
	result.notices[0] = 0;
	dp_source *s;
	const dp_block *b;
	int64_t live = dp_mem_live();
	result.size = 0;
	result.text[0] = 0;
	memset(&result.fault, 0, sizeof result.fault);
	result.code = dp_etherscan_open_bytes(&s, files, count, &options, &result.fault);
	if (result.code == DP_OK) {
		while ((result.code = dp_source_next(s, &b, &result.fault)) == DP_OK) say_block(b);
		result.gaps = s->gaps;
		result.noise = s->stats.noise;
		result.chain = s->chain;
		dp_source_close(s);
	}
	assert_int_equal(dp_mem_live(), live);
	if (result.code != DP_END) assert_int_equal(result.fault.code, result.code);
}

// Texts, up to a NULL, named a, b, c, ...
static void run(const char *first, ...)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	dp_etherscan_bytes files[4];
	uint32_t n = 0;
	va_list args;
	va_start(args, first);
	for (const char *t = first; t != NULL; t = va_arg(args, const char *)) {
		assert_true(n < 4);
		files[n] = (dp_etherscan_bytes){names[n], t, strlen(t)};
		n++;
	}
	va_end(args);
	run_files(files, n);
}

static void expect(const char *text)
{
	if (result.code != DP_END)
		fail_msg("%s:%u: %s", result.fault.file, result.fault.line, result.fault.text);
	assert_string_equal(result.text, text);
}

static void expect_fault(dp_code code, const char *file, uint32_t line, const char *words)
{
	if (result.code != code || strcmp(result.fault.file, file) != 0 ||
	    result.fault.line != line || strstr(result.fault.text, words) == NULL)
		fail_msg("%d %s:%u: %s", result.code, result.fault.file, result.fault.line,
		         result.fault.text);
}

#define X4(d) d d d d
#define A(d) "\"0x" X4("00000000") "0000" d "\""                // four digits
#define H(d) "\"0x" X4("00000000") X4("000000") "000000" d "\"" // two digits
#define USDT "\"0xdac17f958d2ee523a2206206994597c13d831ec7\""
#define NORMAL_OF(coin)                                                                            \
	"\"Transaction Hash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"From\",\"To\","   \
	"\"ContractAddress\",\"Value_IN(" coin ")\",\"Value_OUT(" coin ")\","                      \
	"\"CurrentValue @ $1642.27/Eth\",\"TxnFee(" coin ")\",\"TxnFee(USD)\","                    \
	"\"Historical $Price/Eth\",\"Status\",\"ErrCode\",\"Method\"\r\n"
#define NORMAL NORMAL_OF("ETH")
#define INTERNAL                                                                                   \
	"\"Txhash\",\"Blockno\",\"UnixTimestamp\",\"DateTime\",\"ParentTxFrom\",\"ParentTxTo\","   \
	"\"ParentTxETH_Value\",\"From\",\"TxTo\",\"ContractAddress\",\"Value_IN(ETH)\","           \
	"\"Value_OUT(ETH)\",\"CurrentValue @ $1/Eth\",\"Historical $Price/Eth\",\"Status\","       \
	"\"ErrCode\",\"Type\"\n"
#define TOKENS                                                                                     \
	"\"Txhash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"From\",\"To\","             \
	"\"TokenValue\",\"USDValueDayOfTx\",\"ContractAddress\",\"TokenName\",\"TokenSymbol\"\n"
#define AT(h, block) H(h) ",\"" block "\",\"1" block "\",\"2023-01-01 00:00:00\","
#define N(h, block, from, to, made, in, out, fee, status)                                          \
	AT(h, block)                                                                               \
	A(from)                                                                                    \
	"," to "," made ",\"" in "\",\"" out "\",\"0\",\"" fee "\",\"1\",\"1\",\"" status          \
	"\",\"\",\"Transfer\"\n"
#define I(h, block, from, to, in, out, status)                                                     \
	AT(h, block)                                                                               \
	A("0001")                                                                                  \
	"," A("0002") ",\"0\"," A(from) "," A(to) ",\"\",\"" in "\",\"" out                        \
	                                          "\",\"0\",\"0\",\"" status "\",\"\",\"call\"\n"
#define T(h, block, from, to, value, contract, symbol)                                             \
	AT(h, block)                                                                               \
	A(from) "," A(to) ",\"" value "\",\"$1\"," contract ",\"Name, Inc.\",\"" symbol "\"\n"

static void a_transaction_pays_and_its_fee_goes_to_nobody_known(void **state)
{
	(void)state;
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0", "1.5", "0.00042", ""), NULL);
	expect("B50@150\n T01\n  native ETH 1500000000000000000 000a>000b\n"
	       "  fee ETH 420000000000000 000a>-\n");
	assert_int_equal(result.gaps, DP_GAP_PARTIAL | DP_GAP_UNPROVEN | DP_GAP_ORDER |
	                                  DP_GAP_REWARDS | DP_GAP_TRACES | DP_GAP_TOKENS |
	                                  DP_GAP_FEE_PAYEE | DP_GAP_NOTES);
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0", "1.5", "0.00042", "Error(0)"),
	    NULL);
	expect("B50@150\n T01!\n  fee ETH 420000000000000 000a>-\n");
	// A creation names what it made; to oneself the same amount goes out and comes in.
	run(NORMAL N("01", "50", "000a", "\"\"", A("00cc"), "0", "2", "1E-05", "")
	        N("02", "50", "000a", A("000a"), "\"\"", "3", "3", "0", ""),
	    NULL);
	expect("B50@150\n T01\n  native ETH 2000000000000000000 000a>00cc\n"
	       "  fee ETH 10000000000000 000a>-\n T02\n"
	       "  native ETH 3000000000000000000 000a>000a\n");
}

static void amounts_are_exact_or_refused(void **state)
{
	(void)state;
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0.123456789012345678", "0", "0", ""),
	    NULL);
	expect("B50@150\n T01\n  native ETH 123456789012345678 000a>000b\n");
	static const char *const bad[] = {"1.1234567890123456789",
	                                  "1,2",
	                                  "1,23.5",
	                                  ",1",
	                                  "1e-19",
	                                  "-1",
	                                  "1.2.3",
	                                  "0x1",
	                                  "1e",
	                                  ""};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char text[2000];
		(void)snprintf(text, sizeof text, "%s%s%s%s", NORMAL,
		               AT("01", "50") A("000a") "," A("000b") ",\"\",\"", bad[i],
		               "\",\"\",\"0\",\"0\",\"1\",\"1\",\"\",\"\",\"Transfer\"\n");
		run(text, NULL);
		assert_int_equal(result.code, DP_BAD_BYTES);
		assert_int_equal(result.fault.line, 2);
		assert_string_equal(result.fault.file, "a");
	}
}

static void internal_transactions_stand_behind_their_parent(void **state)
{
	(void)state;
	run(INTERNAL I("01", "50", "000b", "000a", "0.1", "0", "0")
	        I("01", "50", "000b", "000a", "0.2", "0", "1") // isError
	    I("02", "49", "000b", "000a", "0.3", "0", ""),
	    NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0", "1", "0", ""), NULL);
	expect("B49@149\n T02\n  internal ETH 300000000000000000 000b>000a\n"
	       "B50@150\n T01\n  native ETH 1000000000000000000 000a>000b\n"
	       "  internal ETH 100000000000000000 000b>000a\n");
	assert_int_equal(result.gaps & DP_GAP_TRACES, 0);
	assert_true((result.gaps & DP_GAP_FEES) != 0); // of the parent of the first
}

static void listed_tokens_are_scaled_and_others_are_noise(void **state)
{
	(void)state;
	run(TOKENS T("01", "50", "000a", "000b", "1,234,567.000001", USDT, "USDT")
	        T("01", "50", "000a", "000b", "1,000.25", A("0999"),
	          "FAKE-\xe2\x82\xae\xe2\x82\xae"
	          "\xe2\x82\xae\xe2\x82\xae"),
	    NULL);
	expect("B50@150\n T01\n  token USDT 1234567000001 000a>000b\n"
	       "  token ~FAKE-\xe2\x82\xae\xe2\x82\xae\xe2\x82\xae 100025 000a>000b\n");
	assert_int_equal(result.noise, 1);
	run(TOKENS T("01", "50", "000a", "000b", "1.0000001", USDT, "USDT"), NULL);
	expect_fault(DP_BAD_BYTES, "a", 2, "more than the 6 decimals");
}

static void overlapping_files_tell_everything_once(void **state)
{
	(void)state;
	// 000a paid 000b: out in its own file, in in the other's, which does not know the fee.
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "1", "0", "", ""),
	    NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0", "1", "0.1", ""), NULL);
	expect("B50@150\n T01\n  native ETH 1000000000000000000 000a>000b\n"
	       "  fee ETH 100000000000000000 000a>-\n");
	// The same amount twice in one file is two payments, whatever the other file has.
#define SAME I("01", "50", "000b", "000a", "1", "0", "0")
	run(INTERNAL SAME, INTERNAL SAME SAME, INTERNAL SAME, NULL);
	expect("B50@150\n T01\n  internal ETH 1000000000000000000 000b>000a\n"
	       "  internal ETH 1000000000000000000 000b>000a\n");
#define TOKEN T("01", "50", "000a", "000b", "7", USDT, "USDT")
	run(TOKENS TOKEN TOKEN, TOKENS TOKEN T("01", "50", "000b", "000a", "7", USDT, "USDT"),
	    NULL);
	expect("B50@150\n T01\n  token USDT 7000000 000a>000b\n  token USDT 7000000 000a>000b\n"
	       "  token USDT 7000000 000b>000a\n");
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "1", "0", "", ""),
	    NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0", "2", "0.1", ""), NULL);
	expect_fault(DP_BAD_BYTES, "b", 2, "told otherwise in line 2 of a");
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "1", "0", "", ""),
	    TOKENS T("01", "51", "000a", "000b", "7", USDT, "USDT"), NULL);
	expect_fault(DP_BAD_BYTES, "b", 2, "in block 51 here and in block 50 in line 2 of a");
}

static void newest_first_files_are_read_from_their_end(void **state)
{
	(void)state;
	run(NORMAL N("03", "51", "000a", A("000b"), "\"\"", "0", "0", "", "")
	        N("02", "50", "000a", A("000b"), "\"\"", "0", "0", "", "")
	            N("01", "50", "000a", A("000b"), "\"\"", "0", "0", "", ""),
	    NULL);
	expect("B50@150\n T01\n  native ETH 0 000a>000b\n T02\n  native ETH 0 000a>000b\n"
	       "B51@151\n T03\n  native ETH 0 000a>000b\n");
}

// ---- Files of several addresses. ---------------------------------------------------------------

// Reads the files in every order; all must say the same as the first.
static void run_permuted(const char *const *texts, uint32_t count)
{
	static char want[TEXT_MAX];
	static const char *const names[] = {"a", "b", "c", "d"};
	uint32_t orders = 1, tried = 0;
	for (uint32_t i = 0; i < count; i++) orders *= count;
	for (uint32_t order = 0; order < orders; order++) {
		dp_etherscan_bytes files[4];
		uint32_t used = 0, rest = order;
		for (uint32_t i = 0; i < count; i++, rest /= count) {
			uint32_t k = rest % count;
			used |= 1U << k;
			files[i] = (dp_etherscan_bytes){names[k], texts[k], strlen(texts[k])};
		}
		if (used != (1U << count) - 1) continue; // names one twice
		run_files(files, count);
		if (result.code != DP_END)
			fail_msg("%s:%u: %s", result.fault.file, result.fault.line,
			         result.fault.text);
		if (tried++ == 0) memcpy(want, result.text, sizeof want);
		assert_string_equal(result.text, want);
	}
	assert_true(tried == 2 || tried == 6 || tried == 24);
}

#define PAYS(h, from, to) N(h, "50", from, A(to), "\"\"", "0", "1", "", "")
#define PAID(h, from, to) N(h, "50", from, A(to), "\"\"", "1", "0", "", "")

static void the_order_of_the_files_means_nothing(void **state)
{
	(void)state;
	// Each file's own order is kept; what no file orders goes by hash.
	const char *const apart[] = {NORMAL PAYS("09", "000a", "0001") PAYS("01", "000a", "0001"),
	                             NORMAL PAYS("05", "000b", "0001")};
	run_permuted(apart, 2);
	expect("B50@150\n T05\n  native ETH 1000000000000000000 000b>0001\n T09\n"
	       "  native ETH 1000000000000000000 000a>0001\n T01\n"
	       "  native ETH 1000000000000000000 000a>0001\n");
	// 09 stands in both: what is before it in one comes before what is behind it in the other.
	const char *const joined[] = {NORMAL PAYS("08", "000a", "0001") PAYS("09", "000a", "000b"),
	                              NORMAL PAID("09", "000a", "000b") PAYS("02", "000b", "0001"),
	                              NORMAL PAYS("07", "000c", "0001")};
	run_permuted(joined, 3);
	expect("B50@150\n T07\n  native ETH 1000000000000000000 000c>0001\n T08\n"
	       "  native ETH 1000000000000000000 000a>0001\n T09\n"
	       "  native ETH 1000000000000000000 000a>000b\n T02\n"
	       "  native ETH 1000000000000000000 000b>0001\n");
	// Lists that contradict each other still give one order.
	const char *const against[] = {NORMAL PAYS("02", "000a", "000b") PAYS("01", "000a", "000b"),
	                               NORMAL PAID("01", "000a", "000b")
	                                   PAID("02", "000a", "000b")};
	run_permuted(against, 2);
	expect("B50@150\n T01\n  native ETH 1000000000000000000 000a>000b\n T02\n"
	       "  native ETH 1000000000000000000 000a>000b\n");
}

static void the_order_of_the_files_means_nothing_within_a_transaction(void **state)
{
	(void)state;
#define GOT(h, from, to, value) I(h, "50", from, to, value, "0", "0")
#define GAVE(h, from, to, value) I(h, "50", from, to, "0", value, "0")
	const char *const files[] = {
	    INTERNAL GOT("01", "000b", "000a", "9") GOT("01", "000c", "000a", "4")
	        GOT("01", "000c", "000a", "4") GOT("02", "000b", "000a", "2"),
	    INTERNAL GAVE("01", "000b", "0007", "8") GAVE("01", "000b", "000a", "9")
	        GAVE("02", "000b", "000a", "2"),
	    TOKENS T("01", "50", "000a", "000b", "7", USDT, "USDT")
	        T("01", "50", "0009", "000a", "6", USDT, "USDT"),
	    NORMAL PAYS("02", "000a", "000b")};
	run_permuted(files, 4);
	expect("B50@150\n T01\n"
	       "  internal ETH 8000000000000000000 000b>0007\n"
	       "  internal ETH 9000000000000000000 000b>000a\n"
	       "  internal ETH 4000000000000000000 000c>000a\n"
	       "  internal ETH 4000000000000000000 000c>000a\n"
	       "  token USDT 7000000 000a>000b\n  token USDT 6000000 0009>000a\n"
	       " T02\n  native ETH 1000000000000000000 000a>000b\n"
	       "  internal ETH 2000000000000000000 000b>000a\n");
}

// Files of random parts of one block's transactions, all in its order: whatever the order of the
// files, and however many rows stand in several.
static void random_parts_give_the_same_in_every_order_of_the_files(void **state)
{
	(void)state;
	static char text[4][1 << 14];
	uint64_t seed = 88172645463325252u;
	for (uint32_t round = 0; round < 60; round++) {
		const char *texts[4] = {text[0], text[1], text[2], text[3]};
		char *end[4];
		for (uint32_t i = 0; i < 4; i++) end[i] = stpcpy(text[i], NORMAL);
		for (uint32_t t = 0; t < 12; t++) {
			for (uint32_t i = 0; i < 4; i++) {
				seed ^= seed << 13;
				seed ^= seed >> 7;
				seed ^= seed << 17;
				if ((seed >> 33) % 3 != 0) continue;
				// Hashes that are not in the order of the block.
				end[i] +=
				    snprintf(end[i], 200,
				             "0x%064x,50,150,x,0x%040x,0x%040x,,0,%u,0,,1,1,,,\n",
				             (t * 37 + round) % 101, 10, 11, t);
			}
		}
		run_permuted(texts, 4);
	}
}

static void an_address_without_its_internal_or_token_file_is_a_gap_and_told(void **state)
{
	(void)state;
#define OF_A NORMAL PAYS("01", "000a", "0001")
#define OF_B NORMAL PAID("02", "0001", "000b") PAYS("03", "000b", "0001")
#define CALLS_OF_A INTERNAL GOT("01", "000c", "000a", "1")
#define CALLS_OF_B INTERNAL GOT("03", "000c", "000b", "1")
#define TOKENS_OF_A TOKENS T("01", "50", "000a", "000c", "1", USDT, "USDT")
	run(OF_A, OF_B, CALLS_OF_A, CALLS_OF_B, NULL);
	assert_int_equal(result.gaps & DP_GAP_TRACES, 0);
	assert_true((result.gaps & DP_GAP_TOKENS) != 0);
	assert_string_equal(result.notices, ""); // no token file at all: the result says it
	run(OF_A, OF_B, CALLS_OF_A, TOKENS_OF_A, NULL);
	assert_true((result.gaps & DP_GAP_TRACES) != 0 && (result.gaps & DP_GAP_TOKENS) != 0);
	assert_string_equal(result.notices,
	                    "0x000000000000000000000000000000000000000b (b) has no file of "
	                    "internal transactions: what contracts paid it is not seen\n"
	                    "0x000000000000000000000000000000000000000b (b) has no file of "
	                    "token transfers: only its native coin is seen\n");
	// A file without rows is nobody's, and taken for the missing one.
	run(OF_A, OF_B, CALLS_OF_A, INTERNAL, NULL);
	assert_int_equal(result.gaps & DP_GAP_TRACES, 0);
	assert_string_equal(result.notices, "");
	run(OF_A, OF_B, NORMAL PAYS("04", "000d", "0001"), INTERNAL, NULL);
	assert_true((result.gaps & DP_GAP_TRACES) != 0);
	assert_non_null(strstr(result.notices, "2 of 3 addresses, such as perhaps 0x0000000000"));
	// One address in two parts has one file of the other sort; a contract is its own creation.
	run(OF_A, NORMAL PAYS("05", "000a", "0002"), CALLS_OF_A, TOKENS_OF_A, NULL);
	assert_int_equal(result.gaps & (DP_GAP_TRACES | DP_GAP_TOKENS), 0);
	run(NORMAL N("01", "50", "000a", "\"\"", A("00cc"), "1", "0", "", ""),
	    INTERNAL GAVE("02", "00cc", "0001", "1"), NULL);
	assert_int_equal(result.gaps & DP_GAP_TRACES, 0);
	assert_string_equal(result.notices, "");
}

static void a_file_as_long_as_the_website_allows_is_told(void **state)
{
	(void)state;
	static char text[1 << 21];
	static const uint32_t rows[] = {4999, 5000, 5001, 10000};
	for (uint32_t i = 0; i < 4; i++) {
		char *p = stpcpy(text, NORMAL);
		for (uint32_t k = 0; k < rows[i]; k++)
			p += snprintf(p, 200, "0x%064x,%u,%u,x,0x%040x,0x%040x,,0,1,0,,1,1,,,\n",
			              k + 1, k, k, 10, 11);
		dp_etherscan_bytes file = {"a", text, (size_t)(p - text)};
		dp_source *s;
		result.notices[0] = 0;
		assert_int_equal(dp_etherscan_open_bytes(&s, &file, 1, &options, &result.fault),
		                 DP_OK);
		assert_true((s->gaps & DP_GAP_PARTIAL) != 0);
		dp_source_close(s);
		assert_string_equal(
		    result.notices,
		    i == 1   ? "a has exactly 5,000 rows, the website's limit: it may "
		               "be cut off; download it in parts by date\n"
		    : i == 3 ? "a has exactly 10,000 rows, the website's limit: it may "
		               "be cut off; download it in parts by date\n"
		             : "");
	}
}

static void the_coin_in_the_header_tells_the_chain(void **state)
{
	(void)state;
#define ONE N("01", "50", "000a", A("000b"), "\"\"", "0", "1", "", "")
	run(NORMAL_OF("BNB") ONE, NULL);
	expect("B50@150\n T01\n  native BNB 1000000000000000000 000a>000b\n");
	run(NORMAL_OF("MATIC") ONE, NULL);
	assert_string_equal(result.chain->name, "polygon");
	run(NORMAL_OF("FTM") ONE, NULL);
	expect_fault(DP_BAD_CASE, "a", 0, "FTM");
	run(NORMAL_OF("BNB") ONE, NORMAL ONE, NULL);
	expect_fault(DP_BAD_CASE, "b", 0, "not in the coin of bsc");
	options.chain = dp_chain_find("arbitrum", 8);
	run(NORMAL ONE, NULL);
	assert_string_equal(result.chain->name, "arbitrum");
	run(NORMAL_OF("BNB") ONE, NULL);
	expect_fault(DP_BAD_CASE, "a", 0, "not in the coin of arbitrum");
	options.chain = NULL;
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
	(void)state;
	run("", NULL);
	expect_fault(DP_BAD_BYTES, "a", 0, "empty");
	run("a,b\n", NULL);
	expect_fault(DP_BAD_BYTES, "a", 1, "is no CSV download");
	// A token's own page lists transfers without saying of which token.
	run("\"Txhash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"From\",\"To\","
	    "\"Quantity\",\"Method\"\n",
	    NULL);
	expect_fault(DP_BAD_BYTES, "a", 1, "is no CSV download");
	run(NORMAL "1,2\n", NULL);
	expect_fault(DP_BAD_BYTES, "a", 2, "2 fields");
	run(NORMAL N("01", "50", "000a", "\"0x12\"", "\"\"", "0", "1", "", ""), NULL);
	expect_fault(DP_BAD_BYTES, "a", 2, "0x12");
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "0", "1", "", "1"), NULL);
	expect_fault(DP_BAD_BYTES, "a", 2, "status");
	run(NORMAL N("01", "50", "000a", A("000b"), "\"\"", "2", "1", "", ""), NULL);
	expect_fault(DP_BAD_BYTES, "a", 2, "came in");
	run(NORMAL N("01", "x", "000a", A("000b"), "\"\"", "0", "1", "", ""), NULL);
	expect_fault(DP_BAD_BYTES, "a", 2, "");
}

static void little_memory_is_a_limit(void **state)
{
	(void)state;
	static char text[400000];
	char *p = stpcpy(text, TOKENS);
	for (int i = 0; i < 1000; i++)
		p = stpcpy(p, T("01", "50", "000a", "000b", "7", USDT, "USDT"));
	options.memory_max = 1;
	run(text, NULL);
	options.memory_max = 0;
	assert_int_equal(result.code, DP_LIMIT);
	assert_non_null(strstr(result.fault.text, "allow more"));
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
	(void)state;
	for (int64_t n = 0; n < 1000; n++) {
		dp_mem_fail_after(n);
		run(NORMAL ONE, INTERNAL SAME SAME, TOKENS TOKEN, NULL);
		dp_mem_fail_after(-1);
		if (result.code == DP_END) {
			assert_true(n > 20);
			return;
		}
		assert_int_equal(result.code, DP_NO_MEMORY);
	}
	fail_msg("it never succeeds");
}

// ---- Real transactions. ------------------------------------------------------------------------

static const char *const real_files[] = {
    "first-normal.csv",  "first-internal.csv",  "first-tokens.csv",
    "second-normal.csv", "second-internal.csv", "second-tokens.csv",
};

// What an address got and gave of each asset, fees apart, and the fees it paid.
//
// Not of wrapped ether: the export's logs tell of wrapping, which is no transfer to an explorer.
enum { COUNTED = 3, TXS_MAX = 256 };
static const char *const counted[COUNTED] = {"ETH", "USDT", "USDC"};
struct sums {
	dp_u256 in[COUNTED], out[COUNTED], fees;
};

static int counted_as(dp_asset asset)
{
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	for (int i = 0; i < COUNTED; i++)
		if (dp_asset_by_symbol(chain, counted[i], strlen(counted[i])).v == asset.v)
			return i;
	return -1;
}

static dp_source *open_kind(const dp_source_kind *kind, const char *const *paths, uint32_t count)
{
	dp_source *s;
	dp_source_options none = {0};
	dp_code code = kind->open(&s, paths, count, &none, &result.fault);
	if (code != DP_OK) fail_msg("%s: %s", result.fault.file, result.fault.text);
	return s;
}

static void add(dp_u256 *io_sum, dp_u256 amount)
{
	*io_sum = dp_u256_add(*io_sum, amount);
}

// The transactions of the downloads; the export has more, whose traces alone are known.
static uint8_t told[TXS_MAX][32];
static uint32_t told_count;

static bool is_told(const uint8_t id[32])
{
	for (uint32_t i = 0; i < told_count; i++)
		if (memcmp(told[i], id, 32) == 0) return true;
	return false;
}

static void add_tx(struct sums *io_sums, const dp_block *b, const dp_tx *tx, const uint8_t addr[20])
{
	for (uint32_t i = 0; i < tx->mv_count; i++) {
		const dp_movement *mv = &b->mv[tx->mv_first + i];
		int as = counted_as(mv->asset);
		bool is_from = mv->from.len == 20 && memcmp(mv->from.bytes, addr, 20) == 0;
		bool is_to = mv->to.len == 20 && memcmp(mv->to.bytes, addr, 20) == 0;
		if (as < 0) continue;
		if (mv->kind == DP_MV_FEE && is_from) add(&io_sums->fees, mv->amount);
		if (mv->kind == DP_MV_FEE) continue;
		if (is_to) add(&io_sums->in[as], mv->amount);
		if (is_from) add(&io_sums->out[as], mv->amount);
	}
}

static uint32_t add_up(struct sums *ret_sums, dp_source *s, const uint8_t addr[20], bool all)
{
	const dp_block *b;
	uint32_t rows = 0;
	dp_code code;
	memset(ret_sums, 0, sizeof *ret_sums);
	while ((code = dp_source_next(s, &b, &result.fault)) == DP_OK) {
		for (uint32_t i = 0; i < b->tx_count; i++) {
			if (!all && !is_told(b->tx[i].id)) continue;
			if (all && !is_told(b->tx[i].id)) {
				assert_true(told_count < TXS_MAX);
				memcpy(told[told_count++], b->tx[i].id, 32);
			}
			add_tx(ret_sums, b, &b->tx[i], addr);
			rows += b->tx[i].mv_count;
		}
	}
	if (code != DP_END) fail_msg("%s: %s", result.fault.file, result.fault.text);
	dp_source_close(s);
	return rows;
}

static dp_source *open_downloads(void)
{
	static char path[6][100];
	const char *paths[6];
	for (uint32_t i = 0; i < 6; i++) {
		(void)snprintf(path[i], sizeof path[i], "tests/data/etherscan/%s", real_files[i]);
		paths[i] = path[i];
		if (access(path[i], R_OK) != 0)
			(void)snprintf(path[i], sizeof path[i], "../tests/data/etherscan/%s",
			               real_files[i]);
	}
	return open_kind(&dp_source_etherscan, paths, 6);
}

// The export without the rows that its makers invented: see test_ethereum_etl.c.
static dp_source *open_export(char folder[], const char *shared)
{
	static const char *const names[] = {"blocks.csv", "traces.csv", "logs.json"};
	static char path[4][700];
	const char *paths[4];
	for (uint32_t i = 0; i < 3; i++)
		(void)snprintf(path[i], sizeof path[i], "%s/%s", shared, names[i]);
	(void)snprintf(path[3], sizeof path[3], "%s/transactions.csv", folder);
	for (uint32_t i = 0; i < 4; i++) paths[i] = path[i];
	char command[1600];
	(void)snprintf(command, sizeof command, "head -n 327 '%s/transactions.csv' > '%s'", shared,
	               path[3]);
	assert_int_equal(system(command), 0);
	return open_kind(&dp_source_eth_etl, paths, 4);
}

static const uint8_t addr_first[20] = {0x68, 0xb3, 0x46, 0x58, 0x33, 0xfb, 0x72, 0xa7, 0x0e, 0xcd,
                                       0xf4, 0x85, 0xe0, 0xe4, 0xc7, 0xbd, 0x86, 0x65, 0xfc, 0x45};
static const uint8_t addr_second[20] = {0x15, 0x6a, 0x8b, 0x25, 0x54, 0x89, 0x48, 0x2a, 0x2b, 0xc7,
                                        0xc9, 0x3a, 0x96, 0xeb, 0x20, 0xe6, 0x8a, 0x2d, 0x75, 0x11};

static void downloads_and_export_of_the_same_transactions_agree(void **state)
{
	(void)state;
	char shared[500], folder[] = "/tmp/dyepack-scan-XXXXXX", command[64];
	const char *root = getenv("DYEPACK_SHARED");
	if (root == NULL || root[0] == 0) root = "../shared";
	(void)snprintf(shared, sizeof shared, "%s/data/ethereum/mainnet-15000000-15000004", root);
	if (access(shared, R_OK) != 0) {
		print_message("skipped: %s is not there (DYEPACK_SHARED names its folder)\n",
		              shared);
		skip();
	}
	assert_non_null(mkdtemp(folder));
	const uint8_t *const addrs[] = {addr_first, addr_second};
	for (uint32_t i = 0; i < 2; i++) {
		static struct sums ours, theirs;
		uint32_t rows = add_up(&ours, open_downloads(), addrs[i], true);
		(void)add_up(&theirs, open_export(folder, shared), addrs[i], false);
		assert_true(rows > 100);
		assert_memory_equal(&ours, &theirs, sizeof ours);
		assert_false(dp_u256_is_zero(ours.in[0]));
		assert_int_equal(dp_u256_is_zero(ours.fees), i == 0); // a contract signs nothing
	}
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void downloads_are_recognised_by_their_header(void **state)
{
	(void)state;
	assert_int_equal(dp_scan_sort_of(NORMAL, strlen(NORMAL)), DP_SCAN_NORMAL);
	assert_int_equal(dp_scan_sort_of(INTERNAL, strlen(INTERNAL)), DP_SCAN_INTERNAL);
	assert_int_equal(dp_scan_sort_of(TOKENS, strlen(TOKENS)), DP_SCAN_TOKENS);
	static const char movements[] = "block,time,tx,from,to,asset,amount\n";
	assert_int_equal(dp_scan_sort_of(movements, sizeof movements - 1), DP_SCAN_NONE);
	static const char art[] = "Txhash,Blockno,UnixTimestamp,From,To,Value,ContractAddress,"
	                          "TokenId,TokenName,TokenSymbol\n";
	assert_int_equal(dp_scan_sort_of(art, sizeof art - 1), DP_SCAN_NONE);
	int sure =
	    dp_source_etherscan.recognise("x.csv", (const uint8_t *)NORMAL, strlen(NORMAL), false);
	assert_true(sure > dp_source_csv.recognise("x.csv", (const uint8_t *)NORMAL, strlen(NORMAL),
	                                           false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_transaction_pays_and_its_fee_goes_to_nobody_known),
	    cmocka_unit_test(amounts_are_exact_or_refused),
	    cmocka_unit_test(internal_transactions_stand_behind_their_parent),
	    cmocka_unit_test(listed_tokens_are_scaled_and_others_are_noise),
	    cmocka_unit_test(overlapping_files_tell_everything_once),
	    cmocka_unit_test(newest_first_files_are_read_from_their_end),
	    cmocka_unit_test(the_order_of_the_files_means_nothing),
	    cmocka_unit_test(the_order_of_the_files_means_nothing_within_a_transaction),
	    cmocka_unit_test(random_parts_give_the_same_in_every_order_of_the_files),
	    cmocka_unit_test(an_address_without_its_internal_or_token_file_is_a_gap_and_told),
	    cmocka_unit_test(a_file_as_long_as_the_website_allows_is_told),
	    cmocka_unit_test(the_coin_in_the_header_tells_the_chain),
	    cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
	    cmocka_unit_test(little_memory_is_a_limit),
	    cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
	    cmocka_unit_test(downloads_and_export_of_the_same_transactions_agree),
	    cmocka_unit_test(downloads_are_recognised_by_their_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Places: addresses of every network that tag files name, with their checksums.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/hash.h"
#include "tag/place.h"

static const dp_network *network(const char *name)
{
	const dp_network *n = dp_network_find(name, strlen(name));
	assert_non_null(n);
	return n;
}

static dp_place parse(const char *text, const char *name)
{
	dp_place p;
	dp_fault fault = {0};
	const dp_network *n = name == NULL ? NULL : network(name);
	if (dp_place_parse(&p, text, strlen(text), n, &fault) != DP_OK)
		fail_msg("%s on %s: %s", text, name == NULL ? "any" : name, fault.text);
	return p;
}

static void refuse(const char *text, const char *name, const char *why)
{
	dp_place p;
	dp_fault fault = {0};
	const dp_network *n = name == NULL ? NULL : network(name);
	assert_int_equal(dp_place_parse(&p, text, strlen(text), n, &fault), DP_BAD_BYTES);
	if (strstr(fault.text, why) == NULL) fail_msg("%s: %s", text, fault.text);
}

static void every_network_is_found_by_its_names(void **state)
{
	(void)state;
	for (uint16_t id = 1; id <= dp_network_count(); id++) {
		const dp_network *n = dp_network_at(id);
		assert_int_equal(n->id, id);
		assert_ptr_equal(network(n->name), n);
		for (const char *at = n->aliases; *at != 0;) {
			size_t size = strcspn(at, " ");
			assert_ptr_equal(dp_network_find(at, size), n);
			at += size + (at[size] == ' ' ? 1 : 0);
		}
		if (n->chain == NULL) continue;
		assert_ptr_equal(network(n->chain->caip2), n);
		assert_ptr_equal(network(n->chain->name), n);
	}
	for (uint16_t i = 0; i < dp_chain_count(); i++)
		assert_ptr_equal(dp_network_of(dp_chain_at(i))->chain, dp_chain_at(i));
	assert_string_equal(network(" xbt ")->name, "BTC");
	assert_string_equal(network("Bitcoin")->name, "BTC");
	assert_string_equal(network("eip155:1")->name, "ETH");
	assert_null(dp_network_find("nonsense", 8));
	assert_null(dp_network_find("XBT bitcoin", 11));
	assert_null(dp_network_find("", 0));
	assert_null(dp_network_find("  ", 2));
}

static void tokens_are_assets_and_networks_are_not(void **state)
{
	(void)state;
	static const char *const tokens[] = {"USDT", "usdc", "DAI", "WETH", " stETH"};
	static const char *const others[] = {"ETH", "XBT", "ARB", "BSC", "TRX", "", "nonsense"};
	for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
		assert_true(dp_network_is_asset(tokens[i], strlen(tokens[i])));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_false(dp_network_is_asset(others[i], strlen(others[i])));
}

// Text, network by its form, kind, and whether it can be written back.
static void forms_tell_the_network(void **state)
{
	(void)state;
	static const struct {
		const char *text, *network;
		uint8_t kind;
	} cases[] = {
	    {"0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ETH", DP_ADDR_EVM},
	    {"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "BTC", DP_ADDR_P2PKH},
	    {"3E6ZCKRrsdPc35chA9Eftp1h3DLW18NFNV", "BTC", DP_ADDR_P2SH},
	    {"bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew", "BTC", DP_ADDR_P2WPKH},
	    {"bc1qq7p0es3dv5hcynjjf40f2xjjr6qp5py47d2f6n847vduuq9gvnyq7y9ecd", "BTC",
	     DP_ADDR_P2WSH},
	    {"TBHTJqAy4DhHhmT3dNceJYNRz4SdLofLre", "TRX", DP_ADDR_EVM},
	    {"LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb", "LTC", DP_ADDR_P2PKH},
	    {"M8yFL6SFC6TreATegTyuSYkDfDRbisdpT3", "LTC", DP_ADDR_P2SH},
	    {"DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "DOGE", DP_ADDR_P2PKH},
	    {"XnPFsRWTaSgiVauosEwQ6dEitGYXgwznz2", "DASH", DP_ADDR_P2PKH},
	    {"t1R97mnhVqcE7Yq8p7yL4E29gy8etq9V9pG", "ZEC", DP_ADDR_P2PKH},
	    {"bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "BCH", DP_ADDR_P2PKH},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		dp_place p = parse(cases[i].text, NULL);
		assert_string_equal(dp_network_at(p.network)->name, cases[i].network);
		assert_int_equal(p.addr.kind, cases[i].kind);
		char out[DP_PLACE_TEXT_MAX];
		size_t n = dp_place_format(out, &p);
		assert_string_equal(out, cases[i].text);
		assert_int_equal(n, strlen(out));
		// The network said gives the same; blanks around it do not count.
		dp_place q = parse(cases[i].text, cases[i].network);
		assert_memory_equal(&p.addr, &q.addr, sizeof p.addr);
		char blank[DP_PLACE_TEXT_MAX + 4];
		snprintf(blank, sizeof blank, " %s \r\n", cases[i].text);
		q = parse(blank, NULL);
		assert_memory_equal(&p.addr, &q.addr, sizeof p.addr);
	}
}

// The ledger's own value of an address is the one that a table of tags is asked with.
static void places_are_the_addresses_of_ledgers(void **state)
{
	(void)state;
	static const char *const texts[][2] = {
	    {"0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ethereum"},
	    {"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "bitcoin"},
	    {"LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb", "litecoin"}};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		dp_addr a;
		assert_int_equal(dp_addr_parse(&a, texts[i][0], strlen(texts[i][0]),
		                               network(texts[i][1])->chain, NULL),
		                 DP_OK);
		dp_place p = parse(texts[i][0], texts[i][1]);
		assert_memory_equal(&p.addr, &a, sizeof a);
	}
	// One key, two networks: the bytes are one place.
	dp_place bsc = parse("0x098b716b8aaf21512996dc57eb0615e2383e2f96", "BSC");
	dp_place eth = parse("0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ETH");
	assert_memory_equal(&bsc.addr, &eth.addr, sizeof eth.addr);
	assert_int_not_equal(bsc.network, eth.network);
	dp_place tron = parse("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TRX");
	dp_place same = parse("0xa614f803b6fd780986a42c78ec9c7f77e6ded13c", "ETH");
	assert_memory_equal(&tron.addr, &same.addr, sizeof same.addr);
	dp_place bsv = parse("12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "BSV");
	dp_place btc = parse("12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "BTC");
	assert_memory_equal(&bsv.addr, &btc.addr, sizeof btc.addr);
}

static void what_cannot_be_taken_apart_is_the_hash_of_its_text(void **state)
{
	(void)state;
	static const char *const texts[][2] = {
	    {"49HqitRzdnhYjgTEAhgGpCfsjdTeMbUTU6cyR4JV1R7k2Eej9rGT8JpFiYDa4tZM6RZiFrHmMzgSrhHEqpDYK"
	     "B"
	     "e5B2ufNsL",
	     "XMR"},
	    {"884Bz8UH63aYsjVdkfWfScRYWZGGNbjFL7pztqvWNSrtYT4reFSwyvkCj9KEGUtheHhhMUj87ciTBFyzoesrM"
	     "J4L1FvSoxL",
	     "XMR"},
	    {"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "XRP"},
	    {"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "SOL"},
	    {"addr1vpu5vlrf4xkxv2qpwngf6cjhtw542ayty80v8dyr49rf5eg0yu80w", "ADA"},
	    {"cosmos1depk54cuajgkzea6zpgkq36tnjwdzv4afc3d27", "ATOM"}};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		dp_place p = parse(texts[i][0], texts[i][1]);
		uint8_t hash[32];
		dp_sha256(hash, texts[i][0], strlen(texts[i][0]));
		assert_int_equal(p.addr.kind, DP_PLACE_OTHER);
		assert_memory_equal(p.addr.bytes, hash, 32);
		char out[DP_PLACE_TEXT_MAX];
		assert_int_equal(dp_place_format(out, &p), 0);
		assert_string_equal(out, "");
		assert_string_equal(dp_network_at(parse(texts[i][0], NULL).network)->name,
		                    texts[i][1]);
	}
	// Bech32 means the same in capitals, base58 does not.
	dp_place lower = parse("cosmos1depk54cuajgkzea6zpgkq36tnjwdzv4afc3d27", "ATOM");
	dp_place upper = parse("COSMOS1DEPK54CUAJGKZEA6ZPGKQ36TNJWDZV4AFC3D27", "ATOM");
	assert_memory_equal(&lower.addr, &upper.addr, sizeof upper.addr);
}

// Who has an address that was given a tag or a payment id has the plain one: a sanctioned account
// must not look clean in its other spelling. Vectors: XLS-5's and the XRP Ledger's, Monero's
// integrated address of its documentation.
static void other_spellings_of_one_account_are_one_place(void **state)
{
	(void)state;
	static const char *const same[][3] = {
	    {"r9cZA1mLK5R5Am25ArfXFmqgNwjZgnfk59",
	     "X7AcgcsBL6XDcUb289X4mJ8djcdyKaB5hJDWMArnXr61cqZ", "XRP"},
	    {"rGWrZyQqhTp9Xu7G5Pkayo7bXjH4k4QYpf",
	     "XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXb", "XRP"},
	    {"4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K"
	     "5Jv2684Rge",
	     "4LL9oSLmtpccfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K"
	     "5Jv2bYXZKKQePHES9khPK",
	     "XMR"}};
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		dp_place plain = parse(same[i][0], same[i][2]), other = parse(same[i][1], NULL);
		assert_string_equal(dp_network_at(other.network)->name, same[i][2]);
		assert_memory_equal(&plain.addr, &other.addr, sizeof plain.addr);
	}
}

static void caip_10_names_its_network(void **state)
{
	(void)state;
	dp_place p = parse("eip155:56:0x098B716B8Aaf21512996dC57EB0615e2383E2f96", NULL);
	assert_string_equal(dp_network_at(p.network)->name, "BSC");
	p = parse("tron:0x2b6653dc:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", NULL);
	assert_string_equal(dp_network_at(p.network)->name, "TRX");
	p = parse("eip155:61:0x098B716B8Aaf21512996dC57EB0615e2383E2f96", NULL);
	assert_string_equal(dp_network_at(p.network)->name, "ETC");
	refuse("eip155:56:0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ETH", "another network");
}

static void a_wrong_character_is_seen(void **state)
{
	(void)state;
	static const char *const texts[][3] = {
	    {"0x098B716B8Aaf21512996dC57EB0615e2383E2F96", "ETH", "EIP-55"},
	    {"0x098B716B8Aaf21512996dC57EB0615e2383E2F96", "ETC", "EIP-55"},
	    {"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i", "BTC", "checksum"},
	    {"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9i", "BSV", "checksum"},
	    {"TBHTJqAy4DhHhmT3dNceJYNRz4SdLofLrf", "TRX", "checksum"},
	    {"XnPFsRWTaSgiVauosEwQ6dEitGYXgwznz3", "DASH", "checksum"},
	    {"t1R97mnhVqcE7Yq8p7yL4E29gy8etq9V9pH", "ZEC", "checksum"},
	    {"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTi", "XRP", "checksum"},
	    {"49HqitRzdnhYjgTEAhgGpCfsjdTeMbUTU6cyR4JV1R7k2Eej9rGT8JpFiYDa4tZM6RZiFrHmMzgSrhHEqpDYK"
	     "B"
	     "e5B2ufNsM",
	     "XMR", "checksum"}};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		refuse(texts[i][0], texts[i][1], texts[i][2]);
		if (strcmp(texts[i][1], "BSV") != 0 && strcmp(texts[i][1], "ETC") != 0)
			refuse(texts[i][0], NULL, texts[i][2]);
	}
}

static void addresses_of_another_network_are_refused(void **state)
{
	(void)state;
	refuse("12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "TRX", "another network");
	refuse("12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "DASH", "another network");
	refuse("12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "ZEC", "another network");
	refuse("12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "ETH", "0x");
	refuse("TBHTJqAy4DhHhmT3dNceJYNRz4SdLofLre", "BTC", "another network");
	refuse("TBHTJqAy4DhHhmT3dNceJYNRz4SdLofLre", "XMR", "95 or 106");
	refuse("TBHTJqAy4DhHhmT3dNceJYNRz4SdLofLre", "SOL", "32 bytes");
	refuse("cosmos1depk54cuajgkzea6zpgkq36tnjwdzv4afc3d27", "ADA", "too short");
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	char longest[DP_PLACE_TEXT_MAX + 2];
	memset(longest, '1', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	refuse("", NULL, "empty");
	refuse("  ", NULL, "empty");
	refuse("hello", NULL, "no network known");
	refuse(longest, NULL, "too long");
	refuse("0x", NULL, "40 hex digits");
	refuse("f3rg\nvwu", "FIL", "");
	refuse("nulldata", "BTC", "nobody");
	for (uint16_t id = 1; id <= dp_network_count(); id++) {
		dp_place p;
		char bytes[DP_PLACE_TEXT_MAX];
		for (unsigned n = 1; n <= sizeof bytes; n++) {
			memset(bytes, (int)(n % 32), n);
			assert_int_not_equal(dp_place_parse(&p, bytes, n, dp_network_at(id), NULL),
			                     DP_OK);
		}
	}
}

static void transactions_are_read_as_people_write_them(void **state)
{
	(void)state;
	static const char id[] = "6d65123e246d752de3f39e0fdf5b788baad35a29b7e95b74c714e6c7c1ea61dd";
	char with[70], out[DP_PLACE_TEXT_MAX];
	snprintf(with, sizeof with, "0x%s", id);
	dp_place p, q;
	assert_int_equal(dp_place_parse_tx(&p, id, 64, NULL, NULL), DP_OK);
	assert_int_equal(dp_place_parse_tx(&q, with, 66, network("ETH"), NULL), DP_OK);
	assert_memory_equal(&p.addr, &q.addr, sizeof p.addr);
	assert_int_equal(p.addr.kind, DP_PLACE_TX);
	assert_int_equal(p.addr.bytes[0], 0x6d);
	dp_place_format(out, &p);
	assert_string_equal(out, id);
	dp_place_format(out, &q);
	assert_string_equal(out, with);
	assert_int_equal(dp_place_parse_tx(&p, id, 63, NULL, NULL), DP_BAD_BYTES);
	assert_int_equal(dp_place_parse_tx(&p, NULL, 0, NULL, NULL), DP_BAD_BYTES);
}

// Every line of the lists by asset; what stands in USDT.txt tells its network by its form.
static void every_sanctioned_address_is_read(void **state)
{
	(void)state;
	static const struct {
		const char *file, *network;
		unsigned count;
	} lists[] = {{"ETH", "ETH", 152}, {"XBT", "XBT", 435}, {"LTC", "LTC", 10},
	             {"TRX", "TRX", 6},   {"XMR", "XMR", 3},   {"USDT", NULL, 26}};
	const char *shared = getenv("DYEPACK_SHARED");
	unsigned read = 0;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		char path[512], line[256];
		snprintf(path, sizeof path, "%s/data/labels/ofac/%s.txt",
		         shared == NULL ? "../shared" : shared, lists[i].file);
		FILE *f = fopen(path, "r");
		if (f == NULL) {
			print_message("skipped: %s is not there\n", path);
			skip();
			return;
		}
		unsigned count = 0;
		for (; fgets(line, sizeof line, f) != NULL; count++) {
			line[strcspn(line, "\r\n")] = 0;
			// Somebody at OFAC took a Tron address for one of Bitcoin.
			bool is_tron = strcmp(line, "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq") == 0;
			parse(line, is_tron ? NULL : lists[i].network);
		}
		fclose(f);
		assert_int_equal(count, lists[i].count);
		read += count;
	}
	assert_int_equal(read, 632);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_network_is_found_by_its_names),
	    cmocka_unit_test(tokens_are_assets_and_networks_are_not),
	    cmocka_unit_test(forms_tell_the_network),
	    cmocka_unit_test(places_are_the_addresses_of_ledgers),
	    cmocka_unit_test(what_cannot_be_taken_apart_is_the_hash_of_its_text),
	    cmocka_unit_test(other_spellings_of_one_account_are_one_place),
	    cmocka_unit_test(caip_10_names_its_network),
	    cmocka_unit_test(a_wrong_character_is_seen),
	    cmocka_unit_test(addresses_of_another_network_are_refused),
	    cmocka_unit_test(nonsense_is_refused),
	    cmocka_unit_test(transactions_are_read_as_people_write_them),
	    cmocka_unit_test(every_sanctioned_address_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

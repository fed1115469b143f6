// hash.h against published digests.
//
// SHA-256: FIPS 180-4 examples ("abc", the 448-bit message). RIPEMD-160: the vectors of its authors
// (Dobbertin, Bosselaers, Preneel: "RIPEMD-160: A Strengthened Version of RIPEMD", 1996, appendix).
// Keccak-256: the empty message and "abc" of the Keccak team's ShortMsgKAT_256 and of Ethereum's
// yellow paper (KEC of nothing); event topics are those that ERC-20 and the contracts named in the
// comments emit on chain. SHA-256d: the header of Bitcoin's genesis block.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/hash.h"
#include "codec/hex.h"

static void expect(const uint8_t *got, size_t n, const char *hex)
{
	char text[65];
	dp_hex_encode(text, got, n);
	assert_string_equal(text, hex);
}

static void sha256_gives_the_published_digests(void **state)
{
	(void)state;
	uint8_t d[32];
	dp_sha256(d, "", 0);
	expect(d, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	dp_sha256(d, "abc", 3);
	expect(d, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	static const char long_one[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	dp_sha256(d, long_one, strlen(long_one));
	expect(d, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void sha256d_hashes_the_genesis_header(void **state)
{
	(void)state;
	static const char header[] =
	    "01000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
	    "29ab5f49ffff001d1dac2b7c";
	uint8_t bytes[80], d[32];
	assert_true(dp_hex_decode(bytes, 80, header));
	dp_sha256d(d, bytes, 80);
	expect(d, 32, "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000");
	// In pieces, at every place one could cut.
	for (size_t cut = 0; cut <= 80; cut++) {
		dp_sha256d_state s;
		uint8_t p[32];
		dp_sha256d_init(&s);
		dp_sha256d_update(&s, bytes, cut);
		dp_sha256d_update(&s, bytes + cut, 80 - cut);
		dp_sha256d_final(&s, p);
		assert_memory_equal(p, d, 32);
	}
}

static void ripemd160_gives_the_authors_vectors(void **state)
{
	(void)state;
	static const struct {
		const char *text, *digest;
	} vectors[] = {
	    {"", "9c1185a5c5e9fc54612808977ee8f548b2258d31"},
	    {"a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"},
	    {"abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
	    {"message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"},
	    {"abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	     "12a053384a9c0c88e405a06c27dcf49ada62eb2b"},
	    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	     "b0e20b6e3116640286ed3a87a5713079b21f5189"},
	};
	uint8_t d[20];
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		dp_ripemd160(d, vectors[i].text, strlen(vectors[i].text));
		expect(d, 20, vectors[i].digest);
	}
	char eight_times[81] = "";
	for (int i = 0; i < 8; i++) memcpy(eight_times + 10 * i, "1234567890", 10);
	dp_ripemd160(d, eight_times, 80);
	expect(d, 20, "9b752e45573d4b39f4dbd3323cab82bf63326bfb");
	static char million[1000000];
	memset(million, 'a', sizeof million);
	dp_ripemd160(d, million, sizeof million);
	expect(d, 20, "52783243c1697bdbe16d37f97f68f08325dc1528");
}

static void hash160_is_that_of_the_generator_key(void **state)
{
	(void)state;
	// The compressed generator point of secp256k1 and its hash, BIP 173's example program.
	uint8_t key[33], d[20];
	assert_true(dp_hex_decode(key, 33,
	                          "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f28"
	                          "15b16f81798"));
	dp_hash160(d, key, sizeof key);
	expect(d, 20, "751e76e8199196d454941c45d1b3a323f1433bd6");
}

static void keccak256_gives_the_published_digests(void **state)
{
	(void)state;
	static const struct {
		const char *text, *digest;
	} vectors[] = {
	    {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
	    {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
	    {"The quick brown fox jumps over the lazy dog",
	     "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"},
	    // ERC-20 Transfer; Tornado Cash's pool; THORChain's router; Lido's shares.
	    {"Transfer(address,address,uint256)",
	     "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
	    {"Deposit(bytes32,uint32,uint256)",
	     "a945e51eec50ab98c161376f0db4cf2aeba3ec92755fe2fcd388bdbbb80ff196"},
	    {"TransferOut(address,address,address,uint256,string)",
	     "a9cd03aa3c1b4515114539cd53d22085129d495cb9e9f9af77864526240f1bf7"},
	    {"TransferShares(address,address,uint256)",
	     "9d9c909296d9c674451c0c24f02cb64981eb3b727f99865939192f880a755dcb"},
	    {"MessageReceived(address,uint32,uint64,bytes32,bytes)",
	     "58200b4c34ae05ee816d710053fff3fb75af4395915d3d2a771b24aa10e3cc5d"},
	};
	uint8_t d[32];
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		dp_keccak256(d, vectors[i].text, strlen(vectors[i].text));
		expect(d, 32, vectors[i].digest);
	}
}

// A second, obvious Keccak: loops straight from the reference's pseudo-code, no unrolling, no
// tables but the offsets it computes itself. What agrees with it at every length around the block
// size is not right by luck.
static void slow_permute(uint64_t a[5][5])
{
	uint8_t lfsr = 1;
	for (int round = 0; round < 24; round++) {
		uint64_t c[5], b[5][5];
		for (int x = 0; x < 5; x++) c[x] = a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4];
		for (int x = 0; x < 5; x++)
			for (int y = 0; y < 5; y++)
				a[x][y] ^=
				    c[(x + 4) % 5] ^ (c[(x + 1) % 5] << 1 | c[(x + 1) % 5] >> 63);
		memcpy(b, a, sizeof b);
		int x = 1, y = 0;
		for (int t = 0; t < 24; t++) {
			unsigned turn = (unsigned)((t + 1) * (t + 2) / 2 % 64);
			uint64_t v = a[x][y];
			int next_y = (2 * x + 3 * y) % 5;
			x = y;
			y = next_y;
			b[x][y] = turn == 0 ? v : v << turn | v >> (64 - turn);
		}
		b[0][0] = a[0][0];
		for (x = 0; x < 5; x++)
			for (y = 0; y < 5; y++)
				a[x][y] = b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]);
		for (int j = 0; j < 7; j++) {
			if (lfsr & 1) a[0][0] ^= (uint64_t)1 << ((1 << j) - 1);
			lfsr = (uint8_t)(lfsr << 1 ^ (lfsr & 0x80 ? 0x71 : 0));
		}
	}
}

static void slow_keccak256(uint8_t ret[32], const uint8_t *p, size_t n)
{
	uint64_t a[5][5] = {{0}};
	for (size_t at = 0;; at += 136) {
		uint8_t block[136] = {0};
		size_t take = n - at < 136 ? n - at : 136;
		memcpy(block, p + at, take);
		if (take < 136) {
			block[take] = 1;
			block[135] |= 0x80;
		}
		for (size_t i = 0; i < 136; i++)
			a[i / 8 % 5][i / 40] ^= (uint64_t)block[i] << (8 * (i % 8));
		slow_permute(a);
		if (take < 136) break;
	}
	for (size_t i = 0; i < 32; i++) ret[i] = (uint8_t)(a[i / 8 % 5][i / 40] >> (8 * (i % 8)));
}

static void keccak256_equals_a_slow_one_at_every_length(void **state)
{
	(void)state;
	uint8_t data[600], fast[32], slow[32];
	for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 31 + i / 7);
	for (size_t n = 0; n <= sizeof data; n++) {
		dp_keccak256(fast, data, n);
		slow_keccak256(slow, data, n);
		assert_memory_equal(fast, slow, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_gives_the_published_digests),
	    cmocka_unit_test(sha256d_hashes_the_genesis_header),
	    cmocka_unit_test(ripemd160_gives_the_authors_vectors),
	    cmocka_unit_test(hash160_is_that_of_the_generator_key),
	    cmocka_unit_test(keccak256_gives_the_published_digests),
	    cmocka_unit_test(keccak256_equals_a_slow_one_at_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

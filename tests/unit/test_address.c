// address.h against published vectors.
//
// EIP-55: the examples of the EIP itself. Bitcoin: addresses and their scripts out of Bitcoin
// Core's src/test/data/key_io_valid.json, invalid ones out of key_io_invalid.json, BIP 173 and BIP
// 350. The 51 Ethereum addresses are those of the FBI's announcement I-022625-PSA of 2025-02-26
// (ic3.gov/PSA/2025/PSA250226). Litecoin and Dogecoin: version bytes of their chainparams.cpp over
// a known hash.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chain/address.h"
#include "chain/chain.h"
#include "codec/hash.h"
#include "codec/hex.h"

static const dp_chain *chain_named(const char *name)
{
	const dp_chain *c = dp_chain_find(name, strlen(name));
	assert_non_null(c);
	return c;
}

static dp_code parse(dp_addr *a, const char *text, const char *chain)
{
	dp_fault fault;
	return dp_addr_parse(a, text, strlen(text), chain_named(chain), &fault);
}

static void expect_round_trip(const char *text, const char *chain, dp_addr_kind kind)
{
	dp_addr a;
	char shown[DP_ADDR_TEXT_MAX];
	assert_int_equal(parse(&a, text, chain), DP_OK);
	assert_int_equal(a.kind, kind);
	assert_int_equal(dp_addr_format(shown, &a, chain_named(chain)), strlen(text));
	assert_string_equal(shown, text);
}

//- account chains --------------------------------------------------------------------------------

static const char *const eip55_examples[] = {
    "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
};

static const char *const fbi_addresses[] = {
    "0x51E9d833Ecae4E8D9D8Be17300AEE6D3398C135D", "0x96244D83DC15d36847C35209bBDc5bdDE9bEc3D8",
    "0x83c7678492D623fb98834F0fbcb2E7b7f5Af8950", "0x83Ef5E80faD88288F770152875Ab0bb16641a09E",
    "0xAF620E6d32B1c67f3396EF5d2F7d7642Dc2e6CE9", "0x3A21F4E6Bbe527D347ca7c157F4233c935779847",
    "0xfa3FcCCB897079fD83bfBA690E7D47Eb402d6c49", "0xFc926659Dd8808f6e3e0a8d61B20B871F3Fa6465",
    "0xb172F7e99452446f18FF49A71bfEeCf0873003b4", "0x6d46bd3AfF100f23C194e5312f93507978a6DC91",
    "0xf0a16603289eAF35F64077Ba3681af41194a1c09", "0x23Db729908137cb60852f2936D2b5c6De0e1c887",
    "0x40e98FeEEbaD7Ddb0F0534Ccaa617427eA10187e", "0x140c9Ab92347734641b1A7c124ffDeE58c20C3E3",
    "0x684d4b58Dc32af786BF6D572A792fF7A883428B9", "0xBC3e5e8C10897a81b63933348f53f2e052F89a7E",
    "0x5Af75eAB6BEC227657fA3E749a8BFd55f02e4b1D", "0xBCA02B395747D62626a65016F2e64A20bd254A39",
    "0x4C198B3B5F3a4b1Aa706daC73D826c2B795ccd67", "0xCd7eC020121Ead6f99855cbB972dF502dB5bC63a",
    "0xbdE2Cc5375fa9E0383309A2cA31213f2D6cabcbd", "0xD3C611AeD139107DEC2294032da3913BC26507fb",
    "0xB72334cB9D0b614D30C4c60e2bd12fF5Ed03c305", "0x8c7235e1A6EeF91b980D0FcA083347FBb7EE1806",
    "0x1bb0970508316DC735329752a4581E0a4bAbc6B4", "0x1eB27f136BFe7947f80d6ceE3Cf0bfDf92b45e57",
    "0xCd1a4A457cA8b0931c3BF81Df3CFa227ADBdb6E9", "0x09278b36863bE4cCd3d0c22d643E8062D7a11377",
    "0x660BfcEa3A5FAF823e8f8bF57dd558db034dea1d", "0xE9bc552fdFa54b30296d95F147e3e0280FF7f7e6",
    "0x30a822CDD2782D2B2A12a08526452e885978FA1D", "0xB4a862A81aBB2f952FcA4C6f5510962e18c7f1A2",
    "0x0e8C1E2881F35Ef20343264862A242FB749d6b35", "0x9271EDdda0F0f2bB7b1A0c712bdF8dbD0A38d1Ab",
    "0xe69753Ddfbedbd249E703EB374452E78dae1ae49", "0x2290937A4498C96eFfb87b8371a33D108F8D433f",
    "0x959c4CA19c4532C97A657D82d97acCBAb70e6fb4", "0x52207Ec7B1b43AA5DB116931a904371ae2C1619e",
    "0x9eF42873Ae015AA3da0c4354AeF94a18D2B3407b", "0x1542368a03ad1f03d96D51B414f4738961Cf4443",
    "0x21032176B43d9f7E9410fB37290a78f4fEd6044C", "0xA4B2Fd68593B6F34E51cB9eDB66E71c1B4Ab449e",
    "0x55CCa2f5eB07907696afe4b9Db5102bcE5feB734", "0xA5A023E052243b7cce34Cbd4ba20180e8Dea6Ad6",
    "0xdD90071D52F20e85c89802e5Dc1eC0A7B6475f92", "0x1512fcb09463A61862B73ec09B9b354aF1790268",
    "0xF302572594a68aA8F951faE64ED3aE7DA41c72Be", "0x723a7084028421994d4a7829108D63aB44658315",
    "0xf03AfB1c6A11A7E370920ad42e6eE735dBedF0b1", "0xEB0bAA3A556586192590CAD296b1e48dF62a8549",
    "0xD5b58Cf7813c1eDC412367b97876bD400ea5c489",
};

static void eip55_examples_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof eip55_examples / sizeof eip55_examples[0]; i++)
		expect_round_trip(eip55_examples[i], "ethereum", DP_ADDR_EVM);
}

static void the_51_fbi_addresses_round_trip_from_any_case(void **state)
{
	(void)state;
	assert_int_equal(sizeof fbi_addresses / sizeof fbi_addresses[0], 51);
	for (size_t i = 0; i < 51; i++) {
		expect_round_trip(fbi_addresses[i], "ethereum", DP_ADDR_EVM);
		dp_addr want, got;
		char folded[43];
		assert_int_equal(parse(&want, fbi_addresses[i], "ethereum"), DP_OK);
		for (int upper = 0; upper < 2; upper++) {
			memcpy(folded, fbi_addresses[i], sizeof folded);
			for (char *p = folded + 2; *p != 0; p++)
				if (*p >= 'A') *p = (char)(upper ? *p & ~32 : *p | 32);
			assert_int_equal(parse(&got, folded, "ethereum"), DP_OK);
			assert_true(dp_addr_eq(&got, &want));
		}
	}
}

static void a_wrong_eip55_checksum_is_refused(void **state)
{
	(void)state;
	dp_addr a = {.kind = 77};
	char text[43];
	memcpy(text, eip55_examples[4], sizeof text);
	for (size_t i = 2; i < 42; i++) {
		if (text[i] < 'A') continue;
		text[i] ^= 32; // the other case of one letter
		assert_int_equal(parse(&a, text, "ethereum"), DP_BAD_BYTES);
		text[i] ^= 32;
	}
	assert_int_equal(a.kind, 77); // written only on success
	dp_fault fault;
	memcpy(text, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", sizeof text);
	assert_int_equal(dp_addr_parse(&a, text, 42, chain_named("bsc"), &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "checksum"));
	assert_non_null(strstr(fault.text, "bsc"));
}

static void what_is_no_account_address_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
	    "",
	    "0x",
	    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
	    "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	    "0X5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
	    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ",
	    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
	    "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo",
	    "eip155:56:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	    "nulldata",
	    "name:",
	    "name:123456789012345678901234567890123",
	    "name:a\nb",
	    "script:0000000000000000000000000000000000000000000000000000000000000000"};
	dp_addr a;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(parse(&a, wrong[i], "ethereum"), DP_BAD_BYTES);
}

static void caip10_is_accepted_for_its_own_chain(void **state)
{
	(void)state;
	dp_addr a, b;
	assert_int_equal(
	    parse(&a, "eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "ethereum"), DP_OK);
	assert_int_equal(parse(&b, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "ethereum"),
	                 DP_OK);
	assert_true(dp_addr_eq(&a, &b));
	static const char btc[] =
	    "bip122:000000000019d6689c085ae165831e93:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6"; // CAIP-10
	assert_int_equal(parse(&a, btc, "bitcoin"), DP_OK);
	assert_int_equal(a.kind, DP_ADDR_P2PKH);
	assert_int_equal(parse(&a, btc, "testnet3"), DP_BAD_BYTES);
}

//- UTXO chains -----------------------------------------------------------------------------------

static const struct {
	const char *text, *script, *chain;
	dp_addr_kind kind;
} core_vectors[] = {
    {"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac",
     "bitcoin", DP_ADDR_P2PKH},
    {"36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm", "a914373b819a068f32b7a6b38b6b38729647cfde01c287",
     "bitcoin", DP_ADDR_P2SH},
    {"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", "76a914ce28b26c57472737f5c3561a1761185bd8589a4388ac",
     "testnet4", DP_ADDR_P2PKH},
    {"2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK", "a914ce0bba75891ff9ec60148d4bd4a09ee2dc5c933187",
     "testnet3", DP_ADDR_P2SH},
    {"mww4LvqtTMKvmeQvizPz2EQv26xTneWrbg", "76a914b4110ba93ac54afc14da3bdd19614774a2d55d2988ac",
     "signet", DP_ADDR_P2PKH},
    {"2MxFajLApXpYk4VodBSZSt7rw8y4ryABkfA", "a91436e9f191e0b75036a77f65e2eaa4752443233fbe87",
     "regtest", DP_ADDR_P2SH},
    {"bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv", "00146100fc6343edc8c874496cb2f5bbfec88ea9b77c",
     "bitcoin", DP_ADDR_P2WPKH},
    {"bc1qyucykdlhp62tezs0hagqury402qwhk589q80tqs5myh3rxq34nwqhkdhv7",
     "002027304b37f70e94bc8a0fbf500e0c957a80ebda87280ef58214d92f119811acdc", "bitcoin",
     DP_ADDR_P2WSH},
    {"bc1p83n3au0rjylefxq2nc2xh2y4jzz4pm6zxj4mw5pagdjjr2a9f36s6jjnnu",
     "51203c671ef1e3913f94980a9e146ba895908550ef4234abb7503d436521aba54c75", "bitcoin",
     DP_ADDR_P2TR},
    {"bc1z2rksukkjr8", "520250ed", "bitcoin", DP_ADDR_WITNESS},
    {"tb1qcrh3yqn4nlleplcez2yndq2ry8h9ncg3qh7n54", "0014c0ef1202759fff90ff19128936814321ee59e111",
     "testnet4", DP_ADDR_P2WPKH},
    {"tb1rgv5m6uvdk3kc7qsuz0c79v88ycr5w4wa", "53104329bd718db46d8f021c13f1e2b0e726", "testnet3",
     DP_ADDR_WITNESS},
    {"tb1pae5um27ahn8n73pgexe3kcwlp8dhswpn684h2k2w6t9a7w3eq65qephd5y",
     "5120ee69cdabddbccf3f4428c9b31b61df09db783833d1eb75594ed2cbdf3a3906a8", "signet",
     DP_ADDR_P2TR},
    {"bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9", "00146f58bac9506f9bfb821d62e69330410bb56f0085",
     "regtest", DP_ADDR_P2WPKH},
    {"bcrt1p39a4s4vdcw9kqa8w2t0rp7aj8kfxyw7mce5sk5d70x6wnnmpvt7skf2kxy",
     "5120897b58558dc38b6074ee52de30fbb23d92623bdbc6690b51be79b4e9cf6162fd", "regtest",
     DP_ADDR_P2TR},
};

static dp_addr of_script(const char *hex)
{
	uint8_t script[1024];
	size_t n = strlen(hex) / 2;
	assert_true(n <= sizeof script);
	assert_true(dp_hex_decode(script, n, hex));
	return dp_addr_from_script(script, n);
}

static void cores_addresses_are_those_of_their_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof core_vectors / sizeof core_vectors[0]; i++) {
		dp_addr a, b = of_script(core_vectors[i].script);
		expect_round_trip(core_vectors[i].text, core_vectors[i].chain,
		                  core_vectors[i].kind);
		assert_int_equal(parse(&a, core_vectors[i].text, core_vectors[i].chain), DP_OK);
		assert_true(dp_addr_eq(&a, &b));
	}
	// bech32 in capitals (for QR codes) is the same address.
	dp_addr a, b;
	assert_int_equal(parse(&a, "BC1QVYQ0CC6RAHYVSAZFDJE0TWL7EZ82NDMUAC2LHV", "bitcoin"), DP_OK);
	assert_int_equal(parse(&b, "bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv", "bitcoin"), DP_OK);
	assert_true(dp_addr_eq(&a, &b));
}

static void long_witness_programs_are_named_by_their_script(void **state)
{
	(void)state;
	// Version 3 with 32 bytes and version 16 with 40 do not fit an address value.
	static const char *const texts[][3] = {
	    {"tb1rx9n9g37az8mu236e5jpxdt0m67y4fuq8rhs0ss3djnm0kscfrwvq0ntlyg",
	     "532031665447dd11f7c54759a48266adfbd78954f0071de0f8422d94f6fb43091b98", "signet"},
	    {"bcrt1sx6p8njlx7h9mc2agz4yg82dzne23050ncq72cneeecez2pst8mahn8xecsf8g6hzx94420",
	     "6028368279cbe6f5cbbc2ba8154883a9a29e5517d1f3c03cac4f39ce3225060b3efb799cd9c412746ae2",
	     "regtest"}};
	for (size_t i = 0; i < 2; i++) {
		dp_addr a, b = of_script(texts[i][1]), c;
		char shown[DP_ADDR_TEXT_MAX];
		assert_int_equal(parse(&a, texts[i][0], texts[i][2]), DP_OK);
		assert_int_equal(a.kind, DP_ADDR_SCRIPT);
		assert_true(dp_addr_eq(&a, &b));
		dp_addr_format(shown, &a, chain_named(texts[i][2]));
		assert_memory_equal(shown, "script:", 7);
		assert_int_equal(parse(&c, shown, texts[i][2]), DP_OK);
		assert_true(dp_addr_eq(&a, &c));
	}
}

static void invalid_addresses_are_refused_on_every_bitcoin_network(void **state)
{
	(void)state;
	static const char *const wrong[] = {
	    "",
	    "x",
	    "37G2kMDLpmWVhimxRdzwNfE8JFvWXnJYnVcXeeGrek2qumdJuK7XArcVVpRtLLjRra3t64BEPF2",
	    "cPTVQ1hbo4qdoysf6Jx5GthqucNmdfqt6J2pZRFeXv8Ep7Kmjqud",
	    "tc1qeul5g2xfkvdkrhcfmdursv73ad64jnkjl9c40f",
	    "bt1pq65rzej5glw3ra79gav6fqnx4haa0z257qr3mc8cggkefahmgvyseufhc0",
	    "tb13hty4qmumlwpp6chxjvcyzza4duqgtmxw3xhm3u9ahj4nyhtwz8eq7ynrj4",
	    "bcrt1r2qxpwuge",
	    "bc10uexgzna2dpfk0vjt35srz6a27ps6m0l89jweznt83n2sqn2fx4hvn9ym5af8wut34sfrqhk3",
	    "tb1qum6uh0pt4q253qaf520929737v63w5gf",
	    "bcrt1q888ryfgxpvl0k7vum8zpyar2u2sexvdhkf38ue37yknmqq0ycrwpl3w48y",
	    "bcrt1qzwmyj0z924g7fzs5yvnrkc43y76RVyr2lh5t4r",
	    "bc1gmk9yu",
	    "bc1qpu6d26mrulzetu4jqhd7rsunv9aqru26f5c4j8",
	    "2MygHQjE1U33q3LSC53p69YqFjP8PihumJAF",
	    "AZEah8d1EK362okRBS66e8SvdtYkrE8tsX",
	    "5JuW2AMDYu4xVwRG9DZW18VbzQrGcd5RCgb99sS6ehJsNQXu5b9", // a private key
	    "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp",
	    " 1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo",
	    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	    "script:",
	    "script:00",
	    "p2wpkh:00",
	    "p2pk:a31c06bd463e3923bc1aadbde48b16976c080717",
	    "witness:000102",
	    "witness:110102",
	    "multisig:3of2:00",
	    "multisig:0of2:00",
	    "multisig:02of3:00",
	    "multisig:2of21:00",
	    "nulldata ",
	    "none"};
	static const char *const chains[] = {"bitcoin", "testnet3", "testnet4", "signet",
	                                     "regtest"};
	dp_addr a = {.kind = 77};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		for (size_t j = 0; j < 5; j++)
			assert_int_equal(parse(&a, wrong[i], chains[j]), DP_BAD_BYTES);
	assert_int_equal(a.kind, 77);
}

static void an_address_of_another_network_is_told_so(void **state)
{
	(void)state;
	dp_addr a;
	dp_fault fault;
	static const char *const texts[] = {"bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv",
	                                    "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
		    dp_addr_parse(&a, texts[i], strlen(texts[i]), chain_named("testnet3"), &fault),
		    DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, "another network"));
	}
}

static void the_other_utxo_chains_have_their_own_forms(void **state)
{
	(void)state;
	dp_addr a, b;
	char shown[DP_ADDR_TEXT_MAX];
	// Litecoin's old P2SH form is read and written in the new one.
	assert_int_equal(parse(&a, "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm", "litecoin"), DP_OK);
	assert_int_equal(a.kind, DP_ADDR_P2SH);
	dp_addr_format(shown, &a, chain_named("litecoin"));
	assert_int_equal(shown[0], 'M');
	assert_int_equal(parse(&b, shown, "litecoin"), DP_OK);
	assert_true(dp_addr_eq(&a, &b));
	// One key on four chains.
	dp_addr key = of_script("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac");
	static const char *const forms[][2] = {
	    {"bitcoin", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"},
	    {"bitcoin-cash", "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h"},
	    {"litecoin", "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ"},
	    {"dogecoin", "DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE"}};
	for (size_t i = 0; i < 4; i++) {
		dp_addr_format(shown, &key, chain_named(forms[i][0]));
		assert_string_equal(shown, forms[i][1]);
		assert_int_equal(parse(&a, shown, forms[i][0]), DP_OK);
		assert_true(dp_addr_eq(&a, &key));
	}
	// A witness program on a chain that has no such addresses still has a name.
	dp_addr program = of_script("0014751e76e8199196d454941c45d1b3a323f1433bd6");
	dp_addr_format(shown, &program, chain_named("dogecoin"));
	assert_string_equal(shown, "p2wpkh:751e76e8199196d454941c45d1b3a323f1433bd6");
	assert_int_equal(parse(&a, shown, "dogecoin"), DP_OK);
	assert_true(dp_addr_eq(&a, &program));
	dp_addr_format(shown, &program, chain_named("litecoin"));
	assert_memory_equal(shown, "ltc1q", 5);
}

// Pairs from the CashAddr specification (spec/cashaddr.md, "Examples of address translation").
static void bitcoin_cash_reads_both_forms_and_writes_cashaddr(void **state)
{
	(void)state;
	static const struct {
		const char *legacy, *cash;
		dp_addr_kind kind;
	} pairs[] = {
	    {"1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu",
	     "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", DP_ADDR_P2PKH},
	    {"1KXrWXciRDZUpQwQmuM1DbwsKDLYAYsVLR",
	     "bitcoincash:qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy", DP_ADDR_P2PKH},
	    {"16w1D5WRVKJuZUsSRzdLp9w3YGcgoxDXb",
	     "bitcoincash:qqq3728yw0y47sqn6l2na30mcw6zm78dzqre909m2r", DP_ADDR_P2PKH},
	    {"3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC",
	     "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq", DP_ADDR_P2SH},
	    {"3LDsS579y7sruadqu11beEJoTjdFiFCdX4",
	     "bitcoincash:pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e", DP_ADDR_P2SH},
	    {"31nwvkZwyPdgzjBJZXfDmSWsC4ZLKpYyUw",
	     "bitcoincash:pqq3728yw0y47sqn6l2na30mcw6zm78dzq5ucqzc37", DP_ADDR_P2SH},
	};
	dp_addr a, b;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char shown[DP_ADDR_TEXT_MAX], caip[200];
		const char *bare = strchr(pairs[i].cash, ':') + 1;
		assert_int_equal(parse(&a, pairs[i].legacy, "bitcoin-cash"), DP_OK);
		assert_int_equal(a.kind, pairs[i].kind);
		assert_int_equal(dp_addr_format(shown, &a, chain_named("bitcoin-cash")),
		                 strlen(pairs[i].cash));
		assert_string_equal(shown, pairs[i].cash);
		assert_int_equal(parse(&b, pairs[i].cash, "bitcoin-cash"), DP_OK);
		assert_true(dp_addr_eq(&a, &b));
		assert_int_equal(parse(&b, bare, "bitcoin-cash"), DP_OK);
		assert_true(dp_addr_eq(&a, &b));
		snprintf(caip, sizeof caip, "%s:%s", chain_named("bitcoin-cash")->caip2, bare);
		assert_int_equal(parse(&b, caip, "bitcoin-cash"), DP_OK);
		assert_true(dp_addr_eq(&a, &b));
		assert_int_equal(parse(&b, pairs[i].cash, "bitcoin"), DP_BAD_BYTES);
		// It is the same holder as on Bitcoin, in another dress.
		assert_int_equal(parse(&b, pairs[i].legacy, "bitcoin"), DP_OK);
		assert_true(dp_addr_eq(&a, &b));
	}
}

static void what_a_cashaddr_says_of_tokens_is_no_other_holder(void **state)
{
	(void)state;
	dp_addr a, b;
	assert_int_equal(
	    parse(&a, "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2", "bitcoin-cash"),
	    DP_OK);
	assert_int_equal(
	    parse(&b, "bitcoincash:zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe", "bitcoin-cash"),
	    DP_OK);
	assert_true(dp_addr_eq(&a, &b));
	// A 32-byte script hash: the holder is the script aa20...87.
	static const char *const long_ones[] = {
	    "bitcoincash:pvqqqqqqqqqqqqqqqqqqqqqqzg69v7ysqqqqqqqqqqqqqqqqqqqqqpkp7fqn0",
	    "bitcoincash:rvqqqqqqqqqqqqqqqqqqqqqqzg69v7ysqqqqqqqqqqqqqqqqqqqqqn9alsp2y"};
	b = of_script("aa20000000000000000000000000000012345678900000000000000000000000000087");
	for (int i = 0; i < 2; i++) {
		char shown[DP_ADDR_TEXT_MAX];
		assert_int_equal(parse(&a, long_ones[i], "bitcoin-cash"), DP_OK);
		assert_int_equal(a.kind, DP_ADDR_SCRIPT);
		assert_true(dp_addr_eq(&a, &b));
		dp_addr_format(shown, &a, chain_named("bitcoin-cash"));
		assert_int_equal(parse(&a, shown, "bitcoin-cash"), DP_OK);
		assert_true(dp_addr_eq(&a, &b));
	}
}

static void a_wrong_cashaddr_is_told_by_why(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} wrong[] = {
	    {"bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg3",
	     "CashAddr checksum is wrong"},
	    {"qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg3", "CashAddr checksum is wrong"},
	    {"bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t", "of another network"},
	    {"bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0", "means nothing"},
	    {"bitcoincash:Qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2", "neither CashAddr nor"},
	    {"1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggv", "its checksum is wrong"},
	};
	dp_addr a;
	dp_fault fault;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(dp_addr_parse(&a, wrong[i].text, strlen(wrong[i].text),
		                               chain_named("bitcoin-cash"), &fault),
		                 DP_BAD_BYTES);
		if (strstr(fault.text, wrong[i].why) == NULL)
			fail_msg("\"%s\": not \"%s\"", fault.text, wrong[i].why);
	}
}

static void an_outputs_tokens_are_stripped_on_bitcoin_cash_alone(void **state)
{
	(void)state;
	static const char *const scripts[] = {"0014751e76e8199196d454941c45d1b3a323f1433bd6",
	                                      "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac",
	                                      "6a0401020304", "51", ""};
	uint8_t field[200] = {0xef, [33] = 0x10, [34] = 1};
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		size_t n = strlen(scripts[i]) / 2;
		assert_true(dp_hex_decode(field + 35, n, scripts[i]));
		dp_addr bare = dp_addr_from_script(field + 35, n);
		dp_addr cash = dp_addr_from_output(chain_named("bitcoin-cash"), field, 35 + n);
		dp_addr other = dp_addr_from_output(chain_named("bitcoin"), field, 35 + n);
		assert_true(dp_addr_eq(&cash, &bare));
		assert_int_equal(other.kind, DP_ADDR_SCRIPT);
		cash = dp_addr_from_output(chain_named("bitcoin-cash"), field + 35, n);
		assert_true(dp_addr_eq(&cash, &bare)); // without tokens
	}
}

static void a_bare_key_is_shown_as_its_address_but_is_another_holder(void **state)
{
	(void)state;
	// The coinbase of the genesis block.
	dp_addr a = of_script(
	            "4104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6"
	            "bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac"),
	        b;
	char shown[DP_ADDR_TEXT_MAX];
	assert_int_equal(a.kind, DP_ADDR_P2PK);
	dp_addr_format(shown, &a, chain_named("bitcoin"));
	assert_string_equal(shown, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
	assert_int_equal(parse(&b, shown, "bitcoin"), DP_OK);
	assert_false(dp_addr_eq(&a, &b));
	assert_true(dp_addr_key(&a) != dp_addr_key(&b));
}

static void scripts_without_an_address_have_a_name(void **state)
{
	(void)state;
	dp_addr a, b;
	char shown[DP_ADDR_TEXT_MAX];
	a = of_script("512102"
	              "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	              "51ae");
	assert_int_equal(a.kind, DP_ADDR_MULTISIG);
	dp_addr_format(shown, &a, chain_named("bitcoin"));
	assert_memory_equal(shown, "multisig:1of1:", 14);
	assert_int_equal(parse(&b, shown, "bitcoin"), DP_OK);
	assert_true(dp_addr_eq(&a, &b));
	a = of_script("6a0548656c6c6f");
	assert_int_equal(a.kind, DP_ADDR_NULLDATA);
	assert_int_equal(a.len, 0);
	dp_addr_format(shown, &a, chain_named("bitcoin"));
	assert_string_equal(shown, "nulldata");
	assert_int_equal(parse(&b, shown, "bitcoin"), DP_OK);
	assert_true(dp_addr_eq(&a, &b));
	a = of_script("51");
	assert_int_equal(a.kind, DP_ADDR_SCRIPT);
	a = dp_addr_from_script(NULL, 0);
	dp_addr_format(shown, &a, chain_named("bitcoin"));
	assert_string_equal(shown,
	                    "script:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852"
	                    "b855");
	a = (dp_addr){.kind = DP_ADDR_NONE};
	dp_addr_format(shown, &a, chain_named("ethereum"));
	assert_string_equal(shown, "none");
	expect_round_trip("name:alice", "ethereum", DP_ADDR_NAME);
	expect_round_trip("name:alice", "bitcoin", DP_ADDR_NAME);
	expect_round_trip("name:12345678901234567890123456789012", "bitcoin", DP_ADDR_NAME);
}

//- outpoints and keys ----------------------------------------------------------------------------

static void outpoints_read_as_people_write_them(void **state)
{
	(void)state;
	static const char text[] =
	    "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b:4294967295";
	dp_outpoint o;
	dp_fault fault;
	assert_int_equal(dp_outpoint_parse(&o, text, strlen(text), &fault), DP_OK);
	assert_int_equal(o.txid[0], 0x3b);
	assert_int_equal(o.txid[31], 0x4a);
	assert_int_equal(o.vout, UINT32_MAX);
	char shown[DP_OUTPOINT_TEXT_MAX];
	assert_int_equal(dp_outpoint_format(shown, &o), strlen(text));
	assert_string_equal(shown, text);
	static const char *const tails[] = {"",    ":",  ":-1", ":+1",         ":01", ":4294967296",
	                                    ":1 ", ";1", ":00", ":99999999999"};
	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		char wrong[100];
		memcpy(wrong, text, 64);
		snprintf(wrong + 64, sizeof wrong - 64, "%s", tails[i]);
		assert_int_equal(dp_outpoint_parse(&o, wrong, strlen(wrong), &fault), DP_BAD_BYTES);
	}
	assert_int_equal(dp_outpoint_parse(&o, "", 0, &fault), DP_BAD_BYTES);
}

static void keys_differ_and_nobody_has_none(void **state)
{
	(void)state;
	dp_addr none = {0}, a = {.kind = DP_ADDR_EVM, .len = 20}, b = a;
	assert_true(dp_addr_key(&none) == 0);
	assert_true(dp_addr_key(&a) != 0);
	b.bytes[19] = 1;
	assert_true(dp_addr_key(&a) != dp_addr_key(&b));
	b = a;
	b.kind = DP_ADDR_P2PKH; // same bytes, another kind of holder
	assert_true(dp_addr_key(&a) != dp_addr_key(&b));
	dp_outpoint o = {.vout = 0}, p = {.vout = 1};
	assert_true(dp_outpoint_key(&o) != dp_outpoint_key(&p));
	assert_true(dp_outpoint_key(&o) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(eip55_examples_round_trip),
	    cmocka_unit_test(the_51_fbi_addresses_round_trip_from_any_case),
	    cmocka_unit_test(a_wrong_eip55_checksum_is_refused),
	    cmocka_unit_test(what_is_no_account_address_is_refused),
	    cmocka_unit_test(caip10_is_accepted_for_its_own_chain),
	    cmocka_unit_test(cores_addresses_are_those_of_their_scripts),
	    cmocka_unit_test(long_witness_programs_are_named_by_their_script),
	    cmocka_unit_test(invalid_addresses_are_refused_on_every_bitcoin_network),
	    cmocka_unit_test(an_address_of_another_network_is_told_so),
	    cmocka_unit_test(the_other_utxo_chains_have_their_own_forms),
	    cmocka_unit_test(bitcoin_cash_reads_both_forms_and_writes_cashaddr),
	    cmocka_unit_test(what_a_cashaddr_says_of_tokens_is_no_other_holder),
	    cmocka_unit_test(a_wrong_cashaddr_is_told_by_why),
	    cmocka_unit_test(an_outputs_tokens_are_stripped_on_bitcoin_cash_alone),
	    cmocka_unit_test(a_bare_key_is_shown_as_its_address_but_is_another_holder),
	    cmocka_unit_test(scripts_without_an_address_have_a_name),
	    cmocka_unit_test(outpoints_read_as_people_write_them),
	    cmocka_unit_test(keys_differ_and_nobody_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

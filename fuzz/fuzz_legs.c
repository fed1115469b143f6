// Blocks of notes and movements made of hostile bytes, through every protocol's decoder. Contracts
// and first topics come from tables, picked by a byte, so that decoders get past their first look;
// everything else is arbitrary. Invariants: a leg is refused with a reason, or it is complete: a
// side, a note of its transaction, places and texts within bounds; nothing that a bridge's own
// contract did not log is proven; decoding twice gives the same.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "chain/block.h"
#include "codec/hex.h"
#include "link/leg.h"

// One contract or more of each protocol, and tokens that they move.
static const char *const contracts[] = {
    "5c7BCd6E7De5423a257D81B442095A1a6ced35C5", "09aea4b2242abC8bb4BB78D537A67a245A7bEC64",
    "Bd3fa81B58Ba92a82136038B25aDec7066af3155", "0a992d191DEeC32aFe36203Ad87D7d289a738F81",
    "28b5a0e9C621a5BadaA536219b3a228C8168cf5d", "81D40F21F12A8F0E3252Bccb954D722d4c464B64",
    "1a44076050125825900e736c501f859c50fE728c", "6C96dE32CEa08842dcc4058c14d3aaAD7Fa41dee",
    "6d6620eFa72948C5f68A3C8646d58C00d3f4A980", "933597a323Eb81cAe705C5bC29985172fd5A3973",
    "4D73AdB72bC3DD368966edD0f0b2148401A178E2", "38EA452219524Bb87e18dE1C24D3bB59510BD783",
    "98f3c9e6E3fAce36bAAd05FE09d375Ef1464288B", "3ee18B2214AFF97000D974cf647E7C347E8fa585",
    "eF4fB24aD0916217251F553c0596F8Edc630EB66", "E7351Fd770A37282b91D153Ee690B63579D6dd7f",
    "5427FEFA711Eff984124bFBB1AB6fbf5E3DA1820", "B37D31b2A74029B5951a2778F959282E2D518595",
    "16365b45EB269B5B5dACB34B4a15399Ec79b95eB", "A7D7079b0FEaD91F3e65f86E8915Cb59c1a4C664",
    "152b9d0FdC40C096757F570A51E494bd4b943E50", "1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE",
    "8EB8a3b98659Cce290402893d0123abb75E3ab28", "D37BbE5744D730a1d98d8DC97c42F0Ca46aD7146",
    "e3985E6b61b814F7Cdb188766562ba71b446B46d", "F5e10380213880111522dd0efD3dbb45b9f62Bcc",
    "A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "dAC17F958D2ee523a2206206994597C13D831ec7",
    "C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "C36442b4a4522E871399CD717aBDD847Ab11FE88",
    "910Cbd523D972eb0a6f4cAe4618aD62622b39DbF", "FA7093CDD9EE6932B4eb2c9e1cde7CE00B1FA4b9",
};
enum { CONTRACT_COUNT = sizeof contracts / sizeof *contracts };
static const char *const chains[] = {"ethereum", "base",    "bsc",     "avalanche", "arbitrum",
                                     "optimism", "polygon", "bitcoin", "sepolia"};
enum { CHAIN_COUNT = sizeof chains / sizeof *chains };

typedef struct input {
	const uint8_t *p;
	size_t size;
} input;

static uint8_t byte_of(input *in)
{
	if (in->size == 0) return 0;
	in->size--;
	return *in->p++;
}

static void fill(input *in, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) to[i] = byte_of(in);
}

static void pick(input *in, uint8_t ret_contract[20])
{
	uint8_t which = byte_of(in);
	if (which < 224)
		DP_CHECK(dp_hex_decode(ret_contract, 20, contracts[which % CONTRACT_COUNT]));
	else
		fill(in, ret_contract, 20);
}

static void add_note(dp_block_builder *b, input *in)
{
	static const uint8_t zeros[64];
	dp_note *n;
	uint32_t count;
	const dp_note_topic *topics = dp_note_topics(&count);
	uint8_t kind = byte_of(in), size = byte_of(in), cut = byte_of(in);
	size_t whole = (size_t)size * 8;
	const uint8_t *data = in->p;
	if (whole > in->size) whole = in->size;
	if (whole == 0) data = zeros;
	DP_CHECK(dp_builder_note(b, &n, data, whole, NULL) == DP_OK);
	in->p += whole;
	in->size -= whole;
	n->kind = kind < 200 ? DP_NOTE_LOG : (uint8_t)(1 + kind % (DP_NOTE_KIND_COUNT - 1));
	n->at = byte_of(in) % 4;
	if (cut == 0) n->full_size += 7;
	pick(in, n->place);
	n->topic_count = kind % 5;
	if (n->topic_count > 0) memcpy(n->topic[0], topics[byte_of(in) % count].topic, 32);
	for (uint8_t i = 1; i < n->topic_count; i++) {
		if (byte_of(in) % 2 == 0)
			pick(in, n->topic[i] + 12);
		else
			fill(in, n->topic[i], 32);
	}
}

static dp_addr address(input *in)
{
	uint8_t bytes[20];
	if (byte_of(in) % 8 == 0) return (dp_addr){0};
	pick(in, bytes);
	return dp_link_addr(bytes);
}

static void add_movement(dp_block_builder *b, input *in)
{
	dp_movement *mv;
	DP_CHECK(dp_builder_movement(b, &mv, NULL) == DP_OK);
	mv->from = address(in);
	mv->to = address(in);
	uint8_t asset = byte_of(in);
	mv->asset = (dp_asset){(uint16_t)(asset % (dp_asset_count() + 1))};
	mv->kind = (uint8_t)(DP_MV_NATIVE + byte_of(in) % 3);
	if (asset % 4 == 0) mv->asset = dp_asset_native(b->block.chain);
	mv->amount = dp_u256_of(byte_of(in));
}

static bool is_bridge(const dp_protocol *p)
{
	return p == &dp_protocol_across || p == &dp_protocol_cctp || p == &dp_protocol_cctp2 ||
	       p == &dp_protocol_layerzero || p == &dp_protocol_stargate1 ||
	       p == &dp_protocol_wormhole || p == &dp_protocol_debridge ||
	       p == &dp_protocol_cbridge || p == &dp_protocol_avalanche || p == &dp_protocol_lifi;
}

static void check_leg(const dp_block *b, uint32_t tx, const dp_leg *leg)
{
	DP_CHECK(leg->protocol != NULL);
	DP_CHECK(leg->side >= DP_LEG_OUT && leg->side <= DP_LEG_ABOUT);
	DP_CHECK(leg->store <= DP_STORE_POSITION);
	DP_CHECK(leg->note == DP_LEG_NO_NOTE || b->note[leg->note].tx == tx);
	DP_CHECK(memchr(leg->text, 0, sizeof leg->text) != NULL);
	DP_CHECK(leg->place_count <= DP_LEG_PLACES_MAX && leg->ref_size <= 32);
	DP_CHECK(leg->asset.v <= dp_asset_count() && leg->other_asset.v <= dp_asset_count());
	if (leg->refused != NULL) {
		DP_CHECK(leg->refused[0] != '\0');
		DP_CHECK(!is_bridge(leg->protocol) || !leg->is_proven);
		return;
	}
	if (!is_bridge(leg->protocol)) return;
	DP_CHECK(leg->is_proven && (leg->has_key || !leg->has_time_key));
	DP_CHECK(leg->amount.w[3] >> 30 == 0);
	DP_CHECK(leg->side != DP_LEG_OUT || leg->place_count > 0);
	DP_CHECK(leg->side != DP_LEG_IN || leg->to.kind == DP_ADDR_EVM);
	for (uint32_t i = 0; i < leg->place_count; i++)
		DP_CHECK(leg->place[i].kind == DP_ADDR_EVM || leg->place[i].kind == DP_ADDR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static dp_block_builder b;
	enum { MAX = 64 };
	static dp_leg leg[MAX], again[MAX];
	input in = {data, size};
	const char *chain = chains[byte_of(&in) % CHAIN_COUNT];
	dp_builder_start(&b, dp_chain_find(chain, strlen(chain)), 1, 1700000000);
	dp_tx *first;
	DP_CHECK(dp_builder_tx(&b, &first, NULL) == DP_OK);
	for (int steps = 0; in.size > 0 && steps < 60; steps++) {
		uint8_t op = byte_of(&in);
		dp_tx *tx;
		if (op < 160)
			add_note(&b, &in);
		else if (op >= 224)
			DP_CHECK(dp_builder_tx(&b, &tx, NULL) == DP_OK);
		else if (b.block.chain->kind == DP_CHAIN_ACCOUNT)
			add_movement(&b, &in);
	}
	for (uint32_t tx = 0; tx < b.block.tx_count; tx++) {
		bool cut, cut_again;
		uint32_t n = dp_legs_of_tx(leg, MAX, &cut, &b.block, tx);
		DP_CHECK(n <= MAX);
		for (uint32_t i = 0; i < n; i++) check_leg(&b.block, tx, &leg[i]);
		DP_CHECK(dp_legs_of_tx(again, MAX, &cut_again, &b.block, tx) == n);
		DP_CHECK(cut == cut_again);
		for (uint32_t i = 0; i < n; i++)
			DP_CHECK(leg[i].refused == again[i].refused &&
			         memcmp(leg[i].key, again[i].key, 32) == 0);
	}
	return 0;
}

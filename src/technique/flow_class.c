// What labels of terminals mean. People write them for people ("Tornado.Cash: Router", "HTX 34",
// "Harmony Bridge Hacker 45"), so whole words are looked for, in the order of this table: words for
// the thief first, because his names quote the victim's ("Bridge Hacker" is no bridge).
//
// The names are those that occur in verified flows, reports of incidents and sanction lists;
// custodial swappers (eXch, ChangeHero, FixedFloat) are services: one can ask them to freeze.
#include <string.h>

#include "base/check.h"
#include "technique/flow_file.h"

#define OWN(word)                                                                                  \
	{                                                                                          \
		word, "", DP_NODE_WALLET, DP_TR_MOVE                                               \
	}
#define MIXER(word, venue)                                                                         \
	{                                                                                          \
		word, venue, DP_NODE_MIXER, DP_TR_MIXER                                            \
	}
#define BRIDGE(word, venue)                                                                        \
	{                                                                                          \
		word, venue, DP_NODE_BRIDGE, DP_TR_BRIDGE_OUT                                      \
	}
#define SWAP(word, venue)                                                                          \
	{                                                                                          \
		word, venue, DP_NODE_VENUE, DP_TR_SWAP                                             \
	}
#define SERVICE(word, venue)                                                                       \
	{                                                                                          \
		word, venue, DP_NODE_SERVICE, DP_TR_SERVICE                                        \
	}
#define BURN(word)                                                                                 \
	{                                                                                          \
		word, "", DP_NODE_BURN, DP_TR_BURN                                                 \
	}

static const dp_flow_class table[] = {
    OWN("hacker"),
    OWN("exploiter"),
    OWN("exploit"),
    OWN("hack"),
    OWN("attacker"),
    OWN("thief"),
    OWN("drainer"),
    OWN("scammer"),
    OWN("phishing"),
    OWN("terminus"),

    MIXER("tornado", "Tornado Cash"),
    MIXER("tornadocash", "Tornado Cash"),
    MIXER("railgun", "Railgun"),
    MIXER("sinbad", "Sinbad"),
    MIXER("blender", "Blender"),
    MIXER("chipmixer", "ChipMixer"),
    MIXER("yomix", "YoMix"),
    MIXER("cryptomixer", "CryptoMixer"),
    MIXER("aztec", "Aztec"),
    MIXER("mixer", "a mixer"),
    MIXER("tumbler", "a mixer"),

    BRIDGE("thorchain", "THORChain"),
    BRIDGE("asgardex", "THORChain"),
    BRIDGE("chainflip", "Chainflip"),
    BRIDGE("maya", "Maya"),
    BRIDGE("swft", "SWFT"),
    BRIDGE("swftswap", "SWFT"),
    BRIDGE("avalanche", "Avalanche bridge"),
    BRIDGE("stargate", "Stargate"),
    BRIDGE("symbiosis", "Symbiosis"),
    BRIDGE("hop", "Hop"),
    BRIDGE("across", "Across"),
    BRIDGE("synapse", "Synapse"),
    BRIDGE("wormhole", "Wormhole"),
    BRIDGE("celer", "Celer"),
    BRIDGE("cbridge", "Celer"),
    BRIDGE("multichain", "Multichain"),
    BRIDGE("anyswap", "Multichain"),
    BRIDGE("ren", "Ren"),
    BRIDGE("renbridge", "Ren"),
    BRIDGE("debridge", "deBridge"),
    BRIDGE("orbiter", "Orbiter"),
    BRIDGE("axelar", "Axelar"),
    BRIDGE("squid", "Squid"),
    BRIDGE("bridge", "a bridge"),

    SWAP("uniswap", "Uniswap"),
    SWAP("sushiswap", "SushiSwap"),
    SWAP("1inch", "1inch"),
    SWAP("cow", "CoW"),
    SWAP("cowswap", "CoW"),
    SWAP("paraswap", "ParaSwap"),
    SWAP("kyberswap", "KyberSwap"),
    SWAP("curve", "Curve"),
    SWAP("balancer", "Balancer"),
    SWAP("pancakeswap", "PancakeSwap"),
    SWAP("transitswap", "Transit Swap"),
    SWAP("dodo", "DODO"),
    SWAP("odos", "Odos"),

    SERVICE("htx", "HTX"),
    SERVICE("huobi", "HTX"),
    SERVICE("binance", "Binance"),
    SERVICE("okx", "OKX"),
    SERVICE("okex", "OKX"),
    SERVICE("kraken", "Kraken"),
    SERVICE("coinbase", "Coinbase"),
    SERVICE("kucoin", "KuCoin"),
    SERVICE("bybit", "Bybit"),
    SERVICE("gate", "Gate"),
    SERVICE("mexc", "MEXC"),
    SERVICE("bitget", "Bitget"),
    SERVICE("bitfinex", "Bitfinex"),
    SERVICE("bitstamp", "Bitstamp"),
    SERVICE("whitebit", "WhiteBIT"),
    SERVICE("poloniex", "Poloniex"),
    SERVICE("ftx", "FTX"),
    SERVICE("garantex", "Garantex"),
    SERVICE("huione", "Huione"),
    SERVICE("exch", "eXch"),
    SERVICE("changehero", "ChangeHero"),
    SERVICE("changenow", "ChangeNOW"),
    SERVICE("fixedfloat", "FixedFloat"),
    SERVICE("sideshift", "SideShift"),
    SERVICE("simpleswap", "SimpleSwap"),
    SERVICE("exchange", "an exchange"),
    SERVICE("deposit", "a service"),

    BURN("burn"),
    BURN("null"),
};

const dp_flow_class *dp_flow_classes(uint32_t *ret_count)
{
	DP_CHECK(ret_count != NULL);
	*ret_count = sizeof table / sizeof table[0];
	return table;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_of_word(char c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Does the label have this word, whole?
static bool has_word(const char *label, size_t n, const char *word)
{
	size_t size = strlen(word);
	for (size_t at = 0; at + size <= n; at++) {
		if (at > 0 && is_of_word(label[at - 1])) continue;
		if (at + size < n && is_of_word(label[at + size])) continue;
		size_t same = 0;
		while (same < size && lower(label[at + same]) == word[same]) same++;
		if (same == size) return true;
	}
	return false;
}

const dp_flow_class *dp_flow_classify(const char *label, size_t n)
{
	DP_CHECK(label != NULL || n == 0);
	if (n > DP_FLOW_TEXT_MAX) n = DP_FLOW_TEXT_MAX;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (has_word(label, n, table[i].word)) return &table[i];
	return NULL;
}

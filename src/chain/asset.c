// The list of assets, see asset.h.
//
// What is not on this list carries no value here: anybody can deploy a contract called USDT, and
// thieves and those who prey on their watchers do. A row is therefore added only with the place
// where its contract and decimals were read, and written in EIP-55, so that a mistyped digit does
// not survive: the checksum of every row is verified when the list is first used, and the tests
// look up each contract.
//
// `issuer` names who can freeze single addresses in the contract, "" where nobody can or we do not
// know; bridged copies ("USDC.e") answer to a bridge, not to the issuer of the original.
//
// stETH and eETH are rebasing: balances grow without a transfer. Transfers still state amounts. Of
// stETH the shares behind the balance are an asset too, because its transfers log them: units that
// are followed must not become more or fewer by themselves. Its CAIP-19 name has a namespace of our
// own, `shares`, since the standard has none: the grammar (CAIP-19, asset_namespace) is kept, and
// who does not know it finds the contract in it.
//
// Sources:
//   BOOK_*     bgd-labs/aave-address-book, src/ts/AaveV3<Chain>.ts, ASSETS (UNDERLYING, decimals):
//              Ethereum @0010c07, BNB @0844f72, Base @84f9848, the others @005ad2e
//   UNISWAP    Uniswap/default-token-list, src/tokens/mainnet.json @0030171
//   BYBIT      the transfers of the Bybit theft of 2025-02-21 (phvaz/blockchain-fund-tracing-
//              investigation, data/raw), and for stETH and mETH constants in public Solidity code
//   SEVERAL    the same contract under the same name in five or more unrelated public repositories
//   NATIVE     the chain's own coin; its number is that of SLIP-0044
// The native coin's smallest unit: 8 decimals on the chains that descend from Bitcoin, 18 on those
// that run the EVM.
#include "chain/asset.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "chain/address.h"
#include "codec/caip.h"

#define BOOK_ETHEREUM "bgd-labs/aave-address-book AaveV3Ethereum.ts @0010c07"
#define BOOK_BNB "bgd-labs/aave-address-book AaveV3BNB.ts @0844f72"
#define BOOK_POLYGON "bgd-labs/aave-address-book AaveV3Polygon.ts @005ad2e"
#define BOOK_ARBITRUM "bgd-labs/aave-address-book AaveV3Arbitrum.ts @005ad2e"
#define BOOK_OPTIMISM "bgd-labs/aave-address-book AaveV3Optimism.ts @005ad2e"
#define BOOK_BASE "bgd-labs/aave-address-book AaveV3Base.ts @84f9848"
#define BOOK_AVALANCHE "bgd-labs/aave-address-book AaveV3Avalanche.ts @005ad2e"
#define UNISWAP "Uniswap/default-token-list mainnet.json @0030171"
#define BYBIT "transfers of the Bybit theft of 2025-02-21 (phvaz, data/raw)"
#define SEVERAL "same contract and name in five or more unrelated public repositories"
#define NATIVE "SLIP-0044"

//- native coins ----------------------------------------------------------------------------------

typedef struct native_row {
	const char *chain, *name;
	uint32_t decimals;
	uint16_t slip44;       // written in CAIP-19
	uint16_t also_read[3]; // what other programs write for the same coin; 0 = no more
} native_row;

// The symbols stand in the table of chains. Many programs write 60, the number of ether, for the
// native coin of every EVM chain; a chain has but one native coin, so nothing is lost by reading
// it.
static const native_row natives[] = {
    {"bitcoin", "Bitcoin", 8, 0, {0}},
    {"testnet3", "Bitcoin Testnet", 8, 1, {0}},
    {"testnet4", "Bitcoin Testnet4", 8, 1, {0}},
    {"signet", "Bitcoin Signet", 8, 1, {0}},
    {"regtest", "Bitcoin Regtest", 8, 1, {0}},
    {"litecoin", "Litecoin", 8, 2, {0}},
    {"dogecoin", "Dogecoin", 8, 3, {0}},
    {"bitcoin-cash", "Bitcoin Cash", 8, 145, {0}},
    {"ethereum", "Ether", 18, 60, {0}},
    {"bsc", "BNB", 18, 714, {60, 9006, 0}},
    {"polygon", "POL (was MATIC)", 18, 966, {60, 0}},
    {"arbitrum", "Ether", 18, 60, {0}},
    {"optimism", "Ether", 18, 60, {614, 0}},
    {"base", "Ether", 18, 60, {0}},
    {"avalanche", "Avalanche", 18, 9005, {60, 9000, 0}},
    {"sepolia", "Sepolia Ether", 18, 60, {1, 0}},
    {"anvil", "Anvil Ether", 18, 60, {1, 0}},
    {"simnet", "Bitcoin Simnet", 8, 1, {0}},
};

//- tokens ----------------------------------------------------------------------------------------

typedef struct token_row {
	const char *chain, *symbol, *name;
	uint32_t decimals;
	dp_asset_class class;
	const char *contract, *issuer, *source;
} token_row;

static const token_row tokens[] = {
    // ethereum
    {"ethereum", "WETH", "Wrapped Ether", 18, DP_ASSET_WRAPPED,
     "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "", BOOK_ETHEREUM},
    {"ethereum", "WBTC", "Wrapped Bitcoin", 8, DP_ASSET_WRAPPED,
     "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "", BOOK_ETHEREUM},
    {"ethereum", "cbBTC", "Coinbase Wrapped BTC", 8, DP_ASSET_WRAPPED,
     "0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf", "Coinbase", BOOK_ETHEREUM},
    {"ethereum", "tBTC", "Threshold tBTC v2", 18, DP_ASSET_WRAPPED,
     "0x18084fbA666a33d37592fA2633fD49a74DD93a88", "", BOOK_ETHEREUM},
    {"ethereum", "LBTC", "Lombard Staked Bitcoin", 8, DP_ASSET_WRAPPED,
     "0x8236a87084f8B84306f72007F36F2618A5634494", "", BOOK_ETHEREUM},
    {"ethereum", "FBTC", "Function Bitcoin", 8, DP_ASSET_WRAPPED,
     "0xC96dE26018A54D51c097160568752c4E3BD6C364", "", BOOK_ETHEREUM},
    {"ethereum", "USDT", "Tether USD", 6, DP_ASSET_STABLE,
     "0xdAC17F958D2ee523a2206206994597C13D831ec7", "Tether", BOOK_ETHEREUM},
    {"ethereum", "USDC", "USD Coin", 6, DP_ASSET_STABLE,
     "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "Circle", BOOK_ETHEREUM},
    {"ethereum", "DAI", "Dai Stablecoin", 18, DP_ASSET_STABLE,
     "0x6B175474E89094C44Da98b954EedeAC495271d0F", "", BOOK_ETHEREUM},
    {"ethereum", "USDS", "USDS Stablecoin", 18, DP_ASSET_STABLE,
     "0xdC035D45d973E3EC169d2276DDab16f1e407384F", "", BOOK_ETHEREUM},
    {"ethereum", "sDAI", "Savings Dai", 18, DP_ASSET_STABLE,
     "0x83F20F44975D03b1b09e64809B757c47f942BEeA", "", BOOK_ETHEREUM},
    {"ethereum", "USDe", "Ethena USDe", 18, DP_ASSET_STABLE,
     "0x4c9EDD5852cd905f086C759E8383e09bff1E68B3", "", BOOK_ETHEREUM},
    {"ethereum", "sUSDe", "Staked USDe", 18, DP_ASSET_STABLE,
     "0x9D39A5DE30e57443BfF2A8307A4256c8797A3497", "Ethena", BOOK_ETHEREUM},
    {"ethereum", "PYUSD", "PayPal USD", 6, DP_ASSET_STABLE,
     "0x6c3ea9036406852006290770BEdFcAbA0e23A0e8", "Paxos", BOOK_ETHEREUM},
    {"ethereum", "RLUSD", "Ripple USD", 18, DP_ASSET_STABLE,
     "0x8292Bb45bf1Ee4d140127049757C2E0fF06317eD", "Ripple", BOOK_ETHEREUM},
    {"ethereum", "FRAX", "Frax (legacy)", 18, DP_ASSET_STABLE,
     "0x853d955aCEf822Db058eb8505911ED77F175b99e", "", BOOK_ETHEREUM},
    {"ethereum", "LUSD", "Liquity USD", 18, DP_ASSET_STABLE,
     "0x5f98805A4E8be255a32880FDeC7F6728C6568bA0", "", BOOK_ETHEREUM},
    {"ethereum", "GHO", "Aave GHO", 18, DP_ASSET_STABLE,
     "0x40D16FC0246aD3160Ccc09B8D0D3A2cD28aE6C2f", "", BOOK_ETHEREUM},
    {"ethereum", "crvUSD", "Curve USD", 18, DP_ASSET_STABLE,
     "0xf939E0A03FB07F59A73314E73794Be0E57ac1b4E", "", BOOK_ETHEREUM},
    {"ethereum", "USDtb", "Ethena USDtb", 18, DP_ASSET_STABLE,
     "0xC139190F447e929f090Edeb554D95AbB8b18aC1C", "", BOOK_ETHEREUM},
    {"ethereum", "USDG", "Global Dollar", 6, DP_ASSET_STABLE,
     "0xe343167631d89B6Ffc58B88d6b7fB0228795491D", "Paxos", BOOK_ETHEREUM},
    {"ethereum", "EURC", "Euro Coin", 6, DP_ASSET_STABLE,
     "0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c", "Circle", BOOK_ETHEREUM},
    {"ethereum", "XAUt", "Tether Gold", 6, DP_ASSET_TOKEN,
     "0x68749665FF8D2d112Fa859AA293F07A622782F38", "Tether", BOOK_ETHEREUM},
    {"ethereum", "wstETH", "Wrapped liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", "", BOOK_ETHEREUM},
    {"ethereum", "rETH", "Rocket Pool ETH", 18, DP_ASSET_STAKED,
     "0xae78736Cd615f374D3085123A210448E74Fc6393", "", BOOK_ETHEREUM},
    {"ethereum", "cbETH", "Coinbase Wrapped Staked ETH", 18, DP_ASSET_STAKED,
     "0xBe9895146f7AF43049ca1c1AE358B0541Ea49704", "Coinbase", BOOK_ETHEREUM},
    {"ethereum", "weETH", "Wrapped eETH", 18, DP_ASSET_STAKED,
     "0xCd5fE23C85820F7B72D0926FC9b05b43E359b7ee", "", BOOK_ETHEREUM},
    {"ethereum", "osETH", "StakeWise Staked ETH", 18, DP_ASSET_STAKED,
     "0xf1C9acDc66974dFB6dEcB12aA385b9cD01190E38", "", BOOK_ETHEREUM},
    {"ethereum", "ETHx", "Stader ETHx", 18, DP_ASSET_STAKED,
     "0xA35b1B31Ce002FBF2058D22F30f95D405200A15b", "", BOOK_ETHEREUM},
    {"ethereum", "rsETH", "Kelp Restaked ETH", 18, DP_ASSET_STAKED,
     "0xA1290d69c65A6Fe4DF752f95823fae25cB99e5A7", "", BOOK_ETHEREUM},
    {"ethereum", "ezETH", "Renzo Restaked ETH", 18, DP_ASSET_STAKED,
     "0xbf5495Efe5DB9ce00f80364C8B423567e58d2110", "", BOOK_ETHEREUM},
    {"ethereum", "LINK", "ChainLink Token", 18, DP_ASSET_TOKEN,
     "0x514910771AF9Ca656af840dff83E8264EcF986CA", "", BOOK_ETHEREUM},
    {"ethereum", "AAVE", "Aave Token", 18, DP_ASSET_TOKEN,
     "0x7Fc66500c84A76Ad7e9c93437bFc5Ac33E2DDaE9", "", BOOK_ETHEREUM},
    {"ethereum", "UNI", "Uniswap", 18, DP_ASSET_TOKEN, "0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984",
     "", BOOK_ETHEREUM},
    {"ethereum", "MKR", "Maker", 18, DP_ASSET_TOKEN, "0x9f8F72aA9304c8B593d555F12eF6589cC3A579A2",
     "", BOOK_ETHEREUM},
    {"ethereum", "LDO", "Lido DAO Token", 18, DP_ASSET_TOKEN,
     "0x5A98FcBEA516Cf06857215779Fd812CA3beF1B32", "", BOOK_ETHEREUM},
    {"ethereum", "CRV", "Curve DAO Token", 18, DP_ASSET_TOKEN,
     "0xD533a949740bb3306d119CC777fa900bA034cd52", "", BOOK_ETHEREUM},
    {"ethereum", "SNX", "Synthetix Network Token", 18, DP_ASSET_TOKEN,
     "0xC011a73ee8576Fb46F5E1c5751cA3B9Fe0af2a6F", "", BOOK_ETHEREUM},
    {"ethereum", "stETH", "Liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84", "", BYBIT},
    {"ethereum", "mETH", "Mantle Staked Ether", 18, DP_ASSET_STAKED,
     "0xd5F7838F5C461fefF7FE49ea5ebaF7728bB0ADfa", "", BYBIT},
    {"ethereum", "cmETH", "Mantle Restaked Ether", 18, DP_ASSET_STAKED,
     "0xE6829d9a7eE3040e1276Fa75293Bde931859e8fA", "mETH Protocol", BYBIT},
    {"ethereum", "eETH", "ether.fi ETH", 18, DP_ASSET_STAKED,
     "0x35fA164735182de50811E8e2E824cFb9B6118ac2", "", SEVERAL},
    {"ethereum", "frxETH", "Frax Ether", 18, DP_ASSET_STAKED,
     "0x5E8422345238F34275888049021821E8E08CAa1f", "", SEVERAL},
    {"ethereum", "sfrxETH", "Staked Frax Ether", 18, DP_ASSET_STAKED,
     "0xac3E018457B222d93114458476f3E3416Abbe38F", "", SEVERAL},
    {"ethereum", "swETH", "Swell Ether", 18, DP_ASSET_STAKED,
     "0xf951E335afb289353dc249e82926178EaC7DEd78", "", SEVERAL},
    {"ethereum", "rswETH", "Restaked Swell Ether", 18, DP_ASSET_STAKED,
     "0xFAe103DC9cf190eD75350761e95403b7b8aFa6c0", "", SEVERAL},
    {"ethereum", "wBETH", "Wrapped Beacon ETH", 18, DP_ASSET_STAKED,
     "0xa2E3356610840701BDf5611a53974510Ae27E2e1", "", SEVERAL},
    {"ethereum", "ankrETH", "Ankr Staked ETH", 18, DP_ASSET_STAKED,
     "0xE95A203B1a91a908F9B9CE46459d101078c2c3cb", "", SEVERAL},
    {"ethereum", "LsETH", "Liquid Staked ETH", 18, DP_ASSET_STAKED,
     "0x8c1BEd5b9a0928467c9B1341Da1D7BD5e10b6549", "", SEVERAL},
    {"ethereum", "BUSD", "Binance USD", 18, DP_ASSET_STABLE,
     "0x4Fabb145d64652a948d72533023f6E7A623C7C53", "Paxos", SEVERAL},
    {"ethereum", "USDP", "Pax Dollar", 18, DP_ASSET_STABLE,
     "0x8E870D67F660D95d5be530380D0eC0bd388289E1", "Paxos", SEVERAL},
    {"ethereum", "TUSD", "TrueUSD", 18, DP_ASSET_STABLE,
     "0x0000000000085d4780B73119b644AE5ecd22b376", "TrueUSD", SEVERAL},
    {"ethereum", "GUSD", "Gemini Dollar", 2, DP_ASSET_STABLE,
     "0x056Fd409E1d7A124BD7017459dFEa2F387b6d5Cd", "Gemini", SEVERAL},
    {"ethereum", "FDUSD", "First Digital USD", 18, DP_ASSET_STABLE,
     "0xc5f0f7b66764F6ec8C8Dff7BA683102295E16409", "First Digital", SEVERAL},
    {"ethereum", "HUSD", "HUSD", 8, DP_ASSET_STABLE, "0xdF574c24545E5FfEcb9a659c229253D4111d87e1",
     "", SEVERAL},
    {"ethereum", "sUSD", "Synth sUSD", 18, DP_ASSET_STABLE,
     "0x57Ab1ec28D129707052df4dF418D58a2D46d5f51", "", UNISWAP},
    {"ethereum", "renBTC", "renBTC", 8, DP_ASSET_WRAPPED,
     "0xEB4C2781e4ebA804CE9a9803C67d0893436bB27D", "", UNISWAP},
    {"ethereum", "MATIC", "Matic Token", 18, DP_ASSET_TOKEN,
     "0x7D1AfA7B718fb893dB30A3aBc0Cfc608AaCfeBB0", "", SEVERAL},
    {"ethereum", "SHIB", "Shiba Inu", 18, DP_ASSET_TOKEN,
     "0x95aD61b0a150d79219dCF64E1E6Cc01f0B64C4cE", "", SEVERAL},
    // bsc
    {"bsc", "WBNB", "Wrapped BNB", 18, DP_ASSET_WRAPPED,
     "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c", "", BOOK_BNB},
    {"bsc", "BTCB", "Binance-Peg BTCB", 18, DP_ASSET_WRAPPED,
     "0x7130d2A12B9BCbFAe4f2634d864A1Ee1Ce3Ead9c", "", BOOK_BNB},
    {"bsc", "ETH", "Binance-Peg Ethereum", 18, DP_ASSET_WRAPPED,
     "0x2170Ed0880ac9A755fd29B2688956BD959F933F8", "", BOOK_BNB},
    {"bsc", "USDC", "Binance-Peg USD Coin", 18, DP_ASSET_STABLE,
     "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", "", BOOK_BNB},
    {"bsc", "USDT", "Binance-Peg BSC-USD", 18, DP_ASSET_STABLE,
     "0x55d398326f99059fF775485246999027B3197955", "", BOOK_BNB},
    {"bsc", "FDUSD", "First Digital USD", 18, DP_ASSET_STABLE,
     "0xc5f0f7b66764F6ec8C8Dff7BA683102295E16409", "First Digital", BOOK_BNB},
    {"bsc", "wstETH", "Wrapped liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0x26c5e01524d2E6280A48F2c50fF6De7e52E9611C", "", BOOK_BNB},
    {"bsc", "CAKE", "PancakeSwap Token", 18, DP_ASSET_TOKEN,
     "0x0E09FaBB73Bd3Ade0a17ECC321fD13a19e81cE82", "", BOOK_BNB},
    {"bsc", "BUSD", "Binance-Peg BUSD", 18, DP_ASSET_STABLE,
     "0xe9e7CEA3DedcA5984780Bafc599bD69ADd087D56", "", SEVERAL},
    {"bsc", "DAI", "Binance-Peg Dai", 18, DP_ASSET_STABLE,
     "0x1AF3F329e8BE154074D8769D1FFa4eE058B1DBc3", "", SEVERAL},
    {"bsc", "TUSD", "TrueUSD", 18, DP_ASSET_STABLE, "0x40af3827F39D0EAcBF4A168f8D4ee67c121D11c9",
     "TrueUSD", SEVERAL},
    {"bsc", "TUSDOLD", "TrueUSD (old)", 18, DP_ASSET_STABLE,
     "0x14016E85a25aeb13065688cAFB43044C2ef86784", "", SEVERAL},
    {"bsc", "wBETH", "Wrapped Beacon ETH", 18, DP_ASSET_STAKED,
     "0xa2E3356610840701BDf5611a53974510Ae27E2e1", "", SEVERAL},
    // polygon
    {"polygon", "WPOL", "Wrapped POL (was WMATIC)", 18, DP_ASSET_WRAPPED,
     "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270", "", BOOK_POLYGON},
    {"polygon", "WETH", "Wrapped Ether (bridged)", 18, DP_ASSET_WRAPPED,
     "0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619", "", BOOK_POLYGON},
    {"polygon", "WBTC", "Wrapped Bitcoin (bridged)", 8, DP_ASSET_WRAPPED,
     "0x1BFD67037B42Cf73acF2047067bd4F2C47D9BfD6", "", BOOK_POLYGON},
    {"polygon", "USDC", "USD Coin", 6, DP_ASSET_STABLE,
     "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "Circle", SEVERAL},
    {"polygon", "USDC.e", "USD Coin (bridged)", 6, DP_ASSET_STABLE,
     "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", "", BOOK_POLYGON},
    {"polygon", "USDT", "Tether USD (bridged)", 6, DP_ASSET_STABLE,
     "0xc2132D05D31c914a87C6611C10748AEb04B58e8F", "", BOOK_POLYGON},
    {"polygon", "DAI", "Dai Stablecoin (bridged)", 18, DP_ASSET_STABLE,
     "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063", "", BOOK_POLYGON},
    {"polygon", "wstETH", "Wrapped liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0x03b54A6e9a984069379fae1a4fC4dBAE93B3bCCD", "", BOOK_POLYGON},
    {"polygon", "stMATIC", "Staked MATIC", 18, DP_ASSET_STAKED,
     "0x3A58a54C066FdC0f2D55FC9C89F0415C92eBf3C4", "", BOOK_POLYGON},
    {"polygon", "MaticX", "Liquid Staking Matic", 18, DP_ASSET_STAKED,
     "0xfa68FB4628DFF1028CFEc22b4162FCcd0d45efb6", "", BOOK_POLYGON},
    // arbitrum
    {"arbitrum", "WETH", "Wrapped Ether", 18, DP_ASSET_WRAPPED,
     "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", "", BOOK_ARBITRUM},
    {"arbitrum", "WBTC", "Wrapped Bitcoin (bridged)", 8, DP_ASSET_WRAPPED,
     "0x2f2a2543B76A4166549F7aaB2e75Bef0aefC5B0f", "", BOOK_ARBITRUM},
    {"arbitrum", "USDC", "USD Coin", 6, DP_ASSET_STABLE,
     "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "Circle", BOOK_ARBITRUM},
    {"arbitrum", "USDC.e", "USD Coin (bridged)", 6, DP_ASSET_STABLE,
     "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8", "", BOOK_ARBITRUM},
    {"arbitrum", "USDT", "Tether USD (bridged)", 6, DP_ASSET_STABLE,
     "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9", "", BOOK_ARBITRUM},
    {"arbitrum", "DAI", "Dai Stablecoin (bridged)", 18, DP_ASSET_STABLE,
     "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1", "", BOOK_ARBITRUM},
    {"arbitrum", "FRAX", "Frax (bridged)", 18, DP_ASSET_STABLE,
     "0x17FC002b466eEc40DaE837Fc4bE5c67993ddBd6F", "", BOOK_ARBITRUM},
    {"arbitrum", "LUSD", "Liquity USD (bridged)", 18, DP_ASSET_STABLE,
     "0x93b346b6BC2548dA6A1E7d98E9a421B42541425b", "", BOOK_ARBITRUM},
    {"arbitrum", "wstETH", "Wrapped liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0x5979D7b546E38E414F7E9822514be443A4800529", "", BOOK_ARBITRUM},
    {"arbitrum", "rETH", "Rocket Pool ETH", 18, DP_ASSET_STAKED,
     "0xEC70Dcb4A1EFa46b8F2D97C310C9c4790ba5ffA8", "", BOOK_ARBITRUM},
    {"arbitrum", "ARB", "Arbitrum", 18, DP_ASSET_TOKEN,
     "0x912CE59144191C1204E64559FE8253a0e49E6548", "", BOOK_ARBITRUM},
    // optimism
    {"optimism", "WETH", "Wrapped Ether", 18, DP_ASSET_WRAPPED,
     "0x4200000000000000000000000000000000000006", "", BOOK_OPTIMISM},
    {"optimism", "WBTC", "Wrapped Bitcoin (bridged)", 8, DP_ASSET_WRAPPED,
     "0x68f180fcCe6836688e9084f035309E29Bf0A2095", "", BOOK_OPTIMISM},
    {"optimism", "USDC", "USD Coin", 6, DP_ASSET_STABLE,
     "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85", "Circle", SEVERAL},
    {"optimism", "USDC.e", "USD Coin (bridged)", 6, DP_ASSET_STABLE,
     "0x7F5c764cBc14f9669B88837ca1490cCa17c31607", "", BOOK_OPTIMISM},
    {"optimism", "USDT", "Tether USD (bridged)", 6, DP_ASSET_STABLE,
     "0x94b008aA00579c1307B0EF2c499aD98a8ce58e58", "", BOOK_OPTIMISM},
    {"optimism", "DAI", "Dai Stablecoin (bridged)", 18, DP_ASSET_STABLE,
     "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1", "", BOOK_OPTIMISM},
    {"optimism", "sUSD", "Synth sUSD", 18, DP_ASSET_STABLE,
     "0x8c6f28f2F1A3C87F0f938b96d27520d9751ec8d9", "", BOOK_OPTIMISM},
    {"optimism", "LUSD", "Liquity USD (bridged)", 18, DP_ASSET_STABLE,
     "0xc40F949F8a4e094D1b49a23ea9241D289B7b2819", "", BOOK_OPTIMISM},
    {"optimism", "wstETH", "Wrapped liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0x1F32b1c2345538c0c6f582fCB022739c4A194Ebb", "", BOOK_OPTIMISM},
    {"optimism", "rETH", "Rocket Pool ETH", 18, DP_ASSET_STAKED,
     "0x9Bcef72be871e61ED4fBbc7630889beE758eb81D", "", BOOK_OPTIMISM},
    {"optimism", "OP", "Optimism", 18, DP_ASSET_TOKEN, "0x4200000000000000000000000000000000000042",
     "", BOOK_OPTIMISM},
    // base
    {"base", "WETH", "Wrapped Ether", 18, DP_ASSET_WRAPPED,
     "0x4200000000000000000000000000000000000006", "", BOOK_BASE},
    {"base", "cbBTC", "Coinbase Wrapped BTC", 8, DP_ASSET_WRAPPED,
     "0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf", "Coinbase", SEVERAL},
    {"base", "USDC", "USD Coin", 6, DP_ASSET_STABLE, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
     "Circle", BOOK_BASE},
    {"base", "USDbC", "USD Base Coin (bridged)", 6, DP_ASSET_STABLE,
     "0xd9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA", "", BOOK_BASE},
    {"base", "USDT", "Tether USD (bridged)", 6, DP_ASSET_STABLE,
     "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2", "", SEVERAL},
    {"base", "DAI", "Dai Stablecoin (bridged)", 18, DP_ASSET_STABLE,
     "0x50c5725949A6F0c72E6C4a641F24049A917DB0Cb", "", SEVERAL},
    {"base", "cbETH", "Coinbase Wrapped Staked ETH", 18, DP_ASSET_STAKED,
     "0x2Ae3F1Ec7F1F5012CFEab0185bfc7aa3cf0DEc22", "", BOOK_BASE},
    {"base", "wstETH", "Wrapped liquid staked Ether 2.0", 18, DP_ASSET_STAKED,
     "0xc1CBa3fCea344f92D9239c08C0568f6F2F0ee452", "", BOOK_BASE},
    // avalanche
    {"avalanche", "WAVAX", "Wrapped AVAX", 18, DP_ASSET_WRAPPED,
     "0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7", "", BOOK_AVALANCHE},
    {"avalanche", "WETH.e", "Wrapped Ether (bridged)", 18, DP_ASSET_WRAPPED,
     "0x49D5c2BdFfac6CE2BFdB6640F4F80f226bc10bAB", "", BOOK_AVALANCHE},
    {"avalanche", "WBTC.e", "Wrapped Bitcoin (bridged)", 8, DP_ASSET_WRAPPED,
     "0x50b7545627a5162F82A992c33b87aDc75187B218", "", BOOK_AVALANCHE},
    {"avalanche", "BTC.b", "Bitcoin (Avalanche bridge)", 8, DP_ASSET_WRAPPED,
     "0x152b9d0FdC40C096757F570A51E494bd4b943E50", "", BOOK_AVALANCHE},
    {"avalanche", "USDC", "USD Coin", 6, DP_ASSET_STABLE,
     "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "Circle", BOOK_AVALANCHE},
    {"avalanche", "USDC.e", "USD Coin (bridged)", 6, DP_ASSET_STABLE,
     "0xA7D7079b0FEaD91F3e65f86E8915Cb59c1a4C664", "", SEVERAL},
    {"avalanche", "USDT", "Tether USD", 6, DP_ASSET_STABLE,
     "0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7", "Tether", BOOK_AVALANCHE},
    {"avalanche", "DAI.e", "Dai Stablecoin (bridged)", 18, DP_ASSET_STABLE,
     "0xd586E7F844cEa2F87f50152665BCbc2C279D8d70", "", BOOK_AVALANCHE},
    {"avalanche", "FRAX", "Frax (bridged)", 18, DP_ASSET_STABLE,
     "0xD24C2Ad096400B6FBcd2ad8B24E7acBc21A1da64", "", BOOK_AVALANCHE},
    {"avalanche", "sAVAX", "Staked AVAX", 18, DP_ASSET_STAKED,
     "0x2b2C81e08f1Af8835a78Bb2A90AE924ACE0eA4bE", "", BOOK_AVALANCHE},
};

// The shares of a rebasing token, by the symbols of this list.
static const struct {
	const char *chain, *token, *symbol, *name, *source;
} shares[] = {
    {"ethereum", "stETH", "stETH-share", "Shares of Liquid staked Ether 2.0",
     "lidofinance/core contracts/0.4.24/StETH.sol (TransferShares)"},
};

// Names of the past that exports still use.
static const struct {
	const char *chain, *symbol, *now;
} aliases[] = {
    {"polygon", "MATIC", "POL"},
    {"polygon", "WMATIC", "WPOL"},
    {"bitcoin", "XBT", "BTC"},
};

//- the list as it is used ------------------------------------------------------------------------

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

enum {
	NATIVE_COUNT = COUNT_OF(natives),
	TOKEN_COUNT = COUNT_OF(tokens),
	SHARE_COUNT = COUNT_OF(shares),
	ALIAS_COUNT = COUNT_OF(aliases),
	ASSET_COUNT = NATIVE_COUNT + TOKEN_COUNT + SHARE_COUNT + 1, // and US dollars
	SLOT_COUNT = 1024, // of each table: a power of two, several times the count
	SYMBOL_MAX = 16
};

_Static_assert(SLOT_COUNT >= 4 * (ASSET_COUNT + ALIAS_COUNT), "tables must stay sparse");

// Filled once, read-only from then on. The tables hold asset ids (0 = free) and are probed in
// order; only rows of this file go in, so nobody outside can make them long.
static dp_asset_info infos[ASSET_COUNT + 1]; // [0] is no asset
static dp_asset nominals[SHARE_COUNT], share_ids[SHARE_COUNT];
static uint16_t by_contract[SLOT_COUNT], by_symbol[SLOT_COUNT];
static uint8_t alias_of[SLOT_COUNT]; // with by_symbol: 0, or which alias (from 1) the slot is for
static pthread_once_t list_once = PTHREAD_ONCE_INIT;

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

// FNV-1a: the tables are small and the keys short.
static uint32_t slot_of(uint32_t chain_id, const void *key, size_t n)
{
	const char *p = key;
	uint32_t h = 2166136261u ^ chain_id;
	for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)p[i]) * 16777619u;
	return (h ^ h >> 15) & (SLOT_COUNT - 1);
}

// Valuations belong to no chain and are found on every one; they are kept under this id.
enum { ANY_CHAIN = 0xffff };

static uint32_t symbol_slot(const dp_chain *chain, const char *symbol, size_t n)
{
	char folded[SYMBOL_MAX];
	DP_CHECK(n <= sizeof folded);
	for (size_t i = 0; i < n; i++) folded[i] = lower(symbol[i]);
	return slot_of(chain == NULL ? ANY_CHAIN : chain->id, folded, n);
}

static void put_symbol(const dp_chain *chain, const char *symbol, uint16_t id, uint8_t alias)
{
	uint32_t slot = symbol_slot(chain, symbol, strlen(symbol));
	while (by_symbol[slot] != 0) {
		// Two rows of one chain with one symbol could not be told apart in a file.
		const dp_asset_info *other = &infos[by_symbol[slot]];
		DP_CHECK(other->chain != chain || strcasecmp(other->symbol, symbol) != 0);
		slot = (slot + 1) & (SLOT_COUNT - 1);
	}
	by_symbol[slot] = id;
	alias_of[slot] = alias;
}

static void put_contract(uint16_t id)
{
	const dp_asset_info *info = &infos[id];
	uint32_t slot = slot_of(info->chain->id, info->contract, 20);
	while (by_contract[slot] != 0) {
		const dp_asset_info *other = &infos[by_contract[slot]];
		DP_CHECK(other->chain != info->chain ||
		         memcmp(other->contract, info->contract, 20) != 0);
		slot = (slot + 1) & (SLOT_COUNT - 1);
	}
	by_contract[slot] = id;
}

static const dp_chain *chain_named(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	DP_CHECK(chain != NULL);
	return chain;
}

static void fill_token(dp_asset_info *info, const token_row *row)
{
	dp_addr contract;
	info->chain = chain_named(row->chain);
	DP_CHECK(info->chain->kind == DP_CHAIN_ACCOUNT);
	// Mixed case is verified by dp_addr_parse; a row in one case would have no checksum. Only
	// contracts without letters have none to give.
	DP_CHECK(dp_addr_parse(&contract, row->contract, strlen(row->contract), info->chain,
	                       NULL) == DP_OK);
	char shown[DP_ADDR_TEXT_MAX];
	dp_addr_format(shown, &contract, info->chain);
	DP_CHECK(strcmp(shown, row->contract) == 0);
	info->symbol = row->symbol;
	info->name = row->name;
	info->decimals = row->decimals;
	info->class = row->class;
	info->has_contract = true;
	memcpy(info->contract, contract.bytes, 20);
	info->issuer = row->issuer;
	info->source = row->source;
}

static uint16_t listed(const dp_chain *chain, const char *symbol)
{
	uint16_t of = 1;
	while (of <= ASSET_COUNT &&
	       (infos[of].chain != chain || strcmp(infos[of].symbol, symbol) != 0))
		of++;
	DP_CHECK(of <= ASSET_COUNT);
	return of;
}

// A share is its token in all but name and number, and has no entry by contract: what a contract is
// asked for is the token.
static void fill_share(uint16_t id, size_t i)
{
	nominals[i].v = listed(chain_named(shares[i].chain), shares[i].token);
	share_ids[i].v = id;
	infos[id] = infos[nominals[i].v];
	infos[id].id.v = id;
	infos[id].symbol = shares[i].symbol;
	infos[id].name = shares[i].name;
	infos[id].source = shares[i].source;
	put_symbol(infos[id].chain, infos[id].symbol, id, 0);
}

static void fill_list(void)
{
	uint16_t id = 1;
	DP_CHECK(NATIVE_COUNT == dp_chain_count());
	for (size_t i = 0; i < NATIVE_COUNT; i++, id++) {
		const dp_chain *chain = chain_named(natives[i].chain);
		// dp_asset_native counts on this.
		DP_CHECK(chain->id == i);
		infos[id] = (dp_asset_info){.id = {id},
		                            .chain = chain,
		                            .symbol = chain->native,
		                            .name = natives[i].name,
		                            .decimals = natives[i].decimals,
		                            .class = DP_ASSET_NATIVE,
		                            .issuer = "",
		                            .source = NATIVE};
		put_symbol(chain, chain->native, id, 0);
	}
	for (size_t i = 0; i < TOKEN_COUNT; i++, id++) {
		infos[id].id.v = id;
		fill_token(&infos[id], &tokens[i]);
		put_symbol(infos[id].chain, infos[id].symbol, id, 0);
		put_contract(id);
	}
	for (size_t i = 0; i < SHARE_COUNT; i++, id++) fill_share(id, i);
	infos[id] = (dp_asset_info){.id = {id},
	                            .symbol = "usd",
	                            .name = "US dollars as an export values them",
	                            .decimals = 18,
	                            .class = DP_ASSET_VALUATION,
	                            .issuer = "",
	                            .source = "not a coin"};
	put_symbol(NULL, "usd", id, 0);
	DP_CHECK(id == ASSET_COUNT);
	for (int i = 0; i < ALIAS_COUNT; i++) {
		const dp_chain *chain = chain_named(aliases[i].chain);
		uint16_t of = listed(chain, aliases[i].now);
		put_symbol(chain, aliases[i].symbol, of, (uint8_t)(i + 1));
	}
}

static void need_list(void)
{
	DP_CHECK(pthread_once(&list_once, fill_list) == 0);
}

uint16_t dp_asset_count(void)
{
	return ASSET_COUNT;
}

const dp_asset_info *dp_asset_info_of(dp_asset a)
{
	need_list();
	DP_CHECK(a.v >= 1 && a.v <= ASSET_COUNT);
	return &infos[a.v];
}

dp_asset dp_asset_native(const dp_chain *chain)
{
	need_list();
	DP_CHECK(chain != NULL && chain->id < NATIVE_COUNT);
	return (dp_asset){(uint16_t)(chain->id + 1)};
}

static dp_asset find_symbol(const dp_chain *chain, const char *symbol, size_t n)
{
	uint32_t slot = symbol_slot(chain, symbol, n);
	for (; by_symbol[slot] != 0; slot = (slot + 1) & (SLOT_COUNT - 1)) {
		const dp_asset_info *info = &infos[by_symbol[slot]];
		const char *known =
		    alias_of[slot] > 0 ? aliases[alias_of[slot] - 1].symbol : info->symbol;
		if (info->chain == chain && strlen(known) == n &&
		    strncasecmp(known, symbol, n) == 0)
			return info->id;
	}
	return DP_ASSET_NONE;
}

dp_asset dp_asset_by_symbol(const dp_chain *chain, const char *symbol, size_t n)
{
	need_list();
	DP_CHECK(symbol != NULL || n == 0);
	if (n == 0 || n > SYMBOL_MAX) return DP_ASSET_NONE;
	dp_asset a = chain == NULL ? DP_ASSET_NONE : find_symbol(chain, symbol, n);
	return a.v != 0 ? a : find_symbol(NULL, symbol, n);
}

dp_asset dp_asset_by_contract(const dp_chain *chain, const uint8_t contract[20])
{
	need_list();
	DP_CHECK(chain != NULL && contract != NULL);
	uint32_t slot = slot_of(chain->id, contract, 20);
	for (; by_contract[slot] != 0; slot = (slot + 1) & (SLOT_COUNT - 1)) {
		const dp_asset_info *info = &infos[by_contract[slot]];
		if (info->chain == chain && memcmp(info->contract, contract, 20) == 0)
			return info->id;
	}
	return DP_ASSET_NONE;
}

dp_asset dp_asset_shares(dp_asset token)
{
	need_list();
	DP_CHECK(token.v <= ASSET_COUNT);
	for (size_t i = 0; i < SHARE_COUNT && token.v != 0; i++)
		if (nominals[i].v == token.v) return share_ids[i];
	return DP_ASSET_NONE;
}

dp_asset dp_asset_nominal(dp_asset share)
{
	need_list();
	DP_CHECK(share.v <= ASSET_COUNT);
	for (size_t i = 0; i < SHARE_COUNT && share.v != 0; i++)
		if (share_ids[i].v == share.v) return nominals[i];
	return DP_ASSET_NONE;
}

//- text ------------------------------------------------------------------------------------------

static dp_code unknown(dp_fault *fault, const char *text, size_t n, const dp_chain *chain,
                       const char *why)
{
	return dp_fail(fault, DP_NOT_FOUND, "\"%.*s\" on %s: %s", (int)(n > 100 ? 100 : n), text,
	               chain->name, why);
}

static bool part_is(dp_caip_part part, const char *text)
{
	return part.size == strlen(text) && memcmp(part.text, text, part.size) == 0;
}

static bool slip44_is_native(const dp_chain *chain, dp_caip_part number)
{
	const native_row *row = &natives[chain->id];
	char text[8];
	(void)snprintf(text, sizeof text, "%u", row->slip44);
	if (part_is(number, text)) return true;
	for (size_t i = 0; i < COUNT_OF(row->also_read) && row->also_read[i] != 0; i++) {
		(void)snprintf(text, sizeof text, "%u", row->also_read[i]);
		if (part_is(number, text)) return true;
	}
	return false;
}

static dp_code parse_contract(dp_asset *ret_asset, const dp_chain *chain, const char *text,
                              size_t n, dp_fault *fault)
{
	dp_addr contract;
	DP_TRY(dp_addr_parse(&contract, text, n, chain, fault));
	if (contract.kind != DP_ADDR_EVM)
		return unknown(fault, text, n, chain, "a contract address is needed");
	dp_asset a = dp_asset_by_contract(chain, contract.bytes);
	if (a.v == 0)
		return unknown(fault, text, n, chain,
		               "this contract is not on the asset list; only listed tokens carry "
		               "value");
	*ret_asset = a;
	return DP_OK;
}

static dp_code parse_caip19(dp_asset *ret_asset, const dp_chain *chain, const char *text, size_t n,
                            const dp_caip *name, dp_fault *fault)
{
	if (dp_chain_find(name->chain.text, name->chain.size) != chain)
		return unknown(fault, text, n, chain, "this asset is on another chain");
	if (name->token.text != NULL)
		return unknown(fault, text, n, chain,
		               "single tokens of a collection carry no value");
	if (part_is(name->asset_space, "slip44")) {
		if (!slip44_is_native(chain, name->asset_reference))
			return unknown(fault, text, n, chain,
			               "the chain's native coin has another "
			               "SLIP-0044 number");
		*ret_asset = dp_asset_native(chain);
		return DP_OK;
	}
	// BNB Chain's tokens are BEP-20 to some, which is ERC-20 by another name.
	if (part_is(name->asset_space, "erc20") || part_is(name->asset_space, "bep20"))
		return parse_contract(ret_asset, chain, name->asset_reference.text,
		                      name->asset_reference.size, fault);
	if (part_is(name->asset_space, "shares")) {
		dp_asset token;
		DP_TRY(parse_contract(&token, chain, name->asset_reference.text,
		                      name->asset_reference.size, fault));
		dp_asset share = dp_asset_shares(token);
		if (share.v == 0)
			return unknown(fault, text, n, chain,
			               "shares of this token are not followed; name the token");
		*ret_asset = share;
		return DP_OK;
	}
	return unknown(fault, text, n, chain, "only slip44, erc20 and shares assets are known");
}

dp_code dp_asset_parse(dp_asset *ret_asset, const dp_chain *chain, const char *text, size_t n,
                       dp_fault *fault)
{
	need_list();
	DP_CHECK(ret_asset != NULL && chain != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n == 0)
		return dp_fail(fault, DP_BAD_BYTES,
		               "an asset is missing: a symbol, a contract or a "
		               "CAIP-19 name is needed");
	dp_caip name;
	if (dp_caip19_split(&name, text, n))
		return parse_caip19(ret_asset, chain, text, n, &name, fault);
	if (chain->kind == DP_CHAIN_ACCOUNT && n >= 2 && text[0] == '0' && text[1] == 'x')
		return parse_contract(ret_asset, chain, text, n, fault);
	dp_asset a = dp_asset_by_symbol(chain, text, n);
	if (a.v == 0)
		return unknown(fault, text, n, chain,
		               "no asset of this symbol is on the list; give its contract or a "
		               "CAIP-19 name");
	*ret_asset = a;
	return DP_OK;
}

size_t dp_asset_caip19(char out[DP_ASSET_TEXT_MAX], dp_asset a)
{
	DP_CHECK(out != NULL);
	const dp_asset_info *info = dp_asset_info_of(a);
	int n;
	if (info->chain == NULL) {
		// No CAIP-19 namespace for valuations; the symbol is read back on any chain.
		n = snprintf(out, DP_ASSET_TEXT_MAX, "%s", info->symbol);
	} else if (!info->has_contract) {
		n = snprintf(out, DP_ASSET_TEXT_MAX, "%s/slip44:%u", info->chain->caip2,
		             natives[info->chain->id].slip44);
	} else {
		char shown[DP_ADDR_TEXT_MAX];
		dp_addr contract = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(contract.bytes, info->contract, 20);
		dp_addr_format(shown, &contract, info->chain);
		n = snprintf(out, DP_ASSET_TEXT_MAX, "%s/%s:%s", info->chain->caip2,
		             dp_asset_nominal(a).v != 0 ? "shares" : "erc20", shown);
	}
	DP_CHECK(n > 0 && n < DP_ASSET_TEXT_MAX);
	return (size_t)n;
}

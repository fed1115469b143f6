"""A thief among traders: a chain on anvil with pairs, a router, lenders, batches and freezes.

What it is. `build` makes the chain, step by step, and remembers the height after each step, so that
a test can look at every one of them. The pairs are paid before they pay, as Uniswap's are; one of
them stands at the address of a listed token (Maker's, whose worth by the year's bounds fits), so
that shares of it are followed. `world` gives the chain to the slow model (tests/model/netflow.py).

The prices are those of 2023, in which the chain's clock begins: dyepack's bounds for that year
(src/link/worth.c) must not find them absurd.
"""
from fractions import Fraction

import anvil
import dye
import netflow
from anvil import DOLLAR, ETHER, NOBODY

USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
MKR = "0x9f8f72aa9304c8b593d555f12ef6589cc3a579a2"
LISTED = {anvil.WETH: "weth", anvil.USDT: "usdt", USDC: "usdc", MKR: "mkr"}
TOKENS = {"weth": anvil.WETH, "usdt": anvil.USDT, "usdc": USDC, "mkr": MKR}


def bounds(low, high, low_part=1, high_part=1):
    """(lowest, highest, middle) of a coin in a year: widened by a quarter; parts of a coin of its
    kind that one can be worth."""
    low, high = Fraction(low * 3, 4), Fraction(high * 5, 4)
    return low * low_part, high * high_part, (low + high) * (low_part + high_part)


# As the list of assets has them, in its order.
ETHER_2023, DOLLAR_ALWAYS = bounds(1180, 2460), bounds(1, 1, Fraction(9, 10), Fraction(11, 10))
ASSETS = [
    ("eth", None, 18, "ether", *ETHER_2023),
    ("weth", anvil.WETH, 18, "ether", *ETHER_2023),
    ("usdt", anvil.USDT, 6, "dollar", *DOLLAR_ALWAYS),
    ("usdc", USDC, 6, "dollar", *DOLLAR_ALWAYS),
    ("mkr", MKR, 18, "maker", *bounds(20, 6400)),
]

DEEDS = {
    "0x42e160154868087d6bfdc0ca23d96a1c1cfa32f1b72ba9ba27b69b98a0d819dc": "freeze",
    "0xd7e9ec6e6ecd65492dce6bf513cd6867560d49544421d0783ddf06e76c24470c": "release",
    "0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6": "destroy",
}


class Anvil(anvil.Anvil):
    """With more tokens, one of which can be frozen, and a pair that is a listed token."""
    code = {anvil.WETH: "Wrapped", anvil.USDT: "Tether", USDC: "Token", MKR: "Pair"}

    def tokens(self, asks):
        """balanceOf for many (token, address, height) at once."""
        return self.many("eth_call", [
            ({"to": token, "data": anvil.call_data("Token", "balanceOf", address)}, hex(height))
            for token, address, height in asks])

    def ethers(self, asks):
        return self.many("eth_getBalance", [(address, hex(height)) for address, height in asks])

    def many(self, method, asks):
        answers = self.post([{"jsonrpc": "2.0", "id": i, "method": method, "params": list(params)}
                             for i, params in enumerate(asks)])
        return [int(a["result"], 16) for a in sorted(answers, key=lambda a: a["id"])]


class Chain(anvil.Chain):
    """Remembers the height after each step: `after`, name -> height."""

    def __init__(self, node):
        super().__init__(node)
        self.at.update({"usdc": USDC, "main": MKR, "mkr": MKR})
        self.after = {}

    def token(self, who, symbol, method, *values, **more):
        return self.invoke(who, "Token", method, *values, to=symbol, **more)

    def router(self, who, method, *values, **more):
        return self.invoke(who, "PairRouter", method, *values, to="pairrouter", **more)


def build(node):
    """Makes the whole chain on a fresh node."""
    c = Chain(node)
    node.call("anvil_setBlockTimestampInterval", anvil.BLOCK_SECONDS)
    node.call("anvil_setCoinbase", c.at["miner"])
    for step in (contracts, money, pools, theft, plain_swap, to_a_third, by_way_of_wrapping,
                 back_to_ether, through_two_pairs, somebody_else, failed_swap, liquidity,
                 liquidity_moves_on, flash_for_show, flash_for_profit, sandwich, splitter, batch,
                 frozen, released, destroyed, cash_out):
        step(c)
        c.mine()
        c.after[step.__name__] = node.height()
    return c


def contracts(c):
    c.create("bank", "Splitter")
    c.create("bank", "PairRouter", "weth")
    c.create("bank", "Lender")
    c.create("bank", "Flasher")
    c.create("bank", "Batch")
    c.create("bank", "Pair", name="dollars")  # USDT and USDC; its shares are on no list
    c.create("bank", "Pair", name="dear")     # ether at another price
    c.mine()
    c.invoke("bank", "Pair", "initialize", "weth", "usdt", to="main")
    c.invoke("bank", "Pair", "initialize", "usdt", "usdc", to="dollars")
    c.invoke("bank", "Pair", "initialize", "weth", "usdt", to="dear")


def money(c):
    for who, dollars in (("bank", 40_000_000), ("victim", 300_000), ("ann", 200_000),
                         ("eve", 400_000)):
        c.token(who, "usdt", "mint", who, dollars * DOLLAR)
    c.token("bank", "usdc", "mint", "bank", 10_000_000 * DOLLAR)
    c.invoke("bank", "Wrapped", "deposit", to="weth", value=20_000 * ETHER)
    for who in ("bank", "ann", "eve"):
        for symbol in ("usdt", "usdc", "weth"):
            c.token(who, symbol, "approve", "pairrouter", 2 ** 255)
    c.token("ann", "usdt", "approve", "batch", 2 ** 255)


def pools(c):
    c.router("bank", "addLiquidity", "main", 4500 * ETHER, 9_000_000 * DOLLAR, "bank")
    c.router("bank", "addLiquidity", "dear", 3000 * ETHER, 6_600_000 * DOLLAR, "bank")
    c.router("bank", "addLiquidity", "dollars", 5_000_000 * DOLLAR, 5_000_000 * DOLLAR, "bank")
    c.token("bank", "weth", "transfer", "lender", 2000 * ETHER)
    c.token("bank", "weth", "transfer", "eve", 50 * ETHER)


def theft(c):
    """400 ether and 250,000 dollars leave the victim."""
    c.send("victim", "thief", 400 * ETHER, name="theft")
    c.token("victim", "usdt", "transfer", "thief", 250_000 * DOLLAR, name="theft of dollars")
    c.mine()
    for symbol in ("usdt", "usdc", "weth", "main"):
        c.token("thief", symbol, "approve", "pairrouter", 2 ** 255)
    c.token("thief", "usdt", "approve", "batch", 2 ** 255)
    c.token("thief", "weth", "approve", "flasher", 2 ** 255)


def plain_swap(c):
    c.router("thief", "sellEther", "main", 0, "thief", value=30 * ETHER, name="swap")


def to_a_third(c):
    c.router("thief", "sellTokens", "main", "usdt", 50_000 * DOLLAR, 0, "w1", name="to a third")
    c.router("thief", "sellEther", "main", 0, "w2", value=20 * ETHER)


def by_way_of_wrapping(c):
    c.invoke("thief", "Wrapped", "deposit", to="weth", value=60 * ETHER, name="wrap")
    c.router("thief", "sellTokens", "main", "weth", 25 * ETHER, 0, "thief")
    c.mine()
    c.invoke("thief", "Wrapped", "withdraw", 5 * ETHER, to="weth", name="unwrap")


def back_to_ether(c):
    c.router("thief", "buyEther", "main", "usdt", 60_000 * DOLLAR, "thief", name="to ether")
    c.router("thief", "buyEther", "main", "usdt", 30_000 * DOLLAR, "w4", name="ether to another")


def through_two_pairs(c):
    c.invoke("thief", "PairRouter", "sellThroughTwo", ["main", "dollars"], "weth", "usdt",
             10 * ETHER, "thief", to="pairrouter", name="two pairs")


def somebody_else(c):
    """In the same pairs, just behind: nothing of it is the thief's."""
    c.router("ann", "sellTokens", "main", "usdt", 20_000 * DOLLAR, 0, "ann")
    c.router("ann", "buyEther", "main", "usdt", 10_000 * DOLLAR, "bob")
    c.router("bob", "sellEther", "main", 0, "cid", value=40 * ETHER)


def failed_swap(c):
    """It costs its fee, and nothing else moves."""
    c.router("thief", "sellEther", "main", 10 ** 30, "thief", value=7 * ETHER, fails=True,
             name="failed swap")
    c.router("thief", "sellTokens", "main", "usdt", 10_000 * DOLLAR, 10 ** 30, "w1", fails=True)


def liquidity(c):
    c.router("thief", "addLiquidity", "main", 10 * ETHER, 21_000 * DOLLAR, "thief", name="added")
    c.mine()
    c.router("bob", "sellEther", "main", 0, "bob", value=10 * ETHER)
    c.mine()
    c.router("thief", "removeLiquidity", "main", 2 * ETHER, "thief", name="removed")


def liquidity_moves_on(c):
    """Shares are given to somebody who takes out what they stand for."""
    c.token("thief", "main", "transfer", "w3", 3 * ETHER)
    c.token("w3", "main", "approve", "pairrouter", 2 ** 255)
    c.mine()
    c.router("w3", "removeLiquidity", "main", 3 * ETHER, "w5", name="removed by another")


def flash_for_show(c):
    """The thief borrows a thousand ether and gives them back: none of them is stolen for it."""
    c.invoke("thief", "Flasher", "show", "lender", "weth", 1000 * ETHER, ETHER, name="show")


def flash_for_profit(c):
    """He buys cheap and sells dear with borrowed ether: what he gains was never stolen."""
    c.invoke("thief", "Flasher", "trade", "lender", "pairrouter", "dear", "main", "weth", "usdt",
             30 * ETHER, name="arbitrage", gas=2_000_000)


def sandwich(c):
    """Eve buys before him and sells behind him, in one block."""
    c.router("eve", "sellTokens", "main", "usdt", 200_000 * DOLLAR, 0, "eve", name="front")
    c.router("thief", "sellTokens", "main", "usdt", 40_000 * DOLLAR, 0, "thief", name="victim")
    c.router("eve", "sellTokens", "main", "weth", 95 * ETHER, 0, "eve", name="back")


def splitter(c):
    c.invoke("thief", "Splitter", "split", ["w4", "w5", "w6"], [40 * ETHER, 30 * ETHER],
             value=100 * ETHER, name="split")


def batch(c):
    """Bob settles for Ann and the thief in one transaction: each has his own. Then both have the
    ether sent to one new address."""
    c.invoke("bob", "Batch", "settle", "usdt", ["ann", "thief"],
             [20_000 * DOLLAR, 10_000 * DOLLAR], ["ann", "thief"], [10 * ETHER, 5 * ETHER],
             value=16 * ETHER, name="batch")
    c.mine()
    c.invoke("bob", "Batch", "settle", "usdt", ["ann", "thief"],
             [20_000 * DOLLAR, 10_000 * DOLLAR], ["max", "max"], [10 * ETHER, 5 * ETHER],
             value=15 * ETHER, name="batch for one")
    c.mine()
    c.send("max", "cid", 58 * ETHER)  # his own and what came for Ann's dollars leave first


def frozen(c):
    """Tether stops two wallets; more reaches one of them."""
    c.token("thief", "usdt", "transfer", "w6", 15_000 * DOLLAR)
    c.mine()
    c.invoke("bank", "Tether", "addBlackList", "w2", to="usdt", name="freeze")
    c.invoke("bank", "Tether", "addBlackList", "w6", to="usdt")
    c.mine()
    c.token("thief", "usdt", "transfer", "w6", 5_000 * DOLLAR)


def released(c):
    """One of them is let go, and spends half of it."""
    c.invoke("bank", "Tether", "removeBlackList", "w6", to="usdt", name="release")
    c.mine()
    c.token("w6", "usdt", "transfer", "w5", 10_000 * DOLLAR)


def destroyed(c):
    c.invoke("bank", "Tether", "destroyBlackFunds", "w2", to="usdt", name="destroy")


def cash_out(c):
    c.send("w4", "service", 25 * ETHER)
    c.send("w5", "service", 12 * ETHER)
    c.token("w6", "usdt", "transfer", "service", 9_000 * DOLLAR)
    c.send("thief", "service", 50 * ETHER)
    c.token("thief", "usdt", "transfer", "service", 30_000 * DOLLAR)
    for _ in range(3):
        c.mine()
        c.send("bob", "cid", ETHER)


# ------------------------------------------------------------------------------- the slow model


class NetHops(dye.AccountHops, netflow.NetModel):
    """Net flows, with the hops of holders: what comes back to the same wallet is no farther off."""

    def arrives(self, target, source, content, amount):
        known = target in self.pools
        super().arrives(target, source, content, amount)
        if not known and target in self.pools:
            nearer = target[0] == source[0]
            self.hops[target] = self.hops.get(source, 0) + (0 if nearer else 1)


def world(tables, listed, assets, policy, seeds, stops, until=None):
    """The chain as the model wants it. The genesis stands in it as payments, so that the model
    knows what everybody had."""
    genesis = {"id": "0x" + "00" * 32, "block": 0, "time": anvil.GENESIS_TIME, "moves": [
        {"kind": "native", "from": NOBODY, "to": address, "asset": "eth",
         "amount": anvil.WALLETS[name] * ETHER}
        for name, address in zip(anvil.WALLETS, anvil.MNEMONIC_ACCOUNTS)]}
    txs = [genesis] + [tx for tx in anvil.movements(tables, listed)
                       if until is None or tx["block"] <= until]
    deeds = {}
    for log in tables["logs"]:
        if log["address"] in listed and log["topics"][0] in DEEDS:
            deeds.setdefault(log["transaction_hash"], []).append(
                (DEEDS[log["topics"][0]], "0x" + log["data"][26:66], listed[log["address"]]))
    for tx in txs:
        tx["deeds"] = deeds.get(tx["id"], [])
    return {"kind": "account", "policy": policy, "txs": txs, "seeds": seeds, "stops": stops,
            "listed": assets}

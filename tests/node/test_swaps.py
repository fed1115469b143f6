"""A thief who trades, on a real node: where the taint is after each of his steps.

anvil is given pairs, a router, wrapped ether, a lender, a batch trader and a token that can be
frozen (market.py). After every step balances computed from `dyepack movements` equal the node's,
wei for wei; the taint lies where the slow model with net flows (tests/model/netflow.py) says, under
every policy that divides; nobody holds more of it than he has; and the books add up. From the node,
from a ledger by both plans, and gone on with step by step the result is one.
"""
# Covers: link/net.c link/net_lots.c link/net_market.c link/net_share.c link/freeze.c
# Covers: engine/swap.c engine/convert.c
import csv
import io
import json
import os
import shutil
import tempfile
import unittest

import nodes
import anvil
import market
import dye
from anvil import DOLLAR, ETHER, NOBODY

NODE = CHAIN = TABLES = FOLDER = LEDGER = EXPORT = None
DIVIDING = [p for p in dye.POLICIES if p != "poison"]


def setUpModule():
    global NODE, CHAIN, TABLES, FOLDER, LEDGER, EXPORT
    NODE = market.Anvil().start()
    unittest.addModuleCleanup(NODE.stop)
    CHAIN = market.build(NODE)
    TABLES = anvil.rows(NODE)
    FOLDER = tempfile.mkdtemp(prefix="dyepack-swaps-")
    unittest.addModuleCleanup(shutil.rmtree, FOLDER, ignore_errors=True)
    EXPORT = anvil.export(TABLES, os.path.join(FOLDER, "etl"), "csv")
    LEDGER = os.path.join(FOLDER, "ledger")
    result = dye.run("import", "--chain", "ethereum", NODE.url, "--ledger", LEDGER, "--quiet")
    assert result.returncode == 0, result.stderr


class Swaps(dye.Case):
    """What the classes below share."""

    def theft(self, **more):
        seeds = [{"address": CHAIN.at["thief"], "asset": "eth", "tx": CHAIN.tx["theft"],
                  "amount": "400"},
                 {"address": CHAIN.at["thief"], "asset": "usdt", "amount": "250000",
                  "tx": CHAIN.tx["theft of dollars"]}]
        return self.case("theft", "ethereum", stolen=seeds, services=[
            {"address": CHAIN.at["service"], "name": "A Service", "by": "the test"}], **more)

    def known(self):
        """What the genesis gave to those who come to hold some of it: a ledger does not show it."""
        return [{"address": address, "asset": "eth", "amount": str(anvil.WALLETS[name]),
                 "by": "the genesis"}
                for name, address in zip(anvil.WALLETS, anvil.MNEMONIC_ACCOUNTS)
                if name in ("w3", "max")]

    @staticmethod
    def model(policy, until=None):
        seeds = [{"case": "theft", "address": CHAIN.at["thief"], "asset": "eth",
                  "tx": CHAIN.tx["theft"], "amount": 400 * ETHER},
                 {"case": "theft", "address": CHAIN.at["thief"], "asset": "usdt",
                  "tx": CHAIN.tx["theft of dollars"], "amount": 250_000 * DOLLAR}]
        world = market.world(TABLES, market.LISTED, market.ASSETS, policy, seeds,
                             {CHAIN.at["service"]: "service"}, until)
        return dye.summary_of_model(world, "theft", market.NetHops)

    def result(self, *source, **more):
        return self.results(self.theft(**more), *(source or (NODE.url,)))["theft"]

    def steps(self):
        """(name, height) of the steps from the theft on."""
        names = list(CHAIN.after)
        return [(name, CHAIN.after[name]) for name in names[names.index("theft"):]]

    @staticmethod
    def held(result, name, symbol, key="amount"):
        return sum(int(h[key]) for h in result["holders"]
                   if h["address"].lower() == CHAIN.at[name] and h["symbol"] == symbol)


class Balances(Swaps):
    """Every row that `dyepack movements` tells."""

    def test_after_every_step_they_are_the_nodes(self):
        told = self.done("movements", "--chain", "ethereum", NODE.url, "--quiet")
        rows = list(csv.DictReader(io.StringIO(told)))
        people = {row[side].lower() for row in rows for side in ("from", "to")} - {"", NOBODY}
        people = sorted(people | set(anvil.MNEMONIC_ACCOUNTS))
        has = {"eth": dict(zip(people, NODE.ethers([(a, 0) for a in people])))}
        has.update({symbol: {} for symbol in market.TOKENS})
        at = 0
        for name, height in CHAIN.after.items():
            while at < len(rows) and int(rows[at]["block"]) <= height:
                row, at = rows[at], at + 1
                lost = row["status"] == "failed" and row["kind"] != "fee"
                if row["contract"] or lost:
                    continue
                asset, amount = has[row["asset"].lower()], int(row["amount_base"])
                for who, change in ((row["from"], -amount), (row["to"], amount)):
                    asset[who.lower()] = asset.get(who.lower(), 0) + change
            if name == "destroyed":  # Tether's contract logs no movement for it
                has["usdt"][CHAIN.at["w2"]] = 0
            with self.subTest(step=name):
                self.assertEqual([has["eth"][a] for a in people],
                                 NODE.ethers([(a, height) for a in people]))
                for symbol, token in market.TOKENS.items():
                    self.assertEqual([has[symbol].get(a, 0) for a in people],
                                     NODE.tokens([(token, a, height) for a in people]), symbol)
        self.assertEqual(at, len(rows))


class Taint(Swaps):
    """Where it lies, and how much."""

    def check(self, policy, height):
        result = self.results(self.theft(), NODE.url, "--policy", policy, "--until",
                              height)["theft"]
        ours = dye.summary_of_json(result, utxo=False)
        model = self.model(policy, height)
        # What was frozen stays in the list of arrivals when it is let go: the model has no such.
        ours["arrivals"] = {k: v for k, v in ours["arrivals"].items() if k[0] != "frozen"}
        for part in model:
            self.assertEqual(ours[part], model[part], part)
        self.assertTrue(result["conserved"])
        for stolen in result["stolen"]:
            held = sum(int(h["origin"]) for h in result["holders"]
                       if h["origin_asset"] == stolen["asset"])
            self.assertEqual(held, int(stolen["buckets"]["held"]))
            self.assertEqual(sum(map(int, stolen["buckets"].values())), int(stolen["units"]))
        return result

    def test_after_every_step_it_is_where_the_model_says(self):
        for name, height in self.steps():
            for policy in ("fifo", "haircut"):
                with self.subTest(step=name, policy=policy):
                    self.check(policy, height)

    def test_in_the_end_every_policy_says_what_the_model_says(self):
        for policy in DIVIDING:
            with self.subTest(policy=policy):
                self.check(policy, NODE.height())

    def test_nobody_holds_more_than_he_has(self):
        for name, height in self.steps():
            result = self.results(self.theft(), NODE.url, "--until", height)["theft"]
            sums = {}
            for h in result["holders"]:
                key = (h["address"].lower(), h["symbol"].lower())
                sums[key] = sums.get(key, 0) + int(h["amount"])
            for (address, symbol), amount in sums.items():
                with self.subTest(step=name, address=address, symbol=symbol):
                    has = NODE.balance(address, height) if symbol == "eth" else \
                        NODE.tokens([(market.TOKENS[symbol], address, height)])[0]
                    self.assertLessEqual(amount, has)


class Story(Swaps):
    """What a person would expect of single steps, whatever a model says."""

    def at(self, step, policy="fifo"):
        return self.results(self.theft(), NODE.url, "--policy", policy, "--until",
                            CHAIN.after[step])["theft"]

    def test_a_swap_moves_the_whole_origin_over_to_what_came_out(self):
        result = self.at("plain_swap", "haircut")
        self.assertEqual([h["address"].lower() for h in result["holders"]
                          if h["address"].lower() != CHAIN.at["thief"]], [])
        height = CHAIN.after["plain_swap"]
        dollars = NODE.tokens([(anvil.USDT, CHAIN.at["thief"], height)])[0]
        self.assertEqual(self.held(result, "thief", "USDT"), dollars)
        ether = [int(h["origin"]) for h in result["holders"]
                 if h["symbol"] == "USDT" and h["origin_asset"].endswith("slip44:60")]
        self.assertEqual(ether, [30 * ETHER])

    def test_pairs_routers_lenders_and_other_traders_hold_nothing(self):
        """What the thief adds to a pair whose shares are listed is in the shares, not in the pair.
        Only who was paid by him has some: the lender its fee, Bob what he settled with."""
        clean = {"main", "dear", "dollars", "pairrouter", "lender", "flasher", "batch", "weth",
                 "splitter", "bob", "cid", "ann", "eve", "bank"}
        for name, height in self.steps():
            holders = {h["address"].lower() for h in self.at(name)["holders"]}
            paid = {who for who, step in (("lender", "flash_for_show"), ("bob", "batch"))
                    if height >= CHAIN.after[step]}
            with self.subTest(step=name):
                self.assertEqual({n for n in clean - paid if CHAIN.at[n] in holders}, set())

    def test_a_flash_loan_taints_its_fee_and_nothing_else(self):
        result = self.at("flash_for_show")
        self.assertEqual(self.held(result, "lender", "WETH"), ETHER)

    def test_what_was_given_to_a_third_is_his(self):
        result = self.at("to_a_third")
        height = CHAIN.after["to_a_third"]
        self.assertEqual(self.held(result, "w1", "WETH"),
                         NODE.tokens([(anvil.WETH, CHAIN.at["w1"], height)])[0])
        self.assertEqual(self.held(result, "w1", "WETH", "origin"), 50_000 * DOLLAR)

    def test_a_failed_swap_costs_its_fee(self):
        before, after = self.at("somebody_else"), self.at("failed_swap")
        for name in ("thief", "w1", "w2", "w4"):
            for symbol in ("USDT", "WETH", "USDC"):
                self.assertEqual(self.held(before, name, symbol), self.held(after, name, symbol))
        fees = [int(r["stolen"][0]["buckets"]["fee"]) for r in (before, after)]
        spent = NODE.balance(CHAIN.at["thief"], CHAIN.after["somebody_else"]) - \
            NODE.balance(CHAIN.at["thief"], CHAIN.after["failed_swap"])
        self.assertEqual(self.held(before, "thief", "ETH") - self.held(after, "thief", "ETH"),
                         spent)
        self.assertGreater(fees[1], fees[0])

    def test_what_is_frozen_is_in_its_bucket_until_it_is_let_go(self):
        def frozen(step):
            return sum(int(s["buckets"]["frozen"]) for s in self.at(step)["stolen"])
        self.assertEqual(frozen("batch"), 0)
        self.assertGreater(frozen("frozen"), 0)
        self.assertLess(frozen("released"), frozen("frozen"))
        self.assertEqual(frozen("destroyed"), 0)
        burnt = self.at("destroyed")["stolen"]
        self.assertGreater(sum(int(s["buckets"]["burnt"]) for s in burnt), 0)
        returned = self.results(self.theft(destroyed="returned"), NODE.url, "--until",
                                CHAIN.after["destroyed"])["theft"]["stolen"]
        self.assertEqual([s["buckets"]["burnt"] for s in burnt],
                         [s["buckets"]["returned"] for s in returned])


class OneAnswer(Swaps):
    """Whatever is asked, however often."""

    def test_node_and_ledger_and_both_plans_say_the_same(self):
        yaml = self.theft(opening=self.known())
        for policy in ("fifo", "haircut"):
            told = [self.trace(yaml, LEDGER, "--plan", plan, "--policy", policy)
                    for plan in ("scan", "seek")]
            with self.subTest(policy=policy):
                self.assertEqual(told[0], told[1])
                self.assertEqual(nodes.story(told[0]),
                                 nodes.story(self.trace(yaml, NODE.url, "--policy", policy)))

    def test_step_by_step_with_a_casebook_is_one(self):
        yaml = self.theft(opening=self.known())
        for source, *more in ((NODE.url,), (LEDGER, "--plan", "seek"),
                              (LEDGER, "--plan", "scan")):
            book = self.path("book-%s" % "-".join(more))
            for _, height in self.steps():
                told = self.trace(yaml, source, *more, "--casebook", book, "--until", height)
                with self.subTest(source=more, until=height):
                    self.assertEqual(told, self.trace(yaml, source, *more, "--until", height))

    def test_a_reorganised_end_gives_what_a_fresh_run_gives(self):
        node = market.Anvil().start()
        self.addCleanup(node.stop)
        chain = market.build(node)
        yaml, book = self.theft(), self.path("reorg.casebook")
        before = self.trace(yaml, node.url, "--casebook", book)
        self.assertEqual(nodes.story(before), nodes.story(self.trace(yaml, NODE.url)))
        node.call("anvil_reorg", node.height() - chain.after["sandwich"], [])
        chain.send("thief", "w6", 3 * ETHER)
        chain.mine()
        after = self.trace(yaml, node.url, "--casebook", book)
        self.assertNotEqual(after, before)
        self.assertEqual(nodes.story(after), nodes.story(self.trace(yaml, node.url)))
        self.assertTrue(json.loads(after)["conserved"])


if __name__ == "__main__":
    unittest.main()

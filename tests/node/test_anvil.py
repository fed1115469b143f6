"""A real Ethereum node: every wei comes out, and every source tells one story.

anvil is given a chain with a theft and every way in which ether and tokens move (anvil.py). Proven
are: that balances computed from `dyepack movements` equal what the node says, wei for wei; that the
node, its traces of either kind, and ethereum-etl exports as CSV and as JSON lines give the same
movements and the same result; that it is what the slow model says; that opening balances come from
the node; and what happens when the chain reorganises, the node dies, is another one, or wants a
password.
"""
# Covers: source/evm_rpc.c source/evm_json.c source/ethereum_etl.c source/rpc.c source/http.c
import csv
import io
import json
import os
import shutil
import tempfile
import time
import unittest

import nodes
import anvil
import market
import dye
from anvil import DOLLAR, ETHER, NOBODY

NODE = CHAIN = TABLES = FOLDER = None
SOURCES = {}
PASSWORD, WRONG = "s3a-of-salt", "not-the-w0rd"


def setUpModule():
    global NODE, CHAIN, TABLES, FOLDER
    nodes.watch_for(PASSWORD, WRONG)
    NODE = anvil.Anvil().start()
    unittest.addModuleCleanup(NODE.stop)
    CHAIN = anvil.build(NODE)
    TABLES = anvil.rows(NODE)
    FOLDER = tempfile.mkdtemp(prefix="dyepack-anvil-kept-")
    unittest.addModuleCleanup(shutil.rmtree, FOLDER, ignore_errors=True)
    SOURCES["node"] = [NODE.url]
    for form in ("csv", "json"):
        SOURCES[form] = anvil.export(TABLES, os.path.join(FOLDER, form), form)


def everybody():
    """Every address that is named anywhere."""
    found = {row[key] for table in ("transactions", "traces", "token_transfers")
             for row in TABLES[table] for key in ("from_address", "to_address")}
    return (found | {b["miner"] for b in TABLES["blocks"]}) - {None, NOBODY}


class Node(dye.Case):
    """Case files about the theft."""

    def theft(self, name="theft", chain=None, **more):
        chain = chain or CHAIN
        seeds = [{"address": chain.at["thief"], "asset": "eth", "tx": chain.tx["theft"],
                  "amount": "400"},
                 {"address": chain.at["thief"], "asset": "usdt", "amount": "250000",
                  "tx": chain.tx["theft of dollars"]}]
        return self.case(name, more.pop("on", "ethereum"), stolen=seeds,
                         services=[{"address": chain.at["service"], "name": "A Service",
                                    "by": "the test"}], **more)

    def known(self):
        """The `opening` of a case file that says all that the node would: the one of the thief's
        wallets that had something, and what others had when stolen money first came to them does
        not follow from the chain's own rows."""
        return [{"address": address, "asset": "eth", "amount": str(anvil.WALLETS[name]),
                 "by": "the genesis"}
                for name, address in zip(anvil.WALLETS, anvil.MNEMONIC_ACCOUNTS)
                if name in ("w1", "w2", "w3", "w4", "w5", "w6", "thief")]

    def movements(self, *source, **more):
        return self.done("movements", "--chain", "ethereum", *source, "--quiet", **more)


class Kit(Node):
    """What is compared below must itself be right."""

    def test_the_export_alone_gives_every_balance(self):
        opening = anvil.balances_by_node(NODE, everybody(), 0)
        has = anvil.balances_by_export(TABLES, opening)
        for address in everybody():
            self.assertEqual(has.get(address, 0), NODE.balance(address), address)

    def test_the_chain_is_the_same_in_every_run(self):
        self.assertEqual(NODE.block(NODE.height(), False)["hash"],
                         "0x72e87a2417b726a061b9547461217af4bb9fef8896fbb29e06dd00877032a008")

    def test_about_half_of_the_theft_was_cashed_out(self):
        self.assertTrue(150 * ETHER < NODE.balance(CHAIN.at["service"]) < 300 * ETHER)


class Movements(Node):
    """`dyepack movements` of the whole chain."""

    def rows(self, *source):
        return list(csv.DictReader(io.StringIO(self.movements(*source))))

    def test_every_balance_comes_out_to_the_wei(self):
        for name, source in SOURCES.items():
            has = {"eth": anvil.balances_by_node(NODE, everybody(), 0), "usdt": {}, "weth": {}}
            for row in self.rows(*source):
                asset = has.get(row["asset"].lower())
                lost = row["status"] == "failed" and row["kind"] != "fee"
                if row["contract"] or lost or asset is None:
                    continue
                amount = int(row["amount_base"])
                source_, target = row["from"].lower(), row["to"].lower()
                asset[source_] = asset.get(source_, 0) - amount
                asset[target] = asset.get(target, 0) + amount
            for address in everybody():
                with self.subTest(source=name, address=address):
                    self.assertEqual(has["eth"].get(address, 0), NODE.balance(address))
                    for token, symbol in anvil.LISTED.items():
                        self.assertEqual(has[symbol].get(address, 0),
                                         NODE.token_balance(token, address), symbol)

    def test_every_row_is_one_that_the_second_opinion_has(self):
        """In the same order, transaction by transaction; rows of nothing are left out."""
        def nobody(address):
            return "" if address in (None, NOBODY) else address
        expected = [(tx["block"], tx["id"], m["kind"], nobody(m["from"]), nobody(m["to"]),
                     m["asset"], m["amount"])
                    for tx in anvil.movements(TABLES) for m in tx["moves"] if m["amount"]]
        ours = [(int(row["block"]), row["tx"], row["kind"], nobody(row["from"].lower()),
                 nobody(row["to"].lower()), row["asset"].lower(), int(row["amount_base"]))
                for row in self.rows(*SOURCES["node"])
                if not row["contract"] and int(row["amount_base"])]
        self.assertEqual(ours, expected)

    def test_every_source_has_the_same_movements(self):
        first = self.movements(*SOURCES["node"])
        for name, source in SOURCES.items():
            with self.subTest(source=name):
                self.assertEqual(self.movements(*source), first)

    def test_however_the_node_is_asked_it_says_the_same(self):
        """Traces of the other kind, receipts one by one, no batches; the later ones all at once."""
        first = self.movements(*SOURCES["node"])
        for gate in (nodes.Gate(NODE.port, unknown=("debug_traceBlockByNumber",)),
                     nodes.Gate(NODE.port, unknown=("trace_block",)),
                     nodes.Gate(NODE.port, unknown=("eth_getBlockReceipts",)),
                     nodes.Gate(NODE.port, one_by_one=True),
                     nodes.Gate(NODE.port, one_by_one=True,
                                unknown=("eth_getBlockReceipts", "debug_traceBlockByNumber"))):
            self.addCleanup(gate.close)
            with self.subTest(unknown=gate.unknown, one_by_one=gate.one_by_one):
                self.assertEqual(self.movements(gate.url), first)
                self.assertGreater(gate.requests, 0)

    def test_a_node_that_asks_for_patience_gets_it(self):
        gate = nodes.Gate(NODE.port, busy_every=20)
        self.addCleanup(gate.close)
        self.assertEqual(self.movements(gate.url), self.movements(*SOURCES["node"]))
        self.assertGreater(gate.requests, 20)

    def test_without_traces_the_rest_is_there(self):
        gate = nodes.Gate(NODE.port, unknown=("debug_traceBlockByNumber", "trace_block"))
        self.addCleanup(gate.close)
        rows = list(csv.DictReader(io.StringIO(self.movements(gate.url))))
        whole = self.rows(*SOURCES["node"])
        self.assertEqual([r for r in whole if r["kind"] != "internal"], rows)
        result = self.results(self.theft(), gate.url)["theft"]
        self.assertTrue(any("traces" in a for a in result["assumptions"]), result["assumptions"])


class Blob(Node):
    """A chain of its own, with a block that proves nothing of itself."""

    def test_a_block_with_another_root_than_it_states_is_refused_and_an_export_is_taken(self):
        node = anvil.Anvil().start()
        self.addCleanup(node.stop)
        chain = anvil.build(node, with_blob=True)
        last = node.height()
        result = dye.run("movements", "--chain", "ethereum", node.url, "--quiet")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^dyepack: .*block %d.*root.*\n$" % last)
        told = self.movements(node.url, "--until", last - 1)
        self.assertNotIn(chain.tx["blob"], told)
        tables = anvil.rows(node)
        told = self.movements(*anvil.export(tables, self.path("etl"), "csv"))
        rows = [r for r in csv.DictReader(io.StringIO(told)) if r["tx"] == chain.tx["blob"]]
        paid = sum(int(r["amount_base"]) for r in rows)
        sender = chain.at["max"]
        self.assertEqual(paid, node.balance(sender, last - 1) - node.balance(sender, last))
        self.assertEqual(sum(r["kind"] == "fee" for r in rows), 2)


class OneAnswer(Node):
    """I-1 across sources."""

    def test_every_source_gives_the_same_result_under_every_policy(self):
        yaml = self.theft(opening=self.known())
        for policy in dye.POLICIES:
            told = {name: self.trace(yaml, *source, "--policy", policy)
                    for name, source in SOURCES.items()}
            with self.subTest(policy=policy):
                self.assertEqual(told["csv"], told["json"])
                self.assertEqual(nodes.story(told["csv"]), nodes.story(told["node"]))

    def test_it_is_what_the_model_says(self):
        """The one with net flows, for some of the thief's wallets swap (tests/model/netflow.py)."""
        seeds = [{"case": "theft", "address": CHAIN.at["thief"], "asset": "eth",
                  "tx": CHAIN.tx["theft"], "amount": 400 * ETHER},
                 {"case": "theft", "address": CHAIN.at["thief"], "asset": "usdt",
                  "tx": CHAIN.tx["theft of dollars"], "amount": 250_000 * DOLLAR}]
        for policy in dye.POLICIES:
            with self.subTest(policy=policy):
                result = self.results(self.theft(), *SOURCES["node"], "--policy", policy)["theft"]
                world = market.world(TABLES, anvil.LISTED, market.ASSETS, policy, seeds,
                                     {CHAIN.at["service"]: "service"})
                self.assertEqual(dye.summary_of_json(result, utxo=False),
                                 dye.summary_of_model(world, "theft", market.NetHops))
                if policy != "poison":
                    self.assertTrue(dye.adds_up(result))

    def test_opening_balances_come_from_the_node(self):
        """One of the thief's wallets had seven ether of its own, which leave it first: of the ten
        that it pays two others get a third each, all of it clean. Who does not know of the seven
        takes it for stolen."""
        unasked = self.results(self.theft(), *SOURCES["csv"])["theft"]
        asked = self.results(self.theft(), *SOURCES["node"])["theft"]
        said = self.results(self.theft(opening=self.known()), *SOURCES["csv"])["theft"]
        def at(result, name):
            return sum(int(h["amount"]) for h in result["holders"]
                       if h["address"].lower() == CHAIN.at[name] and h["symbol"] == "ETH")
        self.assertEqual(asked["holders"], said["holders"])
        for name in ("payee", "second payee"):
            self.assertEqual(at(asked, name), 0)
            self.assertEqual(at(unasked, name), 10 * ETHER // 3)
        self.assertEqual(asked["uncovered"], [])
        self.assertRegex(" ".join(asked["assumptions"]), "opening balance.*node")
        self.assertNotRegex(" ".join(asked["assumptions"]), "assumed")

    def test_beginning_at_the_theft_or_at_the_first_block_is_one(self):
        yaml = self.theft()
        height = next(t["block_number"] for t in TABLES["transactions"]
                      if t["hash"] == CHAIN.tx["theft"])
        once = self.trace(yaml, *SOURCES["node"])
        for first in (0, 1, height):
            self.assertEqual(nodes.story(self.trace(yaml, *SOURCES["node"], "--from", first)),
                             nodes.story(once), first)

    def test_a_part_and_then_the_rest_is_one(self):
        yaml = self.theft()
        for name, source in SOURCES.items():
            book = self.path(name + ".casebook")
            for last in (9, 17, 40):
                self.trace(yaml, *source, "--casebook", book, "--until", last)
            self.assertEqual(self.trace(yaml, *source, "--casebook", book),
                             self.trace(yaml, *source), name)


class Login(Node):
    """A node behind a password, and one that is not the one."""

    def test_a_password_opens_and_is_never_told(self):
        gate = nodes.Gate(NODE.port, login="me:" + PASSWORD)
        self.addCleanup(gate.close)
        yaml, book = self.theft(), self.path("secret.casebook")
        once = self.trace(yaml, *SOURCES["node"])
        inside = "http://me:%s@127.0.0.1:%d" % (PASSWORD, gate.port)
        self.assertEqual(self.trace(yaml, gate.url, "--login", "me:" + PASSWORD), once)
        self.assertEqual(self.trace(yaml, inside, "--casebook", book), once)
        kept = nodes.bytes_of(self.folder, "secret.casebook")
        self.assertTrue(kept)
        self.assertNotIn(PASSWORD.encode(), kept)
        for source in ([gate.url, "--login", "me:" + WRONG], [gate.url]):
            begun = time.monotonic()
            self.refused("trace", yaml, *source, "--quiet",
                         says=["127.0.0.1:%d" % gate.port, "HTTP 401"])
            self.assertLess(time.monotonic() - begun, 5)

    def test_a_node_on_another_chain_is_refused(self):
        other = anvil.Anvil(chain_id=10).start()
        self.addCleanup(other.stop)
        line = self.refused("trace", self.theft(), other.url, "--quiet",
                            says=["127.0.0.1:%d" % other.port])
        self.assertRegex(line, r"chain|10|optimism")
        self.refused("trace", self.theft(on="base"), NODE.url, "--quiet",
                     says=["127.0.0.1:%d" % NODE.port])

    def test_a_theft_that_is_not_there_is_refused(self):
        yaml = self.case("none", "ethereum", stolen=[
            {"address": CHAIN.at["thief"], "asset": "eth", "amount": "1", "tx": "0x" + "ab" * 32}])
        self.refused("trace", yaml, NODE.url, "--quiet", says=["0x" + "ab" * 32])


class Trouble(Node):
    """Nodes of their own, that change and die."""

    def setUp(self):
        super().setUp()
        self.node = anvil.Anvil().start()
        self.addCleanup(self.node.stop)
        self.chain = anvil.build(self.node)

    def test_a_reorganised_chain_gives_what_a_fresh_run_gives(self):
        yaml, book = self.theft(), self.path("reorg.casebook")
        before = self.trace(yaml, self.node.url, "--casebook", book)
        top = self.node.height()
        self.node.call("anvil_reorg", 12, [])
        self.chain.send("bank", "w1", 5 * ETHER)
        self.chain.mine()
        self.chain.send("w1", "service", 4 * ETHER)
        self.chain.invoke("w1", "Token", "transfer", "w3", 77 * DOLLAR, to="usdt")
        self.chain.mine()
        self.assertEqual(self.node.height(), top + 2)
        after = self.trace(yaml, self.node.url, "--casebook", book)
        self.assertNotEqual(after, before)
        fresh = self.path("fresh.casebook")
        again = self.trace(yaml, self.node.url, "--casebook", fresh)
        self.assertEqual(nodes.story(again), nodes.story(after))
        self.assertEqual(self.trace(yaml, self.node.url), again)
        tables = anvil.rows(self.node)
        told = self.trace(self.theft("theft", opening=self.known()),
                          *anvil.export(tables, self.path("etl"), "csv"))
        self.assertEqual(json.loads(told)["holders"], json.loads(after)["holders"])
        self.assertEqual(again, after)

    def test_a_chain_that_changes_under_a_run_gives_what_a_fresh_run_gives(self):
        yaml = self.theft()
        gate = nodes.Gate(self.node.port)
        self.addCleanup(gate.close)
        self.trace(yaml, gate.url)
        whole = gate.requests

        def change():
            self.node.call("anvil_reorg", 3 + part % 5, [])
            self.chain.send("w6", "w1", ETHER + part)
            self.chain.mine()
        for part in (whole // 3, whole // 2, whole * 3 // 4, whole - 2):
            gate.requests, gate.at = 0, {part: change}
            with self.subTest(part=part, whole=whole):
                told = self.trace(yaml, gate.url, "--casebook", self.path("%d.casebook" % part))
                self.assertGreaterEqual(gate.requests, part)
                self.assertEqual(nodes.story(told), nodes.story(self.trace(yaml, self.node.url)))

    def test_a_node_that_is_killed_is_an_error_and_the_run_goes_on_later(self):
        yaml, book = self.theft(), self.path("killed.casebook")
        gate = nodes.Gate(self.node.port)
        self.addCleanup(gate.close)
        source = [gate.url, "--in-flight", "1", "--tries", "3"]
        once = self.trace(yaml, *source)
        half = gate.requests // 2
        self.assertGreater(half, 0)

        def cut():
            self.node.kill()
            gate.shut = True
        gate.requests, gate.at = 0, {half: cut}
        begun = time.monotonic()
        self.refused("trace", yaml, *source, "--casebook", book, "--quiet",
                     says=["127.0.0.1:%d" % gate.port],
                     env=dict(os.environ, DYEPACK_COMMIT_ROWS="1"))
        self.assertLess(time.monotonic() - begun, nodes.RUN_SECONDS_MAX)
        gate.shut = False
        self.node.start()
        anvil.build(self.node)  # it keeps nothing; the same chain comes again
        self.assertEqual(self.trace(yaml, *source, "--casebook", book), once)


if __name__ == "__main__":
    unittest.main()

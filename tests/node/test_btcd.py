"""A real Bitcoin node, what it keeps and what others export of it: one chain, one answer.

btcd on regtest is given a chain with a theft (btcd.py). The same chain is then read in four ways:
from the running node, from a folder of block files with undo data, from the same folder obfuscated,
and from a bitcoin-etl export. Movements and results must be the same to the last byte, and equal to
what the slow model says of blocks that Python read. After that the node is reorganised, killed in
the middle of a run, and asked with the wrong password and for the wrong chain.
"""
# Covers: source/bitcoin_rpc.c source/block_files.c source/rpc.c source/http.c
import os
import shutil
import tempfile
import time
import unittest

import nodes
import btcd
import wallet
import bitcoin
import dye
from wallet import COIN

NODE = CHAIN = BLOCKS = FOLDER = None
SOURCES = {}
PASSWORD = btcd.Btcd.login.split(":")[1]
WRONG = "not-the-w0rd"


def setUpModule():
    global NODE, CHAIN, BLOCKS, FOLDER
    nodes.watch_for(PASSWORD, WRONG)
    NODE = btcd.Btcd().start()
    unittest.addModuleCleanup(NODE.stop)
    CHAIN = btcd.build(NODE)
    BLOCKS = btcd.model_blocks(btcd.ledger(NODE))
    FOLDER = tempfile.mkdtemp(prefix="dyepack-btcd-kept-")
    unittest.addModuleCleanup(shutil.rmtree, FOLDER, ignore_errors=True)
    SOURCES["node"] = [NODE.url, "--login", NODE.login]
    SOURCES["folder"] = [btcd.write_folder(BLOCKS, os.path.join(FOLDER, "blocks"), CHAIN.stale)]
    SOURCES["obfuscated folder"] = [btcd.write_folder(
        BLOCKS, os.path.join(FOLDER, "obfuscated"), CHAIN.stale, bytes.fromhex("0badcafe00ff1234"))]
    SOURCES["export"] = btcd.export(BLOCKS, os.path.join(FOLDER, "etl"))


class Node(dye.Case):
    """Case files about the theft."""

    def theft(self, name="theft", chain=None, **more):
        chain = chain or CHAIN
        tx = chain.tx["theft"]
        return self.case(name, "regtest", stolen=[{"outpoint": tx + ":0"}, {"outpoint": tx + ":1"}],
                         services=[{"address": chain.key["service"].address(), "name": "A Service",
                                    "by": "the test"}], **more)

    @staticmethod
    def height_of_theft():
        return next(b["height"] for b in BLOCKS for t in b["txs"] if t["id"] == CHAIN.tx["theft"])

    def movements(self, *source):
        return self.done("movements", "--chain", "regtest", *source, "--quiet")


class Kit(Node):
    """What is compared below must itself be right."""

    def test_the_node_knows_every_coin_that_the_kit_says_is_left(self):
        left = {}
        for block in BLOCKS[1:]:  # nobody can spend the coin of the first block
            for tx in block["txs"]:
                for outpoint in tx["in"]:
                    del left[outpoint]
                for j, (value, script) in enumerate(tx["out"]):
                    left["%s:%d" % (tx["id"], j)] = (value, script)
        for outpoint, (value, script) in list(left.items())[::7]:
            if bitcoin.is_data(script):
                continue
            txid, vout = outpoint.split(":")
            told = NODE.call("gettxout", txid, int(vout))
            self.assertEqual((round(told["value"] * COIN), told["scriptPubKey"]["hex"]),
                             (value, script.hex()))
        made = sum(wallet.subsidy(height) for height in range(1, NODE.height() + 1))
        self.assertEqual(sum(value for value, _ in left.values()), made)

    def test_the_chain_is_the_same_in_every_run(self):
        self.assertEqual(CHAIN.tx["theft"],
                         "86ff9e4ada49e103009c43e02199a99c7c9c41c30477af533904659cddd4a3e5")
        self.assertEqual(NODE.block_id(CHAIN.height), CHAIN.blocks[-1].id)

    def test_about_half_of_the_theft_was_cashed_out(self):
        paid = sum(v for b in BLOCKS for t in b["txs"] for v, s in t["out"]
                   if s == CHAIN.key["service"].p2wpkh)
        self.assertTrue(90 * COIN < paid < 200 * COIN, paid)


class OneAnswer(Node):
    """I-1 across sources."""

    def test_every_source_has_the_same_movements(self):
        first = self.movements(*SOURCES["node"])
        self.assertEqual(first.count(",output,"),
                         sum(len(tx["out"]) for b in BLOCKS for tx in b["txs"]))
        for name in SOURCES:
            with self.subTest(source=name):
                self.assertEqual(self.movements(*SOURCES[name]), first)

    def test_every_source_gives_the_same_result_under_every_policy(self):
        yaml = self.theft()
        for policy in dye.POLICIES:
            told = {name: self.trace(yaml, *source, "--policy", policy)
                    for name, source in SOURCES.items()}
            for name in told:
                with self.subTest(policy=policy, source=name):
                    self.assertEqual(nodes.story(told[name]), nodes.story(told["node"]))
            self.assertEqual(told["obfuscated folder"], told["folder"])

    def test_what_begins_at_the_same_block_is_the_same_to_the_last_byte(self):
        yaml, first = self.theft(), self.height_of_theft()
        told = {name: self.trace(yaml, *SOURCES[name], "--from", first)
                for name in ("node", "folder", "obfuscated folder")}
        self.assertEqual(told["folder"], told["node"])
        self.assertEqual(told["obfuscated folder"], told["node"])

    def test_it_is_what_the_model_says(self):
        yaml, tx = self.theft(), CHAIN.tx["theft"]
        txs = bitcoin.world_txs(BLOCKS, wallet.NET)
        for policy in dye.POLICIES:
            with self.subTest(policy=policy):
                result = self.results(yaml, *SOURCES["node"], "--policy", policy)["theft"]
                world = {"kind": "utxo", "policy": policy, "txs": txs,
                         "stops": {CHAIN.key["service"].address(): "service"},
                         "seeds": [{"case": "theft", "outpoint": "%s:%d" % (tx, i), "amount": None}
                                   for i in (0, 1)]}
                self.assertEqual(dye.summary_of_json(result, utxo=True),
                                 dye.summary_of_model(world, "theft"))
                if policy != "poison":
                    self.assertTrue(dye.adds_up(result))

    def test_beginning_at_the_theft_or_long_before_is_one(self):
        yaml, height = self.theft(), self.height_of_theft()
        once = self.trace(yaml, *SOURCES["node"])
        for name in ("node", "folder"):
            for first in (0, height - 5, height):
                with self.subTest(source=name, first=first):
                    told = self.trace(yaml, *SOURCES[name], "--from", first)
                    self.assertEqual(nodes.story(told), nodes.story(once))

    def test_a_part_and_then_the_rest_is_one(self):
        yaml = self.theft()
        for name, source in SOURCES.items():
            book = self.path(name.replace(" ", "-") + ".casebook")
            for last in (455, 470, 512):
                self.trace(yaml, *source, "--casebook", book, "--until", last)
            self.assertEqual(self.trace(yaml, *source, "--casebook", book),
                             self.trace(yaml, *source))

    def test_the_same_casebook_goes_on_from_another_source(self):
        yaml, book = self.theft(), self.path("mixed.casebook")
        self.trace(yaml, *SOURCES["folder"], "--casebook", book, "--until", 480)
        told = self.trace(yaml, *SOURCES["node"], "--casebook", book)
        self.assertEqual(nodes.story(told), nodes.story(self.trace(yaml, *SOURCES["node"])))


class Login(Node):
    """Who may ask, and what is never told."""

    def test_every_way_to_log_in(self):
        yaml = self.theft()
        once = self.trace(yaml, *SOURCES["node"])
        cookie = self.write(".cookie", NODE.login)
        inside = "http://%s@127.0.0.1:%d" % (NODE.login, NODE.port)
        environment = dict(os.environ, DYEPACK_LOGIN=NODE.login)
        for source, more in (([inside], {}), ([NODE.url, "--cookie", cookie], {}),
                             ([NODE.url], {"env": environment})):
            self.assertEqual(self.trace(yaml, *source, **more), once)

    def test_the_casebook_holds_no_password(self):
        book = self.path("secret.casebook")
        inside = "http://%s@127.0.0.1:%d" % (NODE.login, NODE.port)
        self.trace(self.theft(), inside, "--casebook", book)
        kept = nodes.bytes_of(self.folder, "secret.casebook")
        self.assertTrue(kept)
        self.assertNotIn(PASSWORD.encode(), kept)

    def test_a_wrong_password_is_told_at_once(self):
        user = NODE.login.split(":")[0]
        for source in ([NODE.url, "--login", user + ":" + WRONG],
                       ["http://%s:%s@127.0.0.1:%d" % (user, WRONG, NODE.port)], [NODE.url]):
            begun = time.monotonic()
            line = self.refused("trace", self.theft(), *source, "--quiet",
                                says=["127.0.0.1:%d" % NODE.port, "HTTP 401"])
            self.assertLess(time.monotonic() - begun, 5, line)

    def test_another_chain_is_refused(self):
        yaml = self.case("main", "bitcoin", stolen=[{"outpoint": CHAIN.tx["theft"] + ":0"}])
        self.refused("trace", yaml, *SOURCES["node"], "--quiet", says=["regtest", "bitcoin"])

    def test_a_theft_that_is_not_there_is_refused(self):
        yaml = self.case("none", "regtest", stolen=[{"outpoint": "ab" * 32 + ":0"}])
        self.refused("trace", yaml, *SOURCES["node"], "--quiet", says=["ab" * 32])


class Trouble(Node):
    """Nodes of their own, that change and die. What the node mined by itself is left out here, so
    that the chain can be made again."""

    def setUp(self):
        super().setUp()
        self.node = btcd.Btcd().start()
        self.addCleanup(self.node.stop)
        self.chain = btcd.build(self.node, generated=0)
        self.source = [self.node.url, "--login", self.node.login]

    def test_a_reorganised_chain_gives_what_a_fresh_run_gives(self):
        yaml, book = self.theft(chain=self.chain), self.path("reorg.casebook")
        top = self.node.height()
        before = self.trace(yaml, *self.source, "--casebook", book)
        coin = self.chain.coin["w11"]
        spends = wallet.Tx([coin], [(coin.value // 2, self.chain.key["service"].p2wpkh),
                                    (coin.value - coin.value // 2 - 500,
                                     self.chain.who("w11").p2wpkh)])
        # The last eight blocks, among them payments to the service, lose to ten others.
        branch = btcd.branch(self.chain, top - 8, [[], [spends]] + [[]] * 8)
        for block in branch:
            self.node.submit(block)
        self.assertEqual(self.node.block_id(top + 2), branch[-1].id)
        after = self.trace(yaml, *self.source, "--casebook", book)
        self.assertNotEqual(after, before)
        fresh = self.path("fresh.casebook")
        again = self.trace(yaml, *self.source, "--casebook", fresh)
        self.assertEqual(nodes.story(again), nodes.story(after))
        self.assertEqual(self.trace(yaml, *self.source), again)
        # The longer branch of a folder with both is the same.
        blocks = btcd.ledger(self.node)
        folder = btcd.write_folder(blocks, self.path("blocks"),
                                   self.chain.stale + self.chain.blocks[-8:])
        self.assertEqual(nodes.story(self.trace(yaml, folder)), nodes.story(after))
        self.assertEqual(again, after)

    def test_a_chain_that_changes_under_a_run_gives_what_a_fresh_run_gives(self):
        yaml = self.theft(chain=self.chain)
        gate = nodes.Gate(self.node.port)
        self.addCleanup(gate.close)
        source = [gate.url, "--login", self.node.login]
        self.trace(yaml, *source)
        whole = gate.requests

        def change():
            for block in btcd.branch(self.chain, self.node.height() - 5, [[]] * 6,
                                     b"branch %d" % part):
                self.node.submit(block)
        for part in (whole // 3, whole // 2, whole * 3 // 4, whole - 2):
            gate.requests, gate.at = 0, {part: change}
            with self.subTest(part=part, whole=whole):
                told = self.trace(yaml, *source, "--casebook", self.path("%d.casebook" % part))
                self.assertGreaterEqual(gate.requests, part)
                self.assertEqual(nodes.story(told),
                                 nodes.story(self.trace(yaml, *self.source)))

    def test_a_node_that_is_killed_is_an_error_and_the_run_goes_on_later(self):
        yaml, book = self.theft(chain=self.chain), self.path("killed.casebook")
        gate = nodes.Gate(self.node.port)
        self.addCleanup(gate.close)
        source = [gate.url, "--login", self.node.login, "--in-flight", "1",
                  "--tries", "3"]
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
        self.chain.again()
        self.assertEqual(self.trace(yaml, *source, "--casebook", book), once)

    def test_nobody_there(self):
        begun = time.monotonic()
        self.refused("trace", self.theft(chain=self.chain),
                     "http://127.0.0.1:%d" % nodes.free_port(), "--tries", "3", "--quiet",
                     says=["127.0.0.1"])
        self.assertLess(time.monotonic() - begun, nodes.RUN_SECONDS_MAX)


if __name__ == "__main__":
    unittest.main()

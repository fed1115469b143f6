"""Real Bitcoin blocks, every policy: what `dyepack trace` finds equals what the slow model finds.

The blocks are read a second time here by tests/model/bitcoin.py, in plain Python, and handed to
tests/model/model.py; values of spent coins come from the companion files, read by Python as well.
So three things are proven at once: the decoding of the blocks, the joining of inputs to what they
spend, and the division of taint. Compared: what every coin holds, its address, its hop, every
bucket, every arrival.

Wants mainnet block 866342, testnet3 blocks 928848 and 928849, the first 255 blocks of the main
chain, and blocks 57043 and 403200, all in $DYEPACK_SHARED/data/bitcoin; skipped where missing.
"""
import json
import os
import shutil
import sqlite3
import unittest
from datetime import datetime, timezone

import dye
import bitcoin  # tests/model: dye put it on the path

COIN = 100_000_000

# Coins spent in mainnet block 866342, and why these.
SEEDS_866342 = {
    "in-block chain of 25": "defc31aadeed389482afb76558d6498c870e2bfb07da6be305d1640e8a4f6775:0",
    "made and spent in it": "95450c7d09514b97e5cf633b4199a02fdf2fc55f362e4f7cdf41a698e3b09dd6:1",
    "spent with 1,008 others":
        "b69036e41ca3a9464c926f3da394a71d15de7b9ab07b253126ccf0b966a23dfc:5",
    "spent into 153 outputs":
        "8f2ec065ccecae3c1493ed8ab2299ab6a1be74f7d30fa90d073f037f0eb2df92:71",
    "spent beside an OP_RETURN":
        "b6827e5d2c3f0d9d7f367fc14a99f9a4eedbc13c8bdfa48b239ae5ac48dbddf3:1",
    "spent in block, 15 inputs":
        "11728888f77c8b06f6142b8f948f3713c552f21803b131e16d42e4894b2ea181:4",
    "spent in block, 22 outputs":
        "9279e47a43f41a23c6bafc6fec341eaa2f085e5f901139c021b233e2a59c9846:1",
}

# In testnet3: one transaction of block 928848 made the only two coins that 928849 spends of it.
CROSSING = "0d5638fe08dc4f82adf033b9a724d6510801cb36526edb581baf3b2dc6fc25f1"
# Coins of 928849's longest chain of spends, 8 deep.
CHAIN_928849 = "d896f6348a0cbeba589e83ed2671578a5fbfd7efa8d10c533e1a07fbe2f78f3b:0"


class Ledger:
    """Blocks as Python reads them."""

    def __init__(self, blocks, spent, net):
        bitcoin.fill_values(blocks, spent)
        self.blocks, self.net = blocks, net
        self.txs = bitcoin.world_txs(blocks, net)
        self.made = {"%s:%d" % (tx["id"], j): value for tx in self.txs
                     for j, (_, value) in enumerate(tx["out"])}
        self.values = dict(self.made)
        self.values.update({o: v for tx in self.txs for o, v in tx["in"]})
        self.addresses = {}
        for block in blocks:
            for tx in block["txs"]:
                for outpoint, _, script in tx["coins"]:
                    self.addresses[outpoint] = bitcoin.address(script, net)
                for j, (_, script) in enumerate(tx["out"]):
                    self.addresses["%s:%d" % (tx["id"], j)] = bitcoin.address(script, net)

    def world(self, policy, seeds, whole=False, **more):
        """seeds: [(case, outpoint, amount or None)]. Only what can matter, unless `whole`."""
        outpoints = [o for _, o, _ in seeds]
        txs = self.txs if whole else bitcoin.descendants(self.txs, outpoints)
        before, names = [], set()
        for outpoint in outpoints:
            name = outpoint.rsplit(":", 1)[0]
            if outpoint not in self.made and name not in names:
                before.append(bitcoin.earlier_tx(self.txs, outpoint))
                names.add(name)
        return {"kind": "utxo", "policy": policy, "txs": before + txs,
                "seeds": [{"case": c, "outpoint": o, "amount": a} for c, o, a in seeds], **more}


class Real(dye.Case):
    """Tracing beside the model."""

    def compare(self, ledger, sources, seeds, chain="bitcoin", policies=dye.POLICIES, **more):
        """Traces all seeds of one case, by every policy, and compares. Gives the last result."""
        yaml = self.case("real", chain, **more, stolen=[
            dict({"outpoint": o}, **({"amount_base": str(a)} if a else {})) for _, o, a in seeds])
        world_more = {}
        if "dust_limit" in more:
            world_more["dust_limit"] = more["dust_limit"]
        if "services" in more:
            world_more["stops"] = {s["address"]: s.get("bucket", "service")
                                   for s in more["services"]}
        last = None
        for policy in policies:
            with self.subTest(policy=policy, seeds=seeds):
                last = self.results(yaml, *sources, "--policy", policy)["real"]
                self.same(ledger, last, ledger.world(policy, seeds, **world_more))
        return last

    def same(self, ledger, result, world):
        ours = dye.summary_of_json(result, utxo=True)
        self.assertEqual(ours, dye.summary_of_model(world, "real"))
        if world["policy"] == "poison":
            self.assertIsNone(result["conserved"])
        else:
            self.assertTrue(dye.adds_up(result))
        for holder in result["holders"]:
            theirs = ledger.addresses[holder["outpoint"]]
            if theirs is not None:
                self.assertEqual(holder["address"], theirs)


class Mainnet866342(Real):
    """One large block of the Taproot era, values from its companion."""

    @classmethod
    def setUpClass(cls):
        cls.file = dye.data("bitcoin", "mainnet-866342.blk")
        companion = dye.data("bitcoin", "mainnet-866342.spent.json.zst")
        if shutil.which("zstd") is None:
            raise unittest.SkipTest("SKIPPED: the zstd command is not installed")
        block = bitcoin.read_block(bitcoin.read_file(cls.file))
        cls.ledger = Ledger([block], [bitcoin.read_spent_json(companion)], bitcoin.MAINNET)

    def test_every_policy_equals_the_model_for_each_of_several_coins(self):
        for why, outpoint in SEEDS_866342.items():
            with self.subTest(why):
                self.compare(self.ledger, [self.file], [("real", outpoint, None)])

    def test_a_part_of_a_coin(self):
        for share in (3, 7):
            for why in ("in-block chain of 25", "spent with 1,008 others",
                        "spent into 153 outputs"):
                outpoint = SEEDS_866342[why]
                part = self.ledger.values[outpoint] // share
                self.compare(self.ledger, [self.file], [("real", outpoint, part)])

    def test_all_of_them_in_one_case(self):
        result = self.compare(self.ledger, [self.file],
                              [("real", o, None) for o in SEEDS_866342.values()])
        self.assertGreater(len(result["holders"]), 20)

    def test_services_and_dust(self):
        outpoint = SEEDS_866342["spent into 153 outputs"]
        spender = next(tx for tx in self.ledger.txs if any(o == outpoint for o, _ in tx["in"]))
        paid = [to for to, _ in spender["out"] if to and not to.startswith("script:")]
        services = [{"address": paid[0], "name": "First"},
                    {"address": paid[-1], "name": "Last", "bucket": "mixer"}]
        result = self.compare(self.ledger, [self.file], [("real", outpoint, None)],
                              services=services, dust_limit=200000)
        self.assertTrue(result["arrivals"])
        self.assertGreater(int(result["buckets"]["dust"]), 0)

    def test_that_only_descendants_can_matter(self):
        """The worlds above leave out what the money never touches; here nothing is left out."""
        seeds = [("real", SEEDS_866342["in-block chain of 25"], 100000)]
        for policy in ("fifo", "haircut"):
            whole = dye.summary_of_model(self.ledger.world(policy, seeds, whole=True), "real")
            part = dye.summary_of_model(self.ledger.world(policy, seeds), "real")
            self.assertEqual(whole, part)

    def test_two_cases_that_meet(self):
        """The earlier theft keeps what it stained; both cases add up."""
        outpoint = SEEDS_866342["spent in block, 15 inputs"]
        value = self.ledger.values[outpoint]
        seeds = [("first", outpoint, value // 2), ("second", outpoint, None)]
        yamls = [self.case("first", "bitcoin", stolen=[
                     {"outpoint": outpoint, "amount_base": str(value // 2)}]),
                 self.case("second", "bitcoin", stolen=[{"outpoint": outpoint}])]
        for policy in dye.POLICIES:
            results = self.results(*yamls, self.file, "--policy", policy)
            for name, result in results.items():
                world = self.ledger.world(policy, seeds)
                self.assertEqual(dye.summary_of_json(result, utxo=True),
                                 dye.summary_of_model(world, name), (policy, name))

    def test_an_address_in_a_transaction_is_a_seed_as_well(self):
        txid = SEEDS_866342["made and spent in it"].rsplit(":", 1)[0]
        tx = next(t for t in self.ledger.txs if t["id"] == txid)
        address = self.ledger.addresses[txid + ":1"]
        mine = ["%s:%d" % (txid, j) for j, (to, _) in enumerate(tx["out"]) if to == address]
        yaml = self.case("real", "bitcoin", stolen=[{"tx": txid, "address": address}])
        result = self.results(yaml, self.file)["real"]
        self.same(self.ledger, result,
                  self.ledger.world("fifo", [("real", o, None) for o in mine]))

    def test_path_leads_to_the_end_of_the_chain(self):
        outpoint = SEEDS_866342["in-block chain of 25"]
        yaml = self.case("real", "bitcoin", stolen=[{"outpoint": outpoint}])
        book = self.path("real.book")
        result = json.loads(self.trace(yaml, self.file, "--casebook", book))
        last = max(result["holders"], key=lambda h: h["hop"])["outpoint"]
        spenders = {o: tx["id"] for tx in self.ledger.txs for o, _ in tx["in"]}
        for form in ("text", "json", "csv"):
            text = self.done("path", book, "real", last, "--format", form)
            self.assertIn(last.split(":")[0][:8], text)
            self.assertIn(spenders[outpoint][:8], text)


class Testnet928848(Real):
    """Two adjacent blocks: money that crosses from one into the other. Values from undo files."""

    @classmethod
    def setUpClass(cls):
        cls.paths = [dye.data("bitcoin", "testnet3-%d.blk" % h) for h in (928848, 928849)]
        undo = [dye.data("bitcoin", "testnet3-%d.undo.bcoin" % h) for h in (928848, 928849)]
        blocks = [bitcoin.read_block(bitcoin.read_file(p)) for p in cls.paths]
        assert blocks[1]["prev"] == blocks[0]["hash"]
        cls.ledger = Ledger(blocks, [bitcoin.read_undo_bcoin(p) for p in undo], bitcoin.TESTNET)
        cls.spent_in = {o: tx for tx in cls.ledger.txs for o, _ in tx["in"]}

    def test_a_coin_spent_in_the_first_block_whose_children_are_spent_in_the_second(self):
        made_by = next(tx for tx in self.ledger.txs if tx["id"] == CROSSING)
        self.assertEqual(made_by["block"], 928848)
        for outpoint, value in made_by["in"][:3]:
            for amount in (None, value // 2):
                self.compare(self.ledger, self.paths, [("real", outpoint, amount)], "testnet3")

    def test_coins_made_in_the_first_block_and_spent_in_the_second(self):
        outpoints = [CROSSING + ":1", CROSSING + ":12"]
        for outpoint in outpoints:
            self.assertEqual(self.spent_in[outpoint]["block"], 928849)
        self.compare(self.ledger, self.paths, [("real", o, None) for o in outpoints], "testnet3")
        self.compare(self.ledger, self.paths, [("real", outpoints[0], 12345)], "testnet3")

    def test_the_longest_chain_of_the_second_block(self):
        result = self.compare(self.ledger, self.paths, [("real", CHAIN_928849, COIN)], "testnet3")
        self.assertEqual(result["height"], 928849)

    def test_the_order_of_the_files_does_not_matter(self):
        yaml = self.case("real", "testnet3", stolen=[{"outpoint": CROSSING + ":1"}])
        self.assertEqual(self.trace(yaml, *self.paths), self.trace(yaml, *self.paths[::-1]))

    def test_without_companions_the_input_is_named_or_assumed_clean(self):
        for path in self.paths:
            shutil.copy(path, self.folder)
        bare = [self.path(os.path.basename(p)) for p in self.paths]
        outpoint = CROSSING + ":1"
        yaml = self.case("real", "testnet3", stolen=[{"outpoint": outpoint}])
        spender = self.spent_in[outpoint]
        unknown = [o for o, _ in spender["in"] if o not in self.ledger.made]
        if unknown:
            self.refused("trace", yaml, *bare, "--quiet",
                         says=[unknown[0], spender["id"], "--assume-clean"])
        result = self.results(yaml, *bare, "--assume-clean")["real"]
        self.assertTrue(dye.adds_up(result))
        self.assertEqual(any("assumed clean" in a for a in result["assumptions"]), bool(unknown))


class Mainnet1To255(Real):
    """The first blocks of the main chain, in a node's framing: no companion is needed. Nearly
    nothing moves, but what does is famous: block 9's coinbase pays Hal Finney in block 170."""

    @classmethod
    def setUpClass(cls):
        cls.file = dye.data("bitcoin", "mainnet-1-255.dat")
        blocks = bitcoin.read_framed(cls.file)
        for i, block in enumerate(blocks):
            block["height"] = i + 1
        cls.ledger = Ledger(blocks, [None] * len(blocks), bitcoin.MAINNET)
        cls.coinbase_9 = blocks[8]["txs"][0]["id"] + ":0"

    def test_the_fifty_coins_of_block_9(self):
        spend = next(tx for tx in self.ledger.txs if any(o == self.coinbase_9 for o, _ in tx["in"]))
        self.assertEqual(spend["block"], 170)
        for amount in (None, 12 * COIN):
            result = self.compare(self.ledger, [self.file], [("real", self.coinbase_9, amount)])
            self.assertEqual(result["height"], 255)
        self.assertEqual(sum(int(h["origin"]) for h in self.results(
            self.case("all", "bitcoin", stolen=[{"outpoint": self.coinbase_9}]),
            self.file)["all"]["holders"]), 50 * COIN)

    def test_until_a_height_and_a_time(self):
        yaml = self.case("real", "bitcoin", stolen=[{"outpoint": self.coinbase_9}])
        before = self.results(yaml, self.file, "--until", "169")["real"]
        self.assertEqual([(h["outpoint"], h["hop"]) for h in before["holders"]],
                         [(self.coinbase_9, 0)])
        time = next(b["time"] for b in self.ledger.blocks if b["height"] == 170)
        self.assertEqual(self.results(yaml, self.file, "--until",
                                      stamp(time))["real"]["height"], 170)

    def test_blocks_left_out_are_told_of(self):
        """A coin that seems to lie still may have moved in one of them."""
        later = dye.data("bitcoin", "mainnet-866342.blk")
        yaml = self.case("real", "bitcoin", stolen=[{"outpoint": self.coinbase_9}])
        told = "leaves out 866086 blocks in 1 place"
        once = self.trace(yaml, self.file, later)
        self.assertIn(told, once)
        self.assertNotIn("leaves out", self.trace(yaml, self.file))
        book = ["--casebook", self.path("book")]
        self.trace(yaml, self.file, *book)
        self.assertEqual(self.trace(yaml, self.file, later, *book), once)
        self.done("rollback", self.path("book"), "real", "255")
        self.assertNotIn("leaves out", self.trace(yaml, self.file, *book))


def stamp(seconds):
    """Unix time as people write it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Reorganisation(Real):
    """A made-up chain of five blocks and a branch that overtakes it."""

    @classmethod
    def setUpClass(cls):
        folder = os.path.join(dye.ROOT, "tests", "data", "bitcoin")
        cls.base = os.path.join(folder, "reorg-blk_0_to_4.dat")
        cls.branch = [os.path.join(folder, "reorg-blk_%s.dat" % n) for n in ("3A", "4A", "5A")]
        cls.blocks = bitcoin.read_framed(cls.base)
        cls.extra = [bitcoin.read_framed(p)[0] for p in cls.branch]

    def coinbase(self, block):
        return block["txs"][0]["id"] + ":0"

    def ledger_of(self, blocks):
        for i, block in enumerate(blocks):
            block["height"] = i
        return Ledger(blocks, [None] * len(blocks), bitcoin.MAINNET)

    def test_the_branch_with_most_work_is_followed(self):
        self.assertEqual(self.extra[0]["prev"], self.blocks[2]["hash"])
        stale = self.ledger_of(self.blocks)
        wins = self.ledger_of(self.blocks[:3] + self.extra)
        shared = self.coinbase(self.blocks[1])
        self.compare(stale, [self.base], [("real", shared, None)])
        result = self.compare(wins, [self.base] + self.branch, [("real", shared, None)])
        self.assertEqual(result["height"], 5)

    def test_a_coin_of_the_stale_branch_is_not_there(self):
        yaml = self.case("real", "bitcoin",
                         stolen=[{"outpoint": self.coinbase(self.blocks[3])}])
        self.results(yaml, self.base)
        self.refused("trace", yaml, self.base, *self.branch, "--quiet",
                     says=["real.yaml:3", self.coinbase(self.blocks[3])])

    def test_a_casebook_follows_the_reorganisation(self):
        """First the base chain, then, with the branch there: as if it had been there at once."""
        yaml = self.case("real", "bitcoin",
                         stolen=[{"outpoint": self.coinbase(self.blocks[1])}])
        first, direct = self.path("first.book"), self.path("direct.book")
        self.trace(yaml, self.base, "--casebook", first)
        again = dye.run("trace", yaml, self.base, *self.branch, "--casebook", first,
                        "--format", "json")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("block 3 differs from the one followed before: undone to block 2",
                      again.stderr)
        once = self.trace(yaml, self.base, *self.branch, "--casebook", direct)
        self.assertEqual(again.stdout, once)
        self.assertEqual(dye.dump(first), dye.dump(direct))


    def test_a_branch_that_does_not_reach_back_is_refused(self):
        yaml = self.case("real", "bitcoin",
                         stolen=[{"outpoint": self.coinbase(self.blocks[1])}])
        book = self.path("book")
        self.trace(yaml, self.base, "--casebook", book)
        before = dye.dump(book)
        for height, files in ((4, self.branch[1:]), (5, self.branch[2:])):
            self.refused("trace", yaml, *files, "--start-height", height, "--casebook", book,
                         "--quiet", says=["block %d does not follow" % height, "reaches back"])
            self.assertEqual(dye.dump(book), before)


class Prevouts(Real):
    """Two older blocks that we have as JSON with the coin behind every input: block 57043, in which
    Laszlo Hanyecz bought two pizzas for 10,000 coins, and block 403200. Put back into the bytes
    that they are, they must come out with their right hash, values and addresses."""

    def block_of(self, height):
        """(the block's bytes, its companion's list)"""
        with open(dye.data("bitcoin", "mainnet-%d.prevouts.json" % height),
                  encoding="utf-8") as file:
            read = json.load(file)
        (block,), spent = read["blocks"], []
        txs = [self.tx_bytes(tx, spent) for tx in block["data"]["transactions"]]
        head = block["header"]
        header = number(head["version"], 4) \
            + bytes.fromhex(read["chain_state"]["best_block_hash"])[::-1] \
            + bitcoin.merkle_root([bitcoin.sha256d(tx) for tx in txs]) \
            + b"".join(number(head[k], 4) for k in ("time", "bits", "nonce"))
        self.assertEqual(bitcoin.display(bitcoin.sha256d(header)),
                         read["expected"]["best_block_hash"])
        return header + compact(len(txs)) + b"".join(txs), spent

    @staticmethod
    def tx_bytes(tx, spent):
        """Without its witness, which these blocks are older than."""
        out = number(tx["version"], 4) + compact(len(tx["inputs"]))
        for i in tx["inputs"]:
            coin, script = i["previous_output"], bytes.fromhex(i["script"][2:])
            out += bytes.fromhex(coin["txid"])[::-1] + number(coin["vout"], 4)
            out += compact(len(script)) + script + number(i["sequence"], 4)
            if coin["vout"] != 0xffffffff:
                spent.append({"txout": {"value": coin["data"]["value"],
                                        "script_pubkey": coin["data"]["pk_script"][2:]}})
        out += compact(len(tx["outputs"]))
        for o in tx["outputs"]:
            script = bytes.fromhex(o["pk_script"][2:])
            out += number(o["value"], 8) + compact(len(script)) + script
        return out + number(tx["lock_time"], 4)

    def test_hash_values_addresses_and_taint(self):
        for height in (57043, 403200):
            content, spent = self.block_of(height)
            path = self.write("%d.blk" % height, content)
            self.write("%d.spent.json" % height, json.dumps(spent))
            block = bitcoin.read_block(content)
            block["height"] = height
            coins = [(o["txout"]["value"], bytes.fromhex(o["txout"]["script_pubkey"]))
                     for o in spent]
            ledger = Ledger([block], [coins], bitcoin.MAINNET)
            # One seed for each kind of script that is spent, the most valuable of its kind.
            chosen = {}
            for tx in block["txs"]:
                for outpoint, value, script in tx["coins"]:
                    kind = (len(script), script[:1])
                    chosen[kind] = max(chosen.get(kind, (0, "")), (value, outpoint))
            seeds = [("real", outpoint, None) for _, outpoint in chosen.values()]
            yaml = self.case("real", "bitcoin", stolen=[{"outpoint": o} for _, o, _ in seeds])
            book = self.path("%d.book" % height)
            for policy in dye.POLICIES:
                result = self.results(yaml, path, "--start-height", height,
                                      "--policy", policy)["real"]
                self.same(ledger, result, ledger.world(policy, seeds))
                self.assertEqual(result["height"], height)
            self.trace(yaml, path, "--start-height", height, "--casebook", book)
            db = sqlite3.connect(book)
            self.assertEqual(db.execute("select hash from run").fetchone()[0][::-1].hex(),
                             block["hash"])
            for outpoint, address in db.execute("select outpoint, address from holder"):
                if ledger.addresses[outpoint] is not None:
                    self.assertEqual(address, ledger.addresses[outpoint])
            db.close()


def number(value, size):
    return int(value).to_bytes(size, "little")


def compact(n):
    if n < 0xfd:
        return number(n, 1)
    return b"\xfd" + number(n, 2) if n < 0x10000 else b"\xfe" + number(n, 4)


if __name__ == "__main__":
    unittest.main()

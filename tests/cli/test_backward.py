"""Where money came from: `dyepack trace --backward` beside a second computation in plain Python, on
a real Bitcoin block, and on the table of the Bybit theft.

The Python reads the block itself (tests/model/bitcoin.py) and works forward for fifo (every output
is a list of pieces, each with the coin from before the block that it is of), and backward
transaction by transaction for haircut.
"""
# Covers: cli/backward.c report/backward.c engine/backward.c engine/backward_coins.c
# Covers: engine/backward_pools.c
import csv
import io
import json
import os
import shutil
import unittest

import dye
import bitcoin  # tests/model: dye put it on the path

BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
VICTIM = "0x1Db92e2EeBC8E0c075a02BeA49a2935BcD2dFCF4"
# One of the forty; it has kept what it got.
KEPT = "0x36ed3c0213565530c35115d93a80f9c04d94e4cb"
# The drain of the ether, which the table leaves out: case.yaml has its transaction.
DRAIN = "0xb61413c495fdad6114a7aa863a00b2e3c28945979a10885b12b30316ea9f072c"
DRAIN_ROW = ("21895251,2025-02-21T14:16:11Z,%s,0,internal,%s,%s,ETH,,401346.768858404671846374,ok,"
             "drain" % (DRAIN, VICTIM, THIEF))
ETHER = 10 ** 18


class Backward(dye.Case):
    def ledger(self, source, chain):
        folder = self.path("ledger")
        self.done("import", source, "--chain", chain, "--ledger", folder, "--quiet")
        return "ledger:" + folder

    def back(self, *args):
        """The result, after what must hold of every one."""
        result = json.loads(self.done("trace", "--backward", *args, "--format", "json"))
        amount = int(result["amount"])
        self.assertIs(result["conserved"], True)
        self.assertEqual(sum(int(s["amount"]) for s in result["sources"]), amount)
        self.assertEqual(sum(int(k) for k in result["kinds"].values()), amount)
        amounts = [int(s["amount"]) for s in result["sources"]]
        self.assertEqual(amounts, sorted(amounts, reverse=True))
        return result


# ---------------------------------------------------------------------------- a Bitcoin block


def cut(pieces, start, end):
    """Units start .. end-1 of a run of (origin, units)."""
    got, at = [], 0
    for origin, units in pieces:
        low, high = max(at, start), min(at + units, end)
        if low < high:
            got.append((origin, high - low))
        at += units
    return got


def fifo_outputs(txs):
    """Each output as a run of (origin, units); an origin is (kind, transaction, address's coin)."""
    made = {}
    for tx in txs:
        run = []
        for outpoint, value in tx["in"]:
            run += made.get(outpoint) or [(("before", tx["id"], outpoint), value)]
        at = 0
        for j, (_, value) in enumerate(tx["out"]):
            name = "%s:%d" % (tx["id"], j)
            made[name] = cut(run, at, at + value) if tx["in"] else \
                [(("coinbase", tx["id"], name), value)]
            at += value
    return made


def haircut_sources(txs, outpoint):
    """[(origin, units)] of one output."""
    wanted, sources = {}, []
    places = {tx["id"]: i for i, tx in enumerate(txs)}
    name, vout = outpoint.rsplit(":", 1)
    wanted[places[name]] = txs[places[name]]["out"][int(vout)][1]
    while wanted:
        at = max(wanted)
        units, tx = wanted.pop(at), txs[at]
        if not tx["in"]:
            sources.append((("coinbase", tx["id"], tx["id"] + ":0"), units))
            continue
        total, before, given = sum(v for _, v in tx["in"]), 0, 0
        for spent, value in tx["in"]:
            before += value
            share = units * before // total - given
            given += share
            maker = places.get(spent.rsplit(":", 1)[0])
            if share and maker is None:
                sources.append((("before", tx["id"], spent), share))
            elif share:
                wanted[maker] = wanted.get(maker, 0) + share
    return sources


class Mainnet866342(Backward):
    """A large block with chains of up to 25 spends inside."""

    @classmethod
    def setUpClass(cls):
        cls.file = dye.data("bitcoin", "mainnet-866342.blk")
        companion = dye.data("bitcoin", "mainnet-866342.spent.json.zst")
        if shutil.which("zstd") is None:
            raise unittest.SkipTest("SKIPPED: the zstd command is not installed")
        blocks = [bitcoin.read_block(bitcoin.read_file(cls.file))]
        bitcoin.fill_values(blocks, [bitcoin.read_spent_json(companion)])
        cls.txs = bitcoin.world_txs(blocks, bitcoin.MAINNET)
        cls.addresses = {}
        for tx in blocks[0]["txs"]:
            for outpoint, _, script in tx["coins"]:
                cls.addresses[outpoint] = bitcoin.address(script, bitcoin.MAINNET)
            for j, (_, script) in enumerate(tx["out"]):
                cls.addresses["%s:%d" % (tx["id"], j)] = bitcoin.address(script, bitcoin.MAINNET)

    def depths(self):
        """How many transactions of the block lie behind each, on the longest way."""
        depth = {}
        for tx in self.txs:
            parents = [depth[o.rsplit(":", 1)[0]] for o, _ in tx["in"]
                       if o.rsplit(":", 1)[0] in depth]
            depth[tx["id"]] = 1 + max(parents) if parents else 0
        return depth

    def holders(self):
        """Outputs with much behind them: the deepest, and those of deep transactions that mix
        most; of each transaction those that hold something."""
        depth = self.depths()
        deepest = sorted(self.txs, key=lambda tx: -depth[tx["id"]])[:4]
        mixing = sorted((tx for tx in self.txs if depth[tx["id"]] > 1),
                        key=lambda tx: -len(tx["in"]))[:20]
        large = sorted(self.txs, key=lambda tx: -len(tx["in"]))[:2]
        return ["%s:%d" % (tx["id"], j) for tx in deepest + mixing + large
                for j, (_, value) in enumerate(tx["out"][:6]) if value]

    def same(self, result, sources):
        """Compares by kind, transaction and address, where Python can tell the address."""
        ours, theirs = {}, {}
        known = {}
        for (kind, tx, coin), units in sources:
            address = self.addresses[coin]
            known.setdefault((kind, tx), set()).add(address)
            theirs[kind, tx, address] = theirs.get((kind, tx, address), 0) + units
        for s in result["sources"]:
            address = s["address"]
            if address not in known[s["kind"], s["tx"]]:
                self.assertIn(None, known[s["kind"], s["tx"]], address)
                address = None
            key = (s["kind"], s["tx"], address)
            ours[key] = ours.get(key, 0) + int(s["amount"])
        self.assertEqual(ours, theirs)

    def test_both_policies_equal_a_second_computation(self):
        ledger = self.ledger(self.file, "bitcoin")
        made, most = fifo_outputs(self.txs), 0
        holders = self.holders()
        self.assertGreater(len(holders), 20)
        for holder in holders:
            with self.subTest(holder):
                self.same(self.back(holder, ledger), made[holder])
                result = self.back(holder, ledger, "--policy", "haircut")
                self.same(result, haircut_sources(self.txs, holder))
                most = max(most, len(result["sources"]))
        self.assertGreater(most, 20)

    def test_the_chain_of_25_is_25_hops_long(self):
        ledger = self.ledger(self.file, "bitcoin")
        depth = self.depths()
        last = max(self.txs, key=lambda tx: depth[tx["id"]])
        vout = next(j for j, (_, value) in enumerate(last["out"]) if value)
        result = self.back("%s:%d" % (last["id"], vout), ledger)
        self.assertEqual(result["sources"][0]["hops"], 25)
        self.assertEqual(result["steps_total"], 25)
        short = self.back("%s:%d" % (last["id"], vout), ledger, "--max-steps", "10")
        self.assertEqual([s["kind"] for s in short["sources"]], ["cut"])
        self.assertIs(short["complete"], False)
        self.assertTrue(any("limit of steps" in a for a in short["assumptions"]))

    def test_an_address_is_all_its_unspent_coins(self):
        ledger = self.ledger(self.file, "bitcoin")
        spent = {o for tx in self.txs for o, _ in tx["in"]}
        made = fifo_outputs(self.txs)
        mine = {}
        for outpoint, pieces in made.items():
            if outpoint not in spent and self.addresses[outpoint] and pieces:
                mine.setdefault(self.addresses[outpoint], []).append(outpoint)
        address = max(sorted(mine), key=lambda a: len(mine[a]))
        self.assertGreater(len(mine[address]), 2)
        self.same(self.back(address, ledger), [p for o in mine[address] for p in made[o]])


# ---------------------------------------------------------------------------- the Bybit table


class Bybit(Backward):
    def setUp(self):
        super().setUp()
        with open(os.path.join(BYBIT, "movements.csv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        table = self.write("movements.csv", "\n".join([lines[0], DRAIN_ROW] + lines[1:]) + "\n")
        self.source = self.ledger(table, "ethereum")
        self.yaml = self.case("bybit", victim=[{"address": VICTIM}], stolen=[
            {"address": THIEF, "asset": "eth", "tx": DRAIN}])
        rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
        self.forty = sorted({r["to"] for r in rows if r["asset"] == "ETH" and not r["contract"]
                             and r["amount"] == "10000.0" and r["status"] == "ok"
                             and r["from"] == THIEF.lower()})

    def test_each_wallet_that_got_ten_thousand_leads_back_to_the_victim(self):
        self.assertGreaterEqual(len(self.forty), 39)
        for wallet in self.forty:
            tx = None
            for policy in ("fifo", "haircut"):
                result = self.back(wallet, self.yaml, self.source, "--policy", policy)
                if int(result["amount"]) == 0:  # moved on already: what it got then
                    tx = tx or self.arrival(wallet)
                    result = self.back(wallet, self.yaml, self.source, "--policy", policy,
                                       "--in", tx)
                for source in result["sources"]:
                    if source["kind"] == "service":
                        self.assertEqual((source["address"], source["tx"]), (VICTIM, DRAIN))
                if int(result["amount"]) == 10000 * ETHER:
                    self.assertEqual([s["kind"] for s in result["sources"]], ["service"])
                    self.assertEqual(result["sources"][0]["hops"], 2)

    def arrival(self, wallet):
        history = self.done("ledger", "history", self.source, wallet, "--format", "csv")
        rows = [r for r in csv.DictReader(io.StringIO(history)) if r["direction"] == "in"]
        return rows[0]["tx"]

    def test_without_the_drain_it_was_there_before(self):
        bare = self.path("bare")
        self.done("import", os.path.join(BYBIT, "movements.csv"), "--chain", "ethereum",
                  "--ledger", bare, "--quiet")
        result = self.back(KEPT, bare, "--at", "21895500")
        self.assertEqual([(s["kind"], s["address"]) for s in result["sources"]],
                         [("before", THIEF)])
        self.assertTrue(any("begins with block 21895319" in a for a in result["assumptions"]))

    def test_text_and_csv_say_the_same(self):
        text = self.done("trace", "--backward", KEPT, self.yaml, self.source, "--at",
                         "21895500")
        for words in ("Where 10,000 ETH of", "service", VICTIM, DRAIN, "2 hops away",
                      "add up to the last unit"):
            self.assertIn(words, text)
        self.assertLess(len(text.splitlines()), 40)
        table = self.done("trace", "--backward", KEPT, self.yaml, self.source, "--at",
                          "21895500", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(table)))
        self.assertEqual([(r["kind"], r["address"], r["amount"], r["amount_base"]) for r in rows],
                         [("service", VICTIM, "10000", str(10000 * ETHER))])

    def test_a_hub_stops_it(self):
        result = self.back(KEPT, self.source, "--at", "21895500", "--hub-limit", "1")
        self.assertEqual([s["kind"] for s in result["sources"]], ["hub"])
        self.assertTrue(any("more than 1 movements" in a for a in result["assumptions"]))

    def test_the_case_file_says_which_policy(self):
        yaml = self.case("mixed", policy="haircut", stolen=[
            {"address": THIEF, "asset": "eth", "tx": DRAIN}])
        self.assertEqual(self.back(THIEF, yaml, self.source)["policy"], "haircut")
        self.assertEqual(self.back(THIEF, yaml, self.source, "--policy", "fifo")["policy"], "fifo")

    def test_what_is_wrong_is_said(self):
        base = ["trace", "--backward"]
        self.refused(*base, THIEF, code=2, says=["a holder and a ledger"])
        self.refused(*base, THIEF, self.source, "--policy", "poison", code=2,
                     says=["cannot be followed backward"])
        self.refused(*base, THIEF, self.source, "--policy", "fif", code=2,
                     says=["did you mean 'fifo'?"])
        self.refused(*base, THIEF, self.source, "--at", "1", "--in", DRAIN, code=2)
        self.refused(*base, THIEF, self.source, "--max-steps", "many", code=2)
        self.refused(*base, "nobody", self.source, says=["nobody"])
        self.refused(*base, THIEF, self.path("none"), says=["none"])
        self.refused(*base, THIEF, self.source, "--asset", "nothing", says=["nothing"])
        self.refused(*base, THIEF, self.source, "--in", "0x" + "ab" * 32,
                     says=["not in the ledger"])
        self.refused(*base, VICTIM, self.source, "--in", DRAIN, says=["arrived"])
        self.refused(*base, THIEF, self.source, "--at", "soon", says=["neither a height nor"])
        other = self.case("other", "bitcoin", stolen=[{"outpoint": "ab" * 32 + ":0"}])
        self.refused(*base, THIEF, other, self.source)


if __name__ == "__main__":
    unittest.main()

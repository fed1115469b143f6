"""`dyepack ledger`: balances and histories are what a plain sum over the movements gives, blocks
and transactions are found, and what is asked wrongly is told.
"""
# Covers: cli/ledger_command.c cli/ledger_info.c cli/ledger_look.c cli/ledger_history.c
import csv
import io
import json
import os
import random
import shutil
import unittest

import dye
import ledgers

BITCOIN = os.path.join(dye.ROOT, "tests", "data", "bitcoin")
BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02", "movements.csv")
SMALL = {**os.environ, "DYEPACK_UNIT_ROWS": "16", "DYEPACK_FINAL_BLOCKS": "2"}


def sums(rows, address, until=None):
    """By asset: [balance, received, sent, uncovered, transactions], from rows of `movements`. This
    is the definition, in plain Python; coins are looked up by their outpoint."""
    coins, place, totals = {}, {}, {}
    for row in rows:
        outpoint = None
        if row["kind"] == "output":
            number = place[row["tx"]] = place.get(row["tx"], -1) + 1
            outpoint = "%s:%d" % (row["tx"], number)
            coins[outpoint] = row["to"]
        source = coins.get(row["from"]) if row["kind"] == "input" else row["from"]
        if until is not None and int(row["block"]) > until or row["contract"]:
            continue
        if row["status"] == "failed" and row["kind"] != "fee":
            if address in (source, row["to"]):
                totals.setdefault(row["asset"], [0, 0, 0, 0, set()])
            continue
        amount = int(row["amount_base"])
        if source == address:
            t = totals.setdefault(row["asset"], [0, 0, 0, 0, set()])
            t[2] += amount
            t[3] += max(0, amount - t[0])
            t[0] = max(0, t[0] - amount)
        if row["to"] == address:
            t = totals.setdefault(row["asset"], [0, 0, 0, 0, set()])
            t[0] += amount
            t[1] += amount
    return {asset: tuple(t[:4]) for asset, t in totals.items()}


class Ledger(dye.Case):
    def setUp(self):
        super().setUp()
        self.ledger = self.path("ledger")

    def take(self, *args):
        return self.done("import", *args, "--ledger", self.ledger, "--quiet", env=SMALL)

    def rows(self):
        return list(csv.DictReader(io.StringIO(self.done("movements", self.ledger, "--quiet"))))

    def ask(self, *args):
        return json.loads(self.done("ledger", *args, "--format", "json"))

    def balances(self, address, *args):
        said = self.ask("balance", self.ledger, address, *args)
        self.assertEqual(said["address"], address)
        return {b["symbol"]: tuple(int(b[k]) for k in ("balance", "received", "sent", "uncovered"))
                for b in said["balances"]}

    def check_address(self, rows, address, heights):
        want = sums(rows, address)
        got = self.balances(address)
        self.assertEqual({k: v for k, v in got.items() if any(v)},
                         {k: v for k, v in want.items() if any(v)}, address)
        for height in heights:
            at = self.balances(address, "--at", height)
            self.assertEqual({k: v for k, v in at.items() if any(v)},
                             {k: v for k, v in sums(rows, address, height).items() if any(v)},
                             (address, height))
        lines = list(csv.DictReader(io.StringIO(self.done(
            "ledger", "history", self.ledger, address, "--format", "csv"))))
        last = {line["asset"]: int(line["balance_base"]) for line in lines
                if line["status"] != "noise"}
        self.assertEqual({k: v for k, v in last.items() if v},
                         {k: v[0] for k, v in want.items() if v[0]}, address)
        heights_seen = [int(line["height"]) for line in lines]
        self.assertEqual(heights_seen, sorted(heights_seen))
        return lines


class Accounts(Ledger):
    def test_balances_and_histories_are_the_plain_sum(self):
        self.take(self.write("made.csv", ledgers.Accounts(3, 250).csv()))
        rows = self.rows()
        addresses = sorted({r[k] for r in rows for k in ("from", "to") if r[k]})
        for address in random.Random(1).sample(addresses, 12):
            lines = self.check_address(rows, address, (1, 77, 249))
            mine = [r for r in rows if address in (r["from"], r["to"])]
            self.assertEqual(len(lines), len(mine))
            self.assertEqual([(x["tx"], x["amount_base"]) for x in lines],
                             [(r["tx"], r["amount_base"]) for r in mine])

    def test_the_demo_s_addresses(self):
        self.take(BYBIT)
        rows = self.rows()
        for address in sorted({r["from"] for r in rows})[:6]:
            self.check_address(rows, address, (21895400,))
        text = self.done("ledger", "balance", self.ledger,
                         "0x47666fab8bd0ac7003bce3f5c3585383f09486e2", "--asset", "steth")
        self.assertIn("90375.54791768 of it not seen coming in", text)
        self.assertIn("begins with block 21895319", text)

    def test_a_history_is_cut_by_time_number_and_asset(self):
        self.take(self.write("made.csv", ledgers.Accounts(3, 250).csv()))
        address = ledgers.address(4)
        args = ("ledger", "history", self.ledger, address, "--format", "csv")
        whole = list(csv.DictReader(io.StringIO(self.done(*args))))
        part = list(csv.DictReader(io.StringIO(self.done(
            *args, "--from", "60", "--until", "2023-11-14T22:53:20Z"))))  # of block 200
        self.assertEqual(part, [x for x in whole if 60 <= int(x["height"]) <= 200])
        part = list(csv.DictReader(io.StringIO(self.done(*args, "--limit", "5"))))
        self.assertEqual(part, whole[:5])
        part = list(csv.DictReader(io.StringIO(self.done(*args, "--asset", "usdt"))))
        self.assertEqual(part, [x for x in whole if x["asset"] == "USDT"])
        said = self.ask("history", self.ledger, address, "--limit", "3")
        self.assertEqual((len(said["movements"]), said["limit_reached"]), (3, True))
        self.assertIn("the first 3 movements", self.done("ledger", "history", self.ledger, address,
                                                         "--limit", "3"))

    def test_who_was_never_there_has_nothing(self):
        self.take(BYBIT)
        nobody = "0x" + "ab" * 20
        self.assertEqual(self.balances("0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"), {})
        self.assertIn("no movement", self.done("ledger", "balance", self.ledger, nobody))
        self.assertIn("no movement", self.done("ledger", "history", self.ledger, nobody))


class Coins(Ledger):
    def test_balances_and_histories_are_the_plain_sum(self):
        self.take(dye.data("bitcoin", "mainnet-1-255.dat"))
        rows = self.rows()
        counts = {}
        for r in rows:
            counts[r["to"]] = counts.get(r["to"], 0) + 1
        busy = sorted((a for a in counts if a), key=lambda a: -counts[a])[:8]
        for address in busy:
            self.check_address(rows, address, (170, 200))

    def test_transactions_and_blocks_are_found_and_say_who_spent(self):
        self.take(dye.data("bitcoin", "mainnet-1-255.dat"))
        first = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
        said = self.ask("tx", self.ledger, first)
        self.assertEqual((said["height"], said["index"]), (170, 1))
        coin, paid, change = said["movements"]
        self.assertEqual(coin["from"], "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S")
        self.assertEqual((paid["amount"], paid["spent_by"]), ("1000000000", None))
        self.assertEqual(change["spent_by"],
                         "a16f3ce4dd5deb92d98ef5cf8afeaf0775ebca408f708b2146c4fb42b41e14be")
        block = "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"
        by_hash = self.done("ledger", "block", self.ledger, block)
        self.assertEqual(self.done("ledger", "block", self.ledger, "170"), by_hash)
        self.assertIn("2 transactions, 4 movements", by_hash)
        said = self.ask("block", self.ledger, "170")
        self.assertEqual([t["tx"] for t in said["transactions"]][1], first)
        for args, words in ((("tx", "00" * 32), "is not in the ledger"),
                            (("block", "256"), "block 256 is not in the ledger"),
                            (("block", "00" * 32), "is not in the ledger"),
                            (("block", "last"), "neither a height nor a hash")):
            self.refused("ledger", args[0], self.ledger, args[1], says=[words])


class Care(Ledger):
    def test_info_counts_what_is_there(self):
        self.take(BYBIT)
        self.take(os.path.join(BITCOIN, "mainnet-1-5.dat"))
        said = self.ask("info", self.ledger, "--segments")
        bitcoin, ethereum = said["chains"]
        self.assertEqual((bitcoin["chain"], bitcoin["blocks"], bitcoin["from_beginning"]),
                         ("bitcoin", 5, True))
        rows = self.done("movements", BYBIT, "--quiet").splitlines()[1:]
        self.assertEqual(ethereum["movements"], len(rows))
        self.assertEqual(ethereum["noise"], sum(1 for r in rows if r.split(",")[8]))
        size = sum(os.path.getsize(os.path.join(self.ledger, "ethereum", name))
                   for name in os.listdir(os.path.join(self.ledger, "ethereum")))
        self.assertEqual(ethereum["bytes"], size)
        self.assertEqual(len(ethereum["segments"]), ethereum["segment_count"])
        self.assertEqual(ethereum["movements"] - ethereum["tail_movements"],
                         sum(s["movements"] for s in ethereum["segments"]))
        text = self.done("ledger", "info", self.ledger, "--chain", "ethereum")
        self.assertIn("2025-02-21T14:29:47Z to ", text)
        self.assertNotIn("bitcoin", text)

    def test_packed_it_says_the_same_and_unpacked_it_is_the_same(self):
        large = {**SMALL, "DYEPACK_UNIT_ROWS": "1024"}  # little things are not worth packing
        self.done("import", self.write("made.csv", ledgers.Accounts(3, 1500).csv()), "--ledger",
                  self.ledger, "--quiet", env=large)
        before = self.done("movements", self.ledger, "--quiet")
        address = ledgers.address(4)
        history = self.done("ledger", "history", self.ledger, address)
        self.assertIn("packed", self.done("ledger", "pack", self.ledger, "--below", "1400",
                                          env=large))
        self.assertGreater(self.ask("info", self.ledger)["chains"][0]["packed_segments"], 0)
        self.assertEqual(self.done("movements", self.ledger, "--quiet"), before)
        self.assertEqual(self.done("ledger", "history", self.ledger, address), history)
        self.assertIn("all right", self.done("ledger", "verify", self.ledger, "--quiet"))
        self.assertIn("unpacked", self.done("ledger", "unpack", self.ledger, env=large))
        self.assertEqual(self.ask("info", self.ledger)["chains"][0]["packed_segments"], 0)
        self.assertEqual(self.done("movements", self.ledger, "--quiet"), before)

    def test_misuse_is_told(self):
        for args, words in ((["ledger"], "name a command"), (["ledger", "inf"], "did you mean"),
                            (["ledger", "info"], "folder"), (["ledger", "balance", "x"], "address"),
                            (["ledger", "history", "x", "y", "--limit", "0"], "--limit"),
                            (["ledger", "balance", "x", "y", "--at", "z"], "--at takes"),
                            (["ledger", "info", "x", "--chain", "z"], "unknown chain"),
                            (["ledger", "info", "x", "--format", "csv"], "unknown format"),
                            (["ledger", "pack", "x"], "--below"),
                            (["ledger", "tx", "x"], "transaction's id")):
            self.refused(*args, code=2, says=[words])
        for command in ("info", "balance", "history", "tx", "block", "verify", "pack", "unpack"):
            self.assertIn("Usage: dyepack ledger " + command,
                          self.done("ledger", command, "--help"))

    def test_an_empty_ledger_says_that_it_is_empty(self):
        os.makedirs(os.path.join(self.ledger, "ethereum"))
        shutil.copy(os.path.join(dye.ROOT, "fuzz/corpus/manifest/empty_ethereum"),
                    os.path.join(self.ledger, "ethereum/manifest"))
        for command in ("balance", "history"):
            text = self.done("ledger", command, self.ledger, "0x" + "ab" * 20)
            self.assertIn("the ledger is empty", text)
            self.assertNotIn("begins with block", text)

    def test_what_is_no_ledger_is_told(self):
        for args in (["info", self.folder], ["verify", self.folder],
                     ["info", self.path("no-ledger")], ["balance", self.folder, "0x" + "ab" * 20]):
            self.refused("ledger", *args, says=["ledger"])
        self.refused("ledger", "info", self.write("file", "no folder"),
                     says=["this is a file, and a ledger is a folder"])
        self.take(BYBIT)
        self.refused("ledger", "balance", self.ledger, "nobody", says=["nobody"])
        self.refused("ledger", "tx", self.ledger, "0x00", says=['"0x00" is no transaction id'])
        self.refused("ledger", "balance", self.ledger, "0x" + "ab" * 20, "--chain", "bitcoin",
                     says=["bitcoin"])


if __name__ == "__main__":
    unittest.main()

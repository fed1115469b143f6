#!/usr/bin/env python3
"""The second reader of ledgers (tests/model/ledger_reader.py, written from docs/FORMAT.md) against
dyepack: ledgers of real and of generated blocks, with segments, packed ones, and tails. Three
accounts of each must agree: the reader's, that of `dyepack ledger`, and that of the source, counted
here from what `dyepack movements` prints, or by who made it.

Wants mainnet block 866342 from the shared data for one test.
"""
import collections
import csv
import io
import json
import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dye  # noqa: E402
import ledger_reader  # noqa: E402

DAI = "6b175474e89094c44da98b954eedeac495271d0f"
UNIT_ROWS = 1 << 18


def evm(i):
    """An address that is not like the others."""
    return "%040x" % (i * 0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251 % (1 << 160))


class Reader(dye.Case):
    """What one ledger holds, told three times."""

    def read(self, chain, who=None):
        """The second reader's account."""
        return ledger_reader.read(os.path.join(self.path("ledger"), chain), who)

    def agree(self, chain, source):
        """Counts and sums: reader, `ledger info` and the source's rows (as `movements` has
        them)."""
        mine = self.read(chain)
        info = json.loads(self.done("ledger", "info", self.path("ledger"), "--chain", chain,
                                    "--format", "json"))["chains"][0]
        for name in ("blocks", "transactions", "movements", "noise", "notes"):
            self.assertEqual(mine.get(name, 0), info[name], name)
        self.assertEqual(mine.get("notes", 0), sum(mine["note_kinds"].values()))
        self.assertEqual(mine["movements"], len(source))
        self.assertEqual(mine["transactions"], len({row["tx"] for row in source}))
        self.assertEqual(mine["blocks"], len({row["block"] for row in source}))
        return mine, info

    def balance(self, chain, address):
        """`ledger balance`, by symbol."""
        found = json.loads(self.done("ledger", "balance", self.path("ledger"), address, "--chain",
                                     chain, "--format", "json"))
        return {b["symbol"]: b for b in found["balances"]}

    def movements(self, *source):
        """The rows of `dyepack movements`."""
        return list(csv.DictReader(io.StringIO(self.done("movements", *source, "--quiet"))))

    def sums(self, rows):
        """What moved of each asset as the reader names them, noise and failed calls left out."""
        moved = collections.Counter()
        for row in rows:
            if row["contract"] == "" and row["status"] == "ok" and row["kind"] != "input":
                moved[row["asset"]] += int(row["amount_base"])
        return {k: str(v) for k, v in moved.items() if v}


class Real(Reader):
    """What really happened: few rows, all in the tail."""

    def test_the_bybit_theft(self):
        source = os.path.join(dye.ROOT, "incidents", "bybit-2025-02", "movements.csv")
        self.done("import", source, "--ledger", self.path("ledger"), "--quiet")
        rows = self.movements(source)
        mine, info = self.agree("ethereum", rows)
        self.assertEqual(info["tail_blocks"], mine["blocks"])
        symbols = {"native": "ETH", "ae7ab96520de3a18e5e111b5eaab095312d7fe84": "stETH",
                   "d5f7838f5c461feff7fe49ea5ebaf7728bb0adfa": "mETH",
                   "e6829d9a7ee3040e1276fa75293bde931859e8fa": "cmETH"}
        self.assertEqual({symbols[k]: v for k, v in mine["moved"].items()}, self.sums(rows))
        addresses = sorted({row[end] for row in rows for end in ("from", "to")} - {""})
        for address in addresses[:60]:
            told = self.balance("ethereum", address)
            mine = self.read("ethereum", (1, bytes.fromhex(address[2:])))
            for asset, symbol in symbols.items():
                for way in ("received", "sent"):
                    self.assertEqual(mine[way].get(asset, "0"),
                                     told.get(symbol, {}).get(way, "0"), (address, symbol, way))

    def test_a_block_of_bitcoin(self):
        source = ["blk:" + dye.data("bitcoin", "mainnet-866342.blk"), "--start-height", "866342"]
        self.done("import", *source, "--ledger", self.path("ledger"), "--quiet")
        rows = self.movements(*source)
        mine, _ = self.agree("bitcoin", rows)
        self.assertEqual({"BTC": mine["moved"]["native"]}, self.sums(rows))
        made, spent = {}, collections.Counter()
        count = collections.Counter()
        for row in rows:
            if row["kind"] == "output":
                made["%s:%d" % (row["tx"], count[row["tx"]])] = int(row["amount_base"])
                count[row["tx"]] += 1
            else:
                spent[row["from"]] += 1
        unspent = sum(v for k, v in made.items() if k not in spent)
        self.assertEqual(mine["unspent"], str(unspent))


class Sealed(Reader):
    """Generated: enough rows for segments, which are then packed."""

    def seal(self, chain, lines):
        source = self.write("big.csv", "\n".join(lines) + "\n")
        self.done("import", source, "--chain", chain, "--ledger", self.path("ledger"), "--quiet")
        info = json.loads(self.done("ledger", "info", self.path("ledger"), "--format",
                                    "json"))["chains"][0]
        self.assertEqual(info["segment_count"], 1)
        self.assertGreaterEqual(info["tail_blocks"], 16)

    def check_packed(self, chain, who):
        """The same figures from the packed ledger."""
        before = self.read(chain, who)
        if shutil.which("zstd") is None:
            print("SKIPPED: the zstd command is not installed", file=sys.stderr)
            return
        result = dye.run("ledger", "pack", self.path("ledger"), "--chain", chain, "--below",
                         "9999999")
        self.assertEqual(result.returncode, 0, result.stderr)
        info = json.loads(self.done("ledger", "info", self.path("ledger"), "--format", "json"))
        self.assertEqual(info["chains"][0]["packed_segments"], 1)
        self.assertEqual(self.read(chain, who), before)

    def test_an_account_chain(self):
        dice = random.Random(1)
        lines, rows, got, gave = ["block,time,tx,kind,from,to,asset,contract,amount,status"], [], \
            collections.Counter(), collections.Counter()
        hub = evm(1)
        for i in range(UNIT_ROWS + 9000):
            block = 100 + i // 300
            src, dst = evm(dice.randrange(1, 5000)), evm(dice.randrange(1, 9))
            asset, contract = dice.choice((("ETH", ""), ("DAI", "0x" + DAI),
                                           ("DAI", "0x" + evm(dice.randrange(50, 60)))))
            amount = dice.choice((dice.randrange(1 << 30) * 10 ** 15, dice.randrange(1 << 90)))
            noise = contract not in ("", "0x" + DAI)
            tx = "%064x" % (block * 100000 + i // 2 + 1)
            lines.append("%d,%d,0x%s,%s,0x%s,0x%s,%s,%s,%d.%018d,ok" % (
                block, 1600000000 + 12 * block, tx, "native" if asset == "ETH" else "token", src,
                dst, asset, contract, amount // 10 ** 18, amount % 10 ** 18))
            rows.append({"block": block, "tx": tx})
            name = "native" if asset == "ETH" else DAI
            got[name] += amount if dst == hub and not noise else 0
            got["moved " + name] += amount if not noise else 0
            got["noise"] += noise
            gave[name] += amount if src == hub and not noise else 0
        self.seal("ethereum", lines)
        who = (1, bytes.fromhex(hub))
        mine, told = self.read("ethereum", who), self.balance("ethereum", "0x" + hub)
        for asset, symbol in (("native", "ETH"), (DAI, "DAI")):
            self.assertEqual(mine["moved"][asset], str(got["moved " + asset]))
            self.assertEqual(mine["received"][asset], str(got[asset]))
            self.assertEqual(mine["sent"][asset], str(gave[asset]))
            for way in ("received", "sent"):
                self.assertEqual(mine[way][asset], told[symbol][way])
        self.assertEqual(mine["noise"], got["noise"])
        self.agree("ethereum", rows)
        self.check_packed("ethereum", who)

    def test_a_utxo_chain(self):
        dice = random.Random(2)
        lines, rows = ["block,time,tx,kind,from,to,asset,amount_base"], []
        coins, got, gave, unspent = [], 0, 0, 0
        for n in range(100000):
            block, tx = 100 + n // 100, "%064x" % (n * 7919 + 5)
            head = "%d,%d,%s," % (block, 1600000000 + 600 * block, tx)
            made, paid = [], 0
            for _ in range(min(len(coins), 1 + dice.randrange(2)) if n % 100 else 0):
                at = dice.randrange(len(coins))
                coins[at], coins[-1] = coins[-1], coins[at]
                txid, vout, value, owner = coins.pop()
                lines.append(head + "input,%s:%d,,BTC,%d" % (txid, vout, value))
                rows.append({"block": block, "tx": tx})
                gave += value if owner == 1 else 0
                paid += value
            unspent -= paid
            outputs = 1 + dice.randrange(3)
            for vout in range(outputs):
                owner = dice.randrange(1, 400)
                value = paid // outputs if n % 100 else 10 ** 8 + dice.randrange(10 ** 6)
                lines.append(head + "output,,script:%064x,BTC,%d" % (owner, value))
                rows.append({"block": block, "tx": tx})
                made.append((tx, vout, value, owner))
                got += value if owner == 1 else 0
                unspent += value
            coins += made
        self.seal("bitcoin", lines)
        who = (10, bytes.fromhex("%064x" % 1))
        mine = self.read("bitcoin", who)
        told = self.balance("bitcoin", "script:%064x" % 1)["BTC"]
        self.assertEqual(mine["unspent"], str(unspent))
        self.assertEqual((mine["received"]["native"], mine["sent"]["native"]),
                         (str(got), str(gave)))
        self.assertEqual((told["received"], told["sent"]), (str(got), str(gave)))
        self.assertEqual(told["balance"], str(got - gave))
        self.agree("bitcoin", rows)
        self.check_packed("bitcoin", who)


if __name__ == "__main__":
    unittest.main()

"""How a Safe was taken over, from call data in an export to `dyepack match`: Bybit's own
transaction and the payment of the ether three minutes later, as public records tell them; a Safe
whose call went to the makers' own contract; what is taken back with its block; what a ledger tells;
and a technique that asks for it.
"""
# Covers: casebook/takeover.c report/case_feed.c technique/typology_safe_takeover.c engine/seek.c
import contextlib
import json
import os
import sqlite3
import unittest

import dye

SAFE = "0x1Db92e2EeBC8E0c075a02BeA49a2935BcD2dFCF4"
SIGNER = "0x0fa09C3A328792253f8dee7116848723b72a6d2e"
FOREIGN = "0x96221423681A6d52E184D440a8eFCEbB105C7242"
THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
STRANGER = "0x" + "77" * 20
TAKEOVER = "0x46deef0f52e3a983b67abf4714448a41dd7ffd6d32d32da69d62081c68ad7882"
DRAIN = "0xb61413c495fdad6114a7aa863a00b2e3c28945979a10885b12b30316ea9f072c"
SWEEP = "0x1163b2b0" + THIEF[2:].lower().rjust(64, "0")
FIRST, TIME = 21895238, 1740147215
BEFORE_THEFT = 13  # blocks, of 12 s each
WEI = 401346768858404671846374
MULTI_SEND = "38869bf66a61cf6bdb996a6ae40d5853fd43b526"
PRICE, GAS = 10 ** 10, 200000
MINER = "0x" + "9" * 40


def call_data():
    """Of the takeover: behind the 39 bytes of the transaction's head (tests/unit)."""
    with open(os.path.join(dye.ROOT, "tests", "data", "ethereum", "bybit-takeover.hex"),
              encoding="ascii") as file:
        return "0x" + file.read().strip()[2 * 39:2 * (39 + 708)]


# Not shipped: one step proves nothing of who it was.
TECHNIQUE = """technique: 1
id: safe-run
title: A Safe given to foreign code, and emptied
description: The owners of a Safe sign a delegate call to foreign code; then it is emptied.
author: test
date: 2026-11-23
references: [test]
false-positives: [test]
steps:
  - {id: taken, typology: safe-takeover, where: {thefts: ">= 1", after: "0..1h"}, weight: 20}
tests:
  - name: taken over and emptied
    likeness: ">= 0.9"
    seen: [taken]
    moves:
      - "0 victim -> victim 0 eth takeover"
      - "3m victim -> thief 1000 eth theft"
  - name: emptied long after
    likeness: "< 0.1"
    not-seen: [taken]
    moves:
      - "0 victim -> victim 0 eth takeover"
      - "3h victim -> thief 1000 eth theft"
"""


def name(number):
    return "0x%064x" % number


class Export:
    """Blocks of ethereum-etl: [(block, tx, from, to, wei, call data, done, inner payments)]."""

    def __init__(self, txs, blocks):
        self.rows = {k: [] for k in ("blocks", "transactions", "receipts", "traces")}
        for b in range(blocks):
            mine = [t for t in txs if t[0] == b]
            self.rows["blocks"].append({
                "number": FIRST + b, "hash": name(0xb00 + b), "parent_hash": name(0xaff + b),
                "miner": MINER, "difficulty": 0, "timestamp": TIME + 12 * b,
                "transaction_count": len(mine), "base_fee_per_gas": PRICE})
            for index, t in enumerate(mine):
                self.add(index, *t)

    def add(self, index, b, tx, sender, to, wei, data, done, inner):
        place = {"transaction_hash": tx, "transaction_index": index, "block_number": FIRST + b}
        self.rows["transactions"].append({
            "hash": tx, "nonce": index, "block_hash": name(0xb00 + b), "block_number": FIRST + b,
            "transaction_index": index, "from_address": sender, "to_address": to, "value": wei,
            "gas": GAS, "gas_price": PRICE, "input": data, "block_timestamp": TIME + 12 * b})
        self.rows["receipts"].append(dict(
            place, cumulative_gas_used=GAS, gas_used=GAS, contract_address=None, status=int(done),
            effective_gas_price=PRICE))
        for at, (source, target, value) in enumerate([(sender, to, wei)] + inner):
            self.rows["traces"].append(dict(
                place, from_address=source, to_address=target, value=value, trace_type="call",
                call_type="call", reward_type=None, trace_address=[at - 1] if at else [],
                error=None if done else "reverted", status=int(done)))

    def write(self, test, folder):
        os.makedirs(test.path(folder), exist_ok=True)
        return [test.write(os.path.join(folder, k + ".json"),
                           "".join(json.dumps(r) + "\n" for r in v))
                for k, v in self.rows.items()]


def bybit(data=None, taken=True, first=0):
    """The takeover, in block `first`, and the drain; between them somebody else's payment."""
    call = data or call_data()
    return [(first, TAKEOVER, SIGNER, SAFE, 0, call, taken, []),
            (5, name(5), STRANGER, MINER, 10 ** 18, "0x", True, []),
            (BEFORE_THEFT, DRAIN, SIGNER, SAFE, 0, SWEEP, True, [(SAFE, THIEF, WEI)]),
            (BEFORE_THEFT + 2, name(15), THIEF, STRANGER, 10 ** 22, "0x", True, [])]


class SafeTakeover(dye.Case):
    def setUp(self):
        super().setUp()
        self.yaml = self.case("bybit", stolen=[{"address": THIEF, "tx": DRAIN}])
        self.book = self.path("book")

    def follow(self, txs, yaml=None, blocks=20):
        paths = Export(txs, blocks).write(self, "export")
        return self.done("trace", yaml or self.yaml, *paths, "--quiet", "--casebook", self.book)

    def findings(self, case="bybit"):
        answer = json.loads(self.done("match", self.book, case, "--findings", "--format", "json"))
        return {f["typology"]: f for f in answer["findings"]}

    def notes(self):
        with contextlib.closing(sqlite3.connect(self.book)) as db:
            return db.execute("select height, tx, address, counterparty, units, text from note "
                              "where kind='safe-takeover' order by seq").fetchall()

    def test_bybit(self):
        self.follow(bybit())
        self.assertEqual(self.notes(), [(FIRST, TAKEOVER, SAFE, FOREIGN, "950", "0xa9059cbb")])
        found = self.findings()
        taken = found["safe-takeover"]
        facts = taken["facts"]
        self.assertEqual((facts["takeovers"], facts["thefts"], facts["after"], facts["sign"]),
                         (1, 1, 12 * BEFORE_THEFT, 950))
        self.assertEqual(taken["score_thousandths"], 1000)
        rows = taken["evidence"]
        self.assertEqual([r["tx"] for r in rows], [TAKEOVER, DRAIN])
        self.assertEqual((rows[0]["from"], rows[0]["to"]), (SAFE, FOREIGN))
        # The theft is what it is without it.
        self.assertEqual(found["theft"]["facts"]["transactions"], 1)
        text = self.done("match", self.book, "bybit", "--findings")
        self.assertIn("Takeover of a Safe multisig", text)

    def test_a_case_that_names_its_victim_and_no_transaction(self):
        yaml = self.case("bybit", victim=[{"address": SAFE}], stolen=[
            {"address": THIEF, "asset": "eth", "amount": "401346.768858404671846374",
             "block": FIRST + BEFORE_THEFT + 1}])
        self.follow(bybit(), yaml)
        self.assertEqual(self.findings()["safe-takeover"]["facts"]["thefts"], 1)

    def test_the_makers_own_contract_and_a_call_that_failed_are_none(self):
        own = call_data()
        own = own[:2 + 8 + 24] + MULTI_SEND + own[2 + 8 + 64:]
        self.follow(bybit(data=own))
        self.assertEqual(self.notes(), [])
        os.remove(self.book)
        self.follow(bybit(taken=False))
        self.assertEqual(self.notes(), [])
        self.assertNotIn("safe-takeover", self.findings())

    def test_somebody_elses_safe_and_one_taken_over_later_do_not_count(self):
        txs = [(1, name(1), SIGNER, STRANGER, 0, call_data(), True, [])]
        self.follow(txs + bybit(first=BEFORE_THEFT + 1))
        # Before the theft nobody knows whose it will be: it is written down, and not told.
        self.assertEqual([n[2] for n in self.notes()], ["0x" + "77" * 20])
        self.assertNotIn("safe-takeover", self.findings())

    def test_it_goes_with_its_block(self):
        self.follow(bybit(first=3))
        whole = dye.dump(self.book)
        self.done("rollback", self.book, "bybit", str(FIRST + 3))
        self.assertEqual(len(self.notes()), 1)
        self.done("rollback", self.book, "bybit", str(FIRST + 2))
        self.assertEqual(self.notes(), [])
        self.follow(bybit(first=3))
        self.assertEqual(self.findings()["safe-takeover"]["facts"]["after"], 120)
        self.assertEqual(dye.dump(self.book), whole)

    def test_without_links_nothing_beside_movements_is_read(self):
        paths = Export(bybit(), 20).write(self, "export")
        self.done("trace", self.yaml, *paths, "--quiet", "--casebook", self.book, "--no-links")
        self.assertEqual(self.notes(), [])

    def test_a_ledger_is_read_from_the_first_theft_on(self):
        paths = Export(bybit(first=3), 20).write(self, "export")
        self.done("import", *paths, "--ledger", self.path("ledger"), "--quiet")
        source = "ledger:" + self.path("ledger")
        self.done("trace", self.yaml, source, "--quiet", "--casebook", self.book)
        self.assertEqual(self.notes(), [])
        self.assertNotIn("safe-takeover", self.findings())
        os.remove(self.book)
        self.done("trace", self.yaml, source, "--quiet", "--casebook", self.book, "--from", FIRST)
        self.assertEqual(self.findings()["safe-takeover"]["facts"]["after"], 120)
        os.remove(self.book)
        # A theft before it: all that is read until the last one has come is read for this, too.
        yaml = self.case("both", stolen=[{"address": THIEF, "tx": DRAIN},
                                         {"address": MINER, "asset": "eth", "amount": "1",
                                          "block": FIRST + 1}])
        for plan in ("seek", "scan"):
            self.done("trace", yaml, source, "--quiet", "--casebook", self.book, "--plan", plan)
            self.assertEqual(self.findings("both")["safe-takeover"]["facts"]["after"], 120)
            told = self.notes()
            os.remove(self.book)
        self.follow(bybit(first=3), yaml)
        self.assertEqual(self.notes(), told)

    def test_a_technique_can_ask_for_it_and_a_ledger_be_hunted_for_it(self):
        rule = self.write("safe-run.yaml", TECHNIQUE)
        self.done("technique", "test", rule)
        self.follow(bybit())
        answer = json.loads(self.done("match", self.book, "bybit", "--techniques", rule,
                                      "--format", "json"))
        found = next(t for t in answer["techniques"] if t["technique"] == "safe-run")
        self.assertEqual(found["steps"][0]["state"], "seen")
        paths = Export(bybit(), 20).write(self, "export")
        hits = self.done("hunt", *paths, "--techniques", rule, "--technique", "safe-run",
                         "--format", "json", "--quiet").splitlines()
        self.assertEqual(len(hits), 1, hits)
        hit = json.loads(hits[0])
        self.assertEqual(hit["root"], SAFE)
        self.assertIn(TAKEOVER, hits[0])
        self.assertIn(DRAIN, hits[0])
        # A case that saw none says that it cannot tell, and never that there was none.
        os.remove(self.book)
        self.follow(bybit(taken=False))
        answer = json.loads(self.done("match", self.book, "bybit", "--techniques", rule,
                                      "--format", "json"))
        found = next(t for t in answer["techniques"] if t["technique"] == "safe-run")
        self.assertEqual(found["steps"][0]["state"], "unknown")
        self.assertNotIn("calls", answer["knows"])


if __name__ == "__main__":
    unittest.main()

"""A case followed through a ledger says the same by index, by columns and by the blocks themselves:
the result byte for byte, the casebook row for row, also when it was cut anywhere and resumed.
"""
# Covers: cli/run.c cli/trace.c engine/seek.c
import os
import sqlite3
import unittest

import dye

BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
PLANS = ["auto", "scan", "seek"]


def rows(path):
    """All of a casebook as text, but for what counts the blocks before the case, or its commits."""
    with sqlite3.connect(path) as db:
        return [line for line in db.iterdump()
                if '"journal"' not in line and 'INTO "meta"' not in line]


class Bybit(dye.Case):
    def setUp(self):
        super().setUp()
        self.table = os.path.join(BYBIT, "movements.csv")
        self.yaml = os.path.join(BYBIT, "case.yaml")
        self.ledger = self.path("ledger")
        self.done("import", self.table, "--chain", "ethereum", "--ledger", self.ledger, "--quiet")
        self.source = "ledger:" + self.ledger

    def test_every_policy_says_the_same_by_every_plan_and_from_the_table(self):
        for policy in dye.POLICIES:
            wanted = self.trace(self.yaml, self.table, "--policy", policy)
            for plan in PLANS:
                with self.subTest(policy=policy, plan=plan):
                    self.assertEqual(self.trace(self.yaml, self.source, "--policy", policy,
                                                "--plan", plan), wanted)

    def test_the_casebooks_are_row_for_row_the_same(self):
        books = []
        for plan in PLANS:
            book = self.path(plan + ".casebook")
            self.trace(self.yaml, self.source, "--plan", plan, "--casebook", book)
            with sqlite3.connect(book) as db:
                books.append(list(db.iterdump()))
        self.assertEqual(books[1], books[0])
        self.assertEqual(books[2], books[0])

    def test_cut_anywhere_and_resumed_it_is_one_run(self):
        wanted = self.path("whole.casebook")
        self.trace(self.yaml, self.source, "--casebook", wanted)
        with sqlite3.connect(wanted) as db:
            heights = [h for (h,) in db.execute("select height from journal order by height")]
        for plan in PLANS:
            book = self.path("cut-%s.casebook" % plan)
            for height in heights[3::25]:
                self.trace(self.yaml, self.source, "--plan", plan, "--casebook", book, "--until",
                           height)
            self.trace(self.yaml, self.source, "--plan", plan, "--casebook", book)
            self.assertEqual(rows(book), rows(wanted))

    def test_it_says_how_the_ledger_was_read(self):
        for plan, says in (("scan", "1 by their columns"), ("seek", "1 of the ledger's segments "
                                                            "by index")):
            result = dye.run("trace", self.yaml, self.source, "--plan", plan)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(says, result.stderr)

    def test_an_unknown_plan_is_misuse(self):
        result = dye.run("trace", self.yaml, self.source, "--plan", "sek")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("did you mean 'seek'?", result.stderr)


if __name__ == "__main__":
    unittest.main()

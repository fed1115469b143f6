"""What a casebook holds is not taken back by a source that cannot say: a node that lags, one of
another ledger, a table without block hashes, a folder with a hole. And ranges that cannot be meant
are refused.
"""
# Covers: cli/run.c cli/trace.c
import copy
import json
import os
import sqlite3
import unittest

import dye
import rpc_server
from test_evm_rpc import BLOCK, RECORDED, without

QUICK = ["--tries", "2", "--quiet"]


def with_tip(tip):
    """The recorded node, when it had fewer blocks."""
    calls = []
    for call in without("eth_blockNumber"):
        late = call["method"] == BLOCK and int(call["params"][0], 16) > tip
        calls.append({**call, "result": None} if late else call)
    return calls + [{"method": "eth_blockNumber", "params": [], "result": hex(tip)}]


def of_another_ledger():
    """The recorded node with every hash another one."""
    calls = copy.deepcopy(RECORDED["calls"])
    for call in calls:
        if call["method"] == BLOCK:
            call["result"]["hash"] = "0x" + call["result"]["hash"][:1:-1]
    return calls


class Resumed(dye.Case):
    def setUp(self):
        super().setUp()
        self.yaml = self.case("theft", stolen=[{
            "address": RECORDED["thief"], "asset": "eth", "tx": RECORDED["theft"],
            "amount": "400"}])
        self.book = self.path("kept.casebook")

    def begin(self, until):
        with rpc_server.Server(RECORDED["calls"]) as node:
            return self.trace(self.yaml, node.url, "--casebook", self.book, "--until", until)

    def refused(self, *args, says):
        """The run fails with these words, and the casebook stays as it was."""
        before = self.dump()
        result = dye.run("trace", self.yaml, *args, "--casebook", self.book, *QUICK)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        for words in says:
            self.assertIn(words, result.stderr)
        self.assertEqual(self.dump(), before)

    def dump(self):
        """Everything in the casebook, as text."""
        with sqlite3.connect(self.book) as db:
            return list(db.iterdump())

    def test_a_node_that_lags_is_waited_for_and_not_believed(self):
        self.begin(40)
        with rpc_server.Server(with_tip(35)) as node:
            self.refused(node.url, says=["has no block 40 yet", "wait until it has caught up"])
        with rpc_server.Server(RECORDED["calls"]) as node:
            whole = self.trace(self.yaml, node.url)
            self.assertEqual(self.trace(self.yaml, node.url, "--casebook", self.book), whole)

    def test_another_ledger_takes_nothing_back(self):
        self.begin(40)
        with rpc_server.Server(of_another_ledger()) as node:
            self.refused(node.url, says=["other blocks than the casebook followed",
                                         "another ledger"])

    def test_a_table_without_hashes_is_not_compared_with_hashes(self):
        self.begin(40)
        with rpc_server.Server(RECORDED["calls"]) as node:
            table = self.write("table.csv", self.done("movements", "--chain", "ethereum",
                                                      node.url, "--quiet"))
            self.refused(table, says=["has no block hashes", "new casebook"])
            # And the other way round.
            os.remove(self.book)
            self.trace(self.yaml, table, "--casebook", self.book, "--until", "40")
            self.refused(node.url, says=["has its own block hashes", "new casebook"])

    def test_what_is_past_cannot_be_the_end(self):
        self.begin(40)
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.refused(node.url, "--until", "39",
                         says=["has followed to block 40 already", "dyepack rollback"])
            self.refused(node.url, "--until", "1970-01-02T00:00:00Z", says=["dyepack rollback"])

    def test_a_node_that_has_forgotten_the_theft_goes_on_with_the_casebook(self):
        self.begin(40)
        with rpc_server.Server(RECORDED["calls"]) as node:
            whole = json.loads(self.trace(self.yaml, node.url))
        with rpc_server.Server(without("eth_getTransactionByHash")) as node:
            again = json.loads(self.trace(self.yaml, node.url, "--casebook", self.book))
            asked = [int(p[0], 16) for m, p in node.asked if m == BLOCK and p[1]]
            self.assertEqual(min(asked), 41)
        self.assertEqual(again, whole)


class Ranges(dye.Case):
    def refused(self, *args, says):
        result = dye.run("trace", *args, *QUICK)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn(says, result.stderr)

    def test_a_run_begins_before_the_theft(self):
        yaml = self.case("placed", stolen=[{"address": RECORDED["thief"], "asset": "eth",
                                            "amount": "1", "block": 5}])
        with rpc_server.Server(RECORDED["calls"]) as node:
            self.refused(yaml, node.url, "--from", "6", says="begin before the theft")

    def test_what_cannot_begin_anywhere_says_so(self):
        incident = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
        self.refused(os.path.join(incident, "case.yaml"),
                     os.path.join(incident, "movements.csv"), "--from", "21895000",
                     says="is read from its beginning")
        table = self.done("movements", os.path.join(incident, "movements.csv"), "--quiet",
                          "--from", "21960000", "--until", "21970000")
        heights = {int(line.split(",")[0]) for line in table.splitlines()[1:]}
        self.assertTrue(heights and min(heights) >= 21960000 and max(heights) <= 21970000)


if __name__ == "__main__":
    unittest.main()

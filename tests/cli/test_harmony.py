"""Verified laundering flows, read as they were published: recognised headers, dollars as the asset.

Two data sets of `flows/`: Harmony (January and February 2023; 3,887 transfers, unsorted, several to
one transaction) and LI.FI (2024; 135). Worth in dollars is no coin, but it divides like one. What
was stolen is placed at the listed source addresses before the first block: as much as each of them
ever sent, so that every transfer of theirs is covered. Compared with the model under fifo and
haircut, every holder, hop and bucket; conservation; and time.
"""
import csv
import time
import unittest
from fractions import Fraction

import dye

DECIMALS = 10 ** 18
SECONDS_MAX = 2


def units(text):
    amount = Fraction(text) * DECIMALS
    assert amount.denominator == 1, text
    return int(amount)


class Flow:
    """One data set, read by Python's csv module."""

    def __init__(self, name):
        self.edges = dye.data("flows", name, "edges.csv")
        with open(dye.data("flows", name, "sources.csv"), encoding="utf-8") as file:
            self.sources = [line.strip().lower() for line in file if line.strip()]
        with open(dye.data("flows", name, "terminals.csv"), encoding="utf-8") as file:
            self.terminals = [line.strip().lower() for line in file if line.strip()]
        with open(self.edges, encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))
        self.sent = {a: sum(units(r["Value_in_USD"]) for r in self.rows if r["From"].lower() == a)
                     for a in self.sources}

    def stolen(self):
        return [{"address": a, "asset": "usd", "amount_base": str(n), "block": 1}
                for a, n in self.sent.items() if n]

    def world(self, policy, services):
        """Blocks ascend; in a block the file's order counts, and the rows of one transaction stand
        where its first one does."""
        blocks = {}
        for row in self.rows:
            txs = blocks.setdefault(int(row["Block"]), {})
            txs.setdefault(row["Tx_hash"], []).append({
                "kind": "token", "from": row["From"].lower(), "to": row["To"].lower(),
                "asset": "usd", "amount": units(row["Value_in_USD"]), "failed": False})
        txs = [{"id": tx, "block": block, "time": 0, "moves": moves}
               for block in sorted(blocks) for tx, moves in blocks[block].items()]
        return {"kind": "account", "policy": policy, "txs": txs,
                "stops": {a: "service" for a in services},
                "seeds": [{"case": "flow", "address": s["address"], "asset": "usd",
                           "amount": s["amount_base"], "block": 1} for s in self.stolen()]}


class Flows(dye.Case):
    def follow(self, name, services=False):
        flow = Flow(name)
        stops = sorted(set(flow.terminals) - set(flow.sources)) if services else []
        yaml = self.case("flow", stolen=flow.stolen(),
                         services=[{"address": a, "name": "Terminal"} for a in stops])
        for policy in ("fifo", "haircut"):
            began = time.monotonic()
            result = self.results(yaml, flow.edges, "--policy", policy)["flow"]
            self.assertLess(time.monotonic() - began, SECONDS_MAX)
            self.assertTrue(result["conserved"])
            self.assertTrue(dye.adds_up(result))
            ours = dye.summary_of_json(result, utxo=False)
            self.assertEqual(ours["stolen"]["usd"], sum(flow.sent.values()))
            self.assertEqual(ours, dye.summary_of_model(flow.world(policy, stops), "flow"))
            self.assertGreater(len(result["holders"]) + len(result["arrivals"]), 10)
            yield flow, result

    def test_harmony(self):
        for _ in self.follow("harmony"):
            pass

    def test_harmony_to_its_terminals(self):
        """The terminals as services: what arrives there is an arrival."""
        for flow, result in self.follow("harmony", services=True):
            self.assertLessEqual({a["address"].lower() for a in result["arrivals"]},
                                 set(flow.terminals))
            self.assertGreater(int(result["buckets"]["service"]), 0)

    def test_lifi(self):
        for _ in self.follow("lifi", services=True):
            pass

    def test_the_data_are_what_we_think(self):
        flow = Flow("harmony")
        self.assertEqual(len(flow.rows), 3887)
        blocks = [int(r["Block"]) for r in flow.rows]
        self.assertNotEqual(blocks, sorted(blocks))


if __name__ == "__main__":
    unittest.main()

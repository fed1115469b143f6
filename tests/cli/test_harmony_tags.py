"""The Harmony theft (2023), followed with public tags: where does it arrive, and what is missed?

`flows/harmony` is a manually verified flow; public TagPacks (`labels/tagpacks`) name some of its
last addresses. Followed from its sources under fifo, haircut and poison, the test prints

  edges      of the transfers in the flow that money from the sources can have taken (reachable in
             time order), how many are followed (recall), and of those followed, how many are among
             them (precision)
  terminals  of the listed terminals that occur in the flow, how many are reached, and of the
             addresses where following ends with a name or for good, how many are listed

and asserts what must hold: every arrival is at a listed terminal that a pack names, every tagged
terminal has one, no terminal that the flow reaches is missed.
"""
import csv
import json
import os
import sqlite3
import subprocess
import unittest

import dye
from test_harmony import Flow


def tagged_by_packs(addresses):
    """What dyepack itself knows of them by the packs."""
    packs = dye.data("labels", "tagpacks")
    text = dye.run("tag", "lookup", *addresses, "--tags", packs, "--format", "json").stdout
    return {entry["address"].lower(): entry["tags"] for entry in json.loads(text)
            if entry["tags"]}


def reachable(flow):
    """Transfers that money from the sources can have taken: in time order, from who was reached."""
    rows = sorted(enumerate(flow.rows), key=lambda r: (int(r[1]["Block"]), r[0]))
    order = {}
    for i, row in rows:
        order.setdefault((int(row["Block"]), row["Tx_hash"]), []).append(row)
    reached, edges = set(flow.sources), []
    for (_, tx), moves in order.items():
        for row in moves:
            if row["From"].lower() in reached and float(row["Value_in_USD"]) > 0:
                reached.add(row["To"].lower())
                edges.append((tx.lower(), row["From"].lower(), row["To"].lower()))
    return set(edges), reached


class HarmonyTags(dye.Case):
    def followed(self, book):
        with sqlite3.connect(book) as db:
            flows = db.execute("select distinct lower(tx), lower(src_address), lower(address) "
                               "from flow where src>0 and address is not null").fetchall()
        return set(flows)

    def test_arrivals_reach_the_listed_terminals(self):
        flow = Flow("harmony")
        packs = dye.data("labels", "tagpacks")
        yaml = self.case("flow", stolen=flow.stolen())
        edges, reached = reachable(flow)
        occurring = {t for t in flow.terminals if any(t == r["To"].lower() for r in flow.rows)}
        sends = {r["From"].lower() for r in flow.rows}
        named = set(tagged_by_packs(sorted(occurring)))
        self.assertGreaterEqual(len(named), 4)
        listed = {(r["Tx_hash"].lower(), r["From"].lower(), r["To"].lower()) for r in flow.rows}
        print("  %d different edges are listed, %d of them reachable from the sources in time "
              "order" % (len(listed), len(edges)))
        for policy in ("fifo", "haircut", "poison"):
            book = self.path(policy + ".casebook")
            result = self.results(yaml, flow.edges, "--policy", policy, "--tags", packs,
                                  "--casebook", book)["flow"]
            arrivals = {a["address"].lower() for a in result["arrivals"]}
            held = {h["address"].lower() for h in result["holders"]}
            ends = arrivals | {a for a in held if a not in sends}
            went = self.followed(book)
            print("  %-8s edges: precision %d/%d, recall %d/%d; terminals: precision %d/%d, "
                  "recall %d/%d, %d of them by tags" %
                  (policy, len(went & edges), len(went), len(went & edges), len(edges),
                   len(ends & occurring), len(ends), len(ends & occurring), len(occurring),
                   len(arrivals)))
            self.assertEqual(arrivals, named & occurring)
            self.assertLessEqual(went, edges)
            self.assertEqual(occurring - ends, occurring - reached)
            if policy != "poison":
                self.assertTrue(result["conserved"])
                continue
            # Poison marks whatever can have been reached: nothing may be missing.
            self.assertEqual(went, edges)


if __name__ == "__main__":
    unittest.main()

"""The demo's answer, byte for byte in all five formats, and figure by figure.

Three proofs of different kinds. The golden files (tests/golden/bybit.*) show any change of what a
reader sees; they are written anew, after looking at the difference, with

    python3 tests/cli/test_demo_golden.py --update

The figures are compared with tests/golden/bybit-facts.json, which comes from the model and from
plain sums, never from the program; and every policy is compared with the model as it runs. And the
books are added up here once more, from the JSON alone: `conserved` is not believed.
"""
# Covers: report/dot.c report/graphml.c report/text.c report/notes.c
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree as xml

import dye
import test_incident  # tests/model: the incident as a world of the model

GOLDEN = os.path.join(dye.ROOT, "tests", "golden")
INCIDENT = os.path.join("incidents", "bybit-2025-02")
ARGS = ["trace", os.path.join(INCIDENT, "case.yaml"), os.path.join(INCIDENT, "movements.csv"),
        "--quiet"]
ENDINGS = {"text": "txt", "json": "json", "csv": "csv", "dot": "dot", "graphml": "graphml"}
BUCKETS = ["held", "service", "mixer", "unresolved", "fee", "burnt", "dust", "frozen", "returned",
           "contested"]
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


def produce(form, *more):
    done = dye.run(*ARGS, "--format", form, *more)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


class Golden(dye.Case):
    @classmethod
    def setUpClass(cls):
        cls.text = {form: produce(form) for form in ENDINGS}
        cls.json = json.loads(cls.text["json"])
        with open(os.path.join(GOLDEN, "bybit-facts.json"), encoding="utf-8") as file:
            cls.facts = json.load(file)

    def test_every_format_is_what_it_was(self):
        for form, ending in ENDINGS.items():
            with open(os.path.join(GOLDEN, "bybit." + ending), encoding="utf-8") as file:
                self.assertEqual(self.text[form], file.read(),
                                 "if the change is wanted: %s --update" % __file__)

    def test_two_runs_and_any_casebook_give_the_same_bytes(self):
        for form in ENDINGS:
            self.assertEqual(self.text[form], produce(form))
            self.assertEqual(self.text[form],
                             produce(form, "--casebook", self.path("bybit.casebook")))

    def test_the_form_of_the_json(self):
        self.check_form(self.json)

    def test_the_form_of_the_json_under_every_policy(self):
        for policy in dye.POLICIES:
            self.check_form(json.loads(produce("json", "--policy", policy)))

    def check_form(self, result):
        for key, kind in {"case": str, "chain": str, "policy": str, "height": int, "stolen": list,
                          "buckets": dict, "holders": list, "arrivals": list, "links": list,
                          "assumptions": list}.items():
            self.assertIsInstance(result[key], kind, key)
        self.assertEqual(list(result["buckets"]), BUCKETS)
        for stolen in result["stolen"]:
            self.assertEqual(list(stolen["buckets"]), BUCKETS)
            self.assertLessEqual({"asset", "units"}, set(stolen))
        for holder in result["holders"]:
            self.assertLessEqual({"address", "asset", "amount", "origin", "hop", "since"},
                                 set(holder))
            self.assertIsInstance(holder["hop"], int)
            self.assertRegex(holder["since"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        order = [(-int(h["origin"]), h["address"]) for h in result["holders"]]
        self.assertEqual(order, sorted(order))
        self.check_amounts(result)

    def check_amounts(self, value, key=""):
        """Amounts are strings of base units; what is a number is a count, a height or a hop."""
        if isinstance(value, dict):
            for k, v in value.items():
                self.check_amounts(v, k)
        elif isinstance(value, list):
            for v in value:
                self.check_amounts(v, key)
        elif key in ("amount", "origin", "units", *BUCKETS):
            self.assertRegex(value, "^(0|[1-9][0-9]*)$", key)
        else:
            self.assertNotIsInstance(value, float, key)

    def test_the_books_add_up_here_as_well(self):
        for policy in dye.POLICIES:
            result = json.loads(produce("json", "--policy", policy))
            if policy == "poison":
                self.assertIsNone(result["conserved"])
            else:
                self.assertIs(result["conserved"], True)
                self.assertTrue(dye.adds_up(result), policy)

    def test_figures_are_those_of_the_facts(self):
        ours, facts = dye.summary_of_json(self.json, utxo=False), self.facts
        self.assertEqual(ours["stolen"], {a: int(n) for a, n in facts["stolen"].items()})
        self.assertEqual(ours["buckets"], {a: {b: int(n) for b, n in buckets.items()}
                                           for a, buckets in facts["buckets"].items()})
        self.assertEqual({"%s %s" % key: str(n) for key, n in ours["uncovered"].items()},
                         facts["uncovered"])
        self.assertEqual(ours["conserved"], facts["conserved"])
        expected = {((h["address"], h["asset"]), stolen): int(n)
                    for h in facts["holders"] for stolen, n in h["origin"].items()}
        self.assertEqual({key: origin for key, (_, origin, _) in ours["holders"].items()}, expected)
        amounts = {}
        for (holder, _), (units, _, _) in ours["holders"].items():
            amounts[holder] = amounts.get(holder, 0) + units
        self.assertEqual(amounts, {(h["address"], h["asset"]): int(h["amount"])
                                   for h in facts["holders"]})

    def test_the_forty_and_the_nine_and_what_a_naive_reader_counts(self):
        facts, splits = self.facts, self.json["equal_splits"]
        self.assertEqual([(s["recipients"], s["recipients_naive"]) for s in splits],
                         [(40, facts["naive"]["recipients_of_10000_from_main"]), (9, 9)])
        self.assertEqual(len(facts["wallets_of_10000_from_swap"]), 9)
        noise = self.json["poisoning"]
        self.assertEqual(noise["source_movements"], facts["rows"]["all"])
        self.assertEqual(noise["source_noise"], facts["rows"]["decoys"] +
                         facts["rows"]["zero_value_genuine_token"])
        self.assertIn("40 wallets got exactly 10,000 ETH", self.text["text"])
        self.assertIn("counts 52", self.text["text"])
        self.assertIn("9 wallets got exactly 10,000 ETH", self.text["text"])

    def test_every_policy_equals_the_model(self):
        for policy in dye.POLICIES:
            result = dye.summary_of_json(json.loads(produce("json", "--policy", policy)), False)
            world = test_incident.world(policy)
            expected = dye.summary_of_model(world, world["seeds"][0]["case"])
            self.assertEqual(result, expected, policy)

    def test_one_screen(self):
        lines = self.text["text"].splitlines()
        self.assertLessEqual(max(map(len, lines)), 110)
        self.assertLess(len(lines), 75)

    def test_csv_holds_the_same_figures(self):
        rows = list(csv.DictReader(io.StringIO(self.text["csv"])))
        held = {(r["address"], r["asset"], r["origin_asset"], r["amount_base"], r["origin_base"])
                for r in rows if r["bucket"] == "held" and r["address"]}
        self.assertEqual(held, {(h["address"], h["asset"], h["origin_asset"], h["amount"],
                                 h["origin"]) for h in self.json["holders"]})
        self.assertEqual({len(r) for r in csv.reader(io.StringIO(self.text["csv"]))}, {16})

    def test_graphml_is_well_formed_and_complete(self):
        graph = xml.fromstring(self.text["graphml"]).find(GRAPHML + "graph")
        nodes = {}
        for node in graph.iter(GRAPHML + "node"):
            self.assertNotIn(node.get("id"), nodes)
            nodes[node.get("id")] = {d.get("key"): d.text for d in node}
        for edge in graph.iter(GRAPHML + "edge"):
            self.assertIn(edge.get("source"), nodes)
            self.assertIn(edge.get("target"), nodes)
        addresses = {n.get("address") for n in nodes.values()}
        self.assertLessEqual({h["address"] for h in self.json["holders"]}, addresses)

    def test_dot_is_accepted_by_graphviz(self):
        if shutil.which("dot") is None:
            self.skipTest("SKIPPED: graphviz is not installed")
        done = subprocess.run(["dot", "-Tsvg"], input=self.text["dot"], text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("40 wallets", done.stdout)
        # A person can read it: boxes, not hundreds of leaves.
        self.assertLess(len(re.findall(r'class="node"', done.stdout)), 60)

    def test_the_demo_runs(self):
        done = subprocess.run(["sh", "tools/demo", dye.DYEPACK, self.path("out")], cwd=dye.ROOT,
                              text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith(self.text["text"]))
        with open(self.path("out/bybit.json"), encoding="utf-8") as file:
            self.assertEqual(file.read(), self.text["json"])
        # The question that it suggests has an answer.
        suggested = next(line for line in done.stdout.splitlines() if " path " in line)
        self.assertIn("0x47666F", self.done(*suggested.split()[1:]))


def update():
    for form, ending in ENDINGS.items():
        with open(os.path.join(GOLDEN, "bybit." + ending), "w", encoding="utf-8") as file:
            file.write(produce(form))


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()

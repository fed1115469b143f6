"""`dyepack cluster`: who signs together is one owner, with the transaction that says so; tags on
members are told; a transaction can be undone; what is exported says that it is inferred.
"""
# Covers: cli/cluster.c cli/cluster_print.c cli/cluster_export.c
import fcntl
import json
import os
import unittest

import dye

SMALL = {**os.environ, "DYEPACK_UNIT_ROWS": "6", "DYEPACK_FINAL_BLOCKS": "2"}
A = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
B = "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX"
C = "1HLoD9E4SDFFPDiYfNYnkBLQ85Y51J3Zb1"
D = "1FvzCLoTPGANNjWoUo6jUGuAG3wg1w4YjR"
E = "15ubicBBWFnvoZLT7GiU2qxjRaKJPdkDMG"
PACK = """title: Test pack
creator: somebody
source: https://example.org
lastmod: 2024-01-01
currency: BTC
confidence: web_crawl
tags:
  - address: %s
    label: Example Exchange
    category: exchange
    is_cluster_definer: true
"""


def txid(n):
    return "%064x" % (n * 0x9e3779b97f4a7c15 + 1)


class Ledger:
    """Rows of a CSV of coins: a transaction a block."""

    def __init__(self):
        self.rows = ["block,time,tx,index,kind,from,to,asset,amount_base"]
        self.count = 0

    def add(self, inputs, outputs):
        """A transaction: inputs (tx number, output, amount), outputs (address, amount)."""
        self.count += 1
        n = self.count
        head = "%d,%d,%s,0" % (n, 1600000000 + 600 * n, txid(n))
        self.rows += ["%s,input,%s:%d,,BTC,%d" % (head, txid(t), o, v) for t, o, v in inputs]
        self.rows += ["%s,output,,%s,BTC,%d" % (head, a, v) for a, v in outputs]
        return n

    def text(self):
        return "\n".join(self.rows) + "\n"


class Cluster(dye.Case):
    def setUp(self):
        super().setUp()
        self.ledger = self.path("ledger")
        coins = Ledger()
        one = coins.add([], [(A, 5000), (B, 6000), (C, 7000), (D, 8000)])
        self.ab = coins.add([(one, 0, 5000), (one, 1, 6000)], [(D, 10000), (E, 900)])
        self.bc = coins.add([(self.ab, 0, 10000), (one, 2, 7000)], [(B, 16000)])
        for _ in range(4):
            coins.add([], [(A, 1000)])
        csv = self.write("coins.csv", coins.text())
        self.done("import", csv, "--ledger", self.ledger, "--chain", "bitcoin", "--quiet",
                  env=SMALL)

    def ask(self, *args):
        return json.loads(self.done("cluster", "--ledger", self.ledger, *args, "--format", "json",
                                    "--quiet"))

    def test_who_signs_together_is_one(self):
        said = self.ask()
        self.assertEqual((said["addresses"], said["clusters"], said["unions"]), (5, 3, 2))
        self.assertTrue(said["inferred"])
        said = self.ask(B)
        self.assertEqual((said["cluster"], said["members"]), (A, [A, B]))
        self.assertEqual([(r["heuristic"], r["tx"]) for r in said["reasons"]],
                         [("common-input", txid(self.ab))])
        said = self.ask(C, "--why", D)
        self.assertEqual([r["tx"] for r in said["reasons"]], [txid(self.bc)])
        text = self.done("cluster", "--ledger", self.ledger, B)
        self.assertIn("inferred to be one with " + A, text)
        self.assertIn("2 addresses (inferred)", text)

    def test_change_is_an_option(self):
        self.assertEqual(self.ask(E)["size"], 1)
        said = self.ask(E, "--change", "optimal,client", "--why", A)
        self.assertEqual(said["size"], 3)
        self.assertEqual(said["reasons"][0]["heuristic"], "change:optimal")
        self.assertEqual(self.ask(E)["size"], 1)
        for wrong in ("locktime", "fixed-fee", "nonsense", "common-input"):
            refused = self.refused("cluster", "--ledger", self.ledger, "--change", wrong,
                                   code=2)
            self.assertIn(wrong, refused)

    def test_a_transaction_can_be_undone(self):
        before = self.ask()
        said = self.ask("--undo", txid(self.ab))
        self.assertEqual((said["undone"], said["unions"]), (1, 1))
        self.assertEqual(self.ask(B)["size"], 1)
        after = self.ask("--redo", txid(self.ab))
        self.assertEqual(before, after)

    def test_tags_fall_on_members_and_are_inferred_for_others(self):
        pack = self.write("pack.yaml", PACK % A)
        out = self.path("inferred.yaml")
        said = self.ask(B, "--tags", pack, "--export", out)
        self.assertEqual([t["address"] for t in said["tags"]], [A])
        self.assertEqual(said["reasons_to"], A)
        said = self.ask("--tags", pack)
        self.assertEqual(said["greatest"][0]["tagged_members"], 1)
        with open(out, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("confidence: heuristic", text)
        self.assertIn(B, text)
        self.assertNotIn('"%s"\n    label' % A, text)
        self.assertIn("Example Exchange (inferred)", text)
        self.assertIn(txid(self.ab), text)
        # What is read back is inferred, and nothing more is inferred from it.
        again = self.ask(B, "--tags", out)
        self.assertTrue(all(t["confidence"] == 10 for t in again["tags"]))
        self.assertNotEqual(dye.run("cluster", "--ledger", self.ledger, "--tags", out, "--export",
                                    self.path("no.yaml"), "--quiet").returncode, 0)

    def test_a_cluster_is_exported_once_and_not_at_all_when_tags_contradict(self):
        tag = "  - address: %s\n    label: %s\n    is_cluster_definer: true\n    actor: %s\n"
        out = self.path("inferred.yaml")
        # Two tags of one owner infer nothing of each other; a third member would get one tag.
        same = self.write("same.yaml", PACK % A + "    actor: x\n" + tag % (B, "Hot wallet", "x"))
        done = dye.run("cluster", "--ledger", self.ledger, "--tags", same, "--export", out)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("two owners", done.stderr)
        text = self.done("cluster", "--ledger", self.ledger, "--change", "optimal", "--tags", same,
                         "--export", out, "--format", "json", "--quiet")
        json.loads(text)
        with open(out, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual((text.count("address:"), text.count(E)), (1, 1), text)
        os.remove(out)
        other = self.write("other.yaml", PACK % A + "    actor: x\n" + tag % (B, "Other", "y"))
        done = dye.run("cluster", "--ledger", self.ledger, "--change", "optimal", "--tags", other,
                       "--export", out)
        self.assertEqual(done.returncode, 1)
        self.assertIn("two owners", done.stderr)
        self.assertIn(B, done.stderr)
        self.assertFalse(os.path.exists(out))

    def test_what_has_no_answer_prints_no_half_document(self):
        stranger = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
        for args in ((A, stranger), (A, "--why", stranger), (A, "--why", C)):
            self.refused("cluster", "--ledger", self.ledger, *args, "--format", "json", "--quiet")

    def test_who_only_asks_needs_no_lock(self):
        before = self.ask(B)
        with open(os.path.join(self.ledger, "bitcoin", "clusters.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(self.ask(B), before)
            self.refused("cluster", "--ledger", self.ledger, "--undo", txid(self.ab), "--quiet",
                         says=["another dyepack"])

    def test_what_is_new_only_the_whole_chain_tells(self):
        for change, warned in (("client", True), ("optimal", False)):
            done = dye.run("cluster", "--ledger", self.ledger, "--change", change)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("begins with block" in done.stderr, warned, done.stderr)
        self.assertFalse(self.ask()["from_beginning"])

    def test_a_damaged_file_is_made_again(self):
        before = self.ask()
        name = os.path.join(self.ledger, "bitcoin", "clusters")
        with open(name, "r+b") as file:
            file.seek(-20, 2)
            file.write(b"xxxx")
        done = dye.run("cluster", "--ledger", self.ledger, "--format", "json", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("damaged", done.stderr)
        self.assertEqual(json.loads(done.stdout), before)
        self.done("ledger", "verify", self.ledger, "--quiet")

    def test_what_is_asked_wrongly_is_told(self):
        for args in ((), ("--ledger", self.ledger, "--limit", "x"),
                     ("--ledger", self.ledger, "--why", A),
                     ("--ledger", self.ledger, "--undo", txid(1), "--redo", txid(1))):
            self.assertEqual(dye.run("cluster", *args).returncode, 2, args)
        for args in (("nonsense",), ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",),
                     ("--undo", "ff" * 32)):
            done = dye.run("cluster", "--ledger", self.ledger, *args)
            self.assertEqual(done.returncode, 1, args)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()

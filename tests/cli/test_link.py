"""dyepack link: payments of swappers found by amount and time, and what people decide about them.

Small worlds whose answers are known by hand. What is proved: the payment that fits is found among
others and ranked; two that are alike are refused; what fits nowhere is written down; a decision
keeps its author's words and time; an accepted link is followed and the books add up; rejecting
restores exactly the state before; contradictions and mistakes are said in one line.
"""
# Covers: cli/link.c cli/link_find.c cli/link_deposit.c cli/link_gather.c cli/link_print.c
import json
import unittest

import dye

HEAD = "block,time,tx,kind,asset,from,to,amount\n"
ETH = 10 ** 18
THIEF, VICTIM = "0x" + "aa" * 20, "0x" + "ab" * 20
DESK, WALLET = "0x" + "e1" * 20, "0x" + "e2" * 20  # both the swapper's
FRESH, OTHER = "0x" + "c1" * 20, "0x" + "c2" * 20
BINANCE = "0x" + "b1" * 20


def tx(n):
    return "0x%064x" % n


def tag(address, label, category="exchange", actor="exch"):
    return "\n".join(["- address: '%s'" % address, "  label: %s" % label,
                      "  category: %s" % category, "  confidence: service_data",
                      "  currency: ETH", "  actor: %s" % actor,
                      "  source: https://example.org/tags"])


class Link(dye.Case):
    def setUp(self):
        super().setUp()
        self.pack = self.write("pack.yaml", "title: Test tags\ncreator: test\nlastmod: 2024-01-01\n"
                               "tags:\n" + "\n".join([
                                   tag(DESK, "eXch desk"), tag(WALLET, "eXch hot wallet"),
                                   tag(BINANCE, "Binance 14", actor="binance")]) + "\n")
        self.yaml = self.case("theft", stolen=[{"address": THIEF, "amount": "100", "tx": tx(1)}])
        self.book = self.path("case.dye")

    def world(self, *rows):
        """(block, from, to, coins); a block a minute. Traced, and imported into a ledger."""
        text = HEAD
        rows = ((1, VICTIM, THIEF, "100"), (1, VICTIM, WALLET, "5000")) + rows
        for i, (block, src, dst, coins) in enumerate(rows):
            text += "%d,%d,%s,native,eth,%s,%s,%s\n" % (block, 1740000000 + 60 * block, tx(i + 1),
                                                        src, dst, coins)
        self.csv = self.write("rows.csv", text)
        self.ledger = self.path("ledger")
        self.done("import", self.csv, "--ledger", self.ledger, "--quiet")
        return self.follow()

    def follow(self):
        return self.results(self.yaml, self.csv, "--tags", self.pack, "--casebook",
                            self.book)["theft"]

    def find(self, *more):
        return json.loads(self.done("link", "find", self.book, "theft", self.ledger, "--tags",
                                    self.pack, "--format", "json", *more))

    def listed(self):
        return json.loads(self.done("link", "list", self.book, "theft", "--format", "json"))

    def decide(self, what, link, words="J. Doe: the operator says so", *more):
        return self.done("link", what, self.book, "theft", link, "--by", words, *more)

    def test_the_payment_that_fits_is_found_among_others(self):
        self.world((10, THIEF, DESK, "60"), (15, WALLET, OTHER, "3"), (16, WALLET, FRESH, "59.7"),
                   (17, WALLET, OTHER, "61"), (900, WALLET, OTHER, "59.7"))
        found = self.find()["candidates"]
        self.assertEqual(len(found), 1)
        best = found[0]
        self.assertEqual((best["verdict"], best["rank"], best["alternatives"], best["rivals"]),
                         ("best", 1, 0, 0))
        self.assertEqual(best["out"]["to"].lower(), FRESH)
        self.assertEqual(best["out"]["amount"], str(597 * ETH // 10))
        self.assertEqual((best["delay"], best["gap_bps"], best["relation"]), (360, 50, "exact"))
        self.assertEqual(best["confidence"], 70 - 2 - 5)
        self.assertEqual(best["model"], "exch")
        # Looking again finds the same, under the same id, once.
        self.assertEqual(self.find()["candidates"], found)

    def test_two_that_are_alike_are_refused(self):
        self.world((10, THIEF, DESK, "60"), (16, WALLET, FRESH, "59.70"),
                   (17, WALLET, OTHER, "59.72"))
        found = self.find()["candidates"]
        self.assertEqual([c["verdict"] for c in found], ["refused", "refused"])
        self.assertTrue(all(c["confidence"] <= 5 for c in found))
        self.assertIn("refused", found[0]["reason"])
        text = self.done("link", "list", self.book, "theft")
        self.assertIn("1 of 2, refused", text)

    def test_other_peoples_deposits_lower_the_confidence(self):
        self.world((9, VICTIM, DESK, "60"), (10, THIEF, DESK, "60"), (16, WALLET, FRESH, "59.7"))
        best = self.find()["candidates"][0]
        self.assertEqual(best["rivals"], 1)
        self.assertEqual(best["confidence"], (70 - 2 - 5) // 2)
        self.assertIn("1 other deposit would explain", best["reason"])

    def test_what_fits_nowhere_is_written_down(self):
        self.world((10, THIEF, DESK, "60"), (16, WALLET, FRESH, "5"))
        found = self.find()["candidates"]
        self.assertEqual([(c["verdict"], c["out"]) for c in found], [("none", None)])
        self.refused("link", "accept", self.book, "theft", found[0]["id"], "--by", "me",
                     says=["nothing to accept"])

    def test_exchanges_are_left_alone_unless_named(self):
        self.world((10, THIEF, BINANCE, "60"), (16, BINANCE, FRESH, "59.7"))
        result = dye.run("link", "find", self.book, "theft", self.ledger, "--tags", self.pack,
                         "--format", "json")
        self.assertEqual(json.loads(result.stdout)["candidates"], [])
        self.assertIn("--service", result.stderr)
        found = self.find("--service", "Binance")["candidates"]
        self.assertEqual([c["verdict"] for c in found], ["best"])
        none = self.find("--service", "Binance", "--window", "0-5m")["candidates"]
        self.assertEqual([c["verdict"] for c in none], ["none"])

    def test_accepted_is_followed_and_rejected_restores_what_was(self):
        before = self.world((10, THIEF, DESK, "60"), (16, WALLET, FRESH, "59.7"),
                            (20, FRESH, OTHER, "10"))
        link = self.find()["candidates"][0]["id"]
        said = self.decide("accept", link, "J. Doe: the operator says so", "--at",
                           "2025-03-01T12:00:00Z")
        self.assertIn("trace again", said)
        after = self.follow()
        self.assertTrue(after["conserved"] and dye.adds_up(after))
        at = {h["address"].lower(): int(h["amount"]) for h in after["holders"]}
        self.assertEqual(at[FRESH] + at[OTHER], 597 * ETH // 10)
        self.assertEqual(int(after["stolen"][0]["buckets"]["service"]), 0)
        listed = self.listed()
        self.assertEqual(listed["candidates"][0]["decision"], "accepted")
        self.assertEqual(listed["decisions"], [{
            "id": link, "verdict": "accepted", "by": "J. Doe: the operator says so",
            "time": "2025-03-01T12:00:00Z"}])
        self.refused("link", "accept", self.book, "theft", link, "--by", "me",
                     says=["accepted already"])
        self.decide("reject", link, "J. Doe: he was wrong")
        restored = self.follow()
        # All but the record of who thought what.
        kept = restored.pop("decisions")
        self.assertEqual([d["verdict"] for d in kept], ["accepted", "rejected"])
        self.assertEqual(before.pop("decisions"), [])
        self.assertEqual(restored, before)
        self.assertEqual([d["verdict"] for d in self.listed()["decisions"]],
                         ["accepted", "rejected"])

    def test_rejecting_what_was_never_accepted_changes_nothing(self):
        self.world((10, THIEF, DESK, "60"), (16, WALLET, FRESH, "59.7"))
        link = self.find()["candidates"][0]["id"]
        state = [line for line in dye.dump(self.book) if not line.startswith("(1, 'theft', 'L")]
        self.assertIn("stays as it is", self.decide("reject", link))
        now = [line for line in dye.dump(self.book) if not line.startswith("(1, 'theft', 'L")]
        self.assertEqual(now, state)

    def test_mistakes_are_said_in_one_line(self):
        self.world((10, THIEF, DESK, "60"), (16, WALLET, FRESH, "59.7"))
        self.refused("link", "list", self.book, "nobody", says=["nobody", "trace it first"])
        self.refused("link", "accept", self.book, "theft", "L0", "--by", "me", says=["L0"])
        self.refused("link", "accept", self.book, "theft", "L0", code=2, says=["--by"])
        self.refused("link", "find", self.book, "theft", code=2, says=["LEDGER"])
        for option, value in (("--window", "soon"), ("--rate", "ETH=5"), ("--model", "none"),
                              ("--format", "xml")):
            self.refused("link", "find", self.book, "theft", self.ledger, option, value, code=2)

    def test_what_is_known_is_listed(self):
        links = self.done("list", "links")
        for word in ("thorchain", "across", "tornado", "proves:", "read from:"):
            self.assertIn(word, links)
        self.assertIn("engineering default", self.done("list", "swappers"))


if __name__ == "__main__":
    unittest.main()

"""`dyepack follow`, `case` and `alerts` on a ledger, without a node: what is followed is what a
trace of the same ledger gives; alerts are recorded once however often it is run or killed; cases
and tags that are added meanwhile are picked up; what is wrong is named before anything starts.
"""
# Covers: cli/follow.c cli/follow_tell.c cli/follow_tags.c cli/follow_source.c cli/case.c
# Covers: cli/alerts.c cli/docket_cases.c live/begin.c
import json
import os
import signal
import subprocess
import time
import unittest

import dye

BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
WAIT_SECONDS = 30
PACK = """title: Follow test
creator: somebody
lastmod: 2025-03-01
tags:
  - {label: Exchange of a test, address: "%s", category: exchange, currency: ETH,
     network: ETH, source: "https://example.org", confidence: ownership}
"""


class Follow(dye.Case):
    def setUp(self):
        super().setUp()
        self.ledger = self.path("ledger")
        self.done("import", os.path.join(BYBIT, "movements.csv"), "--chain", "ethereum",
                  "--ledger", self.ledger, "--quiet")
        self.book = self.path("book")
        self.bybit = os.path.join(BYBIT, "case.yaml")

    def follow(self, *args, **more):
        return self.done("follow", self.book, *args, "ledger:" + self.ledger, "--once", "--quiet",
                         "--level", "error", **more)

    def alerts(self, *args):
        return json.loads(self.done("alerts", "list", self.book, "--format", "json", "--limit", "0",
                                    *args))

    def start(self, *args):
        """Follows in the background, its log in a file."""
        log = open(self.path("log"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen([dye.DYEPACK, "follow", self.book, "ledger:" + self.ledger,
                                    "--poll", "50", *args], stderr=log, cwd=dye.ROOT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def said(self, words):
        """Waits until the log says all of these on one line."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            with open(self.path("log"), encoding="utf-8") as log:
                text = log.read()
            if any(all(w in line for w in words) for line in text.splitlines()):
                return
            time.sleep(0.05)
        self.fail("the log never said %s:\n%s" % (words, text))

    def test_it_is_what_a_trace_gives(self):
        self.follow(self.bybit)
        followed = json.loads(self.trace(self.bybit, "ledger:" + self.ledger, "--casebook",
                                         self.book))
        traced = json.loads(self.trace(self.bybit, "ledger:" + self.ledger, "--tags",
                                       self.write("none.yaml", PACK % ("0x" + "ab" * 20))))
        for key in ("holders", "arrivals", "stolen", "buckets", "conserved", "links"):
            self.assertEqual(followed[key], traced[key], key)

    def test_alerts_are_recorded_once_however_often_it_is_killed(self):
        self.follow(self.bybit)
        wanted = sorted((a["id"], a["state"]) for a in self.alerts())
        self.assertGreater(len(wanted), 50)
        os.rename(self.book, self.path("whole"))
        self.done("case", "add", self.book, self.bybit)
        for delay in (0.01, 0.02, 0.05, 0.1, 0.2):
            process = self.start("--quiet")
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.follow()
        self.assertEqual(sorted((a["id"], a["state"]) for a in self.alerts()), wanted)
        self.assertEqual({a["revision"] for a in self.alerts()}, {1})

    def test_one_alert_is_shown_sent_again_and_acknowledged(self):
        rules = self.write("rules.yaml", "sinks:\n  out: {file: out.jsonl}\nrules:\n"
                           "  - {name: moves, when: move, to: [out]}\n")
        self.follow(self.bybit, "--rules", rules)
        one = self.alerts()[0]
        shown = self.done("alerts", "show", self.book, one["id"][:12])
        for word in (one["id"], one["tx"], one["subject"], "revision 1", "to out: sent"):
            self.assertIn(word, shown)
        self.assertIn("1 message", self.done("alerts", "resend", self.book, one["id"]))
        self.follow("--rules", rules)
        with open(self.path("out.jsonl"), encoding="utf-8") as lines:
            told = [a for line in lines for a in json.loads(line)["alerts"]]
        self.assertEqual(len([a for a in told if a["id"] == one["id"]]), 2)
        self.assertEqual(len({a["id"] for a in told}), len(self.alerts()))
        self.done("alerts", "ack", self.book, one["id"], "--by", "me")
        self.assertNotIn(one["id"], [a["id"] for a in self.alerts("--not-acked")])
        self.assertIn("acked", self.done("alerts", "show", self.book, one["id"]))
        self.refused("alerts", "show", self.book, "ffffffffffff", says=["ffffffffffff"])

    def test_quiet_is_silent_about_alerts_which_go_to_their_sinks(self):
        rules = self.write("rules.yaml", "sinks:\n  out: {file: out.jsonl}\nrules:\n"
                           "  - {name: moves, when: move, to: [out]}\n")
        args = ("follow", self.book, self.bybit, "ledger:" + self.ledger, "--once", "--rules",
                rules)
        self.done(*args, "--quiet")
        self.assertTrue(os.path.getsize(self.path("out.jsonl")) > 0)
        os.remove(self.book)
        loud = dye.run(*args)
        self.assertEqual((loud.returncode, loud.stdout), (0, ""))
        self.assertIn("event=alert", loud.stderr)

    def test_shapes_are_told_when_they_are_complete(self):
        """Bybit's thief split 400,000 ether over 40 wallets and 90,000 over 9: two equal splits,
        each told once, at the transfer that makes it one; with another run in between."""
        rules = self.write("shapes.yaml", "sinks:\n  file: {file: told.jsonl}\nrules:\n"
                           "  - {name: splits, when: finding, kinds: [equal-split], to: [file]}\n")
        self.done("follow", self.book, self.bybit, "ledger:" + self.ledger, "--once", "--quiet",
                  "--rules", rules)
        self.done("follow", self.book, "ledger:" + self.ledger, "--once", "--quiet", "--rules",
                  rules)
        found = json.loads(self.done("alerts", "list", self.book, "--format", "json"))
        self.assertEqual(
            sorted((a["facts"]["finding"], a["facts"]["address"], a["revision"]) for a in found),
            [("equal-split", "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2", 1),
             ("equal-split", "0xdD90071D52F20e85c89802e5Dc1eC0A7B6475f92", 1)])

    def test_cases_and_tags_are_picked_up_while_it_runs(self):
        tags = self.path("tags")
        os.mkdir(tags)
        self.write("tags/none.yaml", PACK % ("0x" + "ab" * 20))
        process = self.start("--tags", tags + "/", "--level", "debug")
        self.said(["event=start"])
        self.done("case", "add", self.book, self.bybit)
        self.said(["event=case", "bybit-2025-02", "added"])
        self.said(["event=alert"])
        moved, end = None, time.monotonic() + WAIT_SECONDS
        while moved is None and time.monotonic() < end:  # the case is caught up with meanwhile
            moved = next((a for a in self.alerts("--kind", "move") if a["facts"].get("from")),
                         None)
        self.write("tags/late.yaml", PACK % moved["subject"])
        self.said(["event=tags", "read again"])
        self.said(["event=alert", "rule=arrivals", "Exchange of a test"])
        self.done("case", "stop", self.book, "bybit-2025-02")
        self.said(["event=case", "stopped"])
        self.assertIn("stopped", self.done("case", "list", self.book))
        self.done("case", "resume", self.book, "bybit-2025-02")
        self.said(["event=case", "loaded"])
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        self.assertEqual(process.wait(), 0)
        self.assertLess(time.monotonic() - began, 5)  # a second where nothing else runs

    def test_a_seed_is_added_and_a_case_followed_anew(self):
        self.follow(self.bybit)
        self.refused("case", "seed", self.book, "bybit-2025-02", "{address: nonsense}", "--by",
                     "me", says=["nonsense"])
        self.refused("case", "seed", self.book, "nobody", "{}", "--by", "me", says=["nobody"])
        before = self.alerts()
        self.done("case", "rescan", self.book, "bybit-2025-02")
        self.follow()
        self.assertEqual({(a["id"], a["revision"]) for a in self.alerts()},
                         {(a["id"], a["revision"]) for a in before})

    def test_what_is_wrong_is_named_before_anything_starts(self):
        self.refused("follow", self.book, code=2, says=["no source"])
        self.refused("follow", self.book, "x", "--confirmations", "0", code=2,
                     says=["--confirmations"])
        bad = self.write("rules.yaml", "rules:\n  - {name: a, when: arival, to: []}\n")
        self.assertIn(":2:", self.refused("follow", self.book, "ledger:" + self.ledger, "--once",
                                          "--rules", bad, says=["arival", "arrival"]))
        self.assertFalse(os.path.exists(self.book))
        self.refused("follow", self.book, os.path.join(BYBIT, "movements.csv"), "--once", "--quiet",
                     says=["neither a node nor a ledger"])

    def test_there_is_one_follower(self):
        self.start("--quiet")
        end = time.monotonic() + WAIT_SECONDS
        while not os.path.exists(self.book + ".follow") and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.3)
        self.refused("follow", self.book, self.bybit, "ledger:" + self.ledger, "--once", "--quiet",
                     says=["somebody follows this casebook already"])


if __name__ == "__main__":
    unittest.main()

"""`dyepack hunt`: a flow of the shipped technique's shape, planted among 200,000 payments of
strangers, is found at the wallet where it begins; strangers alone give none; a ledger, a table and
standard input give the same; and what is asked wrongly is told.
"""
# Covers: cli/hunt.c technique/hunt.c technique/hunt_group.c technique/hunt_follow.c
# Covers: technique/block_feed.c
import json
import os
import random
import signal
import subprocess
import unittest

import dye

HEAD = "block,time,tx,index,kind,from,to,asset,amount_base\n"
ETH = 10 ** 18
START = 1740000000
DAY = 86400
MIXER = "0x" + "ab" * 20
PARTS, DEPOSITS = 20, 10
PACK = """title: Test tags
creator: test
lastmod: 2024-01-01
tags:
- address: '%s'
  label: A mixer
  category: mixing_service
  confidence: service_data
  currency: ETH
  source: https://example.org/mixer
""" % MIXER


def address(number):
    return "0x%040x" % (0x1000000000000000000000000000000000000000 +
                        number * 0x9e3779b97f4a7c15f39cc0605cedc834)


ROOT = address(900000)


def strangers(count, seed, days=20, wallets=20000):
    """Payments of which few wallets make many, as on real ledgers."""
    chance = random.Random(seed)
    rows = []
    for i in range(count):
        source = int(wallets * chance.random() ** 3)
        target = int(wallets * chance.random() ** 3)
        rows.append((START + i * days * DAY // count, address(source),
                     address(target + (source == target)),
                     int(10 ** 16 * 10 ** (4 * chance.random()))))
    return rows


def thief(day=3):
    """20,000 ETH in 20 equal parts to fresh wallets, one after the other into the mixer."""
    begin = START + day * DAY
    rows = [(begin, address(800000), ROOT, PARTS * DEPOSITS * 100 * ETH)]
    for k in range(PARTS):
        rows.append((begin + 1800 + 60 * k, ROOT, address(900001 + k), DEPOSITS * 100 * ETH))
    for k in range(PARTS * DEPOSITS):
        rows.append((begin + DAY + 420 * k, address(900001 + k // DEPOSITS), MIXER, 100 * ETH))
    return rows


def table(rows):
    """As movements, twelve seconds a block."""
    lines, before, index = [HEAD], None, 0
    for number, (time, source, target, amount) in enumerate(sorted(rows, key=lambda r: r[0])):
        slot = time // 12
        index = index + 1 if slot == before else 0
        before = slot
        lines.append("%d,%d,0x%064x,%d,native,%s,%s,ETH,%d\n" % (
            slot - START // 12 + 1, slot * 12, number + 1, index, source, target, amount))
    return "".join(lines)


class Hunt(dye.Case):
    noise = None

    @classmethod
    def setUpClass(cls):
        cls.noise = strangers(200000, 1)

    def hunt(self, *args, **more):
        """The hits, as JSON says them."""
        text = self.done("hunt", "--technique", "split-and-hop", "--tags", self.pack(), "--quiet",
                         "--format", "json", *args, **more)
        return [json.loads(line) for line in text.splitlines()]

    def pack(self):
        return self.write("pack.yaml", PACK)

    def test_planted_flow_among_200000_movements(self):
        path = self.write("all.csv", table(self.noise + thief()))
        hits = self.hunt("--", path)
        self.assertEqual(len(hits), 1)
        hit = hits[0]
        self.assertEqual(hit["root"].lower(), ROOT)
        self.assertGreaterEqual(hit["likeness_thousandths"], 600)
        self.assertLessEqual(hit["low_thousandths"], hit["likeness_thousandths"])
        self.assertLessEqual(hit["likeness_thousandths"], hit["high_thousandths"])
        self.assertEqual((hit["amount"], hit["transfers"], hit["cut"]),
                         ("20000 ETH", PARTS + PARTS * DEPOSITS, False))
        self.assertEqual((hit["first"]["from"].lower(), hit["last"]["to"].lower()), (ROOT, MIXER))
        steps = {s["id"]: s for s in hit["steps"]}
        for step in ("split", "in-order", "run"):
            self.assertEqual(steps[step]["state"], "seen", step)
            self.assertTrue(steps[step]["evidence"][0]["tx"].startswith("0x"), step)
        self.assertFalse(steps["theft"]["known"])
        # The same from a ledger, and from standard input.
        self.done("import", path, "--ledger", self.path("ledger"), "--quiet")
        self.assertEqual(self.hunt("--ledger", self.path("ledger")), hits)
        self.assertEqual(self.hunt("ledger:" + self.path("ledger")), hits)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(self.hunt("-", stdin=file.read()), hits)
        # Whoever begins later does not see it; who wants more likeness is not told.
        self.assertEqual(self.hunt("--since", "2025-02-25", "--", path), [])
        self.assertEqual(self.hunt("--until", "2025-02-21T00:00:00Z", "--", path), [])
        self.assertEqual(self.hunt("--min", "99%", "--", path), [])
        text = self.done("hunt", "--technique", "split-and-hop", "--tags", self.pack(), "--quiet",
                         "--", path)
        self.assertIn(ROOT, text.lower())
        self.assertIn("split into many parts", text)
        self.assertIn(hit["first"]["tx"], text)
        self.assertIn(hit["last"]["tx"], text)
        self.assertTrue(max(map(len, text.splitlines())) <= 110)

    def test_strangers_alone_give_none(self):
        path = self.write("noise.csv", table(self.noise))
        result = dye.run("hunt", "--technique", "split-and-hop", "--tags", self.pack(), "--", path)
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("0 like 'split-and-hop'", result.stderr)
        self.assertIn("200000 transfers", result.stderr)

    def test_bybit_without_its_case(self):
        """What the incident's movements show by themselves: forty times 10,000 ETH out of the
        wallet that the theft went to. That is one step alone, so that less is asked for."""
        path = os.path.join(dye.ROOT, "incidents", "bybit-2025-02", "movements.csv")
        args = ("hunt", "--technique", "split-and-hop", "--format", "json", "--quiet", path)
        self.assertEqual(self.done(*args), "")
        hits = [json.loads(line) for line in self.done(*args, "--min", "0.4").splitlines()]
        hit = {h["root"]: h for h in hits}["0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"]
        self.assertEqual((hit["amount"], hit["transfers"]), ("400000 ETH", 40))
        self.assertEqual([s["transfers"] for s in hit["steps"] if s["id"] == "split"], [40])
        self.assertGreater(hit["high_thousandths"] - hit["low_thousandths"], 500)
        text = self.done("hunt", "--technique", "split-and-hop", "--min", "0.4", "--quiet", path)
        self.assertIn("begins with 400,000 ETH seen there at 2025-02-21T14:56:11Z; 40 transfers",
                      text)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_what_was_given_up_is_told(self):
        path = self.write("all.csv", table(self.noise[:20000] + thief()))
        result = dye.run("hunt", "--technique", "split-and-hop", "--edges", "1024", "--quiet",
                         path)
        self.assertEqual(result.returncode, 0)
        self.assertIn("transfers were forgotten before the window was over", result.stderr)

    def test_one_s_own_technique(self):
        rule = self.write("rule.yaml", """technique: 1
id: split-mix
title: Split and mixed
description: Equal parts, and each into a mixer.
author: test
date: 2026-01-01
references: ["made for a test"]
false-positives: ["none"]
steps:
  - {id: split, typology: equal-split, with: {k: 8}, counts: sum, share: 10%..60%, weight: 20}
  - {id: mix, typology: anonymiser, counts: sum, share: 5%..40%, after: split, weight: 20}
""")
        path = self.write("all.csv", table(self.noise[:20000] + thief()))
        text = self.done("hunt", "--technique", "split-mix", "--techniques", rule, "--no-builtin",
                         "--tags", self.pack(), "--quiet", "--format", "json", "--", path)
        hit = json.loads(text)
        self.assertEqual((hit["root"].lower(), hit["likeness_thousandths"]), (ROOT, 1000))

    def test_interrupted_says_so_and_tells_what_it_has(self):
        read, write = os.pipe()
        with subprocess.Popen([dye.DYEPACK, "hunt", "--technique", "split-and-hop", "--tags",
                               self.pack(), "--format", "json", "-"], stdin=read,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            os.close(read)
            with os.fdopen(write, "w") as feed:
                try:
                    feed.write(table(thief() + self.noise[:60000]))
                    process.send_signal(signal.SIGINT)
                    # A later block wakes it.
                    feed.write("9999999,%d,0x%064x,0,native,%s,%s,ETH,1\n" %
                               (START + 400 * DAY, 1 << 60, address(1), address(2)))
                except BrokenPipeError:
                    pass
            out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn(b"interrupted: later blocks were not looked at", err)
        for line in out.splitlines():
            self.assertEqual(json.loads(line)["root"].lower(), ROOT)

    def wrong(self, code, expected, *args):
        result = dye.run("hunt", *args)
        self.assertEqual((result.returncode, result.stdout), (code, ""), args)
        self.assertIn(expected, result.stderr)
        self.assertLessEqual(len(result.stderr.splitlines()), 2, result.stderr)

    def test_wrong_input(self):
        path = self.write("few.csv", table(thief()))
        of = ("--technique", "split-and-hop")
        self.wrong(1, "no technique 'split-and-hopp' (did you mean 'split-and-hop'?)",
                   "--technique", "split-and-hopp", path)
        self.wrong(2, "which technique?", path)
        self.wrong(2, "where? Name one ledger", *of)
        self.wrong(2, "where? Name one ledger", *of, "--ledger", self.folder, path)
        self.wrong(1, "nowhere", *of, "--ledger", self.path("nowhere"))
        self.wrong(1, "nowhere", *of, self.path("nowhere"))
        for date in ("yesterday", "2025-13-01", "12345", "", "2025-02-30"):
            self.wrong(2, "--since takes a date or time", *of, "--since", date, path)
        self.wrong(2, "--until takes", *of, "--until", "tomorrow", path)
        self.wrong(2, "give one", *of, "--since", "2025-02-01", "--from", "7", path)
        for least in ("0", "1.1", "-1", "", "0.6666", "101%", "half", "0.6.", ".", "1e-1"):
            self.wrong(2, "--min takes a likeness", *of, "--min=" + least, path)
        for window in ("0d", "30", "d", "", "5y", "-1d", "99999999d", "11w0d"):
            self.wrong(2, "--window takes a time", *of, "--window=" + window, path)
        for edges in ("0", "1023", "67108865", "many", "1e6"):
            self.wrong(2, "--edges takes a number", *of, "--edges", edges, path)
        self.wrong(2, "unknown format 'jsn' (did you mean 'json'?)", *of, "--format", "jsn", path)
        self.wrong(2, "unknown chain 'ethereal'", *of, "--chain", "ethereal", path)
        self.wrong(1, "damaged.csv", *of, self.write("damaged.csv", HEAD + "1,2,3\n"))


if __name__ == "__main__":
    unittest.main()

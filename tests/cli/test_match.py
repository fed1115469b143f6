"""`dyepack match` and `technique`: whose technique a case is like, on which evidence. On the real
Bybit case, on verified flows where the shared data is there, and on cases of the test: an outgoing
payment to a known thief is exposure and no attribution (the trap of Euler); what is wrong is named.
"""
# Covers: cli/match.c cli/match_flow.c cli/technique.c report/likeness.c report/likeness_json.c
# Covers: report/stix.c report/case_uses.c report/case_feed.c
import contextlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import unittest

import dye

BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
DPRK = "split-and-hop"


class Match(dye.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = tempfile.TemporaryDirectory(prefix="dyepack-match-")
        cls.addClassCleanup(cls.shared.cleanup)
        cls.book = os.path.join(cls.shared.name, "bybit.casebook")
        done = dye.run("trace", os.path.join(BYBIT, "case.yaml"),
                       os.path.join(BYBIT, "movements.csv"), "--casebook", cls.book, "--quiet")
        assert done.returncode == 0, done.stderr

    def match(self, *args):
        return json.loads(self.done("match", *args, "--format", "json"))

    def likeness(self, answer, technique=DPRK):
        return next(t for t in answer["techniques"] if t["technique"] == technique)

    def test_bybit_is_consistent_with_the_technique_of_its_thieves(self):
        answer = self.match(self.book, "bybit-2025-02")
        found = self.likeness(answer)
        self.assertGreater(found["likeness"], 600)
        self.assertLessEqual(found["low"], found["likeness"])
        self.assertLessEqual(found["likeness"], found["high"])
        self.assertEqual(answer["techniques"][0], found, "the likest comes first")
        split = next(s for s in found["steps"] if s["id"] == "split")
        self.assertEqual(split["state"], "seen")
        # 40 wallets of 10,000 each, and 9 more: every one is named with its transactions, and
        # what they moved is told whole, though it is loot that came by two ways.
        rows = [row for f in split["findings"] for row in f["evidence"]]
        self.assertGreaterEqual(len(rows), 49)
        self.assertTrue(all(re.fullmatch("0x[0-9a-f]{64}", row["tx"]) for row in rows))
        self.assertEqual(len({row["to"] for row in rows}), 49)
        self.assertEqual({row["amount"] for row in rows}, {"10,000 ETH"})
        # The FBI's list of this very theft is said, and makes it no more alike.
        self.assertEqual(found["says"], "authority")
        step = next(s for s in found["steps"] if s["id"] == "overlap")
        self.assertEqual(step["state"], "not seen")

    def test_a_casebook_with_damaged_rows_is_named(self):
        """Never a failed check, a wrong answer, or gigabytes for a number."""
        damaged = self.path("damaged")
        for change, says in (
                ("delete from holder where no=51", "holder 51 is missing"),
                ("update holder set no=268435455 where no=145", "holder 268435455, of 145"),
                ("update flow set time=9223372036854775807 where seq=90",
                 "time 9223372036854775807"),
                ("update flow set time=-9223372036854775808 where src=-1",
                 "time -92233720368547758")):
            with open(self.book, "rb") as book, open(damaged, "wb") as copy:
                copy.write(book.read())
            with contextlib.closing(sqlite3.connect(damaged)) as db:
                self.assertGreater(db.execute(change).rowcount, 0, change)
                db.commit()
            for command in ("match", "rank"):
                self.refused(command, damaged, "bybit-2025-02",
                             says=("the casebook is damaged", says))

    def test_every_transaction_of_the_evidence_is_in_the_casebook(self):
        answer = self.match(self.book, "bybit-2025-02")
        with contextlib.closing(sqlite3.connect(self.book)) as db:
            known = {row[0] for row in db.execute("select distinct tx from flow")}
        named = {row["tx"] for t in answer["techniques"] for s in t["steps"]
                 for f in s["findings"] for row in f["evidence"] if row["tx"]}
        self.assertTrue(named)
        self.assertLessEqual(named, known)

    def test_no_name_stands_without_who_says_so(self):
        text = self.done("match", self.book, "bybit-2025-02")
        self.assertNotIn("Lazarus: yes", text)
        head = text.split("Infrastructure")[0]
        for name in ("Lazarus", "TraderTraitor", "DPRK"):
            for line in head.splitlines():
                if name in line:
                    self.assertRegex(head, "(FBI|ic3.gov|word of)")

    def test_the_same_case_gives_the_same_bytes(self):
        for form in ("text", "json", "stix"):
            one = self.done("match", self.book, "bybit-2025-02", "--format", form)
            two = self.done("match", self.book, "bybit-2025-02", "--format", form)
            self.assertEqual(one, two)

    def test_stix_is_a_bundle_whose_references_hold(self):
        bundle = json.loads(self.done("match", self.book, "bybit-2025-02", "--format",
                                      "stix"))
        self.assertEqual(bundle["type"], "bundle")
        ids = {o["id"] for o in bundle["objects"]}
        self.assertEqual(len(ids), len(bundle["objects"]), "an id is given once")
        uuid = "[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
        for o in bundle["objects"]:
            self.assertRegex(o["id"], "^%s--%s$" % (o["type"], uuid))
            self.assertEqual(o["spec_version"], "2.1")
            for key in ("created", "modified"):
                self.assertRegex(o[key], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            for key, value in o.items():
                for ref in value if key.endswith("_refs") else \
                        [value] if key.endswith("_ref") else []:
                    self.assertIn(ref, ids)
        patterns = [o for o in bundle["objects"] if o["type"] == "attack-pattern"]
        self.assertEqual(len(patterns), 1, "what it does not resemble is not related to it")
        pattern = patterns[0]
        aadapt = [r for r in pattern["external_references"]
                  if r["source_name"] == "mitre-aadapt"]
        self.assertTrue(aadapt)
        self.assertTrue(all(re.fullmatch(r"ADT\d{4}(\.\d{3})?", r["external_id"])
                            for r in aadapt))

    def test_stix_calls_a_likeness_no_confidence_and_no_id_changes_its_date(self):
        objects = json.loads(self.done("match", self.book, "bybit-2025-02", "--format",
                                       "stix"))["objects"]
        first = {}
        for o in objects:
            first.setdefault(o["type"], o)
            self.assertNotIn("confidence", o)
            self.assertLessEqual(o["created"], o["modified"])
        # What other cases' bundles have too is of one date in all of them.
        rule = os.path.join(dye.ROOT, "techniques", DPRK + ".yaml")
        with open(rule, encoding="utf-8") as f:
            date = re.search(r"^date: (\S+)$", f.read(), re.M).group(1)
        self.assertEqual(first["attack-pattern"]["created"], date + "T00:00:00.000Z")
        self.assertEqual(first["attack-pattern"]["modified"], date + "T00:00:00.000Z")
        self.assertEqual(first["identity"]["created"], "2026-01-01T00:00:00.000Z")
        self.assertEqual(first["incident"]["created"], "2025-02-21T14:29:47.000Z")
        extension = first["extension-definition"]
        self.assertEqual(extension["extension_types"], ["property-extension"])
        self.assertTrue(extension["schema"] and extension["version"])
        found = self.likeness(self.match(self.book, "bybit-2025-02"))
        self.assertEqual(first["relationship"]["extensions"], {extension["id"]: {
            "extension_type": "property-extension", "likeness": found["likeness"],
            "likeness_low": found["low"], "likeness_high": found["high"],
            "judged": found["known"]}})
        notes = "\n".join(o["content"] for o in objects if o["type"] == "note")
        self.assertIn("\nethereum, the theft: 401,346.7", notes)
        for line in notes.splitlines():
            self.assertNotRegex(line, " : | to $")

    def test_findings_are_told_ten_a_kind_and_in_words(self):
        args = ("match", self.book, "bybit-2025-02", "--findings")
        text = self.done(*args)
        self.assertLess(len(text.splitlines()), 250)
        self.assertLessEqual(max(map(len, text.splitlines())), 98)
        sleeping = len(re.findall("^Dormancy  ", text, re.M))
        more = int(re.search(r"^Dormancy: and (\d+) more \(--all shows them; --format json has "
                             r"all\)$", text, re.M).group(1))
        everything = self.done(*args, "--all")
        answer = json.loads(self.done(*args, "--format", "json"))["findings"]
        for whole in (len(re.findall("^Dormancy  ", everything, re.M)),
                      sum(f["typology"] == "dormancy" for f in answer)):
            self.assertEqual((sleeping, sleeping + more), (10, whole))
        self.assertIn("asleep 41d 4h", text)
        self.assertIn("amount 10,000,000,000,000,", text)
        self.assertNotRegex(text, r"\d{4}s\b")
        # The largest first.
        loot = [float(x) for x in re.findall(r"^Dormancy  clarity 0.43  (\S+)% ", text, re.M)]
        self.assertEqual(loot, sorted(loot, reverse=True))

    def test_a_damaged_case_in_a_casebook_is_named(self):
        book = self.path("damaged.casebook")
        shutil.copyfile(self.book, book)
        with contextlib.closing(sqlite3.connect(book)) as db:
            db.execute("update cases set yaml=cast('incident: x\nno key\n' as blob)")
            db.commit()
        for command in ("match", "rank"):
            self.refused(command, book, "bybit-2025-02",
                         says=["%s, case 'bybit-2025-02':3:1: " % book])

    def test_a_full_disk_is_told_once(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for args in (("--all",), ("--format", "json"), ("--format", "stix"), ("--findings",)):
                done = dye.run("match", self.book, "bybit-2025-02", *args, stdout=full)
                self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
                self.assertIn("No space left on device", done.stderr)

    def flow(self, sources, terminals=None):
        rows = ["Timestamp,Block,Tx_hash,From,To,To_label,Value_in_USD"]
        rows += ["2024-01-01 00:00:0%d,%d,t%d,thief,w%d,,1000" % (i, i, i, i) for i in range(9)]
        rows += ["2024-01-01 01:00:00,9,t9,w0,end,Tornado Cash,1000"]
        os.makedirs(self.path("flow"), exist_ok=True)
        self.write("flow/edges.csv", "\n".join(rows) + "\n")
        self.write("flow/sources.csv", sources)
        if terminals is not None:
            self.write("flow/terminals.csv", terminals)
        return self.path("flow")

    def test_a_flow_without_ends_does_not_tell_of_services(self):
        for terminals in (None, "", "nobody\n"):
            flow = self.flow("thief\n", terminals)
            self.assertNotIn("services", self.match(flow)["knows"])
            text = " ".join(self.done("match", flow).split())
            self.assertRegex(text, "the flow does not tell of: [^(]*services")
        flow = self.flow("thief\n", "end\n")
        self.assertIn("services", self.match(flow)["knows"])

    def test_sources_of_another_flow_are_named(self):
        for command in ("match", "rank"):
            self.refused(command, self.flow("a\nb\nc\n"),
                         says=[self.path("flow/sources.csv"),
                               "of the 3 addresses that it lists as sources none is in the edges"])
            other = self.write("other.csv", "d\n")
            self.refused(command, self.path("flow/edges.csv"), "--sources", other,
                         says=[other + ": of the 1 address "])
            self.refused(command, self.flow(""), says=[self.path("flow"), "has no source"])

    def test_findings_are_all_shapes(self):
        answer = json.loads(self.done("match", self.book, "bybit-2025-02", "--findings",
                                      "--format", "json"))
        kinds = {f["typology"] for f in answer["findings"]}
        self.assertLessEqual({"equal-split", "theft", "fan-out"}, kinds)
        text = self.done("match", self.book, "bybit-2025-02", "--findings")
        self.assertIn("Equal split", text)

    def test_the_fingerprint_is_the_shipped_one_of_the_flow(self):
        mine = json.loads(self.done("match", self.book, "bybit-2025-02", "--fingerprint"))
        self.assertEqual(mine["format"], "dyepack-fingerprint")
        again = self.write("print.json", json.dumps(dict(mine, incident="copy")))
        answer = self.match(self.book, "bybit-2025-02", "--fingerprints", again)
        self.assertEqual(answer["nearest"][0]["incident"], "copy")
        self.assertEqual(answer["nearest"][0]["low"], 0)
        # It says whose it is; what says nothing is called by its file.
        self.assertEqual(mine.pop("incident"), "bybit-2025-02")
        nameless = self.write("nameless.json", json.dumps(mine))
        text = self.done("match", self.book, "bybit-2025-02", "--fingerprints", nameless)
        self.assertIn("nameless.json\n", text)

    def test_a_flow_without_transfers_is_refused(self):
        folder = os.path.join(self.folder, "nothing")
        os.mkdir(folder)
        for name, text in (("edges", "Timestamp,Block,Tx_hash,From,From_label,To,To_label,"
                            "Value_in_USD\n"), ("sources", "0x1\n"), ("terminals", "")):
            self.write(os.path.join("nothing", name + ".csv"), text)
        self.refused("match", folder, says=["there is no transfer in this flow"])

    def test_coins_are_told_as_coins_and_have_no_price(self):
        folder = os.path.join(self.folder, "coins")
        os.mkdir(folder)
        with open(os.path.join(folder, "movements.csv"), "w", encoding="utf-8") as f:
            f.write("time,block,tx,from,to,amount,asset,kind,status\n"
                    "2024-01-01T00:00:00Z,1,0xaa,s,a,1.55,ETH,native,ok\n")
            f.writelines(f"2024-01-01T01:00:{i}0Z,{i + 2},0xb{i},a,b{i},0.31,ETH,native,ok\n"
                         for i in range(5))
        with open(os.path.join(folder, "sources.csv"), "w", encoding="utf-8") as f:
            f.write("s\n")
        text = self.done("match", folder, "--findings")
        self.assertIn("  0.31 ETH  a -> b0\n", text)
        self.assertIn("  1.55 ETH  s -> a\n", text)
        self.assertNotIn("$", text)
        self.assertNotIn("prices", self.match(folder)["knows"])

    def test_harmony_is_like_it_and_lifi_is_not(self):
        harmony = self.likeness(self.match(dye.data("flows", "harmony")))
        lifi = self.likeness(self.match(dye.data("flows", "lifi")))
        self.assertGreater(harmony["likeness"], 600)
        self.assertLess(lifi["likeness"], 300)

    def test_one_technique_alone_and_a_wrong_name(self):
        answer = self.match(self.book, "bybit-2025-02", "--only", DPRK)
        self.assertEqual([t["technique"] for t in answer["techniques"]], [DPRK])
        self.refused("match", self.book, "bybit-2025-02", "--only", "split-and-hopp",
                     says=["did you mean '%s'" % DPRK])

    def test_what_is_not_there_is_named(self):
        self.refused("match", self.book, "bybit", says=[self.book, "it has bybit-2025-02"])
        self.refused("match", self.book, "bybit-2025-03",
                     says=["did you mean 'bybit-2025-02'?"])
        os.mkdir(self.path("empty"))
        self.refused("match", self.book, "bybit-2025-02", "--tags", self.path("empty"),
                     says=[self.path("empty") + ": there is no file in this folder"])
        self.refused("match", self.path("none"), "bybit-2025-02")
        self.refused("match", self.path("none"))
        self.refused("match", code=2)
        self.refused("match", self.book, "bybit-2025-02", "--format", "xml", code=2)
        self.refused("match", self.book, "bybit-2025-02", "--sources", "x", code=2)

    def test_a_payment_to_a_known_thief_is_exposure_and_no_attribution(self):
        """As Euler's thief did on 17 March 2023: 100 of 200,000 ether to an address of Lazarus."""
        for i, amount in enumerate(("100", "0.000001")):
            self.is_exposure_only(i, amount)

    def is_exposure_only(self, number, amount):
        thief, victim, known = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
        rows = ["block,time,tx,from,to,asset,amount"]
        rows.append("100,2023-03-13T08:50:59Z,0x%064x,%s,%s,eth,100000" % (1, victim, thief))
        rows.append("200,2023-03-17T09:00:00Z,0x%064x,%s,%s,eth,%s" % (2, thief, known, amount))
        rows.append("250,2023-03-17T19:00:00Z,0x%064x,%s,0x%s,eth,%s"
                    % (4, known, "44" * 20, amount))
        rows.append("300,2023-03-18T09:00:00Z,0x%064x,%s,%s,eth,51000" % (3, thief, victim))
        movements = self.write("euler.csv", "\n".join(rows) + "\n")
        case = self.write("euler.yaml", "incident: euler-like\nchain: ethereum\nstolen:\n"
                          "  - {address: \"%s\", asset: eth, amount: \"100000\", "
                          "tx: \"0x%064x\"}\nvictim:\n  - {address: \"%s\", by: us}\n"
                          % (thief, 1, victim))
        pack = self.write("known.yaml", "title: known\ncreator: test\nlastmod: 2023-01-01\n"
                          "tags:\n  - {label: An earlier theft, address: \"%s\", actor: "
                          "lazarusgroup, category: perpetrator, currency: ETH, network: ETH, "
                          "confidence: authority_data, source: \"https://example.org\"}\n"
                          % known)
        book = self.path("book%d" % number)
        self.done("trace", case, movements, "--casebook", book, "--quiet")
        answer = self.match(book, "euler-like", "--tags", pack)
        self.assertEqual([o["kind"] for o in answer["overlaps"]], ["exposure"])
        self.assertEqual(answer["overlaps"][0]["weight_thousandths"], 0)
        for technique in answer["techniques"]:
            self.assertNotIn(technique["says"], ("overlap", "authority"))
            self.assertNotRegex(technique["sentence"], "(?i)lazarus.*(attributed|did|shares)")
        self.assertLess(self.likeness(answer)["likeness"], 600)

    def test_stix_tells_of_no_technique_that_could_hardly_be_judged(self):
        """Also not where an overlap is said beside it: that makes the flow no more alike."""
        thief = "0x" + "11" * 20
        rows = ["Timestamp,Block,Tx_hash,From,To,Value_in_USD"]
        rows += ["2024-01-01 00:00:0%d,%d,t%d,%s,w%d,1000" % (i, i, i, thief, i)
                 for i in range(9)]
        os.mkdir(self.path("flow"))
        self.write("flow/edges.csv", "\n".join(rows) + "\n")
        self.write("flow/sources.csv", thief + "\n")
        rule = self.write("rule.yaml", "technique: 1\nid: r\ntitle: T\ndescription: D\nauthor: A\n"
                          "date: 2024-01-01\nreferences: [R]\nfalse-positives: [F]\nsteps:\n"
                          "  - {id: mix, typology: anonymiser, weight: 10}\n"
                          "  - {id: split, typology: equal-split, optional: yes, weight: 900}\n")
        pack = self.write("known.yaml", "title: known\ncreator: test\nlastmod: 2023-01-01\n"
                          "tags:\n  - {label: An earlier theft, address: \"%s\", actor: "
                          "lazarusgroup, category: perpetrator, currency: ETH, network: ETH, "
                          "confidence: authority_data, source: \"https://example.org\"}\n"
                          % thief)
        args = (self.path("flow"), "--no-builtin", "--techniques", rule, "--tags", pack)
        answer = self.match(*args)["techniques"][0]
        self.assertEqual((answer["known"], answer["says"]), (0, "overlap"))
        self.assertGreater(answer["likeness"], 600)
        bundle = json.loads(self.done("match", *args, "--format", "stix"))
        self.assertNotIn("attack-pattern", {o["type"] for o in bundle["objects"]})

    def test_what_is_asked_wrongly_is_told(self):
        self.refused("match", self.book, says=["is a casebook", "CASE"])
        self.refused("rank", self.book, says=["is a casebook", "CASE"])
        self.refused("match", self.book, "bybit-2025-02", "--findings", "--fingerprint", code=2,
                     says=["not both"])

    def test_the_text_fits_a_terminal(self):
        text = self.done("match", self.book, "bybit-2025-02")
        self.assertLessEqual(max(map(len, text.splitlines())), 98)
        # What could not be judged is not told as if it were unlike.
        self.assertRegex(text, r"\[tornado-batches\]\n    too little is known of the flow to say\n")


class Technique(dye.Case):
    def test_the_shipped_rules_are_right_and_pass_their_own_tests(self):
        done = self.done("technique", "lint", os.path.join(dye.ROOT, "techniques"))
        self.assertRegex(done, r"\d+ right")
        done = self.done("technique", "test")
        self.assertIn(", 0 failed", done)

    def test_real_flows_are_judged_as_their_tests_say(self):
        done = self.done("technique", "test", "--flows", dye.data("flows"))
        self.assertIn(", 0 failed", done)

    def test_a_mistake_has_its_place(self):
        rule = self.write("bad.yaml", "technique: 1\nid: bad\ntitle: Bad\n"
                          "description: nothing\nauthor: test\ndate: 2026-01-01\n"
                          "references: [none]\naadapt: [ADT3005]\nfalse-positives: [all]\n"
                          "steps:\n  - {id: a, typology: fan-oot, weight: 1}\n")
        self.refused("technique", "lint", rule, says=["bad.yaml:11:", "fan-oot", "fan-out"])

    def test_every_file_of_a_folder_is_looked_at(self):
        """Also behind a wrong one; what has a known id is wrong, and a pipe is not waited for."""
        with open(os.path.join(dye.ROOT, "techniques", DPRK + ".yaml"), encoding="utf-8") as f:
            good = f.read()
        folder = os.path.join(self.folder, "rules")
        os.mkdir(folder)
        for name, text in (("a", "technique: 9\n"), ("b", good), ("c", good), ("d", "- x\n")):
            self.write(os.path.join("rules", name + ".yaml"), text)
        os.mkfifo(os.path.join(folder, "pipe.yaml"))
        done = dye.run("technique", "lint", folder)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line.split("rules/")[1][:6] for line in done.stderr.splitlines()],
                         ["a.yaml", "c.yaml", "d.yaml"])
        self.assertIn("1 right, 3 wrong\n", done.stdout)

    def test_a_test_waits_for_no_pipe(self):
        rule = self.write("piped.yaml", "technique: 1\nid: piped\ntitle: Piped\n"
                          "description: nothing\nauthor: test\ndate: 2026-01-01\n"
                          "references: [none]\nfalse-positives: [all]\n"
                          "steps:\n  - {id: a, typology: fan-out, weight: 1}\n"
                          "tests:\n  - {name: t, likeness: \">= 0.6\", file: pipe}\n")
        os.mkfifo(os.path.join(self.folder, "pipe"))
        self.assertIn("1 skipped", self.done("technique", "test", rule))

    def test_explain_and_list(self):
        self.assertIn(DPRK, self.done("technique", "list"))
        for args in (("technique", "list"), ("list", "typologies"), ("list", "techniques")):
            self.assertLessEqual(max(map(len, self.done(*args).splitlines())), 98)
        self.assertIn("with low (10,000,000 base units): base units (satoshi)",
                      self.done("list", "typologies"))
        one = self.done("technique", "explain", DPRK)
        self.assertIn("Steps", one)
        other = os.path.join(dye.ROOT, "techniques", "drainer-payout.yaml")
        both = self.done("technique", "explain", DPRK, other)
        self.assertEqual(both, one + "\n" + self.done("technique", "explain", other))
        self.refused("technique", "explain", "split-and-hip", says=["did you mean"])
        self.assertIn("equal-split", self.done("list", "typologies"))
        self.assertIn("retention-p50", self.done("list", "features"))
        self.assertIn(DPRK, self.done("list", "techniques"))


if __name__ == "__main__":
    unittest.main()

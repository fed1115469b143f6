"""dyepack tag import, lookup, list, diff: real packs, bad input named by file and line, all or
nothing, dates, and what a kill leaves."""
import json
import os
import signal
import subprocess
import time
import unittest

import dye

POOL = "0x8589427373D6D84E98730D7795D8f6f8731FDA16"  # Tornado Cash, listed 2022, delisted 2025
RONIN = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
WANNACRY = ("115p7UMMngoj1pMvkpHijcRdfJNXj6LrLn", "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw",
            "13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94")
A1 = "0x00000000000000000000000000000000000000a1"
A2 = "0x00000000000000000000000000000000000000a2"
PACK = """title: A pack
creator: me
source: https://example.org
currency: ETH
network: ETH
confidence: web_crawl
category: exchange
label: Shop
tags:
- address: '%s'
"""
SDN = """<sdnList><publshInformation><Publish_Date>09/20/2024</Publish_Date></publshInformation>
<sdnEntry><uid>7</uid><lastName>X</lastName><sdnType>Individual</sdnType><programList>
<program>CYBER2</program></programList><idList>%s</idList></sdnEntry></sdnList>
"""


class Tag(dye.Case):
    """Each test has a store of its own."""

    def setUp(self):
        super().setUp()
        self.store = self.path("s.tags")

    def imported(self, *args, code=0):
        """Imports, wants the exit code, gives (the JSON, the lines on stderr)."""
        result = dye.run("tag", "import", *args, "--tags", self.store, "--format", "json")
        self.assertEqual(result.returncode, code, result.stderr)
        return json.loads(result.stdout), result.stderr.splitlines()

    def lookup(self, *addresses, more=()):
        """The tags of each address that do not come with dyepack."""
        text = dye.run("tag", "lookup", *addresses, "--tags", self.store, "--format", "json",
                       *more).stdout
        return [[t for t in a["tags"] if not t["builtin"]] for a in json.loads(text)]

    def tags(self, *more):
        return json.loads(self.done("tag", "list", "--tags", self.store, "--format", "json",
                                    "--network", "ETH", *more))


class Import(Tag):
    def test_importing_twice_changes_nothing(self):
        pack = self.write("p.yaml", PACK % A1)
        first, _ = self.imported(pack)
        before = dye.dump(self.store)
        again, _ = self.imported(pack)
        self.assertEqual((first["added"], again["added"], again["again"]), (1, 0, 1))
        self.assertEqual(dye.dump(self.store), before)

    def test_real_packs(self):
        packs = dye.data("labels", "tagpacks")
        result, lines = self.imported(packs)
        self.assertGreater(result["added"], 19000)
        self.assertTrue(all("tagpacks" in line for line in lines), lines)
        for found in self.lookup(*WANNACRY):
            self.assertIn("ransomware", {t.get("abuse") for t in found} |
                          {t.get("category") for t in found})
        self.assertEqual(self.lookup("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"), [[]])

    def test_a_delisted_address_answers_by_date(self):
        old = self.write("old.txt", POOL + "\n" + RONIN + "\n")
        new = self.write("new.txt", RONIN + "\n")
        options = ("--list", "OFAC SDN", "--category", "sanction")
        self.imported(new, *options, "--date", "2026-06-11")
        self.imported(old, *options, "--date", "2024-09-27")  # the older one comes later
        (pool,), (ronin,) = self.lookup(POOL, RONIN, more=("--at", "2025-01-01"))
        self.assertEqual((pool["first_seen"], pool["gone"], pool["then"]),
                         ("2024-09-27", "2026-06-11", "on"))
        self.assertEqual((ronin["gone"], ronin["then"]), (None, "on"))
        (pool,), = self.lookup(POOL, more=("--at", "2026-07-01"))
        self.assertEqual(pool["then"], "gone")
        text = self.done("tag", "diff", self.store, "--from", "2024-10-01")
        self.assertEqual(text.splitlines()[-1], "0 added, 1 gone, 0 changed")
        self.assertIn("- " + POOL, text)
        text = self.done("tag", "diff", self.store, "--from", "2024-01-01", "--to", "2024-10-01")
        self.assertEqual(text.splitlines()[-1], "2 added, 0 gone, 0 changed")

    def test_csv_and_json(self):
        sheet = self.write("s.csv", "konto,wer,chain\n%s,Thief,ETH\n" % A1)
        self.imported(sheet, "--map", "address=konto,label=wer", "--category", "phishing")
        bounty = self.write("b.json", json.dumps({"0221": {"eth": [A2]}}))
        self.imported(bounty)
        self.assertEqual([t["label"] for t in self.tags()], ["Thief", "0221"])

    def test_list_as_csv_can_be_imported(self):
        self.imported(self.write("p.yaml", PACK % A1))
        sheet = self.write("out.csv", self.done("tag", "list", "--tags", self.store, "--format",
                                                "csv"))
        self.store = self.path("t.tags")
        result, _ = self.imported(sheet)
        self.assertEqual((result["added"], result["left_out"]), (1, 0))
        self.assertEqual(self.tags()[0]["label"], "Shop")


class BadInput(Tag):
    """Each is named with file and line; the rest loads, or with --strict nothing."""

    def bad_file(self, name, content, *says):
        """A file that cannot be used as a whole, beside one that can."""
        bad, good = self.write(name, content), self.write("good.yaml", PACK % A1)
        _, lines = self.imported(bad, good, code=1)
        self.assertTrue(all(name in line for line in lines), lines)
        self.assertTrue(lines[-1].endswith("; the file was left out"), lines)
        for word in says:
            self.assertIn(word, lines[-1])
        self.assertEqual(len(self.tags()), 1)
        self.nothing_when_strict(bad, good)

    def bad_entry(self, name, content, *says):
        """A file of which all but an entry can be used."""
        bad = self.write(name, content)
        result, lines = self.imported(bad)
        self.assertEqual(result["left_out"] + result["warnings"], 1, lines)
        for word in (name + ":",) + says:
            self.assertIn(word, lines[0])
        self.nothing_when_strict(bad)

    def nothing_when_strict(self, *files):
        store = self.path("strict.tags")
        result = dye.run("tag", "import", *files, "--tags", store, "--strict")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("nothing is imported", result.stderr.splitlines()[-1])
        self.assertFalse(os.path.exists(store))

    def test_a_wrong_key(self):
        pack = PACK % A1 + "- address: '%s'\n  lable: x\n" % A2
        self.bad_entry("wrong.yaml", pack, "lable")

    def test_a_wrong_checksum(self):
        self.bad_entry("sum.yaml", PACK % A1 + "- address: '%s'\n" % RONIN.replace("a", "A"),
                       "sum.yaml:11", "checksum")

    def test_a_cycle_of_includes(self):
        self.write("b.yaml", "!include a.yaml\n")
        self.bad_file("a.yaml", "title: x\ncreator: y\nheader: !include a.yaml\ntags:\n"
                      "- address: '%s'\n" % A1)

    def test_ten_megabytes_in_one_scalar(self):
        self.bad_file("big.yaml", "title: x\ncreator: y\ntags:\n- address: '%s'\n  label: %s\n"
                      % (A2, "x" * 10_000_000), "big.yaml:")

    def test_an_alias_bomb(self):
        bomb = "title: x\ncreator: y\na: &a [x,x,x,x,x,x,x,x,x]\n"
        for old, new in zip("abcdefgh", "bcdefghi"):
            bomb += "%s: &%s [%s]\n" % (new, new, ",".join(["*" + old] * 9))
        self.bad_file("bomb.yaml", bomb + "tags:\n- address: '%s'\n  label: *i\n" % A2,
                      "bomb.yaml:")

    def test_an_entity_bomb(self):
        bomb = '<?xml version="1.0"?>\n<!DOCTYPE sdnList [\n<!ENTITY a "aaaaaaaaaa">\n'
        for old, new in zip("abcdefgh", "bcdefghi"):
            bomb += '<!ENTITY %s "%s">\n' % (new, ("&%s;" % old) * 10)
        self.bad_file("sdn.xml", bomb + "]>\n<sdnList><sdnEntry><uid>&i;</uid></sdnEntry>"
                      "</sdnList>\n", "sdn.xml")

    def test_a_contradiction(self):
        self.imported(self.write("shop.yaml", PACK % A1))
        other = (PACK % A1).replace("A pack", "Other").replace("exchange", "ransomware")
        result, lines = self.imported(self.write("other.yaml", other))
        self.assertEqual(result["contradictions"], 1)
        self.assertIn("other.yaml:10: ", lines[0])
        self.assertIn("of the list A pack", lines[0])
        self.assertEqual(len(self.tags()), 2)

    def test_a_csv_without_addresses(self):
        self.bad_file("who.csv", "who,what\na,b\n", "who.csv:1", "who, what")

    def test_a_store_is_no_list(self):
        self.imported(self.write("p.yaml", PACK % A1))
        result = dye.run("tag", "import", self.store, "--tags", self.path("t.tags"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("this is a tag store, not a list", result.stderr)
        self.assertFalse(os.path.exists(self.path("t.tags")))

    def test_a_link_out_of_the_folder_is_not_followed(self):
        self.write("outside.yaml", PACK % A2)
        folder = self.path("packs")
        os.mkdir(folder)
        os.symlink(self.path("outside.yaml"), os.path.join(folder, "x.yaml"))
        os.symlink(folder, os.path.join(folder, "again"))
        self.write("packs/in.yaml", PACK % A1)
        self.write("packs/README", "These are packs.\n")
        result, lines = self.imported(folder)
        self.assertEqual((result["tags"], len(result["files"])), (1, 1))
        self.assertIn("passed over", lines[0])

    def test_a_list_that_seems_to_be_another_one_is_doubted(self):
        for folder, date, address in (("a", "2024-01-01", A1), ("b", "2025-01-01", A2),
                                      ("c", "2026-01-01", A2)):
            os.mkdir(self.path(folder))
            sheet = self.write(folder + "/list.csv", "address,label\n%s,x\n" % address)
            _, lines = self.imported(sheet, "--date", date)
            self.assertEqual(len(lines), 1 if folder == "b" else 0)
            if lines:
                self.assertIn("1 gone, 0 seen before", lines[0])

    def test_a_remark_that_is_cut_delists_nobody(self):
        listed = ["0x%040x" % (i + 1000) for i in range(30)]
        self.imported(self.write("sdn.xml", SDN % "".join(
            "<id><idType>Digital Currency Address - ETH</idType><idNumber>%s</idNumber></id>" % a
            for a in listed)))
        remarks = "; alt. ".join("Digital Currency Address - ETH " + a for a in listed)[:1000]
        sheet = self.write("sdn.csv", '7,"X","individual","CYBER2"' + ",-0- " * 7 +
                           ',"%s"\n' % remarks)
        result, lines = self.imported(sheet, "--date", "2025-01-01")
        self.assertEqual(result["gone"], 0)
        self.assertIn("SDN.CSV cuts remarks", "".join(lines))
        tags = self.tags("--list", "OFAC SDN")
        self.assertEqual([t["gone"] for t in tags], [None] * 30)
        self.assertEqual({t["last_seen"] for t in tags}, {"2024-09-20", "2025-01-01"})

    def test_complaints_are_cut_short(self):
        rows = "".join("0x12,%d\n" % i for i in range(50))
        sheet = self.write("many.csv", "address,label\n%s,x\n" % A1 + rows)
        _, lines = self.imported(sheet)
        self.assertEqual(len(lines), 21)
        self.assertIn("and 30 more", lines[-1])
        result = dye.run("tag", "import", sheet, "--tags", self.store, "--verbose")
        self.assertEqual(len(result.stderr.splitlines()), 50)

    def test_misuse(self):
        pack = self.write("p.yaml", PACK % A1)
        for args, word in ((("--category", "exchnage"), "did you mean 'exchange'"),
                           (("--kind", "tagpck"), "did you mean 'tagpack'"),
                           (("--date", "soon"), "no date"), (("--network", "x"), "network"),
                           (("--confidence", "high"), "confidence")):
            self.refused("tag", "import", pack, "--tags", self.store, *args, code=2, says=[word])
        self.refused("tag", "lookp", code=2, says=["lookup"])
        self.refused("tag", "lookup", "nonsense", "--tags", self.store, says=["nonsense"])
        # Behind --tags alone one file is taken; the next is told to be none of the addresses.
        self.refused("tag", "lookup", "--tags", pack, pack, says=["it is a file", "--tags"])

    def test_a_list_of_nothing_says_what_may_be_mistyped(self):
        self.imported(self.write("p.yaml", PACK % A1))
        for option, word in (("--category", "exchnge"), ("--list", "Nosuch")):
            result = dye.run("tag", "list", "--tags", self.store, option, word)
            self.assertEqual(result.returncode, 0)
            self.assertIn("'%s'" % word, result.stderr)

    def test_entries_of_json_without_an_address_are_named(self):
        listed = self.write("l.json", '[{"address": "%s", "label": "x"},\n{"label": "y"},\n5]' % A1)
        report, said = self.imported(listed)
        self.assertEqual(len(self.tags()), 1, report)
        self.assertEqual([line.split("l.json:")[1] for line in said],
                         ["2: no address; left out", "3: no address; left out"])

    def test_a_wrong_line_does_not_hide_the_others(self):
        self.imported(self.write("p.yaml", PACK % A1))
        result = dye.run("tag", "lookup", "-", "--tags", self.store,
                         stdin="nonsense\n\n# nobody\n%s\n" % A1)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard input:1: \"nonsense\" is no address", result.stderr)
        self.assertIn("1 tag", result.stdout)


class Crash(Tag):
    def test_a_kill_leaves_the_old_state(self):
        self.imported(self.write("p.yaml", PACK % A1))
        rows = "".join("0x%040x,label %d\n" % (i + 1000, i) for i in range(60000))
        big = self.write("big.csv", "address,label\n" + rows)
        for number in (signal.SIGKILL, signal.SIGINT):
            for wait in (0.05, 0.15, 0.3):
                with subprocess.Popen([dye.DYEPACK, "tag", "import", big, "--tags", self.store],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
                    time.sleep(wait)
                    child.send_signal(number)
                    _, err = child.communicate()
                if child.returncode == 0:
                    continue  # it was done before
                if number == signal.SIGINT and child.returncode == 1:
                    self.assertIn(b"interrupted: nothing was imported", err)
                self.assertEqual(len(self.tags("--list", "A pack")), 1)
                self.assertIn(len(self.tags("--list", "big.csv")), (0, 60000))

    def test_two_at_once(self):
        pack = self.write("p.yaml", PACK % A1)
        children = [subprocess.Popen([dye.DYEPACK, "tag", "import", pack, "--tags", self.store],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    for _ in range(2)]
        codes = []
        for child in children:
            child.communicate()
            codes.append(child.returncode)
        self.assertIn(0, codes)
        self.assertEqual(len(self.tags()), 1)


class Actors(dye.Case):
    """ActorPacks: who is behind a tag."""

    def test_lookup_says_who_an_actor_is(self):
        address = "0x28C6c06298d514Db089934071355E5743bf21d60"
        pack = self.write("pack.yaml", "title: T\ncreator: c\ntags:\n- {address: '%s', label: L, "
                          "source: s, currency: ETH, category: exchange, actor: binance}\n"
                          % address)
        actors = self.write("actors.yaml", "title: A\ncreator: c\nactors:\n- id: binance\n"
                            "  label: Binance\n  uri: binance.com\n  jurisdictions: [MT, FR]\n"
                            "  categories: [exchange]\n  lastmod: 2023-02-17\n")
        text = self.done("tag", "lookup", address, "--tags", pack, actors)
        self.assertIn("Binance, binance.com, under MT FR", text)
        tag = json.loads(self.done("tag", "lookup", address, "--tags", pack, actors,
                                   "--format", "json"))[0]["tags"][0]
        self.assertEqual((tag["actor"], tag["actor_label"], tag["actor_jurisdictions"]),
                         ("binance", "Binance", "MT FR"))
        # Without the pack there is its name, and nothing made up.
        self.assertNotIn("under", self.done("tag", "lookup", address, "--tags", pack))


if __name__ == "__main__":
    unittest.main()

"""trace --tags: services as tags name them, and what that leaves behind in a casebook.

Small worlds whose answers are known by hand. What is proved: a tagged service ends a trace exactly
as one that the case file names; categories decide; the case file overrules tags; arrivals carry the
word they rest on; deposit addresses are inferred by the stated rule and not beyond it; a casebook
goes on with other tags only where they would have given the same state; and undoing blocks takes
back what tags added.
"""
# Covers: engine/stop.c casebook/service.c report/services.c cli/tags_option.c
import json
import os
import random
import sqlite3
import unittest

import dye

HEAD = "block,time,tx,kind,asset,from,to,amount\n"
ETH = 10 ** 18
EXCHANGE = "0x" + "e1" * 20
OTHER = "0x" + "e2" * 20
BRIDGE = "0x" + "b1" * 20
THIEF = "0x" + "aa" * 20
MIDDLE = "0x" + "ab" * 20
LAST = "0x" + "ac" * 20


def tx(n):
    return "0x%064x" % n


def tag(address, label, category, confidence="service_data", **more):
    lines = ["- address: '%s'" % address, "  label: %s" % label, "  category: %s" % category,
             "  confidence: %s" % confidence, "  currency: ETH",
             "  source: https://example.org/%s" % label.replace(" ", "")]
    lines += ["  %s: %s" % item for item in more.items()]
    return "\n".join(lines)


class TraceTags(dye.Case):
    def rows(self, *rows, name="rows.csv"):
        """(block, from, to, coins): one transaction each."""
        text = HEAD
        for i, (block, src, dst, coins) in enumerate(rows):
            text += "%d,%d,%s,native,eth,%s,%s,%s\n" % (block, 1700000000 + 12 * block, tx(i + 1),
                                                        src, dst, coins)
        return self.write(name, text)

    def pack(self, *tags, name="pack.yaml"):
        return self.write(name, "title: Test tags\ncreator: test\nlastmod: 2024-01-01\ntags:\n"
                          + "\n".join(tags) + "\n")

    def theft(self, coins="100", **more):
        return self.case("theft", stolen=[{"address": THIEF, "amount": coins, "tx": tx(1)}], **more)

    def test_tagged_service_ends_a_trace_like_a_stated_one(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 50),
                         (4, EXCHANGE, LAST, 500), (5, MIDDLE, LAST, 10))
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange", actor="anexchange"))
        tagged = self.results(self.theft(), rows, "--tags", pack)["theft"]
        stated = self.results(self.theft(services=[{"address": EXCHANGE, "name": "An Exchange"}]),
                              rows)["theft"]
        for key in ("stolen", "buckets", "holders"):
            self.assertEqual(tagged[key], stated[key], key)
        self.assertTrue(tagged["conserved"])
        arrival = tagged["arrivals"][0]
        self.assertEqual(arrival["service"], "An Exchange")
        self.assertEqual(arrival["confidence"], "tagged")
        self.assertEqual(arrival["by"], "https://example.org/AnExchange")
        self.assertEqual(arrival["tag"], {"category": "exchange", "actor": "anexchange",
                                          "list": "Test tags", "confidence": 50})
        self.assertEqual(arrival["amount"], str(50 * ETH))
        self.assertEqual(arrival["since_theft"], 24)
        self.assertEqual(arrival["hop"], 2)
        self.assertEqual(stated["arrivals"][0]["confidence"], "stated")
        self.assertNotIn("tag", stated["arrivals"][0])
        # The report for people says it too.
        text = self.done("trace", self.theft(), rows, "--quiet", "--tags", pack)
        self.assertIn("exchange by Test tags, https://example.org/AnExchange (confidence 50)", text)
        self.assertIn(", 24 s after the theft, hop 2\n", text)

    def test_categories_decide(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, BRIDGE, 100), (3, BRIDGE, LAST, 100))
        for category, stops in (("defi_bridge", None), ("defi_dex", None), ("user", None),
                                ("exchange", "service"), ("payment_processor", "service"),
                                ("mixing_service", "mixer"), ("black_list", None)):
            with self.subTest(category=category):
                pack = self.pack(tag(BRIDGE, "Place", category))
                result = self.results(self.theft(), rows, "--tags", pack)["theft"]
                self.assertEqual([a["bucket"] for a in result["arrivals"]],
                                 [stops] if stops else [])
                self.assertTrue(result["conserved"])

    def test_case_file_overrules_tags(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, EXCHANGE, 100),
                         (3, EXCHANGE, LAST, 100))
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange"))
        follow = [{"address": EXCHANGE, "by": "the label is wrong"}]
        result = self.results(self.theft(follow=follow), rows, "--tags", pack)["theft"]
        self.assertEqual(result["arrivals"], [])
        self.assertEqual([h["address"].lower() for h in result["holders"]], [LAST])
        frozen = [{"address": EXCHANGE, "name": "Seized", "bucket": "frozen"}]
        result = self.results(self.theft(services=frozen), rows, "--tags", pack)["theft"]
        self.assertEqual(result["arrivals"][0]["bucket"], "frozen")
        self.assertEqual(result["arrivals"][0]["confidence"], "stated")
        # Listed both ways in one case is for a person to settle.
        both = dye.run("trace", self.theft(follow=follow, services=frozen), rows)
        self.assertEqual(both.returncode, 1)
        self.assertIn("is listed both as", both.stderr)

    def test_stolen_money_stays_where_a_person_says_it_came_to(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, LAST, 30))
        pack = self.pack(tag(THIEF, "An Exchange", "exchange"))
        result = self.results(self.theft(), rows, "--tags", pack)["theft"]
        self.assertEqual(result["arrivals"], [])
        self.assertEqual({h["address"].lower() for h in result["holders"]}, {THIEF, LAST})

    def test_deposit_addresses_are_inferred_by_the_rule(self):
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange"), tag(OTHER, "Two", "exchange"))

        def deposit(*rows):
            world = self.rows((1, LAST, THIEF, 100), *rows)
            result = self.results(self.theft(), world, "--tags", pack)["theft"]
            self.assertTrue(result["conserved"])
            for a in result["arrivals"]:
                if "deposit" in a:
                    a["deposit"]["address"] = a["deposit"]["address"].lower()
            return [a.get("deposit") for a in result["arrivals"]]

        inferred = {"address": MIDDLE, "confidence": "inferred", "passed_on": 1}
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3, MIDDLE, EXCHANGE, 10)), [inferred])
        # 0.01 coins may stay behind, a wei more may not.
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3, MIDDLE, EXCHANGE, "9.99")), [inferred])
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10),
                                 (3, MIDDLE, EXCHANGE, "9.989999999999999999")), [None])
        # 3,200 blocks may pass.
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3202, MIDDLE, EXCHANGE, 10)), [inferred])
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3203, MIDDLE, EXCHANGE, 10)), [None])
        # Several that go on together are one sweep.
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3, THIEF, MIDDLE, 5),
                                 (4, MIDDLE, EXCHANGE, 15)), [inferred])
        # Who pays somebody else too is a wallet like others.
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3, MIDDLE, EXCHANGE, 10),
                                 (4, THIEF, MIDDLE, 10), (5, MIDDLE, OTHER, 10)), [None, None])
        self.assertEqual(deposit((2, THIEF, MIDDLE, 10), (3, MIDDLE, EXCHANGE, 10),
                                 (4, THIEF, MIDDLE, 10), (5, MIDDLE, BRIDGE, 10)), [None])
        # The thief's own wallet is no deposit address.
        self.assertEqual(deposit((2, THIEF, EXCHANGE, 100)), [None])

    def test_only_services_that_are_known_have_deposit_addresses(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, LAST, 60))
        inferred = tag(LAST, "A deposit address", "exchange", context='\'{"inferred": true}\'')
        for more, tags in (({"victim": [{"address": LAST, "name": "Owner"}]},
                            tag(OTHER, "Two", "exchange")),
                           ({"services": [{"address": LAST, "name": "Seized", "bucket": "frozen"}]},
                            tag(OTHER, "Two", "exchange")),
                           ({}, tag(LAST, "A mixer", "mixing_service")), ({}, inferred)):
            result = self.results(self.theft(**more), rows, "--tags", self.pack(tags))["theft"]
            self.assertEqual(len(result["arrivals"]), 1)
            self.assertNotIn("deposit", result["arrivals"][0], (more, tags))
        self.assertEqual(result["arrivals"][0]["confidence"], "inferred")
        self.assertEqual(result["arrivals"][0]["service"], "A deposit address (inferred)")

    def test_labels_cannot_pretend_to_be_lines_of_the_report(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 60))
        book = self.path("l.casebook")
        for label in ('"Shop\\n  100 ETH    returned to Nobody"', '"%s"' % ("long " * 700),
                      '"%s"' % ("\u00e9" * 2000)):
            pack = self.pack(tag(EXCHANGE, label, "exchange"))
            text = self.done("trace", self.theft(), rows, "--quiet", "--tags", pack, "--casebook",
                             book)
            line = [line for line in text.splitlines() if line.strip().startswith("60 ETH")]
            self.assertEqual(len(line), 1)
            self.assertRegex(line[0].lower(), " at %s$" % EXCHANGE)
            self.assertNotRegex(text, "(?m)^ *100 ETH +returned")
            path = self.done("path", book, "theft", EXCHANGE)
            self.assertNotRegex(path, "(?m)^ *100 ETH +returned")
            os.remove(book)

    def test_what_a_case_says_of_an_address_outlives_its_tags(self):
        first = self.rows((1, OTHER, THIEF, 100), (2, THIEF, EXCHANGE, 60), name="first.csv")
        whole = self.rows((1, OTHER, THIEF, 100), (2, THIEF, EXCHANGE, 60), (3, EXCHANGE, LAST, 60))
        theft = self.theft(follow=[{"address": EXCHANGE, "by": "the label is wrong"}])
        book, other = self.path("f.casebook"), tag(OTHER, "Two", "exchange")
        wrong = self.pack(tag(EXCHANGE, "An Exchange", "exchange"), other)
        # The list has seen its mistake.
        right = self.pack(other, name="right.yaml")
        self.done("trace", theft, first, "--quiet", "--tags", wrong, "--casebook", book)
        went = json.loads(self.done("trace", theft, whole, "--quiet", "--tags", right, "--casebook",
                                    book, "--format", "json"))
        fresh = self.results(theft, whole, "--tags", right)["theft"]
        for key in ("holders", "arrivals", "buckets"):
            self.assertEqual(went[key], fresh[key], key)

    def test_dust_at_a_new_service_is_another_state_too(self):
        first = self.rows((1, OTHER, THIEF, 100), (2, THIEF, LAST, "0.5"), name="first.csv")
        whole = self.rows((1, OTHER, THIEF, 100), (2, THIEF, LAST, "0.5"), (3, THIEF, MIDDLE, 10))
        theft, book = self.theft(dust_limit=str(ETH)), self.path("d.casebook")
        other = tag(OTHER, "Two", "exchange")
        self.done("trace", theft, first, "--quiet", "--tags", self.pack(other), "--casebook", book)
        late = self.pack(other, tag(LAST, "Late", "exchange"), name="late.yaml")
        refused = dye.run("trace", theft, whole, "--quiet", "--tags", late, "--casebook", book)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("by these it is Late", refused.stderr)
        self.done("trace", theft, whole, "--quiet", "--tags", self.pack(other), "--casebook", book)

    def test_going_on_with_other_tags(self):
        first = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 50),
                          name="first.csv")
        whole = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 50),
                          (4, MIDDLE, LAST, 5))
        exchange = tag(EXCHANGE, "An Exchange", "exchange")
        pack = self.pack(exchange)
        book = self.path("one.casebook")

        def go_on(*tags, fresh=True):
            self.done("trace", self.theft(), first, "--quiet", "--tags", pack, "--casebook", book)
            result = dye.run("trace", self.theft(), whole, "--quiet", "--casebook", book, *tags,
                             "--format", "json")
            os.remove(book)
            return result

        # A new name for a stranger changes nothing, and counts from now on.
        more = self.pack(exchange, tag(LAST, "New", "exchange"), name="more.yaml")
        went = go_on("--tags", more)
        self.assertEqual(went.returncode, 0, went.stderr)
        fresh = self.results(self.theft(), whole, "--tags", more)["theft"]
        went = json.loads(went.stdout)
        for key in ("holders", "arrivals", "buckets"):
            self.assertEqual(went[key], fresh[key], key)
        self.assertEqual(sum("XXH3 digest" in a for a in went["assumptions"]), 2)
        # What would have given another state is refused, by name.
        for tags, words in (((), "was followed with tags, by which"),
                            (("--tags", self.pack(tag(LAST, "New", "exchange"), name="a.yaml")),
                             "and these do not say so"),
                            (("--tags", self.pack(exchange, tag(MIDDLE, "Late", "exchange"),
                                                  name="b.yaml")),
                             "when it was no service by the tags; by these it is Late"),
                            (("--tags", self.pack(tag(EXCHANGE, "Renamed", "exchange"),
                                                  name="c.yaml")), "by these it is Renamed")):
            refused = go_on(*tags)
            self.assertEqual(refused.returncode, 1, tags)
            self.assertIn(words, refused.stderr)
            self.assertIn("one.casebook", refused.stderr)

    def test_undoing_blocks_takes_back_what_tags_added(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 50),
                         (4, MIDDLE, LAST, 5))
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange"), tag(LAST, "Two", "exchange"))
        books = [self.path("a.casebook"), self.path("b.casebook")]
        self.done("trace", self.theft(), rows, "--tags", pack, "--quiet", "--casebook", books[0])
        self.done("rollback", books[0], "theft", "3")
        self.done("trace", self.theft(), rows, "--quiet", "--tags", pack, "--casebook", books[1],
                  "--until", "3")
        dumps = []
        for book in books:
            with sqlite3.connect(book) as db:
                dumps.append([db.execute("select * from %s order by 1, 2" % t).fetchall()
                              for t in ("service", "tagset", "holder", "parcel")])
        self.assertEqual(dumps[0], dumps[1])
        self.assertEqual(len(dumps[0][0]), 1)

    def test_undoing_blocks_forgets_with_which_tags_they_were_followed(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, LAST, 50),
                         (4, LAST, MIDDLE, 5), (5, MIDDLE, LAST, 1))
        exchange = tag(EXCHANGE, "An Exchange", "exchange")
        old, new = self.pack(exchange), self.pack(exchange, tag(OTHER, "Two", "exchange"),
                                                  name="new.yaml")
        book = self.path("u.casebook")
        self.done("trace", self.theft(), rows, "--quiet", "--tags", old, "--casebook", book,
                  "--until", "4")
        self.done("trace", self.theft(), rows, "--quiet", "--tags", new, "--casebook", book)
        self.done("rollback", book, "theft", "2")
        result = json.loads(self.done("trace", self.theft(), rows, "--quiet", "--tags", old,
                                      "--casebook", book, "--format", "json"))
        fresh = self.results(self.theft(), rows, "--tags", old)["theft"]
        self.assertEqual(result["assumptions"], fresh["assumptions"])

    def test_path_names_the_tagged_service(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 50))
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange"))
        book = self.path("p.casebook")
        self.done("trace", self.theft(), rows, "--quiet", "--tags", pack, "--casebook", book)
        text = self.done("path", book, "theft", EXCHANGE)
        self.assertIn("An Exchange", text)


    def test_through_a_ledger_the_answer_is_the_same(self):
        rows = self.rows((1, OTHER, THIEF, 100), (2, THIEF, MIDDLE, 60), (3, MIDDLE, EXCHANGE, 50),
                         (4, EXCHANGE, LAST, 500), (5, MIDDLE, LAST, 10))
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange"))
        folder = self.path("ledger")
        self.done("import", rows, "--ledger", folder, "--chain", "ethereum", "--quiet")
        plain = self.results(self.theft(), rows, "--tags", pack)["theft"]
        for plan in ("scan", "seek"):
            through = self.results(self.theft(), "ledger:" + folder, "--tags", pack,
                                   "--plan", plan)["theft"]
            for key in ("stolen", "buckets", "holders", "arrivals"):
                self.assertEqual(through[key], plain[key], (plan, key))

    def test_backward_ends_at_tagged_services(self):
        rows = self.rows((1, OTHER, EXCHANGE, 100), (2, EXCHANGE, MIDDLE, 60),
                         (3, MIDDLE, LAST, 50))
        folder = self.path("ledger")
        self.done("import", rows, "--ledger", folder, "--chain", "ethereum", "--quiet")
        pack = self.pack(tag(EXCHANGE, "An Exchange", "exchange"))
        ask = ("trace", "--backward", LAST, "ledger:" + folder, "--format", "json")
        plain = json.loads(self.done(*ask))
        tagged = json.loads(self.done(*ask, "--tags", pack))
        self.assertEqual([o["kind"] for o in plain["sources"]], ["before"])
        self.assertEqual([o["kind"] for o in tagged["sources"]], ["service"])
        self.assertEqual(tagged["sources"][0]["service"], "An Exchange")
        self.assertEqual(tagged["sources"][0]["by"], "https://example.org/AnExchange")
        # A case file that says to follow it overrules the tag here, too.
        follow = self.theft(follow=[{"address": EXCHANGE, "by": "known better"}])
        again = json.loads(self.done(*ask, follow, "--tags", pack))
        self.assertEqual([o["kind"] for o in again["sources"]], ["before"])


    def test_random_worlds_with_tags_are_those_with_stated_services(self):
        """The same places, once in the case file and once in a tag file: everything but whose word
        it is must agree, under every policy."""
        chance = random.Random(20250221)
        people = ["0x" + "%02x" % (0x10 + i) * 20 for i in range(7)]
        for world in range(6):
            moves = [(1, OTHER, people[0], 100)]
            for block in range(2, 40):
                src, dst = chance.sample(people, 2)
                coins = "%d.%d" % (chance.randrange(9), chance.randrange(1, 9))
                moves.append((block, src, dst, coins))
            rows = self.rows(*moves)
            places = chance.sample(people[1:], 2)
            pack = self.pack(tag(places[0], "One", "exchange"),
                             tag(places[1], "Two", "mixing_service"))
            stated = [{"address": places[0], "name": "One"},
                      {"address": places[1], "name": "Two", "bucket": "mixer"}]
            stolen = [{"address": people[0], "amount": "60", "tx": tx(1)}]
            for policy in ("fifo", "lifo", "haircut", "poison", "tiho", "tilo", "seniority"):
                case = self.case("theft", stolen=stolen)
                tagged = self.results(case, rows, "--policy", policy, "--tags", pack)["theft"]
                case = self.case("theft", stolen=stolen, services=stated)
                listed = self.results(case, rows, "--policy", policy)["theft"]
                for key in ("stolen", "buckets", "holders", "uncovered"):
                    self.assertEqual(tagged[key], listed[key], (world, policy, key))
                plain = ("service", "bucket", "address", "amount", "origin", "tx", "hop")
                self.assertEqual([[a[k] for k in plain] for a in tagged["arrivals"]],
                                 [[a[k] for k in plain] for a in listed["arrivals"]])


if __name__ == "__main__":
    unittest.main()

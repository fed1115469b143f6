"""`dyepack rank`: a second opinion on who holds the money, and the hidden middle of a flow. On the
real Bybit case, on cases of the test with a middle that was planted, on verified flows where the
shared data is there; and what is wrong is named.
"""
# Covers: cli/rank.c report/ranking.c report/ranking_middle.c report/ranking_text.c
# Covers: report/ranking_json.c report/ranking_names.c
import json
import os
import re
import tempfile
import unittest

import dye

BYBIT = os.path.join(dye.ROOT, "incidents", "bybit-2025-02")
THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
SERVICE = "0x" + "5e" * 20


def wallet(n):
    return "0x%040x" % (0xabc000 + n)


class Rank(dye.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = tempfile.TemporaryDirectory(prefix="dyepack-rank-")
        cls.addClassCleanup(cls.shared.cleanup)
        cls.book = os.path.join(cls.shared.name, "bybit.casebook")
        done = dye.run("trace", os.path.join(BYBIT, "case.yaml"),
                       os.path.join(BYBIT, "movements.csv"), "--casebook", cls.book, "--quiet")
        assert done.returncode == 0, done.stderr

    def rank(self, *args):
        return json.loads(self.done("rank", *args, "--format", "json"))

    def planted(self, payments, *more, name="planted", asset="eth", services=None,
                stolen="1000"):
        """A casebook of a theft of `stolen` by wallet(0), and what was paid on; the middle."""
        rows = ["block,time,tx,from,to,asset,amount",
                "100,2024-01-01T00:00:11Z,0x%064x,%s,%s,%s,%s"
                % (1, wallet(999), wallet(0), asset, stolen)]
        for i, (a, b, amount) in enumerate(payments):
            rows.append("%d,2024-01-0%dT%02d:00:11Z,0x%064x,%s,%s,%s,%s"
                        % (200 + i, 2 + i // 24, i % 24, 100 + i, a, b, asset, amount))
        case = self.case(name, stolen=[{"address": wallet(0), "asset": asset, "amount": stolen,
                                        "tx": "0x%064x" % 1}],
                         services=services if services is not None else
                         [{"address": SERVICE, "name": "Some exchange", "by": "the test"}])
        book = self.path(name + ".casebook")
        self.done("trace", case, self.write(name + ".csv", "\n".join(rows) + "\n"),
                  "--casebook", book, "--quiet", *more)
        return book

    # ------------------------------------------------------------------------------- the walk

    def test_bybit_is_ranked_with_taint_beside_it(self):
        answer = self.rank(self.book, "bybit-2025-02", "--top", "1000")
        places = answer["ranking"]
        self.assertEqual(places[0]["address"], THIEF)
        self.assertTrue(places[0]["source"])
        self.assertEqual(places[0]["hop"], 0)
        self.assertEqual(len(places), answer["ranked"])
        shares = [p["walk"] * 10000 // answer["walk_whole"] for p in places]
        self.assertEqual(shares, sorted(shares, reverse=True))
        # What is not with somebody was too little to be passed on: all that is left of walks.
        total = sum(p["walk"] for p in places)
        self.assertLess(abs(total - answer["walk_whole"]), answer["walk_whole"] // 100)
        self.assertEqual(len({p["address"] for p in places}), len(places))
        for p in places:
            self.assertRegex(p["address"], "^0x[0-9a-fA-F]{40}$")
            self.assertEqual(p["kept"], max(p["arrived"] - p["passed"], 0))

    def test_what_taint_says_is_what_the_trace_says(self):
        """The parts of the loot that are kept are those of the trace's holders."""
        traced = json.loads(self.done("trace", os.path.join(BYBIT, "case.yaml"),
                                      os.path.join(BYBIT, "movements.csv"), "--quiet",
                                      "--format", "json"))
        held = {h["address"] for h in traced["holders"]}
        places = self.rank(self.book, "bybit-2025-02", "--top", "1000")["ranking"]
        keeping = {p["address"] for p in places if p["kept"] > 10 ** 8 and p["role"] == "wallet"}
        self.assertTrue(keeping)
        self.assertLessEqual(keeping, held)

    def test_the_text_says_what_it_is_and_that_it_proves_nothing(self):
        text = self.done("rank", self.book, "bybit-2025-02", "--middle")
        for word in ("second opinion", "proves nothing", "no probability", THIEF,
                     "a wallet of the theft", "Where the two differ most"):
            self.assertIn(word, text)
        self.assertTrue(all(len(line) <= 100 for line in text.splitlines()))
        self.assertEqual(len(re.findall(r"^ +\d+  0\.\d{4} ", text, re.M)), 20)
        few = self.done("rank", self.book, "bybit-2025-02", "--top", "3")
        self.assertEqual(len(re.findall(r"^ +\d+  0\.\d{4} ", few, re.M)), 3)
        self.assertNotIn("middle", few)

    def test_the_same_case_gives_the_same_bytes(self):
        for form in ("text", "json"):
            one, two = (self.done("rank", self.book, "bybit-2025-02", "--middle", "--format",
                                  form) for _ in range(2))
            self.assertEqual(one, two)

    def test_a_service_is_an_end_and_is_named_with_whose_word_it_is(self):
        book = self.planted([(wallet(0), wallet(1), 900), (wallet(1), SERVICE, 900)])
        answer = self.rank(book, "planted")
        place = next(p for p in answer["ranking"] if p["address"].lower() == SERVICE)
        self.assertEqual((place["role"], place["label"], place["by"], place["hop"]),
                         ("service", "Some exchange", "the test", 2))
        self.assertEqual(place["kept"], answer["loot_whole"] * 9 // 10)
        self.assertEqual(answer["ranking"][0], place, "walks that reach it end there")
        self.assertIn("service 'Some exchange' (the test)", self.done("rank", book, "planted"))

    def test_a_tagged_service_is_named_by_the_tags_word(self):
        pack = self.write("pack.yaml", "title: known\ncreator: test\nlastmod: 2023-01-01\n"
                          "tags:\n  - {label: Some \"shop\", address: \"%s\", category: exchange, "
                          "currency: ETH, network: ETH, confidence: authority_data, "
                          "source: \"https://example.org\"}\n" % SERVICE)
        book = self.planted([(wallet(0), SERVICE, 900)], "--tags", pack, services=[])
        place = next(p for p in self.rank(book, "planted")["ranking"]
                     if p["address"].lower() == SERVICE)
        self.assertEqual((place["role"], place["label"], place["by"]),
                         ("service", 'Some "shop"', "https://example.org"))

    def test_who_a_theft_was_placed_at_without_a_movement_is_named(self):
        """A casebook's rows do not show the address of such a seed."""
        rows = "block,time,tx,from,to,asset,amount\n200,2024-01-02T00:00:11Z,0x%064x,%s,%s,eth,7\n"
        case = self.case("placed", stolen=[{"address": wallet(0), "asset": "eth", "amount": "9",
                                            "time": "2024-01-01T00:00:00Z"}])
        book = self.path("placed.casebook")
        self.done("trace", case, self.write("placed.csv", rows % (2, wallet(0), wallet(1))),
                  "--casebook", book, "--quiet")
        places = self.rank(book, "placed")["ranking"]
        self.assertEqual({p["address"].lower() for p in places}, {wallet(0), wallet(1)})

    def test_many_small_payments_are_where_the_two_differ(self):
        """Forty wallets get 24 ether each, and one gets 1: the walk hardly tells them apart."""
        pays = [(wallet(0), wallet(n), 24) for n in range(1, 41)]
        pays += [(wallet(0), wallet(50), 1), (wallet(0), wallet(50), 1),
                 (wallet(0), wallet(50), 1), (wallet(0), wallet(50), 1)]
        answer = self.rank(self.planted(pays, services=[]), "planted")
        self.assertEqual([p["address"].lower() for p in answer["higher_in_walk"]], [wallet(50)])
        higher = answer["higher_in_walk"][0]
        self.assertLess(higher["walk_place_last"], higher["taint_place"])

    # ----------------------------------------------------------------------------- the middle

    MULES = [wallet(n) for n in range(10, 14)]

    def with_mules(self):
        pays = [(wallet(0), wallet(n), 30) for n in range(1, 11 - 1)]  # these keep all of it
        pays += [(wallet(0), m, 150) for m in self.MULES]
        pays += [(m, SERVICE, 149) for m in self.MULES]
        return pays

    def test_a_planted_middle_is_found_whole(self):
        book = self.planted(self.with_mules())
        middle = self.rank(book, "planted", "--middle")["middle"]
        self.assertEqual(middle["middle_layers"], 1)
        block = middle["blocks"][0]
        layers = [[m["address"].lower() for m in layer] for layer in block["layers"]]
        self.assertEqual(layers[0], [wallet(0)])
        self.assertEqual(sorted(layers[1]), sorted(self.MULES))
        self.assertEqual(layers[2], [SERVICE])
        # 600 of 1000 went in, 596 came out: (5 * 596 - 4 * 600) / 6 of 1000 a member.
        whole = 10 ** 12
        self.assertEqual((block["in"], block["out"]), (whole * 6 // 10, whole * 596 // 1000))
        self.assertEqual(int(block["score_sum"]), (5 * 596 - 4 * 600) * whole // 1000)
        self.assertEqual(block["members"], 6)
        self.assertEqual(block["score"], int(block["score_sum"]) // 6)
        for member in block["layers"][1]:
            self.assertEqual((member["in_block"], member["out_block"]),
                             (whole * 150 // 1000, whole * 149 // 1000))
        text = self.done("rank", book, "planted", "--middle")
        self.assertIn("60.00% of the loot went in, 59.60% came out", text)

    def test_two_layers_are_told_from_one(self):
        first, second = [wallet(n) for n in (20, 21, 22)], [wallet(n) for n in (30, 31)]
        pays = [(wallet(0), a, 300) for a in first]
        pays += [(a, b, 150) for a in first for b in second]
        pays += [(b, SERVICE, 450) for b in second]
        book = self.planted(pays)
        middle = self.rank(book, "planted", "--middle")["middle"]
        self.assertEqual(middle["middle_layers"], 2)
        layers = [sorted(m["address"].lower() for m in layer)
                  for layer in middle["blocks"][0]["layers"]]
        self.assertEqual(layers, [[wallet(0)], first, second, [SERVICE]])
        # Where none is found, none is told.
        alone = self.done("rank", self.planted([(wallet(0), SERVICE, 900)], name="alone"), "alone",
                          "--middle")
        self.assertIn("by number of middle layers: 1 none, 2 none, 3 none\n", alone)
        one = self.rank(book, "planted", "--middle", "--layers", "1")["middle"]
        self.assertEqual((one["middle_layers"], one["blocks"]), (1, []))
        self.assertIn("None was found", self.done("rank", book, "planted", "--middle",
                                                  "--layers", "1"))

    def test_blocks_are_told_apart_and_no_more_than_asked_for(self):
        other = "0x" + "6f" * 20
        pays = [(wallet(0), wallet(1), 500), (wallet(1), SERVICE, 500),
                (wallet(0), wallet(2), 300), (wallet(2), other, 300)]
        book = self.planted(pays, services=[{"address": a, "name": "X", "by": "us"}
                                            for a in (SERVICE, other)])
        # The first alone, for the second would thin it out.
        blocks = self.rank(book, "planted", "--middle", "--layers", "1")["middle"]["blocks"]
        ways = [[m["address"].lower() for m in b["layers"][1]] for b in blocks]
        self.assertEqual(ways, [[wallet(1)], [wallet(2)]])
        self.assertEqual([b["out"] for b in blocks], [5 * 10 ** 11, 3 * 10 ** 11])
        few = self.rank(book, "planted", "--middle", "--layers", "1", "--blocks", "1")
        self.assertEqual(few["middle"]["blocks"], blocks[:1])

    def test_behind_an_equal_split(self):
        """Six equal parts, each by way of a mule of its own: one layer behind the split."""
        parts, mules = [wallet(n) for n in range(40, 46)], [wallet(n) for n in range(50, 56)]
        pays = [(wallet(0), wallet(1), 960)]
        pays += [(wallet(1), p, 160) for p in parts]
        pays += [(p, m, 159) for p, m in zip(parts, mules)]
        pays += [(m, SERVICE, 158) for m in mules]
        book = self.planted(pays)
        middle = self.rank(book, "planted", "--middle", "--layers", "1", "--after-split",
                           "--blocks", "100")["middle"]
        self.assertEqual((middle["sources"], middle["sources_of_split"]), (7, 6))
        found = {m["address"].lower() for b in middle["blocks"] for m in b["layers"][1]}
        self.assertEqual(found, set(mules))
        plain = self.rank(book, "planted", "--middle", "--layers", "1")["middle"]
        self.assertEqual((plain["sources"], plain["blocks"]), (1, []))

    # ------------------------------------------------------------------------- flows of files

    def flow(self):
        head = "Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD"
        rows = ["2024-01-01 00:00:0%d,%d,0x%064x,%s,%s,%s,%s,%s" % (
            i, 10 + i, i, a, la, b, lb, v) for i, (a, la, b, lb, v) in enumerate([
                (wallet(0), "thief", wallet(1), "mule", "1000.5"),
                (wallet(1), "mule", SERVICE, "Binance 14", "1000.25")])]
        return (self.write("edges.csv", "\n".join([head] + rows) + "\n"),
                self.write("sources.csv", wallet(0) + "\n"),
                self.write("terminals.csv", SERVICE + "\n"))

    def test_a_flow_of_files(self):
        edges, sources, terminals = self.flow()
        for args in ([self.folder], [edges, "--sources", sources, "--terminals", terminals]):
            answer = self.rank(*args, "--middle")
            self.assertEqual([p["label"] for p in answer["ranking"]],
                             ["Binance 14", "thief", "mule"])
            self.assertEqual(answer["transfers"], 2)
            layers = answer["middle"]["blocks"][0]["layers"]
            self.assertEqual([[m["address"] for m in layer] for layer in layers],
                             [[wallet(0)], [wallet(1)], [SERVICE]])

    def test_harmony_and_lifi_name_the_services_first(self):
        harmony = self.rank(dye.data("flows", "harmony"), "--middle")
        self.assertEqual({p["role"] for p in harmony["ranking"][:5]}, {"service"})
        self.assertEqual(harmony["sources"], 14)
        self.assertEqual(harmony["transfers"], 3887)
        lifi = self.rank(dye.data("flows", "lifi"), "--middle")
        self.assertIn("Tornado.Cash: Router", [p["label"] for p in lifi["ranking"][:3]])
        block = lifi["middle"]["blocks"][0]
        self.assertEqual([len(layer) for layer in block["layers"]], [1, 1, 1, 1, 1])
        self.assertLessEqual(block["out"], block["in"])

    # --------------------------------------------------------------------------- what is wrong

    def test_what_is_wrong_is_named(self):
        book, case = self.book, "bybit-2025-02"
        self.refused("rank", code=2, says=["expected CASEBOOK and CASE, or FLOW"])
        self.refused("rank", book, case, "more", code=2)
        for top in ("0", "100001", "-1", "many", "", "1.5", "99999999999999999999"):
            self.refused("rank", book, case, "--top=" + top, code=2, says=["--top"])
        self.refused("rank", book, case, "--middle", "--layers", "7", code=2, says=["1 to 6"])
        self.refused("rank", book, case, "--middle", "--blocks", "0", code=2, says=["--blocks"])
        for alone in (["--layers", "2"], ["--blocks", "2"], ["--after-split"]):
            self.refused("rank", book, case, *alone, code=2, says=["--middle"])
        self.refused("rank", book, case, "--format", "jsn", code=2,
                     says=["did you mean 'json'"])
        self.refused("rank", book, case, "--sources", "x", code=2, says=["for a FLOW"])
        self.refused("rank", book, "bybit", says=["no case 'bybit'", "it has " + case])
        self.refused("rank", book, "bybit-2025-03", says=[book, "did you mean '%s'?" % case])
        self.refused("rank", self.path("none"), case)
        self.refused("rank", self.path("none"))
        edges, _, _ = self.flow()
        self.refused("rank", edges, says=["source"])
        self.refused("rank", self.write("bad.csv", "a,b\n1,2\n"))


if __name__ == "__main__":
    unittest.main()

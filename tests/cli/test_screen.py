"""dyepack screen: who is on a list screens as such, who is on none does not, dates decide, every
answer has its reasons, and nothing that stands in a stream ends it.

The real lists and blocks are those of $DYEPACK_SHARED/data; what needs them is skipped, saying so,
where they are missing.
"""
# Covers: cli/screen.c cli/screen_answer.c cli/screen_lines.c screen/ledger.c screen/exposure.c
import csv
import glob
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import unittest

import dye
import bitcoin  # tests/model: dye put it on the path

LAZARUS = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
POOL = "0x12D66f87A04A9E220743712cE6d9bB1B5616B8Fc"
WANNACRY = ("12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw", "13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94",
            "115p7UMMngoj1pMvkpHijcRdfJNXj6LrLn")
ORDINARY = 20000


class Screen(dye.Case):
    """What the tests share."""

    def store(self, *imports):
        """A tag store with files imported: (text or path, options...)."""
        path = self.path("tags")
        for number, (source, *options) in enumerate(imports):
            if "\n" in source:
                source = self.write("list%d.txt" % number, source)
            dye_run = dye.run("tag", "import", source, "--tags", path, *options)
            self.assertEqual(dye_run.returncode, 0, dye_run.stderr)
        return path

    def screen(self, *args, **more):
        """The results of a run that must succeed, by input."""
        out = self.done("screen", *args, "--quiet", "--format", "json", **more)
        answer = json.loads(out)
        return {r["input"]: r for r in answer["results"]}

    def sanctions(self, text, date="2024-09-27"):
        """One issue of a sanctions list."""
        return (text, "--abuse", "sanction", "--list", "OFAC SDN", "--label", "someone",
                "--date", date)


class Small(Screen):
    """Lists made here."""

    def test_a_sanctioned_address_is_severe_and_says_whose_word_it_is(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        answer = self.screen(LAZARUS, "0x" + "11" * 20, "--tags", tags, "--no-builtin")
        bad, good = answer[LAZARUS], answer["0x" + "11" * 20]
        self.assertEqual((bad["level"], bad["flags"]), ("severe", ["sanctioned", "tagged"]))
        reason = bad["reasons"][0]
        self.assertEqual((reason["rule"], reason["list"], reason["first_seen"]),
                         ("sanctioned", "OFAC SDN", "2024-09-27"))
        self.assertEqual((good["level"], good["flags"], good["reasons"]), ("none", [], []))

    def test_a_delisted_address_answers_differently_before_and_after(self):
        tags = self.store(self.sanctions("%s\n%s\n" % (POOL, LAZARUS), "2022-08-08"),
                          self.sanctions(LAZARUS + "\n", "2025-03-21"))
        found = {}
        for at in ("2022-01-01", "2023-01-01", "2025-06-01"):
            answer = self.screen(POOL, LAZARUS, "--tags", tags, "--no-builtin", "--at", at)
            found[at] = [(answer[a]["level"], answer[a]["flags"][0]) for a in (POOL, LAZARUS)]
        later, on = ("high", "later-sanctioned"), ("severe", "sanctioned")
        self.assertEqual(found, {"2022-01-01": [later, later], "2023-01-01": [on, on],
                                 "2025-06-01": [("medium", "was-sanctioned"), on]})
        answer = self.screen(POOL, "--tags", tags, "--no-builtin")
        self.assertEqual(answer[POOL]["reasons"][0]["gone"], "2025-03-21")

    def test_a_stream_answers_every_line_and_goes_on_after_a_wrong_one(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        lines = "\n".join(["# a list", LAZARUS.lower(), "", "  nonsense  ", "x" * 9000,
                           LAZARUS[:-1] + "7", "0x" + "22" * 20])
        out = self.done("screen", "-", "--tags", tags, "--no-builtin", "--quiet", "--format",
                        "jsonl", stdin=lines)
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(rows), 5)
        self.assertEqual(rows[0]["level"], "severe")
        self.assertEqual([r.get("line") for r in rows[1:4]], [4, 5, 6])
        self.assertIn("checksum", rows[3]["error"])
        self.assertEqual(rows[4]["level"], "none")
        whole = json.loads(self.done("screen", "-", "--tags", tags, "--no-builtin", "--quiet",
                                     "--format", "json", stdin=lines))
        self.assertEqual((whole["counts"]["severe"], whole["counts"]["errors"]), (1, 3))
        text = self.done("screen", "--file", self.write("list", lines), "--tags", tags,
                         "--no-builtin", "--quiet")
        self.assertEqual(text.count("ERROR: line"), 3)
        table = list(csv.DictReader(io.StringIO(self.done(
            "screen", "-", "--tags", tags, "--no-builtin", "--quiet", "--format", "csv",
            stdin=lines))))
        self.assertEqual([r["level"] for r in table],
                         ["severe", "error", "error", "error", "none"])

    def test_answers_come_before_the_next_question(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        with subprocess.Popen([dye.DYEPACK, "screen", "-", "--tags", tags, "--no-builtin",
                               "--format", "jsonl"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, cwd=dye.ROOT) as child:
            for address, level in ((LAZARUS, "severe"), ("0x" + "33" * 20, "none")):
                child.stdin.write(address + "\n")
                child.stdin.flush()
                self.assertEqual(json.loads(child.stdout.readline())["level"], level)
            child.stdin.close()
            self.assertEqual(child.wait(timeout=dye.SECONDS_MAX), 0)

    def test_fail_on_gives_exit_code_3(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        for level, code in (("high", 3), ("severe", 3), (None, 0)):
            extra = ["--fail-on", level] if level else []
            result = dye.run("screen", LAZARUS, "--tags", tags, "--no-builtin", *extra)
            self.assertEqual(result.returncode, code, result.stderr)
        clean = dye.run("screen", "0x" + "11" * 20, "--no-builtin", "--fail-on", "low")
        self.assertEqual(clean.returncode, 0)

    def test_however_an_address_is_written_it_is_the_same(self):
        bitcoin = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
        tags = self.store(self.sanctions("%s\n%s\n%s\n" % (LAZARUS, WANNACRY[0], bitcoin)))
        low = LAZARUS.lower()
        for text in (low, "0X" + low[2:], "0X" + low[2:].upper(), "0x" + low[2:].upper(),
                     "eip155:1:" + low, "ethereum:" + low, "bitcoin:" + WANNACRY[0],
                     "bitcoin:%s?amount=1&label=x" % WANNACRY[0], bitcoin.upper(),
                     "BITCOIN:" + bitcoin.upper()):
            answer = self.screen(text, "--tags", tags, "--no-builtin")
            self.assertEqual(answer[text]["flags"][0], "sanctioned", text)
        self.refused("screen", "bitcoin:" + WANNACRY[0][:-1] + "x", says=("checksum",))

    def test_blanks_before_an_address_do_not_hide_it(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        lines = "\n".join((" " * 5000 + LAZARUS, "\t" * 200000 + LAZARUS + " " * 9000, LAZARUS))
        out = self.done("screen", "-", "--tags", tags, "--no-builtin", "--quiet", "--format",
                        "jsonl", stdin=lines)
        self.assertEqual([json.loads(line)["level"] for line in out.splitlines()],
                         ["severe"] * 3)

    def test_what_nobody_judged_passes_no_gate_and_is_no_none(self):
        tx = "0x" + "ab" * 32
        gate = ("--no-builtin", "--fail-on", "high")
        for asked, stdin in (((tx,), None), (("-",), "nonsense\n")):
            result = dye.run("screen", *asked, *gate, stdin=stdin)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("could not be judged", result.stderr)
        # Without a gate it is said as well, and is no failure.
        result = dye.run("screen", tx, "--no-builtin")
        self.assertEqual((result.returncode, result.stderr),
                         (0, "dyepack: 1 of those asked could not be judged\n"))
        result = dye.run("screen", "-", "--no-builtin", stdin="# nobody\n\n")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("nothing was asked", result.stderr)
        whole = json.loads(self.done("screen", tx, "--no-builtin", "--quiet", "--format", "json"))
        self.assertEqual((whole["counts"]["none"], whole["counts"]["errors"]), (0, 1))
        self.assertNotIn("level", whole["results"][0])
        rows = list(csv.DictReader(io.StringIO(
            self.done("screen", "-", "--no-builtin", "--quiet", "--format", "csv",
                      stdin=tx + "\n=1+1\n"))))
        self.assertEqual([row["level"] for row in rows], ["error"] * 2)
        self.assertEqual(rows[1]["input"], "'=1+1")

    def test_a_bare_list_that_says_nothing_is_told(self):
        bare = self.write("bare.txt", LAZARUS + "\n")
        result = dye.run("screen", LAZARUS, "--tags", bare, "--no-builtin")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("makes nobody risky", result.stderr)
        self.assertIn("--category", result.stderr)

    def test_rules_that_forget_sanctions_are_named(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        rule = "rules:\n  - id: mine\n    level: %s\n    when: {tag: {class: %s}}\n    reason: x\n"
        for level, name, is_told in (("high", "theft", True), ("none", "sanction", True),
                                     ("low", "sanction", False)):
            rules = self.write("risk.yaml", rule % (level, name))
            result = dye.run("screen", LAZARUS, "--tags", tags, "--no-builtin", "--rules", rules)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual("no rule that makes" in result.stderr, is_told, result.stderr)

    def test_own_rules_decide(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        rules = self.write("risk.yaml", "rules:\n  - id: mine\n    level: low\n    when: {tag: "
                           "{list: ofac sdn}}\n    reason: \"on {list} since {first_seen}\"\n")
        answer = self.screen(LAZARUS, "--tags", tags, "--no-builtin", "--rules", rules)[LAZARUS]
        self.assertEqual((answer["level"], answer["reasons"][0]["reason"]),
                         ("low", "on OFAC SDN since 2024-09-27"))
        wrong = self.write("wrong.yaml", "rules:\n  - id: mine\n    levl: low\n")
        self.refused("screen", LAZARUS, "--rules", wrong,
                     says=("wrong.yaml:3:5", "did you mean 'level'"))

    def test_misuse_and_what_is_not_there(self):
        self.refused("screen", code=2, says=("name an address",))
        self.refused("screen", LAZARUS, "--format", "jsn", code=2, says=("did you mean 'json'",))
        self.refused("screen", LAZARUS, "--fail-on", "hgh", code=2, says=("'high'",))
        self.refused("screen", LAZARUS, "--at", "soon", code=2, says=("--at wants a time",))
        self.refused("screen", LAZARUS[:-1] + "7", says=("EIP-55 checksum is wrong",))
        self.refused("screen", LAZARUS, "--tags", self.path("none"), says=("none",))
        self.refused("screen", LAZARUS, "--casebook", self.path("none"), says=("none",))
        other = self.write("other", "this is no casebook\n" * 100)
        self.refused("screen", LAZARUS, "--casebook", other, says=("no casebook",))
        self.refused("screen", "--file", self.path("none"), says=("cannot open",))

    def test_who_looks_like_a_known_address_is_told_with_the_chance(self):
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        like = LAZARUS[:9].lower() + "1" * 26 + LAZARUS[-7:].lower()
        answer = self.screen(like, "--tags", tags, "--no-builtin")[like]
        self.assertEqual((answer["level"], answer["flags"]), ("high", ["lookalike", "inferred"]))
        reason = answer["reasons"][0]
        self.assertEqual((reason["leading"], reason["trailing"], reason["place"]),
                         (7, 7, LAZARUS))
        self.assertGreater(int(reason["chance"]), 10**6)
        answer = self.screen(like, "--tags", tags, "--no-builtin", "--no-lookalikes")[like]
        self.assertEqual(answer["level"], "none")


class Casebooks(Screen):
    """Stolen money that was followed."""

    def trace_heist(self, policy="fifo"):
        """10 stolen from a; b gets 10 and passes 4 on to c; d gets 1 of them."""
        a, b, c, d = ("0x" + digit * 40 for digit in "abcd")
        rows = ["block,time,tx,index,kind,from,to,asset,amount"]
        moves = ((1, a, b, 10), (2, b, c, 4), (3, c, d, 1))
        for block, src, dst, amount in moves:
            rows.append("%d,2025-01-0%dT00:00:00Z,0x%064x,0,native,%s,%s,ETH,%d" % (
                block, block, block, src, dst, amount))
        book = self.path("book-" + policy)
        case = self.case("heist-" + policy, policy=policy, stolen=[
            {"address": b, "asset": "eth", "amount": "10", "tx": "0x%064x" % 1}])
        self.trace(case, self.write("moves.csv", "\n".join(rows) + "\n"), "--casebook", book)
        return book, (a, b, c, d)

    def test_taint_now_ever_and_as_of_a_date(self):
        book, (a, b, c, d) = self.trace_heist()
        answer = self.screen(a, b, c, d, "--casebook", book, "--no-builtin")
        self.assertEqual(answer[a]["level"], "none")
        held = {name: answer[name]["reasons"][0] for name in (b, c, d)}
        self.assertEqual([(r["held"], r["amount"], r["hops"]) for r in held.values()],
                         [("now", "6" + "0" * 18, 0), ("now", "3" + "0" * 18, 1),
                          ("now", "1" + "0" * 18, 2)])
        self.assertEqual((held[b]["case"], held[b]["policy"], held[b]["since"]),
                         ("heist-fifo", "fifo", "2025-01-01T00:00:00Z"))
        answer = self.screen(b, c, d, "--casebook", book, "--no-builtin", "--at",
                             "2025-01-02T12:00:00Z")
        self.assertEqual([answer[x]["reasons"][0]["amount"] for x in (b, c)],
                         ["6" + "0" * 18, "4" + "0" * 18])
        self.assertEqual(answer[d]["level"], "none")

    def test_what_came_and_went_is_told_as_of_then_and_once(self):
        a, b, c, d = ("0x" + digit * 40 for digit in "abcd")
        rows = ["block,time,tx,index,kind,from,to,asset,amount"]
        # c gets 10 and passes them on within the block; later they come back, and go again.
        moves = ((1, a, b, 10), (2, b, c, 10), (2, c, d, 10), (3, d, c, 4), (4, c, d, 4),
                 (5, d, c, 10), (6, c, d, 10))
        for n, (block, src, dst, amount) in enumerate(moves, 1):
            rows.append("%d,2025-01-0%dT00:00:00Z,0x%064x,%d,native,%s,%s,ETH,%d" % (
                block, block, n, n, src, dst, amount))
        book = self.path("book")
        case = self.case("heist", policy="fifo", stolen=[
            {"address": b, "asset": "eth", "amount": "10", "tx": "0x%064x" % 1}])
        self.trace(case, self.write("moves.csv", "\n".join(rows) + "\n"), "--casebook", book)
        found = {}
        for day in ("01", "02", "03", "04", "05", "06"):
            at = "2025-01-%sT12:00:00Z" % day
            answer = self.screen(c, "--casebook", book, "--no-builtin", "--at", at)[c]
            found[day] = [(r["held"], r["amount"][:-18]) for r in answer["reasons"]]
        self.assertEqual(found, {"01": [], "02": [("ever", "10")], "03": [("now", "4")],
                                 "04": [("ever", "10")], "05": [("now", "10")],
                                 "06": [("ever", "10")]})

    def test_dust_makes_nobody_guilty(self):
        """Who holds 100 coins of his own and is sent a little stolen money is told, and no more; a
        hundredth of what he holds is where that ends."""
        a, b, c, d = ("0x" + digit * 40 for digit in "abcd")
        for sent, level in (("0.000000000000000001", "low"), ("1", "low"), ("1.02", "severe")):
            rows = ["block,time,tx,index,kind,from,to,asset,amount"]
            moves = ((1, d, c, "100"), (2, a, b, "10"), (3, b, c, sent))
            for block, src, dst, amount in moves:
                rows.append("%d,2025-01-0%dT00:00:00Z,0x%064x,0,native,%s,%s,ETH,%s" % (
                    block, block, block, src, dst, amount))
            book = self.path("book-" + sent)
            case = self.case("heist", policy="fifo", stolen=[
                {"address": b, "asset": "eth", "amount": "10", "tx": "0x%064x" % 2}])
            self.trace(case, self.write("moves.csv", "\n".join(rows) + "\n"), "--casebook", book)
            answer = self.screen(c, "--casebook", book, "--no-builtin")[c]
            self.assertEqual((sent, answer["level"], len(answer["reasons"])), (sent, level, 1))

    def test_poison_says_reach_and_no_amounts(self):
        book, (_, b, _, _) = self.trace_heist("poison")
        answer = self.screen(b, "--casebook", book, "--no-builtin")[b]
        self.assertEqual((answer["level"], answer["reasons"][0]["rule"]), ("medium", "reached"))

    def test_several_casebooks_add_up(self):
        fifo, (_, b, _, _) = self.trace_heist()
        poison, _ = self.trace_heist("poison")
        answer = self.screen(b, "--casebook", fifo, "--casebook", poison, "--no-builtin")[b]
        self.assertEqual({r["case"] for r in answer["reasons"]}, {"heist-fifo", "heist-poison"})

    def test_the_same_money_in_two_casebooks_is_not_twice_as_much(self):
        fifo, (_, _, c, _) = self.trace_heist()
        haircut, _ = self.trace_heist("haircut")
        answer = self.screen(c, "--casebook", fifo, "--casebook", haircut, "--no-builtin")[c]
        self.assertEqual([r["share_ppm"] for r in answer["reasons"]], [10**6] * 2)

    def test_a_casebook_of_another_format_is_refused(self):
        book, (_, b, _, _) = self.trace_heist()
        connection = sqlite3.connect(book)
        with connection:
            connection.execute("update meta set version = 3")
        connection.close()
        self.refused("screen", b, "--casebook", book, says=("format 3",))


class Ledgers(Screen):
    """What a ledger adds."""

    def world(self):
        """A thief pays x 10 through m, somebody 30; x pays an exchange 20 through n."""
        names = {name: "0x" + digit * 40 for name, digit in zip("tmxsne", "123456")}
        rows = ["block,time,tx,index,kind,from,to,asset,amount"]
        moves = (("t", "m", 10), ("m", "x", 10), ("s", "x", 30), ("x", "n", 20), ("n", "e", 20))
        for block, (src, dst, amount) in enumerate(moves, 1):
            rows.append("%d,2025-01-0%dT00:00:00Z,0x%064x,0,native,%s,%s,ETH,%d" % (
                block, block, block, names[src], names[dst], amount))
        ledger = self.path("ledger")
        moves = self.write("moves.csv", "\n".join(rows) + "\n")
        self.done("import", moves, "--chain", "ethereum", "--ledger", ledger, "--quiet")
        tags = self.store((names["t"] + "\n", "--abuse", "hacking", "--label", "thief", "--list",
                           "bad", "--date", "2025-01-01"),
                          (names["e"] + "\n", "--category", "exchange", "--label", "Exchange",
                           "--list", "good", "--date", "2025-01-01"))
        return names, ledger, tags

    def test_exposure_sent_and_received_with_hops_and_exact_shares(self):
        names, ledger, tags = self.world()
        answer = self.screen(names["x"], "--tags", tags, "--no-builtin", "--ledger", ledger)
        answer = answer[names["x"]]
        rows = {(r["side"], r["label"]): (r["share_ppm"], r["hops"], r["amount"])
                for r in answer["reasons"] + answer["other"] if r["kind"] == "exposure"}
        self.assertEqual(rows, {("received", "thief"): (250000, 2, "10" + "0" * 18),
                                ("sent", "Exchange"): (500000, 2, "20" + "0" * 18)})
        self.assertEqual((answer["level"], answer["reasons"][0]["rule"]),
                         ("high", "received-much"))
        early = self.screen(names["x"], "--tags", tags, "--no-builtin", "--ledger", ledger,
                            "--at", "2025-01-02T12:00:00Z")[names["x"]]
        rows = {(r["side"], r["share_ppm"]) for r in early["reasons"] + early["other"]
                if r["kind"] == "exposure"}
        self.assertEqual(rows, {("received", 1000000)})

    def test_who_left_one_list_and_stayed_on_another_counts_as_there(self):
        names, ledger, _ = self.world()
        other = "0x" + "9" * 40 + "\n"
        tags = self.store(self.sanctions(names["t"] + "\n" + other, "2025-01-01"),
                          self.sanctions(other, "2025-01-03"),
                          (names["t"] + "\n", "--abuse", "hacking", "--label", "thief",
                           "--list", "bad", "--date", "2025-01-01"))
        for at, label in (("2025-01-02T12:00:00Z", "someone"), ("2025-01-06", "thief")):
            answer = self.screen(names["x"], "--tags", tags, "--no-builtin", "--ledger", ledger,
                                 "--at", at)[names["x"]]
            found = {(r["label"], r["dated"]) for r in answer["reasons"]}
            self.assertEqual(found, {(label, "on")})

    def test_a_thief_of_one_chain_is_one_on_the_next(self):
        thief, other = "0x" + "1" * 40, "0x" + "2" * 40
        rows = "block,time,tx,index,kind,from,to,asset,amount\n" \
            "1,2025-01-01T00:00:00Z,0x%064x,0,native,%s,%s,BNB,10\n" % (1, thief, other)
        ledger = self.path("ledger")
        self.done("import", self.write("moves.csv", rows), "--chain", "bsc", "--ledger", ledger,
                  "--quiet")
        tags = self.store((thief + "\n", "--abuse", "hacking", "--label", "thief", "--list",
                           "bad", "--date", "2025-01-01"))
        for extra in ((), ("--chain", "bsc")):
            answer = self.screen(other, "--tags", tags, "--no-builtin", "--ledger", ledger,
                                 *extra)[other]
            self.assertEqual((answer["level"], answer["reasons"][0]["rule"]),
                             ("high", "received-direct"))
        answer = self.screen(WANNACRY[0], "--no-builtin", "--ledger", ledger)[WANNACRY[0]]
        self.assertIn("not looked for in the ledger", answer["notes"][0])

    def test_amounts_that_nothing_has_are_refused(self):
        rows = ["block,time,tx,index,kind,from,to,asset,amount"]
        for block in (1, 2):
            rows.append("%d,2025-01-01T00:00:00Z,0x%064x,0,native,%s,%s,ETH,%d" % (
                block, block, "0x" + "1" * 40, "0x" + "2" * 40, 2**256 // 10**18))
        ledger = self.path("ledger")
        self.done("import", self.write("moves.csv", "\n".join(rows) + "\n"), "--chain",
                  "ethereum", "--ledger", ledger, "--quiet")
        self.refused("screen", "0x" + "2" * 40, "--no-builtin", "--ledger", ledger,
                     says=("more than any asset has",))

    def test_exposure_on_a_chain_of_coins_leaves_change_out(self):
        t, s, x, c, m, e = [bitcoin.segwit("bc", 0, bytes([n]) * 20) for n in range(6)]
        rows, spent = ["block,time,tx,kind,from,to,amount"], []

        def tx(block, number, inputs, outputs):
            for coin in inputs:
                rows.append("%d,2025-01-%02dT00:00:00Z,%064x,input,%064x:%d,," % (
                    block, block, number, *coin))
            for address, coins in outputs:
                rows.append("%d,2025-01-%02dT00:00:00Z,%064x,output,,%s,%d" % (
                    block, block, number, address, coins))
            spent.extend(inputs)

        tx(1, 1, (), ((t, 30),))
        tx(2, 2, (), ((s, 30),))
        # Half of what x gets is the thief's; of its 20 it keeps 5 as change, passed on later.
        tx(3, 3, ((1, 0), (2, 0)), ((x, 20), (c, 40)))
        tx(4, 4, ((3, 0),), ((e, 15), (x, 5)))
        tx(5, 5, ((4, 1),), ((m, 5),))
        tx(5, 6, ((5, 0),), ((e, 5),))
        ledger = self.path("ledger")
        self.done("import", self.write("moves.csv", "\n".join(rows) + "\n"), "--chain",
                  "bitcoin", "--ledger", ledger, "--quiet")
        tags = self.store((t + "\n", "--abuse", "hacking", "--label", "thief", "--list", "bad",
                           "--date", "2025-01-01"),
                          (e + "\n", "--category", "exchange", "--label", "Exchange", "--list",
                           "good", "--date", "2025-01-01"))
        found = {}
        for at in ("2025-01-04T12:00:00Z", "2025-02-01"):
            answer = self.screen(x, "--tags", tags, "--no-builtin", "--ledger", ledger, "--at",
                                 at)[x]
            found[at] = {(r["side"], r["label"]): (r["share_ppm"], r["hops"], r["amount"])
                         for r in answer["reasons"] + answer["other"] if r["kind"] == "exposure"}
            self.assertIn("its cluster is not known", answer["notes"][0])
        thief = {("received", "thief"): (500000, 1, "1000000000")}
        self.assertEqual(found, {
            "2025-01-04T12:00:00Z": {**thief, ("sent", "Exchange"): (750000, 1, "1500000000")},
            "2025-02-01": {**thief, ("sent", "Exchange"): (1000000, 1, "2000000000")}})

    def test_who_sends_a_transaction_is_in_it_whoever_s_money_it_moves(self):
        rows = ["block,time,tx,index,kind,from,to,asset,amount"]
        for kind, src, dst, amount in (("fee", LAZARUS, "", "0.01"),
                                       ("internal", "0x" + "b" * 40, "0x" + "c" * 40, "1")):
            rows.append("1,2025-01-01T00:00:00Z,0x%064x,0,%s,%s,%s,ETH,%s" % (
                1, kind, src, dst, amount))
        ledger, tx = self.path("ledger"), "0x%064x" % 1
        self.done("import", self.write("moves.csv", "\n".join(rows) + "\n"), "--chain",
                  "ethereum", "--ledger", ledger, "--quiet")
        tags = self.store(self.sanctions(LAZARUS + "\n"))
        answer = self.screen(tx, "--tags", tags, "--no-builtin", "--ledger", ledger)[tx]
        self.assertEqual(answer["level"], "severe")
        self.assertIn("sender", answer["addresses"][1]["where"])

    def test_many_names_of_a_cluster_do_not_push_out_the_one_sanctioned(self):
        many = 1100
        who = [bitcoin.segwit("bc", 0, n.to_bytes(20, "big")) for n in range(1, many + 2)]
        rows = ["block,time,tx,kind,from,to,amount"]
        for n in range(many):
            rows.append("%d,2025-01-01T00:00:00Z,%064x,output,,%s,1" % (n + 1, n + 1, who[n]))
        last = "%d,2025-01-02T00:00:00Z,%064x," % (many + 1, many + 1)
        rows += [last + "input,%064x:0,," % (n + 1) for n in range(many)]
        rows.append(last + "output,,%s,%d" % (who[many], many))
        ledger = self.path("ledger")
        self.done("import", self.write("moves.csv", "\n".join(rows) + "\n"), "--chain",
                  "bitcoin", "--ledger", ledger, "--quiet")
        self.done("cluster", "--ledger", ledger, "--quiet")
        names = ("\n".join(who[1:many - 1]) + "\n", "--category", "exchange", "--label", "x",
                 "--list", "names", "--date", "2025-01-01")
        # Members come in some order: the one on the list is the first and the last of them.
        for asked, bad in ((who[0], who[many - 1]), (who[many - 1], who[0])):
            tags = self.store(names, self.sanctions(bad + "\n"))
            answer = self.screen(asked, "--tags", tags, "--no-builtin", "--ledger", ledger,
                                 "--no-exposure")[asked]
            os.remove(tags)
            self.assertEqual((answer["level"], answer["reasons"][0]["rule"]),
                             ("severe", "cluster-sanctioned"))
            self.assertIn("first 1000 tags", " ".join(answer["notes"]))

    def test_a_transaction_is_everybody_in_it(self):
        names, ledger, tags = self.world()
        tx = "0x%064x" % 1
        answer = self.screen(tx, "--tags", tags, "--no-builtin", "--ledger", ledger)[tx]
        self.assertEqual((answer["level"], answer["height"], answer["found"]), ("severe", 1, True))
        by = {a["address"].lower(): a for a in answer["addresses"]}
        self.assertEqual(by[names["t"]]["where"], "sender of movement 0")
        self.assertEqual((by[names["t"]]["level"], by[names["m"]]["level"]), ("severe", "none"))
        text = self.done("screen", tx, "--tags", tags, "--no-builtin", "--ledger", ledger)
        self.assertIn("on ethereum, block 1, 2025-01-01T00:00:00Z", text)
        missing = "0x%064x" % 99
        answer = self.screen(missing, "--tags", tags, "--no-builtin", "--ledger", ledger)
        self.assertFalse(answer[missing]["found"])


class Real(Screen):
    """The real lists and blocks."""

    def lists(self):
        """Every list there is, imported."""
        packs = dye.data("labels", "tagpacks")
        ofac = sorted(glob.glob(os.path.join(dye.data("labels", "ofac"), "*.txt")))
        return ofac, packs, self.store(
            *[self.sanctions(path) for path in ofac],
            (dye.data("bybit", "fbi51.txt"), "--abuse", "hacking", "--list", "FBI PSA",
             "--label", "Bybit thief", "--date", "2025-02-26"),
            (packs,))

    def test_all_on_the_lists_screen_as_such_and_no_ordinary_address_does(self):
        ofac, _, tags = self.lists()
        fbi = self.read(dye.data("bybit", "fbi51.txt"))
        rows = self.bulk(fbi, tags)
        self.assertEqual(len(rows), 51)
        self.assertEqual([r["input"] for r in rows if "thief" not in r["flags"]], [])
        for path in ofac:
            asset = os.path.basename(path)[:-4]
            wanted = self.read(path)
            # Monero's list has 64 digits among its addresses, a transaction elsewhere.
            extra = ["--chain", asset] if asset == "XMR" else []
            rows = self.bulk(wanted, tags, *extra)
            missed = [r["input"] for r in rows if "sanctioned" not in r["flags"]]
            print("%s: %d of %d screen as sanctioned" % (asset, len(wanted) - len(missed),
                                                        len(wanted)))
            self.assertEqual(missed, [], path)
        ordinary = self.ordinary()
        self.assertEqual(len(ordinary), ORDINARY)
        rows = self.bulk(ordinary, tags)
        risky = [r for r in rows if {"sanctioned", "thief"} & set(r["flags"])]
        listed = {line.lower() for path in ofac for line in self.read(path)}
        for r in risky:
            print("ordinary, and on a list: %s: %s" % (r["input"], r["reasons"][0]["reason"]))
        # One that a list truly has is no false alarm: it must be there, by its own bytes.
        false = [r["input"] for r in risky if r["input"].lower() not in listed and
                 not self.in_packs(r["input"])]
        print("%d ordinary addresses: %d on a list, %d falsely" % (len(rows), len(risky),
                                                                  len(false)))
        self.assertEqual(false, [])

    def bulk(self, addresses, tags, *extra):
        """Verdicts of many, in order."""
        out = self.done("screen", "-", "--tags", tags, "--quiet", "--format", "jsonl", *extra,
                        stdin="\n".join(addresses) + "\n")
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(rows), len(addresses))
        return rows

    @staticmethod
    def read(path):
        """The lines of a list."""
        with open(path, encoding="ascii") as file:
            return [line.strip() for line in file if line.strip()]

    @staticmethod
    def in_packs(address):
        """Does any pack, or the built-in set, have this very address?"""
        for folder in (dye.data("labels", "tagpacks"), os.path.join(dye.ROOT, "tags")):
            for path in glob.glob(os.path.join(folder, "*.yaml")):
                with open(path, encoding="utf-8") as file:
                    if address.lower() in file.read().lower():
                        return True
        return False

    @staticmethod
    def unpacked(*path):
        """The text of a file packed with zstd."""
        return subprocess.run(["zstd", "-dqc", dye.data(*path)], capture_output=True, text=True,
                              check=True).stdout

    def ordinary(self):
        """20,000 different addresses out of real blocks: everybody in them, and as those are not
        so many, receivers of the transactions after CoinJoins, which were real too."""
        if shutil.which("zstd") is None:
            raise unittest.SkipTest("SKIPPED: the zstd command is not installed")
        found, blocks = set(), dye.data("ethereum")
        for path in glob.glob(blocks + "/blocks/*.json") + glob.glob(blocks + "/main*/*.*"):
            with open(path, encoding="utf-8") as file:
                found.update(re.findall(r"\b0x(?:0{24})?([0-9a-f]{40})\b", file.read()))
        # A topic that begins with zeros may be a number; so few have so many digits set.
        found = {"0x" + a for a in found if not a.startswith("00000000")}
        for name in ("mainnet-866342.blk", "mainnet-300025.blk"):
            out = self.done("movements", dye.data("bitcoin", name), "--quiet")
            found.update(row["to"] for row in csv.DictReader(io.StringIO(out))
                         if re.match("^(1|3|bc1)", row["to"]))
        spent = self.unpacked("bitcoin", "mainnet-866342.spent.json.zst")
        self.add_scripts(found, re.findall(r'"script_pubkey": "([0-9a-f]+)"', spent), ORDINARY)
        for name in ("wasabi1-postmix", "whirlpool-postmix", "joinmarket-postmix"):
            text = self.unpacked("coinjoin", name + ".txt.zst")
            self.add_scripts(found, re.findall(r"\+([0-9a-f]{44,70})\+", text), ORDINARY)
        return sorted(found)

    @staticmethod
    def add_scripts(found, scripts, most):
        """Adds the addresses of scripts until there are so many."""
        for script in scripts:
            if len(found) == most:
                return
            address = bitcoin.address(bytes.fromhex(script), bitcoin.MAINNET)
            if address is not None:
                found.add(address)

    def test_wannacry_is_known_from_the_ransomware_packs(self):
        tags = self.store((os.path.join(dye.data("labels", "tagpacks"), "ransomware.yaml"),))
        for row in self.bulk(WANNACRY, tags, "--no-builtin"):
            self.assertEqual((row["level"], row["reasons"][0]["rule"]), ("severe", "extortion"))
            self.assertIn("wannacry", json.dumps(row).lower())


if __name__ == "__main__":
    unittest.main()

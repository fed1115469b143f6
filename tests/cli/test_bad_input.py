"""What bad input gets: one line that says file, place, what is wrong and what to do; exit code 1;
and a casebook that was there is unharmed. Misuse of the command line: exit code 2 and the nearest
right spelling.

Every mistake is made three times where that makes sense: without a casebook, with a new one and
with one that already holds the state of the undamaged source.
"""
# Covers: cli/cli.c cli/list.c cli/progress.c report/out.c
import gzip
import os
import pty
import random
import shutil
import subprocess
import time
import unittest

import dye
import ledgers
import bitcoin  # tests/model: dye put it on the path

A, B = "0x" + "a" * 40, "0x" + "b" * 40
T1, T2, T3 = ("0x" + c * 64 for c in "123")
GOOD = [
    "block,time,tx,kind,from,to,asset,amount,status",
    "10,1700000000,%s,native,%s,%s,eth,5,ok" % (T1, B, A),
    "11,1700000012,%s,native,%s,%s,eth,2.5,ok" % (T2, A, B),
    "12,1700000024,%s,native,%s,name:deep,eth,1,ok" % (T3, B),
]
SHARED_BLOCKS = os.path.join(dye.ROOT, "tests", "data", "bitcoin")
# The checksum of an EVM address that everybody knows, with one letter's case changed.
WRONG_CASE = "0x47666fab8bd0Ac7003bce3f5C3585383F09486E2"


class Bad(dye.Case):
    """A good case, source and casebook to damage copies of."""

    def setUp(self):
        super().setUp()
        self.yaml = self.case("good", stolen=[{"address": A, "tx": T1}])
        self.source = self.write("good.csv", "\n".join(GOOD) + "\n")
        self.book = self.path("good.casebook")
        self.trace(self.yaml, self.source, "--casebook", self.book)
        self.before = dye.dump(self.book)

    def bad(self, *args, says=(), **more):
        """Refused with one line, with and without the casebook, which stays as it was."""
        line = self.refused("trace", *args, "--quiet", says=says, **more)
        self.refused("trace", *args, "--quiet", "--casebook", self.path("new.casebook"),
                     says=says, **more)
        self.refused("trace", *args, "--quiet", "--casebook", self.book, **more)
        self.assertEqual(dye.dump(self.book), self.before)
        return line

    def bad_rows(self, *rows, says=(), header=GOOD[0]):
        """The good rows and then these."""
        text = "\n".join([header] + GOOD[1:] + list(rows)) + "\n"
        path = self.write("bad.csv", text)
        self.bad(self.yaml, path, says=("bad.csv:%d:" % (len(GOOD) + 1), *says))

    def bad_case(self, says=(), place=None, **keys):
        """A case file of these keys."""
        path = self.case("bad", **keys)
        self.bad(path, self.source, says=("bad.yaml" + (":%d" % place if place else ""), *says))


class Rows(Bad):
    """Movements CSV."""

    def test_rows(self):
        row = "13,1700000036,%s,native,%s,%s,%s,%s,ok"
        four = "0x" + "4" * 64
        tests = [
            (row % (four, A, B, "GOLD", "1"), ["GOLD", "not on the list|unknown asset|symbol"]),
            (row % (four, WRONG_CASE, B, "eth", "1"), ["from", "checksum"]),
            (row % (four, A[:-1], B, "eth", "1"), ["from"]),
            (row % (four, A, B, "eth", "1.0000000000000000001"), ["amount"]),
            (row % (four, A, B, "eth", "1" + "0" * 80), ["amount"]),
            (row % (four, A, B, "eth", "-1"), ["amount"]),
            (row % (four, A, B, "eth", "1e5"), ["amount"]),
            (row % (four, A, B, "eth", ""), ["amount"]),
            (row % ("0x12", A, B, "eth", "1"), ["tx"]),
            ("13,1700000036," + four, ["field|column"]),
            ((row % (four, A, B, "eth", "1")).replace("13,", "x,", 1), ["block"]),
            ((row % (four, A, B, "eth", "1")).replace("1700000036", "yesterday"), ["time"]),
            ((row % (four, A, B, "eth", "1")).replace("native", "gift"), ["kind"]),
            ((row % (four, A, B, "eth", "1")).replace(",ok", ",maybe"), ["status"]),
            (row % (four, '"' + A, B, "eth", "1"), ["quote"]),
            (row % (T1, A, B, "eth", "1"), ["block 10"]),
        ]
        for text, words in tests:
            with self.subTest(text):
                path = self.write("bad.csv", "\n".join(GOOD + [text]) + "\n")
                line = self.bad(self.yaml, path, says=["bad.csv:%d" % (len(GOOD) + 1)])
                for word in words:
                    self.assertRegex(line, word)

    def test_a_missing_column(self):
        for column in ("block", "tx", "from", "to", "amount"):
            header = ",".join("x" if c == column else c for c in GOOD[0].split(","))
            path = self.write("bad.csv", "\n".join([header] + GOOD[1:]) + "\n")
            self.bad(self.yaml, path, says=["bad.csv:1:", '"%s"' % column, "map"])

    def test_empty_and_foreign_files(self):
        self.bad(self.yaml, self.write("empty.csv", ""), says=["empty.csv", "empty"])
        self.bad(self.yaml, self.path("missing.csv"), says=["missing.csv", "no such file"])
        self.bad(self.yaml, self.write("what.bin", b"\x00\x01\x02" * 50), says=["what.bin"])
        self.bad(self.yaml, self.folder, says=[self.folder])
        self.bad(self.yaml, self.write("bin.csv", bytes(range(256)) * 20), says=["bin.csv:1"])
        self.bad(self.yaml, self.write("cut.csv.gz", gzip.compress(
            "\n".join(GOOD).encode() * 50)[:-20]), says=["cut.csv.gz"])
        # Of another kind it may be another chain's; said to be of the same it is refused.
        self.bad(self.yaml, self.source,
                 "ethereum=" + os.path.join(SHARED_BLOCKS, "genesis.blk"),
                 says=["genesis.blk", "kind"])

    def test_a_line_without_end(self):
        self.bad(self.yaml, self.write("long.csv", GOOD[0] + "\n" + "9" * 40_000_000),
                 says=["long.csv:2"])

    def test_a_bomb_of_an_archive(self):
        """A megabyte that unpacks to a gigabyte of one line: stopped early, in little memory."""
        bomb = gzip.compress((GOOD[0] + "\n").encode()) + gzip.compress(b"0" * (1 << 25)) * 32
        path = self.write("bomb.csv.gz", bomb)
        self.refused("trace", self.yaml, path, "--quiet", says=["bomb.csv.gz:2"])

    def test_flipped_and_cut_bytes_never_crash(self):
        chance = random.Random(1)
        good = ledgers.Accounts(3, 12).csv().encode()
        for i in range(80):
            bad = bytearray(good[:chance.randrange(len(good))] if i % 3 == 0 else good)
            for _ in range(chance.choice([1, 3, 40])):
                if bad:
                    bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            self.neither_crash_nor_noise("csv:" + self.write("bad.csv", bytes(bad)))

    def neither_crash_nor_noise(self, *args, yaml=None):
        done = dye.run("trace", yaml or self.yaml, *args, "--quiet", text=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), done.returncode, done.stderr)
        done.stderr.decode("utf-8")
        self.assertNotRegex(done.stderr.replace(b"\n", b""), rb"[\x00-\x1f\x7f]")


class Cases(Bad):
    """Case files and what they name."""

    def test_seeds_that_are_not_there(self):
        seed = {"address": A, "tx": T1}
        tests = [
            (dict(seed, tx="0x" + "9" * 64), ["not in the source"]),
            (dict(seed, address="0x" + "c" * 40), ["check address"]),
            (dict(seed, amount="5.000000000000000001"), ["5.000000000000000001", "only 5"]),
            (dict(seed, asset="usdt"), ["check address, asset"]),
            (dict(seed, asset="gold"), ["gold"]),
            (dict(seed, address=WRONG_CASE), ["checksum"]),
            (dict(seed, amount="1" + "0" * 70), ["amount|digits|large|units"]),
            (dict(seed, amount="0"), ["zero"]),
            (dict(seed, amount="1", amount_base="1"), ["not both"]),
            ({"address": A}, ["amount"]),
            ({"tx": T1}, ["address"]),
            (dict(seed, adress=A), ["did you mean 'address'"]),
            ({"outpoint": "00:1"}, ["UTXO|outpoint"]),
            ({"address": A, "amount": "1", "time": "2999-01-01T00:00:00Z"}, ["not in the source"]),
        ]
        for stolen, words in tests:
            with self.subTest(stolen=stolen):
                path = self.case("bad", stolen=[stolen])
                line = self.bad(path, self.source, says=["bad.yaml:3"])
                for word in words:
                    self.assertRegex(line, word)

    def test_of_several_case_files_the_right_one_is_named(self):
        for stolen in ({"address": A, "tx": "0x" + "9" * 64},
                       {"address": A, "tx": T1, "amount": "6"},
                       {"address": "0x" + "c" * 40, "tx": T1}):
            bad = self.case("second", stolen=[stolen])
            for yamls in ([self.yaml, bad], [bad, self.yaml]):
                self.refused("trace", *yamls, self.source, "--quiet", says=["second.yaml:3"])

    def test_other_keys(self):
        good = [{"address": A, "tx": T1}]
        self.bad_case(says=["stolen"])
        self.bad_case(says=["did you mean 'ethereum'"], place=2, chain="etherium", stolen=good)
        self.bad_case(says=["policy"], place=3, policy="fiffo", stolen=good)
        self.bad_case(says=["did you mean 'stolen'"], place=3, stollen=good)
        self.bad_case(says=["amount"], place=4, stolen=good,
                      opening=[{"address": A}])
        self.bad_case(says=["list"], place=3, stolen="everything")
        self.bad_case(says=["transaction id"], place=3, chain="bitcoin", stolen=good)

    def test_files_that_are_no_yaml(self):
        for text in ("", "[", "a: [", "\t- x", "incident: \x00", "just words", "- a\n- b",
                     "a: &x 1\nb: *x\n", "x: {" * 3000):
            with self.subTest(text=text[:20]):
                self.bad(self.write("bad.yaml", text), self.source, says=["bad.yaml"])
        self.bad(self.path("missing.yaml"), self.source, says=["missing.yaml"])
        self.bad(self.write("bytes.yaml", bytes(range(256))), self.source, says=["bytes.yaml"])

    def test_cases_that_do_not_go_together(self):
        same = self.path("same.yaml")
        shutil.copy(self.yaml, same)
        self.bad(self.yaml, same, self.source, says=["two case files"])
        other = self.case("other", "bitcoin", stolen=[{"outpoint": "11" * 32 + ":0"}])
        self.bad(self.yaml, other, self.source, says=["cannot be told", "ethereum, bitcoin"])
        other = self.case("other", policy="haircut", stolen=[{"address": A, "tx": T1}])
        self.bad(self.yaml, other, self.source, says=["--policy"])

    def test_two_words_about_one_place(self):
        """Cases traced together stop at each other's services."""
        theft = [{"address": A, "tx": T1}]
        one = self.case("one", stolen=theft, services=[{"address": B, "name": "An Exchange"}])
        two = self.case("two", stolen=theft, services=[{"address": B, "name": "Ours"}])
        three = self.case("three", stolen=theft)
        results = self.results(one, two, three, self.source)
        for name, calls_it in (("one", "An Exchange"), ("two", "Ours"), ("three", "An Exchange")):
            for arrival in results[name]["arrivals"]:
                self.assertEqual(arrival["service"], calls_it)
        self.assertTrue(results["one"]["arrivals"])
        two = self.case("two", stolen=theft, services=[{"address": B, "name": "M",
                                                        "bucket": "mixer"}])
        self.bad(one, two, self.source, says=["service", "mixer", "must agree"])

    def test_flipped_bytes_never_crash(self):
        chance = random.Random(2)
        with open(os.path.join(dye.ROOT, "incidents/bybit-2025-02/case.yaml"), "rb") as file:
            good = file.read()
        for _ in range(60):
            bad = bytearray(good)
            for _ in range(chance.choice([1, 3, 40])):
                bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            path = self.write("bad.yaml", bytes(bad))
            Rows.neither_crash_nor_noise(self, self.source, yaml=path)


class Blocks(Bad):
    """Bitcoin blocks."""

    def setUp(self):
        super().setUp()
        with open(os.path.join(SHARED_BLOCKS, "mainnet-1-5.dat"), "rb") as file:
            self.framed = file.read()
        self.records, at = [], 0
        while at < len(self.framed):
            size = 8 + int.from_bytes(self.framed[at + 4:at + 8], "little")
            self.records.append(self.framed[at:at + size])
            at += size
        self.coinbase = bitcoin.read_block(self.records[0][8:])["txs"][0]["id"]
        self.yaml = self.case("coins", "bitcoin", stolen=[{"outpoint": self.coinbase + ":0"}])
        self.good = self.write("good.dat", self.framed)
        self.book = self.path("coins.casebook")
        self.trace(self.yaml, self.good, "--casebook", self.book)
        self.before = dye.dump(self.book)

    def bad_blocks(self, content, *words, name="bad.dat"):
        self.bad(self.yaml, self.write(name, content), says=[name, *words])

    def test_a_wrong_merkle_root(self):
        for at in (8 + 36, 8 + 67, len(self.records[4]) - 5):
            damaged = bytearray(self.records[4])
            damaged[at] ^= 4
            content = b"".join(self.records[:4]) + bytes(damaged)
            self.bad_blocks(content, "merkle root")
            self.bad_blocks(bytes(damaged[8:]), "bad.blk", name="bad.blk")
        # In the middle: the next block no longer finds its parent.
        damaged = bytearray(self.records[2])
        damaged[8 + 40] ^= 4
        self.bad_blocks(b"".join(self.records[:2]) + bytes(damaged) + b"".join(self.records[3:]))

    def test_cut_and_oversized(self):
        bare = self.records[1][8:]
        self.bad_blocks(bare[:-1], name="bad.blk")
        self.bad_blocks(bare + b"\x00", name="bad.blk")
        self.bad_blocks(bare[:60], name="bad.blk")
        self.bad_blocks(b"", name="bad.blk")
        huge = self.records[0][:4] + (0xffffffff).to_bytes(4, "little") + bare
        self.bad_blocks(self.framed + huge + self.records[0], "impossible size")
        self.bad_blocks(self.records[0] + huge, "impossible size")
        self.bad_blocks(self.records[0] + b"\xff" * 100, "mark of a network|bad.dat".split("|")[1])

    def test_the_last_record_may_be_cut_while_a_node_writes_and_not_elsewhere(self):
        path = self.write("blk00000.dat", self.framed[:-10])
        done = dye.run("trace", self.yaml, path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("left out: the last block", done.stderr)
        self.assertEqual(self.results(self.yaml, path)["coins"]["height"], 4)
        self.bad_blocks(self.framed[:-10], "in the middle of a block", name="copy.dat")
        self.bad_blocks(self.framed + self.framed[:5], "in the middle of a block", name="copy.dat")

    def test_a_block_that_is_its_own_parent_or_grandparent(self):
        """Hashes cannot really loop; headers that claim a missing parent make no chain."""
        looping = bytearray(self.records[1])
        looping[8 + 4:8 + 36] = bitcoin.sha256d(bytes(looping[8:88]))
        done = dye.run("trace", self.yaml, self.write("loop.dat", b"".join(
            [self.records[0], bytes(looping), self.records[0], self.records[0]])), "--quiet")
        self.assertIn(done.returncode, (0, 1))
        self.assertLessEqual(done.stderr.count("\n"), 1)

    def test_a_transaction_that_stands_twice(self):
        """Repeating the last of an odd number of transactions leaves the merkle root as it was: the
        oldest trick against readers of blocks (CVE-2012-2459)."""
        first = bitcoin.read_block(self.records[0][8:])
        end = len(self.records[0]) - 8 - 81
        coinbase = self.records[0][8 + 81:]
        assert len(first["txs"]) == 1 and len(coinbase) == end
        block = self.records[0][8:88] + b"\x02" + coinbase + coinbase
        self.bad_blocks(block, name="twice.blk")
        self.bad_blocks(self.records[0][:4] + len(block).to_bytes(4, "little") + block)

    def test_another_network(self):
        yaml = self.case("net", "testnet3", stolen=[{"outpoint": self.coinbase + ":0"}])
        self.bad(yaml, self.good, says=["good.dat"])

    def test_seeds(self):
        other = bitcoin.read_block(self.records[1][8:])["txs"][0]["id"]
        tests = [
            ({"outpoint": "77" * 32 + ":0"}, ["not in the source"]),
            ({"outpoint": self.coinbase + ":1"}, ["output 1", "only 1"]),
            ({"outpoint": self.coinbase + ":0", "amount": "50.00000001"}, ["only 50"]),
            ({"outpoint": self.coinbase}, ["outpoint|txid"]),
            ({"outpoint": self.coinbase + ":-1"}, ["outpoint|vout|number"]),
            ({"tx": other, "address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}, ["check the address"]),
            ({"tx": other, "address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"}, ["checksum"]),
            ({"tx": other, "address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"}, ["checksum"]),
        ]
        for stolen, words in tests:
            with self.subTest(stolen=stolen):
                line = self.bad(self.case("bad", "bitcoin", stolen=[stolen]), self.good,
                                says=["bad.yaml:3"])
                for word in words:
                    self.assertRegex(line, word)

    def test_flipped_bytes_never_crash(self):
        chance = random.Random(3)
        for i in range(60):
            bad = bytearray(self.framed)
            for _ in range(chance.choice([1, 1, 3, 60])):
                bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            Rows.neither_crash_nor_noise(self, self.write("bad-%d.dat" % (i % 2), bytes(bad)))


class Coins(Bad):
    """A made-up UTXO ledger in CSV: what a chain must not do."""
    HEADER = "block,tx,kind,from,to,amount"

    def txid(self, n):
        return "%064x" % n

    def setUp(self):
        super().setUp()
        made = [self.txid(n) for n in (1, 2)]
        self.rows = [self.HEADER, "1,%s,output,,name:a,50" % made[0],
                     "2,%s,input,%s:0,," % (made[1], made[0]),
                     "2,%s,output,,name:b,20" % made[1], "2,%s,output,,name:c,29" % made[1]]
        self.yaml = self.case("coins", "bitcoin", stolen=[{"outpoint": made[0] + ":0"}])
        self.good = self.write("coins.csv", "\n".join(self.rows) + "\n")
        self.book = self.path("coins.casebook")
        self.trace(self.yaml, self.good, "--casebook", self.book)
        self.before = dye.dump(self.book)

    def bad_coins(self, *rows, says=()):
        path = self.write("bad.csv", "\n".join(self.rows + list(rows)) + "\n")
        self.bad(self.yaml, path, says=says)

    def test_impossible_transactions(self):
        two, three, four = (self.txid(n) for n in (2, 3, 4))
        self.bad_coins("3,%s,input,%s:0,,20" % (three, two), "3,%s,input,%s:0,,20" % (three, two),
                       "3,%s,output,,name:d,40" % three, says=["bad.csv", "spends one coin twice"])
        # Pays out more than it spends; another value than the coin has; one id in two blocks.
        self.bad_coins("3,%s,input,%s:0,," % (three, two), "3,%s,output,,name:d,20.1" % three,
                       says=["bad.csv:6", "20.1"])
        self.bad_coins("3,%s,input,%s:0,,21" % (three, two), "3,%s,output,,name:d,20" % three,
                       says=["bad.csv:6"])
        self.bad_coins("3,%s,output,,name:d,50" % two, says=["bad.csv:6"])
        self.bad_coins("3,%s,output,,name:d,184467440737.1" % four, says=["bad.csv:6", "amount"])
        self.bad_coins("3,%s,output,,bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5,1" % four,
                       says=["bad.csv:6", "to", "checksum"])

    def test_a_seed_that_was_already_spent(self):
        """The theft is said to be later than the coin's end."""
        first = self.txid(1)
        line = self.bad(self.case("bad", "bitcoin", stolen=[
            {"outpoint": self.txid(9) + ":0", "block": 3}]), self.write(
                "spent.csv", "\n".join(self.rows + [
                    "3,%s,input,%s:0,,5" % (self.txid(5), self.txid(8)),
                    "3,%s,output,,name:d,5" % self.txid(5)]) + "\n"), says=["bad.yaml:3"])
        self.assertIn("not in the source", line)
        rows = [self.HEADER, "2,%s,input,%s:0,,50" % (self.txid(2), first),
                "2,%s,output,,name:b,50" % self.txid(2)]
        line = self.bad(self.case("bad", "bitcoin", stolen=[
            {"outpoint": first + ":0", "block": 3}]),
            self.write("late.csv", "\n".join(rows) + "\n"), says=["bad.yaml:3"])
        self.assertIn("already spent in block 2", line)


class Misuse(dye.Case):
    """Exit code 2, and what was probably meant."""

    def test_words(self):
        yaml = self.case("c", stolen=[{"address": A, "amount": "1"}])
        csv = self.write("x.csv", "\n".join(GOOD) + "\n")
        tests = [
            (["trcae"], "'trace'"), (["paht", "x"], "'path'"), (["rolback"], "'rollback'"),
            (["trace", yaml, csv, "--polcy", "fifo"], "--policy"),
            (["trace", yaml, csv, "--formt=json"], "--format"),
            (["trace", yaml, csv, "--policy", "fif0"], "'fifo'"),
            (["trace", yaml, csv, "--policy", "hair-cut"], "'haircut'"),
            (["trace", yaml, csv, "--format", "jsn"], "'json'"),
            (["trace", yaml, csv, "--format", "grapml"], "'graphml'"),
            (["trace", yaml, csv, "--until", "soon"], "--until"),
            (["trace", yaml, csv, "--until"], "--until needs a value"),
            (["trace", yaml, csv, "--quiet=yes"], "takes no value"),
            (["trace", yaml, csv, "--memory", "0"], "--memory"),
            (["trace", yaml, csv, "--start-height", "-1"], "--start-height"),
            (["trace", yaml, csv, "-q"], "two dashes"),
            (["trace", yaml], "no source"), (["trace", csv], "no case file"),
            (["trace"], "no case"),
            (["list", "polices"], "'policies'"), (["list"], "policies"),
            (["path", "a", "b"], "HOLDER"), (["rollback", "a"], "height"),
            (["rollback", "a", "b", "x"], "height"),
            (["path", "a", "b", "c", "--format", "jason"], "'json'"),
        ]
        for args, word in tests:
            with self.subTest(args=args):
                self.assertIn(word, self.refused(*args, code=2))
        self.assertEqual(os.listdir(self.folder).count("a"), 0)

    def test_nothing_at_all_prints_help_and_help_is_no_error(self):
        self.assertEqual(dye.run().returncode, 2)
        for args in (["--help"], ["help"], ["trace", "--help"], ["path", "--help"],
                     ["rollback", "--help"], ["list", "--help"], ["--version"]):
            self.assertTrue(self.done(*args))

    def test_lists(self):
        self.assertEqual([line.split()[0] for line in self.done("list", "policies").splitlines()
                          if not line.startswith(" ")], list(dye.POLICIES))
        self.assertIn("csv", self.done("list", "sources"))
        for word in ("ETH", "USDT", "stETH"):
            self.assertIn(word, self.done("list", "assets"))
        self.assertIn("eip155:1", self.done("list", "chains"))


class Hostile(Bad):
    """Strings that would do something to the terminal, the spreadsheet or the browser."""
    ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m"

    def clean(self, data):
        self.assertNotRegex(data.decode("utf-8").replace("\n", ""), "[\x00-\x1f\x7f-\x9f]")

    def test_escapes_in_rows_never_reach_the_terminal(self):
        for place in range(2, 9):
            fields = GOOD[2].split(",")
            fields[place] = fields[place][:3] + self.ESCAPE
            path = self.write("esc\x1b[31m.csv", "\n".join(GOOD[:2] + [",".join(fields)]) + "\n")
            for form in ("text", "json", "csv", "dot", "graphml"):
                done = dye.run("trace", self.yaml, path, "--quiet", "--format", form, text=False)
                self.clean(done.stderr)
                self.clean(done.stdout)

    def test_a_decoys_symbol(self):
        rows = [GOOD[0] + ",contract", GOOD[1] + ",",
                "11,1700000012,%s,token,%s,%s,%s,1,ok,%s" % (
                    T2, A, B, "E\x1b[2J\u202eTH" + self.ESCAPE, ledgers.DECOY)]
        path = self.write("decoy.csv", "\n".join(rows) + "\n")
        for form in ("text", "json", "csv", "dot", "graphml"):
            done = dye.run("trace", self.yaml, path, "--quiet", "--format", form, text=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.clean(done.stdout)

    def test_titles_and_names_in_a_case_file(self):
        for escape in ("\\e[2J", "\\x07", "\\u009b31m", "\\u007f", "line\\nline"):
            path = self.write("title.yaml", "incident: t\ntitle: \"%s\"\nchain: ethereum\n"
                              "stolen:\n  - {address: \"%s\", tx: \"%s\"}\n" % (escape, A, T1))
            self.refused("trace", path, self.source, "--quiet",
                         says=["title.yaml:2", "control character"])
        path = self.write("name.yaml", "incident: t\nchain: ethereum\nstolen:\n"
                          "  - {address: \"%s\", tx: \"%s\"}\nservices:\n  - {address: \"%s\","
                          " name: \"=cmd|'/c calc'!A1, <b>\\\"Ex\\\" & co</b>\"}\n" % (A, T1, B))
        for form in ("text", "json", "csv", "dot", "graphml"):
            self.done("trace", path, self.source, "--quiet", "--format", form)
        table = self.done("trace", path, self.source, "--quiet", "--format", "csv")
        self.assertIn("\"'=cmd", table)

    def test_the_words_of_a_link(self):
        """They are shown as evidence, whoever wrote them; but they do nothing to the screen."""
        path = self.write("words.yaml", "incident: t\nchain: ethereum\nstolen:\n"
                          "  - {address: \"%s\", tx: \"%s\"}\nlinks:\n"
                          "  - {from: \"%s\", to: \"%s\", assets: [eth], amount: \"1\","
                          " by: \"a \\e[2J \\u009b31m b\"}\n"
                          % (A, T1, A, B))
        book = self.path("words.casebook")
        for form in ("text", "json", "csv", "dot", "graphml"):
            done = dye.run("trace", path, self.source, "--quiet", "--format", form, "--casebook",
                           book, text=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            if form != "json":  # which escapes what its own rules want escaped
                self.clean(done.stdout)
        for form in ("text", "csv"):
            self.clean(self.done("path", book, "t", B, "--format", form).encode())

    def test_names_of_wallets(self):
        """`name:` takes words, not escapes."""
        fields = GOOD[3].replace("name:deep", "name:a" + self.ESCAPE)
        path = self.write("name.csv", "\n".join(GOOD[:3] + [fields]) + "\n")
        done = dye.run("trace", self.yaml, path, "--quiet", text=False)
        self.clean(done.stdout)
        self.clean(done.stderr)


class Progress(Bad):
    """What is said beside the result: a line at the end, a bar on a terminal, nothing if asked."""

    def test_a_line_at_the_end(self):
        done = dye.run("trace", self.yaml, self.source)
        self.assertRegex(done.stderr, r"^followed 3 blocks, 3 movements in \d+\.\d s\n$")

    def test_a_bar_on_a_terminal(self):
        """Standard error is a terminal here, and the source comes slowly."""
        try:
            ours, theirs = pty.openpty()
        except OSError as problem:
            self.skipTest(f"this machine gives no terminals: {problem}")
        process = subprocess.Popen([dye.DYEPACK, "trace", self.yaml, "--format", "json", "-",
                                    "--memory", "1"], stdin=subprocess.PIPE, stderr=theirs,
                                   stdout=subprocess.PIPE, text=True)
        process.stdin.write("\n".join(GOOD) + "\n")
        process.stdin.flush()
        time.sleep(0.4)
        out, _ = process.communicate("13,1700000036,0x%s,native,%s,%s,eth,1,ok\n" % (
            "7" * 64, A, B))
        os.close(theirs)
        said = os.read(ours, 4096).decode()
        os.close(ours)
        self.assertIn('"height": 13', out)
        self.assertIn("followed 4 blocks", said)
        self.assertIn("movements/s", said)


class Output(Bad):
    """Results that cannot be written, and sources in other wrappings."""

    def test_a_full_disk_is_said(self):
        for args in (["trace", self.yaml, self.source, "--quiet"], ["list", "assets"], ["--help"],
                     ["trace", self.yaml, self.source, "--quiet", "--format", "json"],
                     ["path", self.book, "good", "name:deep"], ["--version"],
                     ["rollback", self.book, "good", "12"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = dye.run(*args, stdout=full)
            self.assertEqual(done.returncode, 1, args)
            self.assertEqual(done.stderr.count("\n"), 1, (args, done.stderr))
            self.assertIn("cannot write the result", done.stderr)

    def test_a_broken_pipe_is_said(self):
        """Unless the shell wants it killed: with SIGPIPE ignored it is an error like any other."""
        for form in ("text", "json"):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([dye.DYEPACK, "trace", self.yaml, self.source, "--quiet",
                                   "--format", form], stdout=writer, stderr=subprocess.PIPE,
                                  text=True, check=False, restore_signals=False)
            os.close(writer)
            self.assertEqual(done.returncode, 1)
            self.assertIn("cannot write the result", done.stderr)

    def test_a_casebook_that_cannot_be_written(self):
        self.refused("trace", self.yaml, self.source, "--quiet", "--casebook",
                     self.path("no/such/folder.casebook"), says=["no/such/folder.casebook"])
        self.refused("trace", self.yaml, self.source, "--quiet", "--casebook", self.folder,
                     says=[self.folder])

    def test_stdin_gzip_and_zstd_are_the_plain_file(self):
        ledger = ledgers.Accounts(21, 40)
        text = ledger.csv()
        _, tx, to, _ = next(iter(ledger.arrivals("eth")))
        yaml = self.case("wrapped", stolen=[{"address": to, "tx": tx}])
        plain = self.trace(yaml, self.write("x.csv", text))
        self.assertEqual(self.trace(yaml, "-", stdin=text), plain)
        self.assertEqual(self.trace(yaml, self.write("x.csv.gz", gzip.compress(text.encode()))),
                         plain)
        packed = subprocess.run(["zstd", "-qc"], input=text.encode(), capture_output=True,
                                check=True).stdout
        self.assertEqual(self.trace(yaml, self.write("x.csv.zst", packed)), plain)
        self.assertEqual(self.trace(yaml, "csv:" + self.write("x.txt", text)), plain)
        halves = [self.write("first.csv", ledger.csv(last=20)),
                  self.write("second.csv", ledger.csv(first=21))]
        self.assertEqual(self.trace(yaml, *halves), plain)
        self.assertEqual(self.trace(yaml, *halves[::-1]), plain)
        shuffled = text.splitlines(keepends=True)
        body = shuffled[1:]
        groups = {}
        for row in body:
            groups.setdefault(row.split(",")[0], []).append(row)
        mixed = "".join(shuffled[:1] + [r for g in reversed(list(groups.values())) for r in g])
        self.assertEqual(self.trace(yaml, self.write("mixed.csv", mixed)), plain)


if __name__ == "__main__":
    unittest.main()

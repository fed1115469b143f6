"""A casebook is the evidence: however a trace got there, it holds the same.

Stopped and continued anywhere, rolled back, corrected, interrupted or killed: what comes out must
be what one undisturbed run writes, byte for byte in the JSON and row for row in every table (I-1,
I-3, I-4). What cannot be continued is refused and leaves every row as it was.

The ledgers are made up (tests/cli/ledgers.py) or real Bitcoin blocks.
"""
# Covers: cli/trace.c cli/rollback.c casebook/sql.c
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

import dye
import ledgers

UNDO_BLOCKS = 128  # how many blocks a casebook can undo


def seeds_of(ledger):
    """Three thefts: one by transaction, one by time, one by height and in another asset."""
    eth = list(ledger.arrivals("eth"))
    usdt = list(ledger.arrivals("usdt"))
    _, tx, to, amount = eth[2]
    early = ledgers.address(3)
    return {
        "one": [{"address": to, "tx": tx, "amount_base": str(amount)}],
        "two": [{"address": early, "asset": "eth", "amount_base": str(3 * 10 ** 20 + 1),
                 "time": ledgers.TIME_FIRST + 60}],
        "three": [{"address": usdt[0][2], "asset": "usdt", "amount_base": "90000000001",
                   "block": 9},
                  {"address": eth[5][2], "tx": eth[5][1]}],
    }


class Casebooks(dye.Case):
    """Makes ledgers and case files; runs traces into casebooks."""

    def ledger(self, seed=1, blocks=60, **more):
        made = ledgers.Accounts(seed, blocks, **more)
        self.yamls = [self.case(name, stolen=stolen, dust_limit=40)
                      for name, stolen in seeds_of(made).items()]
        return made

    def book(self, name):
        return self.path(name + ".casebook")

    def into(self, book, *sources, yamls=None, policy="fifo", more=()):
        return self.trace(*(yamls or self.yamls), *sources, "--policy", policy, "--casebook",
                          self.book(book), *more)

    def same_books(self, one, other):
        self.assertEqual(dye.dump(self.book(one)), dye.dump(self.book(other)))


class Resume(Casebooks):
    def test_made_up_ledgers_equal_the_model_too(self):
        """So that what is compared below is not one mistake made twice."""
        for seed in (1, 2, 3):
            ledger = self.ledger(seed)
            source = self.write("all.csv", ledger.csv())
            for policy in dye.POLICIES:
                # The model knows movements, not net flows (link/net.h has a model of its own).
                results = self.results(*self.yamls, source, "--policy", policy,
                                       "--no-links")
                stolen = seeds_of(ledger)
                world = ledger.world(policy, self.model_seeds(ledger, stolen), dust_limit=40)
                # The engine orders cases by the time of the theft, where one is known.
                world["cases"] = ["two", "one", "three"]
                for name, result in results.items():
                    expected = dye.summary_of_model(world, name)
                    ours = dye.summary_of_json(result, utxo=False)
                    self.assertEqual(ours, expected, (seed, policy, name))

    @staticmethod
    def model_seeds(ledger, stolen):
        result, arrived = [], {(tx, to): n for _, tx, to, n in ledger.arrivals("eth")}
        for case, seeds in stolen.items():
            for seed in seeds:
                amount = seed.get("amount_base") or arrived[(seed["tx"], seed["address"])]
                result.append({"case": case, "address": seed["address"],
                               "asset": seed.get("asset", "eth"), "tx": seed.get("tx"),
                               "amount": amount, "time": seed.get("time"),
                               "block": seed.get("block")})
        return result

    def test_csv_cut_anywhere_and_continued_is_one_run(self):
        ledger = self.ledger()
        everything = self.write("all.csv", ledger.csv())
        rows = ledger.csv().count("\n") - 1
        for policy in dye.POLICIES:
            once = self.into("once-" + policy, everything, policy=policy)
            # The start must hold all seeds; the rest is anywhere, mostly in the middle of a block.
            for rows_max in (rows // 3, rows // 2 + 1, rows - 1):
                part = self.write("part.csv", ledger.csv(rows_max=rows_max))
                name = "cut-%s-%d" % (policy, rows_max)
                self.into(name, part, policy=policy)
                again = self.into(name, everything, policy=policy)
                self.assertEqual(again, once, (policy, rows_max))
                self.same_books(name, "once-" + policy)

    def test_block_by_block_is_one_run(self):
        ledger = self.ledger(seed=4, blocks=40)
        everything = self.write("all.csv", ledger.csv())
        once = self.into("once", everything)
        for last in range(25, 41):
            text = self.into("steps", everything, more=("--until", str(last)))
            self.assertEqual(json.loads(text)["cases"][0]["height"], last)
        self.assertEqual(self.into("steps", everything), once)
        self.same_books("steps", "once")

    def test_the_same_again_changes_nothing(self):
        ledger = self.ledger()
        everything = self.write("all.csv", ledger.csv())
        once = self.into("once", everything)
        before = dye.dump(self.book("once"))
        self.assertEqual(self.into("once", everything), once)
        self.assertEqual(dye.dump(self.book("once")), before)

    def test_until_a_height_or_a_time_is_a_shorter_source(self):
        ledger = self.ledger()
        everything = self.write("all.csv", ledger.csv())
        short = self.write("short.csv", ledger.csv(last=30))
        direct = self.trace(*self.yamls, short)
        stamp = str(ledgers.TIME_FIRST + 12 * 30)
        self.assertEqual(self.trace(*self.yamls, everything, "--until", "30"), direct)
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(stamp)))
        self.assertEqual(self.trace(*self.yamls, everything, "--until", when), direct)

    def test_bitcoin_continued_is_one_run(self):
        first = dye.data("bitcoin", "testnet3-928848.blk")
        second = dye.data("bitcoin", "testnet3-928849.blk")
        crossing = "0d5638fe08dc4f82adf033b9a724d6510801cb36526edb581baf3b2dc6fc25f1"
        yamls = [self.case("a", "testnet3", stolen=[{"outpoint": crossing + ":1"}]),
                 self.case("b", "testnet3", stolen=[{"outpoint": crossing + ":12"},
                                                    {"outpoint": crossing + ":0"}])]
        for policy in dye.POLICIES:
            once = self.into("once-" + policy, first, second, yamls=yamls, policy=policy)
            self.into("two-" + policy, first, yamls=yamls, policy=policy)
            self.assertEqual(self.into("two-" + policy, first, second, yamls=yamls,
                                       policy=policy), once)
            self.same_books("once-" + policy, "two-" + policy)
            # The second file alone, as a node would hand it over.
            self.into("tip-" + policy, first, yamls=yamls, policy=policy)
            tip = json.loads(self.into("tip-" + policy, second, yamls=yamls, policy=policy))
            whole = json.loads(once)
            for a, b in zip(tip["cases"], whole["cases"]):
                self.assertEqual(a["holders"], b["holders"])
                self.assertEqual(a["stolen"], b["stolen"])

    def test_early_bitcoin_in_slices(self):
        path = dye.data("bitcoin", "mainnet-1-255.dat")
        with open(path, "rb") as file:
            content = file.read()
        records, at = [], 0
        while at + 8 <= len(content):
            size = 8 + int.from_bytes(content[at + 4:at + 8], "little")
            records.append(content[at:at + size])
            at += size
        # Block 9's coinbase, the first that was ever spent.
        yaml = self.case("fifty", "bitcoin", stolen=[{
            "outpoint": "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9:0"}])
        once = self.into("once", path, yamls=[yaml])
        for blocks in (9, 169, 170, 171, 200, 254, 255):
            part = self.write("part.dat", b"".join(records[:blocks]))
            self.into("slices", part, yamls=[yaml])
        self.assertEqual(self.into("slices", path, yamls=[yaml]), once)
        self.same_books("slices", "once")


class Rollback(Casebooks):
    def test_rollback_then_trace_again_is_one_run(self):
        ledger = self.ledger(seed=5, blocks=50)
        everything = self.write("all.csv", ledger.csv())
        for policy in dye.POLICIES:
            once = self.into("book-" + policy, everything, policy=policy)
            before = dye.dump(self.book("book-" + policy))
            for height in (49, 40, 20):
                said = self.done("rollback", self.book("book-" + policy), "two", height)
                undone = 50 - height
                self.assertIn("undid %d block%s;" % (undone, "" if undone == 1 else "s"), said)
                direct = self.path("direct")
                if os.path.exists(direct):
                    os.remove(direct)
                self.trace(*self.yamls, everything, "--policy", policy, "--until", str(height),
                           "--casebook", direct)
                self.assertEqual(without_facts(dye.dump(self.book("book-" + policy))),
                                 without_facts(dye.dump(direct)))
                self.assertEqual(self.into("book-" + policy, everything, policy=policy), once)
                self.assertEqual(dye.dump(self.book("book-" + policy)), before)

    def test_rollback_of_everything_and_beyond_reach(self):
        ledger = self.ledger(seed=6, blocks=UNDO_BLOCKS + 40)
        everything = self.write("all.csv", ledger.csv())
        once = self.into("book", everything)
        before = dye.dump(self.book("book"))
        self.refused("rollback", self.book("book"), "one", "39",
                     says=["128 blocks", "nothing was changed"])
        self.refused("rollback", self.book("book"), "nobody", "100", says=["nobody"])
        self.assertEqual(dye.dump(self.book("book")), before)
        self.assertIn("undid 128 blocks", self.done("rollback", self.book("book"), "one", "40"))
        self.assertEqual(self.into("book", everything), once)

    def test_a_rollback_to_before_the_first_block(self):
        ledger = self.ledger(seed=6, blocks=30)
        everything = self.write("all.csv", ledger.csv())
        once = self.into("book", everything)
        self.assertIn("no block is followed",
                      self.done("rollback", self.book("book"), "one", "0"))
        self.assertEqual(self.into("book", everything), once)


def without_facts(lines):
    """What was read in all, and undo records that only the longer run still needs, are not part
    of the state."""
    kept, table = [], ""
    for line in lines:
        if not line.startswith("("):
            table = line.split()[0]
        if table not in ("run", "journal") or not line.startswith("("):
            kept.append(line)
    return kept


class Corrected(Casebooks):
    """A source that says something else about blocks that were followed."""

    def corrected(self, ledger, height):
        """The ledger with one movement of that block changed."""
        for number, _, txs in ledger.blocks:
            if number == height:
                row = next(r for tx in txs for r in tx["rows"])
                row["amount"] += 1
                row["to"] = ledgers.address(77)

    def test_a_corrected_row_is_followed(self):
        for height in (60, 55, 31):
            ledger = self.ledger(seed=7)
            wrong = self.write("wrong.csv", ledger.csv())
            self.corrected(ledger, height)
            right = self.write("right.csv", ledger.csv())
            once = self.into("once-%d" % height, right)
            self.into("book-%d" % height, wrong)
            again = dye.run("trace", *self.yamls, right, "--casebook",
                            self.book("book-%d" % height), "--format", "json")
            self.assertIn("block %d differs" % height, again.stderr)
            self.assertEqual(again.stdout, once)
            self.same_books("once-%d" % height, "book-%d" % height)

    def test_a_correction_and_more_blocks(self):
        ledger = self.ledger(seed=8, blocks=50)
        wrong = self.write("wrong.csv", ledger.csv(last=40))
        self.corrected(ledger, 38)
        right = self.write("right.csv", ledger.csv())
        once = self.into("once", right)
        self.into("book", wrong)
        self.assertEqual(self.into("book", right), once)
        self.same_books("once", "book")

    def test_a_block_that_is_gone_or_new(self):
        """Rows that were taken out, or come late: no block that is there says anything else."""
        ledger = self.ledger(seed=14, blocks=50)
        whole = self.write("whole.csv", ledger.csv())
        gap = self.write("gap.csv", ledger.csv(last=44) + ledger.csv(first=46).split("\n", 1)[1])
        for name, first, then in (("gone", whole, gap), ("new", gap, whole)):
            self.into(name, first)
            self.assertEqual(self.into(name, then), self.into(name + "-once", then))
            self.same_books(name, name + "-once")

    def test_too_deep_a_change_is_refused_and_nothing_is_lost(self):
        ledger = self.ledger(seed=9, blocks=UNDO_BLOCKS + 60)
        wrong = self.write("wrong.csv", ledger.csv())
        once = self.into("book", wrong)
        before = dye.dump(self.book("book"))
        self.corrected(ledger, 50)
        right = self.write("right.csv", ledger.csv())
        args = ("trace", *self.yamls, right, "--casebook", self.book("book"), "--quiet")
        self.refused(*args, says=["128", "new casebook"])
        self.assertEqual(dye.dump(self.book("book")), before)
        self.assertEqual(self.into("book", wrong), once)

    def test_a_shorter_chain_that_differs(self):
        """The new source ends before the casebook does, and differs: its chain is the one."""
        ledger = self.ledger(seed=10, blocks=50)
        self.into("book", self.write("long.csv", ledger.csv()))
        self.corrected(ledger, 44)
        right = self.write("right.csv", ledger.csv(last=46))
        self.assertEqual(self.into("book", right), self.into("once", right))


class Refused(Casebooks):
    """What does not fit a casebook is refused, and the casebook is unharmed."""

    def setUp(self):
        super().setUp()
        self.made = self.ledger(seed=11)
        self.source = self.write("all.csv", self.made.csv())
        self.once = self.into("book", self.source)
        self.before = dye.dump(self.book("book"))

    def no(self, yamls, *more, says=()):
        self.refused("trace", *yamls, self.source, "--casebook", self.book("book"), "--quiet",
                     *more, says=says)
        self.assertEqual(dye.dump(self.book("book")), self.before)

    def test_another_policy(self):
        self.no(self.yamls, "--policy", "haircut", says=["policy fifo", "not haircut"])

    def test_a_case_file_that_was_changed(self):
        with open(self.yamls[1], "a", encoding="utf-8") as file:
            file.write("# a word\n")
        self.no(self.yamls, says=["two", "changed"])

    def test_other_company(self):
        self.no(self.yamls[:2], says=["together"])
        self.no(self.yamls[:1], says=["together"])
        more = self.case("four", stolen=[{"address": ledgers.address(1), "amount": "1"}])
        self.no(self.yamls + [more], says=["some of these cases"])

    def test_another_order_of_cases(self):
        """No time says which is earlier; state is kept by their numbers."""
        first = self.case("first", stolen=[{"address": ledgers.address(1), "amount": "1"}])
        second = self.case("second", stolen=[{"address": ledgers.address(2), "amount": "1"}],
                           dust_limit=10 ** 18)
        together = [first, second, self.source, "--casebook", self.book("pair"), "--quiet"]
        self.trace(*together, "--until", "20")
        before = dye.dump(self.book("pair"))
        self.refused("trace", second, first, *together[2:],
                     says=["pair.casebook", "first before second", "order"])
        self.assertEqual(dye.dump(self.book("pair")), before)
        self.trace(*together)

    def test_a_file_that_is_no_casebook(self):
        text = self.write("notes.txt", "these are my notes, and I want to keep them\n" * 99)
        self.refused("trace", *self.yamls, self.source, "--casebook", text, "--quiet",
                     says=["notes.txt", "no casebook"])
        with open(text, encoding="utf-8") as file:
            self.assertEqual(file.read().count("\n"), 99)
        self.refused("path", text, "one", "x", says=["no casebook"])
        self.refused("path", self.path("missing"), "one", "x", says=["missing"])
        self.refused("rollback", self.path("missing"), "one", "3", says=["missing"])

    def test_a_database_of_somebody_else(self):
        path = self.path("other.db")
        db = sqlite3.connect(path)
        db.execute("create table precious(x)")
        db.execute("insert into precious values('keep')")
        db.commit()
        db.close()
        self.refused("trace", *self.yamls, self.source, "--casebook", path, "--quiet",
                     says=["other.db", "no casebook"])
        db = sqlite3.connect(path)
        self.assertEqual([t for t, in db.execute("select name from sqlite_master")], ["precious"])
        db.close()

    def test_a_source_that_breaks_in_the_middle(self):
        """What was followed before the break is not half there."""
        rows = self.made.csv().splitlines(keepends=True)
        broken = self.write("broken.csv", "".join(rows) + "999,1800000000,zz\n")
        self.refused("trace", *self.yamls, broken, "--casebook", self.book("book"), "--quiet",
                     says=["broken.csv:%d" % (len(rows) + 1)])
        self.assertEqual(dye.dump(self.book("book")), self.before)

    def test_a_damaged_casebook_is_told_or_harmless(self):
        """Bits flipped in the file: one line or a result, never a crash."""
        with open(self.book("book"), "rb") as file:
            good = file.read()
        chance = random.Random(5)
        for i in range(40):
            bad = bytearray(good)
            for _ in range(chance.choice([1, 8, 200])):
                bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            path = self.write("bad-%d" % i, bytes(bad))
            done = dye.run("trace", *self.yamls, self.source, "--casebook", path, "--quiet")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertLessEqual(done.stderr.count("\n"), 1, done.stderr)
            done = dye.run("path", path, "two", self.made.blocks[9][2][0]["rows"][0]["to"])
            self.assertIn(done.returncode, (0, 1), done.stderr)

    def test_a_casebook_of_two_runs(self):
        """Cases of another theft may stand in one file; each goes on by itself."""
        other = self.case("other", stolen=[{"address": ledgers.address(2), "amount": "5",
                                            "block": 3}])
        alone = self.into("alone", self.source, yamls=[other])
        self.assertEqual(self.into("book", self.source, yamls=[other]), alone)
        self.assertEqual(self.into("book", self.source), self.once)


class Disturbed(Casebooks):
    """Interrupted, killed, in each other's way."""
    BLOCKS = 9000

    @classmethod
    def setUpClass(cls):
        cls.big = ledgers.Accounts(12, cls.BLOCKS, wallets=400, txs_max=12)
        cls.text = cls.big.csv()

    def setUp(self):
        super().setUp()
        self.yamls = [self.case(name, stolen=stolen)
                      for name, stolen in seeds_of(self.big).items()]
        self.source = self.write("big.csv", self.text)

    def start(self, book, *more, env=None):
        return subprocess.Popen([dye.DYEPACK, "trace", *self.yamls, self.source, "--casebook",
                                 self.book(book), "--quiet", "--format", "json", *more],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=dye.ROOT, env=env)

    def test_killed_anywhere_and_started_again(self):
        """Commits are made often (DYEPACK_COMMIT_ROWS), so that kills fall in between and into."""
        often = dict(os.environ, DYEPACK_COMMIT_ROWS="4000")
        once = self.into("once", self.source)
        expected = dye.dump(self.book("once"))
        began = time.monotonic()
        self.start("often", env=often).communicate()
        seconds = time.monotonic() - began
        self.same_books("often", "once")
        chance, reached = random.Random(13), set()
        for attempt in range(3):
            name = "killed-%d" % attempt
            for _ in range(4):
                process = self.start(name, env=often)
                try:
                    process.wait(chance.uniform(0.1, 0.9) * seconds)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                process.communicate()
                reached.add(height_of(self.book(name)))
            self.assertEqual(self.into(name, self.source), once)
            self.assertEqual(dye.dump(self.book(name)), expected)
        # The kills did fall where something had been committed and something was missing.
        self.assertTrue(any(h is not None and h < self.BLOCKS for h in reached), reached)

    def test_interrupted_and_continued(self):
        began = time.monotonic()
        once = self.into("once", self.source)
        seconds = time.monotonic() - began
        interrupted = 0
        for share in (0.3, 0.5, 0.7):
            process = self.start("book")
            time.sleep(share * seconds)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
            if process.returncode == 0:
                continue
            if process.returncode == -signal.SIGINT:
                continue  # before it had begun to follow
            interrupted += 1
            self.assertEqual((process.returncode, out), (1, ""))
            self.assertEqual(err, "dyepack: interrupted; the casebook is saved: run the same "
                                  "command again to go on\n")
        self.assertGreater(interrupted, 0)
        self.assertEqual(self.into("book", self.source), once)
        self.same_books("book", "once")

    def test_a_second_interrupt_ends_it_where_a_pipe_says_nothing(self):
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen([dye.DYEPACK, "trace", *self.yamls, "-", "--casebook",
                                        self.book("book")], stdin=read_end,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # It takes the signals over just after it has opened the casebook.
            os.write(write_end, ledgers.HEADER.encode())
            while not os.path.exists(self.book("book")) and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.3)
            for _ in range(100):
                process.send_signal(signal.SIGINT)
                time.sleep(0.05)
                if process.poll() is not None:
                    break
            self.assertEqual(process.poll(), -signal.SIGINT)
        finally:
            process.kill()
            process.wait()
            os.close(read_end)
            os.close(write_end)

    def test_two_writers_at_once(self):
        """One goes on, the other waits a little and says so in one line."""
        fifo = self.path("pipe")
        os.mkfifo(fifo)
        first = subprocess.Popen([dye.DYEPACK, "trace", *self.yamls, "csv:" + fifo, "--casebook",
                                  self.book("book"), "--quiet", "--format", "json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with open(fifo, "w", encoding="utf-8") as pipe:
            pipe.write(ledgers.HEADER)
            pipe.flush()
            deadline = time.monotonic() + 20
            while not os.path.exists(self.book("book")) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2)  # the first one holds the casebook from its beginning on
            line = self.refused("trace", *self.yamls, self.source, "--casebook",
                                self.book("book"), "--quiet", says=["book.casebook"])
            self.assertIn("another program is writing to this casebook", line)
            pipe.write(self.text[len(ledgers.HEADER):])
        out, err = first.communicate(timeout=60)
        self.assertEqual((first.returncode, err), (0, ""))
        self.assertEqual(out, self.into("alone", self.source))


def height_of(book):
    """How far a casebook got; None before the first commit."""
    db = sqlite3.connect(book)
    try:
        row = db.execute("select height from run").fetchone()
        return row[0] if row else None
    except sqlite3.OperationalError:
        return None
    finally:
        db.close()


if __name__ == "__main__":
    unittest.main()

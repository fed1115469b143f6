"""Casebooks over several chains: killed and gone on with, with all sources, one, or another;
sources that do not reach back to what must be read again; and files in which somebody has changed
what waits between two chains. Nothing may be lost without a word, and nothing damaged be believed.
"""
# Covers: cli/run.c casebook/casebook.c casebook/links.c engine/exchange.c engine/crossing.c
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import dye
import test_several_chains as chains
from test_several_chains import ETHER, FIRST, FIRST_BTC, THIEF, TIME, Bitcoin, Ethereum


def number(value):
    """An amount as crossings have it in their bytes."""
    body = value.to_bytes((value.bit_length() + 7) // 8, "little")
    return bytes([len(body)]) + body


class Casebooks(dye.Case):
    def setUp(self):
        super().setUp()
        # Bitcoin's clock is slow: its blocks are read before the deposit, and gone back to.
        self.eth, self.btc = self.part("all")
        self.yaml = self.case("hop", stolen=[{"address": THIEF, "tx": Ethereum.txid(1)}])
        self.book = self.path("hop.casebook")

    def part(self, name, eth=range(100), btc=range(100), payout=0, offset=10):
        """Exports of some blocks only."""
        one = Ethereum()
        one.rows = {table: [r for r in rows
                            if r.get("number", r.get("block_number")) - FIRST in eth]
                    for table, rows in one.rows.items()}
        two = Bitcoin(Ethereum.txid(3), payout, offset=offset)
        two.lines = [t for t in two.lines if t["block_number"] - FIRST_BTC in btc]
        return one.write(self, "eth-" + name), two.write(self, "btc-%s.json" % name)

    def both(self, *args):
        return self.trace(self.yaml, self.eth, self.btc, *args)

    def kept(self, *sources):
        return self.trace(self.yaml, *sources, "--casebook", self.book)

    def assert_same(self, text, whole):
        """But for what is said of the sources: a part of an export lacks what the whole has."""
        self.assertEqual(*[{k: v for k, v in json.loads(t).items() if k != "assumptions"}
                           for t in (text, whole)])

    # ------------------------------------------------------------------------- sources

    def test_a_source_that_begins_behind_what_must_be_read_again_is_refused(self):
        """The second day's exports hold the deposit, the first day's the payout."""
        whole = self.both()
        first = self.part("one", range(2), range(3))
        second = self.part("two", range(2, 100), range(3, 100))
        before = self.trace(self.yaml, *first, "--casebook", self.book)
        self.refused("trace", self.yaml, *second, "--casebook", self.book, "--quiet",
                     says=["btc-two.json", "blocks from %d on" % FIRST_BTC, "does not reach back"])
        self.assertEqual(self.kept(*first), before)  # as it was
        # Nothing at all of the chain is as little.
        empty = self.part("three", range(2, 100), range(4, 5))
        self.refused("trace", self.yaml, *empty, "--casebook", self.book, "--quiet",
                     says=["does not reach back"])
        self.assert_same(self.kept(second[0], self.btc), whole)

    def test_a_ledger_that_begins_behind_it_is_refused_too(self):
        first = self.part("one", range(2), range(3))
        second = self.part("two", range(2, 100), range(3, 100))
        self.trace(self.yaml, *first, "--casebook", self.book)
        late = self.path("late")
        self.done("import", second[1], "--ledger", late, "--quiet")
        self.refused("trace", self.yaml, second[0], "ledger:" + late, "--casebook", self.book,
                     "--quiet")
        full = self.path("full")
        self.done("import", self.btc, "--ledger", full, "--quiet")
        result = json.loads(self.kept(self.eth, "ledger:" + full))
        self.assertEqual(result["stolen"], json.loads(self.both())["stolen"])

    def test_a_chain_left_out_for_a_while_is_gone_back_for_when_it_is_there_again(self):
        """The deposit is read while nobody looks at bitcoin, whose payout was read before."""
        whole = self.both()
        first = self.part("one", range(2))[0]
        self.kept(first, self.btc)
        said = dye.run("trace", self.yaml, self.eth, "--casebook", self.book, "--format", "json")
        self.assertIn("bitcoin", said.stderr)
        alone = json.loads(said.stdout)
        self.assertEqual(int(alone["stolen"][0]["buckets"]["unresolved"]), 2 * ETHER)
        self.assert_same(self.kept(self.eth, self.btc), whole)

    def test_what_lies_deeper_than_can_be_undone_is_begun_anew(self):
        """The payout is 199 blocks deep when its deposit is read."""
        deep = Bitcoin(Ethereum.txid(3), 0, blocks=200, offset=1).write(self, "deep.json")
        first = self.part("one", range(2))[0]
        whole = self.trace(self.yaml, self.eth, deep)
        self.assertEqual(int(json.loads(whole)["stolen"][0]["buckets"]["unresolved"]), 0)
        self.kept(first, deep)
        self.assert_same(self.kept(self.eth, deep), whole)
        # And of a casebook that was followed alone before, so that it keeps fewer blocks.
        os.remove(self.book)
        self.kept(first, deep)
        self.kept(self.eth)
        late = Bitcoin(Ethereum.txid(3), 0, blocks=200, offset=1)
        late.lines = late.lines[150:]
        self.refused("trace", self.yaml, self.eth, late.write(self, "late.json"), "--casebook",
                     self.book, "--quiet", says=["does not reach back"])
        self.assert_same(self.kept(self.eth, deep), whole)

    # ------------------------------------------------------------------------- kill -9

    def test_killed_at_any_moment_and_gone_on_with(self):
        whole = self.both()
        chance = random.Random(6)
        more = dict(os.environ, DYEPACK_COMMIT_ROWS="1")
        first = self.part("one", range(5), range(2))
        for attempt in range(40):
            for end in ("", "-wal", "-shm"):
                if os.path.exists(self.book + end):
                    os.remove(self.book + end)
            for step in range(chance.randrange(1, 4)):
                sources = chance.choice([(self.eth, self.btc), (self.btc, self.eth), (self.eth,),
                                         first])
                with subprocess.Popen(
                        [dye.DYEPACK, "trace", self.yaml, *sources, "--casebook", self.book,
                         "--quiet"], env=more, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL) as child:
                    time.sleep(chance.random() * 0.05)
                    child.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            with self.subTest(attempt=attempt):
                self.assertEqual(self.kept(*chance.choice([(self.eth, self.btc),
                                                           (self.btc, self.eth)])), whole)

    # ------------------------------------------------------------------------- damaged

    def waiting(self):
        """A casebook in which the deposit waits for its payout; the bytes of it."""
        self.eth, self.btc = self.part("late", payout=1, offset=600)
        moment = chains.SeveralChains.moment(TIME + 300)
        self.trace(self.yaml, self.eth, self.btc, "--casebook", self.book, "--until", moment)
        db = sqlite3.connect(self.book)
        state, = db.execute("select state from crossing").fetchone()
        db.execute("pragma wal_checkpoint(truncate)")
        db.close()
        return state

    def changed(self, sql, *values):
        book = self.path("changed.casebook")
        for end in ("", "-wal", "-shm"):
            if os.path.exists(book + end):
                os.remove(book + end)
        shutil.copy(self.book, book)
        db = sqlite3.connect(book)
        db.execute(sql, values)
        db.commit()
        db.close()
        return book

    def test_what_was_changed_in_between_is_not_believed(self):
        state = self.waiting()
        amount = number(2 * ETHER)
        parcel = b"\1\0" + amount + amount
        self.assertEqual(state.count(parcel), 1)
        head, tail = state.split(parcel)
        changes = {"colour of nobody": b"\2\0" + amount + amount,
                   "last colour": b"\xff\xff" + amount + amount,
                   "no units": b"\1\0" + number(0) + amount,
                   "clean": b"\0\0" + amount + number(0),
                   "less than went in": b"\1\0" + amount + number(1),
                   "more than went in": b"\1\0" + amount + number(3 * ETHER),
                   "more than there is": b"\1\0" + amount + number(1 << 250),
                   "cut": b"\1\0" + amount}
        for name, bytes_ in changes.items():
            with self.subTest(change=name):
                book = self.changed("update crossing set state=?", head + bytes_ + tail)
                for words in (("trace", self.yaml, self.eth, self.btc, "--casebook", book,
                               "--quiet"), ("rollback", book, "hop", FIRST, "--chain",
                                            "ethereum")):
                    self.refused(*words, says=["damaged"])
        for sql in ("update colour set run=run+7", "update colour set incident='another'",
                    "delete from colour where run=1", "delete from crossing",
                    "update crossing set state=x''",
                    "update mark set ident=x'00'", "update mark set kind=99",
                    "insert into seen(company,key,kind,count,chain,height,time,tx) "
                    "values(1,zeroblob(32),9,0,'eip155:1',1,1,zeroblob(32))",
                    "insert into seen(company,key,kind,count,chain,height,time,tx) "
                    "values(1,zeroblob(32),1,0,'nowhere',1,1,zeroblob(32))",
                    "insert into seen(company,key,kind,count,chain,height,time,tx) "
                    "values(1,zeroblob(3),1,0,'eip155:1',1,1,zeroblob(32))"):
            with self.subTest(sql=sql):
                book = self.changed(sql)
                self.refused("trace", self.yaml, self.eth, self.btc, "--casebook", book, "--quiet",
                             says=["changed.casebook"])

    def test_no_byte_of_what_waits_can_make_it_fail_in_any_other_way(self):
        state = self.waiting()
        chance = random.Random(7)
        for _ in range(60):
            broken = bytearray(state)
            for _ in range(chance.choice((1, 1, 2, 4))):
                broken[chance.randrange(len(broken))] = chance.choice((0, 1, 2, 127, 128, 255))
            if chance.random() < 0.2:
                broken = broken[:chance.randrange(len(broken))]
            book = self.changed("update crossing set state=?", bytes(broken))
            said = dye.run("trace", self.yaml, self.eth, self.btc, "--casebook", book, "--quiet",
                           "--format", "json")
            self.assertIn(said.returncode, (0, 1), (said.stderr, broken.hex()))
            if said.returncode == 0:
                self.assertTrue(json.loads(said.stdout)["conserved"], broken.hex())

    def test_a_casebook_of_an_older_format_is_refused_and_left_alone(self):
        self.both("--casebook", self.book)
        book = self.changed("update meta set version=4")
        before = dye.dump(book)
        for words in (("trace", self.yaml, self.eth, self.btc, "--casebook", book, "--quiet"),
                      ("rollback", book, "hop", FIRST), ("link", "list", book, "hop"),
                      ("path", book, "hop", THIEF)):
            self.refused(*words, says=["format 4", "format 6"])
        self.assertEqual(dye.dump(book), before)


if __name__ == "__main__":
    unittest.main()

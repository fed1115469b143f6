"""A node's block folder: what `dyepack trace` finds in blkNNNNN.dat with revNNNNN.dat beside equals
what it finds in the same blocks with companions beside, whatever the order of blocks, the XOR and
the number of threads; and damage is told in one line that names the file.

The folders are written here, in plain Python: undo data is encoded from companions by the letter
of Bitcoin Core's src/undo.h and src/compressor.cpp. Wants the two testnet3 blocks and block 866342
of $DYEPACK_SHARED/data/bitcoin; skipped where missing.
"""
import json
import os
import shutil
import unittest

import dye
import bitcoin  # tests/model: dye put it on the path

TESTNET_MAGIC = bytes.fromhex("0b110907")
REGTEST_MAGIC = bytes.fromhex("fabfb5da")
REGTEST_GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
MAINNET_MAGIC = bytes.fromhex("f9beb4d9")
KEY = bytes.fromhex("3141592653589793")
# Coins whose taint runs far: see test_real_bitcoin.py.
CROSSING = "0d5638fe08dc4f82adf033b9a724d6510801cb36526edb581baf3b2dc6fc25f1:1"
IN_BLOCK_CHAIN = "defc31aadeed389482afb76558d6498c870e2bfb07da6be305d1640e8a4f6775:0"


def number(value, size):
    return int(value).to_bytes(size, "little")


def compact(n):
    if n < 0xfd:
        return number(n, 1)
    return b"\xfd" + number(n, 2) if n < 0x10000 else b"\xfe" + number(n, 4)


def varint(n):
    out = [n & 0x7f]
    while n > 0x7f:
        n = (n >> 7) - 1
        out.append((n & 0x7f) | 0x80)
    return bytes(out[::-1])


def packed_amount(n):
    if n == 0:
        return 0
    zeros = 0
    while n % 10 == 0 and zeros < 9:
        n //= 10
        zeros += 1
    if zeros < 9:
        return 1 + (n // 10 * 9 + n % 10 - 1) * 10 + zeros
    return 1 + (n - 1) * 10 + 9


def packed_script(script):
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return b"\0" + script[3:23]
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return b"\1" + script[2:22]
    if len(script) == 35 and script[0] == 33 and script[34] == 0xac and script[1] in (2, 3):
        return script[1:34]
    if len(script) == 67 and script[0] == 65 and script[66] == 0xac and script[1] == 4:
        return bytes([4 | script[65] & 1]) + script[2:34]
    return varint(len(script) + 6) + script


def undo_data(block, spent):
    """Undo data of a block as bitcoin.read_block gives it. `spent`: [(value, script)] of its
    inputs, or of those that spend earlier blocks."""
    made = {tx["id"]: tx["out"] for tx in block["txs"]}
    payments = [tx["in"] for tx in block["txs"][1:]]
    is_all = sum(len(inputs) for inputs in payments) == len(spent)
    rest = iter(spent)
    out = compact(len(payments))
    for inputs in payments:
        out += compact(len(inputs))
        for outpoint in inputs:
            txid, vout = outpoint.rsplit(":", 1)
            if txid in made and not is_all:
                value, script = made[txid][int(vout)]
            else:
                value, script = next(rest)
            out += varint(2 * 500000) + b"\0" + varint(packed_amount(value)) + packed_script(script)
    assert next(rest, None) is None
    return out


def record(magic, content, tail=b""):
    return magic + number(len(content), 4) + content + tail


def undo_record(magic, block, undo):
    return record(magic, undo, bitcoin.sha256d(block[4:36] + undo))


def turned(content, key):
    return bytes(b ^ key[i % 8] for i, b in enumerate(content))


class Folder(dye.Case):
    """Writes a folder of blocks and undo data."""

    def fill(self, name, magic, files, key=None):
        """files: [([block], [(block, undo)])], one for each blk and rev file."""
        path = self.path(name)
        os.mkdir(path)
        for i, (blocks, undos) in enumerate(files):
            blk = b"".join(record(magic, b) for b in blocks) + bytes(4096)
            rev = b"".join(undo_record(magic, b, u) for b, u in undos)
            for kind, content in (("blk", blk), ("rev", rev)):
                with open(os.path.join(path, "%s%05d.dat" % (kind, i)), "wb") as file:
                    file.write(turned(content, key) if key else content)
        if key:
            with open(os.path.join(path, "xor.dat"), "wb") as file:
                file.write(key)
        return path


class Testnet(Folder):
    """Two adjacent blocks."""

    @classmethod
    def setUpClass(cls):
        cls.paths = [dye.data("bitcoin", "testnet3-%d.blk" % h) for h in (928848, 928849)]
        spent = [bitcoin.read_undo_bcoin(dye.data("bitcoin", "testnet3-%d.undo.bcoin" % h))
                 for h in (928848, 928849)]
        cls.blocks = [bitcoin.read_file(p) for p in cls.paths]
        cls.undo = [undo_data(bitcoin.read_block(b), s) for b, s in zip(cls.blocks, spent)]
        cls.both = list(zip(cls.blocks, cls.undo))

    def yaml(self):
        return self.case("real", "testnet3", stolen=[{"outpoint": CROSSING}])

    def test_a_folder_gives_what_companions_give(self):
        want = self.trace(self.yaml(), *self.paths)
        one = [(self.blocks, self.both)]
        two = [([self.blocks[1]], [self.both[1]]), ([self.blocks[0]], [self.both[0]])]
        turned_round = [(self.blocks[::-1], self.both)]
        for i, files in enumerate((one, two, turned_round)):
            for key in (None, KEY):
                folder = self.fill("folder%d%s" % (i, "x" if key else ""), TESTNET_MAGIC, files,
                                   key)
                self.assertEqual(self.trace(self.yaml(), folder), want)
                self.assertTrue(dye.adds_up(json.loads(want)))

    def test_damage_is_told_in_one_line(self):
        folder = self.fill("folder", TESTNET_MAGIC, [(self.blocks, self.both)])
        rev = os.path.join(folder, "rev00000.dat")
        with open(rev, "rb") as file:
            good = file.read()
        for at in (0, 9, 5000, len(good) - 1):
            with open(rev, "wb") as file:
                file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
            self.refused("trace", self.yaml(), folder, "--quiet", says=["rev00000.dat", "at byte"])

    def test_a_block_that_is_not_connected_has_unknown_values(self):
        """No coin is kept where undo data stands beside: what the last block spends nobody says."""
        folder = self.fill("folder", TESTNET_MAGIC, [(self.blocks, self.both[:1])])
        self.refused("trace", self.yaml(), folder, "--quiet",
                     says=["block 928849", "--assume-clean"])
        result = self.results(self.yaml(), folder, "--assume-clean")["real"]
        self.assertTrue(dye.adds_up(result))
        self.assertTrue(any("assumed clean" in a for a in result["assumptions"]))

    def test_a_run_may_begin_at_the_theft(self):
        """With undo data nothing before it is needed: the first block's bytes may be anything."""
        broken = bytearray(self.blocks[0])
        broken[-1] ^= 1
        folder = self.fill("folder", TESTNET_MAGIC,
                           [([bytes(broken), self.blocks[1]], self.both)])
        whole = self.fill("whole", TESTNET_MAGIC, [(self.blocks, self.both)])
        self.refused("trace", self.yaml(), folder, "--quiet", says=["block 928848"])
        args = ["--from", "928849"]
        self.assertEqual(self.trace(self.yaml(), folder, *args),
                         self.trace(self.yaml(), whole, *args))
        self.assertEqual(self.trace(self.yaml(), whole, "--threads", "1"),
                         self.trace(self.yaml(), whole, "--threads", "3"))


def script_to(name):
    return b"\x76\xa9\x14" + bitcoin.hash160(name.encode()) + b"\x88\xac"


def script_of(content):
    return bytes([len(content)]) + content


class Regtest(Folder):
    """Chains made here: coins of 50, each held by a name that is its key."""

    COIN = 10 ** 8

    def tx(self, ins, outs):
        """ins: [(txid, vout, name)]; outs: [(value, name)]."""
        out = number(1, 4) + compact(len(ins))
        for txid, vout, name in ins:
            script = b"" if name is None else script_of(name.encode())
            out += txid + number(vout, 4) + script_of(script) + b"\xff" * 4
        out += compact(len(outs))
        for value, name in outs:
            out += number(value * self.COIN, 8) + script_of(script_to(name))
        return out + bytes(4)

    def block(self, prev, height, holder, txs=()):
        """The block, and the id of its coinbase."""
        tag = b"\x03" + number(height, 3) + holder.encode()
        outs = number(50 * self.COIN, 8) + script_of(script_to(holder))
        coinbase = number(1, 4) + b"\1" + bytes(32) + b"\xff" * 4 + script_of(tag)
        coinbase += b"\xff" * 4 + b"\1" + outs + bytes(4)
        txs = [coinbase] + list(txs)
        ids = [bitcoin.sha256d(t) for t in txs]
        while len(ids) > 1:
            ids = [bitcoin.sha256d(ids[i] + ids[min(i + 1, len(ids) - 1)])
                   for i in range(0, len(ids), 2)]
        for nonce in range(10000):
            head = number(4, 4) + prev + ids[0] + number(1700000000 + 600 * height, 4)
            head += bytes.fromhex("ffff7f20") + number(nonce, 4)
            if bitcoin.sha256d(head)[31] < 0x7f:
                break
        return head + compact(len(txs)) + b"".join(txs), bitcoin.sha256d(coinbase)

    def undo(self, *txs):
        """txs: one [(value, name)] for each payment."""
        out = compact(len(txs))
        for coins in txs:
            out += compact(len(coins))
            for value, name in coins:
                out += varint(10) + b"\0" + varint(packed_amount(value * self.COIN))
                out += packed_script(script_to(name))
        return out

    def setUp(self):
        super().setUp()
        self.chain, self.undos, self.prev = [], [], bytes.fromhex(REGTEST_GENESIS)[::-1]
        self.mined = {}
        for height in range(1, 5):
            self.mined[height] = self.add(height)

    def add(self, height, txs=(), undo=None, holder=None):
        block, coinbase = self.block(self.prev, height, holder or "m%d" % height, txs)
        self.chain.append(block)
        self.undos.append((block, undo or self.undo()))
        self.prev = bitcoin.sha256d(block[:80])
        return coinbase

    def case_of(self, txid, vout=0):
        return self.case("made", "regtest",
                         stolen=[{"outpoint": "%s:%d" % (txid[::-1].hex(), vout)}])

    def test_a_replaced_tips_undo_data_is_not_taken_for_the_winners(self):
        """The two blocks of height 6 hold the same payments in another order."""
        split = self.tx([(self.mined[2], 0, "m2")], [(30, "change")])
        self.add(5, [split], self.undo([(50, "m2")]))
        a = self.tx([(self.mined[1], 0, "m1")], [(25, "thief")])
        b = self.tx([(bitcoin.sha256d(split), 0, "change")], [(20, "shop")])
        coins = ([(50, "m1")], [(30, "change")])
        loser = self.block(self.prev, 6, "loser", [a, b])[0]
        lost = (loser, self.undo(*coins))
        self.add(6, [b, a], self.undo(*coins[::-1]), "winner")
        self.add(7)
        yaml = self.case_of(self.mined[1])
        want = self.trace(yaml, self.fill("alone", REGTEST_MAGIC, [(self.chain, self.undos)]))
        blocks = self.chain[:5] + [loser] + self.chain[5:]
        undos = self.undos[:5] + [lost] + self.undos[5:]
        folder = self.fill("both", REGTEST_MAGIC, [(blocks, undos)])
        self.assertEqual(self.trace(yaml, folder), want)
        self.assertEqual(self.done("movements", folder, "--quiet"),
                         self.done("movements", self.path("alone"), "--quiet"))

    def test_a_missing_file_that_does_not_show_as_a_gap_is_refused(self):
        """The first file has block 5 of a branch that lost, the missing one the real block 5."""
        stale = self.block(self.prev, 5, "stale")[0]
        self.add(5)
        self.add(6)
        folder = self.fill("folder", REGTEST_MAGIC,
                           [(self.chain[:4] + [stale], self.undos[:4]),
                            (self.chain[5:], self.undos[5:])])
        self.refused("trace", self.case_of(self.mined[1]), folder, "--quiet",
                     says=["block 6 in blk00001.dat follows a block that is in none of the files",
                           "block 5 in blk00000.dat is another one: a file is missing"])

    def test_an_undo_file_that_lacks_a_record_is_told(self):
        for height in range(5, 30):
            self.add(height)
        undos = self.undos[:9] + self.undos[12:]
        folder = self.fill("folder", REGTEST_MAGIC, [(self.chain, undos)])
        self.refused("trace", self.case_of(self.mined[1]), folder, "--quiet",
                     says=["rev00000.dat", "lacks the undo data of block 10", "another copy"])

    def test_missing_undo_files_at_the_end_are_made_up_for(self):
        spend = self.tx([(self.mined[1], 0, "m1"), (self.mined[2], 0, "m2")], [(90, "thief")])
        self.add(5, [spend], self.undo([(50, "m1"), (50, "m2")]))
        for height in range(6, 30):
            self.add(height)
        yaml = self.case_of(self.mined[1])
        want = self.trace(yaml, self.fill("whole", REGTEST_MAGIC, [(self.chain, self.undos)]))
        folder = self.fill("folder", REGTEST_MAGIC,
                           [(self.chain[:3], self.undos[:3]), (self.chain[3:], [])])
        self.assertEqual(self.trace(yaml, folder), want)
        os.remove(os.path.join(folder, "rev00001.dat"))
        self.assertEqual(self.trace(yaml, folder), want)


class Mainnet(Folder):
    """One large block of the Taproot era."""

    def test_block_866342_from_a_folder(self):
        if shutil.which("zstd") is None:
            self.skipTest("SKIPPED: the zstd command is not installed")
        path = dye.data("bitcoin", "mainnet-866342.blk")
        block = bitcoin.read_file(path)
        spent = bitcoin.read_spent_json(dye.data("bitcoin", "mainnet-866342.spent.json.zst"))
        undo = undo_data(bitcoin.read_block(block), spent)
        folder = self.fill("folder", MAINNET_MAGIC, [([block], [(block, undo)])])
        for policy in dye.POLICIES:
            yaml = self.case("real", "bitcoin", stolen=[{"outpoint": IN_BLOCK_CHAIN}])
            self.assertEqual(self.trace(yaml, folder, "--policy", policy),
                             self.trace(yaml, path, "--policy", policy))


class Listed(dye.Case):
    """What the table of sources says."""

    def test_the_row(self):
        text = self.done("list", "sources")
        self.assertIn("blk", text)
        self.assertIn("rev", text)


if __name__ == "__main__":
    unittest.main()

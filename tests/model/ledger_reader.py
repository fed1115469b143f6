#!/usr/bin/env python3
"""A second reader of ledgers, written from docs/FORMAT.md and nothing else.

    ledger_reader.py FOLDER [KIND HEX]      FOLDER of one chain; an address by kind and bytes

Prints as JSON what there is, what moved of each asset, what is unspent, and what the address
received and sent. Standard library only; Python has no XXH3, so checksums (and the bits by which
.spent entries prove themselves) are left to `dyepack ledger verify`.
"""
import array
import collections
import json
import os
import pathlib
import struct
import subprocess
import sys

NAMES = ("BLOCK TXID TXSORT TXBUCKET TXFILTER GROUP ADDR ADDRBUCKET ADDRFILTER POSTFIRST POST WIDE "
         "TXROW SRC DST AMOUNT CLASS CLASSES NOISE NOISENAME "
         "TXIN TXOUT OUTTX SPENT OUTADDR VALUE FOREIGN NOTETX NOTEAT NOTE NOTENAME").split()
WIDTHS = {0: 0, 1: 20, 2: 20, 3: 20, 4: 20, 5: 32, 6: 32, 8: 20, 9: 32, 10: 32, 11: 0}


def number(data, at, size=8):
    """A little-endian number."""
    return int.from_bytes(data[at:at + size], "little")


def load(path):
    """A file's bytes; none where there is none."""
    return pathlib.Path(path).read_bytes() if os.path.exists(path) else b""


class Segment:
    """One .seg file and its .spent file."""

    def __init__(self, path):
        raw = load(path)
        assert raw[:8] == b"dyeledg\0" and number(raw, 8, 4) in (1, 2)
        self.utxo, self.txs = number(raw, 12, 4) == 0, number(raw, 144)
        self.noise, self.note_count = number(raw, 216), number(raw, 1256)
        self.spent = array.array("Q", load(path[:-3] + "spent")[64:])
        self.column = {}
        for i, name in enumerate(NAMES):
            offset, stored, count, width, codec = struct.unpack_from("<QQQII", raw, 264 + 32 * i)
            data = raw[offset:offset + stored]
            if codec == 1:
                data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                                      check=True).stdout
            assert len(data) == count * width, name
            code = {2: "H", 4: "I", 8: "Q"}.get(width)
            self.column[name] = array.array(code, data) if code else data

    def amount(self, word):
        """What an amount word stands for."""
        if word >> 63:
            size = 32 if word >> 62 & 1 else 16
            return number(self.column["WIDE"], 16 * (word & (1 << 62) - 1), size)
        return (word & (1 << 57) - 1) * 10 ** (word >> 57)

    def id_of(self, kind, want):
        """The local id of an address, 0: none. Looks at all: buckets go by key, which is XXH3."""
        groups, addrs = self.column["GROUP"], self.column["ADDR"]
        for have, width, first, count, offset in struct.iter_unpack("<IIIIQ8x", groups):
            stored = bytes([len(want)]) + want.ljust(32, b"\0") if width == 33 else want
            for i in range(count if have == kind else 0):
                if addrs[offset + i * width:offset + (i + 1) * width] == stored:
                    return first + i
        return 0

    def rows(self, tx):
        """A transaction's rows as (asset, amount, source, target, row), those that count only."""
        c, first = self.column, self.column["TXOUT" if self.utxo else "TXROW"]
        for r in range(first[tx] & (1 << 30) - 1, first[tx + 1] & (1 << 30) - 1):
            if self.utxo:
                yield "native", self.amount(c["VALUE"][r]), 0, c["OUTADDR"][r], r
                continue
            k = c["CLASSES"][48 * c["CLASS"][r]:][:48]
            if k[2] != 0 and k[1] & 2 == 0:
                asset = ("", "native", k[4:24].hex(), k[24:].rstrip(b"\0").decode())[k[2]]
                yield asset, self.amount(c["AMOUNT"][r]), c["SRC"][r], c["DST"][r], r


    def notes(self):
        """All notes as (transaction id, note)."""
        c = self.column
        for i, word in enumerate(c["NOTETX"]):
            tx, at = word & (1 << 30) - 1, c["NOTEAT"][i]
            while at < c["NOTEAT"][i + 1]:
                one, at = note(c["NOTE"], at, c["NOTENAME"])
                yield c["TXID"][32 * tx:32 * tx + 32], one


def word_of(data, at, size):
    """A word of a note, and where it ends."""
    n, behind = data[at] & 63, data[at] & 64
    kept = data[at + 1:at + 1 + n]
    return (kept.ljust(size, b"\0") if behind else kept.rjust(size, b"\0")), at + 1 + n


def note(data, at, names=None):
    """A note as (kind, at, place, topics, data, full size), and where it ends. `names`: NOTENAME,
    where its names are numbers."""
    head, topics, place = data[at], [], bytes(20)
    (index, at), left = varint(data, at + 1), head >> 3 & 7

    def name(size):
        nonlocal at
        if names is None:
            at += size
            return data[at - size:at]
        i, at = varint(data, at)
        return names[32 * i:32 * i + size]

    if head & 64:
        place = name(20)
    if left:
        topics.append(name(32))
    while len(topics) < left:
        one, at = word_of(data, at, 32)
        topics.append(one)
    size, at = varint(data, at)
    cut, at = varint(data, at) if head & 128 else (0, at)
    got = b""
    while len(got) < size:
        one, at = word_of(data, at, min(32, size - len(got)))
        got += one
    return (head & 7, index, place, topics, got, size + cut), at


def varint(data, at):
    """A LEB128 number, and where it ends."""
    value = shift = 0
    while shift == 0 or data[at - 1] > 127:
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
    return value, at


def tail_row(data, at):
    """One row of the tail as (kind, asset, amount, source, target, spent id), and its end."""
    def take(n):
        nonlocal at
        at += n
        return data[at - n:at]

    def address():
        kind = take(1)[0]
        return kind, take(WIDTHS[kind] if kind in WIDTHS else take(1)[0])

    head, asset, source, target, spent = take(1)[0], "native", None, None, None
    kind, failed = head & 15, head >> 4 & 2
    if kind == 0:
        spent, (_, at) = take(32), varint(data, at)
        source, amount = address(), number(take(take(1)[0]), 0, 32)
    elif kind == 1:
        target, amount = address(), number(take(take(1)[0]), 0, 32)
    else:
        form = take(1)[0]
        contract = take(20).hex() if form in (0, 2) else ""
        symbol = take(take(1)[0]).decode() if form in (0, 3) else ""
        amount, source, target = number(take(take(1)[0]), 0, 32), address(), address()
        asset = None if form == 0 or failed else ("", "native", contract, symbol)[form]
    return (kind, asset, amount, source, target, spent), at


def read(folder, who=None):
    """Totals of a chain's ledger."""
    total, moved, got, gave, kinds = (collections.Counter() for _ in range(5))
    lines = load(os.path.join(folder, "manifest")).decode().splitlines()
    assert lines[0] in ("dyepack ledger 1", "dyepack ledger 2") and lines[-1].startswith("check ")
    known, end, ids = sum(int(x.split()[9]) for x in lines[2:-1]), 0, set()
    for line in (x.split() for x in lines[2:-1]):
        s = Segment(os.path.join(folder, "%08d-%02d.seg" % (int(line[1]), int(line[2]))))
        me, c, end = (s.id_of(*who) if who else 0), s.column, int(line[1]) + int(line[2])
        total.update(blocks=int(line[7]), transactions=s.txs, movements=int(line[11]),
                     noise=s.noise, notes=s.note_count)
        kinds.update(one[0] for _, one in s.notes())
        ids.update(c["TXID"][i:i + 32] for i in range(0, 32 * s.txs, 32))
        gone = [0 < e & (1 << 47) - 1 <= known for e in s.spent]
        for asset, amount, _, _, r in (row for tx in range(s.txs) for row in s.rows(tx)):
            moved[asset] += amount
            total["unspent"] += amount if s.utxo and not gone[r] else 0
        for tx in c["POST"][c["POSTFIRST"][me]:c["POSTFIRST"][me + 1]]:
            for asset, amount, source, target, r in s.rows(tx):
                got[asset] += amount if target == me else 0
                gave[asset] += amount if source == me or s.utxo and target == me and gone[r] else 0
        for at in range(0, len(c["FOREIGN"]) if me else 0, 80):
            gave["native"] += number(c["FOREIGN"], at + 48, 32) * (number(c["FOREIGN"], at + 36, 4)
                                                                   == me)
    data, at = load(os.path.join(folder, "%08d.tail" % end)), 64
    while data[at:at + 4] == b"dyrc" and at + 24 + number(data, at + 8) <= len(data):
        block, at = at + 24, at + 24 + (number(data, at + 8) + 7) // 8 * 8
        txs, row_at = number(data, block + 88, 4), block + 104
        total.update(blocks=1, transactions=txs, movements=number(data, block + 92, 4),
                     noise=number(data, block + 96, 4))
        for _ in range(txs):
            ids.add(data[row_at:row_at + 32])
            rows, row_at = varint(data, row_at + 33)
            for _ in range(rows):
                (kind, asset, amount, source, target, spent), row_at = tail_row(data, row_at)
                moved[asset] += amount if asset and kind > 0 else 0
                got[asset] += amount if target == who else 0
                gave[asset] += amount if source == who else 0
                total["unspent"] += amount if kind == 1 else -amount if spent in ids else 0
        left, row_at = varint(data, row_at) if number(data, block + 100, 4) & 2 else (0, row_at)
        total["notes"] += left
        for _ in range(left):
            _, row_at = varint(data, row_at)
            one, row_at = note(data, row_at)
            kinds[one[0]] += 1
    clean = [{k: str(v) for k, v in x.items() if k and v} for x in (moved, got, gave)]
    return {**total, "unspent": str(total["unspent"]), "moved": clean[0], "received": clean[1],
            "sent": clean[2], "note_kinds": dict(sorted(kinds.items()))}


if __name__ == "__main__":
    args = sys.argv[1:]
    print(json.dumps(read(args[0], (int(args[1]), bytes.fromhex(args[2])) if args[1:] else None)))

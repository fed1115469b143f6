#!/usr/bin/env python3
"""Floors of mining for shapes: what somebody writes who has nothing but Python.

    floor.py FILE FIRST WINDOW shapes|cycles

FILE is that of gfp.py. The first FIRST payments fill the window before the clock starts.

shapes: fan-out, fan-in, scatter-gather and temporal cycles of up to ten hops in dictionaries and
lists, one payment at a time, by rules like those of dyepack: five others within the window,
three go-betweens, amounts that shrink by a fifth at the most from hop to hop. Wallets with more
than 64 payments in the window are passed over in scatter-gather and cycles.

cycles: networkx.simple_cycles with a length bound of ten, over the graph of each window, which is
made anew whenever a tenth of it is new. No order in time, no amounts.

Prints "PAYMENTS CPU_SECONDS WALL_SECONDS": how many were looked at after the first; what was found
goes to standard error.
"""

import struct
import sys
import time
from collections import deque

FAN, MIDDLES, HOPS, HUB, KEPT, MARGIN = 5, 3, 10, 64, 0.8, 0.85


class Window:
    """The payments of the last while, by payer and by payee, oldest first."""

    def __init__(self, length):
        self.length, self.out, self.into = length, {}, {}

    def of(self, side, who, now):
        """Those of one wallet that are not too old."""
        kept = side.get(who)
        if kept is None:
            kept = side[who] = deque()
        while kept and kept[0][0] < now - self.length:
            kept.popleft()
        return kept

    def add(self, row):
        """One more."""
        self.of(self.out, row[1], row[0]).append(row)
        self.of(self.into, row[2], row[0]).append(row)


def is_fan(window, row):
    """Whether its payer pays, or its payee is paid by, five different ones."""
    found = len({r[2] for r in window.of(window.out, row[1], row[0])}) >= FAN
    return found + (len({r[1] for r in window.of(window.into, row[2], row[0])}) >= FAN)


def is_gathered(window, row):
    """Whether it is the last leg of three from one wallet to this payee."""
    legs = window.of(window.into, row[2], row[0])
    if not MIDDLES <= len(legs) <= HUB:
        return 0
    middles = {}
    for leg in legs:
        for first in window.of(window.into, leg[1], row[0]):
            if first[0] < leg[0] and MARGIN * first[3] <= leg[3] <= first[3]:
                middles.setdefault(first[1], set()).add(leg[1])
    return int(any(len(m) >= MIDDLES for m in middles.values()))


def is_cycle(window, row):
    """Whether it brings money back to where it came from, hop by hop."""
    stack = [(row, (row[1],))]
    while stack:
        last, way = stack.pop()
        receipts = window.of(window.into, last[1], row[0])
        if len(receipts) > HUB:
            continue
        for hop in receipts:
            if hop[0] >= last[0] or not KEPT * hop[3] <= last[3] <= hop[3]:
                continue
            if hop[1] == row[2] and len(way) > 1:
                return 1
            if len(way) < HOPS - 1 and hop[1] not in way and hop[1] != row[2]:
                stack.append((hop, way + (hop[1],)))
    return 0


def shapes(rows, first, length):
    """One at a time."""
    window, found = Window(length), 0
    for row in rows[:first]:
        window.add(row)
    cpu, wall = time.process_time(), time.monotonic()
    for row in rows[first:]:
        window.add(row)
        if row[1] != row[2]:
            found += is_fan(window, row) + is_gathered(window, row) + is_cycle(window, row)
    return found, time.process_time() - cpu, time.monotonic() - wall


def cycles(rows, first, length):
    """Window by window."""
    import networkx  # pylint: disable=import-outside-toplevel

    found, at = 0, first
    cpu, wall = time.process_time(), time.monotonic()
    while at < len(rows):
        now = rows[min(at + first // 10, len(rows)) - 1][0]
        graph = networkx.DiGraph()
        graph.add_edges_from((r[1], r[2]) for r in rows if now - length <= r[0] <= now)
        found += sum(1 for c in networkx.simple_cycles(graph, length_bound=HOPS) if len(c) > 2)
        at += first // 10
    return found, time.process_time() - cpu, time.monotonic() - wall


def main():
    """Reads the payments, then the clock runs."""
    path, first, length, what = sys.argv[1:5]
    with open(path, "rb") as file:
        rows = list(struct.iter_unpack("<5Q", file.read()))
    found, cpu, wall = (shapes if what == "shapes" else cycles)(rows, int(first), int(length))
    print(found, "found", file=sys.stderr)
    print(len(rows) - int(first), cpu, wall)


main()

#!/usr/bin/env python3
"""Peer of the DTTR ranking: the published method written down straight, with plain dictionaries.

    dttr.py FILE

FILE holds movements, four little-endian 64-bit words each: transaction, payer, payee, value in
cents. The first payer is the source.

Prints "P99_SECONDS CPU_SECONDS WALL_SECONDS": the 99th percentile of a transaction, and the whole;
reading the file is done before the clock starts. Floating point where the authors have decimal
numbers, and no networkx: so it is faster than their program, not slower.
"""

import array
import math
import sys
import time

ALPHA = 0.15
EPSILON = 1e-3
UNIT = 100


class Dttr:
    """p, r, weights: see src/technique/dttr.h for what they are."""

    def __init__(self, source):
        self.source = source
        self.estimate = {source: 1.0}
        self.residual = {}
        self.out = {source: EPSILON}
        self.edges = {source: {source: EPSILON}}

    def batch(self, movements):
        """One transaction."""
        p = self.estimate
        movements = [m for m in movements if m[2] and (p.get(m[0]) or p.get(m[1]))]
        if not movements:
            return
        gave, took = {}, {}
        for payer, payee, value in movements:
            gave[payer] = gave.get(payer, 0) + value
            took[payee] = took.get(payee, 0) + value
        swapped = {n for n, g in gave.items()
                   if n in took and 1 - min(g, took[n]) / max(g, took[n]) <= 0.05}
        for payer, payee, value in movements:
            if payer not in swapped and payee not in swapped and p.get(payer):
                self.pay(payer, payee, value)

    def pay(self, u, v, value):
        """Mass moves from u's other payees to v; then residuals are passed on."""
        if v not in self.out:
            self.edges[v] = {self.source: EPSILON}
            self.out[v] = EPSILON
        weight = math.log10(1 + value / UNIT)
        old = self.out[u]
        self.out[u] = old + weight
        before = self.estimate[u]
        self.estimate[u] = before * (old + weight) / old
        delta = -before * weight / old / ALPHA
        r = self.residual
        r[u] = r.get(u, 0.0) + delta
        r[v] = r.get(v, 0.0) - delta * (1 - ALPHA)
        edges = self.edges[u]
        edges[v] = edges.get(v, 0.0) + weight
        self.push({n for n in (u, v) if abs(r[n]) >= EPSILON})

    def push(self, waiting):
        """Largest first, as published."""
        r, p = self.residual, self.estimate
        while waiting:
            u = max(waiting, key=lambda n: abs(r[n]))
            waiting.remove(u)
            rest = r[u]
            r[u] = 0.0
            p[u] = p.get(u, 0.0) + ALPHA * rest
            edges, out = self.edges[u], self.out[u]
            rest *= 1 - ALPHA
            if len(edges) == 1 and u in edges:
                p[u] += rest
                continue
            for v, weight in edges.items():
                now = r.get(v, 0.0) + rest * weight / out
                r[v] = now
                if abs(now) >= EPSILON:
                    waiting.add(v)


def main():
    """Reads the movements, then the clock runs."""
    words = array.array("Q")
    with open(sys.argv[1], "rb") as file:
        words.frombytes(file.read())
    batches, last = [], None
    for i in range(0, len(words), 4):
        if words[i] != last:
            batches.append([])
            last = words[i]
        batches[-1].append((words[i + 1], words[i + 2], words[i + 3]))
    dttr = Dttr(words[1])
    took = []
    cpu, wall = time.process_time(), time.monotonic()
    for batch in batches:
        begin = time.perf_counter()
        dttr.batch(batch)
        took.append(time.perf_counter() - begin)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    took.sort()
    print(took[(len(took) - 1) * 99 // 100], cpu, wall)


main()

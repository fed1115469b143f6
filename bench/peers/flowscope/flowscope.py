#!/usr/bin/env python3
"""Peer of the FlowScope search: the published greedy with one middle layer, in plain Python.

    flowscope.py FILE

FILE holds edges, three little-endian 64-bit words each: payer, payee, amount; payers and payees are
numbered through all layers, sources first, then middle nodes, then sinks. Its first three words are
the sizes of the layers. Weights stand in Python's heapq, a new entry for each change, old ones
skipped when they come up.

Prints "MEMBERS CPU_SECONDS WALL_SECONDS" of the first block; reading is done before the clock
starts, neighbours are put together after it.
"""

import array
import heapq
import sys
import time

ALPHA = 4


def search(sizes, edges):
    """The best state of the greedy deletion."""
    first_sink = sizes[0] + sizes[1]
    count = sum(sizes)
    near = [[] for _ in range(count)]
    gets, gives = [0] * count, [0] * count
    for payer, payee, amount in edges:
        near[payer].append((payee, amount))
        near[payee].append((payer, amount))
        gives[payer] += amount
        gets[payee] += amount

    def weigh(n):
        if sizes[0] <= n < first_sink:
            low, high = (gets[n], gives[n]) if gets[n] < gives[n] else (gives[n], gets[n])
            return (1 + ALPHA) * low - ALPHA * high
        return (1 + ALPHA) * (gets[n] + gives[n])

    weight = [weigh(n) for n in range(count)]
    heap = [(w, n) for n, w in enumerate(weight)]
    heapq.heapify(heap)
    total = sum(weight[sizes[0]:first_sink])
    alive = list(sizes)
    left, deleted = count, []
    best, best_score = 0, 0.0
    while all(alive):
        if total / left >= best_score:
            best, best_score = len(deleted), total / left
        while True:
            w, n = heapq.heappop(heap)
            if weight[n] == w:
                break
        middle = sizes[0] <= n < first_sink
        alive[1 if middle else 0 if n < sizes[0] else 2] -= 1
        left -= 1
        deleted.append(n)
        if middle:
            total -= w
        weight[n] = None
        for other, amount in near[n]:
            if weight[other] is None:
                continue
            if other > n:
                gets[other] -= amount
            else:
                gives[other] -= amount
            now = weigh(other)
            if not middle:
                total += now - weight[other]
            weight[other] = now
            heapq.heappush(heap, (now, other))
    return count - best


def main():
    """Reads the edges, then the clock runs."""
    words = array.array("Q")
    with open(sys.argv[1], "rb") as file:
        words.frombytes(file.read())
    edges = [tuple(words[i:i + 3]) for i in range(3, len(words), 3)]
    cpu, wall = time.process_time(), time.monotonic()
    members = search(list(words[:3]), edges)
    print(members, time.process_time() - cpu, time.monotonic() - wall)


main()

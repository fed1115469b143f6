#!/usr/bin/env python3
"""Peers of clustering: pairs of addresses to sets, in the best way that Python's programs have.

    unions.py FOLDER networkx|igraph

FOLDER holds pairs.u32: two numbers a pair. networkx joins them in its union-find, one by one, for
it has no other way; igraph is given all of them as the edges of a graph and asked for components.
Reading the pairs is done before the clock starts; making igraph's graph is not, since that is where
it takes them in.

Prints "UNIONS CPU_SECONDS WALL_SECONDS": how many pairs joined two sets.
"""

import sys
import time

import numpy as np


def by_networkx(pairs):
    """Unions one by one."""
    from networkx.utils import UnionFind  # pylint: disable=import-outside-toplevel

    sets = UnionFind()
    for a, b in pairs:
        sets.union(a, b)
    return len(sets.parents) - sum(1 for x in sets.parents if sets[x] == x)


def by_igraph(pairs):
    """Components of a graph."""
    import igraph  # pylint: disable=import-outside-toplevel

    count = int(pairs.max()) + 1
    graph = igraph.Graph(n=count, edges=pairs)
    return count - len(graph.connected_components(mode="weak"))


def main():
    """Reads the pairs, then the clock runs."""
    folder, name = sys.argv[1:3]
    pairs = np.fromfile(f"{folder}/pairs.u32", dtype=np.uint32).reshape(-1, 2)
    pairs = pairs.tolist() if name == "networkx" else pairs.astype(np.int64)
    cpu, wall = time.process_time(), time.monotonic()
    unions = (by_networkx if name == "networkx" else by_igraph)(pairs)
    print(unions, time.process_time() - cpu, time.monotonic() - wall)


main()

#!/usr/bin/env python3
"""A peer of mining for shapes: IBM's Graph Feature Preprocessor (package snapml, closed source).

    gfp.py FILE FIRST BATCH WINDOW SHAPES

FILE holds payments as five numbers of 64 bits: seconds, from, to, amount, number of the asset.
SHAPES are some of fan, scatter-gather, temp-cycle, with commas between. The first FIRST payments
fill the window before the clock starts; the rest is handed over BATCH at a time, each with all its
answers back: for each payment a histogram of the shapes that it takes part in (how many of which
size), without which payments make them. One thread. No statistics of accounts, which it
computes otherwise.

Prints "PAYMENTS CPU_SECONDS WALL_SECONDS": how many were handed over.
"""

import sys
import time

import numpy as np
from snapml import GraphFeaturePreprocessor

NAMES = ("fan", "scatter-gather", "temp-cycle")
BINS = [2, 3, 4, 5, 6, 8, 11, 21]


def settings(window, wanted):
    """Of the shapes that are asked for, all within one window."""
    params = {"num_threads": 1, "time_window": window, "vertex_stats": False, "lc-cycle": False,
              "degree": False}
    for name in NAMES:
        params[name] = name in wanted
        params[f"{name}_tw"] = window
        params[f"{name}_bins"] = BINS
    return params


def main():
    """Reads the payments, fills the window, then the clock runs."""
    path, first, batch, window, wanted = sys.argv[1:6]
    first, batch, window = int(first), int(batch), int(window)
    rows = np.fromfile(path, dtype=np.uint64).reshape(-1, 5).astype(np.float64)
    edges = np.column_stack((np.arange(len(rows)), rows[:, 1], rows[:, 2], rows[:, 0], rows[:, 3]))
    gfp = GraphFeaturePreprocessor()
    gfp.set_params(settings(window, wanted.split(",")))
    for at in range(0, first, 4096):
        gfp.partial_fit(edges[at : min(at + 4096, first)])
    cpu, wall = time.process_time(), time.monotonic()
    for at in range(first, len(edges), batch):
        gfp.transform(edges[at : at + batch])
    print(len(edges) - first, time.process_time() - cpu, time.monotonic() - wall)


main()

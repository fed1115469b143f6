#!/usr/bin/env python3
"""The peer that reading exports is measured against: Python's csv and json modules.

    peer.py FILE...      .csv files through csv.reader, others line by line through json.loads

Both modules are written in C. Every row is parsed and forgotten. Prints "BYTES CPU_SECONDS
WALL_SECONDS".
"""

import csv
import json
import os
import sys
import time


def main():
    # Inputs of transactions are longer than the module expects.
    csv.field_size_limit(1 << 30)
    cpu, wall, rows, size = time.process_time(), time.monotonic(), 0, 0
    for name in sys.argv[1:]:
        size += os.path.getsize(name)
        with open(name, encoding="utf-8", newline="") as file:
            if name.endswith(".csv"):
                for _ in csv.reader(file):
                    rows += 1
            else:
                for line in file:
                    json.loads(line)
                    rows += 1
    print(size, time.process_time() - cpu, time.monotonic() - wall, rows)


main()

#!/usr/bin/env python3
"""The peer that reading TagPacks is measured against: PyYAML over libyaml.

    peer.py tags|actors FILE

GraphSense's own loader stands on the same calls (with PyYAML's slower Python loader) and does much
more behind them; here the entries are only walked, each with the header's fields under its own,
and their texts touched. Prints "BYTES CPU_SECONDS WALL_SECONDS ENTRIES".
"""

import os
import sys
import time

import yaml


def main():
    key, name = sys.argv[1:]
    cpu, wall = time.process_time(), time.monotonic()
    with open(name, "rb") as file:
        pack = yaml.load(file, Loader=yaml.CSafeLoader)
    header = {k: v for k, v in pack.items() if k != key}
    count = letters = 0
    for entry in pack[key]:
        fields = {**header, **entry}
        letters += len(fields.get("address", "")) + len(fields["label"])
        count += 1
    print(os.path.getsize(name), time.process_time() - cpu, time.monotonic() - wall, count)


main()

#!/usr/bin/env python3
"""Makes incidents/bybit-2025-02/movements.csv from the transcribed public facts, byte for byte.

Why a script. A file of evidence that somebody typed cannot be checked; one that a short program
makes from another file can. tests/model/test_incident.py runs this and compares.

The source is the folder `data/bybit` of $DYEPACK_SHARED (default: ../shared beside the project):
native.csv, tokens.csv and decoys.csv, each
`block,time_utc,tx_hash,from,to,asset,token_contract,amount,source`. What happens to a row:

  order    by block; inside a block by the source's own order (hop file, then line:
           `hop2.csv:38`). That is not the index on the chain, which nobody recorded. `index`
           counts the rows of a block.
  time     `2025-02-21 14:29:47` becomes `2025-02-21T14:29:47Z`: it is UTC.
  kind     native where there is no contract, token where there is one.
  asset, contract, amount, addresses: unchanged, letter for letter, also where they are false (the
           decoys' Cyrillic symbols) or nothing moves (amount 0.0). The transactions are given in
           lists of transfers that happened, so status is ok.
  two amounts are corrected to the wei. The source went through float64; an independent graph of
           the same transfers (see SOURCES.md) has them exactly.

    tools/build-bybit-incident.py            writes incidents/bybit-2025-02/movements.csv
    tools/build-bybit-incident.py -          writes to standard output
"""
import csv
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = ("native.csv", "tokens.csv", "decoys.csv")
COLUMNS = ("block", "time", "tx", "index", "kind", "from", "to", "asset", "contract", "amount",
           "status", "source")
# source row: (what float64 left, what was sent)
CORRECTED = {
    "hop3.csv:55": ("135.6520937441375", "135.652093744137491977"),
    "hop2.csv:38": ("4000.0", "4000.000000000000000001"),
}


def data_folder():
    shared = os.environ.get("DYEPACK_SHARED") or os.path.join(ROOT, "..", "shared")
    return os.path.join(shared, "data", "bybit")


def place(row):
    """(block, hop, line): where a row stands."""
    hop, line = row["source"].split(".csv:")
    if not hop.startswith("hop"):
        raise SystemExit("%s: the source is not hopN.csv:line" % row["source"])
    return int(row["block"]), int(hop[3:]), int(line)


def read_rows(folder):
    rows = []
    for name in FILES:
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as text:
            rows += list(csv.DictReader(text))
    rows.sort(key=place)
    return rows


def corrected_amount(row):
    if row["source"] in CORRECTED:
        before, after = CORRECTED[row["source"]]
        if row["amount"] != before:
            raise SystemExit("%s: amount is %s, the correction was made for %s" % (
                row["source"], row["amount"], before))
        return after
    return row["amount"]


def lines(folder):
    yield ",".join(COLUMNS)
    block, index = None, 0
    for row in read_rows(folder):
        index = index + 1 if row["block"] == block else 0
        block = row["block"]
        fields = (block, row["time_utc"].replace(" ", "T") + "Z", row["tx_hash"], str(index),
                  "token" if row["token_contract"] else "native", row["from"], row["to"],
                  row["asset"], row["token_contract"], corrected_amount(row), "ok", row["source"])
        for field in fields:
            if any(c in field for c in ',"\r\n'):
                raise SystemExit("%s: a field would need quotes" % row["source"])
        yield ",".join(fields)


def build(folder):
    return ("\n".join(lines(folder)) + "\n").encode("utf-8")


def main():
    folder = data_folder()
    if not os.path.exists(os.path.join(folder, FILES[0])):
        raise SystemExit("%s is missing: set DYEPACK_SHARED to the folder that holds data/bybit"
                         % os.path.join(folder, FILES[0]))
    made = build(folder)
    if sys.argv[1:] == ["-"]:
        sys.stdout.buffer.write(made)
        return
    if sys.argv[1:]:
        raise SystemExit("usage: build-bybit-incident.py [-]")
    path = os.path.join(ROOT, "incidents", "bybit-2025-02", "movements.csv")
    with open(path, "wb") as out:
        out.write(made)
    print("%s: %d rows" % (os.path.relpath(path, os.getcwd()), made.count(b"\n") - 1))


if __name__ == "__main__":
    main()

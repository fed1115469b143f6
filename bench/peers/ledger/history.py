#!/usr/bin/env python3
"""Peers of an address's history: all movements from or to an address, in order, with amounts.

    history.py FOLDER duckdb|sqlite

FOLDER holds the columns of all movements, in order: row_src.u32, row_dst.u32 (0xffffffff: nobody),
row_tx.u32, row_class.u8, row_low.u64 and row_high.u64 (the amount), and who.u32, the addresses to
ask for; address.b20 and tx.b32 say what the numbers of addresses and transactions stand for. The
clock runs for the questions, each asked by itself and its rows fetched; what it takes to load the
rows and to build the best index there is (DuckDB: ART on either side; SQLite: covering ones) is
told beside. SQLite is asked by the address's bytes and answers with those of the other side and
the transaction's, as we do; DuckDB, which joins whole tables for that, is spared it and answers in
numbers.

Prints "ROWS WALL_SECONDS CPU_SECONDS LOAD_SECONDS".
"""

import os
import sqlite3
import sys
import time

import numpy as np

TYPES = {"src": "u32", "dst": "u32", "tx": "u32", "class": "u8", "low": "u64", "high": "u64"}
PIECE = 1 << 20


def columns(folder):
    """The columns, mapped."""
    kinds = {"u8": np.uint8, "u32": np.uint32, "u64": np.uint64}
    return {name: np.memmap(f"{folder}/row_{name}.{kind}", dtype=kinds[kind], mode="r")
            for name, kind in TYPES.items()}


def load_duckdb(folder):
    """An index on either side."""
    import duckdb  # pylint: disable=import-outside-toplevel

    path = f"{folder}/history.duckdb"
    if os.path.exists(path):
        os.remove(path)
    db = duckdb.connect(path)
    db.execute("SET threads = 1")  # with two such small questions take longer
    all_rows = columns(folder)
    db.execute("CREATE TABLE row(seq UINTEGER, src UINTEGER, dst UINTEGER, tx UINTEGER, "
               "class UTINYINT, low UBIGINT, high UBIGINT)")
    count = len(all_rows["src"])
    for begin in range(0, count, 16 * PIECE):
        piece = {"seq": np.arange(begin, min(begin + 16 * PIECE, count), dtype=np.uint32)}
        piece.update({name: np.asarray(c[begin:begin + 16 * PIECE])
                      for name, c in all_rows.items()})
        db.execute("INSERT INTO row SELECT * FROM piece")
    db.execute("CREATE INDEX by_src ON row(src)")
    db.execute("CREATE INDEX by_dst ON row(dst)")
    out = "SELECT seq, tx, src, dst, class, low, high FROM row WHERE "

    def history(who):
        rows = db.execute(out + "src = $1", [who]).fetchall()
        rows += [r for r in db.execute(out + "dst = $1", [who]).fetchall() if r[2] != who]
        rows.sort()
        return len(rows)

    return history


def load_sqlite(folder):
    """Covering indices."""
    path = f"{folder}/history.sqlite"
    if os.path.exists(path):
        os.remove(path)
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000",
                   "temp_store = MEMORY", "mmap_size = 100000000000", "threads = 2"):
        db.execute("PRAGMA " + pragma)
    db.execute("CREATE TABLE row(seq INTEGER PRIMARY KEY, src, dst, tx, class, low, high)")
    all_rows = columns(folder)
    count = len(all_rows["src"])
    db.execute("BEGIN")
    for begin in range(0, count, PIECE):
        lists = [range(begin, min(begin + PIECE, count))]
        # SQLite's integers have a sign.
        for c in all_rows.values():
            part = np.asarray(c[begin:begin + PIECE])
            lists.append((part.view(np.int64) if c.dtype == np.uint64 else part).tolist())
        db.executemany("INSERT INTO row VALUES(?, ?, ?, ?, ?, ?, ?)", zip(*lists))
    for table, size in (("address", 20), ("tx", 32)):
        db.execute(f"CREATE TABLE {table}(no INTEGER PRIMARY KEY, id BLOB)")
        with open(f"{folder}/{table}.b{size}", "rb") as file:
            db.executemany(f"INSERT INTO {table} VALUES(?, ?)",
                           enumerate(iter(lambda: file.read(size), b"")))
    db.execute("COMMIT")
    db.execute("CREATE INDEX by_id ON address(id)")
    db.execute("CREATE INDEX by_src ON row(src, seq, tx, dst, class, low, high)")
    db.execute("CREATE INDEX by_dst ON row(dst, seq, tx, src, class, low, high)")
    names_of = ("(SELECT id FROM tx WHERE no = row.tx), (SELECT id FROM address WHERE no = src), "
                "(SELECT id FROM address WHERE no = dst)")
    one = f"SELECT seq, {names_of}, class, low, high FROM row INDEXED BY "
    ask = (f"{one} by_src WHERE src = ?1 UNION ALL {one} by_dst WHERE dst = ?1 AND src <> dst "
           "ORDER BY seq")
    with open(f"{folder}/address.b20", "rb") as file:
        names = file.read()

    def history(who):
        me = db.execute("SELECT no FROM address WHERE id = ?", (names[20 * who:20 * who + 20],))
        return len(db.execute(ask, me.fetchone()).fetchall())

    return history


def main():
    """Loads, asks twice (the second time warm), prints the faster."""
    folder, program = sys.argv[1], sys.argv[2]
    begin = time.monotonic()
    history = {"duckdb": load_duckdb, "sqlite": load_sqlite}[program](folder)
    load = time.monotonic() - begin
    asked = np.fromfile(f"{folder}/who.u32", dtype=np.uint32).tolist()
    best = None
    for _ in range(2):
        cpu, wall = time.process_time(), time.monotonic()
        rows = sum(history(who) for who in asked)
        took = time.monotonic() - wall, time.process_time() - cpu
        best = took if best is None else min(best, took)
    print(rows, f"{best[0]:.6f} {best[1]:.6f} {load:.3f}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()

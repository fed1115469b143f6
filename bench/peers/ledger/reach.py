#!/usr/bin/env python3
"""Peers of following a theft: which addresses can the money have reached, in the order of time?

    reach.py FOLDER numpy|python|igraph|duckdb|kuzu SECONDS

FOLDER holds src.u32 and dst.u32, the transfers of the stolen asset in order of time (an edge's
place is its time), and ask.u32: how many addresses there are, the thief, the place of the theft,
then the addresses where money stops. The question is the same as poison's reach, on what is left
when fees, tokens and amounts are taken away; so a peer does less than is asked of us. Loading and
indexing is done before the clock starts. Each program answers in the best way it honestly can:

    numpy    edges sorted by sender; whole frontiers at a time, arrivals corrected until none change
    python   the same index; a heap, one address at a time, in the order of arrival
    igraph   its own adjacency; a heap in Python, since it knows no order of time
    duckdb   frontiers as tables, joined with the edges until none change
    kuzu     frontiers as a parameter, one hop a query, until none change

Prints "ADDRESSES_REACHED WALL_SECONDS CPU_SECONDS LOAD_SECONDS"; exits with 3 when the answer takes
longer than SECONDS.
"""

import heapq
import os
import sys
import time

import numpy as np

NEVER = np.uint32(0xFFFFFFFF)


class Question:
    """The edges and what is asked."""

    def __init__(self, folder, seconds):
        self.folder = folder
        self.src = np.fromfile(f"{folder}/src.u32", dtype=np.uint32)
        self.dst = np.fromfile(f"{folder}/dst.u32", dtype=np.uint32)
        ask = np.fromfile(f"{folder}/ask.u32", dtype=np.uint32)
        self.count, self.thief, self.start = (int(x) for x in ask[:3])
        self.stops = ask[3:]
        self.seconds = seconds
        self.end = 0.0

    def check_time(self):
        """Gives up when it takes too long."""
        if time.monotonic() > self.end:
            sys.exit(3)


def by_sender(question):
    """Where each address's edges begin, their receivers and times."""
    order = np.argsort(question.src, kind="stable")
    first = np.zeros(question.count + 1, dtype=np.int64)
    np.cumsum(np.bincount(question.src, minlength=question.count), out=first[1:])
    return first, question.dst[order], order.astype(np.uint32)


def improved(arrival, who, when):
    """Notes earlier arrivals; returns who arrived earlier than was known."""
    better = when < arrival[who]
    who, when = who[better], when[better]
    np.minimum.at(arrival, who, when)
    return np.unique(who)


def load_numpy(question):
    """Whole frontiers at a time."""
    first, dst, when = by_sender(question)
    arrival = np.full(question.count, NEVER, dtype=np.uint32)

    def answer():
        arrival[question.thief] = question.start
        # A stop has been there before anything arrives: nothing is an improvement.
        arrival[question.stops] = 0
        frontier = np.array([question.thief])
        reached = {question.thief}
        found = [frontier]
        while len(frontier) > 0:
            question.check_time()
            begin, n = first[frontier], first[frontier + 1] - first[frontier]
            at = np.repeat(begin - np.concatenate(([0], np.cumsum(n)[:-1])), n)
            at += np.arange(n.sum())
            later = when[at] > np.repeat(arrival[frontier], n)
            at = at[later]
            frontier = improved(arrival, dst[at], when[at])
            found.append(frontier)
        return len(np.unique(np.concatenate(found)))

    return answer


def by_heap(question, edges_of):
    """One address at a time, in the order of arrival. `edges_of`: (times, receivers), rising."""
    stops = set(question.stops.tolist())

    def answer():
        done, heap = set(), [(question.start, question.thief)]
        best = {question.thief: question.start}
        while heap:
            arrived, who = heapq.heappop(heap)
            if who in done:
                continue
            done.add(who)
            if len(done) % 4096 == 0:
                question.check_time()
            for when, to in zip(*edges_of(who)):
                if when > arrived and to not in stops and when < best.get(to, 1 << 40):
                    best[to] = when
                    heapq.heappush(heap, (when, to))
        return len(done)

    return answer


def load_python(question):
    """An index of numpy, everything else Python."""
    first, dst, when = by_sender(question)
    bounds = memoryview(first)

    def edges_of(who):
        begin, end = bounds[who], bounds[who + 1]
        return when[begin:end].tolist(), dst[begin:end].tolist()

    return by_heap(question, edges_of)


def load_igraph(question):
    """The number of an edge is its time."""
    import igraph  # pylint: disable=import-outside-toplevel

    pairs = np.column_stack((question.src, question.dst)).astype(np.int64)
    graph = igraph.Graph(n=question.count, edges=pairs, directed=True)
    del pairs
    dst = memoryview(question.dst)

    def edges_of(who):
        times = graph.incident(who, mode="out")
        return times, [dst[t] for t in times]

    return by_heap(question, edges_of)


def load_duckdb(question):
    """Frontiers as tables."""
    import duckdb  # pylint: disable=import-outside-toplevel

    db = duckdb.connect()
    db.execute("SET threads = 2")
    rows = {"src": question.src, "dst": question.dst,
            "t": np.arange(len(question.src), dtype=np.uint32)}
    stops = {"who": question.stops}
    db.execute("CREATE TABLE edge AS SELECT * FROM rows ORDER BY src, t")
    db.execute("CREATE TABLE stop AS SELECT * FROM stops")
    del rows, stops

    def answer():
        db.execute("CREATE TEMP TABLE reached(who UINTEGER, t UINTEGER)")
        db.execute("CREATE TEMP TABLE frontier AS "
                   f"SELECT {question.thief}::UINTEGER AS who, {question.start}::UINTEGER AS t")
        while db.execute("SELECT count(*) FROM frontier").fetchone()[0] > 0:
            question.check_time()
            db.execute("CREATE OR REPLACE TEMP TABLE kept AS SELECT * FROM reached "
                       "ANTI JOIN frontier USING (who) UNION ALL SELECT * FROM frontier")
            db.execute("CREATE OR REPLACE TEMP TABLE reached AS SELECT * FROM kept")
            db.execute("CREATE OR REPLACE TEMP TABLE frontier AS "
                       "SELECT n.who, n.t FROM (SELECT e.dst AS who, min(e.t) AS t FROM frontier f "
                       "JOIN edge e ON e.src = f.who AND e.t > f.t GROUP BY e.dst) n "
                       "ANTI JOIN stop USING (who) "
                       "LEFT JOIN reached r ON r.who = n.who WHERE r.t IS NULL OR n.t < r.t")
        return db.execute("SELECT count(*) FROM reached").fetchone()[0]

    return answer


def load_kuzu(question):
    """One hop a query; DuckDB writes the files that it reads."""
    import duckdb  # pylint: disable=import-outside-toplevel
    import kuzu  # pylint: disable=import-outside-toplevel

    rows = {"src": question.src.astype(np.int64), "dst": question.dst.astype(np.int64),
            "t": np.arange(len(question.src), dtype=np.int64)}
    folder, path = question.folder, f"{question.folder}/reach.kuzu"
    duckdb.sql("SELECT * FROM rows").write_parquet(f"{folder}/edge.parquet")
    duckdb.sql(f"SELECT range AS id FROM range({question.count})").write_parquet(
        f"{folder}/node.parquet")
    del rows
    for old in (path, path + ".wal"):
        if os.path.exists(old):
            os.remove(old)
    db = kuzu.Database(path, buffer_pool_size=4 << 30)
    link = kuzu.Connection(db, num_threads=2)
    link.execute("CREATE NODE TABLE A(id INT64 PRIMARY KEY)")
    link.execute("CREATE REL TABLE E(FROM A TO A, t INT64)")
    link.execute(f"COPY A FROM '{folder}/node.parquet'")
    link.execute(f"COPY E FROM '{folder}/edge.parquet'")
    hop = ("UNWIND $f AS x MATCH (a:A)-[e:E]->(b:A) WHERE a.id = x.id AND e.t > x.t "
           "RETURN b.id, min(e.t)")

    def answer():
        stops, best = set(question.stops.tolist()), {question.thief: question.start}
        frontier = [question.thief]
        while frontier:
            question.check_time()
            found = link.execute(hop, {"f": [{"id": w, "t": best[w]} for w in frontier]})
            frontier = []
            for who, when in found.get_all():
                if who not in stops and when < best.get(who, 1 << 40):
                    best[who] = when
                    frontier.append(who)
        return len(best)

    return answer


def main():
    """Loads, asks, prints."""
    folder, program, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    loaders = {"numpy": load_numpy, "python": load_python, "igraph": load_igraph,
               "duckdb": load_duckdb, "kuzu": load_kuzu}
    begin = time.monotonic()
    question = Question(folder, seconds)
    answer = loaders[program](question)
    load = time.monotonic() - begin
    cpu, wall = time.process_time(), time.monotonic()
    question.end = wall + seconds
    count = answer()
    wall = time.monotonic() - wall
    print(count, f"{wall:.6f} {time.process_time() - cpu:.6f} {load:.3f}", flush=True)
    os._exit(0)  # taking a large graph apart would take longer than the question


if __name__ == "__main__":
    main()

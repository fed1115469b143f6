"""What the tests of the command line share: running the program, writing case files, looking into
casebooks, and comparing a result with the model's.

The program is $DYEPACK (default build/dyepack), the real data lie in $DYEPACK_SHARED/data (default
../shared). Nothing here imports anything of the program: results come from its output alone.
"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "model"))
import model  # noqa: E402

DYEPACK = os.path.abspath(os.environ.get("DYEPACK", os.path.join(ROOT, "build", "dyepack")))
SHARED = os.path.join(ROOT, os.environ.get("DYEPACK_SHARED", "../shared"))
POLICIES = model.POLICIES
SECONDS_MAX = 120


def data(*path):
    """A file of the shared data; skips the test, saying so, where it is missing."""
    where = os.path.join(SHARED, "data", *path)
    if not os.path.exists(where):
        raise unittest.SkipTest("SKIPPED: %s is missing; set DYEPACK_SHARED to the folder that "
                                "holds data" % where)
    return where


def run(*args, stdin=None, env=None, text=True, stdout=subprocess.PIPE):
    """Runs dyepack in the project's root."""
    return subprocess.run([DYEPACK, *[str(a) for a in args]], cwd=ROOT, input=stdin, text=text,
                          stdout=stdout, stderr=subprocess.PIPE, check=False, env=env,
                          timeout=SECONDS_MAX)


class Case(unittest.TestCase):
    """Gives each test a folder of its own, and ways to run the program there."""
    maxDiff = 4000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dyepack-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        """Writes text or bytes into the folder; gives the path."""
        path = self.path(name)
        mode = {"mode": "wb"} if isinstance(content, bytes) else \
            {"mode": "w", "encoding": "utf-8", "newline": ""}
        with open(path, **mode) as file:
            file.write(content)
        return path

    def case(self, name="case", chain="ethereum", **more):
        """Writes a case file; lists of maps stand in flow style, which is JSON."""
        lines = ["incident: " + name, "chain: " + chain]
        for key, value in more.items():
            lines.append("%s: %s" % (key, value if isinstance(value, str) else json.dumps(value)))
        return self.write(name + ".yaml", "\n".join(lines) + "\n")

    def done(self, *args, **more):
        """Runs what must succeed in silence; gives its stdout."""
        result = run(*args, **more)
        self.assertEqual((result.returncode, result.stderr), (0, "" if more.get("text", True)
                                                              else b""), args)
        return result.stdout

    def trace(self, *args, **more):
        """The JSON text of a trace that must succeed."""
        return self.done("trace", *args, "--quiet", "--format", "json", **more)

    def results(self, *args, **more):
        """The cases of a trace, by incident."""
        result = json.loads(self.trace(*args, **more))
        return {c["case"]: c for c in result.get("cases", [result])}

    def refused(self, *args, code=1, says=(), **more):
        """Runs what must fail: nothing on stdout, one line on stderr that says all of `says`.
        (Misuse adds one line that points to --help.)"""
        result = run(*args, **more)
        self.assertEqual(result.returncode, code, (args, result.stderr))
        self.assertEqual(result.stdout, "", args)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1 if code == 1 else 2, result.stderr)
        self.assertRegex(lines[0], "^dyepack")
        for word in says:
            self.assertIn(word, lines[0])
        return lines[0]


def dump(path):
    """Every table of a casebook, as text: equal casebooks have equal dumps. How often it was
    written (meta.turn, meta.docket) is no part of what it says."""
    db = sqlite3.connect(path)
    try:
        text = []
        tables = [t for t, in db.execute("select name from sqlite_master where type='table' "
                                         "order by name")]
        for table in tables:
            columns = [c[1] for c in db.execute("pragma table_info(%s)" % table)
                       if table != "meta" or c[1] == "version"]
            text.append("%s %s" % (table, columns))
            rows = db.execute("select %s from %s order by %s" % (
                ",".join(columns), table, ",".join(str(i + 1) for i in range(len(columns)))))
            text += [repr(row) for row in rows]
        return text
    finally:
        db.close()


# ---------------------------------------------------------------------------- with the model


class WithHops:
    """Added to a model: the hop of every holder that ever carried taint, told from the definition
    (0 where a theft puts it, else one more than the nearest holder it came from)."""

    def __init__(self, world):
        super().__init__(world)
        self.hops = {}


class UtxoHops(WithHops, model.UtxoModel):
    """Coins: a coin's hop is fixed when it is made."""

    def apply(self, tx):
        nearest = [self.hops[o] for o, _ in tx["in"] if o in self.hops]
        super().apply(tx)
        for j in range(len(tx["out"])):
            outpoint = "%s:%d" % (tx["id"], j)
            if outpoint in self.coins and model.tainted_parts(self.coins[outpoint][1]):
                # Tainted though no input was: a seed put it there.
                self.hops[outpoint] = min(nearest) + 1 if nearest else 0


class AccountHops(WithHops, model.AccountModel):
    """Pools: a pool's hop is that of the first taint that reached it."""

    def move(self, tx, move, later, arriving):
        target, source = (move["to"], move["asset"]), (move["from"], move["asset"])
        known = target in self.pools
        from_hop = self.hops.get(source)
        super().move(tx, move, later, arriving)
        if not known and target in self.pools:
            self.hops[target] = 0 if from_hop is None else from_hop + 1

    def plant_due(self, tx):
        super().plant_due(tx)
        for key in self.pools:
            self.hops.setdefault(key, 0)

    def deliver(self, link):
        super().deliver(link)
        self.hops.setdefault((link["to"], link["asset"]), 0)


def slow(world, account=AccountHops):
    """(the model's result, the hops of its holders)."""
    made = (UtxoHops if world["kind"] == "utxo" else account)(world)
    return made.run(), made.hops


def summed(arrivals):
    """By bucket, address and transaction: the model tells of every run that arrives."""
    sums = {}
    for *key, amount, origin in arrivals:
        place = sums.setdefault(tuple(key), [0, 0])
        place[0] += amount
        place[1] += origin
    return sums


def summary_of_model(world, case, account=AccountHops):
    """What the model says of one case, in the form of summary_of_json. `account`: the model of an
    account chain."""
    result, hops = slow(world, account)
    colours = {i + 1: c["asset"] for i, c in enumerate(result["colours"]) if c["case"] == case}
    holders = {}
    for h in result["holders"]:
        key = h["holder"] if world["kind"] == "utxo" else (h["holder"], h["asset"])
        for units, colour, origin in h["runs"]:
            if colour in colours:
                place = holders.setdefault((key, colours[colour]), [0, 0, hops[key]])
                place[0] += units
                place[1] += origin
    arrivals = summed((a["service"], a["address"], a["tx"], a["amount"], a["origin"])
                      for a in result["arrivals"] if a["colour"] in colours)
    return {
        "stolen": {a: result["stolen"][c - 1] for c, a in colours.items()},
        "buckets": {a: result["buckets"][c - 1] for c, a in colours.items()},
        "holders": {k: tuple(v) for k, v in holders.items()},
        "arrivals": arrivals,
        "uncovered": {(u["address"], u["asset"]): u["amount"] for u in result["uncovered"]},
        "conserved": result["conserved"],
    }


def summary_of_json(result, utxo):
    """The figures of a trace's JSON; addresses in small letters on account chains, for the model
    knows no checksums."""
    def address(text):
        return text if utxo else text.lower()
    def symbol(text):
        return "btc" if utxo else text.lower()  # the model has one name for every test network
    symbols = {t["asset"]: symbol(t["symbol"]) for t in result["stolen"]}
    holders = {}
    for h in result["holders"]:
        key = h["outpoint"] if utxo else (address(h["address"]), symbol(h["symbol"]))
        value = (int(h["amount"]), int(h["origin"]), h["hop"])
        assert (key, symbols[h["origin_asset"]]) not in holders, "a holder is listed twice"
        holders[(key, symbols[h["origin_asset"]])] = value
    arrivals = summed((a["bucket"], address(a["address"]), a["tx"], int(a["amount"]),
                       int(a["origin"])) for a in result["arrivals"])
    return {
        "stolen": {symbol(t["symbol"]): int(t["units"]) for t in result["stolen"]},
        "buckets": {symbol(t["symbol"]): {b: int(n) for b, n in t["buckets"].items()}
                    for t in result["stolen"]},
        "holders": holders,
        "arrivals": arrivals,
        "uncovered": {(address(u["address"]), symbol(u["symbol"])): int(u["amount"])
                      for u in result["uncovered"]},
        "conserved": result["conserved"],
    }


def adds_up(result):
    """Conservation, recomputed from the lists of a trace's JSON and nothing else."""
    for stolen in result["stolen"]:
        held = sum(int(h["origin"]) for h in result["holders"]
                   if h["origin_asset"] == stolen["asset"])
        buckets = {b: int(n) for b, n in stolen["buckets"].items()}
        arrived = sum(int(a["origin"]) for a in result["arrivals"]
                      if a["origin_asset"] == stolen["asset"])
        stops = sum(buckets[b] for b in ("service", "mixer", "frozen", "returned"))
        if held != buckets["held"] or arrived != stops \
                or sum(buckets.values()) != int(stolen["units"]):
            return False
    return True

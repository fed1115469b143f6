#!/usr/bin/env python3
"""Worlds to test taint in: all small ones, and random large ones; with what the model says of them.

Why. A rule that is wrong is usually wrong in a small world already. So every transfer graph of
up to four addresses and five transfers is made, once per way of looking different, and every
chain of up to two UTXO transactions of up to three inputs and three outputs. What small graphs
cannot show (several cases meeting, links, fees, dust, failed calls, amounts of 200 bits) comes
from seeded random ledgers.

    python3 tests/model/worlds.py --count                  how many worlds there are
    python3 tests/model/worlds.py --binary FILE            worlds and expected results, as below
    python3 tests/model/worlds.py --binary - --full        423,995 worlds (4 min, 341 MB)
    python3 tests/model/worlds.py --binary - --quick       each 5th of the largest graphs (5 s)
    python3 tests/model/worlds.py --export DIR --seed 7    one random world as CSV + case file

HOW MANY (transfers are ordered, self-transfers count, address 0 is the thief's, the others are
named in the order they first occur, so that no two worlds differ by names only):

    account, 4 addresses, 1..5 transfers          187,097 graphs   (45,273 without self-transfers)
      of these, every transfer touches an address
      that taint has reached ("near" worlds)       23,952          (10,630)
    UTXO, 1, 2, 3, 4 transactions       18; 1,332; 234,648; 75,792,816 chains

A chain of UTXO transactions is told by which unspent coins (or clean outside coins, at least one
input being a coin that descends from the stolen one) each transaction takes in which order, and
how many outputs it has. The default run is: all near account graphs, all UTXO chains to two
transactions, each 397th of three, 300 of four, 300 random ledgers of each kind: 26,794 worlds,
25 MB, 15 s. A transfer between two addresses that taint has not reached only changes what is found
there later, so the default leaves it to the stated openings; --full does all graphs, and all UTXO
chains to three transactions. The 76 million chains of four are only sampled (--utxo4 N).
Each account graph gets one setting of amounts, grouping into transactions, openings and seeds out
of 72, in turn (--settings N gives each N of them, 72 = all); each UTXO chain one out of 27.

THE TEXT STREAM (--binary). Lines of tokens parted by one space; every number is decimal; amounts
can have 60 digits in random worlds. The first line is `dyepack-worlds 1`. Then, for each world:

    W <number> <a|u> <colours> <dust_limit>   account or UTXO; colours are 1..colours
    C <colour> <case> <asset>           case number from 0, asset number (UTXO: always 0)
    S <colour> <addr> <amount> <tx>     account seed; tx -1: before block 1, else arriving in tx
    S <colour> <tx> <vout> <amount>     UTXO seed: the first `amount` units of the output
    O <addr> <asset> <amount>           stated opening balance
    X <addr> <bucket>                   stop: taint arriving at addr is booked to this bucket
    L <from> <to> <asset> <amount> <n> asset*n <m> tx*m       link: captured assets, captured txs
    T <tx>                              a transaction; tx counts from 0; it is alone in the
                                        block of height tx + 1 and time 1700000000 + 12 * tx
    M <n|f> <from> <to> <asset> <amount> <failed>   movement: plain or fee; address -1 is nobody,
                                        asset -1 is not on the asset list (noise), failed 0 or 1
    I <tx> <vout> <value>               input; tx -1 is a coin from outside (clean), vout its name
    Q <addr> <value>                    output, in index order; address -1 is OP_RETURN
    P <policy>                          what the model says follows, once for each policy
    B <colour> <stolen> <held> <service> <mixer> <unresolved> <fee> <burnt> <dust> <frozen>
      <returned> <contested>            (one line), in origin units; poison: in units, not adding up
    H <addr> <asset> <value> <n> (<units> <colour> <origin>)*n     tainted pool, runs front to back
    H <tx> <vout> <value> <n> (...)*n                              tainted coin, runs in order
    U <addr> <asset> <amount>           uncovered
    E                                   the world ends

Runs are joined where they are neighbours of one colour with the same origin per unit. H lines are
sorted by (addr, asset) or (tx, vout) as numbers. Under poison a holder's runs are its marks: units
(the whole value of the coin or pool), colour, units.
"""
import argparse
import itertools
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402

TIME_FIRST = 1700000000
TIME_STEP = 12
ADDRESSES_MAX = 4
TRANSFERS_MAX = 5

# Settings of a small account world. Amounts per position: all different, equal, rising, falling,
# so that outflows rank in every way and no outflow divides a balance evenly for long.
AMOUNTS = ((3, 2, 4, 1, 5), (2, 2, 2, 2, 2), (1, 5, 3, 6, 2), (6, 4, 3, 2, 1))
GROUPINGS = ("one each", "all in one", "pairs")
SETUPS = ("plain", "opening", "two cases", "two cases, opening", "by tx", "last is a fee")
SETTINGS = list(itertools.product(AMOUNTS, GROUPINGS, SETUPS))


# ------------------------------------------------------------------ small account worlds


def account_graphs(transfers, near=True, loops=True, addresses=ADDRESSES_MAX):
    """Every sequence of so many (from, to) over address 0 and others named as they occur."""

    def extend(edges, used, reached):
        if len(edges) == transfers:
            yield tuple(edges)
            return
        for a in range(min(used + 1, addresses)):
            for b in range(min(max(used, a + 1) + 1, addresses)):
                if a == b and not loops:
                    continue
                if near and a not in reached and b not in reached:
                    continue
                edges.append((a, b))
                yield from extend(edges, max(used, a + 1, b + 1),
                                  reached | {b} if a in reached else reached)
                edges.pop()

    yield from extend([], 1, frozenset([0]))


def account_world(graph, setting):
    amounts, grouping, setup = SETTINGS[setting % len(SETTINGS)]
    world = {"kind": "account", "dust_limit": 0, "opening": [], "links": [], "stops": {},
             "seeds": [{"case": "c0", "asset": "s0", "address": "a0", "amount": 7, "tx": None,
                        "block": 0}], "txs": []}
    if "opening" in setup:
        world["opening"] = [{"address": "a%d" % i, "asset": "s0", "amount": i + 2}
                            for i in range(3)]
    if "two cases" in setup:
        world["seeds"].append({"case": "c1", "asset": "s0", "address": "a1", "amount": 4,
                               "tx": None, "block": 0})
    moves = [{"kind": "native", "from": "a%d" % a, "to": "a%d" % b, "asset": "s0",
              "amount": amounts[i], "failed": False} for i, (a, b) in enumerate(graph)]
    if setup == "last is a fee":
        moves[-1]["kind"] = "fee"
    if setup == "by tx":
        # Nobody pays the thief; the first units of it are stolen, the rest was the thief's own.
        moves.insert(0, {"kind": "native", "from": None, "to": "a0", "asset": "s0", "amount": 8,
                         "failed": False})
        world["seeds"][0].update(tx="t0", amount=5)
    size = {"one each": 1, "all in one": len(moves), "pairs": 2}[grouping]
    for i in range(0, len(moves), size):
        add_tx(world, moves=moves[i:i + size])
    return world


def add_tx(world, **fields):
    n = len(world["txs"])
    tx = dict(fields, id="t%d" % n, block=n + 1, time=TIME_FIRST + TIME_STEP * n)
    world["txs"].append(tx)
    return tx


# ------------------------------------------------------------------ small UTXO worlds


def input_shapes(live):
    """Every ordered choice of 1..3 inputs: coins 0..live-1 (each once) and clean coins from
    outside (None), with at least one coin."""
    for count in (1, 2, 3):
        for places in itertools.product((True, False), repeat=count):
            need = sum(places)
            if need == 0 or need > live:
                continue
            for coins in itertools.permutations(range(live), need):
                coins = list(coins)
                yield tuple(coins.pop(0) if place else None for place in places)


def utxo_chains(txs):
    """Every chain of so many transactions: a tuple of (inputs as positions, outputs)."""

    def extend(chain, live):
        if len(chain) == txs:
            yield tuple(chain)
            return
        for shape in input_shapes(live):
            spent = sum(1 for s in shape if s is not None)
            for outputs in (1, 2, 3):
                chain.append((shape, outputs))
                yield from extend(chain, live - spent + outputs)
                chain.pop()

    yield from extend([], 1)


def random_chain(rng, txs):
    chain, live = [], 1
    for _ in range(txs):
        shape = rng.choice(list(input_shapes(live)))
        outputs = rng.randint(1, 3)
        chain.append((shape, outputs))
        live += outputs - sum(1 for s in shape if s is not None)
        live = max(live, 1)
    return tuple(chain)


def utxo_world(chain, setting):
    """The stolen coin has 10 units: all stolen, the first 6, or two cases (first 6, then all)."""
    world = {"kind": "utxo", "dust_limit": 0, "stops": {}, "txs": []}
    kind = setting % 3
    world["seeds"] = [{"case": "c0", "outpoint": "t0:0", "amount": 10 if kind == 0 else 6}]
    if kind == 2:
        world["seeds"].append({"case": "c1", "outpoint": "t0:0", "amount": 10})
    add_tx(world, **{"in": [], "out": [["a0", 10]]})
    live, outside = [("t0:0", 10)], 0
    for step, (shape, outputs) in enumerate(chain):
        inputs = []
        for place in shape:
            if place is None:
                inputs.append(["x%d:0" % outside, 3 + (outside + setting) % 5])
                outside += 1
            else:
                inputs.append(list(live[place]))
        live = [coin for i, coin in enumerate(live) if i not in shape]
        value = sum(v for _, v in inputs)
        fee = min(value, (0, 1, 3)[(setting // 3 + step) % 3])
        values = cut_value(value - fee, outputs, setting // 9 + step)
        tx = add_tx(world, **{"in": inputs,
                              "out": [["a%d" % (1 + j), w] for j, w in enumerate(values)]})
        live += [("%s:%d" % (tx["id"], j), w) for j, w in enumerate(values)]
    return world


def cut_value(value, parts, pattern):
    """Parts that are equal, rising or falling, turn about. Some are 0 where there is little."""
    weights = ((1, 1, 1), (1, 2, 4), (5, 3, 1))[pattern % 3][:parts]
    cut = [value * w // sum(weights) for w in weights]
    cut[-1] += value - sum(cut)
    return cut


# ------------------------------------------------------------------ random ledgers


def random_amount(rng, scale):
    """Mostly small against `scale`, sometimes most of it: both splits and sweeps happen."""
    if rng.random() < 0.2:
        return scale
    return rng.randint(1, max(1, scale // rng.choice((1, 2, 3, 10))))


def random_account(rng, txs=25, addresses=8, cases=3, scale=None, links=True):
    scale = scale or rng.choice((20, 1000, 10 ** 18, 10 ** 26, 10 ** 60))
    world = {"kind": "account", "dust_limit": rng.choice((0, 0, scale // 50)), "opening": [],
             "links": [], "stops": {}, "seeds": [], "txs": []}
    names = ["a%d" % i for i in range(addresses)]
    if rng.random() < 0.6:
        world["stops"][names[-1]] = rng.choice(("service", "mixer", "returned"))
    for i in range(3):
        if rng.random() < 0.3:
            world["opening"].append({"address": names[i], "asset": "s0",
                                     "amount": rng.randint(0, scale)})
    for n in range(txs):
        moves = []
        if rng.random() < 0.1:
            moves.append(random_move(rng, names, scale, mint=True))
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            moves.append(random_move(rng, names, scale))
        if rng.random() < 0.5:
            payer = moves[-1]["from"] or names[0]
            moves.append({"kind": "fee", "from": payer,
                          "to": rng.choice((None, None, names[-2])), "asset": "s0",
                          "amount": rng.randint(0, max(1, scale // 100)), "failed": False})
        add_tx(world, moves=moves)
    random_account_seeds(rng, world, names, cases, scale)
    if links and rng.random() < 0.5:
        random_link(rng, world, names, scale)
    return world


def random_move(rng, names, scale, mint=False):
    to = None if rng.random() < 0.03 and not mint else rng.choice(names)
    asset = rng.choice(("s0", "s0", "s0", "s1"))
    if rng.random() < 0.02:
        asset = None
    native = "reward" if mint else "native"
    return {"kind": native if asset == "s0" else "token",
            "from": None if mint else rng.choice(names), "to": to, "asset": asset,
            "amount": random_amount(rng, scale), "failed": rng.random() < 0.04}


def random_account_seeds(rng, world, names, cases, scale):
    """Seeds of both forms. One by transaction names no more than arrives there by plain moves."""
    for case in range(cases):
        for _ in range(rng.choice((1, 1, 2))):
            seed = {"case": "c%d" % case, "asset": rng.choice(("s0", "s0", "s1")),
                    "address": rng.choice(names[:-2]), "tx": None, "block": 0}
            tx = rng.choice(world["txs"])
            arriving = sum(m["amount"] for m in tx["moves"]
                           if m["to"] == seed["address"] and m["asset"] == seed["asset"]
                           and m["kind"] != "fee" and not m["failed"])
            if arriving and rng.random() < 0.8:
                seed.update(tx=tx["id"], amount=rng.randint(1, arriving))
            else:
                seed.update(amount=random_amount(rng, scale))
            world["seeds"].append(seed)


def random_link(rng, world, names, scale):
    txs = [tx["id"] for tx in world["txs"] if rng.random() < 0.3] or ["t0"]
    world["links"].append({"from": rng.choice(names[:-2]), "to": rng.choice(names[:-2]),
                           "asset": rng.choice(("s0", "s1")),
                           "assets": ["s1", "s0"][:rng.choice((1, 2))],
                           "amount": random_amount(rng, scale), "txs": txs})


def random_utxo(rng, txs=20, cases=3, scale=None):
    scale = scale or rng.choice((20, 1000, 10 ** 10))
    world = {"kind": "utxo", "dust_limit": rng.choice((0, 0, scale // 50)), "stops": {},
             "seeds": [], "txs": []}
    if rng.random() < 0.6:
        world["stops"]["a9"] = rng.choice(("service", "mixer", "returned"))
    live, outside = [], 0
    for n in range(txs):
        inputs = []
        if n > 0 and rng.random() > 0.1:
            for _ in range(rng.choice((1, 1, 2, 3, 6))):
                if live and rng.random() < 0.8:
                    inputs.append(list(live.pop(rng.randrange(len(live)))))
                else:
                    inputs.append(["x%d:0" % outside, rng.randint(0, scale)])
                    outside += 1
        value = sum(v for _, v in inputs) if inputs else rng.randint(1, scale) * 3
        fee = rng.randint(0, max(0, value // 20)) if inputs else 0
        values = random_cut(rng, value - fee, rng.choice((1, 2, 2, 3, 8)))
        outs = [[None if rng.random() < 0.03 else "a%d" % rng.randint(0, 9), w] for w in values]
        tx = add_tx(world, **{"in": inputs, "out": outs})
        live += [("%s:%d" % (tx["id"], j), w) for j, (to, w) in enumerate(outs)
                 if to is not None]
    random_utxo_seeds(rng, world, cases)
    return world


def random_cut(rng, value, parts):
    marks = sorted(rng.randint(0, value) for _ in range(parts - 1))
    return [b - a for a, b in zip([0] + marks, marks + [value])]


def random_utxo_seeds(rng, world, cases):
    coins = [("%s:%d" % (tx["id"], j), w) for tx in world["txs"][:len(world["txs"]) // 2]
             for j, (to, w) in enumerate(tx["out"]) if to is not None and w > 0]
    coins = coins or [("t0:0", sum(w for _, w in world["txs"][0]["out"]))]
    for case in range(cases):
        outpoint, value = rng.choice(coins)
        if case and rng.random() < 0.3:  # two cases meet on one coin
            outpoint = world["seeds"][-1]["outpoint"]
            value = dict(coins)[outpoint]
        amount = value if rng.random() < 0.5 else rng.randint(1, value)
        world["seeds"].append({"case": "c%d" % case, "outpoint": outpoint, "amount": amount})


# ------------------------------------------------------------------ the stream


def number(name):
    """t3 -> 3, a0 -> 0, nobody -> -1."""
    return -1 if name is None else int(name[1:])


def outpoint_numbers(outpoint):
    tx, vout = outpoint.split(":")
    return (-1, int(tx[1:])) if tx[0] == "x" else (int(tx[1:]), int(vout))


def world_lines(index, world):
    """The world itself, without results."""
    is_account = world["kind"] == "account"
    books = (model.AccountModel if is_account else model.UtxoModel)(dict(world, policy="fifo"))
    yield "W %d %s %d %d" % (index, world["kind"][0], len(books.colours), world["dust_limit"])
    for i, (case, asset) in enumerate(books.colours):
        yield "C %d %d %d" % (i + 1, number(case), number(asset) if is_account else 0)
    for s in sorted(books.seeds, key=lambda s: s["index"]):
        if is_account:
            yield "S %d %d %d %d" % (s["colour"], number(s["address"]), s["amount"],
                                     number(s["tx"]))
        else:
            yield "S %d %d %d %d" % ((s["colour"],) + outpoint_numbers(s["outpoint"])
                                     + (s["amount"],))
    for o in world.get("opening", []):
        yield "O %d %d %d" % (number(o["address"]), number(o["asset"]), o["amount"])
    for address, bucket in sorted(world["stops"].items()):
        yield "X %d %s" % (number(address), bucket)
    for link in world.get("links", []):
        yield "L %d %d %d %d %d %s %d %s" % (
            number(link["from"]), number(link["to"]), number(link["asset"]), link["amount"],
            len(link["assets"]), " ".join(str(number(a)) for a in link["assets"]),
            len(link["txs"]), " ".join(str(number(t)) for t in link["txs"]))
    for tx in world["txs"]:
        yield "T %d" % number(tx["id"])
        for m in tx.get("moves", []):
            yield "M %s %d %d %d %d %d" % ("f" if m["kind"] == "fee" else "n", number(m["from"]),
                                           number(m["to"]), number(m["asset"]), m["amount"],
                                           m["failed"])
        for outpoint, value in tx.get("in", []):
            yield "I %d %d %d" % (outpoint_numbers(outpoint) + (value,))
        for to, value in tx.get("out", []):
            yield "Q %d %d" % (number(to), value)


def result_lines(world, policy):
    result = model.run(dict(world, policy=policy))
    if policy != "poison" and not result["conserved"]:
        raise AssertionError("the model lost units: %r" % world)
    yield "P " + policy
    for i, buckets in enumerate(result["buckets"]):
        yield "B %d %d %s" % (i + 1, result["stolen"][i],
                              " ".join(str(buckets[b]) for b in model.BUCKETS))
    is_account = world["kind"] == "account"
    holders = []
    for h in result["holders"]:
        key = ((number(h["holder"]), number(h["asset"])) if is_account
               else outpoint_numbers(h["holder"]))
        holders.append((key, h))
    for key, h in sorted(holders, key=lambda pair: pair[0]):
        runs = " ".join("%d %d %d" % tuple(run) for run in h["runs"])
        yield "H %d %d %d %d %s" % (key + (h["value"], len(h["runs"]), runs))
    for u in result["uncovered"]:
        yield "U %d %d %d" % (number(u["address"]), number(u["asset"]), u["amount"])


def all_worlds(args):
    """The worlds of a run, in a fixed order."""
    for transfers in range(1, TRANSFERS_MAX + 1):
        stride = 5 if args.quick and transfers == TRANSFERS_MAX else 1
        graphs = account_graphs(transfers, near=not args.full)
        for i, graph in enumerate(itertools.islice(graphs, 0, None, stride)):
            for s in range(args.settings):
                yield account_world(graph, i * 5 + s)
    for txs in (1, 2, 3):
        stride = 1 if txs < 3 or args.full else 397
        for i, chain in enumerate(itertools.islice(utxo_chains(txs), 0, None, stride)):
            for s in range(min(args.settings, 27)):
                yield utxo_world(chain, i * 4 + s)
    rng = random.Random(args.seed)
    for i in range(args.utxo4):
        yield utxo_world(random_chain(rng, 4), i)
    for _ in range(args.random):
        yield random_account(rng)
        yield random_utxo(rng)


def write_stream(args):
    out = sys.stdout if args.binary == "-" else open(args.binary, "w", encoding="ascii")
    out.write("dyepack-worlds 1\n")
    count = 0
    for index, world in enumerate(all_worlds(args)):
        lines = list(world_lines(index, world))
        for policy in args.policies.split(","):
            lines.extend(result_lines(world, policy))
        lines.append("E\n")
        out.write("\n".join(lines))
        count += 1
    if out is not sys.stdout:
        out.close()
    print("%d worlds" % count, file=sys.stderr)


# ------------------------------------------------------------------ CSV and case file


def text_address(name):
    """EVM addresses for account worlds, all lower case and never 0x0; nobody is empty."""
    return "" if name is None else "0x1" + "%039x" % (0xa000 + number(name))


def text_tx(world, name):
    """Transaction ids of 32 bytes: account t3 -> 0x..., UTXO the same without 0x."""
    prefix = "0x" if world["kind"] == "account" else ""
    kind = 0xe0 if name[0] == "x" else 0xc0
    return prefix + "%02x%062x" % (kind, int(name[1:]))


def text_outpoint(world, outpoint):
    tx, vout = outpoint.split(":")
    return "%s:%s" % (text_tx(world, tx), vout)


# Assets of exported worlds: real ones of the asset list, so that any reader knows them.
# What is not on the list is told by a contract that nobody knows.
EXPORT_ASSETS = {"s0": "eth", "s1": "steth", None: "0x00000000000000000000000000000000000bad00"}


def csv_rows(world):
    """The world as the plain interchange form. UTXO addresses are names (name:a0, ...), which
    are no addresses of any chain; an OP_RETURN output is `nulldata`."""
    yield "block,time,tx,index,kind,from,to,asset,amount_base,status"
    for tx in world["txs"]:
        row = 0
        head = "%d,%d,%s" % (tx["block"], tx["time"], text_tx(world, tx["id"]))
        for m in tx.get("moves", []):
            yield "%s,%d,%s,%s,%s,%s,%d,%s" % (
                head, row, m["kind"], text_address(m["from"]), text_address(m["to"]),
                EXPORT_ASSETS[m["asset"]], m["amount"], "failed" if m["failed"] else "ok")
            row += 1
        for outpoint, value in tx.get("in", []):
            yield "%s,%d,input,%s,,btc,%d,ok" % (head, row, text_outpoint(world, outpoint), value)
            row += 1
        for to, value in tx.get("out", []):
            paid = "name:" + to if to else "nulldata"
            yield "%s,%d,output,,%s,btc,%d,ok" % (head, row, paid, value)
            row += 1


def case_yaml(world, case, policy, name="world"):
    """The case file of one case of the world, as `dyepack trace` reads it."""
    is_account = world["kind"] == "account"
    yield "incident: %s-%s" % (name, case)
    yield "title: A generated world"
    yield "chain: %s" % ("ethereum" if is_account else "bitcoin")
    yield "policy: %s" % policy
    if world["dust_limit"]:
        yield 'dust_limit: "%d"' % world["dust_limit"]
    yield "stolen:"
    for s in world["seeds"]:
        if s["case"] != case:
            continue
        if is_account:
            when = ('tx: "%s"' % text_tx(world, s["tx"]) if s["tx"] is not None
                    else "block: %d" % s["block"])
            yield '  - {address: "%s", asset: %s, amount_base: "%d", %s}' % (
                text_address(s["address"]), EXPORT_ASSETS[s["asset"]], s["amount"], when)
        else:
            yield '  - {outpoint: "%s", amount_base: "%d"}' % (
                text_outpoint(world, s["outpoint"]), s["amount"])
    # A link is one claim, whatever the number of cases: it stands in the first case's file.
    links = world.get("links", []) if case == "c0" else []
    if links:
        yield "links:"
    for link in links:
        yield ('  - {from: "%s", assets: [%s], txs: [%s], to: "%s", asset: %s, amount_base: "%d",'
               ' by: "generated"}' % (
                   text_address(link["from"]),
                   ", ".join(EXPORT_ASSETS[a] for a in link["assets"]),
                   ", ".join('"%s"' % text_tx(world, t) for t in link["txs"]),
                   text_address(link["to"]), EXPORT_ASSETS[link["asset"]], link["amount"]))
    if world.get("opening"):
        yield "opening:"
    for o in world.get("opening", []):
        yield '  - {address: "%s", asset: %s, amount_base: "%d"}' % (
            text_address(o["address"]), EXPORT_ASSETS[o["asset"]], o["amount"])
    if world["stops"]:
        yield "stops:"
    for address, bucket in sorted(world["stops"].items()):
        shown = text_address(address) if is_account else "name:" + address
        yield '  - {address: "%s", bucket: %s}' % (shown, bucket)


def export(world, folder, policy="fifo", name="world"):
    """Writes movements.csv, one case file for each case, and the model's answer."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "movements.csv"), "w", encoding="utf-8") as out:
        out.write("\n".join(csv_rows(world)) + "\n")
    for case in sorted({s["case"] for s in world["seeds"]}):
        with open(os.path.join(folder, case + ".yaml"), "w", encoding="utf-8") as out:
            out.write("\n".join(case_yaml(world, case, policy, name)) + "\n")
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as out:
        import json
        json.dump(model.run(dict(world, policy=policy)), out, indent=1, sort_keys=True)
        out.write("\n")


def print_counts():
    for loops in (True, False):
        for near in (False, True):
            n = [sum(1 for _ in account_graphs(m, near=near, loops=loops))
                 for m in range(1, TRANSFERS_MAX + 1)]
            print("account graphs, %s self-transfers, %s: %d = %s" % (
                "with" if loops else "no", "near" if near else "all", sum(n), n))
    for txs in (1, 2, 3):
        print("UTXO chains of %d: %d" % (txs, sum(1 for _ in utxo_chains(txs))))


def main():
    parser = argparse.ArgumentParser(description="Small and random worlds for tests of taint.")
    parser.add_argument("--binary", metavar="FILE", help="write worlds and results (- = stdout)")
    parser.add_argument("--count", action="store_true", help="count the small worlds")
    parser.add_argument("--export", metavar="DIR", help="one random world as CSV and case files")
    parser.add_argument("--kind", choices=("account", "utxo"), default="account")
    parser.add_argument("--policy", default="fifo", choices=model.POLICIES)
    parser.add_argument("--policies", default=",".join(model.POLICIES))
    parser.add_argument("--full", action="store_true", help="every graph and chain")
    parser.add_argument("--quick", action="store_true", help="each 5th graph of 5 transfers")
    parser.add_argument("--settings", type=int, default=1, help="settings for each graph")
    parser.add_argument("--random", type=int, default=300, help="random ledgers of each kind")
    parser.add_argument("--utxo4", type=int, default=300, help="sampled chains of four")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.count:
        print_counts()
    elif args.binary:
        write_stream(args)
    elif args.export:
        rng = random.Random(args.seed)
        world = random_account(rng) if args.kind == "account" else random_utxo(rng)
        export(world, args.export, args.policy)
    else:
        parser.error("say --binary, --count or --export")


if __name__ == "__main__":
    main()

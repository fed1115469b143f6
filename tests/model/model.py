#!/usr/bin/env python3
"""The slow, obvious model of how dyepack divides taint: the oracle of its tests.

What it is. A second, independent statement of the rules, in whole Python integers, where every
run of units stands explicitly in a list and nothing is shared, merged early, indexed or cached.
It is meant to be read beside docs/TAINT.md and to be right, never to be fast. The C engine is
compared with it on every small world and on real data; where the two differ, one of them is wrong.

Why so. The engine keeps compressed parcels, undo records and hash tables. A model that used the
same tricks would share the same mistakes. So this file has one list of runs for each holder and
one loop for each rule.

    python3 tests/model/model.py < world.json > result.json

WORDS
  colour   1, 2, ... : one for each (case, stolen asset), cases in order, assets of a case in the
           order its seeds name them. 0 is clean.
  run      (units, colour, origin): `origin` counts units of what was stolen; 0 for clean runs.
  content  what a coin or a movement carries: a list of runs whose units sum to its value. Under
           poison, which does not divide anything, it is a Marked(value, {colour: units}).

RULES (sources: Anderson et al. for FIFO, Moser/Boehme for haircut and seniority, Tironsakkul et
al. for tiho/tilo, BlockSci for poison; the exact integer forms are this project's own)
  split     k of n units with origin o leave: floor(o*k/n) origin leaves with them, the rest stays.
  UTXO      inputs in order make one list. fifo: outputs in index order cut from the front; the
            fee is what is left. lifo: outputs in index order take the END slice (its orientation
            kept); the fee is what is left at the front. haircut: cumulative floors over the slots
            (outputs, then the fee) for the tainted total, then within a slot over the colours
            still to be given. seniority: slots in index order take tainted units first, fee last.
            tiho: slots by descending value, ties: higher index first; tilo: ascending, ties: lower
            index first; fee last in both. Several colours are taken in colour order. poison: a
            colour on any input marks every unit of every output and of the fee.
            For all but fifo and lifo a content is normalised to [clean, colour 1, colour 2, ...].
  account   a pool (address, asset) is such a list. fifo: an outflow cuts the front, an inflow
            is appended at the back. lifo: an outflow takes the end slice, an inflow is appended
            (the top). haircut: per colour floor(x*S_c/B) - floor(x*S_(c-1)/B). seniority: tainted
            first. tiho, tilo: an outflow leaves to the later outflows of the same pool in the same
            transaction that rank before it what they can take, and takes the rest up to its size;
            rank: tiho descending amount, ties later first; tilo ascending, ties earlier first;
            fees last. What it leaves are the first tainted units in colour order. It never takes
            less than what the clean units cannot fill (and then leaves none behind). poison: a
            mark on the pool, for ever; everything that leaves a marked pool is marked, covered or
            not. A coin or pool that holds one marked unit is marked whole.
  opening   a pool is followed from the moment taint first arrives. What it held then is clean, at
            the front: as the world states it, else what the movements so far showed (a running
            sum, never below 0).
  uncovered when a followed pool sends more than it holds, all it holds leaves (in its order), the
            rest is clean, comes after it, and is counted as uncovered for that pool.
  order     where taint goes is decided in this order: link, fee, burnt, stop, dust, holder.
            A fee's taint goes to bucket `fee`; nobody, 0x0 and 0x...dEaD (UTXO: OP_RETURN) are
            `burnt`; a coin or movement of value <= dust_limit books its taint as `dust`; a listed
            stop address books it to its own bucket, as an arrival. The units then move on clean.
  seeds     UTXO: the first `amount` units (default all) of an outpoint, once its transaction has
            been applied. Account: with tx, the first `amount` units that arrive there in that
            transaction (fees do not count as arriving); else `amount` units pushed at the back
            before the first transaction of the first block with time >= time (or height >= block).
            Units that already have a colour keep it; the later seed books them as `contested`.
  links     what leaves `from` in one of `assets` in one of `txs` is captured (bucket `unresolved`
            until it is delivered). After the last of the txs has been applied, `amount` units of
            `asset` are pushed to `to`: the new units are shared out over the captured runs (in
            their order; by colour where the policy has no order) by cumulative floors, and each
            run's origin moves over whole. Here it matters which runs count as one: neighbours
            that are both clean, or of one colour and both with origin equal to units. The origin
            of a run that gets no new unit goes to the next run of its colour that gets one, else
            to the last before it; where its colour gets none at all it is dust. Clean proceeds
            count only in a pool that is followed: they are no movement that showed a balance.
  poison    reports reach, in units: books need not add up, nothing is contested.

JSON IN
  {"kind": "utxo" | "account", "policy": "...", "dust_limit": 0, "stops": {"addr": "bucket"},
   "seeds": [{"case", "asset"?, "outpoint"?, "address"?, "amount"?, "tx"?, "time"?, "block"?}],
   "opening": [{"address", "asset", "amount"}],
   "links": [{"from", "assets", "txs", "to", "asset", "amount"}],
   "txs": [{"id", "block", "time", "in": [["txid:0", value]], "out": [["addr" | null, value]]}]  or
   "txs": [{"id", "block", "time", "moves": [{"kind", "from", "to", "asset", "amount", "failed"}]}]}
  Amounts may be numbers or decimal strings. An output to null is OP_RETURN. A UTXO transaction
  without inputs is a coinbase. kind "fee" is a fee; any other kind is a plain transfer.
JSON OUT
  {"colours": [{case, asset}], "stolen": [n], "buckets": [{bucket: n}], "conserved": true | null,
   "holders": [{holder, asset?, value, runs: [[units, colour, origin]]}], "uncovered": [...],
   "arrivals": [...], "pending": [indices of seeds that were never reached]}
"""
import json
import sys

POLICIES = ("fifo", "lifo", "haircut", "poison", "tiho", "tilo", "seniority")
QUEUE_POLICIES = ("fifo", "lifo")
BUCKETS = ("held", "service", "mixer", "unresolved", "fee", "burnt", "dust", "frozen",
           "returned", "contested")
ZERO = "0x0000000000000000000000000000000000000000"
DEAD = "0x000000000000000000000000000000000000dead"
CLEAN = 0


class WorldError(ValueError):
    """The world contradicts itself (a coin spent twice, a seed that is not there)."""


# ---------------------------------------------------------------------------- runs


def clean(units):
    """A content of `units` clean units."""
    return [(units, CLEAN, 0)] if units else []


def total(runs):
    return sum(units for units, _, _ in runs)


def split(run, k):
    """Split k units off a run: (the part that leaves, the part that stays)."""
    units, colour, origin = run
    leaves = origin * k // units
    return (k, colour, leaves), (units - k, colour, origin - leaves)


def take_front(runs, k):
    """(the first k units, the rest). The runs must hold k units."""
    taken, rest = [], list(runs)
    while k:
        run = rest.pop(0)
        if run[0] <= k:
            taken.append(run)
            k -= run[0]
        else:
            gone, stays = split(run, k)
            taken.append(gone)
            rest.insert(0, stays)
            k = 0
    return taken, rest


def take_back(runs, k):
    """(the last k units in their own order, the rest)."""
    taken, rest = [], list(runs)
    while k:
        run = rest.pop()
        if run[0] <= k:
            taken.insert(0, run)
            k -= run[0]
        else:
            gone, stays = split(run, k)
            taken.insert(0, gone)
            rest.append(stays)
            k = 0
    return taken, rest


def balance_form(runs):
    """[clean, colour 1, colour 2, ...]: what the policies without an order keep of a content."""
    result = clean(sum(u for u, c, _ in runs if c == CLEAN))
    for colour in sorted({c for _, c, _ in runs if c != CLEAN}):
        result.append((colour_units(runs, colour), colour, colour_origin(runs, colour)))
    return result


def colour_units(runs, colour):
    return sum(u for u, c, _ in runs if c == colour)


def colour_origin(runs, colour):
    return sum(o for _, c, o in runs if c == colour)


def colours_of(runs):
    return sorted({c for _, c, _ in runs if c != CLEAN})


def tidy(runs):
    """Joins neighbours of one colour where that can change no later split: clean ones, and tainted
    ones that stand for the same origin per unit. Only for showing; the rules never need it."""
    result = []
    for units, colour, origin in runs:
        if units == 0:
            continue
        if result:
            u, c, o = result[-1]
            if c == colour and o * units == origin * u:
                result[-1] = (u + units, c, o + origin)
                continue
        result.append((units, colour, origin))
    return result


def gathered(runs):
    """Joins neighbours that are both clean, or of one colour and both worth one origin unit a
    unit. Links share out over such runs, so this joining is part of the rule."""
    result = []
    for units, colour, origin in runs:
        if result and result[-1][1] == colour:
            u, _, o = result[-1]
            if colour == CLEAN or (o == u and origin == units):
                result[-1] = (u + units, colour, o + origin)
                continue
        result.append((units, colour, origin))
    return result


def take_balance(runs, amounts, clean_units):
    """Takes `amounts` = {colour: units} and so many clean units out of runs in balance form."""
    taken, rest = [], []
    for run in balance_form(runs):
        k = clean_units if run[1] == CLEAN else amounts.get(run[1], 0)
        assert k <= run[0], "a rule took more of a colour than there is"
        if k == run[0]:
            taken.append(run)
        elif k == 0:
            rest.append(run)
        else:
            gone, stays = split(run, k)
            taken.append(gone)
            rest.append(stays)
    assert total(taken) == clean_units + sum(amounts.values())
    return taken, rest


def in_colour_order(runs, tainted):
    """`tainted` units out of the tainted ones of `runs`, earlier colours first: {colour: units}."""
    amounts = {}
    for colour in colours_of(runs):
        amounts[colour] = min(tainted, colour_units(runs, colour))
        tainted -= amounts[colour]
    assert tainted == 0
    return amounts


def by_cumulative_floor(x, parts, whole):
    """floor(x*S_i/whole) - floor(x*S_(i-1)/whole) for the running sums S of `parts`."""
    result, before, running = [], 0, 0
    for part in parts:
        running += part
        now = x * running // whole
        result.append(now - before)
        before = now
    return result


class Marked:
    """A content under poison: a value, and how many of its units carry each colour's mark."""

    def __init__(self, value, marks=None):
        self.value = value
        self.marks = {c: u for c, u in (marks or {}).items() if u}


def tainted_parts(content):
    """[(colour, units, origin)] of a content: runs, or Marked (whose origin is its reach)."""
    if isinstance(content, Marked):
        return [(c, u, u) for c, u in sorted(content.marks.items())]
    return [(c, u, o) for u, c, o in content if c != CLEAN]


# ---------------------------------------------------------------------------- the UTXO rules


def spend(policy, inputs, values, fee):
    """The content of each output and, last, of the fee, from the contents of the inputs."""
    if policy == "poison":
        marked = {c for content in inputs for c in content.marks}
        return [Marked(w, {c: w for c in marked}) for w in values + [fee]]
    runs = [run for content in inputs for run in content]
    assert total(runs) == sum(values) + fee
    if policy == "fifo":
        slots = []
        for w in values:
            taken, runs = take_front(runs, w)
            slots.append(taken)
        return slots + [runs]
    if policy == "lifo":
        slots = []
        for w in values:
            taken, runs = take_back(runs, w)
            slots.append(taken)
        return slots + [runs]
    if policy == "haircut":
        return spend_haircut(runs, values + [fee])
    order = list(range(len(values)))
    if policy == "tiho":  # the largest first; of equals the one with the higher index
        order.sort(key=lambda j: (-values[j], -j))
    elif policy == "tilo":  # the smallest first; of equals the one with the lower index
        order.sort(key=lambda j: (values[j], j))
    else:
        assert policy == "seniority"
    order.append(len(values))
    sizes = values + [fee]
    slots = [None] * len(sizes)
    rest = balance_form(runs)
    for j in order:
        tainted_left = total(rest) - colour_units(rest, CLEAN)
        tainted = min(sizes[j], tainted_left)
        amounts = in_colour_order(rest, tainted)
        slots[j], rest = take_balance(rest, amounts, sizes[j] - tainted)
    return slots


def spend_haircut(runs, sizes):
    rest = balance_form(runs)
    value = total(rest)
    tainted_total = value - colour_units(rest, CLEAN)
    if value == 0:
        return [[] for _ in sizes]
    slots = []
    # The share of each slot in the tainted total, by running sums: exact, nothing is left over.
    for size, tainted in zip(sizes, by_cumulative_floor(tainted_total, sizes, value)):
        colours = colours_of(rest)
        remaining = [colour_units(rest, c) for c in colours]
        shares = by_cumulative_floor(tainted, remaining, sum(remaining)) if colours else []
        taken, rest = take_balance(rest, dict(zip(colours, shares)), size - tainted)
        slots.append(taken)
    assert not rest
    return slots


# ---------------------------------------------------------------------------- the books


class Books:
    """What both kinds of ledger share: colours, seeds, buckets, the result."""

    def __init__(self, world):
        self.world = world
        self.policy = world["policy"]
        if self.policy not in POLICIES:
            raise WorldError("unknown policy " + self.policy)
        self.dust_limit = int(world.get("dust_limit", 0))
        self.stops = world.get("stops", {})
        self.native = "btc" if world["kind"] == "utxo" else "eth"
        self.seeds = [dict(s, index=i) for i, s in enumerate(world.get("seeds", []))]
        self.colours = []  # colour c is self.colours[c - 1]
        cases = []
        for seed in self.seeds:
            if seed["case"] not in cases:
                cases.append(seed["case"])
        for case in world.get("cases", cases):
            for seed in self.seeds:
                key = (case, seed.get("asset", self.native))
                if seed["case"] == case and key not in self.colours:
                    self.colours.append(key)
        for seed in self.seeds:
            seed["colour"] = 1 + self.colours.index((seed["case"], seed.get("asset", self.native)))
            seed["done"] = False
        # Cases in order: with two seeds at one moment the earlier case is applied first.
        self.seeds.sort(key=lambda s: (s["colour"], s["index"]))
        self.stolen = [0] * len(self.colours)
        self.buckets = [dict.fromkeys(BUCKETS, 0) for _ in self.colours]
        self.arrivals = []
        self.uncovered = {}

    def clean_content(self, value):
        return Marked(value) if self.policy == "poison" else clean(value)

    def book(self, bucket, content):
        for colour, _, origin in tainted_parts(content):
            self.buckets[colour - 1][bucket] += origin

    def unbook(self, bucket, colour, origin):
        self.buckets[colour - 1][bucket] -= origin

    def normal(self, runs):
        return list(runs) if self.policy in QUEUE_POLICIES else balance_form(runs)

    def seed_content(self, content, amount, colour):
        """Colours the first `amount` units of a content. Tainted units keep what they have."""
        self.stolen[colour - 1] += amount
        if self.policy == "poison":
            content.marks[colour] = content.value  # one stolen unit spoils the whole
            return content
        coloured = []
        for units, had, origin in content:
            k = min(units, amount)
            amount -= k
            if had != CLEAN:  # stays in one piece: a claim that fails changes nothing
                coloured.append((units, had, origin))
                self.buckets[colour - 1]["contested"] += k
            else:
                coloured += [(k, colour, k)] if k else []
                coloured += clean(units - k)
        return self.normal(coloured)

    def fate(self, to, amount, is_fee=False):
        """Where the taint of a movement ends, or None: at a holder."""
        if is_fee:
            return "fee"
        if to is None or to.lower() in (ZERO, DEAD):
            return "burnt"
        if to in self.stops:
            return self.stops[to]
        return "dust" if 0 < self.dust_limit and amount <= self.dust_limit else None

    def arrive(self, bucket, to, asset, tx, content):
        self.book(bucket, content)
        if bucket in ("fee", "burnt", "dust"):
            return
        for colour, units, origin in tainted_parts(content):
            self.arrivals.append({"service": bucket, "address": to, "asset": asset,
                                  "colour": colour, "amount": units, "origin": origin, "tx": tx})

    def result(self):
        holders = []
        for holder, asset, value, content in self.holding():
            parts = tainted_parts(content)
            if not parts:
                continue
            self.book("held", content)
            if isinstance(content, Marked):
                runs = [[u, c, u] for c, u in sorted(content.marks.items())]
            else:
                runs = [list(run) for run in tidy(self.normal(content))]
            holders.append({"holder": holder, "asset": asset, "value": value, "runs": runs})
        conserved = all(self.stolen[i] == sum(self.buckets[i].values())
                        for i in range(len(self.colours)))
        return {
            "colours": [{"case": case, "asset": asset} for case, asset in self.colours],
            "stolen": self.stolen,
            "buckets": self.buckets,
            "conserved": None if self.policy == "poison" else conserved,
            "holders": holders,
            "uncovered": [{"address": a, "asset": s, "amount": n}
                          for (a, s), n in sorted(self.uncovered.items())],
            "arrivals": self.arrivals,
            "pending": sorted(s["index"] for s in self.seeds if not s["done"]),
        }


class UtxoModel(Books):
    """Coins. Every coin the world makes is kept, clean ones too, so that a coin that is spent
    twice or with another value is noticed."""

    def __init__(self, world):
        super().__init__(world)
        self.coins = {}  # outpoint -> (value, content)
        self.spent = set()

    def run(self):
        for tx in self.world["txs"]:
            self.apply(tx)
        return self.result()

    def apply(self, tx):
        inputs, value_in = [], 0
        for outpoint, value in tx["in"]:
            value = int(value)
            if outpoint in self.spent:
                raise WorldError("spent twice: " + outpoint)
            self.spent.add(outpoint)
            had, content = self.coins.pop(outpoint, (value, self.clean_content(value)))
            if had != value:
                raise WorldError("value of %s: %d, made with %d" % (outpoint, value, had))
            inputs.append(content)
            value_in += value
        values = [int(value) for _, value in tx["out"]]
        fee = value_in - sum(values)
        if not tx["in"]:  # a coinbase makes clean units out of nothing and pays no fee
            slots = [self.clean_content(w) for w in values] + [self.clean_content(0)]
        elif fee < 0:
            raise WorldError("outputs exceed inputs in " + tx["id"])
        else:
            slots = spend(self.policy, inputs, values, fee)
        self.book("fee", slots[-1])
        for j, (to, _) in enumerate(tx["out"]):
            content = slots[j]
            fate = self.fate(to, values[j])
            if fate is not None:
                self.arrive(fate, to, self.native, tx["id"], content)
                content = self.clean_content(values[j])
            if fate != "burnt":
                self.coins["%s:%d" % (tx["id"], j)] = (values[j], content)
        for seed in self.seeds:
            if seed["outpoint"].rsplit(":", 1)[0] == tx["id"]:
                self.plant(seed)

    def plant(self, seed):
        if seed["outpoint"] not in self.coins:
            raise WorldError("no such output: " + seed["outpoint"])
        value, content = self.coins[seed["outpoint"]]
        amount = int(seed.get("amount") or value)
        if amount > value:
            raise WorldError("the seed names more than %s holds" % seed["outpoint"])
        content = self.seed_content(content, amount, seed["colour"])
        self.coins[seed["outpoint"]] = (value, content)
        seed["done"] = True

    def holding(self):
        for outpoint in sorted(self.coins):
            value, content = self.coins[outpoint]
            yield outpoint, self.native, value, content


class AccountModel(Books):
    """Pools. Before taint arrives a pool is only a running sum; afterwards it is a list of runs
    (or, under poison, a balance and a set of marks)."""

    def __init__(self, world):
        super().__init__(world)
        self.seen = {}  # (address, asset) -> running sum, for pools that are not followed
        self.pools = {}  # (address, asset) -> list of runs; poison: [balance, set of colours]
        self.opening = {(o["address"], o["asset"]): int(o["amount"])
                        for o in world.get("opening", [])}
        self.links = [dict(link, waiting=set(link["txs"]), captured=[])
                      for link in world.get("links", [])]

    def run(self):
        block = None
        for tx in self.world["txs"]:
            if tx.get("block") != block:
                block = tx.get("block")
                self.plant_due(tx)
            self.apply(tx)
        return self.result()

    def plant_due(self, tx):
        """Seeds without a transaction: pushed before the first transaction of their block."""
        for seed in self.seeds:
            if seed["done"] or seed.get("tx") is not None:
                continue
            if seed.get("time") is not None:
                due = tx.get("time", 0) >= seed["time"]
            else:
                due = tx.get("block", 0) >= seed.get("block", 0)
            if due:
                amount = int(seed["amount"])
                content = self.seed_content(self.clean_content(amount), amount, seed["colour"])
                self.put((seed["address"], seed["asset"]), content, amount)
                seed["done"] = True

    def apply(self, tx):
        moves = [m for m in tx["moves"] if self.moves_something(m)]
        arriving = [[s, int(s["amount"])] for s in self.seeds if s.get("tx") == tx["id"]]
        for i, move in enumerate(moves):
            self.move(tx, move, moves[i + 1:], arriving)
        for seed, missing in arriving:
            if missing:
                raise WorldError("the seed names more than arrived in " + tx["id"])
            seed["done"] = True
        for link in self.links:
            if tx["id"] in link["waiting"]:
                link["waiting"].remove(tx["id"])
                if not link["waiting"]:
                    self.deliver(link)

    @staticmethod
    def moves_something(move):
        if move.get("asset") is None or int(move["amount"]) == 0:
            return False  # noise: not on the asset list, or nothing at all
        return move["kind"] == "fee" or not move.get("failed")

    def move(self, tx, move, later, arriving):
        amount, asset, to = int(move["amount"]), move["asset"], move["to"]
        is_fee = move["kind"] == "fee"
        if move["from"] is None or move["from"].lower() == ZERO:
            content = self.clean_content(amount)
        else:
            content = self.take(move, amount, later)
        link = None if is_fee else self.capturing(tx, move)
        if link is not None:
            link["captured"].append(content)
            self.book("unresolved", content)
            content = self.clean_content(amount)
        else:
            fate = self.fate(to, amount, is_fee)
            if fate is not None:
                self.arrive(fate, to, asset, tx["id"], content)
                content = self.clean_content(amount)
        if to is None or to.lower() in (ZERO, DEAD):
            return
        if not is_fee:
            for waiting in arriving:
                seed, missing = waiting
                if (seed["address"], seed["asset"]) == (to, asset) and missing:
                    k = min(missing, amount)
                    content = self.seed_content(content, k, seed["colour"])
                    waiting[1] -= k
        self.put((to, asset), content, amount)

    def capturing(self, tx, move):
        for link in self.links:
            if (tx["id"] in link["txs"] and move["from"] == link["from"]
                    and move["asset"] in link["assets"]):
                return link
        return None

    # What arrives.

    def put(self, key, content, amount):
        if key not in self.pools:
            if not tainted_parts(content):
                self.seen[key] = self.seen.get(key, 0) + amount
                return
            opening = self.opening.get(key, self.seen.get(key, 0))
            self.pools[key] = [opening, set()] if self.policy == "poison" else clean(opening)
        pool = self.pools[key]
        if self.policy == "poison":
            pool[0] += amount
            pool[1] |= set(content.marks)
        else:
            self.pools[key] = self.normal(pool + list(content))

    # What leaves.

    def take(self, move, amount, later):
        key = (move["from"], move["asset"])
        if key not in self.pools:
            self.seen[key] = max(0, self.seen.get(key, 0) - amount)
            return self.clean_content(amount)
        pool = self.pools[key]
        balance = pool[0] if self.policy == "poison" else total(pool)
        beyond = max(0, amount - balance)
        if beyond:
            self.uncovered[key] = self.uncovered.get(key, 0) + beyond
        if self.policy == "poison":
            content = Marked(amount, {c: amount for c in pool[1]})
            pool[0] -= amount - beyond
            return content
        if amount >= balance:
            self.pools[key] = []
            return self.normal(pool + clean(beyond))
        content, self.pools[key] = self.take_part(pool, amount, move, later)
        return content

    def take_part(self, pool, x, move, later):
        """x units out of a pool that holds more than x."""
        if self.policy == "fifo":
            return take_front(pool, x)
        if self.policy == "lifo":
            return take_back(pool, x)
        colours = colours_of(pool)
        balance, clean_held = total(pool), colour_units(pool, CLEAN)
        tainted_held = balance - clean_held
        if self.policy == "haircut":
            shares = by_cumulative_floor(x, [colour_units(pool, c) for c in colours], balance)
            return take_balance(pool, dict(zip(colours, shares)), x - sum(shares))
        behind = 0  # tainted units that are passed over
        if self.policy == "seniority":
            tainted = min(x, tainted_held)
        else:
            others = sum(int(m["amount"]) for m in later
                         if m["from"] == move["from"] and m["asset"] == move["asset"]
                         and self.ranks_before(m, move))
            behind = min(tainted_held, others)
            tainted = min(x, tainted_held - behind)
            if tainted < x - clean_held:  # what is left to take must exist
                tainted, behind = x - clean_held, 0
        passed = in_colour_order(pool, behind)
        amounts = in_colour_order(pool, behind + tainted)
        amounts = {c: amounts[c] - passed[c] for c in amounts}
        return take_balance(pool, amounts, x - tainted)

    def ranks_before(self, later, move):
        """Does an outflow later in the transaction rank before this one?"""
        if (later["kind"] == "fee") != (move["kind"] == "fee"):
            return move["kind"] == "fee"
        if self.policy == "tiho":
            return int(later["amount"]) >= int(move["amount"])
        return int(later["amount"]) < int(move["amount"])

    def deliver(self, link):
        """All transactions of the link are done: what was captured comes out in another asset."""
        amount, key = int(link["amount"]), (link["to"], link["asset"])
        captured, link["captured"] = link["captured"], []
        if self.policy == "poison":
            marks = {c for content in captured for c in content.marks}
            for content in captured:
                for colour, units in content.marks.items():
                    self.unbook("unresolved", colour, units)
            if marks or key in self.pools:
                self.put(key, Marked(amount, {c: amount for c in marks}), amount)
            return
        runs = gathered(self.normal([run for content in captured for run in content]))
        if not runs:
            if key in self.pools:
                self.put(key, clean(amount), amount)
            return
        shares = by_cumulative_floor(amount, [units for units, _, _ in runs], total(runs))
        content, owed = [], {}
        for new_units, (_, colour, origin) in zip(shares, runs):
            if colour != CLEAN:
                self.unbook("unresolved", colour, origin)
            origin += owed.pop(colour, 0)
            if new_units:
                content.append((new_units, colour, origin))
            elif origin:
                owed[colour] = origin
        for colour, origin in owed.items():
            places = [i for i, run in enumerate(content) if run[1] == colour]
            if places:
                units, _, had = content[places[-1]]
                content[places[-1]] = (units, colour, had + origin)
            else:
                self.buckets[colour - 1]["dust"] += origin
        if tainted_parts(content) or key in self.pools:
            self.put(key, content, amount)

    def holding(self):
        for key in sorted(self.pools):
            pool = self.pools[key]
            if self.policy == "poison":
                content = Marked(pool[0], {c: pool[0] for c in pool[1]})
                yield key[0], key[1], pool[0], content
            else:
                yield key[0], key[1], total(pool), pool


def run(world):
    """The result of a world (a dict as described at the top)."""
    return (UtxoModel if world["kind"] == "utxo" else AccountModel)(world).run()


def main():
    json.dump(run(json.load(sys.stdin)), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Does the model itself tell the truth? Published examples, worked vectors, and laws.

The vectors A to H (and the three examples of the literature) were worked out by hand from the
rules, not by this code. The laws (conservation, FIFO backwards, scaling, ...) are tested on random
worlds, each against a second statement of the rule that shares nothing with the model: FIFO with
every single unit named, haircut with fractions.

    python3 tests/model/test_model.py
"""
import os
import random
import subprocess
import sys
import unittest
from fractions import Fraction

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402
import worlds  # noqa: E402

CONSERVING = [p for p in model.POLICIES if p != "poison"]
E8 = 10 ** 8

# name: (inputs as lists of (clean c | tainted t, units), output values, fee,
#        {policy: (taint of each output, taint of the fee)}).
VECTORS = {
    "A": ([["3t"], ["7c"]], [4, 6], 0, {
        "poison": ([4, 6], 0), "haircut": ([1, 2], 0), "fifo": ([3, 0], 0), "lifo": ([0, 3], 0),
        "tiho": ([0, 3], 0), "tilo": ([3, 0], 0), "seniority": ([3, 0], 0)}),
    "B": ([["7c"], ["3t"]], [4, 6], 0, {
        "poison": ([4, 6], 0), "haircut": ([1, 2], 0), "fifo": ([0, 3], 0), "lifo": ([3, 0], 0),
        "tiho": ([0, 3], 0), "tilo": ([3, 0], 0), "seniority": ([3, 0], 0)}),
    "C": ([["200000000t"], ["300000000c"]], [E8, 4 * E8], 0, {
        "poison": ([E8, 4 * E8], 0), "haircut": ([4 * 10 ** 7, 16 * 10 ** 7], 0),
        "fifo": ([E8, E8], 0), "lifo": ([0, 2 * E8], 0), "tiho": ([0, 2 * E8], 0),
        "tilo": ([E8, E8], 0), "seniority": ([E8, E8], 0)}),
    "D": ([["1t"], ["2c"]], [1, 1], 1, {
        "poison": ([1, 1], 1), "haircut": ([0, 0], 1), "fifo": ([1, 0], 0), "lifo": ([0, 0], 1),
        "tiho": ([0, 1], 0), "tilo": ([1, 0], 0), "seniority": ([1, 0], 0)}),
    "E": ([["5c"], ["10t"], ["5c"]], [7, 9, 3], 1, {
        "poison": ([7, 9, 3], 1), "haircut": ([3, 5, 1], 1), "fifo": ([2, 8, 0], 0),
        "lifo": ([2, 8, 0], 0), "tiho": ([1, 9, 0], 0), "tilo": ([7, 0, 3], 0),
        "seniority": ([7, 3, 0], 0)}),
    "F": ([["2c", "3t"], ["5c"]], [6, 3], 1, {
        "poison": ([6, 3], 1), "haircut": ([1, 1], 1), "fifo": ([3, 0], 0), "lifo": ([1, 2], 0),
        "tiho": ([3, 0], 0), "tilo": ([0, 3], 0), "seniority": ([3, 0], 0)}),
    "G": ([["100000000t"], ["1c"]], [E8 // 2, E8 // 2], 1, {
        "poison": ([E8 // 2, E8 // 2], 1), "haircut": ([49999999, E8 // 2], 1),
        "fifo": ([E8 // 2, E8 // 2], 0), "lifo": ([49999999, E8 // 2], 1),
        "tiho": ([E8 // 2, E8 // 2], 0), "tilo": ([E8 // 2, E8 // 2], 0),
        "seniority": ([E8 // 2, E8 // 2], 0)}),
    "H": ([["1t"], ["999999999c"]], [333333333] * 3, 1, {
        "poison": ([333333333] * 3, 1), "haircut": ([0, 0, 0], 1), "fifo": ([1, 0, 0], 0),
        "lifo": ([0, 0, 0], 1), "tiho": ([0, 0, 1], 0), "tilo": ([1, 0, 0], 0),
        "seniority": ([1, 0, 0], 0)}),
    # 3 stolen, then 7 fresh, paid in together (Light Blue Touchpaper 2018): the first 3 out.
    "published i": ([["3t"], ["7c"]], [3, 7], 0, {
        "poison": ([3, 7], 0), "fifo": ([3, 0], 0), "haircut": ([0, 3], 0)}),
    "published i, ten": ([["3t"], ["7c"]], [1] * 10, 0, {
        "poison": ([1] * 10, 0), "fifo": ([1, 1, 1] + [0] * 7, 0)}),
    # 2.0 hacked with 3.0 clean (geonicolaidis.com): poison all, haircut 40 percent.
    "published ii": ([["200000000t"], ["300000000c"]], [5 * E8], 0, {
        "poison": ([5 * E8], 0), "haircut": ([2 * E8], 0)}),
    # One stolen and nine clean (WIRED 2018): a tenth each.
    "published iii": ([["10t"]] + [["10c"]] * 9, [10] * 10, 0, {
        "haircut": ([1] * 10, 0)}),
}


def vector_world(inputs, values, fee):
    """A world in which the last transaction has such inputs."""
    world = {"kind": "utxo", "dust_limit": 0, "stops": {}, "seeds": [], "txs": []}
    final = []
    for content in inputs:
        parts = []
        for part in content:
            units, kind = int(part[:-1]), part[-1]
            tx = worlds.add_tx(world, **{"in": [], "out": [["a0", units]]})
            outpoint = tx["id"] + ":0"
            if kind == "t":
                world["seeds"].append({"case": "c0", "outpoint": outpoint, "amount": units})
            parts.append([outpoint, units])
        if len(parts) > 1:  # join them into one coin whose runs stand in this order
            value = sum(v for _, v in parts)
            tx = worlds.add_tx(world, **{"in": parts, "out": [["a0", value]]})
            parts = [[tx["id"] + ":0", value]]
        final += parts
    assert sum(v for _, v in final) == sum(values) + fee
    worlds.add_tx(world, **{"in": final, "out": [["a1", w] for w in values]})
    return world


def taint_of_outputs(result, txid, n):
    taint = [0] * n
    for h in result["holders"]:
        tx, vout = h["holder"].split(":")
        assert tx == txid
        taint[int(vout)] = sum(units for units, colour, _ in h["runs"] if colour)
    return taint


class Vectors(unittest.TestCase):
    def test_vectors_of_the_literature_and_of_the_domain_notes(self):
        for name, (inputs, values, fee, expected) in VECTORS.items():
            world = vector_world(inputs, values, fee)
            for policy, (outputs, fee_taint) in expected.items():
                with self.subTest(vector=name, policy=policy):
                    result = model.run(dict(world, policy=policy))
                    got = taint_of_outputs(result, world["txs"][-1]["id"], len(values))
                    self.assertEqual((got, result["buckets"][0]["fee"]), (outputs, fee_taint))

    def test_vectors_name_every_policy(self):
        for name in "ABCDEFGH":
            self.assertEqual(sorted(VECTORS[name][3]), sorted(model.POLICIES))


class Splitting(unittest.TestCase):
    def test_origin_is_floored_for_what_leaves_and_never_lost(self):
        self.assertEqual(model.split((10, 1, 7), 3), ((3, 1, 2), (7, 1, 5)))
        for units in range(1, 12):
            for origin in range(0, 15):
                for k in range(1, units + 1):
                    a, b = model.split((units, 1, origin), k)
                    self.assertEqual((a[0] + b[0], a[2] + b[2]), (units, origin))

    def test_joining_equal_neighbours_changes_no_later_split(self):
        rng = random.Random(5)
        for _ in range(2000):
            ratio = rng.randint(1, 5)
            runs = []
            for _ in range(rng.randint(1, 5)):
                units = rng.randint(1, 6)
                runs.append((units, 1, units * ratio))
            k = rng.randint(0, model.total(runs))
            for take in (model.take_front, model.take_back):
                one, two = take(runs, k), take(model.tidy(runs), k)
                for a, b in zip(one, two):
                    self.assertEqual(model.tidy(a), model.tidy(b))

    def test_end_slice_keeps_its_orientation(self):
        taken, rest = model.take_back([(2, 0, 0), (3, 1, 3), (4, 2, 4)], 6)
        self.assertEqual(taken, [(2, 1, 2), (4, 2, 4)])
        self.assertEqual(rest, [(2, 0, 0), (1, 1, 1)])


class Conservation(unittest.TestCase):
    def check(self, world):
        for policy in model.POLICIES:
            result = model.run(dict(world, policy=policy))
            if policy == "poison":
                self.assertIsNone(result["conserved"])
                continue
            self.assertTrue(result["conserved"], (policy, world))
            for buckets in result["buckets"]:
                self.assertTrue(all(n >= 0 for n in buckets.values()))
            for h in result["holders"]:
                self.assertEqual(sum(u for u, _, _ in h["runs"]), h["value"])

    def test_random_account_worlds_add_up(self):
        rng = random.Random(11)
        for _ in range(150):
            self.check(worlds.random_account(rng))

    def test_random_utxo_worlds_add_up(self):
        rng = random.Random(12)
        for _ in range(150):
            self.check(worlds.random_utxo(rng))

    def test_every_third_small_world_adds_up(self):
        for transfers in (1, 2, 3, 4):
            for i, graph in enumerate(worlds.account_graphs(transfers)):
                if i % 3 == 0:
                    self.check(worlds.account_world(graph, i))
        for i, chain in enumerate(worlds.utxo_chains(2)):
            if i % 3 == 0:
                self.check(worlds.utxo_world(chain, i))


def named_units(world):
    """FIFO with every unit of every root named: {outpoint: [unit names]}, fees in a list.
    A unit's name is (root outpoint, position)."""
    coins, fees = {}, []
    for tx in world["txs"]:
        line = []
        for outpoint, value in tx["in"]:
            line += coins.pop(outpoint, [(outpoint, i) for i in range(value)])
        if not tx["in"]:
            for j, (_, value) in enumerate(tx["out"]):
                coins["%s:%d" % (tx["id"], j)] = [("%s:%d" % (tx["id"], j), i)
                                                  for i in range(value)]
            continue
        for j, (_, value) in enumerate(tx["out"]):
            coins["%s:%d" % (tx["id"], j)], line = line[:value], line[value:]
        fees += line
    return coins, fees


def backwards(world, outpoint, position):
    """Where a unit came from, by going back through the transactions with offsets only."""
    by_id = {tx["id"]: tx for tx in world["txs"]}
    while True:
        txid, vout = outpoint.split(":")
        tx = by_id.get(txid)
        if tx is None or not tx["in"]:
            return outpoint, position
        offset = position + sum(v for _, v in tx["out"][:int(vout)])
        for outpoint, value in tx["in"]:
            if offset < value:
                position = offset
                break
            offset -= value


class Fifo(unittest.TestCase):
    def worlds(self):
        rng = random.Random(21)
        for _ in range(60):
            world = worlds.random_utxo(rng, scale=20)
            world["dust_limit"] = 0
            world["stops"] = {}
            for tx in world["txs"]:  # burnt coins end a line; this test follows every unit
                tx["out"] = [[to or "a0", w] for to, w in tx["out"]]
            yield world

    def test_forward_then_backward_is_the_identity(self):
        for world in self.worlds():
            coins, _ = named_units(world)
            for outpoint, units in coins.items():
                for position, name in enumerate(units):
                    self.assertEqual(backwards(world, outpoint, position), name)

    def test_runs_are_the_named_units(self):
        """One seed at a time, on a root, so that colour and name must agree unit by unit."""
        for world in self.worlds():
            roots = [("%s:%d" % (tx["id"], j), w) for tx in world["txs"] if not tx["in"]
                     for j, (_, w) in enumerate(tx["out"]) if w]
            coins, fees = named_units(world)
            for root, value in roots:
                seeded = dict(world, policy="fifo", seeds=[
                    {"case": "c0", "outpoint": root, "amount": value}])
                result = model.run(seeded)
                expected = {o: [1 if n[0] == root else 0 for n in names]
                            for o, names in coins.items()}
                got = {h["holder"]: [c for u, c, _ in h["runs"] for _ in range(u)]
                       for h in result["holders"]}
                for outpoint, colours in expected.items():
                    if any(colours):
                        self.assertEqual(got.pop(outpoint), colours)
                self.assertEqual(got, {})
                self.assertEqual(result["buckets"][0]["fee"],
                                 sum(1 for n in fees if n[0] == root))


def exact_haircut(world):
    """{outpoint: taint} with fractions: share of each output = its value times T/V."""
    taint = {}
    value_of = {}
    seeds = {s["outpoint"]: Fraction(s["amount"]) for s in world["seeds"]}
    for tx in world["txs"]:
        value = sum(v for _, v in tx["in"])
        tainted = sum((taint.pop(o, Fraction(0)) for o, _ in tx["in"]), Fraction(0))
        for j, (_, w) in enumerate(tx["out"]):
            outpoint = "%s:%d" % (tx["id"], j)
            taint[outpoint] = tainted * w / value if value else Fraction(0)
            value_of[outpoint] = w
            if outpoint in seeds:
                taint[outpoint] = seeds[outpoint]
    return taint


def scaled(world, k):
    result = dict(world)
    result["seeds"] = [dict(s, amount=s["amount"] * k) for s in world["seeds"]]
    result["txs"] = [dict(tx, **{"in": [[o, v * k] for o, v in tx["in"]],
                                 "out": [[a, v * k] for a, v in tx["out"]]})
                     for tx in world["txs"]]
    return result


class Haircut(unittest.TestCase):
    def worlds(self):
        rng = random.Random(31)
        for i in range(60):
            yield worlds.utxo_world(worlds.random_chain(rng, rng.randint(1, 4)), 3 * i)

    def model_taint(self, world):
        result = model.run(dict(world, policy="haircut"))
        return {h["holder"]: sum(u for u, c, _ in h["runs"] if c) for h in result["holders"]}

    def test_scaled_until_nothing_is_rounded_it_is_the_exact_fraction(self):
        """Scaling by k scales haircut exactly as soon as every division is exact: with the
        product of all denominators the model must equal fractions, and twice that, twice."""
        for world in self.worlds():
            exact = {o: t for o, t in exact_haircut(world).items() if t}
            k = 1
            for tx in world["txs"]:
                k *= max(1, sum(v for _, v in tx["in"]))
            for factor in (k, 2 * k):
                got = self.model_taint(scaled(world, factor))
                self.assertEqual(got, {o: t * factor for o, t in exact.items()})

    def test_rounding_moves_an_output_by_less_than_one_unit_a_transaction(self):
        for world in self.worlds():
            exact, got = exact_haircut(world), self.model_taint(world)
            for outpoint, taint in exact.items():
                self.assertLess(abs(taint - got.get(outpoint, 0)), len(world["txs"]))


class Laws(unittest.TestCase):
    def test_wholly_tainted_inputs_make_every_policy_poison(self):
        rng = random.Random(41)
        for _ in range(100):
            inputs = [["%dt" % rng.randint(1, 30)] for _ in range(rng.randint(1, 4))]
            value = sum(int(i[0][:-1]) for i in inputs)
            fee = rng.randint(0, value // 3)
            values = worlds.random_cut(rng, value - fee, rng.randint(1, 4))
            world = vector_world(inputs, values, fee)
            last = world["txs"][-1]["id"]
            for policy in model.POLICIES:
                result = model.run(dict(world, policy=policy))
                self.assertEqual(taint_of_outputs(result, last, len(values)), values, policy)
                self.assertEqual(result["buckets"][0]["fee"], fee)

    def test_order_of_inputs_matters_to_fifo_and_lifo_only(self):
        rng = random.Random(42)
        for _ in range(100):
            inputs = [["%d%s" % (rng.randint(1, 9), rng.choice("ct"))] for _ in range(4)]
            value = sum(int(i[0][:-1]) for i in inputs)
            values = worlds.random_cut(rng, value - 1, 3)
            first = vector_world(inputs, values, 1)
            other = vector_world(inputs[::-1], values, 1)
            for policy in ("haircut", "poison", "tiho", "tilo", "seniority"):
                a = model.run(dict(first, policy=policy))
                b = model.run(dict(other, policy=policy))
                if not a["colours"]:
                    continue
                last = first["txs"][-1]["id"]
                self.assertEqual(taint_of_outputs(a, last, 3), taint_of_outputs(b, last, 3))

    def test_two_cases_carry_together_what_one_would(self):
        """Colouring the same units with two cases changes who is told, not how much moves."""
        rng = random.Random(43)
        for _ in range(60):
            chain = worlds.random_chain(rng, 3)
            two = worlds.utxo_world(chain, 2)
            one = dict(two, seeds=[dict(two["seeds"][0], amount=10)])
            for policy in CONSERVING:
                a = model.run(dict(one, policy=policy))
                b = model.run(dict(two, policy=policy))
                self.assertEqual(
                    [(h["holder"], sum(u for u, c, _ in h["runs"] if c)) for h in a["holders"]],
                    [(h["holder"], sum(u for u, c, _ in h["runs"] if c)) for h in b["holders"]])
                self.assertEqual(b["buckets"][1]["contested"], 6)


def account(moves, policy, **more):
    world = {"kind": "account", "policy": policy, "seeds": [
        {"case": "c0", "asset": "s0", "address": "a0", "amount": 6, "tx": None, "block": 0}],
        "txs": []}
    world.update(more)
    for tx in moves:
        worlds.add_tx(world, moves=[
            {"kind": kind, "from": a, "to": b, "asset": "s0", "amount": n, "failed": False}
            for kind, a, b, n in tx])
    return model.run(world)


def held(result, address):
    for h in result["holders"]:
        if h["holder"] == address:
            return sum(u for u, c, _ in h["runs"] if c)
    return 0


class Accounts(unittest.TestCase):
    OPEN = [{"address": "a0", "asset": "s0", "amount": 4}]  # 4 clean, then 6 stolen

    def test_one_payment_of_five(self):
        expected = {"fifo": 1, "lifo": 5, "haircut": 3, "poison": 5, "tiho": 5, "tilo": 5,
                    "seniority": 5}
        for policy, n in expected.items():
            result = account([[("native", "a0", "a1", 5)]], policy, opening=self.OPEN)
            self.assertEqual(held(result, "a1"), n, policy)

    def test_tiho_and_tilo_look_at_the_rest_of_the_transaction(self):
        tx = [[("native", "a0", "a1", 2), ("native", "a0", "a2", 5), ("fee", "a0", None, 1)]]
        tiho = account(tx, "tiho", opening=self.OPEN)
        self.assertEqual([held(tiho, a) for a in ("a1", "a2", "a0")], [1, 5, 0])
        tilo = account(tx, "tilo", opening=self.OPEN)
        self.assertEqual([held(tilo, a) for a in ("a1", "a2", "a0")], [2, 4, 0])
        self.assertEqual(tiho["buckets"][0]["fee"] + tilo["buckets"][0]["fee"], 0)

    def test_tiho_ties_later_first_tilo_ties_earlier_first(self):
        tx = [[("native", "a0", "a1", 4), ("native", "a0", "a2", 4)]]
        tiho = account(tx, "tiho", opening=self.OPEN)
        self.assertEqual([held(tiho, a) for a in ("a1", "a2")], [2, 4])
        tilo = account(tx, "tilo", opening=self.OPEN)
        self.assertEqual([held(tilo, a) for a in ("a1", "a2")], [4, 2])

    def test_uncovered_is_counted_and_clean(self):
        for policy in model.POLICIES:
            result = account([[("native", "a0", "a1", 9)]], policy)
            self.assertEqual(result["uncovered"],
                             [{"address": "a0", "asset": "s0", "amount": 3}])
            if policy != "poison":
                self.assertEqual(held(result, "a1"), 6)

    def test_uncovered_units_come_after_what_the_pool_held(self):
        moves = [[("native", "a0", "a1", 9)], [("native", "a1", "a2", 6)]]
        for policy, n in (("fifo", 6), ("lifo", 3)):  # a1 holds 6 stolen, then 3 uncovered
            self.assertEqual(held(account(moves, policy), "a2"), n)

    def test_opening_is_what_the_movements_showed_and_never_below_zero(self):
        result = account([[("native", None, "a1", 5), ("native", "a1", "a2", 9),
                           ("native", None, "a1", 3)], [("native", "a0", "a1", 6)],
                          [("native", "a1", "a3", 4)]], "fifo")
        self.assertEqual((held(result, "a1"), held(result, "a3")), (5, 1))

    def test_poison_mark_outlives_the_balance(self):
        moves = [[("native", "a0", "a1", 6)], [("native", None, "a0", 5)],
                 [("native", "a0", "a2", 7)]]
        result = account(moves, "poison")
        self.assertEqual((held(result, "a0"), held(result, "a2")), (0, 7))
        self.assertEqual(result["uncovered"], [{"address": "a0", "asset": "s0", "amount": 2}])

    def test_fee_burn_dust_and_stop_book_and_the_units_move_on_clean(self):
        moves = [[("native", "a0", "a1", 1), ("native", "a0", None, 1), ("fee", "a0", "a9", 1),
                  ("native", "a0", "a8", 2)], [("native", "a8", "a7", 2)]]
        for policy in CONSERVING:
            result = account(moves, policy, dust_limit=1, stops={"a8": "service"})
            got = result["buckets"][0]
            self.assertEqual([got[b] for b in ("dust", "burnt", "fee", "service", "held")],
                             [1, 1, 1, 2, 1], policy)
            self.assertEqual(len(result["arrivals"]), 1)

    def test_self_transfer_turns_the_queue(self):
        result = account([[("native", "a0", "a0", 4)], [("native", "a0", "a1", 6)]], "fifo",
                         opening=self.OPEN)
        self.assertEqual(held(result, "a1"), 6)

    def test_link_keeps_the_origin_through_another_asset(self):
        link = {"from": "a0", "to": "a0", "assets": ["s0"], "asset": "s1", "amount": 4,
                "txs": ["t0", "t1"]}
        moves = [[("native", "a0", "pool", 4)], [("native", "a0", "pool", 2)]]
        for policy in CONSERVING:
            result = account(moves, policy, links=[link])
            self.assertEqual(result["holders"], [{"holder": "a0", "asset": "s1", "value": 4,
                                                  "runs": [[4, 1, 6]]}])
            self.assertTrue(result["conserved"])
            waiting = account(moves[:1], policy, links=[link])
            self.assertEqual(waiting["buckets"][0]["unresolved"], 4)

    def test_seed_by_transaction_takes_the_first_units_that_arrive(self):
        world = {"kind": "account", "policy": "fifo", "seeds": [
            {"case": "c0", "asset": "s0", "address": "a0", "amount": 5, "tx": "t0"},
            {"case": "c1", "asset": "s0", "address": "a0", "amount": 6, "tx": "t0"}], "txs": []}
        worlds.add_tx(world, moves=[{"kind": "native", "from": None, "to": "a0", "asset": "s0",
                                     "amount": n, "failed": False} for n in (3, 4)])
        result = model.run(world)
        self.assertEqual(result["holders"][0]["runs"], [[5, 1, 5], [1, 2, 1], [1, 0, 0]])
        self.assertEqual(result["buckets"][1]["contested"], 5)
        self.assertTrue(result["conserved"])


class Interface(unittest.TestCase):
    def test_json_in_json_out(self):
        import json
        world = dict(vector_world([["3t"], ["7c"]], [4, 6], 0), policy="fifo")
        out = subprocess.run([sys.executable, model.__file__], input=json.dumps(world),
                             capture_output=True, text=True, check=True).stdout
        self.assertEqual(json.loads(out)["holders"], [
            {"holder": "t2:0", "asset": "btc", "value": 4, "runs": [[3, 1, 3], [1, 0, 0]]}])

    def test_counts_of_small_worlds_are_those_told(self):
        self.assertEqual([sum(1 for _ in worlds.account_graphs(n)) for n in range(1, 6)],
                         [3, 16, 139, 1631, 22163])
        self.assertEqual([sum(1 for _ in worlds.utxo_chains(n)) for n in (1, 2)], [18, 1332])

    def test_exported_rows_tell_the_same_world(self):
        """The CSV is read back with a few lines and must give what the world itself gives."""
        rng = random.Random(51)
        for _ in range(20):
            world = worlds.random_account(rng)
            rows = [line.split(",") for line in worlds.csv_rows(world)]
            self.assertEqual(rows[0], ["block", "time", "tx", "index", "kind", "from", "to",
                                       "asset", "amount_base", "status"])
            names = {worlds.text_address("a%d" % i): "a%d" % i for i in range(8)}
            names[""] = None
            assets = {text: name for name, text in worlds.EXPORT_ASSETS.items()}
            ids = {worlds.text_tx(world, tx["id"]): tx["id"] for tx in world["txs"]}
            txs = {tx["id"]: dict(tx, moves=[]) for tx in world["txs"]}
            for _, _, tx, index, kind, a, b, asset, amount, status in rows[1:]:
                moves = txs[ids[tx]]["moves"]
                self.assertEqual(int(index), len(moves))
                moves.append({"kind": kind, "from": names[a], "to": names[b],
                              "asset": assets[asset], "amount": amount,
                              "failed": status == "failed"})
            again = dict(world, txs=list(txs.values()), policy="haircut")
            self.assertEqual(model.run(again), model.run(dict(world, policy="haircut")))

    def test_contradictions_are_refused(self):
        twice = vector_world([["3t"]], [3], 0)
        worlds.add_tx(twice, **{"in": [["t0:0", 3]], "out": [["a1", 3]]})
        for world in (twice, dict(twice, seeds=[{"case": "c0", "outpoint": "t0:7"}])):
            with self.assertRaises(model.WorldError):
                model.run(dict(world, policy="fifo"))


if __name__ == "__main__":
    unittest.main()

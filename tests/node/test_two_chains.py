"""Two real nodes and a bridge between them: stolen ether becomes bitcoin, some of it ether again.

anvil has THORChain's router where Ethereum has it, and an account plays the vault; on btcd
(regtest) our own wallet plays the vault's other half. The thief deposits through the router and by
a plain transfer with a memo; the vault pays in bitcoin (`OUT:`), gives back (`REFUND:`), pays
before the other chain's clock has come so far; what came out is peeled off in a chain of spends;
part of it goes back into ether. Others forge: a deposit of a contract that is not the router, a
payment of nothing under a true key on either chain, a second payment under a key that was used.

Proven are: no wrong link, and every refusal told; every wei of the theft is in exactly one place;
coins and wallets have what is worked out by hand here, to the satoshi and to the wei of what was
stolen; and it is one result from nodes, from a ledger, in either order, when the program is killed
and begun again, and when a chain is reorganised under it.
"""
# Covers: engine/exchange.c engine/legs.c engine/crossing.c link/thorchain.c cli/run.c
import datetime
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import nodes
import anvil
import btcd
import dye
import model
from anvil import ETHER
from wallet import COIN

ROUTER = "0xd37bbe5744d730a1d98d8dc97c42f0ca46ad7146"
STOLEN = 400 * ETHER
TRIFLE = ETHER // 1000
ETH = BTC = FOLDER = LEDGER = WORLD = None
PLACES = ("stolen", "holders", "arrivals", "uncovered", "conserved")


class Anvil(anvil.Anvil):
    """The local chain by its own number, at the time of the other chain's blocks."""
    code = {ROUTER: "BridgeRouter"}
    time = btcd.START_TIME + 600 * (btcd.RIPE + 1)

    def __init__(self):
        super().__init__(chain_id=31337)


def op_return(text):
    data = text.encode()
    assert len(data) <= 75
    return b"\x6a" + bytes([len(data)]) + data


class World:
    """Both chains being made, and what must come of it.

    `paid`   btc txid -> (output, wei): what comes out there stands for so much of the theft
    """

    def __init__(self, eth, btc):
        self.eth_node, self.btc_node = eth, btc
        self.eth, self.btc = anvil.Chain(eth), btcd.Chain(btc)
        self.eth.at["bridgerouter"] = ROUTER
        self.eth.at["vault"] = self.eth.at["cid"]  # who plays it has 300 ether of his own
        self.paid, self.spends = {}, []
        self.deposit, self.refund = {}, 0

    def at(self, blocks, seconds=0):
        """The next block of anvil is so many blocks of bitcoin behind the beginning."""
        self.eth_node.call("evm_setNextBlockTimestamp",
                           btcd.START_TIME + 600 * (btcd.RIPE + blocks) + seconds)

    def address(self, name):
        return self.btc.who(name).address()

    def memo_to(self, name, limit=""):
        return "=:BTC.BTC:%s:%s" % (self.address(name), limit) if limit else \
            "=:BTC.BTC:%s" % self.address(name)

    def put_in(self, who, amount, memo, name, router="bridgerouter", vault="vault"):
        self.deposit[name] = amount
        return self.eth.invoke(who, "BridgeRouter", "depositWithExpiry", vault, anvil.NOBODY, 0,
                               memo.encode(), 2 ** 63, to=router, value=amount, name=name)

    def pay_out(self, vault, to, amount, name, true=True):
        """Bitcoin for a deposit, or (not `true`) what only says so."""
        tx = self.btc.pay([vault], [(to, amount), (op_return(
            "OUT:" + self.eth.tx[name][2:].upper()), 0, None)], change=vault)
        if true:
            self.paid[tx.txid] = (0, self.deposit[name])
        return tx.txid

    def spend(self, *args, **more):
        """A transaction that spends what may be tainted."""
        self.spends.append(self.btc.pay(*args, **more))
        return self.spends[-1]


def build(eth, btc):
    w = World(eth, btc)
    for step in (funds, theft, deposits, early, payouts, peel, back, cash_out):
        step(w)
    return w


def funds(w):
    w.btc.mine(btcd.RIPE)
    ripe = w.btc.rewards[:8]
    w.btc.pay(ripe[:4], [("asgard 2", 60 * COIN), ("eve", 10 * COIN)], change="asgard")
    w.btc.mine(2)
    w.eth_node.call("anvil_setBlockTimestampInterval", anvil.BLOCK_SECONDS)
    w.eth_node.call("anvil_setCoinbase", w.eth.at["miner"])
    w.eth.create("bank", "BridgeRouter", name="false router")
    w.eth.mine()


def theft(w):
    w.at(2, 60)
    w.eth.send("victim", "thief", STOLEN, name="theft")
    w.eth.mine()
    for who, amount in (("w1", 60), ("w2", 30), ("w4", 40), ("w5", 25)):
        w.eth.send("thief", who, amount * ETHER)
    w.eth.mine()


def deposits(w):
    w.at(3, 60)
    w.put_in("thief", 100 * ETHER, w.memo_to("mule", "500000000/1/0"), "deposit")
    w.put_in("w2", 20 * ETHER, w.memo_to("nobody", "9900000000"), "too dear")
    w.put_in("w5", 10 * ETHER, w.memo_to("dupe"), "forged", router="false router", vault="heir")
    w.put_in("w5", 5 * ETHER, w.memo_to("waiting"), "waits")
    w.eth.mine()
    # By a plain transfer with the memo as call data: to the vault that events have named, and to
    # one that nobody has heard of, who is believed when something comes out.
    w.deposit["plain"], w.deposit["unheard"] = 30 * ETHER, 15 * ETHER
    w.eth.send("w4", "vault", 30 * ETHER, "0x" + w.memo_to("mule 4").encode().hex(), name="plain")
    w.eth.send("thief", "payee", 15 * ETHER, "0x" + w.memo_to("mule 5").encode().hex(),
               name="unheard")
    w.eth.mine()


def early(w):
    """Paid out in a block whose clock is behind that of the deposit."""
    w.at(4, 300)
    w.put_in("w1", 50 * ETHER, w.memo_to("mule 2"), "early")
    w.eth.mine()
    # A trifle under a true key.
    w.btc.tx["decoy"] = w.pay_out("eve", "mule", 1000, "deposit", true=False)
    w.btc.coin["decoy"] = w.btc.coin.pop("mule")
    w.btc.mine()
    w.pay_out("asgard", "mule 2", 3 * COIN, "early")
    w.btc.mine()


def payouts(w):
    w.pay_out("asgard", "mule", 6 * COIN, "deposit")
    w.pay_out("asgard 2", "mule 5", 90_000_000, "unheard")
    w.pay_out("eve", "dupe", 60_000_000, "forged", true=False)
    w.btc.mine()
    w.pay_out("asgard", "mule 4", 180_000_000, "plain")
    w.btc.coin["peel 0"] = w.btc.coin.pop("mule")
    # Once more, when all came out.
    w.btc.tx["again"] = w.pay_out("eve", "mule", 5 * COIN, "deposit", true=False)
    w.btc.coin["again"] = w.btc.coin.pop("mule")
    w.btc.mine()
    w.at(7, 60)
    w.eth.invoke("vault", "BridgeRouter", "transferOut", "w2", anvil.NOBODY, 0,
                 ("REFUND:" + w.eth.tx["too dear"][2:].upper()).encode(), to="bridgerouter",
                 value=199 * ETHER // 10, name="refund")
    w.eth.mine()
    w.refund = 199 * ETHER // 10


def peel(w):
    """A little goes off at each step, the rest to a fresh address: eight times."""
    for i in range(8):
        w.spend(["peel %d" % i], [("service" if i % 3 == 0 else "peeled %d" % i,
                                   30_000_000 + i * 77_777)],
                change="peel %d" % (i + 1), fee=500 + i)
        if i % 2:
            w.btc.mine()
    # The decoys, and a clean coin, go in with what the second mule got.
    w.spend(["mule 2", "decoy", "again", "eve"], [("merged", 2 * COIN), ("merged 2", 6 * COIN)],
            change="merged 3")
    w.btc.mine()


def back(w):
    """Bitcoin into ether again; somebody pays a trifle under its key first."""
    tx = w.spend(["peel 8"], [("asgard", 2 * COIN), (op_return(
        "=:ETH.ETH:%s:1000000000" % w.eth.at["w6"]), 0, None)], change="rest", name="back")
    w.btc.mine(2)
    memo = ("OUT:" + tx.txid.upper()).encode()
    w.at(w.btc.height - btcd.RIPE, 60)
    w.eth.invoke("eve", "BridgeRouter", "transferOut", "w6", anvil.NOBODY, 0, memo,
                 to="bridgerouter", value=TRIFLE, name="trifle")
    w.eth.mine()
    w.eth.invoke("vault", "BridgeRouter", "transferOut", "w6", anvil.NOBODY, 0, memo,
                 to="bridgerouter", value=33 * ETHER, name="ether again")
    w.eth.mine()


def cash_out(w):
    w.eth.send("w6", "service", 5 * ETHER, name="cash")
    w.eth.mine()
    w.spend(["mule 4"], [("service", 100_000_000)], change="mule 4 rest")
    w.btc.mine(2)


def setUpModule():
    global ETH, BTC, FOLDER, LEDGER, WORLD
    nodes.watch_for(btcd.Btcd.login.split(":")[1])
    ETH = Anvil().start()
    unittest.addModuleCleanup(ETH.stop)
    BTC = btcd.Btcd().start()
    unittest.addModuleCleanup(BTC.stop)
    WORLD = build(ETH, BTC)
    FOLDER = tempfile.mkdtemp(prefix="dyepack-two-chains-")
    unittest.addModuleCleanup(shutil.rmtree, FOLDER, ignore_errors=True)
    LEDGER = os.path.join(FOLDER, "ledger")
    for source in sources():
        chain, url = source.split("=")
        result = dye.run("import", url, "--chain", chain, "--ledger", LEDGER, "--quiet",
                         "--login", BTC.login)
        assert result.returncode == 0, result.stderr


def sources():
    return ["anvil=" + ETH.url, "regtest=" + BTC.url]


class TwoChains(dye.Case):
    """What the classes below share."""

    def theft(self, **more):
        w = WORLD
        return self.case("hop", "anvil", stolen=[
            {"address": w.eth.at["thief"], "tx": w.eth.tx["theft"]}], services=[
                {"address": w.eth.at["service"], "name": "A Service", "by": "the test"},
                {"chain": "regtest", "address": w.address("service"), "name": "A Service",
                 "by": "the test"}], **more)

    def both(self, *args, order=None, **more):
        return self.trace(self.theft(), *(order or sources()), "--login", BTC.login, *args, **more)

    @staticmethod
    def places(text):
        """What a result says of the money, without what it says of its sources."""
        told = json.loads(text)
        return {key: told[key] for key in PLACES}


class Links(TwoChains):
    """What the result says of the bridge."""

    def test_every_link_and_every_refusal_is_told(self):
        eth, btc = WORLD.eth.tx, WORLD.btc.tx
        paid = {wei: txid for txid, (_, wei) in WORLD.paid.items()}
        def out(name, to=None):
            return ("bridge-out", eth[name], to or paid.get(WORLD.deposit[name]),
                    WORLD.deposit[name], None)
        def arrived(name):
            return ("bridge-in", paid[WORLD.deposit[name]], eth[name], WORLD.deposit[name], None)
        returned = coins_by_hand("fifo")[3]
        again = "its key was used before: all of it came out already"
        trifle = "less came out than the memo accepts"
        expected = [out(n) for n in ("deposit", "waits", "plain", "unheard", "early")]
        expected += [arrived(n) for n in ("deposit", "early", "plain", "unheard")]
        expected += [
            out("too dear", eth["refund"]),
            ("bridge-in", eth["refund"], eth["too dear"], WORLD.deposit["too dear"], None),
            ("bridge-out", btc["back"], eth["ether again"], returned, None),
            ("bridge-in", eth["ether again"], btc["back"], returned, None),
            ("refused", eth["forged"], None, 0, "not a known router of THORChain or Maya"),
            ("refused", eth["trifle"], None, 0, trifle),
            ("refused", btc["decoy"], None, 0, trifle),
            ("refused", btc["again"], None, 0, again)]
        told = [(link["kind"], link["tx"], link["other_tx"],
                 sum(int(o["units"]) for o in link["origin"]), link["refused"])
                for link in json.loads(self.both())["links"]]
        self.assertEqual(sorted(told, key=str), sorted(expected, key=str))

    def test_what_waits_is_named_and_the_chains_add_up(self):
        result = json.loads(self.both())
        waiting, = result["in_transit"]
        self.assertEqual((waiting["tx"], int(waiting["units"]), waiting["to"]),
                         (WORLD.eth.tx["waits"], 5 * ETHER, WORLD.address("waiting")))
        chains = {c["chain"].split(":")[0]: sum(int(o["units"]) for o in c["origin"])
                  for c in result["by_chain"]}
        self.assertEqual(sorted(chains), ["bip122", "eip155"])
        self.assertEqual(sum(chains.values()), int(result["stolen"][0]["buckets"]["held"]))


def coins_by_hand(policy):
    """outpoint -> (satoshi, wei), arrivals {txid: wei}, fees in wei: the coins of the theft, by
    the model's rule for one transaction and nothing else. And what went back over the bridge."""
    w, coins, arrived, fees, returned = WORLD, {}, {}, 0, 0
    service, vault = w.btc.who("service").p2wpkh, w.btc.who("asgard").p2wpkh
    txs = [tx for block in w.btc.blocks for tx in block.txs]
    for tx in txs:
        inputs = [coins.pop(c.outpoint, model.clean(c.value)) for c in tx.coins]
        slots = model.spend(policy, inputs, [v for v, _ in tx.outputs], tx.fee)
        if tx.txid in w.paid:
            vout, wei = w.paid[tx.txid]
            slots[vout] = [(tx.outputs[vout][0], 1, wei)]
        fees += sum(o for _, _, o in slots.pop())
        for i, (content, (_, script)) in enumerate(zip(slots, tx.outputs)):
            wei = sum(o for _, _, o in content)
            if not wei:
                continue
            if script == service:
                arrived[tx.txid] = arrived.get(tx.txid, 0) + wei
            elif script == vault and tx.txid == w.btc.tx["back"]:
                returned += wei
            else:
                coins["%s:%d" % (tx.txid, i)] = content
    return coins, arrived, fees, returned


class Books(TwoChains):
    """Where it all is."""

    def fee(self, name_or_hash):
        receipt = ETH.call("eth_getTransactionReceipt", name_or_hash)
        block = ETH.block(int(receipt["blockNumber"], 16), False)
        used, base = int(receipt["gasUsed"], 16), int(block["baseFeePerGas"], 16)
        return [base * used, (int(receipt["effectiveGasPrice"], 16) - base) * used]

    def expected(self, policy):
        """{(chain, place): (units, wei)} of holders, and the buckets."""
        w = WORLD
        coins, arrived, fees, returned = coins_by_hand(policy)
        holders = {}
        for outpoint, content in coins.items():
            holders[outpoint] = (sum(u for u, c, _ in content if c),
                                 sum(o for _, _, o in content))
        service = sum(arrived.values())
        # The wallets hold nothing but stolen ether, wei for wei, up to what came over a bridge.
        tainted = ["thief", "w1", "w2", "w4", "w5"]
        has = {name: ETH.balance(w.eth.at[name]) for name in tainted}
        has["heir"] = w.deposit["forged"]  # kept by whom the forger named as vault
        has["w2"] -= w.refund
        spent = STOLEN - sum(has.values()) - sum(
            w.deposit[n] for n in w.deposit if n != "forged")
        fees += spent  # gas: what is nowhere else
        origin = dict(has)
        has["w2"] += w.refund
        origin["w2"] += w.deposit["too dear"]
        # Ether again, behind a clean trifle: first the service and then the gas takes of it.
        pools = model.AccountModel({"kind": "account", "policy": policy, "txs": []})
        key = ("w6", "eth")
        pools.pools[key] = pools.normal(model.clean(TRIFLE) + [(33 * ETHER, 1, returned)])
        parts = [5 * ETHER] + self.fee(w.eth.tx["cash"])
        moves = [{"from": "w6", "asset": "eth", "kind": kind, "amount": part}
                 for part, kind in zip(parts, ("native", "fee", "fee"))]
        out = [sum(o for _, _, o in pools.take(m, m["amount"], moves[i + 1:]))
               for i, m in enumerate(moves)]
        service, fees = service + out[0], fees + out[1] + out[2]
        has["w6"] = model.colour_units(pools.pools[key], 1)
        origin["w6"] = model.colour_origin(pools.pools[key], 1)
        for name, units in has.items():
            holders[w.eth.at[name]] = (units, origin[name])
        return holders, {"service": service, "fee": fees, "unresolved": w.deposit["waits"],
                         "held": sum(o for _, o in holders.values())}

    def test_every_wei_is_where_it_was_worked_out_to_be(self):
        for policy in dye.POLICIES:
            if policy == "poison":  # it divides nothing
                continue
            result = json.loads(self.both("--policy", policy))
            holders, buckets = self.expected(policy)
            ours = {h.get("outpoint") or h["address"].lower(): [0, 0] for h in result["holders"]}
            for h in result["holders"]:
                place = ours[h.get("outpoint") or h["address"].lower()]
                place[0] += int(h["amount"])
                place[1] += int(h["origin"])
            names = {a: n for n, a in WORLD.eth.at.items()}
            with self.subTest(policy=policy):
                self.assertEqual({names.get(k, k): tuple(v) for k, v in ours.items()},
                                 {names.get(k, k): v for k, v in holders.items()})
                stolen, = result["stolen"]
                self.assertEqual(int(stolen["units"]), STOLEN)
                told = {b: int(n) for b, n in stolen["buckets"].items() if int(n)}
                self.assertEqual(told, buckets)
                self.assertEqual(sum(told.values()), STOLEN)
                self.assertTrue(result["conserved"])

    def test_decoys_and_forgeries_lead_nowhere(self):
        result = json.loads(self.both())
        held = {h["address"] for h in result["holders"]} | \
            {h["address"].lower() for h in result["holders"]}
        for name in ("dupe", "waiting", "nobody"):
            self.assertNotIn(WORLD.address(name), held)
        self.assertNotIn(WORLD.eth.at["vault"], held)
        self.assertNotIn(WORLD.eth.at["payee"], held)
        self.assertNotIn(WORLD.address("asgard"), held)
        self.assertNotIn(WORLD.address("asgard 2"), held)

    def test_what_nobody_paid_out_waits(self):
        """Seen from one chain alone everything that went over waits."""
        told = json.loads(self.trace(self.theft(), "anvil=" + ETH.url))
        waits = sum(WORLD.deposit[n] for n in ("deposit", "early", "plain", "waits"))
        stolen, = told["stolen"]
        self.assertEqual(int(stolen["buckets"]["unresolved"]), waits)
        self.assertTrue(told["conserved"])


class OneAnswer(TwoChains):
    """However it is asked."""

    def test_the_order_of_the_sources_does_not_matter(self):
        self.assertEqual(self.both(order=sources()[::-1]), self.both())

    def test_a_ledger_says_the_same(self):
        once = self.places(self.both())
        for args in ((), ("--plan", "scan"), ("--plan", "seek")):
            with self.subTest(args=args):
                told = self.trace(self.theft(), "ledger:" + LEDGER, *args)
                self.assertEqual(self.places(told), once)
        mixed = self.both(order=["anvil=ledger:" + LEDGER, sources()[1]])
        self.assertEqual(self.places(mixed), once)

    def test_in_parts_with_a_casebook_it_is_one(self):
        once, book = self.both(), self.path("parts.casebook")
        for blocks in (2, 3, 4, 5, 6, 7, 9, 12):
            until = btcd.START_TIME + 600 * (btcd.RIPE + blocks) + 130
            result = dye.run("trace", self.theft(), *sources(), "--login", BTC.login, "--casebook",
                             book, "--until", moment(until), "--quiet", "--format", "json")
            if result.returncode == 0:
                self.assertTrue(json.loads(result.stdout)["conserved"], blocks)
        self.assertEqual(self.both("--casebook", book), once)
        self.assertEqual(self.both("--casebook", book), once)

    def test_one_chain_first_and_the_other_later(self):
        once, book = self.both(), self.path("later.casebook")
        self.trace(self.theft(), "anvil=" + ETH.url, "--casebook", book)
        self.assertEqual(nodes.story(self.both("--casebook", book)), nodes.story(once))

    def test_killed_at_any_moment_and_begun_again_it_is_one(self):
        once = self.both()
        gates = [nodes.Gate(ETH.port), nodes.Gate(BTC.port)]
        for gate in gates:
            self.addCleanup(gate.close)
        gated = ["anvil=" + gates[0].url, "regtest=" + gates[1].url]
        self.both("--in-flight", "1", order=gated)
        whole = [gate.requests for gate in gates]
        for which, part in ((0, 0.5), (0, 0.9), (1, 0.6), (1, 0.95)):
            number = int(whole[which] * part)
            book = self.path("killed-%d-%d.casebook" % (which, number))
            with self.subTest(chain=gated[which], request=number):
                self.kill_at(gated, gates, which, number, book)
                self.assertEqual(self.both("--casebook", book), once)

    def kill_at(self, gated, gates, which, number, book):
        """Runs the program until it asks so many times, and ends it as a power cut would."""
        run = []
        for gate in gates:
            gate.requests, gate.at = 0, {}
        gates[which].at = {number: lambda: run[0].send_signal(signal.SIGKILL)}
        args = ["trace", self.theft(), *gated, "--login", BTC.login, "--casebook", book,
                "--in-flight", "1", "--quiet", "--format", "json"]
        run.append(subprocess.Popen([dye.DYEPACK, *args], cwd=nodes.ROOT,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env=dict(os.environ, DYEPACK_COMMIT_ROWS="1")))
        try:
            self.assertEqual(run[0].wait(nodes.RUN_SECONDS_MAX), -signal.SIGKILL)
        finally:
            run[0].kill()


class Trouble(TwoChains):
    """Nodes of their own, one of which changes its mind."""

    def test_a_reorganised_chain_takes_its_links_back_on_the_other(self):
        eth, btc = Anvil().start(), btcd.Btcd().start()
        self.addCleanup(eth.stop)
        self.addCleanup(btc.stop)
        world = build(eth, btc)
        self.assertEqual(world.eth.tx, WORLD.eth.tx)
        order = ["anvil=" + eth.url, "regtest=" + btc.url]
        book = self.path("reorg.casebook")
        before = self.both("--casebook", book, order=order)
        self.assertEqual(self.places(before), self.places(self.both()))
        refund = int(eth.call("eth_getTransactionReceipt", world.eth.tx["refund"])["blockNumber"],
                     16)
        deposit = int(eth.call("eth_getTransactionReceipt", world.eth.tx["deposit"])[
            "blockNumber"], 16)
        # First what came back into ether is gone, then the deposits as well.
        for last in (refund, deposit - 1):
            eth.call("anvil_reorg", eth.height() - last, [])
            eth.call("evm_mine")
            after = self.both("--casebook", book, order=order)
            with self.subTest(last=last):
                self.assertNotEqual(after, before)
                self.assertEqual(nodes.story(after), nodes.story(self.both(order=order)))
                self.assertTrue(json.loads(after)["conserved"])
            before = after
        self.assertEqual({h["chain"] if "chain" in h else h["asset"].split("/")[0]
                          for h in json.loads(after)["holders"]}, {"eip155:31337"})


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    unittest.main()
